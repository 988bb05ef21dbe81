//! Webhooks that expire: renewed in place, replaced with an overlap, tried again; and what a service could not deliver.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once.

mod world;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hookmill_model::{FlowId, Object, SubscriptionState, Timestamp, Value};
use hookmill_runtime::{Accepted, Clock, FlowForm, Notification, ReceivedFilter, Runtime, RuntimeConfig};
use hookmill_store::{Accounts as _, List, Subscriptions as _};
use world::{World, answering, client, eventually, flow_runs, form, world_of};

const SAY: &str = r#"{"Say":{"type":"Compose","inputs":"@triggerBody()"}}"#;
const HOUR: u64 = 3_600;

/// A connector whose webhooks live for three days. `EXTRA` stands for its declarations.
fn document(extra: &str) -> String {
    r#"{"swagger":"2.0","host":"HOST","schemes":["http"],"info":{"title":"Graph"},EXTRA,
      "securityDefinitions":{"b":{"type":"basic"}},"paths":{
      "/subscriptions":{"x-ms-notification-content":{"schema":{"type":"object"}},
        "post":{"operationId":"webhook-trigger","x-ms-trigger":"single","parameters":[
          {"name":"owner","in":"query","type":"string"},{"name":"repo","in":"query","type":"string"},
          {"name":"body","in":"body","schema":{"type":"object","properties":{
            "url":{"type":"string","x-ms-notification-url":true,"x-ms-visibility":"internal"},
            "events":{"type":"array","items":{"type":"string"}}}}}],
          "responses":{"201":{"description":"ok"}}}},
      "/subscriptions/{id}":{
        "delete":{"operationId":"delete","parameters":[],"responses":{}},
        "patch":{"operationId":"Renew","parameters":[{"name":"id","in":"path","required":true,"type":"string"},
          {"name":"body","in":"body","schema":{"type":"object"}}],"responses":{"200":{"description":"ok"}}}},
      "/subscriptions/{id}/deliveries":{
        "get":{"operationId":"List","parameters":[{"name":"id","in":"path","required":true,"type":"string"}],"responses":{}}},
      "/deliveries/{no}/attempts":{
        "post":{"operationId":"Again","parameters":[{"name":"no","in":"path","required":true,"type":"string"}],"responses":{}}}}}"#
        .replace("EXTRA", extra)
}

const BY_PATCH: &str = r#""x-hookmill-dedupe":{"key":"{header:X-Id}"},"x-hookmill-renewal":{"expires":"registration:/expires",
  "ask":{"body:/expires":"PT72H"},"before":"PT24H",
  "by":{"operationId":"Renew","parameters":{"id":"{registration:/id}"},"body":{"expires":"{now+PT72H}"}},
  "lifecycle":[{"when":{"body:/event":"renew"},"do":"renew"}]},
  "x-hookmill-ping":[{"body:/event":"renew"}]"#;
const IN_PLACE: &str = r#""x-hookmill-dedupe":{"key":"{header:X-Id}"},"x-hookmill-registration":{"update":{"operationId":"Renew",
  "parameters":{"id":"{registration:/id}"},"body":{"events":"{inputs:body/events}","url":"{url}"}}}"#;
const BY_CREATION: &str = r#""x-hookmill-dedupe":{"key":"{header:X-Id}"},"x-hookmill-renewal":{"expires":"registration:/expires","before":"PT24H"}"#;

fn start() -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000)
}

fn after(hours: u64) -> Timestamp {
    start().plus(Duration::from_secs(hours * HOUR))
}

struct Service {
    /// What creations and renewals are answered with; `None` for the usual.
    trouble: Arc<Mutex<Option<(&'static str, &'static str)>>>,
    is_gone: Arc<AtomicBool>,
    seen: world::Seen,
    address: String,
    clock: Clock,
}

