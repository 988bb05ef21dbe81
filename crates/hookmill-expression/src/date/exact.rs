//! Reading dates exactly as a format writes them.

use jiff::civil;

use super::format::{self, Piece};
use super::parse::{Fields, fraction, offset, two_digit_year};
use super::{DateTime, Kind};
use crate::culture::Culture;

/// Reads a date; `None` where the text differs from the format, or the format is not one.
///
/// A time without a date is of `today`, a day without a year of its year.
pub(super) fn parse(text: &str, format: &str, culture: &Culture, today: civil::Date) -> Option<DateTime> {
    let mut letters = format.chars();
    let custom = match (letters.next(), letters.next()) {
        (Some(letter), None) => format::standard(letter, culture)?,
        _ => format.to_owned(),
    };
    let pieces = format::pieces(&custom)?;
    let mut reader = Reader { rest: text, fields: Fields::default(), culture };
    let mut twelve_hours = false;
    for (index, piece) in pieces.iter().enumerate() {
        match piece {
            // The point before an optional fraction is optional too.
            Piece::Literal('.') if matches!(pieces.get(index + 1), Some(Piece::Letter('F', _))) => {
                reader.rest = reader.rest.strip_prefix('.').unwrap_or(reader.rest);
            }
            Piece::Literal(c) => reader.literal(*c)?,
            Piece::DateSeparator => {
                let rest = reader.rest;
                reader.rest = rest.strip_prefix(culture.date_separator).or_else(|| rest.strip_prefix('/'))?;
            }
            Piece::TimeSeparator => reader.literal(':')?,
            Piece::Letter(letter, count) => {
                twelve_hours |= *letter == 'h';
                reader.letter(*letter, *count)?;
            }
        }
    }
    let Reader { rest, mut fields, .. } = reader;
    if !rest.is_empty() {
        return None;
    }
    if twelve_hours && fields.afternoon.is_none() && fields.hour == Some(12) {
        fields.hour = Some(0);
    }
    if fields.year.is_none() {
        fields.year = Some(today.year().into());
        if fields.month.is_none() && fields.day.is_none() {
            (fields.month, fields.day) = (Some(today.month().into()), Some(today.day().into()));
        }
    }
    fields.date()
}

struct Reader<'a> {
    rest: &'a str,
    fields: Fields,
    culture: &'a Culture,
}

/// A field that is written twice must be the same both times.
fn set<T: PartialEq>(field: &mut Option<T>, value: T) -> Option<()> {
    let same = field.as_ref().is_none_or(|known| *known == value);
    *field = Some(value);
    same.then_some(())
}

impl<'a> Reader<'a> {
    fn literal(&mut self, c: char) -> Option<()> {
        self.rest = self.rest.strip_prefix(c)?;
        Some(())
    }

    fn digits(&mut self, least: usize, most: usize) -> Option<&'a str> {
        let length = self.rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at(length);
        self.rest = rest;
        (length >= least).then_some(digits)
    }

    /// A number of one or two digits, or of exactly as many as the format has letters.
    fn number(&mut self, letters: usize) -> Option<i64> {
        let digits = if letters == 1 { self.digits(1, 2) } else { self.digits(letters, letters) };
        digits?.parse().ok()
    }

    /// The index of the longest of the names that stands next, ignoring case.
    fn name(&mut self, names: impl Iterator<Item = String>) -> Option<usize> {
        let lower = self.rest.to_lowercase();
        let (index, name) = names
            .enumerate()
            .filter(|(_, name)| !name.is_empty() && lower.starts_with(&name.to_lowercase()))
            .max_by_key(|(_, name)| name.len())?;
        self.rest = self.rest.get(name.len()..)?;
        Some(index)
    }

    fn letter(&mut self, letter: char, count: usize) -> Option<()> {
        let culture = self.culture;
        match (letter, count) {
            ('d', 1 | 2) => {
                let day = self.number(count)?;
                set(&mut self.fields.day, day)
            }
            ('d', _) => {
                let name = |day| if count == 3 { culture.day_abbreviated(day) } else { culture.days[day] };
                let day = self.name((0..7).map(|day| name(day).to_owned()))?;
                set(&mut self.fields.weekday, day)
            }
            ('M', 1 | 2) => {
                let month = self.number(count)?;
                set(&mut self.fields.month, month)
            }
            ('M', _) => {
                let month = if count == 3 {
                    self.name((0..12).map(|month| culture.month_abbreviated(month)))?
                } else {
                    // The form beside a day and the form alone.
                    let names = [
                        |culture: &Culture, month: usize| culture.genitive(month),
                        |culture: &Culture, month: usize| culture.months[month],
                    ];
                    self.name((0..24).map(|index| names[index / 12](culture, index % 12).to_owned()))? % 12
                };
                set(&mut self.fields.month, i64::try_from(month + 1).ok()?)
            }
            ('y', 1 | 2) => {
                let year = two_digit_year(self.number(count)?);
                set(&mut self.fields.year, year)
            }
            ('y', _) => {
                let year = self.number(count)?;
                set(&mut self.fields.year, year)
            }
            ('h' | 'H', _) => {
                let hour = self.number(count.min(2)).filter(|hour| letter == 'H' || *hour <= 12)?;
                set(&mut self.fields.hour, hour)
            }
            ('m', _) => {
                self.fields.minute = self.number(count.min(2))?;
                Some(())
            }
            ('s', _) => {
                self.fields.second = self.number(count.min(2))?;
                Some(())
            }
            ('f' | 'F', _) => {
                let digits = self.digits(if letter == 'f' { count } else { 0 }, count)?;
                self.fields.fraction = fraction(digits)?;
                Some(())
            }
            ('t', _) => {
                let marks = [culture.am, culture.pm];
                let shown = marks.map(|mark| if count == 1 { mark.chars().take(1).collect() } else { mark.to_owned() });
                let afternoon = self.name(shown.into_iter())? == 1;
                set(&mut self.fields.afternoon, afternoon)
            }
            ('Z', _) => {
                self.literal('Z')?;
                set(&mut self.fields.offset, (Kind::Utc, 0))
            }
            ('K', _) => match self.rest.chars().next() {
                Some('Z' | 'z') => {
                    self.rest = &self.rest[1..];
                    set(&mut self.fields.offset, (Kind::Utc, 0))
                }
                Some('+' | '-') => self.offset(3),
                _ => Some(()),
            },
            ('z', _) => self.offset(count),
            ('g', _) => {
                self.rest = self.rest.strip_prefix("A.D.").or_else(|| self.rest.strip_prefix("AD"))?;
                Some(())
            }
            _ => None,
        }
    }

    /// `z` and `zz` are hours, `zzz` hours and minutes.
    fn offset(&mut self, letters: usize) -> Option<()> {
        let sign = self.rest.chars().next().filter(|sign| matches!(sign, '+' | '-'))?;
        self.rest = &self.rest[1..];
        let most = if letters < 3 { 2 } else { 5 };
        let length = self.rest.bytes().take(most).take_while(|byte| byte.is_ascii_digit() || *byte == b':').count();
        let (text, rest) = self.rest.split_at(length);
        self.rest = rest;
        set(&mut self.fields.offset, (Kind::Offset, offset(sign, text)?))
    }
}
