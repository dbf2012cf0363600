//! Route distinguishers (RFC 4364 section 4.2): eight bytes, whose first two determine the format of the other six.
//!
//! ```text
//! +-------------------+---------------------------+----------------------------+
//! | Type (2 octets)   | Administrator (2 or 4)    | Assigned number (4 or 2)   |
//! +-------------------+---------------------------+----------------------------+
//! ```

use std::fmt;
use std::net::Ipv4Addr;

use crate::json::hex;
use crate::text::value;

/// A route distinguisher. `Display` is `AS:N`, `a.b.c.d:N`, or hexadecimal for any other type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteDistinguisher(pub [u8; 8]);

impl RouteDistinguisher {
    /// What parsers report as the expected input.
    pub const EXPECTED: &'static str = "a route distinguisher such as `65000:1` or `192.0.2.1:1`";

    /// Parses `AS:N`, `a.b.c.d:N` or 16 hexadecimal digits after `0x`. An AS below 65,536 gives type 0 unless an `L`
    /// follows it; an address gives type 1; any other AS gives type 2.
    pub fn parse(word: &str) -> Option<Self> {
        if word.starts_with("0x") || word.starts_with("0X") {
            return value::hex(word)?.try_into().ok().map(Self);
        }
        let (administrator, number) = word.split_once(':')?;
        let mut bytes = [0; 8];
        if let Some(address) = value::ipv4(administrator) {
            bytes[1] = 1;
            bytes[2..6].copy_from_slice(&address.octets());
            bytes[6..].copy_from_slice(&value::u16(number)?.to_be_bytes());
            return Some(Self(bytes));
        }
        let long = administrator.ends_with('L');
        let asn = value::asn(administrator.strip_suffix('L').unwrap_or(administrator))?;
        match u16::try_from(asn) {
            Ok(asn) if !long => {
                bytes[2..4].copy_from_slice(&asn.to_be_bytes());
                bytes[4..].copy_from_slice(&value::u32(number)?.to_be_bytes());
            }
            _ => {
                bytes[1] = 2;
                bytes[2..6].copy_from_slice(&asn.to_be_bytes());
                bytes[6..].copy_from_slice(&value::u16(number)?.to_be_bytes());
            }
        }
        Some(Self(bytes))
    }
}

impl RouteDistinguisher {
    /// The text that [`parse`](Self::parse) reads back as the same bytes: `Display`, with an `L` after an AS number
    /// of type 2 that would fit in two octets.
    pub fn word(&self) -> String {
        let [high, low, a, b, c, d, e, g] = self.0;
        match (high, low, a, b) {
            (0, 2, 0, 0) => {
                format!(
                    "{}L:{}",
                    u16::from_be_bytes([c, d]),
                    u16::from_be_bytes([e, g])
                )
            }
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for RouteDistinguisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [high, low, a, b, c, d, e, g] = self.0;
        match (high, low) {
            (0, 0) => {
                write!(
                    f,
                    "{}:{}",
                    u16::from_be_bytes([a, b]),
                    u32::from_be_bytes([c, d, e, g])
                )
            }
            (0, 1) => write!(
                f,
                "{}:{}",
                Ipv4Addr::new(a, b, c, d),
                u16::from_be_bytes([e, g])
            ),
            (0, 2) => {
                write!(
                    f,
                    "{}:{}",
                    u32::from_be_bytes([a, b, c, d]),
                    u16::from_be_bytes([e, g])
                )
            }
            _ => write!(f, "0x{}", hex(&self.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_types_and_hexadecimal() {
        for (word, bytes) in [
            ("65000:1", "0000FDE800000001"),
            ("10.0.0.9:7", "00010A0000090007"),
            ("70000:5", "0002000111700005"),
            ("0x0009AABBCCDDEEFF", "0009AABBCCDDEEFF"),
        ] {
            let rd = RouteDistinguisher::parse(word).expect(word);
            assert_eq!(hex(&rd.0), bytes);
            assert_eq!(rd.to_string(), word);
        }
        let long = RouteDistinguisher::parse("1L:5").expect("an AS of four octets");
        assert_eq!(hex(&long.0), "0002000000010005");
        assert_eq!(
            (long.to_string(), long.word()),
            ("1:5".to_owned(), "1L:5".to_owned())
        );
        for word in [
            "",
            "1",
            "1:",
            "10.0.0.1:65536",
            "70000:65536",
            "1:4294967296",
            "0x12",
            "a:b",
        ] {
            assert_eq!(RouteDistinguisher::parse(word), None, "{word}");
        }
    }
}
