//! Names of actions: which are the same, who mentions one, and what changes when one is renamed.

use hookmill_expression::{Reference, ReferenceTarget, Template};
use hookmill_model::{Object, Pointer, Str, Value};

use crate::language::{self, StepType};

/// Members whose texts are not evaluated.
const LITERAL_MEMBERS: &[&str] = &["type", "kind", "description", "metadata", "schema", "headersSchema"];
/// Members of a definition whose texts are not evaluated.
const LITERAL_PARTS: &[&str] = &["$schema", "contentVersion", "description", "metadata", "parameters", "staticResults"];

/// The form in which names of actions are compared: case does not matter, and a blank is an underscore.
#[must_use]
pub fn plain(name: &str) -> String {
    name.to_lowercase().replace(' ', "_")
}

/// Whether two names mean the same action.
#[must_use]
pub fn is_same(a: &str, b: &str) -> bool {
    plain(a) == plain(b)
}

/// A group of actions inside of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `body`, `yes`, `no`, `case` or `default`.
    pub kind: &'static str,
    /// The name of the case.
    pub case: Option<Str>,
    /// Member names from the action down: `["else", "actions"]`.
    pub path: Vec<Str>,
}

/// The groups inside of an action, in the order in which a designer draws them; those that are left out too.
#[must_use]
pub fn groups(action: &Value) -> Vec<Group> {
    let row = action.get("type").and_then(Value::as_str).and_then(language::action_type);
    let mut found = Vec::new();
    for branch in row.map_or(&[][..], |row: &StepType| row.branches) {
        let path = |case: Option<&Str>| -> Vec<Str> {
            let part = |part| if part == "*" { case.cloned().unwrap_or_default() } else { Str::from(part) };
            branch.path.split('/').map(part).collect()
        };
        if branch.kind == "cases" {
            let cases = action.get("cases").and_then(Value::as_object);
            found.extend(cases.into_iter().flat_map(Object::keys).map(|case| Group {
                kind: "case",
                case: Some(case.clone()),
                path: path(Some(case)),
            }));
        } else {
            found.push(Group { kind: branch.kind, case: None, path: path(None) });
        }
    }
    found
}

/// One place in a definition that mentions an action by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// The text, or the member whose name is the text.
    pub pointer: Pointer,
    /// Whether the name of the member is meant, and not its value.
    pub in_member_name: bool,
    /// What it mentions.
    pub reference: Reference,
}

/// Everything in the expressions of a definition that mentions an action by name, in order of the document.
#[must_use]
pub fn mentions(definition: &Value) -> Vec<Mention> {
    let mut found = Vec::new();
    let mut text = |text: &str, pointer: &Pointer, in_member_name: bool| {
        for reference in action_references(text) {
            found.push(Mention { pointer: pointer.clone(), in_member_name, reference });
        }
        None
    };
    let _ = mapped(definition, &Pointer::root(), LITERAL_PARTS, &mut text);
    found
}

fn action_references(text: &str) -> Vec<Reference> {
    if !text.contains('@') {
        return Vec::new();
    }
    let Ok(template) = Template::parse(text) else { return Vec::new() };
    let mut references = template.references();
    references.retain(|reference| action_name(reference).is_some());
    references
}

/// The action that a reference names.
#[must_use]
pub fn action_name(reference: &Reference) -> Option<&Str> {
    match &reference.target {
        ReferenceTarget::Action(name) | ReferenceTarget::Result(name) | ReferenceTarget::Loop(name) => Some(name),
        _ => None,
    }
}

/// A copy in which `text` may replace each text and each name of a member.
fn mapped(
    value: &Value,
    at: &Pointer,
    literal: &[&str],
    text: &mut dyn FnMut(&str, &Pointer, bool) -> Option<String>,
) -> Value {
    match value {
        Value::String(own) => text(own, at, false).map_or_else(|| value.clone(), Value::from),
        Value::Array(elements) => {
            let each = elements.iter().enumerate();
            Value::array(each.map(|(index, own)| mapped(own, &at.child(index), LITERAL_MEMBERS, text)).collect())
        }
        Value::Object(members) => {
            let mut made = Object::with_capacity(members.len());
            for (name, own) in members.iter() {
                let below = at.child(name);
                if literal.contains(&&**name) {
                    made.insert(name.clone(), own.clone());
                    continue;
                }
                let changed = text(name, &below, true).map_or_else(|| name.clone(), Str::from);
                made.insert(changed, mapped(own, &below, LITERAL_MEMBERS, text));
            }
            made.into()
        }
        other => other.clone(),
    }
}

