//! A document as a tree in one list, in document order.
//!
//! White space between elements is layout and left out, as .NET does. Document type definitions are not read: they can
//! name files and grow without bound.

use std::collections::{HashMap, HashSet};

use hookmill_model::{Str, Value};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::content_object::{XML_TYPE, content};

use super::{DEPTH_MAX, Fault, Result, character, escape_attribute, escape_text, is_char, is_name};

/// The index of a node; the order of the document is that of the indexes.
pub(super) type Id = usize;

pub(super) const ROOT: Id = 0;

const XML: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// A well-formed document.
#[derive(Debug)]
pub(crate) struct Document {
    source: Str,
    nodes: Vec<Node>,
    /// The attributes of `<?xml …?>`.
    pub(super) declaration: Option<Vec<(String, String)>>,
}

#[derive(Debug)]
pub(super) struct Node {
    pub kind: Kind,
    pub parent: Id,
    pub attributes: Vec<Id>,
    pub children: Vec<Id>,
    /// The first node behind this one and all that is in it.
    pub end: Id,
}

#[derive(Debug)]
pub(super) enum Kind {
    Root,
    Element(Name),
    Attribute(Name, String),
    /// Text; whether it stood in a CDATA section.
    Text(String, bool),
    Comment(String),
    Instruction(String, String),
}

/// A name as it is written, and the namespace it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub written: String,
    pub namespace: String,
}

impl Name {
    pub fn prefix(&self) -> &str {
        self.written.split_once(':').map_or("", |(prefix, _)| prefix)
    }

    pub fn local(&self) -> &str {
        self.written.split_once(':').map_or(self.written.as_str(), |(_, local)| local)
    }

    /// Whether it declares a namespace.
    pub fn is_declaration(&self) -> bool {
        self.namespace == XMLNS
    }
}

impl Document {
    /// Reads a document of at most `nodes_max` nodes.
    pub fn parse(source: impl Into<Str>, nodes_max: usize) -> Result<Self> {
        let source = source.into();
        let text = source.trim_start_matches('\u{feff}').trim_start();
        if let Some(c) = text.chars().find(|c| !is_char(*c)) {
            return Err(format!("the character U+{:04X} cannot stand in XML", u32::from(c)).into());
        }
        let mut builder = Builder {
            nodes: Vec::new(),
            open: vec![Open::default()],
            has_root: false,
            namespaces: HashMap::from([(String::new(), vec![String::new()]), ("xml".to_owned(), vec![XML.to_owned()])]),
            text: String::new(),
            nodes_max,
            declaration: None,
        };
        builder.push(Kind::Root)?;
        let mut reader = Reader::from_str(text);
        reader.config_mut().check_comments = true;
        loop {
            let event = reader.read_event();
            let at = reader.buffer_position();
            let broken = |error: quick_xml::Error| format!("the text is not well-formed XML near byte {at}: {error}");
            if !builder.event(event.map_err(broken)?)? {
                break;
            }
        }
        let Builder { mut nodes, open, declaration, has_root, .. } = builder;
        if open.len() > 1 {
            return Err("the XML ends inside an element".into());
        }
        if !has_root {
            return Err("the XML has no root element".into());
        }
        nodes[ROOT].end = nodes.len();
        Ok(Self { source, nodes, declaration })
    }

    /// The text it was read from.
    pub fn source(&self) -> &Str {
        &self.source
    }

