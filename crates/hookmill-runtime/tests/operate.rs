//! Runs again: from the event, from the failed action; recorded runs against a changed definition.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once.

mod world;

use hookmill_definition::Profile;
use hookmill_model::{Object, RunKind, RunStatus, Value};
use hookmill_runtime::{Backtested, Error, OnFailure, WhichVersion};
use hookmill_store::{
    Accounts as _, Change, Inbox as _, Lane, List, NotificationFilter, RunFilter, Runs as _, Store as _, Unit,
};
use world::{World, eventually, form, service, world};

/// Notifies, then calls an address of the service, then notes that it is done.
fn actions(path: &str, address: &str) -> String {
    let notify = |name: &str, text: &str, after: &str| {
        format!(
            r#""{name}":{{"type":"OpenApiConnection","inputs":{{"host":{{"connectionName":"shared_flowpush","operationId":"SendNotification","apiId":"x/shared_flowpush"}},
            "parameters":{{"NotificationDefinition/notificationText":"{text}"}}}},"runAfter":{after}}}"#
        )
    };
    format!(
        r#"{{{},"Call":{{"type":"Http","inputs":{{"method":"POST","uri":"http://{address}/{path}","retryPolicy":{{"type":"none"}}}},"runAfter":{{"First":["Succeeded"]}}}},{}}}"#,
        notify("First", "begun", "{}"),
        notify("Last", "done @{triggerBody()?['n']}", r#"{"Call":["Succeeded"]}"#)
    )
}

async fn inbox(world: &World) -> Vec<String> {
    let page = world.store.notifications(&NotificationFilter::of(world.owner), List::first(50)).await.unwrap();
    page.items.into_iter().rev().map(|own| own.text).collect()
}

async fn newest(world: &World) -> hookmill_store::Run {
    let filter = RunFilter { kind: Some(RunKind::Flow), ..RunFilter::of(world.owner) };
    world.store.runs(&filter, List::first(1)).await.unwrap().items.remove(0).run
}

