//! Putting an operation into a document, replacing one, taking one out. What a form does not speak of stays as it was.

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use utoipa::ToSchema;

use super::form::{FormParameter, RequestForm};
use crate::operation::{CallbackPlace, Place};
use hookmill_model::Value;

/// Verbs of a path item.
const METHODS: &[&str] = &["get", "post", "put", "patch", "delete", "head", "options"];

/// An operation as the wizard edits it.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
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
    /// What a notification looks like.
    #[schema(value_type = Option<Object>)]
    pub notification_schema: Option<Value>,
    /// What the answer looks like.
    #[schema(value_type = Option<Object>)]
    pub response_schema: Option<Value>,
}

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

/// The path without what tells two operations of one address apart.
#[must_use]
pub(crate) fn address(path: &str) -> &str {
    path.split('#').next().unwrap_or_default()
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
    for name in crate::operation::path_names(&form.request.path) {
        if !is_path(name) {
            return wrong("/request/parameters", format!("The path has '{{{name}}}', and no parameter of that name."));
        }
    }
    let is_webhook = form.role == "trigger" && form.trigger_kind.as_deref() != Some("polling");
    match &form.callback_parameter {
        None if is_webhook => wrong("/callback_parameter", "Choose the parameter that receives the callback URL."),
        Some(callback) if callback.path.is_empty() => wrong("/callback_parameter/path", "The path is empty."),
        _ => Ok(method),
    }
}

