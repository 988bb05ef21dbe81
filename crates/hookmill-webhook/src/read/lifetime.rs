//! Reads `x-hookmill-registration`, `-renewal` and `-recovery`.

use hookmill_model::{Object, Pointer, Str, Value};

use super::Reader;
use crate::declaration::{
    Gone, Lifecycle, LifecycleAction, OperationCall, Place, Recovery, RecoveryList, Registration, Renewal, RenewalBy,
    Secret, SecretEncoding,
};
use crate::template::{Selector, Template};

impl Reader<'_> {
    /// The other members say how the webhook is deleted and found; the connector reads those.
    pub(super) fn registration(&mut self, value: &Value, at: &Pointer) -> Option<Registration> {
        let secret = value.get("secret").and_then(|value| self.secret(value, &at.child("secret")));
        Some(Registration { secret })
    }

    fn secret(&mut self, value: &Value, at: &Pointer) -> Option<Secret> {
        let names = ["generate", "into", "from", "handshake", "connection"];
        let members = self.object(value, at, &names)?;
        let ways: Vec<&str> =
            ["generate", "handshake", "connection"].into_iter().filter(|name| members.contains_key(name)).collect();
        let replied = members.contains_key("from");
        if ways.len() + usize::from(replied) != 1 {
            let message = "A secret comes one way: generate, from, handshake or connection.";
            self.contradiction(at, message);
            return None;
        }
        match ways.first() {
            Some(&"generate") => self.generated(members, at),
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

    fn generated(&mut self, members: &Object, at: &Pointer) -> Option<Secret> {
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
        Some(Secret::Generated { bytes, encoding, into: self.place(&into, &at.child("into"))? })
    }

    fn place(&mut self, text: &str, at: &Pointer) -> Option<Place> {
        match text.split_once(':') {
            Some(("body", pointer)) if pointer.len() > 1 => self.pointer(pointer, at).map(Place::Body),
            Some(("form", name)) if !name.is_empty() => Some(Place::Form(name.to_owned())),
            _ => self.wrong(at, format!("\"{text}\" is not body:/pointer or form:NAME.")),
        }
    }

    fn pointer(&mut self, text: &str, at: &Pointer) -> Option<String> {
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
