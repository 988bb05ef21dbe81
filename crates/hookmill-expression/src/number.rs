//! Numbers as text: .NET's format strings, and reading numbers the way .NET does.

use hookmill_model::Value;
use rust_decimal::{Decimal, RoundingStrategy};

use crate::evaluate::{Arguments, Result};
use crate::item::{Item, decimal};

/// How a culture writes numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Culture {
    name: &'static str,
    point: &'static str,
    group: &'static str,
    symbol: &'static str,
    /// Currency before the number, without a blank where it is one character; otherwise behind, after a blank.
    symbol_first: bool,
}

const NBSP: &str = "\u{a0}";
const THIN: &str = "\u{202f}";

const CULTURES: &[Culture] = &[
    Culture { name: "en-US", point: ".", group: ",", symbol: "$", symbol_first: true },
    Culture { name: "en-GB", point: ".", group: ",", symbol: "£", symbol_first: true },
    Culture { name: "en-CA", point: ".", group: ",", symbol: "$", symbol_first: true },
    Culture { name: "en-AU", point: ".", group: ",", symbol: "$", symbol_first: true },
    Culture { name: "en-IN", point: ".", group: ",", symbol: "₹", symbol_first: true },
    Culture { name: "de-DE", point: ",", group: ".", symbol: "€", symbol_first: false },
    Culture { name: "de-AT", point: ",", group: NBSP, symbol: "€", symbol_first: true },
    Culture { name: "de-CH", point: ".", group: "’", symbol: "CHF", symbol_first: true },
    Culture { name: "fr-FR", point: ",", group: THIN, symbol: "€", symbol_first: false },
    Culture { name: "es-ES", point: ",", group: ".", symbol: "€", symbol_first: false },
    Culture { name: "it-IT", point: ",", group: ".", symbol: "€", symbol_first: false },
    Culture { name: "nl-NL", point: ",", group: ".", symbol: "€", symbol_first: true },
    Culture { name: "pt-BR", point: ",", group: ".", symbol: "R$", symbol_first: true },
    Culture { name: "pt-PT", point: ",", group: NBSP, symbol: "€", symbol_first: false },
    Culture { name: "pl-PL", point: ",", group: NBSP, symbol: "zł", symbol_first: false },
    Culture { name: "sv-SE", point: ",", group: NBSP, symbol: "kr", symbol_first: false },
    Culture { name: "da-DK", point: ",", group: ".", symbol: "kr.", symbol_first: false },
    Culture { name: "nb-NO", point: ",", group: NBSP, symbol: "kr", symbol_first: false },
    Culture { name: "fi-FI", point: ",", group: NBSP, symbol: "€", symbol_first: false },
    Culture { name: "is-IS", point: ",", group: ".", symbol: "kr", symbol_first: false },
    Culture { name: "cs-CZ", point: ",", group: NBSP, symbol: "Kč", symbol_first: false },
    Culture { name: "ru-RU", point: ",", group: NBSP, symbol: "₽", symbol_first: false },
    Culture { name: "tr-TR", point: ",", group: ".", symbol: "₺", symbol_first: true },
    Culture { name: "ja-JP", point: ".", group: ",", symbol: "￥", symbol_first: true },
    Culture { name: "zh-CN", point: ".", group: ",", symbol: "¥", symbol_first: true },
    Culture { name: "ko-KR", point: ".", group: ",", symbol: "₩", symbol_first: true },
];

impl Default for Culture {
    fn default() -> Self {
        CULTURES[0]
    }
}

impl Culture {
    /// Finds a culture by its name (`de-DE`) or its language alone (`de`), ignoring case.
    pub fn find(name: &str) -> Option<Self> {
        let wanted = name.to_ascii_lowercase();
        CULTURES
            .iter()
            .find(|culture| culture.name.eq_ignore_ascii_case(&wanted))
            .or_else(|| CULTURES.iter().find(|culture| wanted.len() == 2 && culture.name.starts_with(&wanted)))
            .copied()
    }
}

