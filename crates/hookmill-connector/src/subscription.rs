//! The end of a webhook: where it is deleted, and whether the service has it.

use hookmill_model::{Object, Str, Value};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::connector::Connector;
use crate::operation::{Operation, path_names};
use crate::registration::{DeleteRequest, Sources};
use crate::request::{Credentials, PlanError, PlannedRequest, encoded, matches};

/// Where and how a webhook is deleted, without the connection's credentials. It is kept beside the webhook.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeletionAddress {
    /// In capitals.
    pub method: Str,
    /// Absolute; on the connector's own origin.
    pub url: Str,
    /// What a declared delete request sends beside it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(Str, Str)>,
    /// Its body; `Null` for none.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub body: Value,
}

impl DeletionAddress {
    fn at(url: impl Into<Str>) -> Self {
        Self { method: "DELETE".into(), url: url.into(), ..Self::default() }
    }

    /// What may be shown of it; `None` where query, headers or body hold values of the service that may be secret.
    #[must_use]
    pub fn shown(&self) -> Option<&Self> {
        let is_plain = self.headers.is_empty() && self.body.is_null() && !self.url.contains('?');
        is_plain.then_some(self)
    }
}

impl Connector {
    /// Finds out where a webhook that was just created is deleted: by the operation that the trigger names, else from
    /// `Location`, else from the connector's delete operation and the service's answer. `created` is the address that
    /// the creation was sent to; `headers` and `answer` came back.
    ///
    /// # Errors
    /// Why nobody knows, in words for the maker.
    pub fn deletion_address(
        &self,
        operation: &Operation,
        parameters: &Value,
        created: &str,
        headers: &Object,
        answer: Option<&Value>,
    ) -> Result<DeletionAddress, String> {
        let usual = || self.usual_deletion(operation, parameters, created, headers, answer);
        match self.declared_deletion(operation, &Sources { answer, headers, inputs: parameters }) {
            None => usual(),
            Some(Ok(address)) => Ok(address),
            // The service may still have said it in the usual way.
            Some(Err(fault)) => usual().map_err(|_| fault),
        }
    }

    /// The request of the operation that the trigger names, with the values it needs.
    fn declared_deletion(
        &self,
        operation: &Operation,
        sources: &Sources<'_>,
    ) -> Option<Result<DeletionAddress, String>> {
        let DeleteRequest::Operation { operation_id, parameters } = &operation.delete_request else { return None };
        let planned = || {
            let delete = self.operation(operation_id).ok_or("the connector has no such operation")?;
            let parameters = sources.fill_all(parameters)?.into();
            self.plan_request(delete, &parameters, None, None).map_err(|error| error.to_string())
        };
        let made = planned().map(|planned| DeletionAddress {
            method: planned.method,
            url: planned.url,
            headers: planned.headers.into_iter().filter(|(name, _)| !name.eq_ignore_ascii_case("accept")).collect(),
            body: planned.body,
        });
        let told = |fault| {
            format!(
                "The webhook is deleted by the operation '{operation_id}', but {fault}. Hookmill cannot delete the webhook."
            )
        };
        Some(made.map_err(told))
    }

