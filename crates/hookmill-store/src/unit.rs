//! What changes together: a unit is stored as a whole or not at all.

use bytes::Bytes;
use hookmill_model::{
    ApprovalId, ConnectionId, ConnectorId, DeviceId, EventId, FlowId, NotificationId, RunId, SessionId, SubscriptionId,
    Timestamp, TokenId, UserId,
};

use crate::{
    Approval, ApprovalPerson, Connection, Connector, ConnectorDocument, ConnectorVersion, Dedupe, Delivery, Device,
    Event, Flow, FlowVersion, Icon, Notification, Run, RunUpdate, Session, Shard, Subscription, Timer, TimerKey, Token,
    User,
};

/// Changes that are stored together, in order, if the store is as expected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// What must hold before the first change.
    pub expects: Vec<Expect>,
    /// What changes.
    pub changes: Vec<Change>,
    /// Whether what it brings is secret: facts and events are sealed before they get here. A store looks at it no more.
    pub is_secret: bool,
    /// The shard as whose owner it is written; see [`Unit::owned`].
    pub shard: Option<Shard>,
}

impl Unit {
    /// A unit without conditions and changes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a condition.
    #[must_use]
    pub fn expect(mut self, expect: Expect) -> Self {
        self.expects.push(expect);
        self
    }

    /// Adds a change.
    #[must_use]
    pub fn with(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }

    /// Adds a change in place.
    pub fn push(&mut self, change: Change) {
        self.changes.push(change);
    }

    /// Says whether what it brings is secret.
    #[must_use]
    pub fn secret(mut self, is_secret: bool) -> Self {
        self.is_secret = is_secret;
        self
    }

    /// Says that it is written as the owner of a flow. Where this node does not own it, or not any more, the unit is
    /// refused with [`crate::StoreError::NotOwner`].
    #[must_use]
    pub fn owned(mut self, flow: FlowId) -> Self {
        self.shard = Some(Shard::of(flow));
        self
    }

    /// Whether it changes nothing. Conditions are checked nevertheless.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// About how many bytes of payload it carries.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        self.changes.iter().map(Change::payload_bytes).sum()
    }
}

impl From<Change> for Unit {
    fn from(change: Change) -> Self {
        Self::new().with(change)
    }
}

/// Whether a unit may be refused when much is waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Work that goes on: the commit waits for its place and comes before new events.
    Work,
    /// New events from outside: refused with [`crate::StoreError::Overloaded`] when the queue is full.
    Intake,
}

/// Says that a unit is on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// The place of the unit's last event in the order of acceptance; `None` where it stored no event.
    pub accepted: Option<u64>,
}

/// A condition. When it does not hold the unit is refused with [`crate::StoreError::Conflict`], or
/// [`crate::StoreError::Missing`] where the thing does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The flow has this etag and is not deleted.
    FlowEtag(FlowId, u64),
    /// The connector has this etag.
    ConnectorEtag(ConnectorId, u64),
    /// The connection has this etag.
    ConnectionEtag(ConnectionId, u64),
    /// The generation has this etag.
    SubscriptionEtag(SubscriptionId, u64),
    /// The approval has this etag.
    ApprovalEtag(ApprovalId, u64),
    /// The run belongs to this epoch.
    RunEpoch(RunId, u64),
    /// The run has not ended.
    RunActive(RunId),
    /// No run has taken the event yet.
    EventPending(EventId),
    /// The timer is still set to this moment.
    TimerDue(Timer),
    /// No connection and no flow names the connector.
    ConnectorUnused(ConnectorId),
    /// No flow names the connection.
    ConnectionUnused(ConnectionId),
    /// There is no user at all.
    NoUser,
}

/// Something that was stored, in another form of the same content: sealed. Nothing else about it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resealed {
    /// The texts of a version of a flow's definition.
    FlowVersion(FlowVersion),
    /// A journal from its first fact on; facts that were appended since stay.
    Facts(RunId, Vec<Vec<u8>>),
    /// Head and body of an event.
    Event(EventId, Bytes, Bytes),
}

