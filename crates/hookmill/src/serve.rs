//! `hookmill serve`: opens the data folder, wires the parts, and runs them until it is told to stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args as ClapArgs;
use hookmill_http::{AddressPolicy, Client, ClientConfig};
use hookmill_model::Explain;
use hookmill_runtime::{Runtime, RuntimeConfig};
use hookmill_server::{ServerConfig, ServerState};
use hookmill_store::Store;
use hookmill_store_sqlite::{SqliteOptions, SqliteStore};
use hookmill_vault::Vault;

use crate::output::{self, Verdict};

#[derive(ClapArgs)]
#[command(
    after_help = "Examples:\n  hookmill serve\n  hookmill serve --listen 0.0.0.0:7780 --public-url https://hooks.example.org\n  hookmill serve --allow-address 10.0.0.0/8"
)]
pub struct Args {
    /// A TOML file with these flags by name, such as `listen = "0.0.0.0:7780"`; environment and flags come before it
    #[arg(long, env = "HOOKMILL_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder with the database and the master key
    #[arg(long, env = "HOOKMILL_DATA", default_value = "./hookmill-data", value_name = "DIR")]
    data: PathBuf,
    /// Where to listen
    #[arg(long, env = "HOOKMILL_LISTEN", default_value = "127.0.0.1:7780", value_name = "ADDR")]
    listen: SocketAddr,
    /// Where services and browsers reach this server
    #[arg(long, env = "HOOKMILL_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,
    /// Hosts, addresses and networks that flows may call although they are not public; may be repeated
    #[arg(long, env = "HOOKMILL_ALLOW_ADDRESS", value_delimiter = ',', value_name = "HOST|CIDR")]
    allow_address: Vec<String>,
    /// The token that makes the owner's account; printed when it is not given
    #[arg(long, env = "HOOKMILL_SETUP_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    setup_token: Option<String>,
    /// Larger notifications are refused with 413
    #[arg(long, env = "HOOKMILL_BODY_BYTES_MAX", default_value_t = 10 * 1024 * 1024, value_name = "BYTES")]
    body_bytes_max: usize,
    /// How long a service may take to create or delete a webhook
    #[arg(long, env = "HOOKMILL_SERVICE_WAIT", default_value_t = 60, value_name = "SECONDS")]
    service_wait: u64,
    /// A TOML file with the bounds of definitions and runs that differ from the defaults
    #[arg(long, env = "HOOKMILL_LIMITS", value_name = "FILE")]
    limits: Option<String>,
    /// What to log, such as `info` or `hookmill_runtime=debug`
    #[arg(long, env = "HOOKMILL_LOG", default_value = "warn", value_name = "FILTER")]
    log: String,
}

/// An error with its hint, as one text.
pub fn explained(error: &(impl Explain + ?Sized)) -> anyhow::Error {
    match error.hint() {
        Some(hint) => anyhow::anyhow!("{error}\n  hint: {hint}"),
        None => anyhow::anyhow!("{error}"),
    }
}

pub fn run(args: Args) -> Result<Verdict> {
    let filter =
        tracing_subscriber::EnvFilter::try_new(&args.log).with_context(|| format!("the log filter '{}'", args.log))?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    if let Some(file) = &args.config {
        tracing::info!(config = %file.display(), "the defaults of the flags come from {}", file.display());
    }
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting")?;
    tokio.block_on(serve(args))
}

async fn serve(args: Args) -> Result<Verdict> {
    let listener = tokio::net::TcpListener::bind(args.listen).await.with_context(|| {
        format!(
            "cannot listen on {}: is another server running there? Choose another address with --listen",
            args.listen
        )
    })?;
    let address = listener.local_addr()?;
    std::fs::create_dir_all(&args.data)
        .with_context(|| format!("cannot create the data folder {}", args.data.display()))?;
    let store = SqliteStore::open(&args.data, SqliteOptions::default()).map_err(|error| explained(&error))?;
    let store: Arc<dyn Store> = Arc::new(store);
    let kept = hookmill_runtime::stored_settings(&*store).await.map_err(|error| explained(&error))?;
    let public_url = args.public_url.or(kept.public_url).unwrap_or_else(|| format!("http://{address}"));
    let public_url = public_url.trim_end_matches('/').to_owned();
    let master = std::env::var("HOOKMILL_MASTER_KEY").ok();
    let vault = Arc::new(Vault::open(&args.data, master.as_deref()).map_err(|error| explained(&error))?);
    let policy = AddressPolicy::new(&args.allow_address, &[], false).context("--allow-address")?;
    let client = Client::new(ClientConfig { policy, ..ClientConfig::default() }).context("the outgoing client")?;
    let config = RuntimeConfig {
        public_url: public_url.clone(),
        body_bytes_max: args.body_bytes_max,
        service_wait: std::time::Duration::from_secs(args.service_wait.max(1)),
        limits: crate::input::limits(args.limits.as_deref())?,
        ..RuntimeConfig::default()
    };
    let runtime = Runtime::start(config, Arc::clone(&store), vault, client).await.map_err(|error| explained(&error))?;
    let setup_token = match args.setup_token {
        Some(token) => token,
        None => hookmill_vault::make_capability().map_err(|error| explained(&error))?.to_string(),
    };
    output::line(format_args!("Hookmill listens on http://{address}"))?;
    if store.users().await.map_err(|error| explained(&error))?.is_empty() {
        output::line(format_args!(
            "Open http://{address}/setup?token={setup_token} in a browser to make the owner's account, or:\n  hookmill setup --url http://{address} --setup-token {setup_token} --name NAME --email EMAIL --password PASSWORD"
        ))?;
    }
    let state = ServerState::new(runtime.clone(), ServerConfig { setup_token, public_url, folder: Some(args.data) });
    hookmill_server::serve(listener, state, stopped()).await.context("serving")?;
    runtime.stop().await;
    Ok(Verdict::Fine)
}

/// Until the terminal or the service manager says so.
async fn stopped() {
    let interrupt = tokio::signal::ctrl_c();
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _ = interrupt.await;
        }
    }
}
