//! Flows: saved, changed, deleted, listed.

use bytes::Bytes;
use hookmill_model::{FlowState, RunStatus, UserId};

use super::Told;
use super::world::{at, ended, flow, id, run, version};
use crate::{Binding, Change, Expect, Flow, FlowFilter, Lane, List, Store, StoreError, Timer, TimerKey, Unit};

pub(super) async fn a_flow_and_its_versions(store: &dyn Store) -> Told {
    let owner: UserId = id(0);
    let binding = |key: &str| Binding {
        key: key.to_owned(),
        connector: Some(id(0)),
        connection: None,
        api: Some("shared_github".to_owned()),
    };
    let mut mine = flow(owner, "Pushes", 0);
    mine.description = Some("tells me".to_owned());
    mine.bindings = vec![binding("shared_b"), binding("shared_a")];
    let save = Unit::new().with(Change::PutFlow(mine.clone())).with(Change::PutFlowVersion(version(mine.id, 1)));
    store.commit(save.clone(), Lane::Work).await?;
    assert_eq!(store.flow(mine.id).await?, Some(mine.clone()));
    let again = store.commit(save, Lane::Work).await;
    assert!(matches!(again, Err(StoreError::Conflict { what: "flow", .. })), "{again:?}");

    let changed = Flow { etag: 2, version: 2, bindings: vec![binding("only")], updated_at: at(5), ..mine.clone() };
    let change = Unit::new()
        .expect(Expect::FlowEtag(mine.id, 1))
        .with(Change::PutFlow(changed.clone()))
        .with(Change::PutFlowVersion(version(mine.id, 2)));
    store.commit(change.clone(), Lane::Work).await?;
    let stale = store.commit(change, Lane::Work).await;
    assert!(matches!(stale, Err(StoreError::Conflict { what: "flow", .. })), "{stale:?}");
    assert_eq!(store.flow(mine.id).await?, Some(changed.clone()));
    assert_eq!(store.flow_version(mine.id, 1).await?, Some(version(mine.id, 1)));
    assert_eq!(store.flow_version(mine.id, 2).await?, Some(version(mine.id, 2)));
    assert_eq!(store.flow_version(mine.id, 3).await?, None);
    assert_eq!(store.flow_versions(mine.id).await?, [(2, at(2)), (1, at(1))]);

    let state = |bytes: &'static [u8]| Change::PutTriggerState(mine.id, Bytes::from_static(bytes)).into();
    store.commit(state(b"one"), Lane::Work).await?;
    store.commit(state(b"two"), Lane::Work).await?;
    assert_eq!(store.trigger_state(mine.id).await?.as_deref(), Some(&b"two"[..]));
    store.commit(Change::SetTimer(Timer { key: TimerKey::Flow(mine.id), due_at: at(1) }).into(), Lane::Work).await?;

    store.commit(Change::DeleteFlow(mine.id, at(9)).into(), Lane::Work).await?;
    store.commit(Change::DeleteFlow(mine.id, at(10)).into(), Lane::Work).await?;
    let gone = Flow {
        etag: 3,
        state: FlowState::Off,
        deleted_at: Some(at(9)),
        updated_at: at(9),
        bindings: Vec::new(),
        ..changed
    };
    assert_eq!(store.flow(mine.id).await?, Some(gone));
    assert_eq!(store.flow_version(mine.id, 2).await?, Some(version(mine.id, 2)));
    assert_eq!(store.trigger_state(mine.id).await?, None);
    assert_eq!(store.next_timer().await?, None);
    assert_eq!(store.flows(&FlowFilter::of(owner), List::first(9)).await?.items, []);
    let late = store.commit(Unit::new().expect(Expect::FlowEtag(mine.id, 3)), Lane::Work).await;
    assert_eq!(late, Err(StoreError::missing("flow", mine.id)));
    let unknown = store.commit(Change::DeleteFlow(id(0), at(9)).into(), Lane::Work).await;
    assert!(matches!(unknown, Err(StoreError::Missing { what: "flow", .. })), "{unknown:?}");
    Ok(())
}

pub(super) async fn lists_filter_and_page(store: &dyn Store) -> Told {
    let (ada, bob): (UserId, UserId) = (id(0), id(0));
    let mut flows: Vec<Flow> = (0..12).map(|second| flow(ada, &format!("Flow {second}"), second)).collect();
    flows[3].state = FlowState::Off;
    flows[4].state = FlowState::Draft;
    flows[5].description = Some("Über den Berg".to_owned());
    flows[6].owner = bob;
    for one in &flows {
        store.commit(Change::PutFlow(one.clone()).into(), Lane::Work).await?;
    }
    let all = FlowFilter::of(ada);
    let filters = [
        all.clone(),
        FlowFilter { owner: None, ..all.clone() },
        FlowFilter { state: Some(FlowState::Off), ..all.clone() },
        FlowFilter { q: Some("flow 1".to_owned()), ..all.clone() },
        FlowFilter { q: Some("ÜBER".to_owned()), ..all.clone() },
    ];
    for filter in filters {
        let mut expected: Vec<Flow> = flows.iter().filter(|flow| filter.matches(flow)).cloned().collect();
        expected.reverse();
        let mut found = Vec::new();
        let mut list = List::first(2);
        loop {
            let page = store.flows(&filter, list).await?;
            found.extend(page.items);
            match page.next {
                Some(next) => list = List::after(2, next),
                None => break,
            }
        }
        assert_eq!(found, expected, "{filter:?}");
    }
    Ok(())
}

pub(super) async fn stats_follow_the_runs(store: &dyn Store) -> Told {
    use RunStatus as S;
    let owner: UserId = id(0);
    let (busy, idle) = (flow(owner, "Busy", 0), flow(owner, "Idle", 0));
    let mut unit = Unit::new().with(Change::PutFlow(busy.clone())).with(Change::PutFlow(idle.clone()));
    for second in 0..12 {
        let status = if second % 4 == 0 { S::Failed } else { S::Succeeded };
        unit.push(Change::StartRun(ended(owner, busy.id, second, status), Vec::new()));
    }
    let last = run(owner, busy.id, 20);
    unit.push(Change::StartRun(last.clone(), Vec::new()));
    store.commit(unit, Lane::Work).await?;
    let stats = store.flow_stats(&[idle.id, busy.id]).await?;
    assert_eq!(stats.iter().map(|one| one.flow).collect::<Vec<_>>(), [idle.id, busy.id]);
    assert!(stats[0].last_run.is_none() && stats[0].recent.is_empty() && stats[0].ended.is_empty());
    assert_eq!(stats[1].last_run.as_ref().map(|one| (one.run.id, &*one.flow_name)), Some((last.id, "Busy")));
    assert_eq!(stats[1].recent.len(), 10);
    assert_eq!(stats[1].recent[..5], [S::Running, S::Succeeded, S::Succeeded, S::Succeeded, S::Failed]);
    assert_eq!(stats[1].ended, [(S::Succeeded, 9), (S::Failed, 3)]);
    let end = crate::RunUpdate::ended(S::TimedOut, at(30), None);
    store.commit(Change::UpdateRun { run: last.id, epoch: last.epoch, update: end }.into(), Lane::Work).await?;
    let stats = store.flow_stats(&[busy.id]).await?;
    assert_eq!(stats[0].ended, [(S::Succeeded, 9), (S::Failed, 3), (S::TimedOut, 1)]);
    assert_eq!(store.runs_ended().await?, 13);
    Ok(())
}
