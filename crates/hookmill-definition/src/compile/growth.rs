//! How far values can grow in one decision of a run: whoever decides leaves its thread to others where that may be far.
//!
//! A decision evaluates expressions of several actions in a row, and each may read what the ones before have made. The
//! growth says how many times the bytes that a run holds when a decision begins all of its expressions can read and
//! make. It is an estimate of work, no bound: bounds are kept while expressions are evaluated.

use std::collections::BTreeMap;

use hookmill_expression::{ReferenceTarget, Template};

use super::{Compiler, Place};
use crate::plan::{ActionIndex, ActionKind};

/// Larger growths are all alike.
const GROWTH_MAX: u32 = 1_000_000;

/// Functions whose result is about as large as what they are given, or small, and that look at it once. All others may
/// make much of little, or compare everything with everything.
const STEADY: &[&str] = &[
    "action",
    "actionBody",
    "actionOutputs",
    "actions",
    "add",
    "addDays",
    "addHours",
    "addMinutes",
    "addProperty",
    "addSeconds",
    "addToTime",
    "and",
    "array",
    "base64",
    "base64ToString",
    "body",
    "bool",
    "coalesce",
    "concat",
    "contains",
    "convertFromUtc",
    "convertTimeZone",
    "convertToUtc",
    "createArray",
    "dataUriToString",
    "dateDifference",
    "dayOfMonth",
    "dayOfWeek",
    "dayOfYear",
    "decimal",
    "decodeBase64",
    "div",
    "empty",
    "endsWith",
    "equals",
    "first",
    "float",
    "formDataValue",
    "formatDateTime",
    "formatNumber",
    "getFutureTime",
    "getPastTime",
    "greater",
    "greaterOrEquals",
    "guid",
    "if",
    "indexOf",
    "int",
    "isFloat",
    "isInt",
    "iterationIndexes",
    "last",
    "lastIndexOf",
    "length",
    "less",
    "lessOrEquals",
    "listCallbackUrl",
    "max",
    "min",
    "mod",
    "mul",
    "not",
    "nthIndexOf",
    "or",
    "outputs",
    "parameters",
    "parseDateTime",
    "rand",
    "removeProperty",
    "reverse",
    "setProperty",
    "skip",
    "slice",
    "startOfDay",
    "startOfHour",
    "startOfMonth",
    "startsWith",
    "string",
    "sub",
    "substring",
    "subtractFromTime",
    "take",
    "ticks",
    "toLower",
    "toUpper",
    "trigger",
    "triggerBody",
    "triggerOutputs",
    "trim",
    "trimByteOrderMark",
    "uriHost",
    "uriPath",
    "uriPathAndQuery",
    "uriPort",
    "uriQuery",
    "uriScheme",
    "utcNow",
    "utf16Length",
    "utf8Length",
    "variables",
    "workflow",
];

/// What each action's expressions are, and how large their results were found to be.
struct Growths<'a, 'c> {
    compiler: &'a Compiler<'c>,
    of_action: Vec<Vec<&'a Template>>,
    /// `None` while it is being found out: an action that depends on itself grows without end.
    known: BTreeMap<ActionIndex, Option<u32>>,
}

impl Growths<'_, '_> {
    fn sum(all: impl Iterator<Item = Option<u32>>) -> Option<u32> {
        all.sum::<Option<u32>>().filter(|sum| *sum <= GROWTH_MAX)
    }

    /// The size of what a template makes, in times of what the run held before.
    fn of_template(&mut self, template: &Template) -> Option<u32> {
        if template.functions().iter().any(|function| !STEADY.contains(function)) {
            return None;
        }
        let references = template.references();
        Self::sum(references.iter().map(|reference| match &reference.target {
            ReferenceTarget::Trigger | ReferenceTarget::Parameter(_) => Some(1),
            ReferenceTarget::Action(name) => {
                let action = self.compiler.plan.find(name)?;
                self.of_action(action)
            }
            ReferenceTarget::Variable(name) => self.of_variable(name),
            ReferenceTarget::Result(_)
            | ReferenceTarget::Loop(_)
            | ReferenceTarget::Item
            | ReferenceTarget::Computed => None,
        }))
    }

    fn of_action(&mut self, action: ActionIndex) -> Option<u32> {
        if let Some(known) = self.known.get(&action) {
            return *known;
        }
        self.known.insert(action, None);
        let templates = self.of_action[action].clone();
        // What it held already: the answer of a service, for one.
        let made = Self::sum(templates.into_iter().map(|template| self.of_template(template)));
        let grown = made.and_then(|made| made.checked_add(1));
        self.known.insert(action, grown);
        grown
    }

    fn of_variable(&mut self, name: &str) -> Option<u32> {
        let actions = self.compiler.plan.actions.iter().enumerate();
        let setting = actions.filter(|(_, action)| match &action.kind {
            ActionKind::InitializeVariable(own) => own.iter().any(|own| own.name.eq_ignore_ascii_case(name)),
            ActionKind::ChangeVariable { name: own, .. } => own.eq_ignore_ascii_case(name),
            _ => false,
        });
        let setting: Vec<ActionIndex> = setting.map(|(index, _)| index).collect();
        Self::sum(setting.into_iter().map(|action| self.of_action(action)))
    }
}

impl Compiler<'_> {
    /// The growth of the plan that was compiled; `None` where there is no saying.
    pub(super) fn growth(&self) -> Option<u32> {
        let is_loop = |kind: &ActionKind| matches!(kind, ActionKind::Foreach { .. } | ActionKind::Until { .. });
        if self.plan.actions.iter().any(|action| is_loop(&action.kind)) {
            return None;
        }
        let mut of_action = vec![Vec::new(); self.plan.actions.len()];
        for own in &self.uses {
            match own.place {
                Place::Action(action) => of_action[action].push(&own.template),
                Place::Trigger | Place::Outputs => {}
                Place::Element(_) | Place::LoopEnd(_) => return None,
            }
        }
        let mut growths = Growths { compiler: self, of_action, known: BTreeMap::new() };
        Growths::sum(self.uses.iter().map(|own| {
            let calls = u32::try_from(own.template.functions().len()).unwrap_or(u32::MAX);
            // Each call around a value reads it once more.
            growths.of_template(&own.template)?.checked_mul(calls)
        }))
    }
}

#[cfg(test)]
mod tests;
