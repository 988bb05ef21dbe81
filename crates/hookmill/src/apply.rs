//! `hookmill apply`: folders of connectors, connections and flows, made true on a server. Doing it again changes nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args as ClapArgs;
use hookmill_connector::{Connector, Settings, policy_instances};
use hookmill_definition::file;
use hookmill_http::Method;
use hookmill_model::{Object, Value};

use crate::client::{self, ServerArgs};
use crate::input;
use crate::output::{self, Verdict};

#[derive(ClapArgs)]
#[command(
    after_help = "DIR holds:\n  connectors/NAME.json, or connectors/NAME/apiDefinition.swagger.json with apiProperties.json and settings.json\n                          (\"client_secret_env\": VARIABLE in it is the secret of an OAuth 2.0 client)\n  connections/NAME.json   {\"connector\": NAME, \"username\": …, \"password_env\": VARIABLE, \"api_key_env\": VARIABLE}\n  flows/NAME.json         a definition, or {\"definition\": …, \"connections\": {KEY: CONNECTION}, \"state\": \"on\"}\n\nThings are known by their names. What is not in DIR is left alone; secrets are only set when a thing is made.\nExit code 1 where a service refused a webhook."
)]
pub struct Args {
    /// The folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Change connectors also where flows on the server break; those in DIR are changed after them
    #[arg(long)]
    accept_breaks: bool,
    /// Where the server is
    #[command(flatten)]
    server: ServerArgs,
}

/// What was done with one thing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Done {
    Created,
    Updated,
    Unchanged,
}

impl Done {
    const fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
        }
    }
}

struct Apply<'a> {
    server: &'a ServerArgs,
    /// Name → identifier.
    connectors: BTreeMap<String, String>,
    connections: BTreeMap<String, String>,
    verdict: Verdict,
    accept_breaks: bool,
}

pub fn run(args: &Args) -> Result<Verdict> {
    let parts = ["connectors", "connections", "flows"].map(|part| args.folder.join(part));
    if !parts.iter().any(|part| part.is_dir()) {
        bail!("{} has none of the folders connectors, connections, flows", args.folder.display());
    }
    let mut apply = Apply {
        server: &args.server,
        connectors: BTreeMap::new(),
        connections: BTreeMap::new(),
        verdict: Verdict::Fine,
        accept_breaks: args.accept_breaks,
    };
    let [connectors, connections, flows] = parts;
    apply.connectors(&connectors)?;
    apply.connections(&connections)?;
    apply.flows(&flows)?;
    Ok(apply.verdict)
}

