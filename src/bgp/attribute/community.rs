//! COMMUNITIES (RFC 1997) with the names from IANA's registry of well-known communities.
//!
//! Kept sorted. As in ExaBGP, duplicates are kept in events and on the wire.

use std::fmt;

use super::{PathAttribute, flags};
use crate::bgp::error::Severity;
use crate::bgp::iana;
use crate::bgp::negotiated::Codec;
use crate::json::JsonWriter;
use crate::text::{Cursor, SyntaxError, near_miss, value};
use crate::wire::{Reader, WireError, Writer};

/// A community. `Display` is ExaBGP's form: a name for the five that it knows, otherwise `A:B`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Community(pub u32);

/// `(65001, 100)` is the community 65001:100.
impl From<(u16, u16)> for Community {
    fn from((high, low): (u16, u16)) -> Self {
        Self(u32::from(high) << 16 | u32::from(low))
    }
}

/// Names and values. The first name of a value is the documented one; ExaBGP's five come first.
const NAMES: &[(&str, u32)] = &[
    ("no-export", 0xFFFF_FF01),
    ("no-advertise", 0xFFFF_FF02),
    ("no-export-subconfed", 0xFFFF_FF03),
    ("no-peer", 0xFFFF_FF04),
    ("blackhole", 0xFFFF_029A),
    ("nopeer", 0xFFFF_FF04),
    ("no_export", 0xFFFF_FF01),
    ("no_advertise", 0xFFFF_FF02),
    ("no_export_subconfed", 0xFFFF_FF03),
    ("no_peer", 0xFFFF_FF04),
    ("internet", 0),
    ("graceful-shutdown", 0xFFFF_0000),
    ("graceful_shutdown", 0xFFFF_0000),
    ("planned-shut", 0xFFFF_0000),
    ("accept-own", 0xFFFF_0001),
    ("route-filter-translated-v4", 0xFFFF_0002),
    ("route-filter-v4", 0xFFFF_0003),
    ("route-filter-translated-v6", 0xFFFF_0004),
    ("route-filter-v6", 0xFFFF_0005),
    ("llgr-stale", 0xFFFF_0006),
    ("no-llgr", 0xFFFF_0007),
    ("accept-own-nexthop", 0xFFFF_0008),
    ("standby-pe", 0xFFFF_0009),
];

impl Community {
    /// NO_ADVERTISE (RFC 1997).
    pub const NO_ADVERTISE: Self = Self(0xFFFF_FF02);
    /// LLGR_STALE (RFC 9494): a long-lived stale route.
    pub const LLGR_STALE: Self = Self(0xFFFF_0006);
    /// NO_LLGR (RFC 9494): a route that must not be retained as long-lived stale.
    pub const NO_LLGR: Self = Self(0xFFFF_0007);

    /// The text `A:B`, also of a value that has a name.
    pub fn numbers(self) -> String {
        format!("{}:{}", self.0 >> 16, self.0 & 0xFFFF)
    }

    /// Number of entries of [`NAMES`] that events use.
    const SHOWN: usize = 5;

    /// Reads `A:B`, a number, or a well-known name.
    ///
    /// # Errors
    /// On anything else.
    pub fn parse(c: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        let word = c.peek();
        // No name starts with a digit, and no other form with a letter.
        if word.starts_with(|first: char| first.is_ascii_alphabetic())
            && let Some((_, value)) = NAMES
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(word))
        {
            c.next_token();
            return Ok(Self(*value));
        }
        if let Some((high, low)) = word.split_once(':') {
            let large = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            let parsed = value::u16(high).zip(value::u16(low));
            if let Some((high, low)) = parsed {
                c.next_token();
                return Ok(Self(u32::from(high) << 16 | u32::from(low)));
            }
            if large(high) && large(low) {
                return Err(SyntaxError::new(
                    c.span(),
                    format!("each half of the community `{word}` must be from 0 to 65535"),
                )
                .with_help("for larger numbers use `large-community a:b:c`"));
            }
        }
        c.value(
            "a community: `A:B`, a number, or a name like `no-export`",
            |word| {
                let number = value::number_or_hex(word, u32::MAX.into())?;
                u32::try_from(number).ok().map(Self)
            },
        )
        .map_err(|error| {
            let lower = word.to_ascii_lowercase();
            match near_miss(&lower, NAMES.iter().map(|(name, _)| *name)) {
                Some(name) if !lower.is_empty() => {
                    error.with_help(format!("did you mean `{name}`?"))
                }
                _ => error,
            }
        })
    }
}

