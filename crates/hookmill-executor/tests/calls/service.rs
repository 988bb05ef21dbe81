//! A service of the test on this machine, and a client that may call it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hookmill_executor::{Executor, Settings};
use hookmill_http::{AddressPolicy, Client, ClientConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What the service says to one request, given its text; `None` for never.
type Answer = dyn Fn(&str) -> Option<String> + Send + Sync;

pub struct Service {
    pub port: u16,
    told: Arc<Mutex<Vec<String>>>,
}

impl Service {
    pub async fn start(answer: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let told = Arc::new(Mutex::new(Vec::new()));
        let service = Self { port, told: Arc::clone(&told) };
        let answer: Arc<Answer> = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&answer), Arc::clone(&told)));
            }
        });
        service
    }

    /// Always says 200 with an empty body.
    pub async fn silent() -> Self {
        Self::start(|_| Some(reply(200, "", ""))).await
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    /// The only request.
    pub fn only(&self) -> String {
        let told = self.told();
        assert_eq!(told.len(), 1, "{told:#?}");
        told[0].clone()
    }
}

async fn serve(mut stream: TcpStream, answer: Arc<Answer>, told: Arc<Mutex<Vec<String>>>) {
    while let Some(request) = read_request(&mut stream).await {
        told.lock().unwrap().push(request.clone());
        match answer(&request) {
            Some(text) => stream.write_all(text.as_bytes()).await.unwrap_or_default(),
            None => tokio::time::sleep(Duration::from_secs(60)).await,
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    bytes.extend_from_slice(&body);
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// An answer; `headers` are lines that end in a line break.
pub fn reply(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} Said\r\n{}Content-Length: {}\r\n\r\n{body}", headers.replace('\n', "\r\n"), body.len())
}

/// The value of a header in the text of a request.
pub fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let head = request.split("\r\n\r\n").next()?;
    head.lines().skip(1).find_map(|line| {
        let (own, value) = line.split_once(": ")?;
        own.eq_ignore_ascii_case(name).then_some(value)
    })
}

pub fn executor() -> Executor {
    let policy = AddressPolicy::new(&["127.0.0.1", "localhost"], &[], false).unwrap();
    let config = ClientConfig { policy, timeout: Duration::from_secs(5), ..ClientConfig::default() };
    Executor::new(Client::new(config).unwrap(), &Settings::default())
}
