//! Tests of the findings that a definition gets.

use super::*;

fn check(actions: &str, expected: &[(&str, &str)]) {
    let text = format!(r#"{{"triggers":{{"manual":{{"type":"Request","inputs":{{}}}}}},"actions":{actions}}}"#);
    let definition = Value::from_json(text.as_bytes()).unwrap();
    let found = compile(&definition, &Value::Null, Profile::LogicApps, &Limits::default());
    let findings: Vec<(&str, &str)> =
        found.diagnostics.iter().map(|finding| (finding.code.as_str(), finding.pointer.as_str())).collect();
    assert_eq!(findings, expected, "{:#?}", found.diagnostics);
}

#[test]
fn a_name_in_run_after_must_exist_beside_the_action() {
    check(
        r#"{"A":{"type":"Compose","inputs":1,"runAfter":{"B":["Succeeded"]}}}"#,
        &[("run_after_unknown", "/actions/A/runAfter/B")],
    );
    check(
        r#"{"S":{"type":"Scope","actions":{"In":{"type":"Compose","inputs":1}}},"A":{"type":"Compose","inputs":1,"runAfter":{"In":["Succeeded"]}}}"#,
        &[("run_after_unknown", "/actions/A/runAfter/In")],
    );
}

#[test]
fn circles_are_found() {
    check(
        r#"{"A":{"type":"Compose","inputs":1,"runAfter":{"B":["Succeeded"]}},"B":{"type":"Compose","inputs":1,"runAfter":{"A":["Succeeded"]}},"C":{"type":"Compose","inputs":1,"runAfter":{"A":["Succeeded"]}}}"#,
        &[("run_after_cycle", "/actions/A/runAfter")],
    );
}

#[test]
fn names_are_unique_in_the_whole_document() {
    check(
        r#"{"A":{"type":"Compose","inputs":1},"S":{"type":"Scope","actions":{"a":{"type":"Compose","inputs":1}}}}"#,
        &[("duplicate_action_name", "/actions/S/actions/a")],
    );
}

#[test]
fn references_must_be_finished() {
    check(
        r#"{"A":{"type":"Compose","inputs":1},"B":{"type":"Compose","inputs":"@outputs('A')"}}"#,
        &[("reference_not_before", "/actions/B/inputs")],
    );
    check(
        r#"{"A":{"type":"Compose","inputs":1},"B":{"type":"Compose","inputs":"@outputs('A')","runAfter":{"A":["Succeeded"]}},"C":{"type":"Compose","inputs":"@{outputs('A')}","runAfter":{"B":["Failed"]}}}"#,
        &[],
    );
    check(
        r#"{"S":{"type":"Scope","actions":{"In":{"type":"Compose","inputs":1}}},"A":{"type":"Compose","inputs":"@outputs('In')","runAfter":{"S":["Succeeded"]}}}"#,
        &[],
    );
    check(r#"{"A":{"type":"Compose","inputs":"@outputs('Nope')"}}"#, &[("reference_unknown", "/actions/A/inputs")]);
    check(r#"{"A":{"type":"Compose","inputs":"@item()"}}"#, &[("reference_loop", "/actions/A/inputs")]);
}

#[test]
fn expressions_are_parsed_when_saving() {
    check(
        r#"{"A":{"type":"Compose","inputs":{"x":["@add(1","@lenght('a')"]}}}"#,
        &[("expression_invalid", "/actions/A/inputs/x/0"), ("expression_invalid", "/actions/A/inputs/x/1")],
    );
}

#[test]
fn variables_are_declared_once_at_the_top_and_before_use() {
    check(
        r#"{"I":{"type":"InitializeVariable","inputs":{"variables":[{"name":"n","type":"integer","value":"x"}]}},
            "S":{"type":"SetVariable","inputs":{"name":"n","value":"@add(variables('n'),1)"},"runAfter":{"I":["Succeeded"]}},
            "T":{"type":"AppendToStringVariable","inputs":{"name":"n","value":"x"},"runAfter":{"I":["Succeeded"]}},
            "U":{"type":"IncrementVariable","inputs":{"name":"n"}},
            "V":{"type":"IncrementVariable","inputs":{"name":"m"}}}"#,
        &[
            ("variable_value", "/actions/I/inputs/variables/0/value"),
            ("variable_reads_itself", "/actions/S/inputs/value"),
            ("variable_operation", "/actions/T/inputs/name"),
            ("variable_not_initialized", "/actions/U/inputs/name"),
            ("variable_unknown", "/actions/V/inputs/name"),
        ],
    );
}

#[test]
fn what_is_not_a_definition_is_said_once() {
    for (text, code) in
        [("[]", "definition_malformed"), ("{}", "definition_malformed"), (r#"{"actions":[]}"#, "trigger_missing")]
    {
        let found =
            compile(&Value::from_json(text.as_bytes()).unwrap(), &Value::Null, Profile::LogicApps, &Limits::default());
        assert_eq!(found.diagnostics[0].code, code, "{text}");
        assert!(found.plan.is_none());
    }
}
