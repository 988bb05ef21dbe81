//! Putting an operation into a document, replacing one, taking one out. What a form does not speak of stays as it was.

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use utoipa::ToSchema;

use super::form::{FormParameter, RequestForm};
use crate::operation::CallbackPlace;
use crate::place::{Place, address, path_names};
use crate::registration::{self, DeleteRequest};
use hookmill_model::{Object, Pointer, Severity, Value};

/// Verbs of a path item.
const METHODS: &[&str] = &["get", "post", "put", "patch", "delete", "head", "options"];

/// An operation as the wizard edits it.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OperationForm {
    /// `trigger` or `action`.
    pub role: String,
    /// One line for people.
    pub summary: String,
    /// More for people.
    pub description: String,
    /// The name that definitions use.
    pub operation_id: String,
    /// Empty, `important`, `advanced` or `internal`.
    pub visibility: String,
    /// `webhook` or `polling`, for triggers.
    pub trigger_kind: Option<String>,
    /// `single` or `batch`, for triggers.
    pub mode: Option<String>,
    /// Verb, path and parameters.
    pub request: RequestForm,
    /// The parameter that receives the callback URL.
    pub callback_parameter: Option<CallbackPlace>,
    /// How the webhook of a trigger is deleted; what the document says stays where nothing is given.
    pub delete_request: Option<DeleteRequest>,
    /// What is declared for the webhook of a trigger (`x-hookmill-…`), by name; what the document says stays where nothing
    /// is given. How the webhook is deleted is `delete_request`.
    #[schema(value_type = Option<Object>)]
    pub declarations: Option<Object>,
    /// What a notification looks like.
    #[schema(value_type = Option<Object>)]
    pub notification_schema: Option<Value>,
    /// Headers of notifications that later steps use; what the document says stays where nothing is given.
    pub notification_headers: Option<Vec<String>>,
    /// What the answer looks like.
    #[schema(value_type = Option<Object>)]
    pub response_schema: Option<Value>,
}

impl OperationForm {
    pub(super) fn is_webhook(&self) -> bool {
        self.role == "trigger" && self.trigger_kind.as_deref() != Some("polling")
    }
}

/// The parts of an operation that a form left as they were; they need not be written.
#[derive(Default)]
pub(super) struct Unchanged {
    /// The parameters and the place of the callback URL.
    pub parameters: bool,
    /// The schema of notifications or of the answer.
    pub outputs: bool,
}

/// Compares a form with what it would show of an operation of the document.
pub(super) type Compare = fn(&Value, &str, &OperationForm) -> Unchanged;

/// Why an operation cannot be put into the document; the pointer is into the form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EditError {
    /// Into the form.
    pub pointer: &'static str,
    /// For the maker.
    pub message: String,
}

fn wrong<T>(pointer: &'static str, message: impl Into<String>) -> Result<T, EditError> {
    Err(EditError { pointer, message: message.into() })
}

/// The path key and verb of an operation.
fn place_of(document: &Json, operation_id: &str) -> Option<(String, String)> {
    let paths = document.get("paths")?.as_object()?;
    paths.iter().find_map(|(path, item)| {
        let found = METHODS.iter().find(|method| {
            item.get(**method).and_then(|own| own.get("operationId")).and_then(Json::as_str) == Some(operation_id)
        })?;
        Some((path.clone(), (*found).to_owned()))
    })
}

