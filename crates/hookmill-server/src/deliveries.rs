//! Deliveries of a flow's address: what came in, what it was found to be, and sending it in again; what the last call
//! says about its sender.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use hookmill_model::{EventId, FlowId, Object, Timestamp, Value};
use hookmill_runtime::{REPLAY_MAX, ReceivedCall, ReceivedFilter, Verdict};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::account::Caller;
use crate::extract::{Json, Query};
use crate::list::{ListQuery, Page};
use crate::{Problem, ServerState};

/// Which deliveries.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeliveryQuery {
    /// At most so many, 1 to 500; 50 where not said.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// Only those with this verdict.
    verdict: Option<DeliveryVerdict>,
    /// Only those in whose header lines or body this text stands, in any case.
    q: Option<String>,
}

/// What a call was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryVerdict {
    /// An event: its run began, or waits for its turn.
    Ran,
    /// It came before; no second run.
    Duplicate,
    /// It did not prove its sender.
    Refused,
    /// A question of the service, answered.
    Handshake,
    /// Proof of life.
    Ping,
    /// The webhook was being created, or its secret was not known.
    PutOff,
    /// Another method, an unknown coding and the like.
    Unfit,
}

impl From<Verdict> for DeliveryVerdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Ran => Self::Ran,
            Verdict::Duplicate => Self::Duplicate,
            Verdict::Refused => Self::Refused,
            Verdict::Handshake => Self::Handshake,
            Verdict::Ping => Self::Ping,
            Verdict::PutOff => Self::PutOff,
            Verdict::Unfit => Self::Unfit,
        }
    }
}

impl From<DeliveryVerdict> for Verdict {
    fn from(verdict: DeliveryVerdict) -> Self {
        match verdict {
            DeliveryVerdict::Ran => Self::Ran,
            DeliveryVerdict::Duplicate => Self::Duplicate,
            DeliveryVerdict::Refused => Self::Refused,
            DeliveryVerdict::Handshake => Self::Handshake,
            DeliveryVerdict::Ping => Self::Ping,
            DeliveryVerdict::PutOff => Self::PutOff,
            DeliveryVerdict::Unfit => Self::Unfit,
        }
    }
}

/// A header line of a delivery.
#[derive(Serialize, ToSchema)]
pub struct DeliveryHeader {
    name: String,
    /// `null` where the sender is not proven: such values are not kept.
    #[schema(required)]
    value: Option<String>,
}

/// The run that a delivery began.
#[derive(Serialize, ToSchema)]
pub struct DeliveryRun {
    id: String,
    status: &'static str,
}

/// A call of a flow's address.
#[derive(Serialize, ToSchema)]
pub struct Delivery {
    id: String,
    at: Timestamp,
    verdict: DeliveryVerdict,
    /// What the service calls the event, or the method.
    summary: String,
    /// Bytes of the body as it was sent.
    bytes: u64,
    /// The HTTP status of the answer; `null` for events and repeated ones, which get the declared answer.
    #[schema(required)]
    status: Option<u16>,
    headers: Vec<DeliveryHeader>,
    /// Why it was refused, a sentence each.
    reasons: Vec<String>,
    /// The delivery that it repeats.
    #[schema(required)]
    first: Option<String>,
    /// The run that it began; where it began several, the first. `null` where it began none.
    #[schema(required)]
    run: Option<DeliveryRun>,
    /// Whether it can be sent in again.
    can_replay: bool,
}

impl From<ReceivedCall> for Delivery {
    fn from(call: ReceivedCall) -> Self {
        let header = |(name, value)| DeliveryHeader { name, value };
        Self {
            id: call.id.to_string(),
            at: call.at,
            verdict: call.verdict.into(),
            summary: call.summary,
            bytes: call.bytes,
            status: call.status,
            headers: call.headers.into_iter().map(header).collect(),
            reasons: call.reasons,
            can_replay: call.verdict == Verdict::Ran || call.first.is_some(),
            first: call.first.map(|id| id.to_string()),
            run: call.run.map(|(id, status)| DeliveryRun { id: id.to_string(), status: status.as_str() }),
        }
    }
}

fn flow_of(id: &str) -> Result<FlowId, Problem> {
    id.parse().map_err(|_| Problem::missing("flow"))
}

/// Calls of a flow's address, newest first
///
/// Of calls that proved nothing only the names of headers are kept, and no body. A page of a search may hold fewer items
/// than asked for although there are more.
#[utoipa::path(get, path = "/api/flows/{id}/deliveries", tag = "flows", params(DeliveryQuery), responses((status = 200, body = Page<Delivery>)))]
pub async fn deliveries(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    Query(query): Query<DeliveryQuery>,
) -> Result<Json<Page<Delivery>>, Problem> {
    let list = ListQuery::new(query.limit, query.cursor).list()?;
    let filter = ReceivedFilter { verdict: query.verdict.map(Into::into), text: query.q };
    let found = state.runtime.received_calls(caller.user, flow_of(&id)?, &filter, list).await?;
    Ok(Json(Page::of(found.items.into_iter().map(Into::into).collect(), found.next)))
}

