//! Places for requests at services: a run that only waits for one needs no memory but its identifier.
//!
//! A place is taken before a request is made, and the run that waits longest, flow by flow, gets the next one. A service
//! that was silent several times in a row is *dead*: it has one place, with which it is tried, and the others that wait
//! for it fail fast, a few each second, so that their retry policies decide what follows. Services that have not
//! answered lately may hold half of all places at most, and so may those that have never answered yet, so that half is
//! always there for those that do.
//!
//! In memory only: what waits here is pending in the journal of its run, and asks again after a start.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hookmill_engine::Outcome;
use hookmill_model::{FlowId, RunId};
use tokio::sync::{Notify, mpsc};

use crate::locked;

/// Silences in a row after which a service is dead.
const SILENCES_MAX: u32 = 10;
/// A service that holds places for so long without any answer counts as silent.
const SILENT_AFTER: Duration = Duration::from_secs(10);
/// How often it is looked who has waited too long.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// So many of those that wait for dead services fail at each look: 50 in a second cost little.
const FAIL_FAST: usize = 10;
/// Services without requests that are remembered.
const SERVICES_KEPT: usize = 1_024;

/// Where requests go: scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Service(Arc<str>);

impl Service {
    /// Of an address; `None` where requests to it cannot be sent anyway.
    pub fn of(address: &str) -> Option<Self> {
        let url = url::Url::parse(address.trim()).ok()?;
        url.has_host().then(|| Self(url.origin().ascii_serialization().into()))
    }

    /// The name without the scheme, for people.
    pub fn host(&self) -> &str {
        self.0.split_once("://").map_or(&*self.0, |(_, host)| host)
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How many requests may be under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlacesMax {
    /// In all.
    pub all: usize,
    /// At one service.
    pub per_service: usize,
}

impl Default for PlacesMax {
    fn default() -> Self {
        Self { all: 512, per_service: 32 }
    }
}

/// How a request ended, as far as its service is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Answered,
    Silent,
    NotSent,
}

/// A place at a service; the next one gets it when this is dropped.
pub(crate) struct Place {
    places: Places,
    service: Service,
    ended: Ended,
}

impl Place {
    pub const fn service(&self) -> &Service {
        &self.service
    }

    /// Notes what came of the request.
    pub fn ended(&mut self, outcome: &Outcome) {
        self.ended = match outcome {
            Outcome::Replied { .. } => Ended::Answered,
            Outcome::NoReply { retryable: true, .. } => Ended::Silent,
            Outcome::NoReply { .. } => Ended::NotSent,
        };
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.release(&self.service, self.ended);
    }
}

/// What a run that waited gets.
pub(crate) enum Granted {
    /// A place.
    Place(Place),
    /// None, and there will be none: why.
    Refused(Service, Refused),
}

/// Why a request is not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The service is dead.
    Dead {
        /// Silences in a row.
        silences: u32,
    },
    /// The request's own time is over.
    TimedOut,
}

/// A message for a run that waited.
pub(crate) struct Turn {
    pub flow: FlowId,
    pub run: RunId,
    pub granted: Granted,
}

/// What a flow or a run waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingFor {
    /// The host, with its port where it is not the usual one.
    pub host: String,
    /// Requests of this flow that wait for a place there.
    pub requests: usize,
    /// Requests of other flows that do.
    pub others: usize,
    /// Whether the service was silent for so long that it is only tried now and then.
    pub is_silent: bool,
}

struct At {
    held: usize,
    /// When requests began to be under way, or an answer came last.
    heard_at: Instant,
    silences: u32,
    /// Whether it has answered since it is known.
    has_answered: bool,
    /// How many requests may be under way; `None` for the usual number.
    trial: Option<usize>,
    waiting: BTreeMap<FlowId, VecDeque<RunId>>,
    turns: VecDeque<FlowId>,
    count: usize,
}

#[derive(Default)]
struct State {
    services: BTreeMap<Service, At>,
    held: usize,
    /// Services that have a free place, while all places together are taken.
    starved: VecDeque<Service>,
    deadlines: BTreeSet<(Instant, RunId, Service)>,
    until: BTreeMap<(RunId, Service), (Instant, FlowId)>,
    waiting: BTreeMap<FlowId, usize>,
}

