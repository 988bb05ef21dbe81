//! Which flows grow how far in one decision.

use hookmill_model::Value;

use super::STEADY;
use crate::{Limits, Profile, compile};

fn growth(actions: &str) -> Option<u32> {
    let text = format!(r#"{{"triggers":{{"t":{{"type":"Request"}}}},"actions":{actions}}}"#);
    let definition = Value::from_json(text.as_bytes()).unwrap();
    let made = compile(&definition, &Value::Null, Profile::LogicApps, &Limits::default());
    made.plan.unwrap_or_else(|| panic!("{:?}", made.diagnostics)).growth
}

#[test]
fn steady_flows_grow_little() {
    assert_eq!(growth(r#"{"A":{"type":"Compose","inputs":"text"}}"#), Some(0));
    assert_eq!(growth(r#"{"A":{"type":"Compose","inputs":"@triggerBody()"}}"#), Some(1));
    // Two calls look at one reference; the second action reads what the first has made beside what it held.
    let two = r#"{"A":{"type":"Compose","inputs":"@toUpper(triggerBody())"},
        "B":{"type":"Compose","inputs":"@outputs('A')","runAfter":{"A":["Succeeded"]}}}"#;
    assert_eq!(growth(two), Some(4));
}

#[test]
fn what_multiplies_is_seen() {
    for actions in [
        r#"{"A":{"type":"Compose","inputs":"@length(join(range(0, 90000), ','))"}}"#,
        r#"{"A":{"type":"Compose","inputs":"@replace(triggerBody(), 'a', triggerBody())"}}"#,
        r#"{"A":{"type":"Foreach","foreach":"@triggerBody()","actions":{}}}"#,
        r#"{"A":{"type":"Select","inputs":{"from":"@triggerBody()","select":"@item()"}}}"#,
        r#"{"V":{"type":"InitializeVariable","inputs":{"variables":[{"name":"v","type":"string","value":"x"}]}},
            "A":{"type":"SetVariable","inputs":{"name":"v","value":"@concat(outputs('B'), outputs('B'))"},"runAfter":{"B":["Succeeded"]}},
            "B":{"type":"Compose","inputs":"@variables('v')","runAfter":{"V":["Succeeded"]}}}"#,
    ] {
        assert_eq!(growth(actions), None, "{actions}");
    }
    // Sixteen actions, each of which makes four times what the one before has made.
    let mut actions = r#""A0":{"type":"Compose","inputs":"@triggerBody()"}"#.to_owned();
    for n in 1..16 {
        let four = vec![format!("outputs('A{}')", n - 1); 4].join(",");
        actions += &format!(
            r#","A{n}":{{"type":"Compose","inputs":"@concat({four})","runAfter":{{"A{}":["Succeeded"]}}}}"#,
            n - 1
        );
    }
    assert_eq!(growth(&format!("{{{actions}}}")), None);
}

#[test]
fn steady_functions_exist() {
    for name in STEADY {
        assert!(hookmill_expression::functions().any(|own| own.name == *name), "there is no function {name}");
    }
}
