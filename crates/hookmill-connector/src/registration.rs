//! `x-hookmill-registration` of a webhook trigger: which operation deletes the webhook, and what of the answer to its
//! creation that operation needs.
//!
//! Values are templates. `{registration:/id}` is a value of the answer's body by JSON pointer,
//! `{registration:header:X-Id}` one of its headers, `{inputs:owner}` a parameter that the trigger was given; `{{` and
//! `}}` are braces. `|last` behind a selector takes the last segment of an address: `{registration:/self|last}`. A
//! template that is one selector and nothing else keeps the type of the value.
//!
//! `success` says what the answer must hold (pointer → value); `handle` names one or several values of the answer that
//! are addresses at which the webhook is deleted.

use hookmill_model::{Diagnostic, Object, Pointer, Str, Value};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The member of the trigger's operation.
pub(crate) const EXTENSION: &str = "x-hookmill-registration";
/// Requests that delete one webhook.
const REQUESTS_MAX: usize = 5;

/// How a webhook is deleted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub enum DeleteRequest {
    /// At the address that the service named in `Location`; without one by the delete operation whose path has what
    /// the answer tells.
    #[default]
    Location,
    /// By an operation of the connector.
    Operation {
        /// Its name.
        #[schema(value_type = String)]
        operation_id: Str,
        /// Key of a parameter → template.
        #[serde(default)]
        #[schema(value_type = Object)]
        parameters: Object,
    },
}

/// What a trigger declares of the beginning and the end of its webhook.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Registration {
    /// How the webhook is deleted.
    pub delete_request: DeleteRequest,
    /// What is sent after that, in this order, where the service keeps several things for a webhook.
    pub also: Vec<Also>,
    /// Where the file says so.
    pub at: Pointer,
    /// Whether the file says that the service sends `Location`.
    pub names_location: bool,
    /// Selectors of addresses in the answer, such as `registration:/links/self`.
    pub handles: Vec<Str>,
    /// What the answer must hold: JSON pointer and value.
    pub success: Vec<(Str, Value)>,
}

/// A further request that deletes something of a webhook.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Also {
    /// The operation.
    pub operation_id: Str,
    /// Key of a parameter → template.
    pub parameters: Object,
    /// Where the file says so.
    pub at: Pointer,
}

impl Registration {
    /// Whether the deletion is declared.
    pub(crate) fn is_declared(&self) -> bool {
        self.names_location
            || matches!(self.delete_request, DeleteRequest::Operation { .. })
            || !self.handles.is_empty()
    }
}

/// What templates are filled from.
pub(crate) struct Sources<'a> {
    /// The body of the answer to the creation.
    pub answer: Option<&'a Value>,
    /// Its headers.
    pub headers: &'a Object,
    /// What the trigger was given.
    pub inputs: &'a Value,
}

