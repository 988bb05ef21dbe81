//! Connectors and connections.

use bytes::Bytes;
use hookmill_model::{ConnectionId, ConnectorId, FlowId, Timestamp, UserId};

/// A connector as lists show it. Its document is read apart: it may be large.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connector {
    /// Its identifier.
    pub id: ConnectorId,
    /// Whose it is.
    pub owner: UserId,
    /// Its title.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Counts every change; for `If-Match`.
    pub etag: u64,
    /// What the maker chose beside the document (colour, security, host), in the server's own form.
    pub settings: Bytes,
    /// What lists show of the compiled document, in the server's own form.
    pub summary: Bytes,
    /// What it keeps sealed: the client secret of OAuth 2.0.
    pub sealed: Option<Bytes>,
    /// The media type of its icon; `None` where it has none.
    pub icon_type: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a connector was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectorDocument {
    /// The OpenAPI document.
    pub document: Bytes,
    /// The properties file that belongs to it.
    pub properties: Option<Bytes>,
}

/// A connector as it was before a change, for flows that were saved with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectorVersion {
    /// What the maker chose beside the document.
    pub settings: Bytes,
    /// What it was made from.
    pub document: ConnectorDocument,
}

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Icon {
    /// Its media type.
    pub content_type: String,
    /// The file.
    pub bytes: Bytes,
}

/// Which connectors a list shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectorFilter {
    /// Whose; `None` for everybody's.
    pub owner: Option<UserId>,
    /// With this text, in any case, in name or description.
    pub q: Option<String>,
}

/// A connection: a connector plus credentials, which are sealed before they come here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Its identifier.
    pub id: ConnectionId,
    /// Whose it is.
    pub owner: UserId,
    /// The connector.
    pub connector: ConnectorId,
    /// Its title.
    pub name: String,
    /// The user name, which is no secret.
    pub username: Option<String>,
    /// The sealed credentials.
    pub sealed: Bytes,
    /// Whether it works.
    pub health: Health,
    /// How that was found out.
    pub health_detail: Option<String>,
    /// Counts every change.
    pub etag: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Whether a connection works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Health {
    /// It was not used yet.
    Unknown,
    /// The service accepted it.
    Ok,
    /// The service refused it.
    Broken,
}

impl Health {
    /// The text in the API and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ok => "ok",
            Self::Broken => "broken",
        }
    }
}

impl std::str::FromStr for Health {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Unknown, Self::Ok, Self::Broken]
            .into_iter()
            .find(|one| one.as_str() == text)
            .ok_or_else(|| format!("\"{text}\" is not one of unknown, ok, broken"))
    }
}

/// Which connections a list shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionFilter {
    /// Whose; `None` for everybody's.
    pub owner: Option<UserId>,
    /// Of this connector.
    pub connector: Option<ConnectorId>,
    /// In this health.
    pub health: Option<Health>,
    /// With this text, in any case, in name or user name.
    pub q: Option<String>,
}

/// What names a connector or a connection, with identifier and title; deleted flows do not count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// Connections of the connector; empty for a connection.
    pub connections: Vec<(ConnectionId, String)>,
    /// Flows.
    pub flows: Vec<(FlowId, String)>,
}

impl Uses {
    /// Whether nothing names it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty() && self.flows.is_empty()
    }
}
