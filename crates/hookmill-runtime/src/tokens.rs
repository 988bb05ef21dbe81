//! Tokens of connections: one that holds for each call, renewed before it ends and when the service refuses it.
//!
//! Invariants: of one connection one renewal is under way at a time, and whoever comes second uses its token. A new
//! token is on disk before it is used, since an authorization server may have ended the old refresh token by then. A
//! renewal that was begun is finished, even if the call that wanted it is given up.

use std::sync::Arc;
use std::time::Duration;

use hookmill_connector::{Grant, Lookup, Oauth2, Plan, PlannedRequest};
use hookmill_engine::{Outcome, Performed};
use hookmill_executor::{CallContext, TokenAnswer, TokenGrant, TokenRefusal, TokenRequest};
use hookmill_model::{ConnectionId, ConnectorId, Explain as _, Timestamp, UserId, Value};
use hookmill_store::{Connection, Connector, Health};

use crate::plans::Bound;
use crate::secrets::{Secrets, Tokens};
use crate::{Error, Runtime, locked};

/// The longest time to an authorization server's answer.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// A renewal has the connection for itself for so long, across all nodes: longer than it takes.
const RENEWAL_HELD: Duration = Duration::from_secs(45);
/// How often a renewal looks whether that of another node is over.
const RENEWAL_LOOK: Duration = Duration::from_millis(100);

impl Tokens {
    pub(crate) fn of(answer: TokenAnswer, now: Timestamp, before: Option<&Self>) -> Self {
        Self {
            access_token: answer.access_token,
            // A server that does not rotate refresh tokens leaves them out.
            refresh_token: answer.refresh_token.or_else(|| before.and_then(|before| before.refresh_token.clone())),
            usable_until: answer.usable_for.map(|span| now.plus(span)),
            signed_in_at: before.and_then(|before| before.signed_in_at),
        }
    }

    /// Whether it can be used, as far as anybody knows.
    fn holds(&self, now: Timestamp, refused: Option<&str>) -> bool {
        refused != Some(self.access_token.as_str()) && self.usable_until.is_none_or(|until| until > now)
    }
}

/// The tokens that can be used now.
fn good<'a>(secrets: &'a Secrets, now: Timestamp, refused: Option<&str>) -> Option<&'a Tokens> {
    secrets.tokens.as_ref().filter(|tokens| tokens.holds(now, refused))
}

/// No other token of a connection is asked for, by any node, until this is dropped.
pub(crate) struct Renewal {
    runtime: Runtime,
    name: String,
    _own: tokio::sync::OwnedMutexGuard<()>,
}

impl Drop for Renewal {
    fn drop(&mut self) {
        if !self.runtime.0.shards.is_alone() {
            let (runtime, name) = (self.runtime.clone(), std::mem::take(&mut self.name));
            // Should it not be given back, it is free when its time is over.
            tokio::spawn(async move { runtime.0.store.give_back(&name).await });
        }
    }
}

/// Why a call was not made, as its outcome.
pub(crate) fn not_made(error: &Error) -> Performed {
    let (code, retryable) = match error {
        Error::Inputs(_) => ("BadRequest", false),
        Error::TokenUnavailable { .. } => ("GatewayTimeout", true),
        Error::Store(_) => ("InternalServerError", true),
        _ => ("InvalidConnection", false),
    };
    let said = error.sentence();
    let message = error.hint().map_or_else(|| said.clone(), |hint| format!("{said} {hint}"));
    let maybe_sent = matches!(error, Error::Store(_));
    let outcome = Outcome::NoReply { code: code.into(), message: message.into(), maybe_sent, retryable };
    Performed { outcome, request: Value::Null }
}

/// The calls before a request are part of its history, under `before`.
fn with_lookups(mut performed: Performed, exchanges: Vec<Value>) -> Performed {
    if let Some(members) = performed.request.as_object_mut().filter(|_| !exchanges.is_empty()) {
        members.insert("before", Value::array(exchanges));
    }
    performed
}

