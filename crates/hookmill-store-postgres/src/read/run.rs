//! Runs, journals, timers.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use hookmill_model::{EventId, FlowId, Id, RunId, Timestamp};
use hookmill_store::number::{kind_number, status_number};
use hookmill_store::payload::{split, split_first, unpack};
use hookmill_store::{
    DueRun, Event, List, Needle, OpenRun, Page, Run, RunBrief, RunError, RunFilter, RunListed, RunPart, Runs, TimerKey,
    TimerKind, joined,
};
use tokio_postgres::Row;

use super::event::{EVENTS, event};
use super::{Answer, COST_MAX, Looked, Paging, above, all, below, one, rows};
use crate::column::{Key, args, count, damaged, get, id, id_of, int, key, kind, moment, moment_of, number, status};
use crate::step::timer_key;
use crate::store::PostgresStore;

/// What [`run`] reads, in its order.
pub(crate) const COLUMNS: &str = "id, owner, flow, version, kind, status, epoch, facts, started, ended, trigger_name, \
                                  summary, event, subscription, resubmitted_from, parent, error_code, error_message, \
                                  error_hint";
/// Some runs, held until the end of the transaction.
pub(crate) const FOR_UPDATE: &str = "SELECT id, owner, flow, version, kind, status, epoch, facts, started, ended, \
                                     trigger_name, summary, event, subscription, resubmitted_from, parent, \
                                     error_code, error_message, error_hint \
                                     FROM run WHERE id = ANY ($1) ORDER BY id FOR UPDATE";

pub(crate) fn run(row: &Row) -> Answer<Run> {
    let error = match get::<Option<String>>(row, 16)? {
        Some(code) => {
            let message: Option<String> = get(row, 17)?;
            Some(RunError { code, message: message.unwrap_or_default(), hint: get(row, 18)? })
        }
        None => None,
    };
    Ok(Run {
        id: id(row, 0)?,
        owner: id(row, 1)?,
        flow: id(row, 2)?,
        version: count(row, 3)?,
        kind: kind(row, 4)?,
        status: status(row, 5)?,
        epoch: number(row, 6)?,
        facts: number(row, 7)?,
        started_at: moment(row, 8)?,
        ended_at: moment_of(row, 9)?,
        trigger: get(row, 10)?,
        summary: get(row, 11)?,
        event: id_of(row, 12)?,
        subscription: id_of(row, 13)?,
        resubmitted_from: id_of(row, 14)?,
        parent: id_of(row, 15)?,
        error,
    })
}

/// The columns of [`run`], then the name of the flow.
pub(super) fn listed(row: &Row) -> Answer<RunListed> {
    Ok(RunListed { run: run(row)?, flow_name: get(row, 19)? })
}

/// The condition that one index answers in order.
fn condition(filter: &RunFilter, part: RunPart) -> &'static str {
    let by_flow = filter.flow.is_some();
    match part {
        RunPart::Whole if filter.is_of_webhook() && by_flow => "flow = $2 AND kind > 0 AND kind = $4",
        RunPart::Whole if filter.is_of_webhook() => "owner = $1 AND kind > 0 AND kind = $4",
        RunPart::Whole if by_flow => "flow = $2",
        RunPart::Whole => "owner = $1",
        RunPart::Active => "status < 2",
        RunPart::Ended(_) if by_flow => "flow = $2 AND status > 2 AND status = $3",
        RunPart::Ended(_) => "owner = $1 AND status > 2 AND status = $3",
    }
}

/// What reading the beginning of a journal costs, compared to a row; and so many bytes of it once more.
const JOURNAL_COST: usize = 8;
const JOURNAL_BYTES_PER_COST: usize = 1_600;

