//! A connector: an OpenAPI document with its properties and the settings that its maker chose.

use hookmill_model::{Diagnostic, Object, Pointer, Severity, Str, Value};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authentication::Authentication;
use crate::authoring::postman;
use crate::connection::ParameterSet;
use crate::document::{Document, elements, read_json, text};
use crate::openapi3;
use crate::operation::{self, Operation};
use crate::policy::{self, Compiled};
use crate::schemes::Schemes;
use crate::serialise::climbs;
use crate::sets::{self, Needs};
use crate::{server, webhook};

/// What the maker chose instead of what the file says. `None` keeps the file's word.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = ConnectorSettings)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The connector's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub name: Option<Str>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub description: Option<Str>,
    /// The colour of its cards, `#rrggbb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub color: Option<Str>,
    /// How connections prove who calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication: Option<Authentication>,
    /// Host name, with a port where it needs one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub host: Option<Str>,
    /// The path before every operation's path.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub base_path: Option<Str>,
    /// `https` or `http`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub scheme: Option<Str>,
    /// Operations that are sent although their C# script does not run here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub without_script: Vec<Str>,
}

/// Triggers times delete operations that are compared at an import.
const OUTLOOKS_MAX: usize = 500_000;

/// The colour of a connector that has none.
pub const DEFAULT_COLOR: &str = "#2b6cb0";

/// A connector ready for questions. It is made anew from document, properties and settings; it is not stored itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Connector {
    /// Its name.
    pub name: Str,
    /// What it is for; may be empty.
    pub description: Str,
    /// `#rrggbb`.
    pub color: Str,
    /// `https` or `http`.
    pub scheme: Str,
    /// Host name with its port; empty where nobody has said it yet.
    pub host: Str,
    /// Begins with `/`, does not end with it; empty for none.
    pub base_path: Str,
    /// What a connection must hold.
    pub authentication: Authentication,
    /// In the order of the file.
    pub operations: Vec<Operation>,
    /// The fields of its connections; of several sets, a connection has one.
    pub sets: Vec<ParameterSet>,
    /// Changes of requests and answers that `apiProperties.json` asks for, in order.
    pub(crate) policies: Vec<Compiled>,
    pub(crate) schemes: Schemes,
    /// Operations whose requests a C# script rewrites; empty for all.
    pub(crate) scripted: Option<Vec<Str>>,
    /// Operations that are sent without their script, by the maker's choice.
    pub(crate) without_script: Vec<Str>,
    pub(crate) document: Document,
    pub(crate) properties: Option<Value>,
}

/// What came of reading a file.
#[derive(Clone, Debug)]
pub struct Import {
    /// The connector; `None` where the file cannot be one at all. A connector beside findings of severity `error` can
    /// be shown but should not be stored.
    pub connector: Option<Connector>,
    /// The document that the connector keeps: OpenAPI 2.0, converted where the file was 3.x.
    pub document: Option<Value>,
    /// The properties file, where one was given and is JSON.
    pub properties: Option<Value>,
    /// Everything found, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

impl Import {
    /// Whether nothing found has severity `error`.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.connector.is_some() && !self.diagnostics.iter().any(|finding| finding.severity == Severity::Error)
    }
}

impl Connector {
    /// Reads the bytes of an OpenAPI file and, where there is one, of `apiProperties.json`. Never fails: what is wrong
    /// is in [`Import::diagnostics`].
    #[must_use]
    pub fn import(document: &[u8], properties: Option<&[u8]>, settings: &Settings) -> Import {
        Self::import_while(document, properties, settings, &|| true)
    }

    /// As [`Connector::import`], for as long as `wanted` says that somebody waits for it; it is asked before each
    /// operation. What was stopped is no connector, and the findings say so. Once `wanted` says no, it must say no for good.
    #[must_use]
    pub fn import_while(
        document: &[u8],
        properties: Option<&[u8]>,
        settings: &Settings,
        wanted: &dyn Fn() -> bool,
    ) -> Import {
        let mut diagnostics = Vec::new();
        let properties =
            properties.and_then(|bytes| match read_json(bytes, "properties_not_json", "properties file") {
                Ok(value) => Some(value),
                Err(finding) => {
                    diagnostics.push(finding);
                    None
                }
            });
        match read_json(document, "not_json", "file") {
            Ok(value) => {
                let mut import = Self::import_value_while(&value, properties.as_ref(), settings, wanted);
                diagnostics.append(&mut import.diagnostics);
                Import { diagnostics, ..import }
            }
            Err(finding) => {
                diagnostics.insert(0, finding);
                Import { connector: None, document: None, properties, diagnostics }
            }
        }
    }

