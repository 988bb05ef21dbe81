//! Requests with what came of them.

use hookmill_engine::{Outcome, Performed};
use hookmill_model::{Object, Value};

/// A request and its answer, secrets redacted.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchange {
    /// `{method, uri, headers, body}`
    pub request: Value,
    /// `{statusCode, headers, body?}`, or `{error: {code, message}}` without an answer.
    pub response: Value,
}

/// The exchange of a performed request.
pub(crate) fn exchange(performed: &Performed) -> Exchange {
    let response = match &performed.outcome {
        Outcome::Replied { status, headers, body } => {
            let mut members = Object::new();
            members.insert("statusCode", Value::Integer(i64::from(*status)));
            members.insert("headers", headers.clone());
            if let Some(body) = body {
                members.insert("body", body.clone());
            }
            members.into()
        }
        Outcome::NoReply { code, message, .. } => {
            Value::object([("error", Value::object([("code", code.clone()), ("message", message.clone())]))])
        }
    };
    Exchange { request: performed.request.clone(), response }
}

/// A request that could not even be made.
pub(crate) fn not_sent(message: &str) -> Performed {
    let code = "BadRequest".into();
    let outcome = Outcome::NoReply { code, message: message.into(), maybe_sent: false, retryable: false };
    Performed { outcome, request: Value::Null }
}
