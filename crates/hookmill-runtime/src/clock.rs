//! What time it is: the system's clock made steady, or one that tests set.
//!
//! Durations are measured by a clock that never goes back. Where the system's clock is set forward, or the machine
//! slept, the time follows at once; where it is set back, the time goes on a tenth slower until the two agree. So a
//! clock that is set back neither silences what is due nor makes it happen twice.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use hookmill_model::Timestamp;
use tokio::sync::watch;

use crate::locked;

/// Clocks that differ by less agree.
const DIFFERENCE_MIN_MICROS: i64 = 1_000_000;

/// A clock; clones are the same one.
#[derive(Clone, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// With what is added to what the system shows, in microseconds.
    System(Arc<Mutex<Steady>>, i64),
    Manual(Arc<watch::Sender<Timestamp>>),
}

/// The time that was told last, and when.
#[derive(Debug)]
struct Steady {
    at: Instant,
    micros: i64,
}

impl Steady {
    /// The time, where the system's clock shows `shown` microseconds at the moment `at`.
    fn tell(&mut self, shown: i64, at: Instant) -> i64 {
        let passed = i64::try_from(at.saturating_duration_since(self.at).as_micros()).unwrap_or(i64::MAX);
        let told = if shown >= self.micros.saturating_add(passed) {
            shown
        } else {
            shown.max(self.micros.saturating_add(passed - passed / 10))
        };
        // Moments too short to count add up.
        if told > self.micros {
            (self.at, self.micros) = (at, told);
        }
        told.max(self.micros)
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::shifted(0)
    }
}

/// What the system's clock shows, in microseconds since 1970.
fn shown() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    // Before 1970 there is no time; the clock is wrong then, and goes on from its beginning.
    since.map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

impl Clock {
    /// The system's clock with so many microseconds added.
    fn shifted(micros: i64) -> Self {
        let steady = Steady { at: Instant::now(), micros: shown().saturating_add(micros) };
        Self(Kind::System(Arc::new(Mutex::new(steady)), micros))
    }

    /// The system's clock, moved to what the clock of a store shows at this moment: nodes that share a store must agree
    /// on the time. A difference of less than a second stays, since asking takes time, too. Gives the difference in
    /// milliseconds where there is more.
    #[must_use]
    pub fn agreeing(store: Timestamp) -> (Self, Option<i64>) {
        let difference = store.as_micros() - shown();
        if difference.abs() < DIFFERENCE_MIN_MICROS {
            return (Self::default(), None);
        }
        (Self::shifted(difference), Some(difference / 1_000))
    }

    /// A clock that stands still until it is set.
    #[must_use]
    pub fn manual(now: Timestamp) -> Self {
        Self(Kind::Manual(Arc::new(watch::channel(now).0)))
    }

    /// Sets a manual clock; what is due then happens.
    pub fn set(&self, now: Timestamp) {
        if let Kind::Manual(manual) = &self.0 {
            manual.send_replace(now);
        }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Kind::Manual(manual) => *manual.borrow(),
            Kind::System(steady, added) => {
                let shown = shown().saturating_add(*added);
                Timestamp::from_micros(locked(steady).tell(shown, Instant::now()))
            }
        }
    }

    /// Until the moment has come; at once where it has passed.
    pub(crate) async fn sleep_until(&self, at: Timestamp) {
        match &self.0 {
            Kind::System(..) => loop {
                let wait = at.since(self.now());
                if wait.is_zero() {
                    return;
                }
                tokio::time::sleep(wait).await;
            },
            Kind::Manual(manual) => {
                let mut changes = manual.subscribe();
                // The sender is kept by this clock, so it does not go away.
                let _ = changes.wait_for(|now| *now >= at).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const HOUR: i64 = 3_600_000_000;

    #[test]
    fn the_time_never_goes_back() {
        let begin = Instant::now();
        let mut steady = Steady { at: begin, micros: 10 * HOUR };
        let after = |seconds| begin + Duration::from_secs(seconds);
        assert_eq!(steady.tell(10 * HOUR + 1_000_000, after(1)), 10 * HOUR + 1_000_000);
        // Set back by an hour: ten seconds later nine have gone by.
        assert_eq!(steady.tell(9 * HOUR + 11_000_000, after(11)), 10 * HOUR + 10_000_000);
        // Ten hours later the clocks agree.
        let agreed = 9 * HOUR + 11_000_000 + 10 * HOUR + 600_000_000;
        assert_eq!(steady.tell(agreed, after(11 + 36_000 + 600)), agreed);
        // Set forward by a day: followed at once.
        assert_eq!(steady.tell(agreed + 24 * HOUR, after(11 + 36_000 + 601)), agreed + 24 * HOUR);
    }

    #[test]
    fn short_moments_add_up() {
        let begin = Instant::now();
        let mut steady = Steady { at: begin, micros: HOUR };
        for micros in 1..=1_000 {
            steady.tell(0, begin + Duration::from_micros(micros));
        }
        assert!(steady.micros >= HOUR + 800, "{}", steady.micros - HOUR);
    }

    #[test]
    fn a_clock_agrees_with_that_of_the_store() {
        let hour = Timestamp::from_micros(shown() + HOUR);
        let (clock, difference) = Clock::agreeing(hour);
        assert!(difference.is_some_and(|millis| (millis - 3_600_000).abs() < 60_000), "{difference:?}");
        assert!(clock.now().as_micros() >= hour.as_micros());
        let (_, difference) = Clock::agreeing(Timestamp::from_micros(shown()));
        assert_eq!(difference, None);
    }
}
