//! Findings in a user's file. Reading never stops at the first one.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know; there is nothing to mend.
    Information,
    /// The file works as it is.
    Warning,
    /// The file cannot be used before this is mended.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Information => "information",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// A JSON pointer (RFC 6901); empty for the whole document.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pointer(String);

impl Pointer {
    /// The whole document.
    #[must_use]
    pub const fn root() -> Self {
        Self(String::new())
    }

    /// Takes a pointer that is written out already.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The pointer to a member or an element below this one.
    #[must_use]
    pub fn child(&self, token: impl fmt::Display) -> Self {
        let token = token.to_string().replace('~', "~0").replace('/', "~1");
        Self(format!("{}/{token}", self.0))
    }

    /// The pointer to what `below` points to inside of what this one points to.
    #[must_use]
    pub fn join(&self, below: &Self) -> Self {
        Self(format!("{}{}", self.0, below.0))
    }

    /// The written form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "/" } else { &self.0 })
    }
}

/// One finding: what, where, how bad, and what to try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Its stable name, in `snake_case`.
    pub code: String,
    /// The place in the file.
    pub pointer: Pointer,
    /// What is wrong there, in a sentence.
    pub message: String,
    /// What to try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Diagnostic {
    /// A finding that must be mended.
    #[must_use]
    pub fn error(code: &str, pointer: Pointer, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, code: code.to_owned(), pointer, message: message.into(), hint: None }
    }

    /// A finding that is only odd.
    #[must_use]
    pub fn warning(code: &str, pointer: Pointer, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, code: code.to_owned(), pointer, message: message.into(), hint: None }
    }

    /// A finding that is good to know.
    #[must_use]
    pub fn information(code: &str, pointer: Pointer, message: impl Into<String>) -> Self {
        Self { severity: Severity::Information, code: code.to_owned(), pointer, message: message.into(), hint: None }
    }

    /// Adds what to try.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
