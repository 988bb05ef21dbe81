//! One, two, three servers on one PostgreSQL, and one on its file: what they accept and complete, and who computes.
//!
//! The load, the service and the database share the machine with the servers, so what a second server adds is seen only as
//! far as there are processors for it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use hookmill_store_postgres::cluster::{Cluster, ClusterOptions};
use tokio::task::JoinSet;

use crate::job::{Job, notification};
use crate::load::{self, Request, Seen, quantile};
use crate::process;
use crate::sink::Sink;
use crate::subject::Subject;

/// All servers seal with the same key.
const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
/// The servers have shared the flows after so long at most.
const SHARED_MAX: Duration = Duration::from_secs(30);
/// What is left of the runs after the load may take this long.
const DRAIN_MAX: Duration = Duration::from_secs(60);
/// Notifications a second when latency is measured.
const RATE: u32 = 50;

/// What to measure.
#[derive(Args, Debug)]
pub struct NodesOptions {
    /// Servers on the database; 0 is one server on its file.
    #[arg(long, value_delimiter = ',', default_values_t = [0_usize, 1, 2, 3])]
    servers: Vec<usize>,
    /// Seconds of load in each measurement.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Flows, each with a connection of its own.
    #[arg(long, default_value_t = 24)]
    flows: usize,
}

/// Measures each number of servers.
///
/// # Errors
/// There is no PostgreSQL, or a server does not do what it must.
pub async fn measure(binary: &Path, options: &NodesOptions) -> Result<()> {
    println!("{} flows with one connection each · {} s of load · job (a)", options.flows, options.seconds);
    println!(
        "| servers | accepted/s | completed/s | answer p99, ms | at {RATE}/s p99, ms | CPU of servers, ms a run | of the database |"
    );
    println!("|---|---|---|---|---|---|---|");
    for &servers in &options.servers {
        let folder = tempfile::tempdir()?;
        let made = ClusterOptions { durable: true, ..ClusterOptions::default() };
        let cluster = match servers {
            0 => None,
            _ => Some(Cluster::start(folder.path(), &made)?.context("there is no PostgreSQL here")?),
        };
        measured(binary, options, servers, cluster.as_ref(), folder.path()).await?;
    }
    Ok(())
}

async fn measured(
    binary: &Path,
    options: &NodesOptions,
    servers: usize,
    cluster: Option<&Cluster>,
    folder: &Path,
) -> Result<()> {
    let sink = Sink::start().await?;
    let subjects = started(binary, servers, cluster, folder).await?;
    let first = subjects.first().context("no server")?;
    let mut paths = Vec::with_capacity(options.flows);
    for number in 0..options.flows {
        paths.push(first.create(&format!("bench {number}"), &Job::Answered.definition(&sink.url)).await?);
    }
    let body = notification().to_string();
    let requests: Vec<Request> = paths
        .iter()
        .enumerate()
        .map(|(number, path)| Request::new(subjects[number % subjects.len()].address, path, body.as_bytes()))
        .collect();
    let place = |number: usize| subjects[number % subjects.len()].address;

    // All paths once, so that everything is in memory.
    for (number, request) in requests.iter().enumerate() {
        load::count(place(number), request, 1, 20).await?;
    }
    arrived(&sink, u64::try_from(requests.len())? * 20).await?;
    let quiet = load::open(place(0), &requests[0], RATE, 8, Duration::from_secs(options.seconds)).await?;
    let texts: BTreeMap<u64, Instant> = arrived(&sink, quiet.accepted).await?.into_iter().collect();
    let mut times = Vec::with_capacity(quiet.sent.len());
    for (number, due) in &quiet.sent {
        let at = texts.get(number).with_context(|| format!("the text of notification {number} never arrived"))?;
        times.push(u64::try_from(at.saturating_duration_since(*due).as_micros())?);
    }
    times.sort_unstable();

    let computed = || subjects.iter().filter_map(|one| process::cpu_time(one.process()?)).sum::<Duration>();
    let (servers_before, database_before) = (computed(), database_time(cluster));
    let begun = Instant::now();
    let span = Duration::from_secs(options.seconds);
    let mut load = JoinSet::new();
    for (number, request) in requests.into_iter().enumerate() {
        let address = place(number);
        load.spawn(async move { load::closed(address, &request, 1, span).await });
    }
    let mut all = Seen::default();
    while let Some(seen) = load.join_next().await {
        let seen = seen.context("a connection of the load broke")??;
        all.accepted += seen.accepted;
        all.latencies_us.extend(seen.latencies_us);
    }
    all.elapsed = begun.elapsed();
    all.latencies_us.sort_unstable();
    arrived(&sink, all.accepted).await?;
    #[allow(clippy::cast_precision_loss)]
    let runs = all.accepted as f64;
    let completed = runs / begun.elapsed().as_secs_f64();
    let share = |before: Duration, after: Duration| after.saturating_sub(before).as_secs_f64() * 1_000.0 / runs;
    let name = if servers == 0 { "1 on its file".to_owned() } else { format!("{servers} on PostgreSQL") };
    println!(
        "| {name} | {:.0} | {completed:.0} | {:.1} | {:.1} | {:.2} | {:.2} |",
        all.rate(),
        quantile(&all.latencies_us, 0.99),
        quantile(&times, 0.99),
        share(servers_before, computed()),
        share(database_before, database_time(cluster)),
    );
    for subject in subjects {
        subject.stop().await?;
    }
    Ok(())
}

