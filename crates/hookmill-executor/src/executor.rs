//! What performs: one request in, one outcome out.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hookmill_connector::PlannedRequest;
use hookmill_engine::{ActionRequest, EffectId, HttpRequest, OperationRequest, Performed, Trace};
use hookmill_http::{Client, HeaderValue, Redactor, header};

use crate::authentication::{self, Authentication};
use crate::exchange::Prepared;
use crate::http_action::{self, left};
use crate::oauth::Tokens;
use crate::outgoing;
use crate::refusal::Refusal;
use crate::script::Scripts;
use crate::token::{self, TokenAnswer, TokenRefusal, TokenRequest};

/// The built-in connector *Notifications*, as definitions name it.
pub const NOTIFICATIONS_API: &str = "shared_flowpush";
/// The connector *Approvals*: the server itself asks people.
pub const APPROVALS_API: &str = "shared_approvals";
/// Asks people and waits for their decision.
pub const START_APPROVAL: &str = "StartAndWaitForAnApproval";
/// Asks people and goes on.
pub const CREATE_APPROVAL: &str = "CreateAnApproval";
/// Waits for the decision of what was asked.
pub const WAIT_FOR_APPROVAL: &str = "WaitForAnApproval";

/// Whether the server itself is what a connector of this name calls, so that it needs no connection.
#[must_use]
pub fn is_own_api(api: &str) -> bool {
    api == NOTIFICATIONS_API || api == APPROVALS_API
}

/// Why an action cannot call this operation of the server itself, for the maker of a flow; `waits` says whether the
/// action waits for a call-back.
#[must_use]
pub fn own_operation_fault(api: &str, operation: &str, waits: bool) -> Option<String> {
    let is_one_of = |names: &[&str]| names.iter().any(|name| operation.eq_ignore_ascii_case(name));
    let (title, must_wait) = match api {
        APPROVALS_API if is_one_of(&[START_APPROVAL, WAIT_FOR_APPROVAL]) => ("Approvals", Some(true)),
        APPROVALS_API if is_one_of(&[CREATE_APPROVAL]) => ("Approvals", Some(false)),
        APPROVALS_API => ("Approvals", None),
        _ if is_one_of(&["SendNotification"]) => ("Notifications", Some(false)),
        _ if operation.to_ascii_lowercase().starts_with("sendemailnotification") => ("Notifications", Some(false)),
        _ => ("Notifications", None),
    };
    match must_wait {
        None => Some(format!("The connector {title} has no operation '{operation}'.")),
        Some(true) if !waits => {
            Some(format!("'{operation}' waits for an answer: the type of its action is OpenApiConnectionWebhook."))
        }
        Some(false) if waits => {
            Some(format!("'{operation}' does not wait: the type of its action is OpenApiConnection."))
        }
        Some(_) => None,
    }
}

/// How the executor behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many scripts may run at once; each may take 32 MiB and a core.
    pub scripts_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { scripts_max: 4 }
    }
}

/// What a call knows about its run. Build it with [`CallContext::of`] or [`CallContext::outside_runs`] and set what
/// differs.
#[derive(Clone, Copy)]
pub struct CallContext<'a> {
    /// The attempt; its text is the `Idempotency-Key` of requests that would change something twice (POST, PATCH).
    pub effect: Option<&'a EffectId>,
    /// Another idempotency key, for calls outside runs such as the creation of a webhook.
    pub idempotency_key: Option<&'a str>,
    /// The identifier of the flow, for `x-ms-workflow-id`.
    pub flow: Option<&'a str>,
    /// The client tracking id of the run; the run's identifier where there is none.
    pub tracking_id: Option<&'a str>,
    /// Whether `x-ms-…` headers say which run calls; off under `SuppressWorkflowHeaders`.
    pub workflow_headers: bool,
    /// How many runs called each other before this call; own addresses of the server are told.
    pub depth: u32,
    /// The trace that the run belongs to; its requests are spans of it.
    pub trace: Option<&'a Trace>,
    /// Where the server itself is reached, such as `https://hooks.example.org`; empty where that does not matter.
    pub public_url: &'a str,
    /// Further secrets of the run, such as secure parameters: name and text. They are taken out of
    /// [`Performed::request`], not of the answer, which the flow goes on with.
    pub secrets: &'a [(String, String)],
    /// What the polls before left, of a trigger whose polls go on where the one before ended.
    pub poll: Option<&'a hookmill_model::Object>,
}

impl<'a> CallContext<'a> {
    /// For an attempt of an action.
    #[must_use]
    pub const fn of(effect: &'a EffectId) -> Self {
        Self { effect: Some(effect), workflow_headers: true, ..Self::outside_runs() }
    }

    /// For a call that belongs to no run.
    #[must_use]
    pub const fn outside_runs() -> Self {
        Self {
            effect: None,
            idempotency_key: None,
            flow: None,
            tracking_id: None,
            workflow_headers: false,
            depth: 0,
            trace: None,
            public_url: "",
            secrets: &[],
            poll: None,
        }
    }

