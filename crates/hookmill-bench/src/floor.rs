//! The floor: a receiver that does nothing but store each body durably and answer 202.
//!
//! It is the bound for everything that acknowledges only what is on disk: the same SQLite settings and the same group
//! commit by one writer thread as Hookmill, without flows, runs or history.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use anyhow::Result;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use bytes::Bytes;
use tokio::sync::oneshot;

/// Units that one transaction takes at most; more gain nothing.
const BATCH_MAX: usize = 256;

struct Unit {
    body: Bytes,
    stored: oneshot::Sender<()>,
}

/// Serves until the listener is dropped with the task.
pub async fn serve(listener: tokio::net::TcpListener, folder: &Path) -> Result<()> {
    let (units, inbox) = sync_channel::<Unit>(4_096);
    let file = folder.join("floor.db");
    let connection = rusqlite::Connection::open(file)?;
    connection.execute_batch(
        "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=2048;
         CREATE TABLE event (id INTEGER PRIMARY KEY, body BLOB NOT NULL);",
    )?;
    std::thread::spawn(move || write(connection, &inbox));
    let router = Router::new().route("/callback/{capability}", post(accept)).with_state(units);
    axum::serve(listener, router).await?;
    Ok(())
}

async fn accept(State(units): State<SyncSender<Unit>>, body: Bytes) -> StatusCode {
    let (stored, done) = oneshot::channel();
    if units.try_send(Unit { body, stored }).is_err() {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    match done.await {
        Ok(()) => StatusCode::ACCEPTED,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn write(mut connection: rusqlite::Connection, inbox: &Receiver<Unit>) {
    while let Ok(first) = inbox.recv() {
        let mut batch = vec![first];
        batch.extend(inbox.try_iter().take(BATCH_MAX - 1));
        if store(&mut connection, &batch).is_ok() {
            for unit in batch {
                // A caller that went away does not need the answer.
                let _ = unit.stored.send(());
            }
        }
    }
}

fn store(connection: &mut rusqlite::Connection, batch: &[Unit]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut insert = transaction.prepare_cached("INSERT INTO event (body) VALUES (?1)")?;
        for unit in batch {
            insert.execute([&unit.body[..]])?;
        }
    }
    transaction.commit()
}
