//! A JSON value that is cheap to clone: text, arrays and objects are shared, never copied.
//!
//! Objects keep the order of their members, since histories and exported files show what the service or the maker
//! wrote. Numbers keep their kind: integers stay 64-bit integers, fractions are doubles, and decimals (which only the
//! expression language makes) keep their digits. Bytes of a notification are parsed straight into this type.

use std::fmt;
use std::sync::Arc;

use rust_decimal::Decimal;
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};

use crate::object::Object;

/// Shared text.
pub type Str = Arc<str>;

/// A JSON value. Cloning costs one reference count at most.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// `null`
    #[default]
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number without fraction or exponent that fits 64 bits.
    Integer(i64),
    /// Any other number of a JSON text. Always finite.
    Float(f64),
    /// A number whose decimal digits matter.
    Decimal(Decimal),
    /// Text.
    String(Str),
    /// A list.
    Array(Arc<Vec<Value>>),
    /// Members in the order they were written.
    Object(Arc<Object>),
}

impl PartialEq for Value {
    /// Equality of JSON: `1` equals `1.0`, the order of members does not matter, text is compared byte by byte.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::String(a), Self::String(b)) => a == b,
            (Self::Array(a), Self::Array(b)) => Arc::ptr_eq(a, b) || a == b,
            (Self::Object(a), Self::Object(b)) => Arc::ptr_eq(a, b) || a == b,
            (Self::Integer(a), Self::Integer(b)) => a == b,
            (Self::Decimal(a), Self::Decimal(b)) => a == b,
            (Self::Decimal(a), Self::Integer(b)) | (Self::Integer(b), Self::Decimal(a)) => *a == Decimal::from(*b),
            _ => match (self.as_f64(), other.as_f64()) {
                (Some(a), Some(b)) => a == b,
                _ => false,
            },
        }
    }
}

impl Value {
    /// Text.
    #[must_use]
    pub fn string(text: impl Into<Str>) -> Self {
        Self::String(text.into())
    }

    /// A list.
    #[must_use]
    pub fn array(elements: Vec<Value>) -> Self {
        Self::Array(Arc::new(elements))
    }

    /// An object from its members, in order.
    pub fn object<K: Into<Str>, V: Into<Value>>(members: impl IntoIterator<Item = (K, V)>) -> Self {
        Self::Object(Arc::new(members.into_iter().collect()))
    }

    /// Reads a JSON text.
    ///
    /// # Errors
    /// The parser's error, with line and column. Nesting deeper than 128 is refused.
    pub fn from_json(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// Writes the JSON text without spaces.
    #[must_use]
    pub fn to_json(&self) -> String {
        // A value has text keys and finite numbers only, so writing it cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The JSON type: `null`, `boolean`, `number`, `string`, `array`, `object`.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Integer(_) | Self::Float(_) | Self::Decimal(_) => "number",
            Self::String(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }

    /// Whether it is `null`.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The text, where it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value, where it is one.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The integer, where it is one.
    #[must_use]
    pub const fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The number as a double, where it is a number.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            #[allow(clippy::cast_precision_loss)]
            Self::Integer(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            Self::Decimal(number) => rust_decimal::prelude::ToPrimitive::to_f64(number),
            _ => None,
        }
    }

    /// The elements, where it is a list.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The members, where it is an object.
    #[must_use]
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The members to change; copies them only where they are shared.
    pub fn as_object_mut(&mut self) -> Option<&mut Object> {
        match self {
            Self::Object(members) => Some(Arc::make_mut(members)),
            _ => None,
        }
    }

    /// The elements to change; copies them only where they are shared.
    pub fn as_array_mut(&mut self) -> Option<&mut Vec<Value>> {
        match self {
            Self::Array(elements) => Some(Arc::make_mut(elements)),
            _ => None,
        }
    }

    /// The member of exactly this name, where it is an object that has it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.as_object().and_then(|members| members.get(name))
    }

    /// What the JSON pointer (RFC 6901) points to.
    #[must_use]
    pub fn pointer(&self, pointer: &str) -> Option<&Value> {
        if pointer.is_empty() {
            return Some(self);
        }
        pointer.strip_prefix('/')?.split('/').try_fold(self, |value, token| {
            let is_escaped = token.contains('~');
            match value {
                Self::Object(members) if is_escaped => members.get(&token.replace("~1", "/").replace("~0", "~")),
                Self::Object(members) => members.get(token),
                Self::Array(elements) => token.parse::<usize>().ok().and_then(|index| elements.get(index)),
                _ => None,
            }
        })
    }

