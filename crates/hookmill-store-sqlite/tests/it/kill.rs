//! Killed at a random moment, again and again: everything that was answered is there, nothing is there by half.
//!
//! The test starts itself as a child that commits as fast as it can and prints each answer; then the child is killed.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hookmill_model::{EventId, FlowId, Id, RunId, RunStatus, Timestamp, UserId};
use hookmill_store::story::world::{ended, event};
use hookmill_store::{Change, Events, Lane, List, RunFilter, Runs, Store, Unit};

use crate::{Told, open};

const FOLDER: &str = "HOOKMILL_TEST_KILL_FOLDER";
const ROUND: &str = "HOOKMILL_TEST_KILL_ROUND";
const ROUNDS: u64 = 12;

/// The child. Without its folder in the environment it has nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_one_that_is_killed() -> Told {
    let Ok(folder) = std::env::var(FOLDER) else { return Ok(()) };
    let round: u64 = std::env::var(ROUND)?.parse()?;
    let store = Arc::new(open(Path::new(&folder))?);
    println!("open");
    let writers: Vec<_> = (0..16_u64).map(|lane| tokio::spawn(write(Arc::clone(&store), round * 16 + lane))).collect();
    for writer in writers {
        writer.await??;
    }
    Ok(())
}

fn made<I: Id>(writer: u64, number: u64) -> I {
    let mut random = [0; 10];
    random[..2].copy_from_slice(&u16::try_from(writer).unwrap_or(0).to_be_bytes());
    random[2..].copy_from_slice(&number.to_be_bytes());
    I::make(Timestamp::from_millis(1_750_000_000_000 + i64::try_from(number).unwrap_or(0)), random)
}

async fn write(store: Arc<hookmill_store_sqlite::SqliteStore>, writer: u64) -> Told {
    let (owner, flow): (UserId, FlowId) = (UserId::from_bits(1), FlowId::from_bits(1));
    for number in 0.. {
        let mut one = event(flow, 0);
        one.id = made(writer, number);
        one.body = format!("{{\"number\":{number},\"text\":\"{}\"}}", "push ".repeat(200)).into();
        store.commit(Change::AddEvent(one.clone(), None).into(), Lane::Intake).await?;
        writeln!(std::io::stdout(), "event {}", one.id)?;
        if number % 3 == 0 {
            continue;
        }
        let mut run = ended(owner, flow, 0, RunStatus::Succeeded);
        (run.id, run.event) = (made(writer, number), Some(one.id));
        let facts = vec![b"started".to_vec(), vec![b'x'; 900], b"ended".to_vec()];
        let unit = Unit::new().with(Change::ConsumeEvent(one.id)).with(Change::StartRun(run.clone(), facts));
        store.commit(unit, Lane::Work).await?;
        writeln!(std::io::stdout(), "run {}", run.id)?;
    }
    Ok(())
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may be dead already, which is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_answered_is_lost() -> Told {
    let folder = tempfile::tempdir()?;
    let mut events: BTreeSet<EventId> = BTreeSet::new();
    let mut runs: BTreeSet<RunId> = BTreeSet::new();
    for round in 0..ROUNDS {
        let child = Command::new(std::env::current_exe()?)
            .args(["kill::the_one_that_is_killed", "--exact", "--nocapture"])
            .env(FOLDER, folder.path())
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()?;
        let mut child = Killed(child);
        let output = child.0.stdout.take().ok_or("the child has no output")?;
        let pid = child.0.id();
        let (opened, is_open) = tokio::sync::oneshot::channel();
        let reading = std::thread::spawn(move || {
            let mut opened = Some(opened);
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            let lines = lines.inspect(|line| {
                if line.ends_with("open") {
                    opened.take().map(|opened| opened.send(()));
                }
            });
            lines.collect::<Vec<String>>()
        });
        // A busy machine may take its time to start the child.
        let _ = tokio::time::timeout(Duration::from_secs(30), is_open).await;
        // The moments differ from round to round: soon after the start, and amid checkpoints.
        tokio::time::sleep(Duration::from_millis(20 + round * 67 % 400)).await;
        child.0.kill()?;
        child.0.wait()?;
        let lines = reading.join().map_err(|_| "the reader of the child's answers failed")?;
        assert!(lines.iter().any(|line| line.ends_with("open")), "child {pid} did not start: {lines:?}");
        for line in &lines {
            match line.split_once(' ') {
                Some(("event", id)) => drop(events.insert(id.parse()?)),
                Some(("run", id)) => drop(runs.insert(id.parse()?)),
                _ => {}
            }
        }
        let begun = Instant::now();
        let store = open(folder.path())?;
        let opened = begun.elapsed();
        check(&store, &events, &runs).await?;
        assert_eq!(store.examine().await?, Vec::<String>::new());
        println!("round {round}: {} events, {} runs answered so far, opened in {opened:?}", events.len(), runs.len());
    }
    assert!(runs.len() > 100, "only {} runs were answered", runs.len());
    Ok(())
}

async fn check(store: &hookmill_store_sqlite::SqliteStore, events: &BTreeSet<EventId>, runs: &BTreeSet<RunId>) -> Told {
    let mut stored = BTreeSet::new();
    let mut taken = BTreeSet::new();
    let mut list = List::first(1_000);
    loop {
        let page = store.runs(&RunFilter::of(UserId::from_bits(1)), list).await?;
        for one in page.items {
            let facts = store.run_facts(one.run.id, 0).await?;
            assert_eq!((one.run.facts, facts.len()), (3, 3), "{} has only a part of its facts", one.run.id);
            taken.extend(one.run.event);
            stored.insert(one.run.id);
        }
        match page.next {
            Some(next) => list = List::after(1_000, next),
            None => break,
        }
    }
    assert!(stored.is_superset(runs), "answered runs are lost");
    assert_eq!(store.runs_ended().await?, stored.len() as u64);
    let mut pending = BTreeSet::new();
    for (flow, _) in store.pending_counts().await? {
        let mut after = None;
        loop {
            let some = store.pending_events(flow, after, 1_000).await?;
            let Some(last) = some.last() else { break };
            after = Some(last.position);
            pending.extend(some.into_iter().map(|one| one.event.id));
        }
    }
    // An event waits or has its run: never both, never neither.
    assert!(pending.is_disjoint(&taken));
    let lost: Vec<_> = events.iter().filter(|id| !pending.contains(id) && !taken.contains(id)).collect();
    assert!(lost.is_empty(), "answered events are lost: {lost:?}");
    Ok(())
}
