//! The tables, and how a change is taken back.

use std::collections::BTreeMap;
use std::mem;

use bytes::Bytes;
use hookmill_model::{
    ApprovalId, ConnectionId, ConnectorId, DeviceId, EventId, FlowId, Id as _, NotificationId, RunId, RunStatus,
    SessionId, SubscriptionId, Timestamp, TokenId, UserId,
};

use crate::{
    Approval, ApprovalPerson, Committed, Connection, Connector, ConnectorDocument, ConnectorVersion, Delivery, Device,
    Event, FailingFlow, Flow, FlowVersion, Icon, Notification, Purged, Retention, Run, Session, StoreError,
    Subscription, TimerKey, Token, Unit, User, Uses,
};

/// A dedupe key with the flow that it belongs to.
pub(super) type DedupeKey = (u128, Bytes);

type Undo = Box<dyn FnOnce(&mut State) + Send>;

/// All tables.
#[derive(Default)]
pub(super) struct State {
    pub(super) events: BTreeMap<EventId, Event>,
    pub(super) pending: BTreeMap<u64, EventId>,
    pub(super) pending_positions: BTreeMap<EventId, u64>,
    pub(super) dedupe: BTreeMap<(i64, DedupeKey), EventId>,
    pub(super) runs: BTreeMap<RunId, Run>,
    pub(super) facts: BTreeMap<(RunId, u64), Bytes>,
    pub(super) ended: BTreeMap<(FlowId, RunStatus), u64>,
    pub(super) failing: BTreeMap<FlowId, (UserId, FailingFlow)>,
    pub(super) timers: BTreeMap<TimerKey, Timestamp>,
    pub(super) flows: BTreeMap<FlowId, Flow>,
    pub(super) versions: BTreeMap<(FlowId, u32), FlowVersion>,
    pub(super) trigger_states: BTreeMap<FlowId, Bytes>,
    pub(super) subscriptions: BTreeMap<SubscriptionId, Subscription>,
    pub(super) connectors: BTreeMap<ConnectorId, Connector>,
    pub(super) documents: BTreeMap<ConnectorId, ConnectorDocument>,
    pub(super) connector_versions: BTreeMap<(ConnectorId, String), ConnectorVersion>,
    pub(super) icons: BTreeMap<ConnectorId, Icon>,
    pub(super) connections: BTreeMap<ConnectionId, Connection>,
    pub(super) notifications: BTreeMap<NotificationId, Notification>,
    pub(super) approvals: BTreeMap<ApprovalId, (Approval, Vec<ApprovalPerson>)>,
    pub(super) devices: BTreeMap<DeviceId, Device>,
    pub(super) deliveries: BTreeMap<(NotificationId, DeviceId), Delivery>,
    pub(super) users: BTreeMap<UserId, User>,
    pub(super) sessions: BTreeMap<SessionId, Session>,
    pub(super) tokens: BTreeMap<TokenId, Token>,
    pub(super) settings: BTreeMap<String, Bytes>,
    pub(super) position: u64,
    pub(super) units: u64,
    pub(super) attempts: u64,
    pub(super) closed: bool,
    undo: Vec<Undo>,
}

/// Chooses one table.
pub(super) type Table<K, V> = fn(&mut State) -> &mut BTreeMap<K, V>;

impl State {
    /// Writes a row and notes how to take it back.
    pub(super) fn put<K, V>(&mut self, table: Table<K, V>, key: K, value: V)
    where
        K: Ord + Clone + Send + 'static,
        V: Send + 'static,
    {
        let before = table(self).insert(key.clone(), value);
        self.undo.push(Box::new(move |state| restore(table(state), key, before)));
    }

    /// Removes a row and notes how to take it back. Says whether there was one.
    pub(super) fn remove<K, V>(&mut self, table: Table<K, V>, key: &K) -> bool
    where
        K: Ord + Clone + Send + 'static,
        V: Clone + Send + 'static,
    {
        let Some(before) = table(self).remove(key) else { return false };
        let key = key.clone();
        self.undo.push(Box::new(move |state| restore(table(state), key, Some(before))));
        true
    }

    /// Removes all rows for which `which` holds.
    pub(super) fn remove_where<K, V>(&mut self, table: Table<K, V>, which: impl Fn(&K, &V) -> bool) -> u64
    where
        K: Ord + Clone + Send + 'static,
        V: Clone + Send + 'static,
    {
        let keys: Vec<K> =
            table(self).iter().filter(|(key, value)| which(key, value)).map(|(key, _)| key.clone()).collect();
        keys.iter().map(|key| u64::from(self.remove(table, key))).sum()
    }

    /// Stores a unit or nothing.
    pub(super) fn commit(&mut self, unit: Unit) -> Result<Committed, StoreError> {
        self.undo.clear();
        let position = self.position;
        let done = self.apply(unit);
        let undo = mem::take(&mut self.undo);
        match done {
            Ok(()) => {
                self.units += 1;
                Ok(Committed { accepted: (self.position > position).then_some(self.position) })
            }
            Err(error) => {
                for step in undo.into_iter().rev() {
                    step(self);
                }
                self.position = position;
                Err(error)
            }
        }
    }

