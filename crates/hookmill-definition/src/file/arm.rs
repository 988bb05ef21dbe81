//! Azure's deployment templates put expressions of their own, `[…]`, around and into a definition. What follows from
//! the template itself is replaced by its value; what only a deployment can know is reported, and stays as plain text
//! that the flow does not read as an expression.
//!
//! | file | purpose |
//! |---|---|
//! | `syntax` | from text to calls |

mod syntax;

use std::cell::Cell;
use std::rc::Rc;

use hookmill_expression::case::{Context, evaluate};
use hookmill_expression::{Limits, content, member};
use hookmill_model::{Diagnostic, Object, Pointer, Str, Timestamp, Value};

use syntax::{Node, Step};

/// Variables and default values may refer to each other this deep.
const DEPTH_MAX: usize = 24;
/// Bytes and values that all expressions of a template may read and make together. Names may refer to each other, so a
/// short template could ask for more than any memory holds.
const WORK_MAX: usize = 64 * 1_024 * 1_024;
/// What one call of a function that a flow has too may read and make.
const CALL_WORK_MAX: usize = 4_000_000;
/// Expressions of one workflow that are reported where they cannot be resolved.
const FINDINGS_MAX: usize = 200;
/// Deployments nest this deep.
const DEPLOYMENTS_MAX: usize = 8;
/// Functions that give the same in a deployment and in a flow.
const SHARED: &[&str] = &[
    "add",
    "and",
    "base64",
    "base64ToString",
    "bool",
    "coalesce",
    "contains",
    "createArray",
    "dataUri",
    "dataUriToString",
    "div",
    "empty",
    "endsWith",
    "equals",
    "first",
    "float",
    "greater",
    "greaterOrEquals",
    "indexOf",
    "int",
    "intersection",
    "join",
    "json",
    "last",
    "lastIndexOf",
    "length",
    "less",
    "lessOrEquals",
    "max",
    "min",
    "mod",
    "mul",
    "not",
    "or",
    "range",
    "replace",
    "skip",
    "split",
    "startsWith",
    "string",
    "sub",
    "substring",
    "take",
    "toLower",
    "toUpper",
    "trim",
    "union",
    "uriComponent",
    "uriComponentToString",
];

/// The names that a template gives values to.
#[derive(Clone)]
pub(super) struct Template {
    /// Name → value, or an expression that gives it; what has neither is only known to a deployment.
    parameters: Object,
    variables: Object,
    /// What is left of [`WORK_MAX`], for all deployments of a file together.
    left: Rc<Cell<usize>>,
}

/// A workflow of a template with its expressions resolved.
pub(super) struct Workflow {
    pub resource: Value,
    pub pointer: Pointer,
    pub findings: Vec<Diagnostic>,
}

/// A member of a template or of a resource; deployments know these names in any case.
pub(super) fn part<'a>(of: &'a Value, name: &str) -> Option<&'a Value> {
    member(of.as_object()?, name)
}

/// An object with these names as they are usually written.
fn usual(of: &Value, names: &[&str]) -> Value {
    let Some(members) = of.as_object() else { return of.clone() };
    let name_of = |own: &Str| {
        names.iter().find(|name| name.eq_ignore_ascii_case(own)).map_or(own.clone(), |name| Str::from(*name))
    };
    Value::object(members.iter().map(|(name, value)| (name_of(name), value.clone())))
}

/// A workflow with the names that a file of a flow is read by.
fn usual_workflow(resource: &Value) -> Value {
    let resource = usual(resource, &["type", "name", "properties"]);
    let Some(members) = resource.as_object() else { return resource };
    let mut members = members.clone();
    if let Some(properties) = members.get("properties") {
        let properties = usual(properties, &["definition", "parameters", "displayName", "connectionReferences"]);
        members.insert("properties", properties);
    }
    members.into()
}

/// All workflows of a template, those of nested deployments too.
pub(super) fn workflows(document: &Value) -> Vec<Workflow> {
    let mut found = Vec::new();
    let template = Template::new(document, &Object::new(), Rc::new(Cell::new(WORK_MAX)));
    collect(document, &Pointer::root(), &template, 0, &mut found);
    found
}

