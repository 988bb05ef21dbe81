//! What happens when a run of a flow fails: its owner is told, not too often, and another flow runs with what failed.
//!
//! A run that fails leaves a note in the very unit that ends it, so no crash loses it. [`Runtime::follow_failures`]
//! takes the notes: the other flow begins with an identifier made of the failed run's, so it begins once, and the note
//! goes when all of it is done.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hookmill_engine::DEPTH_HEADER;
use hookmill_engine::history::RunHistory;
use hookmill_expression::date_text;
use hookmill_model::{
    FlowId, FlowState, Id as _, NotificationId, Object, RunId, RunKind, RunStatus, Timestamp, UserId, Value, hex,
};
use hookmill_push::mail::Mail;
use hookmill_store::{Change, Flow, Lane, Run, StoreError, Unit};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::beginning::Origin;
use crate::loops::Refused;
use crate::{Error, Runtime, locked};

/// What the names of notes begin with; the failed run follows.
const NOTE: &str = "failed ";
/// What the names of settings begin with; the flow follows.
const SETTING: &str = "on failure ";
/// The notice by which other nodes hear that such a setting has changed.
pub(crate) const NOTICE: &str = "failures";
/// A person is told at most this seldom, in minutes: a week.
pub const MINUTES_MAX: u32 = 7 * 24 * 60;
/// So often notes are looked for that nobody rang for.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);
/// The pause after the store refused.
const PAUSE: Duration = Duration::from_secs(2);
/// One flow that runs on failure begins so many runs before others have their turn.
const NOTES_AT_ONCE: usize = 500;

/// What a flow's owner wants to happen when one of its runs fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OnFailure {
    /// The owner is told in the inbox and on the phone.
    pub notify: bool,
    /// The owner is told by mail, too.
    pub by_mail: bool,
    /// How long nothing more is told after the owner was told; what fails meanwhile is counted and told together.
    pub minutes: u32,
    /// The flow that runs with what failed.
    pub run_flow: Option<FlowId>,
    /// When the owner was told last.
    pub told_at: Option<Timestamp>,
    /// How many failed since.
    pub untold: u64,
    /// The last of them.
    pub untold_run: Option<RunId>,
}

impl Default for OnFailure {
    fn default() -> Self {
        Self { notify: false, by_mail: false, minutes: 60, run_flow: None, told_at: None, untold: 0, untold_run: None }
    }
}

impl OnFailure {
    /// Whether nothing is wanted.
    fn is_nothing(&self) -> bool {
        !self.notify && !self.by_mail && self.run_flow.is_none()
    }

    /// Until when nothing is told.
    fn quiet_until(&self) -> Option<Timestamp> {
        self.told_at.map(|at| at.plus(Duration::from_secs(u64::from(self.minutes) * 60)))
    }
}

/// What a failed run leaves.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    flow: FlowId,
    /// How many runs called each other to begin it.
    depth: u32,
    /// What it keeps is sealed, so the other flow does not get what its trigger gave.
    is_secret: bool,
}

/// The settings of all flows that have one, as they are stored.
#[derive(Default)]
pub(crate) struct Failures {
    wanted: Mutex<HashMap<FlowId, OnFailure>>,
    /// So that runs of servers without such a setting take no lock.
    are_any: AtomicBool,
    noted: Notify,
}

impl Failures {
    fn set(&self, flow: FlowId, wanted: Option<OnFailure>) {
        let mut all = locked(&self.wanted);
        match wanted {
            Some(wanted) => drop(all.insert(flow, wanted)),
            None => drop(all.remove(&flow)),
        }
        self.are_any.store(!all.is_empty(), Ordering::Release);
    }

    fn set_all(&self, wanted: HashMap<FlowId, OnFailure>) {
        let mut all = locked(&self.wanted);
        *all = wanted;
        self.are_any.store(!all.is_empty(), Ordering::Release);
    }

