//! Selection of properties and elements from the result of a call.

use hookmill_model::{Object, Str, Value};

use crate::arguments::Result;
use crate::error::{Error, ErrorKind};
use crate::evaluate::named;
use crate::item::type_name;
use crate::letter::upper;
use crate::syntax::{Call, Selection, shown};

/// Properties that an error names.
const OFFERED_MAX: usize = 50;

/// Where something is selected from the result of a call.
pub(crate) struct Site<'a> {
    pub call: &'a Call,
    pub index: usize,
    pub selection: &'a Selection,
}

impl Site<'_> {
    /// "The template language expression '…' cannot be evaluated because …"
    fn error(&self, kind: ErrorKind, reason: impl std::fmt::Display) -> Box<Error> {
        let expression = shown(&self.call.up_to(self.index + 1).to_string());
        let message = format!("The template language expression '{expression}' cannot be evaluated because {reason}.");
        named(Error::new(kind, self.selection.at, message), self.call.function)
    }

    pub fn not_selectable(&self, value: &Value, key: &Value) -> Box<Error> {
        let key = crate::item::text(key);
        let reason = match value {
            Value::Array(_) => "Array elements can only be selected using an integer index".to_owned(),
            other => format!("Property selection is not supported on values of type '{}'", type_name(other)),
        };
        self.error(ErrorKind::PropertyNotSelectable, format!("property '{key}' cannot be selected. {reason}"))
    }
}

/// Selects one property or element.
pub(crate) fn step(value: &Value, key: &Value, site: &Site) -> Result<Value> {
    let safe = site.selection.safe;
    match (value, key) {
        (Value::Null, _) if safe => Ok(Value::Null),
        (Value::Object(members), Value::String(name)) => {
            if let Some(found) = member(members, name) {
                return Ok(found.clone());
            }
            if name.contains('/') {
                return along(value, name, site);
            }
            if safe {
                return Ok(Value::Null);
            }
            let offered: Vec<Str> = members.keys().take(OFFERED_MAX).cloned().collect();
            let reason = format!("property '{name}' doesn't exist, available properties are '{}'", offered.join(", "));
            Err(site.error(ErrorKind::PropertyNotFound, reason).offering(name, offered))
        }
        (Value::Array(elements), Value::Integer(index)) => element(elements, *index, site),
        (Value::Array(elements), Value::String(text)) => {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            match text.parse::<i64>() {
                Ok(index) if digits => element(elements, index, site),
                _ if text.contains('/') => along(value, text, site),
                _ => Err(site.not_selectable(value, key)),
            }
        }
        _ => Err(site.not_selectable(value, key)),
    }
}

/// Follows a name such as `body/owner/login`, segment by segment.
fn along(value: &Value, path: &str, site: &Site) -> Result<Value> {
    path.split('/').try_fold(value.clone(), |value, segment| step(&value, &Value::from(segment), site))
}

fn element(elements: &[Value], index: i64, site: &Site) -> Result<Value> {
    if let Some(element) = usize::try_from(index).ok().and_then(|index| elements.get(index)) {
        return Ok(element.clone());
    }
    if site.selection.safe {
        return Ok(Value::Null);
    }
    let reason = if elements.is_empty() {
        format!("array index '{index}' cannot be selected from empty array")
    } else {
        format!("array index '{index}' is outside bounds (0, {}) of array", elements.len() - 1)
    };
    Err(site.error(ErrorKind::IndexOutOfRange, reason))
}

/// Finds a member: exactly, else ignoring case.
pub(crate) fn member<'a>(members: &'a Object, name: &str) -> Option<&'a Value> {
    members.get(name).or_else(|| like(members, name).map(|(_, value)| value))
}

/// The name of the member that [`member`] finds.
pub(crate) fn member_name<'a>(members: &'a Object, name: &str) -> Option<&'a Str> {
    members.keys().find(|own| &***own == name).or_else(|| like(members, name).map(|(own, _)| own))
}

fn like<'a>(members: &'a Object, name: &str) -> Option<(&'a Str, &'a Value)> {
    if name.is_ascii() {
        return members.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
    }
    let same = |own: &str| own.chars().map(upper).eq(name.chars().map(upper));
    members.iter().find(|(own, _)| same(own))
}
