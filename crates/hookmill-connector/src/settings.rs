//! What a maker chooses for a connector, whatever its file declares.

use serde::{Deserialize, Serialize};

use crate::Authentication;

/// Choices of the wizard's *General information* and *Security*. An absent member leaves what the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The connector's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Background of the icon, `#rrggbb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// Replaces the security that the file declares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication: Option<Authentication>,
    /// Host and port, without scheme. A whole address is taken apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Path before every operation's path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_path: Option<String>,
    /// `https` or `http`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
}
