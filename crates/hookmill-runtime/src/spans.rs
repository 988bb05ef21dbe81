//! Runs and their requests as spans, for a collector of traces. Nothing is decided by them: where the collector does not
//! keep up, spans are dropped and counted.

use std::time::Duration;

use hookmill_engine::{EffectId, Outcome, Performed, RunState, Trace, request_span, run_span};
use hookmill_model::{RunId, RunStatus, Timestamp};
use hookmill_store::{Flow, Run};
use tokio::sync::mpsc;

use crate::Runtime;

/// What a span is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpanOf {
    /// A run, from its beginning to its end.
    Run {
        /// How it ended.
        status: RunStatus,
    },
    /// One attempt of a request of a run.
    Request {
        /// The name of the action.
        action: String,
        /// Counts retries, polls and pages, from 1.
        attempt: u32,
        /// Where it went; `None` where it left the process not at all.
        host: Option<String>,
        /// The status of the answer.
        status: Option<u16>,
        /// The code of what went wrong where there was no answer.
        error: Option<String>,
    },
}

/// A span of a trace. It holds names, times and codes, and nothing of what was received or sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The trace, 32 digits.
    pub trace: String,
    /// What the systems of the trace tell each other, as it came.
    pub state: Option<String>,
    /// Itself, 16 digits.
    pub id: String,
    /// The span that it is a part of, 16 digits.
    pub parent: Option<String>,
    /// When it began.
    pub begun: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// The name of the flow.
    pub flow: String,
    /// The run.
    pub run: RunId,
    /// What it is about.
    pub of: SpanOf,
}

impl Runtime {
    /// The trace of a run: the one that it received, or one that it begins where spans are wanted.
    pub(crate) fn trace_of(&self, run: RunId, state: &RunState) -> Option<Trace> {
        state.trace().or_else(|| self.0.config.spans.as_ref().map(|_| Trace::begun_by(run)))
    }

    /// Notes a run that has ended and is stored.
    pub(crate) fn note_run(&self, flow: &Flow, run: &Run, state: &RunState) {
        let Some(spans) = &self.0.config.spans else { return };
        let status = state.status();
        let Some(trace) = self.trace_of(run.id, state).filter(|trace| trace.is_sampled() && status.is_final()) else {
            return;
        };
        send(
            spans,
            Span {
                trace: trace.id().to_owned(),
                state: trace.state().map(ToOwned::to_owned),
                id: run_span(run.id),
                parent: trace.parent().map(ToOwned::to_owned),
                begun: run.started_at,
                ended: run.ended_at.unwrap_or_else(|| self.now()),
                flow: flow.name.clone(),
                run: run.id,
                of: SpanOf::Run { status },
            },
        );
    }

    /// Notes an attempt that has ended after `took`.
    pub(crate) fn note_request(
        &self,
        flow: &Flow,
        effect: &EffectId,
        trace: Option<&Trace>,
        host: Option<&str>,
        performed: &Performed,
        took: Duration,
    ) {
        let Some(spans) = &self.0.config.spans else { return };
        let Some(trace) = trace.filter(|trace| trace.is_sampled()) else { return };
        let (status, error) = match &performed.outcome {
            Outcome::Replied { status, .. } => (Some(*status), None),
            Outcome::NoReply { code, .. } => (None, Some(code.to_string())),
        };
        let ended = self.now();
        let micros = i64::try_from(took.as_micros()).unwrap_or(i64::MAX);
        send(
            spans,
            Span {
                trace: trace.id().to_owned(),
                state: trace.state().map(ToOwned::to_owned),
                id: request_span(effect),
                parent: Some(run_span(effect.run)),
                begun: Timestamp::from_micros(ended.as_micros().saturating_sub(micros)),
                ended,
                flow: flow.name.clone(),
                run: effect.run,
                of: SpanOf::Request {
                    action: effect.path.action.to_string(),
                    attempt: effect.attempt,
                    host: host.map(ToOwned::to_owned),
                    status,
                    error,
                },
            },
        );
    }
}

fn send(spans: &mpsc::Sender<Span>, span: Span) {
    if spans.try_send(span).is_err() {
        metrics::counter!("hookmill_spans_dropped_total").increment(1);
    }
}
