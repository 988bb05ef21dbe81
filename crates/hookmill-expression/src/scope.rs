//! What an expression can see: the run around it, the time, the source of randomness, the limits.

use hookmill_model::{Str, Timestamp, Value};

/// Bounds that keep one expression from exhausting time or memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Characters of one expression.
    pub expression_chars_max: usize,
    /// How deep calls nest in an expression, and arrays and objects in the value that it makes.
    pub depth_max: usize,
    /// Bytes of a text that a function makes.
    pub result_bytes_max: usize,
    /// Elements of an array that a function makes; nodes of an XML document.
    pub elements_max: usize,
    /// Bytes and elements that all functions of one evaluation read and make together. It bounds the time.
    pub work_max: usize,
    /// Bytes of all values that one evaluation makes together, those included that it drops on the way.
    pub made_bytes_max: usize,
}

impl Limits {
    /// What holds where nothing else is said: the published limits of Power Automate where there are any. JSON that
    /// nests deeper than 128 levels cannot be read back, so values stay well below.
    pub const DEFAULT: Self = Self {
        expression_chars_max: 8_192,
        depth_max: 100,
        result_bytes_max: 104_857_600,
        elements_max: 1_000_000,
        work_max: 500_000_000,
        made_bytes_max: 134_217_728,
    };
}

impl Limits {
    /// Bytes that one text may have: its own bound, and what all values may take together.
    #[must_use]
    pub const fn text_bytes_max(&self) -> usize {
        if self.made_bytes_max < self.result_bytes_max { self.made_bytes_max } else { self.result_bytes_max }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What names there are, for "did you mean".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    /// Actions, scopes and loops.
    Action,
    /// Variables.
    Variable,
    /// Parameters.
    Parameter,
    /// Loops around the expression.
    Loop,
}

/// What an evaluation can see. Time and randomness come from here too, so that an evaluation is a function of its scope.
///
/// Names are matched by the implementor ignoring case, as the definition language does. Values are returned by
/// reference count, so no method may build a payload anew.
pub trait Scope {
    /// The time of the decision.
    fn now(&self) -> Timestamp;

    /// The next draw of the run's own sequence of random numbers.
    fn random(&self) -> u64;

    /// The bounds.
    fn limits(&self) -> &Limits;

    /// Whether nobody waits for the evaluation any more; it is asked every few milliseconds of work.
    fn is_stopped(&self) -> bool {
        false
    }

    /// How much work all evaluations in this scope may still do together, beside the bound of each.
    fn work_left(&self) -> usize {
        usize::MAX
    }

    /// Takes note of the work that an evaluation in this scope has done.
    fn worked(&self, amount: usize) {
        let _ = amount;
    }

    /// `trigger()`
    fn trigger(&self) -> Option<Value> {
        None
    }

    /// `triggerOutputs()`
    fn trigger_outputs(&self) -> Option<Value> {
        self.trigger().and_then(|record| record.get("outputs").cloned())
    }

    /// `actions('…')`: the whole record; `None` where there is no such action.
    fn action(&self, name: &str) -> Option<Value> {
        let _ = name;
        None
    }

    /// `outputs('…')`: `Null` for an action without outputs, `None` where there is no such action.
    fn action_outputs(&self, name: &str) -> Option<Value> {
        self.action(name).map(|record| record.get("outputs").cloned().unwrap_or_default())
    }

    /// `action()`
    fn current_action(&self) -> Option<Value> {
        None
    }

    /// `parameters('…')`
    fn parameter(&self, name: &str) -> Option<Value> {
        let _ = name;
        None
    }

    /// `variables('…')`
    fn variable(&self, name: &str) -> Option<Value> {
        let _ = name;
        None
    }

    /// `item()` without a name, `items('…')` with one.
    fn item(&self, of_loop: Option<&str>) -> Option<Value> {
        let _ = of_loop;
        None
    }

    /// `iterationIndexes('…')`
    fn iteration_index(&self, of_loop: &str) -> Option<i64> {
        let _ = of_loop;
        None
    }

    /// `result('…')`
    fn result(&self, scope: &str) -> Option<Value> {
        let _ = scope;
        None
    }

    /// `workflow()`
    fn workflow(&self) -> Value {
        Value::Null
    }

    /// `listCallbackUrl()`
    fn callback_url(&self) -> Option<Value> {
        None
    }

    /// The names there are.
    fn names(&self, kind: NameKind) -> Vec<Str> {
        let _ = kind;
        Vec::new()
    }
}
