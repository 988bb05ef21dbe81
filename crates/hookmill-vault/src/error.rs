//! What can go wrong with secrets. No text holds one.

use std::path::PathBuf;

use hookmill_model::{Code, Explain, Fault};

/// Why the vault cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The key from the environment or the file is not 32 bytes in base64 or hexadecimal.
    #[error("the master key in {place} is not 32 bytes in base64 or hexadecimal")]
    KeyMalformed {
        /// `HOOKMILL_MASTER_KEY`, or the path of the key file.
        place: String,
    },
    /// The secrets in the data folder were sealed with another key.
    #[error("the secrets in {folder} were sealed with another master key than the one in {place}")]
    KeyWrong {
        /// The data folder.
        folder: PathBuf,
        /// `HOOKMILL_MASTER_KEY`, or the path of the key file.
        place: String,
    },
    /// There are sealed secrets, but no key.
    #[error("{folder} holds sealed secrets, but their master key is missing")]
    KeyMissing {
        /// The data folder.
        folder: PathBuf,
    },
    /// Others than the owner can read the key file.
    #[error("others can read the master key in {path} (its mode is {mode:04o})")]
    KeyExposed {
        /// The key file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The key file or the data folder cannot be read or written.
    #[error("{path} cannot be used: {source}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The value was sealed with a key that is not here.
    #[error("the secret was sealed with another master key")]
    ValueKeyWrong,
    /// The value is cut, changed or belongs to another place.
    #[error("the sealed secret is damaged or belongs to another place")]
    ValueDamaged,
    /// The text is not a hash of a password.
    #[error("the stored hash of a password cannot be read")]
    HashMalformed,
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes: {0}")]
    NoRandomness(String),
    /// The cryptography refused its input, such as a value beyond 256 GiB.
    #[error("the secret cannot be processed")]
    Unprocessable,
}

impl Explain for VaultError {
    fn code(&self) -> Code {
        match self {
            Self::KeyMalformed { .. } => "vault_key_malformed",
            Self::KeyWrong { .. } | Self::ValueKeyWrong => "vault_key_wrong",
            Self::KeyMissing { .. } => "vault_key_missing",
            Self::KeyExposed { .. } => "vault_key_exposed",
            Self::File { .. } => "vault_file_unusable",
            Self::ValueDamaged => "vault_value_damaged",
            Self::HashMalformed => "password_hash_malformed",
            Self::NoRandomness(_) => "no_randomness",
            Self::Unprocessable => "vault_value_unprocessable",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Unprocessable => Fault::Hookmill,
            _ => Fault::Operator,
        }
    }

    fn hint(&self) -> Option<String> {
        let words = match self {
            Self::KeyMalformed { .. } => {
                "Make one with: openssl rand -base64 32. If secrets are stored already, bring back the key that sealed \
                 them."
                    .to_owned()
            }
            Self::KeyWrong { .. } | Self::ValueKeyWrong => {
                "Start with the key that sealed them: HOOKMILL_MASTER_KEY, or the file master.key in the data folder. To \
                 change keys, give both with a comma between, the new one first."
                    .to_owned()
            }
            Self::KeyMissing { .. } => {
                "Set HOOKMILL_MASTER_KEY, or put the file master.key back from where it was kept. No new key is made, \
                 since it could not open them. Where the key is lost for good, start once with --new-master-key and make \
                 the connections and webhooks again."
                    .to_owned()
            }
            Self::KeyExposed { path, .. } => format!("Run: chmod 600 {}", path.display()),
            Self::File { .. } => "Check that the folder exists and that the server may read and write it.".to_owned(),
            Self::ValueDamaged => "Enter the secret again, or restore the database from a backup.".to_owned(),
            Self::HashMalformed => "Set a new password for this account.".to_owned(),
            Self::NoRandomness(_) | Self::Unprocessable => return None,
        };
        Some(words)
    }
}
