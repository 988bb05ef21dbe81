//! What came to the address of a flow: each call with its verdict, for people.
//!
//! Calls that began runs are the stored events. All others (repeated, refused, handshakes, pings) are noted here, so that
//! no call waits for a further commit: they are handed to a task that writes them in batches. What it cannot take in time
//! is counted and left out.
//!
//! Notes are kept in rows of [`ROW_CALLS`] calls, [`ROWS`] rows a flow and kind, the oldest row being written over. What
//! proved nothing has rows of its own, so that a flood of forged calls pushes nothing else out, and keeps no body and no
//! values of headers.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hookmill_model::{EventId, FlowId, Id as _, Object, RunId, RunStatus, Str, Timestamp, UserId, Value};
use hookmill_store::{Change, Event, Lane, List, Unit};
use hookmill_webhook::{Decision, Outcome};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::notification::{Notification, has_credentials};
use crate::stored::event_head;
use crate::stored::run_of;
use crate::visible::Visible;
use crate::{AcceptError, Error, Runtime};

/// Calls that wait to be written.
const QUEUE_MAX: usize = 2_048;
/// Calls of one row, and rows of one flow and kind.
const ROW_CALLS: usize = 32;
const ROWS: u64 = 16;
/// How often what was noted is written.
const WRITE_EVERY: Duration = Duration::from_millis(500);
/// Rows that the writer keeps in memory.
const OPEN_ROWS_MAX: usize = 512;
/// Header lines of a call, and characters of one.
const HEADERS_MAX: usize = 40;
const HEADER_CHARS_MAX: usize = 200;
/// Characters of a reason.
const REASON_CHARS_MAX: usize = 300;
/// Events that one question looks at.
const LOOKED_AT_MAX: usize = 300;
/// Calls that one replay sends in again.
pub const REPLAY_MAX: usize = 200;

/// What a call turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is an event: its run began, or waits for its turn.
    Ran,
    /// It came before; no second run.
    Duplicate,
    /// It did not prove its sender.
    Refused,
    /// A question of the service, answered.
    Handshake,
    /// Proof of life.
    Ping,
    /// The webhook was being created, or its secret was not known: the service comes again.
    PutOff,
    /// Another method, an unknown coding, too large and the like.
    Unfit,
}

impl Verdict {
    /// Whether everybody who knows the address can bring it about.
    const fn is_of_strangers(self) -> bool {
        matches!(self, Self::Refused | Self::PutOff | Self::Unfit)
    }
}

/// A call that is noted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Noted {
    pub id: EventId,
    pub at: Timestamp,
    pub verdict: Verdict,
    pub method: String,
    pub bytes: u64,
    /// The answer.
    pub status: u16,
    /// Names and values; no value where the sender is not proven.
    pub headers: Vec<(String, Option<String>)>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// The event that it repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<EventId>,
}

/// A call of a flow's address as people see it.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceivedCall {
    /// Its identifier; that of the event where it is one.
    pub id: EventId,
    /// When it came.
    pub at: Timestamp,
    /// What it turned out to be.
    pub verdict: Verdict,
    /// What it was in a word: what the service calls the event, or the method.
    pub summary: String,
    /// Bytes of the body as it was sent.
    pub bytes: u64,
    /// The HTTP status of the answer; `None` for events, whose answer is the declared one.
    pub status: Option<u16>,
    /// Names and values; values that carry credentials are hidden, and those of strangers are not kept.
    pub headers: Vec<(String, Option<String>)>,
    /// Why it was refused.
    pub reasons: Vec<String>,
    /// The event that it repeats.
    pub first: Option<EventId>,
    /// The run that it began; where it began several, the first.
    pub run: Option<(RunId, RunStatus)>,
}

/// Which calls are asked for.
#[derive(Clone, Debug, Default)]
pub struct ReceivedFilter {
    /// Only these.
    pub verdict: Option<Verdict>,
    /// Only those in whose header lines or body this text stands, in any case.
    pub text: Option<String>,
}

/// A page of calls, newest first.
#[derive(Clone, Debug)]
pub struct ReceivedPage {
    /// The calls; fewer than asked for where the search ends earlier.
    pub items: Vec<ReceivedCall>,
    /// Where the next page begins.
    pub next: Option<EventId>,
}

/// What notes calls.
pub(crate) struct Received {
    sender: mpsc::Sender<(FlowId, Noted)>,
    receiver: std::sync::Mutex<Option<mpsc::Receiver<(FlowId, Noted)>>>,
    lost: AtomicU64,
}

