//! Files that hold flows: bare definitions, Logic Apps resources, Power Automate's `definition.json` and `clientdata`,
//! ARM templates, exported packages and solutions (`.zip`).

mod arm;
mod package;
mod write;

use hookmill_model::{Diagnostic, JsonError, Object, Pointer, Str, Value};

pub use self::write::write_package;
use crate::limits::Profile;

/// Memory that the values of one JSON file may take.
const HEAP_BYTES_MAX: usize = 96 * 1_024 * 1_024;
/// A text that holds a document, which holds a text that holds a document …
const TEXTS_MAX: usize = 2;

/// A connection that a flow needs, by the key under which its actions name it.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionReference {
    /// The key in `connectionReferences` or `$connections`.
    pub key: Str,
    /// The connector: the last part of its id, such as `shared_github`.
    pub api: Option<Str>,
    /// What the exporting system called it.
    pub name: Option<Str>,
}

/// One flow of a file.
#[derive(Clone, Debug)]
pub struct FlowFile {
    /// The file inside a package.
    pub entry: Option<String>,
    /// Its display name.
    pub name: Option<String>,
    /// Whose defaults hold.
    pub profile: Profile,
    /// The bare definition, unchanged.
    pub definition: Value,
    /// Where the definition stands in its file.
    pub pointer: Pointer,
    /// The connections it needs.
    pub connections: Vec<ConnectionReference>,
    /// Values of parameters: name → value.
    pub parameters: Value,
    /// Everything around the definition, for an export without loss.
    pub envelope: Value,
    /// What reading found: parts that only another system can fill in.
    pub diagnostics: Vec<Diagnostic>,
}

fn refused(code: &str, message: impl Into<String>, hint: &str) -> Diagnostic {
    Diagnostic::error(code, Pointer::root(), message).with_hint(hint)
}

const FORMS: &str =
    "Give a workflow definition, a file exported from Power Automate or Logic Apps, or an exported package (.zip).";

/// Reads all flows of a file.
///
/// # Errors
/// The one finding that says why nothing can be read.
pub fn read(bytes: &[u8]) -> Result<Vec<FlowFile>, Box<Diagnostic>> {
    read_while(bytes, &|| true)
}

/// Reads all flows of a file for as long as `wanted` says that somebody waits for them. It is asked before each piece
/// of work of some milliseconds.
///
/// # Errors
/// As [`read`]; `cancelled` where nobody waits any more.
pub fn read_while(bytes: &[u8], wanted: &dyn Fn() -> bool) -> Result<Vec<FlowFile>, Box<Diagnostic>> {
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return package::read(bytes, wanted);
    }
    let document = parse(bytes, None)?;
    read_document(&document, None, TEXTS_MAX).map_err(Box::new)
}

fn parse(bytes: &[u8], entry: Option<&str>) -> Result<Value, Box<Diagnostic>> {
    let bare = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let wide = wide_text(bytes);
    let bare = wide.as_ref().map_or(bare, |text| text.as_bytes());
    Value::from_json_within(bare, HEAP_BYTES_MAX).map_err(|error| {
        let place = entry.map(|entry| format!("{entry} in the package ")).unwrap_or_else(|| "The file ".to_owned());
        Box::new(match error {
            JsonError::Malformed(error) => refused(
                "not_json",
                format!("{place}is not JSON: line {}, column {}: {error}.", error.line(), error.column()),
                FORMS,
            ),
            JsonError::TooLarge { .. } => refused(
                "limit_size",
                format!("{place}is too large: {error}."),
                "Give a file with fewer flows, or flows with less data in their definitions.",
            ),
        })
    })
}

/// The text of a file in UTF-16, as some shells write.
fn wide_text(bytes: &[u8]) -> Option<String> {
    let unit: fn([u8; 2]) -> u16 = match bytes.get(..2)? {
        [0xFF, 0xFE] => u16::from_le_bytes,
        [0xFE, 0xFF] => u16::from_be_bytes,
        _ => return None,
    };
    let units = bytes[2..].chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    char::decode_utf16(units).collect::<Result<String, _>>().ok()
}