/// The servers, once they have shared the flows.
async fn started(binary: &Path, servers: usize, cluster: Option<&Cluster>, folder: &Path) -> Result<Vec<Subject>> {
    let Some(cluster) = cluster else { return Ok(vec![Subject::open(binary, &folder.join("file")).await?]) };
    let database = cluster.database()?;
    let mut subjects: Vec<Subject> = Vec::with_capacity(servers);
    for number in 0..servers {
        let own = folder.join(format!("server-{number}"));
        std::fs::create_dir_all(&own)?;
        if let Some(first) = subjects.first() {
            first.share_token(&own)?;
        }
        let variables = vec![
            ("HOOKMILL_STORE", cluster.address(&database)),
            ("HOOKMILL_MASTER_KEY", KEY.to_owned()),
            ("HOOKMILL_NODE_NAME", format!("server-{number}")),
        ];
        subjects.push(Subject::open_with(binary, &own, variables).await?);
    }
    let begun = Instant::now();
    let least = 256 / servers - 1;
    let sql = format!(
        "SELECT count(*) FROM (SELECT owner FROM hookmill.shard WHERE owner IS NOT NULL GROUP BY owner
         HAVING count(*) >= {least}) AS o"
    );
    while cluster.run(&database, &sql)? != servers.to_string() {
        ensure!(begun.elapsed() < SHARED_MAX, "the servers have not shared the flows after {SHARED_MAX:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(subjects)
}

/// CPU time of all processes of the database.
fn database_time(cluster: Option<&Cluster>) -> Duration {
    let file = cluster.map(|cluster| cluster.data().join("postmaster.pid"));
    let first = file.and_then(|file| std::fs::read_to_string(file).ok());
    let first = first.and_then(|text| text.lines().next()?.trim().parse().ok());
    first.map_or(Duration::ZERO, process::cpu_time_of_family)
}

/// What arrived at the service, once `count` texts did.
async fn arrived(sink: &Sink, count: u64) -> Result<Vec<(u64, Instant)>> {
    let (mut arrived, begun) = (Vec::new(), Instant::now());
    loop {
        arrived.extend(sink.take());
        if u64::try_from(arrived.len())? >= count {
            return Ok(arrived);
        }
        ensure!(begun.elapsed() < DRAIN_MAX, "{} of {count} runs have ended after {DRAIN_MAX:?}", arrived.len());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
