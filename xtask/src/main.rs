//! The chores of the project: `cargo xtask run` and `cargo xtask test` are all a newcomer needs.
//!
//! Everything here only starts other programs and reports how they ended, so that it compiles in a second.

mod api;
mod deploy;
mod interface;
mod slowest;
mod system;
mod tidy;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use system::{Program, workspace_root};

const HELP: &str = "\
cargo xtask run [-- FLAGS]      build everything, start the server, print its address
cargo xtask test [PART…]        install what the tests need, run everything
                                parts: format, tidy, interface, lint, rust, api, browser, deploy, audit
cargo xtask bench [-- FLAGS]    measure beside the same work written by hand, print the ratios
cargo xtask interface           build the web interface into ui/dist
cargo xtask schema              write docs/expressions.md, ui/openapi.json and the designer's tables of the language
                                from the code
cargo xtask simulate [-- FROM]  100,000 random flows in the simulator, from the number FROM on (default: the day)
cargo xtask soak [-- MINUTES]   the long form of tests that try for seconds: 300 kills, 100,000 events in order,
                                then 200 events a second with planned restarts (default: 60 minutes)
cargo xtask soak -- nodes [ROUNDS]
                                servers side by side that are killed, paused and cut off (default: 50 rounds)
cargo xtask gallery -- FOLDER   write the index of the gallery from a copy of the public collection of connectors
cargo xtask tidy                check the house rules that no compiler knows (part of the tests)

