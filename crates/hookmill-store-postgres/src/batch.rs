//! Changes of events, runs and timers: decided in memory for a whole batch, written as sets.
//!
//! Three steps. `load` reads, and locks, the rows that the units name. `decide` performs one unit after the other on
//! what was read and on what the units before it made; a unit that is refused leaves nothing there. `write` hands over
//! what has become of it, one statement for each table.
//!
//! Two servers may take the same delivery at the same moment, and each writes only what it has not seen. So a batch
//! takes an advisory lock for each key of a delivery, and for each flow whose queue it adds to, before it looks: the
//! second one looks after the first has committed, and the order of the queue is that of the commits.

mod decide;
mod load;
mod write;

pub(crate) use load::epochs;

use std::collections::{BTreeMap, BTreeSet};

use hookmill_store::{Committed, Expect, Run, Shard, StoreError};
use tokio_postgres::{Client, Error};

use crate::change::EndedRun;
use crate::column::Key;
use crate::error::Failure;
use crate::step::{PackedEvent, Step};

/// A unit, or a part of one, that is only about events, runs and timers.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) expects: &'a [Expect],
    pub(crate) steps: &'a [Step],
    /// The shard as whose owner it is written, with the epoch.
    pub(crate) fence: Option<(Shard, u64)>,
}

/// The epochs of shards, as they stand behind their locks.
pub(crate) type Epochs = BTreeMap<Shard, u64>;

/// Where an event stands in the queue: its flow and its position.
type Place = (Key, i64);
/// A dedupe key among those of its scope.
type Delivery = (Key, Vec<u8>);

/// What stands in the database.
#[derive(Default)]
struct Found {
    runs: BTreeMap<Key, Run>,
    /// Events that exist, of those that are to be added.
    events: BTreeSet<Key>,
    pending: BTreeMap<Key, Place>,
    timers: BTreeMap<(i64, Key), i64>,
    /// The entity tags of flows that are not deleted.
    flows: BTreeMap<Key, u64>,
    epochs: Epochs,
    /// Bucket and event of each key, every time that it was stored.
    deliveries: BTreeMap<Delivery, Vec<(i64, Key)>>,
    /// Positions for new events, last first.
    positions: Vec<i64>,
}

/// What units made of it.
#[derive(Default)]
struct Made<'a> {
    runs: BTreeMap<Key, Run>,
    facts: Vec<(Key, i64, &'a [u8])>,
    events: BTreeMap<Key, (i64, &'a PackedEvent)>,
    /// `None` for an event that was taken from the queue.
    pending: BTreeMap<Key, Option<Place>>,
    /// `None` for a timer that was cleared.
    timers: BTreeMap<(i64, Key), Option<i64>>,
    deliveries: BTreeMap<Delivery, (i64, Key)>,
    /// `None` for what was forgotten.
    triggers: BTreeMap<Key, Option<&'a [u8]>>,
    ended: Vec<EndedRun>,
}

impl<'a> Made<'a> {
    fn add(&mut self, other: Made<'a>) {
        self.runs.extend(other.runs);
        self.facts.extend(other.facts);
        self.events.extend(other.events);
        self.pending.extend(other.pending);
        self.timers.extend(other.timers);
        self.deliveries.extend(other.deliveries);
        self.triggers.extend(other.triggers);
        self.ended.extend(other.ended);
    }
}

/// Whether the shard of a unit still belongs to this node, under the epoch that it knows.
pub(crate) fn is_owned(epochs: &Epochs, fence: Option<(Shard, u64)>) -> Result<(), StoreError> {
    match fence {
        Some((shard, epoch)) if epochs.get(&shard) != Some(&epoch) => {
            Err(StoreError::NotOwner { shard: shard.number() })
        }
        _ => Ok(()),
    }
}

/// Units that were performed in memory, and wait to be written.
pub(crate) struct Decided<'a> {
    found: Found,
    made: Made<'a>,
    /// What became of each unit.
    pub(crate) results: Vec<Result<Committed, StoreError>>,
}

/// Performs units one after the other on what it reads. Adds the runs that ended to `ended`.
pub(crate) async fn decide<'a>(
    client: &Client,
    units: &[Part<'a>],
    ended: &mut Vec<EndedRun>,
) -> Result<Decided<'a>, Failure> {
    let mut found = load::load(client, units).await?;
    let mut made = Made::default();
    let mut results = Vec::with_capacity(units.len());
    for unit in units {
        let before = std::mem::take(&mut made);
        let (after, result) = decide::unit(&mut found, before, *unit);
        made = after;
        results.push(result);
    }
    ended.append(&mut made.ended);
    Ok(Decided { found, made, results })
}

impl Decided<'_> {
    /// Writes what the units made. The statements are on their way when this is first polled.
    pub(crate) async fn write(self, client: &Client) -> Result<(), Error> {
        write::write(client, &self.found, self.made).await
    }
}

/// Performs units and writes what they made. Answers what became of each.
pub(crate) async fn perform(
    client: &Client,
    units: &[Part<'_>],
    ended: &mut Vec<EndedRun>,
) -> Result<Vec<Result<Committed, StoreError>>, Failure> {
    let mut decided = decide(client, units, ended).await?;
    let results = std::mem::take(&mut decided.results);
    decided.write(client).await?;
    Ok(results)
}
