//! A pasted curl command read as a request: quoting of POSIX shells, of `cmd` and of PowerShell.

use base64::Engine as _;

use super::sample::SampleRequest;

/// Why a text is not a curl command that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CurlError {
    /// The text is longer than anyone pastes.
    #[error("the command has {0} characters; at most {COMMAND_BYTES_MAX} are read")]
    TooLong(usize),
    /// A quotation mark is never closed.
    #[error("the quotation mark {mark} at character {at} is not closed")]
    OpenQuote {
        /// `'` or `"`.
        mark: char,
        /// Counted from 1.
        at: usize,
    },
    /// It does not begin with `curl`.
    #[error("this does not begin with curl")]
    NotCurl,
    /// There is no address in it.
    #[error("the command has no address")]
    NoUrl,
    /// An option stands at the end without its value.
    #[error("{0} needs a value")]
    NoValue(String),
}

const COMMAND_BYTES_MAX: usize = 1024 * 1024;

/// Long options with a value that do not change the request.
const IGNORED_WITH_VALUE: &[&str] = &[
    "--output",
    "--proxy",
    "--max-time",
    "--connect-timeout",
    "--retry",
    "--retry-delay",
    "--cacert",
    "--cert",
    "--key",
    "--resolve",
    "--write-out",
    "--cookie-jar",
    "--interface",
    "--limit-rate",
    "--max-redirs",
    "--range",
    "--ciphers",
    "--dump-header",
    "--proxy-user",
    "--retry-max-time",
    "--config",
    "--unix-socket",
    "--capath",
    "--connect-to",
];

/// Short options with a value that do not change the request.
const IGNORED_SHORT: &str = "oxmwcKDErTyYzCPQtU";

/// Reads a curl command. What does not belong to a request (`-k`, `-o`, `--compressed` …) is left out silently.
///
/// # Errors
/// See [`CurlError`].
pub fn request_from_curl(command: &str) -> Result<SampleRequest, CurlError> {
    if command.len() > COMMAND_BYTES_MAX {
        return Err(CurlError::TooLong(command.len()));
    }
    let mut words = words(command)?.into_iter().peekable();
    if words.peek().is_some_and(|word| word == "$" || word == ">") {
        words.next();
    }
    let name = words.next().unwrap_or_default();
    let program = name.rsplit(['/', '\\']).next().unwrap_or_default().to_ascii_lowercase();
    if program != "curl" && program != "curl.exe" {
        return Err(CurlError::NotCurl);
    }
    let mut found = Found::default();
    while let Some(word) = words.next() {
        // The rest belongs to another command.
        if matches!(word.as_str(), "|" | "||" | "&&" | ";" | ">" | "&") {
            break;
        }
        if let Some(long) = word.strip_prefix("--").filter(|long| !long.is_empty()) {
            let (option, attached) = match long.split_once('=') {
                Some((option, value)) if !option.is_empty() => (format!("--{option}"), Some(value.to_owned())),
                _ => (word.clone(), None),
            };
            let mut value =
                || attached.clone().or_else(|| words.next()).ok_or_else(|| CurlError::NoValue(option.clone()));
            if IGNORED_WITH_VALUE.contains(&option.as_str()) {
                value()?;
            } else if !found.long(&option, &mut value)? {
                // A switch without a value.
            }
        } else if let Some(short) = word.strip_prefix('-').filter(|short| !short.is_empty()) {
            let letters = short.char_indices();
            for (at, letter) in letters {
                let attached = &short[at + letter.len_utf8()..];
                if !takes_value(letter) {
                    found.switch(letter);
                    continue;
                }
                let value = if attached.is_empty() { words.next() } else { Some(attached.to_owned()) };
                found.short(letter, value.ok_or_else(|| CurlError::NoValue(format!("-{letter}")))?);
                break;
            }
        } else if found.url.is_none() {
            found.url = Some(word);
        }
    }
    found.finish()
}

const fn takes_value(letter: char) -> bool {
    matches!(letter, 'X' | 'H' | 'd' | 'F' | 'u' | 'A' | 'e' | 'b') || contains(IGNORED_SHORT, letter)
}

const fn contains(letters: &str, letter: char) -> bool {
    let bytes = letters.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] as char == letter {
            return true;
        }
        at += 1;
    }
    false
}

