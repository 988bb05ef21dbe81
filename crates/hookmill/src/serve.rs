//! `hookmill serve`: opens the data folder, wires the parts, and runs them until it is told to stop.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args as ClapArgs;
use hookmill_http::{AddressPolicy, Client, ClientConfig};
use hookmill_model::Explain;
use hookmill_runtime::{Runtime, RuntimeConfig};
use hookmill_server::{ConnectionLimits, ServerConfig, ServerState, Stop, TrustedProxies};
use hookmill_store::{Change, Lane, Store};
use hookmill_store_postgres::{PostgresOptions, PostgresStore};
use hookmill_store_sqlite::{SqliteOptions, SqliteStore};
use hookmill_vault::{LostKey, Vault};
use tokio::sync::watch;

use crate::output::{self, Verdict};
use crate::{measures, otlp};

#[derive(ClapArgs)]
#[command(
    after_help = "Examples:\n  hookmill serve\n  hookmill serve --listen 0.0.0.0:7780 --public-url https://hooks.example.org\n  hookmill serve --allow-address 10.0.0.0/8\n  HOOKMILL_STORE=postgres://hookmill:PASSWORD@db.example.org/hookmill hookmill serve"
)]
pub struct Args {
    /// A TOML file with these flags by name, such as `listen = "0.0.0.0:7780"`; environment and flags come before it
    #[arg(long, env = "HOOKMILL_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder with the master key, and with the database unless --store names another one
    #[arg(long, env = "HOOKMILL_DATA", default_value = "./hookmill-data", value_name = "DIR")]
    data: PathBuf,
    /// A PostgreSQL database in place of the file in the data folder, such as postgres://hookmill@db.example.org/hookmill;
    /// a password in it is seen by who lists processes, so give it by the environment or the configuration file
    #[arg(long, env = "HOOKMILL_STORE", hide_env_values = true, value_name = "URL")]
    store: Option<String>,
    /// Connections to the PostgreSQL database that read; one more writes
    #[arg(long, env = "HOOKMILL_STORE_READERS", default_value_t = 8, value_name = "COUNT")]
    store_readers: usize,
    /// Not needed any more: servers with the same --store share the work
    #[arg(long, env = "HOOKMILL_STANDBY", hide = true)]
    standby: bool,
    /// What this server is called among those with the same --store; the name of the machine and the address where not
    /// given
    #[arg(long, env = "HOOKMILL_NODE_NAME", value_name = "NAME")]
    node_name: Option<String>,
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
    /// Where the files of the gallery's public connectors are, in place of GitHub: a folder or an address with a copy of the collection
    #[arg(long, env = "HOOKMILL_GALLERY", value_name = "FOLDER|URL")]
    gallery: Option<String>,
    /// More connections at a time close the oldest idle one, or are refused with 503
    #[arg(long, env = "HOOKMILL_CONNECTIONS_MAX", default_value_t = 10_000, value_name = "COUNT")]
    connections_max: usize,
    /// More connections at a time from one address are refused; loopback and trusted proxies have no such bound
    #[arg(long, env = "HOOKMILL_CONNECTIONS_PER_SOURCE", default_value_t = 256, value_name = "COUNT")]
    connections_per_source: usize,
    /// When told to stop, requests and runs under way have this long to end; being told twice stops at once
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
    /// Where Prometheus reads what is measured, under /metrics, without signing in; keep it from the public
    #[arg(long, env = "HOOKMILL_METRICS_LISTEN", value_name = "ADDR")]
    metrics_listen: Option<SocketAddr>,
    /// A collector of OpenTelemetry that gets traces and measures by OTLP over HTTP, such as http://127.0.0.1:4318; other
    /// variables of OpenTelemetry say how
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    otlp_endpoint: Option<String>,
    /// What to log, such as `info` or `hookmill_runtime=debug`
    #[arg(long, env = "HOOKMILL_LOG", default_value = "warn", value_name = "FILTER")]
    log: String,
    /// How to log: lines for people, or JSON with one object a line
    #[arg(long, env = "HOOKMILL_LOG_FORMAT", default_value = "text", value_name = "text|json")]
    log_format: LogFormat,
}

