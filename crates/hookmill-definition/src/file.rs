//! Files that hold flows: bare definitions, Logic Apps resources, Power Automate's `definition.json` and `clientdata`,
//! ARM templates, exported packages and solutions (`.zip`).

mod arm;

use std::io::{Cursor, Read, Write};

use hookmill_model::{Diagnostic, Object, Pointer, Str, Value};
use zip::write::SimpleFileOptions;

use crate::limits::Profile;

/// Larger entries of a package are refused: they are no definitions.
const ENTRY_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// More entries are refused.
const ENTRIES_MAX: usize = 10_000;

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
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return read_package(bytes);
    }
    let document = parse(bytes, None)?;
    read_document(&document, None).map_err(Box::new)
}

fn parse(bytes: &[u8], entry: Option<&str>) -> Result<Value, Box<Diagnostic>> {
    let bare = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let wide = wide_text(bytes);
    let bare = wide.as_ref().map_or(bare, |text| text.as_bytes());
    Value::from_json(bare).map_err(|error| {
        let place = entry.map(|entry| format!("{entry} in the package ")).unwrap_or_else(|| "The file ".to_owned());
        Box::new(refused(
            "not_json",
            format!("{place}is not JSON: line {}, column {}: {error}.", error.line(), error.column()),
            FORMS,
        ))
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

fn read_document(document: &Value, entry: Option<&str>) -> Result<Vec<FlowFile>, Diagnostic> {
    if document.as_object().is_none() {
        return Err(refused("definition_malformed", "The file is JSON, but not an object.", FORMS));
    }
    if let Some(resources) = document.get("resources").and_then(Value::as_array) {
        let is_workflow = |resource: &Value| {
            resource
                .get("type")
                .and_then(Value::as_str)
                .is_some_and(|kind| kind.eq_ignore_ascii_case("Microsoft.Logic/workflows"))
        };
        let template = arm::Template::new(document);
        let flows: Vec<FlowFile> = resources
            .iter()
            .enumerate()
            .filter(|(_, resource)| is_workflow(resource))
            .filter_map(|(index, resource)| {
                let pointer = Pointer::root().child("resources").child(index);
                let mut findings = Vec::new();
                let resource = template.resolved(resource, &pointer, &mut findings);
                let at = pointer.child("properties");
                let mut flow = from_envelope(&resource, resource.get("properties")?, at, entry)?;
                // Around the definition stand names of resources, which connections replace.
                let inside = flow.pointer.to_string();
                findings.retain(|finding| finding.pointer.as_str().starts_with(&inside));
                flow.diagnostics = findings;
                Some(flow)
            })
            .collect();
        if !flows.is_empty() {
            return Ok(flows);
        }
    }
    // A row of the table in which flows are kept holds the document as a text.
    if let Some(text) = document.get("clientdata").and_then(Value::as_str) {
        let inner = parse(text.as_bytes(), entry).map_err(|fault| *fault)?;
        return read_document(&inner, entry);
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

fn read_package(bytes: &[u8]) -> Result<Vec<FlowFile>, Box<Diagnostic>> {
    let broken = |error: &dyn std::fmt::Display| {
        Box::new(refused("package_broken", format!("The package cannot be unpacked: {error}."), "Export it again."))
    };
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(&error))?;
    if archive.len() > ENTRIES_MAX {
        return Err(broken(&format!("it has more than {ENTRIES_MAX} entries")));
    }
    let mut flows = Vec::new();
    let mut first_fault = None;
    let mut manifest = None;
    let mut customizations = String::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|error| broken(&error))?;
        // Some exports separate with backslashes.
        let name = entry.name().map_err(|error| broken(&error))?.replace('\\', "/");
        let lower = name.to_ascii_lowercase();
        // Packed by hand, everything may stand in a folder.
        let below = |folder: &str| lower.starts_with(folder) || lower.contains(&format!("/{folder}"));
        let is_definition = below("microsoft.flow/flows/") && lower.ends_with("/definition.json");
        let is_client_data = below("workflows/") && lower.ends_with(".json");
        let is_manifest = lower == "manifest.json" || lower.ends_with("/manifest.json") && !below("microsoft.flow/");
        let is_customization = lower == "customizations.xml" || lower.ends_with("/customizations.xml");
        if !is_definition && !is_client_data && !is_manifest && !is_customization {
            continue;
        }
        let mut text = Vec::new();
        let read = entry.by_ref().take(ENTRY_BYTES_MAX + 1).read_to_end(&mut text);
        read.map_err(|error| broken(&error))?;
        if text.len() as u64 > ENTRY_BYTES_MAX {
            return Err(broken(&format!("{name} is larger than {} MiB", ENTRY_BYTES_MAX / 1024 / 1024)));
        }
        if is_customization {
            customizations = String::from_utf8_lossy(&text).into_owned();
            continue;
        }
        let document = match parse(&text, Some(&name)) {
            Ok(document) => document,
            Err(fault) => {
                first_fault.get_or_insert(fault);
                continue;
            }
        };
        if is_manifest {
            manifest = manifest.or(Some(document));
            continue;
        }
        match read_document(&document, Some(&name)) {
            Ok(mut found) => {
                for flow in &mut found {
                    flow.profile = Profile::PowerAutomate;
                }
                flows.extend(found);
            }
            Err(fault) => {
                first_fault.get_or_insert(Box::new(fault));
            }
        }
    }
    for flow in flows.iter_mut().filter(|flow| flow.name.is_none()) {
        let Some(entry) = flow.entry.as_deref().filter(|entry| entry.to_ascii_lowercase().contains("workflows/"))
        else {
            continue;
        };
        flow.name = Some(display_name(&customizations, entry).unwrap_or_else(|| solution_name(entry)));
    }
    if let [flow] = &mut flows[..]
        && flow.name.is_none()
    {
        let name =
            manifest.as_ref().and_then(|manifest| manifest.pointer("/details/displayName")).and_then(Value::as_str);
        flow.name = name.map(ToOwned::to_owned);
    }
    if flows.is_empty() {
        return Err(first_fault
            .unwrap_or_else(|| Box::new(refused("package_empty", "There is no flow in the package.", FORMS))));
    }
    Ok(flows)
}

/// The title that a solution's list of flows gives to a file: `<Workflow Name="…">…<JsonFileName>/Workflows/….json<`.
fn display_name(customizations: &str, entry: &str) -> Option<String> {
    let file = entry.rsplit('/').next()?;
    let is_own = |part: &&str| {
        let named = part.split_once("<JsonFileName>").and_then(|(_, rest)| rest.split_once('<'));
        named.is_some_and(|(path, _)| path.trim().rsplit(['/', '\\']).next() == Some(file))
    };
    let part = customizations.split("<Workflow ").skip(1).find(is_own)?;
    let attributes = format!(" {}", part.split_once('>')?.0);
    let (name, _) = attributes.split_once(" Name=\"")?.1.split_once('"')?;
    let plain = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")]
        .into_iter()
        .fold(name.to_owned(), |text, (mark, plain)| text.replace(mark, plain));
    (!plain.trim().is_empty()).then_some(plain)
}

/// `Name` of `Workflows/Name-<guid>.json`.
fn solution_name(entry: &str) -> String {
    let file = entry.rsplit('/').next().unwrap_or(entry).trim_end_matches(".json");
    let is_guid = |text: &str| text.len() == 36 && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    match file.len().checked_sub(37).and_then(|at| Some((file.get(..at)?, file.get(at + 1..)?))) {
        Some((name, guid)) if is_guid(guid) => name.to_owned(),
        _ => file.to_owned(),
    }
}

/// A name-based identifier in the form of a guid, so that the same flow gives the same package.
fn guid(of: &str) -> String {
    let mut bits: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    for byte in of.bytes() {
        // FNV-1a with 128 bits.
        bits = (bits ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    }
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// Writes a package as Power Automate exports it.
///
/// # Errors
/// What the packer says; with input of this process that does not happen.
pub fn write_package(flow: &FlowFile) -> std::io::Result<Vec<u8>> {
    let name = flow.name.clone().unwrap_or_else(|| "Flow".to_owned());
    let id = guid(&format!("flow {name}"));
    let api = "/providers/Microsoft.PowerApps/apis/";
    let mut references = Object::new();
    let mut resources = Object::new();
    let (mut apis, mut connections) = (Object::new(), Object::new());
    let mut depends: Vec<Value> = Vec::new();
    for connection in &flow.connections {
        let key = &connection.key;
        let of = connection.api.clone().unwrap_or_else(|| key.clone());
        let (api_guid, connection_guid) = (guid(&format!("api {of}")), guid(&format!("connection {key}")));
        references.insert(
            key.clone(),
            Value::object([
                ("connectionName", Value::from(connection.name.clone().unwrap_or_else(|| key.clone()))),
                ("source", "Invoker".into()),
                ("id", format!("{api}{of}").into()),
            ]),
        );
        let details = |shown: &str| Value::object([("displayName", shown)]);
        let resource = |kind: &str, creation: &str, by: &str| {
            vec![
                ("type", Value::from(kind)),
                ("suggestedCreationType", "Existing".into()),
                ("creationType", creation.into()),
                ("details", details(&of)),
                ("configurableBy", by.into()),
                ("hierarchy", "Child".into()),
            ]
        };
        let mut own_api = resource("Microsoft.PowerApps/apis", "Existing", "System");
        own_api.push(("id", format!("{api}{of}").into()));
        own_api.push(("name", Value::from(of.clone())));
        own_api.push(("dependsOn", Value::array(Vec::new())));
        resources.insert(api_guid.clone(), Value::object(own_api));
        let mut own = resource("Microsoft.PowerApps/apis/connections", "Existing", "User");
        own.push(("dependsOn", Value::array(vec![api_guid.clone().into()])));
        resources.insert(connection_guid.clone(), Value::object(own));
        depends.push(api_guid.clone().into());
        depends.push(connection_guid.clone().into());
        apis.insert(key.clone(), api_guid);
        connections.insert(key.clone(), connection_guid);
    }
    resources.insert(
        id.clone(),
        Value::object([
            ("type", Value::from("Microsoft.Flow/flows")),
            ("suggestedCreationType", "New".into()),
            ("creationType", "Existing, New, Update".into()),
            ("details", Value::object([("displayName", name.clone())])),
            ("configurableBy", "User".into()),
            ("hierarchy", "Root".into()),
            ("dependsOn", Value::array(depends)),
        ]),
    );
    // What an import brought along around the definition goes back out, behind what is known.
    let brought = flow.envelope.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let known = brought.get("connectionReferences").and_then(Value::as_object).cloned().unwrap_or_default();
    for (key, reference) in known.iter() {
        references.insert(key.clone(), reference.clone());
    }
    let mut envelope = Object::new();
    envelope.insert("apiId", format!("{api}shared_logicflows"));
    envelope.insert("displayName", name.clone());
    envelope.insert("definition", flow.definition.clone());
    envelope.insert("connectionReferences", references);
    let parameters = flow.parameters.as_object().filter(|parameters| !parameters.is_empty());
    if let Some(parameters) = parameters {
        let wrapped = parameters.iter().map(|(name, value)| (name.clone(), Value::object([("value", value.clone())])));
        envelope.insert("parameters", Value::object(wrapped));
    }
    for (member, value) in brought.iter() {
        if !envelope.contains_key(member) {
            envelope.insert(member.clone(), value.clone());
        }
    }
    let definition = Value::object([
        ("name", Value::from(id.clone())),
        ("id", format!("/providers/Microsoft.Flow/flows/{id}").into()),
        ("type", "Microsoft.Flow/flows".into()),
        ("properties", envelope.into()),
    ]);
    let manifest = Value::object([
        ("schema", Value::from("1.0")),
        (
            "details",
            Value::object([
                ("displayName", Value::from(name)),
                ("description", "".into()),
                ("sourceEnvironment", "".into()),
            ]),
        ),
        ("resources", resources.into()),
    ]);
    let assets = Value::object([("assetPaths", Value::array(vec![id.clone().into()]))]);
    let flows = Value::object([("packageSchemaVersion", Value::from("1.0")), ("flowAssets", assets)]);
    let folder = format!("Microsoft.Flow/flows/{id}");
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let entries = [
        (format!("{folder}/apisMap.json"), Value::from(apis)),
        (format!("{folder}/connectionsMap.json"), connections.into()),
        (format!("{folder}/definition.json"), definition),
        ("Microsoft.Flow/flows/manifest.json".to_owned(), flows),
        ("manifest.json".to_owned(), manifest),
    ];
    for (entry, content) in entries {
        archive.start_file(entry, SimpleFileOptions::default())?;
        archive.write_all(content.to_json().as_bytes())?;
    }
    Ok(archive.finish()?.into_inner())
}
