//! Connections of connectors that ask for more than one credential: kinds to choose from, types, values that stay sealed.

use serde_json::{Value, json};

use crate::world::owned_world;

fn connector() -> Value {
    let document = json!({"swagger": "2.0", "info": {"title": "Board", "version": "1"}, "host": "board.test", "paths": {
        "/me": {"get": {"operationId": "me", "responses": {"200": {"description": "me"}}}},
        "/items": {"get": {"operationId": "items", "responses": {"200": {"description": "items"}}}}},
        "x-ms-capabilities": {"testConnection": {"operationId": "items", "parameters": {}}}});
    let region = json!({"type": "string", "uiDefinition": {"displayName": "Region", "tooltip": "Where the data is", "constraints": {
        "required": "true", "tabIndex": 1, "allowedValues": [{"text": "Europe", "value": "eu"}, {"text": "America", "value": "us"}]}}});
    let key = json!({"type": "securestring", "uiDefinition": {"displayName": "Key", "constraints": {"required": "true", "tabIndex": 2}}});
    let login = json!({"username": {"type": "string"}, "password": {"type": "securestring"}});
    let sets = json!([
        {"name": "key", "uiDefinition": {"displayName": "By key"}, "parameters": {"region": region, "api_key": key}},
        {"name": "login", "uiDefinition": {"displayName": "By login"}, "parameters": login}]);
    let policy = json!({"templateId": "dynamichosturl", "title": "Region", "parameters": {
        "x-ms-apimTemplateParameter.urlTemplate": "https://@connectionParameters('region').board.test"}});
    json!({"document": document, "properties": {"properties": {
        "connectionParameterSets": {"values": sets}, "policyTemplateInstances": [policy]}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_made_of_the_fields_of_its_kind_and_shows_no_secret() {
    let (world, owner) = owned_world().await;
    let id = world.post(&owner, "/api/connectors", connector()).await.id();
    let fields = world.get(&owner, &format!("/api/connectors/{id}/connection-fields")).await;
    let sets = &fields.expect(200)["parameter_sets"];
    assert_eq!((&sets[0]["name"], &sets[1]["label"]), (&json!("key"), &json!("By login")));
    let region = json!({"name": "region", "kind": "string", "label": "Region", "description": "", "tooltip": "Where the data is",
        "required": true, "clear_text": true, "hidden": false, "signs_webhooks": false,
        "choices": [{"value": "eu", "label": "Europe"}, {"value": "us", "label": "America"}]});
    assert_eq!(sets[0]["fields"][0], region);

    let form = |set: &str, parameters: Value| json!({"connector_id": id, "name": "Mine", "parameter_set": set, "parameters": parameters});
    for (set, parameters, pointer) in [
        ("key", json!({"region": "eu"}), "/api_key"),
        ("key", json!({"region": "asia", "api_key": "k"}), "/parameters/region"),
        ("key", json!({"region": "eu", "api_key": "k", "tenant": "t"}), "/parameters/tenant"),
        ("login", json!({"region": "eu"}), "/parameters/region"),
        ("token", json!({}), "/parameter_set"),
    ] {
        let refused = world.post(&owner, "/api/connections", form(set, parameters.clone())).await;
        refused.expect(422);
        assert_eq!((refused.text("/code"), refused.text("/pointer")), ("connection_invalid".into(), pointer.into()));
    }
    let made =
        world.post(&owner, "/api/connections", form("key", json!({"region": "us", "api_key": "canary-key"}))).await;
    made.expect(201);
    assert_eq!(made.json["parameters"], json!({"region": "us"}));
    assert_eq!(made.json["given"], json!(["api_key", "region"]));
    assert!(!made.json.to_string().contains("canary-key"));

    // The key goes to the host that the connection chose, and nobody sees it.
    let own = format!("/api/connections/{}", made.id());
    let call = json!({"connection_id": made.id(), "operation_id": "me", "parameters": {}});
    let called = world.post(&owner, &format!("/api/connectors/{id}/test"), call).await;
    assert!(called.expect(200).to_string().contains("https://us.board.test/me"), "{}", called.json);
    assert!(!called.json.to_string().contains("canary-key"));

    // One value is changed and the others stay; another kind begins without values.
    world.put(&owner, &own, json!({"parameters": {"region": "eu"}})).await.expect(200);
    assert_eq!(world.get(&owner, &own).await.json["given"], json!(["api_key", "region"]));
    world.put(&owner, &own, json!({"parameters": {"api_key": null}})).await.expect(422);
    world.put(&owner, &own, json!({"hosts": ["board.test"]})).await.expect(422);
    // The key was not given for another host.
    let refused = world.put(&owner, &own, json!({"hosts": ["https://eu.board.test"]})).await;
    refused.expect(422);
    assert_eq!(refused.text("/pointer"), "/api_key");
    let confirmed = json!({"hosts": ["https://eu.board.test"], "api_key": "canary-key"});
    world.put(&owner, &own, confirmed).await.expect(200);
    let login = json!({"parameter_set": "login", "username": "ada", "password": "canary-password"});
    let changed = world.put(&owner, &own, login).await;
    assert_eq!(
        (&changed.expect(200)["given"], changed.text("/username")),
        (&json!(["username", "password"]), "ada".into())
    );
    assert_eq!(changed.json["hosts"], json!(["https://eu.board.test"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_calls_what_the_file_names_else_the_address_itself() {
    let (world, owner) = owned_world().await;
    let tested = async |mut body: Value, parameters: Value| {
        if body["properties"].is_null() {
            body.as_object_mut().unwrap().remove("properties");
        }
        let id = world.post(&owner, "/api/connectors", body).await.id();
        let form = json!({"connector_id": id, "name": "Mine", "parameters": parameters});
        let connection = world.post(&owner, "/api/connections", form).await.id();
        let answer = world.post(&owner, &format!("/api/connections/{connection}/test"), json!({})).await;
        answer.expect(200).to_string()
    };
    // The services are not there; what matters is that they were called.
    let named = tested(connector(), json!({"region": "eu", "api_key": "k"})).await;
    assert!(named.contains("eu.board.test"), "{named}");
    let mut bare = connector();
    bare["properties"] = Value::Null;
    bare["document"]["paths"] = json!({"/x/{id}": {"get": {"operationId": "x", "parameters": [
        {"name": "id", "in": "path", "required": true, "type": "string"}], "responses": {"200": {"description": "x"}}}}});
    let base = tested(bare, json!({})).await;
    assert!(base.contains("board.test"), "{base}");
}

/// A field into which any host can be written leads the credentials wherever its writer wants.
#[tokio::test(flavor = "multi_thread")]
async fn secrets_stay_where_they_were_given_when_a_field_leads_elsewhere() {
    let (world, owner) = owned_world().await;
    let mut form = connector();
    let field = json!({"type": "string", "uiDefinition": {"displayName": "Host", "constraints": {"required": "true"}}});
    let text =
        |kind: &str| json!({"type": kind, "uiDefinition": {"displayName": "x", "constraints": {"required": "true"}}});
    form["properties"]["properties"]["connectionParameterSets"]["values"] = json!([{"name": "key", "uiDefinition": {"displayName": "By key"},
        "parameters": {"site": field, "note": text("string"), "api_key": text("securestring")}}]);
    form["properties"]["properties"]["policyTemplateInstances"][0]["parameters"]["x-ms-apimTemplateParameter.urlTemplate"] =
        json!("https://@connectionParameters('site')");
    let id = world.post(&owner, "/api/connectors", form).await.id();
    let parameters = json!({"site": "board.test", "note": "a", "api_key": "canary-key"});
    let made = json!({"connector_id": id, "name": "Mine", "parameters": parameters});
    let own = format!("/api/connections/{}", world.post(&owner, "/api/connections", made).await.id());
    world.put(&owner, &own, json!({"parameters": {"note": "b"}})).await.expect(200);
    let moved = world.put(&owner, &own, json!({"parameters": {"site": "elsewhere.test"}})).await;
    moved.expect(422);
    assert_eq!((moved.text("/code"), moved.text("/pointer")), ("connection_invalid".into(), "/api_key".into()));
    assert!(!moved.json.to_string().contains("canary"));
    assert_eq!(world.get(&owner, &own).await.json["parameters"]["site"], "board.test");
    let again = json!({"parameters": {"site": "elsewhere.test", "api_key": "another"}});
    assert_eq!(world.put(&owner, &own, again).await.expect(200)["parameters"]["site"], "elsewhere.test");
}

/// The client secret was given for the addresses at which it is exchanged.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_secret_stays_at_its_token_address() {
    let (world, owner) = owned_world().await;
    let document =
        json!({"swagger": "2.0", "info": {"title": "Board", "version": "1"}, "host": "board.test", "paths": {}});
    let settings = |token_url: &str, name: &str| {
        json!({"name": name, "authentication": {"type": "oauth2", "grant": "client_credentials", "client_id": "me",
            "token_url": token_url, "scopes": []}})
    };
    let form = json!({"document": document, "settings": settings("https://board.test/token", "Board"), "client_secret": "canary-client"});
    let made = world.post(&owner, "/api/connectors", form).await;
    assert_eq!(made.expect(201)["has_client_secret"], json!(true));
    let path = format!("/api/connectors/{}", made.id());
    let renamed = world.put(&owner, &path, json!({"settings": settings("https://board.test/token", "Boards")})).await;
    assert_eq!(renamed.expect(200)["has_client_secret"], json!(true));
    let moved = world.put(&owner, &path, json!({"settings": settings("https://elsewhere.test/token", "Boards")})).await;
    assert_eq!(moved.expect(200)["has_client_secret"], json!(false));
    let form = json!({"settings": settings("https://board.test/token", "Boards"), "client_secret": "another"});
    assert_eq!(world.put(&owner, &path, form).await.expect(200)["has_client_secret"], json!(true));
}

/// The mail password was given for one server, and for the way in which it is reached.
#[tokio::test(flavor = "multi_thread")]
async fn the_mail_password_stays_at_its_server() {
    let (world, owner) = owned_world().await;
    let mail = |host: &str, security: &str, from: &str| json!({"host": host, "port": 465, "security": security, "username": "me", "from": from});
    let mut first = mail("mail.test", "tls", "me@board.test");
    first["password"] = json!("canary-mail");
    world.put(&owner, "/api/settings", json!({"mail": first})).await.expect(200);
    let same = world.put(&owner, "/api/settings", json!({"mail": mail("mail.test", "tls", "you@board.test")})).await;
    assert_eq!(same.expect(200)["mail"]["password_set"], json!(true));
    for (host, security) in [("elsewhere.test", "tls"), ("mail.test", "none")] {
        let moved = world.put(&owner, "/api/settings", json!({"mail": mail(host, security, "me@board.test")})).await;
        moved.expect(400);
        assert_eq!((moved.text("/code"), moved.text("/pointer")), ("settings_invalid".into(), "/mail/password".into()));
    }
    let mut again = mail("elsewhere.test", "tls", "me@board.test");
    again["password"] = json!("another");
    world.put(&owner, "/api/settings", json!({"mail": again})).await.expect(200);
    // Without a user name no password is sent.
    let mut open = mail("third.test", "none", "me@board.test");
    open["username"] = json!("");
    assert_eq!(
        world.put(&owner, "/api/settings", json!({"mail": open})).await.expect(200)["mail"]["password_set"],
        json!(false)
    );
}
