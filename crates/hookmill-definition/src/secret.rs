//! Which parts of a definition are secret, and the definition without them.
//!
//! Secret are the values of secure parameters, what stands inside of `authentication` beside names, the secret of a
//! trigger's webhook, and headers that carry credentials. What is an expression is none: it names where a secret is.

use hookmill_model::{Object, Pointer, Str, Value};

/// The member of a trigger's inputs that holds the secret of its webhook.
const WEBHOOK_SECRET: &str = "x-hookmill-secret";

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
    "x-gitlab-token",
    "x-goog-channel-token",
    "x-hook-secret",
    "x-telegram-bot-api-secret-token",
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
        // Values of parameters are no expressions, whatever they begin with.
        for value in given.into_iter().chain(default) {
            texts(name, value, &mut |text| Some(text.to_owned()), &mut found);
        }
    }
    let mut visit = |name: &str, value: &Value| texts(name, value, &mut literal, &mut found);
    for part in ["triggers", "actions"] {
        definition.get(part).into_iter().for_each(|part| each_secret(part, &mut visit));
    }
    found
}

/// Gives the texts in a value, each as `read` reads it.
fn texts(name: &str, value: &Value, read: &mut dyn FnMut(&str) -> Option<String>, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => {
            found.extend(read(text).filter(|text| !text.is_empty()).map(|text| (name.to_owned(), text)));
        }
        Value::Integer(_) | Value::Float(_) | Value::Decimal(_) => found.push((name.to_owned(), value.to_json())),
        Value::Array(items) => items.iter().for_each(|item| texts(name, item, read, found)),
        Value::Object(members) => members.values().for_each(|member| texts(name, member, read, found)),
        _ => {}
    }
}

/// What a text of a definition stands for; `None` for an expression. `@@` at its beginning stands for `@`, `@@{` for `@{`.
fn literal(text: &str) -> Option<String> {
    let text = match text.strip_prefix('@') {
        Some(rest) if rest.starts_with('@') => rest,
        Some(rest) if !rest.is_empty() => return None,
        _ => text,
    };
    Some(text.replace("@@{", "@{"))
}

/// Whether a member of `authentication`, or a header, is secret as it stands.
fn is_literal_secret(value: &Value) -> bool {
    match value {
        Value::String(text) => literal(text).is_some_and(|text| !text.is_empty()),
        Value::Null | Value::Bool(_) => false,
        _ => true,
    }
}

/// Where secrets stand in a member.
enum Place<'a> {
    /// It is one.
    Whole,
    /// In these of its own members.
    Inside(Vec<&'a str>),
}

fn place<'a>(name: &str, member: &'a Value) -> Option<Place<'a>> {
    if name.eq_ignore_ascii_case(WEBHOOK_SECRET) {
        return is_literal_secret(member).then_some(Place::Whole);
    }
    let members = member.as_object()?;
    let is_secret: fn(&str) -> bool = if name.eq_ignore_ascii_case("authentication") {
        |own| !PLAIN_MEMBERS.iter().any(|plain| own.eq_ignore_ascii_case(plain))
    } else if name.eq_ignore_ascii_case("headers") {
        is_secret_header
    } else {
        return None;
    };
    let secret = members.iter().filter(|(own, value)| is_secret(own) && is_literal_secret(value));
    Some(Place::Inside(secret.map(|(own, _)| &**own).collect()))
}

fn each_secret(value: &Value, visit: &mut dyn FnMut(&str, &Value)) {
    match value {
        Value::Array(elements) => elements.iter().for_each(|element| each_secret(element, visit)),
        Value::Object(members) => {
            for (name, member) in members.iter() {
                match place(name, member) {
                    Some(Place::Whole) => visit(name, member),
                    Some(Place::Inside(own)) => {
                        own.into_iter().filter_map(|own| member.get(own)).for_each(|value| visit(name, value));
                    }
                    None => each_secret(member, visit),
                }
            }
        }
        _ => {}
    }
}

