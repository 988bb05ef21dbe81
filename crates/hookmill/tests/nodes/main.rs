//! Three servers on one database share the flows, and two of them do once what one of them alone may do.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)] // Tests may stop at once.

#[path = "../support/mod.rs"]
mod support;

mod faults;
mod handed_over;
mod one_owner;
mod side_by_side;
