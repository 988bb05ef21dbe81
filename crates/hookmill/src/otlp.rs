//! Traces and measures for a collector, by OTLP over HTTP with bodies in JSON.
//!
//! What is sent is settled by the variables that OpenTelemetry names (`OTEL_*`). A collector that does not answer holds
//! nothing up: spans wait in a bounded queue, then they are dropped and counted.

mod measured;
mod traced;

use std::time::Duration;

use anyhow::{Context, Result};
use hookmill_http::{AddressPolicy, Client, ClientConfig, HeaderName, HeaderValue, Method, Request, Url, header};
use hookmill_model::Timestamp;
use hookmill_runtime::{Runtime, Span};
use hookmill_server::ServerState;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Spans that wait for the collector.
const QUEUE: usize = 2_048;
/// Spans of one request.
const BATCH: usize = 512;
/// Between two requests with spans, in milliseconds.
const SPANS_EVERY: u64 = 5_000;
/// Between two requests with measures, in milliseconds.
const MEASURES_EVERY: u64 = 60_000;
/// How long the collector may take to answer, in milliseconds.
const TIMEOUT: u64 = 10_000;
/// A request that the collector did not take is sent so often.
const TRIES: u32 = 3;
/// Answers of a collector are short.
const ANSWER_BYTES_MAX: usize = 64 * 1_024;

/// Where the collector is, and what it gets.
pub struct Settings {
    traces: Option<Url>,
    measures: Option<Url>,
    headers: Vec<(HeaderName, HeaderValue)>,
    spans_every: Duration,
    measures_every: Duration,
    timeout: Duration,
    resource: Vec<(String, String)>,
}

/// Settings of the environment that is given; an empty one counts as none.
struct Variables<F>(F);

impl<F: Fn(&str) -> Option<String>> Variables<F> {
    fn text(&self, name: &str) -> Option<String> {
        (self.0)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// A time in milliseconds.
    fn time(&self, name: &str, usual: u64) -> Result<Duration> {
        let millis = match self.text(name) {
            None => usual,
            Some(text) => text
                .parse()
                .ok()
                .filter(|millis| *millis > 0)
                .with_context(|| format!("{name} is not a number of milliseconds: {text}"))?,
        };
        Ok(Duration::from_millis(millis))
    }

    /// Pairs such as `key1=value1,key2=value2`, with values in the encoding of addresses.
    fn pairs(&self, name: &str) -> Result<Vec<(String, String)>> {
        let text = self.text(name).unwrap_or_default();
        let pair = |pair: &str| {
            let (key, value) = pair.split_once('=')?;
            let value = percent_encoding::percent_decode_str(value.trim()).decode_utf8().ok()?;
            Some((key.trim().to_owned(), value.into_owned())).filter(|(key, _)| !key.is_empty())
        };
        let pairs = text.split(',').filter(|text| !text.trim().is_empty());
        pairs
            .map(|text| pair(text).with_context(|| format!("{name} is not a list such as key=value,key=value")))
            .collect()
    }
}

fn address(text: &str) -> Result<Url> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some());
    url.with_context(|| format!("the address of the collector is not one such as http://127.0.0.1:4318: {text}"))
}

