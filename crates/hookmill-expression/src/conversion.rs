//! Conversions between kinds of values, and encodings.

use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use hookmill_model::Value;
use percent_encoding::percent_decode_str;
use rust_decimal::Decimal;

use crate::arguments::{Arguments, Result};
use crate::content_object::{XML_TYPE, content, content_bytes, content_type};
use crate::culture::Culture;
use crate::error::Error;
use crate::item::Item;
use crate::{number, xml};

/// Base64 as .NET reads it: padded, whatever the unused bits are.
const PADDED: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

fn decode(a: &Arguments, text: &str) -> Result<Vec<u8>> {
    let bare: String = text.chars().filter(|c| !matches!(c, ' ' | '\t' | '\r' | '\n')).collect();
    PADDED.decode(bare).map_err(|_| a.refuse("the text is not base64"))
}

/// The bytes and the media type of an argument: a content object's own, else its text.
fn bytes(a: &Arguments, index: usize) -> Result<(Vec<u8>, Option<String>)> {
    Ok(match a.item(index) {
        Item::Value(Value::Object(members)) => match (content_bytes(members), content_type(members)) {
            (Some(bytes), Some(media_type)) => (bytes, Some(media_type.to_owned())),
            _ => (a.text(index)?.as_bytes().to_vec(), None),
        },
        Item::Xml(document) => (document.source().as_bytes().to_vec(), Some(XML_TYPE.to_owned())),
        Item::Value(_) => (a.text(index)?.as_bytes().to_vec(), None),
    })
}

/// A content object, within the limits.
pub(crate) fn binary_of(a: &Arguments, media_type: &str, bytes: &[u8]) -> Result<Item> {
    a.within(media_type.len() + bytes.len().div_ceil(3) * 4)?;
    Ok(Item::Value(content(media_type, bytes)))
}

pub(crate) fn array(a: &Arguments) -> Result<Item> {
    a.nested(Value::array(a.values()))
}

pub(crate) fn base64(a: &Arguments) -> Result<Item> {
    let (bytes, _) = bytes(a, 0)?;
    a.within(bytes.len().div_ceil(3) * 4)?;
    Ok(Item::Value(STANDARD.encode(bytes).into()))
}

pub(crate) fn base64_to_string(a: &Arguments) -> Result<Item> {
    let bytes = decode(a, &a.string(0)?)?;
    a.derived(String::from_utf8_lossy(&bytes).into_owned())
}

pub(crate) fn base64_to_binary(a: &Arguments) -> Result<Item> {
    let bytes = decode(a, &a.string(0)?)?;
    binary_of(a, "application/octet-stream", &bytes)
}

pub(crate) fn binary(a: &Arguments) -> Result<Item> {
    if matches!(a.item(0), Item::Value(Value::Null)) {
        return Err(a.invalid(0, "a value that is not null"));
    }
    let (bytes, _) = bytes(a, 0)?;
    binary_of(a, "application/octet-stream", &bytes)
}

pub(crate) fn bool(a: &Arguments) -> Result<Item> {
    let truth = match a.item(0) {
        Item::Value(Value::Bool(truth)) => *truth,
        Item::Value(Value::String(text)) if text.trim().eq_ignore_ascii_case("true") => true,
        Item::Value(Value::String(text)) if text.trim().eq_ignore_ascii_case("false") => false,
        Item::Value(value) => match value.as_f64() {
            Some(number) => number != 0.0,
            None => return Err(a.invalid(0, "a boolean, a number, or one of the strings 'true' and 'false'")),
        },
        Item::Xml(_) => return Err(a.invalid(0, "a boolean")),
    };
    Ok(Item::Value(truth.into()))
}

pub(crate) fn data_uri(a: &Arguments) -> Result<Item> {
    let (bytes, media_type) = bytes(a, 0)?;
    let media_type = media_type.unwrap_or_else(|| "text/plain;charset=utf-8".to_owned());
    a.within(media_type.len() + bytes.len().div_ceil(3) * 4)?;
    Ok(Item::Value(format!("data:{media_type};base64,{}", STANDARD.encode(bytes)).into()))
}

