//! Where the master key comes from: the environment, else a file that only the owner can read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::VaultError;

/// The name of the key file in the data folder.
pub(crate) const KEY_FILE: &str = "master.key";
/// The name of the environment variable.
pub(crate) const KEY_VARIABLE: &str = "HOOKMILL_MASTER_KEY";
/// More than any list of keys in use.
const KEY_FILE_BYTES_MAX: u64 = 4_096;

pub(crate) type Key = Zeroizing<[u8; 32]>;

/// The keys, current one first, and where they were found.
pub(crate) struct Found {
    pub(crate) keys: Vec<Key>,
    pub(crate) place: String,
    /// Whether the key was made just now.
    pub(crate) is_new: bool,
}

/// Looks for keys. Makes one only where `may_create`, which is where nothing was ever sealed.
pub(crate) fn find(folder: &Path, variable: Option<&str>, may_create: bool) -> Result<Found, VaultError> {
    if let Some(text) = variable.map(str::trim).filter(|text| !text.is_empty()) {
        let keys = parse(text).ok_or_else(|| VaultError::KeyMalformed { place: KEY_VARIABLE.to_owned() })?;
        return Ok(Found { keys, place: KEY_VARIABLE.to_owned(), is_new: false });
    }
    let path = folder.join(KEY_FILE);
    let unusable = |source| VaultError::File { path: path.clone(), source };
    let text = match File::open(&path) {
        Ok(file) => {
            let mut text = Zeroizing::new(String::new());
            check_private(&path, &file)?;
            match file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text) {
                Ok(_) => text,
                Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(malformed(&path)),
                Err(error) => return Err(unusable(error)),
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && may_create => return create(folder, path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(VaultError::KeyMissing { folder: folder.to_owned() });
        }
        Err(error) => return Err(unusable(error)),
    };
    let keys = parse(&text).ok_or_else(|| malformed(&path))?;
    Ok(Found { keys, place: path.display().to_string(), is_new: false })
}

fn malformed(path: &Path) -> VaultError {
    VaultError::KeyMalformed { place: path.display().to_string() }
}

/// Keys in base64 (either alphabet) or hexadecimal, between them commas or white space.
fn parse(text: &str) -> Option<Vec<Key>> {
    let keys: Option<Vec<Key>> = text
        .split(|one: char| one == ',' || one.is_whitespace())
        .filter(|one| !one.is_empty())
        .map(|one| {
            if one.len() == 64 {
                return from_hex(one);
            }
            [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD].iter().find_map(|engine| {
                let bytes = Zeroizing::new(engine.decode(one).ok()?);
                Some(Zeroizing::new(<[u8; 32]>::try_from(bytes.as_slice()).ok()?))
            })
        })
        .collect();
    keys.filter(|keys| !keys.is_empty())
}

fn from_hex(text: &str) -> Option<Key> {
    let mut key = Zeroizing::new([0; 32]);
    for (byte, pair) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(key)
}

fn create(folder: &Path, path: PathBuf) -> Result<Found, VaultError> {
    let key: Key = Zeroizing::new(crate::random()?);
    let text = Zeroizing::new(format!("{}\n", STANDARD.encode(key.as_slice())));
    // Complete under another name first: a crash must never leave half a key under the right one.
    let fresh = folder.join(format!("{KEY_FILE}.{:016x}", u64::from_be_bytes(crate::random()?)));
    let unusable = |source| VaultError::File { path: fresh.clone(), source };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(&fresh).map_err(unusable)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(unusable)?;
    // A link fails where the name is taken: another process that starts at the same time wins or loses as a whole.
    let linked = fs::hard_link(&fresh, &path);
    fs::remove_file(&fresh).map_err(unusable)?;
    match linked {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return find(folder, None, false),
        // Some file systems have no links.
        Err(_) => {
            let unusable = |source| VaultError::File { path: path.clone(), source };
            let mut file = options.open(&path).map_err(unusable)?;
            file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(unusable)?;
        }
    }
    sync_folder(folder)?;
    Ok(Found { keys: vec![key], place: path.display().to_string(), is_new: true })
}

/// Makes the names in a folder survive a loss of power.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), VaultError> {
    #[cfg(unix)]
    File::open(folder)
        .and_then(|opened| opened.sync_all())
        .map_err(|source| VaultError::File { path: folder.to_owned(), source })?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

#[cfg(unix)]
fn check_private(path: &Path, file: &File) -> Result<(), VaultError> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode =
        file.metadata().map_err(|source| VaultError::File { path: path.to_owned(), source })?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(VaultError::KeyExposed { path: path.to_owned(), mode: mode & 0o7777 });
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_private(_: &Path, _: &File) -> Result<(), VaultError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_in_every_spelling() {
        let bytes = [0xfb; 32];
        let hex = "fb".repeat(32);
        for text in
            [STANDARD.encode(bytes), STANDARD_NO_PAD.encode(bytes), URL_SAFE.encode(bytes), hex.to_uppercase(), hex]
        {
            assert_eq!(*parse(&text).unwrap()[0], bytes, "{text}");
        }
        assert_eq!(parse(&format!("{},\n{}", "00".repeat(32), "11".repeat(32))).unwrap().len(), 2);
        for text in ["", ",", "short", &"g0".repeat(32), &"00".repeat(31), &"00".repeat(33)] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
