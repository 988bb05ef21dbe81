//! Where a request comes from: the address of the caller, and the network that bounds are counted for.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use axum::http::{Extensions, HeaderMap};

/// Who is at the other end of the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub IpAddr);

/// A network that bounds are counted for: one IPv4 address, or the /64 network that one IPv6 customer has at least.
#[derive(serde::Serialize, serde::Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Source(IpAddr);

impl Source {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(own) => Self(IpAddr::V6(Ipv6Addr::from_bits(own.to_bits() & !u128::from(u64::MAX)))),
            own @ IpAddr::V4(_) => Self(own),
        }
    }
}

/// The proxies whose `X-Forwarded-For` and `X-Forwarded-Host` are believed.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<Network>);

#[derive(Clone, Copy, Debug)]
struct Network {
    address: IpAddr,
    prefix: u8,
}

/// What is neither an address nor a network such as `10.0.0.0/8`.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is neither an address nor a network such as 10.0.0.0/8")]
pub struct NotANetwork(String);

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let wrong = || NotANetwork(text.to_owned());
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.trim().parse().map_err(|_| wrong())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(bits), |prefix| prefix.trim().parse().map_err(|_| wrong()))?;
        if prefix > bits { Err(wrong()) } else { Ok(Self { address, prefix }) }
    }
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        let (own, other, bits) = match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => (own.to_bits().into(), other.to_bits().into(), 32),
            (IpAddr::V6(own), IpAddr::V6(other)) => (own.to_bits(), other.to_bits(), 128),
            _ => return false,
        };
        let difference: u128 = own ^ other;
        difference.checked_shr(bits - u32::from(self.prefix)).unwrap_or(0) == 0
    }
}

impl TrustedProxies {
    /// From addresses and networks.
    ///
    /// # Errors
    /// Names the entry that is neither.
    pub fn new(entries: &[String]) -> Result<Self, NotANetwork> {
        entries.iter().map(|entry| entry.trim().parse()).collect::<Result<_, _>>().map(Self)
    }

    /// Whether this is one of them.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address.to_canonical()))
    }

    /// The caller of a request. Behind a trusted proxy it is the last address of `X-Forwarded-For` that is not a trusted
    /// proxy itself; what a caller wrote before it is not believed.
    pub(crate) fn caller(&self, extensions: &Extensions, headers: &HeaderMap) -> Option<IpAddr> {
        let Peer(peer) = *extensions.get::<Peer>()?;
        if !self.contains(peer) {
            return Some(peer);
        }
        let lines = headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok());
        let named: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
        let mut caller = peer;
        for name in named.into_iter().rev() {
            let Some(address) = forwarded(name) else { break };
            caller = address;
            if !self.contains(address) {
                break;
            }
        }
        Some(caller)
    }
}

/// An address of `X-Forwarded-For`, some of which carry a port.
fn forwarded(name: &str) -> Option<IpAddr> {
    let address = name.parse().or_else(|_| name.parse::<std::net::SocketAddr>().map(|own| own.ip()));
    address.ok().map(|own: IpAddr| own.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(trusted: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let trusted: Vec<String> = trusted.iter().map(|&entry| entry.to_owned()).collect();
        let mut extensions = Extensions::new();
        extensions.insert(Peer(peer.parse().unwrap()));
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        TrustedProxies::new(&trusted).unwrap().caller(&extensions, &headers).unwrap().to_string()
    }

    #[test]
    fn only_trusted_proxies_name_the_caller() {
        assert_eq!(caller(&[], "127.0.0.1", &["198.51.100.7"]), "127.0.0.1");
        assert_eq!(caller(&["127.0.0.0/8"], "127.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(caller(&["127.0.0.1"], "127.0.0.1", &["1.1.1.1, 198.51.100.7:5112"]), "198.51.100.7");
        assert_eq!(caller(&["127.0.0.1", "10.0.0.0/8"], "127.0.0.1", &["6.6.6.6, 9.9.9.9", "10.1.2.3"]), "9.9.9.9");
        assert_eq!(caller(&["127.0.0.1"], "127.0.0.1", &["6.6.6.6, nonsense"]), "127.0.0.1");
        assert_eq!(caller(&["127.0.0.1"], "127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(caller(&["fd00::/8"], "fd00::1", &["2001:db8::5"]), "2001:db8::5");
        assert_eq!(caller(&["0.0.0.0/0"], "8.8.8.8", &["9.9.9.9"]), "9.9.9.9");
    }

    #[test]
    fn wrong_networks_are_named() {
        for wrong in ["", "10.0.0.0/33", "host", "10.0.0/8", "::/129"] {
            assert!(TrustedProxies::new(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_source_is_an_address_or_a_customer_network() {
        let of = |text: &str| Source::of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3::4"), of("2001:db8:1:2::9"));
        assert_ne!(of("2001:db8:1:2::"), of("2001:db8:1:3::"));
        assert_eq!(of("::ffff:9.9.9.9"), of("9.9.9.9"));
        assert_ne!(of("9.9.9.9"), of("9.9.9.8"));
    }
}
