//! Three servers on one database share the flows. One is killed under load, one is paused beyond its lease and wakes, one
//! is cut off from the database, and the database is restarted: what was acknowledged has run, and a call was repeated
//! only with its key. A checker reads the database afterwards.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)] // Tests may stop at once.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hookmill_store_postgres::cluster::{Cluster, ClusterOptions};
use serde_json::{Value, json};
use support::{Answer, BINARY, SETUP_TOKEN, Service, eventually, hookmill, text, try_http};

const WAIT: Duration = Duration::from_secs(20);
const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// One of several servers on a database.
struct Node {
    child: Child,
    address: String,
    name: String,
}

impl Node {
    fn start(folder: &Path, name: &str, store: &str) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let log = std::fs::File::options().create(true).append(true).open(folder.join(format!("{name}.log"))).unwrap();
        let child = Command::new(BINARY)
            .args(["serve", "--listen", &address, "--node-name", name, "--setup-token", SETUP_TOKEN])
            .args([
                "--public-url",
                "http://flows.example.org",
                "--allow-address",
                "127.0.0.0/8",
                "--log",
                "info",
                "--data",
            ])
            .arg(folder.join(name))
            .env("HOOKMILL_STORE", store)
            .env("HOOKMILL_MASTER_KEY", KEY)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let node = Self { child, address, name: name.to_owned() };
        eventually("a server that is ready", || (node.status("/health/ready") == Some(200)).then_some(()));
        node
    }

    fn status(&self, path: &str) -> Option<u16> {
        try_http(&self.address, "GET", path, &[], b"", WAIT).map(|answer| answer.status())
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    fn call(&self, method: &str, path: &str, token: &str, body: &Value) -> Option<(u16, Value)> {
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = try_http(&self.address, method, path, &headers, body.as_bytes(), WAIT)?;
        let value = if answer.body.is_empty() { Value::Null } else { answer.json() };
        Some((answer.status(), value))
    }

    /// The answer to a call that must work.
    fn done(&self, method: &str, path: &str, token: &str, body: &Value) -> Value {
        let (status, answer) = self.call(method, path, token, body).unwrap();
        assert!((200..300).contains(&status), "{} {method} {path}: {status} {answer}", self.name);
        answer
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Stands between a server and the database, and can be cut.
struct Wire {
    port: u16,
    is_cut: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Wire {
    fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().port();
        let (is_cut, open): (Arc<AtomicBool>, Arc<Mutex<Vec<TcpStream>>>) = Default::default();
        let (cut, opened) = (Arc::clone(&is_cut), Arc::clone(&open));
        std::thread::spawn(move || {
            for caller in listener.incoming().map_while(Result::ok) {
                if cut.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(database) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                for (mut from, mut to) in [
                    (caller.try_clone().unwrap(), database.try_clone().unwrap()),
                    (database.try_clone().unwrap(), caller.try_clone().unwrap()),
                ] {
                    let cut = Arc::clone(&cut);
                    std::thread::spawn(move || {
                        let mut bytes = [0; 65_536];
                        while let Ok(count @ 1..) = from.read(&mut bytes) {
                            // What is on its way while the wire is cut is gone, and nobody is told.
                            if !cut.load(Ordering::SeqCst) && to.write_all(&bytes[..count]).is_err() {
                                break;
                            }
                        }
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
                opened.lock().unwrap().extend([caller, database]);
            }
        });
        Self { port: own, is_cut, open }
    }

    fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
    }

    /// New connections come through; the old ones break.
    fn mend(&self) {
        self.is_cut.store(false, Ordering::SeqCst);
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// The shards of each server, by name.
fn shards(cluster: &Cluster, database: &str) -> BTreeMap<String, u64> {
    let sql = "SELECT n.name, count(*) FROM hookmill.shard s JOIN hookmill.node n ON n.id = s.owner
               WHERE s.until > now() GROUP BY n.name";
    // While the database is away nobody owns anything.
    let Ok(rows) = cluster.run(database, sql) else { return BTreeMap::new() };
    let row = |line: &str| {
        let (name, count) = line.split_once('|')?;
        Some((name.to_owned(), count.parse().ok()?))
    };
    rows.lines().filter_map(row).collect()
}

/// Until all shards belong to these servers and to no other; how long that took.
fn owned_by(cluster: &Cluster, database: &str, names: &[&str]) -> Duration {
    let begun = Instant::now();
    let wanted: BTreeSet<&str> = names.iter().copied().collect();
    eventually("the shards in other hands", || {
        let owners = shards(cluster, database);
        let all = owners.values().sum::<u64>() == 256;
        let own = owners.keys().map(String::as_str).collect::<BTreeSet<_>>() == wanted;
        let fair = owners.values().all(|count| *count <= 256_u64.div_ceil(names.len() as u64));
        (all && own && fair).then_some(())
    });
    begun.elapsed()
}

/// Sends numbers to the doors of flows at any server, and notes what was acknowledged.
struct Load {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<Mutex<BTreeSet<u64>>>,
    senders: Vec<std::thread::JoinHandle<()>>,
}

impl Load {
    fn begin(addresses: &[String], doors: &[String]) -> Self {
        let (stop, numbers): (Arc<AtomicBool>, Arc<AtomicU64>) = Default::default();
        let acknowledged: Arc<Mutex<BTreeSet<u64>>> = Arc::default();
        let sender = |mut own: usize| {
            let (stop, numbers, acknowledged) = (Arc::clone(&stop), Arc::clone(&numbers), Arc::clone(&acknowledged));
            let (addresses, doors) = (addresses.to_vec(), doors.to_vec());
            std::thread::spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    let n = numbers.fetch_add(1, Ordering::SeqCst);
                    let body = json!({"n": n}).to_string();
                    let door = &doors[usize::try_from(n).unwrap() % doors.len()];
                    // A sender goes on with the next server, and with another number: what had no answer may be there.
                    let headers = [("Content-Type", "application/json")];
                    let address = &addresses[own % addresses.len()];
                    let answer = try_http(address, "POST", door, &headers, body.as_bytes(), Duration::from_secs(2));
                    if answer.is_some_and(|answer| answer.status() == 202) {
                        acknowledged.lock().unwrap().insert(n);
                    } else {
                        own += 1;
                    }
                    std::thread::sleep(Duration::from_millis(15));
                }
            })
        };
        let senders = (0..addresses.len()).map(sender).collect();
        Self { stop, acknowledged, senders }
    }

    fn count(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    /// Until so many more were acknowledged.
    fn goes_on(&self, more: usize) {
        let before = self.count();
        eventually("acknowledgements", || (self.count() >= before + more).then_some(()));
    }

    fn end(self) -> BTreeSet<u64> {
        self.stop.store(true, Ordering::SeqCst);
        self.senders.into_iter().for_each(|sender| sender.join().unwrap());
        self.acknowledged.lock().unwrap().clone()
    }
}

/// What must hold in the database once nothing is under way.
fn check(cluster: &Cluster, database: &str) {
    let none = [
        // The journal of each run has no gap and begins at 0.
        "SELECT count(*) FROM (SELECT run, first, lag(first) OVER (PARTITION BY run ORDER BY first) AS before
         FROM hookmill.fact) AS f WHERE (before IS NULL) <> (first = 0)",
        // Every event has its run, and none stands in the queue.
        "SELECT count(*) FROM hookmill.event e WHERE NOT EXISTS (SELECT FROM hookmill.run r WHERE r.event = e.id)",
        "SELECT count(*) FROM hookmill.pending",
        // Nothing is open, and no timer is left of what has ended.
        "SELECT count(*) FROM hookmill.run WHERE status < 2",
        "SELECT count(*) FROM hookmill.timer t WHERE kind = 0
             AND NOT EXISTS (SELECT FROM hookmill.run r WHERE r.id = t.id AND r.status < 2)",
        // No run was written under an epoch that its shard has not had yet.
        "SELECT count(*) FROM hookmill.run r JOIN hookmill.shard s ON s.id = get_byte(r.flow, 15) WHERE r.epoch > s.epoch",
    ];
    for sql in none {
        assert_eq!(cluster.run(database, sql).unwrap(), "0", "{sql}");
    }
}

#[test]
fn servers_share_the_work_and_take_over_what_one_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let durable = ClusterOptions { durable: true, ..ClusterOptions::default() };
    let Some(mut cluster) = Cluster::start(folder.path(), &durable).unwrap() else { return };
    let database = cluster.database().unwrap();
    let store = cluster.address(&database);
    let sink = Service::start(|_, _| Answer::new("200 OK", &json!({"ok": true})));
    let wire = Wire::to(cluster.port());
    let far = store.replace(&format!(":{}", cluster.port()), &format!(":{}", wire.port));
    assert_ne!(far, store);

    let one = Node::start(folder.path(), "one", &store);
    let token = set_up(&one);
    let two = Node::start(folder.path(), "two", &store);
    let three = Node::start(folder.path(), "three", &far);
    let joined = owned_by(&cluster, &database, &["one", "two", "three"]);
    let listed = text(&hookmill(&["node", "list", "--json", "--store", &store], &[]).stdout).to_owned();
    assert_eq!(listed.lines().filter(|line| line.contains("\"works\"")).count(), 3, "{listed}");

    // Flows are made at every server, and are there for all.
    let nodes = [&one, &two, &three];
    let mut doors = Vec::new();
    for number in 0..12 {
        let actions = json!({"Call": {"type": "Http", "inputs": {"method": "POST",
            "uri": format!("http://{}/call", sink.address), "body": {"n": "@triggerBody()?['n']"},
            "retryPolicy": {"type": "none"}}}});
        let definition = json!({"triggers": {"manual": {"type": "Request"}}, "actions": actions});
        let flow = json!({"name": format!("Load {number}"), "definition": definition});
        let flow = nodes[number % 3].done("POST", "/api/flows", &token, &flow);
        let url = flow["webhook"]["callback_url"].as_str().unwrap().to_owned();
        doors.push(url[url.find("/workflows/").unwrap()..].to_owned());
    }
    let answering = json!({"triggers": {"manual": {"type": "Request"}},
        "actions": {"Answer": {"type": "Response", "inputs": {"statusCode": 200, "body": "@triggerBody()"}}}});
    let answering = one.done("POST", "/api/flows", &token, &json!({"name": "Answer", "definition": answering}));
    let url = answering["webhook"]["callback_url"].as_str().unwrap().to_owned();
    let door = &url[url.find("/workflows/").unwrap()..];
    for node in nodes {
        let headers = [("Content-Type", "application/json")];
        let answer = try_http(&node.address, "POST", door, &headers, br#"{"n":7}"#, WAIT).unwrap();
        assert_eq!((answer.status(), answer.json()), (200, json!({"n": 7})), "a caller that waits at {}", node.name);
    }

    failures_are_told(nodes, &token);

    let addresses: Vec<String> = nodes.iter().map(|node| node.address.clone()).collect();
    let load = Load::begin(&addresses, &doors);
    load.goes_on(60);

    let mut one = one;
    one.child.kill().unwrap();
    one.child.wait().unwrap();
    let after_death = owned_by(&cluster, &database, &["two", "three"]);
    load.goes_on(30);

    two.signal("STOP");
    let after_pause = owned_by(&cluster, &database, &["three"]);
    load.goes_on(30);
    two.signal("CONT");
    owned_by(&cluster, &database, &["two", "three"]);

    wire.cut();
    let after_cut = owned_by(&cluster, &database, &["two"]);
    load.goes_on(30);
    wire.mend();
    owned_by(&cluster, &database, &["two", "three"]);

    cluster.stop("immediate").unwrap();
    cluster.resume().unwrap();
    owned_by(&cluster, &database, &["two", "three"]);
    load.goes_on(30);

    let begun = Instant::now();
    two.signal("TERM");
    owned_by(&cluster, &database, &["three"]);
    let after_stop = begun.elapsed();
    load.goes_on(30);
    let acknowledged = load.end();
    println!(
        "joined in {:.1} s; taken over {:.1} s after a kill, {:.1} s after a pause, {:.1} s after a cut, {:.1} s after an \
         orderly stop began; {} acknowledged",
        joined.as_secs_f64(),
        after_death.as_secs_f64(),
        after_pause.as_secs_f64(),
        after_cut.as_secs_f64(),
        after_stop.as_secs_f64(),
        acknowledged.len()
    );
    eventually("the end of all runs", || {
        let open =
            "SELECT (SELECT count(*) FROM hookmill.run WHERE status < 2) + (SELECT count(*) FROM hookmill.pending)";
        (cluster.run(&database, open).unwrap() == "0").then_some(())
    });
    check(&cluster, &database);
    let mut seen: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for call in sink.calls() {
        let key = call.header("idempotency-key").unwrap_or_default().to_owned();
        seen.entry(call.json()["n"].as_u64().unwrap()).or_default().push(key);
    }
    let lost: Vec<_> = acknowledged.iter().filter(|n| !seen.contains_key(n)).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let strangers = seen.values().filter(|keys| keys.iter().any(|key| *key != keys[0])).count();
    assert_eq!(strangers, 0, "calls repeated with another key");
    let bound = Duration::from_secs(if cfg!(debug_assertions) { 40 } else { 15 });
    assert!(after_death < bound && after_pause < bound && after_cut < bound, "take-over took too long");
}

/// What flows want when their runs fail is asked for at one server, and done by whichever looks after the flow.
fn failures_are_told(nodes: [&Node; 3], token: &str) {
    let [asked, ..] = nodes;
    let ends = json!({"End": {"type": "Terminate", "inputs": {"runStatus": "Failed"}}});
    let names: Vec<String> = (0..9).map(|number| format!("Fails {number}")).collect();
    let mut doors = Vec::new();
    for name in &names {
        let definition = json!({"triggers": {"manual": {"type": "Request"}}, "actions": ends});
        let flow = asked.done("POST", "/api/flows", token, &json!({"name": name, "definition": definition}));
        let path = format!("/api/flows/{}/on-failure", flow["id"].as_str().unwrap());
        asked.done("PUT", &path, token, &json!({"notify": true, "minutes": 0}));
        let url = flow["webhook"]["callback_url"].as_str().unwrap().to_owned();
        doors.push(url[url.find("/workflows/").unwrap()..].to_owned());
    }
    eventually("what each server tells of failures", || {
        // Other servers hear of a setting a moment later.
        for (door, node) in doors.iter().zip(nodes.iter().cycle()) {
            try_http(&node.address, "POST", door, &[("Content-Type", "application/json")], b"{}", WAIT)?;
        }
        let told = asked.done("GET", "/api/notifications?limit=500", token, &Value::Null)["items"].to_string();
        names.iter().all(|name| told.contains(&format!("{name} failed"))).then_some(())
    });
}

/// Makes the owner's account, and gives a token.
fn set_up(node: &Node) -> String {
    let url = format!("http://{}", node.address);
    let account = ["--name", "Ada", "--email", "ada@example.org", "--password", "a long password"];
    let arguments = ["setup", "--url", &url, "--setup-token", SETUP_TOKEN].into_iter().chain(account);
    let made = hookmill(&arguments.collect::<Vec<_>>(), &[]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    text(&made.stdout).trim().to_owned()
}
