//! `hookmill serve`: opens the data folder, wires the parts, and runs them until it is told to stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args as ClapArgs;
use hookmill_http::{AddressPolicy, Client, ClientConfig};
use hookmill_model::Explain;
use hookmill_runtime::{Runtime, RuntimeConfig};
use hookmill_server::{ConnectionLimits, ServerConfig, ServerState, Stop, TrustedProxies};
use hookmill_store::{Change, Lane, Store};
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
    /// Where services reach webhooks and flows: a host name of its own, so that what flows answer shares nothing with
    /// the interface; the public URL where not given
    #[arg(long, env = "HOOKMILL_HOOKS_URL", value_name = "URL")]
    hooks_url: Option<String>,
    /// Hosts, addresses and networks that flows may call although they are not public; may be repeated
    #[arg(long, env = "HOOKMILL_ALLOW_ADDRESS", value_delimiter = ',', value_name = "HOST|CIDR")]
    allow_address: Vec<String>,
    /// A browser that does not use its session for so long is signed out
    #[arg(long, env = "HOOKMILL_SESSION_IDLE", default_value_t = 12, value_name = "HOURS")]
    session_idle: u64,
    /// Proxies whose X-Forwarded-For is believed, by address or network; may be repeated
    #[arg(long, env = "HOOKMILL_TRUSTED_PROXY", value_delimiter = ',', value_name = "ADDR|CIDR")]
    trusted_proxy: Vec<String>,
    /// More connections at a time close the oldest idle one, or are refused with 503
    #[arg(long, env = "HOOKMILL_CONNECTIONS_MAX", default_value_t = 10_000, value_name = "COUNT")]
    connections_max: usize,
    /// More connections at a time from one address are refused; loopback and trusted proxies have no such bound
    #[arg(long, env = "HOOKMILL_CONNECTIONS_PER_SOURCE", default_value_t = 256, value_name = "COUNT")]
    connections_per_source: usize,
    /// When told to stop, requests under way have this long to end; being told twice stops at once
    #[arg(long, env = "HOOKMILL_STOP_WAIT", default_value_t = 8, value_name = "SECONDS")]
    stop_wait: u64,
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
    /// Make a new master key although the old one is lost: connections and webhooks must be made again
    #[arg(long)]
    new_master_key: bool,
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

/// The setting that says that the store holds values which were sealed with a master key.
const VAULT_SETTING: &str = "vault";

/// Whether a new master key would be too late. Stores of older releases have no mark; they hold sealed values as soon
/// as they have an account.
async fn holds_sealed(store: &dyn Store) -> Result<bool, hookmill_store::StoreError> {
    Ok(store.setting(VAULT_SETTING).await?.is_some() || !store.users().await?.is_empty())
}

