//! Where the database is, how it is reached, and what is asked of each connection.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::StreamExt as _;
use hookmill_store::{DatabaseProblem, StoreError};
use percent_encoding::percent_decode_str;
use tokio::sync::mpsc;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;
use url::Url;

use crate::error::store_error;
use crate::tls::{self, Trust};

/// The schema that has our tables.
pub(crate) const SCHEMA: &str = "hookmill";
/// PostgreSQL 14: the oldest release that is still mended.
const VERSION_MIN: i32 = 14_00_00;
const CONNECT_WAIT: Duration = Duration::from_secs(10);

/// Whether a text names a database rather than a folder.
#[must_use]
pub fn is_address(text: &str) -> bool {
    text.starts_with("postgres://") || text.starts_with("postgresql://")
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Everything that changes.
    Write,
    /// Leases, and what nodes say to each other; nothing there may take long.
    Keep,
    /// Lists and single things; a query that takes longer than 5 s is stopped.
    Read,
}

/// A database.
#[derive(Clone)]
pub(crate) struct Place {
    config: Config,
    tls: MakeRustlsConnect,
    /// The database for people: without password.
    pub(crate) shown: String,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place").field("shown", &self.shown).finish_non_exhaustive()
    }
}

/// The members of an address that are about encryption; the names are those of PostgreSQL's own programs.
#[derive(Default)]
struct Asked {
    mode: Option<String>,
    root: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl Place {
    /// Reads an address such as `postgres://hookmill:secret@db.example.org/hookmill?sslmode=verify-full`.
    ///
    /// `sslmode` means what it means to PostgreSQL's own programs. Where it is not given, other machines must prove who
    /// they are (`verify-full`), and this one need not encrypt (`prefer`).
    ///
    /// # Errors
    /// [`DatabaseProblem::Address`] says what is wrong with it, without repeating a password.
    pub(crate) fn parse(address: &str) -> Result<Self, StoreError> {
        let wrong = |detail: String| StoreError::Database {
            place: "at the given address".to_owned(),
            problem: DatabaseProblem::Address,
            detail,
        };
        if !is_address(address) {
            return Err(wrong("it does not begin with postgres://".to_owned()));
        }
        let (address, asked) = split(address).map_err(wrong)?;
        let mut config: Config =
            address.parse().map_err(|error: tokio_postgres::Error| wrong(plain(&error.to_string())))?;
        if config.get_hosts().is_empty() {
            return Err(wrong("it names no host".to_owned()));
        }
        let Some(database) = config.get_dbname().or(config.get_user()).map(str::to_owned) else {
            return Err(wrong("it names no database".to_owned()));
        };
        if config.get_user().is_none() {
            return Err(wrong("it names no user".to_owned()));
        }
        let is_here = config.get_hosts().iter().all(|host| match host {
            Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback()),
            Host::Unix(_) => true,
        });
        let mode = asked.mode.as_deref().unwrap_or(if is_here { "prefer" } else { "verify-full" });
        let (ssl, trust) = match mode {
            "disable" => (SslMode::Disable, Trust::Anyone),
            "allow" | "prefer" => (SslMode::Prefer, Trust::Anyone),
            // As PostgreSQL's own programs: who names a root certificate wants it to count.
            "require" if asked.root.is_some() => (SslMode::Require, Trust::Authority),
            "require" => (SslMode::Require, Trust::Anyone),
            "verify-ca" => (SslMode::Require, Trust::Authority),
            "verify-full" => (SslMode::Require, Trust::Name),
            other => {
                let modes = "disable, prefer, require, verify-ca, verify-full";
                return Err(wrong(format!("its sslmode \"{other}\" is none of {modes}")));
            }
        };
        config.ssl_mode(ssl).connect_timeout(CONNECT_WAIT).application_name("hookmill");
        config.keepalives_idle(Duration::from_secs(30)).keepalives_interval(Duration::from_secs(5));
        config.keepalives_retries(3).tcp_user_timeout(Duration::from_secs(20));
        let files = asked.certificate.as_deref().zip(asked.key.as_deref());
        let tls = tls::connector(trust, asked.root.as_deref(), files).map_err(wrong)?;
        let host = config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(folder) => folder.display().to_string(),
        });
        let shown = format!("{database} on {}", host.collect::<Vec<_>>().join(", "));
        Ok(Self { config, tls, shown })
    }

    /// Opens a connection. Its own task ends with it.
    pub(crate) async fn connect(&self, for_what: Use) -> Result<Client, StoreError> {
        let (client, connection) = self.opened(for_what).await?;
        tokio::spawn(drive(connection));
        if for_what == Use::Read {
            // Not among the settings that a connection begins with: an address may ask for a server that can be written.
            let read_only = client.batch_execute("SET default_transaction_read_only = on").await;
            read_only.map_err(|error| store_error(&error, &self.shown))?;
        }
        Ok(client)
    }

    /// Opens a connection that hears what is said on a channel; each payload goes to `heard`, which is dropped when the
    /// connection ends.
    pub(crate) async fn connect_listening(
        &self,
        channel: &str,
        heard: mpsc::UnboundedSender<String>,
    ) -> Result<Client, StoreError> {
        let (client, mut connection) = self.opened(Use::Keep).await?;
        tokio::spawn(async move {
            let mut messages = futures_util::stream::poll_fn(move |context| connection.poll_message(context));
            while let Some(Ok(message)) = messages.next().await {
                if let AsyncMessage::Notification(said) = message
                    && heard.send(said.payload().to_owned()).is_err()
                {
                    break;
                }
            }
        });
        let listen = client.batch_execute(&format!("LISTEN {channel}")).await;
        listen.map_err(|error| store_error(&error, &self.shown))?;
        Ok(client)
    }

    async fn opened(&self, for_what: Use) -> Result<(Client, Opened), StoreError> {
        let mut config = self.config.clone();
        // A commit is on the disk before it is answered; what an administrator set to less is refused by `check`.
        let settings = match for_what {
            // A transaction that hangs keeps its shards from being taken over.
            Use::Write => "-c lock_timeout=30000 -c idle_in_transaction_session_timeout=8000".to_owned(),
            Use::Keep => {
                "-c lock_timeout=2000 -c statement_timeout=8000 -c idle_in_transaction_session_timeout=8000".to_owned()
            }
            Use::Read => "-c statement_timeout=5000".to_owned(),
        };
        config.options(format!("-c search_path={SCHEMA} -c client_min_messages=warning {settings}"));
        config.connect(self.tls.clone()).await.map_err(|error| store_error(&error, &self.shown))
    }

    /// Refuses a database that would not keep what it confirms, or that cannot be written.
    pub(crate) async fn check(&self, client: &Client) -> Result<(), StoreError> {
        let refused = |problem: DatabaseProblem, detail: String| StoreError::Database {
            place: self.shown.clone(),
            problem,
            detail,
        };
        let sql = "SELECT current_setting('server_version_num')::int4, current_setting('synchronous_commit'),
                       current_setting('fsync'), pg_is_in_recovery(), current_setting('server_version'),
                       current_setting('default_transaction_read_only'), current_setting('server_encoding'),
                       current_setting('search_path')";
        let row = client.query_typed_one(sql, &[]).await.map_err(|error| store_error(&error, &self.shown))?;
        let setting = |column: usize| row.try_get::<_, String>(column).unwrap_or_default();
        if setting(7) != SCHEMA {
            let detail = "the settings of a session do not reach it".to_owned();
            return Err(refused(DatabaseProblem::Pooler, detail));
        }
        let version: i32 = row.try_get(0).map_err(crate::column::damaged)?;
        if version < VERSION_MIN {
            return Err(refused(DatabaseProblem::Version, format!("it is PostgreSQL {}", setting(4))));
        }
        if row.try_get(3).map_err(crate::column::damaged)? {
            return Err(refused(DatabaseProblem::Standby, "it is a standby".to_owned()));
        }
        if setting(5) == "on" {
            return Err(refused(DatabaseProblem::Standby, "default_transaction_read_only is on".to_owned()));
        }
        if setting(1) == "off" {
            return Err(refused(DatabaseProblem::Unsafe, "synchronous_commit is off".to_owned()));
        }
        if setting(2) == "off" && !self.may_forget() {
            return Err(refused(DatabaseProblem::Unsafe, "fsync is off".to_owned()));
        }
        if setting(6) != "UTF8" {
            return Err(refused(DatabaseProblem::Version, format!("its encoding is {}, not UTF8", setting(6))));
        }
        Ok(())
    }

    /// Whether the address says that the data may be lost: for throw-away databases.
    fn may_forget(&self) -> bool {
        self.config.get_options().is_some_and(|options| options.contains("hookmill.may_forget=on"))
    }
}

