//! The store in one SQLite file: the default, with nothing else to install.
//!
//! One thread writes; it commits all waiting units in one transaction (`writer`), from two bounded queues (`lanes`).
//! A few connections read beside it (`readers`). What is long is compressed before it gets to the writer (`step`,
//! `hookmill_store::payload`). The folder belongs to one server at a time (`folder`). Tables stand in `schema/`.
//!
//! Not here: any decision about runs, flows or time. Those come with the units.

mod change;
mod column;
mod error;
mod examine;
mod folder;
mod lanes;
mod purge;
mod read;
mod readers;
mod schema;
mod step;
mod store;
mod tables;
mod writer;

use hookmill_store::payload;
pub use store::{SqliteOptions, SqliteStore, copy, database, examine, has_setting_or_account};
pub use tables::SqliteTables;
