//! What is measured: the names that rules and dashboard use exist, and count what happened.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once.

mod support;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use support::{Answer, Server, Service, eventually, eventually_within, http, text};

/// A trace as a service names it.
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Names that begin like ours.
fn names(text: &str) -> BTreeSet<String> {
    let is_part = |one: char| one.is_ascii_lowercase() || one == '_';
    text.match_indices("hookmill_")
        .map(|(at, _)| text[at..].chars().take_while(|one| is_part(*one)).collect())
        .collect()
}

/// The value of the series whose line begins like this.
fn value(measured: &str, series: &str) -> Option<f64> {
    let line = measured.lines().find(|line| line.starts_with(series))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[test]
fn what_happens_is_measured_under_the_names_that_the_rules_use() {
    let folder = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let flags = ["--metrics-listen", &free, "--log-format", "json"];
    let sink = Service::start(|_, _| Answer::new("200 OK", &json!({"ok": true})));
    let mut server = Server::start(&folder.path().join("data"), "127.0.0.1:0", &flags);
    server.set_up();
    let actions =
        json!({"Call": {"type": "Http", "inputs": {"method": "POST", "uri": format!("http://{}/call", sink.address)}}});
    let definition = json!({"triggers": {"manual": {"type": "Request"}}, "actions": actions});
    let flow = server.post("/api/flows", &json!({"name": "Measured", "definition": definition}));
    let url = flow["webhook"]["callback_url"].as_str().unwrap().to_owned();
    let door = &url[url.find("/workflows/").unwrap()..];
    for _ in 0..7 {
        let headers = [("traceparent", TRACE), ("tracestate", "rojo=1")];
        assert_eq!(http(&server.address, "POST", door, &headers, b"").status(), 202);
    }
    assert_eq!(http(&server.address, "POST", "/callback/nobody-knows-this", &[], b"{}").status(), 404);
    let read = || text(&http(&free, "GET", "/metrics", &[], b"").body);
    let measured = eventually("the end of seven runs", || {
        let measured = read();
        (value(&measured, "hookmill_runs_ended_total{status=\"Succeeded\"}") == Some(7.0)).then_some(measured)
    });
    assert_eq!(value(&measured, "hookmill_events_total{result=\"accepted\"}"), Some(7.0), "{measured}");
    assert_eq!(value(&measured, "hookmill_events_total{result=\"not_found\"}"), Some(1.0), "{measured}");
    // Each call is a span of its own of the trace that came in.
    let begin = &TRACE[..36];
    let traced: BTreeSet<_> =
        sink.calls().iter().filter_map(|call| Some(call.header("traceparent")?.to_owned())).collect();
    assert!(traced.len() == 7 && traced.iter().all(|one| one.starts_with(begin) && one.ends_with("-01")), "{traced:?}");
    assert!(!traced.contains(TRACE) && sink.calls().iter().all(|call| call.header("tracestate") == Some("rojo=1")));
    let host = sink.address.clone();
    let calls = measured.lines().find(|line| line.starts_with("hookmill_action_duration_seconds_count"));
    let labels = format!("connector=\"http\",host=\"{host}\",outcome=\"answered\"");
    assert!(calls.is_some_and(|line| line.contains(&labels) && line.ends_with(" 7")), "{calls:?}");
    for class in ["slowed", "counted", "free"] {
        let series = format!("hookmill_queue_runs_waiting{{class=\"{class}\"}}");
        assert_eq!(value(&measured, &series), Some(0.0), "{measured}");
    }
    assert_eq!(value(&measured, "hookmill_flows "), Some(1.0));
    assert_eq!(value(&measured, "hookmill_up_to_date "), Some(1.0));
    assert!(value(&measured, "hookmill_store_commit_duration_seconds_count").is_some_and(|count| count > 7.0));
    assert!(value(&measured, "process_resident_memory_bytes").is_some_and(|bytes| bytes > 1e6));
    // Nobody learns secrets from it.
    assert!(!measured.contains(door) && !measured.contains(&server.token));

    // A backup has not been fetched, and no transaction failed: those two have no value yet.
    let described = "hookmill_backup_last_timestamp_seconds hookmill_store_failures_total";
    let known: BTreeSet<String> = names(&measured).into_iter().chain(names(described)).collect();
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy");
    for file in ["prometheus/alerts.yaml", "grafana/hookmill.json"] {
        let used = names(&std::fs::read_to_string(deploy.join(file)).unwrap());
        let unknown: Vec<_> = used.iter().filter(|name| !known.contains(*name)).collect();
        assert!(used.len() > 8 && unknown.is_empty(), "{file} uses {unknown:?}, which nobody measures");
    }
    // Each line of the log is an object; those about a request name it.
    let logged = server.logged();
    let lines: Vec<Value> = logged.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.len() > 1 && lines.iter().all(|line| line["level"].is_string()), "{logged}");
    let named = lines.iter().any(|line| line["spans"].to_string().contains("req_"));
    assert!(named, "no line names its request: {logged}");
    let traced = lines.iter().filter(|line| line["trace.id"] == TRACE[3..35] && line["run"].is_string()).count();
    assert_eq!(traced, 7, "lines of calls with their trace: {logged}");
    // The pages of the server itself say nothing of it.
    let own = http(&server.address, "GET", "/metrics", &[], b"");
    assert!(!text(&own.body).contains("hookmill_events_total"));
}

