//! Standard formats of numbers: a letter and a precision.

use hookmill_model::Value;

use super::digits::{Digits, ends_group, signed};
use crate::culture::{Culture, Numbers};

/// `None` for a letter that is not a format, or not one of this kind of number.
pub(super) fn format(value: &Value, letter: char, precision: Option<usize>, culture: &Culture) -> Option<String> {
    let numbers = &culture.numbers;
    Some(match letter.to_ascii_uppercase() {
        'N' => signed_text(value, 0, precision.unwrap_or(2), Some(numbers), numbers, ["n", "-n"]),
        'F' => signed_text(value, 0, precision.unwrap_or(2), None, numbers, ["n", "-n"]),
        'C' => {
            let digits = precision.unwrap_or(numbers.currency_digits);
            signed_text(value, 0, digits, Some(numbers), numbers, numbers.currency).replacen('¤', numbers.symbol, 1)
        }
        'P' => {
            let negative = format!("-{}", numbers.percent);
            let patterns = [numbers.percent, &negative];
            signed_text(value, 2, precision.unwrap_or(2), Some(numbers), numbers, patterns)
        }
        'D' => {
            let number = whole(value)?;
            let sign = if number < 0 { "-" } else { "" };
            format!("{sign}{:0>width$}", number.unsigned_abs(), width = precision.unwrap_or(0))
        }
        'X' => {
            let hex = format!("{:0>width$x}", whole(value)?, width = precision.unwrap_or(0));
            if letter == 'X' { hex.to_uppercase() } else { hex }
        }
        'E' => scientific(value, precision.unwrap_or(6), letter, numbers),
        'G' => general(value, precision.filter(|digits| *digits > 0), letter, numbers),
        'R' if matches!(value, Value::Float(_)) => general(value, None, if letter == 'R' { 'G' } else { 'g' }, numbers),
        _ => return None,
    })
}

fn whole(value: &Value) -> Option<i64> {
    if let Value::Integer(number) = value { Some(*number) } else { None }
}

/// A fixed number of places, times ten to the `shift`, in the pattern of its sign.
fn signed_text(
    value: &Value,
    shift: i32,
    places: usize,
    grouped: Option<&Numbers>,
    numbers: &Numbers,
    patterns: [&str; 2],
) -> String {
    let mut digits = Digits::of(value, None);
    if !digits.is_zero() {
        digits.scale += shift;
    }
    digits.round(i64::from(digits.scale) + i64::from(signed(places)));
    let mut text = String::new();
    let before = usize::try_from(digits.scale).unwrap_or(0).max(1);
    for left in (0..before).rev() {
        text.push(digits.at(-signed(left) - 1));
        if grouped.is_some_and(|numbers| ends_group(left, numbers.group_sizes)) {
            text.push_str(numbers.group);
        }
    }
    if places > 0 {
        text.push_str(numbers.point);
        text.extend((0..signed(places)).map(|place| digits.at(place)));
    }
    patterns[usize::from(digits.negative)].replacen('n', &text, 1)
}

fn scientific(value: &Value, places: usize, letter: char, numbers: &Numbers) -> String {
    let mut digits = Digits::of(value, Some(places + 1));
    digits.round(i64::from(signed(places)) + 1);
    let exponent = if digits.is_zero() { 0 } else { digits.scale - 1 };
    digits.scale = 1;
    let mut text = String::from(if digits.negative { "-" } else { "" });
    text.push(digits.at(-1));
    if places > 0 {
        text.push_str(numbers.point);
        text.extend((0..signed(places)).map(|place| digits.at(place)));
    }
    text + &exponent_text(exponent, letter, 3)
}

fn exponent_text(exponent: i32, letter: char, width: usize) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{letter}{sign}{:0width$}", exponent.unsigned_abs())
}

/// The shorter of fixed and scientific; all digits without a precision.
fn general(value: &Value, precision: Option<usize>, letter: char, numbers: &Numbers) -> String {
    let mut digits = Digits::of(value, precision);
    let fixed_up_to = match (precision, value) {
        // Trailing zeros of a decimal are digits too.
        (None, Value::Integer(_) | Value::Decimal(_)) => {
            let text = crate::item::text(value);
            return text.replace('.', numbers.point);
        }
        (None, _) => digits.digits.len().max(15),
        (Some(precision), _) => {
            digits.round(i64::from(signed(precision)));
            precision
        }
    };
    while digits.digits.last() == Some(&b'0') {
        digits.digits.pop();
    }
    let exponent = (digits.scale > signed(fixed_up_to) || digits.scale < -3).then_some(digits.scale - 1);
    if exponent.is_some() {
        digits.scale = 1;
    }
    let mut text = String::from(if digits.negative { "-" } else { "" });
    text.extend((0..digits.scale.max(1)).rev().map(|left| digits.at(-left - 1)));
    let places = signed(digits.digits.len()) - digits.scale;
    if places > 0 {
        text.push_str(numbers.point);
        text.extend((0..places).map(|place| digits.at(place)));
    }
    match exponent {
        Some(exponent) => text + &exponent_text(exponent, if letter == 'g' { 'e' } else { 'E' }, 2),
        None => text,
    }
}
