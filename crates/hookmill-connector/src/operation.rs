//! Operations: what a connector offers, each a trigger or an action.

use hookmill_model::{Diagnostic, Object, Pointer, Str, Value};
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::document::{Document, elements, members, text, truth};
use crate::place::{Declared, Place, address, path_names};
use crate::registration::{self, DeleteRequest, Registration};
use crate::schema::{self, Barren};

/// The root member of a converted document that holds webhooks without an operation that creates them: name → path item.
pub(crate) const WEBHOOKS: &str = "x-hookmill-webhooks";
/// The most operations of a document.
const OPERATIONS_MAX: usize = 10_000;

/// The methods an operation can have, as files write them.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// The member by which an operation that was written in OpenAPI 3 says where the callback address goes.
pub(crate) const CALLBACK: &str = "x-hookmill-callback";

/// What an operation is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[schema(as = OperationRole)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Starts runs.
    Trigger,
    /// A step of a run.
    Action,
}

/// How a trigger learns of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TriggerKind {
    /// The service calls.
    Webhook,
    /// Hookmill asks, again and again.
    Polling,
}

/// What one answer of a trigger holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TriggerMode {
    /// One event.
    Single,
    /// A list of events.
    Batch,
}

/// How prominently something is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Visibility {
    /// As usual.
    #[default]
    #[serde(rename = "")]
    Usual,
    /// First.
    #[serde(rename = "important")]
    Important,
    /// Behind *show more*.
    #[serde(rename = "advanced")]
    Advanced,
    /// Never; a default fills it.
    #[serde(rename = "internal")]
    Internal,
}

impl Visibility {
    /// All of them.
    const ALL: [Self; 4] = [Self::Usual, Self::Important, Self::Advanced, Self::Internal];

    pub(crate) fn of(value: &Value) -> Self {
        match value.get("x-ms-visibility").and_then(Value::as_str) {
            Some(word) if word.eq_ignore_ascii_case("important") => Self::Important,
            Some(word) if word.eq_ignore_ascii_case("advanced") => Self::Advanced,
            Some(word) if word.eq_ignore_ascii_case("internal") => Self::Internal,
            _ => Self::Usual,
        }
    }

    /// The word of the file; empty for the usual one.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Usual => "",
            Self::Important => "important",
            Self::Advanced => "advanced",
            Self::Internal => "internal",
        }
    }
}

// The derived schema does not know an empty word.
impl PartialSchema for Visibility {
    fn schema() -> RefOr<Schema> {
        let words = Self::ALL.map(Self::word);
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).into()
    }
}

impl ToSchema for Visibility {}

/// Where the callback address goes (`x-ms-notification-url`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallbackPlace {
    /// Into which part of the request.
    #[serde(rename = "in")]
    pub place: Place,
    /// The property below the body, outermost first; else the one name of the parameter.
    #[schema(value_type = Vec<String>)]
    pub path: Vec<Str>,
}

/// One operation of a connector.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// The name definitions use; made from method and path where the file gives none.
    pub operation_id: Str,
    /// Whether the file gives the name.
    pub named: bool,
    /// In capitals.
    pub method: Str,
    /// The template below the base path, with `{names}`.
    pub path: Str,
    /// One line for people.
    pub summary: Str,
    /// More for people.
    pub description: Str,
    /// How prominently it is shown.
    pub visibility: Visibility,
    /// Whether the file advises against it.
    pub deprecated: bool,
    /// Set for triggers.
    pub trigger: Option<(TriggerKind, TriggerMode)>,
    /// Where the callback address goes, if anywhere.
    pub callback: Option<CallbackPlace>,
    /// The schema of notifications, references not followed.
    pub notification_schema: Option<Value>,
    /// Headers of notifications that the file names.
    pub notification_headers: Vec<Str>,
    /// Whether no request creates the webhook: a person enters the callback URL at the service.
    pub is_by_hand: bool,
    /// The operation's place in the file.
    pub pointer: Pointer,
    /// All places where the callback address goes.
    pub(crate) callbacks: Vec<CallbackPlace>,
    /// How the webhook of a trigger begins and ends.
    pub(crate) registration: Registration,
    /// What the service puts behind the callback URL.
    pub(crate) callback_suffixes: Vec<Str>,
    pub(crate) declared: Vec<Declared>,
    /// A reference to a parameter that is not in the file, so that no request can be made.
    pub(crate) lost: Option<Str>,
    pub(crate) source: Value,
    pub(crate) consumes: Vec<Str>,
}

