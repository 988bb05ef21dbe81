//! The load: the same notification posted again and again, each time with a number of its own.
//!
//! It shares the machine with what it measures, so it does as little as possible: the request's bytes are made once and
//! only the number in them is written anew; of an answer only the status and the length are read.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::job::{DIGITS, MARK};

/// How long a connection waits after an answer 429 or 503.
const REFUSED_WAIT: Duration = Duration::from_millis(20);

/// How long posting a given number of notifications may take.
const COUNT_MAX: Duration = Duration::from_secs(600);

/// What the connections saw together.
#[derive(Debug, Default)]
pub struct Seen {
    /// Answers 2xx.
    pub accepted: u64,
    /// Answers 429 and 503.
    pub refused: u64,
    /// Times from sending (at a fixed rate: from when it was to be sent) to the complete answer, in microseconds, sorted.
    pub latencies_us: Vec<u64>,
    /// At a fixed rate: the number of each notification and when it was to be sent.
    pub sent: Vec<(u64, Instant)>,
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

    fn add(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.latencies_us.extend(other.latencies_us);
        self.sent.extend(other.sent);
    }

    fn note(&mut self, since: Instant) {
        self.latencies_us.push(u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX));
    }
}

/// The value that `share` of the sorted values did not exceed, in thousandths.
pub fn quantile(sorted: &[u64], share: f64) -> f64 {
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let place = (share * sorted.len().saturating_sub(1) as f64).round() as usize;
    #[allow(clippy::cast_precision_loss)]
    sorted.get(place).map_or(0.0, |value| *value as f64 / 1_000.0)
}

/// A request and where in its bytes the numbers stand.
#[derive(Clone)]
pub struct Request {
    bytes: Vec<u8>,
    numbers: Vec<usize>,
    next: Arc<AtomicU64>,
}

impl Request {
    /// The request that posts `body` to `path`.
    pub fn new(address: SocketAddr, path: &str, body: &[u8]) -> Self {
        let mut bytes = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nX-GitHub-Event: push\r\n\
             User-Agent: GitHub-Hookshot/load\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        bytes.extend_from_slice(body);
        let mark = MARK.as_bytes();
        let numbers = bytes
            .windows(mark.len())
            .enumerate()
            .filter_map(|(place, window)| (window == mark).then_some(place + mark.len()))
            .collect();
        Self { bytes, numbers, next: Arc::default() }
    }

    /// Writes the next number into the bytes.
    fn number(&mut self) -> u64 {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let digits = format!("{number:0DIGITS$}");
        for place in &self.numbers {
            if let Some(room) = self.bytes.get_mut(*place..*place + DIGITS) {
                room.copy_from_slice(digits.as_bytes());
            }
        }
        number
    }
}

/// Posts over `connections` connections for `span`, each as soon as the one before is answered.
pub async fn closed(address: SocketAddr, request: &Request, connections: usize, span: Duration) -> Result<Seen> {
    let begun = Instant::now();
    let until = begun + span;
    let tasks: Vec<_> =
        (0..connections).map(|_| tokio::spawn(post(address, request.clone(), until, u64::MAX))).collect();
    let mut seen = Seen::default();
    for task in tasks {
        seen.add(task.await.context("a connection of the load broke")??);
    }
    seen.elapsed = begun.elapsed();
    seen.latencies_us.sort_unstable();
    Ok(seen)
}

/// Posts until about `count` notifications are accepted, for as long as that takes.
pub async fn count(address: SocketAddr, request: &Request, connections: usize, count: u64) -> Result<()> {
    let until = Instant::now() + COUNT_MAX;
    let each = count.div_ceil(u64::try_from(connections)?);
    let tasks: Vec<_> = (0..connections).map(|_| tokio::spawn(post(address, request.clone(), until, each))).collect();
    let mut accepted = 0;
    for task in tasks {
        accepted += task.await.context("a connection of the load broke")??.accepted;
    }
    ensure!(accepted >= count, "only {accepted} of {count} notifications were accepted within {COUNT_MAX:?}");
    Ok(())
}

async fn post(address: SocketAddr, mut request: Request, until: Instant, most: u64) -> Result<Seen> {
    let mut stream = connect(address).await?;
    let mut seen = Seen::default();
    let mut buffer = vec![0_u8; 16 * 1_024];
    while seen.accepted < most && Instant::now() < until {
        request.number();
        let sent = Instant::now();
        stream.write_all(&request.bytes).await?;
        match answer(&mut stream, &mut buffer).await? {
            200..=299 => {
                seen.accepted += 1;
                seen.note(sent);
            }
            429 | 503 => {
                seen.refused += 1;
                tokio::time::sleep(REFUSED_WAIT).await;
            }
            status => bail!("the receiver answered {status}"),
        }
    }
    Ok(seen)
}

/// Posts `rate` notifications a second for `span`, whether the earlier ones are answered or not.
///
/// Times count from the moment at which a notification was to be sent, so that a receiver that stands still is not
/// measured less often (coordinated omission).
pub async fn open(
    address: SocketAddr,
    request: &Request,
    rate: u32,
    connections: usize,
    span: Duration,
) -> Result<Seen> {
    ensure!(rate > 0, "the rate must be one a second or more");
    let apart = Duration::from_secs(1) / rate;
    let begun = Instant::now();
    let count = u32::try_from(span.as_micros() / apart.as_micros().max(1)).unwrap_or(u32::MAX);
    let places = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..connections)
        .map(|_| {
            let (places, mut request) = (Arc::clone(&places), request.clone());
            tokio::spawn(async move {
                let mut stream = connect(address).await?;
                let mut seen = Seen::default();
                let mut buffer = vec![0_u8; 16 * 1_024];
                while let Ok(place) = u32::try_from(places.fetch_add(1, Ordering::Relaxed))
                    && place < count
                {
                    let due = begun + apart * place;
                    tokio::time::sleep_until(due.into()).await;
                    seen.sent.push((request.number(), due));
                    stream.write_all(&request.bytes).await?;
                    match answer(&mut stream, &mut buffer).await? {
                        200..=299 => {
                            seen.accepted += 1;
                            seen.note(due);
                        }
                        429 | 503 => seen.refused += 1,
                        status => bail!("the receiver answered {status}"),
                    }
                }
                Ok(seen)
            })
        })
        .collect();
    let mut seen = Seen::default();
    for task in tasks {
        seen.add(task.await.context("a connection of the load broke")??);
    }
    seen.elapsed = begun.elapsed();
    seen.latencies_us.sort_unstable();
    Ok(seen)
}

/// Posts once; the status of the answer.
pub async fn once(address: SocketAddr, request: &Request) -> Result<u16> {
    let mut stream = connect(address).await?;
    stream.write_all(&request.bytes).await?;
    answer(&mut stream, &mut vec![0_u8; 16 * 1_024]).await
}

async fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).await.context("connecting")?;
    stream.set_nodelay(true)?;
    Ok(stream)
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
