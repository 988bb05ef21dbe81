//! Heavy requests of a signed-in maker against the real binary: others are answered as quickly as before.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)] // Tests may stop at once.

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Server, http};

#[test]
fn others_are_answered_while_makers_keep_the_server_busy() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(&folder.path().join("data"), "127.0.0.1:0", &[]);
    server.set_up();
    let actions: serde_json::Map<String, Value> = (0..400)
        .map(|number| (format!("Step{number}"), json!({"type": "Compose", "inputs": "@concat('a', guid())"})))
        .collect();
    let definition = json!({"triggers": {"manual": {"type": "Request"}}, "actions": actions});
    let check = json!({"definition": definition}).to_string();
    let evaluate = json!({"expression": "@length(join(range(0, 90000), ','))"}).to_string();
    let requests = [("/api/flows/check", &check), ("/api/expressions/evaluate", &evaluate)];
    let bearer = format!("Bearer {}", server.token);
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let is_over = AtomicBool::new(false);
    let mut waits = Vec::new();
    let answered = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..24)
            .map(|number| {
                let (server, headers, is_over) = (&server, &headers, &is_over);
                let (path, body) = requests[number % requests.len()];
                scope.spawn(move || {
                    let mut statuses = Vec::new();
                    while !is_over.load(Ordering::Relaxed) {
                        statuses.push(http(&server.address, "POST", path, headers, body.as_bytes()).status());
                    }
                    statuses
                })
            })
            .collect();
        for _ in 0..60 {
            let begin = Instant::now();
            assert_eq!(http(&server.address, "GET", "/health/live", &[], b"").status(), 200);
            waits.push(begin.elapsed());
            std::thread::sleep(Duration::from_millis(25));
        }
        is_over.store(true, Ordering::Relaxed);
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect::<Vec<u16>>()
    });
    waits.sort();
    let most = waits[waits.len() * 19 / 20];
    println!("{} heavy requests, /health/live within {most:?}", answered.len());
    assert!(answered.iter().all(|status| [200, 503].contains(status)), "{answered:?}");
    assert!(answered.contains(&200));
    assert!(most <= Duration::from_millis(100), "{waits:?}");
}