impl Operation {
    /// Trigger or action.
    #[must_use]
    pub const fn role(&self) -> Role {
        if self.trigger.is_some() { Role::Trigger } else { Role::Action }
    }

    /// Whether its service puts this path behind the callback URL, as a callback of OpenAPI 3 says.
    #[must_use]
    pub fn takes_suffix(&self, rest: &str) -> bool {
        self.callback_suffixes.iter().any(|own| **own == *rest.trim_matches('/'))
    }

    /// Whether it is a trigger that subscribes to calls of the service.
    #[must_use]
    pub fn is_webhook(&self) -> bool {
        matches!(self.trigger, Some((TriggerKind::Webhook, _)))
    }

    /// The list entry of the HTTP API.
    #[must_use]
    pub fn summary(&self) -> OperationSummary {
        OperationSummary {
            operation_id: self.operation_id.clone(),
            summary: self.summary.clone(),
            description: self.description.clone(),
            role: self.role(),
            trigger_kind: self.trigger.map(|(kind, _)| kind),
            mode: self.trigger.map(|(_, mode)| mode),
            method: self.method.clone(),
            path: self.path.clone(),
            visibility: self.visibility,
            deprecated: self.deprecated,
            callback: self.callback.clone(),
            by_hand: self.is_by_hand,
            delete_request: (self.is_webhook() && !self.is_by_hand).then(|| self.registration.delete_request.clone()),
            notification_schema: self.notification_schema.is_some(),
            pointer: self.pointer.to_string(),
        }
    }
}

/// An operation as lists show it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct OperationSummary {
    /// The name definitions use.
    #[schema(value_type = String)]
    pub operation_id: Str,
    /// One line.
    #[schema(value_type = String)]
    pub summary: Str,
    /// More.
    #[schema(value_type = String)]
    pub description: Str,
    /// Trigger or action.
    pub role: Role,
    /// Of a trigger: webhook or polling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger_kind: Option<TriggerKind>,
    /// Of a trigger: one event or a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<TriggerMode>,
    /// In capitals.
    #[schema(value_type = String)]
    pub method: Str,
    /// Below the base path.
    #[schema(value_type = String)]
    pub path: Str,
    /// How prominently it is shown.
    pub visibility: Visibility,
    /// Whether the file advises against it.
    pub deprecated: bool,
    /// Where the callback address goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<CallbackPlace>,
    /// Of a webhook trigger: whether no request creates the webhook, so that a person enters the callback URL of the flow
    /// at the service.
    pub by_hand: bool,
    /// Of a webhook trigger: how the webhook is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_request: Option<DeleteRequest>,
    /// Whether the file describes notifications.
    pub notification_schema: bool,
    /// Its place in the document, a JSON pointer.
    pub pointer: String,
}

/// Reads all operations in the order of the file. Ends early, with those that were found, once `wanted` says that nobody
/// waits for them.
pub(crate) fn operations(
    document: &Document,
    diagnostics: &mut Vec<Diagnostic>,
    wanted: &dyn Fn() -> bool,
) -> Vec<Operation> {
    let mut found: Vec<Operation> = Vec::new();
    let root = document.root();
    let mut barren = Barren::default();
    for (path, written, list) in ["paths", WEBHOOKS]
        .into_iter()
        .flat_map(|list| members(root, list).map(move |(path, written)| (path, written, list)))
    {
        let item = document.resolve(written);
        if item.as_object().is_none() {
            continue;
        }
        let at = Pointer::root().child(list).child(path);
        for (method, source) in item.as_object().into_iter().flat_map(|members| members.iter()) {
            if !METHODS.contains(&method.to_ascii_lowercase().as_str()) || source.as_object().is_none() {
                continue;
            }
            if !wanted() {
                return found;
            }
            if found.len() >= OPERATIONS_MAX {
                let message = format!("the file has more than {OPERATIONS_MAX} operations");
                diagnostics.push(
                    Diagnostic::error("document_too_large", at.child(method), message)
                        .with_hint("Remove the operations that are not needed."),
                );
                return Vec::new();
            }
            found.push(operation(document, path, item, method, source, at.child(method), &mut barren, diagnostics));
        }
    }
    find_duplicates(&found, diagnostics);
    check_deletions(&found, diagnostics);
    found
}

