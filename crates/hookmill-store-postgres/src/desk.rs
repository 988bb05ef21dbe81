//! What nodes say to each other: notices, questions to the owners of shards, names that one of them holds.
//!
//! Notices go by NOTIFY over a connection of their own, never inside of a transaction with data: at its commit such a
//! transaction would wait for a lock of the whole database. They are gathered for some milliseconds and may be lost;
//! questions stand in a table, and are looked for twice a second whatever was heard.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use hookmill_model::hex;
use hookmill_store::{Asked, Leases, Shard, StoreError};
use tokio::sync::{Notify, broadcast, mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_postgres::Client;
use tracing::debug;

use crate::column::{Arg, args, get};
use crate::error::store_error;
use crate::keeper::shard;
use crate::place::Place;
use crate::writer::Identity;

/// The name under which nodes listen.
const CHANNEL: &str = "hookmill";
/// Notices that wait to be sent; more are dropped.
const NOTICES_MAX: usize = 8_192;
/// Notices are gathered for so long.
const GATHER: Duration = Duration::from_millis(10);
/// Bytes of one NOTIFY; PostgreSQL takes 8,000.
const PAYLOAD_MAX: usize = 7_900;
/// How often the table of questions is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// Questions that are taken at a time.
const TAKEN_MAX: i64 = 64;
/// Questions that are being answered.
const ASKED_MAX: usize = 256;
const PAUSE: Duration = Duration::from_millis(250);

/// What the store, its keeper and this task share.
pub(crate) struct Desk {
    pub(crate) leases: Arc<Leases>,
    own: Identity,
    place: Place,
    client: RwLock<Option<Arc<Client>>>,
    others: AtomicUsize,
    draining: AtomicBool,
    closed: watch::Sender<bool>,
    /// Shards may have become free.
    shards: Notify,
    /// Shards whose owner before cut no call off.
    orderly: Mutex<HashSet<Shard>>,
    out: mpsc::Sender<String>,
    unsent: Mutex<Option<mpsc::Receiver<String>>>,
    notices: broadcast::Sender<String>,
    /// Who waits for the answer to which question.
    waiting: Mutex<HashMap<[u8; 16], Arc<Notify>>>,
    mail: Notify,
    asked: mpsc::Sender<Asked>,
    unasked: Mutex<Option<mpsc::Receiver<Asked>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A name that is new.
fn fresh() -> Result<[u8; 16], StoreError> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|error| StoreError::Unavailable { detail: error.to_string(), unknown: false })?;
    Ok(id)
}

impl Desk {
    pub(crate) fn new(place: Place, own: Identity) -> Self {
        let (out, unsent) = mpsc::channel(NOTICES_MAX);
        let (asked, unasked) = mpsc::channel(ASKED_MAX);
        Self {
            leases: Leases::none(),
            own,
            place,
            client: RwLock::default(),
            others: AtomicUsize::new(0),
            draining: AtomicBool::new(false),
            closed: watch::channel(false).0,
            shards: Notify::new(),
            orderly: Mutex::default(),
            out,
            unsent: Mutex::new(Some(unsent)),
            notices: broadcast::channel(4_096).0,
            waiting: Mutex::default(),
            mail: Notify::new(),
            asked,
            unasked: Mutex::new(Some(unasked)),
        }
    }

