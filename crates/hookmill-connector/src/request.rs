//! Planning requests: parameters to their places, defaults filled, the callback URL and the credentials put in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookmill_model::{Object, Pointer, Str, Value};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

use crate::authentication::{Authentication, KeyPlace};
use crate::connector::Connector;
use crate::document::truth;
use crate::operation::{Declared, Operation, Place};
use crate::properties::PolicyTemplate;
use crate::schema;

/// What RFC 3986 leaves as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// Bodies are built this deep.
const DEPTH_MAX: usize = 16;

/// What a connection holds. Empty texts stand for what the connector does not ask for.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The user name.
    pub username: Str,
    /// The password or personal token.
    pub password: Str,
    /// The API key.
    pub api_key: Str,
    /// The token of an authorization server.
    pub access_token: Str,
    /// What is not sent to the service, and must not be seen either: refresh token, client secret.
    pub hidden: Vec<Str>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// A request ready to be sent, credentials included.
#[derive(Clone, Default, PartialEq)]
pub struct PlannedRequest {
    /// In capitals.
    pub method: Str,
    /// Absolute, with its query.
    pub url: Str,
    /// Names and texts.
    pub headers: Vec<(Str, Str)>,
    /// `Null` for none; content objects (`$content-type`) say how they are sent.
    pub body: Value,
    /// Headers that carry credentials.
    pub secret_headers: Vec<Str>,
    /// Query parameters that carry credentials.
    pub secret_queries: Vec<Str>,
    /// Texts that nobody may see.
    pub secrets: Vec<Str>,
}

impl std::fmt::Debug for PlannedRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.url.split('?').next().unwrap_or_default())
    }
}

/// Why a request cannot be planned. All are mended by the maker of the flow or of the connector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A required parameter has no value.
    #[error("The parameter '{name}' of the operation '{operation}' is required.")]
    Missing {
        /// The operation.
        operation: Str,
        /// The key in `inputs.parameters`.
        name: String,
    },
    /// A value that cannot go where it must.
    #[error("The parameter '{name}' cannot be {what}.")]
    Unfit {
        /// The key in `inputs.parameters`.
        name: String,
        /// What it is.
        what: &'static str,
    },
    /// The connector does not say where its service is.
    #[error("The connector has no host; enter it in the connector's general information.")]
    NoHost,
    /// The address is not one.
    #[error("'{0}' is not an address.")]
    BadAddress(String),
}

impl PlanError {
    /// The place in the definition's `inputs`.
    #[must_use]
    pub fn pointer(&self) -> Pointer {
        match self {
            Self::Missing { name, .. } | Self::Unfit { name, .. } => Pointer::root().child("parameters").child(name),
            Self::NoHost | Self::BadAddress(_) => Pointer::root(),
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null => String::new(),
        other => other.to_json(),
    }
}

pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// The member of this name: exactly, else ignoring case.
fn given<'a>(parameters: &'a Value, name: &str) -> Option<&'a Value> {
    let members = parameters.as_object()?;
    let found = members
        .get(name)
        .or_else(|| members.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value));
    found.filter(|value| !value.is_null())
}

impl Connector {
    /// The operation of a method and a path below the base path; a template matches what fills it.
    #[must_use]
    pub fn operation_at(&self, method: &str, path: &str) -> Option<&Operation> {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let fits = |operation: &&Operation| {
            operation.method.eq_ignore_ascii_case(method) && matches(&operation.path, path).is_some()
        };
        let exact = self
            .operations
            .iter()
            .find(|operation| operation.method.eq_ignore_ascii_case(method) && *operation.path == *path);
        exact.or_else(|| self.operations.iter().find(fits))
    }

    /// The operation that a request by path is, with the values of the names in its path.
    #[must_use]
    pub fn operation_by_path(&self, method: &str, path: &str) -> Option<(&Operation, Object)> {
        let operation = self.operation_at(method, path)?;
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let values = matches(&operation.path, path).unwrap_or_default();
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        Some((operation, values.into_iter().map(|(name, value)| (name, decoded(value))).collect()))
    }

