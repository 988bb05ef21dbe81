//! Sends one request and gives one answer.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hookmill_model::{Code, Explain, Fault};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use http_body_util::BodyExt as _;
use url::Url;

use crate::answer_body::{AnswerBody, BodyError};
use crate::connect::{self, Pool, PoolLimits};
use crate::error::origin_text;
use crate::gate::Gate;
use crate::redirect;
use crate::resolver::PolicyResolver;
use crate::tls::Trust;
use crate::witness::{Sent, WitnessBody};
use crate::{AddressPolicy, Identity, Request, Response, SendError, SendErrorKind};

/// The largest head of an answer.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// The longest address.
const URL_BYTES_MAX: usize = 16 * 1024;
/// How many ports keep a pool of connections.
const PORTS_KEPT: usize = 64;

/// Headers that belong to the connection and are never taken from a request.
const CONNECTION_HEADERS: [&str; 10] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
    "expect",
];

/// How the client behaves; [`ClientConfig::default`] has the product's limits.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Who may be called.
    pub policy: AddressPolicy,
    /// Sent where a request has no `User-Agent`.
    pub user_agent: String,
    /// The longest time to name look-up, connection and TLS together.
    pub connect_timeout: Duration,
    /// The longest time to the complete answer, where a request says nothing else.
    pub timeout: Duration,
    /// The largest body of an answer after decompression, where a request says nothing else.
    pub response_bytes_max: usize,
    /// How many redirects are followed where a request wants it.
    pub redirects_max: u32,
    /// How many requests may be under way to one origin.
    pub requests_per_origin_max: usize,
    /// How many requests may be under way in all.
    pub requests_max: usize,
    /// Certificate authorities to trust beside those of the machine, in PEM; empty for none.
    pub extra_roots_pem: Vec<u8>,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            policy: AddressPolicy::default(),
            user_agent: concat!("Hookmill/", env!("CARGO_PKG_VERSION")).to_owned(),
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(120),
            response_bytes_max: 10 * 1024 * 1024,
            redirects_max: 5,
            requests_per_origin_max: 32,
            requests_max: 512,
            extra_roots_pem: Vec::new(),
        }
    }
}

/// The client cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("outgoing requests cannot be made: {0}")]
pub struct ClientError(pub String);

impl Explain for ClientError {
    fn code(&self) -> Code {
        "outbound_config_invalid"
    }

    fn fault(&self) -> Fault {
        Fault::Operator
    }

    fn hint(&self) -> Option<String> {
        Some(
            "Check the [outbound] section of the configuration and the certificate authorities of this machine."
                .to_owned(),
        )
    }
}

/// The one way out. Clones share connections and limits.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    config: ClientConfig,
    user_agent: HeaderValue,
    policy: Arc<AddressPolicy>,
    trust: Trust,
    gate: Gate,
    /// One pool per port, since the resolver learns the name only and exceptions may be bound to a port.
    pools: Mutex<BTreeMap<u16, Pool>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

/// How far a request has come; read when its time runs out.
#[derive(Default)]
struct Progress {
    /// It has its place.
    entered: AtomicBool,
    /// A service has answered already, with a redirect.
    answered: AtomicBool,
    sent: Mutex<Sent>,
}

impl Progress {
    fn maybe_sent(&self) -> bool {
        self.answered.load(Ordering::Acquire) || self.sent.lock().unwrap_or_else(PoisonError::into_inner).maybe()
    }
}

struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Client {
    /// Makes the client. Nothing is connected yet.
    ///
    /// # Errors
    /// Where the extra certificate authorities or the user agent cannot be used.
    pub fn new(config: ClientConfig) -> Result<Self, ClientError> {
        let user_agent = HeaderValue::from_str(&config.user_agent)
            .map_err(|_| ClientError("the user agent holds characters that a header cannot carry".to_owned()))?;
        let trust = Trust::new(&config.extra_roots_pem).map_err(ClientError)?;
        let shared = Shared {
            user_agent,
            policy: Arc::new(config.policy.clone()),
            trust,
            gate: Gate::new(config.requests_per_origin_max, config.requests_max),
            pools: Mutex::new(BTreeMap::new()),
            config,
        };
        // Builds one pool now, so that a wrong configuration is seen at the start.
        shared.pool(443).map_err(ClientError)?;
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The policy, to check an address before it is stored.
    #[must_use]
    pub fn policy(&self) -> &AddressPolicy {
        &self.shared.policy
    }

    /// Sends the request and reads the complete answer, whatever its status.
    ///
    /// # Errors
    /// [`SendError`] where there is no complete answer.
    pub async fn send(&self, request: Request) -> Result<Response, SendError> {
        let limit = request.timeout.unwrap_or(self.shared.config.timeout);
        let url = parsed(&request.url)?;
        let origin = origin_text(&url);
        let progress = Progress::default();
        match tokio::time::timeout(limit, Box::pin(self.shared.perform(request, url, limit, &progress))).await {
            Ok(ended) => ended,
            Err(_) if !progress.entered.load(Ordering::Acquire) && !progress.maybe_sent() => {
                let seconds = limit.as_secs_f64();
                let message =
                    format!("All places for requests to {origin} stayed taken for {seconds} s; nothing was sent");
                Err(SendError::new(SendErrorKind::Busy, message))
            }
            Err(_) => Err(SendError::timed_out(&origin, limit, progress.maybe_sent())),
        }
    }
}

/// The address of a request.
fn parsed(address: &str) -> Result<Url, SendError> {
    let invalid = |words: String| SendError::new(SendErrorKind::InvalidUrl, words);
    if address.len() > URL_BYTES_MAX {
        return Err(invalid(format!("The address is longer than {URL_BYTES_MAX} bytes")));
    }
    Url::parse(address).map_err(|error| invalid(format!("This is not an address that can be called: {error}")))
}

impl Shared {
    async fn perform(
        &self,
        mut request: Request,
        mut url: Url,
        limit: Duration,
        progress: &Progress,
    ) -> Result<Response, SendError> {
        let started = Instant::now();
        let mut redirects = 0;
        loop {
            let reply = self.exchange(&request, &url, limit, progress).await;
            let reply = reply.map_err(|error| error.sent(progress.maybe_sent()))?;
            progress.answered.store(true, Ordering::Release);
            match redirect::target(&request, &url, reply.status, &reply.headers) {
                None => {
                    let Reply { status, headers, body } = reply;
                    return Ok(Response { status, headers, body, elapsed: started.elapsed(), url, redirects });
                }
                Some(_) if redirects >= self.config.redirects_max => {
                    let message = format!("{} leads on after {redirects} redirects", origin_text(&url));
                    return Err(SendError::new(SendErrorKind::TooManyRedirects, message).sent(true));
                }
                Some(next) => {
                    redirect::follow(&mut request, &url, &next, reply.status);
                    url = next;
                    redirects += 1;
                }
            }
        }
    }

    /// One hop: policy, place, connection, answer.
    async fn exchange(
        &self,
        request: &Request,
        url: &Url,
        limit: Duration,
        progress: &Progress,
    ) -> Result<Reply, SendError> {
        self.policy.check_url(url)?;
        let origin = origin_text(url);
        progress.entered.store(false, Ordering::Release);
        let place = self.gate.enter(&origin).await;
        progress.entered.store(true, Ordering::Release);

        let sent = Sent::default();
        sent.clone_into(&mut progress.sent.lock().unwrap_or_else(PoisonError::into_inner));
        let unfit = |words: String| SendError::new(SendErrorKind::InvalidRequest, words);
        let client = match &request.identity {
            None => self.pool(url.port_or_known_default().unwrap_or_default()),
            // Not kept: a connection with a certificate must never serve another request.
            Some(identity) => self.build(url.port_or_known_default().unwrap_or_default(), Some(identity)),
        };
        let client = client.map_err(unfit)?;
        let address = Uri::try_from(url.as_str())
            .map_err(|error| unfit(format!("The request to {origin} cannot be sent: {error}")))?;
        let mut outgoing = http::Request::new(WitnessBody::new(request.body.clone(), sent));
        *outgoing.method_mut() = request.method.clone();
        *outgoing.uri_mut() = address;
        *outgoing.headers_mut() = self.headers(request);
        let response = client.request(outgoing).await.map_err(|error| {
            let (connecting, maybe_sent) = (error.is_connect(), progress.maybe_sent());
            SendError::from_transport(url, limit, &error, connecting, maybe_sent)
        })?;
        let (head, mut incoming) = response.into_parts();
        let (status, mut headers) = (head.status, head.headers);
        let head_bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        if head_bytes > HEAD_BYTES_MAX {
            let message = format!("The head of the answer of {origin} is larger than {HEAD_BYTES_MAX} bytes");
            return Err(SendError::new(SendErrorKind::ResponseTooLarge, message));
        }

        let bytes_max = request.response_bytes_max.unwrap_or(self.config.response_bytes_max);
        let unreadable = |error: BodyError| match error {
            BodyError::TooLarge => {
                let message = format!("The answer of {origin} is larger than {bytes_max} bytes");
                SendError::new(SendErrorKind::ResponseTooLarge, message)
            }
            BodyError::Damaged(error) => {
                let message = format!("The compressed answer of {origin} cannot be read: {error}");
                SendError::new(SendErrorKind::InvalidResponse, message)
            }
        };
        let mut body = AnswerBody::new(&mut headers, bytes_max);
        while let Some(frame) = incoming.frame().await {
            let frame =
                frame.map_err(|error| SendError::from_transport(url, limit, &error, false, progress.maybe_sent()))?;
            // Trailers say nothing that anybody asks for.
            if let Ok(chunk) = frame.into_data() {
                body.push(&chunk).map_err(unreadable)?;
            }
        }
        let body = body.finish().map_err(unreadable)?;
        drop(place);
        Ok(Reply { status, headers, body })
    }

    fn headers(&self, request: &Request) -> HeaderMap {
        let mut headers = request.headers.clone();
        for name in CONNECTION_HEADERS {
            headers.remove(name);
        }
        if !headers.contains_key(header::USER_AGENT) {
            headers.insert(header::USER_AGENT, self.user_agent.clone());
        }
        if !headers.contains_key(header::ACCEPT_ENCODING) && !headers.contains_key(header::RANGE) {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if !headers.contains_key(header::ACCEPT) {
            headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        }
        // Some services answer 411 to a POST that does not say that it has no body.
        let expects_body = matches!(request.method, Method::POST | Method::PUT | Method::PATCH);
        if request.body.is_empty() && expects_body {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        headers
    }

    fn pool(&self, port: u16) -> Result<Pool, String> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = pools.get(&port) {
            return Ok(known.clone());
        }
        let fresh = self.build(port, None)?;
        if pools.len() >= PORTS_KEPT {
            // Requests under way keep their own handle; the usual ports come back at once.
            pools.clear();
        }
        pools.insert(port, fresh.clone());
        Ok(fresh)
    }

    fn build(&self, port: u16, identity: Option<&Arc<Identity>>) -> Result<Pool, String> {
        let limits = PoolLimits {
            connect_timeout: self.config.connect_timeout,
            idle_per_origin_max: self.config.requests_per_origin_max,
            head_bytes_max: u32::try_from(HEAD_BYTES_MAX).unwrap_or(u32::MAX),
        };
        let tls = self.trust.config(identity.map(AsRef::as_ref))?;
        Ok(connect::pool(tls, PolicyResolver { policy: Arc::clone(&self.policy), port }, &limits))
    }
}
