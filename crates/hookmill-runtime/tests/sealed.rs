//! What older versions stored in plain is sealed in the background of a start, also when the process ends in the middle.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once.

mod world;

use hookmill_model::{EventId, RunId, Value};
use hookmill_runtime::FlowForm;
use hookmill_store::{Accounts as _, Events as _, Flows as _, Subscriptions as _};
use hookmill_store::{Change, Lane, List, Resealed, RunFilter, Runs as _, Store as _, Unit};
use world::{World, eventually, flow_runs, invoke, post, service, start, world};

const INLINE: &str = "canary-inline-password-77aa";
const GIVEN: &str = "canary-given-parameter-88bb";
const CALLER: &str = "canary-of-the-caller-99cc";

const SECRET: &str = r#"{"parameters":{"given":{"type":"SecureString"}},"triggers":{"T":{"type":"Request"}},
    "actions":{"Plain":{"type":"Compose","inputs":"@base64(parameters('given'))"},
      "Call":{"type":"Http","inputs":{"method":"GET","uri":"https://nowhere.test/","authentication":{"type":"Basic","username":"octo","password":"canary-inline-password-77aa"},"retryPolicy":{"type":"none"}}}}}"#;
const PLAIN: &str =
    r#"{"triggers":{"T":{"type":"Request","operationOptions":"IncludeAuthorizationHeadersInOutputs"}},"actions":{}}"#;

async fn flow(world: &World, definition: &str) -> (hookmill_model::FlowId, String) {
    let form = FlowForm {
        name: "Canary".to_owned(),
        definition: Value::from_json(definition.as_bytes()).unwrap(),
        parameters: if definition == SECRET { Value::object([("given", GIVEN)]) } else { Value::Null },
        description: None,
        connections: std::collections::BTreeMap::new(),
        profile: None,
        envelope: Value::Null,
        state: None,
    };
    let saved = world.runtime.create_flow(world.owner, form).await.unwrap();
    (saved.view.flow.id, saved.view.webhook.unwrap().callback_url.unwrap())
}

/// Everything that a store holds of flows, runs and events, byte by byte.
async fn kept(world: &World, events: &[EventId], runs: &[RunId]) -> String {
    let mut bytes = Vec::new();
    for version in world.store.flow_versions_from(None, 100).await.unwrap() {
        for part in [version.definition, version.parameters, version.envelope] {
            bytes.extend_from_slice(&part);
        }
        for generation in world.store.subscriptions_of(version.flow).await.unwrap() {
            bytes.extend_from_slice(&generation.record);
        }
    }
    for run in runs {
        world.store.run_facts(*run, 0).await.unwrap().iter().for_each(|fact| bytes.extend_from_slice(fact));
    }
    for event in events {
        let event = world.store.event(*event).await.unwrap().unwrap();
        bytes.extend_from_slice(&event.head);
        bytes.extend_from_slice(&event.body);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn leaks(text: &str) -> Vec<&str> {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(GIVEN);
    let mut found: Vec<&str> = [INLINE, GIVEN, CALLER].into_iter().filter(|secret| text.contains(secret)).collect();
    found.extend(text.contains(&encoded).then_some("base64"));
    found
}

/// Calls a flow, and waits until its run has ended.
async fn call(world: &World, url: &str, runs: usize) {
    let mut notification = post(r#"{"n":1}"#);
    notification.headers.insert("Authorization", format!("Bearer {CALLER}"));
    invoke(&world.runtime, url, notification).await.unwrap();
    eventually(async || {
        let all = flow_runs(world).await;
        all.len() == runs && all.iter().all(|run| run.status.is_final())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_is_sealed_and_what_was_stored_in_plain_becomes_so() {
    let (address, _) = service(false, false).await;
    let world = world(&address).await;
    let (_, secret) = flow(&world, SECRET).await;
    let (_, plain) = flow(&world, PLAIN).await;
    for (number, url) in [&secret, &plain, &secret].into_iter().enumerate() {
        call(&world, url, number + 1).await;
    }
    let all = flow_runs(&world).await;
    let runs: Vec<RunId> = all.iter().map(|run| run.id).collect();
    let events: Vec<EventId> = all.iter().filter_map(|run| run.event).collect();
    assert_eq!((runs.len(), events.len()), (3, 3));
    let sealed = kept(&world, &events, &runs).await;
    assert!(leaks(&sealed).is_empty(), "{:?}", leaks(&sealed));
    assert!(sealed.contains("octo"), "what is no secret stays readable");
    let shown = |view: hookmill_runtime::RunView| format!("{:?}", view.history.unwrap().runs_of("Call").next());
    let before = shown(world.runtime.run_view(world.owner, runs[0]).await.unwrap());

    // As older versions left it.
    let mut unit = Unit::new();
    for version in world.store.flow_versions_from(None, 100).await.unwrap() {
        let opened = world.runtime.store().flow_version(version.flow, version.version).await.unwrap().unwrap();
        unit.push(Change::Reseal(Resealed::FlowVersion(opened)));
    }
    for run in &runs {
        let facts = world.runtime.store().run_facts(*run, 0).await.unwrap();
        unit.push(Change::Reseal(Resealed::Facts(*run, facts.iter().map(|fact| fact.to_vec()).collect())));
    }
    for event in &events {
        let event = world.runtime.store().event(*event).await.unwrap().unwrap();
        unit.push(Change::Reseal(Resealed::Event(event.id, event.head, event.body)));
    }
    unit.push(Change::DeleteSetting("sealing".to_owned()));
    world.store.commit(unit, Lane::Work).await.unwrap();
    assert_eq!(leaks(&kept(&world, &events, &runs).await).len(), 4);

    // A process that ends at once, and another one.
    let first = start(&world.store, &world.vault).await;
    first.begin_to_stop();
    let second = start(&world.store, &world.vault).await;
    eventually(async || {
        let done = world.store.setting("sealing").await.unwrap();
        done.is_some_and(|done| String::from_utf8_lossy(&done).contains("\"is_done\":true"))
    })
    .await;
    let sealed = kept(&world, &events, &runs).await;
    assert!(leaks(&sealed).is_empty(), "{:?}", leaks(&sealed));
    assert_eq!(shown(second.run_view(world.owner, runs[0]).await.unwrap()), before);
    let page = world.store.runs(&RunFilter::of(world.owner), List::first(9)).await.unwrap();
    assert_eq!(page.items.len(), 3);
    call(&World { runtime: second, ..world }, &secret, 4).await;
}
