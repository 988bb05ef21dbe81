//! Compiled plans and connectors, kept: a definition is parsed once per version, a document once per change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use hookmill_connector::{Connector, Credentials, Settings};
use hookmill_definition::{Plan, Profile, compile, secret};
use hookmill_model::{ConnectionId, ConnectorId, FlowId, Pointer, UserId, Value};
use hookmill_store::{Binding, ConnectorDocument, Flow};

use crate::record::Record;
use crate::sealed::lost_secrets;
use crate::stored::read_part;
use crate::{Error, Runtime, cores, locked};

/// At most so many plans are kept; all are forgotten when there are more, and made again when needed.
const PLANS_MAX: usize = 10_000;

/// A decision that has at most so many actions, and reads and makes at most so many bytes, is short: it takes about a
/// millisecond.
const SHORT_ACTIONS_MAX: usize = 16;
const SHORT_WORK_MAX: usize = 1_024 * 1_024;

/// Compiling a definition of so many bytes is short work.
const SHORT_BYTES_MAX: usize = 64 * 1_024;

/// One version of a flow, ready to run.
#[derive(Debug)]
pub(crate) struct Version {
    pub number: u32,
    pub plan: Plan,
    pub parameters: Value,
    /// What the definition and the values of its parameters have as JSON.
    bytes: usize,
    /// What no history shows: secure parameters and what stands inline in the definition, each with its name.
    pub secrets: Vec<(String, String)>,
    /// Whether what its runs keep is sealed.
    pub is_secret: bool,
}

impl Version {
    /// Whether a decision of a run that holds `bytes` is short.
    pub fn is_short(&self, bytes: usize) -> bool {
        let is_within = |growth: u32| {
            let growth = usize::try_from(growth).unwrap_or(usize::MAX).saturating_add(1);
            self.bytes.saturating_add(bytes).saturating_mul(growth) <= SHORT_WORK_MAX
        };
        self.plan.actions.len() <= SHORT_ACTIONS_MAX && self.plan.growth.is_some_and(is_within)
    }
}

/// At most so many earlier versions of connectors are kept compiled.
const EARLIER_MAX: usize = 1_000;

/// A connector as it stands in its row, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Newest {
    /// Of the row.
    pub etag: u64,
    /// The name of this version.
    pub version: String,
    pub connector: Arc<Connector>,
}

#[derive(Default)]
pub(crate) struct Plans {
    versions: Mutex<HashMap<(FlowId, u32), Arc<Version>>>,
    connectors: Mutex<HashMap<ConnectorId, Newest>>,
    /// Versions that flows were saved with and that were changed since.
    earlier: Mutex<HashMap<(ConnectorId, String), Arc<Connector>>>,
}

impl Plans {
    /// A compiled connector, if it was compiled before; a newer one may be stored.
    pub fn connector_kept(&self, id: ConnectorId, version: Option<&str>) -> Option<Arc<Connector>> {
        if let Some(version) = version
            && let Some(kept) = locked(&self.earlier).get(&(id, version.to_owned()))
        {
            return Some(Arc::clone(kept));
        }
        let connectors = locked(&self.connectors);
        let newest = connectors.get(&id)?;
        version.is_none_or(|version| version == newest.version).then(|| Arc::clone(&newest.connector))
    }
}

/// The name of a version of a connector: what it was made from says which it is, so a change that is taken back brings
/// the version before.
#[must_use]
pub fn version_of_connector(settings: &[u8], document: &ConnectorDocument) -> String {
    use sha2::Digest as _;
    let properties = document.properties.as_deref().unwrap_or_default();
    let mut hash = sha2::Sha256::new();
    for part in [settings, &document.document[..], properties] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hookmill_model::hex(&hash.finalize()[..16])
}

/// The version of the connector of a webhook that its flow was saved with; `None` where the flow is bound otherwise by now.
pub(crate) fn version_of_record<'a>(flow: &'a Flow, record: &Record) -> Option<&'a str> {
    let key = record.connection.as_deref().unwrap_or_default();
    let is_of_it = |binding: &&Binding| match record.connection_id {
        Some(connection) => binding.connection == Some(connection),
        None => binding.key.eq_ignore_ascii_case(key),
    };
    flow.bindings.iter().find(is_of_it)?.version.as_deref()
}

