//! The data folder: copied while the server works, brought back, looked over.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use hookmill_store_sqlite as sqlite;
use hookmill_vault::Vault;

use crate::output::{self, Look, Verdict};
use crate::serve::{VAULT_SETTING, explained};

/// What a backup holds beside the database: without the key its secrets stay sealed.
const VAULT_FILES: [&str; 2] = ["master.key", "master.check"];

#[derive(Args)]
#[command(
    after_help = "Example:\n  hookmill backup --data /var/lib/hookmill /backup/hookmill-2026-11-24\n\nThe server may go on working. The copy is of one moment. It holds the master key unless --without-key is given or the\nkey comes from HOOKMILL_MASTER_KEY: keep it where the key may be."
)]
pub struct BackupArgs {
    /// The folder to make
    #[arg(value_name = "FOLDER")]
    target: PathBuf,
    /// The data folder of the server
    #[arg(long, env = "HOOKMILL_DATA", default_value = "./hookmill-data", value_name = "DIR")]
    data: PathBuf,
    /// Leave the master key out; then it must be kept elsewhere
    #[arg(long)]
    without_key: bool,
}

#[derive(Args)]
#[command(
    after_help = "Example:\n  hookmill restore /backup/hookmill-2026-11-24 --data /var/lib/hookmill\n\nThe data folder must be empty or missing: a store that is there is never overwritten."
)]
pub struct RestoreArgs {
    /// The folder that `hookmill backup` made, or the file that the settings page gave
    #[arg(value_name = "FOLDER|FILE")]
    source: PathBuf,
    /// The data folder to fill
    #[arg(long, env = "HOOKMILL_DATA", default_value = "./hookmill-data", value_name = "DIR")]
    data: PathBuf,
}

#[derive(Args)]
#[command(
    after_help = "Example:\n  hookmill doctor --data /var/lib/hookmill\n\nThe server may go on working. Exit code 1 where anything is wrong."
)]
pub struct DoctorArgs {
    /// The data folder of the server
    #[arg(long, env = "HOOKMILL_DATA", default_value = "./hookmill-data", value_name = "DIR")]
    data: PathBuf,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub fn backup(args: &BackupArgs) -> Result<Verdict> {
    keep_private();
    if args.target.exists() {
        bail!("{} exists already; a backup makes its own folder", args.target.display());
    }
    if !sqlite::database(&args.data).is_file() {
        bail!("there is no data in {}; name the server's folder with --data", args.data.display());
    }
    private_folder(&args.target)?;
    sqlite::copy(&args.data, &sqlite::database(&args.target)).map_err(|error| explained(&error))?;
    for name in VAULT_FILES.iter().filter(|name| !args.without_key || **name != "master.key") {
        copy_file(&args.data.join(name), &args.target.join(name))?;
    }
    let findings = sqlite::examine(&args.target).map_err(|error| explained(&error))?;
    if !findings.is_empty() {
        bail!("the copy is not sound: {}", findings.join("; "));
    }
    let bytes = std::fs::metadata(sqlite::database(&args.target)).map_or(0, |facts| facts.len());
    let key = if args.target.join("master.key").exists() { "with the master key" } else { "without the master key" };
    output::line(format_args!("{}: {} KiB, {key}", args.target.display(), bytes / 1_024))?;
    Ok(Verdict::Fine)
}

pub fn restore(args: &RestoreArgs) -> Result<Verdict> {
    keep_private();
    let is_used = std::fs::read_dir(&args.data).is_ok_and(|mut entries| entries.next().is_some());
    if is_used {
        bail!("{} is not empty; move it away first, or name another folder with --data", args.data.display());
    }
    let is_file = args.source.is_file();
    let database = if is_file { args.source.clone() } else { sqlite::database(&args.source) };
    if !database.is_file() {
        bail!("{} is no backup: it has no database", args.source.display());
    }
    // Copied first: a file that came from a browser stands in no folder of its own, in which it could be looked over.
    private_folder(&args.data)?;
    let copy = sqlite::database(&args.data);
    copy_file(&database, &copy)?;
    let findings = sqlite::examine(&args.data).map_err(|error| explained(&error));
    if findings.as_ref().map_or(true, |findings| !findings.is_empty()) {
        for entry in std::fs::read_dir(&args.data)?.flatten() {
            std::fs::remove_file(entry.path()).with_context(|| format!("removing {}", entry.path().display()))?;
        }
        bail!("the backup is not sound: {}", findings?.join("; "));
    }
    if !is_file {
        for name in VAULT_FILES {
            copy_file(&args.source.join(name), &args.data.join(name))?;
        }
    }
    mark_restored(&args.data)?;
    output::line(format_args!("{} is ready: hookmill serve --data {}", args.data.display(), args.data.display()))?;
    if !args.data.join("master.key").exists() {
        output::note(
            "The backup has no master key. Put the file master.key of the old data folder into the new one, or give \
             the key with HOOKMILL_MASTER_KEY: without it all connections must be made again.",
        )?;
    }
    Ok(Verdict::Fine)
}

/// Leaves a mark in the data, so that the next start asks services for their webhooks before it calls any of them live.
fn mark_restored(data: &Path) -> Result<()> {
    use hookmill_store::{Change, Lane, Store as _, Unit};
    let store = sqlite::SqliteStore::open(data, sqlite::SqliteOptions::default()).map_err(|error| explained(&error))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mark = Change::PutSetting(hookmill_runtime::RESTORED.to_owned(), "restored".into());
    runtime.block_on(async {
        store.commit(Unit::from(mark), Lane::Work).await.map_err(|error| explained(&error))?;
        store.close().await;
        Ok(())
    })
}

pub fn doctor(args: &DoctorArgs) -> Result<Verdict> {
    let looks = [
        Look { what: "data folder", found: folder(&args.data) },
        Look { what: "store", found: store(&args.data) },
        Look { what: "master key", found: vault(&args.data) },
        Look { what: "privacy", found: privacy(&args.data) },
    ];
    output::looks(&looks, args.json)
}

fn folder(data: &Path) -> std::result::Result<String, String> {
    let shown = data.display();
    let facts = std::fs::metadata(data).map_err(|error| format!("{shown}: {error}"))?;
    if !facts.is_dir() {
        return Err(format!("{shown} is not a folder"));
    }
    let probe = data.join(format!(".doctor-{}", std::process::id()));
    std::fs::write(&probe, b"").map_err(|error| format!("{shown} cannot be written: {error}"))?;
    std::fs::remove_file(&probe).map_err(|error| format!("{shown}: {error}"))?;
    Ok(format!("{shown} can be written"))
}

/// Lets this process make files for its own user only.
pub fn keep_private() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
}

