//! The inbox and the devices that get push messages.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hookmill_model::{DeviceId, NotificationId};
use hookmill_store::{Change, Device, Lane, Notification, Unit};
use serde::Deserialize;
use serde_json::{Value as Json_, json};

use crate::account::Caller;
use crate::{Problem, ServerState, connectors};

async fn own(state: &ServerState, caller: &Caller, id: &str) -> Result<Notification, Problem> {
    let id: NotificationId = id.parse().map_err(|_| Problem::missing("notification"))?;
    let found = state.store().notification(id).await?.filter(|notification| notification.owner == caller.user);
    found.ok_or_else(|| Problem::missing("notification"))
}

pub async fn list(
    caller: Caller,
    State(state): State<ServerState>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Problem> {
    let unread = query.get("unread").is_some_and(|unread| unread == "true");
    let page = state.store().notifications(caller.user, unread, connectors::page(&query)).await?;
    let items: Vec<Json_> = page
        .items
        .iter()
        .map(|notification| {
            json!({
                "id": notification.id.to_string(),
                "title": notification.title,
                "text": notification.text,
                "link": notification.link.as_ref().map(|link| json!({"uri": link.uri, "label": link.label})),
                "run": notification.run.map(|run| run.to_string()),
                "flow": notification.flow.map(|flow| flow.to_string()),
                "created_at": notification.created_at,
                "read_at": notification.read_at,
            })
        })
        .collect();
    let unread = state.store().unread_count(caller.user).await?;
    Ok(Json(json!({"items": items, "unread": unread, "next_cursor": page.next.map(|id| id.to_string())}))
        .into_response())
}

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

pub async fn read_all(caller: Caller, State(state): State<ServerState>) -> Result<StatusCode, Problem> {
    let change = Change::ReadAllNotifications(caller.user, state.runtime.now());
    state.store().commit(Unit::from(change), Lane::Work).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn remove(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let notification = own(&state, &caller, &id).await?;
    state.store().commit(Unit::from(Change::DeleteNotification(notification.id)), Lane::Work).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub async fn push_key(_: Caller, State(state): State<ServerState>) -> Result<Response, Problem> {
    Ok(Json(json!({"public_key": state.runtime.push_public_key().await?})).into_response())
}

fn shown(device: &Device) -> Json_ {
    let host = url::Url::parse(&device.endpoint).ok().and_then(|url| url.host_str().map(ToOwned::to_owned));
    json!({"id": device.id.to_string(), "name": device.name, "push_service": host, "created_at": device.created_at, "delivered_at": device.delivered_at})
}

pub async fn devices(caller: Caller, State(state): State<ServerState>) -> Result<Response, Problem> {
    let devices = state.store().devices(caller.user).await?;
    let items: Vec<Json_> = devices.iter().map(shown).collect();
    Ok(Json(json!({"items": items, "next_cursor": null})).into_response())
}

#[derive(Deserialize)]
pub struct Keys {
    p256dh: String,
    auth: String,
}

#[derive(Deserialize)]
pub struct DeviceForm {
    #[serde(default)]
    name: String,
    endpoint: String,
    keys: Keys,
}

pub async fn register(
    caller: Caller,
    State(state): State<ServerState>,
    Json(form): Json<DeviceForm>,
) -> Result<Response, Problem> {
    if url::Url::parse(&form.endpoint).is_err() {
        return Err(
            Problem::bad("device_invalid", "The endpoint is not an address.").with("pointer", json!("/endpoint"))
        );
    }
    let device = Device {
        id: state.runtime.new_id(),
        owner: caller.user,
        name: if form.name.trim().is_empty() { "Browser".to_owned() } else { form.name.trim().to_owned() },
        endpoint: form.endpoint,
        p256dh: form.keys.p256dh,
        auth: form.keys.auth,
        created_at: state.runtime.now(),
        delivered_at: None,
    };
    state.store().commit(Unit::from(Change::PutDevice(device.clone())), Lane::Work).await?;
    Ok((StatusCode::CREATED, Json(shown(&device))).into_response())
}

fn device_id(id: &str) -> Result<DeviceId, Problem> {
    id.parse().map_err(|_| Problem::missing("device"))
}

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

pub async fn test(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    state.runtime.test_device(caller.user, device_id(&id)?).await?;
    Ok(StatusCode::ACCEPTED)
}
