//! Connections that strangers hold open, and requests that two servers could read in two ways, against the real binary.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)] // Tests may stop at once.

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use support::{Server, http};

const MIB: usize = 1024 * 1024;

/// Tests hold more connections than a process may by default.
fn many_files() {
    let now = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: now.maximum, ..now }).unwrap();
}

fn server(folder: &tempfile::TempDir) -> Server {
    many_files();
    Server::start(&folder.path().join("data"), "127.0.0.1:0", &[])
}

fn sent(server: &Server, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(bytes).unwrap();
    stream
}

/// Whether the server has closed the connection, or answered.
fn is_over(stream: &mut TcpStream) -> bool {
    let mut bytes = [0; 4096];
    !matches!(stream.read(&mut bytes), Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
}

/// What comes until the server closes the connection.
fn answer(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Half of the answers come within 100 ms: what other programs of the machine do at a moment is not measured.
#[track_caller]
fn is_quick(server: &Server) {
    let mut waits: Vec<Duration> = (0..21)
        .map(|_| {
            let begin = Instant::now();
            assert_eq!(http(&server.address, "GET", "/health/live", &[], b"").status(), 200);
            begin.elapsed()
        })
        .collect();
    waits.sort();
    assert!(waits[waits.len() / 2] < Duration::from_millis(100), "/health/live took {waits:?}");
}

#[test]
fn half_bodies_take_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = server(&folder);
    server.set_up();
    let definition = json!({"triggers": {"manual": {"type": "Request"}}, "actions": {}});
    let made = server.post("/api/flows", &json!({"name": "Door", "definition": definition}));
    let url = made["webhook"]["callback_url"].as_str().unwrap();
    let door = &url[url.find("/workflows/").unwrap()..];
    let head = format!("POST {door} HTTP/1.1\r\nHost: me\r\nContent-Length: {}\r\n\r\n", 9 * MIB);
    let half = vec![b'x'; 9 * MIB / 2];
    let mut held = Vec::new();
    std::thread::scope(|scope| {
        let one = || {
            let mut streams = Vec::new();
            for _ in 0..50 {
                let mut stream = sent(&server, head.as_bytes());
                // A refused body is not taken to its end.
                let _ = stream.write_all(&half);
                streams.push(stream);
            }
            streams
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(one)).collect();
        held.extend(threads.into_iter().flat_map(|thread| thread.join().unwrap()));
    });
    is_quick(&server);
    let begin = Instant::now();
    assert!(held.iter_mut().all(is_over), "each is refused or closed");
    let peak = server.memory_peak_kib() / 1024;
    println!("200 half bodies of 9 MiB: {peak} MiB at most, all refused or closed after {:?}", begin.elapsed());
    assert!(peak <= 150, "{peak} MiB");
    // What was held is given back: a whole body goes through again.
    let whole = vec![b'x'; 9 * MIB];
    assert_eq!(http(&server.address, "POST", door, &[], &whole).status(), 202);
    // What nobody takes is not read at all.
    for nobody in ["/callback/nobody", "/workflows/flw_00000000000000000000000000/triggers/manual/paths/invoke"] {
        let head = format!("POST {nobody} HTTP/1.1\r\nHost: me\r\nContent-Length: {}\r\n\r\n", 9 * MIB);
        let answer = answer(sent(&server, head.as_bytes()));
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    }
}

#[test]
fn half_heads_are_closed_in_time() {
    let folder = tempfile::tempdir().unwrap();
    many_files();
    let measures = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let flags = ["--metrics-listen", &measures];
    let server = Server::start(&folder.path().join("data"), "127.0.0.1:0", &flags);
    // What is measured has a listener of its own, with the same bounds.
    let mut of_measures = TcpStream::connect(&measures).unwrap();
    of_measures.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    of_measures.write_all(b"GET /metrics HTTP/1.1\r\nHost: me\r\nX-Slow: ").unwrap();
    let mut held: Vec<_> =
        (0..2_000).map(|_| sent(&server, b"GET /health/live HTTP/1.1\r\nHost: me\r\nX-Slow: ")).collect();
    let begin = Instant::now();
    is_quick(&server);
    assert!(held.iter_mut().all(is_over));
    println!("2,000 half heads were closed after {:?}", begin.elapsed());
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
    assert!(is_over(&mut of_measures));
    assert_eq!(http(&measures, "GET", "/metrics", &[], b"").status(), 200);
}

#[test]
fn half_requests_leave_room_for_others() {
    let folder = tempfile::tempdir().unwrap();
    many_files();
    let server = Server::start(&folder.path().join("data"), "127.0.0.1:0", &["--connections-max", "1000"]);
    let head = b"POST /callback/nobody HTTP/1.1\r\nHost: me\r\nContent-Length: 100\r\n";
    let _held: Vec<_> = (0..1_010).map(|_| sent(&server, head)).collect();
    is_quick(&server);
}

#[test]
fn a_stop_does_not_wait_for_half_requests() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = server(&folder);
    let _heads: Vec<_> = (0..50).map(|_| sent(&server, b"GET / HTTP/1.1\r\nHost: me\r\n")).collect();
    let body = b"POST /callback/nobody HTTP/1.1\r\nHost: me\r\nContent-Length: 100\r\n\r\nhalf";
    let _bodies: Vec<_> = (0..50).map(|_| sent(&server, body)).collect();
    let _idle: Vec<_> = (0..50).map(|_| TcpStream::connect(&server.address).unwrap()).collect();
    is_quick(&server);
    server.signal("TERM");
    let took = server.ended_within(Duration::from_secs(60)).expect("it ends");
    println!("stopped after {took:?} with 150 half requests");
    assert!(took < Duration::from_secs(8), "within its deadline: {took:?}");
}