async fn ended(world: &World, count: usize) -> hookmill_store::Run {
    eventually(async || {
        let filter = RunFilter { kind: Some(RunKind::Flow), ..RunFilter::of(world.owner) };
        let page = world.store.runs(&filter, List::first(50)).await.unwrap();
        page.items.len() == count && page.items.iter().all(|listed| listed.run.status.is_final())
    })
    .await;
    newest(world).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_is_taken_up_again_at_the_failed_action() {
    let (refusing, _) = service(true, false).await;
    let (address, _) = service(false, false).await;
    let world = world(&address).await;
    let runtime = &world.runtime;
    let mut flow = form(&world, &actions("x", &refusing), "site");
    let saved = runtime.create_flow(world.owner, flow.clone()).await.unwrap();
    let id = saved.view.flow.id;
    let body = Value::object([("n", Value::Integer(7))]);
    runtime.run_now(world.owner, id, body, Object::new()).await.unwrap();
    let failed = ended(&world, 1).await;
    assert_eq!((failed.status, inbox(&world).await), (RunStatus::Failed, vec!["begun".to_owned()]));

    // The definition of then: the service refuses still.
    runtime.resume_run(world.owner, failed.id, WhichVersion::Then).await.unwrap();
    let again = ended(&world, 2).await;
    assert_eq!(again.status, RunStatus::Failed);
    assert_eq!(inbox(&world).await, ["begun"], "what succeeded is not done again");

    // The definition of now calls a service that answers.
    flow.definition = form(&world, &actions("x", &address), "site").definition;
    runtime.update_flow(world.owner, id, None, flow).await.unwrap();
    let run = runtime.resume_run(world.owner, failed.id, WhichVersion::Now).await.unwrap();
    let mended = ended(&world, 3).await;
    assert_eq!((mended.id, mended.status, mended.version), (run, RunStatus::Succeeded, 2));
    assert_eq!(mended.resubmitted_from, Some(failed.id));
    assert_eq!(inbox(&world).await, ["begun", "done 7"]);
    let history = runtime.run_view(world.owner, run).await.unwrap().history.unwrap();
    assert!(history.run_of("First", &[]).unwrap().taken_over);
    assert!(!history.run_of("Call", &[]).unwrap().taken_over);

    assert!(matches!(runtime.resume_run(world.owner, run, WhichVersion::Now).await, Err(Error::NotPossible(_))));
    runtime.resubmit_run(world.owner, run).await.unwrap();
    ended(&world, 4).await;
    assert_eq!(inbox(&world).await, ["begun", "done 7", "begun", "done 7"], "resubmitting does everything again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_definition_is_tried_on_recorded_runs() {
    let (address, seen) = service(false, false).await;
    let world = world(&address).await;
    let branch = |least: u32| {
        format!(
            r#"{{"If":{{"type":"If","expression":{{"greaterOrEquals":["@triggerBody()?['n']",{least}]}},"actions":{{
                "Call":{{"type":"Http","inputs":{{"method":"POST","uri":"http://{address}/call"}}}}}}}}}}"#
        )
    };
    let saved = world.runtime.create_flow(world.owner, form(&world, &branch(2), "site")).await.unwrap();
    let id = saved.view.flow.id;
    for n in 0..4 {
        let body = Value::object([("n", Value::Integer(n))]);
        world.runtime.run_now(world.owner, id, body, Object::new()).await.unwrap();
        ended(&world, usize::try_from(n).unwrap() + 1).await;
    }
    let calls = seen.lock().unwrap().len();
    let changed = form(&world, &branch(3), "site").definition;
    let tested = world.runtime.backtest(world.owner, id, &changed, 100).await.unwrap();
    let other: Vec<bool> = tested.iter().map(|own| !own.replay.as_ref().unwrap().is_same()).collect();
    assert_eq!(tested.len(), 4);
    // Newest first: 3 calls in both, 2 would not any more; the condition's own inputs name the new bound.
    let ways: Vec<usize> = tested
        .iter()
        .map(|own| {
            let replay = own.replay.as_ref().unwrap();
            replay.differences.iter().filter(|difference| &*difference.action == "Call").count()
        })
        .collect();
    assert_eq!(ways, [0, 1, 0, 0], "{tested:?} {other:?}");
    let chosen = |own: &Backtested, branch: &str| own.replay.as_ref().unwrap().branches["If"].contains_key(branch);
    let count = |branch: &str| tested.iter().filter(|own| chosen(own, branch)).count();
    assert_eq!((count("true"), count("false")), (1, 3), "{tested:?}");
    assert_eq!(seen.lock().unwrap().len(), calls, "nothing is sent");
    assert_eq!(world.runtime.backtest(world.owner, id, &changed, 2).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_flow_keeps_its_profile_and_its_parameters_until_they_are_changed() {
    let (address, _seen) = service(false, false).await;
    let world = world(&address).await;
    let mut flow = form(&world, r#"{"Each":{"type":"Foreach","foreach":"@createArray(1,2)","actions":{}}}"#, "site");
    flow.profile = Some(Profile::PowerAutomate);
    flow.parameters = Value::object([("limit", 7)]);
    flow.definition = {
        let mut definition = flow.definition.as_object().unwrap().clone();
        definition.insert("parameters", Value::from_json(br#"{"limit":{"type":"Int"}}"#).unwrap());
        definition.into()
    };
    let saved = world.runtime.create_flow(world.owner, flow.clone()).await.unwrap();
    let id = saved.view.flow.id;
    // As a client saves that knows of neither.
    (flow.profile, flow.parameters) = (None, Value::Null);
    let again = world.runtime.update_flow(world.owner, id, None, flow.clone()).await.unwrap();
    assert_eq!((again.view.profile, &again.view.parameters), (Profile::PowerAutomate, &Value::object([("limit", 7)])));
    (flow.profile, flow.parameters) = (Some(Profile::LogicApps), Value::object([("limit", 8)]));
    let changed = world.runtime.update_flow(world.owner, id, None, flow).await.unwrap();
    assert_eq!((changed.view.profile, &changed.view.parameters), (Profile::LogicApps, &Value::object([("limit", 8)])));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_failed_run_asks_for_outlives_a_crash_and_happens_once() {
    let (address, _seen) = service(false, false).await;
    let world = world(&address).await;
    let stop = r#"{"Stop":{"type":"Terminate","inputs":{"runStatus":"Failed","runError":{"code":"X","message":"out of lamps"}}}}"#;
    let failing = world.runtime.create_flow(world.owner, form(&world, stop, "site")).await.unwrap().view.flow.id;
    let mut catching = form(&world, r#"{"Take":{"type":"Compose","inputs":"@triggerBody()"}}"#, "site");
    let request = br#"{"triggers":{"manual":{"type":"Request"}},"actions":{"Take":{"type":"Compose","inputs":"@triggerBody()"}}}"#;
    catching.definition = Value::from_json(request).unwrap();
    catching.connections.clear();
    let catching = world.runtime.create_flow(world.owner, catching).await.unwrap().view.flow.id;
    let failed = world.runtime.run_now(world.owner, failing, Value::Null, Object::new()).await.unwrap();
    ended(&world, 1).await;
    let wanted = OnFailure { notify: true, run_flow: Some(catching), ..OnFailure::default() };
    world.runtime.set_on_failure(world.owner, failing, wanted).await.unwrap();
    world.runtime.begin_to_stop();

    // What the unit that ends a run leaves, and what a crash before the end of the work leaves once more.
    let name = format!("failed {failed}");
    let note = format!(r#"{{"flow":"{failing}","depth":0,"is_secret":false}}"#);
    for _ in 0..2 {
        let put = Unit::from(Change::PutSetting(name.clone(), note.clone().into_bytes().into()));
        world.store.commit(put, Lane::Work).await.unwrap();
        let again = world::start(&world.store, &world.vault).await;
        eventually(async || world.store.setting(&name).await.unwrap().is_none()).await;
        ended(&world, 2).await;
        let filter = RunFilter { flow: Some(catching), ..RunFilter::of(world.owner) };
        let run = world.store.runs(&filter, List::first(2)).await.unwrap().items.remove(0).run;
        assert_eq!(run.status, RunStatus::Succeeded);
        let history = again.run_view(world.owner, run.id).await.unwrap().history.unwrap();
        let taken = history.run_of("Take", &[]).unwrap().outputs.clone().unwrap();
        assert_eq!(taken.pointer("/run/id"), Some(&Value::from(failed.to_string())), "{taken:?}");
        assert_eq!(inbox(&world).await, ["A run failed. out of lamps"]);
        again.begin_to_stop();
    }
}
