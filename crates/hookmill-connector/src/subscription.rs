//! The beginning and the end of a webhook: whether the service created it, and by which request it is deleted.
//!
//! Invariant: a deletion is never guessed among other resources. Allowed are what the connector declares, the address
//! that the service names for it, and a delete operation that is the webhook's own by its path or by its name. Where
//! none of these gives a request, the webhook is left behind and its maker is told so.

mod answer;
mod own;

use hookmill_model::{Object, Str, Value};
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

use crate::answer::header_of;
use crate::connection::Credentials;
use crate::connector::Connector;
use crate::operation::Operation;
use crate::plan_error::PlanError;
use crate::planned::PlannedRequest;
use crate::registration::{Also, DeleteRequest, Sources};
use crate::request::{Call, Plan};
use crate::serialise::text;
use own::Own;

pub use answer::match_existing;
use answer::{first_of, identifier, is_refusal, wrapped};

/// Names of members that say where the webhook is deleted.
const NAMED: [&str; 6] = ["unsubscribeurl", "unsubscribeuri", "deleteurl", "deleteuri", "webhookdeleteurl", "location"];
/// Names of members that say where a resource is.
const SELF: [&str; 4] = ["self", "uri", "href", "url"];

/// By which rule a deletion was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeletionRule {
    /// The connector declares it.
    Declared,
    /// The service named the address in `Location`.
    #[default]
    Location,
    /// A member of the answer is named for it.
    NamedAddress,
    /// The delete operation of the creation's own path.
    OwnPath,
    /// The delete operation of the collection above.
    CollectionAbove,
    /// The only internal delete operation that is named for it.
    NamedOperation,
    /// The answer's own address.
    SelfAddress,
}

impl DeletionRule {
    /// Whether an answer that there is nothing (404, 410) means that the webhook is gone. After a derived address it
    /// may as well mean that the address was wrong.
    #[must_use]
    pub const fn proves_gone(self) -> bool {
        matches!(self, Self::Declared | Self::Location | Self::NamedAddress | Self::OwnPath)
    }
}

/// How a webhook will be deleted, before it is created.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct DeletionOutlook {
    /// How that was found.
    pub rule: DeletionRule,
    /// In capitals.
    #[schema(value_type = String)]
    pub method: Str,
    /// The path of the operation below the base path; `None` where the service's answer names the address.
    #[schema(value_type = Option<String>)]
    pub path: Option<Str>,
    /// The operation.
    #[schema(value_type = Option<String>)]
    pub operation_id: Option<Str>,
}

/// An operation by which a webhook is deleted, with its parameters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeletionOperation {
    /// The operation.
    pub operation_id: Str,
    /// The keys of its inputs.
    pub parameters: Value,
}

/// Where and how a webhook is deleted, without the connection's credentials. It is kept beside the webhook.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DeletionAddress {
    /// In capitals.
    pub method: Str,
    /// Absolute; on an origin of the connection.
    pub url: Str,
    /// What a declared delete request sends beside it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(Str, Str)>,
    /// Its body; `Null` for none.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub body: Value,
    /// How it was found. Addresses that were kept before rules were told count as said by the service.
    #[serde(default)]
    pub rule: DeletionRule,
    /// The operation that it is, so that policies run when it is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<DeletionOperation>,
    /// What is sent after that, where the service keeps several things for the webhook.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<DeletionAddress>,
}

impl DeletionAddress {
    fn at(url: impl Into<Str>, rule: DeletionRule) -> Self {
        Self { method: "DELETE".into(), url: url.into(), rule, ..Self::default() }
    }

    /// What may be shown of it; `None` where query, headers or body hold values of the service that may be secret.
    #[must_use]
    pub fn shown(&self) -> Option<&Self> {
        let is_plain = self.headers.is_empty() && self.body.is_null() && !self.url.contains('?');
        (is_plain && self.also.iter().all(|also| also.shown().is_some())).then_some(self)
    }
}

