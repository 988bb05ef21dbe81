//! The compiled form of one version of a flow: what the engine runs.
//!
//! Actions and groups are kept in two flat lists and refer to each other by index. A *group* is one `actions` object:
//! the definition's own, a scope's, a loop's body, a branch.

use std::collections::BTreeMap;
use std::time::Duration;

use hookmill_expression::{Compiled, Condition};
use hookmill_model::{ActionStatus, Object, Pointer, Str, Value};

use crate::limits::{Limits, Profile};
use crate::recurrence::Recurrence;
use crate::schema::Schema;

/// Index of an action in [`Plan::actions`].
pub type ActionIndex = usize;
/// Index of a group in [`Plan::groups`].
pub type GroupIndex = usize;

/// The group of the definition's own actions.
pub const ROOT: GroupIndex = 0;

/// A compiled definition.
#[derive(Debug)]
pub struct Plan {
    /// Which product's defaults hold.
    pub profile: Profile,
    /// The bounds of its runs.
    pub limits: Limits,
    /// Its parameters, by name in lower case.
    pub parameters: BTreeMap<Str, Parameter>,
    /// The triggers of the definition.
    pub triggers: Vec<Trigger>,
    /// All actions, nested ones behind their container.
    pub actions: Vec<Action>,
    /// All groups; the first is the definition's own.
    pub groups: Vec<Group>,
    /// Action name in lower case → index.
    pub names: BTreeMap<Str, ActionIndex>,
    /// `outputs`: name → value.
    pub outputs: Vec<(Str, Compiled)>,
    /// `staticResults` as written.
    pub static_results: Object,
    /// Variable name in lower case → what its initialization says.
    pub variables: BTreeMap<Str, VariableKind>,
    /// How many times the bytes that a run holds when a decision begins its expressions can read and make, about; `None`
    /// where there is no saying.
    pub growth: Option<u32>,
}

impl Plan {
    /// Finds an action, ignoring case; blanks and underscores are the same.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<ActionIndex> {
        let lower = name.to_lowercase();
        let plain = || self.names.get(lower.replace(' ', "_").as_str());
        self.names.get(lower.as_str()).or_else(plain).copied().or_else(|| {
            // A name that was written with blanks, and is mentioned with underscores.
            self.actions
                .iter()
                .position(|action| action.name.contains(' ') && crate::names::is_same(&action.name, name))
        })
    }

    /// Everything that calls a connector: its name, its place in the definition, what it asks for.
    pub fn connector_calls(&self) -> impl Iterator<Item = (&Str, Pointer, &ConnectorInputs)> {
        let triggers = self.triggers.iter().filter_map(|trigger| match &trigger.kind {
            TriggerKind::ConnectorPolling(call) | TriggerKind::ConnectorWebhook(call) => {
                Some((&trigger.name, Pointer::root().child("triggers").child(&trigger.name), call))
            }
            _ => None,
        });
        let actions = self.actions.iter().filter_map(|action| match &action.kind {
            ActionKind::Connector(call) | ActionKind::ConnectorWebhook(call) => {
                Some((&action.name, action.pointer.clone(), call))
            }
            _ => None,
        });
        triggers.chain(actions)
    }

    /// Whether a Response action exists, waited for or asked for later.
    #[must_use]
    pub fn has_response(&self) -> bool {
        self.actions.iter().any(|action| matches!(&action.kind, ActionKind::Response { .. }))
    }

    /// Whether a Response action exists, so that a caller of the trigger waits for it.
    #[must_use]
    pub fn responds(&self) -> bool {
        self.actions
            .iter()
            .any(|action| matches!(&action.kind, ActionKind::Response { .. }) && !action.options.asynchronous_response)
    }

    /// Whether a Response action exists whose caller is let go at once and asks for the answer later.
    #[must_use]
    pub fn responds_later(&self) -> bool {
        self.actions
            .iter()
            .any(|action| matches!(&action.kind, ActionKind::Response { .. }) && action.options.asynchronous_response)
    }
}

