//! The numbers that stand for statuses and kinds of runs in the columns of databases. They never change: what is stored
//! has them.

use hookmill_model::{RunKind, RunStatus};

/// The number of a status. The order matters: below 2 is active, above 2 has an index.
#[must_use]
pub const fn status_number(status: RunStatus) -> i64 {
    match status {
        RunStatus::Waiting => 0,
        RunStatus::Running => 1,
        RunStatus::Succeeded => 2,
        RunStatus::Failed => 3,
        RunStatus::Cancelled => 4,
        RunStatus::TimedOut => 5,
        RunStatus::Skipped => 6,
        RunStatus::Faulted => 7,
    }
}

/// The status of a number.
#[must_use]
pub fn status_of(number: i64) -> Option<RunStatus> {
    RunStatus::ALL.iter().copied().find(|one| status_number(*one) == number)
}

/// The number of a kind of run.
#[must_use]
pub const fn kind_number(kind: RunKind) -> i64 {
    match kind {
        RunKind::Flow => 0,
        RunKind::CreateWebhook => 1,
        RunKind::DeleteWebhook => 2,
    }
}

/// The kind of run of a number.
#[must_use]
pub fn kind_of(number: i64) -> Option<RunKind> {
    RunKind::ALL.iter().copied().find(|one| kind_number(*one) == number)
}
