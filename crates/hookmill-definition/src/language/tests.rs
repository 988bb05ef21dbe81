//! The tables agree with the compiler: no row that it does not know, no type that has no row.

use hookmill_model::{Severity, Value};

use super::*;
use crate::limits::{Limits, Profile};

fn codes(definition: &str) -> Vec<String> {
    let definition = Value::from_json(definition.as_bytes()).unwrap();
    let found = crate::compile(&definition, &Value::Null, Profile::LogicApps, &Limits::default());
    found.diagnostics.into_iter().map(|finding| format!("{} {}", finding.code, finding.pointer)).collect()
}

#[test]
fn each_row_is_a_type_that_the_compiler_knows() {
    for row in ACTIONS {
        for name in row.aliases.iter().chain([&row.name]) {
            let found = codes(&format!(r#"{{"triggers":{{}},"actions":{{"A":{{"type":"{name}"}}}}}}"#));
            let unknown = found.iter().any(|code| code.starts_with("action_type_unsupported"));
            assert!(!unknown, "{name}: {found:?}");
        }
    }
    for row in TRIGGERS {
        for name in row.aliases.iter().chain([&row.name]) {
            let found = codes(&format!(r#"{{"triggers":{{"T":{{"type":"{name}"}}}},"actions":{{}}}}"#));
            let unknown = found.iter().any(|code| code.starts_with("trigger_type_unsupported"));
            assert!(!unknown, "{name}: {found:?}");
        }
    }
}

#[test]
fn a_kept_type_has_no_row_and_is_no_error() {
    for name in KEPT_ACTIONS {
        assert!(action_type(name).is_none(), "{name}");
        let definition = format!(r#"{{"triggers":{{}},"actions":{{"A":{{"type":"{name}"}}}}}}"#);
        let definition = Value::from_json(definition.as_bytes()).unwrap();
        let found = crate::compile(&definition, &Value::Null, Profile::LogicApps, &Limits::default());
        assert!(found.diagnostics.iter().all(|finding| finding.severity == Severity::Warning), "{name}");
        assert!(found.diagnostics.iter().any(|finding| finding.code == "action_type_unsupported"), "{name}");
    }
}

/// What a row calls required is what saving misses, and nothing else.
#[test]
fn required_members_are_those_that_saving_misses() {
    for row in ACTIONS {
        let found = codes(&format!(r#"{{"triggers":{{}},"actions":{{"A":{{"type":"{}"}}}}}}"#, row.name));
        let is_missed = found.iter().any(|code| code.starts_with("property_missing"));
        let is_required = row.fields.iter().any(|field| field.required) || !row.kinds.is_empty() || row.name == "Wait";
        assert_eq!(is_missed, is_required, "{}: {found:?}", row.name);
    }
}

#[test]
fn functions_of_expression_actions_exist_and_take_their_arguments() {
    for kind in ACTIONS.iter().flat_map(|row| row.kinds) {
        let function = hookmill_expression::find_function(kind.function).unwrap();
        let required = kind.arguments.iter().filter(|(field, _)| field.required).count();
        assert!(function.arguments_min <= required, "{}", kind.name);
        assert!(function.arguments_max.is_none_or(|most| kind.arguments.len() <= most), "{}", kind.name);
    }
}