/// The answer to the creation of a webhook, after response policies.
#[derive(Clone, Copy, Debug)]
pub struct Creation<'a> {
    /// The address that the creation was sent to.
    pub url: &'a str,
    /// The parameters of the trigger.
    pub parameters: &'a Value,
    /// The HTTP status.
    pub status: u16,
    /// The headers of the answer.
    pub headers: &'a Object,
    /// Its body.
    pub body: Option<&'a Value>,
}

/// Why an answer of a good status means that a webhook was not changed; `None` where it was.
#[must_use]
pub fn update_refused(headers: &Object, body: Option<&Value>) -> Option<String> {
    is_refusal(header_of(headers, "content-type"), body.unwrap_or(&Value::Null))
}

impl Connector {
    /// Whether the service created the webhook.
    ///
    /// # Errors
    /// Why not, in words for the maker.
    pub fn created(&self, operation: &Operation, creation: &Creation<'_>) -> Result<(), String> {
        if !(200..=299).contains(&creation.status) {
            return Err(format!("The service answered {}.", creation.status));
        }
        let body = creation.body.unwrap_or(&Value::Null);
        if !operation.registration.success.is_empty() {
            let failed = operation.registration.success.iter().find(|(pointer, wanted)| {
                let found = body.pointer(pointer).unwrap_or(&Value::Null);
                found != wanted
            });
            return match failed {
                None => Ok(()),
                Some((pointer, wanted)) => Err(format!(
                    "The service answered {}, but '{}' of its answer is not {wanted}, which the connector demands.",
                    creation.status,
                    pointer.trim_start_matches('/')
                )),
            };
        }
        if header_of(creation.headers, "location").is_some_and(|location| !location.trim().is_empty()) {
            return Ok(());
        }
        match is_refusal(header_of(creation.headers, "content-type"), body) {
            None => Ok(()),
            Some(what) => {
                Err(format!("The service answered {}, but {what}. The webhook was not created.", creation.status))
            }
        }
    }

    /// Finds the request that deletes a webhook which was just created: the first of the connector's declaration,
    /// `Location`, an address that the answer names for it, a delete operation that is the webhook's own, and the
    /// answer's own address.
    ///
    /// # Errors
    /// Why there is none, in words for the maker.
    pub fn deletion_address(
        &self,
        operation: &Operation,
        creation: &Creation<'_>,
        credentials: Option<&Credentials>,
    ) -> Result<DeletionAddress, String> {
        let base = Url::parse(creation.url).map_err(|_| format!("'{}' is not an address.", creation.url))?;
        let finder = Finder { connector: self, operation, creation, base, credentials };
        let mut faults = Vec::new();
        let declared = finder.declared(&mut faults);
        let location = || finder.location(&mut Vec::new());
        let found = declared
            .or_else(location)
            .or_else(|| finder.named_address())
            .or_else(|| finder.own_operation())
            .or_else(|| finder.own_address());
        let also = finder.also(&mut faults);
        found.map(|address| DeletionAddress { also, ..address }).ok_or_else(|| {
            let mut reason = match faults.pop() {
                Some(fault) => fault,
                None => finder.reason(),
            };
            if let Some(id) = identifier(creation.body, "id") {
                reason.push_str(&format!(" The answer names the identifier {}.", text(&id)));
            }
            reason.push_str(
                " Hookmill cannot delete the webhook: say in the trigger's definition by which operation it is deleted, or delete it at the service by hand.",
            );
            reason
        })
    }

    /// Whether anything but the service's own word can say how the webhook of a trigger is deleted: a declaration, or a
    /// delete operation that is the webhook's own.
    #[must_use]
    pub fn knows_deletion(&self, operation: &Operation) -> bool {
        operation.registration.is_declared() || self.own_delete(operation).is_some()
    }

