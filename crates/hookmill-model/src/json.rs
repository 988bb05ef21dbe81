//! Reading JSON into values, within a budget of memory where the text comes from outside.
//!
//! A text of `[[],[],…]` or `{"a":{}}` takes many times its length in memory, so a bound on the length of a text alone
//! bounds little. A budget counts what each value will take before the value is made.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::{Arc, LazyLock};

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::object::Object;
use crate::value::{Str, Value};

/// The place of a value in its array, in bytes.
pub const VALUE_BYTES: usize = 24;
/// A text without its characters: the header of a shared allocation.
pub const TEXT_BYTES: usize = 24;
/// An array without its elements.
pub const ARRAY_BYTES: usize = 48;
/// An object without its members: header, hash table, list.
pub const OBJECT_BYTES: usize = 160;
/// A member without the characters of its name and without what its value takes: hash, name, value, table.
pub const MEMBER_BYTES: usize = 88;

/// Why a text could not be read.
#[derive(Debug)]
pub enum JsonError {
    /// It is not JSON, or nests deeper than 128 levels.
    Malformed(serde_json::Error),
    /// Its values would take more memory than allowed.
    TooLarge {
        /// The bytes that were allowed.
        max: usize,
    },
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => error.fmt(f),
            Self::TooLarge { max } => write!(f, "its values would take more than {} KiB of memory", max >> 10),
        }
    }
}

impl std::error::Error for JsonError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Malformed(error) => Some(error),
            Self::TooLarge { .. } => None,
        }
    }
}

impl Value {
    /// Reads a JSON text whose values take at most `heap_max` bytes of memory, counted as [`Value::heap_bytes`] does.
    ///
    /// # Errors
    /// The parser's error, or that the values would take too much. Nothing larger than allowed is made on the way.
    pub fn from_json_within(bytes: &[u8], heap_max: usize) -> Result<Self, JsonError> {
        let budget = Budget { left: Cell::new(heap_max), exceeded: Cell::new(false) };
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let scratch = Scratch::default();
        let read = Reader { budget: Some(&budget), scratch: &scratch }
            .deserialize(&mut reader)
            .and_then(|value| reader.end().map(|()| value));
        read.map_err(|error| {
            if budget.exceeded.get() { JsonError::TooLarge { max: heap_max } } else { JsonError::Malformed(error) }
        })
    }

    /// About how many bytes of memory the value takes, its own place included; what is shared counts each time.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.heap_bytes_within(usize::MAX)
    }

    /// As [`Value::heap_bytes`], but stops counting once it is more than `max`: the work is bounded by `max`, even
    /// where a value contains another many times.
    #[must_use]
    pub fn heap_bytes_within(&self, max: usize) -> usize {
        let mut bytes = VALUE_BYTES;
        match self {
            Self::Null | Self::Bool(_) | Self::Integer(_) | Self::Float(_) | Self::Decimal(_) => {}
            Self::String(text) => bytes += TEXT_BYTES + text.len(),
            Self::Array(elements) => {
                bytes += ARRAY_BYTES;
                for element in elements.iter() {
                    if bytes > max {
                        break;
                    }
                    bytes = bytes.saturating_add(element.heap_bytes_within(max - bytes));
                }
            }
            Self::Object(members) => {
                bytes += OBJECT_BYTES;
                for (name, value) in members.iter() {
                    if bytes > max {
                        break;
                    }
                    let own = MEMBER_BYTES - VALUE_BYTES + name.len();
                    bytes =
                        bytes.saturating_add(own).saturating_add(value.heap_bytes_within(max.saturating_sub(bytes)));
                }
            }
        }
        bytes
    }
}

/// What is left of the memory that a text may take.
struct Budget {
    left: Cell<usize>,
    exceeded: Cell<bool>,
}

impl Budget {
    fn take<E: serde::de::Error>(&self, bytes: usize) -> Result<(), E> {
        match self.left.get().checked_sub(bytes) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => {
                self.exceeded.set(true);
                Err(E::custom("the values take too much memory"))
            }
        }
    }
}

/// Arrays and objects without content are frequent, and need no memory of their own.
static EMPTY_ARRAY: LazyLock<Arc<Vec<Value>>> = LazyLock::new(Arc::default);
static EMPTY_OBJECT: LazyLock<Arc<Object>> = LazyLock::new(Arc::default);

/// What is inside of the arrays and objects that are being read. JSON does not say how long a list will be: gathered
/// here, each list takes one allocation of its final size.
#[derive(Default)]
struct Scratch {
    elements: RefCell<Vec<Value>>,
    members: RefCell<Vec<(Str, Value)>>,
}

/// Reads one value and everything inside of it; from the budget, where there is one.
#[derive(Clone, Copy)]
struct Reader<'a> {
    budget: Option<&'a Budget>,
    scratch: &'a Scratch,
}

