//! What an error says beside its message: a code, who must act, and what to try.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The stable name of an error, in `snake_case`; each has a page in `docs/errors`.
pub type Code = &'static str;

/// Who must act for the error to go away. It chooses the status of an answer, the level of a log line and whether a retry makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The maker of the flow, connector or request.
    Author,
    /// The service that was called.
    Service,
    /// The person who runs the server.
    Operator,
    /// We: a bug. Only "internal error" and a request identifier go outside.
    Hookmill,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Author => "author",
            Self::Service => "service",
            Self::Operator => "operator",
            Self::Hookmill => "hookmill",
        })
    }
}

/// An error that can be shown to a person.
pub trait Explain: std::error::Error {
    /// Its stable name.
    fn code(&self) -> Code;
    /// Who must act.
    fn fault(&self) -> Fault;
    /// What to try.
    fn hint(&self) -> Option<String> {
        None
    }
}
