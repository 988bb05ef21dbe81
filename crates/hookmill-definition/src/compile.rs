//! From a definition to a plan. Reading never stops at the first fault: everything that is wrong is listed, each with
//! its place, and the plan exists where nothing is an error.

mod action;
mod bounds;
mod constant;
mod container;
mod findings;
mod growth;
mod preview;
mod reference;
mod secrecy;
mod trigger;

use std::cell::Cell;
use std::collections::BTreeMap;

use hookmill_expression::{Compiled, Condition, Error as ExpressionError, Template, closest};
use hookmill_model::{Diagnostic, Object, Pointer, Str, Value};

use self::findings::Findings;
use crate::limits::{Limits, Profile};
use crate::plan::{Action, ActionIndex, Group, Parameter, Plan};

/// What compiling gave.
#[derive(Debug)]
pub struct Compilation {
    /// The plan; `None` where a finding is an error.
    pub plan: Option<Plan>,
    /// As much of the plan as there is where a finding is an error: to look at, never to run.
    pub faulty: Option<Plan>,
    /// Everything that was found, in order of the document.
    pub diagnostics: Vec<Diagnostic>,
}

impl Compilation {
    /// Whether the flow can run as it is.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.plan.is_some()
    }
}

/// Compiles a bare definition. `supplied` holds the values of parameters that stand beside it, name → value; they may
/// be undeclared.
#[must_use]
pub fn compile(definition: &Value, supplied: &Value, profile: Profile, limits: &Limits) -> Compilation {
    compile_while(definition, supplied, profile, limits, &|| true)
}

/// Compiles for as long as `wanted` says that somebody waits for it. It is asked before each expression, and every few
/// milliseconds while a constant is evaluated. What was stopped has no plan, and one finding: `cancelled`.
#[must_use]
pub fn compile_while(
    definition: &Value,
    supplied: &Value,
    profile: Profile,
    limits: &Limits,
    wanted: &dyn Fn() -> bool,
) -> Compilation {
    let mut compiler = Compiler {
        profile,
        limits,
        wanted,
        is_stopped: Cell::new(false),
        findings: Findings::default(),
        plan: Plan {
            profile,
            limits: limits.clone(),
            parameters: BTreeMap::new(),
            triggers: Vec::new(),
            actions: Vec::new(),
            groups: Vec::new(),
            names: BTreeMap::new(),
            outputs: Vec::new(),
            static_results: Object::new(),
            variables: BTreeMap::new(),
            growth: None,
        },
        uses: Vec::new(),
        initialized_by: BTreeMap::new(),
        pointers: Vec::new(),
        supplied: supplied.as_object().cloned().unwrap_or_default(),
        is_preview: false,
    };
    // What is beyond a bound is not looked at: it would cost memory and time without end.
    if compiler.within_bounds(definition, supplied) {
        compiler.supplied(supplied);
        compiler.document(definition);
    }
    if compiler.is_over() && compiler.is_stopped.get() {
        let message = "The check was stopped, since nobody waits for it or it took too long.";
        let finding = Diagnostic::error("cancelled", Pointer::root(), message).with_hint("Send the definition again.");
        return Compilation { plan: None, faulty: None, diagnostics: vec![finding] };
    }
    let Compiler { findings, plan, .. } = compiler;
    let (diagnostics, valid) = findings.into_list();
    let (plan, faulty) = if valid { (Some(plan), None) } else { (None, Some(plan)) };
    Compilation { plan, faulty, diagnostics }
}

/// Where a template stands, for the check of its references.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In a trigger.
    Trigger,
    /// In an action's own parts.
    Action(ActionIndex),
    /// In the part of a data operation that is evaluated per element.
    Element(ActionIndex),
    /// In what a loop evaluates after its body.
    LoopEnd(ActionIndex),
    /// In the definition's outputs.
    Outputs,
}

struct Use {
    place: Place,
    pointer: Pointer,
    template: Template,
}

