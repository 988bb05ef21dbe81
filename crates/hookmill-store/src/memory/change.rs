//! Conditions and changes on the tables.

use bytes::Bytes;
use hookmill_model::{FlowId, FlowState, Id, RunId, Timestamp};

use super::state::State;
use crate::{
    Change, Dedupe, Event, Expect, FailingFlow, FlowVersion, Resealed, Run, RunUpdate, StoreError, TimerKey, Verdict,
    verdict,
};

type Done = Result<(), StoreError>;

fn etag(what: &'static str, id: impl ToString, expected: u64, found: Option<u64>) -> Done {
    match found {
        None => Err(StoreError::missing(what, id)),
        Some(found) if found == expected => Ok(()),
        Some(found) => Err(StoreError::conflict(what, id, format!("it is at version {found}, not {expected}"))),
    }
}

impl State {
    pub(super) fn check(&self, expect: &Expect) -> Done {
        match expect {
            Expect::FlowEtag(id, expected) => {
                let live = self.flows.get(id).filter(|one| one.deleted_at.is_none());
                etag("flow", id, *expected, live.map(|one| one.etag))
            }
            Expect::ConnectorEtag(id, expected) => {
                etag("connector", id, *expected, self.connectors.get(id).map(|one| one.etag))
            }
            Expect::ConnectionEtag(id, expected) => {
                etag("connection", id, *expected, self.connections.get(id).map(|one| one.etag))
            }
            Expect::SubscriptionEtag(id, expected) => {
                etag("subscription", id, *expected, self.subscriptions.get(id).map(|one| one.etag))
            }
            Expect::ApprovalEtag(id, expected) => {
                etag("approval", id, *expected, self.approvals.get(id).map(|(one, _)| one.etag))
            }
            Expect::RunEpoch(id, epoch) => self.run_of(*id, *epoch).map(|_| ()),
            Expect::RunActive(id) => match self.runs.get(id) {
                None => Err(StoreError::missing("run", id)),
                Some(run) if run.status.is_final() => Err(StoreError::conflict("run", id, "it has ended")),
                Some(_) => Ok(()),
            },
            Expect::EventPending(id) if self.pending_positions.contains_key(id) => Ok(()),
            Expect::EventPending(id) => Err(StoreError::conflict("event", id, "it is not pending")),
            Expect::TimerDue(timer) if self.timers.get(&timer.key) == Some(&timer.due_at) => Ok(()),
            Expect::TimerDue(timer) => {
                Err(StoreError::conflict("timer", timer.key, "it is not set to the expected moment"))
            }
            Expect::ConnectorUnused(id) if self.connector_uses(*id).is_empty() => Ok(()),
            Expect::ConnectorUnused(id) => Err(StoreError::conflict("connector", id, "it is in use")),
            Expect::ConnectionUnused(id) if self.connection_uses(*id).is_empty() => Ok(()),
            Expect::ConnectionUnused(id) => Err(StoreError::conflict("connection", id, "it is in use")),
            Expect::NoUser if self.users.is_empty() => Ok(()),
            Expect::NoUser => Err(StoreError::conflict("server", "", "it has a user")),
        }
    }

    pub(super) fn change(&mut self, change: Change) -> Done {
        match change {
            Change::AddEvent(event, dedupe) => self.add_event(event, dedupe)?,
            Change::ConsumeEvent(id) => {
                let Some(position) = self.pending_positions.get(&id).copied() else {
                    return Err(StoreError::conflict("event", id, "it is not pending"));
                };
                self.remove(|s| &mut s.pending_positions, &id);
                self.remove(|s| &mut s.pending, &position);
            }
            Change::StartRun(run, facts) => self.start_run(run, facts)?,
            Change::AppendFacts { run, epoch, from, facts, update } => {
                let found = self.run_of(run, epoch)?.facts;
                if found != from {
                    let detail = format!("its journal has {found} facts, not {from}");
                    return Err(StoreError::conflict("run", run, detail));
                }
                self.append(run, from, facts);
                self.update_run(run, update)?;
            }
            Change::UpdateRun { run, epoch, update } => {
                self.run_of(run, epoch)?;
                self.update_run(run, update)?;
            }
            Change::SetTimer(timer) => self.put(|s| &mut s.timers, timer.key, timer.due_at),
            Change::ClearTimer(key) => drop(self.remove(|s| &mut s.timers, &key)),
            Change::PutFlow(flow) => self.put(|s| &mut s.flows, flow.id, flow),
            Change::PutFlowVersion(version) => {
                let key = (version.flow, version.version);
                if self.versions.contains_key(&key) {
                    let detail = format!("version {} exists already", version.version);
                    return Err(StoreError::conflict("flow", version.flow, detail));
                }
                self.put(|s| &mut s.versions, key, version);
            }
            Change::Reseal(resealed) => self.reseal(resealed)?,
            Change::DeleteFlow(id, at) => self.delete_flow(id, at)?,
            Change::PutTriggerState(flow, state) => self.put(|s| &mut s.trigger_states, flow, state),
            Change::DeleteTriggerState(flow) => drop(self.remove(|s| &mut s.trigger_states, &flow)),
            Change::PutSubscription(one) => {
                if self.subscriptions.values().any(|other| other.capability == one.capability && other.id != one.id) {
                    return Err(StoreError::conflict("subscription", one.id, "its capability is taken"));
                }
                self.put(|s| &mut s.subscriptions, one.id, one);
            }
            other => self.change_thing(other)?,
        }
        Ok(())
    }

