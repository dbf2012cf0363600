//! Answers that list routes, written piece by piece.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use super::route_index::Indexed;
use super::routes_json::{self, RoutesJson, has_prefix};
use crate::api::control::{Control, ListedRoute, RibSide, RoutePlace};
use crate::bgp::nexthop::NextHop;
use crate::bgp::nlri::NlriRef;
use crate::bgp::{Safi, next_hop_rule};
use crate::json::JsonWriter;
use crate::rib::{PeerId, PeerSet};

/// What to show: `[inet|flow|l2vpn] [ADDRESS] [extensive] [json]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) class: String,
    pub(super) address: String,
    /// Only as the last word, as in ExaBGP.
    pub(super) extensive: bool,
    pub(super) json: bool,
}

impl Query {
    pub(super) fn new(words: &[&str]) -> Self {
        let mut query = Self {
            class: String::new(),
            address: String::new(),
            extensive: words.last() == Some(&"extensive"),
            json: false,
        };
        for word in words {
            match *word {
                "extensive" | "routes" | "static" => {}
                "json" => query.json = true,
                "inet" | "flow" | "l2vpn" => query.class = (*word).to_owned(),
                other => query.address = other.to_owned(),
            }
        }
        query
    }

    fn shows(&self, nlri: NlriRef<'_>) -> bool {
        match &*self.class {
            "inet" => has_prefix(nlri),
            "flow" => matches!(nlri.family.safi, Safi::FLOW | Safi::FLOW_VPN),
            "l2vpn" => matches!(nlri.family.safi, Safi::VPLS | Safi::EVPN),
            _ => true,
        }
    }
}

/// What lines begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) address: String,
    pub(super) name: String,
    pub(super) members: String,
    /// Our address and our BGP identifier, as far as they are known.
    pub(super) local: Option<IpAddr>,
    pub(super) router_id: Option<Ipv4Addr>,
}

impl Head {
    /// The next hop that the neighbor is sent: `next-hop self` is replaced, if it can be.
    fn next_hop(&self, route: &ListedRoute<'_>) -> Option<NextHop> {
        let own = || {
            let local = self.local?;
            let router_id = match local {
                IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED,
                IpAddr::V6(_) => self.router_id?,
            };
            next_hop_rule::self_address(route.nlri.family, local, router_id)
        };
        match route.next_hop {
            Some(NextHop::SelfAddress) => own().or(Some(NextHop::SelfAddress)),
            other => other,
        }
    }
}

/// The rest of an answer that lists routes, which is written as fast as its reader reads: it may be larger than memory, and takes
/// longer than a turn. Routes that change meanwhile may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    pub(super) side: RibSide,
    pub(super) peers: PeerSet,
    pub(super) form: Form,
    /// Where to go on.
    pub(super) from: RoutePlace,
    /// The text at the end.
    pub(super) answer: String,
}

/// How routes are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As `show adj-rib` does.
    Table {
        query: Query,
        heads: HashMap<PeerId, Head>,
        format: RoutesJson,
    },
    /// As `routes list` does.
    Indexed(Indexed),
}

impl Listing {
    /// Appends the next piece to `out`, which may be empty. Returns `true` if there are more.
    pub fn next(&mut self, control: &dyn Control, out: &mut String) -> bool {
        let more = self.routes(control, out);
        if !more {
            out.push_str(&self.answer);
        }
        more
    }

    pub(super) fn routes(&mut self, control: &dyn Control, out: &mut String) -> bool {
        let mut w = JsonWriter::new();
        let (side, form) = (self.side, &mut self.form);
        let next = control.routes(side, &self.peers, self.from, &mut |route| match form {
            Form::Table {
                query,
                heads,
                format,
            } => {
                if let Some(head) = heads.get(&route.peer)
                    && query.shows(route.nlri)
                {
                    table_line((query, side), (head, *format), route, &mut w);
                }
            }
            Form::Indexed(indexed) => indexed.route(route, &mut w),
        });
        if next.is_none()
            && let Form::Indexed(indexed) = form
        {
            indexed.end(&mut w);
        }
        out.push_str(w.as_str());
        self.from = next.unwrap_or_default();
        next.is_some()
    }
}

fn table_line(
    (query, side): (&Query, RibSide),
    (head, format): (&Head, RoutesJson),
    route: &ListedRoute<'_>,
    w: &mut JsonWriter,
) {
    let next_hop = head.next_hop(route);
    let route = &ListedRoute { next_hop, ..*route };
    if query.json {
        let show = match format {
            RoutesJson::V1 => routes_json::v1,
            RoutesJson::V2 => routes_json::v2,
        };
        show(&head.address, &head.members, route, w);
    } else {
        text_line((query, side), head, route, w.buffer());
    }
}

fn text_line(
    (query, side): (&Query, RibSide),
    head: &Head,
    route: &ListedRoute<'_>,
    out: &mut String,
) {
    let who = if query.extensive {
        &head.name
    } else {
        &head.address
    };
    out.push_str(&format!("{who} {} ", route.nlri.family));
    let next_hop = route.next_hop;
    let flow = matches!(route.nlri.family.safi, Safi::FLOW | Safi::FLOW_VPN);
    if flow && side == RibSide::In {
        // What was received has its ports as numbers.
        route.nlri.text(next_hop, out);
    } else {
        route.nlri.show(next_hop, out);
    }
    if query.extensive {
        out.push_str(route.attributes.text());
    }
    out.push('\n');
}
