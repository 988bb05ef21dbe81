//! The token endpoint of an authorization server (RFC 6749): the one place where codes, refresh tokens and clients'
//! secrets become access tokens. Nothing is kept here.
//!
//! Services differ from the standard, so the answer is read generously: refusals with status 200, seconds as text, forms
//! instead of JSON. Nothing secret gets into a message.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookmill_expression::content;
use hookmill_http::{Client, HeaderValue, Method, Redactor, Request, Url, header};
use hookmill_model::Value;

use crate::body::form_text;
use crate::refusal::Refusal;

/// A token is not used in its last moments: it must still hold when the request arrives.
const MARGIN: Duration = Duration::from_secs(120);
/// The longest time that a token counts as good.
const LIFETIME_MAX: Duration = Duration::from_secs(365 * 86_400);
/// The largest answer with a token.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// How much of a server's words is told.
const REASON_CHARS_MAX: usize = 500;

/// What is given for the token.
#[derive(Clone, PartialEq, Eq)]
pub enum TokenGrant {
    /// The code that a person's consent brought.
    Code {
        /// The code.
        code: String,
        /// The redirect URL that the consent was asked with.
        redirect_url: String,
        /// What the challenge was made from (RFC 7636).
        verifier: String,
    },
    /// The refresh token of an earlier answer.
    Refresh {
        /// The token.
        token: String,
    },
    /// The client itself.
    Client {
        /// What is asked for; empty for what the server gives by itself.
        scope: String,
        /// The audience, as the first version of Microsoft's directory names it; empty for none.
        resource: String,
    },
}

/// One question to a token endpoint.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// The address of the endpoint.
    pub url: String,
    /// Who asks.
    pub client_id: String,
    /// How it proves that; empty for a client without a secret.
    pub client_secret: String,
    /// What is given for the token.
    pub grant: TokenGrant,
    /// The longest time to the answer.
    pub timeout: Duration,
}

/// A token and what was said about it.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenAnswer {
    /// What requests carry.
    pub access_token: String,
    /// What the next token is asked for with, where the server gave one.
    pub refresh_token: Option<String>,
    /// For how long it may be used, with a margin for the way; `None` where the server does not say.
    pub usable_for: Option<Duration>,
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRefusal {
    /// The server's name for it (RFC 6749, 5.2), such as `invalid_grant`; empty where there was no such answer.
    pub error: String,
    /// In words, without secrets.
    pub message: String,
    /// Whether another try may bring one.
    pub retryable: bool,
}

impl TokenRefusal {
    /// Whether the server does not know the client: its id or secret is wrong, and signing in again would not help.
    #[must_use]
    pub fn is_about_client(&self) -> bool {
        matches!(self.error.as_str(), "invalid_client" | "unauthorized_client" | "incorrect_client_credentials")
    }
}

impl From<TokenRefusal> for Refusal {
    fn from(refusal: TokenRefusal) -> Self {
        // The action's own request was not sent, whatever became of this one.
        Self { retryable: refusal.retryable, ..Self::new("Unauthorized", refusal.message) }
    }
}

/// Where the client's id and secret stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Proof {
    Body,
    Header,
}

/// Asks once; a server that wants the client's secret in the header is asked again that way.
pub(crate) async fn ask(client: &Client, wanted: &TokenRequest) -> Result<TokenAnswer, TokenRefusal> {
    match ask_with(client, wanted, Proof::Body).await {
        Err(refusal)
            if refusal.error == "invalid_client" && !wanted.client_secret.is_empty() && wanted.tries_both() =>
        {
            ask_with(client, wanted, Proof::Header).await
        }
        answered => answered,
    }
}

impl TokenRequest {
    /// Microsoft's directory, which alone has the parameter `resource`, wants the secret in the body.
    fn tries_both(&self) -> bool {
        !matches!(&self.grant, TokenGrant::Client { resource, .. } if !resource.is_empty())
    }

