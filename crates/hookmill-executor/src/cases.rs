//! Test cases of connectors: a file, a flow's parameters and a reply in; the request, the outputs and the end of a
//! webhook out. They run on the real importer, planner and reader of answers, without a network.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookmill_connector::{Call, Connector, Creation, Credentials, Lookup, Operation, Plan, PlannedRequest, Settings};
use hookmill_expression::content;
use hookmill_http::header;
use hookmill_model::{Object, Str, Value};

use crate::exchange::{Prepared, read};
use crate::outgoing::prepare;
use crate::{CallContext, body};

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseVerdict {
    /// The case's `id`.
    pub id: String,
    /// What was not as expected; empty where all was.
    pub failures: Vec<String>,
}

/// Runs one case.
///
/// Shape: `{id, definition | definitionText, properties?, connection?: {set?, parameters?, accessToken?, hosts?},
/// operationId, parameters, callbackUrl?, before?: [{request, reply}], expected?: {request?, error?, diagnostics?},
/// reply?, expectedOutputs?, expectedCreation?, expectedUnsubscribe?, expectedUnsubscribeWarning?}`. Members that a
/// case leaves out are not judged. Bodies are JSON values, `{"$text"}`, `{"$base64"}`, `{"$form": [[name, value]]}`,
/// `{"$multipart": [{name, filename?, contentType?, text | base64}]}`, or `null` for none.
#[must_use]
pub fn run_case(case: &Value) -> CaseVerdict {
    let id = case.get("id").and_then(Value::as_str).unwrap_or("(no id)").to_owned();
    let mut run = Run { case, failures: Vec::new() };
    run.all();
    CaseVerdict { id, failures: run.failures }
}

struct Run<'a> {
    case: &'a Value,
    failures: Vec<String>,
}

