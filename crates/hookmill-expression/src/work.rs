//! How much one evaluation may do: the bytes that it reads and makes bound the time, those that it makes the memory.

use std::cell::Cell;

use crate::scope::Scope;

/// The evaluation is asked whether somebody still waits for it after so much work, some milliseconds.
const WORK_BETWEEN_LOOKS: usize = 4_000_000;

/// Why an evaluation goes no further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Exhausted {
    /// It did as much as it may.
    Work(String),
    /// What it made takes as much memory as it may.
    Memory(String),
    /// Nobody waits for it any more.
    Stopped,
}

impl std::fmt::Display for Exhausted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Work(message) | Self::Memory(message) => f.write_str(message),
            Self::Stopped => f.write_str("the evaluation was stopped"),
        }
    }
}

/// What is left of the work and of the memory of one evaluation.
pub(crate) struct Work<'a> {
    scope: &'a dyn Scope,
    /// What it had at its beginning.
    max: usize,
    left: Cell<usize>,
    until_look: Cell<usize>,
    made_left: Cell<usize>,
}

impl<'a> Work<'a> {
    pub fn new(scope: &'a dyn Scope) -> Self {
        let limits = scope.limits();
        let max = limits.work_max.min(scope.work_left());
        Self {
            scope,
            max,
            left: Cell::new(max),
            until_look: Cell::new(WORK_BETWEEN_LOOKS),
            made_left: Cell::new(limits.made_bytes_max),
        }
    }

    /// Takes from what is left of the work.
    pub fn spend(&self, amount: usize) -> Result<(), Exhausted> {
        let Some(left) = self.left.get().checked_sub(amount) else {
            self.left.set(0);
            let max = self.scope.limits().work_max;
            return Err(Exhausted::Work(if self.max < max {
                "the expressions for all elements would read and make more than they may together".to_owned()
            } else {
                format!("the evaluation would read and make more than {max} bytes")
            }));
        };
        self.left.set(left);
        match self.until_look.get().checked_sub(amount) {
            Some(until) => self.until_look.set(until),
            None => {
                self.until_look.set(WORK_BETWEEN_LOOKS);
                if self.scope.is_stopped() {
                    return Err(Exhausted::Stopped);
                }
            }
        }
        Ok(())
    }

    /// Bytes that may still be made.
    pub fn made_left(&self) -> usize {
        self.made_left.get()
    }

    /// Takes from what is left of the memory, before `bytes` are made. Nothing is given back while the evaluation goes
    /// on: what it no longer holds counts too.
    pub fn make(&self, bytes: usize) -> Result<(), Exhausted> {
        let Some(left) = self.made_left.get().checked_sub(bytes) else {
            let max = self.scope.limits().made_bytes_max;
            return Err(Exhausted::Memory(format!("the evaluation would make values of more than {max} bytes")));
        };
        self.made_left.set(left);
        Ok(())
    }
}

impl Drop for Work<'_> {
    fn drop(&mut self) {
        self.scope.worked(self.max - self.left.get());
    }
}
