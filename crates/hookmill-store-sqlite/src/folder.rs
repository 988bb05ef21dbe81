//! The data folder: made on first use, and used by one server at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use hookmill_store::StoreError;

/// The database within the folder.
pub(crate) const DATABASE: &str = "hookmill.db";
const LOCK: &str = "hookmill.lock";

/// The right to use a folder. It ends with this value, and with the process, however that ends.
#[derive(Debug)]
pub(crate) struct Claim {
    // Closing the file gives the lock up.
    _lock: File,
}

/// Makes the folder where it is missing and claims it.
pub(crate) fn claim(folder: &Path) -> Result<Claim, StoreError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| refused(folder, &error))?;
    let path = folder.join(LOCK);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let lock = file.map_err(|error| refused(folder, &error))?;
    match lock.try_lock() {
        Ok(()) => Ok(Claim { _lock: lock }),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { folder: shown(folder) }),
        Err(TryLockError::Error(error)) => Err(refused(folder, &error)),
    }
}

/// The path of the database in a folder.
pub(crate) fn database(folder: &Path) -> PathBuf {
    folder.join(DATABASE)
}

/// The folder for people.
pub(crate) fn shown(folder: &Path) -> String {
    folder.display().to_string()
}

fn refused(folder: &Path, error: &Error) -> StoreError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::Full,
        _ => StoreError::ReadOnly { folder: shown(folder), detail: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_claim_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("new/data");
        let first = claim(&inside).unwrap();
        assert_eq!(claim(&inside).unwrap_err(), StoreError::Locked { folder: shown(&inside) });
        drop(first);
        claim(&inside).unwrap();
    }

    #[test]
    fn a_file_in_place_of_the_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "no folder").unwrap();
        assert!(matches!(claim(&file), Err(StoreError::ReadOnly { .. })));
    }
}
