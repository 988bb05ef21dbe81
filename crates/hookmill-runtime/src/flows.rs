//! Saving, switching and deleting flows.

mod trigger;
pub(crate) mod written;

use std::collections::{BTreeMap, BTreeSet};

use hookmill_definition::plan::{Plan, TriggerKind};
use hookmill_definition::{Compilation, Profile, compile_while, secret};
use hookmill_model::{ConnectorId, Diagnostic, FlowId, FlowState, Object, Pointer, Severity, Timestamp, UserId, Value};
use hookmill_store::{Binding, Change, Expect, Flow, FlowVersion, Lane, StoreError, Timer, TimerKey, Unit};

use crate::flow_view::{ConnectionBinding, FlowForm, FlowSaved, FlowView};
use crate::live::LiveKind;
use crate::order::Order;
use crate::record::Record;
use crate::sealed::lost_secrets;
use crate::stored::read_part;
use crate::wanted::wanted;
use crate::{Error, Runtime};

/// So often a flow is checked again whose connector was changed while it was saved.
const SAVES_MAX: usize = 4;

/// What a call by path is sent with where its method is not said.
pub(crate) const fn usual_method(subscribes: bool) -> &'static str {
    if subscribes { "post" } else { "get" }
}

/// What lists show of the trigger.
fn summarized(plan: Option<&Plan>, definition: &Value) -> Value {
    let first = definition.get("triggers").and_then(Value::as_object).and_then(|triggers| triggers.at(0));
    let name = first.map(|(name, _)| name.to_string()).unwrap_or_default();
    let kind = first.and_then(|(_, trigger)| trigger.get("type")).and_then(Value::as_str).unwrap_or_default();
    let mut members = Object::new();
    members.insert("name", name.clone());
    members.insert("type", kind);
    members.insert("summary", name.replace('_', " "));
    let trigger = plan.and_then(|plan| plan.triggers.first());
    let word = match trigger.map(|trigger| &trigger.kind) {
        Some(TriggerKind::Request { .. }) => "request",
        Some(TriggerKind::ConnectorWebhook(_) | TriggerKind::HttpWebhook { .. }) => "webhook",
        Some(TriggerKind::Recurrence | TriggerKind::SlidingWindow { .. }) => "schedule",
        Some(TriggerKind::HttpPolling(_) | TriggerKind::ConnectorPolling(_)) => "polling",
        Some(TriggerKind::Unsupported { .. }) | None => "unsupported",
    };
    members.insert("kind", word);
    members.into()
}

impl Runtime {
    pub(crate) async fn own_flow(&self, owner: UserId, id: FlowId) -> Result<Flow, Error> {
        let flow = self.0.store.flow(id).await?.filter(|flow| flow.owner == owner && flow.deleted_at.is_none());
        flow.ok_or_else(|| Error::not_found("flow", id))
    }

    /// What a flow is bound to, with the versions of its connectors, and that these are still the newest.
    async fn bindings(
        &self,
        owner: UserId,
        connections: &BTreeMap<String, ConnectionBinding>,
    ) -> Result<(Vec<Binding>, Vec<Expect>), Error> {
        let (mut bindings, mut expected) = (Vec::with_capacity(connections.len()), Vec::new());
        for (key, wanted) in connections {
            let mut binding = Binding {
                key: key.clone(),
                connector: None,
                connection: wanted.connection_id,
                api: wanted.api.clone(),
                version: None,
            };
            if let Some(id) = wanted.connection_id {
                let connection = self.0.store.connection(id).await?.filter(|connection| connection.owner == owner);
                let connector = connection.ok_or_else(|| Error::not_found("connection", id))?.connector;
                binding.connector = Some(connector);
                match self.newest_connector(connector).await {
                    Ok(newest) => {
                        expected.push(Expect::ConnectorEtag(connector, newest.etag));
                        binding.version = Some(newest.version);
                    }
                    Err(Error::Store(error)) => return Err(error.into()),
                    // The findings say what is wrong with it.
                    Err(_) => {}
                }
            }
            bindings.push(binding);
        }
        Ok((bindings, expected))
    }

    /// Compiles for as long as somebody waits for it.
    fn compiled(&self, definition: &Value, parameters: &Value, profile: Profile) -> Compilation {
        compile_while(definition, parameters, profile, &self.0.config.limits, &*wanted())
    }

    /// Everything that is wrong with a definition, the connections included.
    pub async fn check_flow(
        &self,
        owner: UserId,
        definition: &Value,
        parameters: &Value,
        profile: Profile,
        connections: &BTreeMap<String, ConnectionBinding>,
    ) -> Vec<Diagnostic> {
        self.check_own_flow(owner, None, definition, parameters, profile, connections).await
    }

