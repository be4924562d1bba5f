//! Address ranges.

use std::net::{IpAddr, Ipv6Addr};

/// An IP network in CIDR notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Parses `address/prefix`; `None` if it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        let address = canonical(address.parse().ok()?);
        let prefix: u8 = prefix.parse().ok()?;
        (prefix <= bits(address)).then_some(Self { address, prefix })
    }

    /// Whether `address` lies within; IPv4 addresses mapped into IPv6 are the IPv4 addresses they are.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        match (self.address, canonical(address)) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                u32::from(network) & mask == u32::from(address) & mask
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                u128::from(network) & mask == u128::from(address) & mask
            }
            _ => false,
        }
    }
}

/// The IPv4 address that an IPv6 address stands for, or the address itself.
pub(super) fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// An address as a URL's host spells it, with or without the brackets of IPv6.
pub(super) fn parse_address(host: &str) -> Option<IpAddr> {
    if let Some(inner) = host.strip_prefix('[') {
        return inner.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(|a| canonical(IpAddr::V6(a)));
    }
    host.parse().ok().map(canonical)
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn ranges() {
        let ten = Network::parse("10.1.0.0/16").unwrap();
        assert!(ten.contains("10.1.2.3".parse().unwrap()));
        assert!(ten.contains("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!ten.contains("10.2.0.0".parse().unwrap()));
        assert!(Network::parse("0.0.0.0/0").unwrap().contains("1.2.3.4".parse().unwrap()));
        assert!(!Network::parse("0.0.0.0/0").unwrap().contains("::1".parse().unwrap()));
        assert!(Network::parse("fd00::/8").unwrap().contains("fdff::1".parse().unwrap()));
        assert!(Network::parse("::/0").unwrap().contains("fdff::1".parse().unwrap()));
    }

    #[test]
    fn what_is_no_range() {
        for text in ["10.0.0.0", "10.0.0.0/33", "::/129", "x/8", "10.0.0.0/", "/8"] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
