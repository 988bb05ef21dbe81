//! Custom connectors: import, settings, icon, operations, test.

use std::collections::HashMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Multipart, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hookmill_connector as model;
use hookmill_connector::{Import, Settings};
use hookmill_model::{ConnectionId, ConnectorId, Id, Value};
use hookmill_store::{
    Change, Connector, ConnectorDocument, ConnectorFilter, Expect, Icon, Lane, List, StoreError, Unit, Uses,
};
use serde::Deserialize;
use serde_json::{Value as Json_, json};

use crate::account::Caller;
use crate::{Problem, ServerState};

const ICON_BYTES_MAX: usize = 1024 * 1024;

/// A page of a list, from `?limit=&cursor=`.
pub(crate) fn page<I: Id + std::str::FromStr>(query: &HashMap<String, String>) -> List<I> {
    let limit = query.get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(50).clamp(1, 500);
    List { limit, after: query.get("cursor").and_then(|cursor| cursor.parse().ok()) }
}

pub(crate) fn icon_url(connector: &Connector) -> Option<String> {
    connector.icon_type.as_ref().map(|_| format!("/api/connectors/{}/icon?{}", connector.id, connector.etag))
}

pub(crate) fn used_by(uses: &Uses) -> Json_ {
    let connections =
        uses.connections.iter().map(|(id, name)| json!({"kind": "connection", "id": id.to_string(), "name": name}));
    let flows = uses.flows.iter().map(|(id, name)| json!({"kind": "flow", "id": id.to_string(), "name": name}));
    connections.chain(flows).collect()
}

pub(crate) async fn own(state: &ServerState, caller: &Caller, id: &str) -> Result<Connector, Problem> {
    let id: ConnectorId = id.parse().map_err(|_| Problem::missing("connector"))?;
    let found = state.store().connector(id).await?.filter(|connector| connector.owner == caller.user);
    found.ok_or_else(|| Problem::missing("connector"))
}

/// What an import brings: the files and what the maker chose.
#[derive(Default)]
struct Parts {
    document: Option<Bytes>,
    properties: Option<Bytes>,
    icon: Option<Bytes>,
    settings: Settings,
}

async fn parts(request: Request, state: &ServerState) -> Result<Parts, Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let wrong = |detail: String| Problem::bad("request_malformed", detail);
    let mut parts = Parts::default();
    if kind.starts_with("multipart/") {
        let mut form = Multipart::from_request(request, state).await.map_err(|error| wrong(error.body_text()))?;
        while let Some(field) = form.next_field().await.map_err(|error| wrong(error.body_text()))? {
            let name = field.name().unwrap_or_default().to_owned();
            let bytes = field.bytes().await.map_err(|error| wrong(error.body_text()))?;
            match name.as_str() {
                "file" => parts.document = Some(bytes),
                "properties" => parts.properties = Some(bytes),
                "icon" => parts.icon = Some(bytes),
                "settings" => {
                    parts.settings =
                        serde_json::from_slice(&bytes).map_err(|error| wrong(format!("settings: {error}")))?;
                }
                _ => {}
            }
        }
        return Ok(parts);
    }
    #[derive(Deserialize)]
    struct Form {
        document: Option<Json_>,
        properties: Option<Json_>,
        #[serde(default)]
        settings: Settings,
    }
    let bytes = Bytes::from_request(request, state).await.map_err(|error| wrong(error.body_text()))?;
    let form: Form =
        serde_json::from_slice(&bytes).map_err(|error| wrong(format!("the request is not JSON: {error}")))?;
    let text = |value: Json_| Bytes::from(value.to_string());
    let blank = json!({"swagger": "2.0", "info": {"title": form.settings.name.as_deref().unwrap_or("Connector"), "version": "1.0"}, "paths": {}});
    parts.document = Some(text(form.document.filter(|document| !document.is_null()).unwrap_or(blank)));
    parts.properties = form.properties.map(text);
    parts.settings = form.settings;
    Ok(parts)
}

/// PNG, JPEG, GIF and WebP by their first bytes. SVG can carry scripts, so it is refused.
fn icon_type(bytes: &[u8]) -> Result<&'static str, Problem> {
    if bytes.len() > ICON_BYTES_MAX {
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "icon_too_large", "An icon has at most 1 MB."));
    }
    let webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Ok("image/png"),
        [0xFF, 0xD8, 0xFF, ..] => Ok("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Ok("image/gif"),
        _ if webp => Ok("image/webp"),
        _ => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "icon_type",
            "An icon is a PNG, JPEG, GIF or WebP file.",
        )),
    }
}

fn read(parts: &Parts) -> Result<Import, Problem> {
    let document =
        parts.document.as_ref().ok_or_else(|| Problem::bad("file_missing", "Send the OpenAPI file as \"file\"."))?;
    Ok(model::Connector::import(document, parts.properties.as_deref(), &parts.settings))
}

