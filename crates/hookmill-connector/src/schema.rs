//! Schemas of a document: properties through `$ref` and `allOf`, defaults, and copies without references.

use std::collections::BTreeSet;

use hookmill_model::{Object, Str, Value};

use crate::document::{Document, elements, members, reference, truth};

/// The deepest nesting of properties that is looked at.
const MAX_DEPTH: usize = 24;
/// The most schemas that are copied into a schema without references.
const MAX_COPIES: usize = 20_000;

/// Where `x-ms-notification-url` is below a schema: the path of properties to the first one, depth first.
pub(crate) fn find_notification_url(document: &Document, schema: &Value) -> Option<Vec<Str>> {
    let mut barren = BTreeSet::new();
    let mut path = Vec::new();
    find_below(document, schema, &mut path, &mut barren, MAX_DEPTH).then_some(path)
}

/// `barren` holds references that were searched in vain (or are being searched), so each is searched once.
fn find_below(
    document: &Document,
    schema: &Value,
    path: &mut Vec<Str>,
    barren: &mut BTreeSet<Str>,
    depth: usize,
) -> bool {
    if depth == 0 {
        return false;
    }
    if truth(schema, "x-ms-notification-url") {
        return true;
    }
    if let Some(text) = reference(schema)
        && !barren.insert(text.into())
    {
        return false;
    }
    let schema = document.resolve(schema);
    if truth(schema, "x-ms-notification-url") {
        return true;
    }
    for (name, property) in members(schema, "properties") {
        path.push(name.clone());
        if find_below(document, property, path, barren, depth - 1) {
            return true;
        }
        path.pop();
    }
    elements(schema, "allOf").iter().any(|part| find_below(document, part, path, barren, depth - 1))
}

/// The properties of an object schema with those of `allOf`, in order, each name once.
pub(crate) fn properties<'a>(document: &'a Document, schema: &'a Value) -> Vec<(&'a Str, &'a Value)> {
    let mut found: Vec<(&Str, &Value)> = Vec::new();
    collect_properties(document, schema, &mut found, 8);
    found
}

fn collect_properties<'a>(
    document: &'a Document,
    schema: &'a Value,
    found: &mut Vec<(&'a Str, &'a Value)>,
    depth: usize,
) {
    if depth == 0 {
        return;
    }
    let schema = document.resolve(schema);
    for (name, property) in members(schema, "properties") {
        if !found.iter().any(|(known, _)| *known == name) {
            found.push((name, property));
        }
    }
    for part in elements(schema, "allOf") {
        collect_properties(document, part, found, depth - 1);
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