    /// As [`Self::check_flow`], for a flow that exists: whether it calls itself can be seen then.
    async fn check_own_flow(
        &self,
        owner: UserId,
        own: Option<(FlowId, &str)>,
        definition: &Value,
        parameters: &Value,
        profile: Profile,
        connections: &BTreeMap<String, ConnectionBinding>,
    ) -> Vec<Diagnostic> {
        let compiled = self.compiled(definition, parameters, profile);
        let mut findings = compiled.diagnostics;
        findings.extend(secret::missing(definition, parameters).into_iter().map(|at| {
            Diagnostic::error("secret_missing", at, "The secret was left out here, as exports do.")
                .with_hint("Enter it again.")
        }));
        if let (Some(plan), Some((id, name))) = (&compiled.plan, own) {
            findings.extend(crate::loops::direct(plan, id, name));
        }
        if let Some(plan) = &compiled.plan {
            findings.extend(self.check_trigger_inputs(plan, parameters));
            findings.extend(plan.triggers.first().map(crate::door::check_trigger).unwrap_or_default());
            findings.extend(plan.triggers.first().and_then(crate::creation::check_trigger));
            findings.extend(self.check_connections(owner, plan, connections).await);
        }
        findings
    }

    /// Operations must exist at the bound connectors.
    async fn check_connections(
        &self,
        owner: UserId,
        plan: &Plan,
        connections: &BTreeMap<String, ConnectionBinding>,
    ) -> Vec<Diagnostic> {
        use hookmill_definition::plan::{ActionKind, OperationInputs};
        let mut calls: Vec<(Pointer, &hookmill_definition::plan::ConnectorInputs, bool)> = Vec::new();
        for trigger in &plan.triggers {
            if let TriggerKind::ConnectorWebhook(call) | TriggerKind::ConnectorPolling(call) = &trigger.kind {
                let subscribes = matches!(trigger.kind, TriggerKind::ConnectorWebhook(_));
                calls.push((Pointer::root().child("triggers").child(&trigger.name), call, subscribes));
            }
        }
        for action in &plan.actions {
            if let ActionKind::Connector(call) | ActionKind::ConnectorWebhook(call) = &action.kind {
                let subscribes = matches!(action.kind, ActionKind::ConnectorWebhook(_));
                calls.push((action.pointer.clone(), call, subscribes));
            }
        }
        let mut findings = Vec::new();
        for (at, call, subscribes) in calls {
            if let Some(api) = call.api.as_deref().filter(|api| hookmill_executor::is_own_api(api)) {
                if let OperationInputs::ById { operation_id, .. } = &call.operation {
                    let fault = hookmill_executor::own_operation_fault(api, operation_id, subscribes);
                    findings.extend(fault.map(|message| Diagnostic::error("operation_unknown", at, message)));
                }
                continue;
            }
            let bound = connections.iter().find(|(key, _)| key.eq_ignore_ascii_case(&call.connection));
            let Some(connection) = bound.and_then(|(_, binding)| binding.connection_id) else {
                let message = format!("No connection is chosen for '{}'.", call.connection);
                findings.push(
                    Diagnostic::error("connection_missing", at, message).with_hint("Choose a connection, or make one."),
                );
                continue;
            };
            let connector = match self.connector_of(owner, connection).await {
                Ok(connector) => connector,
                Err(error) => {
                    findings.push(Diagnostic::error("connection_unusable", at, error.to_string()));
                    continue;
                }
            };
            let (operation_id, parameters) = match &call.operation {
                OperationInputs::ById { operation_id, parameters } => (operation_id, parameters),
                OperationInputs::ByPath(request) => {
                    findings.extend(written::check(&connector, request.source(), usual_method(subscribes), &at));
                    continue;
                }
            };
            let Some(operation) = connector.operation(operation_id) else {
                let message = format!("The connector '{}' has no operation '{operation_id}'.", connector.name);
                let known = connector.operations.iter().map(|operation| &*operation.operation_id);
                let hint =
                    hookmill_expression::closest(operation_id, known).map(|known| format!("Did you mean '{known}'?"));
                let finding = Diagnostic::error("operation_unknown", at, message);
                findings.push(match hint {
                    Some(hint) => finding.with_hint(hint),
                    None => finding,
                });
                continue;
            };
            // Values are not known yet, only which there are; parameters that one expression makes are not looked into.
            let given = parameters.source();
            if !given.is_null() && given.as_object().is_none() {
                continue;
            }
            let place = operation.callback.is_some().then_some("https://callback.invalid");
            let inputs = hookmill_connector::Call {
                parameters: Some(given),
                callback_url: place,
                is_unevaluated: true,
                ..hookmill_connector::Call::default()
            };
            let parameters = at.child("inputs").child("parameters");
            match connector.plan_request(operation, &inputs) {
                Err(hookmill_connector::PlanError::Missing { name, .. }) => {
                    let message = format!("The operation '{operation_id}' needs the parameter '{name}'.");
                    findings.push(
                        Diagnostic::error("parameter_missing", parameters, message)
                            .with_hint("Give it a value, or a default in the connector's definition."),
                    );
                }
                Err(
                    error @ (hookmill_connector::PlanError::Unsupported { .. }
                    | hookmill_connector::PlanError::Style { .. }),
                ) => {
                    findings.push(Diagnostic::error("operation_unsupported", at.clone(), error.to_string()).with_hint(
                        "Use another operation, mend the connector's policies, or call the service with an HTTP action.",
                    ));
                }
                Err(error @ hookmill_connector::PlanError::Climbs { .. }) => {
                    findings.push(Diagnostic::error("path_climbs", parameters, error.to_string()));
                }
                _ if operation.is_webhook() && operation.callback.is_none() && !operation.is_by_hand => {
                    let message = format!(
                        "The trigger '{operation_id}' has no place for the address that the service shall call."
                    );
                    findings.push(Diagnostic::error("callback_place_missing", at.clone(), message).with_hint(
                        "Mark a parameter or a property with \"x-ms-notification-url\" in the connector's definition.",
                    ));
                }
                _ => {}
            }
        }
        findings
    }

