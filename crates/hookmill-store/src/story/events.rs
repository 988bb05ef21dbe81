//! Events: accepted, queued, taken, kept.

use std::time::Duration;

use bytes::Bytes;
use hookmill_model::{EventId, FlowId, SubscriptionId};

use super::Told;
use super::world::{at, event, id};
use crate::{Change, Dedupe, Expect, Lane, List, Store, StoreError, Unit};

pub(super) async fn accepted_events_queue_up(store: &dyn Store) -> Told {
    let (flow, other): (FlowId, FlowId) = (id(0), id(0));
    // The identifiers do not come in the order of acceptance.
    let events = [event(flow, 3), event(other, 1), event(flow, 2)];
    let mut positions = Vec::new();
    for one in &events {
        let committed = store.commit(Change::AddEvent(one.clone(), None).into(), Lane::Intake).await?;
        positions.push(committed.accepted);
    }
    assert!(positions.is_sorted() && positions.iter().all(Option::is_some), "{positions:?}");

    let pending = store.pending_events(flow, None, 10).await?;
    assert_eq!(pending.iter().map(|one| &one.event).collect::<Vec<_>>(), [&events[0], &events[2]]);
    assert_eq!(pending.iter().map(|one| Some(one.position)).collect::<Vec<_>>(), [positions[0], positions[2]]);
    let rest = store.pending_events(flow, Some(pending[0].position), 1).await?;
    assert_eq!(rest, pending[1..2]);
    assert_eq!(store.pending_events(other, None, 10).await?[0].event, events[1]);
    let mut counts = store.pending_counts().await?;
    counts.sort_unstable();
    assert_eq!(counts, [(flow, 2), (other, 1)]);

    let take = |one: EventId| Unit::new().expect(Expect::EventPending(one)).with(Change::ConsumeEvent(one));
    store.commit(take(events[0].id), Lane::Work).await?;
    for unit in [take(events[0].id), Change::ConsumeEvent(events[0].id).into(), take(id(9))] {
        let refused = store.commit(unit, Lane::Work).await;
        assert!(matches!(refused, Err(StoreError::Conflict { what: "event", .. })), "{refused:?}");
    }
    assert_eq!(store.pending_events(flow, None, 10).await?, pending[1..]);
    assert_eq!(store.event(events[0].id).await?.as_ref(), Some(&events[0]));
    assert_eq!(store.event(id(9)).await?, None);

    let page = store.events(flow, List::first(1)).await?;
    assert_eq!((page.items, page.next), (vec![events[0].listed()], Some(events[0].id)));
    let page = store.events(flow, List::after(1, events[0].id)).await?;
    assert_eq!((page.items, page.next), (vec![events[2].listed()], None));

    let again = store.commit(Change::AddEvent(events[1].clone(), None).into(), Lane::Intake).await;
    assert!(matches!(again, Err(StoreError::Conflict { what: "event", .. })), "{again:?}");
    Ok(())
}

pub(super) async fn a_delivery_is_stored_once(store: &dyn Store) -> Told {
    let flow: FlowId = id(0);
    let subscription: SubscriptionId = id(0);
    let hours = 3_600;
    let add = |flow: FlowId, keys: &[&'static [u8]], seconds: i64, subscription| {
        let mut one = event(flow, seconds);
        one.subscription = subscription;
        let keys = keys.iter().map(|key| Bytes::from_static(key)).collect();
        let dedupe = Dedupe { keys, window: Duration::from_secs(24 * 3_600) };
        (one.id, Unit::from(Change::AddEvent(one, Some(dedupe))))
    };
    let own: &[&'static [u8]] = &[b"72d3162e"];
    let (first, unit) = add(flow, own, 0, Some(subscription));
    store.commit(unit, Lane::Intake).await?;
    // By whichever generation it comes.
    for (seconds, of) in [(0, None), (0, Some(id(0))), (1, None), (5 * hours, None), (23 * hours, Some(subscription))] {
        let (_, unit) = add(flow, own, seconds, of);
        let refused = store.commit(unit, Lane::Intake).await;
        assert_eq!(refused, Err(StoreError::Duplicate { of: first }), "{seconds} s later");
    }
    assert_eq!(store.pending_events(flow, None, 10).await?.len(), 1);
    let other: FlowId = id(0);
    for (of, keys, seconds) in [
        (flow, &[&b"other"[..]][..], 0),
        (other, own, 0),
        // The window and one more bucket are over.
        (flow, own, 31 * hours),
    ] {
        let (_, unit) = add(of, keys, seconds, Some(subscription));
        store.commit(unit, Lane::Intake).await?;
    }
    assert_eq!(store.pending_events(flow, None, 10).await?.len(), 3);

    // One with many items is known when all of them are, whichever came together.
    let (items, unit) = add(other, &[b"a", b"b", b"a"], 1, None);
    store.commit(unit, Lane::Intake).await?;
    let (more, unit) = add(other, &[b"b", b"c"], 2, None);
    store.commit(unit, Lane::Intake).await?;
    for (keys, of) in [(&[&b"b"[..], b"a"][..], items), (&[b"a", b"c"], more), (&[b"72d3162e", b"c", b"b"], items)] {
        let (_, unit) = add(other, keys, 3, None);
        let refused = store.commit(unit, Lane::Intake).await;
        assert_eq!(refused, Err(StoreError::Duplicate { of }), "{keys:?}");
    }
    let (_, unit) = add(other, &[], 4, None);
    store.commit(unit, Lane::Intake).await?;
    assert_eq!(store.pending_events(other, None, 10).await?.len(), 4);
    Ok(())
}

pub(super) async fn bytes_come_back(store: &dyn Store) -> Told {
    let flow: FlowId = id(0);
    for length in [0_usize, 1, 511, 512, 7_700, 400_000] {
        let mut one = event(flow, 0);
        one.body = (0..length).map(|index| (index * index % 251) as u8).collect();
        one.head = if length == 1 { Bytes::new() } else { one.head };
        store.commit(Change::AddEvent(one.clone(), None).into(), Lane::Intake).await?;
        assert_eq!(store.event(one.id).await?, Some(one), "{length} bytes");
    }
    let stored = store.pending_events(flow, None, 10).await?;
    assert_eq!(stored.len(), 6);
    assert_eq!(stored[0].event.received_at, at(0));
    Ok(())
}
