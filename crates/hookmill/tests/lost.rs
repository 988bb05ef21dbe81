//! Files of the data folder that are lost: the start is refused where going on would lose more.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once.

mod support;

use std::path::{Path, PathBuf};

use support::{Server, hookmill, text};

/// A folder that a server has used; the server has ended.
fn used() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = Server::start(&data, "127.0.0.1:0", &[]);
    server.set_up();
    server.kill();
    (folder, data)
}

fn remove(data: &Path, names: &[&str]) {
    for name in names {
        std::fs::remove_file(data.join(name)).unwrap();
    }
}

/// Why the start is refused: the words of this start only.
fn refusal(data: &Path, flags: &[&str]) -> String {
    let _ = std::fs::remove_file(data.with_extension("log"));
    match Server::try_start(data, "127.0.0.1:0", flags) {
        Ok(_) => panic!("the server starts"),
        Err(log) => log,
    }
}

fn doctor(data: &Path) -> (Option<i32>, String) {
    let told = hookmill(&["doctor", "--data", data.to_str().unwrap()], &[]);
    (told.status.code(), text(&told.stdout))
}

#[test]
fn without_its_key_a_store_is_left_alone_whatever_else_is_missing() {
    for missing in [&["master.key"][..], &["master.key", "master.check"]] {
        let (_folder, data) = used();
        remove(&data, missing);
        let why = refusal(&data, &[]);
        assert!(why.contains("master.key") && why.contains("--new-master-key"), "{missing:?}: {why}");
        assert!(!data.join("master.key").exists(), "no key is made in silence");
        let (code, told) = doctor(&data);
        assert!(code == Some(1) && told.contains("WRONG  master key:"), "{missing:?}: {told}");
        // Who says so gets a new one.
        Server::start(&data, "127.0.0.1:0", &["--new-master-key"]).kill();
        let (code, told) = doctor(&data);
        assert!(code == Some(0) && told.contains("ok     master key:"), "{missing:?}: {told}");
    }
}

#[test]
fn a_database_that_is_gone_or_empty_beside_traces_of_one_is_not_begun_anew() {
    for is_empty in [false, true] {
        let (_folder, data) = used();
        let database = data.join("hookmill.db");
        std::fs::remove_file(&database).unwrap();
        if is_empty {
            std::fs::write(&database, b"").unwrap();
        }
        let why = refusal(&data, &[]);
        assert!(why.contains("backup"), "{why}");
        assert_eq!(std::fs::metadata(&database).map_or(0, |facts| facts.len()), 0, "nothing is begun anew");
    }
}

#[test]
fn a_second_server_is_refused_also_where_the_lock_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data, "127.0.0.1:0", &[]);
    let why = refusal(&data, &[]);
    assert!(why.contains("another"), "{why}");
    remove(&data, &["hookmill.lock"]);
    let why = refusal(&data, &[]);
    assert!(why.contains("another"), "without the lock: {why}");
    server.kill();
}
