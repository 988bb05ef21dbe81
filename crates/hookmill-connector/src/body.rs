//! The body of a request: from the keys of a flow's inputs to JSON, text, bytes or a form.

use hookmill_model::{Object, Str, Value};

use crate::connector::Connector;
use crate::draft::Body;
use crate::operation::Operation;
use crate::place::{Declared, Place, given};
use crate::plan_error::PlanError;
use crate::schema::{self, ITEMS, default_of, is_internal};
use crate::serialise::{PART_TYPE, content, content_object, form, multipart, pairs, part, text};

/// Bodies are built this deep.
const DEPTH_MAX: usize = 16;
/// The member of a property at the top of a body by which a connector says that it is a name of the webhook, which no
/// other webhook may have.
const UNIQUE: &str = "x-hookmill-unique";

/// What a body is made from.
pub(crate) struct BodyInput<'a> {
    pub operation: &'a Operation,
    pub parameters: &'a Value,
    pub callback_url: Option<&'a str>,
    /// The value of a header parameter `Content-Type`.
    pub content_type: Option<&'a str>,
    /// Values are expressions that are not evaluated yet, so their types say nothing.
    pub is_unevaluated: bool,
}

impl Connector {
    /// The body of an operation with a body parameter, and its content type where it does not say its own.
    pub(crate) fn body(&self, parameter: &Declared, input: &BodyInput<'_>) -> Result<(Body, Option<Str>), PlanError> {
        let value = self.body_value(parameter, input)?;
        if value.is_null() {
            if parameter.required {
                let (operation, name) = (input.operation.operation_id.clone(), parameter.name.to_string());
                return Err(PlanError::Missing { operation, name });
            }
            return Ok((Body::None { is_declared: true }, None));
        }
        if let Some((own, base64)) = content_object(&value)
            && input.content_type.is_none()
        {
            return Ok((Body::Ready(content(own, base64)), Some(own.into())));
        }
        let content_type = match input.content_type {
            Some(own) => Str::from(own),
            None => chosen_type(&input.operation.consumes, &value),
        };
        self.in_type(parameter, value, content_type)
    }

    /// A value under a content type.
    fn in_type(&self, parameter: &Declared, value: Value, content_type: Str) -> Result<(Body, Option<Str>), PlanError> {
        if let Some((own, base64)) = content_object(&value) {
            return Ok((Body::Ready(content(own, base64)), Some(content_type)));
        }
        if is_json(&content_type) {
            return Ok((Body::Json(value), Some(content_type)));
        }
        match &value {
            Value::Object(members) if media_type(&content_type) == "application/x-www-form-urlencoded" => {
                let mut fields = Vec::new();
                for (name, member) in members.iter() {
                    match member {
                        Value::Null => {}
                        Value::Array(elements) => {
                            let joined = elements.iter().map(text).collect::<Vec<_>>().join(",");
                            fields.extend((!elements.is_empty()).then(|| (name.to_string(), joined)));
                        }
                        other => fields.push((name.to_string(), text(other))),
                    }
                }
                Ok((Body::Ready(form(fields)), None))
            }
            Value::Object(_) | Value::Array(_) => Err(PlanError::Type {
                name: parameter.name.to_string(),
                what: value.type_name(),
                content_type: content_type.to_string(),
            }),
            other => Ok((Body::Ready(text(other).into()), Some(content_type))),
        }
    }

