//! The form of a sealed value: `0x01 ‖ key id (8) ‖ nonce (24) ‖ ciphertext ‖ tag (16)`, XChaCha20-Poly1305. The first
//! nine bytes and the context are associated data, so a value that is moved to another place does not open.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::VaultError;

const VERSION: u8 = 1;
const KEY_ID_BYTES: usize = 8;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
const HEAD_BYTES: usize = 1 + KEY_ID_BYTES;

pub(crate) type KeyId = [u8; KEY_ID_BYTES];

fn associated(head: &[u8], context: &str) -> Vec<u8> {
    [head, context.as_bytes()].concat()
}

pub(crate) fn seal(key: &[u8; 32], id: KeyId, context: &str, plain: &[u8]) -> Result<Vec<u8>, VaultError> {
    let nonce: [u8; NONCE_BYTES] = crate::random()?;
    let mut sealed = Vec::with_capacity(HEAD_BYTES + NONCE_BYTES + plain.len() + TAG_BYTES);
    sealed.push(VERSION);
    sealed.extend_from_slice(&id);
    let aad = associated(&sealed, context);
    let ciphertext = XChaCha20Poly1305::new(key.into())
        .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: &aad })
        .map_err(|_| VaultError::Unprocessable)?;
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&ciphertext);
    Ok(sealed)
}

/// Which key sealed the value.
pub(crate) fn key_id(sealed: &[u8]) -> Result<KeyId, VaultError> {
    match sealed {
        [VERSION, rest @ ..] if rest.len() >= KEY_ID_BYTES + NONCE_BYTES + TAG_BYTES => {
            rest[..KEY_ID_BYTES].try_into().map_err(|_| VaultError::ValueDamaged)
        }
        _ => Err(VaultError::ValueDamaged),
    }
}

/// Opens a value whose [`key_id`] was read.
pub(crate) fn open(key: &[u8; 32], context: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let (head, rest) = sealed.split_at_checked(HEAD_BYTES).ok_or(VaultError::ValueDamaged)?;
    let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(VaultError::ValueDamaged)?;
    XChaCha20Poly1305::new(key.into())
        .decrypt(&XNonce::from(*nonce), Payload { msg: ciphertext, aad: &associated(head, context) })
        .map(Zeroizing::new)
        .map_err(|_| VaultError::ValueDamaged)
}
