//! Approvals: what flows ask people. Those who are asked answer here, signed in or by the link of a mail.

use axum::extract::{Path, State};
use hookmill_model::{ApprovalId, Timestamp, UserId};
use hookmill_runtime::{ApprovalRule, ApprovalSeen};
use hookmill_store::{ApprovalFilter, ApprovalState};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::account::Caller;
use crate::extract::{Json, Query};
use crate::inbox::Link;
use crate::list::{ListQuery, Page};
use crate::{Problem, ServerState};

/// How far an approval is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalStage {
    /// Answers are awaited.
    Open,
    /// There is an outcome.
    Decided,
    /// Nobody waits for an answer any more.
    Withdrawn,
}

/// When there is a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decides {
    /// The first answer.
    First,
    /// All must answer; the first *Reject* ends it.
    Everyone,
}

/// What one person answered.
#[derive(Serialize, ToSchema)]
pub struct ApprovalAnswer {
    response: String,
    comments: String,
    at: Timestamp,
}

/// One who is asked.
#[derive(Serialize, ToSchema)]
pub struct ApprovalPerson {
    name: String,
    /// The mail address; `null` for whoever looks by the link of a mail.
    #[schema(required)]
    email: Option<String>,
    /// Whether it is the one who looks.
    is_me: bool,
    #[schema(required)]
    answer: Option<ApprovalAnswer>,
}

/// What a flow asks people.
#[derive(Serialize, ToSchema)]
#[schema(as = Approval)]
pub struct ApprovalView {
    id: String,
    title: String,
    details: String,
    /// Where more about it is.
    #[schema(required)]
    link: Option<Link>,
    /// The name of the flow that asks.
    flow_name: String,
    /// The flow, for its owner.
    #[schema(required)]
    flow: Option<String>,
    /// The run, for the flow's owner.
    #[schema(required)]
    run: Option<String>,
    /// Who made the flow.
    requestor: String,
    /// The responses to choose from.
    options: Vec<String>,
    decides: Decides,
    stage: ApprovalStage,
    /// The decision; of several own responses all, separated by commas.
    #[schema(required)]
    outcome: Option<String>,
    /// Why nobody waits for an answer any more.
    #[schema(required)]
    withdrawn: Option<String>,
    people: Vec<ApprovalPerson>,
    /// Whether it waits for an answer of the one who looks.
    is_awaited: bool,
    created_at: Timestamp,
    #[schema(required)]
    ended_at: Option<Timestamp>,
}

/// An answer.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalResponse {
    /// One of the options.
    response: String,
    /// What the flow and the others read beside it.
    #[serde(default)]
    comments: String,
}

