//! Selectors, templates and conditions: how declarations name values of a request.

use std::borrow::Cow;
use std::time::Duration;

use hookmill_definition::duration;
use hookmill_model::{Object, Str, Value};
use ring::digest;

use crate::key;
use crate::request::{Known, Reading};

/// Values of one selector beyond this many are not looked at.
const VALUES_MAX: usize = 10_000;

/// Parts of one template, and names in one of them.
const PARTS_MAX: usize = 64;
/// What a template makes beside twice what came.
const MADE_BYTES_MAX: usize = 256 * 1_024;

/// Names a value of a request, or of what is known of its webhook.
#[derive(Clone, Debug, PartialEq)]
pub enum Selector {
    /// `method`
    Method,
    /// `header:NAME`
    Header(String),
    /// `query:NAME`
    Query(String),
    /// `form:NAME`
    Form(String),
    /// `body:/json/pointer`; the segment `*` is every item of an array.
    Body(Vec<String>),
    /// `xml:A/B`: the texts of the elements whose path ends so.
    Xml(Vec<String>),
    /// `sig:NAME`, an entry of the signature header.
    Signature(String),
    /// `registration:/pointer`, of the reply to the creation.
    Registration(Vec<String>),
    /// `registration:header:NAME`
    RegistrationHeader(String),
    /// `inputs:NAME`, a parameter of the trigger.
    Input(String),
    /// `connection:NAME`
    Connection(String),
    /// `parameter:NAME`, set in the connector or the trigger.
    Parameter(String),
    /// `kept:NAME`, left by a handshake.
    Kept(String),
    /// `item:/pointer`, of one item of the body.
    Item(Vec<String>),
    /// `secret`
    Secret,
}

/// What a selector finds at one place.
#[derive(Clone, Debug, PartialEq)]
pub enum Found<'a> {
    /// Text, or the JSON text of a number or a boolean.
    Text(Cow<'a, [u8]>),
    /// The JSON text of an array or an object.
    Composite(String),
    /// An item of a list has no such member.
    Missing,
}

/// What selectors and templates can see.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The request.
    pub reading: &'a Reading<'a>,
    /// What is known besides.
    pub known: &'a Known<'a>,
    /// The entries of the signature header.
    pub signature: &'a [(String, String)],
    /// The secret in question.
    pub secret: Option<&'a [u8]>,
    /// The item of the body in question.
    pub item: Option<&'a Value>,
    /// MACs by name.
    pub computed: &'a [(Str, String)],
}

impl<'a> Scope<'a> {
    /// A scope without signature, secret, item and MACs.
    pub fn new(reading: &'a Reading<'a>, known: &'a Known<'a>) -> Self {
        Self { reading, known, signature: &[], secret: None, item: None, computed: &[] }
    }
}

/// The names on the way of a JSON pointer.
///
/// # Errors
/// It begins with something else than `/`.
pub fn segments(pointer: &str) -> Result<Vec<String>, String> {
    match pointer.strip_prefix('/') {
        Some(rest) => Ok(rest.split('/').map(|token| token.replace("~1", "/").replace("~0", "~")).collect()),
        None if pointer.is_empty() => Ok(Vec::new()),
        None => Err(format!("\"{pointer}\" is not a JSON pointer: it begins with /.")),
    }
}

/// Walks a pointer; `*` is every item of an array.
pub fn walk<'v>(value: &'v Value, path: &[String], found: &mut Vec<Option<&'v Value>>) {
    if found.len() >= VALUES_MAX {
        return;
    }
    let Some((first, rest)) = path.split_first() else {
        found.push(Some(value));
        return;
    };
    match value {
        Value::Array(items) if first == "*" => items.iter().for_each(|item| walk(item, rest, found)),
        Value::Array(items) => match first.parse::<usize>().ok().and_then(|index| items.get(index)) {
            Some(item) => walk(item, rest, found),
            None => found.push(None),
        },
        Value::Object(members) => match members.get(first) {
            Some(member) => walk(member, rest, found),
            None => found.push(None),
        },
        _ => found.push(None),
    }
}

