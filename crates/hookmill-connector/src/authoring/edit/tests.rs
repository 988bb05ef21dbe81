//! Tests of putting operations into documents.

use super::super::unchanged::put_operation;
use super::*;
use crate::connector::{Connector, Settings};

fn document() -> Value {
    Value::from_json(
        br#"{"swagger":"2.0","info":{"title":"T","version":"1","x-own":1},"host":"h.test","paths":{
        "/repos/{owner}/hooks":{"x-ms-notification-content":{"description":"d","schema":{"type":"object","properties":{"ref":{"type":"string"}}}},
          "post":{"operationId":"push","summary":"Push","x-ms-trigger":"single","x-kept":true,"parameters":[
            {"name":"owner","in":"path","required":true,"type":"string","x-ms-summary":"Owner"},
            {"name":"body","in":"body","schema":{"type":"object","required":["config"],"properties":{
              "name":{"type":"string","default":"web","x-ms-visibility":"internal"},
              "config":{"type":"object","required":["url"],"properties":{"url":{"type":"string","x-ms-notification-url":true,"x-ms-visibility":"internal"}}}}}}],
            "responses":{"201":{"description":"Created"}}}}}}"#,
    )
    .unwrap_or_default()
}

fn import(document: &Value) -> Connector {
    let made = Connector::import_value(document, None, &Settings::default());
    made.connector.unwrap_or_else(|| panic!("{:?}", made.diagnostics))
}

/// The form that shows an operation.
fn form_of(connector: &Connector, id: &str) -> OperationForm {
    let operation = connector.operation(id).unwrap_or_else(|| panic!("no {id}"));
    let parameters = serde_json::to_value(connector.parameters(operation)).unwrap_or_default();
    OperationForm {
        role: "trigger".to_owned(),
        summary: operation.summary.to_string(),
        description: operation.description.to_string(),
        operation_id: id.to_owned(),
        trigger_kind: Some("webhook".to_owned()),
        mode: Some("single".to_owned()),
        request: RequestForm {
            method: operation.method.to_string(),
            path: operation.path.to_string(),
            parameters: serde_json::from_value(parameters).unwrap_or_else(|error| panic!("{error}")),
            consumes: None,
        },
        callback_parameter: operation.callback.clone(),
        delete_request: Some(operation.registration.delete_request.clone()),
        notification_schema: operation.notification_schema.clone(),
        ..OperationForm::default()
    }
}

/// Both forms of each extension, and a tree: a change of the summary leaves them as they are.
#[test]
fn what_parameters_ask_of_a_service_is_kept() {
    let extensions = [
        r#""x-ms-dynamic-values":{"operationId":"list","value-path":"id","value-title":"name"}"#,
        r#""x-ms-dynamic-list":{"operationId":"list","itemValuePath":"id","itemTitlePath":"name"}"#,
        r#""x-ms-dynamic-schema":{"operationId":"list","value-path":"schema"}"#,
        r#""x-ms-dynamic-properties":{"operationId":"list","itemValuePath":"schema"}"#,
        r#""x-ms-dynamic-tree":{"open":{"operationId":"list","itemValuePath":"id"}}"#,
    ];
    for extension in extensions {
        let document = format!(
            r#"{{"swagger":"2.0","info":{{"title":"T","version":"1"}},"host":"h.test","paths":{{
            "/items":{{"get":{{"operationId":"list","responses":{{"200":{{"description":"OK"}}}}}}}},
            "/send":{{"post":{{"operationId":"send","summary":"Send","parameters":[
              {{"name":"item","in":"query","type":"string",{extension}}}],"responses":{{"200":{{"description":"OK"}}}}}}}}}}}}"#
        );
        let document = Value::from_json(document.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        let before = import(&document);
        let mut form = form_of(&before, "send");
        form.role = "action".to_owned();
        (form.trigger_kind, form.mode) = (None, None);
        form.request.parameters[0].summary = "Which item".to_owned();
        let put = put_operation(&document, Some("send"), &form).unwrap_or_else(|error| panic!("{error}"));
        let kept =
            put.pointer("/paths/~1send/post/parameters/0").and_then(Value::as_object).cloned().unwrap_or_default();
        let (name, value) = extension.split_once(':').unwrap_or_else(|| panic!("{extension}"));
        let expected = Value::from_json(value.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(kept.get(name.trim_matches('"')), Some(&expected), "{}", Value::from(kept.clone()).to_json());
        assert_eq!(kept.get("x-ms-summary"), Some(&Value::from("Which item")));
    }
}

