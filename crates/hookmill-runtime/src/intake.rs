//! The doors: for services that call back, and for callers of Request triggers. What comes in is on disk before it is
//! answered: together with the beginning of its run where nothing of the flow waits, and else in the queue.

use std::sync::Arc;
use std::time::Duration;

use hookmill_engine::trigger::violation;
use hookmill_engine::{Input, Response, depth_of};
use hookmill_expression::content;
use hookmill_model::{EventId, FlowId, FlowState, Object, RunId, SubscriptionState, Value};
use hookmill_store::{Change, Dedupe, Event, Flow, Lane, StoreError, Subscription, Unit};
use hookmill_webhook::{Keys, Outcome};
use tokio::sync::oneshot;

use crate::address::{answer_permission, own_query, trigger_permission};
use crate::beginning::{BeginError, FreshEvent};
use crate::cores;
use crate::door::Webhook;
use crate::flow_cache::FlowEntry;
use crate::gates::is_counted;
use crate::loops::Refused;
use crate::notification::{AcceptError, Accepted, AnswerLater, Notification, has_credentials};
use crate::paths::matched;
use crate::plans::Version;
use crate::received::Verdict;
use crate::stored::{event_of, run_of};
use crate::{Answer, Error, Runtime, locked};

/// Headers by which senders name a delivery, so that one that is sent twice is taken once.
const DELIVERY_HEADERS: &[&str] =
    &["x-github-delivery", "x-gitlab-event-uuid", "x-gitea-delivery", "x-shopify-webhook-id", "webhook-id", "svix-id"];
/// So often a call is looked at again that met a flow which another node had changed.
const CHANGED_TRIES: usize = 3;
/// When the caller of an asynchronous Response asks again.
const ANSWER_WAIT_S: u64 = 5;

/// Somebody who waits for a flow's answer; gone when this is dropped.
pub(crate) struct Waiter<'a> {
    runtime: &'a Runtime,
    run: RunId,
    pub answer: oneshot::Receiver<Answer>,
}

impl<'a> Waiter<'a> {
    pub fn new(runtime: &'a Runtime, run: RunId) -> Self {
        let (sender, answer) = oneshot::channel();
        locked(&runtime.0.waiters).insert(run, sender);
        Self { runtime, run, answer }
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        locked(&self.runtime.0.waiters).remove(&self.run);
    }
}

/// What the store is told about the identifiers of a delivery, one for each of its items.
fn dedupe_of(webhook: &Webhook, keys: Keys) -> Option<Dedupe> {
    if keys.incomplete || keys.keys.is_empty() {
        return None;
    }
    Some(Dedupe { keys: keys.keys.iter().map(|key| webhook.delivery(key)).collect(), window: keys.window })
}

fn header<'a>(headers: &'a Object, name: &str) -> Option<&'a str> {
    hookmill_expression::member(headers, name).and_then(Value::as_str)
}

/// What a service sends to see whether somebody listens.
fn is_ping(headers: &Object) -> bool {
    ["x-github-event", "x-gitea-event", "x-gogs-event"]
        .iter()
        .any(|name| header(headers, name).is_some_and(|event| event.eq_ignore_ascii_case("ping")))
}

fn responded(run: Option<RunId>, response: Response) -> Accepted {
    Accepted::Respond {
        run,
        status: response.status,
        headers: response.headers.as_object().cloned().unwrap_or_default(),
        body: response.body,
    }
}

impl Runtime {
    /// Takes a call of `/callback/<capability>`.
    ///
    /// # Errors
    /// Why it is refused. Nothing is stored then.
    pub async fn accept(&self, capability: &str, notification: Notification) -> Result<Accepted, AcceptError> {
        self.check_size(&notification)?;
        for _ in 0..CHANGED_TRIES {
            if !self.0.store.has_others() {
                break;
            }
            match self.accept_once(capability, notification.clone()).await {
                // Another node changed the flow since it was read; it is read anew.
                Err(error) if error.is_about_flow() => {}
                accepted => return accepted,
            }
        }
        self.accept_once(capability, notification).await
    }

