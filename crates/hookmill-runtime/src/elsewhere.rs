//! Work for flows that another node looks after: handed to their owner, and done here for the flows that are ours.
//!
//! | what came in here | what the owner gets |
//! |---|---|
//! | a notification that nobody waits for | nothing: the event is stored here, and the owner is told to look |
//! | one whose caller waits, or whose runs are counted | the event, to take it in; the answer comes back |
//! | a call-back, a cancellation, a run by hand, a repetition, a saved flow | the order, in the words of [`Order`] |
//!
//! Orders may be done twice where the owner changes at that moment: each comes to the same result then. Who asks for a run
//! names it, so it begins once. Orders are sealed on their way. What nodes tell each other besides
//! (changed flows, messages for open pages) may be lost: flows are compared with their entity tags when an event is
//! stored, and pages fetch everything anew when they connect.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hookmill_engine::Input;
use hookmill_model::{EventId, FlowId, RunId};
use hookmill_store::{Dedupe, Event, Expect, Flow, Shard, StoreError, Unit};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::broadcast;

use crate::beginning::FreshEvent;
use crate::error::Refusal;
use crate::failures;
use crate::intake::Waiter;
use crate::live::LiveEvent;
use crate::notification::AcceptError;
use crate::order::{Order, Taken, TakenIn, Told};
use crate::plans::Version;
use crate::resume::WhichVersion;
use crate::stored::event_head;
use crate::stored::run_of;
use crate::{Answer, Error, Runtime, locked};

/// Binds sealed orders to their purpose.
const CONTEXT: &str = "order of a node";
/// How long the owner of a flow may take, beside what services and flows may.
const OWNER_WAIT: Duration = Duration::from_secs(30);
/// A parent that cannot be told of its child's answer is told again after this time.
const AGAIN: Duration = Duration::from_secs(1);
/// How often nodes with open pages say so.
const LISTENS_INTERVAL: Duration = Duration::from_secs(5);

fn unreadable(error: impl std::fmt::Display) -> Error {
    Error::Internal(format!("what another server sent cannot be read: {error}"))
}

fn decoded(text: &str) -> Result<Bytes, Error> {
    STANDARD.decode(text).map(Bytes::from).map_err(unreadable)
}

/// The flow that a notice names.
fn named(rest: &str) -> Option<FlowId> {
    rest.parse().ok()
}

impl Runtime {
    /// The flow of a run, where another node looks after it.
    pub(crate) async fn flow_elsewhere(&self, run: RunId) -> Result<Option<FlowId>, Error> {
        if self.0.shards.is_alone() || self.0.inboxes.contains(run) {
            return Ok(None);
        }
        let listed = self.0.store.run(run).await?;
        Ok(listed.map(|listed| listed.run.flow).filter(|flow| !self.0.shards.owns(*flow)))
    }

    /// Asks the owner of a flow, and waits for its answer.
    ///
    /// # Errors
    /// What the owner refused, in its words; the store's where there was no answer.
    pub(crate) async fn ask_owner<T: DeserializeOwned>(
        &self,
        flow: FlowId,
        order: &Order,
        wait: Duration,
    ) -> Result<T, Error> {
        let plain = serde_json::to_vec(order).map_err(unreadable)?;
        let sealed = self.0.vault.seal_long(CONTEXT, &plain).map_err(unreadable)?;
        let answer = self.0.store.ask(Shard::of(flow), sealed.into(), wait).await?;
        let plain = self.0.vault.unseal_long(CONTEXT, &answer).map_err(unreadable)?;
        let answer: Result<T, Refusal> = serde_json::from_slice(&plain).map_err(unreadable)?;
        answer.map_err(Error::from)
    }

    /// Asks the owner of a flow to do something that may take as long as a service does.
    pub(crate) async fn order<T: DeserializeOwned>(&self, flow: FlowId, order: Order) -> Result<T, Error> {
        self.ask_owner(flow, &order, self.0.config.service_wait * 2 + OWNER_WAIT).await
    }

