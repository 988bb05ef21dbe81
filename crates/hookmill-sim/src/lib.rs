//! Runs the real engine in a simulated world: random flows, virtual time, services that answer late, twice, wrongly or
//! never, and crashes before and after commits. Tests only; never a dependency of a shipped crate.
//!
//! | file | purpose |
//! |---|---|
//! | `flow` | random definitions |
//! | `world` | what services answer, a function of the seed |
//! | `drive` | one run against the world, with or without crashes, and the properties that must hold on the way |
//! | `naive` | a second, simple interpreter: what each action's status must be |
//!
//! Everything is a function of one number. A failing one is printed; `HOOKMILL_SIM_SEED=<number> cargo test -p
//! hookmill-sim` runs it alone.

pub mod drive;
pub mod flow;
pub mod naive;
pub mod world;

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Begins at a number.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        hookmill_expression::case::next_random(&mut self.0)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.draw() % bound.max(1)
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}
