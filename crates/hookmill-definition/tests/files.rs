//! The forms in which flows travel, made up here: each is read to the same flow, however it was packed.
#![allow(clippy::unwrap_used)] // Tests may stop at once.

use std::io::{Cursor, Write};

use hookmill_definition::{Limits, Profile, compile, file};
use hookmill_model::{Severity, Value};
use zip::write::SimpleFileOptions;

const DEFINITION: &str = r#"{"$schema":"https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#","contentVersion":"1.0.0.0","parameters":{"$connections":{"defaultValue":{},"type":"Object"},"$authentication":{"defaultValue":{},"type":"SecureObject"}},"triggers":{"When_a_push":{"type":"OpenApiConnectionWebhook","metadata":{"operationMetadataId":"1b2c"},"inputs":{"host":{"connectionName":"shared_forge","operationId":"push","apiId":"/providers/Microsoft.PowerApps/apis/shared_forge"},"parameters":{"owner":"a"},"authentication":"@parameters('$authentication')"}}},"actions":{"Zweite":{"runAfter":{"Erste":["Succeeded"]},"type":"Compose","inputs":"@outputs('Erste')","unbekannt":{"b":1,"a":[1.50,"ü"]}},"Erste":{"runAfter":{},"type":"Compose","inputs":"x"}},"outputs":{},"zusatz":null}"#;

fn definition() -> Value {
    Value::from_json(DEFINITION.as_bytes()).unwrap()
}

fn flow_document(name: &str) -> String {
    format!(
        r#"{{"name":"{name}","id":"/providers/Microsoft.Flow/flows/{name}","type":"Microsoft.Flow/flows","properties":{{"apiId":"/providers/Microsoft.PowerApps/apis/shared_logicflows","displayName":"Pushes","definition":{DEFINITION},"connectionReferences":{{"shared_forge":{{"connectionName":"shared-forge-1","source":"Embedded","id":"/providers/Microsoft.PowerApps/apis/shared_forge","tier":"Standard"}}}},"flowFailureAlertSubscribed":false}}}}"#
    )
}

fn client_data() -> String {
    format!(
        r#"{{"properties":{{"connectionReferences":{{"shared_forge":{{"runtimeSource":"embedded","connection":{{"connectionReferenceLogicalName":"pub_forge_ab12c"}},"api":{{"name":"shared_forge"}}}}}},"definition":{DEFINITION}}},"schemaVersion":"1.0.0.0"}}"#
    )
}

