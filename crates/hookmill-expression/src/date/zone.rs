//! Time zones by their Windows names, and by IANA names as an extension.

use std::sync::LazyLock;

use jiff::civil;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use windows_timezones::WindowsTimezone;

use super::{DateTime, Kind};

/// The rules compiled into the program, so that a replay does not depend on the machine.
static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// Names that Windows still takes but no longer lists.
const RETIRED: [(&str, &str); 2] =
    [("Kamchatka Standard Time", "Asia/Kamchatka"), ("Mid-Atlantic Standard Time", "Etc/GMT+2")];

/// Finds a zone; `None` for a name that is neither.
#[must_use]
pub fn zone(name: &str) -> Option<TimeZone> {
    let name = name.trim();
    if name.eq_ignore_ascii_case("utc") {
        return Some(TimeZone::UTC);
    }
    if let Some((_, successor)) = RETIRED.iter().find(|(retired, _)| retired.eq_ignore_ascii_case(name)) {
        return DATABASE.get(successor).ok();
    }
    let windows = spellings(name).into_iter().find_map(|spelling| spelling.parse::<WindowsTimezone>().ok());
    match windows {
        Some(known) => DATABASE.get(known.tzdb_id()).ok(),
        // Without a slash only legacy names such as `EST` would be found, which Windows does not know.
        None if name.contains('/') => DATABASE.get(name).ok(),
        None => None,
    }
}

/// The ways Windows may spell a name that was written in any case.
fn spellings(name: &str) -> [String; 3] {
    const CAPITALS: [&str; 8] = ["aus", "fle", "gmt", "gtb", "sa", "se", "us", "utc"];
    let cased = |keep_capitals: bool| {
        let words = name.split_whitespace().map(|word| {
            let lower = word.to_ascii_lowercase();
            let stem = lower.split(['+', '-']).next().unwrap_or_default();
            if keep_capitals && CAPITALS.contains(&stem) {
                return word.to_ascii_uppercase();
            }
            let mut start = true;
            let capitalised = lower.chars().map(|c| {
                let shown = if start { c.to_ascii_uppercase() } else { c };
                start = !c.is_alphanumeric() && c != '.';
                shown
            });
            capitalised.collect()
        });
        words.collect::<Vec<String>>().join(" ")
    };
    [name.to_owned(), cased(true), cased(false)]
}

/// The same moment as UTC; the standard time where the wall clock shows it twice, shifted forward where it is skipped.
pub(crate) fn to_utc(clock: civil::DateTime, zone: &TimeZone) -> Option<DateTime> {
    let instant = zone.to_ambiguous_timestamp(clock).later().ok()?;
    DateTime::new(jiff::tz::Offset::UTC.to_datetime(instant), Kind::Utc)
}

/// What a clock in the zone shows at a UTC time.
pub(crate) fn from_utc(utc: DateTime, zone: &TimeZone) -> Option<DateTime> {
    let instant = jiff::tz::Offset::UTC.to_timestamp(utc.clock).ok()?;
    let kind = if is_utc(zone) { Kind::Utc } else { Kind::Unspecified };
    DateTime::new(zone.to_datetime(instant), kind)
}

pub(crate) fn is_utc(zone: &TimeZone) -> bool {
    *zone == TimeZone::UTC || zone.iana_name() == Some("Etc/UTC")
}