/// One change. `Put…` makes the thing or replaces it; deleting what is not there changes nothing, unless said otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Stores an event and puts it at the end of the queue of pending events.
    ///
    /// With a dedupe key that is remembered already the unit is refused with [`crate::StoreError::Duplicate`].
    AddEvent(Event, Option<Dedupe>),
    /// Takes the event from the queue. The event itself is kept until retention. A conflict when it is not pending.
    ConsumeEvent(EventId),
    /// Stores a run that does not exist yet, with the first facts of its journal. `run.facts` must be their number.
    StartRun(Run, Vec<Vec<u8>>),
    /// Appends to the journal of a run that has exactly `from` facts and belongs to `epoch`, and changes its summary.
    AppendFacts {
        /// The run whose record changes.
        run: RunId,
        /// The epoch of the writer; a run that belongs to another epoch is a conflict.
        epoch: u64,
        /// How many facts the journal has; anything else is a conflict.
        from: u64,
        /// The new facts, encoded, in order.
        facts: Vec<Vec<u8>>,
        /// What changes in the summary.
        update: RunUpdate,
    },
    /// Changes the summary of a run that belongs to `epoch`.
    UpdateRun {
        /// The run whose record changes.
        run: RunId,
        /// The epoch of the writer; a run that belongs to another epoch is a conflict.
        epoch: u64,
        /// What changes.
        update: RunUpdate,
    },
    /// Sets a timer, or moves it.
    SetTimer(Timer),
    /// Removes a timer.
    ClearTimer(TimerKey),
    /// Stores a flow.
    PutFlow(Flow),
    /// Stores a version of a flow's definition. Versions do not change: a conflict when it exists.
    PutFlowVersion(FlowVersion),
    /// Replaces what is stored by the same in another form, and leaves nothing of the form before in the file. Missing
    /// where it is not there.
    Reseal(Resealed),
    /// Marks a flow as deleted at a moment. It is kept, off and out of lists, for the history of its runs.
    DeleteFlow(FlowId, Timestamp),
    /// Stores what a flow's trigger remembers from one time to the next.
    PutTriggerState(FlowId, Bytes),
    /// Removes what a flow's trigger remembers.
    DeleteTriggerState(FlowId),
    /// Stores a generation of a webhook.
    PutSubscription(Subscription),
    /// Stores a connector.
    PutConnector(Connector),
    /// Stores what a connector was made from.
    PutConnectorDocument(ConnectorId, ConnectorDocument),
    /// Keeps what a connector was under the name of that version.
    KeepConnectorVersion(ConnectorId, String, ConnectorVersion),
    /// Removes the versions of a connector to which no flow refers.
    DropConnectorVersions(ConnectorId),
    /// Stores a connector's icon, or removes it. `Connector::icon_type` is not touched.
    PutIcon(ConnectorId, Option<Icon>),
    /// Removes a connector with document, versions and icon.
    DeleteConnector(ConnectorId),
    /// Stores a connection.
    PutConnection(Connection),
    /// Removes a connection.
    DeleteConnection(ConnectionId),
    /// Stores a notification.
    PutNotification(Notification),
    /// Marks a notification as read, unless it is.
    ReadNotification(NotificationId, Timestamp),
    /// Marks all notifications of a user as read.
    ReadAllNotifications(UserId, Timestamp),
    /// Removes a notification and its deliveries.
    DeleteNotification(NotificationId),
    /// Stores an approval, and whom it asks: these replace those it asked.
    PutApproval(Approval, Vec<ApprovalPerson>),
    /// Stores a device; another device with the same endpoint is removed.
    PutDevice(Device),
    /// Says when a push service took a message for a device; one that is gone stays gone.
    UseDevice(DeviceId, Timestamp),
    /// Removes a device and its deliveries.
    DeleteDevice(DeviceId),
    /// Stores a delivery that is to be tried.
    PutDelivery(Delivery),
    /// Removes a delivery: done, or given up.
    DeleteDelivery(NotificationId, DeviceId),
    /// Stores a user. A conflict when another user has the email.
    PutUser(User),
    /// Removes a user with sessions, tokens and devices.
    DeleteUser(UserId),
    /// Stores a session.
    PutSession(Session),
    /// Says when a session ends now; one that is gone stays gone.
    ExtendSession(SessionId, Timestamp),
    /// Removes a session.
    DeleteSession(SessionId),
    /// Removes all sessions of a user but one.
    DeleteOtherSessions(UserId, Option<SessionId>),
    /// Stores a token.
    PutToken(Token),
    /// Says when a token was used; one that is gone stays gone.
    UseToken(TokenId, Timestamp),
    /// Removes a token.
    DeleteToken(TokenId),
    /// Stores a value of the server's own under a name.
    PutSetting(String, Bytes),
    /// Removes the value of that name.
    DeleteSetting(String),
}

impl Change {
    fn payload_bytes(&self) -> usize {
        match self {
            Self::AddEvent(event, _) => event.head.len() + event.body.len(),
            Self::StartRun(_, facts) | Self::AppendFacts { facts, .. } => facts.iter().map(Vec::len).sum(),
            Self::PutFlowVersion(version) | Self::Reseal(Resealed::FlowVersion(version)) => {
                version.definition.len() + version.parameters.len()
            }
            Self::Reseal(Resealed::Facts(_, facts)) => facts.iter().map(Vec::len).sum(),
            Self::Reseal(Resealed::Event(_, head, body)) => head.len() + body.len(),
            Self::PutConnectorDocument(_, document) => {
                document.document.len() + document.properties.as_ref().map_or(0, Bytes::len)
            }
            Self::KeepConnectorVersion(.., version) => {
                let properties = version.document.properties.as_ref().map_or(0, Bytes::len);
                version.settings.len() + version.document.document.len() + properties
            }
            Self::PutIcon(_, Some(icon)) => icon.bytes.len(),
            Self::PutApproval(approval, _) => approval.record.len(),
            Self::PutConnector(connector) => connector.settings.len() + connector.summary.len(),
            _ => 256,
        }
    }
}

/// What may be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// The time of this step; what was kept until a moment before it is removed.
    pub now: Timestamp,
    /// Ended runs, events and notifications whose identifiers were made before are forgotten.
    pub before: Timestamp,
    /// At most about so many rows in this step, so that nobody waits for long.
    pub rows_max: usize,
}

/// What one step of forgetting removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// How many runs, with their journals.
    pub runs: u64,
    /// How many events.
    pub events: u64,
    /// How many notifications, sessions, dedupe keys and flows deleted long ago.
    pub others: u64,
    /// Whether another step would find more.
    pub more: bool,
}