    /// Saves a new flow; where it is on, its webhook is created before this answers.
    ///
    /// # Errors
    /// The definition has faults and the flow is no draft; a connection is not there.
    pub async fn create_flow(&self, owner: UserId, form: FlowForm) -> Result<FlowSaved, Error> {
        let now = self.now();
        let flow = Flow {
            id: self.new_id(),
            owner,
            name: String::new(),
            description: None,
            state: FlowState::Off,
            etag: 0,
            version: 0,
            trigger: Vec::new().into(),
            bindings: Vec::new(),
            created_at: now,
            updated_at: now,
            deleted_at: None,
        };
        self.save(flow, form, None).await
    }

    /// Saves a changed flow. A changed trigger renews the webhook; changed actions keep it.
    ///
    /// # Errors
    /// As for a new one; somebody else saved in between.
    pub async fn update_flow(
        &self,
        owner: UserId,
        id: FlowId,
        if_match: Option<u64>,
        form: FlowForm,
    ) -> Result<FlowSaved, Error> {
        let flow = self.own_flow(owner, id).await?;
        if let Some(wanted) = if_match.filter(|wanted| *wanted != flow.etag) {
            tracing::debug!(flow = %id, wanted, "an older copy of the flow was to be saved");
            return Err(Error::VersionConflict { current: flow.etag });
        }
        let expected = Expect::FlowEtag(id, flow.etag);
        self.save(flow, form, Some(expected)).await
    }

    async fn save(&self, flow: Flow, form: FlowForm, expected: Option<Expect>) -> Result<FlowSaved, Error> {
        for _ in 0..SAVES_MAX {
            if let Some(saved) = self.save_once(flow.clone(), form.clone(), expected.clone()).await? {
                return Ok(saved);
            }
        }
        Err(Error::NotPossible(
            "A connector of the flow was changed while the flow was saved. Save it again.".to_owned(),
        ))
    }