fn refuse(import: &Import) -> Problem {
    let first = import.diagnostics.iter().find(|finding| finding.severity == hookmill_model::Severity::Error);
    let detail = first.map_or("The file cannot become a connector.".to_owned(), |finding| finding.message.clone());
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "connector_invalid", detail)
        .with("diagnostics", json!(import.diagnostics));
    match first {
        Some(finding) => problem.with("pointer", json!(finding.pointer)).with("hint", json!(finding.hint)),
        None => problem,
    }
}

async fn shown(state: &ServerState, stored: &Connector, whole: bool) -> Result<Json_, Problem> {
    let connector = state.runtime.connector(stored.id).await?;
    let uses = state.store().connector_uses(stored.id).await?;
    let triggers = connector.triggers().count();
    let mut members = json!({
        "id": stored.id.to_string(),
        "name": stored.name,
        "description": stored.description,
        "icon_url": icon_url(stored),
        "color": connector.color,
        "host": connector.host,
        "base_path": connector.base_path,
        "scheme": connector.scheme,
        "authentication": connector.authentication,
        "triggers_count": triggers,
        "actions_count": connector.operations.len() - triggers,
        "connections_count": uses.connections.len(),
        "etag": stored.etag,
        "created_at": stored.created_at,
        "updated_at": stored.updated_at,
    });
    if whole {
        let operations: Vec<_> = connector.operations.iter().map(model::Operation::summary).collect();
        members["operations"] = json!(operations);
        let settings: Settings = serde_json::from_slice(&stored.settings).unwrap_or_default();
        let properties = connector.properties().cloned();
        members["diagnostics"] =
            json!(model::Connector::import_value(connector.document(), properties.as_ref(), &settings).diagnostics);
    }
    Ok(members)
}

pub async fn import(caller: Caller, State(state): State<ServerState>, request: Request) -> Result<Response, Problem> {
    let parts = parts(request, &state).await?;
    store(&caller, &state, parts).await
}

async fn store(caller: &Caller, state: &ServerState, parts: Parts) -> Result<Response, Problem> {
    let import = read(&parts)?;
    let (true, Some(connector), Some(document)) = (import.is_valid(), &import.connector, &import.document) else {
        return Err(refuse(&import));
    };
    let icon = parts
        .icon
        .as_ref()
        .filter(|icon| !icon.is_empty())
        .map(|icon| Ok::<_, Problem>((icon_type(icon)?, icon.clone())))
        .transpose()?;
    let now = state.runtime.now();
    let stored = Connector {
        id: state.runtime.new_id(),
        owner: caller.user,
        name: connector.name.to_string(),
        description: connector.description.to_string(),
        etag: 1,
        settings: serde_json::to_vec(&parts.settings).unwrap_or_default().into(),
        summary: Bytes::new(),
        icon_type: icon.as_ref().map(|(kind, _)| (*kind).to_owned()),
        created_at: now,
        updated_at: now,
    };
    let document = ConnectorDocument {
        document: document.to_json().into(),
        properties: import.properties.as_ref().map(|properties| properties.to_json().into()),
    };
    let mut unit =
        Unit::from(Change::PutConnector(stored.clone())).with(Change::PutConnectorDocument(stored.id, document));
    if let Some((kind, bytes)) = icon {
        unit.push(Change::PutIcon(stored.id, Some(Icon { content_type: kind.to_owned(), bytes })));
    }
    state.store().commit(unit, Lane::Work).await?;
    Ok((StatusCode::CREATED, Json(shown(state, &stored, true).await?)).into_response())
}

pub async fn check(_: Caller, State(state): State<ServerState>, request: Request) -> Result<Response, Problem> {
    let parts = parts(request, &state).await?;
    let import = read(&parts)?;
    Ok(Json(json!(model::report(&import, import.properties.as_ref()))).into_response())
}

pub async fn list(
    caller: Caller,
    State(state): State<ServerState>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Problem> {
    let filter = ConnectorFilter { owner: Some(caller.user), q: query.get("q").cloned() };
    let found = state.store().connectors(&filter, page(&query)).await?;
    let mut items = Vec::with_capacity(found.items.len());
    for connector in &found.items {
        items.push(shown(&state, connector, false).await?);
    }
    Ok(Json(json!({"items": items, "next_cursor": found.next.map(|id| id.to_string())})).into_response())
}

pub async fn show(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let stored = own(&state, &caller, &id).await?;
    let etag = format!("\"{}\"", stored.etag);
    Ok(([(header::ETAG, etag)], Json(shown(&state, &stored, true).await?)).into_response())
}

/// The etag that a change must be based on.
pub(crate) fn if_match(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::IF_MATCH)?.to_str().ok()?.trim_matches('"').parse().ok()
}

