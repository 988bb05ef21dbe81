//! Why the runtime could not do what it was asked for, in words for the person who asked.

use hookmill_model::{Code, Diagnostic, Explain, Fault};
use hookmill_store::StoreError;
use serde::{Deserialize, Serialize};

/// A refused request to the runtime.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such thing, or it belongs to somebody else.
    #[error("there is no {what} {id}")]
    NotFound {
        /// `flow`, `run`, `connector`, …
        what: &'static str,
        /// The identifier that was asked for.
        id: String,
    },
    /// Somebody else saved in between.
    #[error("the flow was changed by somebody else since it was read; it is at version {current} now")]
    VersionConflict {
        /// The entity tag it has now.
        current: u64,
    },
    /// The definition has faults.
    #[error("the definition has {} that must be mended before the flow can run", faults(.0))]
    DefinitionInvalid(Vec<Diagnostic>),
    /// The request does not fit the state of the thing.
    #[error("{0}")]
    NotPossible(String),
    /// The input of a manual start does not fit the trigger.
    #[error("{message}")]
    InputRefused {
        /// The code of the definition language, such as `TriggerInputSchemaMismatch`.
        code: String,
        /// What does not fit.
        message: String,
    },
    /// A connector's document cannot be used.
    #[error("the connector \"{name}\" cannot be used: its document has errors")]
    ConnectorBroken {
        /// Its name.
        name: String,
        /// What is wrong in it.
        diagnostics: Vec<Diagnostic>,
    },
    /// A request could not be made from the inputs.
    #[error("{0}")]
    Inputs(String),
    /// There was no answer from the service.
    #[error("{message}")]
    ServiceUnreachable {
        /// What happened.
        message: String,
    },
    /// The sealed credentials of a connection cannot be opened.
    #[error("the credentials of the connection \"{name}\" cannot be opened with this master key")]
    Credentials {
        /// The connection.
        name: String,
    },
    /// What a person entered for a connection does not fit its connector.
    #[error("{}", first(.0))]
    ConnectionInvalid(Vec<Diagnostic>),
    /// A connector leads elsewhere than when the credentials of a connection were given.
    #[error("the connector of the connection \"{name}\" leads elsewhere than when its credentials were entered")]
    DestinationChanged {
        /// The connection.
        name: String,
    },
    /// A person has to sign in at the service first, or again.
    #[error("the connection \"{name}\" is not signed in: {reason}")]
    SignedOut {
        /// The connection.
        name: String,
        /// How that was found out.
        reason: String,
    },
    /// An authorization server gave no token, and will give none if it is asked again.
    #[error("the connection \"{name}\" got no token: {message}")]
    TokenRefused {
        /// The connection.
        name: String,
        /// What it answered.
        message: String,
    },
    /// An authorization server could not be asked.
    #[error("the connection \"{name}\" got no token: {message}")]
    TokenUnavailable {
        /// The connection.
        name: String,
        /// What happened.
        message: String,
    },
    /// A connector lacks what OAuth 2.0 needs.
    #[error("the connector \"{name}\" has no {} yet", .missing.join(" and no "))]
    OauthIncomplete {
        /// The connector.
        name: String,
        /// What it lacks.
        missing: Vec<&'static str>,
    },
    /// A consent that nobody of this account waits for.
    #[error(
        "this sign-in is not under way: it was finished already, another one was begun since, or somebody else began it"
    )]
    ConsentUnknown,
    /// A consent that came too late.
    #[error("this sign-in took too long")]
    ConsentExpired,
    /// The person did not agree.
    #[error("the connection \"{name}\" was not allowed to sign in: access was declined at the service")]
    ConsentDenied {
        /// The connection.
        name: String,
    },
    /// The service did not ask the person, or did not go on.
    #[error("the service refused the sign-in of the connection \"{name}\": {said}")]
    ConsentRefused {
        /// The connection.
        name: String,
        /// In its words.
        said: String,
    },
    /// A message was not taken.
    #[error(transparent)]
    Mail(#[from] hookmill_push::mail::MailError),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something stored cannot be read. All else goes on.
    #[error(transparent)]
    Damaged(#[from] hookmill_store::Damaged),
    /// The server that looks after the flow refused.
    #[error("{}", .0.message)]
    Elsewhere(Refusal),
    /// A bug.
    #[error("{0}")]
    Internal(String),
}

/// What another server refused, in its words.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Refusal {
    code: String,
    message: String,
    hint: Option<String>,
    fault: Fault,
}

impl Refusal {
    pub(crate) fn of(error: &Error) -> Self {
        let (code, hint) = (error.code().to_owned(), error.hint());
        Self { code, message: error.to_string(), hint, fault: error.fault() }
    }

    /// The code as it stands in this program; one of another release is told as that of a failed service.
    fn code(&self) -> Code {
        const CODES: &[Code] = &[
            "not_found",
            "version_conflict",
            "definition_invalid",
            "not_possible",
            "trigger_input_refused",
            "connector_broken",
            "inputs_invalid",
            "service_unreachable",
            "credentials_unreadable",
            "connection_invalid",
            "connection_moved",
            "connection_signed_out",
            "token_refused",
            "token_unavailable",
            "oauth_incomplete",
            "record_damaged",
            "internal_error",
            "overloaded",
            "store_full",
            "store_damaged",
            "store_unavailable",
            "store_closed",
            "not_owner",
        ];
        CODES.iter().copied().find(|code| **code == *self.code).unwrap_or("internal_error")
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Elsewhere(refusal)
    }
}

