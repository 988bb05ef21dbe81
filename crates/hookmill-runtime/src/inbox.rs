//! Notifications: kept in the inbox, delivered to every registered device until its push service has them.

use std::time::Duration;

use hookmill_http::{HeaderName, HeaderValue, Method, Request};
use hookmill_model::{DeviceId, FlowId, NotificationId, RunId, UserId, Value};
use hookmill_push::{Message, PushOutcome, Randomness, Subscription, Urgency, VapidKey, outcome, prepare};
use hookmill_store::{Change, Delivery, Lane, Link, Notification, Unit};

use crate::live::LiveKind;
use crate::{Error, Runtime};

/// The name of the sealed key in the settings.
const KEY_SETTING: &str = "push_key";
/// A delivery that failed so often is given up.
const ATTEMPTS_MAX: u32 = 12;
/// Deliveries tried in one go.
const BATCH: usize = 64;

impl Runtime {
    /// Puts a notification into somebody's inbox and hands it to all their devices.
    ///
    /// # Errors
    /// The store refused.
    pub async fn notify(
        &self,
        user: UserId,
        title: &str,
        text: &str,
        link: Option<(String, String)>,
        run: Option<RunId>,
    ) -> Result<NotificationId, Error> {
        let id = self.new_id();
        let link = link.map(|(uri, label)| Link { uri, label });
        self.put_notification(id, user, title, text, link, run, None).await?;
        Ok(id)
    }

    #[allow(clippy::too_many_arguments)] // They are the members of one record.
    pub(crate) async fn put_notification(
        &self,
        id: NotificationId,
        owner: UserId,
        title: &str,
        text: &str,
        link: Option<Link>,
        run: Option<RunId>,
        flow: Option<FlowId>,
    ) -> Result<(), Error> {
        let now = self.now();
        let notification = Notification {
            id,
            owner,
            title: title.to_owned(),
            text: text.to_owned(),
            link,
            run,
            flow,
            created_at: now,
            read_at: None,
        };
        let mut unit = Unit::from(Change::PutNotification(notification));
        for device in self.0.store.devices(owner).await? {
            let delivery =
                Delivery { notification: id, device: device.id, attempts: 0, next_attempt_at: now, last_error: None };
            unit.push(Change::PutDelivery(delivery));
        }
        self.0.store.commit(unit, Lane::Work).await?;
        self.0.push.notify_one();
        self.0.live.publish(owner, LiveKind::Notification, id.to_string(), None, None);
        Ok(())
    }

    async fn push_key(&self) -> Result<VapidKey, Error> {
        let internal = |error: &dyn std::fmt::Display| Error::Internal(format!("the key of push messages: {error}"));
        if let Some(sealed) = self.0.store.setting(KEY_SETTING).await? {
            let bytes = self.0.vault.unseal(KEY_SETTING, &sealed).map_err(|error| internal(&error))?;
            return VapidKey::from_bytes(&bytes).map_err(|error| internal(&error));
        }
        let random = hookmill_vault::random::<32>().map_err(|error| internal(&error))?;
        let key = VapidKey::generate(random);
        let sealed = self.0.vault.seal(KEY_SETTING, &key.to_bytes()[..]).map_err(|error| internal(&error))?;
        self.0.store.commit(Unit::from(Change::PutSetting(KEY_SETTING.to_owned(), sealed.into())), Lane::Work).await?;
        Ok(key)
    }

    /// The public key by which browsers subscribe.
    ///
    /// # Errors
    /// The store or the vault refused.
    pub async fn push_public_key(&self) -> Result<String, Error> {
        Ok(self.push_key().await?.public_key_base64url())
    }

    /// Sends a test message to one device.
    ///
    /// # Errors
    /// There is no such device of this user.
    pub async fn test_device(&self, user: UserId, device: DeviceId) -> Result<(), Error> {
        let device = self.0.store.device(device).await?.filter(|device| device.owner == user);
        let device = device.ok_or_else(|| Error::not_found("device", "of this user"))?;
        let id: NotificationId = self.new_id();
        let now = self.now();
        let notification = Notification {
            id,
            owner: user,
            title: "Hookmill".to_owned(),
            text: "This device gets notifications.".to_owned(),
            link: None,
            run: None,
            flow: None,
            created_at: now,
            read_at: None,
        };
        let delivery =
            Delivery { notification: id, device: device.id, attempts: 0, next_attempt_at: now, last_error: None };
        let unit = Unit::from(Change::PutNotification(notification)).with(Change::PutDelivery(delivery));
        self.0.store.commit(unit, Lane::Work).await?;
        self.0.push.notify_one();
        Ok(())
    }

