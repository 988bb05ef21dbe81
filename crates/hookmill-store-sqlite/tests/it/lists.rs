//! Lists stay fast however many runs there are.
//!
//! Run with more: `HOOKMILL_TEST_RUNS=5000000 cargo test --release -p hookmill-store-sqlite lists -- --nocapture`.

use std::time::{Duration, Instant};

use hookmill_model::{FlowId, Id, RunId, RunKind, RunStatus, Timestamp, UserId};
use hookmill_store::story::world::{ended, flow, run};
use hookmill_store::{Change, Flows, Lane, List, RunError, RunFilter, Runs, Store, Unit};

use crate::{Told, open};

const BEGIN_MS: i64 = 1_750_000_000_000;

fn made<I: Id>(number: u64) -> I {
    let noise = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
    let mut random = [0; 10];
    random[..8].copy_from_slice(&noise);
    I::make(Timestamp::from_millis(BEGIN_MS + i64::try_from(number).unwrap_or(0)), random)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_page_with_any_filter_is_fast() -> Told {
    let count: u64 = std::env::var("HOOKMILL_TEST_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(60_000);
    let folder = tempfile::tempdir()?;
    let store = open(folder.path())?;
    let (owner, other): (UserId, UserId) = (UserId::from_bits(1), UserId::from_bits(2));
    let flows: Vec<_> = (0..20).map(|number| flow(owner, &format!("Flow {number}"), number)).collect();
    let mut unit = Unit::new();
    for one in &flows {
        unit.push(Change::PutFlow(one.clone()));
    }
    let begun = Instant::now();
    for number in 0..count {
        // Flow 0 has most runs; what is rare is very rare; the others belong to somebody else.
        let of = &flows[if number % 10 < 8 { 0 } else { (number % 20) as usize }];
        let status = match number % 1_000 {
            0 => RunStatus::TimedOut,
            1..=50 => RunStatus::Failed,
            _ => RunStatus::Succeeded,
        };
        let whose = if number % 4 == 3 { other } else { owner };
        let mut one = ended(whose, of.id, 0, status);
        if number % 20_000 == 16 {
            one = run(whose, of.id, 0);
        }
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
    println!("{count} runs written in {:?}", begun.elapsed());

    let all = RunFilter::of(owner);
    let middle = Timestamp::from_millis(BEGIN_MS + i64::try_from(count / 2)?);
    let mut filters = vec![
        all.clone(),
        RunFilter { flow: Some(flows[0].id), ..all.clone() },
        RunFilter { flow: Some(flows[19].id), ..all.clone() },
        RunFilter { flow: Some(FlowId::from_bits(9)), ..all.clone() },
        RunFilter { kind: Some(RunKind::CreateWebhook), ..all.clone() },
        RunFilter { kind: Some(RunKind::CreateWebhook), flow: Some(flows[0].id), ..all.clone() },
        RunFilter { kind: Some(RunKind::DeleteWebhook), ..all.clone() },
        RunFilter { from: Some(middle), ..all.clone() },
        RunFilter { to: Some(middle), flow: Some(flows[0].id), ..all.clone() },
        RunFilter { q: Some("answered 500".to_owned()), ..all.clone() },
        RunFilter { q: Some("nowhere to be found".to_owned()), ..all.clone() },
        RunFilter { owner: UserId::from_bits(3), ..all.clone() },
        RunFilter { statuses: vec![RunStatus::Failed, RunStatus::TimedOut, RunStatus::Running], ..all.clone() },
        RunFilter { statuses: vec![RunStatus::Succeeded, RunStatus::Failed], ..all.clone() },
    ];
    for status in RunStatus::ALL {
        filters.push(RunFilter { statuses: vec![*status], ..all.clone() });
        filters.push(RunFilter { statuses: vec![*status], flow: Some(flows[0].id), ..all.clone() });
        filters.push(RunFilter { statuses: vec![*status], to: Some(middle), ..all.clone() });
    }
    let mut slowest = (Duration::ZERO, String::new());
    for filter in &filters {
        let mut list = List::first(50);
        for place in ["first", "second", "middle"] {
            let begun = Instant::now();
            let page = store.runs(filter, list).await?;
            let took = begun.elapsed();
            if took > slowest.0 {
                slowest = (took, format!("{place} page of {filter:?}, {} rows", page.items.len()));
            }
            list = match (place, page.next) {
                ("first", Some(next)) => List::after(50, next),
                _ => List::after(50, made::<RunId>(count / 2)),
            };
        }
    }
    println!("slowest of {} pages: {:?}, {}", filters.len() * 3, slowest.0, slowest.1);
    let ids: Vec<FlowId> = flows.iter().map(|flow| flow.id).collect();
    let begun = Instant::now();
    store.flow_stats(&ids).await?;
    store.active_runs(None, 1_000).await?;
    println!("stats of 20 flows and the active runs: {:?}", begun.elapsed());
    // Twenty times the promise, since this machine may be busy and the code is not optimised here.
    assert!(slowest.0 < Duration::from_secs(1), "{slowest:?}");
    Ok(())
}