fn first(found: &[Diagnostic]) -> String {
    found.first().map(|finding| finding.message.clone()).unwrap_or_default()
}

fn faults(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|one| one.severity == hookmill_model::Severity::Error).count();
    if errors == 1 { "one fault".to_owned() } else { format!("{errors} faults") }
}

impl Error {
    pub(crate) fn not_found(what: &'static str, id: impl std::fmt::Display) -> Self {
        Self::NotFound { what, id: id.to_string() }
    }

    /// Whether a run that met it would meet it again at each try.
    pub(crate) const fn is_lasting(&self) -> bool {
        matches!(self, Self::Internal(_) | Self::Damaged(_) | Self::Store(StoreError::Damaged { .. }))
    }

    /// What happened as a sentence of its own, for what is kept and read later.
    #[must_use]
    pub fn sentence(&self) -> String {
        let said = self.to_string();
        let mut letters = said.chars();
        let begin = letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str());
        let begin = begin.unwrap_or_default();
        if begin.ends_with(['.', '!', '?']) { begin } else { begin + "." }
    }

    /// The findings in the user's file, where that is what was wrong.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        match self {
            Self::DefinitionInvalid(diagnostics)
            | Self::ConnectorBroken { diagnostics, .. }
            | Self::ConnectionInvalid(diagnostics) => diagnostics,
            _ => &[],
        }
    }
}

impl Explain for Error {
    fn code(&self) -> Code {
        match self {
            Self::NotFound { .. } => "not_found",
            Self::VersionConflict { .. } => "version_conflict",
            Self::DefinitionInvalid(_) => "definition_invalid",
            Self::NotPossible(_) => "not_possible",
            Self::InputRefused { .. } => "trigger_input_refused",
            Self::ConnectorBroken { .. } => "connector_broken",
            Self::Inputs(_) => "inputs_invalid",
            Self::ServiceUnreachable { .. } => "service_unreachable",
            Self::Credentials { .. } => "credentials_unreadable",
            Self::ConnectionInvalid(_) => "connection_invalid",
            Self::DestinationChanged { .. } => "connection_moved",
            Self::SignedOut { .. } => "connection_signed_out",
            Self::TokenRefused { .. } => "token_refused",
            Self::TokenUnavailable { .. } => "token_unavailable",
            Self::OauthIncomplete { .. } => "oauth_incomplete",
            Self::ConsentUnknown => "consent_unknown",
            Self::ConsentExpired => "consent_expired",
            Self::ConsentDenied { .. } => "consent_denied",
            Self::ConsentRefused { .. } => "consent_refused",
            Self::Mail(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Damaged(_) => "record_damaged",
            Self::Elsewhere(refusal) => refusal.code(),
            Self::Internal(_) => "internal_error",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Elsewhere(refusal) => refusal.fault,
            Self::Mail(error) => error.fault(),
            Self::Store(error) => error.fault(),
            Self::ServiceUnreachable { .. } | Self::TokenUnavailable { .. } => Fault::Service,
            Self::Credentials { .. } | Self::Damaged(_) => Fault::Operator,
            Self::Internal(_) => Fault::Hookmill,
            _ => Fault::Author,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::VersionConflict { .. } => Some("Load it again, or save yours as a copy.".to_owned()),
            Self::DefinitionInvalid(_) => {
                Some(
                    "Mend the places that are named, or keep it as a draft: --draft on the command line, \"state\": \"draft\" in the API."
                        .to_owned(),
                )
            }
            Self::ServiceUnreachable { .. } => {
                Some("Check the connector's host and that this server may reach it.".to_owned())
            }
            Self::Credentials { .. } => {
                Some("Start the server with the master key it had before, or enter the credentials again.".to_owned())
            }
            Self::DestinationChanged { .. } => Some(
                "Look at the connector's host, addresses and policies. If they are right, enter the credentials again, or \
                 sign in again."
                    .to_owned(),
            ),
            Self::ConnectionInvalid(found) => found.first().and_then(|finding| finding.hint.clone()),
            Self::SignedOut { .. } => Some("Open the connection and sign in again.".to_owned()),
            Self::TokenRefused { .. } => Some(
                "Check client id, client secret and addresses in the connector's security settings against what the \
                 service shows for your application there."
                    .to_owned(),
            ),
            Self::TokenUnavailable { .. } => Some("Try again a little later.".to_owned()),
            Self::OauthIncomplete { .. } => Some("Enter it in the connector's security settings.".to_owned()),
            Self::ConsentUnknown | Self::ConsentExpired => {
                Some("Open the connection and sign in again; finish within ten minutes, in one window.".to_owned())
            }
            Self::ConsentDenied { .. } => {
                Some("Sign in again and allow the access if flows shall use the service in your name.".to_owned())
            }
            Self::ConsentRefused { .. } => Some(
                "Compare redirect URL, client id and scopes in the connector's security settings with what the service \
                 shows for your application there."
                    .to_owned(),
            ),
            Self::Damaged(_) => Some(
                "This alone stands still; all else goes on. Run \"hookmill doctor\" on the data folder, and restore a \
                 backup or make the thing anew."
                    .to_owned(),
            ),
            Self::Elsewhere(refusal) => refusal.hint.clone(),
            Self::Mail(error) => error.hint(),
            Self::Store(error) => error.hint(),
            _ => None,
        }
    }
}
