//! Measures Hookmill: beside the hand-written receiver, beside a dead service, several servers on one database, its order,
//! its starts after kills, its lists with a long history, and what computing alone costs.

#![allow(clippy::print_stdout, reason = "the figures are the result")]

mod compare;
mod computing;
mod fair;
mod fill;
mod ideal;
mod job;
mod lists;
mod load;
mod node_red;
mod nodes;
mod order;
mod process;
mod receiver;
mod sink;
mod starts;
mod subject;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Measures Hookmill on this machine.
///
/// Without a subcommand it compares Hookmill with a receiver that does the same by hand and with the same durability.
#[derive(Parser)]
#[command(version, about, args_conflicts_with_subcommands = true)]
struct Options {
    #[command(flatten)]
    compare: compare::CompareOptions,
    /// The binary to measure; by default the one beside this program.
    #[arg(long, global = true)]
    binary: Option<PathBuf>,
    #[command(subcommand)]
    other: Option<Other>,
}

/// What else can be measured.
#[derive(Subcommand)]
enum Other {
    /// How long the lists take with a long history behind them.
    Lists(lists::ListOptions),
    /// A healthy flow beside one whose service never answers.
    Fair(fair::FairOptions),
    /// Servers side by side on one PostgreSQL, beside one on its file.
    Nodes(nodes::NodesOptions),
    /// Events whose runs go one after the other: none is stuck, none overtakes.
    Order(order::OrderOptions),
    /// How soon a server takes notifications again that was killed with much under way.
    Starts(starts::StartsOptions),
    /// What one core computes: bodies read, expressions, decisions.
    Compute(computing::ComputeOptions),
    /// The hand-written receiver alone; the comparison starts it by itself.
    #[command(hide = true)]
    Ideal(ideal::IdealOptions),
}

fn main() -> Result<()> {
    let options = Options::parse();
    // Clients want one although they speak plain HTTP here; it fails only where one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure(options))
}

async fn measure(options: Options) -> Result<()> {
    let binary = match options.binary {
        Some(binary) => binary,
        None => std::env::current_exe()?.with_file_name("hookmill"),
    };
    match options.other {
        Some(Other::Lists(wanted)) => lists::measure(&binary, &wanted).await,
        Some(Other::Fair(wanted)) => fair::measure(&binary, &wanted).await,
        Some(Other::Nodes(wanted)) => nodes::measure(&binary, &wanted).await,
        Some(Other::Order(wanted)) => order::measure(&binary, &wanted).await,
        Some(Other::Starts(wanted)) => starts::measure(&binary, &wanted).await,
        Some(Other::Compute(wanted)) => computing::measure(&wanted),
        Some(Other::Ideal(wanted)) => ideal::serve(&wanted).await,
        None => compare::measure(&binary, &options.compare).await,
    }
}
