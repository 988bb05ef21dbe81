//! Takes secrets out of whatever is stored, shown or logged about a request, in every spelling in which a request may
//! carry them.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use hookmill_model::{Object, Value};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Shorter secrets cannot be told from other text and are not looked for: refuse them where they are entered.
pub const SECRET_BYTES_MIN: usize = 6;

/// A secret has at most so many spellings; most secrets have nine.
const SPELLINGS_MAX: usize = 96;

/// Spellings of all secrets together: what finds them takes about thirty times as much memory.
const SPELLINGS_BYTES_MAX: usize = 2 * 1_024 * 1_024;

/// A longer secret is not spelled.
const SECRET_BYTES_MAX: usize = 64 * 1_024;

/// Of longer secrets, keys and certificates, what was escaped twice is not looked for.
const SPELLED_TWICE_BYTES_MAX: usize = 1_024;

/// Where the spellings have at most so many bytes they are found in the fastest way, which takes most memory.
const FAST_BYTES_MAX: usize = 4 * 1_024;

/// What addresses leave as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Headers whose values are never kept, whatever they hold.
const SECRET_HEADERS: [&str; 5] =
    ["authorization", "proxy-authorization", "cookie", "set-cookie", "authentication-info"];

/// Whether the value of a header is never kept. Headers that a connector declares for its key come on top.
#[must_use]
pub fn is_secret_header(name: &str) -> bool {
    SECRET_HEADERS.iter().any(|one| name.eq_ignore_ascii_case(one))
}

/// Finds the secrets of a run and puts `[secret: <name>]` in their place. Build it once for a set of secrets.
pub struct Redactor {
    finder: Finder,
    /// What to write for each spelling.
    words: Vec<String>,
    /// Whether a number could be a secret.
    has_number: bool,
}

enum Finder {
    Nothing,
    Spellings(AhoCorasick),
    /// There are secrets, but too many to look for: every text is withheld.
    Everything,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").field("spellings", &self.words.len()).finish_non_exhaustive()
    }
}

impl Redactor {
    /// From pairs of a name (the connection's, say) and a secret. Found are the secret itself; percent-encoded, with `+`
    /// for spaces too; escaped as in JSON, HTML and XML; in hexadecimal, and in base64 of both alphabets at any place of a
    /// longer text (so also within `user:secret`). What is escaped as in JSON or XML or percent-encoded is found in
    /// these spellings too. Where the secrets are too long to look for, every text is withheld.
    #[must_use]
    pub fn new<'a>(secrets: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut spellings: BTreeSet<String> = BTreeSet::new();
        let mut all: Vec<String> = Vec::new();
        let mut words = Vec::new();
        let (mut has_number, mut bytes) = (false, 0);
        for (name, secret) in secrets {
            if secret.len() < SECRET_BYTES_MIN {
                continue;
            }
            has_number |= secret.bytes().all(|byte| byte.is_ascii_digit());
            if secret.len() > SECRET_BYTES_MAX || bytes > SPELLINGS_BYTES_MAX {
                return Self { finder: Finder::Everything, words: Vec::new(), has_number };
            }
            for spelling in spell(secret) {
                if spellings.insert(spelling.clone()) {
                    bytes += spelling.len();
                    all.push(spelling);
                    words.push(format!("[secret: {name}]"));
                }
            }
        }
        drop(spellings);
        let finder = if all.is_empty() {
            Finder::Nothing
        } else if bytes > SPELLINGS_BYTES_MAX {
            Finder::Everything
        } else {
            // Left to itself it takes half a megabyte for each kilobyte of a secret.
            let kind = (bytes > FAST_BYTES_MAX).then_some(AhoCorasickKind::ContiguousNFA);
            AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                .kind(kind)
                .build(&all)
                .map_or(Finder::Everything, Finder::Spellings)
        };
        Self { finder, words, has_number }
    }

    /// Whether there is nothing to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self.finder, Finder::Nothing)
    }

    /// The text without secrets.
    #[must_use]
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match &self.finder {
            Finder::Spellings(automaton) if automaton.is_match(text) => {
                let mut clean = String::with_capacity(text.len());
                automaton.replace_all_with(text, &mut clean, |found, _, clean| {
                    clean.push_str(self.words.get(found.pattern().as_usize()).map_or("[secret]", String::as_str));
                    true
                });
                Cow::Owned(clean)
            }
            Finder::Everything if !text.is_empty() => Cow::Borrowed("[withheld]"),
            _ => Cow::Borrowed(text),
        }
    }

    /// The value without secrets, also in the names of members. Parts without secrets are shared with the original.
    #[must_use]
    pub fn value(&self, value: &Value) -> Value {
        if self.is_empty() { value.clone() } else { self.changed(value).unwrap_or_else(|| value.clone()) }
    }

    /// `None` where nothing is to be changed.
    fn changed(&self, value: &Value) -> Option<Value> {
        match value {
            Value::String(text) => self.owned(text).map(Value::from),
            Value::Array(elements) => {
                let mut clean: Option<Vec<Value>> = None;
                for (index, one) in elements.iter().enumerate() {
                    match (self.changed(one), &mut clean) {
                        (Some(changed), None) => {
                            let before = elements.iter().take(index).cloned();
                            clean = Some(before.chain([changed]).collect());
                        }
                        (Some(changed), Some(clean)) => clean.push(changed),
                        (None, Some(clean)) => clean.push(one.clone()),
                        (None, None) => {}
                    }
                }
                clean.map(Value::array)
            }
            Value::Object(members) => {
                let mut clean: Option<Object> = None;
                for (index, (name, one)) in members.iter().enumerate() {
                    let (other_name, other) = (self.owned(name), self.changed(one));
                    if clean.is_none() && (other_name.is_some() || other.is_some()) {
                        let before = members.iter().take(index);
                        clean = Some(before.map(|(name, one)| (name.clone(), one.clone())).collect());
                    }
                    if let Some(clean) = &mut clean {
                        let name = other_name.map_or_else(|| name.clone(), Into::into);
                        clean.insert(name, other.unwrap_or_else(|| one.clone()));
                    }
                }
                clean.map(Value::from)
            }
            Value::Integer(_) | Value::Float(_) | Value::Decimal(_) if self.has_number => {
                self.owned(&value.to_json()).map(Value::from)
            }
            Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::Decimal(_) => None,
        }
    }

    fn owned(&self, text: &str) -> Option<String> {
        let clean = self.text(text);
        (clean != text).then(|| clean.into_owned())
    }
}