    /// Does something for a flow here where it is looked after here, and has its owner do it otherwise.
    pub(crate) async fn here_or_elsewhere<T: DeserializeOwned>(
        &self,
        flow: FlowId,
        here: impl Future<Output = Result<T, Error>> + Send,
        order: impl FnOnce() -> Order + Send,
    ) -> Result<T, Error> {
        if self.0.shards.owns(flow) {
            match here.await {
                // It is being handed over at this moment.
                Err(Error::Store(StoreError::NotOwner { .. })) if !self.0.shards.is_alone() => {}
                done => return done,
            }
        }
        self.order(flow, order()).await
    }

    /// Brings a flow in line, wherever it is looked after. Gives the run of a creation.
    pub(crate) async fn look_anywhere(&self, flow: FlowId) -> Result<Option<RunId>, Error> {
        self.here_or_elsewhere(flow, Box::pin(self.look(flow)), || Order::Look { flow }).await
    }

    pub(crate) async fn tell_elsewhere(&self, flow: FlowId, run: RunId, input: Input) -> Result<Option<bool>, Error> {
        let told = match input {
            Input::CallbackReceived { token, outputs } => Told::CalledBack { token: token.to_string(), outputs },
            Input::CancelRequested => Told::Cancel,
            other => return Err(Error::Internal(format!("a run elsewhere cannot be told {other:?}"))),
        };
        self.ask_owner(flow, &Order::Tell { run, told }, OWNER_WAIT).await
    }

