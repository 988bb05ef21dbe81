//! A unit made ready for the writer: what is long is compressed, before the writer's thread sees it.

use bytes::Bytes;
use hookmill_model::{EventId, FlowId, Id, RunId, SubscriptionId, Timestamp};
use hookmill_store::{Change, Dedupe, Event, Expect, FlowVersion, Resealed, Run, RunUpdate, Unit};

use crate::column::key;
use crate::payload::{join, pack, pack_all};

/// A unit in the writer's form.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) expects: Vec<Expect>,
    pub(crate) steps: Vec<Step>,
    /// About how many bytes it brings to the disk.
    pub(crate) bytes: usize,
}

/// A change in the writer's form.
#[derive(Debug)]
pub(crate) enum Step {
    AddEvent(Box<PackedEvent>),
    StartRun(Box<Run>, Facts),
    AppendFacts {
        run: RunId,
        epoch: u64,
        from: u64,
        facts: Facts,
        update: RunUpdate,
    },
    PutFlowVersion {
        version: Box<FlowVersion>,
        definition: Vec<u8>,
    },
    PutConnectorDocument {
        connector: [u8; 16],
        document: Vec<u8>,
        properties: Option<Vec<u8>>,
    },
    KeepConnectorVersion {
        connector: [u8; 16],
        version: String,
        settings: Bytes,
        document: Vec<u8>,
        properties: Option<Vec<u8>>,
    },
    Reseal(PackedSeal),
    Plain(Change),
    /// Writes a row that says nothing, to find out whether that works.
    Beat,
}

/// The columns of something that is stored in another form.
#[derive(Debug)]
pub(crate) enum PackedSeal {
    FlowVersion { version: Box<FlowVersion>, definition: Vec<u8> },
    Facts(RunId, Facts),
    Event(EventId, Vec<u8>),
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
    pub(crate) id: EventId,
    pub(crate) flow: FlowId,
    pub(crate) subscription: Option<SubscriptionId>,
    pub(crate) received_at: Timestamp,
    pub(crate) summary: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) dedupe: Option<Dedupe>,
    /// The same unit takes it from the queue again, so it never stands there.
    pub(crate) is_taken: bool,
}

impl PackedEvent {
    /// Whose keys the event's dedupe keys are unique among.
    pub(crate) fn scope(&self) -> [u8; 16] {
        key(self.flow)
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
    /// A unit that writes and says nothing.
    pub(crate) fn beat() -> Self {
        Self { expects: Vec::new(), steps: vec![Step::Beat], bytes: Step::Beat.bytes() }
    }

    pub(crate) fn new(unit: Unit) -> Self {
        let mut steps: Vec<Step> = unit.changes.into_iter().map(Step::new).collect();
        never_queued(&mut steps);
        let bytes = steps.iter().map(Step::bytes).sum();
        Self { expects: unit.expects, steps, bytes }
    }
}

impl Step {
    fn new(change: Change) -> Self {
        match change {
            Change::AddEvent(event, dedupe) => Self::AddEvent(Box::new(packed_event(event, dedupe))),
            Change::StartRun(run, facts) => Self::StartRun(Box::new(run), Facts::new(&facts)),
            Change::AppendFacts { run, epoch, from, facts, update } => {
                Self::AppendFacts { run, epoch, from, facts: Facts::new(&facts), update }
            }
            Change::PutFlowVersion(version) => {
                let definition = pack(&version.definition);
                Self::PutFlowVersion {
                    version: Box::new(FlowVersion { definition: Bytes::new(), ..version }),
                    definition,
                }
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
            Self::Plain(_) | Self::Beat => 512,
        }
    }
}

fn packed_event(event: Event, dedupe: Option<Dedupe>) -> PackedEvent {
    let Event { id, flow, subscription, received_at, summary, head, body } = event;
    // Both in one frame: the head alone would be too short to gain anything.
    let payload = pack(&join([&head[..], &body[..]]));
    PackedEvent { id, flow, subscription, received_at, summary, payload, dedupe, is_taken: false }
}

/// An event that a unit stores and takes from the queue at once is not put there.
fn never_queued(steps: &mut Vec<Step>) {
    let taken: Vec<EventId> = steps
        .iter()
        .filter_map(|step| if let Step::Plain(Change::ConsumeEvent(id)) = step { Some(*id) } else { None })
        .collect();
    for id in taken {
        // The event comes first: taking one that is not stored yet is refused.
        let added =
            steps.iter().position(|step| matches!(step, Step::AddEvent(event) if event.id == id && !event.is_taken));
        let consumed =
            steps.iter().position(|step| matches!(step, Step::Plain(Change::ConsumeEvent(own)) if *own == id));
        if let (Some(added), Some(consumed)) = (added, consumed)
            && added < consumed
            && let Some(Step::AddEvent(event)) = steps.get_mut(added)
        {
            event.is_taken = true;
            steps.remove(consumed);
        }
    }
}

/// The number and identifier of what a timer wakes.
pub(crate) fn timer_key(timer: hookmill_store::TimerKey) -> (i64, [u8; 16]) {
    use hookmill_store::TimerKey as T;
    match timer {
        T::Run(id) => (0, id.to_bits().to_be_bytes()),
        T::Flow(id) => (1, id.to_bits().to_be_bytes()),
    }
}
