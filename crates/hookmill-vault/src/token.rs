//! Texts that give access. Each has 256 random bits, so a plain hash is enough to keep.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::VaultError;

/// How API tokens begin.
pub const API_TOKEN_PREFIX: &str = "hkm_";
pub(crate) const HASH_BYTES: usize = 32;
const SECRET_CHARACTERS: usize = 43;
const CHECK_CHARACTERS: usize = 6;

/// 32 random bytes in base64url, 43 characters: for callback capabilities and sessions.
///
/// # Errors
/// The system has no random bytes.
pub fn make_capability() -> Result<Zeroizing<String>, VaultError> {
    let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(crate::random()?);
    Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice())))
}

/// An API token: `hkm_`, 43 characters of secret, 6 of checksum (so that scanners for leaked secrets find it).
///
/// # Errors
/// The system has no random bytes.
pub fn make_api_token() -> Result<Zeroizing<String>, VaultError> {
    let secret = make_capability()?;
    Ok(Zeroizing::new(format!("{API_TOKEN_PREFIX}{}{}", secret.as_str(), checksum(&secret))))
}

/// Whether the text can be an API token: a mistyped one is refused without a look-up.
#[must_use]
pub fn is_api_token_shaped(text: &str) -> bool {
    text.strip_prefix(API_TOKEN_PREFIX)
        .filter(|rest| rest.len() == SECRET_CHARACTERS + CHECK_CHARACTERS && rest.is_ascii())
        .map(|rest| rest.split_at(SECRET_CHARACTERS))
        .is_some_and(|(secret, check)| checksum(secret) == check)
}

fn checksum(secret: &str) -> String {
    let mut text = URL_SAFE_NO_PAD.encode(Sha256::digest(secret.as_bytes()));
    text.truncate(CHECK_CHARACTERS);
    text
}

/// What is stored of an API token or a session, and looked up by.
#[must_use]
pub fn hash_token(token: &str) -> [u8; HASH_BYTES] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn tokens_are_recognised_by_their_shape() {
        let token = make_api_token().unwrap();
        assert_eq!(token.len(), 4 + 43 + 6);
        assert!(is_api_token_shaped(&token));
        let mut mistyped = token.to_string();
        let last = mistyped.pop();
        mistyped.push(if last == Some('A') { 'B' } else { 'A' });
        for text in [mistyped.as_str(), "", "hkm_", &token[..52], &format!("{}x", token.as_str())] {
            assert!(!is_api_token_shaped(text), "{text}");
        }
        assert_eq!(hash_token(&token), hash_token(&token));
    }

    #[test]
    fn capabilities_never_repeat() {
        let all: BTreeSet<String> = (0..10_000).map(|_| make_capability().unwrap().to_string()).collect();
        assert_eq!(all.len(), 10_000);
        assert!(all.iter().all(|one| one.len() == SECRET_CHARACTERS));
    }
}
