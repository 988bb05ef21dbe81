//! What waits at a server goes on at another one when that is drained or dies, though their clocks are an hour apart.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use hookmill_store_postgres::cluster::{Cluster, ClusterOptions};
use serde_json::{Value, json};

use crate::side_by_side::{ALONE, Node, WAIT, owned_by, set_up, shards};
use crate::support::{Answer, Service, eventually_within, hookmill, text, try_http};

/// Moves the clock of a process by as many seconds as `TEST_CLOCK_S` says.
const LIBRARY: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    __typeof__(&clock_gettime) real = (__typeof__(&clock_gettime)) dlsym(RTLD_NEXT, "clock_gettime");
    const char *seconds = getenv("TEST_CLOCK_S");
    int result = real(clock, now);
    if (result == 0 && clock == CLOCK_REALTIME && seconds) now->tv_sec += atol(seconds);
    return result;
}
"#;

/// Builds the library; `None`, with a printed line, where there is no C compiler.
fn library(folder: &Path) -> Option<PathBuf> {
    let (source, library) = (folder.join("clock.c"), folder.join("clock.so"));
    std::fs::write(&source, LIBRARY).unwrap();
    let mut compiler = Command::new("cc");
    match compiler.args(["-shared", "-fPIC", "-O1", "-o"]).args([&library, &source]).arg("-ldl").output() {
        Ok(built) => assert!(built.status.success(), "{}", text(&built.stderr)),
        Err(_) => {
            println!("there is no C compiler here: the clocks of the servers agree");
            return None;
        }
    }
    Some(library)
}

struct World {
    cluster: Cluster,
    database: String,
    token: String,
    service: Service,
}

impl World {
    /// How often the service was called at a path.
    fn called(&self, path: &str) -> usize {
        self.service.calls().iter().filter(|call| call.path() == path).count()
    }

    fn goes_on(&self, path: &str, more: usize) {
        let before = self.called(path);
        eventually_within(path, WAIT, || (self.called(path) >= before + more).then_some(()));
    }

    /// Makes flows at a server until one is looked after by `owner`; what the server says of it.
    fn flow_of(&self, owner: &str, asked: &Node, trigger: &Value, actions: &Value) -> Value {
        let definition = json!({"triggers": {"When": trigger}, "actions": actions});
        for _ in 0..64 {
            let form = json!({"name": "Flow", "definition": definition});
            let made = asked.done("POST", "/api/flows", &self.token, &form);
            let id = made["id"].as_str().unwrap();
            let sql = "SELECT n.name FROM hookmill.shard s JOIN hookmill.node n ON n.id = s.owner
                 WHERE s.id = (SELECT get_byte(id, 15) FROM hookmill.flow ORDER BY id DESC LIMIT 1)";
            if self.cluster.run(&self.database, sql).unwrap() == owner {
                return made;
            }
            asked.done("DELETE", &format!("/api/flows/{id}"), &self.token, &Value::Null);
        }
        panic!("{owner} looks after no flow of 64");
    }

    fn call(&self, path: &str, after: &Value) -> Value {
        let uri = format!("http://{}{path}", self.service.address);
        let inputs = json!({"method": "POST", "uri": uri, "retryPolicy": {"type": "none"}});
        json!({"type": "Http", "inputs": inputs, "runAfter": after})
    }

    /// The path of a flow's own address.
    fn door(flow: &Value) -> String {
        let url = flow["webhook"]["callback_url"].as_str().unwrap();
        url[url.find("/workflows/").unwrap()..].to_owned()
    }
}

fn send(node: &Node, door: &str) {
    let answer = try_http(&node.address, "POST", door, &[("Content-Type", "application/json")], b"{}", WAIT).unwrap();
    assert_eq!(answer.status(), 202, "{}: {}", node.name, text(&answer.body));
}

