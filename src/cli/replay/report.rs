//! What is said at the end.

use std::io;

use super::routes::Counts;

/// Exit code for input that could not be read to its end.
pub(super) const READ_ERROR: u8 = 3;

/// Reports what was read and left out, and why a part could not be read. Returns the exit code for it.
pub(super) fn report(done: &mut Counts) -> u8 {
    let Counts {
        announced,
        withdrawn,
        left_out,
        unusable,
        input,
        ..
    } = done;
    errln!("{announced} routes announced, {withdrawn} withdrawn");
    if *left_out > 0 {
        errln!("{left_out} routes of other families or of further peers left out");
    }
    if let Some((count, reason)) = unusable {
        errln!("{count} routes can't be sent: {reason}");
    }
    input.print();
    if input.unreadable > 0 { READ_ERROR } else { 0 }
}

/// Returns `true` for an error that only means that the reader is gone.
pub(super) fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}
