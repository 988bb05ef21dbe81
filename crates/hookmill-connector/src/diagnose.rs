//! Findings in a definition: dangling and circular references, identifiers given twice, parameters without a place.

use std::collections::{BTreeMap, BTreeSet};

use hookmill_model::{Diagnostic, Pointer, Value};

use crate::connector::Connector;
use crate::document::Document;
use crate::operation::{Operation, Role};
use crate::parameter::Place;

/// How many findings are listed before the rest is only counted.
const FINDINGS_MAX: usize = 500;

/// Everything that is wrong or odd in a connector's document.
pub(crate) fn diagnose(connector: &Connector) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    whole(connector, &mut found);
    references(&connector.document, &mut found);
    let mut ids: BTreeMap<&str, &Operation> = BTreeMap::new();
    for operation in &connector.operations {
        one_operation(operation, &mut found);
        if !operation.declared_id {
            continue;
        }
        match ids.get(operation.id.as_str()) {
            Some(first) => found.push(
                Diagnostic::error(
                    "duplicate_operation_id",
                    operation.pointer.child("operationId"),
                    format!(
                        "The operationId \"{}\" is used twice; {} {} has it too.",
                        operation.id, first.method, first.path
                    ),
                )
                .with_hint("Give each operation its own operationId: flows name operations by it."),
            ),
            None => {
                ids.insert(&operation.id, operation);
            }
        }
    }
    if found.len() > FINDINGS_MAX {
        let more = found.len() - FINDINGS_MAX;
        // Errors come first, so that the list never hides what makes the file unusable.
        found.sort_by_key(|one| std::cmp::Reverse(one.severity));
        found.truncate(FINDINGS_MAX);
        found.push(Diagnostic::warning(
            "more_findings",
            Pointer::root(),
            format!("{more} more findings are not listed."),
        ));
    }
    found
}

fn whole(connector: &Connector, found: &mut Vec<Diagnostic>) {
    let root = Pointer::root();
    if connector.name.trim().is_empty() {
        found.push(
            Diagnostic::warning("title_missing", root.child("info").child("title"), "The document has no title.")
                .with_hint("Give the connector a name."),
        );
    }
    if connector.host.is_empty() {
        found.push(
            Diagnostic::warning("host_missing", root.child("host"), "The document does not say which host to call.")
                .with_hint("Fill in the host in the connector's general settings."),
        );
    } else if url::Url::parse(&format!("{}/", connector.origin())).is_err() {
        found.push(
            Diagnostic::warning(
                "host_invalid",
                root.child("host"),
                format!("\"{}\" is not a host that can be called.", connector.host),
            )
            .with_hint("Write the host without scheme and path, such as api.example.com."),
        );
    }
    if connector.operations.is_empty() {
        found.push(
            Diagnostic::warning("no_operations", root.child("paths"), "The document has no operations.")
                .with_hint("Add a trigger or an action in the connector's definition."),
        );
    }
}

fn one_operation(operation: &Operation, found: &mut Vec<Diagnostic>) {
    let name = format!("{} {}", operation.method, operation.path);
    if !operation.declared_id {
        found.push(
            Diagnostic::warning(
                "operation_id_missing",
                operation.pointer.clone(),
                format!("{name} has no operationId; \"{}\" is used.", operation.id),
            )
            .with_hint("Give it an operationId, so that flows keep working when the path changes."),
        );
    }
    let declared: BTreeSet<&str> = operation
        .parameters
        .iter()
        .filter(|parameter| parameter.place == Place::Path)
        .map(|parameter| parameter.name.as_str())
        .collect();
    let in_path: BTreeSet<&str> = template_names(&operation.path).collect();
    for missing in in_path.difference(&declared) {
        found.push(
            Diagnostic::error(
                "path_parameter_missing",
                operation.pointer.child("parameters"),
                format!("{name} has {{{missing}}} in its path, but no parameter \"{missing}\" with \"in\": \"path\"."),
            )
            .with_hint(format!(
                "Add {{\"name\": \"{missing}\", \"in\": \"path\", \"required\": true, \"type\": \"string\"}}."
            )),
        );
    }
    for extra in declared.difference(&in_path) {
        found.push(
            Diagnostic::warning(
                "path_parameter_unused",
                operation.pointer.child("parameters"),
                format!("{name} declares the path parameter \"{extra}\", but its path has no {{{extra}}}."),
            )
            .with_hint(format!("Write {{{extra}}} into the path or remove the parameter.")),
        );
    }
    let bodies = operation.value.get("parameters").and_then(Value::as_array).into_iter().flatten();
    if bodies.filter(|one| one.get("in").and_then(Value::as_str) == Some("body")).count() > 1 {
        found.push(
            Diagnostic::warning(
                "two_bodies",
                operation.pointer.child("parameters"),
                format!("{name} has more than one body; the last one is used."),
            )
            .with_hint("Put the properties of all bodies into one schema."),
        );
    }
    if operation.role == Role::Trigger {
        trigger(operation, &name, found);
    }
}

