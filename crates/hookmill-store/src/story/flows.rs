//! Flows: saved, changed, deleted, listed.

use bytes::Bytes;
use hookmill_model::{FlowState, RunKind, RunStatus, UserId};

use super::Told;
use super::world::{at, ended, flow, id, run, version};
use crate::{
    Binding, Change, Expect, FailingFlow, Flow, FlowFilter, Lane, List, Store, StoreError, Timer, TimerKey, TimerKind,
    Unit,
};

pub(super) async fn a_flow_and_its_versions(store: &dyn Store) -> Told {
    let owner: UserId = id(0);
    let binding = |key: &str| Binding {
        key: key.to_owned(),
        connector: Some(id(0)),
        connection: None,
        api: Some("shared_github".to_owned()),
        version: Some("of-may".to_owned()),
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
    assert_eq!(store.next_timer(TimerKind::Flow).await?, None);
    assert_eq!(store.flows(&FlowFilter::of(owner), List::first(9)).await?.items, []);
    let late = store.commit(Unit::new().expect(Expect::FlowEtag(mine.id, 3)), Lane::Work).await;
    assert_eq!(late, Err(StoreError::missing("flow", mine.id)));
    let unknown = store.commit(Change::DeleteFlow(id(0), at(9)).into(), Lane::Work).await;
    assert!(matches!(unknown, Err(StoreError::Missing { what: "flow", .. })), "{unknown:?}");
    Ok(())
}

pub(super) async fn versions_come_by_page(store: &dyn Store) -> Told {
    let owner: UserId = id(0);
    let mut expected = Vec::new();
    for second in 0..3 {
        let one = flow(owner, "One", second);
        let mut unit = Unit::new().with(Change::PutFlow(one.clone()));
        for number in 1..=3 {
            unit.push(Change::PutFlowVersion(version(one.id, number)));
            expected.push(version(one.id, number));
        }
        store.commit(unit.with(Change::DeleteFlow(one.id, at(9))), Lane::Work).await?;
    }
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.flow_versions_from(after, 2).await?;
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 2);
        after = Some((last.flow, last.version));
        found.extend(page);
    }
    assert_eq!(found, expected);
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

pub(super) async fn failures_in_a_row_are_counted(store: &dyn Store) -> Told {
    use RunStatus as S;
    let (owner, other): (UserId, UserId) = (id(0), id(0));
    let flows: Vec<Flow> = (0..7).map(|second| flow(owner, &format!("Flow {second}"), second)).collect();
    let mut unit = Unit::new();
    for one in &flows {
        unit.push(Change::PutFlow(one.clone()));
    }
    // Flow 0 recovered, flow 1 failed after a success, flow 2 was stopped between, flow 3 never got its webhook.
    let histories: [&[S]; 7] = [
        &[S::Failed, S::Failed, S::Failed, S::Succeeded],
        &[S::Failed, S::Succeeded, S::Failed, S::TimedOut, S::Faulted],
        &[S::Failed, S::Failed, S::Cancelled, S::Skipped, S::Failed],
        &[S::Failed, S::Failed, S::Failed],
        &[S::Failed, S::Failed],
        &[],
        &[S::Failed, S::Failed, S::Failed],
    ];
    let mut last = Vec::new();
    for (number, statuses) in histories.iter().enumerate() {
        last.push(None);
        for (second, status) in statuses.iter().enumerate() {
            let mut one = ended(owner, flows[number].id, 10 + second as i64, *status);
            if number == 3 {
                one.kind = RunKind::CreateWebhook;
            }
            last[number] = Some(one.id);
            unit.push(Change::StartRun(one, Vec::new()));
        }
    }
    store.commit(unit, Lane::Work).await?;
    let page = store.failing_flows(owner, 3, List::first(2)).await?;
    let failing =
        |number: usize, failures: u64| last[number].map(|run| FailingFlow { flow: flows[number].id, failures, run });
    assert_eq!(page.items.iter().cloned().map(Some).collect::<Vec<_>>(), [failing(6, 3), failing(2, 3)]);
    let rest = store.failing_flows(owner, 3, List { limit: 2, after: page.next }).await?;
    assert_eq!(rest.items.iter().cloned().map(Some).collect::<Vec<_>>(), [failing(1, 3)]);
    assert_eq!(rest.next, None);
    assert_eq!(store.failing_flows(owner, 1, List::first(9)).await?.items.len(), 4);
    assert_eq!(store.failing_flows(other, 1, List::first(9)).await?.items, []);

    // A run under way counts when it ends; a success and a deletion end the row.
    let (bad, good) = (run(owner, flows[4].id, 30), run(owner, flows[1].id, 30));
    let end = |run: &crate::Run, status| Change::UpdateRun {
        run: run.id,
        epoch: run.epoch,
        update: crate::RunUpdate::ended(status, at(31), None),
    };
    let unit = Unit::new()
        .with(Change::StartRun(bad.clone(), Vec::new()))
        .with(Change::StartRun(good.clone(), Vec::new()))
        .with(end(&bad, S::Failed))
        .with(end(&good, S::Succeeded))
        .with(Change::DeleteFlow(flows[6].id, at(31)));
    store.commit(unit, Lane::Work).await?;
    let now: Vec<_> = store.failing_flows(owner, 3, List::first(9)).await?.items;
    assert_eq!(
        now.iter().map(|one| (one.flow, one.run)).collect::<Vec<_>>(),
        [(flows[4].id, bad.id), (flows[2].id, now[1].run)]
    );
    let figures = store.figures().await?;
    assert_eq!((figures.flows, figures.users), (6, 0));
    Ok(())
}
