//! The store as the runtime uses it: what is secret is sealed on its way in, and opened on its way out.
//!
//! | what | what is sealed of it | when |
//! |---|---|---|
//! | versions of flows | each secret where it stands; the whole text where a secret stands in it once more | always |
//! | facts, events | all of it | where the unit says that it is secret |
//! | what triggers remember | all of it | always |
//!
//! A seal opens in its own place only. What was sealed with a master key that is gone stays sealed in definitions, and
//! is refused elsewhere.

use std::ops::Deref;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hookmill_definition::secret;
use hookmill_http::Redactor;
use hookmill_model::{Diagnostic, EventId, FlowId, Object, Pointer, RunId, Value};
use hookmill_store::{Change, Committed, Event, FlowVersion, Lane, PendingEvent, Store, StoreError, Unit};
use hookmill_vault::{Vault, VaultError};

/// The only member of an object that stands for a sealed value; it holds the seal in base64.
const SEALED: &str = "$sealed";
/// The first byte of sealed facts, events and states: no JSON text begins with it.
const MARK: u8 = 2;

/// A store whose secrets are sealed.
pub struct SealedStore {
    inner: Arc<dyn Store>,
    vault: Arc<Vault>,
}

impl Deref for SealedStore {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        &*self.inner
    }
}

/// Whether bytes are sealed.
pub(crate) fn is_sealed(bytes: &[u8]) -> bool {
    bytes.first() == Some(&MARK)
}

/// Whether a record of a trigger, or what came by a call-back, holds headers that carry credentials.
pub(crate) fn has_credentials(received: &Value) -> bool {
    secret::has_secret_headers(received) || received.get("outputs").is_some_and(secret::has_secret_headers)
}

fn refused(error: &VaultError) -> StoreError {
    StoreError::Unavailable { detail: error.to_string(), unknown: false }
}

fn unreadable(what: impl std::fmt::Display, error: &VaultError) -> StoreError {
    StoreError::Damaged { detail: format!("{what} cannot be opened: {error}") }
}

fn fact_context(run: RunId, index: u64) -> String {
    format!("run/{run}/{index}")
}

/// The seal that stands in the place of a value.
fn seal_of(value: &Value) -> Option<Vec<u8>> {
    let members = value.as_object().filter(|members| members.len() == 1)?;
    let seal = STANDARD.decode(members.get(SEALED)?.as_str()?).ok()?;
    hookmill_vault::is_sealed(&seal).then_some(seal)
}

/// Whether a sealed value stands anywhere inside.
fn has_seal(value: &Value) -> bool {
    match value {
        Value::Array(elements) => elements.iter().any(has_seal),
        Value::Object(members) => seal_of(value).is_some() || members.values().any(has_seal),
        _ => false,
    }
}

/// Whether a value stayed sealed because its master key is not here.
pub(crate) fn is_lost(value: &Value) -> bool {
    seal_of(value).is_some()
}

/// Errors for the secrets of a definition that stayed sealed, and the definition with [`secret::HIDDEN`] in their
/// places.
pub(crate) fn lost_secrets(value: &Value, at: &Pointer, findings: &mut Vec<Diagnostic>) -> Value {
    match value {
        _ if is_lost(value) => {
            let message = "This secret was sealed with a master key that is not here.";
            findings.push(
                Diagnostic::error("secret_lost", at.clone(), message)
                    .with_hint("Enter it again, or start the server with the key that sealed it."),
            );
            secret::HIDDEN.into()
        }
        Value::Array(elements) => {
            let each = elements.iter().enumerate();
            Value::array(each.map(|(index, one)| lost_secrets(one, &at.child(index), findings)).collect())
        }
        Value::Object(members) => {
            let each = members.iter().map(|(name, one)| (name.clone(), lost_secrets(one, &at.child(name), findings)));
            each.collect::<Object>().into()
        }
        other => other.clone(),
    }
}