FLAGS of `run` go to `hookmill serve`, for example:  cargo xtask run -- --listen 127.0.0.1:8080";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let chore = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.skip_while(|argument| argument == "--").collect();
    let outcome = match chore.as_str() {
        "run" => run(&rest),
        "test" => test(&rest),
        "bench" => bench(&rest),
        "interface" => interface::build(),
        "schema" => schema(),
        "gallery" => gallery(&rest),
        "simulate" => simulate(&rest),
        "soak" => soak(&rest),
        "tidy" => tidy::check(),
        "" | "help" | "--help" | "-h" => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        other => {
            eprintln!("There is no chore \"{other}\".\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nxtask {chore}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Builds the interface and the server beside each other, then starts the server.
fn run(flags: &[String]) -> Result<()> {
    let begun = Instant::now();
    println!("Building the server and its web interface. The first time takes about seven minutes on two cores.");
    let build = || Program::new("cargo").args(["build", "--profile", "quick", "-p", "hookmill"]).run();
    if interface::is_possible() {
        std::thread::scope(|scope| {
            let interface = scope.spawn(interface::build_silently);
            let server = build();
            let interface = interface.join().map_err(|_| anyhow::anyhow!("building the interface broke off"))?;
            server.and(interface)
        })?;
        // The interface is embedded. Where it was ready only after the server had been compiled, this compiles the server again.
        build()?;
    } else {
        println!("Node is not installed: the server starts without the web interface.");
        build()?;
    }
    println!("Built in {:.0} s.", begun.elapsed().as_secs_f64());
    let binary = system::target_dir().join("quick").join("hookmill");
    Program::new(binary).arg("serve").args(flags).run()
}

fn bench(flags: &[String]) -> Result<()> {
    Program::new("cargo").args(["build", "--release", "-p", "hookmill", "-p", "hookmill-bench"]).run()?;
    Program::new(system::target_dir().join("release").join("hookmill-bench")).args(flags).run()
}

/// The nightly run of the simulator: other flows each day.
fn simulate(from: &[String]) -> Result<()> {
    let day = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs() / 86_400;
    let from = from.first().cloned().unwrap_or_else(|| (day * 1_000_000).to_string());
    println!("100,000 flows from number {from} on");
    Program::new("cargo")
        .args(["test", "--release", "-p", "hookmill-sim", "random_flows", "--", "--nocapture"])
        .env("HOOKMILL_SIM_FLOWS", "100000")
        .env("HOOKMILL_SIM_FROM", &from)
        .run()
}

/// The long form of the tests of what must hold under faults, against a released binary.
fn soak(minutes: &[String]) -> Result<()> {
    if let [first, rounds @ ..] = minutes
        && first == "nodes"
    {
        return soak_nodes(rounds);
    }
    let minutes = minutes.first().map_or("60", String::as_str);
    let seconds: u64 = minutes.parse::<u64>().with_context(|| format!("\"{minutes}\" is no number of minutes"))? * 60;
    let seconds = seconds.to_string();
    let parts: [(&str, &[&str], &str, &str); 3] = [
        ("300 kills under load", &["-p", "hookmill", "--test", "kill"], "HOOKMILL_KILL_ROUNDS", "300"),
        ("100,000 events in order", &["-p", "hookmill-runtime", "--test", "fair"], "HOOKMILL_COUNTED_EVENTS", "100000"),
        ("a steady load", &["-p", "hookmill", "--test", "exact", "a_steady_load"], "HOOKMILL_LOAD_SECONDS", &seconds),
    ];
    for (what, test, name, value) in parts {
        println!("\n── {what}");
        let run = Program::new("cargo").args(["test", "--release"]).args(test).args(["--", "--nocapture"]);
        run.env(name, value).run().with_context(|| format!("{what} failed"))?;
    }
    Ok(())
}

/// Servers side by side that are killed, paused, cut off and stopped, round after round.
fn soak_nodes(rounds: &[String]) -> Result<()> {
    let rounds = rounds.first().map_or("50", String::as_str);
    let rounds: u32 = rounds.parse().with_context(|| format!("\"{rounds}\" is no number of rounds"))?;
    for round in 1..=rounds {
        println!("\n── servers side by side, round {round} of {rounds}");
        let test = ["test", "--release", "-p", "hookmill", "--test", "nodes", "--", "--nocapture"];
        Program::new("cargo").args(test).run().with_context(|| format!("round {round} failed"))?;
    }
    Ok(())
}

/// The index of the gallery, and the state of the collection that it was made from.
fn gallery(folder: &[String]) -> Result<()> {
    let folder = folder.first().context("name the folder: a clone of github.com/microsoft/PowerPlatformConnectors")?;
    let commit = Program::new("git").args(["-C", folder, "rev-parse", "HEAD"]).output()?;
    let example = ["run", "-q", "-p", "hookmill-connector", "--example", "gallery", "--", folder];
    let index = Program::new("cargo").args(example).output()?;
    let into = workspace_root().join("crates/hookmill-connector/src/gallery");
    std::fs::write(into.join("commit.txt"), commit.trim_ascii()).context("writing commit.txt")?;
    std::fs::write(into.join("index.tsv"), index).context("writing index.tsv")
}

fn schema() -> Result<()> {
    let page = Program::new("cargo").args(["run", "-q", "-p", "hookmill", "--", "expression", "reference"]).output()?;
    std::fs::write(workspace_root().join("docs/expressions.md"), page).context("writing docs/expressions.md")?;
    let document =
        Program::new("cargo").args(["run", "-q", "-p", "hookmill-server", "--example", "openapi"]).output()?;
    std::fs::write(workspace_root().join("ui/openapi.json"), document).context("writing ui/openapi.json")?;
    let tables =
        Program::new("cargo").args(["run", "-q", "-p", "hookmill-definition", "--example", "language"]).output()?;
    let path = "ui/src/flow-model/language.generated.json";
    std::fs::write(workspace_root().join(path), tables).with_context(|| format!("writing {path}"))
}

fn test(parts: &[String]) -> Result<()> {
    type Part = (&'static str, fn() -> Result<()>);
    const PARTS: &[Part] = &[
        ("format", || Program::new("cargo").args(["fmt", "--all", "--check"]).run()),
        ("tidy", tidy::check),
        ("interface", interface::test),
        ("lint", || {
            Program::new("cargo").args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]).run()
        }),
        ("rust", slowest::test),
        ("api", api::test),
        ("browser", interface::browser_test),
        ("deploy", deploy::test),
        ("audit", system::audit),
    ];
    for wanted in parts {
        anyhow::ensure!(PARTS.iter().any(|(name, _)| name == wanted), "there is no part \"{wanted}\" of the tests");
    }
    let mut summary = Vec::new();
    for (name, part) in PARTS {
        if !parts.is_empty() && !parts.iter().any(|wanted| wanted == name) {
            continue;
        }
        println!("\n── {name}");
        let begun = Instant::now();
        part().with_context(|| format!("the part \"{name}\" failed"))?;
        summary.push(format!("{name} {:.0} s", begun.elapsed().as_secs_f64()));
    }
    println!("\nAll parts passed: {}.", summary.join(", "));
    Ok(())
}
