//! Operating runs: begin again at the failed action; a recorded run against a changed definition.
#![allow(clippy::unwrap_used)] // Tests may stop at once.

use hookmill_definition::{Limits, Plan, Profile, compile};
use hookmill_engine::backtest::{DifferenceKind, replay};
use hookmill_engine::history::{Digest, Keeps, RunHistory, Seen};
use hookmill_engine::resume::{Ends, Results, Source, taken_over};
use hookmill_engine::{
    ActionRequest, Allowance, Command, Environment, Fact, Input, Outcome, Performed, RunState, Start, TakenOver,
    decide, decide_while, pending,
};
use hookmill_model::{ActionStatus, Id, Object, RunId, RunStatus, Timestamp, Value};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_millis(1_735_689_600_000);

struct Flow {
    definition: Value,
    plan: Plan,
}

impl Flow {
    fn new(actions: &str) -> Self {
        let text = format!(r#"{{"triggers":{{"manual":{{"type":"Request"}}}},"actions":{actions}}}"#);
        let definition = Value::from_json(text.as_bytes()).unwrap();
        let made = compile(&definition, &Value::Null, Profile::LogicApps, &Limits::default());
        let plan = made.plan.unwrap_or_else(|| panic!("{:?}", made.diagnostics));
        Self { definition, plan }
    }

    const fn source(&self) -> Source<'_> {
        Source { plan: &self.plan, definition: &self.definition }
    }

    /// Runs to the end; `reply` gives the status of each request by action, indexes and address.
    fn run(&self, taken_over: Vec<TakenOver>, reply: impl Fn(&str) -> u16) -> (Vec<Fact>, Vec<String>) {
        let mut state = RunState::default();
        let (mut facts, mut calls, mut now) = (Vec::new(), Vec::new(), NOW);
        let start = Start {
            run: RunId::make(NOW, [7; 10]),
            seed: u64::try_from(taken_over.len()).unwrap() + 1,
            trigger: Value::object([("outputs", Value::object([("body", Value::from("hello"))]))]),
            parameters: Value::Null,
            workflow: Value::Null,
            caller_waits: false,
            caller_until: None,
            taken_over,
            held: false,
            secret: false,
        };
        let mut input = Input::Start(Box::new(start));
        loop {
            let environment = Environment { now, callback_base: "", callback_key: b"k" };
            facts.extend(decide(&self.plan, &mut state, environment, input).unwrap());
            if state.status().is_final() {
                break;
            }
            let commands = pending(&self.plan, &state);
            input = match commands.first().unwrap() {
                Command::Perform { effect, request: ActionRequest::Http(request) } => {
                    let uri = request.uri.to_string();
                    let status = reply(&uri);
                    calls.push(uri.clone());
                    now = now.plus(std::time::Duration::from_secs(1));
                    let body = Some(Value::from(format!("{uri} says {status}")));
                    let outcome = Outcome::Replied { status, headers: Object::new(), body };
                    let performed = Performed { outcome, request: Value::from(uri) };
                    Input::EffectEnded { effect: effect.clone(), performed: Box::new(performed) }
                }
                Command::WakeAt(at) => {
                    now = *at;
                    Input::Tick
                }
                _ => Input::Tick,
            };
        }
        assert!(RunState::fold(&facts).is_ok(), "the facts fold");
        (facts, calls)
    }

    fn resume(&self, old: &Self, facts: &[Fact]) -> (RunHistory, Vec<String>) {
        let mut ends = Ends::default();
        facts.iter().for_each(|fact| ends.take(fact));
        let taken = if std::ptr::eq(self, old) {
            taken_over(self.source(), self.source(), &ends)
        } else {
            taken_over(old.source(), self.source(), &ends)
        };
        let mut results = Results::new(taken);
        facts.iter().for_each(|fact| results.take(fact));
        let bytes = results.bytes();
        let taken = results.finished();
        let values = |own: &TakenOver| {
            let options = own.inputs.iter().chain(&own.outputs).chain(&own.tracked).map(Value::json_bytes);
            let variables =
                own.variables.iter().map(|(_, _, value)| value).chain(own.appended.iter().map(|(_, own)| own));
            options.chain(variables.map(Value::json_bytes)).sum::<usize>()
        };
        assert!(bytes >= taken.iter().map(values).sum(), "what is held is counted");
        let (facts, calls) = self.run(taken, |_| 200);
        (RunHistory::read(&facts), calls)
    }
}

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

fn status(history: &RunHistory, action: &str) -> ActionStatus {
    history.run_of(action, &[]).map_or(ActionStatus::Pending, |run| run.status)
}

