//! Results that come in pages: each reply names the address of the next one.
//!
//! Source: Microsoft, "Get more data, items, or records with pagination", and reports of users about its errors.

use hookmill_definition::plan::ActionIndex;
use hookmill_model::{Str, Value};

use super::{Decision, Ending};
use crate::command::{ActionPath, ActionRequest, ConnectorRequest, HttpRequest, OperationRequest};
use crate::trigger::{follow, is_same_origin};

/// More pages of one result are not followed.
const PAGES_MAX: usize = 10_000;

impl Decision<'_> {
    /// How many items pages are followed for; `None` where the action has no pagination.
    pub(super) fn page_items_min(&self, action: ActionIndex, path: &ActionPath) -> Option<u64> {
        // A journal of an older engine does not have the number.
        let call = self.state.record_of(path).and_then(|record| record.call.as_deref());
        call.and_then(|call| call.settings.page_items_min).or_else(|| {
            let source = self.plan.actions[action].options.page_items_min.as_ref()?;
            source.is_literal().then(|| items_min(source.source())).flatten()
        })
    }

    /// The request for the next page, or why there can be none.
    pub(super) fn next_page(
        &self,
        action: ActionIndex,
        path: &ActionPath,
        least: u64,
        page: Option<&Value>,
    ) -> Result<Option<(u32, ActionRequest)>, Ending> {
        let Some(call) = self.state.record_of(path).and_then(|record| record.call.as_deref()) else { return Ok(None) };
        let invalid = |why: &str| {
            let message = format!("The response is not a valid paginated response. {why}");
            Err(Ending::failed("InvalidPageResponse", message))
        };
        let is_http = matches!(call.first, Some(ActionRequest::Http(_)));
        match page {
            None | Some(Value::Null) => return invalid("The paginated response cannot be null."),
            Some(page) if is_http && page.get("value").and_then(Value::as_array).is_none() => {
                return invalid("The property 'value' with an array of items is missing in the body.");
            }
            Some(page) if call.pages.len() > 1 && page_items(page).is_none() => {
                return invalid("The property 'value' with an array of items is missing in the body.");
            }
            Some(_) => {}
        }
        let bytes: usize = call.pages.iter().map(Value::json_bytes).sum();
        let most = self.plan.limits.payload_bytes_max;
        if bytes > most || call.pages.len() > PAGES_MAX {
            let name = &self.plan.actions[action].name;
            let message =
                format!("The pages of the action '{name}' are more than {PAGES_MAX} or larger than {most} bytes.");
            return Err(Ending::failed("ActionResultsSizeLimitExceeded", message));
        }
        let items: usize = call.pages.iter().filter_map(page_items).map(<[Value]>::len).sum();
        let Some(next) = page.and_then(next_link).filter(|_| (items as u64) < least) else { return Ok(None) };
        let request = match call.first.clone() {
            Some(ActionRequest::Connector(first)) => {
                let operation = OperationRequest::Follow { method: "GET".into(), uri: next };
                ActionRequest::Connector(ConnectorRequest { operation, callback_url: None, ..first })
            }
            Some(ActionRequest::Http(first)) => {
                let uri = self.resolved(path, &next);
                let headers = first.headers.clone();
                let is_home = is_same_origin(&first.uri, &uri);
                match follow(ActionRequest::Http(first), uri) {
                    // Another host gets nothing that was meant for the first one.
                    ActionRequest::Http(page) if is_home => ActionRequest::Http(HttpRequest { headers, ..page }),
                    other => other,
                }
            }
            _ => return Ok(None),
        };
        Ok(Some((call.attempts + 1, request)))
    }
}

/// A number from 1 on.
pub(super) fn items_min(value: &Value) -> Option<u64> {
    let number = value.as_i64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
    number.and_then(|number| u64::try_from(number).ok()).filter(|number| *number > 0)
}

pub(super) fn page_items(page: &Value) -> Option<&[Value]> {
    page.get("value").and_then(Value::as_array).or_else(|| page.as_array())
}

fn next_link(page: &Value) -> Option<Str> {
    ["nextLink", "@odata.nextLink"]
        .iter()
        .find_map(|name| page.get(name)?.as_str().filter(|link| !link.is_empty()).map(Into::into))
}
