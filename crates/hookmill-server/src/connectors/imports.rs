//! Connectors from files: what an import brings, what is refused, what a check says.

use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::{StatusCode, header};
use bytes::Bytes;
use hookmill_connector as model;
use hookmill_connector::{Authentication, Import, OperationSummary, PREBUILT, Prebuilt, Settings};
use hookmill_model::Value;
use hookmill_store::{Change, Connector, ConnectorDocument, Lane, Unit};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Tagged, icon, seal_client_secret, whole};
use crate::account::Caller;
use crate::extract::{self, Json};
use crate::list::Page;
use crate::schema::{Diagnostic, findings};
use crate::{Problem, ServerState};

/// What an import brings: the files and what the maker chose.
#[derive(Default)]
struct Parts {
    document: Option<Bytes>,
    properties: Option<Bytes>,
    icon: Option<Bytes>,
    settings: Settings,
    client_secret: Option<String>,
}

/// An import as form fields.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the fields are read as a form; this is their schema")]
pub struct ImportFiles {
    /// The OpenAPI file.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// `apiProperties.json`
    #[schema(value_type = String, format = Binary, required = false)]
    properties: Vec<u8>,
    /// PNG, JPEG, GIF or WebP, at most 1 MB.
    #[schema(value_type = String, format = Binary, required = false)]
    icon: Vec<u8>,
    /// What the maker chose instead of what the file says, as JSON.
    settings: Option<Settings>,
    /// The client secret for OAuth 2.0, sealed at rest, never shown again.
    #[schema(value_type = Option<String>, format = Password)]
    client_secret: Option<String>,
}

/// An import as JSON.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportForm {
    /// The OpenAPI document; an empty connector where there is none.
    document: Option<Value>,
    /// In place of a document, the name of a connector that comes with the product.
    prebuilt: Option<String>,
    /// In place of a document, an entry of the gallery: its files are fetched from the public collection.
    gallery: Option<String>,
    /// The content of `apiProperties.json`.
    properties: Option<Value>,
    #[serde(default)]
    settings: Settings,
    /// The client secret for OAuth 2.0, sealed at rest, never shown again.
    #[schema(format = Password)]
    client_secret: Option<String>,
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
                "client_secret" => parts.client_secret = Some(String::from_utf8_lossy(&bytes).into_owned()),
                "settings" => {
                    // The pointers of what does not fit are those of the settings.
                    parts.settings = extract::read(&bytes)?;
                }
                _ => {
                    let detail = format!("The form has an unknown part: \"{name}\".");
                    let known = "It takes file, properties, icon, settings and client_secret.";
                    return Err(Problem::bad("request_invalid", detail).hint(known));
                }
            }
        }
        return Ok(parts);
    }
    let form: ImportForm = extract::read(&extract::body(request, state).await?)?;
    if let Some(id) = &form.prebuilt {
        return prebuilt(id, form.settings);
    }
    if let Some(id) = &form.gallery {
        if hookmill_connector::Prebuilt::find(id).is_some() {
            return prebuilt(id, form.settings);
        }
        let (document, properties) = super::gallery::files(state, id).await?;
        let (settings, client_secret) = (form.settings, form.client_secret);
        return Ok(Parts { document: Some(document), properties, settings, client_secret, ..Parts::default() });
    }
    let text = |value: Value| Bytes::from(value.to_json());
    let blank = || {
        let title = form.settings.name.as_deref().unwrap_or("Connector");
        let info = Value::object([("title", title), ("version", "1.0")]);
        Value::object([
            ("swagger", Value::from("2.0")),
            ("info", info),
            ("paths", hookmill_model::Object::new().into()),
        ])
    };
    parts.document = Some(text(form.document.filter(|document| !document.is_null()).unwrap_or_else(blank)));
    parts.properties = form.properties.map(text);
    parts.settings = form.settings;
    parts.client_secret = form.client_secret;
    Ok(parts)
}

