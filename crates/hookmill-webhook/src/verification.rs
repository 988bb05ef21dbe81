//! Whether a request proves its sender.

mod certificate;
mod token;

pub use certificate::{Certificate, address};
pub use token::Algorithm;

use std::borrow::Cow;
use std::time::Duration;

use hookmill_model::{Str, Timestamp, Value};
use ring::signature;

use crate::asking::Question;
use crate::declaration::OperationCall;
use crate::key::{self, Encoding, Hash};
use crate::request::{Known, Reading};
use crate::template::{Conditions, Found, Scope, Selector, Template};

/// Candidates of one request beyond this many are not tried.
const CANDIDATES_MAX: usize = 8;
/// Secrets beyond this many are not tried.
pub const SECRETS_MAX: usize = 4;
/// Bytes of a signature header that is taken apart.
const SIGNATURE_BYTES_MAX: usize = 16_384;

/// How a signature is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// HMAC of the content.
    Hmac,
    /// Plain hash of a content with the secret in it.
    Hash,
    /// Ed25519; the secret is the public key.
    Ed25519,
    /// ECDSA on P-256, DER; the secret is the public key.
    Ecdsa,
    /// RSA, PKCS #1 v1.5; with the key of a certificate, or the secret is the public key.
    Rsa,
    /// A JSON web token.
    Jwt,
    /// The secret itself.
    Token,
    /// User name and password in `Authorization`.
    Basic,
    /// The service is asked whether it sent the request.
    Remote,
    /// Nothing is checked, and that is meant.
    None,
}

impl Scheme {
    /// The scheme of this name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "hmac" => Self::Hmac,
            "hash" => Self::Hash,
            "ed25519" => Self::Ed25519,
            "ecdsa" => Self::Ecdsa,
            "rsa" => Self::Rsa,
            "jwt" => Self::Jwt,
            "token" => Self::Token,
            "basic" => Self::Basic,
            "remote" => Self::Remote,
            "none" => Self::None,
            _ => return None,
        })
    }
}

/// Which hash function.
#[derive(Clone, Debug, PartialEq)]
pub enum HashChoice {
    /// Always this one.
    One(Hash),
    /// The prefix of the signature names one of these.
    Named(Vec<Hash>),
    /// A value of the request chooses.
    Chosen {
        /// Where it stands.
        from: Selector,
        /// One entry of a list `k=v,k=v`.
        item: Option<String>,
        /// Values and what they mean.
        map: Vec<(String, Hash)>,
        /// Where there is no value.
        default: Option<Hash>,
    },
}

/// How the text of a secret becomes a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// How the key is written.
    pub encoding: Encoding,
    /// Dropped before that.
    pub prefix: Option<String>,
    /// The prefix may be missing.
    pub prefix_optional: bool,
}

/// Where the signature stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    /// The value.
    pub from: Selector,
    /// Splits it into entries.
    pub separator: Option<String>,
    /// Splits an entry into name and value.
    pub pairs: Option<String>,
    /// The name of the entries that count.
    pub name: Option<String>,
    /// Must be there, and is dropped. `{hash}` stands for the name of a hash function.
    pub prefix: Option<String>,
    /// How the signature is written.
    pub encoding: Encoding,
}

/// The moment of signing.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeRule {
    /// Where it stands.
    pub from: Selector,
    /// How it is written.
    pub format: TimeFormat,
    /// How old it may be.
    pub past: Duration,
    /// How far in the future it may be.
    pub future: Duration,
}

/// How a moment is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeFormat {
    /// Seconds since 1970.
    Unix,
    /// Milliseconds since 1970.
    UnixMillis,
    /// RFC 3339.
    Rfc3339,
}