    fn of(&self, flow: FlowId) -> Option<OnFailure> {
        if !self.are_any.load(Ordering::Acquire) {
            return None;
        }
        locked(&self.wanted).get(&flow).cloned()
    }

    /// Rings for those who follow failures.
    pub fn ring(&self) {
        if self.are_any.load(Ordering::Acquire) {
            self.noted.notify_one();
        }
    }

    /// When somebody is to be told of what failed meanwhile, at the earliest.
    fn next(&self, is_own: impl Fn(FlowId) -> bool) -> Option<Timestamp> {
        let all = locked(&self.wanted);
        let waiting = all.iter().filter(|(flow, wanted)| wanted.untold > 0 && is_own(**flow));
        waiting.filter_map(|(_, wanted)| wanted.quiet_until()).min()
    }
}

/// The change that notes a failed run, where somebody wants to know of it.
pub(crate) fn note_of(
    failures: &Failures,
    run: &Run,
    status: RunStatus,
    depth: u32,
    is_secret: bool,
) -> Option<Change> {
    let is_failure = matches!(status, RunStatus::Failed | RunStatus::TimedOut | RunStatus::Faulted);
    if !is_failure || run.kind != RunKind::Flow {
        return None;
    }
    failures.of(run.flow)?;
    let note = serde_json::to_vec(&Note { flow: run.flow, depth, is_secret }).ok()?;
    Some(Change::PutSetting(format!("{NOTE}{}", run.id), note.into()))
}

fn setting(flow: FlowId) -> String {
    format!("{SETTING}{flow}")
}

fn put(flow: FlowId, wanted: &OnFailure) -> Result<Change, Error> {
    let bytes = serde_json::to_vec(wanted).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(Change::PutSetting(setting(flow), bytes.into()))
}

impl Runtime {
    /// What happens when a run of a flow fails.
    ///
    /// # Errors
    /// There is no such flow.
    pub async fn on_failure(&self, owner: UserId, flow: FlowId) -> Result<OnFailure, Error> {
        self.own_flow(owner, flow).await?;
        // From the store: who looks after the flow notes there what was told.
        Ok(self.stored_on_failure(flow).await?.unwrap_or_default())
    }

    async fn stored_on_failure(&self, flow: FlowId) -> Result<Option<OnFailure>, Error> {
        let name = setting(flow);
        let Some(bytes) = self.0.store.setting(&name).await? else { return Ok(None) };
        Ok(Some(hookmill_store::read(&name, &bytes, |bytes| serde_json::from_slice(bytes))?))
    }

    /// Sets what happens when a run of a flow fails.
    ///
    /// # Errors
    /// There is no such flow, the flow that is to run is this one or none of the owner's, or the store refused.
    pub async fn set_on_failure(&self, owner: UserId, flow: FlowId, wanted: OnFailure) -> Result<OnFailure, Error> {
        self.own_flow(owner, flow).await?;
        if wanted.minutes > MINUTES_MAX {
            return Err(Error::Inputs(format!("The pause is at most {MINUTES_MAX} minutes, a week.")));
        }
        if let Some(other) = wanted.run_flow {
            if other == flow {
                return Err(Error::Inputs("A flow cannot run itself when it fails. Choose another flow.".to_owned()));
            }
            self.own_flow(owner, other).await?;
        }
        let before = self.stored_on_failure(flow).await?.unwrap_or_default();
        let wanted =
            OnFailure { told_at: before.told_at, untold: before.untold, untold_run: before.untold_run, ..wanted };
        let kept = (!wanted.is_nothing()).then(|| wanted.clone());
        let change = match &kept {
            Some(kept) => put(flow, kept)?,
            None => Change::DeleteSetting(setting(flow)),
        };
        self.0.store.commit(Unit::from(change), Lane::Work).await?;
        self.0.failures.set(flow, kept);
        self.tell_others(format!("{NOTICE} {flow}"));
        Ok(wanted)
    }

