//! The task that keeps this node among the others: it says that the node lives, renews leases, takes shards that are
//! free, and gives up what is more than its share.
//!
//! Every node does the same by itself; nobody leads. Two that take one shard at the same moment are told apart by the
//! lock of the shard: taking it is exclusive, writing as its owner is shared. So a transaction of the owner before has
//! either ended when the epoch rises, or sees the new epoch and is refused. Only the database's clock is compared with
//! moments in the database; locally a lease ends so long after the question that renewed it was sent.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hookmill_store::{SHARDS, Shard, StoreError};
use tokio_postgres::{Client, Row};
use tracing::{debug, info, warn};

use crate::column::{args, get};
use crate::desk::Desk;
use crate::error::{is_lost, store_error};
use crate::place::{Place, Use};
use crate::schema::{LOCKS, shard_lock};
use crate::writer::Identity;

/// How long a lease holds.
pub(crate) const LEASE: Duration = Duration::from_secs(10);
/// How often it is renewed, and the other nodes are looked at.
const BEAT: Duration = Duration::from_secs(1);
/// How often what was asked long ago is thrown away.
const SWEEP: u32 = 60;

/// Another node, as the last look found it.
struct Seen {
    id: Vec<u8>,
    name: String,
    drains: bool,
    /// It says that it lives, or its connection is open and its last word is not old.
    lives: bool,
    /// Its connection is open although it has not said anything for the time of a lease.
    hangs: bool,
}

/// Keeps the leases of one node.
pub(crate) struct Keeper {
    place: Place,
    client: Option<Client>,
    own: Identity,
    desk: Arc<Desk>,
    beats: u32,
}

impl Keeper {
    /// Takes its share of the shards over a connection of its own.
    ///
    /// # Errors
    /// The database refused.
    pub(crate) async fn new(place: Place, own: Identity, desk: Arc<Desk>) -> Result<Self, StoreError> {
        let mut keeper = Self { place, client: None, own, desk, beats: 0 };
        keeper.beat().await?;
        Ok(keeper)
    }

    /// Goes on until the store is closed.
    pub(crate) async fn run(mut self) {
        loop {
            tokio::select! {
                () = self.desk.closed() => break,
                () = self.desk.shards_changed() => {}
                () = tokio::time::sleep(BEAT) => {}
            }
            if let Err(problem) = self.beat().await {
                debug!(error = %problem, "the leases were not renewed");
            }
        }
        if let Some(client) = &self.client {
            let give_up = "UPDATE shard SET owner = NULL, until = now() WHERE owner = $1";
            // What cannot be given up now ends with its lease.
            let _ = client.execute_typed(give_up, args![&self.own.id[..]]).await;
            let _ = client.execute_typed("DELETE FROM node WHERE id = $1", args![&self.own.id[..]]).await;
            self.desk.tell("shards");
        }
    }

    async fn beat(&mut self) -> Result<(), StoreError> {
        let done = self.renew_and_look().await;
        if done.is_err() {
            self.client = None;
        }
        done
    }

    async fn renew_and_look(&mut self) -> Result<(), StoreError> {
        let client = match self.client.take() {
            Some(client) if !client.is_closed() => client,
            _ => self.place.connect(Use::Keep).await?,
        };
        self.beats = self.beats.wrapping_add(1);
        self.renew(&client).await?;
        let nodes = self.look(&client).await?;
        self.divide(&client, &nodes).await?;
        if self.beats % SWEEP == 1 {
            self.sweep(&client).await?;
        }
        self.client = Some(client);
        Ok(())
    }

    fn told(&self, problem: &tokio_postgres::Error) -> StoreError {
        store_error(problem, &self.place.shown)
    }

