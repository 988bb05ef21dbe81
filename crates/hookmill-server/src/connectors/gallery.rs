//! The gallery: what there is to add, and the files of the public collection, fetched when a person asks for one.
//!
//! Files are fetched by the rules of all outgoing calls, or read from a folder or a mirror that stands in for the network.
//! They must be the files that the index was made from: what it says of a connector was found out about those.

use axum::http::StatusCode;
use bytes::Bytes;
use hookmill_connector as model;
use hookmill_connector::{GalleryEntry, GallerySource, Verdict};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::account::Caller;
use crate::extract::{Json, Query};
use crate::{Problem, ServerState};

/// Entries of one answer where the request names no number.
const USUAL: usize = 60;
/// Entries of one answer.
const MOST: usize = 200;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct GalleryQuery {
    /// Words that must be in title, publisher, categories or identifier.
    #[serde(default)]
    q: String,
    /// `full`, `partly` or `not`: only what runs here so far.
    verdict: Option<String>,
    /// How many entries, at most 200.
    limit: Option<usize>,
    /// How many entries are passed over.
    #[serde(default)]
    offset: usize,
}

/// Entries of the gallery.
#[derive(Serialize, ToSchema)]
pub struct GalleryPage {
    items: Vec<GalleryEntry>,
    /// How many entries have the words.
    total: usize,
}

/// What there is to add: connectors that come with the product, and the public collection
#[utoipa::path(get, path = "/api/gallery", tag = "connectors", params(GalleryQuery), responses((status = 200, body = GalleryPage)))]
pub async fn gallery(_: Caller, Query(query): Query<GalleryQuery>) -> Result<Json<GalleryPage>, Problem> {
    let verdict = match query.verdict.as_deref() {
        None | Some("") => None,
        Some("full") => Some(Verdict::Full),
        Some("partly") => Some(Verdict::Partly),
        Some("not") => Some(Verdict::Not),
        Some(_) => {
            return Err(Problem::bad("query_invalid", "\"verdict\" is full, partly or not.").at("/verdict"));
        }
    };
    let found = model::search_gallery(&query.q);
    let found: Vec<_> = found.into_iter().filter(|own| verdict.is_none_or(|wanted| own.verdict == wanted)).collect();
    let limit = query.limit.unwrap_or(USUAL).clamp(1, MOST);
    let items = found.iter().skip(query.offset).take(limit).map(|own| (*own).clone()).collect();
    Ok(Json(GalleryPage { items, total: found.len() }))
}

/// Definition and properties of an entry of the public collection.
pub(super) async fn files(state: &ServerState, id: &str) -> Result<(Bytes, Option<Bytes>), Problem> {
    let entry = model::gallery().iter().find(|own| own.id == id && own.source == GallerySource::Public);
    let entry = entry.ok_or_else(|| {
        Problem::missing("connector of the gallery")
            .at("/gallery")
            .hint("GET /api/gallery?q=WORDS lists what there is.")
    })?;
    let definition = file(state, &entry.definition).await?;
    let properties = match &entry.properties {
        Some(named) => Some(file(state, named).await?),
        None => None,
    };
    Ok((definition, properties))
}

async fn file(state: &ServerState, (path, mark): &(String, String)) -> Result<Bytes, Problem> {
    let root = state.config.gallery.trim_end_matches('/');
    let bytes = if root.starts_with("http://") || root.starts_with("https://") {
        let path: Vec<String> = path.split('/').map(encoded).collect();
        state.runtime.download(&format!("{root}/{}", path.join("/"))).await?
    } else {
        let at = std::path::Path::new(root).join(path);
        let read = tokio::fs::read(&at).await;
        read.map(Bytes::from).map_err(|error| {
            let said = format!("{} cannot be read: {error}.", at.display());
            Problem::new(StatusCode::BAD_GATEWAY, "gallery_unavailable", said)
                .hint("The server was started with --gallery; name a copy of the collection there.")
        })?
    };
    if model::file_mark(&bytes) != *mark {
        let said =
            format!("{path} is not the file that the gallery knows, so what it says of the connector may be wrong.");
        return Err(Problem::new(StatusCode::BAD_GATEWAY, "gallery_file_changed", said)
            .hint("Download the file yourself, and import it as a file."));
    }
    Ok(bytes)
}

/// A part of a path in an address.
fn encoded(part: &str) -> String {
    percent_encoding::utf8_percent_encode(part, percent_encoding::NON_ALPHANUMERIC).to_string()
}