/// A server with these flags whose flow waits for a service that never answers; the caller who waits for the flow, and
/// the service's side of the call.
fn with_a_call_under_way(folder: &tempfile::TempDir, flags: &[&str]) -> (Server, TcpStream, TcpStream) {
    let mut server = Server::start(&folder.path().join("data"), "127.0.0.1:0", flags);
    server.set_up();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let actions = json!({
        "Call": {"type": "Http", "inputs": {"method": "POST", "uri": format!("http://{address}/")}},
        "Answer": {"type": "Response", "runAfter": {"Call": ["Succeeded"]}, "inputs": {"body": "late"}},
    });
    let definition = json!({"triggers": {"manual": {"type": "Request"}}, "actions": actions});
    let made = server.post("/api/flows", &json!({"name": "Slow", "definition": definition}));
    let url = made["webhook"]["callback_url"].as_str().unwrap();
    let path = &url[url.find("/workflows/").unwrap()..];
    let request = format!("POST {path} HTTP/1.1\r\nHost: me\r\nContent-Length: 2\r\n\r\n{{}}");
    let waiting = sent(&server, request.as_bytes());
    let (call, _) = silent.accept().unwrap();
    (server, waiting, call)
}

#[test]
fn a_stop_has_one_deadline_whatever_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let (mut server, _waiting, _call) = with_a_call_under_way(&folder, &["--stop-wait", "10"]);
    let _heads: Vec<_> = (0..50).map(|_| sent(&server, b"GET / HTTP/1.1\r\nHost: me\r\n")).collect();
    let body = b"POST /callback/nobody HTTP/1.1\r\nHost: me\r\nContent-Length: 100\r\n\r\nhalf";
    let _bodies: Vec<_> = (0..50).map(|_| sent(&server, body)).collect();
    // Callers that take nothing of their answers.
    let pages = "GET /api/openapi.json HTTP/1.1\r\nHost: me\r\n\r\n".repeat(40);
    let _answers: Vec<_> = (0..5).map(|_| sent(&server, pages.as_bytes())).collect();
    server.signal("TERM");
    let took = server.ended_within(Duration::from_secs(60)).expect("it ends");
    println!("stopped after {took:?} with a call under way and 105 half requests");
    assert!((Duration::from_secs(9)..Duration::from_secs(19)).contains(&took), "{took:?}");
}

#[test]
fn a_second_signal_stops_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (mut server, _waiting, _call) = with_a_call_under_way(&folder, &["--stop-wait", "60"]);
    server.signal("TERM");
    assert_eq!(server.ended_within(Duration::from_millis(500)), None, "the call under way may end");
    server.signal("TERM");
    assert!(server.ended_within(Duration::from_secs(5)).is_some(), "the second signal ends it");
}