/// Which deliveries are sent in again: some by name, or all from one to another.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayForm {
    /// Identifiers of deliveries.
    #[serde(default)]
    deliveries: Vec<String>,
    /// The first or the last of a range, included.
    #[serde(default)]
    from: Option<String>,
    /// Its other end, included.
    #[serde(default)]
    until: Option<String>,
}

/// The runs that a replay began.
#[derive(Serialize, ToSchema)]
pub struct Replayed {
    runs: Vec<String>,
}

fn delivery_of(id: &str) -> Result<EventId, Problem> {
    id.parse().map_err(|_| Problem::missing("delivery"))
}

/// Send deliveries in again, the oldest first
///
/// At most 200 at a time. A repeated delivery stands for its first one. Whatever the service calls them, each begins
/// a run.
#[utoipa::path(post, path = "/api/flows/{id}/deliveries/replay", tag = "flows", request_body = ReplayForm, responses((status = 202, body = Replayed)))]
pub async fn replay_deliveries(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    Json(form): Json<ReplayForm>,
) -> Result<(StatusCode, Json<Replayed>), Problem> {
    let flow = flow_of(&id)?;
    // Whose flow it is comes before what is wrong with the request.
    state.runtime.flow_waits_for(caller.user, flow).await?;
    let calls = match (form.deliveries.is_empty(), &form.from, &form.until) {
        (false, None, None) => {
            form.deliveries.iter().take(REPLAY_MAX + 1).map(|id| delivery_of(id)).collect::<Result<Vec<_>, _>>()?
        }
        (true, Some(from), Some(until)) => {
            state.runtime.calls_between(caller.user, flow, delivery_of(from)?, delivery_of(until)?).await?
        }
        _ => {
            let detail = "Name \"deliveries\", or both ends of a range as \"from\" and \"until\".";
            return Err(Problem::bad("request_invalid", detail));
        }
    };
    let runs = state.runtime.replay_calls(caller.user, flow, &calls).await?;
    Ok((StatusCode::ACCEPTED, Json(Replayed { runs: runs.iter().map(ToString::to_string).collect() })))
}

/// What the newest call of a flow's address says about its sender and its body.
#[derive(Serialize, ToSchema)]
pub struct Lesson {
    /// The delivery that it is read from; `null` until one has come.
    #[schema(required)]
    delivery: Option<String>,
    #[schema(required)]
    at: Option<Timestamp>,
    /// Names and texts; those that carry credentials are hidden.
    headers: Value,
    /// `null` where there was none.
    body: Value,
    /// The well-known service that sends such calls, by the name of its preset. Nothing is proven by that.
    #[schema(required)]
    preset: Option<String>,
    /// The service, for people.
    #[schema(required)]
    preset_title: Option<String>,
    /// Which secret signs its calls, and where a person finds it.
    #[schema(required)]
    preset_secret: Option<String>,
    /// A JSON Schema that fits the bodies of the last calls; `null` where they are no JSON.
    schema: Value,
    /// How many calls the schema is made from.
    calls: usize,
}

/// Calls that a schema is made from.
const SAMPLES_MAX: usize = 10;

/// What the newest calls teach: who seems to send them, and the schema of their bodies
#[utoipa::path(get, path = "/api/flows/{id}/deliveries/lesson", tag = "flows", responses((status = 200, body = Lesson)))]
pub async fn delivery_lesson(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Json<Lesson>, Problem> {
    let flow = flow_of(&id)?;
    let filter = ReceivedFilter { verdict: Some(Verdict::Ran), text: None };
    let list = hookmill_store::List::first(SAMPLES_MAX);
    let calls = state.runtime.received_calls(caller.user, flow, &filter, list).await?.items;
    let Some(newest) = calls.first() else {
        return Ok(Json(Lesson {
            delivery: None,
            at: None,
            headers: Object::new().into(),
            body: Value::Null,
            preset: None,
            preset_title: None,
            preset_secret: None,
            schema: Value::Null,
            calls: 0,
        }));
    };
    let mut samples = Vec::new();
    let mut shown = None;
    for call in &calls {
        let seen = state.runtime.event_seen(caller.user, flow, call.id).await?;
        samples.extend(seen.body.clone().filter(|body| matches!(body, Value::Object(_) | Value::Array(_))));
        shown = shown.or(Some(seen));
    }
    let preset = state.runtime.recognised(caller.user, flow, newest.id).await?;
    let schema = match samples.is_empty() {
        true => Value::Null,
        false => hookmill_connector::infer_schema(&samples),
    };
    let shown = shown.ok_or_else(|| Problem::missing("delivery"))?;
    Ok(Json(Lesson {
        delivery: Some(newest.id.to_string()),
        at: Some(newest.at),
        headers: shown.headers,
        body: shown.body.unwrap_or_default(),
        preset: preset.map(|preset| preset.name.to_string()),
        preset_title: preset.map(|preset| preset.title.to_string()),
        preset_secret: preset.and_then(|preset| preset.secret.as_ref().map(ToString::to_string)),
        schema,
        calls: samples.len(),
    }))
}
