//! Runs the real engine and runtime in a simulated world. Tests only; never a dependency of a shipped crate.
