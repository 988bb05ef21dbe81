//! From PostgreSQL's errors to those of the contract.

use hookmill_store::{DatabaseProblem, StoreError};
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

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
        Self::Database(error)
    }
}

/// Whether the values of a unit are at fault, so that its neighbours would be stored without it.
pub(crate) fn is_about_values(error: &Error) -> bool {
    let class = |code: &SqlState| code.code().get(..2).unwrap_or_default().to_owned();
    error.code().is_some_and(|code| matches!(class(code).as_str(), "21" | "22" | "23" | "54"))
}

/// Whether the connection is gone.
pub(crate) fn is_lost(error: &Error) -> bool {
    error.is_closed() || error.code().is_none_or(|code| code.code().starts_with("57P") || code.code().starts_with("08"))
}

/// The answers of statements that were under way together. Behind one that failed the others fail because it did, so
/// the error is that of the cause.
pub(crate) fn all<T, const N: usize>(answers: [Result<T, Error>; N]) -> Result<[T; N], Error> {
    let is_cause = |error: &Error| error.code() != Some(&SqlState::IN_FAILED_SQL_TRANSACTION);
    let cause = answers.iter().position(|answer| answer.as_ref().is_err_and(is_cause));
    let cause = cause.or_else(|| answers.iter().position(Result::is_err));
    let mut answers = Vec::from(answers);
    if let Some(cause) = cause {
        answers.swap(0, cause);
    }
    // The first one is an error where any is.
    let answers: Vec<T> = answers.into_iter().collect::<Result<_, _>>()?;
    match answers.try_into() {
        Ok(answers) => Ok(answers),
        Err(_) => unreachable!("there are as many as before"),
    }
}

/// The contract's word for an error of PostgreSQL. `place` says which database it is, without secrets.
pub(crate) fn store_error(error: &Error, place: &str) -> StoreError {
    let detail = detail(error);
    let problem =
        |problem: DatabaseProblem| StoreError::Database { place: place.to_owned(), problem, detail: detail.clone() };
    let Some(code) = error.code() else {
        return StoreError::Unavailable { detail: format!("{place}: {detail}"), unknown: false };
    };
    match code.code() {
        "53100" => StoreError::Full,
        "25006" => problem(DatabaseProblem::Standby),
        "42501" => problem(DatabaseProblem::Rights),
        "28000" | "28P01" => problem(DatabaseProblem::SignIn),
        "3D000" | "3F000" => problem(DatabaseProblem::Address),
        "08P01" if detail.contains("startup parameter") => problem(DatabaseProblem::Pooler),
        "57014" => {
            StoreError::Unavailable { detail: "a query took too long and was stopped".to_owned(), unknown: false }
        }
        "54000" | "54001" | "22001" => StoreError::TooLarge { what: "a value".to_owned() },
        code if code.starts_with("23") => {
            StoreError::conflict("row", "", format!("it contradicts another one ({detail})"))
        }
        code if code.starts_with("XX") => StoreError::Damaged { detail },
        _ => StoreError::Unavailable { detail: format!("{place}: {detail}"), unknown: false },
    }
}

/// What happened, with its causes. PostgreSQL's own words come first where there are any.
fn detail(error: &Error) -> String {
    if let Some(told) = error.as_db_error() {
        return format!("{} ({})", told.message(), told.code().code());
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(one) = cause {
        let one_text = one.to_string();
        if !text.contains(&one_text) {
            text = format!("{text}: {one_text}");
        }
        cause = one.source();
    }
    text
}