/// A service that keeps each webhook for three days, by the same clock.
async fn service() -> Service {
    let clock = Clock::manual(start());
    let trouble: Arc<Mutex<Option<(&'static str, &'static str)>>> = Arc::default();
    let (trouble, is_gone) = (trouble, Arc::new(AtomicBool::new(false)));
    let (own_trouble, own_gone, own_clock) = (Arc::clone(&trouble), Arc::clone(&is_gone), clock.clone());
    let made = Mutex::new(0);
    let (address, seen) = answering(move |_, method, path, body| {
        let told = |status: &str, body: String| (status.to_owned(), String::new(), body);
        let expires = own_clock.now().plus(Duration::from_secs(72 * HOUR));
        let trouble = *own_trouble.lock().unwrap();
        match (method, path) {
            ("PATCH", _) if own_gone.load(Ordering::SeqCst) => told("404 Not Found", "{}".to_owned()),
            ("POST" | "PATCH", path) if trouble.is_some() && path.starts_with("/subscriptions") => {
                let (status, headers) = trouble.unwrap();
                (status.to_owned(), headers.to_owned(), "{}".to_owned())
            }
            ("POST", path) if path.starts_with("/subscriptions") => {
                let mut made = made.lock().unwrap();
                *made += 1;
                assert!(body.pointer("/url").is_some());
                told("201 Created", format!(r#"{{"id":"s{made}","expires":"{expires}"}}"#))
            }
            ("PATCH", _) => told("200 OK", format!(r#"{{"expires":"{expires}"}}"#)),
            ("GET", path) if path.ends_with("/deliveries") => {
                let at = |hours| after(hours).to_string();
                let item = |no: u32, guid: &str, code: u32, hours| {
                    format!(r#"{{"no":{no},"guid":"{guid}","code":{code},"at":"{}"}}"#, at(hours))
                };
                // Newest first: one that arrived at the second try, one that never did, and one before the gap.
                let list = [item(4, "a", 200, 6), item(3, "b", 0, 5), item(2, "a", 502, 5), item(1, "old", 502, 0)];
                told("200 OK", format!("[{}]", list.join(",")))
            }
            ("DELETE", _) => told("204 No Content", String::new()),
            _ => told("202 Accepted", "{}".to_owned()),
        }
    })
    .await;
    Service { trouble, is_gone, seen, address, clock }
}

impl Service {
    fn calls(&self, method: &str) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|(own, ..)| own == method).map(|(_, path, ..)| path.clone()).collect()
    }

    fn capability(&self, place: usize) -> String {
        let seen = self.seen.lock().unwrap();
        let creations = seen.iter().filter(|(method, ..)| method == "POST");
        let made: Vec<_> = creations.filter_map(|(_, _, _, body)| body.pointer("/url")?.as_str()).collect();
        made[place].rsplit('/').next().unwrap().to_owned()
    }

    fn config(&self) -> RuntimeConfig {
        RuntimeConfig { clock: self.clock.clone(), ..RuntimeConfig::default() }
    }
}

/// The form of a flow that asks for these events of a site.
fn watching(world: &World, site: &str, events: &str) -> FlowForm {
    let mut form = form(world, SAY, site);
    let place = format!(r#""repo":"{site}""#);
    let definition = form.definition.to_json().replace(&place, &format!(r#"{place},"body/events":{events}"#));
    form.definition = Value::from_json(definition.as_bytes()).unwrap();
    form
}

async fn flow(world: &World) -> FlowId {
    let saved = world.runtime.create_flow(world.owner, form(world, SAY, "site")).await.unwrap();
    assert_eq!(saved.problem, None);
    saved.view.flow.id
}

async fn states(world: &World, flow: FlowId) -> Vec<SubscriptionState> {
    world.store.subscriptions_of(flow).await.unwrap().iter().map(|own| own.state).collect()
}

async fn call(runtime: &Runtime, door: &str, id: &str, body: &str) -> (u16, bool) {
    let mut headers = Object::new();
    headers.insert("Content-Type", "application/json");
    headers.insert("X-Id", id);
    let body = body.as_bytes().to_vec().into();
    let notification = Notification { method: "POST".to_owned(), headers, body, ..Notification::default() };
    match runtime.accept(door, notification).await.unwrap() {
        Accepted::Answered { event, response } => (response.status, event.is_some()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_renewed_in_place_before_it_expires() {
    let service = service().await;
    let world = world_of(&document(BY_PATCH), &service.address, service.config()).await;
    let id = flow(&world).await;
    let asked = service.seen.lock().unwrap()[0].3.pointer("/expires").and_then(Value::as_str).unwrap().to_owned();
    assert_eq!(asked, after(72).to_string(), "the creation asks for as long as it may");
    let upkeep = async || world.runtime.flow(world.owner, id).await.unwrap().webhook.unwrap();
    assert_eq!(upkeep().await.expires_at, Some(after(72)));

    service.clock.set(after(40));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(service.calls("PATCH").len(), 0, "it is not due");
    service.clock.set(after(49));
    eventually(async || service.calls("PATCH") == ["/subscriptions/s1"]).await;
    eventually(async || upkeep().await.expires_at == Some(after(49 + 72))).await;

    // Trouble: tried again when the service says so, and the page says why.
    *service.trouble.lock().unwrap() = Some(("503 Service Unavailable", "Retry-After: 600\r\n"));
    service.clock.set(after(100));
    eventually(async || service.calls("PATCH").len() == 2).await;
    eventually(async || !world.runtime.renewals_failing(world.owner).is_empty()).await;
    assert!(upkeep().await.warning.unwrap().contains("503"));
    service.clock.set(after(100).plus(Duration::from_secs(599)));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(service.calls("PATCH").len(), 2);
    *service.trouble.lock().unwrap() = None;
    service.clock.set(after(100).plus(Duration::from_secs(601)));
    eventually(async || service.calls("PATCH").len() == 3).await;
    eventually(async || world.runtime.renewals_failing(world.owner).is_empty()).await;

    // The service asks for it itself.
    service.clock.set(after(100).plus(Duration::from_secs(602)));
    assert_eq!(call(&world.runtime, &service.capability(0), "x", r#"{"event":"renew"}"#).await, (202, false));
    eventually(async || service.calls("PATCH").len() == 4).await;
    // What the service answered is known before the clock goes on.
    let renewed = after(100 + 72).plus(Duration::from_secs(602));
    eventually(async || upkeep().await.expires_at == Some(renewed)).await;

    // It knows the webhook no more: another one is made.
    service.is_gone.store(true, Ordering::SeqCst);
    service.clock.set(after(180));
    eventually(async || states(&world, id).await == [SubscriptionState::Live, SubscriptionState::Gone]).await;
    assert_eq!(service.calls("POST").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_cannot_be_extended_is_replaced_with_an_overlap() {
    let service = service().await;
    let world = world_of(&document(BY_CREATION), &service.address, service.config()).await;
    let id = flow(&world).await;
    let old = service.capability(0);

    // The next one is refused: the old one goes on, and the flow stays on.
    *service.trouble.lock().unwrap() = Some(("403 Forbidden", ""));
    service.clock.set(after(49));
    eventually(async || !world.runtime.renewals_failing(world.owner).is_empty()).await;
    assert_eq!(call(&world.runtime, &old, "1", "{}").await, (202, true), "the old one takes calls meanwhile");
    let view = world.runtime.flow(world.owner, id).await.unwrap();
    assert_eq!(view.flow.state.to_string(), "on");
    assert!(service.calls("DELETE").is_empty());

    // The next process says so too, before it has tried again.
    let told = world.runtime.renewals_failing(world.owner);
    world.runtime.stop(Duration::from_secs(5)).await;
    let store = Arc::clone(&world.store);
    store.reopen();
    let runtime = Runtime::start(service.config(), store, Arc::clone(&world.vault), client()).await.unwrap();
    let world = World { runtime, ..world };
    eventually(async || world.runtime.renewals_failing(world.owner) == told).await;

    *service.trouble.lock().unwrap() = None;
    service.clock.set(after(50));
    eventually(async || service.calls("DELETE") == ["/subscriptions/s1"]).await;
    eventually(async || world.runtime.renewals_failing(world.owner).is_empty()).await;
    assert_eq!(states(&world, id).await.iter().filter(|state| **state == SubscriptionState::Live).count(), 1);
    let new = service.capability(service.calls("POST").len() - 1);
    assert_ne!(new, old);
    assert_eq!(call(&world.runtime, &new, "2", "{}").await, (202, true));
    eventually(async || flow_runs(&world).await.len() == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_missed_is_delivered_again_once() {
    let recovery = r#""x-hookmill-dedupe":{"key":"{header:X-Id}"},"x-hookmill-recovery":{"list":{"operationId":"List",
      "parameters":{"id":"{registration:/id}"},"items":"","time":"/at","failed":{"/code":"0|4*|5*"},"id":"/no","key":"/guid"},
      "redeliver":{"operationId":"Again","parameters":{"no":"{item:/no}"}}}"#;
    let service = service().await;
    service.clock.set(after(1));
    let world = world_of(&document(recovery), &service.address, service.config()).await;
    let id = flow(&world).await;
    eventually(async || world.store.setting("server.alive").await.unwrap().is_some()).await;
    world.runtime.stop(Duration::from_secs(5)).await;

    // The next process finds that nobody was there for hours.
    service.clock.set(after(7));
    let store = Arc::clone(&world.store);
    store.reopen();
    let runtime = Runtime::start(service.config(), store, Arc::clone(&world.vault), client()).await.unwrap();
    let again = || service.calls("POST").into_iter().filter(|path| path.starts_with("/deliveries")).collect::<Vec<_>>();
    eventually(async || again() == ["/deliveries/3/attempts"]).await;

    // It comes, is marked, and comes once.
    let door = service.capability(0);
    assert_eq!(call(&runtime, &door, "b", "{}").await, (202, true));
    assert_eq!(call(&runtime, &door, "b", "{}").await, (202, false));
    let calls = runtime.received_calls(world.owner, id, &ReceivedFilter::default(), List::first(10)).await.unwrap();
    assert!(calls.items.iter().any(|call| call.summary == "POST (recovered)"), "{calls:?}");

    // A person asks; then there is nothing left to be asked for.
    runtime.recover_deliveries(world.owner, id, after(1)).await.unwrap();
    assert_eq!(again().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_work_is_refused_before_anything_is_sent() {
    let problem = async |declared: &str, answer: &'static str| {
        let (address, seen) = answering(move |_, method, _, _| {
            let (status, body) = if method == "GET" { ("200 OK", answer) } else { ("201 Created", r#"{"id":"s1"}"#) };
            (status.to_owned(), String::new(), body.to_owned())
        })
        .await;
        let config = RuntimeConfig { hooks_url: Some("http://127.0.0.1:7780".to_owned()), ..RuntimeConfig::default() };
        let world = world_of(&document(declared), &address, config).await;
        let saved = world.runtime.create_flow(world.owner, form(&world, SAY, "site")).await.unwrap();
        let posts = seen.lock().unwrap().iter().filter(|(method, ..)| method == "POST").count();
        (saved.problem.map(|problem| problem.message), posts)
    };
    let https = problem(r#""x-hookmill-registration":{"callback":{"https":true}}"#, "").await;
    assert!(https.0.unwrap().contains("https://") && https.1 == 0);
    let public = problem(r#""x-hookmill-registration":{"callback":{"public":true}}"#, "").await;
    assert!(public.0.unwrap().contains("internet") && public.1 == 0);
    let one = r#""x-hookmill-registration":{"exclusive":"bot","find":{"operationId":"List",
        "parameters":{"id":"own"},"items":"/result","match":{"/url":"{url}"}}}"#;
    let other = problem(one, r#"{"result":{"url":"https://other.example/hook?token=1"}}"#).await;
    let told = other.0.unwrap();
    assert!(told.contains("https://other.example/hook.") && !told.contains("token") && other.1 == 0, "{told}");
    assert_eq!(problem(one, r#"{"result":{"url":""}}"#).await, (None, 1), "there is none");
    let own = r#"{"result":{"url":"http://127.0.0.1:7780/callback/before"}}"#;
    assert_eq!(problem(one, own).await, (None, 1), "one of this server's own is replaced");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_trigger_changes_its_webhook_in_place_and_another_place_replaces_it() {
    let service = service().await;
    let world = world_of(&document(IN_PLACE), &service.address, service.config()).await;
    let change = async |world: &World, id, site: &str, events: &str| {
        let saved = world.runtime.update_flow(world.owner, id, None, watching(world, site, events)).await.unwrap();
        assert_eq!(saved.problem, None);
    };
    let asked = || {
        let seen = service.seen.lock().unwrap();
        let patches = seen.iter().filter(|(method, ..)| method == "PATCH");
        patches.map(|(_, path, _, body)| format!("{path} {}", body.get("events").unwrap())).collect::<Vec<_>>()
    };
    let counts = || (service.calls("POST").len(), asked().len(), service.calls("DELETE").len());
    let saved = world.runtime.create_flow(world.owner, watching(&world, "site", r#"["push"]"#)).await.unwrap();
    let id = saved.view.flow.id;
    let door = service.capability(0);
    assert_eq!(call(&world.runtime, &door, "1", "{}").await, (202, true));
    let calls = world.runtime.webhook_calls(world.owner, id).await.unwrap().unwrap().update.unwrap();
    assert_eq!((calls.method.as_str(), calls.url.ends_with("/subscriptions/s1")), ("PATCH", true), "{}", calls.url);

    change(&world, id, "site", r#"["push","issues"]"#).await;
    assert_eq!(asked(), [r#"/subscriptions/s1 ["push","issues"]"#]);
    assert_eq!((states(&world, id).await, counts()), (vec![SubscriptionState::Live], (1, 1, 0)));
    // What came before the change is known after it.
    assert_eq!(call(&world.runtime, &door, "1", "{}").await, (202, false));
    assert_eq!(call(&world.runtime, &door, "2", "{}").await, (202, true));

    // The service does not say whether it did it; the process ends, and the trigger says by then what it said before.
    *service.trouble.lock().unwrap() = Some(("503 Service Unavailable", "Retry-After: 600\r\n"));
    change(&world, id, "site", r#"["issues"]"#).await;
    let warning = world.runtime.flow(world.owner, id).await.unwrap().webhook.unwrap().warning.unwrap();
    assert!(warning.contains("503"), "{warning}");
    change(&world, id, "site", r#"["push","issues"]"#).await;
    assert_eq!(counts(), (1, 2, 0), "the service asked for patience");
    world.runtime.stop(Duration::from_secs(5)).await;
    let store = Arc::clone(&world.store);
    store.reopen();
    *service.trouble.lock().unwrap() = None;
    service.clock.set(after(1));
    let runtime = Runtime::start(service.config(), store, Arc::clone(&world.vault), client()).await.unwrap();
    let world = World { runtime, ..world };
    eventually(async || asked().len() == 3).await;
    assert_eq!(asked()[2], r#"/subscriptions/s1 ["push","issues"]"#, "it may have the other events");
    let warning = async || world.runtime.flow(world.owner, id).await.unwrap().webhook.unwrap().warning;
    eventually(async || warning().await.is_none()).await;
    assert_eq!((states(&world, id).await, counts()), (vec![SubscriptionState::Live], (1, 3, 0)));

    // What the update does not send cannot be changed by it.
    change(&world, id, "other", r#"["push"]"#).await;
    assert_eq!((states(&world, id).await.len(), counts()), (2, (2, 3, 1)));
    // The service refuses it.
    service.is_gone.store(true, Ordering::SeqCst);
    change(&world, id, "other", "[]").await;
    assert_eq!((states(&world, id).await.len(), counts()), (3, (3, 4, 2)));
    assert_eq!(call(&world.runtime, &service.capability(2), "3", "{}").await, (202, true));
}