    /// Reads a document that is JSON already. See [`Connector::import`].
    #[must_use]
    pub fn import_value(document: &Value, properties: Option<&Value>, settings: &Settings) -> Import {
        Self::import_value_while(document, properties, settings, &|| true)
    }

    fn import_value_while(
        document: &Value,
        properties: Option<&Value>,
        settings: &Settings,
        wanted: &dyn Fn() -> bool,
    ) -> Import {
        let mut diagnostics = Vec::new();
        if let Err(finding) = crate::bounds::check(document) {
            let (properties, diagnostics) = (properties.cloned(), vec![finding]);
            return Import { connector: None, document: None, properties, diagnostics };
        }
        let collection =
            postman::is_collection(document).then(|| postman::to_openapi(document, &mut diagnostics, wanted));
        let collection = match collection.transpose() {
            Ok(collection) => collection,
            Err(finding) => {
                let (properties, diagnostics) = (properties.cloned(), vec![finding]);
                return Import { connector: None, document: None, properties, diagnostics };
            }
        };
        let document = collection.as_ref().unwrap_or(document);
        let mut is_checked = false;
        let document = match version(document) {
            Ok(())
                if document.get("openapi").and_then(Value::as_str).is_some_and(|version| version.starts_with('3')) =>
            {
                // Findings name the places of the file that a person has before them.
                Document::new(document.clone()).check_references(&mut diagnostics, wanted);
                is_checked = true;
                openapi3::to_2(document, &mut diagnostics, wanted)
            }
            Ok(()) => document.clone(),
            Err(finding) => {
                return Import {
                    connector: None,
                    document: None,
                    properties: properties.cloned(),
                    diagnostics: vec![finding],
                };
            }
        };
        let document_kept = Document::new(document.clone());
        if !is_checked {
            document_kept.check_references(&mut diagnostics, wanted);
        }
        if diagnostics.iter().any(|own| own.code == "document_too_large") {
            return Import { connector: None, document: None, properties: properties.cloned(), diagnostics };
        }
        let connector = Self::build(document_kept, properties, settings, &mut diagnostics, wanted);
        if !wanted() {
            let message = "it was stopped, since nobody waits for it";
            let diagnostics = vec![Diagnostic::error("took_too_long", Pointer::root(), message)];
            return Import { connector: None, document: None, properties: properties.cloned(), diagnostics };
        }
        Import { connector: Some(connector), document: Some(document), properties: properties.cloned(), diagnostics }
    }

    /// What is declared for the webhook that an operation creates.
    #[must_use]
    pub fn webhook(&self, operation_id: &str) -> hookmill_webhook::Declarations {
        let operation = self.operation(operation_id);
        operation.map(|operation| webhook::declared(self.document.root(), operation)).unwrap_or_default()
    }

