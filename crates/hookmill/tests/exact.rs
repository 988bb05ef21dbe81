//! What the real binary does exactly once: planned restarts, a full disk, webhooks that a kill or a restore leaves open.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)] // Tests may stop at once.

mod support;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Answer, Server, Service, eventually, forge_file, hookmill, text, trigger, try_http};

/// A service that takes its time for each call.
fn sink(delay: Duration) -> Service {
    Service::start(move |_, _| {
        let mut answer = Answer::new("200 OK", &json!({"ok": true}));
        answer.delay = delay;
        answer
    })
}

/// A flow that calls the service twice for each event; gives the path of its own address.
fn calling_flow(server: &Server, sink: &Service) -> String {
    let call = |path: &str, after: &Value| {
        json!({"type": "Http", "runAfter": after, "inputs": {"method": "POST", "uri": format!("http://{}/{path}", sink.address),
            "body": "@triggerBody()?['n']", "retryPolicy": {"type": "none"}}})
    };
    let actions =
        json!({"First": call("first", &json!({})), "Second": call("second", &json!({"First": ["Succeeded"]}))});
    let definition = json!({"triggers": {"manual": {"type": "Request"}}, "actions": actions});
    let flow = server.post("/api/flows", &json!({"name": "Calls", "definition": definition}));
    let url = flow["webhook"]["callback_url"].as_str().unwrap().to_owned();
    url[url.find("/workflows/").unwrap()..].to_owned()
}

fn send(address: &str, door: &str, n: u64) -> Option<u16> {
    let headers = [("Content-Type", "application/json")];
    let body = json!({"n": n}).to_string();
    try_http(address, "POST", door, &headers, body.as_bytes(), Duration::from_secs(2)).map(|answer| answer.status())
}

/// How often each call came.
fn performed(sink: &Service) -> BTreeMap<(String, String), usize> {
    let mut seen = BTreeMap::new();
    for call in sink.calls() {
        *seen.entry((call.path().to_owned(), text(&call.body))).or_insert(0) += 1;
    }
    seen
}

/// All events have made both calls, and none was made twice.
fn each_once(sink: &Service, accepted: usize) {
    let last = Mutex::new(0);
    eventually("both calls of each event", || {
        let seen = performed(sink).len();
        *last.lock().unwrap() = seen;
        (seen >= 2 * accepted).then_some(())
    });
    // What would come a second time comes soon.
    std::thread::sleep(Duration::from_millis(500));
    let twice: Vec<_> = performed(sink).into_iter().filter(|(_, times)| *times > 1).collect();
    assert_eq!(twice, [], "calls that were performed twice, of {}", last.into_inner().unwrap());
}

#[test]
fn planned_restarts_perform_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let sink = sink(Duration::from_millis(300));
    let mut server = Server::start(&data, "127.0.0.1:0", &[]);
    server.set_up();
    let (address, token) = (server.address.clone(), server.token.clone());
    let door = calling_flow(&server, &sink);
    let mut accepted = 0;
    for round in 0..3 {
        for n in 0..40 {
            accepted += usize::from(send(&address, &door, round * 100 + n) == Some(202));
        }
        // Calls are under way.
        server.signal("TERM");
        let took = server.ended_within(Duration::from_secs(25)).expect("it ends once its calls have");
        println!("round {round}: ended {} ms after the signal", took.as_millis());
        let begun = Instant::now();
        server = Server::start(&data, &address, &[]);
        assert_eq!(send(&address, &door, round * 100 + 50), Some(202));
        accepted += 1;
        println!("the first 202 came {} ms after the start", begun.elapsed().as_millis());
        server.token.clone_from(&token);
    }
    each_once(&sink, accepted);
}

