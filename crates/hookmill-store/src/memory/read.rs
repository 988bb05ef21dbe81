//! Reads of the tables.

use std::ops::Bound;

use async_trait::async_trait;
use bytes::Bytes;
use hookmill_model::{
    ApprovalId, ConnectionId, ConnectorId, DeviceId, EventId, FlowId, Id as _, NotificationId, RunId, RunKind,
    RunStatus, SubscriptionId, SubscriptionState, Timestamp, UserId,
};

use super::MemoryStore;
use super::state::State;
use crate::{
    Accounts, Approval, ApprovalFilter, ApprovalState, Approvals, Connection, ConnectionFilter, Connector,
    ConnectorDocument, ConnectorFilter, ConnectorVersion, Connectors, Delivery, Device, DueRun, Event, EventListed,
    Events, FailingFlow, Flow, FlowFilter, FlowStats, FlowVersion, Flows, Icon, Inbox, List, Needle, Notification,
    NotificationFilter, OpenRun, Page, PendingEvent, Run, RunBrief, RunFilter, RunListed, Runs, Session, StoreError,
    Subscription, Subscriptions, TimerKey, TimerKind, Token, UNREAD_MAX, User, Uses,
};

type Result<T> = std::result::Result<T, StoreError>;

/// One page of `rows`, which come newest first and begin behind the cursor already.
fn page<'a, T: Clone + 'a, I: Copy + 'a>(
    rows: impl Iterator<Item = (&'a I, &'a T)>,
    list: List<I>,
    shown: impl Fn(&T) -> bool,
) -> Page<T, I> {
    let limit = list.bounded();
    let (mut items, mut last, mut looked_at) = (Vec::new(), None, 0);
    for (id, row) in rows {
        looked_at += 1;
        if !shown(row) {
            continue;
        }
        if items.len() == limit {
            return Page { items, next: last, looked_at };
        }
        items.push(row.clone());
        last = Some(*id);
    }
    Page { items, next: None, looked_at }
}

fn below<I: Copy>(list: &List<I>) -> (Bound<I>, Bound<I>) {
    (Bound::Unbounded, list.after.map_or(Bound::Unbounded, Bound::Excluded))
}

impl State {
    fn listed(&self, run: &Run) -> RunListed {
        let flow_name = self.flows.get(&run.flow).map(|flow| flow.name.clone()).unwrap_or_default();
        RunListed { run: run.clone(), flow_name }
    }
}

#[async_trait]
impl Events for MemoryStore {
    async fn event(&self, id: EventId) -> Result<Option<Event>> {
        Ok(self.state().events.get(&id).cloned())
    }

    async fn events(&self, flow: FlowId, list: List<EventId>) -> Result<Page<EventListed, EventId>> {
        let state = self.state();
        let found = page(state.events.range(below(&list)).rev(), list, |event| event.flow == flow);
        Ok(found.map(|event| event.listed()))
    }

    async fn pending_events(&self, flow: FlowId, after: Option<u64>, limit: usize) -> Result<Vec<PendingEvent>> {
        let state = self.state();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        Ok(state
            .pending
            .range((from, Bound::Unbounded))
            .filter_map(|(position, id)| {
                let event = state.events.get(id).filter(|event| event.flow == flow)?.clone();
                Some(PendingEvent { position: *position, event })
            })
            .take(limit)
            .collect())
    }

    async fn pending_counts(&self) -> Result<Vec<(FlowId, u64)>> {
        let state = self.state();
        let mut counts = std::collections::BTreeMap::new();
        for event in state.pending.values().filter_map(|id| state.events.get(id)) {
            *counts.entry(event.flow).or_insert(0) += 1;
        }
        Ok(counts.into_iter().collect())
    }
}

#[async_trait]
impl Runs for MemoryStore {
    async fn run(&self, id: RunId) -> Result<Option<RunListed>> {
        let state = self.state();
        Ok(state.runs.get(&id).map(|run| state.listed(run)))
    }

