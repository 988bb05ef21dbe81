//! A number as its decimal digits, the form in which it is rounded and written.

use hookmill_model::Value;

/// `0.DDDD × 10^scale`; zero has no digits.
#[derive(Clone, Debug)]
pub(super) struct Digits {
    pub negative: bool,
    /// ASCII digits; the first is not zero.
    pub digits: Vec<u8>,
    pub scale: i32,
}

impl Digits {
    /// The digits of a number. A double gives the shortest that read back, or as many as are asked for.
    pub fn of(value: &Value, of_double: Option<usize>) -> Self {
        let (negative, text, scale) = match value {
            Value::Integer(number) => (*number < 0, number.unsigned_abs().to_string(), 0),
            Value::Decimal(number) => (
                number.is_sign_negative(),
                number.mantissa().unsigned_abs().to_string(),
                -signed(number.scale() as usize),
            ),
            other => {
                let number = other.as_f64().unwrap_or_default();
                let text = match of_double {
                    Some(count) => format!("{:.*e}", count.max(1) - 1, number.abs()),
                    None => format!("{:e}", number.abs()),
                };
                let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
                let digits = mantissa.replace('.', "");
                let scale = exponent.parse::<i32>().unwrap_or(0) + 1 - signed(digits.len());
                (number < 0.0, digits, scale)
            }
        };
        let bare = text.trim_start_matches('0');
        let scale = if bare.is_empty() { 0 } else { scale + signed(bare.len()) };
        Self { negative, digits: bare.as_bytes().to_vec(), scale }
    }

    pub fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    /// Keeps that many digits, half away from zero. What becomes zero has no sign.
    pub fn round(&mut self, keep: i64) {
        let kept = usize::try_from(keep).unwrap_or(0).min(self.digits.len());
        let up = keep >= 0 && self.digits.get(kept).is_some_and(|digit| *digit >= b'5');
        self.digits.truncate(kept);
        if up {
            while self.digits.last() == Some(&b'9') {
                self.digits.pop();
            }
            match self.digits.last_mut() {
                Some(last) => *last += 1,
                None => {
                    self.digits.push(b'1');
                    self.scale += 1;
                }
            }
        }
        while self.digits.last() == Some(&b'0') {
            self.digits.pop();
        }
        if self.digits.is_empty() {
            self.negative = false;
            self.scale = 0;
        }
    }

    /// The digit that stands `place` digits to the right of the first one behind the point; negative ones before it.
    pub fn at(&self, place: i32) -> char {
        let index = usize::try_from(self.scale + place).ok();
        index.and_then(|index| self.digits.get(index)).map_or('0', |digit| char::from(*digit))
    }
}

pub(super) fn signed(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

/// Whether a separator stands behind the digit that has `left` further digits before the point.
pub(super) fn ends_group(left: usize, sizes: &[usize]) -> bool {
    let Some((repeated, first)) = sizes.split_last() else { return false };
    let mut rest = left;
    for size in first {
        if rest <= *size {
            return rest == *size;
        }
        rest -= size;
    }
    rest > 0 && rest.is_multiple_of(*repeated)
}
