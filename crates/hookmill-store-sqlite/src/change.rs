//! Conditions and changes as statements.
//!
//! Invariant: what can be refused is looked at before the first row of a change is written, so that a refusal of a
//! unit's first change leaves nothing to take back.

mod account;
mod approval;
mod connector;
mod event;
mod expect;
mod flow;
mod inbox;
mod reseal;
mod run;

use std::collections::BTreeMap;

use hookmill_store::{Change, Committed, Verdict, verdict};
use rusqlite::{Connection, params};

use crate::column::{key, kind_of, status_of};
use crate::error::Failure;
use crate::step::{Packed, Step, timer_key};

type Done = Result<(), Failure>;

/// Runs that a unit ended, in their order.
pub(crate) type EndedHere = Vec<EndedRun>;

/// A run that ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EndedRun {
    pub(crate) run: [u8; 16],
    pub(crate) owner: [u8; 16],
    pub(crate) flow: [u8; 16],
    pub(crate) kind: i64,
    pub(crate) status: i64,
}

/// What the runs that ended in one transaction did to the figures of their flows; written once, at its end.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    /// Flow and status → how many.
    counts: BTreeMap<([u8; 16], i64), i64>,
    flows: BTreeMap<[u8; 16], InARow>,
}

/// The failures in a row of one flow.
#[derive(Debug, Default)]
struct InARow {
    /// A run succeeded: what was counted before the transaction does not matter.
    worked: bool,
    /// How many runs failed since.
    failures: i64,
    /// The last of them, and its owner.
    last: Option<([u8; 16], [u8; 16])>,
}

impl Ended {
    /// Adds the runs that a unit ended, which must not be taken back any more.
    pub(crate) fn add(&mut self, ended: EndedHere) {
        for EndedRun { run, owner, flow, kind, status } in ended {
            *self.counts.entry((flow, status)).or_insert(0) += 1;
            let (Some(kind), Some(status)) = (kind_of(kind), status_of(status)) else { continue };
            match verdict(kind, status) {
                Some(Verdict::Works) => {
                    self.flows.insert(flow, InARow { worked: true, ..InARow::default() });
                }
                Some(Verdict::Fails) => {
                    let row = self.flows.entry(flow).or_default();
                    row.failures += 1;
                    row.last = Some((run, owner));
                }
                None => {}
            }
        }
    }
}

/// Runs one statement; says how many rows it changed.
fn run(connection: &Connection, sql: &str, values: impl rusqlite::Params) -> Result<usize, Failure> {
    Ok(connection.prepare_cached(sql)?.execute(values)?)
}

/// Writes a unit.
pub(crate) fn apply(connection: &Connection, unit: &Packed, ended: &mut EndedHere) -> Result<Committed, Failure> {
    for condition in &unit.expects {
        expect::check(connection, condition)?;
    }
    let mut accepted = None;
    for step in &unit.steps {
        match step {
            Step::AddEvent(event) => accepted = Some(event::add(connection, event)?),
            Step::StartRun(run, facts) => run::start(connection, run, facts, ended)?,
            Step::AppendFacts { run, epoch, from, facts, update } => {
                run::append(connection, *run, *epoch, (*from, facts), update, ended)?;
            }
            Step::PutFlowVersion { version, definition } => flow::put_version(connection, version, definition)?,
            Step::PutConnectorDocument { connector, document, properties } => {
                connector::put_document(connection, connector, document, properties.as_deref())?;
            }
            Step::KeepConnectorVersion { connector, version, settings, document, properties } => {
                let document = (&settings[..], &document[..], properties.as_deref());
                connector::keep_version(connection, connector, version, document)?;
            }
            Step::Reseal(packed) => reseal::apply(connection, packed)?,
            Step::Beat => {
                let sql =
                    "INSERT INTO pulse (id, beats) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET beats = beats + 1";
                self::run(connection, sql, [])?;
            }
            Step::Plain(change) => plain(connection, change, ended)?,
        }
    }
    Ok(Committed { accepted })
}

/// Adds what a transaction counted.
pub(crate) fn count_ended(c: &Connection, ended: &Ended) -> rusqlite::Result<()> {
    for ((flow, status), runs) in &ended.counts {
        if let Some(status) = status_of(*status) {
            let runs = u64::try_from(*runs).unwrap_or(0);
            metrics::counter!("hookmill_runs_ended_total", "status" => status.as_str()).increment(runs);
        }
        let sql = "INSERT INTO run_count (flow, status, runs) VALUES (?1, ?2, ?3)
                   ON CONFLICT (flow, status) DO UPDATE SET runs = runs + excluded.runs";
        c.prepare_cached(sql)?.execute(params![flow, status, runs])?;
    }
    for (flow, row) in &ended.flows {
        if row.worked {
            c.prepare_cached("DELETE FROM failing WHERE flow = ?1")?.execute([flow])?;
        }
        if let Some((run, owner)) = row.last {
            let sql = "INSERT INTO failing (flow, owner, failures, run) VALUES (?1, ?2, ?3, ?4)
                       ON CONFLICT (flow) DO UPDATE SET failures = failures + excluded.failures, run = excluded.run";
            c.prepare_cached(sql)?.execute(params![flow, owner, row.failures, run])?;
        }
    }
    Ok(())
}

