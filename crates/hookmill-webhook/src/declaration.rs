//! The declarations of a webhook as types. `read` makes them; nothing here parses.

use std::time::Duration;

use hookmill_model::{Object, Str, Value};

use crate::template::{Conditions, Selector, Template};
use crate::verification::{Scheme, Verification};

/// Everything that is declared for one webhook.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Declarations {
    /// The preset that was named for the whole.
    pub preset: Option<Str>,
    /// How an event proves its sender: one of these must pass. Empty where nothing is declared.
    pub verification: Vec<Verification>,
    /// Requests that are answered and are not events.
    pub handshake: Vec<Handshake>,
    /// Events that prove life and begin no run.
    pub ping: Vec<Conditions>,
    /// The identifier of a delivery.
    pub dedupe: Option<Dedupe>,
    /// The answer to an event.
    pub reply: Option<Reply>,
    /// The secret of the webhook.
    pub registration: Option<Registration>,
    /// When and how the webhook is renewed.
    pub renewal: Option<Renewal>,
    /// How missed deliveries are asked for.
    pub recovery: Option<Recovery>,
    /// A form with this single field is the JSON in it.
    pub form_field: Option<Str>,
}

/// Where a generation of a webhook is in its life, as the door sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its creation is under way, or its secret is not known yet.
    Creating,
    /// Events are taken.
    Live,
    /// Its deletion is under way.
    Deleting,
    /// The flow is off.
    Off,
    /// It was deleted.
    Gone,
}

impl State {
    /// The state of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "Creating" => Self::Creating,
            "Live" => Self::Live,
            "Deleting" => Self::Deleting,
            "Off" => Self::Off,
            "Gone" => Self::Gone,
            _ => return None,
        })
    }
}

/// A request that is answered and is not an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Handshake {
    /// Whether it is this one.
    pub when: Conditions,
    /// The signature must pass first.
    pub verified: bool,
    /// What must hold besides.
    pub require: Conditions,
    /// The status where that does not hold.
    pub otherwise: u16,
    /// MACs that the answer needs.
    pub compute: Vec<(Str, Compute)>,
    /// The answer.
    pub reply: HandshakeReply,
    /// What is kept with the webhook: name and where it stands in the request.
    pub keep: Vec<(Str, Selector)>,
    /// A call of Hookmill's own after the answer.
    pub call: Option<HandshakeCall>,
    /// The states in which it is answered.
    pub states: Vec<State>,
}

/// A MAC made with the webhook's secret.
#[derive(Clone, Debug, PartialEq)]
pub struct Compute {
    /// The hash function.
    pub hash: crate::key::Hash,
    /// What is signed.
    pub content: Template,
    /// How the MAC is written.
    pub encoding: crate::key::Encoding,
    /// Written before it.
    pub prefix: Str,
}

/// The answer to a handshake.
#[derive(Clone, Debug, PartialEq)]
pub struct HandshakeReply {
    /// The HTTP status.
    pub status: u16,
    /// Header lines.
    pub headers: Vec<(Str, Template)>,
    /// `text/plain` or a JSON type.
    pub content_type: Option<Str>,
    /// The body; `None` for none.
    pub body: Option<Json>,
}

/// A body that is made of templates.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// Plain text: the template's bytes.
    Bytes(Template),
    /// A JSON value that is always the same.
    Plain(Value),
    /// A JSON string.
    Text(Template),
    /// A JSON array.
    Array(Vec<Json>),
    /// A JSON object.
    Object(Vec<(Str, Json)>),
}

/// A call that Hookmill makes after a handshake.
#[derive(Clone, Debug, PartialEq)]
pub struct HandshakeCall {
    /// Where the address stands in the request.
    pub url: Selector,
    /// Hosts that it may have; `*` is one label.
    pub hosts: Vec<Str>,
    /// In capitals.
    pub method: Str,
}

/// The identifier of a delivery.
#[derive(Clone, Debug, PartialEq)]
pub struct Dedupe {
    /// The first whose selectors all have a value is taken.
    pub keys: Vec<Template>,
    /// How long it is known.
    pub window: Duration,
    /// Each of these items has an identifier of its own.
    pub items: Option<Items>,
}

/// Where the items of a body stand.
#[derive(Clone, Debug, PartialEq)]
pub enum Items {
    /// An array in JSON.
    Json(String),
    /// Elements of an XML document, by the end of their path.
    Xml(Vec<String>),
}

