//! The gallery: what there is to add. It holds the connectors that come with the product, and an index of the public
//! collection of Power Platform connectors.
//!
//! The index says of each connector what it is and how much of it runs here, so that a person knows before it is added.
//! The files themselves are not part of the product: they are fetched when a person asks for one, and must be the files
//! that the index was made from. `cargo xtask gallery FOLDER` makes the index from a copy of the collection.
//!
//! Not here: fetching (`hookmill-server`).

use std::fmt::Write as _;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::Serialize;
use utoipa::ToSchema;

use crate::connector::{Connector, Import, Settings};
use crate::operation::TriggerKind;
use crate::prebuilt::PREBUILT;

/// The state of the public collection that the index was made from.
pub const COLLECTION_COMMIT: &str = include_str!("gallery/commit.txt");
/// Where its files are; `{commit}` and the path of a file follow.
pub const COLLECTION_URL: &str = "https://raw.githubusercontent.com/microsoft/PowerPlatformConnectors";
/// Under which licence its files are.
pub const COLLECTION_LICENCE: &str = "MIT, Copyright (c) Microsoft Corporation and the authors of the connectors";
/// Under which licence the files are that come with the product.
const OWN_LICENCE: &str = "as this product";
/// An entry for each line, its parts divided by tabs; see [`index_line`].
const INDEX: &str = include_str!("gallery/index.tsv");

/// How much of a connector runs here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// All of its operations.
    Full,
    /// Some of them.
    Partly,
    /// None of them, or the file cannot be read.
    Not,
}

/// Where the files of a connector come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GallerySource {
    /// They come with the product.
    Shipped,
    /// They are fetched from the public collection.
    Public,
}

/// A connector that can be added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct GalleryEntry {
    /// What an import names: `github`, or the folder in the collection.
    pub id: String,
    /// Its name.
    pub title: String,
    /// Who made it; empty where the file does not say.
    pub publisher: String,
    /// `Productivity`, `Data`, …
    pub categories: Vec<String>,
    /// Where its files come from.
    pub source: GallerySource,
    /// How many operations start flows.
    pub triggers_count: usize,
    /// How many of these are called by the service.
    pub webhooks_count: usize,
    /// How many operations are steps.
    pub actions_count: usize,
    /// `none`, `basic`, `api_key`, `oauth2`
    pub authentication: Vec<String>,
    /// How much of it runs here.
    pub verdict: Verdict,
    /// How many operations do not run here.
    pub refused_count: usize,
    /// Why: `script`, `policy`, `file`
    pub refused_by: Vec<String>,
    /// The licence of its files.
    pub licence: String,
    /// The definition's path in the collection, and the base64 of its SHA-256 without padding.
    #[serde(skip)]
    pub definition: (String, String),
    /// The same of the properties; `None` where there are none.
    #[serde(skip)]
    pub properties: Option<(String, String)>,
}

static ENTRIES: LazyLock<Vec<GalleryEntry>> = LazyLock::new(|| {
    let shipped = PREBUILT.iter().map(|prebuilt| {
        let import = Connector::import(prebuilt.document.as_bytes(), None, &Settings::default());
        let entry = entry_of(prebuilt.id, "Hookmill", &[], &import);
        GalleryEntry { source: GallerySource::Shipped, licence: OWN_LICENCE.to_owned(), ..entry }
    });
    shipped.chain(INDEX.lines().filter_map(entry_of_line)).collect()
});

/// All connectors that can be added: those that come with the product, then those of the collection by their title.
#[must_use]
pub fn gallery() -> &'static [GalleryEntry] {
    &ENTRIES
}

/// The entries that have every word in title, publisher, categories or identifier; those whose title begins with the
/// words come first.
#[must_use]
pub fn search_gallery(words: &str) -> Vec<&'static GalleryEntry> {
    let whole = words.trim().to_lowercase();
    let words: Vec<&str> = whole.split_whitespace().collect();
    let fits = |entry: &&GalleryEntry| {
        let said = format!("{} {} {} {}", entry.title, entry.publisher, entry.categories.join(" "), entry.id);
        let said = said.to_lowercase();
        words.iter().all(|word| said.contains(word))
    };
    let mut found: Vec<&GalleryEntry> = gallery().iter().filter(fits).collect();
    if !whole.is_empty() {
        found.sort_by_key(|entry| {
            let title = entry.title.to_lowercase();
            (!title.starts_with(&whole), !title.contains(&whole), entry.source == GallerySource::Public)
        });
    }
    found
}

/// The SHA-256 of a file, in base64 without padding.
#[must_use]
pub fn file_mark(bytes: &[u8]) -> String {
    STANDARD_NO_PAD.encode(ring::digest::digest(&ring::digest::SHA256, bytes))
}