    /// How the webhook of a trigger will be deleted, as far as that is known before it is created; `None` where only the
    /// service's answer can tell.
    #[must_use]
    pub fn deletion_outlook(&self, operation: &Operation) -> Option<DeletionOutlook> {
        let registration = &operation.registration;
        let by = |delete: &Operation, rule| DeletionOutlook {
            rule,
            method: delete.method.clone(),
            path: Some(delete.path.clone()),
            operation_id: Some(delete.operation_id.clone()),
        };
        let told = |rule| DeletionOutlook { rule, method: "DELETE".into(), path: None, operation_id: None };
        if let DeleteRequest::Operation { operation_id, .. } = &registration.delete_request {
            return self.operation(operation_id).map(|delete| by(delete, DeletionRule::Declared));
        }
        if !registration.handles.is_empty() {
            return Some(told(DeletionRule::Declared));
        }
        if registration.names_location {
            return Some(told(DeletionRule::Location));
        }
        self.own_delete(operation).map(|own| by(own.delete, own.rule))
    }

    /// The address of an operation with the parameters that are known; other names stay in braces. Credentials and
    /// policies change nothing of it.
    #[must_use]
    pub fn address_with(&self, operation: &Operation, parameters: &Value) -> String {
        let mut path = operation.path.to_string();
        for name in crate::place::path_names(&operation.path) {
            if let Some(value) = crate::place::given(parameters, name) {
                path = path.replace(&format!("{{{name}}}"), &crate::serialise::encoded(&text(value)));
            }
        }
        format!("{}{}{path}", self.origin(), self.base_path)
    }

    /// Plans the deletion.
    ///
    /// # Errors
    /// The connector has no host any more, or a policy does not run.
    pub fn plan_deletion(
        &self,
        address: &DeletionAddress,
        credentials: Option<&Credentials>,
    ) -> Result<PlannedRequest, PlanError> {
        if let Some(kept) = &address.operation
            && let Some(operation) = self.operation(&kept.operation_id)
        {
            let call = Call { parameters: Some(&kept.parameters), credentials, ..Call::default() };
            if let Plan::Request(planned) = self.plan_request(operation, &call)?
                && is_same_place(&planned.url, &address.url)
            {
                return Ok(planned);
            }
        }
        let call = Call { credentials, ..Call::default() };
        let planned = self.plan_follow(&address.method, &address.url, &call)?;
        let is_kept = |name: &str| address.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
        let mut headers: Vec<_> = planned
            .headers
            .iter()
            .filter(|(name, _)| planned.secret_headers.contains(name) || !is_kept(name))
            .cloned()
            .collect();
        let is_there = |name: &str| planned.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
        headers.extend(address.headers.iter().filter(|(name, _)| !is_there(name)).cloned());
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
        let call = Call { parameters: Some(parameters), credentials, ..Call::default() };
        match self.plan_request(list, &call).ok()? {
            Plan::Request(planned) => Some(planned),
            Plan::Lookup(_) => None,
        }
    }
}

/// Whether two addresses differ in their queries alone; keys in a query are not kept.
fn is_same_place(one: &str, other: &str) -> bool {
    one.split('?').next() == other.split('?').next()
}

struct Finder<'a> {
    connector: &'a Connector,
    operation: &'a Operation,
    creation: &'a Creation<'a>,
    base: Url,
    credentials: Option<&'a Credentials>,
}

