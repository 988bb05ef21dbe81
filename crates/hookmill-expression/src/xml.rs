//! XML inside expressions: escaping, conversion from and to JSON, XPath 1.0.
//!
//! The rules of the conversion are Newtonsoft's `XmlNodeConverter`: `@name` is an attribute, `#text` is text, an array
//! repeats its element.

use hookmill_model::{Object, Str, Value};
use sxd_document::dom::{ChildOfElement, ChildOfRoot, Element};
use sxd_document::{Package, QName, parser};
use sxd_xpath::nodeset::Node;
use sxd_xpath::{Context, Factory, Value as Found};

use crate::item::content;

/// Elements may nest this deep.
const DEPTH_MAX: usize = 200;

/// Predicates and parentheses of one XPath.
const XPATH_BRACKETS_MAX: usize = 100;

type Result<T> = std::result::Result<T, String>;

/// Escapes text for the content of an element or, with `quotes`, for an attribute.
pub(crate) fn escape(text: &str, quotes: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' if quotes => escaped.push_str("&quot;"),
            '\'' if quotes => escaped.push_str("&apos;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Resolves the five named entities and numeric references; others stay as they are.
pub(crate) fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let entity = rest.find(';').filter(|end| *end <= 12).map(|end| &rest[1..end]);
        match entity.and_then(|name| Some((name, character(name)?))) {
            Some((name, c)) => {
                plain.push(c);
                rest = &rest[name.len() + 2..];
            }
            None => {
                plain.push('&');
                rest = &rest[1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

fn character(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    })
}

fn parse(text: &str) -> Result<Package> {
    if depth(text) > DEPTH_MAX {
        return Err(format!("the XML nests deeper than {DEPTH_MAX} elements"));
    }
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let package = parser::parse(text).map_err(|error| format!("the text is not well-formed XML: {error}"))?;
    if root(&package).is_none() {
        return Err("the XML has no root element".to_owned());
    }
    Ok(package)
}

/// An upper bound of the nesting, cheap and without recursion.
fn depth(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut open, mut deepest) = (0_usize, 0);
    for (at, byte) in bytes.iter().enumerate() {
        match (byte, bytes.get(at + 1)) {
            (b'<', Some(b'/')) | (b'/', Some(b'>')) => open = open.saturating_sub(1),
            (b'<', Some(next)) if !matches!(next, b'!' | b'?') => {
                open += 1;
                deepest = deepest.max(open);
            }
            _ => {}
        }
    }
    deepest
}

fn root(package: &Package) -> Option<Element<'_>> {
    package.as_document().root().children().into_iter().find_map(|child| match child {
        ChildOfRoot::Element(element) => Some(element),
        _ => None,
    })
}

/// Whether the text is one well-formed document.
pub(crate) fn check(text: &str) -> Result<()> {
    parse(text).map(drop)
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '\u{b7}'))
}

/// Makes a document of an object with one property.
pub(crate) fn from_json(value: &Value) -> Result<String> {
    let members = value.as_object().ok_or("only an object becomes XML")?;
    let mut out = String::new();
    let mut roots = 0;
    for (name, value) in members.iter() {
        if &**name == "?xml" {
            out.push_str("<?xml");
            for (attribute, value) in value.as_object().into_iter().flat_map(Object::iter) {
                let attribute = attribute.trim_start_matches('@');
                out.push_str(&format!(" {attribute}=\"{}\"", escape(&scalar(value), true)));
            }
            out.push_str("?>");
            continue;
        }
        roots += 1;
        if matches!(value, Value::Array(_)) {
            return Err(format!("the root property '{name}' is an array, but a document has one root element"));
        }
        push_element(name, value, &mut out, 0)?;
    }
    if roots != 1 {
        return Err(format!("the object has {roots} properties, but a document has one root element"));
    }
    Ok(out)
}

fn scalar(value: &Value) -> Str {
    match value {
        Value::Bool(truth) => if *truth { "true" } else { "false" }.into(),
        other => crate::item::text(other),
    }
}

