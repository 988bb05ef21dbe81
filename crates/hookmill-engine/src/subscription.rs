//! The life of one generation of a webhook at the service: asked for, live, being deleted, gone.
//!
//! Legal transitions, everything else is refused by [`apply`]:
//!
//! ```text
//! Absent   ── CreationStarted ───▶ Creating
//! Creating ── CreationStarted ───▶ Creating     sent again, once the service is known to have no such webhook
//! Creating ── CreationUndecided ─▶ Creating     no answer, or one that does not say whether the webhook exists
//! Creating ── SearchFailed ──────▶ Creating     the service could not say which webhooks it has
//! Creating ── CreationEnded ─────▶ Live | Failed
//! Creating ── CreationWithdrawn ─▶ Deleting     not wanted any more, or not to be found out; it may exist
//! Creating ── Abandoned ─────────▶ Gone         nothing can be found out; the next generation takes over
//! Live     ── Doubted ───────────▶ Creating     the data were restored; the service is asked whether it has it
//! Live     ── DeletionStarted ───▶ Deleting
//! Deleting ── DeletionStarted ───▶ Deleting     the next try
//! Deleting ── Located ───────────▶ Deleting     the service lists the webhook, so it can be deleted
//! Deleting ── DeletionEnded ─────▶ Deleting (with a time for the next try) | Gone
//! Gone     ── AddressLearned ────▶ Gone         it was left behind, and the connector says by now where it is
//! Gone     ── DeletionStarted ───▶ Deleting     it was left behind at the service, and a person asks for it again
//! Gone     ── Settled ───────────▶ Gone         it was left behind, and a person says that it does not matter
//!
//! Live     ── see `upkeep` ──────▶ Live         renewed, changed, replaced, asked for what it missed
//!
//! Absent, Gone ── AddressOpened ─▶ Live         an address of the flow's own, of which no service knows
//! Live     ── AddressClosed ─────▶ Gone         as above
//! ```
//!
//! A row keeps the facts ([`Journal`]), and begins with a [`Fact::Snapshot`] where there were many of them.
//!
//! A timeout, a reset connection, a 5xx and a 429 are no refusals: the creation is tried again at the time that the
//! service names, or after a growing wait. Before a creation is sent again the service is asked for a webhook with our
//! callback URL, unless it is certain that there is none. A generation that may exist is pursued until the service is
//! known not to have it, whatever happens to its flow.
//!
//! A generation that is not `Creating` or `Live` answers notifications with 410, and each generation has its own
//! callback URL. So a webhook that survives at the service, because its deletion fails or because a crash hid that it
//! was created, never starts a run twice; it only uncovers itself. A new generation is asked for once the old one is
//! at least `Deleting`: a service whose delete operation is out of order must not keep the flow from working.
//!
//! Not here: building the requests (`hookmill-connector`), sending them (the runtime through the executor), the
//! capability in the callback URL (`hookmill-vault`).

pub mod fact;
mod fold;
mod journal;
mod refusal;
mod upkeep;

use std::time::Duration;

use hookmill_model::{Str, SubscriptionState, Timestamp, Value};
use serde::{Deserialize, Serialize};

use crate::command::{Outcome, Performed};
use crate::retry::retry_after;
pub use fact::Fact;
pub use fold::{IllegalFact, apply, fold};
pub use journal::{FACTS_MAX, Journal};
pub use refusal::Refusal;
use refusal::refusal;
pub use upkeep::{RECOVERY_TRIES_MAX, Upkeep, Upkept};

/// Waits before the second, third, … try of a deletion; the last one repeats.
const DELETION_WAITS: &[Duration] = &[
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3_600),
    Duration::from_secs(6 * 3_600),
];

/// Waits before the second, third, … try of a creation, and between questions after it; the last one repeats.
const CREATION_WAITS: &[Duration] = &[
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3_600),
    Duration::from_secs(6 * 3_600),
];

/// After this many creations (about a month with the waits above) the service has refused.
pub const CREATION_TRIES_MAX: u32 = 120;

/// So often a service may refuse to list its webhooks before the next generation takes over.
const SEARCH_REFUSALS_MAX: u32 = 3;

/// A service may still be working on a creation whose connection was lost. That it does not list the webhook proves
/// only after this time that there is none.
const ABSENT_AFTER: Duration = Duration::from_secs(60);

/// No service is waited for longer than this, whatever its `Retry-After` says.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3_600);

/// After this many tries (about a month with the waits above) a deletion has failed for good.
pub const DELETION_TRIES_MAX: u32 = 120;

