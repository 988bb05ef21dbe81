//! The one way to read stored bytes: what cannot be read is an error that names the thing, never a default.
//!
//! Whoever meets it stops that thing alone. Nothing is deleted, purged or counted as gone because of it.

use std::fmt::Display;

/// Something stored that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} cannot be read: {detail}")]
pub struct Damaged {
    /// What, with its identifier.
    pub what: String,
    /// What is wrong with its bytes.
    pub detail: String,
}

/// Reads stored bytes with their parser.
///
/// # Errors
/// The parser's error, with the name of what was to be read.
///
/// ```
/// let read = hookmill_store::read("the limit", b"12x", |bytes| String::from_utf8_lossy(bytes).parse::<u32>());
/// assert_eq!(read.unwrap_err().to_string(), "the limit cannot be read: invalid digit found in string");
/// ```
pub fn read<T, E: Display>(
    what: impl Display,
    bytes: &[u8],
    parse: impl FnOnce(&[u8]) -> Result<T, E>,
) -> Result<T, Damaged> {
    parse(bytes).map_err(|error| Damaged { what: what.to_string(), detail: error.to_string() })
}
