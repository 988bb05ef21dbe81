//! Hookmill beside the hand-written receiver: the same jobs, the same load, the same machine, in turn.
//!
//! A run counts when it has ended, so the time until the last accepted one has ended is part of the time. What is
//! compared is the ratio within one run of this program; figures of different machines or hours say little.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};

use crate::job::{Job, notification};
use crate::load::{self, Request, quantile};
use crate::process;
use crate::receiver::{Kind, Programs, Receiver};
use crate::sink::Sink;

/// How long the runs that were accepted may take to end after the load.
const DRAIN_MAX: Duration = Duration::from_secs(120);
/// How often it is asked whether they have ended.
const DRAIN_INTERVAL: Duration = Duration::from_millis(20);
/// A receiver that nobody calls settles for this long before its idle memory is read.
const SETTLING: Duration = Duration::from_secs(3);
/// Load before what is measured.
const WARM_UP: Duration = Duration::from_secs(1);
/// Connections of the load at a fixed rate: enough that a slow answer delays nobody.
const OPEN_CONNECTIONS: usize = 64;

/// What to compare.
#[derive(Args, Debug)]
pub struct CompareOptions {
    /// Rounds of each job and receiver.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds of load in each measurement.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Connections of the load.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Notifications a second when latency is measured.
    #[arg(long, default_value_t = 50)]
    rate: u32,
    /// Only these jobs.
    #[arg(long, value_enum, value_delimiter = ',')]
    jobs: Vec<Job>,
    /// Measures Node-RED too: the folder in which `npm install --prefix DIR node-red@4` put it.
    #[arg(long, value_name = "DIR")]
    node_red: Option<PathBuf>,
    /// Writes all figures there, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// Every value that one figure had over the rounds, by figure and receiver.
#[derive(Default)]
struct Figures(BTreeMap<(String, &'static str), Vec<f64>>);

impl Figures {
    fn note(&mut self, figure: impl Into<String>, kind: Kind, value: f64) {
        self.0.entry((figure.into(), kind.name())).or_default().push(value);
    }

    /// Smallest, median and largest value.
    fn spread(&self, figure: &str, kind: Kind) -> Option<(f64, f64, f64)> {
        let mut values = self.0.get(&(figure.to_owned(), kind.name()))?.clone();
        values.sort_by(f64::total_cmp);
        Some((*values.first()?, *values.get(values.len() / 2)?, *values.last()?))
    }

    fn json(&self) -> Value {
        let mut all = serde_json::Map::new();
        for ((figure, kind), values) in &self.0 {
            all.entry(figure.clone()).or_insert_with(|| json!({}))[*kind] = json!(values);
        }
        all.into()
    }
}

/// Measures, prints the table, and writes the figures where they are wanted.
pub async fn measure(binary: &Path, options: &CompareOptions) -> Result<()> {
    let jobs = if options.jobs.is_empty() { Job::ALL.to_vec() } else { options.jobs.clone() };
    let body = notification().to_string();
    println!(
        "notification of {} bytes · {} connections · {} s a measurement · {} rounds",
        body.len(),
        options.connections,
        options.seconds,
        options.rounds
    );
    let sink = Sink::start().await?;
    let programs = Programs { hookmill: binary.to_owned(), node_red: options.node_red.clone(), sink: sink.url.clone() };
    let mut kinds = vec![Kind::Ideal, Kind::Hookmill];
    kinds.extend(options.node_red.is_some().then_some(Kind::NodeRed));
    let mut figures = Figures::default();
    for round in 1..=options.rounds {
        for &job in &jobs {
            for &kind in &kinds {
                saturate(kind, job, &programs, &sink, options, body.as_bytes(), &mut figures).await?;
            }
        }
        for &kind in &kinds {
            latency(kind, &programs, &sink, options, body.as_bytes(), &mut figures).await?;
            start(kind, &programs, &sink, body.as_bytes(), &mut figures).await?;
        }
        println!("round {round} of {} is measured", options.rounds);
    }
    print_table(&figures, &jobs, &kinds, options);
    if let Some(file) = &options.json {
        std::fs::write(file, serde_json::to_vec_pretty(&figures.json())?)
            .with_context(|| format!("writing {}", file.display()))?;
    }
    Ok(())
}

/// As many notifications as the connections can post: completed runs, latency of the answer, CPU, memory.
async fn saturate(
    kind: Kind,
    job: Job,
    programs: &Programs,
    sink: &Sink,
    options: &CompareOptions,
    body: &[u8],
    figures: &mut Figures,
) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let receiver = Receiver::start(kind, job, programs, folder.path()).await?;
    let process = receiver.process()?;
    let name = job.name();
    if job == Job::Answered {
        tokio::time::sleep(SETTLING).await;
        if let Some((now, _)) = process::memory_mib(process) {
            figures.note("memory idle", kind, now);
        }
    }
    let request = Request::new(receiver.address, &receiver.path, body);
    let mut counter = Counter::new(&receiver, job, sink).await?;
    let cpu_before = process::cpu_time(process);
    let begun = Instant::now();
    let span = Duration::from_secs(options.seconds);
    let seen = load::closed(receiver.address, &request, options.connections, span).await?;
    let runs = counter.wait_for(&receiver, sink, seen.accepted).await?;
    let elapsed = begun.elapsed().as_secs_f64();
    #[allow(clippy::cast_precision_loss)]
    let runs = runs as f64;
    figures.note(format!("{name} runs/s"), kind, runs / elapsed);
    figures.note(format!("{name} accepted/s"), kind, seen.rate());
    figures.note(format!("{name} answer p50"), kind, quantile(&seen.latencies_us, 0.5));
    figures.note(format!("{name} answer p99"), kind, quantile(&seen.latencies_us, 0.99));
    if let (Some(before), Some(after)) = (cpu_before, process::cpu_time(process)) {
        figures.note(format!("{name} CPU"), kind, (after - before).as_secs_f64() * 1_000.0 / runs);
    }
    if let Some((_, most)) = process::memory_mib(process) {
        figures.note(format!("{name} memory"), kind, most);
    }
    sink.take();
    receiver.stop().await
}

/// How many runs have ended since a moment: as the receiver counts them, or else as texts arrive at the service.
struct Counter {
    before: Option<u64>,
    arrived: BTreeMap<u64, Instant>,
    calls: bool,
}

impl Counter {
    async fn new(receiver: &Receiver, job: Job, sink: &Sink) -> Result<Self> {
        sink.take();
        Ok(Self { before: receiver.ended().await?, arrived: BTreeMap::new(), calls: job.calls() })
    }

    /// Waits until `accepted` runs have ended; how many that are. A run without a call of a receiver that does not
    /// count has ended when it was answered.
    async fn wait_for(&mut self, receiver: &Receiver, sink: &Sink, accepted: u64) -> Result<u64> {
        let waited = Instant::now();
        loop {
            self.arrived.extend(sink.take());
            let ended = match (self.before, receiver.ended().await?) {
                (Some(before), Some(now)) => now - before,
                _ if self.calls => u64::try_from(self.arrived.len())?,
                _ => accepted,
            };
            if ended >= accepted {
                return Ok(ended);
            }
            ensure!(waited.elapsed() < DRAIN_MAX, "{ended} of {accepted} runs have ended {DRAIN_MAX:?} after the load");
            tokio::time::sleep(DRAIN_INTERVAL).await;
        }
    }
}

/// A quiet rate: from the moment at which a notification was to be sent to its text at the service.
async fn latency(
    kind: Kind,
    programs: &Programs,
    sink: &Sink,
    options: &CompareOptions,
    body: &[u8],
    figures: &mut Figures,
) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let receiver = Receiver::start(kind, Job::Answered, programs, folder.path()).await?;
    let request = Request::new(receiver.address, &receiver.path, body);
    let mut counter = Counter::new(&receiver, Job::Answered, sink).await?;
    let warm = load::open(receiver.address, &request, options.rate, OPEN_CONNECTIONS, WARM_UP).await?;
    counter.wait_for(&receiver, sink, warm.accepted).await?;
    let mut counter = Counter::new(&receiver, Job::Answered, sink).await?;
    let span = Duration::from_secs(options.seconds);
    let seen = load::open(receiver.address, &request, options.rate, OPEN_CONNECTIONS, span).await?;
    counter.wait_for(&receiver, sink, seen.accepted).await?;
    counter.arrived.extend(sink.take());
    let arrived = counter.arrived;
    let mut times = Vec::with_capacity(seen.sent.len());
    for (number, due) in &seen.sent {
        let at = arrived.get(number).with_context(|| format!("the text of notification {number} never arrived"))?;
        times.push(u64::try_from(at.saturating_duration_since(*due).as_micros())?);
    }
    times.sort_unstable();
    figures.note("end to end p50", kind, quantile(&times, 0.5));
    figures.note("end to end p99", kind, quantile(&times, 0.99));
    receiver.stop().await
}

/// From the start of the process on a folder with a flow to the first accepted notification; then the same after a kill.
async fn start(kind: Kind, programs: &Programs, sink: &Sink, body: &[u8], figures: &mut Figures) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut receiver = Receiver::start(kind, Job::Answered, programs, folder.path()).await?;
    for figure in ["start", "restart after a kill"] {
        if figure == "restart after a kill" {
            let request = Request::new(receiver.address, &receiver.path, body);
            load::closed(receiver.address, &request, 16, WARM_UP).await?;
        }
        let begun = Instant::now();
        receiver = receiver.restart(programs, folder.path()).await?;
        let request = Request::new(receiver.address, &receiver.path, body);
        while !matches!(load::once(receiver.address, &request).await, Ok(200..=299)) {
            ensure!(begun.elapsed() < DRAIN_MAX, "no notification was accepted {DRAIN_MAX:?} after the start");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        figures.note(figure, kind, begun.elapsed().as_secs_f64() * 1_000.0);
    }
    receiver.stop().await?;
    sink.take();
    Ok(())
}

fn print_table(figures: &Figures, jobs: &[Job], kinds: &[Kind], options: &CompareOptions) {
    let names: String = kinds.iter().map(|kind| format!(" {} |", kind.name())).collect();
    println!(
        "\nEach figure: smallest / median / largest of the rounds. The ratio is that of the medians to the ideal.\n"
    );
    println!("| figure |{names} ratio of Hookmill |");
    println!("|---|{}---|", "---|".repeat(kinds.len()));
    let row = |title: &str, figure: &str, digits: usize| {
        let cells: String = kinds
            .iter()
            .map(|kind| match figures.spread(figure, *kind) {
                Some((least, median, most)) => format!(" {least:.digits$} / {median:.digits$} / {most:.digits$} |"),
                None => " – |".to_owned(),
            })
            .collect();
        if let (Some(ideal), Some(own)) = (figures.spread(figure, Kind::Ideal), figures.spread(figure, Kind::Hookmill))
        {
            println!("| {title} |{cells} {:.2} |", own.1 / ideal.1);
        }
    };
    for job in jobs {
        let (title, name) = (job.title(), job.name());
        row(&format!("{title}: completed runs/s"), &format!("{name} runs/s"), 0);
        row(&format!("{title}: answer p50, ms"), &format!("{name} answer p50"), 1);
        row(&format!("{title}: answer p99, ms"), &format!("{name} answer p99"), 1);
        row(&format!("{title}: CPU a run, ms"), &format!("{name} CPU"), 2);
        row(&format!("{title}: memory at most, MiB"), &format!("{name} memory"), 0);
    }
    row(&format!("{} a second, end to end p50, ms", options.rate), "end to end p50", 1);
    row(&format!("{} a second, end to end p99, ms", options.rate), "end to end p99", 1);
    row("memory idle, MiB", "memory idle", 0);
    row("start to the first accepted notification, ms", "start", 0);
    row("the same after kill -9 under load, ms", "restart after a kill", 0);
}