/// One page of approvals.
#[derive(Serialize, ToSchema)]
pub struct ApprovalList {
    /// Newest first.
    items: Vec<ApprovalView>,
    /// How many wait for an answer of the caller, on all pages; counting ends at 10,000.
    awaited: u64,
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Whose approvals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalSide {
    /// Those that ask the caller.
    #[default]
    Received,
    /// Those that the caller's flows ask.
    Sent,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ApprovalQuery {
    #[serde(default)]
    #[param(inline)]
    side: ApprovalSide,
    /// Only those that wait: for the caller's answer, or, of those sent, for anybody's.
    #[serde(default)]
    open: bool,
}

/// Who looks.
enum Looks {
    User(UserId),
    /// The person at this place, by the link of a mail.
    Place(usize),
}

fn shown(seen: ApprovalSeen, looks: &Looks) -> ApprovalView {
    let ApprovalSeen { approval, record } = seen;
    let is_owner = matches!(looks, Looks::User(user) if *user == approval.owner);
    let by_link = matches!(looks, Looks::Place(_));
    let people: Vec<ApprovalPerson> = record
        .people
        .into_iter()
        .enumerate()
        .map(|(place, person)| ApprovalPerson {
            is_me: match looks {
                Looks::User(user) => person.user == Some(*user),
                Looks::Place(own) => place == *own,
            },
            // Who is asked by mail learns no addresses of others.
            name: if by_link { person.name.split('@').next().unwrap_or_default().to_owned() } else { person.name },
            email: (!by_link).then_some(person.email),
            answer: person.answer.map(|answer| ApprovalAnswer {
                response: answer.option,
                comments: answer.comments,
                at: answer.at,
            }),
        })
        .collect();
    let stage = match approval.state {
        ApprovalState::Open => ApprovalStage::Open,
        ApprovalState::Decided | ApprovalState::Ended => ApprovalStage::Decided,
        ApprovalState::Cancelled => ApprovalStage::Withdrawn,
    };
    ApprovalView {
        id: approval.id.to_string(),
        title: record.title,
        details: record.details,
        link: record.link.map(|link| Link::of(link.uri, link.label)),
        flow_name: record.flow_name,
        flow: is_owner.then(|| approval.flow.to_string()),
        run: is_owner.then(|| approval.run.to_string()),
        requestor: record.requestor,
        options: record.options,
        decides: match record.rule {
            ApprovalRule::First => Decides::First,
            ApprovalRule::Everyone => Decides::Everyone,
        },
        is_awaited: stage == ApprovalStage::Open && people.iter().any(|one| one.is_me && one.answer.is_none()),
        stage,
        outcome: record.outcome,
        withdrawn: record.withdrawn,
        people,
        created_at: approval.created_at,
        ended_at: approval.ended_at,
    }
}

fn id_of(id: &str) -> Result<ApprovalId, Problem> {
    id.parse().map_err(|_| Problem::missing("approval"))
}

/// Approvals: those that ask the caller, or those that the caller's flows ask
#[utoipa::path(get, path = "/api/approvals", tag = "approvals", params(ListQuery, ApprovalQuery), responses((status = 200, body = ApprovalList)))]
pub async fn list(
    caller: Caller,
    State(state): State<ServerState>,
    Query(page): Query<ListQuery>,
    Query(query): Query<ApprovalQuery>,
) -> Result<Json<ApprovalList>, Problem> {
    let filter = match query.side {
        ApprovalSide::Received => ApprovalFilter::Received { user: caller.user, is_awaited: query.open },
        ApprovalSide::Sent => ApprovalFilter::Sent { owner: caller.user, is_open: query.open },
    };
    let found = state.runtime.approvals(filter, page.list()?).await?;
    let looks = Looks::User(caller.user);
    let items = found.items.into_iter().map(|seen| shown(seen, &looks)).collect();
    let Page { items, next_cursor } = Page::of(items, found.next);
    let awaited = state.store().approvals_awaited(caller.user).await?;
    Ok(Json(ApprovalList { items, awaited, next_cursor }))
}

/// One approval
#[utoipa::path(get, path = "/api/approvals/{id}", tag = "approvals", responses((status = 200, body = ApprovalView)))]
pub async fn show(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Json<ApprovalView>, Problem> {
    let seen = state.runtime.approval_of(caller.user, id_of(&id)?).await?;
    Ok(Json(shown(seen, &Looks::User(caller.user))))
}

/// Answer an approval; an answer is given once
#[utoipa::path(post, path = "/api/approvals/{id}/response", tag = "approvals", request_body = ApprovalResponse, responses((status = 200, body = ApprovalView)))]
pub async fn respond(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    Json(form): Json<ApprovalResponse>,
) -> Result<Json<ApprovalView>, Problem> {
    let seen = state.runtime.answer_approval(caller.user, id_of(&id)?, &form.response, &form.comments).await?;
    Ok(Json(shown(seen, &Looks::User(caller.user))))
}

/// What the link of a mail asks. Looking changes nothing, so programs that look at links in mails do no harm
#[utoipa::path(get, path = "/api/approval-links/{link}", tag = "approvals", security(()), responses((status = 200, body = ApprovalView)))]
pub async fn show_link(
    State(state): State<ServerState>,
    Path(link): Path<String>,
) -> Result<Json<ApprovalView>, Problem> {
    let (seen, place) = state.runtime.approval_at(&link).await?;
    Ok(Json(shown(seen, &Looks::Place(place))))
}

/// Answer by the link of a mail, or from a notification; the link works for one answer
#[utoipa::path(post, path = "/api/approval-links/{link}/response", tag = "approvals", security(()), request_body = ApprovalResponse, responses((status = 200, body = ApprovalView)))]
pub async fn respond_link(
    State(state): State<ServerState>,
    Path(link): Path<String>,
    Json(form): Json<ApprovalResponse>,
) -> Result<Json<ApprovalView>, Problem> {
    let (_, place) = state.runtime.approval_at(&link).await?;
    let seen = state.runtime.answer_approval_at(&link, &form.response, &form.comments).await?;
    Ok(Json(shown(seen, &Looks::Place(place))))
}
