//! Timetables: which moments a recurrence means. Pure; the time zone's rules are compiled in.

use std::time::Duration;

use hookmill_expression::time_zone;
use hookmill_model::{Pointer, Timestamp, Value};
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan};

/// Periods are searched this far ahead for a match; a timetable without one never fires.
const PERIODS_MAX: i64 = 5_000;

/// The unit of a timetable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frequency {
    /// Every so many seconds.
    Second,
    /// Every so many minutes.
    Minute,
    /// Every so many hours.
    Hour,
    /// Every so many days.
    Day,
    /// Every so many weeks.
    Week,
    /// Every so many months.
    Month,
    /// Every so many years.
    Year,
}

impl Frequency {
    /// All units, the shortest first.
    pub const ALL: &[Self] = &[Self::Second, Self::Minute, Self::Hour, Self::Day, Self::Week, Self::Month, Self::Year];

    /// The word in definitions.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Second => "Second",
            Self::Minute => "Minute",
            Self::Hour => "Hour",
            Self::Day => "Day",
            Self::Week => "Week",
            Self::Month => "Month",
            Self::Year => "Year",
        }
    }

    /// The most units between two firings: about 500 days.
    #[must_use]
    pub const fn interval_max(self) -> i64 {
        match self {
            Self::Second => 9_999_999,
            Self::Minute => 72_000,
            Self::Hour => 12_000,
            Self::Day => 500,
            Self::Week => 71,
            Self::Month => 16,
            Self::Year => 10,
        }
    }

    /// The members of `schedule` that mean something for this unit.
    #[must_use]
    pub const fn schedule_members(self) -> &'static [&'static str] {
        match self {
            Self::Day => &["hours", "minutes"],
            Self::Week => &["hours", "minutes", "weekDays"],
            Self::Month | Self::Year => &["hours", "minutes", "monthDays", "monthlyOccurrences"],
            Self::Second | Self::Minute | Self::Hour => &[],
        }
    }
}

/// The members of a `recurrence`.
pub const MEMBERS: &[&str] = &["frequency", "interval", "startTime", "endTime", "timeZone", "count", "schedule"];
/// The members of a `schedule`.
pub const SCHEDULE_MEMBERS: &[&str] = &["hours", "minutes", "weekDays", "monthDays", "monthlyOccurrences"];
/// The numbers that members of a `schedule` may hold; 0 is no day of a month.
pub const SCHEDULE_RANGES: &[(&str, i64, i64)] = &[("hours", 0, 23), ("minutes", 0, 59), ("monthDays", -31, 31)];
/// The days of the week as definitions write them.
pub const WEEK_DAYS: &[&str] = &["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// A timetable.
#[derive(Clone, Debug)]
pub struct Recurrence {
    /// The unit.
    pub frequency: Frequency,
    /// How many units lie between two firings.
    pub interval: i64,
    start: Option<Start>,
    end: Option<Timestamp>,
    /// At most so many firings.
    pub count: Option<u64>,
    zone: TimeZone,
    keeps_wall_clock: bool,
    hours: Vec<i8>,
    minutes: Vec<i8>,
    week_days: Vec<Weekday>,
    month_days: Vec<i8>,
    occurrences: Vec<(Weekday, i8)>,
}

#[derive(Clone, Copy, Debug)]
enum Start {
    Moment(Timestamp),
    WallClock(DateTime),
}

/// What is wrong with a timetable, and where below `recurrence`.
pub type Fault = (Pointer, String);

fn weekday(text: &str) -> Option<Weekday> {
    Some(match text.to_ascii_lowercase().as_str() {
        "monday" => Weekday::Monday,
        "tuesday" => Weekday::Tuesday,
        "wednesday" => Weekday::Wednesday,
        "thursday" => Weekday::Thursday,
        "friday" => Weekday::Friday,
        "saturday" => Weekday::Saturday,
        "sunday" => Weekday::Sunday,
        _ => return None,
    })
}

/// The elements of a list, of a single value, or of nothing.
fn list(value: Option<&Value>) -> Vec<Value> {
    match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(elements)) => elements.to_vec(),
        Some(single) => vec![single.clone()],
    }
}

fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()))
}

fn moment(instant: jiff::Timestamp) -> Timestamp {
    Timestamp::from_micros(instant.as_microsecond())
}

fn instant(moment: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(moment.as_micros()).unwrap_or(jiff::Timestamp::MAX)
}