#[test]
fn what_waits_goes_on_elsewhere_though_clocks_differ() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let Some(cluster) = Cluster::start(folder.path(), &ClusterOptions::default()).unwrap() else { return };
    let library = library(folder.path());
    let database = cluster.database().unwrap();
    let store = cluster.address(&database);
    let start = |name: &str, seconds: &str| {
        let clock = library
            .iter()
            .flat_map(|library| [("LD_PRELOAD", library.as_os_str()), ("TEST_CLOCK_S", OsStr::new(seconds))]);
        Node::start_in(folder.path(), name, &store, &clock.collect::<Vec<_>>())
    };
    let service = Service::start(|call, _| match call.method() {
        "GET" => Answer::new("200 OK", &json!({"n": 1})),
        _ => Answer::new("200 OK", &json!({})),
    });

    let one = start("one", "0");
    let token = set_up(&one);
    let ahead = start("ahead", "3600");
    owned_by(&cluster, &database, &["one", "ahead"]);
    let world = World { cluster, database, token, service };
    if library.is_some() {
        let log = std::fs::read_to_string(folder.path().join("ahead.log")).unwrap();
        assert!(log.contains("differs from the database's"), "{log}");
    }

    // Each is looked after by the server that is an hour ahead.
    let often = json!({"frequency": "Second", "interval": 1});
    let ticks = json!({"type": "Recurrence", "recurrence": often});
    world.flow_of("ahead", &one, &ticks, &json!({"Call": world.call("/tick", &json!({}))}));
    let uri = format!("http://{}/feed", world.service.address);
    let polls = json!({"type": "Http", "recurrence": often, "inputs": {"method": "GET", "uri": uri}});
    world.flow_of("ahead", &one, &polls, &json!({"Call": world.call("/polled", &json!({}))}));
    let wait = json!({"type": "Wait", "inputs": {"interval": {"count": 15, "unit": "Second"}}});
    let actions = json!({"Wait": wait, "Call": world.call("/waited", &json!({"Wait": ["Succeeded"]}))});
    let waits = world.flow_of("ahead", &one, &json!({"type": "Request"}), &actions);
    let begun = Instant::now();
    for path in ["/tick", "/feed", "/polled"] {
        world.goes_on(path, 1);
    }
    let sent = Instant::now();
    send(&one, &World::door(&waits));
    eventually_within("the run that waits", WAIT, || {
        let open = "SELECT count(*) FROM hookmill.run r JOIN hookmill.event e ON e.id = r.event WHERE r.status < 2";
        (world.cluster.run(&world.database, open).unwrap() != "0").then_some(())
    });

    let mut ahead = ahead;
    ahead.child.kill().unwrap();
    ahead.child.wait().unwrap();
    let died = Instant::now();
    for path in ["/tick", "/feed", "/polled"] {
        world.goes_on(path, 2);
    }
    let after_death = died.elapsed();
    owned_by(&world.cluster, &world.database, &["one"]);
    eventually_within("the end of the wait", WAIT, || (world.called("/waited") > 0).then_some(()));
    let waited = sent.elapsed();
    assert!(waited >= Duration::from_secs(14), "a wait of 15 s ended after {waited:?}");

    // Drained, a server goes on taking calls, and another one does what they ask for.
    let behind = start("behind", "-3600");
    owned_by(&world.cluster, &world.database, &["one", "behind"]);
    let counted =
        world.flow_of("one", &behind, &json!({"type": "Request"}), &json!({"Call": world.call("/late", &json!({}))}));
    let asked = Instant::now();
    let drained = hookmill(&["node", "drain", "one", "--store", &store], &[]);
    let after_drain = asked.elapsed();
    assert!(drained.status.success(), "{}{}", text(&drained.stdout), text(&drained.stderr));
    assert!(text(&drained.stdout).contains("one looks after no flow any more"), "{}", text(&drained.stdout));
    owned_by(&world.cluster, &world.database, &["behind"]);
    let listed = text(&hookmill(&["node", "list", "--json", "--store", &store], &[]).stdout);
    let states: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let state = |name: &str| states.iter().find(|node| node["name"] == name).map(|node| node["state"].clone());
    assert_eq!((state("one"), state("behind")), (Some(json!("drains")), Some(json!("works"))), "{listed}");
    send(&one, &World::door(&counted));
    eventually_within("the run of a call at the drained server", WAIT, || (world.called("/late") == 1).then_some(()));
    for path in ["/tick", "/feed", "/polled"] {
        world.goes_on(path, 2);
    }
    let unknown = hookmill(&["node", "drain", "nobody", "--store", &store], &[]);
    let said = text(&unknown.stderr);
    assert!(!unknown.status.success() && said.contains("hookmill node list"), "{said}");

    let mut one = one;
    one.signal("TERM");
    assert!(one.child.wait().unwrap().success(), "it ends in order");
    assert_eq!(shards(&world.cluster, &world.database).keys().collect::<Vec<_>>(), ["behind"]);
    world.goes_on("/tick", 2);

    // What is due by the clock of one server is due by those of all: no moment came early, none twice.
    let ticks = world.called("/tick");
    let most = begun.elapsed().as_secs() + 30;
    assert!(u64::try_from(ticks).unwrap() <= most, "{ticks} ticks of a second in {:?}", begun.elapsed());
    assert_eq!(world.called("/waited"), 1);
    println!(
        "timers and polls went on {:.1} s after a kill; a drained server had given up its flows after {:.1} s",
        after_death.as_secs_f64(),
        after_drain.as_secs_f64()
    );
}