    fn change_thing(&mut self, change: Change) -> Done {
        match change {
            Change::PutConnector(one) => self.put(|s| &mut s.connectors, one.id, one),
            Change::PutConnectorDocument(id, document) => {
                self.connector_exists(id)?;
                self.put(|s| &mut s.documents, id, document);
            }
            Change::PutIcon(id, icon) => {
                self.connector_exists(id)?;
                match icon {
                    Some(icon) => self.put(|s| &mut s.icons, id, icon),
                    None => drop(self.remove(|s| &mut s.icons, &id)),
                }
            }
            Change::KeepConnectorVersion(id, name, version) => {
                self.connector_exists(id)?;
                self.put(|s| &mut s.connector_versions, (id, name), version);
            }
            Change::DropConnectorVersions(id) => self.drop_versions(id, true),
            Change::DeleteConnector(id) => {
                self.drop_versions(id, false);
                self.remove(|s| &mut s.connectors, &id);
                self.remove(|s| &mut s.documents, &id);
                self.remove(|s| &mut s.icons, &id);
            }
            Change::PutConnection(one) => self.put(|s| &mut s.connections, one.id, one),
            Change::DeleteConnection(id) => drop(self.remove(|s| &mut s.connections, &id)),
            Change::PutApproval(one, people) => self.put(|s| &mut s.approvals, one.id, (one, people)),
            Change::PutNotification(one) => self.put(|s| &mut s.notifications, one.id, one),
            Change::ReadNotification(id, at) => {
                if let Some(mut one) = self.notifications.get(&id).filter(|one| one.is_unread()).cloned() {
                    one.read_at = Some(at);
                    self.put(|s| &mut s.notifications, id, one);
                }
            }
            Change::ReadAllNotifications(owner, at) => {
                let unread: Vec<_> =
                    self.notifications.values().filter(|one| one.owner == owner && one.is_unread()).cloned().collect();
                for mut one in unread {
                    one.read_at = Some(at);
                    self.put(|s| &mut s.notifications, one.id, one);
                }
            }
            Change::DeleteNotification(id) => {
                self.remove(|s| &mut s.notifications, &id);
                self.remove_where(|s| &mut s.deliveries, |(one, _), _| *one == id);
            }
            Change::PutDevice(one) => {
                let same: Vec<_> = self
                    .devices
                    .values()
                    .filter(|other| other.endpoint == one.endpoint && other.id != one.id)
                    .map(|other| other.id)
                    .collect();
                for id in same {
                    self.change(Change::DeleteDevice(id))?;
                }
                self.put(|s| &mut s.devices, one.id, one);
            }
            Change::UseDevice(id, at) => {
                if let Some(mut one) = self.devices.get(&id).cloned() {
                    one.delivered_at = Some(at);
                    self.put(|s| &mut s.devices, id, one);
                }
            }
            Change::DeleteDevice(id) => {
                self.remove(|s| &mut s.devices, &id);
                self.remove_where(|s| &mut s.deliveries, |(_, device), _| *device == id);
            }
            Change::PutDelivery(one) => {
                if !self.notifications.contains_key(&one.notification) {
                    return Err(StoreError::missing("notification", one.notification));
                }
                if !self.devices.contains_key(&one.device) {
                    return Err(StoreError::missing("device", one.device));
                }
                self.put(|s| &mut s.deliveries, (one.notification, one.device), one);
            }
            Change::DeleteDelivery(notification, device) => {
                self.remove(|s| &mut s.deliveries, &(notification, device));
            }
            other => self.change_account(other)?,
        }
        Ok(())
    }

