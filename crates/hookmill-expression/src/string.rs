//! Text functions. Positions and lengths count UTF-16 code units, as .NET strings do.

use std::sync::Arc;

use hookmill_model::{ARRAY_BYTES, TEXT_BYTES, VALUE_BYTES, Value};

use crate::arguments::{Arguments, Result};
use crate::content_object::{content, content_bytes, content_type};
use crate::item::Item;
use crate::letter::{is_space, upper};

fn units(text: &str) -> Vec<u16> {
    text.encode_utf16().collect()
}

fn units_len(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
}

/// The units from `start` to `end`, both within the text.
fn cut(text: &str, start: usize, end: usize) -> String {
    if text.is_ascii() {
        return text[start..end].to_owned();
    }
    String::from_utf16_lossy(&units(text)[start..end])
}

/// The text without differences of case.
fn fold(text: &str) -> Vec<u16> {
    let mut folded = Vec::with_capacity(text.len());
    for c in text.chars() {
        folded.extend_from_slice(upper(c).encode_utf16(&mut [0; 2]));
    }
    folded
}

fn find(text: &[u16], search: &[u16], from: usize) -> Option<usize> {
    if from + search.len() > text.len() {
        return None;
    }
    if search.is_empty() {
        return Some(from);
    }
    text[from..].windows(search.len()).position(|window| window == search).map(|found| from + found)
}

fn number(index: usize) -> Item {
    Item::Value(Value::Integer(i64::try_from(index).unwrap_or(i64::MAX)))
}

const NOT_FOUND: Item = Item::Value(Value::Integer(-1));

pub(crate) fn concat(a: &Arguments) -> Result<Item> {
    if let [Item::Value(Value::String(text))] = &a.items[..] {
        return Ok(Item::Value(Value::String(Arc::clone(text))));
    }
    let max = a.scope.limits().text_bytes_max();
    let mut text = String::new();
    for item in &a.items {
        if !item.push_text(&mut text, max) {
            return Err(a.text_too_long());
        }
    }
    a.made(text)
}

pub(crate) fn substring(a: &Arguments) -> Result<Item> {
    let text = a.string(0)?;
    let length = units_len(&text);
    let start = usize::try_from(a.integer(1)?).map_err(|_| a.refuse("the start index is negative"))?;
    if start > length {
        return Err(a.refuse(format!("the start index {start} is beyond the end of a text of {length} characters")));
    }
    let end = if a.len() > 2 {
        let wanted = usize::try_from(a.integer(2)?).map_err(|_| a.refuse("the length is negative"))?;
        start.saturating_add(wanted)
    } else {
        length
    };
    if end > length {
        return Err(a.refuse(format!("start index and length go beyond the end of a text of {length} characters")));
    }
    a.derived(cut(&text, start, end))
}

pub(crate) fn slice(a: &Arguments) -> Result<Item> {
    let text = a.string(0)?;
    let length = i64::try_from(units_len(&text)).unwrap_or(i64::MAX);
    let place = |index: i64| {
        let index = if index < 0 { index.saturating_add(length) } else { index };
        usize::try_from(index.clamp(0, length)).unwrap_or(0)
    };
    let start = place(a.integer(1)?);
    let end = if a.len() > 2 { place(a.integer(2)?) } else { place(length) };
    a.derived(if start < end { cut(&text, start, end) } else { String::new() })
}

pub(crate) fn replace(a: &Arguments) -> Result<Item> {
    let (text, old, new) = (a.string(0)?, a.string(1)?, a.string(2)?);
    if old.is_empty() {
        return Err(a.refuse("the text to replace is empty"));
    }
    let hits = text.matches(&*old).count();
    a.within((text.len() - hits * old.len()).saturating_add(hits.saturating_mul(new.len())))?;
    Ok(Item::Value(text.replace(&*old, &new).into()))
}

pub(crate) fn to_lower(a: &Arguments) -> Result<Item> {
    let text = a.string(0)?;
    let lower = text.chars().map(|c| {
        let mut lower = c.to_lowercase();
        match (lower.next(), lower.next()) {
            (Some(one), None) => one,
            _ => c,
        }
    });
    a.derived(lower.collect())
}

pub(crate) fn to_upper(a: &Arguments) -> Result<Item> {
    let text = a.string(0)?;
    a.derived(text.chars().map(upper).collect())
}

pub(crate) fn trim(a: &Arguments) -> Result<Item> {
    Ok(Item::Value(a.string(0)?.trim_matches(is_space).into()))
}

pub(crate) fn index_of(a: &Arguments) -> Result<Item> {
    let (text, search) = (fold(&a.string(0)?), fold(&a.string(1)?));
    Ok(find(&text, &search, 0).map_or(NOT_FOUND, number))
}

pub(crate) fn last_index_of(a: &Arguments) -> Result<Item> {
    let (text, search) = (fold(&a.string(0)?), fold(&a.string(1)?));
    if search.is_empty() {
        return Ok(number(text.len().saturating_sub(1)));
    }
    if text.len() < search.len() {
        return Ok(NOT_FOUND);
    }
    Ok(text.windows(search.len()).rposition(|window| window == search).map_or(NOT_FOUND, number))
}

pub(crate) fn nth_index_of(a: &Arguments) -> Result<Item> {
    let (text, search, nth) = (fold(&a.string(0)?), fold(&a.string(1)?), a.integer(2)?);
    if nth == 0 {
        return Err(a.refuse("the occurrence counts from 1, or from -1 backwards"));
    }
    if search.is_empty() || text.len() < search.len() {
        return Ok(NOT_FOUND);
    }
    let nth_place = usize::try_from(nth.unsigned_abs() - 1).unwrap_or(usize::MAX);
    let mut hits =
        text.windows(search.len()).enumerate().filter(|(_, window)| *window == search).map(|(index, _)| index);
    let found = if nth > 0 { hits.nth(nth_place) } else { hits.collect::<Vec<_>>().into_iter().rev().nth(nth_place) };
    Ok(found.map_or(NOT_FOUND, number))
}