    /// Says that the node lives, and renews its leases.
    async fn renew(&self, client: &Client) -> Result<(), StoreError> {
        let id = &self.own.id[..];
        let seen = "INSERT INTO node (id, name, version, batch, lock) VALUES ($1, $2, $3, 0, $4)
                    ON CONFLICT (id) DO UPDATE SET seen = now() RETURNING drains";
        let lock = i64::from(self.own.lock);
        match client.query_typed_one(seen, args![id, self.own.name, env!("CARGO_PKG_VERSION"), lock]).await {
            Ok(row) if get::<bool>(&row, 0)? => self.desk.drains(),
            Ok(_) => {}
            // The row is being written by a commit of our own, which says the same.
            Err(problem) if problem.code().is_some_and(|code| code.code() == "55P03") => {}
            Err(problem) => return Err(self.told(&problem)),
        }
        let asked = Instant::now();
        let renew = "UPDATE shard SET until = now() + make_interval(secs => $2::int8) WHERE owner = $1
                     RETURNING id, epoch";
        let rows = client.query_typed(renew, args![id, seconds(LEASE)]).await.map_err(|problem| self.told(&problem))?;
        let mut held = BTreeSet::new();
        for row in &rows {
            let (shard, epoch) = shard_and_epoch(row)?;
            held.insert(shard);
            if self.desk.leases.epoch(shard) != Some(epoch) {
                self.desk.took(shard, epoch, false);
            }
        }
        self.desk.leases.renew(asked, LEASE);
        for shard in Shard::all().filter(|shard| !held.contains(shard)) {
            if self.desk.leases.epoch(shard).is_some() {
                warn!(%shard, "another server has taken over a share of the flows");
                metrics::counter!("hookmill_shards_lost_total").increment(1);
                self.desk.leases.lose(shard);
            }
        }
        Ok(())
    }

    /// Every other node.
    async fn look(&self, client: &Client) -> Result<Vec<Seen>, StoreError> {
        // A node whose connection is gone is dead unless it speaks: it would open another one at once. One at our own
        // address is dead in any case.
        let sql = "SELECT id, name, drains,
                       CASE WHEN name = $3 THEN false
                            WHEN connected THEN seen > now() - make_interval(secs => $4::int8)
                            ELSE seen > now() - interval '2 s' END,
                       connected AND seen <= now() - make_interval(secs => $4::int8)
                   FROM (SELECT n.*, EXISTS (SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted
                             AND l.classid = $2::int8::oid AND l.objid = n.lock::oid
                             AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
                             AS connected
                         FROM node n WHERE n.id <> $1) AS n";
        let (locks, lease) = (i64::from(LOCKS), seconds(LEASE));
        let rows = client.query_typed(sql, args![&self.own.id[..], locks, self.own.name, lease]).await;
        let rows = rows.map_err(|problem| self.told(&problem))?;
        let seen = |row: &Row| {
            Ok(Seen {
                id: get(row, 0)?,
                name: get(row, 1)?,
                drains: get(row, 2)?,
                lives: get(row, 3)?,
                hangs: get(row, 4)?,
            })
        };
        let nodes = rows.iter().map(seen).collect::<Result<Vec<Seen>, StoreError>>()?;
        self.desk.set_others(nodes.iter().filter(|node| node.lives).count());
        Ok(nodes)
    }

    /// Takes what is free of this node's share, and gives up what is more.
    async fn divide(&self, client: &Client, nodes: &[Seen]) -> Result<(), StoreError> {
        let held = self.desk.leases.held();
        if self.desk.is_draining() {
            held.iter().for_each(|shard| self.desk.leases.leave(*shard));
            return Ok(());
        }
        let sharing = 1 + nodes.iter().filter(|node| node.lives && !node.drains).count();
        let share = SHARDS.div_ceil(sharing);
        let mut kept: Vec<Shard> = held.iter().copied().filter(|shard| !self.desk.leases.is_leaving(*shard)).collect();
        while kept.len() > share {
            if let Some(shard) = kept.pop() {
                self.desk.leases.leave(shard);
            }
        }
        // One that has not been given up yet counts: its runs are still here.
        let room = share.saturating_sub(held.len());
        if room > 0 {
            self.take(client, nodes, room).await?;
        }
        Ok(())
    }

    async fn take(&self, client: &Client, nodes: &[Seen], room: usize) -> Result<(), StoreError> {
        let told = |problem: tokio_postgres::Error| self.told(&problem);
        let living: Vec<Vec<u8>> = nodes.iter().filter(|node| node.lives).map(|node| node.id.clone()).collect();
        let free = "SELECT id, owner FROM shard
                    WHERE owner IS NULL OR until < now() OR NOT (owner = ANY ($1) OR owner = $2)";
        let rows = client.query_typed(free, args![living, &self.own.id[..]]).await.map_err(told)?;
        let mut free = Vec::with_capacity(rows.len());
        let mut before: BTreeSet<Vec<u8>> = BTreeSet::new();
        for row in &rows {
            free.push(get::<i64>(row, 0)?);
            before.extend(get::<Option<Vec<u8>>>(row, 1)?);
        }
        // Nodes that look at the same moment begin at different ends.
        let begin = usize::from(self.own.id[0]) % free.len().max(1);
        free.rotate_left(begin);
        free.truncate(room);
        free.sort_unstable();
        if free.is_empty() {
            return Ok(());
        }
        for node in nodes.iter().filter(|node| node.hangs && before.contains(&node.id)) {
            // It may have a transaction open, which would keep the lock of its shards.
            warn!(node.name = node.name, "the server {} is silent; its flows are taken over", node.name);
            let end = "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN node n ON l.objid = n.lock::oid
                       WHERE l.locktype = 'advisory' AND l.classid = $1::int8::oid AND n.id = $2
                           AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())";
            client.query_typed(end, args![i64::from(LOCKS), &node.id[..]]).await.map_err(told)?;
        }
        let asked = Instant::now();
        client.batch_execute("BEGIN").await.map_err(told)?;
        let taken = self.take_locked(client, &free, &living).await;
        let ended = client.batch_execute(if taken.is_ok() { "COMMIT" } else { "ROLLBACK" }).await;
        let rows = match taken {
            Ok(rows) => rows,
            // Their owner still writes: the next look tries again.
            Err(problem) if !is_lost(&problem) => {
                debug!(error = %problem, "shards could not be taken now");
                return Ok(());
            }
            Err(problem) => return Err(told(problem)),
        };
        ended.map_err(told)?;
        self.desk.leases.renew_at_most(asked, LEASE);
        for row in &rows {
            let (shard, epoch) = shard_and_epoch(row)?;
            self.desk.took(shard, epoch, get(row, 2)?);
        }
        if !rows.is_empty() {
            metrics::counter!("hookmill_shards_taken_total").increment(rows.len() as u64);
            info!(
                shards = rows.len(),
                "this server looks after {} of {SHARDS} shares of the flows",
                self.desk.leases.held().len()
            );
        }
        Ok(())
    }