#[test]
fn what_succeeded_is_taken_over_and_the_rest_done() {
    let flow = Flow::new(
        r#"{"K":{"type":"InitializeVariable","inputs":{"variables":[{"name":"key","type":"string","value":"@guid()"}]}},
            "A":{"type":"Http","inputs":{"method":"POST","uri":"@concat('http://a/',variables('key'))"},"runAfter":{"K":["Succeeded"]}},
            "B":{"type":"Http","inputs":{"method":"GET","uri":"http://b","retryPolicy":{"type":"none"}},"runAfter":{"A":["Succeeded"]}},
            "C":{"type":"Compose","inputs":"@concat(variables('key'),' ',body('A'))","runAfter":{"B":["Succeeded"]}}}"#,
    );
    let (facts, calls) = flow.run(Vec::new(), |uri| if uri == "http://b" { 500 } else { 200 });
    let then = RunHistory::read(&facts);
    assert_eq!((then.status, calls.len()), (RunStatus::Failed, 2));
    let (now, calls) = flow.resume(&flow, &facts);
    assert_eq!(calls, ["http://b"], "only what failed is asked again");
    assert_eq!(now.status, RunStatus::Succeeded);
    assert!(now.run_of("A", &[]).unwrap().taken_over && !now.run_of("B", &[]).unwrap().taken_over);
    assert_eq!(then.variables(), now.variables(), "a random value stays what it was");
    let text = now.run_of("C", &[]).unwrap().outputs.clone().unwrap();
    assert!(text.as_str().unwrap().contains("says 200"), "{text}");
}

#[test]
fn only_the_failed_iteration_is_done_again() {
    let flow = Flow::new(
        r#"{"L":{"type":"Foreach","foreach":"@createArray('p','q','r')","actions":{
                "H":{"type":"Http","inputs":{"method":"GET","uri":"@concat('http://',item())","retryPolicy":{"type":"none"}}},
                "I":{"type":"Http","inputs":{"method":"GET","uri":"@concat('http://after-',item())"},"runAfter":{"H":["Succeeded"]}}}},
            "Z":{"type":"Http","inputs":{"method":"GET","uri":"http://end"},"runAfter":{"L":["Succeeded","Failed"]}}}"#,
    );
    let (facts, _) = flow.run(Vec::new(), |uri| if uri == "http://q" { 404 } else { 200 });
    let (now, mut calls) = flow.resume(&flow, &facts);
    calls.sort();
    assert_eq!(calls, ["http://after-q", "http://end", "http://q"], "what follows the loop is done again");
    assert_eq!(now.status, RunStatus::Succeeded);
}

#[test]
fn later_rounds_of_an_until_are_done_again() {
    let flow = Flow::new(
        r#"{"U":{"type":"Until","expression":"@equals(iterationIndexes('U'),2)","limit":{"count":5,"timeout":"PT1H"},"actions":{
                "H":{"type":"Http","inputs":{"method":"GET","uri":"@concat('http://',iterationIndexes('U'))","retryPolicy":{"type":"none"}}}}},
            "E":{"type":"Http","inputs":{"method":"GET","uri":"http://end","retryPolicy":{"type":"none"}},"runAfter":{"U":["Succeeded","Failed"]}}}"#,
    );
    let (facts, calls) = flow.run(Vec::new(), |uri| if uri == "http://1" || uri == "http://end" { 400 } else { 200 });
    assert_eq!(calls, ["http://0", "http://1", "http://2", "http://end"]);
    let (_, calls) = flow.resume(&flow, &facts);
    assert_eq!(calls, ["http://1", "http://2", "http://end"]);
}

#[test]
fn a_handler_of_a_failure_is_considered_anew() {
    let flow = Flow::new(
        r#"{"A":{"type":"Http","inputs":{"method":"GET","uri":"http://a","retryPolicy":{"type":"none"}}},
            "Sorry":{"type":"Http","inputs":{"method":"GET","uri":"http://sorry"},"runAfter":{"A":["Failed"]}},
            "T":{"type":"Terminate","inputs":{"runStatus":"Failed"},"runAfter":{"Sorry":["Succeeded"]}}}"#,
    );
    let (facts, _) = flow.run(Vec::new(), |uri| if uri == "http://a" { 500 } else { 200 });
    let (now, calls) = flow.resume(&flow, &facts);
    assert_eq!(calls, ["http://a"]);
    assert_eq!((status(&now, "Sorry"), now.status), (ActionStatus::Skipped, RunStatus::Succeeded));
}

