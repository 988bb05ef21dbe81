//! The life of one generation of a webhook at the service: asked for, live, being deleted, gone.
//!
//! Legal transitions, everything else is refused by [`apply`]:
//!
//! ```text
//! Absent   ── CreationStarted ──▶ Creating
//! Creating ── CreationStarted ──▶ Creating      sent again after a crash, once the service was asked and had none
//! Creating ── CreationEnded ────▶ Live | Failed
//! Creating ── Abandoned ────────▶ Gone          a crash hid the answer; the next generation takes over
//! Live     ── DeletionStarted ──▶ Deleting
//! Deleting ── DeletionStarted ──▶ Deleting      the next try
//! Deleting ── DeletionEnded ────▶ Deleting (with a time for the next try) | Gone
//! ```
//!
//! A generation that is not `Creating` or `Live` answers notifications with 410, and each generation has its own
//! callback URL. So a webhook that survives at the service, because its deletion fails or because a crash hid that it
//! was created, never starts a run twice; it only uncovers itself. A new generation is asked for once the old one is
//! at least `Deleting`: a service whose delete operation is out of order must not keep the flow from working.
//!
//! Not here: building the requests (`hookmill-connector`), sending them (the runtime through the executor), the
//! capability in the callback URL (`hookmill-vault`).

use std::time::Duration;

use hookmill_model::{Str, SubscriptionState, Timestamp, Value};
use serde::{Deserialize, Serialize};

use crate::command::{Outcome, Performed};
use crate::retry::retry_after;

/// Waits before the second, third, … try of a deletion; the last one repeats.
const DELETION_WAITS: &[Duration] = &[
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3_600),
    Duration::from_secs(6 * 3_600),
];

/// No service is waited for longer than this, whatever its `Retry-After` says.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3_600);

/// After this many tries (about a month with the waits above) a deletion has failed for good.
pub const DELETION_TRIES_MAX: u32 = 120;

/// Something that happened to a generation; stored in the journal of its creation's or deletion's run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// The request that creates the webhook is about to be sent.
    CreationStarted {
        /// When.
        at: Timestamp,
        /// The callback URL's host and path without the capability, for the history.
        callback: Str,
    },
    /// The service was asked which webhooks it has, since a crash hid the answer to the creation.
    Searched {
        /// When.
        at: Timestamp,
        /// Whether ours was among them; `None` where the service cannot list webhooks.
        found: Option<bool>,
    },
    /// The service answered the creation, or did not.
    CreationEnded {
        /// When.
        at: Timestamp,
        /// The exchange, secrets redacted.
        performed: Performed,
        /// How to delete the webhook, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<Value>,
        /// What the maker should know although the webhook was created.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        warning: Option<Str>,
        /// Why it was not created.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refusal: Option<Refusal>,
    },
    /// Nobody knows whether the webhook exists; this generation is given up.
    Abandoned {
        /// When.
        at: Timestamp,
    },
    /// The request that deletes the webhook is about to be sent.
    DeletionStarted {
        /// When.
        at: Timestamp,
    },
    /// The service answered the deletion, or did not.
    DeletionEnded {
        /// When.
        at: Timestamp,
        /// The exchange; `None` where no delete request is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        performed: Option<Performed>,
        /// When to try again; `None` when this was the end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_at: Option<Timestamp>,
        /// Why the webhook may still exist at the service although this was the end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        warning: Option<Str>,
    },
}

/// Why a service did not create a webhook, in words for the maker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// `webhook_refused`, `service_unreachable`, …
    pub code: Str,
    /// What happened.
    pub message: Str,
    /// What to try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<Str>,
}

/// Where a generation stands.
#[derive(Clone, Debug, PartialEq)]
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
    /// When the next deletion is due.
    pub retry_at: Option<Timestamp>,
}

impl Default for Subscription {
    fn default() -> Self {
        Self { state: SubscriptionState::Absent, address: None, warning: None, refusal: None, tries: 0, retry_at: None }
    }
}

