//! Refuses parameters in the query that an address of the API does not have. A filter whose name is spelt wrong would
//! otherwise be ignored, and the answer would be that of another question.
//!
//! What an address takes is read from the API's document, so the document and the server cannot differ. The doors for
//! services and the health of the server take any query: what is in it belongs to the caller.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::{OpenApi, RefOr};

use crate::Problem;

/// What each address of the API takes.
#[derive(Clone)]
pub(crate) struct Known(Arc<HashMap<(Method, String), Vec<String>>>);

impl Known {
    /// As the document says.
    pub fn of(document: &OpenApi) -> Self {
        let mut known = HashMap::new();
        for (path, item) in document.paths.paths.iter().filter(|(path, _)| path.starts_with("/api/")) {
            let operations = [
                (Method::GET, &item.get),
                (Method::PUT, &item.put),
                (Method::POST, &item.post),
                (Method::DELETE, &item.delete),
            ];
            for (method, operation) in operations {
                let Some(operation) = operation else { continue };
                known.insert((method, path.clone()), names(operation));
            }
        }
        Self(Arc::new(known))
    }

    /// The names that an address takes; `None` for one that is not of the API.
    fn names(&self, method: &Method, path: &str) -> Option<&[String]> {
        // What is asked for by HEAD is what GET answers.
        let method = if *method == Method::HEAD { Method::GET } else { method.clone() };
        self.0.get(&(method, path.to_owned())).map(Vec::as_slice)
    }
}

/// The parameters of an operation's query, in the order of the alphabet.
fn names(operation: &Operation) -> Vec<String> {
    let mut names: Vec<_> = operation
        .parameters
        .iter()
        .flatten()
        .filter_map(|parameter| match parameter {
            RefOr::T(own) if matches!(own.parameter_in, ParameterIn::Query) => Some(own.name.clone()),
            _ => None,
        })
        .collect();
    names.sort();
    names
}

/// What is wrong with a query: a name that the address does not take, or one that is there twice.
fn fault(query: &str, names: &[String]) -> Option<String> {
    let mut seen: Vec<String> = Vec::new();
    for (name, _) in url::form_urlencoded::parse(query.as_bytes()) {
        if !names.iter().any(|own| *own == name) {
            return Some(format!("This address has no parameter \"{}\".", shortened(&name)));
        }
        if seen.iter().any(|own| *own == name) {
            return Some(format!("The parameter \"{name}\" is there more than once."));
        }
        seen.push(name.into_owned());
    }
    None
}

/// What an address takes, for who asked for something else.
fn taken(names: &[String]) -> String {
    match names {
        [] => "It takes no parameters.".to_owned(),
        names => format!("It takes {}.", names.join(", ")),
    }
}

/// A name as it is shown.
fn shortened(name: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 100;
    match name.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// Lets a request through whose query the address takes.
pub(crate) async fn known(State(known): State<Known>, request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let names = path.filter(|_| !query.is_empty()).and_then(|path| known.names(request.method(), path));
    match names.and_then(|names| Some((fault(query, names)?, taken(names)))) {
        Some((fault, taken)) => Problem::bad("query_invalid", fault).hint(taken).into_response(),
        None => next.run(request).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(query: &str) -> Option<String> {
        let names = ["cursor".to_owned(), "limit".to_owned()];
        fault(query, &names)
    }

    #[test]
    fn what_is_not_known_is_named() {
        assert_eq!(told("limit=5&cursor="), None);
        assert_eq!(told("&&"), None);
        assert!(told("limt=5").unwrap().contains("\"limt\""));
        assert!(told("Limit=5").unwrap().contains("\"Limit\""));
        assert!(told("limit=5&%3Cb%3E").unwrap().contains("\"<b>\""));
        assert!(told("limit=5&limit=6").unwrap().contains("more than once"));
        assert!(told(&"x".repeat(5_000)).unwrap().chars().count() < 200);
    }

    #[test]
    fn every_address_of_the_document_is_known() {
        let known = Known::of(&crate::openapi_document());
        assert_eq!(known.names(&Method::GET, "/api/about"), Some(&[][..]));
        assert_eq!(known.names(&Method::HEAD, "/api/notifications"), known.names(&Method::GET, "/api/notifications"));
        assert!(known.names(&Method::GET, "/api/runs").unwrap().contains(&"status".to_owned()));
        assert_eq!(known.names(&Method::GET, "/health/live"), None);
        assert_eq!(known.names(&Method::POST, "/callback/{capability}"), None);
    }
}
