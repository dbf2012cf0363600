//! Commands to the daemon as a whole.

use super::call::{Call, Reply, Row};
use super::error::CommandError;
use crate::api::control::Request;

/// `shutdown`
pub(super) fn shutdown(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    request(call, Request::Shutdown, "shutdown in progress\n")
}

/// `reload`
pub(super) fn reload(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    request(call, Request::Reload, "reload in progress\n")
}

/// `restart`
pub(super) fn restart(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    request(call, Request::Restart, "restart in progress\n")
}

fn request(call: &mut Call<'_>, request: Request, text: &str) -> Result<Reply, CommandError> {
    call.pass_over_arguments()?;
    call.control.request(request);
    call.out.push_str(text);
    Ok(Reply::Done)
}
