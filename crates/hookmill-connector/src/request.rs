//! Planning requests: parameters in their places, defaults, the callback URL, credentials, policies.
//!
//! A request is built completely, with credentials and callback URL; then the policies of the connector run; then what
//! is still missing is added. Nothing is sent here. Where a policy needs the answer to a call of its own, that call
//! comes out first, and the plan is made again with its answer.

use std::sync::Arc;

use hookmill_model::{Object, Str, Value};

use crate::answer::Answer;
use crate::body::{BodyInput, form_body, media_type};
use crate::connection::{ConnectionField, Credentials};
use crate::connector::Connector;
use crate::draft::{Base, Body, Draft, Query};
use crate::operation::Operation;
use crate::place::{Declared, Place, given, path_names};
use crate::plan_error::PlanError;
use crate::planned::PlannedRequest;
use crate::policy::{Kind, Lookup, Surroundings, run};
use crate::schema::{default_of, is_internal};
use crate::security::Secrets;
use crate::serialise::{climbs, decoded, header, one_line, pairs, segment, style};

/// What is to be sent now.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// The request.
    Request(PlannedRequest),
    /// A call that a policy needs the answer of. Its answer is appended to [`Call::lookups`], and the plan made again.
    Lookup(PlannedRequest),
}

impl Plan {
    /// The request itself, or the call before it.
    #[must_use]
    pub fn into_request(self) -> PlannedRequest {
        match self {
            Self::Request(request) | Self::Lookup(request) => request,
        }
    }
}

/// What a request is planned from.
#[derive(Clone, Copy, Default)]
pub struct Call<'a> {
    /// The keys of a definition's `inputs.parameters`.
    pub parameters: Option<&'a Value>,
    /// Where the service shall call; set where a webhook is created.
    pub callback_url: Option<&'a str>,
    /// The connection.
    pub credentials: Option<&'a Credentials>,
    /// Policies see the connection's values, but no credentials are put in: the request is to be kept.
    pub is_unsigned: bool,
    /// Answers to the calls that policies needed, in order.
    pub lookups: &'a [Lookup],
    /// The parameters hold expressions: only what does not depend on their values is checked.
    pub is_unevaluated: bool,
    /// What the polls before left, of a trigger whose polls go on where the one before ended.
    pub poll: Option<&'a Object>,
}

static NOTHING: Value = Value::Null;

impl Connector {
    /// The operation of a method and a path below the base path; a template matches what fills it.
    #[must_use]
    pub fn operation_at(&self, method: &str, path: &str) -> Option<&Operation> {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let all = || self.operations.iter().filter(|own| !own.is_by_hand && own.method.eq_ignore_ascii_case(method));
        let exact = all().find(|operation| *operation.path == *path);
        exact.or_else(|| all().find(|operation| matches(&operation.path, path).is_some()))
    }

    /// The operation that a request by path is, with the values of the names in its path.
    #[must_use]
    pub fn operation_by_path(&self, method: &str, path: &str) -> Option<(&Operation, Object)> {
        let operation = self.operation_at(method, path)?;
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let values = matches(&operation.path, path).unwrap_or_default();
        Some((operation, values.into_iter().map(|(name, value)| (name, decoded(value))).collect()))
    }

    /// Scheme, host and base path of the file; a host by policy replaces them later.
    pub(crate) fn base(&self) -> Result<Base, PlanError> {
        if self.host.is_empty() {
            // A policy may still name one.
            let is_by_policy = self.policies.iter().any(|policy| matches!(policy.kind, Ok(Kind::Host(_))));
            return if is_by_policy { Ok(Base::default()) } else { Err(PlanError::NoHost) };
        }
        let origin = url::Url::parse(&self.origin()).map_err(|_| PlanError::BadAddress(self.origin()))?;
        Ok(Base { origin: origin.origin().ascii_serialization(), path: self.base_path.to_string() })
    }

    /// Why an operation cannot be used at all: a policy that does not run here, a script.
    ///
    /// # Errors
    /// The reason.
    pub fn usable(&self, operation: &Operation) -> Result<(), PlanError> {
        let id = &operation.operation_id;
        let unsupported = |what: String| Err(PlanError::Unsupported { operation: id.clone(), what });
        if self.needs_script(id) {
            return unsupported(format!(
                "it needs custom code (C#), which does not run here; describe '{id}' with policies, or call the service with an HTTP action"
            ));
        }
        if let Some(lost) = &operation.lost {
            return unsupported(format!("one of its parameters is described by \"{lost}\", which is not in the file"));
        }
        for policy in self.policies.iter().filter(|policy| policy.concerns(Some(id))) {
            if let Err(reason) = &policy.kind {
                return unsupported(format!("the policy \"{}\" cannot run here: {reason}", policy.template));
            }
        }
        for parameter in operation.declared.iter().filter(|parameter| parameter.place != Place::Body) {
            style(parameter).map_err(|style| PlanError::Style { name: parameter.name.to_string(), style })?;
        }
        Ok(())
    }

