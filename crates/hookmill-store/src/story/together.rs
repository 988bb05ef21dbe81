//! Units: all or nothing, side by side, and after the end.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use hookmill_model::{FlowId, RunStatus, UserId};

use super::world::{at, ended, event, flow, id, run};
use super::{Told, all};
use crate::{Change, Committed, Expect, Lane, Store, StoreError, Unit};

type Answer<'a> = Pin<Box<dyn Future<Output = Result<Committed, StoreError>> + Send + 'a>>;

pub(super) async fn all_or_nothing(store: &dyn Store) -> Told {
    let owner: UserId = id(0);
    let mine = flow(owner, "Pushes", 0);
    let what = event(mine.id, 1);
    let one = run(owner, mine.id, 1);
    let untouched = Unit::new()
        .with(Change::PutFlow(mine.clone()))
        .with(Change::AddEvent(what.clone(), None))
        .with(Change::StartRun(one.clone(), vec![b"started".to_vec()]))
        .with(Change::PutSetting("name".to_owned(), Bytes::from_static(b"value")))
        .with(Change::ReadAllNotifications(owner, at(1)))
        // The last change cannot be made.
        .with(Change::ConsumeEvent(id(0)));
    assert!(store.commit(untouched.clone(), Lane::Work).await.is_err());
    let mut early = untouched.clone();
    early.changes.pop();
    assert!(store.commit(early.clone().expect(Expect::FlowEtag(mine.id, 9)), Lane::Work).await.is_err());
    assert_eq!(store.flow(mine.id).await?, None);
    assert_eq!(store.event(what.id).await?, None);
    assert_eq!(store.pending_counts().await?, []);
    assert_eq!(store.run(one.id).await?, None);
    assert_eq!(store.run_facts(one.id, 0).await?, Vec::<Bytes>::new());
    assert_eq!(store.setting("name").await?, None);
    assert_eq!(store.runs_ended().await?, 0);
    // Nothing of it stands in the way of a second try.
    store.commit(early.with(Change::ConsumeEvent(what.id)), Lane::Work).await?;
    assert!(store.run(one.id).await?.is_some());
    assert_eq!(store.pending_counts().await?, []);
    Ok(())
}

pub(super) async fn one_of_many_wins(store: &dyn Store) -> Told {
    let owner: UserId = id(0);
    let mine = flow(owner, "Pushes", 0);
    let what = event(mine.id, 1);
    let begin = Unit::new().with(Change::PutFlow(mine.clone())).with(Change::AddEvent(what.clone(), None));
    store.commit(begin, Lane::Work).await?;
    // Each writes before it finds out that another one was first; their neighbours must not notice.
    let answers: Vec<Answer<'_>> = (0..60)
        .map(|second| {
            let unit = if second % 3 == 0 {
                Unit::from(Change::StartRun(ended(owner, mine.id, second, RunStatus::Succeeded), vec![b"x".to_vec()]))
            } else {
                Unit::new()
                    .with(Change::StartRun(ended(owner, mine.id, second, RunStatus::Failed), vec![b"y".to_vec()]))
                    .with(Change::ConsumeEvent(what.id))
            };
            Box::pin(async move { store.commit(unit, Lane::Work).await }) as Answer<'_>
        })
        .collect();
    let answers = all(answers).await;
    let stored = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(stored, 21, "{answers:?}");
    let stats = store.flow_stats(&[mine.id]).await?;
    assert_eq!(stats[0].ended, [(RunStatus::Succeeded, 20), (RunStatus::Failed, 1)]);
    let runs = store.runs(&crate::RunFilter::of(owner), crate::List::first(99)).await?;
    assert_eq!(runs.items.len(), 21);
    for one in runs.items {
        assert_eq!(store.run_facts(one.run.id, 0).await?.len(), 1);
    }
    Ok(())
}

pub(super) async fn many_at_once(store: &dyn Store) -> Told {
    let flow: FlowId = id(0);
    let events: Vec<_> = (0..1_000).map(|second| event(flow, second)).collect();
    let answers: Vec<Answer<'_>> = events
        .iter()
        .map(|one| {
            let unit = Unit::from(Change::AddEvent(one.clone(), None));
            Box::pin(async move { store.commit(unit, Lane::Intake).await }) as Answer<'_>
        })
        .collect();
    let mut accepted = Vec::new();
    for (answer, one) in all(answers).await.into_iter().zip(&events) {
        accepted.push((answer?.accepted, one.id));
    }
    accepted.sort_unstable();
    let pending = store.pending_events(flow, None, 2_000).await?;
    let order: Vec<_> = pending.iter().map(|one| (Some(one.position), one.event.id)).collect();
    assert_eq!(order, accepted);
    Ok(())
}

pub(super) async fn after_the_end(store: &dyn Store) -> Told {
    store.ping().await?;
    assert!(!store.location().is_empty());
    store.commit(Change::PutSetting("a".to_owned(), Bytes::new()).into(), Lane::Work).await?;
    store.close().await;
    store.close().await;
    for lane in [Lane::Work, Lane::Intake] {
        let late = store.commit(Unit::new(), lane).await;
        assert_eq!(late, Err(StoreError::Closed));
    }
    assert_eq!(store.ping().await, Err(StoreError::Closed));
    Ok(())
}
