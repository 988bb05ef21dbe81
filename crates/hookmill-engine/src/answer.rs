//! The answer to a caller, and which headers it can have. What a Response action says of them is decided here, so that the
//! history shows what was sent.

use hookmill_expression::content;
use hookmill_model::{Object, Value};

use crate::fact::{self, Fact};
use crate::state::Response;

impl Response {
    /// The answer that a fact brings.
    #[must_use]
    pub fn of(fact: &Fact) -> Option<Self> {
        match fact {
            Fact::Responded(fact::Responded { status, headers, body, .. }) => {
                Some(Self { status: *status, headers: headers.clone(), body: body.clone() })
            }
            _ => None,
        }
    }
}

/// Headers that no answer of a flow has, wherever they come from: they would last longer than the answer, lead the
/// browser on, change what pages may do, or say where the answer ends.
pub const TAKEN_OUT_HEADERS: [&str; 24] = [
    "accept-ch",
    "alt-svc",
    "clear-site-data",
    "connection",
    "content-length",
    "document-policy",
    "keep-alive",
    "nel",
    "origin-agent-cluster",
    "permissions-policy",
    "proxy-connection",
    "public-key-pins",
    "refresh",
    "report-to",
    "reporting-endpoints",
    "service-worker-allowed",
    "set-cookie",
    "set-cookie2",
    "speculation-rules",
    "strict-transport-security",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Further headers that are not sent although a Response names them, because this server writes them itself or they
/// mean nothing in an answer. Logic Apps leaves such headers out as well. All others that begin with `content-` are left
/// out, but those that [`is_removed`] names.
const OWN_HEADERS: [&str; 13] = [
    "allow",
    "cookie",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "expires",
    "last-modified",
    "proxy-authenticate",
    "referrer-policy",
    "x-content-type-options",
    "x-ms-client-tracking-id",
    "x-ms-tracking-id",
    "x-ms-workflow-run-id",
    "x-request-id",
];

/// Headers of one answer.
const HEADERS_MAX: usize = 256;
/// The bytes of their names and values.
const HEADER_BYTES_MAX: usize = 64 * 1_024;

/// Whether a Response that names a header is sent without it.
#[must_use]
pub fn is_removed(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let is_of_body = ["content-disposition", "content-encoding", "content-type"].contains(&lower.as_str());
    let listed = [&TAKEN_OUT_HEADERS[..], &OWN_HEADERS].iter().any(|names| names.contains(&lower.as_str()));
    lower.starts_with("content-") && !is_of_body || listed
}

/// The headers of an answer, without those that are left out.
///
/// # Errors
/// One cannot be sent: its name is none, its value has more than one line, or there is too much of them. The reason, as
/// a sentence.
pub(crate) fn headers(written: Option<&Value>) -> Result<Object, String> {
    let mut headers = Object::new();
    let mut bytes = 0;
    for (name, value) in written.and_then(Value::as_object).into_iter().flat_map(Object::iter) {
        if is_removed(name) {
            continue;
        }
        let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_of_name) {
            return Err(format!("'{name}' cannot be the name of a header."));
        }
        let text = content::to_text(value);
        if text.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
            return Err(format!("The value of the header '{name}' has a character that a header cannot have."));
        }
        bytes += name.len() + text.len();
        headers.insert(name.clone(), text);
    }
    if headers.len() > HEADERS_MAX || bytes > HEADER_BYTES_MAX {
        return Err(format!(
            "The headers of a Response may be {HEADERS_MAX}, with {} KiB together.",
            HEADER_BYTES_MAX / 1_024
        ));
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> Result<Object, String> {
        headers(Some(&Value::from_json(json.as_bytes()).unwrap()))
    }

    #[test]
    fn what_cannot_be_sent_is_named() {
        let sent = of(r#"{"X-A":1,"Set-Cookie":"a=b","Content-MD5":"x","content-type":"text/plain","X-B":"Käse\t"}"#);
        let sent = sent.unwrap();
        assert_eq!(sent.keys().map(|name| &**name).collect::<Vec<_>>(), ["X-A", "content-type", "X-B"]);
        for (wrong, named) in [
            (r#"{"X A":"1"}"#, "'X A'"),
            (r#"{"":"1"}"#, "''"),
            (r#"{"X-Ä":"1"}"#, "'X-Ä'"),
            (r#"{"X-A":"1\r\nX-B: 2"}"#, "'X-A'"),
            (r#"{"X-A":"\u0000"}"#, "'X-A'"),
        ] {
            let why = of(wrong).unwrap_err();
            assert!(why.contains(named), "{wrong}: {why}");
        }
        let many: Object = (0..300).map(|number| (format!("X-{number}"), "1".to_owned())).collect();
        assert!(headers(Some(&many.into())).unwrap_err().contains("256"));
        let long = Value::object([("X-A", Value::from("a".repeat(70_000)))]);
        assert!(headers(Some(&long)).unwrap_err().contains("64 KiB"));
    }
}
