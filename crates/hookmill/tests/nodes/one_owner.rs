//! What one server at a time does, whoever is asked: a token that rotates is renewed once, one of two answers to an
//! approval counts, a counted trigger keeps its order while its flow is handed over, guesses are counted together, and
//! what a server that dies has begun (a webhook, a run that a person asked for) is not begun again by the next one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hookmill_store_postgres::cluster::{Cluster, ClusterOptions};
use serde_json::{Value, json};

use crate::side_by_side::{ALONE, Node, WAIT, owned_by, set_up};
use crate::support::{Answer, Message, Service, eventually_within, hookmill, text, try_http};

const LONG: Duration = Duration::from_secs(60);

/// What the service knows and has seen.
#[derive(Default)]
struct Held {
    /// How often it gave tokens.
    given: u32,
    /// Whether it takes the last access token.
    takes_token: bool,
    renewals: u32,
    /// Refresh tokens that had been used before.
    reused: u32,
    /// The callback address of each webhook.
    hooks: Vec<String>,
    /// An answer to a creation waits until this is false.
    holds: bool,
    under_way: usize,
    most_under_way: usize,
    /// The numbers that came to `/slow`, in order.
    slow: Vec<u64>,
}

impl Held {
    /// The next pair of tokens; those before are worth nothing.
    fn tokens(&mut self) -> Answer {
        self.given += 1;
        self.takes_token = true;
        let (access, refresh) = (format!("access-{}", self.given), format!("refresh-{}", self.given));
        let body =
            json!({"access_token": access, "refresh_token": refresh, "token_type": "Bearer", "expires_in": 3_600});
        Answer::new("200 OK", &body)
    }
}

/// A service with tokens that rotate, webhooks, and a call that takes its time.
fn service(held: &Arc<Mutex<Held>>) -> Service {
    let held = Arc::clone(held);
    Service::start(move |call, own| answered(call, own, &held))
}

fn answered(call: &Message, own: &str, held: &Mutex<Held>) -> Answer {
    let refused = |status| Answer::new(status, &json!({"error": "invalid_grant"}));
    let mut now = held.lock().unwrap();
    match (call.method(), call.path().split('?').next().unwrap_or_default()) {
        ("POST", "/token") => {
            let form = text(&call.body);
            if form.contains("grant_type=refresh_token") {
                if !form.contains(&format!("refresh_token=refresh-{}", now.given)) {
                    now.reused += 1;
                    return refused("400 Bad Request");
                }
                now.renewals += 1;
            }
            let mut answer = now.tokens();
            // Long enough for others to ask meanwhile.
            answer.delay = Duration::from_millis(300);
            answer
        }
        ("GET", "/items")
            if now.takes_token && call.header("authorization") == Some(&format!("Bearer access-{}", now.given)) =>
        {
            Answer::new("200 OK", &json!([]))
        }
        ("GET", "/items") => refused("401 Unauthorized"),
        ("GET", "/hooks") => {
            let hooks = now.hooks.iter().enumerate();
            let hooks: Vec<_> = hooks.map(|(id, url)| json!({"id": id, "url": url})).collect();
            Answer::new("200 OK", &json!(hooks))
        }
        ("POST", "/hooks") => {
            let id = now.hooks.len();
            now.hooks.push(call.json()["url"].as_str().unwrap_or_default().to_owned());
            drop(now);
            eventually_within("the answer to the creation", LONG, || (!held.lock().unwrap().holds).then_some(()));
            Answer::new("201 Created", &json!({"id": id})).with("Location", format!("http://{own}/hooks/{id}"))
        }
        ("POST", "/slow") => {
            now.under_way += 1;
            now.most_under_way = now.most_under_way.max(now.under_way);
            now.slow.push(call.json()["n"].as_u64().unwrap());
            drop(now);
            std::thread::sleep(Duration::from_millis(100));
            held.lock().unwrap().under_way -= 1;
            Answer::new("200 OK", &json!({}))
        }
        _ => Answer::new("200 OK", &json!({})),
    }
}

fn document(host: &str) -> Value {
    let id = json!({"name": "id", "in": "path", "required": true, "type": "string"});
    json!({
        "swagger": "2.0", "info": {"title": "Items", "version": "1"}, "host": host, "basePath": "/", "schemes": ["http"],
        "securityDefinitions": {"signed": {"type": "oauth2", "flow": "accessCode", "scopes": {},
            "authorizationUrl": format!("http://{host}/authorize"), "tokenUrl": format!("http://{host}/token")}},
        "paths": {
            "/items": {"get": {"operationId": "items", "responses": {"200": {"description": "them"}}}},
            "/hooks": {
                "x-ms-notification-content": {"schema": {"type": "object"}},
                "get": {"operationId": "hooks", "responses": {"200": {"description": "them"}}},
                "post": {"operationId": "hook", "x-ms-trigger": "single", "parameters": [{"name": "request", "in": "body",
                    "schema": {"type": "object", "properties": {"url": {"type": "string", "x-ms-notification-url": true}}}}],
                    "responses": {"201": {"description": "made"}}}},
            "/hooks/{id}": {"delete": {"operationId": "unhook", "parameters": [id], "responses": {}}}
        }
    })
}

