//! Events.

use async_trait::async_trait;
use bytes::Bytes;
use hookmill_model::{EventId, FlowId};
use hookmill_store::payload::{split, unpack};
use hookmill_store::{Event, EventListed, Events, List, Page, PendingEvent};
use tokio_postgres::Row;

use super::{Answer, Looked, Paging, all, one, rows};
use crate::column::{args, damaged, get, id, id_of, int, key, moment, number};
use crate::store::PostgresStore;

/// Bodies of events that wait, in one answer; the one that goes beyond is still in it.
const PENDING_BYTES_MAX: i64 = 16 * 1_024 * 1_024;

/// `id, flow, subscription, received, summary`.
fn listed(row: &Row) -> Answer<EventListed> {
    Ok(EventListed {
        id: id(row, 0)?,
        flow: id(row, 1)?,
        subscription: id_of(row, 2)?,
        received_at: moment(row, 3)?,
        summary: get(row, 4)?,
    })
}

/// Several by their identifiers.
pub(super) const EVENTS: &str =
    "SELECT id, flow, subscription, received, summary, payload FROM event WHERE id = ANY ($1)";

/// The columns of [`listed`], then the payload.
pub(super) fn event(row: &Row) -> Answer<Event> {
    let EventListed { id, flow, subscription, received_at, summary } = listed(row)?;
    let parts = unpack(get(row, 5)?).and_then(|joined| split(&joined));
    let parts = parts.map_err(|problem| damaged(format!("the event {id} cannot be read: {problem}")))?;
    let [head, body]: [Bytes; 2] =
        parts.try_into().map_err(|_| damaged(format!("the event {id} is not a head and a body")))?;
    Ok(Event { id, flow, subscription, received_at, summary, head, body })
}

#[async_trait]
impl Events for PostgresStore {
    async fn event(&self, id: EventId) -> Answer<Option<Event>> {
        let sql = "SELECT id, flow, subscription, received, summary, payload FROM event WHERE id = $1";
        one(&self.readers, sql, args![key(id)], event).await
    }

    async fn events(&self, flow: FlowId, list: List<EventId>) -> Answer<Page<EventListed, EventId>> {
        let sql = "SELECT id, flow, subscription, received, summary FROM event
                   WHERE flow = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
        let mut page = Paging::new(list, usize::MAX);
        while let Some((below, rows)) = page.wanted() {
            let found = self.readers.rows(sql, args![key(flow), below, rows]).await?;
            let looked = |row: &Row| {
                let one = listed(row)?;
                Ok(Looked { id: one.id, item: Some(one), cost: 0 })
            };
            page.add(found.iter().map(looked).collect::<Answer<_>>()?);
        }
        Ok(page.end())
    }

    async fn pending_events(&self, flow: FlowId, after: Option<u64>, limit: usize) -> Answer<Vec<PendingEvent>> {
        // Sizes are summed up here, so that no answer fills the memory. A compressed payload begins with its length.
        let sql = "WITH waiting AS (
                       SELECT e.id, e.flow, e.subscription, e.received, e.summary, e.payload, e.seq,
                           CASE WHEN get_byte(h, 0) = 1
                               THEN get_byte(h, 1) + (get_byte(h, 2) << 8) + (get_byte(h, 3) << 16)
                                   + (get_byte(h, 4)::int8 << 24)
                               ELSE octet_length(e.payload) END AS bytes
                       FROM (SELECT seq FROM pending WHERE flow = $1 AND seq > $2 ORDER BY flow, seq LIMIT $3) AS p
                       JOIN event e ON e.seq = p.seq, substr(e.payload, 1, 5) AS h)
                   SELECT id, flow, subscription, received, summary, payload, seq FROM (
                       SELECT *, sum(bytes) OVER (ORDER BY seq) - bytes AS before FROM waiting) AS n
                   WHERE before <= $4 ORDER BY seq";
        let waiting = |row: &Row| Ok(PendingEvent { event: event(row)?, position: number(row, 6)? });
        let from = after.map_or(-1, int);
        all(&self.readers, sql, args![key(flow), from, rows(limit), PENDING_BYTES_MAX], waiting).await
    }

    async fn pending_counts(&self) -> Answer<Vec<(FlowId, u64)>> {
        let sql = "SELECT flow, count(*) FROM pending GROUP BY flow ORDER BY flow";
        all(&self.readers, sql, &[], |row| Ok((id(row, 0)?, number(row, 1)?))).await
    }
}
