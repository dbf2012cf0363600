//! Route distinguishers (RFC 4364 section 4.2).
//!
//! ```text
//! +------------------------------------------+
//! |   Type (2 octets): 0, 1 or 2             |
//! +------------------------------------------+
//! |   Administrator: AS (2), IPv4 (4), AS (4)|
//! +------------------------------------------+
//! |   Assigned number: 4, 2, 2 octets        |
//! +------------------------------------------+
//! ```

use std::fmt;
use std::net::Ipv4Addr;

use crate::json::hex;
use crate::text::value;

/// The eight octets of a route distinguisher. `Display` is `65000:1`, `192.0.2.1:1`, or hexadecimal for an unknown type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteDistinguisher(pub [u8; 8]);

impl RouteDistinguisher {
    /// What grammars say they expected.
    pub const EXPECTED: &'static str = "a route distinguisher such as `65000:1` or `192.0.2.1:1`";

    /// Reads `A:N` with a 2-octet AS (type 0), `IP:N` (type 1), `A:N` with a 4-octet AS and a 2-octet number (type 2).
    pub fn parse(word: &str) -> Option<Self> {
        let (administrator, number) = word.split_once(':')?;
        let mut bytes = [0; 8];
        if administrator.contains('.') {
            bytes[1] = 1;
            bytes[2..6].copy_from_slice(&value::ipv4(administrator)?.octets());
            bytes[6..].copy_from_slice(&value::u16(number)?.to_be_bytes());
            return Some(Self(bytes));
        }
        let (asn, number) = (value::u32(administrator)?, value::u32(number)?);
        if let Ok(asn) = u16::try_from(asn) {
            bytes[2..4].copy_from_slice(&asn.to_be_bytes());
            bytes[4..].copy_from_slice(&number.to_be_bytes());
        } else {
            bytes[1] = 2;
            bytes[2..6].copy_from_slice(&asn.to_be_bytes());
            bytes[6..].copy_from_slice(&u16::try_from(number).ok()?.to_be_bytes());
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for RouteDistinguisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [high, low, a, b, c, d, e, g] = self.0;
        match (high, low) {
            (0, 0) => write!(
                f,
                "{}:{}",
                u16::from_be_bytes([a, b]),
                u32::from_be_bytes([c, d, e, g])
            ),
            (0, 1) => write!(
                f,
                "{}:{}",
                Ipv4Addr::new(a, b, c, d),
                u16::from_be_bytes([e, g])
            ),
            (0, 2) => write!(
                f,
                "{}:{}",
                u32::from_be_bytes([a, b, c, d]),
                u16::from_be_bytes([e, g])
            ),
            _ => write!(f, "0x{}", hex(&self.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_types() {
        for (text, bytes) in [
            ("65000:4294967295", [0, 0, 0xFD, 0xE8, 255, 255, 255, 255]),
            ("192.0.2.1:5", [0, 1, 192, 0, 2, 1, 0, 5]),
            ("65536:5", [0, 2, 0, 1, 0, 0, 0, 5]),
        ] {
            let rd = RouteDistinguisher(bytes);
            assert_eq!(RouteDistinguisher::parse(text), Some(rd));
            assert_eq!(rd.to_string(), text);
        }
        assert_eq!(
            RouteDistinguisher([0, 9, 1, 2, 3, 4, 5, 6]).to_string(),
            "0x0009010203040506"
        );
        for wrong in [
            "",
            ":",
            "1",
            ":1",
            "1:",
            "1.2.3:1",
            "1.2.3.4:65536",
            "65536:65536",
            "-1:1",
            "4294967296:1",
        ] {
            assert_eq!(RouteDistinguisher::parse(wrong), None, "{wrong}");
        }
    }
}
