//! What an expression computes with: JSON values and, only inside an expression, XML.

use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookmill_model::{Object, Str, Value};
use rust_decimal::Decimal;

use crate::xml::Document;

/// What XML leaves the expression as.
pub(crate) const XML_TYPE: &str = "application/xml;charset=utf-8";

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

    /// Appends what interpolation makes of it.
    pub fn push_text(&self, out: &mut String) {
        match self {
            Self::Xml(document) => out.push_str(document.source()),
            Self::Value(value) => push_text(value, out),
        }
    }

    /// What interpolation makes of it.
    pub fn text(&self) -> Str {
        match self {
            Self::Value(Value::String(text)) => text.clone(),
            Self::Xml(document) => document.source().clone(),
            Self::Value(value) => text(value),
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
    push_text(value, &mut out);
    out.into()
}

pub(crate) fn push_text(value: &Value, out: &mut String) {
    match value {
        Value::Null => {}
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Integer(number) => {
            // Writing to a String cannot fail.
            let _ = write!(out, "{number}");
        }
        Value::Float(number) => out.push_str(&float_text(*number)),
        Value::Decimal(number) => {
            let _ = write!(out, "{number}");
        }
        Value::String(text) => out.push_str(text),
        Value::Object(members) => match content_bytes(members) {
            Some(bytes) => out.push_str(&String::from_utf8_lossy(&bytes)),
            None => out.push_str(&value.to_json()),
        },
        Value::Array(_) => out.push_str(&value.to_json()),
    }
}

/// Shortest digits that read back, fixed for exponents from −5 to 15, else like `1E+21`.
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

/// A content object of these bytes.
pub(crate) fn content(media_type: &str, bytes: &[u8]) -> Value {
    Value::object([("$content-type", media_type.to_owned()), ("$content", STANDARD.encode(bytes))])
}

/// The bytes of a content object; `None` for any other object.
pub(crate) fn content_bytes(members: &Object) -> Option<Vec<u8>> {
    members.get("$content-type")?.as_str()?;
    let known = |name: &Str| matches!(&**name, "$content-type" | "$content" | "$formdata" | "$multipart");
    if !members.keys().all(known) {
        return None;
    }
    STANDARD.decode(members.get("$content")?.as_str()?).ok()
}

/// The media type of a content object.
pub(crate) fn content_type(members: &Object) -> Option<&str> {
    members.get("$content-type")?.as_str()
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