#[test]
fn heads_and_bodies_with_two_readings_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let post = "POST /callback/nobody HTTP/1.1\r\n";
    for (request, status) in [
        ("GET /health/live HTTP/1.1\r\nHost: me\r\nConnection: close\r\n\r\n".to_owned(), 200),
        ("GET /health/live HTTP/1.0\r\n\r\n".to_owned(), 200),
        ("GET /health/live HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET /health/live HTTP/1.1\r\nHost: me\r\nHost: me\r\n\r\n".to_owned(), 400),
        ("GET /health/live HTTP/1.1\nHost: me\n\n".to_owned(), 400),
        (format!("{post}Host: me\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400),
        (format!("{post}Host: me\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n"), 400),
        (format!("{post}Host: me\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{{}}"), 400),
        (format!("{post}Host: me\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}"), 400),
        (format!("{post}Host: me\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"), 404),
        (format!("{post}Host: me\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{{}}\r\n0\r\n\r\n"), 400),
        (format!("{post}Host: me\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{{}}}}\r\n0\r\n\r\n"), 400),
        (format!("POST /api/session HTTP/1.1\r\nHost: me\r\nContent-Length: {}\r\n\r\n", 11 * MIB), 413),
        (format!("{post}Host: me\r\nX: {}\r\n\r\n", "x".repeat(40_000)), 431),
        ("POST /callback/nobody HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(), 400),
        (format!("{post}Host : me\r\n\r\n"), 400),
        (format!("{post}Host: me\r\nContent-Length: 2\r\n Folded: 1\r\n\r\n{{}}"), 400),
        (format!("{post}Host: me\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\n{{}}\r\n0\r\n\r\n"), 400),
        (format!("{post}Host: me\r\nTransfer-Encoding: chunked\r\n\r\n2;x=\n\r\n{{}}\r\n0\r\n\r\n"), 400),
        (format!("{post}Host: me\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n{{}}\r\n0\r\n\r\n"), 400),
    ] {
        let answer = answer(sent(&server, request.as_bytes()));
        let shown: String = request.chars().take(120).collect();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")) || answer.starts_with(&format!("HTTP/1.0 {status} ")),
            "{shown:?}: {answer}"
        );
    }
}

#[test]
fn only_http_1_is_spoken() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    // Who asks for another protocol gets an answer in this one, and what follows is not read.
    let upgrade = "GET /health/live HTTP/1.1\r\nHost: me\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n";
    let smuggled = "POST /callback/nobody HTTP/1.1\r\nHost: me\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let answers = answer(sent(&server, format!("{upgrade}{smuggled}").as_bytes()));
    assert!(answers.starts_with("HTTP/1.1 200 ") && answers.matches("HTTP/1.1 ").count() == 1, "{answers}");
    let answer = answer(sent(&server, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

/// Nothing is tunnelled, and no request is sent back with the credentials that it carries.
#[test]
fn methods_that_no_address_takes_are_refused_with_those_that_it_takes() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let all = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT";
    for (method, path, allowed) in [
        ("TRACE", "/callback/nobody", all),
        ("TRACE", "/workflows/flw_1/triggers/manual/paths/invoke", all),
        ("CONNECT", "/callback/nobody", all),
        ("TRACE", "/", "GET, HEAD"),
        ("CONNECT", "/flows", "GET, HEAD"),
        ("POST", "/flows", "GET, HEAD"),
        ("DELETE", "/", "GET, HEAD"),
        ("CONNECT", "other.example:443", "GET, HEAD"),
        ("TRACE", "/api/about", "GET,HEAD"),
    ] {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: me\r\nCookie: a=b\r\nConnection: close\r\n\r\n");
        let answer = support::raw(&server.address, request.as_bytes());
        assert_eq!((answer.status(), answer.header("allow")), (405, Some(allowed)), "{method} {path}");
        assert_eq!(answer.json()["code"], "method_not_allowed", "{method} {path}");
    }
}

#[test]
fn a_body_that_stops_coming_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder);
    let begin = Instant::now();
    let request = "POST /callback/nobody HTTP/1.1\r\nHost: me\r\nContent-Length: 5000\r\n\r\nhalf";
    let answer = answer(sent(&server, request.as_bytes()));
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("body_too_slow"), "{answer}");
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
}
