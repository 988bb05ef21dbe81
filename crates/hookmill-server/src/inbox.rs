//! The inbox and the devices that get push messages.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use hookmill_model::{DeviceId, NotificationId, Timestamp};
use hookmill_store::{Change, Device, Lane, Notification, NotificationFilter, Unit};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::account::Caller;
use crate::extract::{Json, Query};
use crate::list::{ListQuery, Page};
use crate::{Problem, ServerState};

/// Longer names of devices are cut.
const DEVICE_NAME_CHARS_MAX: usize = 80;
/// A user has so many devices at most.
const DEVICES_MAX: usize = 20;

/// An address that a notification leads to.
#[derive(Serialize, ToSchema)]
pub struct Link {
    uri: String,
    label: String,
}

impl Link {
    /// A link that runs nothing; see [`hookmill_runtime::leads_on`].
    pub(crate) const fn of(uri: String, label: String) -> Self {
        Self { uri, label }
    }
}

/// An entry of the inbox.
#[derive(Serialize, ToSchema)]
#[schema(as = Notification)]
pub struct NotificationView {
    id: String,
    title: String,
    text: String,
    #[schema(required)]
    link: Option<Link>,
    /// The run that sent it.
    #[schema(required)]
    run: Option<String>,
    /// The flow of that run.
    #[schema(required)]
    flow: Option<String>,
    created_at: Timestamp,
    #[schema(required)]
    read_at: Option<Timestamp>,
}

