//! Measures Hookmill against the floor receiver: same load, same machine, alternating; prints the ratio.
//!
//! One round is the floor for some seconds, then Hookmill for as long: the trigger, a condition, one Compose, and the
//! run's end in the history. A run counts when it has ended, so the time until the last accepted one has ended is part
//! of Hookmill's time. Figures are medians of the rounds.

#![allow(clippy::print_stdout, reason = "the figures are the result")]

mod fill;
mod floor;
mod lists;
mod load;
mod subject;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use serde_json::{Value, json};

/// Measures accepted and completed runs a second against a receiver that only stores.
#[derive(Parser)]
#[command(version, about)]
struct Options {
    /// Rounds of floor and Hookmill.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds of load in each half of a round.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Connections of the load.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// The binary to measure; by default the one beside this program.
    #[arg(long)]
    binary: Option<PathBuf>,
    #[command(subcommand)]
    other: Option<Other>,
}

/// What else can be measured.
#[derive(Subcommand)]
enum Other {
    /// How long the lists take with a long history behind them.
    Lists(lists::ListOptions),
}

fn main() -> Result<()> {
    let options = Options::parse();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure(&options))
}

async fn measure(options: &Options) -> Result<()> {
    let binary = match &options.binary {
        Some(binary) => binary.clone(),
        None => std::env::current_exe()?.with_file_name("hookmill"),
    };
    if let Some(Other::Lists(wanted)) = &options.other {
        return lists::measure(&binary, wanted).await;
    }
    let body = notification().to_string();
    let span = Duration::from_secs(options.seconds);
    println!("notification: {} bytes · {} connections · {} s a half", body.len(), options.connections, options.seconds);
    let mut ratios = Vec::new();
    let mut rates = Vec::new();
    for round in 1..=options.rounds {
        let floor = floor_half(options, body.as_bytes(), span).await?;
        let (seen, runs, memory) = subject_half(options, &binary, body.as_bytes(), span).await?;
        println!(
            "round {round}: floor {:.0}/s (p99 {:.1} ms) · Hookmill {runs:.0} completed runs/s \
             (accepted {:.0}/s, p50 {:.1} ms, p99 {:.1} ms, refused {}, {memory:.0} MiB) · ratio {:.2}",
            floor.rate(),
            floor.quantile_ms(0.99),
            seen.rate(),
            seen.quantile_ms(0.5),
            seen.quantile_ms(0.99),
            seen.refused,
            runs / floor.rate(),
        );
        ratios.push(runs / floor.rate());
        rates.push(runs);
    }
    println!("median: {:.0} completed runs/s, {:.2} of the floor", median(&mut rates), median(&mut ratios));
    Ok(())
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

async fn floor_half(options: &Options, body: &[u8], span: Duration) -> Result<load::Seen> {
    let folder = tempfile::tempdir()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let path = folder.path().to_owned();
    let server = tokio::spawn(async move { floor::serve(listener, &path).await });
    let seen = load::run(address, "/callback/floor", body, options.connections, span).await;
    server.abort();
    seen
}

async fn subject_half(
    options: &Options,
    binary: &std::path::Path,
    body: &[u8],
    span: Duration,
) -> Result<(load::Seen, f64, f64)> {
    let folder = tempfile::tempdir()?;
    let subject = subject::Subject::start(binary, folder.path(), definition()).await?;
    let begun = Instant::now();
    let seen = load::run(subject.address, &subject.path, body, options.connections, span).await?;
    let waited = Instant::now();
    let mut ended = subject.runs_ended().await?;
    while ended < seen.accepted {
        anyhow::ensure!(waited.elapsed() < Duration::from_secs(120), "{ended} of {} runs ended", seen.accepted);
        tokio::time::sleep(Duration::from_millis(20)).await;
        ended = subject.runs_ended().await?;
    }
    #[allow(clippy::cast_precision_loss)]
    let runs = ended as f64 / begun.elapsed().as_secs_f64();
    let memory = subject.memory_mib().context("the memory of the server")?;
    subject.stop().await?;
    Ok((seen, runs, memory))
}

/// Trigger → condition → Compose, the text made of three fields of the notification.
fn definition() -> Value {
    json!({
        "$schema": "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#",
        "contentVersion": "1.0.0.0",
        "triggers": {"manual": {"type": "Request", "kind": "Http", "inputs": {"schema": {}}}},
        "actions": {
            "Is_main": {
                "type": "If",
                "expression": {"and": [{"equals": ["@triggerBody()?['ref']", "refs/heads/main"]}]},
                "actions": {
                    "Text": {
                        "type": "Compose",
                        "inputs": "@{triggerBody()?['pusher']?['name']} pushed to @{triggerBody()?['repository']?['full_name']}: @{triggerBody()?['head_commit']?['message']}",
                        "runAfter": {}
                    }
                },
                "else": {"actions": {}},
                "runAfter": {}
            }
        }
    })
}

/// A notification of the shape and size (about 7.7 KB) of a push.
fn notification() -> Value {
    let url = |rest: &str| format!("https://api.example.org/repos/acme/rocket{rest}");
    let links: Value = (0..60)
        .map(|index| (format!("link_{index:02}_url"), Value::from(url(&format!("/resource/{index:02}{{/id}}")))))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let commit = json!({
        "id": "6113728f27ae82c7b1a177c8d03f9e96e0adf246", "message": "Trim the fairing", "timestamp": "2026-03-05T11:58:00Z",
        "url": url("/commit/6113728f27ae82c7b1a177c8d03f9e96e0adf246"),
        "author": {"name": "Ada", "email": "ada@example.org", "username": "ada"},
        "added": [], "removed": [], "modified": ["README.md", "src/fairing.rs"]
    });
    json!({
        "ref": "refs/heads/main", "before": "0".repeat(40), "after": "6113728f27ae82c7b1a177c8d03f9e96e0adf246",
        "repository": {"id": 186_853_002, "name": "rocket", "full_name": "acme/rocket", "private": false, "links": links,
            "owner": {"name": "acme", "email": null, "id": 1, "site_admin": false}},
        "pusher": {"name": "ada", "email": "ada@example.org"}, "sender": {"login": "ada", "id": 2, "type": "User"},
        "created": false, "deleted": false, "forced": false, "compare": url("/compare/0...6"),
        "commits": [commit.clone()], "head_commit": commit
    })
}
