//! E-mail through one SMTP server: one connection, one message, errors that say at which step it ended.

use std::fmt;
use std::time::Duration;

use hookmill_model::{Code, Explain, Fault};
use lettre::Message;
use lettre::message::{Mailbox, Mailboxes, MultiPart, header};
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use zeroize::Zeroizing;

/// How the connection is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// TLS from the first byte; usual on port 465.
    Tls,
    /// TLS after `STARTTLS`, which must be offered; usual on port 587.
    #[default]
    StartTls,
    /// None: for a server on the same machine or network only.
    None,
}

/// The server that takes messages.
#[derive(Clone)]
pub struct SmtpSettings {
    /// Its name, which its certificate must carry.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Where to connect to: the addresses of the host that the address policy allows.
    pub addresses: Vec<std::net::SocketAddr>,
    /// How the connection is protected.
    pub security: SmtpSecurity,
    /// User name and password, where the server wants them.
    pub credentials: Option<(String, Zeroizing<String>)>,
    /// The sender: `admin@example.com` or `Hookmill <admin@example.com>`.
    pub from: String,
    /// The longest time for the whole message.
    pub timeout: Duration,
}

impl fmt::Debug for SmtpSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpSettings")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("security", &self.security)
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

/// One message. Lists of addresses are separated by `;` or `,`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// What makes its `Message-ID`, so that a message which is sent again is known again; empty for a new one.
    pub mark: String,
    /// Who gets it.
    pub to: String,
    /// Who gets a copy; empty for nobody.
    pub cc: String,
    /// Who gets a copy that the others do not see; empty for nobody.
    pub bcc: String,
    /// Where answers go; empty for the sender.
    pub reply_to: String,
    /// The subject; line breaks become spaces.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same as HTML, where there is one.
    pub html: Option<String>,
}

/// Why a message was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// An address is not one.
    #[error("\"{address}\" in \"{field}\" is not an e-mail address")]
    AddressInvalid {
        /// `from`, `to`, `cc`, `bcc` or `reply to`.
        field: &'static str,
        /// As written.
        address: String,
    },
    /// Nobody would get it.
    #[error("the message has no receiver")]
    NoReceiver,
    /// The message cannot be written down.
    #[error("the message cannot be written: {0}")]
    MessageInvalid(String),
    /// The address policy closes the server.
    #[error("the mail server {server} may not be reached: {reason}")]
    NotAllowed {
        /// Host and port.
        server: String,
        /// What the policy says.
        reason: String,
    },
    /// There is no connection to the server.
    #[error("no connection to the mail server {server}: {reason}")]
    Unreachable {
        /// Host and port.
        server: String,
        /// What happened.
        reason: String,
    },
    /// The connection could not be protected.
    #[error("no secure connection to the mail server {server}: {reason}")]
    Tls {
        /// Host and port.
        server: String,
        /// What happened.
        reason: String,
    },
    /// The server does not accept user name and password.
    #[error("the mail server {server} does not accept the user name and password: {reason}")]
    AuthenticationRefused {
        /// Host and port.
        server: String,
        /// What it said.
        reason: String,
    },
    /// The server refuses the message.
    #[error("the mail server {server} refuses the message: {reason}")]
    Refused {
        /// Host and port.
        server: String,
        /// What it said.
        reason: String,
        /// Whether it said that it may take the message later.
        later: bool,
    },
    /// The connection broke or the time ran out.
    #[error("the mail server {server} did not finish: {reason}")]
    Interrupted {
        /// Host and port.
        server: String,
        /// What happened.
        reason: String,
        /// Whether it may have the message nevertheless.
        maybe_sent: bool,
    },
}

impl MailError {
    /// Whether the server may have the message nevertheless. `false` is certain.
    #[must_use]
    pub const fn maybe_sent(&self) -> bool {
        matches!(self, Self::Interrupted { maybe_sent: true, .. })
    }

    /// Whether the same message may be taken later.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Interrupted { .. } | Self::Refused { later: true, .. })
    }
}