/// One parameter of the definition.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// The name as written in the definition.
    pub name: Str,
    /// Lower case: `int`, `float`, `string`, `bool`, `array`, `object`, `securestring`, `secureobject`.
    pub kind: Str,
    /// Its value where none is supplied.
    pub default: Option<Value>,
    /// The values it may have, where that is said.
    pub allowed: Option<Vec<Value>>,
}

impl Parameter {
    /// Whether its value never appears in a history.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.kind.starts_with("secure")
    }
}

/// One trigger.
#[derive(Debug)]
pub struct Trigger {
    /// The name as written in the definition.
    pub name: Str,
    /// What it waits for.
    pub kind: TriggerKind,
    /// A run starts only where all of these hold.
    pub conditions: Vec<Condition>,
    /// The array of which each element starts a run.
    pub split_on: Option<Compiled>,
    /// The client's tracking id, per event or per element.
    pub tracking_id: Option<Compiled>,
    /// How many runs may be active and waiting at a time, where that is limited.
    pub concurrency: Option<Concurrency>,
    /// Whether no run starts while another one is active.
    pub single_instance: bool,
    /// Whether a body that violates the schema is refused.
    pub validate_schema: bool,
    /// The schema of the body, where one is given.
    pub schema: Option<Schema>,
    /// Whether the `Authorization` header stays in the outputs.
    pub keep_authorization: bool,
    /// Whether the caller's answer goes without `x-ms-workflow-…` headers.
    pub no_workflow_headers: bool,
    /// When it fires or polls.
    pub recurrence: Option<Recurrence>,
    /// What the run history shows of a run, as its maker chose it.
    pub run_summary: Vec<Compiled>,
    /// Whether the outputs never appear in a history.
    pub secure_outputs: bool,
    /// Whether the inputs never appear in a history.
    pub secure_inputs: bool,
    /// `inputs` as written.
    pub inputs: Compiled,
}

/// How many runs of a trigger there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concurrency {
    /// How many runs may be active at a time.
    pub runs: u32,
    /// How many runs may wait beside the active ones.
    pub waiting: u32,
}

/// What a trigger waits for.
#[derive(Debug)]
pub enum TriggerKind {
    /// A call of its own address.
    Request {
        /// `Http`, `Button`, …; as written.
        kind: Str,
        /// The only accepted method, in capitals; `None` accepts any.
        method: Option<Str>,
        /// Path below the address, with `{name}` segments.
        relative_path: Option<Str>,
    },
    /// A timetable.
    Recurrence,
    /// A timetable whose missed windows are made up for.
    SlidingWindow {
        /// How long each firing is held back.
        delay: Duration,
    },
    /// Repeated HTTP calls.
    HttpPolling(CallInputs),
    /// Repeated calls of a connector's operation.
    ConnectorPolling(ConnectorInputs),
    /// A subscription at a service that is described in the definition itself.
    HttpWebhook {
        /// The request that subscribes.
        subscribe: Compiled,
        /// The request that unsubscribes.
        unsubscribe: Option<Compiled>,
    },
    /// A subscription through a connector.
    ConnectorWebhook(ConnectorInputs),
    /// A type that Hookmill lacks; the flow can be kept as a draft.
    Unsupported {
        /// The type as written.
        kind: Str,
    },
}

