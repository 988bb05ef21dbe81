//! Reads `x-hookmill-verification`.

use std::time::Duration;

use hookmill_model::{Object, Pointer, Value};

use super::Reader;
use crate::key::Encoding;
use crate::template::{Selector, Template};
use crate::verification::{
    Algorithm, Certificate, HashChoice, Key, Remote, Scheme, Signature, TimeFormat, TimeRule, Verification,
};

/// The members that each scheme takes, beside `scheme`, `when` and `require`.
fn members_of(scheme: Scheme) -> &'static [&'static str] {
    match scheme {
        Scheme::Hmac => &["hash", "key", "content", "signature", "timestamp"],
        Scheme::Hash => &["hash", "content", "signature", "timestamp"],
        Scheme::Ed25519 => &["key", "content", "signature", "timestamp"],
        Scheme::Ecdsa => &["hash", "key", "content", "signature", "timestamp"],
        Scheme::Rsa => &["hash", "key", "content", "signature", "timestamp", "certificate"],
        Scheme::Jwt => &["key", "signature", "timestamp", "algorithms", "claims", "audience", "jwks"],
        Scheme::Token => &["signature", "timestamp"],
        Scheme::Basic => &["timestamp"],
        Scheme::Remote => &["timestamp", "remote"],
        Scheme::None => &[],
    }
}

const MEMBERS: [&str; 14] = [
    "scheme",
    "hash",
    "key",
    "content",
    "signature",
    "timestamp",
    "algorithms",
    "claims",
    "audience",
    "jwks",
    "certificate",
    "remote",
    "when",
    "require",
];

