//! `kill -9` under load, again and again: nothing that was acknowledged is lost, nothing that was done is done again,
//! and no webhook is left at the service that the server does not know of,
//! and handshakes and renewals that were cut off are done by the next process.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)] // Tests may stop at once.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hookmill_store_postgres::cluster::{Cluster, ClusterOptions};
use serde_json::{Value, json};
use support::{Answer, Server, Service, callback, eventually, forge_file, trigger, try_http};

/// Rounds of load, kill, restart; the long form has 300.
fn rounds() -> u32 {
    std::env::var("HOOKMILL_KILL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(30)
}
/// Kills while a webhook is created, and while it is renewed, by turns.
const KILLS_OF_UPKEEP: u32 = 6;
/// Programs that send events at the same time.
const SENDERS: u32 = 8;
/// Events that are acknowledged in each round, on average.
const LOAD_MIN: usize = 3;
/// How long a test waits for progress.
const PATIENCE: Duration = Duration::from_secs(60);

/// A generator of the test's own: the seed is printed, so that a round can be looked at again.
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

fn seed() -> u64 {
    let given = std::env::var("HOOKMILL_KILL_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| {
        u64::try_from(
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() & 0xFFFF_FFFF,
        )
        .unwrap()
    });
    println!("HOOKMILL_KILL_SEED={seed}");
    seed
}

/// Two calls per run; the sink counts by event and step which idempotency keys it saw.
fn actions(sink: &str) -> Value {
    let call = |step: &str, after: &Value| {
        json!({"type": "Http", "runAfter": after, "inputs": {"method": "POST", "uri": format!("http://{sink}/{step}"),
            "body": {"n": "@triggerBody()?['n']"}, "retryPolicy": {"type": "none"}}})
    };
    json!({"First": call("first", &json!({})),
        "Text": {"type": "Compose", "inputs": "@concat('n', triggerBody()?['n'])", "runAfter": {"First": ["Succeeded"]}},
        "Second": call("second", &json!({"Text": ["Succeeded"]}))})
}

#[test]
fn nothing_acknowledged_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    kills_under_load(folder.path(), rounds(), 20..200, &[]);
}

#[test]
fn nothing_acknowledged_is_lost_with_a_database_server() {
    let folder = tempfile::tempdir().unwrap();
    let Some(cluster) = Cluster::start(folder.path(), &ClusterOptions::default()).unwrap() else { return };
    let address = cluster.address(&cluster.database().unwrap());
    kills_under_load(folder.path(), rounds() / 3, 150..500, &["--store", &address]);
}

