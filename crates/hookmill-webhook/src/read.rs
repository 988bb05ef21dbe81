//! Reads declarations from JSON. Everything that is wrong is reported, with its JSON pointer.

mod lifetime;
mod proof;

use std::time::Duration;

use hookmill_definition::duration;
use hookmill_model::{Diagnostic, Object, Pointer, Str, Value};

use crate::declaration::{
    Compute, Declarations, Dedupe, Handshake, HandshakeCall, HandshakeReply, Items, Json, OperationCall, Reply, State,
};
use crate::key::{Encoding, Hash};
use crate::preset::raw;
use crate::template::{Conditions, Selector, Template, Wanted};

/// The names of all extensions that declare something about webhooks.
pub const EXTENSIONS: [&str; 9] = [
    "x-hookmill-preset",
    "x-hookmill-verification",
    "x-hookmill-handshake",
    "x-hookmill-registration",
    "x-hookmill-dedupe",
    "x-hookmill-ping",
    "x-hookmill-reply",
    "x-hookmill-renewal",
    "x-hookmill-recovery",
];

/// The extension whose members are taken one by one.
const REGISTRATION: &str = "x-hookmill-registration";

/// How long an identifier is known where nothing is said.
const WINDOW: Duration = Duration::from_secs(3 * 24 * 3_600);
/// The store forgets identifiers after a week.
const WINDOW_MAX: Duration = Duration::from_secs(7 * 24 * 3_600);
/// How long an event may wait under load where nothing is said.
const PATIENCE: Duration = Duration::from_millis(800);
/// No sender waits longer.
const PATIENCE_MAX: Duration = Duration::from_secs(30);
/// Elements of a list of declarations.
const LIST_MAX: usize = 50;
/// A declared body is no longer than this.
const BODY_BYTES_MAX: usize = 65_536;

/// Whether an object has any extension that declares something about webhooks.
#[must_use]
pub fn has_declarations(members: &Object) -> bool {
    EXTENSIONS.iter().any(|name| members.contains_key(name))
}

/// Reads the declarations of one trigger. `levels` are the objects that may hold them, the nearest first, each with
/// its place in the file; an extension of a nearer level replaces that of a farther one, except that the members of
/// `x-hookmill-registration` are taken one by one.
pub fn read(levels: &[(&Object, Pointer)], findings: &mut Vec<Diagnostic>) -> Declarations {
    let mut reader = Reader { findings };
    let mut made = Declarations::default();
    for (members, at) in levels {
        if let Some(named) = members.get("x-hookmill-preset") {
            let at = at.child("x-hookmill-preset");
            match named.as_str().and_then(raw) {
                Some(preset) if made.preset.is_none() => {
                    made.preset = Some(preset.name.clone());
                    made.form_field.clone_from(&preset.form_field);
                }
                Some(_) => {}
                None => reader.unknown_preset(&at, named),
            }
        }
        let known = |name: &str| EXTENSIONS.contains(&name) || !is_webhook_extension(name);
        for name in members.keys().filter(|name| !known(name)) {
            reader.error("unknown_member", &at.child(name), format!("There is no extension {name}."));
        }
    }
    let nearest = |name: &str| {
        levels.iter().find_map(|(members, at)| {
            let own = members.get(name).map(|value| (value.clone(), at.child(name)));
            own.or_else(|| {
                let preset = raw(members.get("x-hookmill-preset")?.as_str()?)?;
                Some((preset.extensions.get(name)?.clone(), at.child("x-hookmill-preset")))
            })
        })
    };
    for name in EXTENSIONS.iter().skip(1).filter(|name| **name != REGISTRATION) {
        let Some((value, at)) = nearest(name) else { continue };
        let value = reader.merged(name, &value, &at);
        match *name {
            "x-hookmill-verification" => made.verification = reader.verifications(&value, &at),
            "x-hookmill-handshake" => made.handshake = reader.list(&value, &at, Reader::handshake),
            "x-hookmill-ping" => made.ping = reader.list(&value, &at, Reader::conditions),
            "x-hookmill-dedupe" => made.dedupe = reader.dedupe(&value, &at),
            "x-hookmill-reply" => made.reply = reader.reply(&value, &at),
            "x-hookmill-renewal" => made.renewal = reader.renewal(&value, &at),
            _ => made.recovery = reader.recovery(&value, &at),
        }
    }
    for (members, at) in levels {
        let named = members.get(REGISTRATION).and_then(|own| own.get("preset"));
        if let Some(named) = named.filter(|named| named.as_str().and_then(raw).is_none()) {
            reader.unknown_preset(&at.child(REGISTRATION).child("preset"), named);
        }
    }
    let registration = registration_members(levels);
    if !registration.is_empty() {
        made.registration = Some(reader.registration(&registration));
    }
    let at = levels.first().map(|(_, at)| at.clone()).unwrap_or_default();
    if made.verification.is_empty() && made.handshake.iter().any(|handshake| handshake.verified) {
        let message = "A handshake asks for a verified request, but no x-hookmill-verification says how.";
        reader.error("webhook_contradiction", &at.child("x-hookmill-handshake"), message);
    }
    made
}

