//! Events of many items: their runs begin page by page, from the stored body.
//!
//! How far an event is stands in a setting, written in the unit that begins the runs of a page; so no item is lost, and
//! none begins twice, wherever a process dies. The event waits in the queue until its last page. A page begins once the
//! runs before have found memory, and a large event makes room for others now and then: it comes back by itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use hookmill_definition::plan::Trigger;
use hookmill_engine::trigger::{Event as Fired, Items};
use hookmill_model::{EventId, FlowId, RunStatus};
use hookmill_store::{Change, Event, Expect, Flow, Lane, Shard, StoreError, Unit};
use serde::{Deserialize, Serialize};

use crate::beginning::{Beginning, Origin};
use crate::budget::{Room, SMALL_BYTES};
use crate::plans::Version;
use crate::queue::{PARSED_FACTOR, Slot};
use crate::{Error, Runtime, locked};

/// What the names of the settings begin with that say how far events are.
const SETTING: &str = "split/";
/// So many items are looked at for one page.
const PAGE: usize = 256;
/// A page ends after so long, however few of its items were looked at.
const PAGE_WAIT: Duration = Duration::from_secs(1);
/// How long an event goes on while others want the memory that it takes.
const STINT: Duration = Duration::from_secs(2);
/// How often it is looked whether the runs before have found memory.
const PACE: Duration = Duration::from_millis(5);

/// How far an event is.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Progress {
    /// The version of the flow that it began with.
    version: u32,
    /// Items that were looked at.
    items: usize,
    /// Runs that have begun.
    runs: usize,
}

/// How far the events are whose first runs have begun, and whose last ones have not; `None` where that cannot be read.
#[derive(Default)]
pub(crate) struct Splits(Mutex<HashMap<EventId, Option<Progress>>>);

/// An event with what its runs begin with.
pub(crate) struct Splitting<'a> {
    pub event: &'a Event,
    pub flow: &'a Arc<Flow>,
    pub version: &'a Arc<Version>,
    pub trigger: &'a Trigger,
    pub items: Items,
    pub fired: Fired,
}

fn setting(event: EventId) -> String {
    format!("{SETTING}{event}")
}

impl Splits {
    /// The version of its flow that an event goes on with; `None` where none of its runs has begun.
    pub fn version_of(&self, event: EventId) -> Option<u32> {
        locked(&self.0).get(&event).copied().flatten().map(|progress| progress.version)
    }

    /// Whether runs of an event have begun.
    pub fn has_begun(&self, event: EventId) -> bool {
        locked(&self.0).contains_key(&event)
    }

    /// Whether it cannot be read how far an event is.
    pub fn is_damaged(&self, event: EventId) -> bool {
        locked(&self.0).get(&event).is_some_and(Option::is_none)
    }

    /// What is stored when an event needs nothing more.
    pub fn forget(&self, event: EventId) -> Option<Change> {
        locked(&self.0).contains_key(&event).then(|| Change::DeleteSetting(setting(event)))
    }
}

impl Runtime {
    /// Reads how far the events are that another process left in the shards that are taken up. What this node knows of
    /// its other shards is newer than what is read, and stays.
    pub(crate) async fn read_splits(&self, wants: &(impl Fn(Shard) -> bool + Sync)) -> Result<(), StoreError> {
        for (name, bytes) in self.0.store.settings(SETTING).await? {
            let Some(event) = name.strip_prefix(SETTING).and_then(|event| event.parse::<EventId>().ok()) else {
                tracing::error!(name, "a setting names no event; it stays as it is");
                continue;
            };
            let Some(stored) = self.0.store.event(event).await? else { continue };
            if !wants(Shard::of(stored.flow)) {
                continue;
            }
            let what = format_args!("how far event {event} is");
            let progress = hookmill_store::read(what, &bytes, |bytes| serde_json::from_slice::<Progress>(bytes));
            let progress = progress.inspect_err(|damaged| tracing::error!(%damaged, "an event cannot go on")).ok();
            locked(&self.0.splits.0).insert(event, progress);
        }
        Ok(())
    }

