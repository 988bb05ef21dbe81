//! Identifiers that can be read aloud: a three-letter prefix and 26 characters, sorted by time of creation.
//!
//! The 26 characters are a 128-bit number in Crockford's base 32: 48 bits of milliseconds since 1970, then 80 random
//! bits. Time and randomness are arguments, so pure crates can make identifiers too. An identifier is not a secret:
//! callback addresses use their own random capability.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Timestamp;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Why a text is not an identifier of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdError {
    prefix: &'static str,
    text: String,
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is not an identifier of the form {}_ and 26 characters", self.text, self.prefix)
    }
}

impl std::error::Error for IdError {}

/// What all identifiers can do.
pub trait Id: Sized + Copy {
    /// The letters before the underscore.
    const PREFIX: &'static str;
    /// Wraps the number.
    fn from_bits(bits: u128) -> Self;
    /// The number: 48 bits of milliseconds, 80 bits of randomness.
    fn to_bits(self) -> u128;

    /// Makes an identifier from the time and ten random bytes.
    fn make(now: Timestamp, random: [u8; 10]) -> Self {
        let millis = u128::from(now.as_millis().max(0).unsigned_abs()) & 0xFFFF_FFFF_FFFF;
        let low = random.iter().fold(0_u128, |acc, byte| (acc << 8) | u128::from(*byte));
        Self::from_bits((millis << 80) | low)
    }

    /// The smallest identifier made at or after `at`, so that a range of time is a range of identifiers.
    fn floor(at: Timestamp) -> Self {
        Self::make(at, [0; 10])
    }

    /// When the identifier was made, to the millisecond.
    fn made_at(self) -> Timestamp {
        Timestamp::from_millis(i64::try_from(self.to_bits() >> 80).unwrap_or(0))
    }
}

/// Prefix, underscore and 26 characters.
fn written<'a>(prefix: &str, bits: u128, out: &'a mut [u8; 30]) -> &'a str {
    let mut rest = bits;
    for place in out.iter_mut().rev().take(26) {
        *place = ALPHABET[(rest & 31) as usize];
        rest >>= 5;
    }
    for (place, letter) in out.iter_mut().zip(prefix.bytes().chain([b'_'])) {
        *place = letter;
    }
    // All of them are ASCII.
    std::str::from_utf8(out).unwrap_or_default()
}

fn read_bits(text: &str) -> Option<u128> {
    if text.len() != 26 {
        return None;
    }
    let mut bits: u128 = 0;
    for (index, byte) in text.bytes().enumerate() {
        let digit = ALPHABET.iter().position(|letter| *letter == byte.to_ascii_uppercase())?;
        // 26 × 5 = 130 bits: the first character may only use three of its five.
        if index == 0 && digit > 7 {
            return None;
        }
        bits = (bits << 5) | digit as u128;
    }
    Some(bits)
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl Id for $name {
            const PREFIX: &'static str = $prefix;
            fn from_bits(bits: u128) -> Self { Self(bits) }
            fn to_bits(self) -> u128 { self.0 }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(written($prefix, self.0, &mut [0; 30]))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { fmt::Display::fmt(self, f) }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(read_bits)
                    .map(Self)
                    .ok_or_else(|| IdError { prefix: $prefix, text: text.chars().take(64).collect() })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(written($prefix, self.0, &mut [0; 30]))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// A connector: the description of a service.
    ConnectorId = "cnr";
    /// A connection: a connector plus credentials.
    ConnectionId = "cnx";
    /// A flow.
    FlowId = "flw";
    /// A run of a flow, or of a subscription's creation or deletion.
    RunId = "run";
    /// One generation of a webhook at a service.
    SubscriptionId = "sub";
    /// A stored notification.
    EventId = "evt";
    /// An entry of the inbox.
    NotificationId = "ntf";
    /// A question that a run asks people, and waits for.
    ApprovalId = "apr";
    /// A browser registered for Web Push.
    DeviceId = "dev";
    /// A user.
    UserId = "usr";
    /// A signed-in browser.
    SessionId = "ses";
    /// A personal API token.
    TokenId = "tok";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_read_back_and_sorts_by_time() {
        let early = RunId::make(Timestamp::from_millis(1_000), [255; 10]);
        let late = RunId::make(Timestamp::from_millis(1_001), [0; 10]);
        assert_eq!(early.to_string().parse(), Ok(early));
        assert!(early < late && early.to_string() < late.to_string());
        assert_eq!(late.made_at(), Timestamp::from_millis(1_001));
    }

    #[test]
    fn wrong_texts_are_refused() {
        for text in [
            "",
            "run_",
            "flw_00000000000000000000000000",
            "run_0000000000000000000000000U",
            "run_8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
        ] {
            assert!(text.parse::<RunId>().is_err(), "{text}");
        }
    }
}
