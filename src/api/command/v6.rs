//! The commands of ExaBGP 6.0 besides those of 5.0: `daemon`, `system`, `session`, `peer`, `rib`, `group`, `routes`. Both are
//! accepted at any time; what 6.0 answers as JSON is JSON here too. Acknowledgements are the same words in both.

use std::collections::HashMap;

use super::announce;
use super::batch::Batch;
use super::cache::SCOPE;
use super::call::{COMPATIBLE, Call, Reply, Row};
use super::error::{CommandError, ErrorKind};
use super::listing::{Form, Listing};
use super::neighbor_json::members;
use super::rib;
use super::route_index::Indexed;
use super::words::word_at;
use crate::api::control::{Among, Request, RibSide, RouteIndex, RoutePlace};
use crate::bgp::{Afi, Safi};
use crate::grammar::{Place, Verb};
use crate::json::JsonWriter;
use crate::rib::{Action, Change};
use crate::text::{Span, SyntaxError};

/// Appends one line of JSON.
fn json(call: &mut Call<'_>, write: impl FnOnce(&mut JsonWriter)) -> Result<Reply, CommandError> {
    let mut w = JsonWriter::new();
    write(&mut w);
    call.out.push_str(w.as_str());
    call.out.push('\n');
    Ok(Reply::Done)
}

/// `system version`
pub(super) fn version(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    call.no_arguments()?;
    json(call, |w| {
        w.raw("{\"version\": ")
            .string(COMPATIBLE)
            .raw(", \"application\": \"exabgp\"}");
    })
}

/// `system help`
pub(super) fn help(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    call.no_arguments()?;
    let rows = call.rows;
    json(call, |w| {
        w.raw("{\"commands\": [");
        w.list(rows, |w, row| {
            w.raw("{\"command\": ")
                .string(row.words)
                .raw(", \"example\": ")
                .string(row.example)
                .raw("}");
        });
        w.raw("]}");
    })
}

/// `system api version [4|6]`: accepted without effect, both are supported.
pub(super) fn api_version(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    let (start, word, end) = word_at(call.line, call.at);
    call.nothing_after(end)?;
    match word {
        "" => json(call, |w| {
            w.raw("{\"api_version\": 6, \"description\": \"4 and 6 are both understood\"}");
        }),
        "4" | "6" => json(call, |w| {
            w.raw("{\"status\": \"API version set\", \"version\": ")
                .raw(word);
            w.raw(", \"note\": \"4 and 6 are both understood\"}");
        }),
        _ => Err(SyntaxError::expected(Span::new(start, end), "`4` or `6`", word).into()),
    }
}

/// `system queue-status`
pub(super) fn queue_status(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    call.no_arguments()?;
    let mut w = JsonWriter::new();
    w.raw("{");
    call.control.queues(&mut |name, items, bytes| {
        w.raw(if w.len() > 1 { ", " } else { "" }).key(name);
        w.raw("{\"items\": ")
            .number(items)
            .raw(", \"bytes\": ")
            .number(bytes)
            .raw("}");
    });
    w.raw("}\n");
    call.out.push_str(w.as_str());
    Ok(Reply::Done)
}

/// `daemon shutdown`
pub(super) fn shutdown(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    request(call, Request::Shutdown, "shutdown")
}

/// `daemon reload`
pub(super) fn reload(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    request(call, Request::Reload, "reload")?;
    Ok(call.await_result())
}

/// `daemon restart`
pub(super) fn restart(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    request(call, Request::Restart, "restart")?;
    Ok(call.await_result())
}

fn request(call: &mut Call<'_>, request: Request, word: &str) -> Result<Reply, CommandError> {
    call.no_arguments()?;
    call.control.request(request);
    json(call, |w| {
        w.raw("{\"status\": \"").raw(word).raw(" in progress\"}");
    })
}

