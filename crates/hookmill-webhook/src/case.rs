//! Test cases: a signature that passes or not, or a conversation with the door.
//!
//! A case of the first kind is `{"id", "scheme", "verification"?, "secret", "parameters"?, "now", "request", "valid"}`,
//! one of the second kind `{"id", "preset" | "declarations", "secrets"?, "parameters"?, "inputs"?, "creation"?,
//! "steps"}`. `docs/webhooks.md` describes both.

use std::collections::BTreeMap;

use base64::Engine as _;
use hookmill_model::{Object, Pointer, Str, Timestamp, Value};

use crate::declaration::{Declarations, Place, Secret, State};
use crate::door::{Decision, Generation, Outcome, decide};
use crate::request::{Known, Reading, Registered, Request};
use crate::template::Scope;
use crate::verification::verify;
use crate::{event_body, read};

/// What a body may have.
const BODY_BYTES_MAX: usize = 1 << 20;

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Its `id`.
    pub id: String,
    /// Everything that differs; empty where it passed.
    pub failures: Vec<String>,
}

/// Runs a case of either kind.
#[must_use]
pub fn run(case: &Value) -> Verdict {
    let id = case.get("id").and_then(Value::as_str).unwrap_or("(without id)").to_owned();
    let failures = if case.get("steps").is_some() { conversation(case) } else { proof(case) };
    Verdict { id, failures: failures.unwrap_or_else(|error| vec![error]) }
}

/// Checks one signature.
///
/// # Errors
/// All reasons why the request does not prove its sender, or what is wrong with the question.
pub fn check(
    scheme: &str,
    verification: Option<&Value>,
    secrets: &[Str],
    parameters: &Object,
    now: Timestamp,
    request: &Value,
) -> Result<(), Vec<String>> {
    let mut members = Object::new();
    match (scheme, verification) {
        ("custom", Some(value)) => members.insert("x-hookmill-verification", value.clone()),
        (preset, _) => members.insert("x-hookmill-preset", preset),
    };
    let mut findings = Vec::new();
    let declarations = read(&[(&members, Pointer::root())], &mut findings);
    if !findings.is_empty() {
        return Err(findings.iter().map(|finding| format!("{}: {}", finding.pointer, finding.message)).collect());
    }
    if declarations.verification.is_empty() {
        return Err(vec![format!("{scheme} does not say how a sender is proven: the address is the only proof")]);
    }
    let sent = Sent::read(request, "https://hooks.example.net/callback/abc").map_err(|error| vec![error])?;
    let empty = Object::new();
    let fetched = certificate(parameters);
    let known = Known {
        now,
        secrets,
        parameters,
        inputs: &empty,
        connection: &empty,
        registered: None,
        kept: &empty,
        fetched: &fetched,
        asked: None,
    };
    let reading = Reading::new(sent.request(), BODY_BYTES_MAX);
    match verify(&declarations.verification, &reading, &known) {
        Ok(_) => Ok(()),
        Err(crate::Refusal::Wrong(reasons)) => Err(reasons),
        Err(crate::Refusal::NoSecret) => Err(vec!["there is no secret".to_owned()]),
        Err(crate::Refusal::Fetch(fetch)) => {
            Err(vec![format!("{} is needed: give it with --parameter certificate=PEM", fetch.url)])
        }
        Err(crate::Refusal::Ask(question)) => {
            Err(vec![format!("the service must be asked by {}, which needs a server", question.call.operation)])
        }
    }
}

/// A document that a case gives stands for whatever address.
fn certificate(parameters: &Object) -> impl Fn(&str) -> Option<Str> {
    let given = parameters.get("certificate").and_then(Value::as_str).map(Str::from);
    move |_| given.clone()
}

fn proof(case: &Value) -> Result<Vec<String>, String> {
    let scheme = text(case, "scheme").ok_or("the case has no scheme")?;
    let secrets = texts(case.get("secret"));
    let parameters = object(case.get("parameters"));
    let now = moment(case.get("now"))?;
    let request = case.get("request").ok_or("the case has no request")?;
    let valid = matches!(case.get("valid"), Some(Value::Bool(true)));
    Ok(match (check(&scheme, case.get("verification"), &secrets, &parameters, now, request), valid) {
        (Ok(()), true) | (Err(_), false) => Vec::new(),
        (Ok(()), false) => vec!["it passed, but must not".to_owned()],
        (Err(reasons), true) => vec![format!("it must pass: {}", reasons.join("; "))],
    })
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).map(ToOwned::to_owned)
}