#[test]
fn with_the_definition_of_now_changed_actions_are_done_again() {
    let old = Flow::new(
        r#"{"A":{"type":"Http","inputs":{"method":"GET","uri":"http://a"}},
            "B":{"type":"Http","inputs":{"method":"GET","uri":"http://b"},"runAfter":{"A":["Succeeded"]}},
            "P":{"type":"Http","inputs":{"method":"GET","uri":"http://p"}},
            "X":{"type":"Http","inputs":{"method":"GET","uri":"http://x","retryPolicy":{"type":"none"}},"runAfter":{"P":["Succeeded"]}}}"#,
    );
    let new = Flow::new(
        r#"{"A":{"type":"Http","inputs":{"method":"GET","uri":"http://changed"}},
            "B":{"type":"Http","inputs":{"method":"GET","uri":"http://b"},"runAfter":{"A":["Succeeded"]}},
            "P":{"type":"Http","inputs":{"method":"GET","uri":"http://p"}},
            "X":{"type":"Http","inputs":{"method":"GET","uri":"http://x-mended"},"runAfter":{"P":["Succeeded"]}}}"#,
    );
    let (facts, _) = old.run(Vec::new(), |uri| if uri == "http://x" { 500 } else { 200 });
    let (now, mut calls) = new.resume(&old, &facts);
    calls.sort();
    assert_eq!(calls, ["http://b", "http://changed", "http://x-mended"]);
    assert_eq!(now.status, RunStatus::Succeeded);
}

#[test]
fn an_unchanged_definition_goes_the_same_way() {
    let flow = Flow::new(
        r#"{"K":{"type":"Compose","inputs":"@concat(guid(),utcNow())"},
            "A":{"type":"Http","inputs":{"method":"GET","uri":"http://a"},"runAfter":{"K":["Succeeded"]}},
            "W":{"type":"Wait","inputs":{"interval":{"count":3,"unit":"Day"}},"runAfter":{"A":["Failed"]}},
            "T":{"type":"Compose","inputs":"@utcNow()","runAfter":{"W":["Succeeded"]}}}"#,
    );
    let (facts, _) = flow.run(Vec::new(), |_| 503);
    let made = replay(&flow.plan, &Value::Null, &facts, &|| true).unwrap();
    assert!(made.is_same(), "{made:?}");
    assert!(made.assumed.is_empty());
}

#[test]
fn a_changed_condition_shows_where_the_run_would_have_gone() {
    let definition = |threshold: u32| {
        Flow::new(&format!(
            r#"{{"If":{{"type":"If","expression":{{"greater":["@length(triggerBody())",{threshold}]}},
                "actions":{{"Big":{{"type":"Http","inputs":{{"method":"GET","uri":"http://big"}}}}}},
                "else":{{"actions":{{"Small":{{"type":"Http","inputs":{{"method":"GET","uri":"http://small"}}}}}}}}}}}}"#
        ))
    };
    let (facts, calls) = definition(3).run(Vec::new(), |_| 200);
    assert_eq!(calls, ["http://big"]);
    let made = replay(&definition(9).plan, &Value::Null, &facts, &|| true).unwrap();
    let found: Vec<_> = made.differences.iter().map(|own| (&*own.action, own.kind)).collect();
    assert!(found.contains(&("If", DifferenceKind::Branch)), "{found:?}");
    assert!(found.contains(&("Small", DifferenceKind::New)), "{found:?}");
    assert!(found.contains(&("Big", DifferenceKind::Gone)), "{found:?}");
    assert_eq!(made.assumed.len(), 1, "{:?}", made.assumed);
    assert!(!made.is_same());
}

