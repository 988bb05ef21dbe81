//! `hookmill connector`: checks and samples without a server, and the connectors of one.

use anyhow::{Context, Result};
use clap::Subcommand;
use hookmill_connector::{SampleContext, SampleRequest};

use crate::output::Verdict;
use crate::{client, input, output, table};

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
    /// Make the request part of an operation from a sample request
    #[command(
        after_help = "Examples:\n  hookmill connector sample --curl command.txt\n  hookmill connector sample --method POST --url https://api.example.com/items/{id}?page=1 --body body.json\n\nPrints JSON: the form of the request and what was left out."
    )]
    Sample {
        /// A file with a curl command; `-` for standard input
        #[arg(long, value_name = "FILE", conflicts_with_all = ["method", "url", "header", "body"])]
        curl: Option<String>,
        /// The verb
        #[arg(long, default_value = "GET")]
        method: String,
        /// The address, with {name} for what differs from call to call
        #[arg(long, required_unless_present = "curl", default_value = "", hide_default_value = true)]
        url: String,
        /// `Name: value`; may be repeated
        #[arg(long)]
        header: Vec<String>,
        /// A file with the body
        #[arg(long, value_name = "FILE")]
        body: Option<String>,
    },
    /// Infer a JSON schema from sample payloads
    #[command(after_help = "Example:\n  hookmill connector schema push-1.json push-2.json")]
    Schema {
        /// Files with one payload each
        #[arg(required = true, value_name = "FILE")]
        files: Vec<String>,
    },
    /// Import an OpenAPI file as a connector of the server
    #[command(
        after_help = "Examples:\n  hookmill connector import github.swagger.json --authentication basic --icon github.png\n  HOOKMILL_CLIENT_SECRET=… hookmill connector import apiDefinition.swagger.json --properties apiProperties.json\n  hookmill connector import api.json --authentication '{\"type\": \"oauth2\", \"grant\": \"client_credentials\", \"client_id\": \"…\", \"token_url\": \"https://…\"}'\n  hookmill connector import --prebuilt github"
    )]
    Import {
        /// The OpenAPI file or Postman collection
        #[arg(value_name = "FILE", required_unless_present_any = ["from_url", "prebuilt"])]
        file: Option<String>,
        /// An address that the server fetches the file from
        #[arg(long, value_name = "URL", conflicts_with = "file")]
        from_url: Option<String>,
        /// Its apiProperties.json
        #[arg(long, value_name = "FILE", conflicts_with = "from_url")]
        properties: Option<String>,
        /// A connector that comes with Hookmill, in place of a file
        #[arg(long, value_name = "NAME", conflicts_with_all = ["file", "from_url", "properties"])]
        prebuilt: Option<String>,
        /// Its name; the file's title where not given
        #[arg(long)]
        name: Option<String>,
        /// The client secret of OAuth 2.0
        #[arg(long, env = "HOOKMILL_CLIENT_SECRET", hide_env_values = true)]
        client_secret: Option<String>,
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
        Command::Sample { curl, method, url, header, body } => return sample(curl, method, url, &header, body),
        Command::Schema { files } => {
            let samples: Vec<_> = files.iter().map(|file| input::json(file)).collect::<Result<_>>()?;
            output::line(pretty(&hookmill_connector::infer_schema(&samples))?)?;
            return Ok(Verdict::Fine);
        }
        Command::Import {
            file,
            from_url,
            properties,
            client_secret,
            prebuilt,
            name,
            authentication,
            host,
            scheme,
            icon,
            server,
        } => {
            let settings =
                client::connector_settings([("name", name), ("host", host), ("scheme", scheme)], authentication)?;
            let import = client::ConnectorImport { settings, client_secret, properties, icon };
            return match (file, from_url, prebuilt) {
                (Some(file), ..) => client::import_connector(&server, &file, &import),
                (None, Some(url), _) => {
                    client::make_connector(&server, "/api/connectors/from-url", ("url", url), &import)
                }
                (None, None, id) => {
                    client::make_connector(&server, "/api/connectors", ("prebuilt", id.unwrap_or_default()), &import)
                }
            };
        }
        Command::List { server } => {
            let columns = [
                ("id", "/id"),
                ("name", "/name"),
                ("host", "/host"),
                ("security", "/authentication/type"),
                ("triggers", "/triggers_count"),
                ("actions", "/actions_count"),
                ("connections", "/connections_count"),
            ];
            return client::list(&server, "/api/connectors", &columns, None);
        }
        Command::Show { id, server } => {
            return client::show_as(&server, &format!("/api/connectors/{id}"), table::connector);
        }
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

fn pretty(value: &impl serde::Serialize) -> Result<String> {
    Ok(serde_json::to_string_pretty(value)?)
}

/// The request part of an operation, from a curl command or from its parts.
fn sample(
    curl: Option<String>,
    method: String,
    url: String,
    headers: &[String],
    body: Option<String>,
) -> Result<Verdict> {
    let text = |path: String| -> Result<String> { Ok(String::from_utf8_lossy(&input::bytes(&path)?).into_owned()) };
    let sample = match curl {
        Some(path) => hookmill_connector::request_from_curl(&text(path)?)?,
        None => {
            let pair = |line: &String| {
                let (name, value) = line.split_once(':').with_context(|| format!("'{line}' is not Name: value"))?;
                Ok((name.trim().to_owned(), value.trim().to_owned()))
            };
            SampleRequest {
                method,
                url,
                headers: headers.iter().map(pair).collect::<Result<_>>()?,
                body: body.map(text).transpose()?,
                fields: Vec::new(),
            }
        }
    };
    output::line(pretty(&hookmill_connector::request_from_sample(&sample, SampleContext::default())?)?)?;
    Ok(Verdict::Fine)
}
