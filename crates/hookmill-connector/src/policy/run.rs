//! Policies of requests, in the order of the file: each sees what the ones before it made.

use hookmill_model::{Object, Str, Value};

use super::expression::{Expression, Piece, Scope, Template, at};
use super::{Compiled, Exists, Kind, Route, Section, Target, change_body, host};
use crate::connection::{Credentials, ParameterSet};
use crate::draft::{Body, Draft, Query};
use crate::place::path_names;
use crate::plan_error::PlanError;
use crate::serialise::{climbs, decoded, encoded, one_line, text};

/// The reply to a call that a policy makes before the request.
#[derive(Clone, Debug, PartialEq)]
pub struct Lookup {
    /// Its HTTP status.
    pub status: u16,
    /// Its body, read by its content type.
    pub body: Value,
}

/// What a run of policies knows beside the request.
pub(crate) struct Surroundings<'a> {
    pub credentials: Option<&'a Credentials>,
    /// The fields of the connection.
    pub set: Option<&'a ParameterSet>,
    /// Replies to the calls that were made already, in order.
    pub lookups: &'a [Lookup],
    /// What the polls before left.
    pub poll: Option<&'a Object>,
}

/// Runs the request policies of an operation. Gives a call that must be made first, if there is one.
pub(crate) fn run(
    policies: &[Compiled],
    operation_id: Option<&str>,
    draft: &mut Draft,
    around: &Surroundings<'_>,
) -> Result<Option<Draft>, PlanError> {
    let own = draft.base.origin.clone();
    let mut calls = 0;
    for policy in policies.iter().filter(|policy| policy.section == Section::Request && policy.concerns(operation_id)) {
        let kind = match &policy.kind {
            Ok(kind) => kind,
            Err(reason) => {
                return Err(PlanError::Unsupported {
                    operation: operation_id.unwrap_or_default().into(),
                    what: format!("the policy \"{}\" cannot run here: {reason}", policy.template),
                });
            }
        };
        let runner = Runner { name: &policy.template, around };
        match kind {
            Kind::Set { target, value, exists } => runner.set(draft, target, value, *exists)?,
            Kind::Host(template) => {
                let confirmed = around.credentials.map(|own| &own.hosts[..]).unwrap_or_default();
                draft.base = host::base(template, &policy.template, &runner.scope(draft), &own, confirmed)?;
            }
            Kind::Route { to, method } => {
                let (path, queries) = runner.route(draft, to)?;
                draft.path = path;
                // Pairs of the path come first, and replace those of the request.
                draft.queries.retain(|own| !queries.iter().any(|new| decoded(&new.name) == decoded(&own.name)));
                draft.queries.splice(0..0, queries);
                if let Some(method) = method {
                    draft.method.clone_from(method);
                }
            }
            Kind::ValueFromUrl { target, method, at: from, value } => {
                let (path, queries) = runner.route(draft, from)?;
                let Some(reply) = around.lookups.get(calls) else {
                    return Ok(Some(Draft {
                        method: method.clone(),
                        path,
                        queries,
                        headers: draft
                            .headers
                            .iter()
                            .filter(|(name, _)| !name.eq_ignore_ascii_case("content-type"))
                            .cloned()
                            .collect(),
                        body: Body::None { is_declared: false },
                        ..draft.clone()
                    }));
                };
                calls += 1;
                let found = at(&reply.body, value).filter(|value| !value.is_null());
                let (200..=299, Some(found)) = (reply.status, found) else {
                    return Err(PlanError::Policy {
                        template: policy.template.to_string(),
                        reason: format!(
                            "the call before this one was answered with {} and no value at the place it names",
                            reply.status
                        ),
                    });
                };
                put_in(draft, target, text(found), Exists::Override, &policy.template)?;
            }
            Kind::Polling { constants, state, .. } => {
                let constants = constants.iter().map(|(name, value)| (name, value.to_string()));
                let left = state.iter().filter_map(|(name, _)| Some((name, text(around.poll?.get(name)?))));
                for (name, value) in constants.chain(left) {
                    put_in(draft, &Target::Query(name.clone()), value, Exists::Override, &policy.template)?;
                }
                if let Some(rest) = draft.path.strip_prefix("/trigger/") {
                    draft.path = format!("/{rest}");
                }
            }
            Kind::NextLink | Kind::Unauthenticated => {}
            _ => {
                let mut body = match &draft.body {
                    Body::Json(body) => body.clone(),
                    Body::None { is_declared: true } => Object::new().into(),
                    Body::None { .. } | Body::Ready(_) => continue,
                };
                let was_empty = matches!(draft.body, Body::None { .. });
                change_body(policy, &mut body, &runner.scope(draft))?;
                if !(was_empty && body.as_object().is_some_and(Object::is_empty)) {
                    draft.body = Body::Json(body);
                }
            }
        }
    }
    Ok(None)
}

struct Runner<'a> {
    name: &'a str,
    around: &'a Surroundings<'a>,
}