fn texts(value: Option<&Value>) -> Vec<Str> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => items.iter().filter_map(|item| item.as_str().map(Str::from)).collect(),
        _ => Vec::new(),
    }
}

fn object(value: Option<&Value>) -> Object {
    value.and_then(Value::as_object).cloned().unwrap_or_default()
}

fn moment(value: Option<&Value>) -> Result<Timestamp, String> {
    let text = value.and_then(Value::as_str).ok_or("now is missing")?;
    text.parse().map_err(|error| format!("now: {error}"))
}

/// A request of a case.
struct Sent {
    method: String,
    url: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Sent {
    fn read(request: &Value, url: &str) -> Result<Self, String> {
        let mut url = text(request, "url").unwrap_or_else(|| url.to_owned());
        let query = text(request, "rawQuery").or_else(|| {
            let members = request.get("query")?.as_object()?;
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            for (name, value) in members.iter() {
                for text in texts(Some(value)) {
                    query.append_pair(name, &text);
                }
            }
            Some(query.finish())
        });
        if let Some(query) = query.filter(|query| !query.is_empty()) {
            url = format!("{url}?{query}");
        }
        let mut headers = Vec::new();
        for (name, value) in object(request.get("headers")).iter() {
            headers.extend(texts(Some(value)).iter().map(|line| (name.to_string(), line.as_bytes().to_vec())));
        }
        let body = match text(request, "bodyBase64") {
            Some(encoded) => base64::engine::general_purpose::STANDARD
                .decode(encoded)
                .map_err(|error| format!("bodyBase64: {error}"))?,
            None => text(request, "body").unwrap_or_default().into_bytes(),
        };
        Ok(Self { method: text(request, "method").unwrap_or_else(|| "POST".to_owned()), url, headers, body })
    }

    fn request(&self) -> Request<'_> {
        Request { method: &self.method, url: &self.url, headers: &self.headers, body: &self.body }
    }
}

/// What one flow of a conversation has seen and kept.
#[derive(Default)]
struct Flow {
    /// Identifiers, and until when they are known.
    seen: BTreeMap<String, Timestamp>,
    kept: Object,
}

/// What all steps of a conversation share.
struct Conversation {
    declarations: Declarations,
    secrets: Vec<Str>,
    parameters: Object,
    inputs: Object,
    sent_secrets: Vec<Str>,
    registered: Option<Registered>,
}

impl Conversation {
    fn read(case: &Value) -> Result<Self, String> {
        let mut members = object(case.get("declarations"));
        if let Some(preset) = text(case, "preset") {
            members.insert("x-hookmill-preset", preset);
        }
        let mut findings = Vec::new();
        let declarations = read(&[(&members, Pointer::root())], &mut findings);
        if let Some(finding) = findings.first() {
            return Err(format!("{}: {}", finding.pointer, finding.message));
        }
        let creation = case.get("creation");
        let reply = creation.and_then(|creation| creation.get("reply"));
        let registered = reply.map(|reply| Registered {
            headers: object(reply.get("headers")),
            body: reply.get("body").cloned().unwrap_or_default(),
        });
        let sent = creation.and_then(|creation| creation.get("request")?.get("body").cloned());
        let places = declarations.generated().iter().map(|own| &own.into);
        let sent_secrets = places.filter_map(|place| sent_at(place, sent.as_ref()?)).collect();
        Ok(Self {
            declarations,
            secrets: texts(case.get("secrets")),
            parameters: object(case.get("parameters")),
            inputs: object(case.get("inputs")),
            sent_secrets,
            registered,
        })
    }