    fn build(
        document: Document,
        properties: Option<&Value>,
        settings: &Settings,
        diagnostics: &mut Vec<Diagnostic>,
        wanted: &dyn Fn() -> bool,
    ) -> Self {
        webhook::check(document.root(), diagnostics);
        let operations = operation::operations(&document, diagnostics, wanted);
        webhook::check_calls(document.root(), &operations, diagnostics);
        if operations.is_empty() {
            diagnostics.push(
                Diagnostic::warning("no_operations", Pointer::root().child("paths"), "the file has no operations")
                    .with_hint("Add a trigger or an action in the connector's definition."),
            );
        }
        let root = document.root();
        let info = root.get("info").cloned().unwrap_or_default();
        let brand = properties.and_then(|all| all.pointer("/properties/iconBrandColor")).and_then(Value::as_str);
        let (scheme, host, base_path) = address(root, settings, diagnostics);
        let authentication = match &settings.authentication {
            Some(chosen) => chosen.clone(),
            None => Authentication::declared(&document, properties, diagnostics),
        };
        if let Authentication::Oauth2(oauth) = &authentication {
            oauth.check(settings.authentication.is_some(), diagnostics);
        }
        // Pages send all settings; what says the same as the file is no choice of the maker's.
        let declared = Authentication::declared(&document, properties, &mut Vec::new());
        let chosen = settings.authentication.as_ref().filter(|own| **own != declared);
        let schemes = Schemes::of(&document, chosen);
        let of_file = address(root, &Settings::default(), &mut Vec::new());
        let is_moved = of_file != (scheme.clone(), host.clone(), base_path.clone());
        let servers = if is_moved { Vec::new() } else { server::servers(root, &operations) };
        let needs = Needs {
            authentication: &authentication,
            schemes: &schemes,
            servers: &servers,
            webhook_secrets: &webhook::entered_secrets(root, &operations),
        };
        let sets = sets::sets(properties, &needs, diagnostics);
        let mut policies = policy::of_servers(&servers, &operations);
        policies.extend(policy::compile(properties, &sets, &operations, diagnostics));
        let scripted = sets::scripted(properties);
        warn_of_scripts(properties, scripted.as_deref(), diagnostics);
        Self {
            name: settings
                .name
                .clone()
                .filter(|name| !name.trim().is_empty())
                .or_else(|| text(&info, "title"))
                .unwrap_or_else(|| "Connector".into()),
            description: settings.description.clone().or_else(|| text(&info, "description")).unwrap_or_default(),
            color: settings
                .color
                .clone()
                .or_else(|| brand.filter(|color| color.starts_with('#')).map(Str::from))
                .unwrap_or_else(|| DEFAULT_COLOR.into()),
            scheme,
            host,
            base_path,
            authentication,
            schemes,
            sets,
            policies,
            scripted,
            without_script: settings.without_script.clone(),
            operations,
            properties: properties.cloned(),
            document,
        }
        .inform_of_deletions(diagnostics)
    }

    /// Tells for each webhook trigger whose deletion only the service can say.
    fn inform_of_deletions(self, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let deletes = self.operations.iter().filter(|own| &*own.method == "DELETE").count();
        if self.triggers().count().saturating_mul(deletes) > OUTLOOKS_MAX {
            let message = "the file has too many triggers to say of each how its webhook is deleted; its flow says so";
            diagnostics.push(Diagnostic::information("deletion_not_told", Pointer::root().child("paths"), message));
            return self;
        }
        let told = |own: &&Operation| own.is_webhook() && !own.is_by_hand && !self.knows_deletion(own);
        for trigger in self.triggers().filter(told) {
            let message = format!(
                "the webhook of \"{}\" can only be deleted if the service sends Location when it is created",
                trigger.operation_id
            );
            diagnostics.push(
                Diagnostic::information("deletion_by_location", trigger.pointer.clone(), message)
                    .with_hint("Say in the trigger's definition by which operation the webhook is deleted."),
            );
        }
        self
    }

    /// The OpenAPI 2.0 document.
    #[must_use]
    pub const fn document(&self) -> &Value {
        self.document.root()
    }

    /// The content of `apiProperties.json`, where there is one.
    #[must_use]
    pub const fn properties(&self) -> Option<&Value> {
        self.properties.as_ref()
    }

    /// `apiProperties.json` as another system would import it: the file that came with the connector, where it says of
    /// connections what holds, else with the fields that connections have here. No secret is in it.
    #[must_use]
    pub fn exported_properties(&self, redirect_url: &str) -> Value {
        let declared = Authentication::declared(&self.document, self.properties.as_ref(), &mut Vec::new());
        let fields = self.authentication.to_fields(redirect_url);
        let is_own = self.properties.is_none() || declared != self.authentication;
        let mut whole = self.properties.as_ref().and_then(Value::as_object).cloned().unwrap_or_default();
        let mut inner = whole.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        let lacks = |inner: &Object, name: &str| inner.get(name).is_none();
        if is_own || lacks(&inner, "connectionParameters") {
            inner.insert("connectionParameters", fields);
        }
        if lacks(&inner, "iconBrandColor") {
            inner.insert("iconBrandColor", self.color.clone());
        }
        for name in ["capabilities", "policyTemplateInstances"] {
            if lacks(&inner, name) {
                inner.insert(name, Value::array(Vec::new()));
            }
        }
        whole.insert("properties", inner);
        whole.into()
    }