#[allow(clippy::too_many_arguments)] // They are what surrounds one operation in a file.
fn operation(
    document: &Document,
    path: &Str,
    item: &Value,
    method: &str,
    source: &Value,
    pointer: Pointer,
    barren: &mut Barren,
    diagnostics: &mut Vec<Diagnostic>,
) -> Operation {
    let (declared, lost) = declared(document, item, source, &pointer, diagnostics);
    let mut callbacks = written_callbacks(source);
    for place in declared.iter().flat_map(|parameter| callback_places(document, parameter, barren)) {
        if !callbacks.contains(&place) {
            callbacks.push(place);
        }
    }
    let content = source.get("x-ms-notification-content").or_else(|| item.get("x-ms-notification-content"));
    let content = content.map(|content| document.resolve(content));
    let notification_schema = content.map(|content| content.get("schema").cloned().unwrap_or_default());
    let notification_headers =
        content.map(|content| members(content, "headers").map(|(name, _)| name.clone()).collect()).unwrap_or_default();
    let is_by_hand = pointer.as_str().starts_with(&format!("/{WEBHOOKS}/"));
    let trigger = source.get("x-ms-trigger").filter(|word| !word.is_null()).map(|word| {
        let batch = word.as_str().is_some_and(|word| word.trim().eq_ignore_ascii_case("batch"));
        let webhook = is_by_hand || !callbacks.is_empty() || notification_schema.is_some();
        (
            if webhook { TriggerKind::Webhook } else { TriggerKind::Polling },
            if batch { TriggerMode::Batch } else { TriggerMode::Single },
        )
    });
    let consumes = [source, document.root()]
        .iter()
        .map(|level| elements(level, "consumes"))
        .find(|list| !list.is_empty())
        .unwrap_or_default();
    let path_pointer = Pointer::parse(pointer.as_str().rsplit_once('/').map_or("", |(above, _)| above));
    let levels = [(source, pointer.clone()), (item, path_pointer), (document.root(), Pointer::root())];
    let levels: Vec<_> = levels.into_iter().filter_map(|(level, at)| Some((level.as_object()?, at))).collect();
    let registration = registration::registration(&levels, diagnostics);
    let named = text(source, "operationId");
    let operation = Operation {
        named: named.is_some(),
        operation_id: named.unwrap_or_else(|| made_up_id(method, path)),
        method: method.to_ascii_uppercase().into(),
        path: if is_by_hand { Str::default() } else { address(path).into() },
        is_by_hand,
        summary: text(source, "summary").unwrap_or_default(),
        description: text(source, "description").unwrap_or_default(),
        visibility: Visibility::of(source),
        deprecated: truth(source, "deprecated"),
        trigger,
        callback: callbacks.first().cloned(),
        notification_schema,
        notification_headers,
        callbacks,
        callback_suffixes: callback_suffixes(source),
        registration,
        declared,
        lost,
        source: source.clone(),
        consumes: consumes.iter().filter_map(Value::as_str).map(Str::from).collect(),
        pointer,
    };
    judge(&operation, diagnostics);
    operation
}

