//! `begin`, route commands, `commit`: applied as one step, or not at all.
//!
//! Inside a batch route commands are read and kept; each is answered only if it is wrong, and then nothing of the batch will
//! be applied. `commit` applies all, in order, or answers why not; `abort` discards all. Any other command acts at once.

use super::batch::Batch;
use super::call::{Call, Reply, Row};
use super::error::{CommandError, ErrorKind};

/// `begin`
pub(super) fn begin(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    call.no_arguments()?;
    if call.source.batch.is_some() {
        return Err(CommandError::new(
            ErrorKind::Refused,
            "a batch is already open: `commit` or `abort` ends it",
        ));
    }
    call.source.batch = Some(Batch::default());
    Ok(Reply::Done)
}

/// `commit`
pub(super) fn commit(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    call.no_arguments()?;
    let mut batch = call.source.batch.take().ok_or_else(none)?;
    batch.settle(&mut call.source.selections, call.control);
    if call.source.acks.reasons {
        call.commands.notice = batch.unsent(call.control);
    }
    let touched = batch.commit(call.control)?;
    call.touched.union(&touched);
    Ok(Reply::Done)
}

/// `abort`
pub(super) fn abort(call: &mut Call<'_>, _: &Row) -> Result<Reply, CommandError> {
    call.no_arguments()?;
    call.source
        .batch
        .take()
        .map(|_| Reply::Done)
        .ok_or_else(none)
}

fn none() -> CommandError {
    CommandError::new(ErrorKind::Refused, "there is no batch: `begin` opens one")
}
