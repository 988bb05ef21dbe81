//! Reads `x-hookmill-registration`, `-renewal` and `-recovery`.

use hookmill_model::{Diagnostic, Object, Pointer, Str, Value};

use super::Reader;
use crate::declaration::{
    Callback, Find, Generated, Gone, Lifecycle, LifecycleAction, OperationCall, Place, Recovery, RecoveryList,
    Registration, Renewal, RenewalBy, Secret, SecretEncoding,
};
use crate::template::{Selector, Template};
use crate::verification::SECRETS_MAX;

/// What `x-hookmill-registration` may say.
const REGISTRATION_MEMBERS: [&str; 8] =
    ["secret", "success", "handle", "unsubscribe", "find", "exclusive", "callback", "update"];

impl Reader<'_> {
    /// `success`, `handle` and `unsubscribe` say how the webhook is deleted; the connector reads those.
    pub(super) fn registration(&mut self, members: &[(Str, Value, Pointer)]) -> Registration {
        let mut made = Registration::default();
        for (name, value, at) in members {
            match &**name {
                "secret" => made.secret = self.secret(value, at),
                "find" => made.find = self.find(value, at),
                "exclusive" => match value.as_str() {
                    Some(of @ ("app" | "bot" | "object")) => made.exclusive = Some(of.into()),
                    _ => self.error("webhook_declaration", at, "exclusive is \"app\", \"bot\" or \"object\"."),
                },
                "callback" => {
                    if let Some(members) = self.object(value, at, &["https", "public"]).cloned() {
                        let (https, public) = (self.flag(&members, "https", at), self.flag(&members, "public", at));
                        made.callback = Callback { https, public };
                    }
                }
                "update" => made.update = self.operation(value, at, &[]),
                "success" | "handle" | "unsubscribe" => {}
                other if other.starts_with("x-") => {}
                other => {
                    let closest = hookmill_expression::closest(other, REGISTRATION_MEMBERS.iter().copied());
                    let finding =
                        Diagnostic::error("unknown_member", at.clone(), format!("There is no member {other} here."));
                    self.findings.push(match closest {
                        Some(closest) => finding.with_hint(format!("Did you mean {closest}?")),
                        None => finding.with_hint(format!("Known members: {}.", REGISTRATION_MEMBERS.join(", "))),
                    });
                }
            }
        }
        if made.exclusive.is_some() && made.find.is_none() {
            let at = members.iter().find(|(name, ..)| &**name == "exclusive").map(|(.., at)| at.clone());
            let message =
                "Where there can be one webhook only, find says how the present one is seen before it is replaced.";
            self.contradiction(&at.unwrap_or_default(), message);
        }
        made
    }

    fn find(&mut self, value: &Value, at: &Pointer) -> Option<Find> {
        let call = self.operation(value, at, &["items", "match", "handle"])?;
        let members = value.as_object()?;
        let items = match self.text(members, "items", at) {
            Some(text) => self.pointer(&text, &at.child("items"))?,
            None => String::new(),
        };
        let matches = self.patterns(members, "match", at);
        if matches.is_empty() {
            return self.wrong(&at.child("match"), "match says by what ours is known: JSON pointer and template.");
        }
        let handle = match self.text(members, "handle", at) {
            Some(text) => Some(self.pointer(&text, &at.child("handle"))?),
            None => None,
        };
        Some(Find { call, items, matches, handle })
    }

    fn secret(&mut self, value: &Value, at: &Pointer) -> Option<Secret> {
        if let Some(items) = value.as_array() {
            return self.several_secrets(items, at);
        }
        let names = ["generate", "into", "from", "handshake", "connection", "operationId", "parameters", "body"];
        let members = self.object(value, at, &names)?;
        let all = ["generate", "handshake", "connection", "operationId"];
        let ways: Vec<&str> = all.into_iter().filter(|name| members.contains_key(name)).collect();
        // The reply to a second call is read by `from`, too.
        let replied = members.contains_key("from") && ways != ["operationId"];
        if ways.len() + usize::from(replied) != 1 {
            let message = "A secret comes one way: generate, from, operationId, handshake or connection.";
            self.contradiction(at, message);
            return None;
        }
        for (name, belongs) in [("into", "generate"), ("parameters", "operationId"), ("body", "operationId")] {
            if members.contains_key(name) && ways != [belongs] {
                self.contradiction(&at.child(name), format!("{name} belongs to a secret with {belongs}."));
            }
        }
        match ways.first() {
            Some(&"generate") => self.generated(members, at).map(|made| Secret::Generated(vec![made])),
            Some(&"operationId") => {
                let call = self.operation(value, at, &["from"])?;
                let from = self.needed(members, "from", at)?;
                // The reply that is meant is that of the second call, however it is written.
                let pointer = from.strip_prefix("registration:").unwrap_or(&from);
                Some(Secret::Asked { call, from: self.pointer(pointer, &at.child("from"))? })
            }
            Some(&"handshake") if self.flag(members, "handshake", at) => Some(Secret::Handshake),
            Some(&"connection") => self.text(members, "connection", at).map(Secret::Connection),
            Some(_) => self.wrong(&at.child("handshake"), "handshake is true, or left out."),
            None => match self.selector(members, "from", at)? {
                from @ (Selector::Registration(_) | Selector::RegistrationHeader(_)) => Some(Secret::Replied(from)),
                _ => self.wrong(
                    &at.child("from"),
                    "The secret stands in the reply: registration:/pointer or registration:header:NAME.",
                ),
            },
        }
    }

    /// Several secrets that Hookmill makes, where a service can sign in several ways.
    fn several_secrets(&mut self, items: &[Value], at: &Pointer) -> Option<Secret> {
        if items.is_empty() || items.len() > SECRETS_MAX {
            return self.wrong(at, format!("There are {} secrets; 1 to {SECRETS_MAX} are allowed.", items.len()));
        }
        let mut made: Vec<Generated> = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let at = at.child(index);
            let members = self.object(item, &at, &["generate", "into"])?;
            if !members.contains_key("generate") {
                self.contradiction(&at, "Only secrets that are generated can be several.");
                return None;
            }
            let secret = self.generated(members, &at)?;
            if made.iter().any(|own| own.into == secret.into) {
                self.contradiction(&at.child("into"), "Another secret goes to the same place.");
            }
            made.push(secret);
        }
        Some(Secret::Generated(made))
    }

    fn generated(&mut self, members: &Object, at: &Pointer) -> Option<Generated> {
        let generate = members.get("generate")?;
        let below = at.child("generate");
        let given = self.object(generate, &below, &["bytes", "encoding"])?;
        let bytes = match given.get("bytes") {
            None => 32,
            Some(Value::Integer(bytes @ 16..=64)) => usize::try_from(*bytes).unwrap_or(32),
            Some(other) => {
                return self
                    .wrong(&below.child("bytes"), format!("{} is not a number from 16 to 64.", other.to_json()));
            }
        };
        let encoding = match self.text(given, "encoding", &below).as_deref() {
            None | Some("hex") => SecretEncoding::Hex,
            Some("base64") => SecretEncoding::Base64,
            Some("whsec") => SecretEncoding::Whsec,
            Some(other) => {
                return self.wrong(&below.child("encoding"), format!("\"{other}\" is not hex, base64 or whsec."));
            }
        };
        let into = self.needed(members, "into", at)?;
        Some(Generated { bytes, encoding, into: self.place(&into, &at.child("into"))? })
    }

    fn place(&mut self, text: &str, at: &Pointer) -> Option<Place> {
        match text.split_once(':') {
            Some(("body", pointer)) if pointer.len() > 1 => self.pointer(pointer, at).map(Place::Body),
            Some(("form", name)) if !name.is_empty() => Some(Place::Form(name.to_owned())),
            _ => self.wrong(at, format!("\"{text}\" is not body:/pointer or form:NAME.")),
        }
    }

    pub(super) fn pointer(&mut self, text: &str, at: &Pointer) -> Option<String> {
        if text.is_empty() || text.starts_with('/') {
            return Some(text.to_owned());
        }
        self.wrong(at, format!("\"{text}\" is not a JSON pointer: it begins with /."))
    }

    fn needed_pointer(&mut self, members: &Object, name: &str, at: &Pointer) -> Option<String> {
        let text = self.needed(members, name, at)?;
        self.pointer(&text, &at.child(name))
    }

    fn patterns(&mut self, members: &Object, name: &str, at: &Pointer) -> Vec<(String, Template)> {
        let at = at.child(name);
        let given = members.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
        let pairs = given.iter().filter_map(|(pointer, value)| {
            let at = at.child(pointer);
            Some((self.pointer(pointer, &at)?, self.template(value, &at)?))
        });
        pairs.collect()
    }

    pub(super) fn renewal(&mut self, value: &Value, at: &Pointer) -> Option<Renewal> {
        let members = self.object(value, at, &["expires", "ask", "before", "by", "onGone", "lifecycle"])?;
        if !members.contains_key("expires") {
            return self.wrong(at, "The member expires is missing.");
        }
        let expires = self.selector(members, "expires", at)?;
        let known = matches!(expires, Selector::Registration(_) | Selector::RegistrationHeader(_) | Selector::Kept(_));
        if !known {
            return self.wrong(
                &at.child("expires"),
                "The moment of expiry stands in the reply (registration:) or was kept (kept:).",
            );
        }
        let mut ask = Vec::new();
        if let Some(given) = members.get("ask").and_then(Value::as_object) {
            for name in given.keys() {
                let below = at.child("ask");
                let place = self.place(name, &below.child(name));
                ask.extend(place.zip(self.span(given, name, &below)));
            }
        }
        let by = match members.get("by") {
            None => RenewalBy::Recreate,
            Some(Value::String(text)) if **text == *"recreate" => RenewalBy::Recreate,
            Some(value) => RenewalBy::Operation(self.operation(value, &at.child("by"), &[])?),
        };
        let on_gone = match self.text(members, "onGone", at).as_deref() {
            None | Some("recreate") => Gone::Recreate,
            Some("fail") => Gone::Fail,
            Some(other) => return self.wrong(&at.child("onGone"), format!("\"{other}\" is not recreate or fail.")),
        };
        let lifecycle = match members.get("lifecycle") {
            None => Vec::new(),
            Some(value) => self.list(value, &at.child("lifecycle"), Self::lifecycle),
        };
        Some(Renewal { expires, ask, before: self.span(members, "before", at), by, on_gone, lifecycle })
    }

    fn lifecycle(&mut self, value: &Value, at: &Pointer) -> Option<Lifecycle> {
        let members = self.object(value, at, &["when", "do"])?;
        let when = members.get("when").and_then(|when| self.conditions(when, &at.child("when")))?;
        let action = match &*self.needed(members, "do", at)? {
            "renew" => LifecycleAction::Renew,
            "recreate" => LifecycleAction::Recreate,
            "recover" => LifecycleAction::Recover,
            other => return self.wrong(&at.child("do"), format!("\"{other}\" is not renew, recreate or recover.")),
        };
        Some(Lifecycle { when, action })
    }

    pub(super) fn recovery(&mut self, value: &Value, at: &Pointer) -> Option<Recovery> {
        let members = self.object(value, at, &["list", "redeliver"])?;
        let (Some(list), Some(redeliver)) = (members.get("list"), members.get("redeliver")) else {
            return self.wrong(at, "Recovery needs list and redeliver.");
        };
        let redeliver: OperationCall = self.operation(redeliver, &at.child("redeliver"), &[])?;
        let at = at.child("list");
        let call = self.operation(list, &at, &["items", "time", "failed", "id", "key"])?;
        let members = list.as_object()?;
        let optional = |reader: &mut Self, name: &str| {
            let text: Str = reader.text(members, name, &at).unwrap_or_default();
            reader.pointer(&text, &at.child(name)).unwrap_or_default()
        };
        Some(Recovery {
            list: RecoveryList {
                call,
                items: optional(self, "items"),
                time: self.needed_pointer(members, "time", &at)?,
                failed: self.patterns(members, "failed", &at),
                id: self.needed_pointer(members, "id", &at)?,
                key: optional(self, "key"),
            },
            redeliver,
        })
    }
}
