//! A bounded run of the fuzz targets on the stable toolchain: seeded changes of a small corpus. A failure prints the seed
//! and the step, which give the same input again.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once, and read the clock.

#[path = "../fuzz/targets.rs"]
mod targets;

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;

/// Inputs of each target; `HOOKMILL_FUZZ_STEPS` asks for more.
const STEPS: usize = 1_500;
const SEED: u64 = 0x05EE_D0FF_10E5;
const BYTES_MAX: usize = 64 * 1_024;

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

struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most.max(1)
    }
}

fn changed(random: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut data = corpus[random.below(corpus.len())].clone();
    for _ in 0..=random.below(6) {
        let at = random.below(data.len());
        let to = (at + random.below(64)).min(data.len());
        match random.below(7) {
            0 if !data.is_empty() => data[at] ^= 1 << random.below(8),
            1 => data.truncate(at),
            2 => drop(data.drain(at..to)),
            3 => drop(data.splice(at..at, WORDS[random.below(WORDS.len())].bytes())),
            4 => {
                let piece: Vec<u8> = data[at..to].repeat(1 + random.below(40));
                drop(data.splice(at..at, piece));
            }
            5 => {
                let other = &corpus[random.below(corpus.len())];
                let from = random.below(other.len());
                let until = (from + random.below(256)).min(other.len());
                drop(data.splice(at..to, other[from..until].iter().copied()));
            }
            _ if !data.is_empty() => data[at] = u8::try_from(random.below(256)).unwrap(),
            _ => {}
        }
    }
    data.truncate(BYTES_MAX);
    data
}

#[track_caller]
fn run(target: fn(&[u8])) {
    let steps = std::env::var("HOOKMILL_FUZZ_STEPS").ok().and_then(|steps| steps.parse().ok()).unwrap_or(STEPS);
    let corpus = corpus();
    corpus.iter().for_each(|data| target(data));
    let mut random = Random(SEED);
    for step in 0..steps {
        let data = changed(&mut random, &corpus);
        let begun = std::time::Instant::now();
        let outcome = std::panic::catch_unwind(|| target(&data));
        assert!(outcome.is_ok(), "seed {SEED:#x}, step {step}: {}", String::from_utf8_lossy(&data));
        assert!(begun.elapsed().as_secs() < 30, "seed {SEED:#x}, step {step} took {:?}", begun.elapsed());
    }
}

#[test]
fn files_of_flows() {
    run(targets::file);
}

#[test]
fn bare_definitions() {
    run(targets::definition);
}