    fn change_account(&mut self, change: Change) -> Done {
        match change {
            Change::PutUser(user) => {
                let email = user.email.to_lowercase();
                if self.users.values().any(|other| other.email.to_lowercase() == email && other.id != user.id) {
                    return Err(StoreError::conflict("user", user.id, "another user has this email"));
                }
                self.put(|s| &mut s.users, user.id, user);
            }
            Change::DeleteUser(id) => {
                self.remove(|s| &mut s.users, &id);
                self.remove_where(|s| &mut s.sessions, |_, one| one.user == id);
                self.remove_where(|s| &mut s.tokens, |_, one| one.user == id);
                let asked = self.approvals.iter().filter(|(_, (_, people))| people.iter().any(|one| one.user == id));
                for (approval, (one, mut people)) in asked.map(|(id, one)| (*id, one.clone())).collect::<Vec<_>>() {
                    people.retain(|one| one.user != id);
                    self.put(|s| &mut s.approvals, approval, (one, people));
                }
                let devices: Vec<_> = self.devices.values().filter(|one| one.owner == id).map(|one| one.id).collect();
                for device in devices {
                    self.change(Change::DeleteDevice(device))?;
                }
            }
            Change::PutSession(one) => {
                self.user_exists(one.user)?;
                self.put(|s| &mut s.sessions, one.id, one);
            }
            Change::ExtendSession(id, until) => {
                if let Some(mut one) = self.sessions.get(&id).cloned() {
                    one.expires_at = until;
                    self.put(|s| &mut s.sessions, id, one);
                }
            }
            Change::DeleteSession(id) => drop(self.remove(|s| &mut s.sessions, &id)),
            Change::DeleteOtherSessions(user, kept) => {
                self.remove_where(|s| &mut s.sessions, |id, one| one.user == user && Some(*id) != kept);
            }
            Change::PutToken(one) => {
                self.user_exists(one.user)?;
                self.put(|s| &mut s.tokens, one.id, one);
            }
            Change::UseToken(id, at) => {
                if let Some(mut one) = self.tokens.get(&id).cloned() {
                    one.used_at = Some(at);
                    self.put(|s| &mut s.tokens, id, one);
                }
            }
            Change::DeleteToken(id) => drop(self.remove(|s| &mut s.tokens, &id)),
            Change::PutSetting(name, value) => self.put(|s| &mut s.settings, name, value),
            Change::DeleteSetting(name) => drop(self.remove(|s| &mut s.settings, &name)),
            // Everything else was handled by the callers; a change that got here is none of an account.
            _ => {}
        }
        Ok(())
    }

    /// Removes versions of a connector: all, or those to which no flow refers.
    fn drop_versions(&mut self, id: hookmill_model::ConnectorId, only_unused: bool) {
        let is_used = |name: &str| {
            let refers = |one: &crate::Binding| one.connector == Some(id) && one.version.as_deref() == Some(name);
            self.flows.values().any(|flow| flow.bindings.iter().any(refers))
        };
        let of_it = self.connector_versions.keys().filter(|(own, _)| *own == id);
        let gone: Vec<_> = of_it.filter(|(_, name)| !only_unused || !is_used(name)).cloned().collect();
        for key in gone {
            self.remove(|s| &mut s.connector_versions, &key);
        }
    }

    fn connector_exists(&self, id: hookmill_model::ConnectorId) -> Done {
        if self.connectors.contains_key(&id) { Ok(()) } else { Err(StoreError::missing("connector", id)) }
    }

    fn user_exists(&self, id: hookmill_model::UserId) -> Done {
        if self.users.contains_key(&id) { Ok(()) } else { Err(StoreError::missing("user", id)) }
    }

    fn add_event(&mut self, event: Event, dedupe: Option<Dedupe>) -> Done {
        if self.events.contains_key(&event.id) {
            return Err(StoreError::conflict("event", event.id, "it exists already"));
        }
        if let Some(dedupe) = dedupe {
            let (mut of, mut fresh) = (None, Vec::new());
            for key in &dedupe.keys {
                let key = (event.flow.to_bits(), key.clone());
                let known =
                    dedupe.buckets(event.received_at).find_map(|bucket| self.dedupe.get(&(bucket, key.clone())));
                match known {
                    Some(known) => of = Some(*known),
                    None => fresh.push(key),
                }
            }
            if let (Some(of), true) = (of, fresh.is_empty()) {
                return Err(StoreError::Duplicate { of });
            }
            let bucket = Dedupe::bucket(event.received_at);
            fresh.into_iter().for_each(|key| self.put(|s| &mut s.dedupe, (bucket, key), event.id));
        }
        self.position += 1;
        let position = self.position;
        self.put(|s| &mut s.pending, position, event.id);
        self.put(|s| &mut s.pending_positions, event.id, position);
        self.put(|s| &mut s.events, event.id, event);
        Ok(())
    }

