//! Large flows stay linear: memory and work grow with what is open, not with what has happened.
#![allow(clippy::unwrap_used)] // Tests may stop at once.

use hookmill_definition::{Limits, Plan, Profile, compile};
use hookmill_engine::{Command, Environment, Fact, Input, RunState, Start, decide, pending};
use hookmill_model::{Id, Object, RunId, RunStatus, Timestamp, Value};

const NOW: Timestamp = Timestamp::from_millis(1_735_689_600_000);

fn plan(actions: &str) -> Plan {
    let text = format!(r#"{{"triggers":{{"manual":{{"type":"Request"}}}},"actions":{actions}}}"#);
    let limits = Limits { actions_max: 2_000, ..Limits::default() };
    let made = compile(&Value::from_json(text.as_bytes()).unwrap(), &Value::Null, Profile::LogicApps, &limits);
    made.plan.unwrap_or_else(|| panic!("{:?}", made.diagnostics))
}

struct Ran {
    state: RunState,
    facts: usize,
    longest: usize,
    records_max: usize,
}

/// Runs a flow that needs nothing of the world, and checks that folding its facts gives the same state.
fn run(plan: &Plan, keep_facts: bool) -> Ran {
    let mut state = RunState::default();
    let mut folded = RunState::default();
    let mut ran = Ran { state: RunState::default(), facts: 0, longest: 0, records_max: 0 };
    let start = Start {
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
    };
    let mut input = Input::Start(Box::new(start));
    loop {
        let environment = Environment { now: NOW, callback_base: "", callback_key: b"k" };
        let facts = decide(plan, &mut state, environment, input).unwrap();
        ran.facts += facts.len();
        ran.longest = ran.longest.max(facts.len());
        ran.records_max = ran.records_max.max(state.records_kept());
        if keep_facts {
            for fact in &facts {
                folded.apply(&Fact::decode(&fact.encode()).unwrap()).unwrap();
            }
        }
        if !pending(plan, &state).contains(&Command::Continue) {
            break;
        }
        input = Input::Tick;
    }
    if keep_facts {
        assert_eq!(folded.status(), state.status());
        assert_eq!(folded.variables(), state.variables());
        assert_eq!(folded.records_kept(), state.records_kept());
    }
    ran.state = state;
    ran
}

#[test]
fn a_loop_over_100_000_items_keeps_only_what_is_open() {
    let plan = plan(
        r#"{"L":{"type":"Foreach","foreach":"@range(0,100000)","actions":{
            "A":{"type":"Compose","inputs":"@item()"},
            "B":{"type":"Compose","inputs":"@outputs('A')","runAfter":{"A":["Succeeded"]}}}}}"#,
    );
    let ran = run(&plan, false);
    assert_eq!(ran.state.status(), RunStatus::Succeeded);
    assert!(ran.records_max < 200, "{} records were kept", ran.records_max);
    assert!(ran.longest < 2_000, "a decision made {} facts", ran.longest);
    assert!(ran.facts < 700_000, "{} facts", ran.facts);
}

#[test]
fn what_is_read_after_the_loop_is_kept() {
    let plan = plan(
        r#"{"L":{"type":"Foreach","foreach":"@range(0,2000)","actions":{"A":{"type":"Compose","inputs":"@mul(item(),2)"}}},
            "N":{"type":"Compose","inputs":"@last(outputs('A'))","runAfter":{"L":["Succeeded"]}}}"#,
    );
    let ran = run(&plan, true);
    assert_eq!(ran.state.record("N", &[]).unwrap().outputs, Some(Value::Integer(3_998)));
}

#[test]
fn five_thousand_rounds_of_an_until() {
    let plan = plan(
        r#"{"I":{"type":"InitializeVariable","inputs":{"variables":[{"name":"n","type":"integer","value":0}]}},
            "U":{"type":"Until","expression":"@equals(variables('n'),5000)","limit":{"count":5000,"timeout":"P1D"},
                 "actions":{"Up":{"type":"IncrementVariable","inputs":{"name":"n"}}},"runAfter":{"I":["Succeeded"]}}}"#,
    );
    let ran = run(&plan, true);
    assert_eq!(ran.state.status(), RunStatus::Succeeded);
    assert_eq!(ran.state.variables()["n"].value(), Value::Integer(5_000));
    assert!(ran.records_max < 10, "{} records were kept", ran.records_max);
    assert!(ran.longest < 2_000, "a decision made {} facts", ran.longest);
    assert!(ran.facts < 30_000, "{} facts", ran.facts);
}

#[test]
fn rounds_that_are_read_after_the_loop_are_kept() {
    let plan = plan(
        r#"{"U":{"type":"Until","expression":"@equals(outputs('A'),99)","limit":{"count":200},
                 "actions":{"A":{"type":"Compose","inputs":"@iterationIndexes('U')"}}},
            "N":{"type":"Compose","inputs":"@length(outputs('A'))","runAfter":{"U":["Succeeded"]}}}"#,
    );
    let ran = run(&plan, true);
    assert_eq!(ran.state.record("N", &[]).unwrap().outputs, Some(Value::Integer(100)));
}

/// The work of a decision is what it touches: ten times the elements, ten times the facts and no longer decisions.
#[test]
fn work_grows_with_the_elements_alone() {
    let ran = |count: u32| {
        let actions = format!(
            r#"{{"L":{{"type":"Foreach","foreach":"@range(0,{count})","actions":{{
                "I":{{"type":"If","expression":"@equals(mod(item(),2),0)","actions":{{"A":{{"type":"Compose","inputs":"@item()"}}}}}},
                "N":{{"type":"Foreach","foreach":[1,2],"actions":{{"B":{{"type":"Compose","inputs":"@item()"}}}},"runAfter":{{"I":["Succeeded"]}}}}}}}}}}"#
        );
        run(&plan(&actions), false)
    };
    let (few, many) = (ran(1_000), ran(10_000));
    assert!(many.facts <= few.facts * 10, "{} facts for 1,000 elements, {} for 10,000", few.facts, many.facts);
    assert!(many.records_max <= few.records_max + 10, "{} records kept, then {}", few.records_max, many.records_max);
    assert!(many.longest <= few.longest + 100, "decisions of {} facts, then {}", few.longest, many.longest);
}

#[test]
fn a_chain_and_a_fan_of_a_thousand_actions() {
    let mut chain = vec![r#""a0":{"type":"Compose","inputs":0}"#.to_owned()];
    for index in 1..1_000 {
        chain.push(format!(
            r#""a{index}":{{"type":"Compose","inputs":"@add(outputs('a{0}'),1)","runAfter":{{"a{0}":["Succeeded"]}}}}"#,
            index - 1
        ));
    }
    let ran = run(&plan(&format!("{{{}}}", chain.join(","))), true);
    assert_eq!(ran.state.record("a999", &[]).unwrap().outputs, Some(Value::Integer(999)));
    assert_eq!(ran.facts, 2_002);
    let fan: Vec<String> =
        (0..1_000).map(|index| format!(r#""a{index}":{{"type":"Compose","inputs":{index}}}"#)).collect();
    assert_eq!(run(&plan(&format!("{{{}}}", fan.join(","))), true).state.status(), RunStatus::Succeeded);
}
