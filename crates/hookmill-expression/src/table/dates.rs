//! Functions of dates and times.

use super::{Evaluator::Strict, Function, row};
use crate::date;

pub(super) static ROWS: &[Function] = &[
    row!(Date, "utcNow(format?)", 0..=1, Strict(date::utc_now), "The time now, in UTC.", "@utcNow('yyyy-MM-dd')" => r#""2026-03-05""#),
    row!(Date, "addSeconds(timestamp, seconds, format?)", 2..=3, Strict(date::add_seconds), "The time so many seconds later.", "@addSeconds('2026-03-05T14:07:09Z', 51, 'HH:mm:ss')" => r#""14:08:00""#),
    row!(Date, "addMinutes(timestamp, minutes, format?)", 2..=3, Strict(date::add_minutes), "The time so many minutes later.", "@addMinutes('2026-03-05T14:07:09Z', -7, 'HH:mm')" => r#""14:00""#),
    row!(Date, "addHours(timestamp, hours, format?)", 2..=3, Strict(date::add_hours), "The time so many hours later.", "@addHours('2026-03-05T14:07:09Z', 10, 's')" => r#""2026-03-06T00:07:09""#),
    row!(Date, "addDays(timestamp, days, format?)", 2..=3, Strict(date::add_days), "The time so many days later.", "@addDays('2026-03-05T14:07:09Z', 30, 'd')" => r#""4/4/2026""#),
    row!(Date, "addToTime(timestamp, amount, unit, format?)", 3..=4, Strict(date::add_to_time), "The time later by seconds, minutes, hours, days, weeks, months or years.", "@addToTime('2026-01-31T00:00:00Z', 1, 'Month', 'yyyy-MM-dd')" => r#""2026-02-28""#),
    row!(Date, "subtractFromTime(timestamp, amount, unit, format?)", 3..=4, Strict(date::subtract_from_time), "The time earlier by seconds, minutes, hours, days, weeks, months or years.", "@subtractFromTime('2026-03-31T00:00:00Z', 1, 'Month', 'yyyy-MM-dd')" => r#""2026-02-28""#),
    row!(Date, "getFutureTime(amount, unit, format?)", 2..=3, Strict(date::get_future_time), "The time so much later than now.", "@getFutureTime(1, 'Week', 'yyyy-MM-dd')" => r#""2026-03-12""#),
    row!(Date, "getPastTime(amount, unit, format?)", 2..=3, Strict(date::get_past_time), "The time so much earlier than now.", "@getPastTime(1, 'Day', 'yyyy-MM-dd')" => r#""2026-03-04""#),
    row!(Date, "startOfHour(timestamp, format?)", 1..=2, Strict(date::start_of_hour), "The beginning of the hour.", "@startOfHour('2026-03-05T14:07:09Z', 'HH:mm:ss')" => r#""14:00:00""#),
    row!(Date, "startOfDay(timestamp, format?)", 1..=2, Strict(date::start_of_day), "The beginning of the day.", "@startOfDay('2026-03-05T14:07:09Z')" => r#""2026-03-05T00:00:00.0000000Z""#),
    row!(Date, "startOfMonth(timestamp, format?)", 1..=2, Strict(date::start_of_month), "The beginning of the month.", "@startOfMonth('2026-03-05T14:07:09Z', 'yyyy-MM-dd')" => r#""2026-03-01""#),
    row!(Date, "dayOfWeek(timestamp)", 1..=1, Strict(date::day_of_week), "The day of the week, 0 for Sunday.", "@dayOfWeek('2026-03-05')" => "4"),
    row!(Date, "dayOfMonth(timestamp)", 1..=1, Strict(date::day_of_month), "The day of the month.", "@dayOfMonth('2026-03-05')" => "5"),
    row!(Date, "dayOfYear(timestamp)", 1..=1, Strict(date::day_of_year), "The day of the year.", "@dayOfYear('2026-03-05')" => "64"),
    row!(Date, "ticks(timestamp)", 1..=1, Strict(date::ticks), "Units of 100 ns since the beginning of the year 1.", "@ticks('1970-01-01T00:00:00Z')" => "621355968000000000"),
    row!(Date, "dateDifference(start, end)", 2..=2, Strict(date::date_difference), "The duration between two times as [-][d.]hh:mm:ss.", "@dateDifference('2026-03-05', '2026-03-07T12:00:00')" => r#""2.12:00:00""#),
    row!(Date, "formatDateTime(timestamp, format?, locale?)", 1..=3, Strict(date::format_date_time), "The time as text by a .NET format.", "@formatDateTime('2026-03-05T14:07:09Z', 'dddd, d. MMMM', 'de-DE')" => r#""Donnerstag, 5. März""#),
    row!(Date, "parseDateTime(text, locale?, format?)", 1..=3, Strict(date::parse_date_time), "The time that a text of a locale or format means.", "@parseDateTime('05/03/2026', 'fr-FR')" => r#""2026-03-05T00:00:00.0000000""#),
    row!(Date, "convertFromUtc(timestamp, zone, format?)", 2..=3, Strict(date::convert_from_utc), "What a clock in the zone shows.", "@convertFromUtc('2026-03-05T14:07:09Z', 'W. Europe Standard Time', 'HH:mm')" => r#""15:07""#),
    row!(Date, "convertToUtc(timestamp, zone, format?)", 2..=3, Strict(date::convert_to_utc), "The time in UTC when a clock in the zone shows this.", "@convertToUtc('2026-03-05T15:07:09', 'W. Europe Standard Time')" => r#""2026-03-05T14:07:09.0000000Z""#),
    row!(Date, "convertTimeZone(timestamp, fromZone, toZone, format?)", 3..=4, Strict(date::convert_time_zone), "What a clock in another zone shows at the same moment.", "@convertTimeZone('2026-03-05T09:00:00', 'GMT Standard Time', 'Tokyo Standard Time', 'HH:mm')" => r#""18:00""#),
    row!(Date, "formatTimeSpan(timeSpan, format, locale?)", 2..=3, Strict(date::format_time_span), "A duration as text by a .NET format.", "@formatTimeSpan('1.02:03:04', 'd\\.hh')" => r#""1.02""#),
];