/// One way in which an event proves its sender.
#[derive(Clone, Debug, PartialEq)]
pub struct Verification {
    /// How the signature is checked.
    pub scheme: Scheme,
    /// The hash function, where the scheme has a choice.
    pub hash: HashChoice,
    /// How the secret becomes a key.
    pub key: Key,
    /// What is signed.
    pub content: Template,
    /// Where the signature stands; `basic` has its own place.
    pub signature: Option<Signature>,
    /// The moment of signing.
    pub timestamp: Option<TimeRule>,
    /// Allowed algorithms of a web token.
    pub algorithms: Vec<Algorithm>,
    /// Claims of a web token and what they must be.
    pub claims: Vec<(String, Template)>,
    /// Who a web token must be for.
    pub audience: Option<Template>,
    /// Where the keys of web tokens are published.
    pub jwks: Option<String>,
    /// Whose key signed.
    pub certificate: Option<Certificate>,
    /// What the service is asked.
    pub remote: Option<Remote>,
    /// Whether this way applies.
    pub when: Conditions,
    /// What must hold besides.
    pub require: Conditions,
}

/// How the service is asked whether it sent a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Remote {
    /// The operation.
    pub call: OperationCall,
    /// What its answer must hold: JSON pointer and value.
    pub expect: Vec<(String, Value)>,
}

/// A document without which a signature cannot be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// Where it is.
    pub url: String,
    /// What it is.
    pub kind: FetchKind,
}

/// What kind of document a signature is checked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchKind {
    /// A certificate in PEM, with those that signed it.
    Certificate,
    /// A JSON web key set.
    Keys,
}

/// Why a request does not prove its sender.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// Signature, time or what else is asked for is missing or wrong; all reasons, one for each way.
    Wrong(Vec<String>),
    /// There is no secret yet.
    NoSecret,
    /// A document has to be fetched first.
    Fetch(Fetch),
    /// The service has to be asked first.
    Ask(Question),
}

/// The number of the secret that fits (0 where none is used), and the way that passed.
pub type Passed<'d> = (usize, &'d Verification);

/// Why one way does not pass.
enum Failure {
    Wrong(&'static str),
    NoSecret,
    Fetch(Fetch),
    Ask(Question),
}

use Failure::Wrong;

impl Verification {
    /// Whether it cannot pass before a secret is known.
    #[must_use]
    pub fn needs_secret(&self) -> bool {
        match self.scheme {
            Scheme::None | Scheme::Remote => false,
            Scheme::Rsa => self.certificate.is_none() || self.content.has_secret(),
            Scheme::Jwt => self.jwks.is_none(),
            _ => true,
        }
    }

    /// Whether nothing is checked.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.scheme == Scheme::None
    }

    /// Whether some part reads the body as JSON.
    pub(crate) fn reads_body(&self) -> bool {
        self.content.reads_body()
            || self.when.reads_body()
            || self.require.reads_body()
            || self.signature.as_ref().is_some_and(|signature| matches!(signature.from, Selector::Body(_)))
    }

    /// Whether a proof of this way says anything about the body.
    #[must_use]
    pub fn covers_body(&self) -> bool {
        match self.scheme {
            Scheme::Token | Scheme::Basic | Scheme::None => false,
            // Whoever is asked about a delivery by its number has not seen its body here, unless that was sent along.
            Scheme::Remote => self.remote.as_ref().is_some_and(|remote| remote.call.covers_body()),
            Scheme::Jwt => self.claims.iter().any(|(_, template)| template.covers_body()),
            _ => {
                self.content.covers_body()
                    || self.require.0.iter().any(|(_, wanted)| match wanted {
                        crate::template::Wanted::Equal(template) => template.covers_body(),
                        _ => false,
                    })
            }
        }
    }

