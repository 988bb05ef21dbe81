//! Every connector that comes with the product, through the real server, against a service that refuses what the real
//! one refuses: `test_data/services.json` says of each what it demands and how it proves itself.
//!
//! A webhook is created (with the handshake that the service makes meanwhile), a delivery starts one run, the same
//! delivery no second one, a forged one is refused, and turning the flow off deletes the webhook by the request that
//! the service knows.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once, and read the clock.

mod support;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use support::{Answer, Message, Server, Service, try_http};

/// The seed of the key pair of the service that signs with one.
const SEED: [u8; 32] = [7; 32];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        match (first, after) {
            (b'%', [high, low, tail @ ..]) => {
                let pair = [*high, *low];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&pair).unwrap(), 16).unwrap());
                rest = tail;
            }
            (b'+', tail) => {
                bytes.push(b' ');
                rest = tail;
            }
            (other, tail) => {
                bytes.push(other);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn pairs(text: &str) -> Vec<(String, String)> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    };
    text.split('&').filter(|own| !own.is_empty()).map(pair).collect()
}

/// Whether a value has all that another one says.
fn holds(own: &Value, wanted: &Value) -> bool {
    match wanted {
        Value::Object(members) => {
            members.iter().all(|(name, value)| own.get(name).is_some_and(|own| holds(own, value)))
        }
        other => own == other,
    }
}

/// What a request lacks of what a service demands.
fn lacks(call: &Message, wanted: &Value) -> Option<String> {
    let (path, query) = call.path().split_once('?').unwrap_or((call.path(), ""));
    if call.method() != wanted["method"] || path != wanted["path"] {
        return Some(format!("{} {} is not known", call.method(), call.path()));
    }
    for (name, value) in wanted["headers"].as_object().into_iter().flatten() {
        if call.header(name) != value.as_str() {
            return Some(format!("the header {name} is {:?}", call.header(name)));
        }
    }
    let text = String::from_utf8_lossy(&call.body).into_owned();
    for (part, found) in [("query", pairs(query)), ("form", pairs(&text))] {
        for (name, value) in wanted[part].as_object().into_iter().flatten() {
            if !found.iter().any(|(own, text)| own == name && Some(text.as_str()) == value.as_str()) {
                return Some(format!("{part} {name} is not {value}: {found:?}"));
            }
        }
    }
    if wanted.get("body").is_some() && !holds(&call.json(), &wanted["body"]) {
        return Some(format!("the body {text} lacks {}", wanted["body"]));
    }
    if let Some(pointer) = wanted["needs"].as_array().into_iter().flatten().find(|own| {
        call.json().pointer(own.as_str().unwrap()).and_then(Value::as_str).is_none_or(|text| text.len() < 16)
    }) {
        return Some(format!("the body has no {pointer}"));
    }
    wanted["contains"].as_str().filter(|part| !text.contains(part)).map(|part| format!("the body has no {part}"))
}

/// The callback URL in a creation: a pointer into JSON, `?name` of the query, or a field of a form.
fn callback(call: &Message, place: &str) -> Option<String> {
    if place.starts_with('/') {
        return call.json().pointer(place)?.as_str().map(ToOwned::to_owned);
    }
    let text = String::from_utf8_lossy(&call.body).into_owned();
    let (list, name) = match place.strip_prefix('?') {
        Some(name) => (pairs(call.path().split_once('?')?.1), name),
        None => (pairs(&text), place),
    };
    list.into_iter().find(|(own, _)| own == name).map(|(_, url)| url)
}

/// A service that signs its calls.
struct Signer<'a> {
    entry: &'a Value,
    secret: String,
    url: String,
}

