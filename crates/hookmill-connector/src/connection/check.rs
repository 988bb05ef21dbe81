//! What a person enters for a connection: checked against its fields, and given their types.

use hookmill_model::{Diagnostic, Object, Pointer, Str, Value};

use super::{ConnectionField, FieldKind, ParameterSet};
use crate::connector::Connector;
use crate::serialise::text;

/// The code of everything that is found here.
const CODE: &str = "connection_invalid";
/// No value is longer. Certificates and private keys fit.
const VALUE_BYTES_MAX: usize = 65_536;
/// No connection confirms more hosts.
const HOSTS_MAX: usize = 20;

/// Looks at a whole connection as it would be stored.
struct Entered<'a> {
    connector: &'a Connector,
    set: &'a str,
    values: &'a Object,
    hosts: &'a [Str],
}

impl Connector {
    /// The parameter set of a connection and its values as requests need them: each with the type of its field, `api_key`
    /// under the name of the one secret that the connector asks for. Defaults are not among them.
    ///
    /// # Errors
    /// Everything that is wrong, each with a JSON pointer such as `/parameters/region`: a field that is missing or not
    /// known, a value of another type or not among those allowed, a host that is no address.
    pub fn checked_connection(
        &self,
        set: &str,
        values: &Object,
        hosts: &[Str],
    ) -> Result<(Str, Object), Vec<Diagnostic>> {
        let entered = Entered { connector: self, set, values, hosts };
        let mut found = Vec::new();
        entered.check_hosts(&mut found);
        // Who does not choose means the kind that takes what was entered.
        let fitting = || self.sets.iter().filter(|_| set.is_empty()).find(|set| entered.typed(set).is_ok());
        let Some(set) = self.set(entered.set).or_else(fitting) else {
            let names: Vec<&str> = self.sets.iter().map(|set| &*set.name).collect();
            let message = if entered.set.is_empty() {
                "the connector has several kinds of connections, and none takes just these values".to_owned()
            } else {
                format!("the connector has no kind of connection \"{}\"", entered.set)
            };
            let finding = Diagnostic::error(CODE, Pointer::root().child("parameter_set"), message);
            found.push(finding.with_hint(format!("Choose one of: {}.", names.join(", "))));
            return Err(found);
        };
        match entered.typed(set) {
            Ok(typed) if found.is_empty() => Ok((set.name.clone(), typed)),
            Ok(_) => Err(found),
            Err(mut wrong) => {
                found.append(&mut wrong);
                Err(found)
            }
        }
    }

    /// Whether connections with this parameter set have a value of this name.
    #[must_use]
    pub fn takes(&self, set: &ParameterSet, name: &str) -> bool {
        set.field_of(name).is_some() || self.takes_login(set, name)
    }

    /// A file that says nothing about who calls leaves it to the connection: user name and password are sent as basic
    /// authentication then.
    fn takes_login(&self, set: &ParameterSet, name: &str) -> bool {
        let is_silent = set.fields.iter().all(|field| field.signs_webhooks) && !self.is_authentication_chosen();
        is_silent && (name.eq_ignore_ascii_case("username") || name.eq_ignore_ascii_case("password"))
    }

    /// The call that the file names to test connections (`testConnection` of `x-ms-capabilities`), with its parameters.
    #[must_use]
    pub fn connection_test(&self) -> Option<(&crate::Operation, Value)> {
        let written = self.document().pointer("/x-ms-capabilities/testConnection")?;
        let operation = self.operation(written.get("operationId")?.as_str()?)?;
        let parameters = written.get("parameters").filter(|own| own.as_object().is_some()).cloned();
        Some((operation, parameters.unwrap_or_else(|| Object::new().into())))
    }

    /// The values of a connection with the defaults of its set, for policies and addresses.
    #[must_use]
    pub fn with_field_defaults(&self, set: &str, mut values: Object) -> Object {
        for field in self.set(set).into_iter().flat_map(|set| &set.fields) {
            if let Some(default) = &field.default
                && !values.iter().any(|(own, value)| {
                    own.eq_ignore_ascii_case(&field.name) && !value.is_null() && value.as_str() != Some("")
                })
            {
                values.insert(field.name.clone(), default.clone());
            }
        }
        values
    }
}

fn at(name: &str) -> Pointer {
    match name {
        "username" | "password" | "api_key" => Pointer::root().child(name),
        other => Pointer::root().child("parameters").child(other),
    }
}

