//! What can happen to one generation of a webhook. Its life is the fold of these facts.
//!
//! They are stored twice: the journal of the run that created or deleted the webhook has them with the exchange, for
//! people, as long as that run is kept; the row of the generation has them without it, as long as the row is kept (see
//! [`super::Journal`]). Their form is a promise: members are only added, with a default.

use hookmill_model::{Object, Str, Timestamp, Value};
use serde::{Deserialize, Serialize};

use super::{Refusal, Subscription};
use crate::command::{Outcome, Performed};

/// Something that happened to a generation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// The request that creates the webhook is about to be sent.
    CreationStarted(CreationStarted),
    /// The creation was sent, or could not be sent now, and is tried again.
    CreationUndecided(CreationUndecided),
    /// The service was asked which webhooks it has, since it is not known whether ours exists.
    Searched(Searched),
    /// The service was asked which webhooks it has, and could not say.
    SearchFailed(SearchFailed),
    /// The data are those of a backup, so it is not known whether the service still has the webhook.
    Doubted(Doubted),
    /// The webhook is not wanted any more, or the next generation takes over, and it may exist: it is to be deleted.
    CreationWithdrawn(CreationWithdrawn),
    /// The service lists a webhook that is to be deleted.
    Located(Located),
    /// The service answered the creation, or did not.
    CreationEnded(CreationEnded),
    /// Nobody knows whether the webhook exists; this generation is given up.
    Abandoned(Abandoned),
    /// The request that deletes the webhook is about to be sent.
    DeletionStarted(DeletionStarted),
    /// The service answered the deletion, or did not.
    DeletionEnded(DeletionEnded),
    /// An address of the flow's own takes calls; no service knows of it.
    AddressOpened(AddressOpened),
    /// An address of the flow's own takes no calls any more.
    AddressClosed(AddressClosed),
    /// The connector says by now how a webhook is deleted that was left behind.
    AddressLearned(AddressLearned),
    /// A person says that nothing more is to be done about a webhook that was left behind.
    Settled(Settled),
    /// The service says until when it keeps the webhook: it was created or renewed.
    ExpiryLearned(ExpiryLearned),
    /// The service asks for the renewal before it would be due.
    RenewalDemanded(RenewalDemanded),
    /// The webhook was not renewed.
    RenewalFailed(RenewalFailed),
    /// The next generation takes its place; it takes calls until that one is live.
    Outdated(Outdated),
    /// Deliveries since a moment may not have arrived.
    Missed(Missed),
    /// The service could not be asked for missed deliveries.
    RecoveryFailed(RecoveryFailed),
    /// The service was asked for missed deliveries.
    Recovered(Recovered),
    /// The service is about to be asked to change the webhook in place.
    UpdateStarted(UpdateStarted),
    /// Whether it did is not known.
    UpdateFailed(UpdateFailed),
    /// It did.
    Updated(Updated),
    /// Where the generation stood when its facts so far were put together. Only the first fact of a row may be this.
    Snapshot(Box<Subscription>),
}

/// The request that creates the webhook is about to be sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreationStarted {
    /// When the request was handed out, in microseconds since 1970.
    pub at: Timestamp,
    /// The callback URL's host and path without the capability, for the history.
    pub callback: Str,
    /// Creations that were sent for the generations before, whose outcomes could not be found out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub earlier: u32,
}

/// The creation was sent, or could not be sent now, and is tried again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreationUndecided {
    /// When the outcome was known, in microseconds since 1970.
    pub at: Timestamp,
    /// The exchange, secrets redacted.
    pub performed: Performed,
    /// Whether it is certain that the service has created nothing.
    pub known_absent: bool,
    /// When the service is asked again.
    pub retry_at: Timestamp,
    /// What happened, for people.
    pub why: Str,
}

/// The service was asked which webhooks it has, since it is not known whether ours exists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Searched {
    /// When the search ended, in microseconds since 1970.
    pub at: Timestamp,
    /// Whether ours was among them; `None` where the service cannot list webhooks.
    pub found: Option<bool>,
}

