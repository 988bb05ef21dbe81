//! Stored notifications, and the queue of those no run has taken yet.

use std::time::Duration;

use bytes::Bytes;
use hookmill_model::{EventId, FlowId, SubscriptionId, Timestamp};

/// A notification as it came in, or the input of a run that a person started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its identifier.
    pub id: EventId,
    /// The flow whose trigger it is for.
    pub flow: FlowId,
    /// The generation of the webhook that it came by; `None` for other triggers.
    pub subscription: Option<SubscriptionId>,
    /// When it came.
    pub received_at: Timestamp,
    /// One line for lists.
    pub summary: String,
    /// What came beside the body (method, headers, query, path), in the writer's own form.
    pub head: Bytes,
    /// The body, byte by byte.
    pub body: Bytes,
}

/// Says that an event must not be stored twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dedupe {
    /// What the sender calls the delivery, or each of its items; unique per flow. The event is refused where all of them
    /// are remembered, and is never refused without any.
    pub keys: Vec<Bytes>,
    /// How long the keys are remembered, counted from `received_at`; at most [`Dedupe::WINDOW_MAX`].
    pub window: Duration,
}

impl Dedupe {
    /// Keys are kept no longer.
    pub const WINDOW_MAX: Duration = Duration::from_secs(7 * 24 * 3_600);
    /// Keys are kept in buckets of this span, so that new keys stay close together in the store.
    pub const BUCKET: Duration = Duration::from_secs(6 * 3_600);

    /// The bucket of a moment.
    #[must_use]
    pub fn bucket(at: Timestamp) -> i64 {
        at.as_micros().div_euclid(i64::try_from(Self::BUCKET.as_micros()).unwrap_or(i64::MAX))
    }

    /// The buckets in which a key received `at` may stand already, oldest first, its own last.
    #[must_use]
    pub fn buckets(&self, at: Timestamp) -> std::ops::RangeInclusive<i64> {
        let window = self.window.min(Self::WINDOW_MAX);
        let begin = at.as_micros().saturating_sub(i64::try_from(window.as_micros()).unwrap_or(i64::MAX));
        Self::bucket(Timestamp::from_micros(begin))..=Self::bucket(at)
    }
}

/// An event without its bytes, for lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventListed {
    /// Its identifier.
    pub id: EventId,
    /// The flow whose trigger it is for.
    pub flow: FlowId,
    /// The generation of the webhook that it came by.
    pub subscription: Option<SubscriptionId>,
    /// When it came.
    pub received_at: Timestamp,
    /// One line for lists.
    pub summary: String,
}

impl Event {
    /// The event without its bytes.
    #[must_use]
    pub fn listed(&self) -> EventListed {
        EventListed {
            id: self.id,
            flow: self.flow,
            subscription: self.subscription,
            received_at: self.received_at,
            summary: self.summary.clone(),
        }
    }
}

/// An event that no run has taken yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingEvent {
    /// Its place in the order of acceptance.
    pub position: u64,
    /// The event.
    pub event: Event,
}