#[test]
fn a_steady_load_with_planned_restarts_loses_nothing() {
    // The long form lasts an hour.
    let seconds = std::env::var("HOOKMILL_LOAD_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(5);
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    // How often both calls of each event came, by its number.
    let made: Arc<Mutex<Vec<[u8; 2]>>> = Arc::default();
    let count = Arc::clone(&made);
    let sink = Service::start_unrecorded(move |call, _| {
        let number: usize = text(&call.body).parse().unwrap();
        let mut made = count.lock().unwrap();
        if made.len() <= number {
            made.resize(number + 1, [0; 2]);
        }
        made[number][usize::from(call.path() == "/second")] += 1;
        Answer::new("200 OK", &json!({}))
    });
    let mut server = Server::start(&data, "127.0.0.1:0", &[]);
    server.set_up();
    let (address, token) = (server.address.clone(), server.token.clone());
    let door = calling_flow(&server, &sink);
    let (begun, mut accepted, mut slots) = (Instant::now(), Vec::new(), 0_u64);
    let mut restart_at = Duration::from_secs(seconds / 2);
    while begun.elapsed() < Duration::from_secs(seconds) {
        if send(&address, &door, slots) == Some(202) {
            accepted.push(usize::try_from(slots).unwrap());
        }
        slots += 1;
        if begun.elapsed() > restart_at {
            restart_at += Duration::from_secs(60);
            server.signal("TERM");
            assert!(server.ended_within(Duration::from_secs(30)).is_some());
            server = Server::start(&data, &address, &[]);
            server.token.clone_from(&token);
        }
        // 200 in a second, as long as they are answered in time.
        let next = Duration::from_millis(5 * slots);
        std::thread::sleep(next.saturating_sub(begun.elapsed()));
    }
    let is_made = |number: &usize| made.lock().unwrap().get(*number).is_some_and(|calls| calls.iter().all(|n| *n > 0));
    eventually("both calls of each event", || accepted.iter().all(is_made).then_some(()));
    std::thread::sleep(Duration::from_millis(300));
    // An event whose answer did not come in time may have been taken nevertheless; its calls are made once, too.
    let made = made.lock().unwrap();
    let twice: Vec<usize> = (0..made.len()).filter(|number| made[*number].iter().any(|times| *times > 1)).collect();
    assert_eq!(twice, [0; 0], "calls were performed twice");
    let (accepted, peak) = (accepted.len(), server.memory_peak_kib() / 1_024);
    println!("{accepted} of {slots} events in {seconds} s; {peak} MiB at most");
}

/// A small file system in memory; unmounted at the end.
struct Small(PathBuf);

impl Small {
    /// `None` where this process may not mount one.
    fn mount(at: &Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let made = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(at).output();
        made.is_ok_and(|made| made.status.success()).then(|| Self(at.to_owned()))
    }

    /// Takes all room that is left.
    fn fill(&self) -> PathBuf {
        let filling = self.0.join("filling");
        let mut file = std::fs::File::create(&filling).unwrap();
        while file.write_all(&[1; 4_096]).is_ok() {}
        filling
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_performs_nothing_twice_and_heals() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Small::mount(&folder.path().join("disk"), "40m") else {
        println!("no small file system can be mounted here: the full disk is not tried");
        return;
    };
    let sink = sink(Duration::from_millis(100));
    // What the server logs stands elsewhere.
    std::fs::create_dir(disk.0.join("data")).unwrap();
    let data = folder.path().join("data");
    std::os::unix::fs::symlink(disk.0.join("data"), &data).unwrap();
    let mut server = Server::start(&data, "127.0.0.1:0", &[]);
    server.set_up();
    let (address, door) = (server.address.clone(), calling_flow(&server, &sink));
    let mut accepted: u64 = 0;
    let mut statuses: BTreeMap<Option<u16>, u32> = BTreeMap::new();
    let mut load = |from: u64, count: u64, accepted: &mut u64| {
        for n in from..from + count {
            let status = send(&address, &door, n);
            *accepted += u64::from(status == Some(202));
            *statuses.entry(status).or_insert(0) += 1;
        }
    };
    load(0, 60, &mut accepted);
    let filling = disk.fill();
    let begun = Instant::now();
    let mut next = 1_000;
    while begun.elapsed() < Duration::from_secs(10) {
        load(next, 5, &mut accepted);
        next += 5;
    }
    assert_eq!(server.get("/api/session")["user"]["name"], "Ada", "the pages are readable");
    std::fs::remove_file(filling).unwrap();
    let healed = Instant::now();
    while send(&address, &door, 9_000) != Some(202) {
        let log = server.logged();
        assert!(
            healed.elapsed() < Duration::from_secs(15),
            "it does not heal ({statuses:?}):\n{}",
            log.lines().rev().take(20).collect::<Vec<_>>().join("\n")
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    println!("healed in {} ms; {accepted} accepted, answers {statuses:?}", healed.elapsed().as_millis());
    assert!(statuses.contains_key(&Some(503)), "the disk was never full: {statuses:?}");
    let known = [None, Some(202), Some(503)];
    assert!(statuses.keys().all(|status| known.contains(status)), "{statuses:?}");
    each_once(&sink, usize::try_from(accepted).unwrap() + 1);
    // A line for each state, not for each event that is refused or waits.
    let log = server.logged();
    let lines = log.lines().filter(|line| line.contains("the store refuses what it is given")).count();
    println!("{lines} lines say that the store refuses; the answers were {statuses:?}");
    assert!((1..=40).contains(&lines), "{log}");
}

/// The webhooks of a service: number → callback URL.
type Hooks = Arc<Mutex<BTreeMap<u32, String>>>;

/// A service that creates webhooks at once and answers late, and whose list fails so often.
fn forge(slow: Duration, failing_lists: Arc<AtomicU32>) -> (Service, Hooks) {
    let hooks: Hooks = Arc::default();
    let (own, next) = (Arc::clone(&hooks), AtomicU32::new(1));
    let forge = Service::start(move |call, address| match call.method() {
        "POST" => {
            let id = next.fetch_add(1, Ordering::SeqCst);
            let url = call.json()["config"]["url"].as_str().unwrap_or_default().to_owned();
            own.lock().unwrap().insert(id, url);
            let location = format!("http://{address}{}/{id}", call.path());
            let mut answer = Answer::new("201 Created", &json!({"id": id})).with("Location", location);
            answer.delay = slow;
            answer
        }
        "DELETE" => {
            let id = call.path().rsplit('/').next().and_then(|id| id.parse().ok()).unwrap_or(0);
            let known = own.lock().unwrap().remove(&id).is_some();
            Answer::new(if known { "204 No Content" } else { "404 Not Found" }, &Value::Null)
        }
        _ if failing_lists.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() => {
            Answer::new("503 Service Unavailable", &json!({"message": "later"})).with("Retry-After", "1")
        }
        _ => {
            let hooks = own.lock().unwrap();
            let listed = hooks.iter().map(|(id, url)| {
                json!({"id": id, "config": {"url": url}, "url": format!("http://{address}{}/{id}", call.path())})
            });
            Answer::new("200 OK", &listed.collect())
        }
    });
    (forge, hooks)
}

/// A connector for it that can list, with a connection; gives the connection's identifier.
fn connect(server: &Server, folder: &Path, forge: &Service) -> Value {
    let mut document: Value = serde_json::from_slice(&std::fs::read(forge_file(folder)).unwrap()).unwrap();
    let own = &mut document["paths"]["/repos/{owner}/{repo}/hooks"];
    let parameters = own["post"]["parameters"].as_array().unwrap()[..2].to_vec();
    own["get"] =
        json!({"operationId": "listHooks", "parameters": parameters, "responses": {"200": {"description": "all"}}});
    let settings = json!({"authentication": {"type": "basic"}, "host": forge.address, "scheme": "http"});
    let connector = server.post("/api/connectors", &json!({"document": document, "settings": settings}));
    let form = json!({"connector_id": connector["id"], "name": "mine", "username": "ada", "password": "pw"});
    server.post("/api/connections", &form)["id"].clone()
}

fn hook_flow(name: &str, connection: &Value) -> Value {
    json!({"name": name, "definition": {"triggers": trigger(name), "actions": {}},
        "connections": {"shared_forge": {"connection_id": connection}}})
}

#[test]
fn a_kill_during_a_creation_leaves_no_webhook_behind_though_the_list_fails() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let failing = Arc::new(AtomicU32::new(0));
    let (forge, hooks) = forge(Duration::from_secs(20), Arc::clone(&failing));
    let mut server = Server::start(&data, "127.0.0.1:0", &[]);
    server.set_up();
    let (address, token) = (server.address.clone(), server.token.clone());
    let connection = connect(&server, folder.path(), &forge);
    for (round, change) in ["deleted", "off", "kept"].into_iter().enumerate() {
        let (to, bearer, body) =
            (address.clone(), format!("Bearer {token}"), hook_flow(&format!("r{round}"), &connection).to_string());
        let saving = std::thread::spawn(move || {
            let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
            try_http(&to, "POST", "/api/flows", &headers, body.as_bytes(), Duration::from_secs(5)).is_some()
        });
        eventually("the creation at the service", || (hooks.lock().unwrap().len() == 1).then_some(()));
        failing.store(3, Ordering::SeqCst);
        server.kill();
        assert!(!saving.join().unwrap(), "the answer was cut off");
        server = Server::start(&data, &address, &[]);
        server.token.clone_from(&token);
        let flow = server.get("/api/flows")["items"][0]["id"].as_str().unwrap().to_owned();
        match change {
            "deleted" => assert_eq!(server.call("DELETE", &format!("/api/flows/{flow}"), &Value::Null).0, 204),
            "off" => drop(server.post(&format!("/api/flows/{flow}/off"), &Value::Null)),
            _ => {}
        }
        if change == "kept" {
            eventually("the webhook that was found", || {
                let flow = server.get(&format!("/api/flows/{flow}"));
                (flow["webhook"]["state"] == "live" && hooks.lock().unwrap().len() == 1).then_some(())
            });
        } else {
            eventually("the end of the webhook", || hooks.lock().unwrap().is_empty().then_some(()));
        }
        assert!(forge.lines().iter().filter(|line| line.starts_with("GET")).count() >= 4 * (round + 1));
    }
    let created = forge.lines().iter().filter(|line| line.starts_with("POST")).count();
    assert_eq!(created, 3, "each was created once");
}

#[test]
fn a_restore_asks_for_every_webhook_and_names_those_made_after_the_backup() {
    let folder = tempfile::tempdir().unwrap();
    let (data, copy, restored) = (folder.path().join("data"), folder.path().join("copy"), folder.path().join("new"));
    let (forge, hooks) = forge(Duration::ZERO, Arc::default());
    let mut server = Server::start(&data, "127.0.0.1:0", &[]);
    server.set_up();
    let (address, token) = (server.address.clone(), server.token.clone());
    let connection = connect(&server, folder.path(), &forge);
    let kept = server.post("/api/flows", &hook_flow("kept", &connection))["id"].as_str().unwrap().to_owned();
    let lost = server.post("/api/flows", &hook_flow("lost", &connection))["id"].as_str().unwrap().to_owned();
    let made = hookmill(&["backup", "--data", data.to_str().unwrap(), copy.to_str().unwrap()], &[]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    // After the backup one webhook is made, and one is deleted.
    server.post("/api/flows", &hook_flow("later", &connection));
    server.post(&format!("/api/flows/{lost}/off"), &Value::Null);
    assert_eq!(hooks.lock().unwrap().keys().copied().collect::<Vec<_>>(), [1, 3]);
    server.kill();
    let made = hookmill(&["restore", copy.to_str().unwrap(), "--data", restored.to_str().unwrap()], &[]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let mut server = Server::start(&restored, &address, &[]);
    server.token = token;
    for flow in [&kept, &lost] {
        eventually("a webhook that is live", || {
            (server.get(&format!("/api/flows/{flow}"))["webhook"]["state"] == "live").then_some(())
        });
    }
    assert_eq!(hooks.lock().unwrap().keys().copied().collect::<Vec<_>>(), [1, 3, 4], "the lost one was made again");
    let attention = server.get("/api/attention");
    let items: Vec<&Value> =
        attention["items"].as_array().unwrap().iter().filter(|item| item["kind"] == "webhook_undeleted").collect();
    assert!(!items.is_empty(), "{attention}");
    assert!(items.iter().all(|item| item["detail"].as_str().unwrap().contains("/hooks/3")), "{items:?}");
}
