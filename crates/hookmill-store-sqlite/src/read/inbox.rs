//! Notifications, devices, deliveries.

use async_trait::async_trait;
use hookmill_model::{DeviceId, NotificationId, Timestamp, UserId};
use hookmill_store::{
    Delivery, Device, Inbox, Link, List, Needle, Notification, NotificationFilter, Page, StoreError, UNREAD_MAX,
};
use rusqlite::{Result, Row, params};

use super::{COST_MAX, Looked, all, below, one, page, rows};
use crate::column::{id, id_of, int, key, moment, moment_of, number};
use crate::store::SqliteStore;

const COLUMNS: &str = "id, owner, title, text, link_uri, link_label, run, flow, created, read";
const DEVICE_COLUMNS: &str = "id, owner, name, endpoint, p256dh, auth, created, delivered";

fn notification(row: &Row<'_>) -> Result<Notification> {
    let uri: Option<String> = row.get(4)?;
    let label: Option<String> = row.get(5)?;
    Ok(Notification {
        id: id(row, 0)?,
        owner: id(row, 1)?,
        title: row.get(2)?,
        text: row.get(3)?,
        link: uri.map(|uri| Link { uri, label: label.unwrap_or_default() }),
        run: id_of(row, 6)?,
        flow: id_of(row, 7)?,
        created_at: moment(row, 8)?,
        read_at: moment_of(row, 9)?,
    })
}

fn device(row: &Row<'_>) -> Result<Device> {
    Ok(Device {
        id: id(row, 0)?,
        owner: id(row, 1)?,
        name: row.get(2)?,
        endpoint: row.get(3)?,
        p256dh: row.get(4)?,
        auth: row.get(5)?,
        created_at: moment(row, 6)?,
        delivered_at: moment_of(row, 7)?,
    })
}

fn delivery(row: &Row<'_>) -> Result<Delivery> {
    Ok(Delivery {
        notification: id(row, 0)?,
        device: id(row, 1)?,
        attempts: row.get(2)?,
        next_attempt_at: moment(row, 3)?,
        last_error: row.get(4)?,
    })
}

type Answer<T> = std::result::Result<T, StoreError>;

#[async_trait]
impl Inbox for SqliteStore {
    async fn notification(&self, id: NotificationId) -> Answer<Option<Notification>> {
        let sql = format!("SELECT {COLUMNS} FROM notification WHERE id = ?1");
        self.readers.read(move |c| one(c, &sql, [key(id)], notification)).await
    }

    async fn notifications(
        &self,
        filter: &NotificationFilter,
        list: List<NotificationId>,
    ) -> Answer<Page<Notification, NotificationId>> {
        let filter = filter.clone();
        let (index, condition) =
            if filter.unread { ("notification_unread", "AND read IS NULL") } else { ("notification_owner", "") };
        let sql = format!(
            "SELECT {COLUMNS} FROM notification INDEXED BY {index}
             WHERE owner = ?1 AND id < ?2 {condition} ORDER BY id DESC"
        );
        let needle = Needle::new(filter.q.as_deref());
        self.readers
            .read(move |c| {
                page(c, &sql, params![key(filter.owner), below(&list)], list, COST_MAX, |row| {
                    let one = notification(row)?;
                    Ok(Looked { id: one.id, item: filter.matches(&one, &needle).then_some(one), cost: 1 })
                })
            })
            .await
    }

    async fn unread_count(&self, owner: UserId) -> Answer<u64> {
        let sql = "SELECT count(*) FROM (SELECT 1 FROM notification INDEXED BY notification_unread
                                         WHERE owner = ?1 AND read IS NULL LIMIT ?2)";
        let counted = self.readers.read(move |c| {
            let values = params![key(owner), int(UNREAD_MAX)];
            one(c, sql, values, |row| number(row, 0))
        });
        Ok(counted.await?.unwrap_or(0))
    }

    async fn device(&self, id: DeviceId) -> Answer<Option<Device>> {
        let sql = format!("SELECT {DEVICE_COLUMNS} FROM device WHERE id = ?1");
        self.readers.read(move |c| one(c, &sql, [key(id)], device)).await
    }

    async fn devices(&self, owner: UserId) -> Answer<Vec<Device>> {
        let sql = format!("SELECT {DEVICE_COLUMNS} FROM device WHERE owner = ?1 ORDER BY id DESC");
        self.readers.read(move |c| all(c, &sql, [key(owner)], device)).await
    }

    async fn due_deliveries(&self, now: Timestamp, limit: usize) -> Answer<Vec<Delivery>> {
        let sql = "SELECT notification, device, attempts, next_attempt, last_error FROM delivery
                   WHERE next_attempt <= ?1 ORDER BY next_attempt, notification, device LIMIT ?2";
        self.readers.read(move |c| all(c, sql, params![now.as_micros(), rows(limit)], delivery)).await
    }

    async fn next_delivery(&self) -> Answer<Option<Timestamp>> {
        let sql = "SELECT next_attempt FROM delivery ORDER BY next_attempt LIMIT 1";
        self.readers.read(move |c| one(c, sql, [], |row| moment(row, 0))).await
    }
}
