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

/// The store knows the mark of its key, so another key is refused also where the proof is lost, and the right one opens.
#[test]
fn another_key_is_refused_although_the_proof_of_the_right_one_is_lost() {
    let (_folder, data) = used();
    let right = std::fs::read(data.join("master.key")).unwrap();
    let (_other_folder, other) = used();
    std::fs::copy(other.join("master.key"), data.join("master.key")).unwrap();
    remove(&data, &["master.check"]);
    let why = refusal(&data, &[]);
    assert!(why.contains("another master key"), "{why}");
    assert!(!data.join("master.check").exists(), "nothing is written for the wrong key");
    std::fs::write(data.join("master.key"), right).unwrap();
    Server::start(&data, "127.0.0.1:0", &[]).kill();
    assert!(data.join("master.check").exists());
}

#[test]
fn a_database_that_is_gone_or_empty_beside_traces_of_one_is_not_begun_anew() {
    // The first page of a database without tables, as SQLite writes it.
    let mut without_tables = vec![0; 4_096];
    without_tables[..28].copy_from_slice(b"SQLite format 3\0\x10\0\x02\x02\0\x40\x20\x20\0\0\0\x01");
    without_tables[28..32].copy_from_slice(&[0, 0, 0, 1]);
    without_tables[92..96].copy_from_slice(&[0, 0, 0, 1]);
    (without_tables[100], without_tables[105]) = (13, 0x10);
    for content in [None, Some(&b""[..]), Some(&without_tables)] {
        let (_folder, data) = used();
        let database = data.join("hookmill.db");
        for file in ["hookmill.db", "hookmill.db-wal", "hookmill.db-shm"] {
            let _ = std::fs::remove_file(data.join(file));
        }
        if let Some(content) = content {
            std::fs::write(&database, content).unwrap();
        }
        let why = refusal(&data, &[]);
        assert!(why.contains("backup"), "{why}");
        let found = std::fs::read(&database).unwrap_or_default();
        assert_eq!(found, content.unwrap_or_default(), "nothing is begun anew");
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
