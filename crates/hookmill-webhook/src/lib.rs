//! The door for services, as pure functions: what a connector declares about its webhooks, how a request proves its
//! sender, which requests are answered without being events, and how a body is read.
//!
//! No service is known by name here. What a service needs is a declaration ([`Declarations`]), and what is known of
//! well-known services is data (`preset/presets.json`). Time, secrets, documents that have been fetched and everything
//! else that the world knows are arguments.
//!
//! | file | what it holds |
//! |---|---|
//! | `declaration` | the declarations `x-hookmill-…` as types |
//! | `read` | reads them from JSON and reports what is wrong, with JSON pointers |
//! | `preset` | declarations of well-known services, by name |
//! | `template` | selectors (`header:NAME`), templates (`{header:NAME}.{body}`) and conditions |
//! | `request` | a request with what its parts say, each read once |
//! | `decoding` | `Content-Encoding`, bounded |
//! | `verification` | whether a request proves its sender |
//! | `handshake` | requests that are answered and are not events |
//! | `asking` | calls of operations that declarations ask for, with their values |
//! | `delivery` | identifiers of deliveries, and the body of an event |
//! | `door` | the decision about one request |
//! | `case` | test cases of verification and of the door |

mod asking;
pub mod case;
mod declaration;
mod decoding;
mod delivery;
mod door;
mod handshake;
mod key;
mod preset;
mod read;
mod request;
mod template;
mod verification;

pub use asking::{Asked, Question, Values};
pub use declaration::{
    Callback, Compute, Declarations, Dedupe, Find, Generated, Gone, Handshake, HandshakeCall, HandshakeReply, Items,
    Json, Lifecycle, LifecycleAction, OperationCall, Place, Recovery, RecoveryList, Registration, Renewal, RenewalBy,
    Reply, Secret, SecretEncoding, State,
};
pub use delivery::{Keys, event_body};
pub use door::{Call, Decision, Generation, Outcome, Proof, Response, decide};
pub use key::unique_name;
pub use preset::{Preset, preset, presets, recognised};
pub use read::{EXTENSIONS, has_declarations, read, registration_members};
pub use request::{Known, Registered, Request};
pub use template::{Conditions, Selector, Template};
pub use verification::{Fetch, FetchKind, Refusal, Verification, kind_of_secret};