/// The places; clones are the same ones.
#[derive(Clone)]
pub(crate) struct Places(Arc<Shared>);

struct Shared {
    max: PlacesMax,
    state: Mutex<State>,
    turns: mpsc::UnboundedSender<Turn>,
    /// Somebody waits.
    waits: Notify,
}

impl Places {
    /// The places, and where the turns of those that waited arrive. There are never more turns under way than places
    /// and refusals of one look.
    pub fn new(max: PlacesMax) -> (Self, mpsc::UnboundedReceiver<Turn>) {
        let max = PlacesMax { all: max.all.max(2), per_service: max.per_service.max(1) };
        let (turns, receiver) = mpsc::unbounded_channel();
        (Self(Arc::new(Shared { max, state: Mutex::default(), turns, waits: Notify::new() })), receiver)
    }

    /// A place, if there is one; else the run waits for it until `deadline`, and hears of it as a [`Turn`].
    pub fn request(&self, service: &Service, flow: FlowId, run: RunId, deadline: Instant) -> Option<Place> {
        let now = Instant::now();
        let mut state = locked(&self.0.state);
        state.forget_idle();
        let count = state.services.entry(service.clone()).or_insert_with(|| At::new(now)).count;
        if count == 0 && state.may_enter(service, self.0.max, now) {
            state.enter(service, now);
            return Some(self.place(service));
        }
        let is_full = state.services.get(service).is_some_and(|at| at.is_full(self.0.max));
        state.wait(service, flow, run, deadline);
        if !is_full && !state.starved.contains(service) {
            state.starved.push_back(service.clone());
        }
        drop(state);
        self.0.waits.notify_one();
        None
    }

    fn place(&self, service: &Service) -> Place {
        Place { places: self.clone(), service: service.clone(), ended: Ended::NotSent }
    }

    /// What is under way and what waits at this moment.
    pub fn figures(&self) -> crate::figures::PlaceFigures {
        let state = locked(&self.0.state);
        crate::figures::PlaceFigures {
            in_use: state.held,
            waiting: state.until.len(),
            services: state.services.len(),
            services_silent: state.services.values().filter(|at| at.trial.is_some()).count(),
        }
    }

    /// Whether a run waits for a place at the service.
    pub fn is_waiting(&self, service: &Service, run: RunId) -> bool {
        locked(&self.0.state).until.contains_key(&(run, service.clone()))
    }

    /// A run has ended: it waits for nothing any more.
    pub fn forget(&self, run: RunId) {
        let mut state = locked(&self.0.state);
        let services: Vec<Service> = state.of_run(run).map(|(service, _)| service.clone()).collect();
        for service in services {
            state.leave(&service, run);
        }
    }

    /// How many runs of a flow wait for places.
    pub fn waiting(&self, flow: FlowId) -> usize {
        locked(&self.0.state).waiting.get(&flow).copied().unwrap_or(0)
    }

    /// For which services a flow waits.
    pub fn waiting_for(&self, flow: FlowId) -> Vec<WaitingFor> {
        let state = locked(&self.0.state);
        if !state.waiting.contains_key(&flow) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for (service, at) in &state.services {
            let requests = at.waiting.get(&flow).map_or(0, VecDeque::len);
            if requests > 0 {
                let others = at.count - requests;
                found.push(WaitingFor {
                    host: service.host().to_owned(),
                    requests,
                    others,
                    is_silent: at.trial.is_some(),
                });
            }
        }
        found
    }

    /// For which services a run waits, with the numbers of all that wait there.
    pub fn run_waits_for(&self, run: RunId) -> Vec<WaitingFor> {
        let state = locked(&self.0.state);
        let own = state.of_run(run).filter_map(|(service, _)| Some((service, state.services.get(service)?)));
        own.map(|(service, at)| WaitingFor {
            host: service.host().to_owned(),
            requests: 1,
            others: at.count.saturating_sub(1),
            is_silent: at.trial.is_some(),
        })
        .collect()
    }

