//! How soon a server takes notifications again that was killed while much was under way.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Args;
use serde_json::{Value, json};

use crate::job::{Job, notification};
use crate::load::{self, Request};
use crate::process;
use crate::sink::Sink;
use crate::subject::Subject;

/// Nobody waits longer for the first notification.
const START_MAX: Duration = Duration::from_secs(120);
/// So long the work of a case goes on before the kill.
const WORK: Duration = Duration::from_secs(2);

/// What to measure.
#[derive(Args, Debug)]
pub struct StartsOptions {
    /// Notifications that wait in the largest case.
    #[arg(long, default_value_t = 100_000)]
    waiting: u64,
}

/// Kills a server in each case, starts it again, and waits for the first notification that it takes.
///
/// # Errors
/// A server does not do what it must.
pub async fn measure(binary: &Path, options: &StartsOptions) -> Result<()> {
    println!("| what was under way at the kill | first 202, ms | memory at most in the 5 s after, MiB |");
    println!("|---|---|---|");
    let dead = format!("{} notifications for a service that does not answer", options.waiting);
    let cases: [(&str, Case); 6] = [
        ("nothing", Case::Nothing),
        ("5,000 runs for a service that does not answer", Case::Dead(5_000)),
        ("a flow that calls itself", Case::Itself),
        ("an event of 100,000 items", Case::Split),
        ("eight runs whose text doubles", Case::Doubling),
        (&dead, Case::Dead(options.waiting)),
    ];
    for (name, case) in cases {
        let (first, memory) = measured(binary, case).await?;
        println!("| {name} | {:.0} | {memory:.0} |", first.as_secs_f64() * 1_000.0);
    }
    Ok(())
}

/// What is under way.
#[derive(Clone, Copy)]
enum Case {
    Nothing,
    Dead(u64),
    Itself,
    Split,
    Doubling,
}

async fn measured(binary: &Path, case: Case) -> Result<(Duration, f64)> {
    let (sink, mute) = (Sink::start().await?, Sink::start().await?);
    let folder = tempfile::tempdir()?;
    let subject = Subject::start(binary, folder.path(), Job::Answered.definition(&sink.url)).await?;
    let body = notification().to_string();
    begin(&subject, case, &mute.url, &body).await?;
    tokio::time::sleep(WORK).await;
    let begun = Instant::now();
    let subject = subject.restart(binary, folder.path()).await?;
    let request = Request::new(subject.address, &subject.path, body.as_bytes());
    while !matches!(load::once(subject.address, &request).await, Ok(200..=299)) {
        ensure!(begun.elapsed() < START_MAX, "no notification was accepted {START_MAX:?} after the start");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let first = begun.elapsed();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let memory = subject.process().and_then(process::memory_mib).map_or(0.0, |(_, most)| most);
    subject.stop().await?;
    Ok((first, memory))
}

/// Lets the work of a case begin.
async fn begin(subject: &Subject, case: Case, mute: &str, body: &str) -> Result<()> {
    match case {
        Case::Nothing => Ok(()),
        Case::Dead(count) => {
            let path = subject.create("dead", &Job::Answered.definition_calling(&format!("{mute}/silent"))).await?;
            load::count(subject.address, &Request::new(subject.address, &path, body.as_bytes()), 16, count).await
        }
        Case::Itself => {
            let (path, own) = calling_itself(subject).await?;
            load::count(subject.address, &Request::new(subject.address, &path, own.as_bytes()), 4, 200).await
        }
        Case::Split => {
            let keep = json!({"Keep": {"type": "Compose", "inputs": "@triggerBody()"}});
            let trigger = json!({"type": "Request", "splitOn": "@triggerBody()?['items']"});
            let path = subject.create("split", &json!({"triggers": {"manual": trigger}, "actions": keep})).await?;
            let items: Vec<u32> = (0..100_000).collect();
            let many = json!({"items": items}).to_string();
            load::count(subject.address, &Request::new(subject.address, &path, many.as_bytes()), 1, 1).await
        }
        Case::Doubling => {
            let path = subject.create("doubling", &doubling()).await?;
            load::count(subject.address, &Request::new(subject.address, &path, b"{}"), 8, 8).await
        }
    }
}

/// A flow that posts what it gets to the address that stands there; its path, and a body that names the flow's own.
pub async fn calling_itself(subject: &Subject) -> Result<(String, String)> {
    let call = json!({"type": "Http", "inputs": {"method": "POST", "uri": "@triggerBody()?['next']",
        "body": "@triggerBody()", "retryPolicy": {"type": "none"}}});
    let definition = json!({"triggers": {"manual": {"type": "Request"}}, "actions": {"Call": call}});
    let path = subject.create("itself", &definition).await?;
    let body = json!({"next": format!("http://{}{path}", subject.address)}).to_string();
    Ok((path, body))
}

fn doubling() -> Value {
    let text = json!({"variables": [{"name": "text", "type": "string", "value": "0123456789abcdef"}]});
    let twice = json!({"type": "SetVariable",
        "inputs": {"name": "text", "value": "@concat(outputs('Text'), outputs('Text'))"},
        "runAfter": {"Text": ["Succeeded"]}});
    let text_now = json!({"type": "Compose", "inputs": "@variables('text')"});
    let again = json!({"type": "Until", "expression": "@equals(1, 2)", "limit": {"count": 40, "timeout": "PT1H"},
        "actions": {"Text": text_now, "Twice": twice}, "runAfter": {"Set": ["Succeeded"]}});
    let set = json!({"type": "InitializeVariable", "inputs": text});
    json!({"triggers": {"manual": {"type": "Request"}}, "actions": {"Set": set, "Again": again}})
}
