//! Flows and their versions.

use async_trait::async_trait;
use bytes::Bytes;
use hookmill_model::{FlowId, FlowState, RunStatus, Timestamp, UserId};
use hookmill_store::{
    Binding, FailingFlow, Flow, FlowFilter, FlowStats, FlowVersion, Flows, List, Needle, Page, StoreError,
};
use rusqlite::types::Type;
use rusqlite::{Connection, Result, Row, params};

use super::{COST_MAX, Looked, all, below, one, page, prepared, rows, run};
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
    let sql = "SELECT key, connector, connection, api, version FROM binding WHERE flow = ?1 ORDER BY place";
    flow.bindings = all(c, sql, [key(flow.id)], |row| {
        let (connector, connection) = (id_of(row, 1)?, id_of(row, 2)?);
        Ok(Binding { key: row.get(0)?, connector, connection, api: row.get(3)?, version: row.get(4)? })
    })?;
    Ok(flow)
}

/// What a page of flows may cost. The rows of the index are short and stand in a row, so it may look at many of them.
const FLOWS_COST_MAX: usize = 50_000;

fn flows(c: &Connection, filter: &FlowFilter, list: List<FlowId>) -> Result<Page<Flow, FlowId>> {
    let needle = Needle::new(filter.q.as_deref());
    let Some(owner) = filter.owner else {
        let sql = format!("SELECT {COLUMNS} FROM flow WHERE id < ?1 AND deleted IS NULL ORDER BY id DESC");
        let found = page(c, &sql, params![below(&list)], list, COST_MAX, |row| {
            let flow = flow(row)?;
            Ok(Looked { id: flow.id, item: filter.matches(&flow).then_some(flow), cost: 1 })
        })?;
        return whole(c, found);
    };
    let sql = "SELECT id, state, name, description FROM flow INDEXED BY flow_list
               WHERE owner = ?1 AND deleted IS NULL AND id < ?2 ORDER BY id DESC";
    let wanted = filter.state.map(FlowState::as_str);
    let found = page(c, sql, params![key(owner), below(&list)], list, FLOWS_COST_MAX, |row| {
        let id = id(row, 0)?;
        let shown = wanted.is_none_or(|wanted| row.get_ref(1).is_ok_and(|state| state.as_str() == Ok(wanted)))
            && filter.matches_text(&needle, row.get_ref(2)?.as_str()?, row.get_ref(3)?.as_str_or_null()?);
        Ok(Looked { id, item: shown.then_some(id), cost: 1 })
    })?;
    let row = format!("SELECT {COLUMNS} FROM flow WHERE id = ?1");
    let rows = found.items.iter().filter_map(|id| one(c, &row, [key(*id)], flow).transpose());
    let items = rows.collect::<Result<_>>()?;
    whole(c, Page { items, next: found.next, looked_at: found.looked_at })
}

fn whole(c: &Connection, found: Page<Flow, FlowId>) -> Result<Page<Flow, FlowId>> {
    let Page { items, next, looked_at } = found;
    let items = items.into_iter().map(|flow| with_bindings(c, flow)).collect::<Result<_>>()?;
    Ok(Page { items, next, looked_at })
}

fn failing(c: &Connection, owner: UserId, failures: u64, list: List<FlowId>) -> Result<Page<FailingFlow, FlowId>> {
    let sql = "SELECT flow, failures, run FROM failing INDEXED BY failing_owner
               WHERE owner = ?1 AND flow < ?2 ORDER BY flow DESC";
    page(c, sql, params![key(owner), below(&list)], list, COST_MAX, |row| {
        let one = FailingFlow { flow: id(row, 0)?, failures: number(row, 1)?, run: id(row, 2)? };
        Ok(Looked { id: one.flow, item: (one.failures >= failures).then_some(one), cost: 1 })
    })
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

/// Definitions in one answer; the one that goes beyond is still in it.
const VERSIONS_BYTES_MAX: usize = 16 * 1_024 * 1_024;

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

    async fn flow_versions_from(&self, after: Option<(FlowId, u32)>, limit: usize) -> Answer<Vec<FlowVersion>> {
        let sql = "SELECT definition, parameters, profile, envelope, created, flow, version
                   FROM flow_version INDEXED BY flow_version_key
                   WHERE (flow, version) > (?1, ?2) ORDER BY flow, version LIMIT ?3";
        // The empty text of bytes is below every identifier.
        let (flow, number) = after.map_or((Vec::new(), 0), |(flow, number)| (key(flow).to_vec(), number));
        self.readers
            .read(move |c| {
                let mut statement = prepared(c, sql)?;
                let mut found = statement.query(params![flow, number, rows(limit)])?;
                let (mut versions, mut bytes) = (Vec::new(), 0);
                while let Some(row) = found.next()? {
                    let one = version(row, id(row, 5)?, row.get(6)?)?;
                    bytes += one.definition.len();
                    versions.push(one);
                    if bytes > VERSIONS_BYTES_MAX {
                        break;
                    }
                }
                Ok(versions)
            })
            .await
    }

    async fn flow_versions(&self, flow: FlowId) -> Answer<Vec<(u32, Timestamp)>> {
        let sql = "SELECT version, created FROM flow_version WHERE flow = ?1 ORDER BY version DESC";
        self.readers.read(move |c| all(c, sql, [key(flow)], |row| Ok((row.get(0)?, moment(row, 1)?)))).await
    }

    async fn flow_stats(&self, flows: &[FlowId]) -> Answer<Vec<FlowStats>> {
        let flows = flows.to_vec();
        self.readers.read(move |c| flows.into_iter().map(|flow| stats(c, flow)).collect()).await
    }

    async fn failing_flows(
        &self,
        owner: UserId,
        failures: u64,
        list: List<FlowId>,
    ) -> Answer<Page<FailingFlow, FlowId>> {
        self.readers.read(move |c| failing(c, owner, failures, list)).await
    }

    async fn trigger_state(&self, flow: FlowId) -> Answer<Option<Bytes>> {
        let sql = "SELECT state FROM trigger_state WHERE flow = ?1";
        self.readers.read(move |c| one(c, sql, [key(flow)], |row| bytes(row, 0))).await
    }
}
