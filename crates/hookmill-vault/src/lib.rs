//! Keeps secrets: seals and opens what is stored, derives keys, makes tokens, hashes passwords. Nothing is logged and
//! no type here shows its secret in `Debug`.
//!
//! | file | noun |
//! |---|---|
//! | `vault` | [`Vault`]: opened with the master key of a data folder |
//! | `master_key` | where the master key comes from, and its file |
//! | `envelope` | the form of a sealed value |
//! | `password` | hashes of passwords |
//! | `token` | texts that give access: API tokens, sessions, capabilities |
//! | `error` | [`VaultError`] |

mod envelope;
mod error;
mod master_key;
mod password;
mod token;
mod vault;

pub use error::VaultError;
pub use password::{hash_password, needs_rehash, verify_no_password, verify_password};
pub use token::{API_TOKEN_PREFIX, hash_token, is_api_token_shaped, make_api_token, make_capability};
pub use vault::{LostKey, Vault};

pub use zeroize::Zeroizing;

use subtle::ConstantTimeEq as _;

/// `N` bytes from the operating system.
///
/// # Errors
/// [`VaultError::NoRandomness`] where the system has none.
pub fn random<const N: usize>() -> Result<[u8; N], VaultError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| VaultError::NoRandomness(error.to_string()))?;
    Ok(bytes)
}

/// Whether bytes have the form of a sealed value. Whether it opens is another question.
#[must_use]
pub fn is_sealed(bytes: &[u8]) -> bool {
    envelope::key_id(bytes).is_ok()
}

/// Whether two secrets are the same, in a time that depends on their lengths only.
#[must_use]
pub fn same(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}
