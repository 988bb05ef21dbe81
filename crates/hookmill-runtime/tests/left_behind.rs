//! Webhooks that nobody could delete: they are listed with what the service answered, deleted once the connector says how,
//! or marked as done.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once.

mod world;

use hookmill_connector::DeletionRule;
use hookmill_model::SubscriptionState;
use hookmill_runtime::{Error, LeftWebhook, RuntimeConfig};
use hookmill_store::{Change, ConnectorDocument, Connectors as _, Lane, List, Store as _, Subscriptions as _, Unit};
use world::{DOCUMENT, NOTIFY, World, form, service, world_of};

/// The document without an operation that deletes webhooks.
fn without_delete() -> serde_json::Value {
    let mut document: serde_json::Value = serde_json::from_str(DOCUMENT).unwrap();
    document["paths"].as_object_mut().unwrap().remove("/repos/{owner}/{repo}/hooks/{id}");
    document
}

async fn listed(world: &World) -> Vec<LeftWebhook> {
    world.runtime.webhooks_left_behind(world.owner, List::first(10)).await.unwrap().items
}

async fn mend(world: &World, document: &str) {
    let connection = world.store.connection(world.connection).await.unwrap().unwrap();
    let mut connector = world.store.connector(connection.connector).await.unwrap().unwrap();
    connector.etag += 1;
    let id = connector.id;
    let document = ConnectorDocument { document: document.to_owned().into(), properties: None };
    let unit = Unit::from(Change::PutConnector(connector)).with(Change::PutConnectorDocument(id, document));
    world.store.commit(unit, Lane::Work).await.unwrap();
    world.runtime.forget_connector(id);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_left_behind_is_deleted_once_the_connector_says_how() {
    let (address, seen) = service(false, true).await;
    let world = world_of(&without_delete().to_string(), &address, RuntimeConfig::default()).await;
    let saved = world.runtime.create_flow(world.owner, form(&world, NOTIFY, "site")).await.unwrap();
    let flow = saved.view.flow.id;
    let calls = world.runtime.webhook_calls(world.owner, flow).await.unwrap().unwrap();
    assert_eq!((calls.create.method.as_str(), calls.is_live), ("POST", true));
    assert!(calls.create.url.ends_with("/repos/acme/site/hooks"), "{}", calls.create.url);
    assert_eq!((calls.delete, listed(&world).await.len()), (None, 0));

    world.runtime.turn_off(world.owner, flow).await.unwrap();
    let left = listed(&world).await.remove(0);
    assert_eq!(
        (left.flow, left.flow_name.as_str(), left.flow_is_deleted),
        (flow, saved.view.flow.name.as_str(), false)
    );
    assert!(left.why.contains("may still exist"), "{}", left.why);
    assert_eq!(left.answer.pointer("/body/id").map(hookmill_model::Value::to_json).as_deref(), Some("7"));
    assert!(left.request.to_json().contains("/callback/…") && left.address.is_none());
    let error = world.runtime.delete_left_behind(world.owner, left.id).await.unwrap_err();
    assert!(matches!(&error, Error::NotPossible(why) if why.contains("identifier 7")), "{error}");
    assert_eq!(listed(&world).await.len(), 1, "it stays until somebody acts");

    mend(&world, &DOCUMENT.replace("HOST", &address)).await;
    let calls = world.runtime.webhook_calls(world.owner, flow).await.unwrap().unwrap();
    assert_eq!(calls.delete.map(|call| call.rule), Some(Some(DeletionRule::OwnPath)));
    world.runtime.delete_left_behind(world.owner, left.id).await.unwrap();
    let (method, path, ..) = seen.lock().unwrap().last().cloned().unwrap();
    assert_eq!(format!("{method} {path}"), "DELETE /repos/acme/site/hooks/7");
    assert_eq!(listed(&world).await, []);
    assert_eq!(world.store.subscription(left.id).await.unwrap().unwrap().state, SubscriptionState::Gone);
    let again = world.runtime.delete_left_behind(world.owner, left.id).await.unwrap_err();
    assert!(matches!(again, Error::NotPossible(_)), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_marks_as_done_what_was_deleted_by_hand() {
    let (address, _) = service(false, true).await;
    let world = world_of(&without_delete().to_string(), &address, RuntimeConfig::default()).await;
    for name in ["site", "shop"] {
        let saved = world.runtime.create_flow(world.owner, form(&world, NOTIFY, name)).await.unwrap();
        world.runtime.delete_flow(world.owner, saved.view.flow.id).await.unwrap();
    }
    let first = world.runtime.webhooks_left_behind(world.owner, List::first(1)).await.unwrap();
    assert!(first.items[0].flow_is_deleted && first.next.is_some());
    let second = world.runtime.webhooks_left_behind(world.owner, List::after(1, first.next.unwrap())).await.unwrap();
    assert_ne!(first.items[0].id, second.items[0].id);
    let stranger = hookmill_model::Id::make(world.runtime.now(), [9; 10]);
    let refused = world.runtime.settle_left_behind(stranger, second.items[0].id).await.unwrap_err();
    assert!(matches!(refused, Error::NotFound { .. }), "{refused}");
    world.runtime.settle_left_behind(world.owner, second.items[0].id).await.unwrap();
    assert_eq!(listed(&world).await, [first.items[0].clone()]);
}