/// The service was asked which webhooks it has, and could not say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SearchFailed {
    /// When the question failed, in microseconds since 1970.
    pub at: Timestamp,
    /// The exchange, secrets redacted.
    pub performed: Performed,
    /// When it is asked again.
    pub retry_at: Timestamp,
    /// What happened, for people.
    pub why: Str,
}

/// The data are those of a backup, so it is not known whether the service still has the webhook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Doubted {
    /// When the backup was brought back, in microseconds since 1970.
    pub at: Timestamp,
}

/// The webhook is not wanted any more, or the next generation takes over, and it may exist: it is to be deleted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreationWithdrawn {
    /// When it was withdrawn, in microseconds since 1970.
    pub at: Timestamp,
    /// Whether it is looked for in the service's list first; `false` where its deletion needs no address.
    pub sought: bool,
}

/// The service lists a webhook that is to be deleted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Located {
    /// When it was found, in microseconds since 1970.
    pub at: Timestamp,
    /// How to delete it.
    pub address: Value,
    /// The exchange, secrets redacted.
    pub performed: Performed,
}

/// The service answered the creation, or did not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreationEnded {
    /// When the outcome was known, in microseconds since 1970.
    pub at: Timestamp,
    /// The exchange, secrets redacted.
    pub performed: Performed,
    /// How to delete the webhook, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Value>,
    /// What the maker should know although the webhook was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<Str>,
    /// Why it was not created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
}

/// Nobody knows whether the webhook exists; this generation is given up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Abandoned {
    /// When it was given up, in microseconds since 1970.
    pub at: Timestamp,
}

/// The request that deletes the webhook is about to be sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeletionStarted {
    /// When the request was handed out, in microseconds since 1970.
    pub at: Timestamp,
}

/// The service answered the deletion, or did not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeletionEnded {
    /// When the outcome was known, in microseconds since 1970.
    pub at: Timestamp,
    /// The exchange; `None` where no delete request is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub performed: Option<Performed>,
    /// When to try again; `None` when this was the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
    /// Why the webhook may still exist at the service although this was the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<Str>,
}

/// An address of the flow's own takes calls; no service knows of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AddressOpened {
    /// When its flow was turned on, in microseconds since 1970.
    pub at: Timestamp,
}

/// An address of the flow's own takes no calls any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AddressClosed {
    /// When its flow was turned off, or got another address, in microseconds since 1970.
    pub at: Timestamp,
}

/// The connector says by now how a webhook is deleted that was left behind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AddressLearned {
    /// When a person asked for the deletion, in microseconds since 1970.
    pub at: Timestamp,
    /// How to delete the webhook.
    pub address: Value,
}

/// A person says that nothing more is to be done about a webhook that was left behind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settled {
    /// When the person said so, in microseconds since 1970.
    pub at: Timestamp,
}

/// The service says until when it keeps the webhook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExpiryLearned {
    /// When that was known, in microseconds since 1970.
    pub at: Timestamp,
    /// When the webhook expires.
    pub expires_at: Timestamp,
    /// When it is to be renewed.
    pub renew_at: Timestamp,
}

/// The service asks for the renewal before it would be due.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RenewalDemanded {
    /// When it asked, in microseconds since 1970.
    pub at: Timestamp,
}

/// The webhook was not renewed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RenewalFailed {
    /// When that was known, in microseconds since 1970.
    pub at: Timestamp,
    /// When it is tried again.
    pub retry_at: Timestamp,
    /// What happened, for people.
    pub why: Str,
}

/// The next generation takes its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outdated {
    /// When that was decided, in microseconds since 1970.
    pub at: Timestamp,
}

/// Deliveries since a moment may not have arrived.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Missed {
    /// When that was known, in microseconds since 1970.
    pub at: Timestamp,
    /// The beginning of the gap.
    pub since: Timestamp,
}