/// `pause_ms` is how long there is load before each kill.
fn kills_under_load(folder: &Path, rounds: u32, pause_ms: std::ops::Range<u64>, flags: &[&str]) {
    let mut random = Random(seed());
    let data = folder.join("data");
    // Answers late, so that calls are in flight at the kill.
    let sink = Service::start(|_, _| {
        let mut answer = Answer::new("200 OK", &json!({"ok": true}));
        answer.delay = Duration::from_millis(15);
        answer
    });
    let mut server = Server::start(&data, "127.0.0.1:0", flags);
    server.set_up();
    let (address, token) = (server.address.clone(), server.token.clone());
    let definition = json!({"triggers": {"manual": {"type": "Request"}}, "actions": actions(&sink.address)});
    let flow = server.post("/api/flows", &json!({"name": "Load", "definition": definition}));
    let url = flow["webhook"]["callback_url"].as_str().unwrap().to_owned();
    let door = url[url.find("/workflows/").unwrap()..].to_owned();
    let acknowledged: Arc<Mutex<BTreeSet<u64>>> = Arc::default();
    let next = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let mut restarts = Vec::new();
    for round in 1..=rounds {
        let stop = Arc::new(AtomicBool::new(false));
        let senders: Vec<_> = (0..SENDERS)
            .map(|_| {
                let (stop, next, acknowledged) = (Arc::clone(&stop), Arc::clone(&next), Arc::clone(&acknowledged));
                let (address, door) = (address.clone(), door.clone());
                std::thread::spawn(move || {
                    while !stop.load(Ordering::SeqCst) {
                        let n = next.fetch_add(1, Ordering::SeqCst);
                        let body = json!({"n": n, "filling": "x".repeat(2_000)}).to_string();
                        let headers = [("Content-Type", "application/json")];
                        let answer =
                            try_http(&address, "POST", &door, &headers, body.as_bytes(), Duration::from_secs(2));
                        match answer.map(|answer| answer.status()) {
                            Some(202) => {
                                acknowledged.lock().unwrap().insert(n);
                            }
                            // Refused or cut off: not acknowledged, so nothing is promised.
                            _ => std::thread::sleep(Duration::from_millis(2)),
                        }
                    }
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(pause_ms.start + random.next(pause_ms.end - pause_ms.start)));
        // On a machine that has much else to do, a round lasts until there was some load.
        let patience = Instant::now();
        while acknowledged.lock().unwrap().len() <= LOAD_MIN * round as usize && patience.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(5));
        }
        server.kill();
        stop.store(true, Ordering::SeqCst);
        for sender in senders {
            sender.join().unwrap();
        }
        let restart = Instant::now();
        server = Server::start(&data, &address, flags);
        restarts.push(restart.elapsed());
    }
    server.token = token;
    let acknowledged = acknowledged.lock().unwrap().clone();
    // What the sink saw: step and event → keys, one per call.
    let calls = || {
        let mut seen: BTreeMap<(String, u64), Vec<String>> = BTreeMap::new();
        for call in sink.calls() {
            let n = call.json()["n"].as_u64().unwrap();
            let key = call.header("idempotency-key").unwrap_or_default().to_owned();
            seen.entry((call.path().to_owned(), n)).or_default().push(key);
        }
        seen
    };
    let unseen = |seen: &BTreeMap<(String, u64), Vec<String>>| {
        let steps = ["/first", "/second"];
        acknowledged.iter().filter(|n| steps.iter().any(|step| !seen.contains_key(&((*step).to_owned(), **n)))).count()
    };
    // The server was killed soon after each start, so the last start is a careful one: it begins the runs of some events
    // only after a while. An event is lost if no run has made its calls by then.
    let lost = until_none(|| unseen(&calls()));
    // All runs end that made these calls, also those of events whose answer the kill cut off.
    let open = until_none(|| all_runs(&server).iter().filter(|run| !run["ended_at"].is_string()).count());
    assert_eq!(open, 0, "runs that do not end");
    let (seen, runs) = (calls(), all_runs(&server));
    let failed: Vec<&Value> = runs.iter().filter(|run| run["status"] != "Succeeded").collect();
    assert!(failed.is_empty(), "{failed:?}");
    let twice: Vec<_> = seen.iter().filter(|(_, keys)| keys.len() > 1).collect();
    let strangers = twice.iter().filter(|(_, keys)| keys.iter().any(|key| *key != keys[0] || key.is_empty())).count();
    restarts.sort();
    println!(
        "{rounds} kills in {:.1} s: {} acknowledged, {} runs completed, {lost} lost, {} of {} calls performed twice \
         (their outcome was unknown; {strangers} with another idempotency key); restart {} ms in the middle, {} ms at most",
        begun.elapsed().as_secs_f64(),
        acknowledged.len(),
        runs.len(),
        twice.len(),
        seen.len(),
        restarts[restarts.len() / 2].as_millis(),
        restarts[restarts.len() - 1].as_millis(),
    );
    assert_eq!(lost, 0);
    assert_eq!(strangers, 0);
    assert!(acknowledged.len() > LOAD_MIN * rounds as usize, "the load was too light to say anything");
    // A call whose outcome was recorded is never made again, and the history says which were handed out again.
    let mut said: BTreeMap<(String, u64), usize> = BTreeMap::new();
    for run in &runs {
        let detail = server.get(&format!("/api/runs/{}", run["id"].as_str().unwrap()));
        let n = detail["trigger"]["outputs"]["body"]["n"].as_u64().unwrap();
        for (action, step) in [("First", "/first"), ("Second", "/second")] {
            let own = detail["actions"].as_array().unwrap().iter().find(|own| own["name"] == action).unwrap();
            let again =
                own["attempts"].as_array().unwrap().iter().filter_map(|attempt| attempt["redispatched"].as_u64());
            said.insert((step.to_owned(), n), usize::try_from(again.sum::<u64>()).unwrap());
        }
    }
    for (call, keys) in &seen {
        assert!(
            keys.len() <= 1 + said[call],
            "{call:?} was performed {} times; the history says otherwise",
            keys.len()
        );
    }
}

/// An event of many items is cut off in the middle of its runs' beginning, again and again: the window and the queue hold
/// fewer runs than there are items.
#[test]
fn no_item_is_lost_or_begun_twice_by_kills_in_the_middle_of_a_split() {
    const ITEMS: usize = 4_000;
    const KILLS_AFTER: [usize; 3] = [50, 400, 800];
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let sink = Service::start(|_, _| Answer::new("200 OK", &json!({})));
    let mut server = Server::start(&data, "127.0.0.1:0", &[]);
    server.set_up();
    let (address, token) = (server.address.clone(), server.token.clone());
    let call = json!({"type": "Http", "inputs": {"method": "POST", "uri": format!("http://{}/item", sink.address),
        "body": {"n": "@triggerBody()?['n']"}, "retryPolicy": {"type": "none"}}});
    let definition =
        json!({"triggers": {"manual": {"type": "Request", "splitOn": "@triggerBody()"}}, "actions": {"Call": call}});
    let flow = server.post("/api/flows", &json!({"name": "Split", "definition": definition}));
    let url = flow["webhook"]["callback_url"].as_str().unwrap().to_owned();
    let items: Vec<Value> = (0..ITEMS).map(|n| json!({"n": n})).collect();
    let headers = [("Content-Type", "application/json")];
    let door = &url[url.find("/workflows/").unwrap()..];
    let body = json!(items).to_string();
    let answer = try_http(&address, "POST", door, &headers, body.as_bytes(), Duration::from_secs(30));
    assert_eq!(answer.map(|answer| answer.status()), Some(202));
    // Item → the idempotency keys of its calls: each run has one of its own.
    let seen = || {
        let mut seen: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
        for call in sink.calls() {
            let key = call.header("idempotency-key").unwrap_or_default().to_owned();
            seen.entry(call.json()["n"].as_u64().unwrap()).or_default().insert(key);
        }
        seen
    };
    for least in KILLS_AFTER {
        let wait = Duration::from_secs(60);
        support::eventually_within("some calls", wait, || (seen().len() >= least).then_some(()));
        server.kill();
        println!("killed when {} of {ITEMS} items had made their call", seen().len());
        server = Server::start(&data, &address, &[]);
    }
    server.token = token;
    let last = support::eventually_within("the calls of all items", Duration::from_secs(180), || {
        std::thread::sleep(Duration::from_millis(200));
        let seen = seen();
        (seen.len() == ITEMS).then_some(seen)
    });
    let runs = support::eventually_within("the end of all runs", Duration::from_secs(60), || {
        let runs = all_runs(&server);
        runs.iter().all(|run| run["ended_at"].is_string()).then_some(runs)
    });
    assert_eq!(runs.len(), ITEMS, "each item has one run");
    assert!(runs.iter().all(|run| run["status"] == "Succeeded"));
    let twice: Vec<_> = last.iter().filter(|(_, keys)| keys.len() != 1 || keys.contains("")).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

/// Waits until nothing is left, however long that takes while it becomes less; what is left after [`PATIENCE`] without
/// progress.
fn until_none(mut left: impl FnMut() -> usize) -> usize {
    let (mut least, mut since) = (left(), Instant::now());
    while least > 0 && since.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(200));
        let now = left();
        if now < least {
            (least, since) = (now, Instant::now());
        }
    }
    least
}