/// What a connector is and how much of it runs here.
fn entry_of(id: &str, publisher: &str, categories: &[&str], import: &Import) -> GalleryEntry {
    let mut entry = GalleryEntry {
        id: id.to_owned(),
        title: id.rsplit('/').next().unwrap_or(id).to_owned(),
        publisher: publisher.to_owned(),
        categories: categories.iter().map(|own| (*own).to_owned()).collect(),
        source: GallerySource::Public,
        triggers_count: 0,
        webhooks_count: 0,
        actions_count: 0,
        authentication: Vec::new(),
        verdict: Verdict::Not,
        refused_count: 0,
        refused_by: vec!["file".to_owned()],
        licence: COLLECTION_LICENCE.to_owned(),
        definition: Default::default(),
        properties: None,
    };
    let Some(connector) = import.connector.as_ref().filter(|_| import.is_valid()) else { return entry };
    let (mut refused, mut reasons) = (0, Vec::new());
    for operation in connector.operations.iter().filter(|own| connector.usable(own).is_err()) {
        refused += 1;
        let why = if connector.needs_script(&operation.operation_id) { "script" } else { "policy" };
        if !reasons.iter().any(|own| own == why) {
            reasons.push(why.to_owned());
        }
    }
    entry.title = connector.name.to_string();
    entry.triggers_count = connector.triggers().count();
    entry.webhooks_count =
        connector.triggers().filter(|own| matches!(own.trigger, Some((TriggerKind::Webhook, _)))).count();
    entry.actions_count = connector.operations.len() - entry.triggers_count;
    entry.authentication = vec![connector.authentication.kind().to_owned()];
    entry.refused_count = refused;
    entry.refused_by = reasons;
    entry.verdict = match refused {
        0 => Verdict::Full,
        all if all == connector.operations.len() => Verdict::Not,
        _ => Verdict::Partly,
    };
    entry
}

/// The files of one connector of the collection.
pub struct CollectedFiles<'a> {
    /// The folder, such as `certified-connectors/Asana`.
    pub folder: &'a str,
    /// The definition's path and content.
    pub definition: (&'a str, &'a [u8]),
    /// The properties' path and content.
    pub properties: Option<(&'a str, &'a [u8])>,
}

/// The line of the index for one connector: folder, title, publisher, categories, triggers, webhooks, actions,
/// authentication, refused operations and why, path and mark of the definition, path and mark of the properties.
#[must_use]
pub fn index_line(files: &CollectedFiles<'_>) -> String {
    let import = Connector::import(files.definition.1, files.properties.map(|(_, bytes)| bytes), &Settings::default());
    let metadata =
        import.document.as_ref().map(|document| crate::document::elements(document, "x-ms-connector-metadata"));
    let said = metadata
        .unwrap_or_default()
        .iter()
        .find(|own| own.get("propertyName").and_then(hookmill_model::Value::as_str) == Some("Categories"));
    let said =
        said.and_then(|own| own.get("propertyValue")).and_then(hookmill_model::Value::as_str).unwrap_or_default();
    let categories: Vec<&str> = said.split(';').map(str::trim).filter(|own| !own.is_empty()).collect();
    let publisher = import
        .properties
        .as_ref()
        .and_then(|own| own.pointer("/properties/publisher"))
        .and_then(hookmill_model::Value::as_str);
    let entry = entry_of(files.folder, publisher.unwrap_or_default(), &categories, &import);
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let verdict = match entry.verdict {
        Verdict::Full => 'f',
        Verdict::Partly => 'p',
        Verdict::Not => 'n',
    };
    let mut line = format!(
        "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{verdict}\t{}\t{}\t{}\t{}",
        entry.id,
        plain(&entry.title),
        plain(&entry.publisher),
        entry.categories.join(";"),
        entry.triggers_count,
        entry.webhooks_count,
        entry.actions_count,
        entry.authentication.join(";"),
        entry.refused_count,
        entry.refused_by.join(";"),
        files.definition.0,
        file_mark(files.definition.1),
    );
    if let Some((path, bytes)) = files.properties {
        let _ = write!(line, "\t{path}\t{}", file_mark(bytes));
    }
    line
}

fn entry_of_line(line: &str) -> Option<GalleryEntry> {
    let mut parts = line.split('\t');
    let mut text = || parts.next().map(ToOwned::to_owned);
    let list = |text: String| text.split(';').filter(|own| !own.is_empty()).map(ToOwned::to_owned).collect::<Vec<_>>();
    let (id, title, publisher, categories) = (text()?, text()?, text()?, list(text()?));
    let (triggers, webhooks, actions) = (text()?, text()?, text()?);
    let (authentication, verdict, refused, refused_by) = (list(text()?), text()?, text()?, list(text()?));
    let definition = (text()?, text()?);
    let properties = text().zip(text());
    Some(GalleryEntry {
        id,
        title,
        publisher,
        categories,
        source: GallerySource::Public,
        triggers_count: triggers.parse().ok()?,
        webhooks_count: webhooks.parse().ok()?,
        actions_count: actions.parse().ok()?,
        authentication,
        verdict: match verdict.as_str() {
            "f" => Verdict::Full,
            "p" => Verdict::Partly,
            _ => Verdict::Not,
        },
        refused_count: refused.parse().ok()?,
        refused_by,
        licence: COLLECTION_LICENCE.to_owned(),
        definition,
        properties,
    })
}

#[cfg(test)]
mod tests;
