//! A bounded run of the fuzz targets on the stable toolchain: seeded changes of a small corpus. A failure prints the seed
//! and the step, which give the same input again.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once, and read the clock.

#[path = "../fuzz/seeded.rs"]
mod seeded;
#[path = "../fuzz/targets.rs"]
mod targets;

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;

/// Inputs of each target.
const STEPS: usize = 1_500;

const DEFINITION: &str = r#"{"$schema":"https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#",
 "parameters":{"k":{"type":"SecureString","defaultValue":"abcdef"},"$connections":{"type":"Object","defaultValue":{}}},
 "triggers":{"t":{"type":"Recurrence","recurrence":{"frequency":"Week","interval":1,"schedule":{"hours":[1,2],"weekDays":["Monday"]}},"splitOn":"@triggerBody()?['v']"}},
 "actions":{"A":{"type":"Compose","inputs":{"x":"@{parameters('k')}-@{utcNow()}","y":["@json('[1]')"]}},
  "L":{"type":"Foreach","foreach":"@range(0,3)","actions":{"I":{"type":"If","expression":{"and":[{"equals":["@item()",1]},{"not":{"contains":["@outputs('A')","x"]}}]},"actions":{},"else":{"actions":{"S":{"type":"Switch","expression":"@item()","cases":{"c":{"case":1,"actions":{}}},"default":{"actions":{}}}}}}},"runAfter":{"A":["Succeeded"]}},
  "U":{"type":"Until","expression":"@equals(1,1)","limit":{"count":3,"timeout":"PT1H"},"actions":{"H":{"type":"Http","inputs":{"method":"GET","uri":"https://x/","authentication":{"type":"Basic","username":"u","password":"p"}}}},"runAfter":{"L":["Succeeded","Failed"]}}},
 "outputs":{"o":{"type":"String","value":"@outputs('A')"}}}"#;

/// Pieces that readers look for.
const WORDS: &[&str] = &[
    "@",
    "@{",
    "}",
    "'",
    "\"",
    "\\",
    "{}",
    "[]",
    "null",
    "1e999",
    "-",
    "PK\u{3}\u{4}",
    "PK\u{5}\u{6}",
    "..",
    "\u{0}",
    "actions",
    "type",
    "Scope",
    "Foreach",
    "runAfter",
    "@outputs('A')",
    "concat(",
    ")",
    "\u{feff}",
    "ä",
    "0xFFFFFFFF",
];

fn package(content: &str) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in [
        ("manifest.json", r#"{"details":{"displayName":"n"}}"#),
        ("Microsoft.Flow/flows/one/definition.json", content),
        ("Workflows/Two-5F7D3C00-0000-4000-8000-000000000001.json", content),
    ] {
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn corpus() -> Vec<Vec<u8>> {
    let envelope = format!(
        r#"{{"name":"x","properties":{{"definition":{DEFINITION},"connectionReferences":{{"c":{{"id":"/apis/shared_x"}}}}}}}}"#
    );
    let client_data = hookmill_model::Value::object([("clientdata", envelope.clone())]).to_json();
    let template = format!(
        r#"{{"variables":{{"v":1}},"resources":[{{"type":"Microsoft.Logic/workflows","properties":{{"definition":{DEFINITION},"parameters":{{"p":{{"value":"[variables('v')]"}}}}}}}}]}}"#
    );
    let wide = [0xFF, 0xFE].into_iter().chain(DEFINITION.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    vec![DEFINITION.into(), package(&envelope), envelope.into(), client_data.into(), template.into(), wide]
}

#[test]
fn files_of_flows() {
    seeded::run(targets::file, &corpus(), WORDS, STEPS);
}

#[test]
fn bare_definitions() {
    seeded::run(targets::definition, &corpus(), WORDS, STEPS);
}