/// The service could not be asked for missed deliveries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecoveryFailed {
    /// When that was known, in microseconds since 1970.
    pub at: Timestamp,
    /// When it is asked again.
    pub retry_at: Timestamp,
}

/// The service was asked for missed deliveries, or is not asked any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recovered {
    /// When that was done, in microseconds since 1970.
    pub at: Timestamp,
}

/// The service is about to be asked to change the webhook in place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdateStarted {
    /// When that was decided, in microseconds since 1970.
    pub at: Timestamp,
}

/// Whether the service changed the webhook is not known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdateFailed {
    /// When that was known, in microseconds since 1970.
    pub at: Timestamp,
    /// When it is tried again.
    pub retry_at: Timestamp,
    /// What happened, for people.
    pub why: Str,
}

/// The service changed the webhook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Updated {
    /// When that was known, in microseconds since 1970.
    pub at: Timestamp,
}

impl Fact {
    /// The exchange with the service that the fact records.
    #[must_use]
    pub const fn performed(&self) -> Option<&Performed> {
        match self {
            Self::CreationUndecided(CreationUndecided { performed, .. })
            | Self::SearchFailed(SearchFailed { performed, .. })
            | Self::CreationEnded(CreationEnded { performed, .. })
            | Self::Located(Located { performed, .. }) => Some(performed),
            Self::DeletionEnded(DeletionEnded { performed, .. }) => performed.as_ref(),
            _ => None,
        }
    }

    /// The fact without what the service was sent and without the headers and the body of its answer: nothing of that
    /// decides where the generation stands.
    #[must_use]
    pub fn without_exchange(mut self) -> Self {
        match &mut self {
            Self::CreationUndecided(CreationUndecided { performed, .. })
            | Self::SearchFailed(SearchFailed { performed, .. })
            | Self::CreationEnded(CreationEnded { performed, .. })
            | Self::Located(Located { performed, .. })
            | Self::DeletionEnded(DeletionEnded { performed: Some(performed), .. }) => {
                performed.request = Value::Null;
                if let Outcome::Replied { headers, body, .. } = &mut performed.outcome {
                    *headers = Object::new();
                    *body = None;
                }
            }
            _ => {}
        }
        self
    }

    /// What the fact is called in the journal.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CreationStarted(_) => "creation_started",
            Self::CreationUndecided(_) => "creation_undecided",
            Self::Searched(_) => "searched",
            Self::SearchFailed(_) => "search_failed",
            Self::Doubted(_) => "doubted",
            Self::CreationWithdrawn(_) => "creation_withdrawn",
            Self::Located(_) => "located",
            Self::CreationEnded(_) => "creation_ended",
            Self::Abandoned(_) => "abandoned",
            Self::DeletionStarted(_) => "deletion_started",
            Self::DeletionEnded(_) => "deletion_ended",
            Self::AddressOpened(_) => "address_opened",
            Self::AddressClosed(_) => "address_closed",
            Self::AddressLearned(_) => "address_learned",
            Self::Settled(_) => "settled",
            Self::ExpiryLearned(_) => "expiry_learned",
            Self::RenewalDemanded(_) => "renewal_demanded",
            Self::RenewalFailed(_) => "renewal_failed",
            Self::Outdated(_) => "outdated",
            Self::Missed(_) => "missed",
            Self::RecoveryFailed(_) => "recovery_failed",
            Self::Recovered(_) => "recovered",
            Self::UpdateStarted(_) => "update_started",
            Self::UpdateFailed(_) => "update_failed",
            Self::Updated(_) => "updated",
            Self::Snapshot(_) => "snapshot",
        }
    }

    /// The bytes for the journal of a run.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // Facts have text keys and finite numbers only, so writing them cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads the bytes of the journal.
    ///
    /// # Errors
    /// The parser's error: the store is damaged, or the fact is of a later version.
    pub fn decode(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

/// Whether a number is left out of the journal.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}
