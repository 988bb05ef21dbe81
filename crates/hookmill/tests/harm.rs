//! What must never reach a service: deletions of what is no webhook, paths that climb, requests that a policy would have
//! changed, webhooks that could not work. The real binary against a service that keeps every call.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)] // Tests may stop at once.

mod support;

use serde_json::{Value, json};
use support::{Answer, Message, Server, Service, eventually};

const KEY: &str = "key-of-the-harm-test";

struct World {
    server: Server,
    service: Service,
    _folder: tempfile::TempDir,
}

impl World {
    fn new(answer: impl Fn(&Message) -> Answer + Send + Sync + 'static) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let service = Service::start(move |call, _| answer(call));
        let mut server = Server::start(&folder.path().join("data"), "127.0.0.1:0", &[]);
        server.set_up();
        Self { server, service, _folder: folder }
    }

    /// What a connector with these paths is imported from.
    fn import(&self, paths: &Value) -> Value {
        let document = json!({"swagger": "2.0", "info": {"title": "Projects", "version": "1"},
            "host": self.service.address, "basePath": "/", "schemes": ["http"], "paths": paths});
        let security = json!({"type": "api_key", "in": "header", "name": "X-Api-Key", "label": "Key"});
        json!({"document": document, "settings": {"authentication": security}})
    }

    /// A connector with these paths, and a connection of it.
    fn connect(&self, paths: &Value) -> (Value, Value) {
        let connector = self.server.post("/api/connectors", &self.import(paths));
        let connection = json!({"connector_id": connector["id"], "name": "projects", "api_key": KEY});
        let connection = self.server.post("/api/connections", &connection);
        (connector, connection)
    }

    fn save(&self, connection: &Value, triggers: &Value, actions: &Value) -> (u16, Value) {
        let form = json!({"name": "Harm", "connections": {"shared": {"connection_id": connection["id"]}},
            "definition": {"triggers": triggers, "actions": actions}});
        self.server.call("POST", "/api/flows", &form)
    }

    /// Saves a flow with a webhook, which must be created.
    fn webhook(&self, connection: &Value, trigger: &Value) -> Value {
        let (status, made) = self.save(connection, trigger, &json!({}));
        assert_eq!((status, &made["webhook"]["state"]), (201, &json!("live")), "{made}");
        made
    }

    fn turn_off(&self, flow: &Value) -> Value {
        self.server.post(&format!("/api/flows/{}/off", flow["id"].as_str().unwrap()), &Value::Null)
    }

    fn left_behind(&self) -> Vec<Value> {
        self.server.get("/api/left-behind-webhooks")["items"].as_array().unwrap().clone()
    }

    /// Calls a flow and gives its run, ended.
    fn run(&self, flow: &Value, body: &Value) -> Value {
        let path = format!("/api/flows/{}/run", flow["id"].as_str().unwrap());
        let run = self.server.post(&path, &json!({"body": body}));
        let path = format!("/api/runs/{}", run["run"].as_str().unwrap());
        eventually("the run", || Some(self.server.get(&path)).filter(|run| run["ended_at"].is_string()))
    }
}

fn in_path(name: &str) -> Value {
    json!({"name": name, "in": "path", "required": true, "type": "string"})
}

/// An operation that creates a webhook.
fn creation(parameters: &[Value]) -> Value {
    let body = json!({"name": "body", "in": "body", "schema": {"type": "object", "properties": {
        "target": {"type": "string", "x-ms-notification-url": true, "x-ms-visibility": "internal"}}}});
    let all: Vec<_> = parameters.iter().cloned().chain([body]).collect();
    json!({"operationId": "Watch", "summary": "Something changes", "x-ms-trigger": "single", "parameters": all,
        "responses": {"201": {"description": "Created"}}})
}

fn trigger(parameters: &Value) -> Value {
    json!({"Changed": {"type": "OpenApiConnectionWebhook", "inputs": {
        "host": {"connectionName": "shared", "operationId": "Watch", "apiId": "/providers/Microsoft.PowerApps/apis/projects"},
        "parameters": parameters}}})
}

fn action(operation: &str, parameters: &Value) -> Value {
    json!({"Do": {"type": "OpenApiConnection", "inputs": {
        "host": {"connectionName": "shared", "operationId": operation, "apiId": "/providers/Microsoft.PowerApps/apis/projects"},
        "parameters": parameters, "retryPolicy": {"type": "none"}}}})
}

