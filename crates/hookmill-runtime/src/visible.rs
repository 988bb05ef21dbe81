//! What people may see of what is kept: the one door for histories, events, definitions and exports.
//!
//! Whatever leaves the store for people goes through [`Visible`]. It knows the secrets of one version of a flow, hides
//! them where they stand, and takes them out of everything else in every spelling in which they come back.

use hookmill_definition::{Profile, secret};
use hookmill_engine::backtest::Replay;
use hookmill_engine::history::{Digest, RunHistory, Seen};
use hookmill_engine::{Culprit, Fact, RunState, culprit, refusal};
use hookmill_expression::content;
use hookmill_http::Redactor;
use hookmill_model::{EventId, FlowId, Pointer, Timestamp, UserId, Value};
use hookmill_store::RunError;

use crate::plans::Version;
use crate::sealed::lost_secrets;
use crate::stored::{event_head, read_part};
use crate::{Error, Runtime};

/// A larger value is only named on pages.
const SHOWN_BYTES_MAX: usize = 256 * 1_024;

/// A notification as people see it.
#[derive(Clone, Debug)]
pub struct EventSeen {
    /// Names and texts; those that carry credentials are hidden.
    pub headers: Value,
    /// `None` where there was none, or where the maker hides what the trigger receives.
    pub body: Option<Value>,
    /// Whether the maker hides it.
    pub is_hidden: bool,
    /// When it came.
    pub received_at: Timestamp,
}

/// One version of a flow as its maker sees it.
#[derive(Clone, Debug)]
pub struct FlowVersionView {
    /// When it was saved.
    pub created_at: Timestamp,
    /// Its definition.
    pub definition: Value,
    /// Values of parameters.
    pub parameters: Value,
    /// Which product it was written for.
    pub profile: Profile,
}

/// What takes out of the lists of runs the secrets of a version, and the credentials in what a run received; `None` where
/// there are none.
pub(crate) fn list_redactor(version: &Version, trigger: &Value) -> Option<Redactor> {
    let received = trigger.get("outputs").unwrap_or(trigger);
    let of_run = secret::header_secrets(received);
    let secrets = version.secrets.iter().chain(&of_run).map(|(name, text)| (name.as_str(), text.as_str()));
    (!version.secrets.is_empty() || !of_run.is_empty()).then(|| Redactor::new(secrets))
}

/// A value as pages show it: one that is larger is named, and read by itself.
#[must_use]
pub fn cut(value: &Value) -> Value {
    match value.json_bytes() {
        bytes if bytes > SHOWN_BYTES_MAX => Value::object([
            ("$truncated", Value::Bool(true)),
            ("bytes", Value::from(i64::try_from(bytes).unwrap_or(i64::MAX))),
        ]),
        _ => value.clone(),
    }
}

/// Why a run failed, for lists: the engine says that an action did, people want to know which one and why. Without the
/// flow's secrets and the caller's, which messages may repeat.
pub(crate) fn run_error(version: &Version, state: &RunState) -> Option<RunError> {
    let plan = &version.plan;
    let error = state.error()?;
    let code = error.code.to_string();
    let redactor = list_redactor(version, state.trigger());
    let message = match culprit(plan, state).filter(|_| code == "ActionFailed") {
        Some(Culprit::Action(name, record)) => {
            let is_secure = plan.find(name).is_none_or(|index| plan.actions[index].options.secure_outputs);
            // What an answer says is cut, so its secrets are taken out before.
            let shown = |outputs: &Value| redactor.as_ref().map_or_else(|| outputs.clone(), |own| own.value(outputs));
            let answer = record.outputs.as_ref().filter(|_| !is_secure).map(shown).as_ref().and_then(refusal);
            let why = record.error.as_ref().map(|error| error.message.to_string()).or(answer);
            format!("{} failed: {}", name.replace('_', " "), why.unwrap_or_else(|| record.code.to_string()))
        }
        Some(Culprit::Inside(name, inner)) => {
            let inner = inner.and_then(|failure| {
                let is_secure =
                    plan.find(&failure.action).is_none_or(|index| plan.actions[index].options.secure_outputs);
                let said = failure.refusal.clone().filter(|_| !is_secure);
                Some((failure.action.replace('_', " "), failure.message.clone().or(said)?))
            });
            match inner {
                Some((action, why)) => format!("{action} failed: {why}"),
                None => format!("An action in \"{}\" failed.", name.replace('_', " ")),
            }
        }
        None => error.message.to_string(),
    };
    let message = redactor.map_or_else(|| message.clone(), |own| own.text(&message).into_owned());
    Some(RunError { code, message, hint: None })
}

/// Shows what belongs to one version of a flow.
pub(crate) struct Visible {
    secrets: Vec<(String, String)>,
    redactor: Redactor,
    hides_trigger: bool,
}

impl Visible {
    pub fn new(definition: &Value, parameters: &Value) -> Self {
        Self::with(secret::secrets(definition, parameters), secret::hides_trigger(definition))
    }

    fn with(secrets: Vec<(String, String)>, hides_trigger: bool) -> Self {
        let redactor = Redactor::new(secrets.iter().map(|(name, text)| (name.as_str(), text.as_str())));
        Self { secrets, redactor, hides_trigger }
    }

