//! Reading the rows that units name, and locking them.

use std::collections::BTreeSet;
use std::hash::Hasher;

use hookmill_store::{Change, Expect, Shard};
use tokio_postgres::{Client, Error, Row};

use super::{Epochs, Found, Part};
use crate::column::{Arg, Key, args, get, int, key};
use crate::error::{Failure, all};
use crate::read::run;
use crate::schema::{LOCKS, shard_lock};
use crate::step::{Step, timer_key};

/// What units name.
#[derive(Default)]
struct Named {
    runs: BTreeSet<Key>,
    added: Vec<Key>,
    taken: BTreeSet<Key>,
    timers: BTreeSet<(i64, Key)>,
    scopes: Vec<Key>,
    keys: Vec<Vec<u8>>,
    buckets: Vec<i64>,
    locks: BTreeSet<i32>,
    flows: BTreeSet<Key>,
}

impl Named {
    fn by(units: &[Part<'_>]) -> Self {
        let mut named = Self::default();
        for unit in units {
            for expect in unit.expects {
                match expect {
                    Expect::RunEpoch(id, _) | Expect::RunActive(id) => drop(named.runs.insert(key(*id))),
                    Expect::EventPending(id) => drop(named.taken.insert(key(*id))),
                    Expect::FlowEtag(id, _) => drop(named.flows.insert(key(*id))),
                    Expect::TimerDue(timer) => drop(named.timers.insert(timer_key(timer.key))),
                    _ => {}
                }
            }
            for step in unit.steps {
                named.step(step);
            }
        }
        named
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::AddEvent(one) => {
                self.added.push(key(one.event.id));
                self.locks.insert(lock(&key(one.event.flow), b""));
                if let Some(dedupe) = &one.dedupe {
                    let oldest = *dedupe.buckets(one.event.received_at).start();
                    for own in &dedupe.keys {
                        self.scopes.push(one.scope());
                        self.keys.push(own.to_vec());
                        self.buckets.push(oldest);
                    }
                }
            }
            Step::StartRun(run, _) => drop(self.runs.insert(key(run.id))),
            Step::AppendFacts { run, .. } | Step::Plain(Change::UpdateRun { run, .. }) => {
                self.runs.insert(key(*run));
            }
            Step::Plain(Change::ConsumeEvent(id)) => drop(self.taken.insert(key(*id))),
            _ => {}
        }
    }
}

