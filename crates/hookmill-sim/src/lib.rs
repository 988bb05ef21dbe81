//! Runs the real engine in a simulated world: random flows, virtual time, services that answer late, twice, wrongly or
//! never, and crashes before and after commits. Tests only; never a dependency of a shipped crate.
//!
//! | file | purpose |
//! |---|---|
//! | `flow` | random definitions |
//! | `world` | what services answer, a function of the seed |
//! | `drive` | one run against the world, with or without crashes, a failing store, a person who cancels |
//! | `journal` | what is on disk, and the properties that every fact must keep |
//! | `naive` | a second, simple interpreter: what each action's status must be |
//! | `bound` | how many facts a run may make at most |
//! | `mutation` | faults that are planted to see whether they are found |
//!
//! The properties are named by letters in what fails: (a) the state is the fold of what is stored, after each commit;
//! (b) crashes change no status and no idempotency key; (c) late, double and wrong outcomes change nothing; (d) an
//! action starts only when its `runAfter` holds, and ends exactly once; (e) nothing follows the end of a run; (f) a run
//! ends within the bound of its plan; (g) the naive interpreter agrees.
//!
//! Everything is a function of one number. A failing one is printed with the command that runs it alone.

pub mod bound;
pub mod drive;
pub mod flow;
pub mod journal;
pub mod mutation;
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