    /// Tells a parent at another node that its child has answered, as often as it takes.
    pub(crate) async fn tell_parent_elsewhere(&self, flow: FlowId, parent: RunId, child: RunId) {
        let mut stopped = self.stopped();
        loop {
            let told = self.ask_owner::<()>(flow, &Order::ChildAnswered { parent, child }, OWNER_WAIT).await;
            let Err(error) = told else { return };
            tracing::debug!(%parent, %error, "a parent is told again that its child has answered");
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => return,
                () = tokio::time::sleep(AGAIN) => {}
            }
        }
    }

    /// A unit that stores an event of a flow: where other nodes may have changed the flow a moment ago it is compared.
    pub(crate) fn as_known(&self, unit: Unit, flow: &Flow) -> Unit {
        if self.0.store.has_others() { unit.expect(Expect::FlowEtag(flow.id, flow.etag)) } else { unit }
    }

    /// Takes an event in that belongs to another node. `None` for one that came before.
    pub(crate) async fn take_in_elsewhere(
        &self,
        event: Event,
        is_secret: bool,
        dedupe: Option<Dedupe>,
        version: &Version,
    ) -> Result<Option<EventId>, AcceptError> {
        let run = run_of(event.id);
        let waits = locked(&self.0.waiters).contains_key(&run);
        let order = TakenIn {
            id: event.id,
            flow: event.flow,
            subscription: event.subscription,
            summary: event.summary,
            head: STANDARD.encode(&event.head),
            body: STANDARD.encode(&event.body),
            is_secret: is_secret || version.is_secret,
            dedupe: dedupe.map(|own| {
                let keys = own.keys.iter().map(|key| STANDARD.encode(key)).collect();
                (keys, u64::try_from(own.window.as_millis()).unwrap_or(0))
            }),
            waits,
        };
        let wait = if waits { self.0.config.response_wait + OWNER_WAIT } else { OWNER_WAIT };
        match self.ask_owner(event.flow, &Order::TakeIn(Box::new(order)), wait).await {
            Ok(Taken::Yes(taken, answer)) => {
                if let Some(answer) = answer
                    && let Some(waiter) = locked(&self.0.waiters).remove(&run)
                {
                    let _ = waiter.send(answer.into());
                }
                Ok(taken)
            }
            Ok(Taken::TooManyRuns(retry_after_s)) => Err(AcceptError::TooManyRuns { retry_after_s }),
            Ok(Taken::Overloaded(retry_after_s)) => Err(AcceptError::Overloaded { retry_after_s }),
            Ok(Taken::TimedOut) => Err(AcceptError::TimedOut),
            Err(Error::Store(error)) => Err(error.into()),
            Err(error) => Err(AcceptError::Failed(error)),
        }
    }

    /// Does what other nodes ask for the flows of this one, until the server stops.
    pub(crate) async fn do_for_others(self) {
        let Some(mut asked) = self.0.store.asked() else { return };
        let mut stopped = self.stopped();
        loop {
            let asked = tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => return,
                asked = asked.recv() => asked,
            };
            let Some(asked) = asked else { return };
            let runtime = self.clone();
            tokio::spawn(async move {
                match runtime.answer_order(&asked.body).await {
                    Ok(answer) => drop(asked.answer.send(answer)),
                    // Where another server is the owner by now, it takes the order from the table.
                    Err(error) => {
                        runtime.0.health.refused(&error, || "what another server asked cannot be answered".to_owned());
                    }
                }
            });
        }
    }

    async fn answer_order(&self, body: &[u8]) -> Result<Bytes, Error> {
        let plain = self.0.vault.unseal_long(CONTEXT, body).map_err(unreadable)?;
        let order: Order = serde_json::from_slice(&plain).map_err(unreadable)?;
        let answer = match order {
            Order::Tell { run, told } => {
                let input = match told {
                    Told::CalledBack { token, outputs } => Input::CallbackReceived { token: token.into(), outputs },
                    Told::Cancel => Input::CancelRequested,
                };
                encoded(self.tell_here(run, input).await)?
            }
            Order::Look { flow } => encoded(Box::pin(self.look(flow)).await)?,
            Order::GiveUpAddress { flow } => encoded(self.give_up_address(flow).await)?,
            Order::RunNow { owner, flow, body, headers, begins } => {
                encoded(self.run_now_here(owner, flow, (body, headers), self.named(begins)).await)?
            }
            Order::Resubmit { owner, run, begins } => {
                encoded(self.resubmit_here(owner, run, self.named(begins)).await)?
            }
            Order::Resume { owner, run, now, begins } => {
                let which = if now { WhichVersion::Now } else { WhichVersion::Then };
                encoded(self.resume_here(owner, run, which, self.named(begins)).await)?
            }
            Order::TakeIn(taken) => encoded(self.take_in_for(*taken).await)?,
            Order::BeginChild(order) => encoded(self.begin_child_for(*order).await)?,
            Order::ChildAnswered { parent, child } => encoded(self.child_answered(parent, child).await)?,
        };
        let sealed = self.0.vault.seal_long(CONTEXT, &answer).map_err(unreadable)?;
        Ok(sealed.into())
    }

    /// The name that a run is to have.
    fn named(&self, begins: Option<RunId>) -> RunId {
        begins.unwrap_or_else(|| self.new_id())
    }

    async fn take_in_for(&self, taken: TakenIn) -> Result<Taken, Error> {
        let entry = self.flow_entry(taken.flow).await?.ok_or_else(|| Error::not_found("flow", taken.flow))?;
        let flow = &entry.flow;
        if !self.0.shards.may_begin(flow.id) {
            return Err(Error::Store(StoreError::NotOwner { shard: Shard::of(flow.id).number() }));
        }
        let version = self.version(flow.id, flow.version).await?;
        let event = Event {
            id: taken.id,
            flow: taken.flow,
            subscription: taken.subscription,
            // By the clock of this node, which compares it.
            received_at: self.now(),
            summary: taken.summary,
            head: decoded(&taken.head)?,
            body: decoded(&taken.body)?,
        };
        let dedupe = match taken.dedupe {
            Some((keys, window_ms)) => {
                let keys = keys.iter().map(|key| decoded(key)).collect::<Result<_, _>>()?;
                Some(Dedupe { keys, window: Duration::from_millis(window_ms) })
            }
            None => None,
        };
        let webhook = self.declarations_of(flow, &version, taken.subscription).await?;
        let head = event_head(&event)?;
        let (run, flow) = (run_of(event.id), std::sync::Arc::clone(flow));
        let waiter = taken.waits.then(|| Waiter::new(self, run));
        let is_secret = taken.is_secret;
        let stored = match self.take_in(FreshEvent { event, head, is_secret, dedupe, flow, version, webhook }).await {
            Ok(stored) => stored,
            Err(AcceptError::TooManyRuns { retry_after_s }) => return Ok(Taken::TooManyRuns(retry_after_s)),
            Err(AcceptError::Overloaded { retry_after_s }) => return Ok(Taken::Overloaded(retry_after_s)),
            Err(AcceptError::Failed(error)) => return Err(error),
            Err(other) => return Err(Error::NotPossible(other.to_string())),
        };
        let Some(mut waiter) = waiter.filter(|_| stored.is_some()) else { return Ok(Taken::Yes(stored, None)) };
        match tokio::time::timeout(self.0.config.response_wait, &mut waiter.answer).await {
            Ok(Ok(answer)) => Ok(Taken::Yes(stored, Some(answer.into()))),
            _ => Ok(Taken::TimedOut),
        }
    }

    /// Hands the answer of a child at another node to the run that waits for it.
    async fn child_answered(&self, parent: RunId, child: RunId) -> Result<(), Error> {
        let is_awaited = locked(&self.0.waiters).contains_key(&child);
        if is_awaited
            && let Some(answer) = self.answer_of_child(child, true).await?
            && !matches!(answer, Answer::NotBegun)
            && let Some(waiter) = locked(&self.0.waiters).remove(&child)
        {
            let _ = waiter.send(answer);
            return Ok(());
        }
        self.wake_parent(parent, child);
        Ok(())
    }

    /// Hears what other nodes tell, until the server stops.
    pub(crate) async fn hear_others(self) {
        let Some(mut notices) = self.0.store.notices() else { return };
        let mut stopped = self.stopped();
        loop {
            let notice = tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => return,
                notice = notices.recv() => notice,
                () = tokio::time::sleep(LISTENS_INTERVAL), if self.0.live.has_own_listeners() => {
                    self.0.store.tell_others("listens".to_owned());
                    continue;
                }
            };
            match notice {
                Ok(notice) if !notice.is_empty() => self.hear(&notice),
                Err(broadcast::error::RecvError::Closed) => return,
                // Anything may have been missed.
                _ => {
                    self.0.store.forget_all();
                    self.0.door.forget();
                    if let Err(error) = self.read_failure_settings().await {
                        tracing::warn!(%error, "what is to happen when runs fail cannot be read");
                    }
                    self.hand_on_timers_anew();
                    self.0.live.reload();
                    if let Some(counts) = self.read_until_stopped(|| self.0.store.pending_counts()).await {
                        for (flow, _) in counts.into_iter().filter(|(flow, _)| self.0.shards.owns(*flow)) {
                            self.0.queue.may_have_missed(flow);
                        }
                    }
                }
            }
        }
    }

    fn hear(&self, notice: &str) {
        let (kind, rest) = notice.split_once(' ').unwrap_or((notice, ""));
        match (kind, named(rest)) {
            ("pending", Some(flow)) if self.0.shards.owns(flow) => self.0.queue.missed(flow),
            ("flow", Some(flow)) => {
                self.0.store.forget(flow);
                // It may be due at once.
                self.hand_on_timers_anew();
            }
            ("door", _) => self.0.door.forget(),
            ("push", _) => self.0.push.notify_one(),
            (failures::NOTICE, Some(flow)) => drop(tokio::spawn(self.clone().hear_of_failures(flow))),
            ("listens", _) => self.0.live.others_listen(),
            ("live", _) => {
                if let Ok(event) = serde_json::from_str::<LiveEvent>(rest) {
                    self.0.live.publish_of_others(event);
                }
            }
            // The server's.
            _ => {}
        }
    }

    /// What this server is called among others that share its store; `None` for one that is alone for good.
    #[must_use]
    pub fn name_among_others(&self) -> Option<&str> {
        (!self.0.shards.is_alone()).then_some(&self.0.config.node)
    }

    /// Tells all other nodes something; see [`hookmill_store::Nodes::tell_others`].
    pub fn tell_others(&self, notice: String) {
        if self.0.store.has_others() {
            self.0.store.tell_others(notice);
        }
    }

    /// What other nodes tell; `None` for a server that is alone for good.
    #[must_use]
    pub fn notices(&self) -> Option<broadcast::Receiver<String>> {
        self.0.store.notices()
    }
}

fn encoded<T: Serialize>(answer: Result<T, Error>) -> Result<Vec<u8>, Error> {
    let answer = match answer {
        Err(error @ Error::Store(StoreError::NotOwner { .. })) => return Err(error),
        Err(error) => Err(Refusal::of(&error)),
        Ok(answer) => Ok(answer),
    };
    serde_json::to_vec(&answer).map_err(unreadable)
}