/// What a generation is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Create the webhook.
    Create {
        /// Host and path of the callback URL without the capability.
        callback: Str,
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
    /// After a crash during the creation: the service lists a webhook with our callback URL.
    Found {
        /// How to delete it.
        address: Value,
        /// The exchange that found it.
        performed: Performed,
    },
    /// After a crash during the creation: the service lists its webhooks and ours is not among them.
    NotFound {
        /// Host and path of the callback URL without the capability.
        callback: Str,
    },
    /// After a crash during the creation: the service cannot say.
    CannotSearch,
    /// Delete the webhook.
    Delete,
    /// The deletion ended; `None` where no delete request is known.
    DeletionEnded(Option<Performed>),
    /// The service has nothing at an address that nobody but Hookmill named, so the webhook may be elsewhere.
    DeletionUnproven(Performed),
}

/// A fact that does not follow from the state it was applied to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{fact} does not follow on {state}")]
pub struct IllegalFact {
    fact: &'static str,
    state: SubscriptionState,
}

/// Says which facts follow from an input. An input that does not fit the state gives none.
#[must_use]
pub fn decide(subscription: &Subscription, now: Timestamp, input: Input) -> Vec<Fact> {
    use SubscriptionState as S;
    match (subscription.state, input) {
        (S::Absent, Input::Create { callback }) => vec![Fact::CreationStarted { at: now, callback }],
        (S::Creating, Input::CreationEnded { performed, address, warning, refused }) => {
            let said = |message| Refusal {
                code: "webhook_refused".into(),
                message,
                hint: Some("The service's answer below says why. Mend the trigger or the connection, then try again.".into()),
            };
            let refusal = refusal(&performed).or_else(|| refused.map(said));
            let (address, warning) = if refusal.is_some() { (None, None) } else { (address, warning) };
            vec![Fact::CreationEnded { at: now, performed, address, warning, refusal }]
        }
        (S::Creating, Input::Found { address, performed }) => vec![
            Fact::Searched { at: now, found: Some(true) },
            Fact::CreationEnded { at: now, performed, address: Some(address), warning: None, refusal: None },
        ],
        (S::Creating, Input::NotFound { callback }) => {
            vec![Fact::Searched { at: now, found: Some(false) }, Fact::CreationStarted { at: now, callback }]
        }
        (S::Creating, Input::CannotSearch) => {
            vec![Fact::Searched { at: now, found: None }, Fact::Abandoned { at: now }]
        }
        (S::Live | S::Deleting, Input::Delete) => vec![Fact::DeletionStarted { at: now }],
        (S::Deleting, Input::DeletionEnded(performed)) => vec![deletion_ended(subscription, now, performed)],
        (S::Deleting, Input::DeletionUnproven(performed)) => vec![Fact::DeletionEnded {
            at: now,
            performed: Some(performed),
            retry_at: None,
            warning: Some(
                "the service has nothing at the address that was found for the webhook; whether the webhook is gone is not known"
                    .into(),
            ),
        }],
        _ => Vec::new(),
    }
}

fn deletion_ended(subscription: &Subscription, now: Timestamp, performed: Option<Performed>) -> Fact {
    let Some(exchange) = &performed else {
        let warning = Some("the webhook may still exist at the service: how to delete it there is not known".into());
        return Fact::DeletionEnded { at: now, performed, retry_at: None, warning };
    };
    let gone = matches!(&exchange.outcome, Outcome::Replied { status, .. } if matches!(status, 200..=299 | 404 | 410));
    if gone {
        return Fact::DeletionEnded { at: now, performed, retry_at: None, warning: None };
    }
    if subscription.tries >= DELETION_TRIES_MAX {
        let warning = Some(format!("the service refused {} times to delete the webhook", subscription.tries).into());
        return Fact::DeletionEnded { at: now, performed, retry_at: None, warning };
    }
    let place = usize::try_from(subscription.tries.saturating_sub(1)).unwrap_or(usize::MAX);
    let wait = DELETION_WAITS[place.min(DELETION_WAITS.len() - 1)];
    // A service that says when is asked then, and not before.
    let asked_for = match &exchange.outcome {
        Outcome::Replied { headers, .. } => retry_after(headers, now).map(|span| span.min(RETRY_AFTER_MAX)),
        Outcome::NoReply { .. } => None,
    };
    let retry_at = Some(now.plus(asked_for.unwrap_or(wait)));
    Fact::DeletionEnded { at: now, performed, retry_at, warning: None }
}

