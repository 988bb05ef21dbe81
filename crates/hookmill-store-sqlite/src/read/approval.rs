//! Approvals.

use async_trait::async_trait;
use hookmill_model::{ApprovalId, UserId};
use hookmill_store::{Approval, ApprovalFilter, Approvals, List, Page, StoreError, UNREAD_MAX};
use rusqlite::{Result, Row, params};

use super::{COST_MAX, Looked, all, below, one, page, rows};
use crate::column::{bytes, id, int, key, moment, moment_of, number, word};
use crate::store::SqliteStore;

const COLUMNS: &str = "a.id, a.owner, a.flow, a.run, a.state, a.etag, a.record, a.created, a.ended";

fn approval(row: &Row<'_>) -> Result<Approval> {
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

type Answer<T> = std::result::Result<T, StoreError>;

#[async_trait]
impl Approvals for SqliteStore {
    async fn approval(&self, id: ApprovalId) -> Answer<Option<Approval>> {
        let sql = format!("SELECT {COLUMNS} FROM approval a WHERE a.id = ?1");
        self.readers.read(move |c| one(c, &sql, [key(id)], approval)).await
    }

    async fn approvals(&self, filter: ApprovalFilter, list: List<ApprovalId>) -> Answer<Page<Approval, ApprovalId>> {
        let (whose, sql) = match filter {
            ApprovalFilter::Received { user, is_awaited } => {
                let (index, condition) =
                    if is_awaited { ("INDEXED BY approval_awaited", "AND p.awaited = 1") } else { ("", "") };
                let sql = format!(
                    "SELECT {COLUMNS} FROM approval_person p {index} CROSS JOIN approval a ON a.id = p.approval
                     WHERE p.person = ?1 AND p.approval < ?2 {condition} ORDER BY p.approval DESC"
                );
                (user, sql)
            }
            ApprovalFilter::Sent { owner, is_open } => {
                let (index, condition) =
                    if is_open { ("approval_open", "AND a.state = 'open'") } else { ("approval_owner", "") };
                let sql = format!(
                    "SELECT {COLUMNS} FROM approval a INDEXED BY {index}
                     WHERE a.owner = ?1 AND a.id < ?2 {condition} ORDER BY a.id DESC"
                );
                (owner, sql)
            }
        };
        self.readers
            .read(move |c| {
                page(c, &sql, params![key(whose), below(&list)], list, COST_MAX, |row| {
                    let one = approval(row)?;
                    Ok(Looked { id: one.id, item: Some(one), cost: 1 })
                })
            })
            .await
    }

    async fn approvals_awaited(&self, user: UserId) -> Answer<u64> {
        let sql = "SELECT count(*) FROM (SELECT 1 FROM approval_person INDEXED BY approval_awaited
                                         WHERE person = ?1 AND awaited = 1 LIMIT ?2)";
        let counted =
            self.readers.read(move |c| one(c, sql, params![key(user), int(UNREAD_MAX)], |row| number(row, 0)));
        Ok(counted.await?.unwrap_or(0))
    }

    async fn approvals_decided(&self, limit: usize) -> Answer<Vec<Approval>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM approval a INDEXED BY approval_decided WHERE a.state = 'decided' AND a.id > x''
             ORDER BY a.id LIMIT ?1"
        );
        self.readers.read(move |c| all(c, &sql, [rows(limit)], approval)).await
    }
}