    /// Whether a C# script rewrites the requests of an operation, and the maker has not chosen to send them without it.
    #[must_use]
    pub fn needs_script(&self, operation_id: &str) -> bool {
        let is_scripted =
            self.scripted.as_ref().is_some_and(|all| all.is_empty() || all.iter().any(|own| **own == *operation_id));
        is_scripted && !self.without_script.iter().any(|own| **own == *operation_id)
    }

    /// Plans a call of an operation.
    ///
    /// # Errors
    /// What is missing, does not fit or does not run here.
    pub fn plan_request(&self, operation: &Operation, call: &Call<'_>) -> Result<Plan, PlanError> {
        self.usable(operation)?;
        if operation.is_by_hand {
            return Err(PlanError::ByHand { operation: operation.operation_id.clone() });
        }
        if call.callback_url.is_some() && operation.callbacks.is_empty() {
            return Err(PlanError::NoCallback { operation: operation.operation_id.clone() });
        }
        let draft = self.draft(operation, call)?;
        self.after_policies(Some(operation), draft, call)
    }

    /// The request before policies, without credentials.
    fn draft(&self, operation: &Operation, call: &Call<'_>) -> Result<Draft, PlanError> {
        let parameters = call.parameters.unwrap_or(&NOTHING);
        let mut draft = Draft {
            method: operation.method.clone(),
            base: self.base()?,
            path: String::new(),
            path_values: Vec::new(),
            queries: Vec::new(),
            headers: Vec::new(),
            body: Body::None { is_declared: false },
            content_type: None,
        };
        let mut cookies = Vec::new();
        let mut fields: Vec<(&Declared, Value)> = Vec::new();
        let mut body_parameter = None;
        for parameter in &operation.declared {
            let name = &parameter.name;
            if parameter.place == Place::Body {
                body_parameter = body_parameter.or(Some(parameter));
                continue;
            }
            let Some(value) = self.value_of(operation, parameter, call, parameters) else {
                // A hidden one without a value is sent only where a policy sets it.
                if parameter.required && (parameter.place == Place::Path || !is_internal(&parameter.source)) {
                    let (operation, name) = (operation.operation_id.clone(), name.to_string());
                    return Err(PlanError::Missing { operation, name });
                }
                continue;
            };
            match parameter.place {
                Place::Path => {
                    let is_double = parameter.source.get("x-ms-url-encoding").and_then(Value::as_str) == Some("double");
                    draft.path_values.push((name.clone(), segment(name, &value, is_double)?));
                }
                Place::Query => {
                    let written = pairs(parameter, &value)?;
                    draft.queries.extend(written.iter().map(|(name, value)| Query::new(name, value)));
                }
                Place::Header => {
                    if let Some(text) = header(name, parameter, &value)? {
                        // A blank before a content type is a slip of the file.
                        let text = if name.eq_ignore_ascii_case("content-type") { text.trim() } else { &text };
                        draft.headers.push((name.clone(), text.into()));
                    }
                }
                Place::Cookie => {
                    for (name, value) in pairs(parameter, &value)? {
                        one_line(&name, &value)?;
                        // A semicolon would begin another cookie.
                        cookies.push(format!("{name}={}", value.replace(';', "%3B")));
                    }
                }
                Place::Form => fields.push((parameter, value)),
                Place::Body => {}
            }
        }
        if !cookies.is_empty() {
            draft.headers.push(("Cookie".into(), cookies.join("; ").into()));
        }
        draft.path = self.path(operation, parameters, &mut draft.path_values)?;
        let typed = draft.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let content_type = typed.map(|(_, text)| text.to_string()).filter(|text| !text.is_empty());
        if let Some(parameter) = body_parameter {
            let input = BodyInput {
                operation,
                parameters,
                callback_url: call.callback_url,
                content_type: content_type.as_deref(),
                is_unevaluated: call.is_unevaluated,
            };
            (draft.body, draft.content_type) = self.body(parameter, &input)?;
        } else if !fields.is_empty() {
            draft.body = form_body(operation, &fields, content_type.as_deref())?;
            if content_type.is_some_and(|own| media_type(&own).starts_with("multipart/")) {
                // The parts have a boundary that only the finished body knows.
                draft.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
            }
        }
        Ok(draft)
    }

    /// The value of a parameter outside of the body: the callback URL, what the flow gives, the default.
    fn value_of(
        &self,
        operation: &Operation,
        parameter: &Declared,
        call: &Call<'_>,
        parameters: &Value,
    ) -> Option<Value> {
        let is_callback = operation
            .callbacks
            .iter()
            .any(|callback| callback.place == parameter.place && callback.path.first() == Some(&parameter.name));
        if let Some(url) = call.callback_url.filter(|_| is_callback) {
            return Some(url.into());
        }
        let of_form = || {
            let is_form = parameter.place == Place::Form;
            is_form.then(|| given(parameters, &format!("body/{}", parameter.name))).flatten()
        };
        let own = given(parameters, &parameter.name).or_else(of_form);
        own.filter(|value| value.as_array().is_none_or(|elements| !elements.is_empty()))
            .cloned()
            .or_else(|| default_of(&parameter.source))
    }

