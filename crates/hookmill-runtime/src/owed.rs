//! Calls that handshakes ask for: on disk before the handshake is answered, made after it, by the next process where this
//! one does not get to it.

use std::time::Duration;

use hookmill_model::{SubscriptionId, Value};
use hookmill_store::{Subscription, Unit};
use hookmill_webhook::Call;

use crate::record::Record;
use crate::{Error, Runtime};

/// A call that a handshake asked for and that was not made yet, among what is kept of a generation.
pub(crate) const OWED: &str = "owed";
/// How often a call after a handshake is tried.
const CALLS_MAX: u32 = 4;

impl Runtime {
    /// Calls what a handshake asked for, for a while, and forgets it then: a person can have the service ask again.
    pub(crate) async fn call_after(self, generation: SubscriptionId, call: Call) {
        let mut stopped = self.stopped();
        tokio::select! {
            // The next process calls.
            _ = stopped.changed() => return,
            () = self.call_service(&call) => {}
        }
        if let Err(error) = self.forget_owed(generation).await {
            tracing::warn!(webhook = %generation, %error, "the next start makes the call after a handshake again");
        }
    }

    /// Makes the calls that handshakes asked for and that an earlier process did not get to.
    pub(crate) fn make_owed_calls(&self, generations: &[Subscription]) {
        for generation in generations.iter().filter(|own| self.0.shards.owns(own.flow)) {
            let owed = Record::of(generation).map_err(Error::from).and_then(|record| self.owed(generation, &record));
            match owed {
                Ok(Some(call)) => drop(tokio::spawn(self.clone().call_after(generation.id, call))),
                Ok(None) => {}
                Err(error) => tracing::debug!(webhook = %generation.id, %error, "it is not known which call it owes"),
            }
        }
    }

    fn owed(&self, generation: &Subscription, record: &Record) -> Result<Option<Call>, Error> {
        let kept = self.kept_secrets(generation, record)?;
        let Some(text) = kept.get(OWED).and_then(Value::as_str) else { return Ok(None) };
        let told = Value::from_json(text.as_bytes()).map_err(|error| Error::Internal(error.to_string()))?;
        let member = |name: &str| told.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
        Ok(member("url").zip(member("method")).map(|(url, method)| Call { url, method }))
    }

    async fn forget_owed(&self, generation: SubscriptionId) -> Result<(), Error> {
        for _ in 0..3 {
            let Some(newest) = self.0.store.subscription(generation).await? else { return Ok(()) };
            let mut record = Record::of(&newest)?;
            let mut kept = self.kept_secrets(&newest, &record)?;
            if kept.remove(OWED).is_none() {
                return Ok(());
            }
            record.kept = Some(self.seal_kept(&newest, kept)?);
            match self.put(newest, &record, Unit::new()).await {
                Err(Error::Store(hookmill_store::StoreError::Conflict { .. })) => {}
                done => return done.map(drop),
            }
        }
        Ok(())
    }

    async fn call_service(&self, call: &Call) {
        for attempt in 0..CALLS_MAX {
            let method = call.method.parse().unwrap_or(hookmill_http::Method::GET);
            let request = hookmill_http::Request::new(method, &call.url).with_timeout(Duration::from_secs(30));
            match self.0.client.send(request).await {
                Ok(answer) if answer.status.is_success() => {
                    tracing::info!(host = host(&call.url), "a handshake was confirmed by a call");
                    return;
                }
                Ok(answer) => tracing::warn!(host = host(&call.url), status = %answer.status, "a confirmation failed"),
                Err(error) => tracing::warn!(host = host(&call.url), error = %error.message, "a confirmation failed"),
            }
            tokio::time::sleep(Duration::from_secs(2 << (2 * attempt))).await;
        }
    }
}

/// The host of an address, for logs: the rest may hold a token.
fn host(url: &str) -> &str {
    url.split('/').nth(2).unwrap_or_default()
}
