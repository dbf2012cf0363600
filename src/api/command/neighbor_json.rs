//! A neighbor as JSON.

use super::neighbor_facts::{FamilyStatus, capabilities, families, messages};
use crate::api::control::NeighborStatus;
use crate::json::JsonWriter;

/// Appends the members of the object of one neighbor, without braces.
pub(super) fn members(status: &NeighborStatus<'_>, w: &mut JsonWriter) {
    own(status, w);
    w.raw(", ");
    far(status, w);
    w.raw(", ");
    common(status, w);
}

/// The same with the peer first, as in a route of the second form.
pub(super) fn members_peer_first(status: &NeighborStatus<'_>, w: &mut JsonWriter) {
    far(status, w);
    w.raw(", ");
    own(status, w);
    w.raw(", ");
    common(status, w);
}

/// The state and our side.
fn own(status: &NeighborStatus<'_>, w: &mut JsonWriter) {
    let state = if status.up { "up" } else { "down" };
    w.raw("\"state\": ")
        .string(state)
        .raw(", \"duration\": ")
        .number(status.seconds);
    if let Some(seconds) = status.retry {
        w.raw(", \"retry\": { \"seconds\": ").number(seconds);
        w.raw(", \"failures\": ").number(status.failures).raw(" }");
    }
    w.raw(", \"fsm\": ")
        .string(status.state)
        .raw(", \"local\": {");
    side(
        status,
        w,
        |(_, ours, _)| Some(ours),
        |_| Some(true),
        |family| family.send,
    );
    optional(w, status.shown_local(), |w, address| {
        w.display(address);
    });
    w.raw(", \"as\": ");
    optional(w, status.local_as, |w, asn| {
        w.number(asn.0);
    });
    w.raw(", \"id\": ");
    optional(w, status.router_id, |w, id| {
        w.display(id);
    });
    w.raw(", \"hold\": ").number(status.hold_time).raw("}");
}

/// The peer's side.
fn far(status: &NeighborStatus<'_>, w: &mut JsonWriter) {
    let remote = status.negotiated.map(|session| &session.remote);
    w.raw("\"peer\": {");
    side(
        status,
        w,
        |(_, _, theirs)| theirs,
        |family| family.common,
        |family| family.receive,
    );
    w.display(status.shown_peer()).raw(", \"as\": ");
    optional(w, status.peer_as, |w, asn| {
        w.number(asn.0);
    });
    w.raw(", \"id\": ");
    optional(w, remote, |w, open| {
        w.display(open.router_id);
    });
    w.raw(", \"hold\": ");
    optional(w, remote, |w, open| {
        w.number(open.hold_time);
    });
    w.raw("}");
}

/// What both have in common.
fn common(status: &NeighborStatus<'_>, w: &mut JsonWriter) {
    w.raw("\"messages\": {\"sent\": {");
    w.list(messages(status), |w, (name, sent, _)| {
        w.key(name).number(sent);
    });
    w.raw("}, \"received\": {");
    w.list(messages(status), |w, (name, _, received)| {
        w.key(name).number(received);
    });
    w.raw("}}, \"capabilities\": [");
    let both = capabilities(status)
        .into_iter()
        .filter(|(_, _, theirs)| *theirs == Some(true));
    w.list(both, |w, (name, ..)| {
        w.string(name);
    });
    w.raw("], \"families\": [");
    w.list(
        families(status).filter(|family| family.common == Some(true)),
        |w, family| {
            w.display(family.family);
        },
    );
    w.raw("], \"add-path\": {");
    w.list(families(status), |w, family| {
        w.display(family.family).raw(": ").string(family.paths());
    });
    w.raw("}");
}

/// Appends what the local and the remote object have in common, up to the address.
fn side(
    status: &NeighborStatus<'_>,
    w: &mut JsonWriter,
    capability: impl Fn((&'static str, bool, Option<bool>)) -> Option<bool>,
    common: impl Fn(&FamilyStatus) -> Option<bool>,
    paths: impl Fn(&FamilyStatus) -> Option<bool>,
) {
    let tri = |w: &mut JsonWriter, value| {
        optional(w, value, |w, value| {
            w.boolean(value);
        })
    };
    w.raw("\"capabilities\": {");
    w.list(capabilities(status), |w, one| {
        w.key(one.0);
        tri(w, capability(one));
    });
    w.raw("}, \"families\": {");
    w.list(families(status), |w, family| {
        w.display(family.family).raw(": ");
        tri(w, common(&family));
    });
    w.raw("}, \"add-path\": {");
    w.list(families(status), |w, family| {
        w.display(family.family).raw(": ");
        tri(w, paths(&family));
    });
    w.raw("}, \"address\": ");
}

fn optional<T>(w: &mut JsonWriter, value: Option<T>, write: impl FnOnce(&mut JsonWriter, T)) {
    match value {
        Some(value) => write(w, value),
        None => {
            w.raw("null");
        }
    }
}

/// Appends the member `history`, if there is something to show.
pub(super) fn history(status: &NeighborStatus<'_>, w: &mut JsonWriter) {
    let history = status.history;
    if !history.is_eventful() {
        return;
    }
    w.raw(", \"history\": {\"established\": ")
        .number(history.established)
        .raw(", \"lost\": ")
        .number(history.lost);
    for (name, one) in history.occurrences() {
        w.raw(", ").key(name).raw("{\"reason\": ").string(&one.text);
        w.raw(", \"seconds-ago\": ")
            .number(one.seconds)
            .raw(", \"count\": ")
            .number(one.count)
            .raw("}");
    }
    w.raw("}");
}