    /// The path with every name replaced. Its shape is the template's, whatever the values are.
    fn path(
        &self,
        operation: &Operation,
        parameters: &Value,
        values: &mut Vec<(Str, String)>,
    ) -> Result<String, PlanError> {
        let mut whole = Vec::new();
        for part in operation.path.split('/') {
            let mut written = part.to_owned();
            let names = path_names(part);
            for name in &names {
                let known = values.iter().find(|(own, _)| **own == **name).map(|(_, value)| value.clone());
                let value = match known {
                    Some(value) => value,
                    None => {
                        // A name that no parameter declares takes the flow's value of that name.
                        let own = given(parameters, name).ok_or_else(|| PlanError::Missing {
                            operation: operation.operation_id.clone(),
                            name: (*name).to_owned(),
                        })?;
                        let value = segment(name, own, false)?;
                        values.push(((*name).into(), value.clone()));
                        value
                    }
                };
                written = written.replacen(&format!("{{{name}}}"), &value, 1);
            }
            if climbs(&written) {
                return Err(PlanError::Climbs { name: names.join("', '"), path: operation.path.to_string() });
            }
            whole.push(written);
        }
        let path = whole.join("/");
        Ok(if path.starts_with('/') { path } else { format!("/{path}") })
    }

    /// The field that every request needs and that no connection can have here. Without a connection only where there
    /// is one way to connect.
    fn missing_field(&self, credentials: Option<&Credentials>) -> Option<&ConnectionField> {
        let set = match (credentials, &self.sets[..]) {
            (Some(credentials), sets) => self.set(&credentials.set).or_else(|| sets.first()),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        set?.fields.iter().find(|field| field.cannot_be_held())
    }

    /// Credentials, then policies, then what is still missing.
    pub(crate) fn after_policies(
        &self,
        operation: Option<&Operation>,
        mut draft: Draft,
        call: &Call<'_>,
    ) -> Result<Plan, PlanError> {
        let id = operation.map(|operation| &*operation.operation_id);
        if let Some(field) = self.missing_field(call.credentials) {
            let what =
                format!("the connector demands the connection field \"{}\", which cannot be held here", field.name);
            return Err(PlanError::Unsupported { operation: id.unwrap_or_default().into(), what });
        }
        let mut secrets = Secrets::default();
        if let Some(credentials) = call.credentials {
            secrets.know(self, credentials);
            if !call.is_unsigned {
                self.sign(operation, &mut draft, credentials, &mut secrets);
            }
        }
        let around = Surroundings {
            credentials: call.credentials,
            set: call.credentials.and_then(|credentials| self.set(&credentials.set)).or_else(|| self.sets.first()),
            lookups: call.lookups,
            poll: call.poll,
        };
        let before = run(&self.policies, id, &mut draft, &around)?;
        let is_lookup = before.is_some();
        let finished = before.unwrap_or(draft);
        if finished.base.origin.is_empty() {
            return Err(PlanError::NoHost);
        }
        let mut planned = finished.finished();
        for (name, text) in &planned.headers {
            one_line(name, text)?;
        }
        secrets.mark(&mut planned);
        if is_lookup {
            return Ok(Plan::Lookup(planned));
        }
        planned.answer = Arc::new(Answer::of(&self.policies, id, call.credentials));
        Ok(Plan::Request(planned))
    }
}

/// What fills the `{names}` of a template so that it gives the path; still encoded. A segment may have several names
/// with text between them.
pub(crate) fn matches<'a>(template: &'a str, path: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
    let (mut own, mut other) = (template.trim_matches('/').split('/'), path.trim_matches('/').split('/'));
    let mut found = Vec::new();
    loop {
        match (own.next(), other.next()) {
            (None, None) => return Some(found),
            (Some(own), Some(other)) => segment_matches(own, other, &mut found)?,
            _ => return None,
        }
    }
}

fn segment_matches<'a>(template: &'a str, segment: &'a str, found: &mut Vec<(&'a str, &'a str)>) -> Option<()> {
    let (Some(begin), Some(end)) = (template.find('{'), template.find('}')) else {
        return (template == segment).then_some(());
    };
    if begin > end {
        return (template == segment).then_some(());
    }
    let rest = segment.strip_prefix(&template[..begin])?;
    let after = &template[end + 1..];
    let until = after.split('{').next().unwrap_or_default();
    let length = match (until.is_empty(), after.is_empty()) {
        (_, true) => rest.len(),
        (true, false) => return None,
        (false, false) if until.len() == after.len() => rest.len().checked_sub(after.len())?,
        (false, false) => rest.find(until)?,
    };
    if length == 0 || !rest.is_char_boundary(length) {
        return None;
    }
    found.push((&template[begin + 1..end], &rest[..length]));
    segment_matches(after, &rest[length..], found)
}
