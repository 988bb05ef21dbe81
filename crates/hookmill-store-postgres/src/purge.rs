//! Forgetting: small steps, each a transaction of its own, so that nobody waits for long.

use hookmill_model::{ApprovalId, EventId, Id, NotificationId, RunId, Timestamp};
use hookmill_store::{Dedupe, Purged, Retention};
use tokio_postgres::{Client, Error};

use crate::column::{Key, args, int, key};

async fn delete(client: &Client, sql: &str, values: &[crate::column::Arg<'_>]) -> Result<u64, Error> {
    client.execute_typed(sql, values).await
}

async fn keys(client: &Client, sql: &str, values: &[crate::column::Arg<'_>]) -> Result<Vec<Key>, Error> {
    client.query_typed(sql, values).await?.iter().map(|row| row.try_get(0)).collect()
}

/// Forgets a little of what is old.
pub(crate) async fn step(client: &Client, retention: Retention) -> Result<Purged, Error> {
    let Retention { now, before, rows_max } = retention;
    let limit = int(rows_max.max(1) as u64);
    client.batch_execute("BEGIN").await?;
    let mut purged = Purged::default();

    let old = "SELECT id FROM run WHERE id < $1 AND status >= 2 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED";
    let old = keys(client, old, args![key(RunId::floor(before)), limit]).await?;
    delete(client, "DELETE FROM fact WHERE run = ANY ($1)", args![old]).await?;
    delete(client, "DELETE FROM timer WHERE kind = 0 AND id = ANY ($1)", args![old]).await?;
    purged.runs = delete(client, "DELETE FROM run WHERE id = ANY ($1)", args![old]).await?;

    // Events of runs stay as long as these: their journals refer to the bodies instead of repeating them.
    let events = "DELETE FROM event WHERE id IN (
                      SELECT e.id FROM event e WHERE e.id < $1
                          AND NOT EXISTS (SELECT FROM pending p WHERE p.flow = e.flow AND p.seq = e.seq)
                          AND NOT EXISTS (SELECT FROM run r WHERE r.status < 2 AND r.event = e.id)
                          AND NOT EXISTS (SELECT FROM run r WHERE r.id = e.id)
                      ORDER BY e.id LIMIT $2)";
    purged.events = delete(client, events, args![key(EventId::floor(before)), limit]).await?;

    let window = i64::try_from(Dedupe::WINDOW_MAX.as_micros()).unwrap_or(i64::MAX);
    let bucket = Dedupe::bucket(Timestamp::from_micros(now.as_micros().saturating_sub(window)));
    let deliveries = "DELETE FROM dedupe WHERE (bucket, scope, key) IN (
                          SELECT bucket, scope, key FROM dedupe WHERE bucket < $1 LIMIT $2)";
    let deliveries = delete(client, deliveries, args![bucket, limit]).await?;

    let old = "SELECT id FROM notification WHERE id < $1 ORDER BY id LIMIT $2";
    let old = keys(client, old, args![key(NotificationId::floor(before)), limit]).await?;
    delete(client, "DELETE FROM delivery WHERE notification = ANY ($1)", args![old]).await?;
    let notifications = delete(client, "DELETE FROM notification WHERE id = ANY ($1)", args![old]).await?;
    // What nobody answers is forgotten with the run that asked.
    let old = "SELECT id FROM approval a WHERE id < $1
                   AND (ended IS NOT NULL OR NOT EXISTS (SELECT FROM run r WHERE r.id = a.run)) ORDER BY id LIMIT $2";
    let old = keys(client, old, args![key(ApprovalId::floor(before)), limit]).await?;
    delete(client, "DELETE FROM approval_person WHERE approval = ANY ($1)", args![old]).await?;
    let approvals = delete(client, "DELETE FROM approval WHERE id = ANY ($1)", args![old]).await?;
    let sessions = "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE expires < $1 LIMIT $2)";
    let sessions = delete(client, sessions, args![now.as_micros(), limit]).await?;

    let gone = "SELECT id FROM flow WHERE deleted < $1 AND deleted IS NOT NULL
                    AND NOT EXISTS (SELECT FROM run WHERE run.flow = flow.id)
                    AND NOT EXISTS (SELECT FROM event WHERE event.flow = flow.id)
                    AND NOT EXISTS (SELECT FROM subscription WHERE subscription.flow = flow.id
                                    AND state NOT IN ('gone', 'failed'))
                LIMIT $2";
    let gone = keys(client, gone, args![before.as_micros(), limit]).await?;
    for table in ["flow_version", "subscription", "failing"] {
        delete(client, &format!("DELETE FROM {table} WHERE flow = ANY ($1)"), args![gone]).await?;
    }
    let flows = delete(client, "DELETE FROM flow WHERE id = ANY ($1)", args![gone]).await?;
    client.batch_execute("COMMIT").await?;

    let full = |rows: u64| rows >= rows_max.max(1) as u64;
    purged.others = deliveries + notifications + approvals + sessions + flows;
    purged.more = [purged.runs, purged.events, deliveries, notifications, approvals, sessions].into_iter().any(full);
    Ok(purged)
}
