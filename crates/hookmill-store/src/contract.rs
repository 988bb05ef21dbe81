//! The contract: one way to change, many ways to ask.
//!
//! Reads see every unit whose commit was answered before they began. A reader gets records of any owner by identifier:
//! whether somebody may see them is decided above.

use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;
use hookmill_model::{
    ApprovalId, ConnectionId, ConnectorId, DeviceId, EventId, FlowId, NotificationId, RunId, SubscriptionId,
    SubscriptionState, Timestamp, UserId,
};

use crate::{
    Approval, ApprovalFilter, Committed, Connection, ConnectionFilter, Connector, ConnectorDocument, ConnectorFilter,
    ConnectorVersion, Delivery, Device, DueRun, Event, EventListed, FailingFlow, Figures, Flow, FlowFilter, FlowStats,
    FlowVersion, Icon, Lane, List, Nodes, Notification, NotificationFilter, OpenRun, Page, PendingEvent, Purged,
    Retention, Run, RunBrief, RunFilter, RunListed, Session, StoreError, Subscription, TimerKey, TimerKind, Token,
    Unit, User, Uses,
};

type Result<T> = std::result::Result<T, StoreError>;

/// A durable store.
#[async_trait]
pub trait Store:
    Events + Runs + Flows + Subscriptions + Connectors + Inbox + Approvals + Accounts + Nodes + Send + Sync
{
    /// Stores a unit as a whole or not at all. When this answers `Ok` the unit is on disk and every read sees it.
    ///
    /// Units are committed one after the other; their order is that of [`Committed::accepted`] for events. Dropping the
    /// future does not take the unit back.
    ///
    /// # Errors
    /// [`StoreError::Conflict`], [`StoreError::Missing`] and [`StoreError::Duplicate`] for what was found;
    /// [`StoreError::NotOwner`] where another node owns the unit's shard; [`StoreError::Overloaded`] on the intake lane
    /// only; all others for the state of the disk.
    async fn commit(&self, unit: Unit, lane: Lane) -> Result<Committed>;

    /// Forgets a little of what is old. Never forgets runs that have not ended, their events, or pending events; nor the
    /// event of a run that has the same bits in its identifier and is kept: its journal may refer to the event's body.
    async fn purge(&self, retention: Retention) -> Result<Purged>;

    /// Commits something that says nothing, the same way as everything else: whether the store can be written.
    async fn ping(&self) -> Result<()>;

    /// Writes a copy of everything as it is at this moment into a new file, while everything else goes on.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the file exists already or cannot be written.
    async fn copy_to(&self, file: &Path) -> Result<()>;

    /// Until nothing can be written any more, whatever is tried: the process must end, and begin anew. Why is answered.
    async fn broken(&self) -> StoreError {
        std::future::pending().await
    }

    /// What it holds, in numbers.
    async fn figures(&self) -> Result<Figures>;

    /// Finishes what was taken on; later commits are refused with [`StoreError::Closed`].
    async fn close(&self);

    /// Where the data is, for people.
    fn location(&self) -> String;
}

/// Reads of stored notifications.
#[async_trait]
pub trait Events: Send + Sync {
    /// The event with its bytes.
    async fn event(&self, id: EventId) -> Result<Option<Event>>;
    /// Events of a flow, newest first.
    async fn events(&self, flow: FlowId, list: List<EventId>) -> Result<Page<EventListed, EventId>>;
    /// Pending events of a flow in the order of acceptance, from behind the position `after`: at most `limit`, fewer
    /// where they are large, none only where none is left.
    async fn pending_events(&self, flow: FlowId, after: Option<u64>, limit: usize) -> Result<Vec<PendingEvent>>;
    /// How many events of which flow are pending.
    async fn pending_counts(&self) -> Result<Vec<(FlowId, u64)>>;
}

