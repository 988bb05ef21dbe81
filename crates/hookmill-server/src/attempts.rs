//! Counts guesses of secrets before they are looked at, and makes who guesses wait.
//!
//! Each guess is counted as a wrong one before the secret is compared, so guesses that are sent at once find each
//! other's marks; a right one takes its mark away again. After some wrong guesses the time until the next one doubles.
//! A secret that is guessed by strangers stays open to its owner: a browser that has signed in before carries a mark of
//! its own (`devices`), and is counted by itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use hookmill_model::UserId;
use serde::{Deserialize, Serialize};

use crate::Problem;
use crate::source::Source;

/// So many wrong guesses of one secret are free.
const FREE: u32 = 4;
/// The longest wait between two guesses.
const WAIT_MAX: Duration = Duration::from_secs(900);
/// Without a guess for so long, everything is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(3_600);
/// Wrong guesses from one source in a minute.
const SOURCE_FREE: u32 = 20;
const SOURCE_WINDOW: Duration = Duration::from_secs(60);
/// Entries that are kept; those that were used longest ago go first.
const KEPT_MAX: usize = 20_000;

/// What is guessed, and what the guesses are counted for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Secret {
    /// The password of an account, by the hash of its address.
    Password([u8; 32]),
    /// The same by a browser that has signed in to it before.
    PasswordOnDevice(UserId, String),
    /// The password that a signed-in person is asked for again.
    CurrentPassword(UserId),
    /// The token that makes the owner's account, from one source.
    SetUp(Source),
    /// An API token, which names no account.
    ApiToken,
}

#[derive(Clone, Copy)]
struct Count {
    wrong: u32,
    used: Instant,
    open_at: Instant,
}

#[derive(Default)]
struct Counts {
    secrets: HashMap<Secret, Count>,
    sources: HashMap<Source, Count>,
}

/// What became of a guess, for other servers of the same store.
#[derive(Serialize, Deserialize)]
enum Guess {
    Made(Secret, Option<Source>),
    Right(Secret, Option<Source>),
    NotMade(Secret, Option<Source>),
}

type Tells = Arc<dyn Fn(String) + Send + Sync>;

/// All guesses, those at other servers of the same store included.
pub(crate) struct Attempts {
    counts: Arc<Mutex<Counts>>,
    tells: Tells,
}

impl Default for Attempts {
    fn default() -> Self {
        Self::told(|_| {})
    }
}

/// A guess that may be looked at. Dropped without a word, it stays counted as a wrong one.
#[must_use]
pub(crate) struct Attempt {
    counts: Arc<Mutex<Counts>>,
    tells: Tells,
    secret: Secret,
    source: Option<Source>,
}

fn locked(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long after this many wrong guesses the next one may come.
fn wait(wrong: u32) -> Duration {
    match wrong.checked_sub(FREE) {
        None | Some(0) => Duration::ZERO,
        Some(more) => Duration::from_secs(1 << (more - 1).min(20)).min(WAIT_MAX),
    }
}

fn paused(left: Duration) -> Problem {
    let detail = "There were too many wrong guesses. Wait a little.";
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "sign_in_paused", detail).retry_after(left.as_secs() + 1)
}

fn tell(tells: &Tells, guess: &Guess) {
    if let Ok(text) = serde_json::to_string(guess) {
        tells(text);
    }
}

impl Attempts {
    /// Each guess is told to `tells`, for other servers.
    pub fn told(tells: impl Fn(String) + Send + Sync + 'static) -> Self {
        Self { counts: Arc::default(), tells: Arc::new(tells) }
    }

    /// Counts a guess that was made at another server.
    pub fn made_elsewhere(&self, guess: &str) {
        let silent = Self { counts: Arc::clone(&self.counts), tells: Arc::new(|_| {}) };
        let attempt = |secret, source| Attempt {
            counts: Arc::clone(&self.counts),
            tells: Arc::clone(&silent.tells),
            secret,
            source,
        };
        match serde_json::from_str(guess) {
            // One that would have to wait here is counted already.
            Ok(Guess::Made(secret, source)) => drop(silent.begin_at(secret, source, Instant::now())),
            Ok(Guess::Right(secret, source)) => attempt(secret, source).right(),
            Ok(Guess::NotMade(secret, source)) => attempt(secret, source).not_made(),
            Err(error) => tracing::debug!(%error, "a guess at another server cannot be read"),
        }
    }

