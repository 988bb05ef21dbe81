//! A unit made ready for the writer: what is long is compressed, before the task that writes sees it.

use bytes::Bytes;
use hookmill_store::payload::{join, pack, pack_all};
use hookmill_store::{Change, Dedupe, Event, Expect, FlowVersion, Resealed, Run, Shard, TimerKey, Unit};

use crate::column::{Key, key};

/// A unit in the writer's form.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) expects: Vec<Expect>,
    pub(crate) steps: Vec<Step>,
    /// The shard as whose owner it is written, with the epoch of this node there.
    pub(crate) fence: Option<(Shard, u64)>,
    /// About how many bytes it brings to the database.
    pub(crate) bytes: usize,
}

/// A change in the writer's form.
#[derive(Debug)]
pub(crate) enum Step {
    AddEvent(Box<PackedEvent>),
    StartRun(Box<Run>, Facts),
    AppendFacts {
        run: hookmill_model::RunId,
        epoch: u64,
        from: u64,
        facts: Facts,
        update: hookmill_store::RunUpdate,
    },
    PutFlowVersion {
        version: Box<FlowVersion>,
        definition: Vec<u8>,
    },
    PutConnectorDocument {
        connector: Key,
        document: Vec<u8>,
        properties: Option<Vec<u8>>,
    },
    KeepConnectorVersion {
        connector: Key,
        version: String,
        settings: Bytes,
        document: Vec<u8>,
        properties: Option<Vec<u8>>,
    },
    Reseal(PackedSeal),
    Plain(Change),
}

/// The columns of something that is stored in another form.
#[derive(Debug)]
pub(crate) enum PackedSeal {
    FlowVersion { version: Box<FlowVersion>, definition: Vec<u8> },
    Facts(hookmill_model::RunId, Facts),
    Event(hookmill_model::EventId, Vec<u8>),
}

impl PackedSeal {
    fn new(resealed: Resealed) -> Self {
        match resealed {
            Resealed::FlowVersion(version) => {
                let definition = pack(&version.definition);
                Self::FlowVersion { version: Box::new(FlowVersion { definition: Bytes::new(), ..version }), definition }
            }
            Resealed::Facts(run, facts) => Self::Facts(run, Facts::new(&facts)),
            Resealed::Event(id, head, body) => Self::Event(id, pack(&join([&head[..], &body[..]]))),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::FlowVersion { definition, .. } => definition.len(),
            Self::Facts(_, facts) => facts.column.len(),
            Self::Event(_, payload) => payload.len(),
        }
    }
}

/// An event with its bytes in one column.
#[derive(Debug)]
pub(crate) struct PackedEvent {
    /// The event; head and body stand in `payload`.
    pub(crate) event: Event,
    pub(crate) payload: Vec<u8>,
    pub(crate) dedupe: Option<Dedupe>,
}

impl PackedEvent {
    /// Whose keys the event's dedupe keys are unique among.
    pub(crate) fn scope(&self) -> Key {
        key(self.event.flow)
    }
}

/// Facts of one commit.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) count: u64,
    pub(crate) column: Vec<u8>,
}

impl Facts {
    fn new(facts: &[Vec<u8>]) -> Self {
        if facts.is_empty() {
            return Self { count: 0, column: Vec::new() };
        }
        Self { count: facts.len() as u64, column: pack_all(facts) }
    }
}

impl Packed {
    /// A unit that changes nothing: committing it writes the mark of its batch and nothing else.
    pub(crate) const fn beat() -> Self {
        Self { expects: Vec::new(), steps: Vec::new(), fence: None, bytes: 0 }
    }

    /// A unit that is written under the epoch of its shard.
    pub(crate) fn new(unit: Unit, epoch: Option<u64>) -> Self {
        let steps: Vec<Step> = unit.changes.into_iter().map(Step::new).collect();
        let bytes = steps.iter().map(Step::bytes).sum();
        Self { expects: unit.expects, steps, fence: unit.shard.zip(epoch), bytes }
    }

    /// Whether all of it can be decided in memory and written together with others.
    pub(crate) fn is_set(&self) -> bool {
        self.expects.iter().all(is_set_expect) && self.steps.iter().all(Step::is_set)
    }
}

/// Whether a condition is about events, runs or timers, or is the one of the flow of an event.
pub(crate) const fn is_set_expect(expect: &Expect) -> bool {
    matches!(
        expect,
        Expect::RunEpoch(..)
            | Expect::RunActive(_)
            | Expect::EventPending(_)
            | Expect::TimerDue(_)
            | Expect::FlowEtag(..)
    )
}

impl Step {
    /// Whether the change is about events, runs or timers: there are many of these at any moment.
    pub(crate) const fn is_set(&self) -> bool {
        match self {
            Self::AddEvent(_) | Self::StartRun(..) | Self::AppendFacts { .. } => true,
            Self::Plain(change) => matches!(
                change,
                Change::ConsumeEvent(_)
                    | Change::UpdateRun { .. }
                    | Change::SetTimer(_)
                    | Change::ClearTimer(_)
                    | Change::PutTriggerState(..)
                    | Change::DeleteTriggerState(_)
            ),
            Self::PutFlowVersion { .. }
            | Self::PutConnectorDocument { .. }
            | Self::KeepConnectorVersion { .. }
            | Self::Reseal(_) => false,
        }
    }

    fn new(change: Change) -> Self {
        match change {
            Change::AddEvent(event, dedupe) => {
                // Both in one frame: the head alone would be too short to gain anything.
                let payload = pack(&join([&event.head[..], &event.body[..]]));
                let event = Event { head: Bytes::new(), body: Bytes::new(), ..event };
                Self::AddEvent(Box::new(PackedEvent { event, payload, dedupe }))
            }
            Change::StartRun(run, facts) => Self::StartRun(Box::new(run), Facts::new(&facts)),
            Change::AppendFacts { run, epoch, from, facts, update } => {
                Self::AppendFacts { run, epoch, from, facts: Facts::new(&facts), update }
            }
            Change::PutFlowVersion(version) => {
                let definition = pack(&version.definition);
                let version = Box::new(FlowVersion { definition: Bytes::new(), ..version });
                Self::PutFlowVersion { version, definition }
            }
            Change::PutConnectorDocument(connector, document) => Self::PutConnectorDocument {
                connector: key(connector),
                document: pack(&document.document),
                properties: document.properties.as_deref().map(pack),
            },
            Change::KeepConnectorVersion(connector, version, kept) => Self::KeepConnectorVersion {
                connector: key(connector),
                version,
                settings: kept.settings,
                document: pack(&kept.document.document),
                properties: kept.document.properties.as_deref().map(pack),
            },
            Change::Reseal(resealed) => Self::Reseal(PackedSeal::new(resealed)),
            other => Self::Plain(other),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::AddEvent(event) => event.payload.len() + 256,
            Self::StartRun(_, facts) | Self::AppendFacts { facts, .. } => facts.column.len() + 512,
            Self::PutFlowVersion { definition, .. } => definition.len() + 512,
            Self::PutConnectorDocument { document, .. } | Self::KeepConnectorVersion { document, .. } => {
                document.len() + 256
            }
            Self::Reseal(packed) => packed.bytes() + 512,
            Self::Plain(Change::PutIcon(_, Some(icon))) => icon.bytes.len() + 256,
            Self::Plain(_) => 512,
        }
    }
}

/// The number and identifier of what a timer wakes.
pub(crate) fn timer_key(timer: TimerKey) -> (i64, Key) {
    match timer {
        TimerKey::Run(id) => (0, key(id)),
        TimerKey::Flow(id) => (1, key(id)),
    }
}
