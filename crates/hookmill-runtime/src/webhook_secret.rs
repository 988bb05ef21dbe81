//! The secret of a webhook: entered by a person, told to one, and sealed beside the generation.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookmill_model::{FlowId, Object, Str, SubscriptionState, UserId, Value};
use hookmill_store::{Subscription, Unit};

use crate::record::Record;
use crate::{Error, Runtime};

impl Runtime {
    /// Keeps the secret that the service has shown a person for the webhook of a flow, sealed beside its generation.
    ///
    /// # Errors
    /// The flow has no webhook whose calls are signed, or this cannot be its secret.
    pub async fn enter_webhook_secret(&self, owner: UserId, id: FlowId, secret: &str) -> Result<(), Error> {
        let flow = self.own_flow(owner, id).await?;
        if secret.is_empty() {
            return Err(Error::Inputs("the secret is empty".to_owned()));
        }
        let version = self.version(flow.id, flow.version).await?;
        let _alone = self.subscription_guard(id).await;
        let live = |own: &&Subscription| matches!(own.state, SubscriptionState::Live | SubscriptionState::Creating);
        let all = self.0.store.subscriptions_of(id).await?;
        let generation = all.iter().filter(live).max_by_key(|own| own.generation).cloned();
        let nothing =
            || Error::NotPossible("This flow has no webhook whose calls are signed with a secret.".to_owned());
        let generation = generation.ok_or_else(nothing)?;
        let webhook = self.webhook(&flow, &generation, &version).await?;
        let mut record = Record::of(&generation)?;
        if (record.is_local() && !record.is_by_hand) || !webhook.declarations.needs_secret() {
            return Err(nothing());
        }
        if let Some(why) = hookmill_webhook::kind_of_secret(&webhook.declarations.verification, secret) {
            return Err(Error::Inputs(why));
        }
        let mut kept = self.kept_secrets(&generation, &record)?;
        kept.insert("secret", secret);
        record.kept = Some(self.seal_kept(&generation, kept)?);
        self.put(generation, &record, Unit::new()).await?;
        Ok(())
    }

    /// The token that the service has sent to a flow's address and that a person has to enter at the service.
    ///
    /// # Errors
    /// There is no such flow of this owner, or no token has come.
    pub async fn webhook_token(&self, owner: UserId, id: FlowId) -> Result<Str, Error> {
        let flow = self.own_flow(owner, id).await?;
        let version = self.version(flow.id, flow.version).await?;
        let all = self.0.store.subscriptions_of(id).await?;
        let nothing = || Error::NotPossible("No token has come that could be shown.".to_owned());
        let live = all.into_iter().find(|own| own.state == SubscriptionState::Live).ok_or_else(nothing)?;
        self.webhook(&flow, &live, &version).await?.token().cloned().ok_or_else(nothing)
    }

    /// What is sealed beside a generation: its secret, and what handshakes left.
    pub(crate) fn kept_secrets(&self, generation: &Subscription, record: &Record) -> Result<Object, Error> {
        let Some(sealed) = &record.kept else { return Ok(Object::new()) };
        let damaged = |what: &str| Error::Internal(format!("the secret of {} {what}", generation.id));
        let sealed = STANDARD.decode(sealed).map_err(|_| damaged("is damaged"))?;
        let bytes =
            self.0.vault.unseal(&generation.id.to_string(), &sealed).map_err(|_| damaged("cannot be opened"))?;
        let kept = Value::from_json(&bytes).map_err(|_| damaged("is damaged"))?;
        kept.as_object().cloned().ok_or_else(|| damaged("is damaged"))
    }

    pub(crate) fn seal_kept(&self, generation: &Subscription, kept: Object) -> Result<String, Error> {
        let text = Value::from(kept).to_json();
        let sealed = self.0.vault.seal(&generation.id.to_string(), text.as_bytes());
        Ok(STANDARD.encode(sealed.map_err(|error| Error::Internal(error.to_string()))?))
    }
}
