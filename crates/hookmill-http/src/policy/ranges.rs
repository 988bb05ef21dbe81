//! The ranges of addresses that are not public, and the ports that are not for the web.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::entry::contains;

/// Not public by the IANA registries, and one public number at which a cloud answers with keys.
const CLOSED_V4: &[([u8; 4], u32)] = &[
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
    ([168, 63, 129, 16], 32),
];

/// Not public, or a wrapping of an IPv4 address that could be any.
const CLOSED_V6: &[([u16; 8], u32)] = &[
    ([0, 0, 0, 0, 0, 0, 0, 0], 96),
    // "IPv4-translated" (RFC 2765): another wrapping than ::ffff:0:0/96, which counts as the address inside.
    ([0, 0, 0, 0, 0xffff, 0, 0, 0], 96),
    ([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96),
    ([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48),
    ([0x100, 0, 0, 0, 0, 0, 0, 0], 64),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 32),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
    ([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
    ([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8),
];

/// What an exception by name never opens.
const BY_NETWORK_ONLY_V4: &[([u8; 4], u32)] =
    &[([0, 0, 0, 0], 8), ([169, 254, 0, 0], 16), ([168, 63, 129, 16], 32), ([224, 0, 0, 0], 4), ([240, 0, 0, 0], 4)];
const BY_NETWORK_ONLY_V6: &[([u16; 8], u32)] = &[
    ([0, 0, 0, 0, 0, 0, 0, 0], 128),
    ([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0], 32),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8),
];

/// Ports above 1023 that browsers refuse as well, since other protocols can be spoken to in HTTP.
const CLOSED_PORTS: &[u16] = &[
    1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];

/// Whether the address is one of the public internet. IPv4 addresses in IPv6 form count as what they are.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    !listed(address, CLOSED_V4, CLOSED_V6)
}

/// Whether only an exception that names the network may open the address.
pub(super) fn is_reserved_for_networks(address: IpAddr) -> bool {
    listed(address, BY_NETWORK_ONLY_V4, BY_NETWORK_ONLY_V6)
}

/// Whether the port needs no exception.
pub(super) fn is_port_usual(port: u16) -> bool {
    match port {
        80 | 443 => true,
        0..=1023 => false,
        _ => !CLOSED_PORTS.contains(&port),
    }
}

fn listed(address: IpAddr, four: &[([u8; 4], u32)], six: &[([u16; 8], u32)]) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => four
            .iter()
            .any(|(network, bits)| contains(IpAddr::V4(Ipv4Addr::from(*network)), *bits, IpAddr::V4(address))),
        IpAddr::V6(address) => {
            six.iter().any(|(network, bits)| contains(IpAddr::V6(Ipv6Addr::from(*network)), *bits, IpAddr::V6(address)))
        }
    }
}
