//! The load: a fixed number of connections that post the same notification again and again.
//!
//! It shares the machine with what it measures, so it does as little as possible: the request's bytes are made once,
//! and of an answer only the status and the length are read.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What the connections saw together.
#[derive(Debug, Default)]
pub struct Seen {
    /// Answers 2xx.
    pub accepted: u64,
    /// Answers 429 and 503.
    pub refused: u64,
    /// Times from sending to the complete answer, in microseconds, sorted.
    pub latencies_us: Vec<u64>,
    /// How long the load ran.
    pub elapsed: Duration,
}

impl Seen {
    /// Accepted notifications a second.
    pub fn rate(&self) -> f64 {
        #[allow(clippy::cast_precision_loss)]
        let accepted = self.accepted as f64;
        accepted / self.elapsed.as_secs_f64()
    }

    /// The latency that `share` of the answers did not exceed, in milliseconds.
    pub fn quantile_ms(&self, share: f64) -> f64 {
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let place = (share * self.latencies_us.len().saturating_sub(1) as f64) as usize;
        #[allow(clippy::cast_precision_loss)]
        self.latencies_us.get(place).map_or(0.0, |us| *us as f64 / 1_000.0)
    }
}

/// Posts `body` to `path` over `connections` connections for `span`.
pub async fn run(address: SocketAddr, path: &str, body: &[u8], connections: usize, span: Duration) -> Result<Seen> {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nX-GitHub-Event: push\r\n\
         User-Agent: GitHub-Hookshot/load\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    let request: Arc<[u8]> = request.into();
    let begun = Instant::now();
    let until = begun + span;
    let tasks: Vec<_> = (0..connections).map(|_| tokio::spawn(post(address, Arc::clone(&request), until))).collect();
    let mut seen = Seen::default();
    for task in tasks {
        let one = task.await.context("a connection of the load broke")??;
        seen.accepted += one.accepted;
        seen.refused += one.refused;
        seen.latencies_us.extend(one.latencies_us);
    }
    seen.elapsed = begun.elapsed();
    seen.latencies_us.sort_unstable();
    Ok(seen)
}

async fn post(address: SocketAddr, request: Arc<[u8]>, until: Instant) -> Result<Seen> {
    let mut stream = TcpStream::connect(address).await.context("connecting")?;
    stream.set_nodelay(true)?;
    let mut seen = Seen::default();
    let mut buffer = vec![0_u8; 16 * 1_024];
    while Instant::now() < until {
        let sent = Instant::now();
        stream.write_all(&request).await?;
        match answer(&mut stream, &mut buffer).await? {
            200..=299 => {
                seen.accepted += 1;
                seen.latencies_us.push(u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX));
            }
            429 | 503 => {
                seen.refused += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            status => bail!("the receiver answered {status}"),
        }
    }
    Ok(seen)
}

/// Reads one answer with a `Content-Length` and returns its status.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<u16> {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        if read == 0 {
            bail!("the receiver closed the connection");
        }
        filled += read;
        let Some(head) = buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = std::str::from_utf8(&buffer[..head]).context("the head of the answer")?;
        let status = text.split(' ').nth(1).and_then(|word| word.parse().ok()).context("the status of the answer")?;
        let length: usize = text
            .lines()
            .find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length:").map(|rest| rest.trim().to_owned())
            })
            .and_then(|length| length.parse().ok())
            .unwrap_or(0);
        if filled >= head + 4 + length {
            return Ok(status);
        }
    }
}
