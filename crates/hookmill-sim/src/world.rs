//! What services answer. The answer to a request is a function of the seed, the action run and the attempt: a service
//! that is asked again with the same idempotency key answers alike.

use std::time::Duration;

use hookmill_engine::{EffectId, Outcome, Performed};
use hookmill_model::{Object, Value};

use crate::Random;

/// One answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// How it ends.
    pub outcome: Outcome,
    /// How long it takes.
    pub delay: Duration,
    /// It is reported twice.
    pub twice: bool,
}

fn salted(seed: u64, text: &str) -> Random {
    let mut mixed = seed;
    for byte in text.bytes() {
        mixed = (mixed ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    }
    Random::new(mixed)
}

/// What the service answers to a request.
#[must_use]
pub fn answer(seed: u64, effect: &EffectId) -> Answer {
    let mut random = salted(seed, &format!("{}{:?}/{}", effect.path.action, effect.path.indexes, effect.attempt));
    let outcome = match random.below(10) {
        0 => Outcome::NoReply {
            code: "BadRequest".into(),
            message: "connection refused".into(),
            maybe_sent: false,
            retryable: true,
        },
        1 | 2 => reply(503),
        3 => reply(404),
        4 if effect.attempt == 1 => reply(429),
        _ => reply(200),
    };
    Answer { outcome, delay: Duration::from_secs(1 + random.below(20)), twice: random.once_in(3) }
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
