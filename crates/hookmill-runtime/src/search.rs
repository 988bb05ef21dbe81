//! Asking a service which webhooks it has: whether one with our callback URL is among them, and how it is deleted.
//!
//! The list operation is the connector's `GET` at the path of the creation. A list in pages is followed by the
//! `Link: …; rel="next"` headers of its answers, at the same origin. An answer that is no list proves nothing.

use hookmill_connector::{Creation, Lookup, Plan, match_existing};
use hookmill_engine::subscription::Input;
use hookmill_engine::{Outcome, Performed};
use hookmill_executor::CallContext;
use hookmill_expression::content;
use hookmill_model::{Object, Str, Value};
use hookmill_store::{Flow, Subscription};
use hookmill_webhook::Find;

use crate::creation_plan::creation;
use crate::exchange::not_sent;
use crate::plans::Bound;
use crate::record::Record;
use crate::tokens::not_made;
use crate::{Error, Runtime};

/// Pages of a list that are read.
const PAGES_MAX: usize = 50;

/// What a service says of a webhook.
pub(crate) enum Found {
    /// It has it.
    Listed {
        /// How it is deleted, where that is known.
        address: Option<Value>,
        /// What the maker should know.
        warning: Option<String>,
        /// The webhook as the service lists it, without callback URLs of this server. It stands in for an answer to
        /// the creation that never arrived.
        webhook: Value,
        performed: Performed,
        /// Where webhooks of this server are that no data of it know.
        left_behind: Vec<String>,
    },
    /// It does not have it.
    NotListed {
        performed: Performed,
        /// As above.
        left_behind: Vec<String>,
    },
    /// It could not say.
    Failed(Performed),
    /// The connector has no operation to ask by.
    CannotAsk,
}

impl Found {
    /// What the life of the webhook is told. `callback` is the callback URL as histories show it.
    pub fn input(self, callback: Str) -> Input {
        match self {
            Self::Listed { address, warning, performed, .. } => {
                Input::Found { address, warning: warning.map(Into::into), performed }
            }
            Self::NotListed { performed, .. } => Input::NotFound { callback, performed },
            Self::Failed(performed) => Input::SearchFailed(performed),
            Self::CannotAsk => Input::CannotSearch,
        }
    }
}

impl Runtime {
    /// Asks the service of a generation for its webhook.
    ///
    /// # Errors
    /// The store failed, or the generation's own address cannot be opened.
    pub(crate) async fn search(&self, flow: &Flow, generation: &Subscription, record: &Record) -> Result<Found, Error> {
        let url = self.callback_url(generation, record)?;
        let bound = match self.bound_record(flow, record).await {
            Ok(bound) => bound,
            Err(Error::Store(error)) => return Err(error.into()),
            // A person may mend the connection, and the service is asked then.
            Err(error) => return Ok(Found::Failed(not_made(&error))),
        };
        let declared = bound.connector.webhook(record.operation.as_deref().unwrap_or_default());
        if let Some(find) = declared.registration.and_then(|own| own.find) {
            return self.search_declared(flow, generation, record, (&bound, &find)).await;
        }
        let operation = creation(&bound, record);
        let plan = |bound: &Bound| {
            let (own, values) = operation.as_ref()?;
            bound.connector.plan_search(own, values, bound.credentials.as_ref())
        };
        let (Some((operation, parameters)), Some(first)) = (&operation, plan(&bound)) else {
            return Ok(Found::CannotAsk);
        };
        let mut page = first.url.clone();
        let (mut listed, mut others) = (None, Vec::new());
        for _ in 0..PAGES_MAX {
            let planned = |bound: &Bound, _: &[Lookup]| {
                let mut planned = plan(bound).ok_or("The service cannot be asked for its webhooks.")?;
                planned.url = page.clone();
                Ok::<_, &str>(Plan::Request(planned))
            };
            let wait = self.0.config.service_wait;
            let asked = self.send_through(&bound, wait, &CallContext::outside_runs(), planned).await;
            let asked = asked.unwrap_or_else(not_sent);
            let performed = self.without_callbacks(asked.clone());
            let Outcome::Replied { status: 200..=299, headers, body } = &asked.outcome else {
                return Ok(Found::Failed(performed));
            };
            let Some(webhooks) = body.as_ref().and_then(list) else { return Ok(Found::Failed(performed)) };
            let address = |webhook: &Value| {
                let headers = Object::new();
                let creation =
                    Creation { url: &first.url, parameters, status: 200, headers: &headers, body: Some(webhook) };
                bound.connector.deletion_address(operation, &creation, bound.credentials.as_ref())
            };
            if let Some(found) = body.as_ref().and_then(|body| match_existing(body, &url)) {
                let (address, warning) = match address(found) {
                    Ok(address) => (Some(self.kept_address(generation, &address)?), None),
                    Err(reason) => (None, Some(reason)),
                };
                let (webhook, performed) = (self.without_addresses(found), performed.clone());
                listed = Some(Found::Listed { address, warning, webhook, performed, left_behind: Vec::new() });
            }
            if record.is_restored {
                for webhook in webhooks {
                    if self.is_unknown(webhook).await? {
                        let place = address(webhook)
                            .ok()
                            .and_then(|address| address.shown().map(|shown| shown.url.to_string()));
                        others.push(place.unwrap_or_else(|| first.url.to_string()));
                    }
                }
            } else if let Some(listed) = listed {
                return Ok(listed);
            }
            match next_page(&page, headers) {
                Some(next) => page = next.into(),
                None => {
                    return Ok(match listed {
                        Some(Found::Listed { address, warning, webhook, performed, .. }) => {
                            Found::Listed { address, warning, webhook, performed, left_behind: others }
                        }
                        _ => Found::NotListed { performed, left_behind: others },
                    });
                }
            }
        }
        let message = format!("The service has more than {PAGES_MAX} pages of webhooks.");
        Ok(Found::Failed(not_sent(&message)))
    }