    async fn accept_once(&self, capability: &str, notification: Notification) -> Result<Accepted, AcceptError> {
        if capability.starts_with("run_") {
            return self.accept_for_run(capability, &notification).await;
        }
        let hash = self.0.vault.lookup("callback", capability);
        let (entry, found) = self.entry_by_capability(&hash).await?.ok_or(AcceptError::Unknown)?;
        let flow = &entry.flow;
        if flow.deleted_at.is_some() {
            return Err(AcceptError::Gone);
        }
        self.admit(flow.id, &notification)?;
        let version = self.version(flow.id, flow.version).await?;
        let below = notification.path.clone();
        if !below.is_empty() && !self.takes_suffix(flow, &found, &below).await? {
            return Err(AcceptError::Unknown);
        }
        let webhook = self.webhook(flow, &found, &version).await?;
        if !webhook.declarations.is_empty() {
            let below = if below.is_empty() { String::new() } else { format!("/{below}") };
            let url = notification.at(format!("{}/callback/{capability}{below}", self.0.config.hooks_url()));
            return self.accept_declared(flow, &version, found, &url, notification).await;
        }
        let live = found.state == SubscriptionState::Live && flow.state == FlowState::On;
        if !live && found.state != SubscriptionState::Creating {
            return Err(AcceptError::Gone);
        }
        if !matches!(&*notification.method, "POST" | "PUT" | "PATCH") {
            self.note_call(flow.id, &notification, (Verdict::Unfit, 405), Vec::new());
            return Err(AcceptError::MethodNotAllowed);
        }
        if is_ping(&notification.headers) {
            tracing::info!(flow = %flow.id, "the service pinged the webhook");
            self.note_call(flow.id, &notification, (Verdict::Ping, 202), Vec::new());
            return Ok(Accepted::Stored { event: None });
        }
        let key = DELIVERY_HEADERS
            .iter()
            .find_map(|name| header(&notification.headers, name).map(|id| format!("{name}:{id}")));
        let window = Duration::from_secs(24 * 3_600);
        let dedupe = key.map(|key| Dedupe { keys: vec![webhook.delivery(&key)], window });
        let fresh = self.fresh_event(flow, &version, &found, webhook, notification, None);
        Ok(Accepted::Stored { event: self.take_in(FreshEvent { dedupe, ..fresh }).await? })
    }

    /// Takes a call of a webhook for which something is declared.
    async fn accept_declared(
        &self,
        flow: &Arc<Flow>,
        version: &Arc<Version>,
        mut generation: Subscription,
        url: &str,
        notification: Notification,
    ) -> Result<Accepted, AcceptError> {
        let mut webhook = self.webhook(flow, &generation, version).await?;
        let mut decision = self.decided(flow, &generation, &webhook, url, &notification).await?;
        if decision.outcome == Outcome::Early && generation.state == SubscriptionState::Creating {
            generation = self.after_creation(generation).await?;
            webhook = self.webhook(flow, &generation, version).await?;
            decision = self.decided(flow, &generation, &webhook, url, &notification).await?;
        }
        self.note_decision(flow.id, &notification, &decision);
        let (response, outcome) = (decision.response, decision.outcome);
        let Outcome::Event { keys, .. } = outcome else { return Ok(Accepted::Answered { event: None, response }) };
        let notification = webhook.without_secrets(notification);
        let mut fresh = self.fresh_event(flow, version, &generation, Arc::clone(&webhook), notification, None);
        if keys.as_ref().is_some_and(|keys| self.0.door.is_recovered(generation.id, &keys.keys)) {
            fresh.event.summary = format!("{} (recovered)", fresh.event.summary);
        }
        let event =
            self.take_in(FreshEvent { dedupe: keys.and_then(|keys| dedupe_of(&webhook, keys)), ..fresh }).await?;
        Ok(Accepted::Answered { event, response })
    }

    /// Takes a call of a Request trigger's signed address.
    ///
    /// # Errors
    /// Why it is refused. Nothing is stored then.
    pub async fn accept_request(
        &self,
        flow: &str,
        trigger: &str,
        notification: Notification,
    ) -> Result<Accepted, AcceptError> {
        self.check_size(&notification)?;
        for _ in 0..CHANGED_TRIES {
            if !self.0.store.has_others() {
                break;
            }
            match self.accept_request_once(flow, trigger, notification.clone()).await {
                Err(error) if error.is_about_flow() => {}
                accepted => return accepted,
            }
        }
        self.accept_request_once(flow, trigger, notification).await
    }