impl Explain for MailError {
    fn code(&self) -> Code {
        match self {
            Self::AddressInvalid { .. } => "mail_address_invalid",
            Self::NoReceiver => "mail_no_receiver",
            Self::MessageInvalid(_) => "mail_message_invalid",
            Self::NotAllowed { .. } => "address_not_allowed",
            Self::Unreachable { .. } => "mail_server_unreachable",
            Self::Tls { .. } => "mail_server_tls_failed",
            Self::AuthenticationRefused { .. } => "mail_authentication_refused",
            Self::Refused { .. } => "mail_refused",
            Self::Interrupted { .. } => "mail_interrupted",
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::AddressInvalid { field: "from", .. } => Fault::Operator,
            Self::AddressInvalid { .. } | Self::NoReceiver | Self::MessageInvalid(_) => Fault::Author,
            Self::NotAllowed { .. } | Self::Tls { .. } | Self::AuthenticationRefused { .. } => Fault::Operator,
            Self::Unreachable { .. } | Self::Refused { .. } | Self::Interrupted { .. } => Fault::Service,
        }
    }

    fn hint(&self) -> Option<String> {
        let words = match self {
            Self::AddressInvalid { .. } => "Write addresses like name@example.com, several with ; between.",
            Self::NoReceiver => "Give at least one address.",
            Self::MessageInvalid(_) => return None,
            Self::NotAllowed { .. } => {
                "Let the person who runs the server allow a mail server in its own network: --allow-address host:port."
            }
            Self::Unreachable { .. } => "Check host and port of the mail server in the settings.",
            Self::Tls { .. } => "Check the security in the settings: TLS for port 465, STARTTLS for port 587.",
            Self::AuthenticationRefused { .. } => {
                "Check user name and password; many services want a password made for one app."
            }
            Self::Refused { later: true, .. } => "Try again later.",
            Self::Refused { later: false, .. } => {
                "Check the addresses, and whether the server lets you send as this sender."
            }
            Self::Interrupted { maybe_sent: true, .. } => {
                "See whether the message has arrived before it is sent again."
            }
            Self::Interrupted { .. } => "Try again later.",
        };
        Some(words.to_owned())
    }
}

/// Sends one message and waits until the server has taken it.
///
/// # Errors
/// [`MailError`], by the step at which it ended.
pub async fn send(settings: &SmtpSettings, mail: &Mail) -> Result<(), MailError> {
    let (message, hello) = compose(settings, mail)?;
    let server = format!("{}:{}", settings.host, settings.port);
    // The server acts on the message only after its last line, which is part of this step.
    let mut delivering = false;
    let ended =
        tokio::time::timeout(settings.timeout, Box::pin(deliver(settings, &server, &message, &hello, &mut delivering)));
    match ended.await {
        Ok(ended) => ended,
        Err(_) => Err(MailError::Interrupted {
            server,
            reason: format!("nothing more came within {} s", settings.timeout.as_secs_f64()),
            maybe_sent: delivering,
        }),
    }
}

async fn deliver(
    settings: &SmtpSettings,
    server: &str,
    message: &Message,
    hello: &ClientId,
    delivering: &mut bool,
) -> Result<(), MailError> {
    let tls = || {
        TlsParameters::new(settings.host.clone())
            .map_err(|error| MailError::Tls { server: server.to_owned(), reason: words(&error) })
    };
    let at_once = if settings.security == SmtpSecurity::Tls { Some(tls()?) } else { None };
    let mut connection =
        AsyncSmtpConnection::connect_tokio1(&settings.addresses[..], Some(settings.timeout), hello, at_once, None)
            .await
            .map_err(|error| connecting(server, &error))?;
    if settings.security == SmtpSecurity::StartTls {
        if !connection.can_starttls() {
            connection.abort().await;
            let reason = "it does not offer STARTTLS".to_owned();
            return Err(MailError::Tls { server: server.to_owned(), reason });
        }
        connection.starttls(tls()?, hello).await.map_err(|error| match connecting(server, &error) {
            MailError::Unreachable { server, reason } => MailError::Tls { server, reason },
            other => other,
        })?;
    }
    if let Some((user, password)) = &settings.credentials {
        let credentials = Credentials::new(user.clone(), password.as_str().to_owned());
        let signed_in = connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await;
        if let Err(error) = signed_in {
            connection.abort().await;
            return Err(match error.status() {
                None if !error.is_client() => interrupted(server, &error, false),
                _ if error.is_transient() => {
                    MailError::Refused { server: server.to_owned(), reason: words(&error), later: true }
                }
                _ => MailError::AuthenticationRefused { server: server.to_owned(), reason: words(&error) },
            });
        }
    }
    *delivering = true;
    let sent = connection.send(message.envelope(), &message.formatted()).await;
    *delivering = false;
    match sent {
        Ok(_) => {
            // The message is taken; how the farewell ends does not matter.
            let _ = connection.quit().await;
            Ok(())
        }
        Err(error) => {
            connection.abort().await;
            Err(if error.is_transient() || error.is_permanent() || error.is_client() {
                let later = error.is_transient();
                MailError::Refused { server: server.to_owned(), reason: words(&error), later }
            } else {
                interrupted(server, &error, true)
            })
        }
    }
}

