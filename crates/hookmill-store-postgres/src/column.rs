//! How identifiers, moments, statuses and texts stand in columns, and how values are handed over with their types.

use std::error::Error as StdError;

use bytes::{BufMut, Bytes, BytesMut};
use hookmill_model::{Id, RunKind, RunStatus, Timestamp};
use hookmill_store::StoreError;
use hookmill_store::number::{kind_of, status_of};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

type Answer<T> = Result<T, StoreError>;

/// An identifier as 16 bytes whose order is that of the identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(pub(crate) [u8; 16]);

/// The column of an identifier.
pub(crate) fn key<I: Id>(id: I) -> Key {
    Key(id.to_bits().to_be_bytes())
}

/// The column of an optional identifier.
pub(crate) fn key_of<I: Id>(id: Option<I>) -> Option<Key> {
    id.map(key)
}

impl Key {
    /// The identifier.
    pub(crate) fn id<I: Id>(self) -> I {
        I::from_bits(u128::from_be_bytes(self.0))
    }
}

impl ToSql for Key {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        out.put_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(of: &Type) -> bool {
        *of == Type::BYTEA
    }

    to_sql_checked!();
}

impl FromSql<'_> for Key {
    fn from_sql(_: &Type, raw: &[u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        <[u8; 16]>::try_from(raw).map(Self).map_err(|_| format!("an identifier has {} bytes", raw.len()).into())
    }

    fn accepts(of: &Type) -> bool {
        *of == Type::BYTEA
    }
}

/// A value that knows the type of its column.
pub(crate) trait Column: ToSql + Sync {
    /// The type of one value.
    const TYPE: Type;
    /// The type of a list of them.
    const LIST: Type;
}

macro_rules! columns {
    ($($of:ty => $one:ident, $list:ident;)*) => {
        $(impl Column for $of {
            const TYPE: Type = Type::$one;
            const LIST: Type = Type::$list;
        })*
    };
}

columns! {
    Key => BYTEA, BYTEA_ARRAY;
    Vec<u8> => BYTEA, BYTEA_ARRAY;
    &[u8] => BYTEA, BYTEA_ARRAY;
    i64 => INT8, INT8_ARRAY;
    i32 => INT4, INT4_ARRAY;
    String => TEXT, TEXT_ARRAY;
    &str => TEXT, TEXT_ARRAY;
}

impl<T: Column> Column for Option<T> {
    const TYPE: Type = T::TYPE;
    const LIST: Type = T::LIST;
}

impl<T: Column> Column for Vec<T> {
    const TYPE: Type = T::LIST;
    // PostgreSQL has no lists of lists.
    const LIST: Type = T::LIST;
}

/// A value with its type.
pub(crate) type Arg<'a> = (&'a (dyn ToSql + Sync), Type);

/// A value with its type.
pub(crate) fn arg<T: Column>(value: &T) -> Arg<'_> {
    (value, T::TYPE)
}

/// The values of a statement.
macro_rules! args {
    ($($value:expr),* $(,)?) => {
        &[$($crate::column::arg(&$value)),*]
    };
}
pub(crate) use args;

/// An unsigned number; those of columns are signed.
pub(crate) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A small number.
pub(crate) fn small(number: u32) -> i64 {
    i64::from(number)
}

/// A moment for a column.
pub(crate) fn micros(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::as_micros)
}

/// A text for a column. PostgreSQL's texts have no character 0: its picture stands for it.
pub(crate) fn text(text: &str) -> String {
    if text.contains('\0') { text.replace('\0', "\u{2400}") } else { text.to_owned() }
}

/// An optional text for a column.
pub(crate) fn text_of(one: Option<&str>) -> Option<String> {
    one.map(text)
}

/// A value that cannot have been written by us.
pub(crate) fn damaged(problem: impl std::fmt::Display) -> StoreError {
    StoreError::Damaged { detail: problem.to_string() }
}

/// Reads a column.
pub(crate) fn get<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Answer<T> {
    row.try_get(column).map_err(damaged)
}

/// Reads an identifier.
pub(crate) fn id<I: Id>(row: &Row, column: usize) -> Answer<I> {
    get::<Key>(row, column).map(Key::id)
}

/// Reads an optional identifier.
pub(crate) fn id_of<I: Id>(row: &Row, column: usize) -> Answer<Option<I>> {
    Ok(get::<Option<Key>>(row, column)?.map(Key::id))
}

/// Reads a moment.
pub(crate) fn moment(row: &Row, column: usize) -> Answer<Timestamp> {
    get(row, column).map(Timestamp::from_micros)
}

/// Reads an optional moment.
pub(crate) fn moment_of(row: &Row, column: usize) -> Answer<Option<Timestamp>> {
    Ok(get::<Option<i64>>(row, column)?.map(Timestamp::from_micros))
}

/// Reads bytes.
pub(crate) fn bytes(row: &Row, column: usize) -> Answer<Bytes> {
    get::<&[u8]>(row, column).map(Bytes::copy_from_slice)
}

/// Reads an unsigned number.
pub(crate) fn number(row: &Row, column: usize) -> Answer<u64> {
    let signed: i64 = get(row, column)?;
    u64::try_from(signed).map_err(|_| damaged(format!("a number is {signed}")))
}

/// Reads a small unsigned number.
pub(crate) fn count(row: &Row, column: usize) -> Answer<u32> {
    let signed: i64 = get(row, column)?;
    u32::try_from(signed).map_err(|_| damaged(format!("a number is {signed}")))
}

/// Reads one of the words of an enumeration.
pub(crate) fn word<T: std::str::FromStr<Err = String>>(row: &Row, column: usize) -> Answer<T> {
    get::<&str>(row, column)?.parse().map_err(damaged)
}

/// Reads a hash.
pub(crate) fn hash(row: &Row, column: usize) -> Answer<[u8; 32]> {
    let found: &[u8] = get(row, column)?;
    found.try_into().map_err(|_| damaged(format!("a hash has {} bytes", found.len())))
}

/// Reads a status.
pub(crate) fn status(row: &Row, column: usize) -> Answer<RunStatus> {
    let found: i64 = get(row, column)?;
    status_of(found).ok_or_else(|| damaged(format!("there is no status {found}")))
}

/// Reads a kind of run.
pub(crate) fn kind(row: &Row, column: usize) -> Answer<RunKind> {
    let found: i64 = get(row, column)?;
    kind_of(found).ok_or_else(|| damaged(format!("there is no kind of run {found}")))
}
