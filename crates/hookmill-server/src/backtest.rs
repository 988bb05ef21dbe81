//! A changed definition on the recorded runs of a flow.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use hookmill_engine::backtest::Replay;
use hookmill_model::{FlowId, Timestamp, Value};
use hookmill_runtime::Backtested;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::account::Caller;
use crate::extract::Json;
use crate::schema;
use crate::{Problem, ServerState};

/// Recorded runs when not said otherwise.
const LAST: usize = 100;

/// A changed definition.
#[derive(Deserialize, ToSchema)]
#[schema(as = BacktestForm)]
#[serde(deny_unknown_fields)]
pub struct Form {
    #[schema(value_type = Object)]
    definition: Value,
    /// So many of the last runs, 100 where not said.
    last: Option<usize>,
}

/// One action run that would have gone another way.
#[derive(Serialize, ToSchema)]
pub struct Difference {
    action: String,
    /// The indexes of the loops around it.
    indexes: Vec<u32>,
    /// In what: `new`, `gone`, `status`, `branch`, `iterations`, `inputs` or `outputs`.
    #[schema(value_type = String)]
    kind: hookmill_engine::backtest::DifferenceKind,
    /// As recorded.
    was: Value,
    /// With the changed definition.
    would_be: Value,
}

/// How one recorded run would have gone.
#[derive(Serialize, ToSchema)]
pub struct BacktestedRun {
    run: String,
    started_at: Timestamp,
    /// What triggered it, in short.
    summary: String,
    /// Whether nothing would have gone another way.
    same: bool,
    /// How it ended then.
    #[schema(value_type = Option<schema::RunStatus>, required)]
    was: Option<&'static str>,
    /// How it would end.
    #[schema(value_type = Option<schema::RunStatus>, required)]
    would_be: Option<&'static str>,
    /// Why that cannot be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Actions whose answers are assumed, since there is no record of one.
    assumed: Vec<String>,
    /// The first differences.
    differences: Vec<Difference>,
    /// How many there are.
    differences_count: usize,
}

/// What came of it.
#[derive(Serialize, ToSchema)]
pub struct Backtest {
    /// Runs looked at.
    tested: usize,
    /// Runs that would have gone the same way.
    same: usize,
    /// How often each container would have chosen each of its branches in all these runs, by action and branch.
    #[schema(value_type = HashMap<String, HashMap<String, u64>>)]
    branches: BTreeMap<String, BTreeMap<String, u64>>,
    runs: Vec<BacktestedRun>,
}

fn shown(own: Backtested) -> BacktestedRun {
    let mut run = BacktestedRun {
        run: own.run.to_string(),
        started_at: own.started_at,
        summary: own.summary,
        same: false,
        was: None,
        would_be: None,
        reason: None,
        assumed: Vec::new(),
        differences: Vec::new(),
        differences_count: 0,
    };
    match own.replay {
        Err(reason) => run.reason = Some(reason),
        Ok(replay) => {
            run.same = replay.is_same();
            let Replay { was, would_be, reason, assumed, differences, differences_count, branches: _ } = replay;
            run.was = Some(was.as_str());
            run.would_be = would_be.map(hookmill_model::RunStatus::as_str);
            run.reason = reason.map(|reason| reason.to_string());
            run.assumed = assumed;
            run.differences_count = differences_count;
            let differences = differences.into_iter().map(|one| Difference {
                action: one.action.to_string(),
                indexes: one.indexes,
                kind: one.kind,
                was: one.was,
                would_be: one.would_be,
            });
            run.differences = differences.collect();
        }
    }
    run
}

/// Try a changed definition on recorded runs; nothing is sent and nothing is stored
#[utoipa::path(post, path = "/api/flows/{id}/backtest", tag = "flows", request_body = Form, responses((status = 200, body = Backtest)))]
pub async fn backtest(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    Json(form): Json<Form>,
) -> Result<Json<Backtest>, Problem> {
    let id: FlowId = id.parse().map_err(|_| Problem::missing("flow"))?;
    let last = form.last.unwrap_or(LAST).min(hookmill_runtime::BACKTEST_MAX);
    let tested = state.runtime.backtest(caller.user, id, &form.definition, last).await?;
    let mut branches: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for (action, chosen) in tested.iter().filter_map(|one| one.replay.as_ref().ok()).flat_map(|replay| &replay.branches)
    {
        let counts = branches.entry(action.to_string()).or_default();
        for (branch, times) in chosen {
            *counts.entry(branch.to_string()).or_default() += u64::from(*times);
        }
    }
    let runs: Vec<BacktestedRun> = tested.into_iter().map(shown).collect();
    Ok(Json(Backtest { tested: runs.len(), same: runs.iter().filter(|run| run.same).count(), branches, runs }))
}
