//! Begins to measure: counters and durations that are noted anywhere in the process are kept from here on.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;

/// Bounds of the buckets of durations, in seconds.
const SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0];
/// Bounds of the buckets of units in one transaction.
const UNITS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// Begins to measure; the handle writes down what was noted, in the form of Prometheus.
pub fn begin() -> Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)
        .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_units".to_owned()), UNITS))
        .and_then(PrometheusBuilder::install_recorder)
        .context("beginning to measure")?;
    hookmill_server::describe_measures();
    tokio::spawn(keep_up(handle.clone()));
    Ok(handle)
}

/// Durations are noted in a list, which must not grow while nobody asks.
async fn keep_up(handle: PrometheusHandle) {
    let mut ticks = tokio::time::interval(Duration::from_secs(5));
    loop {
        ticks.tick().await;
        handle.run_upkeep();
    }
}

/// Takes the port where Prometheus asks.
pub fn listen(address: SocketAddr) -> Result<TcpListener> {
    hookmill_server::listen(address)
        .with_context(|| format!("cannot listen on {address}; choose another with --metrics-listen"))
}
