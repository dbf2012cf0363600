//! IPv6 address specific extended communities (RFC 5701): twenty bytes that contain an IPv6 address.

use std::fmt;
use std::net::Ipv6Addr;

use super::ext_community::string_of_grammar;
use super::{PathAttribute, decimal, flags};
use crate::bgp::error::Severity;
use crate::bgp::iana;
use crate::bgp::negotiated::Codec;
use crate::json::{JsonWriter, hex};
use crate::text::{Cursor, SyntaxError, value};
use crate::wire::{Reader, WireError, Writer};

/// An IPv6 address specific extended community. `Display` is ExaBGP's text in events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExtCommunityIpv6(pub [u8; 20]);

/// Names and the two type bytes.
const NAMES: &[(&str, [u8; 2])] = &[
    ("target", [0x00, 0x02]),
    ("origin", [0x00, 0x03]),
    ("redirect", [0x00, 0x0D]),
];

impl ExtCommunityIpv6 {
    /// Creates a community from its parts.
    pub fn new(kind: [u8; 2], address: Ipv6Addr, number: u16) -> Self {
        let mut bytes = [0; 20];
        bytes[..2].copy_from_slice(&kind);
        bytes[2..18].copy_from_slice(&address.octets());
        bytes[18..].copy_from_slice(&number.to_be_bytes());
        Self(bytes)
    }

    /// A redirection to that address, for a FlowSpec rule (draft-ietf-idr-flowspec-redirect-ip).
    pub fn redirect(address: Ipv6Addr, copy: bool) -> Self {
        Self::new([0x00, 0x0C], address, copy.into())
    }

    fn parts(&self) -> ([u8; 2], Ipv6Addr, u16) {
        let mut address = [0; 16];
        address.copy_from_slice(&self.0[2..18]);
        let number = u16::from_be_bytes([self.0[18], self.0[19]]);
        ([self.0[0], self.0[1]], address.into(), number)
    }

    /// ExaBGP's text for it, if it has any that is read back as the same type.
    fn words(&self) -> Option<String> {
        let ([high, low], address, number) = self.parts();
        match (high, low) {
            (0, 0x0C) if number & 1 == 1 => {
                Some(format!("copy-to-nexthop-ietf {address} (with copy)"))
            }
            (0, 0x0C) => Some(format!("redirect-to-nexthop-ietf {address}")),
            // The type of a draft, in words of its own: the other one, of RFC 8956, has those of the configuration syntax.
            (0, 0x0B) => Some(format!("redirect {address}:{number}")),
            (0, 0x0D) => Some(self.grammar()),
            (_, 0x0B) if high & 0x0F == 0 => Some(format!("0x{}", hex(&self.0))),
            _ => None,
        }
    }

    /// The value of the member `string` in JSON events: ExaBGP's text, otherwise the configuration syntax.
    fn named(&self) -> String {
        self.words()
            .unwrap_or_else(|| string_of_grammar(self.grammar()))
    }

    /// Parses one community, also in the form of events: `copy-to-nexthop-ietf 2001:db8::2 (with copy)`.
    fn parse_one(c: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        let copy = c.peek() == "copy-to-nexthop-ietf";
        if copy || c.peek() == "redirect-to-nexthop-ietf" {
            c.next_token();
            let address = c.value("an IPv6 address", value::ipv6)?;
            super::ext_community::parse::with_copy(c)?;
            return Ok(Self::redirect(address, copy));
        }
        if c.accept("redirect") {
            return c.value("an IPv6 address and a number: `2001:db8::1:5`", |word| {
                let (address, number) = word.rsplit_once(':')?;
                let (address, number) = (value::ipv6(address)?, value::u16(number)?);
                Some(Self::new([0x00, 0x0B], address, number))
            });
        }
        c.value(
            "an IPv6 extended community: `target:ADDRESS:N`, `redirect-to-nexthop-ietf:ADDRESS` or 20 bytes as `0x…`",
            Self::from_word,
        )
    }

    fn from_word(word: &str) -> Option<Self> {
        if word.starts_with("0x") || word.starts_with("0X") {
            return value::hex(word)?.try_into().ok().map(Self);
        }
        let (name, rest) = word.split_once(':')?;
        match name {
            "redirect-to-nexthop-ietf" => return Some(Self::redirect(value::ipv6(rest)?, false)),
            "copy-to-nexthop-ietf" => return Some(Self::redirect(value::ipv6(rest)?, true)),
            _ => {}
        }
        let (_, kind) = NAMES.iter().find(|(known, _)| *known == name)?;
        let (address, number) = rest.rsplit_once(':')?;
        Some(Self::new(*kind, value::ipv6(address)?, value::u16(number)?))
    }

