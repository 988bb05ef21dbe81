//! What computing alone costs, on one core and without store, service or network: reading bodies, expressions, decisions.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use hookmill_definition::{Limits, Plan, Profile, compile};
use hookmill_engine::{Environment, Fact, Input, RunState, Start, decide, outlook};
use hookmill_expression::{Template, case};
use hookmill_model::{Id, RunId, RunStatus, Timestamp, Value};

use crate::job::notification;

/// The body of which a part is read.
const LARGE_BYTES: usize = 1_000_000;
/// Actions of the long flow.
const ACTIONS: usize = 600;
/// Elements of the long loop.
const ELEMENTS: usize = 100_000;

/// How long to compute.
#[derive(Args, Debug)]
pub struct ComputeOptions {
    /// Rounds of each figure; the best one counts, since what disturbs only makes it slower.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Milliseconds of each round.
    #[arg(long, default_value_t = 500)]
    millis: u64,
}

/// Measures and prints a table.
pub fn measure(options: &ComputeOptions) -> Result<()> {
    println!("| what one core does | figure |\n|---|---|");
    let body = notification().to_string();
    let reads = "@triggerBody()?['head_commit']?['message']";
    let template = Template::parse(reads).map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let context = Value::object([("triggerOutputs", Value::object([("body", Value::from_json(body.as_bytes())?)]))]);
    let scope = case::Context::new(&context, Timestamp::default(), 1, hookmill_expression::Limits::default());
    let each = best(options, || template.evaluate(&scope).is_ok());
    println!("| two property reads | {:.1} M/s |", rate(each) / 1e6);
    println!("| a notification of {} bytes read | {} MB/s |", body.len(), megabytes(options, body.as_bytes()));
    let large = large_body();
    println!("| a body of {} bytes read | {} MB/s |", large.len(), megabytes(options, large.as_bytes()));

    let actions: Vec<String> = (0..ACTIONS).map(long_flow_action).collect();
    let plan = plan(&actions.join(","))?;
    run(&plan, true)?;
    let each = best(options, || run(&plan, false).is_ok());
    println!("| runs of {ACTIONS} × Compose, decided | {:.0} /s |", rate(each));
    let each = best(options, || run(&plan, true).is_ok());
    println!("| the same with their facts written out | {:.0} /s |", rate(each));

    let looped = format!(
        r#""Each":{{"type":"Foreach","foreach":"@range(0,{ELEMENTS})","actions":{{"One":{{"type":"Compose","inputs":"@item()"}}}}}}"#
    );
    let plan = self::plan(&looped)?;
    let once = ComputeOptions { millis: 0, ..*options };
    let each = best(&once, || run(&plan, false).is_ok());
    println!("| Foreach of {ELEMENTS} × Compose, decided | {:.2} s |", each.as_secs_f64());
    let each = best(&once, || run(&plan, true).is_ok());
    println!("| the same with its facts written out | {:.2} s |", each.as_secs_f64());
    Ok(())
}

/// The shortest time that one piece of work took on average over a round.
fn best(options: &ComputeOptions, mut work: impl FnMut() -> bool) -> Duration {
    let span = Duration::from_millis(options.millis);
    let round = |work: &mut dyn FnMut() -> bool| {
        let begun = Instant::now();
        let mut done = 0_u32;
        loop {
            black_box(work());
            done += 1;
            if begun.elapsed() >= span {
                return begun.elapsed() / done;
            }
        }
    };
    (0..options.rounds.max(1)).map(|_| round(&mut work)).min().unwrap_or_default()
}

fn rate(each: Duration) -> f64 {
    1.0 / each.as_secs_f64()
}

fn megabytes(options: &ComputeOptions, text: &[u8]) -> String {
    let each = best(options, || Value::from_json(text).is_ok());
    #[allow(clippy::cast_precision_loss)]
    let bytes = text.len() as f64;
    format!("{:.0}", rate(each) * bytes / 1e6)
}

/// Notifications in a list, as a service sends what it kept back.
fn large_body() -> String {
    let one = notification().to_string();
    let count = LARGE_BYTES / one.len();
    format!("[{}]", vec![one; count].join(","))
}

fn long_flow_action(index: usize) -> String {
    match index.checked_sub(1) {
        None => r#""A0":{"type":"Compose","inputs":0}"#.to_owned(),
        Some(before) => format!(
            r#""A{index}":{{"type":"Compose","inputs":"@add(outputs('A{before}'),1)","runAfter":{{"A{before}":["Succeeded"]}}}}"#
        ),
    }
}

fn plan(actions: &str) -> Result<Plan> {
    let text = format!(r#"{{"triggers":{{"manual":{{"type":"Request"}}}},"actions":{{{actions}}}}}"#);
    let limits = Limits { actions_max: 2 * ACTIONS, ..Limits::default() };
    let made = compile(&Value::from_json(text.as_bytes())?, &Value::Null, Profile::LogicApps, &limits);
    made.plan.with_context(|| format!("the flow does not compile: {:?}", made.diagnostics))
}

/// One run from its beginning to its end; with its facts as they are stored, where they are wanted.
fn run(plan: &Plan, written: bool) -> Result<()> {
    let now = Timestamp::from_millis(1_735_689_600_000);
    let start = Start {
        run: RunId::make(now, [7; 10]),
        seed: 1,
        trigger: Value::object([("outputs", Value::object([("body", Value::Null)]))]),
        parameters: Value::Null,
        workflow: Value::Null,
        caller_waits: false,
        caller_until: None,
        taken_over: Vec::new(),
        held: false,
        secret: false,
    };
    let mut state = RunState::default();
    let mut input = Input::Start(Box::new(start));
    loop {
        let environment = Environment { now, callback_base: "", callback_key: b"" };
        let facts = decide(plan, &mut state, environment, input)?;
        if written {
            black_box(facts.iter().map(Fact::encode).map(|fact| fact.len()).sum::<usize>());
        }
        if !outlook(plan, &state).wants_to_go_on {
            break;
        }
        input = Input::Tick;
    }
    if state.status() != RunStatus::Succeeded {
        bail!("the run ended as {}", state.status());
    }
    Ok(())
}
