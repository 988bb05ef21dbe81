//! Live updates: server-sent events that say what to look at again.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;

use utoipa::ToSchema;

use crate::ServerState;
use crate::account::Caller;

/// A comment is sent this often, so that proxies keep the line open.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The data of a message: what to look at again.
#[derive(Serialize, ToSchema)]
pub struct LiveMessage {
    /// The identifier of the run, flow, …
    id: String,
    /// The flow it belongs to, for runs.
    #[schema(required)]
    flow: Option<String>,
    /// The new status, where there is one.
    #[schema(required)]
    status: Option<String>,
}

/// Live updates of one's own things, as server-sent events named `run`, `flow`, `connection`, `notification`, `attention` and `reload`
#[utoipa::path(get, path = "/api/events", tag = "settings", responses((status = 200, body = LiveMessage, content_type = "text/event-stream")))]
pub async fn events(
    caller: Caller,
    State(state): State<ServerState>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let held = (state.runtime.live(), state.stopping.subscribe(), caller.user);
    let stream = futures_util::stream::unfold(held, |(mut receiver, mut stopping, user)| async move {
        loop {
            if *stopping.borrow() {
                return None;
            }
            let received = tokio::select! {
                received = receiver.recv() => received,
                // The page connects again by itself; a stop does not wait for it.
                _ = stopping.changed() => return None,
            };
            let event = match received {
                Ok(message) if message.owner == user => {
                    let data = LiveMessage { id: message.id, flow: message.flow, status: message.status };
                    let data = serde_json::to_string(&data).unwrap_or_default();
                    Event::default().event(message.kind.as_str()).id(message.seq.to_string()).data(data)
                }
                Ok(_) => continue,
                // The page was too slow: it fetches everything again.
                Err(RecvError::Lagged(_)) => Event::default().event("reload").data("{}"),
                Err(RecvError::Closed) => return None,
            };
            return Some((Ok(event), (receiver, stopping, user)));
        }
    });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(HEARTBEAT))
}
