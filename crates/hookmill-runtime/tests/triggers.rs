//! Triggers that fire by time or subscribe by a request of their own; limits of concurrency; runs that wait for days.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once.

mod world;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hookmill_model::{Object, RunKind, RunStatus, SubscriptionState, Timestamp, Value};
use hookmill_runtime::{AcceptError, Accepted, Clock, Notification, RuntimeConfig};
use hookmill_store::{Inbox as _, List, NotificationFilter, RunFilter, Runs as _, TimerKey};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use world::{World, eventually, flow_runs as runs, service, world_with};

/// 2026-03-28T23:00:00Z, an hour before the day on which Berlin's clocks go forward.
const BEGIN: Timestamp = Timestamp::from_millis(1_774_738_800_000);
const HOUR: Duration = Duration::from_secs(3_600);

async fn timed() -> (World, Clock) {
    let clock = Clock::manual(BEGIN);
    let config = RuntimeConfig { clock: clock.clone(), ..RuntimeConfig::default() };
    let (address, _) = service(false, false).await;
    (world_with(&address, config).await, clock)
}

async fn create(world: &World, trigger: &str, actions: &str) -> hookmill_model::FlowId {
    world::create(world, trigger, actions).await.0
}

async fn count(world: &World, wanted: usize) {
    eventually(async || {
        let runs = runs(world).await;
        assert!(runs.len() <= wanted, "{} runs instead of {wanted}", runs.len());
        runs.len() == wanted && runs.iter().all(|run| run.status.is_final())
    })
    .await;
}

