//! Servers that share a database, for tests that look at several of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hookmill_store_postgres::cluster::Cluster;
use serde_json::Value;

use crate::support::{BINARY, SETUP_TOKEN, eventually, eventually_within, hookmill, text, try_http};

/// The tests of this program start many processes: one after the other.
pub static ALONE: Mutex<()> = Mutex::new(());

pub const WAIT: Duration = Duration::from_secs(60);
pub const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// Names the binary of another version. Servers called `two` and `ahead` are of that version then, so that every test of
/// this program is one of two versions side by side.
const OTHER_VARIABLE: &str = "HOOKMILL_TEST_OTHER_BINARY";

fn binary(name: &str) -> OsString {
    let other = std::env::var_os(OTHER_VARIABLE).filter(|_| matches!(name, "two" | "ahead"));
    other.unwrap_or_else(|| BINARY.into())
}

/// One of several servers on a database.
pub struct Node {
    pub child: Child,
    pub address: String,
    pub name: String,
}

impl Node {
    pub fn start(folder: &Path, name: &str, store: &str) -> Self {
        Self::start_in(folder, name, store, &[])
    }

    /// As [`Node::start`], with variables of the environment.
    pub fn start_in(folder: &Path, name: &str, store: &str, environment: &[(&str, &OsStr)]) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let log = std::fs::File::options().create(true).append(true).open(folder.join(format!("{name}.log"))).unwrap();
        let child = Command::new(binary(name))
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
            .env("HOOKMILL_TRUSTED_PROXY", "127.0.0.1")
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let node = Self { child, address, name: name.to_owned() };
        eventually("a server that is ready", || (node.status("/health/ready") == Some(200)).then_some(()));
        node
    }

    pub fn status(&self, path: &str) -> Option<u16> {
        try_http(&self.address, "GET", path, &[], b"", WAIT).map(|answer| answer.status())
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    pub fn call(&self, method: &str, path: &str, token: &str, body: &Value) -> Option<(u16, Value)> {
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = try_http(&self.address, method, path, &headers, body.as_bytes(), WAIT)?;
        let value = if answer.body.is_empty() { Value::Null } else { answer.json() };
        Some((answer.status(), value))
    }

    /// The answer to a call that must work.
    pub fn done(&self, method: &str, path: &str, token: &str, body: &Value) -> Value {
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
pub struct Wire {
    pub port: u16,
    is_cut: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Wire {
    pub fn to(port: u16) -> Self {
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

    pub fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
    }

    /// New connections come through; the old ones break.
    pub fn mend(&self) {
        self.is_cut.store(false, Ordering::SeqCst);
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// The shards of each server, by name.
pub fn shards(cluster: &Cluster, database: &str) -> BTreeMap<String, u64> {
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
pub fn owned_by(cluster: &Cluster, database: &str, names: &[&str]) -> Duration {
    let begun = Instant::now();
    let wanted: BTreeSet<&str> = names.iter().copied().collect();
    eventually_within("the shards in other hands", Duration::from_secs(60), || {
        let owners = shards(cluster, database);
        let all = owners.values().sum::<u64>() == 256;
        let own = owners.keys().map(String::as_str).collect::<BTreeSet<_>>() == wanted;
        let fair = owners.values().all(|count| *count <= 256_u64.div_ceil(names.len() as u64));
        (all && own && fair).then_some(())
    });
    begun.elapsed()
}

/// Makes the owner's account, and gives a token.
pub fn set_up(node: &Node) -> String {
    let url = format!("http://{}", node.address);
    let account = ["--name", "Ada", "--email", "ada@example.org", "--password", "a long password"];
    let arguments = ["setup", "--url", &url, "--setup-token", SETUP_TOKEN].into_iter().chain(account);
    let made = hookmill(&arguments.collect::<Vec<_>>(), &[]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    text(&made.stdout).trim().to_owned()
}
