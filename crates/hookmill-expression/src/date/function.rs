//! The functions of dates and times.

use std::sync::Arc;

use hookmill_model::Value;
use jiff::civil;

use super::span::{self, TICKS_PER_DAY, TICKS_PER_SECOND};
use super::zone::{from_utc, is_utc, to_utc};
use super::{DateTime, Kind, exact, format, parse};
use crate::arguments::{Arguments, Result};
use crate::culture::Culture;
use crate::item::Item;

fn date(a: &Arguments, index: usize) -> Result<DateTime> {
    let (text, is_string) = match a.item(index) {
        Item::Value(Value::String(text)) => (Arc::clone(text), true),
        _ => (a.text(index)?, false),
    };
    parse::parse(&text, Culture::english()).filter(|_| is_string).ok_or_else(|| {
        let name = a.function.name;
        a.error(
            crate::error::ErrorKind::InvalidArgument,
            format!(
                "In function '{name}', the value provided for date time string '{text}' was not valid. The datetime string must match ISO 8601 format."
            ),
        )
    })
}

fn out_of_range(a: &Arguments) -> Box<crate::error::Error> {
    a.refuse("the date would leave the years 1 to 9999")
}

/// Prints in the format of the optional argument at `index`.
fn print(a: &Arguments, date: DateTime, index: usize, culture: &Culture) -> Result<Item> {
    let wanted = a.optional_string(index)?;
    let wanted = wanted.as_deref().unwrap_or("o");
    a.within(wanted.len())?;
    let text = format::format(date, wanted, culture);
    text.map(|text| Item::Value(text.into()))
        .ok_or_else(|| a.refuse(format!("'{wanted}' is not a format of dates and times")))
}

fn now(a: &Arguments) -> Result<DateTime> {
    DateTime::from_timestamp(a.scope.now()).ok_or_else(|| out_of_range(a))
}

pub(crate) fn utc_now(a: &Arguments) -> Result<Item> {
    print(a, now(a)?, 0, Culture::english())
}

fn add(a: &Arguments, ticks: i128) -> Result<Item> {
    let sum = date(a, 0)?.plus(i128::from(a.integer(1)?) * ticks).ok_or_else(|| out_of_range(a))?;
    print(a, sum, 2, Culture::english())
}

pub(crate) fn add_seconds(a: &Arguments) -> Result<Item> {
    add(a, TICKS_PER_SECOND)
}

pub(crate) fn add_minutes(a: &Arguments) -> Result<Item> {
    add(a, 60 * TICKS_PER_SECOND)
}

pub(crate) fn add_hours(a: &Arguments) -> Result<Item> {
    add(a, 3_600 * TICKS_PER_SECOND)
}

pub(crate) fn add_days(a: &Arguments) -> Result<Item> {
    add(a, TICKS_PER_DAY)
}

/// `date` later by the amount and unit at `index`, times `sign`.
fn shifted(a: &Arguments, date: DateTime, index: usize, sign: i64) -> Result<DateTime> {
    let amount = a.integer(index)?.checked_mul(sign).ok_or_else(|| out_of_range(a))?;
    let unit = a.string(index + 1)?;
    let unit = unit.to_ascii_lowercase();
    let ticks = match unit.strip_suffix('s').unwrap_or(&unit) {
        "second" => TICKS_PER_SECOND,
        "minute" => 60 * TICKS_PER_SECOND,
        "hour" => 3_600 * TICKS_PER_SECOND,
        "day" => TICKS_PER_DAY,
        "week" => 7 * TICKS_PER_DAY,
        "month" => return date.plus_months(amount).ok_or_else(|| out_of_range(a)),
        "year" => {
            let months = amount.checked_mul(12);
            return months.and_then(|months| date.plus_months(months)).ok_or_else(|| out_of_range(a));
        }
        _ => {
            let units = "Second, Minute, Hour, Day, Week, Month, Year";
            return Err(a.refuse(format!("'{unit}' is not one of the units {units}")));
        }
    };
    date.plus(i128::from(amount) * ticks).ok_or_else(|| out_of_range(a))
}

pub(crate) fn add_to_time(a: &Arguments) -> Result<Item> {
    print(a, shifted(a, date(a, 0)?, 1, 1)?, 3, Culture::english())
}

pub(crate) fn subtract_from_time(a: &Arguments) -> Result<Item> {
    print(a, shifted(a, date(a, 0)?, 1, -1)?, 3, Culture::english())
}

pub(crate) fn get_future_time(a: &Arguments) -> Result<Item> {
    print(a, shifted(a, now(a)?, 0, 1)?, 2, Culture::english())
}

