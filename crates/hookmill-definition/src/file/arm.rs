//! Azure's deployment templates put expressions of their own, `[…]`, around and into a definition. What names a
//! parameter or a variable of the template is replaced by its value; what only a deployment can know is reported.

use hookmill_model::{Diagnostic, Object, Pointer, Str, Value};

/// The names that a template gives values to.
pub(super) struct Template<'a> {
    parameters: Option<&'a Object>,
    variables: Option<&'a Object>,
}

impl<'a> Template<'a> {
    pub(super) fn new(document: &'a Value) -> Self {
        let part = |name: &str| document.get(name).and_then(Value::as_object);
        Self { parameters: part("parameters"), variables: part("variables") }
    }

    /// The value without expressions of the template; each that cannot be resolved stays, with a finding.
    pub(super) fn resolved(&self, value: &Value, at: &Pointer, findings: &mut Vec<Diagnostic>) -> Value {
        match value {
            Value::String(text) => self.text(text, at, findings),
            Value::Array(elements) => {
                let each = elements.iter().enumerate();
                Value::array(each.map(|(index, own)| self.resolved(own, &at.child(index), findings)).collect())
            }
            Value::Object(members) => {
                let mut made = Object::with_capacity(members.len());
                for (name, own) in members.iter() {
                    made.insert(name.clone(), self.resolved(own, &at.child(name), findings));
                }
                made.into()
            }
            other => other.clone(),
        }
    }

    fn text(&self, text: &Str, at: &Pointer, findings: &mut Vec<Diagnostic>) -> Value {
        if let Some(escaped) = text.strip_prefix("[[") {
            return format!("[{escaped}").into();
        }
        let Some(expression) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else {
            return Value::String(text.clone());
        };
        if let Some(value) = self.named(expression.trim()) {
            return value;
        }
        let message = format!("The deployment template would put a value here: {text}");
        let hint = "Replace it by the value, or by a parameter of the flow.";
        findings.push(Diagnostic::warning("template_expression", at.clone(), message).with_hint(hint));
        Value::String(text.clone())
    }

    /// The value of `parameters('x')` and `variables('x')`, as long as it is itself no expression.
    fn named(&self, expression: &str) -> Option<Value> {
        let (function, rest) = expression.split_once('(')?;
        let name = rest.strip_suffix(')')?.trim().strip_prefix('\'')?.strip_suffix('\'')?;
        let value = match function.trim().to_ascii_lowercase().as_str() {
            "parameters" => hookmill_expression::member(self.parameters?, name)?.get("defaultValue")?.clone(),
            "variables" => hookmill_expression::member(self.variables?, name)?.clone(),
            _ => return None,
        };
        let is_expression = value.as_str().is_some_and(|text| text.starts_with('[') && !text.starts_with("[["));
        (!is_expression).then_some(value)
    }
}
