//! Addresses and prefixes as text, without `fmt`: they are most of what a text format prints.
//!
//! There are two dialects of IPv6. C's `inet_ntop`, which bgpreader uses, is RFC 5952 with dotted IPv4-compatible addresses;
//! bgpdump compresses a single group of zeros, too.

use std::net::IpAddr;

use crate::bgp::family::Afi;

/// How IPv6 addresses are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// RFC 5952, and `::1.2.3.4`.
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
    short(out, digits, usize::from(*count));
}

/// Appends the first `length` bytes of `text`. Copying all of them and cutting the end off again takes two instructions, where
/// copying a number of bytes that the compiler does not know is a call.
#[inline(always)]
fn short<const N: usize>(out: &mut Vec<u8>, text: &[u8; N], length: usize) {
    let end = out.len() + length;
    out.extend_from_slice(text);
    out.truncate(end);
}

/// The decimal digits of each number below 100.
const PAIRS: [[u8; 2]; 100] = {
    let mut table = [[0; 2]; 100];
    let mut value = 0;
    while value < 100 {
        #[expect(clippy::cast_possible_truncation, reason = "one decimal digit")]
        let pair = [b'0' + (value / 10) as u8, b'0' + (value % 10) as u8];
        table[value] = pair;
        value += 1;
    }
    table
};

/// The last four digits of a number.
#[inline(always)]
fn four_digits(value: u32) -> u32 {
    let [a, b] = PAIRS[(value / 100 % 100) as usize];
    let [c, d] = PAIRS[(value % 100) as usize];
    u32::from_be_bytes([a, b, c, d])
}

/// Writes a number at `at`; up to twelve bytes from there on are overwritten. Returns where the number ends.
#[inline(always)]
fn decimal<const N: usize>(text: &mut [u8; N], mut at: usize, value: u32) -> usize {
    if value >= 10_000 {
        let first = value / 10_000;
        if first >= 10_000 {
            at = digits(text, at, first / 10_000);
            text[at..at + 4].copy_from_slice(&four_digits(first).to_be_bytes());
            at += 4;
        } else {
            at = digits(text, at, first);
        }
        text[at..at + 4].copy_from_slice(&four_digits(value).to_be_bytes());
        return at + 4;
    }
    digits(text, at, value)
}

/// Writes a number below 10,000 at `at`; four bytes are overwritten. Returns where the number ends.
#[inline(always)]
fn digits<const N: usize>(text: &mut [u8; N], at: usize, value: u32) -> usize {
    let zeros = usize::from(value < 1_000) + usize::from(value < 100) + usize::from(value < 10);
    let bytes = (four_digits(value) << (8 * zeros)).to_be_bytes();
    text[at..at + 4].copy_from_slice(&bytes);
    at + 4 - zeros
}

/// Appends a number.
#[inline]
pub(crate) fn number(out: &mut Vec<u8>, value: impl Into<u32>) {
    let mut text = [0; 16];
    let length = decimal(&mut text, 0, value.into());
    short(out, &text, length);
}