/// One action.
#[derive(Debug)]
pub struct Action {
    /// The name as written in the definition.
    pub name: Str,
    /// `type` as written.
    pub type_name: Str,
    /// Where the action stands in the definition.
    pub pointer: Pointer,
    /// What it does.
    pub kind: ActionKind,
    /// The group it belongs to.
    pub group: GroupIndex,
    /// Its predecessors and the statuses it accepts of each.
    pub run_after: Vec<(ActionIndex, Vec<ActionStatus>)>,
    /// The actions of its group that name it in their `runAfter`.
    pub successors: Vec<ActionIndex>,
    /// The loops around it, outermost first.
    pub loops: Vec<ActionIndex>,
    /// The container around it.
    pub parent: Option<ActionIndex>,
    /// `limit.timeout`
    pub timeout: Option<Compiled>,
    /// `operationOptions` and `runtimeConfiguration`.
    pub options: ActionOptions,
    /// The template of the tracked properties, which is evaluated when the action has ended.
    pub tracked_properties: Option<Compiled>,
    /// Its direct children may be needed after its iterations: something outside refers to them.
    pub is_read_from_outside: bool,
    /// Whether an expression reads its outputs.
    pub outputs_are_read: bool,
    /// The action is skipped unless all of these hold; only the oldest schema of definitions has them.
    pub conditions: Vec<Condition>,
}

/// Settings that many types of actions share.
#[derive(Clone, Debug, Default)]
pub struct ActionOptions {
    /// Whether a 202 is the result, so that its `Location` is not polled.
    pub no_async_pattern: bool,
    /// Whether a loop that ends at its limit is `TimedOut`.
    pub fail_at_limits: bool,
    /// Whether the caller of a Response is answered 202 at once and polls for the answer.
    pub asynchronous_response: bool,
    /// Whether the request goes without `x-ms-workflow-…` headers.
    pub no_workflow_headers: bool,
    /// Whether the inputs never appear in a history.
    pub secure_inputs: bool,
    /// Whether the outputs never appear in a history.
    pub secure_outputs: bool,
    /// The name of the static result that replaces the action.
    pub static_result: Option<Str>,
    /// Follow pages until so many items have come: a number from 1 on, or an expression that gives one.
    pub page_items_min: Option<Compiled>,
    /// Bodies go in parts: bytes of a part that is sent and of one that is asked for, where that is said.
    pub chunks: Option<(Option<u64>, Option<u64>)>,
}

/// The inputs of an HTTP call.
#[derive(Clone, Debug)]
pub struct CallInputs {
    /// `method`, `uri`, `headers`, `queries`, `body`, `cookie`, `authentication`.
    pub request: Compiled,
    /// `retryPolicy`
    pub retry: Option<Compiled>,
}

/// The inputs of a connector call.
#[derive(Clone, Debug)]
pub struct ConnectorInputs {
    /// The key of the connection reference, where it is a constant.
    pub connection: Str,
    /// The connector, where the definition names it.
    pub api: Option<Str>,
    /// The operation that is called, with its inputs.
    pub operation: OperationInputs,
    /// `retryPolicy`
    pub retry: Option<Compiled>,
}

/// The two ways of naming an operation.
#[derive(Clone, Debug)]
pub enum OperationInputs {
    /// `operationId` and `parameters`.
    ById {
        /// The identifier of the operation in the connector's document.
        operation_id: Str,
        /// Parameter name → template.
        parameters: Compiled,
    },
    /// `method`, `path`, `queries`, `headers`, `body`.
    ByPath(Compiled),
}

impl OperationInputs {
    /// The template of what is asked for: the parameters, or all parts of the request.
    #[must_use]
    pub const fn inputs(&self) -> &Compiled {
        match self {
            Self::ById { parameters, .. } => parameters,
            Self::ByPath(request) => request,
        }
    }
}

/// The kinds of variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VariableKind {
    /// A whole number.
    Integer,
    /// Any number.
    Float,
    /// `true` or `false`.
    Boolean,
    /// A text; an appended text joins it.
    String,
    /// An array of any values.
    Array,
    /// An object with any members.
    Object,
}

impl VariableKind {
    /// All kinds of variables, in the order in which pages offer them.
    pub const ALL: &[Self] = &[Self::String, Self::Integer, Self::Float, Self::Boolean, Self::Array, Self::Object];