    /// Counts a guess from `source`; a known device has none.
    ///
    /// # Errors
    /// `sign_in_paused` where the next guess must wait. It is not counted then.
    pub fn begin(&self, secret: Secret, source: Option<Source>) -> Result<Attempt, Problem> {
        let attempt = self.begin_at(secret, source, Instant::now()).map_err(paused)?;
        tell(&self.tells, &Guess::Made(attempt.secret.clone(), attempt.source));
        Ok(attempt)
    }

    fn begin_at(&self, secret: Secret, source: Option<Source>, now: Instant) -> Result<Attempt, Duration> {
        let mut counts = locked(&self.counts);
        let fresh = Count { wrong: 0, used: now, open_at: now };
        let mut by_source = source.map(|source| {
            let known = counts.sources.get(&source).filter(|count| count.open_at > now);
            known.copied().unwrap_or(Count { open_at: now + SOURCE_WINDOW, ..fresh })
        });
        if let Some(count) = &mut by_source {
            if count.wrong >= SOURCE_FREE {
                return Err(count.open_at.saturating_duration_since(now));
            }
            count.wrong += 1;
            count.used = now;
        }
        // Tokens name no account, so only their source is counted.
        if secret != Secret::ApiToken {
            let known = counts.secrets.get(&secret).filter(|count| now.duration_since(count.used) < FORGOTTEN_AFTER);
            let mut count = known.copied().unwrap_or(fresh);
            if count.open_at > now {
                return Err(count.open_at.duration_since(now));
            }
            count.wrong += 1;
            count.used = now;
            count.open_at = now + wait(count.wrong);
            make_room(&mut counts.secrets);
            counts.secrets.insert(secret.clone(), count);
        }
        if let (Some(source), Some(count)) = (source, by_source) {
            make_room(&mut counts.sources);
            counts.sources.insert(source, count);
        }
        Ok(Attempt { counts: Arc::clone(&self.counts), tells: Arc::clone(&self.tells), secret, source })
    }
}

/// Forgets the quarter that was used longest ago, once there are too many.
fn make_room<K: Clone + Eq + std::hash::Hash>(counts: &mut HashMap<K, Count>) {
    if counts.len() < KEPT_MAX {
        return;
    }
    let mut times: Vec<Instant> = counts.values().map(|count| count.used).collect();
    let middle = times.len() / 4;
    let (_, oldest, _) = times.select_nth_unstable(middle);
    let oldest = *oldest;
    counts.retain(|_, count| count.used > oldest);
}

impl Attempt {
    /// The guess was right: the wrong ones before it are forgotten.
    pub fn right(self) {
        tell(&self.tells, &Guess::Right(self.secret.clone(), self.source));
        locked(&self.counts).secrets.remove(&self.secret);
        self.uncounted_at_source();
    }

    /// The guess was not looked at: as if it had not been made.
    pub fn not_made(self) {
        tell(&self.tells, &Guess::NotMade(self.secret.clone(), self.source));
        if let Some(count) = locked(&self.counts).secrets.get_mut(&self.secret) {
            count.wrong = count.wrong.saturating_sub(1);
            count.open_at = count.used;
        }
        self.uncounted_at_source();
    }

