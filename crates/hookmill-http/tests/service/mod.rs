//! A service of the test: raw TCP, so that it can misbehave in every way.

// Each test file uses a part of it.
#![allow(dead_code)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hookmill_http::{AddressPolicy, Client, ClientConfig};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// What the service does with one request, given its text.
pub enum Turn {
    /// Writes and keeps the connection.
    Say(Vec<u8>),
    /// Writes and hangs up.
    SayAndClose(Vec<u8>),
    /// Hangs up without a word.
    Close,
    /// Never answers.
    Silence,
    /// Writes a head and then a byte every now and then.
    Drip,
    /// Answers after a while.
    Later(Duration, Vec<u8>),
}

pub struct Service {
    pub port: u16,
    pub connections: Arc<AtomicUsize>,
    pub told: Arc<Mutex<Vec<String>>>,
}

impl Service {
    pub async fn start(answer: impl Fn(&str) -> Turn + Send + Sync + 'static) -> Self {
        Self::start_with(answer, None).await
    }

    pub async fn start_with(
        answer: impl Fn(&str) -> Turn + Send + Sync + 'static,
        tls: Option<tokio_rustls::TlsAcceptor>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (connections, told) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let service = Self { port, connections: Arc::clone(&connections), told: Arc::clone(&told) };
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let (answer, told, tls) = (Arc::clone(&answer), Arc::clone(&told), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &*answer, &told).await,
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                serve(stream, &*answer, &told).await;
                            }
                        }
                    }
                });
            }
        });
        service
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    answer: &(dyn Fn(&str) -> Turn + Send + Sync),
    told: &Mutex<Vec<String>>,
) {
    while let Some(request) = read_request(&mut stream).await {
        told.lock().unwrap().push(request.clone());
        match answer(&request) {
            Turn::Say(bytes) => stream.write_all(&bytes).await.unwrap_or_default(),
            Turn::SayAndClose(bytes) => {
                stream.write_all(&bytes).await.unwrap_or_default();
                stream.shutdown().await.unwrap_or_default();
                return;
            }
            Turn::Close => return,
            Turn::Silence => tokio::time::sleep(Duration::from_secs(60)).await,
            Turn::Drip => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n").await.unwrap_or_default();
                while stream.write_all(b".").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                return;
            }
            Turn::Later(after, bytes) => {
                tokio::time::sleep(after).await;
                stream.write_all(&bytes).await.unwrap_or_default();
            }
        }
    }
}

async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let mut one = [0];
        stream.read_exact(&mut one).await.ok()?;
        bytes.push(one[0]);
        if bytes.ends_with(b"\r\n\r\n") {
            break;
        }
    }
    let head = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    bytes.extend_from_slice(&body);
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// An answer with a body.
pub fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// A redirect.
pub fn led_to(status: u16, location: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

/// A client that may call this machine.
pub fn client() -> Client {
    client_with(|_| {})
}

pub fn client_with(change: impl FnOnce(&mut ClientConfig)) -> Client {
    let policy = AddressPolicy::new(&["127.0.0.1", "localhost"], &[], false).unwrap();
    let mut config = ClientConfig { policy, timeout: Duration::from_secs(5), ..ClientConfig::default() };
    change(&mut config);
    Client::new(config).unwrap()
}
