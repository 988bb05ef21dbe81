//! Generations of webhooks.

use async_trait::async_trait;
use hookmill_model::{FlowId, SubscriptionId, SubscriptionState, UserId};
use hookmill_store::{List, Page, StoreError, Subscription, Subscriptions};
use rusqlite::{Connection, Result, Row, params};

use super::{COST_MAX, Looked, all, below, one, page};
use crate::column::{bytes, id, key, key_of, moment, number, word};
use crate::store::SqliteStore;

const COLUMNS: &str = "id, flow, owner, generation, state, etag, capability, record, created, updated";

fn subscription(row: &Row<'_>) -> Result<Subscription> {
    Ok(Subscription {
        id: id(row, 0)?,
        flow: id(row, 1)?,
        owner: id(row, 2)?,
        generation: row.get(3)?,
        state: word(row, 4)?,
        etag: number(row, 5)?,
        capability: row.get(6)?,
        record: bytes(row, 7)?,
        created_at: moment(row, 8)?,
        updated_at: moment(row, 9)?,
    })
}

fn stuck(
    c: &Connection,
    owner: UserId,
    state: SubscriptionState,
    list: List<SubscriptionId>,
) -> Result<Page<Subscription, SubscriptionId>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM subscription INDEXED BY subscription_owner
         WHERE owner = ?1 AND state = ?2 AND id < ?3 ORDER BY id DESC"
    );
    let newest = "SELECT id FROM subscription WHERE flow = ?1 ORDER BY generation DESC, id DESC LIMIT 1";
    let kept = "SELECT 1 FROM flow WHERE id = ?1 AND deleted IS NULL";
    page(c, &sql, params![key(owner), state.as_str(), below(&list)], list, COST_MAX, |row| {
        let one = subscription(row)?;
        let flow = [key(one.flow)];
        let is_settled = state == SubscriptionState::Failed
            && (super::one(c, newest, flow, |row| id::<SubscriptionId>(row, 0))? != Some(one.id)
                || super::one(c, kept, flow, |_| Ok(()))?.is_none());
        Ok(Looked { id: one.id, item: (!is_settled).then_some(one), cost: 3 })
    })
}

type Answer<T> = std::result::Result<T, StoreError>;

#[async_trait]
impl Subscriptions for SqliteStore {
    async fn subscription(&self, id: SubscriptionId) -> Answer<Option<Subscription>> {
        let sql = format!("SELECT {COLUMNS} FROM subscription WHERE id = ?1");
        self.readers.read(move |c| one(c, &sql, [key(id)], subscription)).await
    }

    async fn subscription_by_capability(&self, capability: &[u8; 32]) -> Answer<Option<Subscription>> {
        let capability = *capability;
        let sql = format!("SELECT {COLUMNS} FROM subscription WHERE capability = ?1");
        self.readers.read(move |c| one(c, &sql, [capability], subscription)).await
    }

    async fn subscriptions_of(&self, flow: FlowId) -> Answer<Vec<Subscription>> {
        let sql = format!("SELECT {COLUMNS} FROM subscription WHERE flow = ?1 ORDER BY generation DESC, id DESC");
        self.readers.read(move |c| all(c, &sql, [key(flow)], subscription)).await
    }

    async fn subscriptions_newest(&self, flows: &[FlowId]) -> Answer<Vec<Subscription>> {
        let flows = flows.to_vec();
        let sql =
            format!("SELECT {COLUMNS} FROM subscription WHERE flow = ?1 ORDER BY generation DESC, id DESC LIMIT 1");
        self.readers
            .read(move |c| {
                let newest = flows.into_iter().map(|flow| one(c, &sql, [key(flow)], subscription));
                newest.filter_map(Result::transpose).collect()
            })
            .await
    }

    async fn subscriptions_stuck(
        &self,
        owner: UserId,
        state: SubscriptionState,
        list: List<SubscriptionId>,
    ) -> Answer<Page<Subscription, SubscriptionId>> {
        self.readers.read(move |c| stuck(c, owner, state, list)).await
    }

    async fn subscriptions_in(&self, owner: Option<UserId>, states: &[SubscriptionState]) -> Answer<Vec<Subscription>> {
        let states = states.to_vec();
        let sql =
            format!("SELECT {COLUMNS} FROM subscription WHERE state = ?1 AND (?2 IS NULL OR owner = ?2) ORDER BY id");
        self.readers
            .read(move |c| {
                let mut found = Vec::new();
                for state in states {
                    found.extend(all(c, &sql, params![state.as_str(), key_of(owner)], subscription)?);
                }
                found.sort_by_key(|one| one.id);
                Ok(found)
            })
            .await
    }
}