/// Removes the marks that .NET's `NumberStyles.Any` allows; gives sign and plain digits with `.` and exponent.
fn plain(text: &str, culture: Culture) -> Option<(bool, String)> {
    let mut rest = text.trim();
    let mut negative = false;
    if let Some(inner) = rest.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        negative = true;
        rest = inner.trim();
    }
    let mut signs = usize::from(negative);
    let mut symbols = 0;
    loop {
        let before = rest;
        rest = rest.trim();
        for (sign, minus) in [('-', true), ('+', false)] {
            if let Some(inner) = rest.strip_prefix(sign).or_else(|| rest.strip_suffix(sign)) {
                (rest, negative, signs) = (inner, minus, signs + 1);
            }
        }
        if let Some(inner) = rest.strip_prefix(culture.symbol).or_else(|| rest.strip_suffix(culture.symbol)) {
            (rest, symbols) = (inner, symbols + 1);
        }
        if rest == before {
            break;
        }
    }
    if signs > 1 || symbols > 1 {
        return None;
    }
    let mut digits = String::with_capacity(rest.len());
    let mut seen_point = false;
    let mut seen_digit = false;
    let mut at = 0;
    while at < rest.len() {
        let here = &rest[at..];
        let c = here.chars().next()?;
        if c.is_ascii_digit() {
            digits.push(c);
            seen_digit = true;
        } else if !seen_point && here.starts_with(culture.point) {
            digits.push('.');
            seen_point = true;
            at += culture.point.len();
            continue;
        } else if !seen_point
            && seen_digit
            && (here.starts_with(culture.group) || (is_blank(culture.group) && is_blank(&here[..c.len_utf8()])))
        {
            at += if here.starts_with(culture.group) { culture.group.len() } else { c.len_utf8() };
            continue;
        } else if matches!(c, 'e' | 'E') && seen_digit {
            let exponent = &here[1..];
            let bare = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if bare.is_empty() || bare.len() > 4 || !bare.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            digits.push('e');
            digits.push_str(exponent);
            return Some((negative, digits));
        } else {
            return None;
        }
        at += c.len_utf8();
    }
    seen_digit.then_some((negative, digits))
}

fn is_blank(text: &str) -> bool {
    matches!(text, " " | NBSP | THIN)
}

/// Reads a double as .NET's `double.Parse` with `NumberStyles.Any` does.
pub(crate) fn parse_float(text: &str, culture: Culture) -> Option<f64> {
    let (negative, digits) = plain(text, culture)?;
    let number: f64 = digits.parse().ok()?;
    number.is_finite().then_some(if negative { -number } else { number })
}

/// Reads an exact decimal in the same forms.
pub(crate) fn parse_decimal(text: &str, culture: Culture) -> Option<Decimal> {
    let (negative, digits) = plain(text, culture)?;
    let number = if digits.contains('e') {
        Decimal::from_scientific(&digits).ok()?
    } else {
        let digits = digits.strip_suffix('.').unwrap_or(&digits);
        let digits = if digits.starts_with('.') { format!("0{digits}") } else { digits.to_owned() };
        digits.parse().ok()?
    };
    Some(if negative { -number } else { number })
}

/// Reads a 64-bit integer: sign, digits, white space around.
pub(crate) fn parse_int(text: &str) -> Option<i64> {
    text.trim().parse().ok()
}

pub(crate) fn format_number(a: &Arguments) -> Result<Item> {
    let value = match a.item(0) {
        Item::Value(value) if value.as_f64().is_some() => value.clone(),
        _ => return Err(a.invalid(0, "a number")),
    };
    let format = a.string(1)?;
    let culture = match a.optional_string(2)? {
        None => Culture::default(),
        Some(name) => Culture::find(&name).ok_or_else(|| a.refuse(format!("'{name}' is not a known locale")))?,
    };
    let text = format_value(&value, &format, culture);
    a.made(text.ok_or_else(|| a.refuse(format!("'{format}' is not a number format for this value")))?)
}