impl Default for Received {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        Self { sender, receiver: std::sync::Mutex::new(Some(receiver)), lost: AtomicU64::new(0) }
    }
}

impl Received {
    fn note(&self, flow: FlowId, call: Noted) {
        if self.sender.try_send((flow, call)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// One row of notes, newest last.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Row {
    /// The how many-th row of its flow and kind it is.
    number: u64,
    calls: Vec<Noted>,
}

/// What all rows of a flow are called by.
fn prefix(flow: FlowId) -> String {
    format!("received/{flow}/")
}

/// What the rows of a flow and kind are called by. Of servers beside each other each has rows of its own.
fn kind_prefix(flow: FlowId, is_of_strangers: bool, node: Option<&str>) -> String {
    let kind = if is_of_strangers { "strangers" } else { "own" };
    let node = node.map(|node| format!("{node}/")).unwrap_or_default();
    format!("{}{kind}/{node}", prefix(flow))
}

fn cut(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}

/// Header lines as they are kept.
fn kept(headers: &Object, with_values: bool) -> Vec<(String, Option<String>)> {
    let shown = hookmill_definition::secret::without_secret_headers(&Value::object([("headers", headers.clone())]));
    let shown = shown.get("headers").and_then(Value::as_object).unwrap_or(headers);
    let line = |(name, value): (&Str, &Value)| {
        let text = value.as_str().filter(|_| with_values).map(|text| cut(text, HEADER_CHARS_MAX));
        (cut(name, HEADER_CHARS_MAX), text)
    };
    shown.iter().take(HEADERS_MAX).map(line).collect()
}

fn decode(name: &str, bytes: &[u8]) -> Result<Row, Error> {
    hookmill_store::read(format_args!("the calls noted as {name}"), bytes, |bytes| serde_json::from_slice(bytes))
        .map_err(Error::from)
}

impl Runtime {
    /// Notes a call that is no event. `reasons` says why it was refused.
    pub(crate) fn note_call(
        &self,
        flow: FlowId,
        notification: &Notification,
        (verdict, status): (Verdict, u16),
        reasons: Vec<String>,
    ) {
        let is_proven = verdict == Verdict::Ping;
        let call = Noted {
            id: self.new_id(),
            at: self.now(),
            verdict,
            method: cut(&notification.method, 20),
            bytes: notification.body.len() as u64,
            status,
            headers: kept(&notification.headers, is_proven),
            reasons: reasons.iter().take(8).map(|reason| cut(reason, REASON_CHARS_MAX)).collect(),
            first: None,
        };
        self.0.received.note(flow, call);
    }

    /// Notes what the declarations of a webhook make of a call, unless it is an event.
    pub(crate) fn note_decision(&self, flow: FlowId, notification: &Notification, decision: &Decision) {
        let (verdict, reasons) = match &decision.outcome {
            Outcome::Event { .. } => return,
            Outcome::Ping { .. } => (Verdict::Ping, Vec::new()),
            Outcome::Handshake { .. } => (Verdict::Handshake, Vec::new()),
            Outcome::Unproven { reasons } => (Verdict::Refused, reasons.clone()),
            Outcome::Refused { reason } => (Verdict::Unfit, vec![reason.clone()]),
            Outcome::Early | Outcome::Fetch(_) | Outcome::Ask(_) => (Verdict::PutOff, Vec::new()),
        };
        self.note_call(flow, notification, (verdict, decision.response.status), reasons);
    }

    /// Notes a delivery that came before.
    pub(crate) fn note_repeated(&self, event: &Event, first: EventId) {
        // The head was just made of what came in; where it cannot be read there are no lines to show.
        let head = event_head(event).ok();
        let headers = head.as_ref().and_then(|head| head.get("headers")?.as_object()).cloned().unwrap_or_default();
        let call = Noted {
            id: event.id,
            at: event.received_at,
            verdict: Verdict::Duplicate,
            method: cut(&event.summary, 20),
            bytes: event.body.len() as u64,
            status: 0,
            headers: kept(&headers, true),
            reasons: Vec::new(),
            first: Some(first),
        };
        self.0.received.note(event.flow, call);
    }

    /// Writes what is noted, in batches.
    pub(crate) async fn write_received(self) {
        let Some(mut receiver) = crate::locked(&self.0.received.receiver).take() else { return };
        let mut stopped = self.stopped();
        let mut open: HashMap<(FlowId, bool), Row> = HashMap::new();
        let mut batch = Vec::new();
        loop {
            let is_over = tokio::select! {
                count = receiver.recv_many(&mut batch, QUEUE_MAX) => count == 0,
                _ = stopped.changed() => true,
            };
            if !is_over {
                // A moment later there may be more for the same rows.
                tokio::select! {
                    () = tokio::time::sleep(WRITE_EVERY) => {}
                    _ = stopped.changed() => {}
                }
            }
            while let Ok(one) = receiver.try_recv() {
                batch.push(one);
            }
            let lost = self.0.received.lost.swap(0, Ordering::Relaxed);
            if lost > 0 {
                tracing::warn!(lost, "more calls were refused or repeated than can be noted; these are left out");
            }
            if let Err(error) = self.write_batch(&mut open, std::mem::take(&mut batch)).await {
                // The calls themselves were answered; only the notes of them are lost.
                tracing::warn!(%error, "calls of webhooks cannot be noted");
                open.clear();
            }
            if is_over || *stopped.borrow() {
                return;
            }
        }
    }

    async fn write_batch(
        &self,
        open: &mut HashMap<(FlowId, bool), Row>,
        batch: Vec<(FlowId, Noted)>,
    ) -> Result<(), Error> {
        if open.len() > OPEN_ROWS_MAX {
            open.clear();
        }
        let mut changed: BTreeMap<String, Row> = BTreeMap::new();
        for (flow, call) in batch {
            let key = (flow, call.verdict.is_of_strangers());
            let row = match open.entry(key) {
                Entry::Occupied(row) => row.into_mut(),
                Entry::Vacant(place) => place.insert(self.newest_row(flow, key.1).await?),
            };
            if row.calls.len() >= ROW_CALLS {
                *row = Row { number: row.number + 1, calls: Vec::new() };
            }
            row.calls.push(call);
            let rows = kind_prefix(flow, key.1, self.name_among_others());
            changed.insert(format!("{rows}{:02}", row.number % ROWS), row.clone());
        }
        let mut unit = Unit::new();
        for (name, row) in changed {
            let bytes = serde_json::to_vec(&row).map_err(|error| Error::Internal(error.to_string()))?;
            unit.push(Change::PutSetting(name, bytes.into()));
        }
        if !unit.is_empty() {
            self.0.store.commit(unit, Lane::Work).await?;
        }
        Ok(())
    }

    async fn newest_row(&self, flow: FlowId, is_of_strangers: bool) -> Result<Row, Error> {
        let mut newest = Row::default();
        let rows = kind_prefix(flow, is_of_strangers, self.name_among_others());
        for (name, bytes) in self.0.store.settings(&rows).await? {
            let row = decode(&name, &bytes)?;
            if row.number >= newest.number {
                newest = row;
            }
        }
        Ok(newest)
    }

    /// All noted calls of a flow, newest first.
    async fn noted(&self, flow: FlowId) -> Result<Vec<Noted>, Error> {
        let mut calls = Vec::new();
        for (name, bytes) in self.0.store.settings(&prefix(flow)).await? {
            calls.extend(decode(&name, &bytes)?.calls);
        }
        calls.sort_by_key(|call| std::cmp::Reverse(call.id.to_bits()));
        Ok(calls)
    }

    /// Forgets rows whose calls all came before a moment, and those of a flow that is deleted.
    pub(crate) async fn forget_received(&self, before: Timestamp) -> Result<(), Error> {
        let mut after = None;
        loop {
            let filter = hookmill_store::FlowFilter { owner: None, state: None, q: None };
            let page = self.0.store.flows(&filter, List { limit: 200, after }).await?;
            for flow in page.items {
                self.forget_received_of(flow.id, before).await?;
            }
            after = page.next;
            if after.is_none() || *self.stopped().borrow() {
                return Ok(());
            }
        }
    }

    /// Forgets the rows of one flow whose calls all came before a moment.
    pub(crate) async fn forget_received_of(&self, flow: FlowId, before: Timestamp) -> Result<(), Error> {
        let mut unit = Unit::new();
        for (name, bytes) in self.0.store.settings(&prefix(flow)).await? {
            // A row that cannot be read says nothing to anybody.
            let is_old = decode(&name, &bytes).map_or(true, |row| row.calls.iter().all(|call| call.at < before));
            if is_old {
                unit.push(Change::DeleteSetting(name));
            }
        }
        if !unit.is_empty() {
            self.0.store.commit(unit, Lane::Work).await?;
        }
        Ok(())
    }

    /// The calls of a flow's address, newest first.
    ///
    /// # Errors
    /// There is no such flow of this owner, or the store cannot be read.
    pub async fn received_calls(
        &self,
        owner: UserId,
        flow: FlowId,
        filter: &ReceivedFilter,
        list: List<EventId>,
    ) -> Result<ReceivedPage, Error> {
        let flow = self.own_flow(owner, flow).await?;
        let (visible, _) = self.visible(flow.id, flow.version).await?;
        let limit = list.bounded();
        let wanted = filter.text.as_deref().map(str::to_lowercase).filter(|text| !text.is_empty());
        let fits = |verdict| filter.verdict.is_none_or(|own| own == verdict);
        let is_before = |id: EventId| list.after.is_none_or(|after| id.to_bits() < after.to_bits());
        let mut noted = self.noted(flow.id).await?;
        noted.retain(|call| is_before(call.id) && fits(call.verdict));
        if let Some(text) = &wanted {
            noted.retain(|call| {
                let lines = call.headers.iter().flat_map(|(name, value)| [Some(&**name), value.as_deref()]).flatten();
                let mut texts = lines.chain(call.reasons.iter().map(|reason| &**reason)).chain([&*call.method]);
                texts.any(|own| own.to_lowercase().contains(text))
            });
        }
        let (mut found, mut looked_at, mut after) = (Vec::new(), 0, list.after);
        // Where the events end, or how far they were looked at.
        let mut reached = None;
        while fits(Verdict::Ran) && found.len() < limit {
            let page = self.0.store.events(flow.id, List { limit: limit.min(50), after }).await?;
            for listed in page.items {
                if looked_at >= LOOKED_AT_MAX || found.len() >= limit {
                    break;
                }
                looked_at += 1;
                reached = Some(listed.id);
                if listed.subscription.is_none() {
                    // A person began it by hand.
                    continue;
                }
                let Some(event) = self.0.store.event(listed.id).await? else { continue };
                let call = self.received_event(&visible, &event, wanted.as_deref()).await?;
                found.extend(call);
            }
            after = page.next;
            if after.is_none() || looked_at >= LOOKED_AT_MAX || *self.stopped().borrow() {
                break;
            }
        }
        let is_at_end = after.is_none() && found.len() < limit && looked_at < LOOKED_AT_MAX;
        // Beyond what was looked at of the events nothing is shown, or a page would leave a gap.
        let floor = reached.filter(|_| fits(Verdict::Ran) && !is_at_end);
        noted.retain(|call| floor.is_none_or(|floor| call.id.to_bits() > floor.to_bits()));
        let mut items = found;
        let redacted = noted.into_iter().map(|call| ReceivedCall {
            id: call.id,
            at: call.at,
            verdict: call.verdict,
            summary: call.method,
            bytes: call.bytes,
            status: Some(call.status).filter(|status| *status > 0),
            headers: if visible.hides_trigger() { Vec::new() } else { call.headers },
            reasons: call.reasons,
            first: call.first,
            run: None,
        });
        items.extend(redacted);
        items.sort_by_key(|call| std::cmp::Reverse(call.id.to_bits()));
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(|call| call.id) } else { floor };
        Ok(ReceivedPage { items, next })
    }

    /// A stored event as a call; `None` where the text does not stand in it.
    async fn received_event(
        &self,
        visible: &Visible,
        event: &Event,
        text: Option<&str>,
    ) -> Result<Option<ReceivedCall>, Error> {
        let head = Value::from(event_head(event)?);
        let shown = visible.of_run(&head).value(&head);
        let headers = shown.get("headers").and_then(Value::as_object).cloned().unwrap_or_default();
        let headers = if visible.hides_trigger() { Object::new() } else { headers };
        if let Some(text) = text {
            let in_headers = || Value::from(headers.clone()).to_json().to_lowercase().contains(text);
            let in_body =
                || !visible.hides_trigger() && String::from_utf8_lossy(&event.body).to_lowercase().contains(text);
            if !in_headers() && !in_body() {
                return Ok(None);
            }
        }
        let run = run_of(event.id);
        let run = self.0.store.run(run).await?.map(|listed| (run, listed.run.status));
        Ok(Some(ReceivedCall {
            id: event.id,
            at: event.received_at,
            verdict: Verdict::Ran,
            summary: event.summary.clone(),
            bytes: event.body.len() as u64,
            status: None,
            headers: kept(&headers, true),
            reasons: Vec::new(),
            first: None,
            run,
        }))
    }

    /// The well-known service that seems to have sent a stored call.
    ///
    /// # Errors
    /// There is no such flow or call of this owner.
    pub async fn recognised(
        &self,
        owner: UserId,
        flow: FlowId,
        call: EventId,
    ) -> Result<Option<&'static hookmill_webhook::Preset>, Error> {
        let flow = self.own_flow(owner, flow).await?;
        let event = self.0.store.event(call).await?.filter(|found| found.flow == flow.id);
        let event = event.ok_or_else(|| Error::not_found("delivery", call))?;
        let head = event_head(&event)?;
        let headers = head.get("headers").and_then(Value::as_object).cloned().unwrap_or_default();
        let headers = crate::notification::header_lines(&headers);
        let request = hookmill_webhook::Request { method: "POST", url: "", headers: &headers, body: &event.body };
        Ok(hookmill_webhook::recognised(request, self.0.config.body_bytes_max))
    }

