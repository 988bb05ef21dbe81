//! From SQLite's errors to those of the contract.

use hookmill_store::StoreError;
use rusqlite::{Error, ErrorCode};

/// What went wrong with a unit.
#[derive(Debug)]
pub(crate) enum Failure {
    /// This unit is refused; the others of its transaction are not touched by that.
    Unit(StoreError),
    /// The database failed: nothing of the transaction can be kept.
    Database(Error),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Unit(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation) => {
                Self::Unit(StoreError::conflict("row", "", format!("it contradicts another one ({error})")))
            }
            Some(ErrorCode::TooBig) => Self::Unit(StoreError::TooLarge { what: "a value".to_owned() }),
            _ => Self::Database(error),
        }
    }
}

/// The contract's word for an error of SQLite. `folder` is named where the folder is at fault.
pub(crate) fn store_error(error: &Error, folder: &str) -> StoreError {
    match error {
        Error::FromSqlConversionFailure(..) | Error::IntegralValueOutOfRange(..) | Error::InvalidColumnType(..) => {
            return StoreError::Damaged { detail: error.to_string() };
        }
        _ => {}
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full,
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            StoreError::ReadOnly { folder: folder.to_owned(), detail: error.to_string() }
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Damaged { detail: error.to_string() },
        Some(ErrorCode::ConstraintViolation) => StoreError::conflict("row", "", error.to_string()),
        Some(ErrorCode::TooBig) => StoreError::TooLarge { what: "a value".to_owned() },
        Some(ErrorCode::OperationInterrupted) => {
            StoreError::Unavailable { detail: "a query took too long and was stopped".to_owned(), unknown: false }
        }
        _ => StoreError::Unavailable { detail: error.to_string(), unknown: false },
    }
}
