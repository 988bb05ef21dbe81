//! Policies of `apiProperties.json`: read once, at import, and run in the order of the file.
//!
//! Invariant: what cannot be read here is kept with its reason. An operation that it concerns is refused when it is
//! used, so no request leaves without a change that its maker wanted.

mod compile;
pub(crate) mod expression;
mod host;
mod poll;
mod property;
mod run;

use std::collections::BTreeSet;

use hookmill_model::{Diagnostic, Pointer, Str, Value};

use crate::connection::ParameterSet;
use crate::document::{elements, text};
use crate::operation::Operation;
use crate::server::Server;
use expression::{Path, PropertyPath, Template};

pub(crate) use host::same_origin;
pub use poll::PollEnded;
pub(crate) use property::change_body;
pub use run::Lookup;
pub(crate) use run::{Surroundings, response_header, run};

/// One policy of the file as written: a named change of requests or replies.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// What kind of change, in lower case: `setheader`, `dynamichosturl`…
    pub template: Str,
    /// Its title, for people.
    pub title: Str,
    /// Its settings as written.
    pub parameters: Value,
}

impl Policy {
    /// Reads an entry of the file; `None` where it has no template.
    #[must_use]
    pub fn read(instance: &Value) -> Option<Self> {
        Some(Self {
            template: text(instance, "templateId")?.to_ascii_lowercase().into(),
            title: text(instance, "title").unwrap_or_default(),
            parameters: instance.get("parameters").cloned().unwrap_or_default(),
        })
    }

    /// A setting by the last part of its name: `name`, `value`, `newPath`…
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&Value> {
        self.parameters.get(&format!("x-ms-apimTemplateParameter.{name}"))
    }
}

/// When a policy runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    /// Before the request is sent.
    Request,
    /// On every reply.
    Response,
    /// On replies with a status of 400 and above.
    Failure,
}

/// What a header or query policy does where the name is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exists {
    Override,
    Append,
    Skip,
}

/// A place that gets a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Target {
    Header(Str),
    Query(Str),
}

/// A path of the service, perhaps with a query.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Route {
    pub path: Template,
    /// Name and value of each pair.
    pub query: Vec<(String, Template)>,
}

/// What a policy does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Set {
        target: Target,
        value: Template,
        exists: Exists,
    },
    Host(Template),
    Route {
        to: Route,
        method: Option<Str>,
    },
    ValueFromUrl {
        target: Target,
        method: Str,
        at: Route,
        value: Path,
    },
    SetProperty {
        parent: PropertyPath,
        sub: PropertyPath,
        value: Template,
    },
    ArrayToObject {
        from: Source,
        to: PropertyPath,
        key: PropertyPath,
        keeps_key: bool,
    },
    ObjectToArray {
        from: Source,
        to: PropertyPath,
        key: Str,
        value: Str,
    },
    TextToArray {
        from: Source,
        to: PropertyPath,
        delimiters: String,
        member: Str,
    },
    Replace {
        from: Source,
        to: PropertyPath,
        search: String,
        with: String,
    },
    Encode {
        from: Source,
        to: PropertyPath,
    },
    Move {
        from: Source,
        to: Source,
        members_only: bool,
    },
    /// Polls that go on where the one before ended.
    Polling {
        /// Pairs of every poll.
        constants: Vec<(Str, Str)>,
        /// Pairs made from the last answer that had data.
        state: Vec<(Str, Template)>,
        /// Where the data of an answer are; `None` where any answer is data.
        data: Option<Path>,
    },
    /// The link to the next page is followed as it is.
    NextLink,
    /// Replies of this status mean that the credentials are refused.
    Unauthenticated,
}

/// A property below a parent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Source {
    pub parent: PropertyPath,
    pub sub: PropertyPath,
}

/// A policy that was read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Compiled {
    /// The template as the file writes it.
    pub template: Str,
    /// The operations that it is for; empty for all.
    pub operations: Vec<Str>,
    pub section: Section,
    /// What it does, or why that is not known.
    pub kind: Result<Kind, String>,
}

impl Compiled {
    /// Whether it does nothing but set a header.
    pub(crate) const fn sets_header(&self) -> bool {
        matches!(self.kind, Ok(Kind::Set { target: Target::Header(_), .. }))
    }

    /// Whether it is for an operation; `None` stands for requests that are of no operation.
    pub(crate) fn concerns(&self, operation_id: Option<&str>) -> bool {
        self.operations.is_empty() || operation_id.is_some_and(|id| self.operations.iter().any(|own| **own == *id))
    }
}

