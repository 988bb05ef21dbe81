//! Failures by cause: what a flow's failed runs have in common, so that they can be mended and repeated together.

use std::collections::BTreeMap;

use axum::extract::State;
use hookmill_model::{Id, RunStatus, Timestamp};
use hookmill_store::{List, RunFilter, RunListed};
use serde::Serialize;
use utoipa::ToSchema;

use super::{RunQuery, filter_of};
use crate::account::Caller;
use crate::extract::{Json, Query};
use crate::schema::Named;
use crate::{Problem, ServerState};

/// So many failed runs are looked at, newest first.
const LOOKED_AT_MAX: usize = 2_000;
const PAGE: usize = 500;
/// So many causes are listed; what is rarer is left out.
const CAUSES_MAX: usize = 50;
/// A longer cause says nothing more about what runs have in common.
const CAUSE_CHARS_MAX: usize = 300;
/// A word with so many digits names one thing (an order, a time, an identifier), not a kind of failure.
const DIGITS_MIN: usize = 4;

/// The message of an error without what differs from run to run: a word with four or more digits becomes `…`.
///
/// `HTTP failed: 500 order 100382 is locked` and the same about order 100383 have one cause.
pub(super) fn cause_of(message: &str) -> String {
    let words = message.split_whitespace().map(|word| {
        let digits = word.chars().filter(char::is_ascii_digit).count();
        if digits < DIGITS_MIN {
            return word.to_owned();
        }
        let end = word.trim_end_matches(['.', ',', ':', ';', '!', '?']);
        format!("…{}", &word[end.len()..])
    });
    let mut cause = String::new();
    for word in words {
        if cause.chars().count() + word.chars().count() >= CAUSE_CHARS_MAX {
            cause.push_str(" …");
            break;
        }
        if !cause.is_empty() {
            cause.push(' ');
        }
        cause.push_str(&word);
    }
    cause
}

/// Whether a run failed for this cause.
pub(super) fn is_caused_by(run: &RunListed, cause: &str) -> bool {
    run.run.error.as_ref().is_some_and(|error| cause_of(&error.message) == cause)
}

/// Failed runs of one flow with one cause.
#[derive(Serialize, ToSchema)]
pub struct Cause {
    flow: Named,
    /// What the runs have in common: send it as `cause` to list them.
    cause: String,
    /// The code of the error of the newest.
    code: String,
    /// What to try.
    #[schema(required)]
    hint: Option<String>,
    /// How many of the runs that were looked at.
    count: usize,
    /// The newest of them.
    newest: String,
    newest_at: Timestamp,
    oldest_at: Timestamp,
}

/// The causes of failures.
#[derive(Serialize, ToSchema)]
pub struct CausePage {
    /// The most frequent first; at most 50.
    items: Vec<Cause>,
    /// How many failed runs were looked at.
    looked_at: usize,
    /// There are further failed runs, which were not looked at.
    and_more: bool,
}

/// Why runs failed: the newest 2,000 failed runs that fit the filter, by cause
#[utoipa::path(get, path = "/api/runs/causes", tag = "runs", params(RunQuery), responses((status = 200, body = CausePage)))]
pub async fn causes(
    caller: Caller,
    State(state): State<ServerState>,
    Query(query): Query<RunQuery>,
) -> Result<Json<CausePage>, Problem> {
    let mut filter = filter_of(&caller, &query)?;
    if filter.statuses.is_empty() {
        filter.statuses = vec![RunStatus::Failed, RunStatus::TimedOut];
    }
    let (found, and_more) = newest(&state, &filter, query.cause.as_deref(), LOOKED_AT_MAX).await?;
    let mut groups: BTreeMap<(String, String), Cause> = BTreeMap::new();
    for listed in &found {
        let Some(error) = &listed.run.error else { continue };
        let cause = cause_of(&error.message);
        let at = listed.run.started_at;
        let group = groups.entry((listed.run.flow.to_string(), cause.clone())).or_insert_with(|| Cause {
            flow: Named { id: listed.run.flow.to_string(), name: listed.flow_name.clone() },
            cause,
            code: error.code.clone(),
            hint: error.hint.clone(),
            count: 0,
            newest: listed.run.id.to_string(),
            newest_at: at,
            oldest_at: at,
        });
        group.count += 1;
        group.oldest_at = at;
    }
    let mut items: Vec<Cause> = groups.into_values().collect();
    items.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| b.newest.cmp(&a.newest)));
    items.truncate(CAUSES_MAX);
    Ok(Json(CausePage { items, looked_at: found.len(), and_more }))
}

/// The newest runs that fit, at most `most`, and whether there may be more. Pages that found nothing count as well, so
/// that a search among many runs ends.
pub(super) async fn newest(
    state: &ServerState,
    filter: &RunFilter,
    cause: Option<&str>,
    most: usize,
) -> Result<(Vec<RunListed>, bool), Problem> {
    let mut found = Vec::new();
    let mut after = None;
    for _ in 0..=most.div_ceil(PAGE) * 2 {
        let page = state.store().runs(filter, List { limit: PAGE, after }).await?;
        found.extend(page.items.into_iter().filter(|run| cause.is_none_or(|cause| is_caused_by(run, cause))));
        if found.len() > most {
            found.truncate(most);
            return Ok((found, true));
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok((found, false)),
        }
    }
    Ok((found, true))
}

/// Before which moment nothing that repeats one of the runs can have begun.
pub(super) fn oldest_of(runs: &[hookmill_model::RunId]) -> Option<Timestamp> {
    runs.iter().min().map(|run| run.made_at())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_run_to_run_is_no_part_of_a_cause() {
        let same = [
            "HTTP failed: 500 order 100382 is locked.",
            "HTTP failed: 500 order 100383 is locked.",
            "HTTP failed:  500 order A-7731-x is locked.",
        ];
        let causes: Vec<String> = same.iter().map(|message| cause_of(message)).collect();
        assert_eq!(causes, vec!["HTTP failed: 500 order … is locked."; 3]);
        assert_ne!(cause_of("HTTP failed: 500 pool exhausted"), cause_of("HTTP failed: 503 pool exhausted"));
        assert_eq!(cause_of("at 2026-11-30T10:00:00Z, again"), "at …, again");
    }

    #[test]
    fn a_cause_is_short() {
        let long = "word ".repeat(1_000);
        assert!(cause_of(&long).chars().count() <= CAUSE_CHARS_MAX + 2);
        assert_eq!(cause_of(&"x".repeat(5_000)), " …");
    }
}
