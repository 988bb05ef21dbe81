//! Starting other programs, and what the tests need from the machine.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// A program to start in the project's root.
pub struct Program {
    command: Command,
    shown: String,
}

impl Program {
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let shown = program.as_ref().to_string_lossy().into_owned();
        let mut command = Command::new(program);
        command.current_dir(workspace_root());
        // `cargo run` describes this program to it by these variables. Build scripts of dependencies read them, so a
        // cargo that inherited them would build those dependencies anew each time the way of calling it changes.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") || name == "CARGO_BIN_NAME" {
                command.env_remove(&*name);
            }
        }
        Self { command, shown }
    }

    pub fn arg(self, argument: impl AsRef<OsStr>) -> Self {
        self.args([argument])
    }

    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        for argument in arguments {
            self.shown.push(' ');
            self.shown.push_str(&argument.as_ref().to_string_lossy());
            self.command.arg(argument);
        }
        self
    }

    pub fn within(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(workspace_root().join(folder));
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts it, after `set` has said where its streams go.
    pub fn start(mut self, set: impl FnOnce(&mut Command) -> &mut Command) -> Result<Child> {
        println!("$ {}", self.shown);
        set(&mut self.command).spawn().with_context(|| format!("starting {}", self.shown))
    }

    /// Runs it with our standard streams.
    pub fn run(mut self) -> Result<()> {
        println!("$ {}", self.shown);
        let status = self.command.status().with_context(|| format!("starting {}", self.shown))?;
        ensure!(status.success(), "`{}` ended with {status}", self.shown);
        Ok(())
    }

    /// Runs it and shows what it wrote only where it fails, so that another program may use the terminal meanwhile.
    pub fn run_silently(mut self) -> Result<()> {
        println!("$ {}", self.shown);
        let output = self.command.stdin(Stdio::null()).output().with_context(|| format!("starting {}", self.shown))?;
        if !output.status.success() {
            eprintln!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            bail!("`{}` ended with {}", self.shown, output.status);
        }
        Ok(())
    }

    /// Runs it and returns what it wrote to standard output.
    pub fn output(mut self) -> Result<Vec<u8>> {
        let output =
            self.command.stderr(Stdio::inherit()).output().with_context(|| format!("starting {}", self.shown))?;
        ensure!(output.status.success(), "`{}` ended with {}", self.shown, output.status);
        Ok(output.stdout)
    }

    /// Whether it starts and ends well; silent.
    pub fn works(mut self) -> bool {
        self.command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }
}

pub fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_path_buf)
}

/// Where cargo puts what it builds; the environment may have moved it.
pub fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace_root().join("target"), PathBuf::from)
}

/// Makes sure that a program is on the machine; where Debian's tools are, its packages are installed.
///
/// # Errors
/// Where the program is missing and cannot be installed; `purpose` says what needs it.
pub fn ensure_program(program: &str, packages: &[&str], purpose: &str) -> Result<()> {
    if Program::new(program).arg("--version").works() {
        return Ok(());
    }
    install(packages)
        .with_context(|| format!("{purpose} need `{program}` on the PATH; install it with your package manager"))
}

/// Makes sure that Debian's PostgreSQL is there, for the tests of the store that needs one. Each test starts a server
/// of its own from these programs; the one that the package starts is not used.
///
/// PgBouncer is installed with it, for the test that it is refused; where it cannot be, that test is left out.
pub fn ensure_postgres() -> Result<()> {
    if !Path::new("/usr/sbin/pgbouncer").is_file()
        && let Err(error) = install(&["pgbouncer"])
    {
        println!("{error:#}; the test of the pooler is left out");
    }
    let is_there = |folder: &str| {
        std::fs::read_dir(folder).is_ok_and(|mut found| {
            found.any(|entry| entry.is_ok_and(|entry| entry.path().join("bin/initdb").is_file()))
        })
    };
    if std::env::var_os("HOOKMILL_TEST_POSTGRES").is_some() || is_there("/usr/lib/postgresql") {
        return Ok(());
    }
    install(&["postgresql"]).context(
        "the tests of the PostgreSQL store need its programs: install postgresql, or name their folder in \
         HOOKMILL_TEST_POSTGRES",
    )
}

/// Installs Debian packages.
fn install(packages: &[&str]) -> Result<()> {
    if !Program::new("apt-get").arg("--version").works() {
        bail!("there is no apt-get here");
    }
    let prefix: &[&str] =
        if Program::new("id").arg("-u").output()?.trim_ascii() == b"0" { &[] } else { &["sudo", "-n"] };
    let apt = |arguments: &[&str]| {
        let mut words = prefix.iter().chain(&["apt-get"]).chain(arguments);
        let first = words.next().copied().unwrap_or("apt-get");
        Program::new(first).args(words).run()
    };
    // A package list that cannot be renewed is no reason to stop: the one on the machine may do.
    if let Err(error) = apt(&["update", "-q"]) {
        println!("{error:#}; going on with the package list that is there");
    }
    apt(&[&["install", "-y", "-q", "--no-install-recommends"], packages].concat())
}

/// Makes sure that a folder of the target directory is a Python environment with these packages, and gives its Python.
///
/// # Errors
/// Where Python 3 is missing or a package cannot be installed.
pub fn python_environment(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let environment = workspace_root().join("target").join(name);
    let (python, mark) = (environment.join("bin/python"), environment.join("installed"));
    let wanted = packages.join("\n");
    if std::fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    Program::new("python3").args(["-m", "venv"]).arg(&environment).run()?;
    Program::new(&python).args(["-m", "pip", "install", "--quiet"]).args(packages).run()?;
    std::fs::write(&mark, wanted).with_context(|| format!("writing {}", mark.display()))?;
    Ok(python)
}

/// Checks licences, sources and bans of the dependencies.
pub fn audit() -> Result<()> {
    if !Program::new("cargo").args(["deny", "--version"]).works() {
        Program::new("cargo").args(["install", "cargo-deny", "--locked"]).run().context("installing cargo-deny")?;
    }
    // Advisories need a database from the network, so they have their own run outside the tests.
    Program::new("cargo").args(["deny", "check", "bans", "licenses", "sources"]).run()
}
