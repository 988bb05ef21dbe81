//! What is sent, what comes back, and what is said when nothing comes back.

// Helpers of tests may unwrap as tests may.
#![allow(clippy::unwrap_used)]

mod service;

use std::time::{Duration, Instant};

use hookmill_http::{AddressPolicy, Client, ClientConfig, HeaderValue, Method, Request, SendErrorKind, header};
use hookmill_model::Explain as _;
use service::{Service, Turn, client, client_with, ok};

fn get(url: impl Into<String>) -> Request {
    Request::new(Method::GET, url)
}

#[tokio::test]
async fn a_request_arrives_as_written_and_the_answer_is_complete() {
    let service = Service::start(|_| {
        Turn::Say(b"HTTP/1.1 422 Nope\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 4\r\n\r\nbody".to_vec())
    })
    .await;
    let request = Request::new(Method::PATCH, service.url("/p/%2Fx?q=a%20b"))
        .with_header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .with_header(header::HOST, HeaderValue::from_static("evil.example"))
        .with_header(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"))
        .with_body("{\"a\":1}");
    let response = client().send(request).await.unwrap();
    assert_eq!(response.status, 422);
    assert_eq!(response.headers.get_all("set-cookie").iter().count(), 2);
    assert_eq!(&response.body[..], b"body");
    let told = service.told().remove(0);
    assert!(told.starts_with("PATCH /p/%2Fx?q=a%20b HTTP/1.1\r\n"), "{told}");
    assert!(told.ends_with("\r\n\r\n{\"a\":1}"), "{told}");
    assert!(told.contains("content-length: 7") && told.contains("user-agent: Hookmill/"), "{told}");
    assert!(told.contains(&format!("host: 127.0.0.1:{}", service.port)), "{told}");
    assert!(!told.contains("evil") && !told.contains("chunked"), "{told}");
}

#[tokio::test]
async fn an_empty_post_says_that_it_is_empty() {
    let service = Service::start(|_| Turn::Say(ok(""))).await;
    client().send(Request::new(Method::POST, service.url("/"))).await.unwrap();
    client().send(Request::new(Method::DELETE, service.url("/"))).await.unwrap();
    let told = service.told();
    assert!(told[0].contains("content-length: 0"), "{}", told[0]);
    assert!(!told[1].contains("content-length"), "{}", told[1]);
}

#[tokio::test]
async fn this_machine_is_closed_and_sees_no_connection() {
    let service = Service::start(|_| Turn::Say(ok("secret"))).await;
    let closed = Client::new(ClientConfig::default()).unwrap();
    for host in ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:7f00:1]", "0.0.0.0", "[::]"] {
        let error = closed.send(get(format!("http://{host}:{}/", service.port))).await.unwrap_err();
        assert_eq!(error.kind, SendErrorKind::AddressNotAllowed, "{host}: {error}");
        assert_eq!(error.code(), "address_not_allowed");
        assert!(!error.maybe_sent && !error.retryable && error.hint().is_some());
    }
    assert_eq!(service.connections(), 0);
}

#[tokio::test]
async fn an_exception_for_one_port_opens_no_other() {
    let (open, closed) = (Service::start(|_| Turn::Say(ok(""))).await, Service::start(|_| Turn::Say(ok(""))).await);
    let policy = AddressPolicy::new(&[format!("localhost:{}", open.port)], &[], false).unwrap();
    let client = Client::new(ClientConfig { policy, ..ClientConfig::default() }).unwrap();
    client.send(get(format!("http://localhost:{}/", open.port))).await.unwrap();
    let error = client.send(get(format!("http://localhost:{}/", closed.port))).await.unwrap_err();
    assert_eq!(error.kind, SendErrorKind::AddressNotAllowed);
    assert!(error.message.contains("127.0.0.1"), "{error}");
    assert_eq!(closed.connections(), 0);
}

