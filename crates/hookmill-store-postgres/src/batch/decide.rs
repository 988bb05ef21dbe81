//! Performing one unit on what is in memory.

use hookmill_model::RunId;
use hookmill_store::{Change, Committed, Dedupe, Expect, Run, RunUpdate, StoreError};

use super::{Found, Made, Part, Place};
use crate::change::EndedRun;
use crate::column::{Key, int, key};
use crate::step::{Facts, PackedEvent, Step, timer_key};

type Done = Result<(), StoreError>;

/// What the units before this one made, and what this one makes: the latter is dropped when it is refused.
struct Desk<'f, 'a> {
    found: &'f mut Found,
    before: Made<'a>,
    now: Made<'a>,
}

/// Performs one unit. Answers everything that was made until then, with what the unit made where it was not refused.
pub(super) fn unit<'a>(
    found: &mut Found,
    before: Made<'a>,
    unit: Part<'a>,
) -> (Made<'a>, Result<Committed, StoreError>) {
    let mut desk = Desk { found, before, now: Made::default() };
    let result = desk.perform(unit);
    let Desk { mut before, now, .. } = desk;
    if result.is_ok() {
        before.add(now);
    }
    (before, result)
}

impl<'a> Desk<'_, 'a> {
    fn perform(&mut self, unit: Part<'a>) -> Result<Committed, StoreError> {
        super::is_owned(&self.found.epochs, unit.fence)?;
        for expect in unit.expects {
            self.check(expect)?;
        }
        let mut accepted = None;
        for step in unit.steps {
            match step {
                Step::AddEvent(event) => accepted = Some(self.add_event(event)?),
                Step::StartRun(run, facts) => self.start(run, facts)?,
                Step::AppendFacts { run, epoch, from, facts, update } => {
                    self.append(*run, *epoch, *from, facts, update)?;
                }
                Step::Plain(Change::UpdateRun { run, epoch, update }) => {
                    let standing = self.standing(*run, *epoch)?;
                    self.change(standing, update);
                }
                Step::Plain(Change::ConsumeEvent(id)) => {
                    if self.place(&key(*id)).is_none() {
                        return Err(StoreError::conflict("event", id, "it is not pending"));
                    }
                    self.now.pending.insert(key(*id), None);
                }
                Step::Plain(Change::SetTimer(timer)) => {
                    self.now.timers.insert(timer_key(timer.key), Some(timer.due_at.as_micros()));
                }
                Step::Plain(Change::ClearTimer(timer)) => drop(self.now.timers.insert(timer_key(*timer), None)),
                Step::Plain(Change::PutTriggerState(flow, state)) => {
                    self.now.triggers.insert(key(*flow), Some(state));
                }
                Step::Plain(Change::DeleteTriggerState(flow)) => drop(self.now.triggers.insert(key(*flow), None)),
                other => {
                    let detail = format!("a change came to the wrong place: {other:?}");
                    return Err(StoreError::Unavailable { detail, unknown: false });
                }
            }
        }
        Ok(Committed { accepted })
    }

    fn check(&self, expect: &Expect) -> Done {
        match expect {
            Expect::RunEpoch(id, epoch) => self.standing(*id, *epoch).map(drop),
            Expect::RunActive(id) => match self.run(&key(*id)) {
                None => Err(StoreError::missing("run", id)),
                Some(run) if run.status.is_final() => Err(StoreError::conflict("run", id, "it has ended")),
                Some(_) => Ok(()),
            },
            Expect::EventPending(id) if self.place(&key(*id)).is_some() => Ok(()),
            Expect::EventPending(id) => Err(StoreError::conflict("event", id, "it is not pending")),
            Expect::TimerDue(timer) if self.timer(&timer_key(timer.key)) == Some(timer.due_at.as_micros()) => Ok(()),
            Expect::TimerDue(timer) => {
                Err(StoreError::conflict("timer", timer.key, "it is not set to the expected moment"))
            }
            Expect::FlowEtag(id, etag) => match self.found.flows.get(&key(*id)) {
                None => Err(StoreError::missing("flow", id)),
                Some(found) if found == etag => Ok(()),
                Some(found) => Err(StoreError::conflict("flow", id, format!("its etag is {found}, not {etag}"))),
            },
            other => {
                let detail = format!("a condition came to the wrong place: {other:?}");
                Err(StoreError::Unavailable { detail, unknown: false })
            }
        }
    }

    fn run(&self, id: &Key) -> Option<&Run> {
        self.now.runs.get(id).or_else(|| self.before.runs.get(id)).or_else(|| self.found.runs.get(id))
    }

    fn place(&self, event: &Key) -> Option<Place> {
        let made = self.now.pending.get(event).or_else(|| self.before.pending.get(event));
        made.copied().unwrap_or_else(|| self.found.pending.get(event).copied())
    }

    fn timer(&self, timer: &(i64, Key)) -> Option<i64> {
        let made = self.now.timers.get(timer).or_else(|| self.before.timers.get(timer));
        made.copied().unwrap_or_else(|| self.found.timers.get(timer).copied())
    }

    fn standing(&self, id: RunId, epoch: u64) -> Result<Run, StoreError> {
        match self.run(&key(id)) {
            None => Err(StoreError::missing("run", id)),
            Some(run) if run.epoch == epoch => Ok(run.clone()),
            Some(run) => {
                let detail = format!("it belongs to epoch {}, not {epoch}", run.epoch);
                Err(StoreError::conflict("run", id, detail))
            }
        }
    }

    fn add_event(&mut self, one: &'a PackedEvent) -> Result<u64, StoreError> {
        let id = key(one.event.id);
        if let Some(dedupe) = &one.dedupe {
            self.remember(one, dedupe)?;
        }
        let exists = self.found.events.contains(&id)
            || [&self.now, &self.before].iter().any(|made| made.events.contains_key(&id));
        if exists {
            return Err(StoreError::conflict("event", one.event.id, "it exists already"));
        }
        let Some(position) = self.found.positions.pop() else {
            let detail = "the database gave too few positions".to_owned();
            return Err(StoreError::Unavailable { detail, unknown: false });
        };
        self.now.pending.insert(id, Some((key(one.event.flow), position)));
        self.now.events.insert(id, (position, one));
        Ok(u64::try_from(position).unwrap_or(0))
    }

    fn remember(&mut self, one: &PackedEvent, dedupe: &Dedupe) -> Done {
        let buckets = dedupe.buckets(one.event.received_at);
        let (mut of, mut fresh) = (None, Vec::new());
        for own in &dedupe.keys {
            let delivery = (one.scope(), own.to_vec());
            let made = self.now.deliveries.get(&delivery).or_else(|| self.before.deliveries.get(&delivery));
            let found = self.found.deliveries.get(&delivery).into_iter().flatten();
            match made.into_iter().chain(found).find(|(bucket, _)| bucket >= buckets.start()) {
                Some((_, known)) => of = Some(known.id()),
                None => fresh.push(delivery),
            }
        }
        if let (Some(of), true) = (of, fresh.is_empty()) {
            return Err(StoreError::Duplicate { of });
        }
        let stored = (*buckets.end(), key(one.event.id));
        self.now.deliveries.extend(fresh.into_iter().map(|delivery| (delivery, stored)));
        Ok(())
    }

    fn start(&mut self, one: &Run, facts: &'a Facts) -> Done {
        let id = key(one.id);
        if self.run(&id).is_some() {
            return Err(StoreError::conflict("run", one.id, "it exists already"));
        }
        if facts.count > 0 {
            self.now.facts.push((id, 0, &facts.column));
        }
        let run = Run { facts: facts.count, ..one.clone() };
        if run.status.is_final() {
            self.now.ended.push(EndedRun::of(&run));
        }
        self.now.runs.insert(id, run);
        Ok(())
    }

    fn append(&mut self, id: RunId, epoch: u64, from: u64, facts: &'a Facts, update: &RunUpdate) -> Done {
        let mut run = self.standing(id, epoch)?;
        if run.facts != from {
            let detail = format!("its journal has {} facts, not {from}", run.facts);
            return Err(StoreError::conflict("run", id, detail));
        }
        if facts.count > 0 {
            self.now.facts.push((key(id), int(from), &facts.column));
        }
        run.facts = run.facts.saturating_add(facts.count);
        self.change(run, update);
        Ok(())
    }

    fn change(&mut self, mut run: Run, update: &RunUpdate) {
        let was_active = !run.status.is_final();
        run.apply(update.clone());
        if was_active && run.status.is_final() {
            self.now.ended.push(EndedRun::of(&run));
        }
        self.now.runs.insert(key(run.id), run);
    }
}
