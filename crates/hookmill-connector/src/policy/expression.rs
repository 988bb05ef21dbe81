//! The expressions of policies: read once, when a connector is imported, and evaluated for each request.
//!
//! They are not the expressions of flows. There are six functions, each with constant arguments, and a path into JSON
//! behind three of them; an `@` before anything else is text.

use hookmill_model::{Object, Str, Value};

use crate::connection::Credentials;
use crate::draft::Query;
use crate::serialise::{decoded, text};

/// One step of a path into JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Name(Str),
    Index(usize),
}

/// A path into JSON, outermost first.
pub(crate) type Path = Vec<Step>;

/// One call of a function.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    Connection { name: Str, default: Option<Str> },
    Header { name: Str, default: Option<Str> },
    Query { name: Str, default: Option<Str> },
    Body(Path),
    Item(Path),
    TriggerBody(Path),
}

impl Expression {
    /// How the file writes it, for messages.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Connection { name, .. } => format!("@connectionParameters('{name}')"),
            Self::Header { name, .. } => format!("@headers('{name}')"),
            Self::Query { name, .. } => format!("@queryParameters('{name}')"),
            Self::Body(_) => "@body()".to_owned(),
            Self::Item(_) => "@item()".to_owned(),
            Self::TriggerBody(_) => "@triggerBody()".to_owned(),
        }
    }

    /// Whether the value comes from the connection, so that its owner has chosen it.
    pub(crate) const fn is_of_connection(&self) -> bool {
        matches!(self, Self::Connection { .. })
    }
}

/// Text or a call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Piece {
    Text(String),
    Call(Expression),
}

/// Text with expressions in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Template(pub Vec<Piece>);

impl Template {
    /// Reads a parameter of a policy.
    ///
    /// # Errors
    /// The expression that is not known, in words.
    pub(crate) fn read(written: &str) -> Result<Self, String> {
        read(written, false)
    }

    /// Reads the value of `setproperty`, in which `{@body()…}` and `{@item()…}` are the only expressions.
    ///
    /// # Errors
    /// The expression that is not known, in words.
    pub(crate) fn read_property(written: &str) -> Result<Self, String> {
        read(written, true)
    }

    /// The calls in it.
    pub(crate) fn calls(&self) -> impl Iterator<Item = &Expression> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Call(call) => Some(call),
            Piece::Text(_) => None,
        })
    }

    /// The text, where it has no expression.
    pub(crate) fn constant(&self) -> Option<String> {
        match &self.0[..] {
            [] => Some(String::new()),
            [Piece::Text(text)] => Some(text.clone()),
            _ => None,
        }
    }
}

fn read(written: &str, is_property: bool) -> Result<Template, String> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = written;
    while let Some(at) = rest.find(if is_property { '{' } else { '@' }) {
        let (before, after) = rest.split_at(at);
        plain.push_str(before);
        let found = if is_property { braced_call(after)? } else { call_at(after)? };
        match found {
            Some((call, length)) => {
                if !plain.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                }
                pieces.push(Piece::Call(call));
                rest = &after[length..];
            }
            None if after.starts_with("@@") => {
                plain.push('@');
                rest = &after[2..];
            }
            None => {
                plain.push_str(&after[..1]);
                rest = &after[1..];
            }
        }
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(Template(pieces))
}

/// `{@body()…}` at the beginning of a text, with its length.
fn braced_call(text: &str) -> Result<Option<(Expression, usize)>, String> {
    let Some(inner) = text.strip_prefix("{@") else { return Ok(None) };
    let Some((call, length)) = call(inner)? else { return Ok(None) };
    if !matches!(call, Expression::Body(_) | Expression::Item(_)) {
        return Err(format!("{} cannot be used in a property", call.shown()));
    }
    let rest = &inner[length..];
    let end = rest.find('}').filter(|end| rest[..*end].trim().is_empty());
    let end = end.ok_or_else(|| format!("\"{{@{}\" is not closed by a brace", &inner[..length]))?;
    Ok(Some((call, 2 + length + end + 1)))
}

/// `@name(…)…` or `@{name(…)…}` at the beginning of a text, with its length.
fn call_at(text: &str) -> Result<Option<(Expression, usize)>, String> {
    let Some(inner) = text.strip_prefix("@{") else {
        return Ok(call(&text[1..])?.map(|(call, length)| (call, length + 1)));
    };
    let blanks = inner.len() - inner.trim_start().len();
    let Some((call, length)) = call(&inner[blanks..])? else {
        let shown: String = text.chars().take(60).collect();
        return Err(format!("\"{shown}\" is no expression that policies have"));
    };
    let rest = &inner[blanks + length..];
    let end = rest.find('}').filter(|end| rest[..*end].trim().is_empty());
    let end = end.ok_or_else(|| format!("\"@{{{}\" has more than one call", inner.trim_end()))?;
    Ok(Some((call, 2 + blanks + length + end + 1)))
}