fn found_of(value: Option<&Value>) -> Found<'static> {
    match value {
        None | Some(Value::Null) => Found::Missing,
        Some(Value::String(text)) => Found::Text(Cow::Owned(text.as_bytes().to_vec())),
        Some(value @ (Value::Array(_) | Value::Object(_))) => Found::Composite(value.to_json()),
        Some(scalar) => Found::Text(Cow::Owned(scalar.to_json().into_bytes())),
    }
}

fn below(value: Option<&Value>, path: &[String]) -> Vec<Found<'static>> {
    let mut found = Vec::new();
    if let Some(value) = value {
        walk(value, path, &mut found);
    }
    let stars = path.iter().any(|token| token == "*");
    // Without a `*` there is one place at most, and what is not there is no value at all.
    let mut found: Vec<_> = found.into_iter().map(found_of).collect();
    if !stars {
        found.retain(|found| *found != Found::Missing);
    }
    found
}

fn member<'a>(members: &Object, name: &str) -> Vec<Found<'a>> {
    members.get(name).map(|value| found_of(Some(value))).filter(|found| *found != Found::Missing).into_iter().collect()
}

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// What is wrong, in a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let named = |name: &str| match name {
            "" => Err(format!("\"{text}\" names nothing.")),
            name => Ok(name.to_owned()),
        };
        Ok(match text.split_once(':') {
            None if text == "method" => Self::Method,
            None if text == "secret" => Self::Secret,
            Some(("header", name)) => Self::Header(named(name)?),
            Some(("query", name)) => Self::Query(named(name)?),
            Some(("form", name)) => Self::Form(named(name)?),
            Some(("body", pointer)) => Self::Body(segments(pointer)?),
            Some(("xml", path)) => Self::Xml(named(path)?.split('/').map(ToOwned::to_owned).collect()),
            Some(("sig", name)) => Self::Signature(named(name)?),
            Some(("registration", rest)) => match rest.split_once(':') {
                Some(("header", name)) => Self::RegistrationHeader(named(name)?),
                _ => Self::Registration(segments(rest)?),
            },
            Some(("inputs", name)) => Self::Input(named(name)?),
            Some(("connection", name)) => Self::Connection(named(name)?),
            Some(("parameter", name)) => Self::Parameter(named(name)?),
            Some(("kept", name)) => Self::Kept(named(name)?),
            Some(("item", pointer)) => Self::Item(segments(pointer)?),
            _ => {
                return Err(format!(
                    "\"{text}\" is not a selector. Selectors are header:NAME, query:NAME, form:NAME, body:/pointer, \
                     xml:A/B, sig:NAME, registration:/pointer, registration:header:NAME, inputs:NAME, \
                     connection:NAME, parameter:NAME, kept:NAME, item:/pointer, secret and method."
                ));
            }
        })
    }

    /// Everything that it finds, in order.
    pub fn values<'a>(&self, scope: &Scope<'a>) -> Vec<Found<'a>> {
        let reading = scope.reading;
        let pairs = |pairs: &'a [(String, String)], name: &str| {
            let fitting = pairs.iter().filter(|(own, _)| own == name);
            fitting.map(|(_, value)| Found::Text(Cow::Borrowed(value.as_bytes()))).collect()
        };
        match self {
            Self::Method => vec![Found::Text(Cow::Borrowed(reading.request.method.as_bytes()))],
            Self::Header(name) => {
                let lines = reading.request.headers.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name));
                lines.map(|(_, value)| Found::Text(Cow::Borrowed(value.trim_ascii()))).collect()
            }
            Self::Query(name) => pairs(reading.query(), name),
            Self::Form(name) => pairs(reading.form(), name),
            Self::Body(path) => below(reading.json(), path),
            Self::Xml(path) => {
                let texts = reading.decoded().map(|body| xml_texts(body, path)).unwrap_or_default();
                texts.into_iter().map(|text| Found::Text(Cow::Owned(text.into_bytes()))).collect()
            }
            Self::Signature(name) => pairs(scope.signature, name),
            Self::Registration(path) => below(scope.known.registered.map(|registered| &registered.body), path),
            Self::RegistrationHeader(name) => {
                let headers = scope.known.registered.map(|registered| &registered.headers);
                let fitting = headers.into_iter().flat_map(Object::iter);
                let fitting = fitting.filter(|(own, _)| own.eq_ignore_ascii_case(name));
                fitting.map(|(_, value)| found_of(Some(value))).collect()
            }
            Self::Input(name) => member(scope.known.inputs, name),
            Self::Connection(name) => member(scope.known.connection, name),
            Self::Parameter(name) => member(scope.known.parameters, name),
            Self::Kept(name) => member(scope.known.kept, name),
            Self::Item(path) => below(scope.item, path),
            Self::Secret => scope.secret.map(|secret| Found::Text(Cow::Borrowed(secret))).into_iter().collect(),
        }
    }

    /// Its value with its type, where it has exactly one.
    pub fn whole(&self, scope: &Scope<'_>) -> Option<Value> {
        let (root, path) = match self {
            Self::Registration(path) => (&scope.known.registered?.body, path),
            Self::Item(path) => (scope.item?, path),
            Self::Input(name) => return scope.known.inputs.get(name).filter(|value| !value.is_null()).cloned(),
            Self::Body(path) if path.is_empty() => return scope.reading.event(),
            other => return Some(Value::string(String::from_utf8_lossy(&other.text(scope)?).into_owned())),
        };
        let mut found = Vec::new();
        walk(root, path, &mut found);
        match &*found {
            [Some(value)] if **value != Value::Null => Some((*value).clone()),
            _ => None,
        }
    }

    /// Its value, where it has exactly one and that is text.
    pub fn text<'a>(&self, scope: &Scope<'a>) -> Option<Cow<'a, [u8]>> {
        let mut values = self.values(scope);
        match (values.pop(), values.is_empty()) {
            (Some(Found::Text(text)), true) => Some(text),
            _ => None,
        }
    }
}

