//! The data folder is closed to other users of the machine.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once.

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use support::{Server, hookmill, text};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn doctor(data: &Path) -> (Option<i32>, String) {
    let told = hookmill(&["doctor", "--data", data.to_str().unwrap()], &[]);
    (told.status.code(), text(&told.stdout))
}

#[test]
fn others_cannot_read_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    // As an older version or a person left it.
    std::fs::create_dir(&data).unwrap();
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut server = Server::start(&data, "127.0.0.1:0", &[]);
    server.set_up();
    let files = || std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().path());
    assert_eq!(mode(&data), 0o700);
    assert!(files().count() >= 2);
    for file in files().filter(|path| path.is_file()) {
        assert_eq!(mode(&file) & 0o077, 0, "{}", file.display());
    }
    drop(server);
    let (code, told) = doctor(&data);
    assert!(code == Some(0) && told.contains("ok     privacy:"), "{told}");
    let file = files().find(|path| path.is_file()).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (code, told) = doctor(&data);
    assert!(code == Some(1) && told.contains("WRONG  privacy:") && told.contains("chmod"), "{told}");
    let again = Server::start(&data, "127.0.0.1:0", &[]);
    assert_eq!(mode(&file), 0o600);
    drop(again);
}
