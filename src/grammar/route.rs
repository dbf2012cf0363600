//! `<prefix> next-hop 192.0.2.1 med 5 …`: a route of a prefix family, and `attributes … nlri <prefix> <prefix> …`.
//!
//! A sentence is a prefix and a [`Tail`]. All that follows the prefix is independent of it: attributes, and the labels,
//! route distinguisher and path identifier that become part of the NLRI. So `announce route P1 TAIL` and `announce
//! route P2 TAIL` share one parsed tail; whoever reads many commands keeps tails by their text and parses only the prefix
//! ([`split_sentence`], [`Prefix::parse`], [`Tail::nlri`]).
//!
//! The family follows from the words (`rd` → mpls-vpn, `label` → nlri-mpls, an IPv4 prefix within 224.0.0.0/4 → multicast,
//! else unicast), unless the place of the sentence gives it. RFC 4271, 4760, 8277 (labels), 4364 (VPN), 7911 (paths).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

use smallvec::SmallVec;

use super::builder::{Repeated, TailBuilder};
use super::prefix::Prefix;
use super::{Place, RouteText, Verb, raw};
use crate::bgp::nlri::NlriBytes;
use crate::bgp::{Afi, AttributeSet, Family, NextHop, Nlri, RouteDistinguisher, Safi};
use crate::text::{Cursor, Span, SyntaxError, cursor};

/// The most routes that one `split` may make; a longer list is a slip of the pen, and would only fill the memory.
pub const MAX_SPLIT: u32 = 1 << 20;

/// All that follows the prefix, which it does not depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The family, where the place of the sentence gives it.
    pub family: Option<Family>,
    /// The attributes, next hop included.
    pub attributes: Rc<AttributeSet>,
    /// The path identifier (RFC 7911).
    pub path_id: Option<u32>,
    /// The label stack in wire form, three octets a label, the bottom marked (RFC 8277 section 2).
    pub labels: SmallVec<[u8; 6]>,
    /// The route distinguisher.
    pub rd: Option<RouteDistinguisher>,
    /// Announce the parts of this length instead of the prefix.
    pub split: Option<u8>,
    /// The group that `announce watchdog NAME` and `withdraw watchdog NAME` switch.
    pub watchdog: Option<Box<str>>,
    /// With a watchdog: start withdrawn.
    pub withdraw: bool,
    /// A name of the user's, never sent.
    pub name: Option<Box<str>>,
    /// Of an announcement with an IPv4 next hop: where that stands, counted from the start of the tail.
    pub(super) ipv4_hop: Option<Span>,
    /// The words that were written twice.
    pub repeated: Vec<Repeated>,
}

