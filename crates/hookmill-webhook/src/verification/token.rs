//! JSON web tokens as proofs.

use std::borrow::Cow;

use hookmill_model::Value;
use ring::signature;

use super::{Failure, Fetch, FetchKind, Verification, Wrong};
use crate::key::{self, Encoding, Hash};
use crate::template::Scope;

/// How far clocks may differ, in seconds.
const GRACE_S: i64 = 60;

/// How a web token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC.
    Hs(Hash),
    /// RSA, PKCS #1 v1.5.
    Rs(Hash),
    /// ECDSA on P-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// The algorithm of this name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "HS256" => Self::Hs(Hash::Sha256),
            "HS384" => Self::Hs(Hash::Sha384),
            "HS512" => Self::Hs(Hash::Sha512),
            "RS256" => Self::Rs(Hash::Sha256),
            "RS384" => Self::Rs(Hash::Sha384),
            "RS512" => Self::Rs(Hash::Sha512),
            "ES256" => Self::Es256,
            "EdDSA" => Self::EdDsa,
            _ => return None,
        })
    }

    /// Whether whoever can check can sign as well.
    pub const fn is_symmetric(self) -> bool {
        matches!(self, Self::Hs(_))
    }
}

/// A public key, as far as it is known.
enum Public {
    /// Modulus and exponent.
    Rsa(Vec<u8>, Vec<u8>),
    /// In the form that its algorithm wants.
    Plain(Vec<u8>),
}

/// Looks whether one of these values is a token that passes.
pub fn check(way: &Verification, values: &[Cow<'_, [u8]>], scope: &Scope<'_>) -> Result<usize, Failure> {
    let [value] = values else { return Err(Wrong("there are several tokens")) };
    let text = std::str::from_utf8(value).map_err(|_| Wrong("the token is not text"))?;
    let prefix = way.signature.as_ref().and_then(|signature| signature.prefix.as_deref()).unwrap_or_default();
    let text = text.strip_prefix(prefix).ok_or(Wrong("the token has another form"))?;
    let mut parts = text.split('.');
    let (Some(head), Some(claims), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Wrong("the token does not have three parts"));
    };
    let read = |part: &str| Encoding::Base64Url.decode(part.as_bytes()).ok_or(Wrong("the token is not base64url"));
    let json = |part: &str| Value::from_json(&read(part)?).map_err(|_| Wrong("the token is not JSON"));
    let (header, payload, signed) = (json(head)?, json(claims)?, read(signature)?);
    // RFC 7515, 4.1.11: whoever does not understand what "crit" names must refuse the token.
    if header.get("crit").is_some() {
        return Err(Wrong("the token demands what is not understood"));
    }
    let named = header.get("alg").and_then(Value::as_str).and_then(Algorithm::named);
    let algorithm = named.filter(|named| way.algorithms.contains(named));
    let algorithm = algorithm.ok_or(Wrong("the token is signed in a way that is not allowed"))?;
    let content = &text.as_bytes()[..head.len() + 1 + claims.len()];
    let passed = match (&way.jwks, algorithm) {
        (_, Algorithm::Hs(hash)) => {
            let keys = way.keys(scope.known);
            let fitting = keys.iter().find(|(_, _, key)| key::same_mac(&hash.mac(key, content), &signed));
            fitting.map(|(number, _, _)| *number)
        }
        (Some(url), algorithm) => {
            let Some(document) = (scope.known.fetched)(url) else {
                return Err(Failure::Fetch(Fetch { url: url.clone(), kind: FetchKind::Keys }));
            };
            let kid = header.get("kid").and_then(Value::as_str);
            let keys = published(&document, kid, algorithm);
            keys.iter().any(|key| fits(algorithm, key, content, &signed)).then_some(0)
        }
        (None, algorithm) => {
            let keys = way.keys(scope.known);
            let fitting = keys.into_iter().find(|(_, secret, key)| {
                // A public key is pasted as SubjectPublicKeyInfo, whatever the declaration says of text.
                let spki = Encoding::Spki.decode_key(secret.as_bytes());
                let spki = spki.and_then(|der| super::certificate::key_of_spki(&der));
                fits(algorithm, &Public::Plain(spki.unwrap_or_else(|| key.clone())), content, &signed)
            });
            fitting.map(|(number, _, _)| number)
        }
    };
    let passed = passed.ok_or(Wrong("the token is wrong"))?;
    check_claims(way, &payload, scope)?;
    Ok(passed)
}