fn check(form: &OperationForm) -> Result<String, EditError> {
    let name = form.operation_id.trim();
    if name.is_empty() || !name.chars().all(|letter| letter.is_alphanumeric() || "_-.".contains(letter)) {
        return wrong("/operation_id", "The operation id is made of letters, digits, '_', '-' and '.'.");
    }
    if form.summary.trim().is_empty() {
        return wrong("/summary", "The operation needs a summary.");
    }
    let method = form.request.method.to_ascii_lowercase();
    if !METHODS.contains(&method.as_str()) {
        return wrong("/request/method", "The request needs a verb: GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS.");
    }
    if !form.request.path.starts_with('/') {
        return wrong("/request/path", "The path of the request begins with '/'.");
    }
    let is_path = |name: &str| form.request.parameters.iter().any(|own| own.place == "path" && own.name == name);
    for name in path_names(&form.request.path) {
        if !is_path(name) {
            return wrong("/request/parameters", format!("The path has '{{{name}}}', and no parameter of that name."));
        }
    }
    let is_webhook = form.is_webhook();
    if let Some(DeleteRequest::Operation { operation_id, parameters }) =
        form.delete_request.as_ref().filter(|_| is_webhook)
    {
        if operation_id.is_empty() || **operation_id == *name {
            return wrong("/delete_request/operation_id", "Choose the operation that deletes the webhook.");
        }
        if let Err(fault) = parameters.values().try_for_each(registration::check_templates) {
            return wrong("/delete_request/parameters", fault);
        }
    }
    if let Some(declarations) = form.declarations.as_ref().filter(|_| is_webhook) {
        check_declarations(declarations)?;
    }
    match &form.callback_parameter {
        None if is_webhook => wrong("/callback_parameter", "Choose the parameter that receives the callback URL."),
        Some(callback) if callback.path.is_empty() => wrong("/callback_parameter/path", "The path is empty."),
        _ => Ok(method),
    }
}

/// What is wrong with the declarations of a form, with its place.
fn check_declarations(declarations: &Object) -> Result<(), EditError> {
    if let Some(unknown) = declarations.keys().find(|name| !hookmill_webhook::EXTENSIONS.contains(&&***name)) {
        return wrong("/declarations", format!("There is no declaration {unknown}."));
    }
    let mut findings = Vec::new();
    hookmill_webhook::read(&[(declarations, Pointer::root())], &mut findings);
    match findings.iter().find(|finding| finding.severity == Severity::Error) {
        None => Ok(()),
        Some(finding) => {
            let hint = finding.hint.as_ref().map(|hint| format!(" {hint}")).unwrap_or_default();
            wrong("/declarations", format!("{}: {}{hint}", finding.pointer, finding.message))
        }
    }
}

/// As [`put_operation`](super::put_operation), into the document itself; it may have changed in part where the form is
/// refused. `original` is named together with what compares the form with it.
pub(super) fn put(
    document: &mut Json,
    original: Option<(&str, Compare)>,
    form: &OperationForm,
) -> Result<(), EditError> {
    let (original, compare) = (original.map(|(id, _)| id), original.map(|(_, compare)| compare));
    let method = check(form)?;
    // What is asked for again and again has no callback URL; a description of notifications would make it a webhook.
    let asked = OperationForm { callback_parameter: None, notification_schema: None, ..form.clone() };
    let form = if form.is_webhook() { form } else { &asked };
    let old = original.and_then(|original| place_of(document, original));
    if let Some(other) = place_of(document, form.operation_id.trim())
        && Some(&other) != old.as_ref()
    {
        return wrong("/operation_id", format!("Another operation is named '{}' already.", form.operation_id.trim()));
    }
    if let Some(DeleteRequest::Operation { operation_id, .. }) = &form.delete_request
        && form.is_webhook()
        && place_of(document, operation_id).is_none()
    {
        let message = format!("The connector has no operation '{operation_id}' that could delete the webhook.");
        return wrong("/delete_request/operation_id", message);
    }
    let before = old.as_ref().and_then(|(path, verb)| document["paths"][path].get(verb).cloned());
    let notification_before =
        old.as_ref().and_then(|(path, _)| document["paths"][path].get("x-ms-notification-content").cloned());
    let wanted = address(&form.request.path).to_owned();
    let key = match &old {
        Some((path, verb)) if address(path) == wanted && *verb == method => path.clone(),
        _ => free_key(document, &wanted, &method, form),
    };
    let stays = old.as_ref() == Some(&(key.clone(), method.clone()));
    let compared = original.zip(compare).filter(|_| stays);
    let unchanged = compared.map(|(id, compare)| compare(&Value::from(document.clone()), id, form));
    let unchanged = unchanged.unwrap_or_default();
    let mut made = operation(before.as_ref(), form, &unchanged);
    if let Some(original) = original.filter(|original| *original != form.operation_id.trim()) {
        rename_references(document, original, form.operation_id.trim());
    }
    let Some(root) = document.as_object_mut() else { return wrong("", "The document is not an object.") };
    let paths = root.entry("paths").or_insert_with(|| json!({}));
    if let Some((path, verb)) = &old
        && (*path != key || *verb != method)
    {
        take_out(paths, path, verb);
    }
    let Some(paths) = paths.as_object_mut() else { return wrong("", "\"paths\" is not an object.") };
    let item = paths.entry(key).or_insert_with(|| json!({}));
    let Some(item) = item.as_object_mut() else { return wrong("/request/path", "The path item is not an object.") };
    // An operation may have a description of its own, which counts before that of its path.
    let own_content = made.get_mut("x-ms-notification-content").filter(|own| own.is_object());
    match &form.notification_schema {
        Some(_) if form.role == "trigger" && unchanged.outputs => {}
        Some(schema) if form.role == "trigger" && own_content.is_some() => {
            if let Some(own) = own_content {
                own["schema"] = Json::from(schema);
            }
        }
        Some(schema) if form.role == "trigger" => {
            let mut content = notification_before.filter(Json::is_object).unwrap_or_else(|| json!({}));
            content["schema"] = Json::from(schema);
            item.insert("x-ms-notification-content".to_owned(), content);
        }
        _ if form.is_webhook() => {
            let content = notification_before.unwrap_or_else(|| json!({"schema": {"type": "object"}}));
            item.insert("x-ms-notification-content".to_owned(), content);
        }
        _ if METHODS.iter().filter(|own| item.contains_key(**own)).all(|own| *own == method) => {
            item.remove("x-ms-notification-content");
        }
        _ => {}
    }
    if let (Some(names), true) = (&form.notification_headers, form.is_webhook()) {
        let own = made.get_mut("x-ms-notification-content").filter(|own| own.is_object());
        if let Some(content) = own.or_else(|| item.get_mut("x-ms-notification-content")).and_then(Json::as_object_mut) {
            set_headers(content, names);
        }
    }
    item.insert(method, made);
    Ok(())
}

