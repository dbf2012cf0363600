//! Extended communities (RFC 4360): eight bytes, whose first two determine the format of the other six.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  Type high    |  Type low     |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                              Value                            |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
//!
//! A community is kept as its eight bytes: `kinds` renders ExaBGP's text, `parse` reads the configuration syntax,
//! [`flow_action`] creates those of FlowSpec rules. An enum of all kinds was rejected, because it would have to keep
//! every reserved bit in order to pass them on unchanged.

use super::{PathAttribute, flags};
use crate::bgp::error::Severity;
use crate::bgp::iana;
use crate::bgp::negotiated::Codec;
use crate::json::JsonWriter;
use crate::text::{Cursor, SyntaxError};
use crate::wire::{Reader, WireError, Writer};

pub mod flow_action;
mod kinds;
pub(crate) mod parse;

/// An extended community. `Display` is ExaBGP's text in events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExtCommunity(pub [u8; 8]);

/// The extended communities of a route, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ExtCommunities(pub Box<[ExtCommunity]>);

impl ExtCommunities {
    /// Sorts `list`. As in ExaBGP, duplicates are kept in events and on the wire.
    pub fn new(mut list: Vec<ExtCommunity>) -> Self {
        list.sort_unstable();
        Self(list.into())
    }

    /// Appends the value of the member of JSON events; `name` returns the string of a community.
    pub(crate) fn json_with(&self, w: &mut JsonWriter, name: impl Fn(ExtCommunity) -> String) {
        w.raw("[ ");
        w.list(&self.0, |w, community| {
            w.raw("{ \"value\": ")
                .number(u64::from_be_bytes(community.0));
            w.raw(", \"string\": \"").raw(&name(*community)).raw("\" }");
        });
        w.raw(" ]");
    }

    /// Appends the text of events, name included; `name` returns the word of a community.
    pub(crate) fn text_with(&self, out: &mut String, name: impl Fn(ExtCommunity) -> String) {
        out.push_str("extended-community ");
        let words: Vec<String> = self.0.iter().copied().map(name).collect();
        super::push_list(&words, out);
    }
}

/// The member `string` of JSON events for a community that ExaBGP has no text for: the configuration syntax, unless that is only
/// its digits.
pub(super) fn string_of_grammar(grammar: String) -> String {
    match grammar.starts_with("0x") {
        true => String::new(),
        false => grammar,
    }
}

