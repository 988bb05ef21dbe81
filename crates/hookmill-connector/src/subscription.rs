//! The end of a webhook: where it is deleted, and whether the service has it.

use hookmill_model::{Str, Value};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::connector::Connector;
use crate::operation::{Operation, path_names};
use crate::request::{Credentials, PlanError, PlannedRequest, encoded, matches};

/// Where a webhook is deleted. It holds no secret and is kept beside the webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletionAddress {
    /// In capitals.
    pub method: Str,
    /// Absolute; on the connector's own origin.
    pub url: Str,
}

impl Connector {
    /// Finds out where a webhook that was just created is deleted: from `Location`, else from the connector's delete
    /// operation and the service's answer. `created` is the address that the creation was sent to.
    ///
    /// # Errors
    /// Why nobody knows, in words for the maker.
    pub fn deletion_address(
        &self,
        operation: &Operation,
        parameters: &Value,
        created: &str,
        location: Option<&str>,
        answer: Option<&Value>,
    ) -> Result<DeletionAddress, String> {
        let Some(location) = location.map(str::trim).filter(|location| !location.is_empty()) else {
            return self.derived(operation, parameters, answer);
        };
        let base = Url::parse(created).map_err(|_| format!("'{created}' is not an address."))?;
        let url =
            base.join(location).map_err(|_| format!("The service named '{location}', which is not an address."))?;
        if url.origin() == base.origin() {
            return Ok(DeletionAddress { method: "DELETE".into(), url: url.as_str().into() });
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
                    return Ok(DeletionAddress { method: "DELETE".into(), url: url.into() });
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
                return Ok(DeletionAddress { method: "DELETE".into(), url: url.into() });
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
        self.plan_follow(&address.method, &address.url, credentials)
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
