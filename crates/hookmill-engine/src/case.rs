//! Test cases of flows: the real engine with scripted replies and a virtual clock.
//!
//! A case is an object with `definition`, `parameters`, `trigger`, `httpReplies`, `connectorReplies` and `expected`. The
//! reply to a subscription may have a `callback` with `headers`, `body` and `delay`: what the service sends later.

use std::collections::BTreeMap;
use std::time::Duration;

use hookmill_definition::{Limits, Plan, Profile, compile, duration};
use hookmill_expression::case::agrees;
use hookmill_expression::content;
use hookmill_model::{Id, Object, RunId, Severity, Timestamp, Value};

use crate::command::{ActionPath, ActionRequest, Command, EffectId, OperationRequest, Outcome, Performed};
use crate::decide::{Environment, Input, Start, callback_token, decide, pending};
use crate::fact::{self, Fact, Purpose};
use crate::history::{ActionRun, RunHistory};
use crate::state::{Response, RunState};
use crate::trigger::{Event, Firing, fire};

/// 2025-01-01T00:00:00Z
const BEGIN: Timestamp = Timestamp::from_millis(1_735_689_600_000);
/// The caller of a trigger waits so long for a response.
const CALLER_WAIT: Duration = Duration::from_secs(120);
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

/// What the event of a case led to.
struct Simulated {
    plan: Plan,
    runs: Vec<Ran>,
    /// The answer to the caller where no run starts.
    refused: Option<Response>,
}

/// One simulated run with what it asked for.
struct Ran {
    history: RunHistory,
    /// Virtual time that passed.
    elapsed: Duration,
    /// Requests to services, polls and retries included.
    http_calls: usize,
}

/// Runs a script; `None` where this program cannot.
pub type Scripts<'a> = &'a dyn Fn(&ActionRequest) -> Option<Performed>;

struct Replies<'a> {
    scripts: Scripts<'a>,
    http: Vec<(Value, bool)>,
    connector: Vec<(Value, bool)>,
    /// The first call of each action run: polls and pages of an operation are answered by its replies too.
    firsts: BTreeMap<ActionPath, OperationRequest>,
    clock: Timestamp,
    http_calls: usize,
    /// What services send to actions that wait: for which action, what, when.
    callbacks: Vec<(ActionPath, Value, Timestamp)>,
}

/// A reply that is under way.
struct UnderWay {
    effect: EffectId,
    performed: Performed,
    at: Timestamp,
}

fn replies(case: &Value, name: &str) -> Vec<(Value, bool)> {
    case.get(name).and_then(Value::as_array).unwrap_or_default().iter().map(|reply| (reply.clone(), false)).collect()
}

fn text(value: Option<&Value>, usual: &str) -> String {
    value.filter(|value| !value.is_null()).map_or_else(|| usual.to_owned(), |value| content::to_text(value).to_string())
}

