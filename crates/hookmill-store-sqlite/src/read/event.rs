//! Events.

use async_trait::async_trait;
use bytes::Bytes;
use hookmill_model::{EventId, FlowId};
use hookmill_store::{Event, EventListed, Events, List, Page, PendingEvent, StoreError};
use rusqlite::types::Type;
use rusqlite::{Connection, Result, Row, params};

use super::{all, below, one, page_of_all, prepared, rows};
use crate::column::{damaged, id, id_of, int, key, moment, number};
use crate::payload::{split, unpack};
use crate::store::SqliteStore;

/// Bodies of events that wait, in one answer; the one that goes beyond is still in it.
const PENDING_BYTES_MAX: usize = 16 * 1_024 * 1_024;

/// `id, flow, subscription, received, summary`.
fn listed(row: &Row<'_>) -> Result<EventListed> {
    Ok(EventListed {
        id: id(row, 0)?,
        flow: id(row, 1)?,
        subscription: id_of(row, 2)?,
        received_at: moment(row, 3)?,
        summary: row.get(4)?,
    })
}

/// The columns of [`listed`], then the payload.
fn event(row: &Row<'_>) -> Result<Event> {
    let EventListed { id, flow, subscription, received_at, summary } = listed(row)?;
    let column = row.get_ref(5)?.as_blob()?;
    let parts = unpack(column).and_then(|joined| split(&joined));
    let unreadable = |problem: &str| damaged(5, Type::Blob, format!("the event {id} cannot be read: {problem}"));
    let parts = parts.map_err(|problem| unreadable(&problem))?;
    let [head, body]: [Bytes; 2] = parts.try_into().map_err(|_| unreadable("it is not a head and a body"))?;
    Ok(Event { id, flow, subscription, received_at, summary, head, body })
}

/// An event for a search; `None` where there is none, or none that can be read: a list must not fail for one run.
pub(super) fn event_of(c: &Connection, id: EventId) -> Option<Event> {
    one(c, EVENT, [key(id)], event).ok().flatten()
}

/// By its identifier.
const EVENT: &str = "SELECT id, flow, subscription, received, summary, payload FROM event WHERE id = ?1";

#[async_trait]
impl Events for SqliteStore {
    async fn event(&self, id: EventId) -> std::result::Result<Option<Event>, StoreError> {
        self.readers.read(move |c| one(c, EVENT, [key(id)], event)).await
    }

    async fn events(
        &self,
        flow: FlowId,
        list: List<EventId>,
    ) -> std::result::Result<Page<EventListed, EventId>, StoreError> {
        let sql = "SELECT id, flow, subscription, received, summary FROM event INDEXED BY event_flow
                   WHERE flow = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
        self.readers
            .read(move |c| {
                let values = params![key(flow), below(&list), rows(list.bounded() + 1)];
                page_of_all(c, sql, values, list, |row| {
                    let one = listed(row)?;
                    Ok((one.id, one))
                })
            })
            .await
    }

    async fn pending_events(
        &self,
        flow: FlowId,
        after: Option<u64>,
        limit: usize,
    ) -> std::result::Result<Vec<PendingEvent>, StoreError> {
        let sql = "SELECT e.id, e.flow, e.subscription, e.received, e.summary, e.payload, e.seq
                   FROM pending p CROSS JOIN event e ON e.seq = p.seq
                   WHERE p.flow = ?1 AND p.seq > ?2 ORDER BY p.seq LIMIT ?3";
        self.readers
            .read(move |c| {
                let mut statement = prepared(c, sql)?;
                let mut found = statement.query(params![key(flow), after.map_or(-1, int), rows(limit)])?;
                let (mut pending, mut bytes) = (Vec::new(), 0);
                while let Some(row) = found.next()? {
                    let one = PendingEvent { event: event(row)?, position: number(row, 6)? };
                    bytes += one.event.body.len();
                    pending.push(one);
                    if bytes > PENDING_BYTES_MAX {
                        break;
                    }
                }
                Ok(pending)
            })
            .await
    }

    async fn pending_counts(&self) -> std::result::Result<Vec<(FlowId, u64)>, StoreError> {
        let sql = "SELECT flow, count(*) FROM pending GROUP BY flow";
        self.readers.read(move |c| all(c, sql, [], |row| Ok((id(row, 0)?, number(row, 1)?)))).await
    }
}
