//! How a connector proves who calls: what the file declares, and what its maker chose instead.

use hookmill_model::{Diagnostic, Object, Str, Value};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::document::{Document, elements, members, text};
use crate::oauth::{self, Oauth2};

/// Where an API key goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyPlace {
    /// A request header.
    Header,
    /// A query parameter.
    Query,
    /// A cookie.
    Cookie,
}

impl KeyPlace {
    /// The place that a scheme names; a header where it names none.
    pub(crate) fn of(scheme: &Value) -> Self {
        match scheme.get("in").and_then(Value::as_str).map(str::to_ascii_lowercase).as_deref() {
            Some("query") => Self::Query,
            Some("cookie") => Self::Cookie,
            _ => Self::Header,
        }
    }
}

/// What a connection of this connector must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Authentication {
    /// Nothing.
    #[default]
    None,
    /// User name and password, sent as `Authorization: Basic …`.
    Basic {
        /// What the field for the user name is called.
        #[serde(default = "user_name_label")]
        #[schema(value_type = String)]
        username_label: Str,
        /// What the field for the password is called.
        #[serde(default = "password_label")]
        #[schema(value_type = String)]
        password_label: Str,
    },
    /// One secret in a header or in the query.
    ApiKey {
        /// Where it goes.
        #[serde(rename = "in")]
        place: KeyPlace,
        /// The name of the header or of the query parameter.
        #[schema(value_type = String)]
        name: Str,
        /// What the field is called.
        #[serde(default = "key_label")]
        #[schema(value_type = String)]
        label: Str,
    },
    /// A token of an authorization server, sent as `Authorization: Bearer …`.
    #[serde(deserialize_with = "oauth::strict")]
    Oauth2(Oauth2),
}

fn user_name_label() -> Str {
    "User name".into()
}

fn password_label() -> Str {
    "Password".into()
}

fn key_label() -> Str {
    "API key".into()
}

impl Authentication {
    /// `none`, `basic`, `api_key` or `oauth2`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic { .. } => "basic",
            Self::ApiKey { .. } => "api_key",
            Self::Oauth2(_) => "oauth2",
        }
    }

    /// Basic authentication with the usual labels.
    #[must_use]
    pub fn basic() -> Self {
        Self::Basic { username_label: user_name_label(), password_label: password_label() }
    }

    /// Its OAuth 2.0 settings, where it is that.
    #[must_use]
    pub const fn oauth2(&self) -> Option<&Oauth2> {
        match self {
            Self::Oauth2(oauth) => Some(oauth),
            _ => None,
        }
    }

    /// What a file declares: `oAuthSettings` of `apiProperties.json`; else the first scheme that `security` names, else
    /// the first of `securityDefinitions`, with the labels that `apiProperties.json` gives to the connection's fields.
    pub(crate) fn declared(document: &Document, properties: Option<&Value>, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let root = document.root();
        let wanted = elements(root, "security")
            .iter()
            .filter_map(Value::as_object)
            .find_map(|choice| choice.keys().next().cloned());
        let schemes = || members(root, "securityDefinitions").map(|(name, scheme)| (name, document.resolve(scheme)));
        let scheme = schemes().find(|(name, _)| wanted.as_ref() == Some(*name)).or_else(|| schemes().next());
        let fields = properties.and_then(|all| all.pointer("/properties/connectionParameters"));
        if let Some(settings) = fields.and_then(oauth::settings_of) {
            let is_oauth =
                |scheme: &Value| text(scheme, "type").is_some_and(|kind| kind.eq_ignore_ascii_case("oauth2"));
            let of_file = schemes().map(|(_, scheme)| scheme).find(|scheme| is_oauth(scheme));
            let of_file = of_file.map(|scheme| Oauth2::of_scheme(scheme, diagnostics));
            return Self::Oauth2(Oauth2::of_settings(settings, of_file, diagnostics));
        }
        match scheme {
            Some((_, scheme)) => Self::of_scheme(scheme, fields, diagnostics),
            None => fields.map(Self::of_fields).unwrap_or_default(),
        }
    }

    fn of_scheme(scheme: &Value, fields: Option<&Value>, diagnostics: &mut Vec<Diagnostic>) -> Self {
        match scheme.get("type").and_then(Value::as_str).map(str::to_ascii_lowercase).as_deref() {
            Some("basic") => Self::Basic {
                username_label: label(fields, &["username", "user"], |_| false).unwrap_or_else(user_name_label),
                password_label: label(fields, &["password"], |kind| kind.eq_ignore_ascii_case("securestring"))
                    .unwrap_or_else(password_label),
            },
            Some("apikey") => Self::ApiKey {
                place: KeyPlace::of(scheme),
                name: text(scheme, "name").unwrap_or_else(|| "Authorization".into()),
                label: label(fields, &["api_key", "apikey"], |kind| kind.eq_ignore_ascii_case("securestring"))
                    .unwrap_or_else(key_label),
            },
            Some("oauth2") => Self::Oauth2(Oauth2::of_scheme(scheme, diagnostics)),
            _ => Self::None,
        }
    }

    /// Files without `securityDefinitions` still say in their connection parameters what a person must enter.
    fn of_fields(fields: &Value) -> Self {
        if fields.get("username").is_some() && fields.get("password").is_some() {
            return Self::of_scheme(&Value::object([("type", "basic")]), Some(fields), &mut Vec::new());
        }
        Self::None
    }

    /// The connection's fields as `apiProperties.json` describes them, without any secret.
    pub(crate) fn to_fields(&self, redirect_url: &str) -> Value {
        let field = |label: &str| {
            let constraints = Value::object([
                ("tabIndex", Value::Integer(2)),
                ("clearText", Value::Bool(false)),
                ("required", "true".into()),
            ]);
            let shown = Value::object([
                ("displayName", Value::from(label)),
                ("description", label.into()),
                ("tooltip", label.into()),
                ("constraints", constraints),
            ]);
            Value::object([("type", Value::from("securestring")), ("uiDefinition", shown)])
        };
        match self {
            Self::None => Object::new().into(),
            Self::Basic { username_label, password_label } => {
                Value::object([("username", field(username_label)), ("password", field(password_label))])
            }
            Self::ApiKey { label, .. } => Value::object([("api_key", field(label))]),
            Self::Oauth2(oauth) => {
                let settings = oauth.to_settings(redirect_url);
                Value::object([(
                    "token",
                    Value::object([("type", Value::from("oauthSetting")), ("oAuthSettings", settings)]),
                )])
            }
        }
    }
}

fn label(fields: Option<&Value>, names: &[&str], fits: impl Fn(&str) -> bool) -> Option<Str> {
    let fields = fields?.as_object()?;
    let named = fields.iter().find(|(name, _)| names.iter().any(|wanted| name.eq_ignore_ascii_case(wanted)));
    let found = named
        .or_else(|| fields.iter().find(|(_, field)| field.get("type").and_then(Value::as_str).is_some_and(&fits)))?;
    found.1.get("uiDefinition").and_then(|shown| text(shown, "displayName"))
}
