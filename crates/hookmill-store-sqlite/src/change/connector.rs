//! Connectors and connections.

use hookmill_model::{ConnectorId, Id};
use hookmill_store::{Connection as Link, Connector, Icon, StoreError};
use rusqlite::{Connection, params};

use super::{Done, run};
use crate::column::{int, key};

pub(super) fn put(c: &Connection, one: &Connector) -> Done {
    let sql =
        "INSERT INTO connector (id, owner, name, description, etag, settings, summary, icon_type, created, updated,
             sealed)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
               ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, name = excluded.name,
                   description = excluded.description, etag = excluded.etag, settings = excluded.settings,
                   summary = excluded.summary, icon_type = excluded.icon_type, created = excluded.created,
                   updated = excluded.updated, sealed = excluded.sealed";
    run(
        c,
        sql,
        params![
            key(one.id),
            key(one.owner),
            one.name,
            one.description,
            int(one.etag),
            &one.settings[..],
            &one.summary[..],
            one.icon_type,
            one.created_at.as_micros(),
            one.updated_at.as_micros(),
            one.sealed.as_deref(),
        ],
    )?;
    Ok(())
}

fn known(c: &Connection, connector: &[u8; 16]) -> Done {
    if c.prepare_cached("SELECT 1 FROM connector WHERE id = ?1")?.exists([connector])? {
        return Ok(());
    }
    let id = ConnectorId::from_bits(u128::from_be_bytes(*connector));
    Err(StoreError::missing("connector", id).into())
}

pub(super) fn put_document(c: &Connection, connector: &[u8; 16], document: &[u8], properties: Option<&[u8]>) -> Done {
    known(c, connector)?;
    let sql = "INSERT INTO connector_document (connector, document, properties) VALUES (?1, ?2, ?3)
               ON CONFLICT (connector) DO UPDATE SET document = excluded.document, properties = excluded.properties";
    run(c, sql, params![connector, document, properties])?;
    Ok(())
}

pub(super) fn keep_version(
    c: &Connection,
    connector: &[u8; 16],
    version: &str,
    (settings, document, properties): (&[u8], &[u8], Option<&[u8]>),
) -> Done {
    known(c, connector)?;
    let sql = "INSERT OR IGNORE INTO connector_version (connector, version, settings, document, properties)
               VALUES (?1, ?2, ?3, ?4, ?5)";
    run(c, sql, params![connector, version, settings, document, properties])?;
    Ok(())
}

pub(super) fn drop_versions(c: &Connection, id: ConnectorId) -> Done {
    let sql = "DELETE FROM connector_version WHERE connector = ?1 AND NOT EXISTS
                   (SELECT 1 FROM binding b WHERE b.connector = ?1 AND b.version = connector_version.version)";
    run(c, sql, [key(id)])?;
    Ok(())
}

pub(super) fn put_icon(c: &Connection, id: ConnectorId, icon: Option<&Icon>) -> Done {
    let connector = key(id);
    known(c, &connector)?;
    match icon {
        Some(icon) => {
            let sql = "INSERT INTO icon (connector, content_type, bytes) VALUES (?1, ?2, ?3)
                       ON CONFLICT (connector) DO UPDATE SET content_type = excluded.content_type,
                           bytes = excluded.bytes";
            run(c, sql, params![connector, icon.content_type, &icon.bytes[..]])?;
        }
        None => {
            run(c, "DELETE FROM icon WHERE connector = ?1", [connector])?;
        }
    }
    Ok(())
}

pub(super) fn delete(c: &Connection, id: ConnectorId) -> Done {
    let connector = key(id);
    run(c, "DELETE FROM connector_document WHERE connector = ?1", [connector])?;
    run(c, "DELETE FROM connector_version WHERE connector = ?1", [connector])?;
    run(c, "DELETE FROM icon WHERE connector = ?1", [connector])?;
    run(c, "DELETE FROM connector WHERE id = ?1", [connector])?;
    Ok(())
}

pub(super) fn put_connection(c: &Connection, one: &Link) -> Done {
    let sql = "INSERT INTO connection (id, owner, connector, name, username, sealed, health, health_detail, etag,
                   created, updated)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
               ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, connector = excluded.connector,
                   name = excluded.name, username = excluded.username, sealed = excluded.sealed,
                   health = excluded.health, health_detail = excluded.health_detail, etag = excluded.etag,
                   created = excluded.created, updated = excluded.updated";
    run(
        c,
        sql,
        params![
            key(one.id),
            key(one.owner),
            key(one.connector),
            one.name,
            one.username,
            &one.sealed[..],
            one.health.as_str(),
            one.health_detail,
            int(one.etag),
            one.created_at.as_micros(),
            one.updated_at.as_micros(),
        ],
    )?;
    Ok(())
}
