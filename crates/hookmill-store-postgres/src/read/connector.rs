//! Connectors and connections.

use async_trait::async_trait;
use bytes::Bytes;
use hookmill_model::{ConnectionId, ConnectorId, FlowId};
use hookmill_store::payload::unpack;
use hookmill_store::{
    Connection, ConnectionFilter, Connector, ConnectorDocument, ConnectorFilter, ConnectorVersion, Connectors, Health,
    Icon, List, Page, Uses,
};
use tokio_postgres::Row;

use super::{Answer, COST_MAX, Looked, Paging, all, one, rows};
use crate::column::{Key, args, bytes, damaged, get, id, key, moment, number, text, word};
use crate::store::PostgresStore;

const COLUMNS: &str = "id, owner, name, description, etag, settings, summary, icon_type, created, updated, sealed";
const CONNECTION_COLUMNS: &str =
    "id, owner, connector, name, username, sealed, health, health_detail, etag, created, updated";

fn connector(row: &Row) -> Answer<Connector> {
    Ok(Connector {
        id: id(row, 0)?,
        owner: id(row, 1)?,
        name: get(row, 2)?,
        description: get(row, 3)?,
        etag: number(row, 4)?,
        settings: bytes(row, 5)?,
        summary: bytes(row, 6)?,
        icon_type: get(row, 7)?,
        created_at: moment(row, 8)?,
        updated_at: moment(row, 9)?,
        sealed: get::<Option<&[u8]>>(row, 10)?.map(Bytes::copy_from_slice),
    })
}

fn connection(row: &Row) -> Answer<Connection> {
    Ok(Connection {
        id: id(row, 0)?,
        owner: id(row, 1)?,
        connector: id(row, 2)?,
        name: get(row, 3)?,
        username: get(row, 4)?,
        sealed: bytes(row, 5)?,
        health: word(row, 6)?,
        health_detail: get(row, 7)?,
        etag: number(row, 8)?,
        created_at: moment(row, 9)?,
        updated_at: moment(row, 10)?,
    })
}

fn unpacked(column: &[u8]) -> Answer<Bytes> {
    unpack(column).map_err(|problem| damaged(format!("a document cannot be read: {problem}")))
}

/// Flows that are named at most: who wants to delete something needs to see that it is used, not by how many.
const USES_MAX: usize = 1_000;

impl PostgresStore {
    async fn flows_using(&self, column: &str, used: Key) -> Answer<Vec<(FlowId, String)>> {
        // A flow may name it under several keys.
        let sql = format!(
            "SELECT f.id, f.name FROM (SELECT DISTINCT b.{column}, b.flow FROM binding b WHERE b.{column} = $1) AS b
             JOIN flow f ON f.id = b.flow WHERE f.deleted IS NULL ORDER BY b.flow LIMIT $2"
        );
        all(&self.readers, &sql, args![used, rows(USES_MAX)], |row| Ok((id(row, 0)?, get(row, 1)?))).await
    }
}

#[async_trait]
impl Connectors for PostgresStore {
    async fn connector(&self, id: ConnectorId) -> Answer<Option<Connector>> {
        let sql = format!("SELECT {COLUMNS} FROM connector WHERE id = $1");
        one(&self.readers, &sql, args![key(id)], connector).await
    }

    async fn connectors(
        &self,
        filter: &ConnectorFilter,
        list: List<ConnectorId>,
    ) -> Answer<Page<Connector, ConnectorId>> {
        // Every identifier is at or above zero.
        let (condition, value) = match filter.owner {
            Some(owner) => ("owner = $1", key(owner)),
            None => ("id >= $1", Key([0; 16])),
        };
        let sql = format!("SELECT {COLUMNS} FROM connector WHERE {condition} AND id < $2 ORDER BY id DESC LIMIT $3");
        let mut page = Paging::new(list, COST_MAX);
        while let Some((below, rows)) = page.wanted() {
            let found = self.readers.rows(&sql, args![value, below, rows]).await?;
            let looked = |row: &Row| {
                let one = connector(row)?;
                Ok(Looked { id: one.id, item: filter.matches(&one).then_some(one), cost: 1 })
            };
            page.add(found.iter().map(looked).collect::<Answer<_>>()?);
        }
        Ok(page.end())
    }

