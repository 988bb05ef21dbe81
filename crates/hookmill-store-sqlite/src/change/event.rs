//! Events and their queue.

use hookmill_model::{EventId, Id};
use hookmill_store::{Dedupe, StoreError};
use rusqlite::{Connection, OptionalExtension, params};

use super::{Done, run};
use crate::column::{key, key_of};
use crate::error::Failure;
use crate::step::PackedEvent;

/// Stores an event; answers its place in the order of acceptance.
pub(super) fn add(c: &Connection, event: &PackedEvent) -> Result<u64, Failure> {
    if let Some(dedupe) = &event.dedupe {
        remember(c, event, dedupe)?;
    }
    let id = key(event.id);
    let sql = "INSERT OR IGNORE INTO event (id, flow, subscription, received, summary, payload)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let received = event.received_at.as_micros();
    let values = params![id, key(event.flow), key_of(event.subscription), received, event.summary, event.payload];
    if run(c, sql, values)? == 0 {
        return Err(StoreError::conflict("event", event.id, "it exists already").into());
    }
    let seq = c.last_insert_rowid();
    if !event.is_taken {
        run(c, "INSERT INTO pending (seq, flow) VALUES (?1, ?2)", params![seq, key(event.flow)])?;
    }
    Ok(u64::try_from(seq).unwrap_or(0))
}

fn remember(c: &Connection, event: &PackedEvent, dedupe: &Dedupe) -> Done {
    let scope = event.scope();
    let buckets = dedupe.buckets(event.received_at);
    let newest = *buckets.end();
    let mut look = c.prepare_cached("SELECT event FROM dedupe WHERE bucket = ?1 AND scope = ?2 AND key = ?3")?;
    let (mut of, mut fresh) = (None, Vec::new());
    for own in &dedupe.keys {
        let mut known: Option<[u8; 16]> = None;
        for bucket in buckets.clone() {
            known = look.query_row(params![bucket, scope, &own[..]], |row| row.get(0)).optional()?;
            if known.is_some() {
                break;
            }
        }
        match known {
            Some(known) => of = Some(EventId::from_bits(u128::from_be_bytes(known))),
            None => fresh.push(own),
        }
    }
    if let (Some(of), true) = (of, fresh.is_empty()) {
        return Err(StoreError::Duplicate { of }.into());
    }
    let sql = "INSERT OR IGNORE INTO dedupe (bucket, scope, key, event) VALUES (?1, ?2, ?3, ?4)";
    for own in fresh {
        run(c, sql, params![newest, scope, &own[..], key(event.id)])?;
    }
    Ok(())
}

/// Takes an event from the queue.
pub(super) fn consume(c: &Connection, id: EventId) -> Done {
    let sql = "DELETE FROM pending WHERE (flow, seq) = (SELECT flow, seq FROM event WHERE id = ?1)";
    if run(c, sql, [key(id)])? == 0 {
        return Err(StoreError::conflict("event", id, "it is not pending").into());
    }
    Ok(())
}
