//! Hashes, encodings and the comparison of secrets.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD};
use hookmill_model::hex;
use ring::{digest, hmac};
use subtle::ConstantTimeEq as _;

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const KEY: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT.with_encode_padding(false));

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-1, where a service offers nothing else.
    Sha1,
    /// SHA-256
    Sha256,
    /// SHA-384
    Sha384,
    /// SHA-512
    Sha512,
}

impl Hash {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512];

    /// The hash function of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hash| hash.name() == name)
    }

    /// As declarations write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// The HMAC of some content.
    pub fn mac(self, key: &[u8], content: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha384 => hmac::HMAC_SHA384,
            Self::Sha512 => hmac::HMAC_SHA512,
        };
        hmac::sign(&hmac::Key::new(algorithm, key), content).as_ref().to_vec()
    }

    /// The hash of some content.
    pub fn digest(self, content: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, content).as_ref().to_vec()
    }
}

/// How bytes are written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// The bytes of the text itself.
    Utf8,
    /// Hexadecimal digits.
    Hex,
    /// Base64 with padding.
    Base64,
    /// Base64 for addresses, padding or not.
    Base64Url,
    /// A public key as `SubjectPublicKeyInfo` in base64 or PEM.
    Spki,
}

impl Encoding {
    /// The encoding of this name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "utf8" => Self::Utf8,
            "hex" => Self::Hex,
            "base64" => Self::Base64,
            "base64url" => Self::Base64Url,
            "spki" => Self::Spki,
            _ => return None,
        })
    }

    /// Writes bytes.
    pub fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
            Self::Hex => hex(bytes),
            Self::Base64 | Self::Spki => STANDARD.encode(bytes),
            Self::Base64Url => URL.encode(bytes),
        }
    }

    /// Reads a signature: strictly, so that one signature has one written form.
    pub fn decode(self, text: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Utf8 => Some(text.to_vec()),
            Self::Hex => unhex(text),
            Self::Base64 => STANDARD.decode(text).ok(),
            Self::Base64Url => URL.decode(text).ok(),
            Self::Spki => None,
        }
    }

    /// Reads a secret that a person pasted: spaces around it and missing padding do not matter.
    pub fn decode_key(self, text: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Utf8 => Some(text.to_vec()),
            Self::Hex => unhex(text.trim_ascii()),
            Self::Base64 => KEY.decode(text.trim_ascii()).ok(),
            Self::Base64Url => URL.decode(text.trim_ascii()).ok(),
            Self::Spki => {
                let text = std::str::from_utf8(text).ok()?;
                let bare: String =
                    text.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect::<Vec<_>>().concat();
                KEY.decode(bare).ok()
            }
        }
    }
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    pairs.collect()
}

/// Whether two secrets are equal. The time depends on the length of each alone.
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    let (a, b) = (digest::digest(&digest::SHA256, a), digest::digest(&digest::SHA256, b));
    a.as_ref().ct_eq(b.as_ref()).into()
}

/// Whether two MACs are equal, in a time that depends on their length alone.
pub fn same_mac(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && bool::from(a.ct_eq(b))
}

/// A name for a webhook that no other one has, made from its callback URL, which cannot be told from it: 32 hexadecimal
/// digits.
#[must_use]
pub fn unique_name(callback_url: &str) -> String {
    let digest = digest::digest(&digest::SHA256, format!("name of the webhook\n{callback_url}").as_bytes());
    hex(&digest.as_ref()[..16])
}
