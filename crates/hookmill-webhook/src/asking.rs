//! Calls of operations that a declaration asks for, with their values filled in.

use std::collections::BTreeSet;
use std::time::Duration;

use hookmill_model::{Object, Str, Timestamp, Value};

use crate::declaration::{Find, Json, OperationCall, Recovery, Renewal};
use crate::request::{Known, Reading, Registered, Request};
use crate::template::{Scope, Selector, Template, matches};

/// An operation of the connector that is to be called.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    /// Its name.
    pub operation: Str,
    /// Its parameters by name; the body is `body`.
    pub parameters: Object,
}

/// A question to the service whether it sent a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// What is called.
    pub call: Asked,
    /// What its answer must hold: JSON pointer and value.
    pub expect: Vec<(String, Value)>,
}

impl Question {
    /// Whether an answer says that the service sent the request.
    #[must_use]
    pub fn is_confirmed(&self, answer: &Value) -> bool {
        self.expect.iter().all(|(pointer, wanted)| answer.pointer(pointer) == Some(wanted))
    }
}

/// What templates of operations are filled from.
#[derive(Clone, Copy)]
pub struct Values<'a> {
    /// The moment.
    pub now: Timestamp,
    /// The callback address as it is registered.
    pub url: &'a str,
    /// Parameters of the trigger.
    pub inputs: &'a Object,
    /// The reply to the creation; `None` while it is not known.
    pub registered: Option<&'a Registered>,
    /// What handshakes left, by name.
    pub kept: &'a Object,
    /// One item of a list.
    pub item: Option<&'a Value>,
}

impl Values<'_> {
    fn see<T>(&self, what: impl FnOnce(&Scope<'_>) -> T) -> T {
        let (empty, fetched) = (Object::new(), |_: &str| None);
        let known = Known {
            now: self.now,
            secrets: &[],
            parameters: &empty,
            inputs: self.inputs,
            connection: &empty,
            registered: self.registered,
            kept: self.kept,
            fetched: &fetched,
            asked: None,
        };
        let reading = Reading::new(Request { method: "", url: self.url, headers: &[], body: &[] }, 0);
        what(&Scope { item: self.item, ..Scope::new(&reading, &known) })
    }
}

impl OperationCall {
    /// The call with its values; `None` where one of them is not known.
    #[must_use]
    pub fn with(&self, values: &Values<'_>) -> Option<Asked> {
        values.see(|scope| self.filled(scope))
    }

    /// The parameters of the trigger that it sends.
    #[must_use]
    pub fn inputs(&self) -> BTreeSet<&str> {
        fn of<'a>(body: &'a Json, found: &mut Vec<&'a Template>) {
            match body {
                Json::Plain(_) => {}
                Json::Text(template) | Json::Bytes(template) => found.push(template),
                Json::Array(items) => items.iter().for_each(|item| of(item, found)),
                Json::Object(members) => members.iter().for_each(|(_, member)| of(member, found)),
            }
        }
        let mut found: Vec<&Template> = self.parameters.iter().map(|(_, template)| template).collect();
        self.body.iter().for_each(|body| of(body, &mut found));
        let selectors = found.into_iter().flat_map(Template::selectors);
        selectors.filter_map(|own| if let Selector::Input(name) = own { Some(&**name) } else { None }).collect()
    }

    /// Whether the whole body of the request is among its values.
    pub(crate) fn covers_body(&self) -> bool {
        fn of(body: &Json) -> bool {
            match body {
                Json::Plain(_) => false,
                Json::Text(template) | Json::Bytes(template) => {
                    let whole = |selector: &Selector| matches!(selector, Selector::Body(path) if path.is_empty());
                    template.covers_body() || template.selectors().any(whole)
                }
                Json::Array(items) => items.iter().any(of),
                Json::Object(members) => members.iter().any(|(_, member)| of(member)),
            }
        }
        self.body.as_ref().is_some_and(of) || self.parameters.iter().any(|(_, template)| template.covers_body())
    }

    /// The call with its values; `None` where one of them is not known. A template that is one selector and nothing
    /// else keeps the type of its value.
    pub(crate) fn filled(&self, scope: &Scope<'_>) -> Option<Asked> {
        let mut parameters = Object::with_capacity(self.parameters.len() + 1);
        for (name, template) in &self.parameters {
            parameters.insert(name.clone(), text(template, scope)?);
        }
        if let Some(body) = &self.body {
            parameters.insert("body", json(body, scope)?);
        }
        Some(Asked { operation: self.operation.clone(), parameters })
    }
}