struct Compiler<'a> {
    profile: Profile,
    limits: &'a Limits,
    /// Whether somebody waits for what is made.
    wanted: &'a dyn Fn() -> bool,
    /// Nobody does any more; what is made is not whole.
    is_stopped: Cell<bool>,
    findings: Findings,
    plan: Plan,
    uses: Vec<Use>,
    /// The first action that initializes a variable, by the variable's name in lower case.
    initialized_by: BTreeMap<Str, ActionIndex>,
    /// The place of each action in the document.
    pointers: Vec<Pointer>,
    /// Values of parameters that stand beside the definition.
    supplied: Object,
    /// The document is of the schema in which actions are ordered by what they refer to.
    is_preview: bool,
}

impl Compiler<'_> {
    /// Whether going on is in vain: nobody waits for the result, or no further finding would be listed.
    fn is_over(&self) -> bool {
        if !self.is_stopped.get() && !(self.wanted)() {
            self.is_stopped.set(true);
        }
        self.is_stopped.get() || self.findings.end()
    }

    fn error(&mut self, code: &str, pointer: Pointer, message: impl Into<String>) {
        self.findings.push(Diagnostic::error(code, pointer, message));
    }

    fn error_with(&mut self, code: &str, pointer: Pointer, message: impl Into<String>, hint: impl Into<String>) {
        self.findings.push(Diagnostic::error(code, pointer, message).with_hint(hint));
    }

    fn warning(&mut self, code: &str, pointer: Pointer, message: impl Into<String>) {
        self.findings.push(Diagnostic::warning(code, pointer, message));
    }

    fn missing(&mut self, pointer: &Pointer, name: &str) {
        self.error("property_missing", pointer.clone(), format!("The property '{name}' is required here."));
    }

    fn expression_faults(&mut self, pointer: &Pointer, faults: Vec<(Pointer, ExpressionError)>) {
        for (below, fault) in faults {
            let place = format!("At line {}, column {} of the text.", fault.position.line, fault.position.column);
            let hint = match &fault.suggestion {
                Some(suggestion) => format!("{place} Did you mean '{suggestion}'?"),
                None => place,
            };
            self.error_with(
                "expression_invalid",
                pointer.join(&below),
                format!("{}: {}", fault.kind, fault.message),
                hint,
            );
        }
    }

    fn template(&mut self, source: &Value, pointer: &Pointer, place: Place) -> Compiled {
        if self.is_over() {
            return Compiled::literal(Value::Null);
        }
        match Compiled::new(source) {
            Ok(compiled) => {
                for (below, template) in compiled.templates() {
                    self.uses.push(Use { place, pointer: pointer.join(&below), template });
                }
                compiled
            }
            Err(faults) => {
                self.expression_faults(pointer, faults);
                Compiled::literal(Value::Null)
            }
        }
    }

    fn condition(&mut self, source: &Value, pointer: &Pointer, place: Place) -> Condition {
        if self.is_over() {
            return Condition::never();
        }
        match Condition::new(source) {
            Ok(condition) => {
                for (below, template) in condition.templates() {
                    self.uses.push(Use { place, pointer: pointer.join(&below), template });
                }
                if source.as_str().is_some() && self.always(source).is_some_and(|value| value.as_bool().is_none()) {
                    self.warning("condition_expected", pointer.clone(), constant::CONDITION_EXPECTED);
                }
                condition
            }
            Err(faults) => {
                self.expression_faults(pointer, faults);
                Condition::never()
            }
        }
    }

    /// The member as a template; `None` where it is left out.
    fn member(&mut self, of: &Value, name: &str, pointer: &Pointer, place: Place) -> Option<Compiled> {
        let value = of.get(name)?;
        Some(self.template(value, &pointer.child(name), place))
    }

    /// The member as a template; a finding where it is left out.
    fn required(&mut self, of: &Value, name: &str, pointer: &Pointer, place: Place) -> Compiled {
        self.member(of, name, pointer, place).unwrap_or_else(|| {
            self.missing(pointer, name);
            Compiled::literal(Value::Null)
        })
    }

    fn document(&mut self, definition: &Value) {
        let root = Pointer::root();
        let Some(members) = definition.as_object() else {
            let message = format!("A definition is an object, not {}.", article(definition));
            return self.error("definition_malformed", root, message);
        };
        if members.get("actions").is_none() && members.get("triggers").is_none() {
            return self.error_with(
                "definition_malformed",
                root,
                "This is not a workflow definition: it has neither 'triggers' nor 'actions'.",
                "A definition is an object with 'triggers' and 'actions', or a file that Power Automate or Logic Apps exported.",
            );
        }
        if let Some(schema) = members.get("$schema") {
            let known =
                schema.as_str().is_some_and(|text| text.trim_end_matches('#').ends_with("workflowdefinition.json"));
            if !known {
                let message = format!("'{}' is not a schema of workflow definitions.", shown(schema));
                self.warning("schema_unknown", root.child("$schema"), message);
            }
            self.is_preview = schema.as_str().is_some_and(preview::is_preview);
        }
        self.parameters(members.get("parameters"));
        if let Some(results) = members.get("staticResults").and_then(Value::as_object) {
            self.plan.static_results = results.clone();
        }
        self.triggers(members.get("triggers"));
        self.plan.groups.push(Group::default());
        let actions = members.get("actions").cloned().unwrap_or_default();
        self.group(crate::plan::ROOT, &actions, &root.child("actions"), None, &[], 0);
        if self.plan.variables.len() > self.limits.variables_max {
            let message = format!("The definition has more than {} variables.", self.limits.variables_max);
            self.error("limit_variables", root.child("actions"), message);
        }
        if let Some(outputs) = members.get("outputs").and_then(Value::as_object) {
            if outputs.len() > self.limits.outputs_max {
                let message = format!("The definition has more than {} outputs.", self.limits.outputs_max);
                self.error("limit_outputs", root.child("outputs"), message);
            }
            for (name, output) in outputs.iter().take(self.limits.outputs_max) {
                let pointer = root.child("outputs").child(name);
                let value = self.required(output, "value", &pointer, Place::Outputs);
                self.plan.outputs.push((name.clone(), value));
            }
        }
        self.check_references();
        self.check_responses();
        self.spread_secrecy();
        self.plan.growth = self.growth();
    }

    fn supplied(&mut self, supplied: &Value) {
        for (name, value) in supplied.as_object().into_iter().flat_map(Object::iter) {
            let undeclared =
                Parameter { name: name.clone(), kind: "object".into(), default: Some(value.clone()), allowed: None };
            self.plan.parameters.insert(name.to_lowercase().into(), undeclared);
        }
    }

    fn parameters(&mut self, parameters: Option<&Value>) {
        let root = Pointer::root().child("parameters");
        let Some(parameters) = parameters else { return };
        let Some(parameters) = parameters.as_object() else {
            return self.error("definition_malformed", root, "'parameters' is an object of parameters by name.");
        };
        if parameters.len() > self.limits.parameters_max {
            let message = format!("The definition has more than {} parameters.", self.limits.parameters_max);
            self.error("limit_parameters", root.clone(), message);
        }
        for (name, parameter) in parameters.iter().take(self.limits.parameters_max) {
            let pointer = root.child(name);
            let kind = parameter.get("type").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
            if kind.is_empty() {
                self.missing(&pointer, "type");
            } else if !PARAMETER_KINDS.contains(&kind.as_str()) {
                let message = format!("'{kind}' is not a type of parameters: {}.", PARAMETER_KINDS.join(", "));
                self.error("parameter_type_unknown", pointer.child("type"), message);
            }
            let default = parameter.get("defaultValue").cloned();
            let allowed = parameter.get("allowedValues").and_then(Value::as_array).map(<[Value]>::to_vec);
            let made = Parameter { name: name.clone(), kind: kind.into(), default, allowed };
            if let Some(default) = &made.default
                && let Err(message) = made.check(default)
            {
                self.error("parameter_value", pointer.child("defaultValue"), message);
            }
            let lower: Str = name.to_lowercase().into();
            if let Some(supplied) = self.plan.parameters.get(&lower).and_then(|supplied| supplied.default.clone())
                && let Err(message) = made.check(&supplied)
            {
                self.error("parameter_value", pointer.clone(), message);
            }
            self.plan.parameters.insert(lower, made);
        }
    }

    /// Checks a name of a trigger or an action.
    fn name(&mut self, name: &str, pointer: &Pointer) {
        if name.is_empty() || name.chars().count() > self.limits.name_chars_max {
            let message = format!("A name has 1 to {} characters.", self.limits.name_chars_max);
            self.error("name_length", pointer.clone(), message);
        }
    }

    /// Checks the description of a trigger or an action.
    fn description(&mut self, of: &Value, pointer: &Pointer) {
        let most = self.limits.description_chars_max;
        let length = of.get("description").and_then(Value::as_str).map_or(0, |text| text.chars().count());
        if length > most {
            let message = format!("The description has {length} characters; other services keep at most {most}.");
            self.warning("description_length", pointer.child("description"), message);
        }
    }

    /// Options of a comma-separated `operationOptions`.
    fn operation_options(&mut self, of: &Value, pointer: &Pointer) -> Vec<String> {
        match of.get("operationOptions") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::String(text)) => text
                .split(',')
                .map(|option| option.trim().to_ascii_lowercase())
                .filter(|option| !option.is_empty())
                .collect(),
            Some(other) => {
                let message = format!("'operationOptions' is a text of options, not {}.", article(other));
                self.error("property_type", pointer.child("operationOptions"), message);
                Vec::new()
            }
        }
    }

    /// `type` in the spelling of the language; empty where there is none.
    fn type_of(&mut self, of: &Value, pointer: &Pointer) -> Str {
        match of.get("type") {
            Some(Value::String(text)) if !text.is_empty() => text.clone(),
            Some(other) if !other.is_null() && other.as_str().is_none() => {
                let message = format!("'type' is a text, not {}.", article(other));
                self.error("property_type", pointer.child("type"), message);
                "".into()
            }
            _ => {
                self.missing(pointer, "type");
                "".into()
            }
        }
    }

    fn action_at(&self, index: ActionIndex) -> &Action {
        &self.plan.actions[index]
    }

    fn suggestion(&self, wanted: &str) -> Option<String> {
        self.closest(wanted, self.plan.actions.iter().map(|action| &*action.name))
            .map(|name| format!("Did you mean '{name}'?"))
    }

    /// The candidate that was probably meant; where there are many findings already, nothing is suggested, since
    /// looking for it costs more than the finding.
    fn closest<'n>(&self, wanted: &str, candidates: impl Iterator<Item = &'n str>) -> Option<&'n str> {
        if self.findings.are_many() { None } else { closest(wanted, candidates) }
    }
}

