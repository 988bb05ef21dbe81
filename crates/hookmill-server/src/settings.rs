//! The server's settings, users, and what needs attention.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hookmill_model::{SubscriptionState, UserId};
use hookmill_runtime::{Mail, MailSettings, Settings};
use hookmill_store::{Change, ConnectionFilter, FlowFilter, Health, Lane, List, Role, StoreError, Unit, User};
use serde::Deserialize;
use serde_json::{Value as Json_, json};

use crate::account::{self, Caller};
use crate::{Problem, ServerState};

/// Flows that are looked at for what needs attention.
const LOOKED_AT: usize = 200;

async fn owner(state: &ServerState, caller: &Caller) -> Result<User, Problem> {
    let user = state.store().user(caller.user).await?.filter(|user| user.role == Role::Owner);
    user.ok_or_else(|| Problem::new(StatusCode::FORBIDDEN, "owner_only", "Only the owner of this server may do this."))
}

fn shown(settings: &Settings, state: &ServerState) -> Json_ {
    json!({
        "public_url": settings.public_url.clone().unwrap_or_else(|| state.config.public_url.clone()),
        "public_url_now": state.config.public_url,
        "retention_days": settings.retention_days,
        "time_zone": settings.time_zone,
        "mail": settings.mail.as_ref().map(|mail| json!({
            "host": mail.host, "port": mail.port, "security": mail.security, "username": mail.username,
            "password_set": mail.sealed_password.is_some(), "from": mail.from,
        })),
    })
}

pub async fn show(caller: Caller, State(state): State<ServerState>) -> Result<Response, Problem> {
    owner(&state, &caller).await?;
    Ok(Json(shown(&state.runtime.settings().await?, &state)).into_response())
}

#[derive(Deserialize)]
pub struct MailForm {
    host: String,
    #[serde(default)]
    port: u16,
    #[serde(default)]
    security: String,
    #[serde(default)]
    username: String,
    password: Option<String>,
    from: String,
}

#[derive(Deserialize)]
pub struct Form {
    public_url: Option<String>,
    retention_days: Option<u32>,
    time_zone: Option<String>,
    #[serde(default)]
    mail: Option<MailForm>,
}

pub async fn update(
    caller: Caller,
    State(state): State<ServerState>,
    Json(form): Json<Form>,
) -> Result<Response, Problem> {
    owner(&state, &caller).await?;
    let wrong =
        |name: &str, detail: &str| Problem::bad("settings_invalid", detail).with("pointer", json!(format!("/{name}")));
    let mut settings = state.runtime.settings().await?;
    if let Some(url) = form.public_url {
        let parsed = url::Url::parse(&url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let parsed =
            parsed.ok_or_else(|| wrong("public_url", "The public address begins with https:// or http://."))?;
        settings.public_url = Some(parsed.as_str().trim_end_matches('/').to_owned());
    }
    if let Some(days) = form.retention_days {
        if !(1..=3_650).contains(&days) {
            return Err(wrong("retention_days", "Runs are kept for 1 to 3650 days."));
        }
        settings.retention_days = days;
    }
    if let Some(zone) = form.time_zone {
        if hookmill_expression::time_zone(&zone).is_none() {
            return Err(wrong("time_zone", &format!("'{zone}' is not a known time zone.")));
        }
        settings.time_zone = zone;
    }
    let password = form.mail.as_ref().and_then(|mail| mail.password.clone()).filter(|password| !password.is_empty());
    settings.mail = form.mail.filter(|mail| !mail.host.trim().is_empty()).map(|mail| MailSettings {
        host: mail.host.trim().to_owned(),
        port: mail.port,
        security: mail.security,
        username: mail.username,
        sealed_password: None,
        from: mail.from,
    });
    state.runtime.save_settings(settings, password.as_deref()).await?;
    Ok(Json(shown(&state.runtime.settings().await?, &state)).into_response())
}

pub async fn mail_test(caller: Caller, State(state): State<ServerState>) -> Result<Response, Problem> {
    let user = owner(&state, &caller).await?;
    let message = Mail {
        to: user.email.clone(),
        subject: "Hookmill can send mail".to_owned(),
        text: "This is the test message that you asked for in the settings.".to_owned(),
        ..Mail::default()
    };
    state.runtime.send_mail(&message).await?;
    Ok(Json(json!({"sent_to": user.email})).into_response())
}

/// Whether services can reach the callbacks, as far as that can be told from here.
pub async fn public_url_check(caller: Caller, State(state): State<ServerState>) -> Result<Response, Problem> {
    owner(&state, &caller).await?;
    let url = &state.config.public_url;
    let host = url::Url::parse(url).ok().and_then(|url| url.host_str().map(ToOwned::to_owned)).unwrap_or_default();
    let is_private = host == "localhost"
        || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| match ip {
            std::net::IpAddr::V4(ip) => {
                ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified()
            }
            std::net::IpAddr::V6(ip) => ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local(),
        });
    let (reachable, detail, hint) = if is_private {
        let hint = "Give the server a public address: a reverse proxy or a tunnel in front of it, and --public-url https://… or this setting.";
        (
            false,
            format!("{url} is an address of this machine or network only: services on the internet cannot call it."),
            Some(hint),
        )
    } else {
        match state.runtime.download(&format!("{url}/health/live")).await {
            Ok(body) if &body[..] == b"live" => (true, format!("{url} leads to this server."), None),
            Ok(_) => (
                false,
                format!("Something else answers at {url}."),
                Some("Check where the name leads, and the reverse proxy."),
            ),
            Err(error) => (
                false,
                format!("{url} does not lead here: {error}"),
                Some("Check the name, the firewall and the reverse proxy."),
            ),
        }
    };
    Ok(Json(json!({"reachable": reachable, "detail": detail, "hint": hint})).into_response())
}

