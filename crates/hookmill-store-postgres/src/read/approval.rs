//! Approvals.

use async_trait::async_trait;
use hookmill_model::{ApprovalId, UserId};
use hookmill_store::{Approval, ApprovalFilter, Approvals, List, Page, StoreError, UNREAD_MAX};
use tokio_postgres::Row;

use super::{COST_MAX, Looked, Paging, all, one, rows};
use crate::column::{args, bytes, id, int, key, moment, moment_of, number, word};
use crate::store::PostgresStore;

const COLUMNS: &str = "a.id, a.owner, a.flow, a.run, a.state, a.etag, a.record, a.created, a.ended";

type Answer<T> = Result<T, StoreError>;

fn approval(row: &Row) -> Answer<Approval> {
    Ok(Approval {
        id: id(row, 0)?,
        owner: id(row, 1)?,
        flow: id(row, 2)?,
        run: id(row, 3)?,
        state: word(row, 4)?,
        etag: number(row, 5)?,
        record: bytes(row, 6)?,
        created_at: moment(row, 7)?,
        ended_at: moment_of(row, 8)?,
    })
}

#[async_trait]
impl Approvals for PostgresStore {
    async fn approval(&self, id: ApprovalId) -> Answer<Option<Approval>> {
        let sql = format!("SELECT {COLUMNS} FROM approval a WHERE a.id = $1");
        one(&self.readers, &sql, args![key(id)], approval).await
    }

    async fn approvals(&self, filter: ApprovalFilter, list: List<ApprovalId>) -> Answer<Page<Approval, ApprovalId>> {
        let (whose, sql) = match filter {
            ApprovalFilter::Received { user, is_awaited } => {
                let condition = if is_awaited { "AND p.awaited = 1" } else { "" };
                let sql = format!(
                    "SELECT {COLUMNS} FROM approval_person p JOIN approval a ON a.id = p.approval
                     WHERE p.person = $1 AND p.approval < $2 {condition} ORDER BY p.approval DESC LIMIT $3"
                );
                (user, sql)
            }
            ApprovalFilter::Sent { owner, is_open } => {
                let condition = if is_open { "AND a.state = 'open'" } else { "" };
                let sql = format!(
                    "SELECT {COLUMNS} FROM approval a
                     WHERE a.owner = $1 AND a.id < $2 {condition} ORDER BY a.id DESC LIMIT $3"
                );
                (owner, sql)
            }
        };
        let mut page = Paging::new(list, COST_MAX);
        while let Some((below, rows)) = page.wanted() {
            let found = self.readers.rows(&sql, args![key(whose), below, rows]).await?;
            let looked = |row: &Row| {
                let one = approval(row)?;
                Ok(Looked { id: one.id, item: Some(one), cost: 1 })
            };
            page.add(found.iter().map(looked).collect::<Answer<_>>()?);
        }
        Ok(page.end())
    }

    async fn approvals_awaited(&self, user: UserId) -> Answer<u64> {
        let sql =
            "SELECT count(*) FROM (SELECT FROM approval_person WHERE person = $1 AND awaited = 1 LIMIT $2) AS few";
        let counted = one(&self.readers, sql, args![key(user), int(UNREAD_MAX)], |row| number(row, 0)).await?;
        Ok(counted.unwrap_or(0))
    }

    async fn approvals_decided(&self, limit: usize) -> Answer<Vec<Approval>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM approval a WHERE a.state = 'decided' AND a.id > ''::bytea ORDER BY a.id LIMIT $1"
        );
        all(&self.readers, &sql, args![rows(limit)], approval).await
    }
}