/// All spellings of a secret.
fn spell(secret: &str) -> BTreeSet<String> {
    let json = serde_json::Value::from(secret).to_string();
    let json = json[1..json.len() - 1].to_owned();
    let mut spellings: BTreeSet<String> = percent_encoded(secret).into();
    // What JSON need not escape, and some writers do.
    let strict = json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026").replace('\'', "\\u0027");
    let mut twice: BTreeSet<String> = [secret.to_owned(), json.replace('/', "\\/"), json, strict].into();
    spellings.extend(twice.iter().cloned());
    let escaped = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    for quote in ["'", "&#39;", "&#x27;", "&apos;"] {
        for double in ["\"", "&quot;", "&#34;"] {
            spellings.insert(escaped.replace('\'', quote).replace('"', double));
        }
    }
    if secret.len() <= SPELLED_TWICE_BYTES_MAX {
        twice.insert(utf8_percent_encode(secret, UNRESERVED).to_string());
        twice.insert(escaped);
    } else {
        twice = [secret.to_owned()].into();
    }
    for text in &twice {
        spellings.extend(percent_encoded(text));
        let hex = hookmill_model::hex(text.as_bytes());
        spellings.insert(hex.to_ascii_uppercase());
        spellings.insert(hex);
        // Where a secret stands in a longer text, the text before it shifts its bits by none, one or two bytes;
        // characters that also hold bits of the neighbours are left off.
        for shift in 0..3 {
            let shifted = [&vec![0; shift], text.as_bytes()].concat();
            let from = (shift * 8).div_ceil(6);
            let to = shifted.len() * 8 / 6;
            let encoded = STANDARD.encode(&shifted)[from..to].to_owned();
            spellings.insert(utf8_percent_encode(&encoded, UNRESERVED).to_string());
            spellings.insert(encoded);
            spellings.insert(URL_SAFE.encode(&shifted)[from..to].to_owned());
        }
    }
    debug_assert!(spellings.len() <= SPELLINGS_MAX, "{}", spellings.len());
    spellings
}

/// A text as addresses and forms have it.
fn percent_encoded(text: &str) -> [String; 4] {
    let percent = utf8_percent_encode(text, UNRESERVED).to_string();
    let lower = lower_escapes(&percent);
    [percent.replace("%20", "+"), lower.replace("%20", "+"), percent, lower]
}

