//! How bytes stand in the columns of a database: compressed where that pays, several of them in one column.
//!
//! A column begins with one byte: 0 for bytes as they are, 1 for a zstd frame with checksum behind the length of its
//! content (four bytes, little-endian). Compressing doubles what the disk takes per second, and it happens on the task
//! that brings the bytes, never on the one that writes.

use std::cell::RefCell;
use std::io::Write as _;

use bytes::Bytes;
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::CParameter;

/// Shorter bytes are kept as they are.
const COMPRESSED_FROM: usize = 512;
/// No column holds more; SQLite and PostgreSQL both end a little above.
const CONTENT_MAX: usize = 900_000_000;
/// Parts that have more bytes together are compressed one after the other, so that they never stand in memory twice.
const STREAMED_FROM: usize = 1_024 * 1_024;
/// How hard the compression tries: as little as saves room in any text.
const LEVEL: i32 = 1;
/// The same for short bytes: a JSON body of 8 KB takes half the time of level 1 and a fifth more room. Names repeat in
/// it; texts in which nothing repeats, as long ones may be, would not get shorter at all.
const SHORT_LEVEL: i32 = -1;
const SHORT_MAX: usize = 16 * 1_024;
const PLAIN: u8 = 0;
const ZSTD: u8 = 1;

thread_local! {
    // Making a context costs more than compressing a usual body.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Why a column cannot be read.
pub type Problem = String;

/// The column for some bytes.
#[must_use]
pub fn pack(content: &[u8]) -> Vec<u8> {
    if content.len() >= COMPRESSED_FROM
        && content.len() <= CONTENT_MAX
        && let Some(packed) = compress(content)
        && packed.len() < content.len()
    {
        return packed;
    }
    let mut plain = Vec::with_capacity(content.len() + 1);
    plain.push(PLAIN);
    plain.extend_from_slice(content);
    plain
}

fn compress(content: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(content.len()).ok()?;
    COMPRESSOR.with_borrow_mut(|slot| {
        if slot.is_none() {
            let mut fresh = Compressor::new(LEVEL).ok()?;
            fresh.set_parameter(CParameter::ChecksumFlag(true)).ok()?;
            *slot = Some(fresh);
        }
        let compressor = slot.as_mut()?;
        let level = if content.len() <= SHORT_MAX { SHORT_LEVEL } else { LEVEL };
        compressor.set_parameter(CParameter::CompressionLevel(level)).ok()?;
        let mut frame = vec![0_u8; zstd::zstd_safe::compress_bound(content.len()) + 5];
        frame[0] = ZSTD;
        frame[1..5].copy_from_slice(&length.to_le_bytes());
        let written = compressor.compress_to_buffer(content, &mut frame[5..]).ok()?;
        frame.truncate(written + 5);
        frame.shrink_to_fit();
        Some(frame)
    })
}

/// The bytes of a column.
///
/// # Errors
/// Says what is wrong with a column that [`pack`] did not make.
pub fn unpack(column: &[u8]) -> Result<Bytes, Problem> {
    match column.split_first() {
        Some((&PLAIN, rest)) => Ok(Bytes::copy_from_slice(rest)),
        Some((&ZSTD, rest)) => {
            let (length, frame) = rest.split_first_chunk::<4>().ok_or("a compressed value has no length")?;
            let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
            if length > CONTENT_MAX {
                return Err(format!("a compressed value claims {length} bytes"));
            }
            DECOMPRESSOR.with_borrow_mut(|slot| {
                if slot.is_none() {
                    *slot = Some(Decompressor::new().map_err(|error| error.to_string())?);
                }
                let decompressor = slot.as_mut().ok_or("no decompressor")?;
                let content = decompressor.decompress(frame, length).map_err(|error| error.to_string())?;
                if content.len() == length {
                    Ok(Bytes::from(content))
                } else {
                    Err(format!("a compressed value has {} bytes, not {length}", content.len()))
                }
            })
        }
        _ => Err("a value has no known form".to_owned()),
    }
}

/// The column for several byte strings; [`unpack`] and [`split`] give them back.
#[must_use]
pub fn pack_all(parts: &[Vec<u8>]) -> Vec<u8> {
    let parts = || parts.iter().map(Vec::as_slice);
    let bytes: usize = parts().map(joined_len).sum();
    if (STREAMED_FROM..=CONTENT_MAX).contains(&bytes)
        && let Ok(packed) = compress_all(parts(), bytes)
        && packed.len() < bytes
    {
        return packed;
    }
    pack(&join(parts()))
}

fn compress_all<'a>(parts: impl Iterator<Item = &'a [u8]>, bytes: usize) -> std::io::Result<Vec<u8>> {
    let mut frame = vec![ZSTD];
    frame.extend(u32::try_from(bytes).map_err(std::io::Error::other)?.to_le_bytes());
    let mut encoder = zstd::stream::write::Encoder::new(frame, LEVEL)?;
    encoder.include_checksum(true)?;
    let mut length = Vec::new();
    for part in parts {
        length.clear();
        put_length(&mut length, part.len());
        encoder.write_all(&length)?;
        encoder.write_all(part)?;
    }
    encoder.finish()
}

/// Writes a length, seven bits in each byte, the lowest first; all bytes but the last have the highest bit set.
fn put_length(into: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        into.push((length & 0x7F) as u8 | 0x80);
        length >>= 7;
    }
    into.push((length & 0x7F) as u8);
}

