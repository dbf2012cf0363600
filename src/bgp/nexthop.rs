//! Next hops: the NEXT_HOP attribute, the next-hop field of MP_REACH_NLRI in all its lengths, and `self`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::family::{Family, Safi};
use crate::wire::{Reader, WireError};

/// The next hop of a route. `Display` is the configuration syntax: an address, or `self`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NextHop {
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// A global IPv6 address.
    V6(Ipv6Addr),
    /// A global IPv6 address and a link-local one (RFC 2545 section 3).
    V6LinkLocal(Ipv6Addr, Ipv6Addr),
    /// The local address of the session that the route is sent on; never on the wire.
    SelfAddress,
}

/// What precedes an address in VPN families (RFC 4364 section 4.3.4: "VPN-IPv4 address with an RD of 0").
pub(crate) const ZERO_RD: &str = "a zero route distinguisher";

impl NextHop {
    /// The address (the global one of two), unless this is `self`.
    pub const fn address(self) -> Option<IpAddr> {
        match self {
            Self::V4(address) => Some(IpAddr::V4(address)),
            Self::V6(address) | Self::V6LinkLocal(address, _) => Some(IpAddr::V6(address)),
            Self::SelfAddress => None,
        }
    }

    /// Reads the next-hop field of MP_REACH_NLRI: 4, 16 or 32 bytes; in VPN families a zero route distinguisher
    /// precedes each address. Returns `None` for the empty field of FlowSpec (RFC 8955 section 4).
    ///
    /// # Errors
    /// Returns an error on every other length, and on a route distinguisher that is not zero.
    pub fn decode(field: &[u8], family: Family) -> Result<Option<Self>, WireError> {
        const WHAT: &str =
            "a next hop of 4, 16 or 32 bytes, in VPN families after a zero route distinguisher";
        let mut r = Reader::new(field);
        if field.is_empty() {
            return Ok(None);
        }
        let vpn = match family.safi {
            Safi::MPLS_VPN | Safi::BGP_LS_VPN => true,
            // FlowSpec has no next hop, but some speakers send one.
            Safi::FLOW_VPN => matches!(field.len(), 12 | 24 | 48),
            _ => false,
        };
        let distinguisher = |r: &mut Reader<'_>| -> Result<(), WireError> {
            if vpn && r.u64(WHAT)? != 0 {
                // One without a route distinguisher is too short.
                let is_whole = matches!(r.remaining(), 4 | 16 | 32 | 40);
                return Err(r.error(if is_whole { ZERO_RD } else { WHAT }));
            }
            Ok(())
        };
        distinguisher(&mut r)?;
        let hop = match r.remaining() {
            4 => Self::V4(r.array::<4>(WHAT)?.into()),
            16 => Self::V6(r.array::<16>(WHAT)?.into()),
            // RFC 4659 3.2.1.1: both VPN addresses have a route distinguisher; ExaBGP expects one before the first
            // address only.
            length @ (32 | 40) => {
                let global = r.array::<16>(WHAT)?.into();
                if length == 40 {
                    distinguisher(&mut r)?;
                }
                Self::V6LinkLocal(global, r.array::<16>(WHAT)?.into())
            }
            _ => return Err(r.error(WHAT)),
        };
        r.finish(WHAT)?;
        Ok(Some(hop))
    }
}

impl From<Ipv4Addr> for NextHop {
    fn from(address: Ipv4Addr) -> Self {
        Self::V4(address)
    }
}

impl From<Ipv6Addr> for NextHop {
    fn from(address: Ipv6Addr) -> Self {
        Self::V6(address)
    }
}

impl From<IpAddr> for NextHop {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6(address),
        }
    }
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address() {
            Some(IpAddr::V4(address)) => address.fmt(f),
            Some(IpAddr::V6(address)) => Ipv6Text(address).fmt(f),
            None => f.write_str("self"),
        }
    }
}

/// An IPv6 address as printed by C's `inet_ntop`, the form that scripts for ExaBGP expect: the last four octets are
/// an IPv4 address if all octets before them are zero (`::1.2.3.4`).
pub(crate) struct Ipv6Text(pub Ipv6Addr);

impl fmt::Display for Ipv6Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.segments() {
            [0, 0, 0, 0, 0, 0, high, _] if high != 0 => {
                let [.., a, b, c, d] = self.0.octets();
                write!(f, "::{a}.{b}.{c}.{d}")
            }
            _ => self.0.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_look_like_those_of_c() {
        for text in [
            "::1.2.3.4",
            "::33.0.0.0",
            "::1",
            "::ffff:1.2.3.4",
            "::",
            "2001:db8::1:0:0:1",
            "1::1.2.3.4",
        ] {
            let address: Ipv6Addr = text.parse().expect("an address");
            let expected = if text == "1::1.2.3.4" {
                "1::102:304"
            } else {
                text
            };
            assert_eq!(Ipv6Text(address).to_string(), expected);
        }
    }

    #[test]
    fn all_lengths_of_the_field() {
        let vpn = Family::IPV6_MPLS_VPN;
        assert_eq!(NextHop::decode(&[], Family::IPV4_UNICAST), Ok(None));
        assert_eq!(
            NextHop::decode(&[1, 2, 3, 4], Family::IPV4_UNICAST),
            Ok(Some(NextHop::V4(Ipv4Addr::new(1, 2, 3, 4))))
        );
        assert_eq!(
            NextHop::decode(&[0; 32], Family::IPV6_UNICAST),
            Ok(Some(NextHop::V6LinkLocal([0; 16].into(), [0; 16].into())))
        );
        assert_eq!(
            NextHop::decode(&[0; 24], vpn),
            Ok(Some(NextHop::V6([0; 16].into())))
        );
        assert_eq!(
            NextHop::decode(&[0; 48], vpn),
            Ok(Some(NextHop::V6LinkLocal([0; 16].into(), [0; 16].into())))
        );
        assert_eq!(
            NextHop::decode(&[0; 40], vpn),
            Ok(Some(NextHop::V6LinkLocal([0; 16].into(), [0; 16].into())))
        );
        for length in [4, 16, 32] {
            assert!(NextHop::decode(&vec![0; length], vpn).is_err(), "{length}");
        }
        assert!(NextHop::decode(&[1; 24], vpn).is_err());
        for length in [1, 3, 5, 15, 17, 31, 33, 40] {
            assert!(
                NextHop::decode(&vec![0; length], Family::IPV6_UNICAST).is_err(),
                "{length}"
            );
        }
    }
}
