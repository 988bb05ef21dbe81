//! `hookmill flow check` and `hookmill flow test`: offline tools for makers and their CI.

use anyhow::{Context, Result};
use clap::Subcommand;
use hookmill_definition::{Limits, compile, file};
use hookmill_engine::{ActionRequest, case};
use hookmill_executor::{CallContext, Executor};
use hookmill_http::{Client, ClientConfig};
use hookmill_model::{Diagnostic, Severity, Value};

use crate::output::Verdict;
use crate::{client, input, output, table};

#[derive(Subcommand)]
pub enum Command {
    /// Check a definition or an exported package without storing it
    #[command(
        after_help = "Examples:\n  hookmill flow check definition.json\n  hookmill flow check MyFlow.zip --connectors ./connectors\n  hookmill flow check - --json < definition.json\n\nReads bare definitions, Power Automate's definition.json and clientdata, Logic Apps resources and templates, and\nexported packages and solutions (.zip). Exit code 1 where anything is an error."
    )]
    Check {
        /// The file; `-` for standard input
        #[arg(value_name = "FILE")]
        file: String,
        /// A folder with the OpenAPI files of connectors: the operations that the flow uses are looked up there
        #[arg(long, value_name = "DIR")]
        connectors: Option<String>,
        /// A TOML file with the bounds that differ from the defaults
        #[arg(long, value_name = "FILE")]
        limits: Option<String>,
        /// One JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Create a flow on the server
    #[command(
        after_help = "Examples:\n  hookmill flow create definition.json --name \"Pushes\" --connection shared_github=cnx_…\n  hookmill flow create definition.json --name \"Pushes\" --draft    # kept although something is wrong or missing"
    )]
    Create {
        /// The definition, or a file that holds one
        #[arg(value_name = "FILE")]
        file: String,
        /// Its title
        #[arg(long)]
        name: String,
        /// key=connection, for each connection that the definition names
        #[arg(long = "connection", value_name = "KEY=ID")]
        connections: Vec<String>,
        /// Keep it as a draft: it may have faults, and nothing starts it
        #[arg(long)]
        draft: bool,
        /// Where the server is
        #[command(flatten)]
        server: client::ServerArgs,
    },
    /// Create all flows of an exported package, a solution or a template on the server
    #[command(
        after_help = "Examples:\n  hookmill flow import MyFlow.zip --connection shared_github=cnx_…\n  hookmill flow import solution.zip --draft\n\nNames come from the file. A flow that cannot be turned on, for example since a connection is missing, is kept as a\ndraft; the command says why and ends with 1."
    )]
    Import {
        /// The package, or a file that holds a flow
        #[arg(value_name = "FILE")]
        file: String,
        /// Its title, where the file holds one flow
        #[arg(long)]
        name: Option<String>,
        /// key=connection, for each connection that the flows name
        #[arg(long = "connection", value_name = "KEY=ID")]
        connections: Vec<String>,
        /// Keep all as drafts
        #[arg(long)]
        draft: bool,
        /// Where the server is
        #[command(flatten)]
        server: client::ServerArgs,
    },
    /// Save a new version of a flow
    #[command(after_help = "Example:\n  hookmill flow update flw_… definition.json --name \"Pushes\" --draft")]
    Update {
        /// The flow's identifier
        id: String,
        /// The definition, or a file that holds one
        #[arg(value_name = "FILE")]
        file: String,
        /// Its title
        #[arg(long)]
        name: String,
        /// key=connection, for each connection that the definition names
        #[arg(long = "connection", value_name = "KEY=ID")]
        connections: Vec<String>,
        /// Keep it as a draft: it may have faults, and nothing starts it
        #[arg(long)]
        draft: bool,
        /// Where the server is
        #[command(flatten)]
        server: client::ServerArgs,
    },
    /// List the flows of the server
    List {
        /// Where the server is
        #[command(flatten)]
        server: client::ServerArgs,
    },
    /// Show a flow: its state, its webhook, what is wrong with it
    Show {
        /// The flow's identifier
        id: String,
        /// Where the server is
        #[command(flatten)]
        server: client::ServerArgs,
    },
    /// Turn a flow on: its webhook is created
    On {
        /// The flow's identifier
        id: String,
        /// Where the server is
        #[command(flatten)]
        server: client::ServerArgs,
    },
    /// Turn a flow off: its webhook is deleted
    Off {
        /// The flow's identifier
        id: String,
        /// Where the server is
        #[command(flatten)]
        server: client::ServerArgs,
    },
    /// Delete a flow and its webhook
    Delete {
        /// The flow's identifier
        id: String,
        /// Where the server is
        #[command(flatten)]
        server: client::ServerArgs,
    },
    /// Write a flow as a package that Power Automate and this server import
    #[command(after_help = "Example:\n  hookmill flow export flw_… --output pushes.zip")]
    Export {
        /// The flow's identifier
        id: String,
        /// The file to write; `-` for standard output
        #[arg(long, short, value_name = "FILE")]
        output: String,
        /// Where the server is
        #[command(flatten)]
        server: client::ServerArgs,
    },
    /// Try a changed definition on the recorded runs of a flow: which would have gone another way, and where
    #[command(
        after_help = "Example:\n  hookmill flow backtest flw_… changed.json --last 100\n\nNothing is sent anywhere: each action gets the answer that it got then. What has no recorded answer is assumed\nto succeed with an empty one, and named. Exit code 1 where a run would have gone another way."
    )]
    Backtest {
        /// The flow's identifier
        #[arg(value_name = "FLOW")]
        id: String,
        /// The changed definition, or a file that holds one
        #[arg(value_name = "NEW_DEFINITION")]
        file: String,
        /// How many runs, from the newest on
        #[arg(long, default_value_t = 100)]
        last: usize,
        /// Where the server is
        #[command(flatten)]
        server: client::ServerArgs,
    },
    /// Run test cases of flows: scripted replies, virtual time
    #[command(
        after_help = "Each case is {\"id\", \"definition\", \"parameters\"?, \"trigger\"?, \"httpReplies\"?, \"connectorReplies\"?, \"expected\"}.\nWaits and retries take no time."
    )]
    Test {
        /// Files with an array of cases
        #[arg(required = true, value_name = "FILE")]
        files: Vec<String>,
        /// One JSON object per case
        #[arg(long)]
        json: bool,
    },
}

