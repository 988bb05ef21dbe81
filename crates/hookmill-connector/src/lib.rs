//! Connectors: OpenAPI 2.0 documents with Microsoft's `x-ms-*` extensions, and everything pure about them.
//!
//! | file | purpose |
//! |---|---|
//! | `connector`, `document`, `openapi3` | reading a file, with everything that is wrong with it |
//! | `operation`, `parameter`, `schema` | what a connector offers, and the form of an operation |
//! | `authentication`, `oauth`, `properties` | what a connection holds; what `apiProperties.json` adds |
//! | `request` | planning a call: parameters, defaults, callback URL, credentials |
//! | `subscription`, `registration` | where and by which operation a webhook is deleted, and whether the service has it |
//! | `authoring`, `dynamic_content` | operations from samples; tokens for later steps |
//! | `prebuilt` | connectors that come with the product |
//! | `check` | the report of a file |

mod authentication;
mod authoring;
mod check;
mod connector;
mod document;
mod dynamic_content;
mod oauth;
mod openapi3;
mod operation;
mod parameter;
mod prebuilt;
mod properties;
mod registration;
mod request;
mod schema;
mod subscription;
mod webhook;

pub use authentication::{Authentication, KeyPlace};
pub use authoring::{
    CurlError, EditError, FormParameter, OperationForm, RequestForm, SampleContext, SampleError, SampleRequest,
    SampledRequest, headers_from_sample, infer_schema, put_operation, remove_operation, request_from_curl,
    request_from_sample,
};
pub use check::{CheckReport, CheckedTrigger, check, report, security_kinds};
pub use connector::{Connector, DEFAULT_COLOR, Import, Settings};
pub use document::MAX_DOCUMENT_BYTES;
pub use dynamic_content::{Token, dynamic_content};
pub use oauth::{Grant, Oauth2, take_client_secret};
pub use operation::{CallbackPlace, Operation, OperationSummary, Place, Role, TriggerKind, TriggerMode, Visibility};
pub use parameter::Parameter;
pub use prebuilt::{PREBUILT, Prebuilt};
pub use properties::{Policy, PolicyTemplate, policies_replaced, policy_instances};
pub use registration::DeleteRequest;
pub use request::{Credentials, PlanError, PlannedRequest};
pub use subscription::{DeletionAddress, match_existing};
