//! The conditions of a unit.

use hookmill_store::{Expect, StoreError};
use rusqlite::{Connection, OptionalExtension, params};

use super::Done;
use crate::column::{int, key};
use crate::error::Failure;
use crate::read::connector::{connection_uses, connector_uses};
use crate::step::timer_key;

fn number(c: &Connection, sql: &str, values: impl rusqlite::Params) -> Result<Option<i64>, Failure> {
    Ok(c.prepare_cached(sql)?.query_row(values, |row| row.get(0)).optional()?)
}

fn etag(what: &'static str, id: impl ToString, expected: u64, found: Option<i64>) -> Done {
    match found {
        None => Err(StoreError::missing(what, id).into()),
        Some(found) if found == int(expected) => Ok(()),
        Some(found) => Err(StoreError::conflict(what, id, format!("it is at version {found}, not {expected}")).into()),
    }
}

fn holds(condition: bool, error: impl FnOnce() -> StoreError) -> Done {
    if condition { Ok(()) } else { Err(error().into()) }
}

pub(super) fn check(c: &Connection, expect: &Expect) -> Done {
    match expect {
        Expect::FlowEtag(id, expected) => {
            let found = number(c, "SELECT etag FROM flow WHERE id = ?1 AND deleted IS NULL", [key(*id)])?;
            etag("flow", id, *expected, found)
        }
        Expect::ConnectorEtag(id, expected) => {
            etag("connector", id, *expected, number(c, "SELECT etag FROM connector WHERE id = ?1", [key(*id)])?)
        }
        Expect::ConnectionEtag(id, expected) => {
            etag("connection", id, *expected, number(c, "SELECT etag FROM connection WHERE id = ?1", [key(*id)])?)
        }
        Expect::SubscriptionEtag(id, expected) => {
            etag("subscription", id, *expected, number(c, "SELECT etag FROM subscription WHERE id = ?1", [key(*id)])?)
        }
        Expect::ApprovalEtag(id, expected) => {
            etag("approval", id, *expected, number(c, "SELECT etag FROM approval WHERE id = ?1", [key(*id)])?)
        }
        Expect::RunEpoch(id, epoch) => super::run::standing(c, *id, *epoch).map(|_| ()),
        Expect::RunActive(id) => match number(c, "SELECT status FROM run WHERE id = ?1", [key(*id)])? {
            None => Err(StoreError::missing("run", id).into()),
            Some(status) => holds(status < 2, || StoreError::conflict("run", id, "it has ended")),
        },
        Expect::EventPending(id) => {
            let sql = "SELECT p.seq FROM event e JOIN pending p ON p.flow = e.flow AND p.seq = e.seq WHERE e.id = ?1";
            let found = number(c, sql, [key(*id)])?;
            holds(found.is_some(), || StoreError::conflict("event", id, "it is not pending"))
        }
        Expect::TimerDue(timer) => {
            let (kind, id) = timer_key(timer.key);
            let found = number(c, "SELECT due FROM timer WHERE kind = ?1 AND id = ?2", params![kind, id])?;
            holds(found == Some(timer.due_at.as_micros()), || {
                StoreError::conflict("timer", timer.key, "it is not set to the expected moment")
            })
        }
        Expect::ConnectorUnused(id) => {
            holds(connector_uses(c, *id)?.is_empty(), || StoreError::conflict("connector", id, "it is in use"))
        }
        Expect::ConnectionUnused(id) => {
            holds(connection_uses(c, *id)?.is_empty(), || StoreError::conflict("connection", id, "it is in use"))
        }
        Expect::NoUser => {
            let found = number(c, "SELECT 1 FROM user LIMIT 1", [])?;
            holds(found.is_none(), || StoreError::conflict("server", "", "it has a user"))
        }
    }
}
