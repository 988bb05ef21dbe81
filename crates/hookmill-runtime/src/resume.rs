//! Runs again: from the event, or from the failed action, with the definition of then or of now.

use hookmill_engine::resume::{Ends, Results, Source, taken_over};
use hookmill_engine::{Fact, fact};
use hookmill_model::{EventId, Id as _, RunId, RunKind, RunStatus, UserId, Value};
use hookmill_store::{Event, RunListed};

use crate::beginning::Origin;
use crate::notification::AcceptError;
use crate::order::Order;
use crate::sealed::has_credentials;
use crate::stored::event_head;
use crate::stored::run_of;
use crate::{Error, Runtime, cores};

/// A run takes over at most so many bytes of results: half of what its values may take together.
const TAKEN_OVER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The version of the definition that a resumed run has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhichVersion {
    /// The one of the run before.
    #[default]
    Then,
    /// The flow's present one. Actions that were changed, and what follows them, are done again.
    Now,
}

impl Runtime {
    /// A run that can be repeated, what its trigger gave, and whether what it keeps is sealed.
    async fn repeatable(&self, owner: UserId, run: RunId) -> Result<(RunListed, Value, bool), Error> {
        let listed = self.own_run(owner, run).await?;
        let mut began = None;
        if listed.run.kind == RunKind::Flow {
            self.read_pages(run, |facts| {
                began = facts.first().cloned();
                false
            })
            .await?;
        }
        match began {
            Some(Fact::RunStarted(fact::RunStarted { trigger, secret, .. })) if !trigger.is_null() => {
                Ok((listed, trigger, secret))
            }
            _ => Err(Error::NotPossible("Only runs of flows that began can be repeated.".to_owned())),
        }
    }

    /// Runs the same trigger outputs again, with the flow's present version.
    ///
    /// # Errors
    /// There is no such run, or its flow cannot run.
    pub async fn resubmit_run(&self, owner: UserId, run: RunId) -> Result<RunId, Error> {
        let flow = self.own_run(owner, run).await?.run.flow;
        let begins = self.new_id();
        let here = Box::pin(self.resubmit_here(owner, run, begins));
        self.here_or_elsewhere(flow, here, || Order::Resubmit { owner, run, begins: Some(begins) }).await
    }

    /// Begins the run `begins`, unless an earlier owner of the flow did so for the same order.
    pub(crate) async fn resubmit_here(&self, owner: UserId, run: RunId, begins: RunId) -> Result<RunId, Error> {
        let listed = self.own_run(owner, run).await?;
        let flow = self.own_flow(owner, listed.run.flow).await?;
        if self.has_begun(&flow, begins).await? {
            return Ok(begins);
        }
        let version = self.version(flow.id, flow.version).await?;
        if listed.run.facts == 0
            && let Some(event) = listed.run.event
            && let Some(event) = self.0.store.event(event).await?
        {
            // No run has begun: the event comes in again, and conditions and splitting with it.
            let event = Event { id: EventId::from_bits(begins.to_bits()), received_at: self.now(), ..event };
            let run = run_of(event.id);
            let is_secret = has_credentials(&event_head(&event)?.into());
            return match self.take_in_queue(event, is_secret, None, &flow, &version).await {
                Ok(_) => Ok(run),
                Err(AcceptError::Failed(error)) => Err(error),
                Err(refused) => Err(Error::NotPossible(refused.to_string())),
            };
        }
        let (_, trigger, is_secret) = self.repeatable(owner, run).await?;
        let origin = Origin::Repeated { run: begins, of: run, taken: &[], is_secret };
        self.begin_named(&flow, &version, trigger, origin).await
    }

    /// Begins a new run that takes over what succeeded in a run that did not, and does the rest again.
    ///
    /// # Errors
    /// There is no such run, it has not ended or has succeeded, or its flow cannot run.
    pub async fn resume_run(&self, owner: UserId, run: RunId, which: WhichVersion) -> Result<RunId, Error> {
        let flow = self.own_run(owner, run).await?.run.flow;
        let begins = self.new_id();
        let here = Box::pin(self.resume_here(owner, run, which, begins));
        let now = which == WhichVersion::Now;
        self.here_or_elsewhere(flow, here, || Order::Resume { owner, run, now, begins: Some(begins) }).await
    }

    /// Begins the run `begins`, unless an earlier owner of the flow did so for the same order.
    pub(crate) async fn resume_here(
        &self,
        owner: UserId,
        run: RunId,
        which: WhichVersion,
        begins: RunId,
    ) -> Result<RunId, Error> {
        let (listed, trigger, is_secret) = self.repeatable(owner, run).await?;
        match listed.run.status {
            RunStatus::Succeeded => {
                return Err(Error::NotPossible(
                    "The run has succeeded: there is nothing to take up again. Resubmit it to do everything again."
                        .to_owned(),
                ));
            }
            status if !status.is_final() => {
                return Err(Error::NotPossible("The run has not ended. Cancel it first.".to_owned()));
            }
            _ => {}
        }
        let flow = self.own_flow(owner, listed.run.flow).await?;
        if self.has_begun(&flow, begins).await? {
            return Ok(begins);
        }
        let old = self.version(flow.id, listed.run.version).await?;
        // Three times: how everything ended, how much is taken over, and that.
        let mut ends = Ends::default();
        self.read_pages(run, |facts| {
            facts.iter().for_each(|fact| ends.take(fact));
            true
        })
        .await?;
        let (version, taken) = match which {
            WhichVersion::Now if flow.version != listed.run.version => {
                let new = self.version(flow.id, flow.version).await?;
                let (before, after) =
                    (self.definition(&flow.id, old.number).await?, self.definition(&flow.id, new.number).await?);
                let source = Source { plan: &old.plan, definition: &before };
                let target = Source { plan: &new.plan, definition: &after };
                let taken = cores::aside(false, || taken_over(source, target, &ends));
                (new, taken)
            }
            _ => {
                let source = Source { plan: &old.plan, definition: &Value::Null };
                let taken = cores::aside(false, || taken_over(source, source, &ends));
                (old, taken)
            }
        };
        let mut counted = Results::new(taken.clone());
        self.read_pages(run, |facts| {
            facts.iter().for_each(|fact| counted.take(fact));
            counted.let_go();
            counted.bytes() <= TAKEN_OVER_BYTES_MAX
        })
        .await?;
        if counted.bytes() > TAKEN_OVER_BYTES_MAX {
            return Err(Error::NotPossible(format!(
                "The run has more than {TAKEN_OVER_BYTES_MAX} bytes of results to take over. Resubmit it."
            )));
        }
        let mut results = Results::new(taken);
        self.read_pages(run, |facts| {
            facts.iter().for_each(|fact| results.take(fact));
            true
        })
        .await?;
        let taken = results.finished();
        let origin = Origin::Repeated { run: begins, of: run, taken: &taken, is_secret };
        self.begin_named(&flow, &version, trigger, origin).await
    }

    pub(crate) async fn definition(&self, flow: &hookmill_model::FlowId, version: u32) -> Result<Value, Error> {
        let stored = self.0.store.flow_version(*flow, version).await?;
        let stored = stored.ok_or_else(|| Error::not_found("version of the flow", format!("{flow}/{version}")))?;
        Ok(crate::stored::read_part(&stored, "definition", &stored.definition)?)
    }
}
