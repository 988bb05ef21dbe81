//! What a run may use is bounded, and each bound is one of the configuration.
#![allow(clippy::unwrap_used)] // Tests may stop at once.

use std::time::Duration;

use hookmill_definition::{Limits, Profile, compile};
use hookmill_engine::history::RunHistory;
use hookmill_engine::trigger::{Event, Firing, Split, Surroundings, evaluate, fire, split};
use hookmill_engine::{
    Allowance, BrokenOff, Command, Environment, Fact, Input, RunState, Start, decide, decide_while, pending,
};
use hookmill_model::{Id, Object, RunId, RunStatus, Timestamp, Value};

const NOW: Timestamp = Timestamp::from_millis(1_735_689_600_000);

fn start() -> Input {
    Input::Start(Box::new(Start {
        run: RunId::make(NOW, [7; 10]),
        seed: 1,
        trigger: Value::object([("outputs", Value::from(Object::new()))]),
        parameters: Value::Null,
        workflow: Value::Null,
        caller_waits: false,
        caller_until: None,
        taken_over: Vec::new(),
        held: false,
        secret: false,
    }))
}

/// Runs a flow that asks nothing of the world; time passes as it waits.
fn run(actions: &str, limits: &Limits) -> RunHistory {
    let text = format!(r#"{{"triggers":{{"manual":{{"type":"Request"}}}},"actions":{actions}}}"#);
    let definition = Value::from_json(text.as_bytes()).unwrap();
    let made = compile(&definition, &Value::Null, Profile::LogicApps, limits);
    let plan = made.plan.unwrap_or_else(|| panic!("{:?}", made.diagnostics));
    let mut state = RunState::default();
    let mut facts = Vec::new();
    let mut now = NOW;
    let mut input = start();
    while !state.status().is_final() {
        let environment = Environment { now, callback_base: "", callback_key: b"k" };
        facts.extend(decide(&plan, &mut state, environment, input).unwrap());
        let wake = pending(&plan, &state).into_iter().find_map(|command| match command {
            Command::WakeAt(at) => Some(at),
            _ => None,
        });
        now = wake.map_or(now, |at| now.max(at));
        input = Input::Tick;
    }
    RunHistory::read(&facts)
}

#[track_caller]
fn refused(actions: &str, action: &str, code: &str, small: &Limits) {
    let history = run(actions, small);
    let own = history.runs_of(action).next_back().unwrap();
    assert_eq!(own.code.as_deref(), Some(code), "{own:?}");
    assert_eq!(history.status, RunStatus::Failed);
    let history = run(actions, &Limits::default());
    assert_eq!(history.status, RunStatus::Succeeded, "{:?}", history.error);
}

#[test]
fn elements_of_a_loop() {
    let small = Limits { foreach_items_max: 9, ..Limits::default() };
    let actions = r#"{"L":{"type":"Foreach","foreach":"@range(0,10)","actions":{"A":{"type":"Compose","inputs":1}}}}"#;
    refused(actions, "L", "WorkflowRunActionRepetitionQuotaExceeded", &small);
}

#[test]
fn rounds_of_an_until() {
    let small = Limits { until_count_max: 4, ..Limits::default() };
    let actions = r#"{"C":{"type":"Compose","inputs":5},
        "U":{"type":"Until","expression":"@equals(iterationIndexes('U'),4)","limit":{"count":"@outputs('C')"},"actions":{"A":{"type":"Compose","inputs":1}},"runAfter":{"C":["Succeeded"]}}}"#;
    refused(actions, "U", "WorkflowRunActionUntilLimitInvalid", &small);
}