#[derive(Deserialize)]
pub struct Change_ {
    settings: Option<Settings>,
    document: Option<Json_>,
}

pub async fn update(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(form): Json<Change_>,
) -> Result<Response, Problem> {
    let stored = own(&state, &caller, &id).await?;
    replace(&state, stored, &headers, form.settings, form.document.map(|document| document.to_string().into())).await
}

pub(crate) async fn document_of(state: &ServerState, stored: &Connector) -> Result<Value, Problem> {
    let document = state.store().connector_document(stored.id).await?.ok_or_else(|| Problem::missing("connector"))?;
    Value::from_json(&document.document)
        .map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", error.to_string()))
}

/// Stores a changed connector, if its document can be used and nobody else changed it meanwhile.
pub(crate) async fn replace(
    state: &ServerState,
    mut stored: Connector,
    headers: &HeaderMap,
    settings: Option<Settings>,
    document: Option<Bytes>,
) -> Result<Response, Problem> {
    if if_match(headers).is_some_and(|wanted| wanted != stored.etag) {
        let problem =
            Problem::new(StatusCode::PRECONDITION_FAILED, "version_conflict", "The connector was changed meanwhile.");
        return Err(problem.with("etag", json!(stored.etag)));
    }
    let expected = Expect::ConnectorEtag(stored.id, stored.etag);
    let old = state.store().connector_document(stored.id).await?.ok_or_else(|| Problem::missing("connector"))?;
    let settings = settings.unwrap_or_else(|| serde_json::from_slice(&stored.settings).unwrap_or_default());
    let document = document.unwrap_or(old.document);
    let import = model::Connector::import(&document, old.properties.as_deref(), &settings);
    let (true, Some(connector), Some(document)) = (import.is_valid(), &import.connector, &import.document) else {
        return Err(refuse(&import));
    };
    stored.name = connector.name.to_string();
    stored.description = connector.description.to_string();
    stored.settings = serde_json::to_vec(&settings).unwrap_or_default().into();
    stored.etag += 1;
    stored.updated_at = state.runtime.now();
    let document = ConnectorDocument { document: document.to_json().into(), properties: old.properties };
    let unit = Unit::from(Change::PutConnector(stored.clone()))
        .with(Change::PutConnectorDocument(stored.id, document))
        .expect(expected);
    state.store().commit(unit, Lane::Work).await?;
    state.runtime.forget_connector(stored.id);
    let etag = format!("\"{}\"", stored.etag);
    Ok(([(header::ETAG, etag)], Json(shown(state, &stored, true).await?)).into_response())
}

#[derive(Deserialize)]
pub struct UrlForm {
    url: String,
    #[serde(default)]
    settings: Settings,
}

/// Imports a file that the server fetches, under the same rules as flows.
pub async fn from_url(
    caller: Caller,
    State(state): State<ServerState>,
    Json(form): Json<UrlForm>,
) -> Result<Response, Problem> {
    let document = state.runtime.download(&form.url).await?;
    store(&caller, &state, Parts { document: Some(document), settings: form.settings, ..Parts::default() }).await
}

/// The connector as the files that Power Automate imports.
pub async fn export(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let stored = own(&state, &caller, &id).await?;
    let document = state.store().connector_document(stored.id).await?.ok_or_else(|| Problem::missing("connector"))?;
    let connector = state.runtime.connector(stored.id).await?;
    let failed = |error: &dyn std::fmt::Display| {
        tracing::error!(%error, "a connector cannot be exported");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "The files cannot be written.")
    };
    let properties = match &document.properties {
        Some(properties) => properties.to_vec(),
        None => serde_json::to_vec_pretty(&made_properties(&connector)).map_err(|error| failed(&error))?,
    };
    let mut files =
        vec![("apiDefinition.swagger.json", document.document.to_vec()), ("apiProperties.json", properties)];
    let icon = state.store().icon(stored.id).await?;
    if let Some(icon) = icon {
        let name = match icon.content_type.as_str() {
            "image/jpeg" => "icon.jpg",
            "image/gif" => "icon.gif",
            "image/webp" => "icon.webp",
            _ => "icon.png",
        };
        files.push((name, icon.bytes.to_vec()));
    }
    let bytes = zipped(&files).map_err(|error| failed(&error))?;
    let name = format!("attachment; filename=\"{}.zip\"", stored.id);
    Ok(([(header::CONTENT_TYPE, "application/zip".to_owned()), (header::CONTENT_DISPOSITION, name)], bytes)
        .into_response())
}

fn zipped(files: &[(&str, Vec<u8>)]) -> zip::result::ZipResult<Vec<u8>> {
    use std::io::Write as _;
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        archive.start_file(*name, zip::write::SimpleFileOptions::default())?;
        archive.write_all(bytes)?;
    }
    Ok(archive.finish()?.into_inner())
}

