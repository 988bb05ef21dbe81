//! Stored bytes that cannot be read: the thing stands still and says so, and nothing is deleted because of it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once.

mod world;

use std::sync::Arc;
use std::time::Duration;

use hookmill_model::{RunKind, RunStatus, SubscriptionState};
use hookmill_runtime::Settings;
use hookmill_store::{Change, Connectors as _, Flows as _, Lane, Runs as _, Store as _, Subscriptions as _, Unit};
use world::{NOTIFY, create, eventually, flow_runs, form, post, service, start, world};

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_webhook_record_leaves_the_webhook_where_it_is() {
    damaged_record_leaves_the_webhook(|_| b"{\"fingerprint\":".to_vec()).await;
}

/// A fact that cannot have happened is damage, not a line in a log.
#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_whose_facts_cannot_have_happened_is_left_where_it_is() {
    damaged_record_leaves_the_webhook(|record| {
        let mut record: serde_json::Value = serde_json::from_slice(record).unwrap();
        let facts = record["journal"].as_array_mut().unwrap();
        assert_eq!(facts.len(), 2, "{facts:?}");
        facts.swap(0, 1);
        serde_json::to_vec(&record).unwrap()
    })
    .await;
}

/// The release before kept where a webhook stood in place of its facts: it is still deleted where it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_an_earlier_release_stored_is_deleted_where_it_is() {
    let (address, seen) = service(false, false).await;
    let world = world(&address).await;
    let saved = world.runtime.create_flow(world.owner, form(&world, NOTIFY, "site")).await.unwrap();
    let id = saved.view.flow.id;
    let mut generation = world.store.subscriptions_of(id).await.unwrap().remove(0);
    let mut record: serde_json::Value = serde_json::from_slice(&generation.record).unwrap();
    let facts = record.as_object_mut().unwrap().remove("journal").unwrap();
    record["address"] = facts[1]["address"].clone();
    record["tries"] = 0.into();
    record["creations"] = 1.into();
    generation.record = serde_json::to_vec(&record).unwrap().into();
    world.store.commit(Unit::from(Change::PutSubscription(generation)), Lane::Work).await.unwrap();

    world.runtime.turn_off(world.owner, id).await.unwrap();
    let generations = world.store.subscriptions_of(id).await.unwrap();
    assert_eq!((generations.len(), generations[0].state), (1, SubscriptionState::Gone));
    assert_eq!(seen.lock().unwrap().last().unwrap().0, "DELETE");
}

