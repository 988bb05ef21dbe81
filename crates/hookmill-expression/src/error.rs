//! What can be wrong with an expression, and where.

use std::fmt;

use hookmill_model::{Code, Explain, Fault, Str};

/// The kinds of error that definitions and their tests tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The text is not an expression.
    ParseError,
    /// There is no such function.
    UnknownFunction,
    /// Too few or too many arguments.
    ArgumentCount,
    /// An argument of the wrong type, out of range or not convertible.
    InvalidArgument,
    /// Division by zero.
    DivideByZero,
    /// The object has no such property.
    PropertyNotFound,
    /// The value has no properties of this sort.
    PropertyNotSelectable,
    /// The array has no such element.
    IndexOutOfRange,
    /// There is no such parameter, variable, action, loop or scope.
    ReferenceNotFound,
    /// The evaluation needs more than the limits allow.
    LimitExceeded,
}

impl ErrorKind {
    /// The name, as test cases spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ParseError => "ParseError",
            Self::UnknownFunction => "UnknownFunction",
            Self::ArgumentCount => "ArgumentCount",
            Self::InvalidArgument => "InvalidArgument",
            Self::DivideByZero => "DivideByZero",
            Self::PropertyNotFound => "PropertyNotFound",
            Self::PropertyNotSelectable => "PropertyNotSelectable",
            Self::IndexOutOfRange => "IndexOutOfRange",
            Self::ReferenceNotFound => "ReferenceNotFound",
            Self::LimitExceeded => "LimitExceeded",
        }
    }

    /// Whether the fault can be seen without running the flow.
    #[must_use]
    pub const fn is_found_when_saving(self) -> bool {
        matches!(self, Self::ParseError | Self::UnknownFunction | Self::ArgumentCount | Self::ReferenceNotFound)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A place in a template: byte offset from 0, line and column (in characters) from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Bytes from the start of the template.
    pub byte: usize,
    /// Line, from 1.
    pub line: usize,
    /// Character in the line, from 1.
    pub column: usize,
}

impl Position {
    pub(crate) fn of(text: &str, byte: usize) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self { byte, line, column }
    }
}

/// Why a template could not be read or evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    /// The kind.
    pub kind: ErrorKind,
    /// What happened, in the words of the definition language.
    pub message: String,
    /// Where in the template.
    pub position: Position,
    /// The function that was evaluated.
    pub function: Option<Str>,
    /// What there is instead: the properties of the object, the names of the actions.
    pub offered: Vec<Str>,
    /// What was probably meant.
    pub suggestion: Option<Str>,
    /// Whether it is the memory that the evaluation would exceed.
    pub is_of_memory: bool,
    /// Whether a condition gave a value that is no boolean.
    pub is_no_boolean: bool,
}

/// Characters of a line that are shown with an error in it.
const LINE_CHARS_MAX: usize = 100;

/// Longer messages are cut.
const MESSAGE_CHARS_MAX: usize = 2_000;

impl Error {
    pub(crate) fn new(kind: ErrorKind, byte: usize, message: impl Into<String>) -> Box<Self> {
        let mut message = message.into();
        // Messages name values, and values can be large.
        if let Some((end, _)) = message.char_indices().nth(MESSAGE_CHARS_MAX) {
            message.truncate(end);
            message.push('…');
        }
        Box::new(Self {
            kind,
            message,
            position: Position { byte, line: 1, column: byte + 1 },
            function: None,
            offered: Vec::new(),
            suggestion: None,
            is_of_memory: false,
            is_no_boolean: false,
        })
    }

    pub(crate) fn offering(mut self: Box<Self>, wanted: &str, offered: Vec<Str>) -> Box<Self> {
        self.suggestion = closest(wanted, offered.iter().map(|name| &**name)).map(Into::into);
        self.offered = offered;
        self
    }

    /// The error for people, with the line of `source` that it is in and a mark under the place.
    #[must_use]
    pub fn explained(&self, source: &str) -> String {
        let Position { byte, line, column } = self.position;
        let mut text = format!("{self}\n  at line {line}, column {column} (byte {byte})");
        if let Some(function) = &self.function {
            text.push_str(&format!(", function '{function}'"));
        }
        let shown: Vec<char> = source.lines().nth(line - 1).unwrap_or_default().chars().collect();
        // A long line is cut around the place.
        let from = column.saturating_sub(LINE_CHARS_MAX / 2).min(shown.len());
        let part: String =
            shown[from..].iter().take(LINE_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { *c }).collect();
        let mark = " ".repeat(column.saturating_sub(from + 1));
        text.push_str(&format!("\n  | {part}\n  | {mark}^"));
        if !self.offered.is_empty() {
            text.push_str(&format!("\n  there is: {}", self.offered.join(", ")));
        }
        text
    }

    /// Completes line and column, once the whole template is known.
    pub(crate) fn located(mut self, text: &str) -> Self {
        self.position = Position::of(text, self.position.byte);
        self
    }
}

impl fmt::Display for Error {
    /// `KIND: message`, then what was probably meant.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)?;
        if let Some(suggestion) = &self.suggestion {
            write!(f, " Did you mean '{suggestion}'?")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl Explain for Error {
    fn code(&self) -> Code {
        "expression_invalid"
    }

    fn fault(&self) -> Fault {
        Fault::Author
    }

    fn hint(&self) -> Option<String> {
        self.suggestion.as_ref().map(|suggestion| format!("Did you mean '{suggestion}'?"))
    }
}

/// The candidate that differs least from `wanted`, where it differs little.
pub(crate) fn closest<'a>(wanted: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = wanted.to_lowercase();
    let length = wanted.chars().count();
    let allowed = (length / 3).max(1);
    candidates
        .take(1_000)
        // What differs more in length alone is not worth comparing.
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= allowed)
        .map(|candidate| (distance(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many characters must be inserted, removed, replaced or swapped with their neighbour to make one text from the
/// other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(80).collect(), b.chars().take(80).collect());
    let mut before = vec![0; b.len() + 1];
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut next = vec![i + 1; b.len() + 1];
        for j in 0..b.len() {
            let replaced = row[j] + usize::from(a[i] != b[j]);
            next[j + 1] = replaced.min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                next[j + 1] = next[j + 1].min(before[j - 1] + 1);
            }
        }
        (before, row) = (row, next);
    }
    row[b.len()]
}