impl PostgresStore {
    async fn runs_of(
        &self,
        filter: &RunFilter,
        part: RunPart,
        list: List<RunId>,
        cost_max: usize,
        needle: &Needle,
    ) -> Answer<Page<Run, RunId>> {
        // Values that a part does not use still have a place in the statement.
        let sql = format!(
            "SELECT {COLUMNS} FROM run
             WHERE {} AND id < $5 AND id >= $6 AND coalesce($1, $2) IS NOT NULL AND coalesce($3, $4) IS NOT NULL
             ORDER BY id DESC LIMIT $7",
            condition(filter, part)
        );
        let from = filter.from.map_or(Key([0; 16]), |from| key(RunId::floor(from)));
        let ended = if let RunPart::Ended(status) = part { status_number(status) } else { -1 };
        let to = filter.to.map(|to| below(Some(RunId::floor(to))));
        let owner = key(filter.owner);
        let flow = filter.flow.map_or(Key([0; 16]), key);
        let of_kind = filter.kind.map_or(-1, kind_number);
        let mut page = Paging::new(list, cost_max);
        while let Some((below, rows)) = page.wanted() {
            let below = to.as_ref().map_or_else(|| below.clone(), |to| below.clone().min(to.clone()));
            let found = self.readers.rows(&sql, args![owner, flow, ended, of_kind, below, from, rows]).await?;
            let runs: Vec<Run> = found.iter().map(run).collect::<Answer<_>>()?;
            let wanted: Vec<bool> = runs.iter().map(|run| filter.matches_all_but_text(run)).collect();
            let firsts = self.firsts(filter, &runs, &wanted, needle).await?;
            let looked = |(run, wanted): (Run, bool)| {
                let given = firsts.get(&key(run.id));
                let cost = given.map_or(1, |(first, event)| {
                    let event = event.as_ref().map_or(0, |event| event.head.len() + event.body.len());
                    1 + JOURNAL_COST + (first.len() + event) / JOURNAL_BYTES_PER_COST
                });
                let has =
                    |(first, event): &(Bytes, Option<Event>)| filter.outputs_have(first, || event.clone(), needle);
                let shown = wanted && (RunFilter::summary_has(&run, needle) || given.is_some_and(has));
                Looked { id: run.id, item: shown.then_some(run), cost }
            };
            page.add(runs.into_iter().zip(wanted).map(looked).collect());
        }
        Ok(page.end())
    }

    /// The facts that the journals begin with of those runs whose summary does not have the text, each with the event to
    /// which it may refer.
    async fn firsts(
        &self,
        filter: &RunFilter,
        runs: &[Run],
        wanted: &[bool],
        needle: &Needle,
    ) -> Answer<BTreeMap<Key, (Bytes, Option<Event>)>> {
        if needle.is_empty() || filter.outputs_have.is_none() {
            return Ok(BTreeMap::new());
        }
        let closer = runs.iter().zip(wanted).filter(|(run, wanted)| **wanted && !RunFilter::summary_has(run, needle));
        let closer: Vec<&Run> = closer.map(|(run, _)| run).collect();
        let mut firsts = BTreeMap::new();
        // A few at a time: journals may begin with much.
        for some in closer.chunks(64) {
            let mut events = BTreeMap::new();
            let wanted: Vec<Key> = some.iter().filter_map(|run| run.event.map(key)).collect();
            for row in self.readers.rows(EVENTS, args![wanted]).await? {
                // A list must not fail for one run, whose own page says what is wrong with it.
                if let Ok(event) = event(&row) {
                    events.insert(event.id, event);
                }
            }
            let of: BTreeMap<Key, Option<EventId>> = some.iter().map(|run| (key(run.id), run.event)).collect();
            let ids: Vec<Key> = of.keys().copied().collect();
            let sql = "SELECT run, facts FROM fact WHERE run = ANY ($1) AND first = 0";
            for row in self.readers.rows(sql, args![ids]).await? {
                let run: Key = get(&row, 0)?;
                if let Ok(first) = unpack(get(&row, 1)?).and_then(|joined| split_first(&joined)) {
                    let event = of.get(&run).copied().flatten().and_then(|event| events.get(&event).cloned());
                    firsts.insert(run, (first, event));
                }
            }
        }
        Ok(firsts)
    }