impl PathAttribute for ExtCommunities {
    const CODE: u8 = iana::attribute::EXTENDED_COMMUNITIES;
    const FLAGS: u8 = flags::OPTIONAL_TRANSITIVE;
    const NAME: &'static str = "extended-community";
    const KEYWORDS: &'static [&'static str] = &["extended-community", "extended-communities"];
    // RFC 7606 7.14: "An UPDATE message with a malformed Extended Community attribute SHALL be handled using the approach of
    // 'treat-as-withdraw'."
    const MALFORMED: Severity = Severity::TreatAsWithdraw;

    fn decode(r: &mut Reader<'_>, _: &Codec) -> Result<Self, WireError> {
        let mut list = Vec::with_capacity(r.remaining() / 8);
        while !r.is_empty() {
            let community = ExtCommunity(r.array("extended communities of eight bytes")?);
            if community.is_endless_rate() {
                return Err(r.error("a finite traffic rate"));
            }
            list.push(community);
        }
        Ok(Self::new(list))
    }

    fn encode(&self, w: &mut Writer<'_>, _: &Codec) {
        for community in &self.0 {
            w.bytes(&community.0);
        }
    }

    fn parse(_: &str, c: &mut Cursor<'_>) -> Result<Self, SyntaxError> {
        c.list(parse::community).map(Self::new)
    }

    fn json(&self, w: &mut JsonWriter) {
        self.json_with(w, ExtCommunity::named);
    }

    fn text(&self, out: &mut String) {
        self.text_with(out, |community| community.to_string());
    }

    fn grammar(&self, out: &mut String) {
        out.push_str("extended-community ");
        let words: Vec<String> = self.0.iter().map(|community| community.grammar()).collect();
        super::push_list(&words, out);
    }

    fn is_shown(&self) -> bool {
        !self.0.is_empty()
    }

    /// Unlike other attributes, repeated ones in the text of a route are combined.
    fn merge(&mut self, later: Self) {
        *self = Self::new([&*self.0, &*later.0].concat());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::hex;
    use crate::text::tokenize;

    fn parse(text: &str) -> Result<ExtCommunities, String> {
        let tokens = tokenize(text);
        let mut c = Cursor::new(&tokens, text.len());
        let parsed = ExtCommunities::parse("extended-community", &mut c);
        parsed.map_err(|error| error.to_string())
    }

    /// Text, its eight bytes, and the normalized text.
    const FORMS: &[(&str, &str, &str)] = &[
        ("target:65000:1", "0002FDE800000001", "target:65000:1"),
        ("65000:1", "0002FDE800000001", "target:65000:1"),
        ("rt:65000:1", "0002FDE800000001", "target:65000:1"),
        ("72:0.0.0.1", "0002004800000001", "target:72:1"),
        ("target:1.2.3.4:5", "0102010203040005", "target:1.2.3.4:5"),
        ("1.2.3.4:5", "0102010203040005", "target:1.2.3.4:5"),
        ("target:70000:5", "0202000111700005", "target:70000:5"),
        ("target:1L:5", "0202000000010005", "target4:1:5"),
        ("target4:1:5", "0202000000010005", "target4:1:5"),
        ("origin:65000:1", "0003FDE800000001", "origin:65000:1"),
        ("soo:1.2.3.4:5", "0103010203040005", "origin:1.2.3.4:5"),
        ("origin4:7:5", "0203000000070005", "origin4:7:5"),
        (
            "redirect:65000:12345",
            "8008FDE800003039",
            "redirect:65000:12345",
        ),
        ("redirect:70000:5", "8208000111700005", "redirect:70000:5"),
        (
            "redirect:1.2.3.4:5",
            "8108010203040005",
            "redirect:1.2.3.4:5",
        ),
        (
            "redirect-to-nexthop",
            "0800000000000000",
            "redirect-to-nexthop",
        ),
        ("copy-to-nexthop", "0800000000000001", "copy-to-nexthop"),
        (
            "l2info:19:0:1500:111",
            "800A130005DC006F",
            "l2info:19:0:1500:111",
        ),
        (
            "bandwidth:65000:1000000",
            "4004FDE849742400",
            "bandwidth:65000:1000000",
        ),
        ("mup:10:10", "0C00000A0000000A", "mup:10:10"),
        ("mup:10:0.0.0.10", "0C00000A0000000A", "mup:10:10"),
        ("encap:vxlan", "030C000000000008", "encap:VXLAN"),
        ("color:100", "030B000000000064", "color:100"),
        ("color:0x8000:100", "030B800000000064", "color:32768:100"),
        (
            "mac-mobility:3:sticky",
            "0600010000000003",
            "mac-mobility:3:sticky",
        ),
        (
            "router-mac:00:11:22:33:44:55",
            "0603001122334455",
            "router-mac:00:11:22:33:44:55",
        ),
        (
            "es-import:00:11:22:33:44:55",
            "0602001122334455",
            "es-import:00:11:22:33:44:55",
        ),
        ("esi-label:100:1", "0601010000000641", "esi-label:100:1"),
        ("e-tree:100:0", "0605000000000641", "e-tree:100:0"),
        ("e-tree:0:1", "0605010000000000", "e-tree:0:1"),
        ("mark 10", "800900000000000A", "mark:10"),
        (
            "action sample-terminal",
            "8007000000000003",
            "0x8007000000000003",
        ),
        (
            "redirect-to-nexthop-ietf 1.2.3.4",
            "010C010203040000",
            "redirect-to-nexthop-ietf:1.2.3.4",
        ),
        (
            "copy-to-nexthop-ietf 1.2.3.4 (with copy)",
            "010C010203040001",
            "copy-to-nexthop-ietf:1.2.3.4",
        ),
        (
            "interface-set:input:1:16383",
            "0702000000017FFF",
            "interface-set:input:1:16383",
        ),
        (
            "interface-set:non-transitive:output:3:4",
            "4702000000038004",
            "interface-set:non-transitive:output:3:4",
        ),
        (
            "encap:encap:UNKNOWN-5",
            "030C000000000005",
            "0x030C000000000005",
        ),
        (
            "consistentHashSortOrder:7",
            "0314000000070000",
            "consistentHashSortOrder:7",
        ),
        ("default-gateway", "030D000000000000", "default-gateway"),
        (
            "rate-limit:1000000",
            "8006000049742400",
            "rate-limit:1000000",
        ),
        ("mark:32", "8009000000000020", "mark:32"),
        (
            "0x0399AABBCCDDEEFF",
            "0399AABBCCDDEEFF",
            "0x0399AABBCCDDEEFF",
        ),
    ];

    #[test]
    fn every_form_is_read_and_written_back() {
        for (text, bytes, back) in FORMS {
            let parsed = parse(text).expect(text);
            assert_eq!(hex(&parsed.0[0].0), *bytes, "{text}");
            assert_eq!(parsed.0[0].grammar(), *back, "{text}");
            assert_eq!(parse(back), Ok(parsed), "{text}");
        }
    }

    #[test]
    fn what_events_print_is_read_back_as_the_same_type_or_not_at_all() {
        for high in 0..=255 {
            for low in 0..=255 {
                for value in [[0xFD, 0xE8, 0, 0, 0, 1], [1; 6], [0; 6]] {
                    let [a, b, c, d, e, f] = value;
                    let community = ExtCommunity([high, low, a, b, c, d, e, f]);
                    let text = community.to_string();
                    if let Ok(read) = parse(&text) {
                        assert_eq!(read.0[0].0[..2], [high, low], "{text}");
                    }
                }
            }
        }
        for bytes in [
            "4002FDE800000001",
            "0008FDE800000001",
            "0009FDE800000000",
            "000AFDE800000001",
        ] {
            let community = parse(&format!("0x{bytes}")).expect("eight bytes").0[0];
            assert_eq!(community.to_string(), format!("0x{bytes}"));
            assert_eq!(community.named(), "");
        }
    }

    #[test]
    fn errors_are_named() {
        for (text, wanted) in [
            ("foo:1:2", "unknown extended community `foo`"),
            (
                "traget:1:2",
                "unknown extended community `traget` (did you mean `target`?)",
            ),
            (
                "target:1:2:3",
                "`target` takes 2 values, not 3: `target:1:2:3`",
            ),
            (
                "target:70000:65536",
                "`65536` in `target:70000:65536` must be from 0 to 65535",
            ),
            (
                "l2info:256:0:0:0",
                "`256` in `l2info:256:0:0:0` must be from 0 to 255",
            ),
            (
                "target:a:1",
                "`a` in `target:a:1` is neither a number nor an IPv4 address",
            ),
            ("0x12", "an extended community has 8 bytes, `0x12` has 1"),
            ("nonsense", "unknown extended community `nonsense`"),
        ] {
            assert_eq!(parse(text), Err(wanted.to_owned()), "{text}");
        }
    }

    #[test]
    fn lists_are_sorted_and_add_up() {
        let mut list = parse("[ target:2:2 target:1:1 ]").expect("a list");
        assert_eq!(list.0.len(), 2);
        list.merge(parse("target:1:0").expect("one"));
        let mut out = String::new();
        list.grammar(&mut out);
        assert_eq!(
            out,
            "extended-community [ target:1:0 target:1:1 target:2:2 ]"
        );
    }
}