impl Run<'_> {
    fn wrong(&mut self, text: impl Into<String>) {
        self.failures.push(text.into());
    }

    fn expected(&self, name: &str) -> Option<&Value> {
        self.case.get("expected").and_then(|expected| expected.get(name))
    }

    fn all(&mut self) {
        let document = match (self.case.get("definitionText").and_then(Value::as_str), self.case.get("definition")) {
            (Some(text), _) => text.as_bytes().to_vec(),
            (None, Some(definition)) => definition.to_json().into_bytes(),
            (None, None) => return self.wrong("the case has neither \"definition\" nor \"definitionText\""),
        };
        let properties = self.case.get("properties").map(|own| own.to_json().into_bytes());
        let import = Connector::import(&document, properties.as_deref(), &Settings::default());
        self.check_diagnostics(&import.diagnostics);
        let planned = match &import.connector {
            None => Err(import.diagnostics.first().map(|own| own.message.clone()).unwrap_or_default()),
            Some(connector) => self.plan(connector),
        };
        match (planned, self.case.pointer("/expected/error").cloned()) {
            (Ok(_), Some(error)) if error != Value::Bool(false) => {
                self.wrong("an error was expected, but a request was planned")
            }
            (Err(message), Some(error)) => {
                if let Some(text) = error.get("contains").and_then(Value::as_str)
                    && !message.to_lowercase().contains(&text.to_lowercase())
                {
                    self.wrong(format!("the error is \"{message}\" and does not contain \"{text}\""));
                }
            }
            (Err(message), None) => self.wrong(message),
            (Ok(planned), _) => {
                if let Some(wanted) = self.expected("request").cloned() {
                    let differences = compare(&planned, &wanted);
                    self.failures.extend(differences);
                }
                if let Some(connector) = &import.connector {
                    self.check_reply(connector, &planned);
                }
            }
        }
    }

    fn check_diagnostics(&mut self, found: &[hookmill_model::Diagnostic]) {
        let wanted = self.expected("diagnostics").and_then(Value::as_array).unwrap_or_default().to_vec();
        for one in wanted {
            let text = |name: &str| one.get(name).and_then(Value::as_str).unwrap_or_default().to_lowercase();
            let (severity, part) = (text("severity"), text("contains"));
            let fits = |own: &hookmill_model::Diagnostic| {
                own.severity.to_string().starts_with(&severity) && own.message.to_lowercase().contains(&part)
            };
            if !found.iter().any(fits) {
                self.wrong(format!("no finding of severity \"{severity}\" contains \"{part}\""));
            }
        }
    }

    fn credentials(&self, connector: &Connector) -> Option<Credentials> {
        let connection = self.case.get("connection").filter(|own| !own.is_null())?;
        let text = |name: &str| connection.get(name).and_then(Value::as_str).unwrap_or_default();
        let hosts = connection.get("hosts").and_then(Value::as_array).unwrap_or_default();
        Some(Credentials {
            set: text("set").into(),
            parameters: connector.with_field_defaults(
                text("set"),
                connection.get("parameters").and_then(Value::as_object).cloned().unwrap_or_default(),
            ),
            access_token: text("accessToken").into(),
            hosts: hosts.iter().filter_map(Value::as_str).map(Str::from).collect(),
            hidden: Vec::new(),
        })
    }

    fn operation<'c>(&self, connector: &'c Connector) -> Result<&'c Operation, String> {
        let id = self.case.get("operationId").and_then(Value::as_str).unwrap_or_default();
        connector.operation(id).ok_or_else(|| format!("the definition has no operation \"{id}\""))
    }

    /// The request, after the calls that policies make before it.
    fn plan(&mut self, connector: &Connector) -> Result<PlannedRequest, String> {
        let operation = self.operation(connector)?;
        let credentials = self.credentials(connector);
        let before = self.case.get("before").and_then(Value::as_array).unwrap_or_default().to_vec();
        let mut lookups = Vec::new();
        loop {
            let call = Call {
                parameters: self.case.get("parameters"),
                callback_url: self.case.get("callbackUrl").and_then(Value::as_str),
                credentials: credentials.as_ref(),
                lookups: &lookups,
                ..Call::default()
            };
            match connector.plan_request(operation, &call).map_err(|error| error.to_string())? {
                Plan::Request(planned) => {
                    if lookups.len() < before.len() {
                        self.wrong(format!("{} calls were expected before, {} were made", before.len(), lookups.len()));
                    }
                    return Ok(planned);
                }
                Plan::Lookup(planned) => {
                    let Some(exchange) = before.get(lookups.len()) else {
                        return Err("a policy makes a call that the case does not describe".to_owned());
                    };
                    let wanted = exchange.get("request").cloned().unwrap_or_default();
                    for difference in compare(&planned, &wanted) {
                        self.wrong(format!("call {} before: {difference}", lookups.len() + 1));
                    }
                    let (status, headers, bytes) = reply(exchange.get("reply").unwrap_or(&Value::Null));
                    let (_, body) = read(status, headers, &bytes, Some(&planned.answer))?;
                    lookups.push(Lookup { status, body: body.unwrap_or_default() });
                }
            }
        }
    }

    fn check_reply(&mut self, connector: &Connector, planned: &PlannedRequest) {
        let Some(written) = self.case.get("reply") else { return };
        let (status, headers, bytes) = reply(written);
        let (headers, body) = match read(status, headers, &bytes, Some(&planned.answer)) {
            Ok(outputs) => outputs,
            Err(message) => return self.wrong(message),
        };
        if let Some(wanted) = self.case.get("expectedOutputs").cloned() {
            self.check_outputs(&wanted, status, &headers, body.as_ref());
        }
        let Ok(operation) = self.operation(connector) else { return };
        let parameters = self.case.get("parameters").cloned().unwrap_or_default();
        let creation =
            Creation { url: &planned.url, parameters: &parameters, status, headers: &headers, body: body.as_ref() };
        let created = connector.created(operation, &creation);
        match (self.case.get("expectedCreation").and_then(Value::as_str), &created) {
            (Some("created"), Err(message)) => self.wrong(format!("the creation failed: {message}")),
            (Some("failed"), Ok(())) => self.wrong("the creation was expected to fail"),
            _ => {}
        }
        let credentials = self.credentials(connector);
        let address = created.and_then(|()| connector.deletion_address(operation, &creation, credentials.as_ref()));
        if self.case.get("expectedUnsubscribeWarning") == Some(&Value::Bool(true)) && address.is_ok() {
            self.wrong("a warning that the webhook cannot be deleted was expected");
        }
        match (self.case.get("expectedUnsubscribe").cloned(), address) {
            (None, _) | (Some(Value::Null), Err(_)) => {}
            (Some(Value::Null), Ok(address)) => {
                self.wrong(format!("nothing may be deleted, but {} {} would be sent", address.method, address.url));
            }
            (Some(_), Err(message)) => self.wrong(message),
            (Some(wanted), Ok(address)) => match connector.plan_deletion(&address, credentials.as_ref()) {
                Ok(planned) => {
                    for difference in compare(&planned, &wanted) {
                        self.wrong(format!("deletion: {difference}"));
                    }
                }
                Err(error) => self.wrong(error.to_string()),
            },
        }
    }

    fn check_outputs(&mut self, wanted: &Value, status: u16, headers: &Object, body: Option<&Value>) {
        if let Some(code) = wanted.get("statusCode")
            && *code != Value::Integer(status.into())
        {
            self.wrong(format!("the status is {status}, not {code}"));
        }
        for (name, text) in wanted.get("headers").and_then(Value::as_object).into_iter().flat_map(Object::iter) {
            let own = headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value);
            if own != Some(text) {
                self.wrong(format!("the outputs' header {name} is {}, not {text}", own.unwrap_or(&Value::Null)));
            }
        }
        if let Some(wanted) = wanted.get("body") {
            let own = body.unwrap_or(&Value::Null);
            if own != wanted {
                self.wrong(format!("the outputs' body is {own}, not {wanted}"));
            }
        }
    }
}

