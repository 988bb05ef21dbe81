//! What the answer to a creation says: refusals, the webhook's identifier, and the webhook in a list.

use hookmill_model::Value;

/// Members in which the resource itself may stand.
const WRAPPERS: [&str; 16] = [
    "data",
    "result",
    "response",
    "payload",
    "body",
    "item",
    "value",
    "resource",
    "d",
    "webhook",
    "hook",
    "subscription",
    "subscriber",
    "trigger",
    "callback",
    "listener",
];
/// Members that are identifiers, whatever the open parameter is called.
const IDENTIFIERS: [&str; 14] = [
    "id",
    "_id",
    "uuid",
    "guid",
    "sid",
    "gid",
    "webhookid",
    "hookid",
    "subscriptionid",
    "subscriberid",
    "triggerid",
    "callbackid",
    "listenerid",
    "registrationid",
];

/// Letters and digits only, in lower case.
pub(super) fn plain(text: &str) -> String {
    text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The member of one of these names, compared by [`plain`]; earlier names first.
pub(super) fn first_of<'a>(value: &'a Value, names: &[&str]) -> Option<&'a Value> {
    let members = value.as_object()?;
    names.iter().find_map(|name| {
        let exact = members.get(name);
        exact.or_else(|| {
            // An underscore before a name makes it another one.
            let fits = |own: &str| plain(own) == plain(name) && own.starts_with('_') == name.starts_with('_');
            members.iter().find(|(own, _)| fits(own)).map(|(_, value)| value)
        })
    })
}

/// The answer, then the objects in it that may be the resource. A list of one element is that element.
pub(super) fn wrapped(answer: &Value) -> Vec<&Value> {
    let answer = only(answer);
    let mut found = vec![answer];
    let names = WRAPPERS.iter().chain(&["registration"]);
    found.extend(names.filter_map(|name| first_of(answer, &[name])).map(only).filter(|own| own.as_object().is_some()));
    found
}

fn only(value: &Value) -> &Value {
    match value.as_array() {
        Some([only]) => only,
        _ => value,
    }
}

/// The identifier that an answer gives to what was created: the member named like the parameter that needs it, else one
/// that is named as an identifier; at the top, then in one wrapper. Identifiers of other things are never taken.
pub(super) fn identifier(answer: Option<&Value>, open: &str) -> Option<Value> {
    let answer = answer?;
    match answer {
        Value::Integer(_) => return Some(answer.clone()),
        Value::String(written) => {
            let is_bare =
                !written.contains(char::is_whitespace) && !written.contains("://") && !written.starts_with('<');
            return usable(answer).filter(|_| is_bare);
        }
        _ => {}
    }
    wrapped(answer).into_iter().find_map(|place| {
        let named = first_of(place, &[open]).and_then(usable);
        named.or_else(|| IDENTIFIERS.iter().find_map(|name| first_of(place, &[name]).and_then(usable)))
    })
}

fn usable(value: &Value) -> Option<Value> {
    match value {
        Value::Integer(_) => Some(value.clone()),
        Value::String(text) if !text.trim().is_empty() && !crate::serialise::climbs(text) => Some(value.clone()),
        _ => None,
    }
}

/// What of an answer means that nothing was created; `None` where nothing does.
pub(super) fn is_refusal(content_type: Option<&str>, body: &Value) -> Option<String> {
    let is_html = content_type.is_some_and(|own| own.trim().to_ascii_lowercase().starts_with("text/html"));
    let begins_as_page = body.as_str().is_some_and(|text| {
        let start: String = text.trim_start().chars().take(15).collect::<String>().to_ascii_lowercase();
        start.starts_with("<!doctype html") || start.starts_with("<html")
    });
    if is_html || begins_as_page {
        return Some("its answer is a web page, perhaps one to sign in".to_owned());
    }
    let is_false = |value: &Value| *value == Value::Bool(false) || value.as_str() == Some("false");
    if let Some(name) = ["ok", "success", "succeeded"].iter().find(|name| first_of(body, &[name]).is_some_and(is_false))
    {
        return Some(format!("its answer says \"{name}\": false{}", told(body)));
    }
    if identifier(Some(body), "id").is_some() {
        return None;
    }
    let is_empty = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    };
    let has = |name: &str| first_of(body, &[name]).is_some_and(|value| !is_empty(value));
    if has("errors") && !has("data") {
        return Some(format!("its answer has errors{}", told(body)));
    }
    if has("error") {
        return Some(format!("its answer has an error{}", told(body)));
    }
    let status = first_of(body, &["status"]).and_then(Value::as_str).map(str::to_ascii_lowercase);
    status
        .filter(|status| matches!(status.as_str(), "error" | "failed" | "failure"))
        .map(|status| format!("its answer says \"status\": \"{status}\"{}", told(body)))
}

/// The service's own words, shortened.
fn told(body: &Value) -> String {
    let words = ["error", "message", "errors", "detail", "error_description"];
    let found = words.iter().find_map(|name| first_of(body, &[name]).filter(|value| !value.is_null()));
    let text: String = found.map(crate::serialise::text).unwrap_or_default().chars().take(200).collect();
    if text.is_empty() { text } else { format!(" ({text})") }
}

/// The webhook in an answer that calls this address.
#[must_use]
pub fn match_existing<'a>(answer: &'a Value, callback_url: &str) -> Option<&'a Value> {
    let list = match answer {
        Value::Array(elements) => Some(&elements[..]),
        Value::Object(members) => members.values().find_map(Value::as_array),
        _ => None,
    };
    list?.iter().find(|item| mentions(item, callback_url, 4))
}

fn mentions(value: &Value, text: &str, depth: usize) -> bool {
    match value {
        Value::String(own) => &**own == text,
        Value::Array(elements) => depth > 0 && elements.iter().any(|element| mentions(element, text, depth - 1)),
        Value::Object(members) => depth > 0 && members.values().any(|member| mentions(member, text, depth - 1)),
        _ => false,
    }
}