/// The definition with [`HIDDEN`] in the place of each secret.
#[must_use]
pub fn without_secrets(definition: &Value) -> Value {
    let hide = |_: &Value| Ok::<_, std::convert::Infallible>(HIDDEN.into());
    with_secrets(definition, &mut { hide }).unwrap_or_else(|never| match never {})
}

/// The values of parameters with [`HIDDEN`] in the place of those of secure parameters.
#[must_use]
pub fn parameters_without_secrets(definition: &Value, parameters: &Value) -> Value {
    let hide = |_: &Value| Ok::<_, std::convert::Infallible>(HIDDEN.into());
    parameters_with_secrets(definition, parameters, &mut { hide }).unwrap_or_else(|never| match never {})
}

/// The definition with something else in the place of each secret.
///
/// # Errors
/// What `other` refuses.
pub fn with_secrets<E>(definition: &Value, other: &mut dyn FnMut(&Value) -> Result<Value, E>) -> Result<Value, E> {
    let Some(members) = definition.as_object() else { return Ok(definition.clone()) };
    let mut changed = members.clone();
    for part in ["triggers", "actions"] {
        if let Some(value) = changed.get_mut(part) {
            *value = replaced(value, other)?;
        }
    }
    if let Some(parameters) = changed.get_mut("parameters").and_then(Value::as_object_mut) {
        for (_, parameter) in parameters.iter_mut() {
            if is_secure(parameter)
                && let Some(default) = parameter.as_object_mut().and_then(|own| own.get_mut("defaultValue"))
            {
                *default = other(default)?;
            }
        }
    }
    Ok(changed.into())
}

/// The values of parameters with something else in the place of those of secure parameters.
///
/// # Errors
/// What `other` refuses.
pub fn parameters_with_secrets<E>(
    definition: &Value,
    parameters: &Value,
    other: &mut dyn FnMut(&Value) -> Result<Value, E>,
) -> Result<Value, E> {
    let Some(given) = parameters.as_object() else { return Ok(parameters.clone()) };
    let mut changed = given.clone();
    for secure in secure_parameters(definition) {
        let values: Vec<(Str, Value)> =
            named(given, secure).map(|(name, value)| (name.clone(), value.clone())).collect();
        for (name, value) in values {
            changed.insert(name, other(&value)?);
        }
    }
    Ok(changed.into())
}

fn replaced<E>(value: &Value, other: &mut dyn FnMut(&Value) -> Result<Value, E>) -> Result<Value, E> {
    match value {
        Value::Array(elements) => {
            Ok(Value::array(elements.iter().map(|element| replaced(element, other)).collect::<Result<_, E>>()?))
        }
        Value::Object(members) => {
            let mut changed = Object::with_capacity(members.len());
            for (name, member) in members.iter() {
                let shown = match (place(name, member), member) {
                    (Some(Place::Whole), _) => other(member)?,
                    (Some(Place::Inside(secret)), Value::Object(inside)) => {
                        let mut inside = Object::clone(inside);
                        for own in secret {
                            if let Some(value) = member.get(own) {
                                inside.insert(own, other(value)?);
                            }
                        }
                        inside.into()
                    }
                    _ => replaced(member, other)?,
                };
                changed.insert(name.clone(), shown);
            }
            Ok(changed.into())
        }
        other => Ok(other.clone()),
    }
}

/// Where [`HIDDEN`] stands in the place of a secret: it came from an export, or from a flow whose secret is lost, and is
/// not what a service expects.
#[must_use]
pub fn missing(definition: &Value, parameters: &Value) -> Vec<Pointer> {
    let mut is_missing = |value: &Value| Ok::<_, std::convert::Infallible>(absent(value));
    let found = with_secrets(definition, &mut is_missing).unwrap_or_else(|never| match never {});
    let given = parameters_with_secrets(definition, parameters, &mut is_missing).unwrap_or_else(|never| match never {});
    let mut places = Vec::new();
    differing(definition, &found, &Pointer::root(), &mut places);
    differing(parameters, &given, &Pointer::root().child("parameters"), &mut places);
    places
}

/// Another value for a secret that is left out, and the same for every other one.
fn absent(value: &Value) -> Value {
    if value.as_str() == Some(HIDDEN) { Value::Null } else { value.clone() }
}

