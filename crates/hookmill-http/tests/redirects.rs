//! Where redirects may lead, and what stays at home.

// Helpers of tests may unwrap as tests may.
#![allow(clippy::unwrap_used)]

mod service;

use hookmill_http::{AddressPolicy, HeaderName, HeaderValue, Method, Redirects, Request, SendErrorKind, header};
use service::{Service, Turn, client, client_with, led_to, ok};

fn with_secrets(method: Method, url: String, redirects: Redirects) -> Request {
    let mut marked = HeaderValue::from_static("canary-marked");
    marked.set_sensitive(true);
    let mut request = Request::new(method, url)
        .with_header(header::AUTHORIZATION, HeaderValue::from_static("Basic canary-basic"))
        .with_header(header::COOKIE, HeaderValue::from_static("canary-cookie=1"))
        .with_header(HeaderName::from_static("x-api-key"), HeaderValue::from_static("canary-key"))
        .with_header(HeaderName::from_static("x-marked"), marked)
        // A key in a header that nobody has declared.
        .with_header(HeaderName::from_static("x-shop-key"), HeaderValue::from_static("canary-undeclared"))
        .with_header(header::ACCEPT, HeaderValue::from_static("application/vnd.forge"))
        .with_redirects(redirects);
    request.secret_headers.push(HeaderName::from_static("x-api-key"));
    request
}

#[tokio::test]
async fn credentials_stay_at_their_origin() {
    let other = Service::start(|_| Turn::Say(ok("other"))).await;
    let there = other.url("/there");
    let home = Service::start(move |request| {
        let path = request.split(' ').nth(1).unwrap_or_default();
        Turn::Say(match path {
            "/near" => led_to(302, "/here"),
            "/far" => led_to(307, &there),
            _ => ok("home"),
        })
    })
    .await;
    let client = client();

    let response = client.send(with_secrets(Method::GET, home.url("/near"), Redirects::SameOrigin)).await.unwrap();
    assert_eq!((&response.body[..], response.redirects), (&b"home"[..], 1));
    assert_eq!(response.url.path(), "/here");
    assert_eq!(home.told()[1].matches("canary").count(), 5, "{}", home.told()[1]);

    for redirects in [Redirects::None, Redirects::SameOrigin] {
        let response = client.send(with_secrets(Method::GET, home.url("/far"), redirects)).await.unwrap();
        assert_eq!(response.status, 307);
        assert!(response.headers.contains_key("location"));
    }
    assert_eq!(other.connections(), 0);

    let response = client.send(with_secrets(Method::GET, home.url("/far"), Redirects::Any)).await.unwrap();
    assert_eq!(&response.body[..], b"other");
    let told = other.told().remove(0);
    assert!(!told.contains("canary"), "{told}");
    assert!(told.contains("accept: application/vnd.forge"), "{told}");
}

#[tokio::test]
async fn methods_and_bodies_follow_the_status() {
    let service = Service::start(|request| {
        let path = request.split(' ').nth(1).unwrap_or_default();
        Turn::Say(match path.strip_prefix('/').and_then(|text| text.parse().ok()) {
            Some(status) => led_to(status, "/end"),
            None => ok(""),
        })
    })
    .await;
    let cases = [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (307, "POST", "POST"),
        (308, "PUT", "PUT"),
        (302, "PUT", "PUT"),
        (303, "HEAD", "HEAD"),
    ];
    for (status, method, then) in cases {
        let body = if method == "HEAD" { "" } else { "text" };
        let request = Request::new(method.parse().unwrap(), service.url(&format!("/{status}")))
            .with_header(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"))
            .with_body(body)
            .with_redirects(Redirects::Any);
        assert_eq!(client().send(request).await.unwrap().status, 200);
        let last = service.told().pop().unwrap();
        assert!(last.starts_with(&format!("{then} /end ")), "{status} {method}: {last}");
        assert_eq!(last.ends_with("text"), then == "POST" || then == "PUT", "{last}");
        assert_eq!(last.contains("text/plain"), then != "GET", "{last}");
    }
}

#[tokio::test]
async fn every_hop_is_checked_and_the_number_is_limited() {
    let sentinel = Service::start(|_| Turn::Say(ok("secret"))).await;
    let port = sentinel.port;
    let service = Service::start(move |request| {
        let path = request.split(' ').nth(1).unwrap_or_default();
        let hop: u32 = path.trim_start_matches('/').parse().unwrap_or(0);
        Turn::Say(match hop {
            0 => led_to(302, &format!("http://127.0.0.2:{port}/")),
            7.. => led_to(302, path),
            _ => led_to(302, &format!("/{}", hop - 1)),
        })
    })
    .await;
    for hops in 0..4 {
        let request = Request::new(Method::GET, service.url(&format!("/{hops}"))).with_redirects(Redirects::Any);
        let error = client().send(request).await.unwrap_err();
        assert_eq!(error.kind, SendErrorKind::AddressNotAllowed, "{hops}: {error}");
        assert!(error.maybe_sent);
    }
    assert_eq!(sentinel.connections(), 0);
    let request = Request::new(Method::GET, service.url("/9")).with_redirects(Redirects::Any);
    let error = client_with(|config| config.redirects_max = 3).send(request).await.unwrap_err();
    assert_eq!(error.kind, SendErrorKind::TooManyRedirects);
    assert_eq!(service.told().iter().filter(|one| one.starts_with("GET /9 ")).count(), 4);
}

#[tokio::test]
async fn strange_locations_are_given_back_or_refused() {
    for location in ["ftp://example.com/", "file:///etc/passwd", "http://user:word@127.0.0.1/"] {
        let service = Service::start(move |_| Turn::Say(led_to(302, location))).await;
        let request = Request::new(Method::GET, service.url("/")).with_redirects(Redirects::Any);
        let error = client().send(request).await.unwrap_err();
        assert_eq!(error.kind, SendErrorKind::InvalidUrl, "{location}");
    }
    for location in ["http://", "http://[::1", "http://a b/"] {
        let service = Service::start(move |_| Turn::Say(led_to(302, location))).await;
        let request = Request::new(Method::GET, service.url("/")).with_redirects(Redirects::Any);
        assert_eq!(client().send(request).await.unwrap().status, 302, "{location}");
    }
    let service = Service::start(|_| Turn::Say(led_to(302, "//127.0.0.3/"))).await;
    let policy = AddressPolicy::new(&["127.0.0.1"], &[], false).unwrap();
    let request = Request::new(Method::GET, service.url("/")).with_redirects(Redirects::Any);
    let error = client_with(|config| config.policy = policy).send(request).await.unwrap_err();
    assert_eq!(error.kind, SendErrorKind::AddressNotAllowed);
}
