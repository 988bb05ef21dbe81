//! Runs: started, continued, ended, listed.

use bytes::Bytes;
use hookmill_model::{FlowId, Id, RunId, RunKind, RunStatus, UserId};

use super::Told;
use super::world::{at, ended, event, flow, id, run};
use crate::{
    Change, DueRun, Expect, Lane, List, Needle, OutputsHave, Run, RunError, RunFilter, RunListed, RunUpdate, Store,
    StoreError, Timer, TimerKey, TimerKind, Unit,
};

fn append(run: &Run, from: u64, facts: &[&str], update: RunUpdate) -> Change {
    let facts = facts.iter().map(|fact| fact.as_bytes().to_vec()).collect();
    Change::AppendFacts { run: run.id, epoch: run.epoch, from, facts, update }
}

fn texts(facts: &[Bytes]) -> Vec<String> {
    facts.iter().map(|fact| String::from_utf8_lossy(fact).into_owned()).collect()
}

pub(super) async fn a_run_from_begin_to_end(store: &dyn Store) -> Told {
    let owner: UserId = id(0);
    let mine = flow(owner, "Pushes", 0);
    let what = event(mine.id, 1);
    let mut one = run(owner, mine.id, 2);
    one.event = Some(what.id);
    one.subscription = Some(id(0));
    store
        .commit(Unit::new().with(Change::PutFlow(mine)).with(Change::AddEvent(what.clone(), None)), Lane::Work)
        .await?;
    let begin = Unit::new()
        .with(Change::ConsumeEvent(what.id))
        .with(Change::StartRun(one.clone(), vec![b"started".to_vec(), b"compose".to_vec()]))
        .with(Change::SetTimer(Timer { key: TimerKey::Run(one.id), due_at: at(60) }));
    store.commit(begin.clone(), Lane::Work).await?;
    let again = store.commit(begin, Lane::Work).await;
    assert!(matches!(again, Err(StoreError::Conflict { what: "event", .. })), "{again:?}");
    let twice = store.commit(Change::StartRun(one.clone(), Vec::new()).into(), Lane::Work).await;
    assert!(matches!(twice, Err(StoreError::Conflict { what: "run", .. })), "{twice:?}");
    one.facts = 2;
    let listed = RunListed { run: one.clone(), flow_name: "Pushes".to_owned() };
    assert_eq!(store.run(one.id).await?, Some(listed));
    assert_eq!(store.active_runs(None, 10).await?, std::slice::from_ref(&one));
    assert_eq!(store.runs_ended().await?, 0);

    store.commit(append(&one, 2, &["http"], RunUpdate::default()).into(), Lane::Work).await?;
    store.commit(append(&one, 3, &[], RunUpdate::default()).into(), Lane::Work).await?;
    let error = RunError { code: "NotFound".to_owned(), message: "404".to_owned(), hint: Some("look".to_owned()) };
    let end = RunUpdate::ended(RunStatus::Failed, at(5), Some(error.clone()));
    let unit = Unit::new()
        .expect(Expect::RunActive(one.id))
        .with(append(&one, 3, &["answered", "ended"], end))
        .with(Change::ClearTimer(TimerKey::Run(one.id)));
    store.commit(unit.clone(), Lane::Work).await?;
    let late = store.commit(unit, Lane::Work).await;
    assert!(matches!(late, Err(StoreError::Conflict { what: "run", .. })), "{late:?}");
    let facts = store.run_facts(one.id, 0).await?;
    assert_eq!(texts(&facts), ["started", "compose", "http", "answered", "ended"]);
    for from in 0..=6 {
        assert_eq!(store.run_facts(one.id, from as u64).await?, facts[from.min(5)..], "from {from}");
    }
    // In pages: each holds something, and together they are the whole.
    for bytes_max in [0, 8, 1_000] {
        let mut paged = Vec::new();
        loop {
            let page = store.run_facts_page(one.id, paged.len() as u64, bytes_max).await?;
            if page.is_empty() {
                break;
            }
            paged.extend(page);
        }
        assert_eq!(paged, facts, "at most {bytes_max} bytes");
    }
    assert_eq!(store.run_facts(id(0), 0).await?, Vec::<Bytes>::new());
    assert_eq!(store.run_facts_page(id(0), 0, 1_000).await?, Vec::<Bytes>::new());
    one = Run { facts: 5, status: RunStatus::Failed, ended_at: Some(at(5)), error: Some(error), ..one };
    assert_eq!(store.run(one.id).await?.map(|listed| listed.run), Some(one));
    assert_eq!(store.active_runs(None, 10).await?, []);
    assert_eq!(store.runs_ended().await?, 1);
    assert_eq!(store.next_timer(TimerKind::Run).await?, None);
    assert_eq!(store.run(id(0)).await?, None);
    Ok(())
}

