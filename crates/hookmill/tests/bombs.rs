//! Requests and runs that ask for far more than they look like, against the real binary: each is refused by name or ends,
//! soon, within bounded memory, and the memory is given back.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)] // Tests may stop at once.

mod support;

use std::io::{Cursor, Write as _};
use std::time::{Duration, Instant};

use serde_json::json;
use support::{Message, Server, try_http};
use zip::write::SimpleFileOptions;

/// The process stays below this, in KiB, whatever is asked of it.
const MEMORY_KIB_MAX: u64 = 300 * 1_024;
/// A refusal comes within this time, on a machine that does other things too.
const ANSWER_MAX: Duration = Duration::from_secs(60);
const ENTRY: &str = "Microsoft.Flow/flows/one/definition.json";

fn start(folder: &std::path::Path) -> Server {
    let mut server = Server::start(&folder.join("data"), "127.0.0.1:0", &[]);
    server.set_up();
    server
}

/// Asks for something that costs much; the answer must come in time.
#[track_caller]
fn ask(server: &Server, path: &str, kind: &str, body: &[u8]) -> Message {
    let bearer = format!("Bearer {}", server.token);
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", kind)];
    let begun = Instant::now();
    let answer = try_http(&server.address, "POST", path, &headers, body, ANSWER_MAX).expect("an answer");
    assert!(begun.elapsed() < ANSWER_MAX, "{path} took {:?}", begun.elapsed());
    answer
}

/// The codes of what was found.
fn codes(answer: &Message) -> Vec<String> {
    let found = answer.json();
    let list = found["diagnostics"].as_array().cloned().unwrap_or_default();
    list.iter().map(|own| own["code"].as_str().unwrap_or_default().to_owned()).collect()
}

#[track_caller]
fn small(server: &Server, what: &str) {
    let peak = server.memory_peak_kib();
    println!("{what}: {} MiB at most", peak / 1_024);
    assert!(peak < MEMORY_KIB_MAX, "{what}: {peak} KiB");
}

