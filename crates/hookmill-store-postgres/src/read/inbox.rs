//! Notifications, devices, deliveries.

use async_trait::async_trait;
use hookmill_model::{DeviceId, NotificationId, Timestamp, UserId};
use hookmill_store::{
    Delivery, Device, Inbox, Link, List, Needle, Notification, NotificationFilter, Page, StoreError, UNREAD_MAX,
};
use tokio_postgres::Row;

use super::{COST_MAX, Looked, Paging, all, one, rows};
use crate::column::{args, count, get, id, id_of, int, key, moment, moment_of, number};
use crate::store::PostgresStore;

const COLUMNS: &str = "id, owner, title, text, link_uri, link_label, run, flow, created, read";
const DEVICE_COLUMNS: &str = "id, owner, name, endpoint, p256dh, auth, created, delivered";

type Answer<T> = Result<T, StoreError>;

fn notification(row: &Row) -> Answer<Notification> {
    let uri: Option<String> = get(row, 4)?;
    let label: Option<String> = get(row, 5)?;
    Ok(Notification {
        id: id(row, 0)?,
        owner: id(row, 1)?,
        title: get(row, 2)?,
        text: get(row, 3)?,
        link: uri.map(|uri| Link { uri, label: label.unwrap_or_default() }),
        run: id_of(row, 6)?,
        flow: id_of(row, 7)?,
        created_at: moment(row, 8)?,
        read_at: moment_of(row, 9)?,
    })
}

fn device(row: &Row) -> Answer<Device> {
    Ok(Device {
        id: id(row, 0)?,
        owner: id(row, 1)?,
        name: get(row, 2)?,
        endpoint: get(row, 3)?,
        p256dh: get(row, 4)?,
        auth: get(row, 5)?,
        created_at: moment(row, 6)?,
        delivered_at: moment_of(row, 7)?,
    })
}

fn delivery(row: &Row) -> Answer<Delivery> {
    Ok(Delivery {
        notification: id(row, 0)?,
        device: id(row, 1)?,
        attempts: count(row, 2)?,
        next_attempt_at: moment(row, 3)?,
        last_error: get(row, 4)?,
    })
}

#[async_trait]
impl Inbox for PostgresStore {
    async fn notification(&self, id: NotificationId) -> Answer<Option<Notification>> {
        let sql = format!("SELECT {COLUMNS} FROM notification WHERE id = $1");
        one(&self.readers, &sql, args![key(id)], notification).await
    }

    async fn notifications(
        &self,
        filter: &NotificationFilter,
        list: List<NotificationId>,
    ) -> Answer<Page<Notification, NotificationId>> {
        let condition = if filter.unread { "AND read IS NULL" } else { "" };
        let sql = format!(
            "SELECT {COLUMNS} FROM notification WHERE owner = $1 AND id < $2 {condition} ORDER BY id DESC LIMIT $3"
        );
        let needle = Needle::new(filter.q.as_deref());
        let mut page = Paging::new(list, COST_MAX);
        while let Some((below, rows)) = page.wanted() {
            let found = self.readers.rows(&sql, args![key(filter.owner), below, rows]).await?;
            let looked = |row: &Row| {
                let one = notification(row)?;
                Ok(Looked { id: one.id, item: filter.matches(&one, &needle).then_some(one), cost: 1 })
            };
            page.add(found.iter().map(looked).collect::<Answer<_>>()?);
        }
        Ok(page.end())
    }

    async fn unread_count(&self, owner: UserId) -> Answer<u64> {
        let sql =
            "SELECT count(*) FROM (SELECT FROM notification WHERE owner = $1 AND read IS NULL LIMIT $2) AS unread";
        let counted = one(&self.readers, sql, args![key(owner), int(UNREAD_MAX)], |row| number(row, 0)).await?;
        Ok(counted.unwrap_or(0))
    }

    async fn device(&self, id: DeviceId) -> Answer<Option<Device>> {
        let sql = format!("SELECT {DEVICE_COLUMNS} FROM device WHERE id = $1");
        one(&self.readers, &sql, args![key(id)], device).await
    }

    async fn devices(&self, owner: UserId) -> Answer<Vec<Device>> {
        let sql = format!("SELECT {DEVICE_COLUMNS} FROM device WHERE owner = $1 ORDER BY id DESC");
        all(&self.readers, &sql, args![key(owner)], device).await
    }

    async fn due_deliveries(&self, now: Timestamp, limit: usize) -> Answer<Vec<Delivery>> {
        let sql = "SELECT notification, device, attempts, next_attempt, last_error FROM delivery
                   WHERE next_attempt <= $1 AND get_byte(notification, 15) = ANY ($3)
                   ORDER BY next_attempt, notification, device LIMIT $2";
        let held = self.held();
        all(&self.readers, sql, args![now.as_micros(), rows(limit), held], delivery).await
    }

    async fn next_delivery(&self) -> Answer<Option<Timestamp>> {
        let sql = "SELECT next_attempt FROM delivery WHERE get_byte(notification, 15) = ANY ($1)
                   ORDER BY next_attempt LIMIT 1";
        let held = self.held();
        one(&self.readers, sql, args![held], |row| moment(row, 0)).await
    }
}
