//! Files that mean harm are refused or read within a bound of time, each with its place.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once, and read the clock.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use hookmill_connector::{Connector, Settings};
use hookmill_model::Severity;

/// One second of the released program; this build computes several times as long, beside other tests.
const BOUND: Duration = Duration::from_secs(30);

/// Imports a text and gives its first finding of severity `error`: code, pointer, message.
fn first_error(what: &str, text: &str) -> Option<(String, String, String)> {
    let begin = Instant::now();
    let import = Connector::import(text.as_bytes(), None, &Settings::default());
    assert!(begin.elapsed() < BOUND, "{what} took {:?}", begin.elapsed());
    assert!(import.diagnostics.len() < 20_000, "{what}: {} findings", import.diagnostics.len());
    let found = import.diagnostics.into_iter().find(|own| own.severity == Severity::Error);
    found.map(|own| (own.code, own.pointer.to_string(), own.message))
}

fn refused(what: &str, text: &str, code: &str, place: &str) {
    let (found, pointer, message) = first_error(what, text).unwrap_or_else(|| panic!("{what} is taken"));
    assert_eq!(found, code, "{what}: {message}");
    assert!(pointer.contains(place) || message.contains(place), "{what}: {pointer} {message}");
}

fn open3(rest: &str) -> String {
    format!(
        r#"{{"openapi":"3.0.3","info":{{"title":"T","version":"1"}},"servers":[{{"url":"https://a.example.com"}}],{rest}}}"#
    )
}

#[test]
fn nesting_without_end() {
    refused("brackets", &"[".repeat(1_000_000), "not_json", "line 1");
    refused("objects", &"{\"a\":".repeat(400_000), "not_json", "line 1");
    refused("flow sequences of YAML", &format!("a: {}", "[".repeat(400_000)), "not_json", "line 1");
    let mut blocks = String::from("swagger: x\npaths:\n");
    (1..2_000).for_each(|depth| writeln!(blocks, "{}a:", " ".repeat(depth)).unwrap());
    refused("blocks of YAML", &blocks, "not_json", "line");
}

#[test]
fn more_than_a_file_may_have() {
    refused("100 MB", &" ".repeat(100 * 1024 * 1024), "document_too_large", "more than 20 MiB");
    refused(
        "values",
        &format!("{{\"swagger\":\"2.0\",\n\"x\":[{}1]}}", "1,".repeat(2_000_000)),
        "document_too_large",
        "line 2",
    );
    let many = |count: usize| {
        let paths: Vec<String> =
            (0..count).map(|index| format!(r#""/p{index}":{{"get":{{"operationId":"o{index}"}}}}"#)).collect();
        format!(
            r#"{{"swagger":"2.0","info":{{"title":"T","version":"1"}},"host":"a.example","paths":{{{}}}}}"#,
            paths.join(",")
        )
    };
    refused("100,000 operations", &many(100_000), "document_too_large", "/paths/~1p10000/get");
    assert_eq!(first_error("9,000 operations", &many(9_000)), None);
}

#[test]
fn triggers_and_deletions_by_the_thousand() {
    let mut paths = Vec::new();
    for index in 0..4_000 {
        paths.push(format!(r#""/hooks/{index}":{{"post":{{"operationId":"t{index}","x-ms-trigger":"single","parameters":[{{"name":"u","in":"query","type":"string","x-ms-notification-url":true}}]}}}}"#));
        paths.push(format!(r#""/hooks/{index}/{{id}}/x":{{"delete":{{"operationId":"d{index}","parameters":[{{"name":"id","in":"path","type":"string","required":true}}]}}}}"#));
    }
    let text = format!(
        r#"{{"swagger":"2.0","info":{{"title":"T","version":"1"}},"host":"a.example","paths":{{{}}}}}"#,
        paths.join(",")
    );
    assert_eq!(first_error("triggers", &text), None);
}

#[test]
fn references_in_circles_and_fans() {
    let chain: Vec<String> = (0..60)
        .map(|index| format!(r##""S{index}":{{"$ref":"#/components/schemas/S{}"}}"##, (index + 1) % 60))
        .collect();
    refused(
        "a circle",
        &open3(&format!(r#""paths":{{}},"components":{{"schemas":{{{}}}}}"#, chain.join(","))),
        "reference_circular",
        "/components/schemas/S0/$ref",
    );
    // Each level names the next ten times, in a form whose fields are looked for.
    let fan: Vec<String> = (0..12)
        .map(|level| {
            let next = format!(r##"{{"$ref":"#/components/schemas/F{}"}}"##, level + 1);
            format!(r#""F{level}":{{"allOf":[{}]}}"#, vec![next; 10].join(","))
        })
        .collect();
    let form = r##""paths":{"/x":{"post":{"operationId":"x","requestBody":{"content":{"application/x-www-form-urlencoded":{"schema":{"$ref":"#/components/schemas/F0"}}}}}}}"##;
    assert_eq!(
        first_error(
            "a fan",
            &open3(&format!(
                r#"{form},"components":{{"schemas":{{{},"F12":{{"properties":{{"a":{{"type":"string"}}}}}}}}}}"#,
                fan.join(",")
            ))
        ),
        None
    );
    // A large schema that every parameter writes out.
    let large: Vec<String> = (0..2_000)
        .map(|index| format!(r#""p{index}":{{"type":"object","properties":{{"a":{{"type":"string"}}}}}}"#))
        .collect();
    let users: Vec<String> = (0..2_000).map(|index| format!(r##""/p{index}":{{"get":{{"operationId":"o{index}","parameters":[{{"name":"q","in":"query","schema":{{"$ref":"#/components/schemas/L"}}}}]}}}}"##)).collect();
    let text = open3(&format!(
        r#""paths":{{{}}},"components":{{"schemas":{{"L":{{"properties":{{{}}}}}}}}}"#,
        users.join(","),
        large.join(",")
    ));
    refused("a schema written out often", &text, "document_too_large", "/components");
    let lost: Vec<String> = (0..5_000).map(|index| format!(r##""/p{index}":{{"get":{{"operationId":"o{index}","parameters":[{{"$ref":"#/components/parameters/None"}}]}}}}"##)).collect();
    let import =
        Connector::import(open3(&format!(r#""paths":{{{}}}"#, lost.join(","))).as_bytes(), None, &Settings::default());
    let told = import.diagnostics.iter().filter(|own| own.code == "reference_dangling").count();
    assert_eq!(told, 1, "one finding for one target");
}

#[test]
fn anchors_that_stand_for_millions() {
    let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    (1..12).for_each(|level| {
        writeln!(bomb, "a{level}: &a{level} [{}]", vec![format!("*a{}", level - 1); 10].join(",")).unwrap()
    });
    refused("a bomb", &bomb, "not_json", "line");
    let many = format!("a: &a x\nb: [{}]", vec!["*a"; 20_000].join(","));
    refused("aliases", &many, "not_json", "line 2");
}
