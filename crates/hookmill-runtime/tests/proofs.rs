//! The door with declarations: secrets that Hookmill makes, that services show, and that people paste; handshakes,
//! refusals, duplicates and answers.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once.

mod world;

use std::time::Duration;

use hookmill_model::{RunKind, SubscriptionState, Timestamp, Value};
use hookmill_runtime::{AcceptError, Accepted, Clock, Notification, ReceivedFilter, RuntimeConfig, Verdict};
use hookmill_store::List;
use ring::hmac;
use world::{
    World, capability, create, eventually, flow_runs, form, invoke, post, push, runs, service, world, world_of,
};

/// A service whose webhooks are made with a secret of Hookmill's.
fn document(extra: &str) -> String {
    format!(
        r#"{{"swagger":"2.0","host":"HOST","schemes":["http"],"info":{{"title":"Forge"}},{extra}
        "securityDefinitions":{{"b":{{"type":"basic"}}}},"paths":{{
        "/repos/{{owner}}/{{repo}}/hooks":{{"x-ms-notification-content":{{"schema":{{"type":"object"}}}},
          "post":{{"operationId":"webhook-trigger","x-ms-trigger":"single","parameters":[
          {{"name":"owner","in":"path","type":"string"}},{{"name":"repo","in":"path","type":"string"}},
          {{"name":"hook","in":"body","schema":{{"type":"object","properties":{{
            "config":{{"type":"object","properties":{{"url":{{"type":"string","x-ms-notification-url":true,"x-ms-visibility":"internal"}}}}}}}}}}}}],
          "responses":{{"201":{{"description":"ok"}}}}}}}},
        "/repos/{{owner}}/{{repo}}/hooks/{{id}}":{{"delete":{{"operationId":"delete","parameters":[],"responses":{{}}}}}}}}}}"#
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sign(secret: &str, parts: &[&[u8]]) -> String {
    hex(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), &parts.concat()).as_ref())
}

fn signed(secret: &str, id: &str) -> Notification {
    let mut notification = push(id);
    let signature = format!("sha256={}", sign(secret, &[&notification.body]));
    notification.headers.insert("X-Hub-Signature-256", signature);
    notification
}

/// Status and body of an answer, and whether it took an event.
fn answered(accepted: Result<Accepted, AcceptError>) -> (u16, String, bool) {
    match accepted {
        Ok(Accepted::Answered { event, response }) => {
            (response.status, String::from_utf8(response.body).unwrap(), event.is_some())
        }
        other => panic!("{other:?}"),
    }
}

async fn flow_runs_of(world: &World) -> usize {
    runs(world).await.iter().filter(|(kind, _)| *kind == RunKind::Flow).count()
}