    /// The same by the operation that the connector declares for it.
    async fn search_declared(
        &self,
        flow: &Flow,
        generation: &Subscription,
        record: &Record,
        (bound, find): (&Bound, &Find),
    ) -> Result<Found, Error> {
        let (performed, items) = match self.listed(flow, generation, record, find).await? {
            None => return Ok(Found::CannotAsk),
            Some(Err(performed)) => return Ok(Found::Failed(self.without_callbacks(performed))),
            Some(Ok((performed, items))) => (self.without_callbacks(performed), items),
        };
        let mut ours = None;
        for item in &items {
            if self.is_listed_as(find, item, generation, record)? {
                ours = Some(item);
            }
        }
        let (Some(item), Some((operation, parameters))) = (ours, creation(bound, record)) else {
            return Ok(Found::NotListed { performed, left_behind: Vec::new() });
        };
        let (url, headers, answer) =
            (bound.connector.address_with(operation, &parameters), Object::new(), find.as_answer(item));
        let creation =
            Creation { url: &url, parameters: &parameters, status: 200, headers: &headers, body: Some(&answer) };
        let (address, warning) =
            match bound.connector.deletion_address(operation, &creation, bound.credentials.as_ref()) {
                Ok(address) => (Some(self.kept_address(generation, &address)?), None),
                Err(reason) => (None, Some(reason)),
            };
        let webhook = self.without_addresses(&answer);
        Ok(Found::Listed { address, warning, webhook, performed, left_behind: Vec::new() })
    }

