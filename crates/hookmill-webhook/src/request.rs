//! A request with what its parts say. Each part is read when it is first asked for, and only once.

use std::borrow::Cow;
use std::cell::OnceCell;

use hookmill_expression::content;
use hookmill_model::{Object, Str, Timestamp, Value};

use crate::decoding::{DecodeError, decode};

/// A call of a callback address.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// In capitals.
    pub method: &'a str,
    /// The callback address as it was registered, with the query as it came.
    pub url: &'a str,
    /// Header lines in the order in which they came.
    pub headers: &'a [(String, Vec<u8>)],
    /// The bytes as they were sent.
    pub body: &'a [u8],
}

impl Request<'_> {
    /// The first line of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// The first line of a header that is text.
    #[must_use]
    pub fn header_text(&self, name: &str) -> Option<&str> {
        self.header(name).and_then(|value| std::str::from_utf8(value).ok())
    }
}

/// What was answered when the webhook was created.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Registered {
    /// Names and texts.
    pub headers: Object,
    /// The body as a value.
    pub body: Value,
}

/// What Hookmill knows about a webhook, beside the request.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// The moment of the request.
    pub now: Timestamp,
    /// The active secrets; the first is the newest.
    pub secrets: &'a [Str],
    /// What was set in the connector or the trigger.
    pub parameters: &'a Object,
    /// Parameters of the trigger.
    pub inputs: &'a Object,
    /// Parameters of the connection.
    pub connection: &'a Object,
    /// The reply to the creation; `None` while it is not known.
    pub registered: Option<&'a Registered>,
    /// What handshakes left, by name.
    pub kept: &'a Object,
    /// Documents that were fetched before, by address.
    pub fetched: &'a dyn Fn(&str) -> Option<Str>,
    /// Whether the service said that it sent this request; `None` where it was not asked.
    pub asked: Option<bool>,
}

/// A request that is being read.
pub struct Reading<'a> {
    /// The request.
    pub request: Request<'a>,
    decoded: Result<Cow<'a, [u8]>, DecodeError>,
    json: OnceCell<Option<Value>>,
    form: OnceCell<Vec<(String, String)>>,
    query: OnceCell<Vec<(String, String)>>,
}

impl<'a> Reading<'a> {
    /// Undoes the codings of the body, up to `body_bytes_max`.
    pub fn new(request: Request<'a>, body_bytes_max: usize) -> Self {
        let lines = request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("content-encoding"));
        let coding: Vec<_> = lines.map(|(_, value)| String::from_utf8_lossy(value)).collect();
        let decoded = decode(&coding.join(","), request.body, body_bytes_max);
        Self { request, decoded, json: OnceCell::new(), form: OnceCell::new(), query: OnceCell::new() }
    }

    /// The body without its codings.
    pub fn decoded(&self) -> Result<&[u8], &DecodeError> {
        self.decoded.as_deref()
    }

    /// The type of the body.
    pub fn content_type(&self) -> &str {
        self.request.header_text("content-type").unwrap_or_default()
    }

    /// The type of the body in small letters, without parameters.
    pub fn media_type(&self) -> String {
        content::media_type(self.content_type())
    }

    /// The body as JSON, whatever its type says, with numbers as the text that stands there; `None` where it is none.
    pub fn json(&self) -> Option<&Value> {
        self.json.get_or_init(|| content::json_texts(self.content_type(), self.decoded().ok()?)).as_ref()
    }

    /// The body as JSON with numbers as numbers, for whoever is asked about it.
    pub fn event(&self) -> Option<Value> {
        content::body(Some("application/json"), self.decoded().ok()?).value
    }

    /// The fields of a form; none where the type says that it is no form.
    pub fn form(&self) -> &[(String, String)] {
        self.form.get_or_init(|| match self.decoded() {
            Ok(body) if self.media_type() == "application/x-www-form-urlencoded" => {
                url::form_urlencoded::parse(body).into_owned().collect()
            }
            _ => Vec::new(),
        })
    }

    /// The parameters of the address.
    pub fn query(&self) -> &[(String, String)] {
        self.query.get_or_init(|| {
            let query = self.request.url.split_once('?').map_or("", |(_, query)| query);
            let query = query.split('#').next().unwrap_or_default();
            url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
        })
    }

    /// The path of the address, as it was registered.
    pub fn path(&self) -> &str {
        let rest = self.request.url.split_once("://").map_or(self.request.url, |(_, rest)| rest);
        let path = if self.request.url.contains("://") { rest.find('/').map_or("/", |at| &rest[at..]) } else { rest };
        path.split(['?', '#']).next().unwrap_or_default()
    }
}