fn differing(one: &Value, other: &Value, at: &Pointer, places: &mut Vec<Pointer>) {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            let pairs = one.iter().zip(other.iter()).enumerate();
            pairs.for_each(|(index, (one, other))| differing(one, other, &at.child(index), places));
        }
        (Value::Object(one), Value::Object(other)) => {
            for ((name, one), other) in one.iter().zip(other.values()) {
                differing(one, other, &at.child(name), places);
            }
        }
        (one, other) if one != other => places.push(at.clone()),
        _ => {}
    }
}

/// Whether something that runs of the definition keep is secret: it has secrets, or hides inputs or outputs.
#[must_use]
pub fn keeps_secrets(definition: &Value, parameters: &Value) -> bool {
    !secrets(definition, parameters).is_empty()
        || ["triggers", "actions"].into_iter().filter_map(|part| definition.get(part)).any(hides_something)
}

/// Whether a member `secureData` stands anywhere inside.
fn hides_something(value: &Value) -> bool {
    match value {
        Value::Array(elements) => elements.iter().any(hides_something),
        Value::Object(members) => members.iter().any(|(name, member)| {
            (name.eq_ignore_ascii_case("secureData") && !member.is_null()) || hides_something(member)
        }),
        _ => false,
    }
}

/// Whether what was received or sent has headers that carry credentials: an object with a member `headers`.
#[must_use]
pub fn has_secret_headers(value: &Value) -> bool {
    let headers = value.get("headers").and_then(Value::as_object);
    headers.is_some_and(|headers| headers.keys().any(|name| is_secret_header(name)))
}

/// What was received, made or sent, with [`HIDDEN`] in the place of headers that carry credentials, in every object
/// `headers` inside.
#[must_use]
pub fn without_secret_headers(value: &Value) -> Value {
    match value {
        Value::Array(elements) => Value::array(elements.iter().map(without_secret_headers).collect()),
        Value::Object(members) => {
            let each = members.iter().map(|(name, member)| {
                let shown = match member.as_object().filter(|_| name.eq_ignore_ascii_case("headers")) {
                    Some(headers) => {
                        let hidden = |(name, own): (&Str, &Value)| {
                            let own = if is_secret_header(name) { HIDDEN.into() } else { without_secret_headers(own) };
                            (name.clone(), own)
                        };
                        Value::object(headers.iter().map(hidden))
                    }
                    None => without_secret_headers(member),
                };
                (name.clone(), shown)
            });
            Value::object(each)
        }
        other => other.clone(),
    }
}

