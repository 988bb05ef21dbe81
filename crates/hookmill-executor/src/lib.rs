//! Performs one command of a run and reports one outcome. Nothing is retried, polled, paged or remembered here: what
//! follows an outcome is decided by the engine.
//!
//! | file | noun |
//! |---|---|
//! | `executor` | [`Executor`]: what performs; [`CallContext`]: what a call knows about its run |
//! | `http_action` | the `Http` action's request: which headers go, whose body |
//! | `body` | values as the bytes of a request, `$multipart` included |
//! | `authentication` | the `authentication` object of an action |
//! | `token` | the token endpoint of an authorization server: [`TokenRequest`], [`TokenAnswer`] |
//! | `oauth` | tokens of Microsoft's directory for actions, kept until they expire |
//! | `outgoing` | a call through a connection, as a connector planned it |
//! | `cases` | [`run_case`]: test cases of connectors, without a network |
//! | `exchange` | a request as it is sent and as it is shown, an answer as an outcome |
//! | `refusal` | why there is no answer, with the code that flows see |
//! | `script` | JavaScript with limits and without a world |
//!
//! Not here: child flows and the connector *Notifications*, which the runtime performs itself ([`NotMine`]).

mod authentication;
mod body;
mod cases;
mod chunked;
mod exchange;
mod executor;
mod http_action;
mod oauth;
mod outgoing;
mod refusal;
mod script;
mod token;

pub use cases::{CaseVerdict, run_case};
pub use executor::{
    APPROVALS_API, CREATE_APPROVAL, CallContext, Executor, NOTIFICATIONS_API, NotMine, START_APPROVAL, Settings,
    WAIT_FOR_APPROVAL, is_local, is_own_api, own_operation_fault,
};
pub use outgoing::preview;
pub use token::{TokenAnswer, TokenGrant, TokenRefusal, TokenRequest};