type Opened = Connection<Socket, <MakeRustlsConnect as tokio_postgres::tls::MakeTlsConnect<Socket>>::Stream>;

async fn drive(connection: Opened) {
    if let Err(problem) = connection.await {
        tracing::debug!(error = %problem, "a connection to the database ended");
    }
}

/// Takes what is about encryption out of an address; the library knows fewer modes.
fn split(address: &str) -> Result<(String, Asked), String> {
    let Some((before, query)) = address.split_once('?') else {
        return Ok((address.to_owned(), Asked::default()));
    };
    let mut asked = Asked::default();
    let mut rest = Vec::new();
    for member in query.split('&').filter(|member| !member.is_empty()) {
        let (name, value) = member.split_once('=').unwrap_or((member, ""));
        let value = percent_decode_str(value).decode_utf8().map_err(|_| format!("\"{name}\" is not UTF-8"))?;
        match name {
            "sslmode" => asked.mode = Some(value.into_owned()),
            "sslrootcert" => asked.root = Some(value.as_ref().into()),
            "sslcert" => asked.certificate = Some(value.as_ref().into()),
            "sslkey" => asked.key = Some(value.as_ref().into()),
            _ => rest.push(member),
        }
    }
    if asked.certificate.is_some() != asked.key.is_some() {
        return Err("sslcert and sslkey belong together".to_owned());
    }
    let address = if rest.is_empty() { before.to_owned() } else { format!("{before}?{}", rest.join("&")) };
    // Only to have it looked over: the library itself takes much for an address. Several hosts are no address of the web.
    if !address.contains(',') {
        Url::parse(&address).map_err(|problem| problem.to_string())?;
    }
    Ok((address, asked))
}

/// The words of the library without what stands in quotes: it may be a password.
fn plain(problem: &str) -> String {
    problem.split('`').next().unwrap_or(problem).trim_end_matches([' ', ':']).to_owned()
}

#[cfg(test)]
mod tests;
