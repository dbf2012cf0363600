//! `show adj-rib`, `flush adj-rib out`, `clear adj-rib`.

use std::collections::HashMap;

use super::cache::SCOPE;
use super::call::{Call, Reply, Row};
use super::error::CommandError;
use super::listing::{Form, Head, Listing, Query};
use super::neighbor_json::{members, members_peer_first};
use super::routes_json::RoutesJson;
use super::words::word_at;
use crate::api::control::{Among, NeighborStatus, RibSide, RoutePlace};
use crate::grammar::selector::same_address;
use crate::json::JsonWriter;
use crate::rib::PeerId;

/// The most pieces of a listing written at once, and the bytes of text after which no more are.
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
    let peers = call.peers(SCOPE)?;
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

fn show(call: &mut Call<'_>, side: RibSide) -> Result<Reply, CommandError> {
    let query = Query::new(&call.argument_words());
    let heads = heads(call, &query);
    if heads.is_empty() && !query.address.is_empty() {
        call.no_effect(format!("no neighbor matches `{}`", query.address));
    }
    let listing = Listing {
        side,
        peers: heads.keys().copied().collect(),
        form: Form::Table {
            query,
            heads,
            format: call.source.routes_json,
        },
        from: RoutePlace::default(),
        answer: String::new(),
    };
    begin(call, listing)
}

/// Writes the first pieces of a listing, which are all of it if the table is small.
pub(super) fn begin(call: &mut Call<'_>, mut listing: Listing) -> Result<Reply, CommandError> {
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

/// The selected neighbors. An address selects its neighbor; a prefix of an address, all that begin with it.
fn heads(call: &Call<'_>, query: &Query) -> HashMap<PeerId, Head> {
    let mut exact = false;
    let mut heads = HashMap::new();
    call.control.neighbors(&mut |status: &NeighborStatus<'_>| {
        let address = status.shown_peer().to_string();
        let same = same_address(&query.address, &address);
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
                    local: status.local_address,
                    router_id: status
                        .negotiated
                        .map(|session| session.local.router_id)
                        .or(status.router_id),
                },
            );
        }
    });
    heads
}
