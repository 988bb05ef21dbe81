//! The power fails: of what was written but not confirmed, any part may be missing. What is left must be a beginning of
//! what was committed, whole units only, and never less than what was confirmed before the cut.

use std::path::Path;

use hookmill_model::{EventId, FlowId, RunStatus, UserId};
use hookmill_store::story::world::{ended, event, id};
use hookmill_store::{Change, Events, Lane, List, RunFilter, Runs, Store, Unit};

use crate::{Told, open};

const LOG: &str = "hookmill.db-wal";
const FILE: &str = "hookmill.db";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_cut_off_leaves_whole_units() -> Told {
    let folder = tempfile::tempdir()?;
    let (owner, flow): (UserId, FlowId) = (id(0), id(0));
    let live = folder.path().join("live");
    let store = open(&live)?;
    store.ping().await?;
    // As long as somebody reads this moment, nothing later is copied from the log into the file.
    let reader = rusqlite::Connection::open(live.join(FILE))?;
    // The log begins empty: what was copied from it into the file is on disk, so no cut takes it away.
    reader.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    reader.execute_batch("BEGIN; SELECT beats FROM pulse")?;
    let mut order: Vec<EventId> = Vec::new();
    let mut confirmed: Vec<(u64, usize)> = Vec::new();
    for second in 0..60 {
        let mut one = event(flow, second);
        one.body =
            (0..3_000_u32).map(|index| (index.wrapping_mul(2_654_435_761 + second as u32) >> 13) as u8).collect();
        let mut run = ended(owner, flow, second, RunStatus::Succeeded);
        run.event = Some(one.id);
        order.push(one.id);
        let unit = Unit::new()
            .with(Change::AddEvent(one.clone(), None))
            .with(Change::ConsumeEvent(one.id))
            .with(Change::StartRun(run, vec![b"started".to_vec(), vec![7; 5_000]]));
        store.commit(unit, Lane::Work).await?;
        confirmed.push((std::fs::metadata(live.join(LOG))?.len(), order.len()));
    }
    let log = std::fs::read(live.join(LOG))?;
    let file = std::fs::read(live.join(FILE))?;
    drop(reader);
    store.close().await;

    let mut seed = 7_u64;
    let mut fewest = usize::MAX;
    for cut in 0..60 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let length = usize::try_from(seed >> 33)? % (log.len() + 1);
        let mut left = log[..length].to_vec();
        if cut % 2 == 1 {
            // The size of the file reached the disk, the last sectors did not.
            left.resize(log.len(), 0);
        }
        let data = folder.path().join(cut.to_string());
        std::fs::create_dir(&data)?;
        std::fs::write(data.join(FILE), &file)?;
        std::fs::write(data.join(LOG), &left)?;
        let kept = check(&data, owner, &order).await?;
        // Everything whose last byte in the log is before the cut was confirmed, and is there.
        if cut % 2 == 0 {
            let promised = confirmed.iter().filter(|(end, _)| *end <= length as u64).map(|(_, count)| *count).max();
            assert!(kept >= promised.unwrap_or(0), "{kept} of {promised:?} units after a cut at {length}");
        }
        fewest = fewest.min(kept);
        std::fs::remove_dir_all(&data)?;
    }
    assert!(fewest < order.len(), "no cut took anything");
    Ok(())
}

/// How many units are there.
async fn check(data: &Path, owner: UserId, order: &[EventId]) -> Result<usize, hookmill_store::story::Problem> {
    let store = open(data)?;
    assert_eq!(store.examine().await?, Vec::<String>::new());
    let runs = store.runs(&RunFilter::of(owner), List::first(999)).await?.items;
    let kept = runs.len();
    for (place, id) in order.iter().enumerate() {
        assert_eq!(store.event(*id).await?.is_some(), place < kept, "unit {place} of {kept}");
    }
    for one in runs {
        assert_eq!(store.run_facts(one.run.id, 0).await?.len(), 2);
    }
    assert_eq!(store.pending_counts().await?, []);
    // It goes on where it stopped.
    store.commit(Change::AddEvent(event(id(0), 0), None).into(), Lane::Intake).await?;
    Ok(kept)
}
