//! Generations of webhooks.

use async_trait::async_trait;
use hookmill_model::{FlowId, SubscriptionId, SubscriptionState, UserId};
use hookmill_store::{List, Page, StoreError, Subscription, Subscriptions};
use tokio_postgres::Row;

use super::{COST_MAX, Looked, Paging, all, one};
use crate::column::{Key, args, bytes, count, get, hash, id, key, key_of, moment, number, word};
use crate::store::PostgresStore;

const COLUMNS: &str = "id, flow, owner, generation, state, etag, capability, record, created, updated";

type Answer<T> = Result<T, StoreError>;

fn subscription(row: &Row) -> Answer<Subscription> {
    Ok(Subscription {
        id: id(row, 0)?,
        flow: id(row, 1)?,
        owner: id(row, 2)?,
        generation: count(row, 3)?,
        state: word(row, 4)?,
        etag: number(row, 5)?,
        capability: hash(row, 6)?,
        record: bytes(row, 7)?,
        created_at: moment(row, 8)?,
        updated_at: moment(row, 9)?,
    })
}

#[async_trait]
impl Subscriptions for PostgresStore {
    async fn subscription(&self, id: SubscriptionId) -> Answer<Option<Subscription>> {
        let sql = format!("SELECT {COLUMNS} FROM subscription WHERE id = $1");
        one(&self.readers, &sql, args![key(id)], subscription).await
    }

    async fn subscription_by_capability(&self, capability: &[u8; 32]) -> Answer<Option<Subscription>> {
        let sql = format!("SELECT {COLUMNS} FROM subscription WHERE capability = $1");
        one(&self.readers, &sql, args![&capability[..]], subscription).await
    }

    async fn subscriptions_of(&self, flow: FlowId) -> Answer<Vec<Subscription>> {
        let sql = format!("SELECT {COLUMNS} FROM subscription WHERE flow = $1 ORDER BY generation DESC, id DESC");
        all(&self.readers, &sql, args![key(flow)], subscription).await
    }

    async fn subscriptions_newest(&self, flows: &[FlowId]) -> Answer<Vec<Subscription>> {
        let wanted: Vec<Key> = flows.iter().map(|flow| key(*flow)).collect();
        let sql = format!(
            "SELECT s.* FROM unnest($1) WITH ORDINALITY AS n (flow, place) CROSS JOIN LATERAL
                 (SELECT {COLUMNS} FROM subscription WHERE flow = n.flow ORDER BY generation DESC, id DESC LIMIT 1) AS s
             ORDER BY n.place"
        );
        all(&self.readers, &sql, args![wanted], subscription).await
    }

    async fn subscriptions_stuck(
        &self,
        owner: UserId,
        state: SubscriptionState,
        list: List<SubscriptionId>,
    ) -> Answer<Page<Subscription, SubscriptionId>> {
        // Of those that failed only the newest of a flow that is kept: what came after has settled the others.
        let sql = format!(
            "SELECT {COLUMNS}, $2 = 'failed' AND (
                 NOT EXISTS (SELECT FROM flow f WHERE f.id = s.flow AND f.deleted IS NULL)
                 OR EXISTS (SELECT FROM subscription n WHERE n.flow = s.flow
                            AND (n.generation, n.id) > (s.generation, s.id)))
             FROM subscription s WHERE owner = $1 AND state = $2 AND id < $3 ORDER BY id DESC LIMIT $4"
        );
        let mut page = Paging::new(list, COST_MAX);
        while let Some((below, rows)) = page.wanted() {
            let found = self.readers.rows(&sql, args![key(owner), state.as_str(), below, rows]).await?;
            let looked = |row: &Row| {
                let one = subscription(row)?;
                let is_settled: bool = get(row, 10)?;
                Ok(Looked { id: one.id, item: (!is_settled).then_some(one), cost: 3 })
            };
            page.add(found.iter().map(looked).collect::<Answer<_>>()?);
        }
        Ok(page.end())
    }

    async fn subscriptions_in(&self, owner: Option<UserId>, states: &[SubscriptionState]) -> Answer<Vec<Subscription>> {
        let mut found = Vec::new();
        for state in states {
            let sql = match owner {
                Some(_) => format!("SELECT {COLUMNS} FROM subscription WHERE state = $1 AND owner = $2 ORDER BY id"),
                None => format!("SELECT {COLUMNS} FROM subscription WHERE state = $1 AND $2 IS NULL ORDER BY id"),
            };
            found.extend(all(&self.readers, &sql, args![state.as_str(), key_of(owner)], subscription).await?);
        }
        found.sort_by_key(|one| one.id);
        Ok(found)
    }
}
