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
      "/repos/{owner}/hooks/{hook_id}":{"delete":{"operationId":"remove","responses":{}}},
      "/stop":{"post":{"operationId":"stop","parameters":[{"name":"mark","in":"header","type":"string"},
        {"name":"body","in":"body","required":true,"schema":{"type":"object","required":["ids"],"properties":{"ids":{"type":"array","items":{"type":"integer"}},"why":{"type":"string"}}}}],"responses":{}}}}}"#;
    let settings = Settings { authentication: Some(Authentication::basic()), ..Settings::default() };
    Connector::import(document, None, &settings).connector.unwrap()
}

fn credentials() -> Credentials {
    let parameters = [("username", "ada"), ("password", "tok-123")].into_iter().collect();
    Credentials { parameters, ..Credentials::default() }
}

fn parameters() -> Value {
    Value::from_json(br#"{"owner":"a/b c","body/label":"x"}"#).unwrap()
}

#[test]
fn a_creation_has_defaults_callback_and_credentials() {
    let connector = connector();
    let (given, credentials) = (parameters(), credentials());
    let call = Call {
        parameters: Some(&given),
        callback_url: Some("https://me/cb"),
        credentials: Some(&credentials),
        ..Call::default()
    };
    let planned = connector.plan_request(connector.operation("create").unwrap(), &call).unwrap().into_request();
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
    let missing = connector.plan_request(connector.operation("create").unwrap(), &Call::default()).unwrap_err();
    assert!(missing.to_string().contains("'owner'"), "{missing}");
}

fn address(location: Option<&str>, answer: Option<&str>) -> Result<String, String> {
    let connector = connector();
    let answer = answer.map(|text| Value::from_json(text.as_bytes()).unwrap());
    let given = Value::from_json(br#"{"owner":"ada"}"#).unwrap();
    let headers = location.map(|location| ("Location", location)).into_iter().collect();
    let creation = Creation {
        url: "https://api.test/v1/repos/ada/hooks",
        parameters: &given,
        status: 201,
        headers: &headers,
        body: answer.as_ref(),
    };
    connector
        .deletion_address(connector.operation("create").unwrap(), &creation, None)
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
    let credentials = credentials();
    let call = Call { credentials: Some(&credentials), ..Call::default() };
    let away = connector.plan_follow("GET", "https://evil.test/next", &call).unwrap();
    assert!(away.secret_headers.is_empty() && !away.headers.iter().any(|(name, _)| &**name == "Authorization"));
    let home = connector.plan_follow("GET", "/v1/next?page=2", &call).unwrap();
    assert_eq!(&*home.url, "https://api.test/v1/next?page=2");
    assert_eq!(home.secret_headers.len(), 1);
}

/// The creation with a delete request of its own.
fn declared(request: &str) -> Connector {
    let mut connector = connector();
    let creation = connector.operations.iter_mut().find(|own| &*own.operation_id == "create").unwrap();
    creation.registration.delete_request = serde_json::from_str(request).unwrap();
    connector
}

fn asked(connector: &Connector, headers: &str, answer: &str) -> Result<DeletionAddress, String> {
    let json = |text: &str| Value::from_json(text.as_bytes()).unwrap();
    let (parameters, headers, answer) = (json(r#"{"owner":"ada","body/label":"x"}"#), json(headers), json(answer));
    let creation = Creation {
        url: "https://api.test/v1/repos/ada/hooks",
        parameters: &parameters,
        status: 201,
        headers: headers.as_object().unwrap(),
        body: Some(&answer),
    };
    connector.deletion_address(connector.operation("create").unwrap(), &creation, None)
}

#[test]
fn a_declared_delete_request_comes_first() {
    let connector = declared(
        r#"{"by":"operation","operation_id":"remove","parameters":{"owner":"{inputs:owner}","hook_id":"{registration:/hook/no}"}}"#,
    );
    let location = r#"{"Location":"https://api.test/v1/elsewhere/9"}"#;
    let address = asked(&connector, location, r#"{"id":1,"hook":{"no":"7/8"}}"#).unwrap();
    assert_eq!(&*address.url, "https://api.test/v1/repos/ada/hooks/7%2F8");
    assert_eq!(address.rule, DeletionRule::Declared);
    assert_eq!(address.shown(), Some(&address));
    // Where it cannot be filled, the service may have said it.
    assert_eq!(&*asked(&connector, location, "{}").unwrap().url, "https://api.test/v1/elsewhere/9");
    let fault = asked(&connector, "{}", "{}").unwrap_err();
    assert!(fault.contains("'remove'") && fault.contains("'hook/no'"), "{fault}");
}

#[test]
fn a_declared_delete_request_may_have_headers_and_a_body() {
    let connector = declared(
        r#"{"by":"operation","operation_id":"stop","parameters":{"mark":"{registration:header:etag}","body/ids":["{registration:/result/0/id}"],"body/why":"of {inputs:owner}"}}"#,
    );
    let address = asked(&connector, r#"{"ETag":"e1"}"#, r#"{"result":[{"id":12}]}"#).unwrap();
    assert_eq!((&*address.method, &*address.url), ("POST", "https://api.test/v1/stop"));
    let headers: Vec<_> = address.headers.iter().map(|(name, text)| (&**name, &**text)).collect();
    assert_eq!(headers, [("mark", "e1"), ("Content-Type", "application/json")]);
    assert_eq!(address.body, Value::from_json(br#"{"ids":[12],"why":"of ada"}"#).unwrap());
    assert_eq!(address.shown(), None, "what a service answers may be secret");
    let credentials = credentials();
    let planned = connector.plan_deletion(&address, Some(&credentials)).unwrap();
    assert_eq!(planned.body, address.body);
    let names: Vec<&str> = planned.headers.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["mark", "Authorization", "Accept", "Content-Type"]);
}

#[test]
fn several_requests_delete_one_webhook_in_their_order() {
    let mut document = serde_json::Value::from(connector().document());
    document["paths"]["/repos/{owner}/hooks"]["post"]["x-hookmill-registration"] = serde_json::json!({"unsubscribe": [
        {"operationId": "remove", "parameters": {"owner": "{inputs:owner}", "hook_id": "{registration:/rule}"}},
        {"operationId": "stop", "parameters": {"mark": "m", "body/ids": ["{registration:/id}"]}},
        {"operationId": "stop", "parameters": {"mark": "m", "body/ids": ["{registration:/only/sometimes}"]}}]});
    let import = Connector::import_value(&document.into(), None, &Settings::default());
    let connector = import.connector.unwrap();
    assert!(!import.diagnostics.iter().any(|own| own.pointer.as_str().contains("registration")));
    let address = asked(&connector, "{}", r#"{"id":1,"rule":2}"#).unwrap();
    assert_eq!(&*address.url, "https://api.test/v1/repos/ada/hooks/2");
    let also: Vec<_> = address.also.iter().map(|own| (&*own.method, &*own.url, own.body.to_json())).collect();
    assert_eq!(also, [("POST", "https://api.test/v1/stop", r#"{"ids":[1]}"#.to_owned())]);
    assert_eq!(address.shown(), None);
    let kept = serde_json::to_string(&address).unwrap();
    assert_eq!(serde_json::from_str::<DeletionAddress>(&kept).unwrap(), address);
}

#[test]
fn what_is_odd_about_a_delete_request_is_told() {
    let codes = |extension: &str| {
        let mut document = serde_json::Value::from(connector().document());
        document["paths"]["/repos/{owner}/hooks"]["post"]["x-hookmill-registration"] =
            serde_json::from_str(extension).unwrap();
        let import = Connector::import_value(&document.into(), None, &Settings::default());
        let found = import.diagnostics.into_iter().filter(|finding| finding.pointer.as_str().contains("registration"));
        found.map(|finding| finding.code.to_string()).collect::<Vec<_>>()
    };
    let fine = r#"{"unsubscribe":{"operationId":"remove","parameters":{"owner":"{inputs:owner}","hook_id":"{registration:/id}"}}}"#;
    assert_eq!(codes(fine), [""; 0]);
    assert_eq!(codes(r#"{"unsubscribe":{"location":true}}"#), [""; 0]);
    for (extension, code) in [
        ("7", "delete_request_invalid"),
        (r#"{"secrets":{}}"#, "unknown_member"),
        (r#"{"unsubscribe":{}}"#, "delete_request_invalid"),
        (r#"{"unsubscribe":{"operationId":"remove","parameters":[]}}"#, "delete_request_invalid"),
        (
            r#"{"unsubscribe":{"operationId":"remove","parameters":{"owner":"{who}","hook_id":"1"}}}"#,
            "delete_request_invalid",
        ),
        (r#"{"unsubscribe":{"operationId":"gone"}}"#, "delete_operation_missing"),
        (r#"{"unsubscribe":[{"location":true},{"operationId":"gone"}]}"#, "delete_operation_missing"),
        (r#"{"unsubscribe":[{"location":true},{"location":true}]}"#, "delete_request_invalid"),
        (r#"{"unsubscribe":[]}"#, "delete_request_invalid"),
        (r#"{"unsubscribe":{"operationId":"remove","parameters":{"owner":"x"}}}"#, "delete_parameter_missing"),
    ] {
        assert_eq!(codes(extension), [code], "{extension}");
    }
}

#[test]
fn a_change_of_host_scheme_or_policies_is_another_destination() {
    let document =
        Value::from_json(br#"{"swagger":"2.0","host":"a.test","paths":{"/x":{"get":{"operationId":"X"}}}}"#).unwrap();
    let with = |settings: &Settings, properties: Option<&str>| {
        let properties = properties.map(|text| Value::from_json(text.as_bytes()).unwrap());
        Connector::import_value(&document, properties.as_ref(), settings).connector.unwrap().destination()
    };
    let usual = with(&Settings::default(), None);
    let named = Settings { name: Some("Other".into()), color: Some("#000000".into()), ..Settings::default() };
    assert_eq!(with(&named, None), usual);
    let host = Settings { host: Some("b.test".into()), ..Settings::default() };
    let scheme = Settings { scheme: Some("http".into()), ..Settings::default() };
    let policy = r#"{"properties":{"policyTemplateInstances":[{"templateId":"dynamichosturl","parameters":{"x-ms-apimTemplateParameter.urlTemplate":"https://c.test"}}]}}"#;
    for other in [with(&host, None), with(&scheme, None), with(&Settings::default(), Some(policy))] {
        assert_ne!(other, usual);
    }
}
