//! The report of `hookmill connector check`: what an import would find.

use hookmill_model::{Diagnostic, Severity, Str, Value};
use serde::Serialize;

use crate::connector::{Connector, Import, Settings};
use crate::document::{members, read_json, text};
use crate::operation::{CallbackPlace, TriggerKind, TriggerMode};
use crate::policy::{Policy, policy_instances};
use crate::properties;

/// What a file holds and what is wrong with it. Its JSON form is fixed.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    /// Whether the file can become a connector: an import of it alone is accepted.
    pub valid: bool,
    /// The title of the API; empty where it cannot be read.
    pub title: Str,
    /// How many operations there are.
    pub operations: usize,
    /// The triggers among them, in the order of the file.
    pub triggers: Vec<CheckedTrigger>,
    /// The kinds of a connection's fields where a properties file is given, else the kinds of `securityDefinitions`;
    /// sorted, each once.
    pub authentication: Vec<Str>,
    /// The policy templates of the properties file, in lower case, sorted, each once.
    pub policy_templates: Vec<Str>,
    /// Everything found.
    pub diagnostics: Vec<Diagnostic>,
}

/// A trigger in a [`CheckReport`].
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckedTrigger {
    /// `null` where the file gives none.
    pub operation_id: Option<Str>,
    /// How it learns of events.
    pub kind: TriggerKind,
    /// What one answer holds.
    pub mode: TriggerMode,
    /// Where the callback address goes.
    pub callback: Option<CallbackPlace>,
    /// Whether the file describes notifications.
    pub notification_schema: bool,
}

/// Checks a file without storing anything. Never fails: what is wrong is in the report.
#[must_use]
pub fn check(document: &[u8], properties: Option<&[u8]>) -> CheckReport {
    let import = Connector::import(document, properties, &Settings::default());
    // The kinds are told even where the document itself cannot be read.
    let properties = properties.and_then(|bytes| read_json(bytes, "properties_not_json", "properties file").ok());
    report(&import, properties.as_ref())
}

/// The report of an import that was made already.
#[must_use]
pub fn report(import: &Import, properties: Option<&Value>) -> CheckReport {
    let connector = import.connector.as_ref();
    let mut policy_templates: Vec<Str> = properties
        .map(policy_instances)
        .unwrap_or_default()
        .iter()
        .filter_map(Policy::read)
        .map(|policy| policy.template)
        .collect();
    policy_templates.sort();
    policy_templates.dedup();
    let authentication = match properties {
        Some(properties) => properties::field_kinds(properties),
        None => connector.map(|connector| security_kinds(connector.document())).unwrap_or_default(),
    };
    CheckReport {
        valid: connector.is_some() && !import.diagnostics.iter().any(speaks_against_the_document),
        title: connector
            .and_then(|connector| connector.document().get("info"))
            .and_then(|info| text(info, "title"))
            .unwrap_or_default(),
        operations: connector.map_or(0, |connector| connector.operations.len()),
        triggers: connector.map(triggers).unwrap_or_default(),
        authentication,
        policy_templates,
        diagnostics: import.diagnostics.clone(),
    }
}

/// Whether a finding is one for which an import refuses the document. A properties file that cannot be read is another
/// file's fault.
fn speaks_against_the_document(finding: &Diagnostic) -> bool {
    finding.severity == Severity::Error && finding.code != "properties_not_json"
}

fn triggers(connector: &Connector) -> Vec<CheckedTrigger> {
    connector
        .operations
        .iter()
        .filter_map(|operation| {
            let (kind, mode) = operation.trigger?;
            Some(CheckedTrigger {
                operation_id: operation.named.then(|| operation.operation_id.clone()),
                kind,
                mode,
                callback: operation.callback.clone(),
                notification_schema: operation.notification_schema.is_some(),
            })
        })
        .collect()
}

/// The kinds of `securityDefinitions`, sorted, each once.
#[must_use]
pub fn security_kinds(document: &Value) -> Vec<Str> {
    let mut kinds: Vec<Str> =
        members(document, "securityDefinitions").filter_map(|(_, scheme)| text(scheme, "type")).collect();
    kinds.sort();
    kinds.dedup();
    kinds
}
