//! `show neighbor …` in its four forms, and `teardown`.
//!
//! The tables are what scripts cut columns from: widths and words are ExaBGP's. A neighbor whose AS is not known yet shows
//! `auto`, where ExaBGP gives up on the whole command.

use std::fmt::Write as _;

use super::call::{Call, Reply, Row};
use super::error::CommandError;
use super::words::word_at;
use crate::api::control::{Among, NeighborStatus};
use crate::bgp::capability::Capability;
use crate::bgp::{Asn, Family};
use crate::json::JsonWriter;
use crate::text::{Span, SyntaxError, value};

const HEADER: &str = "Peer            AS        up/down state       |     #sent     #recvd\n";
const HINT: &str = "please specify summary, extensive or configuration\n\
                    you can filter by peer ip address adding it after the word neighbor\n";

/// `teardown N`: NOTIFICATION 6/N. Without a selector it affects no session, as in ExaBGP: a typo would end every session.
pub(super) fn teardown(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    let (start, word, end) = word_at(call.line, call.at);
    let subcode = value::u8(word).ok_or_else(|| {
        SyntaxError::expected(Span::new(start, end), "a subcode of Cease, 0 to 255", word)
    })?;
    call.nothing_after(end)?;
    if call.selector.is_empty() {
        call.no_effect(format!(
            "without a selector no session is reset: write `neighbor ADDRESS teardown {subcode}`"
        ));
        return Ok(Reply::Done);
    }
    let mut select = |among| {
        let selections = &mut call.source.selections;
        selections.select(call.selector, among, call.control)
    };
    let (peers, known) = (select(Among::OwnEstablished)?, select(Among::Own)?);
    if !peers.is_empty() {
        call.control.teardown(&peers, subcode);
    } else if known.is_empty() {
        call.no_effect(format!("no neighbor matches `{}`", call.selector));
    } else {
        call.no_effect(format!("`{}` has no established session", call.selector));
    }
    Ok(Reply::Done)
}

/// `show neighbor [ADDRESS] summary|extensive|configuration|json`, the words in any order.
pub(super) fn show(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    let mut words = call.argument_words();
    let mut take = |word: &str| {
        let before = words.len();
        words.retain(|other| *other != word);
        words.len() < before
    };
    let [summary, extensive, configuration, json, _] =
        ["summary", "extensive", "configuration", "json", "text"].map(&mut take);
    let limit = words.last().copied().unwrap_or_default();
    let form = summary || extensive || configuration || json;
    if form && !limit.is_empty() && !is_known(call, limit, summary && !json) {
        call.no_effect(format!("no neighbor matches `{limit}`"));
    }
    let out = &mut *call.out;
    if json {
        let mut w = JsonWriter::new();
        w.raw("[");
        call.control.neighbors(&mut |status| {
            w.raw(if w.len() > 1 { ", {" } else { "{" });
            members(status, &mut w);
            history(status, &mut w);
            w.raw("}");
        });
        w.raw("]\n");
        out.push_str(w.as_str());
    } else if summary {
        out.push_str(HEADER);
        call.control.neighbors(&mut |status| {
            if limit.is_empty() || limit == status.address() {
                summary_line(status, out);
            }
        });
    } else if extensive {
        call.control.neighbors(&mut |status| {
            if status.name.contains(limit) {
                extensive_block(status, out);
            }
        });
    } else if configuration {
        let mut peers = Vec::new();
        call.control.neighbors(&mut |status| {
            if status.name.contains(limit) {
                peers.push(status.peer);
            }
        });
        peers
            .into_iter()
            .for_each(|peer| out.push_str(&call.control.configuration(peer)));
    } else {
        out.push_str(HINT);
    }
    Ok(Reply::Done)
}

/// Returns `true` if `show neighbor` shows a neighbor for this word: `summary` needs its whole address, the other forms a
/// part of its name.
fn is_known(call: &Call<'_>, limit: &str, summary: bool) -> bool {
    let mut known = false;
    call.control.neighbors(&mut |status| {
        known |= if summary {
            limit == status.address()
        } else {
            status.name.contains(limit)
        };
    });
    known
}