/// The spans that a collector got.
fn spans(collector: &Service) -> Vec<Value> {
    let calls = collector.calls().into_iter().filter(|call| call.path() == "/v1/traces");
    let scopes = calls.flat_map(|call| call.json()["resourceSpans"][0]["scopeSpans"].as_array().unwrap().clone());
    scopes.flat_map(|scope| scope["spans"].as_array().unwrap().clone()).collect()
}

#[test]
fn a_collector_gets_traces_and_measures() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Service::start(|_, _| Answer::new("200 OK", &json!({})));
    let sink = Service::start(|call, _| match call.path() {
        "/gone" => Answer::new("404 Not Found", &json!({})),
        _ => Answer::new("200 OK", &json!({})),
    });
    let variables: [(&str, &OsStr); 4] = [
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=the%20key".as_ref()),
        ("OTEL_SERVICE_NAME", "mill".as_ref()),
        ("OTEL_BSP_SCHEDULE_DELAY", "200".as_ref()),
        ("OTEL_METRIC_EXPORT_INTERVAL", "500".as_ref()),
    ];
    let endpoint = format!("http://{}", collector.address);
    let flags = ["--otlp-endpoint", endpoint.as_str()];
    let mut server = Server::try_start_in(&folder.path().join("data"), "127.0.0.1:0", &flags, &variables).unwrap();
    server.set_up();
    let call = |path: &str| {
        json!({"type": "Http", "inputs": {"method": "POST", "retryPolicy": {"type": "none"},
        "uri": format!("http://{}{path}", sink.address)}})
    };
    let actions = json!({"Call": call("/call"), "Gone": call("/gone")});
    let definition = json!({"triggers": {"manual": {"type": "Request"}}, "actions": actions});
    let flow = server.post("/api/flows", &json!({"name": "Traced", "definition": definition}));
    let url = flow["webhook"]["callback_url"].as_str().unwrap().to_owned();
    let door = &url[url.find("/workflows/").unwrap()..];
    let unsampled = format!("{}00", &TRACE[..53]);
    for headers in
        [vec![("traceparent", TRACE), ("tracestate", "rojo=1")], vec![], vec![("traceparent", unsampled.as_str())]]
    {
        assert_eq!(http(&server.address, "POST", door, &headers, b"").status(), 202);
    }
    let wait = Duration::from_secs(60);
    let seen =
        eventually_within("the spans of two runs", wait, || Some(spans(&collector)).filter(|spans| spans.len() >= 6));
    assert_eq!(seen.len(), 6, "a trace that nobody keeps has no spans here: {seen:#?}");
    let of = |trace: &str, name: &str| {
        let found: Vec<_> = seen.iter().filter(|one| one["traceId"] == trace && one["name"] == name).collect();
        assert_eq!(found.len(), 1, "{name} of {trace} in {seen:#?}");
        found[0].clone()
    };
    // The run is a part of the notification's span, and its requests are parts of the run.
    let run = of(&TRACE[3..35], "run Traced");
    assert_eq!(
        (&run["parentSpanId"], &run["kind"], &run["traceState"]),
        (&json!(&TRACE[36..52]), &json!(5), &json!("rojo=1"))
    );
    assert_eq!(run["status"]["code"], 2);
    for (name, status) in [("Call", "200"), ("Gone", "404")] {
        let request = of(&TRACE[3..35], name);
        assert_eq!((&request["parentSpanId"], &request["kind"]), (&run["spanId"], &json!(3)));
        assert_eq!(request["status"]["code"].as_u64(), (name == "Gone").then_some(2));
        let attributes = request["attributes"].as_array().unwrap();
        let code = attributes.iter().find(|one| one["key"] == "http.response.status_code").unwrap();
        assert_eq!(code["value"]["intValue"], status);
        // The service was told the same span.
        let told = format!("{}-{}-01", &TRACE[..35], request["spanId"].as_str().unwrap());
        assert!(sink.calls().iter().any(|call| call.header("traceparent") == Some(&told)), "{told}");
    }
    // A run without a trace begins one, and services hear of it.
    let own = seen.iter().find(|one| one["name"] == "run Traced" && one["traceId"] != TRACE[3..35]).unwrap();
    assert!(own["parentSpanId"].is_null() && own["kind"] == 1, "{own:#?}");
    let begin = format!("00-{}-", own["traceId"].as_str().unwrap());
    let told = |call: &support::Message| call.header("traceparent").is_some_and(|told| told.starts_with(&begin));
    assert_eq!(sink.calls().iter().filter(|call| told(call)).count(), 2);

    let measured = eventually_within("the measures", wait, || {
        let calls = collector.calls().into_iter().filter(|call| call.path() == "/v1/metrics");
        calls.map(|call| call.json()).find(|body| {
            let text = body.to_string();
            text.contains("hookmill_runs_ended_total") && text.contains("hookmill_action_duration_seconds")
        })
    });
    let resource = measured["resourceMetrics"][0]["resource"].to_string();
    assert!(resource.contains("service.name") && resource.contains("mill"), "{resource}");
    assert!(collector.calls().iter().all(|call| call.header("api-key") == Some("the key")));
    // Nobody learns secrets from it.
    let sent: Vec<_> = collector.calls().iter().map(|call| text(&call.body)).collect();
    assert!(sent.iter().all(|body| !body.contains(door) && !body.contains(&server.token)));
}