impl Signer<'_> {
    /// A request of the service: headers and bytes.
    fn request(&self, call: &Value, is_signed: bool) -> (Vec<(String, String)>, Vec<u8>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let filled = |text: &str| {
            text.replace("\"{nowms}\"", &now.as_millis().to_string())
                .replace("{nowms}", &now.as_millis().to_string())
                .replace("{now}", &now.as_secs().to_string())
        };
        let mut headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        for (name, value) in call["headers"].as_object().into_iter().flatten() {
            headers.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
            headers.push((name.clone(), value.as_str().unwrap().to_owned()));
        }
        let mut body = match (call["text"].as_str(), call.get("body")) {
            (Some(text), _) => text.to_owned(),
            (None, Some(body)) => filled(&body.to_string()),
            (None, None) => String::new(),
        };
        let signature = &self.entry["signature"];
        if is_signed && !signature.is_null() {
            let content = signature["content"].as_str().unwrap_or("{body}");
            let content =
                filled(&content.replace("{url}", &self.url).replace("{body}", "\u{1}")).replace('\u{1}', &body);
            let key = self.secret.as_bytes();
            let mac = if signature["token"] == true {
                self.secret.clone()
            } else if signature["ed25519"] == true {
                let pair = Ed25519KeyPair::from_seed_unchecked(&SEED).unwrap();
                hex(pair.sign(content.as_bytes()).as_ref())
            } else {
                let kind =
                    if signature["hash"] == "sha1" { hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY } else { hmac::HMAC_SHA256 };
                let mac = hmac::sign(&hmac::Key::new(kind, key), content.as_bytes());
                if signature["encoding"] == "base64" { STANDARD.encode(mac.as_ref()) } else { hex(mac.as_ref()) }
            };
            let mac = format!("{}{mac}", filled(signature["prefix"].as_str().unwrap_or_default()));
            match (signature["header"].as_str(), signature["body"].as_str()) {
                (Some(name), _) => headers.push((name.to_owned(), mac)),
                (None, Some(pointer)) => {
                    let mut whole: Value = serde_json::from_str(&body).unwrap();
                    let (above, name) = pointer.rsplit_once('/').unwrap();
                    whole.pointer_mut(above).unwrap()[name] = mac.into();
                    body = whole.to_string();
                }
                _ => {}
            }
            for (name, value) in signature["extra"].as_object().into_iter().flatten() {
                headers.push((name.clone(), filled(value.as_str().unwrap())));
            }
        }
        (headers, body.into_bytes())
    }

    fn send(&self, server: &str, call: &Value, is_signed: bool) -> Message {
        let (headers, body) = self.request(call, is_signed);
        self.bytes(server, call, &headers, &body)
    }

    fn bytes(&self, server: &str, call: &Value, headers: &[(String, String)], body: &[u8]) -> Message {
        let place = self.url.find("/callback/").map_or("/", |at| &self.url[at..]);
        let target = format!("{place}{}", call["query"].as_str().unwrap_or_default());
        let method = call["method"].as_str().unwrap_or("POST");
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        try_http(server, method, &target, &headers, body, Duration::from_secs(60)).expect("an answer of the door")
    }

    /// Makes a handshake; what was not as the service wants it.
    fn handshake(&self, server: &str, call: &Value) -> Result<(), String> {
        let answer = self.send(server, call, call["signed"] == true);
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        let fits = call["status"] == answer.status()
            && call["says"].as_str().is_none_or(|text| text == said)
            && call["contains"].as_str().is_none_or(|text| said.contains(text))
            && call.get("json").is_none_or(|wanted| answer.json() == *wanted)
            && call["header"]
                .as_object()
                .into_iter()
                .flatten()
                .all(|(name, value)| answer.header(name) == value.as_str());
        if fits { Ok(()) } else { Err(format!("the handshake {call} was answered {} {said}", answer.status())) }
    }
}

/// What a stand-in has seen.
#[derive(Default)]
struct Seen {
    url: String,
    secret: String,
    faults: Vec<String>,
    is_deleted: bool,
}

fn secret_of(entry: &Value, body: &Value) -> String {
    let public = || hex(Ed25519KeyPair::from_seed_unchecked(&SEED).unwrap().public_key().as_ref());
    match (entry["secret"]["value"].as_str(), entry["secret"]["request"].as_str()) {
        (Some("{ed25519}"), _) => public(),
        (Some(value), _) => value.to_owned(),
        (None, Some(pointer)) => body.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned(),
        (None, None) => String::new(),
    }
}

