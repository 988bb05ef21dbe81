//! `hookmill migrate-store`: moves everything from a data folder into a database, or back.

use std::path::Path;

use anyhow::{Context, Result};
use clap::Args as ClapArgs;
use hookmill_store::tables::{self, MoveError, Tables};
use hookmill_store_postgres::{PostgresTables, is_address};
use hookmill_store_sqlite::SqliteTables;

use crate::output::{self, Verdict};
use crate::serve::explained;

#[derive(ClapArgs)]
#[command(
    after_help = "The server must be stopped. A move that was broken off goes on when the command is given again. The master key is not moved: it stays in the data folder, or in HOOKMILL_MASTER_KEY.\n\nExamples:\n  hookmill migrate-store --from ./hookmill-data --to postgres://hookmill@db.example.org/hookmill\n  HOOKMILL_STORE=postgres://hookmill:PASSWORD@db.example.org/hookmill hookmill migrate-store --from ./hookmill-data --to env:HOOKMILL_STORE\n  hookmill migrate-store --from env:HOOKMILL_STORE --to ./hookmill-data"
)]
pub struct Args {
    /// A data folder, the address of a database, or `env:NAME` for what a variable says
    #[arg(long, value_name = "DIR|URL")]
    from: String,
    /// An empty database or a folder without one; in the same three ways
    #[arg(long, value_name = "DIR|URL")]
    to: String,
}

pub fn run(args: &Args) -> Result<Verdict> {
    crate::data::keep_private();
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting")?;
    tokio.block_on(moved(args))
}

/// What is meant by an argument.
fn named(argument: &str) -> Result<String> {
    match argument.strip_prefix("env:") {
        Some(name) => std::env::var(name).with_context(|| format!("the variable {name} is not set")),
        None => Ok(argument.to_owned()),
    }
}

async fn open(place: &str, must_exist: bool) -> Result<Box<dyn Tables>> {
    if is_address(place) {
        return Ok(Box::new(PostgresTables::open(place).await.map_err(|error| explained(&error))?));
    }
    let folder = Path::new(place);
    let database = hookmill_store_sqlite::database(folder);
    anyhow::ensure!(!must_exist || database.is_file(), "there is no database in {place}");
    if !must_exist {
        crate::data::make_private(folder)?;
    }
    Ok(Box::new(SqliteTables::open(folder).map_err(|error| explained(&error))?))
}

async fn moved(args: &Args) -> Result<Verdict> {
    let (from, to) = (named(&args.from)?, named(&args.to)?);
    anyhow::ensure!(from != to, "--from and --to are the same");
    let from = open(&from, true).await?;
    let to = open(&to, false).await?;
    output::line(format_args!("{:<20} {:>12} {:>12}  checksum", "table", "rows", "written"))?;
    let all = tables::copy(&*from, &*to, |table| {
        // The work goes on also where nobody reads.
        let name = table.table.trim_matches('"');
        let _ = output::line(format_args!("{name:<20} {:>12} {:>12}  {}", table.rows, table.written, &table.sum[..16]));
    })
    .await
    .map_err(|error| told(&error))?;
    let rows: u64 = all.iter().map(|table| table.rows).sum();
    output::line(format_args!(
        "{rows} rows of {} are in {}, compared by counts and checksums.",
        from.location(),
        to.location()
    ))?;
    Ok(Verdict::Fine)
}

fn told(error: &MoveError) -> anyhow::Error {
    let hint = match error {
        MoveError::Store(error) => return explained(error),
        MoveError::NotEmpty { .. } => "Move into an empty database, or into a folder without one.",
        MoveError::Other { .. } => "Finish that move first, or begin with an empty target.",
        MoveError::Differs { .. } => {
            "Something wrote into one of them meanwhile. Empty the target, and move again while no server runs."
        }
    };
    anyhow::anyhow!("{error}\n  hint: {hint}")
}
