//! Why there is no answer, in words for the maker of a flow.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use hookmill_model::{Code, Explain, Fault};
use url::Url;

use crate::connect::ConnectTimedOut;
use crate::resolver::{NameNotFound, NothingAllowed};

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SendErrorKind {
    /// The text is not an absolute `http` or `https` address that can be called.
    InvalidUrl,
    /// A header or method cannot be sent.
    InvalidRequest,
    /// The address policy refuses the host, its addresses or the port.
    AddressNotAllowed,
    /// The name has no address.
    HostNotFound,
    /// Nobody listens there.
    ConnectionRefused,
    /// The connection could not be made or broke.
    ConnectionFailed,
    /// No trusted, encrypted connection could be agreed on.
    Tls,
    /// Time ran out.
    TimedOut,
    /// Too many requests to this origin are under way; the time ran out while waiting for a place.
    Busy,
    /// The answer is larger than allowed.
    ResponseTooLarge,
    /// The answer is not HTTP, or ended early.
    InvalidResponse,
    /// The service led on and on.
    TooManyRedirects,
}

impl SendErrorKind {
    /// The stable name.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::InvalidUrl => "invalid_url",
            Self::InvalidRequest => "invalid_request",
            Self::AddressNotAllowed => "address_not_allowed",
            Self::HostNotFound => "host_not_found",
            Self::ConnectionRefused => "connection_refused",
            Self::ConnectionFailed => "connection_failed",
            Self::Tls => "tls_failed",
            Self::TimedOut => "request_timed_out",
            Self::Busy => "service_busy",
            Self::ResponseTooLarge => "response_too_large",
            Self::InvalidResponse => "invalid_response",
            Self::TooManyRedirects => "too_many_redirects",
        }
    }
}

/// There is no answer. The text never holds a query, a header or a body.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct SendError {
    /// What went wrong.
    pub kind: SendErrorKind,
    /// A sentence that names the origin.
    pub message: String,
    /// Whether the request may have reached the service. `false` is certain.
    pub maybe_sent: bool,
    /// Whether the same request may succeed later.
    pub retryable: bool,
}

impl SendError {
    pub(crate) fn new(kind: SendErrorKind, message: impl Into<String>) -> Self {
        let retryable = matches!(
            kind,
            SendErrorKind::HostNotFound
                | SendErrorKind::ConnectionRefused
                | SendErrorKind::ConnectionFailed
                | SendErrorKind::Tls
                | SendErrorKind::TimedOut
                | SendErrorKind::Busy
                | SendErrorKind::InvalidResponse
        );
        Self { kind, message: message.into(), maybe_sent: false, retryable }
    }

    pub(crate) fn sent(mut self, maybe_sent: bool) -> Self {
        self.maybe_sent = maybe_sent;
        self
    }

    pub(crate) fn timed_out(origin: &str, limit: Duration, maybe_sent: bool) -> Self {
        let seconds = limit.as_secs_f64();
        let message = if maybe_sent {
            format!("{origin} did not answer completely within {seconds} s; it may have received the request")
        } else {
            format!("No connection to {origin} within {seconds} s; nothing was sent")
        };
        Self::new(SendErrorKind::TimedOut, message).sent(maybe_sent)
    }

