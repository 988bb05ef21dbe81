//! Live updates: server-sent events that say what to look at again.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use hookmill_model::UserId;
use hookmill_runtime::LiveKind;
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;

use utoipa::ToSchema;

use crate::account::Caller;
use crate::{Problem, ServerState};

/// A comment is sent this often, so that proxies keep the line open.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Sessions and tokens also end by themselves, or at another node: this is how often the server checks.
const LOOK: Duration = Duration::from_secs(15);
/// Live updates of one user, and of all.
const LISTENERS_PER_USER_MAX: usize = 32;
const LISTENERS_MAX: usize = 2_000;

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

/// Open live updates, by user.
#[derive(Default)]
pub(crate) struct Listeners(Mutex<HashMap<UserId, usize>>);

/// One of them; it is over when this is dropped.
struct Listener {
    listeners: Arc<Listeners>,
    user: UserId,
}

impl Listeners {
    fn counts(&self) -> MutexGuard<'_, HashMap<UserId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(self: &Arc<Self>, user: UserId) -> Result<Listener, Problem> {
        let mut counts = self.counts();
        let (own, all) = (counts.get(&user).copied().unwrap_or(0), counts.values().sum::<usize>());
        if own >= LISTENERS_PER_USER_MAX || all >= LISTENERS_MAX {
            let detail = "There are as many live updates open as this server holds.";
            let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "live_updates_full", detail);
            return Err(problem.retry_after(30).hint("Close pages of Hookmill that you do not look at."));
        }
        *counts.entry(user).or_default() += 1;
        Ok(Listener { listeners: Arc::clone(self), user })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut counts = self.listeners.counts();
        if let Some(count) = counts.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.user);
            }
        }
    }
}

/// Live updates of one's own things, as server-sent events named `run`, `flow`, `connection`, `notification`, `attention` and `reload`
#[utoipa::path(get, path = "/api/events", tag = "settings", responses((status = 200, body = LiveMessage, content_type = "text/event-stream")))]
pub async fn events(
    caller: Caller,
    State(state): State<ServerState>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let listener = state.listeners.begin(caller.user)?;
    let mut accounts = state.accounts.subscribe();
    accounts.mark_unchanged();
    let held = (state.runtime.live(), state.stopping.subscribe(), accounts, caller, state, listener);
    let stream = futures_util::stream::unfold(
        held,
        |(mut receiver, mut stopping, mut accounts, caller, state, listener)| async move {
            let mut look = tokio::time::interval_at(tokio::time::Instant::now() + LOOK, LOOK);
            loop {
                if *stopping.borrow() {
                    return None;
                }
                let received = tokio::select! {
                    received = receiver.recv() => received,
                    // The page connects again by itself; a stop does not wait for it.
                    _ = stopping.changed() => return None,
                    _ = accounts.changed() => {
                        if !still_known(&caller, &state).await {
                            return None;
                        }
                        continue;
                    }
                    _ = look.tick() => {
                        if !still_known(&caller, &state).await {
                            return None;
                        }
                        continue;
                    }
                };
                let event = match received {
                    // Messages of another server may have been missed.
                    Ok(message) if message.kind == LiveKind::Reload => Event::default().event("reload").data("{}"),
                    Ok(message) if message.owner == caller.user => {
                        let data = LiveMessage { id: message.id, flow: message.flow, status: message.status };
                        let data = serde_json::to_string(&data).unwrap_or_default();
                        Event::default().event(message.kind.as_str()).id(message.seq.to_string()).data(data)
                    }
                    Ok(_) => continue,
                    // The page was too slow: it fetches everything again.
                    Err(RecvError::Lagged(_)) => Event::default().event("reload").data("{}"),
                    Err(RecvError::Closed) => return None,
                };
                return Some((Ok(event), (receiver, stopping, accounts, caller, state, listener)));
            }
        },
    );
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

/// Whether the updates may go on. Where the store does not say, they end; the page asks again.
async fn still_known(caller: &Caller, state: &ServerState) -> bool {
    caller.is_known(state).await.unwrap_or(false)
}