    /// About how many bytes the JSON text has; used for limits, so it counts instead of writing.
    #[must_use]
    pub fn json_bytes(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) => 5,
            Self::Integer(_) => 8,
            Self::Float(_) => 12,
            Self::Decimal(_) => 20,
            Self::String(text) => text.len() + 2,
            Self::Array(elements) => 2 + elements.iter().map(|element| element.json_bytes() + 1).sum::<usize>(),
            Self::Object(members) => {
                2 + members.iter().map(|(name, value)| name.len() + 4 + value.json_bytes()).sum::<usize>()
            }
        }
    }
}

impl fmt::Display for Value {
    /// The JSON text without spaces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json())
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<Str> for Value {
    fn from(text: Str) -> Self {
        Self::String(text)
    }
}

impl From<Vec<Value>> for Value {
    fn from(elements: Vec<Value>) -> Self {
        Self::array(elements)
    }
}

impl From<Object> for Value {
    fn from(members: Object) -> Self {
        Self::Object(Arc::new(members))
    }
}

impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(truth) => Self::Bool(truth),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(integer) => Self::Integer(integer),
                None => Self::Float(number.as_f64().unwrap_or_default()),
            },
            serde_json::Value::String(text) => Self::String(text.into()),
            serde_json::Value::Array(elements) => Self::array(elements.into_iter().map(Self::from).collect()),
            serde_json::Value::Object(members) => Self::object(members),
        }
    }
}

impl From<&Value> for serde_json::Value {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Integer(number) => Self::from(*number),
            Value::Float(_) | Value::Decimal(_) => Self::from(value.as_f64().unwrap_or_default()),
            Value::String(text) => Self::String(text.to_string()),
            Value::Array(elements) => Self::Array(elements.iter().map(Self::from).collect()),
            Value::Object(members) => {
                Self::Object(members.iter().map(|(name, value)| (name.to_string(), Self::from(value))).collect())
            }
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(truth) => serializer.serialize_bool(*truth),
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Float(number) => serializer.serialize_f64(*number),
            // Decimals leave as the nearest double unless they are whole; their exact digits live only while an
            // expression is evaluated.
            Self::Decimal(number) => match rust_decimal::prelude::ToPrimitive::to_i64(number) {
                Some(whole) if Decimal::from(whole) == *number => serializer.serialize_i64(whole),
                _ => serializer.serialize_f64(rust_decimal::prelude::ToPrimitive::to_f64(number).unwrap_or_default()),
            },
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(elements) => {
                let mut seq = serializer.serialize_seq(Some(elements.len()))?;
                for element in elements.iter() {
                    seq.serialize_element(element)?;
                }
                seq.end()
            }
            Self::Object(members) => members.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_and_written_unchanged() {
        for text in ["null", "[1,-2,3.5,\"a\\n\"]", "{\"z\":1,\"a\":{\"b\":[]}}", "9223372036854775807", "1e300"] {
            let value = Value::from_json(text.as_bytes()).unwrap();
            assert_eq!(Value::from_json(value.to_json().as_bytes()).unwrap(), value, "{text}");
        }
        assert_eq!(Value::from_json(b"{\"z\":1,\"a\":2}").unwrap().to_json(), "{\"z\":1,\"a\":2}");
    }

    #[test]
    fn numbers_are_equal_across_kinds_and_order_of_members_does_not_matter() {
        assert_eq!(Value::Integer(1), Value::Float(1.0));
        assert_eq!(Value::Decimal(Decimal::new(10, 1)), Value::Integer(1));
        assert_eq!(Value::from_json(b"{\"a\":1,\"b\":2}").unwrap(), Value::from_json(b"{\"b\":2,\"a\":1}").unwrap());
        assert_ne!(Value::string("1"), Value::Integer(1));
    }

    #[test]
    fn pointers_reach_members_and_elements() {
        let value = Value::from_json(b"{\"a/b\":[10,{\"c~\":true}]}").unwrap();
        assert_eq!(value.pointer("/a~1b/1/c~0"), Some(&Value::Bool(true)));
        assert_eq!(value.pointer("/nope"), None);
    }

    #[test]
    fn deep_nesting_is_refused_not_overflown() {
        let text = "[".repeat(100_000);
        assert!(Value::from_json(text.as_bytes()).is_err());
    }
}