    /// Whether a webhook at a service leads to this server, at an address that no generation has.
    async fn is_unknown(&self, webhook: &Value) -> Result<bool, Error> {
        let begin = format!("{}/callback/", self.0.config.hooks_url());
        let mut capabilities = Vec::new();
        collect(webhook, &begin, DEPTH_MAX, &mut capabilities);
        for capability in capabilities {
            let hash = self.0.vault.lookup("callback", &capability);
            if self.0.store.subscription_by_capability(&hash).await?.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// An exchange without the unguessable part of any callback URL of this server: a list names those of other flows.
    fn without_callbacks(&self, mut performed: Performed) -> Performed {
        if let Outcome::Replied { body: Some(body), .. } = &mut performed.outcome {
            *body = self.without_addresses(body);
        }
        performed
    }

    /// A value with a sign in place of each callback URL of this server.
    fn without_addresses(&self, value: &Value) -> Value {
        let begin = format!("{}/callback/", self.0.config.hooks_url());
        hidden(value, &begin, &self.callback_shown())
    }
}

/// The addresses in a value, so deep at most.
const DEPTH_MAX: usize = 4;

/// What stands behind `begin` in the texts of a value.
fn collect(value: &Value, begin: &str, depth: usize, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.extend(text.strip_prefix(begin).map(ToOwned::to_owned)),
        Value::Array(elements) if depth > 0 => {
            elements.iter().for_each(|element| collect(element, begin, depth - 1, found));
        }
        Value::Object(members) if depth > 0 => {
            members.values().for_each(|member| collect(member, begin, depth - 1, found));
        }
        _ => {}
    }
}

/// The value with `shown` in place of each text that begins with `begin`.
fn hidden(value: &Value, begin: &str, shown: &str) -> Value {
    match value {
        Value::String(text) if text.starts_with(begin) => shown.into(),
        Value::Array(elements) => Value::array(elements.iter().map(|own| hidden(own, begin, shown)).collect()),
        Value::Object(members) => {
            members.iter().map(|(name, own)| (name.clone(), hidden(own, begin, shown))).collect::<Object>().into()
        }
        other => other.clone(),
    }
}

/// The webhooks in an answer: an array, or the first array in an object. `None` for what is no list.
fn list(answer: &Value) -> Option<&[Value]> {
    match answer {
        Value::Array(elements) => Some(elements),
        Value::Object(members) => members.values().find_map(Value::as_array),
        _ => None,
    }
}

/// The address of the next page by the `Link` header; `None` on the last page, and where it leads to another origin.
///
/// Source: RFC 8288, section 3.
pub(crate) fn next_page(page: &str, headers: &Object) -> Option<String> {
    let next = next_target(headers)?;
    let page = url::Url::parse(page).ok()?;
    let next = page.join(&next).ok()?;
    (next.origin() == page.origin() && next != page).then(|| next.to_string())
}

/// What an answer names as its next page, wherever that leads.
pub(crate) fn next_target(headers: &Object) -> Option<String> {
    let links = content::to_text(hookmill_expression::member(headers, "Link")?);
    links.split(',').find_map(|link| {
        let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = parameters.split(';').any(|parameter| {
            let Some((name, value)) = parameter.split_once('=') else { return false };
            let relations = value.trim().trim_matches('"');
            name.trim().eq_ignore_ascii_case("rel")
                && relations.split_ascii_whitespace().any(|relation| relation.eq_ignore_ascii_case("next"))
        });
        is_next.then(|| target.to_owned())
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // Tests may stop at once.
mod tests {
    use super::*;

    fn next(link: &str) -> Option<String> {
        let headers: Object = [("Link", link)].into_iter().collect();
        next_page("https://api.example.org/hooks", &headers)
    }

    #[test]
    fn the_next_page_is_at_the_same_origin() {
        let two =
            r#"<https://api.example.org/hooks?page=2>; rel="next", <https://api.example.org/hooks?page=9>; rel="last""#;
        assert_eq!(next(two).as_deref(), Some("https://api.example.org/hooks?page=2"));
        assert_eq!(next("</hooks?page=3>; rel=next").as_deref(), Some("https://api.example.org/hooks?page=3"));
        assert_eq!(next(r#"<https://api.example.org/hooks?page=1>; rel="prev""#), None);
        assert_eq!(next(r#"<https://elsewhere.example.org/hooks?page=2>; rel="next""#), None);
        assert_eq!(next("<https://api.example.org/hooks>; rel=next"), None, "it would be read for ever");
    }

    #[test]
    fn what_is_no_list_is_told_from_an_empty_one() {
        assert!(list(&Value::array(Vec::new())).is_some());
        assert!(list(&Value::object([("hooks", Value::array(Vec::new()))])).is_some());
        assert!(list(&Value::object([("message", Value::from("try later"))])).is_none());
        assert!(list(&Value::Null).is_none());
    }

    #[test]
    fn callback_urls_are_hidden_and_collected() {
        let webhook =
            Value::from_json(br#"{"id":1,"config":{"url":"https://me/callback/abc"},"other":"https://me/x"}"#);
        let webhook = webhook.unwrap();
        let mut found = Vec::new();
        collect(&webhook, "https://me/callback/", DEPTH_MAX, &mut found);
        assert_eq!(found, ["abc"]);
        let shown = hidden(&webhook, "https://me/callback/", "https://me/callback/…").to_json();
        assert!(!shown.contains("abc") && shown.contains("https://me/x"), "{shown}");
    }
}
