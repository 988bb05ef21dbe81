//! What is kept of one generation of a webhook: what it was made with, and what has happened to it.

use hookmill_engine::subscription::{self as machine, Fact, Journal};
use hookmill_model::{ConnectionId, RunId, SubscriptionState, Timestamp, Value};
use hookmill_store::{Damaged, Subscription};
use serde::de::Error as _;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::sealed::is_lost;

/// The fingerprint of a generation whose address a person gave up.
pub(crate) const RENEWED: &str = "renewed";

/// What the marks of fingerprints begin with.
pub(crate) const FINGERPRINT_MARK: &str = "hmac:";

pub(crate) fn has_plain_fingerprint(text: &str) -> bool {
    !text.is_empty() && text != RENEWED && !text.starts_with(FINGERPRINT_MARK)
}

/// What is kept of a generation. Where it stands is the fold of its facts; the state in its row is a copy for lists.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Record {
    /// What it was made for; another value asks for another generation. [`RENEWED`] fits nothing.
    pub fingerprint: String,
    /// The fingerprint by which deliveries are told apart, where the webhook was changed in place or followed one that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_apart_by: Option<String>,
    /// The sealed capability, base64.
    pub sealed: String,
    /// The secret of the webhook and what its handshakes left: a sealed object, base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
    /// The bound connection's key.
    pub connection: Option<String>,
    /// The connection that it was made with; it is deleted with the same one.
    pub connection_id: Option<ConnectionId>,
    /// The operation that creates it.
    pub operation: Option<String>,
    /// Whether no request creates it: a person enters the address at the service.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_by_hand: bool,
    /// The evaluated parameters of the creation.
    pub parameters: Value,
    /// For a webhook that the definition describes itself: the version whose requests create and delete it.
    #[serde(default)]
    pub described_in: Option<u32>,
    /// What the service answered to that creation: the deletion may refer to it.
    #[serde(default)]
    pub reply: Option<Value>,
    /// The run that records the creation.
    pub run: Option<RunId>,
    /// Whether the data came from a backup since the service was last asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_restored: bool,
    /// Webhooks at the service that lead to this server and that its data does not know: made after the backup.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_behind: Vec<String>,
    /// What has happened to it.
    #[serde(default)]
    pub journal: Journal,
}

impl Record {
    /// Reads the record of a row and folds its facts.
    ///
    /// # Errors
    /// Its bytes cannot be read, a fact does not follow from those before it, or the facts lead to another state than
    /// the row says.
    pub(crate) fn of(subscription: &Subscription) -> Result<Self, Damaged> {
        let what = format_args!("the record of webhook {}", subscription.id);
        hookmill_store::read(what, &subscription.record, |bytes| Self::parse(bytes, subscription.state))
    }

    fn parse(bytes: &[u8], state: SubscriptionState) -> Result<Self, serde_json::Error> {
        let mut record: Self = serde_json::from_slice(bytes)?;
        if record.journal.is_empty() {
            // Earlier releases kept where the generation stood in place of its facts, under the same names.
            let mut life: machine::Subscription = serde_json::from_slice(bytes)?;
            life.state = state;
            record.journal = Journal::begun_at(life);
        }
        if record.life().state != state {
            let message = format!("its facts say that it is {}, its row says {state}", record.life().state);
            return Err(serde_json::Error::custom(message));
        }
        Ok(record)
    }

    /// Where the generation stands.
    pub(crate) const fn life(&self) -> &machine::Subscription {
        self.journal.life()
    }

    /// What the maker should know.
    pub(crate) fn warning(&self) -> Option<String> {
        let upkeep = &self.life().upkeep;
        match (&upkeep.trouble, &upkeep.update_trouble, &self.life().warning) {
            (Some(why), ..) => Some(format!("The webhook could not be renewed; it is tried again: {why}")),
            (None, Some(why), _) => {
                Some(format!("The service has not changed the webhook as the trigger was; it is tried again: {why}"))
            }
            (None, None, warning) => warning.as_ref().map(ToString::to_string),
        }
    }

    /// Which facts follow from an input, and adds them.
    ///
    /// # Errors
    /// One does not follow: a fault of the program. Nothing is added then.
    pub(crate) fn decide(&mut self, now: Timestamp, input: machine::Input) -> Result<Vec<Fact>, Error> {
        let facts = self.journal.decide(now, input);
        self.journal.take(&facts).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(facts)
    }

    /// Whether it is an address of the flow's own, of which no service was told by a request.
    pub(crate) const fn is_local(&self) -> bool {
        self.is_by_hand || (self.operation.is_none() && self.described_in.is_none())
    }

    /// Whether something of it stands in plain that is to be sealed.
    pub(crate) fn is_plain(&self) -> bool {
        let is_plain = |value: &Value| !value.is_null() && !is_lost(value);
        is_plain(&self.parameters)
            || self.reply.as_ref().is_some_and(is_plain)
            || has_plain_fingerprint(&self.fingerprint)
    }
}

#[cfg(test)]
mod tests;