#[test]
fn a_deletion_is_never_guessed_among_other_resources() {
    let world = World::new(|call| match call.method() {
        "POST" => Answer::new("201 Created", &json!({"id": 4711, "project": {"id": 12}})),
        _ => Answer::new("204 No Content", &Value::Null),
    });
    let delete = |id: &str, name: &str| json!({"operationId": id, "parameters": [in_path(name)], "responses": {}});
    let paths = json!({
        "/projects/{id}/hooks": {"post": creation(&[in_path("id")])},
        "/projects/{id}": {"delete": delete("DeleteProject", "id")},
        "/contacts/{id}": {"delete": delete("DeleteContact", "id")},
        "/orders/{hook_id}": {"delete": delete("DeleteOrder", "hook_id")},
    });
    let (_, connection) = world.connect(&paths);
    let made = world.webhook(&connection, &trigger(&json!({"id": "7"})));
    let warning = made["webhook"]["warning"].as_str().unwrap();
    assert!(warning.contains("cannot delete") && warning.contains("4711"), "{warning}");
    let off = world.turn_off(&made);
    assert_eq!(off["state"], "off", "{off}");
    assert!(off["webhook"]["warning"].as_str().unwrap().contains("may still exist"), "{off}");
    let left = world.left_behind();
    assert_eq!((left.len(), &left[0]["answer"]["body"]["id"]), (1, &json!(4711)), "{left:?}");
    // Nor when the flow is deleted, nor when a person tries again.
    let path = format!("/api/left-behind-webhooks/{}/delete", left[0]["id"].as_str().unwrap());
    assert_eq!(world.server.call("POST", &path, &Value::Null).0, 409);
    let flow = format!("/api/flows/{}", made["id"].as_str().unwrap());
    assert_eq!(world.server.call("DELETE", &flow, &Value::Null).0, 204);
    assert_eq!(world.service.lines(), ["POST /projects/7/hooks"]);
    assert_eq!(world.left_behind().len(), 1);
}

#[test]
fn nothing_at_a_derived_address_does_not_mean_that_the_webhook_is_gone() {
    let world = World::new(|call| match call.method() {
        "POST" => Answer::new("201 Created", &json!({"id": 8})),
        _ => Answer::new("404 Not Found", &json!({"message": "no such webhook"})),
    });
    let delete = json!({"operationId": "Remove", "parameters": [in_path("id")], "responses": {}});
    let paths = json!({"/webhooks/orders": {"post": creation(&[])}, "/webhooks/{id}": {"delete": delete}});
    let (_, connection) = world.connect(&paths);
    let made = world.webhook(&connection, &trigger(&json!({})));
    let off = world.turn_off(&made);
    assert_eq!(world.service.lines(), ["POST /webhooks/orders", "DELETE /webhooks/8"]);
    let warning = off["webhook"]["warning"].as_str().unwrap();
    assert!(warning.contains("is not known"), "{warning}");
    assert_eq!(world.left_behind().len(), 1);
}