    async fn runs(&self, filter: &RunFilter, list: List<RunId>) -> Result<Page<RunListed, RunId>> {
        let state = self.state();
        let needle = Needle::new(filter.q.as_deref());
        let found = page(state.runs.range(below(&list)).rev(), list, |run| {
            let event = || state.events.get(&run.event?).cloned();
            let given = || state.facts.get(&(run.id, 0)).is_some_and(|fact| filter.outputs_have(fact, event, &needle));
            filter.matches(run, &needle) || (filter.matches_all_but_text(run) && given())
        });
        Ok(found.map(|run| state.listed(&run)))
    }

    async fn active_runs(&self, after: Option<RunId>, limit: usize) -> Result<Vec<Run>> {
        let state = self.state();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rows = state.runs.range((from, Bound::Unbounded));
        Ok(rows.filter(|(_, run)| !run.status.is_final()).take(limit).map(|(_, run)| run.clone()).collect())
    }

    async fn open_runs(&self, after: Option<RunId>, limit: usize) -> Result<Vec<OpenRun>> {
        let runs = self.active_runs(after, limit).await?;
        let state = self.state();
        let open = runs.into_iter().map(|run| OpenRun {
            id: run.id,
            flow: run.flow,
            kind: run.kind,
            status: run.status,
            version: run.version,
            due_at: state.timers.get(&TimerKey::Run(run.id)).copied(),
        });
        Ok(open.collect())
    }

    async fn recent_runs(&self, from: Timestamp, limit: usize) -> Result<Vec<RunBrief>> {
        let state = self.state();
        let runs = state.runs.range(RunId::floor(from)..).rev().map(|(_, run)| run);
        let brief = |run: &Run| RunBrief {
            id: run.id,
            flow: run.flow,
            status: run.status,
            started_at: run.started_at,
            ended_at: run.ended_at,
        };
        Ok(runs.filter(|run| run.kind == RunKind::Flow).take(limit).map(brief).collect())
    }

    async fn run_facts(&self, run: RunId, from: u64) -> Result<Vec<Bytes>> {
        Ok(self.state().facts.range((run, from)..=(run, u64::MAX)).map(|(_, fact)| fact.clone()).collect())
    }

    async fn run_facts_page(&self, run: RunId, from: u64, bytes_max: usize) -> Result<Vec<Bytes>> {
        let (mut page, mut bytes) = (Vec::new(), 0);
        for fact in self.state().facts.range((run, from)..=(run, u64::MAX)).map(|(_, fact)| fact) {
            bytes += fact.len();
            page.push(fact.clone());
            if bytes >= bytes_max {
                break;
            }
        }
        Ok(page)
    }

    async fn runs_ended(&self) -> Result<u64> {
        Ok(self.state().ended.values().sum())
    }

    async fn due_runs(&self, now: Timestamp, after: Option<DueRun>, limit: usize) -> Result<Vec<DueRun>> {
        let state = self.state();
        let after = after.map(|after| (after.due_at, after.run));
        let mut due = Vec::new();
        for (key, due_at) in &state.timers {
            if let TimerKey::Run(run) = *key
                && *due_at <= now
                && after.is_none_or(|after| (*due_at, run) > after)
            {
                let flow = state.runs.get(&run).map(|run| run.flow);
                due.push(DueRun { due_at: *due_at, run, flow });
            }
        }
        due.sort_by_key(|timer| (timer.due_at, timer.run));
        due.truncate(limit);
        Ok(due)
    }

    async fn due_flows(&self, now: Timestamp, limit: usize) -> Result<Vec<FlowId>> {
        let state = self.state();
        let mut due: Vec<(Timestamp, FlowId)> = Vec::new();
        for (key, due_at) in &state.timers {
            if let TimerKey::Flow(flow) = *key
                && *due_at <= now
            {
                due.push((*due_at, flow));
            }
        }
        due.sort_unstable();
        Ok(due.into_iter().take(limit).map(|(_, flow)| flow).collect())
    }

