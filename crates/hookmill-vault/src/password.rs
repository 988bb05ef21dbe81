//! Hashes of passwords: argon2id with 19 MiB, two passes, one lane. A hash takes tens of milliseconds and its memory:
//! call these away from the threads that serve requests, and few at a time.

use std::sync::OnceLock;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};

use crate::VaultError;

const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

fn hasher() -> Result<Argon2<'static>, VaultError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| VaultError::Unprocessable)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// The hash of a password as text (`$argon2id$v=19$m=19456,t=2,p=1$…`), with a salt of its own.
///
/// # Errors
/// The system has no random bytes.
pub fn hash_password(password: &str) -> Result<String, VaultError> {
    let salt: [u8; 16] = crate::random()?;
    let hash = hasher()?.hash_password_with_salt(password.as_bytes(), &salt).map_err(|_| VaultError::Unprocessable)?;
    Ok(hash.to_string())
}

/// Whether the password belongs to the hash.
///
/// # Errors
/// [`VaultError::HashMalformed`] where the text is no hash of ours.
pub fn verify_password(password: &str, hash: &str) -> Result<bool, VaultError> {
    let parsed = PasswordHash::new(hash).map_err(|_| VaultError::HashMalformed)?;
    match hasher()?.verify_password(password.as_bytes(), &parsed) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(_) => Err(VaultError::HashMalformed),
    }
}

/// Takes as long as [`verify_password`] and is always `false`: for accounts that do not exist.
///
/// # Errors
/// The system has no random bytes.
pub fn verify_no_password(password: &str) -> Result<bool, VaultError> {
    static NOBODY: OnceLock<String> = OnceLock::new();
    let hash = match NOBODY.get() {
        Some(hash) => hash,
        None => {
            let fresh = hash_password("nobody")?;
            NOBODY.get_or_init(|| fresh)
        }
    };
    verify_password(password, hash)?;
    Ok(false)
}

/// Whether the hash was made with other costs than today's, so that the next sign-in should renew it.
#[must_use]
pub fn needs_rehash(hash: &str) -> bool {
    !hash.starts_with(&format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_fits_its_own_hash_only() {
        let hash = hash_password("correct horse battery").unwrap();
        assert!(verify_password("correct horse battery", &hash).unwrap());
        assert!(!verify_password("correct horse batterY", &hash).unwrap());
        assert!(!needs_rehash(&hash), "{hash}");
        assert_ne!(hash, hash_password("correct horse battery").unwrap());
        assert!(!verify_no_password("nobody").unwrap());
    }

    #[test]
    fn what_is_no_hash_is_an_error() {
        for text in ["", "plain", "$argon2id$v=19$m=19456,t=2,p=1$", "$md5$x$y"] {
            assert!(matches!(verify_password("x", text), Err(VaultError::HashMalformed)), "{text}");
            assert!(needs_rehash(text) || text.starts_with("$argon2id"));
        }
    }
}
