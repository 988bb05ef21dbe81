//! How much one evaluation may do, counted in bytes that are read or made.

use std::cell::Cell;

/// What is left of the work that one evaluation may do.
#[derive(Debug)]
pub(crate) struct Work {
    left: Cell<usize>,
    max: usize,
}

impl Work {
    pub fn new(max: usize) -> Self {
        Self { left: Cell::new(max), max }
    }

    /// Takes from what is left.
    ///
    /// # Errors
    /// What to say when nothing is left.
    pub fn spend(&self, amount: usize) -> Result<(), String> {
        match self.left.get().checked_sub(amount) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(format!("the evaluation would read and make more than {} bytes", self.max)),
        }
    }
}
