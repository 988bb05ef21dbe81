//! Runs `cargo test` and says which test programs took longest.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};

use crate::system::Program;

/// How many are listed.
const LISTED: usize = 10;

/// Runs all tests of the workspace, passes on what they print, and lists the slowest programs at the end.
pub fn test() -> Result<()> {
    crate::system::ensure_postgres()?;
    let mut child = Program::new("cargo")
        .args(["test", "--workspace"])
        .start(|command| command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let running = Mutex::new(String::new());
    let mut times: Vec<(f64, String)> = Vec::new();
    let stderr = child.stderr.take().context("the messages of cargo")?;
    let stdout = child.stdout.take().context("the output of the tests")?;
    std::thread::scope(|scope| {
        // cargo names a program on standard error before it starts it; the program reports on standard output.
        scope.spawn(|| {
            lines(stderr, |line| {
                eprintln!("{line}");
                if let Some(name) = program(line) {
                    name.clone_into(&mut running.lock().unwrap_or_else(PoisonError::into_inner));
                }
            });
        });
        lines(stdout, |line| {
            println!("{line}");
            if let Some(seconds) = finished_in(line) {
                times.push((seconds, running.lock().unwrap_or_else(PoisonError::into_inner).clone()));
            }
        });
    });
    let status = child.wait().context("waiting for the tests")?;
    times.sort_by(|one, other| other.0.total_cmp(&one.0));
    println!("\nThe slowest test programs:");
    for (seconds, name) in times.iter().take(LISTED) {
        println!("{seconds:>8.1} s  {name}");
    }
    ensure!(status.success(), "`cargo test --workspace` ended with {status}");
    Ok(())
}

fn lines(stream: impl Read, mut each: impl FnMut(&str)) {
    for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
        each(&String::from_utf8_lossy(&line));
    }
}

/// The program in `Running unittests src/lib.rs (target/debug/deps/hookmill_model-0123)` or `Doc-tests hookmill_model`.
fn program(line: &str) -> Option<&str> {
    let line = line.trim_start();
    if let Some(crate_name) = line.strip_prefix("Doc-tests ") {
        return Some(crate_name);
    }
    let (_, path) = line.strip_prefix("Running ")?.rsplit_once('(')?;
    let file = path.trim_end_matches(')').rsplit('/').next()?;
    Some(file.rsplit_once('-').map_or(file, |(name, _)| name))
}

/// The seconds in `test result: ok. 3 passed; …; finished in 0.12s`.
fn finished_in(line: &str) -> Option<f64> {
    line.strip_prefix("test result: ")?.rsplit_once("finished in ")?.1.strip_suffix('s')?.parse().ok()
}