impl Recurrence {
    /// Reads a `recurrence` object.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn new(source: &Value) -> Result<Self, Vec<Fault>> {
        let mut faults: Vec<Fault> = Vec::new();
        if source.as_object().is_none() {
            return Err(vec![(
                Pointer::root(),
                "A timetable is an object with 'frequency' and 'interval'.".to_owned(),
            )]);
        }
        for name in source.as_object().into_iter().flat_map(hookmill_model::Object::keys) {
            if SCHEDULE_MEMBERS.contains(&&**name) {
                faults.push((Pointer::root().child(name), format!("'{name}' belongs into 'schedule'.")));
            } else if !MEMBERS.contains(&&**name) {
                let hint = hookmill_expression::closest(name, MEMBERS.iter().copied());
                let hint = hint.map_or_else(String::new, |hint| format!(" Did you mean '{hint}'?"));
                faults.push((Pointer::root().child(name), format!("'{name}' is not a member of a timetable.{hint}")));
            }
        }
        let mut fault = |name: &str, message: String| faults.push((Pointer::root().child(name), message));
        let unit = source.get("frequency").and_then(Value::as_str).unwrap_or_default();
        let known = Frequency::ALL.iter().copied().find(|own| own.as_str().eq_ignore_ascii_case(unit));
        if known.is_none() {
            fault("frequency", format!("'{unit}' is not one of Second, Minute, Hour, Day, Week, Month."));
        }
        let frequency = known.unwrap_or(Frequency::Day);
        let most = frequency.interval_max();
        let interval = source.get("interval").map_or(Some(1), integer).unwrap_or(0);
        if !(1..=most).contains(&interval) {
            fault("interval", format!("The interval must be a whole number from 1 to {most}."));
        }
        let named = source.get("timeZone").and_then(Value::as_str).filter(|name| !name.is_empty());
        let zone = match named {
            None => TimeZone::UTC,
            Some(name) => time_zone(name).unwrap_or_else(|| {
                fault("timeZone", format!("'{name}' is not a known time zone."));
                TimeZone::UTC
            }),
        };
        let mut start = None;
        if let Some(text) = source.get("startTime").and_then(Value::as_str).filter(|text| !text.is_empty()) {
            start = match (text.parse::<jiff::Timestamp>(), text.parse::<DateTime>()) {
                (Ok(instant), _) => Some(Start::Moment(moment(instant))),
                (_, Ok(clock)) => Some(Start::WallClock(clock)),
                _ => {
                    fault("startTime", format!("'{text}' is not a time like 2026-01-31T09:00:00Z."));
                    None
                }
            };
        }
        let mut end = None;
        if let Some(text) = source.get("endTime").and_then(Value::as_str).filter(|text| !text.is_empty()) {
            let parsed = text
                .parse::<jiff::Timestamp>()
                .ok()
                .or_else(|| text.parse::<DateTime>().ok().and_then(|clock| zone.to_timestamp(clock).ok()));
            match parsed {
                Some(instant) => end = Some(moment(instant)),
                None => fault("endTime", format!("'{text}' is not a time like 2026-01-31T09:00:00Z.")),
            }
        }
        let empty = Value::Null;
        let schedule = source.get("schedule").unwrap_or(&empty);
        let mut numbers = |name: &str| -> Vec<i8> {
            let range = SCHEDULE_RANGES.iter().find(|(member, ..)| *member == name);
            let (from, to) = range.map_or((0, 0), |(_, from, to)| (*from, *to));
            let zero = from == 0;
            let mut found = Vec::new();
            for value in list(schedule.get(name)) {
                match integer(&value).filter(|number| (from..=to).contains(number) && (zero || *number != 0)) {
                    Some(number) => found.extend(i8::try_from(number)),
                    None => faults.push((
                        Pointer::root().child("schedule").child(name),
                        format!("{value} is not a number from {from} to {to}."),
                    )),
                }
            }
            found.sort_unstable();
            found.dedup();
            found
        };
        let hours = numbers("hours");
        let minutes = numbers("minutes");
        let month_days = numbers("monthDays");
        let mut week_days = Vec::new();
        for value in list(schedule.get("weekDays")) {
            match value.as_str().and_then(weekday) {
                Some(day) => week_days.push(day),
                None => {
                    faults.push((
                        Pointer::root().child("schedule").child("weekDays"),
                        format!("{value} is not a day of the week."),
                    ));
                }
            }
        }
        let mut occurrences = Vec::new();
        for (index, value) in list(schedule.get("monthlyOccurrences")).iter().enumerate() {
            let day = value.get("dayOfWeek").or_else(|| value.get("day")).and_then(Value::as_str).and_then(weekday);
            let nth = value.get("occurrence").and_then(integer).filter(|nth| (-5..=5).contains(nth) && *nth != 0);
            match (day, nth.and_then(|nth| i8::try_from(nth).ok())) {
                (Some(day), Some(nth)) => occurrences.push((day, nth)),
                _ => faults.push((
                    Pointer::root().child("schedule").child("monthlyOccurrences").child(index),
                    "An occurrence needs a dayOfWeek and an occurrence from 1 to 5 or -1 to -5.".to_owned(),
                )),
            }
        }
        let allowed = frequency.schedule_members();
        for (name, value) in schedule.as_object().into_iter().flat_map(hookmill_model::Object::iter) {
            if !SCHEDULE_MEMBERS.contains(&&**name) {
                faults.push((
                    Pointer::root().child("schedule").child(name),
                    format!("'{name}' is not one of {}.", SCHEDULE_MEMBERS.join(", ")),
                ));
            } else if !allowed.contains(&&**name) && !list(Some(value)).is_empty() {
                faults.push((
                    Pointer::root().child("schedule").child(name),
                    format!("'{name}' cannot be used with this frequency."),
                ));
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let keeps_wall_clock = named.is_some() || matches!(start, Some(Start::WallClock(_)));
        let count = source.get("count").and_then(integer).and_then(|count| u64::try_from(count).ok());
        Ok(Self {
            frequency,
            interval,
            start,
            end,
            count,
            zone,
            keeps_wall_clock,
            hours,
            minutes,
            week_days,
            month_days,
            occurrences,
        })
    }

    fn has_schedule(&self) -> bool {
        !(self.hours.is_empty()
            && self.minutes.is_empty()
            && self.week_days.is_empty()
            && self.month_days.is_empty()
            && self.occurrences.is_empty())
    }

    fn clock(&self, at: Timestamp) -> DateTime {
        self.zone.to_datetime(instant(at))
    }

    /// Skipped wall clocks fire at the end of the gap, repeated ones the first time.
    fn at(&self, clock: DateTime) -> Option<Timestamp> {
        self.zone.to_ambiguous_timestamp(clock).compatible().ok().map(moment)
    }

    fn span(&self, periods: i64) -> Option<Span> {
        let units = self.interval.checked_mul(periods)?;
        let span = Span::new();
        match self.frequency {
            Frequency::Second => span.try_seconds(units),
            Frequency::Minute => span.try_minutes(units),
            Frequency::Hour => span.try_hours(units),
            Frequency::Day => span.try_days(units),
            Frequency::Week => span.try_weeks(units),
            Frequency::Month => span.try_months(units),
            Frequency::Year => span.try_years(units),
        }
        .ok()
    }

    fn seconds(&self) -> Option<i64> {
        Some(match self.frequency {
            Frequency::Second => self.interval,
            Frequency::Minute => self.interval * 60,
            Frequency::Hour => self.interval * 3_600,
            _ => return None,
        })
    }

    fn start_moment(&self) -> Option<Timestamp> {
        match self.start? {
            Start::Moment(moment) => Some(moment),
            Start::WallClock(clock) => self.at(clock),
        }
    }

    /// The first moment to fire after it was turned on at `enabled`.
    #[must_use]
    pub fn first(&self, enabled: Timestamp) -> Option<Timestamp> {
        let found = match (self.start_moment(), self.has_schedule()) {
            (None, false) => Some(enabled),
            (Some(start), false) if start >= enabled => Some(start),
            (Some(start), false) => self.step_after(start, enabled),
            (start, true) => {
                let anchor = start.unwrap_or(enabled);
                let from = anchor.max(enabled);
                self.matching(anchor, Timestamp::from_micros(from.as_micros() - 1))
            }
        };
        found.filter(|found| self.end.is_none_or(|end| *found <= end))
    }

    /// The next moment after `after`, where the first was `first`.
    #[must_use]
    pub fn next(&self, first: Timestamp, after: Timestamp) -> Option<Timestamp> {
        let anchor = self.start_moment().unwrap_or(first);
        let found = if self.has_schedule() { self.matching(anchor, after) } else { self.step_after(anchor, after) };
        found.filter(|found| self.end.is_none_or(|end| *found <= end))
    }

    /// `anchor` + k intervals, the first one after `after`.
    fn step_after(&self, anchor: Timestamp, after: Timestamp) -> Option<Timestamp> {
        if after < anchor {
            return Some(anchor);
        }
        if let Some(seconds) = self.seconds() {
            let step = seconds.checked_mul(1_000_000)?;
            let passed = after.as_micros() - anchor.as_micros();
            return Some(Timestamp::from_micros(anchor.as_micros() + (passed / step + 1).checked_mul(step)?));
        }
        let zone = if self.keeps_wall_clock { &self.zone } else { &TimeZone::UTC };
        let begin = zone.to_datetime(instant(anchor));
        // A first guess from the length of the period, then the exact one.
        let days = match self.frequency {
            Frequency::Day => 1,
            Frequency::Week => 7,
            Frequency::Month => 31,
            _ => 366,
        } * self.interval;
        let passed_days = (after.as_micros() - anchor.as_micros()) / 86_400_000_000;
        let guess = (passed_days / days - 1).max(0);
        (guess..guess + PERIODS_MAX).find_map(|periods| {
            let clock = begin.checked_add(self.span(periods)?).ok()?;
            let at = zone.to_ambiguous_timestamp(clock).compatible().ok().map(moment)?;
            (at > after).then_some(at)
        })
    }

    /// The first match of the schedule after `after`, in periods counted from the one that holds `anchor`.
    fn matching(&self, anchor: Timestamp, after: Timestamp) -> Option<Timestamp> {
        let begin = self.clock(anchor);
        let floor = after.max(Timestamp::from_micros(anchor.as_micros() - 1));
        let from = self.clock(floor).date();
        let hours = if self.hours.is_empty() { vec![begin.hour()] } else { self.hours.clone() };
        let minutes = if self.minutes.is_empty() { vec![begin.minute()] } else { self.minutes.clone() };
        let period = self.period(begin.date())?;
        // Days are looked at one by one, beginning a day early because of zones.
        let mut day = from.checked_sub(1.day()).ok()?;
        for _ in 0..PERIODS_MAX {
            if self.is_in_period(period, day) && self.is_day(begin.date(), day) {
                for hour in &hours {
                    for minute in &minutes {
                        let clock = day.at(*hour, *minute, begin.second(), 0);
                        let at = self.at(clock);
                        if let Some(at) = at.filter(|at| *at > floor) {
                            return Some(at);
                        }
                    }
                }
            }
            day = day.checked_add(1.day()).ok()?;
        }
        None
    }

    /// The number of the period a day lies in, from some fixed origin.
    fn period(&self, day: Date) -> Option<i64> {
        let origin = Date::constant(1970, 1, 5);
        Some(match self.frequency {
            Frequency::Week => i64::from(day.since(origin).ok()?.get_days()).div_euclid(7),
            Frequency::Month => i64::from(day.year()) * 12 + i64::from(day.month()) - 1,
            Frequency::Year => i64::from(day.year()),
            _ => i64::from(day.since(origin).ok()?.get_days()),
        })
    }

    fn is_in_period(&self, anchor: i64, day: Date) -> bool {
        self.period(day).is_some_and(|period| (period - anchor).rem_euclid(self.interval.max(1)) == 0)
    }

    fn is_day(&self, anchor: Date, day: Date) -> bool {
        match self.frequency {
            Frequency::Week if self.week_days.is_empty() => day.weekday() == anchor.weekday(),
            Frequency::Week => self.week_days.contains(&day.weekday()),
            Frequency::Month | Frequency::Year => {
                if self.month_days.is_empty() && self.occurrences.is_empty() {
                    return day.day() == anchor.day();
                }
                let from_end = day.day() - day.days_in_month() - 1;
                let nth = (day.day() - 1) / 7 + 1;
                let nth_from_end = (from_end + 1) / 7 - 1;
                self.month_days.iter().any(|wanted| *wanted == day.day() || *wanted == from_end)
                    || self.occurrences.iter().any(|(weekday, wanted)| {
                        *weekday == day.weekday() && (*wanted == nth || *wanted == nth_from_end)
                    })
            }
            _ => true,
        }
    }

    /// The length of one interval where it is always the same.
    #[must_use]
    pub fn fixed_interval(&self) -> Option<Duration> {
        self.seconds().and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs)
    }
}

#[cfg(test)]
mod tests;
