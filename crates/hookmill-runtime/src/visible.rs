//! What people may see of what is kept: the one door for histories, events, definitions and exports.
//!
//! Whatever leaves the store for people goes through [`Visible`]. It knows the secrets of one version of a flow, hides
//! them where they stand, and takes them out of everything else in every spelling in which they come back.

use hookmill_definition::secret;
use hookmill_engine::history::RunHistory;
use hookmill_expression::content;
use hookmill_http::Redactor;
use hookmill_model::{EventId, FlowId, Timestamp, UserId, Value};

use crate::{Error, Runtime};

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

/// Shows what belongs to one version of a flow.
pub(crate) struct Visible {
    redactor: Redactor,
    hides_trigger: bool,
}

impl Visible {
    pub fn new(definition: &Value, parameters: &Value) -> Self {
        let secrets = secret::secrets(definition, parameters);
        Self {
            redactor: Redactor::new(secrets.iter().map(|(name, text)| (name.as_str(), text.as_str()))),
            hides_trigger: secret::hides_trigger(definition),
        }
    }

    /// The definition; secrets are hidden where they stand, and where they stand again.
    pub fn definition(&self, definition: &Value) -> Value {
        self.redactor.value(&secret::without_secrets(definition))
    }

    /// What a run received, made and sent.
    pub fn value(&self, value: &Value) -> Value {
        self.redactor.value(&secret::without_secret_headers(value))
    }

    pub fn history(&self, history: RunHistory) -> RunHistory {
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
        let read = |bytes: &[u8]| {
            Value::from_json(bytes)
                .map_err(|error| Error::Internal(format!("the stored definition is damaged: {error}")))
        };
        let (definition, parameters) = (read(&stored.definition)?, read(&stored.parameters)?);
        Ok((Visible::new(&definition, &parameters), definition))
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
        let head = Value::from_json(&found.head)
            .map_err(|error| Error::Internal(format!("the stored notification is damaged: {error}")))?;
        let kind = head.get("headers").and_then(Value::as_object);
        let kind = kind.and_then(|headers| hookmill_expression::member(headers, "content-type")?.as_str());
        let body = content::body(kind, &found.body).value.filter(|_| !visible.hides_trigger);
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
