//! A person's consent at a service (RFC 6749, 4.1): it is asked for with a state and a challenge, and what comes back is
//! exchanged for tokens.
//!
//! What the way back needs is sealed in the connection itself, so a restart in between does no harm. Invariant: a
//! consent is taken out of there, on disk, before its code is exchanged. So each state works once, and a crash after
//! that costs a sign-in and nothing else.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hookmill_executor::{TokenGrant, TokenRefusal};
use hookmill_model::{ConnectionId, Timestamp, UserId};
use hookmill_store::{Connection, Health};

use crate::secrets::{Consent, Tokens};
use crate::{Error, Runtime};

/// The path of the address that services send people back to.
pub const REDIRECT_PATH: &str = "/oauth/callback";
/// A person has so much time to agree.
const CONSENT_WAIT: Duration = Duration::from_secs(10 * 60);
/// How much of a service's own words is told.
const WORDS_CHARS_MAX: usize = 300;

/// A consent that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentRequest {
    /// Where the person agrees.
    pub url: String,
    /// Until when the answer is taken.
    pub expires_at: Timestamp,
}

/// What the service sent the person back with (RFC 6749, 4.1.2).
#[derive(Clone, Default)]
pub struct ConsentAnswer {
    /// The state as it was sent.
    pub state: String,
    /// The code of a person who agreed.
    pub code: Option<String>,
    /// What is wrong otherwise.
    pub error: Option<String>,
    /// The same in the service's words.
    pub error_description: Option<String>,
}

/// A service's words on one line.
fn words(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(WORDS_CHARS_MAX).collect::<String>().trim().to_owned()
}

impl Runtime {
    /// Where services send people back to.
    #[must_use]
    pub fn redirect_url(&self) -> String {
        format!("{}{REDIRECT_PATH}", self.0.config.public_url)
    }

    /// Begins a sign-in; one that is under way ends.
    ///
    /// # Errors
    /// There is no such connection, its connector does not sign people in, or lacks what that needs.
    pub async fn ask_consent(&self, owner: UserId, id: ConnectionId) -> Result<ConsentRequest, Error> {
        let connection = self.owned_connection(owner, id).await?;
        let connector = self.connector(connection.connector).await?;
        let name = connector.name.to_string();
        let secrets = self.unsealed(&connection)?;
        let Some(oauth) = secrets.oauth(&connector).filter(|oauth| oauth.needs_sign_in()) else {
            return Err(Error::NotPossible(format!("Connections of \"{name}\" do not sign in at the service.")));
        };
        let missing = oauth.missing();
        if !missing.is_empty() {
            return Err(Error::OauthIncomplete { name, missing });
        }
        let random = || hookmill_vault::make_capability().map_err(|error| Error::Internal(error.to_string()));
        let (mark, verifier) = (random()?, random()?);
        let challenge = URL_SAFE_NO_PAD.encode(hookmill_vault::hash_token(&verifier));
        let (redirect_url, expires_at) = (self.redirect_url(), self.now().plus(CONSENT_WAIT));
        let state = format!("{id}.{}", *mark);
        let url = oauth.consent_url(&redirect_url, &state, &challenge);
        let url = url.ok_or_else(|| Error::OauthIncomplete { name, missing: vec!["authorization URL"] })?;
        let consent =
            Consent { mark: mark.to_string(), verifier: verifier.to_string(), redirect_url, until: expires_at };
        self.change_connection(owner, id, |connection, secrets| {
            secrets.consent = Some(consent.clone());
            if connection.health == Health::Unknown {
                // How the sign-in before ended does not matter any more.
                connection.health_detail = None;
            }
            Ok(())
        })
        .await?;
        Ok(ConsentRequest { url, expires_at })
    }

    /// Takes what the service sent the person back with, and exchanges it for tokens.
    ///
    /// # Errors
    /// The state is not that of a sign-in of this person which is under way, or the service gave no token.
    pub async fn take_consent(&self, owner: UserId, answer: ConsentAnswer) -> Result<Connection, Error> {
        let own = self.clone();
        // A page that is closed meanwhile must not lose tokens that the service has given.
        let taken = tokio::spawn(async move { own.exchange_consent(owner, answer).await });
        taken.await.map_err(|error| Error::Internal(error.to_string()))?
    }

    async fn exchange_consent(&self, owner: UserId, answer: ConsentAnswer) -> Result<Connection, Error> {
        let (id, mark) = answer.state.split_once('.').ok_or(Error::ConsentUnknown)?;
        let id: ConnectionId = id.parse().map_err(|_| Error::ConsentUnknown)?;
        let now = self.now();
        let taken = self.change_connection(owner, id, |_, secrets| {
            let is_meant = |consent: &Consent| hookmill_vault::same(consent.mark.as_bytes(), mark.as_bytes());
            let consent = secrets.consent.take().filter(is_meant).ok_or(Error::ConsentUnknown)?;
            if consent.until <= now { Err(Error::ConsentExpired) } else { Ok(consent) }
        });
        let (connection, consent) = match taken.await {
            Err(Error::NotFound { .. }) => return Err(Error::ConsentUnknown),
            taken => taken?,
        };
        match self.exchange(&connection, consent, answer).await {
            Ok(connection) => Ok(connection),
            Err(error) => {
                // Whoever waits for the sign-in learns how it ended; a connection that works goes on.
                let detail = error.sentence();
                self.change_connection(owner, id, |connection, secrets| {
                    if secrets.tokens.is_none() {
                        connection.health_detail = Some(detail.clone());
                    }
                    Ok(())
                })
                .await?;
                Err(error)
            }
        }
    }

    async fn exchange(
        &self,
        connection: &Connection,
        consent: Consent,
        answer: ConsentAnswer,
    ) -> Result<Connection, Error> {
        let name = connection.name.clone();
        if let Some(error) = answer.error.as_deref().map(words).filter(|error| !error.is_empty()) {
            let said = answer.error_description.as_deref().map(words).unwrap_or_default();
            return Err(match error.as_str() {
                "access_denied" => Error::ConsentDenied { name },
                _ => Error::ConsentRefused { name, said: [error, said].join(" ").trim().to_owned() },
            });
        }
        let code = answer.code.filter(|code| !code.is_empty());
        let code = code.ok_or_else(|| Error::ConsentRefused { name: name.clone(), said: "no code".to_owned() })?;
        let connector = self.connector(connection.connector).await?;
        let secrets = self.unsealed(connection)?;
        let Some(oauth) = secrets.oauth(&connector) else { return Err(Error::ConsentUnknown) };
        let grant = TokenGrant::Code { code, redirect_url: consent.redirect_url, verifier: consent.verifier };
        // A renewal with the tokens of before must not come after.
        let _alone = self.renewal(connection.id).await;
        match self.ask(connection.connector, &oauth, &secrets, grant).await? {
            Ok(answer) => {
                let now = self.now();
                let destination = self.destination(connection.connector).await?;
                self.change_connection(connection.owner, connection.id, |_, secrets| {
                    secrets.bind(destination.clone());
                    Ok(())
                })
                .await?;
                self.keep(connection, Tokens { signed_in_at: Some(now), ..Tokens::of(answer, now, None) }).await?;
                self.owned_connection(connection.owner, connection.id).await
            }
            Err(TokenRefusal { retryable: true, message, .. }) => Err(Error::TokenUnavailable { name, message }),
            Err(TokenRefusal { message, .. }) => Err(Error::TokenRefused { name, message }),
        }
    }
}
