//! `hookmill connector`: checks and samples without a server, and the connectors of one.

use anyhow::{Context, Result};
use clap::Subcommand;
use hookmill_connector::{Call, Connector, Credentials, Plan, SampleContext, SampleRequest, Settings};
use hookmill_model::Severity;

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
    /// Run test cases of connectors: the planned request, outputs, creation and deletion, without a network
    #[command(
        after_help = "A file has an array of cases: {\"id\", \"definition\" | \"definitionText\", \"properties\"?, \"connection\"?, \"operationId\", \"parameters\", \"callbackUrl\"?, \"expected\": {\"request\"?, \"error\"?, \"diagnostics\"?}, \"reply\"?, \"expectedOutputs\"?, \"expectedCreation\"?, \"expectedUnsubscribe\"?}.\ndocs/custom-connectors.md describes them.\n\nExamples:\n  hookmill connector test cases.json\n  hookmill connector test *.json --json\n\nExit code 1 where a case fails."
    )]
    Test {
        /// Files with an array of cases; `-` for standard input
        #[arg(required = true, value_name = "FILE")]
        files: Vec<String>,
        /// One JSON object per case
        #[arg(long)]
        json: bool,
    },
    /// Print the request that an operation would send, secrets redacted; nothing is sent
    #[command(
        after_help = "INPUTS is a JSON object with the keys of a flow's inputs.parameters. CONNECTION is {\"set\"?, \"parameters\": {…}, \"accessToken\"?, \"hosts\"?}.\n\nExamples:\n  hookmill connector request api.json --operation GetItem --inputs inputs.json\n  hookmill connector request apiDefinition.swagger.json --properties apiProperties.json --operation OnPush --callback https://example.org/callback/1\n\nExit code 1 where the request cannot be planned."
    )]
    Request {
        /// The OpenAPI file; `-` for standard input
        #[arg(value_name = "FILE")]
        file: String,
        /// The operation's operationId
        #[arg(long, value_name = "ID")]
        operation: String,
        /// Its apiProperties.json
        #[arg(long, value_name = "FILE")]
        properties: Option<String>,
        /// A file with the parameters
        #[arg(long, value_name = "FILE")]
        inputs: Option<String>,
        /// A file with what a connection holds
        #[arg(long, value_name = "FILE")]
        connection: Option<String>,
        /// The address that the service shall call, of an operation that creates a webhook
        #[arg(long, value_name = "URL")]
        callback: Option<String>,
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
        after_help = "Examples:\n  hookmill connector import github.swagger.json --authentication basic --icon github.png\n  HOOKMILL_CLIENT_SECRET=… hookmill connector import apiDefinition.swagger.json --properties apiProperties.json\n  hookmill connector import api.json --authentication '{\"type\": \"oauth2\", \"grant\": \"client_credentials\", \"client_id\": \"…\", \"token_url\": \"https://…\"}'\n  hookmill connector import --prebuilt github\n  hookmill connector import --gallery certified-connectors/Airtable"
    )]
    Import {
        /// The OpenAPI file or Postman collection
        #[arg(value_name = "FILE", required_unless_present_any = ["from_url", "prebuilt", "gallery"])]
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
        /// An entry of the gallery, as `hookmill connector gallery` names it, in place of a file
        #[arg(long, value_name = "ID", conflicts_with_all = ["file", "from_url", "properties", "prebuilt"])]
        gallery: Option<String>,
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
    /// Search what there is to add: connectors that come with Hookmill, and the public collection
    #[command(
        after_help = "Examples:\n  hookmill connector gallery asana\n  hookmill connector gallery crm --verdict full --json\n\nVERDICT is how much of a connector runs here: full, partly or not."
    )]
    Gallery {
        /// Words in title, publisher or category
        #[arg(value_name = "WORD")]
        words: Vec<String>,
        /// Only those of which so much runs here: full, partly, not
        #[arg(long, value_name = "VERDICT", value_parser = ["full", "partly", "not"])]
        verdict: Option<String>,
        /// One JSON object per entry
        #[arg(long)]
        json: bool,
    },
    /// Show what a new file would break in the flows that use a connector, without storing it
    #[command(
        after_help = "Examples:\n  hookmill connector changes con_01… api.json\n  hookmill connector changes con_01… apiDefinition.swagger.json --properties apiProperties.json\n\nExit code 1 where a flow would break."
    )]
    Changes {
        /// The connector's identifier
        id: String,
        /// The new OpenAPI file; `-` for standard input
        #[arg(value_name = "FILE")]
        file: String,
        /// The new apiProperties.json
        #[arg(long, value_name = "FILE")]
        properties: Option<String>,
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
        /// The connector's identifier
        id: String,
        /// Where the server is
        #[command(flatten)]
        server: client::ServerArgs,
    },
    /// Print the OpenAPI document of a connector
    Export {
        /// The connector's identifier
        id: String,
        /// Where the server is
        #[command(flatten)]
        server: client::ServerArgs,
    },
    /// Delete a connector
    Delete {
        /// The connector's identifier
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
        Command::Test { files, json } => return test(&files, json),
        Command::Request { file, operation, properties, inputs, connection, callback, json } => {
            let from = RequestFiles { file, properties, inputs, connection };
            return request(&from, &operation, callback.as_deref(), json);
        }
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
            gallery,
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
            if let Some(id) = gallery {
                return client::make_connector(&server, "/api/connectors", ("gallery", id), &import);
            }
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
        Command::Gallery { words, verdict, json } => return gallery(&words.join(" "), verdict.as_deref(), json),
        Command::Changes { id, file, properties, server } => {
            return client::connector_changes(&server, &id, &file, properties.as_deref());
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
    let document = input::document(&file)?;
    let properties = properties.map(|path| input::document(&path)).transpose()?;
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
    // A file may be readable and still hold what an import refuses.
    let is_refused = report.diagnostics.iter().any(|finding| finding.severity == Severity::Error);
    Ok(if report.valid && !is_refused { Verdict::Fine } else { Verdict::Findings })
}

/// Prints the entries of the gallery that have the words.
fn gallery(words: &str, verdict: Option<&str>, json: bool) -> Result<Verdict> {
    let found = hookmill_connector::search_gallery(words);
    let mut shown = 0;
    for entry in found {
        let said = serde_json::to_value(entry)?;
        let how = said["verdict"].as_str().unwrap_or_default();
        if verdict.is_some_and(|wanted| wanted != how) {
            continue;
        }
        shown += 1;
        if json {
            output::line(&said)?;
            continue;
        }
        let by = if entry.publisher.is_empty() { String::new() } else { format!(" by {}", entry.publisher) };
        let runs = match (entry.verdict, entry.refused_by.join(", ").as_str()) {
            (hookmill_connector::Verdict::Full, _) => "runs in full".to_owned(),
            (hookmill_connector::Verdict::Not, "file") => "cannot be imported".to_owned(),
            (_, why) => format!("{} operation(s) do not run here ({why})", entry.refused_count),
        };
        output::line(format_args!(
            "{}\n  {}{by}: {} trigger(s), {} action(s), {}",
            entry.id, entry.title, entry.triggers_count, entry.actions_count, runs
        ))?;
    }
    if shown == 0 {
        output::note("Nothing in the gallery has these words.")?;
    }
    Ok(if shown == 0 { Verdict::Findings } else { Verdict::Fine })
}

/// Runs the cases of the files.
fn test(files: &[String], json: bool) -> Result<Verdict> {
    let (mut passed, mut failed) = (0, 0);
    for file in files {
        for case in input::cases(file)? {
            let verdict = hookmill_executor::run_case(&case);
            let failure = (!verdict.failures.is_empty()).then(|| verdict.failures.join("; "));
            output::case(&verdict.id, failure.as_deref(), json)?;
            if failure.is_none() {
                passed += 1;
            } else {
                failed += 1;
            }
        }
    }
    output::sum(passed, failed)
}

/// The files of one planned request.
struct RequestFiles {
    file: String,
    properties: Option<String>,
    inputs: Option<String>,
    connection: Option<String>,
}

/// Plans one request and prints it without its secrets.
fn request(from: &RequestFiles, operation: &str, callback: Option<&str>, json: bool) -> Result<Verdict> {
    let document = input::document(&from.file)?;
    let properties = from.properties.as_deref().map(input::document).transpose()?;
    let import = Connector::import(&document, properties.as_deref(), &Settings::default());
    let Some(connector) = &import.connector else {
        output::diagnostics(&from.file, &import.diagnostics)?;
        return Ok(Verdict::Findings);
    };
    let Some(found) = connector.operation(operation) else {
        let known: Vec<&str> = connector.operations.iter().map(|own| &*own.operation_id).take(20).collect();
        anyhow::bail!("the file has no operation '{operation}'; it has {}", known.join(", "));
    };
    let inputs = from.inputs.as_deref().map(input::json).transpose()?;
    let parameters = inputs.as_ref().map(|inputs| inputs.get("parameters").unwrap_or(inputs).clone());
    let credentials =
        from.connection.as_deref().map(|file| Ok::<_, anyhow::Error>(credentials(connector, &input::json(file)?)));
    let credentials = credentials.transpose()?;
    let call = Call {
        parameters: parameters.as_ref(),
        callback_url: callback,
        credentials: credentials.as_ref(),
        ..Call::default()
    };
    let planned = match connector.plan_request(found, &call) {
        Ok(plan) => plan,
        Err(error) => {
            output::note(error.to_string())?;
            return Ok(Verdict::Findings);
        }
    };
    let is_lookup = matches!(planned, Plan::Lookup(_));
    let shown = hookmill_executor::preview(&planned.into_request()).map_err(anyhow::Error::msg)?;
    if json {
        output::line(&shown)?;
        return Ok(Verdict::Fine);
    }
    if is_lookup {
        output::note("A policy makes this call first; the request itself depends on its answer.")?;
    }
    let text = |name: &str| shown.get(name).and_then(hookmill_model::Value::as_str).unwrap_or_default();
    output::line(format_args!("{} {}", text("method"), text("uri")))?;
    for (name, value) in
        shown.get("headers").and_then(hookmill_model::Value::as_object).into_iter().flat_map(|all| all.iter())
    {
        output::line(format_args!("{name}: {}", value.as_str().unwrap_or_default()))?;
    }
    if let Some(body) = shown.get("body") {
        let body = body.as_str().map_or_else(|| pretty(body), |text| Ok(text.to_owned()))?;
        output::line(format_args!("\n{body}"))?;
    }
    Ok(Verdict::Fine)
}

/// What a connection holds, as a file says it.
fn credentials(connector: &Connector, connection: &hookmill_model::Value) -> Credentials {
    let text = |name: &str| connection.get(name).and_then(hookmill_model::Value::as_str).unwrap_or_default();
    let hosts = connection.get("hosts").and_then(hookmill_model::Value::as_array).unwrap_or_default();
    Credentials {
        set: text("set").into(),
        parameters: connector.with_field_defaults(
            text("set"),
            connection.get("parameters").and_then(hookmill_model::Value::as_object).cloned().unwrap_or_default(),
        ),
        access_token: text("accessToken").into(),
        hosts: hosts.iter().filter_map(|host| host.as_str().map(Into::into)).collect(),
        hidden: Vec::new(),
    }
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
