//! How much memory the values of a run take: what several places share counts once.
//!
//! Each fact adds an upper bound of what it brings. Where the bounds add up to more than the run may have, the state is
//! looked through; so the work stays in proportion to what facts bring.

use std::collections::HashSet;
use std::sync::Arc;

use hookmill_model::{ARRAY_BYTES, MEMBER_BYTES, OBJECT_BYTES, Object, Str, TEXT_BYTES, VALUE_BYTES, Value};

use crate::command::{ActionRequest, OperationRequest, Outcome};
use crate::fact::{self, ActionError, Fact, TakenOver};
use crate::state::{CallState, Record, RunState};

/// What a record of an action run takes beside its values.
const RECORD_BYTES: usize = 400;
/// What an open iteration, wait or request takes beside its values.
const OPEN_BYTES: usize = 200;
/// A fact counts for at most so much until the state is looked through.
const FACT_BYTES_MAX: usize = 16 * 1_024 * 1_024;
/// Shorter texts are counted each time: remembering where they are would take as much as they do.
const SHARED_TEXT_BYTES_MIN: usize = 64;

/// What is known of the memory that a state takes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extent {
    /// What the values took when they were looked through last.
    measured: usize,
    /// At most so much came since.
    added: usize,
    /// One evaluation of the present decision may make no more than this; `None` where only the run's bound counts.
    allowed: Option<usize>,
}

impl PartialEq for Extent {
    /// When the state was looked through is no part of it: equal states may have been measured at different times.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Extent {
    pub fn add(&mut self, fact: &Fact) {
        self.added = self.added.saturating_add(added(fact));
    }
}

/// An upper bound of what a fact adds to the state.
fn added(fact: &Fact) -> usize {
    let value = |value: &Value| value.heap_bytes_within(FACT_BYTES_MAX);
    let option = |own: &Option<Value>| own.as_ref().map_or(0, value);
    match fact {
        Fact::RunStarted(fact::RunStarted { trigger, parameters, workflow, taken_over, .. }) => {
            let taken = taken_over.iter().map(|own| {
                let set: usize = own.variables.iter().map(|(.., set)| value(set)).sum();
                let appended: usize = own.appended.iter().map(|(_, piece)| value(piece)).sum();
                RECORD_BYTES + option(&own.inputs) + option(&own.outputs) + set + appended
            });
            value(trigger) + value(parameters) + value(workflow) + taken.sum::<usize>()
        }
        Fact::ActionStarted(fact::ActionStarted { inputs, .. }) => RECORD_BYTES + option(inputs),
        Fact::EffectStarted(fact::EffectStarted { request, .. }) => {
            OPEN_BYTES + request_parts(request).into_iter().map(value).sum::<usize>()
        }
        Fact::EffectEnded(fact::EffectEnded { performed, .. }) => match &performed.outcome {
            Outcome::Replied { body, .. } => option(body),
            Outcome::NoReply { .. } => 0,
        },
        Fact::CallbackReceived(fact::CallbackReceived { outputs, .. }) => value(outputs),
        Fact::LoopStarted(fact::LoopStarted { items, .. }) => OPEN_BYTES + option(items),
        Fact::IterationStarted(_) | Fact::Waiting(_) => OPEN_BYTES,
        Fact::DecisionPaused(fact::DecisionPaused { due, .. }) => OPEN_BYTES * due.len(),
        Fact::ActionEnded(fact::ActionEnded { outputs, .. }) => RECORD_BYTES + option(outputs),
        Fact::VariableSet(fact::VariableSet { value: set, .. })
        | Fact::VariableAppended(fact::VariableAppended { value: set, .. }) => value(set),
        Fact::Responded(fact::Responded { headers, body, .. }) => value(headers) + option(body),
        Fact::RunEnded(fact::RunEnded { outputs, .. }) => option(outputs),
        Fact::Released(_)
        | Fact::EffectRedispatched(_)
        | Fact::BranchChosen(_)
        | Fact::IterationEnded(_)
        | Fact::DecisionResumed(_)
        | Fact::CancelRequested(_)
        | Fact::RunStopped(_) => 0,
    }
}

/// The values of a request that can be large.
fn request_parts(request: &ActionRequest) -> Vec<&Value> {
    match request {
        ActionRequest::Http(http) => vec![&http.body, &http.authentication],
        ActionRequest::Connector(connector) => match &connector.operation {
            OperationRequest::ById { parameters, .. } => vec![parameters],
            OperationRequest::ByPath { queries, headers, body, .. } => vec![queries, headers, body],
            OperationRequest::Follow { .. } => Vec::new(),
        },
        ActionRequest::JavaScript { context, .. } => vec![context],
        ActionRequest::ChildFlow { headers, body, .. } => vec![headers, body],
    }
}

/// Adds up values, each shared part once.
#[derive(Default)]
struct Census {
    seen: HashSet<usize>,
    bytes: usize,
}

