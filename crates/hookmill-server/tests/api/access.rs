//! Who may see and do what: strangers, members, sessions with and without their token.

use axum::body::Body;
use axum::http::{Method, Request, header};
use hookmill_model::{DeviceId, NotificationId, UserId};
use hookmill_runtime::{Clock, RuntimeConfig};
use hookmill_store::{Change, Device, Lane, Notification, Unit};
use serde_json::{Value, json};

use crate::world::{
    DOCUMENT, PASSWORD, SETUP_TOKEN, Who, World, operations, owned_world, with_owner, world, world_with,
};

/// A body that fits an operation: of these members those that its form has.
fn any_body(operation: &Value) -> Value {
    let all = json!({
        "definition": {}, "operation_id": "repo", "parameter": "owner", "parameters": {}, "name": "other",
        "schema": {}, "root": "x", "samples": [1], "instances": [], "tags": [],
    });
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let mut form = schema;
    while let Some(name) = form["$ref"].as_str() {
        form = DOCUMENT.pointer(name.trim_start_matches('#')).unwrap();
    }
    let forms: Vec<&Value> = form["oneOf"]
        .as_array()
        .map_or_else(|| vec![form], |all| all.iter().filter(|form| form["type"] != "null").collect());
    let known = |member: &String| {
        forms.iter().any(|form| {
            let form =
                form["$ref"].as_str().map_or(*form, |name| DOCUMENT.pointer(name.trim_start_matches('#')).unwrap());
            !form["properties"].is_object() || form["properties"].get(member).is_some()
        })
    };
    all.as_object()
        .unwrap()
        .iter()
        .filter(|(member, _)| known(member))
        .map(|(member, value)| (member.clone(), value.clone()))
        .collect()
}

