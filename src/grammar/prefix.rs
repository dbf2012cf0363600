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

    /// Reads a prefix in its usual form at the start of `text`, up to a space, a newline or the end: the fast path of
    /// [`Prefix::parse`]. Returns its length in bytes as well. `None` means that `parse` must decide, and find the error.
    pub fn read(text: &[u8]) -> Option<(Self, usize)> {
        let (prefix, length) = read_ipv4(text).or_else(|| {
            let length = text.iter().position(|byte| matches!(byte, b' ' | b'\n'));
            let length = length.unwrap_or(text.len());
            // The longest IPv6 prefix: eight groups of four digits, seven colons, `/128`.
            let word = str::from_utf8(text[..length].get(..length.min(43))?).ok()?;
            let prefix = Self::parse(word, Span::default()).ok()?;
            (word.len() == length && !prefix.address.is_ipv4()).then_some((prefix, length))
        })?;
        match text.get(length) {
            None | Some(b' ' | b'\n') => Some((prefix, length)),
            Some(_) => None,
        }
    }

    /// Appends its wire form: the length in bits, and the octets that the length needs.
    pub fn encode(self, out: &mut Vec<u8>) {
        let used = usize::from(self.bits.div_ceil(8));
        out.push(self.bits);
        match self.address {
            IpAddr::V4(address) => out.extend_from_slice(&address.octets()[..used.min(4)]),
            IpAddr::V6(address) => out.extend_from_slice(&address.octets()[..used.min(16)]),
        }
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

/// Reads `A.B.C.D` or `A.B.C.D/BITS` without superfluous zeros and host bits at the start of `text`.
fn read_ipv4(text: &[u8]) -> Option<(Prefix, usize)> {
    let mut at = 0;
    let mut address = 0u32;
    for index in 0..4 {
        let (octet, end) = read_number(text, at)?;
        address = address << 8 | u32::from(u8::try_from(octet).ok()?);
        at = end;
        if index < 3 {
            if text.get(at) != Some(&b'.') {
                return None;
            }
            at += 1;
        }
    }
    let mut bits = 32;
    if text.get(at) == Some(&b'/') {
        let (length, end) = read_number(text, at + 1)?;
        bits = u8::try_from(length).ok().filter(|bits| *bits <= 32)?;
        at = end;
    }
    let host = u32::MAX.checked_shr(bits.into()).unwrap_or(0);
    (address & host == 0).then(|| {
        let address = IpAddr::V4(address.into());
        (Prefix { address, bits }, at)
    })
}

/// Reads a number of at most three digits, without superfluous zeros.
fn read_number(text: &[u8], mut at: usize) -> Option<(u16, usize)> {
    let digit = |at: usize| {
        let byte = text.get(at)?.wrapping_sub(b'0');
        (byte <= 9).then_some(u16::from(byte))
    };
    let mut number = digit(at)?;
    at += 1;
    for _ in 0..2 {
        let Some(next) = digit(at) else {
            break;
        };
        if number == 0 {
            return None;
        }
        number = number * 10 + next;
        at += 1;
    }
    Some((number, at))
}

impl std::fmt::Display for Prefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}