    /// The transaction that takes shards: first their locks, in one order everywhere, then what stands there now.
    async fn take_locked(
        &self,
        client: &Client,
        shards: &[i64],
        living: &[Vec<u8>],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        let locks: Vec<i32> = shards.iter().map(|shard| shard_lock(*shard)).collect();
        let lock = "SELECT count(pg_advisory_xact_lock($1, n)) FROM unnest($2) AS n";
        client.query_typed(lock, args![LOCKS, locks]).await?;
        let take = "UPDATE shard SET owner = $2, epoch = shard.epoch + 1, orderly = false,
                        until = now() + make_interval(secs => $4::int8)
                    FROM (SELECT id, orderly FROM shard WHERE id = ANY ($1)) AS before
                    WHERE shard.id = before.id
                        AND (owner IS NULL OR until < now() OR NOT (owner = ANY ($3) OR owner = $2))
                    RETURNING shard.id, shard.epoch, before.orderly";
        let (shards, living) = (shards.to_vec(), living.to_vec());
        client.query_typed(take, args![shards, &self.own.id[..], living, seconds(LEASE)]).await
    }

    /// Throws away what nobody waits for any more.
    async fn sweep(&self, client: &Client) -> Result<(), StoreError> {
        let old = [
            "DELETE FROM mail WHERE made < now() - interval '10 minutes'",
            "DELETE FROM hold WHERE until < now() - interval '1 minute'",
            "DELETE FROM node WHERE seen < now() - interval '1 minute'
                 AND NOT EXISTS (SELECT FROM shard WHERE owner = node.id)",
        ];
        for sql in old {
            client.execute_typed(sql, &[]).await.map_err(|problem| self.told(&problem))?;
        }
        Ok(())
    }
}

fn seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX)
}

fn shard_and_epoch(row: &Row) -> Result<(Shard, u64), StoreError> {
    let (shard, epoch) = (shard(row, 0)?, get::<i64>(row, 1)?);
    match u64::try_from(epoch) {
        Ok(epoch) => Ok((shard, epoch)),
        Err(_) => Err(StoreError::Damaged { detail: format!("shard {shard} has the epoch {epoch}") }),
    }
}

/// The shard whose number stands in a column.
pub(crate) fn shard(row: &Row, column: usize) -> Result<Shard, StoreError> {
    let number = get::<i64>(row, column)?;
    let shard = u8::try_from(number).map(Shard::new);
    shard.map_err(|_| StoreError::Damaged { detail: format!("there is no shard {number}") })
}