pub(super) async fn facts_are_fenced(store: &dyn Store) -> Told {
    let one = run(id(0), id(0), 1);
    store.commit(Change::StartRun(one.clone(), vec![b"a".to_vec()]).into(), Lane::Work).await?;
    let mut stranger = one.clone();
    stranger.epoch = 6;
    let mut unknown = one.clone();
    unknown.id = id(1);
    let wrong = [
        Unit::from(append(&one, 0, &["again"], RunUpdate::default())),
        append(&one, 2, &["gap"], RunUpdate::default()).into(),
        append(&stranger, 1, &["late"], RunUpdate::default()).into(),
        Change::UpdateRun { run: one.id, epoch: 6, update: RunUpdate::status(RunStatus::Cancelled) }.into(),
        Unit::new().expect(Expect::RunEpoch(one.id, 8)),
    ];
    for unit in wrong {
        let refused = store.commit(unit, Lane::Work).await;
        assert!(matches!(refused, Err(StoreError::Conflict { what: "run", .. })), "{refused:?}");
    }
    let refused = store.commit(append(&unknown, 0, &["x"], RunUpdate::default()).into(), Lane::Work).await;
    assert_eq!(refused, Err(StoreError::missing("run", unknown.id)));

    // Another process takes over; the first one is shut out from then on.
    let take = RunUpdate { epoch: Some(8), ..RunUpdate::default() };
    store.commit(Change::UpdateRun { run: one.id, epoch: 7, update: take }.into(), Lane::Work).await?;
    assert!(store.commit(append(&one, 1, &["late"], RunUpdate::default()).into(), Lane::Work).await.is_err());
    let owner = Run { epoch: 8, ..one.clone() };
    store.commit(append(&owner, 1, &["b"], RunUpdate::default()).into(), Lane::Work).await?;
    assert_eq!(texts(&store.run_facts(one.id, 0).await?), ["a", "b"]);
    Ok(())
}

pub(super) async fn a_resumed_run_is_active_again(store: &dyn Store) -> Told {
    let one = run(id(0), id(0), 1);
    store.commit(Change::StartRun(one.clone(), Vec::new()).into(), Lane::Work).await?;
    let error = RunError { code: "Failed".to_owned(), message: "it failed".to_owned(), hint: None };
    let update = |update| Unit::from(Change::UpdateRun { run: one.id, epoch: one.epoch, update });
    store.commit(update(RunUpdate::ended(RunStatus::Failed, at(2), Some(error))), Lane::Work).await?;
    store.commit(update(RunUpdate::status(RunStatus::Running)), Lane::Work).await?;
    assert_eq!(store.active_runs(None, 10).await?, std::slice::from_ref(&one));
    store.commit(update(RunUpdate::ended(RunStatus::Succeeded, at(9), None)), Lane::Work).await?;
    let after = store.run(one.id).await?.map(|listed| listed.run);
    assert_eq!(after, Some(Run { status: RunStatus::Succeeded, ended_at: Some(at(9)), ..one }));
    assert_eq!(store.runs_ended().await?, 2);
    Ok(())
}

