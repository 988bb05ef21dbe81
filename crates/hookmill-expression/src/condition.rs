//! Conditions: a template that gives a boolean, or an object of `and`, `or`, `not` and functions.

use std::sync::OnceLock;

use hookmill_model::{Pointer, Value};

use crate::error::{Error, ErrorKind};
use crate::evaluate::{self, Evaluation};
use crate::item::Item;
use crate::scope::Scope;
use crate::table::{self, Evaluator, Function};
use crate::template::{Compiled, FAULTS_MAX, Template};

/// Conditions may nest this deep.
const DEPTH_MAX: usize = 50;

/// A compiled condition.
#[derive(Clone, Debug)]
pub struct Condition {
    source: Value,
    form: Form,
    /// All of its expressions, for [`Condition::shown`]; made when it is first asked for.
    shown: OnceLock<Result<Compiled, (Pointer, Error)>>,
}

#[derive(Clone, Debug)]
enum Form {
    Constant(bool),
    Template(Template),
    And(Vec<(Pointer, Form)>),
    Or(Vec<(Pointer, Form)>),
    Not(Box<Form>),
    Call(&'static Function, Vec<Compiled>, Pointer),
}

impl Condition {
    /// Compiles a condition as it stands in a definition.
    ///
    /// # Errors
    /// The faults, about a hundred at most, each with its pointer below `source`.
    pub fn new(source: &Value) -> Result<Self, Vec<(Pointer, Error)>> {
        let mut errors = Vec::new();
        let form = compile(source, &Pointer::root(), 0, &mut errors);
        if errors.is_empty() { Ok(Self { source: source.clone(), form, shown: OnceLock::new() }) } else { Err(errors) }
    }

    /// A condition that is false.
    #[must_use]
    pub const fn never() -> Self {
        Self { source: Value::Bool(false), form: Form::Constant(false), shown: OnceLock::new() }
    }

    /// What it was compiled from.
    #[must_use]
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// All templates with expressions, each with its pointer.
    #[must_use]
    pub fn templates(&self) -> Vec<(Pointer, Template)> {
        let mut found = Vec::new();
        templates(&self.form, &Pointer::root(), &mut found);
        found
    }

    /// Evaluates it; what is not needed is not evaluated.
    ///
    /// # Errors
    /// The failing expression with its pointer; a value that is not a boolean is an `InvalidArgument`.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<bool, (Pointer, Error)> {
        evaluate_form(&self.form, &Pointer::root(), scope)
    }

    /// The condition with every expression replaced by its value, as the run history shows it.
    ///
    /// # Errors
    /// The first failing expression with its pointer.
    pub fn shown(&self, scope: &dyn Scope) -> Result<Value, (Pointer, Error)> {
        let compiled = self.shown.get_or_init(|| Compiled::new(&self.source).map_err(|mut errors| errors.remove(0)));
        compiled.as_ref().map_err(Clone::clone)?.evaluate(scope)
    }
}

fn fault(kind: ErrorKind, message: impl Into<String>) -> Error {
    Error::new(kind, 0, message).located("")
}

fn compile(source: &Value, pointer: &Pointer, depth: usize, errors: &mut Vec<(Pointer, Error)>) -> Form {
    if errors.len() >= FAULTS_MAX {
        return Form::Constant(false);
    }
    if depth > DEPTH_MAX {
        errors.push((
            pointer.clone(),
            fault(ErrorKind::ParseError, format!("Conditions nest deeper than {DEPTH_MAX} levels.")),
        ));
        return Form::Constant(false);
    }
    match source {
        Value::Bool(truth) => Form::Constant(*truth),
        Value::String(text) => match Template::parse(text) {
            Ok(template) => Form::Template(template),
            Err(error) => {
                errors.push((pointer.clone(), error));
                Form::Constant(false)
            }
        },
        Value::Object(members) if members.len() == 1 => {
            let Some((name, value)) = members.iter().next() else { return Form::Constant(true) };
            let below = pointer.child(name);
            let several = |errors: &mut Vec<_>| -> Vec<(Pointer, Form)> {
                let Some(elements) = value.as_array() else {
                    errors.push((
                        below.clone(),
                        fault(ErrorKind::ParseError, format!("'{name}' needs an array of conditions.")),
                    ));
                    return Vec::new();
                };
                let each = |(index, element)| {
                    let pointer = below.child(index);
                    let form = compile(element, &pointer, depth + 1, errors);
                    (pointer, form)
                };
                elements.iter().enumerate().map(each).collect()
            };
            match name.to_ascii_lowercase().as_str() {
                "and" => Form::And(several(errors)),
                "or" => Form::Or(several(errors)),
                "not" => {
                    // The designer writes an object, some definitions an array of one.
                    let (inner, pointer) = match value.as_array() {
                        Some([only]) => (only, below.child(0)),
                        _ => (value, below),
                    };
                    Form::Not(Box::new(compile(inner, &pointer, depth + 1, errors)))
                }
                _ => call(name, value, &below, errors),
            }
        }
        Value::Object(members) if members.is_empty() => Form::Constant(true),
        other => {
            let message = match other {
                Value::Object(_) => "A condition object has exactly one member: 'and', 'or', 'not' or a function.",
                _ => "A condition is an expression, or an object like {\"equals\": [a, b]}.",
            };
            errors.push((pointer.clone(), fault(ErrorKind::ParseError, message)));
            Form::Constant(false)
        }
    }
}

