//! How much the store takes. Prints figures; asserts only what holds on any machine.
//!
//! Run with more events: `HOOKMILL_TEST_LOAD=200000 cargo test --release -p hookmill-store-sqlite load -- --nocapture`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use hookmill_model::{FlowId, Id, RunId, RunStatus, Timestamp, UserId};
use hookmill_store::story::world::{ended, event};
use hookmill_store::{Change, Events, Lane, Runs, Store, Unit};

use crate::{Told, open};

const WRITERS: u64 = 128;

fn made<I: Id>(number: u64) -> I {
    // Random enough, as the real ones are within their millisecond.
    let noise = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
    let mut random = [0; 10];
    random[..8].copy_from_slice(&noise);
    I::make(Timestamp::from_millis(1_750_000_000_000 + i64::try_from(number / 10).unwrap_or(0)), random)
}

/// A body of about 7.7 KB that compresses like a push: names repeat, hashes do not.
fn body(number: u64) -> Bytes {
    let mut text = String::with_capacity(8_000);
    let mut seed = number + 1;
    while text.len() < 7_700 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str("{\"url\":\"https://api.example.com/repos/octo/demo/git/commits\",\"node_id\":\"");
        text.push_str(&format!("{seed:016x}"));
        text.push_str("\",\"name\":\"octo\",\"private\":false,\"description\":null},");
    }
    text.into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn load_is_taken_in_groups() -> Told {
    let count: u64 = std::env::var("HOOKMILL_TEST_LOAD").ok().and_then(|text| text.parse().ok()).unwrap_or(4_000);
    let folder = tempfile::tempdir()?;
    let store = Arc::new(open(folder.path())?);
    let bodies: Arc<Vec<Bytes>> = Arc::new((0..64).map(body).collect());
    let (owner, flow): (UserId, FlowId) = (UserId::from_bits(1), FlowId::from_bits(1));

    let next = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let (store, next, bodies) = (Arc::clone(&store), Arc::clone(&next), Arc::clone(&bodies));
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return Ok::<_, hookmill_store::StoreError>(());
                    }
                    let mut one = event(flow, 0);
                    one.id = made(number);
                    one.body = bodies[number as usize % bodies.len()].clone();
                    store.commit(Change::AddEvent(one, None).into(), Lane::Intake).await?;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await??;
    }
    let elapsed = begun.elapsed();
    println!("{count} events of 7.7 KB in {elapsed:?}: {:.0} a second", count as f64 / elapsed.as_secs_f64());

    let next = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let (store, next) = (Arc::clone(&store), Arc::clone(&next));
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return Ok::<_, hookmill_store::StoreError>(());
                    }
                    let mut run = ended(owner, flow, 0, RunStatus::Succeeded);
                    (run.id, run.event) = (made::<RunId>(number), Some(made(number)));
                    let fact = |index: u8| {
                        format!(
                            "{{\"fact\":\"action_ended\",\"index\":{index},\"outputs\":{{\"body\":\"{}\"}}}}",
                            "text ".repeat(20)
                        )
                        .into_bytes()
                    };
                    let facts = (0..7).map(fact).collect();
                    let unit = Unit::new().with(Change::ConsumeEvent(made(number))).with(Change::StartRun(run, facts));
                    store.commit(unit, Lane::Work).await?;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await??;
    }
    let elapsed = begun.elapsed();
    println!("{count} runs in one unit each in {elapsed:?}: {:.0} a second", count as f64 / elapsed.as_secs_f64());
    assert_eq!(store.runs_ended().await?, count);
    let log = std::fs::metadata(folder.path().join("hookmill.db-wal"))?.len();
    println!(
        "the log has {} KiB, the database {} KiB",
        log / 1_024,
        std::fs::metadata(folder.path().join("hookmill.db"))?.len() / 1_024
    );
    assert!(log < 64 * 1_024 * 1_024, "the log grew to {log} bytes");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_the_queue_intake_is_refused_and_work_waits() -> Told {
    let folder = tempfile::tempdir()?;
    let store = Arc::new(open(folder.path())?);
    let flow = FlowId::from_bits(1);
    let attempts: u64 = 12_000;
    let mut waiting = Vec::new();
    // No writer keeps up with this loop, since it does not wait for any answer.
    for number in 0..attempts {
        let mut one = event(flow, 0);
        one.id = made(number);
        let store = Arc::clone(&store);
        waiting.push(tokio::spawn(async move { store.commit(Change::AddEvent(one, None).into(), Lane::Intake).await }));
    }
    for number in 0..6_000 {
        let name = format!("work {number}");
        let store = Arc::clone(&store);
        waiting.push(tokio::spawn(async move {
            store.commit(Change::PutSetting(name, Bytes::new()).into(), Lane::Work).await
        }));
    }
    let (mut stored, mut refused) = (0_u64, 0_u64);
    for (place, one) in waiting.into_iter().enumerate() {
        match one.await? {
            Ok(_) => stored += 1,
            Err(hookmill_store::StoreError::Overloaded { retry_after_s }) if (place as u64) < attempts => {
                assert!((1..=60).contains(&retry_after_s));
                refused += 1;
            }
            Err(other) => return Err(other.into()),
        }
    }
    println!("{stored} stored, {refused} refused");
    let pending: u64 = store.pending_counts().await?.iter().map(|(_, count)| count).sum();
    assert_eq!(pending + 6_000, stored);
    Ok(())
}
