//! A network as it is written: `10.0.0.0/8`, `2001:db8::/32`, or an address for a host.

use std::net::IpAddr;

use smallvec::SmallVec;

use crate::bgp::Afi;
pub(crate) use crate::bgp::nlri::inet::mask;
use crate::text::{Span, SyntaxError, value};

/// A network: address and length in bits, no bit set beyond the length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prefix {
    /// The address.
    pub address: IpAddr,
    /// Length in bits.
    pub bits: u8,
}

impl Prefix {
    /// Reads `10.0.0.0/8`, `2001:db8::/32`, or an address for a host.
    ///
    /// # Errors
    /// When it is none of these, or has host bits set; `span` is where it stands.
    pub fn parse(word: &str, span: Span) -> Result<Self, SyntaxError> {
        let Some((address, bits)) = value::prefix(word) else {
            return Err(SyntaxError::expected(
                span,
                "a prefix such as `192.0.2.0/24`",
                word,
            ));
        };
        let network = Self {
            address: mask(address, bits),
            bits,
        };
        if network.address != address {
            return Err(
                SyntaxError::new(span, format!("`{word}` has bits set beyond its length"))
                    .with_help(format!("the network is `{network}`")),
            );
        }
        Ok(network)
    }

    /// The address family.
    pub const fn afi(self) -> Afi {
        if self.address.is_ipv4() {
            Afi::IPV4
        } else {
            Afi::IPV6
        }
    }

    /// The octets that its length needs.
    pub(super) fn octets(self) -> SmallVec<[u8; 16]> {
        let used = usize::from(self.bits.div_ceil(8));
        match self.address {
            IpAddr::V4(address) => address.octets().into_iter().take(used).collect(),
            IpAddr::V6(address) => address.octets().into_iter().take(used).collect(),
        }
    }
}

impl std::fmt::Display for Prefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}
