//! Triggers that poll: what a service said last is kept across restarts and changes of the timetable, and credentials
//! stay at their origin.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once.

mod world;

use std::time::Duration;

use hookmill_model::{FlowId, Object, RunStatus, Timestamp, Value};
use hookmill_runtime::{Clock, ConnectionBinding, FlowForm, Runtime, RuntimeConfig};
use hookmill_store::{Runs as _, TimerKey};
use world::{World, create, eventually, flow_runs, form, scripted, start_with, world_with};

const BEGIN: Timestamp = Timestamp::from_millis(1_774_738_800_000);
/// `mine` with the password of the test's connection.
const BASIC: &str = "Basic YWRhOnNlY3JldC10b2tlbi0x";

fn config(clock: &Clock) -> RuntimeConfig {
    RuntimeConfig { clock: clock.clone(), ..RuntimeConfig::default() }
}

fn poll(world: &World, path: &str, minutes: u32) -> FlowForm {
    let definition = format!(
        r#"{{"triggers":{{"T":{{"type":"ApiConnection","splitOn":"@triggerBody()?['value']",
            "recurrence":{{"frequency":"Minute","interval":{minutes}}},
            "inputs":{{"host":{{"connection":{{"name":"@parameters('$connections')['shared_forge']['connectionId']"}}}},
                "method":"get","path":"{path}","retryPolicy":{{"type":"none"}}}}}}}},
          "actions":{{"Say":{{"type":"Compose","inputs":"@triggerBody()['n']"}}}}}}"#
    );
    let binding = ConnectionBinding { connection_id: Some(world.connection), api: None };
    FlowForm {
        definition: Value::from_json(definition.as_bytes()).unwrap(),
        connections: [("shared_forge".to_owned(), binding)].into_iter().collect(),
        ..form(world, "{}", "x")
    }
}

/// Sets the clock to the flow's next moment.
async fn next(world: &World, clock: &Clock, flow: FlowId) -> Timestamp {
    let due = world.store.timer(TimerKey::Flow(flow)).await.unwrap().unwrap();
    clock.set(due);
    due
}

