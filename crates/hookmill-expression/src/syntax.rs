//! The grammar: from the text of an expression to a tree, and back.
//!
//! `expression = literal | call`, `call = identifier "(" arguments ")" { dereference }`. There are no operators. A
//! function that does not exist and a wrong number of arguments are found here, so that saving a flow finds them.

use std::fmt;

use hookmill_model::{Str, Value};

use crate::error::{Error, ErrorKind};
use crate::letter::is_space;
use crate::table::{self, Function};

type Result<T> = std::result::Result<T, Box<Error>>;

/// A node of the tree.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Literal(Value),
    Call(Box<Call>),
}

/// A call with everything that is selected from its result.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub function: &'static Function,
    pub arguments: Vec<Node>,
    /// Byte of the function's name in the template.
    pub at: usize,
    pub selections: Vec<Selection>,
}

/// `?['name']`, `.name`, `[0]`
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    pub safe: bool,
    pub key: Node,
    pub at: usize,
}

impl PartialEq for Node {
    /// The same tree, wherever it stood in its text.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Literal(a), Self::Literal(b)) => a == b && a.type_name() == b.type_name(),
            (Self::Call(a), Self::Call(b)) => {
                std::ptr::eq(a.function, b.function)
                    && a.arguments == b.arguments
                    && a.selections.len() == b.selections.len()
                    && a.selections.iter().zip(&b.selections).all(|(x, y)| x.safe == y.safe && x.key == y.key)
            }
            _ => false,
        }
    }
}

fn is_identifier(c: char) -> bool {
    !is_space(c) && !matches!(c, '.' | ',' | '(' | ')' | '{' | '}' | '@' | '[' | ']' | '?' | '\'')
}

