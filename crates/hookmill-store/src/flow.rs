//! Flows, the versions of their definitions, and what they use.

use bytes::Bytes;
use hookmill_model::{ConnectionId, ConnectorId, FlowId, FlowState, RunId, RunStatus, Timestamp, UserId};

use crate::RunListed;

/// A flow as lists show it. Its definition stands in its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Its identifier.
    pub id: FlowId,
    /// Whose it is.
    pub owner: UserId,
    /// Its title.
    pub name: String,
    /// What the maker says about it.
    pub description: Option<String>,
    /// Whether it reacts.
    pub state: FlowState,
    /// Counts every change of the flow; for `If-Match`.
    pub etag: u64,
    /// The version of the definition that new runs take.
    pub version: u32,
    /// What lists show of the trigger, in the runtime's own form.
    pub trigger: Bytes,
    /// What the current version uses.
    pub bindings: Vec<Binding>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was deleted. It is kept for the history of its runs.
    pub deleted_at: Option<Timestamp>,
}

/// One connection reference of a flow, bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Its key in the definition.
    pub key: String,
    /// The connector.
    pub connector: Option<ConnectorId>,
    /// The connection.
    pub connection: Option<ConnectionId>,
    /// The connector as the definition names it, where that is known.
    pub api: Option<String>,
    /// The version of the connector that the flow was saved with; `None` for the one that stands in its row.
    pub version: Option<String>,
}

/// One version of a flow's definition. Runs keep the version they began with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowVersion {
    /// The flow.
    pub flow: FlowId,
    /// Counts from 1.
    pub version: u32,
    /// The definition's JSON text.
    pub definition: Bytes,
    /// The values of the definition's parameters, JSON text.
    pub parameters: Bytes,
    /// Which product it was written for, as a word (`la`, `pa`): it chooses defaults.
    pub profile: String,
    /// What stood around the definition in its file, JSON text: it goes back out with an export.
    pub envelope: Bytes,
    /// When it was saved.
    pub created_at: Timestamp,
}

/// Which flows a list shows. Deleted flows are never shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowFilter {
    /// Whose; `None` for everybody's (the server's own work).
    pub owner: Option<UserId>,
    /// In this state.
    pub state: Option<FlowState>,
    /// With this text, in any case, in name or description.
    pub q: Option<String>,
}

impl FlowFilter {
    /// All flows of an owner.
    #[must_use]
    pub const fn of(owner: UserId) -> Self {
        Self { owner: Some(owner), state: None, q: None }
    }
}

/// What lists show of a flow's runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowStats {
    /// The flow.
    pub flow: FlowId,
    /// Its newest run.
    pub last_run: Option<RunListed>,
    /// The statuses of its ten newest runs, newest first.
    pub recent: Vec<RunStatus>,
    /// How many runs ended with which status, since the flow was made; statuses without runs are left out.
    pub ended: Vec<(RunStatus, u64)>,
}

/// A flow whose last runs failed, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailingFlow {
    /// The flow.
    pub flow: FlowId,
    /// How many runs failed since the last one that succeeded.
    pub failures: u64,
    /// The run that failed last.
    pub run: RunId,
}
