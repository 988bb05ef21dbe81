//! The chores of the project: `cargo xtask run` and `cargo xtask test` are all a newcomer needs.

use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let chore = std::env::args().nth(1).unwrap_or_default();
    let steps: &[&[&str]] = match chore.as_str() {
        "test" => &[
            &["fmt", "--all", "--check"],
            &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
            &["test", "--workspace"],
        ],
        _ => {
            eprintln!("usage: cargo xtask test");
            return ExitCode::from(2);
        }
    };
    for step in steps {
        println!("cargo {}", step.join(" "));
        let ended = Command::new("cargo").args(*step).status();
        if !ended.is_ok_and(|status| status.success()) {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