pub async fn users(caller: Caller, State(state): State<ServerState>) -> Result<Response, Problem> {
    owner(&state, &caller).await?;
    let users: Vec<Json_> = state.store().users().await?.iter().map(account::shown).collect();
    Ok(Json(json!({"items": users, "next_cursor": null})).into_response())
}

#[derive(Deserialize)]
pub struct UserForm {
    name: String,
    email: String,
    password: String,
    #[serde(default)]
    role: String,
}

pub async fn create_user(
    caller: Caller,
    State(state): State<ServerState>,
    Json(form): Json<UserForm>,
) -> Result<Response, Problem> {
    owner(&state, &caller).await?;
    account::check_account(&form.name, &form.email, Some(&form.password))?;
    let now = state.runtime.now();
    let user = User {
        id: state.runtime.new_id(),
        name: form.name.trim().to_owned(),
        email: form.email.trim().to_owned(),
        password_hash: account::hashed(form.password).await?,
        role: if form.role == "owner" { Role::Owner } else { Role::Member },
        created_at: now,
        updated_at: now,
    };
    match state.store().commit(Unit::from(Change::PutUser(user.clone())), Lane::Work).await {
        Ok(_) => Ok((StatusCode::CREATED, Json(account::shown(&user))).into_response()),
        Err(StoreError::Conflict { .. } | StoreError::Duplicate { .. }) => {
            Err(Problem::new(StatusCode::CONFLICT, "email_taken", "Another user has this e-mail address."))
        }
        Err(error) => Err(error.into()),
    }
}