    async fn with_names(&self, runs: Vec<Run>) -> Answer<Vec<RunListed>> {
        let flows: std::collections::BTreeSet<Key> = runs.iter().map(|run| key(run.flow)).collect();
        let flows: Vec<Key> = flows.into_iter().collect();
        let sql = "SELECT id, name FROM flow WHERE id = ANY ($1)";
        let mut names: BTreeMap<Key, String> = BTreeMap::new();
        for row in self.readers.rows(sql, args![flows]).await? {
            names.insert(get(&row, 0)?, get(&row, 1)?);
        }
        let named = |run: Run| RunListed { flow_name: names.get(&key(run.flow)).cloned().unwrap_or_default(), run };
        Ok(runs.into_iter().map(named).collect())
    }
}

/// Rows of a journal that are read at a time; each holds what one decision made.
const FACT_ROWS: usize = 16;

impl PostgresStore {
    /// The facts of a journal from `from` on, of so many rows at most, until they have reached so many bytes.
    async fn facts(&self, run: RunId, from: u64, (most, bytes_max): (usize, usize)) -> Answer<Vec<Bytes>> {
        // The row that holds `from` may begin before it.
        let sql = "SELECT first, facts FROM fact WHERE run = $1 AND first >= coalesce(
                       (SELECT max(first) FROM fact WHERE run = $1 AND first <= $2), 0)
                   ORDER BY first LIMIT $3";
        let (mut facts, mut bytes): (Vec<Bytes>, usize) = (Vec::new(), 0);
        let mut next: Option<u64> = None;
        for row in self.readers.rows(sql, args![key(run), int(from), rows(most)]).await? {
            let first = number(&row, 0)?;
            let problem = |problem: String| damaged(format!("the journal of {run} cannot be read: {problem}"));
            if next.is_some_and(|next| next != first) {
                return Err(problem(format!("there is a gap before fact {first}")));
            }
            let parts = unpack(get(&row, 1)?).and_then(|joined| split(&joined)).map_err(problem)?;
            next = Some(first + parts.len() as u64);
            let skipped = usize::try_from(from.saturating_sub(first)).unwrap_or(usize::MAX);
            let kept = facts.len();
            facts.extend(parts.into_iter().skip(skipped));
            bytes += facts.iter().skip(kept).map(Bytes::len).sum::<usize>();
            if bytes >= bytes_max {
                break;
            }
        }
        Ok(facts)
    }
}

#[async_trait]
impl Runs for PostgresStore {
    async fn run(&self, id: RunId) -> Answer<Option<RunListed>> {
        let sql = format!("SELECT {COLUMNS} FROM run WHERE id = $1");
        let found = one(&self.readers, &sql, args![key(id)], run).await?;
        Ok(self.with_names(found.into_iter().collect()).await?.pop())
    }

    async fn runs(&self, filter: &RunFilter, list: List<RunId>) -> Answer<Page<RunListed, RunId>> {
        let parts = filter.parts();
        let needle = Needle::new(filter.q.as_deref());
        let mut pages = Vec::with_capacity(parts.len());
        for part in &parts {
            pages.push(self.runs_of(filter, *part, list, COST_MAX / parts.len(), &needle).await?);
        }
        let Page { items, next, looked_at } = joined(pages, list);
        Ok(Page { items: self.with_names(items).await?, next, looked_at })
    }

    async fn active_runs(&self, after: Option<RunId>, limit: usize) -> Answer<Vec<Run>> {
        let sql = format!("SELECT {COLUMNS} FROM run WHERE status < 2 AND id > $1 ORDER BY id LIMIT $2");
        all(&self.readers, &sql, args![above(after), rows(limit)], run).await
    }