/// `apiProperties.json` for a connector that came without: what a connection asks for, and the colour.
fn made_properties(connector: &model::Connector) -> Json_ {
    use model::Authentication as A;
    let text = |label: &str, kind: &str| json!({"type": kind, "uiDefinition": {"displayName": label, "description": label, "tooltip": label, "constraints": {"tabIndex": 2, "clearText": kind == "string", "required": "true"}}});
    let parameters = match &connector.authentication {
        A::Basic { username_label, password_label } => {
            json!({"username": text(username_label, "securestring"), "password": text(password_label, "securestring")})
        }
        A::ApiKey { label, .. } => json!({"api_key": text(label, "securestring")}),
        _ => json!({}),
    };
    json!({"properties": {"connectionParameters": parameters, "iconBrandColor": connector.color, "capabilities": [], "policyTemplateInstances": []}})
}

pub async fn remove(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let stored = own(&state, &caller, &id).await?;
    let unit = Unit::from(Change::DeleteConnector(stored.id)).expect(Expect::ConnectorUnused(stored.id));
    match state.store().commit(unit, Lane::Work).await {
        Ok(_) => {
            state.runtime.forget_connector(stored.id);
            Ok(StatusCode::NO_CONTENT)
        }
        Err(StoreError::Conflict { .. }) => {
            let uses = state.store().connector_uses(stored.id).await?;
            let problem =
                Problem::new(StatusCode::CONFLICT, "connector_in_use", "Connections or flows use this connector.");
            Err(problem.with("used_by", used_by(&uses)))
        }
        Err(error) => Err(error.into()),
    }
}

pub async fn icon(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let stored = own(&state, &caller, &id).await?;
    let icon = state.store().icon(stored.id).await?.ok_or_else(|| Problem::missing("icon"))?;
    Ok(([(header::CONTENT_TYPE, icon.content_type)], icon.bytes).into_response())
}

async fn set_icon(state: &ServerState, mut stored: Connector, icon: Option<Icon>) -> Result<StatusCode, Problem> {
    stored.icon_type = icon.as_ref().map(|icon| icon.content_type.clone());
    stored.etag += 1;
    stored.updated_at = state.runtime.now();
    let unit = Unit::from(Change::PutConnector(stored.clone())).with(Change::PutIcon(stored.id, icon));
    state.store().commit(unit, Lane::Work).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn put_icon(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Result<StatusCode, Problem> {
    let stored = own(&state, &caller, &id).await?;
    let icon = Icon { content_type: icon_type(&bytes)?.to_owned(), bytes };
    set_icon(&state, stored, Some(icon)).await
}

pub async fn delete_icon(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let stored = own(&state, &caller, &id).await?;
    set_icon(&state, stored, None).await
}

pub async fn definition(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let stored = own(&state, &caller, &id).await?;
    let document = state.store().connector_document(stored.id).await?.ok_or_else(|| Problem::missing("connector"))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], document.document).into_response())
}

pub async fn uses(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let stored = own(&state, &caller, &id).await?;
    let uses = state.store().connector_uses(stored.id).await?;
    Ok(Json(json!({"used_by": used_by(&uses)})).into_response())
}

pub async fn operation(
    caller: Caller,
    State(state): State<ServerState>,
    Path((id, operation)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let stored = own(&state, &caller, &id).await?;
    let connector = state.runtime.connector(stored.id).await?;
    let operation = connector.operation(&operation).ok_or_else(|| Problem::missing("operation"))?;
    let schema = connector.outputs_schema(operation);
    let root = if operation.trigger.is_some() { "triggerBody()" } else { "body('Action')" };
    let mut shown = json!(operation.summary());
    shown["parameters"] = json!(connector.parameters(operation));
    shown["dynamic_content"] = json!(model::dynamic_content(&schema, root));
    shown["outputs_schema"] = json!(schema);
    Ok(Json(shown).into_response())
}

#[derive(Deserialize)]
pub struct TestForm {
    connection_id: Option<ConnectionId>,
    operation_id: String,
    #[serde(default)]
    parameters: Value,
}

pub async fn test(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    Json(form): Json<TestForm>,
) -> Result<Response, Problem> {
    let stored = own(&state, &caller, &id).await?;
    let call = state
        .runtime
        .call_operation(caller.user, stored.id, form.connection_id, &form.operation_id, form.parameters)
        .await?;
    let response = call.status.map(|status| json!({"status": status, "headers": call.headers, "body": call.body}));
    let elapsed = u64::try_from(call.elapsed.as_millis()).unwrap_or(u64::MAX);
    Ok(Json(json!({"request": call.request, "response": response, "error": call.error, "elapsed_ms": elapsed}))
        .into_response())
}
