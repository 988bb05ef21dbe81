//! Connectors and connections.

use async_trait::async_trait;
use bytes::Bytes;
use hookmill_model::{ConnectionId, ConnectorId, FlowId};
use hookmill_store::{
    Connection, ConnectionFilter, Connector, ConnectorDocument, ConnectorFilter, ConnectorVersion, Connectors, Health,
    Icon, List, Page, StoreError, Uses,
};
use rusqlite::types::{Type, ValueRef};
use rusqlite::{Result, Row, params};

use super::{COST_MAX, Looked, all, below, one, page, rows};
use crate::column::{bytes, damaged, id, key, moment, number, word};
use crate::payload::unpack;
use crate::store::SqliteStore;

const COLUMNS: &str = "id, owner, name, description, etag, settings, summary, icon_type, created, updated, sealed";
const CONNECTION_COLUMNS: &str =
    "id, owner, connector, name, username, sealed, health, health_detail, etag, created, updated";

fn connector(row: &Row<'_>) -> Result<Connector> {
    Ok(Connector {
        id: id(row, 0)?,
        owner: id(row, 1)?,
        name: row.get(2)?,
        description: row.get(3)?,
        etag: number(row, 4)?,
        settings: bytes(row, 5)?,
        summary: bytes(row, 6)?,
        icon_type: row.get(7)?,
        created_at: moment(row, 8)?,
        updated_at: moment(row, 9)?,
        sealed: row.get::<_, Option<Vec<u8>>>(10)?.map(Bytes::from),
    })
}

fn connection(row: &Row<'_>) -> Result<Connection> {
    Ok(Connection {
        id: id(row, 0)?,
        owner: id(row, 1)?,
        connector: id(row, 2)?,
        name: row.get(3)?,
        username: row.get(4)?,
        sealed: bytes(row, 5)?,
        health: word(row, 6)?,
        health_detail: row.get(7)?,
        etag: number(row, 8)?,
        created_at: moment(row, 9)?,
        updated_at: moment(row, 10)?,
    })
}

fn unpacked(row: &Row<'_>, column: usize) -> Result<Option<Bytes>> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        value => {
            let content = unpack(value.as_blob()?);
            let problem = |problem| damaged(column, Type::Blob, format!("a document cannot be read: {problem}"));
            content.map(Some).map_err(problem)
        }
    }
}

/// Flows that are named at most: who wants to delete something needs to see that it is used, not by how many.
const USES_MAX: usize = 1_000;

fn flows_using(c: &rusqlite::Connection, column: &str, used: [u8; 16]) -> Result<Vec<(FlowId, String)>> {
    let sql = format!(
        "SELECT f.id, f.name FROM binding b CROSS JOIN flow f ON f.id = b.flow
         WHERE b.{column} = ?1 AND f.deleted IS NULL ORDER BY b.flow, b.place LIMIT ?2"
    );
    let mut flows: Vec<(FlowId, String)> =
        all(c, &sql, params![used, rows(USES_MAX)], |row| Ok((id(row, 0)?, row.get(1)?)))?;
    // A flow may name it under several keys.
    flows.dedup();
    Ok(flows)
}

/// What names a connector.
pub(crate) fn connector_uses(c: &rusqlite::Connection, connector: ConnectorId) -> Result<Uses> {
    let connections = "SELECT id, name FROM connection WHERE connector = ?1 ORDER BY id";
    Ok(Uses {
        connections: all(c, connections, [key(connector)], |row| Ok((id(row, 0)?, row.get(1)?)))?,
        flows: flows_using(c, "connector", key(connector))?,
    })
}

/// What names a connection.
pub(crate) fn connection_uses(c: &rusqlite::Connection, connection: ConnectionId) -> Result<Uses> {
    Ok(Uses { connections: Vec::new(), flows: flows_using(c, "connection", key(connection))? })
}

fn connectors(
    c: &rusqlite::Connection,
    filter: &ConnectorFilter,
    list: List<ConnectorId>,
) -> Result<Page<Connector, ConnectorId>> {
    let read = |row: &Row<'_>| {
        let one = connector(row)?;
        Ok(Looked { id: one.id, item: filter.matches(&one).then_some(one), cost: 1 })
    };
    match filter.owner {
        Some(owner) => {
            let sql = format!("SELECT {COLUMNS} FROM connector WHERE owner = ?1 AND id < ?2 ORDER BY id DESC");
            page(c, &sql, params![key(owner), below(&list)], list, COST_MAX, read)
        }
        None => {
            let sql = format!("SELECT {COLUMNS} FROM connector WHERE id < ?1 ORDER BY id DESC");
            page(c, &sql, params![below(&list)], list, COST_MAX, read)
        }
    }
}

