//! Policies that change JSON bodies, of requests and of replies.
//!
//! A parent or a property that is not there changes nothing: optional parts of requests rely on it. A parent that is a
//! list stands for each of its elements.

use hookmill_model::{Object, Value};

use super::expression::{From, Path, Piece, PropertyPath, Scope, Step, Template, at, inside_text, put, remove};
use super::{Compiled, Kind, Source};
use crate::plan_error::PlanError;
use crate::serialise::{encoded, text};

/// A policy works on this many elements of lists.
const ELEMENTS_MAX: usize = 100_000;

/// Runs one policy on a body. Policies of other kinds change nothing.
///
/// # Errors
/// The body does not have what the policy needs: an element without its key.
pub(crate) fn change_body(policy: &Compiled, body: &mut Value, scope: &Scope<'_>) -> Result<(), PlanError> {
    let Ok(kind) = &policy.kind else { return Ok(()) };
    let wrong = |reason: &str| PlanError::Policy { template: policy.template.to_string(), reason: reason.to_owned() };
    match kind {
        Kind::SetProperty { parent, sub, value } => {
            for place in parents(body, parent) {
                let Some(here) = at(body, &place) else { continue };
                if here.as_object().is_none() && !sub.path.is_empty() {
                    continue;
                }
                let made = {
                    let scope = Scope { body, item: Some(here), ..*scope };
                    property_value(value, &scope)
                };
                put(body, &joined(&place, &sub.path), made);
            }
        }
        Kind::ArrayToObject { from, to, key, keeps_key } => {
            for (place, found) in sources(body, from) {
                let Value::Array(elements) = &found else { continue };
                let mut made = Object::with_capacity(elements.len());
                for element in elements.iter() {
                    let name = at(element, &key.path).filter(|name| !name.is_null());
                    let name = name.ok_or_else(|| wrong("an element of the list has no value for its key"))?;
                    let mut kept = element.clone();
                    if !keeps_key {
                        remove(&mut kept, &key.path);
                    }
                    made.insert(text(name), kept);
                }
                store(body, &place, from, to, made.into());
            }
        }
        Kind::ObjectToArray { from, to, key, value } => {
            for (place, found) in sources(body, from) {
                let Value::Object(members) = &found else { continue };
                let each = members.iter().map(|(name, member)| {
                    Value::object([(key.clone(), Value::from(name.clone())), (value.clone(), member.clone())])
                });
                let made = Value::array(each.collect());
                store(body, &place, from, to, made);
            }
        }
        Kind::TextToArray { from, to, delimiters, member } => {
            for (place, found) in sources(body, from) {
                let Value::String(written) = &found else { continue };
                let parts = written.split(|letter| delimiters.contains(letter));
                let each = parts.filter(|part| !part.is_empty()).map(|part| {
                    if member.is_empty() { part.into() } else { Value::object([(member.clone(), Value::from(part))]) }
                });
                let made = Value::array(each.collect());
                store(body, &place, from, to, made);
            }
        }
        Kind::Replace { from, to, search, with } => {
            for (place, found) in sources(body, from) {
                let Value::String(written) = &found else { continue };
                store(body, &place, from, to, written.replace(search.as_str(), with).into());
            }
        }
        Kind::Encode { from, to } => {
            for (place, found) in sources(body, from) {
                if found.as_array().is_none() && found.as_object().is_none() {
                    store(body, &place, from, to, encoded(&text(&found)).into());
                }
            }
        }
        Kind::Move { from, to, members_only } => {
            for (place, found) in sources(body, from) {
                let origin = joined(&place, &from.sub.path);
                if origin.is_empty() {
                    continue;
                }
                let target = destination(&place, from, to);
                if *members_only {
                    let Value::Object(members) = found else { continue };
                    remove(body, &origin);
                    for (name, member) in members.iter() {
                        put(body, &joined(&target, &[Step::Name(name.clone())]), member.clone());
                    }
                } else {
                    let name = origin.last().cloned();
                    remove(body, &origin);
                    put(body, &joined(&target, &name.map(|name| vec![name]).unwrap_or_default()), found);
                }
            }
        }
        _ => {}
    }
    Ok(())
}

/// Where the parent is: itself, or each element where it is a list.
fn parents(body: &Value, parent: &PropertyPath) -> Vec<Path> {
    let mut found = vec![Path::new()];
    for step in &parent.path {
        found = found.into_iter().flat_map(|place| elements(body, place)).collect();
        found.iter_mut().for_each(|place| place.push(step.clone()));
        found.truncate(ELEMENTS_MAX);
    }
    let mut found: Vec<Path> = found.into_iter().flat_map(|place| elements(body, place)).collect();
    found.retain(|place| at(body, place).is_some_and(|value| !value.is_null()));
    found.truncate(ELEMENTS_MAX);
    found
}

/// The place, or one for each element where a list is there.
fn elements(body: &Value, place: Path) -> Vec<Path> {
    match at(body, &place).and_then(Value::as_array) {
        Some(list) => (0..list.len()).map(|index| joined(&place, &[Step::Index(index)])).collect(),
        None => vec![place],
    }
}

/// The properties that a source names, each with the place of its parent. Without a sub path the parent itself is the
/// property, also where it is a list.
fn sources(body: &Value, from: &Source) -> Vec<(Path, Value)> {
    let places = if from.sub.path.is_empty() { vec![from.parent.path.clone()] } else { parents(body, &from.parent) };
    let found = places.into_iter().filter_map(|place| {
        let value = at(body, &joined(&place, &from.sub.path))?.clone();
        (!value.is_null()).then_some((place, value))
    });
    found.collect()
}

fn joined(place: &[Step], below: &[Step]) -> Path {
    place.iter().chain(below).cloned().collect()
}

/// Puts what a policy made where it belongs.
fn store(body: &mut Value, place: &Path, from: &Source, to: &PropertyPath, made: Value) {
    let base: &[Step] = match to.from {
        From::Root => &[],
        // The parent of a property without a sub path is what holds it.
        From::Item | From::Parent if from.sub.path.is_empty() && to.from == From::Parent => {
            &place[..place.len().saturating_sub(1)]
        }
        From::Item | From::Parent => place,
    };
    put(body, &joined(base, &to.path), made);
}

/// Where moved properties go.
fn destination(place: &Path, from: &Source, to: &Source) -> Path {
    let base = match to.parent.from {
        From::Root => to.parent.path.clone(),
        From::Item | From::Parent => joined(place, &to.parent.path),
    };
    let base =
        if to.parent.from == from.parent.from && to.parent.path == from.parent.path { place.clone() } else { base };
    joined(&base, &to.sub.path)
}

/// The value of `setproperty`: of one expression with its type, else text; text that is a JSON list or object is that.
fn property_value(template: &Template, scope: &Scope<'_>) -> Value {
    if let [Piece::Call(call)] = &template.0[..] {
        return scope.value(call).unwrap_or_default();
    }
    let mut written = String::new();
    for piece in &template.0 {
        match piece {
            Piece::Text(text) => written.push_str(text),
            Piece::Call(call) => written.push_str(&inside_text(scope.value(call).as_ref())),
        }
    }
    if written.trim_start().starts_with(['[', '{'])
        && let Ok(value) = Value::from_json(written.as_bytes())
    {
        return value;
    }
    written.into()
}
