//! Condition objects: what an `If` decides by.

use hookmill_expression::{Condition, Limits, case};
use hookmill_model::{Timestamp, Value};

fn outcome(condition: &str) -> Result<bool, String> {
    let context = Value::from_json(
        br#"{"variables": {"n": 5, "s": "Main", "l": [1, "a"], "o": {"k": null}, "t": true, "nil": null}}"#,
    )
    .unwrap();
    let scope = case::Context::new(&context, Timestamp::default(), 1, Limits::default());
    let condition = Value::from_json(condition.as_bytes()).unwrap();
    let condition = Condition::new(&condition).map_err(|errors| {
        let all: Vec<String> = errors.iter().map(|(pointer, error)| format!("{pointer} {}", error.kind)).collect();
        all.join(", ")
    })?;
    condition.evaluate(&scope).map_err(|(pointer, error)| format!("{pointer} {}", error.kind))
}

#[test]
fn conditions_decide() {
    for (condition, expected) in [
        (r#""@equals(variables('n'), 5)""#, true),
        (r#""@variables('t')""#, true),
        (r#""@{variables('t')}""#, true),
        (r#""true""#, true),
        (r#""False""#, false),
        ("true", true),
        ("{}", true),
        (r#"{"equals": ["@variables('n')", 5]}"#, true),
        (r#"{"equals": ["@variables('n')", "5"]}"#, false),
        (r#"{"equals": ["@variables('n')", "@add(2, 3)"]}"#, true),
        (r#"{"equals": ["@variables('nil')", null]}"#, true),
        (r#"{"EQUALS": ["a", "a"]}"#, true),
        (r#"{"not": {"equals": ["@variables('s')", "main"]}}"#, true),
        (r#"{"not": [{"equals": [1, 1]}]}"#, false),
        (r#"{"not": "@variables('t')"}"#, false),
        (r#"{"greater": ["@variables('n')", 4]}"#, true),
        (r#"{"greaterOrEquals": ["@variables('n')", 5]}"#, true),
        (r#"{"less": ["@variables('n')", 5]}"#, false),
        (r#"{"lessOrEquals": ["abc", "ABD"]}"#, true),
        (r#"{"contains": ["@variables('l')", "a"]}"#, true),
        (r#"{"contains": ["@variables('o')", "K"]}"#, true),
        (r#"{"startsWith": ["@variables('s')", "ma"]}"#, true),
        (r#"{"endsWith": ["@variables('s')", "x"]}"#, false),
        (r#"{"empty": ["@variables('nil')"]}"#, true),
        (r#"{"empty": "@variables('s')"}"#, false),
        (r#"{"and": []}"#, true),
        (r#"{"or": []}"#, false),
        (r#"{"and": [{"equals": [1, 1]}, "@variables('t')", {"or": [false, {"not": false}]}]}"#, true),
        (r#"{"and": [{"equals": [1, 2]}, {"greater": ["a", 1]}]}"#, false),
        (r#"{"or": [{"equals": [1, 1]}, {"greater": ["a", 1]}]}"#, true),
        (r#"{"equals": [{"a": "@variables('n')"}, {"a": 5}]}"#, true),
    ] {
        assert_eq!(outcome(condition), Ok(expected), "{condition}");
    }
}

#[test]
fn faults_are_found_with_their_pointer() {
    for (condition, expected) in [
        (r#""@equals(1""#, "/ ParseError"),
        (r#""@variables('n')""#, "/ InvalidArgument"),
        (r#""yes""#, "/ InvalidArgument"),
        ("5", "/ ParseError"),
        ("[]", "/ ParseError"),
        (r#"{"equals": [1, 1], "not": true}"#, "/ ParseError"),
        (r#"{"and": {"equals": [1, 1]}}"#, "/and ParseError"),
        (r#"{"and": [true, {"equal": [1, 1]}]}"#, "/and/1/equal UnknownFunction"),
        (r#"{"equals": [1]}"#, "/equals ArgumentCount"),
        (r#"{"equals": ["@nope()", "@add(1"]}"#, "/equals/0 UnknownFunction, /equals/1 ParseError"),
        (r#"{"or": [false, {"greater": ["a", 1]}]}"#, "/or/1/greater InvalidArgument"),
        (r#"{"not": {"length": ["abc"]}}"#, "/not/length InvalidArgument"),
        (r#"{"equals": ["@variables('zz')", 1]}"#, "/equals/0 ReferenceNotFound"),
    ] {
        assert_eq!(outcome(condition), Err(expected.to_owned()), "{condition}");
    }
}