#[derive(Default)]
struct Found {
    method: Option<String>,
    url: Option<String>,
    headers: Vec<(String, String)>,
    data: Vec<String>,
    fields: Vec<(String, String)>,
    get: bool,
    head: bool,
    json: bool,
}

impl Found {
    /// Whether the option is known and took its value.
    fn long(&mut self, option: &str, value: &mut dyn FnMut() -> Result<String, CurlError>) -> Result<bool, CurlError> {
        match option {
            "--request" => self.method = Some(value()?),
            "--url" => self.url = Some(value()?),
            "--header" => self.header(&value()?),
            "--data" | "--data-raw" | "--data-binary" | "--data-ascii" => self.data.push(value()?),
            "--data-urlencode" => self.encoded(&value()?),
            "--json" => {
                self.json = true;
                self.data.push(value()?);
            }
            "--form" | "--form-string" => self.field(&value()?),
            "--user" => self.user(&value()?),
            "--user-agent" => self.headers.push(("User-Agent".to_owned(), value()?)),
            "--referer" => self.headers.push(("Referer".to_owned(), value()?)),
            "--cookie" => self.headers.push(("Cookie".to_owned(), value()?)),
            "--oauth2-bearer" => self.headers.push(("Authorization".to_owned(), format!("Bearer {}", value()?))),
            "--get" => self.get = true,
            "--head" => self.head = true,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn switch(&mut self, letter: char) {
        match letter {
            'G' => self.get = true,
            'I' => self.head = true,
            _ => {}
        }
    }

    fn short(&mut self, letter: char, value: String) {
        match letter {
            'X' => self.method = Some(value),
            'H' => self.header(&value),
            'd' => self.data.push(value),
            'F' => self.field(&value),
            'u' => self.user(&value),
            'A' => self.headers.push(("User-Agent".to_owned(), value)),
            'e' => self.headers.push(("Referer".to_owned(), value)),
            'b' => self.headers.push(("Cookie".to_owned(), value)),
            _ => {}
        }
    }

    fn header(&mut self, line: &str) {
        if let Some((name, value)) = line.split_once(':') {
            self.headers.push((name.trim().to_owned(), value.trim().to_owned()));
        } else if let Some(name) = line.strip_suffix(';') {
            self.headers.push((name.trim().to_owned(), String::new()));
        }
    }

    fn user(&mut self, credentials: &str) {
        let encoded = base64::engine::general_purpose::STANDARD.encode(credentials);
        self.headers.push(("Authorization".to_owned(), format!("Basic {encoded}")));
    }

    fn field(&mut self, written: &str) {
        let (name, value) = written.split_once('=').unwrap_or((written, ""));
        self.fields.push((name.to_owned(), value.to_owned()));
    }

    fn encoded(&mut self, written: &str) {
        let encode =
            |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        self.data.push(match written.split_once('=') {
            Some(("", value)) => encode(value),
            Some((name, value)) => format!("{name}={}", encode(value)),
            None => encode(written),
        });
    }

    fn finish(mut self) -> Result<SampleRequest, CurlError> {
        let mut url = self.url.take().ok_or(CurlError::NoUrl)?;
        let named =
            |headers: &[(String, String)], name: &str| headers.iter().any(|(one, _)| one.eq_ignore_ascii_case(name));
        let data = (!self.data.is_empty()).then(|| self.data.join(if self.json { "" } else { "&" }));
        if self.json && !named(&self.headers, "content-type") {
            self.headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
        }
        let mut body = data;
        if self.get
            && let Some(query) = body.take()
        {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(&query);
        }
        if body.is_some() && !named(&self.headers, "content-type") {
            self.headers.push(("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
        }
        let usual = match () {
            () if self.head => "HEAD",
            () if body.is_some() || !self.fields.is_empty() => "POST",
            () => "GET",
        };
        Ok(SampleRequest {
            method: self.method.unwrap_or_else(|| usual.to_owned()).to_ascii_uppercase(),
            url,
            headers: self.headers,
            body,
            fields: self.fields,
        })
    }
}

/// Splits a command into words as a shell would.
fn words(command: &str) -> Result<Vec<String>, CurlError> {
    let mut out = Vec::new();
    let mut word = String::new();
    let mut begun = false;
    let mut letters = command.chars().enumerate().peekable();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' | '^' | '`' if matches!(letters.peek(), Some((_, '\n' | '\r'))) => {
                // The line goes on below: `\` in shells, `^` in cmd, a backtick in PowerShell.
                while letters.next_if(|(_, next)| matches!(next, '\n' | '\r')).is_some() {}
            }
            '^' if matches!(letters.peek(), Some((_, '"' | '^' | '&' | '{' | '}' | '%' | '\\'))) => {
                // cmd's escape, as browsers write it in *Copy as cURL (cmd)*.
                if let Some((_, '"')) = letters.peek() {
                    begun = true;
                    letters.next();
                    caret_quoted(&mut letters, &mut word);
                } else if let Some((_, next)) = letters.next() {
                    begun = true;
                    word.push(next);
                }
            }
            '\\' => {
                begun = true;
                if let Some((_, next)) = letters.next() {
                    word.push(next);
                }
            }
            '\'' => {
                begun = true;
                loop {
                    match letters.next() {
                        Some((_, '\'')) => break,
                        Some((_, inner)) => word.push(inner),
                        None => return Err(CurlError::OpenQuote { mark: '\'', at: at + 1 }),
                    }
                }
            }
            '$' if matches!(letters.peek(), Some((_, '\''))) => {
                begun = true;
                letters.next();
                if !ansi_quoted(&mut letters, &mut word) {
                    return Err(CurlError::OpenQuote { mark: '\'', at: at + 2 });
                }
            }
            '"' => {
                begun = true;
                loop {
                    match letters.next() {
                        Some((_, '"')) => break,
                        Some((_, '\\')) => match letters.next() {
                            Some((_, inner @ ('"' | '\\' | '$' | '`'))) => word.push(inner),
                            Some((_, '\n')) => {}
                            Some((_, inner)) => word.extend(['\\', inner]),
                            None => return Err(CurlError::OpenQuote { mark: '"', at: at + 1 }),
                        },
                        Some((_, inner)) => word.push(inner),
                        None => return Err(CurlError::OpenQuote { mark: '"', at: at + 1 }),
                    }
                }
            }
            '|' | ';' | '&' if !begun => {
                let mut operator = String::from(letter);
                while let Some((_, next)) = letters.next_if(|(_, next)| *next == letter) {
                    operator.push(next);
                }
                out.push(operator);
            }
            _ if letter.is_whitespace() => {
                if begun {
                    out.push(std::mem::take(&mut word));
                    begun = false;
                }
            }
            _ => {
                begun = true;
                word.push(letter);
            }
        }
    }
    if begun {
        out.push(word);
    }
    Ok(out)
}