/// `name(arguments)path` at the beginning of a text, with its length; `None` where no name with a parenthesis stands
/// there.
fn call(text: &str) -> Result<Option<(Expression, usize)>, String> {
    let letters = text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    if letters == 0 || !text[letters..].starts_with('(') {
        return Ok(None);
    }
    let name = &text[..letters];
    let inside = &text[letters + 1..];
    let (arguments, length) =
        arguments(inside).ok_or_else(|| format!("the arguments of @{name}(…) are not constant texts"))?;
    let mut end = letters + 1 + length;
    let named = |arguments: Vec<String>| {
        let mut given = arguments.into_iter();
        match (given.next().filter(|name| !name.is_empty()), given.next(), given.next()) {
            (Some(name), default, None) => Ok((Str::from(name), default.map(Str::from))),
            _ => Err(format!("@{name}(…) takes a name and perhaps a default")),
        }
    };
    let path = |arguments: Vec<String>, end: &mut usize| {
        if !arguments.is_empty() {
            return Err(format!("@{name}() takes no arguments"));
        }
        let (path, length) = steps(&text[*end..]);
        *end += length;
        Ok(path)
    };
    let call = match name.to_ascii_lowercase().as_str() {
        "connectionparameters" => {
            let (name, default) = named(arguments)?;
            Expression::Connection { name, default }
        }
        "headers" | "header" => {
            let (name, default) = named(arguments)?;
            Expression::Header { name, default }
        }
        "queryparameters" => {
            let (name, default) = named(arguments)?;
            Expression::Query { name, default }
        }
        "body" => Expression::Body(path(arguments, &mut end)?),
        "item" => Expression::Item(path(arguments, &mut end)?),
        "triggerbody" => Expression::TriggerBody(path(arguments, &mut end)?),
        _ => return Err(format!("@{name}(…) is no function that policies have")),
    };
    Ok(Some((call, end)))
}

/// Quoted texts with commas between, up to the closing parenthesis; with the length read.
fn arguments(text: &str) -> Option<(Vec<String>, usize)> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    if let Some(after) = rest.strip_prefix(')') {
        return Some((found, text.len() - after.len()));
    }
    loop {
        let quote = rest.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
        let mut argument = String::new();
        rest = &rest[1..];
        loop {
            let (before, after) = rest.split_once(quote)?;
            argument.push_str(before);
            match after.strip_prefix(quote) {
                Some(after) => {
                    argument.push(quote);
                    rest = after;
                }
                None => {
                    rest = after;
                    break;
                }
            }
        }
        found.push(argument);
        rest = rest.trim_start();
        match rest.strip_prefix(',') {
            Some(after) => rest = after.trim_start(),
            None => return rest.strip_prefix(')').map(|after| (found, text.len() - after.len())),
        }
    }
}

/// `.a`, `['a']`, `?['a']`, `?.a` and `[0]` at the beginning of a text; with the length read.
fn steps(text: &str) -> (Path, usize) {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        let here = rest.strip_prefix('?').unwrap_or(rest);
        if let Some(inside) = here.strip_prefix('[') {
            let Some((step, length)) = bracketed(inside) else { break };
            found.push(step);
            rest = &inside[length..];
            continue;
        }
        let Some(name) = here.strip_prefix('.') else { break };
        let at = usize::from(name.starts_with('@'));
        let length = at
            + name[at..]
                .find(|letter: char| !(letter.is_alphanumeric() || matches!(letter, '_' | '-' | '$')))
                .unwrap_or(name.len() - at);
        let length = name[..length].trim_end_matches('-').len();
        if length == 0 {
            break;
        }
        found.push(Step::Name(name[..length].into()));
        rest = &name[length..];
    }
    (found, text.len() - rest.len())
}

/// The inside of brackets with the closing one.
fn bracketed(inside: &str) -> Option<(Step, usize)> {
    if let Some(quote) = inside.chars().next().filter(|quote| matches!(quote, '\'' | '"')) {
        let end = inside[1..].find(quote)? + 1;
        inside[end + 1..].strip_prefix(']')?;
        return Some((Step::Name(inside[1..end].into()), end + 2));
    }
    let end = inside.find(']')?;
    inside[..end].trim().parse().ok().map(|index| (Step::Index(index), end + 1))
}