/// A service that creates webhooks, and refuses what the real one refuses.
fn stand_in(entry: &Value, server: String, seen: Arc<Mutex<Seen>>) -> Service {
    let entry = entry.clone();
    Service::start(move |call, own| {
        let refused = |why: String| {
            seen.lock().unwrap().faults.push(why.clone());
            let said = entry.get("refusal").cloned().unwrap_or_else(|| json!({"status": 400, "body": {"error": why}}));
            Answer::new(status(said["status"].as_u64().unwrap()), &said["body"])
        };
        let deletion = lacks(call, &entry["deletion"]);
        if deletion.is_none() {
            let fault = lacks(
                call,
                &json!({"method": call.method(), "path": entry["deletion"]["path"],
                "headers": entry["creation"]["headers"], "query": key_of(&entry)}),
            );
            if let Some(why) = fault {
                return refused(format!("the deletion: {why}"));
            }
            seen.lock().unwrap().is_deleted = true;
            let answer = entry["deletion"].get("answer").cloned().unwrap_or(Value::Null);
            return Answer::new(if answer.is_null() { "204 No Content" } else { "200 OK" }, &answer);
        }
        let creation = &entry["creation"];
        if let Some(why) = lacks(call, creation) {
            // Questions for what is there already.
            if call.method() == "GET" {
                return Answer::new("200 OK", &json!([]));
            }
            return refused(format!("{why}; as a deletion: {}", deletion.unwrap_or_default()));
        }
        let Some(url) = callback(call, creation["callback"].as_str().unwrap()) else {
            return refused("the request has no callback URL".to_owned());
        };
        let secret = secret_of(&entry, &call.json());
        let signer = Signer { entry: &entry, secret: secret.clone(), url: url.clone() };
        for handshake in creation["handshake"].as_array().into_iter().flatten() {
            if let Err(why) = signer.handshake(&server, handshake) {
                return refused(why);
            }
        }
        let mut seen = seen.lock().unwrap();
        (seen.url, seen.secret) = (url, secret);
        let made = Answer::new(status(entry["answer"]["status"].as_u64().unwrap()), &entry["answer"]["body"]);
        match entry["answer"]["location"].as_str() {
            Some(path) => made.with("Location", format!("http://{own}{path}")),
            None => made,
        }
    })
}