/// All runs of flows, page by page.
fn all_runs(server: &Server) -> Vec<Value> {
    let (mut runs, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("/api/runs?kind=flow&limit=500{cursor}"));
        runs.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return runs,
        }
    }
}

/// The tutorial's document with an operation that lists webhooks: GitHub has one, the sample does not say so. Beside it
/// the parameters of the path.
fn listing_document(folder: &Path) -> (Value, Vec<Value>) {
    let mut document: Value = serde_json::from_slice(&std::fs::read(forge_file(folder)).unwrap()).unwrap();
    let hooks = &mut document["paths"]["/repos/{owner}/{repo}/hooks"];
    let parameters = hooks["post"]["parameters"].as_array().unwrap()[..2].to_vec();
    hooks["get"] =
        json!({"operationId": "listHooks", "parameters": parameters, "responses": {"200": {"description": "all"}}});
    (document, parameters)
}

/// Makes a connector of the document and a connection to the service; gives the connection's identifier.
fn connect(server: &Server, forge: &Service, document: &Value) -> Value {
    let settings = json!({"authentication": {"type": "basic"}, "host": forge.address, "scheme": "http"});
    let connector = server.post("/api/connectors", &json!({"document": document, "settings": settings}));
    let connection = server.post(
        "/api/connections",
        &json!({"connector_id": connector["id"], "name": "mine", "username": "ada", "password": "pw"}),
    );
    connection["id"].clone()
}

