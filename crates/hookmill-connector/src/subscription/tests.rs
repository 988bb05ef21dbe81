//! Tests of the end of webhooks.

use super::*;
use crate::{Authentication, Settings};

fn connector() -> Connector {
    let document = br#"{"swagger":"2.0","info":{"title":"T"},"host":"api.test","basePath":"/v1","schemes":["https"],"paths":{
      "/repos/{owner}/hooks":{
        "post":{"operationId":"create","x-ms-trigger":"single","parameters":[
          {"name":"owner","in":"path","required":true,"type":"string"},
          {"name":"body","in":"body","required":true,"schema":{"type":"object","required":["name"],"properties":{
             "name":{"type":"string","default":"web","x-ms-visibility":"internal"},
             "active":{"type":"boolean","default":"true"},
             "label":{"type":"string"},
             "config":{"type":"object","properties":{"url":{"type":"string","x-ms-notification-url":true},"content_type":{"type":"string","default":"json"}}}}}}],
          "responses":{"201":{"description":"ok"}}},
        "get":{"operationId":"list","parameters":[{"name":"owner","in":"path","required":true,"type":"string"}],"responses":{}}},
      "/repos/{owner}/hooks/{hook_id}":{"delete":{"operationId":"remove","responses":{}}}}}"#;
    let settings = Settings { authentication: Some(Authentication::basic()), ..Settings::default() };
    Connector::import(document, None, &settings).connector.unwrap()
}

fn parameters() -> Value {
    Value::from_json(br#"{"owner":"a/b c","body/label":"x"}"#).unwrap()
}

#[test]
fn a_creation_has_defaults_callback_and_credentials() {
    let connector = connector();
    let credentials = Credentials { username: "ada".into(), password: "tok-123".into(), ..Credentials::default() };
    let planned = connector
        .plan_request(connector.operation("create").unwrap(), &parameters(), Some("https://me/cb"), Some(&credentials))
        .unwrap();
    assert_eq!(&*planned.url, "https://api.test/v1/repos/a%2Fb%20c/hooks");
    assert_eq!(
        planned.body,
        Value::from_json(
            br#"{"name":"web","active":true,"config":{"content_type":"json","url":"https://me/cb"},"label":"x"}"#
        )
        .unwrap()
    );
    assert!(
        planned.headers.iter().any(|(name, text)| &**name == "Authorization" && &**text == "Basic YWRhOnRvay0xMjM=")
    );
    let missing = connector.plan_request(connector.operation("create").unwrap(), &Value::Null, None, None).unwrap_err();
    assert!(missing.to_string().contains("'owner'"), "{missing}");
}

fn address(location: Option<&str>, answer: Option<&str>) -> Result<String, String> {
    let connector = connector();
    let answer = answer.map(|text| Value::from_json(text.as_bytes()).unwrap());
    let given = Value::from_json(br#"{"owner":"ada"}"#).unwrap();
    connector
        .deletion_address(
            connector.operation("create").unwrap(),
            &given,
            "https://api.test/v1/repos/ada/hooks",
            location,
            answer.as_ref(),
        )
        .map(|address| address.url.to_string())
}

#[test]
fn the_address_of_the_deletion_is_found() {
    let own = "https://api.test/v1/repos/ada/hooks/7";
    assert_eq!(address(Some(own), None).unwrap(), own);
    assert_eq!(address(Some("/v1/repos/ada/hooks/7"), None).unwrap(), own);
    assert_eq!(address(Some("https://other.test/v1/repos/ada/hooks/7"), None).unwrap(), own);
    assert_eq!(address(Some("https://other.test/repos/ada/hooks/7"), None).unwrap(), own);
    assert_eq!(address(None, Some(r#"{"id":7}"#)).unwrap(), own);
    assert_eq!(address(None, Some(r#"{"data":{"hookId":"7"}}"#)).unwrap(), own);
    assert!(address(Some("https://evil.test/x/7"), None).unwrap_err().contains("evil.test"));
    assert!(address(None, Some("{}")).is_err());
}

#[test]
fn a_webhook_at_the_service_is_recognized() {
    let answer =
        Value::from_json(br#"[{"id":1,"config":{"url":"https://x"}},{"id":2,"config":{"url":"https://me/cb"}}]"#)
            .unwrap();
    assert_eq!(match_existing(&answer, "https://me/cb").and_then(|item| item.get("id")), Some(&Value::Integer(2)));
    assert!(match_existing(&answer, "https://you").is_none());
    let connector = connector();
    let planned = connector.plan_search(connector.operation("create").unwrap(), &parameters(), None).unwrap();
    assert_eq!(&*planned.method, "GET");
}

#[test]
fn credentials_stay_at_home() {
    let connector = connector();
    let credentials = Credentials { username: "ada".into(), password: "tok-123".into(), ..Credentials::default() };
    let away = connector.plan_follow("GET", "https://evil.test/next", Some(&credentials)).unwrap();
    assert!(away.secret_headers.is_empty() && !away.headers.iter().any(|(name, _)| &**name == "Authorization"));
    let home = connector.plan_follow("GET", "/v1/next?page=2", Some(&credentials)).unwrap();
    assert_eq!(&*home.url, "https://api.test/v1/next?page=2");
    assert_eq!(home.secret_headers.len(), 1);
}