fn push_element(name: &str, value: &Value, out: &mut String, depth: usize) -> Result<()> {
    if depth > DEPTH_MAX {
        return Err(format!("the object nests deeper than {DEPTH_MAX} levels"));
    }
    if !is_name(name) {
        return Err(format!("'{name}' cannot be the name of an XML element"));
    }
    match value {
        Value::Null => out.push_str(&format!("<{name} />")),
        Value::Array(elements) => {
            for element in elements.iter() {
                push_element(name, element, out, depth + 1)?;
            }
        }
        Value::Object(members) => {
            out.push_str(&format!("<{name}"));
            for (attribute, value) in members.iter() {
                let Some(attribute) = attribute.strip_prefix('@') else { continue };
                if !is_name(attribute) || matches!(value, Value::Array(_) | Value::Object(_)) {
                    return Err(format!("'@{attribute}' cannot be an attribute"));
                }
                out.push_str(&format!(" {attribute}=\"{}\"", escape(&scalar(value), true)));
            }
            let mut children = members.iter().filter(|(name, _)| !name.starts_with('@')).peekable();
            if children.peek().is_none() {
                out.push_str(" />");
                return Ok(());
            }
            out.push('>');
            for (child, value) in children {
                match &**child {
                    "#text" => match value {
                        Value::Array(texts) => {
                            texts.iter().for_each(|text| out.push_str(&escape(&scalar(text), false)))
                        }
                        text => out.push_str(&escape(&scalar(text), false)),
                    },
                    "#cdata-section" => {
                        out.push_str(&format!("<![CDATA[{}]]>", scalar(value).replace("]]>", "]]]]><![CDATA[>")));
                    }
                    "#comment" => {}
                    _ => push_element(child, value, out, depth + 1)?,
                }
            }
            out.push_str(&format!("</{name}>"));
        }
        other => out.push_str(&format!("<{name}>{}</{name}>", escape(&scalar(other), false))),
    }
    Ok(())
}

/// The attributes of a leading `<?xml …?>`.
fn declaration(text: &str) -> Option<Value> {
    let inner = text.trim_start_matches('\u{feff}').trim_start().strip_prefix("<?xml")?.split_once("?>")?.0;
    let mut members = Object::default();
    for field in inner.split_whitespace() {
        let (name, value) = field.split_once('=')?;
        members.insert(format!("@{name}"), value.trim_matches(['"', '\'']));
    }
    Some(members.into())
}

/// Makes an object of a document; all leaves are strings.
pub(crate) fn to_json(text: &str) -> Result<Value> {
    let package = parse(text)?;
    let mut members = Object::default();
    if let Some(declaration) = declaration(text) {
        members.insert("?xml", declaration);
    }
    if let Some(element) = root(&package) {
        members.insert(qualified(element), element_to_json(element));
    }
    Ok(members.into())
}

/// The name as it was written, with its prefix.
fn qualified(element: Element<'_>) -> String {
    let name = element.name();
    match prefix(element, name, element.preferred_prefix()) {
        Some(prefix) => format!("{prefix}:{}", name.local_part()),
        None => name.local_part().to_owned(),
    }
}

fn prefix(element: Element<'_>, name: QName<'_>, preferred: Option<&str>) -> Option<String> {
    let uri = name.namespace_uri()?;
    if let Some(preferred) = preferred {
        return Some(preferred.to_owned());
    }
    if element.recursive_default_namespace_uri() == Some(uri) {
        return None;
    }
    let scope = element.namespaces_in_scope();
    scope.into_iter().find(|space| space.uri() == uri).map(|space| space.prefix().to_owned())
}

/// Attributes and the namespaces declared here, as name and value.
fn attributes(element: Element<'_>, is_top: bool) -> Vec<(String, String)> {
    let mut attributes = Vec::new();
    let parent = element.parent().and_then(|parent| parent.element()).filter(|_| !is_top);
    let default = element.recursive_default_namespace_uri();
    if default != parent.and_then(|parent| parent.recursive_default_namespace_uri()) {
        attributes.push(("xmlns".to_owned(), default.unwrap_or_default().to_owned()));
    }
    let known = parent.map(|parent| parent.namespaces_in_scope()).unwrap_or_default();
    let mut declared: Vec<(String, String)> = element
        .namespaces_in_scope()
        .into_iter()
        .filter(|space| space.prefix() != "xml")
        .filter(|space| !known.iter().any(|other| other.prefix() == space.prefix() && other.uri() == space.uri()))
        .map(|space| (format!("xmlns:{}", space.prefix()), space.uri().to_owned()))
        .collect();
    declared.sort_unstable();
    attributes.extend(declared);
    for attribute in element.attributes() {
        let name = attribute.name();
        let written = match prefix(element, name, attribute.preferred_prefix()) {
            Some(prefix) => format!("{prefix}:{}", name.local_part()),
            None => name.local_part().to_owned(),
        };
        attributes.push((written, attribute.value().to_owned()));
    }
    attributes
}