/// A connection with what is needed to call through it.
pub(crate) struct Bound {
    pub connector: Arc<Connector>,
    pub credentials: Option<Credentials>,
    /// Whose connection it is, where its credentials are a token.
    pub signed_in: Option<(UserId, ConnectionId)>,
    /// The version of the connector; `None` for the newest.
    pub version: Option<String>,
}

/// The settings of a connector as they are stored.
///
/// # Errors
/// They cannot be read.
pub fn connector_settings(stored: &hookmill_store::Connector) -> Result<Settings, hookmill_store::Damaged> {
    let what = format_args!("the settings of connector {}", stored.id);
    hookmill_store::read(what, &stored.settings, |bytes| serde_json::from_slice(bytes))
}

fn compiled(name: String, document: &ConnectorDocument, settings: &Settings) -> Result<Arc<Connector>, Error> {
    let import = Connector::import(&document.document, document.properties.as_deref(), settings);
    import.connector.map(Arc::new).ok_or(Error::ConnectorBroken { name, diagnostics: import.diagnostics })
}

impl Runtime {
    pub(crate) async fn version(&self, flow: FlowId, version: u32) -> Result<Arc<Version>, Error> {
        if let Some(known) = locked(&self.0.plans.versions).get(&(flow, version)) {
            return Ok(Arc::clone(known));
        }
        let stored = self.0.store.flow_version(flow, version).await?;
        let stored = stored.ok_or_else(|| Error::not_found("version of the flow", format!("{flow}/{version}")))?;
        let definition = read_part(&stored, "definition", &stored.definition)?;
        let parameters = read_part(&stored, "parameters", &stored.parameters)?;
        let mut lost = Vec::new();
        for value in [&definition, &parameters] {
            lost_secrets(value, &Pointer::root(), &mut lost);
        }
        if !lost.is_empty() {
            return Err(Error::DefinitionInvalid(lost));
        }
        let bytes = stored.definition.len() + stored.parameters.len();
        let compiled = cores::aside(bytes <= SHORT_BYTES_MAX, || {
            compile(&definition, &parameters, Profile::parse(&stored.profile), &self.0.config.limits)
        });
        let Some(plan) = compiled.plan else { return Err(Error::DefinitionInvalid(compiled.diagnostics)) };
        let secrets = secret::secrets(&definition, &parameters);
        let is_secret = secret::keeps_secrets(&definition, &parameters);
        let made = Arc::new(Version { number: version, plan, parameters, bytes, secrets, is_secret });
        let mut versions = locked(&self.0.plans.versions);
        if versions.len() >= PLANS_MAX {
            versions.clear();
        }
        versions.insert((flow, version), Arc::clone(&made));
        Ok(made)
    }

    /// Whether what runs of a flow keep is sealed. It is where that cannot be said.
    pub(crate) async fn keeps_secrets(&self, flow: &Flow) -> bool {
        self.version(flow.id, flow.version).await.map_or(true, |version| version.is_secret)
    }

    /// The compiled connector, as it stands in its row.
    ///
    /// # Errors
    /// There is none, or its document cannot be used.
    pub async fn connector(&self, id: ConnectorId) -> Result<Arc<Connector>, Error> {
        Ok(self.newest_connector(id).await?.connector)
    }

    pub(crate) async fn newest_connector(&self, id: ConnectorId) -> Result<Newest, Error> {
        let stored = self.0.store.connector(id).await?.ok_or_else(|| Error::not_found("connector", id))?;
        if let Some(known) = locked(&self.0.plans.connectors).get(&id)
            && known.etag == stored.etag
        {
            return Ok(known.clone());
        }
        let document = self.0.store.connector_document(id).await?.ok_or_else(|| Error::not_found("connector", id))?;
        let settings = connector_settings(&stored)?;
        let connector = compiled(stored.name, &document, &settings)?;
        let version = version_of_connector(&stored.settings, &document);
        let made = Newest { etag: stored.etag, version, connector };
        locked(&self.0.plans.connectors).insert(id, made.clone());
        Ok(made)
    }

