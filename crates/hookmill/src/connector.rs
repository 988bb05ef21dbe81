//! `hookmill connector check`: what an import of an OpenAPI file would find, without storing anything.

use anyhow::Result;
use clap::Subcommand;

use crate::output::Verdict;
use crate::{input, output};

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
}

pub fn run(command: Command) -> Result<Verdict> {
    let Command::Check { file, properties, json } = command;
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
