//! The tables as one JSON document, which `cargo xtask schema` writes to `ui/src/flow-model/language.generated.json`.
//!
//! | member | meaning |
//! |---|---|
//! | `names` | bounds of names; names are equal ignoring case, and a blank equals `_` |
//! | `statuses` | what `runAfter` may list, in any case |
//! | `triggers`, `actions` | one object per type that the engine runs: `type`; `aliases`; `fields`, each `{path, kind, required, options?}` with `path` as member names from the step down; `branches`, each `{kind, path}` where `*` in a path stands for the name of each case; `options` and `settings` that have an effect; `kinds`, each `{kind, function, fields}`, where fields may have further spellings in `aliases` |
//! | `kept` | types of other products: kept and drawn, not run |
//! | `members` | the members that every action and every trigger may have |
//! | `naming` | functions whose first argument is the name of a `action`, `result` (a container), `loop`, `variable` or `parameter` |
//! | `ownRecord` | functions that read the trigger or the current item without a name |
//! | `conditions` | functions that a condition object may use, each `{name, min, max}`; `max` null is unbounded |
//! | `durations` | the form of a duration and the seconds of each unit |
//! | `recurrence` | units with the largest interval and the members of `schedule` that fit; ranges of those members |
//! | `variables` | types, and for each action that changes a variable the types that it can change |
//! | `parameters` | types of parameters |
//! | `retry` | types and ranges of retry policies |
//! | `limits` | bounds of a definition |

use hookmill_expression::{NAMING_FUNCTIONS, RECORD_FUNCTIONS, is_condition_function};
use hookmill_model::{Object, Value};

use super::{ACTION_MEMBERS, ACTIONS, Field, KEPT_ACTIONS, KEPT_TRIGGERS, StepType, TRIGGER_MEMBERS, TRIGGERS, steps};
use crate::limits::{Limits, RETRY_COUNTS};
use crate::plan::{VariableChange, VariableKind};
use crate::recurrence::{Frequency, SCHEDULE_RANGES, WEEK_DAYS};

/// All tables of the language, as text with a line for each row.
#[must_use]
pub fn document() -> String {
    let limits = Limits::default();
    let parts: Vec<(&str, Value)> = vec![
        ("note", "Written by `cargo xtask schema` from crates/hookmill-definition/src/language; the head of document.rs there describes it.".into()),
        (
            "names",
            Value::object([
                ("charsMax", number(limits.name_chars_max)),
                ("descriptionCharsMax", number(limits.description_chars_max)),
            ]),
        ),
        ("statuses", texts(&["Succeeded", "Failed", "Skipped", "TimedOut"])),
        ("triggers", Value::array(TRIGGERS.iter().map(step_type).collect())),
        ("actions", Value::array(ACTIONS.iter().map(step_type).collect())),
        ("kept", Value::object([("triggers", texts(KEPT_TRIGGERS)), ("actions", texts(KEPT_ACTIONS))])),
        ("members", Value::object([("triggers", texts(TRIGGER_MEMBERS)), ("actions", texts(ACTION_MEMBERS))])),
        (
            "naming",
            Value::array(
                NAMING_FUNCTIONS
                    .iter()
                    .map(|(function, names)| {
                        Value::object([("function", Value::from(*function)), ("names", names.as_str().into())])
                    })
                    .collect(),
            ),
        ),
        ("ownRecord", texts(RECORD_FUNCTIONS)),
        ("conditions", conditions()),
        ("durations", durations()),
        ("recurrence", recurrence()),
        ("variables", variables()),
        ("parameters", texts(crate::compile::PARAMETER_KINDS)),
        (
            "retry",
            Value::object([
                ("types", texts(crate::compile::RETRY_TYPES)),
                ("countMin", Value::Integer(*RETRY_COUNTS.start())),
                ("countMax", Value::Integer(*RETRY_COUNTS.end())),
                ("intervalMin", "PT5S".into()),
                ("intervalMax", "P1D".into()),
            ]),
        ),
        ("delayUnits", texts(steps::DELAY_UNITS)),
        (
            "limits",
            Value::object([
                ("actions", number(limits.actions_max)),
                ("nesting", number(limits.nesting_max)),
                ("cases", number(limits.cases_max)),
                ("variables", number(limits.variables_max)),
                ("parameters", number(limits.parameters_max)),
                ("outputs", number(limits.outputs_max)),
                ("triggers", number(limits.triggers_max)),
                ("foreachConcurrency", number(limits.foreach_concurrency_max as usize)),
                ("untilCount", number(limits.until_count_max as usize)),
                ("triggerRuns", number(100)),
            ]),
        ),
    ];
    let mut text = String::from("{\n");
    for (index, (name, value)) in parts.iter().enumerate() {
        let comma = if index + 1 < parts.len() { "," } else { "" };
        text.push_str(&format!(" \"{name}\": {}{comma}\n", lines(value)));
    }
    text.push_str("}\n");
    text
}

