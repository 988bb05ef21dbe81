//! Looking for a text in what the trigger of a run gave.

use hookmill_model::Value;

use crate::fact::{self, Fact};

/// Whether a text or name in what the trigger gave is one that is looked for, by the first fact of the run's journal.
/// `body` gives the body of the event that began the run, and is asked only where the fact refers to it. What the
/// history does not show is not found either.
#[must_use]
pub fn trigger_gave(first_fact: &[u8], body: impl FnOnce() -> Option<Value>, is_it: impl Fn(&str) -> bool) -> bool {
    let Ok(fact) = Fact::decode(first_fact) else { return false };
    let lacks_body = fact.lacks_body();
    let Fact::RunStarted(fact::RunStarted { trigger, secure_trigger: false, .. }) = fact else { return false };
    trigger.get("outputs").is_some_and(|outputs| any(outputs, &is_it))
        || (lacks_body && (is_it("body") || body().is_some_and(|body| any(&body, &is_it))))
}

/// Whether the bytes of a first fact refer to the body of the run's event: a cheap look before they are read.
#[must_use]
pub fn may_lack_body(first_fact: &[u8]) -> bool {
    // The last member of the fact; a text that happens to hold the same bytes only costs the closer look.
    const MARK: &[u8] = br#""body_in_event":true"#;
    let end = &first_fact[first_fact.len().saturating_sub(MARK.len() + 8)..];
    end.windows(MARK.len()).any(|window| window == MARK)
}

fn any(value: &Value, is_it: &impl Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => is_it(text),
        Value::Array(elements) => elements.iter().any(|element| any(element, is_it)),
        Value::Object(members) => members.iter().any(|(name, value)| is_it(name) || any(value, is_it)),
        Value::Null => false,
        other => is_it(&other.to_json()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(outputs: &str, secure: bool) -> Vec<u8> {
        let secure = if secure { r#","secure_trigger":true"# } else { "" };
        format!(
            r#"{{"fact":"run_started","at":"2026-11-24T10:00:00Z","run":"run_00000000000000000000000001","seed":1,
            "trigger":{{"name":"secret","outputs":{outputs}}},"parameters":{{"p":"secret"}},"workflow":null,
            "caller_waits":false,"deadline":"2026-11-24T10:00:00Z","revision":1{secure}}}"#
        )
        .into_bytes()
    }

    #[test]
    fn only_what_is_shown_is_found() {
        let gave = |fact: &[u8], text: &str| trigger_gave(fact, || None, |found| found.contains(text));
        let open = fact(r#"{"body":{"ref":"refs/heads/main","count":[{"of":421}]}}"#, false);
        assert!(gave(&open, "heads/ma") && gave(&open, "421") && gave(&open, "count"));
        assert!(!gave(&open, "secret"), "parameters and names of the definition are not what came");
        assert!(!gave(&fact(r#"{"body":"refs/heads/main"}"#, true), "main"));
        assert!(!gave(b"", "") && !gave(b"{", "x"));
    }

    #[test]
    fn a_body_that_stands_in_the_event_is_looked_through() {
        let whole = Fact::decode(&fact(r#"{"headers":{"a":"b"},"body":{"ref":"refs/heads/main"}}"#, false)).unwrap();
        let stored = whole.beside_event();
        assert!(stored.lacks_body() && may_lack_body(&stored.encode()) && !may_lack_body(&whole.encode()));
        let body = || Value::from_json(br#"{"ref":"refs/heads/main"}"#).ok();
        let gave = |text: &str| trigger_gave(&stored.encode(), body, |found| found.contains(text));
        assert!(gave("heads/ma") && gave("ref") && !gave("secret"));
        assert!(!String::from_utf8(stored.encode()).unwrap().contains("refs/heads/main"));
        let mut again = Fact::decode(&stored.encode()).unwrap();
        again.put_body(body().unwrap());
        assert_eq!(again, whole);
        assert_eq!(again.encode(), whole.encode(), "the body stands where it stood");
        let secure = Fact::decode(&fact(r#"{"body":{"ref":"main"}}"#, true)).unwrap().beside_event();
        assert!(!trigger_gave(&secure.encode(), body, |found| found.contains("main")));
    }
}