    /// The same, which knows the credentials in the headers of what a run received, too.
    pub fn of_run(&self, trigger: &Value) -> Self {
        let received = trigger.get("outputs").unwrap_or(trigger);
        let secrets = self.secrets.iter().cloned().chain(secret::header_secrets(received)).collect();
        Self::with(secrets, self.hides_trigger)
    }

    /// Whether the maker hides what the trigger receives.
    pub const fn hides_trigger(&self) -> bool {
        self.hides_trigger
    }

    /// The definition; secrets are hidden where they stand, and where they stand again.
    pub fn definition(&self, definition: &Value) -> Value {
        self.redactor.value(&secret::without_secrets(definition))
    }

    /// What a replay of a run found.
    pub fn replay(&self, mut replay: Replay) -> Replay {
        replay.reason = replay.reason.map(|reason| self.redactor.text(&reason).into_owned().into());
        for difference in &mut replay.differences {
            difference.was = self.value(&difference.was);
            difference.would_be = self.value(&difference.would_be);
        }
        replay
    }

    /// What a run received, made and sent.
    pub fn value(&self, value: &Value) -> Value {
        self.redactor.value(&secret::without_secret_headers(value))
    }

    pub fn history(&self, history: RunHistory) -> RunHistory {
        let own = self.of_run(&history.trigger);
        own.shown(history)
    }

    /// Reads facts of a run, of which [`Self::of_run`] knows the trigger, into what is shown of it.
    pub fn digested(&self, digest: &mut Digest, facts: &[Fact], is_cut: bool) {
        let whole = |value: &Value| self.value(value);
        let part = |value: &Value| if is_cut { cut(&self.value(value)) } else { self.value(value) };
        let text = |text: &str| self.redactor.text(text).into_owned();
        facts.iter().for_each(|fact| digest.take(fact, Seen { value: &part, whole: &whole, text: &text }));
    }

    fn shown(&self, history: RunHistory) -> RunHistory {
        if self.hides_trigger {
            // A trigger that was secured since is hidden too.
            return history
                .seen_through(&|value| self.value(value), &|text| self.redactor.text(text).into_owned())
                .without_trigger_outputs();
        }
        history.seen_through(&|value| self.value(value), &|text| self.redactor.text(text).into_owned())
    }
}

impl Runtime {
    /// The door for a version of a flow. A version that cannot be read shows nothing.
    pub(crate) async fn visible(&self, flow: FlowId, version: u32) -> Result<(Visible, Value), Error> {
        let stored = self.0.store.flow_version(flow, version).await?;
        let stored = stored.ok_or_else(|| Error::not_found("version of the flow", format!("{flow}/{version}")))?;
        let definition = read_part(&stored, "definition", &stored.definition)?;
        let parameters = read_part(&stored, "parameters", &stored.parameters)?;
        Ok((Visible::new(&definition, &parameters), definition))
    }

    /// One version of a flow.
    ///
    /// # Errors
    /// There is none of this owner.
    pub async fn flow_version(&self, owner: UserId, id: FlowId, number: u32) -> Result<FlowVersionView, Error> {
        let flow = self.own_flow(owner, id).await?;
        let stored = self.0.store.flow_version(flow.id, number).await?;
        let stored = stored.ok_or_else(|| Error::not_found("version of the flow", number))?;
        let shown = |part, bytes: &[u8]| {
            Ok::<_, Error>(lost_secrets(&read_part(&stored, part, bytes)?, &Pointer::root(), &mut Vec::new()))
        };
        Ok(FlowVersionView {
            created_at: stored.created_at,
            definition: shown("definition", &stored.definition)?,
            parameters: shown("parameters", &stored.parameters)?,
            profile: Profile::parse(&stored.profile),
        })
    }

    /// A past notification of a flow.
    ///
    /// # Errors
    /// There is none of this owner.
    pub async fn event_seen(&self, owner: UserId, flow: FlowId, event: EventId) -> Result<EventSeen, Error> {
        let flow = self.own_flow(owner, flow).await?;
        let found = self.0.store.event(event).await?.filter(|found| found.flow == flow.id);
        let found = found.ok_or_else(|| Error::not_found("notification", event))?;
        let (visible, _) = self.visible(flow.id, flow.version).await?;
        let head = Value::from(event_head(&found)?);
        let kind = head.get("headers").and_then(Value::as_object);
        let kind = kind.and_then(|headers| hookmill_expression::member(headers, "content-type")?.as_str());
        let body = content::body(kind, &found.body).value.filter(|_| !visible.hides_trigger);
        let visible = visible.of_run(&head);
        let shown = visible.value(&head);
        let headers = shown.get("headers").cloned().filter(|_| !visible.hides_trigger);
        Ok(EventSeen {
            headers: headers.unwrap_or_else(|| hookmill_model::Object::new().into()),
            body: body.map(|body| visible.value(&body)),
            is_hidden: visible.hides_trigger,
            received_at: found.received_at,
        })
    }

    /// What an export of a flow holds: the definition and the values of its parameters without secrets.
    ///
    /// # Errors
    /// There is no such flow of this owner.
    pub async fn flow_exported(&self, owner: UserId, id: FlowId) -> Result<crate::FlowView, Error> {
        let mut view = self.flow(owner, id).await?;
        let visible = Visible::new(&view.definition, &view.parameters);
        view.parameters = secret::parameters_without_secrets(&view.definition, &view.parameters);
        view.envelope = visible.redactor.value(&view.envelope);
        view.definition = visible.definition(&view.definition);
        Ok(view)
    }
}
