//! Calls that handshakes ask for: on disk before the handshake is answered, made after it, by the next process where this
//! one does not get to it.

use std::time::Duration;

use hookmill_model::{Object, SubscriptionId, Value};
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
        if let Err(error) = self.forget_owed(generation, &call).await {
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
        owed_in(&kept)
    }

    async fn forget_owed(&self, generation: SubscriptionId, done: &Call) -> Result<(), Error> {
        for _ in 0..3 {
            let Some(newest) = self.0.store.subscription(generation).await? else { return Ok(()) };
            let mut record = Record::of(&newest)?;
            let mut kept = self.kept_secrets(&newest, &record)?;
            if !forget(&mut kept, done)? {
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

fn owed_in(kept: &Object) -> Result<Option<Call>, Error> {
    let Some(text) = kept.get(OWED).and_then(Value::as_str) else { return Ok(None) };
    let told = Value::from_json(text.as_bytes()).map_err(|error| Error::Internal(error.to_string()))?;
    let member = |name: &str| told.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    Ok(member("url").zip(member("method")).map(|(url, method)| Call { url, method }))
}

/// Forgets a call that is done, and says whether it was owed. A service that asked again meanwhile named another address,
/// which stays owed.
fn forget(kept: &mut Object, done: &Call) -> Result<bool, Error> {
    let is_owed = owed_in(kept)?.as_ref() == Some(done);
    if is_owed {
        kept.remove(OWED);
    }
    Ok(is_owed)
}

/// A call as it is kept until it is done.
pub(crate) fn owing(call: &Call) -> String {
    Value::object([("method", call.method.as_str()), ("url", call.url.as_str())]).to_json()
}

/// The host of an address, for logs: the rest may hold a token.
fn host(url: &str) -> &str {
    url.split('/').nth(2).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // Tests may stop at once.
mod tests {
    use super::*;

    #[test]
    fn a_confirmation_that_is_asked_for_again_stays_owed_when_the_first_ends() {
        let call = |token: &str| Call { method: "GET".to_owned(), url: format!("https://sns.test/?Token={token}") };
        let mut kept = Object::new();
        kept.insert("secret", "s");
        kept.insert(OWED, owing(&call("1")));
        // The service asks again, by another token, while the first call is being tried.
        kept.insert(OWED, owing(&call("2")));
        assert!(!forget(&mut kept, &call("1")).unwrap());
        assert_eq!(owed_in(&kept).unwrap(), Some(call("2")));
        assert!(forget(&mut kept, &call("2")).unwrap());
        assert_eq!(owed_in(&kept).unwrap(), None);
        assert!(!forget(&mut kept, &call("2")).unwrap());
        assert_eq!(kept.len(), 1, "what else is kept stays");
    }
}
