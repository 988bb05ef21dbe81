//! What reads secured data is hidden from the history too.

use std::collections::BTreeSet;

use hookmill_expression::ReferenceTarget;

use super::{Compiler, Place};
use crate::plan::{ActionIndex, ActionKind};

/// Where an action's inputs come from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Trigger,
    /// The outputs of an action.
    Outputs(ActionIndex),
    /// The results of everything inside of a container.
    Children(ActionIndex),
    /// The elements of a loop.
    Elements(ActionIndex),
}

impl Compiler<'_> {
    /// Hides the inputs of actions that read secured outputs; and the outputs of those whose outputs are their inputs,
    /// which hides the inputs of others again, until nothing is left to hide.
    pub(super) fn spread_secrecy(&mut self) {
        let reads = self.reads();
        loop {
            let mut is_done = true;
            for (reader, source) in &reads {
                if self.plan.actions[*reader].options.secure_inputs || !self.is_secured(*source) {
                    continue;
                }
                is_done = false;
                let action = &mut self.plan.actions[*reader];
                action.options.secure_inputs = true;
                let echoes = matches!(
                    action.kind,
                    ActionKind::Compose(_)
                        | ActionKind::ParseJson { .. }
                        | ActionKind::Response(_)
                        | ActionKind::InitializeVariable(_)
                        | ActionKind::ChangeVariable { .. }
                );
                action.options.secure_outputs |= echoes;
            }
            if is_done {
                return;
            }
        }
    }

    fn reads(&self) -> BTreeSet<(ActionIndex, Source)> {
        let mut reads = BTreeSet::new();
        for used in &self.uses {
            let (Place::Action(reader) | Place::Element(reader) | Place::LoopEnd(reader)) = used.place else {
                continue;
            };
            for reference in used.template.references() {
                let source = match &reference.target {
                    ReferenceTarget::Trigger => Some(Source::Trigger),
                    ReferenceTarget::Action(name) => self.plan.find(name).map(Source::Outputs),
                    ReferenceTarget::Result(name) => self.plan.find(name).map(Source::Children),
                    ReferenceTarget::Loop(name) => self.plan.find(name).map(Source::Elements),
                    ReferenceTarget::Item => self.plan.actions[reader].loops.last().copied().map(Source::Elements),
                    ReferenceTarget::Computed | ReferenceTarget::Variable(_) | ReferenceTarget::Parameter(_) => None,
                };
                reads.extend(source.map(|source| (reader, source)));
            }
        }
        reads
    }

    fn is_secured(&self, source: Source) -> bool {
        match source {
            Source::Trigger => self.plan.triggers.iter().any(|trigger| trigger.secure_outputs),
            Source::Outputs(action) => self.plan.actions[action].options.secure_outputs,
            Source::Elements(action) => self.plan.actions[action].options.secure_inputs,
            Source::Children(container) => {
                let mut open = self.plan.actions[container].kind.groups();
                while let Some(group) = open.pop() {
                    for child in &self.plan.groups[group].actions {
                        if self.plan.actions[*child].options.secure_outputs {
                            return true;
                        }
                        open.extend(self.plan.actions[*child].kind.groups());
                    }
                }
                false
            }
        }
    }
}