/// Takes an operation out of a document, with its path where nothing else is there; `None` where it is not there.
#[must_use]
pub fn remove_operation(document: &Value, operation_id: &str) -> Option<Value> {
    let mut document = Json::from(document);
    let (path, verb) = place_of(&document, operation_id)?;
    take_out(document.get_mut("paths")?, &path, &verb);
    Some(Value::from(document))
}

fn take_out(paths: &mut Json, path: &str, verb: &str) {
    let Some(paths) = paths.as_object_mut() else { return };
    let Some(item) = paths.get_mut(path).and_then(Json::as_object_mut) else { return };
    item.shift_remove(verb);
    if !METHODS.iter().any(|method| item.contains_key(*method)) {
        paths.shift_remove(path);
    }
}

/// A key for the address under which the verb is free, and whose notifications are not another operation's.
fn free_key(document: &Json, wanted: &str, method: &str, form: &OperationForm) -> String {
    let item = &document["paths"][wanted];
    let is_taken = item.get(method).is_some();
    let is_shared = form.role == "trigger" && item.get("x-ms-notification-content").is_some();
    if is_taken || is_shared { format!("{wanted}#{}", form.operation_id.trim()) } else { wanted.to_owned() }
}

fn set_text(members: &mut Map<String, Json>, name: &str, text: &str) {
    if text.is_empty() {
        members.shift_remove(name);
    } else {
        members.insert(name.to_owned(), json!(text));
    }
}

/// Names the headers of notifications; what is known about one of them stays.
fn set_headers(content: &mut Map<String, Json>, names: &[String]) {
    let before = content.get("headers").cloned().unwrap_or_default();
    if names.is_empty() {
        content.shift_remove("headers");
        return;
    }
    let described = |name: &String| before.get(name).cloned().unwrap_or_else(|| json!({"type": "string"}));
    let headers: Map<String, Json> = names.iter().map(|name| (name.clone(), described(name))).collect();
    content.insert("headers".to_owned(), headers.into());
}

/// Lets other operations know an operation by its new name.
fn rename_references(value: &mut Json, old: &str, new: &str) {
    fn below(value: &mut Json, old: &str, new: &str, is_reference: bool) {
        match value {
            Json::Object(members) => {
                for (name, member) in members.iter_mut() {
                    if is_reference && name == "operationId" && member.as_str() == Some(old) {
                        *member = json!(new);
                    }
                    let refers = name == registration::EXTENSION || name.starts_with("x-ms-dynamic-");
                    below(member, old, new, is_reference || refers);
                }
            }
            Json::Array(elements) => elements.iter_mut().for_each(|element| below(element, old, new, is_reference)),
            _ => {}
        }
    }
    below(value, old, new, false);
}

