//! Flows and their versions.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use hookmill_model::{FlowId, FlowState, RunStatus, Timestamp, UserId};
use hookmill_store::payload::unpack;
use hookmill_store::{
    Binding, FailingFlow, Flow, FlowFilter, FlowStats, FlowVersion, Flows, List, Needle, Page, RunListed,
};
use tokio_postgres::Row;

use super::{Answer, COST_MAX, Looked, Paging, all, one, run};
use crate::column::{
    Key, args, bytes, count, damaged, get, id, id_of, int, key, moment, moment_of, number, small, status, word,
};
use crate::store::PostgresStore;

/// Definitions in one answer: each may have megabytes.
const VERSIONS_MAX: usize = 8;

const COLUMNS: &str = "id, owner, name, description, state, etag, version, trigger_row, created, updated, deleted";

/// A flow without its bindings.
fn flow(row: &Row) -> Answer<Flow> {
    Ok(Flow {
        id: id(row, 0)?,
        owner: id(row, 1)?,
        name: get(row, 2)?,
        description: get(row, 3)?,
        state: word(row, 4)?,
        etag: number(row, 5)?,
        version: count(row, 6)?,
        trigger: bytes(row, 7)?,
        bindings: Vec::new(),
        created_at: moment(row, 8)?,
        updated_at: moment(row, 9)?,
        deleted_at: moment_of(row, 10)?,
    })
}

/// What a page of flows may cost: its rows are short.
const FLOWS_COST_MAX: usize = 50_000;

impl PostgresStore {
    async fn with_bindings(&self, mut flows: Vec<Flow>) -> Answer<Vec<Flow>> {
        let ids: Vec<Key> = flows.iter().map(|flow| key(flow.id)).collect();
        let sql = "SELECT flow, key, connector, connection, api, version FROM binding WHERE flow = ANY ($1)
                   ORDER BY flow, place";
        let mut bindings: BTreeMap<Key, Vec<Binding>> = BTreeMap::new();
        for row in self.readers.rows(sql, args![ids]).await? {
            let binding = Binding {
                key: get(&row, 1)?,
                connector: id_of(&row, 2)?,
                connection: id_of(&row, 3)?,
                api: get(&row, 4)?,
                version: get(&row, 5)?,
            };
            bindings.entry(get(&row, 0)?).or_default().push(binding);
        }
        for flow in &mut flows {
            flow.bindings = bindings.remove(&key(flow.id)).unwrap_or_default();
        }
        Ok(flows)
    }

    async fn stats(&self, flow: FlowId) -> Answer<FlowStats> {
        let newest = format!(
            "SELECT {}, coalesce((SELECT name FROM flow WHERE flow.id = run.flow), '') FROM run
             WHERE flow = $1 ORDER BY id DESC LIMIT 10",
            run::COLUMNS
        );
        let newest: Vec<RunListed> = all(&self.readers, &newest, args![key(flow)], run::listed).await?;
        let recent = newest.iter().map(|one| one.run.status).collect();
        let ended = "SELECT status, runs FROM run_count WHERE flow = $1";
        let mut ended: Vec<(RunStatus, u64)> =
            all(&self.readers, ended, args![key(flow)], |row| Ok((status(row, 0)?, number(row, 1)?))).await?;
        ended.sort_unstable();
        Ok(FlowStats { flow, last_run: newest.into_iter().next(), recent, ended })
    }
}

fn version(row: &Row, flow: FlowId, version: u32) -> Answer<FlowVersion> {
    let definition = unpack(get(row, 0)?)
        .map_err(|problem| damaged(format!("version {version} of {flow} cannot be read: {problem}")))?;
    let (parameters, profile, envelope) = (bytes(row, 1)?, get(row, 2)?, bytes(row, 3)?);
    Ok(FlowVersion { flow, version, definition, parameters, profile, envelope, created_at: moment(row, 4)? })
}

#[async_trait]
impl Flows for PostgresStore {
    async fn flow(&self, id: FlowId) -> Answer<Option<Flow>> {
        let sql = format!("SELECT {COLUMNS} FROM flow WHERE id = $1");
        let found = one(&self.readers, &sql, args![key(id)], flow).await?;
        Ok(self.with_bindings(found.into_iter().collect()).await?.pop())
    }