    /// The operations whose requests a C# script rewrites.
    #[must_use]
    pub fn scripted_operations(&self) -> Vec<Str> {
        match &self.scripted {
            None => Vec::new(),
            Some(all) if all.is_empty() => self.operations.iter().map(|own| own.operation_id.clone()).collect(),
            Some(listed) => listed.clone(),
        }
    }

    /// The operations that are sent without their script, by the maker's choice.
    #[must_use]
    pub fn without_script(&self) -> &[Str] {
        &self.without_script
    }

    /// The operation of this name; of several with one name, the first.
    #[must_use]
    pub fn operation(&self, operation_id: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| &*operation.operation_id == operation_id)
    }

    /// Operations that start runs.
    pub fn triggers(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter().filter(|operation| operation.trigger.is_some())
    }

    /// Operations that are steps of runs.
    pub fn actions(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter().filter(|operation| operation.trigger.is_none())
    }

    /// Where the credentials of a connection may go: host, scheme, addresses for tokens, policies. Whoever entered
    /// credentials chose this; where it changes, they have to be entered again.
    #[must_use]
    pub fn destination(&self) -> String {
        let oauth = self.authentication.oauth2();
        let addresses = oauth.map(|oauth| [&oauth.authorization_url, &oauth.token_url, &oauth.refresh_url]);
        let addresses = addresses.into_iter().flatten().flatten().map(|address| Value::from(address.trim()));
        let policies = self.properties.as_ref().map(policy::policy_instances).unwrap_or_default();
        let mut found = Value::object([
            ("origin", Value::from(self.origin())),
            ("tokens", Value::array(addresses.collect())),
            ("policies", Value::array(policies.to_vec())),
        ]);
        // Documents without them keep the mark that they have.
        let servers = self.servers();
        if let Some(members) = found.as_object_mut().filter(|_| !servers.is_empty()) {
            members.insert("servers", Value::array(servers));
        }
        found.to_json()
    }

    /// Whether what a person writes into a field of a connection may say where requests and credentials go. Where the
    /// connector names the choices, each of them is its own.
    #[must_use]
    pub fn leads(&self, field: &crate::ConnectionField) -> bool {
        field.choices.is_empty() && self.destination().to_lowercase().contains(&field.name.to_lowercase())
    }

    /// The addresses that the file gives beside the connector's own host.
    fn servers(&self) -> Vec<Value> {
        let own = self.operations.iter().filter_map(|operation| operation.source.get(server::EXTENSION));
        self.document.root().get(server::EXTENSION).into_iter().chain(own).cloned().collect()
    }

    /// Scheme and host, such as `https://api.github.com`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.host)
    }
}

/// Tells which operations a C# script rewrites.
fn warn_of_scripts(properties: Option<&Value>, scripted: Option<&[Str]>, diagnostics: &mut Vec<Diagnostic>) {
    let at = Pointer::root().child("properties");
    let hint = "Describe the requests with policies or \"x-hookmill-registration\", call the service with an HTTP action, or choose in the connector's settings to send them without the script.";
    let (at, message) = match scripted {
        Some(listed) => {
            let whom = if listed.is_empty() {
                "all operations".to_owned()
            } else {
                format!("the operations {}", listed.join(", "))
            };
            let message =
                format!("custom code (C#) does not run here; it concerns {whom}, which are refused when they are used");
            (at.child("scriptOperations"), message)
        }
        None if sets::has_script(properties) => {
            let message = "custom code (C#) does not run here; the file does not say which operations need it";
            (at.child("script"), message.to_owned())
        }
        None => return,
    };
    diagnostics.push(Diagnostic::warning("script_unsupported", at, message).with_hint(hint));
}

