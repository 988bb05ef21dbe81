//! A call through a connection, as a connector planned it, ready to be sent.

use std::sync::Arc;
use std::time::Duration;

use hookmill_connector::PlannedRequest;
use hookmill_http::{HeaderName, HeaderValue, Redactor, Request};
use hookmill_model::Value;

use crate::exchange::Prepared;
use crate::refusal::Refusal;
use crate::{CallContext, body, http_action};

/// Turns a planned request into one that can be sent. `timeout` is the longest time to the complete answer.
pub(crate) fn prepare(
    planned: &PlannedRequest,
    timeout: Duration,
    context: &CallContext<'_>,
) -> Result<Prepared, Refusal> {
    let method = http_action::method(&planned.method)?;
    let mut request = Request::new(method.clone(), planned.url.trim()).with_timeout(timeout);
    request.secret_headers = planned.secret_headers.iter().filter_map(|name| name.parse::<HeaderName>().ok()).collect();
    for (name, text) in &planned.headers {
        let Ok(own) = name.trim().parse::<HeaderName>() else {
            return Err(Refusal::bad_request(format!("\"{name}\" is not a name of a header")));
        };
        let mut value: HeaderValue = http_action::header_value(name, text)?;
        value.set_sensitive(request.secret_headers.contains(&own));
        request.headers.append(own, value);
    }
    let media_type = http_action::media_type(&request.headers);
    if let Some(encoded) = body::encode(&planned.body, media_type.as_deref(), &context.seed())? {
        http_action::put_content_type(&mut request.headers, &encoded.content_type)?;
        request.body = encoded.bytes.into();
    }
    request.redirects = http_action::redirects(&method);
    http_action::add_run_headers(&mut request, context);
    Ok(Prepared {
        request,
        body: planned.body.clone(),
        redactor: Redactor::new(planned.secrets.iter().map(|secret| ("connection", &**secret))),
        of_run: context.redactor(),
        chunks: None,
        secret_queries: planned.secret_queries.iter().map(|name| name.to_string()).collect(),
        answer: Some(Arc::clone(&planned.answer)),
    })
}

/// A planned request as people may see it: `{method, uri, headers, body}` without secrets.
///
/// # Errors
/// Why it could not be sent.
pub fn preview(planned: &PlannedRequest) -> Result<Value, String> {
    let prepared = prepare(planned, Duration::from_secs(1), &CallContext::outside_runs());
    prepared.map(|prepared| prepared.shown()).map_err(|refusal| refusal.message)
}