/// The form of the log.
#[derive(Clone, Copy, clap::ValueEnum)]
enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
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
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match args.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).with_current_span(false).init(),
    }
    if let Some(file) = &args.config {
        tracing::info!(config = %file.display(), "the defaults of the flags come from {}", file.display());
    }
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting")?;
    let ended = tokio.block_on(serve(args));
    // A computation that nobody waits for any more does not hold the end up.
    tokio.shutdown_background();
    ended
}

/// The setting that says that the store holds values which were sealed with a master key.
pub const VAULT_SETTING: &str = "vault";
/// How long the mark of a master key is.
const MARK_DIGITS: usize = 64;

/// Whether a new master key would be too late. Stores of older releases have no mark; they hold sealed values as soon
/// as they have an account.
async fn holds_sealed(store: &dyn Store) -> Result<bool, hookmill_store::StoreError> {
    Ok(store.setting(VAULT_SETTING).await?.is_some() || !store.users().await?.is_empty())
}

/// The mark of the master key that the store was last used with; earlier releases say only that there is a key.
async fn known_mark(store: &dyn Store) -> std::result::Result<Option<String>, hookmill_store::StoreError> {
    let known = store.setting(VAULT_SETTING).await?.filter(|known| known.len() == MARK_DIGITS);
    Ok(known.and_then(|known| String::from_utf8(known.to_vec()).ok()))
}

/// Marks the store as one that holds sealed values, and refuses a master key that is not the one of the servers beside
/// this one.
async fn same_key(store: &dyn Store, vault: &Vault) -> Result<()> {
    let told = |error: hookmill_store::StoreError| explained(&error);
    let mark = vault.mark();
    // With a key given up on purpose the new one counts.
    let known = known_mark(store).await.map_err(told)?;
    let others = store.nodes().await.map_err(told)?.into_iter().any(|node| !node.is_this && node.shards > 0);
    if known.is_some_and(|known| known != mark) && others {
        anyhow::bail!(
            "the servers that work with {} have another master key\n  hint: Give all of them the same HOOKMILL_MASTER_KEY, \
             or the same master.key in their data folders.",
            store.location()
        );
    }
    let change = Change::PutSetting(VAULT_SETTING.to_owned(), mark.into());
    store.commit(change.into(), Lane::Work).await.map_err(told)?;
    Ok(())
}

/// How the database of `--store` is worked with.
fn postgres(store: &str, args: &Args, address: SocketAddr) -> Result<PostgresOptions> {
    anyhow::ensure!(
        hookmill_store_postgres::is_address(store),
        "--store takes an address such as postgres://hookmill@db.example.org/hookmill; a folder is given with --data"
    );
    anyhow::ensure!(args.store_readers > 0, "--store-readers must be at least 1");
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = args.node_name.clone().unwrap_or_else(|| format!("{} ({address})", host.trim()));
    Ok(PostgresOptions { readers: args.store_readers, name, ..PostgresOptions::at(store) })
}

/// Opens the store: the database, or the file in the data folder.
async fn opened(options: Option<PostgresOptions>, folder: &Path) -> Result<Arc<dyn Store>> {
    Ok(match options {
        Some(options) => Arc::new(PostgresStore::open(options).await.map_err(|error| explained(&error))?),
        None => Arc::new(SqliteStore::open(folder, SqliteOptions::default()).map_err(|error| explained(&error))?),
    })
}

