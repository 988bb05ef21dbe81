//! Requests that are not of an operation by name: those that a definition wrote by method and path, and those to
//! addresses that the service named; and the question which origins are the connection's own.

use hookmill_model::{Object, Str, Value};
use url::Url;

use crate::connection::Credentials;
use crate::connector::Connector;
use crate::draft::{Base, Body, Draft, Query};
use crate::operation::Operation;
use crate::place::Place;
use crate::plan_error::PlanError;
use crate::planned::PlannedRequest;
use crate::policy::{Compiled, Kind, Section, Surroundings, run, same_origin};
use crate::request::{Call, Plan, matches};
use crate::schema::ITEMS;
use crate::security::Secrets;
use crate::serialise::{climbs, content_object, decoded, one_line, text};

/// A request as a definition writes it.
#[derive(Clone, Copy, Debug)]
pub struct WrittenRequest<'a> {
    /// In any case.
    pub method: &'a str,
    /// Below the base path, encoded, perhaps with a query.
    pub path: &'a str,
    /// Pairs by name.
    pub queries: &'a Value,
    /// Texts by name.
    pub headers: &'a Value,
    /// `Null` for none.
    pub body: &'a Value,
}

impl Connector {
    /// The operation that a request by method and path is, where it can be used.
    ///
    /// # Errors
    /// There is none, so nothing is known of its policies; or it cannot be used at all.
    pub fn usable_at(&self, method: &str, path: &str) -> Result<&Operation, PlanError> {
        let operation = self.operation_at(method, path).ok_or_else(|| PlanError::NoOperation {
            connector: self.name.clone(),
            method: method.to_ascii_uppercase(),
            path: path.split(['?', '#']).next().unwrap_or_default().to_owned(),
        })?;
        self.usable(operation)?;
        Ok(operation)
    }

    /// Plans a call of the base address, to see whether a connection works.
    ///
    /// # Errors
    /// The connector has no host, a policy or a script does not run here, or policies of single operations say which host
    /// it is.
    pub fn plan_base(&self, call: &Call<'_>) -> Result<Plan, PlanError> {
        let unsupported = |what: &str| PlanError::Unsupported { operation: "GET /".into(), what: what.to_owned() };
        if self.needs_script("") {
            return Err(unsupported("it needs custom code (C#), which does not run here"));
        }
        let base = self.base()?;
        let goes_elsewhere = |operation: &Operation| {
            let id = Some(&*operation.operation_id);
            self.hosts().any(|policy| policy.concerns(id) && !policy.concerns(None))
        };
        let all_go_elsewhere = !self.operations.is_empty() && self.operations.iter().all(goes_elsewhere);
        if all_go_elsewhere && !self.is_host_by_policy(&base.origin, &base.origin, call.credentials) {
            return Err(unsupported("policies say for each operation that another host is called"));
        }
        let draft = Draft {
            method: "GET".into(),
            base,
            path: "/".to_owned(),
            path_values: Vec::new(),
            queries: Vec::new(),
            headers: Vec::new(),
            body: Body::None { is_declared: false },
            content_type: None,
        };
        self.after_policies(None, draft, call)
    }