/// The members of `x-hookmill-registration` that hold for a trigger, each with its place. A member comes from the nearest
/// of the levels that has it; what a level's preset says stands under the level's own members. `null` takes away what a
/// farther level says.
#[must_use]
pub fn registration_members(levels: &[(&Object, Pointer)]) -> Vec<(Str, Value, Pointer)> {
    let mut found: Vec<(Str, Value, Pointer)> = Vec::new();
    let mut add = |members: &Object, at: &dyn Fn(&Str) -> Pointer| {
        for (name, value) in members.iter().filter(|(name, _)| &***name != "preset") {
            if !found.iter().any(|(known, ..)| known == name) {
                found.push((name.clone(), value.clone(), at(name)));
            }
        }
    };
    for (level, at) in levels {
        let own = level.get(REGISTRATION).and_then(Value::as_object);
        let below = at.child(REGISTRATION);
        if let Some(own) = own {
            add(own, &|name| below.child(name));
        }
        let presets = [(own.and_then(|own| own.get("preset")), below.child("preset"))];
        for (named, at) in presets.into_iter().chain([(level.get("x-hookmill-preset"), at.child("x-hookmill-preset"))])
        {
            let preset = named.and_then(Value::as_str).and_then(raw);
            if let Some(under) = preset.and_then(|preset| preset.extensions.get(REGISTRATION)?.as_object()) {
                add(under, &|_| at.clone());
            }
        }
    }
    found.retain(|(_, value, _)| !value.is_null());
    found
}

/// Extensions about webhooks that a typing mistake could have meant.
fn is_webhook_extension(name: &str) -> bool {
    name.strip_prefix("x-hookmill-").is_some_and(|rest| {
        let stems = ["verif", "handsh", "registr", "dedup", "ping", "repl", "renew", "recover", "preset"];
        stems.iter().any(|stem| rest.starts_with(stem))
    })
}

/// Collects findings while it reads.
struct Reader<'f> {
    findings: &'f mut Vec<Diagnostic>,
}

