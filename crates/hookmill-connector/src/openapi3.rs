//! OpenAPI 3.0 and 3.1 mapped onto 2.0, so that there is one model for everything after import.

mod schema;
mod words;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use hookmill_model::{Diagnostic, Object, Pointer, Str, Value};

use crate::authoring::text;
use crate::operation::{CALLBACK, WEBHOOKS};
use crate::serialise::{PART_TYPE, STYLE};
use words::{callback_place, security_scheme};

/// The members of a path item that are operations.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// How many levels are rewritten; JSON deeper than 128 is not read at all.
const DEPTH_MAX: usize = 128;

/// Writes a 3.x document as 2.0. What 2.0 cannot say is kept as it is or left out with a warning.
pub(crate) fn to_2(document: &Value, found: &mut Vec<Diagnostic>, wanted: &dyn Fn() -> bool) -> Value {
    let mut out = Object::new();
    out.insert("swagger", "2.0");
    out.insert("info", document.get("info").cloned().unwrap_or_else(|| Object::new().into()));
    server(document, &mut out, found);
    if let Some(kept) = crate::server::kept(document, None) {
        out.insert(crate::server::EXTENSION, kept);
    }
    let mapping = Mapping { document, hoisted: RefCell::default(), left: Cell::new(WRITTEN_MAX) };
    for (name, member) in document.as_object().into_iter().flat_map(Object::iter) {
        match &**name {
            "openapi" | "info" | "servers" | "components" | "jsonSchemaDialect" => {}
            "webhooks" | "x-webhooks" if member.as_object().is_some_and(|all| !all.is_empty()) => {
                let webhooks = mapping.webhooks(member);
                let at = Pointer::root().child(name);
                if document.get("paths").is_none() {
                    let message = "the file has no operations, only webhooks, which no request of it creates";
                    found.push(
                        Diagnostic::warning("webhooks_by_hand", at, message).with_hint(
                            "Enter the callback URL of each flow that starts with one of them at the service.",
                        ),
                    );
                } else {
                    let message = format!("{} webhooks are entered at the service by hand", webhooks.len());
                    found.push(Diagnostic::information("webhooks_by_hand", at, message));
                }
                out.insert(WEBHOOKS, webhooks);
            }
            "paths" => {
                let paths = member.as_object().into_iter().flat_map(Object::iter);
                let paths = paths.take_while(|_| wanted());
                let paths: Object = paths.map(|(path, item)| (path.clone(), mapping.path_item(item))).collect();
                out.insert("paths", paths);
            }
            _ => {
                out.insert(name.clone(), member.clone());
            }
        }
    }
    mapping.components(&mut out);
    if mapping.left.get() == 0 {
        let message = format!("the document has more than {WRITTEN_MAX} values once its references are written out");
        found.push(
            Diagnostic::error("document_too_large", Pointer::root().child("components"), message)
                .with_hint("Parameters and forms refer to large schemas many times; make those schemas smaller."),
        );
    }
    out.into()
}

/// Whether a document describes webhooks without operations that create them. Descriptions of 3.0 write `x-webhooks`.
pub(crate) fn has_webhooks(document: &Value) -> bool {
    let is_there = |name: &str| document.get(name).is_some_and(|all| all.as_object().is_some());
    document.get("openapi").is_some() && (is_there("webhooks") || is_there("x-webhooks"))
}

fn server(document: &Value, out: &mut Object, found: &mut Vec<Diagnostic>) {
    let servers = document.get("servers").and_then(Value::as_array);
    let Some(server) = servers.and_then(|all| all.first()) else { return };
    let mut address = text(server, "url").to_owned();
    for (name, variable) in server.get("variables").and_then(Value::as_object).into_iter().flat_map(Object::iter) {
        address = address.replace(&format!("{{{name}}}"), text(variable, "default"));
    }
    match url::Url::parse(&address) {
        Ok(parsed) if parsed.has_host() => {
            let host = parsed.host_str().unwrap_or_default();
            let host = parsed.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
            out.insert("host", host);
            out.insert("basePath", parsed.path());
            out.insert("schemes", Value::array(vec![parsed.scheme().into()]));
        }
        _ => {
            out.insert("basePath", if address.starts_with('/') { address.as_str() } else { "/" });
        }
    }
    if servers.is_some_and(|all| all.len() > 1) {
        found.push(
            Diagnostic::warning(
                "first_server",
                Pointer::root().child("servers"),
                format!("The document lists several servers; \"{address}\" is used."),
            )
            .with_hint("Choose another host in the connector's general settings."),
        );
    }
}

