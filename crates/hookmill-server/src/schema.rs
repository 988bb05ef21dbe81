//! Bodies that many routes share, and the schemas of words whose crates know nothing of OpenAPI.

use std::borrow::Cow;

use axum::http::{HeaderMap, header};
use hookmill_model::Diagnostic as Found;
use hookmill_store::Uses;
use serde::Serialize;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident = $all:expr;)*) => {$(
        $(#[$doc])*
        pub enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let words: Vec<String> = $all.iter().map(ToString::to_string).collect();
                ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    )*};
}

/// A file as it is. utoipa makes a list of numbers of bytes, which no client can send or read.
pub enum File {}

impl PartialSchema for File {
    fn schema() -> RefOr<Schema> {
        let binary = SchemaFormat::KnownFormat(KnownFormat::Binary);
        ObjectBuilder::new().schema_type(Type::String).format(Some(binary)).into()
    }
}

impl ToSchema for File {}

words! {
    /// The status of a run.
    RunStatus = hookmill_model::RunStatus::ALL;
    /// The status of an action in a run.
    ActionStatus = hookmill_model::ActionStatus::ALL;
    /// What a run records.
    RunKind = hookmill_model::RunKind::ALL;
    /// Whether a flow reacts to its trigger.
    FlowState = hookmill_model::FlowState::ALL;
    /// The life of a webhook.
    WebhookState = hookmill_model::SubscriptionState::ALL;
    /// How bad a finding is.
    Severity = [hookmill_model::Severity::Error, hookmill_model::Severity::Warning, hookmill_model::Severity::Information];
    /// Who must act.
    Fault = [hookmill_model::Fault::Author, hookmill_model::Fault::Service, hookmill_model::Fault::Operator, hookmill_model::Fault::Hookmill];
    /// What a user may do.
    UserRole = [hookmill_store::Role::Owner.as_str(), hookmill_store::Role::Member.as_str()];
    /// What an action was given, and what it made.
    ActionValue = ["inputs", "outputs"];
    /// Whether a service accepts a connection's credentials.
    Health = [hookmill_store::Health::Unknown.as_str(), hookmill_store::Health::Ok.as_str(), hookmill_store::Health::Broken.as_str()];
}

/// A finding in a user's file: the schema of [`hookmill_model::Diagnostic`].
#[derive(Serialize, ToSchema)]
pub struct Diagnostic {
    /// How bad it is.
    #[schema(value_type = Severity)]
    severity: hookmill_model::Severity,
    /// Its stable name.
    code: String,
    /// The place in the file, as a JSON pointer.
    pointer: String,
    /// What is wrong there.
    message: String,
    /// What to try.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl From<Found> for Diagnostic {
    fn from(found: Found) -> Self {
        let Found { severity, code, pointer, message, hint } = found;
        Self { severity, code, pointer: pointer.as_str().to_owned(), message, hint }
    }
}

/// Findings as answers carry them.
pub(crate) fn findings(found: Vec<Found>) -> Vec<Diagnostic> {
    found.into_iter().map(Into::into).collect()
}

/// Something with a name, by its identifier.
#[derive(Debug, Serialize, ToSchema)]
pub struct Named {
    /// Its identifier.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// A connection or flow that uses something.
#[derive(Debug, Serialize, ToSchema)]
pub struct Use {
    /// `connection` or `flow`.
    pub kind: &'static str,
    /// Its identifier.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// What uses something, as answers list it.
pub(crate) fn uses(uses: &Uses) -> Vec<Use> {
    let connections = uses.connections.iter().map(|(id, name)| ("connection", id.to_string(), name));
    let flows = uses.flows.iter().map(|(id, name)| ("flow", id.to_string(), name));
    connections.chain(flows).map(|(kind, id, name)| Use { kind, id, name: name.clone() }).collect()
}

/// What uses a thing.
#[derive(Serialize, ToSchema)]
pub struct UsesView {
    /// Connections and flows.
    pub used_by: Vec<Use>,
}

/// Code, message and hint of what went wrong.
#[derive(Serialize, ToSchema)]
#[schema(as = Explained)]
pub struct Explained {
    pub code: String,
    pub message: String,
    /// What to try.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A service for which requests wait: all places there are taken, or it does not answer.
#[derive(Serialize, ToSchema)]
pub struct WaitingFor {
    /// Its name, with the port where it is not the usual one.
    host: String,
    /// Requests of this flow or run that wait for a place there.
    requests: usize,
    /// Other requests that do.
    others: usize,
    /// Whether it was silent so often that only one request at a time tries it; the others fail fast, into their retry
    /// policies.
    is_silent: bool,
}

impl From<hookmill_runtime::WaitingFor> for WaitingFor {
    fn from(waiting: hookmill_runtime::WaitingFor) -> Self {
        let hookmill_runtime::WaitingFor { host, requests, others, is_silent } = waiting;
        Self { host, requests, others, is_silent }
    }
}

/// An entity tag, ready for `If-Match`.
pub(crate) fn etag(etag: u64) -> String {
    format!("\"{etag}\"")
}

/// Times as answers write them.
pub(crate) fn millis(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// The entity tag that a change must be based on; `None` for any. What is no tag of ours matches nothing.
pub(crate) fn if_match(headers: &HeaderMap) -> Option<u64> {
    let given = headers.get(header::IF_MATCH)?.to_str().unwrap_or_default().trim();
    if given == "*" {
        return None;
    }
    Some(given.trim_start_matches("W/").trim_matches('"').parse().unwrap_or(0))
}
