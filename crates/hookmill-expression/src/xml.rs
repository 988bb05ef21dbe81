//! XML inside expressions: escaping, names, documents, conversion from and to JSON, XPath 1.0.

mod document;
mod json;
mod path;

use std::sync::LazyLock;

use regex::Regex;

pub(crate) use document::Document;
pub(crate) use json::{from_json, to_json};
pub(crate) use path::{Found, evaluate};

/// Elements may nest this deep.
const DEPTH_MAX: usize = 200;

/// Why XML was refused.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It is not what it should be.
    Invalid(String),
    /// It is more than the limits allow.
    TooMuch(String),
    /// It needs more than the evaluation may still use.
    Exhausted(crate::work::Exhausted),
}

impl From<String> for Fault {
    fn from(message: String) -> Self {
        Self::Invalid(message)
    }
}

impl From<&str> for Fault {
    fn from(message: &str) -> Self {
        Self::Invalid(message.to_owned())
    }
}

type Result<T> = std::result::Result<T, Fault>;

/// A name as XML 1.0 has it, with at most one colon between prefix and local part.
static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^[\p{L}_][\p{L}\p{Nd}\p{M}_.·-]*$").ok());

/// Whether this is a name without a colon.
fn is_plain_name(name: &str) -> bool {
    // The pattern is constant and tested, so there is one.
    NAME.as_ref().is_some_and(|pattern| pattern.is_match(name))
}

fn is_name(name: &str) -> bool {
    match name.split_once(':') {
        Some((prefix, local)) => is_plain_name(prefix) && is_plain_name(local),
        None => is_plain_name(name),
    }
}

/// Whether a character may stand in a document.
fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

fn escaped(text: &str, replace: impl Fn(char) -> Option<&'static str>) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match replace(c) {
            Some(entity) => escaped.push_str(entity),
            None => escaped.push(c),
        }
    }
    escaped
}

/// Escapes text for the content of an element.
fn escape_text(text: &str) -> String {
    escaped(text, |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '\r' => Some("&#xD;"),
        _ => None,
    })
}

/// Escapes text for an attribute in double quotes; line breaks would become blanks when it is read.
fn escape_attribute(text: &str) -> String {
    escaped(text, |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        '\t' => Some("&#x9;"),
        '\n' => Some("&#xA;"),
        '\r' => Some("&#xD;"),
        _ => None,
    })
}

/// Escapes text for any place: the five characters that XML names.
pub(crate) fn escape(text: &str) -> String {
    escaped(text, |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        '\'' => Some("&apos;"),
        _ => None,
    })
}

/// Resolves the five named entities and numeric references; others stay as they are.
pub(crate) fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        // The longest reference is `&#x10FFFF;`, give or take zeros.
        let end = rest.bytes().take(16).position(|byte| byte == b';');
        match end.and_then(|end| Some((end, character(&rest[1..end])?))) {
            Some((end, c)) => {
                plain.push(c);
                rest = &rest[end + 1..];
            }
            None => {
                plain.push('&');
                rest = &rest[1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// The character that an entity or a numeric reference stands for.
fn character(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    })
}

/// A name that XML allows; other characters become `_xHHHH_`, as .NET's `XmlConvert.EncodeName` has it.
pub(crate) fn encode_name(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for (index, c) in text.char_indices() {
        let mut buffer = [0; 4];
        let written: &str = c.encode_utf8(&mut buffer);
        let allowed = c == ':'
            || if index == 0 {
                is_plain_name(written)
            } else {
                c.len_utf16() == 1 && is_plain_name(&format!("_{written}"))
            };
        if allowed && c.len_utf16() == 1 && decoded(&text[index..]).is_none() {
            name.push(c);
        } else {
            let width = if c.len_utf16() == 1 { 4 } else { 8 };
            name.push_str(&format!("_x{:0width$X}_", u32::from(c)));
        }
    }
    name
}

/// The name that [`encode_name`] encoded.
pub(crate) fn decode_name(text: &str) -> String {
    let mut name: Vec<u16> = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        match decoded(rest) {
            Some((code, length)) => {
                match char::from_u32(code) {
                    Some(c) => name.extend_from_slice(c.encode_utf16(&mut [0; 2])),
                    // Half of a surrogate pair; the other half follows.
                    None => name.push(u16::try_from(code).unwrap_or(0xfffd)),
                }
                rest = &rest[length..];
            }
            None => {
                name.extend_from_slice(c.encode_utf16(&mut [0; 2]));
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    String::from_utf16_lossy(&name)
}

/// The code written as `_xHHHH_` or `_xHHHHHHHH_` at the start of `text`, and the length of that.
fn decoded(text: &str) -> Option<(u32, usize)> {
    let digits = text.strip_prefix("_x").or_else(|| text.strip_prefix("_X"))?;
    [4, 8].into_iter().find_map(|width| {
        let hex = digits.get(..width).filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        digits[width..].starts_with('_').then(|| Some((u32::from_str_radix(hex, 16).ok()?, width + 3))).flatten()
    })
}