impl Census {
    fn is_new(&mut self, address: usize) -> bool {
        self.seen.insert(address)
    }

    fn value(&mut self, value: &Value) {
        self.bytes += VALUE_BYTES;
        match value {
            Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::Decimal(_) => {}
            Value::String(text) => {
                if text.len() < SHARED_TEXT_BYTES_MIN || self.is_new(Arc::as_ptr(text).addr()) {
                    self.bytes += TEXT_BYTES + text.len();
                }
            }
            Value::Array(elements) => {
                if self.is_new(Arc::as_ptr(elements).addr()) {
                    self.bytes += ARRAY_BYTES;
                    elements.iter().for_each(|element| self.value(element));
                }
            }
            Value::Object(members) => {
                if self.is_new(Arc::as_ptr(members).addr()) {
                    self.object(members);
                }
            }
        }
    }

    fn object(&mut self, members: &Object) {
        self.bytes += OBJECT_BYTES;
        for (name, value) in members.iter() {
            self.bytes += MEMBER_BYTES - VALUE_BYTES + name.len();
            self.value(value);
        }
    }

    fn option(&mut self, value: Option<&Value>) {
        if let Some(value) = value {
            self.value(value);
        }
    }

    fn error(&mut self, error: Option<&ActionError>) {
        self.bytes += error.map_or(0, |error| error.message.len());
    }

    fn request(&mut self, request: &ActionRequest) {
        request_parts(request).into_iter().for_each(|part| self.value(part));
    }

    fn call(&mut self, call: &CallState) {
        self.bytes += OPEN_BYTES;
        call.request.iter().for_each(|(_, request)| self.request(request));
        call.first.iter().for_each(|request| self.request(request));
        call.pages.iter().for_each(|page| self.value(page));
        self.option(call.subscribed.as_ref());
        self.option(call.callback.as_ref());
    }

    fn taken_over(&mut self, own: &TakenOver) {
        self.bytes += RECORD_BYTES;
        self.option(own.inputs.as_ref());
        self.option(own.outputs.as_ref());
        own.variables.iter().for_each(|(.., set)| self.value(set));
        own.appended.iter().for_each(|(_, piece)| self.value(piece));
    }
}

impl RunState {
    /// The memory that the values of the run take, in bytes: never less than that, and up to a sixteenth of the run's
    /// bound more.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.extent.measured.saturating_add(self.extent.added)
    }

    /// What came at most since the state was looked through.
    pub(crate) const fn bytes_added(&self) -> usize {
        self.extent.added
    }

    /// What one evaluation of the present decision may make at most; `None` where only the run's bound counts.
    pub(crate) const fn allowed(&self) -> Option<usize> {
        self.extent.allowed
    }

    /// Sets what one evaluation of a decision may make at most.
    pub(crate) const fn allow(&mut self, bytes: Option<usize>) {
        self.extent.allowed = bytes;
    }

    /// The action whose inputs and outputs take most; `None` where no action has begun.
    pub(crate) fn largest_action(&self) -> Option<Str> {
        let value = |value: &Option<Value>| value.as_ref().map_or(0, |own| own.heap_bytes_within(FACT_BYTES_MAX));
        let bytes = |record: &Record| value(&record.inputs) + value(&record.outputs);
        #[allow(clippy::disallowed_methods)] // The name decides between equal ones.
        let all = self.records.iter().flat_map(|(name, runs)| runs.values().map(move |record| (bytes(record), name)));
        all.max().map(|(_, name)| name.clone())
    }

    /// Looks through the whole state, so that [`Self::bytes`] is exact.
    pub(crate) fn measure(&mut self) {
        let mut census = Census::default();
        census.value(&self.trigger);
        census.object(&self.parameters);
        census.value(&self.workflow);
        census.option(self.outputs.as_ref());
        for variable in self.variables.values() {
            let (value, text) = variable.parts();
            census.value(value);
            census.bytes += text;
        }
        #[allow(clippy::disallowed_methods)] // A sum is the same in any order.
        for record in self.records.values().flat_map(std::collections::BTreeMap::values) {
            census.bytes += RECORD_BYTES;
            census.option(record.inputs.as_ref());
            census.option(record.outputs.as_ref());
            census.error(record.error.as_ref());
            record.call.iter().for_each(|call| census.call(call));
        }
        for open in self.open.values() {
            census.bytes += OPEN_BYTES;
            census.request(&open.request);
        }
        census.bytes += (self.waits.len() + self.due.len()) * OPEN_BYTES;
        for own in self.loops.values() {
            census.bytes += OPEN_BYTES * (1 + own.active.len());
            census.option(own.items.as_ref());
        }
        if let Some(response) = &self.response {
            census.value(&response.headers);
            census.option(response.body.as_ref());
        }
        self.taken_over.values().for_each(|own| census.taken_over(own));
        self.extent = Extent { measured: census.bytes, added: 0, ..self.extent };
    }
}
