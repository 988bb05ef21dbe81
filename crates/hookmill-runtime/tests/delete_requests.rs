//! Webhooks that are deleted by an operation which the trigger names, against a service that answers no `Location`.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once.

mod world;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hookmill_model::{SubscriptionState, Timestamp, Value};
use hookmill_runtime::{Clock, RuntimeConfig};
use hookmill_store::{List, RunFilter, Runs as _, Subscriptions as _};
use world::{DOCUMENT, NOTIFY, Seen, World, answering, eventually, form, service, start, world_of};

/// The document with a delete request of the trigger, and an operation that ends webhooks by a body.
fn document(request: &str) -> serde_json::Value {
    let mut document: serde_json::Value = serde_json::from_str(DOCUMENT).unwrap();
    document["paths"]["/repos/{owner}/{repo}/hooks"]["post"]["x-hookmill-registration"] =
        serde_json::from_str(request).unwrap();
    document["paths"]["/ended"] = serde_json::json!({"post": {"operationId": "end", "parameters": [
        {"name": "body", "in": "body", "schema": {"type": "object", "properties": {
            "ids": {"type": "array", "items": {"type": "integer"}}, "repo": {"type": "string"}}}}], "responses": {}}});
    document
}

async fn turned_on(request: &str) -> (World, Seen, hookmill_model::FlowId) {
    let (address, seen) = service(false, true).await;
    let world = world_of(&document(request).to_string(), &address, RuntimeConfig::default()).await;
    let saved = world.runtime.create_flow(world.owner, form(&world, NOTIFY, "site")).await.unwrap();
    assert_eq!(saved.problem, None);
    assert_eq!(saved.view.webhook.as_ref().unwrap().warning, None);
    (world, seen, saved.view.flow.id)
}

fn last(seen: &Seen) -> (String, Value) {
    let seen = seen.lock().unwrap();
    let (method, path, authorization, body) = seen.last().unwrap();
    assert_eq!(authorization, "Basic YWRhOnNlY3JldC10b2tlbi0x");
    (format!("{method} {path}"), body.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_named_operation_deletes_the_webhook() {
    let request = r#"{"unsubscribe":{"operationId":"delete","parameters":{"owner":"{inputs:owner}","repo":"{inputs:repo}","id":"{registration:/id}"}}}"#;
    let (world, seen, flow) = turned_on(request).await;
    world.runtime.turn_off(world.owner, flow).await.unwrap();
    assert_eq!(last(&seen).0, "DELETE /repos/acme/site/hooks/7");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_sealed_and_survives_another_process() {
    let request = r#"{"unsubscribe":{"operationId":"end","parameters":{"body/ids":["{registration:/id}"],"body/repo":"of {inputs:repo}"}}}"#;
    let (world, seen, flow) = turned_on(request).await;
    let kept = world.store.subscriptions_of(flow).await.unwrap().remove(0);
    let record = String::from_utf8_lossy(&kept.record).into_owned();
    assert!(record.contains("sealed") && !record.contains("of site"), "{record}");
    let shown = world.runtime.flow(world.owner, flow).await.unwrap().webhook.unwrap().location.unwrap();
    assert!(shown.ends_with("/ended"), "{shown}");
    let another = start(&world.store, &world.vault).await;
    another.turn_off(world.owner, flow).await.unwrap();
    let wanted = Value::from_json(br#"{"ids":[7],"repo":"of site"}"#).unwrap();
    assert_eq!(last(&seen), ("POST /ended".to_owned(), wanted));
    let runs = world.store.runs(&RunFilter::of(world.owner), List::first(1)).await.unwrap();
    assert_eq!(runs.items[0].run.error, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_the_answer_lacks_is_told() {
    let (address, _) = service(false, true).await;
    let request = r#"{"unsubscribe":{"operationId":"end","parameters":{"body/ids":["{registration:/hook/number}"]}}}"#;
    let mut document = document(request);
    // The usual way is not there either.
    document["paths"].as_object_mut().unwrap().remove("/repos/{owner}/{repo}/hooks/{id}");
    let world = world_of(&document.to_string(), &address, RuntimeConfig::default()).await;
    let saved = world.runtime.create_flow(world.owner, form(&world, NOTIFY, "site")).await.unwrap();
    let warning = saved.view.webhook.unwrap().warning.unwrap();
    assert!(warning.contains("'end'") && warning.contains("'hook/number'"), "{warning}");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_requests_are_sent_in_order_and_begin_anew_after_one_that_failed() {
    let request = r#"{"unsubscribe":[
        {"operationId":"end","parameters":{"body/ids":["{registration:/id}"]}},
        {"operationId":"delete","parameters":{"owner":"{inputs:owner}","repo":"{inputs:repo}","id":"{registration:/id}"}}]}"#;
    let (has_rule, has_failed) = (AtomicBool::new(true), AtomicBool::new(false));
    let (address, seen) = answering(move |_, method, path, _| {
        let status = match (method, path) {
            ("POST", "/ended") if has_rule.swap(false, Ordering::SeqCst) => "204 No Content",
            ("POST", "/ended") => "404 Not Found",
            ("DELETE", _) if !has_failed.swap(true, Ordering::SeqCst) => "500 Internal Server Error",
            ("DELETE", _) => "204 No Content",
            _ => "201 Created",
        };
        let body = if status.starts_with("204") { "" } else { r#"{"id":7}"# };
        (status.to_owned(), String::new(), body.to_owned())
    })
    .await;
    let clock = Clock::manual(Timestamp::from_millis(1_735_689_600_000));
    let config = RuntimeConfig { clock: clock.clone(), ..RuntimeConfig::default() };
    let world = world_of(&document(request).to_string(), &address, config).await;
    let saved = world.runtime.create_flow(world.owner, form(&world, NOTIFY, "site")).await.unwrap();
    let flow = saved.view.flow.id;
    world.runtime.turn_off(world.owner, flow).await.unwrap();
    let ends = || -> Vec<String> {
        let seen = seen.lock().unwrap();
        seen.iter().skip(1).map(|(method, path, ..)| format!("{method} {path}")).collect()
    };
    let both = ["POST /ended", "DELETE /repos/acme/site/hooks/7"];
    assert_eq!(ends(), both);
    let state = async || world.store.subscriptions_of(flow).await.unwrap()[0].state;
    assert_eq!(state().await, SubscriptionState::Deleting, "the second was refused");
    eventually(async || {
        clock.set(clock.now().plus(Duration::from_secs(2)));
        state().await == SubscriptionState::Gone
    })
    .await;
    assert_eq!(ends(), [both, both].concat(), "what is gone already is answered 404, and the next is sent");
    let kept = world.store.subscriptions_of(flow).await.unwrap().remove(0);
    assert!(!String::from_utf8_lossy(&kept.record).contains("may still exist"));
}