    /// Defaults, then what is given as a whole, then what is given by path, then the callback URL; types as declared.
    fn body_value(&self, parameter: &Declared, input: &BodyInput<'_>) -> Result<Value, PlanError> {
        let BodyInput { operation, parameters, callback_url, .. } = *input;
        let declared = parameter.schema();
        let is_alone = !operation.declared.iter().any(|own| own.place != Place::Body && &*own.name == "body");
        let whole = given(parameters, &parameter.name).or_else(|| given(parameters, "body").filter(|_| is_alone));
        let mut body = whole.cloned().unwrap_or_default();
        let prefixes = [format!("{}/", parameter.name), "body/".to_owned()];
        let mut by_path = Vec::new();
        for (key, value) in parameters.as_object().into_iter().flat_map(Object::iter) {
            if let Some(rest) = prefixes.iter().find_map(|prefix| key.strip_prefix(prefix.as_str())) {
                by_path.push((self.segments(declared, rest), value));
            }
        }
        // The longer key wins, so it comes later.
        by_path.sort_by_key(|(path, _)| path.len());
        let mut left_out = Vec::new();
        for (path, value) in by_path {
            if value.is_null() {
                take(&mut body, &path);
                left_out.push(path);
            } else {
                put(&mut body, &path, value.clone());
            }
        }
        if let Some(default) = default_of(declared).filter(|_| body.is_null()) {
            body = default;
        }
        let mut open = Open { depth: DEPTH_MAX, left_out: &left_out };
        body = match body {
            Value::Array(_) => self.elements_with_defaults(declared, body, DEPTH_MAX),
            Value::Object(_) | Value::Null => self.with_defaults(declared, body, &mut Vec::new(), &mut open),
            other => other,
        };
        if let Some(url) = callback_url {
            for callback in operation.callbacks.iter().filter(|callback| callback.place == Place::Body) {
                self.put_callback(declared, &mut body, &callback.path, url);
            }
            self.put_unique(declared, &mut body, url);
        }
        if body.is_null() {
            return Ok(body);
        }
        if !input.is_unevaluated {
            self.typed(declared, &mut body, &parameter.name, DEPTH_MAX)?;
        }
        match self.missing(declared, &body, &parameter.name, DEPTH_MAX) {
            Some(name) => Err(PlanError::Missing { operation: operation.operation_id.clone(), name }),
            None => Ok(body),
        }
    }

    /// Fills the defaults of an object, and of objects below that are there, required or hidden. `null` where nothing
    /// was given and there are no defaults.
    fn with_defaults(&self, declared: &Value, value: Value, path: &mut Vec<Str>, open: &mut Open<'_>) -> Value {
        if open.depth == 0 {
            return value;
        }
        let is_there = !value.is_null();
        let mut made = value.as_object().cloned().unwrap_or_default();
        let required = schema::required(&self.document, declared);
        let mut own: Vec<(Str, Value)> = Vec::new();
        open.depth -= 1;
        for (name, property) in schema::properties(&self.document, declared) {
            path.push(name.clone());
            let resolved = self.document.resolve(property);
            let held = made.get(name).filter(|held| !held.is_null()).cloned();
            match held {
                Some(held) => {
                    if held.as_object().is_some() && content_object(&held).is_none() {
                        own.push((name.clone(), self.with_defaults(property, held, path, open)));
                    } else if held.as_array().is_some_and(|all| all.iter().any(|one| one.as_object().is_some())) {
                        own.push((name.clone(), self.elements_with_defaults(property, held, open.depth)));
                    }
                }
                None if made.contains_key(name) || open.left_out.contains(path) => {}
                None => {
                    let default = default_of(property).or_else(|| default_of(resolved));
                    let is_wanted = required.contains(&&**name) || is_internal(property) || is_internal(resolved);
                    let filled = match default {
                        // What a default leaves open has defaults of its own.
                        Some(default @ Value::Object(_)) => self.with_defaults(property, default, path, open),
                        Some(default @ Value::Array(_)) => self.elements_with_defaults(property, default, open.depth),
                        Some(default) => default,
                        None if is_wanted => self.with_defaults(property, Value::Null, path, open),
                        None => Value::Null,
                    };
                    if !filled.is_null() {
                        own.push((name.clone(), filled));
                    }
                }
            }
            path.pop();
        }
        open.depth += 1;
        if own.is_empty() {
            return value;
        }
        for (name, value) in own {
            made.insert(name, value);
        }
        if made.is_empty() && !is_there { Value::Null } else { made.into() }
    }