fn prebuilt(id: &str, mut settings: Settings) -> Result<Parts, Problem> {
    let unknown = || {
        let names: Vec<&str> = PREBUILT.iter().map(|prebuilt| prebuilt.id).collect();
        Problem::missing("prebuilt connector").at("/prebuilt").hint(format!("There is: {}.", names.join(", ")))
    };
    let found = Prebuilt::find(id).ok_or_else(unknown)?;
    settings.color.get_or_insert_with(|| found.color.into());
    Ok(Parts { document: Some(Bytes::from_static(found.document.as_bytes())), settings, ..Parts::default() })
}

fn read(parts: &Parts) -> Result<Import, Problem> {
    let document =
        parts.document.as_ref().ok_or_else(|| Problem::bad("file_missing", "Send the OpenAPI file as \"file\"."))?;
    Ok(imported(document, parts.properties.as_deref(), &parts.settings))
}

/// Reads a file for as long as its caller waits.
pub(super) fn imported(document: &[u8], properties: Option<&[u8]>, settings: &Settings) -> Import {
    model::Connector::import_while(document, properties, settings, &*hookmill_runtime::wanted())
}

/// The connector and its document, where nothing speaks against storing them.
pub(super) fn usable(import: &Import) -> Result<(&model::Connector, &Value), Problem> {
    match (import.is_valid(), &import.connector, &import.document) {
        (true, Some(connector), Some(document)) => Ok((connector, document)),
        _ => Err(Problem::found("connector_invalid", "The file cannot become a connector.", &import.diagnostics)),
    }
}

async fn store(caller: &Caller, state: &ServerState, parts: Parts) -> Result<(StatusCode, Tagged), Problem> {
    let mut import = read(&parts)?;
    // A secret in the file is sealed as one that a person entered; what is kept of the file has none.
    let of_file = import.properties.as_mut().and_then(model::take_client_secret);
    let (connector, document) = usable(&import)?;
    let icon = match parts.icon.filter(|icon| !icon.is_empty()) {
        Some(icon) => Some(icon::read(&icon)?),
        None => None,
    };
    let now = state.runtime.now();
    let mut stored = Connector {
        id: state.runtime.new_id(),
        owner: caller.user,
        name: connector.name.to_string(),
        description: connector.description.to_string(),
        etag: 1,
        settings: serde_json::to_vec(&parts.settings).unwrap_or_default().into(),
        summary: Bytes::new(),
        sealed: None,
        icon_type: icon.as_ref().map(|icon| icon.content_type.clone()),
        created_at: now,
        updated_at: now,
    };
    let entered = parts.client_secret.as_deref().filter(|secret| !secret.trim().is_empty()).or(of_file.as_deref());
    seal_client_secret(state, &mut stored, &connector.authentication, entered, false)?;
    let document = ConnectorDocument {
        document: document.to_json().into(),
        properties: import.properties.as_ref().map(|properties| properties.to_json().into()),
    };
    let mut unit =
        Unit::from(Change::PutConnector(stored.clone())).with(Change::PutConnectorDocument(stored.id, document));
    if let Some(icon) = icon {
        unit.push(Change::PutIcon(stored.id, Some(icon)));
    }
    state.store().commit(unit, Lane::Work).await?;
    Ok((StatusCode::CREATED, whole(state, &stored).await?))
}

/// Import an OpenAPI file as a connector, or make an empty one
#[utoipa::path(post, path = "/api/connectors", tag = "connectors", request_body(content((ImportFiles = "multipart/form-data"), (ImportForm = "application/json"))), responses((status = 201, body = super::ConnectorWhole)))]
pub async fn import(
    caller: Caller,
    State(state): State<ServerState>,
    request: Request,
) -> Result<(StatusCode, Tagged), Problem> {
    let parts = parts(request, &state).await?;
    store(&caller, &state, parts).await
}

/// An OpenAPI file on the web.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UrlForm {
    url: String,
    #[serde(default)]
    settings: Settings,
    /// The client secret for OAuth 2.0, sealed at rest, never shown again.
    #[schema(format = Password)]
    client_secret: Option<String>,
}