pub(super) async fn lists_filter_and_page(store: &dyn Store) -> Told {
    use RunStatus as S;
    let (ada, bob): (UserId, UserId) = (id(0), id(0));
    let (pushes, pulls) = (flow(ada, "Pushes", 0), flow(ada, "Pulls", 0));
    let mut runs = Vec::new();
    for second in 0..40 {
        let status = [S::Succeeded, S::Failed, S::Running, S::Cancelled, S::Succeeded][second as usize % 5];
        let of = if second % 3 == 0 { pulls.id } else { pushes.id };
        let mut one = if status == S::Running { run(ada, of, second) } else { ended(ada, of, second, status) };
        if second % 10 == 0 {
            one.kind = RunKind::CreateWebhook;
        }
        if status == S::Failed {
            let message = "the service answered NOT FOUND".to_owned();
            one.error = Some(RunError { code: "NotFound".to_owned(), message, hint: None });
        }
        runs.push(one);
    }
    let foreign = run(bob, id(0), 20);
    let mut unit = Unit::new().with(Change::PutFlow(pushes.clone())).with(Change::PutFlow(pulls.clone()));
    for one in runs.iter().chain([&foreign]) {
        let payload = runs.iter().position(|run| run.id == one.id).map(|place| format!("payload {place}."));
        unit.push(Change::StartRun(one.clone(), vec![payload.unwrap_or_default().into_bytes(), b"payload".to_vec()]));
    }
    store.commit(unit, Lane::Work).await?;

    let has: OutputsHave = |fact, event, needle| {
        let event = event().map(|event| String::from_utf8_lossy(&event.body).into_owned());
        needle.is_in([String::from_utf8_lossy(fact).as_ref(), event.as_deref().unwrap_or_default()])
    };
    let never: OutputsHave = |_, _, _| false;
    let all = RunFilter::of(ada);
    let filters = [
        all.clone(),
        RunFilter { flow: Some(pulls.id), ..all.clone() },
        RunFilter { flow: Some(id(0)), ..all.clone() },
        RunFilter { kind: Some(RunKind::CreateWebhook), ..all.clone() },
        RunFilter { kind: Some(RunKind::Flow), flow: Some(pulls.id), ..all.clone() },
        RunFilter {
            kind: Some(RunKind::CreateWebhook),
            flow: Some(pulls.id),
            statuses: vec![S::Succeeded],
            ..all.clone()
        },
        RunFilter { from: Some(at(10)), ..all.clone() },
        RunFilter { to: Some(at(10)), ..all.clone() },
        RunFilter { from: Some(at(5)), to: Some(at(25)), statuses: vec![S::Failed], ..all.clone() },
        RunFilter { q: Some("not found".to_owned()), ..all.clone() },
        RunFilter { q: Some("NUMBER 7".to_owned()), ..all.clone() },
        RunFilter { q: Some(runs[3].id.to_string().to_lowercase()), ..all.clone() },
        RunFilter { q: Some("nothing like it".to_owned()), ..all.clone() },
        // The text stands in what the trigger gave, not in the summary.
        RunFilter { q: Some("payload 13".to_owned()), outputs_have: Some(has), ..all.clone() },
        RunFilter { q: Some("PAYLOAD".to_owned()), outputs_have: Some(has), statuses: vec![S::Failed], ..all.clone() },
        RunFilter { q: Some("payload".to_owned()), outputs_have: Some(never), ..all.clone() },
        RunFilter { q: Some("payload".to_owned()), ..all.clone() },
        RunFilter { statuses: vec![S::Failed, S::Cancelled], ..all.clone() },
        RunFilter { statuses: vec![S::Running, S::Failed, S::TimedOut], ..all.clone() },
        RunFilter { statuses: vec![S::Succeeded, S::Failed], flow: Some(pushes.id), ..all.clone() },
        RunFilter { statuses: vec![S::Waiting, S::Running], flow: Some(pushes.id), ..all.clone() },
        RunFilter {
            statuses: vec![S::Failed, S::Running],
            from: Some(at(3)),
            to: Some(at(30)),
            q: Some("payload".to_owned()),
            outputs_have: Some(has),
            ..all.clone()
        },
        RunFilter { statuses: S::ALL.to_vec(), kind: Some(RunKind::CreateWebhook), ..all.clone() },
    ];
    let by_status = S::ALL.iter().flat_map(|status| {
        let one = RunFilter { statuses: vec![*status], ..all.clone() };
        [RunFilter { flow: Some(pushes.id), ..one.clone() }, one]
    });
    for filter in filters.into_iter().chain(by_status) {
        let needle = Needle::new(filter.q.as_deref());
        let shown = |(place, run): &(usize, &Run)| {
            let given = filter.outputs_have(format!("payload {place}.").as_bytes(), || None, &needle);
            filter.matches(run, &needle) || (filter.matches_all_but_text(run) && given)
        };
        let mut expected: Vec<RunId> = runs.iter().enumerate().filter(shown).map(|(_, run)| run.id).collect();
        expected.reverse();
        let mut found = Vec::new();
        let mut list = List::first(7);
        loop {
            let page = store.runs(&filter, list).await?;
            assert!(page.items.len() <= 7, "{filter:?}");
            found.extend(page.items.iter().map(|one| one.run.id));
            match page.next {
                Some(next) => list = List::after(7, next),
                None => break,
            }
        }
        assert_eq!(found, expected, "{filter:?}");
    }
    let page = store.runs(&all, List::first(1)).await?;
    assert_eq!(page.items[0].flow_name, "Pulls");
    assert_eq!(page.next, Some(runs[39].id));
    let active = store.active_runs(None, 3).await?;
    assert_eq!(active.iter().map(|run| run.id).collect::<Vec<_>>(), [runs[2].id, runs[7].id, runs[12].id]);
    let open = store.open_runs(None, 3).await?;
    assert_eq!(
        open.iter().map(|run| (run.id, run.status, run.due_at)).collect::<Vec<_>>(),
        active.iter().map(|run| (run.id, run.status, None)).collect::<Vec<_>>()
    );
    // Those of everybody, without the ones that only record a webhook.
    let mut newest: Vec<_> = runs.iter().chain([&foreign]).filter(|run| run.kind == RunKind::Flow).collect();
    newest.sort_by_key(|run| std::cmp::Reverse(run.id));
    let from = newest[4].id.made_at();
    let recent = store.recent_runs(from, 100).await?;
    let told = |run: &Run| (run.id, run.flow, run.status, run.started_at, run.ended_at);
    assert_eq!(
        recent.iter().map(|run| (run.id, run.flow, run.status, run.started_at, run.ended_at)).collect::<Vec<_>>(),
        newest.iter().filter(|run| run.id.made_at() >= from).map(|run| told(run)).collect::<Vec<_>>()
    );
    assert_eq!(store.recent_runs(from, 2).await?, recent[..2]);
    let next = store.active_runs(Some(runs[12].id), 2).await?;
    assert_eq!(next.iter().map(|run| run.id).collect::<Vec<_>>(), [runs[17].id, foreign.id]);
    Ok(())
}