pub(crate) fn starts_with(a: &Arguments) -> Result<Item> {
    let (text, search) = (fold(&a.string(0)?), fold(&a.string(1)?));
    Ok(Item::Value(text.starts_with(&search).into()))
}

pub(crate) fn ends_with(a: &Arguments) -> Result<Item> {
    let (text, search) = (fold(&a.string(0)?), fold(&a.string(1)?));
    Ok(Item::Value(text.ends_with(&search).into()))
}

pub(crate) fn split(a: &Arguments) -> Result<Item> {
    let (text, delimiter) = (a.string(0)?, a.string(1)?);
    if delimiter.is_empty() {
        return Ok(Item::Value(Value::array(vec![Value::String(text)])));
    }
    let count = text.matches(&*delimiter).count() + 1;
    a.elements_within(count)?;
    a.make(text.len().saturating_add(count.saturating_mul(TEXT_BYTES)))?;
    Ok(Item::Value(Value::array(text.split(&*delimiter).map(Value::from).collect())))
}

pub(crate) fn length(a: &Arguments) -> Result<Item> {
    match a.item(0) {
        Item::Value(Value::String(text)) => Ok(number(units_len(text))),
        Item::Value(Value::Array(elements)) => Ok(number(elements.len())),
        _ => Err(a.invalid(0, "an array or a string")),
    }
}

pub(crate) fn guid(a: &Arguments) -> Result<Item> {
    let bits = (u128::from(a.scope.random()) << 64) | u128::from(a.scope.random());
    // RFC 4122, version 4.
    let bits = (bits & !(0xF << 76) | (0x4 << 76)) & !(0b11 << 62) | (0b10 << 62);
    let hex = format!("{bits:032x}");
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    let dashed = parts.join("-");
    let format = a.optional_string(0)?;
    let text = match format.as_deref().map(str::to_ascii_uppercase).as_deref() {
        None | Some("" | "D") => dashed,
        Some("N") => hex,
        Some("B") => format!("{{{dashed}}}"),
        Some("P") => format!("({dashed})"),
        Some("X") => {
            let rest = format!("{}{}", parts[3], parts[4]);
            let bytes: Vec<String> = (0..8).map(|index| format!("0x{}", &rest[index * 2..index * 2 + 2])).collect();
            format!("{{0x{},0x{},0x{},{{{}}}}}", parts[0], parts[1], parts[2], bytes.join(","))
        }
        Some(other) => return Err(a.refuse(format!("'{other}' is not one of the formats D, N, B, P, X"))),
    };
    Ok(Item::Value(text.into()))
}

pub(crate) fn chunk(a: &Arguments) -> Result<Item> {
    let size = usize::try_from(a.integer(1)?).ok().filter(|size| *size > 0);
    let size = size.ok_or_else(|| a.refuse("the length of a chunk must be at least 1"))?;
    match a.item(0) {
        Item::Value(Value::String(text)) => {
            let units = units(text);
            let count = units.len().div_ceil(size);
            a.elements_within(count)?;
            a.make(text.len().saturating_add(count.saturating_mul(TEXT_BYTES)))?;
            Ok(Item::Value(Value::array(
                units.chunks(size).map(|piece| Value::from(String::from_utf16_lossy(piece))).collect(),
            )))
        }
        Item::Value(Value::Array(elements)) => {
            let count = elements.len().div_ceil(size);
            a.make(count.saturating_mul(ARRAY_BYTES).saturating_add(elements.len().saturating_mul(VALUE_BYTES)))?;
            a.nested(Value::array(elements.chunks(size).map(|piece| Value::array(piece.to_vec())).collect()))
        }
        _ => Err(a.invalid(0, "an array or a string")),
    }
}

pub(crate) fn utf8_length(a: &Arguments) -> Result<Item> {
    Ok(number(a.string(0)?.len()))
}

pub(crate) fn utf16_length(a: &Arguments) -> Result<Item> {
    Ok(number(units_len(&a.string(0)?) * 2))
}

pub(crate) fn trim_byte_order_mark(a: &Arguments) -> Result<Item> {
    match a.item(0) {
        Item::Value(Value::String(text)) => Ok(Item::Value(text.strip_prefix('\u{feff}').unwrap_or(text).into())),
        Item::Value(Value::Object(members)) => {
            let (Some(bytes), Some(media_type)) = (content_bytes(members), content_type(members)) else {
                return Err(a.invalid(0, "a string or a content object"));
            };
            let marks: [&[u8]; 3] = [b"\xEF\xBB\xBF", b"\xFF\xFE", b"\xFE\xFF"];
            let rest = marks.iter().find_map(|mark| bytes.strip_prefix(*mark)).unwrap_or(&bytes);
            Ok(Item::Value(content(media_type, rest)))
        }
        _ => Err(a.invalid(0, "a string or a content object")),
    }
}

pub(crate) fn encode_xml_value(a: &Arguments) -> Result<Item> {
    a.made(crate::xml::escape(&a.string(0)?))
}

pub(crate) fn decode_xml_value(a: &Arguments) -> Result<Item> {
    a.derived(crate::xml::unescape(&a.string(0)?))
}

pub(crate) fn encode_xml_name(a: &Arguments) -> Result<Item> {
    a.made(crate::xml::encode_name(&a.string(0)?))
}

pub(crate) fn decode_xml_name(a: &Arguments) -> Result<Item> {
    a.derived(crate::xml::decode_name(&a.string(0)?))
}
