//! What nodes ask each other to do for flows, and what they answer, in the words in which it is sent.

use hookmill_model::{EventId, FlowId, Object, RunId, SubscriptionId, UserId, Value};
use serde::{Deserialize, Serialize};

use crate::Answer;

/// What the owner of a flow is asked to do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Tells a run that a service called it back, or that a person cancels it.
    Tell { run: RunId, told: Told },
    /// Brings a flow and its webhooks in line, now.
    Look { flow: FlowId },
    /// Gives the address of a flow up.
    GiveUpAddress { flow: FlowId },
    /// Begins a run for a person, under the name `begins`; servers of earlier releases give none.
    RunNow {
        owner: UserId,
        flow: FlowId,
        body: Value,
        headers: Object,
        #[serde(default)]
        begins: Option<RunId>,
    },
    /// Begins a run again, under the name `begins`.
    Resubmit {
        owner: UserId,
        run: RunId,
        #[serde(default)]
        begins: Option<RunId>,
    },
    /// Goes on where a run failed, under the name `begins`; `now` with the present version.
    Resume {
        owner: UserId,
        run: RunId,
        now: bool,
        #[serde(default)]
        begins: Option<RunId>,
    },
    /// Takes an event in, and gives the flow's answer where somebody waits.
    TakeIn(Box<TakenIn>),
    /// Begins the run of a child flow.
    BeginChild(Box<ChildOrder>),
    /// A child has answered.
    ChildAnswered { parent: RunId, child: RunId },
}

/// An input of a run that comes from outside.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Told {
    CalledBack { token: String, outputs: Value },
    Cancel,
}

/// An event on its way to the owner of its flow.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TakenIn {
    pub id: EventId,
    pub flow: FlowId,
    pub subscription: Option<SubscriptionId>,
    pub summary: String,
    /// Base64.
    pub head: String,
    /// Base64.
    pub body: String,
    pub is_secret: bool,
    /// The key in base64, and how many milliseconds it is remembered.
    pub dedupe: Option<(Vec<String>, u64)>,
    pub waits: bool,
}

/// A child flow that is to run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ChildOrder {
    pub flow: FlowId,
    /// The run that begins.
    pub run: RunId,
    pub parent: RunId,
    /// How many runs called each other before it.
    pub depth: u32,
    pub is_secret: bool,
    pub headers: Value,
    pub body: Value,
}

/// Whether a child flow runs.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ChildBegun {
    Yes,
    /// It will not run, with code and message.
    Refused(String, String),
    /// It may run later.
    Failed(String),
    /// Too many of its runs began lately; seconds until another try.
    Busy(u64),
}

/// What came of an event.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Taken {
    /// It is on disk; `None` for one that came before. With the flow's answer where somebody waits.
    Yes(Option<EventId>, Option<AnswerSent>),
    TooManyRuns(u64),
    Overloaded(u64),
    TimedOut,
}

/// [`Answer`], on its way to the node where the caller waits.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum AnswerSent {
    Response { status: u16, headers: Value, body: Option<Value> },
    NoResponse,
    NotBegun,
}

impl From<Answer> for AnswerSent {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Response(own) => Self::Response { status: own.status, headers: own.headers, body: own.body },
            Answer::NoResponse => Self::NoResponse,
            Answer::NotBegun => Self::NotBegun,
        }
    }
}

impl From<AnswerSent> for Answer {
    fn from(sent: AnswerSent) -> Self {
        match sent {
            AnswerSent::Response { status, headers, body } => {
                Self::Response(hookmill_engine::Response { status, headers, body })
            }
            AnswerSent::NoResponse => Self::NoResponse,
            AnswerSent::NotBegun => Self::NotBegun,
        }
    }
}