    async fn next_timer(&self, kind: TimerKind) -> Result<Option<Timestamp>> {
        let state = self.state();
        let own = state.timers.iter().filter(|(key, _)| key.kind() == kind);
        Ok(own.map(|(_, due_at)| *due_at).min())
    }

    async fn timer(&self, key: TimerKey) -> Result<Option<Timestamp>> {
        Ok(self.state().timers.get(&key).copied())
    }
}

#[async_trait]
impl Flows for MemoryStore {
    async fn flow(&self, id: FlowId) -> Result<Option<Flow>> {
        Ok(self.state().flows.get(&id).cloned())
    }

    async fn flows(&self, filter: &FlowFilter, list: List<FlowId>) -> Result<Page<Flow, FlowId>> {
        let state = self.state();
        Ok(page(state.flows.range(below(&list)).rev(), list, |flow| filter.matches(flow)))
    }

    async fn flow_version(&self, flow: FlowId, version: u32) -> Result<Option<FlowVersion>> {
        Ok(self.state().versions.get(&(flow, version)).cloned())
    }

    async fn flow_versions_from(&self, after: Option<(FlowId, u32)>, limit: usize) -> Result<Vec<FlowVersion>> {
        let state = self.state();
        let all = state.versions.iter().filter(|(key, _)| after.is_none_or(|after| **key > after));
        Ok(all.take(limit).map(|(_, version)| version.clone()).collect())
    }

    async fn flow_versions(&self, flow: FlowId) -> Result<Vec<(u32, Timestamp)>> {
        let state = self.state();
        let rows = state.versions.range((flow, 0)..=(flow, u32::MAX)).rev();
        Ok(rows.map(|(_, one)| (one.version, one.created_at)).collect())
    }

    async fn flow_stats(&self, flows: &[FlowId]) -> Result<Vec<FlowStats>> {
        let state = self.state();
        let stats = |flow: FlowId| {
            let newest: Vec<&Run> = state.runs.values().rev().filter(|run| run.flow == flow).take(10).collect();
            FlowStats {
                flow,
                last_run: newest.first().map(|run| state.listed(run)),
                recent: newest.iter().map(|run| run.status).collect(),
                ended: state
                    .ended
                    .range((flow, RunStatus::Waiting)..=(flow, RunStatus::Faulted))
                    .map(|((_, status), count)| (*status, *count))
                    .collect(),
            }
        };
        Ok(flows.iter().map(|flow| stats(*flow)).collect())
    }

    async fn failing_flows(
        &self,
        owner: UserId,
        failures: u64,
        list: List<FlowId>,
    ) -> Result<Page<FailingFlow, FlowId>> {
        let state = self.state();
        let shown = |(of, one): &(UserId, FailingFlow)| *of == owner && one.failures >= failures;
        Ok(page(state.failing.range(below(&list)).rev(), list, shown).map(|(_, one)| one))
    }

    async fn trigger_state(&self, flow: FlowId) -> Result<Option<Bytes>> {
        Ok(self.state().trigger_states.get(&flow).cloned())
    }
}

#[async_trait]
impl Subscriptions for MemoryStore {
    async fn subscription(&self, id: SubscriptionId) -> Result<Option<Subscription>> {
        Ok(self.state().subscriptions.get(&id).cloned())
    }

    async fn subscription_by_capability(&self, capability: &[u8; 32]) -> Result<Option<Subscription>> {
        Ok(self.state().subscriptions.values().find(|one| one.capability == *capability).cloned())
    }

    async fn subscriptions_of(&self, flow: FlowId) -> Result<Vec<Subscription>> {
        let state = self.state();
        let mut found: Vec<_> = state.subscriptions.values().filter(|one| one.flow == flow).cloned().collect();
        found.sort_by_key(|one| std::cmp::Reverse((one.generation, one.id)));
        Ok(found)
    }

    async fn subscriptions_newest(&self, flows: &[FlowId]) -> Result<Vec<Subscription>> {
        let state = self.state();
        let newest = |flow: &FlowId| {
            let of = state.subscriptions.values().filter(|one| one.flow == *flow);
            of.max_by_key(|one| (one.generation, one.id)).cloned()
        };
        Ok(flows.iter().filter_map(newest).collect())
    }

