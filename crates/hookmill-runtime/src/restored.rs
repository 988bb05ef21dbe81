//! After a restore: what was live when the backup was made may not be now.
//!
//! `hookmill restore` leaves a mark in the data. The start that finds it doubts every live webhook before a door opens:
//! none is *live* before its service was asked, or before it was renewed. Webhooks that were made after the backup are
//! found in the lists of the services, and named to people.

use hookmill_engine::subscription::{Fact, Input};
use hookmill_model::{RunKind, SubscriptionState};
use hookmill_store::{Change, Lane, Subscription, Timer, TimerKey, Unit};

use crate::record::Record;
use crate::{Error, Runtime};

/// The name of the setting that `hookmill restore` leaves. Empty where there is nothing to do.
pub const RESTORED: &str = "restored";
/// Webhooks that are doubted in one unit.
const BATCH: usize = 100;

impl Runtime {
    /// Doubts every webhook at a service, where the data came from a backup since the last start.
    pub(crate) async fn doubt_restored(&self) -> Result<(), Error> {
        if self.0.store.setting(RESTORED).await?.is_none_or(|mark| mark.is_empty()) {
            return Ok(());
        }
        let live = self.0.store.subscriptions_in(None, &[SubscriptionState::Live]).await?;
        tracing::warn!(webhooks = live.len(), "the data were restored: services are asked for their webhooks");
        for batch in live.chunks(BATCH) {
            let mut unit = Unit::new();
            for generation in batch {
                self.doubt(generation.clone(), &mut unit).await?;
            }
            self.0.store.commit(unit, Lane::Work).await?;
        }
        // Last, so that a start that is cut off is repeated; what is doubted already is not live any more.
        let done = Change::PutSetting(RESTORED.to_owned(), bytes::Bytes::new());
        self.0.store.commit(Unit::from(done), Lane::Work).await?;
        Ok(())
    }

    async fn doubt(&self, mut generation: Subscription, unit: &mut Unit) -> Result<(), Error> {
        let Some(flow) = self.0.store.flow(generation.flow).await? else { return Ok(()) };
        let mut record = match Record::of(&generation) {
            Ok(record) if record.is_local() => return Ok(()),
            Ok(record) => record,
            Err(damaged) => {
                self.0.damages.note_of(&flow, &damaged);
                return Ok(());
            }
        };
        let facts = record.decide(self.now(), Input::Doubt)?;
        generation.state = record.life().state;
        let run = self.webhook_run(&flow, &generation, RunKind::CreateWebhook, facts.len());
        record.run = Some(run.id);
        record.is_restored = true;
        generation.etag += 1;
        generation.updated_at = self.now();
        generation.record = self.record_bytes(generation.id, &record)?;
        unit.push(Change::StartRun(run, facts.iter().map(Fact::encode).collect()));
        unit.push(Change::PutSubscription(generation));
        unit.push(Change::SetTimer(Timer { key: TimerKey::Flow(flow.id), due_at: self.now() }));
        Ok(())
    }

    /// Finds in the records what a restore left behind at services, for people.
    pub(crate) async fn find_left_behind(&self) {
        let read = || self.0.store.subscriptions_in(None, &[SubscriptionState::Live]);
        for generation in self.read_until_stopped(read).await.unwrap_or_default() {
            let Ok(record) = Record::of(&generation) else { continue };
            let read = || self.0.store.flow(generation.flow);
            if !record.left_behind.is_empty()
                && let Some(Some(flow)) = self.read_until_stopped(read).await
            {
                self.0.damages.note_left_behind(&flow, &record.left_behind);
            }
        }
    }
}
