//! Follows the bytes of a connection and finds heads of requests that two servers could read in two ways.
//!
//! The HTTP library accepts some heads that RFC 9112 lets a server refuse: it drops one of `Content-Length` and
//! `Transfer-Encoding` before the router sees them, so a proxy in front might see another number of requests than we do.
//! This reader sees the bytes before the library does. Its verdict names the number of the request (from 1, in the order
//! of the connection), and the server answers that request with 400 and closes the connection.
//!
//! Not here: everything that the library refuses itself (control characters, folded lines, sizes of heads).

/// A head may be this long; the library is set to the same bound and answers 431.
pub const HEAD_BYTES_MAX: usize = 32 * 1024;

/// Where in the stream of requests the next byte is.
#[derive(Debug)]
enum Place {
    /// In a head; the bytes of its unfinished part.
    Head(Vec<u8>),
    /// In a body of which so many bytes are missing.
    Body(u64),
    /// What follows is not looked at: the connection ends with the request that is being read.
    Last,
}

/// The reader of one connection.
#[derive(Debug)]
pub struct Framing {
    place: Place,
    heads: u64,
    refused: Option<(u64, &'static str)>,
    /// The request behind which nothing is looked at.
    last: Option<u64>,
}

impl Default for Framing {
    fn default() -> Self {
        Self { place: Place::Head(Vec::new()), heads: 0, refused: None, last: None }
    }
}

/// What a head says about the rest of its request.
struct Read {
    body: u64,
    is_last: bool,
}

impl Framing {
    /// How many heads are complete.
    pub const fn heads(&self) -> u64 {
        self.heads
    }

    /// Whether a head has begun and is not complete.
    pub fn is_inside_head(&self) -> bool {
        matches!(&self.place, Place::Head(part) if !part.is_empty())
    }

    /// Why the request with this number must be refused; `None` where nothing is wrong with it.
    pub fn refused(&self, number: u64) -> Option<&'static str> {
        self.refused.filter(|(refused, _)| *refused == number).map(|(_, reason)| reason)
    }

    /// Whether nothing behind the request with this number was looked at, so that the connection must end with it.
    pub fn is_last(&self, number: u64) -> bool {
        self.last.is_some_and(|last| number >= last)
    }

    /// Takes the next bytes of the connection.
    pub fn follow(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match &mut self.place {
                Place::Last => return,
                Place::Body(missing) => {
                    let taken = usize::try_from(*missing).unwrap_or(usize::MAX).min(bytes.len());
                    bytes = &bytes[taken..];
                    *missing -= taken as u64;
                    if *missing == 0 {
                        self.place = Place::Head(Vec::new());
                    }
                }
                Place::Head(part) => {
                    // Empty lines before a request are allowed (RFC 9112, 2.2).
                    if part.is_empty() && matches!(bytes[0], b'\r' | b'\n') {
                        bytes = &bytes[1..];
                        continue;
                    }
                    let looked_at = part.len();
                    let room = (HEAD_BYTES_MAX + 1).saturating_sub(looked_at).min(bytes.len());
                    part.extend_from_slice(&bytes[..room]);
                    let Some(end) = end_of_head(part, looked_at.saturating_sub(3)) else {
                        if part.len() > HEAD_BYTES_MAX {
                            self.last = Some(self.heads + 1);
                            self.place = Place::Last;
                            return;
                        }
                        bytes = &bytes[room..];
                        continue;
                    };
                    bytes = &bytes[end - looked_at..];
                    self.heads += 1;
                    match read(&part[..end]) {
                        Ok(Read { is_last: true, .. }) => {
                            self.last = Some(self.heads);
                            self.place = Place::Last;
                        }
                        Ok(Read { body: 0, .. }) => self.place = Place::Head(Vec::new()),
                        Ok(Read { body, .. }) => self.place = Place::Body(body),
                        Err(reason) => {
                            self.refused = Some((self.heads, reason));
                            self.last = Some(self.heads);
                            self.place = Place::Last;
                        }
                    }
                }
            }
        }
    }
}

/// The length of the head with its empty line, however its lines end.
fn end_of_head(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(found) = bytes[at..].iter().position(|byte| *byte == b'\n') {
        let end = at + found + 1;
        match &bytes[end..] {
            [b'\n', ..] => return Some(end + 1),
            [b'\r', b'\n', ..] => return Some(end + 2),
            _ => at = end,
        }
    }
    None
}

fn read(head: &[u8]) -> Result<Read, &'static str> {
    let mut lines = head.split(|byte| *byte == b'\n');
    let first = line(lines.next().unwrap_or_default())?;
    let is_1_1 = first.ends_with(b"HTTP/1.1");
    let (mut hosts, mut lengths, mut encodings, mut length, mut is_upgrade) = (0, 0, 0, 0, false);
    // The end of the head is two line ends, so the last piece is empty.
    for text in lines.take_while(|text| !text.is_empty()) {
        let line = line(text)?;
        if line.is_empty() {
            break;
        }
        if matches!(line[0], b' ' | b'\t') {
            return Err("A header is folded over two lines.");
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"host") {
            hosts += 1;
            if !is_host(value) {
                return Err("The Host header is not a name with an optional port.");
            }
        } else if name.eq_ignore_ascii_case(b"content-length") {
            lengths += 1;
            let digits = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            length = digits.and_then(|text| text.parse().ok()).ok_or("The Content-Length header is not a number.")?;
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            encodings += 1;
            if !value.eq_ignore_ascii_case(b"chunked") {
                return Err("The only Transfer-Encoding that is understood is chunked.");
            }
        } else if name.eq_ignore_ascii_case(b"upgrade") {
            is_upgrade = true;
        }
    }
    if hosts > 1 || (hosts == 0 && is_1_1) {
        return Err("A request has exactly one Host header.");
    }
    if lengths > 1 {
        return Err("A request has at most one Content-Length header.");
    }
    if encodings > 1 || (encodings == 1 && lengths == 1) {
        return Err("A request has either a Content-Length or a Transfer-Encoding header.");
    }
    Ok(Read { body: length, is_last: encodings == 1 || is_upgrade })
}

fn line(text: &[u8]) -> Result<&[u8], &'static str> {
    text.strip_suffix(b"\r").ok_or("A line of the head ends without CR.")
}

/// A host name or address with an optional port, as RFC 9110 (7.2) has it.
fn is_host(value: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+;=%:[]".contains(byte);
    !value.is_empty() && value.len() <= 255 && value.iter().all(plain)
}

#[cfg(test)]
mod tests;
