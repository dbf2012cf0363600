//! `<prefix> next-hop 192.0.2.1 med 5 …`: a route of a prefix family, and `attributes … nlri <prefix> <prefix> …`.
//!
//! A sentence is a prefix and a [`Tail`]. Everything after the prefix is independent of it: attributes, and the labels,
//! route distinguisher and path identifier that become part of the NLRI. So `announce route P1 TAIL` and `announce
//! route P2 TAIL` share one parsed tail; a reader of many commands caches tails by their text and parses only the prefix
//! ([`split_sentence`], [`Prefix::parse`], [`Tail::nlri`]).
//!
//! The family follows from the words (`rd` → mpls-vpn, `label` → nlri-mpls, an IPv4 prefix within 224.0.0.0/4 → multicast,
//! else unicast), unless the place of the sentence gives it. RFC 4271, 4760, 8277 (labels), 4364 (VPN), 7911 (paths).

use super::builder::TailBuilder;
use super::prefix::Prefix;
use super::quick_tail;
use super::raw;
use super::route_text::{Place, RouteText, Verb};
use super::tail::Tail;
use crate::text::{Cursor, Span, SyntaxError, cursor};

pub use super::tail::MAX_SPLIT;

impl Tail {
    /// Reads the text that follows the prefix; `base` is where that text stands in its line. Equal text, verb and place
    /// give an equal tail.
    ///
    /// # Errors
    /// On an unknown or misplaced word, an invalid value, or a missing next hop.
    pub fn from_text(
        text: &str,
        base: usize,
        verb: Verb,
        place: Place,
    ) -> Result<Self, SyntaxError> {
        let quick = (place == Place::Route).then(|| quick_tail::read(text, verb));
        if let Some(Some(tail)) = quick {
            return Ok(tail);
        }
        let mut tokens = Vec::with_capacity(24);
        cursor::tokenize_into(text, base, &mut tokens);
        let mut c = Cursor::new(&tokens, base + text.len());
        let tail = Self::parse(&mut c, verb, place)?;
        c.finish()?;
        Ok(tail)
    }

    /// Reads `keyword value …` up to the end, or `{ keyword value; … }`; a semicolon may follow either.
    ///
    /// # Errors
    /// As [`Tail::from_text`].
    pub fn parse(c: &mut Cursor<'_>, verb: Verb, place: Place) -> Result<Self, SyntaxError> {
        let mut builder = TailBuilder::new(place);
        builder.starts(c.span());
        if c.accept("{") {
            while !c.accept("}") {
                if c.is_empty() {
                    return Err(c.error("`}`"));
                }
                if !c.accept(";") {
                    builder.keyword(c)?;
                }
            }
        } else {
            while !c.is_empty() && c.peek() != ";" {
                builder.keyword(c)?;
            }
        }
        c.accept(";");
        builder.finish(verb, c.span())
    }
}

/// Splits `10.0.0.0/8 next-hop …` into the prefix, with its quotes if it has them, and the text of the tail, for readers that
/// cache tails by their text.
pub fn split_sentence(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let end = text
        .find(|c: char| c.is_ascii_whitespace() || matches!(c, '{' | ';'))
        .unwrap_or(text.len());
    let (prefix, tail) = text.split_at(end);
    (prefix, tail.trim())
}

/// Reads `<prefix> keyword value …`: what follows `route`, or `announce ipv4 unicast`.
///
/// # Errors
/// On anything that is not such a sentence.
pub fn route(c: &mut Cursor<'_>, verb: Verb, place: Place) -> Result<RouteText, SyntaxError> {
    if let (Place::Family(family), "raw") = (place, c.peek()) {
        return raw::route(c, family, verb);
    }
    let span = c.span();
    let prefix = Prefix::parse(c.peek(), span)?;
    c.next_token();
    let tail = Tail::parse(c, verb, place)?;
    tail.apply(prefix, span)
}

/// Reads `keyword value … nlri <prefix> <prefix> …`: what follows `attributes`. Each prefix determines its own family.
///
/// # Errors
/// On anything that is not such a sentence.
pub fn attributes(c: &mut Cursor<'_>, verb: Verb) -> Result<RouteText, SyntaxError> {
    attributes_where(c, verb, |_, _, _| Ok(()))
}

