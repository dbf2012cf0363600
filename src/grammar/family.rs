//! The sentence of any family: what follows `announce ipv4 flow`, `announce l2vpn vpls` and the like.
//!
//! The words of an NLRI belong to its family (`bgp::nlri`); attributes may follow them, or stand between them where their
//! order is free. All but FlowSpec need a next hop.

use super::builder::{TailBuilder, add_all};
use super::route_text::{Place, RouteText, Verb};
use super::{flow, raw, route};
use crate::bgp::attribute::tunnel_encap::PathBuilder;
use crate::bgp::nlri::{bgp_ls, evpn, mup, mvpn, rtc, sr_policy, vpls::VplsBuilder};
use crate::bgp::{Family, Nlri, Safi};
use crate::text::{Cursor, SyntaxError, near_miss};

/// The SAFIs that have sentences, for error messages and completion.
pub const WRITABLE: &[&str] = &[
    "unicast",
    "multicast",
    "nlri-mpls",
    "mpls-vpn",
    "flow",
    "flow-vpn",
    "vpls",
    "evpn",
    "rtc",
    "mcast-vpn",
    "mup",
    "sr-policy",
    "bgp-ls",
    "bgp-ls-vpn",
];

/// Reads the sentence of a route of `family`, to its end.
///
/// # Errors
/// On anything that is not such a sentence, and for families that only peers send.
pub fn sentence(c: &mut Cursor<'_>, family: Family, verb: Verb) -> Result<RouteText, SyntaxError> {
    if family.index().is_none() {
        let message = format!("there are no routes of `{family}`");
        return Err(SyntaxError::new(c.last_span(), message));
    }
    if c.peek() == "raw" {
        return raw::route(c, family, verb);
    }
    match family.safi {
        Safi::UNICAST | Safi::MULTICAST | Safi::NLRI_MPLS | Safi::MPLS_VPN => {
            route::route(c, verb, Place::Family(family))
        }
        Safi::FLOW | Safi::FLOW_VPN => flow::route(c, verb, Some(family)),
        Safi::VPLS => vpls(c, verb),
        Safi::EVPN => ahead(c, family, verb, evpn::parse),
        Safi::RTC => ahead(c, family, verb, rtc::parse),
        Safi::MCAST_VPN => ahead(c, family, verb, |c| mvpn::parse(family.afi, c)),
        Safi::MUP => ahead(c, family, verb, |c| mup::parse(family.afi, c)),
        Safi::SR_POLICY => sr_policy(c, family, verb),
        Safi::BGP_LS | Safi::BGP_LS_VPN => {
            ahead(c, family, verb, |c| bgp_ls::parse(family.safi, c))
        }
        _ => Err(SyntaxError::new(
            c.last_span(),
            format!("routes of `{family}` can't be written"),
        )),
    }
}

