//! Functions of arrays and objects.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use hookmill_model::{Object, Value};

use crate::error::ErrorKind;
use crate::evaluate::{Arguments, Result, member, member_name};
use crate::item::{self, Item};
use crate::scope::NameKind;

/// A value under the language's equality, so that sets of values cost linear time.
struct Equal(Value);

impl PartialEq for Equal {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Equal {}

impl Hash for Equal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash(&self.0, state);
    }
}

fn hash<H: Hasher>(value: &Value, state: &mut H) {
    match value {
        Value::Null => 0_u8.hash(state),
        Value::Bool(truth) => (1_u8, truth).hash(state),
        // All kinds of number that are equal have the same double.
        Value::Integer(_) | Value::Float(_) | Value::Decimal(_) => {
            let number = value.as_f64().unwrap_or_default();
            (2_u8, if number == 0.0 { 0 } else { number.to_bits() }).hash(state);
        }
        Value::String(text) => (3_u8, text).hash(state),
        Value::Array(elements) => {
            (4_u8, elements.len()).hash(state);
            elements.iter().for_each(|element| hash(element, state));
        }
        // The order of members does not matter, so only their names take part, combined without order.
        Value::Object(members) => {
            let names = members.keys().fold(0_u64, |sum, name| {
                sum.wrapping_add(name.bytes().fold(7_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into())))
            });
            (5_u8, members.len(), names).hash(state);
        }
    }
}

pub(crate) fn contains(a: &Arguments) -> Result<Item> {
    let found = match a.item(0) {
        Item::Value(Value::String(text)) => text.contains(&*a.item(1).text()),
        Item::Value(Value::Array(elements)) => elements.contains(&a.value(1)),
        Item::Value(Value::Object(members)) => match a.item(1) {
            Item::Value(Value::String(name)) => member(members, name).is_some(),
            _ => return Err(a.invalid(1, "a string")),
        },
        _ => return Err(a.invalid(0, "a dictionary (object), an array or a string")),
    };
    Ok(Item::Value(found.into()))
}

pub(crate) fn empty(a: &Arguments) -> Result<Item> {
    let empty = match a.item(0) {
        Item::Value(Value::Null) => true,
        Item::Value(Value::String(text)) => text.is_empty(),
        Item::Value(Value::Array(elements)) => elements.is_empty(),
        Item::Value(Value::Object(members)) => members.is_empty(),
        _ => return Err(a.invalid(0, "an object, an array or a string")),
    };
    Ok(Item::Value(empty.into()))
}

fn end(a: &Arguments, pick_char: fn(&str) -> Option<char>, pick: fn(&[Value]) -> Option<&Value>) -> Result<Item> {
    match a.item(0) {
        Item::Value(Value::String(text)) => {
            Ok(Item::Value(pick_char(text).map_or_else(String::new, String::from).into()))
        }
        Item::Value(Value::Array(elements)) => Ok(Item::Value(pick(elements).cloned().unwrap_or_default())),
        _ => Err(a.invalid(0, "an array or a string")),
    }
}

pub(crate) fn first(a: &Arguments) -> Result<Item> {
    end(a, |text| text.chars().next(), <[Value]>::first)
}

pub(crate) fn last(a: &Arguments) -> Result<Item> {
    end(a, |text| text.chars().next_back(), <[Value]>::last)
}

fn part(a: &Arguments, keep_front: bool) -> Result<Item> {
    let count = usize::try_from(a.integer(1)?).map_err(|_| a.refuse("the count is negative"))?;
    match a.item(0) {
        Item::Value(Value::Array(elements)) => {
            let (front, back) = elements.split_at(count.min(elements.len()));
            Ok(Item::Value(Value::array(if keep_front { front } else { back }.to_vec())))
        }
        Item::Value(Value::String(text)) => {
            let units: Vec<u16> = text.encode_utf16().collect();
            let (front, back) = units.split_at(count.min(units.len()));
            Ok(Item::Value(String::from_utf16_lossy(if keep_front { front } else { back }).into()))
        }
        _ => Err(a.invalid(0, "an array or a string")),
    }
}

pub(crate) fn skip(a: &Arguments) -> Result<Item> {
    part(a, false)
}

pub(crate) fn take(a: &Arguments) -> Result<Item> {
    part(a, true)
}

pub(crate) fn union(a: &Arguments) -> Result<Item> {
    match a.item(0) {
        Item::Value(Value::Array(_)) => {
            let mut seen = HashSet::new();
            let mut elements = Vec::new();
            for index in 0..a.len() {
                elements
                    .extend(a.array(index)?.iter().filter(|element| seen.insert(Equal((*element).clone()))).cloned());
            }
            a.made_array(elements)
        }
        Item::Value(Value::Object(_)) => merged(a),
        _ => Err(a.invalid(0, "an array or an object")),
    }
}

/// All members of all objects; later values win, the first place counts.
pub(crate) fn merged(a: &Arguments) -> Result<Item> {
    let mut members = Object::clone(&*a.object(0)?);
    for index in 1..a.len() {
        for (name, value) in a.object(index)?.iter() {
            members.insert(Arc::clone(name), value.clone());
        }
    }
    Ok(Item::Value(members.into()))
}

