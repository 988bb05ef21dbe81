//! What is measured of queues, places and calls. Nothing is decided by it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hookmill_engine::{ActionRequest, Outcome, Performed};
use hookmill_store::Flow;

use crate::Runtime;

/// What hinders the flows of a class, in the order of [`QueueFigures::classes`]: a service that does not answer, runs
/// that may only begin one after the other, nothing.
pub const FLOW_CLASSES: [&str; 3] = ["slowed", "counted", "free"];

/// What waits of the flows of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassFigures {
    /// Events in memory that no run has taken.
    pub events: usize,
    /// Runs that wait to be taken into memory.
    pub runs: usize,
    /// Runs that wait for a place at a service.
    pub waiting: usize,
}

/// What waits for memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueFigures {
    /// Flows with something to do.
    pub flows: usize,
    /// Those of them for which there was no room in the window.
    pub flows_blocked: usize,
    /// Events in memory that no run has taken.
    pub events: usize,
    /// Their bytes.
    pub event_bytes: usize,
    /// Runs that wait to be taken into memory.
    pub runs: usize,
    /// Bytes of the runs in memory, as they are reckoned.
    pub run_bytes: usize,
    /// What waits by class of flow, in the order of [`FLOW_CLASSES`].
    pub classes: [ClassFigures; 3],
}

/// Requests to services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlaceFigures {
    /// Under way.
    pub in_use: usize,
    /// Waiting for a place.
    pub waiting: usize,
    /// Services with requests under way or waiting, or heard of a moment ago.
    pub services: usize,
    /// Those that were silent for so long that they are only tried now and then.
    pub services_silent: usize,
}

/// What the runtime does at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuntimeFigures {
    /// What waits for memory.
    pub queue: QueueFigures,
    /// Requests to services.
    pub places: PlaceFigures,
    /// Runs in memory.
    pub runs_in_memory: usize,
    /// Whether the store refuses what it is given.
    pub store_refuses: bool,
    /// Shares of the flows that this server looks after, of [`hookmill_store::SHARDS`].
    pub shards: usize,
}

impl Runtime {
    /// What it does at this moment.
    #[must_use]
    pub fn figures(&self) -> RuntimeFigures {
        RuntimeFigures {
            queue: self.0.queue.figures(),
            places: self.0.places.figures(),
            runs_in_memory: self.0.inboxes.len(),
            store_refuses: self.0.health.refuses(),
            shards: self.0.shards.count(),
        }
    }
}

/// Pairs of a connector and a host that are told apart; flows can call as many as they like.
const PAIRS_MAX: usize = 200;
static PAIRS: Mutex<BTreeSet<(String, String)>> = Mutex::new(BTreeSet::new());

/// Connector and host as labels: those that come when there are too many share one pair.
fn labels(connector: &str, host: &str) -> (String, String) {
    let pair = (connector.to_owned(), host.to_owned());
    let mut pairs = PAIRS.lock().unwrap_or_else(PoisonError::into_inner);
    if pairs.contains(&pair) {
        return pair;
    }
    if pairs.len() >= PAIRS_MAX {
        return ("other".to_owned(), "other".to_owned());
    }
    pairs.insert(pair.clone());
    pair
}

/// Measures a call that ended; calls that go nowhere, such as scripts, have no host.
pub(crate) fn note_call(connector: &str, host: Option<&str>, performed: &Performed, took: Duration) {
    let outcome = match &performed.outcome {
        Outcome::Replied { status: ..400, .. } => "answered",
        Outcome::Replied { .. } => "refused",
        Outcome::NoReply { .. } => "no_answer",
    };
    let (connector, host) = labels(connector, host.unwrap_or("none"));
    metrics::histogram!(
        "hookmill_action_duration_seconds", "connector" => connector, "host" => host, "outcome" => outcome
    )
    .record(took);
}

impl Runtime {
    /// By what a request is made: a connector by its name, or else the kind of action.
    pub(crate) fn made_by<'a>(&self, flow: &Flow, request: &'a ActionRequest) -> Cow<'a, str> {
        let call = match request {
            ActionRequest::Http(_) => return "http".into(),
            ActionRequest::JavaScript { .. } => return "javascript".into(),
            ActionRequest::ChildFlow { .. } => return "flow".into(),
            ActionRequest::Connector(call) => call,
        };
        let bound = flow.bindings.iter().find(|binding| binding.key.eq_ignore_ascii_case(&call.connection));
        let kept =
            bound.and_then(|binding| self.0.plans.connector_kept(binding.connector?, binding.version.as_deref()));
        kept.map_or(call.api.as_deref().unwrap_or("none").into(), |kept| kept.name.to_string().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_beyond_the_bound_share_a_label() {
        let first = ("http".to_owned(), "first.example.org".to_owned());
        assert_eq!(labels("http", "first.example.org"), first);
        for number in 0..2 * PAIRS_MAX {
            labels(&format!("connector {}", number % 7), &format!("host{number}.example.org"));
        }
        let other = ("other".to_owned(), "other".to_owned());
        assert_eq!(labels("http", "late.example.org"), other);
        assert_eq!(labels("late", "first.example.org"), other);
        assert_eq!(labels("http", "first.example.org"), first);
    }
}
