//! Answers of the server for people: tables for lists, and pages for one thing.

use std::fmt::Write as _;

use hookmill_model::{Object, Value};

/// A column: its title and the JSON pointer of its value.
pub type Column = (&'static str, &'static str);

/// Longer values are cut, so that lines stay lines.
const CELL_CHARS_MAX: usize = 48;

/// A value as a cell shows it; nothing for `null`.
fn cell(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => moment(text),
        Some(other) => other.to_json(),
    };
    let text: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    if text.chars().count() <= CELL_CHARS_MAX {
        return text;
    }
    text.chars().take(CELL_CHARS_MAX - 1).chain(['…']).collect()
}

/// Times without their fraction.
fn moment(text: &str) -> String {
    let bytes = text.as_bytes();
    let is_time = bytes.len() > 19 && bytes[4] == b'-' && bytes[10] == b'T' && bytes[19] == b'.' && text.ends_with('Z');
    if is_time { format!("{}Z", &text[..19]) } else { text.to_owned() }
}

/// Rows under their titles, each column as wide as its widest cell.
pub fn table(columns: &[Column], items: &[Value]) -> String {
    let mut rows = vec![columns.iter().map(|(title, _)| title.to_uppercase()).collect::<Vec<_>>()];
    rows.extend(items.iter().map(|item| columns.iter().map(|(_, pointer)| cell(item.pointer(pointer))).collect()));
    let widths: Vec<usize> = (0..columns.len())
        .map(|at| rows.iter().filter_map(|row: &Vec<String>| row.get(at)).map(|text| text.chars().count()).max())
        .map(Option::unwrap_or_default)
        .collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (text, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{text:width$}  ");
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// Names and values below each other; what is not there is left out.
fn facts(item: &Value, columns: &[Column]) -> String {
    let shown: Vec<(&str, String)> = columns
        .iter()
        .map(|(title, pointer)| {
            let value = item.pointer(pointer).filter(|value| !value.is_null());
            let text = value.map(|value| value.as_str().map_or_else(|| value.to_json(), moment));
            (*title, text.unwrap_or_default())
        })
        .filter(|(_, text)| !text.is_empty())
        .collect();
    let width = shown.iter().map(|(title, _)| title.chars().count()).max().unwrap_or_default();
    shown.iter().map(|(title, text)| format!("{title:width$}  {text}\n")).collect()
}

/// A list below a heading; nothing for an empty one.
fn section(heading: &str, columns: &[Column], items: Option<&Value>) -> String {
    match items.and_then(Value::as_array).filter(|items| !items.is_empty()) {
        Some(items) => format!("\n{heading}\n{}", table(columns, items)),
        None => String::new(),
    }
}

const FINDINGS: &[Column] = &[("severity", "/severity"), ("place", "/pointer"), ("message", "/message")];

/// Findings in full: a cut message would help nobody.
fn findings(item: &Value) -> String {
    let found = item.get("diagnostics").and_then(Value::as_array).unwrap_or_default();
    let mut out = String::new();
    for finding in found {
        let part = |pointer: &str| finding.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let [severity, place, message] = [FINDINGS[0].1, FINDINGS[1].1, FINDINGS[2].1].map(part);
        let _ = writeln!(out, "{severity}: {place}: {message}");
    }
    if out.is_empty() { out } else { format!("\n{out}") }
}

/// A connector with its operations.
pub fn connector(item: &Value) -> String {
    let address =
        ["scheme", "host", "base_path"].map(|name| item.get(name).and_then(Value::as_str).unwrap_or_default());
    let mut item = item.clone();
    if let Some(members) = item.as_object_mut() {
        members.insert("address", format!("{}://{}{}", address[0], address[1], address[2]));
    }
    let head = facts(
        &item,
        &[
            ("Connector", "/name"),
            ("Identifier", "/id"),
            ("About", "/description"),
            ("Address", "/address"),
            ("Security", "/authentication/type"),
            ("Connections", "/connections_count"),
            ("Changed", "/updated_at"),
        ],
    );
    let columns = [
        ("role", "/role"),
        ("operation", "/operation_id"),
        ("method", "/method"),
        ("path", "/path"),
        ("summary", "/summary"),
    ];
    format!("{head}{}{}", section("Operations", &columns, item.get("operations")), findings(&item))
}

/// A flow with its webhook and what is wrong with it.
pub fn flow(item: &Value) -> String {
    let head = facts(
        item,
        &[
            ("Flow", "/name"),
            ("Identifier", "/id"),
            ("About", "/description"),
            ("State", "/state"),
            ("Version", "/version"),
            ("Trigger", "/trigger/name"),
            ("Last run", "/last_run/id"),
            ("  ended", "/last_run/status"),
            ("Webhook", "/webhook/state"),
            ("  generation", "/webhook/generation"),
            ("  deleted at", "/webhook/location"),
            ("  callback URL", "/webhook/callback_url"),
            ("  warning", "/webhook/warning"),
            ("  refused", "/webhook/error/message"),
            ("  hint", "/webhook/error/hint"),
            ("Changed", "/updated_at"),
        ],
    );
    let connections = item.get("connections").and_then(Value::as_object).into_iter().flat_map(Object::iter);
    let rows: Vec<Value> = connections
        .map(|(key, bound)| {
            let id = bound.get("connection_id").cloned().unwrap_or_default();
            Value::object([("key", Value::from(key.clone())), ("connection", id)])
        })
        .collect();
    let columns = [("key", "/key"), ("connection", "/connection")];
    format!("{head}{}{}", section("Connections", &columns, Some(&rows.into())), findings(item))
}

/// A run, action by action.
pub fn run(item: &Value) -> String {
    let head = facts(
        item,
        &[
            ("Run", "/id"),
            ("Flow", "/flow/name"),
            ("Kind", "/kind"),
            ("Status", "/status"),
            ("Started", "/started_at"),
            ("Took (ms)", "/duration_ms"),
            ("Trigger", "/trigger/name"),
            ("Received", "/trigger/summary"),
            ("Error", "/error/message"),
            ("Hint", "/error/hint"),
            ("Request", "/request"),
            ("Response", "/response"),
        ],
    );
    let columns = [
        ("action", "/name"),
        ("type", "/type"),
        ("status", "/status"),
        ("code", "/code"),
        ("started", "/started_at"),
        ("times", "/repetitions"),
        ("error", "/error/message"),
    ];
    format!("{head}{}", section("Actions", &columns, item.get("actions")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        Value::from_json(text.as_bytes()).unwrap()
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let items = [
            value(r#"{"id":"a","name":"long name","at":"2026-11-24T10:00:00.1234567Z"}"#),
            value(r#"{"id":"bcd","name":null,"at":"x"}"#),
        ];
        let shown = table(&[("id", "/id"), ("name", "/name"), ("at", "/at")], &items);
        assert_eq!(shown, "ID   NAME       AT\na    long name  2026-11-24T10:00:00Z\nbcd             x\n");
    }

    #[test]
    fn long_and_broken_text_stays_on_its_line() {
        let item = value(r#"{"text":"first\nsecond"}"#);
        assert_eq!(table(&[("text", "/text")], &[item]), "TEXT\nfirst second\n");
        let long = Value::object([("text", "x".repeat(100))]);
        let shown = table(&[("text", "/text")], &[long]);
        assert!(shown.lines().all(|line| line.chars().count() <= CELL_CHARS_MAX));
    }
}