#[test]
fn values_never_change_the_shape_of_a_path() {
    let world = World::new(|_| Answer::new("204 No Content", &Value::Null));
    let empty = json!({"operationId": "Empty", "parameters": [in_path("id")], "responses": {}});
    let paths = json!({
        "/users/{id}/inbox": {"delete": empty},
        "/inbox": {"delete": {"operationId": "EmptyAll", "parameters": [], "responses": {}}},
    });
    let (_, connection) = world.connect(&paths);
    let manual = json!({"manual": {"type": "Request"}});
    let host = json!({"connection": {"name": "@parameters('$connections')['shared']['connectionId']"}});
    let by_path = |path: &str| {
        json!({"Do": {"type": "ApiConnection", "inputs": {"host": host, "method": "delete", "path": path,
            "retryPolicy": {"type": "none"}}}})
    };
    let flows: Vec<Value> = [
        action("Empty", &json!({"id": "@triggerBody()?['id']"})),
        by_path("/users/@{triggerBody()?['id']}/inbox"),
        by_path("/users/@{encodeURIComponent(triggerBody()?['id'])}/inbox"),
        by_path("/@{triggerBody()?['id']}/users/7/inbox"),
        by_path("/users/7/inbox/@{triggerBody()?['id']}"),
    ]
    .iter()
    .map(|actions| {
        let (status, made) = world.save(&connection, &manual, actions);
        assert_eq!(status, 201, "{made}");
        made
    })
    .collect();
    for id in ["..", ".", "%2e%2e", "%2E.", ".%2e", "%2e", "%252e%252e", "..%2f..", "../..", "..\\..", ""] {
        for (number, flow) in flows.iter().enumerate() {
            let before = world.service.calls().len();
            let run = world.run(flow, &json!({"id": id}));
            let sent = world.service.lines()[before..].to_vec();
            // What is sent has as many parts as the flow wrote, and none of them is empty or climbs.
            let is_whole = |line: &String| {
                let path = line.strip_prefix("DELETE /").unwrap().replace("%25", "%").replace("%25", "%");
                let path = path.replace("%2E", ".").replace("%2e", ".");
                let parts: Vec<&str> = path.split('/').collect();
                parts.len() == if number < 3 { 3 } else { 4 }
                    && parts.iter().all(|part| !["", ".", ".."].contains(part))
            };
            assert!(sent.iter().all(is_whole), "{id:?} by flow {number}: {sent:?}");
            if sent.is_empty() {
                assert_eq!(run["status"], "Failed", "{id:?} by flow {number}: {run}");
            }
        }
    }
    for id in ["..", ".", "%2e%2e", "%252e%252e"] {
        let run = world.run(&flows[0], &json!({"id": id}));
        let action = &run["actions"][0];
        assert_eq!(action["status"], "Failed", "{run}");
        let told = action.to_string();
        assert!(told.contains("'id'") && told.contains("/users/{id}/inbox"), "{told}");
    }
    // What a maker writes is refused when it is saved.
    let (status, refused) = world.save(&connection, &manual, &action("Empty", &json!({"id": ".."})));
    assert_eq!((status, &refused["diagnostics"][0]["code"]), (422, &json!("path_climbs")), "{refused}");
    // A slash is a part of the value.
    world.run(&flows[0], &json!({"id": "a/../b"}));
    assert_eq!(world.service.lines().last().unwrap(), "DELETE /users/a%2F..%2Fb/inbox");
}

#[test]
fn nothing_is_sent_that_a_policy_would_have_changed() {
    let world = World::new(|_| Answer::new("200 OK", &json!({})));
    let read = |id: &str| json!({"operationId": id, "parameters": [], "responses": {"200": {"description": "OK"}}});
    let paths = json!({"/secret": {"get": read("Secret")}, "/open": {"get": read("Open")}});
    let (connector, connection) = world.connect(&paths);
    let manual = json!({"manual": {"type": "Request"}});
    let (status, flow) = world.save(&connection, &manual, &action("Secret", &json!({})));
    assert_eq!(status, 201, "{flow}");
    assert_eq!(world.run(&flow, &json!({}))["status"], "Succeeded");
    let calls = || world.service.calls().len();
    let before = calls();

    // The maker adds a policy that does not run here. A flow that is there goes on with the version that it was saved with,
    // as long as the credentials are meant for that one; nothing can be saved with the new one.
    let policy = |template: &str, operations: &[&str], more: &Value| {
        let mut parameters = json!({"x-ms-apimTemplate-operationName": operations});
        parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"templateId": template, "title": "Own", "parameters": parameters})
    };
    let unknown = policy("sendtotenant", &["Secret"], &json!({}));
    let elsewhere = json!({"x-ms-apimTemplateParameter.urlTemplate": "https://@connectionParameters('tenant')?x=1"});
    let host = policy("dynamichosturl", &["Secret"], &elsewhere);
    for (policy, runs_on) in [(unknown, true), (host, false)] {
        let properties = json!({"properties": {"policyTemplateInstances": [policy]}});
        let mut form = world.import(&paths);
        form["properties"] = properties.clone();
        let checked = world.server.post("/api/connectors/check", &form);
        let told = checked["diagnostics"].to_string();
        assert!(told.contains("policy_unsupported") && told.contains("Secret"), "{told}");
        assert!(told.contains(policy["templateId"].as_str().unwrap()), "{told}");
        let path = format!("/api/connectors/{}/policies", connector["id"].as_str().unwrap());
        let form = json!({"instances": properties["properties"]["policyTemplateInstances"]});
        let (status, put) = world.server.call("PUT", &format!("{path}?accept_breaks=true"), &form);
        assert_eq!(status, 200, "{put}");
        if runs_on {
            assert_eq!(world.run(&flow, &json!({}))["status"], "Succeeded");
            assert_eq!(calls(), before + 1);
        }
        // The policies say where requests go, so the credentials are asked for again. They are for the new version then.
        let path = format!("/api/connections/{}", connection["id"].as_str().unwrap());
        let (status, put) = world.server.call("PUT", &path, &json!({"name": "projects", "api_key": KEY}));
        assert_eq!(status, 200, "{put}");
        let run = world.run(&flow, &json!({}));
        assert_eq!(run["status"], "Failed", "{run}");
        assert!(run["actions"][0].to_string().contains("leads elsewhere"), "{run}");
        let (status, refused) = world.save(&connection, &manual, &action("Secret", &json!({})));
        assert_eq!((status, &refused["diagnostics"][0]["code"]), (422, &json!("operation_unsupported")), "{refused}");
    }
    assert_eq!(calls(), before + 1, "{:?}", world.service.lines());
    // The others work on.
    let (_, open) = world.save(&connection, &manual, &action("Open", &json!({})));
    assert_eq!(world.run(&open, &json!({}))["status"], "Succeeded");
    assert_eq!(world.service.lines().last().unwrap(), "GET /open");
}

