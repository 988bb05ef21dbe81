//! Why the runtime could not do what it was asked for, in words for the person who asked.

use hookmill_model::{Code, Diagnostic, Explain, Fault};
use hookmill_store::StoreError;

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
    /// A message was not taken.
    #[error(transparent)]
    Mail(#[from] hookmill_push::mail::MailError),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A bug.
    #[error("{0}")]
    Internal(String),
}

fn faults(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|one| one.severity == hookmill_model::Severity::Error).count();
    if errors == 1 { "one fault".to_owned() } else { format!("{errors} faults") }
}

impl Error {
    pub(crate) fn not_found(what: &'static str, id: impl std::fmt::Display) -> Self {
        Self::NotFound { what, id: id.to_string() }
    }

    /// The findings in the user's file, where that is what was wrong.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        match self {
            Self::DefinitionInvalid(diagnostics) | Self::ConnectorBroken { diagnostics, .. } => diagnostics,
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
            Self::Mail(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Internal(_) => "internal_error",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Mail(error) => error.fault(),
            Self::Store(error) => error.fault(),
            Self::ServiceUnreachable { .. } => Fault::Service,
            Self::Credentials { .. } => Fault::Operator,
            Self::Internal(_) => Fault::Hookmill,
            _ => Fault::Author,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::VersionConflict { .. } => Some("Load it again, or save yours as a copy.".to_owned()),
            Self::DefinitionInvalid(_) => {
                Some("Mend the places that are named, or save it as a draft with \"state\": \"draft\".".to_owned())
            }
            Self::ServiceUnreachable { .. } => {
                Some("Check the connector's host and that this server may reach it.".to_owned())
            }
            Self::Credentials { .. } => {
                Some("Start the server with the master key it had before, or enter the credentials again.".to_owned())
            }
            Self::Mail(error) => error.hint(),
            Self::Store(error) => error.hint(),
            _ => None,
        }
    }
}