pub fn run(command: Command) -> Result<Verdict> {
    match command {
        Command::Check { file, connectors, limits, json } => {
            check(&file, connectors.as_deref(), &input::limits(limits.as_deref())?, json)
        }
        Command::Test { files, json } => test(&files, json),
        Command::Create { file, name, connections, draft, server } => {
            client::save_flow(&server, None, &file, &name, &connections, draft)
        }
        Command::Update { id, file, name, connections, draft, server } => {
            client::save_flow(&server, Some(&id), &file, &name, &connections, draft)
        }
        Command::Import { file, name, connections, draft, server } => {
            client::import_flows(&server, &file, name.as_deref(), &connections, draft)
        }
        Command::List { server } => {
            let columns = [
                ("id", "/id"),
                ("state", "/state"),
                ("name", "/name"),
                ("trigger", "/trigger/name"),
                ("last run", "/last_run/status"),
                ("at", "/last_run/started_at"),
            ];
            client::list(&server, "/api/flows", &columns, None)
        }
        Command::Show { id, server } => client::show_as(&server, &format!("/api/flows/{id}"), table::flow),
        Command::On { id, server } => client::switched(&server, &format!("/api/flows/{id}/on"), "/state"),
        Command::Off { id, server } => client::switched(&server, &format!("/api/flows/{id}/off"), "/state"),
        Command::Export { id, output, server } => {
            client::download(&server, &format!("/api/flows/{id}/export"), &output)
        }
        Command::Backtest { id, file, last, server } => client::backtest(&server, &id, &file, last),
        Command::Delete { id, server } => client::delete(&server, &format!("/api/flows/{id}")),
    }
}

/// One flow of the checked file.
struct Checked {
    name: Option<String>,
    entry: Option<String>,
    needs: Vec<Value>,
    diagnostics: Vec<Diagnostic>,
}

