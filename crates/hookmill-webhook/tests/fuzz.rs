//! A bounded run of the fuzz targets on the stable toolchain. The corpus is made of the cases of the door.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once, and read files and the clock.

#[path = "../../hookmill-definition/fuzz/seeded.rs"]
mod seeded;
#[path = "../fuzz/targets.rs"]
mod targets;

use hookmill_model::Value;

/// Inputs of each target.
const STEPS: usize = 1_500;

/// Pieces that readers look for.
const WORDS: &[&str] = &[
    "\n",
    "\n\n",
    ": ",
    "sha256=",
    "sha1=",
    "t=",
    ",v1=",
    "v1,",
    "=",
    "&",
    "?",
    "%00",
    "%",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "null",
    "\\ud800",
    "\u{1f}\u{8b}\u{8}",
    "Content-Encoding: gzip\n",
    "Content-Encoding: br, deflate, gzip\n",
    "Content-Type: text/xml; charset=utf-16\n",
    "Content-Type: application/x-www-form-urlencoded\n",
    "Content-Type: multipart/form-data; boundary=x\n",
    "challenge",
    "echostr",
    "hub.challenge=1",
    "validationToken=a",
    "{header:X}",
    "{body}",
    "body:/a",
    "header:",
    "query:",
    "hmac-sha256",
    "token",
];

fn cases() -> Vec<Value> {
    let mut cases = Vec::new();
    for file in ["signatures.json", "door.json"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("test_data").join(file);
        cases.extend(Value::from_json(&std::fs::read(path).unwrap()).unwrap().as_array().unwrap().iter().cloned());
    }
    cases
}

/// The number of the preset that a case names, and its requests as the target reads them.
fn requests() -> Vec<Vec<u8>> {
    let mut corpus = Vec::new();
    for case in cases() {
        let preset = case.get("scheme").or_else(|| case.get("preset")).and_then(Value::as_str).unwrap_or_default();
        let number = hookmill_webhook::presets().iter().position(|own| &*own.name == preset).unwrap_or(0);
        let steps = case.get("steps").and_then(Value::as_array);
        let all: Vec<&Value> = match steps {
            Some(steps) => steps.iter().filter_map(|step| step.get("request")).collect(),
            None => case.get("request").into_iter().collect(),
        };
        for request in all {
            let text = |name: &str| request.get(name).and_then(Value::as_str).unwrap_or_default();
            let url = format!("https://me.example.org/callback/x{}", text("query"));
            let mut data = vec![u8::try_from(number).unwrap()];
            data.extend_from_slice(
                format!("{} {url}\n", if text("method").is_empty() { "POST" } else { text("method") }).as_bytes(),
            );
            for (name, value) in
                request.get("headers").and_then(Value::as_object).into_iter().flat_map(|own| own.iter())
            {
                data.extend_from_slice(format!("{name}: {}\n", value.as_str().unwrap_or_default()).as_bytes());
            }
            data.extend_from_slice(b"\n");
            data.extend_from_slice(text("body").as_bytes());
            corpus.push(data);
        }
    }
    assert!(corpus.len() > 50, "{} requests", corpus.len());
    corpus
}

#[test]
fn requests_at_the_door() {
    seeded::run(targets::door, &requests(), WORDS, STEPS);
}

#[test]
fn declarations_of_webhooks() {
    let mut corpus: Vec<Vec<u8>> = vec![
        br#"{"x-hookmill-verification":{"scheme":"hmac","algorithm":"sha256","signature":{"from":"header:X-Sig","prefix":"sha256="},"signed":"{header:X-Time}.{body}","encoding":"hex"},"x-hookmill-dedupe":{"key":"body:/id"}}"#.to_vec(),
        br#"{"x-hookmill-preset":"slack","x-hookmill-handshake":[{"when":{"query:hub.mode":"subscribe"},"reply":{"body":"{query:hub.challenge}"}}],"x-hookmill-reply":{"status":200}}"#.to_vec(),
    ];
    for case in cases().iter().filter_map(|case| case.get("declarations")) {
        corpus.push(case.to_json().into_bytes());
    }
    seeded::run(targets::declarations, &corpus, WORDS, STEPS);
}
