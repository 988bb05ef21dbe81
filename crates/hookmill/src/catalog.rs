//! Connectors in a folder: whether they have the operations that a flow uses.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context, Result};
use hookmill_connector::MAX_DOCUMENT_BYTES;
use hookmill_definition::file::FlowFile;
use hookmill_definition::plan::{Action, ActionKind, ConnectorInputs, OperationInputs, Plan};
use hookmill_model::{Diagnostic, Pointer, Value};

/// Folders are searched this deep.
const DEPTH_MAX: usize = 6;

/// The operation ids of the connectors in a folder, by the names under which flows may know them.
pub struct Catalog {
    operations: BTreeMap<String, Vec<String>>,
}

/// `shared_git-20hub` and `Git Hub` are the same connector: blanks and the like are written as `-` and a number.
fn plain(name: &str) -> String {
    let name = name.trim_start_matches("shared_").to_lowercase();
    let mut parts = name.split('-');
    let mut found = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok());
        let is_mark = code.is_some_and(|code| code.is_ascii_punctuation() || code == b' ');
        found.push_str(if is_mark { &part[2..] } else { part });
    }
    found.chars().filter(|c| c.is_alphanumeric()).collect()
}

impl Catalog {
    pub fn read(folder: &str) -> Result<Self> {
        let mut catalog = Self { operations: BTreeMap::new() };
        catalog.add(Path::new(folder), 0).with_context(|| format!("cannot read the folder {folder}"))?;
        Ok(catalog)
    }

    fn add(&mut self, folder: &Path, depth: usize) -> std::io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                if depth < DEPTH_MAX {
                    self.add(&path, depth + 1)?;
                }
                continue;
            }
            if path.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("json")) {
                continue;
            }
            // A longer file is no document of a connector.
            let mut bytes = Vec::new();
            std::fs::File::open(&path)?.take(MAX_DOCUMENT_BYTES as u64 + 1).read_to_end(&mut bytes)?;
            let bare = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
            let Some(document) = Value::from_json(bare).ok().filter(|document| document.get("paths").is_some()) else {
                continue;
            };
            let operations: Vec<String> = document
                .get("paths")
                .and_then(Value::as_object)
                .into_iter()
                .flat_map(hookmill_model::Object::values)
                .filter_map(Value::as_object)
                .flat_map(hookmill_model::Object::values)
                .filter_map(|operation| operation.get("operationId")?.as_str().map(ToOwned::to_owned))
                .collect();
            let title = document.pointer("/info/title").and_then(Value::as_str).unwrap_or_default();
            let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let parent = path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
            for name in [title, file.split('.').next().unwrap_or_default(), parent] {
                if !plain(name).is_empty() {
                    self.operations.entry(plain(name)).or_default().extend(operations.clone());
                }
            }
        }
        Ok(())
    }

    /// What of a flow the connectors lack.
    pub fn check(&self, flow: &FlowFile, plan: &Plan) -> Vec<Diagnostic> {
        let waits = |at: &Pointer| {
            let is_webhook = |action: &Action| matches!(action.kind, ActionKind::ConnectorWebhook(_));
            plan.actions.iter().any(|action| action.pointer == *at && is_webhook(action))
        };
        let calls = plan.connector_calls();
        calls.filter_map(|(name, at, call)| self.check_call(flow, name, call, &at, waits(&at))).collect()
    }

    fn check_call(
        &self,
        flow: &FlowFile,
        name: &str,
        call: &ConnectorInputs,
        at: &Pointer,
        subscribes: bool,
    ) -> Option<Diagnostic> {
        let reference = flow.connections.iter().find(|reference| reference.key == call.connection);
        let api = call.api.clone().or_else(|| reference.and_then(|reference| reference.api.clone()));
        let api = api.unwrap_or_else(|| call.connection.clone());
        if hookmill_runtime::is_own_api(&api) {
            let OperationInputs::ById { operation_id, .. } = &call.operation else { return None };
            let fault = hookmill_runtime::own_operation_fault(&api, operation_id, subscribes);
            return fault.map(|message| Diagnostic::error("operation_unknown", at.clone(), message));
        }
        let wanted = plain(&api);
        // Names of imported custom connectors end with an identifier: the longest name that fits is meant.
        let starts = |known: &&String| wanted.starts_with(known.as_str());
        let found = self.operations.keys().filter(starts).max_by_key(|known| known.len());
        let Some((found, operations)) = found.and_then(|found| Some((found, self.operations.get(found)?))) else {
            let message = format!("'{name}' needs the connector '{api}', which is not in the folder.");
            let hint = "Import the connector's OpenAPI file with 'hookmill connector import FILE'; until then 'hookmill flow create FILE --draft' keeps the flow as a draft.";
            return Some(Diagnostic::warning("connector_missing", at.clone(), message).with_hint(hint));
        };
        let OperationInputs::ById { operation_id, .. } = &call.operation else { return None };
        if operations.iter().any(|known| known.eq_ignore_ascii_case(operation_id)) {
            return None;
        }
        let message = format!("The connector '{api}' has no operation '{operation_id}', which '{name}' uses.");
        let closest = hookmill_expression::closest(operation_id, operations.iter().map(String::as_str));
        let hint =
            closest.map_or_else(|| "Choose another operation.".to_owned(), |known| format!("Did you mean '{known}'?"));
        // Where the names only begin alike, another connector may be meant.
        let finding = if *found == wanted { Diagnostic::error } else { Diagnostic::warning };
        Some(finding("operation_unknown", at.clone(), message).with_hint(hint))
    }
}
