//! Workflow definitions: reading every form in which they are exported, checking them, compiling them to a plan.
//!
//! | file | purpose |
//! |---|---|
//! | `file` | the files in which flows travel |
//! | `compile` | from a definition to a [`Plan`] and everything that is wrong with it |
//! | `plan` | what the engine runs |
//! | `language` | types of triggers and actions, functions that take names and bounds, as tables |
//! | `names` | which names of actions are the same, who mentions one, and renaming |
//! | `recurrence`, `duration`, `schema` | timetables, durations, JSON Schemas |
//! | `secret` | which parts of a definition are secret, and the definition without them |
//! | `limits` | bounds, and the profile that chooses defaults |

mod compile;
pub mod duration;
pub mod file;
pub mod language;
mod limits;
pub mod names;
pub mod plan;
pub mod recurrence;
mod schema;
pub mod secret;

pub use compile::{Compilation, compile, compile_while};
pub use limits::{Limits, Profile, RETRY_COUNTS, RETRY_INTERVALS};
pub use plan::Plan;
pub use schema::{Schema, SchemaError, Violation};