    fn release(&self, service: &Service, ended: Ended) {
        let now = Instant::now();
        let mut state = locked(&self.0.state);
        state.held -= 1;
        if let Some(at) = state.services.get_mut(service) {
            at.held -= 1;
            at.note(ended, now, self.0.max.per_service);
        }
        let mut turns = Vec::new();
        state.hand_over(service, self, now, &mut turns);
        // Services for which only the places of all were missing, one after the other.
        for _ in 0..state.starved.len() {
            let Some(next) = state.starved.pop_front() else { break };
            state.hand_over(&next, self, now, &mut turns);
            if state.held >= 2 * self.0.max.all {
                break;
            }
        }
        drop(state);
        self.tell(turns);
    }

    fn tell(&self, turns: Vec<Turn>) {
        for turn in turns {
            if let Err(unheard) = self.0.turns.send(turn) {
                // The receiver goes when the runtime ends: nobody waits any more, so nobody is told when this is dropped.
                locked(&self.0.state).forget_waiting();
                drop(unheard);
            }
        }
    }

    /// Looks, as long as somebody waits, who has waited too long or waits for a dead service.
    pub async fn watch(self, mut stopped: tokio::sync::watch::Receiver<bool>) {
        loop {
            if locked(&self.0.state).until.is_empty() {
                tokio::select! {
                    _ = stopped.changed() => return,
                    () = self.0.waits.notified() => {}
                }
            }
            tokio::select! {
                _ = stopped.changed() => return,
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
            }
            self.look(Instant::now());
        }
    }

    fn look(&self, now: Instant) {
        let mut state = locked(&self.0.state);
        let mut turns = Vec::new();
        while let Some((until, run, service)) = state.deadlines.first().cloned()
            && until <= now
        {
            let Some(flow) = state.leave(&service, run) else { break };
            turns.push(Turn { flow, run, granted: Granted::Refused(service, Refused::TimedOut) });
        }
        let waited: Vec<Service> =
            state.services.iter().filter(|(_, at)| at.count > 0).map(|(service, _)| service.clone()).collect();
        // Whoever waits for a free place that a silent service's class did not get at its time gets it now.
        for service in &waited {
            state.hand_over(service, self, now, &mut turns);
        }
        let mut failed = 0;
        for service in waited {
            while failed < FAIL_FAST
                && let Some(at) = state.services.get(&service).filter(|at| at.trial.is_some() && at.held > 0)
            {
                let silences = at.silences;
                let Some((flow, run)) = state.next_of(&service) else { break };
                failed += 1;
                turns.push(Turn { flow, run, granted: Granted::Refused(service.clone(), Refused::Dead { silences }) });
            }
        }
        drop(state);
        self.tell(turns);
    }
}

impl At {
    fn new(now: Instant) -> Self {
        Self {
            held: 0,
            heard_at: now,
            silences: 0,
            has_answered: false,
            trial: None,
            waiting: BTreeMap::new(),
            turns: VecDeque::new(),
            count: 0,
        }
    }

    fn note(&mut self, ended: Ended, now: Instant, usual: usize) {
        match ended {
            Ended::Answered => {
                self.heard_at = now;
                self.has_answered = true;
                self.silences = 0;
                // Each answer doubles what a service that was dead is trusted with.
                self.trial = self.trial.map(|places| 2 * places).filter(|places| *places < usual);
            }
            Ended::Silent => {
                self.silences += 1;
                if self.silences >= SILENCES_MAX {
                    self.trial = Some(1);
                }
            }
            Ended::NotSent => {}
        }
    }

    fn is_full(&self, max: PlacesMax) -> bool {
        self.held >= self.trial.unwrap_or(max.per_service).min(max.per_service)
    }

    /// Whether nothing says that it would answer.
    fn is_silent(&self, now: Instant) -> bool {
        self.silences > 0 || (self.held > 0 && now.saturating_duration_since(self.heard_at) > SILENT_AFTER)
    }
}

impl State {
    fn may_enter(&self, service: &Service, max: PlacesMax, now: Instant) -> bool {
        let Some(at) = self.services.get(service) else { return false };
        if at.is_full(max) || self.held >= 2 * max.all {
            return false;
        }
        let half = max.all / 2;
        if self.held < half {
            return true;
        }
        let silent: usize =
            self.services.values().filter(|at| at.held > 0 && at.is_silent(now)).map(|at| at.held).sum();
        if at.is_silent(now) {
            // The first request of each comes first: it may be the one that is answered.
            silent < if at.held == 0 { half } else { half / 2 }
        } else {
            // What silent services hold beyond their half, since they answered when they got it, is not taken from the
            // others.
            let is_free = self.held - silent < max.all - silent.min(half);
            // Whether one that has never answered would is not known yet.
            is_free && (at.has_answered || self.held_by_new(now) < if at.held == 0 { half } else { half / 2 })
        }
    }