    pub(crate) async fn closed(&self) {
        let _ = self.closed.subscribe().wait_for(|closed| *closed).await;
    }

    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
    }

    pub(crate) async fn shards_changed(&self) {
        self.shards.notified().await;
    }

    pub(crate) fn took(&self, shard: Shard, epoch: u64, orderly: bool) {
        if orderly {
            locked(&self.orderly).insert(shard);
        } else {
            locked(&self.orderly).remove(&shard);
        }
        self.leases.take(shard, epoch);
        self.mail.notify_one();
    }

    pub(crate) fn was_orderly(&self, shard: Shard) -> bool {
        locked(&self.orderly).contains(&shard)
    }

    pub(crate) fn set_others(&self, count: usize) {
        self.others.store(count, Ordering::Relaxed);
    }

    pub(crate) fn has_others(&self) -> bool {
        self.others.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    pub(crate) fn drains(&self) {
        if !self.draining.swap(true, Ordering::AcqRel) {
            self.shards.notify_one();
        }
    }

    pub(crate) fn notices(&self) -> broadcast::Receiver<String> {
        self.notices.subscribe()
    }

    pub(crate) fn take_asked(&self) -> Option<mpsc::Receiver<Asked>> {
        locked(&self.unasked).take()
    }

    /// Tells all other nodes something; dropped where too much waits to be sent.
    pub(crate) fn tell(&self, text: impl Into<String>) {
        let text = text.into();
        if text.len() < PAYLOAD_MAX - 40 && self.out.try_send(text).is_err() {
            metrics::counter!("hookmill_notices_dropped_total").increment(1);
        }
    }

    async fn client(&self) -> Result<Arc<Client>, StoreError> {
        let until = Instant::now() + Duration::from_secs(5);
        loop {
            let client = self.client.read().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(client) = client.filter(|client| !client.is_closed()) {
                return Ok(client);
            }
            if Instant::now() > until {
                let detail = format!("{}: there is no connection", self.place.shown);
                return Err(StoreError::Unavailable { detail, unknown: false });
            }
            tokio::time::sleep(PAUSE / 5).await;
        }
    }

    async fn execute(&self, sql: &str, values: &[Arg<'_>]) -> Result<u64, StoreError> {
        let client = self.client().await?;
        client.execute_typed(sql, values).await.map_err(|problem| store_error(&problem, &self.place.shown))
    }

    /// Gives shards up.
    pub(crate) async fn let_go(&self, shards: &[Shard], orderly: bool) -> Result<(), StoreError> {
        let ids: Vec<i64> = shards.iter().map(|shard| i64::from(shard.number())).collect();
        let orderly = i64::from(orderly);
        let sql = "UPDATE shard SET owner = NULL, until = now(), orderly = $3 = 1 WHERE id = ANY ($1) AND owner = $2";
        let done = self.execute(sql, args![ids, &self.own.id[..], orderly]).await;
        shards.iter().for_each(|shard| self.leases.lose(*shard));
        self.tell("shards");
        done.map(drop)
    }

    pub(crate) async fn hold(&self, name: &str, span: Duration) -> Result<bool, StoreError> {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        let sql = "INSERT INTO hold AS h (name, owner, until)
                   VALUES ($1, $2, now() + $3::int8 * interval '1 millisecond')
                   ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until
                   WHERE h.until < now() OR h.owner = excluded.owner";
        Ok(self.execute(sql, args![name, &self.own.id[..], millis]).await? > 0)
    }

    pub(crate) async fn give_back(&self, name: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM hold WHERE name = $1 AND owner = $2";
        self.execute(sql, args![name, &self.own.id[..]]).await.map(drop)
    }

    /// Asks the owner of a shard.
    pub(crate) async fn ask(&self, shard: Shard, body: Bytes, wait: Duration) -> Result<Bytes, StoreError> {
        let id = fresh()?;
        let heard = Arc::new(Notify::new());
        locked(&self.waiting).insert(id, Arc::clone(&heard));
        let _forget = Forget(self, id);
        let until = Instant::now() + wait;
        let put = "INSERT INTO mail (id, shard, body, asker) VALUES ($1, $2, $3, $4)";
        let number = i64::from(shard.number());
        self.execute(put, args![&id[..], number, &body[..], &self.own.id[..]]).await?;
        self.tell("mail");
        self.mail.notify_one();
        let mut looks = 0_u32;
        loop {
            tokio::select! {
                () = heard.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
            let take = "DELETE FROM mail WHERE id = $1 AND answer IS NOT NULL RETURNING answer";
            let client = self.client().await?;
            let row = client.query_typed_opt(take, args![&id[..]]).await;
            match row {
                Ok(Some(row)) => return Ok(Bytes::from(get::<Vec<u8>>(&row, 0)?)),
                Ok(None) => {}
                Err(problem) => debug!(error = %problem, "an answer is asked for again"),
            }
            if Instant::now() >= until {
                // Who has not taken it yet shall not do so when nobody waits any more.
                let taken = "DELETE FROM mail WHERE id = $1 AND taker IS NULL";
                let unknown = !matches!(self.execute(taken, args![&id[..]]).await, Ok(1));
                let detail = "the server that looks after the flow did not answer in time".to_owned();
                return Err(StoreError::Unavailable { detail, unknown });
            }
            looks += 1;
            if looks.is_multiple_of(4) {
                // Who took it may be gone: the next owner takes it.
                let again = "UPDATE mail SET taker = NULL WHERE id = $1 AND answer IS NULL AND taker IS NOT NULL
                                 AND NOT EXISTS (SELECT FROM shard WHERE shard.id = mail.shard AND owner = taker)";
                if let Ok(1) = self.execute(again, args![&id[..]]).await {
                    self.tell("mail");
                    self.mail.notify_one();
                }
            }
        }
    }

    /// Listens, speaks and answers until the store is closed.
    pub(crate) async fn run(self: Arc<Self>) {
        let Some(unsent) = locked(&self.unsent).take() else { return };
        let speaking = tokio::spawn(Arc::clone(&self).speak(unsent));
        let answering = tokio::spawn(Arc::clone(&self).answer_all());
        loop {
            let (heard, mut hears) = mpsc::unbounded_channel();
            match self.place.connect_listening(CHANNEL, heard).await {
                Ok(client) => {
                    *self.client.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(client));
                    // Anything may have been said meanwhile.
                    let _ = self.notices.send(String::new());
                    self.mail.notify_one();
                    loop {
                        tokio::select! {
                            () = self.closed() => break,
                            said = hears.recv() => match said {
                                Some(said) => self.hear(&said),
                                None => break,
                            }
                        }
                    }
                }
                Err(problem) => debug!(error = %problem, "this server does not hear the others now"),
            }
            if *self.closed.borrow() {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        answering.abort();
        // What is said last, that shards are free, is sent before the connection ends.
        let _ = tokio::time::timeout(PAUSE * 4, speaking).await;
        *self.client.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn hear(&self, said: &str) {
        let Some((from, notices)) = said.split_once('\n') else { return };
        if from == hex(&self.own.id) {
            return;
        }
        for notice in notices.split('\n') {
            match notice.split_once(' ') {
                None if notice == "shards" => self.shards.notify_one(),
                None if notice == "mail" => self.mail.notify_one(),
                Some(("answer", id)) => {
                    let waiting = locked(&self.waiting);
                    if let Some((_, heard)) = waiting.iter().find(|(own, _)| hex(&own[..]) == id) {
                        heard.notify_one();
                    }
                }
                _ => drop(self.notices.send(notice.to_owned())),
            }
        }
    }

    async fn speak(self: Arc<Self>, mut unsent: mpsc::Receiver<String>) {
        let own = hex(&self.own.id);
        loop {
            let first = tokio::select! {
                first = unsent.recv() => first,
                () = self.closed() => unsent.try_recv().ok(),
            };
            let Some(first) = first else { return };
            if !*self.closed.borrow() {
                tokio::time::sleep(GATHER).await;
            }
            let mut payload = format!("{own}\n{first}");
            let mut last = first;
            while payload.len() < PAYLOAD_MAX / 2 {
                let Ok(next) = unsent.try_recv() else { break };
                if next != last {
                    payload.push('\n');
                    payload.push_str(&next);
                    last = next;
                }
            }
            let said = self.execute("SELECT pg_notify($1, $2)", args![CHANNEL, payload]).await;
            if let Err(problem) = said {
                debug!(error = %problem, "the other servers were not told something");
            }
        }
    }

    /// Hands on what others ask.
    async fn answer_all(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = self.mail.notified() => {}
                () = tokio::time::sleep(LOOK), if self.has_others() => {}
            }
            let taken = match self.take_mail().await {
                Ok(taken) => taken,
                Err(problem) => {
                    debug!(error = %problem, "what others ask cannot be read now");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            if i64::try_from(taken.len()).unwrap_or(0) == TAKEN_MAX {
                self.mail.notify_one();
            }
            for (id, shard, body) in taken {
                let own = Arc::clone(&self);
                tokio::spawn(async move { own.answer(id, shard, body).await });
            }
        }
    }

    async fn take_mail(&self) -> Result<Vec<(Vec<u8>, Shard, Bytes)>, StoreError> {
        let held: Vec<i64> = self.leases.held().iter().map(|shard| i64::from(shard.number())).collect();
        if held.is_empty() {
            return Ok(Vec::new());
        }
        let sql = "UPDATE mail SET taker = $2 WHERE id IN (
                       SELECT id FROM mail WHERE taker IS NULL AND shard = ANY ($1) ORDER BY made LIMIT $3
                       FOR UPDATE SKIP LOCKED)
                   RETURNING id, shard, body";
        let client = self.client().await?;
        let rows = client.query_typed(sql, args![held, &self.own.id[..], TAKEN_MAX]).await;
        let rows = rows.map_err(|problem| store_error(&problem, &self.place.shown))?;
        let read = |row| Ok((get::<Vec<u8>>(row, 0)?, shard(row, 1)?, Bytes::from(get::<Vec<u8>>(row, 2)?)));
        rows.iter().map(read).collect()
    }

    async fn answer(&self, id: Vec<u8>, shard: Shard, body: Bytes) {
        let (answer, answered) = oneshot::channel();
        let told = self.asked.send(Asked { shard, body, answer }).await;
        let stored = match (told, answered.await) {
            (Ok(()), Ok(bytes)) => {
                let sql = "UPDATE mail SET answer = $2 WHERE id = $1";
                self.execute(sql, args![id, &bytes[..]]).await
            }
            // It is left for the next owner, or for the next look.
            _ => self.execute("UPDATE mail SET taker = NULL WHERE id = $1", args![id]).await,
        };
        match stored {
            Ok(_) => self.tell(format!("answer {}", hex(&id))),
            Err(problem) => debug!(error = %problem, "an answer could not be stored"),
        }
    }
}

/// Nobody waits for the answer to a question any more.
struct Forget<'a>(&'a Desk, [u8; 16]);

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        locked(&self.0.waiting).remove(&self.1);
    }
}