    fn grammar(&self) -> String {
        let (kind, address, number) = self.parts();
        match NAMES.iter().find(|(_, known)| *known == kind) {
            Some((name, _)) => format!("{name}:{address}:{number}"),
            None => format!("0x{}", hex(&self.0)),
        }
    }
}

impl fmt::Display for ExtCommunityIpv6 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.words() {
            Some(words) => f.write_str(&words),
            None => write!(f, "0x{}", hex(&self.0)),
        }
    }
}

/// The IPv6 address specific extended communities of a route, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ExtCommunitiesIpv6(pub Box<[ExtCommunityIpv6]>);

impl ExtCommunitiesIpv6 {
    /// Sorts `list` and removes duplicates.
    pub fn new(mut list: Vec<ExtCommunityIpv6>) -> Self {
        list.sort_unstable();
        list.dedup();
        Self(list.into())
    }
}

impl PathAttribute for ExtCommunitiesIpv6 {
    const CODE: u8 = iana::attribute::IPV6_EXTENDED_COMMUNITIES;
    const FLAGS: u8 = flags::OPTIONAL_TRANSITIVE;
    const NAME: &'static str = "extended-community-ipv6";
    // RFC 7606 7.15: "[…] SHALL be handled using the approach of 'treat-as-withdraw'".
    const MALFORMED: Severity = Severity::TreatAsWithdraw;

    fn decode(r: &mut Reader<'_>, _: &Codec) -> Result<Self, WireError> {
        let mut list = Vec::with_capacity(r.remaining() / 20);
        while !r.is_empty() {
            list.push(ExtCommunityIpv6(r.array("communities of twenty bytes")?));
        }
        list.sort_unstable();
        Ok(Self(list.into()))
    }

    fn encode(&self, w: &mut Writer<'_>, _: &Codec) {
        let mut last = None;
        for community in &self.0 {
            if last.replace(community) != Some(community) {
                w.bytes(&community.0);
            }
        }
    }

    fn parse(_: &str, c: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        c.list(ExtCommunityIpv6::parse_one).map(Self::new)
    }

    fn json(&self, w: &mut JsonWriter) {
        w.raw("[ ");
        w.list(&self.0, |w, community| {
            w.raw("{ \"value\": ").raw(&decimal(&community.0));
            w.raw(", \"string\": \"")
                .raw(&community.named())
                .raw("\" }");
        });
        w.raw(" ]");
    }

    fn text(&self, out: &mut String) {
        out.push_str("extended-community-ipv6 ");
        super::push_list(&self.0, out);
    }

    fn grammar(&self, out: &mut String) {
        out.push_str("extended-community-ipv6 ");
        let words: Vec<String> = self.0.iter().map(ExtCommunityIpv6::grammar).collect();
        super::push_list(&words, out);
    }

    fn is_shown(&self) -> bool {
        !self.0.is_empty()
    }

    fn merge(&mut self, later: Self) {
        *self = Self::new([&*self.0, &*later.0].concat());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tokenize;

    #[test]
    fn numbers_of_any_length() {
        assert_eq!(decimal(&[0; 20]), "0");
        assert_eq!(decimal(&u128::MAX.to_be_bytes()), u128::MAX.to_string());
    }

    #[test]
    fn a_non_transitive_redirection_has_no_name() {
        let community = ExtCommunityIpv6::new([0x40, 0x0C], Ipv6Addr::LOCALHOST, 1);
        assert!(community.to_string().starts_with("0x400C"));
    }

    #[test]
    fn words_are_read_back() {
        for word in [
            "target:2001:db8::2:7",
            "origin:2001:db8::2:7",
            "redirect:::1:65535",
        ] {
            assert_eq!(
                ExtCommunityIpv6::from_word(word).expect(word).grammar(),
                word
            );
        }
        let copy = ExtCommunityIpv6::from_word("copy-to-nexthop-ietf:2001:db8::2").expect("a word");
        assert_eq!(
            copy.to_string(),
            "copy-to-nexthop-ietf 2001:db8::2 (with copy)"
        );
        assert_eq!(ExtCommunityIpv6::from_word(&copy.grammar()), Some(copy));
        let draft = ExtCommunityIpv6::new([0x00, 0x0B], "2001:db8::2".parse().expect("one"), 7);
        let text = draft.to_string();
        assert_eq!(text, "redirect 2001:db8::2:7");
        let tokens = tokenize(&text);
        let read = ExtCommunityIpv6::parse_one(&mut Cursor::new(&tokens, text.len()));
        assert_eq!(read.ok(), Some(draft));
        for word in ["", "target:1.2.3.4:5", "target:::1", "0x00"] {
            assert_eq!(ExtCommunityIpv6::from_word(word), None, "{word}");
        }
    }
}
