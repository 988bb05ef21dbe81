//! Parts of flows and events as they are stored, and which run an event began.

use hookmill_model::{EventId, Id as _, Object, RunId, Value};
use hookmill_store::{Damaged, Event, Flow, FlowVersion};

/// Reads a part of a version as it is stored.
pub(crate) fn read_part(version: &FlowVersion, part: &str, bytes: &[u8]) -> Result<Value, Damaged> {
    let what = format_args!("the {part} of version {} of flow {}", version.version, version.flow);
    hookmill_store::read(what, bytes, Value::from_json)
}

/// What came with a notification beside its body: `{headers, queries?, relativePathParameters?}`.
pub(crate) fn event_head(event: &Event) -> Result<Object, Damaged> {
    let what = format_args!("the head of event {}", event.id);
    hookmill_store::read(what, &event.head, |bytes| match Value::from_json(bytes) {
        Ok(head) => head.as_object().cloned().ok_or_else(|| "it is no object".to_owned()),
        Err(error) => Err(error.to_string()),
    })
}

/// The run that an event begins, or the first of several.
pub(crate) fn run_of(event: EventId) -> RunId {
    RunId::from_bits(event.to_bits())
}

/// The event that began a run, where one began it alone.
pub(crate) fn event_of(run: RunId) -> EventId {
    EventId::from_bits(run.to_bits())
}

/// What lists show of a flow's trigger: `{name, type, summary, kind}`; null where it cannot be read, since nothing but
/// lists depends on it.
#[must_use]
pub fn trigger_summary(flow: &Flow) -> Value {
    match hookmill_store::read(
        format_args!("the trigger's summary of flow {}", flow.id),
        &flow.trigger,
        Value::from_json,
    ) {
        Ok(summary) => summary,
        Err(damaged) => {
            tracing::warn!(%damaged, "a flow is listed without its trigger");
            Value::Null
        }
    }
}

/// The name of a flow's trigger; empty for none.
pub(crate) fn trigger_name(flow: &Flow) -> String {
    let summary = trigger_summary(flow);
    summary.get("name").and_then(Value::as_str).unwrap_or_default().to_owned()
}