    async fn flows(&self, filter: &FlowFilter, list: List<FlowId>) -> Answer<Page<Flow, FlowId>> {
        let needle = Needle::new(filter.q.as_deref());
        let wanted = filter.state.map(FlowState::as_str);
        // Every identifier is at or above zero.
        let (condition, value) = match filter.owner {
            Some(owner) => ("owner = $1", key(owner)),
            None => ("id >= $1", Key([0; 16])),
        };
        let sql = format!(
            "SELECT id, state, name, description FROM flow
             WHERE {condition} AND deleted IS NULL AND id < $2 ORDER BY id DESC LIMIT $3"
        );
        let mut page = Paging::new(list, FLOWS_COST_MAX);
        while let Some((below, rows)) = page.wanted() {
            let found = self.readers.rows(&sql, args![value, below, rows]).await?;
            let looked = |row: &Row| {
                let id: FlowId = id(row, 0)?;
                let shown = wanted.is_none_or(|wanted| get::<&str>(row, 1).is_ok_and(|state| state == wanted))
                    && filter.matches_text(&needle, get(row, 2)?, get(row, 3)?);
                Ok(Looked { id, item: shown.then_some(id), cost: 1 })
            };
            page.add(found.iter().map(looked).collect::<Answer<_>>()?);
        }
        let found = page.end();
        let ids: Vec<Key> = found.items.iter().map(|id| key(*id)).collect();
        let sql = format!("SELECT {COLUMNS} FROM flow WHERE id = ANY ($1) ORDER BY id DESC");
        let items = self.with_bindings(all(&self.readers, &sql, args![ids], flow).await?).await?;
        Ok(Page { items, next: found.next, looked_at: found.looked_at })
    }

    async fn flow_version(&self, flow: FlowId, number: u32) -> Answer<Option<FlowVersion>> {
        let sql = "SELECT definition, parameters, profile, envelope, created FROM flow_version
                   WHERE flow = $1 AND version = $2";
        one(&self.readers, sql, args![key(flow), small(number)], |row| version(row, flow, number)).await
    }

    async fn flow_versions_from(&self, after: Option<(FlowId, u32)>, limit: usize) -> Answer<Vec<FlowVersion>> {
        let sql = "SELECT definition, parameters, profile, envelope, created, flow, version FROM flow_version
                   WHERE (flow, version) > ($1, $2) ORDER BY flow, version LIMIT $3";
        let (flow, number) = after.map_or((Key([0; 16]), 0), |(flow, number)| (key(flow), small(number)));
        let rows = int(limit.min(VERSIONS_MAX) as u64);
        all(&self.readers, sql, args![flow, number, rows], |row| version(row, id(row, 5)?, count(row, 6)?)).await
    }

    async fn flow_versions(&self, flow: FlowId) -> Answer<Vec<(u32, Timestamp)>> {
        let sql = "SELECT version, created FROM flow_version WHERE flow = $1 ORDER BY version DESC";
        all(&self.readers, sql, args![key(flow)], |row| Ok((count(row, 0)?, moment(row, 1)?))).await
    }

    async fn flow_stats(&self, flows: &[FlowId]) -> Answer<Vec<FlowStats>> {
        futures_util::future::try_join_all(flows.iter().map(|flow| self.stats(*flow))).await
    }

    async fn failing_flows(
        &self,
        owner: UserId,
        failures: u64,
        list: List<FlowId>,
    ) -> Answer<Page<FailingFlow, FlowId>> {
        let sql = "SELECT flow, failures, run FROM failing WHERE owner = $1 AND flow < $2 ORDER BY flow DESC LIMIT $3";
        let mut page = Paging::new(list, COST_MAX);
        while let Some((below, rows)) = page.wanted() {
            let found = self.readers.rows(sql, args![key(owner), below, rows]).await?;
            let looked = |row: &Row| {
                let one = FailingFlow { flow: id(row, 0)?, failures: number(row, 1)?, run: id(row, 2)? };
                Ok(Looked { id: one.flow, item: (one.failures >= failures).then_some(one), cost: 1 })
            };
            page.add(found.iter().map(looked).collect::<Answer<_>>()?);
        }
        Ok(page.end())
    }

    async fn trigger_state(&self, flow: FlowId) -> Answer<Option<Bytes>> {
        let sql = "SELECT state FROM trigger_state WHERE flow = $1";
        one(&self.readers, sql, args![key(flow)], |row| bytes(row, 0)).await
    }
}