/// A flow with a webhook at a repository.
fn form(connection: &Value, repo: &str) -> Value {
    json!({"name": "Hooks", "definition": {"triggers": trigger(repo), "actions": {}},
        "connections": {"shared_forge": {"connection_id": connection}}})
}

/// Saves a flow from a thread of its own: whether the answer came before the kill.
fn saving(server: &Server, flow: &str, form: &Value) -> std::thread::JoinHandle<bool> {
    let (to, path, body) = (server.address.clone(), format!("/api/flows/{flow}"), form.to_string());
    let bearer = format!("Bearer {}", server.token);
    std::thread::spawn(move || {
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        try_http(&to, "PUT", &path, &headers, body.as_bytes(), Duration::from_secs(10)).is_some()
    })
}

/// How a service answers the deletion of the webhook that the path ends with.
fn deleted<V>(hooks: &Mutex<BTreeMap<u32, V>>, path: &str) -> Answer {
    let id = path.rsplit('/').next().and_then(|id| id.parse().ok()).unwrap_or(0);
    let known = hooks.lock().unwrap().remove(&id).is_some();
    Answer::new(if known { "204 No Content" } else { "404 Not Found" }, &Value::Null)
}

#[test]
fn no_webhook_is_left_that_the_server_does_not_know_of() {
    let mut random = Random(seed());
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    // The webhooks that exist at the service: number → callback URL.
    let hooks: Arc<Mutex<BTreeMap<u32, String>>> = Arc::default();
    let (own, next) = (Arc::clone(&hooks), AtomicU32::new(1));
    let forge = Service::start(move |call, address| {
        let mut answer = match call.method() {
            "POST" => {
                let id = next.fetch_add(1, Ordering::SeqCst);
                let url = call.json()["config"]["url"].as_str().unwrap_or_default().to_owned();
                own.lock().unwrap().insert(id, url);
                Answer::new("201 Created", &json!({"id": id}))
                    .with("Location", format!("http://{address}{}/{id}", call.path()))
            }
            "DELETE" => deleted(&own, call.path()),
            // The list of webhooks, as the service shows it.
            _ => {
                let hooks = own.lock().unwrap();
                let listed = hooks.iter().map(|(id, url)| {
                    json!({"id": id, "config": {"url": url}, "url": format!("http://{address}{}/{id}", call.path())})
                });
                Answer::new("200 OK", &listed.collect())
            }
        };
        answer.delay = Duration::from_millis(20);
        answer
    });
    let (document, _) = listing_document(folder.path());
    let mut server = Server::start(&data, "127.0.0.1:0", &[]);
    server.set_up();
    let (address, token) = (server.address.clone(), server.token.clone());
    let connection = connect(&server, &forge, &document);
    let form = |repo: &str| form(&connection, repo);
    let flow = server.post("/api/flows", &form("r0"))["id"].as_str().unwrap().to_owned();
    let mut cut = 0;
    for round in 1..=rounds() {
        // A changed trigger deletes one webhook and creates another; the kill falls somewhere into it.
        let saving = saving(&server, &flow, &form(&format!("r{round}")));
        std::thread::sleep(Duration::from_millis(random.next(70)));
        server.kill();
        cut += u32::from(!saving.join().unwrap());
        server = Server::start(&data, &address, &[]);
        server.token.clone_from(&token);
        // Exactly one webhook is left in the end, and it is the one that the flow names.
        let (begun, mut seen) = (Instant::now(), String::new());
        let mut in_order = || {
            let flow = server.get(&format!("/api/flows/{flow}"));
            let hooks = hooks.lock().unwrap().clone();
            let location = flow["webhook"]["location"].as_str().unwrap_or_default();
            let known = hooks.keys().all(|id| location.ends_with(&format!("/hooks/{id}")));
            seen = format!("round {round}: {} beside {hooks:?} at the service", flow["webhook"]);
            flow["webhook"]["state"] == "live" && hooks.len() == 1 && known
        };
        while !in_order() {
            if begun.elapsed() > Duration::from_secs(20) {
                panic!("{seen}\n{}", server.logged().lines().rev().take(30).collect::<Vec<_>>().join("\n"));
            }
            std::thread::sleep(Duration::from_millis(25));
        }
    }
    println!("{} kills while webhooks were changed, {cut} of them before the answer; no orphan", rounds());
    assert!(callback(&forge).len() > 30);
}

