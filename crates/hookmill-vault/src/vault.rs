//! The vault of a data folder: its keys, and a check that they are the right ones.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::envelope::{self, KeyId};
use crate::master_key::{self, Key};
use crate::{VaultError, token};

/// A sealed value in the data folder that only the right key opens.
const CHECK_FILE: &str = "master.check";
const CHECK_CONTEXT: &str = "hookmill master key check";
const CHECK_TEXT: &[u8] = b"the right key";

/// Long values: how their content stands in the seal.
const AS_IT_IS: u8 = 0;
const COMPRESSED: u8 = 1;
/// Shorter ones are not compressed.
const COMPRESSED_FROM: usize = 512;
const LONG_BYTES_MAX: usize = 256 * 1_024 * 1_024;

/// Seals and opens. Share it behind an `Arc`.
pub struct Vault {
    /// The current key first; the others only open.
    keys: Vec<Sealing>,
    /// The current master key, for derived keys.
    master: Key,
    key_is_new: bool,
    place: String,
}

struct Sealing {
    id: KeyId,
    key: Key,
}

/// What it means that no key opens what was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostKey {
    /// Nothing is known of sealed values beside the vault: a key is made where the folder holds no proof of one.
    Unheard,
    /// There are sealed values, which a new key could not open: none is made, whatever files are missing.
    Needed,
    /// A person said that the old key is lost for good: a new one is made, and what was sealed stays closed.
    GivenUp,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("place", &self.place).field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

/// HMAC-SHA-256 under a key of 32 bytes.
pub(crate) fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // A key shorter than a block counts as filled up with zeros.
    let mut block = Zeroizing::new([0; 64]);
    block[..32].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

impl Vault {
    /// Opens the vault of `data_dir` with the key in `master_key_env` (the value of `HOOKMILL_MASTER_KEY`: 32 bytes
    /// in base64 or hexadecimal; after a comma, older keys that still open), else with the file `master.key` there,
    /// which is made with mode 0600 when nothing was ever sealed here.
    ///
    /// # Errors
    /// No key is right, missing, malformed or readable for others; the folder cannot be used.
    pub fn open(data_dir: &Path, master_key_env: Option<&str>) -> Result<Self, VaultError> {
        Self::open_known(data_dir, master_key_env, LostKey::Unheard, None)
    }

