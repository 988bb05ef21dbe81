//! The fold: where a generation stands after its facts. Every transition that is not listed here is an error.

use hookmill_model::SubscriptionState as S;

use super::{Fact, Subscription};

/// A fact that does not follow from the state it was applied to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{fact} does not follow on {state}")]
pub struct IllegalFact {
    fact: &'static str,
    state: S,
}

/// Folds one fact into the state.
///
/// # Errors
/// [`IllegalFact`] when the fact does not follow; the state is unchanged then.
pub fn apply(subscription: &mut Subscription, fact: &Fact) -> Result<(), IllegalFact> {
    let life = subscription;
    match (life.state, fact) {
        (S::Absent | S::Creating, Fact::CreationStarted(started)) => {
            life.state = S::Creating;
            life.creations = life.creations.max(started.earlier) + 1;
            life.sent_at = Some(started.at);
            life.known_absent = false;
            life.retry_at = None;
        }
        (S::Creating, Fact::CreationUndecided(undecided)) => {
            life.known_absent = undecided.known_absent;
            life.retry_at = Some(undecided.retry_at);
            life.warning = Some(undecided.why.clone());
        }
        (S::Creating, Fact::Searched(searched)) => {
            life.known_absent = searched.found == Some(false);
            life.searches = 0;
        }
        (S::Creating, Fact::SearchFailed(failed)) => {
            life.searches += 1;
            life.retry_at = Some(failed.retry_at);
            life.warning = Some(failed.why.clone());
        }
        (S::Creating, Fact::CreationEnded(ended)) => {
            life.state = if ended.refusal.is_some() { S::Failed } else { S::Live };
            life.address.clone_from(&ended.address);
            life.warning.clone_from(&ended.warning);
            life.refusal.clone_from(&ended.refusal);
            life.retry_at = None;
        }
        (S::Live, Fact::Doubted(_)) => {
            life.state = S::Creating;
            // It was created once: what cannot be reached now is tried again instead of refused.
            life.creations = life.creations.max(1);
            life.known_absent = false;
            life.searches = 0;
            life.warning = Some("the data were restored, so the service is asked whether it has this webhook".into());
        }
        (S::Creating, Fact::CreationWithdrawn(withdrawn)) => {
            life.state = S::Deleting;
            life.is_sought = withdrawn.sought;
            life.warning = None;
            life.retry_at = None;
        }
        (S::Creating, Fact::Abandoned(_)) => {
            life.state = S::Gone;
            life.retry_at = None;
            life.warning = (!life.known_absent).then(|| {
                "it is not known whether the service created this webhook; if it did, its notifications are answered 410"
                    .into()
            });
        }
        (S::Live | S::Deleting, Fact::DeletionStarted(_)) => {
            life.state = S::Deleting;
            life.tries += 1;
            life.retry_at = None;
        }
        (S::Gone, Fact::DeletionStarted(_)) if life.warning.is_some() => {
            life.state = S::Deleting;
            life.warning = None;
            life.tries = 1;
            life.retry_at = None;
            life.is_sought = false;
        }
        (S::Deleting, Fact::Searched(_)) => {}
        (S::Deleting, Fact::Located(located)) => {
            life.address = Some(located.address.clone());
            life.is_sought = false;
        }
        (S::Deleting, Fact::DeletionEnded(ended)) => {
            life.retry_at = ended.retry_at;
            if ended.retry_at.is_none() {
                life.state = S::Gone;
                life.warning.clone_from(&ended.warning);
            }
        }
        (S::Absent | S::Gone, Fact::AddressOpened(_)) if life.is_local() => life.state = S::Live,
        (S::Live | S::Creating, Fact::AddressClosed(_)) if life.is_local() => life.state = S::Gone,
        (S::Gone, Fact::AddressLearned(learned)) if life.warning.is_some() => {
            life.address = Some(learned.address.clone());
        }
        (S::Gone, Fact::Settled(_)) if life.warning.is_some() => life.warning = None,
        (S::Live, fact) if super::upkeep::apply(&mut life.upkeep, fact) => {}
        (S::Absent, Fact::Snapshot(snapshot)) if *life == Subscription::default() => *life = (**snapshot).clone(),
        (state, fact) => return Err(IllegalFact { fact: fact.name(), state }),
    }
    Ok(())
}

/// Folds facts, in their order, into the state.
///
/// # Errors
/// [`IllegalFact`] for the first one that does not follow; those before it are folded.
pub fn fold<'a>(subscription: &mut Subscription, facts: impl IntoIterator<Item = &'a Fact>) -> Result<(), IllegalFact> {
    facts.into_iter().try_for_each(|fact| apply(subscription, fact))
}