/// Servers as hosts by policy, which run before those of the file: that of the whole file for the operations that have
/// none of their own.
pub(crate) fn of_servers(servers: &[Server], operations: &[Operation]) -> Vec<Compiled> {
    let has_own = |id: &Str| servers.iter().any(|server| server.operation.as_ref() == Some(id));
    let any_own = servers.iter().any(|server| server.operation.is_some());
    let others = || operations.iter().map(|own| own.operation_id.clone()).filter(|id| !has_own(id)).collect();
    let made = |server: &Server| Compiled {
        template: "server".into(),
        operations: match &server.operation {
            Some(id) => vec![id.clone()],
            None if any_own => others(),
            None => Vec::new(),
        },
        section: Section::Request,
        kind: Ok(Kind::Host(server.url.clone())),
    };
    servers.iter().map(made).collect()
}

/// Reads the policies of a properties file. What cannot be read is a warning that names the operations it concerns.
pub(crate) fn compile(
    properties: Option<&Value>,
    sets: &[ParameterSet],
    operations: &[Operation],
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Compiled> {
    let instances = properties.map(policy_instances).unwrap_or_default();
    let known: BTreeSet<&str> = operations.iter().map(|own| &*own.operation_id).collect();
    let mut found = Vec::with_capacity(instances.len());
    for (index, instance) in instances.iter().enumerate() {
        let at = Pointer::root().child("properties").child("policyTemplateInstances").child(index);
        let Some(policy) = Policy::read(instance) else {
            let message = "this policy does not say which template it is of; no operation can be used without it";
            diagnostics.push(
                Diagnostic::warning("policy_unsupported", at, message)
                    .with_hint("Give it a \"templateId\", or remove it."),
            );
            found.push(Compiled {
                template: "(no template)".into(),
                operations: named_operations(instance.get("parameters").unwrap_or(&Value::Null)),
                section: Section::Request,
                kind: Err("it has no template".to_owned()),
            });
            continue;
        };
        let written = text(instance, "templateId").unwrap_or_default();
        let compiled = compile::compile(&policy, written, sets);
        for id in &compiled.operations {
            if !known.contains(&**id) {
                let message =
                    format!("the policy \"{}\" names the operation \"{id}\", which is not there", compiled.template);
                diagnostics.push(Diagnostic::information("policy_operation_missing", at.clone(), message));
            }
        }
        if let Err(reason) = &compiled.kind {
            let whom = if compiled.operations.is_empty() {
                "all operations".to_owned()
            } else {
                format!("the operations {}", compiled.operations.join(", "))
            };
            let message = format!(
                "the policy \"{}\" cannot run here: {reason}. It concerns {whom}, which are refused when they are used",
                compiled.template
            );
            diagnostics.push(Diagnostic::warning("policy_unsupported", at, message).with_hint(
                "Mend or remove the policy in the connector's definition, or call the service with an HTTP action.",
            ));
        }
        found.push(compiled);
    }
    found
}

/// The operations that the parameters of a policy name; none for all.
fn named_operations(parameters: &Value) -> Vec<Str> {
    match parameters.get("x-ms-apimTemplate-operationName") {
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).map(Str::from).collect(),
        Some(Value::String(name)) if !name.is_empty() => vec![name.clone()],
        _ => Vec::new(),
    }
}

/// The policies of a properties file as they are written.
#[must_use]
pub fn policy_instances(properties: &Value) -> &[Value] {
    properties.get("properties").map(|inner| elements(inner, "policyTemplateInstances")).unwrap_or_default()
}

/// The properties file with other policies; what else is in it stays.
#[must_use]
pub fn policies_replaced(properties: Option<&Value>, instances: Vec<Value>) -> Value {
    let mut whole = properties.and_then(Value::as_object).cloned().unwrap_or_default();
    let mut inner = whole.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    inner.insert("policyTemplateInstances", Value::array(instances));
    whole.insert("properties", inner);
    whole.into()
}

/// Why an instance of a policy cannot run here; `None` where it can. `properties` is the file that it stands in.
#[must_use]
pub fn policy_fault(instance: &Value, sets: &[ParameterSet]) -> Option<String> {
    let Some(policy) = Policy::read(instance) else { return Some("it has no template".to_owned()) };
    compile::compile(&policy, policy.template.clone(), sets).kind.err()
}
