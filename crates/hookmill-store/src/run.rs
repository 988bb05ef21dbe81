//! Runs, their timers, and the addresses at which an action waits to be called.

use hookmill_model::{EventId, FlowId, RunId, RunKind, RunStatus, SubscriptionId, Timestamp, UserId};

use crate::{Event, List, Needle, Page};

/// The summary of a run. What happened inside stands in its journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its identifier; its time of making is the run's place in lists.
    pub id: RunId,
    /// Whose it is.
    pub owner: UserId,
    /// The flow.
    pub flow: FlowId,
    /// The version of the definition that it runs; 0 where none takes part.
    pub version: u32,
    /// What it records.
    pub kind: RunKind,
    /// Where it stands.
    pub status: RunStatus,
    /// The fence of the process that works on it: a change that names another epoch is refused.
    pub epoch: u64,
    /// How many facts its journal has.
    pub facts: u64,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The name of the trigger in the definition.
    pub trigger: String,
    /// One line on what triggered it.
    pub summary: String,
    /// The event that triggered it.
    pub event: Option<EventId>,
    /// The generation of the webhook that it creates or deletes, or that its event came by.
    pub subscription: Option<SubscriptionId>,
    /// The run that it repeats.
    pub resubmitted_from: Option<RunId>,
    /// The run whose action started it.
    pub parent: Option<RunId>,
    /// Why it failed.
    pub error: Option<RunError>,
}

/// Why a run failed, for lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunError {
    /// The code.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What to try.
    pub hint: Option<String>,
}

/// What changes in the summary of a run; `None` leaves a member as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunUpdate {
    /// The new status.
    pub status: Option<RunStatus>,
    /// The run ended then.
    pub ended_at: Option<Timestamp>,
    /// It failed for this reason.
    pub error: Option<RunError>,
    /// Another process works on it: its fence.
    pub epoch: Option<u64>,
    /// It really began then, after it had waited.
    pub started_at: Option<Timestamp>,
}

impl RunUpdate {
    /// The run's new status.
    #[must_use]
    pub fn status(status: RunStatus) -> Self {
        Self { status: Some(status), ..Self::default() }
    }

    /// The run's end.
    #[must_use]
    pub fn ended(status: RunStatus, at: Timestamp, error: Option<RunError>) -> Self {
        Self { status: Some(status), ended_at: Some(at), error, ..Self::default() }
    }
}

/// What figures are made of: when a run began and how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunBrief {
    /// The run.
    pub id: RunId,
    /// Its flow.
    pub flow: FlowId,
    /// Where it stands.
    pub status: RunStatus,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// A run in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunListed {
    /// The run.
    pub run: Run,
    /// The name of its flow; empty where the flow is not kept any more.
    pub flow_name: String,
}

/// Whether what a trigger gave has a text, told from the first fact of a run's journal, whose form the store does not
/// know. The second parameter reads the event that began the run: a fact may refer to it.
pub type OutputsHave = fn(&[u8], &mut dyn FnMut() -> Option<Event>, &Needle) -> bool;

/// Which runs a list shows. All that is given must hold.
#[derive(Clone, Debug)]
pub struct RunFilter {
    /// Whose.
    pub owner: UserId,
    /// Of this flow.
    pub flow: Option<FlowId>,
    /// With one of these statuses; with any where there is none.
    pub statuses: Vec<RunStatus>,
    /// Of this kind.
    pub kind: Option<RunKind>,
    /// Made at this moment or later.
    pub from: Option<Timestamp>,
    /// Made before this moment.
    pub to: Option<Timestamp>,
    /// With these words, in any case and order, in identifier, trigger, summary and error, or where `outputs_have` finds them.
    pub q: Option<String>,
    /// Looks for the text in what the trigger gave, too.
    pub outputs_have: Option<OutputsHave>,
}

impl RunFilter {
    /// All runs of an owner.
    #[must_use]
    pub const fn of(owner: UserId) -> Self {
        Self { owner, flow: None, statuses: Vec::new(), kind: None, from: None, to: None, q: None, outputs_have: None }
    }

    /// Whether only runs that record a webhook are wanted.
    #[must_use]
    pub const fn is_of_webhook(&self) -> bool {
        matches!(self.kind, Some(RunKind::CreateWebhook | RunKind::DeleteWebhook))
    }

