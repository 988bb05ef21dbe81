//! Why a service did not create a webhook, in words for the maker.

use hookmill_model::{Str, Value};
use serde::{Deserialize, Serialize};

use crate::command::{Outcome, Performed};

/// Why a service did not create a webhook, in words for the maker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// `webhook_refused`, `service_unreachable`, …
    pub code: Str,
    /// What happened.
    pub message: Str,
    /// What to try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<Str>,
}

/// Why an exchange did not create a webhook; `None` where it did.
pub(super) fn refusal(performed: &Performed) -> Option<Refusal> {
    let request = || {
        let part = |name: &str| performed.request.get(name).and_then(Value::as_str).unwrap_or_default();
        format!("{} {}", part("method"), part("uri"))
    };
    match &performed.outcome {
        Outcome::Replied { status: 200..=299, .. } => None,
        Outcome::Replied { status, .. } => {
            let hint = match status {
                401 => Some(
                    "The service does not accept the user name and password or token of the connection. Repair the \
                     connection, then try again.",
                ),
                403 => Some(
                    "The account of the connection may not manage webhooks there. Give it the permission (GitHub wants \
                     admin:repo_hook), then try again.",
                ),
                404 => Some(
                    "Check owner and repository, or what else the trigger asks for; some services answer 404 when the \
                     account may not manage webhooks there (GitHub wants admin:repo_hook).",
                ),
                400 | 422 => Some(
                    "The service understood the request but not its values. Its answer below says which; many services \
                     also refuse a callback URL that they cannot reach from the internet.",
                ),
                429 => Some("The service wants fewer requests. Wait a little, then try again."),
                500..=599 => Some("The service has a problem of its own. Try again later."),
                _ => None,
            };
            Some(Refusal {
                code: "webhook_refused".into(),
                message: format!("The service answered {status}{} to {}.", reason(*status), request()).into(),
                hint: hint.map(Into::into),
            })
        }
        // There was no request: something of the flow, its connector or its connection forbids it.
        Outcome::NoReply { message, .. } if !was_sent(performed) => Some(Refusal {
            code: "webhook_refused".into(),
            message: message.clone(),
            hint: Some("Nothing was sent. Mend what the message says, then try again.".into()),
        }),
        Outcome::NoReply { code, message, .. } => Some(Refusal {
            code: "service_unreachable".into(),
            message: format!("No answer to {}: {message} ({code}).", request()).into(),
            hint: Some("Check the connector's host and that this server may reach it, then try again.".into()),
        }),
    }
}

fn was_sent(performed: &Performed) -> bool {
    performed.request.get("uri").and_then(Value::as_str).is_some_and(|uri| !uri.is_empty())
}

/// The words that belong to a status, after a space; nothing for statuses that people hardly meet.
const fn reason(status: u16) -> &'static str {
    match status {
        400 => " Bad Request",
        401 => " Unauthorized",
        403 => " Forbidden",
        404 => " Not Found",
        405 => " Method Not Allowed",
        409 => " Conflict",
        410 => " Gone",
        422 => " Unprocessable Content",
        429 => " Too Many Requests",
        500 => " Internal Server Error",
        502 => " Bad Gateway",
        503 => " Service Unavailable",
        504 => " Gateway Timeout",
        _ => "",
    }
}
