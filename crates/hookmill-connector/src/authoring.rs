//! Authoring: definitions made by people who have samples instead of an OpenAPI file.
//!
//! | file | noun |
//! |---|---|
//! | `infer` | a JSON Schema from sample values |
//! | `curl` | a pasted curl command, read as a request |
//! | `form` | the request part of an operation |
//! | `postman` | a collection, read as an OpenAPI document |
//! | `sample` | the request part of an operation, from one sample request |
//! | `edit`, `unchanged` | an operation put into a document; what a form left as it was |

mod curl;
pub(crate) mod edit;
mod form;
mod infer;
pub(crate) mod postman;
mod sample;
mod unchanged;

pub use curl::{CurlError, request_from_curl};
pub use edit::{EditError, OperationForm, remove_operation};
pub use form::{FormParameter, RequestForm};
pub use infer::infer_schema;
pub use sample::{SampleContext, SampleError, SampleRequest, SampledRequest, headers_from_sample, request_from_sample};
pub use unchanged::put_operation;

use hookmill_model::{Object, Str, Value};

/// The text of a member; empty where there is none.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The members of an object member; none where it is absent or something else.
pub(crate) fn members<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = (&'a Str, &'a Value)> {
    value.get(name).and_then(Value::as_object).into_iter().flat_map(Object::iter)
}
