//! What the filters of lists let through: one answer for all stores.

use std::cell::RefCell;

use aho_corasick::AhoCorasick;

use crate::{
    Connection, ConnectionFilter, Connector, ConnectorFilter, Event, Flow, FlowFilter, Notification,
    NotificationFilter, Run, RunFilter,
};

/// More words than these are not looked for.
const WORDS_MAX: usize = 10;

/// Words to look for, in any case and order. Without words everything has them.
#[derive(Clone, Debug)]
pub struct Needle {
    words: Vec<Word>,
}

/// One of the words.
#[derive(Clone, Debug)]
struct Word {
    folded: String,
    /// Find an ASCII word without copying what it is looked for in: as it is, and as JSON writes it.
    plain: Option<AhoCorasick>,
    escaped: Option<AhoCorasick>,
}

impl Word {
    fn new(text: &str) -> Self {
        let folded = text.to_lowercase();
        let finder = |text: String| AhoCorasick::builder().ascii_case_insensitive(true).build([text]).ok();
        let (plain, escaped) =
            if folded.is_ascii() { (finder(folded.clone()), finder(as_json(&folded))) } else { (None, None) };
        Self { folded, plain, escaped }
    }

    fn is_in(&self, text: &str) -> bool {
        match &self.plain {
            Some(finder) => finder.is_match(text),
            None => text.to_lowercase().contains(&self.folded),
        }
    }
}

impl Needle {
    /// From what a person typed: words that may stand in any order.
    #[must_use]
    pub fn new(q: Option<&str>) -> Self {
        Self { words: q.unwrap_or_default().split_whitespace().take(WORDS_MAX).map(Word::new).collect() }
    }

    /// Whether there is no text to look for.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether each word is in one of the texts.
    pub fn is_in<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> bool {
        let sought = self.sought();
        self.is_empty() || texts.into_iter().any(|text| sought.ends_with(text))
    }

    /// The words, to be looked for in texts that come one by one.
    #[must_use]
    pub fn sought(&self) -> Sought<'_> {
        Sought(RefCell::new(self.words.iter().collect()))
    }

    /// Whether a JSON document may have each word in one of its texts: no means no, yes wants a closer look.
    #[must_use]
    pub fn may_be_in(&self, json: &[u8]) -> bool {
        self.words.iter().all(|word| match &word.escaped {
            Some(finder) => finder.is_match(json),
            None => String::from_utf8_lossy(json).to_lowercase().contains(&as_json(&word.folded)),
        })
    }
}

/// Words of a [`Needle`] that were not found yet.
#[derive(Debug)]
pub struct Sought<'a>(RefCell<Vec<&'a Word>>);

impl Sought<'_> {
    /// Looks into one more text; whether every word has been found by now.
    pub fn ends_with(&self, text: &str) -> bool {
        let mut left = self.0.borrow_mut();
        left.retain(|word| !word.is_in(text));
        left.is_empty()
    }
}

/// A text as it stands between the quotes of JSON.
fn as_json(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            other => escaped.push(other),
        }
    }
    escaped
}

impl RunFilter {
    /// Whether the list shows the run, as far as its summary tells. `needle` is that of `q`.
    #[must_use]
    pub fn matches(&self, run: &Run, needle: &Needle) -> bool {
        self.matches_all_but_text(run) && Self::summary_has(run, needle)
    }

    /// Whether the run is one of those among which a text is looked for.
    #[must_use]
    pub fn matches_all_but_text(&self, run: &Run) -> bool {
        use hookmill_model::Id;
        run.owner == self.owner
            && self.flow.is_none_or(|flow| run.flow == flow)
            && (self.statuses.is_empty() || self.statuses.contains(&run.status))
            && self.kind.is_none_or(|kind| run.kind == kind)
            && self.from.is_none_or(|from| run.id >= Id::floor(from))
            && self.to.is_none_or(|to| run.id < Id::floor(to))
    }

    /// Whether the summary of the run has the text.
    #[must_use]
    pub fn summary_has(run: &Run, needle: &Needle) -> bool {
        if needle.is_empty() {
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

    /// Whether what the trigger gave has the text, by the first fact of the run's journal; `event` reads the event that
    /// began the run.
    #[must_use]
    pub fn outputs_have(&self, first_fact: &[u8], mut event: impl FnMut() -> Option<Event>, needle: &Needle) -> bool {
        self.outputs_have.is_some_and(|look| look(first_fact, &mut event, needle))
    }
}

impl FlowFilter {
    /// Whether the list shows the flow.
    #[must_use]
    pub fn matches(&self, flow: &Flow) -> bool {
        flow.deleted_at.is_none()
            && self.owner.is_none_or(|owner| flow.owner == owner)
            && self.state.is_none_or(|state| flow.state == state)
            && self.matches_text(&Needle::new(self.q.as_deref()), &flow.name, flow.description.as_deref())
    }

    /// Whether name or description has the text. `needle` is that of `q`.
    #[must_use]
    pub fn matches_text(&self, needle: &Needle, name: &str, description: Option<&str>) -> bool {
        needle.is_in([name, description.unwrap_or("")])
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

impl NotificationFilter {
    /// Whether the list shows the notification. `needle` is that of `q`.
    #[must_use]
    pub fn matches(&self, one: &Notification, needle: &Needle) -> bool {
        one.owner == self.owner && (!self.unread || one.is_unread()) && needle.is_in([&*one.title, &*one.text])
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

    #[test]
    fn words_stand_in_any_order_and_in_any_of_the_texts() {
        let found = |texts: &[&str], q: &str| Needle::new(Some(q)).is_in(texts.iter().copied());
        assert!(found(&["Reconcile Stripe payouts"], "stripe recon"));
        assert!(found(&["Payouts", "Reconciles what Stripe paid"], "payouts  STRIPE"));
        assert!(!found(&["Payouts", "Reconciles what Stripe paid"], "payouts paypal"));
        assert!(found(&["Ärger im Büro"], "büro ärger"));
        let may = |json: &str, q: &str| Needle::new(Some(q)).may_be_in(json.as_bytes());
        assert!(may(r#"{"title":"Lamp","colour":"red"}"#, "red lamp"));
        assert!(!may(r#"{"title":"Lamp","colour":"red"}"#, "blue lamp"));
    }

    #[test]
    fn documents_are_sifted_before_they_are_read() {
        let may = |json: &str, q: &str| Needle::new(Some(q)).may_be_in(json.as_bytes());
        assert!(may(r#"{"ref":"refs/heads/Main"}"#, "HEADS/main"));
        assert!(!may(r#"{"ref":"refs/heads/main"}"#, "develop"));
        assert!(may(r#"{"title":"say \"hi\"\n"}"#, "Say \"Hi\""));
        assert!(may(r#"{"city":"Ärmelkanal"}"#, "ärmel"));
        assert!(may("{}", " "));
    }
}
