//! Seals what older versions stored in plain: in the background of a start, flow by flow, in pages. Connections are bound
//! before (`unbound`), since whatever changes a connector later must find them bound.
//!
//! Where it stands is stored after each page, so the next start goes on there; a page that is done twice changes nothing
//! the second time. A row is replaced as a whole, or not at all.

use std::time::Duration;

use hookmill_definition::secret;
use hookmill_engine::{Fact, fact};
use hookmill_model::{EventId, FlowId, RunId, Value};
use hookmill_store::{Change, Expect, Flow, FlowVersion, Lane, List, Resealed, RunFilter, Shard, StoreError, Unit};
use serde::{Deserialize, Serialize};

use crate::record::Record;
use crate::sealed::{has_credentials, is_sealed};
use crate::stored::event_head;
use crate::{Error, Runtime};

/// The name of the setting that says how far this is.
const SETTING: &str = "sealing";
/// Runs or events that are looked at between two notes.
const PAGE: usize = 100;
/// Between two pages in which something was sealed, so that everything else has its turn.
const PAUSE: Duration = Duration::from_millis(5);
/// Before another try where the store refuses for a reason that may pass.
const AGAIN: Duration = Duration::from_secs(1);

/// How far it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Position {
    is_done: bool,
    /// The last flow that is done.
    after: Option<FlowId>,
    /// The last run and event that were looked at of the flow that follows.
    run: Option<RunId>,
    event: Option<EventId>,
    are_runs_done: bool,
}