    pub(crate) fn key(&self) -> Option<Cow<'a, str>> {
        self.idempotency_key.map(Cow::Borrowed).or_else(|| self.effect.map(|effect| Cow::Owned(effect.to_string())))
    }

    /// What makes the boundary of a multipart body.
    pub(crate) fn seed(&self) -> Cow<'a, str> {
        self.key().unwrap_or_default()
    }

    pub(crate) fn redactor(&self) -> Redactor {
        Redactor::new(self.secrets.iter().map(|(name, secret)| (name.as_str(), secret.as_str())))
    }
}

/// The request is performed by the runtime: a child flow, or one of the connectors *Notifications* and
/// *Approvals*.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this action is performed inside the server, not by the executor")]
pub struct NotMine;

/// Whether the runtime performs the request itself, so that [`Executor::perform`] answers [`NotMine`].
#[must_use]
pub fn is_local(request: &ActionRequest) -> bool {
    match request {
        ActionRequest::ChildFlow { .. } => true,
        ActionRequest::Connector(call) => {
            let follows = matches!(call.operation, OperationRequest::Follow { .. });
            // What follows on an approval takes it back.
            call.api.as_deref().is_some_and(|api| api == APPROVALS_API || (api == NOTIFICATIONS_API && !follows))
        }
        ActionRequest::Http(_) | ActionRequest::JavaScript { .. } => false,
    }
}

/// Performs requests. Clones share connections, tokens and limits.
#[derive(Clone)]
pub struct Executor {
    pub(crate) client: Client,
    scripts: Scripts,
    tokens: Arc<Tokens>,
}

impl Executor {
    /// Sends with `client`.
    #[must_use]
    pub fn new(client: Client, settings: &Settings) -> Self {
        Self { client, scripts: Scripts::new(settings.scripts_max), tokens: Arc::default() }
    }

    /// Performs the request once. Whatever goes wrong is part of the result; no secret of the action's authentication,
    /// of the connection or of [`CallContext::secrets`] is.
    ///
    /// # Errors
    /// [`NotMine`] for requests that [`is_local`] names.
    pub async fn perform(&self, request: &ActionRequest, context: &CallContext<'_>) -> Result<Performed, NotMine> {
        match request {
            local if is_local(local) => Err(NotMine),
            ActionRequest::Http(action) => Ok(Box::pin(self.perform_http(action, context)).await),
            ActionRequest::JavaScript { code, context, timeout } => {
                Ok(Box::pin(self.scripts.run(code, context, *timeout)).await)
            }
            ActionRequest::Connector(_) | ActionRequest::ChildFlow { .. } => Err(NotMine),
        }
    }

    /// Sends one call through a connection: an operation, a poll, the creation or deletion of a webhook, a test.
    /// `timeout` is the longest time to the complete answer. Whatever goes wrong is part of the result; none of the
    /// call's secrets is.
    pub async fn send(&self, call: &PlannedRequest, timeout: Duration, context: &CallContext<'_>) -> Performed {
        match outgoing::prepare(call, timeout, context) {
            Ok(prepared) => Box::pin(prepared.send(&self.client)).await.performed,
            Err(refusal) => refusal.performed(),
        }
    }

    /// Asks an authorization server for a token. Nothing is kept.
    ///
    /// # Errors
    /// The server gave none; the words hold no secret.
    pub async fn token(&self, wanted: &TokenRequest) -> Result<TokenAnswer, TokenRefusal> {
        Box::pin(token::ask(&self.client, wanted)).await
    }

    async fn perform_http(&self, action: &HttpRequest, context: &CallContext<'_>) -> Performed {
        match Box::pin(self.try_http(action, context)).await {
            Ok(performed) => performed,
            Err(refusal) => refusal.performed(),
        }
    }

    async fn try_http(&self, action: &HttpRequest, context: &CallContext<'_>) -> Result<Performed, Refusal> {
        let started = Instant::now();
        let mut request = http_action::request(action, context)?;
        let authentication::Read { kind, mut secrets } = authentication::read(&action.authentication)?;
        let mut token_of = None;
        let value = match kind {
            Authentication::None => None,
            Authentication::Header(value) => Some(value),
            Authentication::Certificate { pfx, password } => {
                request.identity = Some(authentication::identity(&pfx, &password).await?);
                None
            }
            Authentication::Token(wanted) => {
                let token = self.tokens.get(&self.client, &wanted, action.timeout).await?;
                secrets.push(token.clone());
                token_of = Some(wanted);
                Some(format!("Bearer {token}"))
            }
        };
        if let Some(value) = value {
            let mut value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
                Refusal::bad_request("The authentication of the action holds characters that a header cannot carry")
            })?;
            value.set_sensitive(true);
            request.headers.insert(header::AUTHORIZATION, value);
        }
        request.timeout = Some(left(action.timeout, started.elapsed()));
        let redactor = Redactor::new(secrets.iter().map(|secret| ("authentication", secret.as_str())));
        let prepared = Prepared {
            request,
            body: action.body.clone(),
            redactor,
            of_run: context.redactor(),
            secret_queries: Vec::new(),
            chunks: action.chunks,
            answer: None,
        };
        let ended = Box::pin(prepared.send(&self.client)).await;
        if let Some(wanted) = token_of
            && ended.status.is_some_and(|status| status.as_u16() == 401)
        {
            self.tokens.forget(&wanted);
        }
        Ok(ended.performed)
    }
}