impl Reader<'_> {
    fn take<E: serde::de::Error>(self, bytes: usize) -> Result<(), E> {
        self.budget.map_or(Ok(()), |budget| budget.take(bytes))
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.take(VALUE_BYTES)?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number))
    }

    #[allow(clippy::cast_precision_loss)]
    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or(Value::Float(number as f64), Value::Integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(if number.is_finite() { Value::Float(number) } else { Value::Null })
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        self.take(TEXT_BYTES + text.len())?;
        Ok(Value::String(text.into()))
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Value, E> {
        self.visit_str(&text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        self.take(ARRAY_BYTES)?;
        let gathered = &self.scratch.elements;
        let before = gathered.borrow().len();
        while let Some(element) = access.next_element_seed(self)? {
            gathered.borrow_mut().push(element);
        }
        let elements: Vec<Value> = gathered.borrow_mut().drain(before..).collect();
        if elements.is_empty() {
            return Ok(Value::Array(Arc::clone(&EMPTY_ARRAY)));
        }
        Ok(Value::array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        self.take(OBJECT_BYTES)?;
        let gathered = &self.scratch.members;
        let before = gathered.borrow().len();
        while let Some(name) = access.next_key_seed(Name)? {
            self.take(MEMBER_BYTES - VALUE_BYTES + name.len())?;
            let value = access.next_value_seed(self)?;
            gathered.borrow_mut().push((name, value));
        }
        let members: Vec<(Str, Value)> = gathered.borrow_mut().drain(before..).collect();
        if members.is_empty() {
            return Ok(Value::Object(Arc::clone(&EMPTY_OBJECT)));
        }
        Ok(Object::from_written(members).into())
    }
}

/// Reads a member's name straight into shared text, without an owned `String` in between.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Str;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Str, D::Error> {
        struct NameVisitor;
        impl Visitor<'_> for NameVisitor {
            type Value = Str;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a member")
            }
            fn visit_str<E>(self, text: &str) -> Result<Str, E> {
                Ok(text.into())
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

/// Memory that a value in the body of a request may take.
pub const REQUEST_HEAP_MAX: usize = 96 * 1_024 * 1_024;

/// For `#[serde(deserialize_with = "…")]`: a value of at most [`REQUEST_HEAP_MAX`].
///
/// # Errors
/// The reader's error, or that the value would take more memory.
pub fn deserialize_bounded<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    let budget = Budget { left: Cell::new(REQUEST_HEAP_MAX), exceeded: Cell::new(false) };
    Reader { budget: Some(&budget), scratch: &Scratch::default() }.deserialize(deserializer)
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Reader { budget: None, scratch: &Scratch::default() }.deserialize(deserializer)
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Object(members) => Ok(Arc::unwrap_or_clone(members)),
            other => Err(D::Error::custom(format!("expected an object, found {}", other.type_name()))),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // Tests may stop at once.
    use super::*;

    #[test]
    fn a_text_is_refused_when_its_values_take_more_than_allowed() {
        for text in ["[1,[],{}]", r#"{"a":{"b":["text",1.5,null]},"c":"d"}"#, "[[[[0]]]]", r#""text""#] {
            let value = Value::from_json(text.as_bytes()).unwrap();
            let bytes = value.heap_bytes();
            assert_eq!(Value::from_json_within(text.as_bytes(), bytes).unwrap(), value, "{text} within {bytes}");
            let refused = Value::from_json_within(text.as_bytes(), bytes - 1).unwrap_err();
            assert!(matches!(refused, JsonError::TooLarge { .. }), "{text} within {}: {refused}", bytes - 1);
        }
        assert!(matches!(Value::from_json_within(b"[1,", 1_000), Err(JsonError::Malformed(_))));
        assert!(matches!(Value::from_json_within(b"1 2", 1_000), Err(JsonError::Malformed(_))));
    }

    #[test]
    fn of_members_with_one_name_the_last_value_counts_at_the_first_place() {
        for others in [0, 3, 20] {
            let more: String = (0..others).map(|number| format!(r#","n{number}":[{{}},{{"x":{number}}}]"#)).collect();
            let text = format!(r#"{{"a":1,"b":{{"c":[1,2],"c":3}},"a":[{{"d":null}}]{more}}}"#);
            let value = Value::from_json(text.as_bytes()).unwrap();
            assert_eq!(value.to_json(), format!(r#"{{"a":[{{"d":null}}],"b":{{"c":3}}{more}}}"#));
            let members = value.as_object().unwrap();
            assert_eq!(members.len(), others + 2);
            assert_eq!(members.get("a").unwrap().to_json(), r#"[{"d":null}]"#);
        }
    }

    #[test]
    fn counting_stops_where_a_value_contains_another_many_times() {
        let mut value = Value::from(vec![Value::from("x")]);
        for _ in 0..60 {
            value = Value::from(vec![value.clone(), value]);
        }
        assert!(value.heap_bytes_within(1 << 20) > 1 << 20);
    }
}
