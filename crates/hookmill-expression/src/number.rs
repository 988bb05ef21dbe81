//! Numbers as text: .NET's format strings, and reading numbers the way .NET does.

mod custom;
mod digits;
mod parse;
mod standard;

use hookmill_model::Value;

use crate::arguments::{Arguments, Result};
use crate::culture::Culture;
use crate::item::Item;

pub(crate) use parse::{parse_decimal, parse_float, parse_int};

pub(crate) fn format_number(a: &Arguments) -> Result<Item> {
    let value = match a.item(0) {
        Item::Value(value @ (Value::Integer(_) | Value::Float(_) | Value::Decimal(_))) => value,
        _ => return Err(a.invalid(0, "a number")),
    };
    let format = a.string(1)?;
    let culture = Culture::of_argument(a, 2)?;
    // A custom format gives at most its own characters, the digits of the number and a separator for each of them.
    a.within(format.len())?;
    let text = match specifier(&format) {
        Some((letter, precision)) => standard::format(value, letter, precision, culture),
        None => Some(custom::format(value, &format, &culture.numbers)),
    };
    a.made(text.ok_or_else(|| a.refuse(format!("'{format}' is not a number format for this value")))?)
}

/// The letter and the precision of a standard format; `None` for a custom one.
fn specifier(format: &str) -> Option<(char, Option<usize>)> {
    let mut rest = format.chars();
    let letter = match rest.next() {
        None => return Some(('G', None)),
        Some(letter) => letter,
    };
    let precision = rest.as_str();
    let standard =
        letter.is_ascii_alphabetic() && precision.len() <= 2 && precision.bytes().all(|byte| byte.is_ascii_digit());
    standard.then(|| (letter, precision.parse().ok()))
}

/// A float that is a whole number becomes an integer, as XPath's results do.
pub(crate) fn from_float(number: f64) -> Value {
    #[allow(clippy::cast_possible_truncation)]
    if number.fract() == 0.0 && number.abs() < 9e15 { Value::Integer(number as i64) } else { Value::Float(number) }
}
