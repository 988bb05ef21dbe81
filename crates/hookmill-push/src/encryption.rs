//! The message that only one browser can read: RFC 8291, in one record of the coding `aes128gcm` (RFC 8188).

use std::fmt;

use aes_gcm::aead::Aead as _;
use aes_gcm::{Aes128Gcm, Nonce};
use hmac::{Hmac, KeyInit, Mac};
use p256::SecretKey;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{PushError, Subscription};

/// The size of a record: push services take bodies up to this size.
const RECORD_BYTES: u32 = 4_096;
/// Salt, record size, length of the key, key.
const HEAD_BYTES: usize = 16 + 4 + 1 + 65;
/// The delimiter and the tag of the cipher.
const OVERHEAD_BYTES: usize = 1 + 16;
/// The largest message that every push service takes.
pub const PAYLOAD_BYTES_MAX: usize = RECORD_BYTES as usize - HEAD_BYTES - OVERHEAD_BYTES;

/// What one message needs from a random source; never used for another.
#[derive(Clone)]
pub struct Randomness {
    /// Becomes the key that lives for this message only.
    pub key: [u8; 32],
    /// Salts the derived keys.
    pub salt: [u8; 16],
}

impl fmt::Debug for Randomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Randomness").finish_non_exhaustive()
    }
}

/// A private key out of random bytes. One time in four thousand million the bytes are not below the order of the
/// curve; then their hash is taken.
pub(crate) fn secret_from(random: [u8; 32]) -> SecretKey {
    let mut bytes = Zeroizing::new(random);
    loop {
        if let Ok(secret) = SecretKey::from_slice(bytes.as_slice()) {
            return secret;
        }
        let next: [u8; 32] = Sha256::digest(bytes.as_slice()).into();
        *bytes = next;
    }
}

/// HMAC-SHA-256, the one step of which both halves of HKDF consist for outputs up to 32 bytes.
fn mac(key: &[u8], parts: &[&[u8]]) -> Result<Zeroizing<[u8; 32]>, PushError> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| PushError::Unprocessable)?;
    for part in parts {
        mac.update(part);
    }
    Ok(Zeroizing::new(mac.finalize().into_bytes().into()))
}

/// The keys of one message: content encryption key and nonce.
pub(crate) struct MessageKeys {
    pub(crate) key: [u8; 16],
    pub(crate) nonce: [u8; 12],
}

/// Derives the keys from the shared secret; the same for both sides.
pub(crate) fn message_keys(
    shared: &[u8],
    auth: &[u8; 16],
    receiver: &[u8],
    sender: &[u8],
    salt: &[u8; 16],
) -> Result<MessageKeys, PushError> {
    let first = mac(auth, &[shared])?;
    let input = mac(first.as_slice(), &[b"WebPush: info\0", receiver, sender, &[1]])?;
    let second = mac(salt, &[input.as_slice()])?;
    let key = mac(second.as_slice(), &[b"Content-Encoding: aes128gcm\0", &[1]])?;
    let nonce = mac(second.as_slice(), &[b"Content-Encoding: nonce\0", &[1]])?;
    let mut keys = MessageKeys { key: [0; 16], nonce: [0; 12] };
    keys.key.copy_from_slice(&key[..16]);
    keys.nonce.copy_from_slice(&nonce[..12]);
    Ok(keys)
}

/// The body of the request to the push service.
pub(crate) fn encrypt(subscription: &Subscription, payload: &[u8], random: &Randomness) -> Result<Vec<u8>, PushError> {
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(PushError::PayloadTooLarge { bytes: payload.len() });
    }
    let secret = secret_from(random.key);
    let sender = secret.public_key().to_sec1_bytes();
    let shared = secret.diffie_hellman(&subscription.public);
    let receiver = subscription.public.to_sec1_bytes();
    let keys =
        message_keys(shared.raw_secret_bytes().as_slice(), &subscription.auth, &receiver, &sender, &random.salt)?;

    // The last record ends with a 2; nothing pads it.
    let plain = Zeroizing::new([payload, &[2]].concat());
    let sealed = Aes128Gcm::new(&keys.key.into())
        .encrypt(&Nonce::from(keys.nonce), plain.as_slice())
        .map_err(|_| PushError::Unprocessable)?;
    let mut body = Vec::with_capacity(HEAD_BYTES + sealed.len());
    body.extend_from_slice(&random.salt);
    body.extend_from_slice(&RECORD_BYTES.to_be_bytes());
    body.push(u8::try_from(sender.len()).map_err(|_| PushError::Unprocessable)?);
    body.extend_from_slice(&sender);
    body.extend_from_slice(&sealed);
    Ok(body)
}

#[cfg(test)]
mod tests;
