//! The words all of Hookmill shares: identifiers, time stamps, JSON values, statuses, faults, diagnostics.
//!
//! Nothing here behaves beyond parsing and printing, and no type of another crate appears. Types that belong to one
//! part (a plan, a fact, a request) live beside their owner.
//!
//! | file | words |
//! |---|---|
//! | `id` | `flw_ run_ cnr_ …`: one newtype per noun, sorted by time |
//! | `value` | [`Value`]: a JSON value that is cheap to clone and keeps the order of members |
//! | `object` | [`Object`]: the members of an object |
//! | `json` | reading values, within a budget of memory where the text comes from outside |
//! | `time` | [`Timestamp`]: microseconds since 1970 in UTC |
//! | `status` | what a run, an action run, a flow and a subscription can be |
//! | `hex` | [`hex()`]: bytes in hexadecimal digits |
//! | `explain` | [`Explain`]: code, fault and hint of an error |
//! | `diagnostic` | [`Diagnostic`]: a finding in a user's file, with its JSON pointer |

mod diagnostic;
mod explain;
mod hex;
mod id;
mod json;
mod object;
mod status;
mod time;
mod value;

pub use diagnostic::{Diagnostic, Pointer, Severity};
pub use explain::{Code, Explain, Fault};
pub use hex::hex;
pub use id::{
    ApprovalId, ConnectionId, ConnectorId, DeviceId, EventId, FlowId, Id, IdError, NotificationId, RunId, SessionId,
    SubscriptionId, TokenId, UserId,
};
pub use json::{
    ARRAY_BYTES, JsonError, MEMBER_BYTES, OBJECT_BYTES, REQUEST_HEAP_MAX, TEXT_BYTES, VALUE_BYTES, deserialize_bounded,
};
pub use object::Object;
pub use status::{ActionStatus, FlowState, RunKind, RunStatus, SubscriptionState};
pub use time::{Timestamp, TimestampError};
pub use value::{Str, Value};
