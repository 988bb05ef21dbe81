//! Notifications, devices, deliveries.

use hookmill_store::{Delivery, Device, Notification, StoreError};
use tokio_postgres::Client;

use super::{Done, exists, run};
use crate::column::{Key, args, get, key, key_of, micros, small, text, text_of};

pub(super) async fn put(c: &Client, one: &Notification) -> Done {
    let sql = "INSERT INTO notification (id, owner, title, text, link_uri, link_label, run, flow, created, read)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
               ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, title = excluded.title, text = excluded.text,
                   link_uri = excluded.link_uri, link_label = excluded.link_label, run = excluded.run,
                   flow = excluded.flow, created = excluded.created, read = excluded.read";
    let link = one.link.as_ref();
    run(
        c,
        sql,
        args![
            key(one.id),
            key(one.owner),
            text(&one.title),
            text(&one.text),
            link.map(|link| text(&link.uri)),
            link.map(|link| text(&link.label)),
            key_of(one.run),
            key_of(one.flow),
            one.created_at.as_micros(),
            micros(one.read_at),
        ],
    )
    .await?;
    Ok(())
}

pub(super) async fn put_device(c: &Client, one: &Device) -> Done {
    let id = key(one.id);
    let endpoint = text(&one.endpoint);
    let same = "SELECT id FROM device WHERE endpoint = $1 AND id <> $2";
    if let Some(same) = c.query_typed_opt(same, args![endpoint, id]).await? {
        delete_device(c, get(&same, 0)?).await?;
    }
    let sql = "INSERT INTO device (id, owner, name, endpoint, p256dh, auth, created, delivered)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
               ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, name = excluded.name,
                   endpoint = excluded.endpoint, p256dh = excluded.p256dh, auth = excluded.auth,
                   created = excluded.created, delivered = excluded.delivered";
    let (created, delivered) = (one.created_at.as_micros(), micros(one.delivered_at));
    let (name, p256dh, auth) = (text(&one.name), text(&one.p256dh), text(&one.auth));
    run(c, sql, args![id, key(one.owner), name, endpoint, p256dh, auth, created, delivered]).await?;
    Ok(())
}

pub(super) async fn delete_device(c: &Client, id: Key) -> Done {
    run(c, "DELETE FROM delivery WHERE device = $1", args![id]).await?;
    run(c, "DELETE FROM device WHERE id = $1", args![id]).await?;
    Ok(())
}

pub(super) async fn put_delivery(c: &Client, one: &Delivery) -> Done {
    let (notification, device) = (key(one.notification), key(one.device));
    if !exists(c, "SELECT FROM notification WHERE id = $1", args![notification]).await? {
        return Err(StoreError::missing("notification", one.notification).into());
    }
    if !exists(c, "SELECT FROM device WHERE id = $1", args![device]).await? {
        return Err(StoreError::missing("device", one.device).into());
    }
    let sql = "INSERT INTO delivery (notification, device, attempts, next_attempt, last_error)
               VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (notification, device) DO UPDATE SET attempts = excluded.attempts,
                   next_attempt = excluded.next_attempt, last_error = excluded.last_error";
    let (attempts, next, error) =
        (small(one.attempts), one.next_attempt_at.as_micros(), text_of(one.last_error.as_deref()));
    run(c, sql, args![notification, device, attempts, next, error]).await?;
    Ok(())
}
