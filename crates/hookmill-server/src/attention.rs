//! What a person should look at: webhooks that failed, connections that broke, flows that fail, damage.

use std::time::Duration;

use axum::extract::State;
use hookmill_model::{Explain as _, RunId, RunStatus, SubscriptionState, Timestamp};
use hookmill_runtime::{Damage, Error, LeftBehind};
use hookmill_store::{ConnectionFilter, FailingFlow, Flow, Health, List, RunFilter, Subscription};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::account::Caller;
use crate::extract::{Json, Query};
use crate::list::ListQuery;
use crate::schema::Named;
use crate::{Problem, ServerState};

/// So many failures in a row make a flow one that fails.
const FAILURES_MIN: u64 = 3;
/// Counting ends there.
const COUNTED_MAX: usize = 1_000;
/// Runs that were set aside are shown for so long.
const SET_ASIDE_SHOWN: Duration = Duration::from_secs(7 * 86_400);

/// Why something needs attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttentionKind {
    /// The service refused to create a webhook.
    WebhookFailed,
    /// A webhook could not be deleted at the service yet, or a restore left it behind there.
    WebhookUndeleted,
    /// A service does not accept the credentials.
    ConnectionBroken,
    /// The last runs failed.
    FlowFailing,
    /// Something stored cannot be read, and stands still.
    RecordDamaged,
    /// A run was set aside: its journal cannot be read, or it met an impossible state.
    RunSetAside,
}

const KINDS: [AttentionKind; 6] = [
    AttentionKind::RecordDamaged,
    AttentionKind::RunSetAside,
    AttentionKind::WebhookFailed,
    AttentionKind::ConnectionBroken,
    AttentionKind::FlowFailing,
    AttentionKind::WebhookUndeleted,
];

/// Something that a person should look at.
#[derive(Serialize, ToSchema)]
pub struct Attention {
    kind: AttentionKind,
    /// The name of the flow or connection.
    title: String,
    /// What happened.
    #[schema(required)]
    detail: Option<String>,
    /// What to try.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow: Option<Named>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<Named>,
    /// The identifier of the last run.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    /// How many runs failed in a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    failures: Option<u64>,
}

/// How many things of a kind need attention.
#[derive(Serialize, ToSchema)]
pub struct AttentionCount {
    kind: AttentionKind,
    count: usize,
    /// Counting ended there; there are more.
    and_more: bool,
}