    pub(super) fn node(&self, id: Id) -> &Node {
        &self.nodes[id]
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Appends the text that XPath takes a node for; gives the number of nodes that were read.
    pub(super) fn push_string(&self, id: Id, out: &mut String) -> usize {
        match &self.nodes[id].kind {
            Kind::Attribute(_, value) | Kind::Comment(value) | Kind::Instruction(_, value) => out.push_str(value),
            Kind::Text(..) => return self.push_run(id, out),
            Kind::Root | Kind::Element(_) => {
                let inside = id..self.nodes[id].end;
                let texts = self.nodes[inside.clone()].iter().filter_map(|node| match &node.kind {
                    Kind::Text(text, _) => Some(text),
                    _ => None,
                });
                texts.for_each(|text| out.push_str(text));
                return inside.len();
            }
        }
        1
    }

    /// A node as a value: elements as content, all else as text.
    pub fn value(&self, id: Id) -> Value {
        let mut out = String::new();
        if matches!(self.nodes[id].kind, Kind::Element(_) | Kind::Root) {
            self.push_node(id, id, &mut out);
            return content(XML_TYPE, out.as_bytes());
        }
        self.push_string(id, &mut out);
        out.into()
    }

    /// Text and CDATA sections side by side are one text.
    fn push_run(&self, first: Id, out: &mut String) -> usize {
        let mut count = 0;
        for node in &self.nodes[first..] {
            match &node.kind {
                Kind::Text(text, _) if node.parent == self.nodes[first].parent => out.push_str(text),
                _ => break,
            }
            count += 1;
        }
        count
    }

    /// Whether a text continues the one before it.
    pub(super) fn continues(&self, id: Id) -> bool {
        let is_text = |id: Id| matches!(self.nodes[id].kind, Kind::Text(..));
        id > 0 && is_text(id) && is_text(id - 1) && self.nodes[id].parent == self.nodes[id - 1].parent
    }

    /// The namespace of a prefix at a node; empty where it is not declared.
    fn namespace(&self, id: Id, prefix: &str) -> &str {
        let mut at = id;
        loop {
            for attribute in &self.nodes[at].attributes {
                if let (Some(own), Kind::Attribute(_, uri)) =
                    (declared(&self.nodes[*attribute]), &self.nodes[*attribute].kind)
                    && own == prefix
                {
                    return uri;
                }
            }
            if at == ROOT {
                return "";
            }
            at = self.nodes[at].parent;
        }
    }

    /// Writes a node and all that is in it as a document of its own.
    fn push_node(&self, id: Id, top: Id, out: &mut String) {
        let node = &self.nodes[id];
        match &node.kind {
            Kind::Root => node.children.iter().for_each(|child| self.push_node(*child, top, out)),
            Kind::Element(name) => {
                out.push('<');
                out.push_str(&name.written);
                for attribute in &node.attributes {
                    if let Kind::Attribute(name, value) = &self.nodes[*attribute].kind {
                        push_attribute(&name.written, value, out);
                    }
                }
                if id == top {
                    self.push_used_namespaces(id, out);
                }
                if node.children.is_empty() {
                    out.push_str(" />");
                    return;
                }
                out.push('>');
                node.children.iter().for_each(|child| self.push_node(*child, top, out));
                out.push_str("</");
                out.push_str(&name.written);
                out.push('>');
            }
            Kind::Text(text, false) => out.push_str(&escape_text(text)),
            Kind::Text(text, true) => {
                out.push_str("<![CDATA[");
                out.push_str(text);
                out.push_str("]]>");
            }
            Kind::Comment(text) => {
                out.push_str("<!--");
                out.push_str(text);
                out.push_str("-->");
            }
            Kind::Instruction(target, data) => {
                out.push_str("<?");
                out.push_str(target);
                if !data.is_empty() {
                    out.push(' ');
                    out.push_str(data);
                }
                out.push_str("?>");
            }
            Kind::Attribute(..) => {}
        }
    }

    /// Declares the namespaces that are used inside and declared outside.
    fn push_used_namespaces(&self, top: Id, out: &mut String) {
        let mut known: HashSet<&str> =
            self.nodes[top].attributes.iter().filter_map(|id| declared(&self.nodes[*id])).collect();
        for node in &self.nodes[top..self.nodes[top].end] {
            let name = match &node.kind {
                Kind::Element(name) => name,
                Kind::Attribute(name, _) if !name.prefix().is_empty() && !name.is_declaration() => name,
                _ => continue,
            };
            let prefix = name.prefix();
            if prefix == "xml" || !known.insert(prefix) {
                continue;
            }
            let uri = self.namespace(self.nodes[top].parent, prefix);
            if !uri.is_empty() && name.namespace == uri {
                let attribute = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
                push_attribute(&attribute, uri, out);
            }
        }
    }
}

fn push_attribute(name: &str, value: &str, out: &mut String) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    out.push_str(&escape_attribute(value));
    out.push('"');
}

/// The prefix that an attribute declares; empty for the default namespace.
fn declared(node: &Node) -> Option<&str> {
    match &node.kind {
        Kind::Attribute(name, _) if name.is_declaration() => {
            Some(if name.prefix().is_empty() { "" } else { name.local() })
        }
        _ => None,
    }
}