#[tokio::test]
async fn each_way_to_get_no_answer_has_its_own_words() {
    let client = client();
    let error = client.send(get("not an address")).await.unwrap_err();
    assert_eq!(error.kind, SendErrorKind::InvalidUrl);

    let error = client.send(get("https://nothing.invalid/")).await.unwrap_err();
    assert_eq!((error.kind, error.maybe_sent, error.retryable), (SendErrorKind::HostNotFound, false, true), "{error}");

    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let error = client.send(get(format!("http://127.0.0.1:{free}/?token=secret"))).await.unwrap_err();
    assert_eq!((error.kind, error.maybe_sent), (SendErrorKind::ConnectionRefused, false), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");

    let closes = Service::start(|_| Turn::Close).await;
    for method in [Method::GET, Method::POST] {
        let error = client.send(Request::new(method, closes.url("/"))).await.unwrap_err();
        assert!(error.maybe_sent && error.retryable, "{error:?}");
    }

    let babbles = Service::start(|_| Turn::SayAndClose(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec())).await;
    let error = client.send(get(babbles.url("/"))).await.unwrap_err();
    assert_eq!(error.kind, SendErrorKind::InvalidResponse, "{error}");

    let cut = Service::start(|_| Turn::SayAndClose(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf".to_vec())).await;
    let error = client.send(get(cut.url("/"))).await.unwrap_err();
    assert!(error.maybe_sent, "{error:?}");
}

#[tokio::test]
async fn a_time_out_says_whether_the_request_was_sent() {
    let silent = Service::start(|_| Turn::Silence).await;
    for request in [get(silent.url("/")), Request::new(Method::POST, silent.url("/")).with_body("x")] {
        let error = client().send(request.with_timeout(Duration::from_millis(150))).await.unwrap_err();
        assert_eq!((error.kind, error.maybe_sent), (SendErrorKind::TimedOut, true), "{error}");
    }
    // The handshake never ends, so nothing of the request can have left.
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://127.0.0.1:{}/", mute.local_addr().unwrap().port());
    let error = client().send(get(&url).with_timeout(Duration::from_millis(150))).await.unwrap_err();
    assert_eq!((error.kind, error.maybe_sent), (SendErrorKind::TimedOut, false), "{error}");
    let hasty = client_with(|config| config.connect_timeout = Duration::from_millis(100));
    let error = hasty.send(get(&url)).await.unwrap_err();
    assert_eq!((error.kind, error.maybe_sent), (SendErrorKind::TimedOut, false), "{error}");
}

#[tokio::test]
async fn a_dripping_answer_ends_at_the_limit() {
    let service = Service::start(|_| Turn::Drip).await;
    let started = Instant::now();
    let error = client().send(get(service.url("/")).with_timeout(Duration::from_millis(200))).await.unwrap_err();
    assert_eq!((error.kind, error.maybe_sent), (SendErrorKind::TimedOut, true), "{error}");
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn large_answers_are_cut_off_however_they_come() {
    let service = Service::start(|request| {
        let ten = "0123456789";
        Turn::SayAndClose(if request.starts_with("GET /length") {
            ok(ten)
        } else if request.starts_with("GET /chunks") {
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n".to_vec()
        } else if request.starts_with("GET /head") {
            format!("HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 0\r\n\r\n", "x".repeat(70_000)).into_bytes()
        } else {
            let bomb = include_bytes!("../test_data/zeros_16mib.gz");
            let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", bomb.len());
            [head.as_bytes(), bomb].concat()
        })
    })
    .await;
    let client = client();
    let limited = |path: &str, bytes_max| {
        let mut request = get(service.url(path));
        request.response_bytes_max = Some(bytes_max);
        request
    };
    for path in ["/length", "/chunks"] {
        assert_eq!(&client.send(limited(path, 10)).await.unwrap().body[..], b"0123456789");
        let error = client.send(limited(path, 9)).await.unwrap_err();
        assert_eq!((error.kind, error.retryable), (SendErrorKind::ResponseTooLarge, false), "{error}");
        assert!(error.maybe_sent);
    }
    let error = client.send(get(service.url("/bomb"))).await.unwrap_err();
    assert_eq!(error.kind, SendErrorKind::ResponseTooLarge, "{error}");
    assert_eq!(client.send(limited("/bomb", 16 << 20)).await.unwrap().body.len(), 16 << 20);
    let error = client.send(get(service.url("/head"))).await.unwrap_err();
    assert_eq!(error.kind, SendErrorKind::ResponseTooLarge, "{error}");
}

#[tokio::test]
async fn a_dead_service_takes_only_its_own_places() {
    let dead = Service::start(|_| Turn::Silence).await;
    let alive = Service::start(|_| Turn::Later(Duration::from_millis(30), ok("fine"))).await;
    let client = client_with(|config| config.requests_per_origin_max = 2);
    for _ in 0..2 {
        let (client, url) = (client.clone(), dead.url("/"));
        tokio::spawn(async move { client.send(get(url)).await });
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let error = client.send(get(dead.url("/")).with_timeout(Duration::from_millis(100))).await.unwrap_err();
    assert_eq!((error.kind, error.maybe_sent, error.retryable), (SendErrorKind::Busy, false, true), "{error}");
    assert_eq!(dead.connections(), 2);
    // More than there are places: they take turns.
    let mut turns = Vec::new();
    for _ in 0..6 {
        let (client, url) = (client.clone(), alive.url("/"));
        turns.push(tokio::spawn(async move { client.send(get(url)).await }));
    }
    for turn in turns {
        assert_eq!(turn.await.unwrap().unwrap().status, 200);
    }
    assert!(alive.connections() <= 2);
}

#[tokio::test]
async fn connections_are_kept_and_a_dead_one_is_replaced() {
    let service =
        Service::start(
            |request| {
                if request.starts_with("GET /last") { Turn::SayAndClose(ok("")) } else { Turn::Say(ok("")) }
            },
        )
        .await;
    let client = client();
    for path in ["/", "/", "/last"] {
        client.send(get(service.url(path))).await.unwrap();
    }
    assert_eq!(service.connections(), 1);
    tokio::time::sleep(Duration::from_millis(50)).await;
    client.send(Request::new(Method::POST, service.url("/")).with_body("x")).await.unwrap();
    assert_eq!(service.connections(), 2);
}

#[tokio::test]
async fn secrets_do_not_show_in_debug() {
    let request = get("https://api.example.com/x?key=topsecret")
        .with_header(header::AUTHORIZATION, HeaderValue::from_static("Bearer topsecret"))
        .with_body("topsecret");
    assert!(!format!("{request:?}").contains("topsecret"));
}

#[tokio::test]
async fn requests_go_straight_whatever_the_environment_says() {
    let service = Service::start(|_| Turn::Say(ok("direct"))).await;
    let response = client().send(get(service.url("/"))).await.unwrap();
    assert_eq!(&response.body[..], b"direct");
}

/// Runs the test before this one in a process with proxies in its environment that nobody serves.
#[tokio::test]
async fn proxies_of_the_environment_are_ignored() {
    let mut child = tokio::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "requests_go_straight_whatever_the_environment_says"]);
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"] {
        child.env(name, "http://127.0.0.1:9");
    }
    assert!(child.output().await.unwrap().status.success());
}