impl Runtime {
    fn connection_lock(&self, id: ConnectionId) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(locked(&self.0.renewals).entry(id).or_default())
    }

    /// Waits until no token of the connection is being asked for; none will be while the guard lives.
    pub(crate) async fn renewal(&self, id: ConnectionId) -> Renewal {
        let own = self.connection_lock(id).lock_owned().await;
        let name = format!("token/{id}");
        if !self.0.shards.is_alone() {
            // Of all nodes one asks. Where the store does not say, the renewal that follows reads and writes it, too.
            let until = tokio::time::Instant::now() + RENEWAL_HELD;
            while let Ok(false) = self.0.store.hold(&name, RENEWAL_HELD).await {
                if tokio::time::Instant::now() > until {
                    break;
                }
                tokio::time::sleep(RENEWAL_LOOK).await;
            }
        }
        Renewal { runtime: self.clone(), name, _own: own }
    }

    /// Sends a call through a connection. A token that the service refuses is renewed once, and the call made again.
    ///
    /// # Errors
    /// The request cannot be planned.
    pub(crate) async fn send_through<E>(
        &self,
        bound: &Bound,
        timeout: Duration,
        context: &CallContext<'_>,
        plan: impl Fn(&Bound, &[Lookup]) -> Result<Plan, E> + Send,
    ) -> Result<Performed, E> {
        let (planned, before) = self.after_lookups(bound, timeout, &plan).await?;
        // A call that leads away from the connector's own origin carries no token.
        let is_signed = planned.secret_headers.iter().any(|name| name.eq_ignore_ascii_case("authorization"));
        let performed = with_lookups(self.0.executor.send(&planned, timeout, context).await, before);
        let is_refused = matches!(performed.outcome, Outcome::Replied { status: 401, .. });
        let (true, true, Some((owner, connection)), Some(held)) =
            (is_signed, is_refused, bound.signed_in, &bound.credentials)
        else {
            return Ok(performed);
        };
        match self.bound_after(owner, connection, (bound.version.as_deref(), Some(&held.access_token))).await {
            Ok(again) => {
                let (planned, before) = self.after_lookups(&again, timeout, &plan).await?;
                Ok(with_lookups(self.0.executor.send(&planned, timeout, context).await, before))
            }
            Err(error) => Ok(Performed { request: performed.request, ..not_made(&error) }),
        }
    }

    /// The request, after the calls that policies of the connector need the answers of; with those exchanges.
    async fn after_lookups<E>(
        &self,
        bound: &Bound,
        timeout: Duration,
        plan: &(impl Fn(&Bound, &[Lookup]) -> Result<Plan, E> + Send),
    ) -> Result<(PlannedRequest, Vec<Value>), E> {
        let (mut lookups, mut exchanges) = (Vec::new(), Vec::new());
        loop {
            let before = match plan(bound, &lookups)? {
                Plan::Request(planned) => return Ok((planned, exchanges)),
                Plan::Lookup(before) => before,
            };
            let performed = self.0.executor.send(&before, timeout, &CallContext::outside_runs()).await;
            let exchange = crate::exchange::exchange(&performed);
            exchanges.push(Value::object([("request", exchange.request), ("response", exchange.response)]));
            // A call without an answer fails the policy that wanted it.
            lookups.push(match performed.outcome {
                Outcome::Replied { status, body, .. } => Lookup { status, body: body.unwrap_or_default() },
                Outcome::NoReply { .. } => Lookup { status: 0, body: Value::Null },
            });
        }
    }

    /// A token of the connection that holds, and what must not be seen beside it. One that the service has refused
    /// already can be named, so that it is not given again.
    pub(crate) async fn token(
        &self,
        connection: &Connection,
        secrets: &Secrets,
        refused: Option<&str>,
    ) -> Result<(String, Vec<String>), Error> {
        let connector = self.stored_connector(connection.connector).await?;
        let hidden = vec![self.client_secret(&connector)?];
        let found = match good(secrets, self.now(), refused) {
            Some(tokens) => tokens.clone(),
            None => {
                let (own, owner, id) = (self.clone(), connection.owner, connection.id);
                let refused = refused.map(ToOwned::to_owned);
                let renewed = tokio::spawn(async move { own.renew(owner, id, refused.as_deref()).await });
                renewed.await.map_err(|error| Error::Internal(error.to_string()))??
            }
        };
        Ok((found.access_token, hidden.into_iter().chain(found.refresh_token).collect()))
    }

    async fn stored_connector(&self, id: ConnectorId) -> Result<Connector, Error> {
        self.0.store.connector(id).await?.ok_or_else(|| Error::not_found("connector", id))
    }

    async fn renew(&self, owner: UserId, id: ConnectionId, refused: Option<&str>) -> Result<Tokens, Error> {
        let _alone = self.renewal(id).await;
        let connection = self.owned_connection(owner, id).await?;
        let secrets = self.unsealed(&connection)?;
        if let Some(tokens) = good(&secrets, self.now(), refused) {
            return Ok(tokens.clone());
        }
        let connector = self.connector(connection.connector).await?;
        self.same_destination(&connection, &secrets, &connector).await?;
        let Some(oauth) = secrets.oauth(&connector) else {
            return Err(Error::NotPossible(format!("The connector \"{}\" has no tokens.", connector.name)));
        };
        let oauth = &oauth;
        let held = secrets.tokens.as_ref();
        let grant = match (oauth.grant, held.and_then(|held| held.refresh_token.clone())) {
            (Grant::ClientCredentials, _) => TokenGrant::Client { scope: oauth.scope(), resource: String::new() },
            (Grant::AuthorizationCode, Some(token)) => TokenGrant::Refresh { token },
            (Grant::AuthorizationCode, None) => return Err(self.cannot_renew(&connection, held, refused).await?),
        };
        match self.ask(connection.connector, oauth, &secrets, grant).await? {
            Ok(answer) => self.keep(&connection, Tokens::of(answer, self.now(), held)).await,
            Err(refusal) => Err(self.renewal_refused(&connection, oauth, refusal).await?),
        }
    }

    /// Puts a token on disk; after that it may be used.
    pub(crate) async fn keep(&self, connection: &Connection, tokens: Tokens) -> Result<Tokens, Error> {
        self.change_connection(connection.owner, connection.id, |connection, secrets| {
            secrets.tokens = Some(tokens.clone());
            (connection.health, connection.health_detail) = (Health::Ok, None);
            Ok(())
        })
        .await?;
        Ok(tokens)
    }

    /// Asks the authorization server of a connector, with what the owner of the connection entered for it.
    pub(crate) async fn ask(
        &self,
        connector: ConnectorId,
        oauth: &Oauth2,
        secrets: &Secrets,
        grant: TokenGrant,
    ) -> Result<Result<TokenAnswer, TokenRefusal>, Error> {
        let stored = self.stored_connector(connector).await?;
        let missing = oauth.missing();
        if !missing.is_empty() {
            return Err(Error::OauthIncomplete { name: stored.name, missing });
        }
        let url = match &grant {
            TokenGrant::Refresh { .. } => oauth.renewal_url(),
            TokenGrant::Code { .. } | TokenGrant::Client { .. } => oauth.token_url.as_deref(),
        };
        let wanted = TokenRequest {
            url: url.unwrap_or_default().to_owned(),
            client_id: oauth.client_id.trim().to_owned(),
            client_secret: match Oauth2::own_client_secret(&secrets.parameters()) {
                Some(own) => own.to_string(),
                None => self.client_secret(&stored)?,
            },
            grant,
            timeout: ANSWER_WAIT,
        };
        Ok(self.0.executor.token(&wanted).await)
    }

    /// There is nothing to renew with.
    async fn cannot_renew(
        &self,
        connection: &Connection,
        held: Option<&Tokens>,
        refused: Option<&str>,
    ) -> Result<Error, Error> {
        let reason = match (held, refused) {
            (None, _) => "nobody has signed in with it".to_owned(),
            (Some(_), Some(_)) => "the service does not accept its token any more".to_owned(),
            (Some(_), None) => "its token has ended".to_owned(),
        };
        let error = Error::SignedOut { name: connection.name.clone(), reason };
        if held.is_some() {
            self.broken(connection, &error, false).await?;
        }
        Ok(error)
    }

    async fn renewal_refused(
        &self,
        connection: &Connection,
        oauth: &Oauth2,
        refusal: TokenRefusal,
    ) -> Result<Error, Error> {
        let name = connection.name.clone();
        if refusal.retryable {
            return Ok(Error::TokenUnavailable { name, message: refusal.message });
        }
        let is_grant = oauth.needs_sign_in() && !refusal.error.is_empty() && !refusal.is_about_client();
        let error = if is_grant {
            Error::SignedOut { name, reason: refusal.message }
        } else {
            Error::TokenRefused { name, message: refusal.message }
        };
        self.broken(connection, &error, is_grant).await?;
        Ok(error)
    }

    /// Says that the connection does not work; tokens that the authorization server has ended are forgotten.
    async fn broken(&self, connection: &Connection, error: &Error, is_ended: bool) -> Result<(), Error> {
        let detail = error.sentence();
        self.change_connection(connection.owner, connection.id, |connection, secrets| {
            if is_ended {
                secrets.tokens = None;
            }
            (connection.health, connection.health_detail) = (Health::Broken, Some(detail.clone()));
            Ok(())
        })
        .await?;
        Ok(())
    }

    /// Whether a connection gets tokens, whether a person has still to sign in for them, and when one did.
    #[must_use]
    pub fn signed_in(
        &self,
        connection: &Connection,
        connector: &hookmill_connector::Connector,
    ) -> (bool, bool, Option<Timestamp>) {
        let secrets = self.unsealed(connection).unwrap_or_default();
        let Some(oauth) = connector.oauth2_of(&secrets.set) else { return (false, false, None) };
        let needs_sign_in = oauth.needs_sign_in() && secrets.tokens.is_none();
        (true, needs_sign_in, secrets.tokens.and_then(|tokens| tokens.signed_in_at))
    }

    /// Makes sure that a connection has what its calls need; for one with tokens, that it has a token.
    ///
    /// # Errors
    /// There is no connection, or no token.
    pub async fn check_credentials(&self, owner: UserId, id: ConnectionId) -> Result<(), Error> {
        self.bound(owner, id).await.map(|_| ())
    }
}
