//! Tags: what a person files flows under. They belong to the person's view, not to the definition, so setting them makes
//! no version and touches no webhook.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::{Path, State};
use hookmill_model::{FlowId, UserId};
use hookmill_store::{Change, Lane, Unit};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::id_of;
use crate::account::Caller;
use crate::extract::Json;
use crate::{Problem, ServerState};

/// A flow has at most so many tags, each of at most so many characters.
const TAGS_MAX: usize = 20;
const CHARS_MAX: usize = 40;
/// One person tags at most so many flows.
const FLOWS_MAX: usize = 10_000;

/// The tags of one person's flows, as they are stored: one setting per person.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Tags(BTreeMap<String, BTreeSet<String>>);

fn key(owner: UserId) -> String {
    format!("tags {owner}")
}

impl Tags {
    pub(super) async fn read(state: &ServerState, owner: UserId) -> Result<Self, Problem> {
        let Some(stored) = state.store().setting(&key(owner)).await? else { return Ok(Self::default()) };
        serde_json::from_slice(&stored)
            .map_err(|error| Problem::internal(&format!("the tags of {owner} cannot be read: {error}")))
    }

    pub(super) fn of(&self, flow: FlowId) -> Vec<String> {
        self.0.get(&flow.to_string()).map(|tags| tags.iter().cloned().collect()).unwrap_or_default()
    }
}

/// The tags of a flow.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FlowTags {
    /// At most 20, of at most 40 characters each; blanks around them do not count.
    tags: Vec<String>,
}

/// File a flow under tags: these replace those it has
#[utoipa::path(put, path = "/api/flows/{id}/tags", tag = "flows", request_body = FlowTags, responses((status = 200, body = FlowTags)))]
pub async fn put_tags(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    Json(form): Json<FlowTags>,
) -> Result<Json<FlowTags>, Problem> {
    let flow = state.runtime.flow(caller.user, id_of(&id)?).await?.flow.id;
    let wanted: BTreeSet<String> =
        form.tags.iter().map(|tag| tag.trim().to_owned()).filter(|tag| !tag.is_empty()).collect();
    if wanted.len() > TAGS_MAX {
        let detail = format!("A flow has at most {TAGS_MAX} tags, not {}.", wanted.len());
        return Err(Problem::bad("request_invalid", detail).at("/tags"));
    }
    if let Some(long) = wanted.iter().find(|tag| tag.chars().count() > CHARS_MAX) {
        let detail = format!("A tag has at most {CHARS_MAX} characters, not {}.", long.chars().count());
        return Err(Problem::bad("request_invalid", detail).at("/tags"));
    }
    // One change after the other: each writes what all flows have.
    let _alone = state.tagging.lock().await;
    let mut tags = Tags::read(&state, caller.user).await?;
    if wanted.is_empty() {
        tags.0.remove(&flow.to_string());
    } else {
        tags.0.insert(flow.to_string(), wanted.clone());
    }
    if tags.0.len() > FLOWS_MAX {
        let detail = format!("At most {FLOWS_MAX} flows have tags.");
        return Err(Problem::new(axum::http::StatusCode::CONFLICT, "not_possible", detail)
            .hint("Take the tags off flows that need none."));
    }
    let stored = serde_json::to_vec(&tags).map_err(|error| Problem::internal(&error))?;
    let unit = Unit::from(Change::PutSetting(key(caller.user), stored.into()));
    state.store().commit(unit, Lane::Work).await?;
    Ok(Json(FlowTags { tags: wanted.into_iter().collect() }))
}

/// Forgets the tags of a flow that was deleted. What cannot be forgotten now takes room and does no harm.
pub(super) async fn forget(state: &ServerState, owner: UserId, flow: FlowId) {
    let _alone = state.tagging.lock().await;
    let Ok(mut tags) = Tags::read(state, owner).await else { return };
    if tags.0.remove(&flow.to_string()).is_none() {
        return;
    }
    let Ok(stored) = serde_json::to_vec(&tags) else { return };
    let unit = Unit::from(Change::PutSetting(key(owner), stored.into()));
    if let Err(error) = state.store().commit(unit, Lane::Work).await {
        tracing::warn!(%flow, %error, "the tags of a deleted flow could not be forgotten");
    }
}