impl Entered<'_> {
    fn check_hosts(&self, found: &mut Vec<Diagnostic>) {
        let place = Pointer::root().child("hosts");
        if self.hosts.len() > HOSTS_MAX {
            let message = format!("there are {} hosts; {HOSTS_MAX} are allowed", self.hosts.len());
            found.push(Diagnostic::error(CODE, place.clone(), message));
        }
        for (index, host) in self.hosts.iter().enumerate().take(HOSTS_MAX) {
            let url = url::Url::parse(host.trim()).ok();
            let is_origin = url.is_some_and(|url| {
                matches!(url.scheme(), "https" | "http")
                    && url.host().is_some()
                    && matches!(url.path(), "" | "/")
                    && url.query().is_none()
                    && url.fragment().is_none()
                    && url.username().is_empty()
            });
            if !is_origin {
                let message = format!("\"{host}\" is not an address of a host");
                found.push(
                    Diagnostic::error(CODE, place.child(index), message)
                        .with_hint("Write scheme and host alone, such as https://eu.example.org."),
                );
            }
        }
    }

    fn typed(&self, set: &ParameterSet) -> Result<Object, Vec<Diagnostic>> {
        let (mut typed, mut found) = (Object::new(), Vec::new());
        for (name, value) in self.values.iter().filter(|(_, value)| !value.is_null()) {
            if set.field_of(name).is_none() && self.connector.takes_login(set, name) {
                typed.insert(name.to_ascii_lowercase(), text(value));
                continue;
            }
            let Some(field) = set.field_of(name) else {
                let known: Vec<&str> = set.fields.iter().map(|field| &*field.name).collect();
                let hint = if known.is_empty() {
                    "This connector asks for nothing.".to_owned()
                } else {
                    format!("Its connections have: {}.", known.join(", "))
                };
                let message = format!("connections of this connector have no field \"{name}\"");
                found.push(Diagnostic::error(CODE, at(name), message).with_hint(hint));
                continue;
            };
            match field.typed(value) {
                Ok(value) => {
                    typed.insert(field.name.clone(), value);
                }
                Err(message) => found.push(Diagnostic::error(CODE, at(name), message)),
            }
        }
        set.check_missing(&typed, &mut found);
        if found.is_empty() { Ok(typed) } else { Err(found) }
    }
}

impl ParameterSet {
    /// The field that a name stands for: its own, or for `api_key` the one secret of the connector.
    fn field_of(&self, name: &str) -> Option<&ConnectionField> {
        self.field(name).or_else(|| {
            let is_key = |field: &&ConnectionField| field.kind == FieldKind::Secret && !field.signs_webhooks;
            let mut secrets = self.fields.iter().filter(is_key);
            secrets.next().filter(|_| name.eq_ignore_ascii_case("api_key") && secrets.next().is_none())
        })
    }

    fn check_missing(&self, typed: &Object, found: &mut Vec<Diagnostic>) {
        let has = |name: &Str| typed.get(name).is_some_and(|value| value.as_str() != Some(""));
        for field in self.fields.iter().filter(|field| field.cannot_be_held()) {
            let message = format!("\"{}\" is of a kind that connections cannot hold here", field.label);
            found.push(Diagnostic::error(CODE, at(&field.name), message));
        }
        let is_typed =
            |field: &ConnectionField| !matches!(field.kind, FieldKind::Oauth | FieldKind::Gateway | FieldKind::Unknown);
        for field in self.fields.iter().filter(|field| field.required && !field.hidden && is_typed(field)) {
            if !has(&field.name) && field.default.is_none() {
                found.push(Diagnostic::error(CODE, at(&field.name), format!("\"{}\" is missing", field.label)));
            }
        }
    }
}

impl ConnectionField {
    /// A value in the type of the field.
    fn typed(&self, value: &Value) -> Result<Value, String> {
        let written = text(value);
        let wrong = |wanted: &str| Err(format!("\"{}\" must be {wanted}", self.label));
        if written.len() > VALUE_BYTES_MAX {
            return wrong(&format!("no longer than {VALUE_BYTES_MAX} bytes"));
        }
        let typed = match (self.kind, value) {
            (FieldKind::Oauth, _) => return wrong("entered by signing in"),
            (FieldKind::Gateway | FieldKind::Unknown, _) => return wrong("left out: connections cannot hold it here"),
            (_, Value::Array(_) | Value::Object(_)) => return wrong("a text, a number, or true or false"),
            (FieldKind::String | FieldKind::Secret, _) => written.as_str().into(),
            _ if written.trim().is_empty() => "".into(),
            (FieldKind::Integer, _) => match written.trim().parse::<i64>() {
                Ok(number) => Value::Integer(number),
                Err(_) => return wrong("a whole number"),
            },
            (FieldKind::Number, _) => match Value::from_json(written.trim().as_bytes()) {
                Ok(number) if number.as_f64().is_some() => number,
                _ => return wrong("a number"),
            },
            (FieldKind::Boolean, _) => match written.trim().to_ascii_lowercase().as_str() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                _ => return wrong("true or false"),
            },
        };
        // What is not filled in is not chosen either.
        let is_empty = typed.as_str() == Some("");
        if !self.choices.is_empty() && !is_empty {
            let chosen = self.choices.iter().find(|choice| text(&choice.value) == written);
            let labels = || self.choices.iter().map(|choice| text(&choice.value)).collect::<Vec<_>>().join(", ");
            return match chosen {
                Some(choice) => Ok(choice.value.clone()),
                None => wrong(&format!("one of: {}", labels())),
            };
        }
        Ok(typed)
    }
}

#[cfg(test)]
mod tests;
