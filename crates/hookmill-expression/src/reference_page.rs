//! The page of the documentation that lists every function, made from the table.

use std::fmt::Write as _;

use hookmill_model::Value;

use crate::scope::Limits;
use crate::table::functions;

/// What the examples of the table see.
#[must_use]
pub fn example_context() -> Value {
    let form = r#"{"$content-type": "application/x-www-form-urlencoded", "$content": "Y29sb3I9Z3JlZW4=",
        "$formdata": [{"key": "color", "value": "green"}], "$multipart": [{"headers": {}, "body": "part"}]}"#;
    let text = format!(
        r#"{{
            "now": "2026-03-05T14:07:09Z",
            "parameters": {{"region": "eu"}},
            "variables": {{"count": 3}},
            "trigger": {{"name": "When_pushed"}},
            "triggerOutputs": {{"headers": {{"X-GitHub-Event": "push"}}, "body": {form}}},
            "outputs": {{"Compose": "made"}},
            "actions": {{"Get_form": {{"name": "Get_form", "status": "Succeeded", "outputs": {{"body": {form}}}}}}},
            "action": {{"name": "Notify"}},
            "item": {{"id": 7}},
            "items": {{"For_each": {{"id": 7}}}},
            "iterationIndexes": {{"Until": 2}},
            "results": {{"Scope": [{{"name": "Compose", "status": "Succeeded"}}]}},
            "workflow": {{"name": "flw_1"}},
            "callbackUrl": "https://hooks.example.org/callback/1"
        }}"#
    );
    Value::from_json(text.as_bytes()).unwrap_or_default()
}

/// The page as Markdown.
#[must_use]
pub fn reference_page() -> String {
    let mut page = String::from(
        "# Expressions\n\n\
         Made from the table of functions in `crates/hookmill-expression`; `cargo xtask schema` writes it anew.\n\n\
         A text that begins with `@` is an expression and keeps its type; `@{…}` inside a text is replaced by the\n\
         expression's text; `@@` stands for one `@`. Function names may be written in any case. Try one with\n\
         `hookmill expression eval \"@add(1, 2)\"`.\n",
    );
    let Limits { expression_chars_max, depth_max, result_bytes_max, elements_max, work_max, made_bytes_max } =
        Limits::DEFAULT;
    let _ = write!(
        page,
        "\n## Limits\n\n\
         | what | at most |\n\
         |---|---|\n\
         | characters of one expression | {expression_chars_max} |\n\
         | levels of calls in an expression, and of arrays and objects in its value | {depth_max} |\n\
         | bytes of a text that a function makes | {result_bytes_max} |\n\
         | elements of an array that a function makes, nodes of an XML document | {elements_max} |\n\
         | bytes and elements that one evaluation reads and makes in all | {work_max} |\n\
         | bytes of all values that one evaluation makes; in a run what the run has room for | {made_bytes_max} |\n"
    );
    let mut category = None;
    for function in functions() {
        // Writing to a String cannot fail.
        if category != Some(function.category) {
            category = Some(function.category);
            let _ = write!(page, "\n## {}\n", function.category.as_str());
        }
        let _ = write!(
            page,
            "\n### {}\n\n`{}`\n\n{}\n\n```text\n{}\n→ {}\n```\n",
            function.name, function.signature, function.description, function.example, function.result
        );
    }
    page
}
