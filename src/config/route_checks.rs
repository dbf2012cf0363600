//! Checks of the routes of a neighbor against its session.
//!
//! Of routes that have everything in common but their prefix, the first one is checked: if nothing is wrong with it, nothing is
//! with the others.

use super::context::Context;
use super::diagnostic::Diagnostic;
use super::placed_routes::PlacedRoutes;
use super::session::SessionConfig;
use crate::bgp::attribute::tunnel_encap;
use crate::bgp::next_hop_rule::{NextHopError, resolve};
use crate::bgp::{Family, NextHop, Safi, Sender};
use crate::grammar::{Piece, RouteText};
use crate::text::Span;

/// RFC 7607 section 2 makes it the peer's duty to treat such a route as withdrawn, or to discard the attribute.
fn as_zero(route: &RouteText, span: Span) -> Option<Diagnostic> {
    let word = route.attributes.with_as_zero()?;
    let text = format!("AS 0 in `{word}`: peers do not accept that (RFC 7607)");
    Some(Diagnostic::warning(span, text))
}

/// RFC 9830 4.2.1 makes peers treat such a route as withdrawn.
fn sr_policy(route: &RouteText, span: Span) -> Option<Diagnostic> {
    let mut families = route.nlri.iter().map(|nlri| nlri.family.safi);
    if !families.any(|safi| safi == Safi::SR_POLICY) {
        return None;
    }
    let warning = |text| Some(Diagnostic::warning(span, text));
    if !tunnel_encap::is_addressed(&route.attributes) {
        let text = "peers do not accept an SR policy without an addressee (RFC 9830)";
        let help = "add `community no-advertise`, or `extended-community target:<router-id of the headend>:0`";
        return warning(text).map(|warning| warning.with_help(help));
    }
    match route.attributes.tunnel_encapsulation() {
        None => warning("peers do not accept an SR policy without a path (RFC 9830)"),
        Some(_) => None,
    }
}

/// What the routes of a neighbor are checked against.
pub(crate) struct RouteChecks<'a> {
    pub(crate) session: &'a SessionConfig,
    pub(crate) sender: Sender,
}

impl RouteChecks<'_> {
    /// Returns `true` if the route belongs to the configuration.
    pub(crate) fn keeps(&self, route: &RouteText) -> bool {
        let is_switched = !route.withdraw || route.watchdog.is_some();
        is_switched && self.foreign(route).is_none()
    }

    /// Reports what is wrong with routes. Returns `true` if all of them are [kept](Self::keeps).
    pub(crate) fn all(&self, cx: &mut Context<'_>, placed: &PlacedRoutes) -> bool {
        let (mut are_kept, mut at) = (true, 0);
        for piece in placed.routes.pieces() {
            match piece {
                Piece::One(route) => {
                    self.one(cx, route, placed.place(at));
                    are_kept &= self.keeps(route);
                    at += 1;
                }
                Piece::Run(run) => {
                    for (route, index) in run.routes().zip(0..) {
                        let is_clean = self.one(cx, &route, placed.place(at + index));
                        are_kept &= self.keeps(&route);
                        if is_clean {
                            break;
                        }
                    }
                    at += run.count();
                }
            }
        }
        are_kept
    }

    /// Reports what is wrong with a route. Returns `true` if it is nothing.
    fn one(&self, cx: &mut Context<'_>, route: &RouteText, span: Span) -> bool {
        let found: Vec<Diagnostic> = match self.left_out(route, span) {
            Some(diagnostic) => vec![diagnostic],
            None => [
                self.self_address(route, span),
                self.ipv6_next_hop(route, span),
                self.ipv4_next_hop(route, span),
                as_zero(route, span),
                sr_policy(route, span),
            ]
            .into_iter()
            .flatten()
            .collect(),
        };
        let is_clean = found.is_empty();
        found
            .into_iter()
            .for_each(|diagnostic| cx.report.add(diagnostic));
        is_clean
    }

    /// Why a route is not [kept](Self::keeps).
    fn left_out(&self, route: &RouteText, span: Span) -> Option<Diagnostic> {
        match self.foreign(route) {
            // ExaBGP announces it: its parser reads the word for watchdogs only.
            None => (route.withdraw && route.watchdog.is_none()).then(|| {
                Diagnostic::warning(span, "the route has `withdraw`: it is not announced")
                    .with_help("add `watchdog` and a name if helpers are to announce it")
            }),
            Some(Family::IPV4_UNICAST) => Some(
                Diagnostic::warning(
                    span,
                    "this neighbor has no family `ipv4 unicast`: the route is not announced",
                )
                .with_help("add `ipv4 unicast;` to its `family` section"),
            ),
            Some(family) => Some(
                Diagnostic::error(span, format!("this neighbor has no family `{family}`"))
                    .with_help(format!("add `{family};` to its `family` section")),
            ),
        }
    }

    /// The first family of a route that the neighbor does not have.
    fn foreign(&self, route: &RouteText) -> Option<Family> {
        let mut families = route.nlri.iter().map(|nlri| nlri.family);
        families.find(|family| !self.session.families.contains(family))
    }

    /// Returns `true` if that is why a next hop cannot be sent.
    fn fails(&self, route: &RouteText, error: NextHopError) -> bool {
        let hops = route.attributes.next_hops();
        let families = route.nlri.iter().map(|nlri| nlri.family);
        families
            .map(|family| resolve(family, hops, &self.sender))
            .any(|resolved| resolved == Err(error))
    }

    /// `next-hop self` of an IPv6 route has no meaning where our address is an IPv4 one.
    fn self_address(&self, route: &RouteText, span: Span) -> Option<Diagnostic> {
        self.fails(route, NextHopError::NoSelf).then(|| {
            Diagnostic::error(
                span,
                "`next-hop self` of an IPv6 route needs a session over IPv6",
            )
            .with_help("write the next hop's address")
        })
    }

    /// An IPv4 route has an IPv6 next hop only where that is negotiated (RFC 8950 4). ExaBGP sends it anyway, and the peer ends
    /// the session.
    fn ipv6_next_hop(&self, route: &RouteText, span: Span) -> Option<Diagnostic> {
        self.fails(route, NextHopError::Ipv6).then(|| {
            let mut families = route.nlri.iter().map(|nlri| nlri.family);
            let family = families.next().unwrap_or(Family::IPV4_UNICAST);
            Diagnostic::warning(
                span,
                "an IPv4 route has an IPv6 next hop only where that is negotiated: it is not announced",
            )
            .with_help(format!(
                "add `nexthop {{ {family} ipv6; }}` to the neighbor (RFC 8950)"
            ))
        })
    }

    /// An IPv6 route has no IPv4 next hop (RFC 2545 3), unless the peer offers to take it. ExaBGP sends four octets anyway, and
    /// the peer ends the session.
    fn ipv4_next_hop(&self, route: &RouteText, span: Span) -> Option<Diagnostic> {
        let Some(NextHop::V4(address)) = route.attributes.next_hop() else {
            return None;
        };
        self.fails(route, NextHopError::Ipv4).then(|| {
            Diagnostic::warning(
                span,
                "an IPv6 route needs an IPv6 next hop: it is not announced",
            )
            .with_help(format!(
                "write an IPv6 address, or `{}` if the peer knows how to reach that",
                address.to_ipv6_mapped()
            ))
        })
    }
}
