//! Compiled plans and connectors, kept: a definition is parsed once per version, a document once per change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use hookmill_connector::{Connector, Credentials, Settings};
use hookmill_definition::{Plan, Profile, compile, secret};
use hookmill_model::{ConnectionId, ConnectorId, FlowId, Pointer, UserId, Value};
use hookmill_store::{Binding, Flow};

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

#[derive(Default)]
pub(crate) struct Plans {
    versions: Mutex<HashMap<(FlowId, u32), Arc<Version>>>,
    connectors: Mutex<HashMap<ConnectorId, (u64, Arc<Connector>)>>,
}

impl Plans {
    /// A compiled connector, if it was compiled before; a newer one may be stored.
    pub fn connector_kept(&self, id: ConnectorId) -> Option<Arc<Connector>> {
        locked(&self.connectors).get(&id).map(|(_, kept)| Arc::clone(kept))
    }
}

/// A connection with what is needed to call through it.
pub(crate) struct Bound {
    pub connector: Arc<Connector>,
    pub credentials: Option<Credentials>,
    /// Whose connection it is, where its credentials are a token.
    pub signed_in: Option<(UserId, ConnectionId)>,
}

/// The settings of a connector as they are stored.
///
/// # Errors
/// They cannot be read.
pub fn connector_settings(stored: &hookmill_store::Connector) -> Result<Settings, hookmill_store::Damaged> {
    let what = format_args!("the settings of connector {}", stored.id);
    hookmill_store::read(what, &stored.settings, |bytes| serde_json::from_slice(bytes))
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

    /// The compiled connector.
    ///
    /// # Errors
    /// There is none, or its document cannot be used.
    pub async fn connector(&self, id: ConnectorId) -> Result<Arc<Connector>, Error> {
        let stored = self.0.store.connector(id).await?.ok_or_else(|| Error::not_found("connector", id))?;
        if let Some((etag, known)) = locked(&self.0.plans.connectors).get(&id)
            && *etag == stored.etag
        {
            return Ok(Arc::clone(known));
        }
        let document = self.0.store.connector_document(id).await?.ok_or_else(|| Error::not_found("connector", id))?;
        let settings = connector_settings(&stored)?;
        let import = Connector::import(&document.document, document.properties.as_deref(), &settings);
        let Some(connector) = import.connector else {
            return Err(Error::ConnectorBroken { name: stored.name, diagnostics: import.diagnostics });
        };
        let made = Arc::new(connector);
        locked(&self.0.plans.connectors).insert(id, (stored.etag, Arc::clone(&made)));
        Ok(made)
    }

    /// Forgets a compiled connector.
    pub fn forget_connector(&self, id: ConnectorId) {
        locked(&self.0.plans.connectors).remove(&id);
        self.0.door.forget();
        self.tell_others("door".to_owned());
    }

    /// The connector of a connection whose secrets can be opened. No token is asked for.
    pub(crate) async fn connector_of(&self, owner: UserId, id: ConnectionId) -> Result<Arc<Connector>, Error> {
        let connection = self.owned_connection(owner, id).await?;
        self.unsealed(&connection)?;
        self.connector(connection.connector).await
    }

    /// The credentials of a connection of this owner, and its connector.
    pub(crate) async fn bound(&self, owner: UserId, id: ConnectionId) -> Result<Bound, Error> {
        self.bound_after(owner, id, None).await
    }

    /// The same, with another token than one that the service has refused.
    pub(crate) async fn bound_after(
        &self,
        owner: UserId,
        id: ConnectionId,
        refused: Option<&str>,
    ) -> Result<Bound, Error> {
        let connection = self.owned_connection(owner, id).await?;
        let secrets = self.unsealed(&connection)?;
        let connector = self.connector(connection.connector).await?;
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
        Ok(Bound { connector, credentials: Some(credentials), signed_in: has_token.then_some((owner, id)) })
    }

    /// What a key of a definition's connection references stands for.
    pub(crate) async fn bound_key(&self, owner: UserId, bindings: &[Binding], key: &str) -> Result<Bound, Error> {
        let binding = bindings.iter().find(|binding| binding.key.eq_ignore_ascii_case(key));
        match binding {
            Some(Binding { connection: Some(connection), .. }) => self.bound(owner, *connection).await,
            Some(Binding { connector: Some(connector), .. }) => {
                let connector = self.connector(*connector).await?;
                Ok(Bound { connector, credentials: None, signed_in: None })
            }
            _ => Err(Error::Inputs(format!("No connection is bound to '{key}'. Choose one for the flow."))),
        }
    }
}
