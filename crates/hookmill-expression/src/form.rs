//! Readers of form posts and multipart bodies.

use hookmill_model::Value;

use crate::arguments::{Arguments, Result};
use crate::content::{self, media_type, parameter};
use crate::item::Item;
use crate::scope::NameKind;
use crate::selection::member;

/// A body that was received.
struct Received {
    /// The content type that its headers say, where there are any.
    header: Option<String>,
    body: Value,
}

/// What a function reads, and the index of its next argument.
fn received(a: &Arguments) -> Result<(Received, usize)> {
    let (outputs, index) = if a.function.name.starts_with("trigger") {
        (a.scope.trigger_outputs().unwrap_or_default(), 0)
    } else {
        let name = a.string(0)?;
        (a.scope.action_outputs(&name).ok_or_else(|| a.no_such("action", &name, NameKind::Action))?, 1)
    };
    let of = |value: &Value, name: &str| value.as_object().and_then(|members| member(members, name)).cloned();
    let body = of(&outputs, "body").unwrap_or_default();
    let header = of(&outputs, "headers").and_then(|headers| of(&headers, "Content-Type"));
    let header = header.as_ref().and_then(Value::as_str).map(str::to_owned);
    Ok((Received { header, body }, index))
}

impl Received {
    /// Whether the headers, where there are any, say that it is of one of these kinds.
    fn may_be(&self, kinds: &[&str]) -> bool {
        self.header.as_ref().is_none_or(|header| {
            let own = media_type(header);
            kinds.iter().any(|kind| own.starts_with(kind))
        })
    }

    /// The content type, for messages.
    fn content_type(&self) -> &str {
        let of_content = self.body.get("$content-type").and_then(Value::as_str);
        self.header.as_deref().or(of_content).unwrap_or("unknown")
    }

    /// Fields or parts: those that were read when the body was received, else from its content.
    fn list(&self, name: &str) -> Option<Vec<Value>> {
        if let Some(list) = self.body.get(name).and_then(Value::as_array) {
            return Some(list.to_vec());
        }
        let bytes = content::bytes(&self.body)?;
        content::body(Some(self.content_type()), &bytes).value?.get(name)?.as_array().map(<[Value]>::to_vec)
    }
}

/// The values of a field, in the order they were sent.
fn values(a: &Arguments) -> Result<Vec<Value>> {
    let (received, index) = received(a)?;
    let field = a.string(index)?;
    let known = received.may_be(&["multipart/form-data", "application/x-www-form-urlencoded"]);
    let named = |value: Option<&Value>| value.and_then(Value::as_str).is_some_and(|name| name == &*field);
    if let Some(fields) = received.list("$formdata").filter(|_| known) {
        let pairs = fields.iter().filter(|pair| named(pair.get("key")));
        return Ok(pairs.map(|pair| pair.get("value").cloned().unwrap_or_default()).collect());
    }
    if let Some(parts) = received.list("$multipart").filter(|_| known) {
        let parts = parts.iter().filter(|part| part_name(part).is_some_and(|name| name == *field));
        return Ok(parts.map(|part| part.get("body").cloned().unwrap_or_default()).collect());
    }
    Err(a.refuse(format!("the body is not form data; its content type is '{}'", received.content_type())))
}

/// The field that a part is the value of.
fn part_name(part: &Value) -> Option<String> {
    let header = member(part.get("headers")?.as_object()?, "Content-Disposition")?;
    parameter(header.as_str()?, "name")
}

pub(crate) fn value(a: &Arguments) -> Result<Item> {
    let mut values = values(a)?;
    if values.len() > 1 {
        return Err(a.refuse("the form has several values of this name"));
    }
    Ok(Item::Value(values.pop().unwrap_or_default()))
}

pub(crate) fn multi_values(a: &Arguments) -> Result<Item> {
    Ok(Item::Value(Value::array(values(a)?)))
}

pub(crate) fn multipart_body(a: &Arguments) -> Result<Item> {
    let (received, index) = received(a)?;
    let place = a.integer(index)?;
    let known = received.may_be(&["multipart/"]);
    let parts = received.list("$multipart").filter(|_| known);
    let parts = parts.ok_or_else(|| {
        a.refuse(format!("the body is not multipart; its content type is '{}'", received.content_type()))
    })?;
    let part = usize::try_from(place).ok().and_then(|place| parts.get(place));
    let part = part.ok_or_else(|| a.refuse(format!("there is no part {place}; the body has {}", parts.len())))?;
    Ok(Item::Value(part.get("body").cloned().unwrap_or_default()))
}
