//! Starts after starts that ended before all runs were taken up.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once.

mod world;

use std::sync::Arc;

use hookmill_model::RunStatus;
use hookmill_store::{Accounts as _, Change, Events as _, Lane, Store as _, Unit};
use world::{create, eventually, flow_runs, invoke, post, start, world};

const WAIT: &str = r#"{"W":{"type":"Wait","inputs":{"interval":{"count":1,"unit":"Minute"}}}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_marked_three_times_is_set_aside_and_the_others_go_on() {
    let world = world("127.0.0.1:1").await;
    let (_, url) = create(&world, r#"{"type":"Request","kind":"Http"}"#, WAIT).await;
    for n in 0..3 {
        invoke(&world.runtime, url.as_deref().unwrap(), post(&n.to_string())).await.unwrap();
    }
    eventually(async || flow_runs(&world).await.len() == 3).await;
    let poison = flow_runs(&world).await[0].id;
    // This process counts nothing any more.
    world.runtime.begin_to_stop();
    // Two processes ended while they took this run up, and so did the one that is followed now.
    let starts = format!(r#"{{"unfinished":2,"marked":"{poison}","tries":{{"{poison}":2}}}}"#);
    let unit = Unit::from(Change::PutSetting("starts".to_owned(), starts.into_bytes().into()));
    world.store.commit(unit, Lane::Work).await.unwrap();
    let runtime = start(&Arc::clone(&world.store), &world.vault).await;
    eventually(async || flow_runs(&world).await[0].status == RunStatus::Faulted).await;
    let runs = flow_runs(&world).await;
    assert!(runs[0].error.as_ref().unwrap().message.contains("3 times"), "{runs:?}");
    assert!(runs[1..].iter().all(|run| run.status == RunStatus::Running));
    eventually(async || !runtime.is_careful() && runtime.runs_in_memory() == 2).await;
    // New work goes on, and the count ends.
    invoke(&runtime, url.as_deref().unwrap(), post("4")).await.unwrap();
    eventually(async || flow_runs(&world).await.len() == 4).await;
    eventually(async || world.store.setting("starts").await.unwrap().is_none_or(|left| left.is_empty())).await;
}

/// An event whose runs end the process as they begin is set aside like a run that does.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_was_marked_three_times_is_set_aside_and_the_others_begin() {
    let world = world("127.0.0.1:1").await;
    let (flow, _) = create(&world, r#"{"type":"Request","kind":"Http"}"#, WAIT).await;
    world.runtime.begin_to_stop();
    let mut events = Vec::new();
    for _ in 0..40 {
        let event = hookmill_store::Event {
            id: world.runtime.new_id(),
            flow,
            subscription: None,
            received_at: world.runtime.now(),
            summary: "POST".to_owned(),
            head: b"{}".to_vec().into(),
            body: b"{}".to_vec().into(),
        };
        events.push(event.id);
        world.store.commit(Unit::from(Change::AddEvent(event, None)), Lane::Intake).await.unwrap();
    }
    // The last two processes ended while several were marked; the one before while this one was marked alone.
    let (poison, other) = (events[7], events[8]);
    let starts = format!(
        r#"{{"unfinished":2,"marked_events":["{poison}","{other}"],"event_tries":{{"{poison}":2,"{other}":1}}}}"#
    );
    let unit = Unit::from(Change::PutSetting("starts".to_owned(), starts.into_bytes().into()));
    world.store.commit(unit, Lane::Work).await.unwrap();
    let runtime = start(&Arc::clone(&world.store), &world.vault).await;
    eventually(async || !runtime.is_careful() && flow_runs(&world).await.len() == 40).await;
    let runs = flow_runs(&world).await;
    let (faulted, going): (Vec<_>, Vec<_>) = runs.iter().partition(|run| run.status == RunStatus::Faulted);
    assert_eq!((faulted.len(), faulted[0].event), (1, Some(poison)));
    assert!(faulted[0].error.as_ref().unwrap().message.contains("3 times"), "{faulted:?}");
    assert!(going.iter().all(|run| run.status == RunStatus::Running), "each began once");
    assert!(world.store.pending_counts().await.unwrap().is_empty());
}
