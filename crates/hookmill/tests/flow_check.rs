//! `hookmill flow check` as people and their CI call it: what it prints, and how it exits.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::disallowed_types)] // Tests may start programs and stop at once.

use std::io::Write;
use std::process::{Command, Stdio};

fn check(definition: &str, arguments: &[&str]) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hookmill"))
        .args(["flow", "check", "-"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(definition.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

const FLOW: &str = r#"{"name":"x","properties":{"displayName":"Pushes","definition":{
  "triggers":{"t":{"type":"OpenApiConnectionWebhook","inputs":{"host":{"connectionName":"shared_git-20forge","operationId":"hook","apiId":"/apis/shared_git-20forge"},"parameters":{}}}},
  "actions":{"Do":{"type":"OpenApiConnection","inputs":{"host":{"connectionName":"shared_git-20forge","operationId":"Doo","apiId":"/apis/shared_git-20forge"},"parameters":{}}},
   "Buzz":{"type":"OpenApiConnection","inputs":{"host":{"connectionName":"shared_flowpush","operationId":"SendNotification","apiId":"/apis/shared_flowpush"},"parameters":{}}},
   "Other":{"type":"OpenApiConnection","inputs":{"host":{"connectionName":"shared_mail","operationId":"Send","apiId":"/apis/shared_mail"},"parameters":{}}},
   "Old":{"type":"Xslt","inputs":{}}}},
  "connectionReferences":{"shared_git-20forge":{"id":"/apis/shared_git-20forge"},"shared_flowpush":{"id":"/apis/shared_flowpush"},"shared_mail":{"id":"/apis/shared_mail"}}}}"#;

#[test]
fn what_a_flow_needs_is_listed_per_action() {
    let folder = tempfile::tempdir().unwrap();
    let document = r#"{"swagger":"2.0","info":{"title":"Git Forge","version":"1"},"paths":{"/h":{"post":{"operationId":"hook"}},"/d":{"post":{"operationId":"Do"}}}}"#;
    std::fs::write(folder.path().join("forge.json"), document).unwrap();
    let (code, out, _) = check(FLOW, &["--json", "--connectors", folder.path().to_str().unwrap()]);
    assert_eq!(code, 1, "{out}");
    let found: serde_json::Value = serde_json::from_str(&out).unwrap();
    let findings: Vec<(&str, &str, &str)> = found["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|own| {
            let text = |name: &str| own[name].as_str().unwrap();
            (text("severity"), text("code"), text("pointer"))
        })
        .collect();
    let at = |name: &str| format!("/properties/definition/actions/{name}");
    assert_eq!(
        findings,
        [
            ("warning", "action_type_unsupported", &*format!("{}/type", at("Old"))),
            ("error", "operation_unknown", &*at("Do")),
            ("warning", "connector_missing", &*at("Other")),
        ]
    );
    assert_eq!(found["flows"][0]["name"], "Pushes");
    assert_eq!(found["flows"][0]["needs"][0]["usedBy"], serde_json::json!(["t", "Do"]));
    let (_, out, _) = check(FLOW, &[]);
    assert!(out.contains("needs a connection of shared_mail for 'shared_mail', used by Other"), "{out}");
}

#[test]
fn limits_come_from_a_file() {
    let definition = r#"{"triggers":{"t":{"type":"Request"}},"actions":{"A":{"type":"Compose","inputs":1},"B":{"type":"Compose","inputs":1}}}"#;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("limits.toml");
    let path = file.to_str().unwrap();
    assert_eq!(check(definition, &[]).0, 0);
    std::fs::write(&file, "actions_max = 1\n").unwrap();
    let (code, out, _) = check(definition, &["--limits", path]);
    assert_eq!(code, 1);
    assert!(out.contains("limit_actions"), "{out}");
    std::fs::write(&file, "action_max = 1\n").unwrap();
    let (code, _, error) = check(definition, &["--limits", path]);
    assert_eq!(code, 1);
    assert!(error.contains("unknown field `action_max`"), "{error}");
}

#[test]
fn scripts_run_in_test_cases() {
    let case = r#"[{"id":"script","definition":{"triggers":{"t":{"type":"Request"}},"actions":{
        "A":{"type":"Compose","inputs":{"n":20}},
        "J":{"type":"JavaScriptCode","inputs":{"code":"return workflowContext.actions.A.outputs.n + 1;","explicitDependencies":{"actions":["A"]}},"runAfter":{"A":["Succeeded"]}},
        "B":{"type":"Compose","inputs":"@mul(body('J'),2)","runAfter":{"J":["Succeeded"]}}}},
        "expected":{"status":"Succeeded","actions":{"J":{"status":"Succeeded","outputs":{"body":21}},"B":{"outputs":42}}}}]"#;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cases.json");
    std::fs::write(&file, case).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_hookmill")).args(["flow", "test"]).arg(&file).output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && out.ends_with("1 passed, 0 failed\n"), "{out}");
}
