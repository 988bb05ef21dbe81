//! ISO 8601 durations such as `PT1H30M` and `P1D`.

use std::time::Duration;

/// The units before the `T`, each with its seconds, in the order in which they must stand.
pub const DAY_UNITS: &[(char, f64)] = &[('Y', 31_536_000.0), ('M', 2_592_000.0), ('W', 604_800.0), ('D', 86_400.0)];
/// The units behind the `T`.
pub const TIME_UNITS: &[(char, f64)] = &[('H', 3_600.0), ('M', 60.0), ('S', 1.0)];

/// Reads a duration; months count 30 days and years 365. `None` where the text is not one or is negative.
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    let rest = text.trim().strip_prefix(['P', 'p'])?;
    let (days, time) = match rest.find(['T', 't']) {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    if days.is_empty() && time.is_none_or(str::is_empty) {
        return None;
    }
    let mut seconds = fields(days, DAY_UNITS)?;
    if let Some(time) = time {
        seconds += fields(time, TIME_UNITS)?;
    }
    (seconds.is_finite() && seconds < 3.2e9).then(|| Duration::from_secs_f64((seconds * 1e6).round() / 1e6))
}

/// Adds the fields up; they must come in the given order.
fn fields(text: &str, units: &[(char, f64)]) -> Option<f64> {
    let mut total = 0.0;
    let mut rest = text;
    let mut next = 0;
    while !rest.is_empty() {
        let at = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let number: f64 = rest[..at].replace(',', ".").parse().ok().filter(|number: &f64| *number >= 0.0)?;
        let unit = rest[at..].chars().next()?.to_ascii_uppercase();
        let place = units.iter().skip(next).position(|(own, _)| *own == unit)? + next;
        total += number * units[place].1;
        next = place + 1;
        rest = &rest[at + 1..];
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, expected) in [
            ("PT1H30M", Some(5_400.0)),
            ("P1D", Some(86_400.0)),
            ("PT0.5S", Some(0.5)),
            ("P1DT12H", Some(129_600.0)),
            ("PT5M", Some(300.0)),
            ("P1W", Some(604_800.0)),
            ("PT", None),
            ("P", None),
            ("1H", None),
            ("PT-1S", None),
            ("PT1M1H", None),
        ] {
            assert_eq!(parse(text).map(|span| span.as_secs_f64()), expected, "{text}");
        }
    }
}
