//! What a connection holds: the fields that a connector asks for, in sets to choose from, and their values.

mod check;

use hookmill_model::{Object, Str, Value};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
    pub(crate) fn of(word: &str) -> Self {
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