    /// The secrets that are known at a step.
    fn known(&self, flow: &Flow, registered: Option<&Registered>) -> Vec<Str> {
        let mut secrets = self.secrets.clone();
        secrets.extend(self.sent_secrets.iter().cloned());
        secrets.extend(flow.kept.get("secret").and_then(Value::as_str).map(Str::from));
        let from = self.declarations.registration.as_ref().and_then(|registration| registration.secret.as_ref());
        if let (Some(Secret::Replied(selector)), Some(registered)) = (from, registered) {
            secrets.extend(replied(selector, registered));
        }
        secrets
    }
}

fn sent_at(place: &Place, body: &Value) -> Option<Str> {
    match place {
        Place::Body(pointer) => body.pointer(pointer)?.as_str().map(Str::from),
        Place::Form(name) => {
            let mut fields = url::form_urlencoded::parse(body.as_str()?.as_bytes());
            fields.find(|(own, _)| own == name).map(|(_, value)| Str::from(&*value))
        }
    }
}

/// A value of the reply to a creation.
#[must_use]
pub fn replied(selector: &crate::Selector, registered: &Registered) -> Option<Str> {
    let (empty, fetched) = (Object::new(), |_: &str| None);
    let known = Known {
        now: Timestamp::default(),
        secrets: &[],
        parameters: &empty,
        inputs: &empty,
        connection: &empty,
        registered: Some(registered),
        kept: &empty,
        fetched: &fetched,
        asked: None,
    };
    let reading = Reading::new(Request { method: "", url: "", headers: &[], body: &[] }, 0);
    let text = selector.text(&Scope::new(&reading, &known))?;
    std::str::from_utf8(&text).ok().map(Str::from)
}

fn conversation(case: &Value) -> Result<Vec<String>, String> {
    let shared = Conversation::read(case)?;
    let origin = text(case, "publicUrl").unwrap_or_else(|| "https://hooks.example.net".to_owned());
    let own = text(case, "path").unwrap_or_else(|| "/callback/abc".to_owned());
    let other = text(case, "otherFlow");
    let mut flows: BTreeMap<String, Flow> = BTreeMap::new();
    let mut failures = Vec::new();
    for (index, step) in case.get("steps").and_then(Value::as_array).unwrap_or_default().iter().enumerate() {
        let path = text(step, "path").unwrap_or_else(|| own.clone());
        let expected = step.get("expected").cloned().unwrap_or_default();
        let mut fail = |message: String| failures.push(format!("step {}: {message}", index + 1));
        if path != own && Some(&path) != other.as_ref() {
            if expected.get("status").and_then(Value::as_f64) != Some(404.0) {
                fail(format!("{path} is no address of this case, so the answer is 404"));
            }
            continue;
        }
        let flow = flows.entry(path.clone()).or_default();
        let done = step_of(&shared, flow, step, &format!("{origin}{path}"))?;
        compare(&expected, &done, &mut fail);
    }
    Ok(failures)
}

/// What a step led to.
struct Done {
    decision: Decision,
    event: bool,
    duplicate: bool,
    body: Option<Value>,
}

fn step_of(shared: &Conversation, flow: &mut Flow, step: &Value, url: &str) -> Result<Done, String> {
    let now = moment(step.get("now"))?;
    let state = match text(step, "state") {
        None => State::Live,
        Some(name) => State::named(&name).ok_or_else(|| format!("there is no state {name}"))?,
    };
    let sent = Sent::read(step.get("request").ok_or("a step has no request")?, url)?;
    let registered = shared.registered.as_ref().filter(|_| state != State::Creating);
    let secrets = shared.known(flow, registered);
    let (kept, connection) = (flow.kept.clone(), Object::new());
    let fetched = certificate(&shared.parameters);
    let generation = Generation {
        declarations: &shared.declarations,
        state,
        secrets: &secrets,
        parameters: &shared.parameters,
        inputs: &shared.inputs,
        connection: &connection,
        registered,
        kept: &kept,
        fetched: &fetched,
        asked: None,
        body_bytes_max: BODY_BYTES_MAX,
    };
    let decision = decide(&generation, now, sent.request());
    let mut done = Done { event: false, duplicate: false, body: None, decision };
    match &done.decision.outcome {
        Outcome::Event { keys, .. } => {
            done.event = true;
            if let Some(keys) = keys {
                flow.seen.retain(|_, until| *until > now);
                let fresh = keys.incomplete || keys.keys.iter().any(|key| !flow.seen.contains_key(key));
                done.event = fresh;
                done.duplicate = !fresh;
                for key in &keys.keys {
                    flow.seen.entry(key.clone()).or_insert_with(|| now.plus(keys.window));
                }
            }
            done.body = event_body(&shared.declarations, sent.request(), BODY_BYTES_MAX).value;
        }
        Outcome::Handshake { kept, .. } => {
            for (name, value) in kept {
                flow.kept.insert(name.clone(), value.as_str());
            }
        }
        _ => {}
    }
    Ok(done)
}