    fn form(&self, proof: Proof) -> String {
        let mut pairs: Vec<(&str, &str)> = Vec::with_capacity(6);
        let kind = match &self.grant {
            TokenGrant::Code { .. } => "authorization_code",
            TokenGrant::Refresh { .. } => "refresh_token",
            TokenGrant::Client { .. } => "client_credentials",
        };
        pairs.push(("grant_type", kind));
        if proof == Proof::Body {
            pairs.push(("client_id", &self.client_id));
            if !self.client_secret.is_empty() {
                pairs.push(("client_secret", &self.client_secret));
            }
        }
        match &self.grant {
            TokenGrant::Code { code, redirect_url, verifier } => {
                pairs.extend([("code", &**code), ("redirect_uri", redirect_url), ("code_verifier", verifier)]);
            }
            TokenGrant::Refresh { token } => pairs.push(("refresh_token", token)),
            TokenGrant::Client { scope, resource } => {
                pairs.extend(
                    [("scope", &**scope), ("resource", resource)].into_iter().filter(|(_, own)| !own.is_empty()),
                );
            }
        }
        form_text(pairs)
    }

    fn redactor(&self) -> Redactor {
        let mut secrets = vec![self.client_secret.as_str()];
        match &self.grant {
            TokenGrant::Code { code, verifier, .. } => secrets.extend([code.as_str(), verifier]),
            TokenGrant::Refresh { token } => secrets.push(token),
            TokenGrant::Client { .. } => {}
        }
        Redactor::new(secrets.into_iter().map(|secret| ("token request", secret)))
    }
}

async fn ask_with(client: &Client, wanted: &TokenRequest, proof: Proof) -> Result<TokenAnswer, TokenRefusal> {
    let mut request = Request::new(Method::POST, wanted.url.trim())
        .with_header(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))
        .with_header(header::ACCEPT, HeaderValue::from_static("application/json"))
        .with_body(wanted.form(proof))
        .with_timeout(wanted.timeout);
    if proof == Proof::Header {
        let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encoded(&wanted.client_id), encoded(&wanted.client_secret));
        if let Ok(mut value) = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(pair))) {
            value.set_sensitive(true);
            request = request.with_header(header::AUTHORIZATION, value);
        }
    }
    request.response_bytes_max = Some(ANSWER_BYTES_MAX);
    let redactor = wanted.redactor();
    let response = client.send(request).await.map_err(|error| {
        let refusal = Refusal::from(error);
        let message = redactor.text(&format!("no token: {}", refusal.message)).into_owned();
        TokenRefusal { error: String::new(), message, retryable: refusal.retryable }
    })?;
    let status = response.status;
    let answer = read(&response.body);
    let text = |name: &str| answer.get(name).map(content::to_text).unwrap_or_default();
    let token = text("access_token");
    let error = text("error");
    if !status.is_success() || token.is_empty() || !error.is_empty() {
        let reason = [&*error, &*text("error_description")].join(" ");
        let reason: String =
            reason.trim().chars().filter(|letter| !letter.is_control()).take(REASON_CHARS_MAX).collect();
        let reason = if reason.is_empty() && status.is_success() { "without an access token" } else { &reason };
        let message = format!("{} gave no token: it answered {} {reason}", origin(&wanted.url), status.as_u16());
        let unsure = error.is_empty() || matches!(&*error, "server_error" | "temporarily_unavailable");
        let error = match &*error {
            "" if status.as_u16() == 401 => "invalid_client".to_owned(),
            named => named.chars().filter(|letter| !letter.is_control()).take(80).collect(),
        };
        return Err(TokenRefusal {
            error,
            message: redactor.text(message.trim_end()).into_owned(),
            retryable: status.as_u16() == 429 || (status.is_server_error() && unsure),
        });
    }
    let refresh_token = Some(text("refresh_token").to_string()).filter(|token| !token.is_empty());
    // Some servers write the seconds as text, or with a fraction.
    let lifetime = text("expires_in").split('.').next().and_then(|seconds| seconds.trim().parse().ok());
    let lifetime =
        lifetime.filter(|seconds| *seconds > 0).map(|seconds| Duration::from_secs(seconds).min(LIFETIME_MAX));
    Ok(TokenAnswer {
        access_token: token.to_string(),
        refresh_token,
        // Of a short life, not all may be margin.
        usable_for: lifetime.map(|lifetime| lifetime - MARGIN.min(lifetime / 4) - response.elapsed.min(lifetime / 4)),
    })
}

/// The members of an answer: JSON, or a form as some services write it.
fn read(body: &[u8]) -> Value {
    match Value::from_json(body) {
        Ok(value) => value,
        Err(_) => Value::object(
            url::form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), value.into_owned())),
        ),
    }
}

/// Scheme, host and port.
fn origin(address: &str) -> String {
    Url::parse(address.trim()).map_or_else(|_| address.to_owned(), |url| url.origin().ascii_serialization())
}
