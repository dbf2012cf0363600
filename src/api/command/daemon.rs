//! Commands to the daemon as a whole.

use std::path::PathBuf;

use super::call::{Call, Reply, Row};
use super::error::{CommandError, ErrorKind};
use super::special::Special;
use crate::api::control::{ReloadStep, Request};
use crate::text::value;

/// `shutdown`
pub(super) fn shutdown(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    request(call, Request::Shutdown, "shutdown in progress\n")
}

/// `reload`
pub(super) fn reload(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    request(call, Request::Reload, "reload in progress\n")?;
    Ok(call.await_result())
}

/// `restart`
pub(super) fn restart(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    request(call, Request::Restart, "restart in progress\n")?;
    Ok(call.await_result())
}

fn request(call: &mut Call<'_>, request: Request, text: &str) -> Result<Reply, CommandError> {
    call.pass_over_arguments()?;
    call.control.request(request);
    call.out.push_str(text);
    Ok(Reply::Done)
}

/// `reload confirm [SECONDS]`: returns to the configuration in force unless `confirm` follows in time.
pub(super) fn reload_confirm(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    let seconds = match call.argument_words()[..] {
        [] => 60,
        [word] => value::u32(word)
            .filter(|seconds| (1..=86_400).contains(seconds))
            .ok_or_else(|| {
                let message = format!("expected 1 to 86400 seconds, found `{word}`");
                CommandError::new(ErrorKind::Syntax, message)
            })?,
        _ => {
            let message = "expected `reload confirm <seconds>`";
            return Err(CommandError::new(ErrorKind::Syntax, message));
        }
    };
    step(call, ReloadStep::Within(seconds))?;
    Ok(call.await_result())
}

/// `confirm`
pub(super) fn confirm(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    call.no_arguments()?;
    step(call, ReloadStep::Confirm)
}

/// `reload cancel`
pub(super) fn reload_cancel(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    call.no_arguments()?;
    step(call, ReloadStep::Cancel)?;
    Ok(call.await_result())
}

/// `reload status`
pub(super) fn reload_status(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    call.no_arguments()?;
    step(call, ReloadStep::Status)
}

/// `reload preview [json] [PATH]`: what a reload would change.
pub(super) fn reload_preview(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    let rest = call.arguments().0.trim();
    let (json, rest) = match rest.strip_prefix("json") {
        Some(after) if after.is_empty() || after.starts_with(' ') => (true, after.trim()),
        _ => (false, rest),
    };
    let path = Some(rest.trim_matches('"')).filter(|path| !path.is_empty());
    if let Some(path) = path.filter(|path| !path.starts_with('/')) {
        let message = format!("`{path}` is not the absolute path of a file");
        return Err(CommandError::new(ErrorKind::Syntax, message));
    }
    let path = path.map(PathBuf::from);
    call.special = Some(Special::Preview { path, json });
    Ok(Reply::Done)
}

fn step(call: &mut Call<'_>, step: ReloadStep) -> Result<Reply, CommandError> {
    let text = call.control.reload_step(step)?;
    call.out.push_str(&text);
    Ok(Reply::Done)
}