fn definition(actions: &str) -> String {
    format!(r#"{{"triggers":{{"t":{{"type":"Request"}}}},"actions":{{{actions}}}}}"#)
}

fn check(server: &Server, definition: &str) -> Message {
    ask(server, "/api/flows/check", "application/json", format!(r#"{{"definition":{definition}}}"#).as_bytes())
}

fn import(server: &Server, file: &[u8]) -> Message {
    let mut body = b"--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n".to_vec();
    body.extend_from_slice(file);
    body.extend_from_slice(b"\r\n--edge--\r\n");
    ask(server, "/api/flows/import", "multipart/form-data; boundary=edge", &body)
}

fn package(content: &[u8]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file(ENTRY, SimpleFileOptions::default()).unwrap();
    archive.write_all(content).unwrap();
    archive.finish().unwrap().into_inner()
}

/// A package whose list names the same bytes many times.
fn sharing(content: &[u8], times: u16) -> Vec<u8> {
    let plain = package(content);
    let list = plain.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    let end = plain.windows(4).position(|window| window == b"PK\x05\x06").unwrap();
    let mut made = plain[..list].to_vec();
    for _ in 0..times {
        made.extend_from_slice(&plain[list..end]);
    }
    let mut tail = plain[end..].to_vec();
    for at in [8, 10] {
        tail[at..at + 2].copy_from_slice(&times.to_le_bytes());
    }
    let bytes = u32::try_from((end - list) * usize::from(times)).unwrap();
    tail[12..16].copy_from_slice(&bytes.to_le_bytes());
    made.extend_from_slice(&tail);
    made
}

#[test]
fn definitions_of_very_many_parts() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let empty = |count: usize| definition(&(0..count).map(|n| format!(r#""a{n}":{{}}"#)).collect::<Vec<_>>().join(","));
    let found = check(&server, &empty(128_000));
    assert_eq!((found.status(), codes(&found)), (200, vec!["limit_actions".to_owned()]));
    // So many values are counted before they are read.
    let found = check(&server, &empty(500_000));
    assert_eq!((found.status(), found.json()["code"].as_str()), (413, Some("too_large")));
    // Constants that are evaluated when the definition is checked.
    let each = |n: usize| {
        format!(
            r#""e{n}":{{"type":"Foreach","foreach":[1],"actions":{{}},"runAfter":{{}},"runtimeConfiguration":{{"concurrency":{{"repetitions":"@length(join(range(0, 100000), 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'))"}}}}}}"#
        )
    };
    let found = check(&server, &definition(&(0..400).map(each).collect::<Vec<_>>().join(",")));
    assert_eq!(found.status(), 200, "{}", found.json());
    assert_eq!(codes(&found).iter().filter(|code| *code == "expression_invalid").count(), 400);
    small(&server, "definitions of very many parts");
}

#[test]
fn files_that_unpack_to_very_much() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let long = definition(&format!(r#""a":{{"type":"Compose","inputs":"{}"}}"#, "x".repeat(15_000_000)));
    for (file, words) in [(sharing(long.as_bytes(), 1_900), "share bytes"), (package(&vec![b' '; 60_000_000]), "MiB")] {
        let refused = import(&server, &file);
        let told = refused.json().to_string();
        assert_eq!(refused.status(), 422, "{told}");
        assert!(told.contains(words) || told.contains("100 times"), "{told}");
    }
    // Names of a deployment template that refer to each other: each doubles the one before.
    let mut variables = vec![format!(r#""v0":"{}""#, "x".repeat(1_000))];
    variables.extend((1..24).map(|n| format!(r#""v{n}":"[concat(variables('v{0}'), variables('v{0}'))]""#, n - 1)));
    let template = format!(
        r#"{{"variables":{{{}}},"resources":[{{"type":"Microsoft.Logic/workflows","properties":{{"definition":{}}}}}]}}"#,
        variables.join(","),
        definition(r#""a":{"type":"Compose","inputs":"[variables('v23')]"}"#)
    );
    let read = import(&server, template.as_bytes());
    assert_eq!((read.status(), codes(&read)), (200, vec!["template_expression".to_owned()]));
    small(&server, "files that unpack to very much");
}

#[test]
fn documents_whose_schemas_multiply() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let level = |n: usize| {
        let next = format!(r##"{{"$ref":"#/definitions/d{}"}}"##, n + 1);
        format!(r#""d{n}":{{"type":"object","properties":{{"a":{next},"b":{next},"c":{next}}}}}"#)
    };
    let mut definitions: Vec<String> = (0..30).map(level).collect();
    definitions.push(r#""d30":{"type":"string"}"#.to_owned());
    let operation = |n: usize| {
        format!(
            r##""/p{n}":{{"post":{{"operationId":"o{n}","parameters":[{{"name":"body","in":"body","schema":{{"$ref":"#/definitions/d0"}}}}],"responses":{{"200":{{"description":"x","schema":{{"$ref":"#/definitions/d0"}}}}}}}}}}"##
        )
    };
    let document = format!(
        r#"{{"document":{{"swagger":"2.0","info":{{"title":"F","version":"1"}},"host":"f.test","definitions":{{{}}},"paths":{{{}}}}}}}"#,
        definitions.join(","),
        (0..200).map(operation).collect::<Vec<_>>().join(",")
    );
    let answer = ask(&server, "/api/connectors/check", "application/json", document.as_bytes());
    assert!([200, 422].contains(&answer.status()), "{}", answer.json());
    // Each parameter that a path names and nobody describes is a finding, with the place of the path.
    let path: String = (0..20_000).map(|n| format!("/{{a{n}}}")).collect();
    let document = format!(
        r#"{{"document":{{"swagger":"2.0","info":{{"title":"F","version":"1"}},"host":"f.test","paths":{{"{path}":{{"get":{{"operationId":"a","responses":{{}}}}}}}}}}}}"#
    );
    let answer = ask(&server, "/api/connectors/check", "application/json", document.as_bytes());
    assert_eq!((answer.status(), codes(&answer)), (200, vec!["limit_document".to_owned()]));
    small(&server, "documents whose schemas multiply");
}

/// Values that are evaluated for a page are not kept until slow readers have them.
#[test]
fn evaluations_of_very_large_values() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let expression = format!("@join(range(0, 100000), '{}')", "x".repeat(300));
    let body = json!({"expression": expression}).to_string();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let answer = ask(&server, "/api/expressions/evaluate", "application/json", body.as_bytes());
                assert_eq!(answer.status(), 200);
                assert_eq!(answer.json()["error"]["kind"], "LimitExceeded", "{}", answer.json());
            });
        }
    });
    small(&server, "evaluations of very large values");
}

/// A text that doubles with each step: the run ends before its values take 64 MiB, and names the action.
#[test]
fn a_run_whose_text_doubles_ends_and_gives_its_memory_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let mut actions = json!({"Text": {"type": "InitializeVariable",
        "inputs": {"variables": [{"name": "text", "type": "string", "value": "0123456789"}]}}});
    let mut before = "Text".to_owned();
    for n in 0..26 {
        let (copy, double) = (format!("Copy{n}"), format!("Double{n}"));
        let value = format!("@concat(outputs('{copy}'), outputs('{copy}'))");
        actions[&copy] =
            json!({"type": "Compose", "inputs": "@variables('text')", "runAfter": {before: ["Succeeded"]}});
        actions[&double] = json!({"type": "SetVariable", "runAfter": {copy: ["Succeeded"]},
            "inputs": {"name": "text", "value": value}});
        before = double;
    }
    let form =
        json!({"name": "Doubles", "definition": {"triggers": {"manual": {"type": "Request"}}, "actions": actions}});
    let flow = server.post("/api/flows", &form)["id"].as_str().unwrap().to_owned();
    let resting = server.memory_kib();
    server.post(&format!("/api/flows/{flow}/run"), &json!({}));
    let run = support::eventually_within("the run ended", Duration::from_secs(240), || {
        let run = server.get(&format!("/api/runs?flow={flow}&kind=flow"))["items"][0].clone();
        matches!(run["status"].as_str(), Some("Failed")).then_some(run)
    });
    let told = run["error"].to_string();
    assert!(told.contains("limit_memory") && told.contains("with the action 'Double"), "{told}");
    let peak = server.memory_peak_kib();
    println!("a run whose text doubles: {} MiB at most", peak / 1_024);
    // Values, the facts that hold them, and what is on its way to the store, without any optimization of the build.
    assert!(peak < 10 * 64 * 1_024, "{peak} KiB");
    let kept = support::eventually_within("the memory was given back", Duration::from_secs(120), || {
        let now = server.memory_kib();
        (now < peak / 2).then_some(now)
    });
    println!("it took {} MiB before, and takes {} MiB after", resting / 1_024, kept / 1_024);
}

/// A journal of 80 MiB: its page and its values are read within the memory of what they show; and the run is resubmitted,
/// and not resumed or replayed, within the same.
#[test]
fn the_page_of_a_run_with_a_large_journal() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = start(folder.path());
    let text = "@join(range(0, 90000), ',')";
    let actions = json!({
        "Text": {"type": "InitializeVariable", "inputs": {"variables": [{"name": "text", "type": "string", "value": text}]}},
        "Each": {"type": "Foreach", "foreach": "@range(0, 160)", "runAfter": {"Text": ["Succeeded"]}, "actions": {
            "Copy": {"type": "Compose", "inputs": "@variables('text')"}}},
        "End": {"type": "Terminate", "inputs": {"runStatus": "Failed"}, "runAfter": {"Each": ["Succeeded"]}},
    });
    let form = json!({"name": "Long", "definition": {"triggers": {"manual": {"type": "Request"}}, "actions": actions}});
    let flow = server.post("/api/flows", &form)["id"].as_str().unwrap().to_owned();
    let run = server.post(&format!("/api/flows/{flow}/run"), &json!({}))["run"].as_str().unwrap().to_owned();
    support::eventually_within("the run ended", Duration::from_secs(240), || {
        let runs = server.get(&format!("/api/runs?flow={flow}&kind=flow&status=Failed"));
        (!runs["items"].as_array().unwrap().is_empty()).then_some(())
    });
    // The memory of the run itself does not count.
    let token = server.token.clone();
    server.signal("TERM");
    assert!(server.ended_within(Duration::from_secs(60)).is_some());
    let mut server = Server::start(&folder.path().join("data"), "127.0.0.1:0", &[]);
    server.token = token;
    server.get("/api/flows");
    let resting = server.memory_peak_kib();
    let path = format!("/api/runs/{run}");
    let page = server.get(&path);
    let copy = page["actions"].as_array().unwrap().iter().find(|action| action["name"] == "Copy").unwrap().clone();
    assert_eq!(
        (&copy["repetitions"], &copy["failed_repetitions"], &copy["index"]),
        (&json!(160), &json!(0), &json!([0]))
    );
    assert_eq!(copy["outputs"]["$truncated"], true);
    let some = server.get(&format!("{path}/actions/Copy/repetitions?limit=10&cursor=55"));
    let (items, next) = (some["items"].as_array().unwrap(), &some["next_cursor"]);
    assert_eq!(
        (items.len(), &items[2]["index"], &items[2]["place"], next),
        (10, &json!([57]), &json!(57), &json!("65"))
    );
    let whole = server.get(&format!("{path}/actions/Copy/outputs?index=57"));
    assert_eq!(i64::try_from(whole.as_str().unwrap().len() + 2).unwrap(), copy["outputs"]["bytes"].as_i64().unwrap());
    let (status, refused) = server.call("POST", &format!("{path}/resume"), &json!({}));
    assert!(status == 409 && refused["detail"].as_str().unwrap().contains("33554432 bytes"), "{status} {refused}");
    let small = json!({"triggers": {"manual": {"type": "Request"}}, "actions": {}});
    let tested = server.post(&format!("/api/flows/{flow}/backtest"), &json!({"definition": small, "last": 5}));
    assert!(tested.to_string().contains("more than 8 MiB"), "{tested}");
    let form = json!({"name": "Long", "definition": small});
    let (status, saved) = server.call("PUT", &format!("/api/flows/{flow}"), &form);
    assert_eq!(status, 200, "{saved}");
    let again = server.post(&format!("{path}/resubmit"), &json!({}));
    assert!(again["run"].as_str().is_some(), "{again}");
    let peak = server.memory_peak_kib();
    println!("the page of a journal of 80 MiB: {} MiB more than at rest", (peak - resting) / 1_024);
    // Read as a whole it takes three times its size. Each thread that reads keeps a page of it for a while, so that it takes
    // 40 to 80 MiB here, depending on which threads have read.
    assert!(peak - resting < 120 * 1_024, "{} KiB", peak - resting);
}
