//! The creation of a webhook as its connector plans it, and what the answer says.

use hookmill_connector::{Call, Creation, DeletionAddress, Lookup, Plan, WrittenRequest};
use hookmill_engine::{Outcome, Performed};
use hookmill_expression::content;
use hookmill_model::Value;

use crate::plans::Bound;
use crate::record::Record;
use crate::sealed::is_lost;

/// The request that creates a webhook; `url` is where the service shall call.
pub(crate) fn plan(bound: &Bound, record: &Record, url: &str, lookups: &[Lookup]) -> Result<Plan, String> {
    let call = Call {
        parameters: Some(&record.parameters),
        callback_url: Some(url),
        credentials: bound.credentials.as_ref(),
        lookups,
        ..Call::default()
    };
    if is_lost(&record.parameters) {
        return Err("What the webhook was made with was sealed with a master key that is not here.".to_owned());
    }
    let id = record.operation.as_deref().unwrap_or_default();
    if id.is_empty() {
        let part = |name: &str| record.parameters.get(name).cloned().unwrap_or_default();
        let method = record.parameters.get("method").map_or_else(|| "post".into(), content::to_text);
        let path = record.parameters.get("path").map(content::to_text).unwrap_or_default();
        let (queries, headers, body) = (part("queries"), part("headers"), part("body"));
        let written =
            WrittenRequest { method: &method, path: &path, queries: &queries, headers: &headers, body: &body };
        return bound.connector.plan_by_path(&written, &call).map_err(|error| error.to_string());
    }
    let operation = bound.connector.operation(id);
    let operation =
        operation.ok_or_else(|| format!("The connector '{}' has no trigger '{id}'.", bound.connector.name))?;
    bound.connector.plan_request(operation, &call).map_err(|error| error.to_string())
}

/// The operation that creates a webhook, with the values of its names; a request by path is looked up.
pub(crate) fn creation<'a>(bound: &'a Bound, record: &Record) -> Option<(&'a hookmill_connector::Operation, Value)> {
    if is_lost(&record.parameters) {
        return None;
    }
    let id = record.operation.as_deref().unwrap_or_default();
    if let Some(operation) = bound.connector.operation(id) {
        return Some((operation, record.parameters.clone()));
    }
    let method = record.parameters.get("method").map_or_else(|| "post".into(), content::to_text);
    let path = record.parameters.get("path").map(content::to_text)?;
    let (operation, values) = bound.connector.operation_by_path(&method, &path)?;
    Some((operation, values.into()))
}

/// What the answer to a creation says.
#[derive(Default)]
pub(crate) struct Learned {
    /// How the webhook is deleted.
    pub address: Option<DeletionAddress>,
    /// What the maker should know.
    pub warning: Option<String>,
    /// Why nothing was created although the status was good.
    pub refused: Option<String>,
}

/// Reads the answer to a creation that was sent to `created`.
pub(crate) fn learned(bound: &Bound, record: &Record, created: &str, performed: &Performed) -> Learned {
    let Outcome::Replied { status: status @ 200..=299, headers, body } = &performed.outcome else {
        return Learned::default();
    };
    let Some((operation, parameters)) = creation(bound, record) else {
        let warning = "The connector does not describe the creation, so the webhook cannot be deleted.".to_owned();
        return Learned { warning: Some(warning), ..Learned::default() };
    };
    let creation = Creation { url: created, parameters: &parameters, status: *status, headers, body: body.as_ref() };
    if let Err(reason) = bound.connector.created(operation, &creation) {
        return Learned { refused: Some(reason), ..Learned::default() };
    }
    match bound.connector.deletion_address(operation, &creation, bound.credentials.as_ref()) {
        Ok(address) => Learned { address: Some(address), ..Learned::default() },
        Err(reason) => Learned { warning: Some(reason), ..Learned::default() },
    }
}
