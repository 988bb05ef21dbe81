//! Every template is a flow that can be saved without a finding, and its cases pass on the real engine.

use std::collections::BTreeSet;

use hookmill_definition::{Limits, Profile, compile};
use hookmill_engine::case;
use hookmill_model::Value;

use super::*;

fn files() -> Vec<Value> {
    FILES.iter().map(|file| Value::from_json(file.as_bytes()).unwrap()).collect()
}

#[test]
fn each_can_be_saved() {
    assert!(FILES.len() >= 20);
    assert_eq!(TEMPLATES.len(), FILES.len(), "a file cannot be read");
    let mut ids = BTreeSet::new();
    for template in &*TEMPLATES {
        assert!(ids.insert(template.id.clone()), "{} stands twice", template.id);
        for words in [&template.title, &template.description] {
            assert!(!words.en.is_empty() && !words.de.is_empty(), "{}", template.id);
        }
        assert!(!template.tags.is_empty(), "{}", template.id);
        let found = compile(&template.definition, &Value::Null, Profile::LogicApps, &Limits::default());
        assert!(found.diagnostics.is_empty(), "{}: {:?}", template.id, found.diagnostics);
        let plan = found.plan.unwrap();
        let used: BTreeSet<&str> = plan.connector_calls().map(|(_, _, call)| &*call.connection).collect();
        let named: BTreeSet<&str> = template.connections.iter().map(String::as_str).collect();
        assert_eq!(used, named, "{}", template.id);
    }
}

#[test]
fn the_cases_of_each_pass() {
    for file in files() {
        let definition = file.get("definition").unwrap();
        let cases = file.get("cases").and_then(Value::as_array).unwrap();
        assert!(!cases.is_empty(), "{file}");
        for one in cases {
            let mut whole = one.as_object().unwrap().clone();
            whole.insert("definition", definition.clone());
            let verdict = case::run(&whole.into());
            assert!(verdict.failures.is_empty(), "{}: {}", verdict.id, verdict.failures.join("; "));
        }
    }
}
