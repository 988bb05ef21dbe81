//! The values of a run take a bounded number of bytes, however they come about, and appending costs what is appended.
#![allow(clippy::unwrap_used)] // Tests may stop at once.

use hookmill_definition::{Limits, Plan, Profile, compile};
use hookmill_engine::history::RunHistory;
use hookmill_engine::{Command, Environment, Fact, Input, RunState, Start, decide, pending};
use hookmill_model::{Id, Object, RunId, RunStatus, Timestamp, Value};

const NOW: Timestamp = Timestamp::from_millis(1_735_689_600_000);
const MIB: usize = 1_024 * 1_024;

fn plan(actions: &str, limits: &Limits) -> Plan {
    let text = format!(r#"{{"triggers":{{"manual":{{"type":"Request"}}}},"actions":{actions}}}"#);
    let made = compile(&Value::from_json(text.as_bytes()).unwrap(), &Value::Null, Profile::LogicApps, limits);
    made.plan.unwrap_or_else(|| panic!("{:?}", made.diagnostics))
}

struct Ran {
    state: RunState,
    /// The stored form of all facts.
    journal: Vec<Vec<u8>>,
    bytes_max: usize,
}

fn run(plan: &Plan, trigger: Value) -> Ran {
    let mut ran = Ran { state: RunState::default(), journal: Vec::new(), bytes_max: 0 };
    let mut input = Input::Start(Box::new(Start {
        run: RunId::make(NOW, [7; 10]),
        seed: 1,
        trigger: Value::object([("outputs", Value::object([("body", trigger)]))]),
        parameters: Value::Null,
        workflow: Value::Null,
        caller_waits: false,
        caller_until: None,
        taken_over: Vec::new(),
        held: false,
        secret: false,
    }));
    loop {
        let environment = Environment { now: NOW, callback_base: "", callback_key: b"k" };
        let facts = decide(plan, &mut ran.state, environment, input).unwrap();
        ran.journal.extend(facts.iter().map(Fact::encode));
        ran.bytes_max = ran.bytes_max.max(ran.state.bytes());
        if !pending(plan, &ran.state).contains(&Command::Continue) {
            return ran;
        }
        input = Input::Tick;
    }
}

fn history(ran: &Ran) -> RunHistory {
    let facts: Vec<Fact> = ran.journal.iter().map(|bytes| Fact::decode(bytes).unwrap()).collect();
    let folded = RunState::fold(&facts).unwrap();
    assert_eq!(folded.variables(), ran.state.variables());
    assert_eq!(folded.status(), ran.state.status());
    RunHistory::read(&facts)
}

const TEXT: &str =
    r#""I":{"type":"InitializeVariable","inputs":{"variables":[{"name":"v","type":"string","value":"0123456789"}]}}"#;

fn until(first: &str, body: &str) -> String {
    format!(
        r#"{{{first},"U":{{"type":"Until","expression":"@false","limit":{{"count":90}},"actions":{{{body}}},"runAfter":{{"I":["Succeeded"]}}}}}}"#
    )
}

/// Runs end with `limit_memory` and the name of the action, before they take what they may.
#[track_caller]
fn ends_for_memory(actions: &str, action: &str, trigger: Value) {
    let limits = Limits { run_bytes_max: 8 * MIB, ..Limits::default() };
    let ran = run(&plan(actions, &limits), trigger);
    let error = ran.state.error().unwrap_or_else(|| panic!("{actions} ended well"));
    assert_eq!((ran.state.status(), &*error.code), (RunStatus::Failed, "limit_memory"), "{error:?}");
    assert!(error.message.contains(&format!("'{action}'")), "{}", error.message);
    let stored: usize = ran.journal.iter().map(Vec::len).sum();
    assert!(ran.bytes_max <= 9 * MIB, "the state took {} KiB", ran.bytes_max / 1_024);
    assert!(stored <= 64 * MIB, "the journal took {} KiB", stored / 1_024);
}

#[test]
fn a_text_that_doubles() {
    let body = r#""Double":{"type":"Compose","inputs":"@concat(variables('v'),variables('v'))"},
        "Keep":{"type":"SetVariable","inputs":{"name":"v","value":"@outputs('Double')"},"runAfter":{"Double":["Succeeded"]}}"#;
    ends_for_memory(&until(TEXT, body), "Double", Value::Null);
}

#[test]
fn a_text_that_grows_inside_of_one_expression() {
    let pieces = format!("length(concat({}))", vec!["base64(variables('v'))"; 200].join(","));
    let big =
        r#""S":{"type":"SetVariable","inputs":{"name":"v","value":"@{triggerBody()}"},"runAfter":{"I":["Succeeded"]}}"#;
    let actions = format!(
        r#"{{{TEXT},{big},"Many":{{"type":"Compose","inputs":"@{pieces}","runAfter":{{"S":["Succeeded"]}}}}}}"#
    );
    ends_for_memory(&actions, "Many", "x".repeat(100_000).into());
}

#[test]
fn an_array_that_holds_itself_twice() {
    let first = r#""I":{"type":"InitializeVariable","inputs":{"variables":[{"name":"v","type":"array","value":[1]}]}}"#;
    let body = r#""Nest":{"type":"Compose","inputs":"@createArray(variables('v'),variables('v'))"},
        "Keep":{"type":"SetVariable","inputs":{"name":"v","value":"@outputs('Nest')"},"runAfter":{"Nest":["Succeeded"]}}"#;
    ends_for_memory(&until(first, body), "Nest", Value::Null);
}

#[test]
fn outputs_that_are_kept_for_later() {
    let actions = r#"{"L":{"type":"Foreach","foreach":"@range(0,1000)","actions":{"Copy":{"type":"Compose","inputs":"@concat(triggerBody(),string(item()))"}}},
        "N":{"type":"Compose","inputs":"@length(outputs('Copy'))","runAfter":{"L":["Succeeded"]}}}"#;
    ends_for_memory(actions, "Copy", "x".repeat(50_000).into());
}

