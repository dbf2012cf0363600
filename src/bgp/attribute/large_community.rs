//! LARGE_COMMUNITY (RFC 8092).
//!
//! ```text
//! +---------------------------------------+
//! | Global Administrator (4 octets)       |
//! | Local Data Part 1 (4 octets)          |
//! | Local Data Part 2 (4 octets)          |
//! +---------------------------------------+
//! ```

use std::fmt;

use super::{PathAttribute, flags};
use crate::bgp::error::Severity;
use crate::bgp::iana;
use crate::bgp::negotiated::Codec;
use crate::json::JsonWriter;
use crate::text::{Cursor, SyntaxError, value};
use crate::wire::{Reader, WireError, Writer};

/// A large community. `Display` is `a:b:c` (RFC 8092 section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LargeCommunity(pub [u32; 3]);

/// `(65001, 1, 2)` is the large community 65001:1:2.
impl From<(u32, u32, u32)> for LargeCommunity {
    fn from((global, one, two): (u32, u32, u32)) -> Self {
        Self([global, one, two])
    }
}

impl LargeCommunity {
    /// Reads `a:b:c`, or all twelve octets as a decimal or hexadecimal number.
    pub fn parse(word: &str) -> Option<Self> {
        if !word.contains(':') {
            let whole = match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
                Some(digits) if digits.len() <= 24 => u128::from_str_radix(digits, 16).ok()?,
                Some(_) => return None,
                None if word.bytes().all(|byte| byte.is_ascii_digit()) => word.parse().ok()?,
                None => return None,
            };
            let part = |shift: u32| u32::try_from(whole >> shift & 0xFFFF_FFFF).ok();
            return (whole >> 96 == 0)
                .then(|| Some(Self([part(64)?, part(32)?, part(0)?])))
                .flatten();
        }
        let mut parts = word.split(':').map(value::u32);
        let parsed = Self([parts.next()??, parts.next()??, parts.next()??]);
        parts.next().is_none().then_some(parsed)
    }
}

impl fmt::Display for LargeCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [global, first, second] = self.0;
        write!(f, "{global}:{first}:{second}")
    }
}

/// The large communities of a route, sorted, without duplicates (RFC 8092 section 5).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LargeCommunities(pub Box<[LargeCommunity]>);

impl LargeCommunities {
    /// Sorts `list` and removes duplicates.
    pub fn new(mut list: Vec<LargeCommunity>) -> Self {
        list.sort_unstable();
        list.dedup();
        Self(list.into())
    }
}

impl PathAttribute for LargeCommunities {
    const CODE: u8 = iana::attribute::LARGE_COMMUNITY;
    const FLAGS: u8 = flags::OPTIONAL_TRANSITIVE;
    const NAME: &'static str = "large-community";
    const KEYWORDS: &'static [&'static str] = &["large-community", "large-communities"];
    // RFC 8092 6: "A BGP UPDATE message with a malformed LARGE_COMMUNITY attribute SHALL be handled using […]
    // 'treat-as-withdraw'."
    const MALFORMED: Severity = Severity::TreatAsWithdraw;

    fn decode(r: &mut Reader<'_>, _: &Codec) -> Result<Self, WireError> {
        const WHAT: &str = "large communities of twelve bytes";
        let mut list = Vec::with_capacity(r.remaining() / 12);
        while !r.is_empty() {
            list.push(LargeCommunity([r.u32(WHAT)?, r.u32(WHAT)?, r.u32(WHAT)?]));
        }
        Ok(Self::new(list))
    }

    fn encode(&self, w: &mut Writer<'_>, _: &Codec) {
        for part in self.0.iter().flat_map(|community| community.0) {
            w.u32(part);
        }
    }

    fn parse(_: &str, c: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        c.list(|c| {
            c.value(
                "a large community: `a:b:c`, each part from 0 to 4294967295",
                LargeCommunity::parse,
            )
        })
        .map(Self::new)
    }

    fn json(&self, w: &mut JsonWriter) {
        w.raw("[ ");
        w.list(&self.0, |w, LargeCommunity([global, first, second])| {
            // ExaBGP writes a space before the second comma.
            w.raw("[ ").number(*global).raw(", ").number(*first);
            w.raw(" , ").number(*second).raw(" ]");
        });
        w.raw(" ]");
    }

    fn text(&self, out: &mut String) {
        out.push_str("large-community ");
        super::push_list(&self.0, out);
    }

    fn is_shown(&self) -> bool {
        !self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_numbers_and_nothing_else() {
        assert_eq!(
            LargeCommunity::parse("1:2:3"),
            Some(LargeCommunity([1, 2, 3]))
        );
        assert_eq!(
            LargeCommunity::parse("18446744082299486211"),
            Some(LargeCommunity([1, 2, 3]))
        );
        assert_eq!(
            LargeCommunity::parse("0x000000010000000200000003"),
            Some(LargeCommunity([1, 2, 3]))
        );
        for word in [
            "1:2",
            "1:2:3:4",
            "1:2:4294967296",
            "a:b:c",
            "",
            "0x",
            "79228162514264337593543950336",
        ] {
            assert_eq!(LargeCommunity::parse(word), None, "{word}");
        }
    }
}
