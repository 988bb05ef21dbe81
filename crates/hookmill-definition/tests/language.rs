//! The language as the designer reads it: the generated tables, and fixtures that both sides run.
//!
//! Each file of `test_data/language` is one object:
//!
//! | member | meaning |
//! |---|---|
//! | `about` | what it shows |
//! | `definition` | a definition |
//! | `branches` | every group of actions inside of an action, in order of the document: `{pointer, kind, case?, path, actions}`; `pointer` names the action, `path` leads from it to the group, `actions` are the names inside |
//! | `runAfter` | action → the actions it runs after, by their own names |
//! | `references` | every mention of an action in an expression, in order of the document: `{pointer, function, name, action}`; `name` as written, `action` as declared, null where there is none; `inMemberName` is true where the name of a member mentions it |
//! | `renames` | `{from, to, definition}`: the whole definition afterwards |
//! | `findings` | what saving finds, in order: `{severity, code, pointer}` |
//!
//! `UPDATE_EXPECT=1` writes everything but `about`, `definition` and the `from` and `to` of `renames`.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may read files and stop at once.

use std::path::{Path, PathBuf};

use hookmill_definition::{Limits, Plan, Profile, compile, language, names};
use hookmill_model::{Object, Pointer, Value};

#[test]
fn the_tables_of_the_designer_are_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/src/flow-model/language.generated.json");
    let Ok(written) = std::fs::read_to_string(path) else { return };
    assert!(written == language::document(), "ui/src/flow-model/language.generated.json: cargo xtask schema writes it");
    Value::from_json(written.as_bytes()).unwrap();
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("test_data/language");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn texts<'a>(list: impl Iterator<Item = &'a str>) -> Value {
    Value::array(list.map(Value::from).collect())
}

fn branches(actions: Option<&Value>, at: &Pointer, found: &mut Vec<Value>) {
    for (name, action) in actions.and_then(Value::as_object).into_iter().flat_map(Object::iter) {
        let pointer = at.child(name);
        for group in names::groups(action) {
            let inside = group.path.iter().try_fold(action, |value, member| value.get(member));
            let own = inside.and_then(Value::as_object).into_iter().flat_map(Object::keys);
            let mut members = Object::new();
            members.insert("pointer", pointer.as_str());
            members.insert("kind", group.kind);
            if let Some(case) = &group.case {
                members.insert("case", case.clone());
            }
            members.insert("path", texts(group.path.iter().map(|part| &**part)));
            members.insert("actions", texts(own.map(|name| &**name)));
            found.push(members.into());
            let below = group.path.iter().fold(pointer.clone(), |at, part| at.child(part));
            branches(inside, &below, found);
        }
    }
}

fn derived(file: &Value) -> Value {
    let definition = file.get("definition").unwrap();
    let compiled = compile(definition, &Value::Null, Profile::LogicApps, &Limits::default());
    let plan: Plan = compiled.plan.or(compiled.faulty).unwrap();
    let mut found = Vec::new();
    branches(definition.get("actions"), &Pointer::root().child("actions"), &mut found);
    let groups: usize = plan.actions.iter().map(|action| action.kind.groups().len()).sum();
    assert_eq!(groups, found.len(), "the compiler and the tables see the same groups");
    let after = plan.actions.iter().filter(|action| !action.run_after.is_empty()).map(|action| {
        let before = action.run_after.iter().map(|(before, _)| &*plan.actions[*before].name);
        (action.name.clone(), texts(before))
    });
    let references = names::mentions(definition).into_iter().map(|mention| {
        let name = names::action_name(&mention.reference).unwrap().clone();
        let action = plan.find(&name).map_or(Value::Null, |index| plan.actions[index].name.clone().into());
        let mut members = Object::new();
        members.insert("pointer", mention.pointer.as_str());
        if mention.in_member_name {
            members.insert("inMemberName", true);
        }
        members.insert("function", mention.reference.function);
        members.insert("name", name);
        members.insert("action", action);
        Value::from(members)
    });
    let renames = file.get("renames").and_then(Value::as_array).unwrap_or_default().iter().map(|rename| {
        let text = |name: &str| rename.get(name).and_then(Value::as_str).unwrap();
        let renamed = names::rename(definition, text("from"), text("to")).unwrap();
        Value::object([("from", text("from").into()), ("to", text("to").into()), ("definition", renamed)])
    });
    let findings = compiled.diagnostics.iter().map(|finding| {
        Value::object([
            ("severity", Value::from(finding.severity.to_string())),
            ("code", finding.code.to_string().into()),
            ("pointer", finding.pointer.as_str().into()),
        ])
    });
    Value::object([
        ("about", file.get("about").cloned().unwrap()),
        ("definition", definition.clone()),
        ("branches", Value::array(found)),
        ("runAfter", Value::object(after)),
        ("references", Value::array(references.collect())),
        ("renames", Value::array(renames.collect())),
        ("findings", Value::array(findings.collect())),
    ])
}

/// A member a line, and an element a line, so that differences can be read.
fn printed(file: &Value) -> String {
    let member = |(name, value): (&_, &Value)| {
        let text = match value.as_array() {
            Some(rows) if !rows.is_empty() => {
                let rows: Vec<String> = rows.iter().map(|row| format!("  {}", row.to_json())).collect();
                format!("[\n{}\n ]", rows.join(",\n"))
            }
            _ => value.to_json(),
        };
        format!(" \"{name}\": {text}")
    };
    let members: Vec<String> = file.as_object().unwrap().iter().map(member).collect();
    format!("{{\n{}\n}}\n", members.join(",\n"))
}

#[test]
fn fixtures_hold() {
    let files = files();
    assert!(files.len() >= 5);
    let mut differing = Vec::new();
    for path in files {
        let written = std::fs::read_to_string(&path).unwrap();
        let file = Value::from_json(written.as_bytes()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let derived = derived(&file);
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&path, printed(&derived)).unwrap();
        } else if derived.to_json() != file.to_json() {
            differing.push(format!("{}:\n{}", path.display(), printed(&derived)));
        }
    }
    assert!(differing.is_empty(), "UPDATE_EXPECT=1 writes:\n{}", differing.join("\n"));
}

#[test]
fn a_name_that_is_taken_is_refused() {
    let definition =
        Value::from_json(br#"{"actions":{"A":{"type":"Compose","inputs":1},"B c":{"type":"Compose","inputs":1}}}"#);
    let definition = definition.unwrap();
    assert_eq!(names::rename(&definition, "A", "b_C"), Err(names::RenameError::Taken("b_C".to_owned())));
    assert_eq!(names::rename(&definition, "X", "Y"), Err(names::RenameError::Unknown("X".to_owned())));
    // Another spelling of its own name is not taken.
    assert!(names::rename(&definition, "B c", "b_c").is_ok());
}