    /// Reads anew what a flow wants to happen, since another node has stored it.
    pub(crate) async fn hear_of_failures(self, flow: FlowId) {
        match self.stored_on_failure(flow).await {
            Ok(wanted) => self.0.failures.set(flow, wanted),
            Err(Error::Damaged(damaged)) => self.0.damages.note_setting(&damaged),
            Err(error) => tracing::warn!(%flow, %error, "what is to happen when runs of a flow fail cannot be read"),
        }
    }

    /// Reads what flows want to happen; before it has, no run may end.
    pub(crate) async fn read_failure_settings(&self) -> Result<(), Error> {
        let mut all = HashMap::new();
        for (name, bytes) in self.0.store.settings(SETTING).await? {
            let Ok(flow) = name[SETTING.len()..].parse::<FlowId>() else { continue };
            let read = hookmill_store::read(&name, &bytes, |bytes| serde_json::from_slice::<OnFailure>(bytes));
            match read {
                Ok(wanted) => drop(all.insert(flow, wanted)),
                Err(damaged) => self.0.damages.note_setting(&damaged),
            }
        }
        self.0.failures.set_all(all);
        Ok(())
    }

    /// Follows what failed until the server stops.
    pub(crate) async fn follow_failures(self) {
        let mut stopped = self.stopped();
        loop {
            let pause = match self.follow_some().await {
                Ok(true) => Duration::ZERO,
                Ok(false) => {
                    let next = self
                        .0
                        .failures
                        .next(|flow| self.0.shards.owns(flow))
                        .map_or(LOOK_INTERVAL, |at| at.since(self.now()));
                    next.clamp(Duration::from_millis(100), LOOK_INTERVAL)
                }
                Err(error) => {
                    self.0.health.refused(&error, || "what a failed run asks for waits".to_owned());
                    PAUSE
                }
            };
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => return,
                () = self.0.failures.noted.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Takes notes that are there; whether there are more.
    async fn follow_some(&self) -> Result<bool, Error> {
        if !self.0.failures.are_any.load(Ordering::Acquire) {
            return Ok(false);
        }
        let notes = self.0.store.settings(NOTE).await?;
        let mut by_flow: BTreeMap<FlowId, Vec<(RunId, Note)>> = BTreeMap::new();
        let mut done = Unit::new();
        let (mut taken, mut are_more) = (0, false);
        for (name, bytes) in notes {
            let run = name[NOTE.len()..].parse::<RunId>().ok();
            let note = hookmill_store::read(&name, &bytes, |bytes| serde_json::from_slice::<Note>(bytes));
            match (run, note) {
                // The node that looks after the flow follows its failures.
                (Some(_), Ok(note)) if !self.0.shards.owns(note.flow) => {}
                (Some(_), Ok(_)) if taken >= NOTES_AT_ONCE => are_more = true,
                (Some(run), Ok(note)) => {
                    taken += 1;
                    by_flow.entry(note.flow).or_default().push((run, note));
                }
                (_, Err(damaged)) => self.0.damages.note_setting(&damaged),
                (None, Ok(_)) => done.push(Change::DeleteSetting(name)),
            }
        }
        let now = self.now();
        for (id, failed) in by_flow {
            let wanted = self.0.failures.of(id);
            let flow = self.0.store.flow(id).await?.filter(|flow| flow.deleted_at.is_none());
            if let (Some(mut wanted), Some(flow)) = (wanted, flow) {
                for (run, note) in &failed {
                    self.run_with_failed(&flow, &wanted, *run, note).await?;
                }
                wanted.untold += failed.len() as u64;
                wanted.untold_run = failed.iter().map(|(run, _)| *run).max().max(wanted.untold_run);
                let told = self.tell_of_failures(&flow, wanted, now).await?;
                self.keep_told(id, &told).await?;
            }
            for (run, _) in failed {
                done.push(Change::DeleteSetting(format!("{NOTE}{run}")));
            }
        }
        if !done.is_empty() {
            self.0.store.commit(done, Lane::Work).await?;
        }
        self.tell_what_waited(now).await?;
        Ok(are_more)
    }

    /// Tells of what failed while nothing was to be told.
    async fn tell_what_waited(&self, now: Timestamp) -> Result<(), Error> {
        let due: Vec<(FlowId, OnFailure)> = locked(&self.0.failures.wanted)
            .iter()
            .filter(|(flow, _)| self.0.shards.owns(**flow))
            .filter(|(_, wanted)| wanted.untold > 0 && wanted.quiet_until().is_none_or(|until| until <= now))
            .map(|(flow, wanted)| (*flow, wanted.clone()))
            .collect();
        for (id, wanted) in due {
            let Some(flow) = self.0.store.flow(id).await?.filter(|flow| flow.deleted_at.is_none()) else {
                self.0.store.commit(Unit::from(Change::DeleteSetting(setting(id))), Lane::Work).await?;
                self.0.failures.set(id, None);
                continue;
            };
            let told = self.tell_of_failures(&flow, wanted, now).await?;
            self.keep_told(id, &told).await?;
        }
        Ok(())
    }

    /// Keeps what was told, beside what the person wants by now: that may have changed meanwhile.
    async fn keep_told(&self, flow: FlowId, told: &OnFailure) -> Result<(), Error> {
        let Some(wanted) = self.0.failures.of(flow) else { return Ok(()) };
        let OnFailure { told_at, untold, untold_run, .. } = *told;
        let wanted = OnFailure { told_at, untold, untold_run, ..wanted };
        self.0.store.commit(Unit::from(put(flow, &wanted)?), Lane::Work).await?;
        self.0.failures.set(flow, Some(wanted));
        self.tell_others(format!("{NOTICE} {flow}"));
        Ok(())
    }

    /// Tells the owner, unless that was done a short while ago.
    async fn tell_of_failures(&self, flow: &Flow, mut wanted: OnFailure, now: Timestamp) -> Result<OnFailure, Error> {
        if !wanted.notify && !wanted.by_mail {
            (wanted.untold, wanted.untold_run) = (0, None);
            return Ok(wanted);
        }
        let Some(run) = wanted.untold_run.filter(|_| wanted.quiet_until().is_none_or(|until| until <= now)) else {
            return Ok(wanted);
        };
        let listed = self.0.store.run(run).await?;
        let error = listed.and_then(|listed| listed.run.error).map(|error| error.message).unwrap_or_default();
        let text = match wanted.untold {
            0 | 1 => format!("A run failed. {error}"),
            many => format!("{many} runs failed. The last one: {error}"),
        };
        let title = format!("{} failed", flow.name);
        if wanted.notify {
            // The same one again after a crash in between.
            let mark = self.0.vault.lookup("failure notice", &run.to_string());
            let mut random = [0; 10];
            random.copy_from_slice(&mark[..10]);
            let id = NotificationId::make(run.made_at(), random);
            self.put_notification(id, flow.owner, &title, text.trim(), None, Some(run), Some(flow.id)).await?;
        }
        if wanted.by_mail
            && let Some(owner) = self.0.store.user(flow.owner).await?
        {
            let address = format!("{}/flows/{}/runs/{run}", self.0.config.public_url, flow.id);
            let mail = Mail {
                mark: hex(&self.0.vault.lookup("failure mail", &run.to_string())),
                to: owner.email,
                subject: title,
                text: format!("{}\n\n{address}\n", text.trim()),
                ..Mail::default()
            };
            if let Err(error) = self.send_mail(&mail).await {
                tracing::warn!(flow = %flow.id, %error, "the mail about a failed run was not sent");
            }
        }
        (wanted.told_at, wanted.untold, wanted.untold_run) = (Some(now), 0, None);
        Ok(wanted)
    }

    /// Begins the run of the other flow, unless it was begun before.
    async fn run_with_failed(&self, flow: &Flow, wanted: &OnFailure, run: RunId, note: &Note) -> Result<(), Error> {
        let Some(other) = wanted.run_flow else { return Ok(()) };
        let Some(listed) = self.0.store.run(run).await? else { return Ok(()) };
        let refused = |why: String| {
            tracing::warn!(flow = %flow.id, run = %run, why, "the flow for failures did not run");
        };
        let other = match self.own_flow(flow.owner, other).await {
            Ok(other) if other.state == FlowState::On => other,
            Ok(other) => {
                refused(format!("the flow {:?} is turned off", other.name));
                return Ok(());
            }
            Err(Error::NotFound { .. }) => {
                refused("the flow is not there any more".to_owned());
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let depth = note.depth.saturating_add(1);
        match self.0.loops.admit(other.id, depth, self.now()) {
            Ok(()) => {}
            Err(Refused::TooDeep(why)) => {
                refused(why);
                return Ok(());
            }
            Err(Refused::TooOften { .. }) => {
                refused("it is called too often".to_owned());
                return Ok(());
            }
        }
        let version = match self.version(other.id, other.version).await {
            Ok(version) => version,
            Err(error @ Error::Store(_)) => return Err(error),
            Err(error) => {
                refused(error.to_string());
                return Ok(());
            }
        };
        let trigger = version.plan.triggers.first().map(|trigger| trigger.name.clone()).unwrap_or_default();
        let body = self.failed_body(flow, &listed.run, note).await?;
        let mut outputs = Object::new();
        outputs.insert("headers", Value::object([(DEPTH_HEADER, depth.to_string())]));
        outputs.insert("body", body);
        let record = Value::object([
            ("name", Value::from(trigger)),
            ("outputs", outputs.into()),
            ("status", "Succeeded".into()),
        ]);
        let mark = self.0.vault.lookup("run on failure", &run.to_string());
        let mut random = [0; 10];
        random.copy_from_slice(&mark[..10]);
        let child = RunId::make(listed.run.ended_at.unwrap_or(listed.run.started_at), random);
        if self.0.store.run(child).await?.is_some() {
            return Ok(());
        }
        let origin = Origin::Parent { run, child, is_secret: note.is_secret };
        match self.begin(Unit::new(), &other, &version, vec![record], origin).await {
            Ok(_) | Err(Error::Store(StoreError::Conflict { .. })) => Ok(()),
            Err(error @ Error::Store(_)) => Err(error),
            Err(error) => {
                refused(error.to_string());
                Ok(())
            }
        }
    }

    /// What the other flow's trigger gives: the failed run.
    async fn failed_body(&self, flow: &Flow, run: &Run, note: &Note) -> Result<Value, Error> {
        let text = |text: &str| Value::from(text);
        let error = run.error.as_ref();
        let address = format!("{}/flows/{}/runs/{}", self.0.config.public_url, flow.id, run.id);
        let mut trigger = Object::new();
        trigger.insert("name", text(&run.trigger));
        if !note.is_secret {
            let mut history = None;
            self.read_pages(run.id, |facts| {
                history = Some(RunHistory::read(facts.first()));
                false
            })
            .await?;
            let shown = history.map(|history| history.trigger_shown()).unwrap_or_default();
            if let Some(body) = shown.pointer("/outputs/body") {
                trigger.insert("body", body.clone());
            }
        }
        Ok(Value::object([
            ("flow", Value::object([("id", text(&flow.id.to_string())), ("name", text(&flow.name))])),
            (
                "run",
                Value::object([
                    ("id", text(&run.id.to_string())),
                    ("address", text(&address)),
                    ("status", text(run.status.as_str())),
                    ("startTime", date_text(run.started_at).into()),
                    ("endTime", date_text(run.ended_at.unwrap_or(run.started_at)).into()),
                ]),
            ),
            (
                "error",
                Value::object([
                    ("code", text(error.map(|error| &*error.code).unwrap_or_default())),
                    ("message", text(error.map(|error| &*error.message).unwrap_or_default())),
                ]),
            ),
            ("trigger", trigger.into()),
        ]))
    }
}
