//! Parts of absolute addresses as .NET's `System.Uri` has them, percent encoding.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use hookmill_model::Value;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::arguments::{Arguments, Result};
use crate::conversion::binary_of;
use crate::item::Item;

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Schemes with an authority, and the port of each; those with -1 have none.
const SCHEMES: [(&str, i64); 13] = [
    ("http", 80),
    ("https", 443),
    ("ws", 80),
    ("wss", 443),
    ("ftp", 21),
    ("gopher", 70),
    ("ldap", 389),
    ("nntp", 119),
    ("telnet", 23),
    ("net.tcp", 808),
    ("net.pipe", -1),
    ("file", -1),
    ("mailto", 25),
];

struct Uri {
    scheme: String,
    host: String,
    port: i64,
    path: String,
    query: String,
}

impl Uri {
    /// `None` for a text that is not an absolute address.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches([' ', '\t', '\r', '\n']);
        let (scheme, rest) = text.split_once(':')?;
        let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
        // One letter is a drive.
        if !named || scheme.len() == 1 {
            return None;
        }
        let scheme = scheme.to_ascii_lowercase();
        let default_port = SCHEMES.iter().find(|(name, _)| *name == scheme).map(|(_, port)| *port);
        let rest = rest.split('#').next().unwrap_or_default();
        let (rest, query) = rest.find('?').map_or((rest, ""), |at| rest.split_at(at));
        let hierarchical = default_port.is_some() && scheme != "mailto";
        let mut made = Self {
            scheme,
            host: String::new(),
            port: default_port.unwrap_or(-1),
            path: String::new(),
            query: escaped(query, false),
        };
        if let Some(rest) = rest.strip_prefix("//") {
            let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
            made.authority(authority)?;
            made.path = if path.is_empty() { "/".to_owned() } else { escaped(path, hierarchical) };
            if hierarchical {
                made.path = without_dots(&made.path);
            }
            // The path of a file on a drive has no slash before it.
            if made.scheme == "file" && matches!(made.path.as_bytes(), [_, b'a'..=b'z' | b'A'..=b'Z', b':', ..]) {
                made.path.remove(0);
            }
        } else if hierarchical {
            return None;
        } else if made.scheme == "mailto" {
            made.host = rest.rsplit_once('@').map(|(_, host)| host.to_ascii_lowercase())?;
        } else {
            made.path = escaped(rest, false);
        }
        Some(made)
    }

    /// Reads user, host and port.
    fn authority(&mut self, authority: &str) -> Option<()> {
        let host_port = authority.split_once('@').map_or(authority, |(_, host_port)| host_port);
        let (host, port) = match host_port.rfind(':') {
            Some(at) if !host_port[at..].contains(']') => (&host_port[..at], &host_port[at + 1..]),
            _ => (host_port, ""),
        };
        if !port.is_empty() {
            self.port = port.bytes().all(|byte| byte.is_ascii_digit()).then(|| port.parse::<u16>().ok())??.into();
        }
        self.host = match host.strip_prefix('[') {
            Some(address) => format!("[{}]", address.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?),
            None if host.is_empty() && self.scheme == "file" => String::new(),
            None => host_name(host)?,
        };
        Some(())
    }
}

/// The host in its canonical form.
fn host_name(host: &str) -> Option<String> {
    if let Some(address) = address(host) {
        return Some(address.to_string());
    }
    let mut labels = host.strip_suffix('.').unwrap_or(host).split('.');
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_') || (!c.is_ascii() && c.is_alphanumeric()))
    };
    labels.all(is_label).then(|| host.to_lowercase())
}

/// An IPv4 address of one to four numbers; the last one fills what the others leave.
fn address(host: &str) -> Option<Ipv4Addr> {
    let numbers: Vec<u32> = host
        .split('.')
        .map(|part| match part.strip_prefix("0x").or_else(|| part.strip_prefix("0X")) {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None if part.len() > 1 && part.starts_with('0') => u32::from_str_radix(part, 8).ok(),
            None => part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok()).flatten(),
        })
        .collect::<Option<_>>()?;
    let (last, first) = numbers.split_last()?;
    if first.len() > 3 || first.iter().any(|number| *number > 255) {
        return None;
    }
    let room = 8 * (4 - u32::try_from(first.len()).ok()?);
    if room < 32 && *last >= 1 << room {
        return None;
    }
    let head = first.iter().enumerate().fold(0_u32, |sum, (index, number)| sum | number << (24 - 8 * index));
    Some(Ipv4Addr::from(head | last))
}

/// Escapes what may not stand in an address, and resolves what need not be escaped. Escapes keep their case.
fn escaped(text: &str, is_path: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c == '%' {
            let digits = rest.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
            let code = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
            match (code, digits) {
                (Some(code), _) if code.is_ascii_alphanumeric() || matches!(code, b'-' | b'.' | b'_' | b'~') => {
                    out.push(char::from(code));
                    rest = &rest[2..];
                }
                (_, Some(digits)) => {
                    out.push('%');
                    out.push_str(digits);
                    rest = &rest[2..];
                }
                _ => out.push_str("%25"),
            }
        } else if c == '\\' && is_path {
            out.push('/');
        } else if c.is_ascii_alphanumeric() || "-._~:/?#[]@!$&'()*+,;=".contains(c) {
            out.push(c);
        } else {
            out.extend(utf8_percent_encode(c.encode_utf8(&mut [0; 4]), RESERVED));
        }
    }
    out
}

/// The path without `.` and `..`.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    format!("/{}", kept.join("/"))
}

fn of(a: &Arguments, part: impl Fn(Uri) -> Value) -> Result<Item> {
    let text = a.string(0)?;
    // Escaping makes three characters of a byte at most.
    a.within(text.len().saturating_mul(3))?;
    let uri = Uri::parse(&text);
    let uri = uri.ok_or_else(|| a.refuse(format!("'{}' is not an absolute URI", crate::syntax::shown(&text))))?;
    Ok(Item::Value(part(uri)))
}

pub(crate) fn host(a: &Arguments) -> Result<Item> {
    of(a, |uri| uri.host.into())
}

pub(crate) fn path(a: &Arguments) -> Result<Item> {
    of(a, |uri| uri.path.into())
}

pub(crate) fn path_and_query(a: &Arguments) -> Result<Item> {
    of(a, |uri| format!("{}{}", uri.path, uri.query).into())
}

pub(crate) fn port(a: &Arguments) -> Result<Item> {
    of(a, |uri| Value::Integer(uri.port))
}

pub(crate) fn query(a: &Arguments) -> Result<Item> {
    of(a, |uri| uri.query.into())
}

pub(crate) fn scheme(a: &Arguments) -> Result<Item> {
    of(a, |uri| uri.scheme.into())
}

/// Resolves percent encoding; bytes that are not UTF-8 stay encoded.
fn decode(text: &str) -> String {
    let bytes: Vec<u8> = percent_decode_str(text).collect();
    let mut decoded = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        decoded.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(decoded, "%{byte:02X}");
        }
    }
    decoded
}

pub(crate) fn component(a: &Arguments) -> Result<Item> {
    let text = a.text(0)?;
    a.made(utf8_percent_encode(&text, RESERVED).to_string())
}

pub(crate) fn component_to_string(a: &Arguments) -> Result<Item> {
    a.derived(decode(&a.string(0)?.replace('+', " ")))
}

pub(crate) fn component_to_binary(a: &Arguments) -> Result<Item> {
    let text = a.string(0)?;
    let bytes: Vec<u8> = percent_decode_str(&text).collect();
    binary_of(a, "application/octet-stream", &bytes)
}