fn format_value(value: &Value, format: &str, culture: Culture) -> Option<String> {
    let mut letters = format.chars();
    let first = letters.next();
    let precision = letters.as_str();
    let standard = first.is_some_and(|c| c.is_ascii_alphabetic())
        && precision.len() <= 2
        && precision.bytes().all(|byte| byte.is_ascii_digit());
    let Some(letter) = first else { return Some(general(value, None, culture)) };
    if !standard {
        return custom(value, format, culture);
    }
    let digits: Option<usize> = precision.parse().ok();
    Some(match letter {
        'N' | 'n' => fixed(value, digits.unwrap_or(2), true, culture)?,
        'F' | 'f' => fixed(value, digits.unwrap_or(2), false, culture)?,
        'C' | 'c' => {
            let yen = matches!(culture.name, "ja-JP" | "ko-KR");
            let digits = digits.unwrap_or(if yen { 0 } else { 2 });
            let number = fixed(value, digits, true, culture)?;
            let (sign, number) = match number.strip_prefix('-') {
                Some(rest) => ("-", rest),
                None => ("", &*number),
            };
            match (culture.symbol_first, culture.symbol.chars().count()) {
                (true, 1) => format!("{sign}{}{number}", culture.symbol),
                (true, _) => format!("{sign}{} {number}", culture.symbol),
                (false, _) => format!("{sign}{number} {}", culture.symbol),
            }
        }
        'P' | 'p' => {
            let hundredfold = match decimal(value).and_then(|number| number.checked_mul(Decimal::ONE_HUNDRED)) {
                Some(number) => Value::Decimal(number),
                None => Value::Float(value.as_f64()? * 100.0),
            };
            let number = fixed(&hundredfold, digits.unwrap_or(2), true, culture)?;
            match &culture.name[..2] {
                "de" | "fr" | "es" | "sv" | "da" | "nb" | "fi" | "cs" | "ru" => format!("{number} %"),
                "tr" => format!("%{number}"),
                _ => format!("{number}%"),
            }
        }
        'D' | 'd' => {
            let number = whole(value)?;
            let sign = if number < 0 { "-" } else { "" };
            format!("{sign}{:0>width$}", number.unsigned_abs(), width = digits.unwrap_or(0))
        }
        'X' | 'x' => {
            let number = whole(value)?;
            // .NET prints negative 32-bit values with eight digits.
            let hex = match i32::try_from(number) {
                Ok(small) => format!("{small:x}"),
                Err(_) => format!("{number:x}"),
            };
            let hex = format!("{hex:0>width$}", width = digits.unwrap_or(0));
            if letter == 'X' { hex.to_uppercase() } else { hex }
        }
        'E' | 'e' => scientific(value, digits.unwrap_or(6), letter, 3, culture)?,
        'G' | 'g' => general(value, digits.filter(|digits| *digits > 0), culture),
        _ => return None,
    })
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(number) => Some(*number),
        _ => None,
    }
}

/// Rounds half away from zero, as .NET does.
fn rounded(value: &Value, digits: usize) -> Option<Decimal> {
    let scale = u32::try_from(digits).ok()?.min(28);
    Some(decimal(value)?.round_dp_with_strategy(scale, RoundingStrategy::MidpointAwayFromZero))
}

/// The digits before and after the point, without a sign, and whether the number is negative.
fn parts(value: &Value, digits: usize) -> Option<(bool, String, String)> {
    let (negative, text) = match rounded(value, digits) {
        Some(number) => (number.is_sign_negative() && !number.is_zero(), number.abs().to_string()),
        // Beyond 28 digits only a double is left.
        None => (value.as_f64()? < 0.0, format!("{:.digits$}", value.as_f64()?.abs())),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    Some((negative, whole.to_owned(), format!("{fraction:0<digits$}")[..digits].to_owned()))
}

fn grouped(whole: &str, group: &str) -> String {
    let mut out = String::with_capacity(whole.len() * 4 / 3);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push_str(group);
        }
        out.push(digit);
    }
    out
}

fn fixed(value: &Value, digits: usize, group: bool, culture: Culture) -> Option<String> {
    let (negative, whole, fraction) = parts(value, digits)?;
    let whole = if group { grouped(&whole, culture.group) } else { whole };
    let point = if digits > 0 { culture.point } else { "" };
    Some(format!("{}{whole}{point}{fraction}", if negative { "-" } else { "" }))
}

fn scientific(value: &Value, digits: usize, letter: char, width: usize, culture: Culture) -> Option<String> {
    let text = format!("{:.digits$e}", value.as_f64()?);
    let (mantissa, exponent) = text.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    let sign = if exponent < 0 { '-' } else { '+' };
    Some(format!("{}{letter}{sign}{:0width$}", mantissa.replace('.', culture.point), exponent.unsigned_abs()))
}

fn general(value: &Value, digits: Option<usize>, culture: Culture) -> String {
    let text = match (value, digits) {
        (Value::Integer(number), None) => number.to_string(),
        (Value::Decimal(number), None) => number.to_string(),
        (value, None) => crate::item::float_text(value.as_f64().unwrap_or_default()),
        (value, Some(digits)) => {
            let number = value.as_f64().unwrap_or_default();
            let rounded = format!("{number:.precision$e}", precision = digits - 1);
            let (mantissa, exponent) = rounded.split_once('e').unwrap_or((&rounded, "0"));
            let exponent: i32 = exponent.parse().unwrap_or(0);
            let trim = |text: &str| match text.contains('.') {
                true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
                false => text.to_owned(),
            };
            if exponent > -5 && usize::try_from(exponent.max(0)).unwrap_or(usize::MAX) < digits {
                let places = usize::try_from(i32::try_from(digits).unwrap_or(i32::MAX) - 1 - exponent).unwrap_or(0);
                trim(&format!("{number:.places$}"))
            } else {
                let sign = if exponent < 0 { '-' } else { '+' };
                format!("{}E{sign}{:02}", trim(mantissa), exponent.unsigned_abs())
            }
        }
    };
    text.replace('.', culture.point)
}