/// The number of a webhook, its callback URL and the secret that the service told in its handshake.
type Known = BTreeMap<u32, (String, String)>;

fn hex_mac(secret: &str, body: &[u8]) -> String {
    let mac = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes()), body);
    mac.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A call of the service at a callback URL; the status of the answer, and its `X-Hook-Secret`.
fn called(server: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<(u16, Option<String>)> {
    let place = &url[url.find("/callback/")?..];
    let answer = try_http(server, "POST", place, headers, body, Duration::from_secs(10))?;
    Some((answer.status(), answer.header("x-hook-secret").map(ToOwned::to_owned)))
}

#[test]
fn handshakes_and_renewals_that_a_kill_cuts_off_are_done_by_the_next_process() {
    let mut random = Random(seed());
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let hooks: Arc<Mutex<Known>> = Arc::default();
    let (next, renewed, door) = (AtomicU32::new(1), Arc::new(AtomicU32::new(0)), Arc::new(Mutex::new(String::new())));
    // A service that proves the address while it makes the webhook, as Asana does, and has it renewed.
    let (own, count, address) = (Arc::clone(&hooks), Arc::clone(&renewed), Arc::clone(&door));
    let forge = Service::start(move |call, _| {
        let mut answer = match call.method() {
            "POST" => {
                let id = next.fetch_add(1, Ordering::SeqCst);
                let url = call.json()["config"]["url"].as_str().unwrap_or_default().to_owned();
                let (secret, server) = (format!("secret-of-{id}"), address.lock().unwrap().clone());
                let told = called(&server, &url, &[("X-Hook-Secret", &secret)], b"{}");
                if told == Some((200, Some(secret.clone()))) {
                    own.lock().unwrap().insert(id, (url, secret));
                    Answer::new("201 Created", &json!({"id": id, "expires": "2100-01-01T00:00:00Z"}))
                } else {
                    Answer::new("400 Bad Request", &json!({"error": format!("the handshake was answered {told:?}")}))
                }
            }
            "PATCH" => {
                count.fetch_add(1, Ordering::SeqCst);
                Answer::new("200 OK", &json!({"expires": "2100-01-01T00:00:00Z"}))
            }
            "DELETE" => deleted(&own, call.path()),
            _ => {
                let hooks = own.lock().unwrap();
                let listed = hooks
                    .iter()
                    .map(|(id, (url, _))| json!({"id": id, "expires": "2100-01-01T00:00:00Z", "config": {"url": url}}));
                Answer::new("200 OK", &listed.collect())
            }
        };
        answer.delay = Duration::from_millis(40);
        answer
    });
    let (mut document, mut of_hook) = listing_document(folder.path());
    let mut hook = of_hook[0].clone();
    hook["name"] = json!("hook_Id");
    of_hook.push(hook);
    document["paths"]["/repos/{owner}/{repo}/hooks/{hook_Id}"]["patch"] =
        json!({"operationId": "renewHook", "parameters": of_hook, "responses": {"200": {"description": "renewed"}}});
    document["x-hookmill-preset"] = json!("asana");
    document["x-hookmill-ping"] = json!([{"body:/event": "renew"}]);
    document["x-hookmill-renewal"] = json!({"expires": "registration:/expires",
        "by": {"operationId": "renewHook", "parameters":
            {"owner": "{inputs:owner}", "repo": "{inputs:repo}", "hook_Id": "{registration:/id}"}},
        "lifecycle": [{"when": {"body:/event": "renew"}, "do": "renew"}]});
    let mut server = Server::start(&data, "127.0.0.1:0", &[]);
    server.set_up();
    let (listens, token) = (server.address.clone(), server.token.clone());
    door.lock().unwrap().clone_from(&listens);
    let connection = connect(&server, &forge, &document);
    let form = |repo: &str| form(&connection, repo);
    let flow = server.post("/api/flows", &form("r0"))["id"].as_str().unwrap().to_owned();
    let only = |server: &Server| {
        eventually("one webhook, and it is live", || {
            let state = server.get(&format!("/api/flows/{flow}"))["webhook"]["state"] == "live";
            let hooks = hooks.lock().unwrap();
            hooks.values().next().cloned().filter(|_| state && hooks.len() == 1)
        })
    };
    let demand = |hook: &(String, String)| {
        let body = br#"{"event":"renew"}"#;
        let mac = hex_mac(&hook.1, body);
        called(&listens, &hook.0, &[("X-Hook-Signature", &mac), ("Content-Type", "application/json")], body)
    };
    for round in 1..=KILLS_OF_UPKEEP {
        let hook = only(&server);
        let (calls, before) = (forge.calls().len(), renewed.load(Ordering::SeqCst));
        let is_renewal = round % 2 == 0;
        let saving = if is_renewal {
            assert_eq!(demand(&hook).map(|(status, _)| status), Some(200));
            None
        } else {
            Some(saving(&server, &flow, &form(&format!("r{round}"))))
        };
        // The kill falls into what the service is asked, the handshake among it.
        eventually("a call of the service", || (forge.calls().len() > calls).then_some(()));
        std::thread::sleep(Duration::from_millis(random.next(100)));
        server.kill();
        if let Some(saving) = saving {
            saving.join().unwrap();
        }
        server = Server::start(&data, &listens, &[]);
        server.token.clone_from(&token);
        if is_renewal {
            eventually("the renewal", || (renewed.load(Ordering::SeqCst) > before).then_some(()));
        }
    }
    // The secret of the webhook that is left is that of its handshake.
    let hook = only(&server);
    let body = br#"{"events":[{"resource":"r"}]}"#;
    let send = |mac: &str| called(&listens, &hook.0, &[("X-Hook-Signature", mac)], body).map(|(status, _)| status);
    assert_eq!((send(&hex_mac("guessed", body)), send(&hex_mac(&hook.1, body))), (Some(401), Some(200)));
    println!("{KILLS_OF_UPKEEP} kills in handshakes and renewals; {} renewals", renewed.load(Ordering::SeqCst));
}