#[test]
fn elements_of_data_operations() {
    let small = Limits { data_items_max: 9, ..Limits::default() };
    for inputs in [
        r#""type":"Select","inputs":{"from":"@range(0,10)","select":"@item()"}"#,
        r#""type":"Query","inputs":{"from":"@range(0,10)","where":"@true"}"#,
        r#""type":"Join","inputs":{"from":"@range(0,10)","joinWith":","}"#,
    ] {
        refused(&format!(r#"{{"A":{{{inputs}}}}}"#), "A", "BadRequest", &small);
    }
}

#[test]
fn the_size_of_a_variable() {
    let small = Limits { variable_bytes_max: 100, ..Limits::default() };
    let actions = r#"{"I":{"type":"InitializeVariable","inputs":{"variables":[{"name":"v","type":"string","value":""}]}},
        "L":{"type":"Foreach","foreach":"@range(0,30)","actions":{"A":{"type":"AppendToStringVariable","inputs":{"name":"v","value":"12345"}}},"runAfter":{"I":["Succeeded"]}}}"#;
    refused(actions, "A", "VariableSizeLimitExceeded", &small);
    let first = r#"{"I":{"type":"InitializeVariable","inputs":{"variables":[{"name":"v","type":"array","value":"@range(0,100)"}]}}}"#;
    refused(first, "I", "VariableSizeLimitExceeded", &small);
}

#[test]
fn the_size_of_outputs() {
    let small = Limits { payload_bytes_max: 200, ..Limits::default() };
    refused(r#"{"A":{"type":"Compose","inputs":"@range(0,100)"}}"#, "A", "ActionResultsSizeLimitExceeded", &small);
}

#[test]
fn the_duration_of_a_run() {
    let small = Limits { run_duration_max: Duration::from_secs(60), ..Limits::default() };
    let actions = r#"{"W":{"type":"Wait","inputs":{"interval":{"count":2,"unit":"Minute"}}}}"#;
    let history = run(actions, &small);
    assert_eq!((history.status, history.code.as_deref()), (RunStatus::TimedOut, Some("WorkflowRunTimedOut")));
    assert_eq!(run(actions, &Limits::default()).status, RunStatus::Succeeded);
}

#[test]
fn tracked_properties_that_are_too_large_are_left_out() {
    let small = Limits { tracked_chars_max: 50, ..Limits::default() };
    let actions = r#"{"A":{"type":"Compose","inputs":1,"trackedProperties":{"k":"@range(0,100)"}}}"#;
    let tracked = |limits: &Limits| {
        let history = run(actions, limits);
        assert_eq!(history.status, RunStatus::Succeeded);
        history.run_of("A", &[]).unwrap().tracked_properties.is_some()
    };
    assert!(tracked(&Limits::default()));
    assert!(!tracked(&small));
}

#[test]
fn elements_that_are_split() {
    let firing = |options: &str, count: i64, limits: &Limits| {
        let text = format!(
            r#"{{"triggers":{{"t":{{"type":"Request","splitOn":"@triggerBody()"{options}}}}},"actions":{{}}}}"#
        );
        let plan = compile(&Value::from_json(text.as_bytes()).unwrap(), &Value::Null, Profile::LogicApps, limits)
            .plan
            .unwrap();
        let body = Value::array((0..count).map(Value::Integer).collect());
        let event = Event {
            outputs: Value::object([("headers", Value::from(Object::new())), ("body", body)]),
            parameters: Value::Null,
            workflow: Value::Null,
            origin: "1".into(),
            seed: 1,
            now: NOW,
        };
        match fire(&plan, &plan.triggers[0], &event, &|| true) {
            Firing::Runs(runs) => runs.len(),
            Firing::Failed(_) => 0,
            other => panic!("{other:?}"),
        }
    };
    let limited = r#","runtimeConfiguration":{"concurrency":{"runs":5}}"#;
    assert_eq!(firing("", 101, &Limits::default()), 101);
    assert_eq!(firing(limited, 100, &Limits::default()), 100);
    assert_eq!(firing(limited, 101, &Limits::default()), 0);
    assert_eq!(firing("", 4, &Limits { split_items_max: 3, ..Limits::default() }), 0);
    assert_eq!(firing(limited, 101, &Limits { split_items_limited_max: 101, ..Limits::default() }), 101);
}

/// Everything that a trigger evaluates outside of a run asks whether it is still wanted.
#[test]
fn what_a_trigger_evaluates_ends_when_nobody_waits() {
    let long = format!("concat({})", ["toLower(triggerBody())"; 8].join(","));
    let event = Event {
        outputs: Value::object([("body", Value::from("x".repeat(600_000)))]),
        parameters: Value::Null,
        workflow: Value::Null,
        origin: "1".into(),
        seed: 1,
        now: NOW,
    };
    let surroundings = Surroundings { outputs: Some(event.outputs.clone()), ..Surroundings::default() };
    let given = long.replace("triggerBody()", "string(trigger())");
    for own in [
        format!(r#""conditions":[{{"expression":"@greater(length({long}),0)"}}]"#),
        format!(r#""splitOn":"@split({long},',')""#),
        format!(r#""correlation":{{"clientTrackingId":"@substring({long},0,5)"}}"#),
        format!(r#""inputs":{{"x-hookmill-parameters":{{"a":"@length({given})"}}}}"#),
    ] {
        let text = format!(r#"{{"triggers":{{"t":{{"type":"Request",{own}}}}},"actions":{{}}}}"#);
        let definition = Value::from_json(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
        let made = compile(&definition, &Value::Null, Profile::LogicApps, &Limits::default());
        let plan = made.plan.unwrap_or_else(|| panic!("{text}: {:?}", made.diagnostics));
        let trigger = &plan.triggers[0];
        let ask = |wanted: &dyn Fn() -> bool| match own.starts_with(r#""inputs""#) {
            true => evaluate(&plan, trigger, &trigger.inputs, &surroundings, wanted).map(drop),
            false => match split(&plan, trigger, &event, wanted) {
                Split::Whole(Firing::Failed(error)) => Err(error),
                Split::Whole(_) | Split::Items(_) => Ok(()),
            },
        };
        assert!(ask(&|| true).is_ok(), "{own}: {:?}", ask(&|| true));
        assert!(ask(&|| false).unwrap_err().message.contains("stopped"), "{own}");
    }
}

#[test]
fn work_for_all_elements_of_a_data_operation() {
    for (kind, inputs) in [
        ("Select", r#"{"from":"@range(0,20)","select":"@length(join(range(0,100),','))"}"#),
        ("Query", r#"{"from":"@range(0,20)","where":"@greater(length(join(range(0,100),',')),1)"}"#),
        (
            "Table",
            r#"{"from":"@range(0,20)","format":"CSV","columns":[{"header":"a","value":"@length(join(range(0,100),','))"}]}"#,
        ),
    ] {
        let small = Limits { data_work_max: 5_000, ..Limits::default() };
        refused(&format!(r#"{{"A":{{"type":"{kind}","inputs":{inputs}}}}}"#), "A", "BadRequest", &small);
    }
}

/// An input is decided in the same way however often it was asked in vain.
#[test]
fn a_stop_gives_no_decision_and_never_another_one() {
    let text = r#"{"triggers":{"manual":{"type":"Request"}},"actions":{
        "Draw":{"type":"Compose","inputs":"@guid()"},
        "Long":{"type":"Compose","inputs":"@length(concat(toLower(variables('t')),toLower(variables('t')),toLower(variables('t')),toLower(variables('t')),toLower(variables('t')),toLower(variables('t')),toLower(variables('t')),toLower(variables('t'))))","runAfter":{"Keep":["Succeeded"]}},
        "Keep":{"type":"InitializeVariable","inputs":{"variables":[{"name":"t","type":"string","value":"@join(range(0,90000),',')"}]},"runAfter":{"Draw":["Succeeded"]}},
        "Each":{"type":"Select","inputs":{"from":"@range(0,5)","select":"@mul(item(),rand(1,9))"},"runAfter":{"Long":["Succeeded","Failed"]}},
        "Last":{"type":"Compose","inputs":"@outputs('Draw')","runAfter":{"Each":["Succeeded"]}}}}"#;
    let made =
        compile(&Value::from_json(text.as_bytes()).unwrap(), &Value::Null, Profile::LogicApps, &Limits::default());
    let plan = made.plan.unwrap();
    let asked_until = |most: usize| {
        let asked = std::cell::Cell::new(0);
        let wanted = || {
            asked.set(asked.get() + 1);
            asked.get() <= most
        };
        let environment = Environment { now: NOW, callback_base: "", callback_key: b"k" };
        let mut state = RunState::default();
        let facts = decide_while(&plan, &mut state, environment, start(), Allowance::ALL, &wanted).unwrap();
        (facts.map(|facts| facts.iter().map(Fact::encode).collect::<Vec<_>>()), asked.get())
    };
    let (whole, asked) = asked_until(usize::MAX);
    let whole = whole.expect("a decision");
    assert!(asked > 10, "it was asked {asked} times");
    for most in 0..asked {
        let (made, asked_then) = asked_until(most);
        assert_eq!(made, Err(BrokenOff::Stopped), "stopped after {most} of {asked} answers");
        assert!(asked_then <= most + 2, "it went on and asked {asked_then} times after {most} answers");
    }
    assert_eq!(asked_until(asked).0, Ok(whole));
}