fn package(entries: &[(String, String)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in entries {
        archive.start_file(name.as_str(), SimpleFileOptions::default()).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// What every form must give.
fn assert_read(form: &str, bytes: &[u8], profile: Profile, connected: bool) -> file::FlowFile {
    let flows = file::read(bytes).unwrap_or_else(|fault| panic!("{form}: {}", fault.message));
    let [flow] = &flows[..] else { panic!("{form}: {} flows", flows.len()) };
    assert_eq!(flow.definition.to_json(), definition().to_json(), "{form}");
    assert_eq!(flow.profile, profile, "{form}");
    if connected {
        assert_eq!(&*flow.connections[0].key, "shared_forge", "{form}");
        assert_eq!(flow.connections[0].api.as_deref(), Some("shared_forge"), "{form}");
    }
    let found = compile(&flow.definition, &flow.parameters, flow.profile, &Limits::default());
    assert!(found.is_valid(), "{form}: {:?}", found.diagnostics);
    flow.clone()
}

#[test]
fn packages_are_read_however_they_were_packed() {
    let manifest = r#"{"schema":"1.0","details":{"displayName":"Pushes"},"resources":{}}"#;
    let separators = ["/", "\\"];
    let folders = ["5f7d3c00-0000-4000-8000-000000000001", "A0B1C2D3-0000-4000-8000-00000000000F"];
    for separator in separators {
        for folder in folders {
            for mark in ["", "\u{feff}"] {
                for outer in ["", "MyFlow/"] {
                    for name in ["", "5f7d3c00-0000-4000-8000-000000000001"] {
                        let place = |path: &str| format!("{outer}{}", path.replace('/', separator));
                        let entries = [
                            (place("Microsoft.Flow/flows/manifest.json"), format!("{mark}{{}}")),
                            (place("manifest.json"), format!("{mark}{manifest}")),
                            (place(&format!("Microsoft.Flow/flows/{folder}/apisMap.json")), "{}".to_owned()),
                            (
                                place(&format!("Microsoft.Flow/flows/{folder}/definition.json")),
                                format!("{mark}{}", flow_document(name)),
                            ),
                        ];
                        let form = format!("{separator}{folder}{}{outer}{name}", mark.len());
                        let read = assert_read(&form, &package(&entries), Profile::PowerAutomate, true);
                        assert_eq!(read.name.as_deref(), Some("Pushes"), "{form}");
                    }
                }
            }
        }
    }
}

#[test]
fn documents_are_read_in_each_form() {
    let wide = |text: &str| {
        let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
        units.flat_map(u16::to_le_bytes).collect::<Vec<u8>>()
    };
    let row = Value::object([("clientdata", client_data())]).to_json();
    let resource = format!(
        r#"{{"type":"Microsoft.Logic/workflows","properties":{{"state":"Enabled","definition":{DEFINITION},"parameters":{{"$connections":{{"value":{{"shared_forge":{{"connectionId":"/c","connectionName":"forge","id":"/subscriptions/s/providers/Microsoft.Web/locations/l/managedApis/shared_forge"}}}}}}}}}}}}"#
    );
    let template = format!(r#"{{"parameters":{{}},"resources":[{{"type":"Microsoft.Storage/x"}},{resource}]}}"#);
    let standard = format!(r#"{{"definition":{DEFINITION},"kind":"Stateful"}}"#);
    let solution = package(&[
        ("[Content_Types].xml".to_owned(), "<Types/>".to_owned()),
        ("Workflows/Pushes-5F7D3C00-0000-4000-8000-000000000001.json".to_owned(), client_data()),
    ]);
    let (pa, la) = (Profile::PowerAutomate, Profile::LogicApps);
    assert_read("bare", DEFINITION.as_bytes(), la, false);
    assert_read("bare with a mark", format!("\u{feff}{DEFINITION}").as_bytes(), la, false);
    assert_read("bare in UTF-16", &wide(DEFINITION), la, false);
    assert_read("definition.json", flow_document("n").as_bytes(), pa, true);
    assert_read("clientdata", client_data().as_bytes(), pa, true);
    assert_read("row", row.as_bytes(), pa, true);
    assert_read("resource", resource.as_bytes(), la, true);
    assert_read("template", template.as_bytes(), la, true);
    assert_read("standard", standard.as_bytes(), la, false);
    let read = assert_read("solution", &solution, pa, true);
    assert_eq!(read.name.as_deref(), Some("Pushes"));
    let list = r#"<ImportExportXml><Workflows><Workflow WorkflowId="{1}" Name="Another"><JsonFileName>/Workflows/Another-1.json</JsonFileName></Workflow>
        <Workflow WorkflowId="{2}" Name="Pushes &amp; pulls"><JsonFileName>/Workflows/Pushes-5F7D3C00-0000-4000-8000-000000000001.json</JsonFileName><Category>5</Category></Workflow></Workflows></ImportExportXml>"#;
    let solution = package(&[
        ("Workflows/Pushes-5F7D3C00-0000-4000-8000-000000000001.json".to_owned(), client_data()),
        ("customizations.xml".to_owned(), list.to_owned()),
    ]);
    assert_eq!(assert_read("solution with titles", &solution, pa, true).name.as_deref(), Some("Pushes & pulls"));
}

#[test]
fn an_export_is_read_again_unchanged() {
    for (form, bytes) in
        [("package", flow_document("n")), ("clientdata", client_data()), ("bare", DEFINITION.to_owned())]
    {
        let mut first = file::read(bytes.as_bytes()).unwrap().remove(0);
        first.name = Some("Pushes".to_owned());
        let written = file::write_package(&first).unwrap();
        let second = file::read(&written).unwrap().remove(0);
        assert_eq!(second.definition.to_json(), first.definition.to_json(), "{form}");
        assert_eq!((&second.name, &second.connections), (&first.name, &first.connections), "{form}");
        assert_eq!(file::write_package(&second).unwrap(), written, "{form}: a second export differs");
        let opaque = second.envelope.pointer("/properties/connectionReferences/shared_forge/tier").cloned();
        assert_eq!(opaque, first.envelope.pointer("/properties/connectionReferences/shared_forge/tier").cloned());
    }
}

#[test]
fn what_a_template_says_is_put_in_or_reported() {
    let text = r#"{"parameters":{"who":{"type":"string","defaultValue":"octo"}},"variables":{"n":3},"resources":[
        {"type":"Microsoft.Logic/workflows","name":"[parameters('who')]","properties":{"definition":{"triggers":{"t":{"type":"Request"}},
         "actions":{"A":{"type":"Compose","inputs":{"a":"[parameters('who')]","b":"[variables('n')]","c":"[[1,2]","d":"[resourceGroup().id]"}}}},
         "parameters":{"$connections":{"value":{"mail":{"id":"[concat(subscription().id,'/providers/Microsoft.Web/locations/x/managedApis/','office365')]"}}}}}}]}"#;
    let flow = file::read(text.as_bytes()).unwrap().remove(0);
    let inputs = flow.definition.pointer("/actions/A/inputs").unwrap().to_json();
    assert_eq!(inputs, r#"{"a":"octo","b":3,"c":"[1,2]","d":"[resourceGroup().id]"}"#);
    assert_eq!(flow.connections[0].api.as_deref(), Some("office365"));
    let found: Vec<(&str, &str, Severity)> =
        flow.diagnostics.iter().map(|own| (own.code.as_str(), own.pointer.as_str(), own.severity)).collect();
    let at = "/resources/0/properties/definition/actions/A/inputs/d";
    assert_eq!(found, [("template_expression", at, Severity::Warning)]);
}

/// What follows from the template itself is computed; what does not never reaches the flow's own parser.
#[test]
fn expressions_of_a_template_are_computed() {
    let text = r#"{"parameters":{"Name":{"type":"string","defaultValue":"Octo"},"open":{"type":"string"},"list":{"type":"array","defaultValue":["a","b"]}},
        "variables":{"base":"https://a.test","full":"[concat(variables('base'), '/', toLower(parameters('name')))]","deep":{"x":["[variables('full')]"]}},
        "resources":[{"type":"Microsoft.Resources/deployments","properties":{"template":{"resources":[
          {"type":"microsoft.logic/Workflows","properties":{"definition":{"triggers":{"t":{"type":"Request"}},"actions":{"A":{"type":"Compose","inputs":{
            "a":"[variables('full')]","b":"[format('{0}-{1}!', parameters('NAME'), 3)]","c":"[variables('deep').x[0]]","d":"[parameters('list')[1]]",
            "e":"[if(equals(parameters('Name'), 'Octo'), 'yes', 'no')]","f":"[concat('@{triggerBody()}', '/', variables('base'))]",
            "g":"[concat('@{body(', resourceGroup().name, ')}')]","h":"[parameters('open')]","i":"[length(parameters('list'))]","j":"[[not one]","k":"[it's broken"}}}}}}]}}}]}"#;
    let flow = file::read(text.as_bytes()).unwrap().remove(0);
    let inputs = flow.definition.pointer("/actions/A/inputs").unwrap();
    let text = |name: &str| inputs.get(name).unwrap().to_json();
    assert_eq!(text("a"), r#""https://a.test/octo""#);
    assert_eq!(text("b"), r#""Octo-3!""#);
    assert_eq!(text("c"), r#""https://a.test/octo""#);
    assert_eq!(text("d"), r#""b""#);
    assert_eq!(text("e"), r#""yes""#);
    assert_eq!(text("f"), r#""@{triggerBody()}/https://a.test""#);
    assert_eq!(text("i"), "2");
    assert_eq!(text("j"), r#""[not one]""#);
    let found: Vec<&str> =
        flow.diagnostics.iter().map(|own| own.pointer.as_str().rsplit('/').next().unwrap()).collect();
    assert_eq!(found, ["g", "h"]);
    let compiled = compile(&flow.definition, &flow.parameters, flow.profile, &Limits::default());
    assert!(compiled.is_valid(), "{:?}", compiled.diagnostics);
}

/// Names are found in any case, those of the sections of a template and of its resources too; values may be lists.
#[test]
fn templates_are_read_in_any_case() {
    let text = r#"{"Parameters":{"Env":{"Type":"string","DefaultValue":"Dev"},"site":{"type":"string","defaultValue":"[Format('{0}-{1}', TOLOWER(PARAMETERS('env')), VARIABLES('SUFFIX'))]"}},
        "Variables":{"suffix":"[ConCat('x', String(1))]"},
        "Resources":[{"Type":"Microsoft.Resources/deployments","Properties":{"Template":{"Resources":[
          {"Type":"Microsoft.Logic/workflows","Name":"[parameters('SITE')]","Properties":{"Definition":{"triggers":{"t":{"type":"Request"}},"actions":{
            "A":{"type":"Compose","inputs":"[concat('@{triggerBody()?[''id'']}/', parameters('Site'))]"}}}}}]}}}]}"#;
    let flow = file::read(text.as_bytes()).unwrap().remove(0);
    assert_eq!(flow.name.as_deref(), Some("dev-x1"));
    let inputs = flow.definition.pointer("/actions/A/inputs").unwrap().as_str();
    assert_eq!(inputs, Some("@{triggerBody()?['id']}/dev-x1"));
    assert_eq!(flow.diagnostics, []);
}

/// Parameters of a nested deployment with a scope of its own are those that it is given.
#[test]
fn nested_deployments_have_their_own_parameters() {
    let text = r#"{"parameters":{"p":{"defaultValue":"outer"}},"resources":[{"type":"Microsoft.Resources/deployments","properties":{
        "expressionEvaluationOptions":{"scope":"inner"},"parameters":{"p":{"value":"[concat(parameters('p'), '!')]"}},
        "template":{"parameters":{"p":{"type":"string"}},"resources":{"flow":{"type":"Microsoft.Logic/workflows","properties":{"definition":{"triggers":{"t":{"type":"Request"}},
        "actions":{"A":{"type":"Compose","inputs":"[parameters('p')]"}}}}}}}}}]}"#;
    let flow = file::read(text.as_bytes()).unwrap().remove(0);
    assert_eq!(flow.definition.pointer("/actions/A/inputs").unwrap().as_str(), Some("outer!"));
    assert_eq!(flow.pointer.as_str(), "/resources/0/properties/template/resources/flow/properties/definition");
}