fn connecting(server: &str, error: &smtp::Error) -> MailError {
    let server = server.to_owned();
    let reason = words(error);
    if error.is_tls() || reason.contains("certificate") || reason.contains("corrupt message") {
        return MailError::Tls { server, reason };
    }
    if error.is_permanent() || error.is_transient() {
        return MailError::Refused { server, reason, later: error.is_transient() };
    }
    MailError::Unreachable { server, reason }
}

fn interrupted(server: &str, error: &smtp::Error, maybe_sent: bool) -> MailError {
    MailError::Interrupted { server: server.to_owned(), reason: words(error), maybe_sent }
}

/// The innermost reason, which is the one that says something.
fn words(error: &smtp::Error) -> String {
    let mut last: &dyn std::error::Error = error;
    while let Some(next) = last.source() {
        last = next;
    }
    if error.is_permanent() || error.is_transient() {
        return error.to_string();
    }
    last.to_string()
}

fn compose(settings: &SmtpSettings, mail: &Mail) -> Result<(Message, ClientId), MailError> {
    let from = mailbox("from", &settings.from)?;
    let hello = ClientId::Domain(from.email.domain().to_owned());
    let id = (!mail.mark.is_empty()).then(|| format!("<{}@{}>", mail.mark, from.email.domain()));
    let mut builder = Message::builder().subject(one_line(&mail.subject)).message_id(id).date_now();
    let mut receivers = 0;
    for (field, list) in [("to", &mail.to), ("cc", &mail.cc), ("bcc", &mail.bcc)] {
        let mut boxes = Mailboxes::new();
        for address in addresses(list) {
            boxes.push(mailbox(field, address)?);
            receivers += 1;
        }
        if boxes.iter().next().is_none() {
            continue;
        }
        builder = match field {
            "to" => builder.mailbox(header::To::from(boxes)),
            "cc" => builder.mailbox(header::Cc::from(boxes)),
            _ => builder.mailbox(header::Bcc::from(boxes)),
        };
    }
    if receivers == 0 {
        return Err(MailError::NoReceiver);
    }
    for address in addresses(&mail.reply_to) {
        builder = builder.reply_to(mailbox("reply to", address)?);
    }
    builder = builder.from(from);
    let written = match &mail.html {
        None => builder.header(header::ContentType::TEXT_PLAIN).body(mail.text.clone()),
        Some(html) => builder.multipart(MultiPart::alternative_plain_html(mail.text.clone(), html.clone())),
    };
    let message = written.map_err(|error| MailError::MessageInvalid(error.to_string()))?;
    Ok((message, hello))
}

fn mailbox(field: &'static str, address: &str) -> Result<Mailbox, MailError> {
    address
        .trim()
        .parse()
        .map_err(|_| MailError::AddressInvalid { field, address: address.trim().chars().take(128).collect() })
}

/// Splits a list at `;` and `,` outside of quotes.
fn addresses(list: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    list.split(move |one: char| {
        if one == '"' {
            quoted = !quoted;
        }
        !quoted && matches!(one, ';' | ',')
    })
    .map(str::trim)
    .filter(|one| !one.is_empty())
}

/// A subject must not begin another header.
fn one_line(text: &str) -> String {
    text.split(['\r', '\n']).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
