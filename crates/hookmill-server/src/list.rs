//! Lists as the API gives them: pages, which part is asked for, filters.

use hookmill_model::Id;
use hookmill_store::List;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Problem;

/// One page of a list.
#[derive(Serialize, ToSchema)]
pub struct Page<T> {
    /// In the order of the list.
    pub items: Vec<T>,
    /// The `cursor` of the next page; `null` on the last one.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A list that is one page.
    pub(crate) fn whole(items: impl IntoIterator<Item = T>) -> Self {
        Self { items: items.into_iter().collect(), next_cursor: None }
    }

    /// A page of what the store gave.
    pub(crate) fn of<I: ToString>(items: Vec<T>, next: Option<I>) -> Self {
        Self { items, next_cursor: next.map(|id| id.to_string()) }
    }
}

/// Which part of a list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// At most so many items, 1 to 500; 50 where not said.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

impl ListQuery {
    pub(crate) const fn new(limit: Option<usize>, cursor: Option<String>) -> Self {
        Self { limit, cursor }
    }

    /// A page has at most so many items.
    const LIMIT_MAX: usize = 500;

    pub(crate) fn limit(&self) -> Result<usize, Problem> {
        match self.limit {
            None => Ok(50),
            Some(limit) if (1..=Self::LIMIT_MAX).contains(&limit) => Ok(limit),
            Some(limit) => {
                let detail = format!("\"limit\" is 1 to {}, not {limit}.", Self::LIMIT_MAX);
                Err(Problem::bad("query_invalid", detail))
            }
        }
    }

    pub(crate) fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref().filter(|cursor| !cursor.is_empty())
    }

    /// The list to ask the store for.
    pub(crate) fn list<I: Id + std::str::FromStr>(&self) -> Result<List<I>, Problem> {
        let wrong = |_| {
            Problem::bad("query_invalid", "\"cursor\" is not one that this list gave.")
                .hint("Send the next_cursor of the page before as it is, or leave it out to begin at the first page.")
        };
        Ok(List { limit: self.limit()?, after: self.cursor().map(|cursor| cursor.parse().map_err(wrong)).transpose()? })
    }
}

/// A filter of the query; empty is none.
pub(crate) fn filter<T: std::str::FromStr<Err: std::fmt::Display>>(
    name: &str,
    given: Option<&str>,
) -> Result<Option<T>, Problem> {
    let wrong = |error: T::Err| Problem::bad("query_invalid", format!("\"{name}\" does not fit: {error}."));
    given.filter(|text| !text.is_empty()).map(|text| text.parse().map_err(wrong)).transpose()
}