    /// From the failure of the HTTP library, before or while the answer was read; `connecting` where there was no
    /// connection yet.
    pub(crate) fn from_transport(
        url: &Url,
        limit: Duration,
        error: &(dyn StdError + 'static),
        connecting: bool,
        maybe_sent: bool,
    ) -> Self {
        let origin = origin_text(url);
        let maybe_sent = maybe_sent && !connecting;
        let mut timed_out = false;
        let mut io_kind = None;
        let mut tls = None;
        let mut last = String::new();
        let mut next: Option<&(dyn StdError + 'static)> = Some(error);
        while let Some(one) = next {
            if let Some(refused) = one.downcast_ref::<NothingAllowed>() {
                return Self::new(SendErrorKind::AddressNotAllowed, format!("{origin} is not allowed: {refused}"));
            }
            if let Some(unknown) = one.downcast_ref::<NameNotFound>() {
                return Self::new(
                    SendErrorKind::HostNotFound,
                    format!("The name of {origin} has no address: {unknown}"),
                );
            }
            if let Some(found) = one.downcast_ref::<rustls::Error>() {
                tls = Some(tls_words(found));
            }
            // An I/O error skips what it wraps when asked for its source, and wraps others of its kind.
            let mut wrapping = one.downcast_ref::<io::Error>();
            while let Some(found) = wrapping {
                match found.get_ref() {
                    Some(inner) => {
                        tls = inner.downcast_ref::<rustls::Error>().map(tls_words).or(tls);
                        wrapping = inner.downcast_ref::<io::Error>();
                        io_kind = Some(found.kind());
                    }
                    None => {
                        io_kind = Some(found.kind());
                        wrapping = None;
                    }
                }
            }
            timed_out |= one.is::<ConnectTimedOut>() || io_kind == Some(io::ErrorKind::TimedOut);
            last = one.to_string();
            next = one.source();
        }
        if let Some(words) = tls {
            return Self::new(SendErrorKind::Tls, format!("No secure connection to {origin}: {words}"))
                .sent(maybe_sent);
        }
        if timed_out {
            return Self::timed_out(&origin, limit, maybe_sent);
        }
        match io_kind {
            Some(io::ErrorKind::ConnectionRefused) => {
                Self::new(SendErrorKind::ConnectionRefused, format!("Nobody accepts connections at {origin}"))
            }
            Some(io::ErrorKind::UnexpectedEof) if url.scheme() == "https" && connecting => {
                let message = format!(
                    "No secure connection to {origin}: it hung up during the TLS handshake; is it an http address?"
                );
                Self::new(SendErrorKind::Tls, message)
            }
            _ if connecting => Self::new(SendErrorKind::ConnectionFailed, format!("No connection to {origin}: {last}")),
            Some(_) => Self::new(SendErrorKind::ConnectionFailed, format!("The connection to {origin} broke: {last}")),
            None => Self::new(SendErrorKind::InvalidResponse, format!("{origin} did not answer in HTTP: {last}")),
        }
        .sent(maybe_sent)
    }
}

/// Scheme, host and port: all of an address that may be shown.
pub(crate) fn origin_text(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn tls_words(error: &rustls::Error) -> String {
    use rustls::CertificateError as Certificate;
    match error {
        rustls::Error::InvalidCertificate(reason) => match reason {
            Certificate::Expired | Certificate::ExpiredContext { .. } => "its certificate has expired".to_owned(),
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
                "its certificate is not valid yet; is the clock of this server right?".to_owned()
            }
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                "its certificate is for another name".to_owned()
            }
            Certificate::UnknownIssuer => {
                "its certificate is not signed by an authority that is trusted here".to_owned()
            }
            Certificate::Revoked => "its certificate was revoked".to_owned(),
            other => format!("its certificate is refused ({other})"),
        },
        rustls::Error::InvalidMessage(_) => "it does not speak TLS on this port".to_owned(),
        rustls::Error::AlertReceived(alert) => format!("it ended the handshake ({alert:?})"),
        other => other.to_string(),
    }
}

impl Explain for SendError {
    fn code(&self) -> Code {
        self.kind.code()
    }

    fn fault(&self) -> Fault {
        match self.kind {
            SendErrorKind::InvalidUrl
            | SendErrorKind::InvalidRequest
            | SendErrorKind::AddressNotAllowed
            | SendErrorKind::HostNotFound => Fault::Author,
            SendErrorKind::ConnectionRefused
            | SendErrorKind::ConnectionFailed
            | SendErrorKind::Tls
            | SendErrorKind::TimedOut
            | SendErrorKind::Busy
            | SendErrorKind::ResponseTooLarge
            | SendErrorKind::InvalidResponse
            | SendErrorKind::TooManyRedirects => Fault::Service,
        }
    }

    fn hint(&self) -> Option<String> {
        let words = match self.kind {
            SendErrorKind::InvalidUrl => "Write the whole address, such as https://api.example.com/items.",
            SendErrorKind::InvalidRequest => {
                "Check the method and the headers: names have no spaces, values no line breaks."
            }
            SendErrorKind::AddressNotAllowed => {
                "Addresses of private networks and of this machine are closed to flows. An administrator can open this \
                 one with [outbound] allow = [\"host:port\"] in the configuration."
            }
            SendErrorKind::HostNotFound => "Check the spelling of the host, and the name server of this machine.",
            SendErrorKind::ConnectionRefused => "Check the port, and whether the service runs.",
            SendErrorKind::ConnectionFailed => {
                "Check whether the service can be reached from this machine; then try again."
            }
            SendErrorKind::Tls => {
                "Check https or http, the port and the certificate of the service. A private authority can be added to \
                 the configuration."
            }
            SendErrorKind::TimedOut if self.maybe_sent => {
                "The service is slow: see there whether the request took effect."
            }
            SendErrorKind::TimedOut => "Check whether the service can be reached from this machine; then try again.",
            SendErrorKind::Busy => "Other requests to this service are still waiting for it: try again later.",
            SendErrorKind::ResponseTooLarge => {
                "Ask for less, such as one page, or raise the limit in the configuration."
            }
            SendErrorKind::InvalidResponse => "Check https or http and the port; then try again.",
            SendErrorKind::TooManyRedirects => "Use the address that the service leads to in the end.",
        };
        Some(words.to_owned())
    }
}
