//! Templates: the strings of a definition, parsed once, evaluated often.

use std::fmt;
use std::sync::Arc;

use hookmill_model::{Object, Pointer, Str, Value};

use crate::arguments::nests_within;
use crate::error::{Error, ErrorKind};
use crate::evaluate::Evaluation;
use crate::item::{Item, text};
use crate::mention::Reference;
use crate::scope::{Limits, Scope};
use crate::syntax::{self, Call, Node};
use crate::work::Exhausted;

/// One string of a definition, parsed. Clones share everything.
#[derive(Clone, Debug)]
pub struct Template(Arc<Parsed>);

#[derive(Debug)]
struct Parsed {
    source: Str,
    form: Form,
}

#[derive(Debug, PartialEq)]
enum Form {
    Literal(Str),
    Expression(Node),
    Interpolation(Vec<Piece>),
}

#[derive(Debug, PartialEq)]
enum Piece {
    Text(Str),
    Expression(Node),
}

impl Template {
    /// Parses a string as it stands in a definition.
    ///
    /// # Errors
    /// `ParseError`, `UnknownFunction` or `ArgumentCount`, with the place in `text`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::parse_within(text, &Limits::DEFAULT)
    }

    /// Parses a string within other limits than the default ones.
    ///
    /// # Errors
    /// As [`Template::parse`].
    pub fn parse_within(text: &str, limits: &Limits) -> Result<Self, Error> {
        let form = parse_form(text, limits).map_err(|error| error.located(text))?;
        Ok(Self(Arc::new(Parsed { source: text.into(), form })))
    }

    /// Whether evaluating it always gives the same text.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        matches!(self.0.form, Form::Literal(_))
    }

    /// The text it was parsed from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Evaluates it.
    ///
    /// # Errors
    /// What went wrong, with the place in the template.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Value, Error> {
        self.evaluate_in(&Evaluation::new(scope))
    }

    /// Evaluates it as a part of an evaluation, whose budget it shares.
    pub(crate) fn evaluate_in(&self, evaluation: &Evaluation<'_>) -> Result<Value, Error> {
        match &self.0.form {
            Form::Literal(text) => Ok(Value::String(Arc::clone(text))),
            Form::Expression(node) => evaluation.node(node).map(Item::into_value),
            Form::Interpolation(pieces) => interpolate(pieces, evaluation),
        }
        .map_err(|error| error.located(&self.0.source))
    }

    /// The names it refers to.
    #[must_use]
    pub fn references(&self) -> Vec<Reference> {
        let mut references = Vec::new();
        self.visit(&mut |call| references.extend(Reference::of(call, &self.0.source)));
        references
    }

    /// The functions it calls, in the order of the text.
    #[must_use]
    pub fn functions(&self) -> Vec<&'static str> {
        let mut functions = Vec::new();
        self.visit(&mut |call| functions.push(call.function.name));
        functions
    }

    fn visit(&self, seen: &mut dyn FnMut(&Call)) {
        match &self.0.form {
            Form::Literal(_) => {}
            Form::Expression(node) => visit(node, seen),
            Form::Interpolation(pieces) => {
                for piece in pieces {
                    if let Piece::Expression(node) = piece {
                        visit(node, seen);
                    }
                }
            }
        }
    }
}

fn visit(node: &Node, seen: &mut dyn FnMut(&Call)) {
    if let Node::Call(call) = node {
        seen(call);
        for argument in &call.arguments {
            visit(argument, seen);
        }
        for selection in &call.selections {
            visit(&selection.key, seen);
        }
    }
}

impl PartialEq for Template {
    /// The same meaning; white space and the case of function names do not matter.
    fn eq(&self, other: &Self) -> bool {
        self.0.form == other.0.form
    }
}

impl fmt::Display for Template {
    /// A text that parses to the same template.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.form {
            Form::Literal(_) => f.write_str(&self.0.source),
            Form::Expression(node) => write!(f, "@{node}"),
            Form::Interpolation(pieces) => {
                for piece in pieces {
                    match piece {
                        Piece::Text(text) => f.write_str(&text.replace("@{", "@@{"))?,
                        Piece::Expression(node) => write!(f, "@{{{node}}}")?,
                    }
                }
                Ok(())
            }
        }
    }
}