    /// Looks whether a request passes this way.
    fn check(&self, reading: &Reading<'_>, known: &Known<'_>) -> Result<usize, Failure> {
        let scope = Scope::new(reading, known);
        if !self.when.hold(&scope) {
            return Err(Wrong("it is not of the kind that this way of signing is for"));
        }
        if self.scheme == Scheme::None {
            return if self.require.hold(&scope) { Ok(0) } else { Err(Wrong("a condition does not hold")) };
        }
        if self.scheme == Scheme::Remote {
            // What can be seen without the service is looked at first.
            if let Some(rule) = &self.timestamp {
                check_time(rule, &scope)?;
            }
            if !self.require.hold(&scope) {
                return Err(Wrong("a condition does not hold"));
            }
            return self.check_remote(&scope);
        }
        if self.needs_secret() && known.secrets.iter().all(|secret| secret.is_empty()) {
            return Err(Failure::NoSecret);
        }
        let values = self.values(&scope)?;
        let entries = self.entries(&values);
        let scope = Scope { signature: &entries, ..scope };
        let passed = match self.scheme {
            Scheme::Token => self.check_token(&scope)?,
            Scheme::Basic => self.check_basic(&scope)?,
            Scheme::Jwt => token::check(self, &values, &scope)?,
            _ => self.check_signature(&values, &entries, &scope)?,
        };
        if let Some(rule) = &self.timestamp {
            check_time(rule, &scope)?;
        }
        if !self.require.hold(&scope) {
            return Err(Wrong("a condition does not hold"));
        }
        Ok(passed)
    }

