//! Flows, their versions, generations of webhooks.

use hookmill_model::{FlowId, FlowState, Timestamp};
use hookmill_store::{Flow, FlowVersion, StoreError, Subscription};
use rusqlite::{Connection, params};

use super::{Done, run};
use crate::column::{int, key, key_of, micros};

pub(super) fn put(c: &Connection, flow: &Flow) -> Done {
    let id = key(flow.id);
    let sql = "INSERT INTO flow (id, owner, name, description, state, etag, version, trigger_row, created, updated,
                   deleted)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
               ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, name = excluded.name,
                   description = excluded.description, state = excluded.state, etag = excluded.etag,
                   version = excluded.version, trigger_row = excluded.trigger_row, created = excluded.created,
                   updated = excluded.updated, deleted = excluded.deleted";
    run(
        c,
        sql,
        params![
            id,
            key(flow.owner),
            flow.name,
            flow.description,
            flow.state.as_str(),
            int(flow.etag),
            flow.version,
            &flow.trigger[..],
            flow.created_at.as_micros(),
            flow.updated_at.as_micros(),
            micros(flow.deleted_at),
        ],
    )?;
    run(c, "DELETE FROM binding WHERE flow = ?1", [id])?;
    let sql = "INSERT INTO binding (flow, place, key, connector, connection, api, version)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    for (place, one) in flow.bindings.iter().enumerate() {
        let place = int(place as u64);
        let (connector, connection) = (key_of(one.connector), key_of(one.connection));
        run(c, sql, params![id, place, one.key, connector, connection, one.api, one.version])?;
    }
    Ok(())
}

pub(super) fn put_version(c: &Connection, version: &FlowVersion, definition: &[u8]) -> Done {
    let sql = "INSERT OR IGNORE INTO flow_version (flow, version, definition, parameters, profile, envelope, created)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let created = version.created_at.as_micros();
    let (parameters, envelope) = (&version.parameters[..], &version.envelope[..]);
    let values =
        params![key(version.flow), version.version, definition, parameters, version.profile, envelope, created];
    if run(c, sql, values)? == 0 {
        let detail = format!("version {} exists already", version.version);
        return Err(StoreError::conflict("flow", version.flow, detail).into());
    }
    Ok(())
}

pub(super) fn delete(c: &Connection, id: FlowId, at: Timestamp) -> Done {
    let flow = key(id);
    let known = c.prepare_cached("SELECT 1 FROM flow WHERE id = ?1")?.exists([flow])?;
    if !known {
        return Err(StoreError::missing("flow", id).into());
    }
    let sql = "UPDATE flow SET deleted = ?2, updated = ?2, state = ?3, etag = etag + 1
               WHERE id = ?1 AND deleted IS NULL";
    run(c, sql, params![flow, at.as_micros(), FlowState::Off.as_str()])?;
    run(c, "DELETE FROM binding WHERE flow = ?1", [flow])?;
    run(c, "DELETE FROM trigger_state WHERE flow = ?1", [flow])?;
    run(c, "DELETE FROM timer WHERE kind = 1 AND id = ?1", [flow])?;
    run(c, "DELETE FROM failing WHERE flow = ?1", [flow])?;
    Ok(())
}

pub(super) fn put_subscription(c: &Connection, one: &Subscription) -> Done {
    let id = key(one.id);
    let taken = c
        .prepare_cached("SELECT 1 FROM subscription WHERE capability = ?1 AND id <> ?2")?
        .exists(params![one.capability, id])?;
    if taken {
        return Err(StoreError::conflict("subscription", one.id, "its capability is taken").into());
    }
    let sql =
        "INSERT INTO subscription (id, flow, owner, generation, state, etag, capability, record, created, updated)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
               ON CONFLICT (id) DO UPDATE SET flow = excluded.flow, owner = excluded.owner,
                   generation = excluded.generation, state = excluded.state, etag = excluded.etag,
                   capability = excluded.capability, record = excluded.record, created = excluded.created,
                   updated = excluded.updated";
    run(
        c,
        sql,
        params![
            id,
            key(one.flow),
            key(one.owner),
            one.generation,
            one.state.as_str(),
            int(one.etag),
            one.capability,
            &one.record[..],
            one.created_at.as_micros(),
            one.updated_at.as_micros(),
        ],
    )?;
    Ok(())
}
