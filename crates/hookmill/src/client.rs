//! Commands that talk to a server: `HOOKMILL_URL` says where it is, `HOOKMILL_TOKEN` who calls.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use hookmill_definition::file;
use hookmill_http::{AddressPolicy, Client, ClientConfig, HeaderValue, Method, Request, header};
use hookmill_model::{Object, Value};

use crate::output::Verdict;
use crate::{input, output, table};

/// Items of one request for a list.
const PAGE: usize = 200;

/// Where the server is, and who calls.
#[derive(Args)]
pub struct ServerArgs {
    /// The address of the server
    #[arg(long, env = "HOOKMILL_URL", default_value = "http://127.0.0.1:7780", value_name = "URL")]
    url: String,
    /// An API token; `hookmill setup` prints one
    #[arg(long, env = "HOOKMILL_TOKEN", hide_env_values = true, default_value = "", value_name = "TOKEN")]
    token: String,
    /// JSON for programs
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
#[command(
    after_help = "Example:\n  export HOOKMILL_TOKEN=$(hookmill setup --setup-token … --name Ada --email ada@example.org --password …)"
)]
pub struct SetupArgs {
    /// The address of the server
    #[arg(long, env = "HOOKMILL_URL", default_value = "http://127.0.0.1:7780", value_name = "URL")]
    url: String,
    /// The token that the server printed when it started
    #[arg(long, env = "HOOKMILL_SETUP_TOKEN", hide_env_values = true)]
    setup_token: String,
    /// The owner's name
    #[arg(long)]
    name: String,
    /// The owner's e-mail address
    #[arg(long)]
    email: String,
    /// At least ten characters
    #[arg(long, env = "HOOKMILL_PASSWORD", hide_env_values = true)]
    password: String,
}

#[derive(Subcommand)]
pub enum ConnectionCommand {
    /// Make a connection; secrets may come from the environment
    #[command(
        after_help = "Examples:\n  HOOKMILL_PASSWORD=ghp_… hookmill connection create --connector cnr_… --name mine --username ada\n  hookmill connection create --connector cnr_… --name mine --parameter region=eu --parameters-file secrets.json\n  hookmill connection create --connector cnr_… --name mine    # OAuth 2.0: prints the address where you sign in\n\nWhere the connector signs people in, open the address in a browser that is signed in to the server with the same\naccount. Client credentials of OAuth 2.0 need no sign-in: the connection is tested instead."
    )]
    Create {
        /// The connector's identifier
        #[arg(long)]
        connector: String,
        /// A name for the connection, which the pages show
        #[arg(long)]
        name: String,
        /// The user name
        #[arg(long)]
        username: Option<String>,
        /// The password or personal token
        #[arg(long, env = "HOOKMILL_PASSWORD", hide_env_values = true)]
        password: Option<String>,
        /// The API key
        #[arg(long, env = "HOOKMILL_API_KEY", hide_env_values = true)]
        api_key: Option<String>,
        /// The parameter set, of a connector that has several
        #[arg(long)]
        set: Option<String>,
        /// The value of another field of the connector
        #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = pair)]
        parameters: Vec<(String, String)>,
        /// A JSON object with values of fields; secrets stand better there than on the command line
        #[arg(long, value_name = "FILE")]
        parameters_file: Option<String>,
        /// Where the server is
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Print the address where one signs a connection in at its service, also again
    #[command(
        after_help = "Example:\n  hookmill connection sign-in cnx_…\n\nOpen the address within ten minutes, in a browser that is signed in to the server with the same account."
    )]
    SignIn {
        /// The connection's identifier
        id: String,
        /// Where the server is
        #[command(flatten)]
        server: ServerArgs,
    },
    /// List the connections
    List {
        /// Where the server is
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Delete a connection
    Delete {
        /// The connection's identifier
        id: String,
        /// Where the server is
        #[command(flatten)]
        server: ServerArgs,
    },
}

