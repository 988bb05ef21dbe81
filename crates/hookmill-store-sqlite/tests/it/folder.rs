//! The data folder: one server at a time, and clear words for everything that is wrong with it.

use std::fs::Permissions;
use std::path::Path;
use std::process::Command;

use hookmill_model::{Explain, Fault};
use hookmill_store::story::world::{event, id};
use hookmill_store::{Accounts, Change, Events, Lane, Store, StoreError};

use crate::{Told, open};

async fn pending(store: &dyn Store) -> Result<u64, StoreError> {
    Ok(store.pending_counts().await?.iter().map(|(_, count)| count).sum())
}

#[tokio::test]
async fn a_second_server_is_refused_and_the_first_goes_on() -> Told {
    let folder = tempfile::tempdir()?;
    let first = open(folder.path())?;
    let refused = open(folder.path()).unwrap_err();
    assert_eq!(refused, StoreError::Locked { folder: folder.path().display().to_string() });
    assert_eq!((refused.code(), refused.fault()), ("store_locked", Fault::Operator));
    assert!(refused.hint().is_some_and(|hint| hint.contains("--data")), "{refused}");
    first.ping().await?;
    // Closed is as good as dropped.
    first.close().await;
    let second = open(folder.path())?;
    drop(first);
    second.ping().await?;
    Ok(())
}

#[tokio::test]
async fn what_was_stored_is_there_after_opening_again() -> Told {
    let folder = tempfile::tempdir()?;
    let one = event(id(0), 1);
    {
        let store = open(folder.path())?;
        store.commit(Change::AddEvent(one.clone(), None).into(), Lane::Intake).await?;
        store.commit(Change::PutSetting("key".to_owned(), "value".into()).into(), Lane::Work).await?;
    }
    for _ in 0..3 {
        let store = open(folder.path())?;
        assert_eq!(store.event(one.id).await?, Some(one.clone()));
        assert_eq!(store.setting("key").await?.as_deref(), Some(&b"value"[..]));
        store.close().await;
    }
    // A store that was closed leaves no log behind.
    let log = std::fs::metadata(folder.path().join("hookmill.db-wal")).map_or(0, |file| file.len());
    assert_eq!(log, 0);
    Ok(())
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_is_named() -> Told {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir()?;
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o555))?;
    if std::fs::write(folder.path().join("probe"), "").is_ok() {
        println!("skipped: this user may write everywhere");
        return Ok(());
    }
    let refused = open(folder.path()).unwrap_err();
    assert!(matches!(&refused, StoreError::ReadOnly { folder: named, .. } if Path::new(named) == folder.path()));
    assert_eq!(refused.code(), "store_read_only");
    Ok(())
}

/// A file system that is mounted read-only refuses everybody, the administrator too.
#[cfg(target_os = "linux")]
#[test]
fn a_read_only_file_system_is_named() -> Told {
    let refused = open(Path::new("/proc/hookmill-data")).unwrap_err();
    assert!(matches!(refused, StoreError::ReadOnly { .. }), "{refused:?}");
    Ok(())
}

#[test]
fn a_file_that_is_no_database_is_damage() -> Told {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("hookmill.db"), "this is a diary, not a database. ".repeat(500))?;
    let refused = open(folder.path()).unwrap_err();
    assert!(matches!(refused, StoreError::Damaged { .. }), "{refused:?}");
    Ok(())
}

#[test]
fn data_of_a_later_release_is_refused_and_not_touched() -> Told {
    let folder = tempfile::tempdir()?;
    drop(open(folder.path())?);
    let file = folder.path().join("hookmill.db");
    // The version stands at byte 60 of the file's head, as SQLite's file format says.
    let mut bytes = std::fs::read(&file)?;
    bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
    std::fs::write(&file, &bytes)?;
    let refused = open(folder.path()).unwrap_err();
    assert!(matches!(refused, StoreError::TooNew { found: 99, .. }), "{refused:?}");
    assert_eq!(std::fs::read(&file)?, bytes);
    Ok(())
}

#[tokio::test]
async fn a_backup_is_a_whole_store() -> Told {
    let folder = tempfile::tempdir()?;
    let store = open(&folder.path().join("data"))?;
    let one = event(id(0), 1);
    store.commit(Change::AddEvent(one.clone(), None).into(), Lane::Intake).await?;
    let copy = folder.path().join("copy");
    std::fs::create_dir(&copy)?;
    store.copy_to(&copy.join("hookmill.db")).await?;
    assert!(store.copy_to(&copy.join("hookmill.db")).await.is_err(), "a backup never replaces a file");
    store.commit(Change::ConsumeEvent(one.id).into(), Lane::Work).await?;
    let restored = open(&copy)?;
    assert_eq!(restored.pending_counts().await?.len(), 1);
    assert_eq!(restored.event(one.id).await?, Some(one));
    assert_eq!(store.pending_counts().await?.len(), 0);
    Ok(())
}

/// A disk without space: a file system of its own where this user may mount one.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_and_heals() -> Told {
    let folder = tempfile::tempdir()?;
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=6m", "none"])
        .arg(folder.path())
        .output()
        .is_ok_and(|output| output.status.success());
    if !mounted {
        println!("skipped: no file system can be mounted here");
        return Ok(());
    }
    let told = fill(folder.path()).await;
    Command::new("umount").arg("-l").arg(folder.path()).status()?;
    told
}

#[cfg(target_os = "linux")]
async fn fill(folder: &Path) -> Told {
    let ballast = folder.join("ballast");
    std::fs::write(&ballast, vec![1_u8; 2 * 1_024 * 1_024])?;
    let store = open(&folder.join("data"))?;
    let mut stored = Vec::new();
    let refused = loop {
        let mut one = event(id(0), i64::try_from(stored.len())?);
        one.body = (0..60_000_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        match store.commit(Change::AddEvent(one.clone(), None).into(), Lane::Intake).await {
            Ok(_) => stored.push(one.id),
            Err(refusal) => break refusal,
        }
        assert!(stored.len() < 1_000, "the disk never fills");
    };
    assert_eq!((&refused, refused.is_retryable()), (&StoreError::Full, true));
    // A beat is small: it fits where a checkpoint has made the log reusable in between.
    assert!(matches!(store.ping().await, Ok(()) | Err(StoreError::Full)));
    for id in &stored {
        assert!(store.event(*id).await?.is_some());
    }
    std::fs::remove_file(&ballast)?;
    store.commit(Change::AddEvent(event(id(0), 0), None).into(), Lane::Intake).await?;
    assert_eq!(pending(&store).await?, stored.len() as u64 + 1);
    store.close().await;
    drop(store);
    let again = open(&folder.join("data"))?;
    assert_eq!(again.examine().await?, Vec::<String>::new());
    assert_eq!(pending(&again).await?, stored.len() as u64 + 1);
    Ok(())
}
