//! Which parts of a definition are secret, and the definition without them.
//!
//! Secret are the values of secure parameters, what stands inside of `authentication` beside names, and headers that
//! carry credentials. What is an expression is none: it names where a secret is.

use hookmill_model::{Object, Str, Value};

/// What stands in the place of a secret.
pub const HIDDEN: &str = "[secret]";

/// Members of `authentication` that say how, not with what.
const PLAIN_MEMBERS: &[&str] = &[
    "type",
    "username",
    "tenant",
    "authority",
    "audience",
    "clientid",
    "scheme",
    "identity",
    "granttype",
    "grant_type",
    "scope",
    "in",
    "name",
];
/// Headers that carry credentials by their name.
const SECRET_HEADERS: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "api-key",
    "apikey",
    "x-auth-token",
    "ocp-apim-subscription-key",
];

/// Whether a header carries credentials.
#[must_use]
pub fn is_secret_header(name: &str) -> bool {
    SECRET_HEADERS.iter().any(|own| name.eq_ignore_ascii_case(own))
}

fn is_secure(parameter: &Value) -> bool {
    let kind = parameter.get("type").and_then(Value::as_str).unwrap_or_default();
    kind.eq_ignore_ascii_case("securestring") || kind.eq_ignore_ascii_case("secureobject")
}

fn named<'a>(members: &'a Object, name: &str) -> impl Iterator<Item = (&'a Str, &'a Value)> {
    members.iter().filter(move |(own, _)| own.eq_ignore_ascii_case(name))
}

/// The names of secure parameters.
fn secure_parameters(definition: &Value) -> Vec<&Str> {
    let parameters = definition.get("parameters").and_then(Value::as_object).into_iter().flat_map(Object::iter);
    parameters.filter(|(_, parameter)| is_secure(parameter)).map(|(name, _)| name).collect()
}

/// Whether the maker hides what the trigger receives.
#[must_use]
pub fn hides_trigger(definition: &Value) -> bool {
    let triggers = definition.get("triggers").and_then(Value::as_object).into_iter().flat_map(Object::values);
    triggers.into_iter().any(|trigger| {
        let hidden = trigger.pointer("/runtimeConfiguration/secureData/properties").and_then(Value::as_array);
        hidden.is_some_and(|properties| properties.iter().any(|property| property.as_str() == Some("outputs")))
    })
}

/// The texts that are secret in a definition and in the values of its parameters: each with a name for people.
#[must_use]
pub fn secrets(definition: &Value, parameters: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for name in secure_parameters(definition) {
        let given = parameters.as_object().and_then(|given| hookmill_expression::member(given, name));
        let default = definition.get("parameters").and_then(|all| all.get(name)?.get("defaultValue"));
        for value in given.into_iter().chain(default) {
            texts(name, value, &mut found);
        }
    }
    let mut visit = |name: &str, value: &Value| texts(name, value, &mut found);
    for part in ["triggers", "actions"] {
        definition.get(part).into_iter().for_each(|part| each_secret(part, &mut visit));
    }
    found
}

fn texts(name: &str, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) if !text.is_empty() && !text.starts_with('@') => {
            found.push((name.to_owned(), text.to_string()));
        }
        Value::Integer(_) | Value::Float(_) | Value::Decimal(_) => found.push((name.to_owned(), value.to_json())),
        Value::Array(items) => items.iter().for_each(|item| texts(name, item, found)),
        Value::Object(members) => members.values().for_each(|member| texts(name, member, found)),
        _ => {}
    }
}

/// Whether a member of `authentication`, or a header, is secret as it stands.
fn is_literal_secret(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty() && !text.starts_with('@'),
        Value::Null | Value::Bool(_) => false,
        _ => true,
    }
}

fn each_secret(value: &Value, visit: &mut dyn FnMut(&str, &Value)) {
    match value {
        Value::Array(elements) => elements.iter().for_each(|element| each_secret(element, visit)),
        Value::Object(members) => {
            for (name, member) in members.iter() {
                if let Some(inside) = secret_members(name, member) {
                    for secret in inside {
                        if let Some(value) = member.get(secret) {
                            visit(name, value);
                        }
                    }
                } else {
                    each_secret(member, visit);
                }
            }
        }
        _ => {}
    }
}

/// For a member that holds secrets: the names of its own members that are.
fn secret_members<'a>(name: &str, member: &'a Value) -> Option<Vec<&'a str>> {
    let members = member.as_object()?;
    let is_secret: fn(&str) -> bool = if name.eq_ignore_ascii_case("authentication") {
        |own| !PLAIN_MEMBERS.iter().any(|plain| own.eq_ignore_ascii_case(plain))
    } else if name.eq_ignore_ascii_case("headers") {
        is_secret_header
    } else {
        return None;
    };
    let secret = members.iter().filter(|(own, value)| is_secret(own) && is_literal_secret(value));
    Some(secret.map(|(own, _)| &**own).collect())
}

