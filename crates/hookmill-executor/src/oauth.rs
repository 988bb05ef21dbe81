//! Tokens of Microsoft's directory for its services: asked for with a client's secret, kept until they expire.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hookmill_http::Client;

use crate::refusal::Refusal;
use crate::token::{self, TokenGrant, TokenRequest};

/// How long a token holds that does not say so.
const LIFETIME_UNSAID: Duration = Duration::from_secs(480);
/// How many clients' tokens are kept.
const TOKENS_KEPT: usize = 256;

/// Whose token is wanted, for what.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DirectoryClient {
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
    places: Mutex<BTreeMap<DirectoryClient, Place>>,
}

impl Tokens {
    /// A token that holds.
    pub async fn get(&self, client: &Client, wanted: &DirectoryClient, timeout: Duration) -> Result<String, Refusal> {
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
    pub fn forget(&self, wanted: &DirectoryClient) {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).remove(wanted);
    }

    fn place(&self, wanted: &DirectoryClient) -> Place {
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

async fn ask(client: &Client, wanted: &DirectoryClient, timeout: Duration) -> Result<Token, Refusal> {
    let tenant = percent_encoding::utf8_percent_encode(&wanted.tenant, percent_encoding::NON_ALPHANUMERIC)
        .to_string()
        .replace("%2D", "-")
        .replace("%2E", ".")
        .replace("%5F", "_");
    let request = TokenRequest {
        url: format!("{}/{tenant}/oauth2/token", wanted.authority),
        client_id: wanted.client_id.clone(),
        client_secret: wanted.secret.clone(),
        grant: TokenGrant::Client { scope: String::new(), resource: wanted.audience.clone() },
        timeout,
    };
    let answer = token::ask(client, &request).await?;
    let until = Instant::now() + answer.usable_for.unwrap_or(LIFETIME_UNSAID);
    Ok(Token { text: answer.access_token, until })
}
