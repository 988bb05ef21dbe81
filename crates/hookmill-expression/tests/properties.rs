//! Properties: printing is the inverse of parsing, nothing panics, laziness holds, evaluation is repeatable.
#![allow(clippy::unwrap_used)] // Tests may stop at once.

use hookmill_expression::{Limits, Template, case, functions};
use hookmill_model::{Timestamp, Value};
use proptest::prelude::*;

fn evaluate(text: &str, context: &Value) -> Result<Value, hookmill_expression::Error> {
    let context = case::Context::new(context, Timestamp::from_millis(1_700_000_000_000), 7, Limits::default());
    case::evaluate(&text.into(), &context)
}

/// An argument of any kind, hostile ones included.
fn argument() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        (-20_i64..20).prop_map(|number| number.to_string()),
        (-1e9_f64..1e9).prop_map(|number| format!("{number:.3}")),
        "[a-zA-Z0-9 ,.:/%{}<>?&=é\u{1F600}-]{0,24}".prop_map(|text| format!("'{text}'")),
        Just("'2024-02-29T23:59:59.9999999Z'".to_owned()),
        Just("createArray(3,1,2)".to_owned()),
        Just("json('{\"a\":{\"b\":[1,null]}}')".to_owned()),
        Just("'Month'".to_owned()),
        Just("'yyyy-MM-dd'".to_owned()),
        Just("'W. Europe Standard Time'".to_owned()),
        Just("binary('x')".to_owned()),
        Just("xml('<a b=\"1\"><c>2</c></a>')".to_owned()),
        Just("triggerBody()?['a/b']".to_owned()),
    ]
}

fn call() -> impl Strategy<Value = String> {
    let names: Vec<&'static str> = functions().map(|function| function.name).collect();
    (prop::sample::select(names), prop::collection::vec(argument(), 0..5))
        .prop_map(|(name, arguments)| format!("{name}({})", arguments.join(",")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_call_panics(outer in call(), inner in call()) {
        let context = Value::from_json(br#"{"triggerOutputs":{"body":{"a":{"b":[1,2]}}}}"#).unwrap();
        let _ = evaluate(&format!("@{outer}"), &context);
        let nested = outer.replacen("null", &inner, 1);
        let _ = evaluate(&format!("x@{{{nested}}}y"), &context);
    }

    #[test]
    fn no_text_panics(text in ".{0,80}", tail in "[@{}()'\\[\\]?.,a-z0-9 ]{0,60}") {
        let _ = Template::parse(&text);
        let _ = Template::parse(&format!("@{tail}"));
        let _ = Template::parse(&format!("@{{{tail}"));
    }

    #[test]
    fn printing_is_the_inverse_of_parsing(call in call(), text in "[a-z@{}' ]{0,12}") {
        for source in [format!("@{call}"), format!("{text}@{{{call}}}"), text] {
            if let Ok(template) = Template::parse(&source) {
                let again = Template::parse(&template.to_string()).unwrap();
                prop_assert_eq!(&again, &template, "{} printed as {}", source, template);
            }
        }
    }

    #[test]
    fn interpolating_a_string_gives_the_string(text in "[^']{0,40}") {
        prop_assert_eq!(evaluate(&format!("@{{'{text}'}}"), &Value::Null).unwrap(), Value::from(text.as_str()));
    }

    #[test]
    fn what_is_not_needed_is_not_evaluated(truth: bool) {
        let (yes, no) = if truth { ("1", "int('x')") } else { ("int('x')", "1") };
        prop_assert_eq!(evaluate(&format!("@if({truth},{yes},{no})"), &Value::Null).unwrap(), Value::Integer(1));
        prop_assert_eq!(evaluate("@coalesce(null,'a',int('x'))", &Value::Null).unwrap(), Value::from("a"));
        prop_assert_eq!(evaluate("@and(false,int('x'))", &Value::Null).unwrap(), Value::Bool(false));
        prop_assert_eq!(evaluate("@or(true,int('x'))", &Value::Null).unwrap(), Value::Bool(true));
    }

    #[test]
    fn evaluation_is_a_function_of_its_scope(call in call()) {
        let text = format!("@{call}");
        let (first, second) = (evaluate(&text, &Value::Null), evaluate(&text, &Value::Null));
        prop_assert_eq!(format!("{first:?}"), format!("{second:?}"));
    }
}

#[test]
fn deep_and_long_expressions_are_refused() {
    let deep = format!("@{}1{}", "array(".repeat(5_000), ")".repeat(5_000));
    assert!(Template::parse(&deep).is_err());
    let long = format!("@concat('{}')", "a".repeat(9_000));
    assert!(Template::parse(&long).is_err());
    let wide = "@join(range(0,100000),concat(replace('aaaaaaaaaa','a','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'),replace('aaaaaaaaaa','a','aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')))";
    let outcome = evaluate(wide, &Value::Null);
    assert!(outcome.is_err() || outcome.is_ok_and(|value| value.json_bytes() <= 105_000_000));
}
