//! Dates and times: a wall clock with its kind, at a resolution of 100 ns, as .NET's `DateTime` has it.
//!
//! Arithmetic is done on the wall clock; only the conversion functions know time zones.

mod exact;
mod format;
mod function;
mod parse;
mod span;
mod zone;
mod zone_list;

use hookmill_model::Timestamp;
use jiff::SignedDuration;
use jiff::civil;

use crate::culture::Culture;

pub(crate) use function::*;
pub use zone::zone;
pub use zone_list::{NamedZone, named_zones};

/// How the offset of a wall clock is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Written with `Z`.
    Utc,
    /// Written with an offset and converted to UTC.
    Offset,
    /// Nothing is known.
    Unspecified,
}

/// A wall clock between the years 1 and 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DateTime {
    pub clock: civil::DateTime,
    pub kind: Kind,
}

const NANOSECONDS_PER_TICK: i128 = 100;

fn origin() -> civil::DateTime {
    civil::DateTime::constant(1, 1, 1, 0, 0, 0, 0)
}

impl DateTime {
    /// `None` outside the years 1 to 9999.
    pub fn new(clock: civil::DateTime, kind: Kind) -> Option<Self> {
        (1..=9999).contains(&clock.year()).then_some(Self { clock, kind })
    }

    pub fn from_timestamp(now: Timestamp) -> Option<Self> {
        let instant = jiff::Timestamp::from_microsecond(now.as_micros()).ok()?;
        Self::new(jiff::tz::Offset::UTC.to_datetime(instant), Kind::Utc)
    }

    /// 100-ns units since the beginning of the year 1.
    pub fn ticks(self) -> i128 {
        self.clock.duration_since(origin()).as_nanos() / NANOSECONDS_PER_TICK
    }

    /// The wall clock `ticks` later; `None` when that leaves the range.
    pub fn plus(self, ticks: i128) -> Option<Self> {
        let nanoseconds = ticks.checked_mul(NANOSECONDS_PER_TICK)?;
        let seconds = i64::try_from(nanoseconds.div_euclid(1_000_000_000)).ok()?;
        let rest = i32::try_from(nanoseconds.rem_euclid(1_000_000_000)).ok()?;
        let clock = self.clock.checked_add(SignedDuration::new(seconds, rest)).ok()?;
        Self::new(clock, self.kind)
    }

    /// The wall clock `months` later, on the last day of the month where it has no such day.
    pub fn plus_months(self, months: i64) -> Option<Self> {
        let span = jiff::Span::new().try_months(months).ok()?;
        Self::new(self.clock.checked_add(span).ok()?, self.kind)
    }

    /// Days since Sunday.
    pub fn weekday(self) -> usize {
        usize::try_from(self.clock.weekday().to_sunday_zero_offset()).unwrap_or(0)
    }

    /// 100-ns units of the second.
    pub fn fraction(self) -> i32 {
        self.clock.subsec_nanosecond() / 100
    }
}

/// The moment that a date means: UTC where it does not say otherwise. `None` for what is not a date.
#[must_use]
pub fn parse_date(text: &str) -> Option<Timestamp> {
    let date = parse::parse(text, Culture::english())?;
    let instant = jiff::tz::Offset::UTC.to_timestamp(date.clock).ok()?;
    Some(Timestamp::from_micros(instant.as_microsecond()))
}

/// A moment as the definition language writes it: `2026-01-31T12:00:00.0000000Z`.
#[must_use]
pub fn date_text(at: Timestamp) -> String {
    DateTime::from_timestamp(at).map(|_| at.to_string()).unwrap_or_default()
}
