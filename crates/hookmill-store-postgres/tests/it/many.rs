//! Lists stay fast with many rows, and many units share a transaction.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hookmill_model::{FlowId, Id, RunId, RunKind, RunStatus, Timestamp, UserId};
use hookmill_store::story::world::{ended, event, flow, run};
use hookmill_store::{Change, Flows, Lane, List, RunError, RunFilter, Runs, Store, Unit};

use crate::{Told, cluster, open};

const BEGIN_MS: i64 = 1_750_000_000_000;

fn made<I: Id>(number: u64) -> I {
    let noise = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
    let mut random = [0; 10];
    random[..8].copy_from_slice(&noise);
    I::make(Timestamp::from_millis(BEGIN_MS + i64::try_from(number).unwrap_or(0)), random)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_page_with_any_filter_is_fast() -> Told {
    let count: u64 = std::env::var("HOOKMILL_TEST_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(30_000);
    let folder = tempfile::tempdir()?;
    let Some(cluster) = cluster(folder.path())? else { return Ok(()) };
    let database = cluster.database()?;
    let store = open(&cluster.address(&database)).await?;
    let (owner, other): (UserId, UserId) = (UserId::from_bits(1), UserId::from_bits(2));
    let flows: Vec<_> = (0..20).map(|number| flow(owner, &format!("Flow {number}"), number)).collect();
    let mut unit = Unit::new();
    for one in &flows {
        unit.push(Change::PutFlow(one.clone()));
    }
    store.commit(std::mem::take(&mut unit), Lane::Work).await?;
    for number in 0..count {
        // Flow 0 has most runs; what is rare is very rare; the others belong to somebody else.
        let of = &flows[if number % 10 < 8 { 0 } else { usize::try_from(number % 20)? }];
        let status = match number % 1_000 {
            0 => RunStatus::TimedOut,
            1..=50 => RunStatus::Failed,
            _ => RunStatus::Succeeded,
        };
        let whose = if number % 4 == 3 { other } else { owner };
        let mut one = if number % 20_000 == 16 { run(whose, of.id, 0) } else { ended(whose, of.id, 0, status) };
        if number % 5_000 == 2 {
            one.kind = RunKind::CreateWebhook;
        }
        one.id = made(number);
        if status == RunStatus::Failed {
            let message = "the service answered 500".to_owned();
            one.error = Some(RunError { code: "ServerError".to_owned(), message, hint: None });
        }
        unit.push(Change::StartRun(one, Vec::new()));
        if unit.changes.len() >= 5_000 {
            store.commit(std::mem::take(&mut unit), Lane::Work).await?;
        }
    }
    store.commit(unit, Lane::Work).await?;
    cluster.run(&database, "ANALYZE")?;
    let all = RunFilter::of(owner);
    let middle = Timestamp::from_millis(BEGIN_MS + i64::try_from(count / 2)?);
    let mut filters = vec![
        all.clone(),
        RunFilter { flow: Some(flows[0].id), ..all.clone() },
        RunFilter { flow: Some(flows[19].id), ..all.clone() },
        RunFilter { flow: Some(FlowId::from_bits(9)), ..all.clone() },
        RunFilter { kind: Some(RunKind::CreateWebhook), ..all.clone() },
        RunFilter { kind: Some(RunKind::CreateWebhook), flow: Some(flows[0].id), ..all.clone() },
        RunFilter { from: Some(middle), ..all.clone() },
        RunFilter { to: Some(middle), flow: Some(flows[0].id), ..all.clone() },
        RunFilter { q: Some("nowhere to be found".to_owned()), ..all.clone() },
        RunFilter { owner: UserId::from_bits(3), ..all.clone() },
        RunFilter { statuses: vec![RunStatus::Failed, RunStatus::TimedOut, RunStatus::Running], ..all.clone() },
    ];
    for status in RunStatus::ALL {
        filters.push(RunFilter { statuses: vec![*status], to: Some(middle), ..all.clone() });
    }
    let mut slowest = (Duration::ZERO, String::new());
    for filter in &filters {
        for list in [List::first(50), List::after(50, made::<RunId>(count / 2))] {
            let begun = Instant::now();
            let page = store.runs(filter, list).await?;
            if begun.elapsed() > slowest.0 {
                slowest = (begun.elapsed(), format!("{list:?} of {filter:?}, {} rows", page.items.len()));
            }
        }
    }
    let ids: Vec<FlowId> = flows.iter().map(|flow| flow.id).collect();
    store.flow_stats(&ids).await?;
    // Many times the promise, since this machine may be busy and the code is not optimised here.
    assert!(slowest.0 < Duration::from_secs(2), "{slowest:?}");
    Ok(())
}

/// Units that wait are committed together: far fewer transactions than units.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn units_share_transactions() -> Told {
    let folder = tempfile::tempdir()?;
    let Some(cluster) = cluster(folder.path())? else { return Ok(()) };
    let database = cluster.database()?;
    let store = Arc::new(open(&cluster.address(&database)).await?);
    let flow = FlowId::from_bits(7);
    let begun = Instant::now();
    let tasks: Vec<_> = (0..2_000)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(
                async move { store.commit(Change::AddEvent(event(flow, number), None).into(), Lane::Intake).await },
            )
        })
        .collect();
    let mut positions = Vec::new();
    for task in tasks {
        positions.push(task.await??.accepted);
    }
    let took = begun.elapsed();
    positions.sort_unstable();
    positions.dedup();
    assert_eq!(positions.len(), 2_000);
    let transactions: u32 = cluster.run(&database, "SELECT sum(batch) FROM hookmill.node")?.parse()?;
    assert!(transactions < 200, "2000 units in {transactions} transactions, {took:?}");
    Ok(())
}
