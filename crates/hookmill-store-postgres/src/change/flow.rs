//! Flows, their versions, generations of webhooks.

use hookmill_model::{FlowId, FlowState, Timestamp};
use hookmill_store::{Flow, FlowVersion, StoreError, Subscription};
use tokio_postgres::Client;

use super::{Done, exists, run};
use crate::column::{args, int, key, key_of, micros, small, text, text_of};

pub(super) async fn put(c: &Client, flow: &Flow) -> Done {
    let id = key(flow.id);
    let sql = "INSERT INTO flow (id, owner, name, description, state, etag, version, trigger_row, created, updated,
                   deleted)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
               ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, name = excluded.name,
                   description = excluded.description, state = excluded.state, etag = excluded.etag,
                   version = excluded.version, trigger_row = excluded.trigger_row, created = excluded.created,
                   updated = excluded.updated, deleted = excluded.deleted";
    run(
        c,
        sql,
        args![
            id,
            key(flow.owner),
            text(&flow.name),
            text_of(flow.description.as_deref()),
            flow.state.as_str(),
            int(flow.etag),
            small(flow.version),
            &flow.trigger[..],
            flow.created_at.as_micros(),
            flow.updated_at.as_micros(),
            micros(flow.deleted_at),
        ],
    )
    .await?;
    run(c, "DELETE FROM binding WHERE flow = $1", args![id]).await?;
    let sql = "INSERT INTO binding (flow, place, key, connector, connection, api, version)
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    for (place, one) in flow.bindings.iter().enumerate() {
        let place = int(place as u64);
        let (name, api, version) = (text(&one.key), text_of(one.api.as_deref()), text_of(one.version.as_deref()));
        run(c, sql, args![id, place, name, key_of(one.connector), key_of(one.connection), api, version]).await?;
    }
    Ok(())
}

pub(super) async fn put_version(c: &Client, version: &FlowVersion, definition: &[u8]) -> Done {
    let sql = "INSERT INTO flow_version (flow, version, definition, parameters, profile, envelope, created)
               VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
    let created = version.created_at.as_micros();
    let (parameters, envelope) = (&version.parameters[..], &version.envelope[..]);
    let (of, number, profile) = (key(version.flow), small(version.version), text(&version.profile));
    if run(c, sql, args![of, number, definition, parameters, profile, envelope, created]).await? == 0 {
        let detail = format!("version {} exists already", version.version);
        return Err(StoreError::conflict("flow", version.flow, detail).into());
    }
    Ok(())
}

pub(super) async fn delete(c: &Client, id: FlowId, at: Timestamp) -> Done {
    let flow = key(id);
    let known = exists(c, "SELECT FROM flow WHERE id = $1", args![flow]).await?;
    if !known {
        return Err(StoreError::missing("flow", id).into());
    }
    let sql = "UPDATE flow SET deleted = $2, updated = $2, state = $3, etag = etag + 1
               WHERE id = $1 AND deleted IS NULL";
    run(c, sql, args![flow, at.as_micros(), FlowState::Off.as_str()]).await?;
    run(c, "DELETE FROM binding WHERE flow = $1", args![flow]).await?;
    run(c, "DELETE FROM trigger_state WHERE flow = $1", args![flow]).await?;
    run(c, "DELETE FROM timer WHERE kind = 1 AND id = $1", args![flow]).await?;
    run(c, "DELETE FROM failing WHERE flow = $1", args![flow]).await?;
    Ok(())
}

pub(super) async fn put_subscription(c: &Client, one: &Subscription) -> Done {
    let id = key(one.id);
    let taken = "SELECT FROM subscription WHERE capability = $1 AND id <> $2";
    let taken = exists(c, taken, args![&one.capability[..], id]).await?;
    if taken {
        return Err(StoreError::conflict("subscription", one.id, "its capability is taken").into());
    }
    let sql =
        "INSERT INTO subscription (id, flow, owner, generation, state, etag, capability, record, created, updated)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
               ON CONFLICT (id) DO UPDATE SET flow = excluded.flow, owner = excluded.owner,
                   generation = excluded.generation, state = excluded.state, etag = excluded.etag,
                   capability = excluded.capability, record = excluded.record, created = excluded.created,
                   updated = excluded.updated";
    run(
        c,
        sql,
        args![
            id,
            key(one.flow),
            key(one.owner),
            small(one.generation),
            one.state.as_str(),
            int(one.etag),
            &one.capability[..],
            &one.record[..],
            one.created_at.as_micros(),
            one.updated_at.as_micros(),
        ],
    )
    .await?;
    Ok(())
}
