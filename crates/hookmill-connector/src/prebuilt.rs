//! Connectors that come with the product: documents like those that makers import, to begin with and to change.

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
pub const PREBUILT: &[Prebuilt] =
    &[Prebuilt { id: "github", color: "#24292f", document: include_str!("../prebuilt/github.json") }];

impl Prebuilt {
    /// The one of that name.
    #[must_use]
    pub fn find(id: &str) -> Option<&'static Self> {
        PREBUILT.iter().find(|prebuilt| prebuilt.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Authentication, Connector, Settings, TriggerKind};

    #[test]
    fn a_prebuilt_connector_is_imported_without_a_finding() {
        for prebuilt in PREBUILT {
            let import = Connector::import(prebuilt.document.as_bytes(), None, &Settings::default());
            assert_eq!(import.diagnostics, [], "{}", prebuilt.id);
            let connector = import.connector.unwrap();
            for trigger in connector.triggers() {
                let id = &trigger.operation_id;
                assert_eq!(trigger.trigger.map(|(kind, _)| kind), Some(TriggerKind::Webhook), "{id}");
                assert!(trigger.callback.is_some() && trigger.notification_schema.is_some(), "{id}");
            }
        }
    }

    #[test]
    fn a_person_fills_in_only_owner_and_repository_of_a_github_trigger() {
        let import =
            Connector::import(Prebuilt::find("github").unwrap().document.as_bytes(), None, &Settings::default());
        let connector = import.connector.unwrap();
        assert!(matches!(connector.authentication, Authentication::Basic { .. }));
        let mut events = Vec::new();
        for trigger in connector.triggers() {
            let parameters = connector.parameters(trigger);
            let asked: Vec<_> = parameters
                .iter()
                .filter(|own| own.visibility != crate::Visibility::Internal)
                .map(|own| &*own.name)
                .collect();
            assert_eq!(asked, ["owner", "repo"], "{}", trigger.operation_id);
            events.extend(parameters.iter().find(|own| &*own.name == "events").and_then(|own| own.default.clone()));
        }
        let said: Vec<_> = events.iter().map(hookmill_model::Value::to_json).collect();
        assert_eq!(said.first().map(String::as_str), Some(r#"["push"]"#));
        assert_eq!(said.len(), connector.triggers().count(), "each trigger names its event");
    }
}
