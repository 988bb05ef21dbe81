//! Node-RED with the same jobs, as a peer in the comparison. It is installed by the person who compares:
//! `npm install --prefix DIR node-red@4`, then `cargo xtask bench -- --node-red DIR`.
//!
//! It keeps messages in memory alone: nothing is on disk before the answer, and there is no history.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::job::Job;

/// Writes settings and flows of the job into `folder`, and starts the installation in `installed`.
pub fn spawn(installed: &Path, folder: &Path, address: SocketAddr, job: Job, sink: &str) -> Result<Child> {
    let program = installed.join("node_modules/node-red/red.js");
    ensure!(
        program.is_file(),
        "{} is not there; run npm install --prefix {} node-red@4",
        program.display(),
        installed.display()
    );
    let settings = format!(
        "module.exports = {{ flowFile: 'flows.json', uiHost: '{}', uiPort: {}, httpAdminRoot: false,\n  \
         apiMaxLength: '10mb', telemetry: {{ enabled: false }}, logging: {{ console: {{ level: 'error' }} }} }};\n",
        address.ip(),
        address.port()
    );
    std::fs::write(folder.join("settings.js"), settings)?;
    std::fs::write(folder.join("flows.json"), flows(job, sink).to_string())?;
    Command::new("node")
        .arg(program)
        .arg("--userDir")
        .arg(folder)
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("starting Node-RED")
}

/// Notification → function with condition and text → call and answer, in the order of the job.
fn flows(job: Job, sink: &str) -> Value {
    let text = "const body = msg.payload;\n\
                if (body.ref !== 'refs/heads/main') return null;\n\
                const text = `${body.pusher.name} pushed to ${body.repository.full_name}: ${body.head_commit.message}`;\n\
                msg.payload = { text };\nmsg.headers = { 'content-type': 'application/json' };\nreturn msg;";
    let at_once = job != Job::Awaited;
    let status = if at_once { "202" } else { "200" };
    let after_in: &[&str] = if at_once { &["text", "answer"] } else { &["text"] };
    let after_text: &[&str] = if job.calls() { &["call"] } else { &[] };
    let after_call: &[&str] = if at_once { &[] } else { &["answer"] };
    let node = |id: &str, kind: &str, more: Value, next: &[&str]| {
        let mut node = json!({"id": id, "type": kind, "z": "bench", "wires": [next]});
        if let (Some(node), Value::Object(more)) = (node.as_object_mut(), more) {
            node.extend(more);
        }
        node
    };
    json!([
        {"id": "bench", "type": "tab", "label": "bench"},
        node("in", "http in", json!({"url": job.ideal_path(), "method": "post", "upload": false}), after_in),
        node("text", "function", json!({"func": text, "outputs": 1}), after_text),
        node("call", "http request", json!({"method": "POST", "ret": "txt", "url": format!("{sink}/text"), "persist": true}), after_call),
        node("answer", "http response", json!({"statusCode": status}), &[]),
    ])
}
