//! Connections to services: names are looked up by the address policy, TLS trusts what the machine trusts, and all of it
//! together may take so long. Connections are kept and used again.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::resolver::PolicyResolver;
use crate::witness::WitnessBody;

/// How long an unused connection is kept.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// After so long without a packet the other side is asked whether it is still there; three times.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_TRIES: u32 = 3;

/// Connections to services, and the requests on them.
pub(crate) type Pool = Client<Connector, WitnessBody>;

/// How a pool behaves.
pub(crate) struct PoolLimits {
    /// The longest time to name look-up, connection and TLS together.
    pub(crate) connect_timeout: Duration,
    /// Unused connections that are kept for one origin.
    pub(crate) idle_per_origin_max: usize,
    /// The largest head of an answer over HTTP/2, in bytes.
    pub(crate) head_bytes_max: u32,
}

/// Makes a pool; nothing is connected yet. `tls` offers no protocols by ALPN: the pool adds those that it speaks.
pub(crate) fn pool(tls: ClientConfig, resolver: PolicyResolver, limits: &PoolLimits) -> Pool {
    let mut tcp = HttpConnector::new_with_resolver(resolver);
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(limits.connect_timeout));
    tcp.set_keepalive(Some(KEEPALIVE));
    tcp.set_keepalive_interval(Some(KEEPALIVE));
    tcp.set_keepalive_retries(Some(KEEPALIVE_TRIES));
    let inner =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_all_versions().wrap_connector(tcp);
    Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_MAX)
        .pool_max_idle_per_host(limits.idle_per_origin_max)
        .http2_adaptive_window(true)
        .http2_max_header_list_size(limits.head_bytes_max)
        .build(Connector { inner, limit: limits.connect_timeout })
}

/// A connection was not made in time.
#[derive(Debug)]
pub(crate) struct ConnectTimedOut;

impl fmt::Display for ConnectTimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection was not made in time")
    }
}

impl StdError for ConnectTimedOut {}

/// Connects within the time that is allowed.
#[derive(Clone)]
pub(crate) struct Connector {
    inner: HttpsConnector<HttpConnector<PolicyResolver>>,
    limit: Duration,
}

type BoxError = Box<dyn StdError + Send + Sync>;
type Connection = MaybeHttpsStream<TokioIo<TcpStream>>;

impl Service<Uri> for Connector {
    type Response = Connection;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Connection, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        let (connecting, limit) = (self.inner.call(address), self.limit);
        Box::pin(async move {
            tokio::time::timeout(limit, connecting).await.unwrap_or_else(|_| Err(ConnectTimedOut.into()))
        })
    }
}
