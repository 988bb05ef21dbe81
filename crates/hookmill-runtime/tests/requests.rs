//! Request triggers: their signed address, what is refused at it, and the three ways of an answer.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once.

mod world;

use std::time::Duration;

use hookmill_model::{ActionStatus, Object, RunStatus, Value};
use hookmill_runtime::{AcceptError, Accepted, Error, Notification, RuntimeConfig};
use world::{World, create, eventually, flow_runs, invoke, post, service, world, world_with};

async fn plain() -> World {
    let (address, _) = service(false, false).await;
    world(&address).await
}

/// The outputs of the action `Say` of the newest run.
async fn said(world: &World) -> Value {
    eventually(async || flow_runs(world).await.last().is_some_and(|run| run.status.is_final())).await;
    let run = flow_runs(world).await.last().unwrap().id;
    let history = world.runtime.run_view(world.owner, run).await.unwrap().history.unwrap();
    history.run_of("Say", &[]).unwrap().outputs.clone().unwrap()
}

const SAY: &str = r#"{"Say":{"type":"Compose","inputs":"@triggerOutputs()"}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn only_who_has_the_signature_may_call() {
    let world = plain().await;
    let (_, url) = create(&world, r#"{"type":"Request","kind":"Http"}"#, SAY).await;
    let url = url.unwrap();
    assert!(url.starts_with("https://me.test/workflows/flw_") && url.contains("/triggers/T/paths/invoke?"), "{url}");
    assert!(url.contains("&sp=%2Ftriggers%2FT%2Frun&sv=1.0&sig="), "{url}");
    let (_, other) = create(&world, r#"{"type":"Request"}"#, SAY).await;
    let signature = |url: &str| url.split("&sig=").nth(1).unwrap().to_owned();
    let wrong = [
        url.replace(&signature(&url), &signature(other.as_deref().unwrap())),
        url.replace(&signature(&url), ""),
        url.split("&sig=").next().unwrap().to_owned(),
        url.split('?').next().unwrap().to_owned(),
        url.replace("sv=1.0", "sv=2.0"),
        url.replace("%2Frun&", "%2Fread&"),
        url.replace("/triggers/T/", "/triggers/U/"),
    ];
    for wrong in wrong {
        let refused = invoke(&world.runtime, &wrong, post("{}")).await;
        assert!(matches!(refused, Err(AcceptError::Unsigned)), "{wrong}: {refused:?}");
    }
    let nobody = url.replace("flw_0", "flw_7");
    assert!(matches!(invoke(&world.runtime, &nobody, post("{}")).await, Err(AcceptError::Unknown)));
    assert!(flow_runs(&world).await.is_empty());

    let mut call = post(r#"{"n":1}"#);
    call.headers.insert("Authorization", "Basic c2VjcmV0");
    call.headers.insert("x-ms-client-tracking-id", "order-7");
    call.query.insert("page", "2");
    let began = invoke(&world.runtime, &url, call).await.unwrap();
    let Accepted::Began { run: Some(run), tracking_id, answer: None } = began else { panic!("{began:?}") };
    assert_eq!(tracking_id, "order-7");
    let outputs = said(&world).await;
    assert_eq!(flow_runs(&world).await[0].id, run, "the caller knows the run before it begins");
    assert_eq!(outputs.get("queries"), Some(&Value::object([("page", "2")])));
    assert_eq!(outputs.pointer("/body/n"), Some(&Value::Integer(1)));
    assert_eq!(outputs.pointer("/headers/Authorization"), None);
    assert_eq!(outputs.get("relativePathParameters"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn method_and_relative_path_are_the_triggers_own() {
    let world = plain().await;
    let trigger = r#"{"type":"Request","inputs":{"method":"PUT","relativePath":"/customers/{id}/orders/{order no}"},
        "operationOptions":"IncludeAuthorizationHeadersInOutputs"}"#;
    let (_, url) = create(&world, trigger, SAY).await;
    let url = url.unwrap();
    assert!(url.contains("/paths/invoke/customers/{id}/orders/{order no}?"), "{url}");
    let put = |below: &str| {
        let url = url.replace("customers/{id}/orders/{order no}", below);
        let headers: Object = [("authorization", "Bearer x")].into_iter().collect();
        (url, Notification { method: "PUT".to_owned(), headers, ..Notification::default() })
    };
    let (address, mut wrong) = put("customers/7/orders/8");
    wrong.method = "POST".to_owned();
    let refused = invoke(&world.runtime, &address, wrong).await;
    assert!(
        matches!(refused, Err(AcceptError::NotMatched { code: "TriggerRequestMethodNotValid", .. })),
        "{refused:?}"
    );
    for below in ["customers/7/orders", "customers//orders/8", "customers/7/invoices/8", "customers/7/orders/8/9", ""] {
        let (address, call) = put(below);
        let refused = invoke(&world.runtime, &address, call).await;
        let is_named = matches!(refused, Err(AcceptError::NotMatched { code: "TriggerRelativePathNotValid", .. }));
        assert!(is_named, "{below}: {refused:?}");
    }
    let (address, call) = put("customers/a%20b%2Fc/orders/8");
    invoke(&world.runtime, &address, call).await.unwrap();
    let outputs = said(&world).await;
    let parameters = [("id", "a b/c"), ("order no", "8")];
    assert_eq!(outputs.get("relativePathParameters"), Some(&Value::object(parameters)));
    assert_eq!(
        outputs.pointer("/headers/authorization"),
        Some(&"[secret]".into()),
        "the flow has it, the history hides it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_violates_the_schema_is_refused_at_the_door() {
    let world = plain().await;
    let schema = r#"{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}"#;
    let checked =
        format!(r#"{{"type":"Request","inputs":{{"schema":{schema}}},"operationOptions":"EnableSchemaValidation"}}"#);
    let (flow, url) = create(&world, &checked, SAY).await;
    let by_hand = world.runtime.run_now(world.owner, flow, Value::object([("n", "x")]), Object::new()).await;
    assert!(matches!(by_hand, Err(Error::InputRefused { code, .. }) if code == "TriggerInputSchemaMismatch"));
    for body in [r#"{"n":"x"}"#, "{}", "", "not json"] {
        let refused = invoke(&world.runtime, url.as_deref().unwrap(), post(body)).await;
        let Err(AcceptError::InputRefused { message }) = refused else { panic!("{body}: {refused:?}") };
        assert!(message.contains("'T'"), "{message}");
    }
    assert!(flow_runs(&world).await.is_empty());
    invoke(&world.runtime, url.as_deref().unwrap(), post(r#"{"n":1}"#)).await.unwrap();
    assert_eq!(said(&world).await.pointer("/body/n"), Some(&Value::Integer(1)));
    // Without the option the schema only helps the designer.
    let (_, url) = create(&world, &format!(r#"{{"type":"Request","inputs":{{"schema":{schema}}}}}"#), SAY).await;
    invoke(&world.runtime, url.as_deref().unwrap(), post(r#"{"n":"x"}"#)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_that_is_off_says_so_and_keeps_its_address() {
    let world = plain().await;
    let (flow, url) = create(&world, r#"{"type":"Request"}"#, SAY).await;
    let url = url.unwrap();
    world.runtime.turn_off(world.owner, flow).await.unwrap();
    let refused = invoke(&world.runtime, &url, post("{}")).await;
    assert!(matches!(refused, Err(AcceptError::NotMatched { code: "WorkflowTriggerIsNotEnabled", .. })), "{refused:?}");
    let on = world.runtime.turn_on(world.owner, flow).await.unwrap();
    assert_eq!(on.view.webhook.unwrap().callback_url.as_deref(), Some(url.as_str()));
    invoke(&world.runtime, &url, post("{}")).await.unwrap();
    world.runtime.delete_flow(world.owner, flow).await.unwrap();
    assert!(matches!(invoke(&world.runtime, &url, post("{}")).await, Err(AcceptError::Gone)));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_caller_waits_for_the_answer() {
    let world = plain().await;
    let trigger = r#"{"type":"Request","conditions":[{"expression":"@not(equals(triggerBody()?['n'], 0))"}]}"#;
    let actions = r#"{"Is":{"type":"If","expression":{"equals":["@triggerBody()?['n']",1]},"actions":{
        "Answer":{"type":"Response","inputs":{"statusCode":201,"headers":{"X-Own":"@{triggerBody()?['n']}","Set-Cookie":"no"},
            "body":{"hello":"@triggerBody()?['n']"}}}}},
        "After":{"type":"Compose","inputs":"on it goes","runAfter":{"Is":["Succeeded"]}}}"#;
    let (_, url) = create(&world, trigger, actions).await;
    let url = url.unwrap();
    match invoke(&world.runtime, &url, post(r#"{"n":1}"#)).await.unwrap() {
        Accepted::Respond { run, status, headers, body } => {
            assert_eq!((status, body), (201, Some(Value::object([("hello", Value::Integer(1))]))));
            assert_eq!(headers.get("X-Own"), Some(&"1".into()));
            assert_eq!(headers.get("Set-Cookie"), None);
            assert_eq!(flow_runs(&world).await[0].id, run.unwrap());
        }
        other => panic!("{other:?}"),
    }
    // Ends without an answer: 502. Does not begin: nothing is wrong.
    assert!(matches!(invoke(&world.runtime, &url, post(r#"{"n":2}"#)).await, Err(AcceptError::NoResponse)));
    assert!(matches!(invoke(&world.runtime, &url, post(r#"{"n":0}"#)).await, Ok(Accepted::Stored { .. })));
    let statuses: Vec<RunStatus> = flow_runs(&world).await.iter().map(|run| run.status).collect();
    assert_eq!(statuses, [RunStatus::Succeeded, RunStatus::Succeeded, RunStatus::Skipped]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_too_late_fails() {
    let (address, _) = service(false, false).await;
    let config = RuntimeConfig { response_wait: Duration::from_millis(200), ..RuntimeConfig::default() };
    let world = world_with(&address, config).await;
    let actions = r#"{"Wait":{"type":"Wait","inputs":{"interval":{"count":1,"unit":"Second"}}},
        "Answer":{"type":"Response","inputs":{"body":"late"},"runAfter":{"Wait":["Succeeded"]}}}"#;
    let (flow, url) = create(&world, r#"{"type":"Request"}"#, actions).await;
    assert!(matches!(invoke(&world.runtime, &url.unwrap(), post("{}")).await, Err(AcceptError::TimedOut)));
    eventually(async || flow_runs(&world).await[0].status == RunStatus::Failed).await;
    let answer = async |at: usize| {
        let run = flow_runs(&world).await[at].id;
        let history = world.runtime.run_view(world.owner, run).await.unwrap().history.unwrap();
        let own = history.run_of("Answer", &[]).unwrap().clone();
        (own.status, own.error.map(|error| error.code.to_string()).unwrap_or_default())
    };
    assert_eq!(answer(0).await, (ActionStatus::Failed, "ActionResponseTimedOut".to_owned()));
    // A person who starts a run waits for no answer.
    world.runtime.run_now(world.owner, flow, Value::Null, Object::new()).await.unwrap();
    eventually(async || flow_runs(&world).await[1].status.is_final()).await;
    assert_eq!(answer(1).await, (ActionStatus::Skipped, "ActionResponseSkipped".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asynchronous_answer_is_asked_for() {
    let world = plain().await;
    let actions = r#"{"Wait":{"type":"Wait","inputs":{"interval":{"count":1,"unit":"Second"}}},
        "Answer":{"type":"Response","operationOptions":"Asynchronous","inputs":{"statusCode":200,"body":{"done":true}},"runAfter":{"Wait":["Succeeded"]}}}"#;
    let (_, url) = create(&world, r#"{"type":"Request"}"#, actions).await;
    let began = invoke(&world.runtime, &url.unwrap(), post("{}")).await.unwrap();
    let Accepted::Began { run: Some(run), answer: Some(later), .. } = began else { panic!("{began:?}") };
    assert!(later.retry_after_s > 0);
    let ask = async || invoke(&world.runtime, &later.url, Notification::default()).await;
    assert!(matches!(ask().await, Ok(Accepted::Began { answer: Some(_), .. })));
    eventually(async || matches!(ask().await, Ok(Accepted::Respond { status: 200, .. }))).await;
    let Ok(Accepted::Respond { body, .. }) = ask().await else { panic!() };
    assert_eq!(body, Some(Value::object([("done", true)])));
    let wrong = later.url.replace("&sig=", "&sig=x");
    assert!(matches!(invoke(&world.runtime, &wrong, Notification::default()).await, Err(AcceptError::Unsigned)));
    let other = later.url.replace(&run.to_string(), &run.to_string().replace("run_0", "run_1"));
    assert!(matches!(invoke(&world.runtime, &other, Notification::default()).await, Err(AcceptError::Unsigned)));
}