    /// Plans a request that a definition wrote with method and path (`ApiConnection`). As in Azure, it is one of the
    /// operations that the connector describes, or none.
    ///
    /// # Errors
    /// The connector has no such operation or no host, the path is not one, or a policy does not run here.
    pub fn plan_by_path(&self, written: &WrittenRequest<'_>, call: &Call<'_>) -> Result<Plan, PlanError> {
        let (path, query) = written.path.split_once('?').unwrap_or((written.path, ""));
        let path = format!("/{}", path.strip_prefix('/').unwrap_or(path));
        if path.contains(['#', '\\']) || path.split('/').any(climbs) {
            return Err(PlanError::Climbs { name: "path".to_owned(), path });
        }
        let operation = self.usable_at(written.method, &path)?;
        // Services take two slashes for one, and a slash at the end for none: the request would be another one.
        if empty_parts(&path) > empty_parts(&operation.path) {
            return Err(PlanError::Unfit { name: "path".to_owned(), what: "one that leaves a part of the path empty" });
        }
        let texts = |of: &Value| -> Vec<(Str, String)> {
            let members = of.as_object().into_iter().flat_map(Object::iter);
            members.filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.clone(), text(value))).collect()
        };
        let mut queries: Vec<Query> = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                Query { name: name.to_owned(), value: value.to_owned() }
            })
            .collect();
        queries.extend(texts(written.queries).iter().map(|(name, value)| Query::new(name, value)));
        let mut headers = Vec::new();
        for (name, text) in texts(written.headers) {
            one_line(&name, &text)?;
            headers.push((name, text.into()));
        }
        let path_values = matches(&operation.path, &path).unwrap_or_default();
        let mut body = written.body.clone();
        if let Some(url) = call.callback_url {
            for callback in &operation.callbacks {
                match callback.place {
                    Place::Body => put_names(&mut body, &callback.path, url),
                    Place::Query => {
                        let name = callback.path.first().map(|name| &**name).unwrap_or_default();
                        queries.retain(|own| decoded(&own.name) != name);
                        queries.push(Query::new(name, url));
                    }
                    Place::Header => {
                        let name = callback.path.first().cloned().unwrap_or_default();
                        headers.retain(|(own, _)| !own.eq_ignore_ascii_case(&name));
                        headers.push((name, url.into()));
                    }
                    Place::Path | Place::Form | Place::Cookie => {}
                }
            }
        }
        if let Some(url) = call.callback_url
            && !carries(url, (&path, &queries), &headers, &body)
        {
            return Err(PlanError::NoCallback { operation: operation.operation_id.clone() });
        }
        let is_ready = content_object(&body).is_some()
            || body.get("$multipart").is_some()
            || body.get("$formdata").is_some()
            || body.as_str().is_some();
        let draft = Draft {
            method: written.method.to_ascii_uppercase().into(),
            base: self.base()?,
            path: path.clone(),
            path_values: path_values.into_iter().map(|(name, value)| (name.into(), value.to_owned())).collect(),
            queries,
            headers,
            body: match body {
                Value::Null => {
                    Body::None { is_declared: operation.declared.iter().any(|own| own.place == Place::Body) }
                }
                body if is_ready => Body::Ready(body),
                body => Body::Json(body),
            },
            content_type: None,
        };
        self.after_policies(Some(operation), draft, call)
    }

    /// Plans a request to an address that the service named: a poll, a page, a status. Credentials and headers by
    /// policy go to the connector's own origins alone; the address is complete, so hosts and paths by policy do not
    /// change it.
    ///
    /// # Errors
    /// The address is not one.
    pub fn plan_follow(&self, method: &str, uri: &str, call: &Call<'_>) -> Result<PlannedRequest, PlanError> {
        let base = self.base_now(call.credentials)?;
        let root =
            Url::parse(&format!("{}{}/", base.origin, base.path)).map_err(|_| PlanError::BadAddress(base.origin))?;
        let url = root.join(uri).map_err(|_| PlanError::BadAddress(uri.to_owned()))?;
        let origin = url.origin().ascii_serialization();
        let mut draft = Draft {
            method: method.to_ascii_uppercase().into(),
            base: Base { origin: origin.clone(), path: String::new() },
            path: url.path().to_owned(),
            path_values: Vec::new(),
            queries: Vec::new(),
            headers: Vec::new(),
            body: Body::None { is_declared: false },
            content_type: None,
        };
        let mut secrets = Secrets::default();
        if let Some(credentials) = call.credentials.filter(|_| self.is_own_origin(&origin, call.credentials)) {
            secrets.know(self, credentials);
            self.sign(None, &mut draft, credentials, &mut secrets);
            // Only headers: all else of the address was said by the service.
            let headers: Vec<_> = self
                .policies
                .iter()
                .filter(|policy| policy.section == Section::Request && policy.sets_header())
                .cloned()
                .collect();
            let around = Surroundings {
                credentials: Some(credentials),
                set: self.set(&credentials.set),
                lookups: &[],
                poll: None,
            };
            run(&headers, None, &mut draft, &around)?;
        }
        let signed: Vec<Query> = std::mem::take(&mut draft.queries);
        let mut planned = draft.finished();
        let mut whole: String = url.into();
        for pair in signed {
            whole.push(if whole.contains('?') { '&' } else { '?' });
            whole.push_str(&format!("{}={}", pair.name, pair.value));
        }
        planned.url = whole.into();
        secrets.mark(&mut planned);
        Ok(planned)
    }

    /// The base address after hosts by policy that are for all operations.
    pub(crate) fn base_now(&self, credentials: Option<&Credentials>) -> Result<Base, PlanError> {
        let base = self.base()?;
        let hosts: Vec<_> = self
            .policies
            .iter()
            .filter(|policy| matches!(policy.kind, Ok(Kind::Host(_))) && policy.concerns(None))
            .cloned()
            .collect();
        let mut draft = Draft {
            method: "GET".into(),
            base: base.clone(),
            path: String::new(),
            path_values: Vec::new(),
            queries: Vec::new(),
            headers: Vec::new(),
            body: Body::None { is_declared: false },
            content_type: None,
        };
        let around = Surroundings { credentials, set: None, lookups: &[], poll: None };
        // A host that depends on the flow's values is known only where an operation is called.
        match run(&hosts, None, &mut draft, &around) {
            Ok(_) => Ok(draft.base),
            Err(_) => Ok(base),
        }
    }

    /// Whether credentials may go to an origin: the definition's, unless a policy replaces it for all operations; those
    /// that hosts by policy name from the connection; those that the connection's owner has confirmed.
    #[must_use]
    pub fn is_own_origin(&self, origin: &str, credentials: Option<&Credentials>) -> bool {
        let own = self.base().map(|base| base.origin).unwrap_or_default();
        if origin == own && !self.hosts().any(|policy| policy.concerns(None)) {
            return true;
        }
        if credentials.is_some_and(|own| own.hosts.iter().any(|host| same_origin(host, origin))) {
            return true;
        }
        self.is_host_by_policy(origin, &own, credentials)
    }

    fn hosts(&self) -> impl Iterator<Item = &Compiled> {
        self.policies.iter().filter(|policy| matches!(policy.kind, Ok(Kind::Host(_))))
    }

    /// Whether some policy replaces `own`, the origin of the file, by `origin`.
    fn is_host_by_policy(&self, origin: &str, own: &str, credentials: Option<&Credentials>) -> bool {
        let around = Surroundings { credentials, set: None, lookups: &[], poll: None };
        self.hosts().any(|policy| {
            let mut alone = policy.clone();
            alone.operations.clear();
            let mut draft = Draft {
                method: "GET".into(),
                base: Base { origin: own.to_owned(), path: String::new() },
                path: String::new(),
                path_values: Vec::new(),
                queries: Vec::new(),
                headers: Vec::new(),
                body: Body::None { is_declared: false },
                content_type: None,
            };
            run(&[alone], None, &mut draft, &around).is_ok() && draft.base.origin == origin
        })
    }
}

