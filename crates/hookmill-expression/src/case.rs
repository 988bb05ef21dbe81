//! Evaluation against a context that is written down: test cases, `expression eval`, the designer's live evaluation.
//!
//! A context is an object; all members are optional: `parameters`, `variables`, `triggerOutputs`, `trigger`, `outputs`
//! (action → outputs), `actions` (action → record), `item`, `items`, `iterationIndexes`, `results`, `action`,
//! `workflow`, `callbackUrl`, `now`.

use std::cell::Cell;

use hookmill_model::{Str, Timestamp, Value};

use crate::error::{Error, ErrorKind};
use crate::scope::{Limits, NameKind, Scope};
use crate::selection::member;
use crate::template::Compiled;

/// A scope over a context object.
pub struct Context<'a> {
    context: &'a Value,
    now: Timestamp,
    seed: Cell<u64>,
    limits: Limits,
    wanted: Option<&'a dyn Fn() -> bool>,
}

impl<'a> Context<'a> {
    /// `now` counts where the context does not say; `seed` begins the random numbers.
    #[must_use]
    pub fn new(context: &'a Value, now: Timestamp, seed: u64, limits: Limits) -> Self {
        let said = context.get("now").and_then(Value::as_str).and_then(|text| text.parse().ok());
        Self { context, now: said.unwrap_or(now), seed: Cell::new(seed), limits, wanted: None }
    }

    /// Evaluates only for as long as `wanted` says that somebody waits.
    #[must_use]
    pub fn while_wanted(mut self, wanted: &'a dyn Fn() -> bool) -> Self {
        self.wanted = Some(wanted);
        self
    }

    fn group(&self, group: &str) -> Option<&'a hookmill_model::Object> {
        self.context.get(group).and_then(Value::as_object)
    }

    fn named(&self, group: &str, name: &str) -> Option<Value> {
        self.group(group).and_then(|members| member(members, name)).cloned()
    }
}

/// The next number of a sequence that begins with `state` (SplitMix64).
#[must_use]
pub fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

impl Scope for Context<'_> {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn random(&self) -> u64 {
        let mut state = self.seed.get();
        let number = next_random(&mut state);
        self.seed.set(state);
        number
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn is_stopped(&self) -> bool {
        self.wanted.is_some_and(|wanted| !wanted())
    }

    fn trigger(&self) -> Option<Value> {
        if let Some(trigger) = self.context.get("trigger") {
            return Some(trigger.clone());
        }
        let outputs = self.context.get("triggerOutputs")?;
        Some(Value::object([("outputs", outputs.clone())]))
    }

    fn trigger_outputs(&self) -> Option<Value> {
        match self.context.get("triggerOutputs") {
            Some(outputs) => Some(outputs.clone()),
            None => self.context.get("trigger").and_then(|record| record.get("outputs")).cloned(),
        }
    }

    fn action(&self, name: &str) -> Option<Value> {
        self.named("actions", name).or_else(|| {
            let outputs = self.named("outputs", name)?;
            Some(Value::object([("name", name.into()), ("status", "Succeeded".into()), ("outputs", outputs)]))
        })
    }

    fn action_outputs(&self, name: &str) -> Option<Value> {
        self.named("outputs", name)
            .or_else(|| self.named("actions", name).map(|record| record.get("outputs").cloned().unwrap_or_default()))
    }

    fn current_action(&self) -> Option<Value> {
        self.context.get("action").cloned()
    }

    fn parameter(&self, name: &str) -> Option<Value> {
        self.named("parameters", name)
    }

    fn variable(&self, name: &str) -> Option<Value> {
        self.named("variables", name)
    }

    fn item(&self, of_loop: Option<&str>) -> Option<Value> {
        match of_loop {
            None => self.context.get("item").cloned(),
            Some(name) => self.named("items", name),
        }
    }

    fn iteration_index(&self, of_loop: &str) -> Option<i64> {
        self.named("iterationIndexes", of_loop).and_then(|index| index.as_i64())
    }

    fn result(&self, scope: &str) -> Option<Value> {
        self.named("results", scope)
    }

    fn workflow(&self) -> Value {
        self.context.get("workflow").cloned().unwrap_or_default()
    }

    fn callback_url(&self) -> Option<Value> {
        self.context.get("callbackUrl").cloned()
    }

    fn names(&self, kind: NameKind) -> Vec<Str> {
        let groups: &[&str] = match kind {
            NameKind::Action => &["actions", "outputs", "results"],
            NameKind::Variable => &["variables"],
            NameKind::Parameter => &["parameters"],
            NameKind::Loop => &["items", "iterationIndexes"],
        };
        groups.iter().filter_map(|group| self.group(group)).flat_map(|members| members.keys().cloned()).collect()
    }
}

/// Evaluates a value as a template against a context.
///
/// # Errors
/// The first fault.
pub fn evaluate(expression: &Value, context: &Context<'_>) -> Result<Value, Error> {
    let compiled = Compiled::new_within(expression, context.limits()).map_err(|mut faults| faults.swap_remove(0).1)?;
    compiled.evaluate(context).map_err(|(_, error)| error)
}

/// How a case ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Its `id`.
    pub id: String,
    /// Why it failed; `None` where it passed.
    pub failure: Option<String>,
}

/// Runs one case: `{"id", "expression", "context"?, "expected" | "error"}`.
#[must_use]
pub fn run(case: &Value, now: Timestamp) -> Verdict {
    let id = case.get("id").map(|id| crate::item::text(id).to_string()).unwrap_or_default();
    let nothing = Value::Null;
    let context = Context::new(case.get("context").unwrap_or(&nothing), now, 1, Limits::default());
    let Some(expression) = case.get("expression") else {
        return Verdict { id, failure: Some("the case has no \"expression\"".to_owned()) };
    };
    let outcome = evaluate(expression, &context);
    let failure = match (case.get("error").and_then(Value::as_str), case.get("expected"), outcome) {
        (Some(kind), _, Ok(value)) => Some(format!("expected the error {kind}, got {value}")),
        (Some(kind), _, Err(error)) => {
            let same = error.kind.as_str() == kind || (error.kind.is_found_when_saving() && found_when_saving(kind));
            (!same).then(|| format!("expected the error {kind}, got {error}"))
        }
        (None, Some(expected), Ok(value)) => {
            (!agrees(&value, expected)).then(|| format!("expected {expected}, got {value}"))
        }
        (None, Some(expected), Err(error)) => Some(format!("expected {expected}, got {error}")),
        (None, None, _) => Some("the case has neither \"expected\" nor \"error\"".to_owned()),
    };
    Verdict { id, failure }
}

fn found_when_saving(kind: &str) -> bool {
    use ErrorKind::{ArgumentCount, ParseError, ReferenceNotFound, UnknownFunction};
    [ParseError, UnknownFunction, ArgumentCount, ReferenceNotFound].iter().any(|own| own.as_str() == kind)
}

/// Whether two values agree: numbers by value with a relative tolerance of 1e-12, objects whatever their order.
#[must_use]
pub fn agrees(value: &Value, expected: &Value) -> bool {
    match (value, expected) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| agrees(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, value)| b.get(name).is_some_and(|other| agrees(value, other)))
        }
        _ => match (value.as_f64(), expected.as_f64()) {
            (Some(a), Some(b)) => value == expected || (a - b).abs() <= 1e-12 * a.abs().max(b.abs()),
            _ => value == expected,
        },
    }
}