type Parse<T> = Result<T, Box<Error>>;

fn parse_form(text: &str, limits: &Limits) -> Parse<Form> {
    if text.len() >= 2 && text.starts_with("@@") {
        return Ok(Form::Literal(text[1..].into()));
    }
    if text.len() >= 2 && text.starts_with('@') && !text.starts_with("@{") {
        return expression(&text[1..], 1, limits).map(Form::Expression);
    }
    if text.contains("@{") {
        interpolation(text, limits).map(Form::Interpolation)
    } else {
        Ok(Form::Literal(text.into()))
    }
}

fn expression(text: &str, offset: usize, limits: &Limits) -> Parse<Node> {
    let max = limits.expression_chars_max;
    if text.len() > max && text.chars().count() > max {
        let message = format!("The expression has more than {max} characters.");
        return Err(Error::new(ErrorKind::ParseError, offset, message));
    }
    syntax::parse(text, offset, limits.depth_max)
}

fn interpolation(text: &str, limits: &Limits) -> Parse<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut at = 0;
    while let Some(found) = text[at..].find("@{").map(|found| at + found) {
        if found > at && text[..found].ends_with('@') {
            // `@@{` stands for the two characters; what follows is text up to the next `@{`.
            literal.push_str(&text[at..found - 1]);
            literal.push_str("@{");
            at = found + 2;
            continue;
        }
        literal.push_str(&text[at..found]);
        let begin = found + 2;
        let Some(length) = closing_brace(&text[begin..]) else {
            let message = format!("The template '{}' has '@{{' without a closing '}}'.", syntax::shown(text));
            return Err(Error::new(ErrorKind::ParseError, found, message));
        };
        let node = expression(&text[begin..begin + length], begin, limits)?;
        if !literal.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut literal).into()));
        }
        pieces.push(Piece::Expression(node));
        at = begin + length + 1;
    }
    literal.push_str(&text[at..]);
    if !literal.is_empty() {
        pieces.push(Piece::Text(literal.into()));
    }
    Ok(pieces)
}

/// The length of the text before the first `}` that does not stand in quotes.
fn closing_brace(text: &str) -> Option<usize> {
    let mut quoted = false;
    text.bytes().position(|byte| {
        quoted ^= byte == b'\'';
        byte == b'}' && !quoted
    })
}

fn interpolate(pieces: &[Piece], evaluation: &Evaluation<'_>) -> Parse<Value> {
    let limits = evaluation.scope.limits();
    let max = limits.text_bytes_max();
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(literal) => text.push_str(literal),
            Piece::Expression(node) => {
                let at = if let Node::Call(call) = node { call.at } else { 0 };
                let item = evaluation.node(node)?;
                let before = text.len();
                let made = if item.push_text(&mut text, max) {
                    evaluation.work.spend(text.len() - before).and_then(|()| evaluation.work.make(text.len() - before))
                } else {
                    let message = format!("The text would be longer than {max} bytes.");
                    let is_of_memory = limits.made_bytes_max < limits.result_bytes_max;
                    Err(if is_of_memory { Exhausted::Memory(message) } else { Exhausted::Work(message) })
                };
                if let Err(exhausted) = made {
                    let mut error = Error::new(ErrorKind::LimitExceeded, at, exhausted.to_string());
                    error.is_of_memory = matches!(exhausted, Exhausted::Memory(_));
                    return Err(error);
                }
            }
        }
    }
    Ok(text.into())
}

/// A JSON value whose strings are templates, compiled once. The names of members are templates too: `@@odata.type`
/// stands for `@odata.type`, `@variables('k')` for the text of its value.
///
/// Parts without expressions are kept as they are and shared by every evaluation.
#[derive(Clone, Debug)]
pub struct Compiled {
    source: Value,
    tree: Tree,
}

