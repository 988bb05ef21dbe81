//! Test cases of flows: the real engine with scripted replies and a virtual clock.
//!
//! A case is an object with `definition`, `parameters`, `trigger`, `httpReplies`, `connectorReplies` and `expected`.

use std::time::Duration;

use hookmill_definition::{Limits, Plan, Profile, compile, duration};
use hookmill_expression::case::agrees;
use hookmill_expression::content;
use hookmill_model::{Id, Object, RunId, Severity, Timestamp, Value};

use crate::command::{ActionRequest, Command, OperationRequest, Outcome, Performed};
use crate::decide::{Environment, Input, Start, decide, pending};
use crate::history::{ActionRun, RunHistory};
use crate::state::RunState;
use crate::trigger::{Event, Firing, fire};

/// 2025-01-01T00:00:00Z
const BEGIN: Timestamp = Timestamp::from_millis(1_735_689_600_000);
/// A case that needs more steps does not end.
const STEPS_MAX: usize = 1_000_000;

/// How a case ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Its `id`.
    pub id: String,
    /// Everything that differs; empty where it passed.
    pub failures: Vec<String>,
}

/// One simulated run with what it asked for.
pub struct Simulated {
    /// What happened.
    pub history: RunHistory,
    /// Virtual time that passed.
    pub elapsed: Duration,
    /// HTTP requests of `Http` actions, polls and retries included.
    pub http_calls: usize,
}

struct Replies {
    http: Vec<(Value, bool)>,
    connector: Vec<(Value, bool)>,
    clock: Timestamp,
    http_calls: usize,
}

fn replies(case: &Value, name: &str) -> Vec<(Value, bool)> {
    case.get(name).and_then(Value::as_array).unwrap_or_default().iter().map(|reply| (reply.clone(), false)).collect()
}

fn text(value: Option<&Value>, usual: &str) -> String {
    value.filter(|value| !value.is_null()).map_or_else(|| usual.to_owned(), |value| content::to_text(value).to_string())
}

impl Replies {
    fn take(&mut self, is_http: bool, fits: impl Fn(&Value) -> bool) -> Option<Value> {
        let list = if is_http { &mut self.http } else { &mut self.connector };
        let (reply, used) = list.iter_mut().find(|(reply, used)| !*used && fits(reply))?;
        *used = reply.get("repeat").and_then(Value::as_bool) != Some(true);
        let reply = reply.clone();
        if let Some(delay) = reply.get("delay").and_then(Value::as_str).and_then(duration::parse) {
            self.clock = self.clock.plus(delay);
        }
        Some(reply)
    }

