//! What connections and connectors keep sealed: passwords and keys, tokens, the consent that is being asked for, the
//! secret of an OAuth client. It is opened only to be used.

use std::collections::BTreeMap;

use bytes::Bytes;
use hookmill_model::{ConnectionId, ConnectorId, Diagnostic, Object, Pointer, Timestamp, UserId, Value};
use hookmill_store::{Change, Connection, Connector, Expect, Health, Lane, StoreError, Unit};
use serde::{Deserialize, Serialize};

use crate::live::LiveKind;
use crate::{Error, Runtime};

/// A change of a connection is tried so often while others change it.
const TRIES: usize = 8;

/// What a person enters for a connection; `None` keeps what is there.
#[derive(Clone, Default)]
pub struct SecretsForm {
    /// The user name.
    pub username: Option<String>,
    /// The password or personal token.
    pub password: Option<String>,
    /// The API key.
    pub api_key: Option<String>,
    /// The parameter set, of a connector that has several.
    pub set: Option<String>,
    /// Values of the connector's fields by name; `null` takes one away.
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// Further origins that credentials may go to.
    pub hosts: Option<Vec<String>>,
}

impl SecretsForm {
    /// Whether anything was entered.
    #[must_use]
    pub fn is_entered(&self) -> bool {
        self.username.is_some()
            || self.password.is_some()
            || self.api_key.is_some()
            || self.set.is_some()
            || !self.parameters.is_empty()
            || self.hosts.is_some()
    }
}

/// The content of a connection's seal.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Secrets {
    pub(crate) username: String,
    pub(crate) password: String,
    pub(crate) api_key: String,
    /// The parameter set that was chosen; empty where there is one only.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) set: String,
    /// Values of further fields by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) fields: BTreeMap<String, serde_json::Value>,
    /// Further origins that the owner has confirmed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) hosts: Vec<String>,
    /// A mark of where they may go (see [`Runtime::destination`]); `None` for what was entered before there were marks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) destination: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tokens: Option<Tokens>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) consent: Option<Consent>,
}

/// What an authorization server gave.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Tokens {
    pub access_token: String,
    pub refresh_token: Option<String>,
    /// `None` where the server does not say: until the service refuses it.
    pub usable_until: Option<Timestamp>,
    /// When a person agreed; renewals leave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_in_at: Option<Timestamp>,
}

/// A consent that a person is being asked for. There is one at most: asking again ends the one before.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Consent {
    /// The unguessable part of the state that comes back.
    pub mark: String,
    pub verifier: String,
    pub redirect_url: String,
    pub until: Timestamp,
}

/// Whether values that say where requests go differ.
fn leads_elsewhere(
    connector: &hookmill_connector::Connector,
    set: &hookmill_connector::ParameterSet,
    before: &Object,
    values: &Object,
) -> bool {
    let differs = |name: &str| {
        hookmill_expression::member(before, name).and_then(Value::as_str)
            != hookmill_expression::member(values, name).and_then(Value::as_str)
    };
    set.fields.iter().any(|field| differs(&field.name) && connector.leads(field))
}

fn asked_again(name: &str) -> Diagnostic {
    let at = Pointer::root();
    let at = if matches!(name, "password" | "api_key") { at } else { at.child("parameters") };
    let message = format!("The connection would lead to another place, so '{name}' must be entered again.");
    Diagnostic::error("secret_asked_again", at.child(name), message)
        .with_hint("What was entered before is sent only to where it was given.")
}

impl Secrets {
    /// Whether a person or a service gave nothing of it.
    fn is_empty(&self) -> bool {
        let texts = [&self.username, &self.password, &self.api_key, &self.set];
        texts.iter().all(|text| text.is_empty())
            && self.fields.is_empty()
            && self.hosts.is_empty()
            && self.tokens.is_none()
            && self.consent.is_none()
    }

