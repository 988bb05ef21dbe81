//! Reading dates: ISO 8601, what .NET's `DateTime.Parse` takes in a culture, and exactly by a format.

use jiff::civil;

use super::culture::Culture;
use super::format::{self, Piece};
use super::span::TICKS_PER_SECOND;
use super::{DateTime, Kind};

/// Reads a timestamp argument; `None` where it is not a date.
pub(super) fn parse(text: &str, culture: &Culture) -> Option<DateTime> {
    let text = text.trim();
    if text.is_empty() || text.len() > 200 {
        return None;
    }
    Words::of(text, culture)?.date(culture)
}

/// Everything that can be found in a written date.
#[derive(Default)]
struct Fields {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    hour: Option<i64>,
    minute: i64,
    second: i64,
    /// 100-ns units.
    fraction: i64,
    /// Whether the afternoon is meant.
    afternoon: Option<bool>,
    weekday: Option<usize>,
    /// Seconds east of UTC; 0 with `Z`.
    offset: Option<(Kind, i64)>,
}

impl Fields {
    fn date(&self) -> Option<DateTime> {
        let hour = match (self.hour.unwrap_or(0), self.afternoon) {
            (hour, None) => hour,
            (hour @ 1..=12, Some(afternoon)) => hour % 12 + if afternoon { 12 } else { 0 },
            _ => return None,
        };
        let date = civil::Date::new(
            i16::try_from(self.year?).ok()?,
            i8::try_from(self.month.unwrap_or(1)).ok()?,
            i8::try_from(self.day.unwrap_or(1)).ok()?,
        )
        .ok()?;
        let midnight = hour == 24 && self.minute == 0 && self.second == 0 && self.fraction == 0;
        let time = civil::Time::new(
            if midnight { 0 } else { i8::try_from(hour).ok()? },
            i8::try_from(self.minute).ok()?,
            i8::try_from(self.second).ok()?,
            i32::try_from(self.fraction * 100).ok()?,
        )
        .ok()?;
        let (kind, seconds) = self.offset.unwrap_or((Kind::Unspecified, 0));
        let made = DateTime::new(date.to_datetime(time), kind)?;
        if self.weekday.is_some_and(|weekday| weekday != made.weekday()) {
            return None;
        }
        let days = if midnight { 86_400 } else { 0 };
        made.plus(i128::from(days - seconds) * TICKS_PER_SECOND)
    }
}

/// Up to seven digits of a fraction, as 100-ns units; further digits are dropped.
fn fraction(digits: &str) -> Option<i64> {
    let seven: String = digits.chars().chain("0000000".chars()).take(7).collect();
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| seven.parse().ok()).flatten()
}

/// `±hh:mm`, `±hhmm` or `±hh` as seconds.
fn offset(sign: char, text: &str) -> Option<i64> {
    let digits: String = text.chars().filter(|c| *c != ':').collect();
    if !matches!(digits.len(), 1 | 2 | 4) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes) = digits.split_at(digits.len().min(2));
    let hours: i64 = hours.parse().ok()?;
    let minutes: i64 = if minutes.is_empty() { 0 } else { minutes.parse().ok()? };
    if hours > 14 || minutes > 59 {
        return None;
    }
    let seconds = hours * 3_600 + minutes * 60;
    Some(if sign == '-' { -seconds } else { seconds })
}

/// A written date, taken apart: words and the time are understood, the numbers wait for their order.
#[derive(Default)]
struct Words {
    fields: Fields,
    numbers: Vec<(i64, usize)>,
}

impl Words {
    fn of(text: &str, culture: &Culture) -> Option<Self> {
        let mut made = Self::default();
        let chars: Vec<char> = text.chars().collect();
        let mut at = 0;
        let run = |from: usize, accept: &dyn Fn(char) -> bool| -> String {
            chars[from..].iter().copied().take_while(|c| accept(*c)).collect()
        };
        let digit = |c: char| c.is_ascii_digit();
        while at < chars.len() {
            let c = chars[at];
            if c.is_ascii_digit() {
                let digits = run(at, &digit);
                if digits.len() > 9 {
                    return None;
                }
                at += digits.len();
                let number: i64 = digits.parse().ok()?;
                if chars.get(at) == Some(&':') && made.fields.hour.is_none() {
                    at = made.time(&chars, at, number)?;
                    continue;
                }
                // `9 PM` without minutes
                let blanks = run(at, &char::is_whitespace).len();
                let word = run(at + blanks, &char::is_alphabetic);
                if made.fields.hour.is_none() && half(&word, culture).is_some() {
                    made.fields.hour = Some(number);
                    continue;
                }
                made.numbers.push((number, digits.len()));
            } else if c.is_alphabetic() {
                let word = run(at, &|c: char| c.is_alphabetic() || c == '-' || c == '\'');
                // `2024-02-05T14:07`
                let iso = matches!(c, 'T' | 't')
                    && !made.numbers.is_empty()
                    && chars.get(at + 1).is_some_and(char::is_ascii_digit);
                if iso {
                    at += 1;
                    continue;
                }
                let dotted = chars.get(at + word.chars().count()) == Some(&'.');
                at += word.chars().count() + usize::from(dotted);
                made.word(&word, culture)?;
            } else if matches!(c, '+' | '-') && made.fields.hour.is_some() {
                let text = run(at + 1, &|c| c.is_ascii_digit() || c == ':');
                at += 1 + text.len();
                if made.fields.offset.is_some() {
                    return None;
                }
                made.fields.offset = Some((Kind::Offset, offset(c, &text)?));
            } else if c.is_whitespace() || matches!(c, '/' | '-' | '.' | ',' | '年' | '月' | '日') {
                at += 1;
            } else {
                return None;
            }
        }
        Some(made)
    }