/// The reply of a case as it would arrive.
fn reply(written: &Value) -> (u16, Vec<(Str, Str)>, Vec<u8>) {
    let status = written.get("status").and_then(Value::as_i64).and_then(|status| u16::try_from(status).ok());
    let headers = written.get("headers").and_then(Value::as_object).into_iter().flat_map(Object::iter);
    let mut headers: Vec<(Str, Str)> =
        headers.map(|(name, value)| (name.clone(), content::to_text(value).as_ref().into())).collect();
    let (bytes, own) = match written.get("body") {
        None | Some(Value::Null) => (Vec::new(), None),
        Some(body) => match (body.get("$text").and_then(Value::as_str), body.get("$base64").and_then(Value::as_str)) {
            (Some(text), _) => (text.as_bytes().to_vec(), None),
            (_, Some(base64)) => (STANDARD.decode(base64).unwrap_or_default(), None),
            _ => match pairs_of(body) {
                Some(pairs) => {
                    let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                    (body::form_text(pairs).into_bytes(), Some("application/x-www-form-urlencoded"))
                }
                None => (body.to_json().into_bytes(), Some("application/json")),
            },
        },
    };
    if let Some(own) = own
        && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
    {
        headers.push(("Content-Type".into(), own.into()));
    }
    (status.unwrap_or(200), headers, bytes)
}

fn pairs_of(body: &Value) -> Option<Vec<(String, String)>> {
    let text = |value: Option<&Value>| value.map(content::to_text).unwrap_or_default().to_string();
    let pairs = body.get("$form")?.as_array()?.iter();
    let element = |pair: &Value, index: usize| pair.as_array().and_then(|own| own.get(index)).cloned();
    Some(pairs.map(|pair| (text(element(pair, 0).as_ref()), text(element(pair, 1).as_ref()))).collect())
}

/// What differs between a planned request and the one that a case describes.
fn compare(planned: &PlannedRequest, wanted: &Value) -> Vec<String> {
    let prepared = match prepare(planned, Duration::from_secs(1), &CallContext::outside_runs()) {
        Ok(prepared) => prepared,
        Err(refusal) => return vec![refusal.message],
    };
    let mut found = Vec::new();
    let text = |name: &str| wanted.get(name).and_then(Value::as_str);
    if let Some(method) = text("method").filter(|method| *method != &*planned.method) {
        found.push(format!("the method is {}, not {method}", planned.method));
    }
    if let Some(url) = text("url").filter(|url| by_name(url) != by_name(&planned.url)) {
        found.push(format!("the address is {}, not {url}", planned.url));
    }
    for (name, value) in wanted.get("headers").and_then(Value::as_object).into_iter().flat_map(Object::iter) {
        let value = content::to_text(value);
        let own = header_text(&prepared, name);
        let is_same = own.as_deref().is_some_and(|own| {
            let is_bare = name.eq_ignore_ascii_case("content-type") && !value.contains(';');
            if is_bare { own.split(';').next().unwrap_or_default().trim() == &*value } else { own == &*value }
        });
        if !is_same {
            found.push(format!(
                "the header {name} is {}, not \"{value}\"",
                own.map_or_else(|| "absent".to_owned(), |own| format!("\"{own}\""))
            ));
        }
    }
    for name in wanted.get("headersAbsent").and_then(Value::as_array).unwrap_or_default() {
        let name = content::to_text(name);
        if header_text(&prepared, &name).is_some() {
            found.push(format!("the header {name} is there"));
        }
    }
    if let Some(body) = wanted.get("body") {
        found.extend(compare_body(&prepared, body));
    }
    found
}

