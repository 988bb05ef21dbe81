//! Flows and their versions.

use async_trait::async_trait;
use bytes::Bytes;
use hookmill_model::{FlowId, RunStatus, Timestamp};
use hookmill_store::{Binding, Flow, FlowFilter, FlowStats, FlowVersion, Flows, List, Page, StoreError};
use rusqlite::types::Type;
use rusqlite::{Connection, Result, Row, params};

use super::{all, below, one, page, run};
use crate::column::{bytes, damaged, id, id_of, key, moment, moment_of, number, status, word};
use crate::payload::unpack;
use crate::store::SqliteStore;

const COLUMNS: &str = "id, owner, name, description, state, etag, version, trigger_row, created, updated, deleted";

/// A flow without its bindings.
fn flow(row: &Row<'_>) -> Result<Flow> {
    Ok(Flow {
        id: id(row, 0)?,
        owner: id(row, 1)?,
        name: row.get(2)?,
        description: row.get(3)?,
        state: word(row, 4)?,
        etag: number(row, 5)?,
        version: row.get(6)?,
        trigger: bytes(row, 7)?,
        bindings: Vec::new(),
        created_at: moment(row, 8)?,
        updated_at: moment(row, 9)?,
        deleted_at: moment_of(row, 10)?,
    })
}

fn with_bindings(c: &Connection, mut flow: Flow) -> Result<Flow> {
    let sql = "SELECT key, connector, connection, api FROM binding WHERE flow = ?1 ORDER BY place";
    flow.bindings = all(c, sql, [key(flow.id)], |row| {
        Ok(Binding { key: row.get(0)?, connector: id_of(row, 1)?, connection: id_of(row, 2)?, api: row.get(3)? })
    })?;
    Ok(flow)
}

fn flows(c: &Connection, filter: &FlowFilter, list: List<FlowId>) -> Result<Page<Flow, FlowId>> {
    let read = |row: &Row<'_>| {
        let flow = flow(row)?;
        Ok((flow.id, filter.matches(&flow).then_some(flow)))
    };
    let found = match filter.owner {
        Some(owner) => {
            let sql = format!(
                "SELECT {COLUMNS} FROM flow INDEXED BY flow_owner
                 WHERE owner = ?1 AND deleted IS NULL AND id < ?2 ORDER BY id DESC"
            );
            page(c, &sql, params![key(owner), below(&list)], list, read)?
        }
        None => {
            let sql = format!("SELECT {COLUMNS} FROM flow WHERE id < ?1 AND deleted IS NULL ORDER BY id DESC");
            page(c, &sql, params![below(&list)], list, read)?
        }
    };
    let items = found.items.into_iter().map(|flow| with_bindings(c, flow)).collect::<Result<_>>()?;
    Ok(Page { items, next: found.next })
}

fn stats(c: &Connection, flow: FlowId) -> Result<FlowStats> {
    let newest =
        format!("SELECT {} FROM run INDEXED BY run_flow WHERE flow = ?1 ORDER BY id DESC LIMIT 1", run::COLUMNS);
    let last_run = one(c, &newest, [key(flow)], run::run)?;
    let recent = "SELECT status FROM run INDEXED BY run_flow WHERE flow = ?1 ORDER BY id DESC LIMIT 10";
    let ended = "SELECT status, runs FROM run_count WHERE flow = ?1";
    let mut ended: Vec<(RunStatus, u64)> = all(c, ended, [key(flow)], |row| Ok((status(row, 0)?, number(row, 1)?)))?;
    ended.sort_unstable();
    Ok(FlowStats {
        flow,
        last_run: last_run.map(|run| run::with_name(c, run)).transpose()?,
        recent: all(c, recent, [key(flow)], |row| status(row, 0))?,
        ended,
    })
}

fn version(row: &Row<'_>, flow: FlowId, version: u32) -> Result<FlowVersion> {
    let definition = unpack(row.get_ref(0)?.as_blob()?)
        .map_err(|problem| damaged(0, Type::Blob, format!("version {version} of {flow} cannot be read: {problem}")))?;
    let (parameters, profile, envelope) = (bytes(row, 1)?, row.get(2)?, bytes(row, 3)?);
    Ok(FlowVersion { flow, version, definition, parameters, profile, envelope, created_at: moment(row, 4)? })
}

type Answer<T> = std::result::Result<T, StoreError>;

#[async_trait]
impl Flows for SqliteStore {
    async fn flow(&self, id: FlowId) -> Answer<Option<Flow>> {
        let sql = format!("SELECT {COLUMNS} FROM flow WHERE id = ?1");
        self.readers.read(move |c| one(c, &sql, [key(id)], flow)?.map(|flow| with_bindings(c, flow)).transpose()).await
    }

    async fn flows(&self, filter: &FlowFilter, list: List<FlowId>) -> Answer<Page<Flow, FlowId>> {
        let filter = filter.clone();
        self.readers.read(move |c| flows(c, &filter, list)).await
    }

    async fn flow_version(&self, flow: FlowId, number: u32) -> Answer<Option<FlowVersion>> {
        let sql = "SELECT definition, parameters, profile, envelope, created FROM flow_version
                   WHERE flow = ?1 AND version = ?2";
        self.readers.read(move |c| one(c, sql, params![key(flow), number], |row| version(row, flow, number))).await
    }

    async fn flow_versions(&self, flow: FlowId) -> Answer<Vec<(u32, Timestamp)>> {
        let sql = "SELECT version, created FROM flow_version WHERE flow = ?1 ORDER BY version DESC";
        self.readers.read(move |c| all(c, sql, [key(flow)], |row| Ok((row.get(0)?, moment(row, 1)?)))).await
    }

    async fn flow_stats(&self, flows: &[FlowId]) -> Answer<Vec<FlowStats>> {
        let flows = flows.to_vec();
        self.readers.read(move |c| flows.into_iter().map(|flow| stats(c, flow)).collect()).await
    }

    async fn trigger_state(&self, flow: FlowId) -> Answer<Option<Bytes>> {
        let sql = "SELECT state FROM trigger_state WHERE flow = ?1";
        self.readers.read(move |c| one(c, sql, [key(flow)], |row| bytes(row, 0))).await
    }
}