#[test]
fn saving_a_form_unchanged_changes_nothing_that_matters() {
    let before = import(&document());
    let form = form_of(&before, "push");
    let after = import(&put_operation(&document(), Some("push"), &form).unwrap_or_else(|error| panic!("{error}")));
    let (old, new) = (before.operation("push"), after.operation("push"));
    let (Some(old), Some(new)) = (old, new) else { panic!("the operation is gone") };
    assert_eq!(before.parameters(old), after.parameters(new));
    assert_eq!(
        (&old.callback, &old.trigger, &old.notification_schema),
        (&new.callback, &new.trigger, &new.notification_schema)
    );
    let kept = after.document().pointer("/paths/~1repos~1{owner}~1hooks/post/x-kept");
    assert_eq!(kept, Some(&Value::Bool(true)), "what the form does not know stays");
    assert_eq!(after.document().pointer("/info/x-own"), Some(&Value::Integer(1)));
}

#[test]
fn a_second_trigger_of_the_same_address_stands_beside_the_first() {
    let mut form = form_of(&import(&document()), "push");
    form.operation_id = "pull-request".to_owned();
    form.summary = "Pull request".to_owned();
    form.notification_schema = Value::from_json(br#"{"type":"object","properties":{"n":{"type":"integer"}}}"#).ok();
    let both = put_operation(&document(), None, &form).unwrap_or_else(|error| panic!("{error}"));
    let connector = import(&both);
    let paths: Vec<&str> = connector.triggers().map(|operation| &*operation.path).collect();
    assert_eq!(paths, ["/repos/{owner}/hooks", "/repos/{owner}/hooks"]);
    assert!(
        connector
            .operation("push")
            .and_then(|own| own.notification_schema.as_ref())
            .is_some_and(|schema| schema.pointer("/properties/ref").is_some())
    );
    assert!(
        connector
            .operation("pull-request")
            .and_then(|own| own.notification_schema.as_ref())
            .is_some_and(|schema| schema.pointer("/properties/n").is_some())
    );
    let Some(operation) = connector.operation("pull-request") else { panic!("no operation") };
    let parameters = Value::object([("owner", "ada")]);
    let call =
        crate::Call { parameters: Some(&parameters), callback_url: Some("https://me/cb"), ..crate::Call::default() };
    let planned = connector.plan_request(operation, &call).unwrap_or_else(|error| panic!("{error}")).into_request();
    assert_eq!(&*planned.url, "https://h.test/repos/ada/hooks");
    let gone = remove_operation(&both, "pull-request").unwrap_or_default();
    assert_eq!(gone, document());
    assert_eq!(remove_operation(&gone, "pull-request"), None);
}

#[test]
fn what_is_missing_is_named() {
    let form = form_of(&import(&document()), "push");
    let refused = |change: fn(&mut OperationForm)| {
        let mut form = form.clone();
        change(&mut form);
        put_operation(&document(), Some("push"), &form).map_or_else(|error| error.pointer, |_| "")
    };
    assert_eq!(refused(|form| form.operation_id = "two words".to_owned()), "/operation_id");
    assert_eq!(refused(|form| form.summary.clear()), "/summary");
    assert_eq!(refused(|form| form.request.method = "FETCH".to_owned()), "/request/method");
    assert_eq!(refused(|form| form.request.path = "repos".to_owned()), "/request/path");
    assert_eq!(refused(|form| form.request.parameters.clear()), "/request/parameters");
    assert_eq!(refused(|form| form.callback_parameter = None), "/callback_parameter");
    let mut twin = form.clone();
    twin.request.path = "/other".to_owned();
    twin.request.parameters.retain(|own| own.place != "path");
    assert_eq!(put_operation(&document(), None, &twin).map_or_else(|error| error.pointer, |_| ""), "/operation_id");
}

/// What the form of an operation shows, put back with a change.
fn changed(document: &Value, id: &str, change: impl FnOnce(&mut OperationForm)) -> Value {
    let mut form = form_of(&import(document), id);
    change(&mut form);
    put_operation(document, Some(id), &form).unwrap_or_else(|error| panic!("{error}"))
}

fn json(text: &str) -> Value {
    Value::from_json(text.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

/// The document with an operation that deletes hooks, which the trigger names.
fn with_delete_request() -> Value {
    let mut document = Json::from(&document());
    document["paths"]["/repos/{owner}/hooks/{id}"] = json!({"delete": {"operationId": "remove", "summary": "Remove",
        "parameters": [{"name": "owner", "in": "path", "required": true, "type": "string"},
            {"name": "id", "in": "path", "required": true, "type": "string"}], "responses": {"204": {"description": "gone"}}}});
    document["paths"]["/repos/{owner}/hooks"]["post"]["x-hookmill-registration"] = json!({"unsubscribe": {
        "operationId": "remove", "parameters": {"owner": "{inputs:owner}", "id": "{registration:/id}"}}});
    document.into()
}

const REGISTRATION: &str = "/paths/~1repos~1{owner}~1hooks/post/x-hookmill-registration";

#[test]
fn a_delete_request_stays_changes_and_goes() {
    let before = with_delete_request();
    let kept = changed(&before, "push", |form| form.summary = "Pushed".to_owned());
    assert_eq!(kept.pointer(REGISTRATION), before.pointer(REGISTRATION));
    let unsaid = changed(&before, "push", |form| form.delete_request = None);
    assert_eq!(unsaid.pointer(REGISTRATION), before.pointer(REGISTRATION), "what a form does not say stays");
    let gone = changed(&before, "push", |form| form.delete_request = Some(DeleteRequest::Location));
    assert_eq!(gone.pointer(REGISTRATION), None);
    let made = changed(&gone, "push", |form| {
        let parameters = [("owner", "{inputs:owner}"), ("id", "{registration:/id}")].into_iter().collect();
        form.delete_request = Some(DeleteRequest::Operation { operation_id: "remove".into(), parameters });
    });
    assert_eq!(made.pointer(REGISTRATION), before.pointer(REGISTRATION));
    let polled = changed(&before, "push", |form| form.trigger_kind = Some("polling".to_owned()));
    assert_eq!(polled.pointer(REGISTRATION), None, "what is polled has no webhook");
    let refused = |request: &str| {
        let mut form = form_of(&import(&before), "push");
        form.delete_request = Some(serde_json::from_str(request).unwrap_or_else(|error| panic!("{error}")));
        put_operation(&before, Some("push"), &form).map_or_else(|error| error.pointer, |_| "")
    };
    assert_eq!(refused(r#"{"by":"operation","operation_id":"nobody"}"#), "/delete_request/operation_id");
    assert_eq!(refused(r#"{"by":"operation","operation_id":"push"}"#), "/delete_request/operation_id");
    assert_eq!(
        refused(r#"{"by":"operation","operation_id":"remove","parameters":{"id":"{body}"}}"#),
        "/delete_request/parameters"
    );
}

#[test]
fn a_renamed_operation_is_known_by_its_new_name() {
    let renamed = changed(&with_delete_request(), "remove", |form| {
        form.role = "action".to_owned();
        form.operation_id = "delete-hook".to_owned();
    });
    let named = renamed.pointer(&format!("{REGISTRATION}/unsubscribe/operationId")).and_then(Value::as_str);
    assert_eq!(named, Some("delete-hook"));
}

#[test]
fn references_stay_where_nothing_was_edited() {
    let document = json(
        r##"{"swagger":"2.0","info":{"title":"T","version":"1"},"host":"h.test","paths":{
        "/items":{"post":{"operationId":"make","summary":"Make","parameters":[{"name":"body","in":"body","schema":{"$ref":"#/definitions/Item"}}],
          "responses":{"200":{"description":"it","schema":{"$ref":"#/definitions/Item"}}}}}},
        "definitions":{"Item":{"type":"object","properties":{"name":{"type":"string"}}}}}"##,
    );
    let shown = |connector: &Connector| {
        let mut form = form_of(connector, "make");
        form.role = "action".to_owned();
        (form.trigger_kind, form.mode) = (None, None);
        form.response_schema = connector.operation("make").map(|operation| connector.outputs_schema(operation));
        form
    };
    let mut form = shown(&import(&document));
    form.description = "More".to_owned();
    let after = put_operation(&document, Some("make"), &form).unwrap_or_else(|error| panic!("{error}"));
    for pointer in ["/paths/~1items/post/parameters/0/schema/$ref", "/paths/~1items/post/responses/200/schema/$ref"] {
        assert_eq!(after.pointer(pointer), document.pointer(pointer), "{pointer}");
    }
    form.request.parameters[0].summary = "Name".to_owned();
    let after = put_operation(&document, Some("make"), &form).unwrap_or_else(|error| panic!("{error}"));
    let summary = after.pointer("/paths/~1items/post/parameters/0/schema/properties/name/x-ms-summary");
    assert_eq!(summary.and_then(Value::as_str), Some("Name"));
}

#[test]
fn a_webhook_becomes_a_poll_and_a_poll_a_webhook() {
    let polled = changed(&document(), "push", |form| {
        form.trigger_kind = Some("polling".to_owned());
        form.response_schema = Some(json(r#"{"type":"object","properties":{"n":{"type":"integer"}}}"#));
    });
    let connector = import(&polled);
    let Some(operation) = connector.operation("push") else { panic!("no operation") };
    assert!(!operation.is_webhook() && operation.trigger.is_some());
    assert_eq!(
        connector.outputs_schema(operation).pointer("/properties/n/type").and_then(Value::as_str),
        Some("integer")
    );
    let back = changed(&polled, "push", |form| {
        form.trigger_kind = Some("webhook".to_owned());
        form.callback_parameter = Some(CallbackPlace { place: Place::Body, path: vec!["config".into(), "url".into()] });
        form.notification_schema = Some(json(r#"{"type":"object","properties":{"m":{"type":"string"}}}"#));
    });
    let connector = import(&back);
    let Some(operation) = connector.operation("push") else { panic!("no operation") };
    assert!(operation.is_webhook());
    assert!(connector.outputs_schema(operation).pointer("/properties/m").is_some());
}

#[test]
fn an_operations_own_description_of_notifications_is_edited_where_it_stands() {
    let mut own = Json::from(&document());
    own["paths"]["/repos/{owner}/hooks"]["post"]["x-ms-notification-content"] =
        json!({"schema": {"type": "object", "properties": {"own": {"type": "string"}}}});
    let after = changed(&own.into(), "push", |form| {
        form.notification_schema = Some(json(r#"{"type":"object","properties":{"new":{"type":"string"}}}"#));
    });
    let connector = import(&after);
    let Some(operation) = connector.operation("push") else { panic!("no operation") };
    assert!(connector.outputs_schema(operation).pointer("/properties/new").is_some());
}

#[test]
fn headers_of_notifications_become_tokens() {
    let expressions = |document: &Value| -> Vec<String> {
        let connector = import(document);
        let Some(operation) = connector.operation("push") else { panic!("no operation") };
        let tokens = connector.dynamic_content(operation).into_iter();
        tokens.filter(|token| token.path.starts_with("headers/")).map(|token| token.expression).collect()
    };
    assert_eq!(expressions(&document()), [""; 0]);
    let named = changed(&document(), "push", |form| form.notification_headers = Some(vec!["X-Event".to_owned()]));
    assert_eq!(expressions(&named), ["triggerOutputs()?['headers']?['X-Event']"]);
    assert_eq!(expressions(&changed(&named, "push", |_| {})), ["triggerOutputs()?['headers']?['X-Event']"]);
    assert_eq!(expressions(&changed(&named, "push", |form| form.notification_headers = Some(Vec::new()))), [""; 0]);
}

#[test]
fn declarations_are_checked_kept_and_taken_away() {
    let object = |text: &str| {
        let value = Value::from_json(text.as_bytes()).unwrap_or_default();
        value.as_object().cloned().unwrap_or_default()
    };
    let before = with_delete_request();
    let stripe = object(r#"{"x-hookmill-preset":"stripe","x-hookmill-reply":{"status":204}}"#);
    let declared = changed(&before, "push", |form| {
        form.delete_request = None;
        form.declarations = Some(stripe.clone());
    });
    let own = |document: &Value, member: &str| {
        let text = document.to_json();
        text.contains(member)
    };
    assert!(own(&declared, r#""x-hookmill-preset":"stripe""#) && own(&declared, r#""status":204"#));
    assert!(own(&declared, r#""unsubscribe""#), "how it is deleted stays");
    let silent = changed(&declared, "push", |form| form.declarations = None);
    assert!(own(&silent, "stripe"), "what the form does not speak of stays");
    let bare = changed(&declared, "push", |form| form.declarations = Some(Object::new()));
    assert!(!own(&bare, "stripe"));
    let refused = |text: &str| {
        let form = OperationForm { declarations: Some(object(text)), ..form_of(&import(&before), "push") };
        put_operation(&before, Some("push"), &form).expect_err("it is wrong")
    };
    let wrong = refused(r#"{"x-hookmill-dedupe":{"key":"always"}}"#);
    assert_eq!(wrong.pointer, "/declarations");
    assert!(wrong.message.starts_with("/x-hookmill-dedupe/key: "), "{wrong}");
    assert!(refused(r#"{"x-hookmill-verifcation":{}}"#).message.contains("x-hookmill-verifcation"));
}
