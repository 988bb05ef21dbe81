//! The `Http` action.

use std::time::{Duration, Instant};

use hookmill_engine::{ActionPath, ActionRequest, Chunks, EffectId, HttpRequest, Outcome, Performed};
use hookmill_executor::{CallContext, NotMine, is_local};
use hookmill_model::{Id as _, RunId, Value};

use crate::service::{Service, executor, header, reply};

fn value(text: &str) -> Value {
    Value::from_json(text.as_bytes()).unwrap()
}

fn effect() -> EffectId {
    let path = ActionPath { action: "Ruf an".into(), indexes: vec![2] };
    EffectId { run: RunId::from_bits(7), path, attempt: 3 }
}

fn call(method: &str, uri: String) -> HttpRequest {
    HttpRequest {
        method: method.into(),
        uri: uri.into(),
        headers: Default::default(),
        cookie: None,
        body: Value::Null,
        authentication: Value::Null,
        timeout: Duration::from_secs(5),
        chunks: None,
    }
}

async fn perform(request: HttpRequest) -> Performed {
    executor().perform(&ActionRequest::Http(request), &CallContext::of(&effect())).await.unwrap()
}

fn refused(performed: Performed) -> (String, String, bool, bool) {
    match performed.outcome {
        Outcome::NoReply { code, message, maybe_sent, retryable } => {
            (code.to_string(), message.to_string(), maybe_sent, retryable)
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_call_and_its_answer() {
    let service = Service::start(|_| {
        let headers = "Content-Type: application/json\nX-Many: a\nX-Many: b\nSet-Cookie: sid=1\n";
        Some(reply(422, headers, "{\"why\": [1]}"))
    })
    .await;
    let mut request = call("POST", service.url("/p?q=a%20b"));
    request.headers = value(r#"{"X-One":true,"X-None":null,"X-Text":"ü"}"#).as_object().unwrap().clone();
    request.body = value(r#"{"a":1}"#);
    let performed = perform(request).await;
    let Outcome::Replied { status: 422, headers, body } = performed.outcome else { panic!() };
    assert_eq!(headers.get("Content-Type"), Some(&Value::string("application/json")));
    assert_eq!(headers.get("x-many"), Some(&Value::string("a, b")));
    assert_eq!(headers.get("set-cookie"), None);
    assert_eq!(body, Some(value("{\"why\":[1]}")));

    let told = service.only();
    assert!(told.starts_with("POST /p?q=a%20b HTTP/1.1\r\n") && told.ends_with("\r\n\r\n{\"a\":1}"), "{told}");
    assert_eq!(header(&told, "x-one"), Some("True"));
    assert_eq!(header(&told, "x-none"), None);
    assert_eq!(header(&told, "content-type"), Some("application/json; charset=utf-8"));
    assert!(header(&told, "user-agent").unwrap().starts_with("Hookmill/"));
    let run = effect().run.to_string();
    assert_eq!(header(&told, "idempotency-key"), Some(&*format!("{run}/Ruf%20an[2]/3")));
    assert_eq!(header(&told, "x-ms-workflow-run-id"), Some(&*run));
    assert_eq!(header(&told, "x-ms-client-tracking-id"), Some(&*run));
    assert_eq!(header(&told, "x-ms-workflow-operation-name"), Some("Ruf%20an"));

    let shown = performed.request;
    assert_eq!(shown.get("method"), Some(&Value::string("POST")));
    assert_eq!(shown.get("uri"), Some(&Value::string(service.url("/p?q=a%20b"))));
    assert_eq!(shown.get("body"), Some(&value("{\"a\":1}")));
    assert_eq!(shown.pointer("/headers/x-text"), Some(&Value::string("ü")));
}

#[tokio::test]
async fn some_headers_of_the_maker_are_dropped() {
    let service = Service::silent().await;
    let headers = value(
        r#"{"Accept":"text/x","Accept-Charset":"x","Accept-Version":"2","Allow":"x","Content-MD5":"x",
        "Content-Length":"99","Content-Type":"text/csv","Content-Encoding":"identity","Content-Disposition":"inline",
        "Cookie":"a=b","Expires":"x","Host":"evil.example","Last-Modified":"x","Origin":"x","Set-Cookie":"x",
        "Transfer-Encoding":"chunked","X-Own":"kept","Idempotency-Key":"mine"}"#,
    );
    for method in ["PUT", "GET"] {
        let mut request = call(method, service.url("/"));
        request.headers = headers.as_object().unwrap().clone();
        request.body = Value::string("a;b");
        perform(request).await;
    }
    let told = service.told();
    for (request, keeps_content) in told.iter().zip([true, false]) {
        for name in [
            "accept-charset",
            "allow",
            "content-md5",
            "cookie",
            "expires",
            "last-modified",
            "origin",
            "set-cookie",
            "transfer-encoding",
        ] {
            assert_eq!(header(request, name), None, "{name}: {request}");
        }
        assert!(!request.contains("evil"), "{request}");
        for (name, text) in
            [("accept", "text/x"), ("accept-version", "2"), ("x-own", "kept"), ("idempotency-key", "mine")]
        {
            assert_eq!(header(request, name), Some(text), "{request}");
        }
        assert_eq!(header(request, "content-disposition").is_some(), keeps_content, "{request}");
        assert_eq!(header(request, "content-encoding").is_some(), keeps_content, "{request}");
        assert_eq!(header(request, "content-length"), Some("3"));
        assert!(request.ends_with("\r\n\r\na;b"), "{request}");
    }
    assert_eq!(header(&told[0], "content-type"), Some("text/csv"));
    assert_eq!(header(&told[1], "content-type"), Some("text/plain; charset=utf-8"));
}

#[tokio::test]
async fn run_headers_can_be_left_out_and_repeatable_methods_need_no_key() {
    let service = Service::silent().await;
    let effect = effect();
    let context = CallContext { workflow_headers: false, ..CallContext::of(&effect) };
    executor().perform(&ActionRequest::Http(call("PUT", service.url("/"))), &context).await.unwrap();
    let told = service.only();
    assert!(!told.contains("x-ms-") && !told.contains("idempotency"), "{told}");

    let context = CallContext { tracking_id: Some("order 7"), flow: Some("flw_1"), ..CallContext::of(&effect) };
    executor().perform(&ActionRequest::Http(call("PATCH", service.url("/"))), &context).await.unwrap();
    let told = &service.told()[1];
    assert_eq!(header(told, "x-ms-client-tracking-id"), Some("order%207"));
    assert_eq!(header(told, "x-ms-workflow-id"), Some("flw_1"));
    assert!(header(told, "idempotency-key").is_some());
}

#[tokio::test]
async fn bodies_go_and_come_as_values() {
    let service = Service::start(|request| {
        let media_type = header(request, "x-want").unwrap().to_owned();
        let body = request.split_once("\r\n\r\n").unwrap().1;
        Some(reply(200, &format!("Content-Type: {media_type}\n"), body))
    })
    .await;
    let echo = async |want: &str, body: &str| {
        let mut request = call("POST", service.url("/"));
        request.headers.insert("X-Want", want);
        request.body = value(body);
        match perform(request).await.outcome {
            Outcome::Replied { status: 200, body, .. } => body.map(|body| body.to_json()),
            other => panic!("{other:?}"),
        }
    };
    let bytes = r#"{"$content-type":"image/png","$content":"AAEC"}"#;
    assert_eq!(echo("image/png", bytes).await.as_deref(), Some(bytes));
    assert_eq!(header(&service.told()[0], "content-type"), Some("image/png"));
    assert_eq!(echo("text/plain", "\"ü\"").await.as_deref(), Some("\"ü\""));
    assert_eq!(echo("application/hal+json", "[1]").await.as_deref(), Some("[1]"));
    assert_eq!(echo("text/plain", "null").await, None);
    let parts = r#"{"$content-type":"multipart/form-data","$multipart":[{"headers":{"Content-Disposition":"form-data; name=a"},"body":"x"}]}"#;
    let sent = echo("text/plain", parts).await.unwrap();
    assert!(sent.contains("Content-Disposition: form-data; name=a\\r\\n\\r\\nx\\r\\n"), "{sent}");
    let told = service.told().pop().unwrap();
    let boundary = header(&told, "content-type").unwrap().strip_prefix("multipart/form-data; boundary=").unwrap();
    assert!(told.ends_with(&format!("--{boundary}--\r\n")), "{told}");
}

#[tokio::test]
async fn secrets_of_the_authentication_are_seen_by_the_service_only() {
    let service = Service::start(|request| {
        let seen = header(request, "authorization").unwrap().to_owned();
        Some(reply(200, &format!("X-Seen: {seen}\n"), &format!("{{\"seen\":\"{seen}\"}}")))
    })
    .await;
    let cases = [
        (r#"{"type":"Basic","username":"kim","password":"c4nary-one"}"#, "Basic a2ltOmM0bmFyeS1vbmU=", "c4nary-one"),
        (r#"{"type":"Raw","value":"Token c4nary-two"}"#, "Token c4nary-two", "c4nary-two"),
    ];
    for (authentication, expected, secret) in cases {
        let mut request = call("POST", service.url(&format!("/?key={secret}")));
        request.authentication = value(authentication);
        request.headers.insert("Authorization", "overruled");
        request.headers.insert("X-Copy", format!("again {secret}"));
        request.body = Value::object([("copy", secret)]);
        let performed = perform(request).await;
        let told = service.told().pop().unwrap();
        assert_eq!(header(&told, "authorization"), Some(expected));
        assert!(told.contains(&format!("again {secret}")) && told.contains(&format!("key={secret}")), "{told}");
        assert_eq!(performed.request.pointer("/headers/Authorization"), Some(&Value::string("*sanitized*")));
        let kept = format!("{performed:?}");
        assert!(!kept.contains("c4nary") && !kept.contains("bmFyeS1vbm"), "{kept}");
    }
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_again_when_it_is_refused() {
    let service = Service::start(|request| {
        Some(if request.starts_with("POST /my%20tenant/oauth2/token ") {
            reply(200, "Content-Type: application/json\n", r#"{"access_token":"t0ken-canary","expires_in":"3600"}"#)
        } else if request.contains("/refuse") {
            reply(401, "", "")
        } else {
            reply(200, "", "")
        })
    })
    .await;
    let executor = executor();
    let effect = effect();
    let mut statuses = Vec::new();
    for path in ["/a", "/b", "/refuse", "/c"] {
        let mut request = call("GET", service.url(path));
        let authority = format!("http://127.0.0.1:{}/", service.port);
        request.authentication = Value::object([
            ("type", "ActiveDirectoryOAuth"),
            ("authority", &authority),
            ("tenant", "my tenant"),
            ("audience", "https://a.example/"),
            ("clientId", "c1"),
            ("secret", "s3cret+canary"),
        ]);
        let performed = executor.perform(&ActionRequest::Http(request), &CallContext::of(&effect)).await.unwrap();
        assert!(!format!("{performed:?}").contains("canary"), "{performed:?}");
        let Outcome::Replied { status, .. } = performed.outcome else { panic!("{performed:?}") };
        statuses.push(status);
    }
    assert_eq!(statuses, [200, 200, 401, 200]);
    let told = service.told();
    let asked: Vec<_> = told.iter().filter(|one| one.contains("/oauth2/token")).collect();
    assert_eq!((told.len(), asked.len()), (6, 2), "{told:#?}");
    assert!(asked[0].ends_with(
        "grant_type=client_credentials&client_id=c1&client_secret=s3cret%2Bcanary&resource=https%3A%2F%2Fa.example%2F"
    ));
    assert_eq!(header(&told[1], "authorization"), Some("Bearer t0ken-canary"));
}

#[tokio::test]
async fn a_refused_token_is_the_end_of_the_call() {
    let service = Service::start(|_| {
        Some(reply(401, "Content-Type: application/json\n", r#"{"error":"invalid_client","error_description":"no"}"#))
    })
    .await;
    let mut request = call("GET", service.url("/never"));
    request.authentication =
        value(r#"{"type":"ActiveDirectoryOAuth","tenant":"t","audience":"a","clientId":"c","secret":"secret"}"#);
    request.authentication.as_object_mut().unwrap().insert("authority", service.url(""));
    let (code, message, maybe_sent, retryable) = refused(perform(request).await);
    assert_eq!((&*code, maybe_sent, retryable), ("Unauthorized", false, false));
    assert!(message.ends_with("gave no token: it answered 401 invalid_client no"), "{message}");
    assert_eq!(service.told().len(), 1);
}

#[tokio::test]
async fn a_cookie_has_its_own_input_and_stays_hidden() {
    let service = Service::silent().await;
    let mut request = call("GET", service.url("/"));
    request.cookie = Some("sid=canary; theme=dark".into());
    let performed = perform(request).await;
    assert_eq!(header(&service.only(), "cookie"), Some("sid=canary; theme=dark"));
    assert!(!format!("{performed:?}").contains("canary"), "{performed:?}");
}

/// A service that takes bodies in parts of 4 bytes at `/store`, and gives ten bytes in parts.
async fn store() -> Service {
    Service::start(|request| {
        let range = |name: &str| header(request, name).unwrap_or_default().to_owned();
        Some(match request.split(' ').next().unwrap() {
            "POST" if request.starts_with("POST /plain") => reply(404, "", ""),
            "POST" => reply(200, "Location: /store/1\nx-ms-chunk-size: 4\n", ""),
            "PATCH" => {
                let last = range("content-range").split(['-', '/']).nth(1).unwrap().to_owned();
                reply(200, &format!("Range: bytes=0-{last}\n"), if last == "9" { "all" } else { "" })
            }
            _ if request.starts_with("GET /plain") => reply(200, "", "0123456789"),
            _ => {
                let wanted = range("range");
                let (first, last) = wanted.trim_start_matches("bytes=").split_once('-').unwrap();
                let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse::<usize>().unwrap().min(9));
                let part = &"0123456789"[first..=last];
                reply(206, &format!("Content-Type: text/plain\nContent-Range: bytes {first}-{last}/10\n"), part)
            }
        })
    })
    .await
}

#[tokio::test]
async fn bodies_go_up_in_parts() {
    let service = store().await;
    let mut request = call("POST", service.url("/store"));
    request.body = Value::string("0123456789");
    request.authentication = value(r#"{"type":"Raw","value":"Bearer abcdefgh"}"#);
    request.chunks = Some(Chunks::default());
    let Outcome::Replied { status, body, .. } = perform(request.clone()).await.outcome else { panic!() };
    assert_eq!((status, body), (200, Some("all".into())));
    let told = service.told();
    assert_eq!(told.len(), 4, "{told:#?}");
    assert_eq!(header(&told[0], "x-ms-transfer-mode"), Some("chunked"));
    assert_eq!(header(&told[0], "x-ms-content-length"), Some("10"));
    assert!(told[0].ends_with("\r\n\r\n"), "no body: {}", told[0]);
    for (part, (range, bytes)) in
        told[1..].iter().zip([("bytes=0-3/10", "0123"), ("bytes=4-7/10", "4567"), ("bytes=8-9/10", "89")])
    {
        assert!(part.starts_with("PATCH /store/1 ") && part.ends_with(&format!("\r\n\r\n{bytes}")), "{part}");
        assert_eq!(header(part, "content-range"), Some(range));
        assert_eq!(header(part, "authorization"), Some("Bearer abcdefgh"));
    }
    // A service without the protocol fails the action with its status.
    request.uri = service.url("/plain").into();
    let Outcome::Replied { status, .. } = perform(request).await.outcome else { panic!() };
    assert_eq!(status, 404);
}

#[tokio::test]
async fn bodies_come_down_in_parts() {
    let service = store().await;
    let mut request = call("GET", service.url("/big"));
    request.chunks = Some(Chunks { upload_bytes: None, download_bytes: Some(4) });
    let Outcome::Replied { status, headers, body } = perform(request.clone()).await.outcome else { panic!() };
    assert_eq!((status, body), (200, Some("0123456789".into())));
    assert_eq!(headers.get("Content-Range"), None);
    assert_eq!(service.told().len(), 3);
    request.uri = service.url("/plain").into();
    let Outcome::Replied { body, .. } = perform(request).await.outcome else { panic!() };
    assert_eq!(body, Some("0123456789".into()), "a 200 is the whole");
}

#[tokio::test]
async fn credentials_do_not_follow_parts_to_another_origin() {
    let other = Service::silent().await;
    let location = other.url("/there");
    let service = Service::start(move |_| Some(reply(200, &format!("Location: {location}\n"), ""))).await;
    let mut request = call("PUT", service.url("/store"));
    request.body = Value::string("0123");
    request.cookie = Some("sid=1".into());
    request.authentication = value(r#"{"type":"Raw","value":"Bearer abcdefgh"}"#);
    request.chunks = Some(Chunks::default());
    perform(request).await;
    let told = other.only();
    assert!(told.starts_with("PATCH /there ") && told.ends_with("0123"), "{told}");
    assert_eq!((header(&told, "authorization"), header(&told, "cookie")), (None, None));
}

#[tokio::test]
async fn a_broken_certificate_sends_nothing() {
    let service = Service::silent().await;
    for pfx in ["", "%%%", "AAEC"] {
        let mut request = call("GET", service.url("/"));
        request.authentication = Value::object([("type", "ClientCertificate"), ("pfx", pfx), ("password", "x")]);
        let performed = perform(request).await;
        assert!(performed.request.is_null());
        let (code, _, maybe_sent, retryable) = refused(performed);
        assert_eq!((&*code, maybe_sent, retryable), ("BadRequest", false, false), "{pfx}");
    }
    assert!(service.told().is_empty());
}

#[tokio::test]
async fn without_an_answer_the_code_says_why() {
    let silence = Service::start(|_| None).await;
    let mut slow = call("GET", silence.url("/"));
    // Long enough for the connection to be made on a busy machine.
    slow.timeout = Duration::from_secs(3);
    let started = Instant::now();
    let (code, message, maybe_sent, retryable) = refused(perform(slow).await);
    assert_eq!((&*code, maybe_sent, retryable), ("GatewayTimeout", true, true), "{message}");
    assert!(started.elapsed() < Duration::from_secs(30));

    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let cases = [
        ("http://does-not-exist.invalid/".to_owned(), "UnresolvableHostName", true),
        (format!("http://127.0.0.1:{closed}/"), "BadRequest", true),
        ("http://10.0.0.1/".to_owned(), "BadRequest", false),
        ("ftp://example.com/".to_owned(), "BadRequest", false),
        ("not an address".to_owned(), "BadRequest", false),
    ];
    for (uri, expected, expected_retryable) in cases {
        let performed = perform(call("POST", uri.clone())).await;
        assert_eq!(performed.request.get("uri"), Some(&Value::string(uri.clone())));
        let (code, message, maybe_sent, retryable) = refused(performed);
        assert_eq!((&*code, maybe_sent, retryable), (expected, false, expected_retryable), "{uri}: {message}");
    }
    for (method, name) in [("A B", "X"), ("GET", "a b"), ("GET", "X")] {
        let mut request = call(method, silence.url("/"));
        request.headers.insert(name, "a\nb");
        let (code, ..) = refused(perform(request).await);
        assert_eq!(code, "BadRequest");
    }
}

#[tokio::test]
async fn a_reply_leads_a_get_on_without_its_credentials() {
    let other = Service::start(|_| Some(reply(200, "", "there"))).await;
    let location = other.url("/there");
    let service = Service::start(move |_| Some(reply(302, &format!("Location: {location}\n"), ""))).await;
    let mut request = call("GET", service.url("/"));
    request.authentication = value(r#"{"type":"Raw","value":"Bearer abcdefgh"}"#);
    let Outcome::Replied { status, .. } = perform(request).await.outcome else { panic!() };
    assert_eq!(status, 200);
    assert_eq!(header(&service.only(), "authorization"), Some("Bearer abcdefgh"));
    assert_eq!(header(&other.only(), "authorization"), None);
    let Outcome::Replied { status, .. } = perform(call("POST", service.url("/"))).await.outcome else { panic!() };
    assert_eq!(status, 302);
}

#[tokio::test]
async fn secrets_of_the_run_are_taken_out() {
    let service = Service::silent().await;
    let secrets = [("token".to_owned(), "c4nary-three".to_owned())];
    let effect = effect();
    let context = CallContext { secrets: &secrets, ..CallContext::of(&effect) };
    let request = ActionRequest::Http(call("GET", service.url("/?t=c4nary-three")));
    let performed = executor().perform(&request, &context).await.unwrap();
    assert_eq!(performed.request.get("uri"), Some(&Value::string(service.url("/?t=[secret: token]"))));
}

#[tokio::test]
async fn what_the_server_does_itself_is_not_performed() {
    let child = ActionRequest::ChildFlow { flow: "x".into(), headers: Value::Null, body: Value::Null };
    assert!(is_local(&child));
    let effect = effect();
    assert_eq!(executor().perform(&child, &CallContext::of(&effect)).await, Err(NotMine));
}

#[tokio::test]
async fn a_script_runs_without_a_request() {
    let script = ActionRequest::JavaScript {
        code: "return workflowContext.trigger.n + 1".into(),
        context: value(r#"{"trigger":{"n":1}}"#),
        timeout: Duration::from_secs(5),
    };
    let effect = effect();
    let performed = executor().perform(&script, &CallContext::of(&effect)).await.unwrap();
    let outcome = Outcome::Replied { status: 200, headers: Default::default(), body: Some(value("2")) };
    assert_eq!(performed, Performed { outcome, request: Value::Null });
}