/// The number of an advisory lock. Two things with one number wait for each other, which harms nobody.
fn lock(scope: &Key, name: &[u8]) -> i32 {
    // Numbers of every release must be the same: this is FNV-1a, and not the hash of the standard library.
    struct Fnv(u64);
    impl Hasher for Fnv {
        fn finish(&self) -> u64 {
            self.0
        }
        fn write(&mut self, bytes: &[u8]) {
            for byte in bytes {
                self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        }
    }
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    hash.write(&scope.0);
    hash.write(name);
    let folded = hash.finish() ^ (hash.finish() >> 32);
    // The lower half of the numbers is for locks that have a meaning each.
    i32::from_be_bytes([
        folded.to_be_bytes()[4],
        folded.to_be_bytes()[5],
        folded.to_be_bytes()[6],
        folded.to_be_bytes()[7],
    ]) | i32::MIN
}

/// Shares the locks of the shards that units name, and reads their epochs behind that. Both statements are on their way
/// at once.
pub(crate) async fn epochs(client: &Client, units: &[Part<'_>]) -> Result<Epochs, Error> {
    let shards: BTreeSet<i64> = units.iter().filter_map(|unit| Some(i64::from(unit.fence?.0.number()))).collect();
    if shards.is_empty() {
        return Ok(Epochs::new());
    }
    let locks: Vec<i32> = shards.iter().map(|shard| shard_lock(*shard)).collect();
    let shards: Vec<i64> = shards.into_iter().collect();
    // The second statement sees what was committed until it begins, which is behind the lock.
    let lock = "SELECT count(pg_advisory_xact_lock_shared($1, n)) FROM unnest($2) AS n";
    let (locks, shards): (&[Arg<'_>], &[Arg<'_>]) = (args![LOCKS, locks], args![shards]);
    let [_, rows] = all(tokio::join!(
        biased;
        client.query_typed(lock, locks),
        client.query_typed("SELECT id, epoch FROM shard WHERE id = ANY ($1)", shards),
    )
    .into())?;
    let read = |row: &Row| {
        let shard = u8::try_from(row.try_get::<_, i64>(0)?).unwrap_or_default();
        Ok((Shard::new(shard), u64::try_from(row.try_get::<_, i64>(1)?).unwrap_or_default()))
    };
    rows.iter().map(read).collect()
}

/// The rows of a statement; none where it has no values, since then there is nothing to look for.
async fn ask(client: &Client, sql: &str, values: &[Arg<'_>]) -> Result<Vec<Row>, Error> {
    if values.is_empty() { Ok(Vec::new()) } else { client.query_typed(sql, values).await }
}

/// Reads what the units name. All statements are under way at once.
pub(super) async fn load(client: &Client, units: &[Part<'_>]) -> Result<Found, Failure> {
    let named = Named::by(units);
    let locks: Vec<i32> = named.locks.into_iter().collect();
    let flows: Vec<Key> = named.flows.into_iter().collect();
    let runs: Vec<Key> = named.runs.into_iter().collect();
    let taken: Vec<Key> = named.taken.into_iter().collect();
    let (kinds, timers): (Vec<i64>, Vec<Key>) = named.timers.into_iter().unzip();
    let added = int(named.added.len() as u64);
    // In one order everywhere, so that two servers never wait for each other.
    let lock_all = "SELECT count(pg_advisory_xact_lock($1, n)) FROM unnest($2) AS n";
    let runs_sql = run::FOR_UPDATE;
    let pending_sql = "SELECT e.id, p.flow, p.seq FROM event e JOIN pending p ON p.flow = e.flow AND p.seq = e.seq
                       WHERE e.id = ANY ($1) FOR UPDATE OF p";
    let timers_sql = "SELECT t.kind, t.id, t.due FROM timer t
                      JOIN unnest($1, $2) AS n (kind, id) ON n.kind = t.kind AND n.id = t.id FOR UPDATE OF t";
    let deliveries_sql = "SELECT d.scope, d.key, d.bucket, d.event FROM dedupe d
                          JOIN unnest($1, $2, $3) AS n (scope, key, bucket)
                          ON d.scope = n.scope AND d.key = n.key AND d.bucket >= n.bucket
                          WHERE d.bucket >= $4";
    let oldest = named.buckets.iter().min().copied().unwrap_or(0);
    let locks: &[Arg<'_>] = if locks.is_empty() { &[] } else { args![LOCKS, locks] };
    let runs: &[Arg<'_>] = if runs.is_empty() { &[] } else { args![runs] };
    let ids: &[Arg<'_>] = if added == 0 { &[] } else { args![named.added] };
    let count: &[Arg<'_>] = if added == 0 { &[] } else { args![added] };
    let taken: &[Arg<'_>] = if taken.is_empty() { &[] } else { args![taken] };
    let due: &[Arg<'_>] = if timers.is_empty() { &[] } else { args![kinds, timers] };
    let keys: &[Arg<'_>] =
        if named.keys.is_empty() { &[] } else { args![named.scopes, named.keys, named.buckets, oldest] };
    let flows: &[Arg<'_>] = if flows.is_empty() { &[] } else { args![flows] };
    let (epochs, [_, found_flows, found_runs, events, pending, found_timers, deliveries, positions]) = {
        let (epochs, answers) = tokio::join!(biased; epochs(client, units), async {
            all(tokio::join!(
        biased;
        ask(client, lock_all, locks),
        ask(client, "SELECT id, etag FROM flow WHERE id = ANY ($1) AND deleted IS NULL", flows),
        ask(client, runs_sql, runs),
        ask(client, "SELECT id FROM event WHERE id = ANY ($1)", ids),
        ask(client, pending_sql, taken),
        ask(client, timers_sql, due),
        ask(client, deliveries_sql, keys),
        ask(client, "SELECT nextval('event_seq') FROM generate_series(1, $1)", count),
            )
            .into())
        });
        // Where the locks failed, the statements behind them failed because of that.
        (epochs?, answers?)
    };
    let mut found = Found { epochs, ..Found::default() };
    for row in &found_flows {
        found.flows.insert(get(row, 0)?, u64::try_from(get::<i64>(row, 1)?).unwrap_or_default());
    }
    for row in &found_runs {
        let one = run::run(row)?;
        found.runs.insert(key(one.id), one);
    }
    for row in &events {
        found.events.insert(get(row, 0)?);
    }
    for row in &pending {
        found.pending.insert(get(row, 0)?, (get(row, 1)?, get(row, 2)?));
    }
    for row in &found_timers {
        found.timers.insert((get(row, 0)?, get(row, 1)?), get(row, 2)?);
    }
    for row in &deliveries {
        let delivery = (get::<Key>(row, 0)?, get::<Vec<u8>>(row, 1)?);
        found.deliveries.entry(delivery).or_default().push((get(row, 2)?, get(row, 3)?));
    }
    for row in positions.iter().rev() {
        found.positions.push(get(row, 0)?);
    }
    Ok(found)
}
