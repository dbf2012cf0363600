//! IPv4 and IPv6 unicast and multicast prefixes (RFC 4271 section 4.3, RFC 4760 section 5).
//!
//! ```text
//! +---------------------------+
//! |   Length (1 octet)        |   in bits
//! +---------------------------+
//! |   Prefix (variable)       |   as many octets as the length needs
//! +---------------------------+
//! ```
//!
//! A received prefix is kept as received, host bits included. RFC 4271 4.3: "the value of trailing bits is
//! irrelevant"; so they are cleared in the key and wherever the prefix is printed, in announcements as well as in
//! withdrawals.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::{Nlri, NlriBytes, NlriCodec, NlriKey, NlriRef};
use crate::bgp::family::{Afi, Family};
use crate::bgp::nexthop::{Ipv6Text, NextHop};
use crate::json::JsonWriter;
use crate::text::{Cursor, SyntaxError, value};
use crate::wire::{Reader, WireError};

/// IPv4 and IPv6 prefixes.
#[derive(Clone, Copy, Debug)]
pub struct Inet;

impl NlriCodec for Inet {
    const FAMILIES: &'static [Family] = &[
        Family::IPV4_UNICAST,
        Family::IPV6_UNICAST,
        Family::IPV4_MULTICAST,
        Family::IPV6_MULTICAST,
    ];

    fn frame<'a>(family: Family, r: &mut Reader<'a>) -> Result<&'a [u8], WireError> {
        let bits = r.peek().first().copied().unwrap_or_default();
        if bits > max_bits(family.afi) {
            return Err(r.error("a prefix length of the family"));
        }
        r.take(1 + usize::from(bits.div_ceil(8)), "a prefix")
    }

    fn key(_: Family, bytes: &[u8], key: &mut NlriKey) {
        key.extend_from_slice(bytes);
        let spare = bytes.first().map_or(0, |bits| (8 - bits % 8) % 8);
        if let Some(last) = key.last_mut().filter(|_| spare > 0) {
            *last &= 0xFF << spare;
        }
    }

    fn json(nlri: NlriRef<'_>, _: Option<NextHop>, w: &mut JsonWriter) {
        prefix_json(nlri.family.afi, nlri.bytes, w);
        path_json(nlri.path_id, w);
        w.raw(" }");
    }

    fn text(nlri: NlriRef<'_>, next_hop: Option<NextHop>, out: &mut String) {
        prefix_text(nlri.family.afi, nlri.bytes, out);
        path_text(nlri.path_id, out);
        next_hop_text(next_hop, out);
    }
}

/// A unicast route. Host bits are cleared.
impl From<IpNet> for Nlri {
    fn from(prefix: IpNet) -> Self {
        Self {
            family: match prefix {
                IpNet::V4(_) => Family::IPV4_UNICAST,
                IpNet::V6(_) => Family::IPV6_UNICAST,
            },
            path_id: None,
            bytes: prefix_bytes(prefix.addr(), prefix.prefix_len()),
        }
    }
}

/// An IPv4 unicast route. Host bits are cleared.
impl From<Ipv4Net> for Nlri {
    fn from(prefix: Ipv4Net) -> Self {
        IpNet::V4(prefix).into()
    }
}

/// An IPv6 unicast route. Host bits are cleared.
impl From<Ipv6Net> for Nlri {
    fn from(prefix: Ipv6Net) -> Self {
        IpNet::V6(prefix).into()
    }
}

impl Nlri {
    /// The prefix of a unicast or multicast route; see [`NlriRef::prefix`].
    pub fn prefix(&self) -> Option<IpNet> {
        self.as_ref().prefix()
    }

    /// The same route with a path identifier (RFC 7911). Sessions without ADD-PATH do not send it.
    #[must_use]
    pub fn with_path_id(self, path_id: u32) -> Self {
        Self {
            path_id: Some(path_id),
            ..self
        }
    }
}

impl NlriRef<'_> {
    /// The prefix of an IPv4 or IPv6 unicast or multicast route, host bits cleared; `None` in other families.
    ///
    /// ```
    /// use oxabgp::bgp::Nlri;
    ///
    /// let prefix: ipnet::IpNet = "203.0.113.0/24".parse().expect("a prefix");
    /// assert_eq!(Nlri::from(prefix).prefix(), Some(prefix));
    /// ```
    pub fn prefix(&self) -> Option<IpNet> {
        if !Inet::FAMILIES.contains(&self.family) {
            return None;
        }
        let (address, bits) = prefix_of(self.family.afi, self.bytes);
        IpNet::new(address, bits).ok()
    }
}

