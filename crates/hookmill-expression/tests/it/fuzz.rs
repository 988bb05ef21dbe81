//! A bounded run of the fuzz target on the stable toolchain. The corpus is the documentation's example of each function.

#[path = "../../../hookmill-definition/fuzz/seeded.rs"]
mod seeded;
#[path = "../../fuzz/targets.rs"]
mod targets;

use hookmill_expression::functions;

/// Inputs.
const STEPS: usize = 4_000;

/// Something that every kind of reference can see.
const CONTEXT: &str = r#"{"triggerOutputs":{"body":{"a":[1,{"b":null}],"t":"2024-02-29T23:59:59Z"}},"variables":{"v":"x","n":7},"outputs":{"A":{"body":"<a b='1'><c/></a>"}},"parameters":{"p":[1.5]},"item":"i","items":{"L":2}}"#;

/// Pieces that readers look for.
const WORDS: &[&str] = &[
    "@",
    "@{",
    "@@",
    "}",
    "'",
    "''",
    "\\",
    "(",
    ")",
    "[",
    "]",
    "?[",
    "?.",
    ",",
    ".",
    "-",
    "1e999",
    "9223372036854775807",
    "null",
    "true",
    "concat(",
    "json('",
    "xpath(xml('",
    "//node()",
    "formatDateTime(",
    "'yyyy-MM-dd'",
    "range(0,1000000)",
    "variables('v')",
    "outputs('A')",
    "ä",
    "\u{1F600}",
    "\u{0}",
    "\n{",
];

#[test]
fn expressions() {
    let examples = functions().map(|function| format!("@{}\n{CONTEXT}", function.example.trim_start_matches('@')));
    let mut corpus: Vec<Vec<u8>> = examples.map(String::into_bytes).collect();
    corpus.push(format!("a @{{variables('v')}} b @{{outputs('A')?['body']}} @@{{c}}\n{CONTEXT}").into_bytes());
    seeded::run(targets::expression, &corpus, WORDS, STEPS);
}
