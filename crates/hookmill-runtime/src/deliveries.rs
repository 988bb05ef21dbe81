//! Push messages on their way: so many at a time, and fewer at one push service, so that one that does not answer keeps
//! none of the others waiting.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hookmill_model::{DeviceId, NotificationId};
use hookmill_store::{Change, Delivery, Lane, Unit};

use crate::guard::caught;
use crate::places::Service;
use crate::{Runtime, locked};

/// Messages under way, in all.
const ALL_MAX: usize = 64;
/// Messages under way at one push service.
const PER_SERVICE_MAX: usize = 8;
/// A message whose push service has as many as it may is looked at again after this time; it counts as no try.
const BUSY_WAIT: Duration = Duration::from_secs(5);
/// The longest wait for the next message that is due.
const LOOK_INTERVAL: Duration = Duration::from_secs(3_600);
/// The same where other nodes make messages that this one looks after.
const SHARED_LOOK_INTERVAL: Duration = Duration::from_secs(10);
/// The shortest.
const LOOK_MIN: Duration = Duration::from_millis(20);

/// Which message.
type Key = (NotificationId, DeviceId);

/// What is under way.
#[derive(Default)]
struct UnderWay {
    messages: BTreeSet<Key>,
    services: BTreeMap<Option<Service>, usize>,
}

/// What may be done with a message.
#[derive(Debug, PartialEq, Eq)]
enum May {
    /// It is sent.
    Send,
    /// It is under way, or as many are as may be.
    Stay,
    /// Its push service has as many as it may.
    Wait,
}

impl UnderWay {
    /// Takes a message, if it may be sent now.
    fn take(&mut self, message: Key, service: &Option<Service>) -> May {
        if self.messages.len() >= ALL_MAX || self.messages.contains(&message) {
            return May::Stay;
        }
        let at = self.services.entry(service.clone()).or_insert(0);
        if *at >= PER_SERVICE_MAX {
            return May::Wait;
        }
        *at += 1;
        self.messages.insert(message);
        May::Send
    }

    fn ended(&mut self, message: Key, service: &Option<Service>) {
        self.messages.remove(&message);
        if let Some(at) = self.services.get_mut(service) {
            *at -= 1;
            if *at == 0 {
                self.services.remove(service);
            }
        }
    }
}

impl Runtime {
    /// Delivers what is due, until the server stops.
    pub(crate) async fn deliver(self) {
        let mut stopped = self.stopped();
        let under_way: Arc<Mutex<UnderWay>> = Arc::default();
        loop {
            let busy = locked(&under_way).messages.len();
            let read = || self.0.store.due_deliveries(self.now(), busy + ALL_MAX);
            let Some(due) = self.read_until_stopped(read).await else { return };
            for delivery in due {
                self.begin_delivery(&under_way, delivery).await;
            }
            let is_busy = !locked(&under_way).messages.is_empty();
            let next = async {
                match self.0.store.next_delivery().await {
                    // What is under way is due as well; its end is heard.
                    Ok(Some(_)) if is_busy => LOOK_INTERVAL.min(BUSY_WAIT),
                    Ok(Some(at)) => at.since(self.now()),
                    Ok(None) => LOOK_INTERVAL,
                    Err(_) => BUSY_WAIT,
                }
            };
            // A notice of another node may be lost.
            let most = if self.0.shards.is_alone() { LOOK_INTERVAL } else { SHARED_LOOK_INTERVAL };
            let wait = next.await.clamp(LOOK_MIN, most);
            tokio::select! {
                _ = stopped.changed() => return,
                () = self.0.push.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    async fn begin_delivery(&self, under_way: &Arc<Mutex<UnderWay>>, delivery: Delivery) {
        let message = (delivery.notification, delivery.device);
        let service = match self.0.store.device(delivery.device).await {
            Ok(device) => device.and_then(|device| Service::of(&device.endpoint)),
            // It stays due.
            Err(error) => {
                tracing::warn!(%error, "a push message waits");
                return;
            }
        };
        let may = locked(under_way).take(message, &service);
        match may {
            May::Stay => {}
            May::Wait => {
                // Out of the way of those whose push services answer.
                let later = Delivery { next_attempt_at: self.now().plus(BUSY_WAIT), ..delivery };
                let unit = Unit::from(Change::PutDelivery(later));
                if let Err(error) = self.0.store.commit(unit, Lane::Work).await {
                    tracing::warn!(%error, "a push message waits");
                }
            }
            May::Send => {
                let (runtime, under_way) = (self.clone(), Arc::clone(under_way));
                tokio::spawn(async move {
                    match caught(Box::pin(runtime.try_delivery(delivery))).await {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => tracing::warn!(%error, "a push message waits"),
                        Err(why) => tracing::error!(%why, "a push message waits"),
                    }
                    locked(&under_way).ended(message, &service);
                    runtime.0.push.notify_one();
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use hookmill_model::Id as _;

    use super::*;

    fn message(number: u128) -> Key {
        (NotificationId::from_bits(number), DeviceId::from_bits(1))
    }

    #[test]
    fn one_push_service_never_has_all_that_may_be_under_way() {
        let mut under_way = UnderWay::default();
        let (mute, good) = (Service::of("https://mute.example.com/a"), Service::of("https://good.example.com/b"));
        let taken = (0..1_000).filter(|number| under_way.take(message(*number), &mute) == May::Send).count();
        assert_eq!(taken, PER_SERVICE_MAX);
        assert_eq!(under_way.take(message(1), &good), May::Stay, "it is under way");
        assert_eq!(under_way.take(message(5_000), &good), May::Send);
        under_way.ended(message(0), &mute);
        assert_eq!(under_way.take(message(6_000), &mute), May::Send);
        assert_eq!(under_way.take(message(6_001), &mute), May::Wait);
    }

    #[test]
    fn all_together_are_bounded() {
        let mut under_way = UnderWay::default();
        let taken = (0..1_000_u128).filter(|number| {
            let service = Service::of(&format!("https://s{number}.example.com"));
            under_way.take(message(*number), &service) == May::Send
        });
        assert_eq!(taken.count(), ALL_MAX);
        for number in 0..1_000_u128 {
            under_way.ended(message(number), &Service::of(&format!("https://s{number}.example.com")));
        }
        assert!(under_way.services.is_empty() && under_way.messages.is_empty());
    }
}