    fn apply(&mut self, unit: Unit) -> Result<(), StoreError> {
        for expect in &unit.expects {
            self.check(expect)?;
        }
        unit.changes.into_iter().try_for_each(|change| self.change(change))
    }

    /// What names a connector.
    pub(super) fn connector_uses(&self, id: ConnectorId) -> Uses {
        Uses {
            connections: self
                .connections
                .values()
                .filter(|one| one.connector == id)
                .map(|one| (one.id, one.name.clone()))
                .collect(),
            flows: self.flows_naming(|binding| binding.connector == Some(id)),
        }
    }

    /// What names a connection.
    pub(super) fn connection_uses(&self, id: ConnectionId) -> Uses {
        Uses { connections: Vec::new(), flows: self.flows_naming(|binding| binding.connection == Some(id)) }
    }

    fn flows_naming(&self, names: impl Fn(&crate::Binding) -> bool) -> Vec<(FlowId, String)> {
        self.flows
            .values()
            .filter(|flow| flow.deleted_at.is_none() && flow.bindings.iter().any(&names))
            .map(|flow| (flow.id, flow.name.clone()))
            .collect()
    }

    /// Forgets what is old.
    pub(super) fn purge(&mut self, retention: Retention) -> Purged {
        let Retention { now, before, rows_max } = retention;
        let mut purged = Purged::default();
        let floor = <RunId as hookmill_model::Id>::floor(before);
        let old: Vec<RunId> =
            self.runs.range(..floor).filter(|(_, run)| run.status.is_final()).map(|(id, _)| *id).collect();
        for id in old.iter().take(rows_max) {
            self.runs.remove(id);
            let mut later = self.facts.split_off(&(*id, 0));
            self.facts.append(&mut later.split_off(&(*id, u64::MAX)));
            self.timers.remove(&TimerKey::Run(*id));
            purged.runs += 1;
        }
        let is_needed =
            |run: &Run| !run.status.is_final() || run.event.is_some_and(|event| event.to_bits() == run.id.to_bits());
        let needed: Vec<EventId> =
            self.runs.values().filter(|run| is_needed(run)).filter_map(|run| run.event).collect();
        let old_events: Vec<EventId> = self
            .events
            .range(..<EventId as hookmill_model::Id>::floor(before))
            .map(|(id, _)| *id)
            .filter(|id| !needed.contains(id) && !self.pending_positions.contains_key(id))
            .collect();
        for id in old_events.iter().take(rows_max) {
            self.events.remove(id);
            purged.events += 1;
        }
        let oldest = crate::Dedupe::bucket(Timestamp::from_micros(
            now.as_micros() - i64::try_from(crate::Dedupe::WINDOW_MAX.as_micros()).unwrap_or(i64::MAX),
        ));
        purged.others += self.remove_where(|s| &mut s.dedupe, |(bucket, _), _| *bucket < oldest);
        purged.others += self.remove_where(|s| &mut s.notifications, |id, _| *id < hookmill_model::Id::floor(before));
        let runs: std::collections::BTreeSet<RunId> = self.runs.keys().copied().collect();
        purged.others += self.remove_where(
            |s| &mut s.approvals,
            |id, (one, _)| {
                *id < hookmill_model::Id::floor(before) && (one.ended_at.is_some() || !runs.contains(&one.run))
            },
        );
        let kept: Vec<NotificationId> = self.notifications.keys().copied().collect();
        self.remove_where(|s| &mut s.deliveries, |(id, _), _| kept.binary_search(id).is_err());
        purged.others += self.remove_where(|s| &mut s.sessions, |_, one| one.expires_at < now);
        let in_use: Vec<FlowId> = self
            .runs
            .values()
            .map(|run| run.flow)
            .chain(self.subscriptions.values().filter(|one| one.may_exist()).map(|one| one.flow))
            .chain(self.events.values().map(|event| event.flow))
            .collect();
        let gone: Vec<FlowId> = self
            .flows
            .values()
            .filter(|flow| flow.deleted_at.is_some_and(|at| at < before) && !in_use.contains(&flow.id))
            .map(|flow| flow.id)
            .collect();
        for id in gone {
            self.flows.remove(&id);
            self.versions.retain(|(flow, _), _| *flow != id);
            self.subscriptions.retain(|_, one| one.flow != id);
            purged.others += 1;
        }
        self.undo.clear();
        purged.more = old.len() > rows_max || old_events.len() > rows_max;
        purged
    }
}

fn restore<K: Ord, V>(table: &mut BTreeMap<K, V>, key: K, before: Option<V>) {
    match before {
        Some(value) => table.insert(key, value),
        None => table.remove(&key),
    };
}
