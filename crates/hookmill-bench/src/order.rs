//! Events of a flow whose runs go one after the other, as many as are wanted: each has its run, in the order in which the
//! events were accepted.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;
use serde_json::json;

use crate::job::{Job, notification};
use crate::load::{self, Request};
use crate::process;
use crate::sink::Sink;
use crate::subject::Subject;

/// A run is stuck when nothing has arrived for so long.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// What to measure.
#[derive(Args, Debug)]
pub struct OrderOptions {
    /// How many events.
    #[arg(long, default_value_t = 100_000)]
    events: u64,
}

/// Sends the events over one connection, and looks at what arrives.
///
/// # Errors
/// A run is stuck, or one overtook another.
pub async fn measure(binary: &Path, options: &OrderOptions) -> Result<()> {
    let sink = Sink::start().await?;
    let folder = tempfile::tempdir()?;
    let mut definition = Job::Answered.definition(&sink.url);
    definition["triggers"]["manual"]["runtimeConfiguration"] = json!({"concurrency": {"runs": 1}});
    let subject = Subject::start(binary, folder.path(), definition).await?;
    let request = Request::new(subject.address, &subject.path, notification().to_string().as_bytes());
    let begun = Instant::now();
    let (address, count) = (subject.address, options.events);
    let load = tokio::spawn(async move { load::count(address, &request, 1, count).await });
    let (mut seen, mut inversions, mut newest, mut heard) = (0_u64, 0_u64, None, Instant::now());
    while seen < count {
        let arrived = sink.take();
        if !arrived.is_empty() {
            heard = Instant::now();
        }
        for (number, _) in arrived {
            seen += 1;
            inversions += u64::from(newest.is_some_and(|newest| number < newest));
            newest = newest.max(Some(number));
        }
        if load.is_finished() && heard.elapsed() > SILENCE_MAX {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    load.await??;
    let memory = subject.process().and_then(process::memory_mib).map_or(0.0, |(_, most)| most);
    let took = begun.elapsed();
    let stuck = count - seen;
    println!(
        "{count} events with `runs: 1` in {:.0} s: {stuck} stuck, {inversions} inversions, {memory:.0} MiB at most",
        took.as_secs_f64()
    );
    subject.stop().await?;
    ensure!(stuck == 0 && inversions == 0, "the order did not hold");
    Ok(())
}