fn check_claims(way: &Verification, payload: &Value, scope: &Scope<'_>) -> Result<(), Failure> {
    let now = scope.known.now.as_millis().div_euclid(1_000);
    let moment = |name: &str| match payload.get(name) {
        None | Some(Value::Null) => Ok(None),
        #[expect(clippy::cast_possible_truncation, reason = "a cast of a float saturates")]
        Some(value) => value.as_f64().map(|at| Some(at as i64)).ok_or(Wrong("a time in the token is not a number")),
    };
    if moment("exp")?.is_some_and(|at| now > at.saturating_add(GRACE_S)) {
        return Err(Wrong("the token has expired"));
    }
    for name in ["nbf", "iat"] {
        if moment(name)?.is_some_and(|at| at.saturating_sub(GRACE_S) > now) {
            return Err(Wrong("the token is not valid yet"));
        }
    }
    for (name, wanted) in &way.claims {
        let wanted = wanted.bytes(scope).ok_or(Wrong("a value that a claim is compared with is missing"))?;
        let given = match payload.get(name) {
            Some(Value::String(text)) => text.to_string(),
            None | Some(Value::Null | Value::Array(_) | Value::Object(_)) => return Err(Wrong("a claim is missing")),
            Some(scalar) => scalar.to_json(),
        };
        if !key::equal(given.as_bytes(), &wanted) {
            return Err(Wrong("a claim is wrong"));
        }
    }
    let Some(audience) = &way.audience else { return Ok(()) };
    let wanted = audience.bytes(scope).ok_or(Wrong("the audience is not known"))?;
    let given = match payload.get("aud") {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).any(|own| own.as_bytes() == &*wanted),
        Some(Value::String(own)) => own.as_bytes() == &*wanted,
        _ => false,
    };
    if given { Ok(()) } else { Err(Wrong("the token is for somebody else")) }
}

fn fits(algorithm: Algorithm, key: &Public, content: &[u8], signed: &[u8]) -> bool {
    let rsa = |hash| match hash {
        Hash::Sha256 => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
        Hash::Sha384 => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
        Hash::Sha512 => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
        Hash::Sha1 => None,
    };
    match (algorithm, key) {
        (Algorithm::Rs(hash), Public::Rsa(n, e)) => {
            rsa(hash).is_some_and(|rsa| signature::RsaPublicKeyComponents { n, e }.verify(rsa, content, signed).is_ok())
        }
        (Algorithm::Rs(hash), Public::Plain(key)) => {
            rsa(hash).is_some_and(|rsa| signature::UnparsedPublicKey::new(rsa, key).verify(content, signed).is_ok())
        }
        (Algorithm::Es256, Public::Plain(key)) => {
            signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, key).verify(content, signed).is_ok()
        }
        (Algorithm::EdDsa, Public::Plain(key)) => {
            signature::UnparsedPublicKey::new(&signature::ED25519, key).verify(content, signed).is_ok()
        }
        _ => false,
    }
}

/// The keys of a key set that may have signed.
fn published(document: &str, kid: Option<&str>, algorithm: Algorithm) -> Vec<Public> {
    let set = Value::from_json(document.as_bytes()).unwrap_or_default();
    let keys = set.get("keys").and_then(Value::as_array).unwrap_or_default();
    let named = keys.iter().filter(|key| kid.is_none_or(|kid| key.get("kid").and_then(Value::as_str) == Some(kid)));
    let read = |key: &Value| {
        let text = |name: &str| key.get(name).and_then(Value::as_str);
        let bytes = |name: &str| Encoding::Base64Url.decode(text(name)?.as_bytes());
        match (text("kty")?, algorithm) {
            ("RSA", Algorithm::Rs(_)) => Some(Public::Rsa(bytes("n")?, bytes("e")?)),
            ("EC", Algorithm::Es256) if text("crv") == Some("P-256") => {
                Some(Public::Plain([vec![4], bytes("x")?, bytes("y")?].concat()))
            }
            ("OKP", Algorithm::EdDsa) => Some(Public::Plain(bytes("x")?)),
            _ => None,
        }
    };
    named.take(20).filter_map(read).collect()
}
