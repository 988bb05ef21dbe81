//! The inbox.

use hookmill_model::UserId;

use super::Told;
use super::world::{at, id, notification};
use crate::{Change, Delivery, Device, Lane, Link, List, NotificationFilter, Store, StoreError, Unit};

pub(super) async fn notifications_are_read(store: &dyn Store) -> Told {
    let (ada, bob): (UserId, UserId) = (id(0), id(0));
    let mut all: Vec<_> = (0..5).map(|second| notification(ada, second)).collect();
    all[1].link = Some(Link { uri: "https://example.com".to_owned(), label: "Look".to_owned() });
    for one in all.iter().chain([&notification(bob, 9)]) {
        store.commit(Change::PutNotification(one.clone()).into(), Lane::Work).await?;
    }
    assert_eq!(store.notification(all[1].id).await?.as_ref(), Some(&all[1]));
    assert_eq!(store.unread_count(ada).await?, 5);
    let page = store.notifications(&NotificationFilter::of(ada), List::first(2)).await?;
    assert_eq!((page.items, page.next), (vec![all[4].clone(), all[3].clone()], Some(all[3].id)));
    let page = store.notifications(&NotificationFilter::of(ada), List::after(9, all[3].id)).await?;
    assert_eq!((page.items.len(), page.next), (3, None));

    for seconds in [10, 11] {
        store.commit(Change::ReadNotification(all[2].id, at(seconds)).into(), Lane::Work).await?;
    }
    assert_eq!(store.notification(all[2].id).await?.and_then(|one| one.read_at), Some(at(10)));
    let unread = store
        .notifications(&NotificationFilter { unread: true, ..NotificationFilter::of(ada) }, List::first(9))
        .await?
        .items;
    assert_eq!(unread, [all[4].clone(), all[3].clone(), all[1].clone(), all[0].clone()]);
    let found = |q: &str| NotificationFilter { q: Some(q.to_owned()), ..NotificationFilter::of(ada) };
    assert_eq!(store.notifications(&found("PUSHED 3"), List::first(9)).await?.items, [all[3].clone()]);
    assert_eq!(store.notifications(&found("my flow"), List::first(9)).await?.items.len(), 5);
    assert_eq!(store.notifications(&found("pushed 9"), List::first(9)).await?.items, []);
    store.commit(Change::ReadAllNotifications(ada, at(20)).into(), Lane::Work).await?;
    assert_eq!((store.unread_count(ada).await?, store.unread_count(bob).await?), (0, 1));
    assert_eq!(store.notification(all[2].id).await?.and_then(|one| one.read_at), Some(at(10)));
    store.commit(Change::DeleteNotification(all[2].id).into(), Lane::Work).await?;
    assert_eq!(store.notification(all[2].id).await?, None);
    Ok(())
}

pub(super) async fn deliveries_are_queued(store: &dyn Store) -> Told {
    let owner: UserId = id(0);
    let device = |endpoint: &str, seconds| Device {
        id: id(seconds),
        owner,
        name: "Phone".to_owned(),
        endpoint: endpoint.to_owned(),
        p256dh: "BPk".to_owned(),
        auth: "aGk".to_owned(),
        created_at: at(seconds),
        delivered_at: None,
    };
    let (phone, laptop) = (device("https://push.example/1", 0), device("https://push.example/2", 1));
    let what = notification(owner, 0);
    let deliver = |device: &Device, seconds| Delivery {
        notification: what.id,
        device: device.id,
        attempts: 0,
        next_attempt_at: at(seconds),
        last_error: None,
    };
    let unit = Unit::new()
        .with(Change::PutDevice(phone.clone()))
        .with(Change::PutDevice(laptop.clone()))
        .with(Change::PutNotification(what.clone()))
        .with(Change::PutDelivery(deliver(&phone, 2)))
        .with(Change::PutDelivery(deliver(&laptop, 1)));
    store.commit(unit, Lane::Work).await?;
    assert_eq!(store.devices(owner).await?, [laptop.clone(), phone.clone()]);
    assert_eq!(store.next_delivery().await?, Some(at(1)));
    assert_eq!(store.due_deliveries(at(1), 9).await?, [deliver(&laptop, 1)]);
    assert_eq!(store.due_deliveries(at(9), 9).await?, [deliver(&laptop, 1), deliver(&phone, 2)]);

    let retry =
        Delivery { attempts: 1, next_attempt_at: at(30), last_error: Some("503".to_owned()), ..deliver(&laptop, 1) };
    store.commit(Change::PutDelivery(retry.clone()).into(), Lane::Work).await?;
    store.commit(Change::DeleteDelivery(what.id, phone.id).into(), Lane::Work).await?;
    assert_eq!(store.due_deliveries(at(99), 9).await?, [retry]);

    store.commit(Change::UseDevice(phone.id, at(31)).into(), Lane::Work).await?;
    store.commit(Change::UseDevice(id(77), at(31)).into(), Lane::Work).await?;
    let phone = Device { delivered_at: Some(at(31)), ..phone };
    assert_eq!(store.device(phone.id).await?.as_ref(), Some(&phone));

    // The browser registers again: the old device goes with what it still had to get.
    let laptop_again = device("https://push.example/2", 5);
    store.commit(Change::PutDevice(laptop_again.clone()).into(), Lane::Work).await?;
    assert_eq!(store.devices(owner).await?, [laptop_again.clone(), phone.clone()]);
    assert_eq!(store.device(laptop.id).await?, None);
    assert_eq!(store.next_delivery().await?, None);
    let late = store.commit(Change::PutDelivery(deliver(&laptop, 1)).into(), Lane::Work).await;
    assert_eq!(late, Err(StoreError::missing("device", laptop.id)));
    store.commit(Change::PutDelivery(deliver(&phone, 7)).into(), Lane::Work).await?;
    store.commit(Change::DeleteNotification(what.id).into(), Lane::Work).await?;
    assert_eq!(store.next_delivery().await?, None);
    store.commit(Change::DeleteDevice(phone.id).into(), Lane::Work).await?;
    assert_eq!(store.devices(owner).await?, [laptop_again]);
    Ok(())
}
