//! The main job against a stand-in for GitHub: webhook created, push received, notification in the inbox, crash survived.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once.

mod world;

use std::sync::Arc;
use std::time::Duration;

use hookmill_model::{FlowState, RunKind, RunStatus, SubscriptionState, Value};
use hookmill_runtime::{AcceptError, Accepted};
use hookmill_store::{
    Change, Connector, ConnectorDocument, ConnectorVersion, Connectors as _, Inbox as _, Lane, List,
    NotificationFilter, Store as _, Unit,
};
use world::{NOTIFY, capability, eventually, form, push, runs, service, start, world};

#[tokio::test(flavor = "multi_thread")]
async fn a_push_becomes_a_notification() {
    let (address, seen) = service(false, false).await;
    let world = world(&address).await;
    let saved = world.runtime.create_flow(world.owner, form(&world, NOTIFY, "site")).await.unwrap();
    assert_eq!(saved.problem, None);
    let webhook = saved.view.webhook.unwrap();
    assert_eq!(webhook.state, SubscriptionState::Live);
    assert_eq!(webhook.location.unwrap(), format!("http://{address}/repos/acme/site/hooks/7"));
    {
        let seen = seen.lock().unwrap();
        let (method, path, authorization, body) = &seen[0];
        assert_eq!((method.as_str(), path.as_str()), ("POST", "/repos/acme/site/hooks"));
        assert_eq!(authorization, "Basic YWRhOnNlY3JldC10b2tlbi0x");
        assert_eq!(body.pointer("/config/content_type").and_then(Value::as_str), Some("json"));
        assert_eq!(body.get("name").and_then(Value::as_str), Some("web"));
    }
    // The first entry of the history is the creation, without secrets.
    let view = world.runtime.run_view(world.owner, saved.run.unwrap()).await.unwrap();
    let exchange = format!("{:?}", view.exchange.unwrap());
    assert!(exchange.contains("201") && !exchange.contains("secret-token-1"), "{exchange}");
    assert!(!exchange.contains(&capability(&seen)), "the callback address is shown");
    let door = capability(&seen);
    for _ in 0..2 {
        // A delivery that is sent twice is taken once.
        assert!(matches!(world.runtime.accept(&door, push("d-1")).await.unwrap(), Accepted::Stored { .. }));
    }
    let inbox =
        async || world.store.notifications(&NotificationFilter::of(world.owner), List::first(10)).await.unwrap().items;
    eventually(async || !inbox().await.is_empty()).await;
    assert_eq!(inbox().await[0].text, "ada pushed to mill");
    eventually(async || {
        runs(&world).await == [(RunKind::Flow, RunStatus::Succeeded), (RunKind::CreateWebhook, RunStatus::Succeeded)]
    })
    .await;
    let mut ping = push("d-2");
    ping.headers.insert("X-GitHub-Event", "ping");
    assert!(matches!(world.runtime.accept(&door, ping).await.unwrap(), Accepted::Stored { event: None }));
    assert!(matches!(world.runtime.accept("nope", push("x")).await, Err(AcceptError::Unknown)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_trigger_renews_the_webhook_and_changed_actions_keep_it() {
    let (address, seen) = service(false, true).await;
    let world = world(&address).await;
    let saved = world.runtime.create_flow(world.owner, form(&world, NOTIFY, "site")).await.unwrap();
    let id = saved.view.flow.id;
    let old = capability(&seen);
    let other = r#"{"Say":{"type":"Compose","inputs":"hi"}}"#;
    world.runtime.update_flow(world.owner, id, None, form(&world, other, "site")).await.unwrap();
    let methods =
        || seen.lock().unwrap().iter().map(|(method, path, ..)| format!("{method} {path}")).collect::<Vec<_>>();
    assert_eq!(methods(), ["POST /repos/acme/site/hooks"], "changed actions keep the webhook");
    let saved = world.runtime.update_flow(world.owner, id, None, form(&world, other, "docs")).await.unwrap();
    assert_eq!(methods()[1..], ["DELETE /repos/acme/site/hooks/7", "POST /repos/acme/docs/hooks"]);
    assert_eq!(saved.view.webhook.unwrap().generation, 2);
    assert!(matches!(world.runtime.accept(&old, push("x")).await, Err(AcceptError::Gone)));
    world.runtime.turn_off(world.owner, id).await.unwrap();
    assert_eq!(methods().last().unwrap(), "DELETE /repos/acme/docs/hooks/7");
    let conflict = world.runtime.update_flow(world.owner, id, Some(1), form(&world, other, "site")).await;
    assert!(matches!(conflict, Err(hookmill_runtime::Error::VersionConflict { .. })));
    world.runtime.turn_on(world.owner, id).await.unwrap();
    world.runtime.delete_flow(world.owner, id).await.unwrap();
    assert_eq!(methods().iter().filter(|line| line.starts_with("DELETE")).count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_callback_address_replaces_the_webhook_and_ends_the_old_one() {
    let (address, seen) = service(false, false).await;
    let world = world(&address).await;
    let saved = world.runtime.create_flow(world.owner, form(&world, NOTIFY, "site")).await.unwrap();
    let old = capability(&seen);
    let renewed = world.runtime.renew_address(world.owner, saved.view.flow.id).await.unwrap();
    let webhook = renewed.view.webhook.unwrap();
    assert_eq!((webhook.generation, webhook.state), (2, SubscriptionState::Live));
    let calls: Vec<String> = seen.lock().unwrap().iter().map(|(method, path, ..)| format!("{method} {path}")).collect();
    let hooks = "/repos/acme/site/hooks";
    assert_eq!(calls, [format!("POST {hooks}"), format!("DELETE {hooks}/7"), format!("POST {hooks}")]);
    let new = capability(&seen);
    assert_ne!(new, old);
    assert!(matches!(world.runtime.accept(&new, push("d-1")).await.unwrap(), Accepted::Stored { event: Some(_) }));
    assert!(matches!(world.runtime.accept(&old, push("d-2")).await, Err(AcceptError::Gone)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_creation_leaves_the_flow_saved_and_off() {
    let (address, _) = service(true, false).await;
    let world = world(&address).await;
    let saved = world.runtime.create_flow(world.owner, form(&world, NOTIFY, "site")).await.unwrap();
    assert_eq!(saved.view.flow.state, FlowState::Off);
    let problem = saved.problem.unwrap();
    assert_eq!(problem.code, "webhook_refused");
    assert!(problem.hint.unwrap().contains("admin:repo_hook"));
    let view = world.runtime.run_view(world.owner, saved.run.unwrap()).await.unwrap();
    assert_eq!(view.listed.run.status, RunStatus::Failed);
    assert_eq!(view.exchange.unwrap().response.get("statusCode"), Some(&Value::Integer(404)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_survives_a_crash() {
    let (address, seen) = service(false, false).await;
    let wait = r#"{"Wait":{"type":"Wait","inputs":{"interval":{"count":1,"unit":"Second"}}},
        "Notify":{"type":"OpenApiConnection","inputs":{"host":{"connectionName":"shared_flowpush","operationId":"SendNotification","apiId":"x/shared_flowpush"},"parameters":{"NotificationDefinition/notificationText":"done"}},"runAfter":{"Wait":["Succeeded"]}}}"#;
    // The first process is a runtime of its own: all its tasks end at once when it dies.
    let process = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let world = process
        .spawn(async move {
            let world = world(&address).await;
            world.runtime.create_flow(world.owner, form(&world, wait, "site")).await.unwrap();
            let door = capability(&seen);
            for index in 0..20 {
                world.runtime.accept(&door, push(&format!("d-{index}"))).await.unwrap();
            }
            world
        })
        .await
        .unwrap();
    world::die(process).await;
    let reopened = Arc::clone(&world.store);
    let _runtime = start(&reopened, &world.vault).await;
    let page = async || {
        reopened.notifications(&NotificationFilter::of(world.owner), List::first(100)).await.unwrap().items.len()
    };
    eventually(async || page().await == 20).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(page().await, 20, "no action was performed twice");
}

const FEED: &str = r#"{"Feed":{"type":"OpenApiConnection","inputs":{"host":{"connectionName":"shared_forge","operationId":"feed","apiId":"/apis/shared_forge"},"parameters":{}}},
  "Written":{"type":"ApiConnection","inputs":{"host":{"connection":{"name":"@parameters('$connections')['shared_forge']['connectionId']"}},"method":"get","path":"/feed"}}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_runs_on_the_connector_that_it_was_saved_with_until_it_is_saved_again() {
    let (address, seen) = service(false, false).await;
    let world = world(&address).await;
    let id = world.runtime.create_flow(world.owner, form(&world, FEED, "site")).await.unwrap().view.flow.id;
    let door = capability(&seen);
    let asked = || {
        let seen = seen.lock().unwrap();
        let mut paths: Vec<String> = seen.iter().filter(|own| own.0 == "GET").map(|own| own.1.clone()).collect();
        paths.sort();
        paths
    };
    world.runtime.accept(&door, push("1")).await.unwrap();
    eventually(async || asked() == ["/feed", "/feed"]).await;

    // The maker moves the operation, and takes the path away that the flow calls.
    let connector = world.store.connection(world.connection).await.unwrap().unwrap().connector;
    let change = async |etag: u64, from: &str, to: &str| {
        let before = world.store.connector(connector).await.unwrap().unwrap();
        let kept = world.store.connector_document(connector).await.unwrap().unwrap();
        let version = hookmill_runtime::version_of_connector(&before.settings, &kept);
        let document = String::from_utf8(kept.document.to_vec()).unwrap().replace(from, to);
        let unit = Unit::from(Change::PutConnector(Connector { etag, ..before.clone() }))
            .with(Change::PutConnectorDocument(
                connector,
                ConnectorDocument { document: document.into(), properties: None },
            ))
            .with(Change::KeepConnectorVersion(
                connector,
                version.clone(),
                ConnectorVersion { settings: before.settings, document: kept },
            ))
            .with(Change::DropConnectorVersions(connector));
        world.store.commit(unit, Lane::Work).await.unwrap();
        world.runtime.forget_connector(connector);
        version
    };
    let first = change(2, r#""/feed""#, r#""/news""#).await;
    world.runtime.accept(&door, push("2")).await.unwrap();
    eventually(async || asked() == ["/feed"; 4]).await;
    let finding = |view: &hookmill_runtime::FlowView, code: &str| view.diagnostics.iter().any(|own| own.code == code);
    let view = world.runtime.flow(world.owner, id).await.unwrap();
    assert!(finding(&view, "connector_changed") && finding(&view, "operation_unknown"), "{:?}", view.diagnostics);

    // Another process has it from the store. What nobody refers to is not kept.
    let second = change(3, r#""/news""#, r#""/latest""#).await;
    assert_eq!(world.store.connector_version(connector, &second).await.unwrap(), None);
    let another = start(&world.store, &world.vault).await;
    another.accept(&door, push("3")).await.unwrap();
    eventually(async || asked() == ["/feed"; 6]).await;

    // Saved again, it has the newest one, by name and by path.
    let by_path = FEED.replace(r#""path":"/feed""#, r#""path":"/latest""#);
    let refused = world.runtime.update_flow(world.owner, id, None, form(&world, FEED, "site")).await;
    assert!(refused.is_err(), "the path that it calls is not there any more");
    world.runtime.update_flow(world.owner, id, None, form(&world, &by_path, "site")).await.unwrap();
    assert_eq!(world.store.connector_version(connector, &first).await.unwrap(), None);
    world.runtime.accept(&door, push("4")).await.unwrap();
    eventually(async || asked() == ["/feed", "/feed", "/feed", "/feed", "/feed", "/feed", "/latest", "/latest"]).await;
    assert!(!finding(&world.runtime.flow(world.owner, id).await.unwrap(), "connector_changed"));
}