    /// Scheme, host and base path.
    fn base(&self) -> Result<String, PlanError> {
        if self.host.is_empty() {
            return Err(PlanError::NoHost);
        }
        Ok(format!("{}{}", self.origin(), self.base_path))
    }

    /// Plans a call of an operation. `parameters` has the keys of a definition's `inputs.parameters`.
    ///
    /// # Errors
    /// What is missing or does not fit.
    pub fn plan_request(
        &self,
        operation: &Operation,
        parameters: &Value,
        callback_url: Option<&str>,
        credentials: Option<&Credentials>,
    ) -> Result<PlannedRequest, PlanError> {
        let mut path = operation.path.to_string();
        let mut queries: Vec<(String, String)> = Vec::new();
        let mut planned = PlannedRequest { method: operation.method.clone(), ..PlannedRequest::default() };
        let mut fields: Vec<(Str, Value)> = Vec::new();
        for parameter in &operation.declared {
            if parameter.place == Place::Body {
                planned.body = self.body(operation, parameter, parameters, callback_url)?;
                continue;
            }
            let is_callback = operation.callback.as_ref().is_some_and(|callback| {
                callback.place == parameter.place && callback.path.first() == Some(&parameter.name)
            });
            let own = match (is_callback, callback_url) {
                (true, Some(url)) => Some(Value::from(url)),
                _ => given(parameters, &parameter.name).cloned().or_else(|| default_of(&parameter.source)),
            };
            let Some(value) = own else {
                if parameter.required {
                    let (operation, name) = (operation.operation_id.clone(), parameter.name.to_string());
                    return Err(PlanError::Missing { operation, name });
                }
                continue;
            };
            match parameter.place {
                Place::Path => {
                    let mut shown = encoded(&text(&value));
                    if shown.is_empty() {
                        return Err(PlanError::Unfit { name: parameter.name.to_string(), what: "empty" });
                    }
                    if parameter.source.get("x-ms-url-encoding").and_then(Value::as_str) == Some("double") {
                        shown = encoded(&shown);
                    }
                    path = path.replace(&format!("{{{}}}", parameter.name), &shown);
                }
                Place::Query => queries.extend(listed(parameter, &value)),
                Place::Header => {
                    let shown =
                        listed(parameter, &value).into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(",");
                    planned.headers.push((parameter.name.clone(), shown.into()));
                }
                Place::Form => fields.push((parameter.name.clone(), value)),
                Place::Body => {}
            }
        }
        // Path parameters that the file does not declare.
        for open in crate::operation::path_names(&operation.path) {
            if !path.contains(&format!("{{{open}}}")) {
                continue;
            }
            let Some(value) = given(parameters, open) else {
                return Err(PlanError::Missing { operation: operation.operation_id.clone(), name: open.to_owned() });
            };
            path = path.replace(&format!("{{{open}}}"), &encoded(&text(value)));
        }
        if !fields.is_empty() {
            planned.body = form(operation, fields);
        } else if let Some(json) = operation.consumes.first().filter(|kind| kind.contains("+json"))
            && !planned.body.is_null()
        {
            planned.headers.push(("Content-Type".into(), json.clone()));
        }
        self.apply_policies(operation, &mut planned, &mut queries);
        let mut url = format!("{}{path}", self.base()?);
        push_queries(&mut url, &queries);
        planned.url = url.into();
        self.sign(&mut planned, credentials)
    }