fn set_delete_request(own: &mut Map<String, Json>, request: Option<&DeleteRequest>) {
    match request {
        Some(DeleteRequest::Operation { operation_id, parameters }) => {
            let registration = own.entry(registration::EXTENSION).or_insert_with(|| json!({}));
            if !registration.is_object() {
                *registration = json!({});
            }
            let parameters = Json::from(&Value::from(parameters.clone()));
            let request = json!({"operationId": &**operation_id, "parameters": parameters});
            // A form has the first of several requests; the others stay.
            match registration["unsubscribe"].as_array_mut().and_then(|list| list.first_mut()) {
                Some(first) => *first = request,
                None => registration["unsubscribe"] = request,
            }
        }
        Some(DeleteRequest::Location) => {
            let registration = own.get_mut(registration::EXTENSION).and_then(Json::as_object_mut);
            if let Some(members) = registration
                && members.shift_remove("unsubscribe").is_some()
                && members.is_empty()
            {
                own.shift_remove(registration::EXTENSION);
            }
        }
        None => {}
    }
}

/// Puts the declarations of a form into an operation. The request that deletes the webhook is set after that.
fn set_declarations(own: &mut Map<String, Json>, declarations: &Object) {
    let deletion = own.get(registration::EXTENSION).and_then(|own| own.get("unsubscribe")).cloned();
    for name in hookmill_webhook::EXTENSIONS {
        match declarations.get(name) {
            Some(value) => drop(own.insert(name.to_owned(), Json::from(value))),
            None => drop(own.shift_remove(name)),
        }
    }
    if let Some(deletion) = deletion {
        let registration = own.entry(registration::EXTENSION).or_insert_with(|| json!({}));
        if let Some(members) = registration.as_object_mut() {
            members.entry("unsubscribe").or_insert(deletion);
        }
    }
}

fn operation(before: Option<&Json>, form: &OperationForm, unchanged: &Unchanged) -> Json {
    let mut own = before.and_then(Json::as_object).cloned().unwrap_or_default();
    own.insert("operationId".to_owned(), json!(form.operation_id.trim()));
    set_text(&mut own, "summary", form.summary.trim());
    set_text(&mut own, "description", form.description.trim());
    set_text(&mut own, "x-ms-visibility", &form.visibility);
    if form.role == "trigger" {
        own.insert("x-ms-trigger".to_owned(), json!(form.mode.as_deref().unwrap_or("single")));
    } else {
        own.shift_remove("x-ms-trigger");
    }
    if let Some(declarations) = form.declarations.as_ref().filter(|_| form.is_webhook()) {
        set_declarations(&mut own, declarations);
    }
    let away = Some(&DeleteRequest::Location);
    set_delete_request(&mut own, if form.is_webhook() { form.delete_request.as_ref() } else { away });
    if !form.is_webhook() {
        own.shift_remove("x-ms-notification-content");
    }
    if !unchanged.parameters {
        own.insert("parameters".to_owned(), parameters(form));
    }
    if let Some(kind) = &form.request.consumes {
        own.insert("consumes".to_owned(), json!([kind]));
    }
    let responses = own.entry("responses").or_insert_with(|| json!({}));
    if let Some(responses) = responses.as_object_mut() {
        let code = responses.keys().find(|code| code.starts_with('2')).cloned();
        let code = code.unwrap_or_else(|| if form.role == "trigger" { "201" } else { "200" }.to_owned());
        let answer = responses.entry(code).or_insert_with(|| json!({"description": "Success"}));
        if let (Some(schema), false, false) = (&form.response_schema, form.is_webhook(), unchanged.outputs) {
            answer["schema"] = Json::from(schema);
        }
    }
    Json::Object(own)
}

