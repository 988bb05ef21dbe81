//! Runs, journals, timers.

use async_trait::async_trait;
use bytes::Bytes;
use hookmill_model::{FlowId, Id, RunId, RunKind, Timestamp};
use hookmill_store::{
    DueRun, List, Needle, OpenRun, Page, Run, RunBrief, RunError, RunFilter, RunListed, RunPart, Runs, StoreError,
    TimerKey, TimerKind, joined,
};
use rusqlite::types::Type;
use rusqlite::{Connection, Result, Row, named_params, params};

use super::{COST_MAX, Looked, all, one, page, prepared, rows};
use crate::column::{
    damaged, id, id_of, int, key, kind, kind_number, moment, moment_of, number, status, status_number,
};
use crate::payload::{split, split_first, unpack};
use crate::step::timer_key;
use crate::store::SqliteStore;

/// What [`run`] reads, in its order.
pub(super) const COLUMNS: &str = "id, owner, flow, version, kind, status, epoch, facts, started, ended, trigger_name, \
                                  summary, event, subscription, resubmitted_from, parent, error_code, error_message, \
                                  error_hint";

pub(super) fn run(row: &Row<'_>) -> Result<Run> {
    let code: Option<String> = row.get(16)?;
    let error = match code {
        Some(code) => {
            let message: Option<String> = row.get(17)?;
            Some(RunError { code, message: message.unwrap_or_default(), hint: row.get(18)? })
        }
        None => None,
    };
    Ok(Run {
        id: id(row, 0)?,
        owner: id(row, 1)?,
        flow: id(row, 2)?,
        version: row.get(3)?,
        kind: kind(row, 4)?,
        status: status(row, 5)?,
        epoch: number(row, 6)?,
        facts: number(row, 7)?,
        started_at: moment(row, 8)?,
        ended_at: moment_of(row, 9)?,
        trigger: row.get(10)?,
        summary: row.get(11)?,
        event: id_of(row, 12)?,
        subscription: id_of(row, 13)?,
        resubmitted_from: id_of(row, 14)?,
        parent: id_of(row, 15)?,
        error,
    })
}

/// A run with the name of its flow.
pub(super) fn with_name(c: &Connection, run: Run) -> Result<RunListed> {
    let flow_name = one(c, "SELECT name FROM flow WHERE id = ?1", [key(run.flow)], |row| row.get(0))?;
    Ok(RunListed { run, flow_name: flow_name.unwrap_or_default() })
}

/// The index that leaves the fewest rows to look at, and the condition that lets SQLite use it.
fn path(filter: &RunFilter, part: RunPart) -> (&'static str, &'static str) {
    let by_flow = filter.flow.is_some();
    match (part, filter.kind) {
        (RunPart::Whole, Some(RunKind::CreateWebhook | RunKind::DeleteWebhook)) if by_flow => {
            ("run_flow_kind", "flow = :flow AND kind > 0 AND kind = :kind")
        }
        (RunPart::Whole, Some(RunKind::CreateWebhook | RunKind::DeleteWebhook)) => {
            ("run_owner_kind", "owner = :owner AND kind > 0 AND kind = :kind")
        }
        (RunPart::Whole, _) if by_flow => ("run_flow", "flow = :flow"),
        (RunPart::Whole, _) => ("run_owner", "owner = :owner"),
        (RunPart::Active, _) => ("run_active", "status < 2"),
        (RunPart::Ended(_), _) if by_flow => ("run_flow_status", "flow = :flow AND status > 2 AND status = :status"),
        (RunPart::Ended(_), _) => ("run_owner_status", "owner = :owner AND status > 2 AND status = :status"),
    }
}

/// What reading the beginning of a journal costs, compared to a row; and so many bytes of it once more.
const JOURNAL_COST: usize = 8;
const JOURNAL_BYTES_PER_COST: usize = 1_600;

pub(super) fn runs(c: &Connection, filter: &RunFilter, list: List<RunId>) -> Result<Page<RunListed, RunId>> {
    let parts = filter.parts();
    let needle = Needle::new(filter.q.as_deref());
    let mut pages = Vec::with_capacity(parts.len());
    for part in &parts {
        pages.push(runs_of(c, filter, *part, list, COST_MAX / parts.len(), &needle)?);
    }
    let Page { items, next, looked_at } = joined(pages, list);
    let items = items.into_iter().map(|run| with_name(c, run)).collect::<Result<_>>()?;
    Ok(Page { items, next, looked_at })
}

