//! Zones of link-local IPv6 addresses (RFC 4007): `fe80::1%eth0`.
//!
//! A link-local address is only meaningful on one link; the zone identifies that link by the name of an interface. It
//! is not part of [`IpAddr`], so it is kept next to the address where the two are displayed or connected to.

use std::fmt;
use std::net::IpAddr;

/// Maximum length of an interface name, in bytes (Linux: IFNAMSIZ without the terminating zero).
const MAX: usize = 15;

/// The name of an interface.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Zone {
    name: [u8; MAX],
    length: u8,
}

impl Zone {
    /// The zone with that name: 1 to 15 printable ASCII characters, except those with a special meaning in
    /// configurations, commands and JSON. Returns `None` for any other name.
    pub fn new(name: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:@+".contains(&byte);
        if name.is_empty() || name.len() > MAX || !name.bytes().all(fits) {
            return None;
        }
        let mut zone = Self {
            name: [0; MAX],
            length: u8::try_from(name.len()).ok()?,
        };
        zone.name[..name.len()].copy_from_slice(name.as_bytes());
        Some(zone)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        // The bytes were copied from a `str`.
        std::str::from_utf8(&self.name[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// Returns `true` for IPv6 link-local addresses, `fe80::/10`.
pub const fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// An address with the zone of its link. `Display` appends the zone to a link-local address: `fe80::1%eth0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Zoned(pub IpAddr, pub Option<Zone>);

impl fmt::Display for Zoned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(_) if is_link_local(self.0) => {
                write!(f, "{}", self.0)?;
                self.write_zone(f)
            }
            _ => self.0.fmt(f),
        }
    }
}

impl Zoned {
    /// Appends the zone to a link-local address.
    pub(crate) fn write_zone(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(zone) if is_link_local(self.0) => write!(f, "%{zone}"),
            _ => Ok(()),
        }
    }
}

impl std::str::FromStr for Zoned {
    type Err = &'static str;

    /// Reads an address, or a link-local one with its zone: `fe80::1%eth0`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, zone) = split(text).ok_or("no name of an interface after `%`")?;
        let address = address.parse().map_err(|_| "not an IP address")?;
        match zone {
            Some(_) if !is_link_local(address) => Err("only a link-local address has a zone"),
            zone => Ok(Self(address, zone)),
        }
    }
}

/// Splits `fe80::1%eth0` into the address and its zone. A word without `%` has no zone. Returns `None` if the text
/// after the `%` is not a valid zone.
pub fn split(word: &str) -> Option<(&str, Option<Zone>)> {
    match word.split_once('%') {
        None => Some((word, None)),
        Some((address, zone)) => Some((address, Some(Zone::new(zone)?))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_names_of_interfaces() {
        for name in ["eth0", "lo", "br-lan.100", "veth1@if2", "abcdefghijklmno"] {
            let zone = Zone::new(name).expect("a name");
            assert_eq!((zone.as_str(), zone.to_string()), (name, name.to_owned()));
        }
        for name in [
            "",
            "abcdefghijklmnop",
            "a b",
            "a/b",
            "a\"b",
            "a%b",
            "a;b",
            "ä",
        ] {
            assert_eq!(Zone::new(name), None, "{name}");
        }
    }

    #[test]
    fn only_link_local_addresses_are_shown_with_a_zone() {
        let zone = Zone::new("eth0");
        let shown = |address: &str| Zoned(address.parse().expect("an address"), zone).to_string();
        assert_eq!(shown("fe80::1"), "fe80::1%eth0");
        assert_eq!(shown("2001:db8::1"), "2001:db8::1");
        assert_eq!(shown("192.0.2.1"), "192.0.2.1");
        assert_eq!(
            "fe80::1%eth0".parse(),
            Ok(Zoned("fe80::1".parse().expect("an address"), zone))
        );
        assert!("192.0.2.1%eth0".parse::<Zoned>().is_err());
        assert_eq!(split("fe80::1%eth0"), Some(("fe80::1", zone)));
        assert_eq!(split("fe80::1"), Some(("fe80::1", None)));
        assert_eq!(split("fe80::1%"), None);
    }
}