fn trigger(operation: &Operation, name: &str, found: &mut Vec<Diagnostic>) {
    let mode = operation.value.get("x-ms-trigger").and_then(Value::as_str).unwrap_or_default();
    if !matches!(mode.to_ascii_lowercase().as_str(), "single" | "batch") {
        found.push(
            Diagnostic::warning(
                "trigger_mode_unknown",
                operation.pointer.child("x-ms-trigger"),
                format!("\"{mode}\" is neither \"single\" nor \"batch\"; single is used."),
            )
            .with_hint("Write \"single\" for one run per notification, \"batch\" for one run per item."),
        );
    }
    if operation.callback.is_none() && operation.has_notification_schema() && operation.method != "GET" {
        found.push(
            Diagnostic::warning(
                "notification_url_missing",
                operation.pointer.clone(),
                format!("{name} describes a notification, but no parameter takes the callback URL."),
            )
            .with_hint("Choose the callback URL parameter of the trigger (\"x-ms-notification-url\": true)."),
        );
    }
    if let Some(callback) = &operation.callback
        && callback.place == Place::Path
    {
        found.push(
            Diagnostic::warning(
                "notification_url_in_path",
                operation.pointer.clone(),
                format!("{name} puts the callback URL into its path; few services can read that."),
            )
            .with_hint("Most services take the callback URL in the body."),
        );
    }
}

/// The names in braces of a path template.
pub(crate) fn template_names(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

/// Walks the whole document once and looks at each `$ref`.
fn references(document: &Document, found: &mut Vec<Diagnostic>) {
    let mut open: Vec<(Pointer, &Value)> = vec![(Pointer::root(), document.root())];
    let mut recursive: BTreeSet<String> = BTreeSet::new();
    while let Some((pointer, value)) = open.pop() {
        match value {
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                    one_reference(document, &pointer, reference, &mut recursive, found);
                }
                let skipped =
                    |name: &str| matches!(name, "example" | "examples" | "default" | "enum" | "x-ms-test-value");
                // Properties may be called `default` or `example`; there they are schemas like others.
                let named = pointer.as_str().ends_with("/properties") || pointer.as_str().ends_with("/definitions");
                let below = members.iter().filter(|(name, _)| named || !skipped(name));
                open.extend(below.map(|(name, member)| (pointer.child(name), member)).rev());
            }
            Value::Array(elements) => {
                open.extend(elements.iter().enumerate().map(|(index, one)| (pointer.child(index), one)).rev());
            }
            _ => {}
        }
    }
}

fn one_reference(
    document: &Document,
    pointer: &Pointer,
    reference: &str,
    recursive: &mut BTreeSet<String>,
    found: &mut Vec<Diagnostic>,
) {
    let place = pointer.child("$ref");
    if !reference.starts_with('#') {
        found.push(
            Diagnostic::error(
                "external_reference",
                place,
                format!("\"{reference}\" points outside of the file; only references inside of it (#/…) are followed."),
            )
            .with_hint(
                "Bundle the files into one (for example with a bundler of OpenAPI documents), then import that.",
            ),
        );
        return;
    }
    let mut at = document.target(reference);
    let mut chain = vec![reference.to_owned()];
    while let Some(next) = at.and_then(|value| value.get("$ref")).and_then(Value::as_str) {
        if chain.iter().any(|one| one == next) {
            found.push(
                Diagnostic::error(
                    "circular_reference",
                    place,
                    format!("\"{reference}\" leads in a circle: {} → {next}.", chain.join(" → ")),
                )
                .with_hint("Let one of these definitions say what it is instead of pointing to another."),
            );
            return;
        }
        chain.push(next.to_owned());
        at = document.target(next);
    }
    if at.is_none() {
        let missing = chain.last().map_or(reference, String::as_str).to_owned();
        let hint = match similar(document, &missing) {
            Some(similar) => format!("Did you mean \"{similar}\"?"),
            None => "Add the definition or remove the reference.".to_owned(),
        };
        found.push(
            Diagnostic::error("dangling_reference", place, format!("\"{missing}\" points to nothing.")).with_hint(hint),
        );
        return;
    }
    // A schema below itself is fine for the service; forms and tokens stop there, and that is worth a word, once.
    if pointer.as_str().starts_with(reference.trim_start_matches('#'))
        && pointer.as_str()[reference.len() - 1..].starts_with('/')
        && recursive.insert(reference.to_owned())
    {
        found.push(
            Diagnostic::warning(
                "recursive_schema",
                place,
                format!("\"{reference}\" contains itself; forms and dynamic content stop at the second level."),
            )
            .with_hint("Nothing must be done unless you need the inner levels as separate fields."),
        );
    }
}

/// A definition whose name differs in case or by a letter or two.
fn similar(document: &Document, reference: &str) -> Option<String> {
    let (parent, name) = reference.rsplit_once('/')?;
    let siblings = document.target(parent).and_then(Value::as_object)?;
    let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let wanted = plain(name);
    let close = |one: &str| {
        let one = plain(one);
        one == wanted || one.strip_suffix('s') == Some(&wanted) || wanted.strip_suffix('s') == Some(&one)
    };
    siblings.keys().find(|one| close(one)).map(|one| format!("{parent}/{one}"))
}