    async fn accept_request_once(
        &self,
        flow: &str,
        trigger: &str,
        mut notification: Notification,
    ) -> Result<Accepted, AcceptError> {
        let entry = self.own_address(flow).await?;
        let (flow, generation) = (&entry.flow, entry.local().map_err(Error::from)?.ok_or(AcceptError::Unknown)?);
        if !self.is_signed(generation.id, &trigger_permission(trigger), &notification.query) {
            return Err(self.unsigned(&entry, trigger, &notification.query));
        }
        if flow.deleted_at.is_some() {
            return Err(AcceptError::Gone);
        }
        if flow.state != FlowState::On || generation.state != SubscriptionState::Live {
            let message = "The flow is turned off.".to_owned();
            return Err(AcceptError::NotMatched { code: "WorkflowTriggerIsNotEnabled", message });
        }
        let version = self.version(flow.id, flow.version).await?;
        self.admit(flow.id, &notification)?;
        let own = version.plan.triggers.first().filter(|own| *own.name == *trigger).ok_or(AcceptError::Unknown)?;
        let webhook = self.webhook(flow, generation, &version).await?;
        let mut declared = None;
        if !webhook.declarations.is_empty() {
            let address = self.invoked(flow.id, trigger, &notification.path);
            let url = notification.at(address);
            let decision = self.decided(flow, generation, &webhook, &url, &notification).await?;
            self.note_decision(flow.id, &notification, &decision);
            let Outcome::Event { keys, .. } = decision.outcome else {
                return Ok(Accepted::Answered { event: None, response: decision.response });
            };
            declared = Some((decision.response, keys.and_then(|keys| dedupe_of(&webhook, keys))));
            notification = webhook.without_secrets(notification);
        }
        let parameters = matched(own, &notification)?;
        if own.validate_schema {
            let kind = header(&notification.headers, "content-type");
            let check = || violation(own, &content::body(kind, &notification.body).value.unwrap_or_default());
            if let Some(error) = cores::aside(version.is_short(notification.body.len()), check) {
                return Err(AcceptError::InputRefused { message: error.message.to_string() });
            }
        }
        notification.query = own_query(&notification.query);
        let tracking_id = header(&notification.headers, "x-ms-client-tracking-id").map(ToOwned::to_owned);
        let fresh = self.fresh_event(flow, &version, generation, webhook, notification, Some(parameters));
        let (id, run) = (fresh.event.id, run_of(fresh.event.id));
        let shown = Some(run).filter(|_| !own.no_workflow_headers);
        let waiter = version.plan.responds().then(|| Waiter::new(self, run));
        let (declared, dedupe) = declared.map_or((None, None), |(response, dedupe)| (Some(response), dedupe));
        let taken = self.take_in(FreshEvent { dedupe, ..fresh }).await?;
        if let Some(response) = declared.filter(|_| waiter.is_none() || taken.is_none()) {
            return Ok(Accepted::Answered { event: taken, response });
        }
        let Some(mut waiter) = waiter else {
            let answer = version.plan.responds_later().then(|| AnswerLater {
                url: self.answer_url(flow.id, generation.id, run),
                retry_after_s: ANSWER_WAIT_S,
            });
            let tracking_id = tracking_id.unwrap_or_else(|| run.to_string());
            return Ok(Accepted::Began { run: shown, tracking_id, answer });
        };
        let answer = async {
            tokio::select! {
                answer = &mut waiter.answer => answer.ok(),
                () = self.goes_on_later(run) => None,
            }
        };
        match tokio::time::timeout(self.0.config.response_wait, answer).await {
            Ok(Some(Answer::Response(response))) => Ok(responded(shown, response)),
            Ok(Some(Answer::NotBegun)) => Ok(Accepted::Stored { event: Some(id) }),
            Ok(Some(Answer::NoResponse)) => Err(AcceptError::NoResponse),
            Ok(None) | Err(_) => Err(AcceptError::TimedOut),
        }
    }