fn collect(document: &Value, at: &Pointer, template: &Template, depth: usize, found: &mut Vec<Workflow>) {
    if depth > DEPLOYMENTS_MAX {
        return;
    }
    let below = at.child("resources");
    // Newer templates list resources by name.
    let resources: Vec<(Pointer, &Value)> = match part(document, "resources") {
        Some(Value::Array(list)) => list.iter().enumerate().map(|(index, own)| (below.child(index), own)).collect(),
        Some(Value::Object(named)) => named.iter().map(|(name, own)| (below.child(name), own)).collect(),
        _ => return,
    };
    for (pointer, resource) in resources {
        let kind = part(resource, "type").and_then(Value::as_str).unwrap_or_default();
        let properties = part(resource, "properties");
        if kind.eq_ignore_ascii_case("Microsoft.Logic/workflows") {
            let mut findings = Vec::new();
            let resolved = template.resolved(&usual_workflow(resource), &pointer, &mut findings);
            found.push(Workflow { resource: resolved, pointer: pointer.clone(), findings });
        } else if kind.eq_ignore_ascii_case("Microsoft.Resources/deployments")
            && let Some(properties) = properties
            && let Some(inner) = part(properties, "template")
        {
            let options = part(properties, "expressionEvaluationOptions");
            let scope = options.and_then(|options| part(options, "scope")).and_then(Value::as_str);
            let below = pointer.child("properties").child("template");
            if scope.is_some_and(|scope| scope.eq_ignore_ascii_case("inner")) {
                let given = part(properties, "parameters").and_then(Value::as_object);
                let mut values = Object::new();
                for (name, parameter) in given.into_iter().flat_map(Object::iter) {
                    if let Some(value) = part(parameter, "value")
                        && let Some(value) = template.whole(value, 0)
                    {
                        values.insert(name.clone(), value);
                    }
                }
                collect(inner, &below, &Template::new(inner, &values, Rc::clone(&template.left)), depth + 1, found);
            } else {
                collect(inner, &below, template, depth + 1, found);
            }
        }
        if part(resource, "resources").is_some() {
            collect(resource, &pointer, template, depth + 1, found);
        }
    }
}

impl Template {
    fn new(document: &Value, given: &Object, left: Rc<Cell<usize>>) -> Self {
        let declared = part(document, "parameters").and_then(Value::as_object);
        let mut parameters = Object::new();
        for (name, parameter) in declared.into_iter().flat_map(Object::iter) {
            if let Some(value) = member(given, name) {
                parameters.insert(name.clone(), escaped(value));
            } else if let Some(value) = part(parameter, "defaultValue") {
                parameters.insert(name.clone(), value.clone());
            }
        }
        let variables = part(document, "variables").and_then(Value::as_object).cloned().unwrap_or_default();
        Self { parameters, variables, left }
    }

    /// Takes from what is left, before it is read or made.
    fn spend(&self, amount: usize) -> Result<(), String> {
        let left = self.left.get().checked_sub(amount);
        self.left.set(left.unwrap_or(0));
        left.map(|_| ()).ok_or_else(|| format!("the expressions of the file make more than {} MiB", WORK_MAX >> 20))
    }

    /// The value without expressions of the template; each that cannot be resolved becomes plain text, with a finding.
    fn resolved(&self, value: &Value, at: &Pointer, findings: &mut Vec<Diagnostic>) -> Value {
        match value {
            Value::String(text) => match self.text(text, 0) {
                Ok(value) => value,
                Err(_) if findings.len() >= FINDINGS_MAX => text.replace("@{", "@@{").into(),
                Err(reason) => {
                    let shown: String = text.chars().take(200).collect();
                    let message = format!("The deployment template would put a value here: {shown} ({reason})");
                    let hint = "Replace it by the value, or by a parameter of the flow.";
                    findings.push(Diagnostic::warning("template_expression", at.clone(), message).with_hint(hint));
                    text.replace("@{", "@@{").into()
                }
            },
            Value::Array(elements) => {
                let each = elements.iter().enumerate();
                Value::array(each.map(|(index, own)| self.resolved(own, &at.child(index), findings)).collect())
            }
            Value::Object(members) => {
                let mut made = Object::with_capacity(members.len());
                for (name, own) in members.iter() {
                    // Names are expressions too.
                    let named = self.text(name, 0).ok().and_then(|name| name.as_str().map(Str::from));
                    made.insert(named.unwrap_or_else(|| name.clone()), self.resolved(own, &at.child(name), findings));
                }
                made.into()
            }
            other => other.clone(),
        }
    }