impl fmt::Display for Community {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES[..Self::SHOWN]
            .iter()
            .find(|(_, value)| *value == self.0)
        {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "{}:{}", self.0 >> 16, self.0 & 0xFFFF),
        }
    }
}

/// The communities of a route, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Communities(pub Box<[Community]>);

impl Communities {
    /// Sorts `list`.
    pub fn new(mut list: Vec<Community>) -> Self {
        list.sort_unstable();
        Self(list.into())
    }
}

impl PathAttribute for Communities {
    const CODE: u8 = iana::attribute::COMMUNITIES;
    const FLAGS: u8 = flags::OPTIONAL_TRANSITIVE;
    const NAME: &'static str = "community";
    const KEYWORDS: &'static [&'static str] = &["community", "communities"];
    // RFC 7606 7.8: "An UPDATE message with a malformed Community attribute SHALL be handled using […] 'treat-as-withdraw'."
    const MALFORMED: Severity = Severity::TreatAsWithdraw;

    fn decode(r: &mut Reader<'_>, _: &Codec) -> Result<Self, WireError> {
        let mut list = Vec::with_capacity(r.remaining() / 4);
        while !r.is_empty() {
            list.push(Community(r.u32("communities of four bytes")?));
        }
        Ok(Self::new(list))
    }

    fn encode(&self, w: &mut Writer<'_>, _: &Codec) {
        for community in &self.0 {
            w.u32(community.0);
        }
    }

    fn parse(_: &str, c: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        c.list(Community::parse).map(Self::new)
    }

    fn json(&self, w: &mut JsonWriter) {
        w.raw("[ ");
        w.list(&self.0, |w, community| {
            let (high, low) = (community.0 >> 16, community.0 & 0xFFFF);
            w.raw("[ ").number(high).raw(", ").number(low).raw(" ]");
        });
        w.raw(" ]");
    }

    fn text(&self, out: &mut String) {
        out.push_str("community ");
        super::push_list(&self.0, out);
    }

    fn is_shown(&self) -> bool {
        !self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tokenize;

    fn parse(text: &str) -> Result<Communities, SyntaxError> {
        let tokens = tokenize(text);
        Communities::parse("community", &mut Cursor::new(&tokens, text.len()))
    }

    #[test]
    fn every_form_is_read() {
        for (text, wanted) in [
            ("65000:1", vec![0xFDE8_0001]),
            (
                "[ 3:3 1:1 3:3 2:2 ]",
                vec![0x1_0001, 0x2_0002, 0x3_0003, 0x3_0003],
            ),
            ("[1:1 2:2]", vec![0x1_0001, 0x2_0002]),
            ("NO-EXPORT", vec![0xFFFF_FF01]),
            (
                "[ graceful-shutdown llgr-stale ]",
                vec![0xFFFF_0000, 0xFFFF_0006],
            ),
            ("4294967295", vec![0xFFFF_FFFF]),
            ("0xFDE80001", vec![0xFDE8_0001]),
            ("[ ]", vec![]),
        ] {
            let list: Vec<u32> = parse(text).expect(text).0.iter().map(|one| one.0).collect();
            assert_eq!(list, wanted, "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let error = |text| parse(text).expect_err(text).to_string();
        assert!(
            error("[ 1:1, 2:2 ]").contains("`,`"),
            "commas separate nothing here"
        );
        assert_eq!(
            error("1:65536"),
            "each half of the community `1:65536` must be from 0 to 65535 (for larger numbers use `large-community a:b:c`)"
        );
        assert_eq!(
            error("no-exprt"),
            "expected a community: `A:B`, a number, or a name like `no-export`, found `no-exprt` (did you mean `no-export`?)"
        );
        for text in ["4294967296", "1:2:3", "[ 1:1", "-1:1", ""] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