/// How many bytes a part takes in what [`join`] gives, its length included.
const fn joined_len(part: &[u8]) -> usize {
    let length_bytes = match part.len().checked_ilog2() {
        Some(bits) => 1 + bits as usize / 7,
        None => 1,
    };
    length_bytes + part.len()
}

/// Several byte strings as one: the length of each, then its bytes.
pub fn join<'a>(parts: impl IntoIterator<Item = &'a [u8], IntoIter: Clone>) -> Vec<u8> {
    let parts = parts.into_iter();
    let mut joined = Vec::with_capacity(parts.clone().map(joined_len).sum());
    for part in parts {
        put_length(&mut joined, part.len());
        joined.extend_from_slice(part);
    }
    joined
}

/// What [`join`] put together. The parts share the memory of the whole.
///
/// # Errors
/// Says what is wrong with bytes that [`join`] did not make.
pub fn split(joined: &Bytes) -> Result<Vec<Bytes>, Problem> {
    let mut parts = Vec::new();
    let mut at = 0_usize;
    while at < joined.len() {
        let (part, end) = part(joined, at)?;
        parts.push(part);
        at = end;
    }
    Ok(parts)
}

/// The first of what [`join`] put together; empty where there is nothing.
///
/// # Errors
/// As [`split`].
pub fn split_first(joined: &Bytes) -> Result<Bytes, Problem> {
    if joined.is_empty() { Ok(Bytes::new()) } else { part(joined, 0).map(|(part, _)| part) }
}

/// The part that begins at `at`, and where it ends.
fn part(joined: &Bytes, mut at: usize) -> Result<(Bytes, usize), Problem> {
    let mut length = 0_usize;
    let mut shift = 0_u32;
    loop {
        let byte = *joined.get(at).ok_or("a list of values is cut off")?;
        at += 1;
        if shift > 56 {
            return Err("a list of values has an impossible length".to_owned());
        }
        length |= usize::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            break;
        }
        shift += 7;
    }
    let end = at.checked_add(length).filter(|end| *end <= joined.len()).ok_or("a list of values is cut off")?;
    Ok((joined.slice(at..end), end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back() {
        for length in [0, 1, 511, 512, 7_700, 300_000] {
            let content: Vec<u8> = (0..length).map(|index| b"{\"pusher\":\"octo\"},"[index % 18]).collect();
            let column = pack(&content);
            assert_eq!(unpack(&column).as_deref(), Ok(&content[..]), "{length}");
            assert!(length < 512 || column.len() < length / 2, "{length} bytes became {}", column.len());
        }
    }

    #[test]
    fn long_texts_in_which_nothing_repeats_get_shorter() {
        let numbers: Vec<String> = (0..90_000).map(|number| number.to_string()).collect();
        let text = numbers.join(",");
        for _ in 0..2 {
            assert!(pack(text.as_bytes()).len() < text.len() / 2);
            // What is short is compressed in another way in between.
            assert_eq!(unpack(&pack(&text.as_bytes()[..7_000])).as_deref(), Ok(&text.as_bytes()[..7_000]));
        }
    }

    #[test]
    fn noise_is_kept_as_it_is() {
        let mut seed = 1_u64;
        let noise: Vec<u8> = (0..5_000)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (seed >> 56) as u8
            })
            .collect();
        assert_eq!(pack(&noise).len(), noise.len() + 1);
        assert_eq!(unpack(&pack(&noise)).as_deref(), Ok(&noise[..]));
    }

    #[test]
    fn damage_is_found() {
        let column = pack(&b"a body that repeats itself; ".repeat(100));
        for place in 0..column.len() {
            let mut damaged = column.clone();
            damaged[place] ^= 0x11;
            assert!(unpack(&damaged).is_err(), "place {place}");
        }
        assert!(unpack(&[]).is_err());
        assert!(unpack(&[1, 255, 255, 255, 255]).is_err());
    }

    #[test]
    fn parts_come_back() {
        let parts: Vec<Vec<u8>> = vec![vec![], vec![1; 127], vec![2; 128], vec![3; 70_000]];
        let joined = Bytes::from(join(parts.iter().map(Vec::as_slice)));
        let found: Vec<Vec<u8>> = split(&joined).unwrap().iter().map(|part| part.to_vec()).collect();
        assert_eq!(found, parts);
        assert!(split(&joined.slice(..joined.len() - 1)).is_err());
    }

    #[test]
    fn parts_of_any_size_come_back_from_one_column() {
        let text = |bytes: usize| b"0123456789 and so on; ".iter().copied().cycle().take(bytes).collect::<Vec<u8>>();
        for parts in [
            vec![],
            vec![vec![], text(127), text(128)],
            vec![text(16_383), text(16_384)],
            vec![text(3)],
            vec![text(500), text(700)],
            vec![text(9), text(STREAMED_FROM), text(2)],
        ] {
            let column = pack_all(&parts);
            let joined = join(parts.iter().map(Vec::as_slice));
            assert_eq!(joined.len(), parts.iter().map(|part| joined_len(part)).sum::<usize>());
            let found = split(&unpack(&column).unwrap()).unwrap();
            assert_eq!(found.iter().map(|part| part.to_vec()).collect::<Vec<_>>(), parts);
            let bytes: usize = parts.iter().map(Vec::len).sum();
            assert!(bytes < STREAMED_FROM || column.len() < bytes / 10, "{bytes} bytes became {}", column.len());
        }
        // The same content gives the same bytes to whoever reads, compressed at once or part by part.
        let large = vec![text(STREAMED_FROM), text(7)];
        assert_eq!(unpack(&pack_all(&large)), unpack(&pack(&join(large.iter().map(Vec::as_slice)))));
    }
}
