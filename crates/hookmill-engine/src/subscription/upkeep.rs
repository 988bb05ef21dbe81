//! The upkeep of a live webhook: its renewal before it expires, and what its service could not deliver meanwhile.
//!
//! ```text
//! Live ── ExpiryLearned ────▶ Live     created or renewed: the service says until when
//! Live ── RenewalDemanded ──▶ Live     the service asks for it, before it would be due
//! Live ── RenewalFailed ────▶ Live     tried again until the webhook expires
//! Live ── Outdated ─────────▶ Live     the next generation takes its place; it takes calls until that one is live
//! Live ── Missed ───────────▶ Live     deliveries since a moment may not have arrived
//! Live ── RecoveryFailed ───▶ Live     the service could not be asked for them; tried again
//! Live ── Recovered ────────▶ Live     they were asked for
//! Live ── UpdateStarted ────▶ Live     its trigger was changed, and the service is asked to change the webhook in place
//! Live ── UpdateFailed ─────▶ Live     whether it did is not known; tried again
//! Live ── Updated ──────────▶ Live     it did
//! ```
//!
//! A renewal in place changes nothing at the service but a moment, and an update says all that it changes, so one whose
//! outcome a crash hides is sent again. That an update was begun is a fact before it is sent: what the webhook is for is not
//! known until it ends, whatever the trigger says meanwhile.

use std::time::Duration;

use hookmill_model::{Str, Timestamp};
use serde::{Deserialize, Serialize};

use super::fact::{
    ExpiryLearned, Missed, Outdated, Recovered, RecoveryFailed, RenewalDemanded, RenewalFailed, UpdateFailed,
    UpdateStarted, Updated,
};
use super::{Fact, Subscription, again_at, refusal, wait_after};
use crate::command::{Outcome, Performed};

/// Waits before the second, third, … try of a renewal or a recovery; the last one repeats.
const WAITS: &[Duration] = &[
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(15 * 60),
    Duration::from_secs(3_600),
];
/// A service that cannot be asked for missed deliveries in so many tries is not asked any more.
pub const RECOVERY_TRIES_MAX: u32 = 12;
/// Renewals of one webhook are never closer together, whatever its service says of its life.
const RENEWALS_APART: Duration = Duration::from_secs(60);
/// A webhook is renewed at least so long before it expires, where its life allows.
const BEFORE_MIN: Duration = Duration::from_secs(3_600);

/// A webhook that its service does not change in so many tries is replaced.
const UPDATE_TRIES_MAX: u32 = 4;

/// What is to be done for a live webhook.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Upkeep {
    /// When the service forgets it; `None` where it does not, or did not say.
    pub expires_at: Option<Timestamp>,
    /// When it is to be renewed, tries after failures included.
    pub renew_at: Option<Timestamp>,
    /// Renewals that failed in a row.
    pub failures: u32,
    /// Why the last one failed.
    pub trouble: Option<Str>,
    /// Whether the next generation takes its place.
    pub is_outdated: bool,
    /// Since when deliveries may not have arrived.
    pub missed_since: Option<Timestamp>,
    /// When the service is asked for them; `None` for at once.
    pub recover_at: Option<Timestamp>,
    /// Questions for them that failed in a row.
    pub recovery_failures: u32,
    /// Whether the service was asked to change it, and has not said yes.
    pub is_updating: bool,
    /// When it is asked again; `None` for at once.
    pub update_at: Option<Timestamp>,
    /// Tries of that which failed in a row.
    pub update_failures: u32,
    /// Why the last one failed.
    pub update_trouble: Option<Str>,
}

/// What the upkeep of a live webhook is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Upkept {
    /// The service says until when it keeps the webhook.
    Expires {
        /// That moment.
        at: Timestamp,
        /// How long before it the webhook is renewed; a third of its life where the connector says nothing.
        before: Option<Duration>,
        /// From 0 to 100: which part of a tenth of that is added, so that webhooks made together are not renewed together.
        spread: u8,
    },
    /// The service asks for the renewal.
    Demanded,
    /// The renewal failed.
    Failed(Performed),
    /// The next generation, which was to take its place, was not created.
    NotReplaced {
        /// Why it was not.
        why: Str,
    },
    /// The next generation takes its place.
    Outdated,
    /// Deliveries since a moment may not have arrived.
    Missed {
        /// That moment.
        since: Timestamp,
    },
    /// The service could not be asked for missed deliveries.
    NotRecovered(Performed),
    /// It was asked for them.
    Recovered,
    /// The service is about to be asked to change the webhook.
    Update,
    /// It could not be asked, or did not say whether it did.
    NotUpdated(Performed),
    /// It did.
    Updated,
}

impl Upkeep {
    /// Whether the service will not change the webhook, by what came of a try: it is replaced then.
    #[must_use]
    pub fn is_update_refused(&self, performed: &Performed) -> bool {
        let is_final = match &performed.outcome {
            Outcome::Replied { status: 408 | 425 | 429 | 500 | 502..=504 | 506..=599, .. } => false,
            Outcome::Replied { .. } => true,
            Outcome::NoReply { maybe_sent, retryable, .. } => !maybe_sent && !retryable,
        };
        is_final || self.update_failures + 1 >= UPDATE_TRIES_MAX
    }
}