    /// The name in definitions and messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Integer => "Integer",
            Self::Float => "Float",
            Self::Boolean => "Boolean",
            Self::String => "String",
            Self::Array => "Array",
            Self::Object => "Object",
        }
    }

    /// Reads the name, ignoring case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text.to_ascii_lowercase().as_str() {
            "integer" | "int" => Self::Integer,
            "float" => Self::Float,
            "boolean" | "bool" => Self::Boolean,
            "string" => Self::String,
            "array" => Self::Array,
            "object" => Self::Object,
            _ => return None,
        })
    }

    /// Whether a variable of this kind takes the value; null fits all.
    #[must_use]
    pub fn accepts(self, value: &Value) -> bool {
        matches!(
            (self, value),
            (_, Value::Null)
                | (Self::Integer, Value::Integer(_))
                | (Self::Float, Value::Integer(_) | Value::Float(_) | Value::Decimal(_))
                | (Self::Boolean, Value::Bool(_))
                | (Self::String, Value::String(_))
                | (Self::Array, Value::Array(_))
                | (Self::Object, Value::Object(_))
        )
    }
}

/// The schema of a ParseJson action.
#[derive(Debug)]
pub enum ParseSchema {
    /// Known when the flow is saved.
    Known(Schema),
    /// An expression that gives it in a run.
    InRun(Compiled),
}

/// What an action does.
#[derive(Debug)]
pub enum ActionKind {
    /// Makes a value.
    Compose(Compiled),
    /// Calls an address.
    Http(CallInputs),
    /// Calls a connector's operation.
    Connector(ConnectorInputs),
    /// Subscribes at an address and waits for one call-back.
    HttpWebhook {
        /// The request that subscribes.
        subscribe: Compiled,
        /// The request that unsubscribes.
        unsubscribe: Option<Compiled>,
        /// `retryPolicy` of the subscription.
        retry: Option<Compiled>,
    },
    /// Subscribes through a connector and waits for one call-back.
    ConnectorWebhook(ConnectorInputs),
    /// Answers the caller of the trigger.
    Response(Compiled),
    /// Lets time pass.
    Wait(Compiled),
    /// Runs another flow.
    ChildFlow {
        /// How the definition names it.
        flow: Str,
        /// `headers` and `body`.
        inputs: Compiled,
        /// `retryPolicy`
        retry: Option<Compiled>,
    },
    /// Reads JSON and checks it.
    ParseJson {
        /// What to read.
        content: Compiled,
        /// What it must look like.
        schema: Option<ParseSchema>,
    },
    /// Keeps the elements for which a condition holds.
    Query {
        /// The template of the array.
        from: Compiled,
        /// What an element must fulfil to be kept.
        condition: Condition,
    },
    /// Makes another value of each element.
    Select {
        /// The template of the array.
        from: Compiled,
        /// The template of the value that replaces an element.
        select: Compiled,
    },
    /// Joins the elements to a text.
    Join {
        /// The template of the array.
        from: Compiled,
        /// What stands between them.
        with: Compiled,
    },
    /// Makes a table of the elements.
    Table {
        /// The template of the array.
        from: Compiled,
        /// `HTML` or `CSV` in any case, or an expression that gives one.
        format: Compiled,
        /// Header and value of each column; automatic where `None`.
        columns: Option<Vec<(Compiled, Compiled)>>,
    },
    /// Makes variables.
    InitializeVariable(Vec<VariableInput>),
    /// Changes a variable.
    ChangeVariable {
        /// The way in which the variable changes.
        change: VariableChange,
        /// The name of the variable.
        name: Str,
        /// The template of the operand; `None` means a step of 1.
        value: Option<Compiled>,
    },
    /// A function as an action.
    Expression {
        /// Which function: the action's `kind`, as written.
        kind: Str,
        /// The template of the function's arguments.
        inputs: Compiled,
    },
    /// Runs JavaScript.
    JavaScript {
        /// The source text of the script.
        code: Str,
        /// The actions that it reads.
        dependencies: Vec<Str>,
    },
    /// A group with a common status.
    Scope {
        /// The group of the actions inside.
        body: GroupIndex,
    },
    /// One of two groups.
    If {
        /// What decides between the two groups.
        condition: Condition,
        /// The group that runs where the condition is true.
        then: GroupIndex,
        /// The group that runs where the condition is false.
        otherwise: GroupIndex,
    },
    /// One of several groups.
    Switch {
        /// The template of the value that is compared with the cases.
        on: Compiled,
        /// Name, constant and group of each case.
        cases: Vec<(Str, Value, GroupIndex)>,
        /// The group that runs where no case fits.
        default: GroupIndex,
    },
    /// A group per element.
    Foreach {
        /// The template of the array.
        items: Compiled,
        /// The group of the actions inside.
        body: GroupIndex,
        /// Iterations at a time: a number from 1 on, or an expression that gives one.
        concurrency: Compiled,
    },
    /// A group until a condition holds.
    Until {
        /// The loop ends when this holds after an iteration.
        condition: Condition,
        /// The group of the actions inside.
        body: GroupIndex,
        /// The template of the highest number of iterations.
        count: Option<Compiled>,
        /// The template of the duration after which no new iteration begins.
        timeout: Option<Compiled>,
    },
    /// Ends the run.
    Terminate(Compiled),
    /// A type that Hookmill lacks; it fails when it is reached.
    Unsupported,
}

