//! Answers of services: what the policies of a connector make of them before they become outputs.

use std::sync::Arc;

use hookmill_model::{Object, Str, Value};

use crate::connection::Credentials;
use crate::policy::expression::{Expression, Scope};
use crate::policy::{Compiled, Kind, Section, Target, change_body, response_header};

/// The changes that a connector makes to an answer. Headers are changed first, since a content type that a policy sets
/// decides how the body is read.
#[derive(Clone, Default, PartialEq)]
pub struct Answer {
    policies: Vec<Compiled>,
    credentials: Option<Arc<Credentials>>,
}

impl Answer {
    pub(crate) fn of(policies: &[Compiled], operation_id: Option<&str>, credentials: Option<&Credentials>) -> Self {
        let policies: Vec<Compiled> = policies
            .iter()
            .filter(|policy| policy.section != Section::Request && policy.concerns(operation_id))
            .cloned()
            .collect();
        let credentials = credentials.filter(|_| !policies.is_empty()).cloned().map(Arc::new);
        Self { policies, credentials }
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }

    fn running(&self, status: u16) -> impl Iterator<Item = &Compiled> {
        self.policies.iter().filter(move |policy| policy.section == Section::Response || status >= 400)
    }

    /// Runs the policies on the headers of an answer. `bytes` are its body as it arrived: a header may be made of a value
    /// in it, such as `Location` of an identifier.
    ///
    /// # Errors
    /// A policy needs a value that is not there, or makes a header with a line break.
    pub fn change_headers(&self, status: u16, headers: &mut Vec<(Str, Str)>, bytes: &[u8]) -> Result<(), String> {
        let mut read: Option<Value> = None;
        for policy in self.running(status) {
            if let Ok(Kind::Set { target: Target::Header(name), value, exists }) = &policy.kind {
                let nothing = Value::Null;
                let needs_body = value.calls().any(|call| matches!(call, Expression::Body(_) | Expression::Item(_)));
                let body = if needs_body {
                    read.get_or_insert_with(|| Value::from_json(bytes).unwrap_or(Value::Null))
                } else {
                    &nothing
                };
                response_header(policy, name, value, *exists, headers, body, self.credentials.as_deref())
                    .map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }

    /// Runs the policies on a JSON body.
    ///
    /// # Errors
    /// The body does not have what a policy needs.
    pub fn change_body(&self, status: u16, headers: &[(Str, Str)], body: &mut Value) -> Result<(), String> {
        for policy in self.running(status) {
            let before = body.clone();
            let credentials = self.credentials.as_deref();
            let scope = Scope { credentials, headers, queries: &[], body: &before, item: None };
            change_body(policy, body, &scope).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

/// The first header of a name, ignoring case.
pub(crate) fn header_of<'a>(headers: &'a Object, name: &str) -> Option<&'a str> {
    headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).and_then(|(_, value)| value.as_str())
}
