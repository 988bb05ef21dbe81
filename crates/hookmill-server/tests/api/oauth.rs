//! Connections that sign in by OAuth 2.0: consent, tokens, renewal, and everything that goes wrong.

use std::sync::Arc;
use std::time::Duration;

use hookmill_model::Timestamp;
use hookmill_runtime::{Clock, Runtime, RuntimeConfig};
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::authorization_server::{CLIENT_ID, CLIENT_SECRET, REDIRECT_URL, Service};
use crate::world::{Answer, Who, World, outgoing, owned_world, with_owner, world_on_disk, world_with};

const NOW: Timestamp = Timestamp::from_millis(1_764_000_000_000);
const MINUTE: Duration = Duration::from_secs(60);

fn document(service: &Service) -> Value {
    let host = &service.host;
    json!({
        "swagger": "2.0", "info": {"title": "Items", "version": "1"}, "host": host, "basePath": "/", "schemes": ["http"],
        "securityDefinitions": {"signed": {"type": "oauth2", "flow": "accessCode",
            "authorizationUrl": format!("http://{host}/authorize?prompt=consent"), "tokenUrl": format!("http://{host}/token"),
            "scopes": {"items:read": "", "hooks": ""}}},
        "paths": {
            "/items": {"get": {"operationId": "items", "summary": "Get items", "parameters": [], "responses": {"200": {"description": "them"}}}},
            "/hooks": {
                "x-ms-notification-content": {"schema": {"type": "object"}},
                "post": {"operationId": "hook", "x-ms-trigger": "single", "parameters": [{"name": "request", "in": "body",
                    "schema": {"type": "object", "properties": {"url": {"type": "string", "x-ms-notification-url": true}}}}],
                    "responses": {"201": {"description": "made"}}}},
            "/hooks/{id}": {"delete": {"operationId": "unhook", "parameters": [{"name": "id", "in": "path", "required": true, "type": "string"}], "responses": {}}}
        }
    })
}

fn authentication(service: &Service, grant: &str) -> Value {
    let host = &service.host;
    json!({
        "type": "oauth2", "grant": grant, "client_id": CLIENT_ID, "scopes": ["items:read", "hooks"],
        "authorization_url": format!("http://{host}/authorize?prompt=consent"), "token_url": format!("http://{host}/token")
    })
}

struct Scene {
    world: World,
    owner: Who,
    service: Service,
    clock: Clock,
    connector: String,
    connection: String,
}

impl Scene {
    async fn new() -> Self {
        Self::with("authorization_code").await
    }

    async fn with(grant: &str) -> Self {
        let clock = Clock::manual(NOW);
        let config = RuntimeConfig { clock: clock.clone(), ..RuntimeConfig::default() };
        Self::on(world_with(config).await, clock, grant).await
    }

    async fn on(world: World, clock: Clock, grant: &str) -> Self {
        let (world, owner) = with_owner(world).await;
        // These tests wait for longer than a token lasts that nobody chose the end of.
        let endless = world.post(&owner, "/api/tokens", json!({"name": "endless", "expires_at": null})).await;
        let owner = Who::Token(endless.text("/token"));
        let service = Service::start().await;
        let form = json!({
            "document": document(&service), "client_secret": CLIENT_SECRET,
            "settings": {"authentication": authentication(&service, grant)}
        });
        let made = world.post(&owner, "/api/connectors", form).await;
        assert_eq!(made.expect(201)["has_client_secret"], json!(true));
        let connector = made.id();
        let made = world.post(&owner, "/api/connections", json!({"connector_id": connector, "name": "mine"})).await;
        made.expect(201);
        let connection = made.id();
        Self { world, owner, service, clock, connector, connection }
    }

    async fn signed_in() -> Self {
        let scene = Self::new().await;
        let answer = scene.service.agree(&scene.sign_in().await);
        scene.finish(&answer).await.expect(200);
        scene
    }

    fn path(&self, below: &str) -> String {
        format!("/api/connections/{}{below}", self.connection)
    }

