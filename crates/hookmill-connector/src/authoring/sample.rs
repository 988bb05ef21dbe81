//! The request part of an operation, from one sample request.

use hookmill_model::{Object, Value};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::form::{FormParameter, RequestForm};
use super::infer::infer_schema;
use super::{members, text};
use crate::bounds::PARAMETERS_MAX;

/// How deep a sample body is taken apart into single fields.
const FIELD_DEPTH_MAX: usize = 8;

/// A request as people write or paste it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SampleRequest {
    /// The verb, in any case; empty for GET.
    pub method: String,
    /// Absolute or only a path; `{name}` (or `:name`) for what differs from call to call.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The text of the body.
    pub body: Option<String>,
    /// Fields of a multipart form; a value that begins with `@` is a file.
    pub fields: Vec<(String, String)>,
}

/// What a sample taught.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct SampledRequest {
    /// The request part of an operation's form.
    pub form: RequestForm,
    /// What was left out or should be looked at, in sentences.
    pub notes: Vec<String>,
}

/// Why a sample cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SampleError {
    /// The verb is none that a connector can use.
    #[error("\"{0}\" is not a verb; use GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS")]
    Method(String),
    /// The address is empty or has no path.
    #[error("\"{0}\" is not an address; write https://host/path or /path")]
    Url(String),
    /// A brace of the path is not closed, or has no name in it.
    #[error("the path \"{0}\" has a brace without a name or without its partner; write {{name}}")]
    Braces(String),
    /// It has too many parts.
    #[error("the request has more than {PARAMETERS_MAX} parameters; leave out those that nobody sets")]
    TooMany,
}

impl SampleError {
    /// The part of the sample that is wrong, as a JSON pointer.
    #[must_use]
    pub const fn pointer(&self) -> &'static str {
        match self {
            Self::Method(_) => "/method",
            Self::Url(_) | Self::Braces(_) | Self::TooMany => "/url",
        }
    }
}

const OF_SECURITY: &str = "belongs to the connection's security";

/// Headers that Hookmill or the connection fills in.
fn left_out(name: &str) -> Option<&'static str> {
    match name.to_ascii_lowercase().as_str() {
        "authorization"
        | "proxy-authorization"
        | "cookie"
        | "x-api-key"
        | "api-key"
        | "apikey"
        | "x-auth-token"
        | "private-token"
        | "x-access-token" => Some(OF_SECURITY),
        "content-type" | "content-length" | "transfer-encoding" => Some("follows from the body"),
        "host"
        | "connection"
        | "user-agent"
        | "accept-encoding"
        | "origin"
        | "referer"
        | "pragma"
        | "cache-control"
        | "dnt"
        | "te"
        | "upgrade-insecure-requests"
        | "priority"
        | "accept-language" => Some("is set by Hookmill"),
        name if name.starts_with("sec-") => Some("is set by browsers"),
        name if ["token", "secret", "apikey", "api-key", "password"].iter().any(|word| name.contains(word)) => {
            Some(OF_SECURITY)
        }
        _ => None,
    }
}

/// Where the operation will be.
#[derive(Clone, Copy, Debug, Default)]
pub struct SampleContext<'a> {
    /// The host of the connector; a sample that calls another gives a note.
    pub host: &'a str,
    /// The base path of the connector, taken off the path of the sample.
    pub base_path: &'a str,
    /// The header or query parameter of the connector's API key, which is no parameter of operations.
    pub key_name: &'a str,
}