impl Tail {
    /// Reads the text that follows the prefix; `base` is where that text stands in its line. Equal text, verb and place
    /// give an equal tail.
    ///
    /// # Errors
    /// On a word that is unknown or stands in a wrong place, a value that is none, or a missing next hop.
    pub fn from_text(
        text: &str,
        base: usize,
        verb: Verb,
        place: Place,
    ) -> Result<Self, SyntaxError> {
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

    /// The route of `prefix`; [`Tail::routes`] where the tail has a `split`.
    ///
    /// # Errors
    /// When the place gives another address family than that of `prefix`.
    pub fn nlri(&self, prefix: Prefix, span: Span) -> Result<Nlri, SyntaxError> {
        let family = self.family_of(prefix);
        if family.afi != prefix.afi() {
            return Err(SyntaxError::expected(
                span,
                format_args!("an {} prefix", family.afi),
                &prefix.to_string(),
            ));
        }
        self.fits(family, prefix.bits, span)?;
        Ok(self.build(family, prefix))
    }

    /// Refuses an IPv4 next hop for an IPv6 prefix at `prefix`, for neighbors that did not offer to take it. RFC 2545 3 has IPv6
    /// next hops only; ExaBGP sends the four octets anyway, and the peer resets the session. Files of ExaBGP have such routes, so
    /// that they are no error there, but are not sent.
    ///
    /// # Errors
    /// When that is what was written.
    pub fn check_next_hop(&self, network: Prefix, prefix: Span) -> Result<(), SyntaxError> {
        let family = self.family_of(network);
        let plain = matches!(family.safi, Safi::UNICAST | Safi::MULTICAST);
        let (Some(hop), Some(NextHop::V4(address))) = (self.ipv4_hop, self.attributes.next_hop())
        else {
            return Ok(());
        };
        if family.afi != Afi::IPV6 || !plain {
            return Ok(());
        }
        let span = if hop == Span::default() {
            prefix
        } else {
            // One blank stands behind the prefix.
            Span::new(prefix.end + 1 + hop.start, prefix.end + 1 + hop.end)
        };
        let mapped = address.to_ipv6_mapped();
        Err(
            SyntaxError::new(span, "an IPv6 route needs an IPv6 next hop").with_help(format!(
                "write an IPv6 address, or `{mapped}` if the peer knows how to reach that; `nexthop` is for IPv4 routes"
            )),
        )
    }

    /// One octet counts the bits of labels, route distinguisher and prefix together.
    fn fits(&self, family: Family, bits: u8, span: Span) -> Result<(), SyntaxError> {
        let rd = if family.safi == Safi::MPLS_VPN { 64 } else { 0 };
        if self.labels.len() * 8 + rd + usize::from(bits) > 255 {
            return Err(SyntaxError::new(
                span,
                "the labels and the prefix take more than 255 bits",
            ));
        }
        Ok(())
    }

    /// The routes of `prefix`: itself, or its parts.
    ///
    /// # Errors
    /// As [`Tail::nlri`], and when the split would make more than [`MAX_SPLIT`] routes.
    pub fn routes(&self, prefix: Prefix, span: Span) -> Result<Vec<Nlri>, SyntaxError> {
        let whole = self.nlri(prefix, span)?;
        let Some(cut) = self.split.filter(|cut| *cut > prefix.bits) else {
            return Ok(vec![whole]);
        };
        let width = if prefix.address.is_ipv4() { 32 } else { 128 };
        if cut > width {
            return Err(SyntaxError::new(
                span,
                format!("`split /{cut}` is longer than an {} address", prefix.afi()),
            ));
        }
        self.fits(whole.family, cut, span)?;
        let count = 1u32
            .checked_shl((cut - prefix.bits).into())
            .filter(|count| *count <= MAX_SPLIT);
        let Some(count) = count else {
            return Err(SyntaxError::new(
                span,
                format!("`split /{cut}` of `{prefix}` makes too many routes"),
            )
            .with_help(format!("one route may be split into at most {MAX_SPLIT}")));
        };
        Ok((0..count)
            .map(|index| {
                let address = match prefix.address {
                    IpAddr::V4(base) => IpAddr::V4(Ipv4Addr::from(
                        u32::from(base) | index.checked_shl((32 - cut).into()).unwrap_or(0),
                    )),
                    IpAddr::V6(base) => IpAddr::V6(Ipv6Addr::from(
                        u128::from(base)
                            | u128::from(index)
                                .checked_shl((128 - cut).into())
                                .unwrap_or(0),
                    )),
                };
                self.build(whole.family, Prefix { address, bits: cut })
            })
            .collect())
    }

    /// The sentence of `prefix` and this tail.
    ///
    /// # Errors
    /// As [`Tail::routes`].
    pub fn apply(&self, prefix: Prefix, span: Span) -> Result<RouteText, SyntaxError> {
        Ok(self.text(self.routes(prefix, span)?))
    }

    /// Routes with what this tail says of them.
    pub(super) fn text(&self, nlri: Vec<Nlri>) -> RouteText {
        RouteText {
            nlri,
            attributes: Rc::clone(&self.attributes),
            watchdog: self.watchdog.clone(),
            withdraw: self.withdraw,
            name: self.name.clone(),
        }
    }

    /// The family of the route of `prefix`.
    pub fn family_of(&self, prefix: Prefix) -> Family {
        if let Some(family) = self.family {
            return family;
        }
        let safi = match prefix.address {
            _ if self.rd.is_some() => Safi::MPLS_VPN,
            _ if !self.labels.is_empty() => Safi::NLRI_MPLS,
            IpAddr::V4(address) if address.octets()[0] & 0xF0 == 0xE0 => Safi::MULTICAST,
            _ => Safi::UNICAST,
        };
        Family {
            afi: prefix.afi(),
            safi,
        }
    }

    /// RFC 8277 section 2.2 and RFC 4364 section 4.3.4: length in bits, labels, route distinguisher, prefix.
    fn build(&self, family: Family, prefix: Prefix) -> Nlri {
        let mut bytes = NlriBytes::new();
        bytes.push(0);
        if matches!(family.safi, Safi::NLRI_MPLS | Safi::MPLS_VPN) {
            if self.labels.is_empty() {
                // RFC 8277 2.4: "the Compatibility field […] SHOULD be set to 0x800000" in a withdrawal
                bytes.extend_from_slice(&[0x80, 0, 0]);
            }
            bytes.extend_from_slice(&self.labels);
        }
        if family.safi == Safi::MPLS_VPN {
            bytes.extend_from_slice(&self.rd.unwrap_or_default().0);
        }
        let ahead = u8::try_from((bytes.len() - 1) * 8).unwrap_or(u8::MAX);
        bytes[0] = ahead.saturating_add(prefix.bits);
        bytes.extend_from_slice(&prefix.octets());
        Nlri {
            family,
            path_id: self.path_id,
            bytes,
        }
    }
}

/// Splits `10.0.0.0/8 next-hop …` into the prefix and the text of the tail, for readers that keep tails by their text.
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
/// On anything that is no such sentence.
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

/// Reads `keyword value … nlri <prefix> <prefix> …`: what follows `attributes`. Each prefix tells its family by itself.
///
/// # Errors
/// On anything that is no such sentence.
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
    use super::*;
    use crate::text::tokenize;

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
    fn the_words_tell_the_family() {
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
    fn mistakes_name_the_word_and_the_fix() {
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
    fn the_tail_alone_tells_all_but_the_prefix() {
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
