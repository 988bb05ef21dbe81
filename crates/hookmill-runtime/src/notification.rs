//! A call of an address that a flow has: what came, what its caller gets, and why it is refused.

use bytes::Bytes;
use hookmill_definition::secret;
use hookmill_expression::content;
use hookmill_model::{EventId, Object, RunId, Value};
use hookmill_store::StoreError;

use crate::Error;

/// A call of a callback address.
#[derive(Clone, Debug, Default)]
pub struct Notification {
    /// In capitals.
    pub method: String,
    /// Names and texts.
    pub headers: Object,
    /// Names and texts.
    pub query: Object,
    /// Below the trigger's address, percent-encoded, without a slash at its beginning.
    pub path: String,
    /// The query as it came, without its question mark.
    pub raw_query: String,
    /// Header lines as they came; empty where only `headers` are known.
    pub lines: Vec<(String, Vec<u8>)>,
    /// Byte by byte.
    pub body: Bytes,
}

impl Notification {
    /// Header lines as they came.
    pub(crate) fn header_lines(&self) -> Vec<(String, Vec<u8>)> {
        if self.lines.is_empty() { header_lines(&self.headers) } else { self.lines.clone() }
    }

    /// An address with the query of this call.
    pub(crate) fn at(&self, address: String) -> String {
        if self.raw_query.is_empty() { address } else { format!("{address}?{}", self.raw_query) }
    }
}

/// Header lines of an object of names and texts.
pub(crate) fn header_lines(headers: &Object) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|(name, value)| (name.to_string(), content::to_text(value).as_bytes().to_vec())).collect()
}

/// Whether a header carries credentials.
pub(crate) fn has_credentials(headers: &Object) -> bool {
    headers.keys().any(|name| secret::is_secret_header(name))
}

/// What the caller gets.
#[derive(Clone, Debug)]
pub enum Accepted {
    /// 202: the notification is on disk, or needs no run.
    Stored {
        /// The event; `None` for what needs none, such as a ping.
        event: Option<EventId>,
    },
    /// As the webhook's declarations say; the event, if it is one, is on disk.
    Answered {
        /// The event; `None` for what is none, or came before.
        event: Option<EventId>,
        /// The answer in full.
        response: hookmill_webhook::Response,
    },
    /// 202: the call of a Request trigger is on disk.
    Began {
        /// The run, unless the flow keeps that to itself.
        run: Option<RunId>,
        /// What the caller calls the run; the run's identifier where it says nothing.
        tracking_id: String,
        /// Where the answer will be, if the flow gives one later.
        answer: Option<AnswerLater>,
    },
    /// The flow answered.
    Respond {
        /// The run, unless the flow keeps that to itself.
        run: Option<RunId>,
        /// The HTTP status.
        status: u16,
        /// Names and texts.
        headers: Object,
        /// `None` for none.
        body: Option<Value>,
    },
}

/// Where and when to ask for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerLater {
    /// Where.
    pub url: String,
    /// After so many seconds.
    pub retry_after_s: u64,
}

/// Why a call is refused.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// 404
    #[error("there is nothing at this address")]
    Unknown,
    /// 410
    #[error("this address is not used any more")]
    Gone,
    /// 405
    #[error("deliveries are sent with POST, PUT or PATCH")]
    MethodNotAllowed,
    /// 413
    #[error("the body is larger than {max} bytes")]
    TooLarge {
        /// The highest number of bytes.
        max: usize,
    },
    /// 401
    #[error("the signature of the address is missing or wrong")]
    Unsigned,
    /// 400: the body is not what the trigger asks for.
    #[error("{message}")]
    InputRefused {
        /// What does not fit.
        message: String,
    },
    /// 404, with a code of the definition language.
    #[error("{message}")]
    NotMatched {
        /// `TriggerRequestMethodNotValid`, `TriggerRelativePathNotValid`, `WorkflowTriggerIsNotEnabled`
        code: &'static str,
        /// For the caller.
        message: String,
    },
    /// 409: runs call each other in a row.
    #[error("{message}")]
    Loop {
        /// For the caller.
        message: String,
    },
    /// 429
    #[error("the flow has as many active and waiting runs as it may")]
    TooManyRuns {
        /// When to try again.
        retry_after_s: u64,
    },
    /// 429: too many calls of this address did not prove their sender.
    #[error("too many calls of this address proved nothing; few of them are looked at for a while")]
    Throttled {
        /// When to try again.
        retry_after_s: u64,
    },
    /// 503
    #[error("the server is busy")]
    Overloaded {
        /// When to try again.
        retry_after_s: u64,
    },
    /// 504
    #[error("the flow did not answer in time")]
    TimedOut,
    /// 502
    #[error("the flow ended without an answer")]
    NoResponse,
    /// 500 or 503
    #[error(transparent)]
    Failed(#[from] Error),
}

impl AcceptError {
    /// Whether the flow is not as it was read a moment before.
    pub(crate) fn is_about_flow(&self) -> bool {
        matches!(
            self,
            Self::Failed(Error::Store(
                StoreError::Conflict { what: "flow", .. } | StoreError::Missing { what: "flow", .. }
            ))
        )
    }
}

impl From<StoreError> for AcceptError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Overloaded { retry_after_s } => Self::Overloaded { retry_after_s: retry_after_s.into() },
            other if other.is_retryable() => Self::Overloaded { retry_after_s: 1 },
            other => Self::Failed(other.into()),
        }
    }
}
