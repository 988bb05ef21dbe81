//! The service that the jobs call: it answers at once, and notes when which text arrived.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Result;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::routing::{any, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde_json::Value;

use crate::job::{DIGITS, MARK};

/// The numbers of the texts that arrived, and when.
type Arrivals = Arc<Mutex<Vec<(u64, Instant)>>>;
/// The address that the webhook created last is to call.
type Subscribed = Arc<Mutex<String>>;

/// A running sink.
pub struct Sink {
    /// Where it listens, as `http://address`.
    pub url: String,
    arrivals: Arrivals,
    serving: tokio::task::JoinHandle<()>,
}

impl Sink {
    /// Starts one on a free port of this machine.
    pub async fn start() -> Result<Self> {
        let arrivals = Arrivals::default();
        let texts = Router::new()
            .route("/text", post(text))
            .route("/silent", any(silent))
            .fallback(any(|| async { StatusCode::OK }))
            .with_state(Arc::clone(&arrivals));
        let hooks = Router::new().route("/hooks", post(hook).get(subscribed)).with_state(Subscribed::default());
        let router = texts.merge(hooks);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address: SocketAddr = listener.local_addr()?;
        let serving = tokio::spawn(async move {
            // It serves until the bench is done with it.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { url: format!("http://{address}"), arrivals, serving })
    }

    /// What arrived since the last call: the number in the text, and when.
    pub fn take(&self) -> Vec<(u64, Instant)> {
        std::mem::take(&mut *self.arrivals.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn text(State(arrivals): State<Arrivals>, body: Bytes) -> &'static str {
    let now = Instant::now();
    let number = number_in(&body).unwrap_or(u64::MAX);
    arrivals.lock().unwrap_or_else(PoisonError::into_inner).push((number, now));
    "ok"
}

/// A webhook is created; its address is under this service.
async fn hook(
    State(last): State<Subscribed>,
    Json(asked): Json<Value>,
) -> (StatusCode, [(HeaderName, &'static str); 1]) {
    let url = asked["url"].as_str().unwrap_or_default();
    url.clone_into(&mut last.lock().unwrap_or_else(PoisonError::into_inner));
    (StatusCode::CREATED, [(header::LOCATION, "/hooks/1")])
}

/// The address that the last webhook is to call.
async fn subscribed(State(last): State<Subscribed>) -> String {
    last.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// A service that takes the call and never answers.
async fn silent() -> StatusCode {
    std::future::pending().await
}

/// The number of the notification whose text this is.
fn number_in(body: &[u8]) -> Option<u64> {
    let mark = MARK.as_bytes();
    let start = body.windows(mark.len()).position(|window| window == mark)? + mark.len();
    std::str::from_utf8(body.get(start..start + DIGITS)?).ok()?.parse().ok()
}
