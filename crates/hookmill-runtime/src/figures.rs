//! What is measured of queues, places and calls. Nothing is decided by it.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hookmill_engine::{Outcome, Performed};

use crate::Runtime;

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

/// Hosts that are told apart; flows can call as many as they like.
const HOSTS_MAX: usize = 200;
static HOSTS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// The host as a label: those that come when there are too many share one.
fn label(host: &str) -> String {
    let mut hosts = HOSTS.lock().unwrap_or_else(PoisonError::into_inner);
    if hosts.contains(host) {
        return host.to_owned();
    }
    if hosts.len() >= HOSTS_MAX {
        return "other".to_owned();
    }
    hosts.insert(host.to_owned());
    host.to_owned()
}

/// Measures a call that ended; calls that go nowhere, such as scripts, have no host.
pub(crate) fn note_call(host: Option<&str>, performed: &Performed, took: Duration) {
    let outcome = match &performed.outcome {
        Outcome::Replied { status: ..400, .. } => "answered",
        Outcome::Replied { .. } => "refused",
        Outcome::NoReply { .. } => "no_answer",
    };
    let host = host.map_or_else(|| "none".to_owned(), label);
    metrics::histogram!("hookmill_action_duration_seconds", "host" => host, "outcome" => outcome).record(took);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_beyond_the_bound_share_a_label() {
        let first = label("first.example.org");
        assert_eq!(first, "first.example.org");
        for number in 0..2 * HOSTS_MAX {
            label(&format!("host{number}.example.org"));
        }
        assert_eq!(label("late.example.org"), "other");
        assert_eq!(label("first.example.org"), "first.example.org");
    }
}