/// The definition with [`HIDDEN`] in the place of each secret.
#[must_use]
pub fn without_secrets(definition: &Value) -> Value {
    let Some(members) = definition.as_object() else { return definition.clone() };
    let mut shown = members.clone();
    for part in ["triggers", "actions"] {
        if let Some(value) = shown.get_mut(part) {
            *value = hidden(value);
        }
    }
    if let Some(parameters) = shown.get_mut("parameters").and_then(Value::as_object_mut) {
        for (_, parameter) in parameters.iter_mut() {
            if is_secure(parameter)
                && let Some(default) = parameter.as_object_mut().and_then(|own| own.get_mut("defaultValue"))
            {
                *default = HIDDEN.into();
            }
        }
    }
    shown.into()
}

/// The values of parameters with [`HIDDEN`] in the place of those of secure parameters.
#[must_use]
pub fn parameters_without_secrets(definition: &Value, parameters: &Value) -> Value {
    let Some(given) = parameters.as_object() else { return parameters.clone() };
    let mut shown = given.clone();
    for secure in secure_parameters(definition) {
        let names: Vec<Str> = named(given, secure).map(|(name, _)| name.clone()).collect();
        for name in names {
            shown.insert(name, HIDDEN);
        }
    }
    shown.into()
}

fn hidden(value: &Value) -> Value {
    match value {
        Value::Array(elements) => Value::array(elements.iter().map(hidden).collect()),
        Value::Object(members) => {
            let each = members.iter().map(|(name, member)| {
                let shown = match (secret_members(name, member), member) {
                    (Some(secret), Value::Object(inside)) => {
                        let mut inside = Object::clone(inside);
                        for own in secret {
                            inside.insert(own, HIDDEN);
                        }
                        inside.into()
                    }
                    _ => hidden(member),
                };
                (name.clone(), shown)
            });
            Value::object(each)
        }
        other => other.clone(),
    }
}

/// What was received or sent, with [`HIDDEN`] in the place of headers that carry credentials: an object with a member
/// `headers`, or several of them.
#[must_use]
pub fn without_secret_headers(value: &Value) -> Value {
    let Some(members) = value.as_object() else { return value.clone() };
    let Some(headers) = members.get("headers").and_then(Value::as_object) else { return value.clone() };
    if !headers.keys().any(|name| is_secret_header(name)) {
        return value.clone();
    }
    let mut shown = members.clone();
    let headers = headers
        .iter()
        .map(|(name, own)| (name.clone(), if is_secret_header(name) { HIDDEN.into() } else { own.clone() }));
    shown.insert("headers", Value::object(headers));
    shown.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // Tests may stop at once.
    use super::*;

    const DEFINITION: &str = r#"{
        "parameters":{"key":{"type":"SecureString","defaultValue":"default-key"},"plain":{"type":"string","defaultValue":"seen"}},
        "triggers":{"t":{"type":"Request"}},
        "actions":{"S":{"type":"Scope","actions":{"A":{"type":"Http","inputs":{"method":"GET","uri":"https://x",
            "headers":{"X-Api-Key":"header-key","Authorization":"@parameters('key')","Accept":"text/plain"},
            "authentication":{"type":"Basic","username":"octo","password":"inline-word"}}}}}}}"#;

    #[test]
    fn secrets_are_found_and_hidden_and_nothing_else() {
        let definition = Value::from_json(DEFINITION.as_bytes()).unwrap();
        let given = Value::object([("KEY", "given-key"), ("plain", "given-plain")]);
        let mut found: Vec<String> = secrets(&definition, &given).into_iter().map(|(_, text)| text).collect();
        found.sort();
        assert_eq!(found, ["default-key", "given-key", "header-key", "inline-word"]);
        let shown = without_secrets(&definition).to_json();
        for secret in &found {
            assert!(!shown.contains(secret), "{shown}");
        }
        for plain in ["seen", "octo", "@parameters('key')", "text/plain"] {
            assert!(shown.contains(plain), "{shown}");
        }
        let shown = parameters_without_secrets(&definition, &given).to_json();
        assert_eq!(shown, r#"{"KEY":"[secret]","plain":"given-plain"}"#);
    }

    #[test]
    fn headers_that_carry_credentials_are_hidden() {
        let value =
            Value::from_json(br#"{"headers":{"AUTHORIZATION":"Bearer x","Cookie":"a=b","Accept":"*"},"body":1}"#)
                .unwrap();
        let shown = without_secret_headers(&value).to_json();
        assert_eq!(shown, r#"{"headers":{"AUTHORIZATION":"[secret]","Cookie":"[secret]","Accept":"*"},"body":1}"#);
    }
}