enum Piece<'a> {
    Text(String),
    Answer(&'a str),
    Header(&'a str),
    Input(&'a str),
    Last(Box<Piece<'a>>),
}

/// Takes a template apart.
fn pieces(template: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut found = Vec::new();
    let mut plain = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        plain.push_str(&rest[..at]);
        let brace = &rest[at..];
        if let Some(after) = brace.strip_prefix("{{").or_else(|| brace.strip_prefix("}}")) {
            plain.push_str(&brace[..1]);
            rest = after;
            continue;
        }
        let inner = brace.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let Some((selector, after)) = inner else {
            return Err(format!("'{template}' has a brace without its partner; a brace itself is written twice."));
        };
        if !plain.is_empty() {
            found.push(Piece::Text(std::mem::take(&mut plain)));
        }
        found.push(piece(selector)?);
        rest = after;
    }
    plain.push_str(rest);
    if !plain.is_empty() || found.is_empty() {
        found.push(Piece::Text(plain));
    }
    Ok(found)
}

/// Reads a selector.
fn piece(selector: &str) -> Result<Piece<'_>, String> {
    if let Some(inner) = selector.strip_suffix("|last") {
        return Ok(Piece::Last(Box::new(piece(inner)?)));
    }
    match selector.split_once(':') {
        Some(("inputs", key)) if !key.is_empty() => Ok(Piece::Input(key)),
        Some(("registration", rest)) => match rest.strip_prefix("header:") {
            Some(name) if !name.is_empty() => Ok(Piece::Header(name)),
            None if rest.is_empty() || rest.starts_with('/') => Ok(Piece::Answer(rest)),
            _ => Err(unknown(selector)),
        },
        _ => Err(unknown(selector)),
    }
}

fn unknown(selector: &str) -> String {
    format!(
        "'{{{selector}}}' is not known; use {{registration:/pointer}}, {{registration:header:Name}} or {{inputs:parameter}}."
    )
}

impl Sources<'_> {
    /// The text that a selector names, such as `registration:/links/self`.
    pub(crate) fn select(&self, selector: &str) -> Option<String> {
        let piece = piece(selector).ok()?;
        self.value(&piece).ok().map(|value| crate::serialise::text(&value)).filter(|text| !text.is_empty())
    }

    fn value(&self, piece: &Piece<'_>) -> Result<Value, String> {
        let (value, lacks) = match piece {
            Piece::Text(text) => return Ok(text.as_str().into()),
            Piece::Last(inner) => {
                let whole = crate::serialise::text(&self.value(inner)?);
                let path = whole.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
                let last = path.rsplit('/').next().filter(|last| !last.is_empty());
                let last = last.ok_or_else(|| format!("'{whole}' has no last segment"))?;
                return Ok(crate::serialise::decoded(last).into());
            }
            Piece::Answer(pointer) => (
                self.answer.and_then(|answer| answer.pointer(pointer)),
                format!("the answer of the service has no '{}'", pointer.trim_start_matches('/')),
            ),
            Piece::Header(name) => {
                let found = self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
                (found.map(|(_, value)| value), format!("the answer of the service has no header '{name}'"))
            }
            Piece::Input(key) => (self.inputs.get(key), format!("the trigger was given no '{key}'")),
        };
        value.filter(|value| !value.is_null()).cloned().ok_or(lacks)
    }

    /// Fills the templates of a value.
    fn fill(&self, template: &Value) -> Result<Value, String> {
        match template {
            Value::String(template) => match &pieces(template)?[..] {
                [only] => self.value(only),
                all => {
                    let mut filled = String::new();
                    for piece in all {
                        let value = self.value(piece)?;
                        match value.as_str() {
                            Some(text) => filled.push_str(text),
                            None => filled.push_str(&value.to_json()),
                        }
                    }
                    Ok(filled.into())
                }
            },
            Value::Array(elements) => {
                elements.iter().map(|element| self.fill(element)).collect::<Result<_, _>>().map(Value::array)
            }
            Value::Object(members) => self.fill_all(members).map(Value::from),
            other => Ok(other.clone()),
        }
    }

    /// Fills every template of an object.
    pub(crate) fn fill_all(&self, templates: &Object) -> Result<Object, String> {
        templates.iter().map(|(name, template)| Ok((name.clone(), self.fill(template)?))).collect()
    }
}

/// Whether every template of a value can be read; the first fault where not.
pub(crate) fn check_templates(value: &Value) -> Result<(), String> {
    match value {
        Value::String(template) => pieces(template).map(|_| ()),
        Value::Array(elements) => elements.iter().try_for_each(check_templates),
        Value::Object(members) => members.values().try_for_each(check_templates),
        _ => Ok(()),
    }
}

/// Reads what the extension says of a trigger. `levels` are the objects that may hold it, the nearest first; each member
/// is taken from the nearest level that has it.
pub(crate) fn registration(levels: &[(&Object, Pointer)], diagnostics: &mut Vec<Diagnostic>) -> Registration {
    let mut found = Registration::default();
    let mut wrong = |at: Pointer, message: &str| {
        let hint = "Write {\"unsubscribe\": {\"location\": true}}, or {\"unsubscribe\": {\"operationId\": …, \"parameters\": {…}}}.";
        let finding = Diagnostic::warning("delete_request_invalid", at, message).with_hint(hint);
        // Many triggers share what stands at the root of the file.
        if !diagnostics.contains(&finding) {
            diagnostics.push(finding);
        }
    };
    for (level, at) in levels {
        if level.get(EXTENSION).is_some_and(|written| written.as_object().is_none() && !written.is_null()) {
            wrong(at.child(EXTENSION), "this is not an object, so it does not say how the webhook is deleted");
        }
    }
    for (name, value, at) in &hookmill_webhook::registration_members(levels) {
        let at = at.clone();
        match &**name {
            "unsubscribe" => {
                let read = match value.as_array() {
                    Some(list) => several(list, &at),
                    None => unsubscribe(value, &at).map(|request| (request, Vec::new())),
                };
                match read {
                    Ok((request, also)) => {
                        found.names_location = request == DeleteRequest::Location;
                        found.at = if value.as_array().is_some() { at.child(0) } else { at };
                        (found.delete_request, found.also) = (request, also);
                    }
                    Err((at, message)) => wrong(at, &message),
                }
            }
            "handle" => {
                let listed = value.as_array().unwrap_or(std::slice::from_ref(value));
                for selector in listed {
                    match selector.as_str().map(|text| piece(text).map(|_| Str::from(text))) {
                        Some(Ok(selector)) => found.handles.push(selector),
                        Some(Err(fault)) => wrong(at.clone(), &fault),
                        None => wrong(at.clone(), "a handle is a text such as \"registration:/links/self\""),
                    }
                }
            }
            "success" => match value.as_object() {
                Some(wanted) => {
                    found.success = wanted.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
                }
                None => wrong(at, "\"success\" is an object: JSON pointer into the answer → value"),
            },
            // `hookmill-webhook` reads the others, and says which of them are unknown.
            _ => {}
        }
    }
    found
}