/// What is secret in the headers of what was received (an object with a member `headers`): each with the header's name.
/// Of `Bearer …` and the like it is what follows the first word, of cookies each value.
#[must_use]
pub fn header_secrets(received: &Value) -> Vec<(String, String)> {
    let headers = received.get("headers").and_then(Value::as_object).into_iter().flat_map(Object::iter);
    let mut found = Vec::new();
    for (name, value) in headers.filter(|(name, _)| is_secret_header(name)) {
        let Some(text) = value.as_str() else { continue };
        let is_cookie = name.to_ascii_lowercase().ends_with("cookie");
        let parts: Vec<&str> = if is_cookie {
            text.split(';').filter_map(|part| part.split_once('=')).map(|(_, value)| value.trim()).collect()
        } else {
            vec![text.split_once(' ').map_or(text, |(_, rest)| rest.trim())]
        };
        found.extend(parts.into_iter().filter(|part| !part.is_empty()).map(|part| (name.to_string(), part.to_owned())));
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // Tests may stop at once.
    use super::*;

    const DEFINITION: &str = r#"{
        "parameters":{"key":{"type":"SecureString","defaultValue":"default-key"},"plain":{"type":"string","defaultValue":"seen"}},
        "triggers":{"t":{"type":"Request","inputs":{"x-hookmill-secret":["old-hook","@parameters('key')"]}}},
        "actions":{"S":{"type":"Scope","actions":{"A":{"type":"Http","inputs":{"method":"GET","uri":"https://x",
            "headers":{"X-Api-Key":"header-key","Authorization":"@parameters('key')","Accept":"text/plain"},
            "authentication":{"type":"Basic","username":"octo","password":"inline-word"}}}}}}}"#;

    #[test]
    fn secrets_that_begin_as_expressions_do_are_secrets() {
        let definition = r#"{"parameters":{"key":{"type":"SecureString","defaultValue":"@default"}},
            "actions":{"A":{"type":"Http","inputs":{"authentication":{"type":"Basic","username":"octo","password":"@@pass-word"}}},
            "B":{"type":"Http","inputs":{"authentication":{"type":"Raw","value":"key @@{1}","other":"@parameters('key')"}}}}}"#;
        let definition = Value::from_json(definition.as_bytes()).unwrap();
        let found = secrets(&definition, &Value::object([("key", "@given-key")]));
        let found: Vec<String> = found.into_iter().map(|(_, text)| text).collect();
        assert_eq!(found, ["@given-key", "@default", "@pass-word", "key @{1}"]);
        let shown = without_secrets(&definition).to_json();
        assert!(
            !shown.contains("pass-word") && !shown.contains("@@{1}") && shown.contains("@parameters('key')"),
            "{shown}"
        );
    }

    #[test]
    fn secrets_are_found_and_hidden_and_nothing_else() {
        let definition = Value::from_json(DEFINITION.as_bytes()).unwrap();
        let given = Value::object([("KEY", "given-key"), ("plain", "given-plain")]);
        let mut found: Vec<String> = secrets(&definition, &given).into_iter().map(|(_, text)| text).collect();
        found.sort();
        assert_eq!(found, ["default-key", "given-key", "header-key", "inline-word", "old-hook"]);
        assert!(keeps_secrets(&definition, &Value::Null));
        let shown = without_secrets(&definition).to_json();
        for secret in &found {
            assert!(!shown.contains(secret), "{shown}");
        }
        for plain in ["seen", "octo", "@parameters('key')", "text/plain"] {
            assert!(shown.contains(plain), "{shown}");
        }
        let shown = parameters_without_secrets(&definition, &given);
        assert_eq!(shown.to_json(), r#"{"KEY":"[secret]","plain":"given-plain"}"#);
        assert!(missing(&definition, &given).is_empty());
        let places: Vec<String> =
            missing(&without_secrets(&definition), &shown).iter().map(ToString::to_string).collect();
        let http = "/actions/S/actions/A/inputs";
        assert_eq!(
            places,
            [
                "/parameters/key/defaultValue".to_owned(),
                "/triggers/t/inputs/x-hookmill-secret".to_owned(),
                format!("{http}/headers/X-Api-Key"),
                format!("{http}/authentication/password"),
                "/parameters/KEY".to_owned(),
            ]
        );
    }

    #[test]
    fn what_is_hidden_is_kept_secret() {
        let with = |options: &str| {
            let definition = format!(
                r#"{{"triggers":{{"t":{{"type":"Request"}}}},"actions":{{"S":{{"actions":{{"A":{{"type":"Compose","inputs":1{options}}}}}}}}}}}"#
            );
            keeps_secrets(&Value::from_json(definition.as_bytes()).unwrap(), &Value::Null)
        };
        assert!(!with(""));
        assert!(with(r#","runtimeConfiguration":{"secureData":{"properties":["inputs"]}}"#));
    }

    #[test]
    fn headers_that_carry_credentials_are_hidden() {
        let value =
            Value::from_json(br#"{"headers":{"AUTHORIZATION":"Bearer x","Cookie":"a=b","Accept":"*"},"body":1}"#)
                .unwrap();
        let shown = without_secret_headers(&value).to_json();
        assert_eq!(shown, r#"{"headers":{"AUTHORIZATION":"[secret]","Cookie":"[secret]","Accept":"*"},"body":1}"#);
        let inside = Value::object([("again", Value::array(vec![value.clone()]))]);
        assert_eq!(without_secret_headers(&inside).to_json(), format!(r#"{{"again":[{shown}]}}"#));
        let found: Vec<String> = header_secrets(&value).into_iter().map(|(_, text)| text).collect();
        assert_eq!(found, ["x", "b"]);
    }
}
