//! What services answer. The answer to a request is a function of the seed, the action run and the attempt: a service
//! that is asked again with the same idempotency key answers alike.

use std::time::Duration;

use hookmill_engine::{ActionPath, EffectId, Outcome, Performed};
use hookmill_model::{Object, Value};

use crate::Random;

/// A request without an answer is given up after this time.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);

/// One answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// How it ends.
    pub outcome: Outcome,
    /// How long it takes.
    pub delay: Duration,
    /// It is reported a second time, so much later.
    pub again_after: Option<Duration>,
}

fn salted(seed: u64, text: &str) -> Random {
    let mut mixed = seed;
    for byte in text.bytes() {
        mixed = (mixed ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    }
    Random::new(mixed)
}

fn no_reply(code: &str, maybe_sent: bool) -> Outcome {
    Outcome::NoReply { code: code.into(), message: "no answer".into(), maybe_sent, retryable: true }
}

/// What the service answers to a request.
#[must_use]
pub fn answer(seed: u64, effect: &EffectId) -> Answer {
    let mut random = salted(seed, &format!("{}{:?}/{}", effect.path.action, effect.path.indexes, effect.attempt));
    let outcome = match random.below(12) {
        0 => no_reply("BadRequest", false),
        1 | 2 => reply(503),
        3 => reply(404),
        4 if effect.attempt == 1 => reply(429),
        // It never answers: whoever sends gives up.
        5 => no_reply("GatewayTimeout", true),
        _ => reply(200),
    };
    let is_late = matches!(&outcome, Outcome::NoReply { code, .. } if &**code == "GatewayTimeout");
    let usual = Duration::from_secs(1 + random.below(20));
    let delay = if is_late { REQUEST_TIMEOUT } else { usual };
    let again_after = random.once_in(3).then(|| Duration::from_secs(random.below(400)));
    Answer { outcome, delay, again_after }
}

/// How long after a subscription the service calls; `None` for never.
#[must_use]
pub fn callback(seed: u64, path: &ActionPath) -> Option<Duration> {
    let mut random = salted(seed, &format!("callback {}{:?}", path.action, path.indexes));
    (!random.once_in(4)).then(|| Duration::from_secs(random.below(300)))
}

fn reply(status: u16) -> Outcome {
    Outcome::Replied {
        status,
        headers: Object::new(),
        body: Some(Value::object([("n", Value::Integer(i64::from(status)))])),
    }
}

/// The outcome with nothing to show of the request.
#[must_use]
pub fn performed(outcome: Outcome) -> Performed {
    Performed { outcome, request: Value::Null }
}
