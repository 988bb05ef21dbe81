//! Postman collections: each request becomes an operation of an OpenAPI document.

use std::collections::{BTreeMap, BTreeSet};

use hookmill_model::{Diagnostic, Object, Pointer, Value};
use serde_json::Value as Json;

use super::edit::{OperationForm, put};
use super::sample::{SampleContext, SampleRequest, request_from_sample};
use super::{members, text};

/// Folders within folders are followed this deep.
const DEPTH_MAX: usize = 16;
/// Requests behind these are left out.
const REQUESTS_MAX: usize = 2_000;
/// Variables of a collection.
const VARIABLES_MAX: usize = 1_000;
/// Bytes of all texts of requests once the values of variables stand in them.
const FILLED_BYTES_MAX: usize = 16 * 1_024 * 1_024;

/// Whether a document is a collection.
#[must_use]
pub(crate) fn is_collection(document: &Value) -> bool {
    document.get("item").and_then(Value::as_array).is_some() && document.get("info").is_some()
}

struct Reading<'a> {
    variables: BTreeMap<&'a str, &'a str>,
    document: Json,
    host: String,
    names: BTreeSet<String>,
    /// The next number of a name that others have.
    numbers: BTreeMap<String, usize>,
    /// Bytes that texts may still have.
    bytes_left: usize,
    diagnostics: &'a mut Vec<Diagnostic>,
    wanted: &'a dyn Fn() -> bool,
}

/// What a collection has too much of.
fn beyond(at: Pointer, message: String) -> Diagnostic {
    Diagnostic::error("limit_document", at, message)
        .with_hint("Export the collection in several parts, one for each part of the API.")
}

/// Requests of a collection.
fn count(folder: &Value, depth: usize) -> usize {
    let items = folder.get("item").and_then(Value::as_array).unwrap_or_default();
    let of = |item: &Value| {
        if item.get("item").is_none() {
            1
        } else if depth < DEPTH_MAX {
            count(item, depth + 1)
        } else {
            0
        }
    };
    items.iter().map(of).sum()
}

/// An OpenAPI 2.0 document of the collection's requests. What cannot become an operation is told and left out.
///
/// # Errors
/// What the collection has too much of. Where nobody waits any more for the document, it has what was read until then.
pub(crate) fn to_openapi(
    collection: &Value,
    diagnostics: &mut Vec<Diagnostic>,
    wanted: &dyn Fn() -> bool,
) -> Result<Value, Diagnostic> {
    let requests = count(collection, 0);
    if requests > REQUESTS_MAX {
        let message = format!("the collection has {requests} requests; at most {REQUESTS_MAX} are read");
        return Err(beyond(Pointer::root().child("item"), message));
    }
    let info = collection.get("info").cloned().unwrap_or_default();
    let title = Some(text(&info, "name")).filter(|name| !name.is_empty()).unwrap_or("Postman collection");
    let mut about = Object::new();
    about.insert("title", title);
    about.insert("version", "1.0");
    // A description is text, or an object with the text in it.
    let described = info.get("description").map_or("", |own| own.as_str().unwrap_or_else(|| text(own, "content")));
    if !described.is_empty() {
        about.insert("description", described);
    }
    let document = Value::object([
        ("swagger", Value::from("2.0")),
        ("info", about.into()),
        ("host", Value::from("")),
        ("basePath", Value::from("/")),
        ("schemes", vec![Value::from("https")].into()),
        ("paths", Object::new().into()),
    ]);
    let variables = collection.get("variable").and_then(Value::as_array).unwrap_or_default();
    if variables.len() > VARIABLES_MAX {
        let message = format!("the collection has {} variables; at most {VARIABLES_MAX} are read", variables.len());
        return Err(beyond(Pointer::root().child("variable"), message));
    }
    // Of several with one name the first one counts that has a value.
    let named = variables.iter().rev().map(|own| (text(own, "key"), text(own, "value")));
    let variables = named.filter(|(_, value)| !value.is_empty()).collect();
    let mut reading = Reading {
        variables,
        document: Json::from(&document),
        host: String::new(),
        names: BTreeSet::new(),
        numbers: BTreeMap::new(),
        bytes_left: FILLED_BYTES_MAX,
        diagnostics,
        wanted,
    };
    reading.items(collection, &Pointer::root(), 0)?;
    let host = reading.host;
    let mut document = Value::from(reading.document);
    if let Some(root) = document.as_object_mut() {
        root.insert("host", host);
        if let Some(security) = security(collection.get("auth").unwrap_or(&Value::Null)) {
            root.insert("securityDefinitions", Value::object([("auth", security)]));
        }
    }
    Ok(document)
}

