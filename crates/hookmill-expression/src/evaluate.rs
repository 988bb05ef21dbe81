//! Evaluation: arguments from left to right, laziness where the language has it, selection of properties.

use std::sync::Arc;

use hookmill_model::{Object, Str, Value};

use crate::error::{Error, ErrorKind};
use crate::item::{Item, type_name};
use crate::scope::{NameKind, Scope};
use crate::string::upper;
use crate::syntax::{Call, Node, Selection};
use crate::table::{Evaluator, Function};

pub(crate) type Result<T> = std::result::Result<T, Box<Error>>;

/// Evaluates a node.
pub(crate) fn node(node: &Node, scope: &dyn Scope) -> Result<Item> {
    match node {
        Node::Literal(value) => Ok(Item::Value(value.clone())),
        Node::Call(call) => {
            let mut item = invoke(call, scope).map_err(|error| named(error, call.function))?;
            for selection in &call.selections {
                item = select(item, selection, scope)?;
            }
            Ok(item)
        }
    }
}

/// Notes which function failed, where that is not known yet.
pub(crate) fn named(mut error: Box<Error>, function: &Function) -> Box<Error> {
    error.function.get_or_insert_with(|| function.name.into());
    error
}

fn invoke(call: &Call, scope: &dyn Scope) -> Result<Item> {
    match call.function.evaluator {
        Evaluator::Lazy(evaluate) => evaluate(call, scope),
        Evaluator::Strict(evaluate) => {
            let items = call.arguments.iter().map(|argument| node(argument, scope)).collect::<Result<Vec<_>>>()?;
            evaluate(&Arguments { function: call.function, at: call.at, items, scope })
        }
    }
}

/// The evaluated arguments of one call.
pub(crate) struct Arguments<'a> {
    pub function: &'static Function,
    pub at: usize,
    pub items: Vec<Item>,
    pub scope: &'a dyn Scope,
}

impl Arguments<'_> {
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// The argument as a JSON value; XML as its content object.
    pub fn value(&self, index: usize) -> Value {
        self.items.get(index).cloned().map(Item::into_value).unwrap_or_default()
    }

    /// All arguments as JSON values.
    pub fn values(&self) -> Vec<Value> {
        self.items.iter().cloned().map(Item::into_value).collect()
    }

    pub fn item(&self, index: usize) -> &Item {
        const NULL: &Item = &Item::Value(Value::Null);
        self.items.get(index).unwrap_or(NULL)
    }

    pub fn error(&self, kind: ErrorKind, message: impl Into<String>) -> Box<Error> {
        Error::new(kind, self.at, message)
    }

    /// "expects its first parameter to be …"
    pub fn invalid(&self, index: usize, expected: &str) -> Box<Error> {
        const PLACES: [&str; 6] = ["first", "second", "third", "fourth", "fifth", "sixth"];
        let place = PLACES.get(index).copied().unwrap_or("last");
        self.error(
            ErrorKind::InvalidArgument,
            format!(
                "The template language function '{}' expects its {place} parameter to be {expected}. The provided value is of type '{}'.",
                self.function.name,
                self.item(index).type_name()
            ),
        )
    }

    /// "was invoked with a parameter that is not valid: …"
    pub fn refuse(&self, detail: impl std::fmt::Display) -> Box<Error> {
        self.error(
            ErrorKind::InvalidArgument,
            format!(
                "The template language function '{}' was invoked with a parameter that is not valid: {detail}.",
                self.function.name
            ),
        )
    }

    pub fn string(&self, index: usize) -> Result<Str> {
        match self.item(index) {
            Item::Value(Value::String(text)) => Ok(Arc::clone(text)),
            _ => Err(self.invalid(index, "a string")),
        }
    }

    /// The text of an optional argument; an argument that is null counts as left out.
    pub fn optional_string(&self, index: usize) -> Result<Option<Str>> {
        if index >= self.len() || matches!(self.item(index), Item::Value(Value::Null)) {
            return Ok(None);
        }
        self.string(index).map(Some)
    }

    pub fn integer(&self, index: usize) -> Result<i64> {
        match self.item(index) {
            Item::Value(Value::Integer(number)) => Ok(*number),
            #[allow(clippy::cast_possible_truncation)]
            Item::Value(Value::Float(number)) if number.fract() == 0.0 && number.abs() < 9e15 => Ok(*number as i64),
            Item::Value(Value::Decimal(number)) if number.fract().is_zero() => {
                rust_decimal::prelude::ToPrimitive::to_i64(number).ok_or_else(|| self.invalid(index, "an integer"))
            }
            _ => Err(self.invalid(index, "an integer")),
        }
    }

    pub fn array(&self, index: usize) -> Result<Arc<Vec<Value>>> {
        match self.item(index) {
            Item::Value(Value::Array(elements)) => Ok(Arc::clone(elements)),
            _ => Err(self.invalid(index, "an array")),
        }
    }

    pub fn object(&self, index: usize) -> Result<Arc<Object>> {
        match self.item(index) {
            Item::Value(Value::Object(members)) => Ok(Arc::clone(members)),
            _ => Err(self.invalid(index, "an object")),
        }
    }

    pub fn boolean(&self, index: usize) -> Result<bool> {
        match self.item(index) {
            Item::Value(Value::Bool(truth)) => Ok(*truth),
            _ => Err(self.invalid(index, "a boolean")),
        }
    }

    /// Refuses texts above the limit.
    pub fn made(&self, text: String) -> Result<Item> {
        self.within(text.len())?;
        Ok(Item::Value(text.into()))
    }

    /// Refuses `bytes` above the limit, before they are made.
    pub fn within(&self, bytes: usize) -> Result<()> {
        let max = self.scope.limits().result_bytes_max;
        if bytes > max {
            let message = format!("The function '{}' would make a text of more than {max} bytes.", self.function.name);
            return Err(self.error(ErrorKind::LimitExceeded, message));
        }
        Ok(())
    }

    /// Refuses arrays above the limit.
    pub fn made_array(&self, elements: Vec<Value>) -> Result<Item> {
        let max = self.scope.limits().elements_max;
        if elements.len() > max {
            let message =
                format!("The function '{}' would make an array of more than {max} elements.", self.function.name);
            return Err(self.error(ErrorKind::LimitExceeded, message));
        }
        Ok(Item::Value(Value::array(elements)))
    }

    /// The error for a name that does not exist.
    pub fn no_such(&self, what: &str, name: &str, kind: NameKind) -> Box<Error> {
        let message =
            format!("The {what} '{name}' that the function '{}' refers to does not exist.", self.function.name);
        self.error(ErrorKind::ReferenceNotFound, message).offering(name, self.scope.names(kind))
    }
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

