//! The inbox: notifications for people, the devices that get them, and what is still to be delivered.

use hookmill_model::{DeviceId, FlowId, NotificationId, RunId, Timestamp, UserId};

/// Nobody wants to know how many more are not read.
pub const UNREAD_MAX: u64 = 10_000;

/// An entry of the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Its identifier.
    pub id: NotificationId,
    /// For whom.
    pub owner: UserId,
    /// One line.
    pub title: String,
    /// The text.
    pub text: String,
    /// Where it leads.
    pub link: Option<Link>,
    /// The run that made it.
    pub run: Option<RunId>,
    /// The flow that made it.
    pub flow: Option<FlowId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was read.
    pub read_at: Option<Timestamp>,
}

/// Which notifications a list shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotificationFilter {
    /// Whose.
    pub owner: UserId,
    /// Only those that nobody has read.
    pub unread: bool,
    /// With this text, in any case, in title or text.
    pub q: Option<String>,
}

impl NotificationFilter {
    /// All notifications of an owner.
    #[must_use]
    pub const fn of(owner: UserId) -> Self {
        Self { owner, unread: false, q: None }
    }
}

/// A link of a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The address.
    pub uri: String,
    /// What to call it; empty for the address itself.
    pub label: String,
}

/// A browser registered for Web Push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its identifier.
    pub id: DeviceId,
    /// Whose it is.
    pub owner: UserId,
    /// What its owner calls it.
    pub name: String,
    /// The address of the push service. Unique: registering it again replaces the device.
    pub endpoint: String,
    /// The browser's public key, base64url.
    pub p256dh: String,
    /// The shared secret, base64url.
    pub auth: String,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When the push service last took a message.
    pub delivered_at: Option<Timestamp>,
}

/// A notification that a device has not got yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The notification.
    pub notification: NotificationId,
    /// The device.
    pub device: DeviceId,
    /// How often it was tried.
    pub attempts: u32,
    /// When to try.
    pub next_attempt_at: Timestamp,
    /// How the last try ended.
    pub last_error: Option<String>,
}
