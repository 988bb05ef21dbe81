//! What a connection holds: the fields that a connector asks for, in sets to choose from, and their values.

mod check;

use hookmill_model::{Diagnostic, Object, Pointer, Str, Value};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authentication::Authentication;
use crate::document::{elements, members, text, truth};
use crate::security::Schemes;
use crate::server::Server;

/// The field for the secret that a service shows a person, where neither the creation of a webhook nor its answer has
/// it and the declarations give it no other name.
pub const WEBHOOK_SECRET: &str = "webhookSecret";

/// The kinds of fields of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ConnectionFieldKind)]
pub enum FieldKind {
    /// A text.
    String,
    /// A text that is sealed and never shown again.
    Secret,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// Yes or no.
    Boolean,
    /// A sign-in at an authorization server.
    Oauth,
    /// A gateway into a private network; there is none here.
    Gateway,
    /// A kind of value that connections cannot hold here.
    Unknown,
}

impl FieldKind {
    fn of(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "securestring" | "secureobject" => Self::Secret,
            "int" | "integer" => Self::Integer,
            "number" | "float" | "double" => Self::Number,
            "bool" | "boolean" => Self::Boolean,
            "oauthsetting" => Self::Oauth,
            "gatewaysetting" => Self::Gateway,
            "" | "string" => Self::String,
            _ => Self::Unknown,
        }
    }
}

/// One field of a connection.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ConnectionField {
    /// The name that policies use; a colon is part of it.
    #[schema(value_type = String)]
    pub name: Str,
    /// What kind of value it holds.
    pub kind: FieldKind,
    /// What people read.
    #[schema(value_type = String)]
    pub label: Str,
    /// More of it; may be empty.
    #[schema(value_type = String)]
    pub description: Str,
    /// A short hint; may be empty.
    #[schema(value_type = String)]
    pub tooltip: Str,
    /// Whether a value must be given.
    pub required: bool,
    /// Whether the value is shown while it is typed.
    pub clear_text: bool,
    /// Not shown in forms; its default is used.
    pub hidden: bool,
    /// The value where none is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// The values to choose from; empty where anything may be typed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub choices: Vec<Choice>,
    /// It is the secret that webhooks are signed with; no request carries it.
    pub signs_webhooks: bool,
}

/// A value to choose, with what people read.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = ConnectionChoice)]
pub struct Choice {
    /// What is stored.
    pub value: Value,
    /// What people read.
    #[schema(value_type = String)]
    pub label: Str,
}

/// Fields that are filled in together. A connector without `connectionParameterSets` has one, without a name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = ConnectionParameterSet)]
pub struct ParameterSet {
    /// The name in the file; empty for the only set.
    #[schema(value_type = String)]
    pub name: Str,
    /// What people read.
    #[schema(value_type = String)]
    pub label: Str,
    /// More of it; may be empty.
    #[schema(value_type = String)]
    pub description: Str,
    /// In the order in which they are shown.
    pub fields: Vec<ConnectionField>,
}

impl ParameterSet {
    /// The field of this name, ignoring case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&ConnectionField> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }

    /// Whether a person signs in at an authorization server.
    #[must_use]
    pub fn has_oauth(&self) -> bool {
        self.fields.iter().any(|field| field.kind == FieldKind::Oauth)
    }
}

/// What a connection holds, as far as requests need it.
#[derive(Clone, Default, PartialEq)]
pub struct Credentials {
    /// The parameter set that was chosen; empty where there is one only.
    pub set: Str,
    /// Values of fields by name.
    pub parameters: Object,
    /// The token of an authorization server; empty for none.
    pub access_token: Str,
    /// Further origins that the owner of the connection has confirmed, such as `https://eu.example.org`.
    pub hosts: Vec<Str>,
    /// What is not sent to the service, and must not be seen either: refresh token, client secret.
    pub hidden: Vec<Str>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(…)")
    }
}

impl Credentials {
    /// The value of a field, ignoring case; `None` where there is none or it is empty.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value> {
        let own = self.parameters.get(name);
        let found = own
            .or_else(|| self.parameters.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value));
        found.filter(|value| !value.is_null() && value.as_str() != Some(""))
    }

    /// The value of a field as text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.value(name).map(crate::serialise::text)
    }
}

