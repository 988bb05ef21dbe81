//! Runs and their journals.

use hookmill_model::RunId;
use hookmill_store::{Run, RunUpdate, StoreError};
use rusqlite::{Connection, OptionalExtension, params};

use super::{Done, EndedHere, EndedRun, run as execute};
use crate::column::{int, key, key_of, kind_number, micros, status_number};
use crate::error::Failure;
use crate::step::Facts;

/// What a change of a run looks at first.
pub(super) struct Standing {
    owner: [u8; 16],
    flow: [u8; 16],
    kind: i64,
    status: i64,
    facts: i64,
}

/// Looks at a run that must belong to `epoch`.
pub(super) fn standing(c: &Connection, id: RunId, epoch: u64) -> Result<Standing, Failure> {
    let mut look = c.prepare_cached("SELECT flow, status, facts, epoch, owner, kind FROM run WHERE id = ?1")?;
    let found = look
        .query_row([key(id)], |row| {
            let standing = Standing {
                owner: row.get(4)?,
                flow: row.get(0)?,
                kind: row.get(5)?,
                status: row.get(1)?,
                facts: row.get(2)?,
            };
            Ok((standing, row.get::<_, i64>(3)?))
        })
        .optional()?;
    match found {
        None => Err(StoreError::missing("run", id).into()),
        Some((standing, found)) if found == int(epoch) => Ok(standing),
        Some((_, found)) => {
            Err(StoreError::conflict("run", id, format!("it belongs to epoch {found}, not {epoch}")).into())
        }
    }
}

/// Stores a new run.
pub(super) fn start(c: &Connection, one: &Run, facts: &Facts, ended: &mut EndedHere) -> Done {
    let sql = "INSERT OR IGNORE INTO run (id, owner, flow, version, kind, status, epoch, facts, started, ended,
                   trigger_name, summary, event, subscription, resubmitted_from, parent,
                   error_code, error_message, error_hint)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)";
    let flow = key(one.flow);
    let status = status_number(one.status);
    let error = one.error.as_ref();
    let rows = execute(
        c,
        sql,
        params![
            key(one.id),
            key(one.owner),
            flow,
            one.version,
            kind_number(one.kind),
            status,
            int(one.epoch),
            int(facts.count),
            one.started_at.as_micros(),
            micros(one.ended_at),
            one.trigger,
            one.summary,
            key_of(one.event),
            key_of(one.subscription),
            key_of(one.resubmitted_from),
            key_of(one.parent),
            error.map(|error| &error.code),
            error.map(|error| &error.message),
            error.and_then(|error| error.hint.as_ref()),
        ],
    )?;
    if rows == 0 {
        return Err(StoreError::conflict("run", one.id, "it exists already").into());
    }
    put_facts(c, one.id, 0, facts)?;
    if one.status.is_final() {
        let (run, owner, kind) = (key(one.id), key(one.owner), kind_number(one.kind));
        ended.push(EndedRun { run, owner, flow, kind, status });
    }
    Ok(())
}

fn put_facts(c: &Connection, id: RunId, from: i64, facts: &Facts) -> Done {
    if facts.count > 0 {
        let sql = "INSERT INTO fact (run, first, facts) VALUES (?1, ?2, ?3)";
        execute(c, sql, params![key(id), from, facts.column])?;
    }
    Ok(())
}

/// Appends facts and changes the summary.
pub(super) fn append(
    c: &Connection,
    id: RunId,
    epoch: u64,
    (from, facts): (u64, &Facts),
    update: &RunUpdate,
    ended: &mut EndedHere,
) -> Done {
    let before = standing(c, id, epoch)?;
    if before.facts != int(from) {
        let detail = format!("its journal has {} facts, not {from}", before.facts);
        return Err(StoreError::conflict("run", id, detail).into());
    }
    let count = before.facts.saturating_add(int(facts.count));
    put_facts(c, id, before.facts, facts)?;
    change_summary(c, id, &before, count, update, ended)
}

/// Changes the summary.
pub(super) fn update(c: &Connection, id: RunId, epoch: u64, update: &RunUpdate, ended: &mut EndedHere) -> Done {
    let before = standing(c, id, epoch)?;
    change_summary(c, id, &before, before.facts, update, ended)
}

fn change_summary(
    c: &Connection,
    id: RunId,
    before: &Standing,
    facts: i64,
    update: &RunUpdate,
    ended: &mut EndedHere,
) -> Done {
    if *update == RunUpdate::default() {
        // The usual case in the middle of a run, and one that touches no index.
        execute(c, "UPDATE run SET facts = ?2 WHERE id = ?1", params![key(id), facts])?;
        return Ok(());
    }
    let RunUpdate { status, ended_at, error, epoch, started_at } = update;
    if status.is_some_and(|status| !status.is_final()) {
        let sql = "UPDATE run SET ended = NULL, error_code = NULL, error_message = NULL, error_hint = NULL
                   WHERE id = ?1 AND status >= 2";
        execute(c, sql, [key(id)])?;
    }
    let status = status.map(status_number);
    let sql = "UPDATE run SET facts = ?2, status = coalesce(?3, status), ended = coalesce(?4, ended),
                   epoch = coalesce(?5, epoch), started = coalesce(?6, started)
               WHERE id = ?1";
    execute(c, sql, params![key(id), facts, status, micros(*ended_at), epoch.map(int), micros(*started_at)])?;
    if let Some(error) = error {
        let sql = "UPDATE run SET error_code = ?2, error_message = ?3, error_hint = ?4 WHERE id = ?1";
        execute(c, sql, params![key(id), error.code, error.message, error.hint])?;
    }
    let after = status.unwrap_or(before.status);
    if before.status < 2 && after >= 2 {
        let Standing { owner, flow, kind, .. } = *before;
        ended.push(EndedRun { run: key(id), owner, flow, kind, status: after });
    }
    Ok(())
}
