//! Connectors: OpenAPI 2.0 documents with Microsoft's `x-ms-*` extensions, and everything pure about them.
//!
//! | file | purpose |
//! |---|---|
//! | `connector`, `document`, `bounds`, `yaml`, `openapi3` | reading a file, with everything that is wrong with it |
//! | `operation`, `parameter`, `place`, `schema` | what a connector offers, and the form of an operation |
//! | `authentication`, `oauth`, `properties` | how a connector proves who calls |
//! | `connection`, `sets`, `schemes`, `security`, `server` | the fields of a connection; which credential goes where; addresses with parts |
//! | `request`, `written` | planning a call: by operation, by method and path, to an address that the service named |
//! | `serialise`, `body`, `draft`, `planned` | values in their places; the body; a request while it is planned, and after |
//! | `policy`, `answer` | changes of requests and answers that `apiProperties.json` asks for |
//! | `subscription`, `registration` | whether a webhook was created, and by which request it is deleted |
//! | `authoring`, `dynamic_content` | operations from samples; tokens for later steps |
//! | `prebuilt`, `gallery` | connectors that come with the product; what there is to add |
//! | `check`, `changes` | the report of a file; what another version breaks |

mod answer;
mod authentication;
mod authoring;
mod body;
mod bounds;
mod changes;
mod check;
mod connection;
mod connector;
mod document;
mod draft;
mod dynamic_content;
mod gallery;
mod oauth;
mod openapi3;
mod operation;
mod parameter;
mod place;
mod plan_error;
mod planned;
mod policy;
mod prebuilt;
mod properties;
mod registration;
mod request;
mod schema;
mod schemes;
mod security;
mod serialise;
mod server;
mod sets;
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
pub use changes::{Break, BreakKind};
pub use check::{CheckReport, CheckedTrigger, check, report, security_kinds};
pub use connection::{Choice, ConnectionField, Credentials, FieldKind, ParameterSet, WEBHOOK_SECRET};
pub use connector::{Connector, DEFAULT_COLOR, Import, Settings};
pub use document::MAX_DOCUMENT_BYTES;
pub use dynamic_content::{Token, dynamic_content};
pub use gallery::{
    COLLECTION_COMMIT, COLLECTION_LICENCE, COLLECTION_URL, CollectedFiles, GalleryEntry, GallerySource, Verdict,
    file_mark, gallery, index_line, search_gallery,
};
pub use oauth::{Grant, Oauth2, take_client_secret};
pub use operation::{CallbackPlace, Operation, OperationSummary, Role, TriggerKind, TriggerMode, Visibility};
pub use parameter::Parameter;
pub use place::Place;
pub use plan_error::PlanError;
pub use planned::PlannedRequest;
pub use policy::{Lookup, Policy, PollEnded, policies_replaced, policy_fault, policy_instances};
pub use prebuilt::{PREBUILT, Prebuilt};
pub use registration::DeleteRequest;
pub use request::{Call, Plan};
pub use subscription::{
    Creation, DeletionAddress, DeletionOperation, DeletionOutlook, DeletionRule, match_existing, update_refused,
};
pub use webhook::entered_secret;
pub use written::WrittenRequest;