/// Where a generation stands: the fold of its facts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Subscription {
    /// The state, as lists show it.
    pub state: SubscriptionState,
    /// How to delete the webhook.
    pub address: Option<Value>,
    /// What the maker should know.
    pub warning: Option<Str>,
    /// Why it was not created.
    pub refusal: Option<Refusal>,
    /// Deletions tried.
    pub tries: u32,
    /// When the next creation, question or deletion is due.
    pub retry_at: Option<Timestamp>,
    /// Creations sent, those of the generations before included whose outcomes could not be found out.
    pub creations: u32,
    /// When the last creation was sent.
    pub sent_at: Option<Timestamp>,
    /// Whether it is certain that the service has no webhook of this generation.
    pub known_absent: bool,
    /// Questions in a row that the service could not answer.
    pub searches: u32,
    /// Whether it is to be deleted, and must be found in the service's list first.
    pub is_sought: bool,
    /// What is to be done for it while it is live.
    pub upkeep: Upkeep,
}

impl Default for Subscription {
    fn default() -> Self {
        Self {
            state: SubscriptionState::Absent,
            address: None,
            warning: None,
            refusal: None,
            tries: 0,
            retry_at: None,
            creations: 0,
            sent_at: None,
            known_absent: false,
            searches: 0,
            is_sought: false,
            upkeep: Upkeep::default(),
        }
    }
}

impl Subscription {
    /// Whether it may be an address of the flow's own: nothing was ever sent to a service for it.
    #[must_use]
    pub const fn is_local(&self) -> bool {
        self.creations == 0 && self.address.is_none()
    }
}

/// What a generation is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Create the webhook, or send the creation again that is certain to have created nothing.
    Create {
        /// Host and path of the callback URL without the capability.
        callback: Str,
        /// Creations that were sent for the generations before, whose outcomes could not be found out.
        earlier: u32,
    },
    /// The creation ended. `address`, `warning` and `refused` are what `hookmill-connector` read from the answer.
    CreationEnded {
        /// The exchange.
        performed: Performed,
        /// How to delete it.
        address: Option<Value>,
        /// What the maker should know.
        warning: Option<Str>,
        /// Why an answer of a good status means that nothing was created.
        refused: Option<Str>,
    },
    /// The service lists a webhook with our callback URL.
    Found {
        /// How to delete it, where that is known.
        address: Option<Value>,
        /// What the maker should know.
        warning: Option<Str>,
        /// The exchange that found it.
        performed: Performed,
    },
    /// The service lists its webhooks and ours is not among them.
    NotFound {
        /// Host and path of the callback URL without the capability.
        callback: Str,
        /// The exchange that did not find it.
        performed: Performed,
    },
    /// The service was asked for its webhooks, and could not say.
    SearchFailed(Performed),
    /// There is no operation by which the service could be asked for its webhooks.
    CannotSearch,
    /// The data are those of a backup: what was live then may not be now.
    Doubt,
    /// The webhook is not wanted any more, and nobody knows whether it exists.
    Withdraw {
        /// Whether the service can be asked for its webhooks; otherwise its deletion must need no address.
        sought: bool,
    },
    /// Delete the webhook.
    Delete,
    /// The deletion ended; `None` where no delete request is known.
    DeletionEnded(Option<Performed>),
    /// The service has nothing at an address that nobody but Hookmill named, so the webhook may be elsewhere.
    DeletionUnproven(Performed),
    /// The flow takes calls at an address of its own.
    Open,
    /// The flow takes no calls at an address of its own any more.
    Close,
    /// How the webhook that was left behind is deleted.
    Learn {
        /// The address.
        address: Value,
    },
    /// A person says that nothing more is to be done about a webhook that was left behind.
    Settle,
    /// About the renewal of a live webhook, and what its service could not deliver.
    Upkeep(Upkept),
}