/// Appends a number of another width.
#[inline]
pub(crate) fn integer(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends two numbers with `between` between them.
#[inline]
pub(crate) fn numbers(out: &mut Vec<u8>, first: u16, between: u8, second: u16) {
    let mut text = [0; 16];
    let at = decimal(&mut text, 0, first.into());
    text[at] = between;
    let length = decimal(&mut text, at + 1, second.into());
    short(out, &text, length);
}

/// Appends a number with six digits at least.
#[inline]
pub(crate) fn six_digits(out: &mut Vec<u8>, value: u32) {
    if value == 0 {
        out.extend_from_slice(b"000000");
        return;
    }
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
    // Fifteen bytes hold any address.
    let mut text = [0; 16];
    let length = dotted(&mut text, address);
    short(out, &text, length);
}

/// Writes an IPv4 address. Returns where it ends.
#[inline]
fn dotted<const N: usize>(text: &mut [u8; N], address: [u8; 4]) -> usize {
    let mut at = 0;
    for octet in address {
        let (digits, count) = &OCTETS[usize::from(octet)];
        text[at..at + 3].copy_from_slice(digits);
        at += usize::from(*count);
        text[at] = b'.';
        at += 1;
    }
    at - 1
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
    // 39 bytes hold any address, and one more a colon that is cut off again.
    let mut text = [0; 48];
    let (mut at, mut index) = (0, 0);
    while index < 8 {
        if index == from {
            // The group before has left a colon.
            let colons = if index == 0 { 2 } else { 1 };
            text[at..at + 2].copy_from_slice(b"::");
            at += colons;
            index += count;
            continue;
        }
        at = hex(&mut text, at, groups[index]);
        text[at] = b':';
        at += 1;
        index += 1;
    }
    let ends_in_zeros = count > 0 && from + count == 8;
    short(out, &text, if ends_in_zeros { at } else { at - 1 });
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

/// Writes a group at `at`. Returns where it ends.
#[inline]
fn hex<const N: usize>(text: &mut [u8; N], at: usize, group: u16) -> usize {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let nibble = |shift: u32| DIGITS[usize::from(group >> shift & 15)];
    let digits = [nibble(12), nibble(8), nibble(4), nibble(0)];
    let skip = (group.leading_zeros() as usize / 4).min(3);
    let value = u32::from_be_bytes(digits) << (8 * skip);
    text[at..at + 4].copy_from_slice(&value.to_be_bytes());
    at + 4 - skip
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
    if afi == Afi::IPV4 {
        // Most prefixes have three octets: to copy a number that the compiler knows takes no call.
        let (address, length) = match *nlri {
            [24, a, b, c, ..] => ([a, b, c, 0], 24),
            _ => masked(nlri),
        };
        let mut text = [0; 24];
        let at = dotted(&mut text, address);
        text[at] = b'/';
        let end = decimal(&mut text, at + 1, length.into());
        short(out, &text, end);
        return;
    }
    let (address, length) = masked(nlri);
    v6(out, address, dialect);
    out.push(b'/');
    octet(out, length);
}

/// An address as text, in the dialect of C.
pub(crate) fn ip_text(address: impl Into<IpAddr>) -> String {
    text(|out| ip(out, address.into(), Dialect::Inet))
}

/// What these functions, and those of the formats, append, which is text.
pub(crate) fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap_or_default()
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
    fn numbers_are_written_as_std_writes_them() {
        let powers = (0..32).map(|shift| 1u32 << shift);
        let tens = (0..10).map(|power| 10u32.pow(power));
        for value in powers.chain(tens).chain([0, u32::MAX]) {
            for value in [value.wrapping_sub(1), value, value.wrapping_add(1)] {
                let mut out = b"x".to_vec();
                number(&mut out, value);
                assert_eq!(String::from_utf8_lossy(&out), format!("x{value}"));
            }
        }
        let mut out = Vec::new();
        numbers(&mut out, 65_535, b':', 0);
        numbers(&mut out, 0, b' ', 65_535);
        assert_eq!(out, b"65535:00 65535");
    }

    #[test]
    fn groups_are_written_as_std_writes_them() {
        for pattern in 0..=255u8 {
            for value in [1u16, 0x10, 0x234, 0xFEDC] {
                let groups: [u16; 8] = std::array::from_fn(|index| {
                    if index > 0 && pattern >> index & 1 == 0 {
                        0
                    } else {
                        value
                    }
                });
                let address = std::net::Ipv6Addr::from(groups);
                assert_eq!(both(&address.to_string()).0, address.to_string());
            }
        }
    }

    #[test]
    fn host_bits_are_cleared() {
        let mut out = Vec::new();
        prefix(&mut out, Afi::IPV4, &[13, 11, 13], Dialect::Inet);
        assert_eq!(out, b"11.8.0.0/13");
    }
}
