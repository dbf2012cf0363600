//! `show adj-rib`, `flush adj-rib out`, `clear adj-rib`.

use std::collections::HashMap;

use super::neighbor::{members, members_peer_first};
use super::routes_json::{self, RoutesJson, has_prefix};
use super::table::Row;
use super::{Call, CommandError, Reply, word_at};
use crate::api::control::{Among, Control, ListedRoute, NeighborStatus, RibSide, RoutePlace};
use crate::bgp::Safi;
use crate::bgp::nexthop::NextHop;
use crate::bgp::nlri::NlriRef;
use crate::json::JsonWriter;
use crate::rib::{PeerId, PeerSet};

/// Pieces of a listing that make up one turn, and bytes of text that are enough for one.
const AT_ONCE: usize = 16;
const ENOUGH: usize = 1 << 20;

/// `flush adj-rib out`
pub(super) fn flush(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    call.pass_over_arguments()?;
    let peers = call.peers(Among::OwnEstablished)?;
    call.control.flush(&peers);
    call.touched.union(&peers);
    Ok(Reply::Done)
}

/// `clear adj-rib [in|out]`. As in ExaBGP, `in` or `adj-rib-in` anywhere among the words means the Adj-RIB-In, anything
/// else the Adj-RIB-Out.
pub(super) fn clear(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    let words = call.argument_words();
    let side = if words
        .iter()
        .any(|word| matches!(*word, "in" | "adj-rib-in"))
    {
        RibSide::In
    } else {
        RibSide::Out
    };
    let peers = call.peers(Among::Own)?;
    let (_, first, end) = word_at(call.line, call.at);
    let named = matches!(first, "in" | "out" | "adj-rib-in" | "adj-rib-out");
    call.pass_over(if named { end } else { call.at })?;
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
#[derive(Clone, Debug, PartialEq, Eq)]
struct Query {
    class: String,
    address: String,
    /// Only as the last word, as in ExaBGP.
    extensive: bool,
    json: bool,
}

impl Query {
    fn new(words: &[&str]) -> Self {
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
struct Head {
    address: String,
    name: String,
    members: String,
    local: Option<NextHop>,
}

/// The rest of an answer that lists routes, which is written as its reader takes it: it may be larger than memory, and takes
/// longer than a turn. Routes that change meanwhile may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    side: RibSide,
    query: Query,
    heads: HashMap<PeerId, Head>,
    peers: PeerSet,
    format: RoutesJson,
    /// Where to go on.
    from: RoutePlace,
    /// What is said at the end.
    pub(super) answer: String,
}

impl Listing {
    /// Appends the next piece to `out`, which may be nothing; whether there are more.
    pub fn next(&mut self, control: &dyn Control, out: &mut String) -> bool {
        let more = self.routes(control, out);
        if !more {
            out.push_str(&self.answer);
        }
        more
    }

    fn routes(&mut self, control: &dyn Control, out: &mut String) -> bool {
        let Self { query, heads, .. } = &*self;
        let show = match self.format {
            RoutesJson::V1 => routes_json::v1,
            RoutesJson::V2 => routes_json::v2,
        };
        let mut w = JsonWriter::new();
        let next = control.routes(self.side, &self.peers, self.from, &mut |route| {
            let head = heads.get(&route.peer);
            let Some(head) = head.filter(|_| query.shows(route.nlri)) else {
                return;
            };
            if query.json {
                show(&head.address, &head.members, route, &mut w);
            } else {
                text_line((query, self.side), head, route, w.buffer());
            }
        });
        out.push_str(w.as_str());
        self.from = next.unwrap_or_default();
        next.is_some()
    }
}

fn show(call: &mut Call<'_>, side: RibSide) -> Result<Reply, CommandError> {
    let query = Query::new(&call.argument_words());
    let heads = heads(call, &query);
    if heads.is_empty() && !query.address.is_empty() {
        call.no_effect(format!("no neighbor matches `{}`", query.address));
    }
    let mut listing = Listing {
        side,
        peers: heads.keys().copied().collect(),
        query,
        heads,
        format: call.source.routes_json,
        from: RoutePlace::default(),
        answer: String::new(),
    };
    for _ in 0..AT_ONCE {
        if !listing.routes(call.control, call.out) {
            return Ok(Reply::Done);
        }
        if call.out.len() > ENOUGH {
            break;
        }
    }
    call.rest = Some(Box::new(listing));
    Ok(Reply::Done)
}

/// The neighbours that are meant. An address means its neighbour; the start of an address, all that begin so.
fn heads(call: &Call<'_>, query: &Query) -> HashMap<PeerId, Head> {
    let mut exact = false;
    let mut heads = HashMap::new();
    call.control.neighbors(&mut |status: &NeighborStatus<'_>| {
        let address = status.zoned(status.peer_address).to_string();
        let same = address == query.address;
        if same && !exact {
            exact = true;
            heads.clear();
        }
        if same || !exact && address.starts_with(&query.address) {
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