pub(super) async fn timers_fire_in_order(store: &dyn Store) -> Told {
    let keys =
        [TimerKey::Run(RunId::from_bits(1)), TimerKey::Flow(FlowId::from_bits(1)), TimerKey::Run(RunId::from_bits(2))];
    let timers = [(keys[0], 30), (keys[1], 10), (keys[2], 20)].map(|(key, seconds)| Timer { key, due_at: at(seconds) });
    for timer in timers {
        store.commit(Change::SetTimer(timer).into(), Lane::Work).await?;
    }
    let flow = FlowId::from_bits(1);
    let due = |timer: Timer, run| DueRun { due_at: timer.due_at, run: RunId::from_bits(run), flow: None };
    assert_eq!(store.next_timer(TimerKind::Flow).await?, Some(at(10)));
    assert_eq!(store.next_timer(TimerKind::Run).await?, Some(at(20)));
    assert_eq!(store.due_flows(at(9), 10).await?, []);
    assert_eq!(store.due_flows(at(99), 10).await?, [flow]);
    assert_eq!(store.due_runs(at(19), None, 10).await?, []);
    assert_eq!(store.due_runs(at(99), None, 10).await?, [due(timers[2], 2), due(timers[0], 1)]);
    assert_eq!(store.due_runs(at(99), None, 1).await?, [due(timers[2], 2)]);
    assert_eq!(store.due_runs(at(99), Some(due(timers[2], 2)), 9).await?, [due(timers[0], 1)]);

    // A timer fires once: whoever comes second finds it moved.
    let fire =
        Unit::new().expect(Expect::TimerDue(timers[1])).with(Change::SetTimer(Timer { key: keys[1], due_at: at(40) }));
    store.commit(fire.clone(), Lane::Work).await?;
    let again = store.commit(fire, Lane::Work).await;
    assert!(matches!(again, Err(StoreError::Conflict { what: "timer", .. })), "{again:?}");
    assert_eq!(store.timer(keys[1]).await?, Some(at(40)));
    store.commit(Change::ClearTimer(keys[2]).into(), Lane::Work).await?;
    store.commit(Change::ClearTimer(keys[2]).into(), Lane::Work).await?;
    assert_eq!(store.timer(keys[2]).await?, None);
    assert_eq!(store.next_timer(TimerKind::Run).await?, Some(at(30)));
    Ok(())
}
