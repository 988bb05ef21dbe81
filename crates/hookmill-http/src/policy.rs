//! Which hosts, addresses and ports flows may reach. Without exceptions: public addresses on sensible ports, so that
//! a flow is no way into the network around the server, nor to the keys that clouds hand out at fixed addresses.

mod entry;
mod ranges;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};

use hookmill_model::{Code, Explain, Fault};
use url::{Host, Url};

use self::entry::Entry;
pub use self::ranges::is_public;
use self::ranges::{is_port_usual, is_reserved_for_networks};
use crate::error::origin_text;
use crate::{SendError, SendErrorKind};

/// Where mail servers listen: between servers, with TLS, for clients, and the usual other one.
const MAIL_PORTS: [u16; 4] = [25, 465, 587, 2525];

/// Who may be called. [`AddressPolicy::default`] allows what is public.
///
/// An entry is a network (`10.1.0.0/16`, `fd00::/8`), an address (`10.1.2.3`, `[fd00::1]`), a host
/// (`gitlab.internal`) or all hosts below a domain (`*.internal`), each with or without a port (`10.1.0.0/16:443`,
/// `gitlab.internal:8443`). An entry with a port opens this port even where it is not a usual one.
#[derive(Clone, Debug, Default)]
pub struct AddressPolicy {
    allow: Vec<Entry>,
    deny: Vec<Entry>,
    listed_only: bool,
}

/// An entry of the configuration that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{entry}\" is not a host, an address or a network: {reason}")]
pub struct PolicyError {
    /// The entry as written.
    pub entry: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Explain for PolicyError {
    fn code(&self) -> Code {
        "outbound_entry_invalid"
    }

    fn fault(&self) -> Fault {
        Fault::Operator
    }

    fn hint(&self) -> Option<String> {
        Some(
            "Write entries like \"10.1.0.0/16:443\", \"gitlab.internal:8443\", \"*.internal\" or \"[fd00::1]:443\"."
                .to_owned(),
        )
    }
}

impl AddressPolicy {
    /// Reads the exceptions. `deny` wins over `allow`. With `listed_only`, nothing but `allow` can be reached.
    ///
    /// # Errors
    /// The first entry that is neither host, address nor network.
    pub fn new<S: AsRef<str>>(allow: &[S], deny: &[S], listed_only: bool) -> Result<Self, PolicyError> {
        let read = |entries: &[S]| entries.iter().map(|one| Entry::parse(one.as_ref())).collect::<Result<Vec<_>, _>>();
        Ok(Self { allow: read(allow)?, deny: read(deny)?, listed_only })
    }

    /// Whether a connection to `address`, which `host` resolved to (or which is the host itself), may be made.
    #[must_use]
    pub fn allows_address(&self, host: &str, address: IpAddr, port: u16) -> bool {
        self.allows(host, address, port, is_port_usual(port))
    }

    /// The addresses of a mail server that may be connected to. The ports of mail are open, everything else is as for
    /// calls; the connection must go to these addresses, since a second look-up could answer otherwise.
    ///
    /// # Errors
    /// [`SendErrorKind::HostNotFound`] where the name has no address, [`SendErrorKind::AddressNotAllowed`] where none of
    /// them may be reached.
    pub async fn mail_addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, SendError> {
        let name = host.trim_matches(['[', ']']);
        let found = tokio::net::lookup_host((name, port)).await;
        let found: Vec<SocketAddr> = found
            .map_err(|error| SendError::new(SendErrorKind::HostNotFound, format!("{host} has no address: {error}")))?
            .collect();
        let is_usual = MAIL_PORTS.contains(&port) || is_port_usual(port);
        let allowed: Vec<SocketAddr> =
            found.iter().copied().filter(|one| self.allows(name, one.ip(), port, is_usual)).collect();
        if allowed.is_empty() {
            let refused = found.first().map(ToString::to_string).unwrap_or_default();
            let words = format!("{host}:{port} is not allowed: the address policy refuses {refused}");
            return Err(SendError::new(SendErrorKind::AddressNotAllowed, words));
        }
        Ok(allowed)
    }

    fn allows(&self, host: &str, address: IpAddr, port: u16, is_usual: bool) -> bool {
        let address = address.to_canonical();
        let host = host.trim_end_matches('.');
        if self.deny.iter().any(|one| one.covers_address(address, port) || one.covers_host(host, port)) {
            return false;
        }
        // An exception by name must not open what a name server could put behind it: the addresses at which clouds
        // hand out keys are open by network only.
        let exception = self.allow.iter().find(|one| {
            one.covers_address(address, port) || (one.covers_host(host, port) && !is_reserved_for_networks(address))
        });
        match exception {
            Some(entry) => entry.has_port() || is_usual,
            None => !self.listed_only && is_usual && is_public(address),
        }
    }

    /// What can be said before the name is resolved.
    ///
    /// # Errors
    /// [`SendErrorKind::InvalidUrl`] for an address that can never be called, [`SendErrorKind::AddressNotAllowed`]
    /// for one that is refused.
    pub fn check_url(&self, url: &Url) -> Result<(), SendError> {
        let invalid = |words: &str| Err(SendError::new(SendErrorKind::InvalidUrl, words));
        if !matches!(url.scheme(), "http" | "https") {
            return invalid(&format!("\"{}:\" addresses cannot be called, only http and https", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return invalid("An address with a user name or password in it cannot be called; use a connection instead");
        }
        let Some(port) = url.port_or_known_default().filter(|port| *port != 0) else {
            return invalid("The address has no port");
        };
        let refused = |why: String| {
            let words = format!("{} is not allowed: {why}", origin_text(url));
            Err(SendError::new(SendErrorKind::AddressNotAllowed, words))
        };
        let (host, address) = match url.host() {
            Some(Host::Domain(name)) => (name.trim_end_matches('.').to_owned(), None),
            Some(Host::Ipv4(address)) => (address.to_string(), Some(IpAddr::V4(address))),
            Some(Host::Ipv6(address)) => (address.to_string(), Some(IpAddr::V6(address))),
            None => return invalid("The address has no host"),
        };
        if host.is_empty() {
            return invalid("The address has no host");
        }
        if !is_port_usual(port) && !self.allow.iter().any(|one| one.has_port() && one.covers_port(port)) {
            return refused(format!("port {port} is closed to flows"));
        }
        match address {
            Some(address) if !self.allows_address(&host, address, port) => {
                refused(format!("the address policy refuses {}", address.to_canonical()))
            }
            None if self.deny.iter().any(|one| one.covers_host(&host, port)) => {
                refused("the configuration denies this host".to_owned())
            }
            _ => Ok(()),
        }
    }
}
