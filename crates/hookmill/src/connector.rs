//! `hookmill connector check`: what an import of an OpenAPI file would find, without storing anything.

use anyhow::Result;
use clap::Subcommand;

use crate::output::Verdict;
use crate::{client, input, output};

#[derive(Subcommand)]
pub enum Command {
    /// Check an OpenAPI file without storing it
    #[command(
        after_help = "Examples:\n  hookmill connector check apiDefinition.swagger.json\n  hookmill connector check api.json --properties apiProperties.json --json\n\nExit code 1 where the file cannot become a connector."
    )]
    Check {
        /// The OpenAPI file; `-` for standard input
        #[arg(value_name = "FILE")]
        file: String,
        /// Its apiProperties.json
        #[arg(long, value_name = "FILE")]
        properties: Option<String>,
        /// One JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Import an OpenAPI file as a connector of the server
    #[command(
        after_help = "Example:\n  hookmill connector import github.swagger.json --authentication basic --icon github.png"
    )]
    Import {
        /// The OpenAPI file
        #[arg(value_name = "FILE")]
        file: String,
        /// Its name; the file's title where not given
        #[arg(long)]
        name: Option<String>,
        /// How connections prove who calls: none, basic, or a JSON object; the file's own where not given
        #[arg(long, value_name = "KIND|JSON")]
        authentication: Option<String>,
        /// Host and port of the service; the file's own where not given
        #[arg(long)]
        host: Option<String>,
        /// http or https; the file's own where not given
        #[arg(long)]
        scheme: Option<String>,
        /// A PNG, JPEG, GIF or WebP file
        #[arg(long, value_name = "FILE")]
        icon: Option<String>,
        /// Where the server is
        #[command(flatten)]
        server: client::ServerArgs,
    },
    /// List the connectors of the server
    List {
        /// Where the server is
        #[command(flatten)]
        server: client::ServerArgs,
    },
    /// Show a connector of the server
    Show {
        /// Its identifier
        id: String,
        /// Where the server is
        #[command(flatten)]
        server: client::ServerArgs,
    },
    /// Print the OpenAPI document of a connector
    Export {
        /// Its identifier
        id: String,
        /// Where the server is
        #[command(flatten)]
        server: client::ServerArgs,
    },
    /// Delete a connector
    Delete {
        /// Its identifier
        id: String,
        /// Where the server is
        #[command(flatten)]
        server: client::ServerArgs,
    },
}

pub fn run(command: Command) -> Result<Verdict> {
    let (file, properties, json) = match command {
        Command::Check { file, properties, json } => (file, properties, json),
        Command::Import { file, name, authentication, host, scheme, icon, server } => {
            return client::import_connector(&server, &file, name, authentication, host, scheme, icon.as_deref());
        }
        Command::List { server } => return client::list(&server, "/api/connectors", &["id", "name", "host"]),
        Command::Show { id, server } => return client::get(&server, &format!("/api/connectors/{id}")),
        Command::Export { id, server } => return client::get(&server, &format!("/api/connectors/{id}/definition")),
        Command::Delete { id, server } => return client::delete(&server, &format!("/api/connectors/{id}")),
    };
    let document = input::bytes(&file)?;
    let properties = properties.map(|path| input::bytes(&path)).transpose()?;
    let report = hookmill_connector::check(&document, properties.as_deref());
    if json {
        output::line(output::to_value(&report)?)?;
    } else {
        output::diagnostics(&file, &report.diagnostics)?;
        if report.valid {
            let name = if report.title.is_empty() { "(no title)" } else { &report.title };
            output::line(format_args!(
                "{name}: {} operation(s), {} trigger(s)",
                report.operations,
                report.triggers.len()
            ))?;
            for trigger in &report.triggers {
                let id = trigger.operation_id.as_deref().unwrap_or("(no operationId)");
                let kind = serde_json::to_value(trigger.kind)?;
                output::line(format_args!("  trigger {id}: {}", kind.as_str().unwrap_or_default()))?;
            }
        }
    }
    Ok(if report.valid { Verdict::Fine } else { Verdict::Findings })
}