/// Whether the document is OpenAPI of a version that is understood.
fn version(document: &Value) -> Result<(), Diagnostic> {
    let not_openapi = |message: &str| {
        Err(Diagnostic::error("not_openapi", Pointer::root(), message)
            .with_hint("Export the API as OpenAPI 2.0 (Swagger) in JSON: it begins with {\"swagger\": \"2.0\", …}."))
    };
    if document.as_object().is_none() {
        return not_openapi(&format!("the file is JSON, but {}, not an OpenAPI document", document.type_name()));
    }
    match document.get("paths") {
        Some(Value::Object(_)) => Ok(()),
        Some(other) => Err(Diagnostic::error(
            "not_openapi",
            Pointer::root().child("paths"),
            format!("\"paths\" must be an object, but it is {}", other.type_name()),
        )
        .with_hint("\"paths\" holds the operations: {\"/repos/{owner}\": {\"get\": {…}}}.")),
        // 3.1 describes notifications without operations.
        None if openapi3::has_webhooks(document) => Ok(()),
        None if document.get("swagger").is_some() || document.get("openapi").is_some() => {
            not_openapi("the file has no \"paths\"")
        }
        None => not_openapi("the file is JSON, but neither \"swagger\" nor \"paths\" is in it"),
    }
}

/// Whether a text may stand where an address has its host and port: nothing in it begins another part of the address. A
/// name in braces is filled in later.
fn is_host(text: &str) -> bool {
    let begins_another =
        |one: char| matches!(one, '/' | '\\' | '?' | '#' | '@' | '%') || one.is_whitespace() || one.is_control();
    !text.contains(begins_another) && (text.is_empty() || !text.chars().all(|one| one == '.'))
}

/// Scheme, host and base path.
fn address(root: &Value, settings: &Settings, diagnostics: &mut Vec<Diagnostic>) -> (Str, Str, Str) {
    let mut scheme = settings.scheme.clone().or_else(|| {
        let listed: Vec<&str> = elements(root, "schemes").iter().filter_map(Value::as_str).collect();
        listed
            .iter()
            .find(|scheme| scheme.eq_ignore_ascii_case("https"))
            .or(listed.first())
            .map(|found| (*found).into())
    });
    let mut host = settings.host.clone().filter(|host| !host.trim().is_empty()).or_else(|| text(root, "host"));
    let mut base = settings.base_path.clone().or_else(|| text(root, "basePath")).unwrap_or_default();
    // People paste whole addresses into the host field, or a host with its path.
    if let Some(written) = host.clone() {
        let after = match written.split_once("://") {
            Some((before, after)) => {
                scheme = scheme.filter(|_| settings.scheme.is_some()).or_else(|| Some(before.into()));
                after
            }
            None => &written,
        };
        let (name, path) = after.split_once('/').unwrap_or((after, ""));
        if !path.is_empty() && (base.is_empty() || &*base == "/") {
            base = path.into();
        }
        host = Some(name.into());
    }
    let mut host: Str = host.map(|host| host.trim().trim_end_matches('/').into()).unwrap_or_default();
    if !is_host(&host) {
        diagnostics.push(
            Diagnostic::error(
                "host_invalid",
                Pointer::root().child("host"),
                format!("\"{}\" is not the name of a host", host.chars().take(100).collect::<String>()),
            )
            .with_hint("\"host\" is a name such as api.example.com, with a port where it needs one; a path belongs into \"basePath\"."),
        );
        host = "".into();
    } else if host.is_empty() {
        diagnostics.push(
            Diagnostic::warning("host_missing", Pointer::root().child("host"), "the file does not name a host")
                .with_hint("Enter the host of the service in the connector's general information."),
        );
    }
    let scheme: Str = match scheme.map(|scheme| scheme.to_ascii_lowercase()) {
        Some(scheme) if scheme == "http" => "http".into(),
        _ => "https".into(),
    };
    let mut base = base.trim().trim_matches('/');
    if base.split('/').any(climbs) {
        diagnostics.push(
            Diagnostic::error("path_climbs", Pointer::root().child("basePath"), "the base path holds \".\" or \"..\"")
                .with_hint("Write the path as it is meant, without steps upwards."),
        );
        base = "";
    }
    (scheme, host, if base.is_empty() { Str::from("") } else { format!("/{base}").into() })
}

#[cfg(test)]
mod tests;