/// Parameters of the path, each replaced by the one of the same name and place that the operation has, then the others
/// of the operation; and the first reference to one that is not in the file.
fn declared(
    document: &Document,
    item: &Value,
    source: &Value,
    pointer: &Pointer,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Vec<Declared>, Option<Str>) {
    let mut found: Vec<Declared> = Vec::new();
    let mut lost: Option<Str> = None;
    let above = Pointer::parse(pointer.as_str().rsplit_once('/').map_or("", |(above, _)| above));
    let own_begin = format!("{}/", pointer.as_str());
    let lists = [(item, above, false), (source, pointer.clone(), true)];
    for (list, at, own) in lists {
        for (index, written) in elements(list, "parameters").iter().enumerate() {
            let at = at.child("parameters").child(index);
            let value = document.resolve(written);
            let (Some(name), Some(place)) = (text(value, "name"), Place::of(value)) else {
                if value.is_null() {
                    // The reference has its own finding.
                    let named = crate::document::reference(written).unwrap_or_default();
                    lost.get_or_insert_with(|| named.into());
                } else if own {
                    let message = "this parameter has no \"name\", or no \"in\" that is known";
                    diagnostics.push(Diagnostic::warning("parameter_incomplete", at, message));
                }
                continue;
            };
            let required = place == Place::Path || truth(value, "required");
            let made = Declared { name, place, required, source: value.clone(), pointer: at };
            match found.iter_mut().find(|known| known.name == made.name && known.place == place) {
                None => found.push(made),
                Some(known) if own && !known.pointer.as_str().starts_with(&own_begin) => *known = made,
                // Of two with one name in one list, the first counts.
                Some(_) => {}
            }
        }
    }
    (found, lost)
}

/// What a service puts behind the callback URL, without slashes around it.
fn callback_suffixes(source: &Value) -> Vec<Str> {
    let written = source.get(CALLBACK).map(|all| all.as_array().unwrap_or(std::slice::from_ref(all)));
    written.unwrap_or_default().iter().filter_map(|one| text(one, "suffix")).collect()
}

/// The places that a file of OpenAPI 3 names under `callbacks`.
fn written_callbacks(source: &Value) -> Vec<CallbackPlace> {
    let written = source.get(CALLBACK).map(|all| all.as_array().unwrap_or(std::slice::from_ref(all)));
    let read = |one: &Value| {
        let path = elements(one, "path").iter().filter_map(Value::as_str).map(Str::from).collect();
        Some(CallbackPlace { place: Place::of(one)?, path })
    };
    written.unwrap_or_default().iter().filter_map(read).collect()
}

fn callback_places(document: &Document, parameter: &Declared, barren: &mut Barren) -> Vec<CallbackPlace> {
    let paths = if truth(&parameter.source, "x-ms-notification-url") {
        vec![if parameter.place == Place::Body { Vec::new() } else { vec![parameter.name.clone()] }]
    } else if parameter.place == Place::Body {
        parameter.source.get("schema").map(|own| schema::notification_urls(document, own, barren)).unwrap_or_default()
    } else {
        Vec::new()
    };
    paths.into_iter().map(|path| CallbackPlace { place: parameter.place, path }).collect()
}

fn made_up_id(method: &str, path: &str) -> Str {
    let mut id = method.to_ascii_lowercase();
    for word in path.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        id.push('_');
        id.push_str(word);
    }
    id.into()
}