impl Settings {
    /// What the flag and the variables of OpenTelemetry say; `None` where nothing is to be sent.
    ///
    /// # Errors
    /// A variable that cannot be understood, or asks for what is not there.
    pub fn read(
        endpoint: Option<&str>,
        instance: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>> {
        let variables = Variables(variable);
        if variables.text("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let of = |signal: &str, path: &str| -> Result<Option<Url>> {
            if variables.text(&format!("OTEL_{signal}_EXPORTER")).as_deref() == Some("none") {
                return Ok(None);
            }
            let own = variables.text(&format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"));
            let shared = || Some(format!("{}/{path}", endpoint?.trim_end_matches('/')));
            own.or_else(shared).map(|text| address(&text)).transpose()
        };
        let (traces, measures) = (of("TRACES", "v1/traces")?, of("METRICS", "v1/metrics")?);
        if traces.is_none() && measures.is_none() {
            return Ok(None);
        }
        if let Some(protocol) = variables.text("OTEL_EXPORTER_OTLP_PROTOCOL").filter(|protocol| protocol != "http/json")
        {
            anyhow::bail!(
                "OTEL_EXPORTER_OTLP_PROTOCOL is {protocol}, and only http/json is spoken here\n  hint: Set it to \
                 http/json, and the endpoint to the collector's port for HTTP, which is 4318 as a rule."
            );
        }
        let header = |(name, value): (String, String)| {
            let name: HeaderName = name.parse().ok()?;
            let mut value = HeaderValue::from_str(&value).ok()?;
            value.set_sensitive(true);
            Some((name, value))
        };
        let headers = variables.pairs("OTEL_EXPORTER_OTLP_HEADERS")?.into_iter().map(header).collect::<Option<_>>();
        let mut resource = variables.pairs("OTEL_RESOURCE_ATTRIBUTES")?;
        let mut own = |key: &str, value: String| {
            if !resource.iter().any(|(known, _)| known == key) {
                resource.push((key.to_owned(), value));
            }
        };
        let name = variables.text("OTEL_SERVICE_NAME");
        let is_named = name.is_some();
        own("service.name", name.clone().unwrap_or_else(|| "hookmill".to_owned()));
        own("service.version", env!("CARGO_PKG_VERSION").to_owned());
        own("service.instance.id", instance.to_owned());
        // The name of the service by its own variable comes before one in the list.
        if is_named {
            for (_, value) in resource.iter_mut().filter(|(key, _)| key == "service.name") {
                *value = name.clone().unwrap_or_default();
            }
        }
        Ok(Some(Self {
            traces,
            measures,
            headers: headers.context("OTEL_EXPORTER_OTLP_HEADERS holds what cannot be a header")?,
            spans_every: variables.time("OTEL_BSP_SCHEDULE_DELAY", SPANS_EVERY)?,
            measures_every: variables.time("OTEL_METRIC_EXPORT_INTERVAL", MEASURES_EVERY)?,
            timeout: variables.time("OTEL_EXPORTER_OTLP_TIMEOUT", TIMEOUT)?,
            resource,
        }))
    }

    /// Whether runs and requests are to be noted.
    pub const fn wants_spans(&self) -> bool {
        self.traces.is_some()
    }

    fn resource(&self) -> Value {
        let attributes = self.resource.iter().map(|(key, value)| attribute(key, value)).collect::<Vec<_>>();
        json!({"attributes": attributes})
    }
}

/// A queue of spans of the usual length.
pub fn queue() -> (mpsc::Sender<Span>, mpsc::Receiver<Span>) {
    mpsc::channel(QUEUE)
}

/// What sends: one task for traces, one for measures.
pub struct Exporter {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Exporter {
    /// Begins to send.
    ///
    /// # Errors
    /// The outgoing client cannot be made.
    pub fn begin(
        settings: Settings,
        spans: mpsc::Receiver<Span>,
        handle: PrometheusHandle,
        (runtime, state): (Runtime, ServerState),
    ) -> Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let resource = settings.resource();
        if let Some(url) = &settings.traces {
            let collector = Collector::at(url, &settings)?;
            tasks.spawn(send_spans(collector, resource.clone(), spans, settings.spans_every, stopped.clone()));
        }
        if let Some(url) = &settings.measures {
            let collector = Collector::at(url, &settings)?;
            let measured = Measured { resource, handle, begun: runtime.now(), runtime, state };
            tasks.spawn(send_measures(collector, measured, settings.measures_every, stopped));
        }
        Ok(Self { stop, tasks })
    }

    /// Sends what is left, for so long at most.
    pub async fn end(mut self, wait: Duration) {
        self.stop.send_replace(true);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        // What is not sent by then is lost with the process.
        let _ = tokio::time::timeout(wait, all).await;
    }
}

/// Where one kind of data is sent.
struct Collector {
    client: Client,
    url: Url,
    headers: Vec<(HeaderName, HeaderValue)>,
    timeout: Duration,
    /// The last request failed: the log says so once.
    fails: bool,
}

impl Collector {
    fn at(url: &Url, settings: &Settings) -> Result<Self> {
        // The operator named it, so it may be anywhere.
        let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(0));
        let policy =
            AddressPolicy::new(&[format!("{host}:{port}")], &[], true).context("the address of the collector")?;
        let client =
            Client::new(ClientConfig { policy, response_bytes_max: ANSWER_BYTES_MAX, ..ClientConfig::default() });
        Ok(Self {
            client: client.context("the client for the collector")?,
            url: url.clone(),
            headers: settings.headers.clone(),
            timeout: settings.timeout,
            fails: false,
        })
    }

    /// Whether the collector took it. When the server stops there is one try only.
    async fn send(&mut self, body: &Value, stop: &mut watch::Receiver<bool>) -> bool {
        let body = body.to_string();
        let mut wait = Duration::from_secs(1);
        let mut problem = String::new();
        for attempt in 1..=TRIES {
            let mut request = Request::new(Method::POST, self.url.as_str())
                .with_header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
                .with_body(body.clone())
                .with_timeout(self.timeout);
            for (name, value) in &self.headers {
                request = request.with_header(name.clone(), value.clone());
            }
            match Box::pin(self.client.send(request)).await {
                Ok(answer) if answer.status.is_success() => {
                    if std::mem::take(&mut self.fails) {
                        tracing::info!(url = %self.url, "the collector takes again what it is sent");
                    }
                    return true;
                }
                Ok(answer) => {
                    problem = format!("it answered {}", answer.status);
                    // Others will be refused again.
                    if !matches!(answer.status.as_u16(), 429 | 502 | 503 | 504) {
                        break;
                    }
                }
                Err(error) => problem = error.to_string(),
            }
            if attempt == TRIES || *stop.borrow() {
                break;
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => wait *= 2,
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }
        if !std::mem::replace(&mut self.fails, true) {
            tracing::warn!(url = %self.url, problem, "the collector does not take what it is sent; some of it is dropped");
        }
        false
    }
}

async fn send_spans(
    mut collector: Collector,
    resource: Value,
    mut spans: mpsc::Receiver<Span>,
    every: Duration,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let is_last = tokio::select! {
            () = tokio::time::sleep(every) => false,
            _ = stop.wait_for(|stop| *stop) => true,
        };
        // What comes while it is sent waits for the next turn.
        for _ in 0..QUEUE / BATCH {
            let batch: Vec<Span> = std::iter::from_fn(|| spans.try_recv().ok()).take(BATCH).collect();
            if batch.is_empty() {
                break;
            }
            if !collector.send(&traced::request(&resource, &batch), &mut stop).await {
                metrics::counter!("hookmill_spans_dropped_total").increment(batch.len() as u64);
            }
        }
        if is_last {
            return;
        }
    }
}

/// What measures are made of.
struct Measured {
    resource: Value,
    handle: PrometheusHandle,
    begun: Timestamp,
    runtime: Runtime,
    state: ServerState,
}

async fn send_measures(mut collector: Collector, measured: Measured, every: Duration, mut stop: watch::Receiver<bool>) {
    let Measured { resource, handle, begun, runtime, state } = measured;
    loop {
        let is_last = tokio::select! {
            () = tokio::time::sleep(every) => false,
            _ = stop.wait_for(|stop| *stop) => true,
        };
        if !is_last {
            hookmill_server::look_at_measures(&state).await;
        }
        let body = measured::request(&resource, &handle.render(), begun, runtime.now());
        collector.send(&body, &mut stop).await;
        if is_last {
            return;
        }
    }
}

/// An attribute with a text.
fn attribute(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

/// The name of this program as a source of data.
fn scope() -> Value {
    json!({"name": "hookmill", "version": env!("CARGO_PKG_VERSION")})
}

/// Nanoseconds since 1970, as OTLP writes numbers of 64 bits in JSON.
fn nanos(at: Timestamp) -> String {
    (i128::from(at.as_micros().max(0)) * 1_000).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read(endpoint: Option<&str>, variables: &[(&str, &str)]) -> Result<Option<Settings>> {
        let find = |name: &str| Some(variables.iter().find(|(own, _)| *own == name)?.1.to_owned());
        Settings::read(endpoint, "one", find)
    }

    #[test]
    fn the_usual_variables_say_what_is_sent_where() {
        let all = [
            ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b,x-team=mill"),
            ("OTEL_SERVICE_NAME", "mill"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,deployment.environment=test"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "500"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://traces.example.org/own"),
        ];
        let settings = read(Some("http://127.0.0.1:4318/"), &all).unwrap().unwrap();
        assert_eq!(settings.traces.as_ref().map(Url::as_str), Some("https://traces.example.org/own"));
        assert_eq!(settings.measures.as_ref().map(Url::as_str), Some("http://127.0.0.1:4318/v1/metrics"));
        assert_eq!((settings.headers.len(), settings.headers[0].1.to_str().unwrap()), (2, "a b"));
        assert_eq!(settings.measures_every, Duration::from_millis(500));
        let resource = settings.resource().to_string();
        assert!(
            resource.contains("\"mill\"") && !resource.contains("other") && resource.contains("deployment"),
            "{resource}"
        );

        assert!(read(None, &[]).unwrap().is_none());
        assert!(read(Some("http://c:4318"), &[("OTEL_SDK_DISABLED", "true")]).unwrap().is_none());
        let none = [("OTEL_TRACES_EXPORTER", "none")];
        assert!(!read(Some("http://c:4318"), &none).unwrap().unwrap().wants_spans());
        for (name, wrong) in [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "without a value"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
            ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "collector:4318"),
        ] {
            assert!(read(Some("http://c:4318"), &[(name, wrong)]).is_err(), "{name}={wrong}");
        }
    }
}