    fn run_of(&self, id: RunId, epoch: u64) -> Result<&Run, StoreError> {
        match self.runs.get(&id) {
            None => Err(StoreError::missing("run", id)),
            Some(run) if run.epoch == epoch => Ok(run),
            Some(run) => {
                Err(StoreError::conflict("run", id, format!("it belongs to epoch {}, not {epoch}", run.epoch)))
            }
        }
    }

    fn start_run(&mut self, run: Run, facts: Vec<Vec<u8>>) -> Done {
        if self.runs.contains_key(&run.id) {
            return Err(StoreError::conflict("run", run.id, "it exists already"));
        }
        let id = run.id;
        let mut run = run;
        run.facts = 0;
        self.put(|s| &mut s.runs, id, run.clone());
        self.append(id, 0, facts);
        self.count_end(&run);
        Ok(())
    }

    fn append(&mut self, id: RunId, from: u64, facts: Vec<Vec<u8>>) {
        let mut index = from;
        for fact in facts {
            self.put(|s| &mut s.facts, (id, index), Bytes::from(fact));
            index += 1;
        }
        if let Some(mut run) = self.runs.get(&id).cloned() {
            run.facts = index;
            self.put(|s| &mut s.runs, id, run);
        }
    }

    fn reseal(&mut self, resealed: Resealed) -> Done {
        match resealed {
            Resealed::FlowVersion(version) => {
                let key = (version.flow, version.version);
                let found = self.versions.get(&key).ok_or_else(|| StoreError::missing("flow", version.flow))?;
                let FlowVersion { definition, parameters, envelope, .. } = version;
                let version = FlowVersion { definition, parameters, envelope, ..found.clone() };
                self.put(|s| &mut s.versions, key, version);
            }
            Resealed::Facts(run, facts) => {
                let known = self.runs.get(&run).ok_or_else(|| StoreError::missing("run", run))?.facts;
                if known < facts.len() as u64 {
                    return Err(StoreError::conflict("run", run, format!("its journal has {known} facts")));
                }
                for (index, fact) in (0..).zip(facts) {
                    self.put(|s| &mut s.facts, (run, index), Bytes::from(fact));
                }
            }
            Resealed::Event(id, head, body) => {
                let found = self.events.get(&id).ok_or_else(|| StoreError::missing("event", id))?;
                let event = Event { head, body, ..found.clone() };
                self.put(|s| &mut s.events, id, event);
            }
        }
        Ok(())
    }

    fn update_run(&mut self, id: RunId, update: RunUpdate) -> Done {
        if update == RunUpdate::default() {
            return Ok(());
        }
        let mut run = self.runs.get(&id).cloned().ok_or_else(|| StoreError::missing("run", id))?;
        let before = run.status;
        run.apply(update);
        self.put(|s| &mut s.runs, id, run.clone());
        if !before.is_final() {
            self.count_end(&run);
        }
        Ok(())
    }

    fn count_end(&mut self, run: &Run) {
        let (flow, status) = (run.flow, run.status);
        if !status.is_final() {
            return;
        }
        let count = self.ended.get(&(flow, status)).copied().unwrap_or(0) + 1;
        self.put(|s| &mut s.ended, (flow, status), count);
        match verdict(run.kind, status) {
            Some(Verdict::Works) => drop(self.remove(|s| &mut s.failing, &flow)),
            Some(Verdict::Fails) => {
                let failures = self.failing.get(&flow).map_or(0, |(_, one)| one.failures) + 1;
                let failing = FailingFlow { flow, failures, run: run.id };
                self.put(|s| &mut s.failing, flow, (run.owner, failing));
            }
            None => {}
        }
    }

    fn delete_flow(&mut self, id: FlowId, at: Timestamp) -> Done {
        let mut flow = self.flows.get(&id).cloned().ok_or_else(|| StoreError::missing("flow", id))?;
        if flow.deleted_at.is_none() {
            flow.deleted_at = Some(at);
            flow.updated_at = at;
            flow.state = FlowState::Off;
            flow.etag += 1;
            flow.bindings = Vec::new();
            self.put(|s| &mut s.flows, id, flow);
        }
        self.remove(|s| &mut s.trigger_states, &id);
        self.remove(|s| &mut s.timers, &TimerKey::Flow(id));
        self.remove(|s| &mut s.failing, &id);
        Ok(())
    }
}