/// The scheme that the collection signs in with.
fn security(auth: &Value) -> Option<Value> {
    let kind = text(auth, "type");
    let part = |key: &str| {
        let parts = auth.get(kind).and_then(Value::as_array).unwrap_or_default();
        parts.iter().find(|part| text(part, "key") == key).map(|part| text(part, "value").to_owned())
    };
    match kind {
        "basic" => Some(Value::object([("type", "basic")])),
        "bearer" => Some(Value::object([("type", "apiKey"), ("in", "header"), ("name", "Authorization")])),
        "apikey" => {
            let (name, place) = (part("key").unwrap_or_default(), part("in").unwrap_or_default());
            let place = if place == "query" { "query" } else { "header" };
            Some(Value::object([("type", Value::from("apiKey")), ("in", place.into()), ("name", name.into())]))
        }
        _ => None,
    }
}

impl Reading<'_> {
    fn items(&mut self, folder: &Value, at: &Pointer, depth: usize) -> Result<(), Diagnostic> {
        let items = folder.get("item").and_then(Value::as_array).unwrap_or_default();
        for (index, item) in items.iter().enumerate() {
            let at = at.child("item").child(index);
            if item.get("item").is_some() {
                if depth < DEPTH_MAX {
                    self.items(item, &at, depth + 1)?;
                } else {
                    let message = format!("folders nest more than {DEPTH_MAX} levels deep; what is below is left out");
                    self.diagnostics.push(Diagnostic::warning("request_unusable", at, message));
                }
            } else {
                self.request(item, &at)?;
            }
            if !(self.wanted)() {
                break;
            }
        }
        Ok(())
    }

    /// `{{name}}` becomes the value of the collection's variable, or a path parameter.
    fn filled(&mut self, written: &str) -> Result<String, Diagnostic> {
        let mut out = String::new();
        let mut rest = written;
        let mut left = self.bytes_left.checked_sub(written.len());
        while let Some((before, after)) = rest.split_once("{{") {
            out.push_str(before);
            let Some((name, behind)) = after.split_once("}}") else {
                out.push_str("{{");
                rest = after;
                continue;
            };
            match self.variables.get(name.trim()) {
                Some(value) => {
                    left = left.and_then(|left| left.checked_sub(value.len()));
                    if left.is_none() {
                        break;
                    }
                    out.push_str(value);
                }
                None => out.push_str(&format!("{{{}}}", name.trim())),
            }
            rest = behind;
        }
        self.bytes_left = left.ok_or_else(|| {
            let most = FILLED_BYTES_MAX / 1_024 / 1_024;
            let message = format!("its texts have more than {most} MiB once the values of variables stand in them");
            beyond(Pointer::root().child("variable"), message)
        })?;
        Ok(out + rest)
    }

    fn request(&mut self, item: &Value, at: &Pointer) -> Result<(), Diagnostic> {
        let request = item.get("request").unwrap_or(&Value::Null);
        let url = request.get("url").unwrap_or(request);
        let url = self.filled(url.as_str().unwrap_or_else(|| text(url, "raw")))?;
        let name = text(item, "name");
        let mut sample = SampleRequest { method: text(request, "method").to_owned(), ..SampleRequest::default() };
        // `{base}/things`: a variable without value in front of the path is the address of the service.
        sample.url = match url.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            Some((_, path)) if path.starts_with('/') => path.to_owned(),
            _ => url,
        };
        for header in request.get("header").and_then(Value::as_array).unwrap_or_default() {
            if header.get("disabled") != Some(&Value::Bool(true)) {
                sample.headers.push((text(header, "key").to_owned(), self.filled(text(header, "value"))?));
            }
        }
        self.body(request.get("body").unwrap_or(&Value::Null), &mut sample)?;
        let made = match request_from_sample(&sample, SampleContext::default()) {
            Ok(made) => made,
            Err(error) => {
                let finding = Diagnostic::warning("request_unusable", at.child("request"), error.to_string());
                self.diagnostics.push(finding.with_hint("The request was left out; add it by hand."));
                return Ok(());
            }
        };
        if self.host.is_empty() {
            self.host = host_of(&sample.url);
        }
        let form = OperationForm {
            role: "action".to_owned(),
            summary: if name.trim().is_empty() { made.form.path.clone() } else { name.trim().to_owned() },
            operation_id: self.free_name(name, &made.form.method),
            request: made.form,
            ..OperationForm::default()
        };
        if let Err(error) = put(&mut self.document, None, &form) {
            self.diagnostics.push(Diagnostic::warning("request_unusable", at.clone(), error.message));
        }
        Ok(())
    }

    fn pairs(&mut self, body: &Value, kind: &str) -> Result<Vec<(String, String)>, Diagnostic> {
        let fields = body.get(kind).and_then(Value::as_array).unwrap_or_default();
        let kept = fields.iter().filter(|field| field.get("disabled") != Some(&Value::Bool(true)));
        kept.map(|field| {
            let is_file = text(field, "type") == "file";
            let value = if is_file { "@file".to_owned() } else { self.filled(text(field, "value"))? };
            Ok((text(field, "key").to_owned(), value))
        })
        .collect()
    }

    fn body(&mut self, body: &Value, sample: &mut SampleRequest) -> Result<(), Diagnostic> {
        match text(body, "mode") {
            "raw" => sample.body = Some(self.filled(text(body, "raw"))?),
            "formdata" => sample.fields = self.pairs(body, "formdata")?,
            "urlencoded" => {
                let pairs = self.pairs(body, "urlencoded")?;
                let written = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
                sample.body = Some(written);
                sample.headers.push(("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
            }
            "graphql" => {
                let query: Vec<_> =
                    members(body, "graphql").map(|(name, value)| (name.clone(), value.clone())).collect();
                sample.body = Some(Value::object(query).to_json());
            }
            _ => {}
        }
        Ok(())
    }

    /// `Get a repository` → `Get_a_repository`; the second one of a name gets a number.
    fn free_name(&mut self, name: &str, method: &str) -> String {
        let plain: String = name.chars().map(|letter| if letter.is_alphanumeric() { letter } else { '_' }).collect();
        let plain = plain.split('_').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_");
        let plain = if plain.is_empty() { method.to_owned() } else { plain };
        let mut candidate = plain.clone();
        let number = self.numbers.entry(plain.clone()).or_insert(2);
        while !self.names.insert(candidate.clone()) {
            candidate = format!("{plain}_{number}");
            *number += 1;
        }
        candidate
    }
}

/// The host of an address; empty for a path alone.
fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(if url.starts_with('/') { "" } else { url }, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use hookmill_model::{Object, Value};

    use super::{REQUESTS_MAX, VARIABLES_MAX};
    use crate::connector::{Connector, Settings};

    const COLLECTION: &str = r#"{"info":{"name":"Forge","schema":"https://schema.getpostman.com/json/collection/v2.1.0/collection.json"},
      "variable":[{"key":"host","value":"https://forge.test"}],
      "auth":{"type":"basic","basic":[]},
      "item":[
        {"name":"Repositories","item":[
          {"name":"Get a repository","request":{"method":"GET","url":{"raw":"{{host}}/repos/:owner/{{repo}}?page=2"}}},
          {"name":"Get a repository","request":{"method":"POST","header":[{"key":"X-A","value":"1"}],"url":"{{host}}/repos",
            "body":{"mode":"raw","raw":"{\"name\":\"mill\",\"private\":true}"}}}]},
        {"name":"Form","request":{"method":"POST","url":"{{host}}/form","body":{"mode":"urlencoded","urlencoded":[{"key":"a","value":"1"}]}}},
        {"name":"Odd","request":{"method":"BREW","url":"{{host}}/pot"}},
        {"name":"Empty"}]}"#;

    #[test]
    fn each_request_becomes_an_operation() {
        let import = Connector::import(COLLECTION.as_bytes(), None, &Settings::default());
        let connector = import.connector.unwrap();
        let shown: Vec<String> = connector
            .operations
            .iter()
            .map(|own| format!("{} {} {}", own.operation_id, own.method, own.path))
            .collect();
        assert_eq!(
            shown,
            ["Get_a_repository GET /repos/{owner}/{repo}", "Get_a_repository_2 POST /repos", "Form POST /form"]
        );
        assert_eq!(
            (&*connector.name, &*connector.host, connector.authentication.kind()),
            ("Forge", "forge.test", "basic")
        );
        let keys: Vec<String> = connector.parameters(&connector.operations[1]).into_iter().map(|own| own.key).collect();
        assert_eq!(keys, ["X-A", "body/name", "body/private"]);
        let left: Vec<&str> = import.diagnostics.iter().map(|finding| finding.pointer.as_str()).collect();
        assert_eq!(left, ["/item/2/request", "/item/3/request"]);
    }

    #[test]
    fn collections_of_too_much_are_refused_before_they_are_read() {
        let named = |requests: usize, variables: usize, value: &str, body: &str| {
            let own = |n: usize| {
                format!(
                    r#"{{"name":"n","request":{{"method":"POST","url":"https://a.test/p{n}","body":{{"mode":"raw","raw":"{body}"}}}}}}"#
                )
            };
            let items: Vec<String> = (0..requests).map(own).collect();
            let own = |n: usize| format!(r#"{{"key":"v{n}","value":"{value}"}}"#);
            let variables: Vec<String> = (0..variables).map(own).collect();
            format!(
                r#"{{"info":{{"name":"n"}},"variable":[{}],"item":[{{"item":[{}]}}]}}"#,
                variables.join(","),
                items.join(",")
            )
        };
        let import = |text: &str| Connector::import(text.as_bytes(), None, &Settings::default());
        let most = import(&named(REQUESTS_MAX, 3, "x", "{{v0}}"));
        assert_eq!(
            most.connector.map(|own| own.operations.len()),
            Some(REQUESTS_MAX),
            "{:?}",
            most.diagnostics.first()
        );
        // A short file whose variables would make terabytes of it.
        let grows = named(100, 1, &"x".repeat(100_000), &"{{v0}}".repeat(2_000));
        for (text, place) in [
            (named(REQUESTS_MAX + 1, 1, "x", ""), "/item"),
            (named(1, VARIABLES_MAX + 1, "x", ""), "/variable"),
            (grows, "/variable"),
        ] {
            let refused = import(&text);
            let found: Vec<_> = refused.diagnostics.iter().map(|own| (&*own.code, own.pointer.as_str())).collect();
            assert_eq!((refused.connector.is_none(), found), (true, vec![("limit_document", place)]));
        }
        // A request of very many parameters is left out.
        let query: Vec<String> = (0..5_000).map(|n| format!("q{n}=1")).collect();
        let many = import(&named(1, 1, "x", "").replace("/p0", &format!("/p0?{}", query.join("&"))));
        assert_eq!(many.diagnostics[0].code, "request_unusable");
    }

    #[test]
    fn a_collection_is_read_while_somebody_waits() {
        let item = r#"{"name":"n","request":{"method":"GET","url":"https://a.test/p"}}"#;
        let text = format!(r#"{{"info":{{"name":"n"}},"item":[{}]}}"#, vec![item; 100].join(","));
        let document = Value::from_json(text.as_bytes()).unwrap();
        let asked = std::cell::Cell::new(0);
        let wanted = || {
            asked.set(asked.get() + 1);
            asked.get() < 5
        };
        let made = super::to_openapi(&document, &mut Vec::new(), &wanted).unwrap();
        assert_eq!((asked.get(), made.get("paths").and_then(Value::as_object).map(Object::len)), (5, Some(5)));
    }

    #[test]
    fn odd_collections_do_no_harm() {
        for odd in [
            r#"{"info":1,"item":[1,null,{"request":5},{"item":{}},{"request":{"url":{"raw":7},"header":{}}}]}"#,
            r#"{"info":{},"item":[{"name":"x","request":{"method":"GET","url":"{{a}}{{b"}}]}"#,
            r#"{"info":{},"item":[{"request":"https://a.test/x"}]}"#,
        ] {
            let import = Connector::import(odd.as_bytes(), None, &Settings::default());
            assert!(import.connector.is_some(), "{odd}");
        }
    }
}