struct Mapping<'a> {
    document: &'a Value,
    /// References to schemas outside of `components/schemas`, with the names they get under `definitions`.
    hoisted: RefCell<BTreeMap<String, String>>,
    /// How many schemas may still be written.
    left: Cell<usize>,
}

/// The most schemas of the written document: what a file refers to often is written out often.
const WRITTEN_MAX: usize = 1_000_000;

/// The most schemas outside of `components/schemas` that are referred to.
const HOISTED_MAX: usize = 10_000;

impl Mapping<'_> {
    fn components(&self, out: &mut Object) {
        let nothing = Value::Null;
        let components = self.document.get("components").unwrap_or(&nothing);
        let member = |name: &str| components.get(name).and_then(Value::as_object).into_iter().flat_map(Object::iter);
        let mut definitions: Object =
            member("schemas").map(|(name, one)| (name.clone(), self.schema(one, 0))).collect();
        let parameters: Object = member("parameters").map(|(name, one)| (name.clone(), self.parameter(one))).collect();
        let responses: Object = member("responses").map(|(name, one)| (name.clone(), self.response(one))).collect();
        // What is hoisted may refer to more.
        loop {
            let open: Vec<(String, String)> = self
                .hoisted
                .borrow()
                .iter()
                .filter(|(_, name)| !definitions.contains_key(name))
                .map(|(reference, name)| (reference.clone(), name.clone()))
                .collect();
            if open.is_empty() {
                break;
            }
            for (reference, name) in open {
                let made = self.target(&reference).map(|target| self.schema(target, 0)).unwrap_or_default();
                definitions.insert(name, made);
            }
        }
        let security: Object = member("securitySchemes")
            .filter_map(|(name, one)| Some((name.clone(), security_scheme(self.resolve(one))?)))
            .collect();
        for (name, found) in [
            ("definitions", definitions),
            ("parameters", parameters),
            ("responses", responses),
            ("securityDefinitions", security),
        ] {
            if !found.is_empty() || self.document.get("components").is_some() {
                out.insert(name, found);
            }
        }
    }

    fn target(&self, reference: &str) -> Option<&Value> {
        let pointer = reference.strip_prefix('#')?;
        self.document.pointer(pointer).or_else(|| {
            let decoded = percent_encoding::percent_decode_str(pointer).decode_utf8().ok()?;
            self.document.pointer(&decoded)
        })
    }

    fn resolve<'v>(&'v self, value: &'v Value) -> &'v Value {
        let mut value = value;
        for _ in 0..16 {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else { break };
            match reference.strip_prefix('#').and_then(|pointer| self.document.pointer(pointer)) {
                Some(target) => value = target,
                None => break,
            }
        }
        value
    }

    fn path_item(&self, item: &Value) -> Value {
        let item = self.resolve(item);
        let mut out = Object::new();
        for (name, member) in item.as_object().into_iter().flat_map(Object::iter) {
            let member = match &**name {
                "parameters" => self.parameters(member),
                "servers" => continue,
                method if METHODS.contains(&method) => self.operation(member, item, &mut out),
                "x-ms-notification-content" => self.notification(member),
                _ => member.clone(),
            };
            out.insert(name.clone(), member);
        }
        out.into()
    }

    fn operation(&self, operation: &Value, path_item: &Value, item: &mut Object) -> Value {
        let mut out = Object::new();
        let root = self.document.pointer("/servers/0").unwrap_or(&Value::Null);
        let near = [operation, path_item].into_iter().find(|level| level.get("servers").is_some());
        if let Some(kept) = near.and_then(|level| crate::server::kept(level, Some(root))) {
            out.insert(crate::server::EXTENSION, kept);
        }
        let mut parameters = Vec::new();
        for (name, member) in operation.as_object().into_iter().flat_map(Object::iter) {
            match &**name {
                "parameters" => {
                    parameters.splice(0..0, self.parameters(member).as_array().unwrap_or_default().to_vec());
                }
                "requestBody" => {
                    let (consumes, body) = self.request_body(member);
                    parameters.extend(body);
                    if !consumes.is_empty() {
                        out.insert("consumes", Value::array(consumes.into_iter().map(Value::from).collect()));
                    }
                }
                "responses" => {
                    let responses = member.as_object().into_iter().flat_map(Object::iter);
                    let responses: Object =
                        responses.map(|(status, one)| (status.clone(), self.response(one))).collect();
                    out.insert("responses", responses);
                }
                "callbacks" => self.callbacks(member, &mut out, item),
                "servers" => {}
                _ => {
                    out.insert(name.clone(), member.clone());
                }
            }
        }
        out.insert("parameters", Value::array(parameters));
        out.into()
    }

    /// An operation with `callbacks` is what 2.0 writes with `x-ms-trigger` and `x-ms-notification-url`.
    fn callbacks(&self, callbacks: &Value, out: &mut Object, item: &mut Object) {
        let mut places: Vec<Value> = Vec::new();
        for callback in callbacks.as_object().into_iter().flat_map(Object::values) {
            for (expression, path_item) in self.resolve(callback).as_object().into_iter().flat_map(Object::iter) {
                let Some(place) = callback_place(expression) else { continue };
                if !places.contains(&place) {
                    places.push(place);
                }
                let post = self.resolve(path_item).as_object().and_then(|all| all.values().next());
                let body = post.and_then(|post| post.get("requestBody")).map(|body| self.resolve(body));
                if let Some((_, written)) = body.and_then(|body| self.preferred_content(body)) {
                    let content = Value::object([("schema", written)]);
                    // The path has room for one; another operation of it keeps its own.
                    if !item.contains_key("x-ms-notification-content") {
                        item.insert("x-ms-notification-content", content);
                    } else if item.get("x-ms-notification-content") != Some(&content)
                        && !out.contains_key("x-ms-notification-content")
                    {
                        out.insert("x-ms-notification-content", content);
                    }
                }
            }
        }
        if places.is_empty() {
            return;
        }
        out.insert(CALLBACK, Value::array(places));
        if !out.contains_key("x-ms-trigger") {
            out.insert("x-ms-trigger", "single");
        }
    }

    /// Webhooks without operations that create them: each is a trigger whose callback URL a person enters at the service.
    fn webhooks(&self, written: &Value) -> Object {
        let mut webhooks = Object::new();
        for (name, item) in written.as_object().into_iter().flat_map(Object::iter) {
            let item = self.resolve(item);
            let mut kept = Object::new();
            for (method, operation) in item.as_object().into_iter().flat_map(Object::iter) {
                if !METHODS.contains(&&**method) || operation.as_object().is_none() {
                    continue;
                }
                let mut out = Object::new();
                for member in ["operationId", "summary", "description", "tags", "deprecated", "x-ms-visibility"] {
                    if let Some(value) = operation.get(member) {
                        out.insert(member, value.clone());
                    }
                }
                if !out.contains_key("operationId") {
                    out.insert("operationId", name.clone());
                }
                out.insert("x-ms-trigger", "single");
                let mut content = Object::new();
                let body = operation.get("requestBody").map(|body| self.resolve(body));
                if let Some((_, schema)) = body.and_then(|body| self.preferred_content(body)) {
                    content.insert("schema", schema);
                }
                let headers = self.notification_headers(&[operation, item]);
                if !headers.is_empty() {
                    content.insert("headers", headers);
                }
                if !content.is_empty() {
                    out.insert("x-ms-notification-content", content);
                }
                kept.insert(method.clone(), out);
            }
            if !kept.is_empty() {
                webhooks.insert(name.clone(), kept);
            }
        }
        webhooks
    }

    /// The header parameters of a notification, as `x-ms-notification-content` names them.
    fn notification_headers(&self, levels: &[&Value]) -> Object {
        let listed = levels.iter().flat_map(|level| level.get("parameters").and_then(Value::as_array)).flatten();
        let headers = listed.map(|one| self.resolve(one)).filter(|one| text(one, "in") == "header");
        headers.map(|one| (Str::from(text(one, "name")), self.header(one))).collect()
    }

    fn parameters(&self, written: &Value) -> Value {
        Value::array(written.as_array().into_iter().flatten().map(|one| self.parameter(one)).collect())
    }

    fn parameter(&self, written: &Value) -> Value {
        if let Some(reference) = written.get("$ref").and_then(Value::as_str)
            && let Some(name) = reference.strip_prefix("#/components/parameters/").filter(|name| !name.contains('/'))
        {
            return Value::object([("$ref", format!("#/parameters/{name}"))]);
        }
        let written = self.resolve(written);
        let mut out = Object::new();
        for (name, member) in written.as_object().into_iter().flat_map(Object::iter) {
            match &**name {
                "schema" => {
                    // 2.0 has no `$ref` in the schema of such a parameter, so it is written out.
                    let described = self.schema(self.resolve(member), 0);
                    for (name, member) in described.as_object().into_iter().flat_map(Object::iter) {
                        if !out.contains_key(name) {
                            out.insert(name.clone(), member.clone());
                        }
                    }
                }
                "content" => {
                    out.insert("type", "string");
                }
                "explode" | "style" | "example" | "examples" | "allowReserved" => {}
                _ => {
                    out.insert(name.clone(), member.clone());
                }
            }
        }
        if out.get("type").and_then(Value::as_str) == Some("array") && text(written, "in") == "query" {
            let exploded = written.get("explode").and_then(Value::as_bool).unwrap_or(true);
            let format = match written.get("style").and_then(Value::as_str) {
                Some("spaceDelimited") => "ssv",
                Some("pipeDelimited") => "pipes",
                _ if exploded => "multi",
                _ => "csv",
            };
            out.insert("collectionFormat", format);
        }
        self.style(written, out.get("type").and_then(Value::as_str) == Some("object"))
            .map(|style| out.insert(STYLE, style));
        out.into()
    }

    /// The content type that is used among those offered, with its schema in the words of 2.0.
    fn preferred_content(&self, owner: &Value) -> Option<(Str, Value)> {
        let content = owner.get("content").and_then(Value::as_object)?;
        let rank = |name: &str| match name {
            "application/json" => 0,
            _ if name.contains("json") => 1,
            "application/x-www-form-urlencoded" => 2,
            _ if name.starts_with("multipart/") => 3,
            _ => 4,
        };
        let (name, media) = content.iter().min_by_key(|(name, _)| rank(name))?;
        let described = media.get("schema").map_or_else(|| Object::new().into(), |one| self.schema(one, 0));
        Some((name.clone(), described))
    }

    fn response(&self, written: &Value) -> Value {
        let written = self.resolve(written);
        let mut out = Object::new();
        for (name, member) in written.as_object().into_iter().flat_map(Object::iter) {
            match &**name {
                "content" => {
                    if let Some((_, described)) = self.preferred_content(written) {
                        out.insert("schema", described);
                    }
                }
                "headers" => {
                    let headers = member.as_object().into_iter().flat_map(Object::iter);
                    let headers: Object = headers.map(|(name, one)| (name.clone(), self.header(one))).collect();
                    out.insert("headers", headers);
                }
                "links" => {}
                _ => {
                    out.insert(name.clone(), member.clone());
                }
            }
        }
        out.into()
    }

    /// A header of an answer: 2.0 has its type beside its description.
    fn header(&self, written: &Value) -> Value {
        let written = self.resolve(written);
        let mut out = Object::new();
        if let Some(description) = written.get("description") {
            out.insert("description", description.clone());
        }
        let described = written.get("schema").map(|one| self.schema(self.resolve(one), 0)).unwrap_or_default();
        let kind = described.get("type").and_then(Value::as_str).filter(|kind| *kind != "object").unwrap_or("string");
        out.insert("type", kind);
        if let Some(items) = described.get("items").filter(|_| kind == "array") {
            out.insert("items", items.clone());
        }
        out.into()
    }

    fn notification(&self, written: &Value) -> Value {
        let mut out = written.as_object().cloned().unwrap_or_default();
        if let Some(described) = written.get("schema") {
            out.insert("schema", self.schema(described, 0));
        } else if let Some((_, described)) = self.preferred_content(written) {
            out.remove("content");
            out.insert("schema", described);
        }
        out.into()
    }

    /// `style` and `explode` of a parameter or a form field, where 2.0 has no word for them.
    fn style(&self, written: &Value, is_object: bool) -> Option<Value> {
        let style = written.get("style").and_then(Value::as_str);
        let is_known = matches!(style, None | Some("form" | "simple" | "spaceDelimited" | "pipeDelimited"));
        let place = text(written, "in");
        if is_known && !(is_object && matches!(place, "query" | "cookie" | "")) && place != "cookie" {
            return None;
        }
        let mut out = Object::new();
        for name in ["style", "explode"] {
            if let Some(value) = written.get(name) {
                out.insert(name, value.clone());
            }
        }
        Some(out.into())
    }

    /// The properties of a schema in the words of 2.0, those of `allOf` included.
    fn fields(&self, described: &Value, depth: usize, seen: &mut BTreeSet<String>) -> Vec<(Str, Value)> {
        let mut found: Vec<(Str, Value)> = Vec::new();
        if depth > 8 {
            return found;
        }
        for (name, one) in described.get("properties").and_then(Value::as_object).into_iter().flat_map(Object::iter) {
            found.push((name.clone(), one.clone()));
        }
        for part in described.get("allOf").and_then(Value::as_array).unwrap_or_default() {
            let resolved = match part.get("$ref").and_then(Value::as_str) {
                // What is named once more has nothing new.
                Some(reference) if !seen.insert(reference.to_owned()) => continue,
                Some(reference) => {
                    let three = reference.replacen("#/definitions/", "#/components/schemas/", 1);
                    self.target(&three).map(|target| self.schema(self.resolve(target), 0)).unwrap_or_default()
                }
                None => part.clone(),
            };
            for (name, one) in self.fields(&resolved, depth + 1, seen) {
                if !found.iter().any(|(own, _)| *own == name) {
                    found.push((name, one));
                }
            }
        }
        found
    }

    fn request_body(&self, written: &Value) -> (Vec<Str>, Vec<Value>) {
        let body = self.resolve(written);
        let Some((content_type, described)) = self.preferred_content(body) else { return (Vec::new(), Vec::new()) };
        let required = body.get("required").cloned().unwrap_or(Value::Bool(false));
        let form =
            content_type.starts_with("multipart/") || content_type.starts_with("application/x-www-form-urlencoded");
        let media = body.get("content").and_then(|content| content.get(&content_type));
        let written = media.filter(|_| form).and_then(|one| one.get("schema")).unwrap_or(&Value::Null);
        let resolved = self.schema(self.resolve(written), 0);
        let fields = self.fields(&resolved, 0, &mut BTreeSet::new());
        if form && !fields.is_empty() {
            let encoding = media.and_then(|media| media.get("encoding"));
            let is_urlencoded = content_type.starts_with("application/x-www-form-urlencoded");
            let parameters = fields.into_iter().map(|(name, described)| {
                let mut one = Object::new();
                one.insert("name", name.clone());
                one.insert("in", "formData");
                one.insert("required", is_required(&resolved, &name));
                // A field that is written as a reference is described here, as 2.0 demands.
                let described = match described.get("$ref").and_then(Value::as_str) {
                    Some(reference) => {
                        let three = reference.replacen("#/definitions/", "#/components/schemas/", 1);
                        self.target(&three).map(|target| self.schema(self.resolve(target), 0)).unwrap_or_default()
                    }
                    None => described,
                };
                for (name, member) in described.as_object().into_iter().flat_map(Object::iter) {
                    one.insert(name.clone(), member.clone());
                }
                if matches!(one.get("format").and_then(Value::as_str), Some("binary" | "base64")) {
                    one.insert("type", "file");
                }
                let own = encoding.and_then(|all| all.get(&name)).cloned().unwrap_or_default();
                let is = |kind: &str| one.get("type").and_then(Value::as_str) == Some(kind);
                let (is_array, is_object) = (is("array"), is("object"));
                let is_file_list =
                    is_array && one.get("items").is_some_and(|items| text(self.resolve(items), "format") == "binary");
                if is_array {
                    let explode = own.get("explode").and_then(Value::as_bool);
                    let format = match text(&own, "style") {
                        "spaceDelimited" if explode != Some(true) => "ssv",
                        "pipeDelimited" if explode != Some(true) => "pipes",
                        _ if explode == Some(false) && !is_file_list => "csv",
                        _ => "multi",
                    };
                    one.insert("collectionFormat", format);
                }
                if (is_object || (is_array && text(&own, "style") == "deepObject"))
                    && is_urlencoded
                    && let Some(style) = self.style(&own, is_object)
                {
                    one.insert(STYLE, style);
                }
                if !is_urlencoded {
                    let said = text(&own, "contentType").split(',').next().unwrap_or_default().trim();
                    let said = if said.is_empty() && is_object { "application/json" } else { said };
                    if !said.is_empty() && !said.contains('*') {
                        one.insert(PART_TYPE, said);
                    }
                }
                Value::from(one)
            });
            return (vec![content_type], parameters.collect());
        }
        let mut one = Object::new();
        one.insert(
            "name",
            text(body, "x-bodyName").split('/').next().filter(|name| !name.is_empty()).unwrap_or("body"),
        );
        one.insert("in", "body");
        one.insert("required", required);
        if let Some(description) = body.get("description") {
            one.insert("description", description.clone());
        }
        one.insert("schema", described);
        let offered = body.get("content").and_then(Value::as_object).into_iter().flat_map(Object::keys).cloned();
        (offered.collect(), vec![one.into()])
    }
}

fn is_required(schema: &Value, name: &str) -> bool {
    let names = schema.get("required").and_then(Value::as_array);
    names.is_some_and(|names| names.iter().any(|one| one.as_str() == Some(name)))
}