/// An address with its query pairs ordered by name; pairs of one name keep their order.
fn by_name(url: &str) -> (String, Vec<String>) {
    let (before, query) = url.split_once('?').unwrap_or((url, ""));
    let mut pairs: Vec<String> = query.split('&').map(str::to_owned).collect();
    pairs.sort_by(|one, other| one.split('=').next().cmp(&other.split('=').next()));
    (before.to_owned(), pairs)
}

fn header_text(prepared: &Prepared, name: &str) -> Option<String> {
    let values: Vec<_> = prepared.request.headers.get_all(name.to_ascii_lowercase().as_str()).iter().collect();
    let texts: Vec<_> = values.iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}

fn compare_body(prepared: &Prepared, wanted: &Value) -> Vec<String> {
    let bytes = &prepared.request.body;
    let shown = String::from_utf8_lossy(bytes);
    let differs = || vec![format!("the body is {shown}, not {wanted}")];
    let content_type = prepared.request.headers.get(header::CONTENT_TYPE);
    let content_type = content_type.map(|own| String::from_utf8_lossy(own.as_bytes()).into_owned()).unwrap_or_default();
    if wanted.is_null() {
        return if bytes.is_empty() { Vec::new() } else { differs() };
    }
    if let Some(text) = wanted.get("$text").and_then(Value::as_str) {
        return if shown == text { Vec::new() } else { differs() };
    }
    if let Some(base64) = wanted.get("$base64").and_then(Value::as_str) {
        return if STANDARD.decode(base64).is_ok_and(|own| own[..] == bytes[..]) { Vec::new() } else { differs() };
    }
    if let Some(pairs) = pairs_of(wanted) {
        let own: Vec<(String, String)> = url_pairs(&shown).into_iter().filter(|(name, _)| !name.is_empty()).collect();
        return if own == pairs { Vec::new() } else { differs() };
    }
    if let Some(parts) = wanted.get("$multipart").and_then(Value::as_array) {
        let own = parts_of(&content_type, bytes);
        let is_same = own.len() == parts.len() && own.iter().zip(parts).all(|(own, part)| own.fits(part));
        return if is_same { Vec::new() } else { differs() };
    }
    match Value::from_json(bytes) {
        Ok(own) if own == *wanted => Vec::new(),
        _ => differs(),
    }
}

fn url_pairs(text: &str) -> Vec<(String, String)> {
    let plain =
        |text: &str| percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    text.split('&')
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (plain(name), plain(value))
        })
        .collect()
}

/// One part of a multipart body.
struct PartOf {
    head: String,
    bytes: Vec<u8>,
}

impl PartOf {
    fn quoted(&self, name: &str) -> Option<String> {
        let mark = format!(" {name}=\"");
        let rest = &self.head[self.head.find(&mark)? + mark.len()..];
        rest.split('"').next().map(str::to_owned)
    }

    fn content_type(&self) -> Option<String> {
        let line = self.head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-type:"))?;
        line.split_once(':').map(|(_, value)| value.trim().to_owned())
    }

    fn fits(&self, wanted: &Value) -> bool {
        let text = |name: &str| wanted.get(name).and_then(Value::as_str).map(str::to_owned);
        let is = |name: &str, own: Option<String>| text(name).is_none_or(|wanted| own.as_ref() == Some(&wanted));
        is("name", self.quoted("name"))
            && is("filename", self.quoted("filename"))
            && is("contentType", self.content_type())
            && text("text").is_none_or(|text| text.as_bytes() == self.bytes)
            && text("base64").is_none_or(|base64| STANDARD.decode(base64).is_ok_and(|own| own == self.bytes))
    }
}

fn parts_of(content_type: &str, body: &[u8]) -> Vec<PartOf> {
    let Some((_, boundary)) = content_type.split_once("boundary=") else { return Vec::new() };
    let mark = format!("--{}", boundary.trim_matches('"'));
    let find = |from: usize, what: &[u8]| {
        body.get(from..)?.windows(what.len()).position(|own| own == what).map(|at| at + from)
    };
    let mut found = Vec::new();
    let mut at = find(0, mark.as_bytes());
    while let Some(begin) = at {
        let begin = begin + mark.len() + 2;
        let Some(end) = find(begin, mark.as_bytes()) else { break };
        let whole = body.get(begin..end.saturating_sub(2)).unwrap_or_default();
        if let Some(split) = whole.windows(4).position(|own| own == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&whole[..split]).into_owned();
            found.push(PartOf { head, bytes: whole[split + 4..].to_vec() });
        }
        at = Some(end);
    }
    found
}
