//! How many facts a run may make at most: what must end can be counted beforehand.

use hookmill_definition::Plan;
use hookmill_definition::plan::{ActionKind, CallInputs, GroupIndex, ROOT};
use hookmill_engine::RetryPolicy;
use hookmill_model::Value;

/// The most facts of a run, crashes left out.
#[must_use]
pub fn facts_max(plan: &Plan) -> usize {
    // Begin, stop, cancel, end.
    4 + group(plan, ROOT)
}

fn group(plan: &Plan, index: GroupIndex) -> usize {
    plan.groups[index].actions.iter().map(|action| own(plan, &plan.actions[*action].kind)).sum()
}

fn own(plan: &Plan, kind: &ActionKind) -> usize {
    // Start, end, and a branch, a delay, a variable or an answer in between.
    let simple = 3;
    let inside: usize = kind.groups().into_iter().map(|inner| group(plan, inner)).sum();
    match kind {
        ActionKind::Http(CallInputs { retry, .. }) => {
            let policy = RetryPolicy::new(retry.as_ref().map(|retry| retry.source()), plan.profile);
            let attempts = usize::try_from(policy.map_or(0, |policy| policy.count)).unwrap_or(0) + 1;
            // Sent, answered, waited for the next.
            simple + 3 * attempts
        }
        // Subscribed, answered, waited, called, and the end of the subscription.
        ActionKind::HttpWebhook { .. } => simple + 7,
        ActionKind::Foreach { items, .. } => {
            simple + items.source().as_array().map_or(0, <[Value]>::len).max(1) * (2 + inside)
        }
        ActionKind::Until { count, .. } => {
            let count = count.as_ref().and_then(|count| count.source().as_i64()).unwrap_or(60);
            simple + usize::try_from(count).unwrap_or(0).max(1) * (2 + inside)
        }
        _ => simple + inside,
    }
}
