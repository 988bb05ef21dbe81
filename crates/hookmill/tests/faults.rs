//! The real binary on a disk and with a clock that misbehave. A small C library, built by the test and loaded before the
//! system's own, makes them do so; files in a folder say what happens.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)] // Tests may stop at once.

mod support;

use std::io::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Answer, Server, Service, text, try_http};

/// Where the file `fsync` is, no file is confirmed; where `write` or `read` is, no file below the data folder can be written
/// or read; where `clock` is, the clock is one hour behind.
const LIBRARY: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int told(const char *what) {
    const char *folder = getenv("TEST_FAULTS");
    char path[4096];
    if (!folder || snprintf(path, sizeof path, "%s/%s", folder, what) >= (int) sizeof path) return 0;
    int before = errno, found = access(path, F_OK) == 0;
    errno = before;
    return found;
}

static int is_data(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int before = errno;
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = before;
    if (length <= 0) return 0;
    path[length] = 0;
    return strstr(path, "/data/") != 0;
}

#define REAL(name) __typeof__(&name) real = (__typeof__(&name)) dlsym(RTLD_NEXT, #name)

int fsync(int fd) { REAL(fsync); if (is_data(fd) && told("fsync")) { errno = EIO; return -1; } return real(fd); }
int fdatasync(int fd) { REAL(fdatasync); if (is_data(fd) && told("fsync")) { errno = EIO; return -1; } return real(fd); }
ssize_t write(int fd, const void *bytes, size_t count) {
    REAL(write);
    if (is_data(fd) && told("write")) { errno = EIO; return -1; }
    return real(fd, bytes, count);
}
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    REAL(pwrite);
    if (is_data(fd) && told("write")) { errno = EIO; return -1; }
    return real(fd, bytes, count, at);
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    REAL(pwrite64);
    if (is_data(fd) && told("write")) { errno = EIO; return -1; }
    return real(fd, bytes, count, at);
}
ssize_t read(int fd, void *bytes, size_t count) {
    REAL(read);
    if (told("read") && is_data(fd)) { errno = EIO; return -1; }
    return real(fd, bytes, count);
}
ssize_t pread(int fd, void *bytes, size_t count, off_t at) {
    REAL(pread);
    if (told("read") && is_data(fd)) { errno = EIO; return -1; }
    return real(fd, bytes, count, at);
}
ssize_t pread64(int fd, void *bytes, size_t count, off64_t at) {
    REAL(pread64);
    if (told("read") && is_data(fd)) { errno = EIO; return -1; }
    return real(fd, bytes, count, at);
}
int clock_gettime(clockid_t clock, struct timespec *now) {
    REAL(clock_gettime);
    int result = real(clock, now);
    if (result == 0 && clock == CLOCK_REALTIME && told("clock")) now->tv_sec -= 3600;
    return result;
}
"#;

/// A folder with the library and the files that say what happens.
struct Faults {
    folder: tempfile::TempDir,
    preload: PathBuf,
}

impl Faults {
    /// `None` where there is no C compiler.
    fn build() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let (source, preload) = (folder.path().join("faults.c"), folder.path().join("faults.so"));
        std::fs::write(&source, LIBRARY).unwrap();
        let built =
            Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).args([&preload, &source]).arg("-ldl").output();
        match built {
            Ok(built) => assert!(built.status.success(), "{}", text(&built.stderr)),
            Err(_) => {
                println!("there is no C compiler here: faults of the disk and the clock are not tried");
                return None;
            }
        }
        std::fs::create_dir(folder.path().join("now")).unwrap();
        Some(Self { folder, preload })
    }

    fn now(&self) -> PathBuf {
        self.folder.path().join("now")
    }

    fn begin(&self, what: &str) {
        std::fs::write(self.now().join(what), "").unwrap();
    }

    fn end(&self, what: &str) {
        std::fs::remove_file(self.now().join(what)).unwrap();
    }

    fn start(&self, data: &Path, listen: &str) -> Server {
        let now = self.now();
        let environment = [("LD_PRELOAD", self.preload.as_os_str()), ("TEST_FAULTS", now.as_os_str())];
        Server::try_start_in(data, listen, &[], &environment).unwrap_or_else(|log| panic!("it does not start: {log}"))
    }
}

fn flow(server: &Server, trigger: &Value, actions: &Value) -> (String, Option<String>) {
    let definition = json!({"triggers": {"manual": trigger}, "actions": actions});
    let flow = server.post("/api/flows", &json!({"name": "Flow", "definition": definition}));
    let url = flow["webhook"]["callback_url"].as_str().map(|url| url[url.find("/workflows/").unwrap()..].to_owned());
    (flow["id"].as_str().unwrap().to_owned(), url)
}

