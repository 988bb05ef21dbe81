//! The members of an object, in the order in which they were written.
//!
//! Nearly all objects are small: looking through a few names is faster than hashing one, and a list needs one allocation
//! where a map needs two. Larger objects have an index beside the list.

use std::fmt;
use std::hash::BuildHasher as _;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::value::{Str, Value};

/// Objects of so many members have no index.
const LOOKED_THROUGH_MAX: usize = 16;

/// A list of members.
type Members = Vec<(Str, Value)>;

/// Where each name stands in the list. The names themselves are in the list only.
#[derive(Clone, Default)]
struct Places {
    /// Another one for each object, so that nobody can send names that collide.
    hasher: foldhash::fast::RandomState,
    table: HashTable<usize>,
}

impl Places {
    /// The index of a list; `None` where a name appears twice.
    fn of(members: &[(Str, Value)]) -> Option<Self> {
        let mut places = Self { table: HashTable::with_capacity(members.len()), ..Self::default() };
        (0..members.len()).all(|place| places.add(members, place)).then_some(places)
    }

    fn get(&self, members: &[(Str, Value)], name: &str) -> Option<usize> {
        self.table.find(self.hasher.hash_one(name), |place| is_named(members, *place, name)).copied()
    }

    /// Notes the member that stands at `place`; `false` where another one has its name.
    fn add(&mut self, members: &[(Str, Value)], place: usize) -> bool {
        let hash = |place: &usize| members.get(*place).map_or(0, |(name, _)| self.hasher.hash_one(&**name));
        let Some((name, _)) = members.get(place) else { return false };
        match self.table.entry(hash(&place), |own| is_named(members, *own, name), hash) {
            Entry::Occupied(_) => false,
            Entry::Vacant(free) => {
                free.insert(place);
                true
            }
        }
    }
}

fn is_named(members: &[(Str, Value)], place: usize, name: &str) -> bool {
    members.get(place).is_some_and(|(own, _)| **own == *name)
}

/// The members of an object, in the order they were written. A name appears once; the last one written wins.
#[derive(Clone, Default)]
pub struct Object {
    members: Members,
    /// `None` for objects of few members.
    places: Option<Box<Places>>,
}

impl Object {
    /// No members.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// No members yet, room for `members`.
    #[must_use]
    pub fn with_capacity(members: usize) -> Self {
        Self { members: Vec::with_capacity(members), places: None }
    }

    /// The object of a list as it was written: of members with the same name the last one's value counts, at the place
    /// of the first one.
    pub(crate) fn from_written(members: Vec<(Str, Value)>) -> Self {
        let is_unique = match members.len() {
            0..=LOOKED_THROUGH_MAX => {
                let mut before = &members[..0];
                members.iter().enumerate().all(|(place, (name, _))| {
                    let is_new = !before.iter().any(|(own, _)| own == name);
                    before = &members[..=place];
                    is_new
                })
            }
            _ => {
                if let Some(places) = Places::of(&members) {
                    return Self { members, places: Some(Box::new(places)) };
                }
                false
            }
        };
        if is_unique { Self { members, places: None } } else { members.into_iter().collect() }
    }

    fn place(&self, name: &str) -> Option<usize> {
        match &self.places {
            Some(places) => places.get(&self.members, name),
            None => self.members.iter().position(|(own, _)| **own == *name),
        }
    }

    /// Makes the index anew, where the object is large enough for one.
    fn index(&mut self) {
        let is_large = self.members.len() > LOOKED_THROUGH_MAX;
        self.places = is_large.then(|| Places::of(&self.members).map(Box::new)).flatten();
    }