/// The media type (with its parameters) and the bytes of a `data:` address.
fn read_data_uri(a: &Arguments) -> Result<(String, Vec<u8>)> {
    let text = a.string(0)?;
    let refuse = || a.refuse("the text is not a data URI");
    let rest =
        text.get(..5).filter(|start| start.eq_ignore_ascii_case("data:")).and(text.get(5..)).ok_or_else(refuse)?;
    let (head, data) = rest.split_once(',').ok_or_else(refuse)?;
    let (media_type, encoded) = match head.len().checked_sub(7).and_then(|at| head.get(at..)) {
        Some(end) if end.eq_ignore_ascii_case(";base64") => (&head[..head.len() - 7], true),
        _ => (head, false),
    };
    let bytes = if encoded {
        decode(a, &percent_decode_str(data).decode_utf8_lossy())?
    } else {
        percent_decode_str(data).collect()
    };
    let media_type = if media_type.is_empty() { "text/plain" } else { media_type };
    Ok((media_type.to_owned(), bytes))
}

pub(crate) fn data_uri_to_binary(a: &Arguments) -> Result<Item> {
    let (media_type, bytes) = read_data_uri(a)?;
    binary_of(a, &media_type, &bytes)
}

pub(crate) fn data_uri_to_string(a: &Arguments) -> Result<Item> {
    let (_, bytes) = read_data_uri(a)?;
    a.derived(String::from_utf8_lossy(&bytes).into_owned())
}

pub(crate) fn decode_data_uri(a: &Arguments) -> Result<Item> {
    let (media_type, bytes) = read_data_uri(a)?;
    let kind = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let value = if kind.starts_with("text/") {
        String::from_utf8_lossy(&bytes).into_owned().into()
    } else if kind == "application/json" || kind.ends_with("+json") {
        a.json(&bytes)?.map_err(|error| a.refuse(format!("its JSON cannot be read: {error}")))?
    } else {
        return binary_of(a, &media_type, &bytes);
    };
    a.nested(value)
}

pub(crate) fn decimal(a: &Arguments) -> Result<Item> {
    let found = match a.item(0) {
        Item::Value(Value::String(text)) => number::parse_decimal(text, &Culture::english().numbers),
        Item::Value(value) => crate::item::decimal(value),
        Item::Xml(_) => None,
    };
    let found: Decimal = found.ok_or_else(|| a.invalid(0, "a number or a string that is a number"))?;
    Ok(Item::Value(Value::Decimal(found)))
}

pub(crate) fn float(a: &Arguments) -> Result<Item> {
    let numbers = &Culture::of_argument(a, 1)?.numbers;
    let found = match a.item(0) {
        Item::Value(Value::String(text)) => number::parse_float(text, numbers),
        Item::Value(value) => value.as_f64(),
        Item::Xml(_) => None,
    };
    let found = found.ok_or_else(|| a.invalid(0, "a string that is a floating-point number"))?;
    Ok(Item::Value(Value::Float(found)))
}

pub(crate) fn is_float(a: &Arguments) -> Result<Item> {
    let numbers = &Culture::of_argument(a, 1)?.numbers;
    Ok(Item::Value(number::parse_float(&a.string(0)?, numbers).is_some().into()))
}

pub(crate) fn int(a: &Arguments) -> Result<Item> {
    let refuse = || a.invalid(0, "a string that is an integer");
    let found = match a.item(0) {
        Item::Value(Value::String(text)) => number::parse_int(text).ok_or_else(refuse)?,
        Item::Value(Value::Bool(truth)) => i64::from(*truth),
        Item::Value(Value::Null) | Item::Xml(_) => return Err(refuse()),
        Item::Value(_) => a.integer(0)?,
    };
    Ok(Item::Value(Value::Integer(found)))
}