/// The texts of the elements of an XML document whose path ends so. What is no XML has none.
pub fn xml_texts(body: &[u8], path: &[String]) -> Vec<String> {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_reader(body);
    let (mut open, mut texts, mut text) = (Vec::<String>::new(), Vec::new(), String::new());
    loop {
        match reader.read_event() {
            Ok(Event::Start(element)) => {
                if open.len() >= 128 || texts.len() >= VALUES_MAX {
                    return Vec::new();
                }
                open.push(element.local_name().as_ref().to_owned());
                text.clear();
            }
            Ok(Event::Text(part)) => text.push_str(&part.xml10_content()),
            Ok(Event::End(_)) => {
                if open.ends_with(path) {
                    texts.push(text.trim().to_owned());
                }
                open.pop();
                text.clear();
            }
            Ok(Event::Eof) => return texts,
            Err(_) => return Vec::new(),
            Ok(_) => {}
        }
    }
}

/// One part of a template.
#[derive(Clone, Debug, PartialEq)]
enum Part {
    Literal(String),
    Value(Selector),
    Body,
    BodyDecoded,
    Url,
    Path,
    FormSorted,
    BodySha256,
    BodyCrc32,
    Lines(Vec<(String, bool)>),
    Now(Duration),
    Computed(String),
}

/// Text with `{…}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Template(Vec<Part>);

impl Default for Template {
    /// `{body}`
    fn default() -> Self {
        Self(vec![Part::Body])
    }
}

