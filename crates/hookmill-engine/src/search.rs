//! Looking for a text in what the trigger of a run gave.

use hookmill_model::Value;

use crate::fact::Fact;

/// Whether a text or name in what the trigger gave is one that is looked for, by the first fact of the run's journal.
/// What the history does not show is not found either.
#[must_use]
pub fn trigger_gave(first_fact: &[u8], is_it: impl Fn(&str) -> bool) -> bool {
    let Ok(Fact::RunStarted { trigger, secure_trigger: false, .. }) = Fact::decode(first_fact) else { return false };
    trigger.get("outputs").is_some_and(|outputs| any(outputs, &is_it))
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
        let gave = |fact: &[u8], text: &str| trigger_gave(fact, |found| found.contains(text));
        let open = fact(r#"{"body":{"ref":"refs/heads/main","count":[{"of":421}]}}"#, false);
        assert!(gave(&open, "heads/ma") && gave(&open, "421") && gave(&open, "count"));
        assert!(!gave(&open, "secret"), "parameters and names of the definition are not what came");
        assert!(!gave(&fact(r#"{"body":"refs/heads/main"}"#, true), "main"));
        assert!(!gave(b"", "") && !gave(b"{", "x"));
    }
}
