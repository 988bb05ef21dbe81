//! Packages as Power Automate exports them.

use std::io::{Cursor, Write};

use hookmill_model::{Object, Value};
use zip::write::SimpleFileOptions;

use super::FlowFile;

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