    fn answer(&mut self, request: &ActionRequest) -> Result<Performed, String> {
        let (reply, shown) = match request {
            ActionRequest::Http(request) => {
                self.http_calls += 1;
                let fits = |reply: &Value| {
                    text(reply.get("method"), "GET").eq_ignore_ascii_case(&request.method)
                        && text(reply.get("uri"), "") == *request.uri
                };
                let shown = Value::object([("method", request.method.clone()), ("uri", request.uri.clone())]);
                let reply = self.take(true, fits);
                (reply.ok_or_else(|| format!("no reply is left for {} {}", request.method, request.uri))?, shown)
            }
            ActionRequest::Connector(request) => match &request.operation {
                OperationRequest::ById { operation_id, parameters } => {
                    let fits = |reply: &Value| text(reply.get("operationId"), "") == **operation_id;
                    let shown = Value::object([
                        ("operationId", Value::from(operation_id.clone())),
                        ("parameters", parameters.clone()),
                    ]);
                    let reply = self.take(false, fits);
                    (reply.ok_or_else(|| format!("no reply is left for the operation {operation_id}"))?, shown)
                }
                OperationRequest::ByPath { method, path, .. } => {
                    let fits = |reply: &Value| {
                        text(reply.get("method"), "GET").eq_ignore_ascii_case(method)
                            && text(reply.get("path"), "") == **path
                    };
                    let shown = Value::object([("method", method.clone()), ("path", path.clone())]);
                    let reply = self.take(false, fits);
                    (reply.ok_or_else(|| format!("no reply is left for {method} {path}"))?, shown)
                }
                OperationRequest::Follow { uri } => {
                    let fits = |reply: &Value| text(reply.get("uri").or_else(|| reply.get("path")), "") == **uri;
                    let shown = Value::object([("uri", uri.clone())]);
                    (self.take(false, fits).ok_or_else(|| format!("no reply is left for {uri}"))?, shown)
                }
            },
            ActionRequest::ChildFlow { flow, .. } => {
                let fits = |reply: &Value| text(reply.get("flow"), "") == **flow;
                let shown = Value::object([("flow", flow.clone())]);
                (self.take(false, fits).ok_or_else(|| format!("no reply is left for the flow {flow}"))?, shown)
            }
            ActionRequest::JavaScript { .. } => return Err("scripts do not run in test cases".to_owned()),
        };
        let outcome = match reply.get("error") {
            Some(error) => Outcome::NoReply {
                code: text(error.get("code"), "BadRequest").into(),
                message: text(error.get("message"), "The service does not answer.").into(),
                maybe_sent: false,
                retryable: true,
            },
            None => Outcome::Replied {
                status: reply
                    .get("status")
                    .and_then(Value::as_i64)
                    .and_then(|status| u16::try_from(status).ok())
                    .unwrap_or(200),
                headers: reply.get("headers").and_then(Value::as_object).cloned().unwrap_or_default(),
                body: reply.get("body").cloned(),
            },
        };
        Ok(Performed { outcome, request: shown })
    }
}

/// Runs one case.
#[must_use]
pub fn run(case: &Value) -> Verdict {
    let id = text(case.get("id"), "");
    let failures = match simulate(case) {
        Ok(runs) => compare(case, &runs),
        Err(failure) => vec![failure],
    };
    Verdict { id, failures }
}

/// Runs the flow of a case and gives all runs that its event starts.
///
/// # Errors
/// Why it cannot be run, or a request for which the case has no reply.
pub fn simulate(case: &Value) -> Result<Vec<Simulated>, String> {
    let definition = case.get("definition").ok_or("the case has no \"definition\"")?;
    let parameters = case.get("parameters").cloned().unwrap_or_default();
    let compilation = compile(definition, &parameters, Profile::LogicApps, &Limits::default());
    let Some(plan) = compilation.plan else {
        let errors = compilation.diagnostics.iter().filter(|finding| finding.severity == Severity::Error);
        let listed: Vec<String> = errors.map(|finding| format!("{} {}", finding.pointer, finding.message)).collect();
        return Err(format!("the definition has errors: {}", listed.join("; ")));
    };
    let trigger = plan.triggers.first().ok_or("the definition has no trigger")?;
    let given = case.get("trigger").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut outputs = Object::new();
    outputs.insert("headers", given.get("headers").cloned().unwrap_or_else(|| Object::new().into()));
    for name in ["queries", "relativePathParameters", "body"] {
        if let Some(value) = given.get(name) {
            outputs.insert(name, value.clone());
        }
    }
    let workflow = Value::object([
        ("id", Value::from("/workflows/test")),
        ("name", "test".into()),
        ("type", "Microsoft.Logic/workflows".into()),
        ("location", "local".into()),
        ("tags", Object::new().into()),
        (
            "run",
            Value::object([
                ("id", "/workflows/test/runs/1"),
                ("name", "1"),
                ("type", "Microsoft.Logic/workflows/runs"),
            ]),
        ),
    ]);
    let event = Event {
        outputs: outputs.into(),
        parameters: parameters.clone(),
        workflow: workflow.clone(),
        origin: "1".into(),
        seed: 1,
        now: BEGIN,
    };
    let records = match fire(&plan, trigger, &event) {
        Firing::Runs(records) => records,
        Firing::Skipped(_) | Firing::Failed(_) | Firing::Refused(_) => Vec::new(),
    };
    let mut replies = Replies {
        http: replies(case, "httpReplies"),
        connector: replies(case, "connectorReplies"),
        clock: BEGIN,
        http_calls: 0,
    };
    let mut runs = Vec::with_capacity(records.len());
    for (index, record) in records.into_iter().enumerate() {
        replies.clock = BEGIN;
        replies.http_calls = 0;
        let seed = u64::try_from(index).unwrap_or(0) + 1;
        runs.push(simulate_run(&plan, record, &parameters, &workflow, seed, &mut replies)?);
    }
    Ok(runs)
}

