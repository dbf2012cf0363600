//! Commands for operators who look at the daemon: `system status`, `watch`, `watch mrt`.

use super::call::{Call, Reply, Row};
use super::error::{CommandError, ErrorKind};
use super::special::{RecordWatch, Special, Watch};
use crate::grammar::Selector;

/// `system status`: neighbors and helpers as one JSON object.
pub(super) fn status(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    call.no_arguments()?;
    call.special = Some(Special::Status);
    Ok(Reply::Done)
}

/// `watch [neighbor …] [updates] [json]`: events from now on.
pub(super) fn watch(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    let (text, _) = call.arguments();
    let mut text = text.trim_ascii_end();
    let (mut updates, mut json) = (false, false);
    loop {
        let last = text.rsplit(' ').next().unwrap_or_default();
        match last {
            "updates" => updates = true,
            "json" => json = true,
            "text" => json = false,
            _ => break,
        }
        text = text[..text.len() - last.len()].trim_ascii_end();
    }
    let (selector, rest) = Selector::split(text)?;
    if !rest.is_empty() {
        let message =
            format!("`watch` takes a neighbor, `updates`, and `json` or `text`, not `{rest}`");
        return Err(CommandError::new(ErrorKind::Syntax, message));
    }
    call.special = Some(Special::Watch(Box::new(Watch {
        selector,
        updates,
        json,
    })));
    Ok(Reply::Done)
}

/// `watch mrt [neighbor …] [received] [sent] [no-table]`: MRT records from now on, in place of answers. It is the last command of
/// a connection.
pub(super) fn records(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    let (text, _) = call.arguments();
    let mut text = text.trim_ascii_end();
    let (mut received, mut sent, mut tables) = (false, false, true);
    loop {
        let last = text.rsplit(' ').next().unwrap_or_default();
        match last {
            "received" => received = true,
            "sent" => sent = true,
            "no-table" => tables = false,
            _ => break,
        }
        text = text[..text.len() - last.len()].trim_ascii_end();
    }
    let (selector, rest) = Selector::split(text)?;
    if !rest.is_empty() {
        let message = format!(
            "`watch mrt` takes a neighbor, `received`, `sent` and `no-table`, not `{rest}`"
        );
        return Err(CommandError::new(ErrorKind::Syntax, message));
    }
    let watch = RecordWatch {
        selector,
        received: received || !sent,
        sent,
        tables,
    };
    if !call.source.watch_records(watch) {
        let message = "records are sent over the control socket only";
        return Err(CommandError::new(ErrorKind::Refused, message));
    }
    Ok(Reply::Always)
}
