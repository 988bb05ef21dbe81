//! Durations as .NET's `TimeSpan` writes and reads them.

use std::fmt::Write as _;

pub(super) const TICKS_PER_SECOND: i128 = 10_000_000;
pub(super) const TICKS_PER_DAY: i128 = 86_400 * TICKS_PER_SECOND;

struct Parts {
    negative: bool,
    days: i128,
    hours: i128,
    minutes: i128,
    seconds: i128,
    fraction: i128,
}

fn parts(ticks: i128) -> Parts {
    let size = ticks.abs();
    Parts {
        negative: ticks < 0,
        days: size / TICKS_PER_DAY,
        hours: size / (3_600 * TICKS_PER_SECOND) % 24,
        minutes: size / (60 * TICKS_PER_SECOND) % 60,
        seconds: size / TICKS_PER_SECOND % 60,
        fraction: size % TICKS_PER_SECOND,
    }
}

/// The form "c": `[-][d.]hh:mm:ss[.fffffff]`.
pub(super) fn constant(ticks: i128) -> String {
    let p = parts(ticks);
    let mut out = String::new();
    if p.negative {
        out.push('-');
    }
    // Writing to a String cannot fail.
    if p.days != 0 {
        let _ = write!(out, "{}.", p.days);
    }
    let _ = write!(out, "{:02}:{:02}:{:02}", p.hours, p.minutes, p.seconds);
    if p.fraction != 0 {
        let _ = write!(out, ".{:07}", p.fraction);
    }
    out
}

/// Reads `[-]d`, `[-][d.]hh:mm[:ss[.fffffff]]`.
pub(super) fn parse(text: &str) -> Option<i128> {
    let text = text.trim();
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let number = |text: &str, max: i128| {
        let plain = !text.is_empty() && text.len() <= 8 && text.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| text.parse::<i128>().ok()).flatten().filter(|number| *number <= max)
    };
    let mut fields: Vec<&str> = text.split(':').collect();
    let mut days = 0;
    if fields.len() == 1 {
        let days = number(fields[0], 10_675_199)? * TICKS_PER_DAY;
        return Some(if negative { -days } else { days });
    }
    if fields.len() == 4 {
        days = number(fields.remove(0), 10_675_199)?;
    } else if let Some((before, hours)) = fields[0].split_once('.') {
        days = number(before, 10_675_199)?;
        fields[0] = hours;
    }
    let hours = number(fields[0], 23)?;
    let minutes = number(fields[1], 59)?;
    let (mut seconds, mut fraction) = (0, 0);
    if let Some(field) = fields.get(2) {
        let (whole, rest) = field.split_once('.').unwrap_or((field, ""));
        seconds = number(whole, 59)?;
        if !rest.is_empty() {
            fraction = number(&format!("{rest:0<7}"), 9_999_999)?;
        }
    }
    if fields.len() > 3 {
        return None;
    }
    let ticks = days * TICKS_PER_DAY + (hours * 3_600 + minutes * 60 + seconds) * TICKS_PER_SECOND + fraction;
    let ticks = if negative { -ticks } else { ticks };
    // A time span is a number of 64 bits.
    i64::try_from(ticks).is_ok().then_some(ticks)
}

/// Writes by a standard format (`c`, `t`, `T`, `g`, `G`) or a custom one; `None` where it is neither.
pub(super) fn format(ticks: i128, format: &str, point: &str) -> Option<String> {
    let p = parts(ticks);
    let sign = if p.negative { "-" } else { "" };
    match format {
        "" | "c" | "t" | "T" => return Some(constant(ticks)),
        "g" => {
            let days = if p.days == 0 { String::new() } else { format!("{}:", p.days) };
            let digits = format!("{:07}", p.fraction);
            let fraction = match digits.trim_end_matches('0') {
                "" => String::new(),
                digits => format!("{point}{digits}"),
            };
            return Some(format!("{sign}{days}{}:{:02}:{:02}{fraction}", p.hours, p.minutes, p.seconds));
        }
        "G" => {
            let Parts { days, hours, minutes, seconds, fraction, .. } = p;
            return Some(format!("{sign}{days}:{hours:02}:{minutes:02}:{seconds:02}{point}{fraction:07}"));
        }
        _ => {}
    }
    custom(&p, format)
}

fn custom(p: &Parts, format: &str) -> Option<String> {
    let chars: Vec<char> = format.chars().collect();
    if chars.len() == 1 {
        return None;
    }
    let mut out = String::new();
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        let mut count = 1;
        match c {
            'd' | 'h' | 'm' | 's' | 'f' | 'F' => {
                count = chars[at..].iter().take_while(|next| **next == c).count();
                let most = match c {
                    'd' => 8,
                    'f' | 'F' => 7,
                    _ => 2,
                };
                if count > most {
                    return None;
                }
                let digits = format!("{:07}", p.fraction);
                match c {
                    'f' => out.push_str(&digits[..count]),
                    'F' => out.push_str(digits[..count].trim_end_matches('0')),
                    _ => {
                        let number = match c {
                            'd' => p.days,
                            'h' => p.hours,
                            'm' => p.minutes,
                            _ => p.seconds,
                        };
                        let _ = write!(out, "{number:0count$}");
                    }
                }
            }
            '\'' | '"' => {
                let length = chars[at + 1..].iter().position(|other| *other == c)?;
                out.extend(&chars[at + 1..at + 1 + length]);
                count = length + 2;
            }
            '\\' => {
                out.push(*chars.get(at + 1)?);
                count = 2;
            }
            '%' if matches!(chars.get(at + 1), Some(next) if *next != '%') => {}
            _ => return None,
        }
        at += count;
    }
    Some(out)
}