/// An element that is being read.
#[derive(Default)]
struct Open {
    id: Id,
    /// The prefixes it declares.
    declares: Vec<String>,
    /// Whether white space in it is text.
    preserves_space: bool,
}

struct Builder {
    nodes: Vec<Node>,
    /// The elements around what is read, from the root of the document inwards.
    open: Vec<Open>,
    has_root: bool,
    /// What each prefix stands for, the innermost last.
    namespaces: HashMap<String, Vec<String>>,
    /// Text that may go on: references are events of their own.
    text: String,
    nodes_max: usize,
    declaration: Option<Vec<(String, String)>>,
}

impl Builder {
    fn innermost(&self) -> &Open {
        const OUTSIDE: &Open = &Open { id: ROOT, declares: Vec::new(), preserves_space: false };
        self.open.last().unwrap_or(OUTSIDE)
    }

    fn push(&mut self, kind: Kind) -> Result<Id> {
        let id = self.nodes.len();
        if id >= self.nodes_max {
            return Err(Fault::TooMuch(format!("the XML has more than {} nodes", self.nodes_max)));
        }
        let parent = self.innermost().id;
        let is_attribute = matches!(kind, Kind::Attribute(..));
        self.nodes.push(Node { kind, parent, attributes: Vec::new(), children: Vec::new(), end: id + 1 });
        if id != ROOT && !is_attribute {
            self.nodes[parent].children.push(id);
        }
        Ok(id)
    }

    /// Takes one event; gives whether more follow.
    fn event(&mut self, event: Event<'_>) -> Result<bool> {
        match event {
            Event::Text(text) => {
                let text: &str = &text;
                if text.contains("]]>") {
                    return Err("']]>' cannot stand in the text of an element".into());
                }
                self.text.push_str(&text.replace("\r\n", "\n").replace('\r', "\n"));
            }
            Event::GeneralRef(name) => {
                let name: &str = &name;
                let c = character(name).filter(|c| is_char(*c));
                self.text.push(c.ok_or_else(|| format!("the entity '&{name};' is not known"))?);
                // A blank that is written as a reference is meant.
                if self.text.trim().is_empty() {
                    self.flush(true)?;
                }
            }
            other => {
                self.flush(false)?;
                return self.markup(other);
            }
        }
        Ok(true)
    }

    /// Ends the text; white space alone is layout unless it is `meant`.
    fn flush(&mut self, meant: bool) -> Result<()> {
        let text = std::mem::take(&mut self.text);
        if text.is_empty() || (!meant && text.trim().is_empty() && !self.innermost().preserves_space) {
            return Ok(());
        }
        if self.open.len() == 1 {
            return if text.trim().is_empty() {
                Ok(())
            } else {
                Err("the XML has text outside of its root element".into())
            };
        }
        self.push(Kind::Text(text, false)).map(drop)
    }

    fn markup(&mut self, event: Event<'_>) -> Result<bool> {
        match event {
            Event::Eof => return Ok(false),
            Event::Start(start) => {
                if self.open.len() > DEPTH_MAX {
                    return Err(Fault::TooMuch(format!("the XML nests deeper than {DEPTH_MAX} elements")));
                }
                let open = self.element(&start)?;
                self.open.push(open);
            }
            Event::Empty(start) => {
                let open = self.element(&start)?;
                self.close(&open);
            }
            Event::End(_) => {
                if let Some(open) = self.open.pop().filter(|_| !self.open.is_empty()) {
                    self.close(&open);
                }
            }
            Event::CData(text) => {
                if self.open.len() == 1 {
                    return Err("the XML has text outside of its root element".into());
                }
                let text = text.to_string();
                self.push(Kind::Text(text, true))?;
            }
            Event::Comment(text) => {
                let text = text.to_string();
                self.push(Kind::Comment(text))?;
            }
            Event::PI(instruction) => {
                let target = instruction.target().to_owned();
                if !is_name(&target) || target.eq_ignore_ascii_case("xml") {
                    return Err(format!("'{target}' cannot be the name of a processing instruction").into());
                }
                let data = instruction.content().trim_start().to_owned();
                self.push(Kind::Instruction(target, data))?;
            }
            Event::Decl(declaration) => {
                if self.nodes.len() > 1 || self.declaration.is_some() {
                    return Err("the XML declaration must come first".into());
                }
                let fields = declaration.strip_prefix("xml").unwrap_or_default();
                let start = BytesStart::from_content(format!("xml{fields}"), 3);
                self.declaration = Some(attributes(&start)?);
            }
            Event::DocType(definition) => {
                if self.nodes.len() > 1 || definition.contains('[') {
                    return Err("a document type definition is not read".into());
                }
            }
            Event::Text(_) | Event::GeneralRef(_) => {}
        }
        Ok(true)
    }

