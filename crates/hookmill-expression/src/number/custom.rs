//! Custom formats of numbers, such as `#,##0.00;(#,##0.00);none`.
//!
//! A format has up to three sections: for positive numbers, for negative ones and for zero. Digits of the number fill
//! the places from both sides of the point; whatever is not a place or a mark is written as it stands.

use hookmill_model::Value;

use super::digits::{Digits, ends_group};
use crate::culture::Numbers;

/// Digits of a double that take part.
const DOUBLE_DIGITS: usize = 15;

/// The most zeros that an exponent is padded to.
const EXPONENT_WIDTH_MAX: usize = 10;

/// Something in a section.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mark {
    /// `0` or `#`
    Place,
    Point,
    Comma,
    Percent,
    PerMille,
    /// The letter, whether a plus is shown, the digits at least.
    Exponent(char, bool, usize),
    Literal(char),
}

/// One section, taken apart.
#[derive(Debug, Default)]
struct Section {
    marks: Vec<Mark>,
    /// Places on both sides of the point.
    places: i32,
    /// Places before the point.
    whole: i32,
    /// Places from the first `0` to the point: so many digits at least.
    whole_least: i32,
    /// Places from the point to the last `0`, negative.
    fraction_least: i32,
    grouped: bool,
    scientific: bool,
    /// What the marks `%`, `‰` and trailing commas do to the scale.
    shift: i32,
}

pub(super) fn format(value: &Value, format: &str, numbers: &Numbers) -> String {
    let sections = sections(format);
    let mut digits = Digits::of(value, Some(DOUBLE_DIGITS));
    let mut chosen = choose(&sections, if digits.is_zero() { 2 } else { usize::from(digits.negative) });
    let mut section = Section::of(sections[chosen]);
    if !digits.is_zero() {
        digits.scale = digits.scale.saturating_add(section.shift);
        let keep = if section.scientific { section.places } else { digits.scale + section.places - section.whole };
        digits.round(keep.into());
        // What was rounded to zero takes the section of zero, and has no sign.
        let other = choose(&sections, 2);
        if digits.is_zero() && other != chosen {
            chosen = other;
            section = Section::of(sections[other]);
        }
    }
    // The section of negative numbers says itself how they look.
    let sign = if digits.negative && chosen == 0 { "-" } else { "" };
    format!("{sign}{}", section.filled(&digits, numbers))
}