/// The answer to an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Header lines.
    pub headers: Vec<(Str, Str)>,
    /// The type of the body.
    pub content_type: Option<Str>,
    /// The body as it is sent; empty for none.
    pub body: Str,
    /// How long the sender waits under load.
    pub patience: Duration,
}

/// What is declared about the creation of a webhook. How the webhook is deleted is read by the connector.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Registration {
    /// Where the secret comes from.
    pub secret: Option<Secret>,
    /// How the service is asked which webhooks it has.
    pub find: Option<Find>,
    /// Of what there can be one webhook only: `app`, `bot` or `object`.
    pub exclusive: Option<Str>,
    /// What the service demands of the callback address.
    pub callback: Callback,
    /// The operation that changes a webhook in place.
    pub update: Option<OperationCall>,
}

/// What a service demands of a callback address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Callback {
    /// It begins with `https://`.
    pub https: bool,
    /// It leads to a host that the internet can reach.
    pub public: bool,
}

/// How a service is asked which webhooks it has.
#[derive(Clone, Debug, PartialEq)]
pub struct Find {
    /// The operation that lists them.
    pub call: OperationCall,
    /// Where the list stands in the answer, as a JSON pointer.
    pub items: String,
    /// JSON pointer into an item, and what stands there in ours.
    pub matches: Vec<(String, Template)>,
    /// JSON pointer to what the webhook is deleted by; where nothing is said, what an answer to the creation has.
    pub handle: Option<String>,
}

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Secret {
    /// Hookmill makes one, or one for each way of signing, and sends them with the creation.
    Generated(Vec<Generated>),
    /// In the reply to the creation.
    Replied(Selector),
    /// In the reply to a second call, after the creation.
    Asked {
        /// The call.
        call: OperationCall,
        /// Where it stands in the reply to that call, as a JSON pointer.
        from: String,
    },
    /// In a handshake that keeps `secret`.
    Handshake,
    /// In a field of the connection.
    Connection(Str),
}

/// A secret that Hookmill makes.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// Random bytes.
    pub bytes: usize,
    /// How they are written.
    pub encoding: SecretEncoding,
    /// Where the creation sends it.
    pub into: Place,
}

/// A place in the request of the creation: a member of its body, as a JSON pointer, or a field of its form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A JSON pointer into its body.
    Body(String),
    /// A field of its form.
    Form(String),
}

/// How a generated secret is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretEncoding {
    /// Small hexadecimal digits.
    Hex,
    /// Base64 with padding.
    Base64,
    /// `whsec_` and base64.
    Whsec,
}

/// A call of an operation of the same connector.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationCall {
    /// The operation.
    pub operation: Str,
    /// Its parameters.
    pub parameters: Vec<(Str, Template)>,
    /// Its body.
    pub body: Option<Json>,
}

/// When and how a webhook is renewed.
#[derive(Clone, Debug, PartialEq)]
pub struct Renewal {
    /// Where the moment of expiry stands: RFC 3339, seconds or milliseconds since 1970, or (`kept:`) seconds from the
    /// creation.
    pub expires: Selector,
    /// What the creation asks for: place and duration.
    pub ask: Vec<(Place, Duration)>,
    /// Renewed so long before the expiry; a third of the lifetime where nothing is said.
    pub before: Option<Duration>,
    /// The request that renews, or a new webhook in its place.
    pub by: RenewalBy,
    /// What follows when the service knows the webhook no more.
    pub on_gone: Gone,
    /// Requests of the service about the webhook itself.
    pub lifecycle: Vec<Lifecycle>,
}

/// How a webhook is renewed.
#[derive(Clone, Debug, PartialEq)]
pub enum RenewalBy {
    /// A new one is made, then the old one is deleted.
    Recreate,
    /// An operation extends it.
    Operation(OperationCall),
}

/// What follows when a service knows a webhook no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// A new one is made.
    Recreate,
    /// The flow needs attention.
    Fail,
}

/// A request of the service about the webhook itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Lifecycle {
    /// Whether it is this one.
    pub when: Conditions,
    /// What Hookmill does.
    pub action: LifecycleAction,
}

/// What Hookmill does about a webhook when the service says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LifecycleAction {
    /// Renews it now.
    Renew,
    /// Makes a new one.
    Recreate,
    /// Asks for missed deliveries.
    Recover,
}

/// How missed deliveries are asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Recovery {
    /// The list of deliveries.
    pub list: RecoveryList,
    /// The operation that has one delivered again.
    pub redeliver: OperationCall,
}