/// Reads of runs.
#[async_trait]
pub trait Runs: Send + Sync {
    /// The run.
    async fn run(&self, id: RunId) -> Result<Option<RunListed>>;
    /// Runs, newest first.
    async fn runs(&self, filter: &RunFilter, list: List<RunId>) -> Result<Page<RunListed, RunId>>;
    /// Runs that have not ended, oldest first, from behind `after`.
    async fn active_runs(&self, after: Option<RunId>, limit: usize) -> Result<Vec<Run>>;
    /// What a start must know of the runs that have not ended, oldest first, from behind `after`.
    async fn open_runs(&self, after: Option<RunId>, limit: usize) -> Result<Vec<OpenRun>>;
    /// The newest runs of flows, of all users, newest first: those made at `from` or later, at most `limit`.
    async fn recent_runs(&self, from: Timestamp, limit: usize) -> Result<Vec<RunBrief>>;
    /// The journal of a run from the fact `from` on; empty for a run that is not kept.
    async fn run_facts(&self, run: RunId, from: u64) -> Result<Vec<Bytes>>;
    /// As [`Runs::run_facts`], but about `bytes_max` bytes at most: it ends behind the facts that reach so many. Empty where
    /// there is no fact `from`.
    async fn run_facts_page(&self, run: RunId, from: u64, bytes_max: usize) -> Result<Vec<Bytes>>;
    /// How many runs have ended since the store was made.
    async fn runs_ended(&self) -> Result<u64>;
    /// Timers of runs due at `now`, earliest first, equal ones by run, from behind `after`.
    async fn due_runs(&self, now: Timestamp, after: Option<DueRun>, limit: usize) -> Result<Vec<DueRun>>;
    /// Flows whose timers are due at `now`, earliest first.
    async fn due_flows(&self, now: Timestamp, limit: usize) -> Result<Vec<FlowId>>;
    /// When the earliest timer of this kind is due.
    async fn next_timer(&self, kind: TimerKind) -> Result<Option<Timestamp>>;
    /// The timer of one thing.
    async fn timer(&self, key: TimerKey) -> Result<Option<Timestamp>>;
}

/// Reads of flows.
#[async_trait]
pub trait Flows: Send + Sync {
    /// The flow, deleted ones too.
    async fn flow(&self, id: FlowId) -> Result<Option<Flow>>;
    /// Flows, newest first.
    async fn flows(&self, filter: &FlowFilter, list: List<FlowId>) -> Result<Page<Flow, FlowId>>;
    /// One version of a flow's definition.
    async fn flow_version(&self, flow: FlowId, version: u32) -> Result<Option<FlowVersion>>;
    /// The versions of a flow with the moment each was saved, newest first.
    async fn flow_versions(&self, flow: FlowId) -> Result<Vec<(u32, Timestamp)>>;
    /// Versions of all flows, deleted ones too, by flow and version from behind `after`: at most `limit`, fewer where they
    /// are large, none only where none is left.
    async fn flow_versions_from(&self, after: Option<(FlowId, u32)>, limit: usize) -> Result<Vec<FlowVersion>>;
    /// What lists show of the runs of some flows, in the order asked for.
    async fn flow_stats(&self, flows: &[FlowId]) -> Result<Vec<FlowStats>>;
    /// Flows of an owner of which at least `failures` runs failed since the last one that succeeded, newest flow first.
    async fn failing_flows(
        &self,
        owner: UserId,
        failures: u64,
        list: List<FlowId>,
    ) -> Result<Page<FailingFlow, FlowId>>;
    /// What a flow's trigger remembers.
    async fn trigger_state(&self, flow: FlowId) -> Result<Option<Bytes>>;
}

/// Reads of generations of webhooks.
#[async_trait]
pub trait Subscriptions: Send + Sync {
    /// One generation.
    async fn subscription(&self, id: SubscriptionId) -> Result<Option<Subscription>>;
    /// The generation of a callback URL.
    async fn subscription_by_capability(&self, capability: &[u8; 32]) -> Result<Option<Subscription>>;
    /// The generations of a flow, newest first.
    async fn subscriptions_of(&self, flow: FlowId) -> Result<Vec<Subscription>>;
    /// The newest generation of each of some flows; flows without are left out.
    async fn subscriptions_newest(&self, flows: &[FlowId]) -> Result<Vec<Subscription>>;
    /// The generations in one of the states, oldest first; of one owner, or of all.
    async fn subscriptions_in(&self, owner: Option<UserId>, states: &[SubscriptionState]) -> Result<Vec<Subscription>>;
    /// The generations of an owner in a state, newest first. Of those that failed only the newest of each flow that is
    /// not deleted: what came after has settled the others.
    async fn subscriptions_stuck(
        &self,
        owner: UserId,
        state: SubscriptionState,
        list: List<SubscriptionId>,
    ) -> Result<Page<Subscription, SubscriptionId>>;
    /// The generations for which something is still to be done at the service, oldest first.
    async fn subscriptions_unfinished(&self) -> Result<Vec<Subscription>> {
        use SubscriptionState as S;
        self.subscriptions_in(None, &[S::Absent, S::Creating, S::Deleting]).await
    }
}

