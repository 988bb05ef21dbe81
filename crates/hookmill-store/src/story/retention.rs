//! Forgetting.

use std::time::Duration;

use bytes::Bytes;
use hookmill_model::{Id as _, RunId, RunStatus, SubscriptionState, UserId};

use super::Told;
use super::world::{at, ended, event, flow, id, notification, run, subscription, user, version};
use crate::{Change, Dedupe, Lane, List, Retention, RunFilter, Session, Store, Subscription, Unit};

const DAY: i64 = 24 * 3_600;

pub(super) async fn the_old_goes_the_unfinished_stays(store: &dyn Store) -> Told {
    let owner: UserId = id(0);
    let mine = flow(owner, "Pushes", 0);
    let gone = flow(owner, "Old", 0);
    let kept_events = [event(mine.id, 1), event(mine.id, 2), event(mine.id, 20 * DAY)];
    let old_event = event(mine.id, 3);
    // The journal of this run refers to the body of its event.
    let referred_event = event(mine.id, 40);
    let mut refers = ended(owner, mine.id, 40, RunStatus::Succeeded);
    refers.event = Some(referred_event.id);
    refers.id = RunId::from_bits(referred_event.id.to_bits());
    let mut long = run(owner, mine.id, 4);
    long.event = Some(kept_events[1].id);
    let mut unit = Unit::new()
        .with(Change::PutFlow(mine.clone()))
        .with(Change::PutFlow(gone.clone()))
        .with(Change::PutFlowVersion(version(gone.id, 1)))
        .with(Change::DeleteFlow(gone.id, at(10)));
    for one in kept_events.iter().chain([&old_event, &referred_event]) {
        let dedupe = Dedupe { keys: vec![Bytes::from(one.id.to_string())], window: Duration::from_secs(3_600) };
        unit.push(Change::AddEvent(one.clone(), Some(dedupe)));
    }
    // The first event waits for a run still; the second belongs to one that has not ended.
    unit.push(Change::ConsumeEvent(kept_events[1].id));
    unit.push(Change::ConsumeEvent(kept_events[2].id));
    unit.push(Change::ConsumeEvent(old_event.id));
    unit.push(Change::ConsumeEvent(referred_event.id));
    unit.push(Change::StartRun(refers.clone(), vec![b"started".to_vec()]));
    unit.push(Change::StartRun(long.clone(), vec![b"started".to_vec()]));
    let old: Vec<_> = (5..30).map(|second| ended(owner, mine.id, second, RunStatus::Failed)).collect();
    let new = ended(owner, mine.id, 20 * DAY, RunStatus::Succeeded);
    for one in old.iter().chain([&new]) {
        unit.push(Change::StartRun(one.clone(), vec![b"started".to_vec()]));
    }
    let ada = user("ada@example.com");
    let session = |seconds: i64, number: u8| Session {
        id: id(seconds),
        user: ada.id,
        secret_hash: [number; 32],
        browser: String::new(),
        created_at: at(seconds),
        expires_at: at(seconds + DAY),
    };
    let notes = [notification(owner, 1), notification(owner, 20 * DAY)];
    // A service may have the webhook of this one still, since nobody could read what it is for.
    let unsure = flow(owner, "Unsure", 0);
    let webhook = Subscription { state: SubscriptionState::Live, ..subscription(owner, unsure.id, 1) };
    let unit = unit
        .with(Change::PutFlow(unsure.clone()))
        .with(Change::PutSubscription(webhook))
        .with(Change::DeleteFlow(unsure.id, at(10)));
    let unit = unit
        .with(Change::PutUser(ada.clone()))
        .with(Change::PutSession(session(0, 1)))
        .with(Change::PutSession(session(20 * DAY, 2)))
        .with(Change::PutNotification(notes[0].clone()))
        .with(Change::PutNotification(notes[1].clone()));
    store.commit(unit, Lane::Work).await?;

    let retention = Retention { now: at(20 * DAY), before: at(10 * DAY), rows_max: 10 };
    let (mut runs, mut events, mut steps) = (0, 0, 0);
    loop {
        let purged = store.purge(retention).await?;
        assert!(purged.runs <= 10, "{purged:?}");
        runs += purged.runs;
        events += purged.events;
        steps += 1;
        let (run, event) = (store.run(refers.id).await?, store.event(referred_event.id).await?);
        assert!(run.is_none() || event.is_some(), "an event went before the run that refers to it");
        if !purged.more {
            break;
        }
        assert!(steps < 20, "there is no end to it");
    }
    assert_eq!((runs, events), (26, 2));
    assert_eq!(store.event(referred_event.id).await?, None);
    let left = store.runs(&RunFilter::of(owner), List::first(99)).await?;
    assert_eq!(left.items.iter().map(|one| one.run.id).collect::<Vec<_>>(), [new.id, long.id]);
    assert_eq!(store.run_facts(old[0].id, 0).await?, Vec::<Bytes>::new());
    assert_eq!(store.run_facts(long.id, 0).await?.len(), 1);
    for one in &kept_events {
        assert_eq!(store.event(one.id).await?.as_ref(), Some(one));
    }
    assert_eq!(store.event(old_event.id).await?, None);
    assert_eq!(store.pending_counts().await?.len(), 1);
    assert_eq!(store.flow(gone.id).await?, None);
    assert_eq!(store.flow_version(gone.id, 1).await?, None);
    assert!(store.flow(mine.id).await?.is_some());
    assert!(store.flow(unsure.id).await?.is_some(), "the service may have its webhook");
    assert_eq!(store.notification(notes[0].id).await?, None);
    assert!(store.notification(notes[1].id).await?.is_some());
    assert_eq!(store.session_by_hash(&[1; 32]).await?, None);
    assert!(store.session_by_hash(&[2; 32]).await?.is_some());
    // What ended stays counted.
    assert_eq!(store.runs_ended().await?, 27);
    let again = store.purge(retention).await?;
    assert_eq!((again.runs, again.events, again.others, again.more), (0, 0, 0, false));
    Ok(())
}
