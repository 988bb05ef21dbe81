//! Live updates: server-sent events that say what to look at again.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;

use crate::ServerState;
use crate::account::Caller;

/// A comment is sent this often, so that proxies keep the line open.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The messages of the caller's own things, until the page goes or the server stops.
pub async fn events(
    caller: Caller,
    State(state): State<ServerState>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let receiver = state.runtime.live();
    let stream = futures_util::stream::unfold((receiver, caller.user), |(mut receiver, user)| async move {
        loop {
            let event = match receiver.recv().await {
                Ok(message) if message.owner == user => Event::default()
                    .event(message.kind.as_str())
                    .id(message.seq.to_string())
                    .data(json!({"id": message.id, "flow": message.flow, "status": message.status}).to_string()),
                Ok(_) => continue,
                // The page was too slow: it fetches everything again.
                Err(RecvError::Lagged(_)) => Event::default().event("reload").data("{}"),
                Err(RecvError::Closed) => return None,
            };
            return Some((Ok(event), (receiver, user)));
        }
    });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(HEARTBEAT))
}
