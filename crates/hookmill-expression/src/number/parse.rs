//! Reading numbers as .NET does with `NumberStyles.Any`.

use rust_decimal::Decimal;

use crate::culture::Numbers;

/// A number that was read: `-0.DDDD × 10^scale`.
struct Written {
    negative: bool,
    /// Digits without a point.
    digits: String,
    /// Places behind the point, less the exponent.
    places: i64,
}

/// White space as .NET's number parser has it.
fn is_blank(c: char) -> bool {
    matches!(c, '\u{9}'..='\u{d}' | ' ')
}

/// What follows `mark` in `text`. A mark's no-break space also matches a blank.
fn behind<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    let mut rest = text;
    for wanted in mark.chars() {
        let found = rest.chars().next()?;
        if found != wanted && !(matches!(wanted, '\u{a0}' | '\u{202f}') && matches!(found, ' ' | '\u{a0}' | '\u{202f}'))
        {
            return None;
        }
        rest = &rest[found.len_utf8()..];
    }
    Some(rest)
}

/// Sign or parentheses, currency, thousands separators anywhere before the point, exponent.
fn written(text: &str, numbers: &Numbers) -> Option<Written> {
    let mut rest = text;
    let (mut signed, mut open, mut negative, mut symbol) = (false, false, false, false);
    let sign = |text: &str| match text.chars().next()? {
        '-' | '\u{2212}' => Some(true),
        '+' => Some(false),
        _ => None,
    };
    loop {
        let c = rest.chars().next()?;
        // A blank may stand behind the currency, but not between the sign and the digits.
        if is_blank(c) && (!signed || symbol) {
            rest = &rest[1..];
        } else if let Some(minus) = sign(rest).filter(|_| !signed) {
            (signed, negative) = (true, minus);
            rest = &rest[c.len_utf8()..];
        } else if c == '(' && !signed {
            (signed, open, negative) = (true, true, true);
            rest = &rest[1..];
        } else if let Some(after) = behind(rest, numbers.symbol).filter(|_| !symbol) {
            symbol = true;
            rest = after;
        } else {
            break;
        }
    }
    let mut digits = String::new();
    let mut places: Option<i64> = None;
    while let Some(c) = rest.chars().next() {
        if c.is_ascii_digit() {
            digits.push(c);
            places = places.map(|places| places + 1);
            rest = &rest[1..];
        } else if let Some(after) = behind(rest, numbers.point).filter(|_| places.is_none()) {
            places = Some(0);
            rest = after;
        } else if let Some(after) = behind(rest, numbers.group).filter(|_| places.is_none() && !digits.is_empty()) {
            rest = after;
        } else {
            break;
        }
    }
    if digits.is_empty() {
        return None;
    }
    let mut places = places.unwrap_or(0);
    if let Some(power) = rest.strip_prefix(['e', 'E']) {
        let minus = sign(power);
        let power = if minus.is_some() { &power[power.chars().next()?.len_utf8()..] } else { power };
        let length = power.bytes().take_while(u8::is_ascii_digit).count();
        if length > 0 {
            // An exponent of any length is at least understood; the number is then zero or too large.
            let exponent = power[..length].parse::<i64>().unwrap_or(i64::MAX).min(9_999);
            places += if minus == Some(true) { exponent } else { -exponent };
            rest = &power[length..];
        }
    }
    while let Some(c) = rest.chars().next() {
        if is_blank(c) {
            rest = &rest[1..];
        } else if let Some(minus) = sign(rest).filter(|_| !signed) {
            (signed, negative) = (true, minus);
            rest = &rest[c.len_utf8()..];
        } else if c == ')' && open {
            open = false;
            rest = &rest[1..];
        } else if let Some(after) = behind(rest, numbers.symbol).filter(|_| !symbol) {
            symbol = true;
            rest = after;
        } else {
            return None;
        }
    }
    (!open).then_some(Written { negative, digits, places })
}

/// Reads a double; `None` where the text is not a number, or one too large.
pub(crate) fn parse_float(text: &str, numbers: &Numbers) -> Option<f64> {
    let Written { negative, digits, places } = written(text, numbers)?;
    let number: f64 = format!("{digits}e{}", -places).parse().ok()?;
    number.is_finite().then_some(if negative { -number } else { number })
}

/// Reads an exact decimal; digits beyond the 28th are rounded.
pub(crate) fn parse_decimal(text: &str, numbers: &Numbers) -> Option<Decimal> {
    const FARTHEST: i64 = 10_000;
    let Written { negative, digits, places } = written(text, numbers)?;
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Decimal::try_from_i128_with_scale(0, u32::try_from(places.clamp(0, 28)).ok()?).ok();
    }
    if places.abs() > FARTHEST {
        return (places > 0).then_some(Decimal::ZERO);
    }
    let plain = if places <= 0 {
        format!("{digits}{}", "0".repeat(usize::try_from(-places).ok()?))
    } else {
        let padded = format!("{digits:0>width$}", width = usize::try_from(places).ok()? + 1);
        let (whole, fraction) = padded.split_at(padded.len() - usize::try_from(places).ok()?);
        format!("{whole}.{fraction}")
    };
    let mut number: Decimal = plain.parse().ok()?;
    number.set_sign_negative(negative && !number.is_zero());
    Some(number)
}

/// Reads a 64-bit integer: sign, digits, white space around.
pub(crate) fn parse_int(text: &str) -> Option<i64> {
    text.trim_matches(is_blank).parse().ok()
}