    /// The compiled connector in the version that a flow was saved with; the newest where that was saved by an older release.
    pub(crate) async fn connector_in(&self, id: ConnectorId, version: Option<&str>) -> Result<Arc<Connector>, Error> {
        let Some(version) = version else { return self.connector(id).await };
        if let Some(known) = locked(&self.0.plans.earlier).get(&(id, version.to_owned())) {
            return Ok(Arc::clone(known));
        }
        let newest = self.newest_connector(id).await?;
        if newest.version == version {
            return Ok(newest.connector);
        }
        let Some(kept) = self.0.store.connector_version(id, version).await? else {
            // A server of an older release, which keeps no versions, has changed the connector.
            tracing::warn!(connector = %id, version, "the version is not there; its flow goes on with the newest one");
            return Ok(newest.connector);
        };
        let what = format_args!("the settings of version {version} of connector {id}");
        let settings = hookmill_store::read(what, &kept.settings, |bytes| serde_json::from_slice(bytes))?;
        let made = compiled(newest.connector.name.to_string(), &kept.document, &settings)?;
        let mut earlier = locked(&self.0.plans.earlier);
        if earlier.len() >= EARLIER_MAX {
            earlier.clear();
        }
        earlier.insert((id, version.to_owned()), Arc::clone(&made));
        Ok(made)
    }

    /// Forgets a compiled connector.
    pub fn forget_connector(&self, id: ConnectorId) {
        locked(&self.0.plans.connectors).remove(&id);
        locked(&self.0.plans.earlier).retain(|(own, _), _| *own != id);
        self.0.door.forget();
        self.tell_others("door".to_owned());
    }

    /// The connector of a connection whose secrets can be opened. No token is asked for.
    pub(crate) async fn connector_of(&self, owner: UserId, id: ConnectionId) -> Result<Arc<Connector>, Error> {
        let connection = self.owned_connection(owner, id).await?;
        self.unsealed(&connection)?;
        self.connector(connection.connector).await
    }

    /// The same in the version that a flow was saved with.
    pub(crate) async fn connector_of_binding(&self, owner: UserId, binding: &Binding) -> Result<Arc<Connector>, Error> {
        let id = match (binding.connection, binding.connector) {
            (Some(connection), _) => {
                let connection = self.owned_connection(owner, connection).await?;
                self.unsealed(&connection)?;
                connection.connector
            }
            (None, Some(connector)) => connector,
            (None, None) => return Err(Error::Inputs(format!("No connection is bound to '{}'.", binding.key))),
        };
        self.connector_in(id, binding.version.as_deref()).await
    }

    /// The credentials of a connection of this owner, and its connector as it is now.
    pub(crate) async fn bound(&self, owner: UserId, id: ConnectionId) -> Result<Bound, Error> {
        self.bound_after(owner, id, (None, None)).await
    }

    /// The same with a version of the connector, and with another token than one that the service has refused.
    pub(crate) async fn bound_after(
        &self,
        owner: UserId,
        id: ConnectionId,
        (version, refused): (Option<&str>, Option<&str>),
    ) -> Result<Bound, Error> {
        let connection = self.owned_connection(owner, id).await?;
        let secrets = self.unsealed(&connection)?;
        let connector = self.connector_in(connection.connector, version).await?;
        self.same_destination(&connection, &secrets, &connector).await?;
        let mut credentials = Credentials {
            set: secrets.set.as_str().into(),
            parameters: connector.with_field_defaults(&secrets.set, secrets.parameters()),
            hosts: secrets.hosts.iter().map(|host| host.as_str().into()).collect(),
            ..Credentials::default()
        };
        let has_token = connector.oauth2_of(&secrets.set).is_some();
        if has_token {
            let (token, hidden) = self.token(&connection, &secrets, refused).await?;
            credentials.access_token = token.into();
            credentials.hidden = hidden.into_iter().map(Into::into).collect();
        }
        let (signed_in, version) = (has_token.then_some((owner, id)), version.map(ToOwned::to_owned));
        Ok(Bound { connector, credentials: Some(credentials), signed_in, version })
    }

    /// What a key of a definition's connection references stands for.
    pub(crate) async fn bound_key(&self, owner: UserId, bindings: &[Binding], key: &str) -> Result<Bound, Error> {
        let binding = bindings.iter().find(|binding| binding.key.eq_ignore_ascii_case(key));
        match binding {
            Some(Binding { connection: Some(connection), version, .. }) => {
                self.bound_after(owner, *connection, (version.as_deref(), None)).await
            }
            Some(Binding { connector: Some(connector), version, .. }) => {
                let connector = self.connector_in(*connector, version.as_deref()).await?;
                Ok(Bound { connector, credentials: None, signed_in: None, version: version.clone() })
            }
            _ => Err(Error::Inputs(format!("No connection is bound to '{key}'. Choose one for the flow."))),
        }
    }
}
