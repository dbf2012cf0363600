//! `show leases`: the routes that end by themselves.

use super::call::{Call, Reply, Row};
use super::error::{CommandError, ErrorKind};
use super::special::Special;

/// `show leases [json|text]`
pub(super) fn show(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    let json = match call.argument_words()[..] {
        [] | ["text"] => false,
        ["json"] => true,
        _ => {
            let message = "`show leases` takes `json` or `text`";
            return Err(CommandError::new(ErrorKind::Syntax, message));
        }
    };
    call.special = Some(Special::Leases { json });
    Ok(Reply::Done)
}