    /// Reads `:mm[:ss[.fffffff]]` behind the hour; gives the place behind it.
    fn time(&mut self, chars: &[char], mut at: usize, hour: i64) -> Option<usize> {
        let two = |from: usize| -> Option<(i64, usize)> {
            let digits: String = chars.get(from..)?.iter().take_while(|c| c.is_ascii_digit()).take(3).collect();
            ((1..=2).contains(&digits.len())).then(|| Some((digits.parse().ok()?, from + digits.len()))).flatten()
        };
        self.fields.hour = Some(hour);
        (self.fields.minute, at) = two(at + 1)?;
        if chars.get(at) == Some(&':') {
            (self.fields.second, at) = two(at + 1)?;
            if matches!(chars.get(at), Some('.' | ',')) && chars.get(at + 1).is_some_and(char::is_ascii_digit) {
                let digits: String = chars[at + 1..].iter().take_while(|c| c.is_ascii_digit()).collect();
                at += 1 + digits.len();
                self.fields.fraction = fraction(&digits)?;
            }
        }
        Some(at)
    }

    fn word(&mut self, word: &str, culture: &Culture) -> Option<()> {
        let english = Culture::english();
        if self.fields.hour.is_some() && ["z", "gmt", "utc"].contains(&word.to_ascii_lowercase().as_str()) {
            let free = self.fields.offset.is_none();
            self.fields.offset = Some((Kind::Utc, 0));
            return free.then_some(());
        }
        if let Some(afternoon) = half(word, culture).filter(|_| self.fields.hour.is_some()) {
            let free = self.fields.afternoon.is_none();
            self.fields.afternoon = Some(afternoon);
            return free.then_some(());
        }
        if let Some(month) = culture.month_named(word).or_else(|| english.month_named(word)) {
            let free = self.fields.month.is_none();
            self.fields.month = i64::try_from(month + 1).ok();
            return free.then_some(());
        }
        if let Some(day) = culture.day_named(word).or_else(|| english.day_named(word)) {
            self.fields.weekday = Some(day);
            return Some(());
        }
        // Particles of long dates.
        ["de", "den"].contains(&word).then_some(())
    }

    fn date(mut self, culture: &Culture) -> Option<DateTime> {
        let year = |(number, digits): (i64, usize)| match (number, digits) {
            (0..=49, 1 | 2) => Some(2_000 + number),
            (50..=99, 1 | 2) => Some(1_900 + number),
            (1..=9_999, 3 | 4) => Some(number),
            _ => None,
        };
        match (self.fields.month.is_some(), &self.numbers[..]) {
            (true, [a, b]) => {
                // The day stands beside the month; a long number is the year wherever it stands.
                let (day, written_year) = if a.1 > 2 { (b, a) } else { (a, b) };
                self.fields.day = Some(day.0);
                self.fields.year = year(*written_year);
            }
            (true, [only]) if only.1 > 2 => self.fields.year = year(*only),
            (false, [a, b, c]) => {
                let order = if a.1 > 2 { ['y', 'M', 'd'] } else { culture.order() };
                for (letter, number) in order.into_iter().zip([a, b, c]) {
                    match letter {
                        'y' => self.fields.year = year(*number),
                        'M' => self.fields.month = Some(number.0),
                        _ => self.fields.day = Some(number.0),
                    }
                }
            }
            (false, [a, b]) if a.1 == 4 => {
                (self.fields.year, self.fields.month) = (year(*a), Some(b.0));
            }
            _ => return None,
        }
        self.fields.date()
    }
}

/// Whether a word is the mark of the afternoon (`true`) or of the morning.
fn half(word: &str, culture: &Culture) -> Option<bool> {
    let lower = word.to_lowercase();
    let is = |mark: &str| !lower.is_empty() && mark.trim_end_matches('.').to_lowercase() == lower;
    if is(culture.pm) || is("PM") || is("P") {
        return Some(true);
    }
    (is(culture.am) || is("AM") || is("A")).then_some(false)
}