    /// Fills the defaults of the objects in a list.
    fn elements_with_defaults(&self, declared: &Value, list: Value, depth: usize) -> Value {
        let (Value::Array(elements), Some(items)) = (&list, self.document.resolve(declared).get("items")) else {
            return list;
        };
        let filled = elements.iter().map(|element| match element {
            Value::Object(members) if content_object(element).is_none() => {
                let mut open = Open { depth, left_out: &[] };
                self.with_defaults(items, self.unfolded(items, members), &mut Vec::new(), &mut open)
            }
            Value::Array(_) if depth > 0 => self.elements_with_defaults(items, element.clone(), depth - 1),
            other => other.clone(),
        });
        Value::array(filled.collect())
    }

    /// Puts the callback URL at its place; an element of a list is made where there is none, with its defaults, and so
    /// are objects on the way.
    fn put_callback(&self, declared: &Value, into: &mut Value, path: &[Str], url: &str) {
        let Some((name, rest)) = path.split_first() else {
            *into = url.into();
            return;
        };
        let filled = |own: &Self, below: &Value| {
            own.with_defaults(below, Value::Null, &mut Vec::new(), &mut Open { depth: DEPTH_MAX, left_out: &[] })
        };
        if &**name == ITEMS {
            let items = self.document.resolve(declared).get("items").cloned().unwrap_or_default();
            if into.as_array().is_none_or(<[Value]>::is_empty) {
                *into = Value::array(vec![filled(self, &items)]);
            }
            for element in into.as_array_mut().into_iter().flatten() {
                self.put_callback(&items, element, rest, url);
            }
            return;
        }
        let properties = schema::properties(&self.document, declared);
        let below = properties.into_iter().find(|(own, _)| *own == name).map(|(_, below)| below.clone());
        let below = below.unwrap_or_default();
        if into.as_object().is_none() {
            *into = Object::new().into();
        }
        let Some(members) = into.as_object_mut() else { return };
        if members.get(name).is_none_or(Value::is_null) {
            let made = if rest.is_empty() { Value::Null } else { filled(self, &below) };
            members.insert(name.clone(), made);
        }
        if let Some(held) = members.get_mut(name) {
            self.put_callback(&below, held, rest, url);
        }
    }

    /// Gives a name that no other webhook has to the property that is marked for it. The callback URL is another one for
    /// each webhook and cannot be told from the name.
    fn put_unique(&self, declared: &Value, body: &mut Value, url: &str) {
        let properties = schema::properties(&self.document, declared);
        let marked = properties.into_iter().filter(|(_, own)| crate::document::truth(own, UNIQUE));
        let names: Vec<Str> = marked.map(|(name, _)| name.clone()).collect();
        for name in names {
            if let Some(members) = body.as_object_mut().filter(|own| !own.contains_key(&name)) {
                members.insert(name, hookmill_webhook::unique_name(url));
            }
        }
    }

    /// The names of a path such as `config/url`; a property whose own name holds a slash is one of them.
    fn segments(&self, declared: &Value, path: &str) -> Vec<Str> {
        let mut found = Vec::new();
        let mut rest = path;
        let mut here = declared;
        while !rest.is_empty() && found.len() < 64 {
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
            rest = rest.get(name.len()..).unwrap_or_default();
            rest = rest.strip_prefix('/').unwrap_or(rest);
            found.push(name);
            here = next;
        }
        found
    }

