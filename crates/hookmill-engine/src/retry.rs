//! Whether, and when, a request is sent again.

use std::time::Duration;

use hookmill_definition::{Profile, RETRY_COUNTS, RETRY_INTERVALS, duration};
use hookmill_model::{Str, Timestamp, Value};
use serde::{Deserialize, Serialize};

use crate::command::Outcome;

/// How a policy counts its waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryKind {
    /// Never again.
    None,
    /// The same wait each time.
    Fixed,
    /// A random wait from a range that doubles.
    Exponential,
}

/// An evaluated retry policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// How it waits.
    pub kind: RetryKind,
    /// Retries, not counting the first attempt.
    pub count: u32,
    /// Milliseconds between attempts.
    pub interval: u64,
    /// No wait is shorter.
    pub minimum: u64,
    /// No wait is longer.
    pub maximum: u64,
    /// Exactly these statuses are retried, where given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statuses: Option<Vec<u16>>,
}

impl RetryPolicy {
    /// No retries.
    pub const NONE: Self =
        Self { kind: RetryKind::None, count: 0, interval: 0, minimum: 0, maximum: 0, statuses: None };

    /// What holds where a definition says nothing.
    #[must_use]
    pub const fn default_of(profile: Profile) -> Self {
        let (count, interval, minimum, maximum) = match profile {
            Profile::LogicApps => (4, 7_500, 5_000, 45_000),
            Profile::PowerAutomate => (8, 7_000, 5_000, 900_000),
        };
        Self { kind: RetryKind::Exponential, count, interval, minimum, maximum, statuses: None }
    }

    /// Reads an evaluated `retryPolicy`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(source: Option<&Value>, profile: Profile) -> Result<Self, String> {
        let Some(source) = source.filter(|source| !source.is_null()) else { return Ok(Self::default_of(profile)) };
        let kind = source.get("type").and_then(Value::as_str).unwrap_or("default").to_ascii_lowercase();
        let kind = match kind.as_str() {
            "default" | "" => return Ok(Self::default_of(profile)),
            "none" => return Ok(Self::NONE),
            "fixed" => RetryKind::Fixed,
            "exponential" => RetryKind::Exponential,
            other => {
                return Err(format!(
                    "The retry policy type '{other}' is not one of default, none, fixed, exponential."
                ));
            }
        };
        let count = source.get("count").map_or(Some(4), number).filter(|count| RETRY_COUNTS.contains(count));
        let count = count.ok_or("The 'count' of a retry policy is a number from 1 to 90.")?;
        let span = |name: &str, usual: u64| match source.get(name) {
            None | Some(Value::Null) => Ok(usual),
            Some(value) => value
                .as_str()
                .and_then(duration::parse)
                .filter(|span| name != "interval" || RETRY_INTERVALS.contains(span))
                .and_then(|span| u64::try_from(span.as_millis()).ok())
                .ok_or_else(|| {
                    format!(
                        "The '{name}' of a retry policy is a duration like PT20S; the interval is one from PT5S to P1D."
                    )
                }),
        };
        let statuses = source.get("httpStatusCodes").and_then(Value::as_array).map(|codes| {
            codes.iter().filter_map(|code| number(code).and_then(|code| u16::try_from(code).ok())).collect()
        });
        Ok(Self {
            kind,
            count: u32::try_from(count).unwrap_or(0),
            interval: span("interval", 7_500)?,
            minimum: span("minimumInterval", 5_000)?,
            maximum: span("maximumInterval", 86_400_000)?,
            statuses,
        })
    }

    /// Whether the outcome is one that another attempt may mend.
    #[must_use]
    pub fn retries(&self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Replied { status, .. } => match &self.statuses {
                Some(statuses) => statuses.contains(status),
                None => matches!(status, 408 | 429 | 500..=599),
            },
            Outcome::NoReply { retryable, .. } => *retryable,
        }
    }

    /// The wait before retry `nth` (from 1); `None` when there is none. `random` chooses within a range.
    #[must_use]
    pub fn wait(&self, nth: u32, random: u64) -> Option<Duration> {
        if nth > self.count {
            return None;
        }
        let milliseconds = match self.kind {
            RetryKind::None => return None,
            RetryKind::Fixed => self.interval,
            RetryKind::Exponential => {
                let power =
                    |exponent: u32| self.interval.saturating_mul(1_u64.checked_shl(exponent).unwrap_or(u64::MAX));
                let least = if nth == 1 { 0 } else { power(nth - 2) }.max(self.minimum);
                let most = power(nth - 1).min(self.maximum).max(least.min(self.maximum));
                let least = least.min(most);
                least + random % (most - least + 1)
            }
        };
        Some(Duration::from_millis(milliseconds))
    }
}

fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()))
}

/// The wait that a `Retry-After` header asks for: seconds, or a date.
#[must_use]
pub fn retry_after(headers: &hookmill_model::Object, now: Timestamp) -> Option<Duration> {
    let text: Str = hookmill_expression::content::to_text(hookmill_expression::member(headers, "Retry-After")?);
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds.min(31_536_000)));
    }
    let date = hookmill_expression::parse_date(text)?;
    Some(date.since(now))
}