const SAY: &str = r#"{"Say":{"type":"Compose","inputs":"@triggerOutputs()"}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_timetable_keeps_the_wall_clock_and_replays_nothing() {
    let (world, clock) = timed().await;
    let recurrence = r#"{"type":"Recurrence","recurrence":{"frequency":"Day","interval":1,"timeZone":"W. Europe Standard Time","schedule":{"hours":["3"],"minutes":[30]}}}"#;
    let flow = create(&world, recurrence, SAY).await;
    let due = async || world.store.timer(TimerKey::Flow(flow)).await.unwrap().unwrap().to_string();
    assert_eq!(due().await, "2026-03-29T01:30:00.0000000Z", "summer time has begun");
    clock.set(BEGIN.plus(2 * HOUR));
    count(&world, 0).await;
    clock.set(BEGIN.plus(3 * HOUR));
    count(&world, 1).await;
    eventually(async || due().await == "2026-03-30T01:30:00.0000000Z").await;
    // Three days without power: one run, not three.
    clock.set(BEGIN.plus(75 * HOUR));
    count(&world, 2).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    count(&world, 2).await;
    world.runtime.turn_off(world.owner, flow).await.unwrap();
    clock.set(BEGIN.plus(200 * HOUR));
    tokio::time::sleep(Duration::from_millis(200)).await;
    count(&world, 2).await;
    assert_eq!(runs(&world).await[0].summary, "Schedule");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timetable_without_a_start_fires_at_once_and_survives_a_crash_without_doubling() {
    let (world, clock) = timed().await;
    create(&world, r#"{"type":"Recurrence","recurrence":{"frequency":"Hour","interval":1}}"#, SAY).await;
    count(&world, 1).await;
    for hour in 1..=5 {
        // Each process sees the same moment; only one of them begins the run.
        let again = world::start_with(
            &world.store,
            &world.vault,
            RuntimeConfig { clock: clock.clone(), ..RuntimeConfig::default() },
        )
        .await;
        clock.set(BEGIN.plus(hour * HOUR));
        count(&world, usize::try_from(hour).unwrap() + 1).await;
        drop(again);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_window_is_missed() {
    let (world, clock) = timed().await;
    let trigger = r#"{"type":"SlidingWindow","recurrence":{"frequency":"Hour","interval":1,"startTime":"2026-03-28T23:00:00Z"},"inputs":{"delay":"PT10M"}}"#;
    create(&world, trigger, SAY).await;
    clock.set(BEGIN.plus(HOUR));
    count(&world, 0).await;
    clock.set(BEGIN.plus(4 * HOUR + Duration::from_secs(600)));
    count(&world, 4).await;
    let mut windows = Vec::new();
    for run in runs(&world).await {
        let history = world.runtime.run_view(world.owner, run.id).await.unwrap().history.unwrap();
        let outputs = history.run_of("Say", &[]).unwrap().outputs.clone().unwrap();
        windows.push(outputs.pointer("/windowStartTime").and_then(Value::as_str).unwrap().to_owned());
    }
    assert_eq!(windows[0], "2026-03-28T23:00:00.0000000Z");
    assert_eq!(windows[3], "2026-03-29T02:00:00.0000000Z");
}

/// A service that is polled: answers by turns, and what was asked.
async fn polled(answers: Vec<(&'static str, &'static str, &'static str)>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&seen);
    tokio::spawn(async move {
        let turn = AtomicU32::new(0);
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut bytes = [0; 8_192];
            let read = socket.read(&mut bytes).await.unwrap_or(0);
            let head = String::from_utf8_lossy(&bytes[..read]).into_owned();
            log.lock().unwrap().push(head.lines().next().unwrap_or_default().to_owned());
            let at = usize::try_from(turn.fetch_add(1, Ordering::SeqCst)).unwrap().min(answers.len() - 1);
            let (status, headers, body) = answers[at];
            let reply = format!(
                "HTTP/1.1 {status}\r\n{headers}Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = socket.write_all(reply.as_bytes()).await;
        }
    });
    (address, seen)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_polled_service_says_when_and_where_it_is_asked_next() {
    let (world, clock) = timed().await;
    let (address, seen) = polled(vec![
        ("202 Accepted", "Location: /feed?cursor=1\r\nRetry-After: 30\r\n", ""),
        ("200 OK", "Location: /feed?cursor=2\r\nRetry-After: 5\r\n", r#"{"value":[{"n":1},{"n":2}]}"#),
        ("500 Internal Server Error", "", "{}"),
        ("404 Not Found", "", "{}"),
        ("200 OK", "", r#"{"value":[]}"#),
        ("202 Accepted", "", ""),
    ])
    .await;
    let trigger = format!(
        r#"{{"type":"Http","recurrence":{{"frequency":"Minute","interval":1}},"splitOn":"@triggerBody()?['value']",
        "inputs":{{"method":"GET","uri":"http://{address}/feed","retryPolicy":{{"type":"fixed","count":1,"interval":"PT5S"}}}}}}"#
    );
    let flow = create(&world, &trigger, r#"{"Say":{"type":"Compose","inputs":"@triggerBody()['n']"}}"#).await;
    let asked = async |times: usize| eventually(async || seen.lock().unwrap().len() == times).await;
    let due = async |seconds: u64| {
        let wanted = BEGIN.plus(Duration::from_secs(seconds));
        eventually(async || world.store.timer(TimerKey::Flow(flow)).await.unwrap() == Some(wanted)).await;
        clock.set(wanted);
    };
    asked(1).await;
    // 202: nothing yet; the timetable asks later than Retry-After.
    due(60).await;
    asked(2).await;
    count(&world, 2).await;
    // 200 with Retry-After 5: asked again then, at the place that the service named. It fails, and is tried again once.
    due(65).await;
    asked(3).await;
    due(70).await;
    asked(4).await;
    // 404 is no failure that passes: it is recorded.
    due(120).await;
    asked(5).await;
    due(180).await;
    asked(6).await;
    let lines = seen.lock().unwrap().clone();
    assert_eq!(lines[0], "GET /feed HTTP/1.1");
    assert_eq!(lines[1], "GET /feed?cursor=1 HTTP/1.1");
    assert_eq!(lines[2], "GET /feed?cursor=2 HTTP/1.1");
    let statuses: Vec<RunStatus> = runs(&world).await.iter().map(|run| run.status).collect();
    assert_eq!(statuses[..3], [RunStatus::Succeeded, RunStatus::Succeeded, RunStatus::Failed]);
    assert_eq!(runs(&world).await[2].error.as_ref().unwrap().code, "NotFound");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_the_definition_describes_lives_like_any_other() {
    let (address, seen) = service(false, false).await;
    let world = world_with(&address, RuntimeConfig::default()).await;
    let trigger = format!(
        r#"{{"type":"HttpWebhook","inputs":{{
            "subscribe":{{"method":"POST","uri":"http://{address}/subscriptions","body":{{"config":{{"url":"@{{listCallbackUrl()}}"}}}},
                "authentication":{{"type":"Basic","username":"ada","password":"pw-of-the-test"}}}},
            "unsubscribe":{{"method":"DELETE","uri":"@{{trigger().outputs.headers.Location}}"}}}}}}"#
    );
    let flow = create(&world, &trigger, r#"{"Say":{"type":"Compose","inputs":"@triggerBody()?['x']"}}"#).await;
    let view = world.runtime.flow(world.owner, flow).await.unwrap();
    assert_eq!(view.webhook.as_ref().unwrap().state, SubscriptionState::Live, "{:?}", view.webhook);
    assert_eq!(view.webhook.unwrap().callback_url, None);
    let door = world::capability(&seen);
    let event =
        Notification { method: "POST".to_owned(), body: br#"{"x":1}"#.to_vec().into(), ..Notification::default() };
    assert!(matches!(world.runtime.accept(&door, event.clone()).await.unwrap(), Accepted::Stored { .. }));
    count(&world, 1).await;
    world.runtime.turn_off(world.owner, flow).await.unwrap();
    let last = seen.lock().unwrap().last().cloned().unwrap();
    assert_eq!((last.0.as_str(), last.1.as_str()), ("DELETE", "/subscriptions/7"));
    assert!(matches!(world.runtime.accept(&door, event).await, Err(AcceptError::Gone)));
    let all = world.store.runs(&RunFilter::of(world.owner), List::first(50)).await.unwrap().items;
    for listed in all.iter().filter(|listed| listed.run.kind != RunKind::Flow) {
        let view = world.runtime.run_view(world.owner, listed.run.id).await.unwrap();
        let shown = format!("{:?}", view.exchange);
        assert!(!shown.contains("pw-of-the-test") && !shown.contains(&door), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_wait_for_their_turn_and_too_many_are_refused() {
    let (address, _) = service(false, false).await;
    let world = world_with(&address, RuntimeConfig::default()).await;
    let trigger = r#"{"type":"Request","runtimeConfiguration":{"concurrency":{"runs":1,"maximumWaitingRuns":3}}}"#;
    let wait = r#"{"Wait":{"type":"Wait","inputs":{"interval":{"count":1,"unit":"Second"}}},
        "Notify":{"type":"OpenApiConnection","inputs":{"host":{"connectionName":"shared_flowpush","operationId":"SendNotification","apiId":"x/shared_flowpush"},
            "parameters":{"NotificationDefinition/notificationText":"@{triggerBody()}"}},"runAfter":{"Wait":["Succeeded"]}}}"#;
    let flow = create(&world, trigger, wait).await;
    let url = world.runtime.flow(world.owner, flow).await.unwrap().webhook.unwrap().callback_url.unwrap();
    let send = async |n: u32| {
        let event = Notification {
            method: "POST".to_owned(),
            body: n.to_string().into_bytes().into(),
            ..Notification::default()
        };
        world::invoke(&world.runtime, &url, event).await
    };
    for n in 0..4 {
        assert!(send(n).await.is_ok(), "{n}");
        eventually(async || runs(&world).await.len() == usize::try_from(n).unwrap() + 1).await;
    }
    assert!(matches!(send(4).await, Err(AcceptError::TooManyRuns { .. })));
    let statuses: Vec<RunStatus> = runs(&world).await.iter().map(|run| run.status).collect();
    assert_eq!(statuses, [RunStatus::Running, RunStatus::Waiting, RunStatus::Waiting, RunStatus::Waiting]);
    // One that waits can be cancelled; the others keep their order.
    let second = runs(&world).await[1].id;
    world.runtime.cancel_run(world.owner, second).await.unwrap();
    eventually(async || runs(&world).await.iter().all(|run| run.status.is_final())).await;
    let inbox = world.store.notifications(&NotificationFilter::of(world.owner), List::first(50)).await.unwrap().items;
    let order: Vec<&str> = inbox.iter().rev().map(|own| own.text.as_str()).collect();
    assert_eq!(order, ["0", "2", "3"]);
    let ended = runs(&world).await;
    assert!(ended[3].started_at >= ended[2].ended_at.unwrap(), "one after the other");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_instance_drops_what_comes_while_it_runs() {
    let (world, clock) = timed().await;
    let trigger =
        r#"{"type":"Recurrence","recurrence":{"frequency":"Hour","interval":1},"operationOptions":"SingleInstance"}"#;
    create(&world, trigger, r#"{"Wait":{"type":"Wait","inputs":{"interval":{"count":150,"unit":"Minute"}}}}"#).await;
    eventually(async || runs(&world).await.len() == 1).await;
    for hour in 1..=2 {
        clock.set(BEGIN.plus(hour * HOUR));
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    assert_eq!(runs(&world).await.len(), 1);
    clock.set(BEGIN.plus(Duration::from_secs(160 * 60)));
    eventually(async || runs(&world).await[0].status.is_final()).await;
    clock.set(BEGIN.plus(3 * HOUR));
    eventually(async || runs(&world).await.len() == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_that_wait_for_days_leave_the_memory_and_come_back() {
    let (world, clock) = timed().await;
    let wait = r#"{"Wait":{"type":"Wait","inputs":{"interval":{"count":3,"unit":"Day"}}},"Say":{"type":"Compose","inputs":"@utcNow()","runAfter":{"Wait":["Succeeded"]}}}"#;
    let flow = create(&world, r#"{"type":"Request"}"#, wait).await;
    let mut begun = Vec::new();
    for _ in 0..20 {
        begun.push(world.runtime.run_now(world.owner, flow, Value::Null, Object::new()).await.unwrap());
    }
    eventually(async || world.runtime.runs_in_memory() == 0).await;
    // A parked run can be cancelled, and a new process knows of all of them.
    world.runtime.cancel_run(world.owner, begun[0]).await.unwrap();
    eventually(async || world.store.run(begun[0]).await.unwrap().unwrap().run.status == RunStatus::Cancelled).await;
    clock.set(BEGIN.plus(71 * HOUR));
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(runs(&world).await.iter().filter(|run| run.status.is_final()).count(), 1);
    clock.set(BEGIN.plus(72 * HOUR));
    eventually(async || runs(&world).await.iter().all(|run| run.status.is_final())).await;
    assert_eq!(runs(&world).await.iter().filter(|run| run.status == RunStatus::Succeeded).count(), 19);
    assert!(world.store.next_timer(hookmill_store::TimerKind::Run).await.unwrap().is_none(), "no timer is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_that_waits_to_be_called_survives_days_and_a_restart() {
    let (world, clock) = timed().await;
    let (address, seen) = service(false, false).await;
    let actions = format!(
        r#"{{"Ask":{{"type":"HttpWebhook","inputs":{{"subscribe":{{"method":"POST","uri":"http://{address}/ask","body":{{"config":{{"url":"@{{listCallbackUrl()}}"}}}}}},
            "unsubscribe":{{"method":"DELETE","uri":"http://{address}/ask/1"}}}}}},
          "Say":{{"type":"Compose","inputs":"@body('Ask')","runAfter":{{"Ask":["Succeeded"]}}}}}}"#
    );
    let flow = create(&world, r#"{"type":"Request"}"#, &actions).await;
    let run = world.runtime.run_now(world.owner, flow, Value::Null, Object::new()).await.unwrap();
    eventually(async || world.runtime.runs_in_memory() == 0 && !seen.lock().unwrap().is_empty()).await;
    let door = world::capability(&seen);
    clock.set(BEGIN.plus(100 * HOUR));
    let again = world::start_with(
        &world.store,
        &world.vault,
        RuntimeConfig { clock: clock.clone(), public_url: "https://me.test".to_owned(), ..RuntimeConfig::default() },
    )
    .await;
    let answer = Notification {
        method: "POST".to_owned(),
        body: br#""approved""#.to_vec().into(),
        headers: [("content-type", "application/json")].into_iter().collect(),
        ..Notification::default()
    };
    assert!(matches!(again.accept(&door, answer.clone()).await.unwrap(), Accepted::Stored { .. }));
    eventually(async || world.store.run(run).await.unwrap().unwrap().run.status == RunStatus::Succeeded).await;
    let history = again.run_view(world.owner, run).await.unwrap().history.unwrap();
    assert_eq!(history.run_of("Say", &[]).unwrap().outputs, Some("approved".into()));
    assert_eq!(seen.lock().unwrap().last().unwrap().0, "DELETE", "the subscription is ended");
    // A caller whose answer was cut off calls again; another address of the run is none.
    assert!(matches!(again.accept(&door, answer.clone()).await.unwrap(), Accepted::Stored { .. }));
    let other = format!("{run}.another");
    assert!(matches!(again.accept(&other, answer).await, Err(AcceptError::Gone)));
}
