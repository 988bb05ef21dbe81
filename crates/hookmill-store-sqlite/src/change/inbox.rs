//! Notifications, devices, deliveries.

use hookmill_store::{Delivery, Device, Notification, StoreError};
use rusqlite::{Connection, OptionalExtension, params};

use super::{Done, run};
use crate::column::{key, key_of, micros};

pub(super) fn put(c: &Connection, one: &Notification) -> Done {
    let sql = "INSERT INTO notification (id, owner, title, text, link_uri, link_label, run, flow, created, read)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
               ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, title = excluded.title, text = excluded.text,
                   link_uri = excluded.link_uri, link_label = excluded.link_label, run = excluded.run,
                   flow = excluded.flow, created = excluded.created, read = excluded.read";
    let link = one.link.as_ref();
    run(
        c,
        sql,
        params![
            key(one.id),
            key(one.owner),
            one.title,
            one.text,
            link.map(|link| &link.uri),
            link.map(|link| &link.label),
            key_of(one.run),
            key_of(one.flow),
            one.created_at.as_micros(),
            micros(one.read_at),
        ],
    )?;
    Ok(())
}

pub(super) fn put_device(c: &Connection, one: &Device) -> Done {
    let id = key(one.id);
    let same: Option<[u8; 16]> = c
        .prepare_cached("SELECT id FROM device WHERE endpoint = ?1 AND id <> ?2")?
        .query_row(params![one.endpoint, id], |row| row.get(0))
        .optional()?;
    if let Some(same) = same {
        delete_device(c, &same)?;
    }
    let sql = "INSERT INTO device (id, owner, name, endpoint, p256dh, auth, created, delivered)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
               ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, name = excluded.name,
                   endpoint = excluded.endpoint, p256dh = excluded.p256dh, auth = excluded.auth,
                   created = excluded.created, delivered = excluded.delivered";
    let (created, delivered) = (one.created_at.as_micros(), micros(one.delivered_at));
    run(c, sql, params![id, key(one.owner), one.name, one.endpoint, one.p256dh, one.auth, created, delivered])?;
    Ok(())
}

pub(super) fn delete_device(c: &Connection, id: &[u8; 16]) -> Done {
    run(c, "DELETE FROM delivery WHERE device = ?1", [id])?;
    run(c, "DELETE FROM device WHERE id = ?1", [id])?;
    Ok(())
}

pub(super) fn put_delivery(c: &Connection, one: &Delivery) -> Done {
    let (notification, device) = (key(one.notification), key(one.device));
    if !c.prepare_cached("SELECT 1 FROM notification WHERE id = ?1")?.exists([notification])? {
        return Err(StoreError::missing("notification", one.notification).into());
    }
    if !c.prepare_cached("SELECT 1 FROM device WHERE id = ?1")?.exists([device])? {
        return Err(StoreError::missing("device", one.device).into());
    }
    let sql = "INSERT INTO delivery (notification, device, attempts, next_attempt, last_error)
               VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT (notification, device) DO UPDATE SET attempts = excluded.attempts,
                   next_attempt = excluded.next_attempt, last_error = excluded.last_error";
    run(c, sql, params![notification, device, one.attempts, one.next_attempt_at.as_micros(), one.last_error])?;
    Ok(())
}
