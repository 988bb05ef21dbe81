//! What the engine asks of the world, and what the world answers.
//!
//! A command is derived from the state of a run, so there is no queue of commands to lose: after a crash
//! [`crate::pending`] gives the same ones again. The executor performs an [`ActionRequest`] once and reports one
//! [`Outcome`]; it never retries, polls or follows pages. All of that is decided here, as facts.

use std::fmt;
use std::time::Duration;

use hookmill_model::{Object, RunId, Str, Timestamp, Value};
use serde::{Deserialize, Serialize};

/// The place of an action in a run: its name, and the indexes of the iterations around it, outermost first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ActionPath {
    /// The name of the action; unique in a definition.
    pub action: Str,
    /// One index per `Foreach` or `Until` around the action.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<u32>,
}

/// One attempt of one action in one run. Its text is the idempotency key that services get.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EffectId {
    /// The run.
    pub run: RunId,
    /// The action and its iterations.
    pub path: ActionPath,
    /// Counts retries, polls and pages, from 1. Sending again after a crash keeps the number.
    pub attempt: u32,
}

impl fmt::Display for EffectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.run, self.path.action)?;
        for index in &self.path.indexes {
            write!(f, "[{index}]")?;
        }
        write!(f, "/{}", self.attempt)
    }
}

/// What must be in flight for a run to go on.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant)] // There are few of them, and most perform something.
pub enum Command {
    /// Perform the request and report its outcome with [`crate::Input::EffectEnded`].
    Perform {
        /// Names the attempt; an outcome for an attempt that is not open changes nothing.
        effect: EffectId,
        /// What to do.
        request: ActionRequest,
    },
    /// Send [`crate::Input::Tick`] at this time or later.
    WakeAt(Timestamp),
    /// Send [`crate::Input::Tick`] at once: the last decision stopped at its bound, and more is due.
    Continue,
}

/// What one action wants done outside. Everything is evaluated; nothing refers to the run any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ActionRequest {
    /// An HTTP call: the `Http` action, its polls and pages, and `HttpWebhook`'s subscribe and unsubscribe.
    Http(HttpRequest),
    /// A call of a connector's operation.
    Connector(ConnectorRequest),
    /// JavaScript in the sandbox.
    JavaScript {
        /// The source, as written in the definition.
        code: Str,
        /// What `workflowContext` is inside: `{trigger, actions, workflow}`.
        context: Value,
        /// When the script is stopped.
        #[serde(with = "crate::command::millis")]
        timeout: Duration,
    },
    /// A run of another flow; the outcome is its response, or 202 when it has none.
    ChildFlow {
        /// How the definition names the flow: `workflow.id` or `workflowReferenceName`.
        flow: Str,
        /// The trigger's outputs there.
        headers: Value,
        /// The trigger's body there.
        body: Value,
    },
}

/// An HTTP call in the terms of the definition language.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HttpRequest {
    /// In capitals.
    pub method: Str,
    /// Absolute, queries already appended.
    pub uri: Str,
    /// Names and texts.
    #[serde(default)]
    pub headers: Object,
    /// `name=value` pairs; the header of this name is not taken from `headers`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<Str>,
    /// `Null` for none. Text is sent as it is, `{"$content-type","$content"}` as its bytes, all else as JSON.
    #[serde(default)]
    pub body: Value,
    /// The action's `authentication` object, evaluated; `Null` for none. Never shown in a history.
    #[serde(default)]
    pub authentication: Value,
    /// The longest time to the complete answer.
    #[serde(with = "crate::command::millis")]
    pub timeout: Duration,
    /// Bodies go in parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunks: Option<Chunks>,
}

/// How large the parts of a body are, where the maker says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunks {
    /// Bytes of a part that is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload_bytes: Option<u64>,
    /// Bytes of a part that is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download_bytes: Option<u64>,
}

/// A call through a connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConnectorRequest {
    /// The key of the flow's connection references (`host.connectionName`, or the name in `$connections`).
    pub connection: Str,
    /// The connector as the definition names it (`host.apiId`, last part), where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<Str>,
    /// Which operation.
    pub operation: OperationRequest,
    /// For an action that waits for a call-back: the address to put into the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<Str>,
    /// The longest time to the complete answer.
    #[serde(with = "crate::command::millis")]
    pub timeout: Duration,
}

/// The two ways in which definitions name an operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "form", rename_all = "snake_case")]
pub enum OperationRequest {
    /// `OpenApiConnection…`: by `operationId`, with parameters by name (`body/config/url` reaches into the body).
    ById {
        /// The operation.
        operation_id: Str,
        /// Parameter name → value.
        parameters: Value,
    },
    /// `ApiConnection…`: by method and path below the connector's base path.
    ByPath {
        /// In any case.
        method: Str,
        /// Begins with `/`; path values are already encoded by the expression.
        path: Str,
        /// Query name → value.
        queries: Value,
        /// Header name → value.
        headers: Value,
        /// `Null` for none.
        body: Value,
    },
    /// A further request to an address that the service named itself: a poll (`Location`), a page (`nextLink`), the
    /// end of a subscription.
    Follow {
        /// In capitals.
        #[serde(default = "get")]
        method: Str,
        /// Absolute, or relative to the first request.
        uri: Str,
    },
}

fn get() -> Str {
    "GET".into()
}

/// How an attempt ended, as the executor saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// The service answered, whatever it said.
    Replied {
        /// The HTTP status.
        status: u16,
        /// Names as the service wrote them; repeated headers are joined with a comma.
        headers: Object,
        /// The body, already turned into a value by its content type (`hookmill_expression::content::body`);
        /// `None` where there was none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<Value>,
    },
    /// There is no answer.
    NoReply {
        /// One of the codes of the definition language, such as `UnresolvableHostName` or `GatewayTimeout`.
        code: Str,
        /// What happened, for people.
        message: Str,
        /// Whether the request may have reached the service. `false` is certain.
        maybe_sent: bool,
        /// Whether another attempt makes sense by the action's retry policy.
        retryable: bool,
    },
}

/// A finished effect with what the history shows of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Performed {
    /// How it ended.
    pub outcome: Outcome,
    /// The request as it was sent, secrets redacted: `{method, uri, headers, body}`; `Null` where nothing was sent.
    #[serde(default)]
    pub request: Value,
}

/// Durations as whole milliseconds.
pub(crate) mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}
