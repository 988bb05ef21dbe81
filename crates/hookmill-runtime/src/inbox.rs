//! Notifications: kept in the inbox, delivered to every registered device until its push service has them.

use std::time::Duration;

use hookmill_http::{HeaderName, HeaderValue, Method, Request};
use hookmill_model::{DeviceId, Explain as _, FlowId, NotificationId, RunId, UserId};
use hookmill_push::{
    Message, PAYLOAD_BYTES_MAX, PushOutcome, Randomness, Subscription, Urgency, VapidKey, outcome, prepare,
};
use hookmill_store::{Change, Delivery, Lane, Link, Notification, Unit};
use serde_json::json;

use crate::live::LiveKind;
use crate::{Error, Runtime};

/// The node that makes the key has so long for it, and the others look this often.
const KEY_HELD: std::time::Duration = std::time::Duration::from_secs(5);
const KEY_LOOK: std::time::Duration = std::time::Duration::from_millis(50);
/// The name of the sealed key in the settings.
const KEY_SETTING: &str = "push_key";
/// A delivery that failed so often is given up.
const ATTEMPTS_MAX: u32 = 12;
/// Longer addresses of push subscriptions are refused.
const ENDPOINT_BYTES_MAX: usize = 2_048;
/// No push service is waited for longer than this, whatever its `Retry-After` says: messages live no longer.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3_600);

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
        // Another node may look after the deliveries.
        self.tell_others("push".to_owned());
        self.0.live.publish(owner, LiveKind::Notification, id.to_string(), None, None);
        Ok(())
    }

    async fn push_key(&self) -> Result<VapidKey, Error> {
        let internal = |error: &dyn std::fmt::Display| Error::Internal(format!("the key of push messages: {error}"));
        if let Some(sealed) = self.0.store.setting(KEY_SETTING).await? {
            let bytes = self.0.vault.unseal(KEY_SETTING, &sealed).map_err(|error| internal(&error))?;
            return VapidKey::from_bytes(&bytes).map_err(|error| internal(&error));
        }
        if !self.0.shards.is_alone() {
            // Of all nodes one makes it; the others read it then.
            while !self.0.store.hold(KEY_SETTING, KEY_HELD).await? {
                tokio::time::sleep(KEY_LOOK).await;
            }
            if self.0.store.setting(KEY_SETTING).await?.is_some() {
                self.0.store.give_back(KEY_SETTING).await?;
                return Box::pin(self.push_key()).await;
            }
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

    /// Whether messages may be sent to the push subscription of a browser.
    ///
    /// # Errors
    /// What is wrong with it, and what to try: it is none, or the address policy closes its service.
    pub fn check_device(&self, endpoint: &str, p256dh: &str, auth: &str) -> Result<(), (String, Option<String>)> {
        if endpoint.len() > ENDPOINT_BYTES_MAX {
            return Err((format!("The endpoint has more than {ENDPOINT_BYTES_MAX} bytes."), None));
        }
        Subscription::parse(endpoint, p256dh, auth).map_err(|error| (error.to_string(), error.hint()))?;
        let url = hookmill_http::Url::parse(endpoint).map_err(|error| (error.to_string(), None))?;
        self.0.client.policy().check_url(&url).map_err(|error| (error.message.clone(), error.hint()))
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
        self.0.live.publish(user, LiveKind::Notification, id.to_string(), None, None);
        Ok(())
    }

    pub(crate) async fn try_delivery(&self, delivery: Delivery) -> Result<(), Error> {
        let done = || Change::DeleteDelivery(delivery.notification, delivery.device);
        let (notification, device) =
            (self.0.store.notification(delivery.notification).await?, self.0.store.device(delivery.device).await?);
        let (Some(notification), Some(device)) = (notification, device) else {
            self.0.store.commit(Unit::from(done()), Lane::Work).await?;
            return Ok(());
        };
        let unread = self.0.store.unread_count(notification.owner).await?;
        let answers = self.approval_for_push(&notification).await;
        let payload = payload_of(&notification, unread, answers.as_ref());
        let ended = self.send_push(&device, payload.as_bytes()).await;
        let now = self.now();
        let change = match ended {
            Ok(PushOutcome::Delivered) => Unit::from(done()).with(Change::UseDevice(device.id, now)),
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
            next_attempt_at: self.now().plus(after.unwrap_or(usual).min(RETRY_AFTER_MAX)),
            last_error: Some(reason.to_owned()),
            ..delivery
        })
    }

    /// Where push services can complain: the server's address, or, where that is not https, the person's own.
    async fn push_subject(&self, owner: UserId) -> Result<String, Error> {
        if self.0.config.public_url.starts_with("https://") {
            return Ok(self.0.config.public_url.clone());
        }
        let owner = self.0.store.user(owner).await?.ok_or_else(|| Error::not_found("user", "of this device"))?;
        Ok(format!("mailto:{}", owner.email))
    }

    async fn send_push(&self, device: &hookmill_store::Device, payload: &[u8]) -> Result<PushOutcome, String> {
        let words = |error: &dyn std::fmt::Display| error.to_string();
        let subscription =
            Subscription::parse(&device.endpoint, &device.p256dh, &device.auth).map_err(|error| words(&error))?;
        let key = self.push_key().await.map_err(|error| words(&error))?;
        let subject = self.push_subject(device.owner).await.map_err(|error| words(&error))?;
        let randomness = Randomness {
            key: hookmill_vault::random::<32>().map_err(|error| words(&error))?,
            salt: hookmill_vault::random::<16>().map_err(|error| words(&error))?,
        };
        let message = Message {
            payload,
            subject: &subject,
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

/// Whether a page or a phone may offer an address that a flow wrote: one that opens a page, a mail or a number, and runs
/// nothing.
#[must_use]
pub fn leads_on(uri: &str) -> bool {
    use hookmill_http::Url;
    match Url::parse(uri) {
        Ok(url) => matches!(url.scheme(), "https" | "http" | "mailto" | "tel"),
        // A path on this server.
        Err(_) => uri.starts_with('/') && !uri.starts_with("//") && !uri.starts_with("/\\"),
    }
}

/// The message for a device: the notification, its text cut to what a push service takes, and where and what can be
/// answered from the notification itself. The inbox has the whole.
fn payload_of(notification: &Notification, unread: u64, answers: Option<&(String, Vec<String>)>) -> String {
    let mut keep = notification.text.len().min(PAYLOAD_BYTES_MAX);
    let mut link = notification.link.as_ref().map(|link| &link.uri).filter(|uri| leads_on(uri));
    loop {
        let kept = &notification.text[..notification.text.floor_char_boundary(keep)];
        let mark = if kept.len() < notification.text.len() { "…" } else { "" };
        let payload = json!({
            "id": notification.id,
            "title": notification.title,
            "text": format!("{kept}{mark}"),
            "link": link,
            "run": notification.run,
            "flow": notification.flow,
            "created_at": notification.created_at,
            "unread": unread,
            "approval": answers.map(|(link, options)| json!({ "link": link, "options": options })),
        })
        .to_string();
        let excess = payload.len().saturating_sub(PAYLOAD_BYTES_MAX);
        match (excess, kept.is_empty(), link) {
            (0, ..) => return payload,
            // A byte of the text is up to six in the message, so this nears the limit from above.
            (_, false, _) => keep = kept.len().saturating_sub((excess / 6).max("…".len())),
            // Without its link a tap leads to the run, and the inbox has the link.
            (_, true, Some(_)) => (keep, link) = (notification.text.len().min(PAYLOAD_BYTES_MAX), None),
            (_, true, None) => return payload,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // Tests may stop at once.
mod tests {
    use hookmill_model::{Id, Timestamp};

    use super::*;

    #[test]
    fn a_message_is_cut_to_what_a_push_service_takes() {
        let long = "https://example.org/".to_owned() + &"x".repeat(5_000);
        // Text, link → the text that is sent begins and ends so, whether the link is there.
        let cases = [
            ("short".to_owned(), "https://example.org/x", "short", "short", true),
            (String::new(), "", "", "", false),
            ("ü".repeat(4_000), "https://example.org/x", "üü", "ü…", true),
            ("\"\n".repeat(3_000), "", "\"\n", "…", false),
            ("x".repeat(3_000), &long, "xx", "xx", false),
        ];
        for (text, link, begin, end, linked) in cases {
            let notification = Notification {
                id: NotificationId::from_bits(1),
                owner: UserId::from_bits(2),
                title: "Pushes".to_owned(),
                text,
                link: (!link.is_empty()).then(|| Link { uri: link.to_owned(), label: String::new() }),
                run: Some(RunId::from_bits(3)),
                flow: Some(FlowId::from_bits(4)),
                created_at: Timestamp::from_millis(0),
                read_at: None,
            };
            let payload = payload_of(&notification, 3, None);
            assert!(payload.len() <= PAYLOAD_BYTES_MAX, "{} bytes", payload.len());
            let sent: serde_json::Value = serde_json::from_str(&payload).unwrap();
            let told = sent["text"].as_str().unwrap();
            assert!(told.starts_with(begin) && told.ends_with(end), "{told}");
            assert_eq!(sent["link"].is_string(), linked, "{told}");
            assert_eq!((&sent["unread"], &sent["flow"]), (&json!(3), &json!(notification.flow)));
            // Not much less is sent than fits.
            assert!(told.len() >= notification.text.len().min(PAYLOAD_BYTES_MAX / 3), "{}", told.len());
        }
    }

    #[test]
    fn only_links_that_run_nothing_are_shown() {
        for good in ["https://example.org/x", "HTTP://example.org", "mailto:a@example.org", "tel:+49", "/runs/run_1"] {
            assert!(leads_on(good), "{good}");
        }
        for bad in [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            " javascript:alert(1)",
            "java\nscript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
            "blob:https://x",
            "//evil.example",
            "",
            "runs",
            "intent://x#Intent;end",
        ] {
            assert!(!leads_on(bad), "{bad}");
        }
    }
}