fn runs_of(
    c: &Connection,
    filter: &RunFilter,
    part: RunPart,
    list: List<RunId>,
    cost_max: usize,
    needle: &Needle,
) -> Result<Page<Run, RunId>> {
    let (index, condition) = path(filter, part);
    // The values that a path does not use still have a place in the statement, since each name must appear.
    let sql = format!(
        "SELECT {COLUMNS} FROM run INDEXED BY {index}
         WHERE {condition} AND id < :below AND id >= :from
             AND coalesce(:owner, :flow, :status, :kind) IS NOT NULL
         ORDER BY id DESC"
    );
    let below = match (list.after, filter.to) {
        (Some(after), Some(to)) => key(after.min(RunId::floor(to))).to_vec(),
        (Some(after), None) => key(after).to_vec(),
        (None, Some(to)) => key(RunId::floor(to)).to_vec(),
        (None, None) => vec![0xFF; 17],
    };
    let from = filter.from.map_or([0; 16], |from| key(RunId::floor(from)));
    let status = if let RunPart::Ended(status) = part { status_number(status) } else { -1 };
    let values = named_params! {
        ":below": below,
        ":from": from,
        ":owner": key(filter.owner),
        ":flow": filter.flow.map_or([0; 16], key),
        ":status": status,
        ":kind": filter.kind.map_or(-1, kind_number),
    };
    let owner = key(filter.owner);
    let flow = filter.flow.map(key);
    let statuses: Vec<i64> = filter.statuses.iter().map(|status| status_number(*status)).collect();
    page(c, &sql, values, list, cost_max, |row| {
        let id = id(row, 0)?;
        // The cheap columns first: most rows that are looked at in vain end here.
        let fits = (statuses.is_empty() || statuses.contains(&row.get(5)?))
            && filter.kind.is_none_or(|kind| row.get(4).is_ok_and(|found: i64| found == kind_number(kind)))
            && row.get::<_, [u8; 16]>(1)? == owner
            && match flow {
                Some(flow) => row.get::<_, [u8; 16]>(2)? == flow,
                None => true,
            };
        if !fits {
            return Ok(Looked { id, item: None, cost: 1 });
        }
        let run = run(row)?;
        if RunFilter::summary_has(&run, needle) {
            return Ok(Looked { id, item: Some(run), cost: 1 });
        }
        if filter.outputs_have.is_none() {
            return Ok(Looked { id, item: None, cost: 1 });
        }
        let first = first_fact(c, id)?;
        let mut cost = 1 + JOURNAL_COST + first.len() / JOURNAL_BYTES_PER_COST;
        let event = || {
            let event = super::event::event_of(c, run.event?);
            let bytes = event.as_ref().map_or(0, |event| event.head.len() + event.body.len());
            cost += JOURNAL_COST + bytes / JOURNAL_BYTES_PER_COST;
            event
        };
        let shown = filter.outputs_have(&first, event, needle);
        Ok(Looked { id, item: shown.then_some(run), cost })
    })
}

/// The fact that a journal begins with; empty where there is none, or none that can be read: a list must not fail for
/// one run, whose own page says what is wrong with it.
fn first_fact(c: &Connection, run: RunId) -> Result<Bytes> {
    let found = one(c, "SELECT facts FROM fact WHERE run = ?1 AND first = 0", [key(run)], |row| {
        Ok(unpack(row.get_ref(0)?.as_blob()?).and_then(|joined| split_first(&joined)).unwrap_or_default())
    })?;
    Ok(found.unwrap_or_default())
}

