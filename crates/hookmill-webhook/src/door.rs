//! The decision about one request: what is answered, whether it is an event, and what Hookmill must call.

use hookmill_model::{Object, Str, Timestamp};

use crate::asking::Question;
use crate::declaration::{Declarations, LifecycleAction, State};
use crate::decoding::DecodeError;
use crate::delivery::{Keys, keys};
use crate::handshake;
use crate::request::{Known, Reading, Registered, Request};
use crate::template::Scope;
use crate::verification::{Fetch, Passed, Refusal, verify};

/// Bytes of all header lines together.
const HEAD_BYTES_MAX: usize = 32 * 1_024;
/// Bytes of an address.
const URL_BYTES_MAX: usize = 8 * 1_024;
/// When a sender shall come again while the webhook is being created.
const RETRY_AFTER_S: &str = "5";

/// What Hookmill knows of the webhook whose address is called.
#[derive(Clone, Copy)]
pub struct Generation<'a> {
    /// What is declared for it.
    pub declarations: &'a Declarations,
    /// Where it is in its life.
    pub state: State,
    /// The active secrets; the first is the newest.
    pub secrets: &'a [Str],
    /// What was set in the connector or the trigger.
    pub parameters: &'a Object,
    /// Parameters of the trigger.
    pub inputs: &'a Object,
    /// Parameters of the connection.
    pub connection: &'a Object,
    /// The reply to its creation.
    pub registered: Option<&'a Registered>,
    /// What handshakes left, by name.
    pub kept: &'a Object,
    /// Documents that were fetched before, by address.
    pub fetched: &'a dyn Fn(&str) -> Option<Str>,
    /// Whether the service said that it sent this request; `None` where it was not asked.
    pub asked: Option<bool>,
    /// What a body may have, before and after its codings are undone.
    pub body_bytes_max: usize,
}

/// A response in full.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Header lines.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A call that Hookmill makes after its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// In capitals.
    pub method: String,
    /// Where.
    pub url: String,
}

/// What proves the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The address alone.
    Address,
    /// A secret or a signature.
    Sender {
        /// Whether the body is covered by it.
        body: bool,
    },
}

/// What a request is.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// An event: it is stored and begins a run, unless all of its keys are known. The answer is the same then.
    Event {
        /// Its identifiers.
        keys: Option<Keys>,
        /// What proves its sender.
        proof: Proof,
    },
    /// Proof of life, or word about the webhook itself. No run.
    Ping {
        /// What proves its sender.
        proof: Proof,
        /// What Hookmill does about it.
        action: Option<LifecycleAction>,
    },
    /// An answered handshake. No run.
    Handshake {
        /// What is kept with the webhook.
        kept: Vec<(Str, String)>,
        /// What Hookmill calls.
        calls: Vec<Call>,
    },
    /// 401: it does not prove its sender.
    Unproven {
        /// One reason for each way.
        reasons: Vec<String>,
    },
    /// Refused for another reason.
    Refused {
        /// Why it was refused, in a sentence.
        reason: String,
    },
    /// 503: the webhook is still being created, or its secret is not known.
    Early,
    /// A document must be fetched; then the same request is decided anew.
    Fetch(Fetch),
    /// The service must be asked; then the same request is decided anew. Where it cannot be reached the sender comes
    /// again: the response is that answer.
    Ask(Question),
}

/// The decision about one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What is answered once what follows is on disk.
    pub response: Response,
    /// What the request is.
    pub outcome: Outcome,
}

fn refused(status: u16, reason: impl Into<String>) -> Decision {
    Decision { response: Response::empty(status), outcome: Outcome::Refused { reason: reason.into() } }
}

fn early() -> Decision {
    let response = Response::empty(503).with("Retry-After", RETRY_AFTER_S);
    Decision { response, outcome: Outcome::Early }
}

/// Decides about a request. The order is: limits, state, method and handshakes, codings, proof, ping, identifiers.
#[must_use]
pub fn decide(generation: &Generation<'_>, now: Timestamp, request: Request<'_>) -> Decision {
    let mut decision = decided(generation, now, request);
    if request.method == "HEAD" {
        decision.response.body.clear();
    }
    let declared =
        |name: &str, response: &Response| response.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
    if !declared("cache-control", &decision.response) {
        decision.response = decision.response.with("Cache-Control", "no-store");
    }
    decision
}

