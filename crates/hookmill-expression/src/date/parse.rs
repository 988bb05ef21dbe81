//! Reading dates: ISO 8601, and what .NET's `DateTime.Parse` takes in a culture.

use jiff::civil;

use super::span::TICKS_PER_SECOND;
use super::{DateTime, Kind};
use crate::culture::Culture;

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
pub(super) struct Fields {
    pub year: Option<i64>,
    pub month: Option<i64>,
    pub day: Option<i64>,
    pub hour: Option<i64>,
    pub minute: i64,
    pub second: i64,
    /// 100-ns units.
    pub fraction: i64,
    /// Whether the afternoon is meant.
    pub afternoon: Option<bool>,
    pub weekday: Option<usize>,
    /// Seconds east of UTC; 0 with `Z`.
    pub offset: Option<(Kind, i64)>,
}

impl Fields {
    pub fn date(&self) -> Option<DateTime> {
        let hour = match (self.hour.unwrap_or(0), self.afternoon) {
            (12, Some(false)) => 0,
            (13.., Some(false)) => return None,
            (hour @ 0..=11, Some(true)) => hour + 12,
            (hour, _) => hour,
        };
        let date = civil::Date::new(
            i16::try_from(self.year?).ok()?,
            i8::try_from(self.month.unwrap_or(1)).ok()?,
            i8::try_from(self.day.unwrap_or(1)).ok()?,
        )
        .ok()?;
        let (hour, minute) = (i8::try_from(hour).ok()?, i8::try_from(self.minute).ok()?);
        let time = civil::Time::new(hour, minute, i8::try_from(self.second).ok()?, 0).ok()?;
        let (kind, seconds) = self.offset.unwrap_or((Kind::Unspecified, 0));
        let made = DateTime::new(date.to_datetime(time), kind)?;
        if self.weekday.is_some_and(|weekday| weekday != made.weekday()) {
            return None;
        }
        // The fraction may have been rounded up to a whole second.
        made.plus(i128::from(self.fraction) - i128::from(seconds) * TICKS_PER_SECOND)
    }
}

/// A fraction as 100-ns units; further digits round.
pub(super) fn fraction(digits: &str) -> Option<i64> {
    let mut eight = digits.chars().chain("00000000".chars()).take(8);
    let seven: String = eight.by_ref().take(7).collect();
    let up = eight.next().is_some_and(|digit| digit >= '5');
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| seven.parse::<i64>().ok())
        .flatten()
        .map(|seven| seven + i64::from(up))
}

