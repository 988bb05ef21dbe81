//! The data folder: made on first use, and used by one server at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use hookmill_store::{Disk, StoreError};

/// The database within the folder.
pub(crate) const DATABASE: &str = "hookmill.db";
const LOCK: &str = "hookmill.lock";

/// Files that only a folder with a database has: the log of the database, and what the vault checks its key with.
const TRACES: [&str; 2] = ["hookmill.db-wal", "master.check"];

/// The right to use a folder. It ends with this value, and with the process, however that ends.
#[derive(Debug)]
pub(crate) struct Claim {
    // Closing the files gives the locks up.
    _lock: File,
    // The folder itself: the lock file can be deleted while a server works, the folder of its files cannot.
    _folder: Option<File>,
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
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(StoreError::Locked { folder: shown(folder) }),
        Err(TryLockError::Error(error)) => return Err(refused(folder, &error)),
    }
    // Some systems and network drives cannot lock folders; the file is all there is then.
    let opened = File::open(folder).ok();
    let locked = opened.as_ref().map(File::try_lock);
    match locked {
        Some(Err(TryLockError::WouldBlock)) => Err(StoreError::Locked { folder: shown(folder) }),
        Some(Ok(())) => Ok(Claim { _lock: lock, _folder: opened }),
        Some(Err(TryLockError::Error(_))) | None => Ok(Claim { _lock: lock, _folder: None }),
    }
}

/// The disk that the folder is on.
#[cfg(unix)]
pub(crate) fn disk(folder: &Path) -> Option<Disk> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(Disk { free: found.f_bavail * found.f_frsize, total: found.f_blocks * found.f_frsize })
}

#[cfg(not(unix))]
pub(crate) fn disk(_folder: &Path) -> Option<Disk> {
    None
}

/// Refuses a folder whose database is missing or empty although one was there: a new one would hide the loss.
pub(crate) fn check_traces(folder: &Path) -> Result<(), StoreError> {
    let bytes = |name: &str| std::fs::metadata(folder.join(name)).map_or(0, |file| file.len());
    if bytes(DATABASE) > 0 { Ok(()) } else { refuse_traces(folder) }
}

/// Refuses a folder in which something shows that there was a database. For one whose database holds nothing.
pub(crate) fn refuse_traces(folder: &Path) -> Result<(), StoreError> {
    let bytes = |name: &str| std::fs::metadata(folder.join(name)).map_or(0, |file| file.len());
    match TRACES.iter().find(|name| bytes(name) > 0) {
        None => Ok(()),
        Some(trace) => Err(StoreError::Damaged {
            detail: format!(
                "{DATABASE} is missing or empty in {}, but {trace} shows that there was a database. Put it back from a backup, or move everything out of the folder to begin anew",
                shown(folder)
            ),
        }),
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
    fn deleting_the_lock_file_lets_nobody_in() {
        let folder = tempfile::tempdir().unwrap();
        let first = claim(folder.path()).unwrap();
        std::fs::remove_file(folder.path().join(LOCK)).unwrap();
        assert_eq!(claim(folder.path()).unwrap_err(), StoreError::Locked { folder: shown(folder.path()) });
        drop(first);
        claim(folder.path()).unwrap();
    }

    #[test]
    fn an_empty_database_beside_traces_of_one_is_refused() {
        for trace in TRACES {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join(trace), "trace").unwrap();
            for database in [None, Some("")] {
                if let Some(text) = database {
                    std::fs::write(folder.path().join(DATABASE), text).unwrap();
                }
                let refused = check_traces(folder.path()).unwrap_err();
                assert!(matches!(&refused, StoreError::Damaged { detail } if detail.contains(trace)), "{refused}");
            }
        }
        let folder = tempfile::tempdir().unwrap();
        // A key that was put there before the first start is no trace.
        std::fs::write(folder.path().join("master.key"), "key").unwrap();
        check_traces(folder.path()).unwrap();
    }

    #[test]
    fn a_file_in_place_of_the_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "no folder").unwrap();
        assert!(matches!(claim(&file), Err(StoreError::ReadOnly { .. })));
    }
}
