//! `Content-Encoding` of requests: identity, gzip, deflate and br, also several, never more than a bound.

use std::borrow::Cow;
use std::io::{self, Read};

use flate2::bufread::MultiGzDecoder;
use flate2::{Decompress, FlushDecompress, Status};

/// Codings beyond this many are not undone.
const CODINGS_MAX: usize = 4;

/// Why a body cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// 415: a coding that Hookmill does not know.
    Unknown(String),
    /// 400: the bytes are not what the header says.
    Broken(String),
    /// 413: larger than this many bytes once it is decoded.
    TooLarge(usize),
}

/// Undoes the codings of a header, the last one first.
pub fn decode<'a>(coding: &str, body: &'a [u8], max: usize) -> Result<Cow<'a, [u8]>, DecodeError> {
    let codings: Vec<String> = coding
        .split(',')
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| !name.is_empty() && name != "identity")
        .collect();
    if codings.len() > CODINGS_MAX {
        return Err(DecodeError::Unknown(format!("{} codings one upon another", codings.len())));
    }
    if let Some(unknown) = codings.iter().find(|name| !matches!(name.as_str(), "gzip" | "x-gzip" | "deflate" | "br")) {
        return Err(DecodeError::Unknown(unknown.clone()));
    }
    let mut body = Cow::Borrowed(body);
    for name in codings.iter().rev() {
        if body.is_empty() {
            // A request without a body may name a coding nevertheless.
            break;
        }
        body = Cow::Owned(match name.as_str() {
            "br" => read(brotli_decompressor::Decompressor::new(&*body, 4_096), name, max)?,
            // Senders disagree whether `deflate` has the head of zlib.
            "deflate" => inflate(&body, is_zlib(&body), max)?,
            _ => read(MultiGzDecoder::new(&*body), name, max)?,
        });
    }
    Ok(body)
}

/// Undoes `deflate`. The readers of the library take a stream that is cut off for one that has ended, so its end is
/// looked for here.
fn inflate(body: &[u8], has_head: bool, max: usize) -> Result<Vec<u8>, DecodeError> {
    let broken = |why: &dyn std::fmt::Display| DecodeError::Broken(format!("deflate: {why}"));
    let mut stream = Decompress::new(has_head);
    let mut decoded = Vec::with_capacity(body.len().saturating_mul(2).clamp(1_024, 65_536));
    loop {
        let taken = usize::try_from(stream.total_in()).unwrap_or(usize::MAX);
        let (rest, before) = (body.get(taken..).unwrap_or_default(), decoded.len());
        let status = stream.decompress_vec(rest, &mut decoded, FlushDecompress::Finish);
        let status = status.map_err(|error| broken(&error))?;
        if decoded.len() > max {
            return Err(DecodeError::TooLarge(max));
        }
        match status {
            Status::StreamEnd => return Ok(decoded),
            _ if decoded.len() < decoded.capacity() && decoded.len() == before => return Err(broken(&"it is cut off")),
            _ => decoded.reserve(decoded.len().clamp(1_024, 1 << 20)),
        }
    }
}

/// Whether the first two bytes are the head of zlib (RFC 1950).
fn is_zlib(body: &[u8]) -> bool {
    matches!(body, [cmf, flg, ..] if cmf & 0x0F == 8 && (u16::from(*cmf) << 8 | u16::from(*flg)).is_multiple_of(31))
}

fn read(decoder: impl Read, name: &str, max: usize) -> Result<Vec<u8>, DecodeError> {
    let mut decoded = Vec::new();
    let taken: io::Result<usize> = decoder.take(max as u64 + 1).read_to_end(&mut decoded);
    match taken {
        Ok(_) if decoded.len() > max => Err(DecodeError::TooLarge(max)),
        Ok(_) => Ok(decoded),
        Err(error) => Err(DecodeError::Broken(format!("{name}: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use std::io::Write as _;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn deflate(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn codings_are_undone_from_the_last_one() {
        let text = b"the same text, the same text";
        assert_eq!(&*decode("", text, 100).unwrap(), text);
        assert_eq!(&*decode("identity", text, 100).unwrap(), text);
        assert_eq!(&*decode("GZip", &gzip(text), 100).unwrap(), text);
        assert_eq!(&*decode("deflate", &zlib(text), 100).unwrap(), text);
        assert_eq!(&*decode("deflate", &deflate(text), 100).unwrap(), text);
        assert_eq!(&*decode("deflate, gzip", &gzip(&zlib(text)), 100).unwrap(), text);
        assert_eq!(&*decode("gzip, br", b"", 100).unwrap(), b"");
        let long: Vec<u8> = (0..200_000_u32).flat_map(u32::to_be_bytes).collect();
        assert_eq!(&*decode("deflate", &zlib(&long), 1_000_000).unwrap(), long);
        assert_eq!(&*decode("deflate", &deflate(&long), 1_000_000).unwrap(), long);
    }

    #[test]
    fn what_cannot_be_undone_says_why() {
        let bomb = gzip(&vec![0; 10_000_000]);
        assert!(bomb.len() < 20_000);
        assert_eq!(decode("gzip", &bomb, 1_000_000), Err(DecodeError::TooLarge(1_000_000)));
        assert_eq!(decode("zstd", b"", 10), Err(DecodeError::Unknown("zstd".to_owned())));
        assert!(matches!(decode("gzip", b"plain", 10), Err(DecodeError::Broken(_))));
        let cut = gzip(b"a text that is cut off in the middle of its last bytes");
        assert!(matches!(decode("gzip", &cut[..cut.len() - 9], 100), Err(DecodeError::Broken(_))));
        assert!(matches!(decode("gzip,gzip,gzip,gzip,gzip", b"", 10), Err(DecodeError::Unknown(_))));
        let text = b"a text that is cut off in the middle of its last bytes, by whoever sent it";
        for whole in [deflate(text), zlib(text), gzip(text)] {
            let name = if whole.starts_with(&[0x1F, 0x8B]) { "gzip" } else { "deflate" };
            for length in 1..whole.len() {
                let cut = decode(name, &whole[..length], 100);
                assert!(matches!(cut, Err(DecodeError::Broken(_))), "{name} of {length}: {cut:?}");
            }
        }
        let bomb = zlib(&vec![0; 10_000_000]);
        assert_eq!(decode("deflate", &bomb, 1_000_000), Err(DecodeError::TooLarge(1_000_000)));
        let mut brotli = Vec::new();
        brotli.extend_from_slice(b"\x0b\x02\x80hello\x03");
        assert_eq!(&*decode("br", &brotli, 100).unwrap(), b"hello");
        assert!(matches!(decode("br", &brotli[..brotli.len() - 2], 100), Err(DecodeError::Broken(_))));
    }
}
