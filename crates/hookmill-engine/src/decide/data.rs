//! Actions that only compute: Compose, the data operations, Parse JSON, functions as actions.

use hookmill_definition::language::action_type;
use hookmill_definition::plan::ParseSchema;
use hookmill_definition::plan::{ActionIndex, ActionKind};
use hookmill_definition::{Schema, SchemaError};
use hookmill_expression::{Compiled, Condition, call_function, content};
use hookmill_model::{JsonError, Object, Value};

use super::table::{self, Columns};
use super::{Decision, Ending, Step, body};
use crate::state::Indexes;

/// What a cell of a table takes beside its text.
const CELL_BYTES: usize = 48;

impl Decision<'_> {
    pub(super) fn data_action(&mut self, action: ActionIndex, indexes: Indexes) -> Step {
        let plan = self.plan;
        let (inputs, ending) = match &plan.actions[action].kind {
            ActionKind::Compose(value) => match self.evaluate(action, &indexes, value) {
                Ok(value) => (Some(value.clone()), Ending::done("OK", Some(value))),
                Err(ending) => (None, ending),
            },
            ActionKind::ParseJson { content, schema } => self.parse_json(action, &indexes, content, schema.as_ref()),
            ActionKind::Query { from, condition } => self.query(action, &indexes, from, condition),
            ActionKind::Select { from, select } => self.select(action, &indexes, from, select),
            ActionKind::Join { from, with } => self.join(action, &indexes, from, with),
            ActionKind::Table { from, format, columns } => {
                self.table(action, &indexes, from, format, columns.as_deref())
            }
            ActionKind::Expression { kind, inputs } => self.expression(action, &indexes, kind, inputs),
            _ => (None, Ending::failed("InternalServerError", "The action is not one that computes.")),
        };
        self.started(action, &indexes, inputs)?;
        self.end(action, indexes, ending)
    }

    /// The array of a data operation.
    fn elements(&self, action: ActionIndex, indexes: &[u32], from: &Compiled, kind: &str) -> Result<Value, Ending> {
        let value = self.evaluate(action, indexes, from)?;
        let Some(elements) = value.as_array() else {
            let message = format!(
                "The 'from' property value in the '{kind}' action inputs is of type '{}'. The value must be of type 'Array'.",
                type_name(&value)
            );
            return Err(Ending::failed("BadRequest", message));
        };
        let most = self.plan.limits.data_items_max;
        if elements.len() > most {
            let message = format!("The array has {} items; at most {most} are allowed.", elements.len());
            return Err(Ending::failed("BadRequest", message));
        }
        Ok(value)
    }

    fn query(
        &self,
        action: ActionIndex,
        indexes: &[u32],
        from: &Compiled,
        condition: &Condition,
    ) -> (Option<Value>, Ending) {
        let array = match self.elements(action, indexes, from, "query") {
            Ok(array) => array,
            Err(ending) => return (None, ending),
        };
        let scope = self.scope(action, indexes, 1);
        let mut kept = Vec::new();
        for element in array.as_array().unwrap_or_default() {
            if !(self.wanted)() {
                break;
            }
            *scope.element.borrow_mut() = Some(element.clone());
            match condition.evaluate(&scope) {
                Ok(true) => kept.push(element.clone()),
                Ok(false) => {}
                Err((_, fault)) => return (None, self.template_failure(action, &fault, "inputs")),
            }
        }
        let inputs = Value::object([("from", array.clone()), ("where", condition.source().clone())]);
        (Some(inputs), Ending::done("NotSpecified", Some(body(Value::array(kept)))))
    }

    fn select(
        &self,
        action: ActionIndex,
        indexes: &[u32],
        from: &Compiled,
        select: &Compiled,
    ) -> (Option<Value>, Ending) {
        let array = match self.elements(action, indexes, from, "select") {
            Ok(array) => array,
            Err(ending) => return (None, ending),
        };
        let scope = self.scope(action, indexes, 1);
        let mut made = Vec::with_capacity(array.as_array().map_or(0, <[Value]>::len));
        let mut room = self.room();
        for element in array.as_array().unwrap_or_default() {
            if !(self.wanted)() {
                break;
            }
            *scope.element.borrow_mut() = Some(element.clone());
            match select.evaluate(&scope) {
                Ok(value) => {
                    let Some(left) = room.checked_sub(value.heap_bytes_within(room)) else {
                        return (None, self.out_of_memory(action));
                    };
                    room = left;
                    made.push(value);
                }
                Err((_, fault)) => return (None, self.template_failure(action, &fault, "inputs")),
            }
        }
        let inputs = Value::object([("from", array.clone()), ("select", select.source().clone())]);
        (Some(inputs), Ending::done("NotSpecified", Some(body(Value::array(made)))))
    }

    fn join(&self, action: ActionIndex, indexes: &[u32], from: &Compiled, with: &Compiled) -> (Option<Value>, Ending) {
        let parts = self
            .elements(action, indexes, from, "join")
            .and_then(|array| Ok((array, self.evaluate(action, indexes, with)?)));
        let (array, with) = match parts {
            Ok(parts) => parts,
            Err(ending) => return (None, ending),
        };
        let elements = array.as_array().unwrap_or_default();
        let mut room = self.room();
        let mut texts = Vec::with_capacity(elements.len());
        let between = content::to_text(&with).len();
        for element in elements {
            // Twice: the pieces, and the text that is made of them.
            let text = content::to_text(element);
            let Some(left) = room.checked_sub(text.len().saturating_add(between).saturating_mul(2)) else {
                return (None, self.out_of_memory(action));
            };
            room = left;
            texts.push(text);
        }
        let joined = texts.join(&*content::to_text(&with));
        let inputs = Value::object([("from", array.clone()), ("joinWith", with)]);
        (Some(inputs), Ending::done("OK", Some(body(joined.into()))))
    }

    fn table(
        &self,
        action: ActionIndex,
        indexes: &[u32],
        from: &Compiled,
        format: &Compiled,
        columns: Option<&[(Compiled, Compiled)]>,
    ) -> (Option<Value>, Ending) {
        let parts = self
            .elements(action, indexes, from, "table")
            .and_then(|array| Ok((array, self.evaluate(action, indexes, format)?)));
        let (array, format) = match parts {
            Ok(parts) => parts,
            Err(ending) => return (None, ending),
        };
        let is_html = match format.as_str().map(str::to_ascii_lowercase).as_deref() {
            Some("html") => true,
            Some("csv") => false,
            _ => {
                let message = format!(
                    "The 'format' property value in the 'table' action inputs is '{}'. It must be 'CSV' or 'HTML'.",
                    content::to_text(&format)
                );
                return (None, Ending::failed("BadRequest", message));
            }
        };
        let rows = array.as_array().unwrap_or_default();
        let made = match columns {
            None => match table::automatic(rows) {
                Some(columns) => columns,
                None => {
                    let message = "The 'from' property value in the 'table' action inputs must be an array of objects when no columns are given.";
                    return (None, Ending::failed("BadRequest", message));
                }
            },
            Some(columns) => match self.columns(action, indexes, rows, columns) {
                Ok(columns) => columns,
                Err(ending) => return (None, ending),
            },
        };
        let text = if is_html { table::html(&made) } else { table::csv(&made) };
        let format = if is_html { "HTML" } else { "CSV" };
        let inputs = Value::object([("from", array.clone()), ("format", format.into())]);
        (Some(inputs), Ending::done("OK", Some(body(text.into()))))
    }

    fn columns(
        &self,
        action: ActionIndex,
        indexes: &[u32],
        rows: &[Value],
        columns: &[(Compiled, Compiled)],
    ) -> Result<Columns, Ending> {
        let mut headers = Vec::with_capacity(columns.len());
        for (header, _) in columns {
            headers.push(content::to_text(&self.evaluate(action, indexes, header)?));
        }
        let scope = self.scope(action, indexes, 1);
        let mut cells = Vec::with_capacity(rows.len());
        let mut room = self.room();
        for row in rows {
            if !(self.wanted)() {
                break;
            }
            *scope.element.borrow_mut() = Some(row.clone());
            let mut made = Vec::with_capacity(columns.len());
            for (_, value) in columns {
                let value =
                    value.evaluate(&scope).map_err(|(_, fault)| self.template_failure(action, &fault, "inputs"))?;
                let text = content::to_text(&value);
                // Twice: the cells, and the text that is made of them.
                room = room
                    .checked_sub(text.len().saturating_mul(2).saturating_add(CELL_BYTES))
                    .ok_or_else(|| self.out_of_memory(action))?;
                made.push(text);
            }
            cells.push(made);
        }
        Ok(Columns { headers, rows: cells, is_automatic: false })
    }

    fn parse_json(
        &self,
        action: ActionIndex,
        indexes: &[u32],
        source: &Compiled,
        schema: Option<&ParseSchema>,
    ) -> (Option<Value>, Ending) {
        let given = match self.evaluate(action, indexes, source) {
            Ok(given) => given,
            Err(ending) => return (None, ending),
        };
        let made = match schema {
            Some(ParseSchema::InRun(compiled)) => match self.schema_of_run(action, indexes, compiled) {
                Ok(schema) => Some(schema),
                Err(ending) => return (None, ending),
            },
            _ => None,
        };
        let schema = match schema {
            Some(ParseSchema::Known(schema)) => Some(schema),
            _ => made.as_ref(),
        };
        let mut inputs = Object::new();
        inputs.insert("content", given.clone());
        if let Some(schema) = schema {
            inputs.insert("schema", schema.source().clone());
        }
        let inputs = Some(Value::from(inputs));
        let parsed = match &given {
            Value::Null => Err(None),
            Value::String(text) if text.is_empty() => Err(None),
            Value::String(text) => Value::from_json_within(text.as_bytes(), self.room()).map_err(Some),
            Value::Object(members) if members.contains_key("$content-type") => {
                let media_type = members.get("$content-type").and_then(Value::as_str).unwrap_or_default();
                let readable = media_type.contains("json") || media_type.starts_with("text/");
                match content::bytes(&given).filter(|_| readable) {
                    Some(bytes) => Value::from_json_within(&bytes, self.room()).map_err(Some),
                    None => {
                        let message = format!("The content of the type '{media_type}' is not JSON.");
                        return (inputs, Ending::failed("BadRequest", message));
                    }
                }
            }
            other => Ok(other.clone()),
        };
        let value = match parsed {
            Ok(value) => value,
            Err(None) => {
                let message = format!(
                    "Unable to process template language expressions in action '{}' inputs at line '0' and column '0': 'Required property 'content' expects a value but got null.'.",
                    self.plan.actions[action].name
                );
                return (inputs, Ending::failed_as("BadRequest", "InvalidTemplate", message));
            }
            Err(Some(JsonError::TooLarge { .. })) => return (inputs, self.out_of_memory(action)),
            Err(Some(fault)) => {
                let message = format!("The provided value for the 'content' is not valid JSON: {fault}.");
                return (inputs, Ending::failed("InvalidJSON", message));
            }
        };
        let violations = schema.map(|schema| schema.violations(&value)).unwrap_or_default();
        if violations.is_empty() {
            return (inputs, Ending::done("OK", Some(body(value))));
        }
        let errors = violations.iter().map(hookmill_definition::Violation::to_value);
        let outputs = Value::object([("errors", Value::array(errors.collect()))]);
        let mut ending = Ending::failed("ValidationFailed", "The schema validation failed.");
        ending.outputs = Some(outputs);
        (inputs, ending)
    }

    /// The schema of a ParseJson action that an expression gives.
    fn schema_of_run(&self, action: ActionIndex, indexes: &[u32], source: &Compiled) -> Result<Schema, Ending> {
        let value = self.evaluate(action, indexes, source)?;
        Schema::new(&value).map_err(|fault| match fault {
            SchemaError::NotSupported(keyword) => {
                let message = format!("The keyword '{keyword}' cannot be used in the schema of a flow.");
                Ending::failed("ActionSchemaNotSupported", message)
            }
            SchemaError::Invalid(message) => {
                Ending::failed("ActionSchemaInvalid", format!("This is not a JSON Schema: {message}"))
            }
        })
    }

    /// Power Automate's "Date Time", "Number" and "Text" actions are functions with named arguments.
    fn expression(
        &self,
        action: ActionIndex,
        indexes: &[u32],
        kind: &str,
        inputs: &Compiled,
    ) -> (Option<Value>, Ending) {
        let given = match self.evaluate(action, indexes, inputs) {
            Ok(given) => given,
            Err(ending) => return (None, ending),
        };
        let Some(row) = action_type("Expression").and_then(|row| row.kind(kind)) else {
            let message = format!("'{kind}' is not a kind of expression actions.");
            return (Some(given), Ending::failed("InvalidExpressionActionKind", message));
        };
        let function = row.function;
        let names: Vec<Vec<&str>> = row
            .arguments
            .iter()
            .map(|(field, aliases)| field.path.rsplit('/').take(1).chain(aliases.iter().copied()).collect())
            .collect();
        let arguments: Vec<&Value> =
            names.iter().map_while(|alternatives| alternatives.iter().find_map(|name| given.get(name))).collect();
        let least = hookmill_expression::find_function(function).map_or(0, |function| function.arguments_min);
        if arguments.len() < least {
            let wanted: Vec<&str> = names.iter().filter_map(|names| names.first().copied()).collect();
            let message = format!("The inputs of '{kind}' need {}.", wanted.join(", "));
            return (Some(given), Ending::failed("InvalidExpressionActionInputs", message));
        }
        let scope = self.scope(action, indexes, 1);
        match call_function(function, arguments.into_iter().cloned().collect(), &scope) {
            Ok(value) => (Some(given), Ending::done("OK", Some(body(value)))),
            Err(fault) => (Some(given), self.template_failure(action, &fault, "inputs")),
        }
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "Null",
        Value::Bool(_) => "Boolean",
        Value::Integer(_) => "Integer",
        Value::Float(_) | Value::Decimal(_) => "Float",
        Value::String(_) => "String",
        Value::Array(_) => "Array",
        Value::Object(_) => "Object",
    }
}
