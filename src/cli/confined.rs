//! `oxabgp --confined-helper …`: how the daemon starts a helper with a user or limits. Not for users, hence no sub-command.

use std::ffi::OsString;
use std::process::ExitCode;

use crate::config::CONFINED;
use crate::daemon;

/// The exit code of shells for a program that cannot be executed.
const NOT_EXECUTED: u8 = 126;

/// Becomes the helper if the arguments ask for it; returns `None` if they do not.
pub(super) fn run(mut arguments: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    if arguments.nth(1)? != CONFINED {
        return None;
    }
    let Err(cause) = daemon::become_helper(arguments.collect());
    errln!("error: the helper cannot be started: {cause}");
    Some(ExitCode::from(NOT_EXECUTED))
}