pub async fn delete_user(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    owner(&state, &caller).await?;
    let id: UserId = id.parse().map_err(|_| Problem::missing("user"))?;
    if id == caller.user {
        return Err(Problem::new(StatusCode::CONFLICT, "own_account", "You cannot delete your own account."));
    }
    state.store().user(id).await?.ok_or_else(|| Problem::missing("user"))?;
    let flows = state.store().flows(&FlowFilter { owner: Some(id), state: None, q: None }, List::first(1)).await?;
    if let Some(flow) = flows.items.first() {
        let used = json!([{"kind": "flow", "id": flow.id.to_string(), "name": flow.name}]);
        let detail = "The user has flows. Delete them first, so that their webhooks are deleted at the services.";
        return Err(Problem::new(StatusCode::CONFLICT, "user_in_use", detail).with("used_by", used));
    }
    state.store().commit(Unit::from(Change::DeleteUser(id)), Lane::Work).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a person should look at.
pub async fn attention(caller: Caller, State(state): State<ServerState>) -> Result<Response, Problem> {
    let store = state.store();
    let mut items = Vec::new();
    let states = [SubscriptionState::Failed, SubscriptionState::Deleting];
    for generation in store.subscriptions_in(Some(caller.user), &states).await? {
        let Some(flow) = store.flow(generation.flow).await? else { continue };
        let newest = store.subscriptions_newest(&[flow.id]).await?.into_iter().next();
        let is_newest = newest.is_some_and(|newest| newest.id == generation.id);
        let named = json!({"id": flow.id.to_string(), "name": flow.name});
        match generation.state {
            SubscriptionState::Failed if is_newest && flow.deleted_at.is_none() => items.push(json!({
                "kind": "webhook_failed", "flow": named, "title": flow.name,
                "detail": "The webhook could not be created, so the flow is off.",
                "hint": "Open the flow: it says what the service answered and what to do.",
            })),
            SubscriptionState::Deleting => items.push(json!({
                "kind": "webhook_undeleted", "flow": named, "title": flow.name,
                "detail": "The webhook could not be deleted at the service yet; it is tried again.",
            })),
            _ => {}
        }
    }
    let filter = ConnectionFilter { owner: Some(caller.user), connector: None, health: Some(Health::Broken), q: None };
    for connection in store.connections(&filter, List::first(LOOKED_AT)).await?.items {
        items.push(json!({
            "kind": "connection_broken", "connection": {"id": connection.id.to_string(), "name": connection.name},
            "title": connection.name, "detail": connection.health_detail,
            "hint": "Enter the credentials again.",
        }));
    }
    let filter = FlowFilter { owner: Some(caller.user), state: None, q: None };
    let flows = store.flows(&filter, List::first(LOOKED_AT)).await?.items;
    let ids: Vec<_> = flows.iter().map(|flow| flow.id).collect();
    for (flow, stats) in flows.iter().zip(store.flow_stats(&ids).await?) {
        let failing = stats.recent.iter().take(3).filter(|status| status.as_str() == "Failed").count();
        if failing == 3 {
            items.push(json!({
                "kind": "flow_failing", "flow": {"id": flow.id.to_string(), "name": flow.name}, "title": flow.name,
                "run": stats.last_run.as_ref().map(|listed| json!({"id": listed.run.id.to_string()})),
                "detail": "The last three runs failed.",
            }));
        }
    }
    Ok(Json(json!({"items": items})).into_response())
}

#[derive(Deserialize)]
pub struct AccountForm {
    name: Option<String>,
    email: Option<String>,
    password: Option<String>,
    current_password: Option<String>,
}

/// Changes one's own account; a new password ends all other sessions.
pub async fn account(
    caller: Caller,
    State(state): State<ServerState>,
    Json(form): Json<AccountForm>,
) -> Result<Response, Problem> {
    let mut user = state.store().user(caller.user).await?.ok_or_else(|| Problem::missing("user"))?;
    user.name = form.name.unwrap_or(user.name).trim().to_owned();
    user.email = form.email.unwrap_or(user.email).trim().to_owned();
    account::check_account(&user.name, &user.email, form.password.as_deref())?;
    let mut unit = Unit::new();
    if let Some(password) = form.password {
        if !account::is_password(form.current_password.unwrap_or_default(), &user).await {
            return Err(Problem::new(StatusCode::FORBIDDEN, "password_wrong", "The current password is wrong.")
                .with("pointer", json!("/current_password")));
        }
        user.password_hash = account::hashed(password).await?;
        unit.push(Change::DeleteOtherSessions(user.id, caller.session_id()));
    }
    user.updated_at = state.runtime.now();
    unit.push(Change::PutUser(user.clone()));
    match state.store().commit(unit, Lane::Work).await {
        Ok(_) => Ok(Json(account::shown(&user)).into_response()),
        Err(StoreError::Conflict { .. } | StoreError::Duplicate { .. }) => {
            Err(Problem::new(StatusCode::CONFLICT, "email_taken", "Another user has this e-mail address."))
        }
        Err(error) => Err(error.into()),
    }
}
