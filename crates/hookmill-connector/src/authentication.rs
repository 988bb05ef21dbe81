//! How a connector proves who calls: what the file declares, and what its maker chose instead.

use hookmill_model::{Str, Value};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::document::{Document, elements, members, text};

/// Where an API key goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyPlace {
    /// A request header.
    Header,
    /// A query parameter.
    Query,
}

/// What a connection of this connector must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
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
    /// A token of an authorisation server, sent as `Authorization: Bearer …`.
    Oauth2 {
        /// Where people agree.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>)]
        authorization_url: Option<Str>,
        /// Where codes become tokens.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>)]
        token_url: Option<Str>,
        /// Where tokens are renewed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>)]
        refresh_url: Option<Str>,
        /// What is asked for.
        #[serde(default)]
        #[schema(value_type = Vec<String>)]
        scopes: Vec<Str>,
    },
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
            Self::Oauth2 { .. } => "oauth2",
        }
    }

    /// Basic authentication with the usual labels.
    #[must_use]
    pub fn basic() -> Self {
        Self::Basic { username_label: user_name_label(), password_label: password_label() }
    }

    /// What a file declares: the first scheme that `security` names, else the first of `securityDefinitions`, with the
    /// labels that `apiProperties.json` gives to the connection's fields.
    pub(crate) fn declared(document: &Document, properties: Option<&Value>) -> Self {
        let root = document.root();
        let wanted = elements(root, "security")
            .iter()
            .filter_map(Value::as_object)
            .find_map(|choice| choice.keys().next().cloned());
        let scheme = members(root, "securityDefinitions")
            .find(|(name, _)| wanted.as_ref() == Some(*name))
            .or_else(|| members(root, "securityDefinitions").next());
        let fields = properties.and_then(|all| all.pointer("/properties/connectionParameters"));
        match scheme {
            Some((_, scheme)) => Self::of_scheme(document.resolve(scheme), fields),
            None => fields.map(Self::of_fields).unwrap_or_default(),
        }
    }

    fn of_scheme(scheme: &Value, fields: Option<&Value>) -> Self {
        match scheme.get("type").and_then(Value::as_str).map(str::to_ascii_lowercase).as_deref() {
            Some("basic") => Self::Basic {
                username_label: label(fields, &["username", "user"], |_| false).unwrap_or_else(user_name_label),
                password_label: label(fields, &["password"], |kind| kind.eq_ignore_ascii_case("securestring"))
                    .unwrap_or_else(password_label),
            },
            Some("apikey") => Self::ApiKey {
                place: match scheme.get("in").and_then(Value::as_str) {
                    Some("query") => KeyPlace::Query,
                    _ => KeyPlace::Header,
                },
                name: text(scheme, "name").unwrap_or_else(|| "Authorization".into()),
                label: label(fields, &["api_key", "apikey"], |kind| kind.eq_ignore_ascii_case("securestring"))
                    .unwrap_or_else(key_label),
            },
            Some("oauth2") => Self::Oauth2 {
                authorization_url: text(scheme, "authorizationUrl"),
                token_url: text(scheme, "tokenUrl"),
                refresh_url: text(scheme, "refreshUrl"),
                scopes: members(scheme, "scopes").map(|(name, _)| name.clone()).collect(),
            },
            _ => Self::None,
        }
    }

    /// Files without `securityDefinitions` still say in their connection parameters what a person must enter.
    fn of_fields(fields: &Value) -> Self {
        let typed = |wanted: &str| {
            fields.as_object().is_some_and(|all| {
                all.values().any(|field| {
                    field.get("type").and_then(Value::as_str).is_some_and(|kind| kind.eq_ignore_ascii_case(wanted))
                })
            })
        };
        if fields.get("username").is_some() && fields.get("password").is_some() {
            return Self::of_scheme(&Value::object([("type", Value::from("basic"))]), Some(fields));
        }
        if typed("oauthSetting") {
            return Self::Oauth2 { authorization_url: None, token_url: None, refresh_url: None, scopes: Vec::new() };
        }
        Self::None
    }
}

fn label(fields: Option<&Value>, names: &[&str], fits: impl Fn(&str) -> bool) -> Option<Str> {
    let fields = fields?.as_object()?;
    let named = fields.iter().find(|(name, _)| names.iter().any(|wanted| name.eq_ignore_ascii_case(wanted)));
    let found = named
        .or_else(|| fields.iter().find(|(_, field)| field.get("type").and_then(Value::as_str).is_some_and(&fits)))?;
    found.1.get("uiDefinition").and_then(|shown| text(shown, "displayName"))
}