async fn serve(args: Args) -> Result<Verdict> {
    // What this process makes, the database and its copies above all, is for its own user only.
    crate::data::keep_private();
    anyhow::ensure!(
        !args.standby,
        "--standby is not needed any more: servers with the same --store share the work, and each takes over what another \
         one leaves\n  hint: Leave the flag out, and HOOKMILL_STANDBY."
    );
    let stop_wait = Duration::from_secs(args.stop_wait);
    let (mut stop, stopped_at) = signals(stop_wait)?;
    let connections = ConnectionLimits {
        connections_max: connections_max(args.connections_max)?,
        connections_per_source_max: args.connections_per_source,
        stop_wait,
        ..ConnectionLimits::default()
    };
    let trusted_proxies = TrustedProxies::new(&args.trusted_proxy).context("--trusted-proxy")?;
    let listener = hookmill_server::listen(args.listen).with_context(|| {
        format!(
            "cannot listen on {}: is another server running there? Choose another address with --listen",
            args.listen
        )
    })?;
    let address = listener.local_addr()?;
    let asked_at = args.metrics_listen.map(measures::listen).transpose()?;
    let instance = args.node_name.clone().unwrap_or_else(|| address.to_string());
    let exported =
        otlp::Settings::read(args.otlp_endpoint.as_deref().filter(|url| !url.is_empty()), &instance, |name| {
            std::env::var(name).ok()
        })?;
    let measured = (asked_at.is_some() || exported.is_some()).then(measures::begin).transpose()?;
    let (spans, noted) = otlp::queue();
    crate::data::make_private(&args.data)?;
    let options = args.store.as_deref().map(|store| postgres(store, &args, address)).transpose()?;
    let node = options.as_ref().map(|options| options.name.clone()).unwrap_or_default();
    let store = opened(options, &args.data).await?;
    let moving = store.setting(hookmill_store::tables::MARK).await.map_err(|error| explained(&error))?;
    anyhow::ensure!(
        moving.is_none(),
        "a move into {} has not ended\n  hint: Give the command hookmill migrate-store again; it goes on where it was broken off.",
        store.location()
    );
    let kept = match hookmill_runtime::stored_settings(&*store).await {
        // The server starts all the same: its pages say what is damaged, and take new settings.
        Err(hookmill_runtime::Error::Damaged(damaged)) => {
            tracing::error!(%damaged, "the server starts as if nothing had been set");
            hookmill_runtime::Settings::default()
        }
        kept => kept.map_err(|error| explained(&error))?,
    };
    let public_url = args.public_url.or(kept.public_url).unwrap_or_else(|| format!("http://{address}"));
    let public_url = public_url.trim_end_matches('/').to_owned();
    let hooks_url = args.hooks_url.as_deref().map(|url| own_host(url, &public_url)).transpose()?;
    let master = std::env::var("HOOKMILL_MASTER_KEY").ok();
    let lost = if args.new_master_key {
        LostKey::GivenUp
    } else if holds_sealed(&*store).await.map_err(|error| explained(&error))? {
        LostKey::Needed
    } else {
        LostKey::Unheard
    };
    let known = known_mark(&*store).await.map_err(|error| explained(&error))?;
    let vault = Vault::open_known(&args.data, master.as_deref(), lost, known.as_deref());
    let vault = Arc::new(vault.map_err(|error| explained(&error))?);
    same_key(&*store, &vault).await?;
    let policy = AddressPolicy::new(&args.allow_address, &[], false).context("--allow-address")?;
    let client = Client::new(ClientConfig { policy, ..ClientConfig::default() }).context("the outgoing client")?;
    let clock = match store.clock().await.map_err(|error| explained(&error))? {
        Some(shown) => {
            let (clock, difference) = hookmill_runtime::Clock::agreeing(shown);
            if let Some(millis) = difference {
                tracing::warn!(millis, "the clock of this machine differs from the database's, which counts");
            }
            clock
        }
        None => hookmill_runtime::Clock::default(),
    };
    let config = RuntimeConfig {
        clock,
        public_url: public_url.clone(),
        hooks_url: hooks_url.clone(),
        body_bytes_max: args.body_bytes_max,
        service_wait: Duration::from_secs(args.service_wait.max(1)),
        limits: crate::input::limits(args.limits.as_deref())?,
        node,
        spans: exported.as_ref().is_some_and(otlp::Settings::wants_spans).then_some(spans),
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
    // Copies are made of the database in the folder; a database server has means of its own for them.
    let folder = args.store.is_none().then_some(args.data);
    let session_idle = Duration::from_secs(args.session_idle.max(1).saturating_mul(3_600));
    let gallery = args.gallery.unwrap_or_else(hookmill_server::usual_gallery);
    let config = ServerConfig {
        setup_token,
        public_url,
        hooks_url,
        folder,
        session_idle,
        connections,
        trusted_proxies,
        gallery,
    };
    let state = ServerState::new(runtime.clone(), config);
    if let Some((listener, handle)) = asked_at.zip(measured.clone()) {
        output::line(format_args!("Hookmill is measured on http://{}/metrics", listener.local_addr()?))?;
        let serving = hookmill_server::serve_metrics(listener, state.clone(), move || handle.render());
        tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "what is measured is not served any more");
            }
        });
    }
    let exporter = match exported.zip(measured) {
        Some((settings, handle)) => {
            Some(otlp::Exporter::begin(settings, noted, handle, (runtime.clone(), state.clone()))?)
        }
        None => None,
    };
    let (stopping, mut told) = (runtime.clone(), stop.clone());
    tokio::spawn(async move {
        if told.wait_for(|stop| *stop != Stop::No).await.is_ok() {
            stopping.begin_to_stop();
        }
    });
    tokio::spawn(end_with(Arc::clone(&store)));
    hookmill_server::serve(listener, state, stop.clone()).await.context("serving")?;
    // Requests and runs have one deadline.
    let left = stop_wait.saturating_sub(stopped_at.get().map_or(Duration::ZERO, Instant::elapsed));
    tokio::select! {
        () = runtime.stop(left) => {}
        // All that was answered is on disk, so nothing is lost by ending here.
        _ = stop.wait_for(|stop| *stop == Stop::AtOnce) => {}
    }
    if let Some(exporter) = exporter {
        exporter.end(END_WAIT / 2).await;
    }
    Ok(Verdict::Fine)
}