impl ActionKind {
    /// The groups inside, in order of the document.
    #[must_use]
    pub fn groups(&self) -> Vec<GroupIndex> {
        match self {
            Self::Scope { body } | Self::Foreach { body, .. } | Self::Until { body, .. } => vec![*body],
            Self::If { then, otherwise, .. } => vec![*then, *otherwise],
            Self::Switch { cases, default, .. } => cases.iter().map(|(_, _, group)| *group).chain([*default]).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether it repeats its group.
    #[must_use]
    pub const fn is_loop(&self) -> bool {
        matches!(self, Self::Foreach { .. } | Self::Until { .. })
    }
}

/// One variable of an initialization.
#[derive(Debug)]
pub struct VariableInput {
    /// The name as written in the definition.
    pub name: Str,
    /// The kind of the variable.
    pub kind: VariableKind,
    /// The template of the first value; `None` means null.
    pub value: Option<Compiled>,
}

/// How a variable is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VariableChange {
    /// The value is replaced.
    Set,
    /// A number is added.
    Increment,
    /// A number is subtracted.
    Decrement,
    /// An element is appended to an array.
    AppendToArray,
    /// A text is appended to a text.
    AppendToString,
}

impl VariableChange {
    /// All ways of changing a variable.
    pub const ALL: &[Self] = &[Self::Set, Self::Increment, Self::Decrement, Self::AppendToArray, Self::AppendToString];

    /// The type of the actions that change so.
    #[must_use]
    pub const fn action_type(self) -> &'static str {
        match self {
            Self::Set => "SetVariable",
            Self::Increment => "IncrementVariable",
            Self::Decrement => "DecrementVariable",
            Self::AppendToArray => "AppendToArrayVariable",
            Self::AppendToString => "AppendToStringVariable",
        }
    }

    /// Whether a variable of that kind can be changed so.
    #[must_use]
    pub const fn fits(self, kind: VariableKind) -> bool {
        match self {
            Self::Set => true,
            Self::Increment | Self::Decrement => matches!(kind, VariableKind::Integer | VariableKind::Float),
            Self::AppendToArray => matches!(kind, VariableKind::Array),
            Self::AppendToString => matches!(kind, VariableKind::String),
        }
    }
}

/// One `actions` object.
#[derive(Debug, Default)]
pub struct Group {
    /// The container; `None` for the definition's own actions.
    pub owner: Option<ActionIndex>,
    /// Its actions in order of the document.
    pub actions: Vec<ActionIndex>,
    /// Those without predecessors.
    pub first: Vec<ActionIndex>,
    /// Those that no other names in its `runAfter`: they decide the group's status.
    pub leaves: Vec<ActionIndex>,
}
