//! Bounds come before the work: what is beyond one is refused by name, quickly, and what is within is read.
#![allow(clippy::unwrap_used)] // Tests may stop at once.

use std::cell::Cell;
use std::io::{Cursor, Write};

use hookmill_definition::{Compilation, Limits, Profile, compile, compile_while, file};
use hookmill_model::{Diagnostic, Severity, Value};
use zip::write::SimpleFileOptions;

fn compiled(text: &str) -> Compilation {
    let definition = Value::from_json(text.as_bytes()).unwrap();
    compile(&definition, &Value::Null, Profile::LogicApps, &Limits::default())
}

fn errors(found: &Compilation) -> Vec<&str> {
    let is_error = |finding: &&Diagnostic| finding.severity == Severity::Error;
    found.diagnostics.iter().filter(is_error).map(|finding| finding.code.as_str()).collect()
}

fn flow(actions: &str) -> String {
    format!(r#"{{"triggers":{{"t":{{"type":"Request"}}}},"actions":{{{actions}}}}}"#)
}

fn actions(count: usize) -> String {
    (0..count).map(|n| format!(r#""a{n}":{{"type":"Compose","inputs":{n}}}"#)).collect::<Vec<_>>().join(",")
}

#[test]
fn actions_are_counted_wherever_they_stand() {
    assert!(compiled(&flow(&actions(500))).is_valid());
    assert_eq!(errors(&compiled(&flow(&actions(501)))), ["limit_actions"]);
    let inside = [
        format!(r#""s":{{"type":"Scope","actions":{{{}}}}}"#, actions(500)),
        format!(r#""f":{{"type":"foreach","foreach":[1],"actions":{{{}}}}}"#, actions(500)),
        format!(r#""i":{{"type":"If","expression":true,"else":{{"actions":{{{}}}}}}}"#, actions(500)),
        format!(
            r#""w":{{"type":"Switch","expression":1,"cases":{{"c":{{"case":1,"actions":{{{}}}}}}}}}"#,
            actions(500)
        ),
        format!(r#""w":{{"type":"Switch","expression":1,"default":{{"actions":{{{}}}}}}}"#, actions(500)),
    ];
    for text in inside {
        let found = compiled(&flow(&text));
        assert_eq!(errors(&found), ["limit_actions"], "{:.60}", text);
        assert!(found.diagnostics[0].message.contains("501"), "{:?}", found.diagnostics[0]);
    }
}

#[test]
fn a_definition_is_bounded_in_bytes() {
    let with = |bytes: usize| flow(&format!(r#""a":{{"type":"Compose","inputs":"{}"}}"#, "x".repeat(bytes)));
    let most = Limits::default().definition_bytes_max;
    assert!(compiled(&with(most - 500)).is_valid());
    assert_eq!(errors(&compiled(&with(most + 1))), ["limit_size"]);
    let definition = Value::from_json(flow("").as_bytes()).unwrap();
    let supplied = Value::object([("p", "x".repeat(most))]);
    let found = compile(&definition, &supplied, Profile::LogicApps, &Limits::default());
    assert_eq!(errors(&found), ["limit_size"]);
}

#[test]
fn expressions_and_long_names_are_bounded() {
    let list =
        |count: usize| flow(&format!(r#""a":{{"type":"Compose","inputs":[{}]}}"#, vec![r#""@1""#; count].join(",")));
    assert!(compiled(&list(100_000)).is_valid());
    assert_eq!(errors(&compiled(&list(100_001))), ["limit_expressions"]);
    // Each of the expressions would keep a pointer with the whole name.
    let name = "n".repeat(10_000);
    let named = |count: usize| {
        flow(&format!(r#""a":{{"type":"Compose","inputs":{{"{name}":[{}]}}}}"#, vec![r#""@1""#; count].join(",")))
    };
    assert!(compiled(&named(1_000)).is_valid());
    assert_eq!(errors(&compiled(&named(10_000))), ["limit_names"]);
}

#[test]
fn findings_are_bounded_in_number_and_length() {
    let faulty: Vec<String> = (0..400)
        .map(|n| format!(r#""a{n}":{{"type":"Compose","inputs":[{}]}}"#, vec![r#""@nope()""#; 200].join(",")))
        .collect();
    let found = compiled(&flow(&faulty.join(",")));
    assert!(!found.is_valid());
    assert_eq!(found.diagnostics.len(), 1_001);
    assert_eq!(found.diagnostics[1_000].code, "limit_findings");
    let long = format!("@{}", "x".repeat(8_000));
    let found = compiled(&flow(&format!(r#""a":{{"type":"Compose","inputs":"{long}()"}}"#)));
    assert!(found.diagnostics[0].message.chars().count() <= 2_001);
    // Warnings leave room for the error that comes last.
    let warned: Vec<String> = (0..400)
        .map(|n| format!(r#""a{n}":{{"type":"Xslt","description":"{}","inputs":{{}}}}"#, "d".repeat(300)))
        .collect();
    let text = flow(&format!(r#"{},"z":{{"type":"Compose","inputs":"@nope()"}}"#, warned.join(",")));
    let found = compiled(&text);
    assert_eq!(errors(&found), ["expression_invalid"]);
    assert_eq!(found.diagnostics.last().unwrap().code, "limit_findings");
}

#[test]
fn values_of_a_file_are_bounded_in_memory() {
    let text = format!("{{\"triggers\":{{}},\"x\":[{}1]}}", r#"{"a":1},"#.repeat(1_000_000));
    assert_eq!(file::read(text.as_bytes()).unwrap_err().code, "limit_size");
}

/// What was stopped says nothing else: half of the findings would look like all of them.
#[test]
fn a_check_ends_when_nobody_waits() {
    let listed: Vec<String> =
        (0..300).map(|n| format!(r#""a{n}":{{"type":"Compose","inputs":["@nope()","@concat(1)"]}}"#)).collect();
    let listed = flow(&listed.join(","));
    let definition = Value::from_json(listed.as_bytes()).unwrap();
    let stopped_after = |most: usize| {
        let asked = Cell::new(0);
        let wanted = || {
            asked.set(asked.get() + 1);
            asked.get() <= most
        };
        let found = compile_while(&definition, &Value::Null, Profile::LogicApps, &Limits::default(), &wanted);
        (found, asked.get())
    };
    for most in [0, 1, 3] {
        let (found, asked) = stopped_after(most);
        assert!(found.plan.is_none() && found.faulty.is_none());
        assert_eq!(errors(&found), ["cancelled"], "asked {asked} times");
        assert!(asked <= most + 2, "it was asked {asked} times after {most} answers");
    }
    let (whole, _) = stopped_after(usize::MAX);
    assert_eq!(whole.diagnostics, compiled(&listed).diagnostics, "a check that nobody stops is the same");
}

/// Constants are evaluated when a flow is saved: hundreds of them must not take hundreds of times what one run may.
#[test]
fn constants_are_evaluated_within_a_small_bound() {
    let costly = format!("@length(join(range(0, 100000), '{}'))", "x".repeat(50));
    let each = |count: &str| {
        flow(&format!(
            r#""e":{{"type":"Foreach","foreach":[1],"actions":{{}},"runtimeConfiguration":{{"concurrency":{{"repetitions":"{count}"}}}}}}"#
        ))
    };
    let found = compiled(&each(&costly));
    assert_eq!(errors(&found), ["expression_invalid"]);
    assert!(found.diagnostics[0].message.starts_with("LimitExceeded"), "{:?}", found.diagnostics[0]);
    assert!(
        compiled(&each("@add(2, length(join(range(0, 20), ',')))"))
            .diagnostics
            .iter()
            .all(|own| own.code == "concurrency_range")
    );
    assert!(compiled(&each("@length(join(range(0, 20), ','))")).is_valid());
}

/// Names of a template may refer to each other: each level doubles what is asked for.
#[test]
fn templates_whose_names_multiply_are_bounded() {
    for (first, next) in [
        (format!("\"{}\"", "x".repeat(1_000)), "[concat(variables('v'), variables('v'))]"),
        ("[1,2,3,4]".to_owned(), "[concat(variables('v'), variables('v'))]"),
        ("[1,2,3,4]".to_owned(), "[createArray(variables('v'), variables('v'))]"),
        (format!("\"{}\"", "x".repeat(1_000)), "[format('{0}{0}{0}{0}', variables('v'))]"),
        (format!("\"{}\"", "x".repeat(1_000)), "[padLeft('', 1000, variables('v'))]"),
        (format!("\"{}\"", "x".repeat(1_000)), "[replace(variables('v'), 'x', 'xxxx')]"),
    ] {
        let mut variables = vec![format!("\"v0\":{first}")];
        variables.extend((1..24).map(|n| format!("\"v{n}\":\"{}\"", next.replace("'v'", &format!("'v{}'", n - 1)))));
        let actions = r#""a":{"type":"Compose","inputs":"[variables('v23')]"}"#;
        let text = format!(
            r#"{{"variables":{{{}}},"resources":[{{"type":"Microsoft.Logic/workflows","properties":{{"definition":{}}}}}]}}"#,
            variables.join(","),
            flow(actions)
        );
        let read = file::read(text.as_bytes()).unwrap();
        let found: Vec<&str> = read[0].diagnostics.iter().map(|finding| finding.code.as_str()).collect();
        assert_eq!(found, ["template_expression"], "{next}");
    }
}

/// A text in a text in a text is no export.
#[test]
fn documents_inside_of_texts_are_followed_a_few_times_only() {
    let mut text = flow("");
    for _ in 0..2 {
        text = Value::object([("clientdata", text)]).to_json();
    }
    assert_eq!(file::read(text.as_bytes()).unwrap().len(), 1);
    let text = Value::object([("clientdata", text)]).to_json();
    assert_eq!(file::read(text.as_bytes()).unwrap_err().code, "definition_malformed");
}

const ENTRY: &str = "Microsoft.Flow/flows/one/definition.json";

fn package(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn packages_are_bounded_in_entries_bytes_and_ratio() {
    let definition = flow("");
    let empty = |count: usize| {
        let names: Vec<String> = (0..count).map(|n| format!("e{n}")).collect();
        let mut entries: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
        entries.push((ENTRY, definition.as_bytes()));
        package(&entries)
    };
    assert_eq!(file::read(&empty(1_999)).unwrap().len(), 1);
    assert_eq!(file::read(&empty(2_000)).unwrap_err().code, "limit_package");
    // Zeros are packed a thousand times smaller.
    let zeros = vec![b' '; 8 * 1_024 * 1_024];
    let found = file::read(&package(&[(ENTRY, &zeros)])).unwrap_err();
    assert_eq!(found.code, "limit_package");
    assert!(found.message.contains("100 times"), "{}", found.message);
    // What does not shrink is bounded by its size.
    let mut seed = 1_u64;
    let noise: Vec<u8> = (0..21 * 1_024 * 1_024)
        .map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            b'a' + u8::try_from(seed >> 60).unwrap()
        })
        .collect();
    let found = file::read(&package(&[(ENTRY, &noise)])).unwrap_err();
    assert!(found.message.contains("20 MiB"), "{}", found.message);
    let half = &noise[..11 * 1_024 * 1_024];
    let names: Vec<String> = (0..6).map(|n| format!("Workflows/w{n}.json")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), half)).collect();
    let found = file::read(&package(&many)).unwrap_err();
    assert!(found.message.contains("64 MiB together"), "{}", found.message);
}

#[test]
fn names_that_lead_out_of_a_package_are_refused() {
    let definition = flow("");
    for name in [
        "../../x/Workflows/a.json",
        "/Workflows/a.json",
        "C:/Workflows/a.json",
        "Workflows\\..\\a.json",
        "Workflows/a\0.json",
    ] {
        // The writer mends names, so the bytes are put in afterwards.
        let plain = "w".repeat(name.len());
        let mut bytes = package(&[(&plain, definition.as_bytes())]);
        while let Some(at) = bytes.windows(plain.len()).position(|window| window == plain.as_bytes()) {
            bytes[at..at + name.len()].copy_from_slice(name.as_bytes());
        }
        let found = file::read(&bytes).unwrap_err();
        assert_eq!(found.code, "package_broken", "{name:?}: {}", found.message);
        assert!(found.message.contains("not a path inside"), "{name:?}: {}", found.message);
    }
    let folders = package(&[("Exported\\Microsoft.Flow\\flows\\one\\definition.json", definition.as_bytes())]);
    assert_eq!(file::read(&folders).unwrap().len(), 1);
}

/// Two entries of the list lead to the same bytes, as in archives that unpack to terabytes.
#[test]
fn entries_that_share_bytes_are_refused() {
    let definition = flow("");
    let bytes = package(&[("Workflows/a.json", definition.as_bytes()), ("Workflows/b.json", definition.as_bytes())]);
    let list = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    let second = list + 4 + bytes[list + 4..].windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    let mut shared = bytes.clone();
    // The offset of the local header of the second is that of the first.
    let first_offset: [u8; 4] = bytes[list + 42..list + 46].try_into().unwrap();
    shared[second + 42..second + 46].copy_from_slice(&first_offset);
    assert_eq!(file::read(&bytes).unwrap().len(), 2);
    let found = file::read(&shared).unwrap_err();
    assert_eq!(found.code, "package_broken");
    assert!(found.message.contains("share bytes"), "{}", found.message);
}

#[test]
fn unpacking_ends_when_nobody_waits() {
    let noise: Vec<u8> =
        (0..4_000_000_u32).map(|n| b'a' + u8::try_from(n.wrapping_mul(2_654_435_761) >> 28).unwrap()).collect();
    let bytes = package(&[(ENTRY, &noise)]);
    let asked = Cell::new(0);
    let found = file::read_while(&bytes, &|| {
        asked.set(asked.get() + 1);
        asked.get() < 3
    });
    assert_eq!(found.unwrap_err().code, "cancelled");
    assert_eq!(asked.get(), 3);
}

#[test]
fn packages_inside_of_a_file_are_read_once_within_its_bounds() {
    let flow = |name: &str| {
        format!(r#"{{"properties":{{"displayName":"{name}","definition":{{"triggers":{{}},"actions":{{}}}}}}}}"#)
    };
    let one = |name: &str| package(&[("Microsoft.Flow/flows/1/definition.json", flow(name).as_bytes())]);
    let (orders, pushes) = (one("Orders"), one("Pushes"));
    let several = package(&[("Orders.zip", &orders), ("Pushes.zip", &pushes)]);
    let found = file::read(&several).unwrap();
    let names: Vec<_> = found.iter().map(|flow| flow.name.as_deref().unwrap()).collect();
    assert_eq!(names, ["Orders", "Pushes"]);
    assert_eq!(found[0].entry.as_deref(), Some("Orders.zip/Microsoft.Flow/flows/1/definition.json"));
    // A file in a file in a file is no export.
    let deeper = package(&[("all.zip", &several)]);
    assert_eq!(file::read(&deeper).unwrap_err().code, "package_empty");
    // Each of them is within its bounds, all of them together are not.
    let mut seed = 1_u64;
    let noise: Vec<u8> = (0..19 << 20)
        .map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            b'a' + u8::try_from(seed >> 60).unwrap()
        })
        .collect();
    let large = package(&[("Workflows/a.json", &noise)]);
    let many: Vec<(String, &[u8])> = (0..4).map(|number| (format!("{number}.zip"), &*large)).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    assert_eq!(file::read(&package(&many)).unwrap_err().code, "limit_package");
}