    /// The value where all of its expressions can be resolved.
    fn whole(&self, value: &Value, depth: usize) -> Option<Value> {
        if depth > DEPTH_MAX || self.spend(1).is_err() {
            return None;
        }
        Some(match value {
            Value::String(text) => self.text(text, depth).ok()?,
            Value::Array(elements) => {
                Value::array(elements.iter().map(|own| self.whole(own, depth + 1)).collect::<Option<_>>()?)
            }
            Value::Object(members) => {
                let mut made = Object::with_capacity(members.len());
                for (name, own) in members.iter() {
                    made.insert(name.clone(), self.whole(own, depth + 1)?);
                }
                made.into()
            }
            other => other.clone(),
        })
    }

    fn text(&self, text: &str, depth: usize) -> Result<Value, String> {
        if let Some(rest) = text.strip_prefix("[[") {
            return Ok(format!("[{rest}").into());
        }
        match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            None => Ok(text.into()),
            // A text such as `[1]` is a list to people, not an expression of a deployment.
            Some(inner) => match syntax::parse(inner) {
                Some(node) => self.evaluate(&node, depth),
                None => Err("it cannot be read".to_owned()),
            },
        }
    }

    fn evaluate(&self, node: &Node, depth: usize) -> Result<Value, String> {
        if depth > DEPTH_MAX {
            return Err("it refers to itself".to_owned());
        }
        self.spend(1)?;
        let (name, arguments, steps) = match node {
            Node::Text(text) => return Ok(Value::String(text.clone())),
            Node::Number(number) => return Ok(Value::Integer(*number)),
            Node::Call { name, arguments, steps } => (name.to_ascii_lowercase(), arguments, steps),
        };
        let mut value = match (name.as_str(), &arguments[..]) {
            ("if", [condition, yes, no]) => {
                let condition = self.evaluate(condition, depth + 1)?;
                self.evaluate(if condition.as_bool() == Some(true) { yes } else { no }, depth + 1)?
            }
            _ => {
                let given: Vec<Value> =
                    arguments.iter().map(|argument| self.evaluate(argument, depth + 1)).collect::<Result<_, _>>()?;
                self.call(&name, &given, depth)?
            }
        };
        for step in steps {
            let key = match step {
                Step::Member(name) => Value::String(name.clone()),
                Step::Index(node) => self.evaluate(node, depth + 1)?,
            };
            let next = match (&value, &key) {
                (Value::Object(members), Value::String(name)) => member(members, name).cloned(),
                (Value::Array(elements), Value::Integer(index)) => {
                    usize::try_from(*index).ok().and_then(|index| elements.get(index).cloned())
                }
                _ => None,
            };
            value = next.ok_or_else(|| format!("'{}' is not there", content::to_text(&key)))?;
        }
        Ok(value)
    }

    fn call(&self, name: &str, given: &[Value], depth: usize) -> Result<Value, String> {
        let named = |of: &Object, what: &str| -> Result<Value, String> {
            let wanted = given.first().and_then(Value::as_str).unwrap_or_default();
            let value = member(of, wanted).ok_or_else(|| format!("the {what} '{wanted}' has no value"))?;
            self.whole(value, depth + 1).ok_or_else(|| format!("the {what} '{wanted}' depends on the deployment"))
        };
        match (name, given) {
            ("parameters", [_]) => named(&self.parameters, "parameter"),
            ("variables", [_]) => named(&self.variables, "variable"),
            ("null", []) => Ok(Value::Null),
            ("true", []) => Ok(Value::Bool(true)),
            ("false", []) => Ok(Value::Bool(false)),
            ("format", [form, rest @ ..]) => self.format(&content::to_text(form), rest),
            ("concat", lists) if lists.iter().any(|list| list.as_array().is_some()) => {
                let lists = || lists.iter().map(|list| list.as_array().unwrap_or_default());
                self.spend(lists().map(<[Value]>::len).sum())?;
                Ok(Value::array(lists().flatten().cloned().collect()))
            }
            ("concat", texts) => {
                let mut made = String::new();
                texts.iter().try_for_each(|text| self.push(&mut made, text))?;
                Ok(made.into())
            }
            ("createobject", pairs) => {
                Ok(Value::object(pairs.chunks_exact(2).map(|pair| (content::to_text(&pair[0]), pair[1].clone()))))
            }
            ("padleft", [text, width, rest @ ..]) => {
                let text = content::to_text(text);
                let width = width.as_i64().and_then(|width| usize::try_from(width).ok()).unwrap_or(0).min(1_000);
                let fill = rest.first().map_or_else(|| " ".into(), content::to_text);
                let missing = width.saturating_sub(text.chars().count());
                self.spend(fill.len().saturating_mul(missing).saturating_add(text.len()))?;
                Ok(format!("{}{text}", fill.repeat(missing)).into())
            }
            ("uri", [base, relative]) => {
                let (base, relative) = (content::to_text(base), content::to_text(relative));
                Ok(format!("{}/{}", base.trim_end_matches('/'), relative.trim_start_matches('/')).into())
            }
            _ => match SHARED.iter().find(|shared| shared.eq_ignore_ascii_case(name)) {
                Some(function) => self.shared(function, given),
                None => Err(format!("{name}() depends on the deployment")),
            },
        }
    }

    /// Appends a value as text.
    fn push(&self, made: &mut String, value: &Value) -> Result<(), String> {
        // Its JSON is counted before it is made.
        if value.as_str().is_none() {
            self.spend(value.json_bytes())?;
        }
        let text = content::to_text(value);
        self.spend(text.len())?;
        made.push_str(&text);
        Ok(())
    }

    /// A function that a flow has too.
    fn shared(&self, function: &str, given: &[Value]) -> Result<Value, String> {
        let list: Vec<String> = (0..given.len()).map(|index| format!("item()[{index}]")).collect();
        let context = Value::object([("item", Value::array(given.to_vec()))]);
        let most = self.left.get().min(CALL_WORK_MAX);
        let limits = Limits { work_max: most, made_bytes_max: most, ..Limits::default() };
        let context = Context::new(&context, Timestamp::default(), 0, limits);
        let call = Value::from(format!("@{function}({})", list.join(",")));
        let made = evaluate(&call, &context).map_err(|fault| fault.message.to_string())?;
        self.spend(made.json_bytes())?;
        Ok(made)
    }

    /// `{0}` stands for the first value; `{{` and `}}` for a brace. Formats behind a colon are left to a deployment.
    fn format(&self, form: &str, values: &[Value]) -> Result<Value, String> {
        self.spend(form.len())?;
        let mut made = String::new();
        let mut rest = form;
        while let Some(at) = rest.find(['{', '}']) {
            made.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                made.push_str(brace);
                rest = after;
                continue;
            }
            let (index, after) = rest.split_once('}').ok_or("its format has an open brace")?;
            let value = index.trim().parse::<usize>().ok().and_then(|index| values.get(index));
            self.push(&mut made, value.ok_or_else(|| format!("its format asks for {{{index}}}"))?)?;
            rest = after;
        }
        made.push_str(rest);
        Ok(made.into())
    }
}

/// A value that was evaluated already and is read once more.
fn escaped(value: &Value) -> Value {
    match value {
        Value::String(text) if text.starts_with('[') => format!("[{text}").into(),
        Value::Array(elements) => Value::array(elements.iter().map(escaped).collect()),
        Value::Object(members) => Value::object(members.iter().map(|(name, own)| (name.clone(), escaped(own)))),
        other => other.clone(),
    }
}