    /// The values in which the signature stands.
    fn values<'a>(&self, scope: &Scope<'a>) -> Result<Vec<Cow<'a, [u8]>>, Failure> {
        let Some(signature) = &self.signature else { return Ok(Vec::new()) };
        let mut texts = Vec::new();
        for found in signature.from.values(scope) {
            match found {
                Found::Text(text) if text.len() <= SIGNATURE_BYTES_MAX => texts.push(text),
                Found::Text(_) => return Err(Wrong("the signature is too long")),
                _ if self.scheme == Scheme::Token => return Err(Wrong("a part carries no token")),
                _ => {}
            }
        }
        if texts.iter().all(|text| text.is_empty()) {
            return Err(Wrong("the signature is missing"));
        }
        Ok(texts)
    }

    /// The named entries of the signature header.
    fn entries(&self, values: &[Cow<'_, [u8]>]) -> Vec<(String, String)> {
        let Some((signature, pairs)) = self.signature.as_ref().and_then(|own| Some((own, own.pairs.as_ref()?))) else {
            return Vec::new();
        };
        let texts = values.iter().filter_map(|value| std::str::from_utf8(value).ok());
        let entries = texts.flat_map(|text| split(text, signature.separator.as_deref()));
        let entries = entries.filter_map(|entry| entry.split_once(pairs.as_str()));
        entries.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// The active secrets as keys, with their numbers. What is empty is no secret.
    fn keys<'k>(&self, known: &'k Known<'_>) -> Vec<(usize, &'k Str, Vec<u8>)> {
        let secrets = known.secrets.iter().take(SECRETS_MAX).enumerate().filter(|(_, secret)| !secret.is_empty());
        let keys = secrets.filter_map(|(number, secret)| Some((number, secret, self.key.read(secret)?)));
        keys.filter(|(_, _, key)| !key.is_empty()).collect()
    }

    fn check_token(&self, scope: &Scope<'_>) -> Result<usize, Failure> {
        let signature = self.signature.as_ref().ok_or(Wrong("the token is missing"))?;
        let keys = self.keys(scope.known);
        let mut passed = None;
        // Each part carries its own token, and all must be right.
        for found in signature.from.values(scope) {
            let Found::Text(text) = found else { return Err(Wrong("a part carries no token")) };
            let text = match &signature.prefix {
                Some(prefix) => text.strip_prefix(prefix.as_bytes()).ok_or(Wrong("the token has another form"))?,
                None => &text,
            };
            let fitting = keys.iter().filter(|(_, _, key)| !text.is_empty() && key::equal(key, text));
            passed = Some(fitting.map(|(number, _, _)| *number).next().ok_or(Wrong("the token is wrong"))?);
        }
        passed.ok_or(Wrong("the token is missing"))
    }

    /// The service knows what it sent. It is asked once for each request.
    fn check_remote(&self, scope: &Scope<'_>) -> Result<usize, Failure> {
        let remote = self.remote.as_ref().ok_or(Wrong("the service cannot be asked"))?;
        match scope.known.asked {
            Some(true) => Ok(0),
            Some(false) => Err(Wrong("the service says that it did not send this")),
            None => {
                let call = remote.call.filled(scope).ok_or(Wrong("a part of what the service is asked is missing"))?;
                Err(Failure::Ask(Question { call, expect: remote.expect.clone() }))
            }
        }
    }

    fn check_basic(&self, scope: &Scope<'_>) -> Result<usize, Failure> {
        let given =
            Selector::Header("Authorization".to_owned()).text(scope).ok_or(Wrong("Authorization is missing"))?;
        let (name, encoded) = given.split_at_checked(6).ok_or(Wrong("Authorization is not Basic"))?;
        if !name.eq_ignore_ascii_case(b"basic ") {
            return Err(Wrong("Authorization is not Basic"));
        }
        let given = Encoding::Base64.decode(encoded.trim_ascii()).ok_or(Wrong("Authorization is not base64"))?;
        let keys = self.keys(scope.known);
        let fitting = keys.iter().find(|(_, _, key)| key::equal(key, &given));
        fitting.map(|(number, _, _)| *number).ok_or(Wrong("user name or password is wrong"))
    }

    /// The signatures that may fit, each with its hash function.
    fn candidates(
        &self,
        values: &[Cow<'_, [u8]>],
        entries: &[(String, String)],
        hash: Option<Hash>,
    ) -> Vec<(Hash, Vec<u8>)> {
        let Some(signature) = &self.signature else { return Vec::new() };
        let texts: Vec<&str> = if signature.pairs.is_some() {
            let named = entries.iter().filter(|(name, _)| signature.name.as_ref().is_none_or(|own| own == name));
            named.map(|(_, value)| &**value).collect()
        } else {
            let texts = values.iter().filter_map(|value| std::str::from_utf8(value).ok());
            texts.flat_map(|text| split(text, signature.separator.as_deref())).collect()
        };
        let hashes: Vec<Hash> = match &self.hash {
            HashChoice::Named(hashes) => hashes.clone(),
            _ => hash.into_iter().collect(),
        };
        let read = |text: &str| {
            hashes.iter().find_map(|hash| {
                let prefix = signature.prefix.as_deref().unwrap_or_default().replace("{hash}", hash.name());
                let decoded = signature.encoding.decode(text.strip_prefix(&*prefix)?.as_bytes())?;
                (!decoded.is_empty()).then_some((*hash, decoded))
            })
        };
        texts.into_iter().filter_map(read).take(CANDIDATES_MAX).collect()
    }

    fn check_signature(
        &self,
        values: &[Cow<'_, [u8]>],
        entries: &[(String, String)],
        scope: &Scope<'_>,
    ) -> Result<usize, Failure> {
        let hash = self.hash.of(scope).ok_or(Wrong("the hash function is none of those that are allowed"))?;
        let candidates = self.candidates(values, entries, hash);
        if candidates.is_empty() {
            return Err(Wrong("there is no signature in the form that is due"));
        }
        if let Some(certificate) = &self.certificate {
            let key = certificate.key(scope).map_err(|failure| match failure {
                certificate::Trouble::Wrong(why) => Wrong(why),
                certificate::Trouble::Fetch(fetch) => Failure::Fetch(fetch),
            })?;
            return self.check_public(&candidates, &[(0, Vec::new(), key)], scope);
        }
        let keys = self.keys(scope.known);
        if keys.is_empty() {
            return Err(Wrong("the secret is not of the kind that this way of signing needs"));
        }
        if !matches!(self.scheme, Scheme::Hmac | Scheme::Hash) {
            let keys: Vec<_> =
                keys.into_iter().map(|(number, text, key)| (number, text.as_bytes().to_vec(), key)).collect();
            return self.check_public(&candidates, &keys, scope);
        }
        for (number, secret, key) in &keys {
            let scope = Scope { secret: Some(secret.as_bytes()), ..*scope };
            let content = self.content.bytes(&scope).ok_or(Wrong("a part of what is signed is missing"))?;
            let mut made: Vec<(Hash, Vec<u8>)> = Vec::new();
            for (hash, candidate) in &candidates {
                if made.iter().all(|(own, _)| own != hash) {
                    let mac = if self.scheme == Scheme::Hmac { hash.mac(key, &content) } else { hash.digest(&content) };
                    made.push((*hash, mac));
                }
                if made.iter().any(|(own, mac)| own == hash && key::same_mac(mac, candidate)) {
                    return Ok(*number);
                }
            }
        }
        Err(Wrong("the signature is wrong"))
    }

    /// Keys are numbers, the text of the secret, and a public key in the form that the scheme wants.
    fn check_public(
        &self,
        candidates: &[(Hash, Vec<u8>)],
        keys: &[(usize, Vec<u8>, Vec<u8>)],
        scope: &Scope<'_>,
    ) -> Result<usize, Failure> {
        for (number, secret, key) in keys {
            // With a certificate the secret is no key, but may be a part of what is signed.
            let first = scope.known.secrets.iter().take(SECRETS_MAX).map(|secret| secret.as_bytes());
            let secrets: Vec<&[u8]> = if self.certificate.is_some() && self.content.has_secret() {
                first.filter(|secret| !secret.is_empty()).collect()
            } else {
                vec![secret]
            };
            for (place, secret) in secrets.into_iter().enumerate() {
                let scope = Scope { secret: Some(secret), ..*scope };
                let content = self.content.bytes(&scope).ok_or(Wrong("a part of what is signed is missing"))?;
                let fits = candidates.iter().any(|(hash, candidate)| self.fits(*hash, key, &content, candidate));
                if fits {
                    return Ok(number + place);
                }
            }
        }
        Err(Wrong("the signature is wrong"))
    }

    fn fits(&self, hash: Hash, key: &[u8], content: &[u8], candidate: &[u8]) -> bool {
        let algorithm: &dyn signature::VerificationAlgorithm = match (self.scheme, hash) {
            (Scheme::Ed25519, _) => &signature::ED25519,
            (Scheme::Ecdsa, Hash::Sha256) => &signature::ECDSA_P256_SHA256_ASN1,
            (Scheme::Ecdsa, Hash::Sha384) => &signature::ECDSA_P256_SHA384_ASN1,
            (Scheme::Rsa, Hash::Sha1) => &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            (Scheme::Rsa, Hash::Sha256) => &signature::RSA_PKCS1_2048_8192_SHA256,
            (Scheme::Rsa, Hash::Sha384) => &signature::RSA_PKCS1_2048_8192_SHA384,
            (Scheme::Rsa, Hash::Sha512) => &signature::RSA_PKCS1_2048_8192_SHA512,
            _ => return false,
        };
        signature::UnparsedPublicKey::new(algorithm, key).verify(content, candidate).is_ok()
    }
}

impl Key {
    /// The key of a secret; `None` where the secret is not of this kind.
    pub fn read(&self, secret: &str) -> Option<Vec<u8>> {
        let bare = match self.prefix.as_deref().map(|prefix| secret.strip_prefix(prefix)) {
            Some(Some(rest)) => rest,
            Some(None) if !self.prefix_optional => return None,
            _ => secret,
        };
        let key = self.encoding.decode_key(bare.as_bytes())?;
        if self.encoding == Encoding::Spki { certificate::key_of_spki(&key) } else { Some(key) }
    }
}

impl HashChoice {
    /// The hash function for a request: `Some(None)` where the signature names it, `None` where it is not allowed.
    #[expect(clippy::option_option, reason = "refused and not yet known are two answers")]
    fn of(&self, scope: &Scope<'_>) -> Option<Option<Hash>> {
        match self {
            Self::One(hash) => Some(Some(*hash)),
            Self::Named(_) => Some(None),
            Self::Chosen { from, item, map, default } => {
                let found = from.values(scope);
                if found.is_empty() {
                    return default.map(Some);
                }
                let text = from.text(scope)?;
                let text = std::str::from_utf8(&text).ok()?;
                let value = match item {
                    None => Some(text),
                    Some(item) => {
                        let mut pairs = text.split(',').filter_map(|pair| pair.trim().split_once('='));
                        pairs.find(|(name, _)| name.trim() == item).map(|(_, value)| value.trim())
                    }
                };
                match value {
                    Some(value) => map.iter().find(|(own, _)| own == value).map(|(_, hash)| Some(*hash)),
                    None => default.map(Some),
                }
            }
        }
    }
}

fn split<'t>(text: &'t str, separator: Option<&str>) -> Vec<&'t str> {
    match separator {
        Some(separator) => text.split(separator).map(str::trim).filter(|entry| !entry.is_empty()).collect(),
        None => vec![text],
    }
}

