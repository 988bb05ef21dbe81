//! The server's settings and users.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use hookmill_model::UserId;
use hookmill_runtime::{Mail, MailSettings, Settings};
use hookmill_store::{Change, FlowFilter, Lane, List, Role, StoreError, Unit, User};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::account::{self, Caller, UserView};
use crate::attempts::Secret;
use crate::extract::Json;
use crate::list::Page;
use crate::schema::{self, Use};
use crate::{Problem, ServerState, passwords};

/// The owner who calls; nobody else may.
pub(crate) async fn owner(state: &ServerState, caller: &Caller) -> Result<User, Problem> {
    let user = state.store().user(caller.user).await?.filter(|user| user.role == Role::Owner);
    user.ok_or_else(|| Problem::new(StatusCode::FORBIDDEN, "owner_only", "Only the owner of this server may do this."))
}

/// How the server sends mail.
#[derive(Serialize, ToSchema)]
#[schema(as = MailSettings)]
pub struct MailView {
    host: String,
    port: u16,
    /// `tls`, `starttls` or `none`.
    security: String,
    username: String,
    /// Whether a password is kept; it is never shown.
    password_set: bool,
    /// The sender's address.
    from: String,
}

/// The server's settings.
#[derive(Serialize, ToSchema)]
#[schema(as = Settings)]
pub struct SettingsView {
    /// Where services and browsers reach the server, from the next start on.
    public_url: String,
    /// Where they reach it now.
    public_url_now: String,
    /// Ended runs are forgotten after so many days.
    retention_days: u32,
    /// The time zone that new schedules begin with.
    time_zone: String,
    /// `null` where no mail is sent.
    #[schema(required)]
    mail: Option<MailView>,
}

fn shown(settings: Settings, state: &ServerState) -> SettingsView {
    SettingsView {
        public_url: settings.public_url.unwrap_or_else(|| state.config.public_url.clone()),
        public_url_now: state.config.public_url.clone(),
        retention_days: settings.retention_days,
        time_zone: settings.time_zone,
        mail: settings.mail.map(|mail| MailView {
            host: mail.host,
            port: mail.port,
            security: mail.security,
            username: mail.username,
            password_set: mail.sealed_password.is_some(),
            from: mail.from,
        }),
    }
}

/// The server's settings
#[utoipa::path(get, path = "/api/settings", tag = "settings", responses((status = 200, body = SettingsView)))]
pub async fn show(caller: Caller, State(state): State<ServerState>) -> Result<Json<SettingsView>, Problem> {
    owner(&state, &caller).await?;
    Ok(Json(shown(state.runtime.settings().await?, &state)))
}

/// How the server shall send mail; an empty host ends it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MailForm {
    host: String,
    #[serde(default)]
    port: u16,
    #[serde(default)]
    security: String,
    #[serde(default)]
    username: String,
    /// What is left out stays as it was.
    #[schema(format = Password)]
    password: Option<String>,
    from: String,
}

/// Changed settings; what is left out stays, except `mail`, which is always replaced.
#[derive(Deserialize, ToSchema)]
#[schema(as = SettingsForm)]
#[serde(deny_unknown_fields)]
pub struct Form {
    public_url: Option<String>,
    retention_days: Option<u32>,
    time_zone: Option<String>,
    #[serde(default)]
    mail: Option<MailForm>,
}

/// Change the server's settings
#[utoipa::path(put, path = "/api/settings", tag = "settings", request_body = Form, responses((status = 200, body = SettingsView)))]
pub async fn update(
    caller: Caller,
    State(state): State<ServerState>,
    Json(form): Json<Form>,
) -> Result<Json<SettingsView>, Problem> {
    owner(&state, &caller).await?;
    let wrong = |name: &str, detail: &str| Problem::bad("settings_invalid", detail).at(&format!("/{name}"));
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
    let before = settings.mail.take().filter(|mail| mail.sealed_password.is_some());
    settings.mail = form.mail.filter(|mail| !mail.host.trim().is_empty()).map(|mail| MailSettings {
        host: mail.host.trim().to_owned(),
        port: mail.port,
        security: mail.security,
        username: mail.username,
        sealed_password: None,
        from: mail.from,
    });
    if let (Some(before), Some(mail), None) = (&before, &settings.mail, &password)
        && !mail.username.is_empty()
        && !mail.leads_to(before)
    {
        let detail = "Mail would go to another server or on another way, so its password must be entered again.";
        return Err(wrong("mail/password", detail));
    }
    state.runtime.save_settings(settings, password.as_deref()).await?;
    Ok(Json(shown(state.runtime.settings().await?, &state)))
}

/// Where the test message went.
#[derive(Serialize, ToSchema)]
pub struct MailTest {
    sent_to: String,
}

/// Send a test message to oneself
#[utoipa::path(post, path = "/api/settings/mail-test", tag = "settings", responses((status = 200, body = MailTest)))]
pub async fn mail_test(caller: Caller, State(state): State<ServerState>) -> Result<Json<MailTest>, Problem> {
    let user = owner(&state, &caller).await?;
    let message = Mail {
        to: user.email.clone(),
        subject: "Hookmill can send mail".to_owned(),
        text: "This is the test message that you asked for in the settings.".to_owned(),
        ..Mail::default()
    };
    state.runtime.send_mail(&message).await?;
    Ok(Json(MailTest { sent_to: user.email }))
}