/// Ends the process once nothing can be written any more: whoever supervises it starts it anew, and what was not
/// confirmed is read from the disk.
async fn end_with(store: Arc<dyn Store>) {
    let problem = store.broken().await;
    // Nobody may be reading; the exit code says it too.
    let _ = output::note(format_args!("{problem}. The server ends, so that it begins again from what is stored."));
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

/// After its deadline, or a second signal, the process has this long to close its files.
const END_WAIT: Duration = Duration::from_secs(1);

/// What the terminal or the service manager says: the first signal stops in order, the second one at once. Gives how far
/// the stop has come, and when it began.
///
/// The signals are waited for on a thread of their own, so that they are heard whatever keeps the others busy. Where the
/// process has not ended when its time is over, that thread ends it: what was confirmed is on the disk.
fn signals(stop_wait: Duration) -> Result<(watch::Receiver<Stop>, Arc<OnceLock<Instant>>)> {
    use tokio::signal::unix::{SignalKind, signal};
    let (sender, receiver) = watch::channel(Stop::No);
    let begun = Arc::<OnceLock<Instant>>::default();
    let noted = Arc::clone(&begun);
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting")?;
    let (mut terminate, mut interrupt) = {
        let _inside = tokio.enter();
        (signal(SignalKind::terminate()).context("SIGTERM")?, signal(SignalKind::interrupt()).context("SIGINT")?)
    };
    let listen = move || {
        tokio.block_on(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            let _ = noted.set(Instant::now());
            sender.send_replace(Stop::Orderly);
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                () = tokio::time::sleep(stop_wait + END_WAIT) => {}
            }
            sender.send_replace(Stop::AtOnce);
            tokio::time::sleep(END_WAIT).await;
        });
        // Nobody may be reading.
        let _ =
            output::note(format_args!("The server did not stop in time and is ended; what it confirmed is stored."));
        std::process::exit(0);
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(listen).context("starting")?;
    Ok((receiver, begun))
}