    /// Begins the runs of an event of many items, page by page, the first run in the slot.
    ///
    /// # Errors
    /// The store refused, or others want the memory: what has begun has begun, and the event goes on later.
    pub(crate) async fn begin_items(&self, splitting: Splitting<'_>, slot: Slot, mut room: Room) -> Result<(), Error> {
        let Splitting { event, flow, version, trigger, items, fired } = splitting;
        let known = locked(&self.0.splits.0).get(&event.id).copied().flatten();
        let mut progress = known.unwrap_or(Progress { version: version.number, items: 0, runs: 0 });
        let (mut slot, mut fault, since) = (Some(slot), None, Instant::now());
        let is_short = version.is_short(event.body.len() + PAGE * event.head.len());
        loop {
            room.hold(PARSED_FACTOR * event.body.len());
            self.until_few_are_due(flow.id).await?;
            if self.flow_entry(flow.id).await?.is_none_or(|entry| entry.flow.deleted_at.is_some()) {
                let unit = Unit::new().expect(Expect::EventPending(event.id)).with(Change::ConsumeEvent(event.id));
                let unit = self.0.splits.forget(event.id).into_iter().fold(unit.owned(flow.id), Unit::with);
                return self.commit_begin(unit, Lane::Work).await.map(drop);
            }
            let (mut records, mut bytes) = (Vec::new(), 0);
            let end = items.len().min(progress.items + PAGE);
            let looked = self.bounded(flow.id, is_short, |wanted| {
                let since = Instant::now();
                while progress.items < end && bytes <= SMALL_BYTES && since.elapsed() < PAGE_WAIT {
                    let made = items.record(&version.plan, trigger, &fired, progress.items, wanted);
                    if !wanted() {
                        return;
                    }
                    match made {
                        Ok(Some(record)) => {
                            bytes += record.heap_bytes_within(SMALL_BYTES);
                            records.push(record);
                        }
                        Ok(None) => {}
                        Err(error) => fault = fault.take().or(Some(error)),
                    }
                    progress.items += 1;
                }
            });
            // An item whose conditions cannot be evaluated starts no run; the others do.
            if let Err(unfinished) = looked.await {
                let error = unfinished.of_trigger(&trigger.name)?;
                fault = fault.take().or(Some(error));
                progress.items += 1;
            }
            let is_first = progress.runs == 0;
            progress.runs += records.len();
            let is_last = progress.items >= items.len();
            if records.is_empty() && !is_last {
                continue;
            }
            let origin = if is_first { Origin::Event(event) } else { Origin::Item(event) };
            let unit = Unit::new().expect(Expect::EventPending(event.id)).owned(flow.id);
            let unit = if is_last {
                let unit = unit.with(Change::ConsumeEvent(event.id));
                self.0.splits.forget(event.id).into_iter().fold(unit, Unit::with)
            } else {
                let bytes = serde_json::to_vec(&progress).map_err(|error| Error::Internal(error.to_string()))?;
                unit.with(Change::PutSetting(setting(event.id), bytes.into()))
            };
            if progress.runs == 0 {
                let status = if fault.is_some() { RunStatus::Failed } else { RunStatus::Skipped };
                let why = fault.unwrap_or_else(|| Items::none_fits(trigger));
                return self.not_begun(unit, flow, origin, status, &why).await.map(drop);
            }
            if records.is_empty() {
                self.commit_begin(unit, Lane::Work).await?;
            } else {
                let beginning = Beginning { unit, lane: Lane::Work, flow, version, origin, is_plain: false };
                let begun = self.begin_in(beginning, records, &mut room).await?;
                if begun.is_empty() {
                    // Another task was faster.
                    return Ok(());
                }
                self.activate_all(flow, version, begun, slot.take(), self.0.budget.room(flow.id));
            }
            if is_last {
                locked(&self.0.splits.0).remove(&event.id);
                return Ok(());
            }
            locked(&self.0.splits.0).insert(event.id, Some(progress));
            room.give_back();
            if room.is_wanted() && since.elapsed() > STINT {
                return Err(Error::Store(StoreError::Overloaded { retry_after_s: 1 }));
            }
        }
    }

    /// Waits until few runs of a flow wait to be taken into memory.
    async fn until_few_are_due(&self, flow: FlowId) -> Result<(), Error> {
        while !self.0.queue.has_few_due(flow) {
            if *self.0.stopped.borrow() {
                return Err(Error::Store(StoreError::Closed));
            }
            // Nothing is taken into memory until the end of a careful start: the event goes on then.
            if self.0.queue.is_held() {
                return Err(Error::Store(StoreError::Overloaded { retry_after_s: 1 }));
            }
            tokio::time::sleep(PACE).await;
        }
        Ok(())
    }
}