/// Puts an operation into a document, in place of `original` where one is named. Two operations may have the same verb
/// and address: the second one's key ends in `#` and its id, which is never sent.
///
/// # Errors
/// What the form lacks, or that another operation has its id.
pub fn put_operation(document: &Value, original: Option<&str>, form: &OperationForm) -> Result<Value, EditError> {
    let method = check(form)?;
    let mut document = Json::from(document);
    let old = original.and_then(|original| place_of(&document, original));
    if let Some(other) = place_of(&document, form.operation_id.trim())
        && Some(&other) != old.as_ref()
    {
        return wrong("/operation_id", format!("Another operation is named '{}' already.", form.operation_id.trim()));
    }
    let before = old.as_ref().and_then(|(path, verb)| document["paths"][path].get(verb).cloned());
    let notification_before =
        old.as_ref().and_then(|(path, _)| document["paths"][path].get("x-ms-notification-content").cloned());
    let made = operation(before.as_ref(), form);
    let wanted = address(&form.request.path).to_owned();
    let key = match &old {
        Some((path, verb)) if address(path) == wanted && *verb == method => path.clone(),
        _ => free_key(&document, &wanted, &method, form),
    };
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
    match &form.notification_schema {
        Some(schema) if form.role == "trigger" => {
            let mut content = notification_before.filter(Json::is_object).unwrap_or_else(|| json!({}));
            content["schema"] = Json::from(schema);
            item.insert("x-ms-notification-content".to_owned(), content);
        }
        _ if form.role == "trigger" && form.trigger_kind.as_deref() != Some("polling") => {
            let content = notification_before.unwrap_or_else(|| json!({"schema": {"type": "object"}}));
            item.insert("x-ms-notification-content".to_owned(), content);
        }
        _ if METHODS.iter().filter(|own| item.contains_key(**own)).all(|own| *own == method) => {
            item.remove("x-ms-notification-content");
        }
        _ => {}
    }
    item.insert(method, made);
    Ok(Value::from(document))
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

fn operation(before: Option<&Json>, form: &OperationForm) -> Json {
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
    own.insert("parameters".to_owned(), parameters(form));
    if let Some(kind) = &form.request.consumes {
        own.insert("consumes".to_owned(), json!([kind]));
    }
    let responses = own.entry("responses").or_insert_with(|| json!({}));
    if let Some(responses) = responses.as_object_mut() {
        let code = responses.keys().find(|code| code.starts_with('2')).cloned();
        let code = code.unwrap_or_else(|| if form.role == "trigger" { "201" } else { "200" }.to_owned());
        let answer = responses.entry(code).or_insert_with(|| json!({"description": "Success"}));
        if let (Some(schema), "action") = (&form.response_schema, form.role.as_str()) {
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
    for (name, value) in
        [("x-ms-dynamic-values", &parameter.dynamic_values), ("x-ms-dynamic-schema", &parameter.dynamic_schema)]
    {
        if let Some(value) = value {
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
mod tests {
    use super::*;
    use crate::connector::{Connector, Settings};

    fn document() -> Value {
        Value::from_json(
            br#"{"swagger":"2.0","info":{"title":"T","version":"1","x-own":1},"host":"h.test","paths":{
            "/repos/{owner}/hooks":{"x-ms-notification-content":{"description":"d","schema":{"type":"object","properties":{"ref":{"type":"string"}}}},
              "post":{"operationId":"push","summary":"Push","x-ms-trigger":"single","x-kept":true,"parameters":[
                {"name":"owner","in":"path","required":true,"type":"string","x-ms-summary":"Owner"},
                {"name":"body","in":"body","schema":{"type":"object","required":["config"],"properties":{
                  "name":{"type":"string","default":"web","x-ms-visibility":"internal"},
                  "config":{"type":"object","required":["url"],"properties":{"url":{"type":"string","x-ms-notification-url":true,"x-ms-visibility":"internal"}}}}}}],
                "responses":{"201":{"description":"Created"}}}}}}"#,
        )
        .unwrap_or_default()
    }

    fn import(document: &Value) -> Connector {
        let made = Connector::import_value(document, None, &Settings::default());
        made.connector.unwrap_or_else(|| panic!("{:?}", made.diagnostics))
    }

    /// The form that shows an operation.
    fn form_of(connector: &Connector, id: &str) -> OperationForm {
        let operation = connector.operation(id).unwrap_or_else(|| panic!("no {id}"));
        let parameters = serde_json::to_value(connector.parameters(operation)).unwrap_or_default();
        OperationForm {
            role: "trigger".to_owned(),
            summary: operation.summary.to_string(),
            description: operation.description.to_string(),
            operation_id: id.to_owned(),
            trigger_kind: Some("webhook".to_owned()),
            mode: Some("single".to_owned()),
            request: RequestForm {
                method: operation.method.to_string(),
                path: operation.path.to_string(),
                parameters: serde_json::from_value(parameters).unwrap_or_default(),
                consumes: None,
            },
            callback_parameter: operation.callback.clone(),
            notification_schema: operation.notification_schema.clone(),
            ..OperationForm::default()
        }
    }

    #[test]
    fn saving_a_form_unchanged_changes_nothing_that_matters() {
        let before = import(&document());
        let form = form_of(&before, "push");
        let after = import(&put_operation(&document(), Some("push"), &form).unwrap_or_else(|error| panic!("{error}")));
        let (old, new) = (before.operation("push"), after.operation("push"));
        let (Some(old), Some(new)) = (old, new) else { panic!("the operation is gone") };
        assert_eq!(before.parameters(old), after.parameters(new));
        assert_eq!(
            (&old.callback, &old.trigger, &old.notification_schema),
            (&new.callback, &new.trigger, &new.notification_schema)
        );
        let kept = after.document().pointer("/paths/~1repos~1{owner}~1hooks/post/x-kept");
        assert_eq!(kept, Some(&Value::Bool(true)), "what the form does not know stays");
        assert_eq!(after.document().pointer("/info/x-own"), Some(&Value::Integer(1)));
    }

    #[test]
    fn a_second_trigger_of_the_same_address_stands_beside_the_first() {
        let mut form = form_of(&import(&document()), "push");
        form.operation_id = "pull-request".to_owned();
        form.summary = "Pull request".to_owned();
        form.notification_schema = Value::from_json(br#"{"type":"object","properties":{"n":{"type":"integer"}}}"#).ok();
        let both = put_operation(&document(), None, &form).unwrap_or_else(|error| panic!("{error}"));
        let connector = import(&both);
        let paths: Vec<&str> = connector.triggers().map(|operation| &*operation.path).collect();
        assert_eq!(paths, ["/repos/{owner}/hooks", "/repos/{owner}/hooks"]);
        assert!(
            connector
                .operation("push")
                .and_then(|own| own.notification_schema.as_ref())
                .is_some_and(|schema| schema.pointer("/properties/ref").is_some())
        );
        assert!(
            connector
                .operation("pull-request")
                .and_then(|own| own.notification_schema.as_ref())
                .is_some_and(|schema| schema.pointer("/properties/n").is_some())
        );
        let Some(operation) = connector.operation("pull-request") else { panic!("no operation") };
        let parameters = Value::object([("owner", "ada")]);
        let planned = connector
            .plan_request(operation, &parameters, Some("https://me/cb"), None)
            .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(&*planned.url, "https://h.test/repos/ada/hooks");
        let gone = remove_operation(&both, "pull-request").unwrap_or_default();
        assert_eq!(gone, document());
        assert_eq!(remove_operation(&gone, "pull-request"), None);
    }

    #[test]
    fn what_is_missing_is_named() {
        let form = form_of(&import(&document()), "push");
        let refused = |change: fn(&mut OperationForm)| {
            let mut form = form.clone();
            change(&mut form);
            put_operation(&document(), Some("push"), &form).map_or_else(|error| error.pointer, |_| "")
        };
        assert_eq!(refused(|form| form.operation_id = "two words".to_owned()), "/operation_id");
        assert_eq!(refused(|form| form.summary.clear()), "/summary");
        assert_eq!(refused(|form| form.request.method = "FETCH".to_owned()), "/request/method");
        assert_eq!(refused(|form| form.request.path = "repos".to_owned()), "/request/path");
        assert_eq!(refused(|form| form.request.parameters.clear()), "/request/parameters");
        assert_eq!(refused(|form| form.callback_parameter = None), "/callback_parameter");
        let mut twin = form.clone();
        twin.request.path = "/other".to_owned();
        twin.request.parameters.retain(|own| own.place != "path");
        assert_eq!(put_operation(&document(), None, &twin).map_or_else(|error| error.pointer, |_| ""), "/operation_id");
    }
}
