//! Reading the files that commands name; `-` is standard input.

use std::io::Read;

use anyhow::{Context, Result, bail};
use hookmill_connector::MAX_DOCUMENT_BYTES;
use hookmill_definition::Limits;
use hookmill_model::Value;

/// Larger files are refused: no definition or set of cases comes near.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The first `most` bytes of a file.
fn begin(path: &str, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = if path == "-" {
        std::io::stdin().take(most).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes))
    };
    read.with_context(|| format!("cannot read {path}"))?;
    Ok(bytes)
}

/// A connector's document or properties. Of one that is too long only so much comes that its reader refuses it.
pub fn document(path: &str) -> Result<Vec<u8>> {
    begin(path, MAX_DOCUMENT_BYTES as u64 + 1)
}

/// The bytes of a file.
pub fn bytes(path: &str) -> Result<Vec<u8>> {
    let bytes = begin(path, FILE_BYTES_MAX + 1)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        bail!("{path} is larger than {} MiB", FILE_BYTES_MAX / 1024 / 1024);
    }
    Ok(bytes)
}

/// The JSON in a file; a byte order mark is skipped.
pub fn json(path: &str) -> Result<Value> {
    let bytes = bytes(path)?;
    let bare = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
    Value::from_json(bare).with_context(|| format!("{path} is not JSON"))
}

/// The cases in a file: an array, or an object with `cases`.
pub fn cases(path: &str) -> Result<Vec<Value>> {
    let file = json(path)?;
    match file.as_array().or_else(|| file.get("cases").and_then(Value::as_array)) {
        Some(cases) => Ok(cases.to_vec()),
        None => bail!("{path} holds no array of test cases"),
    }
}

/// The bounds of definitions and runs: the defaults, and what a TOML file says otherwise.
pub fn limits(path: Option<&str>) -> Result<Limits> {
    let Some(path) = path else { return Ok(Limits::default()) };
    let bytes = bytes(path)?;
    let text = std::str::from_utf8(&bytes).with_context(|| format!("{path} is not a text"))?;
    toml::from_str(text).with_context(|| format!("{path} does not hold limits"))
}

/// The time now; commands that work offline read the clock only here.
pub fn now() -> hookmill_model::Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    hookmill_model::Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
