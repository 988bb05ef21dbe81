//! Delays: how long they wait, and how they begin.

use std::time::Duration;

use hookmill_definition::plan::{ActionIndex, ActionKind};
use hookmill_expression::{call_function, content, date_text, parse_date};
use hookmill_model::{Timestamp, Value};

use super::{Decision, Ending, Step};
use crate::fact::{self, Fact, WaitReason};
use crate::scope::ActionScope;
use crate::state::Indexes;

/// What a delay needs.
const DELAY_COUNT: &str = "The count of a delay is a whole number that is not negative.";

impl Decision<'_> {
    pub(super) fn begin_wait(&mut self, action: ActionIndex, indexes: Indexes) -> Step {
        let ActionKind::Wait(inputs) = &self.plan.actions[action].kind else { return Ok(()) };
        let inputs = match self.evaluate(action, &indexes, inputs) {
            Ok(inputs) => inputs,
            Err(ending) => {
                self.started(action, &indexes, None)?;
                return self.end(action, indexes, ending);
            }
        };
        self.started(action, &indexes, Some(inputs.clone()))?;
        let until = match self.wait_end(&inputs) {
            Ok(until) => until,
            Err(message) => return self.end(action, indexes, Ending::failed("BadRequest", message)),
        };
        if until <= self.now() {
            return self.end(action, indexes, Ending::done("OK", None));
        }
        let path = self.path(action, &indexes);
        self.emit(Fact::Waiting(fact::Waiting {
            at: self.now(),
            path,
            reason: WaitReason::Delay,
            until: Some(until),
            uri: None,
        }))
    }

    fn wait_end(&self, inputs: &Value) -> Result<Timestamp, String> {
        if let Some(timestamp) = inputs.pointer("/until/timestamp") {
            let text = content::to_text(timestamp);
            return parse_date(&text).ok_or_else(|| format!("'{text}' is not a time to wait for."));
        }
        let count = inputs.pointer("/interval/count");
        let count =
            count.and_then(|count| count.as_i64().or_else(|| count.as_str().and_then(|text| text.trim().parse().ok())));
        let unit = inputs.pointer("/interval/unit").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
        let seconds = match unit.trim_end_matches('s') {
            "second" => 1,
            "minute" => 60,
            "hour" => 3_600,
            "day" => 86_400,
            "week" => 604_800,
            "month" => return self.months_on(count),
            _ => return Err(format!("'{unit}' is not a unit of delays: Second, Minute, Hour, Day, Week, Month.")),
        };
        match count.and_then(|count| u64::try_from(count).ok()).and_then(|count| count.checked_mul(seconds)) {
            Some(seconds) => Ok(self.now().plus(Duration::from_secs(seconds))),
            None => Err(DELAY_COUNT.to_owned()),
        }
    }

    /// Months are those of the calendar, as in `addToTime`.
    fn months_on(&self, count: Option<i64>) -> Result<Timestamp, String> {
        let count = count.filter(|count| *count >= 0).ok_or(DELAY_COUNT)?;
        let scope = ActionScope::new(self.plan, self.state, self.now(), &[], &[], ("", 0)).while_wanted(self.wanted);
        let arguments = vec![date_text(self.now()).into(), Value::Integer(count), "Month".into()];
        let end = call_function("addToTime", arguments, &scope).map_err(|fault| fault.message)?;
        parse_date(&content::to_text(&end)).ok_or_else(|| DELAY_COUNT.to_owned())
    }
}