struct World {
    cluster: Cluster,
    database: String,
    token: String,
    service: Service,
    held: Arc<Mutex<Held>>,
}

impl World {
    fn sql(&self, sql: &str) -> String {
        self.cluster.run(&self.database, sql).unwrap()
    }

    /// Makes flows at a server until one is looked after by `owner`; its identifier.
    fn flow_of(&self, owner: &str, asked: &Node, name: &str, definition: &Value, connections: &Value) -> String {
        let form = json!({"name": name, "definition": definition, "connections": connections});
        for _ in 0..64 {
            let made = asked.done("POST", "/api/flows", &self.token, &form);
            let id = made["id"].as_str().unwrap().to_owned();
            let found = self.sql(&format!(
                "SELECT n.name FROM hookmill.shard s JOIN hookmill.node n ON n.id = s.owner
                 JOIN hookmill.flow f ON s.id = get_byte(f.id, 15) WHERE f.name = '{name}' AND f.deleted IS NULL"
            ));
            if found == owner {
                return id;
            }
            asked.done("DELETE", &format!("/api/flows/{id}"), &self.token, &Value::Null);
        }
        panic!("{owner} looks after no flow of 64");
    }

    fn call(&self, path: &str) -> Value {
        let uri = format!("http://{}{path}", self.service.address);
        json!({"type": "Http", "inputs": {"method": "POST", "uri": uri, "body": {"n": "@triggerBody()?['n']"},
            "retryPolicy": {"type": "none"}}})
    }

    /// The runs of a flow, as any server tells them.
    fn runs(&self, asked: &Node, flow: &str) -> Vec<Value> {
        let page = asked.done("GET", &format!("/api/runs?flow={flow}&kind=flow"), &self.token, &Value::Null);
        page["items"].as_array().unwrap().clone()
    }

    /// Until each run of a flow has succeeded.
    fn succeeded(&self, asked: &Node, flow: &str, count: usize) {
        eventually_within("the end of the runs", LONG, || {
            let runs = self.runs(asked, flow);
            let done = runs.iter().filter(|run| run["status"] == "Succeeded").count();
            (done == count && runs.len() == count).then_some(())
        });
    }

    /// How often the service was called at a path.
    fn called(&self, path: &str) -> usize {
        self.service.calls().iter().filter(|call| call.path() == path).count()
    }
}

#[test]
fn what_one_server_does_no_other_does_again() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let Some(cluster) = Cluster::start(folder.path(), &ClusterOptions::default()).unwrap() else { return };
    let database = cluster.database().unwrap();
    let store = cluster.address(&database);
    let held: Arc<Mutex<Held>> = Arc::default();
    let one = Node::start(folder.path(), "one", &store);
    let two = Node::start(folder.path(), "two", &store);
    let token = set_up(&one);
    owned_by(&cluster, &database, &["one", "two"]);
    let world = World { cluster, database, token, service: service(&held), held };

    let connections = signed_in(&world, [&one, &two]);
    a_token_is_renewed_once(&world, [&one, &two], &connections);
    one_answer_counts(&world, [&one, &two]);
    guesses_are_counted_together(&world, [&one, &two]);

    let counted = counted_while_it_is_handed_over(&world, one, &two);
    let three = Node::start(folder.path(), "three", &store);
    owned_by(&world.cluster, &world.database, &["two", "three"]);
    world.succeeded(&three, &counted, 12);
    what_was_begun_is_not_begun_again(&world, two, &three, &connections);
}

/// A connection that a person has signed in; the binding of flows to it.
fn signed_in(world: &World, [one, two]: [&Node; 2]) -> Value {
    let host = &world.service.address;
    let authentication = json!({"type": "oauth2", "grant": "authorization_code", "client_id": "client", "scopes": [],
        "authorization_url": format!("http://{host}/authorize"), "token_url": format!("http://{host}/token")});
    let form =
        json!({"document": document(host), "client_secret": "secret", "settings": {"authentication": authentication}});
    let connector = one.done("POST", "/api/connectors", &world.token, &form);
    let form = json!({"connector_id": connector["id"], "name": "mine"});
    let connection = one.done("POST", "/api/connections", &world.token, &form);
    let path = format!("/api/connections/{}/sign-in", connection["id"].as_str().unwrap());
    let begun = one.done("POST", &path, &world.token, &json!({}));
    let url = begun["url"].as_str().unwrap();
    let state = url.split(['?', '&']).find_map(|part| part.strip_prefix("state=")).unwrap();
    // The person comes back to another server than the one that sent them.
    let answer = json!({"state": state, "code": "a code"});
    two.done("POST", "/api/connections/signed-in", &world.token, &answer);
    json!({"items": {"connection_id": connection["id"]}})
}

