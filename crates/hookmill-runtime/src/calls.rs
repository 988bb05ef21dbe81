//! The requests of one run: which are under way, which wait for a place, which may have been sent before.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hookmill_engine::{
    ActionRequest, ConnectorRequest, EffectId, Input, OperationRequest, Outcome, Performed, RunState, Trace,
};
use hookmill_executor::is_local;
use hookmill_model::{Timestamp, Value};
use hookmill_store::Flow;
use tokio::task::{JoinError, JoinSet};

use crate::Runtime;
use crate::active::Active;
use crate::perform::Call;
use crate::places::{Granted, Place, Refused, Service};

/// How far one request has come.
enum Stage {
    /// It is being performed.
    UnderWay,
    /// A child flow runs, once this is true.
    Child(Arc<AtomicBool>),
    /// It waits for a place, until this moment at most.
    Waits(Service, Timestamp),
}

type Ended = (EffectId, Performed);

/// The requests of one run.
#[derive(Default)]
pub(crate) struct Calls {
    /// The only request under way, which the run's own task performs.
    alone: Option<Pin<Box<dyn Future<Output = Ended> + Send>>>,
    /// Requests with tasks of their own.
    under_way: JoinSet<Ended>,
    stages: BTreeMap<EffectId, Stage>,
    /// What may have been performed before, by a process that died or a commit whose outcome was lost.
    again: BTreeSet<EffectId>,
    /// The run was read from its journal: children may run already.
    pub was_read: bool,
}

impl Calls {
    pub fn new(was_read: bool) -> Self {
        Self { was_read, ..Self::default() }
    }

    /// Whether a request is being performed, children of the run left out.
    pub fn are_under_way(&self) -> bool {
        self.stages.values().any(|stage| matches!(stage, Stage::UnderWay))
    }

    /// Whether every open request was handed out or waits for a place.
    pub fn have_all(&self, state: &RunState) -> bool {
        state.open_requests().all(|(effect, _)| self.stages.contains_key(&effect))
    }

    /// Whether it waits for child flows.
    pub fn have_children(&self) -> bool {
        self.stages.values().any(|stage| matches!(stage, Stage::Child(_)))
    }

    /// Whether all child flows that it waits for are stored: then they wake it, wherever it is.
    pub fn children_have_begun(&self) -> bool {
        self.stages.values().all(|stage| !matches!(stage, Stage::Child(begun) if !begun.load(Ordering::Acquire)))
    }

    /// Until when it waits for places at most; `None` where it waits for none.
    pub fn wait_for_places_until(&self) -> Option<Timestamp> {
        let until = |stage: &Stage| if let Stage::Waits(_, until) = stage { Some(*until) } else { None };
        self.stages.values().filter_map(until).max()
    }

    /// After a crash: what is pending may have been performed.
    pub fn recovered(&mut self, state: &RunState) {
        self.again.extend(state.open_requests().map(|(effect, _)| effect));
    }

    /// Nothing of what was under way is heard any more.
    pub fn forget(&mut self) {
        self.alone = None;
        self.under_way = JoinSet::new();
        self.stages.clear();
    }

    /// The next outcome; pending for ever where nothing is under way.
    pub async fn next(&mut self) -> Result<Ended, JoinError> {
        let Self { alone, under_way, .. } = self;
        if let Some(call) = alone {
            let ended = tokio::select! {
                ended = call => ended,
                Some(ended) = under_way.join_next() => return ended,
            };
            self.alone = None;
            return Ok(ended);
        }
        match under_way.join_next().await {
            Some(ended) => ended,
            None => std::future::pending().await,
        }
    }

    /// Gives the only request under way a task of its own, so that it goes on while the run's task is busy.
    pub fn set_free(&mut self) {
        if let Some(call) = self.alone.take() {
            self.under_way.spawn(call);
        }
    }

    /// A request has its outcome.
    pub fn ended(&mut self, effect: &EffectId) {
        self.stages.remove(effect);
        self.again.remove(effect);
    }

    /// Ends the waits for children, so that the run can leave the memory; outcomes that came meanwhile are given.
    pub async fn leave_children(&mut self) -> Vec<(EffectId, Performed)> {
        self.under_way.abort_all();
        let mut ended = Vec::new();
        while let Some(one) = self.under_way.join_next().await {
            ended.extend(one.ok());
        }
        self.stages.retain(|_, stage| !matches!(stage, Stage::Child(_)));
        ended
    }

    /// Begins what is pending and has its place; the others wait. What `granted` refuses becomes inputs.
    pub async fn hand_out(
        &mut self,
        runtime: &Runtime,
        active: &Active,
        state: &RunState,
        mut granted: Option<Granted>,
        inputs: &mut VecDeque<Input>,
    ) {
        let run = active.run.id;
        for (effect, request) in state.open_requests() {
            let service = match self.stages.get(&effect) {
                Some(Stage::UnderWay | Stage::Child(_)) => continue,
                Some(Stage::Waits(service, _)) => Some(service.clone()),
                None => runtime.service_of(&active.flow, request).await,
            };
            let Some(service) = service else {
                self.begin(runtime, active, state, effect, request, None);
                continue;
            };
            match granted.take() {
                Some(Granted::Place(place)) if *place.service() == service => {
                    self.begin(runtime, active, state, effect, request, Some(place));
                    continue;
                }
                Some(Granted::Refused(refused, why)) if refused == service => {
                    self.stages.remove(&effect);
                    inputs.push_back(not_sent(effect, &service, &why));
                    granted = Some(Granted::Refused(refused, why));
                    continue;
                }
                other => granted = other,
            }
            if self.stages.contains_key(&effect) && runtime.0.places.is_waiting(&service, run) {
                continue;
            }
            let begun_at = state.effect_begun_at(&effect).unwrap_or_else(|| runtime.now());
            let until = begun_at.plus(timeout(request));
            let deadline = Instant::now() + until.since(runtime.now());
            match runtime.0.places.request(&service, active.flow.id, run, deadline) {
                Some(place) => self.begin(runtime, active, state, effect, request, Some(place)),
                None => {
                    self.stages.insert(effect, Stage::Waits(service, until));
                    runtime.0.queue.set_waiting(active.flow.id, runtime.0.places.waiting(active.flow.id));
                }
            }
        }
    }