/// The sections, separated by semicolons that stand neither in quotes nor behind a backslash; the first three count.
fn sections(format: &str) -> Vec<&str> {
    let mut sections = Vec::with_capacity(3);
    let (mut begin, mut quote, mut escaped) = (0, None, false);
    for (at, c) in format.char_indices() {
        match c {
            _ if escaped => escaped = false,
            _ if quote == Some(c) => quote = None,
            _ if quote.is_some() => {}
            '\'' | '"' => quote = Some(c),
            '\\' => escaped = true,
            ';' if sections.len() < 3 => {
                sections.push(&format[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    if sections.len() < 3 {
        sections.push(&format[begin..]);
    }
    sections
}

/// The section of that number, or the first one where it is missing or empty.
fn choose(sections: &[&str], wanted: usize) -> usize {
    sections.get(wanted).filter(|section| !section.is_empty()).map_or(0, |_| wanted)
}

impl Section {
    fn of(format: &str) -> Self {
        let chars: Vec<char> = format.chars().collect();
        let mut made = Self::default();
        let (mut first_zero, mut last_zero, mut point) = (None, 0, None);
        // Where the last comma stood, and how many stood there.
        let mut commas: Option<(i32, i32)> = None;
        let mut at = 0;
        while at < chars.len() {
            let c = chars[at];
            at += 1;
            let mark = match c {
                '0' | '#' => {
                    if c == '0' {
                        first_zero.get_or_insert(made.places);
                        last_zero = made.places + 1;
                    }
                    made.places += 1;
                    Mark::Place
                }
                '.' => {
                    point.get_or_insert(made.places);
                    Mark::Point
                }
                ',' => {
                    if made.places > 0 && point.is_none() {
                        commas = match commas {
                            Some((place, count)) if place == made.places => Some((place, count + 1)),
                            before => {
                                made.grouped |= before.is_some();
                                Some((made.places, 1))
                            }
                        };
                    }
                    Mark::Comma
                }
                '%' => {
                    made.shift = made.shift.saturating_add(2);
                    Mark::Percent
                }
                '‰' => {
                    made.shift = made.shift.saturating_add(3);
                    Mark::PerMille
                }
                '\'' | '"' => {
                    let length = chars[at..].iter().position(|other| *other == c).unwrap_or(chars.len() - at);
                    made.marks.extend(chars[at..at + length].iter().map(|c| Mark::Literal(*c)));
                    at = (at + length + 1).min(chars.len());
                    continue;
                }
                '\\' => match chars.get(at) {
                    Some(c) => {
                        at += 1;
                        Mark::Literal(*c)
                    }
                    None => break,
                },
                'e' | 'E' => {
                    let signed = matches!(chars.get(at), Some('+' | '-'));
                    let zeros = chars[at + usize::from(signed)..].iter().take_while(|c| **c == '0').count();
                    if zeros == 0 || made.scientific {
                        // A second exponent is text, with its zeros.
                        let text = if zeros == 0 { 0 } else { usize::from(signed) + zeros };
                        made.marks.extend(chars[at - 1..at + text].iter().map(|c| Mark::Literal(*c)));
                        at += text;
                        continue;
                    }
                    let plus = chars[at] == '+';
                    at += usize::from(signed) + zeros;
                    made.scientific = true;
                    Mark::Exponent(c, plus, zeros.min(EXPONENT_WIDTH_MAX))
                }
                other => Mark::Literal(other),
            };
            made.marks.push(mark);
        }
        made.whole = point.unwrap_or(made.places);
        if let Some((place, count)) = commas {
            // Commas right before the point divide by a thousand each; others ask for groups.
            if place == made.whole {
                made.shift = made.shift.saturating_sub(count.saturating_mul(3));
            } else {
                made.grouped = true;
            }
        }
        made.whole_least = first_zero.map_or(0, |first| (made.whole - first).max(0));
        made.fraction_least = (made.whole - last_zero).min(0);
        made
    }

    /// The section with the digits in their places.
    fn filled(&self, digits: &Digits, numbers: &Numbers) -> String {
        let mut out = String::with_capacity(self.marks.len() + digits.digits.len());
        let mut next = digits.digits.iter().map(|digit| char::from(*digit)).peekable();
        // Digits to write before the point, places that stay empty (negative) or digits without a place (positive).
        let (mut left, mut surplus) =
            if self.scientific { (self.whole, 0) } else { (digits.scale.max(self.whole), digits.scale - self.whole) };
        let mut point_written = false;
        let push = |out: &mut String, digit: char, left: i32| {
            out.push(digit);
            let before_point = usize::try_from(left - 1).unwrap_or(0);
            if self.grouped && left > 1 && ends_group(before_point, numbers.group_sizes) {
                out.push_str(numbers.group);
            }
        };
        for mark in &self.marks {
            if matches!(mark, Mark::Place | Mark::Point) {
                while surplus > 0 {
                    push(&mut out, next.next().unwrap_or('0'), left);
                    left -= 1;
                    surplus -= 1;
                }
            }
            match *mark {
                Mark::Place => {
                    let digit = if surplus < 0 {
                        surplus += 1;
                        (left <= self.whole_least).then_some('0')
                    } else {
                        next.next().or_else(|| (left > self.fraction_least).then_some('0'))
                    };
                    if let Some(digit) = digit {
                        push(&mut out, digit, left);
                    }
                    left -= 1;
                }
                Mark::Point => {
                    let wanted = self.fraction_least < 0 || (self.whole < self.places && next.peek().is_some());
                    if left == 0 && !point_written && wanted {
                        out.push_str(numbers.point);
                        point_written = true;
                    }
                }
                Mark::Comma => {}
                Mark::Percent => out.push('%'),
                Mark::PerMille => out.push('‰'),
                Mark::Exponent(letter, plus, width) => {
                    let exponent = if digits.is_zero() { 0 } else { digits.scale - self.whole };
                    out.push(letter);
                    if exponent < 0 {
                        out.push('-');
                    } else if plus {
                        out.push('+');
                    }
                    out.push_str(&format!("{:0width$}", exponent.unsigned_abs()));
                }
                Mark::Literal(c) => out.push(c),
            }
        }
        out
    }
}