fn send(server: &Server, door: &str) -> u16 {
    let headers = [("Content-Type", "application/json")];
    let answer = try_http(&server.address, "POST", door, &headers, b"{}", Duration::from_secs(10));
    answer.map_or(0, |answer| answer.status())
}

/// Waits until something holds, a minute at most.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what} did not happen within a minute");
        std::thread::sleep(Duration::from_millis(20));
    }
}

const COMPOSE: &str = r#"{"Keep": {"type": "Compose", "inputs": 1}}"#;

/// A text that does not become shorter by compression.
fn noise(seed: u64, length: usize) -> String {
    let mut state = seed + 1;
    let letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'0' + u8::try_from(state >> 58).unwrap())
    };
    std::iter::repeat_with(letter).take(length).map(|letter| if letter == '\\' { '!' } else { letter }).collect()
}

/// What the disk cannot read for a moment is asked for again later: nothing is called damaged, and nothing set aside.
#[test]
fn a_passing_error_of_reading_is_no_damage() {
    let Some(faults) = Faults::build() else { return };
    let data = faults.folder.path().join("data");
    let mut server = faults.start(&data, "127.0.0.1:0");
    server.set_up();
    let keep = json!({"Keep": {"type": "Compose", "inputs": "@triggerBody()"}});
    let (_, door) = flow(&server, &json!({"type": "Request"}), &keep);
    let door = door.unwrap();
    let headers = [("Content-Type", "application/json")];
    // More than the readers of the store keep in memory.
    for n in 0..60 {
        let body = json!(noise(n, 60_000)).to_string();
        let answer = try_http(&server.address, "POST", &door, &headers, body.as_bytes(), Duration::from_secs(30));
        assert_eq!(answer.map(|answer| answer.status()), Some(202));
    }
    let list = || server.get("/api/runs?kind=flow&limit=200")["items"].as_array().unwrap().clone();
    until("the end of all runs", || list().iter().filter(|run| run["status"] == "Succeeded").count() == 60);
    let runs = list();
    let look = |run: &Value| server.call("GET", &format!("/api/runs/{}", run["id"].as_str().unwrap()), &Value::Null);
    faults.begin("read");
    let mut refused = 0;
    for run in &runs {
        let (status, answer) = look(run);
        assert!([200, 503].contains(&status), "{status}: {answer}");
        refused += usize::from(status == 503);
    }
    println!("{refused} of {} runs could not be read while the disk gave errors", runs.len());
    assert!(refused > 0, "the disk never failed");
    faults.end("read");
    until("reading again", || runs.iter().all(|run| look(run).0 == 200));
    assert_eq!(server.get("/api/attention")["items"], json!([]), "nothing was called damaged");
    let (status, answer) = server.call("GET", "/api/runs?kind=flow&limit=200", &Value::Null);
    assert!(status == 200 && answer["items"].as_array().unwrap().iter().all(|run| run["status"] == "Succeeded"));
    assert_eq!(send(&server, &door), 202);
}

/// After a failed fsync nobody knows what is on disk: the process ends, and a supervisor starts it again.
#[test]
fn a_failed_fsync_ends_the_process_with_a_message_and_a_code() {
    let Some(faults) = Faults::build() else { return };
    let data = faults.folder.path().join("data");
    let mut server = faults.start(&data, "127.0.0.1:0");
    server.set_up();
    let (id, door) = flow(&server, &json!({"type": "Request"}), &serde_json::from_str(COMPOSE).unwrap());
    let door = door.unwrap();
    assert_eq!(send(&server, &door), 202);
    faults.begin("fsync");
    let status = send(&server, &door);
    assert!(status != 202, "what is not confirmed is not accepted");
    assert!(server.ended_within(Duration::from_secs(60)).is_some(), "it lives on");
    assert_eq!(server.exit_code(), Some(74), "{}", server.logged());
    assert!(server.logged().contains("the disk did not confirm a write"), "{}", server.logged());

    faults.end("fsync");
    let (address, token) = (server.address.clone(), server.token.clone());
    drop(server);
    let mut server = faults.start(&data, &address);
    server.token = token;
    assert_eq!(send(&server, &door), 202);
    until("the runs of what was accepted", || {
        let runs = server.get(&format!("/api/runs?flow={id}&kind=flow&status=Succeeded"));
        runs["items"].as_array().unwrap().len() >= 2
    });
}