    fn begin(
        &mut self,
        runtime: &Runtime,
        active: &Active,
        state: &RunState,
        effect: EffectId,
        request: &ActionRequest,
        mut place: Option<Place>,
    ) {
        let is_child = matches!(request, ActionRequest::ChildFlow { .. });
        let call = Call {
            flow: Arc::clone(&active.flow),
            version: Arc::clone(&active.version),
            begun_at: state.effect_begun_at(&effect).unwrap_or_else(|| runtime.now()),
            again: self.again.contains(&effect) || (is_child && self.was_read),
            idempotency_key: state.idempotency_key(&effect),
            depth: state.depth(),
            trace: runtime.trace_of(active.run.id, state),
            is_secret: state.is_secret() || active.version.is_secret,
            child_has_begun: Arc::default(),
            effect: effect.clone(),
        };
        let stage = if is_child { Stage::Child(Arc::clone(&call.child_has_begun)) } else { Stage::UnderWay };
        self.stages.insert(effect, stage);
        let (runtime, request) = (runtime.clone(), request.clone());
        let ended = async move {
            let begun = Instant::now();
            let performed = Box::pin(runtime.perform(&call, &request)).await;
            let trace = call.trace.as_ref().map(Trace::id);
            tracing::debug!(run = %call.effect.run, effect = %call.effect, trace.id = trace, "a request of a run ended");
            let (host, took) = (place.as_ref().map(|place| place.service().host()), begun.elapsed());
            crate::figures::note_call(&runtime.made_by(&call.flow, &request), host, &performed, took);
            runtime.note_request(&call.flow, &call.effect, call.trace.as_ref(), host, &performed, took);
            if let Some(place) = &mut place {
                place.ended(&performed.outcome);
            }
            drop(place);
            (call.effect, performed)
        };
        if is_child || self.alone.is_some() || !self.under_way.is_empty() {
            self.set_free();
            self.under_way.spawn(ended);
        } else {
            self.alone = Some(Box::pin(ended));
        }
    }
}

/// The longest time that a request may take, the wait for a place included.
fn timeout(request: &ActionRequest) -> Duration {
    match request {
        ActionRequest::Http(http) => http.timeout,
        ActionRequest::Connector(call) => call.timeout,
        ActionRequest::JavaScript { timeout, .. } => *timeout,
        ActionRequest::ChildFlow { .. } => Duration::MAX,
    }
}

/// The outcome of a request that was not sent since there was no place for it.
fn not_sent(effect: EffectId, service: &Service, why: &Refused) -> Input {
    let host = service.host();
    let (code, message) = match why {
        Refused::Dead { silences } => (
            "ServiceUnavailable",
            format!(
                "{host} did not answer its last {silences} requests. Until it does, one request at a time is sent to \
                 it; this one was not sent."
            ),
        ),
        Refused::TimedOut => (
            "GatewayTimeout",
            format!(
                "All places for requests to {host} stayed taken for as long as the action may take; nothing was sent."
            ),
        ),
    };
    let outcome = Outcome::NoReply { code: code.into(), message: message.into(), maybe_sent: false, retryable: true };
    Input::EffectEnded { effect, performed: Box::new(Performed { outcome, request: Value::Null }) }
}

impl Runtime {
    /// Where a request goes; `None` where it leaves the process not at all, or cannot be sent anyway.
    pub(crate) async fn service_of(&self, flow: &Flow, request: &ActionRequest) -> Option<Service> {
        match request {
            ActionRequest::Http(http) => Service::of(&http.uri),
            ActionRequest::Connector(_) if is_local(request) => None,
            ActionRequest::Connector(call) => self.service_of_call(flow, call).await,
            ActionRequest::JavaScript { .. } | ActionRequest::ChildFlow { .. } => None,
        }
    }

    async fn service_of_call(&self, flow: &Flow, call: &ConnectorRequest) -> Option<Service> {
        if let OperationRequest::Follow { uri, .. } = &call.operation
            && let Some(service) = Service::of(uri)
        {
            return Some(service);
        }
        let bound = flow.bindings.iter().find(|binding| binding.key.eq_ignore_ascii_case(&call.connection))?;
        let id = bound.connector?;
        let version = bound.version.as_deref();
        let connector = match self.0.plans.connector_kept(id, version) {
            Some(kept) => kept,
            None => self.connector_in(id, version).await.ok()?,
        };
        Service::of(&format!("{}://{}", connector.scheme, connector.host))
    }
}