    /// Plans a request that a definition wrote with method and path (`ApiConnection`).
    ///
    /// # Errors
    /// The connector has no host, or the path is not one.
    #[allow(clippy::too_many_arguments)] // They are the members of the definition's inputs.
    pub fn plan_by_path(
        &self,
        method: &str,
        path: &str,
        queries: &Value,
        headers: &Value,
        body: &Value,
        callback_url: Option<&str>,
        credentials: Option<&Credentials>,
    ) -> Result<PlannedRequest, PlanError> {
        let mut url = format!("{}/{}", self.base()?, path.trim_start_matches('/'));
        let pairs = |of: &Value| -> Vec<(String, String)> {
            let members = of.as_object().into_iter().flat_map(Object::iter);
            members.filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_string(), text(value))).collect()
        };
        push_queries(&mut url, &pairs(queries));
        let mut body = body.clone();
        if let (Some(callback_url), Some(operation)) = (callback_url, self.operation_at(method, path))
            && let Some(callback) = operation.callback.as_ref().filter(|callback| callback.place == Place::Body)
        {
            put(&mut body, &callback.path, callback_url.into());
        }
        let planned = PlannedRequest {
            method: method.to_ascii_uppercase().into(),
            url: url.into(),
            headers: pairs(headers).into_iter().map(|(name, text)| (name.into(), text.into())).collect(),
            body,
            ..PlannedRequest::default()
        };
        self.sign(&mut planned.clone(), credentials)
    }

    /// Plans a request to an address that the service named: a poll, a page. Credentials go to the connector's own
    /// origin alone.
    ///
    /// # Errors
    /// The address is not one.
    pub fn plan_follow(
        &self,
        method: &str,
        uri: &str,
        credentials: Option<&Credentials>,
    ) -> Result<PlannedRequest, PlanError> {
        let base =
            Url::parse(&format!("{}/", self.base()?)).map_err(|_| PlanError::BadAddress(self.host.to_string()))?;
        let url = base.join(uri).map_err(|_| PlanError::BadAddress(uri.to_owned()))?;
        let mut planned =
            PlannedRequest { method: method.into(), url: url.as_str().into(), ..PlannedRequest::default() };
        if url.origin() == base.origin() {
            return self.sign(&mut planned, credentials);
        }
        Ok(planned)
    }

    /// Puts the credentials in.
    fn sign(
        &self,
        planned: &mut PlannedRequest,
        credentials: Option<&Credentials>,
    ) -> Result<PlannedRequest, PlanError> {
        if !planned.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("accept")) {
            planned.headers.push(("Accept".into(), "application/json, */*".into()));
        }
        let Some(credentials) = credentials else { return Ok(planned.clone()) };
        let secrets = [&credentials.password, &credentials.api_key, &credentials.access_token];
        let secrets = secrets.into_iter().chain(&credentials.hidden);
        planned.secrets.extend(secrets.filter(|secret| !secret.is_empty()).cloned());
        match &self.authentication {
            Authentication::None => {}
            Authentication::Basic { .. } => {
                let pair = STANDARD.encode(format!("{}:{}", credentials.username, credentials.password));
                planned.secrets.push(pair.clone().into());
                planned.headers.push(("Authorization".into(), format!("Basic {pair}").into()));
                planned.secret_headers.push("Authorization".into());
            }
            Authentication::ApiKey { place: KeyPlace::Header, name, .. } => {
                planned.headers.push((name.clone(), credentials.api_key.clone()));
                planned.secret_headers.push(name.clone());
            }
            Authentication::ApiKey { place: KeyPlace::Query, name, .. } => {
                let mut url = planned.url.to_string();
                push_queries(&mut url, &[(name.to_string(), credentials.api_key.to_string())]);
                planned.url = url.into();
                planned.secret_queries.push(name.clone());
            }
            Authentication::Oauth2(_) => {
                planned.headers.push(("Authorization".into(), format!("Bearer {}", credentials.access_token).into()));
                planned.secret_headers.push("Authorization".into());
            }
        }
        Ok(planned.clone())
    }

    /// Headers and queries that `apiProperties.json` sets to constants.
    fn apply_policies(&self, operation: &Operation, planned: &mut PlannedRequest, queries: &mut Vec<(String, String)>) {
        for policy in self.policies.iter().filter(|policy| policy.concerns_request(&operation.operation_id)) {
            let word = |name: &str| policy.parameter(name).and_then(Value::as_str);
            let (Some(template), Some(name), Some(value)) = (policy.runs(), word("name"), word("value")) else {
                continue;
            };
            let skip = word("existsAction").is_some_and(|action| action.eq_ignore_ascii_case("skip"));
            match template {
                PolicyTemplate::SetHeader => {
                    let there = planned.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
                    if !(there && skip) {
                        planned.headers.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
                        planned.headers.push((name.into(), value.into()));
                    }
                }
                PolicyTemplate::SetQueryParameter => {
                    let there = queries.iter().any(|(own, _)| own == name);
                    if !(there && skip) {
                        queries.retain(|(own, _)| own != name);
                        queries.push((name.to_owned(), value.to_owned()));
                    }
                }
            }
        }
    }

    /// The body: defaults, then what is given as a whole, then what is given by path, then the callback URL.
    fn body(
        &self,
        operation: &Operation,
        parameter: &Declared,
        parameters: &Value,
        callback_url: Option<&str>,
    ) -> Result<Value, PlanError> {
        let schema = parameter.schema();
        let mut body = self.defaults(schema, DEPTH_MAX).unwrap_or_default();
        if let Some(whole) = given(parameters, &parameter.name) {
            merge(&mut body, whole);
        }
        let prefixes = [format!("{}/", parameter.name), "body/".to_owned()];
        for (key, value) in parameters.as_object().into_iter().flat_map(Object::iter) {
            let rest = prefixes.iter().find_map(|prefix| key.strip_prefix(prefix.as_str()));
            if let Some(rest) = rest.filter(|_| !value.is_null()) {
                let path = self.segments(schema, rest);
                put(&mut body, &path, value.clone());
            }
        }
        if let (Some(url), Some(callback)) =
            (callback_url, operation.callback.as_ref().filter(|callback| callback.place == Place::Body))
        {
            put(&mut body, &callback.path, url.into());
        }
        if body.is_null() && !parameter.required {
            return Ok(body);
        }
        let missing = self.missing(schema, &body, &parameter.name, DEPTH_MAX);
        match missing {
            Some(name) => Err(PlanError::Missing { operation: operation.operation_id.clone(), name }),
            None => Ok(body),
        }
    }

    /// What the schema's defaults make of a value that is not given; `None` where there are none.
    fn defaults(&self, schema: &Value, depth: usize) -> Option<Value> {
        if depth == 0 {
            return None;
        }
        if let Some(default) = default_of(schema).or_else(|| default_of(self.document.resolve(schema))) {
            return Some(default);
        }
        let mut members = Object::new();
        for (name, property) in schema::properties(&self.document, schema) {
            if let Some(value) = self.defaults(property, depth - 1) {
                members.insert(name.clone(), value);
            }
        }
        (!members.is_empty()).then(|| members.into())
    }

    /// The names of a path such as `config/url`; a property whose own name holds a slash is one of them.
    fn segments(&self, schema: &Value, path: &str) -> Vec<Str> {
        let mut found = Vec::new();
        let mut rest = path;
        let mut here = schema;
        while !rest.is_empty() {
            let properties = schema::properties(&self.document, here);
            let own = properties
                .iter()
                .filter(|(name, _)| {
                    rest.strip_prefix(&***name).is_some_and(|after| after.is_empty() || after.starts_with('/'))
                })
                .max_by_key(|(name, _)| name.len());
            let (name, next): (Str, &Value) = match own {
                Some((name, property)) => ((*name).clone(), property),
                None => (rest.split('/').next().unwrap_or(rest).into(), &Value::Null),
            };
            rest = rest.get(name.len()..).unwrap_or_default().trim_start_matches('/');
            found.push(name);
            here = next;
        }
        found
    }

    /// The first required property that has no value.
    fn missing(&self, schema: &Value, value: &Value, key: &str, depth: usize) -> Option<String> {
        if depth == 0 {
            return None;
        }
        let required = schema::required(&self.document, schema);
        let members = value.as_object();
        if let Some(name) = required.iter().find(|name| members.is_none_or(|members| members.get(name).is_none()))
            && (members.is_some() || value.is_null())
        {
            return Some(format!("{key}/{name}"));
        }
        schema::properties(&self.document, schema).into_iter().find_map(|(name, property)| {
            let below = members?.get(name).filter(|below| below.as_object().is_some())?;
            self.missing(property, below, &format!("{key}/{name}"), depth - 1)
        })
    }
}