    /// Reads the start of an element; its names are resolved when all its declarations are known.
    fn element(&mut self, start: &BytesStart<'_>) -> Result<Open> {
        let written = start.name().as_ref().to_owned();
        if !is_name(&written) {
            return Err(format!("'{written}' cannot be the name of an element").into());
        }
        if self.open.len() == 1 {
            if self.has_root {
                return Err("the XML has more than one root element".into());
            }
            self.has_root = true;
        }
        let attributes = attributes(start)?;
        let mut open = Open { id: 0, declares: Vec::new(), preserves_space: self.innermost().preserves_space };
        for (name, value) in &attributes {
            let prefix = if name == "xmlns" { Some("") } else { name.strip_prefix("xmlns:") };
            if let Some(prefix) = prefix {
                self.namespaces.entry(prefix.to_owned()).or_default().push(value.clone());
                open.declares.push(prefix.to_owned());
            } else if name == "xml:space" {
                open.preserves_space = value == "preserve";
            }
        }
        let prefix = written.split_once(':').map_or("", |(prefix, _)| prefix);
        let namespace = self.resolve(prefix)?;
        open.id = self.push(Kind::Element(Name { written, namespace }))?;
        let mut seen = HashSet::new();
        for (written, value) in attributes {
            let namespace = match written.split_once(':') {
                _ if written == "xmlns" => XMLNS.to_owned(),
                Some(("xmlns", _)) => XMLNS.to_owned(),
                Some((prefix, local)) => {
                    let namespace = self.resolve(prefix)?;
                    if !seen.insert((namespace.clone(), local.to_owned())) {
                        return Err(format!("the attribute '{written}' stands twice").into());
                    }
                    namespace
                }
                None => String::new(),
            };
            let attribute = self.push(Kind::Attribute(Name { written, namespace }, value))?;
            self.nodes[attribute].parent = open.id;
            self.nodes[open.id].attributes.push(attribute);
        }
        Ok(open)
    }

    fn close(&mut self, open: &Open) {
        self.nodes[open.id].end = self.nodes.len();
        for prefix in &open.declares {
            if let Some(namespaces) = self.namespaces.get_mut(prefix) {
                namespaces.pop();
            }
        }
    }

    fn resolve(&self, prefix: &str) -> Result<String> {
        let namespace = self.namespaces.get(prefix).and_then(|namespaces| namespaces.last());
        namespace.cloned().ok_or_else(|| format!("the prefix '{prefix}' is not declared").into())
    }
}

fn attributes(start: &BytesStart<'_>) -> Result<Vec<(String, String)>> {
    let mut attributes = Vec::new();
    let mut seen = HashSet::new();
    // The reader's own check for double names compares each with each.
    for attribute in start.attributes().with_checks(false) {
        let attribute = attribute.map_err(|error| format!("an attribute is not well-formed: {error}"))?;
        let name = attribute.key.as_ref().to_owned();
        if !is_name(&name) {
            return Err(format!("'{name}' cannot be the name of an attribute").into());
        }
        if !seen.insert(name.clone()) {
            return Err(format!("the attribute '{name}' stands twice").into());
        }
        let raw: &str = &attribute.value;
        if raw.contains('<') {
            return Err(format!("the value of the attribute '{name}' contains '<'").into());
        }
        let raw = raw.replace("\r\n", " ").replace(['\t', '\r', '\n'], " ");
        let mut value = String::with_capacity(raw.len());
        let mut pieces = raw.split('&');
        value.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let known =
                piece.split_once(';').and_then(|(name, rest)| Some((character(name).filter(|c| is_char(*c))?, rest)));
            let (c, rest) = known.ok_or_else(|| format!("the attribute '{name}' has an unknown entity"))?;
            value.push(c);
            value.push_str(rest);
        }
        attributes.push((name, value));
    }
    Ok(attributes)
}
