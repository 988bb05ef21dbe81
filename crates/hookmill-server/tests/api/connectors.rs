//! Connectors beside the usual import: the gallery, what a change breaks, webhooks that a person enters at the service,
//! what only the service knows, and polls that go on where the last answer ended.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, Request};
use hookmill_model::Timestamp;
use hookmill_runtime::{Clock, RuntimeConfig};
use hookmill_store::TimerKey;
use serde_json::{Value, json};

use crate::world::{FORGE, Who, World, owned_world, with_owner, world_with};

/// Waits until something holds, a minute at most.
async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..600 {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{what} did not happen within a minute");
}

/// A service of the test: `answer` gets path and query of each request. Gives its address and what was asked.
async fn service(
    answer: impl Fn(&str, &str) -> Value + Clone + Send + Sync + 'static,
) -> (String, Arc<Mutex<Vec<String>>>) {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&asked);
    let handler = move |request: Request| {
        let (answer, seen) = (answer.clone(), Arc::clone(&seen));
        async move {
            let (path, query) = (request.uri().path().to_owned(), request.uri().query().unwrap_or_default().to_owned());
            seen.lock().unwrap().push(format!("{path}?{query}"));
            axum::Json(answer(&path, &query))
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
    (address, asked)
}

async fn connector(world: &World, owner: &Who, form: Value) -> String {
    let made = world.post(owner, "/api/connectors", form).await;
    made.expect(201);
    made.id()
}

async fn connection(world: &World, owner: &Who, connector: &str) -> String {
    let made = world.post(owner, "/api/connections", json!({"connector_id": connector, "name": "Mine"})).await;
    made.expect(201);
    made.id()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gallery_is_searched_and_its_files_must_be_the_known_ones() {
    let (world, owner) = owned_world().await;
    let found = world.get(&owner, "/api/gallery?q=asana&limit=5").await;
    let first = &found.expect(200)["items"][0];
    assert_eq!(
        (&first["id"], &first["source"], &first["verdict"]),
        (&json!("asana"), &json!("shipped"), &json!("full"))
    );
    let all = world.get(&owner, "/api/gallery?limit=200&offset=200").await;
    assert!(all.expect(200)["total"].as_u64().unwrap() > 1_000 && all.json["items"].as_array().unwrap().len() == 200);
    let some = world.get(&owner, "/api/gallery?verdict=partly&limit=200").await;
    let items = some.expect(200)["items"].as_array().unwrap().clone();
    assert!(items.iter().all(|own| own["refused_count"].as_u64().unwrap() > 0 && own["licence"].is_string()));
    world.get(&owner, "/api/gallery?verdict=odd").await.expect(400);

    let shipped = world.post(&owner, "/api/connectors", json!({"gallery": "asana"})).await;
    assert_eq!(shipped.expect(201)["name"], "Asana");
    let id = items[0]["id"].as_str().unwrap();
    world.post(&owner, "/api/connectors", json!({"gallery": "nobody/knows"})).await.expect(404);
    let missing = world.post(&owner, "/api/connectors", json!({"gallery": id})).await;
    missing.expect(502);
    assert_eq!(missing.text("/code"), "gallery_unavailable");
    // A file of that name with another content is not what the gallery speaks of.
    let folder = world.folder().join("gallery").join(id);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("apiDefinition.swagger.json"), FORGE).unwrap();
    std::fs::write(folder.join("apiDefination.swagger.json"), FORGE).unwrap();
    let changed = world.post(&owner, "/api/connectors/check", json!({"gallery": id})).await;
    changed.expect(502);
    assert_eq!(changed.text("/code"), "gallery_file_changed");
    // The files themselves, where they lie beside the project.
    let beside = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus/connectors");
    let own = hookmill_connector::gallery().iter().find(|own| {
        let bytes = std::fs::read(beside.join(&own.definition.0)).unwrap_or_default();
        own.verdict == hookmill_connector::Verdict::Full && hookmill_connector::file_mark(&bytes) == own.definition.1
    });
    if let Some(own) = own {
        for (path, _) in [Some(&own.definition), own.properties.as_ref()].into_iter().flatten() {
            let into = world.folder().join("gallery").join(path);
            std::fs::create_dir_all(into.parent().unwrap()).unwrap();
            std::fs::copy(beside.join(path), into).unwrap();
        }
        let made = world.post(&owner, "/api/connectors", json!({"gallery": own.id})).await;
        assert_eq!(made.expect(201)["name"], own.title);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_change_breaks_is_told_before_it_is_saved() {
    let (world, owner) = owned_world().await;
    let forge = world.forge(&owner).await;
    let own = connection(&world, &owner, &forge).await;
    let get = json!({"type": "OpenApiConnection", "inputs": {"host": {"connectionName": "forge", "operationId": "repo"},
        "parameters": {"owner": "o", "repo": "r"}}});
    let definition = json!({"triggers": {"manual": {"type": "Request", "inputs": {}}}, "actions": {"Get_it": get}});
    let form = json!({"name": "Uses it", "definition": definition, "connections": {"forge": {"connection_id": own}}});
    let flow = world.post(&owner, "/api/flows", form.clone()).await.id();
    let changes = format!("/api/connectors/{forge}/changes");
    let before = world.get(&owner, &format!("/api/connectors/{forge}")).await.json;
    world.post(&owner, &changes, json!({})).await.expect(200);
    let mut document: Value = serde_json::from_str(FORGE).unwrap();
    assert_eq!(world.post(&owner, &changes, json!({"document": document})).await.json["items"], json!([]));
    let parameter = json!({"name": "branch", "in": "query", "required": true, "type": "string"});
    document["paths"]["/repos/{owner}/{repo}"]["get"]["parameters"].as_array_mut().unwrap().push(parameter);
    let told = world.post(&owner, &changes, json!({"text": document.to_string()})).await;
    let items = &told.expect(200)["items"];
    assert_eq!(
        (&items[0]["kind"], &items[0]["step"], &items[0]["flow"]["name"]),
        (&json!("parameter_required"), &json!("Get_it"), &json!("Uses it"))
    );
    let removed = world.post(&owner, &changes, json!({"replaces": "repo"})).await;
    assert_eq!(removed.expect(200)["items"][0]["kind"], "operation_removed");
    let other = world.post(&owner, &changes, json!({"replaces": "webhook-trigger"})).await;
    assert_eq!(other.expect(200)["items"], json!([]), "no flow uses it");
    world.post(&owner, &changes, json!({"text": "{"})).await.expect(422);

    // Nobody saves it by accident: neither the document nor a part of it.
    let definition = format!("/api/connectors/{forge}/definition");
    for refused in [
        world.put(&owner, &definition, document.clone()).await,
        world.put(&owner, &format!("/api/connectors/{forge}"), json!({"document": document})).await,
        world.delete(&owner, &format!("/api/connectors/{forge}/operations/repo")).await,
    ] {
        refused.expect(409);
        assert_eq!(refused.text("/code"), "connector_breaks_flows");
        assert!(refused.text("/diagnostics/0/message").starts_with("Uses it, Get_it: "), "{}", refused.json);
    }
    assert_eq!(world.get(&owner, &format!("/api/connectors/{forge}")).await.json, before, "nothing was stored");
    world.put(&owner, &format!("{definition}?accept_breaks=true"), document).await.expect(200);
    // The flow goes on as it was saved, its page says so, and it cannot be saved again as it is.
    let own = world.get(&owner, &format!("/api/flows/{flow}")).await.json;
    assert!(own["diagnostics"].to_string().contains("connector_changed"), "{own}");
    world.put(&owner, &format!("/api/flows/{flow}"), form).await.expect(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_without_an_operation_is_entered_by_hand() {
    let (world, owner) = owned_world().await;
    let listens = world.listen().await;
    let document = json!({"openapi": "3.1.0", "info": {"title": "Shop", "version": "1"}, "servers": [{"url": "https://shop.test"}],
        "paths": {"/orders": {"get": {"operationId": "orders", "responses": {"200": {"description": "all"}}}}},
        "webhooks": {"order-paid": {"post": {"operationId": "order/paid", "summary": "An order is paid",
            "parameters": [{"name": "X-Shop-Event", "in": "header", "schema": {"type": "string"}}],
            "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}}}}},
        "components": {"schemas": {"Order": {"type": "object", "properties": {"number": {"type": ["integer", "null"]}}}}}});
    let shop = connector(&world, &owner, json!({"document": document})).await;
    let whole = world.get(&owner, &format!("/api/connectors/{shop}")).await.json;
    let trigger =
        whole["operations"].as_array().unwrap().iter().find(|own| own["operation_id"] == "order/paid").unwrap();
    assert_eq!((&trigger["by_hand"], &trigger["trigger_kind"]), (&json!(true), &json!("webhook")));
    let found = world.get(&owner, "/api/catalog?q=order%20paid").await;
    assert_eq!(found.expect(200)["items"][0]["type"], "OpenApiConnectionWebhook");
    let tokens = world.get(&owner, &format!("/api/connectors/{shop}/operations/order%2Fpaid")).await;
    assert!(tokens.expect(200).to_string().contains("number"), "{}", tokens.json);
    let own = connection(&world, &owner, &shop).await;
    let definition = json!({"triggers": {"Paid": {"type": "OpenApiConnectionWebhook", "inputs": {
            "host": {"connectionName": "shop", "operationId": "order/paid"}, "parameters": {}}}},
        "actions": {"Keep": {"type": "Compose", "inputs": "@triggerBody()?['number']"}}});
    let form = json!({"name": "Paid", "definition": definition, "connections": {"shop": {"connection_id": own}}});
    let flow = world.post(&owner, "/api/flows", form.clone()).await;
    let address = flow.expect(201)["webhook"]["callback_url"].as_str().unwrap().to_owned();
    assert!(address.starts_with("https://me.test/callback/"), "{address}");
    let called = crate::world::outgoing()
        .send(
            hookmill_http::Request::new(hookmill_http::Method::POST, address.replace("https://me.test", &listens))
                .with_body(br#"{"number":7}"#.to_vec()),
        )
        .await
        .unwrap();
    assert!(called.status.is_success(), "{}", called.status);
    let runs = format!("/api/runs?kind=flow&flow={}", flow.id());
    until("the run", async || (world.get(&owner, &runs).await.json["items"].as_array()?.len() == 1).then_some(()))
        .await;
    // Saving the flow again keeps the address that stands at the service.
    let again = world.put(&owner, &format!("/api/flows/{}", flow.id()), form).await;
    assert_eq!(again.expect(200)["webhook"]["callback_url"], address.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn trees_and_schemas_come_from_the_service() {
    let (address, asked) = service(|path, query| match (path, query) {
        ("/roots", _) => json!({"items": [{"id": "r", "name": "Root", "folder": true}]}),
        ("/below", "id=r") => json!({"items": [{"id": "f", "name": "File", "full": "Root/File", "folder": false}]}),
        ("/schema", "table=t1") => json!({"def": {"schema": {"type": "object", "required": ["a"],
            "properties": {"a": {"type": "integer", "x-ms-summary": "A"}, "b": {"type": "string"}}}}}),
        _ => json!({}),
    })
    .await;
    let (world, owner) = owned_world().await;
    let text = |name: &str, place: &str| json!({"name": name, "in": place, "type": "string"});
    let get = |id: &str, name: &str| json!({"get": {"operationId": id, "parameters": [text(name, "query")], "responses": {"200": {"description": "it"}}}});
    let level = |operation: &str, parameters: Value| {
        json!({"operationId": operation, "itemsPath": "items", "itemValuePath": "id",
        "itemTitlePath": "name", "itemFullTitlePath": "full", "itemIsParent": "(folder eq true)", "parameters": parameters})
    };
    let dynamic = json!({"operationId": "schema", "itemValuePath": "def/schema", "parameters": {"table": {"parameterReference": "table"}}});
    let file = json!({"name": "file", "in": "query", "type": "string", "x-ms-dynamic-tree": {
        "settings": {"canSelectParentNodes": false, "canSelectLeafNodes": true}, "open": level("roots", json!({})),
        "browse": level("below", json!({"id": {"selectedItemValuePath": "id"}}))}});
    let row = json!({"name": "row", "in": "body", "schema": {"type": "object", "x-ms-dynamic-properties": dynamic}});
    let put = json!({"post": {"operationId": "put", "parameters": [file, text("table", "query"), row], "responses": {"200": {"description": "it",
        "schema": {"type": "object", "x-ms-dynamic-schema": {"operationId": "schema", "value-path": "def/schema", "parameters": {"table": {"parameter": "table"}}}}}}}});
    let document = json!({"swagger": "2.0", "info": {"title": "Tables", "version": "1"}, "host": address, "schemes": ["http"],
        "paths": {"/roots": get("roots", "q"), "/below": get("below", "id"), "/schema": get("schema", "table"), "/rows": put}});
    let id = connector(&world, &owner, json!({"document": document})).await;
    let ask = async |what: &str, form: Value| world.post(&owner, &format!("/api/connectors/{id}/{what}"), form).await;
    let form = json!({"operation_id": "put", "parameter": "file", "parameters": {}});
    let roots = ask("dynamic-tree", form.clone()).await;
    let root = &roots.expect(200)["items"][0];
    assert_eq!((&root["value"], &root["is_parent"], &root["can_select"]), (&json!("r"), &json!(true), &json!(false)));
    let below = ask("dynamic-tree", json!({"operation_id": "put", "parameter": "file", "node": root["item"]})).await;
    let leaf = &below.expect(200)["items"][0];
    assert_eq!(
        (&leaf["full_title"], &leaf["is_parent"], &leaf["can_select"]),
        (&json!("Root/File"), &json!(false), &json!(true))
    );
    let before = asked.lock().unwrap().len();
    ask("dynamic-tree", form).await.expect(200);
    assert_eq!(asked.lock().unwrap().len(), before, "an answer is kept for a minute");

    let open = ask("dynamic-schema", json!({"operation_id": "put", "parameter": "row", "parameters": {}})).await;
    open.expect(400);
    assert!(open.text("/detail").contains("'table'"), "{}", open.json);
    let fields =
        ask("dynamic-schema", json!({"operation_id": "put", "parameter": "row", "parameters": {"table": "t1"}})).await;
    let keys: Vec<_> =
        fields.expect(200)["parameters"].as_array().unwrap().iter().map(|own| own["key"].clone()).collect();
    assert_eq!((keys, &fields.json["parameters"][0]["required"]), (vec![json!("row/a"), json!("row/b")], &json!(true)));
    let form = json!({"operation_id": "put", "root": "body('Put')", "parameters": {"table": "t1"}});
    let answer = ask("dynamic-schema", form).await;
    assert!(answer.expect(200)["tokens"].to_string().contains("body('Put')?['a']"), "{}", answer.json);
    ask("dynamic-tree", json!({"operation_id": "put", "parameter": "table"})).await.expect(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn polls_go_on_where_the_last_answer_ended() {
    let clock = Clock::manual(Timestamp::from_millis(1_774_738_800_000));
    let (address, asked) = service(|_, query| {
        let pairs = Query::<std::collections::HashMap<String, String>>::try_from_uri(
            &format!("http://x/?{query}").parse().unwrap(),
        );
        match pairs.unwrap().get("since").map(String::as_str) {
            None => json!({"items": [{"at": "1"}]}),
            Some("1") => json!({"items": [{"at": "3"}, {"at": "2"}]}),
            _ => json!({"items": []}),
        }
    })
    .await;
    let (world, owner) =
        with_owner(world_with(RuntimeConfig { clock: clock.clone(), ..RuntimeConfig::default() }).await).await;
    let since = json!({"name": "since", "in": "query", "type": "string", "x-ms-visibility": "internal"});
    let document = json!({"swagger": "2.0", "info": {"title": "News", "version": "1"}, "host": address, "schemes": ["http"],
        "paths": {"/trigger/news": {"get": {"operationId": "news", "x-ms-trigger": "batch", "parameters": [since], "responses": {"200": {"description": "it"}}}}}});
    let policy = json!({"templateId": "pollingtrigger", "title": "Poll", "parameters": {
        "x-ms-apimTemplateParameter.triggerConfig": {"per_page": "9", "since": "@{triggerBody().items[0].at}"},
        "x-ms-apimTemplateParameter.triggerDataPath": "@triggerBody().items"}});
    let properties = json!({"properties": {"connectionParameters": {}, "policyTemplateInstances": [policy]}});
    let news = connector(&world, &owner, json!({"document": document, "properties": properties})).await;
    let own = connection(&world, &owner, &news).await;
    let definition = json!({"triggers": {"News": {"type": "OpenApiConnection", "recurrence": {"frequency": "Minute", "interval": 1},
            "splitOn": "@triggerBody()?['items']", "inputs": {"host": {"connectionName": "news", "operationId": "news"}, "parameters": {}}}},
        "actions": {"Keep": {"type": "Compose", "inputs": "@triggerBody()?['at']"}}});
    let form = json!({"name": "News", "definition": definition, "connections": {"news": {"connection_id": own}}});
    let flow = world.post(&owner, "/api/flows", form).await;
    flow.expect(201);
    let id = flow.id().parse().unwrap();
    let runs = format!("/api/runs?kind=flow&flow={}", flow.id());
    for polls in 1..=3 {
        until("a poll", async || (asked.lock().unwrap().len() >= polls).then_some(())).await;
        // The state is stored after the answer; then the next poll is due.
        let now = clock.now();
        let due = until("the next poll", async || {
            world.store.timer(TimerKey::Flow(id)).await.unwrap().filter(|due| *due > now)
        })
        .await;
        clock.set(due);
    }
    until("the last poll", async || (asked.lock().unwrap().len() >= 4).then_some(())).await;
    let lines = asked.lock().unwrap().clone();
    assert_eq!(
        lines[..4],
        ["/news?per_page=9", "/news?per_page=9&since=1", "/news?per_page=9&since=3", "/news?per_page=9&since=3"]
    );
    // The first answer was there before the flow; the second had two items.
    until("two runs", async || (world.get(&owner, &runs).await.json["items"].as_array()?.len() == 2).then_some(()))
        .await;
}
