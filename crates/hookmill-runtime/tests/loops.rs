//! Flows that call themselves come to an end: as their own child, and through their own address.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once.

mod world;

use hookmill_engine::DEPTH_HEADER;
use hookmill_model::{Object, RunStatus, Value};
use hookmill_runtime::{AcceptError, FlowForm};
use world::{World, create, eventually, flow_runs, invoke, post, service, world};

async fn plain() -> World {
    let (address, _) = service(false, false).await;
    world(&address).await
}

async fn all_ended(world: &World) {
    eventually(async || flow_runs(world).await.iter().all(|run| run.status.is_final())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_that_is_its_own_child_ends_after_eight_calls() {
    let world = plain().await;
    let (flow, _) = create(&world, r#"{"type":"Request"}"#, r#"{"Say":{"type":"Compose","inputs":1}}"#).await;
    let again = format!(
        r#"{{"triggers":{{"T":{{"type":"Request"}}}},"actions":{{"Again":{{"type":"Workflow","inputs":{{"host":{{"workflow":{{"id":"{flow}"}},"triggerName":"T"}},
            "headers":{{"Hookmill-Depth":"0"}},"body":{{}},"retryPolicy":{{"type":"none"}}}}}},
            "Answer":{{"type":"Response","inputs":{{"body":"@actions('Again')?['error']?['message']"}},"runAfter":{{"Again":["Succeeded","Failed"]}}}}}}}}"#
    );
    let form = FlowForm {
        name: "Circle".to_owned(),
        definition: Value::from_json(again.as_bytes()).unwrap(),
        description: None,
        connections: std::collections::BTreeMap::new(),
        profile: None,
        envelope: Value::Null,
        state: None,
        parameters: Value::Null,
    };
    let saved = world.runtime.update_flow(world.owner, flow, None, form).await.unwrap();
    let found: Vec<(&str, &str)> =
        saved.view.diagnostics.iter().map(|finding| (finding.code.as_str(), finding.pointer.as_str())).collect();
    assert_eq!(found, [("calls_itself", "/actions/Again")]);
    let first = world.runtime.run_now(world.owner, flow, Value::Null, Object::new()).await.unwrap();
    eventually(async || {
        let runs = flow_runs(&world).await;
        runs.iter().any(|run| run.id == first && run.status.is_final())
    })
    .await;
    all_ended(&world).await;
    let runs = flow_runs(&world).await;
    assert_eq!(runs.len(), 9, "the first one, and eight that were called");
    // The last one was refused, with words that say so.
    let mut refused = 0;
    for run in runs {
        let history = world.runtime.run_view(world.owner, run.id).await.unwrap().history.unwrap();
        let own = history.run_of("Again", &[]).unwrap().clone();
        if own.code.as_deref() == Some("flow_loop") {
            refused += 1;
            assert!(own.error.unwrap().message.contains("in a row"));
        }
    }
    assert_eq!(refused, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_an_address_carry_their_depth() {
    let world = plain().await;
    let (_, url) = create(&world, r#"{"type":"Request"}"#, r#"{"Say":{"type":"Compose","inputs":1}}"#).await;
    let url = url.unwrap();
    let call = |depth: &str| {
        let mut call = post("{}");
        call.headers.insert(DEPTH_HEADER, depth);
        call
    };
    invoke(&world.runtime, &url, call("8")).await.unwrap();
    let refused = invoke(&world.runtime, &url, call("9")).await;
    assert!(matches!(&refused, Err(AcceptError::Loop { message }) if message.contains("in a row")), "{refused:?}");
    // Calls from deeper down are bounded in number, others are not.
    for _ in 0..299 {
        invoke(&world.runtime, &url, call("2")).await.unwrap();
    }
    let refused = invoke(&world.runtime, &url, call("2")).await;
    assert!(matches!(refused, Err(AcceptError::TooManyRuns { retry_after_s: 1..=61 })), "{refused:?}");
    invoke(&world.runtime, &url, call("1")).await.unwrap();
    invoke(&world.runtime, &url, post("{}")).await.unwrap();
    all_ended(&world).await;
    assert!(flow_runs(&world).await.iter().all(|run| run.status == RunStatus::Succeeded));
}