/// `daemon status`
pub(super) fn status(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    call.no_arguments()?;
    let status = call.control.status();
    let mut w = JsonWriter::new();
    w.raw("{\"version\": ")
        .string(COMPATIBLE)
        .raw(", \"uuid\": ")
        .string(&status.uuid);
    w.raw(", \"pid\": ")
        .number(status.pid)
        .raw(", \"uptime\": ")
        .number(status.uptime);
    w.format(format_args!(", \"start_time\": {:?}", status.start_time));
    if let Some(group) = &status.socket_group {
        w.raw(", \"socket_group\": ").string(group);
    }
    w.raw(", \"peers\": {");
    let mut comma = "";
    call.control.neighbors(&mut |neighbor| {
        w.raw(comma).key(neighbor.name).string(neighbor.state);
        comma = ", ";
    });
    w.raw("}}\n");
    call.out.push_str(w.as_str());
    Ok(Reply::Done)
}

/// `session ping [ID TIME]`
pub(super) fn ping(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    let uuid = call.control.status().uuid;
    json(call, |w| {
        w.raw("{\"pong\": ")
            .string(&uuid)
            .raw(", \"active\": true}");
    })
}

/// `session bye`: the source disconnects; an open batch is discarded.
pub(super) fn bye(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    call.source.batch = None;
    Ok(Reply::Done)
}

/// `session reset`
pub(super) fn reset(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    call.no_arguments()?;
    call.source.batch = None;
    call.out.push_str("asynchronous queue cleared\n");
    Ok(Reply::Done)
}

/// `session sync enable|disable`
pub(super) fn sync(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    call.source.sync = switch(call)?;
    Ok(Reply::Done)
}

/// `session reasons enable|disable`: answers include the reason.
pub(super) fn reasons(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    call.source.acks.reasons = switch(call)?;
    Ok(Reply::Done)
}

/// `session ack-json enable|disable`: answers are objects.
pub(super) fn ack_json(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    call.source.acks.json = switch(call)?;
    Ok(Reply::Done)
}

fn switch(call: &Call<'_>) -> Result<bool, CommandError> {
    let (start, word, end) = word_at(call.line, call.at);
    call.nothing_after(end)?;
    match word {
        "enable" => Ok(true),
        "disable" => Ok(false),
        _ => {
            Err(SyntaxError::expected(Span::new(start, end), "`enable` or `disable`", word).into())
        }
    }
}

/// `peer list`
pub(super) fn list(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    call.no_arguments()?;
    let mut w = JsonWriter::new();
    w.raw("[");
    call.control.neighbors(&mut |neighbor| {
        w.raw(if w.len() > 1 { ", " } else { "" });
        w.raw("{\"peer-address\": ")
            .display(neighbor.shown_peer())
            .raw(", \"peer-as\": ");
        match neighbor.peer_as {
            Some(asn) => w.number(asn.0),
            None => w.raw("null"),
        };
        w.raw(", \"state\": ").string(neighbor.state).raw("}");
    });
    w.raw("]\n");
    call.out.push_str(w.as_str());
    Ok(Reply::Done)
}

/// `peer SELECTOR show`: an array of the selected neighbors.
pub(super) fn show(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    if !matches!(
        call.argument_words()[..],
        [] | ["json"] | ["summary" | "extensive", "json"]
    ) {
        call.no_arguments()?;
    }
    let peers = call.peers(Among::All)?;
    let mut w = JsonWriter::new();
    w.raw("[");
    call.control.neighbors(&mut |status| {
        if peers.contains(status.peer) {
            w.raw(if w.len() > 1 { ", {" } else { "{" });
            members(status, &mut w);
            w.raw("}");
        }
    });
    w.raw("]\n");
    call.out.push_str(w.as_str());
    Ok(Reply::Done)
}

/// `group start`, `group end`, `group COMMAND ; COMMAND …`
pub(super) fn group(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    match call.argument_words()[..] {
        ["start"] if call.source.batch.is_none() => {
            call.source.batch = Some(Batch::default());
            return Ok(Reply::Done);
        }
        ["end"] if call.source.batch.is_some() => {}
        ["start"] => {
            return Err(CommandError::new(
                ErrorKind::Refused,
                "a group is already open",
            ));
        }
        ["end"] => {
            return Err(CommandError::new(
                ErrorKind::Refused,
                "there is no group: `group start` opens one",
            ));
        }
        _ if call.source.batch.is_some() => {
            return Err(CommandError::new(
                ErrorKind::Refused,
                "a group can't hold another",
            ));
        }
        _ => {
            call.source.batch = Some(Batch::default());
            if let Err(error) = members_of_group(call) {
                call.source.batch = None;
                return Err(error);
            }
        }
    }
    let mut batch = call.source.batch.take().unwrap_or_default();
    batch.settle(&mut call.source.selections, call.control);
    let (announced, withdrawn) = batch.counts();
    if call.source.acks.reasons {
        call.commands.notice = batch.unsent(call.control);
    }
    let touched = batch.commit(call.control)?;
    call.touched.union(&touched);
    json(call, |w| {
        w.raw("{\"status\": \"group processed\", \"announced\": ")
            .number(announced);
        w.raw(", \"withdrawn\": ").number(withdrawn).raw("}");
    })
}

