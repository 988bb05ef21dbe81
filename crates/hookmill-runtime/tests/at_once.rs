//! Runs that begin with the commit that stores their event, and journals that refer to its body.
#![allow(clippy::unwrap_used)] // Tests may stop at once.

mod world;

use hookmill_engine::Fact;
use hookmill_model::{FlowState, RunStatus, Value};
use hookmill_runtime::{AcceptError, RuntimeConfig};
use hookmill_store::{Change, Events as _, Flows as _, Lane, Runs as _, Unit};
use world::{World, create, eventually, flow_runs, invoke, post, service, world_with};

const NAMES: &str = r#"{"C":{"type":"Compose","inputs":"@triggerBody()?['word']"}}"#;

async fn plain() -> World {
    let (address, _) = service(false, false).await;
    world_with(&address, RuntimeConfig::default()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_event_is_a_begun_run_whose_journal_refers_to_the_body() {
    let world = plain().await;
    let (_, url) = create(&world, r#"{"type":"Request"}"#, NAMES).await;
    // Until the runs of an earlier process are known, events wait for their turn.
    invoke(&world.runtime, url.as_deref().unwrap(), post(r#"{"word":"first"}"#)).await.unwrap();
    eventually(async || flow_runs(&world).await.len() == 1).await;
    invoke(&world.runtime, url.as_deref().unwrap(), post(r#"{"word":"marmalade"}"#)).await.unwrap();
    // Nothing is waited for: with the answer the run is stored, and it needed nothing of the world.
    let run = flow_runs(&world).await.pop().unwrap();
    assert_eq!(run.status, RunStatus::Succeeded);
    assert!(world.store.pending_counts().await.unwrap().is_empty());
    let stored = world.store.run_facts(run.id, 0).await.unwrap();
    assert!(Fact::decode(&stored[0]).unwrap().lacks_body());
    assert!(!String::from_utf8_lossy(&stored[0]).contains("marmalade"));
    let event = world.store.event(run.event.unwrap()).await.unwrap().unwrap();
    assert_eq!(&event.body[..], br#"{"word":"marmalade"}"#);
    let history = world.runtime.run_view(world.owner, run.id).await.unwrap().history.unwrap();
    assert_eq!(history.trigger.pointer("/outputs/body/word").and_then(Value::as_str), Some("marmalade"));
    // What repeats the run has the body, too.
    let again = world.runtime.resubmit_run(world.owner, run.id).await.unwrap();
    eventually(async || flow_runs(&world).await.iter().any(|run| run.id == again && run.status.is_final())).await;
    let history = world.runtime.run_view(world.owner, again).await.unwrap().history.unwrap();
    assert_eq!(history.trigger.pointer("/outputs/body/word").and_then(Value::as_str), Some("marmalade"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_knows_of_a_change_as_soon_as_it_is_answered() {
    let world = plain().await;
    let (flow, url) = create(&world, r#"{"type":"Request"}"#, NAMES).await;
    let url = url.unwrap();
    invoke(&world.runtime, &url, post("{}")).await.unwrap();
    for state in [FlowState::Off, FlowState::On, FlowState::Off, FlowState::On] {
        let mut stored = world.store.flow(flow).await.unwrap().unwrap();
        stored.state = state;
        world.runtime.store().commit(Unit::from(Change::PutFlow(stored)), Lane::Work).await.unwrap();
        match (state, invoke(&world.runtime, &url, post("{}")).await) {
            (FlowState::On, Ok(_)) | (_, Err(AcceptError::NotMatched { .. })) => {}
            (_, other) => panic!("{state:?}: {other:?}"),
        }
    }
}