impl SealedStore {
    /// The store below keeps what this one seals with the vault.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, vault: Arc<Vault>) -> Self {
        Self { inner, vault }
    }

    /// A value of a definition or of a record, sealed for a place.
    ///
    /// # Errors
    /// The vault refused.
    pub(crate) fn sealed_value(&self, context: &str, value: &Value) -> Result<Value, StoreError> {
        let sealed = self.vault.seal_long(context, value.to_json().as_bytes()).map_err(|error| refused(&error))?;
        Ok(Value::object([(SEALED, STANDARD.encode(sealed))]))
    }

    /// The value with everything opened that was sealed for this place; what cannot be opened stays as it is.
    pub(crate) fn opened_value(&self, context: &str, value: &Value) -> Value {
        match value {
            Value::Array(elements) => {
                Value::array(elements.iter().map(|one| self.opened_value(context, one)).collect())
            }
            Value::Object(members) => match seal_of(value) {
                Some(seal) => self.opened_seal(context, &seal).unwrap_or_else(|| value.clone()),
                None => {
                    let each = members.iter().map(|(name, one)| (name.clone(), self.opened_value(context, one)));
                    each.collect::<Object>().into()
                }
            },
            other => other.clone(),
        }
    }

    fn opened_seal(&self, context: &str, seal: &[u8]) -> Option<Value> {
        let plain = self.vault.unseal_long(context, seal).ok()?;
        hookmill_store::read("a sealed value", &plain, Value::from_json).ok()
    }

    fn sealed_bytes(&self, context: &str, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        let sealed = self.vault.seal_long(context, plain).map_err(|error| refused(&error))?;
        Ok([&[MARK], &sealed[..]].concat())
    }

    fn opened_bytes(&self, context: &str, bytes: &Bytes) -> Result<Bytes, VaultError> {
        if !is_sealed(bytes) {
            return Ok(bytes.clone());
        }
        let plain = self.vault.unseal_long(context, &bytes[1..])?;
        Ok(Bytes::from(plain.to_vec()))
    }

    pub(crate) fn sealed_facts(&self, run: RunId, from: u64, facts: &mut [Vec<u8>]) -> Result<(), StoreError> {
        for (index, fact) in (from..).zip(facts) {
            if !is_sealed(fact) {
                *fact = self.sealed_bytes(&fact_context(run, index), fact)?;
            }
        }
        Ok(())
    }

    pub(crate) fn sealed_event(&self, id: EventId, head: &mut Bytes, body: &mut Bytes) -> Result<(), StoreError> {
        *body = self.sealed_bytes(&format!("event/{id}/body"), body)?.into();
        *head = self.sealed_bytes(&format!("event/{id}/head"), head)?.into();
        Ok(())
    }

    fn open_event(&self, event: &mut Event) -> Result<(), VaultError> {
        if is_sealed(&event.head) {
            let body = self.opened_bytes(&format!("event/{}/body", event.id), &event.body)?;
            event.head = self.opened_bytes(&format!("event/{}/head", event.id), &event.head)?;
            event.body = body;
        }
        Ok(())
    }

    /// Seals the secrets of a version that is stored in plain.
    pub(crate) fn seal_version(&self, version: &mut FlowVersion) -> Result<(), StoreError> {
        // What no program can read is not made by this one, and holds nothing that it could find.
        let (Ok(definition), Ok(parameters)) =
            (Value::from_json(&version.definition), Value::from_json(&version.parameters))
        else {
            return Ok(());
        };
        let context = format!("flow/{}", version.flow);
        let secrets = secret::secrets(&definition, &parameters);
        let redactor = Redactor::new(secrets.iter().map(|(name, text)| (name.as_str(), text.as_str())));
        let mut seal = |value: &Value| self.sealed_value(&context, value);
        let within = secret::with_secrets(&definition, &mut seal)?;
        let given = secret::parameters_with_secrets(&definition, &parameters, &mut seal)?;
        let whole = |plain: &Value, within: Value, bytes: &mut Bytes| -> Result<(), StoreError> {
            // Somebody's own member of this name must not be taken for a seal.
            let text = within.to_json();
            let is_open = has_seal(plain) || redactor.text(&text) != text;
            if is_open {
                *bytes = self.sealed_value(&context, plain)?.to_json().into();
            } else if within != *plain {
                *bytes = text.into();
            }
            Ok(())
        };
        whole(&definition, within, &mut version.definition)?;
        whole(&parameters, given, &mut version.parameters)?;
        if let Ok(envelope) = Value::from_json(&version.envelope) {
            whole(&envelope, envelope.clone(), &mut version.envelope)?;
        }
        Ok(())
    }

    /// Opens the secrets of a version. Those that cannot be opened stay sealed: see [`lost_secrets`].
    fn open_version(&self, version: &mut FlowVersion) {
        let context = format!("flow/{}", version.flow);
        for bytes in [&mut version.definition, &mut version.parameters, &mut version.envelope] {
            if std::str::from_utf8(bytes).is_ok_and(|text| text.contains(SEALED))
                && let Ok(value) = Value::from_json(bytes)
            {
                *bytes = self.opened_value(&context, &value).to_json().into();
            }
        }
    }

    fn seal(&self, change: &mut Change, is_secret: bool) -> Result<(), StoreError> {
        match change {
            Change::PutFlowVersion(version) => self.seal_version(version),
            Change::PutTriggerState(flow, state) => {
                *state = self.sealed_bytes(&format!("trigger/{flow}"), state)?.into();
                Ok(())
            }
            Change::AddEvent(event, _) if is_secret => self.sealed_event(event.id, &mut event.head, &mut event.body),
            Change::StartRun(run, facts) if is_secret => self.sealed_facts(run.id, 0, facts),
            Change::AppendFacts { run, from, facts, .. } if is_secret => self.sealed_facts(*run, *from, facts),
            _ => Ok(()),
        }
    }

    /// As [`Store::commit`]; what is secret in the unit is sealed.
    ///
    /// # Errors
    /// As there; the vault refused.
    pub async fn commit(&self, mut unit: Unit, lane: Lane) -> Result<Committed, StoreError> {
        let is_secret = unit.is_secret;
        for change in &mut unit.changes {
            self.seal(change, is_secret)?;
        }
        self.inner.commit(unit, lane).await
    }

    /// As [`hookmill_store::Runs::run_facts`], opened.
    ///
    /// # Errors
    /// As there; a fact cannot be opened.
    pub async fn run_facts(&self, run: RunId, from: u64) -> Result<Vec<Bytes>, StoreError> {
        self.opened_facts(run, from, &self.inner.run_facts(run, from).await?)
    }

    /// As [`hookmill_store::Runs::run_facts_page`], opened.
    ///
    /// # Errors
    /// As there; a fact cannot be opened.
    pub async fn run_facts_page(&self, run: RunId, from: u64, bytes_max: usize) -> Result<Vec<Bytes>, StoreError> {
        self.opened_facts(run, from, &self.inner.run_facts_page(run, from, bytes_max).await?)
    }

    fn opened_facts(&self, run: RunId, from: u64, facts: &[Bytes]) -> Result<Vec<Bytes>, StoreError> {
        let opened = (from..).zip(facts).map(|(index, fact)| {
            let opened = self.opened_bytes(&fact_context(run, index), fact);
            opened.map_err(|error| unreadable(format_args!("fact {index} of {run}"), &error))
        });
        opened.collect()
    }

    /// As [`hookmill_store::Events::event`], opened.
    ///
    /// # Errors
    /// As there; the event cannot be opened.
    pub async fn event(&self, id: EventId) -> Result<Option<Event>, StoreError> {
        let Some(mut event) = self.inner.event(id).await? else { return Ok(None) };
        self.open_event(&mut event).map_err(|error| unreadable(id, &error))?;
        Ok(Some(event))
    }

    /// As [`hookmill_store::Events::pending_events`], opened. An event that cannot be opened comes sealed, so that it is
    /// in nobody's way.
    ///
    /// # Errors
    /// As there.
    pub async fn pending_events(
        &self,
        flow: FlowId,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<PendingEvent>, StoreError> {
        let mut pending = self.inner.pending_events(flow, after, limit).await?;
        for one in &mut pending {
            if let Err(error) = self.open_event(&mut one.event) {
                tracing::error!(event = %one.event.id, %error, "a notification that waits cannot be opened");
            }
        }
        Ok(pending)
    }

    /// As [`hookmill_store::Flows::flow_version`], opened. Secrets that cannot be opened stay sealed.
    ///
    /// # Errors
    /// As there.
    pub async fn flow_version(&self, flow: FlowId, version: u32) -> Result<Option<FlowVersion>, StoreError> {
        let mut found = self.inner.flow_version(flow, version).await?;
        if let Some(found) = &mut found {
            self.open_version(found);
        }
        Ok(found)
    }

    /// As [`hookmill_store::Flows::trigger_state`], opened. What was sealed with a key that is gone is forgotten: the
    /// trigger begins anew.
    ///
    /// # Errors
    /// As there; the state is damaged.
    pub async fn trigger_state(&self, flow: FlowId) -> Result<Option<Bytes>, StoreError> {
        let Some(state) = self.inner.trigger_state(flow).await? else { return Ok(None) };
        match self.opened_bytes(&format!("trigger/{flow}"), &state) {
            Ok(state) => Ok(Some(state)),
            Err(error @ VaultError::ValueKeyWrong) => {
                tracing::warn!(%flow, %error, "what the trigger remembers cannot be opened; it begins anew");
                Ok(None)
            }
            Err(error) => Err(unreadable(format_args!("what the trigger of {flow} remembers"), &error)),
        }
    }

    /// The store below, for what moves rows as they are.
    pub(crate) fn below(&self) -> &dyn Store {
        &*self.inner
    }
}

#[cfg(test)]
mod tests;