fn check(path: &str, connectors: Option<&str>, limits: &Limits, json: bool) -> Result<Verdict> {
    let bytes = input::bytes(path)?;
    let checked = match file::read(&bytes) {
        Ok(flows) => {
            let catalog = connectors.map(crate::catalog::Catalog::read).transpose()?;
            flows.iter().map(|flow| check_flow(flow, catalog.as_ref(), limits)).collect()
        }
        Err(finding) => vec![Checked { name: None, entry: None, needs: Vec::new(), diagnostics: vec![*finding] }],
    };
    let is_error = |finding: &Diagnostic| finding.severity == Severity::Error;
    let valid = !checked.iter().flat_map(|flow| &flow.diagnostics).any(is_error);
    if json {
        let flows = checked.iter().map(|flow| {
            Ok(Value::object([
                ("name", flow.name.clone().map(Value::from).unwrap_or_default()),
                ("entry", flow.entry.clone().map(Value::from).unwrap_or_default()),
                ("needs", Value::array(flow.needs.clone())),
                ("diagnostics", output::to_value(&flow.diagnostics)?),
            ]))
        });
        let flows = flows.collect::<Result<Vec<Value>>>()?;
        let all: Vec<&Diagnostic> = checked.iter().flat_map(|flow| &flow.diagnostics).collect();
        output::line(Value::object([
            ("valid", Value::Bool(valid)),
            ("diagnostics", output::to_value(&all)?),
            ("flows", Value::array(flows)),
        ]))?;
    } else {
        for flow in &checked {
            let shown = match &flow.entry {
                Some(entry) => format!("{path}:{entry}"),
                None => path.to_owned(),
            };
            output::diagnostics(&shown, &flow.diagnostics)?;
            for need in &flow.needs {
                let text = |name: &str| need.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
                let users = need.get("usedBy").and_then(Value::as_array).unwrap_or_default();
                let users: Vec<&str> = users.iter().filter_map(Value::as_str).collect();
                output::line(format_args!(
                    "{shown}: needs a connection of {} for '{}', used by {}",
                    text("api"),
                    text("key"),
                    if users.is_empty() { "nothing".to_owned() } else { users.join(", ") }
                ))?;
            }
        }
        let errors = checked.iter().flat_map(|flow| &flow.diagnostics).filter(|finding| is_error(finding)).count();
        let warnings = checked.iter().map(|flow| flow.diagnostics.len()).sum::<usize>() - errors;
        output::line(format_args!("{} flow(s): {errors} error(s), {warnings} warning(s)", checked.len()))?;
    }
    Ok(if valid { Verdict::Fine } else { Verdict::Findings })
}

fn check_flow(flow: &file::FlowFile, catalog: Option<&crate::catalog::Catalog>, limits: &Limits) -> Checked {
    let compilation = compile(&flow.definition, &flow.parameters, flow.profile, limits);
    let mut diagnostics = compilation.diagnostics;
    let read = flow.diagnostics.iter().cloned();
    let plan = compilation.plan.or(compilation.faulty);
    if let (Some(catalog), Some(plan)) = (catalog, &plan) {
        diagnostics.extend(catalog.check(flow, plan));
    }
    for finding in &mut diagnostics {
        finding.pointer = flow.pointer.join(&finding.pointer);
    }
    diagnostics.splice(0..0, read);
    let calls: Vec<_> = plan.iter().flat_map(hookmill_definition::Plan::connector_calls).collect();
    let needs = flow.connections.iter().map(|connection| {
        let users = calls.iter().filter(|(_, _, call)| call.connection == connection.key);
        Value::object([
            ("key", Value::from(connection.key.clone())),
            ("api", connection.api.clone().map(Value::from).unwrap_or_default()),
            ("usedBy", Value::array(users.map(|(name, ..)| Value::from((*name).clone())).collect())),
        ])
    });
    Checked { name: flow.name.clone(), entry: flow.entry.clone(), needs: needs.collect(), diagnostics }
}

fn test(files: &[String], json: bool) -> Result<Verdict> {
    let (mut passed, mut failed) = (0, 0);
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting")?;
    let client = Client::new(ClientConfig::default()).context("the outgoing client")?;
    let executor = Executor::new(client, &hookmill_executor::Settings::default());
    // Scripts have no world, so they run as they are.
    let scripts =
        |request: &ActionRequest| tokio.block_on(executor.perform(request, &CallContext::outside_runs())).ok();
    for file in files {
        for one in input::cases(file)? {
            let verdict = case::run_with(&one, &scripts);
            let failure = (!verdict.failures.is_empty()).then(|| verdict.failures.join("; "));
            output::case(&verdict.id, failure.as_deref(), json)?;
            if failure.is_none() { passed += 1 } else { failed += 1 }
        }
    }
    output::sum(passed, failed)
}