fn connections(
    c: &rusqlite::Connection,
    filter: &ConnectionFilter,
    list: List<ConnectionId>,
) -> Result<Page<Connection, ConnectionId>> {
    let read = |row: &Row<'_>| {
        let one = connection(row)?;
        Ok(Looked { id: one.id, item: filter.matches(&one).then_some(one), cost: 1 })
    };
    // Every identifier is at or above zero.
    let (condition, value) = match (filter.connector, filter.owner, filter.health) {
        (Some(connector), _, _) => ("connector = ?1", key(connector)),
        (None, Some(owner), Some(_)) => ("owner = ?1 AND health = ?3", key(owner)),
        (None, Some(owner), None) => ("owner = ?1", key(owner)),
        (None, None, _) => ("id >= ?1", [0; 16]),
    };
    // The third value has a place in each statement, used or not.
    let sql = format!(
        "SELECT {CONNECTION_COLUMNS} FROM connection WHERE {condition} AND id < ?2 AND ?3 IS NOT NULL ORDER BY id DESC"
    );
    let health = filter.health.map_or("", Health::as_str);
    page(c, &sql, params![value, below(&list), health], list, COST_MAX, read)
}

type Answer<T> = std::result::Result<T, StoreError>;

#[async_trait]
impl Connectors for SqliteStore {
    async fn connector(&self, id: ConnectorId) -> Answer<Option<Connector>> {
        let sql = format!("SELECT {COLUMNS} FROM connector WHERE id = ?1");
        self.readers.read(move |c| one(c, &sql, [key(id)], connector)).await
    }

    async fn connectors(
        &self,
        filter: &ConnectorFilter,
        list: List<ConnectorId>,
    ) -> Answer<Page<Connector, ConnectorId>> {
        let filter = filter.clone();
        self.readers.read(move |c| connectors(c, &filter, list)).await
    }

    async fn connector_document(&self, id: ConnectorId) -> Answer<Option<ConnectorDocument>> {
        let sql = "SELECT document, properties FROM connector_document WHERE connector = ?1";
        let read = |row: &Row<'_>| {
            let document = unpacked(row, 0)?.unwrap_or_default();
            Ok(ConnectorDocument { document, properties: unpacked(row, 1)? })
        };
        self.readers.read(move |c| one(c, sql, [key(id)], read)).await
    }

    async fn connector_version(&self, id: ConnectorId, version: &str) -> Answer<Option<ConnectorVersion>> {
        let sql = "SELECT settings, document, properties FROM connector_version WHERE connector = ?1 AND version = ?2";
        let read = |row: &Row<'_>| {
            let document = unpacked(row, 1)?.unwrap_or_default();
            let document = ConnectorDocument { document, properties: unpacked(row, 2)? };
            Ok(ConnectorVersion { settings: bytes(row, 0)?, document })
        };
        let version = version.to_owned();
        self.readers.read(move |c| one(c, sql, params![key(id), version], read)).await
    }

    async fn icon(&self, id: ConnectorId) -> Answer<Option<Icon>> {
        let sql = "SELECT content_type, bytes FROM icon WHERE connector = ?1";
        let read = |row: &Row<'_>| Ok(Icon { content_type: row.get(0)?, bytes: bytes(row, 1)? });
        self.readers.read(move |c| one(c, sql, [key(id)], read)).await
    }

    async fn connector_uses(&self, id: ConnectorId) -> Answer<Uses> {
        self.readers.read(move |c| connector_uses(c, id)).await
    }

    async fn connection(&self, id: ConnectionId) -> Answer<Option<Connection>> {
        let sql = format!("SELECT {CONNECTION_COLUMNS} FROM connection WHERE id = ?1");
        self.readers.read(move |c| one(c, &sql, [key(id)], connection)).await
    }

    async fn connections(
        &self,
        filter: &ConnectionFilter,
        list: List<ConnectionId>,
    ) -> Answer<Page<Connection, ConnectionId>> {
        let filter = filter.clone();
        self.readers.read(move |c| connections(c, &filter, list)).await
    }

    async fn connection_uses(&self, id: ConnectionId) -> Answer<Uses> {
        self.readers.read(move |c| connection_uses(c, id)).await
    }
}