fn decided(generation: &Generation<'_>, now: Timestamp, request: Request<'_>) -> Decision {
    let declarations = generation.declarations;
    let head: usize = request.headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    if head > HEAD_BYTES_MAX {
        return refused(431, "the header lines are too long");
    }
    if request.url.len() > URL_BYTES_MAX {
        return refused(414, "the address is too long");
    }
    if request.body.len() > generation.body_bytes_max {
        return refused(413, "the body is too large");
    }
    let unknown_secret = declarations.needs_secret() && generation.secrets.iter().all(|secret| secret.is_empty());
    let state = match generation.state {
        State::Off | State::Gone => return refused(410, "the webhook is gone, or its flow is off"),
        State::Live if unknown_secret => State::Creating,
        state => state,
    };
    let known = Known {
        now,
        secrets: generation.secrets,
        parameters: generation.parameters,
        inputs: generation.inputs,
        connection: generation.connection,
        registered: generation.registered,
        kept: generation.kept,
        fetched: generation.fetched,
        asked: generation.asked,
    };
    let reading = Reading::new(request, generation.body_bytes_max);
    let scope = Scope::new(&reading, &known);
    let handshake = declarations
        .handshake
        .iter()
        .find(|handshake| handshake.states.contains(&state) && handshake.when.hold(&scope));
    if let Some(handshake) = handshake {
        let mut secret = 0;
        if handshake.verified {
            match verify(&declarations.verification, &reading, &known) {
                Ok((number, _)) => secret = number,
                Err(refusal) => return unproven(refusal),
            }
        }
        return match handshake::answer(handshake, &reading, &known, secret) {
            Ok(answered) => Decision {
                response: answered.response,
                outcome: Outcome::Handshake { kept: answered.kept, calls: answered.calls },
            },
            Err((503, _)) => early(),
            Err((status, reason)) => refused(status, reason),
        };
    }
    if state == State::Deleting {
        return refused(410, "the webhook is being deleted");
    }
    let methods: &[&str] = if declarations.preset.is_some() { &["POST"] } else { &["POST", "PUT", "PATCH"] };
    if !methods.contains(&request.method) {
        let mut decision = refused(405, format!("{} is no delivery", request.method));
        decision.response = decision.response.with("Allow", &methods.join(", "));
        return decision;
    }
    match reading.decoded() {
        Ok(_) => {}
        Err(DecodeError::Unknown(coding)) => return refused(415, format!("the coding {coding} is not known")),
        Err(DecodeError::Broken(why)) => return refused(400, format!("the body cannot be decoded: {why}")),
        Err(DecodeError::TooLarge(max)) => return refused(413, format!("the decoded body has more than {max} bytes")),
    }
    if unknown_secret {
        return early();
    }
    let proof = match proof(declarations, &reading, &known) {
        Ok(proof) => proof,
        Err(refusal) => return unproven(refusal),
    };
    let response = reply(declarations);
    if declarations.ping.iter().any(|ping| ping.hold(&scope)) {
        let lifecycle = declarations.renewal.iter().flat_map(|renewal| &renewal.lifecycle);
        let action = lifecycle.filter(|own| own.when.hold(&scope)).map(|own| own.action).next();
        return Decision { response, outcome: Outcome::Ping { proof, action } };
    }
    if state == State::Creating {
        return early();
    }
    let keys = declarations.dedupe.as_ref().and_then(|dedupe| keys(dedupe, &reading, &known));
    Decision { response, outcome: Outcome::Event { keys, proof } }
}

fn proof(declarations: &Declarations, reading: &Reading<'_>, known: &Known<'_>) -> Result<Proof, Refusal> {
    if declarations.verification.is_empty() {
        return Ok(Proof::Address);
    }
    let (_, way): Passed<'_> = verify(&declarations.verification, reading, known)?;
    Ok(if way.is_none() { Proof::Address } else { Proof::Sender { body: way.covers_body() } })
}

fn unproven(refusal: Refusal) -> Decision {
    match refusal {
        Refusal::NoSecret => early(),
        Refusal::Fetch(fetch) => Decision {
            response: Response::empty(503).with("Retry-After", RETRY_AFTER_S),
            outcome: Outcome::Fetch(fetch),
        },
        Refusal::Ask(question) => Decision {
            response: Response::empty(503).with("Retry-After", RETRY_AFTER_S),
            outcome: Outcome::Ask(question),
        },
        Refusal::Wrong(reasons) => Decision { response: Response::empty(401), outcome: Outcome::Unproven { reasons } },
    }
}

/// The answer to an event.
fn reply(declarations: &Declarations) -> Response {
    let Some(reply) = &declarations.reply else {
        let response = Response { body: b"{}".to_vec(), ..Response::empty(202) };
        return response.with("Content-Type", "application/json");
    };
    let mut response = Response { body: reply.body.as_bytes().to_vec(), ..Response::empty(reply.status) };
    for (name, value) in &reply.headers {
        response = response.with(name, value);
    }
    match &reply.content_type {
        Some(kind) => response.with("Content-Type", kind),
        None => response,
    }
}