fn read_document(document: &Value, entry: Option<&str>, texts: usize) -> Result<Vec<FlowFile>, Diagnostic> {
    if document.as_object().is_none() {
        return Err(refused("definition_malformed", "The file is JSON, but not an object.", FORMS));
    }
    let is_template =
        arm::part(document, "resources").is_some_and(|part| part.as_array().is_some() || part.as_object().is_some());
    if is_template {
        let flows: Vec<FlowFile> = arm::workflows(document)
            .into_iter()
            .filter_map(|workflow| {
                let at = workflow.pointer.child("properties");
                let mut flow = from_envelope(&workflow.resource, workflow.resource.get("properties")?, at, entry)?;
                // Around the definition stand names of resources, which connections replace.
                let inside = flow.pointer.to_string();
                flow.diagnostics = workflow.findings;
                flow.diagnostics.retain(|finding| finding.pointer.as_str().starts_with(&inside));
                Some(flow)
            })
            .collect();
        if !flows.is_empty() {
            return Ok(flows);
        }
    }
    // A row of the table in which flows are kept holds the document as a text.
    if let Some(text) = document.get("clientdata").and_then(Value::as_str).filter(|_| texts > 0) {
        let inner = parse(text.as_bytes(), entry).map_err(|fault| *fault)?;
        return read_document(&inner, entry, texts - 1);
    }
    let found = match document.get("properties") {
        Some(properties) if properties.get("definition").is_some() => {
            from_envelope(document, properties, Pointer::root().child("properties"), entry)
        }
        _ if document.get("definition").is_some_and(|definition| definition.as_object().is_some()) => {
            from_envelope(document, document, Pointer::root(), entry)
        }
        _ if document.get("triggers").is_some() || document.get("actions").is_some() => Some(FlowFile {
            entry: entry.map(ToOwned::to_owned),
            name: None,
            profile: Profile::LogicApps,
            definition: document.clone(),
            pointer: Pointer::root(),
            connections: Vec::new(),
            parameters: Object::new().into(),
            envelope: Value::Null,
            diagnostics: Vec::new(),
        }),
        _ => None,
    };
    found.map(|flow| vec![flow]).ok_or_else(|| {
        refused(
            "definition_malformed",
            "There is no workflow definition in the file: no 'triggers' and no 'actions'.",
            FORMS,
        )
    })
}

/// What stands around a definition in its file.
fn without_definition(document: &Value) -> Value {
    let Some(members) = document.as_object() else { return Value::Null };
    let mut kept = members.clone();
    kept.remove("definition");
    if let Some(mut properties) = members.get("properties").and_then(Value::as_object).cloned() {
        properties.remove("definition");
        kept.insert("properties", properties);
    }
    kept.into()
}

/// Reads `{definition, connectionReferences?, parameters?, displayName?}`.
fn from_envelope(document: &Value, around: &Value, pointer: Pointer, entry: Option<&str>) -> Option<FlowFile> {
    let definition = around.get("definition")?.clone();
    let is_flow = around.get("connectionReferences").is_some() && document.get("properties").is_some()
        || document.get("type").and_then(Value::as_str).is_some_and(|kind| kind.starts_with("Microsoft.Flow"));
    let text =
        |value: Option<&Value>| value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(ToOwned::to_owned);
    let mut parameters = Object::new();
    for (name, parameter) in around.get("parameters").and_then(Value::as_object).into_iter().flat_map(Object::iter) {
        // A resource wraps each value; other files give it bare.
        let value = parameter.get("value").unwrap_or(parameter);
        parameters.insert(name.clone(), value.clone());
    }
    let mut connections = Vec::new();
    for (key, reference) in
        around.get("connectionReferences").and_then(Value::as_object).into_iter().flat_map(Object::iter)
    {
        let api = text(reference.get("id"))
            .or_else(|| text(reference.pointer("/api/name")))
            .or_else(|| text(reference.pointer("/api/id")));
        let name = text(reference.get("connectionName"))
            .or_else(|| text(reference.pointer("/connection/connectionReferenceLogicalName")))
            .or_else(|| text(reference.pointer("/connection/id")));
        connections.push(reference_of(key, api, name));
    }
    let bound = parameters.get("$connections").cloned().unwrap_or_default();
    for (key, reference) in bound.as_object().into_iter().flat_map(Object::iter) {
        let known = connections.iter().any(|connection| connection.key == *key);
        if !known {
            connections.push(reference_of(key, text(reference.get("id")), text(reference.get("connectionName"))));
        }
    }
    Some(FlowFile {
        entry: entry.map(ToOwned::to_owned),
        name: text(around.get("displayName")).or_else(|| text(document.get("name"))),
        profile: if is_flow { Profile::PowerAutomate } else { Profile::LogicApps },
        definition,
        pointer: pointer.child("definition"),
        connections,
        parameters: parameters.into(),
        envelope: without_definition(document),
        diagnostics: Vec::new(),
    })
}

fn reference_of(key: &Str, api: Option<String>, name: Option<String>) -> ConnectionReference {
    // In a deployment template the id is an expression that ends with the name in quotes.
    let last = |text: String| {
        let plain = text.trim_end_matches(['\'', ')', ']', ' ']);
        Str::from(plain.rsplit(['/', '\'']).next().unwrap_or_default())
    };
    ConnectionReference { key: key.clone(), api: api.map(last), name: name.map(Into::into) }
}
