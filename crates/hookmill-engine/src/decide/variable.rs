//! Variables: made, set, counted, appended to.

use hookmill_definition::plan::{ActionIndex, ActionKind, VariableChange, VariableKind};
use hookmill_expression::content;
use hookmill_model::{Str, Value};

use super::{Decision, Ending, Step, body};
use crate::fact::Fact;
use crate::state::{Indexes, Variable};

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
                    Some(Ok((name, kind, value))) => {
                        let outputs = outputs(&name, kind, &value);
                        self.set(&name, kind, value)?;
                        Ending::done("NotSpecified", Some(outputs))
                    }
                };
                self.end(action, indexes, ending)
            }
            _ => Ok(()),
        }
    }

    fn set(&mut self, name: &Str, kind: VariableKind, value: Value) -> Step {
        self.emit(Fact::VariableSet { name: name.clone(), kind: kind.as_str().into(), value })
    }

    fn changed(
        &self,
        variable: &Variable,
        change: VariableChange,
        given: Value,
    ) -> Result<(Str, VariableKind, Value), Ending> {
        let (name, kind) = (variable.name.clone(), variable.kind);
        let value = match change {
            VariableChange::Set if kind.accepts(&given) => given,
            VariableChange::Set => return Err(mismatch(&name, kind, &given)),
            VariableChange::Increment | VariableChange::Decrement => {
                if !matches!(kind, VariableKind::Integer | VariableKind::Float) {
                    return Err(mismatch(&name, kind, &given));
                }
                let negative = change == VariableChange::Decrement;
                sum(kind, &variable.value, &given, negative).ok_or_else(|| mismatch(&name, kind, &given))?
            }
            VariableChange::AppendToArray => {
                if kind != VariableKind::Array {
                    return Err(mismatch(&name, kind, &given));
                }
                let mut elements = variable.value.as_array().map(<[Value]>::to_vec).unwrap_or_default();
                elements.push(given);
                Value::array(elements)
            }
            VariableChange::AppendToString => {
                if kind != VariableKind::String {
                    return Err(mismatch(&name, kind, &given));
                }
                let mut text = variable.value.as_str().unwrap_or_default().to_owned();
                text.push_str(&content::to_text(&given));
                text.into()
            }
        };
        self.within_bytes(&name, &value)?;
        Ok((name, kind, value))
    }

    fn within_bytes(&self, name: &str, value: &Value) -> Result<(), Ending> {
        let most = self.plan.limits.variable_bytes_max;
        if value.json_bytes() > most {
            let message = format!("The variable '{name}' would be larger than {most} bytes.");
            return Err(Ending::failed("VariableSizeLimitExceeded", message));
        }
        Ok(())
    }
}
