//! What is stored, in another form: the form before is overwritten, so that the file keeps nothing of it.

use hookmill_model::RunId;
use hookmill_store::StoreError;
use rusqlite::{Connection, params};

use super::{Done, run};
use crate::column::{int, key};
use crate::step::{Facts, PackedSeal};

pub(super) fn apply(c: &Connection, packed: &PackedSeal) -> Done {
    // Pages that are freed are filled with zeros, and so are the gaps inside of pages.
    c.pragma_update(None, "secure_delete", "ON")?;
    let done = replace(c, packed);
    c.pragma_update(None, "secure_delete", "OFF")?;
    done
}

fn replace(c: &Connection, packed: &PackedSeal) -> Done {
    match packed {
        PackedSeal::FlowVersion { version, definition } => {
            let sql = "UPDATE flow_version SET definition = ?3, parameters = ?4, envelope = ?5
                       WHERE flow = ?1 AND version = ?2";
            let (parameters, envelope) = (&version.parameters[..], &version.envelope[..]);
            let values = params![key(version.flow), version.version, definition, parameters, envelope];
            found(run(c, sql, values)?, "flow", version.flow)
        }
        PackedSeal::Facts(id, facts) => journal(c, *id, facts),
        PackedSeal::Event(id, payload) => {
            let rows = run(c, "UPDATE event SET payload = ?2 WHERE id = ?1", params![key(*id), payload])?;
            found(rows, "event", id)
        }
    }
}

fn found(rows: usize, what: &'static str, id: impl ToString) -> Done {
    if rows == 0 { Err(StoreError::missing(what, id).into()) } else { Ok(()) }
}

/// The rows of a journal that hold the facts become one row. What was appended since stands in rows of its own.
fn journal(c: &Connection, id: RunId, facts: &Facts) -> Done {
    let (run_key, count) = (key(id), int(facts.count));
    let known: Option<i64> = rusqlite::OptionalExtension::optional(
        c.prepare_cached("SELECT facts FROM run WHERE id = ?1")?.query_row([run_key], |row| row.get(0)),
    )?;
    let known = known.ok_or_else(|| StoreError::missing("run", id))?;
    let begins_there = known == count
        || c.prepare_cached("SELECT 1 FROM fact WHERE run = ?1 AND first = ?2")?.exists(params![run_key, count])?;
    if known < count || !begins_there {
        let detail = format!("its journal has {known} facts, and none of its rows begins with fact {count}");
        return Err(StoreError::conflict("run", id, detail).into());
    }
    if count > 0 {
        run(c, "DELETE FROM fact WHERE run = ?1 AND first < ?2", params![run_key, count])?;
        run(c, "INSERT INTO fact (run, first, facts) VALUES (?1, 0, ?2)", params![run_key, facts.column])?;
    }
    Ok(())
}
