//! What the definition language knows, as tables: types of triggers and actions with their members, branches, options
//! and settings; the functions that take names; bounds. The compiler, the engine and the designer read the same rows.
//!
//! | file | purpose |
//! |---|---|
//! | `steps` | the rows of triggers and actions |
//! | `document` | all tables as one JSON document, for the designer |

mod document;
mod steps;

pub use document::document;
pub use steps::{ACTIONS, KEPT_ACTIONS, KEPT_TRIGGERS, TRIGGERS};

/// One type of triggers or actions that the engine runs.
#[derive(Debug)]
pub struct StepType {
    /// `type`, as designers write it; definitions may spell it in any case.
    pub name: &'static str,
    /// Other spellings of `type` with the same meaning.
    pub aliases: &'static [&'static str],
    /// The members of the step that have a meaning for this type.
    pub fields: &'static [Field],
    /// The groups of actions inside, in the order of the document.
    pub branches: &'static [Branch],
    /// The values of `operationOptions` that have an effect.
    pub options: &'static [&'static str],
    /// The members of `runtimeConfiguration` that have an effect.
    pub settings: &'static [&'static str],
    /// The values of `kind` that tell forms of the type apart; empty where `kind` is free.
    pub kinds: &'static [Kind],
}

/// One member of a step.
#[derive(Debug)]
pub struct Field {
    /// Member names from the step down, separated by `/`: `inputs/uri`.
    pub path: &'static str,
    /// What may stand there.
    pub kind: FieldKind,
    /// Whether saving refuses a step without it.
    pub required: bool,
    /// The constants that are allowed, where there is a list; compared ignoring case.
    pub options: &'static [&'static str],
}

/// What may stand in a member. Everything that is not a list of actions may be an expression instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// A text; other values are converted to one.
    Text,
    /// Any JSON value.
    Value,
    /// An array.
    Array,
    /// An object of values by name.
    Map,
    /// One of [`Field::options`].
    Select,
    /// A whole number, also as text.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A condition: an expression or an object of `and`, `or`, `not` and functions.
    Condition,
    /// A JSON Schema.
    Schema,
    /// An address that begins with http:// or https://.
    Address,
    /// A timetable.
    Recurrence,
    /// A duration such as `PT1H`.
    Duration,
    /// A moment such as `2026-01-31T09:00:00Z`.
    Timestamp,
    /// The name of a time zone.
    TimeZone,
    /// How a request signs in.
    Authentication,
    /// How often and how a request is repeated.
    RetryPolicy,
    /// The connection and operation of a connector.
    Host,
    /// A whole request: `method`, `uri`, …
    Request,
    /// Columns of a table: a list of `header` and `value`.
    Columns,
    /// Declarations of variables.
    Variables,
    /// The name of a variable.
    Variable,
    /// A value for the variable that is named beside it.
    VariableValue,
    /// Source text of a script.
    Code,
    /// Names of actions.
    ActionNames,
    /// Groups of actions by name of the case.
    Cases,
    /// Actions by name.
    Actions,
}

impl FieldKind {
    /// The word in the document.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Value => "value",
            Self::Array => "array",
            Self::Map => "map",
            Self::Select => "select",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Condition => "condition",
            Self::Schema => "schema",
            Self::Address => "address",
            Self::Recurrence => "recurrence",
            Self::Duration => "duration",
            Self::Timestamp => "timestamp",
            Self::TimeZone => "timeZone",
            Self::Authentication => "authentication",
            Self::RetryPolicy => "retryPolicy",
            Self::Host => "host",
            Self::Request => "request",
            Self::Columns => "columns",
            Self::Variables => "variables",
            Self::Variable => "variable",
            Self::VariableValue => "variableValue",
            Self::Code => "code",
            Self::ActionNames => "actionNames",
            Self::Cases => "cases",
            Self::Actions => "actions",
        }
    }
}

/// One group of actions inside of an action.
#[derive(Debug)]
pub struct Branch {
    /// What it is: `body`, `yes`, `no`, `cases`, `default`.
    pub kind: &'static str,
    /// Member names from the step down, separated by `/`; `*` stands for the name of each case.
    pub path: &'static str,
}

/// One form of a type, told apart by `kind`.
#[derive(Debug)]
pub struct Kind {
    /// `kind`, as designers write it.
    pub name: &'static str,
    /// The function of the expression language that gives the result.
    pub function: &'static str,
    /// The members of `inputs`, in the order of the function's arguments; the further spellings of each are accepted.
    pub arguments: &'static [(Field, &'static [&'static str])],
}

/// Members that every action may have.
pub const ACTION_MEMBERS: &[&str] = &[
    "type",
    "kind",
    "inputs",
    "runAfter",
    "limit",
    "operationOptions",
    "runtimeConfiguration",
    "trackedProperties",
    "metadata",
    "description",
    "correlation",
    "conditions",
];

/// Members that every trigger may have.
pub const TRIGGER_MEMBERS: &[&str] = &[
    "type",
    "kind",
    "inputs",
    "recurrence",
    "evaluatedRecurrence",
    "conditions",
    "splitOn",
    "splitOnConfiguration",
    "correlation",
    "runtimeConfiguration",
    "operationOptions",
    "metadata",
    "description",
];

/// Finds the row of an action's `type`, ignoring case.
#[must_use]
pub fn action_type(name: &str) -> Option<&'static StepType> {
    find(ACTIONS, name)
}

/// Finds the row of a trigger's `type`, ignoring case.
#[must_use]
pub fn trigger_type(name: &str) -> Option<&'static StepType> {
    find(TRIGGERS, name)
}

fn find(rows: &'static [StepType], name: &str) -> Option<&'static StepType> {
    rows.iter().find(|row| {
        row.name.eq_ignore_ascii_case(name) || row.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
    })
}

impl StepType {
    /// The form of the type with that `kind`, ignoring case.
    #[must_use]
    pub fn kind(&self, name: &str) -> Option<&'static Kind> {
        self.kinds.iter().find(|kind| kind.name.eq_ignore_ascii_case(name))
    }

    /// The field at that path.
    #[must_use]
    pub fn field(&self, path: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.path == path)
    }

    /// The names of the members of `inputs`; empty where `inputs` is a value of its own.
    pub fn input_members(&self) -> impl Iterator<Item = &'static str> {
        self.fields.iter().filter_map(|field| field.path.strip_prefix("inputs/")?.split('/').next())
    }
}

#[cfg(test)]
mod tests;