    /// As [`Self::open`], beside a store: `lost` is what a missing key means there, and `known` is the
    /// [mark](Self::mark) of the key that the store was last used with. Where the proof of the key is lost, one of the
    /// given keys must have that mark, before a new proof is written.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_known(
        data_dir: &Path,
        master_key_env: Option<&str>,
        lost: LostKey,
        known: Option<&str>,
    ) -> Result<Self, VaultError> {
        let check_path = data_dir.join(CHECK_FILE);
        let unusable = |source| VaultError::File { path: check_path.clone(), source };
        let check = match fs::read(&check_path) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(unusable(error)),
        };
        let may_create = match lost {
            LostKey::Unheard => check.is_none(),
            LostKey::Needed => false,
            LostKey::GivenUp => true,
        };
        let found = master_key::find(data_dir, master_key_env, may_create)?;
        let wrong = VaultError::KeyWrong { folder: data_dir.to_owned(), place: found.place.clone() };
        let is_known = known.is_none_or(|known| found.keys.iter().any(|key| mark_of(key) == known));
        let Some(vault) = Self::with_keys(found) else { return Err(wrong) };
        let opens =
            |sealed: &Vec<u8>| vault.unseal(CHECK_CONTEXT, sealed).is_ok_and(|plain| crate::same(&plain, CHECK_TEXT));
        match check {
            Some(sealed) if opens(&sealed) => {
                // From here on the new key is enough to start.
                if vault.needs_reseal(&sealed) {
                    vault.write_check(data_dir)?;
                }
            }
            Some(_) if lost != LostKey::GivenUp => return Err(wrong),
            None if lost == LostKey::Needed && !is_known => return Err(wrong),
            _ => vault.write_check(data_dir)?,
        }
        Ok(vault)
    }

    /// A mark of the master key in 64 hexadecimal digits. It may be stored in clear: it does not tell the key.
    #[must_use]
    pub fn mark(&self) -> String {
        mark_of(&self.master)
    }

    fn with_keys(found: master_key::Found) -> Option<Self> {
        let master = found.keys.first()?.clone();
        let keys = found
            .keys
            .iter()
            .map(|one| {
                let mut id = KeyId::default();
                id.copy_from_slice(&mac(one, &[b"hookmill key id"])[..8]);
                Sealing { id, key: Zeroizing::new(mac(one, &[b"hookmill sealing key"])) }
            })
            .collect();
        Some(Self { keys, master, key_is_new: found.is_new, place: found.place })
    }

    fn write_check(&self, data_dir: &Path) -> Result<(), VaultError> {
        let path = data_dir.join(CHECK_FILE);
        let fresh = data_dir.join(format!("{CHECK_FILE}.{:016x}", u64::from_be_bytes(crate::random()?)));
        let sealed = self.seal(CHECK_CONTEXT, CHECK_TEXT)?;
        fs::write(&fresh, sealed)
            .and_then(|()| fs::File::open(&fresh)?.sync_all())
            .and_then(|()| fs::rename(&fresh, &path))
            .map_err(|source| VaultError::File { path, source })?;
        master_key::sync_folder(data_dir)
    }

    /// Where the key was found: `HOOKMILL_MASTER_KEY`, or the path of the key file.
    #[must_use]
    pub fn key_place(&self) -> &str {
        &self.place
    }

    /// Whether [`Vault::open`] has just made the key: time to tell the operator to keep a copy elsewhere.
    #[must_use]
    pub fn key_is_new(&self) -> bool {
        self.key_is_new
    }

    /// Seals `plain` for one place, such as `connection/cnx_…/parameters`; it opens with the same context only. The
    /// result is 49 bytes longer.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub fn seal(&self, context: &str, plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        let current = self.keys.first().ok_or(VaultError::Unprocessable)?;
        envelope::seal(&current.key, current.id, context, plain)
    }

    /// Opens what [`Vault::seal`] sealed for the same context.
    ///
    /// # Errors
    /// [`VaultError::ValueKeyWrong`] where another key sealed it, [`VaultError::ValueDamaged`] where it was cut,
    /// changed or moved.
    pub fn unseal(&self, context: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let id = envelope::key_id(sealed)?;
        let one = self.keys.iter().find(|one| one.id == id).ok_or(VaultError::ValueKeyWrong)?;
        envelope::open(&one.key, context, sealed)
    }

    /// Seals what may be long: compressed first, since what is sealed cannot be compressed any more.
    ///
    /// # Errors
    /// As [`Vault::seal`]; and a value of 256 MiB or more.
    pub fn seal_long(&self, context: &str, plain: &[u8]) -> Result<Vec<u8>, VaultError> {
        if plain.len() >= LONG_BYTES_MAX {
            return Err(VaultError::Unprocessable);
        }
        let packed = if plain.len() < COMPRESSED_FROM { None } else { zstd::bulk::compress(plain, 1).ok() };
        let mut content = Zeroizing::new(Vec::new());
        match packed.filter(|packed| packed.len() + 4 < plain.len()) {
            Some(packed) => {
                let length = u32::try_from(plain.len()).map_err(|_| VaultError::Unprocessable)?;
                content.push(COMPRESSED);
                content.extend_from_slice(&length.to_le_bytes());
                content.extend_from_slice(&Zeroizing::new(packed));
            }
            None => {
                content.push(AS_IT_IS);
                content.extend_from_slice(plain);
            }
        }
        self.seal(context, &content)
    }

    /// Opens what [`Vault::seal_long`] sealed for the same context.
    ///
    /// # Errors
    /// As [`Vault::unseal`].
    pub fn unseal_long(&self, context: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let content = self.unseal(context, sealed)?;
        match content.split_first() {
            Some((&AS_IT_IS, rest)) => Ok(Zeroizing::new(rest.to_vec())),
            Some((&COMPRESSED, rest)) => {
                let (length, frame) = rest.split_first_chunk::<4>().ok_or(VaultError::ValueDamaged)?;
                let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
                if length >= LONG_BYTES_MAX {
                    return Err(VaultError::ValueDamaged);
                }
                let plain = zstd::bulk::decompress(frame, length).map_err(|_| VaultError::ValueDamaged)?;
                if plain.len() == length { Ok(Zeroizing::new(plain)) } else { Err(VaultError::ValueDamaged) }
            }
            _ => Err(VaultError::ValueDamaged),
        }
    }

    /// Whether an older key sealed the value, so that it should be sealed again before that key goes.
    #[must_use]
    pub fn needs_reseal(&self, sealed: &[u8]) -> bool {
        envelope::key_id(sealed).is_ok_and(|id| self.keys.first().is_some_and(|one| one.id != id))
    }

    /// A key of its own for one purpose, such as `callback lookup`. The same label gives the same key as long as the
    /// master key stays.
    #[must_use]
    pub fn derive(&self, label: &str) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(mac(&self.master, &[b"hookmill derived key ", label.as_bytes()]))
    }

    /// The look-up form of a capability or other secret text: HMAC-SHA-256 under the key derived for `label`. Only
    /// this is stored in clear, and an index over it gives no timing away.
    #[must_use]
    pub fn lookup(&self, label: &str, secret: &str) -> [u8; token::HASH_BYTES] {
        mac(&self.derive(label), &[secret.as_bytes()])
    }
}

fn mark_of(master: &Key) -> String {
    let derived = Zeroizing::new(mac(master, &[b"hookmill derived key ", b"master key"]));
    hookmill_model::hex(&mac(&derived, &[b"mark"]))
}

#[cfg(test)]
mod tests;