fn judge(operation: &Operation, diagnostics: &mut Vec<Diagnostic>) {
    let at = &operation.pointer;
    if !operation.named {
        diagnostics.push(
            Diagnostic::warning("operation_id_missing", at.clone(), "this operation has no \"operationId\"")
                .with_hint(format!("It is called \"{}\" until the file gives it a name.", operation.operation_id)),
        );
    }
    let names = path_names(&operation.path);
    for name in &names {
        if !operation.declared.iter().any(|known| known.place == Place::Path && &*known.name == *name) {
            diagnostics.push(
                Diagnostic::warning(
                    "path_parameter_missing",
                    at.child("parameters"),
                    format!("the path names {{{name}}}, but no parameter with \"in\": \"path\" has this name"),
                )
                .with_hint(format!(
                    "Add {{\"name\": \"{name}\", \"in\": \"path\", \"required\": true, \"type\": \"string\"}}."
                )),
            );
        }
    }
    for extra in operation.declared.iter().filter(|known| known.place == Place::Path) {
        if !names.contains(&&*extra.name) {
            diagnostics.push(
                Diagnostic::warning(
                    "path_parameter_unused",
                    extra.pointer.clone(),
                    format!("the path has no {{{}}}", extra.name),
                )
                .with_hint("Names are compared letter by letter, capitals too."),
            );
        }
    }
    if operation.declared.iter().filter(|known| known.place == Place::Body).count() > 1 {
        let message = "an operation can have one parameter with \"in\": \"body\"; the first one counts";
        diagnostics.push(Diagnostic::warning("body_twice", at.child("parameters"), message));
    }
    let has = |place| operation.declared.iter().any(|known| known.place == place);
    if has(Place::Body) && has(Place::Form) {
        let message = "an operation has either a body or form fields; the body counts, and the fields are not sent";
        diagnostics.push(
            Diagnostic::warning("body_and_form", at.child("parameters"), message)
                .with_hint("Remove the parameters with \"in\": \"formData\", or the one with \"in\": \"body\"."),
        );
    }
    for parameter in operation.declared.iter().filter(|known| known.place != Place::Body) {
        if let Err(style) = crate::serialise::style(parameter) {
            let message = format!(
                "the parameter \"{}\" of \"{}\" is written in the style '{style}', which is not supported; the operation is refused when it is used",
                parameter.name, operation.operation_id
            );
            diagnostics.push(
                Diagnostic::warning("style_unsupported", parameter.pointer.clone(), message)
                    .with_hint("Use the usual style of its place, or call the service with an HTTP action."),
            );
        }
    }
    if operation.is_webhook() && operation.callback.is_none() && !operation.is_by_hand {
        diagnostics.push(
            Diagnostic::warning(
                "callback_place_missing",
                at.clone(),
                "this webhook trigger does not say where the callback address goes",
            )
            .with_hint("Mark one parameter or property of the body with \"x-ms-notification-url\": true."),
        );
    }
    if operation.is_webhook() && operation.notification_schema.is_none() {
        diagnostics.push(
            Diagnostic::warning(
                "notification_schema_missing",
                at.clone(),
                "this webhook trigger does not describe its notifications",
            )
            .with_hint("Add \"x-ms-notification-content\" beside the method, or use a sample of a notification."),
        );
    }
}

fn find_duplicates(operations: &[Operation], diagnostics: &mut Vec<Diagnostic>) {
    let mut seen: indexmap::IndexMap<&str, &Operation> = indexmap::IndexMap::new();
    for operation in operations {
        if let Some(first) = seen.get(&*operation.operation_id) {
            diagnostics.push(
                Diagnostic::warning(
                    "operation_id_twice",
                    operation.pointer.child("operationId"),
                    format!("\"{}\" is the name of {} {} already", operation.operation_id, first.method, first.path),
                )
                .with_hint("Give each operation a name of its own; until then the first one is used."),
            );
        } else {
            seen.insert(&operation.operation_id, operation);
        }
    }
}

/// Compares the delete requests with the operations that they name.
fn check_deletions(operations: &[Operation], diagnostics: &mut Vec<Diagnostic>) {
    for trigger in operations {
        let registration = &trigger.registration;
        if let DeleteRequest::Operation { operation_id, parameters } = &registration.delete_request {
            check_deletion(operations, (&registration.at, operation_id, parameters), diagnostics);
        }
        for also in &registration.also {
            check_deletion(operations, (&also.at, &also.operation_id, &also.parameters), diagnostics);
        }
    }
}

fn check_deletion(
    operations: &[Operation],
    (at, operation_id, parameters): (&Pointer, &Str, &Object),
    diagnostics: &mut Vec<Diagnostic>,
) {
    let Some(delete) = operations.iter().find(|own| own.operation_id == *operation_id) else {
        let message = format!("no operation is named \"{operation_id}\", so the webhook cannot be deleted by it");
        diagnostics.push(
            Diagnostic::warning("delete_operation_missing", at.child("operationId"), message)
                .with_hint("Add the operation that deletes a webhook of the service, or name another one."),
        );
        return;
    };
    let declared = delete.declared.iter().filter(|own| own.required && own.place != Place::Body);
    let needed = declared
        .filter(|own| own.source.get("default").is_none())
        .map(|own| &*own.name)
        .chain(path_names(&delete.path));
    if let Some(name) = needed.into_iter().find(|name| !parameters.contains_key(name)) {
        let message = format!("the delete request gives no value for \"{name}\" of \"{operation_id}\"");
        diagnostics.push(
            Diagnostic::warning("delete_parameter_missing", at.child("parameters"), message)
                .with_hint(format!("Add \"{name}\": \"{{registration:/id}}\", or where else the value is.")),
        );
    }
}