/// What a connector asks for beside what its properties file says.
pub(crate) struct Needs<'a> {
    pub authentication: &'a Authentication,
    pub schemes: &'a Schemes,
    /// Addresses whose parts a connection may choose.
    pub servers: &'a [Server],
    /// Secrets of webhooks that a person enters: name and what it is.
    pub webhook_secrets: &'a [(Str, Str)],
}

/// Reads the sets of a properties file; without a file, those that the authentication needs.
pub(crate) fn sets(
    properties: Option<&Value>,
    needs: &Needs<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<ParameterSet> {
    let inner = properties.and_then(|all| all.get("properties"));
    let at = Pointer::root().child("properties");
    let alone = inner.map(|inner| fields(inner.get("connectionParameters"))).unwrap_or_default();
    let declared = inner.and_then(|inner| inner.get("connectionParameterSets"));
    let mut found: Vec<ParameterSet> = declared
        .map(|sets| elements(sets, "values"))
        .unwrap_or_default()
        .iter()
        .filter_map(|set| {
            let shown = set.get("uiDefinition").unwrap_or(&Value::Null);
            let name = text(set, "name")?;
            Some(ParameterSet {
                label: text(shown, "displayName").unwrap_or_else(|| name.clone()),
                description: text(shown, "description").unwrap_or_default(),
                fields: fields(set.get("parameters")),
                name,
            })
        })
        .collect();
    if found.is_empty() {
        found.push(ParameterSet { fields: alone, ..ParameterSet::default() });
    }
    if found.iter().flat_map(|set| &set.fields).any(|field| field.kind == FieldKind::Gateway) {
        let message = "the file asks for a gateway into a private network; there are none here";
        diagnostics.push(
            Diagnostic::warning("gateway_unsupported", at.clone(), message)
                .with_hint("Run this server where it can reach the service, and enter its host."),
        );
    }
    for field in found.iter().flat_map(|set| &set.fields).filter(|field| field.cannot_be_held()) {
        let message = format!(
            "a connection cannot hold the field \"{}\" here, which the file demands; operations are refused when they are used with it",
            field.name
        );
        let finding = Diagnostic::warning("connection_field_unsupported", at.clone(), message)
            .with_hint("Choose another way to sign in, or change the field in the connector's definition.");
        if !diagnostics.contains(&finding) {
            diagnostics.push(finding);
        }
    }
    // A file that asks for several keys together, or offers more than one way to show who calls.
    let ways = needs.schemes.ways(needs.authentication.oauth2().is_some());
    let is_silent = found.len() == 1 && found.iter().all(|set| set.fields.is_empty());
    if is_silent && (ways.len() > 1 || ways.iter().any(|way| way.schemes > 1)) {
        found = ways.into_iter().map(|way| way.set).collect();
        if let [only] = &mut found[..] {
            only.name = Str::default();
        }
    } else if let [only] = &mut found[..] {
        only.add_missing(needs);
    }
    for set in &mut found {
        for variable in needs.servers.iter().flat_map(|server| &server.variables) {
            set.add(variable.field());
        }
        for (name, about) in needs.webhook_secrets {
            set.add(ConnectionField {
                description: about.clone(),
                required: false,
                signs_webhooks: true,
                ..ConnectionField::new(name, FieldKind::Secret, &"Signing secret of webhooks".into())
            });
        }
    }
    found
}

impl ConnectionField {
    /// A required field that no file describes.
    pub(crate) fn new(name: &str, kind: FieldKind, label: &Str) -> Self {
        Self {
            name: name.into(),
            kind,
            label: label.clone(),
            description: Str::default(),
            tooltip: Str::default(),
            required: true,
            clear_text: !matches!(kind, FieldKind::Secret | FieldKind::Unknown),
            hidden: false,
            default: None,
            choices: Vec::new(),
            signs_webhooks: false,
        }
    }

    /// Whether a value of it may be shown to whoever sees the connection.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !matches!(self.kind, FieldKind::Secret | FieldKind::Unknown) && self.clear_text
    }

    /// Whether requests need a value of it that no connection can have here.
    #[must_use]
    pub fn cannot_be_held(&self) -> bool {
        self.required && matches!(self.kind, FieldKind::Gateway | FieldKind::Unknown)
    }
}