/// Makes the data folder, and closes it and its files to other users of the machine.
pub fn make_private(data: &Path) -> Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data)
        .with_context(|| format!("cannot create the data folder {}", data.display()))?;
    for path in open_to_others(data) {
        let mode = if path.is_dir() { 0o700 } else { 0o600 };
        if let Err(error) = std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)) {
            let shown = path.display();
            tracing::warn!(%error, "other users of this machine may read {shown}, and that cannot be changed");
        }
    }
    Ok(())
}

/// The folder and the files in it that other users may read or write.
fn open_to_others(data: &Path) -> Vec<std::path::PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let is_open = |path: &Path| std::fs::metadata(path).is_ok_and(|facts| facts.permissions().mode() & 0o077 != 0);
    let files = std::fs::read_dir(data).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    std::iter::once(data.to_owned()).chain(files).filter(|path| is_open(path)).collect()
}

/// Whether other users of the machine are kept out.
fn privacy(data: &Path) -> std::result::Result<String, String> {
    let open: Vec<String> = open_to_others(data).iter().map(|path| path.display().to_string()).collect();
    if open.is_empty() {
        return Ok("only the server's own user can read the data".to_owned());
    }
    Err(format!(
        "other users of this machine can read {}; start the server once, or: chmod -R go= {}",
        open.join(", "),
        data.display()
    ))
}

fn store(data: &Path) -> std::result::Result<String, String> {
    let findings = sqlite::examine(data).map_err(|error| explained(&error).to_string())?;
    if findings.is_empty() {
        Ok("sound: every journal and every rule was checked".to_owned())
    } else {
        Err(findings.join("; "))
    }
}

fn vault(data: &Path) -> std::result::Result<String, String> {
    let master = std::env::var("HOOKMILL_MASTER_KEY").ok();
    // Opening makes a key or the proof of one where there is none; looking must not.
    if !data.join(VAULT_FILES[1]).is_file() {
        let is_stored = sqlite::database(data).is_file();
        let holds_sealed = is_stored
            && sqlite::has_setting_or_account(data, VAULT_SETTING).map_err(|error| explained(&error).to_string())?;
        let has_key = master.is_some() || data.join(VAULT_FILES[0]).is_file();
        return match (holds_sealed, has_key) {
            (false, _) => Ok("nothing is sealed yet".to_owned()),
            (true, true) => Ok("there is a key; the next start shows whether it opens what is sealed".to_owned()),
            (true, false) => Err(format!(
                "the store holds sealed values, and the key is gone: put master.key back into {}, or give it with \
                 HOOKMILL_MASTER_KEY; where it is lost for good, start once with --new-master-key and make the \
                 connections and webhooks again",
                data.display()
            )),
        };
    }
    let vault = Vault::open(data, master.as_deref()).map_err(|error| explained(&error).to_string())?;
    Ok(format!("opens what is sealed; it comes from {}", vault.key_place()))
}

fn private_folder(path: &Path) -> Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).with_context(|| format!("cannot make {}", path.display()))
}

/// Copies a file with its permissions; one that is not there is passed over.
fn copy_file(from: &Path, to: &Path) -> Result<()> {
    if !from.exists() {
        return Ok(());
    }
    std::fs::copy(from, to).with_context(|| format!("copying {} to {}", from.display(), to.display()))?;
    std::fs::File::open(to).and_then(|file| file.sync_all()).with_context(|| format!("writing {}", to.display()))
}