impl<'a> Finder<'a> {
    fn body(&self) -> Option<&'a Value> {
        self.creation.body
    }

    /// What the trigger declares; the addresses that it names take the place of `Location`.
    fn declared(&self, faults: &mut Vec<String>) -> Option<DeletionAddress> {
        let registration = &self.operation.registration;
        let sources = Sources { answer: self.body(), headers: self.creation.headers, inputs: self.creation.parameters };
        if let DeleteRequest::Operation { operation_id, parameters } = &registration.delete_request {
            let planned = || {
                let delete = self.connector.operation(operation_id).ok_or("the connector has no such operation")?;
                let parameters = sources.fill_all(parameters)?.into();
                self.planned(delete, parameters, DeletionRule::Declared)
            };
            match planned() {
                Ok(address) => return Some(address),
                Err(fault) => {
                    faults.push(format!("The webhook is deleted by the operation '{operation_id}', but {fault}."));
                }
            }
        }
        let handle = registration.handles.iter().find_map(|selector| sources.select(selector))?;
        let mut ignored = Vec::new();
        self.at(&handle, DeletionRule::Declared, &mut ignored)
    }

    /// What is declared to be sent after the first request. What lacks a value was not made at the service.
    fn also(&self, faults: &mut Vec<String>) -> Vec<DeletionAddress> {
        let sources = Sources { answer: self.body(), headers: self.creation.headers, inputs: self.creation.parameters };
        let planned = |request: &Also| {
            let delete =
                self.connector.operation(&request.operation_id).ok_or("the connector has no such operation")?;
            self.planned(delete, sources.fill_all(&request.parameters)?.into(), DeletionRule::Declared)
        };
        let mut found = Vec::new();
        for request in &self.operation.registration.also {
            match planned(request) {
                Ok(address) => found.push(address),
                Err(fault) => {
                    faults.push(format!("The operation '{}' also deletes, but {fault}.", request.operation_id))
                }
            }
        }
        found
    }

    fn location(&self, faults: &mut Vec<String>) -> Option<DeletionAddress> {
        let location = header_of(self.creation.headers, "location").map(str::trim)?;
        self.at(location, DeletionRule::Location, faults)
    }

    /// A deletion at an address that the service named.
    fn at(&self, written: &str, rule: DeletionRule, faults: &mut Vec<String>) -> Option<DeletionAddress> {
        if written.is_empty() {
            return None;
        }
        let Ok(url) = self.base.join(written) else {
            faults.push(format!("The service named '{written}', which is not an address."));
            return None;
        };
        if self.is_own(&url) {
            return (!self.is_above(&url)).then(|| DeletionAddress::at(url.as_str(), rule));
        }
        // Credentials never leave for another origin: the same path on the creation's own host may do.
        let own = self.connector.own_delete(self.operation)?;
        let id = own.id_in(url.path())?;
        let made = self.by_operation(&own, id, rule)?;
        let path = Url::parse(&made.url).ok()?.path().to_owned();
        if path != url.path() && !path.ends_with(url.path()) {
            return None;
        }
        match url.query() {
            Some(query) if !made.url.contains('?') => {
                Some(DeletionAddress { url: format!("{}?{query}", made.url).into(), operation: None, ..made })
            }
            _ => Some(made),
        }
    }

    fn named_address(&self) -> Option<DeletionAddress> {
        let places = wrapped(self.body()?);
        let named = |place: &&'a Value| NAMED.iter().filter_map(|name| first_of(place, &[name])?.as_str());
        let urls = places.iter().flat_map(named).filter_map(|written| self.absolute(written));
        let mut usable = urls.filter(|url| self.is_own(url) && !self.is_above(url));
        usable.next().map(|url| DeletionAddress::at(url.as_str(), DeletionRule::NamedAddress))
    }

    fn own_operation(&self) -> Option<DeletionAddress> {
        let own = self.connector.own_delete(self.operation)?;
        let id = text(&identifier(self.body(), own.open)?);
        self.by_operation(&own, id, own.rule)
    }

    /// The answer's own address, where it is below the creation or of a delete operation that is the webhook's.
    fn own_address(&self) -> Option<DeletionAddress> {
        let places = wrapped(self.body()?);
        let of_links = |place: &'a Value| {
            ["links", "_links"].into_iter().filter_map(move |name| {
                let link = first_of(first_of(place, &[name])?, &["self"])?;
                link.as_str().or_else(|| first_of(link, &["href"])?.as_str())
            })
        };
        let own = |place: &&'a Value| {
            SELF.iter().filter_map(|name| first_of(place, &[name])?.as_str()).chain(of_links(place))
        };
        let urls = places.iter().flat_map(own).filter_map(|written| self.absolute(written));
        let mut usable = urls.filter(|url| self.is_own(url) && self.is_created_there(url));
        usable.next().map(|url| DeletionAddress::at(url.as_str(), DeletionRule::SelfAddress))
    }

    /// Whether an address is one segment below the creation, or that of a delete operation that is the webhook's.
    fn is_created_there(&self, url: &Url) -> bool {
        let created = self.base.path().trim_end_matches('/');
        let below = url.path().strip_prefix(created).and_then(|rest| rest.strip_prefix('/'));
        let is_below = below
            .is_some_and(|rest| !rest.trim_end_matches('/').is_empty() && !rest.trim_end_matches('/').contains('/'));
        let is_known = || {
            let own = self.connector.own_delete(self.operation)?;
            let made = self.by_operation(&own, own.id_in(url.path())?, DeletionRule::SelfAddress)?;
            is_same_place(&made.url, url.as_str()).then_some(())
        };
        is_below || is_known().is_some()
    }

    fn by_operation(&self, own: &Own<'_>, id: String, rule: DeletionRule) -> Option<DeletionAddress> {
        let mut parameters = own.known(self.creation, &self.base)?;
        parameters.insert(own.open, id);
        self.planned(own.delete, parameters.into(), rule).ok()
    }

    /// The request of an operation, without credentials.
    fn planned(&self, delete: &Operation, parameters: Value, rule: DeletionRule) -> Result<DeletionAddress, String> {
        let call =
            Call { parameters: Some(&parameters), credentials: self.credentials, is_unsigned: true, ..Call::default() };
        let planned = match self.connector.plan_request(delete, &call).map_err(|error| error.to_string())? {
            Plan::Request(planned) => planned,
            Plan::Lookup(_) => return Err("it needs a call of its own".to_owned()),
        };
        let operation = DeletionOperation { operation_id: delete.operation_id.clone(), parameters };
        Ok(DeletionAddress {
            method: planned.method,
            url: planned.url,
            headers: planned.headers.into_iter().filter(|(name, _)| !name.eq_ignore_ascii_case("accept")).collect(),
            body: planned.body,
            rule,
            operation: Some(operation),
            also: Vec::new(),
        })
    }

    /// An address that is written in full or begins with `/`.
    fn absolute(&self, written: &str) -> Option<Url> {
        let written = written.trim();
        let is_absolute = written.starts_with('/') || written.contains("://");
        is_absolute.then(|| self.base.join(written).ok()).flatten()
    }

    fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
            || self.connector.is_own_origin(&url.origin().ascii_serialization(), self.credentials)
    }

    /// Whether it is the creation's own address or one above it: deleting there may delete everything. A query of its
    /// own may still name the webhook.
    fn is_above(&self, url: &Url) -> bool {
        let (path, created) = (url.path().trim_end_matches('/'), self.base.path().trim_end_matches('/'));
        let is_above = path == created || created.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        is_above && (url.query().is_none() || url.query() == self.base.query())
    }

    /// Why no request was found.
    fn reason(&self) -> String {
        let location = header_of(self.creation.headers, "location").map(str::trim).filter(|own| !own.is_empty());
        let elsewhere = location.and_then(|location| self.base.join(location).ok()).filter(|url| !self.is_own(url));
        if let Some(url) = elsewhere {
            return format!(
                "The service says that the webhook is deleted at {}, which is not the connector's own host, and no delete operation of the connector has that path.",
                url.host_str().unwrap_or_default()
            );
        }
        if self.connector.own_delete(self.operation).is_some() {
            return "The service named no address for the webhook, and its answer has no identifier for the delete operation.".to_owned();
        }
        "The service named no address for the webhook, and the connector has no delete operation that is certainly the webhook's own.".to_owned()
    }
}

#[cfg(test)]
mod tests;