/// Makes the request part of an operation from a sample; parts of the context may be empty.
///
/// # Errors
/// See [`SampleError`].
pub fn request_from_sample(sample: &SampleRequest, context: SampleContext<'_>) -> Result<SampledRequest, SampleError> {
    let SampleContext { host, base_path, key_name } = context;
    let is_key = |name: &str| !key_name.is_empty() && name.eq_ignore_ascii_case(key_name);
    let mut notes = Vec::new();
    let method = match sample.method.trim().to_ascii_uppercase() {
        method if method.is_empty() => "GET".to_owned(),
        method if matches!(&*method, "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD" | "OPTIONS") => method,
        _ => return Err(SampleError::Method(sample.method.clone())),
    };
    let address = Address::read(&sample.url)?;
    if let Some(other) = address.host.filter(|other| !host.is_empty() && !other.eq_ignore_ascii_case(host)) {
        notes.push(format!("The sample calls {other}; the connector calls {host}."));
    }
    let mut path = address.path.to_owned();
    let base = base_path.trim_end_matches('/');
    if let Some(rest) = path.strip_prefix(base).filter(|rest| !base.is_empty() && rest.starts_with('/')) {
        path = rest.to_owned();
    }
    let path = braces(&path)?;
    let fields = sample.fields.len() + sample.headers.len();
    if fields + path.matches('{').count() + address.query.matches('&').count() > PARAMETERS_MAX {
        return Err(SampleError::TooMany);
    }
    let mut parameters: Vec<FormParameter> = names(&path).map(|name| text_parameter(name, "path", true)).collect();
    for (name, value) in url::form_urlencoded::parse(address.query.as_bytes()) {
        if parameters.iter().any(|known| known.place == "query" && known.name == *name) {
            continue;
        }
        if is_key(&name) {
            notes.push(format!("The query parameter {name} {OF_SECURITY}, so it was left out."));
            continue;
        }
        let placeholder = value.starts_with('{') && value.ends_with('}');
        let mut one = text_parameter(&name, "query", false);
        if !placeholder && !value.is_empty() {
            one.schema = scalar(&value);
        }
        parameters.push(one);
    }
    let mut content_type = "";
    for (name, value) in &sample.headers {
        if name.eq_ignore_ascii_case("content-type") {
            content_type = value;
        }
        if let Some(reason) = left_out(name).or_else(|| is_key(name).then_some(OF_SECURITY)) {
            notes.push(format!("The header {name} {reason}, so it was left out."));
        } else if !name.is_empty() && !parameters.iter().any(|known| known.name.eq_ignore_ascii_case(name)) {
            let mut one = text_parameter(name, "header", false);
            one.default = Some(value.as_str().into());
            // Headers of samples are constants of the service far more often than something people choose.
            one.visibility = "internal".to_owned();
            parameters.push(one);
        }
    }
    let mut consumes = None;
    body(sample, content_type, &mut parameters, &mut consumes, &mut notes);
    if parameters.len() > PARAMETERS_MAX {
        return Err(SampleError::TooMany);
    }
    if sample.body.is_some() && matches!(&*method, "GET" | "HEAD") {
        notes.push(format!("{method} requests usually have no body; many services ignore it."));
    }
    Ok(SampledRequest { form: RequestForm { method, path, parameters, consumes }, notes })
}

/// The headers of a sample that a person wants to use, and notes about the others.
#[must_use]
pub fn headers_from_sample(headers: &[(String, String)]) -> (Vec<String>, Vec<String>) {
    let mut names: Vec<String> = Vec::new();
    let mut notes = Vec::new();
    for (name, _) in headers.iter().filter(|(name, _)| !name.is_empty()) {
        match left_out(name) {
            Some(reason) => notes.push(format!("The header {name} {reason}, so it was left out.")),
            None if names.iter().any(|known| known.eq_ignore_ascii_case(name)) => {}
            None => names.push(name.clone()),
        }
    }
    (names, notes)
}

struct Address<'a> {
    host: Option<&'a str>,
    path: &'a str,
    query: &'a str,
}

impl<'a> Address<'a> {
    /// Takes an address apart by hand: braces are allowed everywhere, which no URL parser would leave alone.
    fn read(written: &'a str) -> Result<Self, SampleError> {
        let wrong = || SampleError::Url(written.to_owned());
        let whole = written.trim();
        let whole = whole.split_once('#').map_or(whole, |(before, _)| before);
        let (host, rest) = match whole.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http") => {
                let end = rest.find(['/', '?']).unwrap_or(rest.len());
                let host = rest[..end].rsplit('@').next().unwrap_or_default();
                if host.is_empty() {
                    return Err(wrong());
                }
                (Some(host), &rest[end..])
            }
            Some(_) => return Err(wrong()),
            None if whole.starts_with('/') || whole.starts_with('…') => (None, whole.trim_start_matches('…')),
            // `api.example.com/things`, as people write it.
            None => match whole.split_once('/') {
                Some((host, _)) if host.contains('.') && !host.contains(' ') => (Some(host), &whole[host.len()..]),
                _ => return Err(wrong()),
            },
        };
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        if path.contains(char::is_whitespace) {
            return Err(wrong());
        }
        Ok(Self { host, path: if path.is_empty() { "/" } else { path }, query })
    }
}

/// `:name` becomes `{name}`; braces must come in pairs with a name inside.
fn braces(path: &str) -> Result<String, SampleError> {
    let segments: Vec<String> = path
        .split('/')
        .map(|segment| match segment.strip_prefix(':') {
            Some(name) if !name.is_empty() && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_') => {
                format!("{{{name}}}")
            }
            _ => segment.replace("%7B", "{").replace("%7b", "{").replace("%7D", "}").replace("%7d", "}"),
        })
        .collect();
    let path = segments.join("/");
    let mut open = false;
    let mut length = 0;
    for letter in path.chars() {
        match letter {
            '{' if open => return Err(SampleError::Braces(path)),
            '{' => (open, length) = (true, 0),
            '}' if !open || length == 0 => return Err(SampleError::Braces(path)),
            '}' => open = false,
            '/' if open => return Err(SampleError::Braces(path)),
            _ => length += 1,
        }
    }
    if open { Err(SampleError::Braces(path)) } else { Ok(path) }
}

fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

fn text_parameter(name: &str, place: &str, required: bool) -> FormParameter {
    FormParameter {
        name: name.to_owned(),
        place: place.to_owned(),
        key: name.to_owned(),
        required,
        schema: Value::object([("type", "string")]),
        ..FormParameter::default()
    }
}

