//! Arithmetic. Integers stay integers, any double makes a double, any decimal makes a decimal.

use hookmill_model::Value;
use rust_decimal::Decimal;

use crate::arguments::{Arguments, Result};
use crate::error::{Error, ErrorKind};
use crate::item::{Item, decimal};

enum Pair {
    Integers(i64, i64),
    Floats(f64, f64),
    Decimals(Decimal, Decimal),
}

fn pair(a: &Arguments) -> Result<Pair> {
    let (Item::Value(left), Item::Value(right)) = (a.item(0), a.item(1)) else {
        return Err(a.invalid(0, "a number"));
    };
    for (value, index) in [(left, 0), (right, 1)] {
        if value.as_f64().is_none() {
            return Err(a.invalid(index, "an integer or a decimal number"));
        }
    }
    Ok(match (left, right) {
        (Value::Integer(left), Value::Integer(right)) => Pair::Integers(*left, *right),
        (Value::Decimal(_), _) | (_, Value::Decimal(_)) => match (decimal(left), decimal(right)) {
            (Some(left), Some(right)) => Pair::Decimals(left, right),
            _ => return Err(overflow(a)),
        },
        _ => Pair::Floats(left.as_f64().unwrap_or_default(), right.as_f64().unwrap_or_default()),
    })
}

fn overflow(a: &Arguments) -> Box<Error> {
    a.refuse("the result is outside the range of numbers")
}

fn done(a: &Arguments, value: Option<Value>) -> Result<Item> {
    match value {
        Some(Value::Float(number)) if !number.is_finite() => Err(overflow(a)),
        Some(value) => Ok(Item::Value(value)),
        None => Err(overflow(a)),
    }
}

fn zero(a: &Arguments) -> Box<Error> {
    let message = format!("Attempt to divide an integral or decimal value by zero in function '{}'.", a.function.name);
    a.error(ErrorKind::DivideByZero, message)
}

/// The number with at least so many places, where its digits leave room for them.
fn with_zeros(mut number: Decimal, places: u32) -> Decimal {
    if number.scale() < places {
        number.rescale(places.min(28));
    }
    number
}

/// A sum keeps the zeros of the operand that has more places.
fn sum(left: Decimal, right: Decimal) -> Option<Decimal> {
    left.checked_add(right).map(|made| with_zeros(made, left.scale().max(right.scale())))
}

pub(crate) fn add(a: &Arguments) -> Result<Item> {
    let sum = match pair(a)? {
        Pair::Integers(left, right) => left.checked_add(right).map(Value::Integer),
        Pair::Floats(left, right) => Some(Value::Float(left + right)),
        Pair::Decimals(left, right) => sum(left, right).map(Value::Decimal),
    };
    done(a, sum)
}

pub(crate) fn sub(a: &Arguments) -> Result<Item> {
    let difference = match pair(a)? {
        Pair::Integers(left, right) => left.checked_sub(right).map(Value::Integer),
        Pair::Floats(left, right) => Some(Value::Float(left - right)),
        Pair::Decimals(left, right) => sum(left, -right).map(Value::Decimal),
    };
    done(a, difference)
}

pub(crate) fn mul(a: &Arguments) -> Result<Item> {
    let product = match pair(a)? {
        Pair::Integers(left, right) => left.checked_mul(right).map(Value::Integer),
        Pair::Floats(left, right) => Some(Value::Float(left * right)),
        Pair::Decimals(left, right) => {
            left.checked_mul(right).map(|made| Value::Decimal(with_zeros(made, left.scale() + right.scale())))
        }
    };
    done(a, product)
}

pub(crate) fn div(a: &Arguments) -> Result<Item> {
    let quotient = match pair(a)? {
        Pair::Integers(_, 0) => return Err(zero(a)),
        Pair::Integers(left, right) => left.checked_div(right).map(Value::Integer),
        Pair::Floats(_, 0.0) => return Err(zero(a)),
        Pair::Floats(left, right) => Some(Value::Float(left / right)),
        Pair::Decimals(_, right) if right.is_zero() => return Err(zero(a)),
        Pair::Decimals(left, right) => left
            .checked_div(right)
            .map(|made| Value::Decimal(with_zeros(made.normalize(), left.scale().saturating_sub(right.scale())))),
    };
    done(a, quotient)
}

pub(crate) fn modulo(a: &Arguments) -> Result<Item> {
    let rest = match pair(a)? {
        Pair::Integers(_, 0) => return Err(zero(a)),
        Pair::Integers(left, right) => Some(Value::Integer(left.checked_rem(right).unwrap_or(0))),
        Pair::Floats(_, 0.0) => return Err(zero(a)),
        Pair::Floats(left, right) => Some(Value::Float(left % right)),
        Pair::Decimals(_, right) if right.is_zero() => return Err(zero(a)),
        Pair::Decimals(left, right) => left.checked_rem(right).map(Value::Decimal),
    };
    done(a, rest)
}

fn extreme(a: &Arguments, better: fn(f64, f64) -> bool) -> Result<Item> {
    let numbers = match a.items.as_slice() {
        [Item::Value(Value::Array(elements))] => elements.to_vec(),
        _ => a.values(),
    };
    let mut best: Option<(f64, Value)> = None;
    for value in numbers {
        let Some(number) = value.as_f64() else { return Err(a.invalid(0, "a number or an array of numbers")) };
        if best.as_ref().is_none_or(|(known, _)| better(number, *known)) {
            best = Some((number, value));
        }
    }
    best.map(|(_, value)| Item::Value(value)).ok_or_else(|| a.refuse("the array is empty"))
}

pub(crate) fn min(a: &Arguments) -> Result<Item> {
    extreme(a, |new, known| new < known)
}

pub(crate) fn max(a: &Arguments) -> Result<Item> {
    extreme(a, |new, known| new > known)
}

pub(crate) fn rand(a: &Arguments) -> Result<Item> {
    let (min, max) = (a.integer(0)?, a.integer(1)?);
    let span = max.checked_sub(min).filter(|span| *span > 0);
    let span = span.ok_or_else(|| a.refuse("the maximum must be greater than the minimum"))?;
    let draw = a.scope.random() % span.unsigned_abs();
    Ok(Item::Value(Value::Integer(min.wrapping_add_unsigned(draw))))
}

pub(crate) fn range(a: &Arguments) -> Result<Item> {
    let (start, count) = (a.integer(0)?, a.integer(1)?);
    if !(1..=100_000).contains(&count) {
        return Err(a.refuse("the count must be from 1 to 100000"));
    }
    if start.saturating_add(count) > i64::from(i32::MAX) || start < i64::from(i32::MIN) {
        return Err(a.refuse("the numbers would leave the range of 32-bit integers"));
    }
    a.made_array((start..start + count).map(Value::Integer).collect())
}
