//! What the expressions of one action run can see: its place in the plan and the state of the run.

use std::cell::{Cell, RefCell};

use hookmill_definition::Plan;
use hookmill_definition::plan::{ActionIndex, ActionKind};
use hookmill_expression::case::next_random;
use hookmill_expression::{Limits, NameKind, Scope, date_text, member};
use hookmill_model::{ActionStatus, Object, Str, Timestamp, Value};

use crate::command::ActionPath;
use crate::state::{Record, RunState};

/// The scope of one evaluation.
pub(crate) struct ActionScope<'a> {
    pub plan: &'a Plan,
    pub state: &'a RunState,
    pub now: Timestamp,
    /// The loops around, outermost first; one index each.
    pub loops: &'a [ActionIndex],
    pub indexes: &'a [u32],
    /// The element of a data operation.
    pub element: RefCell<Option<Value>>,
    /// What `action()` gives.
    pub current: Option<Value>,
    pub callback_url: Option<Str>,
    random: Cell<u64>,
    limits: Limits,
    /// What all evaluations in this scope may still read and make together, in bytes.
    work_left: Cell<usize>,
    /// Whether somebody waits for the decision.
    wanted: &'a dyn Fn() -> bool,
}

impl<'a> ActionScope<'a> {
    /// `salt` tells the evaluations of one action run apart, so that each draws its own random numbers.
    pub fn new(
        plan: &'a Plan,
        state: &'a RunState,
        now: Timestamp,
        loops: &'a [ActionIndex],
        indexes: &'a [u32],
        salt: (&str, u32),
    ) -> Self {
        let mut seed = state.seed ^ 0x5851_F42D_4C95_7F2D;
        for byte in salt.0.bytes() {
            seed = (seed ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
        for index in indexes.iter().chain([&salt.1]) {
            seed = (seed ^ u64::from(*index)).wrapping_mul(0x0000_0100_0000_01B3);
        }
        Self {
            plan,
            state,
            now,
            loops,
            indexes,
            element: RefCell::new(None),
            current: None,
            callback_url: None,
            random: Cell::new(seed),
            limits: Limits { made_bytes_max: room(plan, state), ..Limits::default() },
            work_left: Cell::new(plan.limits.data_work_max),
            wanted: &|| true,
        }
    }

    /// Evaluates only for as long as somebody waits for the decision.
    pub fn while_wanted(mut self, wanted: &'a dyn Fn() -> bool) -> Self {
        self.wanted = wanted;
        self
    }

    /// How many of the target's loops are around the reader too.
    fn common(&self, target: ActionIndex) -> usize {
        let own = &self.plan.actions[target].loops;
        own.iter().zip(self.loops).take_while(|(a, b)| a == b).count()
    }

    /// The records of the target that the reader sees: its own iteration's, or all of them.
    fn seen(&self, target: ActionIndex) -> Seen<'a> {
        let action = &self.plan.actions[target];
        let common = self.common(target);
        let prefix = &self.indexes[..common.min(self.indexes.len())];
        if common == action.loops.len() {
            return Seen::One(self.state.record(&action.name, prefix));
        }
        let runs = self.state.records.get(&action.name);
        let records = runs.into_iter().flat_map(|runs| runs.range(prefix.to_vec()..));
        let below = records.take_while(|(indexes, _)| indexes.starts_with(prefix));
        // The record of an action in a loop that did not run has fewer indexes, and is no iteration's.
        let whole = below.filter(|(indexes, _)| indexes.len() == action.loops.len());
        Seen::Many(whole.map(|(_, record)| record).collect())
    }

    /// The record of an action in a loop that did not run.
    fn without_iteration(&self, target: ActionIndex) -> Option<&'a Record> {
        let common = self.common(target).min(self.indexes.len());
        self.state.record(&self.plan.actions[target].name, &self.indexes[..common])
    }