    async fn subscriptions_stuck(
        &self,
        owner: UserId,
        wanted: SubscriptionState,
        list: List<SubscriptionId>,
    ) -> Result<Page<Subscription, SubscriptionId>> {
        let state = self.state();
        let is_settled = |one: &Subscription| {
            let newer = state.subscriptions.values().any(|o| o.flow == one.flow && o.generation > one.generation);
            newer || state.flows.get(&one.flow).is_none_or(|flow| flow.deleted_at.is_some())
        };
        Ok(page(state.subscriptions.range(below(&list)).rev(), list, |one| {
            one.owner == owner && one.state == wanted && !(wanted == SubscriptionState::Failed && is_settled(one))
        }))
    }

    async fn subscriptions_in(&self, owner: Option<UserId>, states: &[SubscriptionState]) -> Result<Vec<Subscription>> {
        let state = self.state();
        let rows = state.subscriptions.values();
        let rows = rows.filter(|one| owner.is_none_or(|owner| one.owner == owner) && states.contains(&one.state));
        Ok(rows.cloned().collect())
    }
}

#[async_trait]
impl Connectors for MemoryStore {
    async fn connector(&self, id: ConnectorId) -> Result<Option<Connector>> {
        Ok(self.state().connectors.get(&id).cloned())
    }

    async fn connectors(
        &self,
        filter: &ConnectorFilter,
        list: List<ConnectorId>,
    ) -> Result<Page<Connector, ConnectorId>> {
        let state = self.state();
        Ok(page(state.connectors.range(below(&list)).rev(), list, |one| filter.matches(one)))
    }

    async fn connector_document(&self, id: ConnectorId) -> Result<Option<ConnectorDocument>> {
        Ok(self.state().documents.get(&id).cloned())
    }

    async fn connector_version(&self, id: ConnectorId, version: &str) -> Result<Option<ConnectorVersion>> {
        Ok(self.state().connector_versions.get(&(id, version.to_owned())).cloned())
    }

    async fn icon(&self, id: ConnectorId) -> Result<Option<Icon>> {
        Ok(self.state().icons.get(&id).cloned())
    }

    async fn connector_uses(&self, id: ConnectorId) -> Result<Uses> {
        Ok(self.state().connector_uses(id))
    }

    async fn connection(&self, id: ConnectionId) -> Result<Option<Connection>> {
        Ok(self.state().connections.get(&id).cloned())
    }

    async fn connections(
        &self,
        filter: &ConnectionFilter,
        list: List<ConnectionId>,
    ) -> Result<Page<Connection, ConnectionId>> {
        let state = self.state();
        Ok(page(state.connections.range(below(&list)).rev(), list, |one| filter.matches(one)))
    }

    async fn connection_uses(&self, id: ConnectionId) -> Result<Uses> {
        Ok(self.state().connection_uses(id))
    }
}

#[async_trait]
impl Approvals for MemoryStore {
    async fn approval(&self, id: ApprovalId) -> Result<Option<Approval>> {
        Ok(self.state().approvals.get(&id).map(|(one, _)| one.clone()))
    }

    async fn approvals(&self, filter: ApprovalFilter, list: List<ApprovalId>) -> Result<Page<Approval, ApprovalId>> {
        let state = self.state();
        let listed = page(state.approvals.range(below(&list)).rev(), list, |(one, people)| match filter {
            ApprovalFilter::Received { user, is_awaited } => {
                people.iter().any(|person| person.user == user && (person.is_awaited || !is_awaited))
            }
            ApprovalFilter::Sent { owner, is_open } => {
                one.owner == owner && (!is_open || one.state == ApprovalState::Open)
            }
        });
        Ok(listed.map(|(one, _)| one))
    }

    async fn approvals_awaited(&self, user: UserId) -> Result<u64> {
        let state = self.state();
        let people = state.approvals.values().flat_map(|(_, people)| people);
        let awaited = people.filter(|person| person.user == user && person.is_awaited);
        Ok(awaited.map(|_| 1).sum::<u64>().min(UNREAD_MAX))
    }