fn a_token_is_renewed_once(world: &World, nodes: [&Node; 2], connections: &Value) {
    let definition = json!({"triggers": {"manual": {"type": "Request"}}, "actions": {"Get": {"type": "OpenApiConnection",
        "inputs": {"host": {"connectionName": "items", "operationId": "items"}, "parameters": {},
            "retryPolicy": {"type": "none"}}}}});
    let flows =
        nodes.map(|node| world.flow_of(&node.name, node, &format!("Items of {}", node.name), &definition, connections));
    // The service ends the access token. Both servers learn it from a call, at the same moment.
    world.held.lock().unwrap().takes_token = false;
    std::thread::scope(|scope| {
        for (node, flow) in nodes.iter().zip(&flows) {
            scope.spawn(move || node.done("POST", &format!("/api/flows/{flow}/run"), &world.token, &json!({})));
        }
    });
    for (node, flow) in nodes.iter().zip(&flows) {
        world.succeeded(node, flow, 1);
    }
    let held = world.held.lock().unwrap();
    assert_eq!((held.renewals, held.reused), (1, 0), "renewals, and refresh tokens that were used twice");
}

fn one_answer_counts(world: &World, [one, two]: [&Node; 2]) {
    let host = json!({"apiId": "/providers/Microsoft.PowerApps/apis/shared_approvals",
        "connectionName": "shared_approvals", "operationId": "StartAndWaitForAnApproval"});
    let parameters = json!({"approvalType": "Basic", "WebhookApprovalCreationInput/title": "Order",
        "WebhookApprovalCreationInput/assignedTo": "ada@example.org"});
    let mut call = world.call("/approved");
    call["runAfter"] = json!({"Ask": ["Succeeded"]});
    let definition = json!({"triggers": {"manual": {"type": "Request"}}, "actions": {
        "Ask": {"type": "OpenApiConnectionWebhook", "inputs": {"host": host, "parameters": parameters}}, "Call": call}});
    let flow = world.flow_of("one", two, "Asks", &definition, &json!({}));
    two.done("POST", &format!("/api/flows/{flow}/run"), &world.token, &json!({}));
    let approval = eventually_within("the approval", LONG, || {
        let list = two.done("GET", "/api/approvals?side=received&open=true", &world.token, &Value::Null);
        list["items"][0]["id"].as_str().map(ToOwned::to_owned)
    });
    let path = format!("/api/approvals/{approval}/response");
    let answer = |node: &Node, response: &str| {
        node.call("POST", &path, &world.token, &json!({"response": response})).map_or(0, |(status, _)| status)
    };
    let answers = std::thread::scope(|scope| {
        let at_one = scope.spawn(|| answer(one, "Approve"));
        let at_two = scope.spawn(|| answer(two, "Reject"));
        [at_one.join().unwrap(), at_two.join().unwrap()]
    });
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 1, "{answers:?}");
    world.succeeded(two, &flow, 1);
    assert_eq!(world.called("/approved"), 1);
}

fn guesses_are_counted_together(world: &World, [one, two]: [&Node; 2]) {
    let guess = |node: &Node, token: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", bearer.as_str()), ("X-Forwarded-For", "203.0.113.7")];
        try_http(&node.address, "GET", "/api/about", &headers, b"", WAIT).map_or(0, |answer| answer.status())
    };
    // Twenty wrong guesses from one address in a minute are looked at, wherever they are made.
    eventually_within("a refusal at one server", LONG, || (guess(one, "wrong") == 429).then_some(()));
    eventually_within("a refusal at the other", LONG, || (guess(two, "wrong") == 429).then_some(()));
    assert!(guess(two, &world.token) != 429, "a token that was right lately is looked at again");
}