    /// Takes over what a person entered, if the whole fits the connector. Another parameter set begins without values;
    /// values of fields that the connector no longer has are forgotten.
    ///
    /// Secrets stay where they were given: where other values lead elsewhere, they must be entered again. Tokens are
    /// forgotten then.
    ///
    /// # Errors
    /// [`Error::ConnectionInvalid`] with everything that is wrong.
    pub fn enter(&mut self, form: SecretsForm, connector: &hookmill_connector::Connector) -> Result<(), Error> {
        let before = self.parameters();
        let confirmed = self.hosts.clone();
        let mut entered = Vec::new();
        let mut values = before.clone();
        if let Some(set) = form.set {
            if !set.eq_ignore_ascii_case(&self.set) {
                values = Object::new();
            }
            self.set = set;
        }
        self.hosts = form.hosts.unwrap_or_else(|| std::mem::take(&mut self.hosts));
        if let Some(set) = connector.set(&self.set) {
            let gone: Vec<_> = values.keys().filter(|name| !connector.takes(set, name)).cloned().collect();
            gone.iter().for_each(|name| {
                values.remove(name);
            });
        }
        let own = [("username", form.username), ("password", form.password), ("api_key", form.api_key)];
        let own = own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
        for (name, value) in own.chain(form.parameters) {
            let before: Vec<_> = values.keys().filter(|own| own.eq_ignore_ascii_case(&name)).cloned().collect();
            before.iter().for_each(|name| {
                values.remove(name);
            });
            entered.push(name.to_lowercase());
            if !value.is_null() && value.as_str() != Some("") {
                values.insert(name, Value::from(value));
            }
        }
        let is_confirmed_anew = self.hosts.iter().any(|host| !confirmed.contains(host));
        if let Some(set) = connector.set(&self.set)
            && (is_confirmed_anew || leads_elsewhere(connector, set, &before, &values))
        {
            let is_kept = |name: &str| before.get(name).is_some() && !entered.contains(&name.to_lowercase());
            let is_secret = |name: &str| name != "username" && set.field(name).is_none_or(|field| !field.is_open());
            let asked = values.keys().filter(|name| is_secret(name) && is_kept(name)).map(|name| asked_again(name));
            let asked: Vec<_> = asked.collect();
            if !asked.is_empty() {
                return Err(Error::ConnectionInvalid(asked));
            }
            self.tokens = None;
        }
        let hosts: Vec<_> = self.hosts.iter().map(|host| host.as_str().into()).collect();
        let (set, values) =
            connector.checked_connection(&self.set, &values, &hosts).map_err(Error::ConnectionInvalid)?;
        self.set = set.to_string();
        self.fields.clear();
        (self.username, self.password, self.api_key) = Default::default();
        for (name, value) in values.iter() {
            let text = value.as_str().unwrap_or_default();
            match &**name {
                "username" => text.clone_into(&mut self.username),
                "password" => text.clone_into(&mut self.password),
                "api_key" => text.clone_into(&mut self.api_key),
                other => {
                    self.fields.insert(other.to_owned(), value.into());
                }
            }
        }
        Ok(())
    }

    /// The user name, which is no secret.
    #[must_use]
    pub fn username(&self) -> Option<&str> {
        Some(&*self.username).filter(|name| !name.is_empty())
    }

    /// Binds what is entered next to a destination. What was entered for another one is forgotten: it never goes there.
    pub fn bind(&mut self, destination: String) {
        if self.destination.as_ref().is_some_and(|before| *before != destination) {
            self.password.clear();
            self.api_key.clear();
            self.fields.clear();
            self.tokens = None;
        }
        self.destination = Some(destination);
    }

    /// All values by the names of their fields.
    pub(crate) fn parameters(&self) -> Object {
        let own = [("username", &self.username), ("password", &self.password), ("api_key", &self.api_key)];
        let own = own.into_iter().filter(|(_, value)| !value.is_empty());
        let mut found: Object = own.map(|(name, value)| (name, value.as_str())).collect();
        for (name, value) in &self.fields {
            found.insert(name.as_str(), Value::from(value.clone()));
        }
        found
    }

    /// The chosen parameter set, the names of the fields that have a value, and the values that are no secret.
    #[must_use]
    pub fn shown(
        &self,
        connector: &hookmill_connector::Connector,
    ) -> (String, Vec<String>, BTreeMap<String, serde_json::Value>) {
        let all = self.parameters();
        let names = all.keys().map(|name| name.to_string()).collect();
        let set = connector.set(&self.set);
        let is_open = |name: &str| set.and_then(|set| set.field(name)).is_some_and(|field| field.is_open());
        let open = all.iter().filter(|(name, _)| is_open(name));
        (self.set.clone(), names, open.map(|(name, value)| (name.to_string(), value.into())).collect())
    }

    /// How the connection comes to tokens, with what its owner entered for that; `None` where it has none.
    pub(crate) fn oauth(&self, connector: &hookmill_connector::Connector) -> Option<hookmill_connector::Oauth2> {
        Some(connector.oauth2_of(&self.set)?.of_connection(&self.parameters()))
    }

    /// The origins that the owner has confirmed.
    #[must_use]
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }
}

impl Runtime {
    /// The secrets of a connection, to be used or looked through.
    ///
    /// # Errors
    /// The seal cannot be opened.
    pub fn unsealed(&self, connection: &Connection) -> Result<Secrets, Error> {
        let unreadable = || Error::Credentials { name: connection.name.clone() };
        let plain = self.0.vault.unseal(&connection.id.to_string(), &connection.sealed).map_err(|_| unreadable())?;
        serde_json::from_slice(&plain).map_err(|_| unreadable())
    }

    fn sealed(&self, id: ConnectionId, secrets: &Secrets) -> Result<Bytes, Error> {
        let plain = serde_json::to_vec(secrets).map_err(|error| Error::Internal(error.to_string()))?;
        let plain = hookmill_vault::Zeroizing::new(plain);
        let sealed = self.0.vault.seal(&id.to_string(), &plain);
        Ok(sealed.map_err(|error| Error::Internal(error.to_string()))?.into())
    }

    /// A mark of where the credentials of a connector's connections may go.
    ///
    /// # Errors
    /// There is no such connector, or its document cannot be used.
    pub async fn destination(&self, connector: ConnectorId) -> Result<String, Error> {
        Ok(self.mark_of(&*self.connector(connector).await?))
    }

