//! What an expression computes with: JSON values and, only inside an expression, XML.

use std::fmt::Write as _;
use std::sync::Arc;

use hookmill_model::{Str, Value};
use rust_decimal::Decimal;

use crate::content_object::{XML_TYPE, content, content_bytes};
use crate::xml::Document;

/// A value inside an expression.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Value(Value),
    Xml(Arc<Document>),
}

impl From<Value> for Item {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

impl Item {
    /// What leaves the expression: XML becomes a content object.
    pub fn into_value(self) -> Value {
        match self {
            Self::Value(value) => value,
            Self::Xml(document) => content(XML_TYPE, document.source().as_bytes()),
        }
    }

    /// About how much reading it costs, without looking inside of arrays and objects.
    pub fn extent(&self) -> usize {
        1 + match self {
            Self::Value(Value::String(text)) => text.len(),
            Self::Value(Value::Array(elements)) => elements.len(),
            Self::Value(Value::Object(members)) => members.len(),
            Self::Value(_) => 0,
            Self::Xml(document) => document.source().len(),
        }
    }

    /// The name of its type in messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Xml(_) => "Object",
            Self::Value(value) => type_name(value),
        }
    }

    /// Appends what interpolation makes of it, up to `max` bytes in all; gives whether that was enough.
    #[must_use]
    pub fn push_text(&self, out: &mut String, max: usize) -> bool {
        match self {
            Self::Xml(document) => push(document.source(), out, max),
            Self::Value(value) => push_text(value, out, max),
        }
    }

    /// What interpolation makes of it, if it has at most `max` bytes.
    pub fn text(&self, max: usize) -> Option<Str> {
        match self {
            Self::Value(Value::String(text)) => Some(text.clone()),
            Self::Xml(document) => Some(document.source().clone()),
            Self::Value(value) => {
                let mut out = String::new();
                push_text(value, &mut out, max).then(|| out.into())
            }
        }
    }
}

/// The name of a value's type in messages.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "Null",
        Value::Bool(_) => "Boolean",
        Value::Integer(_) => "Integer",
        Value::Float(_) | Value::Decimal(_) => "Float",
        Value::String(_) => "String",
        Value::Array(_) => "Array",
        Value::Object(_) => "Object",
    }
}

/// What interpolation makes of a value.
pub(crate) fn text(value: &Value) -> Str {
    if let Value::String(text) = value {
        return text.clone();
    }
    let mut out = String::new();
    let _ = push_text(value, &mut out, usize::MAX);
    out.into()
}

/// Appends what interpolation makes of a value, up to `max` bytes in all; gives whether that was enough.
#[must_use]
pub(crate) fn push_text(value: &Value, out: &mut String, max: usize) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(true) => push("True", out, max),
        Value::Bool(false) => push("False", out, max),
        Value::Integer(number) => push(&number.to_string(), out, max),
        Value::Float(number) => push(&float_text(*number), out, max),
        Value::Decimal(number) => push(&number.to_string(), out, max),
        Value::String(text) => push(text, out, max),
        Value::Object(members) => match content_bytes(members) {
            Some(bytes) => push(&String::from_utf8_lossy(&bytes), out, max),
            None => push_json(value, out, max),
        },
        Value::Array(_) => push_json(value, out, max),
    }
}

fn push(text: &str, out: &mut String, max: usize) -> bool {
    let fits = text.len() <= max.saturating_sub(out.len());
    if fits {
        out.push_str(text);
    }
    fits
}

/// Compact JSON in the spelling of Newtonsoft: doubles keep a point or an exponent, decimals their digits.
fn push_json(value: &Value, out: &mut String, max: usize) -> bool {
    match value {
        Value::Null => push("null", out, max),
        Value::Bool(truth) => push(if *truth { "true" } else { "false" }, out, max),
        Value::Integer(_) | Value::Decimal(_) => push_text(value, out, max),
        Value::Float(number) => {
            let text = float_text(*number);
            let whole = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
            push(&text, out, max) && (!whole || push(".0", out, max))
        }
        Value::String(text) => push_quoted(text, out, max),
        Value::Array(elements) => {
            push("[", out, max)
                && elements
                    .iter()
                    .enumerate()
                    .all(|(index, element)| (index == 0 || push(",", out, max)) && push_json(element, out, max))
                && push("]", out, max)
        }
        Value::Object(members) => {
            push("{", out, max)
                && members.iter().enumerate().all(|(index, (name, member))| {
                    (index == 0 || push(",", out, max))
                        && push_quoted(name, out, max)
                        && push(":", out, max)
                        && push_json(member, out, max)
                })
                && push("}", out, max)
        }
    }
}

fn push_quoted(text: &str, out: &mut String, max: usize) -> bool {
    if text.len() + 2 > max.saturating_sub(out.len()) {
        return false;
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\0'..='\u{1f}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out.len() <= max
}

/// Shortest digits that read back, fixed for exponents from −5 to 16, else like `1E+21`.
pub(crate) fn float_text(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-5..=16).contains(&exponent) {
        return format!("{number}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}E{sign}{:02}", exponent.unsigned_abs())
}

/// A number as a decimal, where it has one.
pub(crate) fn decimal(value: &Value) -> Option<Decimal> {
    match value {
        Value::Integer(number) => Some(Decimal::from(*number)),
        Value::Decimal(number) => Some(*number),
        Value::Float(number) => Decimal::try_from(*number).ok(),
        _ => None,
    }
}
