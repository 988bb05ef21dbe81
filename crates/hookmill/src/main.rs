//! The binary: reads flags and configuration, picks a store, wires the parts and runs them.

mod apply;
mod catalog;
mod client;
mod config;
mod connector;
mod data;
mod expression;
mod flow;
mod input;
mod measures;
mod migrate;
mod node;
mod otlp;
mod output;
mod self_check;
mod serve;
mod table;
mod webhook;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(
    name = "hookmill",
    version,
    about = "Webhooks in, flows run, phones buzz: a self-hosted flow server.",
    after_help = "Examples:\n  hookmill serve\n  hookmill connector check github.swagger.json\n  hookmill expression eval \"@add(1, 2)\"\n\nExit codes: 0 fine, 1 findings or failures, 2 wrong usage."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Try expressions and run their tests
    #[command(subcommand)]
    Expression(expression::Command),
    /// Check connectors
    #[command(subcommand)]
    Connector(connector::Command),
    /// Check flows and run their tests
    #[command(subcommand)]
    Flow(flow::Command),
    /// Check signatures of services and run tests of the callback door
    #[command(subcommand)]
    Webhook(webhook::Command),
    /// Start the server
    Serve(serve::Args),
    /// Make the owner's account and print an API token
    Setup(client::SetupArgs),
    /// Connections of a server: create, list, delete
    #[command(subcommand)]
    Connection(client::ConnectionCommand),
    /// Runs of a server: list, show, cancel, resubmit
    #[command(subcommand)]
    Run(client::RunCommand),
    /// Make folders of connectors, connections and flows true on a server
    Apply(apply::Args),
    /// Copy the data of a server while it works
    Backup(data::BackupArgs),
    /// Bring a backup back into an empty data folder
    Restore(data::RestoreArgs),
    /// Move everything from a data folder into a PostgreSQL database, or back
    MigrateStore(migrate::Args),
    /// The servers of a database
    #[command(subcommand)]
    Node(node::Command),
    /// Look over a data folder: can it be written, is the store sound, does the key fit
    Doctor(data::DoctorArgs),
    /// Ask a server from outside: does it answer, can it store, is it reached under its public address
    SelfCheck(self_check::Args),
    /// Print the completion script of a shell
    #[command(after_help = "Example:\n  hookmill completion bash > /etc/bash_completion.d/hookmill")]
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    let command = match config::apply(Cli::command(), &arguments) {
        Ok(command) => command,
        Err(error) => return output::wrong_usage(&error),
    };
    let cli = match Cli::from_arg_matches(&command.get_matches_from(arguments)) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let outcome = match cli.command {
        Command::Expression(command) => expression::run(command),
        Command::Connector(command) => connector::run(command),
        Command::Flow(command) => flow::run(command),
        Command::Webhook(command) => webhook::run(command),
        Command::Serve(args) => serve::run(args),
        Command::Setup(args) => client::setup(&args),
        Command::Connection(command) => client::connection(command),
        Command::Run(command) => client::run(command),
        Command::Apply(args) => apply::run(&args),
        Command::Backup(args) => data::backup(&args),
        Command::Restore(args) => data::restore(&args),
        Command::Node(command) => node::run(command),
        Command::MigrateStore(args) => migrate::run(&args),
        Command::Doctor(args) => data::doctor(&args),
        Command::SelfCheck(args) => self_check::run(&args),
        Command::Completion { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "hookmill", &mut std::io::stdout());
            Ok(output::Verdict::Fine)
        }
    };
    output::exit_code(outcome)
}
