//! Approvals, and whom they ask.

use hookmill_store::{Approval, ApprovalPerson};
use tokio_postgres::Client;

use super::{Done, run};
use crate::column::{args, int, key, micros};

pub(super) async fn put(c: &Client, one: &Approval, people: &[ApprovalPerson]) -> Done {
    let sql = "INSERT INTO approval (id, owner, flow, run, state, etag, record, created, ended)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
               ON CONFLICT (id) DO UPDATE SET state = excluded.state, etag = excluded.etag, record = excluded.record,
                   ended = excluded.ended";
    let id = key(one.id);
    let (owner, flow, by) = (key(one.owner), key(one.flow), key(one.run));
    let (created, ended) = (one.created_at.as_micros(), micros(one.ended_at));
    let (state, etag, record) = (one.state.as_str(), int(one.etag), &one.record[..]);
    run(c, sql, args![id, owner, flow, by, state, etag, record, created, ended]).await?;
    run(c, "DELETE FROM approval_person WHERE approval = $1", args![id]).await?;
    let sql = "INSERT INTO approval_person (person, approval, awaited) VALUES ($1, $2, $3)
               ON CONFLICT (person, approval) DO UPDATE SET awaited = excluded.awaited";
    for person in people {
        run(c, sql, args![key(person.user), id, i64::from(person.is_awaited)]).await?;
    }
    Ok(())
}