/// Reads a date exactly as `format` writes it; `None` where the text differs or the format is not one.
pub(super) fn parse_exact(text: &str, format: &str, culture: &Culture) -> Option<DateTime> {
    let mut letters = format.chars();
    let custom = match (letters.next(), letters.next()) {
        (Some(letter), None) => format::standard(letter, culture)?,
        _ => format.to_owned(),
    };
    let pieces = format::pieces(&custom)?;
    let mut fields = Fields::default();
    let mut rest = text.trim();
    for piece in &pieces {
        match piece {
            Piece::Literal(c) => rest = rest.strip_prefix(*c)?,
            Piece::DateSeparator => {
                rest = rest.strip_prefix(culture.date_separator).or_else(|| rest.strip_prefix('/'))?;
            }
            Piece::TimeSeparator => rest = rest.strip_prefix(':')?,
            Piece::Letter(letter, count) => rest = letter_read(rest, *letter, *count, culture, &mut fields)?,
        }
    }
    if !rest.is_empty() {
        return None;
    }
    // A time without a date is of the first day, so that reading it does not depend on the clock.
    fields.year.get_or_insert(1);
    fields.date()
}

/// The longest of the names that `text` begins with, ignoring case: its index and what follows.
fn name(text: &str, names: impl Iterator<Item = String>) -> Option<(usize, &str)> {
    let lower = text.to_lowercase();
    names
        .enumerate()
        .filter(|(_, name)| !name.is_empty() && lower.starts_with(&name.to_lowercase()))
        .max_by_key(|(_, name)| name.len())
        .and_then(|(index, name)| Some((index, text.get(name.len()..)?)))
}

fn letter_read<'a>(
    text: &'a str,
    letter: char,
    count: usize,
    culture: &Culture,
    fields: &mut Fields,
) -> Option<&'a str> {
    let digits = |least: usize, most: usize| -> Option<(i64, &'a str, &'a str)> {
        let length = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
        (length >= least).then(|| Some((text[..length].parse().ok()?, &text[..length], &text[length..]))).flatten()
    };
    let width = |count: usize| if count == 1 { digits(1, 2) } else { digits(2, 2) };
    Some(match (letter, count) {
        ('d', 1 | 2) => {
            let (number, _, rest) = width(count)?;
            fields.day = Some(number);
            rest
        }
        ('d', _) => {
            let (day, rest) = name(
                text,
                (0..7).map(|day| match count {
                    3 => culture.day_abbreviated(day).to_owned(),
                    _ => culture.days[day].to_owned(),
                }),
            )?;
            fields.weekday = Some(day);
            rest
        }
        ('M', 1 | 2) => {
            let (number, _, rest) = width(count)?;
            fields.month = Some(number);
            rest
        }
        ('M', _) => {
            let plain = name(
                text,
                (0..12).map(|month| match count {
                    3 => culture.month_abbreviated(month),
                    _ => culture.months[month].to_owned(),
                }),
            );
            let (month, rest) =
                plain.or_else(|| name(text, (0..12).map(|month| culture.genitive(month).to_owned())))?;
            fields.month = i64::try_from(month + 1).ok();
            rest
        }
        ('y', 1 | 2) => {
            let (number, _, rest) = width(count)?;
            fields.year = Some(if number < 50 { 2_000 + number } else { 1_900 + number });
            rest
        }
        ('y', _) => {
            let (number, _, rest) = digits(count.min(4), count.max(4))?;
            fields.year = Some(number);
            rest
        }
        ('h' | 'H', _) => {
            let (number, _, rest) = width(count.min(2))?;
            if letter == 'h' && !(1..=12).contains(&number) {
                return None;
            }
            fields.hour = Some(number);
            rest
        }
        ('m', _) => {
            let (number, _, rest) = width(count.min(2))?;
            fields.minute = number;
            rest
        }
        ('s', _) => {
            let (number, _, rest) = width(count.min(2))?;
            fields.second = number;
            rest
        }
        ('f', _) => {
            let (_, text, rest) = digits(count, count)?;
            fields.fraction = fraction(text)?;
            rest
        }
        ('F', _) => {
            let (_, text, rest) = digits(0, count).unwrap_or((0, "", text));
            fields.fraction = fraction(text)?;
            rest
        }
        ('t', _) => {
            let marks = [culture.am, culture.pm];
            let shown = marks.map(|mark| if count == 1 { mark.chars().take(1).collect() } else { mark.to_owned() });
            let (index, rest) = name(text, shown.into_iter())?;
            fields.afternoon = Some(index == 1);
            rest
        }
        ('K' | 'z', _) => {
            if let Some(rest) = text.strip_prefix(['Z', 'z']).filter(|_| letter == 'K') {
                fields.offset = Some((Kind::Utc, 0));
                return Some(rest);
            }
            match text.chars().next() {
                Some(sign @ ('+' | '-')) => {
                    let length =
                        text[1..].bytes().take(5).take_while(|byte| byte.is_ascii_digit() || *byte == b':').count();
                    fields.offset = Some((Kind::Offset, offset(sign, &text[1..1 + length])?));
                    &text[1 + length..]
                }
                _ if letter == 'K' => text,
                _ => return None,
            }
        }
        ('g', _) => text.strip_prefix("A.D.")?,
        _ => return None,
    })
}