/// The entries of a folder by name; none where it is not there.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let read = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut found = Vec::new();
    for entry in read {
        let path = entry?.path();
        if path.is_dir() || path.extension().is_some_and(|own| own == "json") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn json(path: &Path) -> Result<Value> {
    input::json(&path.to_string_lossy())
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The value of the variable that a member names, where it names one.
fn secret(path: &Path, form: &Value, pointer: &str) -> Result<Option<String>> {
    let variable = text(form, pointer);
    if variable.is_empty() {
        return Ok(None);
    }
    let value = std::env::var(&variable);
    value.map(Some).with_context(|| format!("{}: the variable {variable} is not set", path.display()))
}

impl Apply<'_> {
    /// Name → item of everything of one kind.
    fn all(&self, path: &str) -> Result<BTreeMap<String, Value>> {
        let mut found = BTreeMap::new();
        for item in client::items(self.server, path)? {
            if found.insert(text(&item, "/name"), item.clone()).is_some() {
                bail!("the server has two things named \"{}\" at {path}; rename one", text(&item, "/name"));
            }
        }
        Ok(found)
    }

    fn tell(&self, done: Done, what: &str, name: &str, id: &str) -> Result<()> {
        if self.server.is_json() {
            let members = [("kind", what), ("name", name), ("id", id), ("done", done.word())];
            return output::line(Value::object(members));
        }
        output::line(format_args!("{:9}  {what}  {name}", done.word()))
    }

    fn connectors(&mut self, folder: &Path) -> Result<()> {
        let known = self.all("/api/connectors")?;
        for (name, item) in &known {
            self.connectors.insert(name.clone(), text(item, "/id"));
        }
        for path in entries(folder)? {
            let own = |name: &str| path.is_dir().then(|| path.join(name)).filter(|path| path.is_file());
            let document = if path.is_dir() { path.join("apiDefinition.swagger.json") } else { path.clone() };
            let document = input::document(&document.to_string_lossy())?;
            let properties =
                own("apiProperties.json").map(|path| input::document(&path.to_string_lossy())).transpose()?;
            let (mut settings, client_secret) = match own("settings.json") {
                Some(path) => {
                    let settings: Settings = serde_json::from_slice(&std::fs::read(&path)?)
                        .with_context(|| format!("{} has wrong settings", path.display()))?;
                    (settings, secret(&path, &json(&path)?, "/client_secret_env")?)
                }
                None => (Settings::default(), None),
            };
            // The name of the folder is the name of the connector, whatever its file says.
            settings.name = Some(settings.name.unwrap_or_else(|| stem(&path).into()));
            let import = Connector::import(&document, properties.as_deref(), &settings);
            let (true, Some(wanted), Some(document)) = (import.is_valid(), &import.connector, &import.document) else {
                output::diagnostics(&path.display().to_string(), &import.diagnostics)?;
                bail!("{} cannot become a connector", path.display());
            };
            let name = wanted.name.to_string();
            let settings = Value::from(serde_json::to_value(&settings)?);
            let (done, id) = match known.get(&name) {
                None => {
                    let mut form = Object::new();
                    form.insert("document", document.clone());
                    form.insert("settings", settings);
                    if let Some(properties) = &import.properties {
                        form.insert("properties", properties.clone());
                    }
                    if let Some(secret) = client_secret {
                        form.insert("client_secret", secret);
                    }
                    let made = client::send_json(self.server, Method::POST, "/api/connectors", &form.into())?;
                    (Done::Created, text(&made, "/id"))
                }
                Some(item) => {
                    let id = text(item, "/id");
                    let held = client::get_json(self.server, &format!("/api/connectors/{id}/definition"))?;
                    let same = held == *document
                        && text(item, "/host") == *wanted.host
                        && text(item, "/scheme") == *wanted.scheme
                        && text(item, "/base_path") == *wanted.base_path
                        && text(item, "/color") == *wanted.color
                        && text(item, "/description") == *wanted.description
                        && item.get("authentication").cloned().unwrap_or_default()
                            == Value::from(serde_json::to_value(&wanted.authentication)?)
                        && self.has_policies(&id, import.properties.as_ref())?;
                    if !same {
                        let mut form = Value::object([("document", document.clone()), ("settings", settings)]);
                        if let (Some(form), Some(properties)) = (form.as_object_mut(), &import.properties) {
                            form.insert("properties", properties.clone());
                        }
                        let accepted = if self.accept_breaks { "?accept_breaks=true" } else { "" };
                        client::send_json(self.server, Method::PUT, &format!("/api/connectors/{id}{accepted}"), &form)?;
                    }
                    (if same { Done::Unchanged } else { Done::Updated }, id)
                }
            };
            self.tell(done, "connector", &name, &id)?;
            self.connectors.insert(name, id);
        }
        Ok(())
    }

    /// Whether a connector has the policies of a properties file; without a file, its own are left alone.
    fn has_policies(&self, id: &str, properties: Option<&Value>) -> Result<bool> {
        let Some(properties) = properties else { return Ok(true) };
        let held = client::get_json(self.server, &format!("/api/connectors/{id}/policies"))?;
        let held = held.get("items").and_then(Value::as_array).unwrap_or_default();
        let held = held.iter().filter_map(|item| item.get("instance"));
        Ok(held.eq(policy_instances(properties)))
    }

    fn connections(&mut self, folder: &Path) -> Result<()> {
        let known = self.all("/api/connections")?;
        for (name, item) in &known {
            self.connections.insert(name.clone(), text(item, "/id"));
        }
        for path in entries(folder)? {
            let (name, form) = (stem(&path), json(&path)?);
            let wanted = text(&form, "/connector");
            let connector = self
                .connectors
                .get(&wanted)
                .with_context(|| format!("{}: the server has no connector named \"{wanted}\"", path.display()))?;
            let username = text(&form, "/username");
            if let Some(item) = known.get(&name) {
                if text(item, "/connector/id") != *connector {
                    bail!("the connection \"{name}\" exists for another connector; delete it first");
                }
                let id = text(item, "/id");
                let same = text(item, "/username") == username;
                if !same {
                    let form = Value::object([("username", username)]);
                    client::send_json(self.server, Method::PUT, &format!("/api/connections/{id}"), &form)?;
                }
                self.tell(if same { Done::Unchanged } else { Done::Updated }, "connection", &name, &id)?;
                continue;
            }
            let mut body = Object::new();
            body.insert("connector_id", connector.as_str());
            body.insert("name", name.as_str());
            if !username.is_empty() {
                body.insert("username", username);
            }
            for (member, pointer) in [("password", "/password_env"), ("api_key", "/api_key_env")] {
                if let Some(secret) = secret(&path, &form, pointer)? {
                    body.insert(member, secret);
                }
            }
            for (member, own) in [("parameter_set", "set"), ("hosts", "hosts")] {
                if let Some(value) = form.get(own) {
                    body.insert(member, value.clone());
                }
            }
            let fields = form.get("parameters").and_then(Value::as_object);
            let mut values = Object::new();
            for (name, value) in fields.into_iter().flat_map(Object::iter) {
                // Secrets stand in the environment: {"env": "NAME"}.
                let value = match value.get("env") {
                    Some(_) => secret(&path, value, "/env")?.unwrap_or_default().into(),
                    None => value.clone(),
                };
                values.insert(name.clone(), value);
            }
            if !values.is_empty() {
                body.insert("parameters", values);
            }
            let made = client::send_json(self.server, Method::POST, "/api/connections", &body.into())?;
            let id = text(&made, "/id");
            self.tell(Done::Created, "connection", &name, &id)?;
            if made.get("needs_sign_in") == Some(&Value::Bool(true)) {
                output::note(format_args!("\"{name}\" has to sign in: hookmill connection sign-in {id}"))?;
            }
            self.connections.insert(name, id);
        }
        Ok(())
    }

    fn flows(&mut self, folder: &Path) -> Result<()> {
        let known = self.all("/api/flows")?;
        for path in entries(folder)? {
            let (name, form) = self.flow(&path)?;
            let (done, answer) = match known.get(&name) {
                None => (Done::Created, client::send_json(self.server, Method::POST, "/api/flows", &form)?),
                Some(item) => {
                    let address = format!("/api/flows/{}", text(item, "/id"));
                    let held = client::get_json(self.server, &address)?;
                    if is_same(&form, &held) {
                        (Done::Unchanged, held)
                    } else {
                        (Done::Updated, client::send_json(self.server, Method::PUT, &address, &form)?)
                    }
                }
            };
            self.tell(done, "flow", &name, &text(&answer, "/id"))?;
            if done != Done::Unchanged && client::told_problem(&answer)? == Verdict::Findings {
                self.verdict = Verdict::Findings;
            }
        }
        Ok(())
    }

    /// What the server shall hold of a flow.
    fn flow(&self, path: &Path) -> Result<(String, Value)> {
        let shown = path.display();
        let whole = json(path)?;
        let bytes = input::bytes(&path.to_string_lossy())?;
        let mut read = file::read(&bytes).map_err(|finding| anyhow::anyhow!("{shown}: {}", finding.message))?;
        let flow =
            read.pop().filter(|_| read.is_empty()).with_context(|| format!("{shown} holds more than one flow"))?;
        let mut bound = Object::new();
        for (key, wanted) in whole.get("connections").and_then(Value::as_object).into_iter().flat_map(Object::iter) {
            // Packages have objects here; only names of connections are ours.
            let Some(wanted) = wanted.as_str() else { continue };
            let id = self
                .connections
                .get(wanted)
                .with_context(|| format!("{shown}: the server has no connection named \"{wanted}\""))?;
            bound.insert(key.clone(), Value::object([("connection_id", id.as_str())]));
        }
        let name = Some(text(&whole, "/name")).filter(|name| !name.is_empty()).unwrap_or_else(|| stem(path));
        let state = Some(text(&whole, "/state")).filter(|state| !state.is_empty()).unwrap_or_else(|| "on".to_owned());
        let form = Value::object([
            ("name", Value::from(name.as_str())),
            ("definition", flow.definition.clone()),
            ("connections", bound.into()),
            ("parameters", flow.parameters.clone()),
            ("profile", flow.profile.as_str().into()),
            ("envelope", flow.envelope.clone()),
            ("state", state.into()),
        ]);
        Ok((name, form))
    }
}

/// Whether the server holds the flow as it is wanted.
fn is_same(wanted: &Value, held: &Value) -> bool {
    let connection = |flow: &Value, key: &str| text(flow, &format!("/connections/{}/connection_id", escaped(key)));
    let keys = |flow: &Value| -> Vec<String> {
        let all = flow.get("connections").and_then(Value::as_object).into_iter().flat_map(Object::keys);
        all.map(ToString::to_string).collect()
    };
    let parameters = |flow: &Value| flow.get("parameters").and_then(Value::as_object).cloned().unwrap_or_default();
    wanted.get("definition") == held.get("definition")
        && text(wanted, "/profile") == text(held, "/profile")
        && text(wanted, "/state") == text(held, "/state")
        && parameters(wanted) == parameters(held)
        && keys(wanted).iter().chain(&keys(held)).all(|key| connection(wanted, key) == connection(held, key))
}

/// A member's name within a JSON pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