fn compare(expected: &Value, done: &Done, fail: &mut dyn FnMut(String)) {
    let response = &done.decision.response;
    if let Some(status) = expected.get("status").and_then(Value::as_f64)
        && status != f64::from(response.status)
    {
        fail(format!("status {} instead of {status} ({:?})", response.status, done.decision.outcome));
    }
    for (name, wanted) in object(expected.get("headers")).iter() {
        let given = response.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| &**value);
        // Content types are compared without their parameters.
        let bare = |kind: &str| kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let fits = match (wanted.as_str(), given) {
            (None, None) | (Some("*"), Some(_)) => true,
            (Some(wanted), Some(given)) if name.eq_ignore_ascii_case("content-type") => bare(wanted) == bare(given),
            (Some(wanted), Some(given)) => wanted == given,
            _ => false,
        };
        if !fits {
            fail(format!("header {name}: {given:?} instead of {}", wanted.to_json()));
        }
    }
    let body = String::from_utf8_lossy(&response.body);
    match expected.get("body") {
        Some(Value::String(wanted)) if **wanted != *body => fail(format!("body {body:?} instead of {wanted:?}")),
        Some(Value::Object(wanted)) => {
            let wanted = wanted.get("$json").cloned().unwrap_or_default();
            if Value::from_json(body.as_bytes()).ok().as_ref() != Some(&wanted) {
                fail(format!("body {body} instead of {}", wanted.to_json()));
            }
        }
        _ => {}
    }
    let mut flag = |name: &str, given: bool| match expected.get(name) {
        Some(Value::Bool(wanted)) if *wanted != given => {
            fail(format!("{name} is {given} ({:?})", done.decision.outcome));
        }
        _ => {}
    };
    flag("event", done.event);
    flag("duplicate", done.duplicate);
    flag("verified", verified(&done.decision.outcome));
    if let Some(wanted) = expected.get("eventBody")
        && !body_fits(wanted, done.body.as_ref())
    {
        let given = done.body.as_ref().map_or_else(|| "none".to_owned(), Value::to_json);
        fail(format!("eventBody {given} instead of {}", wanted.to_json()));
    }
    if let Some(wanted) = expected.get("calls").and_then(Value::as_array) {
        let calls = match &done.decision.outcome {
            Outcome::Handshake { calls, .. } => &**calls,
            _ => &[],
        };
        let given: Vec<Value> = calls
            .iter()
            .map(|call| Value::object([("method", call.method.as_str()), ("url", call.url.as_str())]))
            .collect();
        if *wanted != *given {
            fail(format!("calls {}", Value::array(given).to_json()));
        }
    }
}

fn verified(outcome: &Outcome) -> bool {
    let proof = match outcome {
        Outcome::Event { proof, .. } | Outcome::Ping { proof, .. } => *proof,
        _ => return false,
    };
    matches!(proof, crate::Proof::Sender { .. })
}

fn body_fits(wanted: &Value, given: Option<&Value>) -> bool {
    if wanted.get("$absent").is_some() {
        return given.is_none();
    }
    match (wanted.get("$subset"), given) {
        (Some(members), Some(given)) => within(members, given),
        (None, Some(given)) => wanted == given,
        (_, None) => false,
    }
}

/// Whether a value has at least these members.
fn within(wanted: &Value, given: &Value) -> bool {
    match (wanted.as_object(), given.as_object()) {
        (Some(wanted), Some(given)) => {
            wanted.iter().all(|(name, value)| given.get(name).is_some_and(|own| within(value, own)))
        }
        _ => wanted == given,
    }
}