/// One section of a custom format, taken apart.
#[derive(Default)]
struct Section {
    parts: Vec<Part>,
    whole_zeros: usize,
    whole_places: usize,
    fraction_zeros: usize,
    fraction_places: usize,
    grouping: bool,
    percent: u32,
    thousands: u32,
    exponent: Option<(char, bool, usize)>,
}

enum Part {
    Literal(String),
    Digit,
    Point,
    Exponent,
}

fn sections(format: &str) -> Vec<String> {
    let mut sections = vec![String::new()];
    let mut quote = None;
    let mut escaped = false;
    for c in format.chars() {
        let plain = quote.is_none() && !escaped;
        if plain && c == ';' && sections.len() < 3 {
            sections.push(String::new());
            continue;
        }
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if quote == Some(c) {
            quote = None;
        } else if quote.is_none() && matches!(c, '\'' | '"') {
            quote = Some(c);
        }
        if let Some(last) = sections.last_mut() {
            last.push(c);
        }
    }
    sections
}

fn section(format: &str) -> Section {
    let chars: Vec<char> = format.chars().collect();
    let mut made = Section::default();
    let mut seen_point = false;
    let mut at = 0;
    let literal = |made: &mut Section, text: String| match made.parts.last_mut() {
        Some(Part::Literal(before)) => before.push_str(&text),
        _ => made.parts.push(Part::Literal(text)),
    };
    while at < chars.len() {
        let c = chars[at];
        match c {
            '0' | '#' => {
                if seen_point {
                    made.fraction_places += 1;
                    if c == '0' {
                        made.fraction_zeros = made.fraction_places;
                    }
                } else {
                    made.whole_places += 1;
                    if c == '0' || made.whole_zeros > 0 {
                        made.whole_zeros += 1;
                    }
                }
                made.parts.push(Part::Digit);
            }
            '.' if !seen_point => {
                seen_point = true;
                made.parts.push(Part::Point);
            }
            '.' => {}
            ',' => {
                let digit_before = made.whole_places > 0;
                // Between digits it groups; behind the last digit of the whole part it divides by a thousand.
                let rest = chars[at..].iter().take_while(|c| **c != '.');
                let digit_after = rest.clone().any(|c| matches!(c, '0' | '#'));
                if digit_before && !seen_point && digit_after {
                    made.grouping = true;
                } else if digit_before && !seen_point {
                    made.thousands += 1;
                }
            }
            '%' => {
                made.percent += 1;
                literal(&mut made, "%".to_owned());
            }
            '\\' => {
                at += 1;
                if let Some(c) = chars.get(at) {
                    literal(&mut made, c.to_string());
                }
            }
            '\'' | '"' => {
                let end = chars[at + 1..].iter().position(|other| *other == c).map_or(chars.len(), |end| at + 1 + end);
                literal(&mut made, chars[at + 1..end].iter().collect());
                at = end;
            }
            'e' | 'E' if made.whole_places > 0 => {
                let (plus, skip) = match chars.get(at + 1) {
                    Some('+') => (true, 1),
                    Some('-') => (false, 1),
                    _ => (false, 0),
                };
                let zeros = chars[at + 1 + skip..].iter().take_while(|c| **c == '0').count();
                if zeros > 0 && made.exponent.is_none() {
                    made.exponent = Some((c, plus, zeros));
                    made.parts.push(Part::Exponent);
                    at += skip + zeros;
                } else {
                    literal(&mut made, c.to_string());
                }
            }
            other => literal(&mut made, other.to_string()),
        }
        at += 1;
    }
    made
}

