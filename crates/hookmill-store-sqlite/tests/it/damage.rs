//! A file with damaged bytes: nothing panics, and no damaged payload is handed out as if it were whole.

use std::path::Path;

use hookmill_model::{FlowId, Id, RunId, RunStatus, UserId};
use hookmill_store::payload::{join, pack};
use hookmill_store::story::world::{at, ended, event, flow, id};
use hookmill_store::{Change, Event, Events, Flows, Lane, List, Retention, RunFilter, Runs, Store, Unit};

use crate::{Told, open};

const PLACES: usize = 100;

#[tokio::test]
async fn contradictions_are_found() -> Told {
    let folder = tempfile::tempdir()?;
    let (owner, mine): (UserId, FlowId) = (id(0), id(0));
    let store = open(folder.path())?;
    let run = ended(owner, mine, 1, RunStatus::Succeeded);
    store.commit(Change::StartRun(run.clone(), vec![b"a".to_vec(), b"b".to_vec()]).into(), Lane::Work).await?;
    assert_eq!(store.examine().await?, Vec::<String>::new());
    // A flow that names a version it does not have, and a run that has ended without a time of its end.
    store.commit(Change::PutFlow(flow(owner, "Pushes", 0)).into(), Lane::Work).await?;
    let odd = hookmill_store::Run { ended_at: None, ..ended(owner, mine, 2, RunStatus::Failed) };
    store.commit(Change::StartRun(odd, Vec::new()).into(), Lane::Work).await?;
    let findings = store.examine().await?;
    assert_eq!(
        findings,
        ["there are 1 runs whose end contradicts their status", "there are 1 flows without their definition"]
    );
    Ok(())
}

/// An event is a head and a body; what is something else is no event with an empty body.
#[tokio::test]
async fn an_event_without_its_body_is_damage() -> Told {
    let folder = tempfile::tempdir()?;
    let store = open(folder.path())?;
    let one = event(id(0), 1);
    store.commit(Change::AddEvent(one.clone(), None).into(), Lane::Work).await?;
    assert_eq!(store.event(one.id).await?.map(|event| event.body), Some(one.body));
    let file = rusqlite::Connection::open(folder.path().join("hookmill.db"))?;
    file.execute("UPDATE event SET payload = ?1", [pack(&join([&one.head[..]]))])?;
    let refused = store.event(one.id).await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refused.contains("not a head and a body"), "{refused}");
    assert_eq!(store.examine().await?.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_bytes_never_pass_as_whole() -> Told {
    let folder = tempfile::tempdir()?;
    let whole = folder.path().join("whole");
    let flow: FlowId = FlowId::from_bits(1);
    let owner: UserId = UserId::from_bits(1);
    let mut events = Vec::new();
    let mut runs = Vec::new();
    {
        let store = open(&whole)?;
        let mut unit = Unit::new();
        for second in 0..40 {
            let mut one = event(flow, second);
            one.body = format!("{{\"number\":{second},\"text\":\"{}\"}}", "push ".repeat(400 + second as usize)).into();
            let run = ended(owner, flow, second, RunStatus::Succeeded);
            let facts = vec![format!("started {second} ").repeat(90).into_bytes(), b"ended".to_vec()];
            unit.push(Change::AddEvent(one.clone(), None));
            unit.push(Change::StartRun(run.clone(), facts.clone()));
            events.push(one);
            runs.push((run.id, facts));
        }
        store.commit(unit, Lane::Work).await?;
        store.close().await;
    }
    let bytes = std::fs::read(whole.join("hookmill.db"))?;
    let (mut refused, mut found, mut unseen) = (0, 0, 0);
    let mut seed = 42_u64;
    for place in 0..PLACES {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = usize::try_from(seed >> 33)? % bytes.len();
        let mut damaged = bytes.clone();
        match place % 3 {
            0 => damaged[at] ^= 1 << (place % 8),
            1 => damaged[at..(at + 700).min(bytes.len())].fill(0),
            _ => damaged.truncate(at),
        }
        let data = folder.path().join(place.to_string());
        std::fs::create_dir(&data)?;
        std::fs::write(data.join("hookmill.db"), &damaged)?;
        match look(&data, &events, &runs).await {
            None => refused += 1,
            Some(true) => found += 1,
            Some(false) => unseen += 1,
        }
        std::fs::remove_dir_all(&data)?;
    }
    println!("{refused} refused at opening, {found} found by reading or examining, {unseen} without effect");
    assert!(refused + found > PLACES / 3);
    Ok(())
}

/// Reads everything. `None` when the store does not open, else whether damage was noticed.
async fn look(data: &Path, events: &[Event], runs: &[(RunId, Vec<Vec<u8>>)]) -> Option<bool> {
    let store = open(data).ok()?;
    let mut noticed = store.examine().await.is_ok_and(|findings| !findings.is_empty());
    for whole in events {
        match store.event(whole.id).await {
            Ok(Some(read)) => assert!(read.id != whole.id || (&read.head, &read.body) == (&whole.head, &whole.body)),
            _ => noticed = true,
        }
    }
    for (run, whole) in runs {
        match store.run_facts(*run, 0).await {
            Ok(facts) if facts.len() == whole.len() => {
                assert!(facts.iter().zip(whole).all(|(read, whole)| read[..] == whole[..]));
            }
            _ => noticed = true,
        }
    }
    // Whatever these answer, they answer.
    noticed |= store.runs(&RunFilter::of(UserId::from_bits(1)), List::first(99)).await.is_err();
    noticed |= store.pending_events(FlowId::from_bits(1), None, 99).await.is_err();
    noticed |= store.flow_stats(&[FlowId::from_bits(1)]).await.is_err();
    noticed |=
        store.commit(Change::AddEvent(event(FlowId::from_bits(1), 99), None).into(), Lane::Intake).await.is_err();
    noticed |= store.purge(Retention { now: at(99), before: at(50), rows_max: 10 }).await.is_err();
    Some(noticed)
}
