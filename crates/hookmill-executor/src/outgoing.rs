//! A call through a connection, as a connector planned it.

use std::fmt;
use std::time::Duration;

use hookmill_http::{HeaderName, HeaderValue, Redactor, Request};
use hookmill_model::{Str, Value};

use crate::exchange::Prepared;
use crate::refusal::Refusal;
use crate::{CallContext, body, http_action};

/// A request with its credentials already in place.
#[derive(Clone, Default, PartialEq)]
pub struct Outgoing {
    /// In any case.
    pub method: Str,
    /// Absolute, with its query.
    pub url: Str,
    /// Names and texts; repeated names are sent one after the other.
    pub headers: Vec<(Str, Str)>,
    /// `Null` for none. Text is sent as it is, content objects as their bytes, `$multipart` and `$formdata` put
    /// together, all else as JSON; a `Content-Type` among the headers wins over the body's own.
    pub body: Value,
    /// Headers that carry credentials: shown without their values, left out where a reply leads to another origin.
    pub secret_headers: Vec<Str>,
    /// Query parameters whose values are never shown.
    pub secret_queries: Vec<Str>,
    /// Texts that must not be seen, wherever they stand in the request or come back in the answer.
    pub secrets: Vec<Str>,
    /// The longest time to the complete answer.
    pub timeout: Duration,
}

impl fmt::Debug for Outgoing {
    /// Without query, headers' values, body and secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("method", &self.method)
            .field("url", &self.url.split(['?', '#']).next().unwrap_or_default())
            .field("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Outgoing {
    pub(crate) fn prepare(&self, context: &CallContext<'_>) -> Result<Prepared, Refusal> {
        let method = http_action::method(&self.method)?;
        let mut request = Request::new(method.clone(), self.url.trim()).with_timeout(self.timeout);
        request.secret_headers =
            self.secret_headers.iter().filter_map(|name| name.parse::<HeaderName>().ok()).collect();
        for (name, text) in &self.headers {
            let Ok(own) = name.trim().parse::<HeaderName>() else {
                return Err(Refusal::bad_request(format!("\"{name}\" is not a name of a header")));
            };
            let mut value: HeaderValue = http_action::header_value(name, text)?;
            value.set_sensitive(request.secret_headers.contains(&own));
            request.headers.append(own, value);
        }
        if let Some(encoded) =
            body::encode(&self.body, crate::http_action::media_type(&request.headers).as_deref(), &context.seed())?
        {
            http_action::put_content_type(&mut request.headers, &encoded.content_type)?;
            request.body = encoded.bytes.into();
        }
        request.redirects = http_action::redirects(&method);
        http_action::add_run_headers(&mut request, context);
        Ok(Prepared {
            request,
            body: self.body.clone(),
            redactor: Redactor::new(self.secrets.iter().map(|secret| ("connection", &**secret))),
            of_run: context.redactor(),
            chunks: None,
            secret_queries: self.secret_queries.iter().map(|name| name.to_string()).collect(),
        })
    }
}
