//! A JSON Schema from sample values: types, nesting, lists, nulls, formats, and what is always there.

use hookmill_model::{Object, Str, Value};

/// How deep samples are looked at.
const DEPTH_MAX: usize = 64;

/// How many elements of one list are looked at; more never taught anything new.
const ELEMENTS_MAX: usize = 1_000;

/// The schema that all samples fit. Several samples tell which members are always there (`required`) and where types
/// differ; one sample cannot, so it makes nothing required. `null` beside a type becomes `x-nullable`.
#[must_use]
pub fn infer_schema(samples: &[Value]) -> Value {
    infer(&samples.iter().collect::<Vec<_>>(), 0)
}

fn infer(samples: &[&Value], depth: usize) -> Value {
    let mut out = Object::new();
    let present: Vec<&Value> = samples.iter().copied().filter(|sample| !sample.is_null()).collect();
    let kinds = |fits: fn(&Value) -> bool| !present.is_empty() && present.iter().all(|sample| fits(sample));
    if depth <= DEPTH_MAX {
        if kinds(|sample| sample.as_object().is_some()) {
            object(&present, depth, &mut out);
        } else if kinds(|sample| sample.as_array().is_some()) {
            let elements: Vec<&Value> = present
                .iter()
                .filter_map(|sample| sample.as_array())
                .flat_map(|elements| elements.iter().take(ELEMENTS_MAX))
                .collect();
            out.insert("type", "array");
            out.insert("items", infer(&elements, depth + 1));
        } else if kinds(|sample| sample.as_str().is_some()) {
            out.insert("type", "string");
            if let Some(format) = format_of(&present) {
                out.insert("format", format);
            }
        } else if kinds(|sample| sample.as_bool().is_some()) {
            out.insert("type", "boolean");
        } else if kinds(|sample| sample.as_i64().is_some()) {
            out.insert("type", "integer");
        } else if kinds(|sample| sample.as_f64().is_some()) {
            out.insert("type", "number");
        }
    }
    if present.len() < samples.len() && !present.is_empty() {
        out.insert("x-nullable", true);
    }
    out.into()
}

fn object(samples: &[&Value], depth: usize, out: &mut Object) {
    let mut seen: indexmap::IndexMap<Str, Vec<&Value>> = indexmap::IndexMap::new();
    for (name, value) in samples.iter().filter_map(|sample| sample.as_object()).flat_map(Object::iter) {
        seen.entry(name.clone()).or_default().push(value);
    }
    let required: Vec<Value> = seen
        .iter()
        .filter(|(_, values)| samples.len() > 1 && values.len() == samples.len())
        .map(|(name, _)| name.clone().into())
        .collect();
    out.insert("type", "object");
    let properties: Object = seen.iter().map(|(name, values)| (name.clone(), infer(values, depth + 1))).collect();
    out.insert("properties", properties);
    if !required.is_empty() {
        out.insert("required", Value::array(required));
    }
}

/// The format that every text has.
fn format_of(samples: &[&Value]) -> Option<&'static str> {
    let all = |fits: fn(&str) -> bool| samples.iter().all(|sample| sample.as_str().is_some_and(fits));
    if all(is_date_time) {
        Some("date-time")
    } else if all(is_date) {
        Some("date")
    } else if all(is_uuid) {
        Some("uuid")
    } else if all(is_uri) {
        Some("uri")
    } else if all(is_email) {
        Some("email")
    } else {
        None
    }
}

/// Whether letters follow a picture: `0` for a digit, `x` for a hexadecimal digit, all else for itself.
fn follows(text: &str, picture: &str) -> bool {
    text.len() == picture.len()
        && text.bytes().zip(picture.bytes()).all(|(letter, wanted)| match wanted {
            b'0' => letter.is_ascii_digit(),
            b'x' => letter.is_ascii_hexdigit(),
            _ => letter == wanted,
        })
}

fn is_date(text: &str) -> bool {
    let part =
        |range: std::ops::Range<usize>| text.get(range).and_then(|digits| digits.parse::<u8>().ok()).unwrap_or(0);
    follows(text, "0000-00-00") && (1..=12).contains(&part(5..7)) && (1..=31).contains(&part(8..10))
}

fn is_date_time(text: &str) -> bool {
    let (Some(date), Some(time)) = (text.get(..10), text.get(10..)) else { return false };
    let Some(time) = time.strip_prefix(['T', 't', ' ']) else { return false };
    let Some(seconds) = time.get(..8) else { return false };
    let mut rest = &time[8..];
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return false;
        }
        rest = &fraction[digits..];
    }
    let zone = matches!(rest, "Z" | "z")
        || ["+00:00", "-00:00", "+0000", "-0000"].iter().any(|picture| follows(rest, picture))
        || rest.len() == 6 && rest.starts_with(['+', '-']) && follows(&rest[1..], "00:00");
    is_date(date) && follows(seconds, "00:00:00") && zone
}

fn is_uuid(text: &str) -> bool {
    follows(text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")
}

fn is_uri(text: &str) -> bool {
    // Addresses with placeholders (`{/sha}`) are templates, not addresses.
    (text.starts_with("https://") || text.starts_with("http://"))
        && !text.contains(['{', '}', ' '])
        && url::Url::parse(text).is_ok()
}

fn is_email(text: &str) -> bool {
    let Some((name, domain)) = text.split_once('@') else { return false };
    let plain = |part: &str| !part.is_empty() && !part.contains(['@', ' ', '<', '>', ',', '/', ':']);
    plain(name) && plain(domain) && domain.contains('.') && !domain.starts_with('.') && !domain.ends_with('.')
}
