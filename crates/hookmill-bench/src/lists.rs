//! How long the lists take over HTTP with a long history behind them: any page, any filter that is offered.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use hookmill_model::Timestamp;
use serde_json::Value;

use crate::fill::{Amounts, fill};
use crate::subject::Subject;

/// Each question is asked so often.
const TIMES: usize = 15;
/// No list may take longer.
const PROMISE: Duration = Duration::from_millis(50);

/// What to measure.
#[derive(Args, Debug)]
pub struct ListOptions {
    /// Where the data is kept for the next time; by default it is made anew and thrown away.
    #[arg(long)]
    data: Option<PathBuf>,
    #[arg(long, default_value_t = 100_000)]
    flows: u64,
    #[arg(long, default_value_t = 5_000_000)]
    runs: u64,
    #[arg(long, default_value_t = 100_000)]
    notifications: u64,
}

/// Fills a folder unless it is filled, and asks.
pub async fn measure(binary: &Path, options: &ListOptions) -> Result<()> {
    let made = tempfile::tempdir()?;
    let folder = options.data.clone().unwrap_or_else(|| made.path().to_owned());
    std::fs::create_dir_all(&folder)?;
    let filled = folder.join("filled");
    if !filled.exists() {
        let subject = Subject::open(binary, &folder).await?;
        let session = subject.get("/api/session").await?;
        let owner = session["user"]["id"].as_str().context("no user")?.parse().map_err(anyhow::Error::msg)?;
        subject.stop().await?;
        let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
        let now = Timestamp::from_millis(i64::try_from(since_1970.as_millis())?);
        let amounts = Amounts { flows: options.flows, runs: options.runs, notifications: options.notifications };
        fill(&folder, owner, now, amounts).await?;
        std::fs::write(&filled, "")?;
    }
    let begun = Instant::now();
    let subject = Subject::open(binary, &folder).await?;
    println!("started in {:.0} ms", begun.elapsed().as_secs_f64() * 1_000.0);
    let newest = subject.get("/api/flows?limit=1").await?;
    let flow = newest["items"][0]["id"].as_str().context("no flow")?.to_owned();
    let middle = middle(&subject, options.runs).await?;
    println!("{:<58} {:>9} {:>9} {:>9} {:>6}", "", "first", "median", "slowest", "items");
    let mut broken = 0;
    for path in questions(&flow, &middle) {
        let mut times = Vec::new();
        let mut items = 0;
        for _ in 0..TIMES {
            let begun = Instant::now();
            let answer = subject.get(&path).await?;
            times.push(begun.elapsed());
            items = answer["items"].as_array().map_or(0, Vec::len);
        }
        let first = times[0];
        times.sort_unstable();
        let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
        // The first answer also waits for the disk.
        let (median, slowest) = (times[TIMES / 2], times[TIMES - 1]);
        broken += usize::from(median > PROMISE);
        let shown: String = path.replace(&flow, "FLOW").replace(&middle, "MIDDLE").chars().take(58).collect();
        println!("{shown:<58} {:>6.1} ms {:>6.1} ms {:>6.1} ms {items:>6}", ms(first), ms(median), ms(slowest));
    }
    subject.stop().await?;
    anyhow::ensure!(broken == 0, "{broken} lists take longer than {PROMISE:?}");
    Ok(())
}

/// A moment in the middle of the history, whose runs began a second apart.
async fn middle(subject: &Subject, runs: u64) -> Result<String> {
    let newest = subject.get("/api/runs?limit=1").await?;
    let text = |run: &Value| run["started_at"].as_str().map(ToOwned::to_owned);
    let newest = newest["items"].as_array().and_then(|items| items.first()).and_then(text).context("no run")?;
    let newest: Timestamp = newest.parse().map_err(|error| anyhow::anyhow!("{newest}: {error}"))?;
    Ok(Timestamp::from_micros(newest.as_micros() - i64::try_from(runs / 2)? * 1_000_000).to_string())
}

fn questions(flow: &str, middle: &str) -> Vec<String> {
    let mut all: Vec<String> = [
        "/api/runs",
        "/api/runs?limit=500",
        "/api/runs?status=Failed",
        "/api/runs?status=Succeeded",
        "/api/runs?status=Waiting,Running",
        "/api/runs?status=Failed,TimedOut,Faulted",
        "/api/runs?status=Cancelled,Skipped",
        "/api/runs?kind=create_webhook",
        "/api/runs?kind=delete_webhook",
        "/api/runs?q=branch-7",
        "/api/runs?q=Change%20number%204999",
        "/api/runs?q=nowhere%20to%20be%20found",
        "/api/runs?q=nowhere%20to%20be%20found&status=Failed",
    ]
    .into_iter()
    .map(ToOwned::to_owned)
    .collect();
    all.extend(["from", "to"].map(|bound| format!("/api/runs?{bound}={middle}")));
    all.push(format!("/api/runs?to={middle}&status=Failed&limit=200"));
    for rest in ["", "&status=Failed", "&status=Running", "&status=Cancelled,TimedOut", "&kind=flow", "&q=branch-7"] {
        all.push(format!("/api/runs?flow={flow}{rest}"));
    }
    all.push(format!("/api/runs?flow={flow}&to={middle}"));
    all.push(format!("/api/runs?flow={flow}&q=nowhere%20to%20be%20found&to={middle}"));
    for rest in [
        "flows",
        "flows?limit=200",
        "flows?q=team%2042",
        "flows?q=repository%2017%20",
        "flows?q=nowhere",
        "flows?state=Draft",
        "flows?state=draft",
        "connectors",
        "connections",
        "attention",
        "attention?kind=flow_failing",
        "about",
        "notifications",
        "notifications?unread=true",
        "notifications?limit=500",
    ] {
        all.push(format!("/api/{rest}"));
    }
    all.push(format!("/api/flows/{flow}"));
    all.push(format!("/api/flows/{flow}/versions"));
    all.push(format!("/api/flows/{flow}/events"));
    all
}