/// Events of a flow whose runs are counted come in at both servers while the one that looks after it stops in order.
fn counted_while_it_is_handed_over(world: &World, mut one: Node, two: &Node) -> String {
    let trigger = json!({"type": "Request", "runtimeConfiguration": {"concurrency": {"runs": 1}}});
    let definition = json!({"triggers": {"manual": trigger}, "actions": {"Call": world.call("/slow")}});
    let flow = world.flow_of("one", two, "Counted", &definition, &json!({}));
    let shown = two.done("GET", &format!("/api/flows/{flow}"), &world.token, &Value::Null);
    let url = shown["webhook"]["callback_url"].as_str().unwrap();
    let door = &url[url.find("/workflows/").unwrap()..];
    let send = |address: &str, n: u64| {
        let headers = [("Content-Type", "application/json")];
        let body = json!({"n": n}).to_string();
        let answer = try_http(address, "POST", door, &headers, body.as_bytes(), WAIT).unwrap();
        assert_eq!(answer.status(), 202, "{}", text(&answer.body));
    };
    for n in 0..6 {
        send(if n % 2 == 0 { &one.address } else { &two.address }, n);
    }
    one.signal("TERM");
    for n in 6..12 {
        send(&two.address, n);
    }
    assert!(one.child.wait().unwrap().success(), "it ends in order");
    eventually_within("the calls", LONG, || (world.held.lock().unwrap().slow.len() >= 12).then_some(()));
    let held = world.held.lock().unwrap();
    assert_eq!(held.most_under_way, 1, "runs at a time");
    assert_eq!(held.slow, (0..12).collect::<Vec<u64>>(), "the order in which they came");
    flow
}

/// The server dies while a service has not yet answered the creation of a webhook, and when a run that a person asked for
/// has begun but nobody was told.
fn what_was_begun_is_not_begun_again(world: &World, mut two: Node, three: &Node, connections: &Value) {
    let calls = json!({"triggers": {"manual": {"type": "Request"}}, "actions": {"Call": world.call("/by-hand")}});
    let by_hand = world.flow_of("two", three, "By hand", &calls, &json!({}));
    let hooked = world.flow_of("two", three, "Hooked", &calls, connections);
    let first = three.done("POST", &format!("/api/flows/{by_hand}/run"), &world.token, &json!({}));
    world.succeeded(three, &by_hand, 1);

    // What the owner answers to others is not stored from now on.
    world.sql(
        "CREATE FUNCTION hookmill.unanswered() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION 'not now'; END $$;
         CREATE TRIGGER unanswered BEFORE UPDATE ON hookmill.mail FOR EACH ROW
             WHEN (NEW.answer IS NOT NULL) EXECUTE FUNCTION hookmill.unanswered()",
    );
    world.held.lock().unwrap().holds = true;
    let hook = json!({"type": "OpenApiConnectionWebhook", "inputs": {
        "host": {"connectionName": "items", "operationId": "hook"}, "parameters": {}}});
    let definition = json!({"triggers": {"When": hook}, "actions": calls["actions"]});
    let form = json!({"name": "Hooked", "definition": definition, "connections": connections});
    let again = format!("/api/runs/{}/resubmit", first["run"].as_str().unwrap());
    let begun = std::thread::scope(|scope| {
        let run = scope.spawn(|| three.done("POST", &format!("/api/flows/{by_hand}/run"), &world.token, &json!({})));
        let again = scope.spawn(|| three.done("POST", &again, &world.token, &json!({})));
        let saved = scope.spawn(|| three.call("PUT", &format!("/api/flows/{hooked}"), &world.token, &form));
        eventually_within("both runs and the creation", LONG, || {
            let is_created = !world.held.lock().unwrap().hooks.is_empty();
            (is_created && ended(world, three, &by_hand) == 3).then_some(())
        });
        two.child.kill().unwrap();
        two.child.wait().unwrap();
        world.sql("DROP TRIGGER unanswered ON hookmill.mail");
        world.held.lock().unwrap().holds = false;
        drop(saved.join().unwrap());
        [run.join().unwrap(), again.join().unwrap()]
    });
    let runs: Vec<_> = world.runs(three, &by_hand).iter().map(|run| run["id"].clone()).collect();
    assert_eq!(runs.len(), 3, "{runs:?}");
    assert!(begun.iter().all(|begun| runs.contains(&begun["run"])), "{begun:?} of {runs:?}");
    assert_eq!(world.called("/by-hand"), 3);

    eventually_within("a live webhook", LONG, || {
        let flow = three.done("GET", &format!("/api/flows/{hooked}"), &world.token, &Value::Null);
        (flow["webhook"]["state"] == "live").then_some(())
    });
    assert_eq!(world.held.lock().unwrap().hooks.len(), 1, "webhooks at the service");
    let listed = text(&hookmill(&["node", "list", "--store", &world.cluster.address(&world.database)], &[]).stdout);
    assert!(listed.contains("three"), "{listed}");
}

fn ended(world: &World, asked: &Node, flow: &str) -> usize {
    world.runs(asked, flow).iter().filter(|run| run["status"] == "Succeeded").count()
}