/// Import a file that the server fetches, under the same rules as flows
#[utoipa::path(post, path = "/api/connectors/from-url", tag = "connectors", responses((status = 201, body = super::ConnectorWhole)))]
pub async fn from_url(
    caller: Caller,
    State(state): State<ServerState>,
    Json(form): Json<UrlForm>,
) -> Result<(StatusCode, Tagged), Problem> {
    let wrong = |why: &str| Problem::bad("invalid_url", format!("This address cannot be called: {why}.")).at("/url");
    let url = url::Url::parse(form.url.trim()).map_err(|error| wrong(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("only http and https can be"));
    }
    let document = state.runtime.download(url.as_str()).await?;
    let (settings, client_secret) = (form.settings, form.client_secret);
    store(&caller, &state, Parts { document: Some(document), settings, client_secret, ..Parts::default() }).await
}

/// A connector that comes with the product.
#[derive(Serialize, ToSchema)]
pub struct PrebuiltConnector {
    /// What `prebuilt` of an import says.
    id: &'static str,
    name: String,
    description: String,
    /// `#rrggbb`
    color: &'static str,
    triggers_count: usize,
    actions_count: usize,
}

/// The connectors that come with the product; an import with `prebuilt` makes one of them one's own
#[utoipa::path(get, path = "/api/prebuilt-connectors", tag = "connectors", responses((status = 200, body = Page<PrebuiltConnector>)))]
pub async fn prebuilt_connectors(_: Caller) -> Json<Page<PrebuiltConnector>> {
    let shown = |prebuilt: &'static Prebuilt| {
        let import = model::Connector::import(prebuilt.document.as_bytes(), None, &Settings::default());
        let connector = import.connector?;
        let triggers_count = connector.triggers().count();
        Some(PrebuiltConnector {
            id: prebuilt.id,
            name: connector.name.to_string(),
            description: connector.description.to_string(),
            color: prebuilt.color,
            triggers_count,
            actions_count: connector.operations.len() - triggers_count,
        })
    };
    Json(Page::whole(PREBUILT.iter().filter_map(shown)))
}

/// What an import would bring.
#[derive(Serialize, ToSchema)]
pub struct ConnectorCheck {
    /// Whether it would be accepted.
    valid: bool,
    title: String,
    description: String,
    /// Host with its port; empty where the file names none.
    host: String,
    base_path: String,
    scheme: String,
    color: String,
    /// How many operations there are.
    operations: usize,
    /// The triggers among them.
    triggers: Vec<OperationSummary>,
    /// How the file says that connections prove who calls.
    authentication: Vec<Authentication>,
    /// The policy templates of the properties file.
    policy_templates: Vec<String>,
    diagnostics: Vec<Diagnostic>,
}

/// Check a file without storing it
#[utoipa::path(post, path = "/api/connectors/check", tag = "connectors", request_body(content((ImportFiles = "multipart/form-data"), (ImportForm = "application/json"))), responses((status = 200, body = ConnectorCheck)))]
pub async fn check(
    _: Caller,
    State(state): State<ServerState>,
    request: Request,
) -> Result<Json<ConnectorCheck>, Problem> {
    let parts = parts(request, &state).await?;
    let import = read(&parts)?;
    let report = model::report(&import, import.properties.as_ref());
    let connector = import.connector.as_ref();
    let text = |of: fn(&model::Connector) -> &str| connector.map(of).unwrap_or_default().to_owned();
    Ok(Json(ConnectorCheck {
        valid: import.is_valid(),
        title: text(|connector| &connector.name),
        description: text(|connector| &connector.description),
        host: text(|connector| &connector.host),
        base_path: text(|connector| &connector.base_path),
        scheme: text(|connector| &connector.scheme),
        color: text(|connector| &connector.color),
        operations: report.operations,
        triggers: connector
            .map(|connector| connector.triggers().map(model::Operation::summary).collect())
            .unwrap_or_default(),
        authentication: connector.map(|connector| vec![connector.authentication.clone()]).unwrap_or_default(),
        policy_templates: report.policy_templates.iter().map(ToString::to_string).collect(),
        diagnostics: findings(import.diagnostics),
    }))
}