/// Parts between the slashes of a path in which nothing stands; none in the path that is a slash alone.
fn empty_parts(path: &str) -> usize {
    let parts = path.strip_prefix('/').unwrap_or(path);
    if parts.is_empty() { 0 } else { parts.split('/').filter(|part| part.is_empty()).count() }
}

/// Whether a request says where the service shall call. What is in a file that is sent as it is cannot be seen.
fn carries(callback_url: &str, (path, queries): (&str, &[Query]), headers: &[(Str, Str)], body: &Value) -> bool {
    let has = |text: &str| text.contains(callback_url) || decoded(text).contains(callback_url);
    has(path)
        || queries.iter().any(|pair| has(&pair.value))
        || headers.iter().any(|(_, text)| has(text))
        || content_object(body).is_some()
        || has(&body.to_json())
}

/// Puts a text at names in a body that a definition wrote; lists get it in each element.
fn put_names(into: &mut Value, path: &[Str], text: &str) {
    let Some((name, rest)) = path.split_first() else {
        *into = text.into();
        return;
    };
    if &**name == ITEMS {
        into.as_array_mut().into_iter().flatten().for_each(|element| put_names(element, rest, text));
        return;
    }
    if into.as_object().is_none() {
        *into = Object::new().into();
    }
    if let Some(members) = into.as_object_mut() {
        if !members.contains_key(name) {
            members.insert(name.clone(), Value::Null);
        }
        if let Some(below) = members.get_mut(name) {
            put_names(below, rest, text);
        }
    }
}
