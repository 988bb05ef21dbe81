//! Switches and loops of a definition.

use hookmill_expression::Compiled;
use hookmill_model::{Pointer, Str, Value};

use super::constant::Count;
use super::{Compiler, Place, article, shown};
use crate::limits::Profile;
use crate::plan::{ActionIndex, ActionKind, GroupIndex};

impl Compiler<'_> {
    pub(super) fn switch(
        &mut self,
        index: ActionIndex,
        source: &Value,
        at: &Pointer,
        loops: &[ActionIndex],
        depth: usize,
    ) -> ActionKind {
        let on = self.required(source, "expression", at, Place::Action(index));
        let mut cases: Vec<(Str, Value, GroupIndex)> = Vec::new();
        let listed = source.get("cases").and_then(Value::as_object).cloned().unwrap_or_default();
        if listed.len() > self.limits.cases_max {
            let message = format!("A Switch has at most {} cases.", self.limits.cases_max);
            self.error("limit_cases", at.child("cases"), message);
        }
        for (name, case) in listed.iter().take(self.limits.cases_max) {
            let below = at.child("cases").child(name);
            let value = case.get("case").cloned().unwrap_or_default();
            if !matches!(value, Value::String(_) | Value::Integer(_)) {
                let message = format!("'case' is a text or a whole number, not {}.", article(&value));
                self.error("case_value", below.child("case"), message);
            }
            if cases.iter().any(|(_, other, _)| *other == value) {
                self.error("case_twice", below.child("case"), format!("The case '{}' stands twice.", shown(&value)));
            }
            let group = self.nested(case.get("actions"), &below.child("actions"), index, loops, depth);
            cases.push((name.clone(), value, group));
        }
        let default = source.pointer("/default/actions");
        let default = self.nested(default, &at.child("default").child("actions"), index, loops, depth);
        ActionKind::Switch { on, cases, default }
    }

    pub(super) fn foreach(
        &mut self,
        index: ActionIndex,
        source: &Value,
        at: &Pointer,
        loops: &[ActionIndex],
        depth: usize,
    ) -> ActionKind {
        let items = self.required(source, "foreach", at, Place::Action(index));
        let options = self.operation_options(source, at);
        let sequential = options.iter().any(|option| option == "sequential");
        let wanted = source.pointer("/runtimeConfiguration/concurrency/repetitions");
        let below = at.child("runtimeConfiguration").child("concurrency").child("repetitions");
        if sequential && wanted.is_some() {
            self.error("options_exclusive", below.clone(), "'Sequential' and 'repetitions' exclude each other.");
        }
        let nested = loops.iter().any(|outer| self.action_at(*outer).type_name.eq_ignore_ascii_case("Foreach"));
        let usual = match self.profile {
            Profile::LogicApps if !nested => 20,
            _ => 1,
        };
        let most = self.limits.foreach_concurrency_max;
        let words = format!("'repetitions' is a number from 1 to {most}.");
        let count = wanted.and_then(|count| {
            self.count(count, &below, Place::Action(index), ("concurrency_range", &words), 1..=i64::from(most))
        });
        let concurrency = match count {
            _ if sequential => Compiled::literal(Value::Integer(1)),
            None => Compiled::literal(Value::Integer(usual)),
            Some(Count::Number(number)) => Compiled::literal(Value::Integer(number)),
            Some(Count::InRun(compiled)) => compiled,
        };
        let mut inner = loops.to_vec();
        inner.push(index);
        let body = self.nested(source.get("actions"), &at.child("actions"), index, &inner, depth);
        ActionKind::Foreach { items, body, concurrency }
    }

    pub(super) fn until(
        &mut self,
        index: ActionIndex,
        source: &Value,
        at: &Pointer,
        loops: &[ActionIndex],
        depth: usize,
    ) -> ActionKind {
        let condition = match source.get("expression") {
            Some(condition) => self.condition(condition, &at.child("expression"), Place::LoopEnd(index)),
            None => {
                self.missing(at, "expression");
                hookmill_expression::Condition::never()
            }
        };
        let limit = source.get("limit").cloned().unwrap_or_default();
        let below = at.child("limit");
        let count = self.member(&limit, "count", &below, Place::Action(index));
        if let Some(count) = count.as_ref().filter(|count| count.is_literal()) {
            let number = count.source().as_i64().or_else(|| count.source().as_str().and_then(|text| text.parse().ok()));
            if !number.is_some_and(|number| (1..=i64::from(self.limits.until_count_max)).contains(&number)) {
                let message = format!("'count' is a number from 1 to {}.", self.limits.until_count_max);
                self.error("until_limit", below.child("count"), message);
            }
        }
        let timeout = self.member(&limit, "timeout", &below, Place::Action(index));
        let mut inner = loops.to_vec();
        inner.push(index);
        let body = self.nested(source.get("actions"), &at.child("actions"), index, &inner, depth);
        ActionKind::Until { condition, body, count, timeout }
    }
}