#[derive(Clone, Debug)]
enum Tree {
    Literal(Value),
    Template(Template),
    Array(Arc<Vec<Tree>>),
    Object(Arc<Vec<(Name, Tree)>>),
}

/// The name of a member, which is a template like a value.
#[derive(Clone, Debug)]
struct Name {
    /// As it stands in the definition.
    source: Str,
    form: NameForm,
}

#[derive(Clone, Debug)]
enum NameForm {
    Literal(Str),
    Template(Template),
}

impl Compiled {
    /// Compiles every string of `source`.
    ///
    /// # Errors
    /// The faulty strings, at most a hundred, each with its pointer below `source`.
    pub fn new(source: &Value) -> Result<Self, Vec<(Pointer, Error)>> {
        Self::new_within(source, &Limits::DEFAULT)
    }

    /// Compiles within other limits than the default ones.
    ///
    /// # Errors
    /// As [`Compiled::new`].
    pub fn new_within(source: &Value, limits: &Limits) -> Result<Self, Vec<(Pointer, Error)>> {
        let mut errors = Vec::new();
        let tree = compile(source, &Pointer::root(), limits, &mut errors);
        if errors.is_empty() { Ok(Self { source: source.clone(), tree }) } else { Err(errors) }
    }

    /// A value that is taken as it is, without looking for expressions.
    #[must_use]
    pub fn literal(value: Value) -> Self {
        Self { source: value.clone(), tree: Tree::Literal(value) }
    }

    /// Whether it has no expressions.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        matches!(self.tree, Tree::Literal(_))
    }

    /// What it was compiled from.
    #[must_use]
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// Evaluates every template.
    ///
    /// # Errors
    /// The first failing template with its pointer.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Value, (Pointer, Error)> {
        let value = evaluate_tree(&self.tree, &Evaluation::new(scope), &Pointer::root())?;
        // What is put together from values can nest deeper than each of them.
        let max = scope.limits().depth_max;
        if matches!(self.tree, Tree::Array(_) | Tree::Object(_)) && !nests_within(&value, max, &mut 0) {
            let message = format!("The value would nest deeper than {max} levels.");
            return Err((Pointer::root(), *Error::new(ErrorKind::LimitExceeded, 0, message)));
        }
        Ok(value)
    }

    /// The member of a compiled object, where there is one.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<Self> {
        let source = self.source.get(name)?.clone();
        let tree = match &self.tree {
            Tree::Object(members) => members.iter().find(|(own, _)| &*own.source == name)?.1.clone(),
            Tree::Literal(_) => match Compiled::new(&source) {
                Ok(compiled) => compiled.tree,
                Err(_) => Tree::Literal(source.clone()),
            },
            Tree::Template(_) | Tree::Array(_) => return None,
        };
        Some(Self { source, tree })
    }

    /// All templates with expressions, each with its pointer.
    #[must_use]
    pub fn templates(&self) -> Vec<(Pointer, Template)> {
        let mut templates = Vec::new();
        collect(&self.tree, &Pointer::root(), &mut templates);
        templates
    }
}

/// A value with so many faulty strings is not read further.
pub(crate) const FAULTS_MAX: usize = 100;