impl Find {
    /// The webhooks in an answer, as the declaration says where they stand; `None` where they do not stand there.
    #[must_use]
    pub fn items<'v>(&self, answer: &'v Value) -> Option<&'v [Value]> {
        match answer.pointer(&self.items)? {
            Value::Array(items) => Some(items),
            // Of what there can be one only, some services tell the one.
            one @ Value::Object(_) => Some(std::slice::from_ref(one)),
            _ => None,
        }
    }

    /// A listed webhook in the form of an answer to its creation.
    #[must_use]
    pub fn as_answer(&self, item: &Value) -> Value {
        let handle =
            self.handle.as_ref().and_then(|pointer| item.pointer(pointer)).filter(|value| **value != Value::Null);
        let mut members = item.as_object().cloned().unwrap_or_default();
        if let Some(handle) = handle {
            members.insert("id", handle.clone());
        }
        members.into()
    }

    /// Where a listed webhook leads; `None` where it leads nowhere.
    #[must_use]
    pub fn leads_to<'v>(&self, item: &'v Value) -> Option<&'v str> {
        let places = self.matches.iter().filter_map(|(pointer, _)| item.pointer(pointer)?.as_str());
        places.map(str::trim).find(|place| !place.is_empty())
    }

    /// Whether a listed webhook is the one of this callback address.
    #[must_use]
    pub fn is_ours(&self, item: &Value, values: &Values<'_>) -> bool {
        self.matches.iter().all(|(pointer, template)| {
            let wanted = values.see(|scope| template.bytes(scope).map(|bytes| bytes.into_owned()));
            let given =
                item.pointer(pointer).map(|value| value.as_str().map_or_else(|| value.to_json(), str::to_owned));
            wanted.zip(given).is_some_and(|(wanted, given)| wanted == given.as_bytes())
        })
    }
}

impl Renewal {
    /// When the webhook expires; `None` where the service named no moment. `created` is when it was made: what a
    /// handshake left is a number of seconds from then.
    #[must_use]
    pub fn expiry(&self, created: Timestamp, values: &Values<'_>) -> Option<Timestamp> {
        let text =
            values.see(|scope| self.expires.text(scope).map(|text| String::from_utf8_lossy(&text).into_owned()))?;
        let text = text.trim();
        match (text.parse::<i64>(), &self.expires) {
            (Ok(seconds), Selector::Kept(_)) => Some(created.plus(Duration::from_secs(u64::try_from(seconds).ok()?))),
            (Ok(number), _) => Some(moment(number)),
            (Err(_), _) => text.parse().ok(),
        }
    }
}

impl Recovery {
    /// The deliveries in an answer of the service.
    #[must_use]
    pub fn items<'v>(&self, answer: &'v Value) -> Option<&'v [Value]> {
        answer.pointer(&self.list.items)?.as_array()
    }

    /// Whether a delivery failed, as the declaration says; every delivery where it says nothing.
    #[must_use]
    pub fn is_failed(&self, item: &Value) -> bool {
        self.list.failed.iter().all(|(pointer, pattern)| {
            let given = match item.pointer(pointer) {
                None | Some(Value::Null) => String::new(),
                Some(Value::String(text)) => text.to_string(),
                Some(other) => other.to_json(),
            };
            let patterns = pattern.literal().unwrap_or_default();
            patterns.split('|').any(|pattern| matches(pattern.as_bytes(), given.as_bytes()))
        })
    }

    /// When a delivery was tried.
    #[must_use]
    pub fn time(&self, item: &Value) -> Option<Timestamp> {
        let value = item.pointer(&self.list.time)?;
        match value.as_str() {
            Some(text) => text.parse().ok().or_else(|| text.parse::<i64>().ok().map(moment)),
            None => value.to_json().parse::<i64>().ok().map(moment),
        }
    }

    /// What the service calls the event of a delivery, by which tries of one event are told together.
    #[must_use]
    pub fn key(&self, item: &Value) -> Option<String> {
        let pointer = if self.list.key.is_empty() { &self.list.id } else { &self.list.key };
        let value = item.pointer(pointer).filter(|value| **value != Value::Null)?;
        Some(value.as_str().map_or_else(|| value.to_json(), str::to_owned))
    }
}

/// A number as a moment: seconds since 1970, or milliseconds where it has as many digits. Seconds have so many only after
/// the year 5138.
fn moment(number: i64) -> Timestamp {
    if number.abs() >= 100_000_000_000 {
        Timestamp::from_millis(number)
    } else {
        Timestamp::from_millis(number.saturating_mul(1_000))
    }
}

fn text(template: &Template, scope: &Scope<'_>) -> Option<Value> {
    match template.only() {
        Some(selector) => selector.whole(scope),
        None => Some(Value::string(String::from_utf8_lossy(&template.bytes(scope)?).into_owned())),
    }
}

fn json(body: &Json, scope: &Scope<'_>) -> Option<Value> {
    Some(match body {
        Json::Plain(value) => value.clone(),
        Json::Text(template) | Json::Bytes(template) => text(template, scope)?,
        Json::Array(items) => Value::array(items.iter().map(|item| json(item, scope)).collect::<Option<Vec<_>>>()?),
        Json::Object(members) => {
            let mut made = Object::with_capacity(members.len());
            for (name, member) in members {
                made.insert(name.clone(), json(member, scope)?);
            }
            made.into()
        }
    })
}
