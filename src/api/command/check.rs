//! `show checks`: the health checks of the configuration.

use super::call::{Call, Reply, Row};
use super::error::{CommandError, ErrorKind};
use crate::api::control::CheckStatus;
use crate::json::JsonWriter;

/// The columns with their widths; the last one has the rest.
const COLUMNS: [(&str, usize); 6] = [
    ("Check", 16),
    ("Kind", 8),
    ("State", 9),
    ("For", 10),
    ("Routes", 14),
    ("Last check", 0),
];

/// `show checks [json|text]`
pub(super) fn show(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    let json = match call.argument_words()[..] {
        [] | ["text"] => false,
        ["json"] => true,
        _ => {
            let message = "`show checks` takes `json` or `text`";
            return Err(CommandError::new(ErrorKind::Syntax, message));
        }
    };
    if !json {
        table(call);
        return Ok(Reply::Done);
    }
    let mut w = JsonWriter::new();
    w.raw("[ ");
    let mut comma = "";
    call.control.checks(&mut |check| {
        w.raw(comma);
        write(&mut w, check);
        comma = ", ";
    });
    w.raw(" ]\n");
    call.out.push_str(w.as_str());
    Ok(Reply::Done)
}

fn table(call: &mut Call<'_>) {
    let out = &mut *call.out;
    line(out, COLUMNS.map(|(title, _)| title));
    call.control.checks(&mut |check| {
        let span = |time: Option<std::time::Duration>| {
            time.map_or_else(|| "-".to_owned(), |time| shown(time.as_secs()))
        };
        let routes = match (check.side, check.routes) {
            (None, _) => "unknown".to_owned(),
            (Some(_), 0) => "withdrawn".to_owned(),
            (Some("up"), count) => format!("{count} announced"),
            (Some(_), count) => format!("{count} changed"),
        };
        let mut last = match (check.last, check.reason) {
            (None, _) => "not yet".to_owned(),
            (Some(_), Some(reason)) => format!("failed: {reason}"),
            (Some(_), None) if check.state == "DISABLED" => "not carried out".to_owned(),
            (Some(_), None) => format!("ok, {} ms", check.took.as_millis()),
        };
        if let Some(held) = check.held {
            last = format!("{last}; held by {held}");
        }
        if let Some(refused) = check.refused {
            last = format!("{last}; routes refused: {refused}");
        }
        let since = span(check.since);
        line(
            out,
            [check.name, check.kind, check.state, &since, &routes, &last],
        );
    });
}

fn line(out: &mut String, cells: [&str; 6]) {
    let start = out.len();
    for (cell, (_, width)) in cells.iter().zip(COLUMNS) {
        out.push_str(cell);
        let pad = width.saturating_sub(cell.chars().count()).max(1);
        out.extend(std::iter::repeat_n(' ', pad));
    }
    out.truncate(start + out[start..].trim_end().len());
    out.push('\n');
}

/// A duration as in ExaBGP's tables.
fn shown(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{hours}:{minutes:02}:{seconds:02}")
}

/// Writes a check as one JSON object.
pub fn write(w: &mut JsonWriter, check: &CheckStatus<'_>) {
    w.raw("{ ");
    w.key("name").string(check.name);
    let texts = [
        ("kind", Some(check.kind)),
        ("target", Some(check.target)),
        ("state", Some(check.state)),
        ("side", check.side),
        ("held", check.held),
        ("group", check.group),
        ("reason", check.reason),
        ("refused", check.refused),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            w.raw(", ");
            w.key(key).string(text);
        }
    }
    for (key, time) in [("since", check.since), ("last", check.last)] {
        if let Some(time) = time {
            w.raw(", ");
            w.key(key).number(time.as_secs());
        }
    }
    w.raw(", ");
    w.key("seconds")
        .raw(&format!("{:.6}", check.took.as_secs_f64()));
    for (key, number) in [
        ("routes", check.routes as u64),
        ("good", check.good),
        ("changes", check.changes),
        ("holds", check.holds),
    ] {
        w.raw(", ");
        w.key(key).number(number);
    }
    w.raw(", \"failures\": { ");
    w.list(check.failures, |w, (cause, count)| {
        w.key(cause).number(*count);
    });
    w.raw(" } }");
}