/// Reads a path such as `@body().a`, `body()`, `@item().b`, `a.b` or `['a.b']`. `null` and the empty text are the
/// empty path below the parent.
///
/// # Errors
/// It is none of these.
pub(crate) fn read_path(written: &str) -> Result<PropertyPath, String> {
    let written = written.trim();
    if written.is_empty() || written.eq_ignore_ascii_case("null") {
        return Ok(PropertyPath { from: From::Parent, path: Vec::new() });
    }
    let bare = written.strip_prefix("{@").and_then(|inner| inner.strip_suffix('}'));
    let bare = bare.unwrap_or_else(|| written.strip_prefix('@').unwrap_or(written));
    if let Some((found, length)) = call(bare)? {
        let (from, path) = match found {
            Expression::Body(path) => (From::Root, path),
            Expression::Item(path) => (From::Item, path),
            other => return Err(format!("{} names no property", other.shown())),
        };
        return match bare[length..].trim() {
            "" => Ok(PropertyPath { from, path }),
            rest => Err(format!("\"{rest}\" behind \"{}\" is not a path", &bare[..length])),
        };
    }
    let text = if written.starts_with(['[', '.', '?']) { written.to_owned() } else { format!(".{written}") };
    let (path, length) = steps(&text);
    if length != text.len() || path.is_empty() {
        // A name with characters that paths do not have is one name.
        return Ok(PropertyPath { from: From::Parent, path: vec![Step::Name(written.into())] });
    }
    Ok(PropertyPath { from: From::Parent, path })
}

/// Where a path begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// At the whole body.
    Root,
    /// At the element of the parent that is worked on.
    Item,
    /// At the parent.
    Parent,
}

/// A place in a body.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PropertyPath {
    pub from: From,
    pub path: Path,
}

/// What expressions see: the request or the reply as it is at this moment.
pub(crate) struct Scope<'a> {
    pub credentials: Option<&'a Credentials>,
    pub headers: &'a [(Str, Str)],
    pub queries: &'a [Query],
    pub body: &'a Value,
    pub item: Option<&'a Value>,
}

impl Scope<'_> {
    /// The value of a call; `None` where there is none and the call has no default.
    pub(crate) fn value(&self, call: &Expression) -> Option<Value> {
        let or = |default: &Option<Str>| default.as_ref().map(|text| Value::from(text.clone()));
        match call {
            Expression::Connection { name, default } => {
                self.credentials.and_then(|own| own.value(name)).cloned().or_else(|| or(default))
            }
            Expression::Header { name, default } => {
                let own = self.headers.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name));
                let texts: Vec<&str> = own.map(|(_, text)| &**text).collect();
                if texts.is_empty() { or(default) } else { Some(texts.join(", ").into()) }
            }
            Expression::Query { name, default } => {
                let own = self.queries.iter().find(|own| decoded(&own.name) == **name);
                own.map(|own| decoded(&own.value).into()).or_else(|| or(default))
            }
            Expression::Body(path) => at(self.body, path).cloned(),
            Expression::Item(path) => at(self.item.unwrap_or(self.body), path).cloned(),
            // Only polls have one; theirs is kept as state.
            Expression::TriggerBody(_) => None,
        }
    }
}

/// What a path leads to.
pub(crate) fn at<'a>(value: &'a Value, path: &[Step]) -> Option<&'a Value> {
    path.iter().try_fold(value, |here, step| match step {
        Step::Name(name) => here.get(name),
        Step::Index(index) => here.as_array()?.get(*index),
    })
}

/// Puts a value at a path; objects on the way are made, lists are not. An empty path replaces the whole.
pub(crate) fn put(into: &mut Value, path: &[Step], value: Value) {
    let Some((step, rest)) = path.split_first() else {
        *into = value;
        return;
    };
    match step {
        Step::Index(index) => {
            if let Some(element) = into.as_array_mut().and_then(|elements| elements.get_mut(*index)) {
                put(element, rest, value);
            }
        }
        Step::Name(name) => {
            if into.as_object().is_none() {
                *into = Object::new().into();
            }
            let Some(members) = into.as_object_mut() else { return };
            if !members.contains_key(name) {
                members.insert(name.clone(), Value::Null);
            }
            if let Some(below) = members.get_mut(name) {
                put(below, rest, value);
            }
        }
    }
}

/// Takes away what is at a path.
pub(crate) fn remove(from: &mut Value, path: &[Step]) -> Option<Value> {
    match path {
        [] => None,
        [Step::Name(name)] => from.as_object_mut()?.remove(name),
        [Step::Index(_)] => None,
        [Step::Name(name), rest @ ..] => remove(from.as_object_mut()?.get_mut(name)?, rest),
        [Step::Index(index), rest @ ..] => remove(from.as_array_mut()?.get_mut(*index)?, rest),
    }
}

/// A value inside text: text as it is, nothing for `null`, other values as JSON.
pub(crate) fn inside_text(value: Option<&Value>) -> String {
    value.map(text).unwrap_or_default()
}
