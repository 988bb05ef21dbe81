//! Content objects: bytes with their type, as JSON has them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookmill_model::{Object, Str, Value};

/// What XML leaves the expression as.
pub(crate) const XML_TYPE: &str = "application/xml;charset=utf-8";

/// A content object of these bytes.
pub(crate) fn content(media_type: &str, bytes: &[u8]) -> Value {
    Value::object([("$content-type", media_type.to_owned()), ("$content", STANDARD.encode(bytes))])
}

/// The bytes of a content object; `None` for any other object.
pub(crate) fn content_bytes(members: &Object) -> Option<Vec<u8>> {
    members.get("$content-type")?.as_str()?;
    let known = |name: &Str| matches!(&**name, "$content-type" | "$content" | "$formdata" | "$multipart");
    if !members.keys().all(known) {
        return None;
    }
    STANDARD.decode(members.get("$content")?.as_str()?).ok()
}

/// The media type of a content object.
pub(crate) fn content_type(members: &Object) -> Option<&str> {
    members.get("$content-type")?.as_str()
}
