//! The one door to what is kept: canary secrets go in everywhere, and come out nowhere.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once.

mod world;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookmill_model::{Object, Value};
use hookmill_runtime::{FlowForm, RunView};
use world::{World, eventually, flow_runs, invoke, post, service, world};

/// One secret of each kind.
const GIVEN: &str = "canary-given-parameter-1f7a";
const DEFAULT: &str = "canary-default-parameter-2b9c";
const INLINE: &str = "canary-inline-password-3d4e";
const KEY: &str = "canary-header-key-4e5f";
const CALLER: &str = "canary-of-the-caller-5a6b";

/// Every spelling in which a text could come back.
fn spellings(secret: &str) -> Vec<String> {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let base64 = STANDARD.encode(secret).trim_end_matches('=').to_owned();
    let inside = STANDARD.encode(format!("user:{secret}"));
    // Without the characters that hold bits of the neighbours.
    let inside = inside[8..inside.len() - 4].to_owned();
    vec![secret.to_owned(), hex.to_uppercase(), hex, base64[..base64.len() - 1].to_owned(), inside]
}

/// The secrets that a text shows.
fn leaks(text: &str) -> Vec<&'static str> {
    let all = [GIVEN, DEFAULT, INLINE, KEY, CALLER];
    all.into_iter().filter(|secret| spellings(secret).iter().any(|spelling| text.contains(spelling))).collect()
}

#[test]
fn the_search_for_leaks_finds_planted_ones() {
    for secret in [GIVEN, DEFAULT, INLINE, KEY, CALLER] {
        for text in [
            format!("a {secret} b"),
            STANDARD.encode(secret),
            STANDARD.encode(format!("user:{secret}")),
            secret.bytes().map(|byte| format!("{byte:02X}")).collect(),
        ] {
            assert_eq!(leaks(&text), [secret], "{text}");
        }
    }
    assert!(leaks("nothing").is_empty());
}

const DEFINITION: &str = r#"{
    "parameters":{"given":{"type":"SecureString"},"fixed":{"type":"SecureString","defaultValue":"canary-default-parameter-2b9c"}},
    "triggers":{"T":{"type":"Request","operationOptions":"IncludeAuthorizationHeadersInOutputs","metadata":{"runSummary":[
        "@base64(parameters('given'))","@triggerOutputs()['headers']['Authorization']","@concat('padded to the place where a list cuts its values for people so that ',parameters('fixed'))"]}}},
    "actions":{
      "Plain":{"type":"Compose","inputs":"@parameters('given')"},
      "Sixty":{"type":"Compose","inputs":"@base64(parameters('given'))"},
      "Basic":{"type":"Compose","inputs":"@base64(concat('user:',parameters('fixed')))"},
      "Uri":{"type":"Compose","inputs":{"a":["@uriComponent(concat('? ',parameters('fixed')))"]}},
      "Keep":{"type":"InitializeVariable","inputs":{"variables":[{"name":"v","type":"string","value":"@concat('x',parameters('given'))"}]}},
      "Wrong":{"type":"Compose","inputs":"@int(parameters('given'))"},
      "Echo":{"type":"Compose","inputs":"@triggerOutputs()"},
      "Call":{"type":"Http","inputs":{"method":"POST","uri":"https://nowhere.test/","headers":{"X-Api-Key":"canary-header-key-4e5f"},
          "body":"canary-inline-password-3d4e again","authentication":{"type":"Basic","username":"octo","password":"canary-inline-password-3d4e"},"retryPolicy":{"type":"none"}}}},
    "outputs":{"o":{"type":"string","value":"@base64(parameters('fixed'))"}}}"#;

async fn flow(world: &World, definition: &str) -> (hookmill_model::FlowId, String) {
    let form = FlowForm {
        name: "Canary".to_owned(),
        definition: Value::from_json(definition.as_bytes()).unwrap(),
        parameters: Value::object([("given", GIVEN)]),
        description: None,
        connections: std::collections::BTreeMap::new(),
        profile: None,
        envelope: Value::Null,
        state: None,
    };
    let saved = world.runtime.create_flow(world.owner, form).await.unwrap();
    (saved.view.flow.id, saved.view.webhook.unwrap().callback_url.unwrap())
}

