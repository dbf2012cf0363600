//! `show neighbor …` in its forms, and `teardown`.
//!
//! Scripts cut columns from the tables: widths and words are ExaBGP's, except for those of `table`. A neighbor whose AS is not
//! known yet shows `auto`, where ExaBGP aborts the whole command.

use std::fmt::Write as _;

use super::call::{Call, Reply, Row};
use super::error::CommandError;
use super::neighbor_facts::{capabilities, families, messages};
use super::neighbor_json::{history, members};
use super::neighbor_table;
use super::words::word_at;
use crate::api::control::{Among, NeighborStatus};
use crate::bgp::Asn;
use crate::grammar::selector::same_address;
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

/// `show neighbor [ADDRESS] summary|extensive|configuration|table|json`, the words in any order.
pub(super) fn show(call: &mut Call<'_>, row: &Row) -> Result<Reply, CommandError> {
    let mut words = call.argument_words();
    let mut take = |word: &str| {
        let before = words.len();
        words.retain(|other| *other != word);
        words.len() < before
    };
    let [summary, extensive, configuration, json, _] =
        ["summary", "extensive", "configuration", "json", "text"].map(&mut take);
    let table = take("table") || row.words == "show neighbor table";
    let limit = words.last().copied().unwrap_or_default();
    let form = summary || extensive || configuration || table || json;
    if form && !limit.is_empty() && !is_known(call, limit, (summary || table) && !json) {
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
            if limit.is_empty() || same_address(limit, &status.address()) {
                summary_line(status, out);
            }
        });
    } else if extensive {
        call.control.neighbors(&mut |status| {
            if is_named(status, limit) {
                extensive_block(status, out);
            }
        });
    } else if configuration {
        let mut peers = Vec::new();
        call.control.neighbors(&mut |status| {
            if is_named(status, limit) {
                peers.push(status.peer);
            }
        });
        peers
            .into_iter()
            .for_each(|peer| out.push_str(&call.control.configuration(peer)));
    } else if table {
        let mut rows = Vec::new();
        call.control.neighbors(&mut |status| {
            if limit.is_empty() || same_address(limit, &status.address()) {
                rows.push(neighbor_table::cells(status));
            }
        });
        neighbor_table::write(&rows, out);
    } else {
        out.push_str(HINT);
    }
    Ok(Reply::Done)
}

/// Returns `true` if `show neighbor` shows a neighbor for this word: tables need its whole address, the other forms a
/// part of its name.
fn is_known(call: &Call<'_>, limit: &str, whole: bool) -> bool {
    let mut known = false;
    call.control.neighbors(&mut |status| {
        known |= if whole {
            same_address(limit, &status.address())
        } else {
            is_named(status, limit)
        };
    });
    known
}

/// Returns `true` if `limit` is a part of its name, or its address in another notation.
fn is_named(status: &NeighborStatus<'_>, limit: &str) -> bool {
    status.name.contains(limit) || same_address(limit, &status.address())
}

fn summary_line(status: &NeighborStatus<'_>, out: &mut String) {
    // ExaBGP takes a session of no full second for none.
    let age = if status.up && status.seconds > 0 {
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
    let word = |value: Option<bool>| match value {
        Some(true) => "enabled",
        Some(false) => "disabled",
        None => "n/a",
    };
    session_rows(status, out);
    setup_rows(status, out);
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

fn session_rows(status: &NeighborStatus<'_>, out: &mut String) {
    let local = status
        .shown_local()
        .map_or_else(|| "auto".to_owned(), |address| address.to_string());
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
}

fn setup_rows(status: &NeighborStatus<'_>, out: &mut String) {
    let remote = status.negotiated.map(|session| &session.remote);
    let known = |value: Option<String>| value.unwrap_or_else(|| "n/a".to_owned());
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
}

/// Why the neighbor is, or was, down: below what ExaBGP shows, so that scripts find that in its usual place.
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
