//! The request to a push service, and what its answer means.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hookmill_model::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::encryption::encrypt;
use crate::{PushError, Randomness, Subscription, VapidKey};

/// No push service is asked to wait longer, whatever it says.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);
const TOPIC_CHARACTERS_MAX: usize = 32;

/// How soon a device that saves power should be woken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Urgency {
    /// When on power and Wi-Fi.
    VeryLow,
    /// When on power or Wi-Fi.
    Low,
    /// Unless the battery is low.
    #[default]
    Normal,
    /// At once.
    High,
}

impl Urgency {
    const fn as_str(self) -> &'static str {
        match self {
            Self::VeryLow => "very-low",
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}

/// One message to one device.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// What the service worker of the app gets, at most [`crate::PAYLOAD_BYTES_MAX`] bytes.
    pub payload: &'a [u8],
    /// Where the push service can reach the operator: `mailto:…` or `https://…`.
    pub subject: &'a str,
    /// How long the push service keeps it for a device that is off; zero for not at all.
    pub ttl: Duration,
    /// How soon the device should be woken.
    pub urgency: Urgency,
    /// A later message of the same topic replaces one that was not delivered yet. Any text.
    pub topic: Option<&'a str>,
}

/// The request to send, with `POST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushRequest {
    /// Always `POST`.
    pub method: &'static str,
    /// The endpoint.
    pub url: String,
    /// Names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The encrypted message.
    pub body: Vec<u8>,
}

/// What a push service's answer means for the message and the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushOutcome {
    /// The push service has it.
    Delivered,
    /// The device is gone for good: forget the subscription.
    Gone,
    /// Try again, not before `after` where the push service says so.
    Retry {
        /// How long to wait at least.
        after: Option<Duration>,
    },
    /// The push service does not want it, and would not later.
    Refused {
        /// What is wrong, for people.
        reason: String,
    },
}

/// Builds the request. Pure: the same `random` gives the same bytes, so take it fresh for every message.
///
/// # Errors
/// The payload is too large or the subject is no address.
pub fn prepare(
    subscription: &Subscription,
    message: &Message<'_>,
    vapid: &VapidKey,
    now: Timestamp,
    random: &Randomness,
) -> Result<PushRequest, PushError> {
    let body = encrypt(subscription, message.payload, random)?;
    let mut headers = vec![
        ("authorization", vapid.authorization(&subscription.endpoint, message.subject, now)?),
        ("content-encoding", "aes128gcm".to_owned()),
        ("content-type", "application/octet-stream".to_owned()),
        ("ttl", message.ttl.as_secs().to_string()),
        ("urgency", message.urgency.as_str().to_owned()),
    ];
    if let Some(topic) = message.topic.filter(|topic| !topic.is_empty()) {
        headers.push(("topic", topic_name(topic)));
    }
    Ok(PushRequest { method: "POST", url: subscription.endpoint.to_string(), headers, body })
}

/// Topics are at most 32 characters of base64url; other texts become their hash.
fn topic_name(topic: &str) -> String {
    let is_plain = topic.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if is_plain && topic.len() <= TOPIC_CHARACTERS_MAX {
        return topic.to_owned();
    }
    let mut name = URL_SAFE_NO_PAD.encode(Sha256::digest(topic.as_bytes()));
    name.truncate(TOPIC_CHARACTERS_MAX);
    name
}

/// Reads the answer of a push service: its status and, where present, its `Retry-After` header.
#[must_use]
pub fn outcome(status: u16, retry_after: Option<&str>, now: Timestamp) -> PushOutcome {
    let refused =
        |reason: &str| PushOutcome::Refused { reason: format!("The push service answered {status}: {reason}") };
    match status {
        200..=299 => PushOutcome::Delivered,
        404 | 410 => PushOutcome::Gone,
        408 | 425 | 429 | 500..=599 => PushOutcome::Retry { after: retry_after.and_then(|text| wait(text, now)) },
        401 | 403 => refused(
            "it does not accept the key of this server for this device; turn notifications off and on again there",
        ),
        413 => refused("the notification is too large for it"),
        300..=399 => refused("it has moved, which push services do not do"),
        _ => refused("it does not understand the request"),
    }
}

/// Seconds, or a date.
fn wait(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = jiff::fmt::rfc2822::parse(text).ok()?;
            Timestamp::from_micros(date.timestamp().as_microsecond()).since(now)
        }
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(topic: Option<&str>, ttl: u64) -> PushRequest {
        let subscription = Subscription::parse(
            "https://push.example.net/push/abc?x=1",
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            "BTBZMqHH6r4Tts7J_aSIgg",
        );
        let message = Message {
            payload: b"{}",
            subject: "mailto:admin@example.com",
            ttl: Duration::from_secs(ttl),
            urgency: Urgency::High,
            topic,
        };
        let random = Randomness { key: [3; 32], salt: [4; 16] };
        prepare(&subscription.unwrap(), &message, &VapidKey::generate([5; 32]), Timestamp::default(), &random).unwrap()
    }

    #[test]
    fn the_request_has_what_push_services_ask_for() {
        let request = prepared(Some("flow-1"), 3600);
        assert_eq!((request.method, request.url.as_str()), ("POST", "https://push.example.net/push/abc?x=1"));
        let header = |name| request.headers.iter().find(|(one, _)| *one == name).map(|(_, value)| value.as_str());
        assert_eq!(header("ttl"), Some("3600"));
        assert_eq!(header("urgency"), Some("high"));
        assert_eq!(header("topic"), Some("flow-1"));
        assert_eq!(header("content-encoding"), Some("aes128gcm"));
        assert!(header("authorization").unwrap().starts_with("vapid t="));
        assert_eq!(prepared(Some("flow-1"), 3600), request);
    }

    #[test]
    fn any_text_becomes_a_topic() {
        for topic in ["a b", "ü", "0123456789012345678901234567890123456789"] {
            let name = topic_name(topic);
            assert_eq!(name.len(), 32, "{topic}");
            assert_eq!(topic_name(&name), name);
        }
        assert!(prepared(None, 0).headers.iter().all(|(name, _)| *name != "topic"));
    }

    #[test]
    fn answers_are_understood() {
        let now = "2026-11-24T02:00:00Z".parse().unwrap();
        assert_eq!(outcome(201, None, now), PushOutcome::Delivered);
        assert_eq!(outcome(404, None, now), PushOutcome::Gone);
        assert_eq!(outcome(410, Some("5"), now), PushOutcome::Gone);
        let retry = |seconds| PushOutcome::Retry { after: Some(Duration::from_secs(seconds)) };
        assert_eq!(outcome(429, Some(" 120 "), now), retry(120));
        assert_eq!(outcome(503, Some("Tue, 24 Nov 2026 02:01:30 GMT"), now), retry(90));
        assert_eq!(outcome(503, Some("Tue, 24 Nov 2020 02:01:30 GMT"), now), retry(0));
        assert_eq!(outcome(503, Some("99999999999"), now), retry(86_400));
        for text in [None, Some(""), Some("soon"), Some("-1")] {
            assert_eq!(outcome(502, text, now), PushOutcome::Retry { after: None });
        }
        for status in [301, 400, 401, 403, 413] {
            assert!(matches!(outcome(status, None, now), PushOutcome::Refused { .. }), "{status}");
        }
    }
}
