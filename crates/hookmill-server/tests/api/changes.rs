//! Changes that are based on something old, lists by page, and what a connector's files come back as.

use axum::body::Body;
use axum::http::{Method, Request, header};
use serde_json::{Value, json};

use crate::world::{FORGE, Who, World, operations, owned_world, request_flow};

async fn put_if(world: &World, who: &Who, path: &str, etag: &str, body: &Value) -> crate::world::Answer {
    let request = Request::builder()
        .method(Method::PUT)
        .uri(path)
        .header(header::IF_MATCH, etag)
        .header(header::CONTENT_TYPE, "application/json");
    world.send(who, request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_that_was_changed_meanwhile_is_not_overwritten() {
    let (world, owner) = owned_world().await;
    let made = world.flow(&owner, "First").await;
    let path = format!("/api/flows/{}", made.id());
    let etag = made.header(header::ETAG).to_owned();
    assert_eq!(etag, made.text("/etag"), "body and header say the same");
    let form = |name: &str| json!({"name": name, "definition": request_flow()});
    let second = put_if(&world, &owner, &path, &etag, &form("Second")).await;
    second.expect(200);
    let stale = put_if(&world, &owner, &path, &etag, &form("Third")).await;
    stale.expect(412);
    assert_eq!(stale.text("/code"), "version_conflict");
    assert_eq!(stale.text("/etag"), second.text("/etag"));
    assert_eq!(world.get(&owner, &path).await.text("/name"), "Second");
    for nonsense in ["\"x\"", "7"] {
        put_if(&world, &owner, &path, nonsense, &form("Fourth")).await.expect(412);
    }
    put_if(&world, &owner, &path, "*", &form("Fifth")).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_was_changed_meanwhile_is_not_overwritten() {
    let (world, owner) = owned_world().await;
    let id = world.forge(&owner).await;
    let path = format!("/api/connectors/{id}");
    let shown = world.get(&owner, &path).await;
    let etag = shown.header(header::ETAG).to_owned();
    assert_eq!(etag, shown.text("/etag"));
    let form = json!({"settings": {"name": "Other"}});
    let changed = put_if(&world, &owner, &path, &etag, &form).await;
    changed.expect(200);
    assert_eq!(changed.text("/name"), "Other");
    let document: Value = serde_json::from_str(FORGE).unwrap();
    let operation = json!({"role": "action", "summary": "Get it", "operation_id": "get", "request": {"method": "GET", "path": "/it"}});
    for (path, body) in
        [(path.clone(), form), (format!("{path}/definition"), document), (format!("{path}/operations/get"), operation)]
    {
        let stale = put_if(&world, &owner, &path, &etag, &body).await;
        stale.expect(412);
        assert_eq!(stale.text("/etag"), changed.text("/etag"), "{path}");
    }
    let icon = Request::builder().method(Method::PUT).uri(format!("{path}/icon")).header(header::IF_MATCH, &etag);
    world.send(&owner, icon.body(Body::from(&b"\x89PNG\r\n\x1a\n"[..])).unwrap()).await.expect(412);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_by_page_and_forget_nothing() {
    let (world, owner) = owned_world().await;
    let mut made = Vec::new();
    for index in 0..7 {
        made.push(world.flow(&owner, &format!("Flow {index}")).await.id());
    }
    made.reverse();
    let mut found = Vec::new();
    let mut path = "/api/flows?limit=3".to_owned();
    loop {
        let page = world.get(&owner, &path).await;
        page.expect(200);
        let items = page.json["items"].as_array().unwrap();
        assert!(items.len() <= 3);
        found.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        match page.json["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/flows?limit=3&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(found, made, "newest first, each once");
    let searched = world.get(&owner, "/api/flows?q=flow%205").await;
    assert_eq!(searched.json["items"].as_array().unwrap().len(), 1);
    world.post(&owner, &format!("/api/flows/{}/off", made[0]), json!({})).await.expect(200);
    let off = world.get(&owner, "/api/flows?state=off").await;
    assert_eq!(off.json["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn wrong_queries_are_refused() {
    let (world, owner) = owned_world().await;
    for query in [
        "flows?limit=0",
        "flows?limit=501",
        "flows?limit=many",
        "flows?cursor=xyz",
        "flows?cursor=run_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "flows?state=running",
        "runs?status=Fine",
        "runs?kind=none",
        "runs?flow=all",
        "runs?from=yesterday",
        "connections?health=good",
        "connections?connector=github",
        "notifications?unread=maybe",
    ] {
        let answer = world.get(&owner, &format!("/api/{query}")).await;
        answer.expect(400);
        assert_eq!(answer.text("/code"), "query_invalid", "{query}");
    }
    world.get(&owner, "/api/runs?status=&flow=&cursor=").await.expect(200);
}

#[tokio::test]
async fn what_an_address_does_not_take_is_refused_by_name() {
    let (world, owner) = owned_world().await;
    // Every address of the document, whatever it does.
    for (path, method, _) in operations().filter(|(path, ..)| path.starts_with("/api/")) {
        let path = path.replace(['{', '}'], "");
        let answer = world.call(&owner, method.clone(), &format!("{path}?stauts=Failed"), None).await;
        answer.expect(400);
        assert_eq!(answer.text("/code"), "query_invalid", "{method} {path}");
        assert!(answer.text("/detail").contains("\"stauts\""), "{}", answer.json);
        assert!(answer.text("/hint").starts_with("It takes "), "{}", answer.json);
    }
    let answer = world.get(&owner, "/api/runs?limit=5&stauts=Failed").await;
    assert!(answer.text("/hint").contains("status"), "{}", answer.json);
    world.get(&owner, "/api/runs?limit=5&limit=6").await.expect(400);
    // What is behind the `?` of other addresses belongs to the caller.
    world.get(&Who::Nobody, "/health/live?balancer=1").await.expect(200);
}

#[tokio::test]
async fn icons_are_pictures_of_a_known_kind_and_size() {
    let (world, owner) = owned_world().await;
    let id = world.forge(&owner).await;
    let path = format!("/api/connectors/{id}/icon");
    let put = async |bytes: Vec<u8>| {
        let request = Request::builder().method(Method::PUT).uri(&path).body(Body::from(bytes)).unwrap();
        world.send(&owner, request).await
    };
    let picture = |format| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image::DynamicImage::new_rgb8(300, 20).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    };
    let png = picture(image::ImageFormat::Png);
    for format in [image::ImageFormat::Png, image::ImageFormat::Jpeg, image::ImageFormat::Gif, image::ImageFormat::WebP]
    {
        put(picture(format)).await.expect(204);
        let got = world.get(&owner, &path).await;
        assert_eq!(got.header(header::CONTENT_TYPE), "image/png");
        let kept = image::load_from_memory_with_format(&got.bytes, image::ImageFormat::Png).unwrap();
        assert_eq!((kept.width(), kept.height()), (230, 15));
    }
    for (bytes, code) in [
        (b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec(), "icon_type"),
        (b"<?xml version=\"1.0\"?><svg/>".to_vec(), "icon_type"),
        (b"RIFF\x04\0\0\0WAVE".to_vec(), "icon_type"),
        (Vec::new(), "icon_type"),
        (png[..60].to_vec(), "icon_invalid"),
        ([png.clone(), vec![0; 1024 * 1024 - png.len() + 1]].concat(), "icon_too_large"),
    ] {
        let answer = put(bytes).await;
        assert!(answer.status.is_client_error());
        assert_eq!(answer.text("/code"), code);
    }
    let kept = world.get(&owner, &path).await;
    assert_eq!(kept.header(header::CONTENT_TYPE), "image/png", "a refused icon leaves the old one");
    world.delete(&owner, &path).await.expect(204);
    world.get(&owner, &path).await.expect(404);
}

#[tokio::test]
async fn a_connector_in_use_is_not_deleted_and_says_by_what() {
    let (world, owner) = owned_world().await;
    let connector = world.forge(&owner).await;
    let form = json!({"connector_id": connector, "name": "mine"});
    let connection = world.post(&owner, "/api/connections", form).await.id();
    let refused = world.delete(&owner, &format!("/api/connectors/{connector}")).await;
    refused.expect(409);
    assert_eq!(refused.json["used_by"], json!([{"kind": "connection", "id": connection, "name": "mine"}]));
    world.delete(&owner, &format!("/api/connections/{connection}")).await.expect(204);
    world.delete(&owner, &format!("/api/connectors/{connector}")).await.expect(204);
}

#[tokio::test]
async fn an_exported_connector_comes_back_the_same() {
    let (world, owner) = owned_world().await;
    let document: Value = serde_json::from_str(FORGE).unwrap();
    let settings = json!({"authentication": {"type": "basic", "username_label": "Login", "password_label": "Key"}, "color": "#123456"});
    let made = world.post(&owner, "/api/connectors", json!({"document": document, "settings": settings})).await;
    made.expect(201);
    let (document, properties) = exported(&world, &owner, &made.id()).await;
    let again = world.post(&owner, "/api/connectors", json!({"document": document, "properties": properties})).await;
    again.expect(201);
    for member in ["name", "color", "host", "scheme", "base_path", "authentication", "operations"] {
        assert_eq!(again.json[member], made.json[member], "{member}");
    }
}

/// The files of an export.
async fn exported(world: &World, who: &Who, id: &str) -> (Value, Value) {
    use std::io::Read as _;
    let exported = world.get(who, &format!("/api/connectors/{id}/export")).await;
    exported.expect(200);
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(exported.bytes)).unwrap();
    let mut read = |name: &str| -> Value {
        let mut text = String::new();
        archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    (read("apiDefinition.swagger.json"), read("apiProperties.json"))
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_are_stored_exported_and_come_back() {
    let (world, owner) = owned_world().await;
    let id = world.forge(&owner).await;
    let path = format!("/api/connectors/{id}/policies");
    assert_eq!(world.get(&owner, &path).await.json, json!({"items": []}));
    let header = json!({"templateId": "setheader", "title": "Version", "parameters": {
        "x-ms-apimTemplateParameter.name": "X-Version", "x-ms-apimTemplateParameter.value": "2",
        "x-ms-apimTemplate-policySection": "Request", "x-ms-apimTemplate-operationName": ["repo"]}});
    let poll = json!({"templateId": "pollingtrigger", "title": "Poll", "type": "PollingTrigger", "parameters": {"x-ms-apimTemplateParameter.triggerConfig": 1}});
    let etag = world.get(&owner, &format!("/api/connectors/{id}")).await.text("/etag").to_owned();
    let put = put_if(&world, &owner, &path, &etag, &json!({"instances": [header, poll]})).await;
    put.expect(200);
    put_if(&world, &owner, &path, &etag, &json!({"instances": []})).await.expect(412);
    let shown = world.get(&owner, &path).await;
    assert_eq!(
        shown.json["items"],
        json!([
            {"instance": header, "fault": null},
            {"instance": poll, "fault": "its \"triggerConfig\" is not an object"},
        ])
    );
    for (wrong, pointer) in [
        (json!({"title": "x", "parameters": {}}), "/instances/0/templateId"),
        (json!({"templateId": "setheader", "parameters": 1}), "/instances/0/parameters"),
    ] {
        let refused = world.put(&owner, &path, json!({"instances": [wrong]})).await;
        refused.expect(400);
        assert_eq!(
            (refused.text("/code"), refused.text("/pointer")),
            ("policy_invalid".to_owned(), pointer.to_owned())
        );
    }
    let settings = json!({"settings": {"name": "Forge", "authentication": {"type": "api_key", "in": "header", "name": "X-Key", "label": "Key"}}});
    world.put(&owner, &format!("/api/connectors/{id}"), settings).await.expect(200);
    let (document, properties) = exported(&world, &owner, &id).await;
    assert_eq!(properties["properties"]["policyTemplateInstances"], json!([header, poll]));
    let fields = &properties["properties"]["connectionParameters"];
    assert_eq!(fields["api_key"]["type"], "securestring", "what the connection asks for is that of now");
    let again = world.post(&owner, "/api/connectors", json!({"document": document, "properties": properties})).await;
    again.expect(201);
    let kept = world.get(&owner, &format!("/api/connectors/{}/policies", again.id())).await;
    assert_eq!(kept.json, shown.json);
    // A whole file may be given as well.
    let path = format!("/api/connectors/{id}");
    world
        .put(&owner, &path, json!({"properties": {"properties": {"policyTemplateInstances": [poll]}}}))
        .await
        .expect(200);
    let kept = world.get(&owner, &format!("{path}/policies")).await.json["items"].clone();
    assert_eq!((kept.as_array().map(Vec::len), &kept[0]["instance"]), (Some(1), &poll));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_request_survives_export_and_import() {
    let (world, owner) = owned_world().await;
    let id = world.forge(&owner).await;
    let path = format!("/api/connectors/{id}");
    let delete = json!({"role": "action", "summary": "Delete a hook", "operation_id": "delete-hook", "request": {
        "method": "DELETE", "path": "/repos/{owner}/{repo}/hooks/{hook}", "parameters": [
        {"name": "owner", "in": "path", "key": "owner"}, {"name": "repo", "in": "path", "key": "repo"},
        {"name": "hook", "in": "path", "key": "hook"}]}});
    world.put(&owner, &format!("{path}/operations/delete-hook"), delete).await.expect(200);
    let shown = world.get(&owner, &format!("{path}/operations/webhook-trigger")).await.json;
    assert_eq!(shown["delete_request"], json!({"by": "location"}));
    let request = json!({"by": "operation", "operation_id": "delete-hook", "parameters":
        {"owner": "{inputs:owner}", "repo": "{inputs:repo}", "hook": "{registration:/id}"}});
    let form = json!({"role": "trigger", "trigger_kind": "webhook", "summary": shown["summary"],
        "operation_id": "webhook-trigger", "callback_parameter": shown["callback"], "delete_request": request,
        "request": {"method": shown["method"], "path": shown["path"], "parameters": shown["parameters"]}});
    let put = world.put(&owner, &format!("{path}/operations/webhook-trigger"), form).await;
    put.expect(200);
    assert_eq!(put.json["diagnostics"], json!([]));
    let (document, properties) = exported(&world, &owner, &id).await;
    let again = world.post(&owner, "/api/connectors", json!({"document": document, "properties": properties})).await;
    again.expect(201);
    let kept = world.get(&owner, &format!("/api/connectors/{}/operations/webhook-trigger", again.id())).await;
    assert_eq!(kept.json["delete_request"], request);
    assert_eq!(kept.text("/pointer"), "/paths/~1repos~1{owner}~1{repo}~1hooks/post");
}

/// The file as a form, as the page sends it.
async fn import_flow(world: &World, who: &Who, file: &[u8]) -> Value {
    let head = "--part\r\nContent-Disposition: form-data; name=\"file\"; filename=\"flow.zip\"\r\n\r\n";
    let body = [head.as_bytes(), file, b"\r\n--part--\r\n"].concat();
    let request = Request::post("/api/flows/import")
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=part")
        .body(Body::from(body))
        .unwrap();
    let read = world.send(who, request).await;
    read.expect(200);
    read.json.clone()
}

#[tokio::test]
async fn an_exported_flow_comes_back_with_what_stood_around_it() {
    let (world, owner) = owned_world().await;
    let reference = json!({"connectionName": "shared-forge-1f", "source": "Invoker", "tier": "Premium",
        "id": "/providers/Microsoft.PowerApps/apis/shared_forge"});
    let file = json!({"name": "9b1f", "type": "Microsoft.Flow/flows", "properties": {"displayName": "Pushes",
        "flowFailureAlertSubscribed": true, "connectionReferences": {"shared_forge": reference}, "definition": request_flow()}});
    let read = import_flow(&world, &owner, file.to_string().as_bytes()).await;
    let mut form = json!({"name": read["name"], "definition": read["definition"], "profile": read["profile"],
        "envelope": read["envelope"]});
    let made = world.post(&owner, "/api/flows", form.clone()).await;
    made.expect(201);
    // A client that knows nothing of it keeps it.
    form.as_object_mut().unwrap().remove("envelope");
    form["name"] = json!("Renamed");
    let path = format!("/api/flows/{}", made.id());
    world.put(&owner, &path, form).await.expect(200);
    let exported = world.get(&owner, &format!("{path}/export")).await;
    exported.expect(200);
    let again = import_flow(&world, &owner, &exported.bytes).await;
    assert_eq!((&again["name"], &again["definition"]), (&json!("Renamed"), &read["definition"]));
    let properties = &again["envelope"]["properties"];
    assert_eq!(properties["connectionReferences"]["shared_forge"], reference);
    assert_eq!(properties["flowFailureAlertSubscribed"], true);
    assert_eq!(properties.get("definition"), None, "the definition is kept once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prebuilt_connector_becomes_ones_own() {
    let (world, owner) = owned_world().await;
    let offered = world.get(&owner, "/api/prebuilt-connectors").await;
    assert_eq!(offered.text("/items/0/id"), "github");
    let made = world
        .post(&owner, "/api/connectors", json!({"prebuilt": "github", "settings": {"host": "forge.example"}}))
        .await;
    made.expect(201);
    assert_eq!(made.text("/name"), offered.text("/items/0/name"));
    assert_eq!(made.text("/host"), "forge.example");
    assert_eq!(made.json["color"], offered.json["items"][0]["color"]);
    assert_eq!(made.json["triggers_count"], offered.json["items"][0]["triggers_count"]);
    let unknown = world.post(&owner, "/api/connectors", json!({"prebuilt": "no-such-service"})).await;
    unknown.expect(404);
    assert_eq!(unknown.text("/pointer"), "/prebuilt");
    assert!(unknown.text("/hint").starts_with("There is: github"), "{}", unknown.text("/hint"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_renewed_and_the_old_one_ends() {
    let (world, owner) = owned_world().await;
    let flow = world.flow(&owner, "Door").await;
    let (id, old) = (flow.id(), flow.text("/webhook/callback_url"));
    let path = |url: &str| url.split_once("me.test").unwrap().1.to_owned();
    world.post(&Who::Nobody, &path(&old), json!({})).await.expect(202);
    let renewed = world.post(&owner, &format!("/api/flows/{id}/renew-address"), json!({})).await;
    renewed.expect(200);
    let new = renewed.text("/webhook/callback_url");
    assert_ne!(new, old);
    assert_eq!(renewed.json["webhook"]["generation"], json!(2));
    world.post(&Who::Nobody, &path(&new), json!({})).await.expect(202);
    let gone = world.post(&Who::Nobody, &path(&old), json!({})).await;
    gone.expect(410);
    assert_eq!(gone.text("/code"), "webhook_gone");
    let guessed = world.post(&Who::Nobody, &path(&new).replace("&sig=", "&sig=A"), json!({})).await;
    guessed.expect(401);
    // Turning the flow off and on keeps the new address.
    world.post(&owner, &format!("/api/flows/{id}/off"), json!({})).await.expect(200);
    let off = world.post(&owner, &format!("/api/flows/{id}/renew-address"), json!({})).await;
    off.expect(409);
    let on = world.post(&owner, &format!("/api/flows/{id}/on"), json!({})).await;
    assert_eq!(on.text("/webhook/callback_url"), new);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_stay_where_they_were_given() {
    let (world, owner) = owned_world().await;
    let id = world.forge(&owner).await;
    let form = json!({"connector_id": id, "name": "Mine", "username": "ada", "password": "canary"});
    let connection = world.post(&owner, "/api/connections", form).await.id();
    let test = format!("/api/connectors/{id}/test");
    let call = json!({"connection_id": connection, "operation_id": "repo", "parameters": {"owner": "a", "repo": "b"}});
    world.post(&owner, &test, call.clone()).await.expect(200);
    // Another name is the same destination, another host is not.
    let path = format!("/api/connectors/{id}");
    let named = json!({"settings": {"name": "Forge of another name", "authentication": {"type": "basic"}}});
    world.put(&owner, &path, named).await.expect(200);
    world.post(&owner, &test, call.clone()).await.expect(200);
    let moved = json!({"settings": {"host": "elsewhere.invalid", "authentication": {"type": "basic"}}});
    world.put(&owner, &path, moved).await.expect(200);
    assert_eq!(world.post(&owner, &test, call.clone()).await.text("/code"), "connection_moved");
    let own = format!("/api/connections/{connection}");
    assert_eq!(world.get(&owner, &own).await.text("/health"), "broken");
    // A new name is not a new password.
    world.put(&owner, &own, json!({"name": "Renamed"})).await.expect(200);
    assert_eq!(world.post(&owner, &test, call.clone()).await.text("/code"), "connection_moved");
    world.put(&owner, &own, json!({"password": "new"})).await.expect(200);
    world.post(&owner, &test, call).await.expect(200);
}
