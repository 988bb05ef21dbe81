//! Addresses that are called without proof again and again: few of their calls are looked at for a while.

use std::time::Duration;

use hookmill_model::Timestamp;

/// So many refusals within this time, and the address is throttled for as long.
const THROTTLE_AFTER: u32 = 100;
const THROTTLE_WINDOW: Duration = Duration::from_secs(600);
/// Calls of a throttled address that are looked at within a second: its service gets through, a flood does not.
const THROTTLED_PER_SECOND: u32 = 10;

/// Refusals of one address, and how many of its calls are looked at.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Throttle {
    /// The begin of the window.
    since: Timestamp,
    refusals: u32,
    /// Since when the address is throttled.
    begun: Option<Timestamp>,
    /// The second that calls are counted in, and their number.
    second: i64,
    calls: u32,
}

impl Throttle {
    pub fn is_on(&self, now: Timestamp) -> bool {
        self.begun.is_some_and(|begun| now.since(begun) < THROTTLE_WINDOW)
    }

    pub fn refused(&mut self, now: Timestamp) {
        if now.since(self.since) >= THROTTLE_WINDOW {
            (self.since, self.refusals) = (now, 0);
        }
        self.refusals = self.refusals.saturating_add(1);
        if self.refusals >= THROTTLE_AFTER {
            self.begun = Some(now);
        }
    }

    /// Whether one more call is looked at.
    pub fn admits(&mut self, now: Timestamp) -> bool {
        if !self.is_on(now) {
            return true;
        }
        let second = now.as_millis().div_euclid(1_000);
        if self.second != second {
            (self.second, self.calls) = (second, 0);
        }
        self.calls = self.calls.saturating_add(1);
        self.calls <= THROTTLED_PER_SECOND
    }
}