    /// Texts become numbers and truth values where the schema says so, content objects base64, and keys with paths in
    /// elements of lists nested objects.
    fn typed(&self, declared: &Value, value: &mut Value, key: &str, depth: usize) -> Result<(), PlanError> {
        let declared = self.document.resolve(declared);
        if depth == 0 {
            return Ok(());
        }
        let kind = declared.get("type").and_then(Value::as_str).unwrap_or_default();
        if let Some((_, base64)) = content_object(value) {
            let format = declared.get("format").and_then(Value::as_str).unwrap_or_default();
            if matches!(format, "byte" | "binary") && key.contains('/') {
                *value = base64.into();
            }
            return Ok(());
        }
        match value {
            Value::String(written) => {
                if let Some(read) = read_scalar(kind, written).map_err(|kind| PlanError::NotA {
                    name: key.to_owned(),
                    kind,
                    value: written.chars().take(60).collect(),
                })? {
                    *value = read;
                }
            }
            Value::Array(_) => {
                let items = declared.get("items").cloned().unwrap_or_default();
                for (index, element) in value.as_array_mut().into_iter().flatten().enumerate() {
                    if let Some(members) = element.as_object() {
                        *element = self.unfolded(&items, members);
                    }
                    self.typed(&items, element, &format!("{key}/{index}"), depth - 1)?;
                }
            }
            Value::Object(_) => {
                let properties: Vec<(Str, Value)> = schema::properties(&self.document, declared)
                    .into_iter()
                    .map(|(name, property)| (name.clone(), property.clone()))
                    .collect();
                let others = declared.get("additionalProperties").filter(|own| own.as_object().is_some()).cloned();
                for (name, member) in value.as_object_mut().into_iter().flat_map(Object::iter_mut) {
                    let own = properties.iter().find(|(own, _)| own == name).map(|(_, own)| own).or(others.as_ref());
                    if let Some(own) = own {
                        self.typed(own, member, &format!("{key}/{name}"), depth - 1)?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// An element with keys such as `item/id` as nested objects.
    fn unfolded(&self, items: &Value, members: &Object) -> Value {
        if !members.keys().any(|name| name.contains('/')) {
            return members.clone().into();
        }
        let mut made = Value::from(Object::new());
        for (name, value) in members.iter() {
            put(&mut made, &self.segments(items, name), value.clone());
        }
        made
    }

    /// The first required property that has no value, in objects that are there.
    fn missing(&self, declared: &Value, value: &Value, key: &str, depth: usize) -> Option<String> {
        if depth == 0 {
            return None;
        }
        match value {
            Value::Object(members) => {
                let required = schema::required(&self.document, declared);
                let properties = schema::properties(&self.document, declared);
                // What nobody can fill in is sent only where a policy sets it; what the service alone writes, never.
                let is_hidden = |name: &str| {
                    let own = properties.iter().find(|(own, _)| ***own == *name);
                    own.is_some_and(|(_, own)| is_internal(own) || is_internal(self.document.resolve(own)))
                };
                if let Some(name) = required.iter().find(|name| !members.contains_key(name) && !is_hidden(name)) {
                    return Some(format!("{key}/{name}"));
                }
                properties.into_iter().find_map(|(name, property)| {
                    self.missing(property, members.get(name)?, &format!("{key}/{name}"), depth - 1)
                })
            }
            Value::Array(list) => {
                let items = self.document.resolve(declared).get("items")?;
                let each = list.iter().enumerate();
                each.into_iter()
                    .find_map(|(index, element)| self.missing(items, element, &format!("{key}/{index}"), depth - 1))
            }
            _ => None,
        }
    }
}

/// The state of filling defaults.
struct Open<'a> {
    depth: usize,
    /// Paths that the flow has set to `null`: they stay out.
    left_out: &'a [Vec<Str>],
}

/// The form of an operation with form parameters: `fields` have values, in the order of the file.
pub(crate) fn form_body(
    operation: &Operation,
    fields: &[(&Declared, Value)],
    content_type: Option<&str>,
) -> Result<Body, PlanError> {
    let is_file = |parameter: &Declared| parameter.source.get("type").and_then(Value::as_str) == Some("file");
    let wants = |kind: &str| media_type(kind).starts_with("multipart/");
    let is_only = !operation.consumes.is_empty() && operation.consumes.iter().all(|kind| wants(kind));
    let has_file =
        |value: &Value| value.as_array().is_some_and(|all| all.iter().any(|one| content_object(one).is_some()));
    let is_multipart = fields.iter().any(|(parameter, value)| is_file(parameter) || has_file(value))
        || content_type.map_or(is_only, wants);
    if !is_multipart {
        let mut found = Vec::new();
        for (parameter, value) in fields {
            found.extend(pairs(parameter, value)?);
        }
        return Ok(Body::Ready(form(found)));
    }
    let mut parts = Vec::new();
    for (parameter, value) in fields {
        if is_file(parameter) {
            parts.push(file_part(&parameter.name, value));
            continue;
        }
        if let Some((own, base64)) = content_object(value) {
            let filename = value.get("$filename").and_then(Value::as_str);
            parts.push(part(&parameter.name, filename, Some(own), content(own, base64)));
            continue;
        }
        if has_file(value) {
            parts.extend(value.as_array().into_iter().flatten().map(|element| file_part(&parameter.name, element)));
            continue;
        }
        let content_type = parameter.source.get(PART_TYPE).and_then(Value::as_str);
        for (name, text) in pairs(parameter, value)? {
            parts.push(part(&name, None, content_type, text.into()));
        }
    }
    Ok(Body::Ready(multipart(parts)))
}

/// A file always has a file name: many servers see none without it.
fn file_part(name: &str, value: &Value) -> Value {
    let filename = value.get("$filename").and_then(Value::as_str).unwrap_or(name);
    match content_object(value) {
        Some((own, base64)) => {
            let own = if own.trim().is_empty() { "application/octet-stream" } else { own };
            part(name, Some(filename), Some(own), content(own, base64))
        }
        None => part(name, Some(filename), Some("application/octet-stream"), text(value).into()),
    }
}

/// `type/subtype` in lower case, without parameters.
pub(crate) fn media_type(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether a content type is JSON.
pub(crate) fn is_json(content_type: &str) -> bool {
    let own = media_type(content_type);
    own == "application/json" || own == "text/json" || own.ends_with("+json")
}

/// The content type of a body among those that an operation takes.
fn chosen_type(consumes: &[Str], value: &Value) -> Str {
    let is_wild = |kind: &&Str| kind.contains('*');
    let is_plain_json = |kind: &Str| media_type(kind) == "application/json";
    if consumes.iter().any(is_plain_json) || consumes.iter().all(|kind| is_wild(&kind)) {
        return consumes.iter().find(|kind| is_plain_json(kind)).cloned().unwrap_or_else(|| "application/json".into());
    }
    let concrete = || consumes.iter().filter(|kind| !is_wild(kind));
    let text = concrete().find(|kind| !is_json(kind)).filter(|_| value.as_str().is_some());
    let found =
        text.or_else(|| concrete().find(|kind| media_type(kind).ends_with("+json"))).or_else(|| concrete().next());
    found.cloned().unwrap_or_else(|| "application/json".into())
}

/// A text as the declared type; `None` where it stays text.
fn read_scalar(kind: &str, written: &str) -> Result<Option<Value>, &'static str> {
    let trimmed = written.trim();
    match kind {
        "integer" => trimmed.parse::<i64>().map(|number| Some(Value::Integer(number))).or_else(|_| {
            let is_whole =
                !trimmed.is_empty() && trimmed.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit());
            let wide = Value::from_json(trimmed.as_bytes()).ok().filter(|value| is_whole && value.as_f64().is_some());
            wide.map(Some).ok_or("an integer")
        }),
        "number" => match Value::from_json(trimmed.as_bytes()) {
            Ok(number @ (Value::Integer(_) | Value::Float(_))) => Ok(Some(number)),
            _ => Err("a number"),
        },
        "boolean" => match trimmed.to_ascii_lowercase().as_str() {
            "true" => Ok(Some(Value::Bool(true))),
            "false" => Ok(Some(Value::Bool(false))),
            _ => Err("true or false"),
        },
        _ => Ok(None),
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

/// Takes a property away.
fn take(from: &mut Value, path: &[Str]) {
    match path {
        [] => {}
        [name] => {
            if let Some(members) = from.as_object_mut() {
                members.remove(name);
            }
        }
        [name, rest @ ..] => {
            if let Some(below) = from.as_object_mut().and_then(|members| members.get_mut(name)) {
                take(below, rest);
            }
        }
    }
}
