//! A variable of a run. Appending costs what is appended, whatever the variable holds already.

use hookmill_definition::plan::VariableKind;
use hookmill_model::{Str, Value};

/// One variable.
#[derive(Clone, Debug)]
pub struct Variable {
    /// As written.
    pub name: Str,
    /// Its kind.
    pub kind: VariableKind,
    /// Its value, up to `tail`.
    base: Value,
    /// What was appended to a text since the base was made; never longer than the base, so that joining them costs a
    /// constant for each byte that is appended.
    tail: String,
    /// [`Value::json_bytes`] of the value.
    json_bytes: usize,
}

impl Variable {
    /// A variable with a value.
    #[must_use]
    pub fn new(name: Str, kind: VariableKind, value: Value) -> Self {
        Self { name, kind, json_bytes: value.json_bytes(), base: value, tail: String::new() }
    }

    /// Its value.
    #[must_use]
    pub fn value(&self) -> Value {
        if self.tail.is_empty() { self.base.clone() } else { self.joined().into() }
    }

    /// [`Value::json_bytes`] of the value, without counting anew.
    #[must_use]
    pub const fn json_bytes(&self) -> usize {
        self.json_bytes
    }

    /// The parts that hold its memory: a value, and a text of so many bytes.
    pub(crate) fn parts(&self) -> (&Value, usize) {
        (&self.base, self.tail.capacity())
    }

    /// Appends an element to an array, or a text to a text; a variable without a value begins empty.
    pub(crate) fn append(&mut self, value: &Value) {
        if self.kind == VariableKind::Array {
            if self.base.as_array().is_none() {
                self.base = Value::array(Vec::new());
                self.json_bytes = self.base.json_bytes();
            }
            if let Some(elements) = self.base.as_array_mut() {
                elements.push(value.clone());
            }
            self.json_bytes += value.json_bytes() + 1;
            return;
        }
        let text = value.as_str().unwrap_or_default();
        if self.base.is_null() {
            self.base = "".into();
            self.json_bytes = self.base.json_bytes();
        }
        self.tail.push_str(text);
        self.json_bytes += text.len();
        if self.tail.len() > self.base.as_str().map_or(0, str::len) {
            self.base = self.joined().into();
            self.tail = String::new();
        }
    }

    fn joined(&self) -> String {
        let base = self.base.as_str().unwrap_or_default();
        let mut text = String::with_capacity(base.len() + self.tail.len());
        text.push_str(base);
        text.push_str(&self.tail);
        text
    }
}

impl PartialEq for Variable {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.kind == other.kind && self.value() == other.value()
    }
}