fn plain(c: &Connection, change: &Change, ended: &mut EndedHere) -> Done {
    match change {
        // These come as steps of their own; see `Step`.
        Change::AddEvent(..)
        | Change::StartRun(..)
        | Change::AppendFacts { .. }
        | Change::PutFlowVersion(_)
        | Change::Reseal(_)
        | Change::KeepConnectorVersion(..)
        | Change::PutConnectorDocument(..) => {}
        Change::ConsumeEvent(id) => event::consume(c, *id)?,
        Change::UpdateRun { run, epoch, update } => run::update(c, *run, *epoch, update, ended)?,
        Change::SetTimer(timer) => {
            let (kind, id) = timer_key(timer.key);
            let sql = "INSERT INTO timer (kind, id, due) VALUES (?1, ?2, ?3)
                       ON CONFLICT (kind, id) DO UPDATE SET due = excluded.due";
            run(c, sql, params![kind, id, timer.due_at.as_micros()])?;
        }
        Change::ClearTimer(timer) => {
            let (kind, id) = timer_key(*timer);
            run(c, "DELETE FROM timer WHERE kind = ?1 AND id = ?2", params![kind, id])?;
        }
        Change::PutFlow(one) => flow::put(c, one)?,
        Change::DeleteFlow(id, at) => flow::delete(c, *id, *at)?,
        Change::PutTriggerState(id, state) => {
            let sql = "INSERT OR REPLACE INTO trigger_state (flow, state) VALUES (?1, ?2)";
            run(c, sql, params![key(*id), &state[..]])?;
        }
        Change::DeleteTriggerState(id) => {
            run(c, "DELETE FROM trigger_state WHERE flow = ?1", [key(*id)])?;
        }
        Change::PutSubscription(one) => flow::put_subscription(c, one)?,
        Change::PutConnector(one) => connector::put(c, one)?,
        Change::PutIcon(id, icon) => connector::put_icon(c, *id, icon.as_ref())?,
        Change::DropConnectorVersions(id) => connector::drop_versions(c, *id)?,
        Change::DeleteConnector(id) => connector::delete(c, *id)?,
        Change::PutConnection(one) => connector::put_connection(c, one)?,
        Change::DeleteConnection(id) => {
            run(c, "DELETE FROM connection WHERE id = ?1", [key(*id)])?;
        }
        Change::PutApproval(one, people) => approval::put(c, one, people)?,
        Change::PutNotification(one) => inbox::put(c, one)?,
        Change::ReadNotification(id, at) => {
            let sql = "UPDATE notification SET read = ?2 WHERE id = ?1 AND read IS NULL";
            run(c, sql, params![key(*id), at.as_micros()])?;
        }
        Change::ReadAllNotifications(owner, at) => {
            let sql = "UPDATE notification SET read = ?2 WHERE owner = ?1 AND read IS NULL";
            run(c, sql, params![key(*owner), at.as_micros()])?;
        }
        Change::DeleteNotification(id) => {
            run(c, "DELETE FROM delivery WHERE notification = ?1", [key(*id)])?;
            run(c, "DELETE FROM notification WHERE id = ?1", [key(*id)])?;
        }
        Change::PutDevice(one) => inbox::put_device(c, one)?,
        Change::UseDevice(id, at) => {
            run(c, "UPDATE device SET delivered = ?2 WHERE id = ?1", params![key(*id), at.as_micros()])?;
        }
        Change::DeleteDevice(id) => inbox::delete_device(c, &key(*id))?,
        Change::PutDelivery(one) => inbox::put_delivery(c, one)?,
        Change::DeleteDelivery(notification, device) => {
            let sql = "DELETE FROM delivery WHERE notification = ?1 AND device = ?2";
            run(c, sql, params![key(*notification), key(*device)])?;
        }
        Change::PutUser(one) => account::put_user(c, one)?,
        Change::DeleteUser(id) => account::delete_user(c, *id)?,
        Change::PutSession(one) => account::put_session(c, one)?,
        Change::ExtendSession(id, until) => {
            run(c, "UPDATE session SET expires = ?2 WHERE id = ?1", params![key(*id), until.as_micros()])?;
        }
        Change::DeleteSession(id) => {
            run(c, "DELETE FROM session WHERE id = ?1", [key(*id)])?;
        }
        Change::DeleteOtherSessions(user, kept) => {
            let sql = "DELETE FROM session WHERE user = ?1 AND id IS NOT ?2";
            run(c, sql, params![key(*user), kept.map(key)])?;
        }
        Change::PutToken(one) => account::put_token(c, one)?,
        Change::UseToken(id, at) => {
            run(c, "UPDATE token SET used = ?2 WHERE id = ?1", params![key(*id), at.as_micros()])?;
        }
        Change::DeleteToken(id) => {
            run(c, "DELETE FROM token WHERE id = ?1", [key(*id)])?;
        }
        Change::PutSetting(name, value) => {
            let sql = "INSERT OR REPLACE INTO setting (name, value) VALUES (?1, ?2)";
            run(c, sql, params![name, &value[..]])?;
        }
        Change::DeleteSetting(name) => {
            run(c, "DELETE FROM setting WHERE name = ?1", [name])?;
        }
    }
    Ok(())
}
