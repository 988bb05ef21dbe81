//! Generations of webhooks at services.

use bytes::Bytes;
use hookmill_model::{FlowId, SubscriptionId, SubscriptionState, Timestamp, UserId};

/// One generation of the webhook of a flow's trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its identifier.
    pub id: SubscriptionId,
    /// The flow.
    pub flow: FlowId,
    /// Whose it is.
    pub owner: UserId,
    /// Counts from 1 per flow.
    pub generation: u32,
    /// Where it stands.
    pub state: SubscriptionState,
    /// Counts every change; see [`crate::Expect::SubscriptionEtag`].
    pub etag: u64,
    /// The keyed hash of the capability in its callback URL. Two generations never have the same.
    pub capability: [u8; 32],
    /// Everything else that its machine needs, in the runtime's own form.
    pub record: Bytes,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Subscription {
    /// Whether the service may have the webhook: then its row is kept, even when its flow is forgotten.
    #[must_use]
    pub const fn may_exist(&self) -> bool {
        !matches!(self.state, SubscriptionState::Gone | SubscriptionState::Failed)
    }

    /// Whether something is still to be done at the service.
    #[must_use]
    pub const fn is_unfinished(&self) -> bool {
        matches!(self.state, SubscriptionState::Absent | SubscriptionState::Creating | SubscriptionState::Deleting)
    }
}