/// The same with the digits of `%2F` in lower case.
fn lower_escapes(percent: &str) -> String {
    let mut lower = percent.to_owned();
    for (index, _) in percent.match_indices('%') {
        if let Some(digits) = lower.get_mut(index + 1..index + 3) {
            digits.make_ascii_lowercase();
        }
    }
    lower
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    const SECRET: &str = "s3cr/t +\"ö=word";

    fn redactor() -> Redactor {
        Redactor::new([("GitHub", SECRET), ("PIN", "12345678"), ("short", "abc")])
    }

    #[test]
    fn every_spelling_is_found() {
        let redactor = redactor();
        let mut texts = vec![
            format!("Bearer {SECRET}"),
            utf8_percent_encode(SECRET, NON_ALPHANUMERIC).to_string().replace("%2D", "-"),
            "s3cr%2ft+%2b%22%c3%b6%3dword".to_owned(),
            serde_json::json!({ "a": SECRET }).to_string(),
            "73336372".to_owned() + &SECRET.bytes().skip(4).map(|byte| format!("{byte:02X}")).collect::<String>(),
        ];
        for user in ["", "u", "us", "use", "user"] {
            for tail in ["", "t", "ta", "tail"] {
                let text = format!("{user}:{SECRET}{tail}");
                texts.extend([STANDARD.encode(&text), URL_SAFE.encode(&text)]);
            }
        }
        // Escaped as in JSON, and that written again.
        let json = serde_json::Value::from(SECRET).to_string().replace('/', "\\/");
        for text in [&json, &serde_json::Value::from(SECRET).to_string()] {
            for user in ["", "u", "us"] {
                let text = format!("{user}{text}");
                texts.extend([
                    STANDARD.encode(&text),
                    URL_SAFE_NO_PAD.encode(&text),
                    hookmill_model::hex(text.as_bytes()),
                ]);
                texts.push(utf8_percent_encode(&text, NON_ALPHANUMERIC).to_string());
                texts.push(utf8_percent_encode(&STANDARD.encode(&text), NON_ALPHANUMERIC).to_string());
            }
        }
        let percent = utf8_percent_encode(SECRET, UNRESERVED).to_string();
        texts.push(utf8_percent_encode(&percent, UNRESERVED).to_string());
        texts.push(STANDARD.encode(format!("u:{percent}")));
        texts.push(SECRET.replace('"', "&quot;"));
        texts.push(SECRET.replace('"', "&#34;"));
        for text in texts {
            let clean = redactor.text(&text);
            assert!(clean.contains("[secret: GitHub]"), "{text} → {clean}");
            assert!(!clean.contains("word"), "{clean}");
        }
    }

    #[test]
    fn spellings_are_bounded() {
        let worst = "a/b+c d<e>f&g'h\"i\\j\nkö=%";
        assert!(spell(worst).len() <= SPELLINGS_MAX, "{}", spell(worst).len());
        assert!(spell("0123456789abcdef").len() <= 9, "{:?}", spell("0123456789abcdef"));
        for (escaped, secret) in [("p&lt;w&amp;d&apos;x", "p<w&d'x"), ("p\\u003cw\\u0026d\\u0027x", "p<w&d'x")] {
            let redactor = Redactor::new([("own", secret)]);
            assert_eq!(redactor.text(escaped), "[secret: own]");
            let document = STANDARD.encode(escaped.replace("&apos;", "'"));
            assert!(redactor.text(&document).contains("[secret: own]"), "{document}");
        }
        // A key of some kilobytes is found; what is too long to look for is shown in no part.
        let key =
            format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END-----\n", "MIIEvQ/IBADANBg+kqhkiG9w0B\n".repeat(200));
        let redactor = Redactor::new([("key", key.as_str())]);
        assert_eq!(redactor.text(&key), "[secret: key]");
        assert!(redactor.text(&STANDARD.encode(format!("x{key}y"))).contains("[secret: key]"));
        let many: Vec<String> = (0..100_000).map(|number| format!("secret number {number}")).collect();
        let long = "x".repeat(SECRET_BYTES_MAX + 1);
        for redactor in
            [Redactor::new([("long", long.as_str())]), Redactor::new(many.iter().map(|own| ("own", own.as_str())))]
        {
            assert_eq!(redactor.text("secret number 99999"), "[withheld]");
        }
    }

    #[test]
    fn values_lose_their_secrets_and_nothing_else() {
        let redactor = redactor();
        let value = |text: &str| Value::from_json(text.as_bytes()).unwrap();
        let before = value(r#"{"abc":["x",{"12345678":1}],"n":12345678,"m":1.5,"t":"a12345678b","ok":true,"z":null}"#);
        let after = value(
            r#"{"abc":["x",{"[secret: PIN]":1}],"n":"[secret: PIN]","m":1.5,"t":"a[secret: PIN]b","ok":true,"z":null}"#,
        );
        assert_eq!(redactor.value(&before), after);
        let clean = value(r#"{"a":[1,"x",{"b":"abc"}]}"#);
        assert_eq!(redactor.value(&clean), clean);
    }

    #[test]
    fn deep_values_take_one_pass() {
        let mut value = Value::string(SECRET);
        for _ in 0..120 {
            value = Value::array(vec![Value::from(1), Value::object([("a", value)])]);
        }
        assert!(redactor().value(&value).to_json().contains("[secret: GitHub]"));
    }

    #[test]
    fn nothing_to_look_for_changes_nothing() {
        let empty = Redactor::new([("short", "abc")]);
        assert!(empty.is_empty());
        assert_eq!(empty.text("abc abc"), "abc abc");
        assert!(!format!("{:?}", redactor()).contains("s3cr"));
        assert!(is_secret_header("Set-Cookie") && !is_secret_header("X-Request-Id"));
    }
}
