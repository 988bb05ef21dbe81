//! Evaluation: arguments from left to right, laziness where the language has it, selection of properties.

use std::sync::Arc;

use hookmill_model::{Object, Str, Value};

use crate::error::{Error, ErrorKind};
use crate::item::{Item, type_name};
use crate::scope::{NameKind, Scope};
use crate::string::upper;
use crate::syntax::{Call, Node, Selection, shown};
use crate::table::{Evaluator, Function};
use crate::work::Work;

/// Properties that an error names.
const OFFERED_MAX: usize = 50;

pub(crate) type Result<T> = std::result::Result<T, Box<Error>>;

/// One evaluation: what it sees, and how much it may still do.
pub(crate) struct Evaluation<'a> {
    pub scope: &'a dyn Scope,
    pub work: Work,
}

impl<'a> Evaluation<'a> {
    pub fn new(scope: &'a dyn Scope) -> Self {
        Self { scope, work: Work::new(scope.limits().work_max) }
    }

    /// Evaluates a node.
    pub fn node(&self, node: &Node) -> Result<Item> {
        match node {
            Node::Literal(value) => Ok(Item::Value(value.clone())),
            Node::Call(call) => {
                let mut item = self.invoke(call).map_err(|error| named(error, call.function))?;
                for (index, selection) in call.selections.iter().enumerate() {
                    item = self.select(item, &Site { call, index, selection })?;
                }
                Ok(item)
            }
        }
    }

    fn invoke(&self, call: &Call) -> Result<Item> {
        match call.function.evaluator {
            Evaluator::Lazy(evaluate) => evaluate(call, self),
            Evaluator::Strict(evaluate) => {
                let items = call.arguments.iter().map(|argument| self.node(argument)).collect::<Result<Vec<_>>>()?;
                self.call(call.function, call.at, items, evaluate)
            }
        }
    }

    /// Calls a function with evaluated arguments.
    pub fn call(
        &self,
        function: &'static Function,
        at: usize,
        items: Vec<Item>,
        evaluate: fn(&Arguments) -> Result<Item>,
    ) -> Result<Item> {
        let arguments = Arguments { function, at, items, scope: self.scope, work: &self.work };
        arguments.spend(arguments.items.iter().map(Item::extent).sum())?;
        evaluate(&arguments)
    }

    fn select(&self, item: Item, site: &Site) -> Result<Item> {
        let key = match &site.selection.key {
            Node::Literal(value) => value.clone(),
            computed => self.node(computed)?.into_value(),
        };
        let Item::Value(value) = item else {
            return Err(site.not_selectable(&item.into_value(), &key));
        };
        step(&value, &key, site).map(Item::Value)
    }
}

/// Where something is selected from the result of a call.
struct Site<'a> {
    call: &'a Call,
    index: usize,
    selection: &'a Selection,
}

impl Site<'_> {
    /// "The template language expression '…' cannot be evaluated because …"
    fn error(&self, kind: ErrorKind, reason: impl std::fmt::Display) -> Box<Error> {
        let expression = shown(&self.call.up_to(self.index + 1).to_string());
        let message = format!("The template language expression '{expression}' cannot be evaluated because {reason}.");
        named(Error::new(kind, self.selection.at, message), self.call.function)
    }

    fn not_selectable(&self, value: &Value, key: &Value) -> Box<Error> {
        let key = crate::item::text(key);
        let reason = match value {
            Value::Array(_) => "Array elements can only be selected using an integer index".to_owned(),
            other => format!("Property selection is not supported on values of type '{}'", type_name(other)),
        };
        self.error(ErrorKind::PropertyNotSelectable, format!("property '{key}' cannot be selected. {reason}"))
    }
}

/// Notes which function failed, where that is not known yet.
pub(crate) fn named(mut error: Box<Error>, function: &Function) -> Box<Error> {
    error.function.get_or_insert_with(|| function.name.into());
    error
}

/// The evaluated arguments of one call.
pub(crate) struct Arguments<'a> {
    pub function: &'static Function,
    pub at: usize,
    pub items: Vec<Item>,
    pub scope: &'a dyn Scope,
    pub work: &'a Work,
}

impl Arguments<'_> {
    /// Takes from the work that the evaluation may do.
    pub fn spend(&self, amount: usize) -> Result<()> {
        self.work.spend(amount).map_err(|message| self.too_much(message))
    }

    pub fn too_much(&self, message: impl std::fmt::Display) -> Box<Error> {
        self.error(ErrorKind::LimitExceeded, format!("The function '{}' does too much: {message}.", self.function.name))
    }

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

    /// What interpolation makes of an argument.
    pub fn text(&self, index: usize) -> Result<Str> {
        let text = self.item(index).text(self.scope.limits().result_bytes_max);
        let text = text.ok_or_else(|| self.text_too_long())?;
        self.spend(text.len())?;
        Ok(text)
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

    pub fn text_too_long(&self) -> Box<Error> {
        self.too_much(format!("it would make a text of more than {} bytes", self.scope.limits().result_bytes_max))
    }

    /// Refuses `bytes` above the limit, before they are made.
    pub fn within(&self, bytes: usize) -> Result<()> {
        if bytes > self.scope.limits().result_bytes_max {
            return Err(self.text_too_long());
        }
        self.spend(bytes)
    }

    /// Refuses a number of elements above the limit, before they are made.
    pub fn elements_within(&self, count: usize) -> Result<()> {
        let max = self.scope.limits().elements_max;
        if count > max {
            return Err(self.too_much(format!("it would make an array of more than {max} elements")));
        }
        self.spend(count)
    }

    /// Refuses arrays above the limit.
    pub fn made_array(&self, elements: Vec<Value>) -> Result<Item> {
        self.elements_within(elements.len())?;
        Ok(Item::Value(Value::array(elements)))
    }

    /// Refuses a value that was put into another and nests too deep now.
    pub fn nested(&self, value: Value) -> Result<Item> {
        let max = self.scope.limits().depth_max;
        let mut seen = 0;
        let fits = nests_within(&value, max, &mut seen);
        self.spend(seen)?;
        if fits {
            Ok(Item::Value(value))
        } else {
            Err(self.too_much(format!("its value would nest deeper than {max} levels")))
        }
    }

    /// The error for a name that does not exist.
    pub fn no_such(&self, what: &str, name: &str, kind: NameKind) -> Box<Error> {
        let message =
            format!("The {what} '{name}' that the function '{}' refers to does not exist.", self.function.name);
        self.error(ErrorKind::ReferenceNotFound, message).offering(name, self.scope.names(kind))
    }
}

/// Whether arrays and objects nest at most so deep; counts what it looks at.
pub(crate) fn nests_within(value: &Value, depth: usize, seen: &mut usize) -> bool {
    *seen += 1;
    match value {
        Value::Array(elements) => depth > 0 && elements.iter().all(|element| nests_within(element, depth - 1, seen)),
        Value::Object(members) => depth > 0 && members.values().all(|member| nests_within(member, depth - 1, seen)),
        _ => true,
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

fn step(value: &Value, key: &Value, site: &Site) -> Result<Value> {
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