#[test]
fn data_operations_that_multiply() {
    let big = Value::from("x".repeat(100_000));
    for (action, inputs) in [
        (
            "Pick",
            r#""type":"Select","inputs":{"from":"@range(0,1000)","select":"@concat(triggerBody(),string(item()))"}"#,
        ),
        ("Glue", r#""type":"Join","inputs":{"from":"@range(0,1000)","joinWith":"@{triggerBody()}"}"#),
        (
            "Grid",
            r#""type":"Table","inputs":{"from":"@range(0,1000)","format":"CSV","columns":[{"header":"h","value":"@triggerBody()"}]}"#,
        ),
    ] {
        ends_for_memory(&format!(r#"{{"{action}":{{{inputs}}}}}"#), action, big.clone());
    }
    let text: Value = format!("[{}1]", "[],".repeat(500_000)).into();
    ends_for_memory(r#"{"Read":{"type":"ParseJson","inputs":{"content":"@triggerBody()","schema":{}}}}"#, "Read", text);
}

/// What many places share counts once: a large message may be looked at often.
#[test]
fn a_large_message_that_is_passed_on_is_no_fault() {
    let limits = Limits { run_bytes_max: 3 * MIB, ..Limits::default() };
    let copies: Vec<String> = (0..20)
        .map(|n| {
            let after = if n == 0 { "{}".to_owned() } else { format!(r#"{{"c{}":["Succeeded"]}}"#, n - 1) };
            format!(r#""c{n}":{{"type":"Compose","inputs":"@triggerBody()","runAfter":{after}}}"#)
        })
        .collect();
    let ran = run(&plan(&format!("{{{}}}", copies.join(",")), &limits), "x".repeat(MIB).into());
    assert_eq!(ran.state.status(), RunStatus::Succeeded, "{:?}", ran.state.error());
}

/// Values that were replaced do not count.
#[test]
fn what_is_forgotten_is_given_back() {
    let limits = Limits { run_bytes_max: 2 * MIB, ..Limits::default() };
    let actions = r#"{"L":{"type":"Foreach","foreach":"@range(0,100)","operationOptions":"Sequential","actions":{"Copy":{"type":"Compose","inputs":"@concat(triggerBody(),string(item()))"}}}}"#;
    let ran = run(&plan(actions, &limits), "x".repeat(200_000).into());
    assert_eq!(ran.state.status(), RunStatus::Succeeded, "{:?}", ran.state.error());
    assert!(ran.bytes_max < 3 * MIB);
}

fn appending(kind: &str, action: &str, value: &str, count: u32) -> Plan {
    let limits = Limits { variable_bytes_max: 200 * MIB, run_bytes_max: 128 * MIB, ..Limits::default() };
    let start = if kind == "array" { "[]" } else { "\"\"" };
    let actions = format!(
        r#"{{"I":{{"type":"InitializeVariable","inputs":{{"variables":[{{"name":"v","type":"{kind}","value":{start}}}]}}}},
        "L":{{"type":"Foreach","foreach":"@range(0,{count})","operationOptions":"Sequential","actions":{{
            "A":{{"type":"{action}","inputs":{{"name":"V","value":{value}}}}}}},"runAfter":{{"I":["Succeeded"]}}}},
        "N":{{"type":"Compose","inputs":"@length(variables('v'))","runAfter":{{"L":["Succeeded"]}}}}}}"#
    );
    plan(&actions, &limits)
}

#[test]
fn many_appends_cost_what_is_appended() {
    for (kind, action, value, length) in [
        ("array", "AppendToArrayVariable", r#"{"id":"@item()","text":"some text of a row"}"#, 20_000),
        ("string", "AppendToStringVariable", r#""row @{item()};""#, 188_890),
    ] {
        let ran = run(&appending(kind, action, value, 20_000), Value::Null);
        assert_eq!(ran.state.status(), RunStatus::Succeeded, "{:?}", ran.state.error());
        assert_eq!(ran.state.record("N", &[]).unwrap().outputs, Some(Value::Integer(length)), "{kind}");
        let stored: usize = ran.journal.iter().map(Vec::len).sum();
        assert!(stored < 20 * MIB, "{kind}: the journal has {} KiB", stored / 1_024);
        let shown = history(&ran);
        let value = shown.variables().get("v").cloned().unwrap();
        let shown_length = value.as_array().map_or_else(|| value.as_str().unwrap().len(), <[Value]>::len);
        assert_eq!(Some(shown_length), usize::try_from(length).ok());
    }
}

/// The outputs of an append hold the whole variable where an expression reads them, and small ones always.
#[test]
fn outputs_of_appends_that_are_read_are_whole() {
    let long = "y".repeat(5_000);
    let actions = format!(
        r#"{{{TEXT},"A":{{"type":"AppendToStringVariable","inputs":{{"name":"v","value":"{long}"}},"runAfter":{{"I":["Succeeded"]}}}},
        "B":{{"type":"AppendToStringVariable","inputs":{{"name":"v","value":"z"}},"runAfter":{{"A":["Succeeded"]}}}},
        "N":{{"type":"Compose","inputs":"@length(body('B')?['value'])","runAfter":{{"B":["Succeeded"]}}}}}}"#
    );
    let ran = run(&plan(&actions, &Limits::default()), Value::Null);
    assert_eq!(ran.state.record("N", &[]).unwrap().outputs, Some(Value::Integer(5_011)));
    let outputs = ran.state.record("A", &[]).unwrap().outputs.clone().unwrap();
    assert_eq!(outputs.to_json(), r#"{"body":{"name":"v","type":"String"}}"#);
    let small = format!(
        r#"{{{TEXT},"A":{{"type":"AppendToStringVariable","inputs":{{"name":"v","value":"!"}},"runAfter":{{"I":["Succeeded"]}}}}}}"#
    );
    let ran = run(&plan(&small, &Limits::default()), Value::Null);
    let outputs = ran.state.record("A", &[]).unwrap().outputs.clone().unwrap();
    assert_eq!(outputs.pointer("/body/value"), Some(&Value::from("0123456789!")));
}

/// Journals of programs that wrote the whole value with each append go on as they are.
#[test]
fn older_journals_fold() {
    let text = |fact: &str| Fact::decode(fact.as_bytes()).unwrap();
    let begun = format!(
        r#"{{"fact":"run_started","at":"2025-01-01T00:00:00Z","run":"{}","seed":1,"trigger":{{}},"parameters":null,"workflow":null,"caller_waits":false,"deadline":"2025-02-01T00:00:00Z","revision":1}}"#,
        RunId::make(NOW, [7; 10])
    );
    let facts = [
        text(&begun),
        text(r#"{"fact":"variable_set","name":"List","kind":"Array","value":[1]}"#),
        text(r#"{"fact":"variable_set","name":"List","kind":"Array","value":[1,2]}"#),
        text(r#"{"fact":"variable_appended","name":"list","value":3}"#),
        text(r#"{"fact":"variable_set","name":"t","kind":"String","value":null}"#),
        text(r#"{"fact":"variable_appended","name":"t","value":"a"}"#),
        text(r#"{"fact":"variable_appended","name":"T","value":"bc"}"#),
    ];
    let state = RunState::fold(&facts).unwrap();
    assert_eq!(state.variables()["list"].value().to_json(), "[1,2,3]");
    assert_eq!(state.variables()["list"].json_bytes(), state.variables()["list"].value().json_bytes());
    assert_eq!(state.variables()["t"].value(), Value::from("abc"));
    assert_eq!(
        RunHistory::read(&facts).variables().to_owned(),
        Object::from_iter([("List", Value::from(vec![1.into(), 2.into(), 3.into()])), ("t", "abc".into())])
    );
    let unknown = [text(&begun), text(r#"{"fact":"variable_appended","name":"list","value":3}"#)];
    assert!(RunState::fold(&unknown).is_err());
}