/// A list of objects has a line for each; everything else stands on one line.
fn lines(value: &Value) -> String {
    match value.as_array() {
        Some(rows) if rows.iter().all(|row| row.as_object().is_some()) && !rows.is_empty() => {
            let rows: Vec<String> = rows.iter().map(|row| format!("  {}", row.to_json())).collect();
            format!("[\n{}\n ]", rows.join(",\n"))
        }
        _ => value.to_json(),
    }
}

fn number(count: usize) -> Value {
    Value::Integer(i64::try_from(count).unwrap_or(i64::MAX))
}

fn texts(list: &[&str]) -> Value {
    Value::array(list.iter().map(|text| Value::from(*text)).collect())
}

fn path(text: &str) -> Value {
    Value::array(text.split('/').map(Value::from).collect())
}

fn field(field: &Field, aliases: &[&str]) -> Value {
    let mut members = Object::new();
    members.insert("path", path(field.path));
    members.insert("kind", field.kind.as_str());
    members.insert("required", field.required);
    if !field.options.is_empty() {
        members.insert("options", texts(field.options));
    }
    if !aliases.is_empty() {
        members.insert("aliases", texts(aliases));
    }
    members.into()
}

fn step_type(row: &StepType) -> Value {
    let branches = row
        .branches
        .iter()
        .map(|branch| Value::object([("kind", Value::from(branch.kind)), ("path", path(branch.path))]));
    let kinds = row.kinds.iter().map(|kind| {
        Value::object([
            ("kind", Value::from(kind.name)),
            ("function", kind.function.into()),
            ("fields", Value::array(kind.arguments.iter().map(|(own, aliases)| field(own, aliases)).collect())),
        ])
    });
    Value::object([
        ("type", Value::from(row.name)),
        ("aliases", texts(row.aliases)),
        ("fields", Value::array(row.fields.iter().map(|own| field(own, &[])).collect())),
        ("branches", Value::array(branches.collect())),
        ("options", texts(row.options)),
        ("settings", texts(row.settings)),
        ("kinds", Value::array(kinds.collect())),
    ])
}

fn conditions() -> Value {
    let functions = hookmill_expression::functions().filter(|function| is_condition_function(function));
    Value::array(
        functions
            .map(|function| {
                Value::object([
                    ("name", Value::from(function.name)),
                    ("min", number(function.arguments_min)),
                    ("max", function.arguments_max.map_or(Value::Null, number)),
                ])
            })
            .collect(),
    )
}

fn durations() -> Value {
    let units = |units: &[(char, f64)]| {
        Value::array(
            units
                .iter()
                .map(|(unit, seconds)| {
                    #[allow(clippy::cast_possible_truncation)] // Whole numbers below a year of seconds.
                    Value::object([
                        ("unit", Value::from(unit.to_string())),
                        ("seconds", Value::Integer(*seconds as i64)),
                    ])
                })
                .collect(),
        )
    };
    Value::object([("days", units(crate::duration::DAY_UNITS)), ("time", units(crate::duration::TIME_UNITS))])
}

fn recurrence() -> Value {
    let frequencies = Frequency::ALL.iter().map(|frequency| {
        Value::object([
            ("name", Value::from(frequency.as_str())),
            ("intervalMax", Value::Integer(frequency.interval_max())),
            ("schedule", texts(frequency.schedule_members())),
        ])
    });
    let ranges = SCHEDULE_RANGES.iter().map(|(member, from, to)| {
        Value::object([("member", Value::from(*member)), ("from", Value::Integer(*from)), ("to", Value::Integer(*to))])
    });
    Value::object([
        ("frequencies", Value::array(frequencies.collect())),
        ("weekDays", texts(WEEK_DAYS)),
        ("ranges", Value::array(ranges.collect())),
        ("members", texts(crate::recurrence::MEMBERS)),
    ])
}

fn variables() -> Value {
    let changes = VariableChange::ALL.iter().map(|change| {
        let kinds = VariableKind::ALL.iter().filter(|kind| change.fits(**kind));
        let kinds = Value::array(kinds.map(|kind| Value::from(kind.as_str().to_ascii_lowercase())).collect());
        (change.action_type(), kinds)
    });
    Value::object([
        (
            "types",
            Value::array(VariableKind::ALL.iter().map(|kind| kind.as_str().to_ascii_lowercase().into()).collect()),
        ),
        ("changes", Value::object(changes)),
    ])
}
