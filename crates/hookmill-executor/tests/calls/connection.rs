//! Calls through a connection.

use std::time::Duration;

use hookmill_connector::PlannedRequest;
use hookmill_engine::{Outcome, Performed};
use hookmill_executor::CallContext;
use hookmill_model::Value;

use crate::service::{Service, executor, header, reply};

async fn send(call: &PlannedRequest) -> Performed {
    let context = CallContext { idempotency_key: Some("sub_1/create/2"), ..CallContext::outside_runs() };
    executor().send(call, Duration::from_secs(5), &context).await
}

fn call(method: &str, url: String) -> PlannedRequest {
    PlannedRequest { method: method.into(), url: url.into(), ..PlannedRequest::default() }
}

#[tokio::test]
async fn a_webhook_is_created_and_its_credentials_stay_hidden() {
    let service = Service::start(|request| {
        let echo = request.split_once("\r\n\r\n").unwrap().1.to_owned();
        Some(reply(201, "Location: /hooks/1\nContent-Type: application/json\n", &echo))
    })
    .await;
    let mut create = call("post", service.url("/hooks?key=k3y%2Bcanary&page=1"));
    create.headers = vec![
        ("Authorization".into(), "Basic a2ltOmNhbmFyeXB3".into()),
        ("X-Api-Key".into(), "short".into()),
        ("Accept".into(), "application/json".into()),
    ];
    create.secret_headers = vec!["x-api-key".into()];
    create.secret_queries = vec!["key".into()];
    create.secrets = vec!["canarypw".into(), "k3y+canary".into()];
    create.body = Value::from_json(br#"{"config":{"url":"https://here/callback","secret":"canarypw"}}"#).unwrap();
    let performed = send(&create).await;

    let told = service.only();
    assert!(told.starts_with("POST /hooks?key=k3y%2Bcanary&page=1 "), "{told}");
    assert_eq!(header(&told, "x-api-key"), Some("short"));
    assert_eq!(header(&told, "idempotency-key"), Some("sub_1/create/2"));
    assert_eq!(header(&told, "content-type"), Some("application/json; charset=utf-8"));
    assert!(told.contains("\"secret\":\"canarypw\"") && !told.contains("x-ms-"), "{told}");

    let kept = format!("{performed:?}{create:?}");
    assert!(!kept.contains("canary") && !kept.contains("short") && !kept.contains("Y2FuYXJ5"), "{kept}");
    assert_eq!(performed.request.get("uri"), Some(&Value::string(service.url("/hooks?key=*sanitized*&page=1"))));
    assert_eq!(performed.request.pointer("/body/config/url"), Some(&Value::string("https://here/callback")));
    let Outcome::Replied { status: 201, headers, body: Some(body) } = performed.outcome else { panic!() };
    assert_eq!(headers.get("Location"), Some(&Value::string("/hooks/1")));
    assert_eq!(body.pointer("/config/secret"), Some(&Value::string("[secret: connection]")));
}

#[tokio::test]
async fn a_key_does_not_follow_to_another_origin() {
    let other = Service::silent().await;
    let location = other.url("/there");
    let service = Service::start(move |_| Some(reply(302, &format!("Location: {location}\n"), ""))).await;
    let mut get = call("GET", service.url("/"));
    get.headers = vec![
        ("X-Api-Key".into(), "secret-key".into()),
        ("X-Plain".into(), "1".into()),
        ("Accept-Language".into(), "de".into()),
    ];
    get.secret_headers = vec!["X-Api-Key".into()];
    send(&get).await;
    assert_eq!(header(&service.only(), "x-api-key"), Some("secret-key"));
    let told = other.only();
    // Any header may hold a key; only what says how the answer should be goes along.
    let taken = ["x-api-key", "x-plain", "accept-language"].map(|name| header(&told, name));
    assert_eq!(taken, [None, None, Some("de")]);
}

#[tokio::test]
async fn forms_are_put_together() {
    let service = Service::silent().await;
    let mut post = call("POST", service.url("/"));
    post.body = Value::from_json(
        br#"{"$content-type":"application/x-www-form-urlencoded","$formdata":[{"key":"a b","value":"1&2"}]}"#,
    )
    .unwrap();
    send(&post).await;
    let told = service.only();
    assert!(told.ends_with("\r\n\r\na+b=1%262"), "{told}");
    assert_eq!(header(&told, "content-type"), Some("application/x-www-form-urlencoded"));
}