/// When a webhook is renewed that lives from `now` until `expires_at`.
fn renew_at(now: Timestamp, expires_at: Timestamp, before: Option<Duration>, spread: u8) -> Timestamp {
    let life = expires_at.since(now);
    let wanted = before.unwrap_or_else(|| (life / 3).max(BEFORE_MIN));
    let early = wanted.saturating_add(wanted / 1_000 * u32::from(spread.min(100)));
    // Half of its life at least lies before the renewal, however short the service makes it.
    let wait = life.saturating_sub(early.min(life / 2));
    now.plus(wait.max(RENEWALS_APART))
}

pub(super) fn decide(subscription: &Subscription, now: Timestamp, input: Upkept) -> Vec<Fact> {
    let upkeep = &subscription.upkeep;
    let failed = |retry_at, why| Fact::RenewalFailed(RenewalFailed { at: now, retry_at, why });
    vec![match input {
        Upkept::Expires { at, before, spread } => {
            Fact::ExpiryLearned(ExpiryLearned { at: now, expires_at: at, renew_at: renew_at(now, at, before, spread) })
        }
        Upkept::Demanded => Fact::RenewalDemanded(RenewalDemanded { at: now }),
        Upkept::Failed(performed) => {
            let retry_at = again_at(now, &performed, wait_after(WAITS, upkeep.failures + 1));
            let why = refusal(&performed).map_or_else(
                || "the service answered the renewal without saying until when it keeps the webhook".into(),
                |refusal| refusal.message,
            );
            failed(retry_at, why)
        }
        Upkept::NotReplaced { why } => failed(now.plus(wait_after(WAITS, upkeep.failures + 1)), why),
        Upkept::Outdated if upkeep.is_outdated => return Vec::new(),
        Upkept::Outdated => Fact::Outdated(Outdated { at: now }),
        Upkept::Missed { since } => Fact::Missed(Missed { at: now, since }),
        Upkept::NotRecovered(performed) if upkeep.recovery_failures + 1 < RECOVERY_TRIES_MAX => {
            let retry_at = again_at(now, &performed, wait_after(WAITS, upkeep.recovery_failures + 1));
            Fact::RecoveryFailed(RecoveryFailed { at: now, retry_at })
        }
        Upkept::NotRecovered(_) | Upkept::Recovered => Fact::Recovered(Recovered { at: now }),
        Upkept::Update if upkeep.is_updating => return Vec::new(),
        Upkept::Update => Fact::UpdateStarted(UpdateStarted { at: now }),
        Upkept::NotUpdated(performed) => {
            let retry_at = again_at(now, &performed, wait_after(WAITS, upkeep.update_failures + 1));
            let why =
                refusal(&performed).map_or_else(|| "the service did not say yes".into(), |refusal| refusal.message);
            Fact::UpdateFailed(UpdateFailed { at: now, retry_at, why })
        }
        Upkept::Updated => Fact::Updated(Updated { at: now }),
    }]
}

/// Folds a fact of the upkeep; says whether it is one.
pub(super) fn apply(upkeep: &mut Upkeep, fact: &Fact) -> bool {
    match fact {
        Fact::ExpiryLearned(learned) => {
            upkeep.expires_at = Some(learned.expires_at);
            upkeep.renew_at = Some(learned.renew_at);
            upkeep.failures = 0;
            upkeep.trouble = None;
        }
        Fact::RenewalDemanded(demanded) => upkeep.renew_at = Some(demanded.at),
        Fact::RenewalFailed(failed) => {
            upkeep.renew_at = Some(failed.retry_at);
            upkeep.failures += 1;
            upkeep.trouble = Some(failed.why.clone());
        }
        Fact::Outdated(_) => upkeep.is_outdated = true,
        Fact::Missed(missed) => {
            let since = upkeep.missed_since.map_or(missed.since, |since| since.min(missed.since));
            upkeep.missed_since = Some(since);
            upkeep.recover_at = None;
            upkeep.recovery_failures = 0;
        }
        Fact::RecoveryFailed(failed) => {
            upkeep.recover_at = Some(failed.retry_at);
            upkeep.recovery_failures += 1;
        }
        Fact::Recovered(_) => {
            upkeep.missed_since = None;
            upkeep.recover_at = None;
            upkeep.recovery_failures = 0;
        }
        Fact::UpdateStarted(_) => {
            upkeep.is_updating = true;
            upkeep.update_at = None;
            upkeep.update_failures = 0;
            upkeep.update_trouble = None;
        }
        Fact::UpdateFailed(failed) => {
            upkeep.update_at = Some(failed.retry_at);
            upkeep.update_failures += 1;
            upkeep.update_trouble = Some(failed.why.clone());
        }
        Fact::Updated(_) => {
            upkeep.is_updating = false;
            upkeep.update_at = None;
            upkeep.update_failures = 0;
            upkeep.update_trouble = None;
        }
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests;
