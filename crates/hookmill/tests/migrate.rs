//! Everything moves from a data folder into a database and back, also when the move is broken off in between.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once.

mod support;

use std::path::Path;
use std::time::Duration;

use hookmill_store_postgres::cluster::{Cluster, ClusterOptions};
use serde_json::{Value, json};
use support::{Server, eventually, hookmill, http, text};

/// Calls a flow at its address; the status of the answer.
fn call(server: &Server, door: &str, n: u64) -> u16 {
    let body = json!({"n": n, "filling": "x".repeat(3_000)}).to_string();
    http(&server.address, "POST", door, &[("Content-Type", "application/json")], body.as_bytes()).status()
}

/// What a server shows of its flows, runs and people.
fn shown(server: &Server) -> Value {
    let runs = server.get("/api/runs?limit=500");
    let details: Vec<Value> = runs["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| server.get(&format!("/api/runs/{}", run["id"].as_str().unwrap())))
        .collect();
    json!({"flows": server.get("/api/flows"), "runs": runs, "details": details,
        "connections": server.get("/api/connections"), "users": server.get("/api/users")})
}

fn ended(server: &Server, count: usize) {
    eventually("the end of the runs", || {
        let runs = server.get("/api/runs?limit=500");
        let runs = runs["items"].as_array().unwrap();
        (runs.iter().filter(|run| run["status"] == "Succeeded").count() == count).then_some(())
    });
}

fn stopped(mut server: Server) {
    server.signal("TERM");
    assert!(server.ended_within(Duration::from_secs(20)).is_some(), "{}", server.logged());
}

fn moved(from: &str, to: &str) -> Result<String, String> {
    let made = hookmill(&["migrate-store", "--from", from, "--to", to], &[]);
    if made.status.success() { Ok(text(&made.stdout)) } else { Err(text(&made.stderr)) }
}

fn started(folder: &Path, flags: &[&str], token: &str) -> Server {
    let mut server = Server::start(folder, "127.0.0.1:0", flags);
    server.token = token.to_owned();
    server
}

#[test]
fn a_store_moves_there_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let Some(cluster) = Cluster::start(folder.path(), &ClusterOptions::default()).unwrap() else { return };
    let database = cluster.database().unwrap();
    let address = cluster.address(&database);
    let data = folder.path().join("data");
    let data_text = data.to_str().unwrap();

    let mut server = Server::start(&data, "127.0.0.1:0", &[]);
    server.set_up();
    let token = server.token.clone();
    let definition = json!({"triggers": {"manual": {"type": "Request"}},
        "actions": {"Text": {"type": "Compose", "inputs": "@concat('n', triggerBody()?['n'])"}}});
    let flow = server.post("/api/flows", &json!({"name": "Moves house", "definition": definition}));
    let url = flow["webhook"]["callback_url"].as_str().unwrap().to_owned();
    let door = url[url.find("/workflows/").unwrap()..].to_owned();
    let waiting = json!({"triggers": {"manual": {"type": "Request"}}, "actions": {"Wait": {"type": "Wait",
        "inputs": {"interval": {"count": 1, "unit": "Hour"}}}}});
    let waiting = server.post("/api/flows", &json!({"name": "Waits", "definition": waiting}));
    let url = waiting["webhook"]["callback_url"].as_str().unwrap().to_owned();
    assert_eq!(call(&server, &url[url.find("/workflows/").unwrap()..], 0), 202);
    for n in 0..120 {
        assert_eq!(call(&server, &door, n), 202);
    }
    ended(&server, 120);
    let before = shown(&server);
    let refused = moved(data_text, &address).unwrap_err();
    assert!(refused.contains("another server is using"), "{refused}");
    stopped(server);

    // The move is broken off while journals are written.
    let breaks = "CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'broken off' USING ERRCODE = '58030'; END $$";
    assert!(moved(data_text, &cluster.address("nowhere")).unwrap_err().contains("createdb"));
    let empty = Server::try_start(&folder.path().join("other"), "127.0.0.1:0", &["--store", &address]).unwrap();
    stopped(empty);
    let refused = moved(data_text, &address).unwrap_err();
    assert!(refused.contains("is not empty"), "{refused}");
    cluster.run(&database, "DELETE FROM hookmill.setting").unwrap();
    cluster.run(&database, breaks).unwrap();
    cluster.run(&database, "CREATE TRIGGER break BEFORE INSERT ON hookmill.fact EXECUTE FUNCTION break()").unwrap();
    let broken = moved(data_text, &address).unwrap_err();
    assert!(broken.contains("broken off"), "{broken}");
    let Err(refused) = Server::try_start(&data, "127.0.0.1:0", &["--store", &address]) else {
        panic!("a server works with a store that is half there")
    };
    assert!(refused.contains("migrate-store"), "{refused}");
    cluster.run(&database, "DROP TRIGGER break ON hookmill.fact").unwrap();
    let done = moved(data_text, &address).unwrap();
    let line = |table: &str| -> Vec<String> {
        let line = done.lines().find(|line| line.starts_with(table)).unwrap_or_else(|| panic!("{done}"));
        line.split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(line("event ")[1..3], ["121", "0"], "{done}");
    assert_eq!(line("fact ")[1], line("fact ")[2], "{done}");

    let server = started(&data, &["--store", &address], &token);
    assert_eq!(shown(&server), before);
    assert_eq!(call(&server, &door, 500), 202);
    ended(&server, 121);
    let before = shown(&server);
    stopped(server);

    let back = folder.path().join("back");
    moved(&address, back.to_str().unwrap()).unwrap();
    std::fs::copy(data.join("master.key"), back.join("master.key")).unwrap();
    let server = started(&back, &[], &token);
    assert_eq!(shown(&server), before);
    assert_eq!(call(&server, &door, 501), 202);
    ended(&server, 122);
    stopped(server);
}