fn shown(view: &RunView) -> String {
    format!("{view:?}")
}

async fn called(world: &World, url: &str) -> RunView {
    let before = flow_runs(world).await.len();
    let mut call = post(r#"{"n":1}"#);
    call.headers.insert("Authorization", format!("Bearer {CALLER}"));
    call.headers.insert("Cookie", format!("session={CALLER}"));
    invoke(&world.runtime, url, call).await.unwrap();
    eventually(async || {
        let runs = flow_runs(world).await;
        runs.len() > before && runs.last().is_some_and(|run| run.status.is_final())
    })
    .await;
    let run = flow_runs(world).await.last().unwrap().id;
    world.runtime.run_view(world.owner, run).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn histories_events_and_exports_show_no_secret() {
    let (address, _) = service(false, false).await;
    let world = world(&address).await;
    let (id, url) = flow(&world, DEFINITION).await;
    let view = called(&world, &url).await;
    let text = shown(&view);
    assert!(leaks(&text).is_empty(), "{:?} in {text}", leaks(&text));
    // Not even the first letters of one, where a list cuts a value.
    let summary = &view.listed.run.summary;
    assert!(summary.contains("padded") && !summary.contains("canary"), "{summary}");
    // What is no secret is there.
    for plain in ["octo", "[secret: given]", "nowhere.test"] {
        assert!(text.contains(plain), "{plain} is not in {text}");
    }
    let event = view.listed.run.event.unwrap();
    let seen = world.runtime.event_seen(world.owner, id, event).await.unwrap();
    assert!(leaks(&format!("{seen:?}")).is_empty(), "{seen:?}");
    assert_eq!(seen.body.unwrap().to_json(), r#"{"n":1}"#);
    let exported = world.runtime.flow_exported(world.owner, id).await.unwrap();
    let text = format!("{}{}{}", exported.definition, exported.parameters, exported.envelope);
    assert!(leaks(&text).is_empty(), "{:?} in {text}", leaks(&text));
    // The flow itself still works with them.
    let own = world.runtime.flow(world.owner, id).await.unwrap();
    assert!(own.definition.to_json().contains(INLINE));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secured_trigger_shows_no_event() {
    let (address, _) = service(false, false).await;
    let world = world(&address).await;
    let secured = DEFINITION.replace(
        r#""triggers":{"T":{"type":"Request","#,
        r#""triggers":{"T":{"type":"Request","runtimeConfiguration":{"secureData":{"properties":["outputs"]}},"#,
    );
    let (id, url) = flow(&world, &secured).await;
    let view = called(&world, &url).await;
    assert_eq!(view.history.as_ref().unwrap().trigger_shown().get("outputs"), None);
    let seen = world.runtime.event_seen(world.owner, id, view.listed.run.event.unwrap()).await.unwrap();
    assert!(seen.is_hidden);
    assert_eq!((seen.body, seen.headers), (None, Object::new().into()));
}

/// Messages of lists repeat what an action was given.
#[tokio::test(flavor = "multi_thread")]
async fn the_error_of_a_run_shows_no_secret() {
    let (address, _) = service(false, false).await;
    let world = world(&address).await;
    for wrong in [
        "@int(triggerOutputs()['headers']['Authorization'])",
        "@int(parameters('given'))",
        "@int(base64(parameters('given')))",
    ] {
        let definition = format!(
            r#"{{"parameters":{{"given":{{"type":"SecureString"}}}},
                "triggers":{{"T":{{"type":"Request","operationOptions":"IncludeAuthorizationHeadersInOutputs"}}}},
                "actions":{{"Wrong":{{"type":"Compose","inputs":"{wrong}"}}}}}}"#
        );
        let (_, url) = flow(&world, &definition).await;
        let view = called(&world, &url).await;
        let error = view.listed.run.error.clone().unwrap();
        assert!(error.message.contains("Wrong failed"), "{}", error.message);
        assert!(leaks(&shown(&view)).is_empty(), "{wrong}: {:?} in {}", leaks(&shown(&view)), shown(&view));
    }
}