    fn mark_of(&self, connector: &hookmill_connector::Connector) -> String {
        hookmill_model::hex(&self.0.vault.lookup("destination", &connector.destination()))
    }

    /// Whether a connector still leads where the credentials of a connection were given. Where not, the connection is
    /// marked as broken.
    ///
    /// # Errors
    /// It leads elsewhere, so the credentials must not be used.
    pub(crate) async fn same_destination(
        &self,
        connection: &Connection,
        secrets: &Secrets,
        connector: &hookmill_connector::Connector,
    ) -> Result<(), Error> {
        if secrets.destination.as_ref().is_none_or(|mark| *mark == self.mark_of(connector)) {
            return Ok(());
        }
        let error = Error::DestinationChanged { name: connection.name.clone() };
        let detail = hookmill_model::Explain::hint(&error).unwrap_or_default();
        let detail = format!("{} {detail}", error.sentence());
        if connection.health != Health::Broken || connection.health_detail.as_ref() != Some(&detail) {
            self.change_connection(connection.owner, connection.id, |connection, _| {
                (connection.health, connection.health_detail) = (Health::Broken, Some(detail.clone()));
                Ok(())
            })
            .await?;
        }
        Err(error)
    }

    /// Stores a new connection with what a person entered.
    ///
    /// # Errors
    /// The vault or the store refused.
    pub async fn add_connection(&self, mut connection: Connection, form: SecretsForm) -> Result<Connection, Error> {
        let mut secrets = Secrets::default();
        let connector = self.connector(connection.connector).await?;
        secrets.bind(self.mark_of(&connector));
        secrets.enter(form, &connector)?;
        connection.username = secrets.username().map(ToOwned::to_owned);
        connection.sealed = self.sealed(connection.id, &secrets)?;
        self.0.store.commit(Unit::from(Change::PutConnection(connection.clone())), Lane::Work).await?;
        self.publish_connection(&connection);
        Ok(connection)
    }

    /// Changes a connection, whoever else changes it meanwhile. Secrets that cannot be opened are shown to `change` as
    /// empty, so that they can be entered again; they stay as they are stored unless it enters some.
    ///
    /// # Errors
    /// There is none of this owner, `change` refused it as it is now, or the vault or the store did.
    pub async fn change_connection<T>(
        &self,
        owner: UserId,
        id: ConnectionId,
        mut change: impl FnMut(&mut Connection, &mut Secrets) -> Result<T, Error> + Send,
    ) -> Result<(Connection, T), Error>
    where
        T: Send,
    {
        let mut tries = 0;
        loop {
            let before = self.owned_connection(owner, id).await?;
            let opened = self.unsealed(&before);
            let is_opened = opened.is_ok();
            let mut secrets = opened.unwrap_or_default();
            let fields = secrets.fields.clone();
            let mut connection = before.clone();
            let told = change(&mut connection, &mut secrets)?;
            if is_opened || !secrets.is_empty() {
                connection.sealed = self.sealed(id, &secrets)?;
            }
            connection.etag += 1;
            connection.updated_at = self.now();
            let expected = Expect::ConnectionEtag(id, before.etag);
            let unit = Unit::from(Change::PutConnection(connection.clone())).expect(expected);
            match self.0.store.commit(unit, Lane::Work).await {
                Ok(_) => {
                    if secrets.fields != fields {
                        // The secret of webhooks may be among them.
                        self.0.door.forget();
                        self.tell_others("door".to_owned());
                    }
                    self.publish_connection(&connection);
                    return Ok((connection, told));
                }
                Err(StoreError::Conflict { .. }) if tries < TRIES => tries += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    pub(crate) async fn owned_connection(&self, owner: UserId, id: ConnectionId) -> Result<Connection, Error> {
        let found = self.0.store.connection(id).await?.filter(|connection| connection.owner == owner);
        found.ok_or_else(|| Error::not_found("connection", id))
    }

    fn publish_connection(&self, connection: &Connection) {
        let (id, health) = (connection.id.to_string(), connection.health.as_str());
        self.0.live.publish(connection.owner, LiveKind::Connection, id, None, Some(health));
    }

    /// Seals the client secret of a connector; an empty one is none.
    ///
    /// # Errors
    /// The vault refused.
    pub fn seal_client_secret(&self, connector: &mut Connector, secret: &str) -> Result<(), Error> {
        let sealed = self.0.vault.seal(&connector.id.to_string(), secret.as_bytes());
        let sealed = sealed.map_err(|error| Error::Internal(error.to_string()))?;
        connector.sealed = (!secret.is_empty()).then(|| sealed.into());
        Ok(())
    }

    /// The client secret of a connector; empty for none.
    pub(crate) fn client_secret(&self, connector: &Connector) -> Result<String, Error> {
        let Some(sealed) = &connector.sealed else { return Ok(String::new()) };
        let plain = self.0.vault.unseal(&connector.id.to_string(), sealed);
        let plain = plain.map_err(|_| Error::Credentials { name: connector.name.clone() })?;
        Ok(String::from_utf8_lossy(&plain).into_owned())
    }
}