async fn asked(seen: &world::Seen, times: usize) -> Vec<(String, String)> {
    eventually(async || seen.lock().unwrap().len() == times).await;
    // The state is stored after the answer.
    tokio::time::sleep(Duration::from_millis(150)).await;
    let seen = seen.lock().unwrap();
    seen.iter().map(|(_, path, authorization, _)| (path.clone(), authorization.clone())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cursor_of_a_connector_outlives_restarts_and_changed_timetables() {
    let clock = Clock::manual(BEGIN);
    let (address, seen) = scripted(vec![
        ("200 OK", "Location: /feed?cursor=1\r\n".to_owned(), r#"{"value":[{"n":1},{"n":2}]}"#),
        ("202 Accepted", "Location: /feed?cursor=2\r\nRetry-After: 600\r\n".to_owned(), ""),
        ("202 Accepted", "Location: /feed?cursor=3\r\n".to_owned(), ""),
        ("202 Accepted", "Location: /feed?cursor=4\r\n".to_owned(), ""),
        ("202 Accepted", "Location: /feed?cursor=5\r\n".to_owned(), ""),
        ("202 Accepted", String::new(), ""),
    ])
    .await;
    let world = world_with(&address, config(&clock)).await;
    let saved = world.runtime.create_flow(world.owner, poll(&world, "/feed", 1)).await.unwrap();
    let flow = saved.view.flow.id;
    asked(&seen, 1).await;
    eventually(async || flow_runs(&world).await.len() == 2).await;
    next(&world, &clock, flow).await;
    asked(&seen, 2).await;
    // 202 with a Retry-After that is longer than the timetable.
    assert_eq!(world.store.timer(TimerKey::Flow(flow)).await.unwrap(), Some(BEGIN.plus(Duration::from_secs(660))));
    // Another process goes on where the first was.
    world.runtime.stop(std::time::Duration::ZERO).await;
    world.store.reopen();
    let again: Runtime = start_with(&world.store, &world.vault, config(&clock)).await;
    next(&world, &clock, flow).await;
    asked(&seen, 3).await;
    // Another timetable keeps the place; other inputs begin anew.
    again.update_flow(world.owner, flow, None, poll(&world, "/feed", 5)).await.unwrap();
    asked(&seen, 4).await;
    again.turn_off(world.owner, flow).await.unwrap();
    again.turn_on(world.owner, flow).await.unwrap();
    asked(&seen, 5).await;
    again.update_flow(world.owner, flow, None, poll(&world, "/feed?all=1", 5)).await.unwrap();
    let lines = asked(&seen, 6).await;
    let paths: Vec<&str> = lines.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["/feed", "/feed?cursor=1", "/feed?cursor=2", "/feed?cursor=3", "/feed?cursor=4", "/feed?all=1"]);
    assert!(lines.iter().all(|(_, authorization)| authorization == BASIC), "{lines:?}");
    let bodies: Vec<RunStatus> = flow_runs(&world).await.iter().map(|run| run.status).collect();
    assert_eq!(bodies, [RunStatus::Succeeded, RunStatus::Succeeded]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_is_led_elsewhere_goes_without_credentials() {
    let clock = Clock::manual(BEGIN);
    let (other, strangers) = scripted(vec![("202 Accepted", String::new(), "")]).await;
    let away = format!("Location: http://{other}/elsewhere\r\n");
    let (address, seen) = scripted(vec![("202 Accepted", away, "")]).await;
    let world = world_with(&address, config(&clock)).await;
    let saved = world.runtime.create_flow(world.owner, poll(&world, "/feed", 1)).await.unwrap();
    assert_eq!(asked(&seen, 1).await[0].1, BASIC);
    next(&world, &clock, saved.view.flow.id).await;
    assert_eq!(asked(&strangers, 1).await, [("/elsewhere".to_owned(), String::new())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_call_is_asked_for_elsewhere_without_credentials() {
    let clock = Clock::manual(BEGIN);
    let (other, strangers) = scripted(vec![("200 OK", String::new(), r#"{"done":true}"#)]).await;
    let away = format!("Location: http://{other}/jobs/1\r\nRetry-After: 1\r\n");
    let (address, seen) = scripted(vec![("202 Accepted", away, "")]).await;
    let world = world_with(&address, config(&clock)).await;
    let actions = format!(
        r#"{{"Call":{{"type":"Http","inputs":{{"method":"POST","uri":"http://{address}/jobs","cookie":"sid=1",
            "authentication":{{"type":"Basic","username":"ada","password":"secret-token-1"}}}}}},
          "Say":{{"type":"Compose","inputs":"@body('Call')","runAfter":{{"Call":["Succeeded"]}}}}}}"#
    );
    let (flow, _) = create(&world, r#"{"type":"Request"}"#, &actions).await;
    let run = world.runtime.run_now(world.owner, flow, Value::Null, Object::new()).await.unwrap();
    assert_eq!(asked(&seen, 1).await[0].1, BASIC);
    clock.set(BEGIN.plus(Duration::from_secs(1)));
    assert_eq!(asked(&strangers, 1).await, [("/jobs/1".to_owned(), String::new())]);
    eventually(async || world.store.run(run).await.unwrap().unwrap().run.status == RunStatus::Succeeded).await;
    let history = world.runtime.run_view(world.owner, run).await.unwrap().history.unwrap();
    assert_eq!(history.run_of("Say", &[]).unwrap().outputs, Some(Value::object([("done", true)])));
    let shown = format!("{:?}", history.run_of("Call", &[]).unwrap());
    assert!(!shown.contains("secret-token-1") && !shown.contains("sid=1"), "{shown}");
}
