//! Hostile files end soon and within bounded memory, measured with the real program under a limit of the system.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::disallowed_types)] // Tests may start programs and stop at once.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Address space that the program may use: code, stacks and everything it allocates.
const ADDRESS_SPACE_KIB: usize = 400_000;

/// Checks a file; gives the codes of the errors.
#[track_caller]
fn codes(file: &[u8]) -> Vec<String> {
    let mut child = Command::new("sh")
        .args(["-c", &format!("ulimit -v {ADDRESS_SPACE_KIB}; exec \"$0\" flow check - --json")])
        .arg(env!("CARGO_BIN_EXE_hookmill"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    child.stdin.take().unwrap().write_all(file).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(60), "it took {:?}", begun.elapsed());
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = found["diagnostics"].as_array().unwrap();
    let errors = findings.iter().filter(|finding| finding["severity"] == "error");
    errors.map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

fn flow(actions: &str) -> String {
    format!(r#"{{"triggers":{{"t":{{"type":"Request"}}}},"actions":{{{actions}}}}}"#)
}

fn empty_actions(count: usize) -> String {
    flow(&(0..count).map(|n| format!(r#""a{n}":{{}}"#)).collect::<Vec<_>>().join(","))
}

#[test]
fn half_a_million_empty_actions() {
    assert_eq!(codes(empty_actions(128_000).as_bytes()), ["limit_actions"]);
    // With the names this is beyond the size of definitions, too.
    assert_eq!(codes(empty_actions(500_000).as_bytes()), ["limit_size"]);
}

#[test]
fn values_that_take_far_more_than_their_text() {
    let list = |element: &str, count: usize| format!(r#"{{"triggers":{{}},"x":[{}1]}}"#, element.repeat(count));
    assert_eq!(codes(list(r#"{"a":1},"#, 2_000_000).as_bytes()), ["limit_size"]);
    assert_eq!(codes(list("[0],", 4_000_000).as_bytes()), ["limit_size"]);
}

#[test]
fn faults_and_names_that_multiply() {
    let faults = flow(&format!(r#""a":{{"type":"Compose","inputs":[{}1]}}"#, r#""@nope()","#.repeat(90_000)));
    assert!(codes(faults.as_bytes()).len() <= 1_000);
    let name = "n".repeat(2_000_000);
    let long = flow(&format!(
        r#""{name}":{{"type":"Scope","actions":{{{}}}}}"#,
        r#""a":{"type":"x"},"b":{"type":"y"},"c":{"type":"@{nope()}"}"#
    ));
    assert!(codes(long.as_bytes()).len() <= 1_000);
    let parameters: Vec<String> = (0..100_000).map(|n| format!(r#""p{n}":{{}}"#)).collect();
    let text = format!(r#"{{"triggers":{{}},"actions":{{}},"parameters":{{{}}}}}"#, parameters.join(","));
    assert!(codes(text.as_bytes()).contains(&"limit_parameters".to_owned()));
    let cases: Vec<String> = (0..80_000).map(|n| format!(r#""c{n}":{{"case":{n},"actions":{{}}}}"#)).collect();
    let switch = flow(&format!(r#""s":{{"type":"Switch","expression":1,"cases":{{{}}}}}"#, cases.join(",")));
    assert_eq!(codes(switch.as_bytes()), ["limit_cases"]);
}
