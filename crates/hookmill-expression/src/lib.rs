//! The expression language of workflow definitions: template strings, expressions, functions.
//!
//! A [`Template`] is one string, a [`Compiled`] a whole JSON value of them, a [`Condition`] what an `If` decides by.
//! All are parsed once and evaluated against a [`Scope`], which holds everything an expression can see, the time and
//! the random numbers included: evaluation is a function of its scope.
//!
//! | file | purpose |
//! |---|---|
//! | `syntax`, `template`, `condition`, `mention` | from text to trees, and what can be asked of them |
//! | `evaluate`, `arguments`, `selection`, `item`, `scope` | from trees to values |
//! | `table` | every function once: name, arity, description, example, evaluator |
//! | `string`, `letter`, `collection`, `logic`, `math`, `number`, `date`, `conversion`, `uri`, `xml`, `form`, `reference` | the functions |
//! | `culture` | how cultures write numbers and dates |
//! | `work` | the budget of one evaluation |
//! | `content`, `content_object` | bodies of messages as values; bytes with their type |
//! | `case` | evaluation against a written context |

mod arguments;
pub mod case;
mod collection;
mod condition;
pub mod content;
mod content_object;
mod conversion;
mod culture;
mod date;
mod error;
mod evaluate;
mod form;
mod item;
mod letter;
mod logic;
mod math;
mod mention;
mod number;
mod reference;
mod reference_page;
mod scope;
mod selection;
mod string;
mod syntax;
mod table;
mod template;
mod uri;
mod work;
mod xml;

pub use condition::{Condition, call_function, is_condition_function};
pub use date::{NamedZone, date_text, named_zones, parse_date, zone as time_zone};
pub use error::{Error, ErrorKind, Position};
pub use mention::{NAMING_FUNCTIONS, Named, RECORD_FUNCTIONS, Reference, ReferenceTarget};
pub use reference_page::{example_context, reference_page};
pub use scope::{Limits, NameKind, Scope};
pub use table::{Category, Function, find as find_function, functions};
pub use template::{Compiled, Template};

/// Finds a member as a dereference does: exactly, else ignoring case.
#[must_use]
pub fn member<'a>(members: &'a hookmill_model::Object, name: &str) -> Option<&'a hookmill_model::Value> {
    selection::member(members, name)
}

/// The candidate that was probably meant, where one differs little.
#[must_use]
pub fn closest<'a>(wanted: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    error::closest(wanted, candidates)
}
