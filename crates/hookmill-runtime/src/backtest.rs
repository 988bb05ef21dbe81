//! Recorded runs of a flow against a changed definition. Nothing is sent anywhere, and nothing is stored.

use hookmill_definition::{Profile, compile};
use hookmill_engine::backtest::{Replay, replay};
use hookmill_model::{FlowId, RunId, RunKind, Timestamp, UserId, Value};
use hookmill_store::{List, RunFilter};

use crate::{Error, Runtime};

/// At most so many recorded runs are replayed.
pub const BACKTEST_MAX: usize = 1_000;

/// One recorded run with the changed definition.
#[derive(Clone, Debug)]
pub struct Backtested {
    /// Which run.
    pub run: RunId,
    /// When it began.
    pub started_at: Timestamp,
    /// What triggered it, in one line.
    pub summary: String,
    /// How it would have gone; or why that cannot be said.
    pub replay: Result<Replay, String>,
}

impl Runtime {
    /// Replays the last runs of a flow that have ended, newest first, with another definition.
    ///
    /// # Errors
    /// There is no such flow, or the definition has faults.
    pub async fn backtest(
        &self,
        owner: UserId,
        flow: FlowId,
        definition: &Value,
        last: usize,
    ) -> Result<Vec<Backtested>, Error> {
        let flow = self.own_flow(owner, flow).await?;
        let stored = self.0.store.flow_version(flow.id, flow.version).await?;
        let profile = stored.as_ref().map(|version| Profile::parse(&version.profile)).unwrap_or_default();
        let parameters = stored.and_then(|version| Value::from_json(&version.parameters).ok()).unwrap_or_default();
        let compiled = compile(definition, &parameters, profile, &self.0.config.limits);
        let Some(plan) = compiled.plan else { return Err(Error::DefinitionInvalid(compiled.diagnostics)) };
        let plan = std::sync::Arc::new(plan);
        let filter = RunFilter { flow: Some(flow.id), kind: Some(RunKind::Flow), ..RunFilter::of(owner) };
        let (mut tested, mut after) = (Vec::new(), None);
        while tested.len() < last.min(BACKTEST_MAX) {
            let page = self.0.store.runs(&filter, List { after, limit: 100 }).await?;
            for listed in page.items.into_iter().filter(|listed| listed.run.status.is_final() && listed.run.facts > 0) {
                if tested.len() == last.min(BACKTEST_MAX) {
                    break;
                }
                let facts = self.facts(listed.run.id).await?;
                let (plan, parameters) = (std::sync::Arc::clone(&plan), parameters.clone());
                let made = tokio::task::spawn_blocking(move || replay(&plan, &parameters, &facts)).await;
                tested.push(Backtested {
                    run: listed.run.id,
                    started_at: listed.run.started_at,
                    summary: listed.run.summary,
                    replay: made.map_err(|_| "the replay broke off".to_owned()).and_then(|made| made),
                });
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(tested)
    }
}