fn simulate_run(
    plan: &Plan,
    trigger: Value,
    parameters: &Value,
    workflow: &Value,
    seed: u64,
    replies: &mut Replies,
) -> Result<Simulated, String> {
    let mut state = RunState::default();
    let mut facts = Vec::new();
    let start = Start {
        run: RunId::make(BEGIN, [u8::try_from(seed & 0xFF).unwrap_or(0); 10]),
        seed,
        trigger,
        parameters: parameters.clone(),
        workflow: workflow.clone(),
        caller_waits: plan.responds(),
        taken_over: Vec::new(),
        held: false,
    };
    let mut input = Input::Start(Box::new(start));
    for _ in 0..STEPS_MAX {
        let environment =
            Environment { now: replies.clock, callback_base: "https://test.invalid/callback/", callback_key: b"test" };
        facts.extend(decide(plan, &mut state, environment, input).map_err(|fault| fault.to_string())?);
        let commands = pending(plan, &state);
        let perform = commands.iter().find_map(|command| match command {
            Command::Perform { effect, request } => Some((effect.clone(), request.clone())),
            _ => None,
        });
        input = if let Some((effect, request)) = perform {
            Input::EffectEnded { effect, performed: Box::new(replies.answer(&request)?) }
        } else if commands.contains(&Command::Continue) {
            Input::Tick
        } else if let Some(Command::WakeAt(at)) = commands.first() {
            if state.waits.values().all(|wait| wait.until.is_none()) && *at == state.deadline {
                return Err("the run waits for something that the case does not have".to_owned());
            }
            replies.clock = replies.clock.max(*at);
            Input::Tick
        } else {
            let history = RunHistory::read(&facts);
            let elapsed = replies.clock.since(BEGIN);
            return Ok(Simulated { history, elapsed, http_calls: replies.http_calls });
        };
    }
    Err("the run does not end".to_owned())
}

fn compare(case: &Value, runs: &[Simulated]) -> Vec<String> {
    let mut failures = Vec::new();
    let nothing = Value::Null;
    let expected = case.get("expected").unwrap_or(&nothing);
    if let Some(several) = expected.get("runs").and_then(Value::as_array) {
        if several.len() != runs.len() {
            failures.push(format!("expected {} runs, got {}", several.len(), runs.len()));
        }
        for (index, (expected, run)) in several.iter().zip(runs).enumerate() {
            failures.extend(compare_run(expected, run).into_iter().map(|failure| format!("run {index}: {failure}")));
        }
        return failures;
    }
    match runs {
        [run] => compare_run(expected, run),
        _ => vec![format!("expected one run, got {}", runs.len())],
    }
}

