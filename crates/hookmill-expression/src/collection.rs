//! Functions of arrays and objects.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::hash::{BuildHasher as _, Hash, Hasher, RandomState};
use std::sync::Arc;

use hookmill_model::{MEMBER_BYTES, Object, Str, VALUE_BYTES, Value};

use crate::arguments::{Arguments, Result};
use crate::error::ErrorKind;
use crate::item::{self, Item};
use crate::scope::NameKind;
use crate::selection::{member, member_name};

/// A value under the language's equality with a hash of all that is in it, so that sets of values cost linear time.
struct Distinct {
    value: Value,
    fingerprint: u64,
}

impl PartialEq for Distinct {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint && self.value == other.value
    }
}

impl Eq for Distinct {}

impl Hash for Distinct {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.fingerprint.hash(state);
    }
}

/// Makes the fingerprints of one call comparable with each other and hard to collide on purpose.
#[derive(Default)]
struct Fingerprints(RandomState);

impl Fingerprints {
    fn of(&self, a: &Arguments, value: &Value) -> Result<Distinct> {
        let mut seen = 0;
        let fingerprint = self.fingerprint(value, &mut seen);
        a.spend(seen)?;
        Ok(Distinct { value: value.clone(), fingerprint })
    }

    fn fingerprint(&self, value: &Value, seen: &mut usize) -> u64 {
        *seen += 1;
        match value {
            Value::Null => self.0.hash_one(0_u8),
            Value::Bool(truth) => self.0.hash_one((1_u8, truth)),
            // All kinds of number that are equal have the same double.
            Value::Integer(_) | Value::Float(_) | Value::Decimal(_) => {
                let number = value.as_f64().unwrap_or_default();
                self.0.hash_one((2_u8, if number == 0.0 { 0 } else { number.to_bits() }))
            }
            Value::String(text) => {
                *seen += text.len();
                self.0.hash_one((3_u8, text))
            }
            Value::Array(elements) => {
                let inside: Vec<u64> = elements.iter().map(|element| self.fingerprint(element, seen)).collect();
                self.0.hash_one((4_u8, inside))
            }
            // The order of members does not matter.
            Value::Object(members) => {
                let each = |(name, value): (&Str, &Value)| self.0.hash_one((name, self.fingerprint(value, seen)));
                let sum = members.iter().map(each).fold(0_u64, u64::wrapping_add);
                self.0.hash_one((5_u8, members.len(), sum))
            }
        }
    }
}

pub(crate) fn contains(a: &Arguments) -> Result<Item> {
    let found = match a.item(0) {
        Item::Value(Value::String(text)) => text.contains(&*a.text(1)?),
        Item::Value(Value::Array(elements)) => {
            let wanted = a.value(1);
            let deep = matches!(wanted, Value::Array(_) | Value::Object(_));
            a.spend(if deep { elements.iter().map(Value::json_bytes).sum() } else { elements.len() })?;
            elements.contains(&wanted)
        }
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
            let kept = if keep_front { front } else { back };
            a.make(kept.len().saturating_mul(VALUE_BYTES))?;
            Ok(Item::Value(Value::array(kept.to_vec())))
        }
        Item::Value(Value::String(text)) => {
            let units: Vec<u16> = text.encode_utf16().collect();
            let (front, back) = units.split_at(count.min(units.len()));
            a.derived(String::from_utf16_lossy(if keep_front { front } else { back }))
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
            let fingerprints = Fingerprints::default();
            let mut seen = HashSet::new();
            let mut elements = Vec::new();
            for index in 0..a.len() {
                for element in a.array(index)?.iter() {
                    if seen.insert(fingerprints.of(a, element)?) {
                        elements.push(element.clone());
                    }
                }
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
    a.make(members.len().saturating_mul(MEMBER_BYTES))?;
    Ok(Item::Value(members.into()))
}

pub(crate) fn intersection(a: &Arguments) -> Result<Item> {
    match a.item(0) {
        Item::Value(Value::Array(elements)) => {
            let fingerprints = Fingerprints::default();
            let set = |elements: &[Value]| {
                elements.iter().map(|element| fingerprints.of(a, element)).collect::<Result<HashSet<_>>>()
            };
            let others = (1..a.len()).map(|index| set(&a.array(index)?)).collect::<Result<Vec<_>>>()?;
            let mut seen = HashSet::new();
            let mut common = Vec::new();
            for element in elements.iter() {
                let distinct = fingerprints.of(a, element)?;
                if others.iter().all(|other| other.contains(&distinct)) && seen.insert(distinct) {
                    common.push(element.clone());
                }
            }
            a.made_array(common)
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
    let max = a.scope.limits().text_bytes_max();
    let mut text = String::new();
    for (index, element) in elements.iter().enumerate() {
        if index > 0 {
            text.push_str(&delimiter);
        }
        if !item::push_text(element, &mut text, max) {
            return Err(a.text_too_long());
        }
    }
    a.made(text)
}

pub(crate) fn reverse(a: &Arguments) -> Result<Item> {
    let elements = a.array(0)?;
    a.make(elements.len().saturating_mul(VALUE_BYTES))?;
    Ok(Item::Value(Value::array(elements.iter().rev().cloned().collect())))
}

pub(crate) fn sort(a: &Arguments) -> Result<Item> {
    let elements = a.array(0)?;
    let by = a.optional_string(1)?;
    let mut keyed = Vec::with_capacity(elements.len());
    for element in elements.iter() {
        let key = match (&by, element) {
            (None, key) => Some(key),
            (Some(name), Value::Object(members)) => member(members, name),
            (Some(_), _) => return Err(a.refuse("sorting by a property needs an array of objects")),
        };
        let key = Key::of(key).ok_or_else(|| a.refuse("only numbers, texts and booleans can be sorted"))?;
        keyed.push((key, element));
    }
    keyed.sort_by(|(left, _), (right, _)| left.compare(right));
    a.make(keyed.len().saturating_mul(VALUE_BYTES))?;
    Ok(Item::Value(Value::array(keyed.into_iter().map(|(_, element)| element.clone()).collect())))
}

/// What an element is sorted by: nothing, then booleans, numbers, texts; each kind in its own order.
enum Key<'a> {
    Nothing,
    Truth(bool),
    Number(f64),
    /// Without differences of case, then with them.
    Text(String, &'a str),
}

impl<'a> Key<'a> {
    fn of(value: Option<&'a Value>) -> Option<Self> {
        Some(match value {
            None | Some(Value::Null) => Self::Nothing,
            Some(Value::Bool(truth)) => Self::Truth(*truth),
            Some(Value::String(text)) => Self::Text(text.to_lowercase(), text),
            Some(value) => Self::Number(value.as_f64()?),
        })
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::Truth(_) => 1,
            Self::Number(_) => 2,
            Self::Text(..) => 3,
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Truth(left), Self::Truth(right)) => left.cmp(right),
            (Self::Number(left), Self::Number(right)) => left.total_cmp(right),
            // Small letters before capital ones, as cultures sort.
            (Self::Text(left, exact), Self::Text(right, other)) => left.cmp(right).then_with(|| other.cmp(exact)),
            _ => self.rank().cmp(&other.rank()),
        }
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
    a.make(members.len().saturating_mul(MEMBER_BYTES))?;
    Ok(Item::Value(members.into()))
}