/// Keys that every request of the service has in its query.
fn key_of(entry: &Value) -> Value {
    let names = ["key", "token", "hapikey"];
    let own = entry["creation"]["query"].as_object().into_iter().flatten();
    own.filter(|(name, _)| names.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

const fn status(code: u64) -> &'static str {
    match code {
        201 => "201 Created",
        200 => "200 OK",
        _ => "400 Bad Request",
    }
}

fn connection(entry: &Value, connector: &str) -> Value {
    let mut form = json!({"connector_id": connector, "name": entry["id"], "parameters": {}});
    let public = hex(Ed25519KeyPair::from_seed_unchecked(&SEED).unwrap().public_key().as_ref());
    for (name, value) in entry["connection"].as_object().into_iter().flatten() {
        let value = if value == "{ed25519}" { json!(public) } else { value.clone() };
        match name.as_str() {
            "parameters" => form["parameters"] = value,
            "username" | "password" | "api_key" => form[name] = value,
            other => form["parameters"][other] = value,
        }
    }
    form
}

fn play(server: &Server, entry: &Value) -> Result<(), String> {
    let id = entry["id"].as_str().unwrap();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let service = stand_in(entry, server.address.clone(), Arc::clone(&seen));
    let mut settings = entry.get("settings").cloned().unwrap_or_else(|| json!({}));
    settings["host"] = service.address.as_str().into();
    settings["scheme"] = "http".into();
    settings["name"] = id.into();
    let said = |what: &str, (code, answer): (u16, Value)| {
        if (200..300).contains(&code) { Ok(answer) } else { Err(format!("{what}: {code} {answer}")) }
    };
    let made = said("import", server.call("POST", "/api/connectors", &json!({"prebuilt": id, "settings": settings})))?;
    let connector = made["id"].as_str().unwrap().to_owned();
    let connection = said("connection", server.call("POST", "/api/connections", &connection(entry, &connector)))?;
    let definition = json!({
        "triggers": {"When": {"type": "OpenApiConnectionWebhook", "inputs": {
            "host": {"connectionName": "own", "operationId": entry["trigger"]},
            "parameters": entry.get("parameters").cloned().unwrap_or_else(|| json!({}))}}},
        "actions": {"Keep": {"type": "Compose", "inputs": "@triggerBody()", "runAfter": {}}}});
    let form =
        json!({"name": id, "definition": definition, "connections": {"own": {"connection_id": connection["id"]}}});
    let made = said("flow", server.call("POST", "/api/flows", &form))?;
    let flow = made["id"].as_str().unwrap().to_owned();
    let is_by_hand = entry["by_hand"] == true;
    if is_by_hand {
        let url = server.get(&format!("/api/flows/{flow}"))["webhook"]["callback_url"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if !url.contains("/callback/") {
            return Err(format!("no callback URL is shown: {}", server.get(&format!("/api/flows/{flow}"))["webhook"]));
        }
        let mut seen = seen.lock().unwrap();
        seen.url = url;
        seen.secret = secret_of(entry, &Value::Null);
    }
    let (url, secret, faults) = {
        let seen = seen.lock().unwrap();
        (seen.url.clone(), seen.secret.clone(), seen.faults.clone())
    };
    if url.is_empty() || !faults.is_empty() {
        return Err(format!(
            "the webhook is not created: {faults:?} {}",
            server.get(&format!("/api/flows/{flow}"))["webhook"]
        ));
    }
    let signer = Signer { entry, secret, url };
    for handshake in entry["handshake"].as_array().into_iter().flatten() {
        signer.handshake(&server.address, handshake)?;
    }
    let runs = || server.get(&format!("/api/runs?kind=flow&flow={flow}"))["items"].as_array().unwrap().len();
    let delivery = &entry["delivery"];
    let (headers, body) = signer.request(delivery, true);
    if entry["signature"].is_object() || entry["unsigned"] == true {
        let unsigned = signer.send(&server.address, delivery, false);
        if unsigned.status() != 401 {
            return Err(format!("a delivery without proof was answered {}", unsigned.status()));
        }
    }
    if entry["unsigned"] == true {
        return Ok(());
    }
    if let Some(ping) = entry.get("ping") {
        let answer = signer.send(&server.address, ping, true);
        if !(200..300).contains(&answer.status()) || runs() != 0 {
            return Err(format!("the ping was answered {} and {} runs began", answer.status(), runs()));
        }
    }
    let first = signer.bytes(&server.address, delivery, &headers, &body);
    if !(200..300).contains(&first.status()) {
        return Err(format!("a delivery was answered {} {}", first.status(), String::from_utf8_lossy(&first.body)));
    }
    if !within_a_minute(|| runs() == 1) {
        return Err(format!("a delivery was answered {}, and {} runs began", first.status(), runs()));
    }
    // The same delivery once more, where the service gives it a name.
    if has_key(entry) {
        let again = signer.bytes(&server.address, delivery, &headers, &body);
        if again.status() != first.status() || runs() != 1 {
            return Err(format!("the same delivery was answered {}, and there are {} runs", again.status(), runs()));
        }
    }
    // Another body under the same proof.
    if entry["signature"].is_object() && entry["signature"]["token"] != true && entry["signature"]["header"].is_string()
    {
        let mut forged = body.clone();
        forged.extend_from_slice(b" ");
        if delivery["text"].is_string() {
            forged = b"Body=ho&From=%2B1".to_vec();
        }
        let answer = signer.bytes(&server.address, delivery, &headers, &forged);
        if answer.status() != 401 {
            return Err(format!("a forged delivery was answered {}", answer.status()));
        }
    }
    said("off", server.call("POST", &format!("/api/flows/{flow}/off"), &Value::Null))?;
    if !is_by_hand {
        let done = || {
            let seen = seen.lock().unwrap();
            seen.is_deleted || !seen.faults.is_empty()
        };
        within_a_minute(done);
        let seen = seen.lock().unwrap();
        if !seen.is_deleted {
            return Err(format!("the webhook is not deleted: {:?}; asked was {:?}", seen.faults, service.lines()));
        }
    }
    let late = signer.bytes(&server.address, delivery, &headers, &body);
    if ![404, 410].contains(&late.status()) {
        return Err(format!("a delivery to a flow that is off was answered {}", late.status()));
    }
    let faults = seen.lock().unwrap().faults.clone();
    if faults.is_empty() { Ok(()) } else { Err(format!("{faults:?}")) }
}

/// Waits until something holds; whether it did within a minute.
fn within_a_minute(holds: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(60) {
        if holds() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    false
}

/// Whether the declarations name what tells two deliveries apart.
fn has_key(entry: &Value) -> bool {
    !["asana", "calendly", "dropbox", "ntfy", "microsoft-graph"].contains(&entry["id"].as_str().unwrap())
}

#[test]
fn every_ready_made_connector_does_what_its_service_demands() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(&folder.path().join("data"), "127.0.0.1:0", &[]);
    server.set_up();
    let entries: Vec<Value> = serde_json::from_slice(include_bytes!("../test_data/services.json")).unwrap();
    let offered = server.get("/api/prebuilt-connectors");
    let offered: Vec<&str> =
        offered["items"].as_array().unwrap().iter().map(|own| own["id"].as_str().unwrap()).collect();
    let played: Vec<&str> = entries.iter().map(|entry| entry["id"].as_str().unwrap()).collect();
    let missing: Vec<_> = offered.iter().filter(|id| !played.contains(id)).collect();
    assert!(missing.is_empty() && played.len() == offered.len(), "not played: {missing:?}");
    let only = std::env::var("SERVICE").ok();
    let chosen = entries.iter().filter(|entry| only.as_ref().is_none_or(|only| entry["id"] == only.as_str()));
    let faults: Vec<String> =
        chosen.filter_map(|entry| play(&server, entry).err().map(|why| format!("{}: {why}", entry["id"]))).collect();
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), entries.len(), faults.join("\n"));
}