/// Says which facts follow from an input. An input that does not fit the state gives none.
#[must_use]
pub fn decide(subscription: &Subscription, now: Timestamp, input: Input) -> Vec<Fact> {
    use SubscriptionState as S;
    match (subscription.state, input) {
        (S::Absent, Input::Create { callback, earlier }) => vec![Fact::CreationStarted(fact::CreationStarted { at: now, callback, earlier })],
        (S::Creating, Input::Create { callback, .. }) if subscription.known_absent => {
            vec![Fact::CreationStarted(fact::CreationStarted { at: now, callback, earlier: 0 })]
        }
        (S::Creating, Input::CreationEnded { performed, address, warning, refused }) => {
            creation_ended(subscription, now, performed, refused, (address, warning))
        }
        (S::Creating, Input::Found { address, warning, performed }) => vec![
            Fact::Searched(fact::Searched { at: now, found: Some(true) }),
            Fact::CreationEnded(fact::CreationEnded { at: now, performed, address, warning, refusal: None }),
        ],
        (S::Creating, Input::NotFound { callback, .. }) => {
            vec![Fact::Searched(fact::Searched { at: now, found: Some(false) }), Fact::CreationStarted(fact::CreationStarted { at: now, callback, earlier: 0 })]
        }
        (S::Creating, Input::SearchFailed(performed)) => search_failed(subscription, now, performed),
        (S::Live, Input::Upkeep(input)) => upkeep::decide(subscription, now, input),
        (S::Live, Input::Doubt) => vec![Fact::Doubted(fact::Doubted { at: now })],
        // It cannot be asked for, and can be deleted: the next generation takes its place.
        (S::Creating, Input::CannotSearch) if subscription.address.is_some() => {
            vec![Fact::Searched(fact::Searched { at: now, found: None }), Fact::CreationWithdrawn(fact::CreationWithdrawn { at: now, sought: false })]
        }
        (S::Creating, Input::CannotSearch) => {
            vec![Fact::Searched(fact::Searched { at: now, found: None }), Fact::Abandoned(fact::Abandoned { at: now })]
        }
        (S::Creating, Input::Withdraw { .. }) if subscription.known_absent => vec![Fact::Abandoned(fact::Abandoned { at: now })],
        (S::Creating, Input::Withdraw { sought }) => {
            vec![Fact::CreationWithdrawn(fact::CreationWithdrawn { at: now, sought: sought && subscription.address.is_none() })]
        }
        (S::Live | S::Deleting, Input::Delete) => vec![Fact::DeletionStarted(fact::DeletionStarted { at: now })],
        // One that was left behind; a person asks for it.
        (S::Gone, Input::Delete) if subscription.warning.is_some() => vec![Fact::DeletionStarted(fact::DeletionStarted { at: now })],
        (S::Deleting, Input::Found { address: Some(address), performed, .. }) if subscription.is_sought => {
            vec![Fact::Located(fact::Located { at: now, address, performed })]
        }
        (S::Deleting, Input::Found { address: None, .. } | Input::CannotSearch) if subscription.is_sought => {
            vec![deletion_ended(subscription, now, None)]
        }
        (S::Deleting, Input::NotFound { performed, .. }) if subscription.is_sought => {
            not_listed(subscription, now, performed)
        }
        (S::Deleting, Input::SearchFailed(performed)) if subscription.is_sought => {
            vec![deletion_failed(subscription, now, performed)]
        }
        (S::Deleting, Input::DeletionEnded(performed)) => vec![deletion_ended(subscription, now, performed)],
        (S::Deleting, Input::DeletionUnproven(performed)) => vec![Fact::DeletionEnded(fact::DeletionEnded {
            at: now,
            performed: Some(performed),
            retry_at: None,
            warning: Some(
                "the service has nothing at the address that was found for the webhook; whether the webhook is gone is not known"
                    .into(),
            ),
        })],
        (S::Absent | S::Gone, Input::Open) if subscription.is_local() => {
            vec![Fact::AddressOpened(fact::AddressOpened { at: now })]
        }
        (S::Live | S::Creating, Input::Close) if subscription.is_local() => {
            vec![Fact::AddressClosed(fact::AddressClosed { at: now })]
        }
        (S::Gone, Input::Learn { address }) if subscription.warning.is_some() => {
            vec![Fact::AddressLearned(fact::AddressLearned { at: now, address })]
        }
        (S::Gone, Input::Settle) if subscription.warning.is_some() => vec![Fact::Settled(fact::Settled { at: now })],
        _ => Vec::new(),
    }
}

/// When something is tried again: at the time that the service asks for, or after `wait`.
fn again_at(now: Timestamp, performed: &Performed, wait: Duration) -> Timestamp {
    let asked_for = match &performed.outcome {
        Outcome::Replied { headers, .. } => retry_after(headers, now).map(|span| span.min(RETRY_AFTER_MAX)),
        Outcome::NoReply { .. } => None,
    };
    now.plus(asked_for.unwrap_or(wait))
}

/// The wait before the try after the `nth`, from 1.
fn wait_after(waits: &[Duration], nth: u32) -> Duration {
    let place = usize::try_from(nth.saturating_sub(1)).unwrap_or(usize::MAX);
    waits[place.min(waits.len() - 1)]
}

/// What a creation's exchange leaves open; `None` where it decides.
fn undecided(subscription: &Subscription, performed: &Performed) -> Option<bool> {
    match &performed.outcome {
        // The service has not begun; it only asks for patience.
        Outcome::Replied { status: 429, .. } => Some(true),
        Outcome::Replied { status: 501 | 505, .. } => None,
        Outcome::Replied { status: 408 | 425 | 500..=599, .. } | Outcome::NoReply { maybe_sent: true, .. } => {
            Some(false)
        }
        // A person who saves is told at once that the service cannot be reached. Later tries go on by themselves.
        Outcome::NoReply { maybe_sent: false, retryable: true, .. } if subscription.creations > 1 => Some(true),
        _ => None,
    }
}