impl Reader<'_> {
    fn error(&mut self, code: &str, at: &Pointer, message: impl Into<String>) {
        self.findings.push(Diagnostic::error(code, at.clone(), message));
    }

    fn wrong<T>(&mut self, at: &Pointer, message: impl Into<String>) -> Option<T> {
        self.error("webhook_declaration", at, message);
        None
    }

    fn contradiction(&mut self, at: &Pointer, message: impl Into<String>) {
        self.error("webhook_contradiction", at, message);
    }

    fn unknown_preset(&mut self, at: &Pointer, named: &Value) {
        let message = format!("There is no preset {}.", named.to_json());
        let offered: Vec<&str> = crate::preset::names().collect();
        let closest = hookmill_expression::closest(named.as_str().unwrap_or_default(), offered.iter().copied());
        let hint =
            closest.map_or_else(|| format!("Presets: {}.", offered.join(", ")), |name| format!("Did you mean {name}?"));
        self.findings.push(Diagnostic::error("webhook_preset_unknown", at.clone(), message).with_hint(hint));
    }

    /// Puts the members of a preset under the given ones, wherever a declaration names one.
    fn merged(&mut self, extension: &str, value: &Value, at: &Pointer) -> Value {
        match value {
            Value::Array(items) => {
                let mut made = Vec::new();
                for (index, item) in items.iter().enumerate() {
                    match self.merged(extension, item, &at.child(index)) {
                        Value::Array(several) if item.get("preset").is_some() => made.extend(several.iter().cloned()),
                        one => made.push(one),
                    }
                }
                Value::array(made)
            }
            Value::Object(members) if members.contains_key("preset") => {
                let named = members.get("preset").cloned().unwrap_or_default();
                let Some(preset) = named.as_str().and_then(raw) else {
                    self.unknown_preset(&at.child("preset"), &named);
                    return Value::Object(members.clone());
                };
                let own: Object =
                    members.iter().filter(|(n, _)| &***n != "preset").map(|(n, v)| (n.clone(), v.clone())).collect();
                let Some(under) = preset.extensions.get(extension) else {
                    let message = format!("The preset {} says nothing about {extension}.", preset.name);
                    self.error("webhook_declaration", &at.child("preset"), message);
                    return own.into();
                };
                let under = self.merged(extension, under, at);
                let over = |under: &Value| {
                    let mut made = under.as_object().cloned().unwrap_or_default();
                    for (name, value) in own.iter() {
                        made.insert(name.clone(), value.clone());
                    }
                    Value::from(made)
                };
                match &under {
                    Value::Array(items) => Value::array(items.iter().map(over).collect()),
                    one => over(one),
                }
            }
            value => value.clone(),
        }
    }

    /// The members of an object; those that are not in `names` are reported.
    fn object<'v>(&mut self, value: &'v Value, at: &Pointer, names: &[&str]) -> Option<&'v Object> {
        let Some(members) = value.as_object() else {
            return self.wrong(at, format!("This must be an object, not {}.", value.type_name()));
        };
        for name in members.keys().filter(|name| !names.contains(&&***name)) {
            let closest = hookmill_expression::closest(name, names.iter().copied());
            let finding =
                Diagnostic::error("unknown_member", at.child(name), format!("There is no member {name} here."));
            self.findings.push(match closest {
                Some(closest) => finding.with_hint(format!("Did you mean {closest}?")),
                None => finding.with_hint(format!("Known members: {}.", names.join(", "))),
            });
        }
        Some(members)
    }

    /// The elements of an array; a single object counts as one.
    fn list<T>(&mut self, value: &Value, at: &Pointer, read: fn(&mut Self, &Value, &Pointer) -> Option<T>) -> Vec<T> {
        let Some(items) = value.as_array() else { return read(self, value, at).into_iter().collect() };
        if items.len() > LIST_MAX {
            self.error(
                "webhook_declaration",
                at,
                format!("There are {} elements; {LIST_MAX} are allowed.", items.len()),
            );
        }
        items.iter().take(LIST_MAX).enumerate().filter_map(|(index, item)| read(self, item, &at.child(index))).collect()
    }

    fn text(&mut self, members: &Object, name: &str, at: &Pointer) -> Option<Str> {
        match members.get(name)? {
            Value::String(text) => Some(text.clone()),
            other => self.wrong(&at.child(name), format!("{name} must be text, not {}.", other.type_name())),
        }
    }

    /// A text that must be there.
    fn needed(&mut self, members: &Object, name: &str, at: &Pointer) -> Option<Str> {
        if !members.contains_key(name) {
            return self.wrong(at, format!("The member {name} is missing."));
        }
        self.text(members, name, at)
    }

    fn flag(&mut self, members: &Object, name: &str, at: &Pointer) -> bool {
        match members.get(name) {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            Some(other) => {
                self.error(
                    "webhook_declaration",
                    &at.child(name),
                    format!("{name} must be true or false, not {}.", other.to_json()),
                );
                false
            }
        }
    }

    fn selector(&mut self, members: &Object, name: &str, at: &Pointer) -> Option<Selector> {
        let text = self.text(members, name, at)?;
        Selector::parse(&text).map_err(|message| self.error("webhook_declaration", &at.child(name), message)).ok()
    }

    fn template(&mut self, value: &Value, at: &Pointer) -> Option<Template> {
        let Some(text) = value.as_str() else {
            return self.wrong(at, format!("A template is text, not {}.", value.type_name()));
        };
        Template::parse(text).map_err(|message| self.error("webhook_declaration", at, message)).ok()
    }

    fn span(&mut self, members: &Object, name: &str, at: &Pointer) -> Option<Duration> {
        let text = self.text(members, name, at)?;
        match duration::parse(&text) {
            Some(span) => Some(span),
            None => self.wrong(&at.child(name), format!("\"{text}\" is not a duration such as PT5M or P3D.")),
        }
    }

    fn status(
        &mut self,
        members: &Object,
        name: &str,
        at: &Pointer,
        allowed: std::ops::RangeInclusive<u16>,
    ) -> Option<u16> {
        let value = members.get(name)?;
        let status = value.as_f64().filter(|status| status.fract() == 0.0);
        match status {
            Some(status) if (f64::from(*allowed.start())..=f64::from(*allowed.end())).contains(&status) =>
            {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in the range")]
                Some(status as u16)
            }
            _ => {
                let (from, until) = (allowed.start(), allowed.end());
                self.wrong(&at.child(name), format!("{} is not a status from {from} to {until}.", value.to_json()))
            }
        }
    }

    fn hash(&mut self, value: &Value, at: &Pointer) -> Option<Hash> {
        match value.as_str().and_then(Hash::named) {
            Some(hash) => Some(hash),
            None => self.wrong(at, format!("{} is not one of sha1, sha256, sha384, sha512.", value.to_json())),
        }
    }

    /// Selectors with patterns, templates or null.
    fn conditions(&mut self, value: &Value, at: &Pointer) -> Option<Conditions> {
        let Some(members) = value.as_object() else {
            return self.wrong(at, format!("Conditions are an object, not {}.", value.type_name()));
        };
        if members.is_empty() {
            return self.wrong(at, "There is no condition, so it would hold for every request.");
        }
        let mut made = Vec::new();
        for (name, wanted) in members.iter() {
            let at = at.child(name);
            let selector =
                Selector::parse(name).map_err(|message| self.error("webhook_declaration", &at, message)).ok();
            let wanted = match wanted {
                Value::Null => Some(Wanted::Absent),
                Value::String(text) => {
                    Wanted::parse(text).map_err(|message| self.error("webhook_declaration", &at, message)).ok()
                }
                Value::Integer(_) | Value::Bool(_) => Some(Wanted::Pattern(vec![wanted.to_json()])),
                other => {
                    self.wrong(&at, format!("A condition is a pattern, a template or null, not {}.", other.type_name()))
                }
            };
            made.extend(selector.zip(wanted));
        }
        Some(Conditions(made))
    }

    fn optional_conditions(&mut self, members: &Object, name: &str, at: &Pointer) -> Conditions {
        members.get(name).and_then(|value| self.conditions(value, &at.child(name))).unwrap_or_default()
    }

    fn json(&mut self, value: &Value, at: &Pointer) -> Option<Json> {
        Some(match value {
            Value::String(_) => Json::Text(self.template(value, at)?),
            Value::Array(items) => Json::Array(
                items.iter().enumerate().filter_map(|(index, item)| self.json(item, &at.child(index))).collect(),
            ),
            Value::Object(members) => Json::Object(
                members
                    .iter()
                    .filter_map(|(name, member)| Some((name.clone(), self.json(member, &at.child(name))?)))
                    .collect(),
            ),
            plain => Json::Plain(plain.clone()),
        })
    }

    fn handshake(&mut self, value: &Value, at: &Pointer) -> Option<Handshake> {
        let names = ["when", "verified", "require", "else", "compute", "reply", "keep", "call", "states"];
        let members = self.object(value, at, &names)?;
        let Some(when) = members.get("when") else {
            return self.wrong(at, "The member when is missing, so it is not known which requests are answered.");
        };
        let when = self.conditions(when, &at.child("when"))?;
        let mut compute = Vec::new();
        if let Some(given) = members.get("compute").and_then(Value::as_object) {
            for (name, value) in given.iter() {
                compute.extend(self.compute(value, &at.child("compute").child(name)).map(|made| (name.clone(), made)));
            }
        }
        let Some(reply) = members.get("reply") else {
            return self.wrong(at, "The member reply is missing.");
        };
        let reply = self.handshake_reply(reply, &at.child("reply"), &compute)?;
        let mut keep = Vec::new();
        if let Some(given) = members.get("keep").and_then(Value::as_object) {
            for name in given.keys() {
                keep.extend(self.selector(given, name, &at.child("keep")).map(|selector| (name.clone(), selector)));
            }
        }
        let states = match members.get("states") {
            None => vec![State::Creating, State::Live],
            Some(value) => {
                let named =
                    value.as_array().unwrap_or_default().iter().map(|name| name.as_str().and_then(State::named));
                let named: Option<Vec<_>> = named.collect();
                named
                    .filter(|states| !states.is_empty())
                    .or_else(|| self.wrong(&at.child("states"), "states is a list of Creating, Live and Deleting."))?
            }
        };
        Some(Handshake {
            when,
            verified: self.flag(members, "verified", at),
            require: self.optional_conditions(members, "require", at),
            otherwise: self.status(members, "else", at, 400..=499).unwrap_or(403),
            compute,
            reply,
            keep,
            call: members.get("call").and_then(|call| self.handshake_call(call, &at.child("call"))),
            states,
        })
    }

    fn compute(&mut self, value: &Value, at: &Pointer) -> Option<Compute> {
        let members = self.object(value, at, &["hash", "key", "content", "encoding", "prefix"])?;
        if members.get("key").is_some_and(|key| key.as_str() != Some("secret")) {
            return self.wrong(&at.child("key"), "The key of a computed value is \"secret\".");
        }
        let hash = members.get("hash").and_then(|hash| self.hash(hash, &at.child("hash")));
        let content = members.get("content").and_then(|content| self.template(content, &at.child("content")));
        let encoding = self.needed(members, "encoding", at)?;
        let encoding = match Encoding::named(&encoding) {
            Some(encoding @ (Encoding::Hex | Encoding::Base64 | Encoding::Base64Url)) => encoding,
            _ => return self.wrong(&at.child("encoding"), "encoding is hex, base64 or base64url."),
        };
        let (Some(hash), Some(content)) = (hash, content) else {
            return self.wrong(at, "A computed value needs hash and content.");
        };
        let only_values = content.selectors().next().is_some() && !content.covers_body() && !content.has_secret();
        if !only_values {
            self.contradiction(
                &at.child("content"),
                "Only values of the request may be signed for somebody else, never the whole body.",
            );
        }
        Some(Compute { hash, content, encoding, prefix: self.text(members, "prefix", at).unwrap_or_default() })
    }

    fn handshake_reply(&mut self, value: &Value, at: &Pointer, compute: &[(Str, Compute)]) -> Option<HandshakeReply> {
        let members = self.object(value, at, &["status", "headers", "contentType", "body", "json"])?;
        let mut headers = Vec::new();
        if let Some(given) = members.get("headers").and_then(Value::as_object) {
            for (name, value) in given.iter() {
                let at = at.child("headers").child(name);
                headers.extend(self.template(value, &at).map(|template| (name.clone(), template)));
            }
        }
        if members.contains_key("body") && members.contains_key("json") {
            self.contradiction(at, "An answer has body or json, not both.");
        }
        let body = match (members.get("json"), members.get("body")) {
            (Some(json), _) => self.json(json, &at.child("json")),
            (None, Some(body)) => self.template(body, &at.child("body")).map(Json::Bytes),
            (None, None) => None,
        };
        let content_type = self.text(members, "contentType", at);
        let safe = |kind: &Str| matches!(&**kind, "text/plain" | "application/json") || kind.ends_with("+json");
        if content_type.as_ref().is_some_and(|kind| !safe(kind)) {
            // The answer repeats what the caller sent; as HTML it would run in a browser.
            self.error(
                "webhook_declaration",
                &at.child("contentType"),
                "A handshake is answered as text/plain or JSON.",
            );
        }
        let mut computed = Vec::new();
        headers.iter().for_each(|(_, template)| computed.extend(template.computed().map(ToOwned::to_owned)));
        if let Some(body) = &body {
            names(body, &mut computed);
        }
        for name in computed.iter().filter(|name| compute.iter().all(|(own, _)| **own != ***name)) {
            self.contradiction(at, format!("The answer has {{compute:{name}}}, but compute does not say what it is."));
        }
        Some(HandshakeReply {
            status: self.status(members, "status", at, 200..=499).unwrap_or(200),
            headers,
            content_type,
            body,
        })
    }

    fn handshake_call(&mut self, value: &Value, at: &Pointer) -> Option<HandshakeCall> {
        let members = self.object(value, at, &["url", "hosts", "method"])?;
        let url = self.selector(members, "url", at)?;
        let hosts = self.texts(members, "hosts", at)?;
        let method: Str = self.text(members, "method", at).unwrap_or_else(|| "GET".into());
        if !matches!(&*method, "GET" | "POST") {
            return self.wrong(&at.child("method"), "method is GET or POST.");
        }
        Some(HandshakeCall { url, hosts, method })
    }

    /// A list of texts with at least one.
    fn texts(&mut self, members: &Object, name: &str, at: &Pointer) -> Option<Vec<Str>> {
        let items = members.get(name).and_then(Value::as_array).unwrap_or_default();
        let texts: Option<Vec<Str>> = items.iter().map(|item| item.as_str().map(Str::from)).collect();
        match texts.filter(|texts| !texts.is_empty()) {
            Some(texts) => Some(texts),
            None => self.wrong(&at.child(name), format!("{name} is a list of texts with at least one.")),
        }
    }

    fn dedupe(&mut self, value: &Value, at: &Pointer) -> Option<Dedupe> {
        let members = self.object(value, at, &["key", "window", "items"])?;
        let keys = match members.get("key") {
            None => return self.wrong(at, "The member key is missing."),
            Some(Value::Array(keys)) => keys
                .iter()
                .enumerate()
                .filter_map(|(index, key)| self.template(key, &at.child("key").child(index)))
                .collect(),
            Some(key) => self.template(key, &at.child("key")).into_iter().collect::<Vec<_>>(),
        };
        if keys.iter().any(|key| key.literal().is_some()) {
            self.contradiction(
                &at.child("key"),
                "The key is the same for every delivery, so all but the first would be dropped.",
            );
        }
        let window = self.span(members, "window", at).unwrap_or(WINDOW);
        if window.is_zero() || window > WINDOW_MAX {
            self.error("webhook_declaration", &at.child("window"), "window is longer than nothing and at most P7D.");
        }
        let items = self.text(members, "items", at).map(|items| match items.strip_prefix("xml:") {
            Some(path) => Items::Xml(path.split('/').map(ToOwned::to_owned).collect()),
            None => Items::Json(items.to_string()),
        });
        let by_item = |key: &Template| key.selectors().any(|selector| matches!(selector, Selector::Item(_)));
        if items.is_some() != keys.iter().any(by_item) {
            self.contradiction(
                at,
                "items and {item:…} belong together: one says where the items are, the other takes a value of each.",
            );
        }
        Some(Dedupe { keys, window, items })
    }

    fn reply(&mut self, value: &Value, at: &Pointer) -> Option<Reply> {
        let members = self.object(value, at, &["status", "headers", "contentType", "body", "patience"])?;
        let status = self.status(members, "status", at, 200..=299).unwrap_or(202);
        let body = self.text(members, "body", at).unwrap_or_default();
        if !body.is_empty() && matches!(status, 204 | 205) {
            self.contradiction(&at.child("body"), format!("An answer with the status {status} has no body."));
        }
        if body.len() > BODY_BYTES_MAX {
            self.error("webhook_declaration", &at.child("body"), "The body has more than 64 KiB.");
        }
        let mut headers = Vec::new();
        if let Some(given) = members.get("headers").and_then(Value::as_object) {
            for name in given.keys() {
                let value = self.text(given, name, &at.child("headers")).unwrap_or_default();
                if !is_header(name, &value) {
                    self.error("webhook_declaration", &at.child("headers").child(name), "This is no header line.");
                }
                headers.push((name.clone(), value));
            }
        }
        let patience = self.span(members, "patience", at).unwrap_or(PATIENCE);
        if patience > PATIENCE_MAX {
            self.error("webhook_declaration", &at.child("patience"), "patience is at most PT30S.");
        }
        Some(Reply { status, headers, content_type: self.text(members, "contentType", at), body, patience })
    }

    fn operation(&mut self, value: &Value, at: &Pointer, more: &[&str]) -> Option<OperationCall> {
        let mut names = vec!["operationId", "parameters", "body"];
        names.extend_from_slice(more);
        let members = self.object(value, at, &names)?;
        let operation = self.needed(members, "operationId", at)?;
        let mut parameters = Vec::new();
        if let Some(given) = members.get("parameters").and_then(Value::as_object) {
            for (name, value) in given.iter() {
                let at = at.child("parameters").child(name);
                parameters.extend(self.template(value, &at).map(|template| (name.clone(), template)));
            }
        }
        let body = members.get("body").and_then(|body| self.json(body, &at.child("body")));
        Some(OperationCall { operation, parameters, body })
    }
}

fn is_header(name: &str, value: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(token) && value.bytes().all(|byte| (0x20..0x7F).contains(&byte))
}

fn names(json: &Json, found: &mut Vec<String>) {
    match json {
        Json::Bytes(template) | Json::Text(template) => found.extend(template.computed().map(ToOwned::to_owned)),
        Json::Plain(_) => {}
        Json::Array(items) => items.iter().for_each(|item| names(item, found)),
        Json::Object(members) => members.iter().for_each(|(_, member)| names(member, found)),
    }
}

#[cfg(test)]
mod tests;
