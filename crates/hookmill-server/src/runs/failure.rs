//! Why an action failed, in words, and what to try.

use hookmill_engine::history::ActionRun;
use hookmill_engine::refusal;
use hookmill_model::{ActionStatus, Value};

use crate::schema::Explained;

/// Why an action run failed; the answer of a service is put into words where the engine has none.
pub(super) fn explained(run: &ActionRun) -> Option<Explained> {
    if let Some(error) = &run.error {
        let hint = hint(&error.code).or_else(|| run.attempts.last()?.status.and_then(status_hint));
        return Some(Explained {
            code: error.code.to_string(),
            message: error.message.to_string(),
            hint: hint.map(ToOwned::to_owned),
        });
    }
    if !matches!(run.status, ActionStatus::Failed | ActionStatus::TimedOut) {
        return None;
    }
    let last = run.attempts.last()?;
    let status = last.status.filter(|status| *status >= 400)?;
    let text = |name: &str| last.request.get(name).and_then(Value::as_str);
    let reason = http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let asked = match (text("method"), text("uri")) {
        (Some(method), Some(uri)) => format!(" to {method} {}", uri.split(['?', '#']).next().unwrap_or(uri)),
        _ => String::new(),
    };
    // `500 pool exhausted`: the status is said already.
    let own = run.outputs.as_ref().and_then(refusal);
    let said = own
        .as_deref()
        .and_then(|words| words.split_once(' '))
        .map_or_else(String::new, |(_, words)| format!(" It says: {words}"));
    let tried = if run.attempts.len() > 1 { format!(" (attempt {})", run.attempts.len()) } else { String::new() };
    Some(Explained {
        code: run.code.as_ref().map_or_else(|| status.to_string(), ToString::to_string),
        message: format!("The service answered {status} {}{asked}{tried}.", reason.unwrap_or_default())
            .replace("  ", " ")
            + &said,
        hint: status_hint(status).map(ToOwned::to_owned),
    })
}

/// What to try after an answer of a service.
const fn status_hint(status: u16) -> Option<&'static str> {
    match status {
        400 | 422 => {
            Some("The answer says what the service did not take. Compare it with the inputs, and change the action.")
        }
        401 => Some("The service does not know the credentials. Repair the connection, then resume the run."),
        403 => Some(
            "The credentials are known, but may not do this. Check what the account or token may do, then resume the run.",
        ),
        404 | 410 => Some(
            "Check the address and the names in it. Some services answer 404 when the account may not see what is there.",
        ),
        405 => Some("The address takes other methods. Check the method and the address."),
        408 | 425 | 429 => Some(
            "The service asks for patience. A retry policy with longer intervals, or fewer runs at once, helps; then resume \
             the run.",
        ),
        409 | 412 => Some("What was to be changed is in another state than the action expects. The answer says which."),
        413 => Some("The service takes no inputs this large. Send less, or in parts."),
        500..=599 => Some(
            "The failure is the service's own. Resume the run when the service is well again; a retry policy with more \
             attempts helps over short failures.",
        ),
        _ => None,
    }
}

/// What to try after a failure of the engine's own.
fn hint(code: &str) -> Option<&'static str> {
    Some(match code {
        "InvalidTemplate" | "ExpressionEvaluationFailed" => {
            "Look at the outputs that the expression reads: a value may be missing there. Names that may be missing are read \
             with ?['name']."
        }
        "ActionFailed" => "Look at the actions inside: the first that failed says why.",
        "ActionTimedOut" => {
            "The action took longer than its timeout. Give it more time in its settings, or ask for less."
        }
        "WorkflowRunTimedOut" => {
            "The run took longer than runs may. What waits for long belongs into a flow of its own."
        }
        "ActionResultsSizeLimitExceeded" | "VariableSizeLimitExceeded" => {
            "Ask for less at a time, by page or by filter, or let the operator raise the limit."
        }
        "WorkflowRunActionRepetitionQuotaExceeded" => "Filter the list before the loop, or split it over several runs.",
        "WorkflowRunActionUntilLimitInvalid" => "Check the condition of the loop, or raise its count.",
        "GatewayTimeout" | "RequestTimeout" => {
            "The service did not answer in time. Resume the run when it is well again, or let it answer later (202 and \
             a Location)."
        }
        "WorkflowNotFound" => "The flow that was called is deleted or renamed. Choose it again in the action.",
        "ApiOperationNotFound" => "The connector has no such operation any more. Choose another one in the action.",
        "InlineScriptFailed" => "The message is that of the script. Try it with the inputs shown here.",
        "MailNotSent" => "Check the mail server under Settings → Server.",
        _ => return None,
    })
}
