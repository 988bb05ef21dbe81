//! The nodes of a database, for people: who works with it, and telling one to give up its share.

use hookmill_model::hex;
use hookmill_store::{Node, StoreError};
use tokio_postgres::Row;

use crate::column::{args, get};
use crate::error::store_error;
use crate::place::{Place, Use};
use crate::schema;

/// The servers of a database, by name. It changes nothing there.
///
/// # Errors
/// As [`crate::PostgresStore::open`]; [`StoreError::Missing`] where the database has no tables of ours.
pub async fn nodes(address: &str) -> Result<Vec<Node>, StoreError> {
    nodes_for(address, None).await
}

/// As [`nodes`]; `own` is the one that asks.
pub(crate) async fn nodes_for(address: &str, own: Option<&[u8; 16]>) -> Result<Vec<Node>, StoreError> {
    let place = Place::parse(address)?;
    let client = place.connect(Use::Read).await?;
    if schema::version(&client, &place).await?.is_none() {
        return Err(StoreError::missing("store in the database", place.shown));
    }
    let sql = "SELECT id, name, version, (SELECT count(*) FROM shard WHERE owner = node.id), drains,
                   extract(epoch FROM now() - began)::int8, extract(epoch FROM now() - seen)::int8
               FROM node WHERE seen > now() - interval '1 minute' ORDER BY name, id";
    let rows = client.query_typed(sql, &[]).await.map_err(|error| store_error(&error, &place.shown))?;
    let seconds = |row: &Row, at| Ok::<_, StoreError>(u64::try_from(get::<i64>(row, at)?).unwrap_or(0));
    let node = |row: &Row| {
        let id: Vec<u8> = get(row, 0)?;
        Ok(Node {
            is_this: own.is_some_and(|own| own[..] == id[..]),
            id: hex(&id),
            name: get(row, 1)?,
            version: get(row, 2)?,
            shards: usize::try_from(get::<i64>(row, 3)?).unwrap_or(0),
            drains: get(row, 4)?,
            age_s: seconds(row, 5)?,
            silent_s: seconds(row, 6)?,
        })
    };
    rows.iter().map(node).collect()
}

/// Tells a node to give up its shards and to take no others; it goes on as a door until it is stopped. `name` is the
/// node's name, or the beginning of its identifier. Gives the names of the nodes that were told.
///
/// # Errors
/// As [`nodes`].
pub async fn drain(address: &str, name: &str) -> Result<Vec<String>, StoreError> {
    let place = Place::parse(address)?;
    let client = place.connect(Use::Keep).await?;
    if schema::version(&client, &place).await?.is_none() {
        return Err(StoreError::missing("store in the database", place.shown));
    }
    let sql = "UPDATE node SET drains = true
               WHERE (name = $1 OR (length($1) >= 4 AND starts_with(encode(id, 'hex'), $1)))
                   AND seen > now() - interval '1 minute'
               RETURNING name";
    let rows = client.query_typed(sql, args![name]).await.map_err(|error| store_error(&error, &place.shown))?;
    rows.iter().map(|row| get(row, 0)).collect()
}
