//! Variables: made, set, counted, appended to. An appended piece is a fact of its own size.

use hookmill_definition::plan::{ActionIndex, ActionKind, VariableChange, VariableKind};
use hookmill_expression::content;
use hookmill_model::{Str, Value};

use super::{Decision, Ending, Step, body};
use crate::fact::{self, Fact};
use crate::state::Indexes;
use crate::variable::Variable;

/// The outputs of an action that changes a variable repeat values of up to so many bytes.
const SHOWN_BYTES_MAX: usize = 4_096;

fn outputs(name: &Str, kind: VariableKind, value: &Value) -> Value {
    body(Value::object([("name", Value::from(name.clone())), ("type", kind.as_str().into()), ("value", value.clone())]))
}

fn mismatch(variable: &str, kind: VariableKind, value: &Value) -> Ending {
    let message = format!(
        "The variable '{variable}' of type '{}' cannot be initialized or updated with value '{}' of type '{}'.",
        kind.as_str(),
        content::to_text(value).chars().take(200).collect::<String>(),
        value.type_name()
    );
    Ending::failed("BadRequest", message)
}

/// The sum, in the kind of the variable.
fn sum(kind: VariableKind, value: &Value, step: &Value, negative: bool) -> Option<Value> {
    let sign = if negative { -1 } else { 1 };
    match (value, step, kind) {
        (Value::Null, _, _) => sum(kind, &Value::Integer(0), step, negative),
        (Value::Integer(value), Value::Integer(step), _) => {
            value.checked_add(step.checked_mul(sign)?).map(Value::Integer)
        }
        (_, _, VariableKind::Integer) => None,
        (value, step, _) => {
            let sum = value.as_f64()? + step.as_f64()? * if negative { -1.0 } else { 1.0 };
            Some(Value::Float(sum))
        }
    }
}

impl Decision<'_> {
    pub(super) fn variable_action(&mut self, action: ActionIndex, indexes: Indexes) -> Step {
        let plan = self.plan;
        match &plan.actions[action].kind {
            ActionKind::InitializeVariable(variables) => {
                let mut made: Vec<(Str, VariableKind, Value)> = Vec::with_capacity(variables.len());
                let mut failure = None;
                for variable in variables {
                    let value = match &variable.value {
                        None => Ok(Value::Null),
                        Some(value) => self.evaluate(action, &indexes, value),
                    };
                    match value {
                        Ok(value) if variable.kind.accepts(&value) => match self.within_bytes(&variable.name, &value) {
                            Ok(()) => made.push((variable.name.clone(), variable.kind, value)),
                            Err(ending) => failure = Some(ending),
                        },
                        Ok(value) => failure = Some(mismatch(&variable.name, variable.kind, &value)),
                        Err(ending) => failure = Some(ending),
                    }
                    if failure.is_some() {
                        break;
                    }
                }
                let shown = made.iter().map(|(name, kind, value)| {
                    Value::object([
                        ("name", Value::from(name.clone())),
                        ("type", kind.as_str().into()),
                        ("value", value.clone()),
                    ])
                });
                let inputs = Value::object([("variables", Value::array(shown.collect()))]);
                self.started(action, &indexes, failure.is_none().then_some(inputs))?;
                if let Some(ending) = failure {
                    return self.end(action, indexes, ending);
                }
                let last = made.last().map(|(name, kind, value)| outputs(name, *kind, value));
                for (name, kind, value) in made {
                    self.set(&name, kind, value)?;
                }
                self.end(action, indexes, Ending::done("NotSpecified", last))
            }
            ActionKind::ChangeVariable { change, name, value } => {
                let value = match value {
                    None => Ok(Value::Integer(1)),
                    Some(value) => self.evaluate(action, &indexes, value),
                };
                let given = match value {
                    Ok(value) => value,
                    Err(ending) => {
                        self.started(action, &indexes, None)?;
                        return self.end(action, indexes, ending);
                    }
                };
                let inputs = Value::object([("name", Value::from(name.clone())), ("value", given.clone())]);
                self.started(action, &indexes, Some(inputs))?;
                let known = self.state.variables.get(name.to_lowercase().as_str());
                let ending = match known.map(|variable| self.changed(variable, *change, given)) {
                    None => {
                        let message = format!("The variable '{name}' is not initialized.");
                        Ending::failed("InvalidVariableOperation", message)
                    }
                    Some(Err(ending)) => ending,
                    Some(Ok(fact)) => {
                        self.emit(fact)?;
                        Ending::done("NotSpecified", self.variable_outputs(action, name))
                    }
                };
                self.end(action, indexes, ending)
            }
            _ => Ok(()),
        }
    }

    fn set(&mut self, name: &Str, kind: VariableKind, value: Value) -> Step {
        self.emit(Fact::VariableSet(fact::VariableSet { name: name.clone(), kind: kind.as_str().into(), value }))
    }

    /// The fact that changes a variable.
    fn changed(&self, variable: &Variable, change: VariableChange, given: Value) -> Result<Fact, Ending> {
        let (name, kind) = (&variable.name, variable.kind);
        let set = |value: Value| {
            Fact::VariableSet(fact::VariableSet { name: name.clone(), kind: kind.as_str().into(), value })
        };
        let append = |value: Value| {
            self.within(name, variable.json_bytes().saturating_add(value.json_bytes()))?;
            Ok(Fact::VariableAppended(fact::VariableAppended { name: name.clone(), value }))
        };
        match change {
            VariableChange::Set if kind.accepts(&given) => {
                self.within_bytes(name, &given)?;
                Ok(set(given))
            }
            VariableChange::Increment | VariableChange::Decrement
                if matches!(kind, VariableKind::Integer | VariableKind::Float) =>
            {
                let negative = change == VariableChange::Decrement;
                let sum = sum(kind, &variable.value(), &given, negative);
                sum.map(set).ok_or_else(|| mismatch(name, kind, &given))
            }
            VariableChange::AppendToArray if kind == VariableKind::Array => append(given),
            VariableChange::AppendToString if kind == VariableKind::String => append(content::to_text(&given).into()),
            _ => Err(mismatch(name, kind, &given)),
        }
    }

    /// `{name, type, value}` of a variable that was changed. A large value is left out where nothing reads it: the
    /// journal would repeat it with every change.
    fn variable_outputs(&self, action: ActionIndex, name: &str) -> Option<Value> {
        let variable = self.state.variables.get(name.to_lowercase().as_str())?;
        if self.outputs_are_needed(action) || variable.json_bytes() <= SHOWN_BYTES_MAX {
            return Some(outputs(&variable.name, variable.kind, &variable.value()));
        }
        let members = [("name", Value::from(variable.name.clone())), ("type", variable.kind.as_str().into())];
        Some(body(Value::object(members)))
    }

    fn outputs_are_needed(&self, action: ActionIndex) -> bool {
        let own = &self.plan.actions[action];
        own.outputs_are_read || own.tracked_properties.is_some()
    }

    fn within_bytes(&self, name: &str, value: &Value) -> Result<(), Ending> {
        self.within(name, value.json_bytes())
    }

    fn within(&self, name: &str, bytes: usize) -> Result<(), Ending> {
        let most = self.plan.limits.variable_bytes_max;
        if bytes > most {
            let message = format!("The variable '{name}' would be larger than {most} bytes.");
            return Err(Ending::failed("VariableSizeLimitExceeded", message));
        }
        Ok(())
    }
}
