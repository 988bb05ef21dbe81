//! Flows as files: what an import reads, packages to export.

use std::collections::{BTreeMap, HashSet};
use std::io::{Cursor, Write};

use axum::extract::{Multipart, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use hookmill_connector::PREBUILT;
use hookmill_definition::file::{self, FlowFile};
use hookmill_definition::{Limits, compile_while};
use hookmill_model::{FlowId, Object, Value};
use hookmill_store::{Connector, ConnectorFilter, List};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{id_of, members};
use crate::account::Caller;
use crate::extract::{Json, Query};
use crate::schema::{self, Diagnostic, findings};
use crate::{Problem, ServerState};

/// So many flows are exported as one file, with so many bytes.
const EXPORTED_MAX: usize = 500;
const EXPORTED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The file of a flow.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the fields are read as a form; this is their schema")]
pub struct FlowFileForm {
    /// A package (`.zip`), a `definition.json`, or a bare definition.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// A connection that an imported flow needs.
#[derive(Serialize, ToSchema)]
pub struct ImportedConnection {
    /// The connector as the file names it.
    #[schema(required)]
    api: Option<String>,
    /// The connector of this server that fits.
    #[schema(required)]
    connector_id: Option<String>,
    /// The connector that comes with the product and fits.
    #[schema(required)]
    prebuilt: Option<&'static str>,
}

/// A connection for which this server has no connector.
#[derive(Serialize, ToSchema)]
pub struct ImportNeed {
    key: String,
    #[schema(required)]
    api: Option<String>,
    message: &'static str,
}

/// A flow read from a file; nothing is stored.
#[derive(Serialize, ToSchema)]
pub struct ImportedFlow {
    name: String,
    #[schema(value_type = Object)]
    definition: Value,
    parameters: Object,
    profile: &'static str,
    /// What stands around the definition in the file; save it with the flow, so that an export can write it again.
    envelope: Value,
    connections: BTreeMap<String, ImportedConnection>,
    needs: Vec<ImportNeed>,
    diagnostics: Vec<Diagnostic>,
}

/// What a file holds: the members of its first flow, and the other flows of a package.
#[derive(Serialize, ToSchema)]
pub struct ImportedFile {
    #[serde(flatten)]
    first: ImportedFlow,
    /// The other flows, in the order of the package.
    further: Vec<ImportedFlow>,
}

/// The connectors of this server among which an import looks.
struct Known<'a> {
    connectors: &'a [Connector],
    limits: &'a Limits,
}

impl Known<'_> {
    fn imported(&self, flow: FlowFile) -> ImportedFlow {
        let plain = |text: &str| text.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect::<String>();
        let mut connections = BTreeMap::new();
        let mut needs = Vec::new();
        for reference in &flow.connections {
            let api = reference.api.as_deref().map(ToOwned::to_owned);
            let named = reference.api.as_deref().unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned();
            let wanted = plain(named.trim_start_matches("shared_"));
            let prebuilt = PREBUILT.iter().find(|own| wanted == own.id).map(|own| own.id);
            let fits = self.connectors.iter().find(|own| {
                own.id.to_string() == named || (!wanted.is_empty() && wanted.starts_with(&plain(&own.name)))
            });
            if fits.is_none() && !hookmill_runtime::is_own_api(&named) {
                let message = "No connector of this server fits. Import it, then choose a connection.";
                needs.push(ImportNeed { key: reference.key.to_string(), api: api.clone(), message });
            }
            let connector_id = fits.map(|own| own.id.to_string());
            connections.insert(reference.key.to_string(), ImportedConnection { api, connector_id, prebuilt });
        }
        let wanted = hookmill_runtime::wanted();
        let compiled = compile_while(&flow.definition, &flow.parameters, flow.profile, self.limits, &*wanted);
        let read = flow.diagnostics.into_iter();
        ImportedFlow {
            name: flow.name.unwrap_or_else(|| "Imported flow".to_owned()),
            definition: flow.definition,
            parameters: members(&flow.parameters),
            profile: flow.profile.as_str(),
            envelope: flow.envelope,
            connections,
            needs,
            diagnostics: findings(read.chain(compiled.diagnostics).collect()),
        }
    }
}

/// Read a package or a definition with all of its flows; nothing is stored
#[utoipa::path(post, path = "/api/flows/import", tag = "flows", request_body(content = FlowFileForm, content_type = "multipart/form-data"), responses((status = 200, body = ImportedFile)))]
pub async fn import(
    caller: Caller,
    State(state): State<ServerState>,
    mut form: Multipart,
) -> Result<Json<ImportedFile>, Problem> {
    let wrong = |detail: String| Problem::bad("request_malformed", detail);
    let mut bytes = None;
    while let Some(field) = form.next_field().await.map_err(|error| wrong(error.body_text()))? {
        if field.name() != Some("file") {
            let detail = format!("The form has an unknown part: \"{}\".", field.name().unwrap_or_default());
            return Err(Problem::bad("request_invalid", detail).hint("It takes one part, \"file\"."));
        }
        bytes = Some(field.bytes().await.map_err(|error| wrong(error.body_text()))?);
    }
    let bytes = bytes.ok_or_else(|| Problem::bad("file_missing", "Send the package or definition as \"file\"."))?;
    let invalid = "The file holds no flow.";
    let wanted = hookmill_runtime::wanted();
    let flows =
        file::read_while(&bytes, &*wanted).map_err(|finding| Problem::found("flow_invalid", invalid, &[*finding]))?;
    let found =
        state.store().connectors(&ConnectorFilter { owner: Some(caller.user), q: None }, List::first(500)).await?;
    let known = Known { connectors: &found.items, limits: &state.runtime.config().limits };
    let mut flows = flows.into_iter().map(|flow| known.imported(flow));
    let first = flows.next().ok_or_else(|| Problem::found("flow_invalid", invalid, &[]))?;
    Ok(Json(ImportedFile { first, further: flows.collect() }))
}