/// Reads an NLRI that comes first, then attributes.
fn ahead(
    c: &mut Cursor<'_>,
    family: Family,
    verb: Verb,
    nlri: impl FnOnce(&mut Cursor<'_>) -> Result<Nlri, SyntaxError>,
) -> Result<RouteText, SyntaxError> {
    let start = c.span();
    let mut nlri = nlri(c)?;
    if nlri.family != family {
        return Err(SyntaxError::new(
            start.to(c.last_span()),
            format!("this is a route of `{}`, not of `{family}`", nlri.family),
        ));
    }
    let mut tail = TailBuilder::new(Place::Family(family));
    while !c.is_empty() && !c.accept(";") {
        tail.keyword(c)?;
    }
    nlri.path_id = tail.path_id();
    if family == Family::IPV6_MUP {
        // As ExaBGP writes it, and what peers of draft-mpmz-bess-mup-safi expect beside IPv6 routes.
        tail.map_next_hop();
    }
    Ok(tail.finish(verb, c.span())?.text(vec![nlri]))
}

/// Reads an SR policy (RFC 9830): `distinguisher N color N endpoint A`, then the words of the path and attributes in any order.
fn sr_policy(c: &mut Cursor<'_>, family: Family, verb: Verb) -> Result<RouteText, SyntaxError> {
    let nlri = sr_policy::parse(family.afi, c)?;
    let mut path = PathBuilder::default();
    let mut tail = TailBuilder::new(Place::Family(family));
    while !c.is_empty() && !c.accept(";") {
        let at = *c;
        let word = c.word("a keyword")?;
        match path.keyword(word, c) {
            Some(read) => read?,
            None => {
                *c = at;
                tail.keyword(c).map_err(|error| {
                    // The words of the path may be nearer than those of attributes.
                    let near = near_miss(word, PathBuilder::KEYWORDS.iter().copied());
                    match near.filter(|_| error.span == at.span()) {
                        Some(near) => error.with_help(format!("did you mean `{near}`?")),
                        None => error,
                    }
                })?;
            }
        }
    }
    add_all(&mut tail, path.attribute().into_iter());
    Ok(tail.finish(verb, c.span())?.text(vec![nlri]))
}

/// Reads a VPLS route (RFC 4761): `rd R endpoint E base B offset O size S next-hop H …` in any order, or the same in
/// braces, after a name if there is one.
///
/// # Errors
/// On anything that is not such a sentence.
pub fn vpls(c: &mut Cursor<'_>, verb: Verb) -> Result<RouteText, SyntaxError> {
    let start = c.span();
    let mut builder = VplsBuilder::default();
    let mut tail = TailBuilder::new(Place::Family(Family::VPLS));
    if c.peek() != "{" && c.remaining().get(1).is_some_and(|next| next.text == "{") {
        // A name for humans.
        c.next_token();
    }
    let braces = c.accept("{");
    loop {
        if braces && c.accept("}") {
            break;
        }
        if c.accept(";") {
            if braces {
                continue;
            }
            break;
        }
        if c.is_empty() {
            if braces {
                return Err(SyntaxError::new(
                    start,
                    "expected `}` at the end of this route",
                ));
            }
            break;
        }
        let at = *c;
        let word = c.word("a keyword")?;
        match builder.keyword(word, c) {
            Some(read) => read?,
            None => {
                *c = at;
                tail.keyword(c)?;
            }
        }
    }
    c.accept(";");
    let span = start.to(c.last_span());
    let nlri = builder.build(span)?;
    Ok(tail.finish(verb, c.span())?.text(vec![nlri]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::tokenize;

    fn read(family: (u16, u8), text: &str) -> Result<RouteText, String> {
        let tokens = tokenize(text);
        let mut c = Cursor::new(&tokens, text.len());
        sentence(&mut c, Family::new(family.0, family.1), Verb::Announce)
            .and_then(|found| c.finish().map(|()| found))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_vpls_route_in_any_order_and_in_braces() {
        let line = read(
            (25, 65),
            "rd 1:1 endpoint 5 base 10702 offset 1 size 8 next-hop 1.2.3.4 med 5",
        );
        let braces = read(
            (25, 65),
            "site5 { med 5; size 8; offset 1; base 10702; endpoint 5; rd 1:1; next-hop 1.2.3.4; }",
        );
        assert_eq!(line, braces);
        assert!(line.is_ok());
        for wrong in [
            "rd 1:1 endpoint 5",
            "site5 { rd 1:1;",
            "rd 1:1 endpoint 5 base 1 offset 1 size 8",
        ] {
            assert!(read((25, 65), wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_other_family_by_its_own_words() {
        for (family, text) in [
            ((1, 1), "10.0.0.0/8 next-hop 1.2.3.4"),
            ((2, 133), "next-header tcp discard"),
            ((25, 70), "multicast rd 1:1 ip 10.0.0.1 next-hop 1.2.3.4"),
            (
                (1, 5),
                "source-ad source 10.0.0.1 group 239.0.0.1 rd 1:1 next-hop 1.2.3.4",
            ),
            (
                (1, 73),
                "distinguisher 0 color 100 endpoint 10.0.0.1 next-hop 192.0.2.1 preference 100 \
                 segment-list weight 1 segment type-a mpls 16001 extended-community [ target:1:1 ]",
            ),
            ((1, 85), "mup-isd 10.0.1.0/24 rd 100:100 next-hop 2001::1"),
            ((2, 85), "mup-dsd 2001::1 rd 100:100 next-hop 10.0.0.2"),
            ((1, 132), "origin 65000 target 65000:1 next-hop 1.2.3.4"),
        ] {
            let found = read(family, text).expect(text);
            assert_eq!(found.nlri[0].family, Family::new(family.0, family.1));
        }
        assert!(read((1, 132), "default").is_err());
        assert!(read((16388, 71), "node").is_err());
    }
}