impl Reader<'_> {
    pub(super) fn verifications(&mut self, value: &Value, at: &Pointer) -> Vec<Verification> {
        if value.as_array().is_some_and(<[Value]>::is_empty) {
            self.error("webhook_declaration", at, "The list is empty, so no request could pass.");
        }
        self.list(value, at, Self::verification)
    }

    fn verification(&mut self, value: &Value, at: &Pointer) -> Option<Verification> {
        let members = self.object(value, at, &MEMBERS)?;
        let named = self.needed(members, "scheme", at)?;
        let Some(scheme) = Scheme::named(&named) else {
            let schemes = "hmac, hash, ed25519, ecdsa, rsa, jwt, token, basic, remote and none";
            return self.wrong(&at.child("scheme"), format!("\"{named}\" is not a scheme. Schemes are {schemes}."));
        };
        let always = ["scheme", "when", "require"];
        let taken = members_of(scheme);
        for name in members.keys().filter(|name| MEMBERS.contains(&&***name)) {
            if !always.contains(&&**name) && !taken.contains(&&**name) {
                self.contradiction(&at.child(name), format!("The scheme {named} does not use {name}."));
            }
        }
        let signature =
            members.get("signature").and_then(|value| self.signature(value, &at.child("signature"), scheme));
        if signature.is_none() && !matches!(scheme, Scheme::Basic | Scheme::Remote | Scheme::None) {
            if !members.contains_key("signature") {
                self.error("webhook_declaration", at, "The member signature is missing: where does the proof stand?");
            }
            return None;
        }
        let content = match members.get("content") {
            None => Template::default(),
            Some(value) => self.template(value, &at.child("content"))?,
        };
        if scheme == Scheme::Hash && !content.has_secret() {
            self.contradiction(&at.child("content"), "A plain hash proves nothing unless {secret} is in its content.");
        }
        if content.literal().is_some() {
            self.contradiction(
                &at.child("content"),
                "The content is the same for every request, so any signature could be used again.",
            );
        }
        let hash = self.hash_choice(members, at, scheme)?;
        let prefix_names =
            signature.as_ref().and_then(|own| own.prefix.as_deref()).is_some_and(|prefix| prefix.contains("{hash}"));
        if prefix_names != matches!(hash, HashChoice::Named(_)) {
            let message = "A list of hash functions and {hash} in the prefix of the signature belong together.";
            self.contradiction(&at.child("signature"), message);
        }
        let algorithms = self.algorithms(members, at, scheme);
        let mut claims = Vec::new();
        if let Some(given) = members.get("claims").and_then(Value::as_object) {
            for (name, value) in given.iter() {
                let template = self.template(value, &at.child("claims").child(name));
                claims.extend(template.map(|template| (name.to_string(), template)));
            }
        }
        let timestamp = members.get("timestamp").and_then(|value| self.time_rule(value, &at.child("timestamp")));
        let pairs = signature.as_ref().is_some_and(|signature| signature.pairs.is_some());
        let mut entries = content.selectors().chain(timestamp.iter().map(|rule| &rule.from));
        let takes_entries = entries.any(|selector| matches!(selector, Selector::Signature(_)));
        drop(entries);
        if takes_entries && !pairs {
            self.contradiction(at, "sig: names an entry of the signature header, but signature has no pairs.");
        }
        let jwks = self.text(members, "jwks", at).map(|url| url.to_string());
        if jwks.as_ref().is_some_and(|url| !url.starts_with("https://")) {
            self.error("webhook_declaration", &at.child("jwks"), "The address of a key set begins with https://.");
        }
        Some(Verification {
            scheme,
            hash,
            key: self.key(members, at)?,
            content,
            signature,
            timestamp,
            algorithms,
            claims,
            audience: members.get("audience").and_then(|value| self.template(value, &at.child("audience"))),
            jwks,
            remote: match (scheme, members.get("remote")) {
                (Scheme::Remote, None) => {
                    return self.wrong(at, "The member remote is missing: which operation is the service asked by?");
                }
                (Scheme::Remote, Some(value)) => Some(self.remote(value, &at.child("remote"))?),
                _ => None,
            },
            certificate: members.get("certificate").and_then(|value| self.certificate(value, &at.child("certificate"))),
            when: self.optional_conditions(members, "when", at),
            require: self.optional_conditions(members, "require", at),
        })
    }

    fn remote(&mut self, value: &Value, at: &Pointer) -> Option<Remote> {
        let call = self.operation(value, at, &["expect"])?;
        let at = at.child("expect");
        let given = value.get("expect").and_then(Value::as_object).filter(|given| !given.is_empty());
        let Some(given) = given else {
            return self.wrong(&at, "expect says what the answer must hold: JSON pointer and value.");
        };
        let mut expect = Vec::new();
        for (pointer, wanted) in given.iter() {
            expect.push((self.pointer(pointer, &at.child(pointer))?, wanted.clone()));
        }
        Some(Remote { call, expect })
    }

    fn hash_choice(&mut self, members: &Object, at: &Pointer, scheme: Scheme) -> Option<HashChoice> {
        let at = at.child("hash");
        let Some(value) = members.get("hash") else {
            // Schemes without a choice never look at it.
            return match scheme {
                Scheme::Hmac | Scheme::Hash | Scheme::Rsa => self.wrong(&at, "The member hash is missing."),
                _ => Some(HashChoice::One(crate::key::Hash::Sha256)),
            };
        };
        match value {
            Value::Array(items) => {
                let hashes: Vec<_> =
                    items.iter().enumerate().filter_map(|(index, item)| self.hash(item, &at.child(index))).collect();
                if hashes.is_empty() { self.wrong(&at, "The list is empty.") } else { Some(HashChoice::Named(hashes)) }
            }
            Value::Object(_) => {
                let members = self.object(value, &at, &["from", "item", "map", "default"])?;
                let from = self.selector(members, "from", &at)?;
                let Some(given) = members.get("map").and_then(Value::as_object).filter(|map| !map.is_empty()) else {
                    return self.wrong(&at.child("map"), "map says which value means which hash function.");
                };
                let mut map = Vec::new();
                for (name, value) in given.iter() {
                    map.extend(self.hash(value, &at.child("map").child(name)).map(|hash| (name.to_string(), hash)));
                }
                let default = members.get("default").and_then(|value| self.hash(value, &at.child("default")));
                let item = self.text(members, "item", &at).map(|item| item.to_string());
                Some(HashChoice::Chosen { from, item, map, default })
            }
            value => self.hash(value, &at).map(HashChoice::One),
        }
    }

    fn key(&mut self, members: &Object, at: &Pointer) -> Option<Key> {
        let at = at.child("key");
        let Some(value) = members.get("key") else {
            return Some(Key { encoding: Encoding::Utf8, prefix: None, prefix_optional: false });
        };
        let members = self.object(value, &at, &["encoding", "prefix", "prefixOptional"])?;
        let encoding = match self.text(members, "encoding", &at) {
            None => Encoding::Utf8,
            Some(name) => match Encoding::named(&name) {
                Some(encoding) => encoding,
                None => {
                    return self.wrong(&at.child("encoding"), format!("\"{name}\" is not utf8, base64, hex or spki."));
                }
            },
        };
        let prefix = self.text(members, "prefix", &at).map(|prefix| prefix.to_string());
        let prefix_optional = self.flag(members, "prefixOptional", &at);
        if prefix_optional && prefix.is_none() {
            self.contradiction(&at.child("prefixOptional"), "There is no prefix that could be missing.");
        }
        Some(Key { encoding, prefix, prefix_optional })
    }

    fn signature(&mut self, value: &Value, at: &Pointer, scheme: Scheme) -> Option<Signature> {
        let names = ["from", "separator", "pairs", "name", "prefix", "encoding"];
        let members = self.object(value, at, &names)?;
        if !members.contains_key("from") {
            return self.wrong(at, "The member from is missing.");
        }
        let from = self.selector(members, "from", at)?;
        let text = |reader: &mut Self, name: &str| reader.text(members, name, at).map(|text| text.to_string());
        let plain = matches!(scheme, Scheme::Token | Scheme::Jwt);
        let encoding = match self.text(members, "encoding", at) {
            None if plain => Encoding::Utf8,
            None => return self.wrong(at, "The member encoding is missing: hex, base64 or base64url."),
            Some(name) => match Encoding::named(&name) {
                Some(encoding @ (Encoding::Hex | Encoding::Base64 | Encoding::Base64Url)) if !plain => encoding,
                _ if plain => {
                    return self.wrong(&at.child("encoding"), "A token is compared as it is; it has no encoding.");
                }
                _ => return self.wrong(&at.child("encoding"), format!("\"{name}\" is not hex, base64 or base64url.")),
            },
        };
        let signature = Signature {
            from,
            separator: text(self, "separator").filter(|separator| !separator.is_empty()),
            pairs: text(self, "pairs").filter(|pairs| !pairs.is_empty()),
            name: text(self, "name"),
            prefix: text(self, "prefix"),
            encoding,
        };
        if signature.name.is_some() != signature.pairs.is_some() {
            self.contradiction(at, "pairs and name belong together: one splits entries, the other says which count.");
        }
        Some(signature)
    }

    fn time_rule(&mut self, value: &Value, at: &Pointer) -> Option<TimeRule> {
        let members = self.object(value, at, &["from", "format", "past", "future"])?;
        let from = self.selector(members, "from", at)?;
        let format = match &*self.needed(members, "format", at)? {
            "unix" => TimeFormat::Unix,
            "unix-ms" => TimeFormat::UnixMillis,
            "rfc3339" => TimeFormat::Rfc3339,
            other => return self.wrong(&at.child("format"), format!("\"{other}\" is not unix, unix-ms or rfc3339.")),
        };
        let past = self.span(members, "past", at).unwrap_or(Duration::from_secs(300));
        let future = self.span(members, "future", at).unwrap_or(Duration::from_secs(300));
        Some(TimeRule { from, format, past, future })
    }

    fn algorithms(&mut self, members: &Object, at: &Pointer, scheme: Scheme) -> Vec<Algorithm> {
        let at = at.child("algorithms");
        let Some(given) = members.get("algorithms") else {
            if scheme == Scheme::Jwt {
                self.error("webhook_declaration", &at, "The member algorithms is missing: which may sign the token?");
            }
            return Vec::new();
        };
        let mut algorithms = Vec::new();
        for (index, item) in given.as_array().unwrap_or_default().iter().enumerate() {
            match item.as_str().and_then(Algorithm::named) {
                Some(algorithm) => algorithms.push(algorithm),
                None => self.error(
                    "webhook_declaration",
                    &at.child(index),
                    format!("{} is not HS256, HS384, HS512, RS256, RS384, RS512, ES256 or EdDSA.", item.to_json()),
                ),
            }
        }
        if algorithms.is_empty() {
            self.error("webhook_declaration", &at, "algorithms names none, so no token could pass.");
        }
        let symmetric = algorithms.iter().filter(|algorithm| algorithm.is_symmetric()).count();
        if symmetric > 0 && symmetric < algorithms.len() {
            // A public key that is known to all would then do as the secret of an HMAC.
            self.contradiction(&at, "HMAC algorithms and those with a public key cannot be mixed.");
        }
        if symmetric > 0 && members.contains_key("jwks") {
            self.contradiction(&at, "A key set holds public keys, which HMAC algorithms have no use for.");
        }
        algorithms
    }

    fn certificate(&mut self, value: &Value, at: &Pointer) -> Option<Certificate> {
        let members = self.object(value, at, &["from", "hosts", "path"])?;
        let from = self.selector(members, "from", at)?;
        let hosts = self.texts(members, "hosts", at)?;
        if let Some(host) =
            hosts.iter().find(|host| !host.contains('.') || host.starts_with("*.") && host.matches('.').count() < 2)
        {
            self.contradiction(&at.child("hosts"), format!("{host} would let anybody sign."));
        }
        let path = self.text(members, "path", at).unwrap_or_else(|| "*".into());
        Some(Certificate { from, hosts, path })
    }
}