async fn serve(args: Args) -> Result<Verdict> {
    // What this process makes, the database and its copies above all, is for its own user only.
    crate::data::keep_private();
    let mut stop = signals();
    let connections = ConnectionLimits {
        connections_max: connections_max(args.connections_max)?,
        connections_per_source_max: args.connections_per_source,
        stop_wait: std::time::Duration::from_secs(args.stop_wait),
        ..ConnectionLimits::default()
    };
    let trusted_proxies = TrustedProxies::new(&args.trusted_proxy).context("--trusted-proxy")?;
    let listener = tokio::net::TcpListener::bind(args.listen).await.with_context(|| {
        format!(
            "cannot listen on {}: is another server running there? Choose another address with --listen",
            args.listen
        )
    })?;
    let address = listener.local_addr()?;
    crate::data::make_private(&args.data)?;
    let store = SqliteStore::open(&args.data, SqliteOptions::default()).map_err(|error| explained(&error))?;
    let store: Arc<dyn Store> = Arc::new(store);
    let kept = hookmill_runtime::stored_settings(&*store).await.map_err(|error| explained(&error))?;
    let public_url = args.public_url.or(kept.public_url).unwrap_or_else(|| format!("http://{address}"));
    let public_url = public_url.trim_end_matches('/').to_owned();
    let hooks_url = args.hooks_url.as_deref().map(|url| own_host(url, &public_url)).transpose()?;
    let master = std::env::var("HOOKMILL_MASTER_KEY").ok();
    let holds_sealed = !args.new_master_key && holds_sealed(&*store).await.map_err(|error| explained(&error))?;
    let vault = Vault::open_beside(&args.data, master.as_deref(), holds_sealed).map_err(|error| explained(&error))?;
    let vault = Arc::new(vault);
    let mark = Change::PutSetting(VAULT_SETTING.to_owned(), "in use".into());
    store.commit(mark.into(), Lane::Work).await.map_err(|error| explained(&error))?;
    let policy = AddressPolicy::new(&args.allow_address, &[], false).context("--allow-address")?;
    let client = Client::new(ClientConfig { policy, ..ClientConfig::default() }).context("the outgoing client")?;
    let config = RuntimeConfig {
        public_url: public_url.clone(),
        hooks_url: hooks_url.clone(),
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
    let folder = Some(args.data);
    let session_idle = std::time::Duration::from_secs(args.session_idle.max(1).saturating_mul(3_600));
    let config =
        ServerConfig { setup_token, public_url, hooks_url, folder, session_idle, connections, trusted_proxies };
    let state = ServerState::new(runtime.clone(), config);
    let (stopping, mut told) = (runtime.clone(), stop.clone());
    tokio::spawn(async move {
        if told.wait_for(|stop| *stop != Stop::No).await.is_ok() {
            stopping.begin_to_stop();
        }
    });
    tokio::spawn(end_with(Arc::clone(&store)));
    hookmill_server::serve(listener, state, stop.clone()).await.context("serving")?;
    tokio::select! {
        () = runtime.stop(std::time::Duration::from_secs(args.stop_wait)) => {}
        // All that was answered is on disk, so nothing is lost by ending here.
        _ = stop.wait_for(|stop| *stop == Stop::AtOnce) => {}
    }
    Ok(Verdict::Fine)
}

/// Ends the process once nothing can be written any more: whoever supervises it starts it anew, and what was not
/// confirmed is read from the disk.
async fn end_with(store: Arc<dyn Store>) {
    let problem = store.broken().await;
    // Nobody may be reading; the exit code says it too.
    let _ = output::note(format_args!("{problem}. The server ends, so that it begins again from what is on the disk."));
    std::process::exit(EXIT_DISK);
}

/// The exit code where the disk did not confirm a write: an error of input or output, as `sysexits.h` numbers it.
const EXIT_DISK: i32 = 74;

/// The address of flows without a slash at the end. Cookies do not tell ports apart, so the host must be another one.
fn own_host(url: &str, public_url: &str) -> Result<String> {
    let read = |url: &str| hookmill_http::Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let hooks = read(url).filter(|url| url.path() == "/" && url.query().is_none());
    let hooks =
        hooks.with_context(|| format!("--hooks-url is not an address such as https://hooks.example.org: {url}"))?;
    let shared = read(public_url).is_some_and(|public| public.host_str() == hooks.host_str());
    anyhow::ensure!(!shared, "--hooks-url must have a host name of its own; {public_url} is on the same host");
    Ok(hooks.as_str().trim_end_matches('/').to_owned())
}

/// Files that are not connections: the database, outgoing calls, standard streams.
const OTHER_FILES: u64 = 512;

/// Lets the process open as many files as the system allows, and gives how many of them may be connections.
fn connections_max(wanted: usize) -> Result<usize> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: now.maximum, ..now });
    let Some(files) = getrlimit(Resource::Nofile).current else { return Ok(wanted) };
    let possible = usize::try_from(files.saturating_sub(OTHER_FILES).max(files / 2)).unwrap_or(usize::MAX);
    if possible < wanted {
        tracing::warn!(
            files,
            possible,
            "the system lets this process open {files} files, so that it takes {possible} connections at a time"
        );
    }
    anyhow::ensure!(wanted > 0, "--connections-max must be at least 1");
    Ok(wanted.min(possible))
}

/// What the terminal or the service manager says: the first signal stops in order, the second one at once.
fn signals() -> tokio::sync::watch::Receiver<Stop> {
    let (sender, receiver) = tokio::sync::watch::channel(Stop::No);
    let terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
    tokio::spawn(async move {
        let mut terminate = terminate.ok();
        for stop in [Stop::Orderly, Stop::AtOnce] {
            let told = async {
                match &mut terminate {
                    Some(terminate) => terminate.recv().await.unwrap_or_default(),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                () = told => {}
            }
            sender.send_replace(stop);
        }
        std::future::pending::<()>().await;
    });
    receiver
}
