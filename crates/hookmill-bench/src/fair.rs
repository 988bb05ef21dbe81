//! A healthy flow beside one whose service takes every call and never answers.
//!
//! Beside a flow that calls itself it is measured in the same way.
//!
//! For each number of waiting runs a fresh server gets that many notifications for the dead service first. Then the
//! healthy flow is measured: completed runs a second under load, and the time to its service at a quiet rate.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::job::{Job, notification};
use crate::load::{self, Request, quantile};
use crate::process;
use crate::sink::Sink;
use crate::starts;
use crate::subject::Subject;

/// The healthy flow keeps at least this share of the throughput that it has alone.
const RATE_LEAST: f64 = 0.9;
/// Its slow runs take at most this many times as long as alone.
const P99_MOST: f64 = 2.0;
/// What is left of the healthy flow's own runs after the load may take this long.
const DRAIN_MAX: Duration = Duration::from_secs(60);
/// A flow that calls itself is called so often from outside.
const CHAIN_EVERY: Duration = Duration::from_millis(50);

/// What to measure.
#[derive(Args, Debug)]
pub struct FairOptions {
    /// Runs that wait for the dead service; the first is what the others are compared with.
    #[arg(long, value_delimiter = ',', default_values_t = [0_u64, 5_000, 100_000])]
    waiting: Vec<u64>,
    /// Whether it is measured beside a flow that calls itself, too; that is a figure, not a condition.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    itself: bool,
    /// Seconds of load in each measurement.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Connections of the load.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Notifications a second when latency is measured.
    #[arg(long, default_value_t = 50)]
    rate: u32,
}

/// What the healthy flow is measured beside.
#[derive(Clone, Copy)]
enum Beside {
    Dead(u64),
    Itself,
}

struct Figures {
    rate: f64,
    p50: f64,
    p99: f64,
    memory: f64,
}

/// Measures each number of waiting runs.
///
/// # Errors
/// The healthy flow does not keep its throughput or latency.
pub async fn measure(binary: &Path, options: &FairOptions) -> Result<()> {
    println!("| beside | healthy flow, runs/s | p50, ms | p99, ms | memory at most, MiB |");
    println!("|---|---|---|---|---|");
    let mut alone: Option<Figures> = None;
    let (mut told, mut broken) = (Vec::new(), Vec::new());
    let mut cases: Vec<Beside> = options.waiting.iter().map(|waiting| Beside::Dead(*waiting)).collect();
    cases.extend(options.itself.then_some(Beside::Itself));
    for beside in cases {
        let figures = measured(binary, options, beside).await?;
        let name = match beside {
            Beside::Dead(waiting) => format!("{waiting} runs that wait for a dead service"),
            Beside::Itself => "a flow that calls itself".to_owned(),
        };
        println!("| {name} | {:.0} | {:.1} | {:.1} | {:.0} |", figures.rate, figures.p50, figures.p99, figures.memory);
        match &alone {
            None => alone = Some(figures),
            Some(alone) => {
                // A flow that calls itself computes all the time, so it has its share of the throughput.
                if matches!(beside, Beside::Dead(_)) && figures.rate < alone.rate * RATE_LEAST {
                    broken.push(format!("{name} leave {:.2} of the throughput", figures.rate / alone.rate));
                }
                let times = figures.p99 / alone.p99;
                told.push(format!("{name}: p99 {times:.1} times that of the first line"));
                if matches!(beside, Beside::Dead(_)) && times > P99_MOST {
                    broken.push(format!("{name} make p99 {times:.1} times as long"));
                }
            }
        }
    }
    told.iter().for_each(|line| println!("{line}"));
    ensure!(broken.is_empty(), "{}", broken.join("; "));
    Ok(())
}

async fn measured(binary: &Path, options: &FairOptions, beside: Beside) -> Result<Figures> {
    let (sink, mute) = (Sink::start().await?, Sink::start().await?);
    let folder = tempfile::tempdir()?;
    let subject = Subject::start(binary, folder.path(), Job::Answered.definition(&sink.url)).await?;
    let process = subject.process().context("the server has ended")?;
    let body = notification().to_string();
    let mut calls = None;
    if matches!(beside, Beside::Itself) {
        let (path, own) = starts::calling_itself(&subject).await?;
        let (address, request) = (subject.address, Request::new(subject.address, &path, own.as_bytes()));
        // Chains end where too many runs have called each other, so new ones are begun all the time.
        calls = Some(tokio::spawn(async move {
            while load::once(address, &request).await.is_ok() {
                tokio::time::sleep(CHAIN_EVERY).await;
            }
        }));
    }
    if let Beside::Dead(waiting @ 1..) = beside {
        // A service of its own: flows that call one service share its places.
        let dead = subject.create("dead", &Job::Answered.definition_calling(&format!("{}/silent", mute.url))).await?;
        let request = Request::new(subject.address, &dead, body.as_bytes());
        load::count(subject.address, &request, options.connections, waiting).await?;
    }
    let request = Request::new(subject.address, &subject.path, body.as_bytes());
    let span = Duration::from_secs(options.seconds);
    let quiet = load::open(subject.address, &request, options.rate, options.connections, span).await?;
    let arrived = arrivals(&sink, quiet.accepted).await?;
    let mut times = Vec::with_capacity(quiet.sent.len());
    for (number, due) in &quiet.sent {
        let at = arrived.get(number).with_context(|| format!("the text of notification {number} never arrived"))?;
        times.push(u64::try_from(at.saturating_duration_since(*due).as_micros())?);
    }
    times.sort_unstable();
    let begun = Instant::now();
    let seen = load::closed(subject.address, &request, options.connections, span).await?;
    arrivals(&sink, seen.accepted).await?;
    #[allow(clippy::cast_precision_loss)]
    let rate = seen.accepted as f64 / begun.elapsed().as_secs_f64();
    let memory = process::memory_mib(process).map_or(0.0, |(_, most)| most);
    if let Some(calls) = calls {
        calls.abort();
    }
    subject.stop().await?;
    Ok(Figures { rate, p50: quantile(&times, 0.5), p99: quantile(&times, 0.99), memory })
}

/// What arrived at the service, once `count` texts did.
async fn arrivals(sink: &Sink, count: u64) -> Result<BTreeMap<u64, Instant>> {
    let waited = Instant::now();
    let mut arrived = BTreeMap::new();
    loop {
        arrived.extend(sink.take());
        if u64::try_from(arrived.len())? >= count {
            return Ok(arrived);
        }
        ensure!(
            waited.elapsed() < DRAIN_MAX,
            "{} of {count} runs of the healthy flow called their service within {DRAIN_MAX:?}",
            arrived.len()
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
