//! A trigger whose runs begin one after the other: none is left waiting, none overtakes. The long form is begun with
//! `HOOKMILL_GATE_EVENTS=100000`.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)] // Tests read their settings and stop at once.

mod world;

use std::time::Duration;

use hookmill_model::{RunKind, RunStatus, Timestamp};
use hookmill_runtime::{AcceptError, Clock, RuntimeConfig};
use hookmill_store::{Events as _, List, RunFilter, Runs as _};
use world::{create, eventually, invoke, post, world_with};

/// How many events come, unless something else is said.
const EVENTS: usize = 1_000;
const BEGIN: Timestamp = Timestamp::from_millis(1_774_738_800_000);

#[tokio::test(flavor = "multi_thread")]
async fn runs_that_begin_one_after_the_other_are_exact() {
    let count = std::env::var("HOOKMILL_GATE_EVENTS").map_or(EVENTS, |text| text.parse().unwrap());
    let clock = Clock::manual(BEGIN);
    let world = world_with("127.0.0.1:1", RuntimeConfig { clock: clock.clone(), ..RuntimeConfig::default() }).await;
    let trigger =
        r#"{"type":"Request","kind":"Http","runtimeConfiguration":{"concurrency":{"runs":1,"maximumWaitingRuns":50}}}"#;
    // Every third run ends with its first decision; the others hand over once time has passed.
    let actions = r#"{"Some":{"type":"If","expression":"@equals(mod(triggerBody()['n'],3),0)","actions":{},
        "else":{"actions":{"Wait":{"type":"Wait","inputs":{"interval":{"count":1,"unit":"Second"}}}}}}}"#;
    let (flow, url) = create(&world, trigger, actions).await;
    let url = url.unwrap();
    let time = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(1)).await;
            clock.set(clock.now().plus(Duration::from_secs(1)));
        }
    });
    let mut refused = 0;
    for n in 0..count {
        // As many wait as may: the sender comes again.
        while let Err(error) = invoke(&world.runtime, &url, post(&format!(r#"{{"n":{n}}}"#))).await {
            assert!(matches!(error, AcceptError::TooManyRuns { .. }), "{error}");
            refused += 1;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    let filter = RunFilter { flow: Some(flow), ..RunFilter::of(world.owner) };
    eventually(async || {
        let waits = world.store.pending_counts().await.unwrap();
        waits.is_empty() && world.store.active_runs(None, 1).await.unwrap().is_empty()
    })
    .await;
    time.abort();

    let mut runs = Vec::with_capacity(count);
    let mut next = List::first(500);
    loop {
        let page = world.store.runs(&filter, next).await.unwrap();
        runs.extend(page.items.into_iter().map(|listed| listed.run).filter(|run| run.kind == RunKind::Flow));
        let Some(after) = page.next else { break };
        next = List::after(500, after);
    }
    runs.sort_by_key(|run| run.id);
    assert_eq!(runs.len(), count, "each event has its run");
    assert!(runs.iter().all(|run| run.status == RunStatus::Succeeded));
    let inversions = runs.windows(2).filter(|two| two[0].ended_at.unwrap() > two[1].started_at).count();
    assert_eq!(inversions, 0, "of {count} runs so many began before the one before them had ended");
    println!("{count} runs one after the other, {refused} times refused, 0 left, 0 inversions");
}