/// The same; `check` may refuse a prefix.
///
/// # Errors
/// As [`attributes`], and those of `check`.
pub fn attributes_where(
    c: &mut Cursor<'_>,
    verb: Verb,
    check: impl Fn(&Tail, Prefix, Span) -> Result<(), SyntaxError>,
) -> Result<RouteText, SyntaxError> {
    let mut builder = TailBuilder::new(Place::Route);
    while !c.accept("nlri") {
        if c.is_empty() {
            return Err(c.error("a keyword, or `nlri` and prefixes"));
        }
        builder.keyword(c)?;
    }
    let tail = builder.finish(verb, c.span())?;
    let mut nlri = Vec::new();
    while !c.is_empty() && !c.accept(";") {
        let span = c.span();
        let prefix = Prefix::parse(c.peek(), span)?;
        c.next_token();
        check(&tail, prefix, span)?;
        nlri.extend(tail.routes(prefix, span)?);
        if nlri.len() > MAX_SPLIT as usize {
            return Err(SyntaxError::new(span, "too many routes in one sentence"));
        }
    }
    if nlri.is_empty() {
        return Err(c.error("a prefix such as `192.0.2.0/24`"));
    }
    Ok(tail.text(nlri))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::tokenize;

    const WORDS: [&str; 46] = [
        "next-hop",
        "next-hop 1.2.3.4",
        "next-hop self",
        "next-hop SELF",
        "next-hop 01.2.3.4",
        "next-hop 2001:db8::1",
        "next-hop 2001:db8::1 fe80::1",
        "next-hop 1.2.3.4;",
        "origin igp",
        "origin egp",
        "origin incomplete",
        "origin IGP",
        "origin x",
        "med 5",
        "med 4294967296",
        "med 0000000005",
        "med 00000000005",
        "med",
        "med 5 5",
        "local-preference 100",
        "local-preference -1",
        "as-path [ 1 2 3 ]",
        "as-path [1 2]",
        "as-path [ ]",
        "as-path 65000",
        "as-path [ 1 ] [ 2 ]",
        "as-path [ 1 ] ( 2 )",
        "as-path [ 1 ], ( 2 )",
        "as-path [ 1, 2 ]",
        "as-path [ 1.1 2 ]",
        "as-path [ 4294967296 ]",
        "as-path [ 1 2",
        "community [ 2:1 1:2 1:2 ]",
        "community 1:2",
        "community [ no-export 1:2 ]",
        "community [ 1:65536 ]",
        "community [ 1:2",
        "community [1:2]",
        "large-community [ 1:2:3 1:2:3 0:0:4294967295 ]",
        "large-community 1:2:3",
        "large-community [ 1:2 ]",
        "atomic-aggregate",
        "path-information 7",
        "label 5",
        "[ 1",
        ";",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_096))]

        /// What the fast path reads is what the general path reads; what it leaves may be anything.
        #[test]
        fn the_quick_tail_equals_the_tail(
            words in proptest::collection::vec((0..WORDS.len(), 0..8usize), 0..6),
            announce in any::<bool>(),
        ) {
            let verb = if announce { Verb::Announce } else { Verb::Withdraw };
            let gap = |gap: usize| ["", "  ", "\t"].get(gap.wrapping_sub(1)).copied().unwrap_or(" ");
            let text: String = words.iter().map(|(word, after)| format!("{}{}", WORDS[*word], gap(*after))).collect();
            for text in [text.trim(), &text] {
                if let Some(quick) = quick_tail::read(text, verb) {
                    let tokens = tokenize(text);
                    let mut c = Cursor::new(&tokens, text.len());
                    let general = Tail::parse(&mut c, verb, Place::Route);
                    prop_assert!(c.is_empty(), "{text}");
                    prop_assert_eq!(general, Ok(quick), "{}", text);
                }
            }
        }
    }

    #[test]
    fn usual_tails_are_read_quickly() {
        for text in [
            "next-hop 192.0.2.1 as-path [ 65000 6453 41169 ] community [ 6453:2365 6453:4348 ]",
            "next-hop self med 5 local-preference 100 origin igp large-community [ 1:2:3 ]",
        ] {
            assert!(quick_tail::read(text, Verb::Announce).is_some(), "{text}");
        }
    }

    fn read(text: &str, verb: Verb) -> Result<RouteText, String> {
        let tokens = tokenize(text);
        let mut c = Cursor::new(&tokens, text.len());
        route(&mut c, verb, Place::Route)
            .and_then(|found| c.finish().map(|()| found))
            .map_err(|error| error.to_string())
    }

    fn announced(text: &str) -> Vec<(String, Vec<u8>)> {
        let found = read(text, Verb::Announce).expect(text);
        found
            .nlri
            .iter()
            .map(|nlri| (nlri.family.to_string(), nlri.bytes.to_vec()))
            .collect()
    }

    #[test]
    fn the_words_determine_the_family() {
        for (text, family, bytes) in [
            (
                "10.1.0.0/16 next-hop 1.2.3.4",
                "ipv4 unicast",
                vec![16, 10, 1],
            ),
            (
                "10.0.0.1 next-hop self",
                "ipv4 unicast",
                vec![32, 10, 0, 0, 1],
            ),
            (
                "224.0.0.0/4 next-hop 1.2.3.4",
                "ipv4 multicast",
                vec![4, 224],
            ),
            (
                "2001:db8::/32 next-hop ::1",
                "ipv6 unicast",
                vec![32, 0x20, 1, 0x0d, 0xb8],
            ),
            (
                "10.0.0.0/8 label 100 next-hop 1.2.3.4",
                "ipv4 nlri-mpls",
                vec![32, 0, 6, 0x41, 10],
            ),
            (
                "10.0.0.0/8 next-hop 1.2.3.4 label [ 100 16 ]",
                "ipv4 nlri-mpls",
                vec![56, 0, 6, 0x40, 0, 1, 1, 10],
            ),
            (
                "10.0.0.0/8 { rd 65000:1; label 100; next-hop 1.2.3.4; }",
                "ipv4 mpls-vpn",
                vec![96, 0, 6, 0x41, 0, 0, 0xFD, 0xE8, 0, 0, 0, 1, 10],
            ),
        ] {
            assert_eq!(announced(text), [(family.to_owned(), bytes)], "{text}");
        }
    }

    #[test]
    fn a_split_makes_the_parts() {
        let parts = announced("10.0.0.0/8 next-hop 1.2.3.4 split /10;");
        let octets: Vec<_> = parts.iter().map(|(_, bytes)| bytes.clone()).collect();
        assert_eq!(
            octets,
            [[10, 10, 0], [10, 10, 64], [10, 10, 128], [10, 10, 192]]
        );
        assert_eq!(announced("10.0.0.0/8 next-hop 1.2.3.4 split /8").len(), 1);
        assert_eq!(announced("::/0 next-hop ::1 split /20").len(), 1 << 20);
        for wrong in [
            "::/0 next-hop ::1 split /128",
            "10.0.0.0/8 next-hop ::1 split /64",
        ] {
            assert!(read(wrong, Verb::Announce).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_withdrawal_needs_no_next_hop_and_no_label() {
        assert!(read("10.0.0.0/8", Verb::Withdraw).is_ok());
        let vpn = read("10.0.0.0/8 rd 1:1", Verb::Withdraw).expect("a withdrawal");
        assert_eq!(vpn.nlri[0].bytes[..4], [96, 0x80, 0, 0]);
        assert_eq!(
            read("10.0.0.0/8", Verb::Announce),
            Err(
                "the route has no next hop (add `next-hop` and an address, or `next-hop self`)"
                    .into()
            )
        );
    }

    #[test]
    fn errors_name_the_word_and_the_fix() {
        for (text, wanted) in [
            (
                "10.0.0.1/8 next-hop 1.2.3.4",
                "`10.0.0.1/8` has bits set beyond its length (the network is `10.0.0.0/8`)",
            ),
            (
                "10.0.0.0/33",
                "expected a prefix such as `192.0.2.0/24`, found `10.0.0.0/33`",
            ),
            (
                "10.0.0.0/8 nexthop 1.2.3.4",
                "unknown keyword `nexthop` (did you mean `next-hop`?)",
            ),
            (
                "10.0.0.0/8 label 1048576",
                "expected a label up to 1048575, found `1048576`",
            ),
            (
                "10.0.0.0/8 next-hop 1.2.3.4; med 5",
                "expected the end of the statement, found `med`",
            ),
            (
                "10.0.0.0/8 { next-hop 1.2.3.4",
                "expected `}`, found the end of the statement",
            ),
            (
                "10.0.0.0/8 next-hop 1.2.3.4 rd 1:1",
                "the route has no label (add `label` and a number up to 1048575)",
            ),
        ] {
            assert_eq!(read(text, Verb::Announce).expect_err(text), wanted);
        }
        let many = "2001:db8::1 next-hop ::1 rd 1:1 label [ 1 2 3 ]";
        assert_eq!(
            read(many, Verb::Announce).expect_err(many),
            "the labels and the prefix take more than 255 bits"
        );
    }

    #[test]
    fn the_tail_alone_has_all_but_the_prefix() {
        let (prefix, tail) =
            split_sentence(" 10.0.0.0/8  next-hop 1.2.3.4 path-information 0.0.0.7 ");
        assert_eq!(
            (prefix, tail),
            ("10.0.0.0/8", "next-hop 1.2.3.4 path-information 0.0.0.7")
        );
        let tail = Tail::from_text(tail, 0, Verb::Announce, Place::Route).expect("a tail");
        let prefix = Prefix::parse(prefix, Span::default()).expect("a prefix");
        let nlri = tail.nlri(prefix, Span::default()).expect("a route");
        assert_eq!((nlri.path_id, &nlri.bytes[..]), (Some(7), &[8, 10][..]));
    }

    #[test]
    fn one_set_of_attributes_for_many_prefixes() {
        let text = "next-hop 1.2.3.4 med 5 nlri 10.0.0.0/8 11.0.0.0/8;";
        let tokens = tokenize(text);
        let found =
            attributes(&mut Cursor::new(&tokens, text.len()), Verb::Announce).expect("routes");
        assert_eq!(found.nlri.len(), 2);
    }
}