impl ParameterSet {
    fn add(&mut self, field: ConnectionField) {
        if self.field(&field.name).is_none() {
            self.fields.push(field);
        }
    }

    /// Adds what the connector's security settings ask for and the file does not.
    fn add_missing(&mut self, needs: &Needs<'_>) {
        let field = ConnectionField::new;
        let wanted = match needs.authentication {
            Authentication::None => Vec::new(),
            Authentication::Basic { username_label, password_label } => vec![
                field("username", FieldKind::String, username_label),
                // Some services take a key as user name, and no password.
                ConnectionField { required: false, ..field("password", FieldKind::Secret, password_label) },
            ],
            // A key may have any name in the file; one securestring is it.
            Authentication::ApiKey { .. } if self.fields.iter().any(|field| field.kind == FieldKind::Secret) => {
                Vec::new()
            }
            Authentication::ApiKey { label, .. } => vec![field("api_key", FieldKind::Secret, label)],
            Authentication::Oauth2(_) if self.has_oauth() => Vec::new(),
            Authentication::Oauth2(_) => vec![field("token", FieldKind::Oauth, &"Sign in".into())],
        };
        wanted.into_iter().for_each(|field| self.add(field));
    }
}

fn fields(written: Option<&Value>) -> Vec<ConnectionField> {
    let Some(written) = written.and_then(Value::as_object) else { return Vec::new() };
    let mut found: Vec<(i64, ConnectionField)> = written.iter().map(|(name, field)| read(name, field)).collect();
    found.sort_by_key(|(order, _)| *order);
    found.into_iter().map(|(_, field)| field).collect()
}

/// A field and its place in the order; those without one keep the order of the file, at the end.
fn read(name: &Str, field: &Value) -> (i64, ConnectionField) {
    let shown = field.get("uiDefinition").unwrap_or(&Value::Null);
    let constraints = shown.get("constraints").unwrap_or(&Value::Null);
    let kind = FieldKind::of(&text(field, "type").unwrap_or_default());
    let listed = [elements(constraints, "allowedValues"), elements(field, "allowedValues")];
    let choices = listed.into_iter().find(|list| !list.is_empty()).unwrap_or_default();
    let order = [constraints, shown].iter().find_map(|from| from.get("tabIndex").and_then(Value::as_i64));
    let required = match constraints.get("required") {
        None => kind != FieldKind::Gateway,
        Some(_) => truth(constraints, "required"),
    };
    let made = ConnectionField {
        name: name.clone(),
        kind,
        label: text(shown, "displayName").unwrap_or_else(|| name.clone()),
        description: text(shown, "description").unwrap_or_default(),
        tooltip: text(shown, "tooltip").unwrap_or_default(),
        required,
        clear_text: match constraints.get("clearText") {
            None => !matches!(kind, FieldKind::Secret | FieldKind::Unknown),
            Some(_) => truth(constraints, "clearText"),
        },
        hidden: truth(constraints, "hidden"),
        default: field.get("defaultValue").or_else(|| field.get("default")).filter(|own| !own.is_null()).cloned(),
        choices: choices.iter().map(choice).collect(),
        signs_webhooks: false,
    };
    (order.unwrap_or(i64::MAX), made)
}

fn choice(written: &Value) -> Choice {
    let value = written.get("value").unwrap_or(written).clone();
    let label = text(written, "text").unwrap_or_else(|| crate::serialise::text(&value).into());
    Choice { value, label }
}

/// The operations that a C# script rewrites: `Some(empty)` for all of them, `None` for none.
pub(crate) fn scripted(properties: Option<&Value>) -> Option<Vec<Str>> {
    let inner = properties?.get("properties")?;
    let listed = inner.get("scriptOperations")?.as_array()?;
    Some(listed.iter().filter_map(Value::as_str).map(Str::from).collect())
}

/// Whether the file names a script without saying which operations it is for.
pub(crate) fn has_script(properties: Option<&Value>) -> bool {
    properties.and_then(|all| all.get("properties")).is_some_and(|inner| {
        inner.get("script").is_some_and(|script| !script.is_null()) || members(inner, "script").next().is_some()
    })
}