impl Template {
    /// Reads a template. `{{` and `}}` are braces.
    ///
    /// # Errors
    /// What is wrong, in a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut parts, mut literal, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                literal.push_str(brace);
                rest = after;
                continue;
            }
            let end = rest.find('}').filter(|_| brace == "{").ok_or_else(|| {
                format!("The template \"{text}\" has a brace without its other half. Write {{{{ or }}}} for a brace.")
            })?;
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(part(&rest[..end])?);
            rest = &rest[end + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() || parts.is_empty() {
            parts.push(Part::Literal(literal));
        }
        let names = parts.iter().map(|part| if let Part::Lines(names) = part { names.len() } else { 1 });
        if names.sum::<usize>() > PARTS_MAX {
            return Err(format!("The template has more than {PARTS_MAX} parts."));
        }
        Ok(Self(parts))
    }

    /// Whether it is the same text for every request.
    pub fn literal(&self) -> Option<&str> {
        match &*self.0 {
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Its selector, where it is one and nothing else.
    pub fn only(&self) -> Option<&Selector> {
        match &*self.0 {
            [Part::Value(selector)] => Some(selector),
            _ => None,
        }
    }

    /// The selectors in it.
    pub fn selectors(&self) -> impl Iterator<Item = &Selector> {
        self.0.iter().filter_map(|part| match part {
            Part::Value(selector) => Some(selector),
            _ => None,
        })
    }

    /// The names of the MACs in it.
    pub fn computed(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Computed(name) => Some(&**name),
            _ => None,
        })
    }

    /// Whether the secret stands in it.
    pub fn has_secret(&self) -> bool {
        self.selectors().any(|selector| *selector == Selector::Secret)
    }

    /// Whether it reads the body as JSON.
    pub fn reads_body(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Value(Selector::Body(_)) | Part::Lines(_)))
    }

    /// Whether all of the body is in it.
    pub fn covers_body(&self) -> bool {
        let whole = |part: &Part| {
            matches!(part, Part::Body | Part::BodyDecoded | Part::BodySha256 | Part::BodyCrc32 | Part::FormSorted)
        };
        self.0.iter().any(|part| whole(part) || matches!(part, Part::Lines(_)))
    }

    /// Its bytes; `None` where a selector has no value, or several, or where it would repeat what came more than twice.
    pub fn bytes<'a>(&self, scope: &Scope<'a>) -> Option<Cow<'a, [u8]>> {
        if let [Part::Body] = &*self.0 {
            return Some(Cow::Borrowed(scope.reading.request.body));
        }
        let is_decoded = self.0.contains(&Part::BodyDecoded);
        let decoded = if is_decoded { scope.reading.decoded().map_or(0, <[u8]>::len) } else { 0 };
        let most = 2 * (scope.reading.request.body.len() + decoded) + MADE_BYTES_MAX;
        let mut made = Vec::new();
        for part in &self.0 {
            if made.len() > most {
                return None;
            }
            match part {
                Part::Literal(text) => made.extend_from_slice(text.as_bytes()),
                Part::Value(selector) => made.extend_from_slice(&selector.text(scope)?),
                Part::Body => made.extend_from_slice(scope.reading.request.body),
                Part::BodyDecoded => made.extend_from_slice(scope.reading.decoded().ok()?),
                Part::Url => made.extend_from_slice(scope.reading.request.url.as_bytes()),
                Part::Path => made.extend_from_slice(scope.reading.path().as_bytes()),
                Part::FormSorted => made.extend_from_slice(sorted(scope.reading.form()).as_bytes()),
                Part::BodySha256 => {
                    let hash = digest::digest(&digest::SHA256, scope.reading.request.body);
                    made.extend_from_slice(hookmill_model::hex(hash.as_ref()).as_bytes());
                }
                Part::BodyCrc32 => {
                    made.extend_from_slice(crc32fast::hash(scope.reading.request.body).to_string().as_bytes());
                }
                Part::Lines(names) => lines(scope.reading.json()?.as_object()?, names, &mut made)?,
                Part::Now(span) => made.extend_from_slice(scope.known.now.plus(*span).to_string().as_bytes()),
                Part::Computed(name) => {
                    let (_, value) = scope.computed.iter().find(|(own, _)| **own == **name)?;
                    made.extend_from_slice(value.as_bytes());
                }
            }
        }
        (made.len() <= most).then_some(Cow::Owned(made))
    }
}