fn facts(c: &Connection, run: RunId, from: u64, bytes_max: usize) -> Result<Vec<Bytes>> {
    // The row that holds `from` may begin before it.
    let sql = "SELECT first, facts FROM fact WHERE run = ?1 AND first >= coalesce(
                   (SELECT max(first) FROM fact WHERE run = ?1 AND first <= ?2), 0)
               ORDER BY first";
    let mut statement = prepared(c, sql)?;
    let mut found = statement.query(params![key(run), int(from)])?;
    let (mut facts, mut bytes): (Vec<Bytes>, usize) = (Vec::new(), 0);
    let mut next: Option<u64> = None;
    while let Some(row) = found.next()? {
        let first = number(row, 0)?;
        let problem =
            |problem: String| damaged(1, Type::Blob, format!("the journal of {run} cannot be read: {problem}"));
        if next.is_some_and(|next| next != first) {
            return Err(problem(format!("there is a gap before fact {first}")));
        }
        let parts = unpack(row.get_ref(1)?.as_blob()?).and_then(|joined| split(&joined)).map_err(problem)?;
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

type Answer<T> = std::result::Result<T, StoreError>;

#[async_trait]
impl Runs for SqliteStore {
    async fn run(&self, id: RunId) -> Answer<Option<RunListed>> {
        let sql = format!("SELECT {COLUMNS} FROM run WHERE id = ?1");
        self.readers.read(move |c| one(c, &sql, [key(id)], run)?.map(|run| with_name(c, run)).transpose()).await
    }

    async fn runs(&self, filter: &RunFilter, list: List<RunId>) -> Answer<Page<RunListed, RunId>> {
        let filter = filter.clone();
        self.readers.read(move |c| runs(c, &filter, list)).await
    }

    async fn active_runs(&self, after: Option<RunId>, limit: usize) -> Answer<Vec<Run>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM run INDEXED BY run_active WHERE status < 2 AND id > ?1 ORDER BY id LIMIT ?2"
        );
        // The empty text of bytes is below every identifier.
        let after = after.map_or_else(Vec::new, |after| key(after).to_vec());
        self.readers.read(move |c| all(c, &sql, params![after, rows(limit)], run)).await
    }

    async fn open_runs(&self, after: Option<RunId>, limit: usize) -> Answer<Vec<OpenRun>> {
        let sql = "SELECT r.id, r.flow, r.kind, r.status, r.version, t.due
                   FROM run r INDEXED BY run_active LEFT JOIN timer t ON t.kind = 0 AND t.id = r.id
                   WHERE r.status < 2 AND r.id > ?1 ORDER BY r.id LIMIT ?2";
        // The empty text of bytes is below every identifier.
        let after = after.map_or_else(Vec::new, |after| key(after).to_vec());
        let open = |row: &Row<'_>| {
            Ok(OpenRun {
                id: id(row, 0)?,
                flow: id(row, 1)?,
                kind: kind(row, 2)?,
                status: status(row, 3)?,
                version: row.get(4)?,
                due_at: moment_of(row, 5)?,
            })
        };
        self.readers.read(move |c| all(c, sql, params![after, rows(limit)], open)).await
    }

    async fn recent_runs(&self, from: Timestamp, limit: usize) -> Answer<Vec<RunBrief>> {
        let sql =
            "SELECT id, flow, status, started, ended FROM run WHERE kind = 0 AND id >= ?1 ORDER BY id DESC LIMIT ?2";
        let brief = |row: &Row<'_>| {
            Ok(RunBrief {
                id: id(row, 0)?,
                flow: id(row, 1)?,
                status: status(row, 2)?,
                started_at: moment(row, 3)?,
                ended_at: moment_of(row, 4)?,
            })
        };
        self.readers.read(move |c| all(c, sql, params![key(RunId::floor(from)), rows(limit)], brief)).await
    }

    async fn run_facts(&self, run: RunId, from: u64) -> Answer<Vec<Bytes>> {
        self.readers.read(move |c| facts(c, run, from, usize::MAX)).await
    }

    async fn run_facts_page(&self, run: RunId, from: u64, bytes_max: usize) -> Answer<Vec<Bytes>> {
        self.readers.read(move |c| facts(c, run, from, bytes_max)).await
    }

    async fn runs_ended(&self) -> Answer<u64> {
        let sql = "SELECT coalesce(sum(runs), 0) FROM run_count";
        Ok(self.readers.read(move |c| one(c, sql, [], |row| number(row, 0))).await?.unwrap_or(0))
    }

    async fn due_runs(&self, now: Timestamp, after: Option<DueRun>, limit: usize) -> Answer<Vec<DueRun>> {
        let sql = "SELECT t.due, t.id, r.flow FROM timer t INDEXED BY timer_due LEFT JOIN run r ON r.id = t.id
                   WHERE t.kind = 0 AND t.due <= ?1 AND (t.due, t.id) > (?2, ?3) ORDER BY t.due, t.id LIMIT ?4";
        // The empty text of bytes is below every identifier.
        let (from, run) =
            after.map_or((i64::MIN, Vec::new()), |after| (after.due_at.as_micros(), key(after.run).to_vec()));
        let due = |row: &Row<'_>| Ok(DueRun { due_at: moment(row, 0)?, run: id(row, 1)?, flow: id_of(row, 2)? });
        self.readers.read(move |c| all(c, sql, params![now.as_micros(), from, run, rows(limit)], due)).await
    }

    async fn due_flows(&self, now: Timestamp, limit: usize) -> Answer<Vec<FlowId>> {
        let sql = "SELECT id FROM timer WHERE kind = 1 AND due <= ?1 ORDER BY due, id LIMIT ?2";
        self.readers.read(move |c| all(c, sql, params![now.as_micros(), rows(limit)], |row| id(row, 0))).await
    }

    async fn next_timer(&self, kind: TimerKind) -> Answer<Option<Timestamp>> {
        let sql = "SELECT due FROM timer WHERE kind = ?1 ORDER BY due LIMIT 1";
        let kind = match kind {
            TimerKind::Run => 0,
            TimerKind::Flow => 1,
        };
        self.readers.read(move |c| one(c, sql, [kind], |row| moment(row, 0))).await
    }

    async fn timer(&self, key: TimerKey) -> Answer<Option<Timestamp>> {
        let (kind, id) = timer_key(key);
        let sql = "SELECT due FROM timer WHERE kind = ?1 AND id = ?2";
        self.readers.read(move |c| one(c, sql, params![kind, id], |row| moment(row, 0))).await
    }
}
