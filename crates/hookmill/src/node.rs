//! `hookmill node`: the servers that share a database.

use anyhow::{Context, Result};
use clap::{Args as ClapArgs, Subcommand};
use hookmill_store_postgres::is_address;

use crate::output::{self, Verdict};
use crate::serve::explained;

#[derive(Subcommand)]
pub enum Command {
    /// List the servers that share a database, with the share of the flows that each looks after
    #[command(
        after_help = "Example:\n  HOOKMILL_STORE=postgres://hookmill:PASSWORD@db.example.org/hookmill hookmill node list\n\nEnds with 1 where no server looks after any flow."
    )]
    List {
        #[command(flatten)]
        store: StoreArgs,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Have a server give up its flows to the others, before it is stopped; it goes on taking calls until then
    #[command(
        after_help = "Example:\n  hookmill node drain \"web-1 (10.0.0.5:7780)\" --store postgres://hookmill@db.example.org/hookmill\n\nWaits until the server looks after no flow any more; ends with 1 where it still does after --wait."
    )]
    Drain {
        /// Its name in `hookmill node list`, or the beginning of its identifier there
        name: String,
        #[command(flatten)]
        store: StoreArgs,
        /// How long to wait until it is done
        #[arg(long, default_value_t = 60, value_name = "SECONDS")]
        wait: u64,
    },
}

/// Where the database is.
#[derive(ClapArgs)]
pub struct StoreArgs {
    /// The address of the database
    #[arg(long, env = "HOOKMILL_STORE", hide_env_values = true, value_name = "URL")]
    store: String,
}

impl StoreArgs {
    fn address(&self) -> Result<&str> {
        anyhow::ensure!(
            is_address(&self.store),
            "--store takes an address such as postgres://hookmill@db.example.org/hookmill"
        );
        Ok(&self.store)
    }
}

pub fn run(command: Command) -> Result<Verdict> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting")?;
    match command {
        Command::List { store, json } => tokio.block_on(list(store.address()?, json)),
        Command::Drain { name, store, wait } => tokio.block_on(drain(store.address()?, &name, wait)),
    }
}

async fn list(store: &str, json: bool) -> Result<Verdict> {
    let nodes = hookmill_store_postgres::nodes(store).await.map_err(|error| explained(&error))?;
    if !json {
        output::line(format_args!(
            "{:<40} {:<10} {:<8} {:>6} {:<8} {:>10} {:>8}",
            "server", "version", "id", "shards", "state", "for s", "silent s"
        ))?;
    }
    for node in &nodes {
        let state = if node.drains { "drains" } else { "works" };
        let (name, version, id) = (&node.name, &node.version, &node.id);
        let (shards, age, silent) = (node.shards, node.age_s, node.silent_s);
        if json {
            let line = serde_json::json!({
                "id": id, "name": name, "version": version, "shards": shards, "state": state, "age_s": age,
                "silent_s": silent
            });
            output::line(format_args!("{line}"))?;
        } else {
            let id = id.get(..8).unwrap_or(id);
            output::line(format_args!(
                "{name:<40} {version:<10} {id:<8} {shards:>6} {state:<8} {age:>10} {silent:>8}"
            ))?;
        }
    }
    Ok(if nodes.iter().any(|node| node.shards > 0) { Verdict::Fine } else { Verdict::Findings })
}

async fn drain(store: &str, name: &str, wait: u64) -> Result<Verdict> {
    let told = hookmill_store_postgres::drain(store, name).await.map_err(|error| explained(&error))?;
    anyhow::ensure!(
        !told.is_empty(),
        "there is no server \"{name}\" on this database\n  hint: hookmill node list shows their names."
    );
    let until = std::time::Instant::now() + std::time::Duration::from_secs(wait);
    loop {
        let nodes = hookmill_store_postgres::nodes(store).await.map_err(|error| explained(&error))?;
        let left: usize = nodes.iter().filter(|node| told.contains(&node.name)).map(|node| node.shards).sum();
        if left == 0 {
            output::line(format_args!("{name} looks after no flow any more; it can be stopped"))?;
            return Ok(Verdict::Fine);
        }
        if std::time::Instant::now() > until {
            output::line(format_args!("{name} still looks after {left} of 256 shares: calls there are under way"))?;
            return Ok(Verdict::Findings);
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}
