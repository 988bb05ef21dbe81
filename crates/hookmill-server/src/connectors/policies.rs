//! The policies of a connector: changes of requests that `apiProperties.json` asks for.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use hookmill_connector as model;
use hookmill_model::Value;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Acceptance, ConnectorWhole, Replacement, Tagged, own, replace, stored_document};
use crate::account::Caller;
use crate::extract::{Json, Query};
use crate::{Problem, ServerState};

/// A connector has no more policies.
const POLICIES_MAX: usize = 500;

/// One policy.
#[derive(Serialize, ToSchema)]
pub struct PolicyView {
    /// As it stands in `policyTemplateInstances`.
    #[schema(value_type = Object)]
    instance: Value,
    /// Why the policy cannot run here, so that its operations are refused; `null` where it runs.
    #[schema(required)]
    fault: Option<String>,
}

/// The policies of a connector, in order.
#[derive(Serialize, ToSchema)]
pub struct Policies {
    items: Vec<PolicyView>,
}

/// The policies of a connector
#[utoipa::path(get, path = "/api/connectors/{id}/policies", tag = "connectors", responses((status = 200, body = Policies)))]
pub async fn policies(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
) -> Result<Json<Policies>, Problem> {
    let stored = own(&state, &caller, &id).await?;
    let connector = state.runtime.connector(stored.id).await?;
    let instances = connector.properties().map(model::policy_instances).unwrap_or_default();
    let view = |instance: &Value| PolicyView {
        instance: instance.clone(),
        fault: model::policy_fault(instance, &connector.sets),
    };
    Ok(Json(Policies { items: instances.iter().map(view).collect() }))
}

/// All policies that a connector shall have.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PoliciesForm {
    /// As they stand in `policyTemplateInstances`, in order.
    #[schema(value_type = Vec<Object>)]
    instances: Vec<Value>,
}

/// Replace the policies of a connector
#[utoipa::path(put, path = "/api/connectors/{id}/policies", tag = "connectors", params(("id" = String, Path), ("If-Match" = Option<String>, Header, description = "The etag that the change is based on."), Acceptance), responses((status = 200, body = ConnectorWhole)))]
pub async fn put_policies(
    caller: Caller,
    State(state): State<ServerState>,
    Path(id): Path<String>,
    Query(acceptance): Query<Acceptance>,
    headers: HeaderMap,
    Json(form): Json<PoliciesForm>,
) -> Result<Tagged, Problem> {
    let stored = own(&state, &caller, &id).await?;
    let wrong = |pointer: String, detail: &str| Err(Problem::bad("policy_invalid", detail).at(&pointer));
    if form.instances.len() > POLICIES_MAX {
        return wrong("/instances".to_owned(), "A connector has at most 500 policies.");
    }
    for (index, instance) in form.instances.iter().enumerate() {
        let Some(policy) = model::Policy::read(instance) else {
            return wrong(format!("/instances/{index}/templateId"), "The policy does not say which template it is of.");
        };
        if policy.parameters.as_object().is_none() {
            return wrong(format!("/instances/{index}/parameters"), "The parameters of the policy are not an object.");
        }
    }
    let held = stored_document(&state, &stored).await?.properties;
    let held = held.map(|bytes| Value::from_json(&bytes)).transpose().map_err(|error| Problem::internal(&error))?;
    let properties = model::policies_replaced(held.as_ref(), form.instances).to_json();
    let to = Replacement { properties: Some(properties.into()), ..Replacement::default() };
    replace(&state, stored, (&headers, acceptance), to).await
}
