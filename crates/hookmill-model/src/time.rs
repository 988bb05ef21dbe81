//! Moments: microseconds since 1970 in UTC. Nothing here reads a clock.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// A text that is not a moment in the form of RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimestampError(String);

impl fmt::Display for TimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is not a time like 2026-01-31T12:00:00Z", self.0)
    }
}

impl std::error::Error for TimestampError {}

impl Timestamp {
    /// From microseconds since 1970.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From milliseconds since 1970.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// Microseconds since 1970.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since 1970, rounded down.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// The moment `span` later; stays at the end of time instead of overflowing.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }

    /// The time from `earlier` to `self`, zero where `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// The length of a moment in RFC 3339 with seven decimals.
const TEXT_BYTES: usize = 28;
const MICROS_PER_DAY: i64 = 86_400 * 1_000_000;

impl Timestamp {
    /// The text of a moment in the years 1 to 9999; a general formatter takes ten times as long, and each fact has one.
    fn text(self) -> Option<[u8; TEXT_BYTES]> {
        let (year, month, day) = civil(self.0.div_euclid(MICROS_PER_DAY));
        let of_day = self.0.rem_euclid(MICROS_PER_DAY);
        let (second, micros) = (of_day / 1_000_000, of_day % 1_000_000);
        if !(1..=9_999).contains(&year) {
            return None;
        }
        let mut text = *b"0000-00-00T00:00:00.0000000Z";
        let parts = [
            (year, 0..4),
            (month, 5..7),
            (day, 8..10),
            (second / 3_600, 11..13),
            (second / 60 % 60, 14..16),
            (second % 60, 17..19),
            (micros, 20..26),
        ];
        for (mut number, place) in parts {
            for digit in text[place].iter_mut().rev() {
                *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
                number /= 10;
            }
        }
        Some(text)
    }
}

/// Year, month and day of a day since 1970-01-01, by the rules of the Gregorian calendar. Years begin in March here, so
/// that the day that some have stands at the end; 400 years are 146,097 days.
const fn civil(days: i64) -> (i64, i64, i64) {
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    let days = days.saturating_add(719_468);
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + (month <= 2) as i64, month, day)
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with seven decimals, as the definition language prints times.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = self.text()
            && let Ok(text) = std::str::from_utf8(&text)
        {
            return f.write_str(text);
        }
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(moment) => write!(f, "{}", moment.strftime("%Y-%m-%dT%H:%M:%S%.6f"))?,
            Err(_) => write!(f, "{}us", self.0)?,
        }
        f.write_str("0Z")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        text.parse::<jiff::Timestamp>()
            .map(|moment| Self(moment.as_microsecond()))
            .map_err(|_| TimestampError(text.chars().take(64).collect()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.text().as_ref().map(|text| std::str::from_utf8(text)) {
            Some(Ok(text)) => serializer.serialize_str(text),
            _ => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_seven_decimals_and_reads_them_back() {
        let moment = Timestamp::from_micros(1_700_000_000_123_456);
        assert_eq!(moment.to_string(), "2023-11-14T22:13:20.1234560Z");
        assert_eq!(moment.to_string().parse(), Ok(moment));
        assert!("yesterday".parse::<Timestamp>().is_err());
    }

    #[test]
    fn every_day_is_written_as_the_calendar_has_it() {
        let written = |micros: i64| {
            let moment = jiff::Timestamp::from_microsecond(micros).expect("a moment of the calendar");
            format!("{}0Z", moment.strftime("%Y-%m-%dT%H:%M:%S%.6f"))
        };
        // The years -5 to 9999: each day from 1915 to 2079, and some of all others.
        let first = -721_000_i64;
        let days = (first..2_932_000).filter(|day| (-20_000..40_000).contains(day) || day % 97 == 0);
        for day in days {
            let micros = day * MICROS_PER_DAY + (day.rem_euclid(86_400)) * 1_000_000 + day.rem_euclid(1_000_000);
            let moment = Timestamp::from_micros(micros);
            assert_eq!(moment.to_string(), written(micros), "{micros}");
            assert_eq!(serde_json::to_string(&moment).ok(), Some(format!("\"{moment}\"")));
        }
        for micros in [-1, 0, 1, -62_135_596_800_000_000, -62_135_596_800_000_001, 253_402_207_199_999_999] {
            assert_eq!(Timestamp::from_micros(micros).to_string(), written(micros), "{micros}");
        }
        assert_eq!(Timestamp::from_micros(i64::MAX).to_string(), format!("{}us0Z", i64::MAX));
        assert_eq!(Timestamp::from_micros(i64::MIN).to_string(), format!("{}us0Z", i64::MIN));
    }
}