/// Reads the commands between semicolons; those inside braces belong to a route.
fn members_of_group(call: &mut Call<'_>) -> Result<(), CommandError> {
    let whole = call.line;
    let mut start = call.at;
    let mut depth = 0usize;
    for (at, byte) in whole
        .bytes()
        .enumerate()
        .skip(call.at)
        .chain([(whole.len(), b';')])
    {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b';' if depth == 0 || at == whole.len() => {
                call.line = &whole[..at];
                call.at = start;
                start = at + 1;
                if call.arguments().0.is_empty() {
                    continue;
                }
                let (row, after) = call.row()?;
                if !row.words.starts_with("announce ") && !row.words.starts_with("withdraw ") {
                    let message = format!("`{}` can't be part of a group", row.words);
                    return Err(CommandError::new(ErrorKind::Syntax, message));
                }
                call.at = after;
                (row.run)(call, row)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// `peer SELECTOR routes [AFI [SAFI]] list|add ROUTE|remove ROUTE|remove index INDEX`
pub(super) fn routes(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    let (mut afi, mut safi) = (None, None);
    loop {
        let (start, word, end) = word_at(call.line, call.at);
        call.at = end;
        match word {
            "list" => return list_routes(call, afi, safi),
            "add" => return announce::prefix_route(call, Verb::Announce, Place::Route),
            "remove" if word_at(call.line, end).1 == "index" => {
                call.at = word_at(call.line, end).2;
                return remove_index(call);
            }
            "remove" => return announce::prefix_route(call, Verb::Withdraw, Place::Route),
            word if afi.is_none() && Afi::from_name(word).is_some() => afi = Afi::from_name(word),
            word if afi.is_some() && safi.is_none() && Safi::from_name(word).is_some() => {
                safi = Safi::from_name(word)
            }
            _ => {
                let span = Span::new(start, end);
                return Err(SyntaxError::expected(span, "`list`, `add` or `remove`", word).into());
            }
        }
    }
}

fn list_routes(
    call: &mut Call<'_>,
    afi: Option<Afi>,
    safi: Option<Safi>,
) -> Result<Reply, CommandError> {
    call.no_arguments()?;
    let peers = call.peers(Among::Own)?;
    let mut names = HashMap::new();
    call.control.neighbors(&mut |status| {
        if peers.contains(status.peer) {
            names.insert(status.peer, status.name.to_owned());
        }
    });
    let listing = Listing {
        side: RibSide::Out,
        peers,
        form: Form::Indexed(Indexed::new((afi, safi), names)),
        from: RoutePlace::default(),
        answer: String::new(),
    };
    rib::begin(call, listing)
}

/// Withdraws the routes with that index.
fn remove_index(call: &mut Call<'_>) -> Result<Reply, CommandError> {
    let (start, wanted, end) = word_at(call.line, call.at);
    call.nothing_after(end)?;
    let peers = call.peers(SCOPE)?;
    let changes = &mut call.commands.changes;
    changes.clear();
    for index in RouteIndex::parse(wanted) {
        call.control.find_route(&peers, &index, &mut |route| {
            let peers = [route.peer].into_iter().collect();
            changes.list.push(Change {
                nlri: route.nlri.to_nlri(),
                action: Action::Withdraw(None),
                peers,
            });
        });
    }
    if changes.is_empty() {
        return Err(
            SyntaxError::expected(Span::new(start, end), "the index of a route", wanted).into(),
        );
    }
    call.apply_unselected(&peers)
}