/// All users, oldest first
#[utoipa::path(get, path = "/api/users", tag = "users", responses((status = 200, body = Page<UserView>)))]
pub async fn users(caller: Caller, State(state): State<ServerState>) -> Result<Json<Page<UserView>>, Problem> {
    owner(&state, &caller).await?;
    Ok(Json(Page::whole(state.store().users().await?.iter().map(account::shown))))
}

/// A user to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserForm {
    name: String,
    email: String,
    /// At least ten characters.
    #[schema(format = Password)]
    password: String,
    /// A member where not said.
    #[schema(value_type = Option<schema::UserRole>)]
    role: Option<String>,
}

/// Make a user
#[utoipa::path(post, path = "/api/users", tag = "users", responses((status = 201, body = UserView)))]
pub async fn create_user(
    caller: Caller,
    State(state): State<ServerState>,
    Json(form): Json<UserForm>,
) -> Result<(StatusCode, Json<UserView>), Problem> {
    owner(&state, &caller).await?;
    account::check_account(&state, &form.name, &form.email, Some(&form.password))?;
    let role = form.role.as_deref().unwrap_or(Role::Member.as_str());
    let role: Role = role.parse().map_err(|error| Problem::bad("request_invalid", format!("{error}.")).at("/role"))?;
    let now = state.runtime.now();
    let user = User {
        id: state.runtime.new_id(),
        name: form.name.trim().to_owned(),
        email: form.email.trim().to_owned(),
        password_hash: passwords::hashed(&state, form.password).await?,
        role,
        created_at: now,
        updated_at: now,
    };
    match state.store().commit(Unit::from(Change::PutUser(user.clone())), Lane::Work).await {
        Ok(_) => Ok((StatusCode::CREATED, Json(account::shown(&user)))),
        Err(StoreError::Conflict { .. } | StoreError::Duplicate { .. }) => {
            Err(Problem::new(StatusCode::CONFLICT, "email_taken", "Another user has this e-mail address."))
        }
        Err(error) => Err(error.into()),
    }
}

/// Delete a user who has no flows any more
#[utoipa::path(delete, path = "/api/users/{id}", tag = "users", responses((status = 204)))]
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
        let used = vec![Use { kind: "flow", id: flow.id.to_string(), name: flow.name.clone() }];
        let detail = "The user has flows. Delete them first, so that their webhooks are deleted at the services.";
        return Err(Problem::new(StatusCode::CONFLICT, "user_in_use", detail).used_by(used));
    }
    state.store().commit(Unit::from(Change::DeleteUser(id)), Lane::Work).await?;
    state.accounts_changed();
    Ok(StatusCode::NO_CONTENT)
}

/// What to change of one's own account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountForm {
    name: Option<String>,
    email: Option<String>,
    /// A new password, at least ten characters.
    #[schema(format = Password)]
    password: Option<String>,
    /// The password until now; needed for a new one, and for another e-mail address.
    #[schema(format = Password)]
    current_password: Option<String>,
    /// Whether a new password ends all API tokens too.
    #[serde(default)]
    end_tokens: bool,
}

/// Change one's own account; a new password ends all other sessions
#[utoipa::path(put, path = "/api/account", tag = "account", responses((status = 200, body = UserView)))]
pub async fn account(
    caller: Caller,
    State(state): State<ServerState>,
    Json(form): Json<AccountForm>,
) -> Result<Json<UserView>, Problem> {
    let mut user = state.store().user(caller.user).await?.ok_or_else(|| Problem::missing("user"))?;
    let known = user.clone();
    user.name = form.name.unwrap_or(user.name).trim().to_owned();
    user.email = form.email.unwrap_or(user.email).trim().to_owned();
    account::check_account(&state, &user.name, &user.email, form.password.as_deref())?;
    let mut unit = Unit::new();
    // Who only has the browser of another must not take the account over.
    if form.password.is_some() || user.email != known.email {
        let attempt = state.attempts.begin(Secret::CurrentPassword(user.id), None)?;
        match passwords::is_right(&state, form.current_password.unwrap_or_default(), Some(&known)).await {
            Ok(true) => attempt.right(),
            Ok(false) => {
                return Err(Problem::new(StatusCode::FORBIDDEN, "password_wrong", "The current password is wrong.")
                    .at("/current_password"));
            }
            Err(problem) => {
                attempt.not_made();
                return Err(problem);
            }
        }
    }
    if let Some(password) = form.password {
        user.password_hash = passwords::hashed(&state, password).await?;
        unit.push(Change::DeleteOtherSessions(user.id, caller.session_id()));
        if form.end_tokens {
            for token in state.store().tokens(user.id).await? {
                unit.push(Change::DeleteToken(token.id));
            }
        }
    }
    user.updated_at = state.runtime.now();
    unit.push(Change::PutUser(user.clone()));
    match state.store().commit(unit, Lane::Work).await {
        Ok(_) => {
            state.accounts_changed();
            Ok(Json(account::shown(&user)))
        }
        Err(StoreError::Conflict { .. } | StoreError::Duplicate { .. }) => {
            Err(Problem::new(StatusCode::CONFLICT, "email_taken", "Another user has this e-mail address."))
        }
        Err(error) => Err(error.into()),
    }
}