    /// Saves a flow; `None` where a connector was changed since the flow was checked against it.
    async fn save_once(
        &self,
        mut flow: Flow,
        mut form: FlowForm,
        expected: Option<Expect>,
    ) -> Result<Option<FlowSaved>, Error> {
        let name = form.name.trim();
        if name.is_empty() || name.chars().count() > 256 {
            return Err(Error::Inputs("A flow needs a name of 1 to 256 characters.".to_owned()));
        }
        let state = form.state.unwrap_or(if flow.etag == 0 { FlowState::On } else { flow.state });
        let before = self.0.store.flow_version(flow.id, flow.version).await?;
        if form.parameters.is_null() {
            form.parameters = match &before {
                Some(version) => read_part(version, "parameters", &version.parameters)?,
                None => Object::new().into(),
            };
        }
        if form.envelope.is_null() {
            form.envelope = match &before {
                Some(version) => read_part(version, "envelope", &version.envelope)?,
                None => Value::Null,
            };
        }
        let profile = form.profile.or_else(|| before.map(|version| Profile::parse(&version.profile)));
        let profile = profile.unwrap_or_default();
        // Before the check: the versions that are kept are those that it sees, or the commit is refused.
        let bindings = self.bindings(flow.owner, &form.connections).await;
        let findings =
            self.check_flow(flow.owner, &form.definition, &form.parameters, profile, &form.connections).await;
        let compiled = self.compiled(&form.definition, &form.parameters, profile);
        let faulty = findings.iter().any(|finding| finding.severity == Severity::Error);
        let is_whole = !findings.iter().chain(&compiled.diagnostics).any(|finding| finding.code == "cancelled");
        if faulty && (state != FlowState::Draft || !is_whole) {
            return Err(Error::DefinitionInvalid(findings));
        }
        let (bindings, unchanged) = bindings?;
        let before: BTreeSet<ConnectorId> = flow.bindings.iter().filter_map(|own| own.connector).collect();
        flow.bindings = bindings;
        flow.name = name.to_owned();
        flow.description = form.description;
        flow.state = state;
        flow.etag += 1;
        flow.version += 1;
        flow.trigger = summarized(compiled.plan.as_ref(), &form.definition).to_json().into();
        flow.updated_at = self.now();
        let version = FlowVersion {
            flow: flow.id,
            version: flow.version,
            definition: form.definition.to_json().into(),
            parameters: form.parameters.to_json().into(),
            profile: profile.as_str().to_owned(),
            envelope: form.envelope.to_json().into(),
            created_at: flow.updated_at,
        };
        let mut unit =
            Unit::from(Change::PutFlow(flow.clone())).with(Change::PutFlowVersion(version)).with(self.due_now(flow.id));
        for connector in before {
            unit.push(Change::DropConnectorVersions(connector));
        }
        unit.expects.extend(expected);
        unit.expects.extend(unchanged);
        match self.0.store.commit(unit, Lane::Work).await {
            Ok(_) => {}
            Err(StoreError::Conflict { what: "connector", .. }) => return Ok(None),
            Err(StoreError::Conflict { .. }) => {
                let current = self.0.store.flow(flow.id).await?.map_or(0, |flow| flow.etag);
                return Err(Error::VersionConflict { current });
            }
            Err(error) => return Err(error.into()),
        }
        self.0.live.publish(flow.owner, LiveKind::Flow, flow.id.to_string(), None, None);
        self.settled(flow.owner, flow.id, flow.updated_at).await.map(Some)
    }

    /// A flow that was changed is to be looked at; should the process die before, the next one does.
    fn due_now(&self, flow: FlowId) -> Change {
        Change::SetTimer(Timer { key: TimerKey::Flow(flow), due_at: self.now() })
    }

    /// Brings the webhook in line and shows the flow that was changed at `since`.
    async fn settled(&self, owner: UserId, id: FlowId, since: Timestamp) -> Result<FlowSaved, Error> {
        // The caller may go away; the webhook must not be left half.
        let runtime = self.clone();
        let run = tokio::spawn(async move { runtime.look_anywhere(id).await }).await;
        let mut run = run.map_err(|error| Error::Internal(error.to_string()))??;
        if run.is_none() {
            // The timer may have been faster.
            let newest = self.0.store.subscriptions_of(id).await?.into_iter().next();
            let newest = newest.filter(|own| own.created_at >= since);
            run = newest.map(|own| Record::of(&own)).transpose()?.and_then(|record| record.run);
        }
        let view = self.flow(owner, id).await?;
        let problem = view.webhook.as_ref().and_then(|webhook| webhook.error.clone()).filter(|_| run.is_some());
        Ok(FlowSaved { view, run, problem })
    }

    async fn switch(&self, owner: UserId, id: FlowId, state: FlowState) -> Result<FlowSaved, Error> {
        let mut flow = self.own_flow(owner, id).await?;
        let since = self.now();
        if flow.state == FlowState::Draft && state == FlowState::On {
            let view = self.flow(owner, id).await?;
            if view.diagnostics.iter().any(|finding| finding.severity == Severity::Error) {
                return Err(Error::DefinitionInvalid(view.diagnostics));
            }
        }
        if flow.state != state {
            let expected = Expect::FlowEtag(id, flow.etag);
            flow.state = state;
            flow.etag += 1;
            flow.updated_at = since;
            let unit = Unit::from(Change::PutFlow(flow)).expect(expected).with(self.due_now(id));
            self.0.store.commit(unit, Lane::Work).await?;
        }
        self.settled(owner, id, since).await
    }