    fn uncounted_at_source(&self) {
        let mut counts = locked(&self.counts);
        if let Some(count) = self.source.and_then(|source| counts.sources.get_mut(&source)) {
            count.wrong = count.wrong.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(last: u8) -> Option<Source> {
        Some(Source::of(std::net::IpAddr::from([192, 0, 2, last])))
    }

    fn password(of: u8) -> Secret {
        Secret::Password([of; 32])
    }

    #[test]
    fn guesses_at_once_are_counted_before_they_are_looked_at() {
        let attempts = Attempts::default();
        let now = Instant::now();
        let open: Vec<_> = (0..300).filter_map(|_| attempts.begin_at(password(1), None, now).ok()).collect();
        assert_eq!(open.len(), FREE as usize + 1, "the wait begins with the guess after the free ones");
        // Another account is open.
        assert!(attempts.begin_at(password(2), None, now).is_ok());
    }

    #[test]
    fn the_wait_doubles_and_ends() {
        assert_eq!((0..9).map(|wrong| wait(wrong).as_secs()).collect::<Vec<_>>(), [0, 0, 0, 0, 0, 1, 2, 4, 8],);
        assert_eq!(wait(1_000), WAIT_MAX);
        let attempts = Attempts::default();
        let now = Instant::now();
        for _ in 0..=FREE {
            let _ = attempts.begin_at(password(1), None, now).unwrap();
        }
        let left = attempts.begin_at(password(1), None, now).err().unwrap();
        assert_eq!(left, Duration::from_secs(1));
        attempts.begin_at(password(1), None, now + left).unwrap().right();
        assert!(attempts.begin_at(password(1), None, now + left).is_ok(), "a right guess forgets the wrong ones");
    }

    #[test]
    fn a_known_device_is_counted_by_itself() {
        let attempts = Attempts::default();
        let now = Instant::now();
        while attempts.begin_at(password(1), source(1), now).is_ok() {}
        let user: UserId = "usr_00000000000000000000000001".parse().unwrap();
        let device = Secret::PasswordOnDevice(user, "mark".to_owned());
        assert!(attempts.begin_at(device, None, now).is_ok());
    }

    #[test]
    fn a_source_has_so_many_wrong_guesses_in_a_minute() {
        let attempts = Attempts::default();
        let now = Instant::now();
        let open = (0..=255).filter(|own| attempts.begin_at(password(*own), source(1), now).is_ok()).count();
        assert_eq!(open, SOURCE_FREE as usize);
        assert!(attempts.begin_at(password(0), source(2), now).is_ok());
        assert!(attempts.begin_at(Secret::ApiToken, source(1), now).is_err());
        assert!(attempts.begin_at(Secret::ApiToken, source(1), now + SOURCE_WINDOW).is_ok());
        for _ in 0..100 {
            attempts.begin_at(Secret::ApiToken, source(3), now).unwrap().right();
        }
    }

    #[test]
    fn guesses_at_several_servers_count_together() {
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let hears = Arc::clone(&told);
        let one = Attempts::told(move |guess| hears.lock().unwrap_or_else(PoisonError::into_inner).push(guess));
        let other = Attempts::default();
        for _ in 0..=FREE {
            drop(one.begin(password(1), source(1)).ok());
        }
        let guesses = std::mem::take(&mut *told.lock().unwrap());
        assert_eq!(guesses.len(), FREE as usize + 1);
        guesses.iter().for_each(|guess| other.made_elsewhere(guess));
        assert!(other.begin(password(1), source(1)).is_err(), "the wait holds at the other server, too");
        assert!(other.begin(password(2), source(1)).is_ok());
        // A right guess there forgets the wrong ones here.
        one.begin_at(password(1), None, Instant::now() + WAIT_MAX).ok().unwrap().right();
        told.lock().unwrap().iter().for_each(|guess| other.made_elsewhere(guess));
        assert!(other.begin(password(1), source(2)).is_ok());
        other.made_elsewhere("not a guess");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let attempts = Attempts::default();
        let now = Instant::now();
        for own in 0..u32::try_from(KEPT_MAX).unwrap() + 10 {
            let mut hash = [0; 32];
            hash[..4].copy_from_slice(&own.to_be_bytes());
            let _ = attempts.begin_at(Secret::Password(hash), None, now + Duration::from_millis(own.into()));
        }
        assert!(locked(&attempts.counts).secrets.len() <= KEPT_MAX);
    }
}
