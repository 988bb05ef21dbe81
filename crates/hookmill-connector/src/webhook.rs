//! What a connector declares about its webhooks beside their deletion: proof, handshakes, identifiers, answers.

use hookmill_model::{Diagnostic, Object, Pointer, Str, Value};
use hookmill_webhook::{Declarations, Secret, has_declarations, read};

use crate::connection::WEBHOOK_SECRET;
use crate::document::members;
use crate::operation::Operation;

/// The objects that may hold the declarations of an operation, the nearest first: the operation, its path, the file.
fn levels<'a>(root: &'a Value, operation: &'a Operation) -> Vec<(&'a Object, Pointer)> {
    let path = operation.pointer.as_str().rsplit_once('/').map_or("", |(path, _)| path);
    let found = [
        (Some(&operation.source), operation.pointer.clone()),
        (root.pointer(path), Pointer::parse(path)),
        (Some(root), Pointer::root()),
    ];
    found.into_iter().filter_map(|(value, at)| Some((value?.as_object()?, at))).collect()
}

impl Operation {
    /// What the operation itself declares for its webhook, by name, without how the webhook is deleted.
    #[must_use]
    pub fn declarations(&self) -> Object {
        let own = self.source.as_object().into_iter().flat_map(Object::iter);
        let own = own.filter(|(name, _)| hookmill_webhook::EXTENSIONS.contains(&&***name));
        let without_deletion = |(name, value): (&Str, &Value)| {
            let members = value.as_object().filter(|_| **name == *crate::registration::EXTENSION);
            match members {
                None => Some((name.clone(), value.clone())),
                Some(members) => {
                    let rest: Object = members
                        .iter()
                        .filter(|(name, _)| &***name != "unsubscribe")
                        .map(|(name, value)| (name.clone(), value.clone()))
                        .collect();
                    (!rest.is_empty()).then(|| (name.clone(), rest.into()))
                }
            }
        };
        own.filter_map(without_deletion).collect()
    }
}

/// What is declared for the webhook that an operation creates. `root` is the document.
pub(crate) fn declared(root: &Value, operation: &Operation) -> Declarations {
    read(&levels(root, operation), &mut Vec::new())
}

/// The field of a connection that holds the secret of webhooks; `None` where the secret comes another way, or none is
/// needed.
#[must_use]
pub fn entered_secret(declared: &Declarations) -> Option<Str> {
    match declared.registration.as_ref().and_then(|own| own.secret.as_ref()) {
        Some(Secret::Connection(name)) => Some(name.clone()),
        None if declared.needs_secret() => Some(WEBHOOK_SECRET.into()),
        _ => None,
    }
}

/// The secrets of webhooks that a person has to enter, since the creation has no place for one and its answer shows
/// none: the name of the connection's field, and where the service shows the secret. Of each name once.
pub(crate) fn entered_secrets(root: &Value, operations: &[Operation]) -> Vec<(Str, Str)> {
    let mut found: Vec<(Str, Str)> = Vec::new();
    for operation in operations.iter().filter(|own| own.is_webhook()) {
        let near = levels(root, operation);
        if !near.iter().any(|(members, _)| has_declarations(members)) {
            continue;
        }
        let declared = read(&near, &mut Vec::new());
        let Some(name) = entered_secret(&declared) else { continue };
        if !found.iter().any(|(known, _)| *known == name) {
            let preset = declared.preset.as_deref().and_then(hookmill_webhook::preset);
            found.push((name, preset.and_then(|preset| preset.secret.clone()).unwrap_or_default()));
        }
    }
    found
}

/// Reports what is wrong with the declarations of a file: of each place once.
pub(crate) fn check(root: &Value, diagnostics: &mut Vec<Diagnostic>) {
    let mut found = Vec::new();
    for (path, item) in members(root, "paths") {
        for (method, operation) in item.as_object().into_iter().flat_map(Object::iter) {
            let near = [operation, item, root].into_iter().filter_map(Value::as_object);
            if near.into_iter().any(has_declarations) {
                let at = Pointer::root().child("paths").child(path).child(method);
                let near = [(operation, at.clone()), (item, Pointer::root().child("paths").child(path))];
                let near = near.into_iter().chain([(root, Pointer::root())]);
                let near: Vec<_> = near.filter_map(|(value, at)| Some((value.as_object()?, at))).collect();
                read(&near, &mut found);
            }
        }
    }
    for finding in found {
        if !diagnostics.contains(&finding) {
            diagnostics.push(finding);
        }
    }
}

/// Reports operations that declarations of webhooks name and the file does not have.
pub(crate) fn check_calls(root: &Value, operations: &[Operation], diagnostics: &mut Vec<Diagnostic>) {
    for operation in operations.iter().filter(|own| own.is_webhook()) {
        for (what, call) in declared(root, operation).calls() {
            if operations.iter().any(|own| own.operation_id == call.operation) {
                continue;
            }
            let message =
                format!("The {what} of this webhook calls '{}', and the file has no such operation.", call.operation);
            let finding = Diagnostic::warning("webhook_operation_missing", operation.pointer.clone(), message);
            diagnostics.push(finding.with_hint("Name an operation of the file."));
        }
    }
}