pub(crate) fn intersection(a: &Arguments) -> Result<Item> {
    match a.item(0) {
        Item::Value(Value::Array(elements)) => {
            let mut others = Vec::new();
            for index in 1..a.len() {
                others.push(a.array(index)?.iter().cloned().map(Equal).collect::<HashSet<_>>());
            }
            let mut seen = HashSet::new();
            let common = elements.iter().filter(|element| {
                let element = Equal((*element).clone());
                others.iter().all(|other| other.contains(&element)) && seen.insert(element)
            });
            a.made_array(common.cloned().collect())
        }
        Item::Value(Value::Object(members)) => {
            let others = (1..a.len()).map(|index| a.object(index)).collect::<Result<Vec<_>>>()?;
            let common =
                members.iter().filter(|(name, value)| others.iter().all(|other| other.get(name) == Some(value)));
            Ok(Item::Value(common.map(|(name, value)| (Arc::clone(name), value.clone())).collect::<Object>().into()))
        }
        _ => Err(a.invalid(0, "an array or an object")),
    }
}

pub(crate) fn join(a: &Arguments) -> Result<Item> {
    let (elements, delimiter) = (a.array(0)?, a.string(1)?);
    let mut text = String::new();
    for (index, element) in elements.iter().enumerate() {
        if index > 0 {
            text.push_str(&delimiter);
        }
        item::push_text(element, &mut text);
        a.within(text.len())?;
    }
    Ok(Item::Value(text.into()))
}

pub(crate) fn reverse(a: &Arguments) -> Result<Item> {
    Ok(Item::Value(Value::array(a.array(0)?.iter().rev().cloned().collect())))
}

pub(crate) fn sort(a: &Arguments) -> Result<Item> {
    let elements = a.array(0)?;
    let by = a.optional_string(1)?;
    let mut keyed = Vec::with_capacity(elements.len());
    for element in elements.iter() {
        let key = match (&by, element) {
            (None, key) => key.clone(),
            (Some(name), Value::Object(members)) => member(members, name).cloned().unwrap_or_default(),
            (Some(_), _) => return Err(a.refuse("sorting by a property needs an array of objects")),
        };
        if matches!(key, Value::Array(_) | Value::Object(_)) {
            return Err(a.refuse("only numbers, texts and booleans can be sorted"));
        }
        keyed.push((key, element));
    }
    keyed.sort_by(|(left, _), (right, _)| order(left, right));
    Ok(Item::Value(Value::array(keyed.into_iter().map(|(_, element)| element.clone()).collect())))
}

/// Null, then booleans, numbers, texts; each kind in its own order.
fn order(left: &Value, right: &Value) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::String(_) => 3,
        _ => 2,
    };
    match (left, right) {
        (Value::String(left), Value::String(right)) => {
            left.to_lowercase().cmp(&right.to_lowercase()).then_with(|| right.cmp(left))
        }
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        _ => match (left.as_f64(), right.as_f64()) {
            (Some(left), Some(right)) => left.total_cmp(&right),
            _ => rank(left).cmp(&rank(right)),
        },
    }
}

pub(crate) fn item(a: &Arguments) -> Result<Item> {
    let found = a.scope.item(None).ok_or_else(|| {
        a.error(ErrorKind::ReferenceNotFound, "The function 'item' is used outside of a loop or data operation.")
    })?;
    Ok(Item::Value(found))
}

pub(crate) fn items(a: &Arguments) -> Result<Item> {
    let name = a.string(0)?;
    a.scope.item(Some(&name)).map(Item::Value).ok_or_else(|| a.no_such("loop", &name, NameKind::Loop))
}

pub(crate) fn iteration_indexes(a: &Arguments) -> Result<Item> {
    let name = a.string(0)?;
    let index = a.scope.iteration_index(&name).ok_or_else(|| a.no_such("loop", &name, NameKind::Loop))?;
    Ok(Item::Value(Value::Integer(index)))
}

pub(crate) fn add_property(a: &Arguments) -> Result<Item> {
    let (mut members, name) = (Object::clone(&*a.object(0)?), a.string(1)?);
    if member(&members, &name).is_some() {
        return Err(a.refuse(format!("the object already has a property '{name}'")));
    }
    members.insert(name, a.value(2));
    a.nested(members.into())
}

pub(crate) fn set_property(a: &Arguments) -> Result<Item> {
    let (mut members, name) = (Object::clone(&*a.object(0)?), a.string(1)?);
    let name = member_name(&members, &name).cloned().unwrap_or(name);
    members.insert(name, a.value(2));
    a.nested(members.into())
}

pub(crate) fn remove_property(a: &Arguments) -> Result<Item> {
    let (mut members, name) = (Object::clone(&*a.object(0)?), a.string(1)?);
    if let Some(name) = member_name(&members, &name).cloned() {
        members.remove(&name);
    }
    Ok(Item::Value(members.into()))
}
