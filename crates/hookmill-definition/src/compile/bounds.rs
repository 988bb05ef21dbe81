//! Bounds that are checked before a definition is compiled: one walk that allocates nothing, and stops early.

use hookmill_model::{Object, Pointer, Value};

use super::Compiler;

/// Strings with expressions in a definition.
const EXPRESSIONS_MAX: usize = 100_000;
/// The JSON pointers of all objects and expressions together, in bytes: compiling keeps one for each.
const POINTERS_BYTES_MAX: usize = 64 * 1_024 * 1_024;

/// What a walk has counted.
#[derive(Default)]
struct Extent {
    expressions: usize,
    pointer_bytes: usize,
}

impl Extent {
    fn add(&mut self, value: &Value, path: usize) {
        if self.is_beyond() {
            return;
        }
        match value {
            Value::String(text) if text.contains('@') => {
                self.expressions += 1;
                self.pointer_bytes += path;
            }
            Value::Array(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    self.add(element, path + 1 + index.checked_ilog10().unwrap_or(0) as usize);
                }
            }
            Value::Object(members) => {
                self.pointer_bytes += path;
                for (name, member) in members.iter() {
                    if name.contains('@') {
                        self.expressions += 1;
                    }
                    self.add(member, path + 1 + name.len());
                }
            }
            _ => {}
        }
    }

    fn is_beyond(&self) -> bool {
        self.expressions > EXPRESSIONS_MAX || self.pointer_bytes > POINTERS_BYTES_MAX
    }
}

impl Compiler<'_> {
    /// Whether the definition is small enough to be compiled; a finding says what is too large.
    pub(super) fn within_bounds(&mut self, definition: &Value, supplied: &Value) -> bool {
        let most = self.limits.definition_bytes_max;
        if definition.json_bytes().saturating_add(supplied.json_bytes()) > most {
            let message = format!("The definition has more than {} KiB as JSON.", most / 1_024);
            let hint =
                "Split it into several flows that call each other, or keep large data outside of the definition.";
            self.error_with("limit_size", Pointer::root(), message, hint);
            return false;
        }
        let mut extent = Extent::default();
        extent.add(definition, 0);
        if extent.expressions > EXPRESSIONS_MAX {
            let message = format!("The definition has more than {EXPRESSIONS_MAX} expressions.");
            self.error("limit_expressions", Pointer::root(), message);
            return false;
        }
        if extent.is_beyond() {
            let message = "The names in the definition are too long for how deep and how often they nest.";
            self.error_with("limit_names", Pointer::root(), message, "Use shorter names.");
            return false;
        }
        let actions = count(definition.get("actions"), self.limits.nesting_max + 1);
        if actions > self.limits.actions_max {
            let message =
                format!("The definition has {actions} actions; at most {} are allowed.", self.limits.actions_max);
            self.error("limit_actions", Pointer::root().child("actions"), message);
            return false;
        }
        true
    }
}

/// The actions of a group and of the groups inside, as deep as definitions may nest.
fn count(actions: Option<&Value>, depth: usize) -> usize {
    let Some(actions) = actions.and_then(Value::as_object).filter(|_| depth > 0) else { return 0 };
    actions.values().map(|action| 1 + inside(action, depth - 1)).sum()
}

fn inside(action: &Value, depth: usize) -> usize {
    let kind = action.get("type").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    match kind.as_str() {
        "scope" | "foreach" | "until" => count(action.get("actions"), depth),
        "if" => count(action.get("actions"), depth) + count(action.pointer("/else/actions"), depth),
        "switch" => {
            let cases = action.get("cases").and_then(Value::as_object).into_iter().flat_map(Object::values);
            cases.map(|case| count(case.get("actions"), depth)).sum::<usize>()
                + count(action.pointer("/default/actions"), depth)
        }
        _ => 0,
    }
}