    /// Until the server stops and the run, which the next start takes up, has no call under way.
    async fn goes_on_later(&self, run: RunId) {
        // The sender lives as long as the runtime.
        let _ = self.stopped().wait_for(|stopped| *stopped).await;
        while self.0.inboxes.contains(run) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Gives the answer of an asynchronous Response to the caller that asks for it.
    ///
    /// # Errors
    /// There is no such run, the address is not signed, or the run ended without an answer.
    pub async fn answer_of(&self, flow: &str, run: &str, query: &Object) -> Result<Accepted, AcceptError> {
        let run: RunId = run.parse().map_err(|_| AcceptError::Unknown)?;
        let entry = self.own_address(flow).await?;
        let (flow, generation) = (&entry.flow, entry.local().map_err(Error::from)?.ok_or(AcceptError::Unknown)?);
        if !self.is_signed(generation.id, &answer_permission(run), query) {
            return Err(AcceptError::Unsigned);
        }
        let wait = || Accepted::Began {
            run: Some(run),
            tracking_id: run.to_string(),
            answer: Some(AnswerLater {
                url: self.answer_url(flow.id, generation.id, run),
                retry_after_s: ANSWER_WAIT_S,
            }),
        };
        let Some(listed) = self.0.store.run(run).await? else {
            // The event may wait for its turn.
            return match self.0.store.event(event_of(run)).await? {
                Some(_) => Ok(wait()),
                None => Err(AcceptError::Unknown),
            };
        };
        match self.response_of(run).await? {
            Some(response) => Ok(responded(Some(run), response)),
            None if listed.run.status.is_final() => Err(AcceptError::NoResponse),
            None => Ok(wait()),
        }
    }

    fn check_size(&self, notification: &Notification) -> Result<(), AcceptError> {
        let max = self.0.config.body_bytes_max;
        if notification.body.len() > max { Err(AcceptError::TooLarge { max }) } else { Ok(()) }
    }

    /// Why a call of a signed address is refused: it was renewed, or was never one of this flow.
    fn unsigned(&self, entry: &FlowEntry, trigger: &str, query: &Object) -> AcceptError {
        let permission = trigger_permission(trigger);
        let is_old = entry.generations.iter().any(|generation| self.is_signed(generation.id, &permission, query));
        if is_old { AcceptError::Gone } else { AcceptError::Unsigned }
    }

    /// Whether a flow takes a call, however many runs called each other before it.
    fn admit(&self, flow: FlowId, notification: &Notification) -> Result<(), AcceptError> {
        let depth = depth_of(&notification.headers);
        self.0.loops.admit(flow, depth, self.now()).map_err(|refused| match refused {
            Refused::TooDeep(message) => AcceptError::Loop { message },
            Refused::TooOften { retry_after_s } => AcceptError::TooManyRuns { retry_after_s },
        })
    }

    /// A flow that may have an address of its own, deleted ones too.
    async fn own_address(&self, flow: &str) -> Result<Arc<FlowEntry>, AcceptError> {
        let id: FlowId = flow.parse().map_err(|_| AcceptError::Unknown)?;
        self.flow_entry(id).await?.ok_or(AcceptError::Unknown)
    }

    fn fresh_event(
        &self,
        flow: &Arc<Flow>,
        version: &Arc<Version>,
        generation: &Subscription,
        webhook: Arc<Webhook>,
        notification: Notification,
        parameters: Option<Object>,
    ) -> FreshEvent {
        let summary = header(&notification.headers, "x-github-event").unwrap_or(&notification.method);
        let summary = summary.chars().take(80).collect();
        let is_secret = has_credentials(&notification.headers);
        let mut head = Object::with_capacity(3);
        head.insert("headers", notification.headers);
        if !notification.query.is_empty() {
            head.insert("queries", notification.query);
        }
        if let Some(parameters) = parameters.filter(|parameters| !parameters.is_empty()) {
            head.insert("relativePathParameters", parameters);
        }
        let event = Event {
            id: self.new_id(),
            flow: flow.id,
            subscription: Some(generation.id),
            received_at: self.now(),
            summary,
            head: head.to_json().into(),
            body: notification.body,
        };
        let (flow, version) = (Arc::clone(flow), Arc::clone(version));
        FreshEvent { event, head, is_secret, dedupe: None, flow, version, webhook }
    }

    /// Stores an event and begins its run, or hands it on to the queue; `None` for one that came before.
    pub(crate) async fn take_in(&self, fresh: FreshEvent) -> Result<Option<EventId>, AcceptError> {
        let id = fresh.event.id;
        if !self.0.shards.owns(fresh.flow.id) {
            return self.take_in_queue(fresh.event, fresh.is_secret, fresh.dedupe, &fresh.flow, &fresh.version).await;
        }
        if !self.may_begin_at_once(&fresh.version, &fresh.event) {
            return self.take_in_queue(fresh.event, fresh.is_secret, fresh.dedupe, &fresh.flow, &fresh.version).await;
        }
        let bytes = fresh.event.body.len() + fresh.event.head.len();
        let Some(slot) = self.0.queue.slot_at_once(fresh.flow.id, bytes) else {
            return self.take_in_queue(fresh.event, fresh.is_secret, fresh.dedupe, &fresh.flow, &fresh.version).await;
        };
        let (event, dedupe, version) = (fresh.event.clone(), fresh.dedupe.clone(), Arc::clone(&fresh.version));
        let (is_secret, flow) = (fresh.is_secret, Arc::clone(&fresh.flow));
        let (told, hears) = oneshot::channel();
        // In a task of its own, which is that of the run: the caller may go away at any moment.
        tokio::spawn(self.clone().begin_at_once(fresh, slot, told));
        match hears.await {
            Ok(Ok(())) => Ok(Some(id)),
            Ok(Err(BeginError::Store(StoreError::Duplicate { of }))) => {
                self.note_repeated(&event, of);
                Ok(None)
            }
            // The flow was handed to another node a moment ago.
            Ok(Err(BeginError::Store(StoreError::NotOwner { .. }))) => {
                self.take_in_queue(event, is_secret, dedupe, &flow, &version).await
            }
            Ok(Err(BeginError::Store(error))) => Err(error.into()),
            Ok(Err(BeginError::NoRoom)) => self.take_in_queue(event, is_secret, dedupe, &flow, &version).await,
            Ok(Err(BeginError::Fault(why))) => {
                tracing::warn!(event = %id, why, "the run of an event could not begin at once");
                self.take_in_queue(event, is_secret, dedupe, &flow, &version).await
            }
            // The process ends.
            Err(_) => Err(AcceptError::Overloaded { retry_after_s: 1 }),
        }
    }

    /// Stores an event and hands it on to the queue; `None` for one that came before. It is sealed where it is secret, or
    /// its flow keeps secrets.
    pub(crate) async fn take_in_queue(
        &self,
        event: Event,
        is_secret: bool,
        dedupe: Option<Dedupe>,
        of: &Flow,
        version: &Version,
    ) -> Result<Option<EventId>, AcceptError> {
        let (id, flow) = (event.id, event.flow);
        let is_here = self.0.shards.owns(flow);
        if !is_here
            && (version.plan.triggers.first().is_some_and(is_counted)
                || locked(&self.0.waiters).contains_key(&run_of(id)))
        {
            // The owner counts the runs, and gives the answer.
            return self.take_in_elsewhere(event, is_secret, dedupe, version).await;
        }
        let limit = version.plan.triggers.first().and_then(|trigger| trigger.concurrency);
        if limit.is_some_and(|limit| !self.0.gates.accept(flow, run_of(id), limit)) {
            return Err(AcceptError::TooManyRuns { retry_after_s: 10 });
        }
        let is_counted = version.plan.triggers.first().is_some_and(is_counted);
        let announcement = self.0.queue.announcement(flow, id, is_counted);
        let unit = Unit::from(Change::AddEvent(event.clone(), dedupe)).secret(is_secret || version.is_secret);
        let unit = self.as_known(unit, of);
        let stored = self.0.store.commit(unit, Lane::Intake).await;
        if let Err(error) = stored {
            if !error.is_unknown() {
                announcement.nothing_to_look_for();
            }
            if limit.is_some() {
                self.0.gates.arrived(flow, run_of(id));
            }
            return match error {
                StoreError::Duplicate { of } => {
                    self.note_repeated(&event, of);
                    Ok(None)
                }
                error => Err(error.into()),
            };
        }
        if !(is_here && self.0.shards.may_begin(flow)) {
            self.0.store.tell_others(format!("pending {flow}"));
        }
        announcement.announce(event);
        Ok(Some(id))
    }

    /// A call for an action that waits.
    async fn accept_for_run(&self, token: &str, notification: &Notification) -> Result<Accepted, AcceptError> {
        let id = token.split('.').next().and_then(|id| id.parse::<RunId>().ok()).ok_or(AcceptError::Unknown)?;
        let mut outputs = Object::new();
        outputs.insert("headers", notification.headers.clone());
        if !notification.query.is_empty() {
            outputs.insert("queries", notification.query.clone());
        }
        let kind = header(&notification.headers, "content-type");
        if let Some(body) = content::body(kind, &notification.body).value {
            outputs.insert("body", body);
        }
        let input = Input::CallbackReceived { token: token.into(), outputs: outputs.into() };
        let told = self.tell(id, input).await?;
        if told == Some(true) {
            return Ok(Accepted::Stored { event: None });
        }
        if told.is_none() && self.0.store.run(id).await?.is_none() {
            return Err(AcceptError::Unknown);
        }
        // A caller whose answer was cut off calls again: what has come in is accepted again.
        if self.was_called_back(id, token).await? {
            return Ok(Accepted::Stored { event: None });
        }
        Err(AcceptError::Gone)
    }
}