/// The flow as a package that Power Automate imports
#[utoipa::path(get, path = "/api/flows/{id}/export", tag = "flows", responses((status = 200, body = inline(schema::File), content_type = "application/zip")))]
pub async fn export(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let (_, bytes) = package(&state, &caller, id_of(&id)?).await?;
    Ok(attachment(&format!("{id}.zip"), bytes))
}

/// A flow's name, and its package.
async fn package(state: &ServerState, caller: &Caller, id: FlowId) -> Result<(String, Vec<u8>), Problem> {
    let view = state.runtime.flow_exported(caller.user, id).await?;
    let connections = view.flow.bindings.iter().map(|binding| file::ConnectionReference {
        key: binding.key.as_str().into(),
        api: binding.api.as_deref().map(Into::into),
        name: None,
    });
    let flow = file::FlowFile {
        entry: None,
        name: Some(view.flow.name.clone()),
        profile: view.profile,
        definition: view.definition,
        pointer: hookmill_model::Pointer::root(),
        connections: connections.collect(),
        parameters: view.parameters,
        envelope: view.envelope,
        diagnostics: Vec::new(),
    };
    let bytes = file::write_package(&flow).map_err(|error| Problem::internal(&error))?;
    Ok((view.flow.name, bytes))
}

fn attachment(name: &str, bytes: Vec<u8>) -> Response {
    let head = [
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    (head, bytes).into_response()
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// The flows, at most 500, separated by commas.
    flows: String,
}

/// Several flows as one file: a package each, as Power Automate imports it; an import here reads all of them at once
#[utoipa::path(get, path = "/api/flow-packages", tag = "flows", params(ExportQuery), responses((status = 200, body = inline(schema::File), content_type = "application/zip")))]
pub async fn export_all(
    caller: Caller,
    State(state): State<ServerState>,
    Query(query): Query<ExportQuery>,
) -> Result<Response, Problem> {
    let asked: Vec<&str> = query.flows.split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
    if asked.is_empty() || asked.len() > EXPORTED_MAX {
        let detail = format!("\"flows\" has 1 to {EXPORTED_MAX} identifiers, not {}.", asked.len());
        return Err(Problem::bad("query_invalid", detail));
    }
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let mut names = HashSet::new();
    let mut bytes_left = EXPORTED_BYTES_MAX;
    let broken = |error: &dyn std::fmt::Display| Problem::internal(error);
    for id in asked {
        let (name, bytes) = package(&state, &caller, id_of(id)?).await?;
        bytes_left = bytes_left.checked_sub(bytes.len()).ok_or_else(|| {
            let detail = format!("The packages have more than {} MiB together.", EXPORTED_BYTES_MAX >> 20);
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail).hint("Export fewer flows at a time.")
        })?;
        // Packages are compressed already.
        let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        archive.start_file(file_name(&name, &mut names), stored).map_err(|error| broken(&error))?;
        archive.write_all(&bytes).map_err(|error| broken(&error))?;
    }
    let bytes = archive.finish().map_err(|error| broken(&error))?.into_inner();
    Ok(attachment("flows.zip", bytes))
}

/// A name that every file system takes, and that no other package of the file has.
fn file_name(flow: &str, taken: &mut HashSet<String>) -> String {
    let is_plain = |sign: char| sign.is_alphanumeric() || matches!(sign, ' ' | '-' | '_');
    let plain: String = flow.chars().map(|sign| if is_plain(sign) { sign } else { '_' }).take(80).collect();
    let plain = if plain.trim().is_empty() { "Flow" } else { plain.trim() };
    let mut number = 1;
    loop {
        let name = if number == 1 { format!("{plain}.zip") } else { format!("{plain} {number}.zip") };
        if taken.insert(name.to_lowercase()) {
            return name;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_packages_are_plain_and_differ() {
        let mut taken = HashSet::new();
        let mut name = |flow: &str| file_name(flow, &mut taken);
        assert_eq!(name("Orders: every/day"), "Orders_ every_day.zip");
        assert_eq!(name("Büro"), "Büro.zip");
        assert_eq!(name("../.."), "_____.zip");
        assert_eq!((name("Copy"), name("copy")), ("Copy.zip".to_owned(), "copy 2.zip".to_owned()));
        assert_eq!(name("  "), "Flow.zip");
    }
}
