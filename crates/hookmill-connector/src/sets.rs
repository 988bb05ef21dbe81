//! The fields that a connector asks for: from its properties file, or from what its authentication needs.

use hookmill_model::{Diagnostic, Pointer, Str, Value};

use crate::authentication::Authentication;
use crate::connection::{Choice, ConnectionField, FieldKind, ParameterSet};
use crate::document::{elements, members, text, truth};
use crate::schemes::Schemes;
use crate::server::Server;

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
