//! What the end-to-end tests need: the real binary on a folder of its own, a service that it talks to, a plain client.
#![allow(dead_code, clippy::print_stdout)] // Each test file uses a part of it; tests say what they miss.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub const BINARY: &str = env!("CARGO_BIN_EXE_hookmill");
pub const SETUP_TOKEN: &str = "set-up-token-of-the-test";

/// A request or an answer.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// The request line or the status line.
    pub first: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Message {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub fn method(&self) -> &str {
        self.first.split(' ').next().unwrap_or_default()
    }

    pub fn path(&self) -> &str {
        self.first.split(' ').nth(1).unwrap_or_default()
    }

    pub fn status(&self) -> u16 {
        self.first.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    fn read(stream: &mut BufReader<TcpStream>) -> Option<Self> {
        let mut message = Self::default();
        let mut line = String::new();
        stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
        message.first = line.trim().to_owned();
        let mut length = None;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
            let Some((name, value)) = line.trim().split_once(':') else { break };
            let (name, value) = (name.to_lowercase(), value.trim().to_owned());
            if name == "content-length" {
                length = value.parse().ok();
            }
            message.headers.push((name, value));
        }
        match length {
            Some(length) => {
                message.body = vec![0; length];
                stream.read_exact(&mut message.body).ok()?;
            }
            None if message.first.starts_with("HTTP/") => {
                stream.read_to_end(&mut message.body).ok()?;
            }
            None => {}
        }
        Some(message)
    }
}

/// Sends bytes as they are, and reads one answer.
pub fn raw(address: &str, bytes: &[u8]) -> Message {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(bytes).unwrap();
    Message::read(&mut BufReader::new(stream)).expect("an answer")
}

/// Sends one request on a connection of its own; `None` where there was no answer.
pub fn try_http(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    wait: Duration,
) -> Option<Message> {
    let target: SocketAddr = address.parse().ok()?;
    let mut stream = TcpStream::connect_timeout(&target, wait).ok()?;
    stream.set_read_timeout(Some(wait)).ok()?;
    // HTTP/1.0: the answer is never chunked.
    let mut head = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).ok()?;
    // The server may answer before it has read a body that is too large.
    let _ = stream.write_all(body);
    Message::read(&mut BufReader::new(stream))
}

