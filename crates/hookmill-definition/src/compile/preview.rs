//! Definitions of the schema 2015-08-01-preview, which has no `runAfter`: an action runs after those that it refers to
//! or depends on, once they have succeeded, and is skipped where one of its conditions is false.
//!
//! Source: Microsoft's notes on upgrading from this schema ("`runAfter` replaces `dependsOn`").

use hookmill_model::{ActionStatus, Object, Pointer, Str, Value};

use super::{Compiler, Place};
use crate::names::{self, plain};
use crate::plan::ActionIndex;

/// Whether `$schema` names the schema without `runAfter`.
pub(super) fn is_preview(schema: &str) -> bool {
    schema.contains("/2015-08-01-preview/") || schema.contains("/2014-12-01-preview/")
}

impl Compiler<'_> {
    /// Orders an action without `runAfter` behind the siblings that it refers to, and reads its conditions.
    pub(super) fn run_after_references(
        &mut self,
        index: ActionIndex,
        source: &Value,
        at: &Pointer,
        own: &[(ActionIndex, Str, Value, Pointer)],
    ) {
        let mut wanted: Vec<Str> = Vec::new();
        let conditions = source.get("conditions").and_then(Value::as_array).unwrap_or_default();
        for (number, condition) in conditions.iter().enumerate() {
            let below = at.child("conditions").child(number);
            match (condition.get("expression"), condition.get("dependsOn").and_then(Value::as_str)) {
                (Some(expression), _) => {
                    let compiled = self.condition(expression, &below.child("expression"), Place::Action(index));
                    self.plan.actions[index].conditions.push(compiled);
                }
                (None, Some(name)) => {
                    if !own.iter().any(|(_, other, ..)| names::is_same(other, name)) {
                        let message = format!("There is no action '{name}' to depend on.");
                        self.error("run_after_unknown", below.child("dependsOn"), message);
                    }
                    wanted.push(name.into());
                }
                (None, None) => self.missing(&below, "expression"),
            }
        }
        for name in ["foreach", "forEach", "repeat"].into_iter().filter(|name| source.get(name).is_some()) {
            let is_loop =
                source.get("type").and_then(Value::as_str).is_some_and(|own| own.eq_ignore_ascii_case("Foreach"));
            if !is_loop {
                let message =
                    format!("'{name}' of a single action is not run; use an action of the type Foreach around it.");
                self.error("repeat_not_supported", at.child(name), message);
            }
        }
        let single = Value::object([("actions", Value::object([("own", source.clone())]))]);
        wanted.extend(
            names::mentions(&single).iter().filter_map(|mention| names::action_name(&mention.reference).cloned()),
        );
        for (other, name, inside, _) in own {
            // What stands inside of a container is finished with the container.
            let is_wanted =
                wanted.iter().any(|wanted| names::is_same(wanted, name) || contains(inside, &plain(wanted)));
            let is_known = self.plan.actions[index].run_after.iter().any(|(known, _)| known == other);
            if *other != index && is_wanted && !is_known {
                self.plan.actions[index].run_after.push((*other, vec![ActionStatus::Succeeded]));
                self.plan.actions[*other].successors.push(index);
            }
        }
    }
}

/// Whether an action of that name stands inside of the action.
fn contains(action: &Value, wanted: &str) -> bool {
    names::groups(action).iter().any(|group| {
        let inside = group.path.iter().try_fold(action, |value, member| value.get(member)).and_then(Value::as_object);
        inside.into_iter().flat_map(Object::iter).any(|(name, own)| plain(name) == wanted || contains(own, wanted))
    })
}
