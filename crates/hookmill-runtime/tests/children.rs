//! Child flows: the parent gets the answer, and the child begins once, whatever crashes.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once.

mod world;

use std::sync::Arc;
use std::time::Duration;

use hookmill_model::{Object, RunStatus, Value};
use hookmill_store::{List, RunFilter, Runs as _};
use world::{World, create, eventually, flow_runs, service, start, world};

/// Calls the child by its identifier or its name.
fn parent(child: &str) -> String {
    format!(
        r#"{{"Call":{{"type":"Workflow","inputs":{{"host":{{"workflow":{{"id":"{child}"}},"triggerName":"T"}},
            "headers":{{"X-From":"parent"}},"body":{{"n":3}},"retryPolicy":{{"type":"none"}}}}}},
          "Say":{{"type":"Compose","inputs":"@outputs('Call')","runAfter":{{"Call":["Succeeded","Failed"]}}}}}}"#
    )
}

async fn said(world: &World, runtime: &hookmill_runtime::Runtime, run: hookmill_model::RunId) -> Value {
    let ended = async || world.store.run(run).await.unwrap().unwrap().run.status.is_final();
    eventually(async || ended().await).await;
    let history = runtime.run_view(world.owner, run).await.unwrap().history.unwrap();
    history.run_of("Say", &[]).and_then(|own| own.outputs.clone()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_answers_its_parent() {
    let (address, _) = service(false, false).await;
    let world = world(&address).await;
    let answer = r#"{"Answer":{"type":"Response","inputs":{"statusCode":202,"body":"@concat(triggerOutputs()['headers']['X-From'], triggerBody()['n'])"}},
        "After":{"type":"Wait","inputs":{"interval":{"count":1,"unit":"Hour"}},"runAfter":{"Answer":["Succeeded"]}}}"#;
    let (child, _) = create(&world, r#"{"type":"Request"}"#, answer).await;
    let (flow, _) = create(&world, r#"{"type":"Request"}"#, &parent(&format!("/workflows/{child}"))).await;
    let run = world.runtime.run_now(world.owner, flow, Value::Null, Object::new()).await.unwrap();
    let outputs = said(&world, &world.runtime, run).await;
    assert_eq!(outputs.get("body"), Some(&"parent3".into()));
    assert_eq!(outputs.get("statusCode"), Some(&Value::Integer(202)));
    let runs = flow_runs(&world).await;
    let child_run = runs.iter().find(|own| own.flow == child).unwrap();
    assert_eq!((child_run.parent, child_run.status), (Some(run), RunStatus::Running), "the answer is enough");

    // Turned off, it is not begun; without an answer the action fails.
    world.runtime.turn_off(world.owner, child).await.unwrap();
    let run = world.runtime.run_now(world.owner, flow, Value::Null, Object::new()).await.unwrap();
    said(&world, &world.runtime, run).await;
    let error = async |run| {
        let history = world.runtime.run_view(world.owner, run).await.unwrap().history.unwrap();
        history.run_of("Call", &[]).unwrap().error.clone().unwrap().code.to_string()
    };
    assert_eq!(error(run).await, "WorkflowTriggerIsNotEnabled");
    let (_, _) = create(&world, r#"{"type":"Request"}"#, r#"{"Say":{"type":"Compose","inputs":1}}"#).await;
    let filter = hookmill_store::FlowFilter::of(world.owner);
    let silent = hookmill_store::Flows::flows(&*world.store, &filter, List::first(1)).await.unwrap().items.remove(0);
    let (flow, _) = create(&world, r#"{"type":"Request"}"#, &parent(&silent.id.to_string())).await;
    let run = world.runtime.run_now(world.owner, flow, Value::Null, Object::new()).await.unwrap();
    said(&world, &world.runtime, run).await;
    assert_eq!(error(run).await, "NoResponse");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_begins_once_however_often_the_parent_is_taken_up() {
    let (address, _) = service(false, false).await;
    let answer = r#"{"Wait":{"type":"Wait","inputs":{"interval":{"count":2,"unit":"Second"}}},
        "Answer":{"type":"Response","inputs":{"body":"late"},"runAfter":{"Wait":["Succeeded"]}}}"#;
    let process = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (world, run) = process
        .spawn(async move {
            let world = world(&address).await;
            let (child, _) = create(&world, r#"{"type":"Request"}"#, answer).await;
            let (flow, _) = create(&world, r#"{"type":"Request"}"#, &parent(&child.to_string())).await;
            let run = world.runtime.run_now(world.owner, flow, Value::Null, Object::new()).await.unwrap();
            while flow_runs(&world).await.len() < 2 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            (world, run)
        })
        .await
        .unwrap();
    world::die(process).await;
    let again = start(&Arc::clone(&world.store), &world.vault).await;
    let outputs = said(&world, &again, run).await;
    assert_eq!(outputs.get("body"), Some(&"late".into()));
    let all = world.store.runs(&RunFilter::of(world.owner), List::first(50)).await.unwrap().items;
    assert_eq!(all.len(), 2, "one parent, one child");
    let history = again.run_view(world.owner, run).await.unwrap().history.unwrap();
    assert_eq!(history.run_of("Call", &[]).unwrap().attempts[0].redispatched, 1);
}