impl Runtime {
    /// Does what earlier releases left undone: binds connections, seals until everything is.
    pub(crate) async fn catch_up_with_this_release(self) {
        let mut stopped = self.stopped();
        // Of several servers one does it.
        while !self.0.shards.holds(Shard::new(0)) {
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => return,
                () = tokio::time::sleep(AGAIN) => {}
            }
        }
        loop {
            let done = match self.bind_connections().await {
                Ok(()) => self.seal_on().await,
                failed => failed,
            };
            match done {
                Ok(()) => return,
                Err(Error::Store(error)) if error.is_retryable() => {}
                Err(error) => {
                    let told =
                        "what an earlier release stored cannot be brought up to date; the next start tries again";
                    self.0.health.refused(&error, || told.to_owned());
                    return;
                }
            }
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => return,
                () = tokio::time::sleep(AGAIN) => {}
            }
        }
    }

    async fn seal_on(&self) -> Result<(), Error> {
        let stored = self.0.store.setting(SETTING).await?;
        let mut position = match stored {
            Some(bytes) => hookmill_store::read("the note about sealing", &bytes, |bytes| {
                serde_json::from_slice::<Position>(bytes)
            })
            .unwrap_or_else(|damaged| {
                tracing::warn!(%damaged, "all is looked at once more");
                Position::default()
            }),
            None => Position::default(),
        };
        if position.is_done {
            return Ok(());
        }
        loop {
            let after = position.after.map(|flow| (flow, u32::MAX));
            let next = self.0.store.flow_versions_from(after, 1).await?.into_iter().next();
            let Some(FlowVersion { flow, .. }) = next else { break };
            if !self.seal_flow(flow, &mut position).await? {
                return Ok(());
            }
            position = Position { after: Some(flow), ..Position::default() };
            self.note(&position).await?;
        }
        self.note(&Position { is_done: true, ..Position::default() }).await
    }

    async fn note(&self, position: &Position) -> Result<(), Error> {
        let bytes = serde_json::to_vec(position).map_err(|error| Error::Internal(error.to_string()))?;
        self.0.store.commit(Change::PutSetting(SETTING.to_owned(), bytes.into()).into(), Lane::Work).await?;
        Ok(())
    }

    /// `false` where the server stops before it is done.
    async fn seal_flow(&self, id: FlowId, position: &mut Position) -> Result<bool, Error> {
        let Some(flow) = self.0.store.flow(id).await? else { return Ok(true) };
        let mut is_secret = false;
        for (number, _) in self.0.store.flow_versions(id).await? {
            is_secret |= self.seal_version(id, number).await?;
        }
        self.seal_webhooks(&flow).await?;
        while !position.are_runs_done {
            if *self.stopped().borrow() {
                return Ok(false);
            }
            let filter = RunFilter { flow: Some(id), ..RunFilter::of(flow.owner) };
            let page = self.0.store.runs(&filter, List { after: position.run, limit: PAGE }).await?;
            let mut has_sealed = false;
            for listed in page.items {
                has_sealed |= self.seal_run(listed.run.id, is_secret).await?;
            }
            position.run = page.next;
            position.are_runs_done = page.next.is_none();
            self.pause(position, has_sealed).await?;
        }
        loop {
            if *self.stopped().borrow() {
                return Ok(false);
            }
            let page = self.0.store.events(id, List { after: position.event, limit: PAGE }).await?;
            let mut has_sealed = false;
            for listed in page.items {
                has_sealed |= self.seal_event(listed.id, is_secret).await?;
            }
            position.event = page.next;
            if page.next.is_none() {
                return Ok(true);
            }
            self.pause(position, has_sealed).await?;
        }
    }

    async fn pause(&self, position: &Position, has_sealed: bool) -> Result<(), Error> {
        if has_sealed {
            self.note(position).await?;
            tokio::time::sleep(PAUSE).await;
        } else {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Says whether the version's runs keep secrets.
    async fn seal_version(&self, flow: FlowId, number: u32) -> Result<bool, Error> {
        let stored = self.0.store.below().flow_version(flow, number).await?;
        let opened = self.0.store.flow_version(flow, number).await?;
        let (Some(stored), Some(mut version)) = (stored, opened) else { return Ok(false) };
        let is_secret = match (Value::from_json(&version.definition), Value::from_json(&version.parameters)) {
            (Ok(definition), Ok(parameters)) => secret::keeps_secrets(&definition, &parameters),
            _ => false,
        };
        let is_plain = stored == version;
        self.0.store.seal_version(&mut version)?;
        if is_plain && version != stored {
            self.reseal(Resealed::FlowVersion(version)).await?;
        }
        Ok(is_secret)
    }

    /// Says whether something was sealed.
    async fn seal_run(&self, run: RunId, is_secret: bool) -> Result<bool, Error> {
        let stored = self.0.store.below().run_facts(run, 0).await;
        let stored = match stored {
            Err(StoreError::Damaged { detail }) => {
                tracing::warn!(%run, detail, "a damaged journal stays as it is");
                return Ok(false);
            }
            stored => stored?,
        };
        if stored.iter().all(|fact| is_sealed(fact)) {
            return Ok(false);
        }
        let is_secret = is_secret
            || stored.iter().any(|fact| match Fact::decode(fact) {
                Ok(Fact::RunStarted(fact::RunStarted { trigger, secret, .. })) => secret || has_credentials(&trigger),
                Ok(Fact::CallbackReceived(fact::CallbackReceived { outputs, .. })) => has_credentials(&outputs),
                _ => is_sealed(fact),
            });
        if !is_secret {
            return Ok(false);
        }
        let mut facts: Vec<Vec<u8>> = stored.iter().map(|fact| fact.to_vec()).collect();
        self.0.store.sealed_facts(run, 0, &mut facts)?;
        self.reseal(Resealed::Facts(run, facts)).await
    }

    /// Says whether it was sealed.
    async fn seal_event(&self, id: EventId, is_secret: bool) -> Result<bool, Error> {
        let Some(event) = self.0.store.below().event(id).await? else { return Ok(false) };
        if is_sealed(&event.head) {
            return Ok(false);
        }
        let has_credentials = match event_head(&event) {
            Ok(head) => has_credentials(&head.into()),
            Err(damaged) => {
                tracing::warn!(%damaged, "a damaged notification stays as it is");
                return Ok(false);
            }
        };
        if !(is_secret || has_credentials) {
            return Ok(false);
        }
        let (mut head, mut body) = (event.head.clone(), event.body.clone());
        self.0.store.sealed_event(id, &mut head, &mut body)?;
        self.reseal(Resealed::Event(id, head, body)).await
    }

    /// `false` for what was forgotten meanwhile, or has another form by now.
    async fn reseal(&self, resealed: Resealed) -> Result<bool, Error> {
        match self.0.store.commit(Change::Reseal(resealed).into(), Lane::Work).await {
            Ok(_) => Ok(true),
            Err(StoreError::Missing { .. } | StoreError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// What is kept beside the webhooks of a flow, and what its trigger remembers.
    async fn seal_webhooks(&self, flow: &Flow) -> Result<(), Error> {
        let lock = self.flow_lock(flow.id);
        let _held = lock.lock().await;
        for generation in self.0.store.subscriptions_of(flow.id).await? {
            // A damaged record is said elsewhere, and stays as it is.
            let (Ok(stored), Ok(opened)) = (Record::of(&generation), self.opened_record(&generation)) else { continue };
            if stored.is_plain() {
                let bytes = self.record_bytes(generation.id, &opened)?;
                let expected = Expect::SubscriptionEtag(generation.id, generation.etag);
                let mut changed = generation;
                changed.record = bytes;
                changed.etag += 1;
                let unit = Unit::from(Change::PutSubscription(changed)).expect(expected);
                match self.0.store.commit(unit, Lane::Work).await {
                    Ok(_) | Err(StoreError::Conflict { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        if let Some(state) = self.0.store.below().trigger_state(flow.id).await?
            && !is_sealed(&state)
        {
            self.0.store.commit(Change::PutTriggerState(flow.id, state).into(), Lane::Work).await?;
        }
        Ok(())
    }
}
