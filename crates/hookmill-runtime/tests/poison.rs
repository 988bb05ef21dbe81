//! What breaks once does not break again and again: damaged runs and flows are set aside, the others go on; and there
//! is never more in memory than there is room for.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once.

mod world;

use std::time::Duration;

use hookmill_model::{Object, RunStatus, Value};
use hookmill_runtime::RuntimeConfig;
use hookmill_store::{
    Change, Events as _, FlowVersion, Flows as _, Lane, RunUpdate, Runs as _, Store as _, TimerKey, Unit,
};
use world::{World, create, eventually, flow_runs, invoke, post, service, start, world, world_with};

async fn plain() -> World {
    let (address, _) = service(false, false).await;
    world(&address).await
}

const WAIT: &str = r#"{"Wait":{"type":"Wait","inputs":{"interval":{"count":3,"unit":"Day"}}}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_journal_sets_its_run_aside_and_nothing_else() {
    let world = plain().await;
    let (flow, _) = create(&world, r#"{"type":"Request"}"#, WAIT).await;
    let begin = async || world.runtime.run_now(world.owner, flow, Value::Null, Object::new()).await.unwrap();
    let (broken, impossible, sound) = (begin().await, begin().await, begin().await);
    eventually(async || world.runtime.runs_in_memory() == 0).await;
    let append = async |run, fact: &[u8]| {
        let from = world.store.run(run).await.unwrap().unwrap().run.facts;
        let update = RunUpdate::default();
        let change = Change::AppendFacts { run, epoch: 1, from, facts: vec![fact.to_vec()], update };
        world.store.commit(Unit::from(change), Lane::Work).await.unwrap();
    };
    append(broken, b"{not a fact").await;
    // A fact that cannot follow: the run begins a second time.
    let first = world.store.run_facts(impossible, 0).await.unwrap()[0].clone();
    append(impossible, &first).await;
    let again = start(&world.store, &world.vault).await;
    for run in [broken, impossible, sound] {
        let _ = again.cancel_run(world.owner, run).await;
    }
    let run = async |id| world.store.run(id).await.unwrap().unwrap().run;
    eventually(async || run(sound).await.status == RunStatus::Cancelled).await;
    for id in [broken, impossible] {
        let own = run(id).await;
        assert_eq!(own.status, RunStatus::Faulted);
        let error = own.error.unwrap();
        assert_eq!(error.code, "run_faulted");
        assert!(!error.message.is_empty() && error.hint.is_some(), "{error:?}");
        assert!(world.store.run_facts(id, 0).await.unwrap().len() >= 3, "the facts are kept");
        assert_eq!(world.store.timer(TimerKey::Run(id)).await.unwrap(), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_a_flow_that_cannot_be_read_leaves_the_queue() {
    let world = plain().await;
    let (flow, url) = create(&world, r#"{"type":"Request"}"#, WAIT).await;
    let mut stored = world.store.flow(flow).await.unwrap().unwrap();
    stored.version = 2;
    let version = world.store.flow_version(flow, 1).await.unwrap().unwrap();
    let version = FlowVersion { version: 2, definition: b"{\"triggers\": broken".to_vec().into(), ..version };
    // The event is accepted while the definition can be read still.
    let accepted = invoke(&world.runtime, url.as_deref().unwrap(), post("{}")).await;
    assert!(accepted.is_ok());
    eventually(async || flow_runs(&world).await.len() == 1).await;
    let unit = Unit::from(Change::PutFlow(stored)).with(Change::PutFlowVersion(version));
    world.runtime.store().commit(unit, Lane::Work).await.unwrap();
    let event = hookmill_store::Event {
        id: world.runtime.new_id(),
        flow,
        subscription: None,
        received_at: world.runtime.now(),
        summary: "POST".to_owned(),
        head: b"{}".to_vec().into(),
        body: b"{}".to_vec().into(),
    };
    world.store.commit(Unit::from(Change::AddEvent(event, None)), Lane::Intake).await.unwrap();
    // Nobody announced it, so it is found in the store.
    eventually(async || flow_runs(&world).await.len() == 2).await;
    let failed = flow_runs(&world).await.into_iter().find(|run| run.status == RunStatus::Failed).unwrap();
    assert!(failed.error.unwrap().message.contains("the definition of version 2"));
    assert!(world.store.pending_counts().await.unwrap().is_empty());
    // Mended, the event can come in again.
    let version = world.store.flow_version(flow, 1).await.unwrap().unwrap();
    let mended = FlowVersion { version: 3, ..version };
    let mut stored = world.store.flow(flow).await.unwrap().unwrap();
    stored.version = 3;
    let unit = Unit::from(Change::PutFlow(stored)).with(Change::PutFlowVersion(mended));
    world.runtime.store().commit(unit, Lane::Work).await.unwrap();
    let again = world.runtime.resubmit_run(world.owner, failed.id).await.unwrap();
    eventually(async || flow_runs(&world).await.iter().any(|run| run.id == again && run.version == 3)).await;
    // The run of the version before is not touched.
    assert!(flow_runs(&world).await.iter().any(|run| run.status == RunStatus::Running));
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_never_more_runs_in_memory_than_allowed() {
    let (address, seen) = world::slow(Duration::from_millis(100)).await;
    let config = RuntimeConfig { active_runs_max: 3, ..RuntimeConfig::default() };
    let world = world_with(&address, config).await;
    let actions = format!(
        r#"{{"Wait":{{"type":"Wait","inputs":{{"interval":{{"count":2,"unit":"Second"}}}}}},
          "Call":{{"type":"Http","inputs":{{"method":"POST","uri":"http://{address}/x"}},"runAfter":{{"Wait":["Succeeded"]}}}}}}"#
    );
    let (_, url) = create(&world, r#"{"type":"Request"}"#, &actions).await;
    for n in 0..30 {
        invoke(&world.runtime, url.as_deref().unwrap(), post(&n.to_string())).await.unwrap();
    }
    let mut most = 0;
    for _ in 0..600 {
        most = most.max(world.runtime.runs_in_memory());
        let runs = flow_runs(&world).await;
        if runs.len() == 30 && runs.iter().all(|run| run.status == RunStatus::Succeeded) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(seen.lock().unwrap().len(), 30, "every run made its call once");
    assert!((1..=3).contains(&most), "{most} runs were in memory");
}

#[tokio::test(flavor = "multi_thread")]
async fn parents_leave_room_for_their_children() {
    let (address, _) = service(false, false).await;
    let config = RuntimeConfig { active_runs_max: 2, ..RuntimeConfig::default() };
    let world = world_with(&address, config).await;
    let child = r#"{"Wait":{"type":"Wait","inputs":{"interval":{"count":1,"unit":"Second"}}},
        "Answer":{"type":"Response","inputs":{"body":"ok"},"runAfter":{"Wait":["Succeeded"]}}}"#;
    let (child, _) = create(&world, r#"{"type":"Request"}"#, child).await;
    let parent = format!(r#"{{"Call":{{"type":"Workflow","inputs":{{"host":{{"workflow":{{"id":"{child}"}}}}}}}}}}"#);
    let (parent, url) = create(&world, r#"{"type":"Request"}"#, &parent).await;
    for _ in 0..8 {
        invoke(&world.runtime, url.as_deref().unwrap(), post("{}")).await.unwrap();
    }
    eventually(async || {
        let runs = flow_runs(&world).await;
        let parents = runs.iter().filter(|run| run.flow == parent && run.status == RunStatus::Succeeded);
        parents.count() == 8
    })
    .await;
}