fn check_time(rule: &TimeRule, scope: &Scope<'_>) -> Result<(), Failure> {
    let text = rule.from.text(scope).ok_or(Wrong("the time of signing is missing"))?;
    let text = std::str::from_utf8(&text).map_err(|_| Wrong("the time of signing is not a time"))?;
    let number = || text.parse::<i64>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    let moment = match rule.format {
        TimeFormat::Unix => number().and_then(|seconds| seconds.checked_mul(1_000)).map(Timestamp::from_millis),
        TimeFormat::UnixMillis => number().map(Timestamp::from_millis),
        TimeFormat::Rfc3339 => text.parse().ok(),
    };
    let moment = moment.ok_or(Wrong("the time of signing is not a time"))?;
    let now = scope.known.now;
    if now.since(moment) > rule.past {
        return Err(Wrong("it was signed too long ago"));
    }
    if moment.since(now) > rule.future {
        return Err(Wrong("its time of signing is in the future"));
    }
    Ok(())
}

/// Looks whether a request passes one of the ways, in order.
///
/// # Errors
/// Why it passes none.
pub fn verify<'d>(ways: &'d [Verification], reading: &Reading<'_>, known: &Known<'_>) -> Result<Passed<'d>, Refusal> {
    let (mut reasons, mut fetch, mut ask, mut no_secret) = (Vec::new(), None, None, 0);
    for way in ways {
        match way.check(reading, known) {
            Ok(number) => return Ok((number, way)),
            Err(Wrong(reason)) => reasons.push(reason.to_owned()),
            Err(Failure::Fetch(wanted)) => fetch = fetch.or(Some(wanted)),
            Err(Failure::Ask(question)) => ask = ask.or(Some(question)),
            Err(Failure::NoSecret) => no_secret += 1,
        }
    }
    Err(match (fetch, ask) {
        (Some(wanted), _) => Refusal::Fetch(wanted),
        (None, Some(question)) => Refusal::Ask(question),
        _ if no_secret > 0 && known.secrets.iter().all(|secret| secret.is_empty()) => Refusal::NoSecret,
        _ => Refusal::Wrong(reasons),
    })
}

