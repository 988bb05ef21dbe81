//! Journals of runs that earlier revisions of the engine began: they fold, and go on as they began.
//!
//! `test_data/journals/revision-N.json` holds what revision N stored of a run whose second try of a request is due:
//! `{definition, facts}`. A new revision adds its file; a file of an older one is never written again. The file of the
//! present revision is made by `UPDATE_JOURNALS=1 cargo test -p hookmill-engine --test journals`.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once, and read files.

use std::path::PathBuf;

use hookmill_definition::{Limits, Plan, Profile, compile};
use hookmill_engine::{
    Command, ENGINE_REVISION, Environment, Fact, Input, Outcome, Performed, RunState, Start, decide, fact, pending,
};
use hookmill_model::{Id as _, Object, RunId, RunStatus, Timestamp, Value};

const NOW: Timestamp = Timestamp::from_millis(1_735_689_600_000);
const DEFINITION: &str = r#"{"triggers":{"manual":{"type":"Request"}},"actions":{
    "Keep":{"type":"InitializeVariable","inputs":{"variables":[{"name":"seen","type":"array","value":[]}]}},
    "Each":{"type":"Foreach","foreach":"@createArray('a','b')","runAfter":{"Keep":["Succeeded"]},"operationOptions":"Sequential",
        "actions":{"Append":{"type":"AppendToArrayVariable","inputs":{"name":"seen","value":"@item()"}}}},
    "Call":{"type":"Http","runAfter":{"Each":["Succeeded"]},"inputs":{"method":"POST","uri":"https://api.example.com/x","body":"@variables('seen')",
        "retryPolicy":{"type":"fixed","count":3,"interval":"PT10S"}}},
    "Say":{"type":"Compose","inputs":"@concat(body('Call'), ' ', length(variables('seen')))","runAfter":{"Call":["Succeeded"]}}}}"#;

fn file(revision: u32) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("test_data/journals/revision-{revision}.json"))
}

fn plan(definition: &Value) -> Plan {
    let made = compile(definition, &Value::Null, Profile::LogicApps, &Limits::default());
    made.plan.unwrap_or_else(|| panic!("{:?}", made.diagnostics))
}

const fn environment(now: Timestamp) -> Environment<'static> {
    Environment { now, callback_base: "", callback_key: b"k" }
}

fn answer(plan: &Plan, state: &RunState, status: u16) -> (String, Input) {
    let Some(Command::Perform { effect, .. }) = pending(plan, state).into_iter().next() else {
        panic!("nothing is to be performed")
    };
    let outcome = Outcome::Replied { status, headers: Object::new(), body: Some("done".into()) };
    let performed = Box::new(Performed { outcome, request: Value::Null });
    (state.idempotency_key(&effect), Input::EffectEnded { effect, performed })
}

/// A run whose first try was answered 503, as the present revision stores it.
fn journal() -> (Value, Vec<Fact>) {
    let definition = Value::from_json(DEFINITION.as_bytes()).unwrap();
    let plan = plan(&definition);
    let mut state = RunState::default();
    let start = Start {
        run: RunId::make(NOW, [7; 10]),
        seed: 1,
        trigger: Value::object([("name", Value::from("manual"))]),
        parameters: Value::Null,
        workflow: Value::Null,
        caller_waits: false,
        caller_until: None,
        taken_over: Vec::new(),
        held: false,
        secret: false,
    };
    let mut facts = decide(&plan, &mut state, environment(NOW), Input::Start(Box::new(start))).unwrap();
    while pending(&plan, &state).iter().all(|command| !matches!(command, Command::Perform { .. })) {
        facts.extend(decide(&plan, &mut state, environment(NOW), Input::Tick).unwrap());
    }
    let (_, input) = answer(&plan, &state, 503);
    facts.extend(decide(&plan, &mut state, environment(NOW), input).unwrap());
    (definition, facts)
}

#[test]
fn journals_of_each_revision_fold_and_go_on() {
    if std::env::var_os("UPDATE_JOURNALS").is_some() {
        let (definition, facts) = journal();
        let facts = facts.iter().map(|fact| Value::from_json(&fact.encode()).unwrap()).collect();
        let whole = Value::object([("definition", definition), ("facts", Value::array(facts))]);
        std::fs::write(file(ENGINE_REVISION), whole.to_json() + "\n").unwrap();
    }
    for revision in 1..=ENGINE_REVISION {
        let stored = std::fs::read(file(revision)).unwrap_or_else(|_| panic!("no journal of revision {revision}"));
        let stored = Value::from_json(&stored).unwrap();
        let plan = plan(stored.get("definition").unwrap());
        let facts = stored.get("facts").and_then(Value::as_array).unwrap();
        let facts: Vec<Fact> = facts.iter().map(|fact| Fact::decode(fact.to_json().as_bytes()).unwrap()).collect();
        let begun = facts.iter().find_map(|fact| match fact {
            Fact::RunStarted(fact::RunStarted { revision, .. }) => Some(*revision),
            _ => None,
        });
        assert_eq!(begun, Some(revision), "the file is of another revision");
        let mut state = RunState::fold(&facts).unwrap();
        // The second try is due.
        let later = NOW.plus(std::time::Duration::from_secs(3_600));
        decide(&plan, &mut state, environment(later), Input::Tick).unwrap();
        let (key, input) = answer(&plan, &state, 200);
        // Since revision 2 all tries of an action have one key.
        let tried = if revision >= 2 { 1 } else { 2 };
        assert!(key.ends_with(&format!("/Call/{tried}")), "revision {revision}: {key}");
        decide(&plan, &mut state, environment(later), input).unwrap();
        while !state.status().is_final() {
            decide(&plan, &mut state, environment(later), Input::Tick).unwrap();
        }
        assert_eq!(state.status(), RunStatus::Succeeded, "revision {revision}");
    }
}
