//! The files of a connector: its icon, and its export as Power Automate imports it.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hookmill_store::{Change, Connector, Expect, Icon, Unit};

use super::{check_etag, commit, icon, own, stored_document};
use crate::account::Caller;
use crate::schema::File;
use crate::{Problem, ServerState};

/// The connector's icon
#[utoipa::path(get, path = "/api/connectors/{id}/icon", tag = "connectors", params(("version" = Option<String>, Query, description = "Any text. `icon_url` has another one for each change of the connector, so that caches ask anew.")), responses((status = 200, body = inline(File), content_type = "image/*")))]
pub async fn icon(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let stored = own(&state, &caller, &id).await?;
    let icon = state.store().icon(stored.id).await?.ok_or_else(|| Problem::missing("icon"))?;
    // The address changes with the icon.
    let caching = "private, max-age=86400".to_owned();
    Ok(([(header::CONTENT_TYPE, icon.content_type), (header::CACHE_CONTROL, caching)], icon.bytes).into_response())
}

async fn set_icon(state: &ServerState, mut stored: Connector, icon: Option<Icon>) -> Result<StatusCode, Problem> {
    let expected = Expect::ConnectorEtag(stored.id, stored.etag);
    stored.icon_type = icon.as_ref().map(|icon| icon.content_type.clone());
    stored.etag += 1;
    stored.updated_at = state.runtime.now();
    let unit = Unit::from(Change::PutConnector(stored.clone())).with(Change::PutIcon(stored.id, icon)).expect(expected);
    commit(state, &stored, unit).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give the connector an icon: PNG, JPEG, GIF or WebP, at most 1 MB and 2048 pixels on each side; it is kept as PNG
#[utoipa::path(put, path = "/api/connectors/{id}/icon", tag = "connectors", params(("If-Match" = Option<String>, Header, description = "The etag that the change is based on.")), request_body(content = inline(File), content_type = "image/*"), responses((status = 204)))]
pub async fn put_icon(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<StatusCode, Problem> {
    let stored = own(&state, &caller, &id).await?;
    check_etag(&stored, &headers)?;
    let icon = icon::read(&bytes)?;
    set_icon(&state, stored, Some(icon)).await
}

/// Take the connector's icon away
#[utoipa::path(delete, path = "/api/connectors/{id}/icon", tag = "connectors", responses((status = 204)))]
pub async fn delete_icon(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let stored = own(&state, &caller, &id).await?;
    set_icon(&state, stored, None).await
}

/// The connector as the files that Power Automate imports: `apiDefinition.swagger.json`, `apiProperties.json`, icon
#[utoipa::path(get, path = "/api/connectors/{id}/export", tag = "connectors", responses((status = 200, body = inline(File), content_type = "application/zip")))]
pub async fn export(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let stored = own(&state, &caller, &id).await?;
    let document = stored_document(&state, &stored).await?;
    let connector = state.runtime.connector(stored.id).await?;
    let properties = serde_json::Value::from(&connector.exported_properties(&state.runtime.redirect_url()));
    let properties = serde_json::to_vec_pretty(&properties).map_err(|error| Problem::internal(&error))?;
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
    let bytes = zipped(&files).map_err(|error| Problem::internal(&error))?;
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
