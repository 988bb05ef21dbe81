//! What services get and what flows get back, over real connections.

// Helpers of tests may unwrap as tests may.
#![allow(clippy::unwrap_used)]

mod connection;
mod http_action;
mod service;
mod token;
