//! A copy of the data for the owner's browser: made beside the data, handed out, forgotten.

use std::path::{Path as FilePath, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hookmill_model::Timestamp;
use hookmill_store::{Change, Lane, Unit};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use utoipa::ToSchema;

use crate::account::Caller;
use crate::extract::Json;
use crate::{Problem, ServerState, settings};

/// The name of the setting that says when a copy was last fetched.
const LAST: &str = "backup";
/// A copy that nobody fetches is forgotten after this time, and so is one that was fetched.
const KEPT: Duration = Duration::from_secs(3_600);
/// Bytes that are read from the copy at a time.
const CHUNK: usize = 256 * 1_024;
const FILE: &str = "hookmill.download.db";

/// The copy there is.
#[derive(Default)]
pub(crate) struct Backups(Mutex<Option<Backup>>);

#[derive(Clone)]
struct Backup {
    id: String,
    file: PathBuf,
    made_at: Timestamp,
    expected_bytes: u64,
    stage: Stage,
}

#[derive(Clone)]
enum Stage {
    Making,
    Ready { bytes: u64 },
    Failed { why: String },
}

impl Backups {
    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Backup>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, id: &str) -> Option<Backup> {
        self.slot().clone().filter(|backup| backup.id == id)
    }

    fn enter(&self, id: &str, stage: Stage) {
        if let Some(backup) = self.slot().as_mut().filter(|backup| backup.id == id) {
            backup.stage = stage;
        }
    }
}

/// Removes what an earlier process left behind.
pub(crate) fn forget_left_over(folder: &FilePath) {
    let _ = std::fs::remove_file(folder.join(FILE));
}

/// How far a copy is.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BackupStage {
    /// It is being written.
    Making,
    /// It can be fetched.
    Ready,
    /// It could not be written.
    Failed,
}

/// A copy of the data.
#[derive(Serialize, ToSchema)]
pub struct BackupView {
    id: String,
    stage: BackupStage,
    /// When it was begun; it has what there was then.
    made_at: Timestamp,
    /// What is written of it.
    bytes: u64,
    /// About what it will have.
    expected_bytes: u64,
    /// Why it could not be written.
    #[schema(required)]
    detail: Option<String>,
}

/// When a copy was last fetched whole.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
pub struct BackupFetched {
    at: Timestamp,
    bytes: u64,
}

/// Copies of the data.
#[derive(Serialize, ToSchema)]
pub struct BackupsView {
    /// The copy there is; it is forgotten after an hour.
    #[schema(required)]
    current: Option<BackupView>,
    /// When a copy was last fetched whole.
    #[schema(required)]
    last: Option<BackupFetched>,
    /// What the data takes on disk; a copy needs about as much room beside it.
    data_bytes: u64,
}

fn shown(backup: &Backup) -> BackupView {
    let (stage, bytes, detail) = match &backup.stage {
        Stage::Making => (BackupStage::Making, std::fs::metadata(&backup.file).map_or(0, |facts| facts.len()), None),
        Stage::Ready { bytes } => (BackupStage::Ready, *bytes, None),
        Stage::Failed { why } => (BackupStage::Failed, 0, Some(why.clone())),
    };
    let Backup { id, made_at, expected_bytes, .. } = backup;
    BackupView { id: id.clone(), stage, made_at: *made_at, bytes, expected_bytes: *expected_bytes, detail }
}

/// When a copy was last fetched whole.
pub(crate) async fn last(store: &dyn hookmill_store::Store) -> Result<Option<BackupFetched>, hookmill_runtime::Error> {
    let Some(bytes) = store.setting(LAST).await? else { return Ok(None) };
    let read = hookmill_store::read("the note of the last backup", &bytes, |bytes| serde_json::from_slice(bytes));
    Ok(Some(read?))
}

/// The moment alone.
pub(crate) async fn last_fetched(
    store: &dyn hookmill_store::Store,
) -> Result<Option<Timestamp>, hookmill_runtime::Error> {
    Ok(last(store).await?.map(|last| last.at))
}

/// How far a copy of the data is, and when one was last fetched
#[utoipa::path(get, path = "/api/backups", tag = "settings", responses((status = 200, body = BackupsView)))]
pub async fn backups(caller: Caller, State(state): State<ServerState>) -> Result<Json<BackupsView>, Problem> {
    settings::owner(&state, &caller).await?;
    let last = last(&***state.store()).await?;
    let data_bytes = state.store().figures().await?.bytes;
    Ok(Json(BackupsView { current: state.backups.slot().as_ref().map(shown), last, data_bytes }))
}