/// Reads an address of that family from the sentence of a route.
pub(super) fn address_word(afi: Afi, c: &mut Cursor<'_>) -> Result<IpAddr, SyntaxError> {
    let expected = match afi {
        Afi::IPV4 => "an IPv4 address",
        _ => "an IPv6 address",
    };
    c.value(expected, |word| {
        value::ip(word).filter(|address| address.is_ipv4() == (afi == Afi::IPV4))
    })
}

/// Number of bits in an address of that family.
pub(crate) const fn max_bits(afi: Afi) -> u8 {
    if afi.0 == Afi::IPV4.0 { 32 } else { 128 }
}

/// The wire form of a prefix. Host bits are cleared.
pub fn prefix_bytes(address: IpAddr, bits: u8) -> NlriBytes {
    let mut bytes = NlriBytes::new();
    bytes.push(bits);
    let used = usize::from(bits.div_ceil(8));
    match address {
        IpAddr::V4(address) => bytes.extend(address.octets().into_iter().take(used)),
        IpAddr::V6(address) => bytes.extend(address.octets().into_iter().take(used)),
    }
    let spare = (8 - bits % 8) % 8;
    if spare > 0
        && let Some(last) = bytes.last_mut()
    {
        *last &= 0xFF << spare;
    }
    bytes
}

/// The address and length of a prefix in wire form. Host bits are cleared.
pub fn prefix_of(afi: Afi, bytes: &[u8]) -> (IpAddr, u8) {
    let (bits, octets) = bytes
        .split_first()
        .map_or((0, bytes), |(bits, octets)| (*bits, octets));
    (mask(address_of(afi, octets), bits), bits)
}

/// `address` with all bits beyond the first `bits` cleared.
pub(crate) fn mask(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX
                .checked_shl(32 - u32::from(bits.min(32)))
                .unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from(u32::from(address) & mask))
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX
                .checked_shl(128 - u32::from(bits.min(128)))
                .unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from(u128::from(address) & mask))
        }
    }
}

/// The address with these leading octets.
pub(crate) fn address_of(afi: Afi, octets: &[u8]) -> IpAddr {
    if afi == Afi::IPV4 {
        let mut full = [0; 4];
        full.iter_mut()
            .zip(octets)
            .for_each(|(to, from)| *to = *from);
        Ipv4Addr::from(full).into()
    } else {
        let mut full = [0; 16];
        full.iter_mut()
            .zip(octets)
            .for_each(|(to, from)| *to = *from);
        Ipv6Addr::from(full).into()
    }
}

/// Appends `10.0.0.0/8`.
pub(crate) fn prefix_text(afi: Afi, bytes: &[u8], out: &mut String) {
    let (address, bits) = prefix_of(afi, bytes);
    match address {
        IpAddr::V4(address) => push_ipv4(address, out),
        // Writing to a String cannot fail.
        IpAddr::V6(address) => drop(write!(out, "{}", Ipv6Text(address))),
    }
    out.push('/');
    out.push_str(itoa::Buffer::new().format(bits));
}

/// Appends `{ "nlri": "10.0.0.0/8"`, the start of the JSON of a prefix.
fn prefix_json(afi: Afi, bytes: &[u8], w: &mut JsonWriter) {
    const START: &str = "{ \"nlri\": \"";
    let (address, bits) = prefix_of(afi, bytes);
    match address {
        IpAddr::V4(address) => {
            // The most frequent fragment of all events is put together before it is appended.
            let mut text = Ascii::default();
            text.address(address, b'/');
            text.number(bits, b'"');
            w.raw(START).raw(text.as_str());
        }
        IpAddr::V6(address) => {
            w.raw(START).format(format_args!("{}", Ipv6Text(address)));
            w.raw("/").number(bits).raw("\"");
        }
    }
}

/// The decimal digits of every octet, and how many they are.
const DIGITS: [[u8; 4]; 256] = {
    let mut all = [[0; 4]; 256];
    let mut number = 0u8;
    loop {
        let [hundreds, tens, ones] = [number / 100, number / 10 % 10, number % 10];
        all[number as usize] = match (hundreds, tens) {
            (0, 0) => [b'0' + ones, 0, 0, 1],
            (0, _) => [b'0' + tens, b'0' + ones, 0, 2],
            _ => [b'0' + hundreds, b'0' + tens, b'0' + ones, 3],
        };
        if number == u8::MAX {
            break all;
        }
        number += 1;
    }
};

/// An IPv4 prefix as text, put together in steps of four bytes.
#[derive(Default)]
struct Ascii {
    bytes: [u8; 32],
    length: usize,
}