    fn child(&self, target: ActionIndex) -> Value {
        let action = &self.plan.actions[target];
        match self.seen(target) {
            Seen::One(record) => record.map_or(Value::Null, |record| self.describe(target, record)),
            Seen::Many(records) => {
                let last = records.last().copied().or_else(|| self.without_iteration(target));
                let mut members = match last {
                    Some(last) => self.describe(target, last).as_object().cloned().unwrap_or_default(),
                    None => [("name", Value::from(action.name.clone()))].into_iter().collect(),
                };
                let count = i64::try_from(records.len()).unwrap_or(i64::MAX);
                members.insert(
                    "outputs",
                    Value::array(records.iter().map(|record| self.describe(target, record)).collect()),
                );
                members.insert("repetitionCount", Value::Integer(count));
                members.into()
            }
        }
    }

    fn describe(&self, target: ActionIndex, record: &Record) -> Value {
        describe(&self.plan.actions[target].name, record, &self.state.tracking_id())
    }
}

/// Bytes that the values of one evaluation may take: what the run may still have. What is counted too much before the
/// state is looked through again must not make small evaluations fail. A decision may be allowed less: see
/// [`crate::Allowance`].
pub(crate) fn room(plan: &Plan, state: &RunState) -> usize {
    let most = plan.limits.run_bytes_max;
    let room = most.saturating_sub(state.bytes()).max(most / 16);
    state.allowed().map_or(room, |allowed| room.min(allowed))
}

