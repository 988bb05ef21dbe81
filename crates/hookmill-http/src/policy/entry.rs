//! One exception of the address policy: a host or a network, with or without a port.

use std::net::IpAddr;

use super::PolicyError;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    place: Place,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Host(String),
    /// Everything below a domain, kept with its leading dot.
    Below(String),
    Network(IpAddr, u32),
}

impl Entry {
    pub(super) fn parse(text: &str) -> Result<Self, PolicyError> {
        let entry = text.trim();
        let refuse = |reason: &str| PolicyError { entry: entry.to_owned(), reason: reason.to_owned() };
        let (place, port) = split_port(entry).ok_or_else(|| refuse("the port must be 1 to 65535"))?;
        if place.is_empty() {
            return Err(refuse("it is empty"));
        }
        if let Some((address, bits)) = place.split_once('/') {
            let address: IpAddr = address.parse().map_err(|_| refuse("what stands before / is not an address"))?;
            let widest = if address.is_ipv4() { 32 } else { 128 };
            let bits: u32 = bits
                .parse()
                .ok()
                .filter(|bits| *bits <= widest)
                .ok_or_else(|| refuse(&format!("what stands behind / must be a number from 0 to {widest}")))?;
            return Ok(Self { place: Place::Network(address, bits), port });
        }
        if let Ok(address) = place.parse::<IpAddr>() {
            let address = address.to_canonical();
            let bits = if address.is_ipv4() { 32 } else { 128 };
            return Ok(Self { place: Place::Network(address, bits), port });
        }
        let (below, name) = match place.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, place),
        };
        // The same reading of names as in addresses: lower case, international names in their ASCII form.
        let name = match url::Host::parse(name) {
            Ok(url::Host::Domain(name)) => name.trim_end_matches('.').to_owned(),
            Ok(url::Host::Ipv4(address)) if !below => {
                return Ok(Self { place: Place::Network(IpAddr::V4(address), 32), port });
            }
            _ => return Err(refuse("it is not a name")),
        };
        let place = if below { Place::Below(format!(".{name}")) } else { Place::Host(name) };
        Ok(Self { place, port })
    }

    pub(super) fn has_port(&self) -> bool {
        self.port.is_some()
    }

    pub(super) fn covers_port(&self, port: u16) -> bool {
        self.port.is_none_or(|own| own == port)
    }

    pub(super) fn covers_host(&self, host: &str, port: u16) -> bool {
        self.covers_port(port)
            && match &self.place {
                Place::Host(name) => host.eq_ignore_ascii_case(name),
                Place::Below(suffix) => {
                    host.len() > suffix.len()
                        && host.is_char_boundary(host.len() - suffix.len())
                        && host[host.len() - suffix.len()..].eq_ignore_ascii_case(suffix)
                }
                Place::Network(..) => false,
            }
    }

    pub(super) fn covers_address(&self, address: IpAddr, port: u16) -> bool {
        self.covers_port(port)
            && match &self.place {
                Place::Network(network, bits) => contains(*network, *bits, address),
                Place::Host(_) | Place::Below(_) => false,
            }
    }
}

/// Splits a port off the end; `None` where it is not a port.
fn split_port(entry: &str) -> Option<(&str, Option<u16>)> {
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port != 0).map(Some);
    if let Some(rest) = entry.strip_prefix('[') {
        let (place, tail) = rest.split_once(']')?;
        return match tail.strip_prefix(':') {
            Some(text) => Some((place, port(text)?)),
            None if tail.is_empty() => Some((place, None)),
            None => None,
        };
    }
    match entry.split_once(':') {
        // More than one colon without brackets is an IPv6 address or network.
        Some((_, rest)) if rest.contains(':') => Some((entry, None)),
        Some((place, text)) => Some((place, port(text)?)),
        None => Some((entry, None)),
    }
}

pub(super) fn contains(network: IpAddr, bits: u32, address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            network.to_bits() & mask == address.to_bits() & mask
        }
        _ => false,
    }
}