/// Why a secret cannot be the secret of these ways, for whoever types it; `None` where it can.
#[must_use]
pub fn kind_of_secret(ways: &[Verification], secret: &str) -> Option<String> {
    if secret.trim().is_empty() {
        return Some("The secret is empty.".to_owned());
    }
    let mut wanted: Vec<&Verification> = ways.iter().filter(|way| way.needs_secret()).collect();
    wanted.retain(|way| way.key.encoding != Encoding::Utf8 || way.key.prefix.is_some());
    if wanted.is_empty() || wanted.len() < ways.iter().filter(|way| way.needs_secret()).count() {
        return None;
    }
    if wanted.iter().any(|way| way.key.read(secret).is_some_and(|key| !key.is_empty())) {
        return None;
    }
    let kinds: Vec<_> = wanted.iter().map(|way| way.key.described()).collect();
    Some(format!("This is not the kind of secret that signs these requests: it should be {}.", kinds.join(" or ")))
}

impl Key {
    fn described(&self) -> String {
        let kind = match self.encoding {
            Encoding::Hex => "hexadecimal digits",
            Encoding::Spki => "a public key in base64 or PEM",
            Encoding::Utf8 => "text",
            Encoding::Base64 | Encoding::Base64Url => "base64",
        };
        match &self.prefix {
            Some(prefix) => format!("{kind} after {prefix}"),
            None => kind.to_owned(),
        }
    }
}