    async fn connector_document(&self, id: ConnectorId) -> Answer<Option<ConnectorDocument>> {
        let sql = "SELECT document, properties FROM connector_document WHERE connector = $1";
        one(&self.readers, sql, args![key(id)], |row| {
            let properties = get::<Option<&[u8]>>(row, 1)?.map(unpacked).transpose()?;
            Ok(ConnectorDocument { document: unpacked(get(row, 0)?)?, properties })
        })
        .await
    }

    async fn connector_version(&self, id: ConnectorId, version: &str) -> Answer<Option<ConnectorVersion>> {
        let sql = "SELECT settings, document, properties FROM connector_version WHERE connector = $1 AND version = $2";
        one(&self.readers, sql, args![key(id), text(version)], |row| {
            let properties = get::<Option<&[u8]>>(row, 2)?.map(unpacked).transpose()?;
            let document = ConnectorDocument { document: unpacked(get(row, 1)?)?, properties };
            Ok(ConnectorVersion { settings: bytes(row, 0)?, document })
        })
        .await
    }

    async fn icon(&self, id: ConnectorId) -> Answer<Option<Icon>> {
        let sql = "SELECT content_type, bytes FROM icon WHERE connector = $1";
        let read = |row: &Row| Ok(Icon { content_type: get(row, 0)?, bytes: bytes(row, 1)? });
        one(&self.readers, sql, args![key(id)], read).await
    }

    async fn connector_uses(&self, connector: ConnectorId) -> Answer<Uses> {
        let sql = "SELECT id, name FROM connection WHERE connector = $1 ORDER BY id";
        let named = |row: &Row| Ok((id(row, 0)?, get(row, 1)?));
        Ok(Uses {
            connections: all(&self.readers, sql, args![key(connector)], named).await?,
            flows: self.flows_using("connector", key(connector)).await?,
        })
    }

    async fn connection(&self, id: ConnectionId) -> Answer<Option<Connection>> {
        let sql = format!("SELECT {CONNECTION_COLUMNS} FROM connection WHERE id = $1");
        one(&self.readers, &sql, args![key(id)], connection).await
    }

    async fn connections(
        &self,
        filter: &ConnectionFilter,
        list: List<ConnectionId>,
    ) -> Answer<Page<Connection, ConnectionId>> {
        let (condition, value) = match (filter.connector, filter.owner, filter.health) {
            (Some(connector), _, _) => ("connector = $1", key(connector)),
            (None, Some(owner), Some(_)) => ("owner = $1 AND health = $3", key(owner)),
            (None, Some(owner), None) => ("owner = $1", key(owner)),
            (None, None, _) => ("id >= $1", Key([0; 16])),
        };
        // The third value has a place in each statement, used or not.
        let sql = format!(
            "SELECT {CONNECTION_COLUMNS} FROM connection WHERE {condition} AND id < $2 AND $3 IS NOT NULL
             ORDER BY id DESC LIMIT $4"
        );
        let health = filter.health.map_or("", Health::as_str);
        let mut page = Paging::new(list, COST_MAX);
        while let Some((below, rows)) = page.wanted() {
            let found = self.readers.rows(&sql, args![value, below, health, rows]).await?;
            let looked = |row: &Row| {
                let one = connection(row)?;
                Ok(Looked { id: one.id, item: filter.matches(&one).then_some(one), cost: 1 })
            };
            page.add(found.iter().map(looked).collect::<Answer<_>>()?);
        }
        Ok(page.end())
    }

    async fn connection_uses(&self, id: ConnectionId) -> Answer<Uses> {
        Ok(Uses { connections: Vec::new(), flows: self.flows_using("connection", key(id)).await? })
    }
}
