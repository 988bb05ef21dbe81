//! The ideal: the jobs written by hand with the same durability and nothing else. It is the bound for Hookmill.
//!
//! A notification is on disk before it is answered: compressed, one row, group-committed by one writer thread. Its run
//! looks at the branch, makes the text, posts it where the job says so, and records the run in a second group commit.
//! There is no flow language, no history of steps, no fairness, no recovery: what those cost is the distance to this.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use tokio::sync::oneshot;

/// Units that one transaction takes at most; more gain nothing.
const BATCH_MAX: usize = 256;
/// As in Hookmill's own store.
const COMPRESSION_LEVEL: i32 = 1;

/// How the hand-written receiver is started; the comparison starts it as a process of its own.
#[derive(Args, Debug)]
pub struct IdealOptions {
    /// Where it listens.
    #[arg(long)]
    listen: std::net::SocketAddr,
    /// Where the database is made.
    #[arg(long)]
    folder: PathBuf,
    /// Where texts are posted to.
    #[arg(long)]
    sink: String,
}

/// One row to write, and who waits for its commit.
enum Row {
    Event { body: Vec<u8> },
    Run { event: i64, text: String, status: u16 },
}

struct Unit {
    row: Row,
    stored: oneshot::Sender<i64>,
}

struct Ideal {
    units: SyncSender<Unit>,
    client: Client<HttpConnector, Full<Bytes>>,
    sink: String,
    ended: AtomicU64,
}

/// The part of a push that the job reads; all else is skipped while parsing.
#[derive(Deserialize)]
struct Push {
    #[serde(rename = "ref")]
    branch: String,
    pusher: Pusher,
    repository: Repository,
    head_commit: Commit,
}

#[derive(Deserialize)]
struct Pusher {
    name: String,
}

#[derive(Deserialize)]
struct Repository {
    full_name: String,
}

#[derive(Deserialize)]
struct Commit {
    message: String,
}

/// Serves until the process ends.
pub async fn serve(options: &IdealOptions) -> Result<()> {
    let (units, inbox) = sync_channel::<Unit>(4_096);
    let connection = open(&options.folder)?;
    std::thread::spawn(move || write(connection, &inbox));
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let ideal = Arc::new(Ideal {
        units,
        client: Client::builder(TokioExecutor::new()).build(connector),
        sink: format!("{}/text", options.sink),
        ended: AtomicU64::new(0),
    });
    let router = Router::new()
        .route("/a", post(answered))
        .route("/b", post(recorded))
        .route("/c", post(awaited))
        .route(
            "/ended",
            get(|State(ideal): State<Arc<Ideal>>| async move { ideal.ended.load(Ordering::Relaxed).to_string() }),
        )
        .with_state(ideal);
    let listener = tokio::net::TcpListener::bind(options.listen).await.context("listening")?;
    axum::serve(listener, router).await?;
    Ok(())
}

async fn answered(State(ideal): State<Arc<Ideal>>, body: Bytes) -> StatusCode {
    let Some(event) = ideal.accept(&body).await else { return StatusCode::SERVICE_UNAVAILABLE };
    tokio::spawn(async move { ideal.run(event, &body, true).await });
    StatusCode::ACCEPTED
}

async fn recorded(State(ideal): State<Arc<Ideal>>, body: Bytes) -> StatusCode {
    let Some(event) = ideal.accept(&body).await else { return StatusCode::SERVICE_UNAVAILABLE };
    tokio::spawn(async move { ideal.run(event, &body, false).await });
    StatusCode::ACCEPTED
}

async fn awaited(State(ideal): State<Arc<Ideal>>, body: Bytes) -> (StatusCode, &'static str) {
    let Some(event) = ideal.accept(&body).await else { return (StatusCode::SERVICE_UNAVAILABLE, "") };
    ideal.run(event, &body, true).await;
    (StatusCode::OK, "done")
}

impl Ideal {
    /// Stores the notification; its number once it is on disk.
    async fn accept(&self, body: &[u8]) -> Option<i64> {
        self.store(Row::Event { body: zstd::bulk::compress(body, COMPRESSION_LEVEL).ok()? }).await
    }

    async fn store(&self, row: Row) -> Option<i64> {
        let (stored, done) = oneshot::channel();
        self.units.try_send(Unit { row, stored }).ok()?;
        done.await.ok()
    }

    async fn run(&self, event: i64, body: &[u8], calls: bool) {
        let mut status = 0;
        let mut text = String::new();
        if let Ok(push) = serde_json::from_slice::<Push>(body)
            && push.branch == "refs/heads/main"
        {
            text =
                format!("{} pushed to {}: {}", push.pusher.name, push.repository.full_name, push.head_commit.message);
            if calls {
                status = self.post(&text).await.unwrap_or(599);
            }
        }
        if self.store(Row::Run { event, text, status }).await.is_some() {
            self.ended.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn post(&self, text: &str) -> Result<u16> {
        let body = serde_json::to_vec(&serde_json::json!({"text": text}))?;
        let request = axum::http::Request::post(&self.sink)
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))?;
        let answer = self.client.request(request).await?;
        let status = answer.status().as_u16();
        answer.into_body().collect().await?;
        Ok(status)
    }
}

fn open(folder: &Path) -> Result<rusqlite::Connection> {
    let connection = rusqlite::Connection::open(folder.join("ideal.db"))?;
    connection.execute_batch(
        "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=2048;
         CREATE TABLE IF NOT EXISTS event (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
         CREATE TABLE IF NOT EXISTS run (event INTEGER PRIMARY KEY, text TEXT NOT NULL, status INTEGER NOT NULL,
             ended REAL NOT NULL DEFAULT (julianday('now')));",
    )?;
    Ok(connection)
}

fn write(mut connection: rusqlite::Connection, inbox: &Receiver<Unit>) {
    while let Ok(first) = inbox.recv() {
        let mut batch = vec![first];
        batch.extend(inbox.try_iter().take(BATCH_MAX - 1));
        match store(&mut connection, &batch) {
            Ok(numbers) => {
                for (unit, number) in batch.into_iter().zip(numbers) {
                    // A caller that went away does not need the answer.
                    let _ = unit.stored.send(number);
                }
            }
            // The senders see that their unit was dropped.
            Err(_) => drop(batch),
        }
    }
}

fn store(connection: &mut rusqlite::Connection, batch: &[Unit]) -> rusqlite::Result<Vec<i64>> {
    let transaction = connection.transaction()?;
    let mut numbers = Vec::with_capacity(batch.len());
    {
        let mut event = transaction.prepare_cached("INSERT INTO event (body) VALUES (?1)")?;
        let mut run = transaction.prepare_cached("INSERT INTO run (event, text, status) VALUES (?1, ?2, ?3)")?;
        for unit in batch {
            numbers.push(match &unit.row {
                Row::Event { body } => event.insert([body])?,
                Row::Run { event, text, status } => run.insert(rusqlite::params![event, text, status])?,
            });
        }
    }
    transaction.commit()?;
    Ok(numbers)
}
