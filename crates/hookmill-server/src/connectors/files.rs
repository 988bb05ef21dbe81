//! The files of a connector: its icon, and its export as Power Automate imports it.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hookmill_store::{Change, Connector, Expect, Icon, Unit};

use super::{check_etag, commit, own, stored_document};
use crate::account::Caller;
use crate::schema::File;
use crate::{Problem, ServerState};

const ICON_BYTES_MAX: usize = 1024 * 1024;

/// PNG, JPEG, GIF and WebP by their first bytes. SVG can carry scripts, so it is refused.
pub(super) fn icon_type(bytes: &[u8]) -> Result<&'static str, Problem> {
    if bytes.len() > ICON_BYTES_MAX {
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "icon_too_large", "An icon has at most 1 MB."));
    }
    let webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
    match bytes {
        [0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => Ok("image/png"),
        [0xFF, 0xD8, 0xFF, ..] => Ok("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Ok("image/gif"),
        _ if webp => Ok("image/webp"),
        _ => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "icon_type",
            "An icon is a PNG, JPEG, GIF or WebP file.",
        )),
    }
}

/// The connector's icon
#[utoipa::path(get, path = "/api/connectors/{id}/icon", tag = "connectors", responses((status = 200, body = inline(File), content_type = "image/*")))]
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
    let expected = Expect::ConnectorEtag(stored.id, stored.etag);
    stored.icon_type = icon.as_ref().map(|icon| icon.content_type.clone());
    stored.etag += 1;
    stored.updated_at = state.runtime.now();
    let unit = Unit::from(Change::PutConnector(stored.clone())).with(Change::PutIcon(stored.id, icon)).expect(expected);
    commit(state, &stored, unit).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give the connector an icon: PNG, JPEG, GIF or WebP, at most 1 MB
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
    let icon = Icon { content_type: icon_type(&bytes)?.to_owned(), bytes };
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