fn element_to_json(element: Element<'_>) -> Value {
    let mut members = Object::default();
    for (name, value) in attributes(element, false) {
        members.insert(format!("@{name}"), value);
    }
    let has_elements = element.children().iter().any(|child| matches!(child, ChildOfElement::Element(_)));
    let mut texts: Vec<Value> = Vec::new();
    let mut children: Vec<(String, Vec<Value>)> = Vec::new();
    for child in element.children() {
        match child {
            ChildOfElement::Text(text) => {
                // White space between elements is layout.
                if !has_elements || !text.text().trim().is_empty() {
                    texts.push(text.text().into());
                }
            }
            ChildOfElement::Element(child) => {
                let name = qualified(child);
                let value = element_to_json(child);
                match children.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, values)) => values.push(value),
                    None => children.push((name, vec![value])),
                }
            }
            ChildOfElement::Comment(_) | ChildOfElement::ProcessingInstruction(_) => {}
        }
    }
    if members.is_empty() && children.is_empty() {
        return match texts.len() {
            0 => Value::Null,
            _ => texts.iter().filter_map(Value::as_str).collect::<String>().into(),
        };
    }
    let single = |mut values: Vec<Value>| {
        if values.len() == 1 { values.pop().unwrap_or_default() } else { Value::array(values) }
    };
    if !texts.is_empty() {
        members.insert("#text", single(texts));
    }
    for (name, values) in children {
        members.insert(name, single(values));
    }
    members.into()
}

/// Evaluates an XPath; node sets become arrays.
pub(crate) fn xpath(text: &str, path: &str) -> Result<Value> {
    let package = parse(text)?;
    if path.chars().filter(|c| matches!(c, '(' | '[')).count() > XPATH_BRACKETS_MAX {
        return Err(format!("the XPath has more than {XPATH_BRACKETS_MAX} brackets"));
    }
    let refuse = |detail: String| format!("'{path}' is not a valid XPath: {detail}");
    let compiled = Factory::new().build(path).map_err(|error| refuse(error.to_string()))?;
    let compiled = compiled.ok_or_else(|| refuse("it is empty".to_owned()))?;
    let document = package.as_document();
    let found = compiled.evaluate(&Context::new(), document.root()).map_err(|error| refuse(error.to_string()))?;
    Ok(match found {
        Found::Boolean(truth) => Value::Bool(truth),
        Found::Number(number) => crate::number::from_float(number),
        Found::String(text) => text.into(),
        Found::Nodeset(nodes) => Value::array(nodes.document_order().into_iter().map(node_to_value).collect()),
    })
}

fn node_to_value(node: Node<'_>) -> Value {
    let document = |markup: String| content("application/xml;charset=utf-8", markup.as_bytes());
    match node {
        Node::Element(element) => {
            let mut out = String::new();
            push_markup(element, true, &mut out);
            document(out)
        }
        Node::Root(root) => {
            let mut out = String::new();
            for child in root.children() {
                if let ChildOfRoot::Element(element) = child {
                    push_markup(element, true, &mut out);
                }
            }
            document(out)
        }
        other => other.string_value().into(),
    }
}

fn push_markup(element: Element<'_>, is_top: bool, out: &mut String) {
    let name = qualified(element);
    out.push_str(&format!("<{name}"));
    for (attribute, value) in attributes(element, is_top) {
        out.push_str(&format!(" {attribute}=\"{}\"", escape(&value, true)));
    }
    let children = element.children();
    if children.is_empty() {
        out.push_str(" />");
        return;
    }
    out.push('>');
    for child in children {
        match child {
            ChildOfElement::Element(child) => push_markup(child, false, out),
            ChildOfElement::Text(text) => out.push_str(&escape(text.text(), false)),
            ChildOfElement::Comment(comment) => out.push_str(&format!("<!--{}-->", comment.text())),
            ChildOfElement::ProcessingInstruction(instruction) => {
                out.push_str(&format!("<?{} {}?>", instruction.target(), instruction.value().unwrap_or_default()));
            }
        }
    }
    out.push_str(&format!("</{name}>"));
}