/// The list of deliveries at a service.
#[derive(Clone, Debug, PartialEq)]
pub struct RecoveryList {
    /// The operation that lists them.
    pub call: OperationCall,
    /// Where the list stands in the reply, as a JSON pointer.
    pub items: String,
    /// JSON pointer to the time in an item.
    pub time: String,
    /// JSON pointer into an item, and the pattern of a failed one.
    pub failed: Vec<(String, Template)>,
    /// JSON pointer to the identifier in an item.
    pub id: String,
    /// JSON pointer to the delivery's key in an item.
    pub key: String,
}

impl Declarations {
    /// Whether nothing at all is declared: the address is the only proof.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether an event cannot be verified before a secret is known.
    #[must_use]
    pub fn needs_secret(&self) -> bool {
        !self.verification.is_empty() && self.verification.iter().all(Verification::needs_secret)
    }

    /// Whether the address is the only proof of a sender.
    #[must_use]
    pub fn is_unverified(&self) -> bool {
        self.verification.iter().all(Verification::is_none)
    }

    /// Whether some way of proving a sender is to ask the service about each event.
    #[must_use]
    pub fn ask_service(&self) -> bool {
        self.verification.iter().any(|way| way.scheme == Scheme::Remote)
    }

    /// The secrets that Hookmill makes and sends with the creation.
    #[must_use]
    pub fn generated(&self) -> &[Generated] {
        match self.registration.as_ref().and_then(|own| own.secret.as_ref()) {
            Some(Secret::Generated(secrets)) => secrets,
            _ => &[],
        }
    }

    /// The operations of the connector that are called for the webhook, each with what it is for.
    #[must_use]
    pub fn calls(&self) -> Vec<(&'static str, &OperationCall)> {
        let mut calls = Vec::new();
        if let Some(own) = &self.registration {
            calls.extend(own.find.as_ref().map(|find| ("search", &find.call)));
            calls.extend(own.update.as_ref().map(|call| ("update", call)));
            if let Some(Secret::Asked { call, .. }) = &own.secret {
                calls.push(("secret", call));
            }
        }
        if let Some(Renewal { by: RenewalBy::Operation(call), .. }) = &self.renewal {
            calls.push(("renewal", call));
        }
        if let Some(recovery) = &self.recovery {
            calls.extend([("recovery", &recovery.list.call), ("redelivery", &recovery.redeliver)]);
        }
        calls
    }

    /// Whether some part reads the body as JSON, whatever its type says.
    pub(crate) fn reads_json(&self) -> bool {
        let conditions = |conditions: &Conditions| conditions.reads_body();
        let lifecycle = self.renewal.iter().flat_map(|renewal| &renewal.lifecycle);
        self.verification.iter().any(Verification::reads_body)
            || self.handshake.iter().any(|handshake| conditions(&handshake.when) || conditions(&handshake.require))
            || self.ping.iter().any(conditions)
            || lifecycle.into_iter().any(|own| conditions(&own.when))
            || self.dedupe.as_ref().is_some_and(|dedupe| {
                matches!(dedupe.items, Some(Items::Json(_))) || dedupe.keys.iter().any(Template::reads_body)
            })
    }
}

impl SecretEncoding {
    /// Writes random bytes as a secret.
    #[must_use]
    pub fn write(self, random: &[u8]) -> String {
        use base64::Engine as _;
        let base64 = || base64::engine::general_purpose::STANDARD.encode(random);
        match self {
            Self::Hex => hookmill_model::hex(random),
            Self::Base64 => base64(),
            Self::Whsec => format!("whsec_{}", base64()),
        }
    }
}

impl Place {
    /// Puts text where this says, into a JSON body or the fields of a form. Objects on the way are made.
    pub fn put(&self, body: &mut Value, text: &str) {
        let path: Vec<String> = match self {
            Self::Body(pointer) => {
                pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect()
            }
            Self::Form(name) => vec![name.clone()],
        };
        *body = with(body, &path, text);
    }
}

fn with(value: &Value, path: &[String], text: &str) -> Value {
    let Some((first, rest)) = path.split_first() else { return text.into() };
    let mut members: Object = value.as_object().cloned().unwrap_or_default();
    let inner = members.get(first).cloned().unwrap_or_default();
    members.insert(first.as_str(), with(&inner, rest, text));
    members.into()
}
