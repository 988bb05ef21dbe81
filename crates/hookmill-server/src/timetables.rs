//! Timetables while they are written: when they would fire, and the time zones they can name.

use axum::extract::State;
use hookmill_definition::recurrence::Recurrence;
use hookmill_expression::named_zones;
use hookmill_model::{Diagnostic as Found, Timestamp, Value};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ServerState;
use crate::account::Caller;
use crate::extract::Json;
use crate::list::Page;
use crate::schema::{Diagnostic, findings};

/// Enough to see the pattern.
const TIMES_MAX: usize = 5;

/// A `recurrence` as a definition has it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NextTimesForm {
    #[schema(value_type = Object)]
    recurrence: Value,
}

/// When it would fire if the flow were turned on now.
#[derive(Serialize, ToSchema)]
pub struct NextTimes {
    /// The first five; fewer where it ends.
    times: Vec<Timestamp>,
    /// What is wrong with it; its places are below `recurrence`.
    diagnostics: Vec<Diagnostic>,
}

/// The next times of a timetable, or what is wrong with it; nothing is stored
#[utoipa::path(post, path = "/api/authoring/next-times", tag = "authoring", responses((status = 200, body = NextTimes)))]
pub async fn next_times(
    _: Caller,
    State(state): State<ServerState>,
    Json(form): Json<NextTimesForm>,
) -> Json<NextTimes> {
    Json(match Recurrence::new(&form.recurrence) {
        Ok(recurrence) => {
            let first = recurrence.first(state.runtime.now());
            let most = recurrence.count.and_then(|count| usize::try_from(count).ok()).unwrap_or(TIMES_MAX);
            let times = std::iter::successors(first, |last| recurrence.next(first.unwrap_or(*last), *last));
            NextTimes { times: times.take(TIMES_MAX.min(most)).collect(), diagnostics: Vec::new() }
        }
        Err(faults) => {
            let found = faults.into_iter().map(|(at, message)| Found::error("recurrence_invalid", at, message));
            NextTimes { times: Vec::new(), diagnostics: findings(found.collect()) }
        }
    })
}

/// A time zone that a definition can name.
#[derive(Serialize, ToSchema)]
pub struct TimeZone {
    /// What definitions write.
    id: &'static str,
    /// The offset of its standard time, and cities.
    description: &'static str,
    /// The same zone as browsers know it.
    iana: &'static str,
}

/// The time zones, from west to east
#[utoipa::path(get, path = "/api/authoring/time-zones", tag = "authoring", responses((status = 200, body = Page<TimeZone>)))]
pub async fn time_zones(_: Caller) -> Json<Page<TimeZone>> {
    let zones = named_zones().map(|zone| TimeZone { id: zone.id, description: zone.description, iana: zone.iana });
    Json(Page::whole(zones))
}
