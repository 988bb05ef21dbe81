//! One server is killed under load, one is paused beyond its lease and wakes, one is cut off from the database, and the
//! database is restarted: what was acknowledged has run, and a call was repeated only with its key. A checker reads the
//! database afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hookmill_store_postgres::cluster::{Cluster, ClusterOptions};
use serde_json::{Value, json};

use crate::side_by_side::{ALONE, Node, WAIT, Wire, owned_by, set_up};
use crate::support::{Answer, Service, eventually, hookmill, text, try_http};

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
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
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
    assert!(after_stop < bound, "hand-over took too long");
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