    /// Places of services that have never answered, and are not silent yet.
    fn held_by_new(&self, now: Instant) -> usize {
        self.services.values().filter(|at| !at.has_answered && !at.is_silent(now)).map(|at| at.held).sum()
    }

    fn enter(&mut self, service: &Service, now: Instant) {
        self.held += 1;
        if let Some(at) = self.services.get_mut(service) {
            if at.held == 0 {
                at.heard_at = now;
            }
            at.held += 1;
        }
    }

    fn wait(&mut self, service: &Service, flow: FlowId, run: RunId, deadline: Instant) {
        if self.until.insert((run, service.clone()), (deadline, flow)).is_some_and(|(old, _)| {
            self.deadlines.remove(&(old, run, service.clone()));
            true
        }) {
            self.deadlines.insert((deadline, run, service.clone()));
            return;
        }
        self.deadlines.insert((deadline, run, service.clone()));
        *self.waiting.entry(flow).or_insert(0) += 1;
        if let Some(at) = self.services.get_mut(service) {
            at.count += 1;
            let own = at.waiting.entry(flow).or_default();
            if own.is_empty() {
                at.turns.push_back(flow);
            }
            own.push_back(run);
        }
    }

    /// Takes a run from those that wait; gives its flow.
    fn leave(&mut self, service: &Service, run: RunId) -> Option<FlowId> {
        let (deadline, flow) = self.until.remove(&(run, service.clone()))?;
        self.deadlines.remove(&(deadline, run, service.clone()));
        if let Some(count) = self.waiting.get_mut(&flow) {
            *count -= 1;
            if *count == 0 {
                self.waiting.remove(&flow);
            }
        }
        if let Some(at) = self.services.get_mut(service) {
            at.count -= 1;
            if let Some(own) = at.waiting.get_mut(&flow) {
                // Most leave from the front.
                if own.front() == Some(&run) {
                    own.pop_front();
                } else {
                    own.retain(|other| *other != run);
                }
                if own.is_empty() {
                    at.waiting.remove(&flow);
                    at.turns.retain(|other| *other != flow);
                }
            }
        }
        Some(flow)
    }

    /// Takes the next run, flow by flow, from those that wait.
    fn next_of(&mut self, service: &Service) -> Option<(FlowId, RunId)> {
        let at = self.services.get_mut(service)?;
        let flow = at.turns.pop_front()?;
        at.turns.push_back(flow);
        let run = *at.waiting.get(&flow)?.front()?;
        self.leave(service, run);
        Some((flow, run))
    }

    fn hand_over(&mut self, service: &Service, places: &Places, now: Instant, turns: &mut Vec<Turn>) {
        let max = places.0.max;
        loop {
            let Some(at) = self.services.get(service).filter(|at| at.count > 0) else { return };
            let is_full = at.is_full(max);
            if !self.may_enter(service, max, now) {
                if !is_full && !self.starved.contains(service) {
                    self.starved.push_back(service.clone());
                }
                return;
            }
            let Some((flow, run)) = self.next_of(service) else { return };
            self.enter(service, now);
            turns.push(Turn { flow, run, granted: Granted::Place(places.place(service)) });
        }
    }

    fn of_run(&self, run: RunId) -> impl Iterator<Item = (&Service, &(Instant, FlowId))> {
        let begin = (run, Service("".into()));
        self.until.range(begin..).take_while(move |((own, _), _)| *own == run).map(|((_, service), at)| (service, at))
    }

    fn forget_idle(&mut self) {
        if self.services.len() >= SERVICES_KEPT {
            self.services.retain(|_, at| at.held + at.count > 0);
        }
    }

    fn forget_waiting(&mut self) {
        for at in self.services.values_mut() {
            at.waiting.clear();
            at.turns.clear();
            at.count = 0;
        }
        self.deadlines.clear();
        self.until.clear();
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests;