fn compile(source: &Value, pointer: &Pointer, limits: &Limits, errors: &mut Vec<(Pointer, Error)>) -> Tree {
    if errors.len() >= FAULTS_MAX {
        return Tree::Literal(Value::Null);
    }
    match source {
        Value::String(text) => match Template::parse_within(text, limits) {
            Ok(template) => match &template.0.form {
                Form::Literal(literal) => Tree::Literal(Value::String(Arc::clone(literal))),
                _ => Tree::Template(template),
            },
            Err(error) => {
                errors.push((pointer.clone(), error));
                Tree::Literal(Value::Null)
            }
        },
        Value::Array(elements) => {
            let trees: Vec<Tree> = elements
                .iter()
                .enumerate()
                .map(|(index, element)| compile(element, &pointer.child(index), limits, errors))
                .collect();
            match trees.iter().map(unchanged).collect::<Option<Vec<_>>>() {
                Some(literals) if literals == **elements => Tree::Literal(source.clone()),
                Some(literals) => Tree::Literal(Value::array(literals)),
                None => Tree::Array(Arc::new(trees)),
            }
        }
        Value::Object(members) => {
            let trees: Vec<(Name, Tree)> = members
                .iter()
                .map(|(name, value)| {
                    let pointer = pointer.child(name);
                    (compile_name(name, &pointer, limits, errors), compile(value, &pointer, limits, errors))
                })
                .collect();
            let literals: Option<Object> = trees
                .iter()
                .map(|(name, tree)| match &name.form {
                    NameForm::Literal(name) => unchanged(tree).map(|value| (Arc::clone(name), value)),
                    NameForm::Template(_) => None,
                })
                .collect::<Option<Vec<_>>>()
                .map(|members| members.into_iter().collect());
            match literals {
                Some(literals) if literals == **members => Tree::Literal(source.clone()),
                Some(literals) => Tree::Literal(literals.into()),
                None => Tree::Object(Arc::new(trees)),
            }
        }
        other => Tree::Literal(other.clone()),
    }
}

fn compile_name(name: &Str, pointer: &Pointer, limits: &Limits, errors: &mut Vec<(Pointer, Error)>) -> Name {
    let form = match Template::parse_within(name, limits) {
        Ok(template) => match &template.0.form {
            Form::Literal(literal) => NameForm::Literal(Arc::clone(literal)),
            _ => NameForm::Template(template),
        },
        Err(error) => {
            if errors.len() < FAULTS_MAX {
                errors.push((pointer.clone(), error));
            }
            NameForm::Literal(Arc::clone(name))
        }
    };
    Name { source: Arc::clone(name), form }
}

fn unchanged(tree: &Tree) -> Option<Value> {
    if let Tree::Literal(value) = tree { Some(value.clone()) } else { None }
}

/// All templates of one value share one budget.
fn evaluate_tree(tree: &Tree, evaluation: &Evaluation<'_>, pointer: &Pointer) -> Result<Value, (Pointer, Error)> {
    match tree {
        Tree::Literal(value) => Ok(value.clone()),
        Tree::Template(template) => template.evaluate_in(evaluation).map_err(|error| (pointer.clone(), error)),
        Tree::Array(trees) => trees
            .iter()
            .enumerate()
            .map(|(index, tree)| match tree {
                Tree::Literal(value) => Ok(value.clone()),
                tree => evaluate_tree(tree, evaluation, &pointer.child(index)),
            })
            .collect::<Result<Vec<_>, _>>()
            .map(Value::array),
        Tree::Object(trees) => {
            let mut members = Object::with_capacity(trees.len());
            for (name, tree) in trees.iter() {
                let below = || pointer.child(&name.source);
                let value = match tree {
                    Tree::Literal(value) => value.clone(),
                    tree => evaluate_tree(tree, evaluation, &below())?,
                };
                let name = match &name.form {
                    NameForm::Literal(name) => Arc::clone(name),
                    NameForm::Template(template) => {
                        text(&template.evaluate_in(evaluation).map_err(|error| (below(), error))?)
                    }
                };
                members.insert(name, value);
            }
            Ok(members.into())
        }
    }
}

fn collect(tree: &Tree, pointer: &Pointer, templates: &mut Vec<(Pointer, Template)>) {
    match tree {
        Tree::Literal(_) => {}
        Tree::Template(template) => templates.push((pointer.clone(), template.clone())),
        Tree::Array(trees) => {
            for (index, tree) in trees.iter().enumerate() {
                collect(tree, &pointer.child(index), templates);
            }
        }
        Tree::Object(trees) => {
            for (name, tree) in trees.iter() {
                let below = pointer.child(&name.source);
                if let NameForm::Template(template) = &name.form {
                    templates.push((below.clone(), template.clone()));
                }
                collect(tree, &below, templates);
            }
        }
    }
}
