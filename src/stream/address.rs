//! Addresses and prefixes as text, without `fmt`: they are most of what a text format prints.
//!
//! There are two dialects of IPv6. C's `inet_ntop`, which bgpreader uses, is RFC 5952 with dotted IPv4-compatible addresses;
//! bgpdump compresses a single group of zeros, too.

use std::net::IpAddr;

use crate::bgp::family::Afi;

/// How IPv6 addresses are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// RFC 5952, and `::1.2.3.4`.
    #[default]
    Inet,
    /// bgpdump's.
    Bgpdump,
}

/// The decimal digits of each octet, and how many they are.
const OCTETS: [([u8; 3], u8); 256] = {
    let mut table = [([0; 3], 0); 256];
    let mut value = 0;
    while value < 256 {
        let (a, b, c) = (value / 100, value / 10 % 10, value % 10);
        #[expect(clippy::cast_possible_truncation, reason = "one decimal digit")]
        let digits = [b'0' + a as u8, b'0' + b as u8, b'0' + c as u8];
        table[value] = if a > 0 {
            (digits, 3)
        } else if b > 0 {
            ([digits[1], digits[2], 0], 2)
        } else {
            ([digits[2], 0, 0], 1)
        };
        value += 1;
    }
    table
};

/// Appends a number from 0 to 255.
#[inline]
pub(crate) fn octet(out: &mut Vec<u8>, value: u8) {
    let (digits, count) = &OCTETS[usize::from(value)];
    out.extend_from_slice(&digits[..usize::from(*count)]);
}

/// Appends a number.
#[inline]
pub(crate) fn number(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends a number with six digits at least.
#[inline]
pub(crate) fn six_digits(out: &mut Vec<u8>, value: u32) {
    let mut buffer = itoa::Buffer::new();
    let text = buffer.format(value);
    for _ in text.len()..6 {
        out.push(b'0');
    }
    out.extend_from_slice(text.as_bytes());
}

/// Appends an IPv4 address.
#[inline]
pub(crate) fn v4(out: &mut Vec<u8>, address: [u8; 4]) {
    // One length check instead of four: fifteen bytes hold any address.
    let mut text = [0; 16];
    let mut at = 0;
    for octet in address {
        let (digits, count) = &OCTETS[usize::from(octet)];
        text[at..at + 3].copy_from_slice(digits);
        at += usize::from(*count);
        text[at] = b'.';
        at += 1;
    }
    out.extend_from_slice(&text[..at - 1]);
}

/// Appends an IPv6 address.
pub(crate) fn v6(out: &mut Vec<u8>, address: [u8; 16], dialect: Dialect) {
    let mut groups = [0u16; 8];
    for (group, pair) in groups.iter_mut().zip(address.chunks_exact(2)) {
        *group = u16::from_be_bytes([pair[0], pair[1]]);
    }
    let least = match dialect {
        Dialect::Inet => 2,
        Dialect::Bgpdump => 1,
    };
    let (from, count) = zeros(&groups, least);
    let [.., a, b, c, d] = address;
    let dotted = from == 0 && (count == 6 || count == 5 && groups[5] == 0xFFFF);
    if dotted {
        out.extend_from_slice(if count == 6 { b"::" } else { b"::ffff:" });
        v4(out, [a, b, c, d]);
        return;
    }
    let mut index = 0;
    while index < 8 {
        if count > 0 && index == from {
            out.extend_from_slice(if index == 0 { b"::" } else { b":" });
            index += count;
            continue;
        }
        hex(out, groups[index]);
        index += 1;
        if index < 8 {
            out.push(b':');
        }
    }
}

/// The longest run of zero groups, the first of equal ones: where and how long; 0 if none is long enough.
fn zeros(groups: &[u16; 8], least: usize) -> (usize, usize) {
    let (mut best, mut from, mut at) = (0, 0, 0);
    while at < 8 {
        if groups[at] != 0 {
            at += 1;
            continue;
        }
        let run = groups[at..].iter().take_while(|group| **group == 0).count();
        if run > best {
            (best, from) = (run, at);
        }
        at += run;
    }
    if best < least { (8, 0) } else { (from, best) }
}

#[inline]
fn hex(out: &mut Vec<u8>, group: u16) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let nibble = |shift: u32| DIGITS[usize::from(group >> shift & 15)];
    if group > 0xFFF {
        out.push(nibble(12));
    }
    if group > 0xFF {
        out.push(nibble(8));
    }
    if group > 0xF {
        out.push(nibble(4));
    }
    out.push(nibble(0));
}

/// Appends an address.
#[inline]
pub(crate) fn ip(out: &mut Vec<u8>, address: IpAddr, dialect: Dialect) {
    match address {
        IpAddr::V4(address) => v4(out, address.octets()),
        IpAddr::V6(address) => v6(out, address.octets(), dialect),
    }
}

/// The address of an NLRI of a unicast or multicast family: host bits zero.
#[inline]
pub(crate) fn masked<const N: usize>(nlri: &[u8]) -> ([u8; N], u8) {
    let mut address = [0; N];
    let Some((&length, prefix)) = nlri.split_first() else {
        return (address, 0);
    };
    let count = prefix.len().min(N);
    address[..count].copy_from_slice(&prefix[..count]);
    let spare = length % 8;
    if spare != 0
        && let Some(last) = address.get_mut(usize::from(length / 8))
    {
        *last &= !(0xFF >> spare);
    }
    (address, length)
}

/// Appends the prefix of an NLRI of a unicast or multicast family, host bits zero.
#[inline]
pub(crate) fn prefix(out: &mut Vec<u8>, afi: Afi, nlri: &[u8], dialect: Dialect) {
    let length = if afi == Afi::IPV4 {
        let (address, length) = masked(nlri);
        v4(out, address);
        length
    } else {
        let (address, length) = masked(nlri);
        v6(out, address, dialect);
        length
    };
    out.push(b'/');
    octet(out, length);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(text: &str) -> (String, String) {
        let address: IpAddr = text.parse().expect("an address");
        let print = |dialect| {
            let mut out = Vec::new();
            ip(&mut out, address, dialect);
            String::from_utf8(out).expect("text")
        };
        (print(Dialect::Inet), print(Dialect::Bgpdump))
    }

    #[test]
    fn addresses_in_both_dialects() {
        for (text, inet, bgpdump) in [
            (
                "2001:7f8:30:0:2:1:0:8447",
                "2001:7f8:30:0:2:1:0:8447",
                "2001:7f8:30::2:1:0:8447",
            ),
            ("2001:db8::1", "2001:db8::1", "2001:db8::1"),
            ("::", "::", "::"),
            ("::1", "::1", "::1"),
            ("::1.2.3.4", "::1.2.3.4", "::1.2.3.4"),
            ("::ffff:192.0.2.9", "::ffff:192.0.2.9", "::ffff:192.0.2.9"),
            ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
            ("10.0.255.9", "10.0.255.9", "10.0.255.9"),
            ("fe80::", "fe80::", "fe80::"),
            ("1:0:0:2:0:0:0:3", "1:0:0:2::3", "1:0:0:2::3"),
        ] {
            assert_eq!(both(text), (inet.to_owned(), bgpdump.to_owned()), "{text}");
        }
    }

    #[test]
    fn host_bits_are_cleared() {
        let mut out = Vec::new();
        prefix(&mut out, Afi::IPV4, &[13, 11, 13], Dialect::Inet);
        assert_eq!(out, b"11.8.0.0/13");
    }
}
