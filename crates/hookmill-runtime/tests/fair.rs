//! A service that does not answer slows only the flows that use it; limits of concurrency are exact.
#![allow(clippy::unwrap_used)] // Tests may stop at once.

mod world;

use std::time::{Duration, Instant};

use hookmill_model::RunStatus;
use hookmill_runtime::{PlacesMax, RuntimeConfig};
use hookmill_store::{List, RunFilter, Runs as _};
use tokio::net::TcpListener;
use world::{create, eventually, invoke, post, world_with};

/// A service that accepts connections and never answers.
async fn mute() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((socket, _)) = listener.accept().await {
            held.push(socket);
        }
    });
    address
}

fn call(address: &str, retry: &str) -> String {
    format!(
        r#"{{"Call":{{"type":"Http","inputs":{{"method":"POST","uri":"http://{address}/x","retryPolicy":{retry}}}}}}}"#
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mute_service_leaves_a_healthy_flow_its_throughput() {
    let (good, _) = world::service(false, false).await;
    let dead = mute().await;
    let places = PlacesMax { all: 8, per_service: 4 };
    let config = RuntimeConfig { active_runs_max: 64, places, ..RuntimeConfig::default() };
    let world = world_with(&good, config).await;
    let (_, stuck) = create(&world, r#"{"type":"Request"}"#, &call(&dead, r#"{"type":"none"}"#)).await;
    let (healthy, url) = create(&world, r#"{"type":"Request"}"#, &call(&good, r#"{"type":"none"}"#)).await;
    for n in 0..2_000 {
        invoke(&world.runtime, stuck.as_deref().unwrap(), post(&n.to_string())).await.unwrap();
    }
    let begun = Instant::now();
    for n in 0..100 {
        invoke(&world.runtime, url.as_deref().unwrap(), post(&n.to_string())).await.unwrap();
    }
    eventually(async || {
        let stats = hookmill_store::Flows::flow_stats(&*world.store, &[healthy]).await.unwrap();
        stats[0].ended.iter().any(|(status, count)| *status == RunStatus::Succeeded && *count == 100)
    })
    .await;
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert!(world.runtime.runs_in_memory() <= 64, "{} runs are in memory", world.runtime.runs_in_memory());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_of_a_counted_trigger_begin_in_order_and_none_is_forgotten() {
    let (good, _) = world::service(false, false).await;
    let world = world_with(&good, RuntimeConfig::default()).await;
    let trigger = r#"{"type":"Request","runtimeConfiguration":{"concurrency":{"runs":1,"maximumWaitingRuns":100}}}"#;
    let (flow, url) = create(&world, trigger, r#"{"Wait":{"type":"Compose","inputs":"@triggerBody()"}}"#).await;
    // The long form has 100,000.
    let events = std::env::var("HOOKMILL_COUNTED_EVENTS").ok().and_then(|count| count.parse().ok()).unwrap_or(400);
    let mut accepted = 0;
    for n in 0..events {
        while invoke(&world.runtime, url.as_deref().unwrap(), post(&n.to_string())).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        accepted += 1;
    }
    eventually(async || {
        let open = world.store.active_runs(None, 10).await.unwrap();
        let pending = hookmill_store::Events::pending_counts(&*world.store).await.unwrap();
        open.is_empty() && pending.is_empty()
    })
    .await;
    // All of them, page by page, newest first.
    let filter = RunFilter { flow: Some(flow), ..RunFilter::of(world.owner) };
    let (mut seen, mut after, mut later) = (0, None, None);
    loop {
        let page = world.store.runs(&filter, List { after, limit: 500 }).await.unwrap();
        for listed in page.items {
            assert_eq!(listed.run.status, RunStatus::Succeeded, "{:?}", listed.run);
            let started = listed.run.started_at;
            assert!(later.is_none_or(|later| started <= later), "a run overtook another");
            later = Some(started);
            seen += 1;
        }
        let Some(next) = page.next else { break };
        after = Some(next);
    }
    assert_eq!((accepted, seen), (events, events), "a run stays for ever, or was lost");
}