impl Replies<'_> {
    fn take(&mut self, is_http: bool, fits: impl Fn(&Value) -> bool) -> Option<Value> {
        let list = if is_http { &mut self.http } else { &mut self.connector };
        let (reply, used) = list.iter_mut().find(|(reply, used)| !*used && fits(reply))?;
        *used = reply.get("repeat").and_then(Value::as_bool) != Some(true);
        self.http_calls += 1;
        Some(reply.clone())
    }

    fn answer(&mut self, effect: EffectId, request: &ActionRequest, ends: bool) -> Result<UnderWay, String> {
        if matches!(request, ActionRequest::JavaScript { .. }) {
            let performed = (self.scripts)(request).ok_or("this program cannot run scripts")?;
            return Ok(UnderWay { effect, performed, at: self.clock });
        }
        let (reply, shown) = match self.reply(&effect.path, request) {
            Ok(found) => found,
            // The end of a subscription changes nothing: a case may leave it out.
            Err(_) if ends => (Value::object([("status", 200)]), Value::Null),
            Err(missing) => return Err(missing),
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
        let delay = reply.get("delay").and_then(Value::as_str).and_then(duration::parse).unwrap_or_default();
        let at = self.clock.plus(delay);
        if let Some(callback) = reply.get("callback") {
            let later = callback.get("delay").and_then(Value::as_str).and_then(duration::parse).unwrap_or_default();
            let headers = callback.get("headers").cloned().unwrap_or_else(|| Object::new().into());
            let body = callback.get("body").cloned().unwrap_or_default();
            let outputs = Value::object([("headers", headers), ("body", body)]);
            self.callbacks.push((effect.path.clone(), outputs, at.plus(later)));
        }
        Ok(UnderWay { effect, performed: Performed { outcome, request: shown }, at })
    }

    fn reply(&mut self, path: &ActionPath, request: &ActionRequest) -> Result<(Value, Value), String> {
        Ok(match request {
            ActionRequest::Http(request) => {
                let fits = |reply: &Value| {
                    text(reply.get("method"), "GET").eq_ignore_ascii_case(&request.method)
                        && text(reply.get("uri"), "") == *request.uri
                };
                let shown = Value::object([("method", request.method.clone()), ("uri", request.uri.clone())]);
                let reply = self.take(true, fits);
                (reply.ok_or_else(|| format!("no reply is left for {} {}", request.method, request.uri))?, shown)
            }
            ActionRequest::Connector(request) => match self.operation(path, &request.operation) {
                OperationRequest::ById { operation_id, parameters } => {
                    let fits = |reply: &Value| text(reply.get("operationId"), "") == *operation_id;
                    let shown =
                        Value::object([("operationId", Value::from(operation_id.clone())), ("parameters", parameters)]);
                    let reply = self.take(false, fits);
                    (reply.ok_or_else(|| format!("no reply is left for the operation {operation_id}"))?, shown)
                }
                OperationRequest::ByPath { method, path, .. } => {
                    let fits = |reply: &Value| {
                        text(reply.get("method"), "GET").eq_ignore_ascii_case(&method)
                            && text(reply.get("path"), "") == *path
                    };
                    let shown = Value::object([("method", method.clone()), ("path", path.clone())]);
                    let reply = self.take(false, fits);
                    (reply.ok_or_else(|| format!("no reply is left for {method} {path}"))?, shown)
                }
                OperationRequest::Follow { method, uri } => {
                    let fits = |reply: &Value| {
                        text(reply.get("method"), &method).eq_ignore_ascii_case(&method) && names(reply, &uri)
                    };
                    let shown = Value::object([("method", method.clone()), ("uri", uri.clone())]);
                    (self.take(false, fits).ok_or_else(|| format!("no reply is left for {method} {uri}"))?, shown)
                }
            },
            ActionRequest::ChildFlow { flow, .. } => {
                let fits = |reply: &Value| text(reply.get("flow"), "") == **flow;
                let shown = Value::object([("flow", flow.clone())]);
                (self.take(false, fits).ok_or_else(|| format!("no reply is left for the flow {flow}"))?, shown)
            }
            ActionRequest::JavaScript { .. } => return Err("a script has no reply".to_owned()),
        })
    }

    /// What a call asks for: a poll or a page has a reply of its own address, or the next one of the operation.
    fn operation(&mut self, path: &ActionPath, operation: &OperationRequest) -> OperationRequest {
        let first = self.firsts.entry(path.clone()).or_insert_with(|| operation.clone());
        match operation {
            OperationRequest::Follow { method, uri } if &**method == "GET" => {
                let is_named = self.connector.iter().any(|(reply, used)| !*used && names(reply, uri));
                if is_named { operation.clone() } else { first.clone() }
            }
            _ => operation.clone(),
        }
    }
}

/// Whether a reply is for an address.
fn names(reply: &Value, uri: &str) -> bool {
    text(reply.get("uri").or_else(|| reply.get("path")), "") == *uri
}

/// Runs one case without scripts.
#[must_use]
pub fn run(case: &Value) -> Verdict {
    run_with(case, &|_| None)
}

/// Runs one case.
#[must_use]
pub fn run_with(case: &Value, scripts: Scripts<'_>) -> Verdict {
    let id = text(case.get("id"), "");
    let failures = match simulate(case, scripts) {
        Ok(simulated) => compare(case, &simulated),
        Err(failure) => vec![failure],
    };
    Verdict { id, failures }
}

/// Runs the flow of a case and gives all runs that its event starts.
///
/// # Errors
/// Why it cannot be run, or a request for which the case has no reply.
fn simulate(case: &Value, scripts: Scripts<'_>) -> Result<Simulated, String> {
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
    let mut refused = None;
    let records = match fire(&plan, trigger, &event, &|| true) {
        Firing::Runs(records) => records,
        Firing::Skipped(_) | Firing::Failed(_) => Vec::new(),
        Firing::Refused(error) => {
            refused = Some(error_response(400, &error.code, &error.message));
            Vec::new()
        }
    };
    let mut replies = Replies {
        scripts,
        http: replies(case, "httpReplies"),
        connector: replies(case, "connectorReplies"),
        firsts: BTreeMap::new(),
        clock: BEGIN,
        http_calls: 0,
        callbacks: Vec::new(),
    };
    let mut runs = Vec::with_capacity(records.len());
    for (index, record) in records.into_iter().enumerate() {
        replies.clock = BEGIN;
        replies.http_calls = 0;
        replies.firsts.clear();
        let seed = u64::try_from(index).unwrap_or(0) + 1;
        runs.push(simulate_run(&plan, record, &parameters, &workflow, seed, &mut replies)?);
    }
    Ok(Simulated { plan, runs, refused })
}

