//! What is measured, behind one interface: the hand-written receiver, Hookmill or a peer, each a process of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::process::{Child, Command};

use crate::job::Job;
use crate::load::{self, Request};
use crate::node_red;
use crate::subject::{Subject, free_address};

/// A process must answer within this time after its start.
const START_MAX: Duration = Duration::from_secs(20);

/// How long one probe for Node-RED's flows may take.
const PROBE: Duration = Duration::from_millis(500);

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Ideal,
    Hookmill,
    NodeRed,
}

impl Kind {
    /// Its name in the tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ideal => "ideal",
            Self::Hookmill => "Hookmill",
            Self::NodeRed => "Node-RED",
        }
    }
}

/// How receivers are started.
pub struct Programs {
    /// Hookmill's binary.
    pub hookmill: PathBuf,
    /// The folder into which npm installed Node-RED.
    pub node_red: Option<PathBuf>,
    /// The address of the service that the jobs call, as `http://address`.
    pub sink: String,
}

/// A running receiver that is ready for notifications of one job.
pub struct Receiver {
    /// Where notifications are posted.
    pub address: SocketAddr,
    /// The path of the job.
    pub path: String,
    job: Job,
    process: Process,
}

enum Process {
    Ideal(Child),
    Hookmill(Box<Subject>),
    NodeRed(Child),
}

impl Receiver {
    /// Starts one on a fresh folder.
    pub async fn start(kind: Kind, job: Job, programs: &Programs, folder: &Path) -> Result<Self> {
        let (address, path, process) = match kind {
            Kind::Ideal => {
                let address = free_address()?;
                let child = spawn_ideal(address, folder, &programs.sink)?;
                connectable(address).await?;
                (address, job.ideal_path().to_owned(), Process::Ideal(child))
            }
            Kind::NodeRed => {
                let address = free_address()?;
                let installed = programs.node_red.as_deref().context("where Node-RED is installed")?;
                let child = node_red::spawn(installed, folder, address, job, &programs.sink)?;
                connectable(address).await?;
                // It listens before its flows are there. A job that answers when finished leaves this body unanswered.
                let path = job.ideal_path().to_owned();
                let probe = Request::new(address, &path, b"{}");
                let begun = Instant::now();
                while let Ok(Ok(404)) = tokio::time::timeout(PROBE, load::once(address, &probe)).await {
                    ensure!(begun.elapsed() < START_MAX, "Node-RED has no flows after {START_MAX:?}");
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                (address, path, Process::NodeRed(child))
            }
            Kind::Hookmill => {
                let subject = Subject::start(&programs.hookmill, folder, job.definition(&programs.sink)).await?;
                (subject.address, subject.path.clone(), Process::Hookmill(Box::new(subject)))
            }
        };
        Ok(Self { address, path, job, process })
    }

    /// Kills it and starts it again on the same folder and address; does not wait until it answers.
    pub async fn restart(self, programs: &Programs, folder: &Path) -> Result<Self> {
        let Self { address, path, job, process } = self;
        let process = match process {
            Process::Ideal(mut child) => {
                child.kill().await?;
                Process::Ideal(spawn_ideal(address, folder, &programs.sink)?)
            }
            Process::NodeRed(mut child) => {
                child.kill().await?;
                let installed = programs.node_red.as_deref().context("where Node-RED is installed")?;
                Process::NodeRed(node_red::spawn(installed, folder, address, job, &programs.sink)?)
            }
            Process::Hookmill(subject) => {
                Process::Hookmill(Box::new(subject.restart(&programs.hookmill, folder).await?))
            }
        };
        Ok(Self { address, path, job, process })
    }

    /// The process.
    pub fn process(&self) -> Result<u32> {
        let process = match &self.process {
            Process::Ideal(child) | Process::NodeRed(child) => child.id(),
            Process::Hookmill(subject) => subject.process(),
        };
        process.context("the receiver has ended")
    }

    /// Runs that have ended; `None` where the receiver does not count them.
    pub async fn ended(&self) -> Result<Option<u64>> {
        match &self.process {
            Process::Ideal(_) => {
                let url = format!("http://{}/ended", self.address);
                Ok(Some(reqwest::get(url).await?.text().await?.parse()?))
            }
            Process::Hookmill(subject) => subject.runs_ended().await.map(Some),
            Process::NodeRed(_) => Ok(None),
        }
    }

    /// Kills it.
    pub async fn stop(self) -> Result<()> {
        match self.process {
            Process::Ideal(mut child) | Process::NodeRed(mut child) => {
                child.kill().await.context("stopping the receiver")
            }
            Process::Hookmill(subject) => subject.stop().await,
        }
    }
}

fn spawn_ideal(address: SocketAddr, folder: &Path, sink: &str) -> Result<Child> {
    Command::new(std::env::current_exe()?)
        .args(["ideal", "--listen", &address.to_string(), "--sink", sink, "--folder"])
        .arg(folder)
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("starting the hand-written receiver")
}

async fn connectable(address: SocketAddr) -> Result<()> {
    let begun = Instant::now();
    while tokio::net::TcpStream::connect(address).await.is_err() {
        ensure!(begun.elapsed() < START_MAX, "nothing listens on {address} after {START_MAX:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}