fn summary_line(status: &NeighborStatus<'_>, out: &mut String) {
    let age = if status.up {
        Age(status.seconds).to_string()
    } else {
        "down".to_owned()
    };
    let updates = (status.messages.sent.update, status.messages.received.update);
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "{:<15} {:<7} {age:>9} {:<12} {:>10} {:>10}",
        status.address(),
        asn_text(status.peer_as),
        status.state.to_lowercase(),
        updates.0,
        updates.1,
    );
}

/// `1:02:03`, and `2 days, 1:02:03`.
struct Age(u64);

impl std::fmt::Display for Age {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (days, seconds) = (self.0 / 86_400, self.0 % 86_400);
        match days {
            0 => {}
            1 => f.write_str("1 day, ")?,
            _ => write!(f, "{days} days, ")?,
        }
        write!(
            f,
            "{}:{:02}:{:02}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        )
    }
}

/// The AS number, or `auto`.
fn asn_text(asn: Option<Asn>) -> String {
    asn.map_or_else(|| "auto".to_owned(), |asn| asn.0.to_string())
}

/// One row of the block: a name of 20 columns, then three of 15.
fn row(out: &mut String, name: &str, local: &str, remote: &str, both: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "   {name:<20} {local:>15} {remote:>15} {both:<15}");
}

fn extensive_block(status: &NeighborStatus<'_>, out: &mut String) {
    let remote = status.negotiated.map(|session| &session.remote);
    let known = |value: Option<String>| value.unwrap_or_else(|| "n/a".to_owned());
    let word = |value: Option<bool>| match value {
        Some(true) => "enabled",
        Some(false) => "disabled",
        None => "n/a",
    };
    let local = status.local_address.map_or_else(
        || "auto".to_owned(),
        |address| status.zoned(address).to_string(),
    );
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "Neighbor {}\n\n    Session                       Local",
        status.address()
    );
    row(out, "local", &local, "", "");
    row(out, "state", status.state, "", "");
    row(
        out,
        if status.up { "up for" } else { "down for" },
        &Age(status.seconds).to_string(),
        "",
        "",
    );
    if let Some(seconds) = status.retry {
        let failures = format!("after {} failed", status.failures);
        row(
            out,
            "next attempt in",
            &Age(seconds).to_string(),
            &failures,
            "",
        );
    }
    out.push_str("\n    Setup                         Local          Remote\n");
    row(
        out,
        "AS",
        &asn_text(status.local_as),
        &asn_text(status.peer_as),
        "",
    );
    let peer_id = known(remote.map(|open| open.router_id.to_string()));
    row(
        out,
        "ID",
        &known(status.router_id.map(|id| id.to_string())),
        &peer_id,
        "",
    );
    let peer_hold = known(remote.map(|open| open.hold_time.to_string()));
    row(
        out,
        "hold-time",
        &status.hold_time.to_string(),
        &peer_hold,
        "",
    );
    out.push_str("\n    Capability                    Local          Remote\n");
    for (name, ours, theirs) in capabilities(status) {
        row(out, &format!("{name}:"), word(Some(ours)), word(theirs), "");
    }
    out.push_str("\n    Families                      Local          Remote        Add-Path\n");
    for family in families(status) {
        let name = format!("{}:", family.family);
        row(
            out,
            &name,
            word(Some(true)),
            word(family.common),
            family.paths(),
        );
    }
    out.push_str("\n    Message Statistic              Sent        Received\n");
    for (name, sent, received) in messages(status) {
        row(
            out,
            &format!("{name}:"),
            &sent.to_string(),
            &received.to_string(),
            "",
        );
    }
    if status.history.is_eventful() {
        history_block(status, out);
    }
    out.push('\n');
}