pub fn http(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Message {
    try_http(address, method, path, headers, body, Duration::from_secs(30))
        .unwrap_or_else(|| panic!("no answer to {method} {path}"))
}

/// What a service answers: status line, further header lines, body.
pub struct Answer {
    pub status: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// Before it answers.
    pub delay: Duration,
}

impl Answer {
    pub fn new(status: &'static str, body: &Value) -> Self {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        Self { status, headers: Vec::new(), body, delay: Duration::ZERO }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// A real HTTP server of the test. It records every request before it answers.
#[derive(Clone)]
pub struct Service {
    pub address: String,
    calls: Arc<Mutex<Vec<Message>>>,
}

impl Service {
    pub fn start(answer: impl Fn(&Message, &str) -> Answer + Send + Sync + 'static) -> Self {
        Self::serving(answer, true)
    }

    /// One that keeps no requests: there may be very many.
    pub fn start_unrecorded(answer: impl Fn(&Message, &str) -> Answer + Send + Sync + 'static) -> Self {
        Self::serving(answer, false)
    }

    fn serving(answer: impl Fn(&Message, &str) -> Answer + Send + Sync + 'static, is_recorded: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let service = Self { address: listener.local_addr().unwrap().to_string(), calls: Arc::default() };
        let (own, answer) = (service.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (own, answer) = (own.clone(), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let mut out = stream.try_clone().unwrap();
                    let mut reader = BufReader::new(stream);
                    while let Some(call) = Message::read(&mut reader) {
                        if is_recorded {
                            own.calls.lock().unwrap().push(call.clone());
                        }
                        let answer = answer(&call, &own.address);
                        std::thread::sleep(answer.delay);
                        let mut text =
                            format!("HTTP/1.1 {}\r\nContent-Length: {}\r\n", answer.status, answer.body.len());
                        for (name, value) in &answer.headers {
                            text.push_str(&format!("{name}: {value}\r\n"));
                        }
                        let mut bytes = format!("{text}Content-Type: application/json\r\n\r\n").into_bytes();
                        bytes.extend_from_slice(&answer.body);
                        if out.write_all(&bytes).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        service
    }

    /// All requests so far.
    pub fn calls(&self) -> Vec<Message> {
        self.calls.lock().unwrap().clone()
    }

    /// `METHOD path` of all requests so far.
    pub fn lines(&self) -> Vec<String> {
        self.calls().iter().map(|call| format!("{} {}", call.method(), call.path())).collect()
    }

    pub fn last(&self, method: &str) -> Message {
        let found = self.calls().into_iter().rev().find(|call| call.method() == method);
        found.unwrap_or_else(|| panic!("no {method} came: {:?}", self.lines()))
    }
}

/// The real binary on a folder.
pub struct Server {
    child: Child,
    pub address: String,
    pub folder: PathBuf,
    pub token: String,
    log: PathBuf,
}

impl Server {
    /// Starts it on a free port, or where it was before.
    pub fn start(folder: &Path, listen: &str, flags: &[&str]) -> Self {
        Self::try_start(folder, listen, flags).unwrap_or_else(|log| panic!("the server does not start: {log}"))
    }

    pub fn try_start(folder: &Path, listen: &str, flags: &[&str]) -> Result<Self, String> {
        Self::try_start_in(folder, listen, flags, &[])
    }

    /// As [`Server::try_start`], with variables of the environment.
    pub fn try_start_in(
        folder: &Path,
        listen: &str,
        flags: &[&str],
        environment: &[(&str, &std::ffi::OsStr)],
    ) -> Result<Self, String> {
        let log = folder.with_extension("log");
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let mut child = Command::new(BINARY)
            .arg("serve")
            .args(["--listen", listen, "--setup-token", SETUP_TOKEN, "--allow-address", "127.0.0.0/8"])
            .args(if flags.contains(&"--log") { &[][..] } else { &["--log", "debug"] })
            .arg("--data")
            .arg(folder)
            .args(flags)
            .env_remove("HOOKMILL_MASTER_KEY")
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(file)
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let read = output.read_line(&mut line).unwrap_or(0);
        let Some(address) = line.trim().strip_prefix("Hookmill listens on http://").filter(|_| read > 0) else {
            let _ = child.wait();
            return Err(std::fs::read_to_string(&log).unwrap_or_default());
        };
        // What it prints later must not fill the pipe.
        let address = address.to_owned();
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Ok(Self { child, address, folder: folder.to_owned(), token: String::new(), log })
    }

    /// Makes the owner's account with the command line.
    pub fn set_up(&mut self) {
        let url = format!("http://{}", self.address);
        let made = hookmill(
            &[
                "setup",
                "--url",
                &url,
                "--setup-token",
                SETUP_TOKEN,
                "--name",
                "Ada",
                "--email",
                "ada@example.org",
                "--password",
                "a long password",
            ],
            &[],
        );
        assert!(made.status.success(), "{}", text(&made.stderr));
        self.token = text(&made.stdout).trim().to_owned();
        assert!(self.token.starts_with("hkm_"), "{}", self.token);
    }

    /// A command that talks to this server.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let url = format!("http://{}", self.address);
        hookmill(arguments, &[("HOOKMILL_URL", &url), ("HOOKMILL_TOKEN", &self.token)])
    }

    /// What a command prints that succeeds.
    pub fn done(&self, arguments: &[&str]) -> String {
        let made = self.run(arguments);
        assert!(made.status.success(), "{arguments:?}: {}", text(&made.stderr));
        text(&made.stdout).trim().to_owned()
    }

    /// One request to the API.
    pub fn call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let bearer = format!("Bearer {}", self.token);
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        let answer = http(&self.address, method, path, &headers, &bytes);
        (answer.status(), answer.json())
    }

    pub fn get(&self, path: &str) -> Value {
        let (status, answer) = self.call("GET", path, &Value::Null);
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    pub fn post(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.call("POST", path, body);
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }

    /// The most memory that it has had, in KiB, without the pages of the program's own file: a build for tests has
    /// several times as many of them as a released binary.
    pub fn memory_peak_kib(&self) -> u64 {
        self.status_kib("VmHWM:") - self.status_kib("RssFile:")
    }

    /// The memory that it has now, in KiB, counted as in [`Self::memory_peak_kib`].
    pub fn memory_kib(&self) -> u64 {
        self.status_kib("VmRSS:") - self.status_kib("RssFile:")
    }

    fn status_kib(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches("kB").trim().parse().unwrap()
    }

    /// The time that its threads have computed, in ticks of the system: hundredths of a second.
    pub fn computed_ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    /// Sends it a signal by name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Waits until the process has ended; how long that took.
    pub fn ended_within(&mut self, wait: Duration) -> Option<Duration> {
        let begin = Instant::now();
        while begin.elapsed() < wait {
            if self.child.try_wait().unwrap().is_some() {
                return Some(begin.elapsed());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }

    /// The code that it ended with, once it has.
    pub fn exit_code(&mut self) -> Option<i32> {
        self.child.try_wait().unwrap().and_then(|status| status.code())
    }

    /// `kill -9`
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// What it logged.
    pub fn logged(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the binary.
pub fn hookmill(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(BINARY).args(arguments).envs(environment.iter().copied()).stdin(Stdio::null()).output().unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Waits until something holds, 20 seconds at most.
pub fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    eventually_within(what, Duration::from_secs(20), look)
}

pub fn eventually_within<T>(what: &str, wait: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    while begun.elapsed() < wait {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    panic!("{what} did not happen within {wait:?}");
}

/// A file of the shared corpus, where it lies beside the project.
pub fn corpus(path: &str) -> Option<PathBuf> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus").join(path);
    file.is_file().then_some(file)
}

/// The tutorial's connector, or one like it where the corpus is not there.
pub fn forge_file(folder: &Path) -> PathBuf {
    if let Some(file) = corpus("seed/github-webhook-sample.swagger.json") {
        return file;
    }
    println!("the tutorial's sample is not beside the project: a file like it is used");
    let path_parameter = |name: &str| json!({"name": name, "in": "path", "required": true, "type": "string"});
    let document = json!({
        "swagger": "2.0", "info": {"title": "GitHub", "version": "1.0"}, "host": "api.github.com", "basePath": "/", "schemes": ["https"],
        "securityDefinitions": {"oAuth": {"type": "oauth2", "flow": "accessCode", "authorizationUrl": "https://example.org/a", "tokenUrl": "https://example.org/t", "scopes": {}}},
        "paths": {
            "/user/repos": {"get": {"operationId": "userRepos", "summary": "List", "responses": {"200": {"description": "OK"}}}},
            "/repos/{owner}/{repo}/hooks": {
                "x-ms-notification-content": {"schema": {"type": "object", "properties": {"ref": {"type": "string"}}}},
                "post": {"operationId": "webhook-trigger", "summary": "Triggers when a PUSH event occurs", "x-ms-trigger": "single",
                    "parameters": [path_parameter("owner"), path_parameter("repo"), {"name": "body", "in": "body", "schema": {"type": "object",
                        "properties": {
                            "name": {"type": "string", "default": "web", "x-ms-visibility": "internal"},
                            "active": {"type": "boolean", "default": true, "x-ms-visibility": "internal"},
                            "events": {"type": "array", "items": {"type": "string"}, "default": ["push"], "x-ms-visibility": "internal"},
                            "config": {"type": "object", "required": ["url"], "properties": {
                                "content_type": {"type": "string", "default": "json", "x-ms-visibility": "internal"},
                                "url": {"type": "string", "x-ms-notification-url": true, "x-ms-visibility": "internal"}}}}}}],
                    "responses": {"201": {"description": "Created"}}}},
            "/repos/{owner}/{repo}/hooks/{hook_Id}": {"delete": {"operationId": "DeleteTrigger",
                "parameters": [path_parameter("owner"), path_parameter("repo"), path_parameter("hook_Id")], "responses": {"204": {"description": "Gone"}}}}}});
    let file = folder.join("forge.swagger.json");
    std::fs::write(&file, document.to_string()).unwrap();
    file
}

/// A push notification.
pub fn push_payload() -> Vec<u8> {
    if let Some(file) = corpus("seed/github-push-payload.json") {
        return std::fs::read(file).unwrap();
    }
    json!({"ref": "refs/heads/main", "compare": "https://example.org/compare", "pusher": {"name": "Codertocat"},
        "repository": {"name": "Hello-World", "full_name": "Codertocat/Hello-World"},
        "head_commit": {"url": "https://example.org/commit", "author": {"name": "Codertocat"}}})
    .to_string()
    .into_bytes()
}

/// The headers that GitHub sends with an event.
pub fn event_headers<'a>(event: &'a str, delivery: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("Content-Type", "application/json"),
        ("User-Agent", "GitHub-Hookshot/044aadd"),
        ("X-GitHub-Event", event),
        ("X-GitHub-Delivery", delivery),
        ("X-GitHub-Hook-ID", "7"),
        ("X-Hub-Signature-256", "sha256=0000000000000000000000000000000000000000000000000000000000000000"),
    ]
}

/// The path of the callback in the creation that the service got last.
pub fn callback(service: &Service) -> String {
    let url = service.last("POST").json().pointer("/config/url").and_then(Value::as_str).unwrap().to_owned();
    url[url.find("/callback/").unwrap()..].to_owned()
}

/// The trigger of the tutorial.
pub fn trigger(repo: &str) -> Value {
    json!({"When_a_push": {"type": "OpenApiConnectionWebhook", "inputs": {
        "host": {"connectionName": "shared_forge", "operationId": "webhook-trigger", "apiId": "/apis/shared_forge"},
        "parameters": {"owner": "octo cat", "repo": repo}}}})
}

/// Sends a notification with a text.
pub fn notify(text: &str, after: &Value) -> Value {
    json!({"type": "OpenApiConnection", "runAfter": after, "inputs": {
        "host": {"connectionName": "shared_flowpush", "operationId": "SendNotification", "apiId": "/providers/Microsoft.PowerApps/apis/shared_flowpush"},
        "parameters": {"NotificationDefinition/notificationText": text, "NotificationDefinition/notificationLink/uri": "@triggerBody()?['compare']",
            "NotificationDefinition/notificationLink/label": "See the changes"}}})
}
