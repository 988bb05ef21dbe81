//! Spans in the form of OTLP.

use hookmill_model::RunStatus;
use hookmill_runtime::{Span, SpanOf};
use serde_json::{Value, json};

use super::{attribute, nanos, scope};

/// Kinds of spans, as OTLP counts them.
const INTERNAL: u8 = 1;
const CLIENT: u8 = 3;
const CONSUMER: u8 = 5;
/// The status of what failed.
const ERROR: u8 = 2;

/// The body of a request with spans.
pub fn request(resource: &Value, spans: &[Span]) -> Value {
    let spans: Vec<_> = spans.iter().map(written).collect();
    json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope(), "spans": spans}]}]})
}

fn written(span: &Span) -> Value {
    let mut attributes = vec![attribute("hookmill.flow", &span.flow), attribute("hookmill.run", &span.run.to_string())];
    let (name, kind, problem) = match &span.of {
        SpanOf::Run { status } => {
            attributes.push(attribute("hookmill.status", status.as_str()));
            let failed = matches!(status, RunStatus::Failed | RunStatus::TimedOut | RunStatus::Faulted);
            let kind = if span.parent.is_some() { CONSUMER } else { INTERNAL };
            (format!("run {}", span.flow), kind, failed.then(|| status.as_str().to_owned()))
        }
        SpanOf::Request { action, attempt, host, status, error } => {
            attributes.push(attribute("hookmill.action", action));
            attributes.push(number("hookmill.attempt", *attempt));
            if let Some(host) = host {
                let (name, port) = parted(host);
                attributes.push(attribute("server.address", name));
                attributes.extend(port.map(|port| number("server.port", port)));
            }
            attributes.extend(status.map(|status| number("http.response.status_code", status)));
            let problem = error.clone().or_else(|| status.filter(|status| *status >= 400).map(|one| one.to_string()));
            attributes.extend(problem.as_ref().map(|problem| attribute("error.type", problem)));
            (action.clone(), if host.is_some() { CLIENT } else { INTERNAL }, problem)
        }
    };
    let mut written = json!({
        "traceId": span.trace, "spanId": span.id, "name": name, "kind": kind,
        "startTimeUnixNano": nanos(span.begun), "endTimeUnixNano": nanos(span.ended), "attributes": attributes,
    });
    if let Some(parent) = &span.parent {
        written["parentSpanId"] = json!(parent);
    }
    if let Some(state) = &span.state {
        written["traceState"] = json!(state);
    }
    if let Some(problem) = problem {
        written["status"] = json!({"code": ERROR, "message": problem});
    }
    written
}

fn number(key: &str, value: impl Into<u64>) -> Value {
    json!({"key": key, "value": {"intValue": value.into().to_string()}})
}

/// Host and port.
fn parted(host: &str) -> (&str, Option<u16>) {
    match host.rsplit_once(':') {
        Some((name, port)) => port.parse().map_or((host, None), |port| (name, Some(port))),
        None => (host, None),
    }
}
