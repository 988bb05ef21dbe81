//! The evaluated arguments of a call: their kinds, their refusal, the limits of what is made of them.

use std::sync::Arc;

use hookmill_model::{JsonError, MEMBER_BYTES, Object, Str, VALUE_BYTES, Value};

use crate::error::{Error, ErrorKind};
use crate::item::Item;
use crate::scope::{NameKind, Scope};
use crate::table::Function;
use crate::work::{Exhausted, Work};

pub(crate) type Result<T> = std::result::Result<T, Box<Error>>;

/// The evaluated arguments of one call.
pub(crate) struct Arguments<'a> {
    pub function: &'static Function,
    pub at: usize,
    pub items: Vec<Item>,
    pub scope: &'a dyn Scope,
    pub work: &'a Work<'a>,
}

impl Arguments<'_> {
    /// Takes from the work that the evaluation may do.
    pub fn spend(&self, amount: usize) -> Result<()> {
        self.work.spend(amount).map_err(|exhausted| self.exhausted(&exhausted))
    }

    /// Takes from the memory that the evaluation may fill, before `bytes` are made.
    pub fn make(&self, bytes: usize) -> Result<()> {
        self.work.make(bytes).map_err(|exhausted| self.exhausted(&exhausted))
    }

    pub fn exhausted(&self, exhausted: &Exhausted) -> Box<Error> {
        let mut error = self.too_much(exhausted);
        error.is_of_memory = matches!(exhausted, Exhausted::Memory(_));
        error
    }

    pub fn too_much(&self, message: impl std::fmt::Display) -> Box<Error> {
        self.error(ErrorKind::LimitExceeded, format!("The function '{}' does too much: {message}.", self.function.name))
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// The argument as a JSON value; XML as its content object.
    pub fn value(&self, index: usize) -> Value {
        self.items.get(index).cloned().map(Item::into_value).unwrap_or_default()
    }

    /// All arguments as JSON values.
    pub fn values(&self) -> Vec<Value> {
        self.items.iter().cloned().map(Item::into_value).collect()
    }

    pub fn item(&self, index: usize) -> &Item {
        const NULL: &Item = &Item::Value(Value::Null);
        self.items.get(index).unwrap_or(NULL)
    }

    pub fn error(&self, kind: ErrorKind, message: impl Into<String>) -> Box<Error> {
        Error::new(kind, self.at, message)
    }

    /// "expects its first parameter to be …"
    pub fn invalid(&self, index: usize, expected: &str) -> Box<Error> {
        const PLACES: [&str; 6] = ["first", "second", "third", "fourth", "fifth", "sixth"];
        let place = PLACES.get(index).copied().unwrap_or("last");
        self.error(
            ErrorKind::InvalidArgument,
            format!(
                "The template language function '{}' expects its {place} parameter to be {expected}. The provided value is of type '{}'.",
                self.function.name,
                self.item(index).type_name()
            ),
        )
    }

    /// "was invoked with a parameter that is not valid: …"
    pub fn refuse(&self, detail: impl std::fmt::Display) -> Box<Error> {
        self.error(
            ErrorKind::InvalidArgument,
            format!(
                "The template language function '{}' was invoked with a parameter that is not valid: {detail}.",
                self.function.name
            ),
        )
    }

    pub fn string(&self, index: usize) -> Result<Str> {
        match self.item(index) {
            Item::Value(Value::String(text)) => Ok(Arc::clone(text)),
            _ => Err(self.invalid(index, "a string")),
        }
    }

    /// What interpolation makes of an argument.
    pub fn text(&self, index: usize) -> Result<Str> {
        let item = self.item(index);
        let text = item.text(self.scope.limits().text_bytes_max()).ok_or_else(|| self.text_too_long())?;
        self.spend(text.len())?;
        if !matches!(item, Item::Value(Value::String(_)) | Item::Xml(_)) {
            self.make(text.len())?;
        }
        Ok(text)
    }

    /// The text of an optional argument; an argument that is null counts as left out.
    pub fn optional_string(&self, index: usize) -> Result<Option<Str>> {
        if index >= self.len() || matches!(self.item(index), Item::Value(Value::Null)) {
            return Ok(None);
        }
        self.string(index).map(Some)
    }

    pub fn integer(&self, index: usize) -> Result<i64> {
        match self.item(index) {
            Item::Value(Value::Integer(number)) => Ok(*number),
            #[allow(clippy::cast_possible_truncation)]
            Item::Value(Value::Float(number)) if number.fract() == 0.0 && number.abs() < 9e15 => Ok(*number as i64),
            Item::Value(Value::Decimal(number)) if number.fract().is_zero() => {
                rust_decimal::prelude::ToPrimitive::to_i64(number).ok_or_else(|| self.invalid(index, "an integer"))
            }
            _ => Err(self.invalid(index, "an integer")),
        }
    }

    pub fn array(&self, index: usize) -> Result<Arc<Vec<Value>>> {
        match self.item(index) {
            Item::Value(Value::Array(elements)) => Ok(Arc::clone(elements)),
            _ => Err(self.invalid(index, "an array")),
        }
    }

    pub fn object(&self, index: usize) -> Result<Arc<Object>> {
        match self.item(index) {
            Item::Value(Value::Object(members)) => Ok(Arc::clone(members)),
            _ => Err(self.invalid(index, "an object")),
        }
    }

    pub fn boolean(&self, index: usize) -> Result<bool> {
        match self.item(index) {
            Item::Value(Value::Bool(truth)) => Ok(*truth),
            _ => Err(self.invalid(index, "a boolean")),
        }
    }

    /// Refuses texts above the limit.
    pub fn made(&self, text: String) -> Result<Item> {
        self.within(text.len())?;
        Ok(Item::Value(text.into()))
    }

    /// A text of about the size of an argument, whose reading was counted.
    pub fn derived(&self, text: String) -> Result<Item> {
        self.make(text.len())?;
        Ok(Item::Value(text.into()))
    }

    pub fn text_too_long(&self) -> Box<Error> {
        let limits = self.scope.limits();
        let mut error = self.too_much(format!("it would make a text of more than {} bytes", limits.text_bytes_max()));
        error.is_of_memory = limits.made_bytes_max < limits.result_bytes_max;
        error
    }

    /// Refuses `bytes` above the limit, before they are made.
    pub fn within(&self, bytes: usize) -> Result<()> {
        if bytes > self.scope.limits().text_bytes_max() {
            return Err(self.text_too_long());
        }
        self.spend(bytes)?;
        self.make(bytes)
    }

    /// Refuses a number of elements above the limit, before they are made.
    pub fn elements_within(&self, count: usize) -> Result<()> {
        let max = self.scope.limits().elements_max;
        if count > max {
            return Err(self.too_much(format!("it would make an array of more than {max} elements")));
        }
        self.spend(count)?;
        self.make(count.saturating_mul(VALUE_BYTES))
    }

    /// Refuses arrays above the limit.
    pub fn made_array(&self, elements: Vec<Value>) -> Result<Item> {
        self.elements_within(elements.len())?;
        Ok(Item::Value(Value::array(elements)))
    }

    /// Reads JSON into the memory that is left; the inner error is the parser's.
    pub fn json(&self, bytes: &[u8]) -> Result<std::result::Result<Value, String>> {
        match Value::from_json_within(bytes, self.work.made_left()) {
            Ok(value) => {
                self.make(value.heap_bytes())?;
                Ok(Ok(value))
            }
            Err(JsonError::Malformed(error)) => Ok(Err(error.to_string())),
            Err(error @ JsonError::TooLarge { .. }) => Err(self.exhausted(&Exhausted::Memory(error.to_string()))),
        }
    }

    /// Refuses a value that was put into another and nests too deep now.
    pub fn nested(&self, value: Value) -> Result<Item> {
        self.make(match &value {
            Value::Array(elements) => elements.len().saturating_mul(VALUE_BYTES),
            Value::Object(members) => members.len().saturating_mul(MEMBER_BYTES),
            _ => 0,
        })?;
        let max = self.scope.limits().depth_max;
        let mut seen = 0;
        let fits = nests_within(&value, max, &mut seen);
        self.spend(seen)?;
        if fits {
            Ok(Item::Value(value))
        } else {
            Err(self.too_much(format!("its value would nest deeper than {max} levels")))
        }
    }

    /// The error for a name that does not exist.
    pub fn no_such(&self, what: &str, name: &str, kind: NameKind) -> Box<Error> {
        let message =
            format!("The {what} '{name}' that the function '{}' refers to does not exist.", self.function.name);
        self.error(ErrorKind::ReferenceNotFound, message).offering(name, self.scope.names(kind))
    }
}

/// Whether arrays and objects nest at most so deep; counts what it looks at.
pub(crate) fn nests_within(value: &Value, depth: usize, seen: &mut usize) -> bool {
    *seen += 1;
    match value {
        Value::Array(elements) => depth > 0 && elements.iter().all(|element| nests_within(element, depth - 1, seen)),
        Value::Object(members) => depth > 0 && members.values().all(|member| nests_within(member, depth - 1, seen)),
        _ => true,
    }
}