    /// Delivers what is due, again and again.
    pub(crate) async fn deliver(self) {
        let mut stopped = self.stopped();
        loop {
            let wait = match self.0.store.next_delivery().await {
                Ok(Some(at)) => at.since(self.now()),
                Ok(None) => Duration::from_secs(3_600),
                Err(_) => Duration::from_secs(10),
            };
            tokio::select! {
                _ = stopped.changed() => return,
                () = self.0.push.notified() => {}
                () = tokio::time::sleep(wait.max(Duration::from_millis(20))) => {}
            }
            let due = self.0.store.due_deliveries(self.now(), BATCH).await.unwrap_or_default();
            let tries = due.into_iter().map(|delivery| {
                let runtime = self.clone();
                tokio::spawn(async move {
                    if let Err(error) = Box::pin(runtime.try_delivery(delivery)).await {
                        tracing::warn!(%error, "a push message waits");
                    }
                })
            });
            for one in tries.collect::<Vec<_>>() {
                let _ = one.await;
            }
        }
    }

    async fn try_delivery(&self, delivery: Delivery) -> Result<(), Error> {
        let done = || Change::DeleteDelivery(delivery.notification, delivery.device);
        let (notification, device) =
            (self.0.store.notification(delivery.notification).await?, self.0.store.device(delivery.device).await?);
        let (Some(notification), Some(device)) = (notification, device) else {
            self.0.store.commit(Unit::from(done()), Lane::Work).await?;
            return Ok(());
        };
        let link = notification.link.as_ref().map(|link| link.uri.clone());
        let payload = Value::object([
            ("id", Value::from(notification.id.to_string())),
            ("title", notification.title.clone().into()),
            ("text", notification.text.clone().into()),
            ("link", link.map(Value::from).unwrap_or_default()),
            ("run", notification.run.map(|run| Value::from(run.to_string())).unwrap_or_default()),
        ])
        .to_json();
        let ended = self.send_push(&device, payload.as_bytes()).await;
        let now = self.now();
        let change = match ended {
            Ok(PushOutcome::Delivered) => {
                let mut device = device.clone();
                device.delivered_at = Some(now);
                Unit::from(done()).with(Change::PutDevice(device))
            }
            Ok(PushOutcome::Gone) => Unit::from(Change::DeleteDevice(device.id)),
            other if delivery.attempts + 1 >= ATTEMPTS_MAX => {
                tracing::warn!(device = %device.id, outcome = ?other, "a push message is given up");
                Unit::from(done())
            }
            Ok(PushOutcome::Refused { reason }) => {
                tracing::warn!(device = %device.id, %reason, "a push service refused a message");
                Unit::from(done())
            }
            Ok(PushOutcome::Retry { after }) => {
                Unit::from(self.later(delivery, after, "the push service asked to wait"))
            }
            Err(reason) => Unit::from(self.later(delivery, None, &reason)),
        };
        self.0.store.commit(change, Lane::Work).await?;
        Ok(())
    }

    fn later(&self, delivery: Delivery, after: Option<Duration>, reason: &str) -> Change {
        let usual = Duration::from_secs(5 << delivery.attempts.min(10));
        Change::PutDelivery(Delivery {
            attempts: delivery.attempts + 1,
            next_attempt_at: self.now().plus(after.unwrap_or(usual)),
            last_error: Some(reason.to_owned()),
            ..delivery
        })
    }

    async fn send_push(&self, device: &hookmill_store::Device, payload: &[u8]) -> Result<PushOutcome, String> {
        let words = |error: &dyn std::fmt::Display| error.to_string();
        let subscription =
            Subscription::parse(&device.endpoint, &device.p256dh, &device.auth).map_err(|error| words(&error))?;
        let key = self.push_key().await.map_err(|error| words(&error))?;
        let randomness = Randomness {
            key: hookmill_vault::random::<32>().map_err(|error| words(&error))?,
            salt: hookmill_vault::random::<16>().map_err(|error| words(&error))?,
        };
        let message = Message {
            payload,
            subject: &self.0.config.public_url,
            ttl: Duration::from_secs(24 * 3_600),
            urgency: Urgency::High,
            topic: None,
        };
        let prepared =
            prepare(&subscription, &message, &key, self.now(), &randomness).map_err(|error| words(&error))?;
        let method = Method::from_bytes(prepared.method.as_bytes()).map_err(|error| words(&error))?;
        let mut request = Request::new(method, prepared.url).with_body(prepared.body);
        for (name, value) in prepared.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| words(&error))?;
            let value = HeaderValue::from_str(&value).map_err(|error| words(&error))?;
            request = request.with_header(name, value);
        }
        let response = self.0.client.send(request).await.map_err(|error| error.message)?;
        let after = response.headers.get("retry-after").and_then(|value| value.to_str().ok());
        Ok(outcome(response.status.as_u16(), after, self.now()))
    }
}
