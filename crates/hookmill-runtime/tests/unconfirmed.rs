//! Creations of webhooks whose outcome is not known, at a service that keeps a list of its webhooks.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once.

mod world;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hookmill_model::{FlowState, RunKind, RunStatus, SubscriptionState, Timestamp, Value};
use hookmill_runtime::{Clock, RuntimeConfig};
use hookmill_store::{
    Change, FlowFilter, Flows as _, Lane, List, Runs as _, Store as _, Subscriptions as _, TimerKey, Unit,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use world::{World, eventually, form, runs, world_of};

/// What the service does with the next request of a kind; afterwards it does what is right.
#[derive(Clone, Copy)]
enum Fault {
    /// Creates the webhook, and answers this status.
    CreatedThen(u16),
    /// Creates the webhook, and says nothing.
    CreatedThenSilence,
    /// Does nothing, and answers this status, with these header lines.
    Only(u16, &'static str),
}

/// A service with webhooks, as a repository has them.
#[derive(Clone, Default)]
struct Forge(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    hooks: Vec<(u64, String)>,
    made: u64,
    creations: VecDeque<Fault>,
    lists: VecDeque<Fault>,
    /// Method and path of each request.
    seen: Vec<String>,
}

impl Forge {
    async fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (forge, own) = (self.clone(), address.clone());
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (forge, own) = (forge.clone(), own.clone());
                tokio::spawn(async move {
                    let mut bytes = vec![0; 65_536];
                    let mut length = 0;
                    let (head, body) = loop {
                        let read = socket.read(&mut bytes[length..]).await.unwrap_or(0);
                        length += read;
                        let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
                        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                        let lower = head.to_lowercase();
                        let expected =
                            lower.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                        if read == 0 || body.len() >= expected.unwrap_or(0_usize) {
                            break (head.to_owned(), body.to_owned());
                        }
                    };
                    let mut words = head.split_whitespace();
                    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                    let Some((status, headers, answer)) = forge.answer(method, path, &body, &own) else {
                        tokio::time::sleep(Duration::from_secs(60)).await;
                        return;
                    };
                    let reply = format!(
                        "HTTP/1.1 {status} X\r\n{headers}Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}",
                        answer.len()
                    );
                    let _ = socket.write_all(reply.as_bytes()).await;
                });
            }
        });
        address
    }

    /// Status, header lines and body; `None` for silence.
    fn answer(&self, method: &str, path: &str, body: &str, own: &str) -> Option<(u16, String, String)> {
        let mut state = self.0.lock().unwrap();
        state.seen.push(format!("{method} {path}"));
        match method {
            "POST" => {
                let body = Value::from_json(body.as_bytes()).unwrap();
                let url = body.pointer("/config/url").and_then(Value::as_str).unwrap().to_owned();
                let fault = state.creations.pop_front();
                if !matches!(fault, Some(Fault::Only(..))) {
                    state.made += 1;
                    let id = state.made;
                    state.hooks.push((id, url));
                }
                let id = state.made;
                match fault {
                    Some(Fault::CreatedThen(status)) => Some((status, String::new(), "{}".to_owned())),
                    Some(Fault::CreatedThenSilence) => None,
                    Some(Fault::Only(status, headers)) => Some((status, headers.to_owned(), "{}".to_owned())),
                    None => Some((
                        201,
                        format!("Location: http://{own}{path}/{id}\r\n"),
                        format!(r#"{{"id":{id},"secret":"shown-{id}"}}"#),
                    )),
                }
            }
            "GET" => {
                match state.lists.pop_front() {
                    Some(Fault::Only(status, headers)) => {
                        return Some((status, headers.to_owned(), r#"{"message":"no"}"#.to_owned()));
                    }
                    Some(_) => return None,
                    None => {}
                }
                // One webhook on a page.
                let page = path.split_once("page=").map_or(1, |(_, page)| page.parse().unwrap());
                let path = path.split('?').next().unwrap();
                let next = if page < state.hooks.len() {
                    format!("Link: <http://{own}{path}?page={}>; rel=\"next\"\r\n", page + 1)
                } else {
                    String::new()
                };
                let own =
                    state.hooks.get(page - 1).map(|(id, url)| format!(r#"{{"id":{id},"config":{{"url":"{url}"}}}}"#));
                Some((200, next, format!("[{}]", own.unwrap_or_default())))
            }
            "DELETE" => {
                let id: u64 = path.rsplit('/').next().unwrap().parse().unwrap();
                state.hooks.retain(|(own, _)| *own != id);
                Some((204, String::new(), String::new()))
            }
            _ => Some((405, String::new(), String::new())),
        }
    }

    fn hooks(&self) -> usize {
        self.0.lock().unwrap().hooks.len()
    }

    fn count(&self, method: &str) -> usize {
        self.0.lock().unwrap().seen.iter().filter(|line| line.starts_with(method)).count()
    }
}

fn listing() -> String {
    world::DOCUMENT.replace(
        r#""/repos/{owner}/{repo}/hooks":{"#,
        r#""/repos/{owner}/{repo}/hooks":{"get":{"operationId":"list","parameters":[
            {"name":"owner","in":"path","required":true,"type":"string"},{"name":"repo","in":"path","required":true,"type":"string"}],"responses":{}},"#,
    )
}

async fn forge_world(creations: &[Fault], lists: &[Fault]) -> (World, Forge, Clock) {
    world_at(&listing(), creations, lists).await
}

async fn world_at(document: &str, creations: &[Fault], lists: &[Fault]) -> (World, Forge, Clock) {
    let forge = Forge::default();
    {
        let mut state = forge.0.lock().unwrap();
        state.creations.extend(creations);
        state.lists.extend(lists);
    }
    let address = forge.start().await;
    let clock = Clock::manual(Timestamp::from_millis(1_735_689_600_000));
    let config =
        RuntimeConfig { clock: clock.clone(), service_wait: Duration::from_millis(500), ..RuntimeConfig::default() };
    (world_of(document, &address, config).await, forge, clock)
}

/// Lets time pass until something holds.
async fn pass(clock: &Clock, mut holds: impl AsyncFnMut() -> bool) {
    eventually(async || {
        clock.set(clock.now().plus(Duration::from_secs(2)));
        holds().await
    })
    .await;
}

async fn states(world: &World, flow: hookmill_model::FlowId) -> Vec<SubscriptionState> {
    world.store.subscriptions_of(flow).await.unwrap().iter().map(|own| own.state).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_without_a_clear_answer_is_found_in_the_list_and_not_sent_again() {
    for fault in [Fault::CreatedThen(502), Fault::CreatedThen(504), Fault::CreatedThenSilence] {
        let (world, forge, clock) = forge_world(&[fault], &[Fault::Only(500, ""), Fault::Only(200, "")]).await;
        let saved = world.runtime.create_flow(world.owner, form(&world, "{}", "site")).await.unwrap();
        let id = saved.view.flow.id;
        assert_eq!((saved.view.flow.state, saved.problem), (FlowState::On, None), "it is no refusal");
        let webhook = saved.view.webhook.unwrap();
        assert_eq!(webhook.state, SubscriptionState::Creating);
        assert!(webhook.warning.is_some() && webhook.retry_at.is_some(), "the flow's page says what it waits for");
        pass(&clock, async || states(&world, id).await == [SubscriptionState::Live]).await;
        assert_eq!((forge.hooks(), forge.count("POST")), (1, 1));
        assert!(forge.count("GET") >= 3, "an answer that is no list proves nothing");
        assert_eq!(runs(&world).await, [(RunKind::CreateWebhook, RunStatus::Succeeded)]);
        // It can be deleted.
        world.runtime.turn_off(world.owner, id).await.unwrap();
        assert_eq!(forge.hooks(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_service_does_not_list_is_created_again() {
    let (world, forge, clock) = forge_world(&[Fault::Only(503, "Retry-After: 30\r\n")], &[]).await;
    // Others have webhooks there, on more pages than one.
    forge
        .0
        .lock()
        .unwrap()
        .hooks
        .extend([(90, "https://other.test/1".to_owned()), (91, "https://other.test/2".to_owned())]);
    let saved = world.runtime.create_flow(world.owner, form(&world, "{}", "site")).await.unwrap();
    assert_eq!(saved.view.webhook.unwrap().retry_at, Some(clock.now().plus(Duration::from_secs(30))));
    clock.set(clock.now().plus(Duration::from_secs(29)));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(forge.count("GET"), 0, "the service is asked when it said, and not before");
    let id = saved.view.flow.id;
    pass(&clock, async || states(&world, id).await == [SubscriptionState::Live]).await;
    assert_eq!((forge.hooks(), forge.count("POST"), forge.count("GET")), (3, 2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_asks_for_patience_is_asked_again() {
    let (world, forge, clock) = forge_world(&[Fault::Only(429, "Retry-After: 120\r\n")], &[]).await;
    let saved = world.runtime.create_flow(world.owner, form(&world, "{}", "site")).await.unwrap();
    let webhook = saved.view.webhook.unwrap();
    assert_eq!((saved.problem, webhook.state), (None, SubscriptionState::Creating));
    assert_eq!(webhook.retry_at, Some(clock.now().plus(Duration::from_secs(120))));
    let id = saved.view.flow.id;
    pass(&clock, async || states(&world, id).await == [SubscriptionState::Live]).await;
    assert_eq!((forge.hooks(), forge.count("POST"), forge.count("GET")), (1, 2, 0), "there was nothing to look for");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_exist_is_pursued_when_the_flow_changes_is_off_or_is_gone() {
    for change in ["changed", "off", "deleted"] {
        let failing = [Fault::Only(500, ""), Fault::Only(404, ""), Fault::Only(429, "Retry-After: 3\r\n")];
        let (world, forge, clock) = forge_world(&[Fault::CreatedThenSilence], &failing).await;
        let saved = world.runtime.create_flow(world.owner, form(&world, "{}", "site")).await.unwrap();
        let id = saved.view.flow.id;
        let left = match change {
            "changed" => {
                world.runtime.update_flow(world.owner, id, None, form(&world, "{}", "docs")).await.unwrap();
                1
            }
            "off" => {
                world.runtime.turn_off(world.owner, id).await.unwrap();
                0
            }
            _ => {
                world.runtime.delete_flow(world.owner, id).await.unwrap();
                0
            }
        };
        assert_eq!(forge.hooks(), 1 + left, "{change}: the list fails");
        pass(&clock, async || forge.hooks() == left).await;
        eventually(async || {
            let states = states(&world, id).await;
            states.last() == Some(&SubscriptionState::Gone) && (left == 0 || states[0] == SubscriptionState::Live)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_list_the_next_generation_takes_over_when_it_is_due() {
    let (world, forge, clock) = world_at(world::DOCUMENT, &[Fault::CreatedThenSilence], &[]).await;
    let saved = world.runtime.create_flow(world.owner, form(&world, "{}", "site")).await.unwrap();
    let id = saved.view.flow.id;
    assert_eq!(forge.count("POST"), 1);
    pass(&clock, async || states(&world, id).await == [SubscriptionState::Live, SubscriptionState::Gone]).await;
    assert_eq!((forge.hooks(), forge.count("POST")), (2, 2), "the first one cannot be found; it is answered 410");
    let old = forge.0.lock().unwrap().hooks[0].1.rsplit('/').next().unwrap().to_owned();
    let refused = world.runtime.accept(&old, world::push("d")).await;
    assert!(matches!(refused, Err(hookmill_runtime::AcceptError::Gone)));
    let flow = world.store.flow(id).await.unwrap().unwrap();
    assert_eq!(flow.state, FlowState::On);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restore_every_webhook_is_asked_for_before_it_is_live() {
    let (world, forge, clock) = forge_world(&[], &[]).await;
    let mut flows = Vec::new();
    for repo in ["kept", "lost"] {
        let saved = world.runtime.create_flow(world.owner, form(&world, "{}", repo)).await.unwrap();
        flows.push(saved.view.flow.id);
    }
    {
        // The service lost one, and has one that was made after the backup.
        let mut state = forge.0.lock().unwrap();
        state.hooks.retain(|(id, _)| *id == 1);
        state.hooks.push((77, "https://me.test/callback/made-after-the-backup".to_owned()));
        state.lists.extend([Fault::Only(503, "Retry-After: 60\r\n"), Fault::Only(503, "Retry-After: 60\r\n")]);
    }
    let mark = Change::PutSetting(hookmill_runtime::RESTORED.to_owned(), "restored".into());
    world.store.commit(Unit::from(mark), Lane::Work).await.unwrap();
    let config = RuntimeConfig { clock: clock.clone(), ..RuntimeConfig::default() };
    let runtime = world::start_with(&world.store, &world.vault, config).await;
    for flow in &flows {
        let webhook = runtime.flow(world.owner, *flow).await.unwrap().webhook.unwrap();
        assert_eq!(webhook.state, SubscriptionState::Creating, "it is not live before the service was asked");
    }
    pass(&clock, async || {
        states(&world, flows[0]).await == [SubscriptionState::Live]
            && states(&world, flows[1]).await == [SubscriptionState::Live]
    })
    .await;
    assert_eq!((forge.hooks(), forge.count("POST")), (3, 3), "the lost one is created again, the kept one is not");
    let left = runtime.left_behind(world.owner);
    let place = |flow: &hookmill_runtime::LeftBehind| flow.places.len() == 1 && flow.places[0].ends_with("/77");
    assert!(!left.is_empty() && left.iter().all(place), "{left:?}");
    // It is not asked again by the next start, which still names what was left behind.
    let asked = forge.count("GET");
    let config = RuntimeConfig { clock: clock.clone(), ..RuntimeConfig::default() };
    let next = world::start_with(&world.store, &world.vault, config).await;
    eventually(async || next.left_behind(world.owner) == left).await;
    assert_eq!(forge.count("GET"), asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_during_a_creation_stays_due_until_it_is_done() {
    let (world, forge, clock) = forge_world(&[Fault::CreatedThenSilence], &[Fault::CreatedThenSilence]).await;
    let (runtime, owner, first) = (world.runtime.clone(), world.owner, form(&world, "{}", "site"));
    let creating = tokio::spawn(async move { runtime.create_flow(owner, first).await });
    eventually(async || forge.count("POST") == 1).await;
    let flow = world.store.flows(&FlowFilter::of(world.owner), List::first(1)).await.unwrap().items.remove(0);
    let (runtime, second) = (world.runtime.clone(), form(&world, "{}", "other"));
    let changing = tokio::spawn(async move { runtime.update_flow(owner, flow.id, None, second).await });
    // The creation ended without an answer, and what may have been created is looked for.
    eventually(async || forge.count("GET") == 1).await;
    // Should the process end here, the next one does the rest.
    let timer = world.store.timer(TimerKey::Flow(flow.id)).await.unwrap();
    assert!(timer.is_some_and(|due| due <= clock.now()), "{timer:?}");
    creating.await.unwrap().unwrap();
    changing.await.unwrap().unwrap();
    pass(&clock, async || states(&world, flow.id).await == [SubscriptionState::Live, SubscriptionState::Gone]).await;
    assert_eq!(forge.hooks(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_found_webhook_whose_secret_was_in_the_lost_answer_is_replaced() {
    let document = listing().replace(
        r#""operationId":"webhook-trigger""#,
        r#""operationId":"webhook-trigger","x-hookmill-verification":{"preset":"gitlab"},
          "x-hookmill-registration":{"secret":{"from":"registration:/secret"}}"#,
    );
    let (world, forge, clock) = world_at(&document, &[Fault::CreatedThenSilence], &[]).await;
    let saved = world.runtime.create_flow(world.owner, form(&world, "{}", "site")).await.unwrap();
    let id = saved.view.flow.id;
    assert_eq!((saved.problem, forge.hooks()), (None, 1));
    pass(&clock, async || states(&world, id).await == [SubscriptionState::Live, SubscriptionState::Gone]).await;
    assert_eq!((forge.hooks(), forge.count("POST"), forge.count("DELETE")), (1, 2, 1));
    // The one that is left is the one whose secret is known.
    let door = forge.0.lock().unwrap().hooks[0].1.rsplit('/').next().unwrap().to_owned();
    let call = async |secret: &str| {
        let mut call = world::push("d");
        call.headers.insert("X-Gitlab-Token", secret);
        match world.runtime.accept(&door, call).await.unwrap() {
            hookmill_runtime::Accepted::Answered { event, response } => (response.status, event.is_some()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(call("shown-1").await, (401, false));
    assert_eq!(call("shown-2").await, (202, true));
}
