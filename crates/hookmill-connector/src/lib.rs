//! Connectors: OpenAPI 2.0 documents with Microsoft's `x-ms-*` extensions, and everything pure about them.

mod authentication;
mod check;
mod connector;
mod document;
mod operation;
mod properties;
mod schema;

pub use authentication::{Authentication, KeyPlace};
pub use check::{CheckReport, CheckedTrigger, check, report, security_kinds};
pub use connector::{Connector, DEFAULT_COLOR, Import, Settings};
pub use document::MAX_DOCUMENT_BYTES;
pub use operation::{CallbackPlace, Operation, OperationSummary, Place, Role, TriggerKind, TriggerMode, Visibility};
pub use properties::Policy;
