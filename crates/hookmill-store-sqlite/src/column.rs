//! How identifiers, moments and statuses stand in columns.

use bytes::Bytes;
use hookmill_model::{Id, RunKind, RunStatus, Timestamp};
pub(crate) use hookmill_store::number::{kind_number, kind_of, status_number, status_of};
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Error, Result, Row};

/// An identifier as 16 bytes whose order is that of the identifiers.
pub(crate) fn key<I: Id>(id: I) -> [u8; 16] {
    id.to_bits().to_be_bytes()
}

/// An optional identifier.
pub(crate) fn key_of<I: Id>(id: Option<I>) -> Option<[u8; 16]> {
    id.map(key)
}

/// An unsigned number; SQLite's are signed.
pub(crate) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Reads an identifier.
pub(crate) fn id<I: Id>(row: &Row<'_>, column: usize) -> Result<I> {
    Ok(I::from_bits(u128::from_be_bytes(row.get(column)?)))
}

/// Reads an optional identifier.
pub(crate) fn id_of<I: Id>(row: &Row<'_>, column: usize) -> Result<Option<I>> {
    let bytes: Option<[u8; 16]> = row.get(column)?;
    Ok(bytes.map(|bytes| I::from_bits(u128::from_be_bytes(bytes))))
}

/// Reads a moment.
pub(crate) fn moment(row: &Row<'_>, column: usize) -> Result<Timestamp> {
    row.get(column).map(Timestamp::from_micros)
}

/// Reads an optional moment.
pub(crate) fn moment_of(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>> {
    let micros: Option<i64> = row.get(column)?;
    Ok(micros.map(Timestamp::from_micros))
}

/// A moment for a column.
pub(crate) fn micros(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::as_micros)
}

/// Reads bytes.
pub(crate) fn bytes(row: &Row<'_>, column: usize) -> Result<Bytes> {
    row.get::<_, Vec<u8>>(column).map(Bytes::from)
}

/// Reads an unsigned number.
pub(crate) fn number(row: &Row<'_>, column: usize) -> Result<u64> {
    let signed: i64 = row.get(column)?;
    u64::try_from(signed).map_err(|_| Error::IntegralValueOutOfRange(column, signed))
}

/// Reads one of the words of an enumeration.
pub(crate) fn word<T: std::str::FromStr<Err = String>>(row: &Row<'_>, column: usize) -> Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    text.parse().map_err(|problem: String| damaged(column, Type::Text, problem))
}

/// A value that cannot have been written by us.
pub(crate) fn damaged(column: usize, kind: Type, problem: impl Into<String>) -> Error {
    Error::FromSqlConversionFailure(column, kind, Box::new(FromSqlError::Other(problem.into().into())))
}

/// Reads a status.
pub(crate) fn status(row: &Row<'_>, column: usize) -> Result<RunStatus> {
    let found: i64 = row.get(column)?;
    status_of(found).ok_or_else(|| damaged(column, Type::Integer, format!("there is no status {found}")))
}

/// Reads a kind of run.
pub(crate) fn kind(row: &Row<'_>, column: usize) -> Result<RunKind> {
    let found: i64 = row.get(column)?;
    kind_of(found).ok_or_else(|| damaged(column, Type::Integer, format!("there is no kind of run {found}")))
}