/// Make a copy of the data, as it is now; the master key is not in it
#[utoipa::path(post, path = "/api/backups", tag = "settings", responses((status = 202, body = BackupView)))]
pub async fn make_backup(
    caller: Caller,
    State(state): State<ServerState>,
) -> Result<(StatusCode, Json<BackupView>), Problem> {
    settings::owner(&state, &caller).await?;
    let not_possible = |detail: &str| Problem::new(StatusCode::CONFLICT, "not_possible", detail);
    let Some(folder) = state.config.folder.clone() else {
        let detail = "The data is in a database of its own: copy it with the means of PostgreSQL, such as pg_dump. The \
                      master key is in the data folder of the server.";
        return Err(not_possible(detail));
    };
    let expected_bytes = state.store().figures().await?.bytes;
    let backup = Backup {
        id: hookmill_vault::make_capability().map_err(|error| Problem::explain(&error))?.to_string(),
        file: folder.join(FILE),
        made_at: state.runtime.now(),
        expected_bytes,
        stage: Stage::Making,
    };
    {
        let mut slot = state.backups.slot();
        if slot.as_ref().is_some_and(|before| matches!(before.stage, Stage::Making)) {
            return Err(not_possible("A copy is being made already. Wait until it is ready."));
        }
        *slot = Some(backup.clone());
    }
    let answer = shown(&backup);
    tokio::spawn(write(state, backup));
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

async fn write(state: ServerState, backup: Backup) {
    // A reader of an earlier copy keeps its file open and is not disturbed.
    let _ = tokio::fs::remove_file(&backup.file).await;
    let stage = match state.store().copy_to(&backup.file).await {
        Ok(()) => match tokio::fs::metadata(&backup.file).await {
            Ok(facts) => Stage::Ready { bytes: facts.len() },
            Err(error) => Stage::Failed { why: error.to_string() },
        },
        Err(error) => Stage::Failed { why: error.to_string() },
    };
    if let Stage::Failed { why } = &stage {
        tracing::warn!(%why, "a copy of the data could not be made");
        let _ = tokio::fs::remove_file(&backup.file).await;
    }
    state.backups.enter(&backup.id, stage);
    let mut stopping = state.stopping.subscribe();
    tokio::select! {
        () = tokio::time::sleep(KEPT) => {}
        _ = stopping.changed() => {}
    }
    let is_last = state.backups.of(&backup.id).is_some();
    if is_last {
        *state.backups.slot() = None;
        let _ = tokio::fs::remove_file(&backup.file).await;
    }
}

/// The copy itself: a database file for `hookmill restore`
#[utoipa::path(get, path = "/api/backups/{id}/file", tag = "settings", responses((status = 200, body = [u8], content_type = "application/vnd.sqlite3")))]
pub async fn backup_file(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    settings::owner(&state, &caller).await?;
    let backup = state.backups.of(&id).ok_or_else(|| {
        Problem::missing("backup").hint("A copy is kept for an hour. Make a new one under Settings → Server.")
    })?;
    let Stage::Ready { bytes } = backup.stage else { return Err(Problem::missing("backup")) };
    let file = tokio::fs::File::open(&backup.file).await.map_err(|error| Problem::internal(&error))?;
    let day: String = backup.made_at.to_string().chars().take(10).collect();
    let head = [
        (header::CONTENT_TYPE, "application/vnd.sqlite3".to_owned()),
        (header::CONTENT_LENGTH, bytes.to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"hookmill-{day}.db\"")),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    let reading = Reading { file, left: bytes, state, fetched: BackupFetched { at: backup.made_at, bytes } };
    let stream = futures_util::stream::try_unfold(reading, Reading::next);
    Ok((head, Body::from_stream(stream)).into_response())
}

/// A copy on its way.
struct Reading {
    file: tokio::fs::File,
    left: u64,
    state: ServerState,
    fetched: BackupFetched,
}

impl Reading {
    async fn next(mut self) -> std::io::Result<Option<(Bytes, Self)>> {
        if self.left == 0 {
            return Ok(None);
        }
        let mut chunk = vec![0; CHUNK.min(usize::try_from(self.left).unwrap_or(CHUNK))];
        let read = self.file.read(&mut chunk).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        chunk.truncate(read);
        self.left -= read as u64;
        if self.left == 0 {
            note(&self.state, self.fetched).await;
        }
        Ok(Some((chunk.into(), self)))
    }
}

/// Remembers that a copy went out whole. Where that cannot be stored, the page only misses a date.
async fn note(state: &ServerState, fetched: BackupFetched) {
    let value = serde_json::to_vec(&fetched).unwrap_or_default();
    let unit = Unit::from(Change::PutSetting(LAST.to_owned(), value.into()));
    if let Err(error) = state.store().commit(unit, Lane::Work).await {
        tracing::warn!(%error, "the date of a backup could not be stored");
    }
}