enum Seen<'a> {
    One(Option<&'a Record>),
    Many(Vec<&'a Record>),
}

impl RunState {
    pub(crate) fn tracking_id(&self) -> Str {
        let own = self.trigger.get("clientTrackingId").and_then(Value::as_str);
        own.map_or_else(|| self.run.map(|run| run.to_string()).unwrap_or_default().into(), Into::into)
    }
}

/// An identifier in the form of a guid, the same in each replay.
fn tracking_id(of: &str) -> String {
    use sha2::Digest as _;
    let hash = sha2::Sha256::digest(of.as_bytes());
    let hex = hookmill_model::hex(&hash[..16]);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// A record as expressions see it.
pub(crate) fn describe(name: &Str, record: &Record, client_tracking_id: &Str) -> Value {
    let mut members = Object::with_capacity(10);
    members.insert("name", name.clone());
    if let Some(inputs) = &record.inputs {
        members.insert("inputs", inputs.clone());
    }
    if let Some(outputs) = &record.outputs {
        members.insert("outputs", outputs.clone());
    }
    members.insert("startTime", date_text(record.started_at));
    if let Some(ended_at) = record.ended_at {
        members.insert("endTime", date_text(ended_at));
    }
    let made = format!("{client_tracking_id}/{name}/{}", record.started_at.as_micros());
    members.insert("trackingId", tracking_id(&made));
    members.insert("clientTrackingId", client_tracking_id.clone());
    if !record.code.is_empty() && &*record.code != "NotSpecified" {
        members.insert("code", record.code.clone());
    }
    members.insert("status", record.status.as_str());
    if let Some(error) = &record.error {
        members.insert("error", Value::object([("code", error.code.clone()), ("message", error.message.clone())]));
    }
    members.into()
}

impl Scope for ActionScope<'_> {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn random(&self) -> u64 {
        let mut state = self.random.get();
        let number = next_random(&mut state);
        self.random.set(state);
        number
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn is_stopped(&self) -> bool {
        !(self.wanted)()
    }

    fn work_left(&self) -> usize {
        self.work_left.get()
    }

    fn worked(&self, amount: usize) {
        self.work_left.set(self.work_left.get().saturating_sub(amount));
    }

    fn trigger(&self) -> Option<Value> {
        let Some(members) = self.state.trigger.as_object() else { return Some(self.state.trigger.clone()) };
        let mut members = members.clone();
        let client = self.state.tracking_id();
        if !members.contains_key("clientTrackingId") {
            members.insert("clientTrackingId", client.clone());
        }
        if !members.contains_key("trackingId") {
            members.insert("trackingId", tracking_id(&format!("{client}/trigger")));
        }
        Some(members.into())
    }

    fn trigger_outputs(&self) -> Option<Value> {
        self.state.trigger.get("outputs").cloned()
    }

    fn action(&self, name: &str) -> Option<Value> {
        self.plan.find(name).map(|target| self.child(target))
    }

    fn action_outputs(&self, name: &str) -> Option<Value> {
        let target = self.plan.find(name)?;
        Some(match self.seen(target) {
            Seen::One(record) => record.and_then(|record| record.outputs.clone()).unwrap_or_default(),
            Seen::Many(records) => {
                let outputs = records.iter().map(|record| record.outputs.clone().unwrap_or_default());
                Value::array(outputs.collect())
            }
        })
    }

    fn current_action(&self) -> Option<Value> {
        self.current.clone()
    }

    fn parameter(&self, name: &str) -> Option<Value> {
        let supplied = member(&self.state.parameters, name).cloned();
        supplied.or_else(|| {
            let lower = name.to_lowercase();
            let known = self.plan.parameters.get(lower.as_str());
            match known {
                Some(parameter) => Some(parameter.default.clone().unwrap_or_default()),
                None => lower.starts_with('$').then(|| Object::new().into()),
            }
        })
    }

    fn variable(&self, name: &str) -> Option<Value> {
        self.state.variables.get(name.to_lowercase().as_str()).map(|variable| variable.value())
    }

    fn item(&self, of_loop: Option<&str>) -> Option<Value> {
        let place = match of_loop {
            None => {
                if let Some(element) = &*self.element.borrow() {
                    return Some(element.clone());
                }
                let is_foreach =
                    |index: &ActionIndex| matches!(self.plan.actions[*index].kind, ActionKind::Foreach { .. });
                self.loops.iter().rposition(is_foreach)?
            }
            Some(name) => {
                let target = self.plan.find(name)?;
                self.loops.iter().position(|index| *index == target)?
            }
        };
        let action = self.plan.actions[self.loops[place]].name.clone();
        let path = ActionPath { action, indexes: self.indexes.get(..place)?.to_vec() };
        let items = self.state.loops.get(&path)?.items.as_ref()?.as_array()?;
        items.get(usize::try_from(*self.indexes.get(place)?).ok()?).cloned()
    }

    fn iteration_index(&self, of_loop: &str) -> Option<i64> {
        let target = self.plan.find(of_loop)?;
        let place = self.loops.iter().position(|index| *index == target)?;
        self.indexes.get(place).map(|index| i64::from(*index))
    }

    fn result(&self, scope: &str) -> Option<Value> {
        let target = self.plan.find(scope)?;
        let action = &self.plan.actions[target];
        let is_until = matches!(action.kind, ActionKind::Until { .. });
        let mut children = Vec::new();
        for group in action.kind.groups() {
            for child in &self.plan.groups[group].actions {
                if !is_until || self.common(*child) == self.plan.actions[*child].loops.len() {
                    children.push(self.child(*child));
                    continue;
                }
                // Of an Until the last iteration counts.
                if let Seen::Many(records) = self.seen(*child) {
                    let last = records.last().copied().or_else(|| self.without_iteration(*child));
                    children.extend(last.map(|last| self.describe(*child, last)));
                }
            }
        }
        children.retain(|child| !child.is_null());
        Some(Value::array(children))
    }

    fn workflow(&self) -> Value {
        self.state.workflow.clone()
    }

    fn callback_url(&self) -> Option<Value> {
        self.callback_url.clone().map(Value::String)
    }

    fn names(&self, kind: NameKind) -> Vec<Str> {
        match kind {
            NameKind::Action => self.plan.actions.iter().map(|action| action.name.clone()).collect(),
            NameKind::Variable => self.state.variables.values().map(|variable| variable.name.clone()).collect(),
            NameKind::Parameter => self.plan.parameters.values().map(|parameter| parameter.name.clone()).collect(),
            NameKind::Loop => self.loops.iter().map(|index| self.plan.actions[*index].name.clone()).collect(),
        }
    }
}

/// Whether a status counts as a failure of its group.
pub(crate) const fn is_bad(status: ActionStatus) -> bool {
    matches!(status, ActionStatus::Failed | ActionStatus::TimedOut | ActionStatus::Cancelled)
}