    async fn shown(&self) -> Value {
        self.world.get(&self.owner, &self.path("")).await.expect(200).clone()
    }

    /// The address of the consent page.
    async fn sign_in(&self) -> String {
        let begun = self.world.post(&self.owner, &self.path("/sign-in"), json!({})).await;
        begun.expect(200);
        begun.text("/url")
    }

    async fn finish(&self, answer: &Value) -> Answer {
        self.world.post(&self.owner, "/api/connections/signed-in", answer.clone()).await
    }

    async fn refused(&self, answer: &Value) -> String {
        let refused = self.finish(answer).await;
        assert!(!refused.status.is_success(), "{}", refused.json);
        refused.text("/code")
    }

    async fn test(&self) -> Value {
        self.world.post(&self.owner, &self.path("/test"), json!({})).await.expect(200).clone()
    }

    async fn call(&self) -> Value {
        let form = json!({"connection_id": self.connection, "operation_id": "items"});
        let path = format!("/api/connectors/{}/test", self.connector);
        self.world.post(&self.owner, &path, form).await.expect(200).clone()
    }

    fn later(&self, span: Duration) {
        self.clock.set(self.clock.now().plus(span));
    }

    async fn flow(&self, definition: Value) -> Answer {
        let connections = json!({"items": {"connection_id": self.connection}});
        let form = json!({"name": "Items", "definition": definition, "connections": connections, "state": "on"});
        let made = self.world.post(&self.owner, "/api/flows", form).await;
        made.expect(201);
        made
    }
}

