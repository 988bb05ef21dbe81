//! Expressions for whoever writes them: evaluation, and the list of functions.

use axum::extract::State;
use hookmill_expression::{Limits, case};
use hookmill_model::Value;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ServerState;
use crate::account::Caller;
use crate::extract::Json;
use crate::list::Page;

/// Bytes of all values that an evaluation makes on the way.
const MADE_BYTES_MAX: usize = 64 * 1_024 * 1_024;
/// Larger values are not shown: an answer takes memory until its reader has all of it.
const SHOWN_BYTES_MAX: usize = 1_024 * 1_024;

/// An expression and what it may refer to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EvaluateForm {
    /// As a definition writes it, with its `@`.
    expression: Value,
    /// `{triggerBody, outputs, variables, …}`, as `hookmill expression eval` takes it.
    #[serde(default)]
    context: Value,
}

/// Where in an expression.
#[derive(Serialize, ToSchema)]
pub struct Position {
    /// Counts from 0.
    byte: usize,
    /// Counts from 1.
    line: usize,
    /// Counts from 1.
    column: usize,
}

/// Why there is no value.
#[derive(Serialize, ToSchema)]
#[schema(as = ExpressionError)]
pub struct ErrorView {
    kind: &'static str,
    message: String,
    position: Position,
    /// What was probably meant.
    #[schema(required)]
    suggestion: Option<String>,
}

/// The value of an expression, or why there is none.
#[derive(Serialize, ToSchema)]
pub struct Evaluated {
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorView>,
}

/// Evaluate an expression; nothing is stored
#[utoipa::path(post, path = "/api/expressions/evaluate", tag = "expressions", responses((status = 200, body = Evaluated)))]
pub async fn evaluate(_: Caller, State(state): State<ServerState>, Json(form): Json<EvaluateForm>) -> Json<Evaluated> {
    let wanted = hookmill_runtime::wanted();
    let limits = Limits { made_bytes_max: MADE_BYTES_MAX, ..Limits::default() };
    let context = case::Context::new(&form.context, state.runtime.now(), 1, limits).while_wanted(&*wanted);
    Json(match case::evaluate(&form.expression, &context) {
        Ok(value) if value.json_bytes() > SHOWN_BYTES_MAX => {
            let message = format!(
                "The value has {} KiB as JSON; at most {} KiB are shown. Take a part of it, or its length.",
                value.json_bytes() / 1_024,
                SHOWN_BYTES_MAX / 1_024
            );
            let position = Position { byte: 0, line: 1, column: 1 };
            let kind = hookmill_expression::ErrorKind::LimitExceeded.as_str();
            Evaluated { value: None, error: Some(ErrorView { kind, message, position, suggestion: None }) }
        }
        Ok(value) => Evaluated { value: Some(value), error: None },
        Err(error) => {
            let hookmill_expression::Position { byte, line, column } = error.position;
            let position = Position { byte, line, column };
            let view = ErrorView {
                kind: error.kind.as_str(),
                message: error.message.to_string(),
                position,
                suggestion: error.suggestion.map(|text| text.to_string()),
            };
            Evaluated { value: None, error: Some(view) }
        }
    })
}

/// A function of the expression language.
#[derive(Serialize, ToSchema)]
pub struct ExpressionFunction {
    name: &'static str,
    category: &'static str,
    signature: &'static str,
    description: &'static str,
    example: &'static str,
    /// What the example gives.
    result: &'static str,
}

/// All functions of the expression language
#[utoipa::path(get, path = "/api/expressions/functions", tag = "expressions", responses((status = 200, body = Page<ExpressionFunction>)))]
pub async fn functions(_: Caller) -> Json<Page<ExpressionFunction>> {
    Json(Page::whole(hookmill_expression::functions().map(|function| ExpressionFunction {
        name: function.name,
        category: function.category.as_str(),
        signature: function.signature,
        description: function.description,
        example: function.example,
        result: function.result,
    })))
}