fn select(item: Item, selection: &Selection, scope: &dyn Scope) -> Result<Item> {
    let key = match &selection.key {
        Node::Literal(value) => value.clone(),
        computed => node(computed, scope)?.into_value(),
    };
    let Item::Value(value) = item else {
        return Err(not_selectable(&item.into_value(), &key, selection));
    };
    step(&value, &key, selection).map(Item::Value)
}

fn step(value: &Value, key: &Value, selection: &Selection) -> Result<Value> {
    match (value, key) {
        (Value::Null, _) if selection.safe => Ok(Value::Null),
        (Value::Object(members), Value::String(name)) => {
            if let Some(found) = member(members, name) {
                return Ok(found.clone());
            }
            if name.contains('/') {
                return name
                    .split('/')
                    .try_fold(value.clone(), |value, segment| step(&value, &Value::from(segment), selection));
            }
            if selection.safe {
                return Ok(Value::Null);
            }
            let offered: Vec<Str> = members.keys().take(50).cloned().collect();
            let message = format!(
                "The template language expression cannot be evaluated because property '{name}' doesn't exist, available properties are '{}'.",
                offered.join(", ")
            );
            Err(Error::new(ErrorKind::PropertyNotFound, selection.at, message).offering(name, offered))
        }
        (Value::Array(elements), Value::Integer(index)) => element(elements, *index, selection),
        (Value::Array(elements), Value::String(text)) => match text.parse::<i64>() {
            Ok(index) => element(elements, index, selection),
            Err(_) => Err(not_selectable(value, key, selection)),
        },
        _ => Err(not_selectable(value, key, selection)),
    }
}

fn element(elements: &[Value], index: i64, selection: &Selection) -> Result<Value> {
    if let Some(element) = usize::try_from(index).ok().and_then(|index| elements.get(index)) {
        return Ok(element.clone());
    }
    if selection.safe {
        return Ok(Value::Null);
    }
    let message = if elements.is_empty() {
        format!(
            "The template language expression cannot be evaluated because array index '{index}' cannot be selected from empty array."
        )
    } else {
        format!(
            "The template language expression cannot be evaluated because array index '{index}' is outside bounds (0, {}) of array.",
            elements.len() - 1
        )
    };
    Err(Error::new(ErrorKind::IndexOutOfRange, selection.at, message))
}

fn not_selectable(value: &Value, key: &Value, selection: &Selection) -> Box<Error> {
    let key = crate::item::text(key);
    let reason = match value {
        Value::Array(_) => "Array elements can only be selected using an integer index.".to_owned(),
        other => format!("Property selection is not supported on values of type '{}'.", type_name(other)),
    };
    let message = format!(
        "The template language expression cannot be evaluated because property '{key}' cannot be selected. {reason}"
    );
    Error::new(ErrorKind::PropertyNotSelectable, selection.at, message)
}
