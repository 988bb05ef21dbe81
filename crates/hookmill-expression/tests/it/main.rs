//! What the crate promises, in one binary: cases, properties, errors, limits.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)] // Tests may read files and stop at once.

mod conditions;
mod conformance;
mod errors;
mod fuzz;
mod limits;
mod properties;

use hookmill_expression::{Error, Limits, case};
use hookmill_model::{Timestamp, Value};

/// Evaluates a text as it stands in a definition.
fn evaluate_within(text: &str, context: &Value, limits: Limits) -> Result<Value, Error> {
    let context = case::Context::new(context, Timestamp::from_millis(1_700_000_000_000), 7, limits);
    case::evaluate(&text.into(), &context)
}

fn evaluate(text: &str, context: &Value) -> Result<Value, Error> {
    evaluate_within(text, context, Limits::default())
}
