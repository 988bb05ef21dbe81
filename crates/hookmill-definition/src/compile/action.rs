//! Actions of a definition, and the groups they stand in.

use std::collections::BTreeMap;

use hookmill_expression::Compiled;
use hookmill_model::{ActionStatus, Object, Pointer, Str, Value};

use super::constant::{Count, Fixed};
use super::trigger::{secured, without};
use super::{Compiler, Place, article, shown};
use crate::duration;
use crate::language::{self, KEPT_ACTIONS};
use crate::names::plain;
use crate::plan::{
    Action, ActionIndex, ActionKind, ActionOptions, Group, GroupIndex, ParseSchema, VariableChange, VariableInput,
    VariableKind,
};

impl Compiler<'_> {
    /// Compiles an `actions` object into the group.
    pub(super) fn group(
        &mut self,
        group: GroupIndex,
        source: &Value,
        pointer: &Pointer,
        owner: Option<ActionIndex>,
        loops: &[ActionIndex],
        depth: usize,
    ) {
        self.plan.groups[group].owner = owner;
        let actions = match source {
            Value::Null => return,
            Value::Object(actions) => actions.clone(),
            other => {
                let message = format!("'actions' is an object of actions by name, not {}.", article(other));
                return self.error("definition_malformed", pointer.clone(), message);
            }
        };
        if depth > self.limits.nesting_max {
            let message = format!("Containers nest deeper than {} levels.", self.limits.nesting_max);
            return self.error("limit_nesting", pointer.clone(), message);
        }
        let mut own = Vec::new();
        for (name, action) in actions.iter() {
            let at = pointer.child(name);
            self.name(name, &at);
            if action.as_object().is_none() {
                let message = format!("An action is an object, not {}.", article(action));
                self.error("definition_malformed", at, message);
                continue;
            }
            let index = self.plan.actions.len();
            let lower: Str = name.to_lowercase().into();
            if let Some(known) = self.plan.names.get(&lower) {
                let message = format!("The name '{name}' is used twice; it is also at {}.", self.pointers[*known]);
                self.error("duplicate_action_name", at.clone(), message);
            } else {
                self.plan.names.insert(lower, index);
            }
            self.pointers.push(at.clone());
            let type_name = self.type_of(action, &at);
            self.plan.actions.push(Action {
                name: name.clone(),
                type_name: type_name.clone(),
                pointer: at.clone(),
                kind: ActionKind::Unsupported,
                group,
                run_after: Vec::new(),
                successors: Vec::new(),
                loops: loops.to_vec(),
                parent: owner,
                timeout: None,
                options: ActionOptions::default(),
                tracked_properties: None,
                is_read_from_outside: false,
                outputs_are_read: false,
                conditions: Vec::new(),
            });
            own.push((index, name.clone(), action.clone(), at.clone()));
            self.plan.groups[group].actions.push(index);
            if let Some(row) = language::action_type(&type_name) {
                self.check_step(row, language::ACTION_MEMBERS, action, &at);
            }
            self.common(index, action, &at);
            let kind = self.action_kind(index, &type_name, action, &at, loops, depth);
            self.plan.actions[index].kind = kind;
        }
        self.run_after(group, &own);
    }

    fn common(&mut self, index: ActionIndex, source: &Value, at: &Pointer) {
        let place = Place::Action(index);
        self.description(source, at);
        let limit = source.get("limit");
        let is_until =
            source.get("type").and_then(Value::as_str).is_some_and(|kind| kind.eq_ignore_ascii_case("Until"));
        if let Some(timeout) = limit.and_then(|limit| limit.get("timeout")) {
            let below = at.child("limit").child("timeout");
            if let Some(text) = timeout.as_str().filter(|text| !text.contains('@'))
                && duration::parse(text).is_none()
            {
                self.error("duration_invalid", below.clone(), format!("'{text}' is not a duration like PT1H."));
            }
            if !is_until {
                let compiled = self.template(timeout, &below, place);
                self.plan.actions[index].timeout = Some(compiled);
            }
        }
        let options = self.operation_options(source, at);
        let has = |wanted: &str| options.iter().any(|option| option == wanted);
        let static_result = source.pointer("/runtimeConfiguration/staticResult").and_then(|result| {
            let enabled = result.get("staticResultOptions").and_then(Value::as_str).unwrap_or_default();
            let name = result.get("name").and_then(Value::as_str)?;
            enabled.eq_ignore_ascii_case("Enabled").then(|| Str::from(name))
        });
        if let Some(name) = &static_result
            && !self.plan.static_results.contains_key(name)
        {
            let below = at.child("runtimeConfiguration").child("staticResult").child("name");
            self.error(
                "static_result_unknown",
                below,
                format!("There is no static result '{name}' in 'staticResults'."),
            );
        }
        let configuration = at.child("runtimeConfiguration");
        let page_items_min =
            source.pointer("/runtimeConfiguration/paginationPolicy/minimumItemCount").and_then(|count| {
                let below = configuration.child("paginationPolicy").child("minimumItemCount");
                let words = ("pagination_invalid", "'minimumItemCount' is a whole number from 1 on.");
                let count = self.count(count, &below, place, words, 1..=i64::MAX)?;
                Some(match count {
                    Count::Number(number) => Compiled::literal(Value::Integer(number)),
                    Count::InRun(compiled) => compiled,
                })
            });
        let transfer = source.pointer("/runtimeConfiguration/contentTransfer");
        let is_chunked = transfer.and_then(|transfer| transfer.get("transferMode")).and_then(Value::as_str);
        if let Some(mode) = is_chunked.filter(|mode| !mode.eq_ignore_ascii_case("Chunked")) {
            let below = configuration.child("contentTransfer").child("transferMode");
            self.error("transfer_mode_unknown", below, format!("'{mode}' is not a mode: Chunked."));
        }
        let is_chunked = is_chunked.is_some_and(|mode| mode.eq_ignore_ascii_case("Chunked"));
        let mut bytes = |name: &str| {
            let megabytes = transfer.filter(|_| is_chunked)?.get(name)?;
            let below = configuration.child("contentTransfer").child(name);
            let words = format!("'{name}' is a whole number from 1 to 1,024.");
            match self.count(megabytes, &below, place, ("chunk_size_invalid", &words), 1..=1_024)? {
                Count::Number(number) => u64::try_from(number).ok()?.checked_mul(1_024 * 1_024),
                Count::InRun(_) => {
                    let message = format!("{words} It is fixed when the flow is saved: only parameters can be used.");
                    self.error("chunk_size_invalid", below, message);
                    None
                }
            }
        };
        let chunks = (bytes("uploadChunkSizeInMB"), bytes("downloadChunkSizeInMB"));
        let chunks = is_chunked.then_some(chunks);
        self.plan.actions[index].options = ActionOptions {
            no_async_pattern: has("disableasyncpattern"),
            fail_at_limits: has("failwhenlimitsreached"),
            asynchronous_response: has("asynchronous"),
            no_workflow_headers: has("suppressworkflowheaders"),
            secure_inputs: secured(source, "inputs"),
            secure_outputs: secured(source, "outputs"),
            static_result,
            page_items_min,
            chunks,
        };
        if let Some(tracked) = source.get("trackedProperties").filter(|tracked| !tracked.is_null()) {
            let compiled = self.template(tracked, &at.child("trackedProperties"), Place::LoopEnd(index));
            self.plan.actions[index].tracked_properties = Some(compiled);
        }
    }

    fn run_after(&mut self, group: GroupIndex, own: &[(ActionIndex, Str, Value, Pointer)]) {
        // Of actions with the same name the first one is meant.
        let mut siblings = BTreeMap::new();
        for (index, name, ..) in own {
            siblings.entry(plain(name)).or_insert(*index);
        }
        for (index, name, source, at) in own {
            let below = at.child("runAfter");
            let after = match source.get("runAfter") {
                None | Some(Value::Null) if self.is_preview => {
                    self.run_after_references(*index, source, at, own);
                    continue;
                }
                None | Some(Value::Null) => continue,
                Some(Value::Object(after)) => after,
                Some(other) => {
                    let message = format!("'runAfter' is an object of statuses by action, not {}.", article(other));
                    self.error("run_after_invalid", below, message);
                    continue;
                }
            };
            for (other, statuses) in after.iter() {
                let place = below.child(other);
                let Some(sibling) = siblings.get(&plain(other)).copied() else {
                    let elsewhere = self.plan.find(other).is_some();
                    let (message, hint) = if elsewhere {
                        (
                            format!("The action '{other}' is not in the same group as '{name}'."),
                            "An action can only run after actions beside it; run after the container instead."
                                .to_owned(),
                        )
                    } else {
                        let siblings = own.iter().map(|(_, name, _, _)| &**name);
                        let hint = self.closest(other, siblings);
                        (
                            format!("There is no action '{other}' to run after."),
                            hint.map_or_else(
                                || "Name an action of the same group.".to_owned(),
                                |hint| format!("Did you mean '{hint}'?"),
                            ),
                        )
                    };
                    self.error_with("run_after_unknown", place, message, hint);
                    continue;
                };
                if sibling == *index {
                    self.error("run_after_cycle", place, format!("The action '{name}' runs after itself."));
                    continue;
                }
                let statuses = self.statuses(statuses, &place);
                self.plan.actions[*index].run_after.push((sibling, statuses));
                self.plan.actions[sibling].successors.push(*index);
            }
        }
        let members: Vec<ActionIndex> = self.plan.groups[group].actions.clone();
        let first = members.iter().copied().filter(|index| self.plan.actions[*index].run_after.is_empty()).collect();
        let leaves = members.iter().copied().filter(|index| self.plan.actions[*index].successors.is_empty()).collect();
        self.plan.groups[group].first = first;
        self.plan.groups[group].leaves = leaves;
        self.check_cycle(&members);
    }

    fn statuses(&mut self, source: &Value, at: &Pointer) -> Vec<ActionStatus> {
        let mut found = Vec::new();
        let listed: &[Value] = match source {
            Value::Array(listed) => listed,
            Value::Null => &[],
            other => std::slice::from_ref(other),
        };
        for (index, status) in listed.iter().enumerate() {
            let known = match status.as_str().unwrap_or_default().to_ascii_lowercase().as_str() {
                "succeeded" => ActionStatus::Succeeded,
                "failed" => ActionStatus::Failed,
                "skipped" => ActionStatus::Skipped,
                "timedout" => ActionStatus::TimedOut,
                _ => {
                    let message = format!("'{}' is not one of Succeeded, Failed, Skipped, TimedOut.", shown(status));
                    self.error("run_after_status", at.child(index), message);
                    continue;
                }
            };
            found.push(known);
        }
        if found.is_empty() {
            found.push(ActionStatus::Succeeded);
        }
        found
    }

    /// Removes actions without open predecessors until none is left; what remains runs in a circle.
    fn check_cycle(&mut self, members: &[ActionIndex]) {
        let mut open: BTreeMap<ActionIndex, usize> =
            members.iter().map(|index| (*index, self.plan.actions[*index].run_after.len())).collect();
        let mut ready: Vec<ActionIndex> =
            open.iter().filter(|(_, count)| **count == 0).map(|(index, _)| *index).collect();
        while let Some(index) = ready.pop() {
            open.remove(&index);
            for successor in &self.plan.actions[index].successors {
                if let Some(count) = open.get_mut(successor) {
                    *count -= 1;
                    if *count == 0 {
                        ready.push(*successor);
                    }
                }
            }
        }
        // An action behind a circle is not part of it.
        let circle: Vec<ActionIndex> = open
            .keys()
            .copied()
            .filter(|index| self.plan.actions[*index].successors.iter().any(|successor| open.contains_key(successor)))
            .collect();
        if let Some(first) = circle.first() {
            let names: Vec<String> =
                circle.iter().map(|index| format!("'{}'", self.plan.actions[*index].name)).collect();
            let message = format!("The actions {} run after each other in a circle.", names.join(", "));
            self.error("run_after_cycle", self.pointers[*first].child("runAfter"), message);
        }
    }

    pub(super) fn nested(
        &mut self,
        source: Option<&Value>,
        at: &Pointer,
        owner: ActionIndex,
        loops: &[ActionIndex],
        depth: usize,
    ) -> GroupIndex {
        let group = self.plan.groups.len();
        self.plan.groups.push(Group::default());
        let actions = source.cloned().unwrap_or_default();
        self.group(group, &actions, at, Some(owner), loops, depth + 1);
        group
    }

    #[allow(clippy::too_many_lines)] // One arm per type; each is short.
    fn action_kind(
        &mut self,
        index: ActionIndex,
        type_name: &str,
        source: &Value,
        at: &Pointer,
        loops: &[ActionIndex],
        depth: usize,
    ) -> ActionKind {
        let place = Place::Action(index);
        let none = Value::Object(std::sync::Arc::new(Object::new()));
        let inputs = source.get("inputs").unwrap_or(&none);
        let below = at.child("inputs");
        match type_name.to_ascii_lowercase().as_str() {
            "compose" => {
                if source.get("inputs").is_none() {
                    self.missing(at, "inputs");
                }
                ActionKind::Compose(self.template(inputs, &below, place))
            }
            "http" => ActionKind::Http(self.call_inputs(inputs, &below, place)),
            "apiconnection" | "openapiconnection" => {
                ActionKind::Connector(self.connector_inputs(type_name, inputs, &below, place))
            }
            "apiconnectionwebhook" | "openapiconnectionwebhook" => {
                ActionKind::ConnectorWebhook(self.connector_inputs(type_name, inputs, &below, place))
            }
            "httpwebhook" => {
                let subscribe = self.required(inputs, "subscribe", &below, place);
                let unsubscribe = self.member(inputs, "unsubscribe", &below, Place::LoopEnd(index));
                let retry = inputs.get("subscribe").and_then(|subscribe| subscribe.get("retryPolicy"));
                self.check_retry(retry, &below.child("subscribe").child("retryPolicy"));
                let retry =
                    retry.map(|retry| self.template(retry, &below.child("subscribe").child("retryPolicy"), place));
                ActionKind::HttpWebhook { subscribe, unsubscribe, retry }
            }
            "response" => ActionKind::Response(self.template(&without(inputs, &["schema"]), &below, place)),
            "wait" => {
                if inputs.get("interval").is_none() && inputs.get("until").is_none() {
                    self.missing(&below, "interval");
                }
                ActionKind::Wait(self.template(inputs, &below, place))
            }
            "workflow" => {
                let host = inputs.get("host").cloned().unwrap_or_default();
                let flow =
                    host.get("workflowReferenceName").or_else(|| host.pointer("/workflow/id")).and_then(Value::as_str);
                if flow.is_none() {
                    self.missing(&below.child("host"), "workflowReferenceName");
                }
                let flow = flow.unwrap_or_default().into();
                let retry = self.member(inputs, "retryPolicy", &below, place);
                let inputs = self.template(&without(inputs, &["host", "retryPolicy"]), &below, place);
                ActionKind::ChildFlow { flow, inputs, retry }
            }
            "parsejson" => {
                let content = self.required(inputs, "content", &below, place);
                let schema = inputs.get("schema").and_then(|schema| {
                    let at = below.child("schema");
                    match self.fixed(schema, &at, place) {
                        Fixed::Value(value) => {
                            let is_given = value.as_object().is_some_and(|schema| !schema.is_empty());
                            is_given.then(|| self.schema(&value, &at, true)).flatten().map(ParseSchema::Known)
                        }
                        Fixed::InRun(compiled) => Some(ParseSchema::InRun(compiled)),
                        Fixed::Faulty => None,
                    }
                });
                ActionKind::ParseJson { content, schema }
            }
            "query" => {
                let from = self.required(inputs, "from", &below, place);
                let condition = match inputs.get("where") {
                    Some(condition) => self.condition(condition, &below.child("where"), Place::Element(index)),
                    None => {
                        self.missing(&below, "where");
                        hookmill_expression::Condition::never()
                    }
                };
                ActionKind::Query { from, condition }
            }
            "select" => {
                let from = self.required(inputs, "from", &below, place);
                let select = self.required(inputs, "select", &below, Place::Element(index));
                ActionKind::Select { from, select }
            }
            "join" => {
                let from = self.required(inputs, "from", &below, place);
                let with = self.required(inputs, "joinWith", &below, place);
                ActionKind::Join { from, with }
            }
            "table" => self.table(index, inputs, &below),
            "initializevariable" => self.initialization(index, inputs, &below, depth),
            "setvariable" => self.change(index, VariableChange::Set, inputs, &below),
            "incrementvariable" => self.change(index, VariableChange::Increment, inputs, &below),
            "decrementvariable" => self.change(index, VariableChange::Decrement, inputs, &below),
            "appendtoarrayvariable" => self.change(index, VariableChange::AppendToArray, inputs, &below),
            "appendtostringvariable" => self.change(index, VariableChange::AppendToString, inputs, &below),
            "expression" => {
                let kind = source.get("kind").and_then(Value::as_str).unwrap_or_default();
                self.check_expression_kind(kind, inputs, at);
                ActionKind::Expression { kind: kind.into(), inputs: self.template(inputs, &below, place) }
            }
            "javascriptcode" => {
                let code = inputs.get("code").and_then(Value::as_str);
                if code.is_none() {
                    self.missing(&below, "code");
                }
                let dependencies = inputs.pointer("/explicitDependencies/actions").and_then(Value::as_array);
                let dependencies =
                    dependencies.unwrap_or_default().iter().filter_map(|name| name.as_str().map(Str::from));
                ActionKind::JavaScript { code: code.unwrap_or_default().into(), dependencies: dependencies.collect() }
            }
            "scope" => {
                let body = self.nested(source.get("actions"), &at.child("actions"), index, loops, depth);
                ActionKind::Scope { body }
            }
            "if" => {
                let condition = match source.get("expression") {
                    Some(condition) => self.condition(condition, &at.child("expression"), place),
                    None => {
                        self.missing(at, "expression");
                        hookmill_expression::Condition::never()
                    }
                };
                let then = self.nested(source.get("actions"), &at.child("actions"), index, loops, depth);
                let otherwise = source.pointer("/else/actions");
                let otherwise = self.nested(otherwise, &at.child("else").child("actions"), index, loops, depth);
                ActionKind::If { condition, then, otherwise }
            }
            "switch" => self.switch(index, source, at, loops, depth),
            "foreach" => self.foreach(index, source, at, loops, depth),
            "until" => self.until(index, source, at, loops, depth),
            "terminate" => {
                if !loops.is_empty() {
                    self.error("terminate_in_loop", at.clone(), "Terminate cannot stand inside a loop.");
                }
                if let Some(status) =
                    inputs.get("runStatus").and_then(Value::as_str).filter(|status| !status.contains('@'))
                    && !["failed", "cancelled", "succeeded"].contains(&status.to_ascii_lowercase().as_str())
                {
                    let message = format!("'{status}' is not one of Failed, Cancelled, Succeeded.");
                    self.error("terminate_status", below.child("runStatus"), message);
                }
                ActionKind::Terminate(self.template(inputs, &below, place))
            }
            "" => ActionKind::Unsupported,
            other => {
                let known = KEPT_ACTIONS.iter().any(|kept| kept.eq_ignore_ascii_case(other));
                let message = if known {
                    format!(
                        "Hookmill does not run actions of the type '{type_name}'; the action fails when it is reached."
                    )
                } else {
                    format!("'{type_name}' is not a type of actions; the action fails when it is reached.")
                };
                self.warning("action_type_unsupported", at.child("type"), message);
                ActionKind::Unsupported
            }
        }
    }

    /// An action that is a function of the language: its kind is known and has what it needs.
    fn check_expression_kind(&mut self, kind: &str, inputs: &Value, at: &Pointer) {
        let kinds = language::action_type("Expression").map_or(&[][..], |row| row.kinds);
        match kinds.iter().find(|own| own.name.eq_ignore_ascii_case(kind)) {
            None if kind.is_empty() => self.missing(at, "kind"),
            None => {
                let names: Vec<&str> = kinds.iter().map(|kind| kind.name).collect();
                let message = format!("'{kind}' is not one of {}.", names.join(", "));
                self.error("expression_kind_unknown", at.child("kind"), message);
            }
            Some(row) => {
                for (field, aliases) in row.arguments.iter().filter(|(field, _)| field.required) {
                    let name = field.path.rsplit('/').next().unwrap_or_default();
                    if ![name].iter().chain(*aliases).any(|name| inputs.get(name).is_some()) {
                        self.missing(&at.child("inputs"), name);
                    }
                }
            }
        }
    }

    fn table(&mut self, index: ActionIndex, inputs: &Value, below: &Pointer) -> ActionKind {
        let from = self.required(inputs, "from", below, Place::Action(index));
        let at = below.child("format");
        let format = match inputs.get("format") {
            None => Fixed::Value(Value::Null),
            Some(format) => self.fixed(format, &at, Place::Action(index)),
        };
        let format = match format {
            Fixed::Value(value) => {
                let is_known = value
                    .as_str()
                    .is_some_and(|text| text.eq_ignore_ascii_case("CSV") || text.eq_ignore_ascii_case("HTML"));
                if !is_known {
                    self.error("table_format", at, "'format' is CSV or HTML.");
                }
                Compiled::literal(value)
            }
            Fixed::InRun(compiled) => compiled,
            Fixed::Faulty => Compiled::literal(Value::Null),
        };
        let columns = inputs.get("columns").and_then(Value::as_array).map(|columns| {
            let each = |(number, column): (usize, &Value)| {
                let at = below.child("columns").child(number);
                let header = self.member(column, "header", &at, Place::Action(index));
                let header = header.unwrap_or_else(|| Compiled::literal("".into()));
                (header, self.required(column, "value", &at, Place::Element(index)))
            };
            columns.iter().enumerate().map(each).collect()
        });
        ActionKind::Table { from, format, columns }
    }

    fn initialization(&mut self, index: ActionIndex, inputs: &Value, below: &Pointer, depth: usize) -> ActionKind {
        if depth > 0 {
            self.error_with(
                "variable_not_at_top",
                self.pointers[index].clone(),
                "Variables are initialized outside of scopes, branches and loops.",
                "Move the action to the top level and set the variable where it stands.",
            );
        }
        let entries = inputs.get("variables").and_then(Value::as_array).unwrap_or_default();
        if entries.is_empty() {
            self.missing(below, "variables");
        }
        let mut variables = Vec::new();
        for (number, entry) in entries.iter().enumerate() {
            let at = below.child("variables").child(number);
            let Some(name) = entry.get("name").and_then(Value::as_str).filter(|name| !name.is_empty()) else {
                self.missing(&at, "name");
                continue;
            };
            let Some(kind) = entry.get("type").and_then(Value::as_str).and_then(VariableKind::parse) else {
                let message = "'type' is one of integer, float, boolean, string, array, object.";
                self.error("variable_type", at.child("type"), message);
                continue;
            };
            if self.plan.variables.insert(name.to_lowercase().into(), kind).is_some() {
                self.error("variable_twice", at.child("name"), format!("The variable '{name}' is initialized twice."));
            }
            let value = self.member(entry, "value", &at, Place::Action(index));
            if let Some(value) = value.as_ref().filter(|value| value.is_literal())
                && !kind.accepts(value.source())
            {
                let message = format!(
                    "The variable '{name}' is of the type {}, its value is {}.",
                    kind.as_str(),
                    article(value.source())
                );
                self.warning("variable_value", at.child("value"), message);
            }
            variables.push(VariableInput { name: name.into(), kind, value });
        }
        ActionKind::InitializeVariable(variables)
    }

    fn change(&mut self, index: ActionIndex, change: VariableChange, inputs: &Value, below: &Pointer) -> ActionKind {
        let name = inputs.get("name").and_then(Value::as_str).unwrap_or_default();
        if name.is_empty() {
            self.missing(below, "name");
        }
        let value = self.member(inputs, "value", below, Place::Action(index));
        let may_lack = matches!(change, VariableChange::Increment | VariableChange::Decrement);
        if value.is_none() && !may_lack {
            self.missing(below, "value");
        }
        ActionKind::ChangeVariable { change, name: name.into(), value }
    }
}
