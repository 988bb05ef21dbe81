//! The web interface: npm does the work, in `ui/`.

use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::{Context, Result};

use crate::system::{Program, ensure_program, workspace_root};

fn npm(arguments: &[&str]) -> Result<()> {
    Program::new("npm").args(arguments).within("ui").run()
}

/// Whether Node and npm are installed.
pub fn is_possible() -> bool {
    Program::new("npm").arg("--version").works()
}

/// Whether the interface is part of this source tree; a tree without it still builds and serves the API.
fn is_present() -> bool {
    let present = workspace_root().join("ui/package.json").exists();
    if !present {
        println!("skipped: there is no interface in ui/");
    }
    present
}

/// Whether the packages of the lock file are installed.
fn is_installed() -> bool {
    let stamp = |path: &str| -> Option<SystemTime> {
        std::fs::metadata(workspace_root().join("ui").join(path)).and_then(|facts| facts.modified()).ok()
    };
    // npm writes this file at the end of each installation.
    stamp("node_modules/.package-lock.json") >= stamp("package-lock.json") && stamp("package-lock.json").is_some()
}

/// Installs the packages of the lock file, unless they are installed already. No package runs a program of its own.
const INSTALL: &[&str] = &["ci", "--no-audit", "--no-fund", "--ignore-scripts"];

fn install() -> Result<()> {
    if is_installed() { Ok(()) } else { npm(INSTALL) }
}

/// Builds `ui/dist`.
pub fn build() -> Result<()> {
    if !is_present() {
        return Ok(());
    }
    install()?;
    npm(&["run", "build"])
}

/// Builds `ui/dist` while something else uses the terminal: nothing is printed unless it fails.
pub fn build_silently() -> Result<()> {
    if !is_present() {
        return Ok(());
    }
    let npm = |arguments: &[&str]| Program::new("npm").args(arguments).within("ui").run_silently();
    if !is_installed() {
        npm(INSTALL)?;
    }
    npm(&["run", "build"])
}

/// Type check, unit tests, build, size budgets.
pub fn test() -> Result<()> {
    if !is_present() {
        return Ok(());
    }
    install()?;
    npm(&["run", "check"])?;
    npm(&["run", "build"])?;
    npm(&["run", "size"])
}

/// Walks through the interface in Chromium against the real binary and a stand-in for GitHub.
pub fn browser_test() -> Result<()> {
    if !is_present() {
        return Ok(());
    }
    ensure_program("chromium", &["chromium", "fonts-liberation"], "the browser tests")?;
    install()?;
    Program::new("cargo").args(["build", "-p", "hookmill"]).run()?;
    let artifacts: PathBuf = workspace_root().join("artifacts");
    std::fs::create_dir_all(&artifacts).with_context(|| format!("creating {}", artifacts.display()))?;
    npm(&["run", "e2e"])
}
