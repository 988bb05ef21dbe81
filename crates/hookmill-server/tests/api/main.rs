//! The whole server on a store in memory: the document of the API, who may do what, changes, wrong input.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // Tests may stop at once.

mod access;
mod authorization_server;
mod bad_input;
mod changes;
mod connection_fields;
mod connectors;
mod document;
mod history;
mod many;
mod oauth;
mod owner;
mod pages;
mod timetables;
mod world;