/// A request that deletes, and those that are sent after it.
type Requests = (DeleteRequest, Vec<Also>);

/// Reads a list of requests that delete one webhook.
fn several(list: &[Value], at: &Pointer) -> Result<Requests, (Pointer, String)> {
    let refused = |at: Pointer, message: String| Err((at, message));
    let [first, rest @ ..] = list else {
        return refused(at.clone(), "this names no operation that deletes the webhook".to_owned());
    };
    if rest.len() >= REQUESTS_MAX {
        return refused(at.clone(), format!("more than {REQUESTS_MAX} requests for one webhook cannot run here"));
    }
    let mut also = Vec::new();
    for (place, written) in rest.iter().enumerate() {
        let at = at.child(place + 1);
        match unsubscribe(written, &at)? {
            DeleteRequest::Operation { operation_id, parameters } => also.push(Also { operation_id, parameters, at }),
            DeleteRequest::Location => {
                let message = "only the first of several requests can be the address that the service names";
                return refused(at, message.to_owned());
            }
        }
    }
    Ok((unsubscribe(first, &at.child(0))?, also))
}

/// Reads one request of the member `unsubscribe`.
fn unsubscribe(written: &Value, at: &Pointer) -> Result<DeleteRequest, (Pointer, String)> {
    let refused = |at: &Pointer, message: &str| Err((at.clone(), message.to_owned()));
    if written.get("location") == Some(&Value::Bool(true)) {
        return Ok(DeleteRequest::Location);
    }
    let Some(operation_id) = written.get("operationId").and_then(Value::as_str).filter(|id| !id.is_empty()) else {
        return refused(at, "this names no operation that deletes the webhook");
    };
    let mut parameters = match written.get("parameters") {
        None => Object::new(),
        Some(Value::Object(parameters)) => (**parameters).clone(),
        Some(_) => return refused(&at.child("parameters"), "the parameters of the delete request are not an object"),
    };
    if let Some(body) = written.get("body").filter(|body| !body.is_null()) {
        parameters.insert("body", body.clone());
    }
    for (name, template) in parameters.iter() {
        check_templates(template).map_err(|fault| (at.child("parameters").child(name), fault))?;
    }
    Ok(DeleteRequest::Operation { operation_id: operation_id.into(), parameters })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Value {
        Value::from_json(text.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
    }

    fn filled(template: &str) -> Result<Value, String> {
        let (answer, headers) = (
            json(r#"{"id":7,"data":{"gid":"a/b"},"list":[{"no":1}],"nothing":null}"#),
            [("X-Id", "h")].into_iter().collect(),
        );
        let inputs = json(r#"{"owner":"ada","body/site":"s"}"#);
        Sources { answer: Some(&answer), headers: &headers, inputs: &inputs }.fill(&json(template))
    }

    #[test]
    fn templates_are_filled() {
        for (template, wanted) in [
            (r#""{registration:/id}""#, "7"),
            (r#""hook {registration:/id} of {inputs:owner}""#, r#""hook 7 of ada""#),
            (r#""{registration:/data/gid}""#, r#""a/b""#),
            (r#""{registration:header:x-id}""#, r#""h""#),
            (r#""{inputs:body/site}""#, r#""s""#),
            (r#"["{registration:/list/0/no}"]"#, "[1]"),
            (r#"{"ids":["{registration:/id}"],"all":true}"#, r#"{"ids":[7],"all":true}"#),
            (r#""{{id}}""#, r#""{id}""#),
            (r#""""#, r#""""#),
        ] {
            assert_eq!(filled(template), Ok(json(wanted)), "{template}");
        }
    }

    #[test]
    fn what_is_not_there_is_named() {
        for (template, told) in [
            (r#""{registration:/nothing}""#, "'nothing'"),
            (r#""{registration:header:Y}""#, "header 'Y'"),
            (r#""{inputs:repo}""#, "'repo'"),
            (r#""{registration:id}""#, "{registration:id}"),
            (r#""{connection:x}""#, "{connection:x}"),
            (r#""{open""#, "without its partner"),
            (r#""close}""#, "without its partner"),
        ] {
            let fault = filled(template).expect_err(template);
            assert!(fault.contains(told), "{fault}");
        }
    }
}
