//! Damage is never a decision: what is read from the store, or from stored bytes, has no default.

use std::fs;
use std::path::Path;

use anyhow::Result;

/// Crates that read what is stored.
const READERS: [&str; 5] = [
    "crates/hookmill-runtime/src",
    "crates/hookmill-server/src",
    "crates/hookmill-store/src",
    "crates/hookmill-store-sqlite/src",
    "crates/hookmill-store-postgres/src",
];

/// What reads stored bytes.
const PARSERS: [&str; 4] = ["serde_json::from_slice", "Value::from_json", "Fact::decode", "Record::of"];

/// What turns a failure into a value.
const DEFAULTS: [&str; 4] = [".unwrap_or_default()", ".unwrap_or(", ".ok()", ".is_ok_and("];

/// Calls that read nothing stored, or after which nothing is decided by what is missing: file, and what is read.
const ALLOWED: [(&str, &str); 3] = [
    // The answer of a service, printed and read again without what must not be seen in it.
    ("creation.rs", "hidden.as_bytes()"),
    ("creation.rs", "value.to_json()"),
    // A loop that asks again after its interval.
    ("timers.rs", "store.next_timer(kind)"),
];

/// Reports each place that reads what is stored and goes on with a default where that fails.
pub(super) fn check(path: &Path, breaches: &mut Vec<String>) -> Result<()> {
    let shown = path.to_string_lossy();
    if READERS.iter().any(|reader| shown.contains(reader)) && !shown.ends_with("/tests.rs") {
        breaches.extend(defaulted(&shown, &fs::read_to_string(path)?));
    }
    Ok(())
}

fn defaulted(path: &str, source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]").next().unwrap_or(source);
    // Without white space and comments, so that a chain may stand on many lines; each letter keeps its line.
    let (mut letters, mut lines) = (String::new(), Vec::new());
    for (line, text) in (1..).zip(code.lines()) {
        for letter in text.split("//").next().unwrap_or_default().chars().filter(|letter| !letter.is_whitespace()) {
            letters.push(letter);
            lines.extend(std::iter::repeat_n(line, letter.len_utf8()));
        }
    }
    let mut found = Vec::new();
    let mut note = |from: usize, to: usize| {
        let Some(default) = DEFAULTS.iter().find(|default| letters[to..].starts_with(**default)) else { return };
        let read = &letters[from..to];
        if ALLOWED.iter().any(|(file, text)| path.ends_with(file) && read.contains(text)) {
            return;
        }
        let line = lines.get(from).copied().unwrap_or(0);
        found.push(format!("{path}:{line}: damage becomes a decision ({default}); read with hookmill_store::read"));
    };
    for parser in PARSERS {
        for (from, _) in letters.match_indices(parser) {
            if let Some(end) = end_of_call(&letters, from + parser.len()) {
                note(from, end);
            }
        }
    }
    for (end, _) in letters.match_indices(".await.") {
        let from = letters[..end].rfind([';', '{', '}']).map_or(0, |at| at + 1);
        if letters[from..end].contains("store.") || letters[from..end].contains("store().") {
            note(from, end + ".await".len());
        }
    }
    found
}

/// The end of the call whose arguments begin after an optional `::<…>`; `None` where the function is only named.
fn end_of_call(letters: &str, from: usize) -> Option<usize> {
    let open = from + letters[from..].find('(')?;
    let between = &letters[from..open];
    if !between.is_empty() && !between.starts_with("::<") {
        return None;
    }
    let mut depth = 0_usize;
    for (at, letter) in letters[open..].char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => {
                depth -= 1;
                if depth == 0 {
                    return Some(open + at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_for_what_is_stored_are_refused() {
        let bad = [
            "let a: Settings = serde_json::from_slice(&stored.settings).unwrap_or_default();",
            "let a = serde_json::from_slice::<State>(&stored).is_ok_and(|state| state.on);",
            "let b = Value::from_json(&row.head)\n    .ok()\n    .and_then(|head| head.get(1));",
            "let c = self.0.store.subscriptions_unfinished().await.unwrap_or_default();",
            "let d = state.store().user(id).await.ok();",
        ];
        for bad in bad {
            assert_eq!(defaulted("runtime/src/x.rs", bad).len(), 1, "{bad}");
        }
        let good = [
            "let a = hookmill_store::read(\"it\", &bytes, |bytes| serde_json::from_slice(bytes))?;",
            "let b = self.0.store.user(id).await?.map(|user| user.name).unwrap_or_default();",
            "let c = stored.map(Value::from_json).transpose()?.unwrap_or_default();",
            "// Value::from_json(x).ok()\nlet d = 1;",
            "let e = receiver.recv().await.unwrap_or_default();",
        ];
        for good in good {
            assert_eq!(defaulted("runtime/src/x.rs", good), Vec::<String>::new(), "{good}");
        }
    }

    #[test]
    fn the_place_is_named() {
        let found = defaulted("a.rs", "fn f() {\n\n    let x = Value::from_json(b)\n        .unwrap_or_default();\n}");
        assert!(found[0].starts_with("a.rs:3: "), "{found:?}");
    }
}
