//! The body of an answer while it is read: decompressed where it is compressed, and never larger than allowed.

use std::io::{self, Write};

use bytes::{Bytes, BytesMut};
use flate2::write::MultiGzDecoder;
use http::{HeaderMap, header};

/// Why a body cannot be read to its end.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// It is larger than allowed.
    TooLarge,
    /// It is not what its `Content-Encoding` says.
    Damaged(io::Error),
}

/// What has been read so far.
pub(crate) enum AnswerBody {
    Plain(Bounded),
    /// Nothing has come yet of a body that is said to be compressed: an answer without a body says so, too.
    Unbegun(Bounded),
    Compressed(Box<MultiGzDecoder<Bounded>>),
}

impl AnswerBody {
    /// Of an answer with these headers. Those that describe the compressed form are taken out: nobody sees that form.
    pub(crate) fn new(headers: &mut HeaderMap, bytes_max: usize) -> Self {
        let bounded = Bounded { bytes: BytesMut::new(), bytes_max, is_exceeded: false };
        let coding = headers.get(header::CONTENT_ENCODING).map(http::HeaderValue::as_bytes);
        if !coding.is_some_and(|coding| coding.eq_ignore_ascii_case(b"gzip") || coding.eq_ignore_ascii_case(b"x-gzip"))
        {
            return Self::Plain(bounded);
        }
        headers.remove(header::CONTENT_ENCODING);
        headers.remove(header::CONTENT_LENGTH);
        Self::Unbegun(bounded)
    }

    /// Takes what comes next.
    pub(crate) fn push(&mut self, chunk: &Bytes) -> Result<(), BodyError> {
        if let Self::Unbegun(bounded) = self
            && !chunk.is_empty()
        {
            *self = Self::Compressed(Box::new(MultiGzDecoder::new(std::mem::take(bounded))));
        }
        match self {
            Self::Plain(bounded) | Self::Unbegun(bounded) => {
                bounded.write_all(chunk).map_err(|error| bounded.why(error))
            }
            Self::Compressed(decoder) => decoder.write_all(chunk).map_err(|error| decoder.get_ref().why(error)),
        }
    }

    /// The whole body, when all has come.
    pub(crate) fn finish(self) -> Result<Bytes, BodyError> {
        match self {
            Self::Plain(bounded) | Self::Unbegun(bounded) => Ok(bounded.bytes.freeze()),
            Self::Compressed(mut decoder) => match decoder.try_finish() {
                Ok(()) => Ok(std::mem::take(decoder.get_mut()).bytes.freeze()),
                Err(error) => Err(decoder.get_ref().why(error)),
            },
        }
    }
}

/// Bytes up to a bound.
#[derive(Default)]
pub(crate) struct Bounded {
    bytes: BytesMut,
    bytes_max: usize,
    is_exceeded: bool,
}

impl Bounded {
    fn why(&self, error: io::Error) -> BodyError {
        if self.is_exceeded { BodyError::TooLarge } else { BodyError::Damaged(error) }
    }
}

impl Write for Bounded {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if self.bytes.len().saturating_add(more.len()) > self.bytes_max {
            self.is_exceeded = true;
            return Err(io::Error::other("the body is too large"));
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // Tests may stop at once.
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn read(coding: Option<&'static str>, chunks: &[&[u8]], bytes_max: usize) -> Result<Bytes, BodyError> {
        let mut headers = HeaderMap::new();
        if let Some(coding) = coding {
            headers.insert(header::CONTENT_ENCODING, http::HeaderValue::from_static(coding));
        }
        let mut body = AnswerBody::new(&mut headers, bytes_max);
        for chunk in chunks {
            body.push(&Bytes::copy_from_slice(chunk))?;
        }
        body.finish()
    }

    #[test]
    fn a_body_is_read_as_it_was_before_it_was_compressed() {
        let text = "words and more words ".repeat(500);
        let packed = gzip(&text);
        let halves: Vec<&[u8]> = vec![&packed[..7], &[], &packed[7..]];
        assert_eq!(read(Some("gzip"), &halves, text.len()).unwrap(), text);
        assert_eq!(read(Some("GZIP"), &[&packed, &packed], 2 * text.len()).unwrap(), text.repeat(2));
        assert_eq!(read(None, &[b"ab", b"c"], 3).unwrap(), "abc");
        // An answer to HEAD, or one with status 204.
        assert_eq!(read(Some("gzip"), &[], 3).unwrap(), "");
    }

    #[test]
    fn what_is_too_large_or_damaged_is_no_body() {
        let text = "words ".repeat(500);
        let packed = gzip(&text);
        assert!(matches!(read(Some("gzip"), &[&packed], text.len() - 1), Err(BodyError::TooLarge)));
        assert!(matches!(read(None, &[b"ab", b"c"], 2), Err(BodyError::TooLarge)));
        assert!(matches!(read(Some("gzip"), &[&packed[..20]], 9_999), Err(BodyError::Damaged(_))));
        assert!(matches!(read(Some("gzip"), &[b"plain text"], 9_999), Err(BodyError::Damaged(_))));
    }
}
