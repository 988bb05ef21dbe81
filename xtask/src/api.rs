//! The API of the real binary, asked from its own document by Schemathesis (from PyPI, in an environment of its own).

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::system::{self, Program, workspace_root};

/// The version that the checks are written for.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";
/// How long the questions take, all callers together.
const SECONDS: &str = "120";
const SETUP_TOKEN: &str = "set-up-token-of-the-test";

/// A server that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Installs what is missing, starts a server on an empty folder, asks.
pub fn test() -> Result<()> {
    let root = workspace_root();
    let folder = root.join("target/api-test");
    let python = system::python_environment("schemathesis", &[SCHEMATHESIS])?;
    Program::new("cargo").args(["build", "--package", "hookmill"]).run()?;
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder)?;
    let mut server = Command::new(root.join("target/debug/hookmill"))
        .args(["serve", "--listen", "127.0.0.1:0", "--setup-token", SETUP_TOKEN, "--data"])
        .arg(folder.join("data"))
        .stdout(Stdio::piped())
        .spawn()
        .context("starting the server")?;
    let output = server.stdout.take().context("the server has no output")?;
    let _server = Server(server);
    let mut line = String::new();
    // The reader stays: a server whose output is closed ends with its next line.
    let mut output = BufReader::new(output);
    output.read_line(&mut line)?;
    let url = line.trim().rsplit(' ').next().unwrap_or_default();
    ensure!(url.starts_with("http://"), "the server did not start: {line}");
    let status = Command::new(python)
        .arg(root.join("xtask/api/api_test.py"))
        .args([url, SETUP_TOKEN, SECONDS])
        .env("API_TEST_FOLDER", &folder)
        .current_dir(&folder)
        .status()
        .context("running Schemathesis")?;
    ensure!(status.success(), "Schemathesis found answers that should not be; they are above");
    Ok(())
}