/// Why an action cannot be renamed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RenameError {
    /// There is no action of the old name.
    Unknown(String),
    /// Another action has the new name.
    Taken(String),
}

impl std::fmt::Display for RenameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown(name) => write!(f, "There is no action '{name}'."),
            Self::Taken(name) => write!(f, "There is an action '{name}' already."),
        }
    }
}

impl std::error::Error for RenameError {}

/// The definition with another name for an action: in its group, in `runAfter` beside it, in every expression that
/// mentions it, and in the dependencies of scripts. Source text of scripts stays as it is.
///
/// # Errors
/// The old name is not there, or the new one is taken by another action.
pub fn rename(definition: &Value, from: &str, to: &str) -> Result<Value, RenameError> {
    let mut names = Vec::new();
    action_names(definition.get("actions"), &mut names);
    if !names.iter().any(|name| is_same(name, from)) {
        return Err(RenameError::Unknown(from.to_owned()));
    }
    if !is_same(from, to) && names.iter().any(|name| is_same(name, to)) {
        return Err(RenameError::Taken(to.to_owned()));
    }
    let mut text = |own: &str, _: &Pointer, _: bool| renamed_in(own, from, to);
    let mut made = mapped(definition, &Pointer::root(), LITERAL_PARTS, &mut text);
    if let Some(members) = made.as_object_mut()
        && let Some(actions) = members.get("actions").cloned()
    {
        members.insert("actions", renamed_group(&actions, from, to));
    }
    Ok(made)
}

fn action_names(group: Option<&Value>, names: &mut Vec<Str>) {
    for (name, action) in group.and_then(Value::as_object).into_iter().flat_map(Object::iter) {
        names.push(name.clone());
        for group in groups(action) {
            action_names(below(action, &group.path), names);
        }
    }
}

fn below<'a>(value: &'a Value, path: &[Str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, member| value.get(member))
}

/// The text with another name in its expressions; `None` where it does not mention the name.
fn renamed_in(text: &str, from: &str, to: &str) -> Option<String> {
    let references = action_references(text);
    let mut places: Vec<_> = references
        .into_iter()
        .filter(|reference| action_name(reference).is_some_and(|name| is_same(name, from)))
        .filter_map(|reference| reference.name)
        .collect();
    if places.is_empty() {
        return None;
    }
    places.sort_by_key(|place| place.start);
    let mut made = String::with_capacity(text.len());
    let mut at = 0;
    for place in places {
        made.push_str(text.get(at..place.start)?);
        made.push_str(&format!("'{}'", to.replace('\'', "''")));
        at = place.end;
    }
    made.push_str(text.get(at..)?);
    Some(made)
}

fn renamed_group(group: &Value, from: &str, to: &str) -> Value {
    let Some(actions) = group.as_object() else { return group.clone() };
    let name_of = |name: &Str| if is_same(name, from) { Str::from(to) } else { name.clone() };
    let actions = actions.iter().map(|(name, action)| {
        let mut action = action.clone();
        for group in groups(&action) {
            replace_at(&mut action, &group.path, &|actions| renamed_group(actions, from, to));
        }
        replace_at(&mut action, &["runAfter".into()], &|after| match after.as_object() {
            Some(after) => Value::object(after.iter().map(|(name, statuses)| (name_of(name), statuses.clone()))),
            None => after.clone(),
        });
        let dependencies: [Str; 3] = ["inputs".into(), "explicitDependencies".into(), "actions".into()];
        replace_at(&mut action, &dependencies, &|names| match names.as_array() {
            Some(names) => Value::array(
                names
                    .iter()
                    .map(|name| match name {
                        Value::String(name) => Value::String(name_of(name)),
                        other => other.clone(),
                    })
                    .collect(),
            ),
            None => names.clone(),
        });
        (name_of(name), action)
    });
    Value::object(actions)
}

/// Replaces what stands at the path, where something does.
fn replace_at(value: &mut Value, path: &[Str], replacement: &dyn Fn(&Value) -> Value) {
    match path.split_first() {
        None => *value = replacement(value),
        Some((member, rest)) => {
            let next = value.as_object_mut().and_then(|members| members.get_mut(member));
            if let Some(next) = next {
                replace_at(next, rest, replacement);
            }
        }
    }
}