/// Calls a function with values, as an expression does that names it.
///
/// # Errors
/// There is no such function, it needs other arguments, or it fails. A function that does not need all of its arguments,
/// such as `if`, is not called in this way.
pub fn call_function(name: &str, arguments: Vec<Value>, scope: &dyn Scope) -> Result<Value, Error> {
    let found = table::find(name);
    let Some((function, Evaluator::Strict(evaluate))) = found.map(|function| (function, function.evaluator)) else {
        let message = format!("The template function '{name}' is not defined or cannot be called with values.");
        return Err(fault(ErrorKind::UnknownFunction, message));
    };
    check_arity(function, arguments.len())?;
    let items = arguments.into_iter().map(Item::Value).collect();
    let made = Evaluation::new(scope).call(function, 0, items, evaluate);
    made.map(Item::into_value).map_err(|error| evaluate::named(error, function).located(""))
}

fn check_arity(function: &Function, count: usize) -> Result<(), Error> {
    if count < function.arguments_min || function.arguments_max.is_some_and(|max| count > max) {
        let message = format!("The function '{}' takes {}, not {count}.", function.name, function.arity());
        return Err(fault(ErrorKind::ArgumentCount, message));
    }
    Ok(())
}

/// Whether a condition object may use the function: one that needs all of its arguments.
#[must_use]
pub fn is_condition_function(function: &Function) -> bool {
    matches!(function.evaluator, Evaluator::Strict(_))
}

fn call(name: &str, value: &Value, pointer: &Pointer, errors: &mut Vec<(Pointer, Error)>) -> Form {
    let Some(function) = table::find(name).filter(|function| is_condition_function(function)) else {
        let message = format!("The template function '{name}' is not defined or not valid in a condition.");
        let names = table::functions().map(|function| function.name.into()).collect();
        let mut error = Error::new(ErrorKind::UnknownFunction, 0, message).offering(name, names);
        error.offered.clear();
        errors.push((pointer.clone(), error.located("")));
        return Form::Constant(false);
    };
    let arguments: &[Value] = match value {
        Value::Array(elements) => elements,
        single => std::slice::from_ref(single),
    };
    if let Err(error) = check_arity(function, arguments.len()) {
        errors.push((pointer.clone(), error));
        return Form::Constant(false);
    }
    let mut compiled = Vec::with_capacity(arguments.len());
    for (index, argument) in arguments.iter().enumerate() {
        match Compiled::new(argument) {
            Ok(made) => compiled.push(made),
            Err(faults) => {
                let at = pointer.child(index);
                errors.extend(faults.into_iter().map(|(below, error)| (at.join(&below), error)));
            }
        }
    }
    Form::Call(function, compiled, pointer.clone())
}

fn templates(form: &Form, pointer: &Pointer, found: &mut Vec<(Pointer, Template)>) {
    match form {
        Form::Constant(_) => {}
        Form::Template(template) => {
            if !template.is_literal() {
                found.push((pointer.clone(), template.clone()));
            }
        }
        Form::And(forms) | Form::Or(forms) => forms.iter().for_each(|(pointer, form)| templates(form, pointer, found)),
        Form::Not(form) => templates(form, &pointer.child("not"), found),
        Form::Call(_, arguments, pointer) => {
            for (index, argument) in arguments.iter().enumerate() {
                let at = pointer.child(index);
                found.extend(argument.templates().into_iter().map(|(below, template)| (at.join(&below), template)));
            }
        }
    }
}

fn truth(value: &Value, pointer: &Pointer) -> Result<bool, (Pointer, Error)> {
    value.as_bool().ok_or_else(|| {
        let message = format!(
            "The condition must be a boolean. The value '{}' is of type '{}'.",
            crate::item::text(value),
            crate::item::type_name(value)
        );
        let error = Error { is_no_boolean: true, ..fault(ErrorKind::InvalidArgument, message) };
        (pointer.clone(), error)
    })
}

fn evaluate_form(form: &Form, pointer: &Pointer, scope: &dyn Scope) -> Result<bool, (Pointer, Error)> {
    match form {
        Form::Constant(truth) => Ok(*truth),
        Form::Template(template) => {
            let value = template.evaluate(scope).map_err(|error| (pointer.clone(), error))?;
            match value.as_str() {
                // The designer writes constants as texts.
                Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
                Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
                _ => truth(&value, pointer),
            }
        }
        Form::And(forms) => {
            for (pointer, form) in forms {
                if !evaluate_form(form, pointer, scope)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Form::Or(forms) => {
            for (pointer, form) in forms {
                if evaluate_form(form, pointer, scope)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Form::Not(form) => evaluate_form(form, &pointer.child("not"), scope).map(|truth| !truth),
        Form::Call(function, arguments, pointer) => {
            let mut items = Vec::with_capacity(arguments.len());
            for (index, argument) in arguments.iter().enumerate() {
                let value =
                    argument.evaluate(scope).map_err(|(below, error)| (pointer.child(index).join(&below), error))?;
                items.push(Item::Value(value));
            }
            let Evaluator::Strict(evaluate) = function.evaluator else { return Ok(false) };
            let made = Evaluation::new(scope).call(function, 0, items, evaluate);
            let value =
                made.map_err(|error| (pointer.clone(), evaluate::named(error, function).located("")))?.into_value();
            truth(&value, pointer)
        }
    }
}