fn creation_ended(
    subscription: &Subscription,
    now: Timestamp,
    performed: Performed,
    refused: Option<Str>,
    (address, warning): (Option<Value>, Option<Str>),
) -> Vec<Fact> {
    let said = |message| Refusal {
        code: "webhook_refused".into(),
        message,
        hint: Some("The service's answer below says why. Mend the trigger or the connection, then try again.".into()),
    };
    let refusal = refusal(&performed).or_else(|| refused.map(said));
    match (undecided(subscription, &performed), &refusal) {
        (Some(known_absent), Some(refusal)) if !(known_absent && subscription.creations >= CREATION_TRIES_MAX) => {
            let retry_at = again_at(now, &performed, wait_after(CREATION_WAITS, subscription.creations));
            let why = refusal.message.clone();
            let undecided =
                Fact::CreationUndecided(fact::CreationUndecided { at: now, performed, known_absent, retry_at, why });
            if subscription.creations >= CREATION_TRIES_MAX {
                return vec![undecided, Fact::CreationWithdrawn(fact::CreationWithdrawn { at: now, sought: true })];
            }
            vec![undecided]
        }
        _ => {
            let (address, warning) = if refusal.is_some() { (None, None) } else { (address, warning) };
            vec![Fact::CreationEnded(fact::CreationEnded { at: now, performed, address, warning, refusal })]
        }
    }
}

fn search_failed(subscription: &Subscription, now: Timestamp, performed: Performed) -> Vec<Fact> {
    let nth = subscription.creations.max(1) + subscription.searches;
    let retry_at = again_at(now, &performed, wait_after(CREATION_WAITS, nth));
    let is_refused = match &performed.outcome {
        Outcome::Replied { status, .. } => matches!(status, 400..=499) && !matches!(status, 408 | 425 | 429),
        Outcome::NoReply { retryable, .. } => !retryable,
    };
    let why = match refusal(&performed) {
        Some(refusal) => refusal.message,
        None => "The service answered the question for its webhooks with something that is no list.".into(),
    };
    let mut facts = vec![Fact::SearchFailed(fact::SearchFailed { at: now, performed, retry_at, why })];
    if is_refused && subscription.searches + 1 >= SEARCH_REFUSALS_MAX {
        facts
            .push(Fact::CreationWithdrawn(fact::CreationWithdrawn { at: now, sought: subscription.address.is_none() }));
    }
    facts
}

/// The service does not list a webhook that is to be deleted: it is gone, unless its creation may still be under way.
fn not_listed(subscription: &Subscription, now: Timestamp, performed: Performed) -> Vec<Fact> {
    let certain_at = subscription.sent_at.map_or(now, |at| at.plus(ABSENT_AFTER));
    let retry_at = (certain_at > now).then_some(certain_at);
    vec![
        Fact::Searched(fact::Searched { at: now, found: Some(false) }),
        Fact::DeletionEnded(fact::DeletionEnded { at: now, performed: Some(performed), retry_at, warning: None }),
    ]
}

fn deletion_ended(subscription: &Subscription, now: Timestamp, performed: Option<Performed>) -> Fact {
    let Some(exchange) = performed else {
        let warning = Some("the webhook may still exist at the service: how to delete it there is not known".into());
        return Fact::DeletionEnded(fact::DeletionEnded { at: now, performed: None, retry_at: None, warning });
    };
    let gone = matches!(&exchange.outcome, Outcome::Replied { status, .. } if matches!(status, 200..=299 | 404 | 410));
    if gone {
        return Fact::DeletionEnded(fact::DeletionEnded {
            at: now,
            performed: Some(exchange),
            retry_at: None,
            warning: None,
        });
    }
    deletion_failed(subscription, now, exchange)
}

fn deletion_failed(subscription: &Subscription, now: Timestamp, performed: Performed) -> Fact {
    if subscription.tries >= DELETION_TRIES_MAX {
        let tries = subscription.tries;
        let warning = Some(if subscription.is_sought {
            format!("the service did not say in {tries} tries whether it has the webhook").into()
        } else {
            format!("the service refused {tries} times to delete the webhook").into()
        });
        return Fact::DeletionEnded(fact::DeletionEnded {
            at: now,
            performed: Some(performed),
            retry_at: None,
            warning,
        });
    }
    let retry_at = Some(again_at(now, &performed, wait_after(DELETION_WAITS, subscription.tries)));
    Fact::DeletionEnded(fact::DeletionEnded { at: now, performed: Some(performed), retry_at, warning: None })
}

#[cfg(test)]
mod tests;