type Letters<'a> = std::iter::Peekable<std::iter::Enumerate<std::str::Chars<'a>>>;

/// Text between `^"` and `^"` of cmd; inside, `^` escapes the next letter and `\"` is a quotation mark.
fn caret_quoted(letters: &mut Letters<'_>, word: &mut String) {
    while let Some((_, letter)) = letters.next() {
        match letter {
            '^' => match letters.next() {
                Some((_, '"')) => return,
                Some((_, '\\')) => {
                    // `^\^"` is an escaped quotation mark of the inner text.
                    letters.next_if(|(_, next)| *next == '^');
                    if let Some((_, inner)) = letters.next() {
                        word.push(inner);
                    }
                }
                Some((_, '\n' | '\r')) | None => {}
                Some((_, inner)) => word.push(inner),
            },
            '\\' if matches!(letters.peek(), Some((_, '"' | '\\'))) => {
                if let Some((_, inner)) = letters.next() {
                    word.push(inner);
                }
            }
            _ => word.push(letter),
        }
    }
}

/// Text between `$'` and `'`; whether it was closed.
fn ansi_quoted(letters: &mut Letters<'_>, word: &mut String) -> bool {
    while let Some((_, letter)) = letters.next() {
        match letter {
            '\'' => return true,
            '\\' => match letters.next().map(|(_, escape)| escape) {
                Some('n') => word.push('\n'),
                Some('r') => word.push('\r'),
                Some('t') => word.push('\t'),
                Some(kind @ ('x' | 'u' | 'U')) => {
                    let most = match kind {
                        'x' => 2,
                        'u' => 4,
                        _ => 8,
                    };
                    let mut code = 0_u32;
                    for _ in 0..most {
                        let Some((_, digit)) = letters.next_if(|(_, digit)| digit.is_ascii_hexdigit()) else { break };
                        code = code * 16 + digit.to_digit(16).unwrap_or(0);
                    }
                    word.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
                Some(inner) => word.push(inner),
                None => return false,
            },
            _ => word.push(letter),
        }
    }
    false
}