/// How the collector answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Busy,
    Silent,
    Well,
}

#[test]
fn a_collector_that_is_busy_or_silent_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let mood = Arc::new(Mutex::new(Mood::Busy));
    let own = Arc::clone(&mood);
    let collector = Service::start(move |_, _| {
        let mut answer = Answer::new("200 OK", &json!({}));
        match *own.lock().unwrap() {
            Mood::Busy => answer.status = "503 Service Unavailable",
            Mood::Silent => answer.delay = Duration::from_secs(5),
            Mood::Well => {}
        }
        answer
    });
    let variables: [(&str, &OsStr); 3] = [
        ("OTEL_METRICS_EXPORTER", "none".as_ref()),
        ("OTEL_BSP_SCHEDULE_DELAY", "100".as_ref()),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1000".as_ref()),
    ];
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let endpoint = format!("http://{}", collector.address);
    let flags = ["--otlp-endpoint", endpoint.as_str(), "--metrics-listen", &free];
    let mut server = Server::try_start_in(&folder.path().join("data"), "127.0.0.1:0", &flags, &variables).unwrap();
    server.set_up();
    let actions = json!({"Keep": {"type": "Compose", "inputs": 1}});
    let definition = json!({"triggers": {"manual": {"type": "Request"}}, "actions": actions});
    let flow = server.post("/api/flows", &json!({"name": "Traced", "definition": definition}));
    let url = flow["webhook"]["callback_url"].as_str().unwrap().to_owned();
    let door = &url[url.find("/workflows/").unwrap()..];
    let run = || assert_eq!(http(&server.address, "POST", door, &[], b"").status(), 202);
    let wait = Duration::from_secs(60);
    let dropped = || {
        let measured = text(&http(&free, "GET", "/metrics", &[], b"").body);
        value(&measured, "hookmill_spans_dropped_total").unwrap_or(0.0)
    };

    // What a busy collector refuses is sent to it once more, as it was.
    run();
    eventually_within("a second try", wait, || (collector.calls().len() >= 2).then_some(()));
    *mood.lock().unwrap() = Mood::Well;
    let tries = eventually_within("the try that is taken", wait, || {
        let calls = collector.calls();
        (calls.len() >= 3 || dropped() > 0.0).then_some(calls)
    });
    assert!(tries.iter().all(|call| call.body == tries[0].body), "each try has the same spans");

    // A silent one is waited for by nobody: runs begin and end, and what does not fit is dropped and counted.
    let before = dropped();
    *mood.lock().unwrap() = Mood::Silent;
    eventually_within("spans that are dropped", wait, || {
        run();
        (dropped() > before).then_some(())
    });
    assert!(server.logged().contains("the collector does not take what it is sent"));

    // It hears of what happens once it is well again.
    *mood.lock().unwrap() = Mood::Well;
    let seen = spans(&collector).len();
    eventually_within("spans again", wait, || {
        run();
        (spans(&collector).len() > seen).then_some(())
    });
}