    async fn approvals_decided(&self, limit: usize) -> Result<Vec<Approval>> {
        let state = self.state();
        let decided = state.approvals.values().filter(|(one, _)| one.state == ApprovalState::Decided);
        Ok(decided.take(limit).map(|(one, _)| one.clone()).collect())
    }
}

#[async_trait]
impl Inbox for MemoryStore {
    async fn notification(&self, id: NotificationId) -> Result<Option<Notification>> {
        Ok(self.state().notifications.get(&id).cloned())
    }

    async fn notifications(
        &self,
        filter: &NotificationFilter,
        list: List<NotificationId>,
    ) -> Result<Page<Notification, NotificationId>> {
        let state = self.state();
        let needle = Needle::new(filter.q.as_deref());
        Ok(page(state.notifications.range(below(&list)).rev(), list, |one| filter.matches(one, &needle)))
    }

    async fn unread_count(&self, owner: UserId) -> Result<u64> {
        let state = self.state();
        let unread = state.notifications.values().filter(|one| one.owner == owner && one.is_unread());
        Ok(unread.map(|_| 1).sum::<u64>().min(UNREAD_MAX))
    }

    async fn device(&self, id: DeviceId) -> Result<Option<Device>> {
        Ok(self.state().devices.get(&id).cloned())
    }

    async fn devices(&self, owner: UserId) -> Result<Vec<Device>> {
        Ok(self.state().devices.values().rev().filter(|one| one.owner == owner).cloned().collect())
    }

    async fn due_deliveries(&self, now: Timestamp, limit: usize) -> Result<Vec<Delivery>> {
        let state = self.state();
        let mut due: Vec<_> = state.deliveries.values().filter(|one| one.next_attempt_at <= now).cloned().collect();
        due.sort_by_key(|one| (one.next_attempt_at, one.notification, one.device));
        due.truncate(limit);
        Ok(due)
    }

    async fn next_delivery(&self) -> Result<Option<Timestamp>> {
        Ok(self.state().deliveries.values().map(|one| one.next_attempt_at).min())
    }
}

#[async_trait]
impl Accounts for MemoryStore {
    async fn user(&self, id: UserId) -> Result<Option<User>> {
        Ok(self.state().users.get(&id).cloned())
    }

    async fn user_by_email(&self, email: &str) -> Result<Option<User>> {
        let email = email.to_lowercase();
        Ok(self.state().users.values().find(|user| user.email.to_lowercase() == email).cloned())
    }

    async fn users(&self) -> Result<Vec<User>> {
        Ok(self.state().users.values().cloned().collect())
    }

    async fn session_by_hash(&self, secret_hash: &[u8; 32]) -> Result<Option<Session>> {
        Ok(self.state().sessions.values().find(|one| one.secret_hash == *secret_hash).cloned())
    }

    async fn sessions(&self, user: UserId) -> Result<Vec<Session>> {
        Ok(self.state().sessions.values().rev().filter(|one| one.user == user).cloned().collect())
    }

    async fn token_by_hash(&self, secret_hash: &[u8; 32]) -> Result<Option<Token>> {
        Ok(self.state().tokens.values().find(|one| one.secret_hash == *secret_hash).cloned())
    }

    async fn tokens(&self, user: UserId) -> Result<Vec<Token>> {
        Ok(self.state().tokens.values().rev().filter(|one| one.user == user).cloned().collect())
    }

    async fn setting(&self, name: &str) -> Result<Option<Bytes>> {
        Ok(self.state().settings.get(name).cloned())
    }

    async fn settings(&self, prefix: &str) -> Result<Vec<(String, Bytes)>> {
        let state = self.state();
        let rows = state.settings.range(prefix.to_owned()..).take_while(|(name, _)| name.starts_with(prefix));
        Ok(rows.map(|(name, value)| (name.clone(), value.clone())).collect())
    }
}