    /// Sends stored calls in again, the oldest first: those named, or all from one to another. A repeated call stands for
    /// its first one. Gives the runs that begin.
    ///
    /// # Errors
    /// There is no such flow or call of this owner, the body was not kept, or there are more than [`REPLAY_MAX`].
    pub async fn replay_calls(&self, owner: UserId, flow: FlowId, calls: &[EventId]) -> Result<Vec<RunId>, Error> {
        let flow = self.own_flow(owner, flow).await?;
        if calls.len() > REPLAY_MAX {
            return Err(Error::Inputs(format!(
                "{} calls are more than {REPLAY_MAX}, which is how many are replayed at a time.",
                calls.len()
            )));
        }
        let version = self.version(flow.id, flow.version).await?;
        let noted = self.noted(flow.id).await?;
        let mut wanted: Vec<EventId> = Vec::new();
        for call in calls {
            let first = noted.iter().find(|own| own.id == *call).map(|own| own.first);
            let id = match first {
                None => *call,
                Some(Some(first)) => first,
                Some(None) => {
                    return Err(Error::NotPossible(
                        "Of this call no body was kept, so it cannot be sent in again.".to_owned(),
                    ));
                }
            };
            if !wanted.contains(&id) {
                wanted.push(id);
            }
        }
        wanted.sort_by_key(|id| id.to_bits());
        let mut runs = Vec::with_capacity(wanted.len());
        for id in wanted {
            let event = self.0.store.event(id).await?.filter(|found| found.flow == flow.id);
            let event = event.ok_or_else(|| Error::not_found("delivery", id))?;
            let is_secret = has_credentials(&event_head(&event)?);
            let event = Event { id: self.new_id(), received_at: self.now(), ..event };
            let run = run_of(event.id);
            match self.take_in_queue(event, is_secret, None, &flow, &version).await {
                Ok(_) => runs.push(run),
                Err(AcceptError::Failed(error)) => return Err(error),
                Err(refused) => {
                    let done = runs.len();
                    return Err(Error::NotPossible(format!("{refused}. {done} calls were sent in before that.")));
                }
            }
        }
        Ok(runs)
    }

    /// The stored calls of a flow from one to another, both included, the oldest first.
    ///
    /// # Errors
    /// There is no such flow of this owner, or there are more than [`REPLAY_MAX`].
    pub async fn calls_between(
        &self,
        owner: UserId,
        flow: FlowId,
        from: EventId,
        until: EventId,
    ) -> Result<Vec<EventId>, Error> {
        let flow = self.own_flow(owner, flow).await?;
        let (low, high) = (from.to_bits().min(until.to_bits()), from.to_bits().max(until.to_bits()));
        let mut after = high.checked_add(1).map(EventId::from_bits);
        let mut found = Vec::new();
        loop {
            let page = self.0.store.events(flow.id, List { limit: REPLAY_MAX, after }).await?;
            let is_last = page.next.is_none();
            for event in page.items {
                if event.id.to_bits() < low {
                    found.reverse();
                    return Ok(found);
                }
                if found.len() >= REPLAY_MAX {
                    return Err(Error::Inputs(format!(
                        "There are more than {REPLAY_MAX} calls between these two; replay them in several steps."
                    )));
                }
                found.push(event.id);
            }
            after = page.next;
            if is_last {
                found.reverse();
                return Ok(found);
            }
        }
    }
}
