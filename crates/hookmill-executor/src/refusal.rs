//! Why there is no answer, with the code that flows see.

use hookmill_engine::{Outcome, Performed};
use hookmill_http::{SendError, SendErrorKind};
use hookmill_model::{Explain as _, Str, Value};

/// A request that got no answer, or was never made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub code: &'static str,
    pub message: String,
    pub maybe_sent: bool,
    pub retryable: bool,
}

impl Refusal {
    /// Nothing was sent, and sending again would not help.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), maybe_sent: false, retryable: false }
    }

    /// A request that cannot be made from what the action says.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new("BadRequest", message)
    }

    /// The end of an action that sent nothing.
    pub fn performed(self) -> Performed {
        Performed { outcome: self.into(), request: Value::Null }
    }
}

impl From<Refusal> for Outcome {
    fn from(refusal: Refusal) -> Self {
        let Refusal { code, message, maybe_sent, retryable } = refusal;
        Self::NoReply { code: code.into(), message: Str::from(message), maybe_sent, retryable }
    }
}

impl From<SendError> for Refusal {
    fn from(error: SendError) -> Self {
        let code = match error.kind {
            SendErrorKind::HostNotFound => "UnresolvableHostName",
            SendErrorKind::TimedOut | SendErrorKind::Busy => "GatewayTimeout",
            SendErrorKind::ResponseTooLarge => "ActionResultsSizeLimitExceeded",
            SendErrorKind::InvalidUrl
            | SendErrorKind::InvalidRequest
            | SendErrorKind::AddressNotAllowed
            | SendErrorKind::ConnectionRefused
            | SendErrorKind::ConnectionFailed
            | SendErrorKind::Tls
            | SendErrorKind::InvalidResponse
            | SendErrorKind::TooManyRedirects => "BadRequest",
        };
        let message = match error.hint() {
            Some(hint) => format!("{}. {hint}", error.message.trim_end_matches('.')),
            None => error.message,
        };
        Self { code, message, maybe_sent: error.maybe_sent, retryable: error.retryable }
    }
}
