//! Hookmill under load: the real binary on a fresh data folder, with one flow made through its API.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

/// The file with the token of the owner.
const TOKEN: &str = "bench-token";

/// A running server and the address of its flow.
pub struct Subject {
    child: Child,
    client: reqwest::Client,
    base: String,
    token: String,
    /// What it was started with beside the usual.
    variables: Vec<(&'static str, String)>,
    /// Where it listens.
    pub address: SocketAddr,
    /// The path below which the flow's trigger listens.
    pub path: String,
}

impl Subject {
    /// Starts `binary` on a fresh folder and creates a flow of `definition`.
    pub async fn start(binary: &Path, folder: &Path, definition: Value) -> Result<Self> {
        let mut subject = Self::open(binary, folder).await?;
        subject.path = subject.create("bench", &definition).await?;
        Ok(subject)
    }

    /// Creates a flow; the path at which its trigger listens.
    pub async fn create(&self, name: &str, definition: &Value) -> Result<String> {
        let flow = self.post("/api/flows", &json!({"name": name, "definition": definition, "connections": {}})).await?;
        let callback = match flow["webhook"]["callback_url"].as_str() {
            Some(own) => own.to_owned(),
            // Where a service calls, only the service knows.
            None => {
                let service = definition["triggers"]["manual"]["inputs"]["subscribe"]["uri"].as_str();
                let service = service.context("the flow has no callback URL and no service")?;
                self.client.get(service).send().await?.text().await?
            }
        };
        callback.splitn(4, '/').nth(3).map(|path| format!("/{path}")).context("the callback URL's path")
    }

    /// Starts `binary` on a folder; a fresh one gets an owner, whose token stays beside the data.
    pub async fn open(binary: &Path, folder: &Path) -> Result<Self> {
        Self::open_with(binary, folder, Vec::new()).await
    }

    /// The same, with variables of the environment.
    pub async fn open_with(binary: &Path, folder: &Path, variables: Vec<(&'static str, String)>) -> Result<Self> {
        let address = free_address()?;
        let child = spawn(binary, folder, address, &variables)?;
        let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).build()?;
        let base = format!("http://{address}");
        let mut subject = Self { child, client, base, token: String::new(), variables, address, path: String::new() };
        subject.wait_until_ready().await?;
        let kept = folder.join(TOKEN);
        if let Ok(token) = std::fs::read_to_string(&kept) {
            subject.token = token;
            return Ok(subject);
        }
        let owner = json!({"token": "bench-setup-token", "name": "Bench", "email": "bench@example.org",
            "password": "a long bench password"});
        let answer = subject.post("/api/setup?api_token=true", &owner).await?;
        answer["token"].as_str().context("no token in the answer to the set-up")?.clone_into(&mut subject.token);
        std::fs::write(kept, &subject.token)?;
        Ok(subject)
    }

    /// Kills the server and starts it again on the same folder and address; does not wait until it answers.
    pub async fn restart(mut self, binary: &Path, folder: &Path) -> Result<Self> {
        self.child.kill().await.context("killing the server")?;
        self.child = spawn(binary, folder, self.address, &self.variables)?;
        Ok(self)
    }

    async fn wait_until_ready(&self) -> Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(20) {
            if self
                .client
                .get(format!("{}/health/ready", self.base))
                .send()
                .await
                .is_ok_and(|answer| answer.status().is_success())
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        anyhow::bail!("the server was not ready after 20 s")
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let answer =
            self.client.post(format!("{}{path}", self.base)).bearer_auth(&self.token).json(body).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "{path} answered {status}: {text}");
        Ok(serde_json::from_str(&text)?)
    }

    /// What an address of the API answers.
    pub async fn get(&self, path: &str) -> Result<Value> {
        let answer = self.client.get(format!("{}{path}", self.base)).bearer_auth(&self.token).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "{path} answered {status}: {text}");
        Ok(serde_json::from_str(&text)?)
    }

    /// Lets another server that shares the data be asked with the same token.
    pub fn share_token(&self, folder: &Path) -> Result<()> {
        std::fs::write(folder.join(TOKEN), &self.token).context("writing the token")
    }

    /// How many runs have ended since the start.
    pub async fn runs_ended(&self) -> Result<u64> {
        self.get("/api/about").await?["runs_ended"].as_u64().context("no count of ended runs")
    }

    /// The process.
    pub fn process(&self) -> Option<u32> {
        self.child.id()
    }

    /// Kills the server, as `kill -9` does.
    pub async fn stop(mut self) -> Result<()> {
        self.child.kill().await.context("stopping the server")
    }
}

fn spawn(binary: &Path, folder: &Path, address: SocketAddr, variables: &[(&'static str, String)]) -> Result<Child> {
    Command::new(binary)
        .args(["serve", "--allow-address", "127.0.0.1", "--listen", &address.to_string(), "--data"])
        .arg(folder)
        .env("HOOKMILL_SETUP_TOKEN", "bench-setup-token")
        .env("HOOKMILL_LOG", "warn")
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("starting {}", binary.display()))
}

/// An address of this machine that is free at the moment.
pub fn free_address() -> Result<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