/// A default, in the type that the schema says; files write `"true"` and `"5"` too.
fn default_of(schema: &Value) -> Option<Value> {
    let default = schema.get("default").filter(|default| !default.is_null())?;
    let Some(written) = default.as_str() else { return Some(default.clone()) };
    let read = match schema.get("type").and_then(Value::as_str) {
        Some("boolean") => written.trim().to_ascii_lowercase().parse().ok().map(Value::Bool),
        Some("integer") => written.trim().parse().ok().map(Value::Integer),
        Some("number") => written.trim().parse().ok().map(Value::Float),
        Some("array" | "object") => Value::from_json(written.as_bytes()).ok(),
        _ => None,
    };
    Some(read.unwrap_or_else(|| default.clone()))
}

fn merge(into: &mut Value, from: &Value) {
    match (into.as_object_mut(), from) {
        (Some(members), Value::Object(given)) => {
            for (name, value) in given.iter() {
                match members.get_mut(name) {
                    Some(known) => merge(known, value),
                    None => {
                        members.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        _ => *into = from.clone(),
    }
}

/// Sets a property below; objects on the way are made.
fn put(into: &mut Value, path: &[Str], value: Value) {
    let Some((name, rest)) = path.split_first() else {
        *into = value;
        return;
    };
    if into.as_object().is_none() {
        *into = Object::new().into();
    }
    if let Some(members) = into.as_object_mut() {
        if members.get(name).is_none() {
            members.insert(name.clone(), Value::Null);
        }
        if let Some(below) = members.get_mut(name) {
            put(below, rest, value);
        }
    }
}

/// A parameter as pairs; lists by `collectionFormat`.
fn listed(parameter: &Declared, value: &Value) -> Vec<(String, String)> {
    let name = parameter.name.to_string();
    let Some(elements) = value.as_array() else { return vec![(name, text(value))] };
    let separator = match parameter.source.get("collectionFormat").and_then(Value::as_str) {
        Some("multi") => return elements.iter().map(|element| (name.clone(), text(element))).collect(),
        Some("ssv") => " ",
        Some("tsv") => "\t",
        Some("pipes") => "|",
        _ => ",",
    };
    vec![(name, elements.iter().map(text).collect::<Vec<_>>().join(separator))]
}

fn push_queries(url: &mut String, queries: &[(String, String)]) {
    for (name, value) in queries {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(&format!("{}={}", encoded(name), encoded(value)));
    }
}

fn form(operation: &Operation, fields: Vec<(Str, Value)>) -> Value {
    let has_file =
        operation.declared.iter().any(|parameter| parameter.source.get("type").and_then(Value::as_str) == Some("file"));
    let multipart = has_file || operation.consumes.iter().any(|kind| kind.starts_with("multipart/"));
    if multipart {
        let parts = fields.into_iter().map(|(name, value)| {
            let headers =
                Value::object([("Content-Disposition", format!("form-data; name=\"{}\"", name.replace('"', "%22")))]);
            Value::object([("headers", headers), ("body", value)])
        });
        return Value::object([
            ("$content-type", Value::from("multipart/form-data")),
            ("$multipart", Value::array(parts.collect())),
        ]);
    }
    let pairs = fields
        .into_iter()
        .map(|(name, value)| Value::object([("key", Value::from(name)), ("value", text(&value).into())]));
    Value::object([
        ("$content-type", Value::from("application/x-www-form-urlencoded")),
        ("$formdata", Value::array(pairs.collect())),
    ])
}

/// What fills the `{names}` of a template so that it gives the path; still encoded.
pub(crate) fn matches<'a>(template: &'a str, path: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
    let (mut own, mut other) = (template.trim_matches('/').split('/'), path.trim_matches('/').split('/'));
    let mut found = Vec::new();
    loop {
        match (own.next(), other.next()) {
            (None, None) => return Some(found),
            (Some(own), Some(other)) => match (own.find('{'), own.find('}')) {
                (Some(begin), Some(end)) if begin < end => {
                    let inner = other.strip_prefix(&own[..begin])?.strip_suffix(&own[end + 1..])?;
                    if inner.is_empty() {
                        return None;
                    }
                    found.push((&own[begin + 1..end], inner));
                }
                _ if own == other => {}
                _ => return None,
            },
            _ => return None,
        }
    }
}

/// Whether the parameter is hidden from people.
pub(crate) fn is_internal(schema: &Value) -> bool {
    schema.get("x-ms-visibility").and_then(Value::as_str).is_some_and(|word| word.eq_ignore_ascii_case("internal"))
        || truth(schema, "readOnly")
}
