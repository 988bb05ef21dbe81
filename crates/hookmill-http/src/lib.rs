//! The only way out of Hookmill: one pooled client with an address policy, time and size limits, and redirects that
//! keep credentials at home. Retries are decided elsewhere; an error says whether one makes sense.
//!
//! | file | noun |
//! |---|---|
//! | `client` | [`Client`]: sends one [`Request`], gives one [`Response`] or one [`SendError`] |
//! | `request` | what is asked and answered |
//! | `redirect` | where a reply may lead, and what goes along |
//! | `redaction` | [`Redactor`]: texts and values without the secrets of their connections |
//! | `answer_body` | the body of an answer while it is read: decompressed and bounded |
//! | `connect` | connections that are kept, made in time and only where the policy allows |
//! | `policy` | [`AddressPolicy`]: which hosts, addresses and ports may be reached |
//! | `resolver` | names to addresses, refused ones dropped before a connection |
//! | `gate` | how many requests one origin, and all together, may have under way |
//! | `witness` | notices whether a request was handed to a connection |
//! | `tls` | trusted roots, client certificates |
//! | `error` | [`SendError`]: what went wrong, whether it was sent, what to try |

mod answer_body;
mod client;
mod connect;
mod error;
mod gate;
mod policy;
mod redaction;
mod redirect;
mod request;
mod resolver;
mod tls;
mod witness;

pub use client::{Client, ClientConfig, ClientError};
pub use error::{SendError, SendErrorKind};
pub use policy::{AddressPolicy, PolicyError, is_public};
pub use redaction::{Redactor, SECRET_BYTES_MIN, is_secret_header};
pub use request::{Redirects, Request, Response};
pub use resolver::addresses_of;
pub use tls::{Identity, IdentityError};

pub use bytes::Bytes;
pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
pub use url::Url;