impl Ascii {
    /// Appends an octet and the character after it.
    fn number(&mut self, number: u8, after: u8) {
        let [first, second, third, count] = DIGITS[usize::from(number)];
        let mut four = [first, second, third, 0];
        let count = usize::from(count & 3);
        four[count] = after;
        // At most five octets of four characters.
        if let Some(room) = self.bytes.get_mut(self.length..self.length + 4) {
            room.copy_from_slice(&four);
            self.length += count + 1;
        }
    }

    /// Appends an address and the character after it.
    fn address(&mut self, address: Ipv4Addr, after: u8) {
        let [a, b, c, d] = address.octets();
        self.number(a, b'.');
        self.number(b, b'.');
        self.number(c, b'.');
        self.number(d, after);
    }

    fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

/// Appends an IPv4 address; several times faster than `Display`.
pub(crate) fn push_ipv4(address: Ipv4Addr, out: &mut String) {
    let mut text = Ascii::default();
    text.address(address, b'/');
    out.push_str(text.as_str().trim_end_matches('/'));
}

/// Appends `, "path-information": "0.0.0.1"`.
pub(crate) fn path_json(path_id: Option<u32>, w: &mut JsonWriter) {
    if let Some(path_id) = path_id {
        w.raw(", \"path-information\": ")
            .display(Ipv4Addr::from(path_id));
    }
}

/// Appends ` path-information 0.0.0.1`.
pub(crate) fn path_text(path_id: Option<u32>, out: &mut String) {
    if let Some(path_id) = path_id {
        out.push_str(" path-information ");
        push_ipv4(path_id.into(), out);
    }
}

/// Appends ` next-hop 1.2.3.4`.
pub(crate) fn next_hop_text(next_hop: Option<NextHop>, out: &mut String) {
    if let Some(next_hop) = next_hop {
        out.push_str(" next-hop ");
        // Writing to a String cannot fail.
        let _ = write!(out, "{next_hop}");
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Nlri, Routes};
    use super::*;

    #[test]
    fn prefixes_are_framed_and_printed() {
        let bytes = [8, 10, 20, 10, 1, 0xFF, 0, 32, 1, 2, 3, 4];
        let texts: Vec<String> = Routes::new(Family::IPV4_UNICAST, false, &bytes)
            .map(|nlri| nlri.expect("framed").to_string())
            .collect();
        assert_eq!(
            texts,
            ["10.0.0.0/8", "10.1.240.0/20", "0.0.0.0/0", "1.2.3.4/32"]
        );
    }

    #[test]
    fn addresses_are_written_as_displayed() {
        for number in 0..=u8::MAX {
            let address = Ipv4Addr::new(number, number.reverse_bits(), 255 - number, 7);
            let mut text = String::new();
            push_ipv4(address, &mut text);
            assert_eq!(text, address.to_string());
            let bits = number % 33;
            let nlri = Nlri::new(
                Family::IPV4_UNICAST,
                None,
                &prefix_bytes(address.into(), bits),
            );
            let mut w = JsonWriter::new();
            nlri.as_ref().json(None, &mut w);
            let network = mask(address.into(), bits);
            assert_eq!(w.as_str(), format!("{{ \"nlri\": \"{network}/{bits}\" }}"));
        }
    }

    #[test]
    fn a_path_identifier_comes_first() {
        let bytes = [0, 0, 1, 2, 8, 10];
        let nlri = Routes::new(Family::IPV4_UNICAST, true, &bytes)
            .next()
            .expect("one")
            .expect("framed");
        assert_eq!(nlri.to_string(), "10.0.0.0/8 path-information 0.0.1.2");
        let mut w = JsonWriter::new();
        nlri.json(None, &mut w);
        assert_eq!(
            w.as_str(),
            r#"{ "nlri": "10.0.0.0/8", "path-information": "0.0.1.2" }"#
        );
    }

    #[test]
    fn lengths_out_of_range_and_short_prefixes_are_errors() {
        for (family, bytes) in [
            (Family::IPV4_UNICAST, &[33, 1, 2, 3, 4, 5][..]),
            (Family::IPV6_UNICAST, &[129; 20]),
            (Family::IPV4_UNICAST, &[24, 1]),
        ] {
            assert!(
                Routes::new(family, false, bytes).check().is_err(),
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn host_bits_are_kept_but_are_neither_printed_nor_part_of_the_key() {
        let kept = Nlri::new(Family::IPV4_UNICAST, None, &[20, 10, 1, 0xFF]);
        let clear = Nlri::new(
            Family::IPV4_UNICAST,
            None,
            &prefix_bytes("10.1.255.0".parse().expect("an address"), 20),
        );
        assert_eq!(clear.bytes[..], [20, 10, 1, 0xF0]);
        assert!(kept.same_route(clear.as_ref()));
        assert_ne!(kept, clear);
        assert_eq!(kept.to_string(), clear.to_string());
    }
}
