//! Flows that call themselves, through their own addresses or as their own children, come to an end.
//!
//! Each call carries how many runs called each other before it. Beyond [`DEPTH_MAX`] it is refused; and since a flow that
//! calls itself twice doubles with each step, calls from deeper down are bounded in number as well.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use hookmill_definition::Plan;
use hookmill_definition::plan::ActionKind;
use hookmill_model::{Diagnostic, FlowId, Timestamp};

use crate::locked;

/// Runs that may call each other in a row.
pub(crate) const DEPTH_MAX: u32 = 8;
/// From this depth on calls of a flow are counted: a flow that calls another one often is no fault.
const COUNTED_FROM: u32 = 2;
/// Such calls that one flow takes within [`WINDOW`].
const CALLS_MAX: u32 = 300;
const WINDOW: Duration = Duration::from_secs(60);
/// Flows that are remembered; when there are more, those whose window is over are forgotten.
const FLOWS_MAX: usize = 10_000;

/// Why a call is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Too many runs called each other.
    TooDeep(String),
    /// Too many such calls.
    TooOften {
        /// When to try again.
        retry_after_s: u64,
    },
}

/// Counts the calls that come from deep down.
#[derive(Default)]
pub(crate) struct Loops(Mutex<HashMap<FlowId, (Timestamp, u32)>>);

impl Loops {
    /// Whether a flow takes a call before which `depth` runs called each other.
    pub fn admit(&self, flow: FlowId, depth: u32, now: Timestamp) -> Result<(), Refused> {
        if depth > DEPTH_MAX {
            return Err(Refused::TooDeep(format!(
                "{DEPTH_MAX} runs have called each other in a row, and this would be one more: the flow calls itself, or flows call each other in a circle."
            )));
        }
        if depth < COUNTED_FROM {
            return Ok(());
        }
        let mut calls = locked(&self.0);
        if calls.len() >= FLOWS_MAX {
            calls.retain(|_, (begun, _)| now.since(*begun) < WINDOW);
        }
        let (begun, count) = calls.entry(flow).or_insert((now, 0));
        if now.since(*begun) >= WINDOW {
            (*begun, *count) = (now, 0);
        }
        *count += 1;
        if *count > CALLS_MAX {
            let left = WINDOW.saturating_sub(now.since(*begun));
            return Err(Refused::TooOften { retry_after_s: left.as_secs() + 1 });
        }
        Ok(())
    }
}

/// The actions of a flow that call the flow itself: it is a child of itself, or the address is one of its own.
pub(crate) fn direct(plan: &Plan, flow: FlowId, name: &str) -> Vec<Diagnostic> {
    let id = flow.to_string();
    let own_address = format!("/workflows/{id}/");
    let calls_itself = |kind: &ActionKind| match kind {
        ActionKind::ChildFlow { flow, .. } => {
            let last = flow.rsplit('/').next().unwrap_or(flow);
            last == id || last.eq_ignore_ascii_case(name)
        }
        ActionKind::Http(call) => {
            let uri = call.request.member("uri");
            uri.is_some_and(|uri| uri.source().as_str().is_some_and(|uri| uri.contains(&own_address)))
        }
        _ => false,
    };
    let found = plan.actions.iter().filter(|action| calls_itself(&action.kind));
    found
        .map(|action| {
            let message = format!(
                "The action '{}' calls the flow itself. {DEPTH_MAX} runs may call each other in a row; the next call fails.",
                action.name
            );
            Diagnostic::warning("calls_itself", action.pointer.clone(), message)
                .with_hint("Use a loop, or make sure that a condition ends it.")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use hookmill_model::Id;

    use super::*;

    #[test]
    fn calls_end_at_the_depth_and_at_the_number() {
        let loops = Loops::default();
        let now = Timestamp::from_millis(1_735_689_600_000);
        let (one, other) = (FlowId::make(now, [1; 10]), FlowId::make(now, [2; 10]));
        assert!(matches!(loops.admit(one, 9, now), Err(Refused::TooDeep(_))));
        for _ in 0..1_000 {
            assert_eq!(loops.admit(one, 1, now), Ok(()));
        }
        for _ in 0..300 {
            assert_eq!(loops.admit(one, 8, now), Ok(()));
        }
        assert_eq!(loops.admit(one, 2, now), Err(Refused::TooOften { retry_after_s: 61 }));
        assert_eq!(loops.admit(other, 2, now), Ok(()));
        assert_eq!(loops.admit(one, 2, now.plus(WINDOW)), Ok(()));
    }
}