/// Reads one whole expression. `offset` is where `text` begins in its template.
///
/// Calls that nest deeper than `depth_max` are refused before they can exhaust the stack.
pub(crate) fn parse(text: &str, offset: usize, depth_max: usize) -> Result<Node> {
    let mut reader = Reader { text, at: 0, offset, depth: 0, depth_max };
    let node = reader.expression()?;
    reader.spaces();
    match reader.peek() {
        None => Ok(node),
        Some(c) => Err(reader.error(format!("unexpected '{c}' after the end of the expression"))),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    offset: usize,
    depth: usize,
    depth_max: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn take(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.at += c.len_utf8();
        }
        found
    }

    fn take_while(&mut self, accept: impl Fn(char) -> bool) -> &'a str {
        let rest = &self.text[self.at..];
        let length = rest.find(|c| !accept(c)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn spaces(&mut self) {
        self.take_while(is_space);
    }

    fn error_at(&self, at: usize, detail: impl fmt::Display) -> Box<Error> {
        let message = format!("The template language expression '{}' is not valid: {detail}.", shown(self.text));
        Error::new(ErrorKind::ParseError, self.offset + at, message)
    }

    fn error(&self, detail: impl fmt::Display) -> Box<Error> {
        self.error_at(self.at, detail)
    }

    fn expression(&mut self) -> Result<Node> {
        self.depth += 1;
        if self.depth > self.depth_max {
            return Err(self.error(format!("it is nested deeper than {} levels", self.depth_max)));
        }
        self.spaces();
        let node = match self.peek() {
            None => Err(self.error("an expression is missing")),
            Some('\'') => self.string().map(|text| Node::Literal(Value::String(text))),
            Some('"') => Err(self.error("text stands in single quotes, not in double quotes")),
            Some('0'..='9' | '+' | '-') => self.number(),
            Some('.') if self.text[self.at + 1..].starts_with(|c: char| c.is_ascii_digit()) => self.number(),
            Some(c) if is_identifier(c) => self.word(),
            Some(c) => Err(self.error(format!("unexpected '{c}'"))),
        }?;
        self.depth -= 1;
        Ok(node)
    }

    fn string(&mut self) -> Result<Str> {
        let begun = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            text.push_str(self.take_while(|c| c != '\''));
            if !self.take('\'') {
                return Err(self.error_at(begun, "the text that begins here has no closing quote"));
            }
            if !self.take('\'') {
                return Ok(text.into());
            }
            text.push('\'');
        }
    }

    fn number(&mut self) -> Result<Node> {
        let begun = self.at;
        if !self.take('+') {
            self.take('-');
        }
        let digits = self.take_while(|c| c.is_ascii_digit()).len();
        let mut whole = true;
        let mut fraction = 0;
        if self.take('.') {
            whole = false;
            fraction = self.take_while(|c| c.is_ascii_digit()).len();
        }
        if digits + fraction == 0 {
            self.at = begun;
            return self.word();
        }
        if matches!(self.peek(), Some('e' | 'E')) {
            whole = false;
            self.at += 1;
            if !self.take('+') {
                self.take('-');
            }
            if self.take_while(|c| c.is_ascii_digit()).is_empty() {
                return Err(self.error("the exponent of the number has no digits"));
            }
        }
        if self.peek().is_some_and(is_identifier) {
            return Err(self.error("a number must not be followed by letters"));
        }
        let text = &self.text[begun..self.at];
        let value = if whole { text.parse().ok().map(Value::Integer) } else { None };
        let value = value.or_else(|| text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::Float));
        value.map(Node::Literal).ok_or_else(|| self.error_at(begun, format!("'{text}' is not a number")))
    }

    fn word(&mut self) -> Result<Node> {
        let at = self.at;
        let word = self.take_while(is_identifier);
        self.spaces();
        if !self.take('(') {
            return match word.to_ascii_lowercase().as_str() {
                "null" => Ok(Node::Literal(Value::Null)),
                "true" => Ok(Node::Literal(Value::Bool(true))),
                "false" => Ok(Node::Literal(Value::Bool(false))),
                _ => {
                    Err(self.error_at(at, format!("'{}' is neither a value nor a call; a call needs '('", shown(word))))
                }
            };
        }
        let arguments = self.arguments()?;
        let selections = self.selections()?;
        let Some(function) = table::find(word) else {
            let message = format!("The template function '{}' is not defined or not valid.", shown(word));
            let mut error = Error::new(ErrorKind::UnknownFunction, self.offset + at, message);
            error.function = Some(shown(word).into());
            error.suggestion =
                crate::error::closest(word, table::functions().map(|function| function.name)).map(Into::into);
            return Err(error);
        };
        if arguments.len() < function.arguments_min || function.arguments_max.is_some_and(|max| arguments.len() > max) {
            let message = format!(
                "The template function '{}' expects {}; it was given {}.",
                function.name,
                function.arity(),
                arguments.len()
            );
            let mut error = Error::new(ErrorKind::ArgumentCount, self.offset + at, message);
            error.function = Some(function.name.into());
            return Err(error);
        }
        Ok(Node::Call(Box::new(Call { function, arguments, at: self.offset + at, selections })))
    }

    fn arguments(&mut self) -> Result<Vec<Node>> {
        let mut arguments = Vec::new();
        self.spaces();
        if self.take(')') {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.expression()?);
            self.spaces();
            if self.take(')') {
                return Ok(arguments);
            }
            if !self.take(',') {
                return Err(match self.peek() {
                    None => self.error("a closing ')' is missing"),
                    Some(c) => self.error(format!("expected ',' or ')', found '{c}'")),
                });
            }
        }
    }

    fn selections(&mut self) -> Result<Vec<Selection>> {
        let mut selections = Vec::new();
        loop {
            self.spaces();
            let at = self.offset + self.at;
            let safe = self.take('?');
            if safe {
                self.spaces();
            }
            if self.take('.') {
                self.spaces();
                let name = self.take_while(is_identifier);
                if name.is_empty() {
                    return Err(self.error("the name of a property is missing after '.'"));
                }
                selections.push(Selection { safe, key: Node::Literal(name.into()), at });
            } else if self.take('[') {
                let key = self.expression()?;
                self.spaces();
                if !self.take(']') {
                    return Err(self.error("a closing ']' is missing"));
                }
                selections.push(Selection { safe, key, at });
            } else if safe {
                return Err(self.error("'?' must be followed by '.' or '['"));
            } else {
                return Ok(selections);
            }
        }
    }
}

/// Long texts are cut in messages.
pub(crate) fn shown(text: &str) -> String {
    let mut cut: String = text.chars().take(120).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(Value::String(text)) => write!(f, "'{}'", text.replace('\'', "''")),
            Self::Literal(Value::Float(number)) => write!(f, "{number:e}"),
            Self::Literal(value) => write!(f, "{value}"),
            Self::Call(call) => write!(f, "{}", call.up_to(call.selections.len())),
        }
    }
}

impl Call {
    /// The call with the first of its selections, for writing.
    pub fn up_to(&self, selections: usize) -> impl fmt::Display {
        fmt::from_fn(move |f| {
            write!(f, "{}(", self.function.name)?;
            for (index, argument) in self.arguments.iter().enumerate() {
                if index > 0 {
                    f.write_str(", ")?;
                }
                write!(f, "{argument}")?;
            }
            f.write_str(")")?;
            for selection in self.selections.iter().take(selections) {
                let mark = if selection.safe { "?" } else { "" };
                write!(f, "{mark}[{}]", selection.key)?;
            }
            Ok(())
        })
    }
}
