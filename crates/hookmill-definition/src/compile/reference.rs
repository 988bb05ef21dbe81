//! What expressions refer to must exist, and must be finished by then.

use std::collections::BTreeSet;

use hookmill_expression::{Reference, ReferenceTarget};
use hookmill_model::{Pointer, Str};

use super::{Compiler, Place, Use};
use crate::plan::{ActionIndex, ActionKind, TriggerKind, VariableChange};

/// A set of actions, one bit each: a chain of a thousand actions has half a million predecessors.
#[derive(Clone, Default)]
struct ActionSet(Vec<u64>);

impl ActionSet {
    fn new(actions: usize) -> Self {
        Self(vec![0; actions.div_ceil(64)])
    }

    fn insert(&mut self, action: ActionIndex) {
        if let Some(word) = self.0.get_mut(action / 64) {
            *word |= 1 << (action % 64);
        }
    }

    fn union(&mut self, other: Option<&Self>) {
        for (word, more) in self.0.iter_mut().zip(other.into_iter().flat_map(|other| &other.0)) {
            *word |= more;
        }
    }

    fn contains(&self, action: ActionIndex) -> bool {
        self.0.get(action / 64).is_some_and(|word| word & (1 << (action % 64)) != 0)
    }
}

impl Compiler<'_> {
    pub(super) fn check_references(&mut self) {
        let before = self.all_before();
        for (index, action) in self.plan.actions.iter().enumerate() {
            if let ActionKind::InitializeVariable(variables) = &action.kind {
                for variable in variables {
                    self.initialized_by.entry(variable.name.to_lowercase().into()).or_insert(index);
                }
            }
        }
        let uses = std::mem::take(&mut self.uses);
        for used in &uses {
            if self.is_over() {
                break;
            }
            for reference in used.template.references() {
                self.check_reference(used, &reference, &before);
            }
            for function in used.template.functions() {
                self.check_function(used, function);
            }
        }
        for index in 0..self.plan.actions.len() {
            self.check_variable_action(index, &before);
        }
        self.uses = uses;
    }

    /// For each action, the siblings that are finished when it starts.
    fn all_before(&self) -> Vec<ActionSet> {
        let count = self.plan.actions.len();
        let mut before: Vec<Option<ActionSet>> = vec![None; count];
        for start in 0..count {
            // Depth first without recursion; in a circle, which is a finding of its own, the set stays incomplete.
            let mut stack = vec![(start, false)];
            let mut open = BTreeSet::new();
            while let Some((index, is_ready)) = stack.pop() {
                if before[index].is_some() {
                    continue;
                }
                if !is_ready && open.insert(index) {
                    stack.push((index, true));
                    stack.extend(self.plan.actions[index].run_after.iter().map(|(other, _)| (*other, false)));
                    continue;
                }
                let mut own = ActionSet::new(count);
                for (other, _) in &self.plan.actions[index].run_after {
                    own.insert(*other);
                    own.union(before[*other].as_ref());
                }
                before[index] = Some(own);
            }
        }
        before.into_iter().map(|own| own.unwrap_or_else(|| ActionSet::new(count))).collect()
    }

    /// The action and the containers around it, innermost first.
    fn chain(&self, index: ActionIndex) -> Vec<ActionIndex> {
        let mut chain = vec![index];
        while let Some(parent) = chain.last().and_then(|last| self.plan.actions[*last].parent) {
            chain.push(parent);
        }
        chain
    }

    /// Whether `target` is finished when a template at `place` is evaluated.
    fn is_finished(&self, target: ActionIndex, place: Place, before: &[ActionSet]) -> bool {
        let (reader, after_body) = match place {
            Place::Trigger => return false,
            Place::Outputs => return true,
            Place::Action(reader) | Place::Element(reader) => (reader, false),
            Place::LoopEnd(reader) => (reader, true),
        };
        let targets = self.chain(target);
        if after_body && targets.contains(&reader) {
            return true;
        }
        self.chain(reader).iter().any(|level| targets.iter().any(|target| before[*level].contains(*target)))
    }

    /// Notes that an expression reads the outputs of an action, or of everything inside of it.
    fn mark_outputs_read(&mut self, target: ActionIndex, of_children: bool) {
        let mut open = vec![target];
        while let Some(action) = open.pop() {
            let own = &mut self.plan.actions[action];
            if !std::mem::replace(&mut own.outputs_are_read, true) || action == target {
                for group in own.kind.groups().into_iter().filter(|_| of_children) {
                    open.extend(&self.plan.groups[group].actions);
                }
            }
        }
    }

    /// Marks the loops whose children are read from outside of them.
    fn mark_read(&mut self, target: ActionIndex, reader: Option<ActionIndex>, of_children: bool) {
        let around: Vec<ActionIndex> = reader.map(|reader| self.chain(reader)).unwrap_or_default();
        let mut loops = self.plan.actions[target].loops.clone();
        if of_children && self.plan.actions[target].kind.is_loop() {
            loops.push(target);
        }
        for index in loops {
            if !around.contains(&index) {
                self.plan.actions[index].is_read_from_outside = true;
            }
        }
    }

    fn check_reference(&mut self, used: &Use, reference: &Reference, before: &[ActionSet]) {
        let pointer = used.pointer.clone();
        let reader = match used.place {
            Place::Action(reader) | Place::Element(reader) | Place::LoopEnd(reader) => Some(reader),
            Place::Trigger | Place::Outputs => None,
        };
        let function = reference.function;
        match &reference.target {
            ReferenceTarget::Computed => {
                let message = format!("The name in {function}(…) must be a text in quotes.");
                self.error("reference_not_constant", pointer, message);
            }
            ReferenceTarget::Action(name) | ReferenceTarget::Result(name) => {
                let Some(target) = self.plan.find(name) else {
                    return self.unknown_action(pointer, name, function);
                };
                let is_result = matches!(reference.target, ReferenceTarget::Result(_));
                if is_result && self.plan.actions[target].kind.groups().is_empty() {
                    let message = format!("result('{name}') needs a scope, a condition, a switch or a loop.");
                    return self.error("reference_kind", pointer, message);
                }
                self.mark_read(target, reader, is_result);
                self.mark_outputs_read(target, is_result);
                if !self.is_finished(target, used.place, before) {
                    let own = reader == Some(target);
                    let (message, hint) = if used.place == Place::Trigger {
                        (
                            format!("A trigger cannot refer to the action '{name}': no action has run by then."),
                            String::new(),
                        )
                    } else if own {
                        (format!("The action '{name}' refers to itself."), "Use action() where it may.".to_owned())
                    } else {
                        (
                            format!("The action '{name}' may not be finished when {function}('{name}') is read."),
                            "Run after that action, or after the container around it.".to_owned(),
                        )
                    };
                    self.error_with("reference_not_before", pointer, message, hint);
                }
            }
            ReferenceTarget::Loop(name) => {
                let Some(target) = self.plan.find(name) else {
                    return self.unknown_action(pointer, name, function);
                };
                let kind = &self.plan.actions[target].kind;
                let fits = match kind {
                    ActionKind::Foreach { .. } => true,
                    ActionKind::Until { .. } => function != "items",
                    _ => false,
                };
                let around = reader.is_some_and(|reader| {
                    self.plan.actions[reader].loops.contains(&target) || (used.place == Place::LoopEnd(target))
                });
                if !fits || !around {
                    let message = format!("{function}('{name}') is only for actions inside of that loop.");
                    self.error("reference_loop", pointer, message);
                }
            }
            ReferenceTarget::Item => {
                let inside = match used.place {
                    Place::Element(_) => true,
                    Place::Action(reader) | Place::LoopEnd(reader) => {
                        let foreach =
                            |index: &ActionIndex| matches!(self.plan.actions[*index].kind, ActionKind::Foreach { .. });
                        self.plan.actions[reader].loops.iter().any(foreach)
                    }
                    Place::Trigger | Place::Outputs => false,
                };
                if !inside {
                    self.error(
                        "reference_loop",
                        pointer,
                        "item() is only for loops, and for the data operations of an array.",
                    );
                }
            }
            ReferenceTarget::Variable(name) => self.check_variable(name, used.place, pointer, before),
            ReferenceTarget::Parameter(name) => {
                let lower: Str = name.to_lowercase().into();
                let supplied = ["$connections", "$authentication"].contains(&&*lower);
                if !supplied && !self.plan.parameters.contains_key(&lower) {
                    let known = self.plan.parameters.values().map(|parameter| &*parameter.name);
                    let hint = self.closest(name, known).map(|name| format!("Did you mean '{name}'?"));
                    let message = format!("There is no parameter '{name}'.");
                    let hint = hint.unwrap_or_else(|| "Declare it under 'parameters'.".to_owned());
                    self.error_with("parameter_unknown", pointer, message, hint);
                }
            }
            ReferenceTarget::Trigger => {}
        }
    }

    fn unknown_action(&mut self, pointer: Pointer, name: &str, function: &str) {
        let message = format!("There is no action '{name}', which {function}('{name}') refers to.");
        let hint = self.suggestion(name).unwrap_or_else(|| "Name an action of this definition.".to_owned());
        self.error_with("reference_unknown", pointer, message, hint);
    }

    fn check_function(&mut self, used: &Use, function: &str) {
        if function == "listCallbackUrl" {
            let fits = match used.place {
                Place::Trigger => true,
                Place::Action(reader) | Place::LoopEnd(reader) => matches!(
                    self.plan.actions[reader].kind,
                    ActionKind::HttpWebhook { .. } | ActionKind::ConnectorWebhook(_)
                ),
                Place::Element(_) | Place::Outputs => false,
            };
            if !fits {
                let message = "listCallbackUrl() is only for webhook triggers and actions.";
                self.error("reference_callback", used.pointer.clone(), message);
            }
        }
    }

    fn check_variable(&mut self, name: &str, place: Place, pointer: Pointer, before: &[ActionSet]) {
        let lower: Str = name.to_lowercase().into();
        if !self.plan.variables.contains_key(&lower) {
            let hint = self.closest(name, self.plan.variables.keys().map(|known| &**known));
            let hint = hint.map_or_else(
                || "Add an action 'Initialize variable'.".to_owned(),
                |name| format!("Did you mean '{name}'?"),
            );
            return self.error_with("variable_unknown", pointer, format!("There is no variable '{name}'."), hint);
        }
        let initialization = self.initialized_by.get(&lower).copied();
        if let Some(initialization) = initialization
            && !self.is_finished(initialization, place, before)
        {
            let message = format!("The variable '{name}' may not be initialized yet here.");
            let hint = format!("Run after '{}'.", self.plan.actions[initialization].name);
            self.error_with("variable_not_initialized", pointer, message, hint);
        }
    }

    /// The variable that an action changes must exist, fit, and not be read in its own new value.
    fn check_variable_action(&mut self, index: ActionIndex, before: &[ActionSet]) {
        let action = &self.plan.actions[index];
        let ActionKind::ChangeVariable { change, name, value } = &action.kind else { return };
        let (change, name) = (*change, name.clone());
        if name.is_empty() {
            return;
        }
        let at = self.pointers[index].child("inputs");
        let reads_itself = change == VariableChange::Set
            && value.iter().flat_map(hookmill_expression::Compiled::templates).any(|(_, template)| {
                template.references().iter().any(|reference| match &reference.target {
                    ReferenceTarget::Variable(other) => other.eq_ignore_ascii_case(&name),
                    _ => false,
                })
            });
        if reads_itself {
            self.error_with(
                "variable_reads_itself",
                at.child("value"),
                format!("The new value of the variable '{name}' refers to the variable itself."),
                "Compose the value in an action before, and set the variable to its outputs.",
            );
        }
        self.check_variable(&name, Place::Action(index), at.child("name"), before);
        let kind = self.plan.variables.get(name.to_lowercase().as_str()).copied();
        if let Some(kind) = kind.filter(|kind| !change.fits(*kind)) {
            let message =
                format!("The variable '{name}' is of the type {}, which this action cannot change.", kind.as_str());
            self.error("variable_operation", at.child("name"), message);
        }
    }

    /// Response actions need a caller, and at most one may be reached.
    pub(super) fn check_responses(&mut self) {
        let is_request = self
            .plan
            .triggers
            .iter()
            .any(|trigger| matches!(trigger.kind, TriggerKind::Request { .. } | TriggerKind::Unsupported { .. }));
        let splits = self.plan.triggers.iter().any(|trigger| trigger.split_on.is_some());
        let mut findings = Vec::new();
        for (index, action) in self.plan.actions.iter().enumerate() {
            if !matches!(action.kind, ActionKind::Response(_)) {
                continue;
            }
            let at = self.pointers[index].clone();
            if !is_request {
                findings.push((
                    "response_without_caller",
                    at,
                    "Response needs a trigger that is called: 'Request'.".to_owned(),
                ));
            } else if splits {
                findings.push(("response_with_split", at, "Response cannot be used with 'splitOn'.".to_owned()));
            } else if !action.loops.is_empty() {
                findings.push(("response_in_loop", at, "Response cannot stand inside a loop.".to_owned()));
            }
        }
        for (code, at, message) in findings {
            self.error(code, at, message);
        }
        self.check_parallel_responses();
    }

    /// Two Response actions of which neither excludes the other: which one answers is left to chance.
    fn check_parallel_responses(&mut self) {
        let is_response = |index: &ActionIndex| matches!(self.plan.actions[*index].kind, ActionKind::Response(_));
        let responses: Vec<ActionIndex> = (0..self.plan.actions.len()).filter(is_response).collect();
        if responses.len() < 2 {
            return;
        }
        let before = self.all_before();
        let mut findings = Vec::new();
        for (place, second) in responses.iter().enumerate() {
            let chain = self.chain(*second);
            for first in &responses[..place] {
                let own = self.chain(*first);
                // The outermost pair of different actions in one group, on the way to each of the two.
                let pair = own.iter().find_map(|a| {
                    let group = self.plan.actions[*a].group;
                    let b = chain.iter().find(|b| self.plan.actions[**b].group == group)?;
                    Some((*a, *b))
                });
                let Some((a, b)) = pair.filter(|(a, b)| a != b) else { continue };
                let shares = |a: ActionIndex, b: ActionIndex| before[a].contains(b) || before[b].contains(a);
                let starts_both =
                    self.plan.actions[a].run_after.is_empty() && self.plan.actions[b].run_after.is_empty();
                if starts_both && !shares(a, b) {
                    findings.push((*second, self.plan.actions[*first].name.clone()));
                }
            }
        }
        for (second, first) in findings {
            let message = format!(
                "'{}' and '{first}' are Response actions in parallel branches: only one of them answers, the other fails.",
                self.plan.actions[second].name
            );
            self.warning("response_parallel", self.pointers[second].clone(), message);
        }
    }
}