pub(crate) fn is_int(a: &Arguments) -> Result<Item> {
    Ok(Item::Value(number::parse_int(&a.string(0)?).is_some().into()))
}

pub(crate) fn json(a: &Arguments) -> Result<Item> {
    let parse = |text: &str| {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        a.json(text.as_bytes())?
            .map(Item::Value)
            .map_err(|error| a.refuse(format!("the text is not valid JSON: {error}")))
    };
    match a.item(0) {
        Item::Value(Value::String(text)) => parse(text),
        Item::Xml(document) => a.nested(xml::to_json(document)),
        Item::Value(Value::Object(members)) => match (content_bytes(members), content_type(members)) {
            (Some(bytes), Some(media_type)) => {
                let text = String::from_utf8_lossy(&bytes);
                if media_type.contains("xml") {
                    return a.nested(xml::to_json(&*document(a, &text)?));
                }
                parse(&text)
            }
            _ => Ok(a.item(0).clone()),
        },
        other @ Item::Value(_) => Ok(other.clone()),
    }
}

/// A document takes about so many times the memory of its text.
const XML_BYTES_FACTOR: usize = 8;

/// Reads XML.
fn document(a: &Arguments, text: &str) -> Result<Arc<xml::Document>> {
    a.spend(text.len())?;
    a.make(text.len().saturating_mul(XML_BYTES_FACTOR))?;
    xml::Document::parse(text, a.scope.limits().elements_max).map(Arc::new).map_err(|fault| refused(a, fault))
}

fn refused(a: &Arguments, fault: xml::Fault) -> Box<Error> {
    match fault {
        xml::Fault::Invalid(detail) => a.refuse(detail),
        xml::Fault::TooMuch(message) => a.too_much(message),
        xml::Fault::Exhausted(exhausted) => a.exhausted(&exhausted),
    }
}

pub(crate) fn string(a: &Arguments) -> Result<Item> {
    let text = a.text(0)?;
    a.within(text.len())?;
    Ok(Item::Value(Value::String(text)))
}

pub(crate) fn xml(a: &Arguments) -> Result<Item> {
    let text = match a.item(0) {
        item @ Item::Xml(_) => return Ok(item.clone()),
        Item::Value(Value::String(text)) => Arc::clone(text),
        Item::Value(value @ Value::Object(members)) => match content_bytes(members) {
            Some(bytes) => String::from_utf8_lossy(&bytes).into(),
            None => xml::from_json(value).map_err(|fault| refused(a, fault))?.into(),
        },
        Item::Value(_) => return Err(a.invalid(0, "a string or an object")),
    };
    a.within(text.len())?;
    document(a, &text).map(Item::Xml)
}

pub(crate) fn xpath(a: &Arguments) -> Result<Item> {
    let document = match a.item(0) {
        Item::Xml(document) => Arc::clone(document),
        Item::Value(Value::Object(members)) => {
            let bytes = content_bytes(members).ok_or_else(|| a.invalid(0, "XML"))?;
            document(a, &String::from_utf8_lossy(&bytes))?
        }
        Item::Value(_) => return Err(a.invalid(0, "XML")),
    };
    let path = a.string(1)?;
    let limits = a.scope.limits();
    let found = xml::evaluate(&document, &path, a.work, limits.result_bytes_max).map_err(|fault| refused(a, fault))?;
    Ok(Item::Value(match found {
        xml::Found::Truth(truth) => truth.into(),
        // JSON has no other numbers.
        xml::Found::Number(number) if !number.is_finite() => if number.is_nan() {
            "NaN"
        } else if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .into(),
        xml::Found::Number(number) => number::from_float(number),
        xml::Found::Text(text) => text.into(),
        xml::Found::Nodes(nodes) => {
            a.elements_within(nodes.len())?;
            let mut bytes = 0;
            let mut values = Vec::with_capacity(nodes.len());
            for node in nodes {
                let value = document.value(node);
                bytes += value.json_bytes();
                a.within(bytes)?;
                values.push(value);
            }
            return a.nested(Value::array(values));
        }
    }))
}
