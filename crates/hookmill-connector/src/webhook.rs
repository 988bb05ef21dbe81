//! What a connector declares about its webhooks beside their deletion: proof, handshakes, identifiers, answers.

use hookmill_model::{Diagnostic, Object, Pointer, Value};
use hookmill_webhook::{Declarations, has_declarations, read};

use crate::connector::Connector;
use crate::document::members;

/// The objects that may hold the declarations of an operation, the nearest first: the operation, its path, the file.
fn levels<'a>(root: &'a Value, path: &str, method: &str) -> Vec<(&'a Object, Pointer)> {
    let at = Pointer::root().child("paths").child(path);
    let item = root.get("paths").and_then(|paths| paths.get(path));
    let operation = item.and_then(|item| item.get(method));
    let found = [(operation, at.child(method)), (item, at), (Some(root), Pointer::root())];
    found.into_iter().filter_map(|(value, at)| Some((value?.as_object()?, at))).collect()
}

impl Connector {
    /// What is declared for the webhook that an operation creates.
    #[must_use]
    pub fn webhook(&self, operation_id: &str) -> Declarations {
        let Some(operation) = self.operation(operation_id) else { return Declarations::default() };
        let method = operation.method.to_ascii_lowercase();
        read(&levels(self.document.root(), &operation.path, &method), &mut Vec::new())
    }
}

/// Reports what is wrong with the declarations of a file: of each place once.
pub(crate) fn check(root: &Value, diagnostics: &mut Vec<Diagnostic>) {
    let mut found = Vec::new();
    for (path, item) in members(root, "paths") {
        for (method, operation) in item.as_object().into_iter().flat_map(Object::iter) {
            let near = [operation, item, root].into_iter().filter_map(Value::as_object);
            if near.into_iter().any(has_declarations) {
                let made = read(&levels(root, path, method), &mut found);
                let at = Pointer::root().child("paths").child(path).child(method);
                not_done(&made, &at, &mut found);
            }
        }
    }
    for finding in found {
        if !diagnostics.contains(&finding) {
            diagnostics.push(finding);
        }
    }
}

/// Declarations that are understood, but that nothing acts upon.
fn not_done(made: &Declarations, at: &Pointer, found: &mut Vec<Diagnostic>) {
    // A preset states how long its webhooks live; only what the file itself asks for is worth a warning.
    let asked = |name: &str| at.child(name);
    if made.recovery.is_some() {
        let message = "Missed deliveries are not asked for yet; x-hookmill-recovery is kept, but does nothing.";
        found.push(Diagnostic::warning("webhook_not_done", asked("x-hookmill-recovery"), message));
    }
    if made.renewal.is_some() {
        let message = "The webhook is not renewed by itself yet. Before it expires, save the flow again.";
        found.push(Diagnostic::warning("webhook_not_done", asked("x-hookmill-renewal"), message));
    }
}
