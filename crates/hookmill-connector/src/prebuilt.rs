//! Connectors that come with the product: the files in `connectors/`, like those that makers
//! import, to begin with and to change.

/// A connector that comes with the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prebuilt {
    /// The name under which it is asked for.
    pub id: &'static str,
    /// The colour of its cards, `#rrggbb`.
    pub color: &'static str,
    /// An OpenAPI 2.0 document.
    pub document: &'static str,
}

/// All of them, in the order in which they are offered.
pub const PREBUILT: &[Prebuilt] = &[
    Prebuilt { id: "github", color: "#24292f", document: include_str!("../../../connectors/github.json") },
    Prebuilt { id: "gitlab", color: "#e24329", document: include_str!("../../../connectors/gitlab.json") },
    Prebuilt { id: "stripe", color: "#635bff", document: include_str!("../../../connectors/stripe.json") },
    Prebuilt { id: "slack", color: "#611f69", document: include_str!("../../../connectors/slack.json") },
    Prebuilt { id: "discord", color: "#5865f2", document: include_str!("../../../connectors/discord.json") },
    Prebuilt { id: "telegram", color: "#229ed9", document: include_str!("../../../connectors/telegram.json") },
    Prebuilt { id: "shopify", color: "#5e8e3e", document: include_str!("../../../connectors/shopify.json") },
    Prebuilt { id: "bitbucket", color: "#0052cc", document: include_str!("../../../connectors/bitbucket.json") },
    Prebuilt { id: "gitea", color: "#609926", document: include_str!("../../../connectors/gitea.json") },
    Prebuilt { id: "jira", color: "#0c66e4", document: include_str!("../../../connectors/jira.json") },
    Prebuilt { id: "linear", color: "#5e6ad2", document: include_str!("../../../connectors/linear.json") },
    Prebuilt { id: "asana", color: "#f06a6a", document: include_str!("../../../connectors/asana.json") },
    Prebuilt { id: "trello", color: "#0079bf", document: include_str!("../../../connectors/trello.json") },
    Prebuilt { id: "notion", color: "#191919", document: include_str!("../../../connectors/notion.json") },
    Prebuilt {
        id: "microsoft-graph",
        color: "#0078d4",
        document: include_str!("../../../connectors/microsoft-graph.json"),
    },
    Prebuilt {
        id: "google-calendar",
        color: "#1a73e8",
        document: include_str!("../../../connectors/google-calendar.json"),
    },
    Prebuilt { id: "dropbox", color: "#0061ff", document: include_str!("../../../connectors/dropbox.json") },
    Prebuilt { id: "mattermost", color: "#1e325c", document: include_str!("../../../connectors/mattermost.json") },
    Prebuilt { id: "zoom", color: "#0b5cff", document: include_str!("../../../connectors/zoom.json") },
    Prebuilt { id: "calendly", color: "#006bff", document: include_str!("../../../connectors/calendly.json") },
    Prebuilt { id: "typeform", color: "#262627", document: include_str!("../../../connectors/typeform.json") },
    Prebuilt { id: "hubspot", color: "#ff7a59", document: include_str!("../../../connectors/hubspot.json") },
    Prebuilt { id: "twilio", color: "#f22f46", document: include_str!("../../../connectors/twilio.json") },
    Prebuilt { id: "mailgun", color: "#c02428", document: include_str!("../../../connectors/mailgun.json") },
    Prebuilt { id: "pagerduty", color: "#06ac38", document: include_str!("../../../connectors/pagerduty.json") },
    Prebuilt { id: "sentry", color: "#362d59", document: include_str!("../../../connectors/sentry.json") },
    Prebuilt { id: "aws-sns", color: "#d9821c", document: include_str!("../../../connectors/aws-sns.json") },
    Prebuilt { id: "ntfy", color: "#317f6f", document: include_str!("../../../connectors/ntfy.json") },
];

impl Prebuilt {
    /// The one of that name.
    #[must_use]
    pub fn find(id: &str) -> Option<&'static Self> {
        PREBUILT.iter().find(|prebuilt| prebuilt.id == id)
    }
}

#[cfg(test)]
mod tests;
