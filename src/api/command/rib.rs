//! `show adj-rib`, `flush adj-rib out`, `clear adj-rib`.

use std::collections::HashMap;

use super::neighbor::{members, members_peer_first};
use super::routes_json::{self, RoutesJson, has_prefix};
use super::table::Row;
use super::{Call, CommandError, ErrorKind, Reply};
use crate::api::control::{Among, ListedRoute, NeighborStatus, RibSide};
use crate::bgp::Safi;
use crate::bgp::nexthop::NextHop;
use crate::bgp::nlri::NlriRef;
use crate::json::JsonWriter;
use crate::rib::{PeerId, PeerSet};

/// `flush adj-rib out`
pub(super) fn flush(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    call.no_arguments()?;
    let peers = call.peers(Among::OwnEstablished)?;
    call.control.flush(&peers);
    call.touched.union(&peers);
    Ok(Reply::Done)
}

/// `clear adj-rib [in|out]`
pub(super) fn clear(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    let side = match call.argument_words()[..] {
        [] | ["out"] => RibSide::Out,
        ["in"] => RibSide::In,
        _ => {
            return Err(CommandError::new(
                ErrorKind::Syntax,
                "expected `in` or `out` after `clear adj-rib`",
            ));
        }
    };
    let peers = call.peers(Among::Own)?;
    call.control.clear(&peers, side);
    call.touched.union(&peers);
    Ok(Reply::Done)
}

/// `show adj-rib in …`
pub(super) fn show_in(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    show(call, RibSide::In)
}

/// `show adj-rib out …`
pub(super) fn show_out(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    show(call, RibSide::Out)
}

/// What to show: `[inet|flow|l2vpn] [ADDRESS] [extensive] [json]`.
struct Query<'a> {
    class: &'a str,
    address: &'a str,
    /// Only as the last word, as in ExaBGP.
    extensive: bool,
    json: bool,
}

impl<'a> Query<'a> {
    fn new(words: &[&'a str]) -> Self {
        let mut query = Self {
            class: "",
            address: "",
            extensive: words.last() == Some(&"extensive"),
            json: false,
        };
        for word in words {
            match *word {
                "extensive" | "routes" | "static" => {}
                "json" => query.json = true,
                "inet" | "flow" | "l2vpn" => query.class = word,
                other => query.address = other,
            }
        }
        query
    }

    fn shows(&self, nlri: NlriRef<'_>) -> bool {
        match self.class {
            "inet" => has_prefix(nlri),
            "flow" => matches!(nlri.family.safi, Safi::FLOW | Safi::FLOW_VPN),
            "l2vpn" => matches!(nlri.family.safi, Safi::VPLS | Safi::EVPN),
            _ => true,
        }
    }
}

/// What lines begin with.
struct Head {
    address: String,
    name: String,
    members: String,
    local: Option<NextHop>,
}

fn show(call: &mut Call<'_>, side: RibSide) -> Result<Reply, CommandError> {
    let words = call.argument_words();
    let query = Query::new(&words);
    let heads = heads(call, &query);
    let peers: PeerSet = heads.keys().copied().collect();
    let format = call.source.routes_json;
    let mut w = JsonWriter::new();
    call.control.routes(side, &peers, &mut |route| {
        let head = heads.get(&route.peer);
        let Some(head) = head.filter(|_| query.shows(route.nlri)) else {
            return;
        };
        if query.json {
            let show = match format {
                RoutesJson::V1 => routes_json::v1,
                RoutesJson::V2 => routes_json::v2,
            };
            show(&head.address, &head.members, route, &mut w);
        } else {
            text_line((&query, side), head, route, w.buffer());
        }
    });
    call.out.push_str(w.as_str());
    Ok(Reply::Done)
}

/// The neighbours that are meant. An address means its neighbour; the start of an address, all that begin so.
fn heads(call: &Call<'_>, query: &Query<'_>) -> HashMap<PeerId, Head> {
    let mut exact = false;
    let mut heads = HashMap::new();
    call.control.neighbors(&mut |status: &NeighborStatus<'_>| {
        let address = status.peer_address.to_string();
        let same = address == query.address;
        if same && !exact {
            exact = true;
            heads.clear();
        }
        if same || !exact && address.starts_with(query.address) {
            let mut w = JsonWriter::new();
            if query.json && query.extensive {
                match call.source.routes_json {
                    RoutesJson::V1 => members(status, &mut w),
                    RoutesJson::V2 => members_peer_first(status, &mut w),
                }
            }
            heads.insert(
                status.peer,
                Head {
                    address,
                    name: status.name.to_owned(),
                    members: w.into_string(),
                    local: status.local_address.map(NextHop::from),
                },
            );
        }
    });
    heads
}

fn text_line(
    (query, side): (&Query<'_>, RibSide),
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
    // `self` is what the neighbour was told.
    let next_hop = match route.next_hop {
        Some(NextHop::SelfAddress) => head.local.or(Some(NextHop::SelfAddress)),
        other => other,
    };
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
