//! Schemas of a document: properties through `$ref` and `allOf`, defaults, and copies without references.

use std::collections::BTreeSet;

use hookmill_model::{Object, Str, Value};

use crate::document::{Document, elements, members, reference, truth};

/// The step of a callback's path that stands for the elements of a list.
pub(crate) const ITEMS: &str = "[]";

/// The deepest nesting of properties that is looked at.
const MAX_DEPTH: usize = 24;
/// The most schemas that are copied into a schema without references.
const MAX_COPIES: usize = 20_000;

/// References below which there is no callback address, so that each is searched once per file.
#[derive(Debug, Default)]
pub(crate) struct Barren(BTreeSet<Str>);

/// Where `x-ms-notification-url` is below a schema: the paths of properties, in the order of the file. `[]` stands for
/// the elements of a list.
pub(crate) fn notification_urls(document: &Document, schema: &Value, barren: &mut Barren) -> Vec<Vec<Str>> {
    let mut search =
        Search { document, barren, open: Vec::new(), path: Vec::new(), found: Vec::new(), left: MAX_COPIES };
    search.below(schema);
    search.found
}

struct Search<'a> {
    document: &'a Document,
    barren: &'a mut Barren,
    /// References that are being searched.
    open: Vec<Str>,
    path: Vec<Str>,
    found: Vec<Vec<Str>>,
    /// How many schemas may still be looked at.
    left: usize,
}

impl Search<'_> {
    /// Gives whether all below was searched: a circle and the bounds cut it short.
    fn below(&mut self, schema: &Value) -> bool {
        if self.path.len() >= MAX_DEPTH || self.open.len() >= MAX_DEPTH || self.left == 0 {
            return false;
        }
        self.left -= 1;
        if truth(schema, "x-ms-notification-url") {
            self.found.push(self.path.clone());
            return true;
        }
        if let Some(text) = reference(schema) {
            if self.barren.0.contains(text) {
                return true;
            }
            if self.open.iter().any(|own| **own == *text) {
                return false;
            }
            let Some(target) = self.document.target(text) else { return true };
            let before = self.found.len();
            self.open.push(text.into());
            let is_whole = self.below(target);
            self.open.pop();
            if is_whole && self.found.len() == before {
                self.barren.0.insert(text.into());
            }
            return is_whole;
        }
        let mut is_whole = true;
        for (name, property) in members(schema, "properties") {
            self.path.push(name.clone());
            is_whole &= self.below(property);
            self.path.pop();
        }
        for part in elements(schema, "allOf") {
            is_whole &= self.below(part);
        }
        if let Some(items) = schema.get("items") {
            self.path.push(ITEMS.into());
            is_whole &= self.below(items);
            self.path.pop();
        }
        is_whole
    }
}

/// The properties of an object schema with those of `allOf`, in order, each name once.
pub(crate) fn properties<'a>(document: &'a Document, schema: &'a Value) -> Vec<(&'a Str, &'a Value)> {
    let mut found: Vec<(&Str, &Value)> = Vec::new();
    collect_properties(document, schema, &mut found, &mut BTreeSet::new(), 8);
    found
}

fn collect_properties<'a>(
    document: &'a Document,
    schema: &'a Value,
    found: &mut Vec<(&'a Str, &'a Value)>,
    seen: &mut BTreeSet<*const Value>,
    depth: usize,
) {
    let schema = document.resolve(schema);
    // What is named once more has nothing new, however often a document names it.
    if depth == 0 || !seen.insert(std::ptr::from_ref(schema)) {
        return;
    }
    for (name, property) in members(schema, "properties") {
        if !found.iter().any(|(known, _)| *known == name) {
            found.push((name, property));
        }
    }
    for part in elements(schema, "allOf") {
        collect_properties(document, part, found, seen, depth - 1);
    }
}

/// The names that an object schema requires, `allOf` included.
pub(crate) fn required<'a>(document: &'a Document, schema: &'a Value) -> Vec<&'a str> {
    let schema = document.resolve(schema);
    let mut names: Vec<&str> = elements(schema, "required").iter().filter_map(Value::as_str).collect();
    for part in elements(schema, "allOf").iter().take(32) {
        let part = document.resolve(part);
        names.extend(elements(part, "required").iter().filter_map(Value::as_str));
    }
    names
}

/// A copy in which references are replaced by what they name. A reference into a circle stays as it is, and so do those
/// beyond the bound of copies.
pub(crate) fn without_references(document: &Document, schema: &Value) -> Value {
    let mut budget = MAX_COPIES;
    copy(document, schema, &mut Vec::new(), &mut budget)
}

fn copy(document: &Document, value: &Value, open: &mut Vec<Str>, budget: &mut usize) -> Value {
    if *budget == 0 {
        return value.clone();
    }
    *budget -= 1;
    if let Some(text) = reference(value) {
        if open.iter().any(|known| &**known == text) || open.len() >= MAX_DEPTH {
            return value.clone();
        }
        let Some(target) = document.target(text) else { return value.clone() };
        open.push(text.into());
        let mut copied = copy(document, target, open, budget);
        open.pop();
        // Members beside a reference (a title, a visibility) belong to this use of the definition.
        if let (Some(target), Some(beside)) = (copied.as_object_mut(), value.as_object()) {
            for (name, member) in beside.iter().filter(|(name, _)| &***name != "$ref") {
                target.insert(name.clone(), member.clone());
            }
        }
        return copied;
    }
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| (name.clone(), copy(document, member, open, budget)))
            .collect::<Object>()
            .into(),
        Value::Array(elements) => {
            elements.iter().map(|element| copy(document, element, open, budget)).collect::<Vec<_>>().into()
        }
        other => other.clone(),
    }
}

/// A default, in the type that the schema says; files write `"true"` and `"5"` too.
pub(crate) fn default_of(schema: &Value) -> Option<Value> {
    let default = schema.get("default").filter(|default| !default.is_null())?;
    let Some(written) = default.as_str() else { return Some(default.clone()) };
    let read = match schema.get("type").and_then(Value::as_str) {
        Some("boolean") => written.trim().to_ascii_lowercase().parse().ok().map(Value::Bool),
        Some("integer") => written.trim().parse().ok().map(Value::Integer),
        Some("number") => Value::from_json(written.trim().as_bytes()).ok().filter(|value| value.as_f64().is_some()),
        Some("array" | "object") => Value::from_json(written.as_bytes()).ok(),
        _ => None,
    };
    Some(read.unwrap_or_else(|| default.clone()))
}

/// Whether the parameter is hidden from people.
pub(crate) fn is_internal(schema: &Value) -> bool {
    schema.get("x-ms-visibility").and_then(Value::as_str).is_some_and(|word| word.eq_ignore_ascii_case("internal"))
        || truth(schema, "readOnly")
}