fn calling_flow() -> Value {
    json!({
        "triggers": {"manual": {"type": "Request", "inputs": {}}},
        "actions": {"Get": {"type": "OpenApiConnection", "inputs": {"host": {"connectionName": "items", "operationId": "items"},
            "parameters": {}, "retryPolicy": {"type": "none"}}}}
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_and_calls_carry_the_token() {
    let scene = Scene::new().await;
    assert_eq!(
        (&scene.shown().await["needs_sign_in"], &scene.shown().await["health"]),
        (&json!(true), &json!("unknown"))
    );
    let before = scene.test().await;
    assert_eq!(before["health"], json!("broken"), "{before}");
    assert!(before["detail"].as_str().unwrap().contains("nobody has signed in"), "{before}");

    let answer = scene.service.agree(&scene.sign_in().await);
    let signed = scene.finish(&answer).await;
    let shown = signed.expect(200);
    assert_eq!((&shown["id"], &shown["health"]), (&json!(scene.connection), &json!("ok")));
    assert_eq!((&shown["needs_sign_in"], &shown["health_detail"]), (&json!(false), &Value::Null));
    assert_eq!(shown["signed_in_at"], json!(NOW));
    assert_eq!(scene.test().await["health"], json!("ok"));
    let call = scene.call().await;
    assert_eq!(call["response"]["status"], json!(200));
    assert_eq!(call["request"]["headers"]["Authorization"], json!("*sanitized*"));
    assert_eq!(call["response"]["body"]["called_with"], json!("Bearer [secret: connection]"));
    let tokens = scene.service.tokens();
    assert_eq!(tokens.len(), 2);
    assert!(tokens.iter().all(|token| scene.service.held().access.contains(token)), "{tokens:?}");
    assert_eq!(scene.service.grants(), ["authorization_code"]);

    // The state was for once.
    assert_eq!(scene.refused(&answer).await, "consent_unknown");
    assert_eq!(scene.shown().await["health"], json!("ok"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_comes_back_or_is_stored_in_clear() {
    let scene = Scene::on(world_on_disk().await, Clock::default(), "authorization_code").await;
    let (world, owner) = (&scene.world, &scene.owner);
    scene.finish(&scene.service.agree(&scene.sign_in().await)).await.expect(200);
    assert_eq!(scene.call().await["response"]["status"], json!(200));
    let flow = scene.flow(calling_flow()).await.id();
    let begun = world.post(owner, &format!("/api/flows/{flow}/run"), json!({"body": 1})).await;
    assert_eq!(world.ended(owner, &begun.text("/run")).await["status"], json!("Succeeded"));
    // An answer with a canary fails in `World::send`; these could hold one.
    for path in ["/api/connectors", "/api/connections", "/api/catalog", "/api/attention", "/api/settings"] {
        world.get(owner, path).await.expect(200);
    }
    let path = format!("/api/connectors/{}", scene.connector);
    // An empty secret leaves the stored one; other settings change without it.
    let form = json!({"settings": {"authentication": authentication(&scene.service, "authorization_code"), "name": "Renamed"}, "client_secret": ""});
    assert_eq!(world.put(owner, &path, form).await.expect(200)["has_client_secret"], json!(true));
    scene.finish(&scene.service.agree(&scene.sign_in().await)).await.expect(200);

    let export = world.get(owner, &format!("{path}/export")).await;
    export.expect(200);
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(export.bytes)).unwrap();
    let mut properties = String::new();
    std::io::Read::read_to_string(&mut archive.by_name("apiProperties.json").unwrap(), &mut properties).unwrap();
    assert!(!properties.contains("canary") && properties.contains(CLIENT_ID), "{properties}");
    assert!(properties.contains(REDIRECT_URL), "{properties}");

    let stored = world.stored();
    assert!(stored.windows(8).any(|part| part == CLIENT_ID.as_bytes()), "the data is looked at");
    assert!(!stored.windows(6).any(|part| part == b"canary"));
    let connector = world.store.connector(scene.connector.parse().unwrap()).await.unwrap().unwrap();
    assert!(connector.sealed.is_some());
    // Without OAuth 2.0 the secret goes.
    let form = json!({"settings": {"authentication": {"type": "basic"}}});
    assert_eq!(world.put(owner, &path, form).await.expect(200)["has_client_secret"], json!(false));
    assert_eq!(world.store.connector(connector.id).await.unwrap().unwrap().sealed, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_in_a_properties_file_is_sealed_and_left_out() {
    let (world, owner) = owned_world().await;
    let service = Service::start().await;
    let properties = json!({"properties": {"connectionParameters": {"token": {"type": "oauthSetting", "oAuthSettings": {
        "identityProvider": "oauth2", "clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}}}}});
    let form = json!({"document": document(&service), "properties": properties});
    let made = world.post(&owner, "/api/connectors", form).await;
    assert_eq!(made.expect(201)["has_client_secret"], json!(true));
    assert_eq!(made.json["authentication"]["client_id"], json!(CLIENT_ID));
    let stored = world.store.connector_document(made.id().parse().unwrap()).await.unwrap().unwrap();
    assert!(!String::from_utf8_lossy(&stored.properties.unwrap()).contains("canary"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_is_for_one_person_one_time_and_ten_minutes() {
    let scene = Scene::new().await;
    let other = scene.world.user(&scene.owner, "eve").await;
    let (first, second) = (scene.sign_in().await, scene.sign_in().await);
    let (first, second) = (scene.service.agree(&first), scene.service.agree(&second));
    assert_eq!(scene.refused(&first).await, "consent_unknown", "another one was begun since");
    let stolen = scene.world.post(&other, "/api/connections/signed-in", second.clone()).await;
    stolen.expect(400);
    assert_eq!(stolen.text("/code"), "consent_unknown");
    for state in [
        "",
        "x",
        "cnx_01ARZ3NDEKTSV4RRFFQ69G5FAV.x",
        &format!("{}.guess", scene.connection),
        &format!("{}.", scene.connection),
    ] {
        assert_eq!(scene.refused(&json!({"state": state, "code": "c"})).await, "consent_unknown", "{state}");
    }
    assert!(scene.service.grants().is_empty(), "no code was given away");
    scene.finish(&second).await.expect(200);

    let late = scene.service.agree(&scene.sign_in().await);
    scene.later(10 * MINUTE);
    assert_eq!(scene.refused(&late).await, "consent_expired");
    assert_eq!(scene.service.grants(), ["authorization_code"]);
    assert_eq!(scene.shown().await["health"], json!("ok"), "what works goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_at_the_service_is_said() {
    let scene = Scene::new().await;
    let state = |answer: &Value| answer["state"].clone();
    let denied = scene.service.agree(&scene.sign_in().await);
    assert_eq!(scene.refused(&json!({"state": state(&denied), "error": "access_denied"})).await, "consent_denied");
    assert_eq!(scene.refused(&denied).await, "consent_unknown", "a refusal uses the state up");
    let shown = scene.shown().await;
    assert!(shown["health_detail"].as_str().unwrap().contains("declined"), "whoever waits learns it: {shown}");

    let wrong = scene.service.agree(&scene.sign_in().await);
    let refused = json!({"state": state(&wrong), "error": "invalid_scope", "error_description": "no such\nscope"});
    let refused = scene.finish(&refused).await;
    assert_eq!(refused.text("/code"), "consent_refused");
    assert!(refused.text("/detail").contains("invalid_scope no suchscope"), "{}", refused.json);

    scene.service.held().fails =
        Some((401, json!({"error": "invalid_client", "error_description": format!("not {CLIENT_SECRET}")})));
    let answer = scene.service.agree(&scene.sign_in().await);
    let refused = scene.finish(&answer).await;
    assert_eq!(refused.text("/code"), "token_refused");
    assert!(refused.text("/detail").contains("invalid_client"), "{}", refused.json);
    scene.service.held().fails = Some((503, json!({})));
    let answer = scene.service.agree(&scene.sign_in().await);
    let unavailable = scene.finish(&answer).await;
    unavailable.expect(424);
    assert_eq!(unavailable.text("/code"), "token_unavailable");

    // Without what it needs, a sign-in does not begin.
    let bare = json!({"settings": {"authentication": {"type": "oauth2"}}});
    let path = format!("/api/connectors/{}", scene.connector);
    let document = json!({"swagger": "2.0", "info": {"title": "x", "version": "1"}, "host": "a.test", "paths": {}});
    scene.world.put(&scene.owner, &path, json!({"settings": bare["settings"], "document": document})).await.expect(200);
    let refused = scene.world.post(&scene.owner, &scene.path("/sign-in"), json!({})).await;
    assert_eq!(refused.text("/code"), "oauth_incomplete");
    assert!(refused.text("/detail").contains("client id"), "{}", refused.json);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_renewed_before_it_ends_and_the_new_one_is_on_disk() {
    let scene = Scene::signed_in().await;
    let first = scene.service.held().refresh.clone().unwrap();
    scene.later(57 * MINUTE);
    assert_eq!(scene.call().await["response"]["status"], json!(200));
    assert_eq!(scene.service.grants().len(), 1, "three minutes are enough");
    scene.later(2 * MINUTE);
    // The service never sees the old token again.
    scene.service.held().access.clear();
    assert_eq!(scene.call().await["response"]["status"], json!(200));
    assert_eq!(scene.service.grants(), ["authorization_code", "refresh_token"]);
    assert_eq!(scene.service.tokens().len(), 2);
    assert_eq!(scene.service.held().asked[1]["refresh_token"], first);
    assert_eq!(scene.shown().await["signed_in_at"], json!(NOW));

    // The process dies: the next one goes on with the token that was rotated.
    let config = scene.world.runtime.config().clone();
    let store = Arc::clone(&scene.world.store);
    let vault = Arc::clone(scene.world.runtime.vault());
    let next = Runtime::start(config, store, vault, outgoing()).await.unwrap();
    let owner = scene.world.store.connection(scene.connection.parse().unwrap()).await.unwrap().unwrap().owner;
    let (connector, connection) = (scene.connector.parse().unwrap(), scene.connection.parse().unwrap());
    let call = |runtime: Runtime| async move {
        runtime.call_operation(owner, connector, Some(connection), "items", hookmill_model::Object::new().into()).await
    };
    assert_eq!(call(next.clone()).await.unwrap().status, Some(200));
    assert_eq!(scene.service.grants().len(), 2);
    scene.later(60 * MINUTE);
    assert_eq!(call(next).await.unwrap().status, Some(200));
    assert_eq!(scene.service.grants().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_renewed_once_however_many_calls_want_it() {
    let scene = Scene::signed_in().await;
    {
        let mut held = scene.service.held();
        held.access.clear();
        held.together = Some(Arc::new(Barrier::new(3)));
    }
    let (one, two, three) = tokio::join!(scene.call(), scene.call(), scene.call());
    for call in [one, two, three] {
        assert_eq!(call["response"]["status"], json!(200), "{call}");
    }
    assert_eq!(scene.service.grants(), ["authorization_code", "refresh_token"]);
    assert_eq!(scene.service.tokens().len(), 6, "each call was made twice");

    // A service that refuses the new token too is not asked a third time.
    {
        let mut held = scene.service.held();
        held.together = None;
        held.called.clear();
        held.access.clear();
        let given = json!({"access_token": "canary-useless", "refresh_token": "canary-refresh-x"});
        held.fails = Some((200, given));
    }
    assert_eq!(scene.call().await["response"]["status"], json!(401));
    assert_eq!(scene.service.tokens().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn withdrawn_access_breaks_the_connection_until_somebody_signs_in_again() {
    let scene = Scene::signed_in().await;
    let flow = scene.flow(calling_flow()).await.id();
    {
        let mut held = scene.service.held();
        held.access.clear();
        held.refresh = None;
    }
    let begun = scene.world.post(&scene.owner, &format!("/api/flows/{flow}/run"), json!({"body": 1})).await;
    begun.expect(202);
    let run = scene.world.ended(&scene.owner, &begun.text("/run")).await;
    assert_eq!(run["status"], json!("Failed"), "{run}");
    let said = run.to_string();
    assert!(said.contains("InvalidConnection") && said.contains("Open the connection and sign in again."), "{run}");
    assert!(said.contains("invalid_grant"), "{run}");

    let shown = scene.shown().await;
    assert_eq!((&shown["health"], &shown["needs_sign_in"]), (&json!("broken"), &json!(true)));
    let attention = scene.world.get(&scene.owner, "/api/attention").await;
    let item = &attention.expect(200)["items"][0];
    assert_eq!((&item["kind"], &item["hint"]), (&json!("connection_broken"), &json!("Sign in again.")), "{item}");
    // What is known to be ended is not asked again.
    let asked = scene.service.grants().len();
    scene.call_refused("connection_signed_out").await;
    assert_eq!(scene.service.grants().len(), asked);

    scene.finish(&scene.service.agree(&scene.sign_in().await)).await.expect(200);
    assert_eq!(scene.shown().await["health"], json!("ok"));
    assert_eq!(scene.world.get(&scene.owner, "/api/attention").await.expect(200)["items"], json!([]));
    assert_eq!(scene.call().await["response"]["status"], json!(200));
}

impl Scene {
    async fn call_refused(&self, code: &str) {
        let form = json!({"connection_id": self.connection, "operation_id": "items"});
        let path = format!("/api/connectors/{}/test", self.connector);
        let refused = self.world.post(&self.owner, &path, form).await;
        assert_eq!(refused.text("/code"), code, "{}", refused.json);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_authorization_server_breaks_nothing() {
    let scene = Scene::signed_in().await;
    scene.later(60 * MINUTE);
    scene.service.held().fails = Some((503, json!({"error": "temporarily_unavailable"})));
    scene.call_refused("token_unavailable").await;
    assert_eq!(scene.shown().await["health"], json!("ok"));
    // A flow tries again by its retry policy.
    let mut definition = calling_flow();
    definition["actions"]["Get"]["inputs"]["retryPolicy"] = json!({"type": "fixed", "count": 1, "interval": "PT5S"});
    let flow = scene.flow(definition).await.id();
    let before = scene.service.grants().len();
    let begun = scene.world.post(&scene.owner, &format!("/api/flows/{flow}/run"), json!({"body": 1})).await;
    begun.expect(202);
    scene.service.until(|held| held.asked.len() > before).await;
    scene.service.held().fails = None;
    // The retry is due by the manual clock.
    let run = scene.world.ended_while(&scene.owner, &begun.text("/run"), || scene.later(Duration::from_secs(1))).await;
    assert_eq!(run["status"], json!("Succeeded"), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_a_refresh_token_ends_with_the_first_refusal() {
    let scene = Scene::new().await;
    let answer = scene.service.agree(&scene.sign_in().await);
    scene.service.held().fails = Some((200, json!({"access_token": "canary-forever"})));
    scene.finish(&answer).await.expect(200);
    scene.service.held().access.insert("canary-forever".to_owned());
    scene.later(300 * 24 * 60 * MINUTE);
    assert_eq!(scene.call().await["response"]["status"], json!(200), "nobody said when it ends");
    scene.service.held().access.clear();
    let call = scene.call().await;
    assert!(call["error"].as_str().unwrap().contains("does not accept its token any more"), "{call}");
    assert_eq!(scene.shown().await["health"], json!("broken"));
}

#[tokio::test(flavor = "multi_thread")]
async fn client_credentials_need_nobody() {
    let scene = Scene::with("client_credentials").await;
    assert_eq!(scene.shown().await["needs_sign_in"], json!(false));
    assert_eq!(scene.test().await["health"], json!("ok"));
    assert_eq!(scene.call().await["response"]["status"], json!(200));
    assert_eq!(scene.service.grants(), ["client_credentials"], "a token serves many calls");
    scene.later(60 * MINUTE);
    assert_eq!(scene.call().await["response"]["status"], json!(200));
    scene.service.held().access.clear();
    assert_eq!(scene.call().await["response"]["status"], json!(200), "and a refused one is asked for anew");
    assert_eq!(scene.service.grants().len(), 3);
    let refused = scene.world.post(&scene.owner, &scene.path("/sign-in"), json!({})).await;
    assert_eq!(refused.text("/code"), "not_possible");

    // A server that wants the client's secret in the header is asked again that way.
    {
        let mut held = scene.service.held();
        held.access.clear();
        held.wants_header = true;
    }
    assert_eq!(scene.call().await["response"]["status"], json!(200));
    let asked = scene.service.held().asked[4].clone();
    assert!(!asked.contains_key("client_secret"), "{asked:?}");

    let path = format!("/api/connectors/{}", scene.connector);
    scene.world.put(&scene.owner, &path, json!({"client_secret": "canary-wrong"})).await.expect(200);
    scene.later(60 * MINUTE);
    let test = scene.test().await;
    assert_eq!(test["health"], json!("broken"));
    assert!(test["detail"].as_str().unwrap().contains("invalid_client"), "{test}");
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_made_and_deleted_with_the_token() {
    let scene = Scene::signed_in().await;
    let definition = json!({
        "triggers": {"When": {"type": "OpenApiConnectionWebhook", "inputs": {"host": {"connectionName": "items", "operationId": "hook"}, "parameters": {}}}},
        "actions": {"Say": {"type": "Compose", "inputs": 1}}
    });
    // The token has been withdrawn meanwhile: it is renewed on the way.
    scene.service.held().access.clear();
    let flow = scene.flow(definition).await;
    assert_eq!(flow.json["problem"], Value::Null, "{}", flow.json);
    assert_eq!(flow.json["state"], json!("on"), "{}", flow.json);
    scene.service.held().access.clear();
    scene.world.delete(&scene.owner, &format!("/api/flows/{}", flow.id())).await;
    scene.service.until(|held| held.called.len() == 4).await;
    let held = scene.service.held();
    let paths: Vec<&str> = held.called.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["POST /hooks", "POST /hooks", "DELETE /hooks/1", "DELETE /hooks/1"]);
    assert!(held.access.contains(&held.called[3].1), "with the new token");
    drop(held);
    assert_eq!(scene.service.grants(), ["authorization_code", "refresh_token", "refresh_token"]);
}
