//! The server's key for push services, and the signed statement that a request is ours (RFC 8292).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hookmill_model::Timestamp;
use p256::SecretKey;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use url::Url;
use zeroize::Zeroizing;

use crate::PushError;
use crate::encryption::secret_from;

/// How long a statement is valid. Push services accept up to a day; half of it leaves room for clocks.
const VALID_SECONDS: i64 = 12 * 60 * 60;

/// The key pair of this server. Browsers bind their subscriptions to its public half.
#[derive(Clone)]
pub struct VapidKey {
    secret: SecretKey,
}

impl fmt::Debug for VapidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VapidKey").field("public", &self.public_key_base64url()).finish_non_exhaustive()
    }
}

impl VapidKey {
    /// A new key out of 32 random bytes.
    #[must_use]
    pub fn generate(random: [u8; 32]) -> Self {
        Self { secret: secret_from(random) }
    }

    /// The key that [`VapidKey::to_bytes`] gave.
    ///
    /// # Errors
    /// [`PushError::VapidKeyInvalid`] where the bytes are no key.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PushError> {
        // The library would fill up a shorter number.
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| PushError::VapidKeyInvalid)?;
        SecretKey::from_slice(bytes).map(|secret| Self { secret }).map_err(|_| PushError::VapidKeyInvalid)
    }

    /// The private key, to be stored sealed.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.secret.to_bytes().into())
    }

    /// What a browser needs as `applicationServerKey`.
    #[must_use]
    pub fn public_key_base64url(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.secret.public_key().to_sec1_bytes())
    }

    /// The value of the `Authorization` header for an endpoint.
    pub(crate) fn authorization(&self, endpoint: &Url, subject: &str, now: Timestamp) -> Result<String, PushError> {
        let is_address = |scheme: &str| subject.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty());
        if !(is_address("mailto:") || is_address("https://")) {
            return Err(PushError::SubjectInvalid);
        }
        let claims = serde_json::json!({
            "aud": endpoint.origin().ascii_serialization(),
            "exp": now.as_millis().div_euclid(1_000).saturating_add(VALID_SECONDS),
            "sub": subject,
        });
        let head = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"ES256"}"#);
        let statement = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature: Signature = SigningKey::from(&self.secret).sign(statement.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(signature.to_bytes());
        Ok(format!("vapid t={statement}.{signature}, k={}", self.public_key_base64url()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use p256::ecdsa::VerifyingKey;
    use p256::ecdsa::signature::Verifier as _;

    #[test]
    fn the_statement_is_signed_and_names_origin_time_and_contact() {
        let key = VapidKey::generate([7; 32]);
        let now = Timestamp::from_millis(1_700_000_000_999);
        let endpoint = Url::parse("https://push.example.net:8443/p/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV").unwrap();
        let header = key.authorization(&endpoint, "mailto:admin@example.com", now).unwrap();
        let (token, public) = header.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
        assert_eq!(public, key.public_key_base64url());
        let (statement, signature) = token.rsplit_once('.').unwrap();
        let verifier = VerifyingKey::from_sec1_bytes(&URL_SAFE_NO_PAD.decode(public).unwrap()).unwrap();
        let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
        verifier.verify(statement.as_bytes(), &signature).unwrap();
        assert!(verifier.verify(b"other", &signature).is_err());
        let part = |index| -> serde_json::Value {
            let text = statement.split('.').nth(index).unwrap();
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
        };
        assert_eq!(part(0), serde_json::json!({"typ": "JWT", "alg": "ES256"}));
        assert_eq!(
            part(1),
            serde_json::json!({
                "aud": "https://push.example.net:8443", "exp": 1_700_043_200, "sub": "mailto:admin@example.com",
            })
        );
    }

    #[test]
    fn keys_survive_storage_and_bad_ones_are_refused() {
        let key = VapidKey::generate([1; 32]);
        let again = VapidKey::from_bytes(key.to_bytes().as_slice()).unwrap();
        assert_eq!(again.public_key_base64url(), key.public_key_base64url());
        assert_eq!(URL_SAFE_NO_PAD.decode(key.public_key_base64url()).unwrap().len(), 65);
        for bytes in [&[][..], &[0; 32], &[0xff; 32], &[1; 31]] {
            assert!(VapidKey::from_bytes(bytes).is_err());
        }
        // Bytes that are no number below the order of the curve still give a key.
        assert_ne!(
            VapidKey::generate([0xff; 32]).public_key_base64url(),
            VapidKey::generate([0; 32]).public_key_base64url()
        );
        let endpoint = Url::parse("https://push.example.net/").unwrap();
        for subject in ["", "admin@example.com", "mailto:", "http://example.com"] {
            assert!(key.authorization(&endpoint, subject, Timestamp::default()).is_err(), "{subject}");
        }
        assert!(!format!("{key:?}").contains("AQEBAQ"));
    }
}
