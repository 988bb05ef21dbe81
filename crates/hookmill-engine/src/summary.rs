//! What lists say of a run: what it was about (the values that its maker chose, or the first words of what came), and
//! which action failed.

use std::collections::BTreeMap;

use hookmill_definition::Plan;
use hookmill_definition::plan::Trigger;
use hookmill_expression::content;
use hookmill_model::{ActionStatus, Str, Timestamp, Value};

use crate::scope::ActionScope;
use crate::state::{InnerFailure, Record, RunState};

/// A summary has no more parts, and no longer ones.
const PARTS_MAX: usize = 3;
const PART_CHARS_MAX: usize = 80;
/// Words that are taken unasked are short.
const WORD_CHARS_MAX: usize = 60;
/// Members of what came that are looked at.
const LOOKED_AT_MAX: usize = 200;
const BETWEEN: &str = " · ";

/// What a run is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Summary {
    /// The values that the maker chose.
    Chosen(String),
    /// The first words of what came; empty where it has none, or where it is not to be shown.
    Words(String),
}

/// What a run that has begun is about. A chosen value that cannot be evaluated while it is `wanted` is left out: the
/// history must not keep a run from starting. `shown` takes out of a text what nobody may see; it is asked before a text
/// is cut, since half of a secret would not be known as one.
#[must_use]
pub fn summary(
    plan: &Plan,
    trigger: &Trigger,
    state: &RunState,
    now: Timestamp,
    shown: &dyn Fn(&str) -> String,
    wanted: &dyn Fn() -> bool,
) -> Summary {
    if trigger.secure_outputs {
        return Summary::Words(String::new());
    }
    if trigger.run_summary.is_empty() {
        let body = state.trigger.get("outputs").and_then(|outputs| outputs.get("body"));
        return Summary::Words(body.map(|body| shown(&first_words(body))).unwrap_or_default());
    }
    let scope = ActionScope::new(plan, state, now, &[], &[], (&trigger.name, 0)).while_wanted(wanted);
    let values = trigger.run_summary.iter().filter_map(|part| part.evaluate(&scope).ok());
    let texts = values.filter(|value| *value != Value::Null).map(|value| line(&shown(&content::to_text(&value))));
    let texts: Vec<String> = texts.filter(|text| !text.is_empty()).collect();
    Summary::Chosen(texts.join(BETWEEN))
}

/// A text on one line, cut.
fn line(text: &str) -> String {
    let mut words = String::new();
    for word in text.split_whitespace() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(word);
        if words.len() > 4 * PART_CHARS_MAX {
            break;
        }
    }
    match words.char_indices().nth(PART_CHARS_MAX) {
        Some((end, _)) => format!("{}…", words[..end].trim_end()),
        None => words,
    }
}

/// The first words that say something to a person, outer ones first.
fn first_words(body: &Value) -> String {
    let mut found: Vec<&str> = Vec::new();
    let mut level: Vec<(&str, &Value)> = vec![("", body)];
    let mut looked_at = 0;
    while !level.is_empty() && found.len() < PARTS_MAX {
        let mut inner = Vec::new();
        for (name, value) in level {
            match value {
                Value::String(text) if says_something(name, text) => {
                    // `acme/rocket` says what `rocket` does.
                    if found.iter().any(|known| known.contains(&**text)) {
                        continue;
                    }
                    found.retain(|known| !text.contains(known));
                    found.push(text);
                }
                Value::Object(members) => inner.extend(members.iter().map(|(name, value)| (&**name, value))),
                Value::Array(elements) => inner.extend(elements.iter().take(1).map(|element| (name, element))),
                _ => {}
            }
            looked_at += 1;
            if found.len() == PARTS_MAX || looked_at == LOOKED_AT_MAX {
                return found.join(BETWEEN);
            }
        }
        level = inner;
    }
    found.join(BETWEEN)
}

/// Whether a text is one for people: no address of the web or of a mailbox, identifier, moment or secret.
fn says_something(name: &str, text: &str) -> bool {
    const HIDDEN: [&str; 12] =
        ["id", "url", "uri", "sha", "hash", "token", "secret", "password", "key", "signature", "nonce", "cursor"];
    let ends_with = |end: &str| {
        let start = name.len().checked_sub(end.len());
        start.and_then(|start| name.get(start..)).is_some_and(|own| own.eq_ignore_ascii_case(end))
    };
    let is_opaque = |text: &str| {
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        let is_hexadecimal = text.len() >= 12 && text.bytes().all(|one| one.is_ascii_hexdigit() || one == b'-');
        is_hexadecimal || digits > 10
    };
    // 2026-11-24, with or without a time.
    let is_moment = |text: &str| {
        let is_of_form =
            |(place, one): (usize, u8)| if matches!(place, 4 | 7) { one == b'-' } else { one.is_ascii_digit() };
        text.len() >= 10 && text.bytes().take(10).enumerate().all(is_of_form)
    };
    // No character has more than four bytes, so long texts need not be counted.
    text.len() <= 4 * WORD_CHARS_MAX
        && !HIDDEN.iter().any(|end| ends_with(end))
        && text.chars().count() <= WORD_CHARS_MAX
        && !text.contains(['\n', '@'])
        && !text.contains("://")
        && text.chars().any(char::is_alphanumeric)
        && !is_opaque(text)
        && !is_moment(text)
}

