//! .NET's date and time format strings.

use std::fmt::Write as _;

use super::{DateTime, Kind};
use crate::culture::Culture;

/// A piece of a custom format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A specifier letter and how often it stands.
    Letter(char, usize),
    /// The culture's separator of dates.
    DateSeparator,
    /// The culture's separator of times.
    TimeSeparator,
    Literal(char),
}

/// Takes a custom format apart; `None` where it is not one.
pub(super) fn pieces(format: &str) -> Option<Vec<Piece>> {
    let chars: Vec<char> = format.chars().collect();
    let mut pieces = Vec::with_capacity(chars.len());
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        match c {
            'd' | 'M' | 'y' | 'h' | 'H' | 'm' | 's' | 'f' | 'F' | 't' | 'K' | 'z' | 'g' => {
                let count = if c == 'K' { 1 } else { chars[at..].iter().take_while(|next| **next == c).count() };
                if matches!(c, 'f' | 'F') && count > 7 {
                    return None;
                }
                pieces.push(Piece::Letter(c, count));
                at += count;
                continue;
            }
            // Writing it is writing a letter; reading it says that the time is UTC.
            'Z' => pieces.push(Piece::Letter('Z', 1)),
            '/' => pieces.push(Piece::DateSeparator),
            ':' => pieces.push(Piece::TimeSeparator),
            '\'' | '"' => {
                let mut end = at + 1;
                while *chars.get(end)? != c {
                    if chars[end] == '\\' {
                        end += 1;
                    }
                    pieces.push(Piece::Literal(*chars.get(end)?));
                    end += 1;
                }
                at = end;
            }
            '\\' => {
                at += 1;
                pieces.push(Piece::Literal(*chars.get(at)?));
            }
            '%' => {
                // It marks a single specifier and disappears.
                if matches!(chars.get(at + 1), None | Some('%' | '\'' | '"' | '\\')) {
                    return None;
                }
            }
            other => pieces.push(Piece::Literal(other)),
        }
        at += 1;
    }
    Some(pieces)
}

/// The custom format that a standard one stands for; `None` for an unknown letter.
pub(super) fn standard(letter: char, culture: &Culture) -> Option<String> {
    Some(match letter {
        'd' => culture.short_date.to_owned(),
        'D' => culture.long_date.to_owned(),
        't' => culture.short_time.to_owned(),
        'T' => culture.long_time(),
        'f' => format!("{} {}", culture.long_date, culture.short_time),
        'F' | 'U' => format!("{} {}", culture.long_date, culture.long_time()),
        'g' => format!("{} {}", culture.short_date, culture.short_time),
        'G' => format!("{} {}", culture.short_date, culture.long_time()),
        'M' | 'm' => culture.month_day.to_owned(),
        'Y' | 'y' => culture.year_month.to_owned(),
        'o' | 'O' => "yyyy'-'MM'-'dd'T'HH':'mm':'ss'.'fffffffK".to_owned(),
        'R' | 'r' => "ddd, dd MMM yyyy HH':'mm':'ss 'GMT'".to_owned(),
        's' => "yyyy'-'MM'-'dd'T'HH':'mm':'ss".to_owned(),
        'u' => "yyyy'-'MM'-'dd HH':'mm':'ss'Z'".to_owned(),
        _ => return None,
    })
}

/// Writes a date; `None` for a format that is not one.
pub(crate) fn format(date: DateTime, format: &str, culture: &Culture) -> Option<String> {
    let mut letters = format.chars();
    let (custom, culture) = match (letters.next(), letters.next()) {
        (None, _) => (standard('G', culture)?, culture),
        (Some(letter), None) => {
            let invariant = matches!(letter, 'R' | 'r' | 'o' | 'O' | 's' | 'u');
            (standard(letter, culture)?, if invariant { Culture::english() } else { culture })
        }
        _ => (format.to_owned(), culture),
    };
    let pieces = pieces(&custom)?;
    let mut out = String::with_capacity(custom.len() + 16);
    // Slavic months take another form beside a day.
    let beside_day = pieces.iter().any(|piece| matches!(piece, Piece::Letter('d', 1 | 2)));
    for piece in &pieces {
        match piece {
            Piece::Literal(c) => out.push(*c),
            Piece::DateSeparator => out.push_str(culture.date_separator),
            Piece::TimeSeparator => out.push(':'),
            Piece::Letter(letter, count) => push_letter(&mut out, date, *letter, *count, beside_day, culture),
        }
    }
    Some(out)
}

fn push_letter(out: &mut String, date: DateTime, letter: char, count: usize, beside_day: bool, culture: &Culture) {
    let clock = date.clock;
    let month = usize::from(clock.month().unsigned_abs()).saturating_sub(1);
    let hour12 = match clock.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    let mut padded = |number: i64, width: usize| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{number:0width$}");
    };
    match (letter, count) {
        ('d', 1 | 2) => padded(clock.day().into(), count),
        ('d', 3) => out.push_str(culture.day_abbreviated(date.weekday())),
        ('d', _) => out.push_str(culture.days[date.weekday()]),
        ('M', 1 | 2) => padded(clock.month().into(), count),
        ('M', 3) => out.push_str(&culture.month_abbreviated(month)),
        ('M', _) => out.push_str(if beside_day { culture.genitive(month) } else { culture.months[month] }),
        ('y', 1 | 2) => padded((clock.year() % 100).into(), count),
        ('y', _) => padded(clock.year().into(), count),
        ('h', _) => padded(hour12.into(), count.min(2)),
        ('H', _) => padded(clock.hour().into(), count.min(2)),
        ('m', _) => padded(clock.minute().into(), count.min(2)),
        ('s', _) => padded(clock.second().into(), count.min(2)),
        ('f' | 'F', _) => {
            let digits = format!("{:07}", date.fraction());
            let digits = digits.get(..count).unwrap_or(&digits);
            if letter == 'f' {
                out.push_str(digits);
                return;
            }
            match digits.trim_end_matches('0') {
                "" if out.ends_with('.') => {
                    out.pop();
                }
                digits => out.push_str(digits),
            }
        }
        ('t', _) => {
            let half = if clock.hour() < 12 { culture.am } else { culture.pm };
            if count == 1 { out.extend(half.chars().take(1)) } else { out.push_str(half) }
        }
        ('K', _) => out.push_str(match date.kind {
            Kind::Utc => "Z",
            Kind::Offset => "+00:00",
            Kind::Unspecified => "",
        }),
        ('z', 1) => out.push_str("+0"),
        ('z', 2) => out.push_str("+00"),
        ('z', _) => out.push_str("+00:00"),
        ('g', _) => out.push_str("A.D."),
        ('Z', _) => out.push('Z'),
        _ => {}
    }
}