/// Why the neighbor is, or was, down: below what ExaBGP shows, so that scripts find that where it was.
fn history_block(status: &NeighborStatus<'_>, out: &mut String) {
    let history = status.history;
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "\n    History\n   sessions: {} established, {} lost",
        history.established, history.lost
    );
    for (name, one) in history.occurrences() {
        let times = match one.count {
            1 => String::new(),
            count => format!(", {count} times in a row"),
        };
        let _ = writeln!(
            out,
            "   {name}: {}, {} ago{times}",
            one.text,
            Age(one.seconds)
        );
    }
}

/// Appends the member `history`, if there is something to show.
fn history(status: &NeighborStatus<'_>, w: &mut JsonWriter) {
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

/// Name, whether we advertise it, whether the peer does.
fn capabilities(status: &NeighborStatus<'_>) -> [(&'static str, bool, Option<bool>); 7] {
    const CODES: [(&str, &[u8]); 7] = [
        ("asn4", &[65]),
        ("route-refresh", &[2, 70]),
        ("multi-session", &[68, 131]),
        ("operational", &[185]),
        ("add-path", &[69]),
        ("extended-message", &[6]),
        ("graceful-restart", &[64]),
    ];
    let has =
        |list: &[Capability], codes: &[u8]| list.iter().any(|one| codes.contains(&one.code()));
    // As in ExaBGP, these two are off, not unknown, from the connection on.
    let connected = matches!(status.state, "CONNECT" | "OPENSENT");
    let early = |name: &str| matches!(name, "multi-session" | "operational").then_some(false);
    CODES.map(|(name, codes)| {
        let ours = has(&status.local.capabilities, codes);
        // And these two are on only if both sides have them.
        let shared = matches!(name, "asn4" | "operational");
        let theirs = match status.negotiated {
            Some(session) => Some(has(&session.remote.capabilities, codes) && (ours || !shared)),
            None => early(name).filter(|_| connected),
        };
        (name, ours, theirs)
    })
}

/// What is known of a family of the configuration.
struct FamilyStatus {
    family: Family,
    /// Whether both sides have it.
    common: Option<bool>,
    /// Whether we may send, and receive, several paths.
    send: Option<bool>,
    receive: Option<bool>,
}

impl FamilyStatus {
    const fn paths(&self) -> &'static str {
        match (self.send, self.receive) {
            (Some(true), Some(true)) => "send/receive",
            (Some(true), _) => "send",
            (_, Some(true)) => "receive",
            _ => "disabled",
        }
    }
}

fn families(status: &NeighborStatus<'_>) -> impl Iterator<Item = FamilyStatus> {
    status.families.iter().map(|family| {
        // Unknown before both OPENs are exchanged, unless we do not advertise it at all.
        let unknown = if status.add_path.contains(family) {
            None
        } else {
            Some(false)
        };
        let paths = |set: crate::bgp::FamilySet| Some(set.contains(*family));
        FamilyStatus {
            family: *family,
            common: status
                .negotiated
                .map(|session| session.families.contains(family)),
            send: status
                .negotiated
                .map_or(unknown, |session| paths(session.codec.add_path_send)),
            receive: status
                .negotiated
                .map_or(unknown, |session| paths(session.codec.add_path_receive)),
        }
    })
}

/// Name, sent, received.
const fn messages(status: &NeighborStatus<'_>) -> [(&'static str, u64, u64); 6] {
    let (sent, received) = (&status.messages.sent, &status.messages.received);
    [
        ("open", sent.open, received.open),
        ("notification", sent.notification, received.notification),
        ("keepalive", sent.keepalive, received.keepalive),
        ("update", sent.update, received.update),
        ("refresh", sent.refresh, received.refresh),
        ("total", sent.total(), received.total()),
    ]
}

/// Appends the members of the object of one neighbor, without braces.
pub(super) fn members(status: &NeighborStatus<'_>, w: &mut JsonWriter) {
    own(status, w);
    w.raw(", ");
    far(status, w);
    w.raw(", ");
    common(status, w);
}

/// The same with the peer in front: so it stands in a route of the second form.
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
    optional(w, status.local_address, |w, address| {
        w.display(status.zoned(address));
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
    w.display(status.zoned(status.peer_address))
        .raw(", \"as\": ");
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