#[derive(Subcommand)]
pub enum RunCommand {
    /// List runs, newest first
    List {
        /// Only runs of the flow with this identifier
        #[arg(long)]
        flow: Option<String>,
        /// Only runs with this status
        #[arg(long)]
        status: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Where the server is
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Show a run, action by action
    Show {
        /// The run's identifier
        id: String,
        /// Where the server is
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Cancel a run
    Cancel {
        /// The run's identifier
        id: String,
        /// Where the server is
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Take a failed run up again at the action that failed: what succeeded is not done again
    #[command(after_help = "Example:\n  hookmill run resume run_… --version now")]
    Resume {
        /// The run's identifier
        id: String,
        /// The definition of then, or of now
        #[arg(long, value_parser = ["then", "now"], default_value = "then")]
        version: String,
        /// Where the server is
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Run the same trigger outputs again with today's version
    Resubmit {
        /// The run's identifier
        id: String,
        /// Where the server is
        #[command(flatten)]
        server: ServerArgs,
    },
}

impl ServerArgs {
    /// Whether a program reads what is printed.
    pub const fn is_json(&self) -> bool {
        self.json
    }
}

/// Sends a request and gives the answer's body; a problem becomes an error with its hint.
fn send(server: &ServerArgs, method: Method, path: &str, body: Option<(Vec<u8>, &str)>) -> Result<Vec<u8>> {
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio.block_on(async {
        // The person at the terminal chose the address.
        let policy = AddressPolicy::new(&["0.0.0.0/0", "::/0"], &[], false)?;
        let client = Client::new(ClientConfig { policy, ..ClientConfig::default() })?;
        let url = format!("{}{path}", server.url.trim_end_matches('/'));
        let mut request = Request::new(method, url.as_str()).with_timeout(Duration::from_secs(120));
        if !server.token.is_empty() {
            let value = HeaderValue::from_str(&format!("Bearer {}", server.token)).context("the token")?;
            request = request.with_header(header::AUTHORIZATION, value);
        }
        if let Some((bytes, kind)) = body {
            request = request.with_header(header::CONTENT_TYPE, HeaderValue::from_str(kind)?).with_body(bytes);
        }
        let response = client.send(request).await.with_context(|| format!("no answer from {}", server.url))?;
        if response.status.is_success() {
            return Ok(response.body.to_vec());
        }
        let problem = Value::from_json(&response.body).unwrap_or_default();
        let text = |name: &str| problem.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
        let mut message = text("detail").unwrap_or_else(|| format!("the server answered {}", response.status));
        for finding in problem.get("diagnostics").and_then(Value::as_array).unwrap_or_default() {
            let part = |name: &str| finding.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            message.push_str(&format!("\n  {} {}: {}", part("severity"), part("pointer"), part("message")));
        }
        if let Some(hint) = text("hint") {
            message.push_str(&format!("\n  hint: {hint}"));
        }
        bail!("{message}")
    })
}

pub fn send_json(server: &ServerArgs, method: Method, path: &str, body: &Value) -> Result<Value> {
    let bytes = send(server, method, path, Some((body.to_json().into_bytes(), "application/json")))?;
    Ok(Value::from_json(&bytes).unwrap_or_default())
}

pub fn get_json(server: &ServerArgs, path: &str) -> Result<Value> {
    Ok(Value::from_json(&send(server, Method::GET, path, None)?)?)
}

/// All items of a list.
pub fn items(server: &ServerArgs, path: &str) -> Result<Vec<Value>> {
    let mut items = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = get_json(server, &format!("{path}?limit={PAGE}&cursor={cursor}"))?;
        items.extend_from_slice(page.get("items").and_then(Value::as_array).unwrap_or_default());
        match page.get("next_cursor").and_then(Value::as_str) {
            Some(next) => next.clone_into(&mut cursor),
            None => return Ok(items),
        }
    }
}

/// The answer as pretty JSON.
fn show(bytes: &[u8]) -> Result<Verdict> {
    match serde_json::from_slice::<serde_json::Value>(bytes) {
        Ok(value) => output::line(serde_json::to_string_pretty(&value)?)?,
        Err(_) => output::text(&String::from_utf8_lossy(bytes))?,
    }
    Ok(Verdict::Fine)
}

pub fn get(server: &ServerArgs, path: &str) -> Result<Verdict> {
    show(&send(server, Method::GET, path, None)?)
}

pub fn delete(server: &ServerArgs, path: &str) -> Result<Verdict> {
    send(server, Method::DELETE, path, None)?;
    Ok(Verdict::Fine)
}

/// The items of a list: a table for people, one object a line for programs. At most `limit` where one is given.
pub fn list(server: &ServerArgs, path: &str, columns: &[table::Column], limit: Option<usize>) -> Result<Verdict> {
    let mut cursor: Option<String> = None;
    let mut left = limit.unwrap_or(usize::MAX);
    let mut items = Vec::new();
    while left > 0 {
        let sign = if path.contains('?') { '&' } else { '?' };
        let after = cursor.as_deref().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let page = format!("{path}{sign}limit={}{after}", left.min(PAGE));
        let answer = Value::from_json(&send(server, Method::GET, &page, None)?)?;
        let found = answer.get("items").and_then(Value::as_array).unwrap_or_default();
        left -= found.len().min(left);
        if server.json {
            found.iter().try_for_each(output::line)?;
        } else {
            items.extend_from_slice(found);
        }
        cursor = answer.get("next_cursor").and_then(Value::as_str).map(ToOwned::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    if !server.json {
        output::text(&table::table(columns, &items))?;
        if cursor.is_some() {
            output::note("There are more; --limit shows them.")?;
        }
    }
    Ok(Verdict::Fine)
}

/// One thing: a page for people, the answer as it came for programs.
pub fn show_as(server: &ServerArgs, path: &str, page: fn(&Value) -> String) -> Result<Verdict> {
    let answer = get_json(server, path)?;
    if server.json {
        output::line(answer)?
    } else {
        output::text(&page(&answer))?
    }
    Ok(Verdict::Fine)
}

/// A change that answers with the changed thing: one line for people.
pub fn switched(server: &ServerArgs, path: &str, pointer: &str) -> Result<Verdict> {
    let answer = Value::from_json(&send(server, Method::POST, path, None)?)?;
    if server.json {
        output::line(&answer)?;
        return Ok(Verdict::Fine);
    }
    output::line(answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default())?;
    told_problem(&answer)
}

/// A webhook that the service refused is a finding: the flow is saved, and off.
pub fn told_problem(answer: &Value) -> Result<Verdict> {
    let Some(problem) = answer.get("problem").filter(|problem| !problem.is_null()) else { return Ok(Verdict::Fine) };
    let text = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    output::note(format_args!("warning: the flow is saved, and off: {}\n  hint: {}", text("detail"), text("hint")))?;
    Ok(Verdict::Findings)
}

pub fn setup(args: &SetupArgs) -> Result<Verdict> {
    let server = ServerArgs { url: args.url.clone(), token: String::new(), json: false };
    let form = Value::object([
        ("token", args.setup_token.as_str()),
        ("name", args.name.as_str()),
        ("email", args.email.as_str()),
        ("password", args.password.as_str()),
    ]);
    let answer = send_json(&server, Method::POST, "/api/setup?api_token=true", &form)?;
    let token = answer.get("token").and_then(Value::as_str).context("the server gave no token")?;
    output::line(token)?;
    Ok(Verdict::Fine)
}

/// A value of a field as the command line has it.
fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub fn connection(command: ConnectionCommand) -> Result<Verdict> {
    match command {
        ConnectionCommand::Create {
            connector,
            name,
            username,
            password,
            api_key,
            set,
            parameters,
            parameters_file,
            server,
        } => {
            let mut values = match &parameters_file {
                Some(path) => match crate::input::json(path)? {
                    Value::Object(members) => (*members).clone(),
                    other => anyhow::bail!("{path} holds {}, not a JSON object", other.type_name()),
                },
                None => Object::new(),
            };
            for (name, value) in parameters {
                values.insert(name, value);
            }
            let mut form = Object::new();
            if !values.is_empty() {
                form.insert("parameters", values);
            }
            form.insert("connector_id", connector);
            form.insert("name", name);
            for (name, value) in
                [("username", username), ("password", password), ("api_key", api_key), ("parameter_set", set)]
            {
                if let Some(value) = value {
                    form.insert(name, value);
                }
            }
            let made = send_json(&server, Method::POST, "/api/connections", &form.into())?;
            created(&server, &made)?;
            let text = |pointer: &str| made.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
            match (made.get("needs_sign_in"), text("/authentication/type").as_str()) {
                (Some(Value::Bool(true)), _) => sign_in(&server, &text("/id"), true),
                (_, "oauth2") => tested(&server, &text("/id")),
                _ => Ok(Verdict::Fine),
            }
        }
        ConnectionCommand::SignIn { id, server } => sign_in(&server, &id, false),
        ConnectionCommand::List { server } => {
            let columns = [
                ("id", "/id"),
                ("name", "/name"),
                ("connector", "/connector/name"),
                ("user", "/username"),
                ("health", "/health"),
                ("flows", "/used_by_count"),
            ];
            list(&server, "/api/connections", &columns, None)
        }
        ConnectionCommand::Delete { id, server } => delete(&server, &format!("/api/connections/{id}")),
    }
}

/// Prints the address where a person signs in; beside a new connection as a note, so that its identifier stands alone on
/// standard output.
fn sign_in(server: &ServerArgs, id: &str, is_beside: bool) -> Result<Verdict> {
    let answer = send(server, Method::POST, &format!("/api/connections/{id}/sign-in"), None)?;
    let answer = Value::from_json(&answer)?;
    let part = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    match (server.json, is_beside) {
        (true, _) => output::line(&answer)?,
        (false, true) => output::note(format_args!("Sign in at:\n{}", part("url")))?,
        (false, false) => output::line(part("url"))?,
    }
    Ok(Verdict::Fine)
}

/// Tests a new connection that needs nobody to sign in.
fn tested(server: &ServerArgs, id: &str) -> Result<Verdict> {
    let answer = Value::from_json(&send(server, Method::POST, &format!("/api/connections/{id}/test"), None)?)?;
    let part = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    if part("health") == "broken" {
        output::note(format_args!("warning: the connection is made, but does not work: {}", part("detail")))?;
        return Ok(Verdict::Findings);
    }
    Ok(Verdict::Fine)
}

/// Prints the identifier of what was made, or all of it.
fn created(server: &ServerArgs, answer: &Value) -> Result<Verdict> {
    if server.json {
        output::line(answer)?;
    } else {
        output::line(answer.get("id").and_then(Value::as_str).unwrap_or_default())?;
    }
    Ok(Verdict::Fine)
}

pub fn run(command: RunCommand) -> Result<Verdict> {
    match command {
        RunCommand::List { flow, status, limit, server } => {
            let mut path = "/api/runs".to_owned();
            for (name, value) in [("flow", flow), ("status", status)] {
                if let Some(value) = value {
                    path.push_str(if path.contains('?') { "&" } else { "?" });
                    path.push_str(&format!("{name}={value}"));
                }
            }
            let columns = [
                ("id", "/id"),
                ("status", "/status"),
                ("kind", "/kind"),
                ("started", "/started_at"),
                ("ms", "/duration_ms"),
                ("flow", "/flow/name"),
                ("received", "/trigger/summary"),
            ];
            list(&server, &path, &columns, Some(limit))
        }
        RunCommand::Show { id, server } => show_as(&server, &format!("/api/runs/{id}"), table::run),
        RunCommand::Cancel { id, server } => switched(&server, &format!("/api/runs/{id}/cancel"), "/run"),
        RunCommand::Resume { id, version, server } => {
            let form = Value::object([("version", version)]);
            let answer = send_json(&server, Method::POST, &format!("/api/runs/{id}/resume"), &form)?;
            if server.json {
                output::line(answer)?;
            } else {
                output::line(answer.get("run").and_then(Value::as_str).unwrap_or_default())?;
            }
            Ok(Verdict::Fine)
        }
        RunCommand::Resubmit { id, server } => switched(&server, &format!("/api/runs/{id}/resubmit"), "/run"),
    }
}

/// What the maker chose instead of what the file says.
pub fn connector_settings<const N: usize>(
    texts: [(&'static str, Option<String>); N],
    authentication: Option<String>,
) -> Result<Value> {
    let mut settings = Object::new();
    for (member, value) in texts {
        if let Some(value) = value {
            settings.insert(member, value);
        }
    }
    if let Some(kind) = authentication {
        let own = match kind.as_str() {
            "none" | "basic" => Value::object([("type", kind)]),
            json => Value::from_json(json.as_bytes()).context("--authentication is none, basic or a JSON object")?,
        };
        settings.insert("authentication", own);
    }
    Ok(settings.into())
}

/// What an import brings beside the document.
pub struct ConnectorImport {
    pub settings: Value,
    pub client_secret: Option<String>,
    /// The path of apiProperties.json.
    pub properties: Option<String>,
    /// The path of a picture.
    pub icon: Option<String>,
}

/// Makes a connector of a document that the server has or fetches: `from` says which.
pub fn make_connector(
    server: &ServerArgs,
    path: &str,
    (member, from): (&'static str, String),
    import: &ConnectorImport,
) -> Result<Verdict> {
    let icon = import.icon.as_deref().map(input::bytes).transpose()?;
    let mut form = Object::new();
    form.insert(member, from);
    form.insert("settings", import.settings.clone());
    if let Some(secret) = &import.client_secret {
        form.insert("client_secret", secret.as_str());
    }
    let made = send_json(server, Method::POST, path, &form.into())?;
    if let Some(icon) = icon {
        let id = made.get("id").and_then(Value::as_str).unwrap_or_default();
        send(server, Method::PUT, &format!("/api/connectors/{id}/icon"), Some((icon, "application/octet-stream")))?;
    }
    created(server, &made)
}

/// Asks what a new file would break, and prints it.
pub fn connector_changes(server: &ServerArgs, id: &str, file: &str, properties: Option<&str>) -> Result<Verdict> {
    let mut form = Object::new();
    form.insert("text", String::from_utf8(input::bytes(file)?).context("the file is not UTF-8")?);
    if let Some(path) = properties {
        form.insert("properties", input::json(path)?);
    }
    let found = send_json(server, Method::POST, &format!("/api/connectors/{id}/changes"), &form.into())?;
    let broken = found.get("items").and_then(Value::as_array).unwrap_or_default();
    for one in broken {
        let text = |name: &str| one.get(name).and_then(Value::as_str).unwrap_or_default();
        let flow = one.pointer("/flow/name").and_then(Value::as_str).unwrap_or_default();
        output::line(format_args!("{flow}, {}: {}", text("step"), text("message")))?;
    }
    if broken.is_empty() {
        output::line("No flow would break.")?;
    }
    Ok(if broken.is_empty() { Verdict::Fine } else { Verdict::Findings })
}

pub fn import_connector(server: &ServerArgs, path: &str, import: &ConnectorImport) -> Result<Verdict> {
    let boundary = "hookmill-import-7f2c1b";
    let mut body = Vec::new();
    let mut part = |name: &str, bytes: &[u8]| {
        let head =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{name}\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    };
    part("settings", import.settings.to_json().as_bytes());
    if let Some(secret) = &import.client_secret {
        part("client_secret", secret.as_bytes());
    }
    for (name, file) in [("icon", &import.icon), ("properties", &import.properties)] {
        if let Some(file) = file {
            part(name, &input::document(file)?);
        }
    }
    part("file", &input::document(path)?);
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    let kind = format!("multipart/form-data; boundary={boundary}");
    let bytes = send(server, Method::POST, "/api/connectors", Some((body, &kind)))?;
    created(server, &Value::from_json(&bytes)?)
}

/// The only flow of a file.
fn single_flow(path: &str) -> Result<file::FlowFile> {
    let mut flows =
        file::read(&input::bytes(path)?).map_err(|finding| anyhow::anyhow!("{path}: {}", finding.message))?;
    let found = flows.len();
    flows.pop().filter(|_| found == 1).with_context(|| format!("{path} holds {found} flows; give a file with one"))
}

/// Saves an answer as a file.
pub fn download(server: &ServerArgs, path: &str, target: &str) -> Result<Verdict> {
    use std::io::Write as _;
    let bytes = send(server, Method::GET, path, None)?;
    if target == "-" {
        std::io::stdout().write_all(&bytes)?;
    } else {
        std::fs::write(target, &bytes).with_context(|| format!("writing {target}"))?;
    }
    Ok(Verdict::Fine)
}

/// A value on one short line.
fn brief(value: Option<&Value>) -> String {
    const SHOWN: usize = 80;
    let text = value.filter(|value| !value.is_null()).map(Value::to_json).unwrap_or_default();
    if text.chars().count() <= SHOWN { text } else { text.chars().take(SHOWN).chain(['…']).collect() }
}

pub fn backtest(server: &ServerArgs, id: &str, path: &str, last: usize) -> Result<Verdict> {
    let last = i64::try_from(last).context("--last")?;
    let form = Value::object([("definition", single_flow(path)?.definition), ("last", Value::Integer(last))]);
    let answer = send_json(server, Method::POST, &format!("/api/flows/{id}/backtest"), &form)?;
    let count = |name: &str| answer.get(name).and_then(Value::as_i64).unwrap_or(0);
    let verdict = if count("same") == count("tested") { Verdict::Fine } else { Verdict::Findings };
    if server.json {
        output::line(&answer)?;
        return Ok(verdict);
    }
    for run in answer.get("runs").and_then(Value::as_array).unwrap_or_default() {
        if run.get("same").and_then(Value::as_bool) == Some(true) {
            continue;
        }
        let text = |name: &str| run.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let would_be = match run.get("would_be").and_then(Value::as_str) {
            Some(status) => status.to_owned(),
            None => format!("no run: {}", text("reason")),
        };
        output::line(format_args!("{}  {}  {} → {would_be}", text("run"), text("started_at"), text("was")))?;
        for difference in run.get("differences").and_then(Value::as_array).unwrap_or_default() {
            let part = |name: &str| difference.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let indexes = difference.get("indexes").and_then(Value::as_array).unwrap_or_default();
            let indexes: String = indexes.iter().map(|index| format!("[{index}]")).collect();
            let (was, would_be) = (brief(difference.get("was")), brief(difference.get("would_be")));
            output::line(format_args!("    {}{indexes}: {}: {was} → {would_be}", part("action"), part("kind")))?;
        }
        for assumed in run.get("assumed").and_then(Value::as_array).unwrap_or_default() {
            let assumed = assumed.as_str().unwrap_or_default();
            output::line(format_args!("    there is no recorded answer for {assumed}: an empty one is assumed"))?;
        }
    }
    output::line(format_args!(
        "{} runs: {} the same way, {} another way",
        count("tested"),
        count("same"),
        count("tested") - count("same")
    ))?;
    Ok(verdict)
}

pub fn save_flow(
    server: &ServerArgs,
    id: Option<&str>,
    path: &str,
    name: &str,
    connections: &[String],
    draft: bool,
) -> Result<Verdict> {
    let flow = single_flow(path)?;
    let form = flow_form(&flow, name, &bindings(connections)?, draft);
    let (method, path) = match id {
        Some(id) => (Method::PUT, format!("/api/flows/{id}")),
        None => (Method::POST, "/api/flows".to_owned()),
    };
    let answer = send_json(server, method, &path, &form)?;
    created(server, &answer)?;
    told_problem(&answer)
}

/// Connections by key, as `--connection` gives them.
fn bindings(connections: &[String]) -> Result<Object> {
    let mut bound = Object::new();
    for pair in connections {
        let (key, id) = pair.split_once('=').with_context(|| format!("'{pair}' is not KEY=ID"))?;
        bound.insert(key, Value::object([("connection_id", id)]));
    }
    Ok(bound)
}

fn flow_form(flow: &file::FlowFile, name: &str, bound: &Object, draft: bool) -> Value {
    let mut form: Object = [
        ("name", Value::from(name)),
        ("definition", flow.definition.clone()),
        ("connections", bound.clone().into()),
        ("parameters", flow.parameters.clone()),
        ("profile", flow.profile.as_str().into()),
        ("envelope", flow.envelope.clone()),
    ]
    .into_iter()
    .collect();
    if draft {
        form.insert("state", "draft");
    }
    form.into()
}

/// Creates every flow of a file; what cannot be turned on is kept as a draft.
pub fn import_flows(
    server: &ServerArgs,
    path: &str,
    name: Option<&str>,
    connections: &[String],
    draft: bool,
) -> Result<Verdict> {
    let flows = file::read(&input::bytes(path)?).map_err(|finding| anyhow::anyhow!("{path}: {}", finding.message))?;
    if name.is_some() && flows.len() > 1 {
        bail!("{path} holds {} flows: they keep the names of the file, leave out --name", flows.len());
    }
    let given = bindings(connections)?;
    let stem = std::path::Path::new(path).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let mut verdict = Verdict::Fine;
    for flow in &flows {
        let title = name.map(ToOwned::to_owned).or_else(|| flow.name.clone()).or_else(|| stem.clone());
        let title = title.unwrap_or_else(|| "Imported flow".to_owned());
        let mut bound = given.clone();
        for reference in &flow.connections {
            if !bound.contains_key(&reference.key) {
                let api = reference.api.clone().map(Value::from).unwrap_or_default();
                let open = Value::object([("connection_id", Value::Null), ("api", api)]);
                bound.insert(reference.key.clone(), open);
            }
        }
        let send = |draft| send_json(server, Method::POST, "/api/flows", &flow_form(flow, &title, &bound, draft));
        let answer = match send(draft) {
            Ok(answer) => answer,
            Err(fault) if !draft => {
                // Whatever else is wrong, this attempt says it.
                let answer = send(true)?;
                output::note(format_args!("warning: \"{title}\" is kept as a draft: {fault:#}"))?;
                verdict = Verdict::Findings;
                answer
            }
            Err(fault) => return Err(fault),
        };
        created(server, &answer)?;
        if matches!(told_problem(&answer)?, Verdict::Findings) {
            verdict = Verdict::Findings;
        }
    }
    Ok(verdict)
}