pub(crate) fn get_past_time(a: &Arguments) -> Result<Item> {
    print(a, shifted(a, now(a)?, 0, -1)?, 2, Culture::english())
}

fn start(a: &Arguments, of: impl Fn(civil::DateTime) -> civil::DateTime) -> Result<Item> {
    let date = date(a, 0)?;
    print(a, DateTime { clock: of(date.clock), kind: date.kind }, 1, Culture::english())
}

pub(crate) fn start_of_hour(a: &Arguments) -> Result<Item> {
    start(a, |clock| clock.date().at(clock.hour(), 0, 0, 0))
}

pub(crate) fn start_of_day(a: &Arguments) -> Result<Item> {
    start(a, |clock| clock.date().at(0, 0, 0, 0))
}

pub(crate) fn start_of_month(a: &Arguments) -> Result<Item> {
    start(a, |clock| clock.date().first_of_month().at(0, 0, 0, 0))
}

fn number(number: impl Into<i64>) -> Item {
    Item::Value(Value::Integer(number.into()))
}

pub(crate) fn day_of_week(a: &Arguments) -> Result<Item> {
    Ok(number(date(a, 0)?.clock.weekday().to_sunday_zero_offset()))
}

pub(crate) fn day_of_month(a: &Arguments) -> Result<Item> {
    Ok(number(date(a, 0)?.clock.day()))
}

pub(crate) fn day_of_year(a: &Arguments) -> Result<Item> {
    Ok(number(date(a, 0)?.clock.day_of_year()))
}

pub(crate) fn ticks(a: &Arguments) -> Result<Item> {
    i64::try_from(date(a, 0)?.ticks()).map(number).map_err(|_| out_of_range(a))
}

pub(crate) fn date_difference(a: &Arguments) -> Result<Item> {
    let (start, end) = (date(a, 0)?, date(a, 1)?);
    Ok(Item::Value(span::constant(end.ticks() - start.ticks()).into()))
}

pub(crate) fn format_date_time(a: &Arguments) -> Result<Item> {
    print(a, date(a, 0)?, 1, Culture::of_argument(a, 2)?)
}

pub(crate) fn parse_date_time(a: &Arguments) -> Result<Item> {
    let text = a.string(0)?;
    let culture = Culture::of_argument(a, 1)?;
    let parsed = match a.optional_string(2)? {
        Some(format) => exact::parse(&text, &format, culture, now(a)?.clock.date()),
        None => parse::parse(&text, culture),
    };
    let parsed = parsed.ok_or_else(|| a.refuse(format!("'{text}' is not a date of the locale or format given")))?;
    print(a, parsed, usize::MAX, Culture::english())
}

fn named_zone(a: &Arguments, index: usize) -> Result<jiff::tz::TimeZone> {
    let name = a.string(index)?;
    super::zone(&name).ok_or_else(|| a.refuse(format!("'{name}' is not a known time zone")))
}

/// The wall clock at argument 0 in the zone, as UTC.
fn utc_of(a: &Arguments, zone: &jiff::tz::TimeZone) -> Result<DateTime> {
    let local = date(a, 0)?;
    if local.kind == Kind::Unspecified || is_utc(zone) {
        return to_utc(local.clock, zone).ok_or_else(|| out_of_range(a));
    }
    Err(a.refuse("the date says that it is UTC, but the source time zone is another"))
}

pub(crate) fn convert_from_utc(a: &Arguments) -> Result<Item> {
    let utc = date(a, 0)?;
    let local = from_utc(utc, &named_zone(a, 1)?).ok_or_else(|| out_of_range(a))?;
    print(a, local, 2, Culture::english())
}

pub(crate) fn convert_to_utc(a: &Arguments) -> Result<Item> {
    let utc = utc_of(a, &named_zone(a, 1)?)?;
    print(a, utc, 2, Culture::english())
}

pub(crate) fn convert_time_zone(a: &Arguments) -> Result<Item> {
    let utc = utc_of(a, &named_zone(a, 1)?)?;
    let local = from_utc(utc, &named_zone(a, 2)?).ok_or_else(|| out_of_range(a))?;
    print(a, local, 3, Culture::english())
}

pub(crate) fn format_time_span(a: &Arguments) -> Result<Item> {
    let text = a.string(0)?;
    let ticks = span::parse(&text).ok_or_else(|| a.refuse(format!("'{text}' is not a time span")))?;
    let culture = Culture::of_argument(a, 2)?;
    let format = a.string(1)?;
    let text = span::format(ticks, &format, culture.numbers.point);
    text.map(|text| Item::Value(text.into()))
        .ok_or_else(|| a.refuse(format!("'{format}' is not a format of time spans")))
}