fn refusal(performed: &Performed) -> Option<Refusal> {
    let request = || {
        let part = |name: &str| performed.request.get(name).and_then(Value::as_str).unwrap_or_default();
        format!("{} {}", part("method"), part("uri"))
    };
    match &performed.outcome {
        Outcome::Replied { status: 200..=299, .. } => None,
        Outcome::Replied { status, .. } => {
            let hint = match status {
                401 => Some(
                    "The service does not accept the user name and password or token of the connection. Repair the \
                     connection, then try again.",
                ),
                403 => Some(
                    "The account of the connection may not manage webhooks there. Give it the permission (GitHub wants \
                     admin:repo_hook), then try again.",
                ),
                404 => Some(
                    "Check owner and repository, or what else the trigger asks for; some services answer 404 when the \
                     account may not manage webhooks there (GitHub wants admin:repo_hook).",
                ),
                400 | 422 => Some(
                    "The service understood the request but not its values. Its answer below says which; many services \
                     also refuse a callback URL that they cannot reach from the internet.",
                ),
                429 => Some("The service wants fewer requests. Wait a little, then try again."),
                500..=599 => Some("The service has a problem of its own. Try again later."),
                _ => None,
            };
            Some(Refusal {
                code: "webhook_refused".into(),
                message: format!("The service answered {status}{} to {}.", reason(*status), request()).into(),
                hint: hint.map(Into::into),
            })
        }
        Outcome::NoReply { code, message, .. } => Some(Refusal {
            code: "service_unreachable".into(),
            message: format!("No answer to {}: {message} ({code}).", request()).into(),
            hint: Some("Check the connector's host and that this server may reach it, then try again.".into()),
        }),
    }
}

/// The words that belong to a status, after a space; nothing for statuses that people hardly meet.
const fn reason(status: u16) -> &'static str {
    match status {
        400 => " Bad Request",
        401 => " Unauthorized",
        403 => " Forbidden",
        404 => " Not Found",
        405 => " Method Not Allowed",
        409 => " Conflict",
        410 => " Gone",
        422 => " Unprocessable Content",
        429 => " Too Many Requests",
        500 => " Internal Server Error",
        502 => " Bad Gateway",
        503 => " Service Unavailable",
        504 => " Gateway Timeout",
        _ => "",
    }
}

/// Folds one fact into the state.
///
/// # Errors
/// [`IllegalFact`] when the fact does not follow; the state is unchanged then.
pub fn apply(subscription: &mut Subscription, fact: &Fact) -> Result<(), IllegalFact> {
    use SubscriptionState as S;
    let illegal = |fact| Err(IllegalFact { fact, state: subscription.state });
    match (subscription.state, fact) {
        (S::Absent | S::Creating, Fact::CreationStarted { .. }) => subscription.state = S::Creating,
        (S::Creating, Fact::Searched { .. }) => {}
        (S::Creating, Fact::CreationEnded { address, warning, refusal, .. }) => {
            subscription.state = if refusal.is_some() { S::Failed } else { S::Live };
            subscription.address.clone_from(address);
            subscription.warning.clone_from(warning);
            subscription.refusal.clone_from(refusal);
        }
        (S::Creating, Fact::Abandoned { .. }) => {
            subscription.state = S::Gone;
            subscription.warning = Some(
                "a crash hid whether the service created this webhook; if it did, its notifications are answered 410"
                    .into(),
            );
        }
        (S::Live | S::Deleting, Fact::DeletionStarted { .. }) => {
            subscription.state = S::Deleting;
            subscription.tries += 1;
            subscription.retry_at = None;
        }
        (S::Deleting, Fact::DeletionEnded { retry_at, warning, .. }) => {
            subscription.retry_at = *retry_at;
            if retry_at.is_none() {
                subscription.state = S::Gone;
                subscription.warning.clone_from(warning);
            }
        }
        (_, Fact::CreationStarted { .. }) => return illegal("CreationStarted"),
        (_, Fact::Searched { .. }) => return illegal("Searched"),
        (_, Fact::CreationEnded { .. }) => return illegal("CreationEnded"),
        (_, Fact::Abandoned { .. }) => return illegal("Abandoned"),
        (_, Fact::DeletionStarted { .. }) => return illegal("DeletionStarted"),
        (_, Fact::DeletionEnded { .. }) => return illegal("DeletionEnded"),
    }
    Ok(())
}

impl Fact {
    /// The bytes for the journal.
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

#[cfg(test)]
mod tests;
