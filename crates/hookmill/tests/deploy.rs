//! The files of `deploy/` name only settings that the program has, and a server answers the self-check that they use.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once.

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use support::{Server, hookmill, text};

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// The names `HOOKMILL_…` in a text.
fn settings(text: &str) -> BTreeSet<String> {
    let is_part = |one: char| one.is_ascii_uppercase() || one == '_';
    text.match_indices("HOOKMILL_")
        .map(|(at, _)| text[at..].chars().take_while(|one| is_part(*one)).collect::<String>())
        .filter(|name| name != "HOOKMILL_")
        .collect()
}

#[test]
fn deployments_name_only_settings_that_exist() {
    // The vault reads the key, Compose's own file asks for the names of the hosts.
    let mut known = BTreeSet::from(["HOOKMILL_MASTER_KEY", "HOOKMILL_HOST", "HOOKMILL_HOOKS_HOST"].map(String::from));
    for command in ["serve", "self-check"] {
        known.extend(settings(&text(&hookmill(&[command, "--help"], &[]).stdout)));
    }
    let mut found = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy"), &mut found);
    let mut named = 0;
    for path in found {
        for name in settings(&std::fs::read_to_string(&path).unwrap()) {
            assert!(known.contains(&name), "{} names {name}, which no command reads", path.display());
            named += 1;
        }
    }
    assert!(named >= 15, "only {named} settings were found: is the folder still where it was?");
}

#[test]
fn the_self_check_tells_a_working_server_from_others() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"), "127.0.0.1:0", &[]);
    let url = format!("http://{}", server.address);
    let well = hookmill(&["self-check", "--url", &url, "--public-url", &url, "--json"], &[]);
    let told: serde_json::Value = serde_json::from_slice(&well.stdout).unwrap();
    assert_eq!((well.status.code(), &told["ok"]), (Some(0), &serde_json::Value::Bool(true)), "{told}");
    let looked_at: Vec<&str> =
        told["checks"].as_array().unwrap().iter().filter_map(|one| one["check"].as_str()).collect();
    assert_eq!(looked_at, ["server", "store", "clock", "public address"]);
    drop(server);
    let gone = hookmill(&["self-check", "--url", &url], &[]);
    assert_eq!(gone.status.code(), Some(1));
    let told = text(&gone.stdout);
    assert!(told.contains("WRONG  server:") && told.contains("does not answer"), "{told}");
}

#[test]
fn the_self_check_knows_a_foreign_server() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let answer = "HTTP/1.1 200 OK\r\nDate: Mon, 03 Jan 2000 00:00:00 GMT\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let url = format!("http://{address}");
    let asked = hookmill(&["self-check", "--url", &url, "--public-url", &url], &[]);
    let told = text(&asked.stdout);
    assert_eq!(asked.status.code(), Some(1));
    assert!(told.contains("WRONG  clock:") && told.contains("something other than a Hookmill server"), "{told}");
}