async fn damaged_record_leaves_the_webhook(damage: impl Fn(&[u8]) -> Vec<u8>) {
    let (address, seen) = service(false, false).await;
    let world = world(&address).await;
    let saved = world.runtime.create_flow(world.owner, form(&world, NOTIFY, "site")).await.unwrap();
    let id = saved.view.flow.id;
    let mut generation = world.store.subscriptions_of(id).await.unwrap().remove(0);
    generation.record = damage(&generation.record).into();
    world.store.commit(Unit::from(Change::PutSubscription(generation)), Lane::Work).await.unwrap();
    let requests = seen.lock().unwrap().len();

    // Neither deleted at the service, nor replaced, nor marked as gone: what it is for is not known.
    let saved = world.runtime.turn_off(world.owner, id).await.unwrap();
    assert_eq!(saved.view.webhook.unwrap().error.unwrap().code, "record_damaged");
    world.runtime.turn_on(world.owner, id).await.unwrap();
    let generations = world.store.subscriptions_of(id).await.unwrap();
    assert_eq!((generations.len(), generations[0].state), (1, SubscriptionState::Live));
    assert_eq!(seen.lock().unwrap().len(), requests, "the service was not told anything");
    let damages = world.runtime.damages(world.owner);
    assert_eq!((damages.len(), damages[0].flow), (1, Some(id)));
    assert!(damages[0].damaged.what.starts_with("the record of webhook"), "{damages:?}");

    // Another flow is not concerned.
    let other = world.runtime.create_flow(world.owner, form(&world, NOTIFY, "docs")).await.unwrap();
    assert_eq!(other.view.webhook.unwrap().state, SubscriptionState::Live);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_connection_keeps_secrets_that_cannot_be_opened() {
    let (address, _) = service(false, false).await;
    let world = world(&address).await;
    let mut connection = world.store.connection(world.connection).await.unwrap().unwrap();
    connection.sealed = b"sealed with another key".to_vec().into();
    world.store.commit(Change::PutConnection(connection.clone()).into(), Lane::Work).await.unwrap();
    let (renamed, ()) = world
        .runtime
        .change_connection(world.owner, world.connection, |connection, _| {
            "Renamed".clone_into(&mut connection.name);
            Ok(())
        })
        .await
        .unwrap();
    assert_eq!((renamed.name.as_str(), &renamed.sealed), ("Renamed", &connection.sealed));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_retention_setting_forgets_nothing() {
    let world = world("127.0.0.1:1").await;
    let (_, url) =
        create(&world, r#"{"type":"Request","kind":"Http"}"#, r#"{"C":{"type":"Compose","inputs":1}}"#).await;
    world::invoke(&world.runtime, &url.unwrap(), post("{}")).await.unwrap();
    eventually(async || flow_runs(&world).await.iter().any(|run| run.status == RunStatus::Succeeded)).await;
    let damaged = Change::PutSetting("server".to_owned(), b"{\"retention_days\": 30".to_vec().into());
    world.store.commit(Unit::from(damaged), Lane::Work).await.unwrap();

    // A process that starts long after would forget the run, if it took the usual span for the one that was set.
    let later = hookmill_runtime::RuntimeConfig {
        clock: hookmill_runtime::Clock::manual(world.runtime.now().plus(Duration::from_secs(400 * 86_400))),
        ..hookmill_runtime::RuntimeConfig::default()
    };
    let runtime = world::start_with(&world.store, &world.vault, later).await;
    eventually(async || !runtime.damages(world.owner).is_empty()).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(flow_runs(&world).await.len(), 1);
    let error = runtime.settings().await.unwrap_err();
    assert_eq!(hookmill_model::Explain::code(&error), "record_damaged");

    // The owner writes them anew, and that is the end of it.
    runtime.save_settings(Settings { retention_days: 30, ..Settings::default() }, None).await.unwrap();
    assert_eq!(runtime.damages(world.owner), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_journal_sets_its_run_aside_and_others_go_on() {
    let world = world("127.0.0.1:1").await;
    let wait = r#"{"W":{"type":"Wait","inputs":{"interval":{"count":1,"unit":"Hour"}}}}"#;
    let (flow, url) = create(&world, r#"{"type":"Request","kind":"Http"}"#, wait).await;
    let url = url.unwrap();
    world::invoke(&world.runtime, &url, post("1")).await.unwrap();
    world::invoke(&world.runtime, &url, post("2")).await.unwrap();
    eventually(async || flow_runs(&world).await.len() == 2).await;
    eventually(async || world.runtime.runs_in_memory() == 0).await;
    let first = flow_runs(&world).await[0].clone();
    let facts = world.store.run_facts(first.id, 0).await.unwrap().len() as u64;
    let damaged = Change::AppendFacts {
        run: first.id,
        epoch: 1,
        from: facts,
        facts: vec![b"{\"fact\":\"no such thing\"}".to_vec()],
        update: hookmill_store::RunUpdate::default(),
    };
    world.store.commit(Unit::from(damaged), Lane::Work).await.unwrap();

    let runtime = start(&Arc::clone(&world.store), &world.vault).await;
    let second = flow_runs(&world).await[1].clone();
    assert!(runtime.cancel_run(world.owner, first.id).await.is_err());
    eventually(async || flow_runs(&world).await[0].status == RunStatus::Faulted).await;
    runtime.cancel_run(world.owner, second.id).await.unwrap();
    eventually(async || flow_runs(&world).await[1].status == RunStatus::Cancelled).await;
    assert_eq!(world.store.run_facts(first.id, 0).await.unwrap().len() as u64, facts + 1, "its journal is kept");
    assert!(world.store.flow(flow).await.unwrap().is_some());
    let kinds = flow_runs(&world).await.iter().all(|run| run.kind == RunKind::Flow);
    assert!(kinds);
}
