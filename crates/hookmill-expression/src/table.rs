//! The one table of functions: the evaluator, the check when a flow is saved, the documentation and the completion of
//! the designer all read it.

mod dates;
mod logic;
mod references;
mod texts;
mod values;

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::arguments::{Arguments, Result};
use crate::evaluate::Evaluation;
use crate::item::Item;
use crate::syntax::Call;

/// What a function is for; the order is that of the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    /// Texts.
    String,
    /// Arrays, texts and objects as collections.
    Collection,
    /// Conditions and comparisons.
    Logical,
    /// From one kind of value to another.
    Conversion,
    /// Numbers.
    Math,
    /// Dates, times, zones, durations.
    Date,
    /// What the run knows.
    Reference,
    /// Parts of addresses.
    Uri,
    /// Objects and XML.
    Manipulation,
}

impl Category {
    /// The heading in the documentation.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "String",
            Self::Collection => "Collection",
            Self::Logical => "Logical",
            Self::Conversion => "Conversion",
            Self::Math => "Math",
            Self::Date => "Date and time",
            Self::Reference => "References",
            Self::Uri => "URI",
            Self::Manipulation => "Objects and XML",
        }
    }
}

/// How a function is evaluated.
#[derive(Clone, Copy)]
pub(crate) enum Evaluator {
    /// All arguments first, from left to right.
    Strict(fn(&Arguments) -> Result<Item>),
    /// Only the arguments it needs.
    Lazy(fn(&Call, &Evaluation) -> Result<Item>),
}

/// One function of the language.
pub struct Function {
    /// Its name, as it is documented; calls may spell it in any case.
    pub name: &'static str,
    /// What it is for.
    pub category: Category,
    /// Its parameters: `substring(text, startIndex, length?)`.
    pub signature: &'static str,
    /// The fewest arguments.
    pub arguments_min: usize,
    /// The most arguments; `None` without a bound.
    pub arguments_max: Option<usize>,
    /// What it does, in a sentence or two.
    pub description: &'static str,
    /// An expression that uses it.
    pub example: &'static str,
    /// What the example gives, as JSON; with the context of [`crate::example_context`].
    pub result: &'static str,
    pub(crate) evaluator: Evaluator,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.signature)
    }
}

impl Function {
    /// How many arguments it takes, in words.
    #[must_use]
    pub fn arity(&self) -> String {
        let plural = |count: usize| if count == 1 { "argument" } else { "arguments" };
        match (self.arguments_min, self.arguments_max) {
            (min, Some(max)) if min == max => format!("{min} {}", plural(min)),
            (min, Some(max)) => format!("{min} to {max} arguments"),
            (min, None) => format!("at least {min} {}", plural(min)),
        }
    }

    const fn new(
        signature: &'static str,
        arguments: (usize, Option<usize>),
        evaluator: Evaluator,
        description: &'static str,
        example: &'static str,
        result: &'static str,
        category: Category,
    ) -> Self {
        let (name, _) = signature.split_at(parenthesis(signature));
        let (arguments_min, arguments_max) = arguments;
        Self { name, category, signature, arguments_min, arguments_max, description, example, result, evaluator }
    }
}

const fn parenthesis(signature: &str) -> usize {
    let bytes = signature.as_bytes();
    let mut at = 0;
    while at < bytes.len() && bytes[at] != b'(' {
        at += 1;
    }
    at
}

/// `row!(category, signature, min..=max, evaluator, description, example => result)`
macro_rules! row {
    ($category:ident, $signature:literal, $min:literal .., $evaluator:expr, $description:literal, $example:literal => $result:literal) => {
        $crate::table::Function::new(
            $signature,
            ($min, None),
            $evaluator,
            $description,
            $example,
            $result,
            $crate::table::Category::$category,
        )
    };
    ($category:ident, $signature:literal, $min:literal ..= $max:literal, $evaluator:expr, $description:literal, $example:literal => $result:literal) => {
        $crate::table::Function::new(
            $signature,
            ($min, Some($max)),
            $evaluator,
            $description,
            $example,
            $result,
            $crate::table::Category::$category,
        )
    };
}
pub(crate) use row;

/// All functions, by category and then in the order of the documentation.
pub fn functions() -> impl Iterator<Item = &'static Function> {
    [
        texts::ROWS,
        values::COLLECTIONS,
        logic::ROWS,
        values::CONVERSIONS,
        logic::MATH,
        dates::ROWS,
        references::ROWS,
        texts::URIS,
        values::MANIPULATION,
    ]
    .into_iter()
    .flatten()
}

static BY_NAME: LazyLock<HashMap<String, &'static Function>> =
    LazyLock::new(|| functions().map(|function| (function.name.to_ascii_lowercase(), function)).collect());

/// Finds a function, ignoring case.
#[must_use]
pub fn find(name: &str) -> Option<&'static Function> {
    BY_NAME.get(name.to_ascii_lowercase().as_str()).copied()
}
