//! YAML 1.2 with its core schema, read into JSON values: `no`, `on` and dates are texts, keys are texts.
//!
//! Every bound holds before memory grows: depth, number of values and of aliases. An alias costs as many values as what
//! it stands for, so a few lines cannot stand for millions of values.

use std::collections::BTreeMap;

use hookmill_model::{Object, Value};
use saphyr_parser::{Event, Parser, ScalarStyle};

/// The most values of a document, those behind aliases included.
pub(crate) const VALUES_MAX: usize = 1_000_000;
/// The most aliases that are followed.
const ALIASES_MAX: usize = 10_000;
/// The deepest nesting, as of JSON.
const DEPTH_MAX: usize = 128;

/// Why a text is not read, with its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct YamlError {
    pub line: usize,
    pub reason: String,
}

/// A list or an object that is being read.
enum Open {
    List(Vec<Value>),
    Members { found: Object, key: Option<String> },
}

struct Frame {
    open: Open,
    anchor: usize,
    /// How many values it has so far.
    values: usize,
}

/// Reads the first document of a text.
///
/// # Errors
/// It is not YAML, or one of the bounds is passed.
pub(crate) fn read(text: &str) -> Result<Value, YamlError> {
    let mut frames: Vec<Frame> = Vec::new();
    let mut anchors: BTreeMap<usize, (Value, usize)> = BTreeMap::new();
    let mut aliases = 0_usize;
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|error| YamlError { line: error.marker().line(), reason: error.info().to_owned() })?;
        let line = span.start.line();
        let refused = |reason: String| YamlError { line, reason };
        let (value, size, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => {
                let is_key = frames.last().is_some_and(|frame| matches!(frame.open, Open::Members { key: None, .. }));
                let is_plain = style == ScalarStyle::Plain && !is_key;
                (if is_plain { plain(&text) } else { Value::string(&*text) }, 1, anchor)
            }
            Event::Alias(anchor) => {
                aliases += 1;
                if aliases > ALIASES_MAX {
                    return Err(refused(format!("the text has more than {ALIASES_MAX} aliases")));
                }
                let (value, size) = anchors.get(&anchor).cloned().ok_or_else(|| {
                    refused("an alias stands for something that is not finished, so it would contain itself".to_owned())
                })?;
                (value, size, 0)
            }
            Event::SequenceStart(..) | Event::MappingStart(..) if frames.len() >= DEPTH_MAX => {
                return Err(refused(format!("the text is nested deeper than {DEPTH_MAX} levels")));
            }
            Event::SequenceStart(anchor, _) => {
                frames.push(Frame { open: Open::List(Vec::new()), anchor, values: 1 });
                continue;
            }
            Event::MappingStart(anchor, _) => {
                frames.push(Frame { open: Open::Members { found: Object::new(), key: None }, anchor, values: 1 });
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match frames.pop() {
                Some(Frame { open: Open::List(found), anchor, values }) => (Value::array(found), values, anchor),
                Some(Frame { open: Open::Members { found, .. }, anchor, values }) => (found.into(), values, anchor),
                None => continue,
            },
            _ => continue,
        };
        if anchor != 0 {
            anchors.insert(anchor, (value.clone(), size));
        }
        let Some(frame) = frames.last_mut() else { return Ok(value) };
        frame.values = frame.values.saturating_add(size);
        if frame.values > VALUES_MAX {
            return Err(refused(format!(
                "the text has more than {VALUES_MAX} values, aliases counted as what they stand for"
            )));
        }
        match &mut frame.open {
            Open::List(found) => found.push(value),
            Open::Members { found, key } => match key.take() {
                None => {
                    let text = match &value {
                        Value::Array(_) | Value::Object(_) => {
                            return Err(refused("a key is a list or an object, which JSON does not have".to_owned()));
                        }
                        other => crate::serialise::text(other),
                    };
                    *key = Some(text);
                }
                Some(name) if name == "<<" && is_merge(&value) => {
                    let merged = value.as_array().unwrap_or(std::slice::from_ref(&value));
                    for (name, value) in merged.iter().filter_map(Value::as_object).flat_map(Object::iter) {
                        if !found.contains_key(name) {
                            found.insert(name.clone(), value.clone());
                        }
                    }
                }
                Some(name) => {
                    found.insert(name, value);
                }
            },
        }
    }
    Ok(Value::Null)
}

/// Whether a value behind `<<` is an object, or a list of objects, whose members are merged.
fn is_merge(value: &Value) -> bool {
    value.as_object().is_some()
        || value.as_array().is_some_and(|all| !all.is_empty() && all.iter().all(|one| one.as_object().is_some()))
}

/// A plain scalar by the core schema.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let based = |prefix: &str, radix| text.strip_prefix(prefix).and_then(|own| i64::from_str_radix(own, radix).ok());
    if let Some(number) = based("0x", 16).or_else(|| based("0o", 8)) {
        return Value::Integer(number);
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(number) = text.parse::<i64>()
    {
        return Value::Integer(number);
    }
    let is_number = digits.starts_with(|letter: char| letter.is_ascii_digit() || letter == '.')
        && digits.bytes().any(|byte| byte.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    match text.parse::<f64>() {
        Ok(number) if is_number && number.is_finite() => Value::Float(number),
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, json: &str) {
        let found = read(text).map(|value| value.to_json());
        assert_eq!(found.as_deref(), Ok(json), "{text}");
    }

    #[test]
    fn the_core_schema_makes_few_types() {
        check(
            "a: no\nb: on\nc: true\nd: ~\ne: 1\nf: 1.5\ng: 0x1F\nh: '1'\ni: 2024-01-01\nj: 1.0.0",
            r#"{"a":"no","b":"on","c":true,"d":null,"e":1,"f":1.5,"g":31,"h":"1","i":"2024-01-01","j":"1.0.0"}"#,
        );
        check("200: {description: OK}\ntrue: x", r#"{"200":{"description":"OK"},"true":"x"}"#);
        check("- |\n  two\n  lines\n- >-\n  one\n  line", r#"["two\nlines\n","one line"]"#);
        check("{}", "{}");
    }

    #[test]
    fn aliases_and_merges_are_followed() {
        check(
            "a: &x {k: 1}\nb: &y {m: 2}\nc:\n  <<: [*x, *y]\n  l: 2",
            r#"{"a":{"k":1},"b":{"m":2},"c":{"k":1,"m":2,"l":2}}"#,
        );
        check("a: &x {k: 1}\nb: *x\nc:\n  <<: *x\n  l: 2", r#"{"a":{"k":1},"b":{"k":1},"c":{"k":1,"l":2}}"#);
    }

    #[test]
    fn a_few_lines_cannot_stand_for_millions_of_values() {
        let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..12 {
            let before = format!("*a{}", level - 1);
            text.push_str(&format!("a{level}: &a{level} [{}]\n", vec![before; 10].join(",")));
        }
        let refused = read(&text).unwrap_err();
        assert!(refused.reason.contains("values") && refused.line > 1, "{refused:?}");
        let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
        assert!(read(&deep).unwrap_err().reason.contains("nested"));
        assert!(read("a: &x [*x]").is_err());
        assert!(read("a: [1").is_err());
        assert!(read("? [a]\n: b").unwrap_err().reason.contains("key"));
    }
}
