//! What the filters of lists let through: one answer for all stores.

use crate::{Connection, ConnectionFilter, Connector, ConnectorFilter, Flow, FlowFilter, Notification, Run, RunFilter};

/// A text to look for, in any case.
#[derive(Clone, Debug)]
struct Needle(Option<String>);

impl Needle {
    fn new(q: Option<&str>) -> Self {
        Self(q.map(str::trim).filter(|text| !text.is_empty()).map(str::to_lowercase))
    }

    fn is_in<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> bool {
        let Some(needle) = &self.0 else { return true };
        texts.into_iter().any(|text| contains_folded(text, needle))
    }
}

/// Whether `text` contains `needle`, which is in lower case already.
fn contains_folded(text: &str, needle: &str) -> bool {
    if text.is_ascii() {
        // No allocation: lists look at thousands of texts per page.
        let (text, needle) = (text.as_bytes(), needle.as_bytes());
        return text.windows(needle.len()).any(|part| part.eq_ignore_ascii_case(needle));
    }
    text.to_lowercase().contains(needle)
}

impl RunFilter {
    /// Whether the list shows the run.
    #[must_use]
    pub fn matches(&self, run: &Run) -> bool {
        use hookmill_model::Id;
        run.owner == self.owner
            && self.flow.is_none_or(|flow| run.flow == flow)
            && self.status.is_none_or(|status| run.status == status)
            && self.kind.is_none_or(|kind| run.kind == kind)
            && self.from.is_none_or(|from| run.id >= Id::floor(from))
            && self.to.is_none_or(|to| run.id < Id::floor(to))
            && self.matches_text(run)
    }

    /// Whether the run has the text looked for.
    #[must_use]
    pub fn matches_text(&self, run: &Run) -> bool {
        let needle = Needle::new(self.q.as_deref());
        if needle.0.is_none() {
            return true;
        }
        let id = run.id.to_string();
        let error = run.error.as_ref();
        needle.is_in(
            [id.as_str(), &run.trigger, &run.summary]
                .into_iter()
                .chain(error.into_iter().flat_map(|error| [error.code.as_str(), error.message.as_str()])),
        )
    }
}

impl FlowFilter {
    /// Whether the list shows the flow.
    #[must_use]
    pub fn matches(&self, flow: &Flow) -> bool {
        flow.deleted_at.is_none()
            && self.owner.is_none_or(|owner| flow.owner == owner)
            && self.state.is_none_or(|state| flow.state == state)
            && Needle::new(self.q.as_deref()).is_in([flow.name.as_str(), flow.description.as_deref().unwrap_or("")])
    }
}

impl ConnectorFilter {
    /// Whether the list shows the connector.
    #[must_use]
    pub fn matches(&self, connector: &Connector) -> bool {
        self.owner.is_none_or(|owner| connector.owner == owner)
            && Needle::new(self.q.as_deref()).is_in([connector.name.as_str(), &connector.description])
    }
}

impl ConnectionFilter {
    /// Whether the list shows the connection.
    #[must_use]
    pub fn matches(&self, connection: &Connection) -> bool {
        self.owner.is_none_or(|owner| connection.owner == owner)
            && self.connector.is_none_or(|connector| connection.connector == connector)
            && self.health.is_none_or(|health| connection.health == health)
            && Needle::new(self.q.as_deref())
                .is_in([connection.name.as_str(), connection.username.as_deref().unwrap_or("")])
    }
}

impl Notification {
    /// Whether nobody has read it.
    #[must_use]
    pub const fn is_unread(&self) -> bool {
        self.read_at.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_in_any_case() {
        let found = |text: &str, q: &str| Needle::new(Some(q)).is_in([text]);
        assert!(found("Push to Main", "  main "));
        assert!(found("ÄRGER im Büro", "ärger"));
        assert!(!found("short", "a longer text"));
        assert!(!found("Push", "pull"));
        assert!(found("anything", ""));
    }
}