#[test]
fn nothing_is_sent_that_the_connector_does_not_describe() {
    let world = World::new(|_| Answer::new("200 OK", &json!({})));
    let read = |id: &str| json!({"operationId": id, "parameters": [in_path("id")], "responses": {"200": {"description": "OK"}}});
    let paths = json!({"/items/{id}": {"get": read("Item")}});
    let (connector, connection) = world.connect(&paths);
    let manual = json!({"manual": {"type": "Request"}});
    let host = json!({"connection": {"name": "@parameters('$connections')['shared']['connectionId']"}});
    let by_path = |method: &str, path: &str| {
        json!({"Do": {"type": "ApiConnection", "inputs": {"host": host, "method": method, "path": path,
            "retryPolicy": {"type": "none"}}}})
    };
    // A path that is written out is looked at when the flow is saved, one that is made when it runs.
    for (method, path) in [("get", "/others/1"), ("delete", "/items/1"), ("get", "/items/1/parts")] {
        let (status, refused) = world.save(&connection, &manual, &by_path(method, path));
        assert_eq!((status, &refused["diagnostics"][0]["code"]), (422, &json!("operation_unknown")), "{refused}");
    }
    let (status, flow) = world.save(&connection, &manual, &by_path("get", "/@{triggerBody()?['of']}/1"));
    assert_eq!(status, 201, "{flow}");
    assert_eq!(world.run(&flow, &json!({"of": "items"}))["status"], "Succeeded");
    let run = world.run(&flow, &json!({"of": "others"}));
    assert_eq!(run["status"], "Failed", "{run}");
    let told = run["actions"][0]["error"]["message"].as_str().unwrap();
    assert!(told.contains("has no operation GET /others/1"), "{told}");
    assert_eq!(world.service.lines(), ["GET /items/1"]);
    // A policy that does not run here holds for a call by path as well, and that is said when the flow is saved.
    let policy = json!({"templateId": "sendtotenant", "title": "Own",
        "parameters": {"x-ms-apimTemplate-operationName": ["Item"]}});
    let path = format!("/api/connectors/{}/policies", connector["id"].as_str().unwrap());
    let (status, put) = world.server.call("PUT", &path, &json!({"instances": [policy]}));
    assert_eq!(status, 200, "{put}");
    let (status, refused) = world.save(&connection, &manual, &by_path("get", "/items/@{triggerBody()}"));
    assert_eq!((status, &refused["diagnostics"][0]["code"]), (422, &json!("operation_unsupported")), "{refused}");
    assert_eq!(world.service.lines().len(), 1);
}

#[test]
fn a_field_that_no_connection_can_hold_is_named_and_its_operations_refused() {
    let world = World::new(|_| Answer::new("200 OK", &json!({})));
    let read = json!({"operationId": "Read", "parameters": [], "responses": {"200": {"description": "OK"}}});
    for kind in ["gatewaySetting", "certificate"] {
        let constraints = json!({"constraints": {"required": "true"}});
        let fields = json!({"pass": {"type": kind, "uiDefinition": constraints}});
        let properties = json!({"properties": {"connectionParameters": fields}});
        let document = json!({"swagger": "2.0", "info": {"title": "Private", "version": "1"},
            "host": world.service.address, "schemes": ["http"], "paths": {"/read": {"get": read}}});
        let made = world.server.post("/api/connectors", &json!({"document": document, "properties": properties}));
        let told = made["diagnostics"].to_string();
        assert!(told.contains("connection_field_unsupported") && told.contains("\\\"pass\\\""), "{kind}: {told}");
        let form = json!({"connector_id": made["id"], "name": "private", "parameters": {}});
        let (status, refused) = world.server.call("POST", "/api/connections", &form);
        assert_eq!(status, 422, "{kind}: {refused}");
        let tested = json!({"operation_id": "Read", "parameters": {}});
        let path = format!("/api/connectors/{}/test", made["id"].as_str().unwrap());
        let (_, tested) = world.server.call("POST", &path, &tested);
        println!("{kind}: {tested}");
    }
    assert!(world.service.calls().is_empty(), "{:?}", world.service.lines());
}