/// The schema of one value, with what the form says beside it.
fn schema(parameter: &FormParameter, is_callback: bool) -> Map<String, Json> {
    let mut own = Json::from(&parameter.schema).as_object().cloned().unwrap_or_default();
    if !own.contains_key("type") && !own.contains_key("properties") {
        own.insert("type".to_owned(), json!("string"));
    }
    match &parameter.default {
        Some(value) => {
            own.insert("default".to_owned(), Json::from(value));
        }
        None => {
            own.shift_remove("default");
        }
    }
    match &parameter.values {
        Some(values) if values.is_empty() => {
            own.shift_remove("enum");
        }
        Some(values) => {
            own.insert("enum".to_owned(), values.iter().map(Json::from).collect());
        }
        None => {}
    }
    let visibility = if is_callback { "internal" } else { parameter.visibility.as_str() };
    set_text(&mut own, "x-ms-visibility", visibility);
    for (name, text) in [("x-ms-summary", &parameter.summary), ("description", &parameter.description)] {
        if !text.is_empty() && *text != parameter.name {
            own.insert(name.to_owned(), json!(text));
        }
    }
    for (newer, older, value) in [
        ("x-ms-dynamic-list", "x-ms-dynamic-values", &parameter.dynamic_values),
        ("x-ms-dynamic-properties", "x-ms-dynamic-schema", &parameter.dynamic_schema),
        ("x-ms-dynamic-tree", "x-ms-dynamic-tree", &parameter.dynamic_tree),
    ] {
        if let Some(value) = value {
            // The two forms of one extension differ in their members: paths in camel case, or with hyphens.
            let name = if value.get("itemValuePath").is_some() { newer } else { older };
            own.insert(name.to_owned(), Json::from(value));
        }
    }
    if is_callback {
        own.insert("x-ms-notification-url".to_owned(), json!(true));
    } else {
        own.shift_remove("x-ms-notification-url");
    }
    own
}

fn parameters(form: &OperationForm) -> Json {
    let callback = form.callback_parameter.as_ref();
    let mut list = Vec::new();
    let mut body: Option<(String, Json)> = None;
    for parameter in &form.request.parameters {
        if parameter.place != "body" {
            let is_callback = callback.is_some_and(|callback| {
                callback.place.word() == parameter.place
                    && callback.path.first().is_some_and(|name| **name == *parameter.name)
            });
            let mut own = Map::new();
            own.insert("name".to_owned(), json!(parameter.name));
            own.insert("in".to_owned(), json!(parameter.place));
            own.insert("required".to_owned(), json!(parameter.required || parameter.place == "path"));
            own.extend(schema(parameter, is_callback));
            list.push(Json::Object(own));
            continue;
        }
        let mut names = parameter.key.split('/');
        let root = names.next().filter(|name| !name.is_empty()).unwrap_or("body").to_owned();
        let path: Vec<&str> = names.collect();
        let is_callback = callback.is_some_and(|callback| {
            callback.place == Place::Body && callback.path.iter().map(|name| &**name).eq(path.iter().copied())
        });
        let own = Json::Object(schema(parameter, is_callback));
        let (_, whole) = body.get_or_insert_with(|| (root, json!({"type": "object"})));
        if path.is_empty() {
            *whole = own;
        } else {
            put_property(whole, &path, own, parameter.required);
        }
    }
    if let (Some((_, whole)), Some(callback)) = (&mut body, callback.filter(|callback| callback.place == Place::Body)) {
        let path: Vec<&str> = callback.path.iter().map(|name| &**name).collect();
        let known = path.iter().try_fold(&*whole, |at, name| at.get("properties")?.get(*name)).is_some();
        if !known {
            let own = json!({"type": "string", "x-ms-notification-url": true, "x-ms-visibility": "internal"});
            put_property(whole, &path, own, true);
        }
    }
    if let Some((name, whole)) = body {
        list.push(json!({"name": name, "in": "body", "required": true, "schema": whole}));
    }
    Json::Array(list)
}

/// Puts a property at a path; objects on the way are made. A required property makes the objects around it required.
fn put_property(whole: &mut Json, path: &[&str], own: Json, required: bool) {
    let [first, rest @ ..] = path else { return };
    let Some(members) = whole.as_object_mut() else { return };
    members.entry("type").or_insert_with(|| json!("object"));
    if required {
        let list = members.entry("required").or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut().filter(|list| !list.iter().any(|name| name == first)) {
            list.push(json!(first));
        }
    }
    let properties = members.entry("properties").or_insert_with(|| json!({}));
    let Some(properties) = properties.as_object_mut() else { return };
    if rest.is_empty() {
        properties.insert((*first).to_owned(), own);
        return;
    }
    let inner = properties.entry(*first).or_insert_with(|| json!({"type": "object"}));
    put_property(inner, rest, own, required);
}

#[cfg(test)]
mod tests;
