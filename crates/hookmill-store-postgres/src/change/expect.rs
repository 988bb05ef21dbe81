//! The conditions of a unit that are not about events, runs and timers.

use hookmill_store::{Expect, StoreError};
use tokio_postgres::Client;

use super::{Done, exists};
use crate::column::{Arg, args, get, int, key};
use crate::error::Failure;

async fn number(c: &Client, sql: &str, values: &[Arg<'_>]) -> Result<Option<i64>, Failure> {
    let found = c.query_typed_opt(sql, values).await?;
    Ok(found.map(|row| get(&row, 0)).transpose()?)
}

fn etag(what: &'static str, id: impl ToString, expected: u64, found: Option<i64>) -> Done {
    match found {
        None => Err(StoreError::missing(what, id).into()),
        Some(found) if found == int(expected) => Ok(()),
        Some(found) => Err(StoreError::conflict(what, id, format!("it is at version {found}, not {expected}")).into()),
    }
}

fn unused(what: &'static str, id: impl ToString, is_used: bool) -> Done {
    if is_used { Err(StoreError::conflict(what, id, "it is in use").into()) } else { Ok(()) }
}

pub(super) async fn check(c: &Client, expect: &Expect) -> Done {
    match expect {
        Expect::FlowEtag(id, expected) => {
            let sql = "SELECT etag FROM flow WHERE id = $1 AND deleted IS NULL";
            etag("flow", id, *expected, number(c, sql, args![key(*id)]).await?)
        }
        Expect::ConnectorEtag(id, expected) => {
            let found = number(c, "SELECT etag FROM connector WHERE id = $1", args![key(*id)]).await?;
            etag("connector", id, *expected, found)
        }
        Expect::ConnectionEtag(id, expected) => {
            let found = number(c, "SELECT etag FROM connection WHERE id = $1", args![key(*id)]).await?;
            etag("connection", id, *expected, found)
        }
        Expect::SubscriptionEtag(id, expected) => {
            let found = number(c, "SELECT etag FROM subscription WHERE id = $1", args![key(*id)]).await?;
            etag("subscription", id, *expected, found)
        }
        Expect::ApprovalEtag(id, expected) => {
            let found = number(c, "SELECT etag FROM approval WHERE id = $1", args![key(*id)]).await?;
            etag("approval", id, *expected, found)
        }
        Expect::ConnectorUnused(id) => {
            let sql = "SELECT FROM connection WHERE connector = $1
                       UNION ALL SELECT FROM binding b JOIN flow f ON f.id = b.flow
                       WHERE b.connector = $1 AND f.deleted IS NULL LIMIT 1";
            unused("connector", id, exists(c, sql, args![key(*id)]).await?)
        }
        Expect::ConnectionUnused(id) => {
            let sql = "SELECT FROM binding b JOIN flow f ON f.id = b.flow
                       WHERE b.connection = $1 AND f.deleted IS NULL LIMIT 1";
            unused("connection", id, exists(c, sql, args![key(*id)]).await?)
        }
        Expect::NoUser => {
            if exists(c, "SELECT FROM \"user\" LIMIT 1", &[]).await? {
                return Err(StoreError::conflict("server", "", "it has a user").into());
            }
            Ok(())
        }
        // These are looked at together with those of other units; see `batch`.
        Expect::RunEpoch(..) | Expect::RunActive(_) | Expect::EventPending(_) | Expect::TimerDue(_) => Ok(()),
    }
}