fn error_response(status: u16, code: &str, message: &str) -> Response {
    let error = Value::object([("code", code), ("message", message)]);
    Response { status, headers: Object::new().into(), body: Some(Value::object([("error", error)])) }
}

fn simulate_run(
    plan: &Plan,
    trigger: Value,
    parameters: &Value,
    workflow: &Value,
    seed: u64,
    replies: &mut Replies<'_>,
) -> Result<Ran, String> {
    let mut state = RunState::default();
    let mut facts = Vec::new();
    let start = Start {
        run: RunId::make(BEGIN, [u8::try_from(seed & 0xFF).unwrap_or(0); 10]),
        seed,
        trigger,
        parameters: parameters.clone(),
        workflow: workflow.clone(),
        caller_waits: plan.has_response(),
        caller_until: Some(BEGIN.plus(CALLER_WAIT)),
        taken_over: Vec::new(),
        held: false,
        secret: false,
    };
    let mut input = Input::Start(Box::new(start));
    let mut under_way: Option<UnderWay> = None;
    for _ in 0..STEPS_MAX {
        let environment =
            Environment { now: replies.clock, callback_base: "https://test.invalid/callback/", callback_key: b"test" };
        facts.extend(decide(plan, &mut state, environment, input).map_err(|fault| fault.to_string())?);
        let commands = pending(plan, &state);
        let wake = commands.iter().find_map(|command| match command {
            Command::WakeAt(at) => Some(*at),
            _ => None,
        });
        if commands.contains(&Command::Continue) {
            input = Input::Tick;
            continue;
        }
        // An action that has timed out does not wait for its reply any more.
        let is_open = |way: &UnderWay| state.open.contains_key(&(way.effect.path.clone(), way.effect.attempt));
        under_way = under_way.filter(is_open);
        if under_way.is_none() {
            let perform = commands.into_iter().find_map(|command| match command {
                Command::Perform { effect, request } => Some((effect, request)),
                _ => None,
            });
            if let Some((effect, request)) = perform {
                let open = state.open.get(&(effect.path.clone(), effect.attempt));
                let ends = open.is_some_and(|open| open.purpose == Purpose::Unsubscribe);
                under_way = Some(replies.answer(effect, &request, ends)?);
            }
        }
        let comes = |(_, _, at): &(ActionPath, Value, Timestamp)| wake.is_none_or(|wake| *at <= wake);
        if under_way.is_none()
            && let Some(place) = replies.callbacks.iter().position(comes)
        {
            let (path, outputs, at) = replies.callbacks.remove(place);
            replies.clock = replies.clock.max(at);
            let token = state.run.map(|run| callback_token(environment.callback_key, run, &path)).unwrap_or_default();
            input = Input::CallbackReceived { token, outputs };
            continue;
        }
        input = match (under_way.take(), wake) {
            (Some(way), wake) if wake.is_none_or(|wake| way.at <= wake) => {
                replies.clock = replies.clock.max(way.at);
                Input::EffectEnded { effect: way.effect, performed: Box::new(way.performed) }
            }
            (way, Some(at)) => {
                let waits = way.is_some() || state.waits.values().any(|wait| wait.until.is_some());
                if !waits && at == state.deadline {
                    return Err("the run waits for something that the case does not have".to_owned());
                }
                replies.clock = replies.clock.max(at);
                under_way = way;
                Input::Tick
            }
            _ => {
                // Whoever tests a flow wants to see what its history hides.
                facts.iter_mut().for_each(reveal);
                let history = RunHistory::read(&facts);
                let elapsed = replies.clock.since(BEGIN);
                return Ok(Ran { history, elapsed, http_calls: replies.http_calls });
            }
        };
    }
    Err("the run does not end".to_owned())
}

fn reveal(fact: &mut Fact) {
    if let Fact::ActionStarted(fact::ActionStarted { secure_inputs, secure_outputs, .. }) = fact {
        (*secure_inputs, *secure_outputs) = (false, false);
    }
}