fn custom(value: &Value, format: &str, culture: Culture) -> Option<String> {
    let all = sections(format);
    let number = value.as_f64()?;
    let chosen = match all.len() {
        1 => 0,
        2 => usize::from(number < 0.0),
        _ if number == 0.0 => 2,
        _ => usize::from(number < 0.0),
    };
    // An empty negative or zero section means the first one.
    let chosen = if all[chosen].is_empty() { 0 } else { chosen };
    let own_sign = chosen == 1;
    let section = section(&all[chosen]);
    let mut amount = decimal(value)?;
    for _ in 0..section.percent {
        amount = amount.checked_mul(Decimal::ONE_HUNDRED)?;
    }
    for _ in 0..section.thousands {
        amount = amount.checked_div(Decimal::ONE_THOUSAND)?;
    }
    let mut exponent_text = String::new();
    if let Some((letter, plus, zeros)) = section.exponent {
        let mut exponent = 0_i32;
        let places = section.whole_places.max(1);
        if !amount.is_zero() {
            let text = format!("{:e}", rust_decimal::prelude::ToPrimitive::to_f64(&amount)?);
            exponent = text.split_once('e')?.1.parse::<i32>().ok()? - i32::try_from(places).ok()? + 1;
            let power = Decimal::from_scientific(&format!("1e{}", exponent.abs())).ok()?;
            amount = if exponent < 0 { amount.checked_mul(power)? } else { amount.checked_div(power)? };
        }
        let sign = if exponent < 0 {
            "-"
        } else if plus {
            "+"
        } else {
            ""
        };
        exponent_text = format!("{letter}{sign}{:0>zeros$}", exponent.unsigned_abs());
    }
    let (negative, whole, fraction) = parts(&Value::Decimal(amount), section.fraction_places)?;
    let mut fraction = fraction;
    while fraction.len() > section.fraction_zeros && fraction.ends_with('0') {
        fraction.pop();
    }
    let whole = if whole == "0" { "" } else { &whole };
    let mut whole = format!("{whole:0>width$}", width = section.whole_zeros);
    if section.grouping {
        whole = grouped(&whole, culture.group);
    }
    let vanished = whole.chars().chain(fraction.chars()).all(|c| !matches!(c, '1'..='9'));
    let sign = if negative && !own_sign && !vanished { "-" } else { "" };
    Some(format!("{sign}{}", laid_out(&section, &whole, &fraction, &exponent_text, culture)))
}

/// Puts the digits into the places of the section.
fn laid_out(section: &Section, whole: &str, fraction: &str, exponent: &str, culture: Culture) -> String {
    let mut out = String::new();
    let mut whole_left = section.whole_places;
    let whole_chars: Vec<char> = whole.chars().collect();
    let digits_total = whole_chars.iter().filter(|c| c.is_ascii_digit()).count();
    let mut used = 0;
    let mut fraction_chars = fraction.chars();
    let mut after_point = false;
    for part in &section.parts {
        match part {
            Part::Literal(text) => out.push_str(text),
            Part::Exponent => out.push_str(exponent),
            Part::Point => {
                if section.whole_places == 0 {
                    out.push_str(whole);
                }
                after_point = true;
                if !fraction.is_empty() {
                    out.push_str(culture.point);
                }
            }
            Part::Digit if after_point => out.extend(fraction_chars.next()),
            Part::Digit => {
                // The first place takes all digits that have no place of their own.
                whole_left -= 1;
                let wanted = digits_total.saturating_sub(whole_left);
                let mut taken = whole_chars[..used].iter().filter(|c| c.is_ascii_digit()).count();
                while used < whole_chars.len() && taken < wanted {
                    out.push(whole_chars[used]);
                    taken += usize::from(whole_chars[used].is_ascii_digit());
                    used += 1;
                    while used < whole_chars.len() && !whole_chars[used].is_ascii_digit() && taken < wanted {
                        out.push(whole_chars[used]);
                        used += 1;
                    }
                }
                if whole_left == 0 {
                    out.extend(&whole_chars[used..]);
                    used = whole_chars.len();
                } else {
                    // A group separator follows the digit it belongs to.
                    while used < whole_chars.len() && !whole_chars[used].is_ascii_digit() {
                        out.push(whole_chars[used]);
                        used += 1;
                    }
                }
            }
        }
    }
    out
}

impl Culture {
    /// The decimal point of a locale; en-US without one, `None` for an unknown one.
    pub(crate) fn point_of(name: Option<&str>) -> Option<&'static str> {
        name.map_or(Some(Self::default()), Self::find).map(|culture| culture.point)
    }
}

/// A float that is a whole number becomes an integer, as XPath's results do.
pub(crate) fn from_float(number: f64) -> Value {
    #[allow(clippy::cast_possible_truncation)]
    if number.fract() == 0.0 && number.abs() < 9e15 { Value::Integer(number as i64) } else { Value::Float(number) }
}
