//! Tokens of Microsoft's directory for its services: asked for with a client's secret, kept until they expire.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hookmill_expression::content;
use hookmill_http::{Client, HeaderValue, Method, Request, header};
use hookmill_model::Value;

use crate::body::form_text;
use crate::refusal::Refusal;

/// A token is not used in its last moments: it must still hold when the request arrives.
const MARGIN: Duration = Duration::from_secs(120);
/// How long a token holds that does not say so.
const LIFETIME_UNSAID: Duration = Duration::from_secs(600);
/// How many clients' tokens are kept.
const TOKENS_KEPT: usize = 256;
/// The largest answer with a token.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Whose token is wanted, for what.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TokenRequest {
    pub authority: String,
    pub tenant: String,
    pub audience: String,
    pub client_id: String,
    pub secret: String,
}

struct Token {
    text: String,
    until: Instant,
}

/// One place per client: whoever comes second waits for the token that is being asked for.
type Place = Arc<tokio::sync::Mutex<Option<Token>>>;

/// The tokens that still hold. In memory only.
#[derive(Default)]
pub(crate) struct Tokens {
    places: Mutex<BTreeMap<TokenRequest, Place>>,
}

impl Tokens {
    /// A token that holds.
    pub async fn get(&self, client: &Client, wanted: &TokenRequest, timeout: Duration) -> Result<String, Refusal> {
        let place = self.place(wanted);
        let mut kept = place.lock().await;
        if let Some(token) = kept.as_ref().filter(|token| token.until > Instant::now()) {
            return Ok(token.text.clone());
        }
        let token = Box::pin(ask(client, wanted, timeout)).await?;
        let text = token.text.clone();
        *kept = Some(token);
        Ok(text)
    }

    /// Forgets a token that the service refused.
    pub fn forget(&self, wanted: &TokenRequest) {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).remove(wanted);
    }

    fn place(&self, wanted: &TokenRequest) -> Place {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = places.get(wanted) {
            return Arc::clone(known);
        }
        if places.len() >= TOKENS_KEPT {
            // Rare; the tokens in use are asked for again.
            places.clear();
        }
        Arc::clone(places.entry(wanted.clone()).or_default())
    }
}

async fn ask(client: &Client, wanted: &TokenRequest, timeout: Duration) -> Result<Token, Refusal> {
    let tenant = percent_encoding::utf8_percent_encode(&wanted.tenant, percent_encoding::NON_ALPHANUMERIC)
        .to_string()
        .replace("%2D", "-")
        .replace("%2E", ".")
        .replace("%5F", "_");
    let address = format!("{}/{tenant}/oauth2/token", wanted.authority);
    let form = form_text([
        ("grant_type", "client_credentials"),
        ("client_id", &wanted.client_id),
        ("client_secret", &wanted.secret),
        ("resource", &wanted.audience),
    ]);
    let mut request = Request::new(Method::POST, address)
        .with_header(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))
        .with_header(header::ACCEPT, HeaderValue::from_static("application/json"))
        .with_body(form)
        .with_timeout(timeout);
    request.response_bytes_max = Some(ANSWER_BYTES_MAX);
    let asked = Instant::now();
    let response = client.send(request).await.map_err(|error| {
        let refusal = Refusal::from(error);
        // The action's own request was not sent, whatever became of this one.
        Refusal { message: format!("No token: {}", refusal.message), maybe_sent: false, ..refusal }
    })?;
    let status = response.status;
    let answer = Value::from_json(&response.body).unwrap_or_default();
    let text = |name: &str| answer.get(name).map(content::to_text).unwrap_or_default();
    let token = text("access_token");
    if !status.is_success() || token.is_empty() {
        let reason: String = [text("error"), text("error_description")].join(" ").trim().chars().take(500).collect();
        return Err(Refusal {
            retryable: status.is_server_error() || status.as_u16() == 429,
            ..Refusal::new(
                "Unauthorized",
                format!("{} gave no token: it answered {} {reason}", wanted.authority, status.as_u16()),
            )
        });
    }
    // Some directories write the seconds as text.
    let lifetime = text("expires_in").parse().map_or(LIFETIME_UNSAID, Duration::from_secs);
    Ok(Token {
        text: token.to_string(),
        until: asked + lifetime.saturating_sub(MARGIN).min(Duration::from_secs(86_400)),
    })
}