/// Members of an answer in which services say what was wrong, in the order of their worth.
const REASONS: [&str; 8] = ["message", "error", "detail", "error_description", "reason", "title", "errors", "fault"];
/// Answers nest their reason, as in `{"error":{"message":"…"}}`, but not deeply.
const REASON_DEPTH_MAX: usize = 4;

/// What a service itself says of a request that it refused, on one line: `500 pool exhausted`, or the status alone.
///
/// `outputs` are those of an action: `{statusCode, headers, body}`. `None` where they are no answer, or one of success.
#[must_use]
pub fn refusal(outputs: &Value) -> Option<String> {
    let status = outputs.get("statusCode").and_then(Value::as_i64).filter(|status| *status >= 400)?;
    let said = outputs.get("body").and_then(|body| reason(body, REASON_DEPTH_MAX)).unwrap_or_default();
    Some(format!("{status} {said}").trim_end().to_owned())
}

/// The first text of a body that explains it; a page of HTML does not.
fn reason(body: &Value, depth: usize) -> Option<String> {
    let inner = depth.checked_sub(1)?;
    match body {
        Value::String(text) => Some(line(text)).filter(|text| !text.is_empty() && !text.starts_with('<')),
        Value::Object(members) => REASONS.iter().find_map(|name| reason(members.get(name)?, inner)),
        Value::Array(elements) => reason(elements.first()?, inner),
        _ => None,
    }
}

/// Which action of a run failed, for lists.
#[derive(Clone, Copy, Debug)]
pub enum Culprit<'a> {
    /// This one failed first.
    Action(&'a Str, &'a Record),
    /// One of those in this container, whose records are not kept in the state; the last one that failed in a loop.
    Inside(&'a Str, Option<&'a InnerFailure>),
}

/// The action that failed first. A loop forgets what happened in its iterations: then the innermost container is named.
#[must_use]
pub fn culprit<'a>(plan: &'a Plan, state: &'a RunState) -> Option<Culprit<'a>> {
    let runs = |name: &Str| state.records.get(name).into_iter().flat_map(BTreeMap::values);
    // Containers stand before what is in them.
    let inner_first = plan.actions.iter().rev();
    let records = inner_first.flat_map(|action| runs(&action.name).map(move |record| (&action.name, record)));
    let failed = records.filter(|(_, record)| matches!(record.status, ActionStatus::Failed | ActionStatus::TimedOut));
    let is_container = |record: &Record| record.error.as_ref().is_some_and(|error| &*error.code == "ActionFailed");
    let (name, record) = failed.min_by_key(|(_, record)| (is_container(record), record.ended_at))?;
    Some(if is_container(record) {
        Culprit::Inside(name, state.inner_failure.as_ref())
    } else {
        Culprit::Action(name, record)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(json: &str) -> String {
        first_words(&Value::from_json(json.as_bytes()).unwrap())
    }

    #[test]
    fn the_first_words_are_for_people() {
        let push = r#"{"ref":"refs/heads/main","before":"0000000000000000000000000000000000000000",
            "compare":"https://example.org/compare","created":false,
            "repository":{"id":7,"node_id":"MDEwOlJlcG9zaXRvcnk","name":"rocket","full_name":"acme/rocket","token":"hunter2 is it"},
            "pusher":{"name":"ada"}}"#;
        assert_eq!(words(push), "refs/heads/main · acme/rocket · ada");
        let charge = r#"{"id":"evt_1","object":"event","created":"2026-11-24T10:00:00Z","type":"charge.succeeded"}"#;
        assert_eq!(words(charge), "event · charge.succeeded");
        assert_eq!(words(r#"[{"name":"first"},{"name":"second"}]"#), "first");
        let order = r#"{"order":{"number":"2026-115","customer":{"name":"Linus","email":"linus@example.org"}},"at":"2026-11-24"}"#;
        assert_eq!(words(order), "2026-115 · Linus");
        assert_eq!(words(r#""just a text""#), "just a text");
        assert_eq!(words("[1, null, true]"), "");
    }

    #[test]
    fn a_service_says_itself_why_it_refused() {
        let said = |json: &str| refusal(&Value::from_json(json.as_bytes()).unwrap());
        let cases = [
            (r#"{"statusCode":500,"body":{"error":{"code":"x","message":"pool exhausted"}}}"#, "500 pool exhausted"),
            (
                r#"{"statusCode":422,"body":{"message":"Validation Failed","errors":[{"field":"title"}]}}"#,
                "422 Validation Failed",
            ),
            (r#"{"statusCode":400,"body":{"errors":[{"message":"no such list"}]}}"#, "400 no such list"),
            (r#"{"statusCode":503,"body":"try\n later"}"#, "503 try later"),
            (r#"{"statusCode":404,"body":"<html><body>Not here</body></html>"}"#, "404"),
            (r#"{"statusCode":401}"#, "401"),
        ];
        for (outputs, words) in cases {
            assert_eq!(said(outputs).as_deref(), Some(words));
        }
        assert_eq!(said(r#"{"statusCode":200,"body":{"message":"fine"}}"#), None);
        assert_eq!(said(r#""text""#), None);
    }

    #[test]
    fn long_values_are_cut_to_one_line() {
        assert_eq!(line("one\n  two\tthree "), "one two three");
        let cut = line(&"ä".repeat(200));
        assert_eq!(cut.chars().count(), PART_CHARS_MAX + 1);
        assert!(cut.ends_with('…'));
    }
}
