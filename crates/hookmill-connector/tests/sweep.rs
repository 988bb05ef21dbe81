//! Every operation of every connector in a folder is planned with sample values: done, refused by name, or at fault. What
//! is accepted and has no effect on the request is a fault, and there must be none.
//!
//! The folder is named by `HOOKMILL_CONNECTORS`, else the corpus beside the project; without either the test is skipped.
//! `HOOKMILL_CONNECTORS=… cargo test -p hookmill-connector --test sweep -- --nocapture` prints what was refused and why.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::disallowed_methods)] // A test tells what it found, and reads files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hookmill_connector::{
    Call, Connector, Credentials, FieldKind, Lookup, Operation, Parameter, ParameterSet, Place, Plan, PlannedRequest,
    Policy, Settings, TriggerKind, policy_instances,
};
use hookmill_model::{Object, Value};

/// Calls before a request are answered so often.
const LOOKUPS_MAX: usize = 8;

fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("HOOKMILL_CONNECTORS").map(PathBuf::from);
    let beside = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpus/connectors"));
    named.or_else(|| beside.is_dir().then_some(beside))
}

fn definitions(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            definitions(&path, found);
        } else if entry.file_name().eq_ignore_ascii_case("apiDefinition.swagger.json") {
            found.push(path);
        }
    }
}

/// A value that a schema takes.
fn sample(schema: &Value, choices: Option<&[Value]>, depth: usize) -> Value {
    let first = |name: &str| schema.get(name).and_then(Value::as_array).and_then(|all| all.first().cloned());
    if let Some(choice) = choices.and_then(|all| all.first().cloned()).or_else(|| first("enum")) {
        return choice;
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("integer" | "number") => Value::Integer(7),
        Some("boolean") => Value::Bool(true),
        Some("array") if depth < 4 => {
            Value::array(vec![sample(schema.get("items").unwrap_or(&Value::Null), None, depth + 1)])
        }
        Some("object") if depth < 4 => {
            let members = schema.get("properties").and_then(Value::as_object).into_iter().flat_map(Object::iter);
            members.map(|(name, own)| (name.clone(), sample(own, None, depth + 1))).collect::<Object>().into()
        }
        Some("file") => Value::object([("$content-type", "text/plain"), ("$content", "c2FtcGxl")]),
        _ => "sample".into(),
    }
}

/// Whether a parameter can be seen in the request by its name.
fn is_seen(parameter: &Parameter, given: &Value) -> bool {
    !parameter.callback
        && matches!(parameter.place, Place::Query | Place::Header)
        && *given != Value::array(Vec::new())
        && given.as_object().is_none_or(|members| !members.is_empty())
}

fn credentials(set: &ParameterSet) -> Credentials {
    let mut parameters = Object::new();
    for field in &set.fields {
        let value = match field.kind {
            FieldKind::Integer | FieldKind::Number => Value::Integer(443),
            FieldKind::Boolean => Value::Bool(true),
            // A name that can stand in a host as well as in a path, and is not the file's own, as a default may be.
            _ => {
                format!("{}.example.org", field.name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "")).into()
            }
        };
        parameters.insert(field.name.clone(), value);
    }
    let access_token = if set.has_oauth() { "the-token".into() } else { Default::default() };
    Credentials { set: set.name.clone(), parameters, access_token, ..Credentials::default() }
}

fn planned(connector: &Connector, operation: &Operation, call: &Call<'_>) -> Result<PlannedRequest, String> {
    let mut lookups = Vec::new();
    for _ in 0..LOOKUPS_MAX {
        let call = Call { lookups: &lookups, ..*call };
        match connector.plan_request(operation, &call).map_err(|error| error.to_string())? {
            Plan::Request(planned) => return Ok(planned),
            // Any path gives something, so that what follows can be seen.
            Plan::Lookup(_) => lookups.push(Lookup { status: 200, body: everything(4) }),
        }
    }
    Err(format!("The operation '{}' makes more than {LOOKUPS_MAX} calls first.", operation.operation_id))
}

/// An answer in which the names that policies ask for are found.
fn everything(depth: usize) -> Value {
    let inner = if depth == 0 { Value::from("found.example.org") } else { everything(depth - 1) };
    let names =
        ["token", "access_token", "data", "result", "id", "value", "url", "accountId", "sessionId", "instance_url"];
    names.into_iter().map(|name| (name, inner.clone())).collect::<Object>().into()
}