impl Runner<'_> {
    fn scope<'d>(&'d self, draft: &'d Draft) -> Scope<'d> {
        Scope {
            credentials: self.around.credentials,
            headers: &draft.headers,
            queries: &draft.queries,
            body: draft.body.json(),
            item: None,
        }
    }

    fn set(&self, draft: &mut Draft, target: &Target, value: &Template, exists: Exists) -> Result<(), PlanError> {
        match self.evaluated(value, &self.scope(draft))? {
            Some(value) => put_in(draft, target, value, exists, self.name),
            None => Ok(()),
        }
    }

    /// The text of a template; `None` where a value that may be absent is.
    fn evaluated(&self, template: &Template, scope: &Scope<'_>) -> Result<Option<String>, PlanError> {
        let mut written = String::new();
        for piece in &template.0 {
            match piece {
                Piece::Text(text) => written.push_str(text),
                Piece::Call(call) => match scope.value(call) {
                    Some(value) => written.push_str(&text(&value)),
                    None if self.may_lack(call) => return Ok(None),
                    None => return Err(self.lacks(call)),
                },
            }
        }
        Ok(Some(written))
    }

    /// Whether a header or query pair is left out where this has no value.
    fn may_lack(&self, call: &Expression) -> bool {
        match call {
            Expression::Connection { name, .. } => {
                self.around.set.and_then(|set| set.field(name)).is_none_or(|field| !field.required)
            }
            _ => true,
        }
    }

    fn lacks(&self, call: &Expression) -> PlanError {
        PlanError::NoValue { template: self.name.to_owned(), what: call.shown() }
    }

    /// The path and the pairs of a route; values are single segments.
    fn route(&self, draft: &Draft, to: &Route) -> Result<(String, Vec<Query>), PlanError> {
        let scope = self.scope(draft);
        let wrong = |reason: String| PlanError::Policy { template: self.name.to_owned(), reason };
        let mut path = String::new();
        for piece in &to.path.0 {
            match piece {
                Piece::Text(text) => path.push_str(&self.filled(draft, text)?),
                Piece::Call(call) => {
                    let value = scope.value(call).map(|value| text(&value)).filter(|value| !value.is_empty());
                    path.push_str(&encoded(&value.ok_or_else(|| self.lacks(call))?));
                }
            }
        }
        let path = if path.starts_with('/') { path } else { format!("/{path}") };
        if path.split('/').any(climbs) {
            return Err(wrong(format!("\"{path}\" leaves the path that the connector means")));
        }
        let mut queries = Vec::new();
        for (name, value) in &to.query {
            let mut written = String::new();
            let mut is_given = true;
            for piece in &value.0 {
                match piece {
                    Piece::Text(text) => written.push_str(&self.filled(draft, text)?),
                    Piece::Call(call) => match scope.value(call) {
                        Some(value) => written.push_str(&encoded(&text(&value))),
                        None if self.may_lack(call) => is_given = false,
                        None => return Err(self.lacks(call)),
                    },
                }
            }
            if is_given {
                queries.push(Query { name: name.clone(), value: written });
            }
        }
        Ok((path, queries))
    }

    /// A literal text with `{name}` replaced by values of the operation's path, which are encoded already.
    fn filled(&self, draft: &Draft, literal: &str) -> Result<String, PlanError> {
        let mut written = literal.to_owned();
        for name in path_names(literal) {
            let own = draft.path_values.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
            let (_, value) = own.ok_or_else(|| PlanError::Policy {
                template: self.name.to_owned(),
                reason: format!("the path of the operation has no {{{name}}}"),
            })?;
            written = written.replace(&format!("{{{name}}}"), value);
        }
        Ok(written)
    }
}

/// Sets a header or a pair of the query.
fn put_in(draft: &mut Draft, target: &Target, value: String, exists: Exists, template: &str) -> Result<(), PlanError> {
    match target {
        Target::Header(name) => {
            one_line(&format!("{template} {name}"), &value)?;
            put_header(&mut draft.headers, name, &value, exists);
        }
        Target::Query(name) => {
            let pair = Query::new(name, &value);
            let is_own = |own: &Query| decoded(&own.name) == **name;
            let first = draft.queries.iter().position(is_own);
            match (first, exists) {
                (Some(_), Exists::Skip) => {}
                (Some(first), Exists::Override) => {
                    draft.queries.retain(|own| !is_own(own));
                    draft.queries.insert(first, pair);
                }
                _ => draft.queries.push(pair),
            }
        }
    }
    Ok(())
}

/// Sets a header of a reply.
pub(crate) fn response_header(
    policy: &Compiled,
    name: &Str,
    value: &Template,
    exists: Exists,
    headers: &mut Vec<(Str, Str)>,
    body: &Value,
    credentials: Option<&Credentials>,
) -> Result<(), PlanError> {
    let around = Surroundings { credentials, set: None, lookups: &[], poll: None };
    let runner = Runner { name: &policy.template, around: &around };
    let scope = Scope { credentials, headers, queries: &[], body, item: None };
    if let Some(value) = runner.evaluated(value, &scope)? {
        one_line(&format!("{} {name}", policy.template), &value)?;
        put_header(headers, name, &value, exists);
    }
    Ok(())
}

/// Sets a header of a request or a reply.
fn put_header(headers: &mut Vec<(Str, Str)>, name: &Str, value: &str, exists: Exists) {
    let first = headers.iter().position(|(own, _)| own.eq_ignore_ascii_case(name));
    match (first, exists) {
        (Some(_), Exists::Skip) => {}
        (Some(first), Exists::Append) => {
            let joined = format!("{}, {value}", headers[first].1);
            headers[first].1 = joined.into();
        }
        (Some(first), Exists::Override) => {
            headers.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
            headers.insert(first.min(headers.len()), (name.clone(), value.into()));
        }
        (None, _) => headers.push((name.clone(), value.into())),
    }
}