fn compare_run(expected: &Value, run: &Simulated) -> Vec<String> {
    let mut failures = Vec::new();
    let history = &run.history;
    let mut differ = |what: &str, expected: &Value, got: Value| {
        if !agrees(&got, expected) {
            failures.push(format!("{what}: expected {expected}, got {got}"));
        }
    };
    if let Some(status) = expected.get("status") {
        differ("status", status, history.status.as_str().into());
    }
    if let Some(error) = expected.get("error") {
        let got = history.error.as_ref();
        for (name, part) in
            [("code", got.map(|error| error.code.clone())), ("message", got.map(|error| error.message.clone()))]
        {
            if let Some(expected) = error.get(name) {
                differ(&format!("error.{name}"), expected, part.map(Value::from).unwrap_or_default());
            }
        }
    }
    if let Some(calls) = expected.get("httpCalls") {
        differ("httpCalls", calls, Value::Integer(i64::try_from(run.http_calls).unwrap_or(i64::MAX)));
    }
    if let Some(seconds) = expected.get("elapsedSeconds") {
        differ("elapsedSeconds", seconds, Value::Float(run.elapsed.as_secs_f64()));
    }
    for (name, value) in expected.get("variables").and_then(Value::as_object).into_iter().flat_map(Object::iter) {
        let got = hookmill_expression::member(&history.variables, name).cloned().unwrap_or_default();
        differ(&format!("variables.{name}"), value, got);
    }
    if let Some(response) = expected.get("response") {
        let got = match &history.response {
            Some(response) => {
                let headers = response.headers.as_object().cloned().unwrap_or_default();
                (i64::from(response.status), headers, response.body.clone())
            }
            None => (202, Object::new(), None),
        };
        if let Some(status) = response.get("status") {
            differ("response.status", status, Value::Integer(got.0));
        }
        for (name, value) in response.get("headers").and_then(Value::as_object).into_iter().flat_map(Object::iter) {
            let header = hookmill_expression::member(&got.1, name).cloned().unwrap_or_default();
            differ(&format!("response.headers.{name}"), value, header);
        }
        if let Some(body) = response.get("body") {
            differ("response.body", body, got.2.unwrap_or_default());
        }
    }
    for (name, action) in expected.get("actions").and_then(Value::as_object).into_iter().flat_map(Object::iter) {
        failures.extend(compare_action(name, action, history));
    }
    failures
}

fn compare_action(name: &str, expected: &Value, history: &RunHistory) -> Vec<String> {
    let mut failures = Vec::new();
    let runs: Vec<&ActionRun> = history.runs_of(name).collect();
    if let Some(repetitions) = expected.get("repetitions").and_then(Value::as_array) {
        if repetitions.len() != runs.len() {
            failures.push(format!("{name}: expected {} repetitions, got {}", repetitions.len(), runs.len()));
        }
        for (repetition, run) in repetitions.iter().zip(&runs) {
            let index: Vec<Value> = run.path.indexes.iter().map(|index| Value::Integer(i64::from(*index))).collect();
            let index = Value::array(index);
            if repetition.get("index").is_some_and(|wanted| !agrees(&index, wanted)) {
                failures.push(format!("{name}: expected repetition {:?}, got {index}", repetition.get("index")));
            }
            failures.extend(compare_record(&format!("{name}{index}"), repetition, run));
        }
    }
    match runs.last() {
        Some(last) => failures.extend(compare_record(name, expected, last)),
        None if expected.get("repetitions").is_none() => failures.push(format!("{name}: there is no record of it")),
        None => {}
    }
    failures
}

fn compare_record(name: &str, expected: &Value, run: &ActionRun) -> Vec<String> {
    let mut failures = Vec::new();
    let mut differ = |what: &str, expected: Option<&Value>, got: Value| {
        if let Some(expected) = expected.filter(|expected| !agrees(&got, expected)) {
            failures.push(format!("{name}.{what}: expected {expected}, got {got}"));
        }
    };
    differ("status", expected.get("status"), run.status.as_str().into());
    differ("code", expected.get("code"), run.code.clone().map(Value::from).unwrap_or_default());
    let error = run.error.as_ref().map(|error| Value::from(error.code.clone())).unwrap_or_default();
    differ("error.code", expected.pointer("/error/code"), error);
    differ("outputs", expected.get("outputs"), run.outputs.clone().unwrap_or_default());
    let iterations = run.iterations.map_or(Value::Null, |count| Value::Integer(i64::from(count)));
    differ("iterations", expected.get("iterations"), iterations);
    failures
}