/// The schema of a value that a query or form field carries as text.
fn scalar(value: &str) -> Value {
    let kind = match value {
        "true" | "false" => "boolean",
        // Leading zeros and long digits are identifiers, not numbers.
        _ if value.parse::<i64>().is_ok_and(|number| number.to_string() == value) => "integer",
        _ if value.contains('.') && value.parse::<f64>().is_ok_and(f64::is_finite) => "number",
        _ => return infer_schema(&[value.into()]),
    };
    Value::object([("type", kind)])
}

fn body(
    sample: &SampleRequest,
    content_type: &str,
    parameters: &mut Vec<FormParameter>,
    consumes: &mut Option<String>,
    notes: &mut Vec<String>,
) {
    if !sample.fields.is_empty() {
        *consumes = Some("multipart/form-data".to_owned());
        for (name, value) in &sample.fields {
            let mut one = text_parameter(name, "formData", false);
            if value.starts_with('@') {
                one.schema = Value::object([("type", "file")]);
            }
            parameters.push(one);
        }
        return;
    }
    let Some(written) = sample.body.as_deref().filter(|body| !body.trim().is_empty()) else { return };
    match Value::from_json(written.trim().as_bytes()) {
        Ok(value) if value.as_object().is_some() || value.as_array().is_some() => {
            let schema = infer_schema(std::slice::from_ref(&value));
            fields(&schema, &value, &mut Vec::new(), parameters);
        }
        _ if content_type.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") => {
            *consumes = Some("application/x-www-form-urlencoded".to_owned());
            for (name, value) in url::form_urlencoded::parse(written.trim().as_bytes()) {
                let mut one = text_parameter(&name, "formData", false);
                one.schema = scalar(&value);
                parameters.push(one);
            }
        }
        result => {
            if let (Err(error), true) = (result, written.trim_start().starts_with(['{', '['])) {
                notes.push(format!("The body looks like JSON but is not: {error}. It was taken as text."));
            } else {
                notes.push("The body is not JSON, so it became one text field.".to_owned());
            }
            let plain = content_type.split(';').next().unwrap_or_default().trim();
            *consumes = Some(if plain.is_empty() { "text/plain" } else { plain }.to_owned());
            let mut one = text_parameter("body", "body", true);
            one.key = "body".to_owned();
            parameters.push(one);
        }
    }
}

/// One field per leaf of a sample body; lists and empty objects are leaves.
fn fields(schema: &Value, sample: &Value, path: &mut Vec<String>, out: &mut Vec<FormParameter>) {
    let properties: Vec<_> = members(schema, "properties").collect();
    if !properties.is_empty() && path.len() < FIELD_DEPTH_MAX {
        for (name, property) in properties {
            path.push(name.to_string());
            fields(property, sample.get(name).unwrap_or(&Value::Null), path, out);
            path.pop();
        }
        return;
    }
    let mut schema = schema.as_object().cloned().unwrap_or_else(Object::new);
    if !sample.is_null() && text(&schema.clone().into(), "type") != "object" {
        schema.insert("example", sample.clone());
    }
    let escaped = path.iter().map(|name| name.replace('~', "~0").replace('/', "~1"));
    out.push(FormParameter {
        name: path.last().cloned().unwrap_or_else(|| "body".to_owned()),
        place: "body".to_owned(),
        key: std::iter::once("body".to_owned()).chain(escaped).collect::<Vec<_>>().join("/"),
        schema: schema.into(),
        ..FormParameter::default()
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_the_connection_is_left_out_and_told() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let sample = SampleRequest {
            url: "https://h.test/v1/items/{id}?code=k-123&page=2".to_owned(),
            headers: vec![
                pair("Content-Type", "application/json"),
                pair("X-Access-Key", "k-123"),
                pair("X-Gitlab-Token", "t-123"),
                pair("X-Version", "2"),
            ],
            ..SampleRequest::default()
        };
        let made = |key_name: &str| {
            let context = SampleContext { host: "h.test", base_path: "/v1", key_name };
            request_from_sample(&sample, context).unwrap_or_else(|error| panic!("{error}"))
        };
        let names = |made: &SampledRequest| -> Vec<String> {
            made.form.parameters.iter().map(|parameter| parameter.name.clone()).collect()
        };
        let header = made("x-access-key");
        assert_eq!(header.form.path, "/items/{id}");
        assert_eq!(names(&header), ["id", "code", "page", "X-Version"]);
        assert_eq!(header.notes.len(), 3, "{:?}", header.notes);
        let query = made("code");
        assert_eq!(names(&query), ["id", "page", "X-Access-Key", "X-Version"]);
        assert!(query.notes.iter().any(|note| note.contains("query parameter code")), "{:?}", query.notes);
        let (kept, notes) = headers_from_sample(&sample.headers);
        assert_eq!(kept, ["X-Access-Key", "X-Version"]);
        assert_eq!(notes.len(), 2, "{notes:?}");
    }
}