    /// The parts whose union has all wanted runs, for stores with indexes. The usual run, which succeeds, stands in none
    /// of its own.
    #[must_use]
    pub fn parts(&self) -> Vec<RunPart> {
        if self.is_of_webhook() || self.statuses.is_empty() || self.statuses.contains(&RunStatus::Succeeded) {
            return vec![RunPart::Whole];
        }
        let ended = RunStatus::ALL.iter().filter(|one| one.is_final() && self.statuses.contains(one));
        let mut parts: Vec<RunPart> = ended.map(|one| RunPart::Ended(*one)).collect();
        if self.statuses.iter().any(|status| !status.is_final()) {
            parts.push(RunPart::Active);
        }
        parts
    }
}

/// The part of a list of runs that one statement gives in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunPart {
    /// All runs there are, whatever their status.
    Whole,
    /// Those that have not ended.
    Active,
    /// Those that ended with one status, which is not that of the usual run.
    Ended(RunStatus),
}

/// One page out of a page of each part. It ends where the first of them ends: behind that the others may know what this one
/// does not.
#[must_use]
pub fn joined(parts: Vec<Page<Run, RunId>>, list: List<RunId>) -> Page<Run, RunId> {
    let is_one = parts.len() == 1;
    let (mut items, mut next, mut looked_at): (Vec<Run>, Option<RunId>, usize) = (Vec::new(), None, 0);
    for part in parts {
        looked_at += part.looked_at;
        next = next.max(part.next);
        items.extend(part.items);
    }
    if !is_one {
        items.sort_by_key(|run| std::cmp::Reverse(run.id));
        items.retain(|run| next.is_none_or(|next| run.id >= next));
        if items.len() > list.bounded() {
            items.truncate(list.bounded());
            next = items.last().map(|run| run.id);
        }
    }
    Page { items, next, looked_at }
}

/// What a timer wakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimerKey {
    /// A run: a delay, a timeout, a retry.
    Run(RunId),
    /// A flow: the next recurrence or poll of its trigger, the next try to delete its webhook.
    Flow(FlowId),
}

/// The two kinds of timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimerKind {
    /// Timers of runs.
    Run,
    /// Timers of flows.
    Flow,
}

/// A run whose timer is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueRun {
    /// The moment that its timer is set to.
    pub due_at: Timestamp,
    /// The run.
    pub run: RunId,
    /// Its flow; `None` for a run that is not kept any more.
    pub flow: Option<FlowId>,
}

/// What a start must know of a run that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenRun {
    /// The run.
    pub id: RunId,
    /// Its flow.
    pub flow: FlowId,
    /// What it is about.
    pub kind: RunKind,
    /// Where it stands.
    pub status: RunStatus,
    /// The version of the flow's definition that it runs.
    pub version: u32,
    /// When its timer is due, where it has one.
    pub due_at: Option<Timestamp>,
}

/// When something must be woken. Each has one timer at most; setting it again moves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer {
    /// What.
    pub key: TimerKey,
    /// When, or later.
    pub due_at: Timestamp,
}

impl Run {
    /// Changes the summary. A status that is not final (the run is resumed) takes end and error away.
    pub fn apply(&mut self, update: RunUpdate) {
        let RunUpdate { status, ended_at, error, epoch, started_at } = update;
        if let Some(status) = status {
            self.status = status;
            if !status.is_final() {
                self.ended_at = None;
                self.error = None;
            }
        }
        self.ended_at = ended_at.or(self.ended_at);
        self.error = error.or_else(|| self.error.take());
        self.epoch = epoch.unwrap_or(self.epoch);
        self.started_at = started_at.unwrap_or(self.started_at);
    }
}

impl TimerKey {
    /// Of which kind it is.
    #[must_use]
    pub const fn kind(&self) -> TimerKind {
        match self {
            Self::Run(_) => TimerKind::Run,
            Self::Flow(_) => TimerKind::Flow,
        }
    }
}

impl std::fmt::Display for TimerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Run(id) => id.fmt(f),
            Self::Flow(id) => id.fmt(f),
        }
    }
}

/// What the end of a run says about its flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It works.
    Works,
    /// It fails.
    Fails,
}

/// What the end of a run says about its flow; nothing where a person stopped it, where no run was wanted, or where it
/// was about the webhook.
#[must_use]
pub const fn verdict(kind: RunKind, status: RunStatus) -> Option<Verdict> {
    match (kind, status) {
        (RunKind::Flow, RunStatus::Succeeded) => Some(Verdict::Works),
        (RunKind::Flow, RunStatus::Failed | RunStatus::TimedOut | RunStatus::Faulted) => Some(Verdict::Fails),
        _ => None,
    }
}
