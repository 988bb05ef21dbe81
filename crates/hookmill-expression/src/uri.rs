//! Parts of absolute addresses, percent encoding.

use std::fmt::Write as _;

use hookmill_model::Value;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::evaluate::{Arguments, Result};
use crate::item::{Item, content};

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

struct Uri<'a> {
    scheme: String,
    host: &'a str,
    port: Option<u16>,
    path: &'a str,
    query: &'a str,
}

fn parse<'a>(a: &Arguments, text: &'a str) -> Result<Uri<'a>> {
    let refuse = || a.refuse(format!("'{}' is not an absolute URI", crate::syntax::shown(text)));
    let text = text.trim();
    let (scheme, rest) = text.split_once("://").ok_or_else(refuse)?;
    let mut letters = scheme.chars();
    let named = letters.next().is_some_and(|c| c.is_ascii_alphabetic())
        && letters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    if !named {
        return Err(refuse());
    }
    let rest = rest.split('#').next().unwrap_or_default();
    let (before_query, query) = match rest.find('?') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let (authority, path) = match before_query.find('/') {
        Some(at) => before_query.split_at(at),
        None => (before_query, "/"),
    };
    let host_port = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = match host_port.rfind(':') {
        Some(at) if !host_port[at..].contains(']') => {
            let port = host_port[at + 1..].parse().map_err(|_| refuse())?;
            (&host_port[..at], Some(port))
        }
        _ => (host_port, None),
    };
    if host.is_empty() || host.chars().any(char::is_whitespace) {
        return Err(refuse());
    }
    Ok(Uri { scheme: scheme.to_ascii_lowercase(), host, port, path, query })
}

fn escape_blanks(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            if c.is_ascii() && c != ' ' && c != '"' && c != '<' && c != '>' {
                vec![c]
            } else {
                utf8_percent_encode(c.encode_utf8(&mut [0; 4]), RESERVED).to_string().chars().collect()
            }
        })
        .collect()
}

fn of(a: &Arguments, part: impl Fn(&Uri) -> Value) -> Result<Item> {
    let text = a.string(0)?;
    Ok(Item::Value(part(&parse(a, &text)?)))
}

pub(crate) fn host(a: &Arguments) -> Result<Item> {
    of(a, |uri| uri.host.to_lowercase().into())
}

pub(crate) fn path(a: &Arguments) -> Result<Item> {
    of(a, |uri| escape_blanks(uri.path).into())
}

pub(crate) fn path_and_query(a: &Arguments) -> Result<Item> {
    of(a, |uri| escape_blanks(&format!("{}{}", uri.path, uri.query)).into())
}

pub(crate) fn port(a: &Arguments) -> Result<Item> {
    of(a, |uri| {
        let default = match uri.scheme.as_str() {
            "http" | "ws" => 80,
            "https" | "wss" => 443,
            "ftp" => 21,
            _ => -1,
        };
        Value::Integer(uri.port.map_or(default, i64::from))
    })
}

pub(crate) fn query(a: &Arguments) -> Result<Item> {
    of(a, |uri| escape_blanks(uri.query).into())
}

pub(crate) fn scheme(a: &Arguments) -> Result<Item> {
    of(a, |uri| uri.scheme.clone().into())
}

/// Percent-encodes everything but unreserved characters.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Resolves percent encoding; bytes that are not UTF-8 stay encoded.
fn decode(text: &str) -> String {
    let bytes: Vec<u8> = percent_decode_str(text).collect();
    let mut decoded = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        decoded.push_str(chunk.valid());
        // Writing to a String cannot fail.
        chunk.invalid().iter().for_each(|byte| drop(write!(decoded, "%{byte:02X}")));
    }
    decoded
}

pub(crate) fn component(a: &Arguments) -> Result<Item> {
    a.made(encode(&a.item(0).text()))
}

pub(crate) fn component_to_string(a: &Arguments) -> Result<Item> {
    Ok(Item::Value(decode(&a.string(0)?.replace('+', " ")).into()))
}

pub(crate) fn component_to_binary(a: &Arguments) -> Result<Item> {
    let text = a.string(0)?;
    let bytes: Vec<u8> = percent_decode_str(&text).collect();
    Ok(Item::Value(content("application/octet-stream", &bytes)))
}
