//! Connectors: OpenAPI 2.0 documents with Microsoft's `x-ms-*` extensions, and everything pure about them.
//!
//! | file | purpose |
//! |---|---|
//! | `connector`, `document`, `yaml`, `openapi3` | reading a file, with everything that is wrong with it |
//! | `operation`, `parameter`, `schema` | what a connector offers, and the form of an operation |
//! | `authentication`, `oauth`, `properties` | how a connector proves who calls |
//! | `connection`, `security` | the fields of a connection; which credential goes where |
//! | `request`, `written` | planning a call: by operation, by method and path, to an address that the service named |
//! | `serialise`, `body`, `draft` | values in their places; the body; a request while it is planned |
//! | `policy`, `answer` | changes of requests and answers that `apiProperties.json` asks for |
//! | `subscription`, `registration` | whether a webhook was created, and by which request it is deleted |
//! | `authoring`, `dynamic_content` | operations from samples; tokens for later steps |
//! | `prebuilt` | connectors that come with the product |
//! | `check` | the report of a file |

mod answer;
mod authentication;
mod authoring;
mod body;
mod check;
mod connection;
mod connector;
mod document;
mod draft;
mod dynamic_content;
mod oauth;
mod openapi3;
mod operation;
mod parameter;
mod plan_error;
mod policy;
mod prebuilt;
mod properties;
mod registration;
mod request;
mod schema;
mod security;
mod serialise;
mod subscription;
mod webhook;
mod written;
mod yaml;

pub use answer::Answer;
pub use authentication::{Authentication, KeyPlace};
pub use authoring::{
    CurlError, EditError, FormParameter, OperationForm, RequestForm, SampleContext, SampleError, SampleRequest,
    SampledRequest, headers_from_sample, infer_schema, put_operation, remove_operation, request_from_curl,
    request_from_sample,
};
pub use check::{CheckReport, CheckedTrigger, check, report, security_kinds};
pub use connection::{Choice, ConnectionField, Credentials, FieldKind, ParameterSet};
pub use connector::{Connector, DEFAULT_COLOR, Import, Settings};
pub use document::MAX_DOCUMENT_BYTES;
pub use dynamic_content::{Token, dynamic_content};
pub use oauth::{Grant, Oauth2, take_client_secret};
pub use operation::{CallbackPlace, Operation, OperationSummary, Place, Role, TriggerKind, TriggerMode, Visibility};
pub use parameter::Parameter;
pub use plan_error::PlanError;
pub use policy::{Lookup, Policy, policies_replaced, policy_fault, policy_instances};
pub use prebuilt::{PREBUILT, Prebuilt};
pub use registration::DeleteRequest;
pub use request::{Call, Plan, PlannedRequest};
pub use subscription::{Creation, DeletionAddress, DeletionOperation, DeletionRule, match_existing};
pub use written::WrittenRequest;