/// One page of the inbox.
#[derive(Serialize, ToSchema)]
pub struct Inbox {
    /// Newest first.
    items: Vec<NotificationView>,
    /// How many are not read, on all pages; counting ends at 10,000.
    unread: u64,
    #[schema(required)]
    next_cursor: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct InboxQuery {
    /// Only what is not read.
    #[serde(default)]
    unread: bool,
    /// A text in the title or the text.
    q: Option<String>,
}

fn shown_notification(notification: Notification) -> NotificationView {
    NotificationView {
        id: notification.id.to_string(),
        title: notification.title,
        text: notification.text,
        link: notification
            .link
            .filter(|link| hookmill_runtime::leads_on(&link.uri))
            .map(|link| Link { uri: link.uri, label: link.label }),
        run: notification.run.map(|run| run.to_string()),
        flow: notification.flow.map(|flow| flow.to_string()),
        created_at: notification.created_at,
        read_at: notification.read_at,
    }
}

async fn own(state: &ServerState, caller: &Caller, id: &str) -> Result<Notification, Problem> {
    let id: NotificationId = id.parse().map_err(|_| Problem::missing("notification"))?;
    let found = state.store().notification(id).await?.filter(|notification| notification.owner == caller.user);
    found.ok_or_else(|| Problem::missing("notification"))
}

/// One's inbox
#[utoipa::path(get, path = "/api/notifications", tag = "inbox", params(ListQuery, InboxQuery), responses((status = 200, body = Inbox)))]
pub async fn list(
    caller: Caller,
    State(state): State<ServerState>,
    Query(page): Query<ListQuery>,
    Query(query): Query<InboxQuery>,
) -> Result<Json<Inbox>, Problem> {
    let filter = NotificationFilter { owner: caller.user, unread: query.unread, q: query.q };
    let found = state.store().notifications(&filter, page.list()?).await?;
    let Page { items, next_cursor } = Page::of(found.items.into_iter().map(shown_notification).collect(), found.next);
    Ok(Json(Inbox { items, unread: state.store().unread_count(caller.user).await?, next_cursor }))
}

/// Mark as read
#[utoipa::path(post, path = "/api/notifications/{id}/read", tag = "inbox", responses((status = 204)))]
pub async fn read(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let notification = own(&state, &caller, &id).await?;
    let change = Change::ReadNotification(notification.id, state.runtime.now());
    state.store().commit(Unit::from(change), Lane::Work).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Mark all as read
#[utoipa::path(post, path = "/api/notifications/read-all", tag = "inbox", responses((status = 204)))]
pub async fn read_all(caller: Caller, State(state): State<ServerState>) -> Result<StatusCode, Problem> {
    let change = Change::ReadAllNotifications(caller.user, state.runtime.now());
    state.store().commit(Unit::from(change), Lane::Work).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Delete a notification
#[utoipa::path(delete, path = "/api/notifications/{id}", tag = "inbox", responses((status = 204)))]
pub async fn remove(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let notification = own(&state, &caller, &id).await?;
    state.store().commit(Unit::from(Change::DeleteNotification(notification.id)), Lane::Work).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a browser needs to subscribe.
#[derive(Serialize, ToSchema)]
pub struct PushKey {
    /// The server's public key (VAPID), base64url.
    public_key: String,
}

/// The server's public key for Web Push
#[utoipa::path(get, path = "/api/push/key", tag = "inbox", responses((status = 200, body = PushKey)))]
pub async fn push_key(_: Caller, State(state): State<ServerState>) -> Result<Json<PushKey>, Problem> {
    Ok(Json(PushKey { public_key: state.runtime.push_public_key().await? }))
}

/// A browser that gets push messages.
#[derive(Serialize, ToSchema)]
#[schema(as = Device)]
pub struct DeviceView {
    id: String,
    name: String,
    /// The host of the push service.
    #[schema(required)]
    push_service: Option<String>,
    created_at: Timestamp,
    /// When the push service took a message last.
    #[schema(required)]
    delivered_at: Option<Timestamp>,
}

fn shown(device: &Device) -> DeviceView {
    DeviceView {
        id: device.id.to_string(),
        name: device.name.clone(),
        push_service: url::Url::parse(&device.endpoint).ok().and_then(|url| url.host_str().map(ToOwned::to_owned)),
        created_at: device.created_at,
        delivered_at: device.delivered_at,
    }
}

/// One's devices, newest first
#[utoipa::path(get, path = "/api/devices", tag = "inbox", responses((status = 200, body = Page<DeviceView>)))]
pub async fn devices(caller: Caller, State(state): State<ServerState>) -> Result<Json<Page<DeviceView>>, Problem> {
    Ok(Json(Page::whole(state.store().devices(caller.user).await?.iter().map(shown))))
}

/// The keys of a push subscription.
#[derive(Deserialize, ToSchema)]
#[schema(as = DeviceKeys)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    p256dh: String,
    auth: String,
}

/// A push subscription, as browsers write it, with a name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceForm {
    #[serde(default)]
    name: String,
    endpoint: String,
    keys: Keys,
    /// When the browser says that the subscription ends; not used.
    #[serde(rename = "expirationTime")]
    #[schema(value_type = Option<f64>)]
    _expiration_time: Option<f64>,
}

/// Register a browser for push messages
#[utoipa::path(post, path = "/api/devices", tag = "inbox", responses((status = 201, body = DeviceView)))]
pub async fn register(
    caller: Caller,
    State(state): State<ServerState>,
    Json(form): Json<DeviceForm>,
) -> Result<(StatusCode, Json<DeviceView>), Problem> {
    state.runtime.check_device(&form.endpoint, &form.keys.p256dh, &form.keys.auth).map_err(|(detail, hint)| {
        let problem = Problem::bad("device_invalid", crate::problem::sentence(&detail)).at("/endpoint");
        hint.into_iter().fold(problem, Problem::hint)
    })?;
    let known = state.store().devices(caller.user).await?;
    if known.len() >= DEVICES_MAX && known.iter().all(|device| device.endpoint != form.endpoint) {
        let detail = format!("There are {DEVICES_MAX} devices already, which is as many as one user may have.");
        return Err(Problem::new(StatusCode::CONFLICT, "devices_full", detail)
            .hint("Forget devices that you do not use any more; the list says when each got its last message."));
    }
    let device = Device {
        id: state.runtime.new_id(),
        owner: caller.user,
        name: match form.name.trim() {
            "" => "Browser".to_owned(),
            name => name.chars().take(DEVICE_NAME_CHARS_MAX).collect(),
        },
        endpoint: form.endpoint,
        p256dh: form.keys.p256dh,
        auth: form.keys.auth,
        created_at: state.runtime.now(),
        delivered_at: None,
    };
    state.store().commit(Unit::from(Change::PutDevice(device.clone())), Lane::Work).await?;
    Ok((StatusCode::CREATED, Json(shown(&device))))
}

fn device_id(id: &str) -> Result<DeviceId, Problem> {
    id.parse().map_err(|_| Problem::missing("device"))
}

/// Forget a device
#[utoipa::path(delete, path = "/api/devices/{id}", tag = "inbox", responses((status = 204)))]
pub async fn forget(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let device = state.store().device(device_id(&id)?).await?.filter(|device| device.owner == caller.user);
    let device = device.ok_or_else(|| Problem::missing("device"))?;
    state.store().commit(Unit::from(Change::DeleteDevice(device.id)), Lane::Work).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A device's new name.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceName {
    name: String,
}

/// Rename a device
#[utoipa::path(put, path = "/api/devices/{id}", tag = "inbox", responses((status = 200, body = DeviceView)))]
pub async fn rename(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    Json(form): Json<DeviceName>,
) -> Result<Json<DeviceView>, Problem> {
    let name = form.name.trim();
    if name.is_empty() {
        return Err(Problem::bad("name_missing", "A device needs a name.").at("/name"));
    }
    let device = state.store().device(device_id(&id)?).await?.filter(|device| device.owner == caller.user);
    let mut device = device.ok_or_else(|| Problem::missing("device"))?;
    device.name = name.chars().take(DEVICE_NAME_CHARS_MAX).collect();
    state.store().commit(Unit::from(Change::PutDevice(device.clone())), Lane::Work).await?;
    Ok(Json(shown(&device)))
}

/// Send a test message to a device
#[utoipa::path(post, path = "/api/devices/{id}/test", tag = "inbox", responses((status = 202)))]
pub async fn test(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    state.runtime.test_device(caller.user, device_id(&id)?).await?;
    Ok(StatusCode::ACCEPTED)
}