/// `±hh:mm`, `±hhmm` or `±hh` as seconds.
pub(super) fn offset(sign: char, text: &str) -> Option<i64> {
    let (hours, minutes) = match text.split_once(':') {
        Some(parts) => parts,
        None => text.split_at_checked(text.len().checked_sub(2).filter(|hours| *hours > 0).unwrap_or(text.len()))?,
    };
    let number = |text: &str| -> Option<i64> {
        let plain = matches!(text.len(), 1 | 2) && text.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| text.parse().ok()).flatten()
    };
    let minutes = if minutes.is_empty() && !text.contains(':') { 0 } else { number(minutes)? };
    let seconds = number(hours)? * 3_600 + minutes * 60;
    if minutes > 59 || seconds > 14 * 3_600 {
        return None;
    }
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
            chars[from.min(chars.len())..].iter().copied().take_while(|c| accept(*c)).collect()
        };
        let digit = |c: char| c.is_ascii_digit();
        // A `/` or `-` must stand between two parts of the date.
        let mut joined = true;
        while at < chars.len() {
            let c = chars[at];
            if c.is_ascii_digit() {
                joined = false;
                let digits = run(at, &digit);
                if digits.len() > 5 {
                    return None;
                }
                at += digits.len();
                let number: i64 = digits.parse().ok()?;
                if chars.get(at) == Some(&':') && made.fields.hour.is_none() && digits.len() <= 2 {
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
            } else if matches!(c, 'T' | 't') && made.is_iso_date() && made.fields.hour.is_none() {
                made.iso_time(&chars[at + 1..])?;
                return Some(made);
            } else if c.is_whitespace() || matches!(c, '.' | ',' | '年' | '月' | '日') {
                at += 1;
            } else if c.is_alphabetic() {
                joined = false;
                let mut word = run(at, &|c: char| c.is_alphabetic() || c == '\'');
                // `segunda-feira`, but not `5-Feb-2024`
                let long = run(at, &|c: char| c.is_alphabetic() || c == '-');
                if culture.day_named(&long).is_some() {
                    word = long;
                }
                at += word.chars().count();
                let dotted = run(at, &|c| c == '.' || c == '\u{a0}' || c.is_alphabetic());
                let whole = format!("{word}{dotted}");
                if half(&whole, culture).is_some() {
                    at += dotted.chars().count();
                    word = whole;
                }
                made.word(&word, culture)?;
            } else if c == '+' || (c == '-' && made.is_complete()) {
                let text = run(at + 1, &|c| c.is_ascii_digit() || c == ':');
                at += 1 + text.len();
                if made.fields.offset.is_some() || made.numbers.is_empty() {
                    return None;
                }
                made.fields.offset = Some((Kind::Offset, offset(c, &text)?));
            } else if matches!(c, '/' | '-') {
                if joined {
                    return None;
                }
                joined = true;
                at += 1;
            } else {
                return None;
            }
        }
        (!joined).then_some(made)
    }

    /// Whether it began as `yyyy-MM-dd` does.
    fn is_iso_date(&self) -> bool {
        self.numbers.len() == 3 && self.numbers[0].1 == 4
    }

    /// Whether a day of a year was read, so that what follows is not part of the date.
    fn is_complete(&self) -> bool {
        self.fields.hour.is_some() || self.numbers.len() + usize::from(self.fields.month.is_some()) >= 3
    }

    /// Reads `HH:mm[:ss[.fffffff]]` and `Z` or an offset behind the `T` of ISO 8601, to the end.
    fn iso_time(&mut self, rest: &[char]) -> Option<()> {
        let text: String = rest.iter().collect();
        let text = text.trim_start();
        let two = |text: &str| -> Option<i64> {
            let digits = text.get(..2)?;
            digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
        };
        self.fields.hour = Some(two(text)?);
        self.fields.minute = two(text.get(2..)?.strip_prefix(':')?)?;
        let mut text = text.get(5..)?;
        if let Some(seconds) = text.strip_prefix(':') {
            self.fields.second = two(seconds)?;
            text = seconds.get(2..)?;
            if let Some(digits) = text.strip_prefix('.') {
                let length = digits.bytes().take_while(u8::is_ascii_digit).count();
                self.fields.fraction = fraction(digits.get(..length).filter(|digits| !digits.is_empty())?)?;
                text = &digits[length..];
            }
        }
        let text = text.trim_start();
        self.fields.offset = match text.chars().next() {
            None => None,
            Some('Z' | 'z') if text.len() == 1 => Some((Kind::Utc, 0)),
            Some(sign @ ('+' | '-')) => Some((Kind::Offset, offset(sign, &text[1..])?)),
            Some(_) => return None,
        };
        Some(())
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
            if chars.get(at) == Some(&'.') && chars.get(at + 1).is_some_and(char::is_ascii_digit) {
                let digits: String = chars[at + 1..].iter().take_while(|c| c.is_ascii_digit()).collect();
                at += 1 + digits.len();
                self.fields.fraction = fraction(&digits)?;
            }
        }
        // The date stands before the time or behind it, not around it.
        let before = !self.numbers.is_empty() || self.fields.month.is_some();
        let after = chars[at..].iter().position(char::is_ascii_digit);
        let offset = after.and_then(|after| chars[at..at + after].last()).is_some_and(|c| matches!(c, '+' | '-'));
        (!before || after.is_none() || offset).then_some(at)
    }

    fn word(&mut self, word: &str, culture: &Culture) -> Option<()> {
        let english = Culture::english();
        if !self.numbers.is_empty() && ["z", "gmt"].contains(&word.to_ascii_lowercase().as_str()) {
            let free = self.fields.offset.is_none();
            self.fields.offset = Some((Kind::Utc, 0));
            return free.then_some(());
        }
        if let Some(afternoon) = half(word, culture).filter(|_| self.fields.hour.is_some()) {
            let free = self.fields.afternoon.is_none();
            self.fields.afternoon = Some(afternoon);
            return free.then_some(());
        }
        for culture in [culture, english] {
            if let Some(month) = culture.month_named(word) {
                let free = self.fields.month.is_none();
                self.fields.month = i64::try_from(month + 1).ok();
                return free.then_some(());
            }
            if let Some(day) = culture.day_named(word) {
                self.fields.weekday = Some(day);
                return Some(());
            }
        }
        // Particles of long dates.
        ["de", "den"].contains(&word).then_some(())
    }

    fn date(mut self, culture: &Culture) -> Option<DateTime> {
        let year = |(number, digits): (i64, usize)| match (number, digits) {
            (_, 1 | 2) => Some(two_digit_year(number)),
            (1..=9_999, _) => Some(number),
            _ => None,
        };
        let short = |(number, digits): (i64, usize)| (digits <= 2).then_some(number);
        match (self.fields.month.is_some(), &self.numbers[..]) {
            (true, [a, b]) => {
                // The day stands beside the month; a long number is the year wherever it stands.
                let (day, written_year) = if a.1 > 2 { (b, a) } else { (a, b) };
                self.fields.day = short(*day);
                self.fields.day?;
                self.fields.year = year(*written_year);
            }
            (true, [only]) if only.1 > 2 => self.fields.year = year(*only),
            (false, [a, b, c]) => {
                let order = match culture.order() {
                    _ if a.1 > 2 => ['y', 'M', 'd'],
                    ['y', ..] if c.1 > 2 => ['M', 'd', 'y'],
                    order => order,
                };
                for (letter, number) in order.into_iter().zip([a, b, c]) {
                    match letter {
                        'y' => self.fields.year = Some(year(*number)?),
                        'M' => self.fields.month = Some(short(*number)?),
                        _ => self.fields.day = Some(short(*number)?),
                    }
                }
            }
            (false, [a, b]) if a.1 > 2 || b.1 > 2 => {
                let (written_year, month) = if a.1 > 2 { (a, b) } else { (b, a) };
                self.fields.year = year(*written_year);
                self.fields.month = Some(short(*month)?);
            }
            _ => return None,
        }
        self.fields.date()
    }
}

/// The year that two digits mean: from 1930 to 2029, as .NET's calendar has it.
pub(super) fn two_digit_year(number: i64) -> i64 {
    if number <= 29 { 2_000 + number } else { 1_900 + number }
}

/// Whether a word is the mark of the afternoon (`true`) or of the morning.
fn half(word: &str, culture: &Culture) -> Option<bool> {
    let plain = |mark: &str| mark.replace('\u{a0}', " ").trim_end_matches('.').to_lowercase();
    let word = plain(word);
    let is = |mark: &str| !word.is_empty() && plain(mark) == word;
    if is(culture.pm) || is("PM") {
        return Some(true);
    }
    (is(culture.am) || is("AM")).then_some(false)
}
