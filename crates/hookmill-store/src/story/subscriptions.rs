//! Generations of webhooks.

use hookmill_model::{FlowId, SubscriptionState as S, UserId};

use super::Told;
use super::world::{at, flow, id, subscription};
use crate::{Change, Expect, Lane, List, Store, StoreError, Subscription, Unit};

pub(super) async fn generations(store: &dyn Store) -> Told {
    let owner: UserId = id(0);
    let (flow, other): (FlowId, FlowId) = (id(0), id(0));
    let states = [S::Gone, S::Failed, S::Deleting, S::Live];
    let mut all: Vec<Subscription> = (1..=4).map(|generation| subscription(owner, flow, generation)).collect();
    for (one, state) in all.iter_mut().zip(states) {
        one.state = state;
        store.commit(Change::PutSubscription(one.clone()).into(), Lane::Work).await?;
    }
    let stranger = subscription(id(0), other, 1);
    store.commit(Change::PutSubscription(stranger.clone()).into(), Lane::Work).await?;

    assert_eq!(store.subscription(all[0].id).await?.as_ref(), Some(&all[0]));
    assert_eq!(store.subscription(id(0)).await?, None);
    assert_eq!(store.subscription_by_capability(&all[3].capability).await?.as_ref(), Some(&all[3]));
    assert_eq!(store.subscription_by_capability(&[0; 32]).await?, None);
    let newest_first: Vec<_> = all.iter().rev().cloned().collect();
    assert_eq!(store.subscriptions_of(flow).await?, newest_first);
    assert_eq!(store.subscriptions_newest(&[other, id(0), flow]).await?, [stranger.clone(), all[3].clone()]);
    assert_eq!(store.subscriptions_in(Some(owner), &[S::Failed, S::Gone]).await?, all[..2]);
    let mut unfinished = vec![all[2].clone(), stranger.clone()];
    unfinished.sort_by_key(|one| one.id);
    assert_eq!(store.subscriptions_unfinished().await?, unfinished);

    let mut gone = all[2].clone();
    (gone.state, gone.etag) = (S::Gone, 2);
    let change = Unit::new().expect(Expect::SubscriptionEtag(gone.id, 1)).with(Change::PutSubscription(gone.clone()));
    store.commit(change.clone(), Lane::Work).await?;
    let stale = store.commit(change, Lane::Work).await;
    assert!(matches!(stale, Err(StoreError::Conflict { what: "subscription", .. })), "{stale:?}");
    assert_eq!(store.subscriptions_unfinished().await?, [stranger]);
    assert_eq!(store.subscription(gone.id).await?, Some(gone));

    let mut thief = subscription(owner, flow, 5);
    thief.capability = all[3].capability;
    let refused = store.commit(Change::PutSubscription(thief).into(), Lane::Work).await;
    assert!(matches!(refused, Err(StoreError::Conflict { what: "subscription", .. })), "{refused:?}");
    Ok(())
}

pub(super) async fn what_is_stuck_comes_by_page(store: &dyn Store) -> Told {
    let (owner, other): (UserId, UserId) = (id(0), id(0));
    let mut flows: Vec<_> = (0..6).map(|number| flow(owner, &format!("Flow {number}"), number)).collect();
    flows[5].deleted_at = Some(at(9));
    let mut failed = Vec::new();
    for (number, one) in flows.iter().enumerate() {
        store.commit(Change::PutFlow(one.clone()).into(), Lane::Work).await?;
        let mut generation = subscription(owner, one.id, 1);
        generation.state = S::Failed;
        store.commit(Change::PutSubscription(generation.clone()).into(), Lane::Work).await?;
        // What came after settles what failed before.
        if number == 2 {
            store.commit(Change::PutSubscription(subscription(owner, one.id, 2)).into(), Lane::Work).await?;
        }
        if number != 2 && number != 5 {
            failed.push(generation);
        }
    }
    failed.sort_by_key(|one| std::cmp::Reverse(one.id));
    let mut deleting = subscription(owner, flows[5].id, 2);
    deleting.state = S::Deleting;
    store.commit(Change::PutSubscription(deleting.clone()).into(), Lane::Work).await?;
    let mut found = Vec::new();
    let mut list = List::first(3);
    loop {
        let page = store.subscriptions_stuck(owner, S::Failed, list).await?;
        assert!(page.items.len() <= 3);
        found.extend(page.items);
        match page.next {
            Some(next) => list = List::after(3, next),
            None => break,
        }
    }
    assert_eq!(found, failed);
    assert_eq!(store.subscriptions_stuck(owner, S::Deleting, List::first(9)).await?.items, [deleting]);
    assert_eq!(store.subscriptions_stuck(other, S::Failed, List::first(9)).await?.items, []);
    Ok(())
}