#[test]
fn a_creation_that_cannot_work_is_refused() {
    let world = World::new(|call| match call.path() {
        "/refusing" => Answer::new("200 OK", &json!({"ok": false, "error": "quota"})),
        "/page" => {
            let mut page = Answer::new("200 OK", &Value::Null);
            page.body = b"<!doctype html><html><body>Sign in</body></html>".to_vec();
            page
        }
        _ => Answer::new("201 Created", &json!({"id": 1})).with("Location", "/hooks/1"),
    });
    let bare = json!({"operationId": "Bare", "x-ms-trigger": "single", "parameters": [], "responses": {}});
    let list = json!({"name": "body", "in": "body", "schema": {"type": "object", "properties": {"targets": {"type": "array",
        "items": {"type": "object", "properties": {"url": {"type": "string", "x-ms-notification-url": true}}}}}}});
    let listed = json!({"operationId": "Listed", "x-ms-trigger": "single", "parameters": [list], "responses": {}});
    let named = |id: &str| {
        let mut operation = creation(&[]);
        operation["operationId"] = id.into();
        json!({"post": operation})
    };
    let notification = json!({"x-ms-notification-content": {"schema": {"type": "object"}}});
    let mut bare_path = notification.clone();
    bare_path["post"] = bare;
    let paths = json!({"/bare": bare_path, "/listed": {"post": listed}, "/refusing": named("Refusing"), "/page": named("Page")});
    let (_, connection) = world.connect(&paths);
    let by_id = |operation: &str| {
        let mut trigger = trigger(&json!({}));
        trigger["Changed"]["inputs"]["host"]["operationId"] = operation.into();
        trigger
    };
    let host = json!({"connection": {"name": "@parameters('$connections')['shared']['connectionId']"}});
    let by_path = |path: &str, body: &Value| json!({"Changed": {"type": "ApiConnectionWebhook", "inputs": {"host": host, "path": path, "body": body}}});
    let described = json!({"Changed": {"type": "HttpWebhook", "inputs": {"subscribe": {"method": "POST",
        "uri": format!("http://{}/described", world.service.address), "body": {"url": "https://example.org"}}}}});
    // There is no place for the address, or the flow leaves it empty: nothing is sent.
    for trigger in [by_id("Bare"), by_path("/bare", &json!({})), by_path("/listed", &json!({"targets": []})), described]
    {
        let (status, answer) = world.save(&connection, &trigger, &json!({}));
        let told = answer.to_string();
        if status == 201 {
            assert_eq!((&answer["state"], &answer["webhook"]["state"]), (&json!("off"), &json!("failed")), "{told}");
            assert!(told.contains("never call"), "{told}");
        } else {
            assert_eq!(status, 422, "{told}");
            assert!(told.contains("callback_place_missing"), "{told}");
        }
    }
    assert!(world.service.calls().is_empty(), "{:?}", world.service.lines());
    // A list that the flow fills gets the address in its element.
    world.webhook(&connection, &by_path("/listed", &json!({"targets": [{}]})));
    let sent = world.service.last("POST").json();
    assert!(sent["targets"][0]["url"].as_str().unwrap().contains("/callback/"), "{sent}");
    // Answers that mean refusal.
    for (operation, words) in [("Refusing", "quota"), ("Page", "web page")] {
        let (status, answer) = world.save(&connection, &by_id(operation), &json!({}));
        assert_eq!((status, &answer["state"]), (201, &json!("off")), "{answer}");
        assert_eq!(
            (&answer["webhook"]["state"], &answer["problem"]["code"]),
            (&json!("failed"), &json!("webhook_refused"))
        );
        assert!(answer["problem"]["detail"].as_str().unwrap().contains(words), "{answer}");
    }
}
