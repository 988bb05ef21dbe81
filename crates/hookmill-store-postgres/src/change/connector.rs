//! Connectors and connections.

use hookmill_model::ConnectorId;
use hookmill_store::{Connection as Link, Connector, Icon, StoreError};
use tokio_postgres::Client;

use super::{Done, exists, run};
use crate::column::{Key, args, int, key, text, text_of};

pub(super) async fn put(c: &Client, one: &Connector) -> Done {
    let sql =
        "INSERT INTO connector (id, owner, name, description, etag, settings, summary, icon_type, created, updated,
             sealed)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
               ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, name = excluded.name,
                   description = excluded.description, etag = excluded.etag, settings = excluded.settings,
                   summary = excluded.summary, icon_type = excluded.icon_type, created = excluded.created,
                   updated = excluded.updated, sealed = excluded.sealed";
    run(
        c,
        sql,
        args![
            key(one.id),
            key(one.owner),
            text(&one.name),
            text(&one.description),
            int(one.etag),
            &one.settings[..],
            &one.summary[..],
            text_of(one.icon_type.as_deref()),
            one.created_at.as_micros(),
            one.updated_at.as_micros(),
            one.sealed.as_deref(),
        ],
    )
    .await?;
    Ok(())
}

async fn known(c: &Client, connector: &Key) -> Done {
    if exists(c, "SELECT FROM connector WHERE id = $1", args![*connector]).await? {
        return Ok(());
    }
    Err(StoreError::missing("connector", connector.id::<ConnectorId>()).into())
}

pub(super) async fn put_document(c: &Client, connector: &Key, document: &[u8], properties: Option<&[u8]>) -> Done {
    known(c, connector).await?;
    let sql = "INSERT INTO connector_document (connector, document, properties) VALUES ($1, $2, $3)
               ON CONFLICT (connector) DO UPDATE SET document = excluded.document, properties = excluded.properties";
    run(c, sql, args![*connector, document, properties]).await?;
    Ok(())
}

pub(super) async fn keep_version(
    c: &Client,
    connector: &Key,
    version: &str,
    (settings, document, properties): (&[u8], &[u8], Option<&[u8]>),
) -> Done {
    known(c, connector).await?;
    let sql = "INSERT INTO connector_version (connector, version, settings, document, properties)
               VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
    run(c, sql, args![*connector, text(version), settings, document, properties]).await?;
    Ok(())
}

pub(super) async fn drop_versions(c: &Client, id: ConnectorId) -> Done {
    let sql = "DELETE FROM connector_version v WHERE v.connector = $1 AND NOT EXISTS
                   (SELECT FROM binding b WHERE b.connector = $1 AND b.version = v.version)";
    run(c, sql, args![key(id)]).await?;
    Ok(())
}

pub(super) async fn put_icon(c: &Client, id: ConnectorId, icon: Option<&Icon>) -> Done {
    let connector = key(id);
    known(c, &connector).await?;
    match icon {
        Some(icon) => {
            let sql = "INSERT INTO icon (connector, content_type, bytes) VALUES ($1, $2, $3)
                       ON CONFLICT (connector) DO UPDATE SET content_type = excluded.content_type,
                           bytes = excluded.bytes";
            run(c, sql, args![connector, text(&icon.content_type), &icon.bytes[..]]).await?;
        }
        None => {
            run(c, "DELETE FROM icon WHERE connector = $1", args![connector]).await?;
        }
    }
    Ok(())
}

pub(super) async fn delete(c: &Client, id: ConnectorId) -> Done {
    let connector = key(id);
    run(c, "DELETE FROM connector_document WHERE connector = $1", args![connector]).await?;
    run(c, "DELETE FROM connector_version WHERE connector = $1", args![connector]).await?;
    run(c, "DELETE FROM icon WHERE connector = $1", args![connector]).await?;
    run(c, "DELETE FROM connector WHERE id = $1", args![connector]).await?;
    Ok(())
}

pub(super) async fn put_connection(c: &Client, one: &Link) -> Done {
    let sql = "INSERT INTO connection (id, owner, connector, name, username, sealed, health, health_detail, etag,
                   created, updated)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
               ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, connector = excluded.connector,
                   name = excluded.name, username = excluded.username, sealed = excluded.sealed,
                   health = excluded.health, health_detail = excluded.health_detail, etag = excluded.etag,
                   created = excluded.created, updated = excluded.updated";
    run(
        c,
        sql,
        args![
            key(one.id),
            key(one.owner),
            key(one.connector),
            text(&one.name),
            text_of(one.username.as_deref()),
            &one.sealed[..],
            one.health.as_str(),
            text_of(one.health_detail.as_deref()),
            int(one.etag),
            one.created_at.as_micros(),
            one.updated_at.as_micros(),
        ],
    )
    .await?;
    Ok(())
}
