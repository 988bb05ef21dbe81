//! The connectors that come with the product: what they ask of a person, send to the service, and delete there.

use hookmill_model::Value;

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
            assert_eq!(trigger.callback.is_none(), trigger.is_by_hand, "{id}");
            assert!(trigger.notification_schema.is_some(), "{id}");
            let declared = connector.webhook(id);
            // Buttons of ntfy are pressed on phones, and nothing signs what they send.
            assert_eq!(declared.is_unverified(), prebuilt.id == "ntfy", "{id} proves its sender");
        }
    }
}

#[test]
fn a_person_fills_in_only_owner_and_repository_of_a_github_trigger() {
    let import = Connector::import(Prebuilt::find("github").unwrap().document.as_bytes(), None, &Settings::default());
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

fn json(text: &str) -> Value {
    Value::from_json(text.as_bytes()).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// What a service does with a trigger: what it must get, what it answers, and by which request the webhook is deleted.
struct Played {
    id: &'static str,
    trigger: &'static str,
    connection: &'static str,
    given: &'static str,
    request: &'static str,
    header: (&'static str, &'static str),
    /// Members of the body that the service demands.
    body: &'static str,
    answer: (u16, &'static str),
    deletion: &'static str,
}

const PLAYED: [Played; 5] = [
    Played {
        id: "gitlab",
        trigger: "WhenAMergeRequestChanges",
        connection: r#"{"api_key":"glpat"}"#,
        given: r#"{"id":"group/project"}"#,
        request: "POST https://gitlab.com/api/v4/projects/group%2Fproject/hooks",
        header: ("PRIVATE-TOKEN", "glpat"),
        body: r#"{"url":"https://h.test/callback/x","merge_requests_events":true,"push_events":false}"#,
        answer: (201, r#"{"id":7,"url":"https://h.test/callback/x"}"#),
        deletion: "DELETE https://gitlab.com/api/v4/projects/group%2Fproject/hooks/7",
    },
    Played {
        id: "stripe",
        trigger: "WhenAnEventHappens",
        connection: r#"{"api_key":"sk_test"}"#,
        given: r#"{"enabled_events[]":["charge.refunded","invoice.paid"]}"#,
        request: "POST https://api.stripe.com/v1/webhook_endpoints",
        header: ("Authorization", "Bearer sk_test"),
        body: r#"{"url":"https://h.test/callback/x"}"#,
        answer: (200, r#"{"id":"we_1","object":"webhook_endpoint","secret":"whsec_s"}"#),
        deletion: "DELETE https://api.stripe.com/v1/webhook_endpoints/we_1",
    },
    Played {
        id: "shopify",
        trigger: "WhenSomethingHappens",
        connection: r#"{"shop":"fig","api_key":"shpat"}"#,
        given: r#"{"request/webhook/topic":"orders/paid"}"#,
        request: "POST https://fig.myshopify.com/admin/api/2025-10/webhooks.json",
        header: ("X-Shopify-Access-Token", "shpat"),
        body: r#"{"webhook":{"topic":"orders/paid","address":"https://h.test/callback/x","format":"json"}}"#,
        answer: (201, r#"{"webhook":{"id":4759306,"topic":"orders/paid"}}"#),
        deletion: "DELETE https://fig.myshopify.com/admin/api/2025-10/webhooks/4759306.json",
    },
    Played {
        id: "telegram",
        trigger: "WhenAMessageArrives",
        connection: r#"{"token":"123456:ABC"}"#,
        given: "{}",
        request: "POST https://api.telegram.org/bot123456:ABC/setWebhook",
        header: ("Content-Type", "application/json"),
        body: r#"{"url":"https://h.test/callback/x","allowed_updates":["message"]}"#,
        answer: (200, r#"{"ok":true,"result":true,"description":"Webhook was set"}"#),
        deletion: "POST https://api.telegram.org/bot123456:ABC/deleteWebhook",
    },
    Played {
        id: "discord",
        trigger: "WhenACommandIsUsed",
        connection: r#"{"api_key":"Bot t"}"#,
        given: "{}",
        request: "PATCH https://discord.com/api/v10/applications/@me",
        header: ("Authorization", "Bot t"),
        body: r#"{"interactions_endpoint_url":"https://h.test/callback/x"}"#,
        answer: (200, r#"{"id":"1","name":"app"}"#),
        deletion: "PATCH https://discord.com/api/v10/applications/@me",
    },
];

/// A member of a JSON body, or the value of a pair of a form.
fn member(body: &Value, name: &str) -> Option<Value> {
    let pairs = body.as_object().and_then(|all| all.values().find_map(Value::as_array)).unwrap_or_default();
    let of_form = pairs.iter().find(|pair| pair.get("key").and_then(Value::as_str) == Some(name));
    body.get(name).or_else(|| of_form?.get("value")).cloned()
}

#[test]
fn the_services_get_what_they_demand_and_are_asked_to_delete_what_they_made() {
    for played in PLAYED {
        let document = Prebuilt::find(played.id).unwrap().document;
        let connector = Connector::import(document.as_bytes(), None, &Settings::default()).connector.unwrap();
        let (_, entered) = connector
            .checked_connection("", json(played.connection).as_object().unwrap(), &[])
            .unwrap_or_else(|found| panic!("{}: {found:?}", played.id));
        let credentials = crate::Credentials { parameters: entered, ..Default::default() };
        let given = json(played.given);
        let call = crate::Call {
            parameters: Some(&given),
            callback_url: Some("https://h.test/callback/x"),
            credentials: Some(&credentials),
            ..Default::default()
        };
        let trigger = connector.operation(played.trigger).unwrap();
        let planned = match connector.plan_request(trigger, &call) {
            Ok(crate::Plan::Request(planned)) => planned,
            other => panic!("{}: {other:?}", played.id),
        };
        assert_eq!(format!("{} {}", planned.method, planned.url), played.request);
        let header = planned.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(played.header.0));
        assert_eq!(header.map(|(_, text)| &**text), Some(played.header.1), "{}", played.id);
        for (name, wanted) in json(played.body).as_object().unwrap().iter() {
            let found = member(&planned.body, name).unwrap_or_else(|| panic!("{} in {:?}", name, planned.body));
            for (member, wanted) in wanted.as_object().into_iter().flat_map(hookmill_model::Object::iter) {
                assert_eq!(found.get(member), Some(wanted), "{}: {name}", played.id);
            }
            assert!(wanted.as_object().is_some() || found == *wanted, "{}: {name} is {found:?}", played.id);
        }
        let (answer, headers) = (json(played.answer.1), hookmill_model::Object::new());
        let creation = crate::Creation {
            url: &planned.url,
            parameters: &given,
            status: played.answer.0,
            headers: &headers,
            body: Some(&answer),
        };
        assert_eq!(connector.created(trigger, &creation), Ok(()), "{}", played.id);
        let address = connector.deletion_address(trigger, &creation, Some(&credentials));
        let address = address.unwrap_or_else(|why| panic!("{}: {why}", played.id));
        let deletion = connector.plan_deletion(&address, Some(&credentials)).unwrap();
        assert_eq!(format!("{} {}", deletion.method, deletion.url), played.deletion);
        if played.id == "discord" {
            assert_eq!(deletion.body, json(r#"{"interactions_endpoint_url":null}"#));
        }
        let outlook = connector.deletion_outlook(trigger).unwrap();
        assert!(matches!(outlook.rule, crate::DeletionRule::OwnPath | crate::DeletionRule::Declared), "{}", played.id);
    }
}

#[test]
fn a_bot_that_refuses_has_no_webhook() {
    let document = Prebuilt::find("telegram").unwrap().document;
    let connector = Connector::import(document.as_bytes(), None, &Settings::default()).connector.unwrap();
    let (answer, headers) = (json(r#"{"ok":false,"description":"bad webhook"}"#), hookmill_model::Object::new());
    let url = "https://api.telegram.org/bot1:A/setWebhook";
    let creation =
        crate::Creation { url, parameters: &Value::Null, status: 200, headers: &headers, body: Some(&answer) };
    let trigger = connector.operation("WhenAMessageArrives").unwrap();
    assert!(connector.created(trigger, &creation).unwrap_err().contains("'ok'"));
    // The token stands in the address, and is a secret all the same.
    assert_eq!(connector.sets[0].field("token").map(|field| field.kind), Some(crate::FieldKind::Secret));
}
