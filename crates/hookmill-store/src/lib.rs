//! The storage contract: what Hookmill keeps, what changes together, and what can be asked.
//!
//! Everything that changes does so by [`Store::commit`]: a [`Unit`] is an ordered list of changes with what it expects
//! to find, stored as a whole or not at all, and on disk before the answer. Everything else only reads. No SQL type, no
//! clock and no randomness appears: times and identifiers are arguments.
//!
//! | file | nouns |
//! |---|---|
//! | `unit` | [`Unit`], [`Change`], [`Expect`], [`Lane`], [`Committed`] |
//! | `event` | stored notifications and the queue of those no run has taken yet |
//! | `run` | runs, their journals, timers, addresses at which an action waits |
//! | `flow` | flows, their versions, what they use, the state of their triggers |
//! | `subscription` | generations of webhooks |
//! | `connector` | connectors and connections |
//! | `inbox` | notifications, devices, deliveries |
//! | `approval` | what runs ask people, and wait for |
//! | `account` | users, sessions, tokens, settings |
//! | `damage` | reading stored bytes, and what cannot be read |
//! | `contract` | the traits of reading, and [`Store`] |
//! | `memory` | [`MemoryStore`], for simulations and tests |
//! | `payload`, `number` | how bytes, statuses and kinds stand in columns, for stores that have any |
//! | `tables` | a whole store as tables, to be moved to another one |
//! | `story` | the tests each store must pass (feature `story`) |
//!
//! Journals, definitions, documents and the like are opaque bytes here; who writes them reads them.

mod account;
mod approval;
mod connector;
mod contract;
mod damage;
mod error;
mod event;
mod filter;
mod flow;
mod inbox;
mod list;
mod memory;
mod nodes;
pub mod number;
pub mod payload;
mod run;
mod subscription;
pub mod tables;
mod unit;

#[cfg(any(test, feature = "story"))]
pub mod story;

pub use account::{Role, Session, Token, User};
pub use approval::{Approval, ApprovalFilter, ApprovalPerson, ApprovalState};
pub use connector::{
    Connection, ConnectionFilter, Connector, ConnectorDocument, ConnectorFilter, ConnectorVersion, Health, Icon, Uses,
};
pub use contract::{Accounts, Approvals, Connectors, Events, Flows, Inbox, Runs, Store, Subscriptions};
pub use damage::{Damaged, read};
pub use error::{DatabaseProblem, StoreError};
pub use event::{Dedupe, Event, EventListed, PendingEvent};
pub use filter::Needle;
pub use flow::{Binding, FailingFlow, Flow, FlowFilter, FlowStats, FlowVersion};
pub use inbox::{Delivery, Device, Link, Notification, NotificationFilter, UNREAD_MAX};
pub use list::{Disk, Figures, List, Log, Page};
pub use memory::{CommitFault, MemoryStore};
pub use nodes::{Asked, EPOCH_ALONE, Leases, Node, Nodes, SHARDS, Shard};
pub use run::{
    DueRun, OpenRun, OutputsHave, Run, RunBrief, RunError, RunFilter, RunListed, RunPart, RunUpdate, Timer, TimerKey,
    TimerKind, Verdict, joined, verdict,
};
pub use subscription::Subscription;
pub use unit::{Change, Committed, Expect, Lane, Purged, Resealed, Retention, Unit};