/// What a request lacks that the connector or its caller asked for.
fn ignored(connector: &Connector, operation: &Operation, given: &Object, planned: &PlannedRequest) -> Vec<String> {
    let mut found = Vec::new();
    let query = planned.url.split_once('?').map_or("", |(_, query)| query).to_owned();
    let has_query = |name: &str| {
        let name = percent(name);
        query
            .split('&')
            .any(|pair| pair.split('=').next().is_some_and(|own| own == name || own.starts_with(&format!("{name}%5B"))))
    };
    let has_header = |name: &str| planned.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
    let instances = connector.properties().map(policy_instances).unwrap_or_default();
    let policies: Vec<Policy> = instances.iter().filter_map(Policy::read).collect();
    let concerns = |policy: &&Policy| {
        let names = policy.parameters.get("x-ms-apimTemplate-operationName");
        let listed: Vec<&str> = match names {
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(one)) if !one.is_empty() => vec![one],
            _ => Vec::new(),
        };
        listed.is_empty() || listed.contains(&&*operation.operation_id)
    };
    let own: Vec<&Policy> = policies.iter().filter(concerns).collect();
    // A route may drop or replace what the operation names.
    let is_routed = own.iter().any(|policy| &*policy.template == "routerequesttoendpoint");
    for parameter in connector.parameters(operation) {
        let Some(value) = given.get(&parameter.key).filter(|value| is_seen(&parameter, value)) else { continue };
        let is_there = match parameter.place {
            Place::Query => has_query(&parameter.name) || (is_routed && query.is_empty()),
            // The boundary of parts is made when they are sent, and the type with it.
            _ if parameter.name.eq_ignore_ascii_case("content-type") && planned.body.get("$multipart").is_some() => {
                true
            }
            _ => has_header(&parameter.name),
        };
        if !is_there {
            found.push(format!("the parameter '{}' with the value {value:?}", parameter.key));
        }
    }
    let text =
        |policy: &Policy, name: &str| policy.parameter(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_host = |policy: &&&Policy| matches!(&*policy.template, "dynamichosturl" | "dynamicsubdomain");
    // Of several hosts the last one holds.
    let last_host = own.iter().rfind(is_host).copied();
    for policy in own {
        let section =
            policy.parameters.get("x-ms-apimTemplate-policySection").and_then(Value::as_str).unwrap_or_default();
        let is_request = section.is_empty() || section.eq_ignore_ascii_case("request");
        let is_constant = !text(policy, "value").contains('@');
        match &*policy.template {
            "setheader" if is_request && is_constant && !has_header(text(policy, "name").trim()) => {
                found.push(format!("the header '{}' of a policy", text(policy, "name")));
            }
            "setqueryparameter" if is_constant && !has_query(text(policy, "name").trim()) => {
                found.push(format!("the query parameter '{}' of a policy", text(policy, "name")));
            }
            "dynamichosturl" | "dynamicsubdomain" if last_host == Some(policy) => {
                let template = text(policy, "urlTemplate");
                // The flow's own default may name the host of the file again.
                let names_own = |value: &Value| value.as_str().is_some_and(|text| text.contains(&*connector.host));
                let is_same = template.contains(&*connector.host) || given.values().any(names_own);
                if planned.url.starts_with(&connector.origin()) && !is_same {
                    found.push(format!("the host '{template}' of a policy"));
                }
            }
            _ => {}
        }
    }
    found
}

fn percent(text: &str) -> String {
    let keeps = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if keeps(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[test]
fn nothing_that_a_connector_says_is_ignored_in_silence() {
    let Some(folder) = folder() else {
        println!("skipped: no folder of connectors");
        return;
    };
    let mut files = Vec::new();
    definitions(&folder, &mut files);
    files.sort();
    let (mut read, mut done, mut refused) = (0, 0, BTreeMap::<String, usize>::new());
    let (mut unreadable, mut faults) = (Vec::new(), Vec::new());
    for file in &files {
        let name = file.strip_prefix(&folder).unwrap().parent().unwrap().display().to_string();
        let properties = std::fs::read(file.with_file_name("apiProperties.json")).ok();
        let import = Connector::import(&std::fs::read(file).unwrap(), properties.as_deref(), &Settings::default());
        let Some(connector) = import.connector else {
            // Said by name, with its place.
            let said = import.diagnostics.first().map(|finding| finding.message.clone());
            unreadable.push(format!("{name}: {}", said.as_deref().unwrap_or_default()));
            if said.is_none() {
                faults.push(format!("{name}: unreadable without a finding"));
            }
            continue;
        };
        read += 1;
        for operation in &connector.operations {
            let given: Object = connector
                .parameters(operation)
                .iter()
                .filter(|own| !own.callback)
                .map(|own| {
                    let value = own.default.clone().filter(|value| !value.is_null());
                    (own.key.clone(), value.unwrap_or_else(|| sample(&own.schema, own.values.as_deref(), 0)))
                })
                .collect();
            let parameters = Value::from(given.clone());
            let credentials = credentials(&connector.sets[0]);
            let is_webhook = operation.trigger.is_some_and(|(kind, _)| kind == TriggerKind::Webhook);
            let call = Call {
                parameters: Some(&parameters),
                callback_url: is_webhook.then_some("https://h.test/callback/x"),
                credentials: Some(&credentials),
                ..Call::default()
            };
            match planned(&connector, operation, &call) {
                Ok(planned) => {
                    let missing = ignored(&connector, operation, &given, &planned);
                    done += usize::from(missing.is_empty());
                    faults.extend(missing.into_iter().map(|what| format!("{name} {}: {what}", operation.operation_id)));
                }
                Err(why) if why.contains('\'') || why.contains('"') => {
                    // Names differ, the kind of reason does not.
                    let kind: String = why.split(['\'', '"']).step_by(2).collect::<Vec<_>>().join("…");
                    *refused.entry(kind).or_default() += 1;
                    if std::env::var_os("SHOW_REFUSED").is_some() {
                        println!("{name} {}: {why}", operation.operation_id);
                    }
                }
                Err(why) => faults.push(format!("{name} {}: refused without a name: {why}", operation.operation_id)),
            }
        }
    }
    let refusals: usize = refused.values().sum();
    println!(
        "{read} connectors read, {} unreadable; {done} operations planned, {refusals} refused by name",
        unreadable.len()
    );
    for (kind, count) in &refused {
        println!("{count:6} {kind}");
    }
    unreadable.iter().for_each(|line| println!("unreadable {line}"));
    assert!(read > 100 || std::env::var_os("HOOKMILL_CONNECTORS").is_some(), "only {read} connectors were read");
    assert!(faults.is_empty(), "{} at fault:\n{}", faults.len(), faults.join("\n"));
}
