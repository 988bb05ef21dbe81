//! The ways of a file to show who calls, and what a person enters for each.

use hookmill_model::{Str, Value};

use crate::authentication::{Authentication, KeyPlace};
use crate::connection::{ConnectionField, FieldKind, ParameterSet};
use crate::document::{Document, members, text, truth};

/// The member by which a scheme that was written in OpenAPI 3 says that its key is a bearer token.
pub(crate) const BEARER: &str = "x-hookmill-bearer";

/// One way to show who calls.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scheme {
    Basic,
    Key {
        place: KeyPlace,
        name: Str,
    },
    Bearer,
    Oauth2,
    /// Not known; an alternative with it cannot be served.
    Other,
}

/// One way to show who calls.
pub(crate) struct Way {
    /// How many schemes it takes together.
    pub schemes: usize,
    /// What a person enters for it.
    pub set: ParameterSet,
}

/// The schemes of a connector.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Schemes {
    pub named: Vec<(Str, Scheme)>,
    /// The alternatives of the whole file; `None` where it does not say.
    pub root: Option<Vec<Vec<Str>>>,
    /// The maker chose the one scheme; what the file says of alternatives does not count.
    pub is_chosen: bool,
}

impl Schemes {
    pub(crate) fn of(document: &Document, chosen: Option<&Authentication>) -> Self {
        if let Some(chosen) = chosen {
            let scheme = match chosen {
                Authentication::None => None,
                Authentication::Basic { .. } => Some(Scheme::Basic),
                Authentication::ApiKey { place, name, .. } => Some(Scheme::Key { place: *place, name: name.clone() }),
                Authentication::Oauth2(_) => Some(Scheme::Oauth2),
            };
            let named = scheme.map(|scheme| (Str::from("chosen"), scheme)).into_iter().collect();
            return Self { named, root: None, is_chosen: true };
        }
        let root = document.root();
        let named = members(root, "securityDefinitions")
            .map(|(name, scheme)| (name.clone(), Scheme::of(document.resolve(scheme))))
            .collect();
        Self { named, root: alternatives(root), is_chosen: false }
    }

    /// The file's own ways to show who calls, each as fields of a connection; none where the maker has chosen one. Ways
    /// that cannot be served are left out, and signing in unless the connector knows how.
    pub(crate) fn ways(&self, has_sign_in: bool) -> Vec<Way> {
        if self.is_chosen {
            return Vec::new();
        }
        let all = || self.named.iter().map(|(name, _)| vec![name.clone()]).collect();
        let choices: Vec<Vec<Str>> = self.root.clone().filter(|choices| !choices.is_empty()).unwrap_or_else(all);
        let mut found: Vec<Way> = Vec::new();
        for choice in choices.iter().filter(|choice| !choice.is_empty()) {
            let is_alone = choice.len() == 1;
            let parts: Option<Vec<_>> = choice.iter().map(|name| self.fields(name, is_alone, has_sign_in)).collect();
            let Some(parts) = parts else { continue };
            let labels: Vec<Str> = parts.iter().map(|(label, _)| label.clone()).collect();
            let set = ParameterSet {
                name: choice.join("+").into(),
                label: labels.join(", ").into(),
                fields: parts.into_iter().flat_map(|(_, fields)| fields).collect(),
                ..ParameterSet::default()
            };
            if !found.iter().any(|known| known.set.name == set.name) {
                found.push(Way { schemes: choice.len(), set });
            }
        }
        found
    }

    /// What a scheme is called, and the fields it needs; `None` where it cannot be served.
    fn fields(&self, name: &Str, is_alone: bool, has_sign_in: bool) -> Option<(Str, Vec<ConnectionField>)> {
        let field = ConnectionField::new;
        Some(match self.scheme(name) {
            Scheme::Basic => {
                let password = field("password", FieldKind::Secret, &"Password".into());
                let fields = vec![
                    field("username", FieldKind::String, &"User name".into()),
                    ConnectionField { required: false, ..password },
                ];
                ("User name and password".into(), fields)
            }
            Scheme::Key { .. } if is_alone => {
                (format!("API key ({name})").into(), vec![field("api_key", FieldKind::Secret, &"API key".into())])
            }
            Scheme::Bearer if is_alone => {
                (format!("Token ({name})").into(), vec![field("api_key", FieldKind::Secret, &"Token".into())])
            }
            Scheme::Key { .. } | Scheme::Bearer => (name.clone(), vec![field(name, FieldKind::Secret, name)]),
            Scheme::Oauth2 if has_sign_in => {
                ("Sign in".into(), vec![field("token", FieldKind::Oauth, &"Sign in".into())])
            }
            Scheme::Oauth2 | Scheme::Other => return None,
        })
    }

    pub(crate) fn scheme(&self, name: &str) -> &Scheme {
        self.named.iter().find(|(own, _)| **own == *name).map_or(&Scheme::Other, |(_, scheme)| scheme)
    }
}

impl Scheme {
    fn of(written: &Value) -> Self {
        match text(written, "type").unwrap_or_default().to_ascii_lowercase().as_str() {
            "basic" => Self::Basic,
            "apikey" if truth(written, BEARER) => Self::Bearer,
            "apikey" => Self::Key {
                place: KeyPlace::of(written),
                name: text(written, "name").unwrap_or_else(|| "Authorization".into()),
            },
            "oauth2" => Self::Oauth2,
            _ => Self::Other,
        }
    }
}

/// The member `security` of the file or an operation: names of schemes that are needed together, per alternative.
pub(crate) fn alternatives(of: &Value) -> Option<Vec<Vec<Str>>> {
    let list = of.get("security")?.as_array()?;
    let names = |choice: &Value| choice.as_object().map(|own| own.keys().cloned().collect()).unwrap_or_default();
    Some(list.iter().map(names).collect())
}