    fn usual_deletion(
        &self,
        operation: &Operation,
        parameters: &Value,
        created: &str,
        headers: &Object,
        answer: Option<&Value>,
    ) -> Result<DeletionAddress, String> {
        let location = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("location"));
        let location = location.and_then(|(_, value)| value.as_str()).map(str::trim);
        let Some(location) = location.filter(|location| !location.is_empty()) else {
            return self.derived(operation, parameters, answer);
        };
        let base = Url::parse(created).map_err(|_| format!("'{created}' is not an address."))?;
        let url =
            base.join(location).map_err(|_| format!("The service named '{location}', which is not an address."))?;
        if url.origin() == base.origin() {
            return Ok(DeletionAddress::at(url.as_str()));
        }
        // Credentials never leave for another origin: the same path on the connector's own host may do.
        let path = url.path();
        for delete in self.operations.iter().filter(|own| &*own.method == "DELETE") {
            for own in [delete.path.to_string(), format!("{}{}", self.base_path, delete.path)] {
                if matches(&own, path).is_some() {
                    let own =
                        if path.starts_with(&*self.base_path) { String::new() } else { self.base_path.to_string() };
                    let mut url = format!("{}{own}{path}", self.origin());
                    if let Some(query) = Url::parse(location).ok().and_then(|url| url.query().map(ToOwned::to_owned)) {
                        url.push('?');
                        url.push_str(&query);
                    }
                    return Ok(DeletionAddress::at(url));
                }
            }
        }
        Err(format!(
            "The service says that the webhook is deleted at {}, which is not the connector's own host, and no delete operation of the connector has that path. Hookmill cannot delete the webhook.",
            url.host_str().unwrap_or_default()
        ))
    }

    fn derived(
        &self,
        operation: &Operation,
        parameters: &Value,
        answer: Option<&Value>,
    ) -> Result<DeletionAddress, String> {
        let creation = operation.path.trim_end_matches('/');
        let mut candidates: Vec<&Operation> = self
            .operations
            .iter()
            .filter(|own| &*own.method == "DELETE" && !path_names(&own.path).is_empty())
            .collect();
        // The longest common beginning is the most natural match.
        candidates.sort_by_key(|own| {
            let below = own
                .path
                .strip_prefix(creation)
                .is_some_and(|rest| rest.starts_with('/') && rest.matches('/').count() == 1);
            let common = own.path.split('/').zip(creation.split('/')).take_while(|(a, b)| a == b).count();
            (!below, usize::MAX - common)
        });
        for delete in &candidates {
            if let Some(url) = self.filled(delete, parameters, answer) {
                return Ok(DeletionAddress::at(url));
            }
        }
        Err(if candidates.is_empty() {
            "The service named no address for the webhook, and the connector has no delete operation. Hookmill cannot delete the webhook.".to_owned()
        } else {
            "The service named no address for the webhook, and its answer has no identifier that a delete operation of the connector asks for. Hookmill cannot delete the webhook.".to_owned()
        })
    }

    /// The address of a delete operation whose names are all known.
    fn filled(&self, delete: &Operation, parameters: &Value, answer: Option<&Value>) -> Option<String> {
        let mut path = delete.path.to_string();
        let names: Vec<String> = path_names(&delete.path).into_iter().map(ToOwned::to_owned).collect();
        let last = names.last().cloned()?;
        let mut used_answer = false;
        for name in &names {
            let known = parameters.get(name).filter(|_| *name != last).or_else(|| {
                let found = answer.and_then(|answer| identifier(answer, name, *name == last));
                used_answer |= found.is_some();
                found.or_else(|| parameters.get(name))
            })?;
            let text = match known {
                Value::String(text) => text.to_string(),
                Value::Integer(number) => number.to_string(),
                _ => return None,
            };
            path = path.replace(&format!("{{{name}}}"), &encoded(&text));
        }
        used_answer.then(|| format!("{}{}{path}", self.origin(), self.base_path))
    }

    /// Plans the deletion.
    ///
    /// # Errors
    /// The connector has no host any more.
    pub fn plan_deletion(
        &self,
        address: &DeletionAddress,
        credentials: Option<&Credentials>,
    ) -> Result<PlannedRequest, PlanError> {
        let planned = self.plan_follow(&address.method, &address.url, credentials)?;
        let mut headers = address.headers.clone();
        headers.extend(planned.headers);
        Ok(PlannedRequest { headers, body: address.body.clone(), ..planned })
    }

    /// Plans the question which webhooks the service has; `None` where the connector cannot ask.
    #[must_use]
    pub fn plan_search(
        &self,
        creation: &Operation,
        parameters: &Value,
        credentials: Option<&Credentials>,
    ) -> Option<PlannedRequest> {
        let list = self.operations.iter().find(|own| &*own.method == "GET" && own.path == creation.path)?;
        self.plan_request(list, parameters, None, credentials).ok()
    }
}

/// The identifier that the service gave: the member of this name, or `id`; one level below too.
fn identifier<'a>(answer: &'a Value, name: &str, may_be_id: bool) -> Option<&'a Value> {
    let plain = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let scalar = |value: &&Value| matches!(value, Value::String(_) | Value::Integer(_));
    let own = |of: &'a Value| -> Option<&'a Value> {
        let members = of.as_object()?;
        let named = members.iter().find(|(own, _)| plain(own) == plain(name)).map(|(_, value)| value).filter(scalar);
        named.or_else(|| {
            let words = [
                "id",
                "_id",
                "uuid",
                "guid",
                "subscriptionid",
                "subscription_id",
                "webhookid",
                "webhook_id",
                "hookid",
                "hook_id",
            ];
            words.iter().filter(|_| may_be_id).find_map(|word| {
                members.iter().find(|(own, _)| own.eq_ignore_ascii_case(word)).map(|(_, value)| value).filter(scalar)
            })
        })
    };
    own(answer).or_else(|| match answer {
        Value::Object(members) => members.values().find_map(own),
        Value::Array(elements) => elements.first().and_then(own),
        _ => None,
    })
}

/// The webhook in an answer that calls this address.
#[must_use]
pub fn match_existing<'a>(answer: &'a Value, callback_url: &str) -> Option<&'a Value> {
    let list = match answer {
        Value::Array(elements) => Some(&elements[..]),
        Value::Object(members) => members.values().find_map(Value::as_array),
        _ => None,
    };
    list?.iter().find(|item| mentions(item, callback_url, 4))
}

fn mentions(value: &Value, text: &str, depth: usize) -> bool {
    match value {
        Value::String(own) => &**own == text,
        Value::Array(elements) => depth > 0 && elements.iter().any(|element| mentions(element, text, depth - 1)),
        Value::Object(members) => depth > 0 && members.values().any(|member| mentions(member, text, depth - 1)),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