/// A write that fails is refused and may be tried again; nothing is done twice because of it.
#[test]
fn writes_that_fail_are_refused_and_heal() {
    let Some(faults) = Faults::build() else { return };
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let sink = Service::start_unrecorded(move |_, _| {
        counted.fetch_add(1, Ordering::Relaxed);
        let mut answer = Answer::new("200 OK", &json!({"ok": true}));
        answer.delay = Duration::from_millis(300);
        answer
    });
    let data = faults.folder.path().join("data");
    let mut server = faults.start(&data, "127.0.0.1:0");
    server.set_up();
    let call = json!({"Call": {"type": "Http", "inputs": {"method": "POST", "uri": format!("http://{}/", sink.address),
        "body": 1, "retryPolicy": {"type": "none"}}}});
    let (id, door) = flow(&server, &json!({"type": "Request"}), &call);
    let door = door.unwrap();
    let mut accepted = 0;
    for _ in 0..20 {
        accepted += usize::from(send(&server, &door) == 202);
    }
    // Their calls are under way, and their outcomes come while nothing can be written.
    faults.begin("write");
    until("a refusal", || match send(&server, &door) {
        202 => {
            accepted += 1;
            false
        }
        status => status == 503,
    });
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(server.get("/api/session")["user"]["name"], "Ada", "the pages are readable");
    faults.end("write");
    until("the end of the refusals", || send(&server, &door) == 202);
    accepted += 1;
    until("the end of all runs", || {
        let runs = server.get(&format!("/api/runs?flow={id}&kind=flow&status=Succeeded&limit=500"));
        runs["items"].as_array().unwrap().len() >= accepted
    });
    assert_eq!(calls.load(Ordering::Relaxed), accepted, "each call was made once");
}

/// Durations are those of a clock that nobody sets.
#[test]
fn a_clock_that_is_set_back_silences_neither_timetables_nor_delays() {
    let Some(faults) = Faults::build() else { return };
    let data = faults.folder.path().join("data");
    let mut server = faults.start(&data, "127.0.0.1:0");
    server.set_up();
    let recurrence = json!({"type": "Recurrence", "recurrence": {"frequency": "Second", "interval": 1}});
    let (ticking, _) = flow(&server, &recurrence, &serde_json::from_str(COMPOSE).unwrap());
    let delay = json!({"Wait": {"type": "Wait", "inputs": {"interval": {"count": 3, "unit": "Second"}}}});
    let (waiting, door) = flow(&server, &json!({"type": "Request"}), &delay);
    let done = |flow: &str| -> usize {
        let runs = server.get(&format!("/api/runs?flow={flow}&kind=flow&status=Succeeded&limit=500"));
        runs["items"].as_array().unwrap().len()
    };
    until("the first tick", || done(&ticking) > 0);
    assert_eq!(send(&server, &door.clone().unwrap()), 202);
    faults.begin("clock");
    let before = done(&ticking);
    until("the end of a delay that began before", || done(&waiting) == 1);
    until("further ticks", || done(&ticking) >= before + 2);
    assert_eq!(send(&server, &door.unwrap()), 202);
    until("the end of a delay that began afterwards", || done(&waiting) == 2);
}

/// Who calls back and does not hear the answer calls again, and is not told that the address is gone.
#[test]
fn a_call_back_whose_answer_was_cut_off_is_accepted_again() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Service::start(|_, _| Answer::new("200 OK", &json!({"ok": true})));
    let mut server = Server::start(&folder.path().join("data"), "127.0.0.1:0", &[]);
    server.set_up();
    let webhook = json!({"Ask": {"type": "HttpWebhook", "inputs": {
        "subscribe": {"method": "POST", "uri": format!("http://{}/", sink.address), "body": "@listCallbackUrl()"},
        "unsubscribe": {}}}});
    let (id, door) = flow(&server, &json!({"type": "Request"}), &webhook);
    assert_eq!(send(&server, &door.unwrap()), 202);
    until("the subscription", || !sink.calls().is_empty());
    let url = String::from_utf8(sink.last("POST").body).unwrap();
    let path = url[url.find("/callback/").unwrap()..].to_owned();
    // The caller goes away as soon as it has sent.
    let mut caller = TcpStream::connect(&server.address).unwrap();
    write!(caller, "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: 2\r\n\r\n{{}}", server.address).unwrap();
    until("the end of the run", || {
        let runs = server.get(&format!("/api/runs?flow={id}&kind=flow&status=Succeeded"));
        runs["items"].as_array().unwrap().len() == 1
    });
    drop(caller);
    assert_eq!(send(&server, &path), 202);
    let unknown = path.replacen("/callback/run_", "/callback/run_0", 1);
    assert_eq!(send(&server, &unknown), 404);
}
