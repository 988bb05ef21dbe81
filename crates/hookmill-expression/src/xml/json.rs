//! XML from JSON and back, by the rules of Newtonsoft's `XmlNodeConverter`: `@name` is an attribute, `#text` is text, an
//! array repeats its element. All leaves of JSON made from XML are strings; an empty element is null.

use hookmill_model::{Object, Str, Value};
use indexmap::IndexMap;

use super::document::{Document, Id, Kind, ROOT};
use super::{DEPTH_MAX, Fault, Result, escape_attribute, escape_text, is_name};

/// Makes the text of a document from an object with one property.
pub(crate) fn from_json(value: &Value) -> Result<String> {
    let members = value.as_object().ok_or("only an object becomes XML")?;
    let mut out = String::new();
    let mut root: Option<&Str> = None;
    for (index, (name, value)) in members.iter().enumerate() {
        if &**name == "?xml" && index == 0 {
            push_declaration(value, &mut out)?;
        } else if name.starts_with('?') {
            push_instruction(name, value, &mut out)?;
        } else {
            if let Some(other) = root.replace(name) {
                return Err(format!(
                    "the object has the properties '{other}' and '{name}', but a document has one root element"
                )
                .into());
            }
            if matches!(value, Value::Array(_)) {
                return Err(
                    format!("the root property '{name}' is an array, but a document has one root element").into()
                );
            }
            push_element(name, value, &mut out, 0)?;
        }
    }
    if root.is_none() {
        return Err("the object has no property that could be the root element".into());
    }
    Ok(out)
}

fn push_declaration(value: &Value, out: &mut String) -> Result<()> {
    out.push_str("<?xml");
    for (name, value) in value.as_object().into_iter().flat_map(Object::iter) {
        push_attribute(name.trim_start_matches('@'), value, out)?;
    }
    out.push_str("?>");
    Ok(())
}

fn push_instruction(name: &str, value: &Value, out: &mut String) -> Result<()> {
    let target = name.trim_start_matches('?');
    let data = scalar(value);
    if !is_name(target) || data.contains("?>") {
        return Err(format!("'{name}' cannot be a processing instruction").into());
    }
    out.push_str(&format!("<?{target} {data}?>"));
    Ok(())
}

fn push_attribute(name: &str, value: &Value, out: &mut String) -> Result<()> {
    if !is_name(name) || matches!(value, Value::Array(_) | Value::Object(_)) {
        return Err(format!("'@{name}' cannot be an attribute").into());
    }
    out.push_str(&format!(" {name}=\"{}\"", escape_attribute(&scalar(value))));
    Ok(())
}

/// A leaf in the spelling of JSON.
fn scalar(value: &Value) -> Str {
    match value {
        Value::Bool(truth) => if *truth { "true" } else { "false" }.into(),
        other => crate::item::text(other),
    }
}

fn push_element(name: &str, value: &Value, out: &mut String, depth: usize) -> Result<()> {
    if depth > DEPTH_MAX {
        return Err(Fault::TooMuch(format!("the object nests deeper than {DEPTH_MAX} levels")));
    }
    if !is_name(name) {
        return Err(format!("'{name}' cannot be the name of an XML element").into());
    }
    out.push('<');
    out.push_str(name);
    let begun = out.len();
    match value {
        Value::Null => {}
        // An array in an array: its elements have the same name again.
        Value::Array(elements) => {
            out.push('>');
            for element in elements.iter() {
                push_element(name, element, out, depth + 1)?;
            }
        }
        Value::Object(members) => {
            for (attribute, value) in members.iter() {
                if let Some(attribute) = attribute.strip_prefix('@') {
                    push_attribute(attribute, value, out)?;
                }
            }
            let head = out.len();
            out.push('>');
            for (child, value) in members.iter().filter(|(name, _)| !name.starts_with('@')) {
                push_child(child, value, out, depth + 1)?;
            }
            if out.len() == head + 1 {
                out.pop();
                out.push_str(" />");
                return Ok(());
            }
        }
        leaf => {
            out.push('>');
            out.push_str(&escape_text(&scalar(leaf)));
        }
    }
    if out.len() == begun {
        out.push_str(" />");
    } else {
        out.push_str(&format!("</{name}>"));
    }
    Ok(())
}

/// What stands inside an element: text, a section, an instruction, or one element for each value.
fn push_child(name: &str, value: &Value, out: &mut String, depth: usize) -> Result<()> {
    if let Value::Array(values) = value {
        return values.iter().try_for_each(|value| push_single(name, value, out, depth));
    }
    push_single(name, value, out, depth)
}

fn push_single(name: &str, value: &Value, out: &mut String, depth: usize) -> Result<()> {
    match name {
        "#text" | "#whitespace" | "#significant-whitespace" => out.push_str(&escape_text(&scalar(value))),
        "#cdata-section" => {
            out.push_str(&format!("<![CDATA[{}]]>", scalar(value).replace("]]>", "]]]]><![CDATA[>")));
        }
        name if name.starts_with('?') => push_instruction(name, value, out)?,
        name => push_element(name, value, out, depth)?,
    }
    Ok(())
}

/// Makes an object of a document.
pub(crate) fn to_json(document: &Document) -> Value {
    let mut members = Object::default();
    if let Some(fields) = &document.declaration {
        let fields = fields.iter().map(|(name, value)| (format!("@{name}"), Value::from(value.as_str())));
        members.insert("?xml", Value::object(fields));
    }
    for (name, value) in children(document, ROOT) {
        members.insert(name, value);
    }
    members.into()
}

/// What stands inside a node, by name in the order of first appearance; several of a name are an array.
fn children(document: &Document, id: Id) -> Vec<(String, Value)> {
    let mut groups: IndexMap<String, Vec<Value>> = IndexMap::new();
    for child in &document.node(id).children {
        let (name, value) = match &document.node(*child).kind {
            Kind::Element(name) => (name.written.clone(), element(document, *child)),
            Kind::Text(text, false) => ("#text".to_owned(), text.as_str().into()),
            Kind::Text(text, true) => ("#cdata-section".to_owned(), text.as_str().into()),
            Kind::Instruction(target, data) => (format!("?{target}"), data.as_str().into()),
            Kind::Comment(_) | Kind::Attribute(..) | Kind::Root => continue,
        };
        groups.entry(name).or_default().push(value);
    }
    let single = |mut values: Vec<Value>| match values.len() {
        1 => values.pop().unwrap_or_default(),
        _ => Value::array(values),
    };
    groups.into_iter().map(|(name, values)| (name, single(values))).collect()
}

fn element(document: &Document, id: Id) -> Value {
    let node = document.node(id);
    let mut members = Object::default();
    for attribute in &node.attributes {
        if let Kind::Attribute(name, value) = &document.node(*attribute).kind {
            members.insert(format!("@{}", name.written), value.as_str());
        }
    }
    let children = children(document, id);
    if members.is_empty() {
        match &children[..] {
            [] => return Value::Null,
            [(name, text @ Value::String(_))] if name == "#text" => return text.clone(),
            _ => {}
        }
    }
    for (name, value) in children {
        members.insert(name, value);
    }
    members.into()
}