fn compare(case: &Value, simulated: &Simulated) -> Vec<String> {
    let (plan, runs) = (&simulated.plan, &simulated.runs[..]);
    let mut failures = Vec::new();
    let nothing = Value::Null;
    let expected = case.get("expected").unwrap_or(&nothing);
    if let Some(several) = expected.get("runs").and_then(Value::as_array) {
        if several.len() != runs.len() {
            failures.push(format!("expected {} runs, got {}", several.len(), runs.len()));
        }
        for (index, (expected, run)) in several.iter().zip(runs).enumerate() {
            let own = compare_run(plan, expected, run);
            failures.extend(own.into_iter().map(|failure| format!("run {index}: {failure}")));
        }
        return failures;
    }
    match (runs, &simulated.refused, expected.get("response")) {
        ([run], ..) => compare_run(plan, expected, run),
        ([], Some(refused), Some(wanted)) => compare_response(wanted, refused),
        _ => vec![format!("expected one run, got {}", runs.len())],
    }
}

/// What the caller of the trigger gets.
fn response(plan: &Plan, run: &Ran) -> Response {
    let accepted = Response { status: 202, headers: Object::new().into(), body: None };
    let splits = plan.triggers.first().is_some_and(|trigger| trigger.split_on.is_some());
    if !plan.responds() || splits {
        return accepted;
    }
    match &run.history.response {
        Some(response) => response.clone(),
        None if run.elapsed > CALLER_WAIT => error_response(504, "GatewayTimeout", "The flow did not answer in time."),
        None => error_response(502, "NoResponse", "The flow ended without a response."),
    }
}

fn compare_response(expected: &Value, got: &Response) -> Vec<String> {
    let mut failures = Vec::new();
    let mut differ = |what: &str, expected: &Value, got: Value| {
        if !agrees(&got, expected) {
            failures.push(format!("response.{what}: expected {expected}, got {got}"));
        }
    };
    if let Some(status) = expected.get("status") {
        differ("status", status, Value::Integer(got.status.into()));
    }
    let headers = got.headers.as_object().cloned().unwrap_or_default();
    for (name, value) in expected.get("headers").and_then(Value::as_object).into_iter().flat_map(Object::iter) {
        let header = hookmill_expression::member(&headers, name).cloned();
        let usual = || name.eq_ignore_ascii_case("content-type").then(|| content_type(got.body.as_ref()));
        differ(&format!("headers.{name}"), value, header.or_else(usual).unwrap_or_default());
    }
    if let Some(body) = expected.get("body") {
        differ("body", body, got.body.clone().unwrap_or_default());
    }
    failures
}

/// The type of a body that says none.
fn content_type(body: Option<&Value>) -> Value {
    match body {
        None | Some(Value::Null) => Value::Null,
        Some(Value::String(_)) => "text/plain; charset=utf-8".into(),
        Some(body) => body.get("$content-type").cloned().unwrap_or_else(|| "application/json; charset=utf-8".into()),
    }
}

fn compare_run(plan: &Plan, expected: &Value, run: &Ran) -> Vec<String> {
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
        let got = hookmill_expression::member(&history.variables(), name).cloned().unwrap_or_default();
        differ(&format!("variables.{name}"), value, got);
    }
    if let Some(wanted) = expected.get("response") {
        failures.extend(compare_response(wanted, &response(plan, run)));
    }
    for (name, action) in expected.get("actions").and_then(Value::as_object).into_iter().flat_map(Object::iter) {
        failures.extend(compare_action(plan, name, action, history));
    }
    failures
}

fn compare_action(plan: &Plan, name: &str, expected: &Value, history: &RunHistory) -> Vec<String> {
    let mut failures = Vec::new();
    let Some(action) = plan.find(name).map(|index| &plan.actions[index]) else {
        return vec![format!("{name}: the definition has no such action")];
    };
    // An action in a loop that did not run has a record of fewer indexes.
    let is_whole = |run: &&ActionRun| run.path.indexes.len() == action.loops.len();
    let runs: Vec<&ActionRun> = history.runs_of(&action.name).filter(is_whole).collect();
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
    match runs.last().copied().or_else(|| history.runs_of(&action.name).next_back()) {
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
    // A loop that could not begin has none.
    let iterations = Value::Integer(run.iterations.map_or(0, i64::from));
    differ("iterations", expected.get("iterations"), iterations);
    failures
}
