//! Forgetting: small steps, each a transaction of its own, so that nobody waits for long.

use hookmill_model::{ApprovalId, EventId, Id, NotificationId, RunId, Timestamp};
use hookmill_store::{Dedupe, Purged, Retention};
use rusqlite::{Connection, params};

use crate::column::{int, key};

type Keys = Vec<[u8; 16]>;

fn keys(c: &Connection, sql: &str, values: impl rusqlite::Params) -> rusqlite::Result<Keys> {
    c.prepare_cached(sql)?.query_map(values, |row| row.get(0))?.collect()
}

fn delete(c: &Connection, sql: &str, values: impl rusqlite::Params) -> rusqlite::Result<u64> {
    c.prepare_cached(sql)?.execute(values).map(|rows| rows as u64)
}

/// Forgets a little of what is old.
pub(crate) fn step(connection: &mut Connection, retention: Retention) -> rusqlite::Result<Purged> {
    let Retention { now, before, rows_max } = retention;
    let limit = int(rows_max.max(1) as u64);
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let c = &transaction;
    let mut purged = Purged::default();

    let floor = key(RunId::floor(before));
    let old = keys(c, "SELECT id FROM run WHERE id < ?1 AND status >= 2 ORDER BY id LIMIT ?2", params![floor, limit])?;
    purged.runs = old.len() as u64;
    for id in &old {
        delete(c, "DELETE FROM fact WHERE run = ?1", [id])?;
        delete(c, "DELETE FROM timer WHERE kind = 0 AND id = ?1", [id])?;
        delete(c, "DELETE FROM run WHERE id = ?1", [id])?;
    }

    // Events of runs stay as long as these: their journals refer to the bodies instead of repeating them.
    let floor = key(EventId::floor(before));
    purged.events = delete(
        c,
        "DELETE FROM event WHERE seq IN (
             SELECT seq FROM event WHERE id < ?1 AND seq NOT IN (SELECT seq FROM pending)
                 AND id NOT IN (SELECT event FROM run WHERE status < 2 AND event IS NOT NULL AND event < ?1)
                 AND NOT EXISTS (SELECT 1 FROM run WHERE run.id = event.id)
             ORDER BY id LIMIT ?2)",
        params![floor, limit],
    )?;

    let window = i64::try_from(Dedupe::WINDOW_MAX.as_micros()).unwrap_or(i64::MAX);
    let bucket = Dedupe::bucket(Timestamp::from_micros(now.as_micros().saturating_sub(window)));
    let keys_gone = delete(
        c,
        "DELETE FROM dedupe WHERE (bucket, scope, key) IN (
             SELECT bucket, scope, key FROM dedupe WHERE bucket < ?1 LIMIT ?2)",
        params![bucket, limit],
    )?;

    let floor = key(NotificationId::floor(before));
    let old = keys(c, "SELECT id FROM notification WHERE id < ?1 ORDER BY id LIMIT ?2", params![floor, limit])?;
    for id in &old {
        delete(c, "DELETE FROM delivery WHERE notification = ?1", [id])?;
        delete(c, "DELETE FROM notification WHERE id = ?1", [id])?;
    }
    let notifications = old.len() as u64;
    let floor = key(ApprovalId::floor(before));
    let old =
        "SELECT id FROM approval INDEXED BY approval_ended WHERE ended IS NOT NULL AND id < ?1 ORDER BY id LIMIT ?2";
    let mut old = keys(c, old, params![floor, limit])?;
    // What nobody answers is forgotten with the run that asked.
    let left = "SELECT id FROM approval WHERE id < ?1 AND ended IS NULL
                    AND NOT EXISTS (SELECT 1 FROM run WHERE run.id = approval.run) ORDER BY id LIMIT ?2";
    old.extend(keys(c, left, params![floor, limit])?);
    for id in &old {
        delete(c, "DELETE FROM approval_person WHERE approval = ?1", [id])?;
        delete(c, "DELETE FROM approval WHERE id = ?1", [id])?;
    }
    let approvals = old.len() as u64;
    let sessions = delete(
        c,
        "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE expires < ?1 LIMIT ?2)",
        params![now.as_micros(), limit],
    )?;

    let gone = keys(
        c,
        "SELECT id FROM flow WHERE deleted < ?1 AND deleted IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM run WHERE run.flow = flow.id)
             AND NOT EXISTS (SELECT 1 FROM event WHERE event.flow = flow.id)
             AND NOT EXISTS (SELECT 1 FROM subscription WHERE subscription.flow = flow.id
                             AND state NOT IN ('gone', 'failed'))
         LIMIT ?2",
        params![before.as_micros(), limit],
    )?;
    for id in &gone {
        delete(c, "DELETE FROM flow_version WHERE flow = ?1", [id])?;
        delete(c, "DELETE FROM subscription WHERE flow = ?1", [id])?;
        delete(c, "DELETE FROM failing WHERE flow = ?1", [id])?;
        delete(c, "DELETE FROM flow WHERE id = ?1", [id])?;
    }

    let full = |rows: u64| rows >= rows_max.max(1) as u64;
    purged.others = keys_gone + notifications + approvals + sessions + gone.len() as u64;
    purged.more = [purged.runs, purged.events, keys_gone, notifications, approvals, sessions].into_iter().any(full);
    transaction.commit()?;
    // Free pages go back to the system a few at a time; without free pages this does nothing.
    // The statement gives a row for each page, and does its work while they are fetched.
    let mut vacuum = connection.prepare_cached("PRAGMA incremental_vacuum(256)")?;
    let mut pages = vacuum.query([])?;
    while pages.next()?.is_some() {}
    drop(pages);
    drop(vacuum);
    Ok(purged)
}
