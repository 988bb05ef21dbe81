//! Properties: printing is the inverse of parsing, nothing panics, laziness holds, evaluation is repeatable.

use hookmill_expression::{Limits, Template, functions};
use hookmill_model::Value;
use proptest::prelude::*;

use crate::{evaluate, evaluate_within};

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

/// A change of one character, or a repetition.
#[derive(Clone, Debug)]
enum Edit {
    Insert(char),
    Replace(char),
    Remove,
    Double,
}

fn edit() -> impl Strategy<Value = Edit> {
    let c = prop::sample::select("@{}()[]?.,'\"-+0e:/ abé\u{1F600}\0\n".chars().collect::<Vec<_>>());
    prop_oneof![c.clone().prop_map(Edit::Insert), c.prop_map(Edit::Replace), Just(Edit::Remove), Just(Edit::Double),]
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
    fn no_mutation_of_a_call_panics(call in call(), edits in prop::collection::vec((any::<prop::sample::Index>(), edit()), 1..6)) {
        let mut text: Vec<char> = format!("@{call}").chars().collect();
        for (place, edit) in edits {
            let at = place.index(text.len());
            match edit {
                Edit::Insert(c) => text.insert(at, c),
                Edit::Replace(c) => text[at] = c,
                Edit::Remove if text.len() > 1 => drop(text.remove(at)),
                Edit::Remove => {}
                Edit::Double => {
                    let copy = text.clone();
                    text.splice(at..at, copy.into_iter().take(200));
                }
            }
        }
        let text: String = text.into_iter().collect();
        let _ = evaluate(&text, &Value::Null);
        let _ = evaluate(&format!("x@{{{}", text.trim_start_matches('@')), &Value::Null);
    }

    #[test]
    fn errors_point_into_the_text(call in call(), cut in any::<prop::sample::Index>()) {
        let whole = format!("é @{{{call}}}");
        let ends: Vec<usize> = whole.char_indices().map(|(at, _)| at).collect();
        let text = &whole[..ends[cut.index(ends.len())]];
        if let Err(error) = evaluate(text, &Value::Null) {
            prop_assert!(error.position.byte <= text.len(), "{:?} in {}", error, text);
            prop_assert!(text.is_char_boundary(error.position.byte), "{:?} in {}", error, text);
            prop_assert!(error.explained(text).starts_with(&error.to_string()));
        }
    }

    #[test]
    fn small_limits_hold(call in call(), inner in call()) {
        let limits = Limits { result_bytes_max: 64, elements_max: 8, work_max: 4_000, ..Limits::DEFAULT };
        let text = format!("@{}", call.replacen("null", &inner, 1));
        if let Ok(Value::Array(elements)) = evaluate_within(&text, &Value::Null, limits) {
            prop_assert!(elements.len() <= 8, "{} made {} elements", text, elements.len());
        }
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