const SAY: &str = r#"{"Say":{"type":"Compose","inputs":"@triggerBody()"}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_made_sent_with_the_creation_and_demanded_of_every_call() {
    let (address, seen) = service(false, false).await;
    let document = document(r#""x-hookmill-preset":"github","#);
    let world = world_of(&document, &address, RuntimeConfig::default()).await;
    let saved = world.runtime.create_flow(world.owner, form(&world, SAY, "site")).await.unwrap();
    assert_eq!(saved.view.webhook.unwrap().state, SubscriptionState::Live);
    let secret = {
        let seen = seen.lock().unwrap();
        seen[0].3.pointer("/config/secret").and_then(Value::as_str).unwrap().to_owned()
    };
    assert_eq!(secret.len(), 64, "32 random bytes");
    let view = world.runtime.run_view(world.owner, saved.run.unwrap()).await.unwrap();
    assert!(!format!("{:?}", view.exchange).contains(&secret), "the history shows the secret");

    let door = capability(&seen);
    let call = async |notification| answered(world.runtime.accept(&door, notification).await);
    assert_eq!(call(push("d-1")).await, (401, String::new(), false));
    assert_eq!(call(signed("another", "d-1")).await.0, 401);
    assert_eq!(call(signed(&secret, "d-1")).await, (202, String::new(), true));
    assert_eq!(call(signed(&secret, "d-1")).await, (202, String::new(), false), "the same answer, no second run");
    let mut ping = signed(&secret, "d-2");
    ping.headers.insert("X-GitHub-Event", "ping");
    assert_eq!(call(ping).await, (202, String::new(), false));
    let get = Notification { method: "GET".to_owned(), ..signed(&secret, "d-3") };
    assert_eq!(call(get).await.0, 405);
    eventually(async || flow_runs_of(&world).await == 1).await;

    let refused = world.runtime.refused_calls(saved.view.flow.id);
    assert_eq!((refused.count, refused.last.len()), (2, 2));
    assert_eq!(refused.last[0].reasons, ["the signature is wrong"]);
    assert!(refused.last[0].headers.iter().any(|name| name == "X-Hub-Signature-256"));
    assert!(!format!("{refused:?}").contains("mill"), "bodies are not kept");

    // Another generation has another secret, and the old address is gone.
    world.runtime.turn_off(world.owner, saved.view.flow.id).await.unwrap();
    assert_eq!(call(signed(&secret, "d-4")).await.0, 410);
    world.runtime.turn_on(world.owner, saved.view.flow.id).await.unwrap();
    let renewed = seen.lock().unwrap().iter().rev().find_map(|(method, _, _, body)| {
        (method == "POST").then(|| body.pointer("/config/secret").and_then(Value::as_str).unwrap().to_owned())
    });
    assert_ne!(renewed.unwrap(), secret);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_flooded_with_forged_calls_is_throttled_and_its_service_gets_through() {
    let (address, _) = service(false, false).await;
    let clock = Clock::manual(Timestamp::from_millis(1_800_000_000_000));
    let config = RuntimeConfig { clock: clock.clone(), ..RuntimeConfig::default() };
    let world = world_of(world::DOCUMENT, &address, config).await;
    let trigger =
        r#"{"type":"Request","kind":"Http","inputs":{"x-hookmill-preset":"github","x-hookmill-secret":"pasted"}}"#;
    let (flow, url) = create(&world, trigger, SAY).await;
    let url = url.unwrap();
    let call = async |notification| invoke(&world.runtime, &url, notification).await;
    let throttled =
        async || world.runtime.flow(world.owner, flow).await.unwrap().webhook.unwrap().proof.unwrap().is_throttled;
    for number in 0..100 {
        assert_eq!(answered(call(signed("guessed", &number.to_string())).await).0, 401);
        assert_eq!(throttled().await, number == 99);
    }
    // Ten within a second are looked at, the genuine one among them.
    for _ in 0..9 {
        assert_eq!(answered(call(signed("guessed", "x")).await).0, 401);
    }
    assert!(answered(call(signed("pasted", "d-1")).await).2);
    assert!(matches!(call(signed("pasted", "d-2")).await, Err(AcceptError::Throttled { retry_after_s: 1 })));
    clock.set(clock.now().plus(Duration::from_secs(1)));
    assert!(answered(call(signed("pasted", "d-2")).await).2);
    clock.set(clock.now().plus(Duration::from_secs(600)));
    assert!(!throttled().await);
    assert_eq!(world.runtime.refused_calls(flow).count, 109);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_declaration_asks_for_is_a_parameter_of_the_trigger() {
    let (address, seen) = service(false, false).await;
    let document =
        document(r#""x-hookmill-verification":{"scheme":"none","require":{"body:/owner":"{parameter:owner}"}},"#);
    let world = world_of(&document, &address, RuntimeConfig::default()).await;
    let saved = world.runtime.create_flow(world.owner, form(&world, SAY, "site")).await.unwrap();
    let door = capability(&seen);
    let call = async |body: &str| answered(world.runtime.accept(&door, post(body)).await).0;
    assert_eq!(call(r#"{"owner":"acme"}"#).await, 202);
    assert_eq!(call(r#"{"owner":"another"}"#).await, 401);
    // The secret of a webhook that a request created is nobody's to see.
    let flow = world.runtime.flow(world.owner, saved.view.flow.id).await.unwrap();
    assert!(!flow.webhook.unwrap().proof.unwrap().has_token);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_known_items_is_a_duplicate_and_one_with_a_new_item_is_not() {
    let (address, _) = service(false, false).await;
    let world = world(&address).await;
    let trigger = r#"{"type":"Request","kind":"Http","inputs":{
        "x-hookmill-dedupe":{"items":"/value","key":"{item:/id}"},"x-hookmill-verification":{"scheme":"none"}}}"#;
    let (_, url) = create(&world, trigger, SAY).await;
    let url = url.unwrap();
    for (body, is_new) in [
        (r#"{"value":[{"id":1},{"id":2}]}"#, true),
        (r#"{"value":[{"id":2},{"id":1}]}"#, false),
        (r#"{"value":[{"id":2},{"id":3}]}"#, true),
        (r#"{"value":[{"id":3},{"id":1}]}"#, false),
        (r#"{"value":[{"id":3}]}"#, false),
        // One without an identifier is never known.
        (r#"{"value":[{"id":3},{}]}"#, true),
    ] {
        assert_eq!(answered(invoke(&world.runtime, &url, post(body)).await).2, is_new, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_in_the_reply_is_sealed_and_hidden() {
    let (address, seen) = service(false, false).await;
    // The stand-in answers a creation with {"id": 7}: its text is the secret here.
    let document = document(
        r#""x-hookmill-verification":{"preset":"github"},"x-hookmill-reply":{"status":200},
        "x-hookmill-registration":{"secret":{"from":"registration:/id"}},"#,
    );
    let world = world_of(&document, &address, RuntimeConfig::default()).await;
    let saved = world.runtime.create_flow(world.owner, form(&world, SAY, "site")).await.unwrap();
    assert_eq!(saved.problem, None);
    let door = capability(&seen);
    assert_eq!(answered(world.runtime.accept(&door, push("d-1")).await).0, 401);
    assert_eq!(answered(world.runtime.accept(&door, signed("7", "d-1")).await), (200, String::new(), true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_trigger_verifies_with_a_preset_and_a_pasted_secret() {
    let (address, _) = service(false, false).await;
    let world = world(&address).await;
    let trigger = r#"{"type":"Request","kind":"Http","inputs":{"schema":{},"x-hookmill-preset":"slack","x-hookmill-secret":"pasted"}}"#;
    let (_, url) = create(&world, trigger, SAY).await;
    let url = url.unwrap();
    let call = async |body: &str, secret: &str| {
        let at = (world.runtime.now().as_millis() / 1_000).to_string();
        let mut notification = post(body);
        let signature = sign(secret, &[b"v0:", at.as_bytes(), b":", body.as_bytes()]);
        notification.headers.insert("X-Slack-Signature", format!("v0={signature}"));
        notification.headers.insert("X-Slack-Request-Timestamp", at);
        answered(invoke(&world.runtime, &url, notification).await)
    };
    let challenge = r#"{"type":"url_verification","challenge":"c-1"}"#;
    let begun = std::time::Instant::now();
    assert_eq!(call(challenge, "pasted").await, (200, "c-1".to_owned(), false));
    assert!(begun.elapsed().as_millis() < 1_000, "{:?}", begun.elapsed());
    assert_eq!(call(challenge, "guessed").await, (401, String::new(), false));
    let event = r#"{"type":"event_callback","event_id":"Ev1","event":{"text":"hi"}}"#;
    assert_eq!(call(event, "pasted").await, (200, String::new(), true));
    assert_eq!(call(event, "pasted").await, (200, String::new(), false));
    eventually(async || flow_runs(&world).await.len() == 1).await;
}

/// A flow's own address has no connection through which a service could be asked.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_flows_own_address_cannot_do_is_said_when_it_is_saved() {
    let (address, _) = service(false, false).await;
    let world = world(&address).await;
    let saved = async |declared: &str| {
        let definition = format!(
            r#"{{"triggers":{{"T":{{"type":"Request","kind":"Http","inputs":{{{declared}}}}}}},"actions":{SAY}}}"#
        );
        let mut form = form(&world, "{}", "x");
        form.connections.clear();
        form.definition = Value::from_json(definition.as_bytes()).unwrap();
        world.runtime.create_flow(world.owner, form).await
    };
    let asking =
        r#""x-hookmill-verification":{"scheme":"remote","remote":{"operationId":"Verify","expect":{"/ok":"true"}}}"#;
    let Err(error) = saved(asking).await else { panic!("it was saved") };
    let told = format!("{:?}", error.diagnostics());
    assert!(told.contains("cannot ask a service"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preset_without_a_secret_puts_events_off_instead_of_taking_them() {
    let (address, _) = service(false, false).await;
    let world = world(&address).await;
    let trigger = r#"{"type":"Request","kind":"Http","inputs":{"x-hookmill-preset":"github"}}"#;
    let (_, url) = create(&world, trigger, SAY).await;
    assert_eq!(answered(invoke(&world.runtime, &url.unwrap(), signed("", "d-1")).await).0, 503);
    assert!(flow_runs(&world).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_brings_the_secret_while_the_maker_waits() {
    let (address, _) = service(false, false).await;
    let world = world(&address).await;
    let trigger = r#"{"type":"Request","kind":"Http","inputs":{"x-hookmill-preset":"notion"}}"#;
    let (flow, url) = create(&world, trigger, SAY).await;
    let url = url.unwrap();
    assert!(world.runtime.webhook_token(world.owner, flow).await.is_err(), "none has come");
    let token = async |token: &str| {
        let body = format!(r#"{{"verification_token":"{token}"}}"#);
        answered(invoke(&world.runtime, &url, post(&body)).await).0
    };
    assert_eq!(token("secret_a").await, 200);
    assert_eq!(token("secret_b").await, 401, "nobody else can bring another secret");
    assert_eq!(&*world.runtime.webhook_token(world.owner, flow).await.unwrap(), "secret_a");
    let mut event = post(r#"{"id":"e1"}"#);
    event.headers.insert("X-Notion-Signature", format!("sha256={}", sign("secret_a", &[&event.body])));
    assert_eq!(answered(invoke(&world.runtime, &url, event).await), (200, String::new(), true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_that_is_asked_for_twice_is_answered_twice_and_begins_no_run() {
    let (address, _) = service(false, false).await;
    let world = world(&address).await;
    let trigger = r#"{"type":"Request","kind":"Http","inputs":{"x-hookmill-verification":{"scheme":"none"},
        "x-hookmill-handshake":[{"when":{"body:/Type":"SubscriptionConfirmation"},"reply":{"status":200},
          "call":{"url":"body:/SubscribeURL","hosts":["localhost"],"method":"GET"}}]}}"#;
    let (flow, url) = create(&world, trigger, SAY).await;
    let url = url.unwrap();
    let confirm = async |address: &str| {
        let body = format!(r#"{{"Type":"SubscriptionConfirmation","SubscribeURL":"{address}"}}"#);
        answered(invoke(&world.runtime, &url, post(&body)).await)
    };
    for token in ["1", "2", "2"] {
        let told = confirm(&format!("https://localhost/?Token={token}")).await;
        assert_eq!(told, (200, String::new(), false));
    }
    assert_eq!(confirm("https://other.example/?Token=3").await.0, 403, "only the service itself is called");
    // Another process answers it as well.
    world.runtime.stop(Duration::from_secs(5)).await;
    world.store.reopen();
    let world = World { runtime: world::start(&world.store, &world.vault).await, ..world };
    let body = r#"{"Type":"SubscriptionConfirmation","SubscribeURL":"https://localhost/?Token=4"}"#;
    assert_eq!(answered(invoke(&world.runtime, &url, post(body)).await), (200, String::new(), false));
    let list = async || {
        let filter = ReceivedFilter::default();
        world.runtime.received_calls(world.owner, flow, &filter, List::first(10)).await.unwrap().items
    };
    eventually(async || list().await.iter().filter(|call| call.verdict == Verdict::Handshake).count() == 4).await;
    assert!(flow_runs(&world).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_is_shown_with_its_verdict_and_can_be_sent_in_again() {
    let (address, seen) = service(false, false).await;
    let document = document(r#""x-hookmill-preset":"github","#);
    let world = world_of(&document, &address, RuntimeConfig::default()).await;
    let saved = world.runtime.create_flow(world.owner, form(&world, SAY, "site")).await.unwrap();
    let flow = saved.view.flow.id;
    let secret = seen.lock().unwrap()[0].3.pointer("/config/secret").and_then(Value::as_str).unwrap().to_owned();
    let door = capability(&seen);
    let call = async |notification| answered(world.runtime.accept(&door, notification).await).0;
    assert_eq!(call(signed(&secret, "d-1")).await, 202);
    assert_eq!(call(signed(&secret, "d-1")).await, 202);
    assert_eq!(call(signed("guessed", "d-2")).await, 401);
    let mut ping = signed(&secret, "d-3");
    ping.headers.insert("X-GitHub-Event", "ping");
    assert_eq!(call(ping).await, 202);
    assert_eq!(call(Notification { method: "GET".to_owned(), ..push("d-4") }).await, 405);

    let calls = async |filter: ReceivedFilter, limit| {
        world.runtime.received_calls(world.owner, flow, &filter, List::first(limit)).await.unwrap()
    };
    let all = async || calls(ReceivedFilter::default(), 50).await.items;
    eventually(async || all().await.len() == 5).await;
    let found = all().await;
    let verdicts: Vec<_> = found.iter().map(|call| call.verdict).collect();
    use Verdict::{Duplicate, Ping, Ran, Refused, Unfit};
    assert_eq!(verdicts, [Unfit, Ping, Refused, Duplicate, Ran]);
    assert_eq!(found[3].first, Some(found[4].id), "the repeated one names the first");
    assert!(found[4].run.is_some() && found[4].bytes > 2);
    assert_eq!(found[2].reasons, ["the signature is wrong"]);
    assert!(found[2].headers.iter().all(|(_, value)| value.is_none()), "values of strangers are not kept");
    assert!(found[1].headers.iter().any(|(name, value)| name == "X-GitHub-Event" && value.as_deref() == Some("ping")));

    // Page by page, by verdict, and by what stands in them.
    let first =
        world.runtime.received_calls(world.owner, flow, &ReceivedFilter::default(), List::first(2)).await.unwrap();
    let second = List::after(10, first.next.unwrap());
    let second = world.runtime.received_calls(world.owner, flow, &ReceivedFilter::default(), second).await.unwrap();
    let ids: Vec<_> = first.items.iter().chain(&second.items).map(|call| call.id).collect();
    assert_eq!(ids, found.iter().map(|call| call.id).collect::<Vec<_>>());
    assert_eq!(second.next, None);
    let refused = ReceivedFilter { verdict: Some(Refused), text: None };
    assert_eq!(calls(refused, 50).await.items.len(), 1);
    let by_text = |text: &str| ReceivedFilter { verdict: None, text: Some(text.to_owned()) };
    assert_eq!(calls(by_text("D-1"), 50).await.items.len(), 2);
    assert_eq!(calls(by_text("no such text"), 50).await.items.len(), 0);

    // The service is recognised by what it sent.
    let preset = world.runtime.recognised(world.owner, flow, found[4].id).await.unwrap();
    assert_eq!(preset.map(|preset| &*preset.name), Some("github"));

    // Again: the stored one, and the first of a repeated one; of others there is nothing to send.
    let runs = world.runtime.replay_calls(world.owner, flow, &[found[4].id]).await.unwrap();
    assert_eq!(runs.len(), 1);
    let runs = world.runtime.replay_calls(world.owner, flow, &[found[3].id, found[4].id]).await.unwrap();
    assert_eq!(runs.len(), 1, "both stand for one event");
    let refused = world.runtime.replay_calls(world.owner, flow, &[found[2].id]).await;
    assert!(refused.unwrap_err().to_string().contains("no body was kept"));
    let between = world.runtime.calls_between(world.owner, flow, found[4].id, found[0].id).await.unwrap();
    assert_eq!(between.first(), Some(&found[4].id));
    eventually(async || flow_runs_of(&world).await == 3).await;

    // With the flow its notes go.
    world.runtime.delete_flow(world.owner, flow).await.unwrap();
    assert_eq!(world.runtime.store().settings(&format!("received/{flow}/")).await.unwrap(), []);
}
