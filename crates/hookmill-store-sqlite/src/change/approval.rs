//! Approvals, and whom they ask.

use hookmill_store::{Approval, ApprovalPerson};
use rusqlite::{Connection, params};

use super::{Done, run};
use crate::column::{int, key, micros};

pub(super) fn put(c: &Connection, one: &Approval, people: &[ApprovalPerson]) -> Done {
    let sql = "INSERT INTO approval (id, owner, flow, run, state, etag, record, created, ended)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
               ON CONFLICT (id) DO UPDATE SET state = excluded.state, etag = excluded.etag, record = excluded.record,
                   ended = excluded.ended";
    let id = key(one.id);
    let (owner, flow, by) = (key(one.owner), key(one.flow), key(one.run));
    let (created, ended) = (one.created_at.as_micros(), micros(one.ended_at));
    let state = one.state.as_str();
    run(c, sql, params![id, owner, flow, by, state, int(one.etag), &one.record[..], created, ended])?;
    run(c, "DELETE FROM approval_person WHERE approval = ?1", [id])?;
    let sql = "INSERT OR REPLACE INTO approval_person (person, approval, awaited) VALUES (?1, ?2, ?3)";
    for person in people {
        run(c, sql, params![key(person.user), id, person.is_awaited])?;
    }
    Ok(())
}
