//! One browser's address at its push service, and the keys to write to it.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hookmill_model::{Code, Explain, Fault};
use p256::PublicKey;
use url::{Host, Url};

/// Browsers write base64url without padding; some libraries write other forms.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const URL_SAFE_LENIENT: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
const STANDARD_LENIENT: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);

/// The hosts of the browsers' makers; a leading dot stands for everything below.
const SERVICES: [&str; 6] = [
    "fcm.googleapis.com",
    "android.googleapis.com",
    "jmt17.google.com",
    ".push.services.mozilla.com",
    ".push.apple.com",
    ".notify.windows.com",
];

/// Why a push cannot be prepared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// The endpoint is not a secure address.
    #[error("the endpoint of the device is not an https address")]
    EndpointInvalid,
    /// A key of the subscription is not one.
    #[error("the key \"{0}\" of the device is not valid")]
    KeyInvalid(&'static str),
    /// The stored server key is not one.
    #[error("the key of this server for push notifications is not valid")]
    VapidKeyInvalid,
    /// The contact for push services is not an address.
    #[error("the contact for push services must begin with mailto: or https:")]
    SubjectInvalid,
    /// The message does not fit.
    #[error("the notification has {bytes} bytes; push services take {PAYLOAD_BYTES_MAX}", PAYLOAD_BYTES_MAX = crate::PAYLOAD_BYTES_MAX)]
    PayloadTooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The cryptography refused its input.
    #[error("the notification cannot be encrypted")]
    Unprocessable,
}

impl Explain for PushError {
    fn code(&self) -> Code {
        match self {
            Self::EndpointInvalid => "push_endpoint_invalid",
            Self::KeyInvalid(_) => "push_subscription_key_invalid",
            Self::VapidKeyInvalid => "push_server_key_invalid",
            Self::SubjectInvalid => "push_subject_invalid",
            Self::PayloadTooLarge { .. } => "push_payload_too_large",
            Self::Unprocessable => "push_unprocessable",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::EndpointInvalid | Self::KeyInvalid(_) | Self::PayloadTooLarge { .. } => Fault::Author,
            Self::VapidKeyInvalid | Self::SubjectInvalid => Fault::Operator,
            Self::Unprocessable => Fault::Hookmill,
        }
    }

    fn hint(&self) -> Option<String> {
        let words = match self {
            Self::EndpointInvalid | Self::KeyInvalid(_) => {
                "Turn notifications off and on again in the browser of this device."
            }
            Self::VapidKeyInvalid => "Make a new key; every device has to turn notifications on again.",
            Self::SubjectInvalid => {
                "Write an address where the push services can reach you, such as mailto:admin@example.com."
            }
            Self::PayloadTooLarge { .. } => "Shorten the text of the notification.",
            Self::Unprocessable => return None,
        };
        Some(words.to_owned())
    }
}

/// A browser that asked for notifications, its keys checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    pub(crate) endpoint: Url,
    pub(crate) public: PublicKey,
    pub(crate) auth: [u8; 16],
}

impl Subscription {
    /// From what a browser gives: `endpoint`, `keys.p256dh` and `keys.auth`, the keys in base64url.
    ///
    /// # Errors
    /// The endpoint is neither `https` nor on this machine, or a key is not valid.
    pub fn parse(endpoint: &str, p256dh: &str, auth: &str) -> Result<Self, PushError> {
        let endpoint = Url::parse(endpoint).map_err(|_| PushError::EndpointInvalid)?;
        let is_here = match endpoint.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => return Err(PushError::EndpointInvalid),
        };
        // As browsers do, plain http counts as secure on the machine itself. Whether it may be called is another matter.
        let secure = endpoint.scheme() == "https" || (endpoint.scheme() == "http" && is_here);
        if !secure || !endpoint.username().is_empty() || endpoint.password().is_some() {
            return Err(PushError::EndpointInvalid);
        }
        let public = decode(p256dh)
            .filter(|bytes| bytes.len() == 65)
            .and_then(|bytes| PublicKey::from_sec1_bytes(&bytes).ok())
            .ok_or(PushError::KeyInvalid("p256dh"))?;
        let auth = decode(auth).and_then(|bytes| bytes.try_into().ok()).ok_or(PushError::KeyInvalid("auth"))?;
        Ok(Self { endpoint, public, auth })
    }

    /// The host of the push service.
    #[must_use]
    pub fn host(&self) -> &str {
        self.endpoint.host_str().unwrap_or_default()
    }
}

/// Whether a host belongs to one of the push services that browsers use. Others need the administrator's word.
#[must_use]
pub fn is_known_push_service(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    SERVICES.iter().any(|one| if one.starts_with('.') { host.ends_with(one) } else { host == *one })
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    URL_SAFE_LENIENT.decode(text).or_else(|_| STANDARD_LENIENT.decode(text)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const P256DH: &str = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

    #[test]
    fn keys_are_checked() {
        let parse = |endpoint, key, auth| Subscription::parse(endpoint, key, auth).map(|one| one.host().to_owned());
        assert_eq!(parse("https://push.example.net/x", P256DH, AUTH), Ok("push.example.net".to_owned()));
        assert_eq!(
            parse("https://push.example.net/x", P256DH, "BTBZMqHH6r4Tts7J/aSIgg=="),
            Ok("push.example.net".to_owned())
        );
        assert_eq!(parse("http://127.0.0.1:9/x", P256DH, AUTH), Ok("127.0.0.1".to_owned()));
        for endpoint in ["", "push", "http://push.example.net/x", "https://a:b@push.example.net/", "javascript:1"] {
            assert_eq!(parse(endpoint, P256DH, AUTH), Err(PushError::EndpointInvalid), "{endpoint}");
        }
        let off_curve = format!("{}5", &P256DH[..P256DH.len() - 1]);
        for key in ["", "AAAA", &P256DH[..40], off_curve.as_str()] {
            assert_eq!(parse("https://x.example/", key, AUTH), Err(PushError::KeyInvalid("p256dh")), "{key}");
        }
        assert_eq!(parse("https://x.example/", P256DH, "AAAA"), Err(PushError::KeyInvalid("auth")));
    }

    #[test]
    fn push_services_are_known_by_host() {
        for host in [
            "fcm.googleapis.com",
            "updates.push.services.mozilla.com",
            "web.push.apple.com",
            "wns2-am3p.notify.windows.com",
        ] {
            assert!(is_known_push_service(host), "{host}");
        }
        for host in ["fcm.googleapis.com.evil.example", "evilpush.apple.com", "push.apple.com", "127.0.0.1"] {
            assert!(!is_known_push_service(host), "{host}");
        }
    }
}