    async fn open_runs(&self, after: Option<RunId>, limit: usize) -> Answer<Vec<OpenRun>> {
        let sql = "SELECT r.id, r.flow, r.kind, r.status, r.version, t.due
                   FROM run r LEFT JOIN timer t ON t.kind = 0 AND t.id = r.id
                   WHERE r.status < 2 AND r.id > $1 ORDER BY r.id LIMIT $2";
        let open = |row: &Row| {
            Ok(OpenRun {
                id: id(row, 0)?,
                flow: id(row, 1)?,
                kind: kind(row, 2)?,
                status: status(row, 3)?,
                version: count(row, 4)?,
                due_at: moment_of(row, 5)?,
            })
        };
        all(&self.readers, sql, args![above(after), rows(limit)], open).await
    }

    async fn recent_runs(&self, from: Timestamp, limit: usize) -> Answer<Vec<RunBrief>> {
        let sql =
            "SELECT id, flow, status, started, ended FROM run WHERE kind = 0 AND id >= $1 ORDER BY id DESC LIMIT $2";
        let brief = |row: &Row| {
            Ok(RunBrief {
                id: id(row, 0)?,
                flow: id(row, 1)?,
                status: status(row, 2)?,
                started_at: moment(row, 3)?,
                ended_at: moment_of(row, 4)?,
            })
        };
        let found = self.readers.rows(sql, args![key(RunId::floor(from)), rows(limit)]).await?;
        found.iter().map(brief).collect()
    }

    async fn run_facts(&self, run: RunId, from: u64) -> Answer<Vec<Bytes>> {
        self.facts(run, from, (usize::MAX, usize::MAX)).await
    }

    async fn run_facts_page(&self, run: RunId, from: u64, bytes_max: usize) -> Answer<Vec<Bytes>> {
        self.facts(run, from, (FACT_ROWS, bytes_max)).await
    }

    async fn runs_ended(&self) -> Answer<u64> {
        let sql = "SELECT coalesce(sum(runs), 0)::int8 FROM run_count";
        Ok(one(&self.readers, sql, &[], |row| number(row, 0)).await?.unwrap_or(0))
    }

    async fn due_runs(&self, now: Timestamp, after: Option<DueRun>, limit: usize) -> Answer<Vec<DueRun>> {
        let sql = "SELECT t.due, t.id, r.flow FROM timer t LEFT JOIN run r ON r.id = t.id
                   WHERE t.kind = 0 AND t.due <= $1 AND (t.due, t.id) > ($2, $3) ORDER BY t.due, t.id LIMIT $4";
        let (from, run) =
            after.map_or((i64::MIN, Vec::new()), |after| (after.due_at.as_micros(), above(Some(after.run))));
        let due = |row: &Row| Ok(DueRun { due_at: moment(row, 0)?, run: id(row, 1)?, flow: id_of(row, 2)? });
        all(&self.readers, sql, args![now.as_micros(), from, run, rows(limit)], due).await
    }

    async fn due_flows(&self, now: Timestamp, limit: usize) -> Answer<Vec<FlowId>> {
        let sql = "SELECT id FROM timer WHERE kind = 1 AND due <= $1 AND get_byte(id, 15) = ANY ($3)
                   ORDER BY due, id LIMIT $2";
        let held = self.held();
        all(&self.readers, sql, args![now.as_micros(), rows(limit), held], |row| id(row, 0)).await
    }

    async fn next_timer(&self, kind: TimerKind) -> Answer<Option<Timestamp>> {
        let kind: i64 = match kind {
            TimerKind::Run => 0,
            TimerKind::Flow => 1,
        };
        let sql = "SELECT due FROM timer WHERE kind = $1 AND (kind = 0 OR get_byte(id, 15) = ANY ($2))
                   ORDER BY due LIMIT 1";
        let held = self.held();
        one(&self.readers, sql, args![kind, held], |row| moment(row, 0)).await
    }

    async fn timer(&self, key: TimerKey) -> Answer<Option<Timestamp>> {
        let (kind, id) = timer_key(key);
        one(&self.readers, "SELECT due FROM timer WHERE kind = $1 AND id = $2", args![kind, id], |row| moment(row, 0))
            .await
    }
}