/// Reads of connectors and connections.
#[async_trait]
pub trait Connectors: Send + Sync {
    /// The connector.
    async fn connector(&self, id: ConnectorId) -> Result<Option<Connector>>;
    /// Connectors, newest first.
    async fn connectors(
        &self,
        filter: &ConnectorFilter,
        list: List<ConnectorId>,
    ) -> Result<Page<Connector, ConnectorId>>;
    /// What it was made from.
    async fn connector_document(&self, id: ConnectorId) -> Result<Option<ConnectorDocument>>;
    /// What it was in an earlier version that flows refer to.
    async fn connector_version(&self, id: ConnectorId, version: &str) -> Result<Option<ConnectorVersion>>;
    /// Its icon.
    async fn icon(&self, id: ConnectorId) -> Result<Option<Icon>>;
    /// What names the connector.
    async fn connector_uses(&self, id: ConnectorId) -> Result<Uses>;
    /// The connection.
    async fn connection(&self, id: ConnectionId) -> Result<Option<Connection>>;
    /// Connections, newest first.
    async fn connections(
        &self,
        filter: &ConnectionFilter,
        list: List<ConnectionId>,
    ) -> Result<Page<Connection, ConnectionId>>;
    /// What names the connection.
    async fn connection_uses(&self, id: ConnectionId) -> Result<Uses>;
}

/// Reads of the inbox.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// The notification.
    async fn notification(&self, id: NotificationId) -> Result<Option<Notification>>;
    /// Notifications, newest first.
    async fn notifications(
        &self,
        filter: &NotificationFilter,
        list: List<NotificationId>,
    ) -> Result<Page<Notification, NotificationId>>;
    /// How many notifications of a user are not read; counting ends at [`crate::UNREAD_MAX`].
    async fn unread_count(&self, owner: UserId) -> Result<u64>;
    /// The device.
    async fn device(&self, id: DeviceId) -> Result<Option<Device>>;
    /// The devices of a user, newest first.
    async fn devices(&self, owner: UserId) -> Result<Vec<Device>>;
    /// Deliveries to be tried at `now`, earliest first.
    async fn due_deliveries(&self, now: Timestamp, limit: usize) -> Result<Vec<Delivery>>;
    /// When the earliest delivery is to be tried.
    async fn next_delivery(&self) -> Result<Option<Timestamp>>;
}

/// Reads of approvals.
#[async_trait]
pub trait Approvals: Send + Sync {
    /// The approval.
    async fn approval(&self, id: ApprovalId) -> Result<Option<Approval>>;
    /// Approvals, newest first.
    async fn approvals(&self, filter: ApprovalFilter, list: List<ApprovalId>) -> Result<Page<Approval, ApprovalId>>;
    /// How many approvals wait for an answer of a user; counting ends at [`crate::UNREAD_MAX`].
    async fn approvals_awaited(&self, user: UserId) -> Result<u64>;
    /// Approvals that are decided and of which their runs have not heard, oldest first: at most `limit`.
    async fn approvals_decided(&self, limit: usize) -> Result<Vec<Approval>>;
}

/// Reads of users, sessions, tokens and settings.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// The user.
    async fn user(&self, id: UserId) -> Result<Option<User>>;
    /// The user with this email, in any case.
    async fn user_by_email(&self, email: &str) -> Result<Option<User>>;
    /// All users, oldest first.
    async fn users(&self) -> Result<Vec<User>>;
    /// The session of a secret, ended ones too until they are forgotten.
    async fn session_by_hash(&self, secret_hash: &[u8; 32]) -> Result<Option<Session>>;
    /// The sessions of a user, newest first, ended ones too until they are forgotten.
    async fn sessions(&self, user: UserId) -> Result<Vec<Session>>;
    /// The token of a secret, ended ones too.
    async fn token_by_hash(&self, secret_hash: &[u8; 32]) -> Result<Option<Token>>;
    /// The tokens of a user, newest first.
    async fn tokens(&self, user: UserId) -> Result<Vec<Token>>;
    /// A value of the server's own.
    async fn setting(&self, name: &str) -> Result<Option<Bytes>>;
    /// All values whose name begins with `prefix`, by name.
    async fn settings(&self, prefix: &str) -> Result<Vec<(String, Bytes)>>;
}