/// One of each thing, of the owner. Kind of the path → identifier.
async fn things(world: &World, owner: &Who) -> Vec<(&'static str, String)> {
    let me = world.get(owner, "/api/session").await.text("/user/id");
    let me: UserId = me.parse().unwrap();
    let connector = world.forge(owner).await;
    let form = json!({"connector_id": connector, "name": "mine", "username": "ada", "password": "secret"});
    let connection = world.post(owner, "/api/connections", form).await.id();
    let flow = world.flow(owner, "Mine").await.id();
    let run = world.post(owner, &format!("/api/flows/{flow}/run"), json!({"body": 1})).await;
    run.expect(202);
    let token = world.post(owner, "/api/tokens", json!({"name": "cli"})).await.id();
    let now = world.runtime.now();
    let notification: NotificationId = world.runtime.new_id();
    let device: DeviceId = world.runtime.new_id();
    let unit = Unit::from(Change::PutNotification(Notification {
        id: notification,
        owner: me,
        title: "Flow".to_owned(),
        text: "for the owner's eyes".to_owned(),
        link: None,
        run: None,
        flow: None,
        created_at: now,
        read_at: None,
    }))
    .with(Change::PutDevice(Device {
        id: device,
        owner: me,
        name: "phone".to_owned(),
        endpoint: "https://push.test/1".to_owned(),
        p256dh: "x".to_owned(),
        auth: "y".to_owned(),
        created_at: now,
        delivered_at: None,
    }));
    world.store.commit(unit, Lane::Work).await.unwrap();
    vec![
        ("connectors", connector),
        ("connections", connection),
        ("flows", flow),
        ("runs", run.text("/run")),
        ("tokens", token),
        ("notifications", notification.to_string()),
        ("devices", device.to_string()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_or_changes_what_belongs_to_another() {
    let (world, owner) = owned_world().await;
    let other = world.user(&owner, "eve").await;
    let things = things(&world, &owner).await;
    let mut asked = 0;
    for (path, method, operation) in operations() {
        let Some((_, id)) = things.iter().find(|(kind, _)| path.starts_with(&format!("/api/{kind}/{{id}}"))) else {
            continue;
        };
        let address = path
            .replace("{id}", id)
            .replace("{operation}", "repo")
            .replace("{number}", "1")
            .replace("{name}", "Say")
            .replace("{which}", "outputs")
            .replace("{event}", "evt_01ARZ3NDEKTSV4RRFFQ69G5FAV");
        let body = operation.get("requestBody").map(|_| any_body(operation));
        let answer = world.call(&other, method.clone(), &address, body).await;
        answer.expect(404);
        assert_eq!(answer.text("/code"), "not_found", "{method} {path}");
        asked += 1;
    }
    assert!(asked > 35, "only {asked} operations name a thing of a user");
    // The owner's things are all still there.
    for (kind, id) in &things {
        if ["connectors", "connections", "flows", "runs"].contains(kind) {
            world.get(&owner, &format!("/api/{kind}/{id}")).await.expect(200);
        }
    }
    for list in ["connectors", "connections", "flows", "runs", "notifications", "devices", "catalog", "attention"] {
        let page = world.get(&other, &format!("/api/{list}")).await;
        assert_eq!(page.expect(200)["items"], json!([]), "{list}");
    }
    // Nor can a flow use a connection of another user, or a connection be made for another's connector.
    let connector = &things[0].1;
    world.post(&other, "/api/connections", json!({"connector_id": connector, "name": "x"})).await.expect(404);
    let definition = json!({
        "triggers": {"manual": {"type": "Request", "inputs": {}}},
        "actions": {"Get": {"type": "OpenApiConnection", "inputs": {"host": {"connectionName": "forge", "operationId": "repo"},
            "parameters": {"owner": "a", "repo": "b"}}}}
    });
    let stolen =
        json!({"name": "Theft", "definition": definition, "connections": {"forge": {"connection_id": things[1].1}}});
    let refused = world.post(&other, "/api/flows", stolen).await;
    assert!(refused.status.is_client_error(), "{}", refused.json);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_concerns_the_server_is_the_owners_business() {
    let (world, owner) = owned_world().await;
    let other = world.user(&owner, "bob").await;
    let owner_id = world.get(&owner, "/api/session").await.text("/user/id");
    let calls = [
        (Method::GET, "/api/users".to_owned(), None),
        (
            Method::POST,
            "/api/users".to_owned(),
            Some(json!({"name": "x", "email": "x@y.z", "password": PASSWORD, "role": "owner"})),
        ),
        (Method::DELETE, format!("/api/users/{owner_id}"), None),
        (Method::GET, "/api/settings".to_owned(), None),
        (Method::PUT, "/api/settings".to_owned(), Some(json!({}))),
        (Method::POST, "/api/settings/mail-test".to_owned(), None),
        (Method::POST, "/api/settings/public-url-check".to_owned(), None),
        (Method::GET, "/api/overview".to_owned(), None),
        (Method::GET, "/api/backups".to_owned(), None),
        (Method::POST, "/api/backups".to_owned(), None),
        (Method::GET, "/api/backups/any/file".to_owned(), None),
    ];
    for (method, path, body) in calls {
        let answer = world.call(&other, method.clone(), &path, body).await;
        answer.expect(403);
        assert_eq!(answer.text("/code"), "owner_only", "{method} {path}");
    }
    world.get(&owner, "/api/settings").await.expect(200);
}

#[tokio::test]
async fn set_up_happens_once_and_wants_the_servers_token() {
    let world = world().await;
    let form = |token: &str| json!({"token": token, "name": "Ada", "email": "ada@example.org", "password": PASSWORD});
    let wrong = world.post(&Who::Nobody, "/api/setup", form("guessed")).await;
    wrong.expect(403);
    assert_eq!(wrong.text("/code"), "setup_token_wrong");
    assert_eq!(world.get(&Who::Nobody, "/api/setup").await.expect(200)["needed"], json!(true));
    world.post(&Who::Nobody, "/api/setup", form(SETUP_TOKEN)).await.expect(201);
    assert_eq!(world.get(&Who::Nobody, "/api/setup").await.expect(200)["needed"], json!(false));
    let again = world.post(&Who::Nobody, "/api/setup", form(SETUP_TOKEN)).await;
    again.expect(409);
    assert_eq!(again.text("/code"), "set_up_already");
}

#[tokio::test]
async fn a_sessions_cookie_is_closed_to_scripts_and_changes_want_its_token() {
    let (world, _) = owned_world().await;
    let signed =
        world.post(&Who::Nobody, "/api/session", json!({"email": "ADA@example.org", "password": PASSWORD})).await;
    signed.expect(200);
    let cookie = signed.header(header::SET_COOKIE);
    for part in ["__Host-hookmill_session=", "HttpOnly", "SameSite=Lax", "Secure", "Path=/", "Max-Age="] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let Who::Session { cookie, csrf } = world.session("ada@example.org").await else { panic!() };
    let form = || {
        let request = Request::builder().method(Method::POST).uri("/api/tokens").header(header::COOKIE, &cookie);
        request.header(header::CONTENT_TYPE, "application/json")
    };
    let body = || Body::from(json!({"name": "x"}).to_string());
    let without = world.send(&Who::Nobody, form().body(body()).unwrap()).await;
    without.expect(403);
    assert_eq!(without.text("/code"), "csrf_token_wrong");
    let wrong = form().header("x-csrf-token", "0".repeat(64)).body(body()).unwrap();
    world.send(&Who::Nobody, wrong).await.expect(403);
    let right = form().header("x-csrf-token", &csrf).body(body()).unwrap();
    world.send(&Who::Nobody, right).await.expect(201);
    // Reading needs no token: a page of another origin cannot see the answer.
    let reading = Request::builder().uri("/api/session").header(header::COOKIE, &cookie).body(Body::empty()).unwrap();
    world.send(&Who::Nobody, reading).await.expect(200);
    // Signing out ends the session, not only the cookie.
    let session = Who::Session { cookie, csrf };
    world.delete(&session, "/api/session").await.expect(204);
    world.get(&session, "/api/session").await.expect(401);
}

#[tokio::test]
async fn tokens_are_shown_once_and_end_when_they_should() {
    let (world, owner) = owned_world().await;
    let made = world.post(&owner, "/api/tokens", json!({"name": "ci"})).await;
    made.expect(201);
    let token = Who::Token(made.text("/token"));
    let listed = world.get(&owner, "/api/tokens").await;
    assert!(!listed.json.to_string().contains(&made.text("/token")), "a list shows a token");
    // What is stored is not the token.
    let me: UserId = world.get(&owner, "/api/session").await.text("/user/id").parse().unwrap();
    let stored = format!("{:?}", hookmill_store::Accounts::tokens(&*world.store, me).await.unwrap());
    assert!(!stored.contains(&made.text("/token")));
    world.get(&token, "/api/about").await.expect(200);
    let used = world.get(&owner, "/api/tokens").await;
    let ci = used.json["items"].as_array().unwrap().iter().find(|item| item["name"] == "ci").unwrap();
    assert!(ci["used_at"].is_string(), "{ci}");
    world.delete(&owner, &format!("/api/tokens/{}", made.id())).await.expect(204);
    world.get(&token, "/api/about").await.expect(401);
    // A token ends after 90 days unless its maker says otherwise; a scope that nobody keeps is not taken.
    let ends = made.text("/expires_at").parse::<hookmill_model::Timestamp>().unwrap();
    let days = ends.since(world.runtime.now()).as_secs().div_ceil(86_400);
    assert_eq!(days, 90);
    let endless = world.post(&owner, "/api/tokens", json!({"name": "x", "expires_at": null})).await;
    assert_eq!(endless.expect(201)["expires_at"], Value::Null);
    let scoped = world.post(&owner, "/api/tokens", json!({"name": "x", "scopes": ["read"]})).await;
    scoped.expect(400);
    assert!(scoped.text("/detail").contains("scopes"), "{}", scoped.json);
    let past = world.post(&owner, "/api/tokens", json!({"name": "x", "expires_at": "2020-01-01T00:00:00Z"})).await;
    past.expect(400);
    assert_eq!(past.text("/pointer"), "/expires_at");
}

#[tokio::test]
async fn signing_in_pauses_after_many_wrong_passwords() {
    let (world, _) = owned_world().await;
    let wrong = json!({"email": "ada@example.org", "password": "wrong wrong wrong"});
    for _ in 0..5 {
        let answer = world.post(&Who::Nobody, "/api/session", wrong.clone()).await;
        answer.expect(401);
        assert_eq!(answer.text("/code"), "sign_in_failed");
    }
    let paused = world.post(&Who::Nobody, "/api/session", wrong).await;
    paused.expect(429);
    assert!(!paused.header(header::RETRY_AFTER).is_empty());
    // Nothing tells an address that exists from one that does not.
    let unknown = json!({"email": "nobody@example.org", "password": "wrong wrong wrong"});
    let answer = world.post(&Who::Nobody, "/api/session", unknown).await;
    answer.expect(401);
    assert_eq!(answer.text("/code"), "sign_in_failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_other_sessions() {
    let (world, _) = owned_world().await;
    let (mine, other) = (world.session("ada@example.org").await, world.session("ada@example.org").await);
    let form = json!({"password": "another long password"});
    let without = world.put(&mine, "/api/account", form).await;
    without.expect(403);
    assert_eq!(without.text("/pointer"), "/current_password");
    let form = json!({"password": "another long password", "current_password": PASSWORD});
    world.put(&mine, "/api/account", form).await.expect(200);
    world.get(&mine, "/api/session").await.expect(200);
    world.get(&other, "/api/session").await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_address_wants_the_password_and_a_new_password_can_end_tokens() {
    let (world, owner) = owned_world().await;
    let mine = world.session("ada@example.org").await;
    let moved = world.put(&mine, "/api/account", json!({"email": "eve@example.org"})).await;
    moved.expect(403);
    assert_eq!(moved.text("/code"), "password_wrong");
    world.put(&mine, "/api/account", json!({"name": "Ada L."})).await.expect(200);
    let form = json!({"email": "ada2@example.org", "current_password": PASSWORD});
    assert_eq!(world.put(&mine, "/api/account", form).await.expect(200)["email"], "ada2@example.org");
    let form = json!({"password": "another long password", "current_password": PASSWORD, "end_tokens": true});
    world.get(&owner, "/api/about").await.expect(200);
    world.put(&mine, "/api/account", form).await.expect(200);
    world.get(&owner, "/api/about").await.expect(401);
    let weak = json!({"password": "ada2@example.org", "current_password": "another long password"});
    let weak = world.put(&mine, "/api/account", weak).await;
    weak.expect(400);
    assert_eq!((weak.text("/code"), weak.text("/pointer")), ("password_weak".to_owned(), "/password".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_when_they_are_not_used() {
    let clock = Clock::manual(hookmill_model::Timestamp::from_millis(1_800_000_000_000));
    let advance = |hours: u64| clock.set(clock.now().plus(std::time::Duration::from_secs(hours * 3_600)));
    let (world, _) =
        with_owner(world_with(RuntimeConfig { clock: clock.clone(), ..RuntimeConfig::default() }).await).await;
    let (used, idle) = (world.session("ada@example.org").await, world.session("ada@example.org").await);
    advance(11);
    world.get(&used, "/api/session").await.expect(200);
    advance(2);
    world.get(&idle, "/api/session").await.expect(401);
    world.get(&used, "/api/session").await.expect(200);
    // However much it is used, it ends after 30 days.
    for _ in 0..80 {
        advance(9);
        if world.get(&used, "/api/session").await.status == 401 {
            return;
        }
    }
    panic!("the session never ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn live_updates_end_with_the_session_the_token_or_the_user() {
    let (world, owner) = owned_world().await;
    let me = world.session("ada@example.org").await;
    let Who::Session { cookie, .. } = &me else { panic!() };
    let token = world.post(&owner, "/api/tokens", json!({"name": "x"})).await;
    let bearer = format!("Bearer {}", token.text("/token"));
    let open = async |name: header::HeaderName, value: &str| {
        let request = Request::builder().uri("/api/events").header(name, value).body(Body::empty()).unwrap();
        world.open(request).await
    };
    let by_session = open(header::COOKIE, cookie).await;
    let by_token = open(header::AUTHORIZATION, &bearer).await;
    let Who::Token(own) = &owner else { panic!() };
    let kept = open(header::AUTHORIZATION, &format!("Bearer {own}")).await;
    world.delete(&me, "/api/session").await.expect(204);
    world.delete(&owner, &format!("/api/tokens/{}", token.id())).await.expect(204);
    let Who::Token(eve) = world.user(&owner, "eve").await else { panic!() };
    let by_user = open(header::AUTHORIZATION, &format!("Bearer {eve}")).await;
    let users = world.get(&owner, "/api/users").await;
    let users = users.json["items"].as_array().unwrap().clone();
    let gone = users.iter().find(|user| user["name"] == "eve").unwrap()["id"].as_str().unwrap();
    world.delete(&owner, &format!("/api/users/{gone}")).await.expect(204);
    let long = std::time::Duration::from_secs(60);
    tokio::time::timeout(long, by_user.ended()).await.expect("the updates of a user end with the account");
    tokio::time::timeout(long, by_session.ended()).await.expect("the updates of a session end with it");
    tokio::time::timeout(long, by_token.ended()).await.expect("the updates of a token end with it");
    let short = std::time::Duration::from_millis(100);
    assert!(tokio::time::timeout(short, kept.ended()).await.is_err(), "others go on");
}

#[tokio::test(flavor = "multi_thread")]
async fn live_updates_reach_only_the_owner_of_the_thing() {
    let (world, owner) = owned_world().await;
    let other = world.user(&owner, "eve").await;
    let mut streams = Vec::new();
    for who in [&owner, &other] {
        let Who::Token(token) = who else { panic!() };
        let request = Request::builder().uri("/api/events").header(header::AUTHORIZATION, format!("Bearer {token}"));
        streams.push(world.open(request.body(Body::empty()).unwrap()).await);
    }
    let flow = world.flow(&owner, "Mine").await.id();
    let run = world.post(&owner, &format!("/api/flows/{flow}/run"), json!({})).await.text("/run");
    let mut mine = streams.remove(0);
    let mut seen = String::new();
    while !seen.contains(&run) {
        seen.push_str(&mine.next().await);
    }
    assert!(seen.contains("event: run") && seen.contains("data: {"), "{seen}");
    let theirs = tokio::time::timeout(std::time::Duration::from_millis(300), streams.remove(0).next()).await;
    assert!(theirs.is_err(), "another user is told about it: {theirs:?}");
}
