//! The binary: reads flags and configuration, picks a store, wires the parts and runs them.

fn main() {}