    /// Turns a flow on: its webhook is created.
    ///
    /// # Errors
    /// There is none of this owner, or it has faults.
    pub async fn turn_on(&self, owner: UserId, id: FlowId) -> Result<FlowSaved, Error> {
        self.switch(owner, id, FlowState::On).await
    }

    /// Turns a flow off: its webhook is deleted.
    ///
    /// # Errors
    /// There is none of this owner.
    pub async fn turn_off(&self, owner: UserId, id: FlowId) -> Result<FlowSaved, Error> {
        self.switch(owner, id, FlowState::Off).await
    }

    /// Tries again to create a webhook that was refused.
    ///
    /// # Errors
    /// There is none of this owner.
    pub async fn retry_webhook(&self, owner: UserId, id: FlowId) -> Result<FlowSaved, Error> {
        self.switch(owner, id, FlowState::On).await
    }

    /// Gives a flow another callback URL or signed address; the old one ends. A webhook is deleted at its service and
    /// created again.
    ///
    /// # Errors
    /// There is none of this owner, or it is not on.
    pub async fn renew_address(&self, owner: UserId, id: FlowId) -> Result<FlowSaved, Error> {
        let flow = self.own_flow(owner, id).await?;
        if flow.state != FlowState::On {
            return Err(Error::NotPossible("the flow is not on, so it has no address to renew".to_owned()));
        }
        let since = self.now();
        let runtime = self.clone();
        // The caller may go away; the flow must not be left without an address.
        let given_up = tokio::spawn(async move {
            let here = Box::pin(runtime.give_up_address(id));
            runtime.here_or_elsewhere(id, here, || Order::GiveUpAddress { flow: id }).await
        });
        given_up.await.map_err(|error| Error::Internal(error.to_string()))??;
        self.settled(owner, id, since).await
    }

    /// Deletes a flow and its webhook; the history stays until retention. Runs in progress are cancelled.
    ///
    /// # Errors
    /// There is none of this owner.
    pub async fn delete_flow(&self, owner: UserId, id: FlowId) -> Result<(), Error> {
        let flow = self.own_flow(owner, id).await?;
        let mut unit = Unit::from(Change::DeleteFlow(id, self.now())).with(self.due_now(id));
        for connector in flow.bindings.iter().filter_map(|own| own.connector).collect::<BTreeSet<_>>() {
            unit.push(Change::DropConnectorVersions(connector));
        }
        self.0.store.commit(unit, Lane::Work).await?;
        self.0.live.publish(owner, LiveKind::Flow, id.to_string(), None, None);
        self.forget_received_of(id, hookmill_model::Timestamp::from_micros(i64::MAX)).await?;
        for run in self.0.store.active_runs(None, 10_000).await? {
            if run.flow == id {
                self.tell(run.id, hookmill_engine::Input::CancelRequested).await?;
            }
        }
        let runtime = self.clone();
        let settled = tokio::spawn(async move { runtime.look_anywhere(id).await }).await;
        settled.map_err(|error| Error::Internal(error.to_string()))?.map(drop)
    }

    /// A flow with everything about it.
    ///
    /// # Errors
    /// There is none of this owner.
    pub async fn flow(&self, owner: UserId, id: FlowId) -> Result<FlowView, Error> {
        let flow = self.own_flow(owner, id).await?;
        let stored = self.0.store.flow_version(id, flow.version).await?;
        let stored = stored.ok_or_else(|| Error::not_found("version of the flow", id))?;
        let mut lost = Vec::new();
        let mut shown = |part, bytes: &[u8]| {
            Ok::<_, Error>(lost_secrets(&read_part(&stored, part, bytes)?, &Pointer::root(), &mut lost))
        };
        let (definition, parameters) =
            (shown("definition", &stored.definition)?, shown("parameters", &stored.parameters)?);
        let connections = flow.bindings.iter().map(|binding| {
            let bound = ConnectionBinding { connection_id: binding.connection, api: binding.api.clone() };
            (binding.key.clone(), bound)
        });
        let (profile, envelope) = (Profile::parse(&stored.profile), shown("envelope", &stored.envelope)?);
        let own = Some((id, flow.name.as_str()));
        let connections = connections.collect();
        lost.extend(self.check_own_flow(owner, own, &definition, &parameters, profile, &connections).await);
        lost.extend(self.earlier_connectors(&flow).await);
        let diagnostics = lost;
        let newest = self.shown_generation(id).await?;
        let proof = match &newest {
            Some(generation) => self.proof_of(&flow, generation).await.ok(),
            None => None,
        };
        let webhook = newest.map(|generation| self.webhook_view(&generation, &definition, proof));
        Ok(FlowView { flow, definition, parameters, profile, envelope, webhook, diagnostics })
    }
}