    /// The member of exactly this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.place(name).and_then(|place| self.members.get(place)).map(|(_, value)| value)
    }

    /// The member to change in place.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.place(name).and_then(|place| self.members.get_mut(place)).map(|(_, value)| value)
    }

    /// Whether there is a member of exactly this name.
    #[must_use]
    pub fn contains_key(&self, name: &str) -> bool {
        self.place(name).is_some()
    }

    /// The member at `index` in the order of writing.
    #[must_use]
    pub fn at(&self, index: usize) -> Option<(&Str, &Value)> {
        self.members.get(index).map(|(name, value)| (name, value))
    }

    /// Writes a member; a member that exists keeps its place. Returns the value that stood there.
    pub fn insert(&mut self, name: impl Into<Str>, value: impl Into<Value>) -> Option<Value> {
        let (name, value) = (name.into(), value.into());
        if let Some((_, own)) = self.place(&name).and_then(|place| self.members.get_mut(place)) {
            return Some(std::mem::replace(own, value));
        }
        self.members.push((name, value));
        if let Some(places) = &mut self.places {
            places.add(&self.members, self.members.len() - 1);
        }
        if self.places.is_none() && self.members.len() > LOOKED_THROUGH_MAX {
            self.index();
        }
        None
    }

    /// Removes a member, the others keep their order.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let place = self.place(name)?;
        let (_, value) = self.members.remove(place);
        if self.places.is_some() {
            self.index();
        }
        Some(value)
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Str, &Value)> + DoubleEndedIterator {
        self.members.iter().map(|(name, value)| (name, value))
    }

    /// Names and changeable values in order.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (&Str, &mut Value)> {
        self.members.iter_mut().map(|(name, value)| (&*name, value))
    }

    /// Names in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Str> {
        self.members.iter().map(|(name, _)| name)
    }

    /// Values in order.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.members.iter().map(|(_, value)| value)
    }

    /// Writes the JSON text without spaces.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Names are texts and numbers are finite, so writing it cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl IntoIterator for Object {
    type Item = (Str, Value);
    type IntoIter = std::vec::IntoIter<(Str, Value)>;
    fn into_iter(self) -> Self::IntoIter {
        self.members.into_iter()
    }
}

impl<K: Into<Str>, V: Into<Value>> FromIterator<(K, V)> for Object {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(members: I) -> Self {
        let members = members.into_iter();
        let mut object = Self::with_capacity(members.size_hint().0);
        for (name, value) in members {
            object.insert(name, value);
        }
        object
    }
}

impl PartialEq for Object {
    /// Same members; their order does not matter.
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(name, value)| other.get(name) == Some(value))
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (name, value) in self.iter() {
            map.serialize_entry(&**name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // Tests may stop at once.
    use super::*;

    /// The same as an object, by the simplest means.
    #[derive(Default)]
    struct Listed(Vec<(String, i64)>);

    impl Listed {
        fn insert(&mut self, name: &str, value: i64) -> Option<i64> {
            match self.0.iter_mut().find(|(own, _)| own == name) {
                Some((_, own)) => Some(std::mem::replace(own, value)),
                None => {
                    self.0.push((name.to_owned(), value));
                    None
                }
            }
        }

        fn remove(&mut self, name: &str) -> Option<i64> {
            let place = self.0.iter().position(|(own, _)| own == name)?;
            Some(self.0.remove(place).1)
        }
    }

    fn integer(value: Option<Value>) -> Option<i64> {
        value.map(|value| value.as_i64().unwrap())
    }

    #[test]
    fn small_and_large_objects_do_the_same() {
        // Names come again, and the number of members goes up and down across the bound.
        let (mut object, mut listed, mut seed) = (Object::new(), Listed::default(), 1_u64);
        for round in 0..4_000_i64 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let name = format!("name{}", (seed >> 33) % 40);
            let removes = if round / 500 % 2 == 0 { 4 } else { 2 };
            if (seed >> 20) % removes == 0 {
                assert_eq!(integer(object.remove(&name)), listed.remove(&name), "round {round}");
            } else {
                assert_eq!(integer(object.insert(&*name, round)), listed.insert(&name, round), "round {round}");
            }
            assert_eq!(object.places.is_some(), object.len() > LOOKED_THROUGH_MAX);
            let members: Vec<(String, i64)> =
                object.iter().map(|(name, value)| (name.to_string(), value.as_i64().unwrap())).collect();
            assert_eq!(members, listed.0, "round {round}");
            for number in 0..40 {
                let name = format!("name{number}");
                let known = listed.0.iter().find(|(own, _)| *own == name).map(|(_, value)| *value);
                assert_eq!(integer(object.get(&name).cloned()), known);
                assert_eq!(object.contains_key(&name), known.is_some());
            }
        }
    }

    #[test]
    fn objects_are_the_same_whatever_their_order() {
        for count in [3, LOOKED_THROUGH_MAX, LOOKED_THROUGH_MAX + 1, 100] {
            let name = |number: usize| format!("name{number}");
            let there: Object = (0..count).map(|number| (name(number), i64::try_from(number).unwrap())).collect();
            let back: Object = (0..count).rev().map(|number| (name(number), i64::try_from(number).unwrap())).collect();
            assert_eq!(there, back);
            assert_ne!(there.to_json(), back.to_json());
            let mut other = back.clone();
            *other.get_mut("name1").unwrap() = Value::Null;
            assert_ne!(there, other);
            assert_eq!(integer(other.remove("name0")), Some(0));
            other.insert("more", 0);
            assert_ne!(back, other);
            assert_eq!(there.at(count - 1).unwrap().1, &Value::Integer(i64::try_from(count - 1).unwrap()));
            assert_eq!(there.into_iter().count(), count);
        }
    }
}