fn part(text: &str) -> Result<Part, String> {
    Ok(match text.split_once(':') {
        None if text == "body" => Part::Body,
        None if text == "body.decoded" => Part::BodyDecoded,
        None if text == "url" => Part::Url,
        None if text == "path" => Part::Path,
        None if text == "form.sorted" => Part::FormSorted,
        None if text == "now" => Part::Now(Duration::ZERO),
        None if text.starts_with("now+") => Part::Now(
            duration::parse(&text[4..])
                .ok_or_else(|| format!("\"{}\" is not a duration such as PT70H.", &text[4..]))?,
        ),
        Some(("sha256hex", "body")) => Part::BodySha256,
        Some(("crc32", "body")) => Part::BodyCrc32,
        Some(("compute", name)) if !name.is_empty() => Part::Computed(name.to_owned()),
        Some(("lines", names)) if !names.is_empty() => Part::Lines(
            names
                .split(',')
                .map(|name| name.strip_suffix('?').map_or((name.to_owned(), false), |name| (name.to_owned(), true)))
                .collect(),
        ),
        _ => Part::Value(Selector::parse(text)?),
    })
}

/// Each distinct pair of a form, sorted, name and value without anything between.
fn sorted(form: &[(String, String)]) -> String {
    let mut pairs: Vec<_> = form.iter().collect();
    pairs.sort();
    pairs.dedup();
    pairs.into_iter().flat_map(|(name, value)| [&**name, &**value]).collect()
}

/// Top-level members, each with its name on a line before it.
fn lines(members: &Object, names: &[(String, bool)], made: &mut Vec<u8>) -> Option<()> {
    for (name, optional) in names {
        match found_of(members.get(name)) {
            Found::Text(text) => {
                for part in [name.as_bytes(), b"\n", &*text, b"\n"] {
                    made.extend_from_slice(part);
                }
            }
            Found::Missing if *optional => {}
            _ => return None,
        }
    }
    Some(())
}

/// What the values of a selector must be.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// There must be none.
    Absent,
    /// One of these texts, in which `*` is any text.
    Pattern(Vec<String>),
    /// The bytes of this template.
    Equal(Template),
}

impl Wanted {
    /// Reads a pattern or a template.
    ///
    /// # Errors
    /// What is wrong, in a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let template = Template::parse(text)?;
        Ok(match template.literal() {
            Some(text) => Self::Pattern(text.split('|').map(ToOwned::to_owned).collect()),
            None => Self::Equal(template),
        })
    }

    fn fits(&self, found: &Found<'_>, scope: &Scope<'_>) -> bool {
        let bytes: &[u8] = match found {
            Found::Text(text) => text,
            Found::Composite(text) => text.as_bytes(),
            Found::Missing => return *self == Self::Absent,
        };
        match self {
            Self::Absent => false,
            Self::Pattern(patterns) => patterns.iter().any(|pattern| matches(pattern.as_bytes(), bytes)),
            Self::Equal(template) => template.bytes(scope).is_some_and(|wanted| key::equal(&wanted, bytes)),
        }
    }
}

/// Whether text fits a pattern in which `*` is any text, also none. Linear in both but for the stars.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p) == Some(&text[t]) {
            p += 1;
            t += 1;
        } else if let Some((at, from)) = star {
            p = at + 1;
            t = from + 1;
            star = Some((at, from + 1));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Selectors and what their values must be. Every one must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conditions(pub Vec<(Selector, Wanted)>);

impl Conditions {
    /// Whether all hold.
    pub fn hold(&self, scope: &Scope<'_>) -> bool {
        self.0.iter().all(|(selector, wanted)| {
            let values = selector.values(scope);
            match wanted {
                Wanted::Absent => values.iter().all(|value| *value == Found::Missing),
                wanted => !values.is_empty() && values.iter().all(|value| wanted.fits(value, scope)),
            }
        })
    }

    /// Whether one of them reads the body as JSON.
    pub fn reads_body(&self) -> bool {
        self.0.iter().any(|(selector, _)| matches!(selector, Selector::Body(_)))
    }
}

#[cfg(test)]
mod tests;
