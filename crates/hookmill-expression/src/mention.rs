//! The names that an expression refers to: which functions take one, and where it stands in the text.

use std::ops::Range;
use std::sync::Arc;

use hookmill_model::{Str, Value};

use crate::syntax::{Call, Node};

/// What the first argument of a function names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// An action whose record is read.
    Action,
    /// A container whose children's records are read.
    Result,
    /// A loop around the expression.
    Loop,
    /// A variable.
    Variable,
    /// A parameter.
    Parameter,
}

impl Named {
    /// The word in the tables of the language.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Action => "action",
            Self::Result => "result",
            Self::Loop => "loop",
            Self::Variable => "variable",
            Self::Parameter => "parameter",
        }
    }

    fn target(self, name: Str) -> ReferenceTarget {
        match self {
            Self::Action => ReferenceTarget::Action(name),
            Self::Result => ReferenceTarget::Result(name),
            Self::Loop => ReferenceTarget::Loop(name),
            Self::Variable => ReferenceTarget::Variable(name),
            Self::Parameter => ReferenceTarget::Parameter(name),
        }
    }
}

/// The functions whose first argument is a name.
pub const NAMING_FUNCTIONS: &[(&str, Named)] = &[
    ("outputs", Named::Action),
    ("body", Named::Action),
    ("actions", Named::Action),
    ("actionOutputs", Named::Action),
    ("actionBody", Named::Action),
    ("formDataValue", Named::Action),
    ("formDataMultiValues", Named::Action),
    ("multipartBody", Named::Action),
    ("result", Named::Result),
    ("items", Named::Loop),
    ("iterationIndexes", Named::Loop),
    ("variables", Named::Variable),
    ("parameters", Named::Parameter),
];

/// The functions that read the trigger or the current item, without a name.
pub const RECORD_FUNCTIONS: &[&str] = &[
    "item",
    "trigger",
    "triggers",
    "triggerOutputs",
    "triggerBody",
    "triggerFormDataValue",
    "triggerFormDataMultiValues",
    "triggerMultipartBody",
];

/// A name that an expression refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// What is referred to.
    pub target: ReferenceTarget,
    /// The function that refers to it.
    pub function: &'static str,
    /// Where the call begins in the template, in bytes.
    pub byte: usize,
    /// Where the name stands in the template, with its quotes, in bytes; `None` where there is none.
    pub name: Option<Range<usize>>,
}

/// What an expression can refer to by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReferenceTarget {
    /// An action whose record is read.
    Action(Str),
    /// A scope or loop whose children's records are read.
    Result(Str),
    /// A loop around the expression.
    Loop(Str),
    /// The item of the innermost loop, or the element of a data operation.
    Item,
    /// A variable.
    Variable(Str),
    /// A parameter.
    Parameter(Str),
    /// The trigger.
    Trigger,
    /// A name that is computed, which the definition language does not allow.
    Computed,
}

impl Reference {
    /// What the call refers to; `text` is the template that it was parsed from.
    pub(crate) fn of(call: &Call, text: &str) -> Option<Self> {
        let function = call.function.name;
        if RECORD_FUNCTIONS.contains(&function) {
            let target = if function == "item" { ReferenceTarget::Item } else { ReferenceTarget::Trigger };
            return Some(Self { target, function, byte: call.at, name: None });
        }
        let (_, named) = NAMING_FUNCTIONS.iter().find(|(own, _)| *own == function)?;
        let (target, name) = match call.arguments.first() {
            Some(Node::Literal(Value::String(name))) => (named.target(Arc::clone(name)), quoted(text, call.at)),
            _ => (ReferenceTarget::Computed, None),
        };
        Some(Self { target, function, byte: call.at, name })
    }
}

/// The quoted text that follows the first parenthesis after `from`.
fn quoted(text: &str, from: usize) -> Option<Range<usize>> {
    let open = from + text.get(from..)?.find('(')? + 1;
    let begin = open + text.get(open..)?.find('\'')?;
    let mut quotes = text.get(begin + 1..)?.char_indices().peekable();
    while let Some((at, sign)) = quotes.next() {
        if sign == '\'' && quotes.next_if(|(_, next)| *next == '\'').is_none() {
            return Some(begin..begin + 1 + at + 1);
        }
    }
    None
}
