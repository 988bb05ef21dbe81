//! House rules that no compiler knows: each is one function here and one sentence in `CONTRIBUTING.md`.

mod circles;
mod damage;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::system::{Program, workspace_root};

/// Above this a source file usually holds two nouns.
const SOURCE_BYTES_MAX: u64 = 30_000;

/// Which crates of ours a crate may depend on. What is not listed must not be imported.
const MAY_DEPEND: &[(&str, &[&str])] = &[
    ("hookmill-model", &[]),
    ("hookmill-expression", &["model"]),
    ("hookmill-definition", &["model", "expression"]),
    ("hookmill-connector", &["model", "webhook"]),
    ("hookmill-engine", &["model", "expression", "definition"]),
    ("hookmill-webhook", &["model", "expression", "definition"]),
    ("hookmill-store", &["model", "engine"]),
    ("hookmill-store-sqlite", &["model", "engine", "store"]),
    ("hookmill-store-postgres", &["model", "engine", "store"]),
    ("hookmill-vault", &["model"]),
    ("hookmill-http", &["model"]),
    ("hookmill-push", &["model"]),
    ("hookmill-executor", &["model", "expression", "connector", "http", "vault", "push", "engine"]),
    (
        "hookmill-runtime",
        &[
            "model",
            "expression",
            "definition",
            "connector",
            "engine",
            "store",
            "http",
            "vault",
            "push",
            "executor",
            "webhook",
        ],
    ),
    (
        "hookmill-server",
        &["model", "expression", "definition", "connector", "engine", "store", "vault", "push", "runtime", "webhook"],
    ),
];

/// Libraries with one home: name, crates that may use it.
const HOMES: &[(&str, &[&str])] = &[
    ("rusqlite", &["hookmill-store-sqlite", "hookmill-bench"]),
    ("tokio-postgres", &["hookmill-store-postgres"]),
    ("axum", &["hookmill-server", "hookmill-bench"]),
    ("reqwest", &["hookmill-bench"]),
    ("hyper-rustls", &["hookmill-http"]),
    ("anyhow", &["hookmill", "hookmill-bench", "hookmill-sim", "xtask"]),
    (
        "tokio",
        &[
            "hookmill-store",
            "hookmill-store-sqlite",
            "hookmill-store-postgres",
            "hookmill-http",
            "hookmill-push",
            "hookmill-executor",
            "hookmill-runtime",
            "hookmill-server",
            "hookmill",
            "hookmill-bench",
            "hookmill-sim",
        ],
    ),
];

/// Checks all rules and reports every breach.
pub fn check() -> Result<()> {
    let root = workspace_root();
    let mut breaches = Vec::new();
    let sources = sources(&root);
    for path in &sources {
        heads(path, &mut breaches)?;
        sizes(path, &mut breaches)?;
        damage::check(path, &mut breaches)?;
    }
    dependencies(&root, &mut breaches)?;
    installs(&root, &mut breaches)?;
    circles::check(&root, &sources, &mut breaches)?;
    if breaches.is_empty() {
        println!("{} Rust files follow the house rules.", sources.len());
        return Ok(());
    }
    bail!("{} breaches of the house rules:\n  {}", breaches.len(), breaches.join("\n  "))
}

fn sources(root: &Path) -> Vec<PathBuf> {
    let listed =
        Program::new("git").args(["ls-files", "-co", "--exclude-standard", "*.rs"]).output().unwrap_or_default();
    String::from_utf8_lossy(&listed).lines().map(|line| root.join(line)).filter(|path| path.is_file()).collect()
}

/// Every file opens with its purpose.
fn heads(path: &Path, breaches: &mut Vec<String>) -> Result<()> {
    if !fs::read_to_string(path)?.starts_with("//!") {
        breaches.push(format!("{}: the first line must say the file's purpose (//! …)", path.display()));
    }
    Ok(())
}

/// A file is about one noun.
fn sizes(path: &Path, breaches: &mut Vec<String>) -> Result<()> {
    let bytes = fs::metadata(path)?.len();
    if bytes > SOURCE_BYTES_MAX {
        breaches.push(format!("{}: {bytes} bytes, more than {SOURCE_BYTES_MAX}; split it by noun", path.display()));
    }
    Ok(())
}

/// Crates depend on each other and on libraries as `ARCHITECTURE.md` says.
fn dependencies(root: &Path, breaches: &mut Vec<String>) -> Result<()> {
    for (name, dependencies) in manifests(root)? {
        if let Some((_, allowed)) = MAY_DEPEND.iter().find(|(own, _)| *own == name) {
            for dependency in &dependencies {
                if let Some(own) = dependency.strip_prefix("hookmill-")
                    && !allowed.contains(&own)
                {
                    breaches.push(format!("{name} must not depend on {dependency}"));
                }
            }
        }
        for (library, homes) in HOMES {
            if dependencies.iter().any(|dependency| dependency == library) && !homes.contains(&name.as_str()) {
                breaches.push(format!("{name} must not use {library}; its home is {}", homes.join(", ")));
            }
        }
    }
    Ok(())
}

/// Packages of the interface are installed without running their scripts: the settings beside them say so for everyone,
/// and each installation that the project makes says it again.
fn installs(root: &Path, breaches: &mut Vec<String>) -> Result<()> {
    let settings = fs::read_to_string(root.join("ui/.npmrc")).unwrap_or_default();
    if !settings.lines().any(|line| line.trim() == "ignore-scripts=true") {
        breaches.push("ui/.npmrc must say ignore-scripts=true".to_owned());
    }
    let places = ["deploy", ".ci", ".github", "xtask/src/interface.rs"];
    let listed = Program::new("git").args(["ls-files", "-co", "--exclude-standard"]).args(places);
    for path in String::from_utf8_lossy(&listed.output().unwrap_or_default()).lines() {
        let Ok(text) = fs::read_to_string(root.join(path)) else { continue };
        breaches.extend(text.lines().filter(|line| runs_scripts(line)).map(|line| {
            format!("{path}: packages are installed without their scripts (--ignore-scripts): {}", line.trim())
        }));
    }
    Ok(())
}

/// Whether a line installs packages of npm and lets them run their scripts.
fn runs_scripts(line: &str) -> bool {
    let installs = ["npm ci", "npm install", "npm i ", "&[\"ci\"", "&[\"install\""];
    installs.iter().any(|own| line.contains(own)) && !line.contains("--ignore-scripts")
}

/// The `[dependencies]` of each crate, by crate; development dependencies are free.
fn manifests(root: &Path) -> Result<BTreeMap<String, Vec<String>>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(root.join("crates"))? {
        let folder = entry?.path();
        let Ok(text) = fs::read_to_string(folder.join("Cargo.toml")) else { continue };
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let mut inside = false;
        let mut dependencies = Vec::new();
        for line in text.lines() {
            if line.starts_with('[') {
                inside = line.trim() == "[dependencies]";
            } else if inside
                && let Some(end) = line.find(['.', ' ', '='])
                && end > 0
            {
                dependencies.push(line[..end].to_owned());
            }
        }
        all.insert(name, dependencies);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installations_that_run_scripts_are_found() {
        for line in ["RUN npm ci", "(cd ui && npm install)", "npm(&[\"ci\", \"--no-audit\"])"] {
            assert!(runs_scripts(line), "{line}");
        }
        for line in ["npm ci --ignore-scripts", "npm run build", "cargo install cargo-deny"] {
            assert!(!runs_scripts(line), "{line}");
        }
    }
}
