//! Flows as makers save and see them.

use std::collections::BTreeMap;

use hookmill_definition::Profile;
use hookmill_model::{ConnectionId, Diagnostic, FlowState, RunId, SubscriptionState, Timestamp, Value};
use hookmill_store::Flow;

use crate::door::WebhookProof;

/// The connection for a key of a definition's references.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionBinding {
    /// The connection.
    pub connection_id: Option<ConnectionId>,
    /// The connector as the definition names it.
    pub api: Option<String>,
}

/// A flow as a maker saves it.
#[derive(Clone, Debug)]
pub struct FlowForm {
    /// Its title.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The bare definition.
    pub definition: Value,
    /// Key → connection.
    pub connections: BTreeMap<String, ConnectionBinding>,
    /// Parameter → value; null for those of the version before.
    pub parameters: Value,
    /// Which product it was written for; that of the version before where not said otherwise.
    pub profile: Option<Profile>,
    /// What stood around the definition in its file; null for that of the version before.
    pub envelope: Value,
    /// On where not said otherwise; a draft may have faults.
    pub state: Option<FlowState>,
}

/// A flow's webhook, or its own address.
#[derive(Clone, Debug, PartialEq)]
pub struct WebhookView {
    /// Where it stands.
    pub state: SubscriptionState,
    /// Counts from 1.
    pub generation: u32,
    /// Where it is deleted at the service.
    pub location: Option<String>,
    /// The address that callers use; only for Request triggers.
    pub callback_url: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// What the maker should know.
    pub warning: Option<String>,
    /// Why it was refused: code, message, hint.
    pub error: Option<Problem>,
    /// When the next creation, question or deletion is tried.
    pub retry_at: Option<Timestamp>,
    /// When the service forgets it unless it is renewed; `None` where it does not, or did not say.
    pub expires_at: Option<Timestamp>,
    /// How far the sender of a call is proven; `None` where that cannot be said now.
    pub proof: Option<WebhookProof>,
}

/// Code, message and hint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// `webhook_refused`, …
    pub code: String,
    /// What happened.
    pub message: String,
    /// What to try.
    pub hint: Option<String>,
}

/// A flow with everything about it.
#[derive(Clone, Debug)]
pub struct FlowView {
    /// The flow.
    pub flow: Flow,
    /// Its definition.
    pub definition: Value,
    /// Values of parameters.
    pub parameters: Value,
    /// Which product it was written for.
    pub profile: Profile,
    /// What stood around the definition in its file; null for nothing.
    pub envelope: Value,
    /// The newest generation of its webhook.
    pub webhook: Option<WebhookView>,
    /// What is wrong with the definition, or odd.
    pub diagnostics: Vec<Diagnostic>,
}

/// A flow after a change.
#[derive(Clone, Debug)]
pub struct FlowSaved {
    /// The flow.
    pub view: FlowView,
    /// The run that records the creation of its webhook.
    pub run: Option<RunId>,
    /// Why the webhook was refused.
    pub problem: Option<Problem>,
}