/// What a person should look at.
#[derive(Serialize, ToSchema)]
pub struct AttentionPage {
    /// Kind by kind, newest first within a kind.
    items: Vec<Attention>,
    /// The `cursor` of the next page of a kind; `null` on the last one, and where no kind was asked for.
    #[schema(required)]
    next_cursor: Option<String>,
    /// How many there are of each kind; kinds of which there are none are left out.
    counts: Vec<AttentionCount>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AttentionQuery {
    /// Only of this kind, by page. Without it the first ones of each kind are given.
    kind: Option<AttentionKind>,
}

/// What one kind gave.
struct Found {
    items: Vec<Attention>,
    next: Option<String>,
}

impl Attention {
    fn of(kind: AttentionKind, flow: &Flow, detail: String, hint: Option<String>) -> Self {
        Self {
            kind,
            title: flow.name.clone(),
            detail: Some(detail),
            hint,
            flow: Some(Named { id: flow.id.to_string(), name: flow.name.clone() }),
            connection: None,
            run: None,
            failures: None,
        }
    }
}

async fn stuck(
    state: &ServerState,
    caller: &Caller,
    wanted: SubscriptionState,
    page: &ListQuery,
) -> Result<Found, Problem> {
    let found = state.store().subscriptions_stuck(caller.user, wanted, page.list()?).await?;
    let mut items = Vec::new();
    for Subscription { flow, .. } in &found.items {
        let Some(flow) = state.store().flow(*flow).await? else { continue };
        items.push(if wanted == SubscriptionState::Failed {
            let detail = "The webhook could not be created, so the flow is off.".to_owned();
            let hint = "Open the flow: it says what the service answered and what to do.";
            Attention::of(AttentionKind::WebhookFailed, &flow, detail, Some(hint.to_owned()))
        } else {
            let detail = "The webhook could not be deleted at the service yet; it is tried again.".to_owned();
            Attention::of(AttentionKind::WebhookUndeleted, &flow, detail, None)
        });
    }
    Ok(Found { items, next: found.next.map(|id| id.to_string()) })
}

async fn broken(state: &ServerState, caller: &Caller, page: &ListQuery) -> Result<Found, Problem> {
    let filter = ConnectionFilter { owner: Some(caller.user), connector: None, health: Some(Health::Broken), q: None };
    let found = state.store().connections(&filter, page.list()?).await?;
    let mut items = Vec::with_capacity(found.items.len());
    for connection in found.items {
        let connector = state.runtime.connector(connection.connector).await.ok();
        let signs_in = connector.is_some_and(|own| own.authentication.oauth2().is_some_and(|own| own.needs_sign_in()));
        items.push(Attention {
            kind: AttentionKind::ConnectionBroken,
            title: connection.name.clone(),
            detail: connection.health_detail,
            hint: Some(if signs_in { "Sign in again." } else { "Enter the credentials again." }.to_owned()),
            flow: None,
            connection: Some(Named { id: connection.id.to_string(), name: connection.name }),
            run: None,
            failures: None,
        });
    }
    Ok(Found { items, next: found.next.map(|id| id.to_string()) })
}

async fn failing(state: &ServerState, caller: &Caller, page: &ListQuery) -> Result<Found, Problem> {
    let found = state.store().failing_flows(caller.user, FAILURES_MIN, page.list()?).await?;
    let mut items = Vec::new();
    for FailingFlow { flow, failures, run } in &found.items {
        // The last run of a deleted flow may end after the deletion.
        let Some(flow) = state.store().flow(*flow).await?.filter(|flow| flow.deleted_at.is_none()) else { continue };
        let last = state.store().run(*run).await?;
        let why = last.and_then(|listed| listed.run.error).map(|error| format!(" {}", error.message));
        let detail = format!("The last {failures} runs failed.{}", why.unwrap_or_default());
        let mut item = Attention::of(AttentionKind::FlowFailing, &flow, detail, None);
        item.run = Some(run.to_string());
        item.failures = Some(*failures);
        items.push(item);
    }
    Ok(Found { items, next: found.next.map(|id| id.to_string()) })
}

/// What cannot be read. All of it is given: it is little, and in memory.
async fn damaged(state: &ServerState, caller: &Caller, most: usize) -> Result<Found, Problem> {
    let mut items = Vec::new();
    for Damage { flow, damaged, .. } in state.runtime.damages(caller.user).into_iter().take(most) {
        let of = match flow {
            Some(flow) => state.store().flow(flow).await?,
            None => None,
        };
        let error = Error::Damaged(damaged);
        let (detail, hint) = (error.sentence(), error.hint());
        items.push(match of {
            Some(flow) => Attention::of(AttentionKind::RecordDamaged, &flow, detail, hint),
            None => Attention {
                kind: AttentionKind::RecordDamaged,
                title: "Hookmill".to_owned(),
                detail: Some(detail),
                hint,
                flow: None,
                connection: None,
                run: None,
                failures: None,
            },
        });
    }
    Ok(Found { items, next: None })
}

/// Webhooks that live, and end soon unless they are renewed.
async fn not_renewed(state: &ServerState, caller: &Caller, most: usize) -> Result<Vec<Attention>, Problem> {
    let mut items = Vec::new();
    for (flow, why) in state.runtime.renewals_failing(caller.user).into_iter().take(most) {
        let Some(flow) = state.store().flow(flow).await? else { continue };
        let detail = format!("The webhook could not be renewed; it is tried again. {}", crate::problem::sentence(&why));
        let hint =
            "Until it expires it works. Look whether the connection still signs in, and whether the service is up.";
        items.push(Attention::of(AttentionKind::WebhookFailed, &flow, detail, Some(hint.to_owned())));
    }
    Ok(items)
}

/// What restores left behind at services.
async fn left_behind(state: &ServerState, caller: &Caller, most: usize) -> Result<Vec<Attention>, Problem> {
    let mut items = Vec::new();
    for LeftBehind { flow, places } in state.runtime.left_behind(caller.user).into_iter().take(most) {
        let Some(flow) = state.store().flow(flow).await? else { continue };
        let detail = format!(
            "The service has {} of this server that the restored data do not know: {}.",
            if places.len() == 1 { "a webhook".to_owned() } else { format!("{} webhooks", places.len()) },
            places.join(", ")
        );
        let hint = "They were made after the backup. Delete them at the service; their calls are answered 404.";
        items.push(Attention::of(AttentionKind::WebhookUndeleted, &flow, detail, Some(hint.to_owned())));
    }
    Ok(items)
}

/// Runs that were set aside lately.
fn set_aside_lately(state: &ServerState, caller: &Caller) -> RunFilter {
    let from = state.runtime.now().as_micros() - SET_ASIDE_SHOWN.as_micros().try_into().unwrap_or(i64::MAX);
    let from = Some(Timestamp::from_micros(from.max(0)));
    RunFilter { statuses: vec![RunStatus::Faulted], from, ..RunFilter::of(caller.user) }
}

async fn set_aside(state: &ServerState, caller: &Caller, page: &ListQuery) -> Result<Found, Problem> {
    let found = state.store().runs(&set_aside_lately(state, caller), page.list()?).await?;
    let mut items = Vec::new();
    for listed in found.items {
        let Some(flow) = state.store().flow(listed.run.flow).await? else { continue };
        let error = listed.run.error;
        let (detail, hint) = error.map_or((String::new(), None), |error| (error.message, error.hint));
        let mut item = Attention::of(AttentionKind::RunSetAside, &flow, crate::problem::sentence(&detail), hint);
        item.run = Some(listed.run.id.to_string());
        items.push(item);
    }
    Ok(Found { items, next: found.next.map(|id| id.to_string()) })
}

async fn of_kind(
    state: &ServerState,
    caller: &Caller,
    kind: AttentionKind,
    page: &ListQuery,
    most: usize,
) -> Result<Found, Problem> {
    match kind {
        AttentionKind::WebhookFailed => {
            let mut found = stuck(state, caller, SubscriptionState::Failed, page).await?;
            if page.cursor().is_none() {
                found.items.extend(not_renewed(state, caller, most).await?);
            }
            Ok(found)
        }
        AttentionKind::WebhookUndeleted => {
            let mut found = stuck(state, caller, SubscriptionState::Deleting, page).await?;
            if page.cursor().is_none() {
                found.items.extend(left_behind(state, caller, most).await?);
            }
            Ok(found)
        }
        AttentionKind::ConnectionBroken => broken(state, caller, page).await,
        AttentionKind::FlowFailing => failing(state, caller, page).await,
        AttentionKind::RecordDamaged => damaged(state, caller, most).await,
        AttentionKind::RunSetAside => set_aside(state, caller, page).await,
    }
}

/// How many there are, without reading what they are about.
async fn count(state: &ServerState, caller: &Caller, kind: AttentionKind) -> Result<AttentionCount, Problem> {
    let (store, user) = (state.store(), caller.user);
    let (count, and_more) = match kind {
        AttentionKind::WebhookFailed | AttentionKind::WebhookUndeleted => {
            let failed = kind == AttentionKind::WebhookFailed;
            let wanted = if failed { SubscriptionState::Failed } else { SubscriptionState::Deleting };
            let found = store.subscriptions_stuck(user, wanted, List::first(COUNTED_MAX)).await?;
            let runtime = &state.runtime;
            let others = if failed { runtime.renewals_failing(user).len() } else { runtime.left_behind(user).len() };
            (found.items.len() + others, found.next.is_some())
        }
        AttentionKind::ConnectionBroken => {
            let filter = ConnectionFilter { owner: Some(user), connector: None, health: Some(Health::Broken), q: None };
            let found = store.connections(&filter, List::first(COUNTED_MAX)).await?;
            (found.items.len(), found.next.is_some())
        }
        AttentionKind::FlowFailing => {
            let found = store.failing_flows(user, FAILURES_MIN, List::first(COUNTED_MAX)).await?;
            (found.items.len(), found.next.is_some())
        }
        AttentionKind::RecordDamaged => {
            let found = state.runtime.damages(user).len();
            (found.min(COUNTED_MAX), found >= COUNTED_MAX)
        }
        AttentionKind::RunSetAside => {
            let found = store.runs(&set_aside_lately(state, caller), List::first(COUNTED_MAX)).await?;
            (found.items.len(), found.next.is_some())
        }
    };
    Ok(AttentionCount { kind, count, and_more })
}

/// What a person should look at, kind by kind
#[utoipa::path(get, path = "/api/attention", tag = "settings", params(ListQuery, AttentionQuery), responses((status = 200, body = AttentionPage)))]
pub async fn attention(
    caller: Caller,
    State(state): State<ServerState>,
    Query(page): Query<ListQuery>,
    Query(query): Query<AttentionQuery>,
) -> Result<Json<AttentionPage>, Problem> {
    let mut answer = AttentionPage { items: Vec::new(), next_cursor: None, counts: Vec::new() };
    if query.kind.is_none() && page.cursor().is_some() {
        let detail = "A \"cursor\" belongs to the \"kind\" of the page before.";
        return Err(Problem::bad("query_invalid", detail).hint("Send the kind again, or leave the cursor out."));
    }
    for kind in KINDS {
        let counted = count(&state, &caller, kind).await?;
        if counted.count > 0 && query.kind.is_none_or(|wanted| wanted == kind) {
            let most = if query.kind.is_some() { COUNTED_MAX } else { page.list::<RunId>()?.limit };
            let found = of_kind(&state, &caller, kind, &page, most).await?;
            answer.items.extend(found.items);
            answer.next_cursor = found.next.filter(|_| query.kind.is_some());
        }
        if counted.count > 0 {
            answer.counts.push(counted);
        }
    }
    Ok(Json(answer))
}