#[test]
fn a_trigger_condition_that_is_not_met_is_said() {
    let old = Flow::new(r#"{"A":{"type":"Compose","inputs":1}}"#);
    let (facts, _) = old.run(Vec::new(), |_| 200);
    let text = br#"{"triggers":{"manual":{"type":"Request","conditions":[{"expression":"@equals(triggerBody(),'bye')"}]}},"actions":{}}"#;
    let made = compile(&Value::from_json(text).unwrap(), &Value::Null, Profile::LogicApps, &Limits::default());
    let made = replay(&made.plan.unwrap(), &Value::Null, &facts, &|| true).unwrap();
    assert_eq!(made.would_be, None);
    assert!(made.reason.unwrap().contains("condition"));
}

#[test]
fn a_held_run_begins_when_it_is_released() {
    let flow = Flow::new(r#"{"A":{"type":"Compose","inputs":"@utcNow()"}}"#);
    let mut state = RunState::default();
    let start = Start {
        run: RunId::make(NOW, [7; 10]),
        seed: 1,
        trigger: Value::object([("outputs", Value::from(Object::new()))]),
        parameters: Value::Null,
        workflow: Value::Null,
        caller_waits: false,
        caller_until: None,
        taken_over: Vec::new(),
        held: true,
        secret: false,
    };
    let at = |now| Environment { now, callback_base: "", callback_key: b"k" };
    let later = NOW.plus(std::time::Duration::from_secs(3_600));
    let mut facts = decide(&flow.plan, &mut state, at(NOW), Input::Start(Box::new(start))).unwrap();
    assert_eq!((facts.len(), state.status(), state.is_held()), (1, RunStatus::Waiting, true));
    assert!(pending(&flow.plan, &state).is_empty());
    assert!(decide(&flow.plan, &mut state, at(NOW), Input::Tick).unwrap().is_empty());
    let mut cancelled = state.clone();
    decide(&flow.plan, &mut cancelled, at(NOW), Input::CancelRequested).unwrap();
    assert_eq!(cancelled.status(), RunStatus::Cancelled);
    facts.extend(decide(&flow.plan, &mut state, at(later), Input::Released).unwrap());
    assert_eq!(state.status(), RunStatus::Succeeded);
    assert!(decide(&flow.plan, &mut state, at(later), Input::Released).unwrap().is_empty());
    assert_eq!(RunHistory::read(&facts).started_at, later);
    assert_eq!(RunState::fold(&facts).unwrap().status(), RunStatus::Succeeded);
}

/// Two loops in each other, whose inner actions fail at times.
const LOOPS: &str = r#"{
    "Outer":{"type":"Foreach","foreach":"@range(0,4)","actions":{
        "Ask":{"type":"Http","inputs":{"method":"GET","uri":"@concat('http://',item())","retryPolicy":{"type":"none"}}},
        "Inner":{"type":"Foreach","foreach":"@range(0,3)","runAfter":{"Ask":["Succeeded","Failed"]},"actions":{
            "Say":{"type":"Compose","inputs":"@concat('secret ',items('Inner'))"},
            "If":{"type":"If","expression":{"equals":["@items('Inner')",1]},"runAfter":{"Say":["Succeeded"]},
                "actions":{"Never":{"type":"Compose","inputs":"@div(1,0)"}}}}}}},
    "Last":{"type":"Compose","inputs":1,"runAfter":{"Outer":["Failed"]}}}"#;

/// What a page shows of a run, read fact by fact, is what the whole history has.
#[test]
fn a_page_shows_what_the_whole_history_has() {
    let flow = Flow::new(LOOPS);
    let (facts, _) = flow.run(Vec::new(), |uri| if uri == "http://2" { 500 } else { 200 });
    let (same, text) = (|value: &Value| value.clone(), |text: &str| text.to_owned());
    let seen = Seen { value: &same, whole: &same, text: &text };
    let digested = |facts: &[Fact], keeps: Keeps| {
        let mut digest = Digest::new(keeps);
        facts.iter().for_each(|fact| digest.take(fact, seen));
        digest.finished()
    };
    // Also while it runs: after each fact.
    for end in 1..=facts.len() {
        let facts = &facts[..end];
        let (whole, page) = (RunHistory::read(facts), digested(facts, Keeps::First));
        assert_eq!(page.actions(), whole.actions());
        assert_eq!((page.status, &page.error, &page.outputs), (whole.status, &whole.error, &whole.outputs));
        assert_eq!(page.trigger_shown(), whole.trigger_shown());
        for action in whole.actions() {
            assert_eq!(page.runs_of(action).next(), whole.runs_of(action).next(), "{action} after {end} facts");
            assert!(page.runs_of(action).count() == 1, "only the first one of {action} is kept");
            let counts = |of: &RunHistory| (of.count_of(action), of.failures_of(action));
            assert_eq!(counts(&page), counts(&whole), "{action} after {end} facts");
            let one = whole.runs_of(action).next_back().unwrap();
            let alone = digested(facts, Keeps::These([one.path.clone()].into()));
            assert_eq!(alone.run_of(action, &one.path.indexes), Some(one));
        }
    }
    let whole = RunHistory::read(&facts);
    assert!(whole.count_of("Say") == 12 && whole.failures_of("Never") == 4 && whole.failures_of("Ask") == 1);
    // Nothing is kept that people may not see.
    let hidden = |value: &Value| Value::from(value.to_json().replace("secret", "***"));
    let mut digest = Digest::new(Keeps::First);
    facts.iter().for_each(|fact| digest.take(fact, Seen { value: &hidden, whole: &hidden, text: &text }));
    let page = digest.finished();
    assert_eq!(page.run_of("Say", &[0, 0]).unwrap().outputs, Some(Value::from("\"*** 0\"")));
    assert!(!format!("{page:?}").contains("secret"));
}

/// An input whose consequences are left to the next decision leads to the same run.
#[test]
fn what_follows_from_an_input_can_be_decided_later() {
    let flow = Flow::new(LOOPS);
    let run = |pauses: bool| {
        let mut state = RunState::default();
        let mut facts = Vec::new();
        let mut input = start();
        while !state.status().is_final() {
            let environment = Environment { now: NOW, callback_base: "", callback_key: b"k" };
            let is_new = !matches!(input, Input::Tick);
            let allowance = if pauses && is_new { Allowance::INPUT_ONLY } else { Allowance::ALL };
            let made = decide_while(&flow.plan, &mut state, environment, input, allowance, &|| true).unwrap().unwrap();
            assert!(!(pauses && is_new) || made.len() <= 5, "{made:?}");
            facts.extend(made);
            let open = pending(&flow.plan, &state);
            input = match open.first() {
                Some(Command::Perform { effect, .. }) => {
                    let outcome = Outcome::Replied { status: 200, headers: Object::new(), body: None };
                    let performed = Performed { outcome, request: Value::Null };
                    Input::EffectEnded { effect: effect.clone(), performed: Box::new(performed) }
                }
                _ => Input::Tick,
            };
        }
        assert!(RunState::fold(&facts).is_ok(), "the facts fold");
        facts
    };
    let (at_once, later) = (run(false), run(true));
    let pauses = |facts: &[Fact]| facts.iter().filter(|fact| matches!(fact, Fact::DecisionPaused(_))).count();
    assert!(pauses(&at_once) == 0 && pauses(&later) >= 5, "{} and {}", pauses(&at_once), pauses(&later));
    assert_eq!(RunHistory::read(&at_once), RunHistory::read(&later));
}

proptest! {
    /// Whatever failed: a resumed run in which nothing fails asks each address at most once more, never one whose
    /// answer it took over, and ends like a run in which nothing had ever failed.
    #[test]
    fn a_resumed_run_ends_like_one_without_failures(bad in proptest::collection::btree_set(0_usize..7, 0..5)) {
        let flow = Flow::new(
            r#"{"A":{"type":"Http","inputs":{"method":"GET","uri":"http://0","retryPolicy":{"type":"none"}}},
                "B":{"type":"Http","inputs":{"method":"GET","uri":"http://1","retryPolicy":{"type":"none"}}},
                "S":{"type":"Scope","runAfter":{"A":["Succeeded"]},"actions":{
                    "C":{"type":"Http","inputs":{"method":"GET","uri":"http://2","retryPolicy":{"type":"none"}}},
                    "D":{"type":"Http","inputs":{"method":"GET","uri":"http://3","retryPolicy":{"type":"none"}},"runAfter":{"C":["Succeeded","Failed"]}}}},
                "L":{"type":"Foreach","foreach":"@createArray(4,5)","runAfter":{"B":["Succeeded"]},"actions":{
                    "E":{"type":"Http","inputs":{"method":"GET","uri":"@concat('http://',item())","retryPolicy":{"type":"none"}}}}},
                "Z":{"type":"Http","inputs":{"method":"GET","uri":"http://6","retryPolicy":{"type":"none"}},"runAfter":{"S":["Succeeded"],"L":["Succeeded"]}}}"#,
        );
        let is_bad = |uri: &str| bad.iter().any(|own| uri == format!("http://{own}"));
        let (facts, _) = flow.run(Vec::new(), |uri| if is_bad(uri) { 500 } else { 200 });
        let (now, calls) = flow.resume(&flow, &facts);
        let (clean, _) = flow.run(Vec::new(), |_| 200);
        let clean = RunHistory::read(&clean);
        prop_assert_eq!(now.status, RunStatus::Succeeded);
        for action in clean.actions() {
            for run in clean.runs_of(action) {
                let own = now.run_of(action, &run.path.indexes).unwrap();
                prop_assert_eq!(own.status, run.status);
                prop_assert_eq!(&own.outputs, &run.outputs);
                prop_assert!(!own.taken_over || own.attempts.is_empty());
            }
        }
        let mut once = calls.clone();
        once.sort();
        once.dedup();
        prop_assert_eq!(once.len(), calls.len());
    }
}
