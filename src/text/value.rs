//! Parsers for single words: numbers, addresses, prefixes, hexadecimal data.
//!
//! Each function parses the whole word and returns `None` if any part of it is invalid, so that callers can describe
//! what they expected.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nom::branch::alt;
use nom::bytes::complete::tag;
use nom::character::complete::{char, digit1, hex_digit1};
use nom::combinator::{all_consuming, map_opt, opt};
use nom::sequence::{preceded, separated_pair};
use nom::{IResult, Parser};

/// The value of decimal digits, of which there must be at least one. Without combinators: numbers are most of what helpers
/// print.
fn decimal(digits: &str) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.bytes().try_fold(0u64, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value.checked_mul(10)?.checked_add(digit.into())
    })
}

/// What is parsed by `parser` if that is the whole word.
fn whole<'a, T>(
    parser: impl Parser<&'a str, Output = T, Error = nom::error::Error<&'a str>>,
    word: &'a str,
) -> Option<T> {
    all_consuming(parser)
        .parse(word)
        .ok()
        .map(|(_, value)| value)
}

fn hex_mark(input: &str) -> IResult<&str, &str> {
    alt((tag("0x"), tag("0X"))).parse(input)
}

fn hexadecimal(input: &str) -> IResult<&str, u64> {
    preceded(
        hex_mark,
        map_opt(hex_digit1, |digits| u64::from_str_radix(digits, 16).ok()),
    )
    .parse(input)
}

/// A decimal number of at most `max`.
pub fn number(word: &str, max: u64) -> Option<u64> {
    decimal(word).filter(|value| *value <= max)
}

/// A decimal number, or a hexadecimal one after `0x`, of at most `max`.
pub fn number_or_hex(word: &str, max: u64) -> Option<u64> {
    let value = decimal(word).or_else(|| whole(hexadecimal, word));
    value.filter(|value| *value <= max)
}

/// A decimal `u8`.
pub fn u8(word: &str) -> Option<u8> {
    number(word, u8::MAX.into()).and_then(|value| value.try_into().ok())
}

/// A decimal `u16`.
pub fn u16(word: &str) -> Option<u16> {
    number(word, u16::MAX.into()).and_then(|value| value.try_into().ok())
}

/// A decimal `u32`.
pub fn u32(word: &str) -> Option<u32> {
    number(word, u32::MAX.into()).and_then(|value| value.try_into().ok())
}

/// A decimal `u64`.
pub fn u64(word: &str) -> Option<u64> {
    number(word, u64::MAX)
}

/// A duration in seconds: `90`, or a number with a unit: `90s`, `10m`, `24h`, `7d`. At most a year.
pub fn seconds(word: &str) -> Option<u64> {
    const YEAR: u64 = 366 * 86_400;
    let (digits, unit) = match word.as_bytes().last()? {
        b's' => (&word[..word.len() - 1], 1),
        b'm' => (&word[..word.len() - 1], 60),
        b'h' => (&word[..word.len() - 1], 3_600),
        b'd' => (&word[..word.len() - 1], 86_400),
        _ => (word, 1),
    };
    let seconds = number(digits, YEAR)?.checked_mul(unit)?;
    (seconds <= YEAR).then_some(seconds)
}

/// A percentage: `0%` to `100%`.
pub fn percent(word: &str) -> Option<u8> {
    u8(word.strip_suffix('%')?).filter(|percent| *percent <= 100)
}

/// An autonomous system number, plain or dotted (RFC 5396).
pub fn asn(word: &str) -> Option<u32> {
    let value = decimal(word).or_else(|| {
        let part = || map_opt(digit1, |digits: &str| number(digits, u16::MAX.into()));
        let (high, low) = whole(separated_pair(part(), char('.'), part()), word)?;
        Some(high << 16 | low)
    })?;
    u32::try_from(value).ok()
}

/// An IPv4 address.
pub fn ipv4(word: &str) -> Option<Ipv4Addr> {
    word.parse().ok()
}

/// An IPv6 address.
pub fn ipv6(word: &str) -> Option<Ipv6Addr> {
    word.parse().ok()
}

/// An address of either kind.
pub fn ip(word: &str) -> Option<IpAddr> {
    word.parse().ok()
}

/// An address with or without a length in bits; without one, the length is that of a host. Host bits are kept.
pub fn prefix(word: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = word
        .split_once('/')
        .map_or((word, None), |(address, length)| (address, Some(length)));
    let address = ip(address)?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    match length {
        Some(length) => u8(length)
            .filter(|length| *length <= bits)
            .map(|length| (address, length)),
        None => Some((address, bits)),
    }
}

/// The bytes in pairs of hexadecimal digits, after an optional `0x`.
pub fn hex(word: &str) -> Option<Vec<u8>> {
    let (digits, _) = opt(hex_mark).parse(word).ok()?;
    if digits.len() % 2 != 0 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_ranges() {
        assert_eq!(u8("255"), Some(255));
        assert_eq!(u8("256"), None);
        assert_eq!(u32("-1"), None);
        assert_eq!(u32("+1"), None);
        assert_eq!(u32(""), None);
        assert_eq!(u64("18446744073709551616"), None);
        assert_eq!(u64("18446744073709551615"), Some(u64::MAX));
        assert_eq!(u8("0000000000000000000000007"), Some(7));
        assert_eq!(number_or_hex("0x10", 100), Some(16));
        assert_eq!(number_or_hex("0X0", 100), Some(0));
        for wrong in ["0x", "0x+1", "x1", "0xg", "", "1x", "0x65", "101"] {
            assert_eq!(number_or_hex(wrong, 100), None, "{wrong}");
        }
    }

    #[test]
    fn asns_are_plain_or_dotted() {
        assert_eq!(asn("65000"), Some(65000));
        assert_eq!(asn("1.1"), Some(65537));
        assert_eq!(asn("65536.0"), None);
        assert_eq!(asn("4294967296"), None);
        for wrong in ["1.2.3", "1.65536", ".1", "1.", ".", ""] {
            assert_eq!(asn(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn prefixes_and_hex() {
        assert_eq!(
            prefix("10.0.0.0/8"),
            Some(("10.0.0.0".parse().expect("an address"), 8))
        );
        assert_eq!(
            prefix("2001:db8::"),
            Some(("2001:db8::".parse().expect("an address"), 128))
        );
        assert_eq!(prefix("10.0.0.0/33"), None);
        assert_eq!(prefix("10.0.0.0/"), None);
        assert_eq!(hex("0xABcd"), Some(vec![0xAB, 0xCD]));
        assert_eq!(hex("0xé0"), None);
        assert_eq!(hex("0xA"), None);
        assert_eq!(hex("0x"), Some(vec![]));
    }
}
