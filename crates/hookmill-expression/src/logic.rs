//! Logic and comparison. `if`, `and`, `or` and `coalesce` evaluate only what they need.

use std::cmp::Ordering;

use hookmill_model::Value;

use crate::arguments::{Arguments, Result};
use crate::error::{Error, ErrorKind};
use crate::evaluate::Evaluation;
use crate::item::{Item, decimal};
use crate::letter::upper;
use crate::syntax::{Call, Node};

fn truth(call: &Call, argument: &Node, evaluation: &Evaluation) -> Result<bool> {
    match evaluation.node(argument)? {
        Item::Value(Value::Bool(truth)) => Ok(truth),
        other => {
            let message = format!(
                "The template language function '{}' expects its parameter to be a boolean. The provided value is of type '{}'.",
                call.function.name,
                other.type_name()
            );
            Err(Error::new(ErrorKind::InvalidArgument, call.at, message))
        }
    }
}

pub(crate) fn and(call: &Call, evaluation: &Evaluation) -> Result<Item> {
    for argument in &call.arguments {
        if !truth(call, argument, evaluation)? {
            return Ok(Item::Value(Value::Bool(false)));
        }
    }
    Ok(Item::Value(Value::Bool(true)))
}

pub(crate) fn or(call: &Call, evaluation: &Evaluation) -> Result<Item> {
    for argument in &call.arguments {
        if truth(call, argument, evaluation)? {
            return Ok(Item::Value(Value::Bool(true)));
        }
    }
    Ok(Item::Value(Value::Bool(false)))
}

pub(crate) fn if_then(call: &Call, evaluation: &Evaluation) -> Result<Item> {
    let [condition, then, otherwise] = &call.arguments[..] else {
        return Err(Error::new(ErrorKind::ArgumentCount, call.at, "The function 'if' expects three parameters."));
    };
    evaluation.node(if truth(call, condition, evaluation)? { then } else { otherwise })
}

pub(crate) fn coalesce(call: &Call, evaluation: &Evaluation) -> Result<Item> {
    for argument in &call.arguments {
        let item = evaluation.node(argument)?;
        if !matches!(item, Item::Value(Value::Null)) {
            return Ok(item);
        }
    }
    Ok(Item::Value(Value::Null))
}

pub(crate) fn not(a: &Arguments) -> Result<Item> {
    Ok(Item::Value((!a.boolean(0)?).into()))
}

pub(crate) fn equals(a: &Arguments) -> Result<Item> {
    let (left, right) = (a.value(0), a.value(1));
    // Only what both have is compared.
    if let (Value::Array(_) | Value::Object(_), Value::Array(_) | Value::Object(_)) = (&left, &right) {
        a.spend(left.json_bytes().min(right.json_bytes()))?;
    }
    Ok(Item::Value((left == right).into()))
}

fn compare(a: &Arguments) -> Result<Ordering> {
    match (a.item(0), a.item(1)) {
        (Item::Value(Value::String(left)), Item::Value(Value::String(right))) => {
            Ok(left.chars().map(upper).cmp(right.chars().map(upper)))
        }
        (Item::Value(left), Item::Value(right)) => {
            let kinds = [(left, 0), (right, 1)];
            for (value, index) in kinds {
                if value.as_f64().is_none() {
                    return Err(a.invalid(index, "of the same kind as the other: two numbers or two strings"));
                }
            }
            if !matches!(left, Value::Float(_)) && !matches!(right, Value::Float(_)) {
                return Ok(decimal(left).cmp(&decimal(right)));
            }
            Ok(left.as_f64().partial_cmp(&right.as_f64()).unwrap_or(Ordering::Equal))
        }
        _ => Err(a.invalid(0, "a number or a string")),
    }
}

pub(crate) fn greater(a: &Arguments) -> Result<Item> {
    Ok(Item::Value(compare(a)?.is_gt().into()))
}

pub(crate) fn greater_or_equals(a: &Arguments) -> Result<Item> {
    Ok(Item::Value(compare(a)?.is_ge().into()))
}

pub(crate) fn less(a: &Arguments) -> Result<Item> {
    Ok(Item::Value(compare(a)?.is_lt().into()))
}

pub(crate) fn less_or_equals(a: &Arguments) -> Result<Item> {
    Ok(Item::Value(compare(a)?.is_le().into()))
}