/// Types of parameters, in lower case.
pub(crate) const PARAMETER_KINDS: &[&str] =
    &["int", "float", "string", "securestring", "bool", "array", "object", "secureobject", "integer", "boolean"];

/// Types of retry policies.
pub(crate) const RETRY_TYPES: &[&str] = &["default", "none", "fixed", "exponential"];

impl Parameter {
    /// Whether the value is of the type and among the allowed ones.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        let fits = match &*self.kind {
            "int" | "integer" => matches!(value, Value::Integer(_)),
            "float" => value.as_f64().is_some(),
            "string" | "securestring" => value.as_str().is_some(),
            "bool" | "boolean" => value.as_bool().is_some(),
            "array" => value.as_array().is_some(),
            // Exports hold other JSON under "Object" too.
            _ => true,
        };
        if !fits && !value.is_null() {
            let message = format!(
                "The value of the parameter '{}' is {}, but its type is '{}'.",
                self.name,
                article(value),
                self.kind
            );
            return Err(message);
        }
        match &self.allowed {
            Some(allowed) if !allowed.contains(value) => {
                Err(format!("The value of the parameter '{}' is not one of the allowed values.", self.name))
            }
            _ => Ok(()),
        }
    }
}

/// "a text", "an object" …
fn article(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Integer(_) | Value::Float(_) | Value::Decimal(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A value, cut for a message.
fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_json(), ToOwned::to_owned);
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests;
