//! The store in PostgreSQL: for those who have a database server already, or who outgrow one machine.
//!
//! One task writes; it commits all waiting units in one transaction (`writer`), from two bounded queues (`lanes`).
//! Changes of runs, events and timers of a whole batch are decided in memory and written as sets (`batch`); all others
//! are statements of their own (`change`). A few connections read beside it (`readers`). Several nodes work side by side:
//! `keeper` holds this node's leases of shards, `desk` has what nodes say to each other. Tables stand in `schema/`; the
//! addresses and what is asked of a connection in `place`.
//!
//! Every statement is sent with the types of its values and without a name, so nothing is kept on the server between
//! two of them.
//!
//! Not here: any decision about runs, flows or time. Those come with the units.

mod batch;
mod change;
#[cfg(feature = "cluster")]
pub mod cluster;
mod column;
mod desk;
mod error;
mod keeper;
mod lanes;
mod nodes;
mod place;
mod purge;
mod read;
mod readers;
mod schema;
mod step;
mod store;
mod tables;
mod tls;
mod writer;

pub use nodes::{drain, nodes};
pub use place::is_address;
pub use store::{PostgresOptions, PostgresStore};
pub use tables::PostgresTables;
